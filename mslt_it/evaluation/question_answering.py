"""Exact match and token F1 of short answers, the best over the reference answers, in each language's own terms.

Text is compared after: compatibility forms (NFKC), case folding, removal of invisible characters, of punctuation and of
articles, white space. Tokens are words, but single characters where the script has no spaces. That is MLQA's measure
(Lewis et al. 2020, its evaluation script, version 1) carried over to more languages. It differs from it, and from the
SQuAD 1.1 script that TyDiQA-GoldP uses, in this:

- SQuAD 1.1 removes only ASCII punctuation, and English articles in every language; MLQA refuses other languages.
- MLQA removes every "ال" of an Arabic text, also within words. The Arabic article is no word of its own: it stays.
- MLQA counts characters one by one for Chinese only and in the range of Han that its pattern names.
- Where nothing would be left of an answer (the band "The The", the grade "A", the sign "+"), articles and punctuation
  stay. The scripts would call any two such answers equal, and an empty answer right.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

from mslt_it.languages import primary
from mslt_it.problems import Problem

# Words removed as articles: the lists of MLQA's script, and no others, so that figures compare with published ones.
# Not removed, for want of an official list: fr, it, pt, nl, el and others. No word to remove in ar, he (prefix),
# bg (suffix), bn, fi, hi, id, ja, ko, ru, sw, te, th, tr, ur, zh.
ARTICLES: dict[str, frozenset[str]] = {
    "de": frozenset({"das", "dem", "den", "der", "des", "die", "ein", "eine", "einem", "einen", "einer", "eines"}),
    "en": frozenset({"a", "an", "the"}),
    "es": frozenset({"el", "la", "las", "los", "un", "una", "unas", "unos"}),
    # Classifiers and the plural word, but "của" (of) and "là" (is) as well: MLQA's list as it is.
    "vi": frozenset({"chiếc", "cái", "của", "là", "những"}),
}

# Scripts written without spaces between words: every letter is a token of its own, with the marks that sit on it.
# fmt: off
_UNSPACED_RANGES = (
    (0x0E00, 0x0E7F),    # Thai
    (0x0E80, 0x0EFF),    # Lao
    (0x1000, 0x109F),    # Myanmar
    (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F),  # Myanmar extended
    (0x1780, 0x17FF),    # Khmer
    (0x3005, 0x3007), (0x3021, 0x3029),  # iteration mark, closing mark, zero and numerals of Han
    (0x3041, 0x30FF), (0x31F0, 0x31FF), (0x1AFF0, 0x1B16F),  # Kana, with the long-vowel mark
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),  # Han
)
# fmt: on
_UNSPACED = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _UNSPACED_RANGES) + "]")
_DOTLESS = {"tr", "az"}  # I is the capital of ı, İ that of i


def exact_match(answer: str, references: Sequence[str], language: str) -> float:
    """1.0 where the answer has the same tokens in the same order as one of the references, else 0.0."""
    found = answer_tokens(answer, language)
    return float(any(found == reference for reference in _reference_tokens(references, language)))


def f1(answer: str, references: Sequence[str], language: str) -> float:
    """Harmonic mean of the shares of common tokens (as often as both have them), in [0, 1]; the best over all."""
    found = Counter(answer_tokens(answer, language))
    right = map(Counter, _reference_tokens(references, language))
    return max(2 * (found & one).total() / (found.total() + one.total()) for one in right)


def _reference_tokens(references: Sequence[str], language: str) -> list[list[str]]:
    if not references:
        raise Problem(f"A question (language '{language}') has no reference answer. Leave it out of the scored rows.")
    tokens = [answer_tokens(reference, language) for reference in references]
    for number, (reference, found) in enumerate(zip(references, tokens, strict=True), start=1):
        if not found:
            raise Problem(
                f"Reference answer {number} of {len(references)} is empty ({reference!r}, language '{language}'): "
                "an empty answer would score 1. Remove it, or check that the file is not one without answers."
            )
    return tokens


def answer_tokens(text: str, language: str) -> list[str]:
    """The tokens that two answers are compared by; see the module's text for the rules."""
    code = primary(language)
    folded = _folded(text, code)
    bare = "".join(character for character in folded if not _is_punctuation(character))
    articles = ARTICLES.get(code, frozenset())
    words = [word for word in bare.split() if word not in articles]
    if not words:
        words = bare.split() or folded.split()
    return [token for word in words for token in _segments(word)]


def _folded(text: str, code: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    if code in _DOTLESS:
        text = text.replace("I", "ı").replace("İ", "i")
    # Folding can undo the composition (ΐ); Cf are joiners, direction marks, soft hyphens.
    text = unicodedata.normalize("NFKC", text.casefold())
    return "".join(character for character in text if unicodedata.category(character) != "Cf")


def _is_punctuation(character: str) -> bool:
    """Unicode's categories P*, and the ASCII symbols $ + < = > ^ ` | ~ that they leave out."""
    return unicodedata.category(character).startswith("P") or character in string.punctuation


def _segments(word: str) -> list[str]:
    """ "iphone手机" -> ["iphone", "手", "机"]: letters of unspaced scripts one by one, the rest together."""
    segments: list[str] = []
    open_run = False  # may the last segment take another letter?
    for character in word:
        is_mark = unicodedata.category(character).startswith("M")
        single = not is_mark and _UNSPACED.match(character) is not None and not character.isdecimal()
        if segments and (is_mark or (open_run and not single)):
            segments[-1] += character
        else:
            segments.append(character)
            open_run = not single
    return segments
