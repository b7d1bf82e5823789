"""What several systems did with the same items of the same languages, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    """Counts of the same items, per language."""

    languages: tuple[str, ...]
    item_ids: tuple[tuple[str, ...], ...]  # per language
    counts: tuple[np.ndarray, ...]  # per language: float (items, systems, k)
    systems: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]  # per language
    drawn: tuple[Component, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "drawn", tuple(components(self.item_ids, self.groups)))

    @staticmethod
    def of(systems: Mapping[str, Sequence[Cell]]) -> Matched:
        """The evaluator asks all systems the same; a Problem where these were asked something else.

        Args:
            systems: name -> its languages' cells, all in the same order.
        """
        (name, first), *others = systems.items()
        for other, cells in others:
            if [(cell.language, cell.item_ids) for cell in cells] != [(cell.language, cell.item_ids) for cell in first]:
                raise Problem(
                    f"'{name}' and '{other}' cannot be compared: they were asked other items or languages. Score both "
                    "on the same split and items."
                )
        return Matched(
            tuple(cell.language for cell in first),
            tuple(cell.item_ids for cell in first),
            tuple(
                np.stack([cell.counts for cell in cells], axis=1).astype(float)
                for cells in zip(*systems.values(), strict=True)
            ),
            tuple(systems),
            tuple(cell.groups for cell in first),
        )

    def alone(self, row: int) -> Matched:
        """One of the languages."""
        return Matched(
            (self.languages[row],), (self.item_ids[row],), (self.counts[row],), self.systems, (self.groups[row],)
        )

    @property
    def num_clusters(self) -> int:
        return sum(one.num_clusters for one in self.drawn)

    def values(self, measure: Measure) -> np.ndarray:
        """(languages, systems) figures."""
        return np.array([measure.value(counts.sum(axis=0)) for counts in self.counts])

    def num_differing(self, a: int, b: int) -> list[int]:
        """Per component, clusters on which two systems' counts differ."""
        found = []
        for component in self.drawn:
            differs = np.zeros(component.num_clusters, dtype=bool)
            for place, number in zip(component.cluster_of, component.languages, strict=True):
                counts = self.counts[number]
                differs[place[(counts[:, a] != counts[:, b]).any(axis=1)]] = True
            found.append(int(differs.sum()))
        return found

    def resampled(self, measure: Measure, *, num_bootstrap: int, seed: int) -> np.ndarray:
        """(languages, systems, resamples) figures."""
        figures = np.empty((len(self.languages), len(self.systems), num_bootstrap))
        for component in self.drawn:
            rows = list(component.languages)
            figures[rows] = resampled(
                component,
                [self.counts[row] for row in rows],
                measure.value,
                num_bootstrap=num_bootstrap,
                seed=seed,
                name=min(self.languages[row] for row in rows),
            )
        return figures
