"""Errors for people: each names the thing, the value, the place and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Problem(Exception):
    """An error whose text is meant for the user; the commands print it without a traceback."""


def nearest(value: str, known: Iterable[str]) -> str:
    """The sentence ``Did you mean 'x'? Known: a, b, c.`` for an unknown name."""
    names = sorted(known)
    close = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    guess = f"Did you mean '{close[0]}'? " if close else ""
    return f"{guess}Known: {', '.join(names)}."
