"""Every text of eval: composed letters, no unseen signs, no word that mixes scripts, no letters of a neighbour."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fontTools.unicodedata import script
from written_in import FOREIGN_LETTERS

from mslt_it.config.files import share_dir

FILES = sorted(share_dir("eval").rglob("*.yaml"))
ONE_SCRIPT = {"Hani", "Hira", "Kana", "Zyyy", "Zinh"}  # Japanese mixes three; digits and marks go with any
# Latin letters stand right by those of unspaced scripts, and Thai patterns name the first and last of its signs.
UNSPACED = {"ja", "ko", "th", "zh"}
JOINERS = {"te": {"\u200c"}}  # keeps జూన్‌లో apart


def strings(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for part in (*content, *content.values()) if isinstance(content, dict) else content:
            yield from strings(part)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(share_dir("eval"))))
def test_letters(path: Path) -> None:
    code = path.stem.rpartition("_")[2]
    for text in strings(yaml.safe_load(path.read_text(encoding="utf-8"))):
        assert unicodedata.is_normalized("NFC", text), text
        unseen = {sign for sign in text if unicodedata.category(sign) in ("Cc", "Cf", "Co", "Zl", "Zp")} - {"\n"}
        assert unseen <= JOINERS.get(code, set()), (unseen, text)
        if path.parent.name != "answers":  # where they stand to be recognised
            foreign = {sign for sign in FOREIGN_LETTERS.get(code, "") if not sign.isascii()}  # names of fields are
            assert not set(text) & foreign, text
        words = re.findall(r"[^\W\d_]+", re.sub(r"\\[a-zA-Z]|[^\x00-\x7f]-[^\x00-\x7f]", " ", text))
        mixed = [word for word in words if len(set(map(script, word)) - ONE_SCRIPT) > 1]
        assert code in UNSPACED or not mixed, mixed
