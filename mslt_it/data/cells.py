"""Cells of a table, without a dictionary for each of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


class Cells(Mapping[str, Any]):
    """A row's cells by column, the names shared by all rows: of a million rows the dictionaries took most memory.

    ``places``: column -> its number; a short row lacks its last columns.
    """

    __slots__ = ("cells", "places")

    def __init__(self, places: Mapping[str, int], cells: Sequence[Any]) -> None:
        self.places, self.cells = places, cells

    def __getitem__(self, name: str) -> Any:
        place = self.places[name]
        if place >= len(self.cells):
            raise KeyError(name)
        return self.cells[place]

    def get(self, name: str, default: Any = None) -> Any:
        place = self.places.get(name, len(self.cells))
        return self.cells[place] if place < len(self.cells) else default

    def __iter__(self) -> Iterator[str]:
        return (name for name, place in self.places.items() if place < len(self.cells))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def only_one(value: Any) -> Any:
    """What a list of one holds, None for an empty one: so tools for annotation write a row's label."""
    return (value[0] if value else None) if isinstance(value, (list, tuple)) and len(value) < 2 else value
