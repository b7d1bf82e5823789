"""What stands at the beginning of a GGUF file: its metadata and the types of its tensors.

The package ``gguf`` reads this too, in 24 s where there are 262,000 words; here they are skipped.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.problems import Problem

MAGIC = b"GGUF"
SCORES = "tokenizer.ggml.scores"
_NUMBERS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}  # type -> format of `struct`
_TEXT, _ARRAY = 8, 9


@dataclass(frozen=True)
class GgufHeader:
    """The metadata, of lists only those that were asked for; how many tensors there are of each kind (its type, its
    number of dimensions); and what these are called."""

    values: dict[str, Any]
    types: Counter[tuple[int, int]]
    names: frozenset[str]


def is_gguf(path: str) -> bool:
    """Whether ``model.path`` names a GGUF file."""
    return path.lower().endswith(".gguf")


def gguf_file(path: str) -> Path:
    """The file that ``model.path`` names; a Problem where it is not there."""
    file = values.path(path)
    if not file.is_file():
        raise Problem(f"model.path={path}: there is no such file. Give the path of the GGUF file.")
    return file


def read_header(file: Path, lists: Collection[str] = ()) -> GgufHeader:
    """The header of ``file``, with the ``lists`` that are named; a Problem where it is none, or ends before it does."""
    with file.open("rb") as opened:
        if opened.read(4) != MAGIC:
            raise Problem(f"model.path={file}: not a GGUF file: it does not begin with the letters GGUF.")
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return _Walk(content).header(lists)
            except (struct.error, OverflowError, ValueError, KeyError, RecursionError) as error:
                raise Problem(
                    f"model.path={file}: the GGUF file is truncated or damaged: its header ends too early. "
                    "Download it again."
                ) from error


def has_one_score(file: Path) -> bool:
    """Whether all tokens of a SentencePiece vocabulary have one score, so that nothing says which are joined first:
    llama.cpp's converter writes that where it finds no tokenizer.model, and the file cuts texts into other tokens."""
    told = read_header(file, [SCORES]).values
    return told.get("tokenizer.ggml.model") == "llama" and len({*(told.get(SCORES) or ())}) == 1


class _Walk:
    """From one value to the next."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content = content
        content.seek(len(MAGIC))

    def header(self, lists: Collection[str]) -> GgufHeader:
        _version, num_tensors, num_values = self.number("I"), self.number("Q"), self.number("Q")
        values, types, names = {}, Counter[tuple[int, int]](), set()
        for _ in range(num_values):
            name = self.text()
            kind = self.number("I")
            values[name] = self.list(self.number("I")) if kind == _ARRAY and name in lists else self.value(kind)
        for _ in range(num_tensors):
            names.add(self.text())
            dimensions = self.number("I")
            self.skip(8 * dimensions)
            types[self.number("I"), dimensions] += 1
            self.skip(8)  # where its data begin
        return GgufHeader(values, types, frozenset(names))

    def skip(self, length: int) -> None:
        self.content.seek(length, os.SEEK_CUR)

    def number(self, kind: str) -> Any:
        return struct.unpack(f"<{kind}", self.content.read(struct.calcsize(f"<{kind}")))[0]

    def text(self) -> str:
        length = self.number("Q")
        if len(text := self.content.read(length)) < length:
            raise struct.error("a text goes beyond the end of the file")
        return text.decode()

    def list(self, kind: int) -> list[Any]:
        return [self.value(kind) for _ in range(self.number("Q"))]

    def value(self, kind: int) -> Any:
        """A text or a number; None for a list, which is passed over."""
        if kind == _TEXT:
            return self.text()
        if kind != _ARRAY:
            return self.number(_NUMBERS[kind])
        of, length = self.number("I"), self.number("Q")
        if of in _NUMBERS:
            self.skip(struct.calcsize(f"<{_NUMBERS[of]}") * length)
            return None
        for _ in range(length):
            if of == _TEXT:
                self.skip(self.number("Q"))
            else:
                self.value(of)
        return None
