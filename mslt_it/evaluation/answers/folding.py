"""Texts in the one form in which labels are looked for, and the patterns of `words` and `choices` in the same form."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping

from mslt_it.evaluation.answers.choices import CHOSEN, ONE_OF, OPTIONS, POINTERS
from mslt_it.evaluation.answers.tables import table
from mslt_it.evaluation.answers.words import CUES, LETTER, with_ascii_digits

ACCENTS_MAY_DROP = frozenset({"el", "es", "fr", "it", "pt"})  # in capitals, in a hurry; words stay apart
_DOTLESS = frozenset({"tr", "az"})  # I is the capital of ı, İ that of i

# What writers leave out or type as its neighbour: vowel signs, the letters of an Arabic keyboard in Urdu, ё.
_ALIKE: Mapping[str, Callable[[str], str]] = {
    "ar": lambda text: re.sub("[\u064b-\u0652\u0670\u0640]", "", text),
    "el": lambda text: text.replace(";", "?"),  # the Greek question mark
    "he": lambda text: re.sub("[\u0591-\u05c7]", "", text),
    "ru": lambda text: text.replace("ё", "е"),
    "ur": lambda text: re.sub("[\u064b-\u0652\u0670]", "", text.translate(str.maketrans("يكهھۃ", "یکہہہ"))),
}
# What models think aloud, and the tags around what they answer; "<think>" may have been part of the prompt.
_THOUGHTS = re.compile(
    r"(?:\A|<(?:think(?:ing)?|reasoning|scratchpad)>)(?:(?!<think).)*?</(?:think(?:ing)?|reasoning|scratchpad)>",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"<(/?)([^\W\d_][^<>/\n]{0,24})>|\[(/?)([A-Z]{3,20})\]|<\|[^<>|\n]{1,30}\|>")
_CIRCLED = {ord(first) + index: f"({index + 1})" for first in "①❶➀➊" for index in range(9)}
# A letter that names an option: a capital by itself, or a small one before ")" or a line's end. "a" is a word of many
# languages, so each is written as a letter that no text has (Ogham).
_OPTION_LETTER = re.compile(
    r"(?<![A-Za-z\u00c0-\u024f\d])(?:[A-Z](?![A-Za-z\u00c0-\u024f\d])|[a-z](?=\)|[\W_]*$)|(?:(?<=: )|^)[a-d](?=\. ))",
    re.MULTILINE,
)
# In their own order; Cyrillic В is the second letter's twin and the third letter.
_GREEK = str.maketrans("ΑΒΓΔ", "ABCD")
_CYRILLIC = str.maketrans("АБГДС", "ABDDC")


# The first four letters of the own script and their names, as options have them there ("ب)"), in the order of A to D.
_OWN_LETTERS: Mapping[str, str] = table("own_letters")


def without_thoughts(text: str) -> str:
    """A text without what stands between tags of thinking; other tags end their line, "<answer>" is "answer:"."""
    return _TAG.sub(_untagged, _THOUGHTS.sub("\n", text))


def without_cut_repeat(text: str) -> str:
    """A text that goes round in circles without the line at which it breaks off: one that begins another that stands
    there twice ("Answer: 20" before "Answer: 2")."""
    *before, last = (line.strip() for line in text.rstrip().split("\n"))
    counts = Counter(line for line in before if last and line.startswith(last) and line != last)
    return text.rstrip().rpartition("\n")[0] if max(counts.values(), default=0) > 1 else text


def _untagged(tag: re.Match[str]) -> str:
    name = "" if tag[1] or tag[3] else (tag[2] or tag[4] or "")
    return f"\n{name}: " if len(name) > 1 else "\n"  # <b>, <p> say nothing


def letter(word: str) -> str:
    """How the letter of an option is written in folded texts."""
    return chr(0x1681 + ord(word.upper()) - ord("A"))


def with_letters(text: str, language: str) -> str:
    """The text with its options' letters as `letter` has them."""
    text = unicodedata.normalize("NFKC", text)
    twins = {"el": _GREEK, "ru": _CYRILLIC, "bg": _CYRILLIC}.get(language, {})
    text = re.sub(r"(?<!\w)[ΑΒΓΔАБГДС](?!\w)", lambda match: match[0].translate(twins), text) if twins else text
    if language in _OWN_LETTERS:
        text = _own_letter(language).sub(lambda match: match[1] + letter("ABCD"[(match.lastindex or 0) - 2]), text)
    return _OPTION_LETTER.sub(lambda match: letter(match[0]), text)


