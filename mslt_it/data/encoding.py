"""Token ids of prompts and answers, with the answer supervised and user text unable to forge control tokens.

The chat template is rendered once with a placeholder in place of each message, and cut at the placeholders: the
template's own pieces may hold control tokens, the users' pieces are tokenised with control tokens switched off. So
prompt + answer is prompt ids + answer ids by construction, and "<|end|>" in a sentence is seven plain characters.

A tokenizer without a chat template gets the plain format: every message and a newline, then the answer and the end
token; a beginning-of-sequence token comes first where the tokenizer adds one by itself.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from mslt_it.data.templates import always_one_day, refuse_endless
from mslt_it.data.words import Words
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample, Message, PromptedExample

IGNORED = -100
TOO_LONG = "too_long"
FORGED = "control_tokens_lost_text"  # control tokens in the text could only be disarmed by losing characters
# Fixed, so that a template that prints today's date renders the same prompt every day; and no hidden reasoning before
# the answer. Templates that know neither name ignore both.
_TEMPLATE_ARGUMENTS = {"date_string": "26 Jul 2024", "enable_thinking": False}
_ANCHORS = ("\n", ".", "。", "a")  # texts that few tokenizers join with what follows
_SENTINEL = "MSLTMESSAGE{}HERE"
_MARKUP = re.compile(r"\s*[<\[＜].*[>\]＞]\s*", re.DOTALL)


class Encoder:
    """Encodes prompted examples with a Hugging Face tokenizer; nothing is ever cut.

    ``head``: of `mslt_it.config.recipe.HEADS`, by which the model answers; empty: in tokens.
    """

    head = ""

    def __init__(self, tokenizer: Any, max_length_tokens: int) -> None:
        self.tokenizer = tokenizer
        self.max_length_tokens = max_length_tokens
        self.control = control_tokens(tokenizer)
        longest_first = sorted(self.control, key=lambda t: (-len(t), t))
        self._finder = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self._control_ids = frozenset(self.control.values())
        self._pieces = functools.lru_cache(maxsize=64)(
            lambda roles: self._tokenize(self.text_around(roles), split_special_tokens=False)
        )
        self._words = Words(tokenizer, self._tokenize)
        # Rows share their labels and answers.
        self._labels = functools.lru_cache(maxsize=4096)(lambda ignored, answer: (*[IGNORED] * ignored, *answer))
        self._said = functools.lru_cache(maxsize=4096)(self.decode)
        self.end_id = self._find_end_id()

    @property
    def pad_id(self) -> int:
        """What fills rows up: the end token where the tokenizer has nothing for it."""
        pad = self.tokenizer.pad_token_id
        return self.end_id if pad is None else int(pad)

    def encode(self, example: PromptedExample) -> EncodedExample | str:
        """One example, or the reason why it is dropped."""
        return self.encode_all([example])[0]

    def encode_all(self, examples: Sequence[PromptedExample]) -> list[EncodedExample | str]:
        """Each example encoded, or the reason why it is dropped: ``too_long`` or ``control_tokens_lost_text``."""
        prompts = self.prompt_ids_all([example.messages for example in examples])
        words = sorted({example.answer for example in examples})
        answers = {word: (*ids, self.end_id) for word, ids in zip(words, self.user_ids(words), strict=True)}
        return [self._join(e, prompt, answers[e.answer]) for e, prompt in zip(examples, prompts, strict=True)]

    def apart(self, row: EncodedExample) -> tuple[Sequence[int], Sequence[int]]:
        """(the ids that the model is given, those that it is to say)."""
        start = row.labels.count(IGNORED)
        return row.input_ids[:start], row.input_ids[start:]

    def parts(self, row: EncodedExample) -> tuple[Sequence[int], str]:
        """(the ids that the model is given, what it is to say in text; empty where the answer has no tokens)."""
        given, said = self.apart(row)
        return given, self._said(tuple(said)) if len(said) > 1 else ""

    def num_tokens(self, ids: Sequence[int]) -> int:
        """How many of them the model reads at once."""
        return len(ids)

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """The prompt up to and with the marker that opens the assistant's turn."""
        return self.prompt_ids_all([messages])[0]

    def prompt_ids_all(self, prompts: Sequence[Sequence[Message]]) -> list[list[int]]:
        """``prompt_ids`` of many prompts in one call of the tokenizer."""
        contents = list(dict.fromkeys(message.content for messages in prompts for message in messages))
        ids = dict(zip(contents, self.user_ids(contents), strict=True))
        result = []
        for messages in prompts:
            pieces = self._pieces(tuple(message.role for message in messages))
            joined = list(pieces[0])
            for message, piece in zip(messages, pieces[1:], strict=True):
                joined += ids[message.content]
                joined += piece
            result.append(joined)
        return result

    def user_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of users' texts, none of them a control token."""
        result = self._words.ids(texts)
        for index, ids in enumerate(result):
            if not self._control_ids.isdisjoint(ids):
                result[index] = self._disarmed(texts[index])
        return result

    def holds_control(self, text: str) -> bool:
        """Whether the text spells a control token, which stays text."""
        return self._finder.search(text) is not None

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, control tokens and all."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def decode_text(self, ids: Sequence[int]) -> str:
        """The text of a generated answer, without control tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _join(self, example: PromptedExample, prompt: list[int], answer: tuple[int, ...]) -> EncodedExample | str:
        if len(prompt) + len(answer) > self.max_length_tokens:
            return TOO_LONG
        for text in (*(message.content for message in example.messages), example.answer):
            if self.holds_control(text) and not self._survives(text):
                return FORGED
        return EncodedExample(example.id, example.language, (*prompt, *answer), self._labels(len(prompt), answer))

    def _survives(self, text: str) -> bool:
        """Whether each control string in the text can be read back from the ids. What the tokenizer loses in any text
        (case, spaces, unknown letters elsewhere) is not held against the row."""
        decoded = _squash(self.decode(self.user_ids([text])[0]))
        return all(_squash(found) in decoded for found in set(self._finder.findall(text)))

    def _tokenize(self, texts: Sequence[str], split_special_tokens: bool = True) -> list[list[int]]:
        if not texts:
            return []
        # verbose=False: the tokenizer's own warning about length; too long rows are counted here.
        batch = self.tokenizer(
            list(texts), add_special_tokens=False, split_special_tokens=split_special_tokens, truncation=False,
            padding=False, return_attention_mask=False, verbose=False,
        )  # fmt: skip
        return [list(ids) for ids in batch["input_ids"]]

    @functools.cached_property
    def unsplit(self) -> tuple[str, ...]:
        """Control tokens that split_special_tokens leaves whole: added ones not marked special, and words of the
        vocabulary (of XLM-R's, say). The longest first."""
        texts = sorted((text for text in self.control if len(text) > 1), key=lambda text: (-len(text), text))
        ids = self._tokenize(texts)
        return tuple(text for text, own in zip(texts, ids, strict=True) if not self._control_ids.isdisjoint(own))

    @property
    def anchors(self) -> tuple[str, ...]:
        """What a text that goes on from another is given after; none where no space is put before a text."""
        return _ANCHORS if self._prepends else ()

    def _disarmed(self, text: str) -> list[int]:
        """The text is cut inside each control token that is left whole; where that is not enough, at every character;
        and an id that is a control token by itself even then is left out (``_survives`` sees it)."""
        inside = "|".join(f"(?<={re.escape(one[0])})(?={re.escape(one[1:])})" for one in self.unsplit)
        for first, *rest in (re.split(inside or "(?!)", text), list(text)):
            ids = [*self._tokenize([first])[0], *(i for part in rest for i in self._continued(part))]
            if self._control_ids.isdisjoint(ids):
                return ids
        return [i for i in ids if i not in self._control_ids]

    def _continued(self, part: str) -> list[int]:
        """Ids of a text that goes on from another. Tokenizers that put a space before each text (Llama's, T5's) would
        put one here: so the part is given after an anchor, and the anchor's ids are taken away."""
        for anchor in self.anchors:
            start, both = self._tokenize([anchor, anchor + part])
            if both[: len(start)] == start:
                return both[len(start) :]
        return self._tokenize([part])[0]

    @functools.cached_property
    def _prepends(self) -> bool:
        [one] = self._tokenize(["a"])
        return self.decode([*one, *one]) != "aa"

    def _render(self, roles: Sequence[str], add_generation_prompt: bool) -> str:
        messages = [{"role": role, "content": _SENTINEL.format(i)} for i, role in enumerate(roles)]
        given = {**_TEMPLATE_ARGUMENTS, "add_generation_prompt": add_generation_prompt}
        try:
            template = always_one_day(self.tokenizer.get_chat_template())
            seen = {
                **self.tokenizer.special_tokens_map,
                **given,
                "messages": messages,
                "tools": None,
                "documents": None,
            }
            refuse_endless(template, json.dumps(seen, default=str))
            return str(self.tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, **given))
        except Problem:
            raise
        except Exception as error:  # jinja2's errors, and whatever a template raises for roles it does not take
            raise Problem(
                f"The tokenizer's chat template refuses the roles {', '.join(roles)}: {error}. "
                "Use a prompt without a system message, or another model."
            ) from error

    def _cut_at_sentinels(self, roles: Sequence[str], add_generation_prompt: bool) -> list[str]:
        rendering = self._render(roles, add_generation_prompt)
        sentinels = [_SENTINEL.format(i) for i in range(len(roles))]
        if re.findall("|".join(sentinels), rendering) != sentinels:
            raise Problem(
                f"The tokenizer's chat template does not print each message once and in order ({', '.join(roles)}): "
                f"{rendering[:200]!r}. Use another model, or remove the template for the plain format."
            )
        return re.split("|".join(sentinels), rendering)

    def text_around(self, roles: Sequence[str]) -> list[str]:
        """What stands around the messages: one piece more than there are messages, the last opens the answer."""
        refuse_role_order(roles)
        if self.tokenizer.chat_template:
            return self._cut_at_sentinels(roles, True)
        start = list(self.tokenizer("")["input_ids"][:1])
        opening = str(self.tokenizer.bos_token) if start and start[0] == self.tokenizer.bos_token_id else ""
        return [opening, *["\n" for _ in roles]]

    def _find_end_id(self) -> int:
        """The control token that the template prints right after the assistant's text, else the end of sequence."""
        if self.tokenizer.chat_template:
            tail = self._cut_at_sentinels(("user", "assistant"), False)[-1].strip()
            ids = self._tokenize([tail], split_special_tokens=False)[0]
            if ids and ids[0] in self._control_ids:
                return ids[0]
        if self.tokenizer.eos_token_id is None:
            raise Problem(
                "The tokenizer has neither a chat template that ends the assistant's turn nor an end-of-sequence "
                "token, so a model could not learn to stop. Set the tokenizer's eos_token."
            )
        return int(self.tokenizer.eos_token_id)


def refuse_role_order(roles: Sequence[str]) -> None:
    """A Problem unless a prompt is at most one system message, then user and assistant in turn, the last a user's."""
    turns = roles[1:] if roles and roles[0] == "system" else roles
    if len(turns) % 2 == 1 and all(role == ("user", "assistant")[i % 2] for i, role in enumerate(turns)):
        return
    raise Problem(
        f"A prompt has the roles {', '.join(roles) or '(none)'}. They must be an optional system message, then user "
        "and assistant in turn, ending with user; the answer follows. Put the messages in this order."
    )


def control_tokens(tokenizer: Any) -> dict[str, int]:
    """Text -> id of every token that means something to the machinery: all special tokens but the unknown token, and
    the other added tokens that look like markup ("<tool_call>", "[INST]"). Added words
    and runs of spaces are text."""
    special = set(tokenizer.all_special_tokens)
    found = {}
    for number, token in tokenizer.added_tokens_decoder.items():
        text = str(token)
        if text.strip() and (token.special or _MARKUP.fullmatch(text)):
            found[text] = int(number)
    for text in special:
        found[text] = int(tokenizer.convert_tokens_to_ids(text))
    found.pop(str(tokenizer.unk_token), None)
    return found


def _squash(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
