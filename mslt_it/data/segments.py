"""Token ids of rows for encoders, which read a row's fields, not an instruction, and answer by a head.

The fields are segments A and B, joined as the tokenizer joins a pair; of more than two the first is A and the others
are B, one after another. As in `mslt_it.data.encoding`, no text can forge a control token.

    XLM-R   <s> A </s></s> B </s>        BERT   [CLS] A [SEP] B [SEP], told apart by token types 0 and 1, too

Where labels stand for fields of the row (XCOPA's two choices), each of these is segment B of a row of its own, and all
the others are segment A. The rows of an item stand one after another; each begins with the token that no text has.

A sentence that is tagged is tokenised word by word, as transformers does with ``is_split_into_words``; the word's tag
stands at its first token. Of a question on a passage (the first field) the passage is segment B.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mslt_it.config.recipe import Recipe, TaskConfig
from mslt_it.data.cleaning import is_written_without_spaces, strip_zero_width
from mslt_it.data.encoding import FORGED, IGNORED, TOO_LONG, Encoder
from mslt_it.data.passages import Passage, answer_place, trimmed, windows
from mslt_it.data.spans import SPACE_TOKEN
from mslt_it.data.text_to_text import TextToTextEncoder
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample, Message, PromptedExample

NOT_IN_PASSAGE = "answer_not_in_passage"


@dataclass(frozen=True)
class Words:
    """What is tagged of a sentence; ``places``: of the first token of each word among the row's ids."""

    texts: tuple[str, ...]
    places: tuple[int, ...]
    is_spaced: bool  # words with a space between them, not characters


@dataclass(frozen=True)
class Reading:
    """What the model reads of an item, however long, and what its answer is cut from, where that is words of a text."""

    ids: tuple[int, ...]
    source: Words | Passage | None = None


