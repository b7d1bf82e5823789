"""What was asked and answered, a line per item, appended batch by batch: nothing that was computed is lost.

The first line says what the rest belongs to. A batch is written in one call and forced to the disk before the next one
is begun; whatever a kill left half-written (a torn line, part of a batch) is cut off at the next start, and that batch
is done again. Since batches and their order follow from the questions alone, the file of an interrupted evaluation is,
byte for byte, that of one that ran through.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it.problems import Problem
from mslt_it.tuning.checkpoints import write_atomically

HEAD = "evaluation_of"  # key of the first line


class Journal:
    """One file of answers.

    Args:
        head: what the answers are of; a file that was begun for something else is refused.
        batch_sizes: items per batch, in the order in which batches are appended.
    """

    def __init__(self, path: Path, head: Mapping[str, Any], batch_sizes: Sequence[int]) -> None:
        self.path = path
        self._first = _line({HEAD: dict(head)})
        self._sizes = tuple(batch_sizes)

    def open(self) -> int:
        """How many batches are there, whole; makes the file, or cuts off what is torn."""
        if not self.path.is_file():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, self._first)
            return 0
        content = self.path.read_bytes()
        first = self._first.encode()
        if first.startswith(content) and content != first:  # empty, or its first line torn: nothing is lost
            write_atomically(self.path, self._first)
            return 0
        if not content.startswith(first):
            raise Problem(
                f"{self.path} was begun for something else (other weights, prompts, rows or settings). Choose another "
                "out=, or remove that folder."
            )
        done, end = self._whole(content, len(first))
        if end < len(content):
            with self.path.open("r+b") as file:
                file.truncate(end)
                file.flush()
                os.fsync(file.fileno())
        return done

    def append(self, batch: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """The answers of the next batch, on the disk when this returns."""
        text = "".join(_line({"batch": batch, **row}) for row in rows)
        with self.path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def rows(self) -> list[dict[str, Any]]:
        """All answers, in the order of the batches; a Problem where some are missing."""
        content = self.path.read_bytes()
        done, end = self._whole(content, len(self._first.encode()))
        if done < len(self._sizes) or end < len(content):
            raise Problem(
                f"{self.path} is not complete: {done} of {len(self._sizes)} batches. Start the command again."
            )
        return [json.loads(line) for line in content.split(b"\n")[1:-1]]

    def _whole(self, content: bytes, start: int) -> tuple[int, int]:
        """(whole batches, offset where they end)."""
        done, in_batch, end, at = 0, 0, start, start
        while done < len(self._sizes) and (stop := content.find(b"\n", at)) >= 0:
            try:
                number = json.loads(content[at:stop])["batch"]
            except (ValueError, KeyError, TypeError):
                break
            if number != done:
                break
            in_batch += 1
            at = stop + 1
            if in_batch == self._sizes[done]:
                done, in_batch, end = done + 1, 0, at
        return done, end


def _line(row: Mapping[str, Any]) -> str:
    # allow_nan=False: a NaN in a file of answers is a bug; scores that are not finite are written as text.
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
