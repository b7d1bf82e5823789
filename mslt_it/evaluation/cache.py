"""Answers kept between evaluations, found again by what decides them and never by a name.

The key of an answer is the SHA-256 of the weights and the adapter (their hashes), the tokens of the prompt, what is
asked of the model (the tokens of the choices, or the limits and the sampling of a generation), and for a sampled answer
the item and the sample. Rename a folder, move a model, reorder the rows: the answers are found. Change one weight or
one word: they are not.

A SQLite file; several processes may use one at once.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it.journal import opened_line, sealed_line
from mslt_it.problems import Problem
from mslt_it.store import value_sha256

FILE = "answers.sqlite"
TABLE = "answers_2"  # a new name with any change of what keys or values mean
SECONDS = 60  # to wait for another process


def key_of(parts: Mapping[str, Any]) -> bytes:
    """32 bytes that stand for everything that decides an answer."""
    return bytes.fromhex(value_sha256(dict(parts)))


class AnswerCache:
    """Answers by key; ``folder`` None keeps none."""

    def __init__(self, folder: Path | None) -> None:
        self._connection: sqlite3.Connection | None = None
        if folder is None:
            return
        self._path = folder / FILE
        with self._explained():
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, timeout=SECONDS)
            if self._connection.execute("SELECT 1 FROM sqlite_master WHERE type IN ('view', 'trigger')").fetchone():
                raise ValueError("it has views or triggers, which run when it is read and are not ours")
            with self._connection as connection:
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {TABLE} (key BLOB PRIMARY KEY, value TEXT) WITHOUT ROWID"
                )

    def get(self, keys: Sequence[bytes]) -> list[dict[str, Any]] | None:
        """The answers to all keys, or None where one is missing."""
        if self._connection is None:
            return None
        with self._explained():
            select = f"SELECT value FROM {TABLE} WHERE key = ?"
            rows = [self._connection.execute(select, (key,)).fetchone() for key in keys]
        found = [
            opened_line(row[0].encode(), key) if row and isinstance(row[0], str) else None
            for key, row in zip(keys, rows, strict=True)
        ]
        whole = [answer for answer in found if answer is not None]  # None: unknown, or not as it was put there
        return whole if len(whole) == len(found) else None

    def put(self, keys: Sequence[bytes], answers: Sequence[Mapping[str, Any]]) -> None:
        """Keeps answers, all or none of them."""
        if self._connection is None:
            return
        rows = [(key, sealed_line(answer, key)[:-1]) for key, answer in zip(keys, answers, strict=True)]
        with self._explained(), self._connection as connection:
            connection.executemany(f"INSERT OR REPLACE INTO {TABLE} VALUES (?, ?)", rows)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error, ValueError) as error:
            raise Problem(
                f"The cache of answers {self._path} cannot be used: {error}. Remove the file, choose another folder "
                "with cache=DIR, or do without: cache=none."
            ) from error
