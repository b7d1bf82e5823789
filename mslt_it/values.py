"""What a text after ``KEY=`` stands for. Values are the user's own, not a grammar's.

    text     everything after the first "=", whatever its script, quotes, commas, brackets or further "="
    list     [a,b]             of texts
    mapping  {ar:arb,zh:cmn}   of texts
    number, true or false

One pair of quotes around the whole of a text, an item or a mapping's part is taken off: so a list may hold an item
with a comma, ["a, b",c]. Quotes anywhere else are part of the text.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from mslt_it.problems import Problem

_QUOTED = r"""(?:"[^"]*"|'[^']*')"""
# A quote closes only where the item ends, so that don't,won't are two items.
_ITEM = re.compile(r"\s*(?:(?P<quoted>(?P<q>[\"']).*?(?P=q))(?=\s*(?:,|$))|(?P<bare>[^,]*))\s*(?:,|$)", re.DOTALL)
_NAME = rf"(?:{_QUOTED}|[\w.-]+(?: [\w.-]+)*)"
_PAIR = re.compile(
    rf"\s*(?P<name>{_NAME})\s*:\s*"
    rf"(?:(?P<quoted>(?P<q>[\"']).*?(?P=q))(?=\s*(?:,|$))|(?P<bare>.*?))\s*(?:,(?=\s*{_NAME}\s*:)|$)",
    re.DOTALL,
)


def unquoted(text: str) -> str:
    """The text without one pair of quotes around the whole of it."""
    quote = text[:1]
    if len(text) < 2 or quote not in ('"', "'") or text[-1] != quote:
        return text
    inner = text[1:-1]
    if quote in inner.replace(f"\\{quote}", ""):  # "A" or "B": these quotes do not hold the text together
        return text
    return inner.replace(f"\\{quote}", quote)


def quoted(text: str) -> str:
    """The text in quotes that `unquoted` takes off, whatever it holds."""
    if '"' not in text:
        return f'"{text}"'
    return f"'{text}'" if "'" not in text else '"' + text.replace('"', '\\"') + '"'


def items(text: str) -> list[str] | None:
    """The items of ``[a,b]``, each without the quotes around it; None where ``text`` is no list."""
    inner = _between(text, "[", "]")
    if inner is None:
        return None
    found: list[str] = []
    position = 0
    while inner.strip() and position <= len(inner):
        match = _ITEM.match(inner, position)
        assert match is not None  # every alternative may be empty
        found.append(unquoted(match["quoted"] or match["bare"].strip()))
        if not match[0].endswith(","):
            break
        position = match.end()
    return found


def mapping(text: str) -> list[tuple[str, str]] | None:
    """The pairs of ``{a:b,c:d}``; None where ``text`` is no mapping, such as ``{text}: what is it?``.

    A comma divides pairs only where a name and a colon follow.
    """
    inner = _between(text, "{", "}")
    if inner is None:
        return None
    found: list[tuple[str, str]] = []
    position = 0
    while inner[position:].strip():
        match = _PAIR.match(inner, position)
        if match is None:
            return None
        found.append((unquoted(match["name"]), unquoted(match["quoted"] or match["bare"])))
        position = match.end()
    return found


def cell(value: Any) -> Any:
    """A value for a table that spreadsheets open: a text that they would take for a formula begins with an apostrophe,
    as OWASP advises; numbers stay numbers, and a sign alone ("-", no names) is no formula."""
    if not isinstance(value, str):
        return value
    value = value.replace("\r", "\n")  # csv leaves it without quotation marks, and it would end the row
    if len(value) == 1 or value[:1] not in ("=", "+", "-", "@", "\t", "\n"):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def path(text: str | os.PathLike[str]) -> Path:
    """A file or folder; ``~/`` and ``~name/`` are home folders, unless nobody is called so (``~draft.csv``)."""
    if not isinstance(text, (str, os.PathLike)):
        raise Problem(f"{text!r} ({type(text).__name__}) is not a path. Give a file or folder, or a run that was read.")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def is_hub_id(text: str) -> bool:
    """Whether ``USER/NAME`` of a hub is meant, not a folder of that name."""
    return bool(re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", text)) and not path(text).exists()


def boolean(name: str, text: str) -> bool:
    """``true`` or ``false``."""
    word = unquoted(text.strip()).lower()
    if word not in ("true", "false"):
        raise Problem(f"{name}={text} is neither true nor false.")
    return word == "true"


def number(name: str, text: str, kind: str) -> int | float:
    """A finite number; ``kind`` is "int" or "float"."""
    word = unquoted(text.strip())
    try:
        value = int(word) if kind == "int" else float(word)
    except ValueError:
        raise Problem(f"{name}={text} is not {'a whole number' if kind == 'int' else 'a number'}.") from None
    if not math.isfinite(value):
        raise Problem(f"{name}={text} is not a finite number.")
    return value


def _between(text: str, opening: str, closing: str) -> str | None:
    text = text.strip()
    return text[1:-1] if len(text) >= 2 and text[0] == opening and text[-1] == closing else None
