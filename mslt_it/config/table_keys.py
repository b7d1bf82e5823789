"""The recipe's keys that hold words of the user's own table, names of columns and labels, which may be anything
("null", "-1", "customer message"): the lines that an error shows for them, to be pasted into a shell.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from mslt_it.config.schema import written
from mslt_it.values import quoted, unquoted

# What a file may call otherwise beside the task's own columns.
COMMON_COLUMNS = ("id", "idx", "lang", "language")
OUTSIDE = "O"  # the tag of a token that is no name


def argument(key: str, value: str | Sequence[str]) -> str:
    """``key=text`` or ``key=[a,b]`` as an argument for the shell, to be read as this text or these names."""
    return shlex.quote(f"{key}={written(value)}")


def mapping_arguments(key: str, pairs: Mapping[str, str]) -> str:
    """``key.a=b key.c=d`` as arguments for the shell, to be read as these pairs."""
    if any("=" in name or not name or value != unquoted(value) for name, value in pairs.items()):  # "=" ends a key
        content = ", ".join(f"{quoted(name)}: {quoted(value)}" for name, value in pairs.items())
        return shlex.quote(f"{key}={{{content}}}")
    return " ".join(shlex.quote(f"{key}.{name}={value}") for name, value in pairs.items())