class SegmentEncoder(Encoder):
    """Rows for a head that says a label by its number; ``labels``: the names of these, in order."""

    head = "classes"

    def __init__(
        self, tokenizer: Any, max_length_tokens: int, labels: Sequence[str] = (), options: Sequence[int] = ()
    ) -> None:
        """``options``: the places among the fields of those that labels stand for."""
        if tokenizer.pad_token_id is None:
            raise Problem(
                "The tokenizer has no padding token, by which an encoder tells what positions of a row are empty. "
                "Set the tokenizer's pad_token to the one that the model was trained with, or choose another model."
            )
        # An encoder has no more places than it was made with.
        super().__init__(tokenizer, min(max_length_tokens, tokenizer.model_max_length))
        self.labels, self.options = tuple(labels), tuple(options)

    def encode_all(self, examples: Sequence[PromptedExample]) -> list[EncodedExample | str]:
        return [self._row(example, read) for example, read in zip(examples, self.read(examples), strict=True)]

    def read(self, examples: Sequence[PromptedExample]) -> list[Reading]:
        """What the model reads of each."""
        return [Reading(ids) for ids in self.row_ids(examples)]

    def row_ids(self, examples: Iterable[PromptedExample]) -> list[tuple[int, ...]]:
        """What the model reads of each, however long."""
        texts = [segments(example) for example in examples]
        plain = list(dict.fromkeys(text for pair in texts for text in pair))
        ids = dict(zip(plain, self.user_ids(plain), strict=True))
        return [self._joined([ids[text] for text in pair]) for pair in texts]

    def cut(self, ids: Sequence[int], longest: int) -> Sequence[int]:
        """A row of at most ``longest`` tokens: what is too much is taken from the end of the longer segment."""
        if len(ids) <= longest:
            return ids
        one, two = self._around
        between = two[1]
        last = len(ids) - len(two[2]) - len(between)
        where = [i for i in range(len(two[0]), last + 1) if list(ids[i : i + len(between)]) == between]
        places = [(len(two[0]), where[0]), (where[0] + len(between), len(ids) - len(two[2]))] if where else []
        kept = places or [(len(one[0]), len(ids) - len(one[1]))]
        segments = [list(ids[start:end]) for start, end in kept]
        for _ in range(len(ids) - longest):
            max(segments, key=len).pop()
        return self._joined(segments)

    def parts(self, row: EncodedExample) -> tuple[Sequence[int], str]:
        return row.input_ids, self.labels[row.labels[0]]

    def _row(self, example: PromptedExample, read: Reading) -> EncodedExample | str:
        if self.num_tokens(read.ids) > self.max_length_tokens:
            return TOO_LONG
        if any(self.holds_control(text) and not self._survives(text) for text in example.segments):
            return FORGED
        return self._labelled(example, read)

    def _labelled(self, example: PromptedExample, read: Reading) -> EncodedExample | str:
        return EncodedExample(example.id, example.language, read.ids, (example.choices.index(example.answer),))

    def _disarmed(self, text: str) -> list[int]:
        """A space after their first character tells control tokens from text: other programs can do so, too."""
        spaced = functools.reduce(lambda said, one: said.replace(one, f"{one[0]} {one[1:]}"), self.unsplit, text)
        [ids] = self._tokenize([spaced])
        return ids if self._control_ids.isdisjoint(ids) else super()._disarmed(text)

    def _joined(self, parts: Sequence[Sequence[int]]) -> tuple[int, ...]:
        around = self._around[len(parts) - 1]
        return tuple(i for part, after in zip(([], *parts), around, strict=True) for i in (*part, *after))

    @functools.cached_property
    def _around(self) -> tuple[list[list[int]], list[list[int]]]:
        """What stands around one segment, and around two."""
        a, b = self._tokenize(["a", "b"])
        one, two = (list(self.tokenizer(*texts)["input_ids"]) for texts in (["a"], ["a", "b"]))
        start = next(i for i in range(len(one)) if one[i : i + len(a)] == a)
        after_a = start + len(a)
        second = next(i for i in range(after_a, len(two)) if two[i : i + len(b)] == b)
        return [one[:start], one[after_a:]], [two[:start], two[after_a:second], two[second + len(b) :]]

    def _find_end_id(self) -> int:
        """The token that ends a row."""
        return self._around[0][-1][-1] if self._around[0][-1] else int(self.tokenizer.pad_token_id)


class OptionEncoder(SegmentEncoder):
    """Rows for a head that says what each option is worth."""

    head = "options"

    def row_ids(self, examples: Iterable[PromptedExample]) -> list[tuple[int, ...]]:
        items = list(examples)
        apart = [dataclasses.replace(item, segments=pair) for item in items for pair in _pairs(item, self.options)]
        rows = iter(super().row_ids(apart))
        return [tuple(i for _ in self.options for i in next(rows)) for _ in items]

    def cut(self, ids: Sequence[int], longest: int) -> Sequence[int]:
        return [i for row in split(ids, ids[0]) for i in super(OptionEncoder, self).cut(row, longest)]

    def num_tokens(self, ids: Sequence[int]) -> int:
        return max(map(len, split(ids, ids[0])))


