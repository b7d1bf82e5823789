"""The examples of one language and split, each made when it is looked at: rows are drawn by ids and labels, and of a
million rows a few thousand are trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from mslt_it.records import Example


class Examples(Sequence[Example]):
    """A list of examples of which ids, labels and faults are at hand without making them.

    Args:
        make: the example of a row's number; called anew each time.
    """

    def __init__(
        self, ids: Sequence[str], labels: Sequence[str], faults: Sequence[str], make: Callable[[int], Example]
    ) -> None:
        self.ids, self.labels, self.faults, self._make = ids, labels, faults, make

    @staticmethod
    def of(found: Sequence[Example]) -> Examples:
        """Examples that are made already."""
        if isinstance(found, Examples):
            return found
        return Examples(
            [e.id for e in found], [e.label for e in found], [e.fault for e in found], lambda number: found[number]
        )

    def at(self, numbers: Sequence[int]) -> Examples:
        """Those of the numbers, in their order."""
        ids, labels, faults = ([kind[n] for n in numbers] for kind in (self.ids, self.labels, self.faults))
        return Examples(ids, labels, faults, lambda number: self._make(numbers[number]))

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, number: int) -> Example: ...
    @overload
    def __getitem__(self, number: slice) -> list[Example]: ...
    def __getitem__(self, number: int | slice) -> Example | list[Example]:
        """One of them, or a list of some."""
        numbers = range(len(self))[number]
        return self._make(numbers) if isinstance(numbers, int) else [self._make(n) for n in numbers]

    def __iter__(self) -> Iterator[Example]:
        return map(self._make, range(len(self)))