@functools.cache
def _own_letter(language: str) -> re.Pattern[str]:
    """Where a line begins, or behind a cue or a word for options, and before a pause; groups 2 to 5 are A to D."""
    link, chosen = CUES[language][1], CHOSEN[language]
    words = "|".join(filter(None, (OPTIONS[language], ONE_OF[language], POINTERS[language], link)))
    gap = r"\s?" if language in ("ja", "ko", "th", "zh") else r"\s"
    begin = rf"(?:^|[(:]|(?<!{LETTER})(?:{words}){gap})[\s*\"'(]{{0,8}}"
    own = "|".join(f"({names})" for names in _OWN_LETTERS[language].split())
    pause = rf"(?=[.):،,׳'’।۔]|[\s*\"']*$|\s(?:{'|'.join(filter(None, (link, chosen)))}))"
    pattern = unicodedata.normalize("NFKC", rf"({begin})(?-i:{own})(?!{LETTER}){pause}")
    return re.compile(pattern, re.MULTILINE | re.IGNORECASE)


def folded(text: str, language: str) -> str:
    """Case-folded compatibility forms, ASCII digits, bold as quotes, no invisible characters."""
    text = unicodedata.normalize("NFKC", text.translate(_CIRCLED))
    if language in _DOTLESS:
        text = text.replace("I", "ı").replace("İ", "i")
    text = unicodedata.normalize("NFKC", text.casefold())
    text = re.sub(r"\\text(?:bf|rm|it)?\s*\{", "{", text)
    text = re.sub(r"\\[()\[\]]|\$", " ", text)  # LaTeX's signs of mathematics
    text = re.sub(r"[-=]>|[→⇒➔➜➡]", ":", text)
    text = re.sub(r"[【〔]([^】〕\n]{1,12})[】〕]", r"\1: ", text)
    text = re.sub("[\u2600-\u27bf\ufe0f\u20e3\U0001f000-\U0001faff]", " ", text)  # emojis
    text = re.sub(r"(?<=\w)’(?=\w)", "'", text)
    text = re.sub(r"^[^\S\n]*\|[^\S\n]*(.*?)[^\S\n]*\|[^\S\n]*$", _row_of_table, text, flags=re.MULTILINE)
    text = re.sub(r"(?<=[({[])[^\S\n]+|[^\S\n]+(?=[)}\]])", "", text)
    text = re.sub(r"(?<!\w)_(?=\w)|(?<=[^\s_])_(?!\w)", '"', text)
    text = re.sub(r"\*\*|__|`", '"', with_ascii_digits(text))
    text = _ALIKE[language](text) if language in _ALIKE else text
    return _without_accents(text) if language in ACCENTS_MAY_DROP else text


def _row_of_table(row: re.Match[str]) -> str:
    """The last cell behind the name of a field: "| Answer | No |"."""
    return re.sub(r"\s*\|\s*", ": ", row[1])


def _without_accents(text: str) -> str:
    """ñ stays a letter of its own."""
    parts = unicodedata.normalize("NFD", text.replace("ñ", "\ue001"))
    return unicodedata.normalize("NFC", re.sub(r"[\u0300-\u036f]", "", parts)).replace("\ue001", "ñ")


def fold_pattern(pattern: str, language: str) -> str:
    """A pattern of `words` in the form that folded texts have (escapes such as \\S keep their case)."""
    pieces = re.split(r"(\\.)", unicodedata.normalize("NFKC", pattern))
    folded = "".join(piece if index % 2 else piece.casefold() for index, piece in enumerate(pieces))
    folded = _ALIKE[language](folded) if language in _ALIKE else folded
    return _without_accents(folded) if language in ACCENTS_MAY_DROP else folded
