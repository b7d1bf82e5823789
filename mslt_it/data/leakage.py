"""Rows that are trained on and scored: the same item in any language, the same text, or nearly the same text.

Three rules, tried in this order:

``item``    Task and id agree. Translations share their id, so this one sees through languages.
``text``    All input fields agree after NFKC, case folding and removal of everything but letters, marks, digits and
            symbols: case, width, composition, punctuation and spaces make no difference.
``n-gram``  Every field agrees with the same field of one training row: a long field when the two texts share at least
            60 % of their n-grams, counted against the text that has fewer (a copy with an introduction or a sentence
            more is still a copy); a short field when it is the same text. n is 5 words and long is 14; in characters
            9 and 25 for Chinese and Japanese, 22 and 62 for Thai, Lao, Khmer and Burmese, which is about as much text
            in writing without spaces. N-grams that stand in many different training texts (an instruction repeated in
            each row) count on neither side.

Where the third rule errs, and how its figures were chosen: docs/tasks.md.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mslt_it.problems import Problem, counted
from mslt_it.records import Example

Kind = Literal["item", "text", "n-gram"]
RULES: dict[Kind, str] = {"item": "same item id", "text": "same text", "n-gram": "nearly the same text (n-grams)"}

MIN_SHARE = 0.6  # of the n-grams of the text that has fewer


@dataclass(frozen=True)
class _Unit:
    """How a kind of writing is measured: n-grams of words or of characters, and how many make a text long."""

    is_word: bool
    n: int
    long: int

    @property
    def min_ngrams(self) -> int:
        """N-grams a text must have, boilerplate aside, to be judged by them: three quarters of the shortest long
        text's, to allow for repetitions."""
        return (self.long - self.n + 1) * 3 // 4


# The embedded world's longest sentence has 13 words (Vietnamese writes each syllable apart).
_WORDS = _Unit(True, n=5, long=14)
_DENSE = _Unit(False, n=9, long=25)  # Chinese, Japanese: about 1.8 characters to an English word
_UNSPACED = _Unit(False, n=22, long=62)  # alphabets without spaces: about 4.5 letters and marks to a word
# An n-gram in more texts than this is boilerplate: 2 % of the training texts, at least 5 and at most 50.
MAX_TEXTS_SHARE, MIN_MAX_TEXTS, MAX_MAX_TEXTS = 0.02, 5, 50

