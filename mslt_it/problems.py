"""Errors for people: each names the thing, the value, the place and the remedy."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

# Control characters but line ends and tabs, and what turns a line round: a terminal obeys them, whoever wrote them.
_ESCAPED = {n: f"\\x{n:02x}" for n in (*range(9), *range(11, 32), *range(127, 160))}
_ESCAPED |= {n: f"\\u{n:04x}" for n in (0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}

MOST_KNOWN = 200  # names that a message lists
Say = Callable[[str], object]  # shows a line


def plain(text: str) -> str:
    """The text with every control character in it written out, so that no terminal obeys what stands in data."""
    return text.translate(_ESCAPED)


def warn(text: str) -> None:
    """A line on stderr, at once, of what is not as it should be and was put right."""
    print(plain(text), file=sys.stderr, flush=True)


class Problem(Exception):
    """An error whose text is meant for the user; the commands print it without a traceback."""

    def __init__(self, text: str) -> None:
        super().__init__(plain(text))


class NotScorable(Problem):
    """A language's rows cannot be scored, which is no fault of theirs: there are none for scoring, or their labels are
    not published. targets=rest leaves such a language out and says why, in the words of ``reason``."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class NoLabels(NotScorable):
    """A language has rows and none of them a label: it can be asked about, and not scored."""


def nearest(value: str, known: Iterable[str]) -> str:
    """The sentence ``Did you mean 'x'? Known: a, b, c.`` for an unknown name."""
    names = sorted(set(known))
    close = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    guess = f"Did you mean '{close[0]}'? " if close else ""
    return f"{guess}Known: {some(names, MOST_KNOWN)}."


def some(names: Sequence[str], most: int) -> str:
    """At most so many of the names, and how many more there are; "nothing" where there is none."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "nothing"


def counted(number: int, one: str, many: str = "", form: str = "") -> str:
    """ "1 row", "2 rows": ``many`` where an s does not make it; ``form`` of the number, as in an f-string (",")."""
    return f"{number:{form}} {one if number == 1 else many or one + 's'}"


def told_by_language(counts: Mapping[str, tuple[int, int]], unit: str = "rows") -> str:
    """Language -> (rows, of how many) as "80 of 100 rows in de, en; 40 of 50 rows in tr"; none of them is not told."""
    alike: dict[tuple[int, int], list[str]] = {}
    for code, pair in counts.items():
        if pair[0]:
            alike.setdefault(pair, []).append(code)
    return "; ".join(f"{number} of {total} {unit} in {', '.join(codes)}" for (number, total), codes in alike.items())
