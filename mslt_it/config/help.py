"""Help made of the schemas: every key with its default, what it is, its unit and allowed values, in the terminal's
width."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Mapping

from mslt_it.config.schema import REQUIRED, Key, keys, sections

MAX_WIDTH = 120
_LONGEST_CHOICES = 80  # characters; longer ones are listed by themselves, where the key's text says


def width() -> int:
    """Columns of the terminal; 100 where there is none."""
    return min(MAX_WIDTH, max(60, shutil.get_terminal_size((100, 24)).columns))


def paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, width(), break_long_words=False, break_on_hyphens=False)


def listing(rows: Mapping[str, str]) -> list[str]:
    """Two columns, the second wrapped; what is too long for the first stands on a line of its own."""
    total = width()
    column = min(max((len(left) for left in rows), default=0) + 4, 44 if total >= 100 else 36)
    lines: list[str] = []
    for left, right in rows.items():
        wrapped = textwrap.wrap(right, total - column, break_long_words=False, break_on_hyphens=False) or [""]
        if len(left) + 4 > column:
            lines.append(f"  {left}")
        else:
            lines.append(f"  {left:<{column - 2}}{wrapped.pop(0)}".rstrip())
        lines += [" " * column + line for line in wrapped if line]
    return lines


def key_lines(found: Iterable[Key]) -> list[str]:
    """``KEY=DEFAULT  what it is [unit; allowed values]`` of each key."""
    return listing(dict(_key_line(key) for key in found if key.in_help))


def recipe_lines(schema: type, names: Iterable[str] | None = None) -> list[str]:
    """The keys of a schema, section by section; ``names``: only these sections."""
    inner = sections(schema)
    own = [found for name, found in keys(schema).items() if "." not in name]
    lines = [f"{(schema.__doc__ or '').strip()}", *key_lines(own)]
    for name in names if names is not None else inner:
        text = " ".join((inner[name].__doc__ or "").split())
        lines += ["", *paragraph(f"{name}: {text}")]
        lines += key_lines(found for key, found in keys(schema).items() if key.startswith(f"{name}."))
    return lines


def _key_line(key: Key) -> tuple[str, str]:
    in_words = bool(key.shown) and (" " in key.shown or key.shown.startswith("("))
    if key.default is REQUIRED and not key.shown:
        left = f"{key.name}={key.example or key.name.upper()}"
    else:
        left = key.name if in_words else f"{key.name}={key.shown_default}"
    choices = " | ".join(key.choices)
    default = key.shown[1:-1] if key.shown.startswith("(") else key.shown
    limits = [
        *(["required"] if key.default is REQUIRED and not key.shown else []),
        *([key.unit] if key.unit else []),
        *([choices] if 0 < len(choices) <= _LONGEST_CHOICES else []),
        *([key.limits] if key.limits else []),
        *([f"default: {default}"] if in_words else []),
    ]
    return left, key.help + (f" [{'; '.join(limits)}]" if limits else "")
