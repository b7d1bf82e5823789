"""Answers that survive a kill and are nobody else's: files whose every line proves itself."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it.problems import Problem, warn
from mslt_it.store import put_aside, write_atomically

HEAD = "evaluation_of"  # key of a journal's first line
_SUM = ',"sum":"'  # 64 of 256 bits: guarded against are chance and haste, not somebody who computes them anew


class Journal:
    """One file of answers: a line per item, appended batch by batch, so that nothing that was computed is lost.

    The first line, ``head``, says what the rest belongs to. A batch is forced to the disk before the next one is begun;
    what a kill left of one is cut off at the next start. Batches and their order follow from the questions alone, so
    the file of an interrupted evaluation is, byte for byte, that of one that ran through. Each line ends in a hash of
    itself and of the first line: an answer that was changed, or is another model's, is asked for again, with all that
    follow it.

    Args:
        batch_sizes: items per batch, in the order in which batches are appended.
        replaces: a file that was begun for something else is begun anew, not refused.
    """

    def __init__(
        self, path: Path, head: Mapping[str, Any], batch_sizes: Sequence[int], *, replaces: bool = False
    ) -> None:
        self.path = path
        self._head = dict(head)
        self._first = _line({HEAD: self._head}).encode()
        self._sizes = tuple(batch_sizes)
        self._replaces = replaces

    def open(self) -> int:
        """How many batches are there, whole; makes the file, or cuts off what is torn or altered."""
        if not self.path.is_file():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, self._first.decode())
            return 0
        content = self.path.read_bytes()
        if not content.startswith(self._first):
            self._begin_anew(content)
            return 0
        _, done, end = self._whole(content, self._first)
        if end < len(content):
            left = content[end:].split(b"\n")[:-1]  # a kill tears the last line alone
            if any(opened_line(line, self._first) is None for line in left):
                warn(f"{self.path} was altered or damaged: what is affected is asked again.")
            with self.path.open("r+b") as file:
                file.truncate(end)
                file.flush()
                os.fsync(file.fileno())
        return done

    def _begin_anew(self, content: bytes) -> None:
        """Instead of a file with another first line; a Problem where that says that it is of something else."""
        is_torn = self._first.startswith(content)  # empty, or its first line torn: nothing is lost
        if not is_torn and not self._replaces:
            if _head_of(content) is not None:
                raise Problem(
                    f"{self.path} belongs to other work (other weights, prompts, rows or settings). Choose "
                    "another out=, or remove that folder."
                )
            put_aside(self.path)
        write_atomically(self.path, self._first.decode())

    def take_over(self, other: Path, key: str) -> bool:
        """Takes the answers of a journal that is whole and whose first line says the same of ``key``."""
        content = other.read_bytes()
        if (_head_of(content) or {}).get(key) != self._head[key]:
            return False
        rows, done, end = self._whole(content, content[: content.find(b"\n") + 1])
        if (done, end) != (len(self._sizes), len(content)):
            return False
        write_atomically(self.path, self._first.decode() + "".join(sealed_line(row, self._first) for row in rows))
        return True

    def append(self, batch: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """The answers of the next batch, on the disk when this returns."""
        text = "".join(sealed_line({"batch": batch, **row}, self._first) for row in rows)
        with self.path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def rows(self) -> list[dict[str, Any]]:
        """All answers, in the order of the batches; a Problem where some are missing."""
        content = self.path.read_bytes()
        rows, done, end = self._whole(content, self._first)
        if not content.startswith(self._first) or (done, end) != (len(self._sizes), len(content)):
            raise Problem(
                f"{self.path} is not complete: {done} of {len(self._sizes)} batches. Start the command again."
            )
        return rows

    def _whole(self, content: bytes, first: bytes) -> tuple[list[dict[str, Any]], int, int]:
        """(rows of the batches that are whole, how many batches these are, the offset where they end)."""
        rows: list[dict[str, Any]] = []
        end = at = len(first)
        for done, size in enumerate(self._sizes):
            batch: list[dict[str, Any]] = []
            while len(batch) < size and (stop := content.find(b"\n", at)) >= 0:
                row = opened_line(content[at:stop], first)
                if row is None or row.get("batch") != done:
                    break
                batch.append(row)
                at = stop + 1
            if len(batch) < size:
                return rows, done, end
            rows += batch
            end = at
        return rows, len(self._sizes), end


def read_answers(path: Path) -> list[dict[str, Any]] | None:
    """The answers of a journal, whatever it is of; None where it was altered or damaged."""
    first, *lines = path.read_bytes().split(b"\n")
    rows = [row for line in lines[:-1] if (row := opened_line(line, first + b"\n")) is not None]
    return rows if len(rows) == len(lines) - 1 and not lines[-1] else None


def sealed_line(row: Mapping[str, Any], bound_to: bytes) -> str:
    """A line of JSON that ends in a hash of itself and of what it belongs to."""
    text = _line(row)[:-2]  # without the brace and the line's end
    return f'{text}{_SUM}{_sum(text.encode(), bound_to)}"}}\n'


def opened_line(line: bytes, bound_to: bytes) -> dict[str, Any] | None:
    """The row of a line without its end; None where it is torn, was altered, or belongs to something else."""
    text, mark, rest = line.rpartition(_SUM.encode())
    if not mark or rest != f'{_sum(text, bound_to)}"}}'.encode():
        return None
    return dict(json.loads(text + b"}"))


def _sum(text: bytes, bound_to: bytes) -> str:
    return hashlib.sha256(bound_to + text).hexdigest()[:16]


def _head_of(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content.partition(b"\n")[0])[HEAD]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, dict) else None


def _line(row: Mapping[str, Any]) -> str:
    # allow_nan=False: a NaN in a file of answers is a bug; scores that are not finite are written as text.
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