_DENSE_LETTER = re.compile("[\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_UNSPACED_LETTER = re.compile("[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff]")
_UNSPACED_OR_DENSE = re.compile(f"{_DENSE_LETTER.pattern}|{_UNSPACED_LETTER.pattern}")


@dataclass(frozen=True)
class Leak:
    """A training row and a scored row that are the same, and the rule that says so."""

    train: Example
    scored: Example
    kind: Kind


def find_leaks(train: Iterable[Example], scored: Iterable[Example], *, same_language_only: bool = False) -> list[Leak]:
    """Every scored row that is also trained on, once each, by the first rule that finds it.

    ``same_language_only`` limits the comparison of texts (not of ids) to rows of one language: for the embedded world,
    whose sentences are few.
    """
    index = LeakIndex(train, same_language_only=same_language_only)
    return [Leak(found[0], example, found[1]) for example in scored if (found := index.find(example)) is not None]


class LeakIndex:
    """Rows to look others up in: 1,500 rows against 6,800 take about a second."""

    def __init__(self, rows: Iterable[Example], *, same_language_only: bool = False) -> None:
        self._with_language = same_language_only
        self._rows = list(rows)
        self._languages = {row.language for row in self._rows}
        self._by_item: dict[tuple[str, str], Example] = {}
        self._by_text: dict[int, Example] = {}
        self._fields: dict[tuple[str, str], _FieldIndex] = defaultdict(_FieldIndex)
        for number, row in enumerate(self._rows):
            self._by_item.setdefault((row.task, row.id), row)
            folded = self._folded(row)
            if (key := self._text_key(row, folded)) is not None:
                self._by_text.setdefault(key, row)
            for name, text in folded:
                self._fields[self._language(row), name].add(number, text)
        for field in self._fields.values():
            field.finish()

    def find(self, example: Example) -> tuple[Example, Kind] | None:
        """The row that is the same as the example, and the rule that says so."""
        if (same := self._by_item.get((example.task, example.id))) is not None:
            return same, "item"
        if self._with_language and example.language not in self._languages:
            return None  # without looking at the text, which the embedded world writes when it is looked at
        folded = self._folded(example)
        key = self._text_key(example, folded)
        if key is None:
            return None
        if (same := self._by_text.get(key)) is not None:
            return same, "text"
        number = self._nearly(example, folded)
        return None if number is None else (self._rows[number], "n-gram")

    def _nearly(self, example: Example, folded: Sequence[tuple[str, str]]) -> int | None:
        """The first row of which every field agrees with the example's, by its number."""
        # Long fields first: most rows share none of their n-grams and are done.
        common: set[int] | None = None
        for name, text in sorted(folded, key=lambda field: -len(field[1])):
            field = self._fields.get((self._language(example), name))
            found = field.rows_like(text) if field else set()
            common = found if common is None else common & found
            if not common:
                return None
        return min(common) if common else None

    def _language(self, example: Example) -> str:
        return example.language if self._with_language else ""

    def _text_key(self, example: Example, folded: Sequence[tuple[str, str]]) -> int | None:
        """What two rows of one text share; None where nothing is left of it ("...")."""
        texts = [text.replace(" ", "") for _, text in folded]
        return hash((self._language(example), *texts)) if any(texts) else None

    def _folded(self, example: Example) -> list[tuple[str, str]]:
        return [(name, fold(example.fields[name])) for name in sorted(example.fields)]


class _FieldIndex:
    """The texts of one field: which rows have them, and which n-grams they hold. Texts and n-grams are kept as hashes
    of 64 bits: of 10 million, two are the same by chance once in 400,000 times."""

    def __init__(self) -> None:
        self._number: dict[int, int] = {}  # text -> its number
        self._rows: list[list[int]] = []  # by text number
        self._ngrams = array("q")  # of each text, one after another
        self._ends = array("q")  # by text number: where its n-grams end

    def add(self, row: int, text: str) -> None:
        key = hash(text.replace(" ", ""))
        if key not in self._number:
            self._number[key] = len(self._rows)
            self._rows.append([])
            self._ngrams.extend(map(hash, ngrams(text)))
            self._ends.append(len(self._ngrams))
        self._rows[self._number[key]].append(row)

    def finish(self) -> None:
        """Sorts the n-grams, and sets boilerplate aside."""
        limit = min(MAX_MAX_TEXTS, max(MIN_MAX_TEXTS, MAX_TEXTS_SHARE * len(self._rows)))
        counts: np.ndarray = (
            np.diff(np.frombuffer(self._ends, np.int64), prepend=0) if self._ends else np.zeros(0, np.int64)
        )
        texts = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        found = np.frombuffer(self._ngrams, np.int64) if self._ngrams else np.zeros(0, np.int64)
        order = found.argsort(kind="stable")
        self._sorted, self._texts = found[order], texts[order]  # n-grams, and which text has each
        starts = np.flatnonzero(np.diff(self._sorted, prepend=self._sorted[:1] - 1))
        num_texts = np.diff(starts, append=len(self._sorted))
        self._is_boilerplate = np.repeat(num_texts > limit, num_texts)
        # By text number: n-grams that count, 0 for short texts.
        self._sizes = np.bincount(self._texts[~self._is_boilerplate], minlength=len(counts))
        del self._ngrams, self._ends

    def rows_like(self, text: str) -> set[int]:
        """The rows whose field is the same text or, where it is long, shares enough n-grams."""
        same = self._number.get(hash(text.replace(" ", "")))
        rows = set() if same is None else set(self._rows[same])
        if not (own := ngrams(text)):
            return rows
        found = np.fromiter(map(hash, own), np.int64)
        starts, ends = (np.searchsorted(self._sorted, found, side) for side in ("left", "right"))
        num_shared: Counter[int] = Counter()
        num_counted = len(found)
        for start, end in zip(starts[starts < ends].tolist(), ends[starts < ends].tolist(), strict=True):
            if self._is_boilerplate[start]:
                num_counted -= 1
            else:
                num_shared.update(self._texts[start:end].tolist())
        least = _unit(text).min_ngrams
        for number, shared in num_shared.items():
            smaller = min(num_counted, self._sizes[number])
            if smaller >= least and shared >= MIN_SHARE * smaller:
                rows.update(self._rows[number])
        return rows


def refuse_leaks(leaks: Sequence[Leak]) -> None:
    """A Problem with counts, three examples and the remedy, unless there is no leak."""
    if not leaks:
        return
    counts = Counter(leak.kind for leak in leaks)
    near = f", {counts['n-gram']} by n-grams" if counts["n-gram"] else ""
    shown = "".join(
        f"\n  {RULES[leak.kind]}: {leak.train.id} trained on in '{leak.train.language}' "
        f"({leak.train.origin or leak.train.id}), {leak.scored.id} "
        f"scored in '{leak.scored.language}' ({leak.scored.origin or leak.scored.id}): {_excerpt(leak.scored)}"
        for leak in leaks[:3]
    )
    raise Problem(
        f"{counted(len(leaks), 'scored row is', 'scored rows are')} also trained on "
        f"({counts['item']} by item id, {counts['text']} by text{near}), "
        "so the scores would be too good. Train and score on different splits (task.train_split, task.score_split; the "
        "same name for both divides its rows by item), or leave the rows out of training with data.leaks=drop. "
        f"First ones:{shown}"
    )


def normalise(text: str) -> str:
    """The text without case, punctuation, spaces and compatibility forms."""
    return fold(text).replace(" ", "")


def fold(text: str) -> str:
    """The text's words without case and compatibility forms, one space between them; punctuation parts words."""
    text = (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()
    if not text.isascii():
        if not unicodedata.is_normalized("NFKC", text):  # case folding can undo a composition
            text = unicodedata.normalize("NFKC", text).casefold()
        text = text.replace("i\u0307", "i")  # Turkish: İ folds to i and a dot, and ı is I's small letter there
    # Spaces and punctuation go after NFKC, which can make new ones ("…" becomes "...").
    return " ".join(_changing().sub(lambda found: _folded(found[0]), text).split())


def ngrams(folded: str) -> set[Hashable]:
    """The n-grams of a folded text, none where it is too short to be judged by them."""
    unit = _unit(folded)
    units = folded.split() if unit.is_word else folded.replace(" ", "")
    if len(units) < unit.long:
        return set()
    if isinstance(units, str):
        return {units[i : i + unit.n] for i in range(len(units) - unit.n + 1)}
    return set(zip(*(units[i:] for i in range(unit.n)), strict=False))


def _unit(folded: str) -> _Unit:
    """Words, unless a third of the characters is of a script without spaces."""
    if folded.isascii() or not _UNSPACED_OR_DENSE.search(folded):
        return _WORDS
    third = (len(folded) - folded.count(" ")) / 3
    if len(_DENSE_LETTER.findall(folded)) > third:
        return _DENSE
    if len(_UNSPACED_LETTER.findall(folded)) > third:
        return _UNSPACED
    return _WORDS


@functools.cache
def _folded(char: str) -> str:
    """What is left of a character: itself, nothing (invisible format characters) or a space."""
    category = unicodedata.category(char)
    return "i" if char == "ı" else char if category[0] in "LMNS" else "" if category == "Cf" else " "


@functools.cache
def _changing() -> re.Pattern[str]:
    """The characters of which folding may leave something else; beyond the first plane, where few are, all of them."""
    kept = {code for code in range(0x10000) if code == 32 or unicodedata.category(chr(code))[0] in "LMNS"} - {ord("ı")}
    starts = (code for code in range(0x10000) if code not in kept and (code == 0 or code - 1 in kept))
    ends = (code for code in range(0x10000) if code not in kept and (code == 0xFFFF or code + 1 in kept))
    ranges = "".join(f"\\u{start:04x}-\\u{end:04x}" for start, end in zip(starts, ends, strict=True))
    return re.compile(f"[{ranges}\U00010000-\U0010ffff]")


def _excerpt(example: Example) -> str:
    text = " | ".join(example.fields.values())
    return repr(text if len(text) <= 100 else text[:99] + "…")
