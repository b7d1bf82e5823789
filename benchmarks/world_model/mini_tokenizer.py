"""The mini model's tokenizer: one token for each word form of the world, bytes for everything else.

A Unigram model (Kudo 2018) whose pieces are not trained but listed: every word form that the grammars can write,
with its log frequency as score, so that Viterbi takes whole words. Spaces are part of the following word as in
SentencePiece.
Text from outside the world falls back to single characters and then to bytes, and round-trips (but for U+2581 itself,
which marks a space in the pieces and comes back as one).
"""

from __future__ import annotations

import math
import random
import unicodedata
from collections import Counter
from pathlib import Path

import regex
import yaml
from text import CITED
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from mslt_it.world.concepts import ADJECTIVE_PAIRS, CLASS_OF
from mslt_it.world.grammar import Grammar
from mslt_it.world.inference import sample_pair
from mslt_it.world.languages import CODES, grammar

SPACE = "\u2581"
CONTROL = ("<|unknown|>", "<|pad|>", "<|begin|>", "<|user|>", "<|assistant|>", "<|end|>")
CHAT_TEMPLATE = (
    "{{ '<|begin|>' }}{% for message in messages %}"
    "{% if message.role == 'assistant' %}{{ '<|assistant|>' + message.content + '<|end|>' }}"
    "{% else %}{{ '<|user|>' + message.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
# A vowel sign is a mark, no word character: with \w alone Hindi words would fall apart into letters.
_WORD = regex.compile(r"[\w\p{M}]+(?:['\u2019][\w\p{M}]*)?|[^\w\p{M}\s]")


def count_pieces(num_documents: int, seed: int, extra_texts: list[str]) -> Counter[str]:
    """Every word form of the world (with and without a space before it) and how often the plain text has it."""
    pieces: Counter[str] = Counter()
    for code in CODES:
        language = grammar(code)
        for concept in CITED:
            pieces.update(_pieces(language, language.citation(concept))[1:])  # always after "* " or "= "
    for code, words in _word_lists(num_documents, seed):
        language = grammar(code)
        # A sentence's first word is written with a capital, whether glued to the next (L'homme) or not.
        mark = "+" if words[0].endswith("+") else ""
        pieces.update(_pieces(language, [language.capital(words[0].strip("+")) + mark, *words[1:]]))
    for code in CODES:
        language = grammar(code)
        for answer in (language.yes, language.no, language.maybe):
            whole = answer.replace(" ", SPACE)
            # Heavy enough to stay whole: Thai "no" holds "yes" and would fall apart into two common pieces.
            pieces[whole] += num_documents
            pieces[SPACE + whole] += num_documents
    pieces[SPACE + "="] += num_documents
    for text in extra_texts:
        for match in _WORD.finditer(text):
            if text[match.start() - 1 : match.start()] == " ":
                pieces[SPACE + match.group()] += 1
            else:
                pieces[match.group()] += 1
    return pieces


def _word_lists(num_documents: int, seed: int) -> list[tuple[str, list[str]]]:
    """Word lists (before they are written) of random statements, questions and facts in all languages."""
    rng = random.Random(f"tokenizer-{seed}")
    found: list[tuple[str, list[str]]] = []
    for code in CODES:
        language = grammar(code)
        for noun, name in CLASS_OF.items():
            found.append((code, language.class_fact(noun, name)))
        for one, other in ADJECTIVE_PAIRS:
            found.append((code, language.opposite_fact(one, other)))
            found.append((code, language.opposite_fact(other, one)))
    for _ in range(num_documents):
        pair = sample_pair(rng)
        for code in CODES:
            language = grammar(code)
            found.append((code, language.statement(pair.premise)))
            found.append((code, language.question(pair.hypothesis)))
    return found


def _pieces(language: Grammar, words: list[str]) -> list[str]:
    """The forms of a list of words as they stand inside running text."""
    pieces = []
    glued = True
    for word in words:
        bare = word.strip("+")
        spaced = language.spaces and not glued and not word.startswith("+")
        pieces.append(SPACE + bare if spaced else bare)
        glued = word.endswith("+")
    # The first word follows a space when another sentence or a field's name comes before it.
    return [*pieces, SPACE + pieces[0] if language.spaces else pieces[0]]


def build_tokenizer(extra_texts: list[str], num_documents: int = 6000, seed: int = 0) -> PreTrainedTokenizerFast:
    """Lists the pieces, scores them, and wraps them with the control tokens and the chat template.

    Args:
        extra_texts: text whose words get pieces too although no plain text has them (the task prompts).
    """
    pieces = count_pieces(num_documents, seed, extra_texts)
    total = sum(pieces.values())
    control = [(token, 0.0) for token in CONTROL]
    bytes_ = [(f"<0x{byte:02X}>", -30.0) for byte in range(256)]
    words = [(piece, math.log(count / total)) for piece, count in sorted(pieces.items())]
    known = {piece for piece, _ in words}
    characters = {c for piece in known for c in piece if not _is_han_or_hangul(c)}
    characters |= set(map(chr, range(32, 127))) | set(
        "\n\t\u2581.,;:!?\u00bf\u061f\u06d4\u0964\u3002\uff1f\uff0c\uff1a\u300c\u300d\u201c\u201d\u00ab\u00bb"
    )
    singles = [(c, -25.0) for c in sorted(characters - known - {" "})]
    vocabulary = [*control, *bytes_, *words, *singles]
    backend = Tokenizer(models.Unigram(vocabulary, unk_id=0, byte_fallback=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="never", split=False)
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Replace(SPACE, " ")])
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<|unknown|>",
        pad_token="<|pad|>",
        bos_token="<|begin|>",
        eos_token="<|end|>",
        additional_special_tokens=["<|user|>", "<|assistant|>"],
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _is_han_or_hangul(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith(("CJK UNIFIED", "HANGUL"))


def prompt_texts(prompts_dir: Path) -> list[str]:
    """The task prompts' own words, without the placeholders; where no spaces are written, cut at the label words."""
    texts = []
    for path in sorted(prompts_dir.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        cuts = r"\{\w+\}"
        if path.stem in CODES and not grammar(path.stem).spaces:
            labels = sorted(content["labels"].values(), key=len, reverse=True)
            cuts += "|" + "|".join(map(regex.escape, labels))
        texts += [part for template in content["templates"] for part in regex.split(cuts, template) if part]
    return texts
