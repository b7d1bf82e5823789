"""The same items of several systems and languages, side by side."""

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
        counts = np.asarray(self.counts, dtype=float)
        object.__setattr__(self, "counts", counts)
        if not self.groups:
            object.__setattr__(self, "groups", ("",) * len(self.item_ids))
        if not self.item_ids:
            raise Problem(f"Language '{self.language}' has no items: there is nothing to estimate from.")
        if counts.ndim != 2 or not len(counts) == len(self.item_ids) == len(self.groups):
            raise Problem(
                f"Language '{self.language}': {len(self.item_ids)} items, but counts of shape {counts.shape} and "
                f"{len(self.groups)} groups. Give one row of counts per item, and one group or none at all."
            )
        broken = np.flatnonzero(~np.isfinite(counts).all(axis=1))
        if broken.size:
            raise Problem(
                f"Language '{self.language}', item '{self.item_ids[broken[0]]}': counts {counts[broken[0]].tolist()} "
                f"are not finite ({broken.size} such items). Leave out a system whose scores are invalid."
            )


@dataclass(frozen=True, eq=False)
class Matched:
    """Counts of the same items, per language and system."""

    languages: tuple[str, ...]
    item_ids: tuple[tuple[str, ...], ...]  # per language
    groups: tuple[tuple[str, ...], ...]  # per language
    counts: tuple[Mapping[str, np.ndarray], ...]  # per language: system -> (items, k); systems without it are missing
    systems: tuple[str, ...]
    drawn: tuple[Component, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "drawn", tuple(components(self.item_ids, self.groups)))

    @property
    def num_clusters(self) -> int:
        return sum(one.num_clusters for one in self.drawn)

    def among(self, languages: Sequence[str]) -> Matched:
        """Some of the languages."""
        rows = [self.languages.index(code) for code in languages]
        if len(rows) == len(self.languages):
            return self
        return Matched(
            tuple(languages),
            tuple(self.item_ids[i] for i in rows),
            tuple(self.groups[i] for i in rows),
            tuple(self.counts[i] for i in rows),
            self.systems,
        )

    def common(self, a: str, b: str) -> list[str]:
        """The languages that both systems have."""
        return [code for code, of in zip(self.languages, self.counts, strict=True) if a in of and b in of]

    def of(self, code: str) -> Mapping[str, np.ndarray]:
        return self.counts[self.languages.index(code)]

    def values(self, measure: Measure, system: str, languages: Sequence[str] | None = None) -> list[float]:
        """The system's figure per language."""
        chosen = self.languages if languages is None else languages
        return [float(measure.value(self.of(code)[system].sum(axis=0))) for code in chosen]

    def num_differing(self, a: str, b: str) -> list[int]:
        """Per component, clusters on which two systems' counts differ in languages that both have."""
        found = []
        for component in self.drawn:
            differs = np.zeros(component.num_clusters, dtype=bool)
            for place, number in zip(component.cluster_of, component.languages, strict=True):
                of = self.counts[number]
                if a in of and b in of:
                    differs[place[(of[a] != of[b]).any(axis=1)]] = True
            found.append(int(differs.sum()))
        return found

    def resampled(self, measure: Measure, *, num_bootstrap: int, seed: int) -> np.ndarray:
        """(languages, systems, resamples) figures; 0 where a system lacks a language."""
        figures = np.zeros((len(self.languages), len(self.systems), num_bootstrap))
        for component in self.drawn:
            counts = []
            for number in component.languages:
                of = self.counts[number]
                nothing = np.zeros_like(next(iter(of.values())))
                counts.append(np.stack([of.get(system, nothing) for system in self.systems], axis=1))
            name = min(self.languages[number] for number in component.languages)
            with np.errstate(invalid="ignore"):  # of systems that lack a language: 0 / 0
                figures[list(component.languages)] = resampled(
                    component, counts, measure.value, num_bootstrap=num_bootstrap, seed=seed, name=name
                )
        return np.nan_to_num(figures)


def by_language(system: str, cells: Sequence[Cell]) -> dict[str, Cell]:
    found: dict[str, Cell] = {}
    for cell in cells:
        if cell.language in found:
            raise Problem(f"'{system}' has language '{cell.language}' twice. Give one cell per language.")
        found[cell.language] = cell
    return found


def match(systems: Mapping[str, Mapping[str, Cell]], languages: Sequence[str]) -> Matched:
    """The items that every system of a language has there."""
    kept, ids, groups, counts = [], [], [], []
    for code in languages:
        present = {system: cells[code] for system, cells in systems.items() if code in cells}
        first = next(iter(present.values()))
        if all(cell.item_ids == first.item_ids for cell in present.values()):
            # Also where an id is there twice: every system has the same list, or there is one only.
            own, names, of_systems = first.item_ids, first.groups, {s: cell.counts for s, cell in present.items()}
        else:
            places = {system: _places(system, cell) for system, cell in present.items()}
            own = tuple(item for item in first.item_ids if all(item in of for of in places.values()))
            names = tuple(first.groups[places[next(iter(present))][item]] for item in own)
            of_systems = {s: cell.counts[[places[s][item] for item in own]] for s, cell in present.items()}
        if own:
            kept.append(code)
            ids.append(own)
            groups.append(names)
            counts.append(of_systems)
    return Matched(tuple(kept), tuple(ids), tuple(groups), tuple(counts), tuple(systems))


def _places(system: str, cell: Cell) -> dict[str, int]:
    """Item id -> row."""
    places = {item: number for number, item in enumerate(cell.item_ids)}
    if len(places) < len(cell.item_ids):
        twice = next(item for number, item in enumerate(cell.item_ids) if places[item] != number)
        raise Problem(
            f"'{system}', language '{cell.language}': item '{twice}' is there twice, so items cannot be paired. "
            "Give every item its own id."
        )
    return places


def num_of_either(a: Mapping[str, Cell], b: Mapping[str, Cell]) -> int:
    """Items that one or both have, in all languages; one that is there twice in both counts twice."""
    lists = [[cells[code].item_ids for cells in (a, b) if code in cells] for code in {**a, **b}]
    return sum(len(own[0]) if own[0] == own[-1] else len(set().union(*own)) for own in lists)


def nothing_shared(a: str, b: str, used: Mapping[str, Mapping[str, Cell]]) -> str:
    """Why two systems cannot be compared."""
    both = [code for code in used[a] if code in used[b]]
    start = f"'{a}' and '{b}' cannot be compared"
    if not both:
        of_a, of_b = (", ".join(used[s]) or "none" for s in (a, b))
        return (
            f"{start}: they have no language in common ('{a}': {of_a}; '{b}': {of_b}). Score both in at least one "
            "language."
        )
    if any(set(used[a][code].item_ids) & set(used[b][code].item_ids) for code in both):
        others = ", ".join(s for s in used if s not in (a, b) and any(code in used[s] for code in both))
        return (
            f"{start} in this family: no item of {', '.join(both)} that both have is in {others} too. Compare them by "
            "themselves, or score all systems on the same items."
        )
    return (
        f"{start}: no item in common in {', '.join(both)} (in '{both[0]}', '{a}' has '{used[a][both[0]].item_ids[0]}' "
        f"and others, '{b}' '{used[b][both[0]].item_ids[0]}' and others). Score both on the same split and items."
    )
