"""The tables by which answers are read: one file for each language in eval/answers.

What a table holds, and which form its entries have, stands where it is used. A language that a table does not name is
read by the English entry alone.
"""

from __future__ import annotations

import functools
from typing import Any

import yaml

from mslt_it.config.files import YAML_LOADER, share_dir


def table(name: str) -> dict[str, Any]:
    """Language -> its entry, English first; lists are tuples."""
    return {code: _fixed(content[name]) for code, content in _languages().items() if name in content}


def words_of(name: str) -> dict[str, frozenset[str]]:
    """Language -> its words, of a table whose entries are words with spaces between."""
    return {code: frozenset(entry.split()) for code, entry in table(name).items()}


@functools.cache
def _languages() -> dict[str, dict[str, Any]]:
    files = {path.stem: path for path in (share_dir("eval") / "answers").glob("*.yaml")}
    codes = sorted(files, key=lambda code: (code != "en", code))
    return {code: yaml.load(files[code].read_text(encoding="utf-8"), Loader=YAML_LOADER) for code in codes}


def _fixed(entry: Any) -> Any:
    return tuple(map(_fixed, entry)) if isinstance(entry, list) else entry