class TagEncoder(SegmentEncoder):
    """Rows for a head that tags each token; ``labels``: O, B-PER, I-PER and so on."""

    head = "tags"

    def read(self, examples: Sequence[PromptedExample]) -> list[Reading]:
        sentences = [_words(example) for example in examples]
        shown = {
            (word, e.language): unicodedata.normalize("NFC", strip_zero_width(word))
            for e, (words, _) in zip(examples, sentences, strict=True)
            for word in words
        }
        plain = list(dict.fromkeys(shown.values()))
        unknown = [int(self.tokenizer.unk_token_id)]  # a word of which nothing is left
        ids = {word: found or unknown for word, found in zip(plain, self.user_ids(plain), strict=True)}
        made = []
        for example, (words, is_spaced) in zip(examples, sentences, strict=True):
            parts = [ids[shown[word, example.language]] for word in words]
            places = itertools.accumulate(map(len, parts), initial=len(self._around[0][0]))
            source = Words(tuple(words), tuple(place for place, _ in zip(places, parts, strict=False)), is_spaced)
            made.append(Reading(self._joined([list(itertools.chain(*parts))]), source))
        return made

    def parts(self, row: EncodedExample) -> tuple[Sequence[int], str]:
        return row.input_ids, " ".join(self.labels[label] for label in row.labels if label != IGNORED)

    @functools.cached_property
    def num_behind(self) -> int:
        """Tokens behind a sentence."""
        return len(self._around[0][-1])

    def _labelled(self, example: PromptedExample, read: Reading) -> EncodedExample | str:
        assert isinstance(read.source, Words)
        tags = dict(zip(read.source.places, json.loads(example.references[0])["tags"], strict=True))
        labels = (self.labels.index(tags[n]) if n in tags else IGNORED for n in range(len(read.ids)))
        return EncodedExample(example.id, example.language, read.ids, tuple(labels))


class SpanEncoder(SegmentEncoder):
    """Rows for a head that says where in a passage an answer begins and ends.

    A question takes half of what the model reads at most: of a longer one the rest is left out, and it is not trained
    on. Control tokens that the tokenizer cannot but see in a passage are read as unknown, so that its characters can be
    told by the tokens.
    """

    head = "span"

    def read(self, examples: Sequence[PromptedExample]) -> list[Reading]:
        asked = [_question(example) for example in examples]
        plain = list(dict.fromkeys(asked))
        questions = dict(zip(plain, self.user_ids(plain), strict=True))
        passages = self._with_offsets(list(dict.fromkeys(example.segments[0] for example in examples)))
        made = []
        for example, question in zip(examples, asked, strict=True):
            ids, offsets = passages[example.segments[0]]
            parts = [questions[question][: self._longest_question], ids] if question else [ids]
            row = self._joined(parts)
            start = len(row) - len(self._around[len(parts) - 1][-1]) - len(ids)
            made.append(Reading(row, Passage(example.segments[0], start, tuple(offsets))))
        return made

    def num_tokens(self, ids: Sequence[int]) -> int:
        return min(len(ids), self.max_length_tokens)

    def parts(self, row: EncodedExample) -> tuple[Sequence[int], str]:
        first, last = row.labels
        return row.input_ids, self.decode(row.input_ids[first : last + 1])

    @property
    def _longest_question(self) -> int:
        return self.max_length_tokens // 2

    def _labelled(self, example: PromptedExample, read: Reading) -> EncodedExample | str:
        passage = read.source
        assert isinstance(passage, Passage)
        if len(self.user_ids([_question(example)])[0]) > self._longest_question:
            return TOO_LONG
        place = answer_place(passage.text, example.answer, example.answer_start)
        if place is None or (tokens := passage.tokens_of(*place)) is None:
            return NOT_IN_PASSAGE
        rows = []
        for window in windows(read.ids, passage, self.max_length_tokens):
            first, last = (token - window.first for token in tokens)
            holds = first >= 0 and last < window.num
            labels = (passage.start + first, passage.start + last) if holds else (0, 0)
            rows.append(EncodedExample(example.id, example.language, window.ids, labels))
        if (answered := next((row for row in rows if row.labels[0]), None)) is None:
            return TOO_LONG  # an answer that is longer than what two windows share
        return dataclasses.replace(answered, others=tuple(row for row in rows if row is not answered))

    def _with_offsets(self, texts: Sequence[str]) -> dict[str, tuple[list[int], list[tuple[int, int]]]]:
        """Passage -> its ids, and the characters of each."""
        if not self.tokenizer.is_fast:
            raise Problem(
                f"{type(self.tokenizer).__name__} does not say which characters its tokens are, so no answer can be "
                "cut from a passage. Put a tokenizer.json beside the model, or choose another one."
            )
        made = self.tokenizer(
            list(texts), add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True,
            return_attention_mask=False, verbose=False,
        )  # fmt: skip
        other = self.tokenizer.unk_token_id
        return {
            text: ([other if i in self._control_ids else i for i in ids], [trimmed(text, *pair) for pair in pairs])
            for text, ids, pairs in zip(texts, made["input_ids"], made["offset_mapping"], strict=True)
        }


