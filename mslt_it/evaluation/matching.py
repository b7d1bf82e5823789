"""What several systems did with the same items of the same languages, side by side."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mslt_it.evaluation.clusters import Component, components, resampled
from mslt_it.evaluation.measures import Measure
from mslt_it.problems import Problem


@dataclass(frozen=True, eq=False)
class Cell:
    """What one system (and prompt variant) did with the items of one language."""

    language: str
    item_ids: tuple[str, ...]  # equal ids in two languages are translations of each other
    counts: np.ndarray  # float (items, k), as the measure counts them
    groups: tuple[str, ...] = ()  # per item; items with one name share a premise or passage. Empty: none do

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", self.groups or ("",) * len(self.item_ids))


@dataclass(frozen=True, eq=False)
class Matched:
    """Counts of the same items; ``cells``: per language, with counts (items, systems, k)."""

    systems: tuple[str, ...]
    cells: tuple[Cell, ...]

    @staticmethod
    def of(systems: Mapping[str, Sequence[Cell]]) -> Matched:
        """Of name -> its languages' cells, all in the same order; a Problem where one was asked something else."""
        (name, first), *others = systems.items()
        for other, cells in others:
            if [(cell.language, cell.item_ids) for cell in cells] != [(cell.language, cell.item_ids) for cell in first]:
                raise Problem(
                    f"'{name}' and '{other}' cannot be compared: they were asked different items or languages. Score "
                    "both on the same split and items."
                )
        together = zip(*systems.values(), strict=True)
        counts = [np.stack([cell.counts for cell in cells], axis=1).astype(float) for cells in together]
        return Matched(
            tuple(systems), tuple(replace(cell, counts=own) for cell, own in zip(first, counts, strict=True))
        )

    @functools.cached_property
    def drawn(self) -> list[Component]:
        return components([cell.item_ids for cell in self.cells], [cell.groups for cell in self.cells])

    def alone(self, row: int) -> Matched:
        return Matched(self.systems, (self.cells[row],))

    @property
    def num_items(self) -> int:
        return sum(len(cell.item_ids) for cell in self.cells)

    @property
    def num_clusters(self) -> int:
        return sum(one.num_clusters for one in self.drawn)

    def values(self, measure: Measure) -> np.ndarray:
        """(languages, systems) figures."""
        return np.array([measure.value(cell.counts.sum(axis=0)) for cell in self.cells])

    def num_differing(self, a: int, b: int) -> list[int]:
        """Per component, clusters on which two systems' counts differ."""
        found = []
        for component in self.drawn:
            differs = np.zeros(component.num_clusters, dtype=bool)
            for place, number in zip(component.cluster_of, component.languages, strict=True):
                counts = self.cells[number].counts
                differs[place[(counts[:, a] != counts[:, b]).any(axis=1)]] = True
            found.append(int(differs.sum()))
        return found

    def resampled(self, measure: Measure, *, num_bootstrap: int, seed: int) -> np.ndarray:
        """(languages, systems, resamples) figures."""
        figures = np.empty((len(self.cells), len(self.systems), num_bootstrap))
        for component in self.drawn:
            rows = list(component.languages)
            figures[rows] = resampled(
                component,
                [self.cells[row].counts for row in rows],
                measure.value,
                num_bootstrap=num_bootstrap,
                seed=seed,
                name=min(self.cells[row].language for row in rows),
            )
        return figures
