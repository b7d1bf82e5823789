"""Passages that hold the answer to a question: where in them it stands, and the windows in which a long one is read.

    <s> question </s></s> passage, tokens 0 to 300 </s>
    <s> question </s></s> passage, tokens 172 to 472 </s>

The answer is two places, of its first and its last token. A window that does not hold all of it says so by the row's
first token, for both (Devlin et al. 2019, as their script for SQuAD has it).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mslt_it.data.cleaning import strip_zero_width

OVERLAP = 128  # tokens of a passage that two windows share, as in the script for SQuAD


@dataclass(frozen=True)
class Passage:
    """A text as tokens of a row: ``offsets`` are the first character of each, and the one behind its last; the tokens
    begin at ``start`` of the row's ids."""

    text: str
    start: int
    offsets: tuple[tuple[int, int], ...]

    def tokens_of(self, begin: int, end: int) -> tuple[int, int] | None:
        """First and last token of the characters from ``begin`` to before ``end``; None where no token holds any."""
        holding = [n for n, (first, behind) in enumerate(self.offsets) if behind > begin and first < end]
        return (holding[0], holding[-1]) if holding else None

    def cut(self, first: int, last: int) -> str:
        """The text from one token to another."""
        return self.text[self.offsets[first][0] : self.offsets[last][1]]


@dataclass(frozen=True)
class Window:
    """A part of a passage as a row: ``num`` of its tokens, from number ``first`` on."""

    ids: tuple[int, ...]
    first: int
    num: int


def windows(ids: Sequence[int], passage: Passage, longest: int) -> list[Window]:
    """The rows of at most ``longest`` ids in which a row is read: the passage in parts that overlap, and around each
    of them what stands around the whole."""
    size = len(passage.offsets)
    before, tokens, behind = ids[: passage.start], ids[passage.start :][:size], ids[passage.start + size :]
    room = max(1, longest - len(before) - len(behind))
    step = max(1, room - overlap(longest))
    starts = range(0, max(1, size - room + step), step)
    parts = [(first, tokens[first : first + room]) for first in starts]
    return [Window((*before, *part, *behind), first, len(part)) for first, part in parts]


def overlap(longest: int) -> int:
    """Tokens that two windows of ``longest`` share: less where they are short."""
    return min(OVERLAP, longest // 4)


def trimmed(text: str, first: int, behind: int) -> tuple[int, int]:
    """The characters without white space around them: some tokenizers count the space before a word to it."""
    inner = text[first:behind]
    return first + len(inner) - len(inner.lstrip()), behind - len(inner) + len(inner.rstrip())


def answer_place(text: str, answer: str, near: int) -> tuple[int, int] | None:
    """The characters of an answer in its passage, from and to; None where the passage does not hold it.

    Args:
        near: where the file says that it begins; the nearest occurrence is taken. Negative: not said, so the first is.
    """
    for form in (answer, unicodedata.normalize("NFC", strip_zero_width(answer))):  # the passage is repaired
        if found := [match.start() for match in re.finditer(f"(?={re.escape(form)})", text)]:
            begin = min(found, key=lambda place: abs(place - near)) if near >= 0 else found[0]
            return begin, begin + len(form)
    return None