def _words(example: PromptedExample) -> tuple[Sequence[str], bool]:
    """(what is tagged, whether spaces stand between): the tokens of the file, of a text alone its words, or its
    characters where the language is written without spaces."""
    if example.references:
        gold = json.loads(example.references[0])
        return gold["tokens"], gold["spaced"]
    [text] = example.segments
    if is_written_without_spaces(example.language):
        return [SPACE_TOKEN if char.isspace() else char for char in text], False
    return text.split(), True


def _question(example: PromptedExample) -> str:
    return " ".join(text for text in example.segments[1:] if text.strip())


def split(ids: Sequence[int], start: int) -> list[Sequence[int]]:
    """The rows that stand one after another in ``ids``, each of which begins with ``start``."""
    starts = [place for place, token in enumerate(ids) if token == start] or [0]
    return [ids[a:b] for a, b in itertools.pairwise([*starts, len(ids)])]


ENCODERS: dict[str, type[SegmentEncoder]] = {
    "classes": SegmentEncoder,
    "options": OptionEncoder,
    "tags": TagEncoder,
    "span": SpanEncoder,
}


def encoder_of(recipe: Recipe, tokenizer: Any) -> Encoder:
    """That of the recipe's kind of model and task; its labels must have been found."""
    longest, head = recipe.data.max_length_tokens, recipe.head
    if head is None:
        return (TextToTextEncoder if recipe.model.kind == "text_to_text" else Encoder)(tokenizer, longest)
    return ENCODERS[head.name](tokenizer, longest, head.labels, _option_places(recipe.task))


def as_read(recipe: Recipe, items: list[PromptedExample]) -> list[PromptedExample]:
    """The items with the texts that an encoder reads in place of an instruction that it never sees."""
    if recipe.head is None:
        return items
    options = _option_places(recipe.task)
    texts = (itertools.chain(*_pairs(item, options)) if options else item.segments for item in items)
    read = [tuple(Message("user", text) for text in own if text.strip()) for own in texts]
    return [dataclasses.replace(item, messages=messages) for item, messages in zip(items, read, strict=True)]


def _option_places(task: TaskConfig) -> tuple[int, ...]:
    """Which of the fields are options."""
    return tuple(map(task.input_fields.index, task.option_fields))


def _pairs(item: PromptedExample, options: Sequence[int]) -> list[tuple[str, str]]:
    """Each option as segment B, all that is none as segment A."""
    others = (text for place, text in enumerate(item.segments) if place not in options and text.strip())
    shown = " ".join(others)
    return [(shown, item.segments[place]) for place in options]


def segments(example: PromptedExample) -> tuple[str, ...]:
    """Segment A, and B where there are more fields than one; fields that are empty are left out."""
    first, *others = [text for text in example.segments if text.strip()] or [""]
    return (first, " ".join(others)) if others else (first,)


@dataclass(frozen=True)
class Layout:
    """What a model must be told of rows of ids beside the ids themselves."""

    separator_id: int | None = None  # after the first of these token types are 1; None: there are no types
    start_id: int | None = None  # with which each of an item's rows begins; None: an item is one row


PLAIN = Layout()


def layout(head: str, tokenizer: Any) -> Layout:
    """Of the rows for a head; empty: of a decoder's."""
    if not head:
        return PLAIN
    pair = tokenizer("a", "b")
    types = pair.get("token_type_ids") or [0]
    return Layout(tokenizer.sep_token_id if 1 in types else None, pair["input_ids"][0] if head == "options" else None)
