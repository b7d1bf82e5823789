"""Means over groups: of unseen languages of one family or one script, and over tasks with weights that are stated."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mslt_it.evaluation.estimates import Settings, macro
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import Measure
from mslt_it.languages import likely_script, script_name
from mslt_it.problems import Problem
from mslt_it.selection.typology import family_names, uriel_code

if TYPE_CHECKING:
    from mslt_it.evaluation.scores import Figures


@dataclass(frozen=True)
class GroupMean:
    """One system's mean over the unseen languages of a family or script."""

    task: str
    system: str
    variant: str
    metric: str
    kind: str  # "family" (top of URIEL's tree) or "script"
    group: str  # "Indo-European", "Arabic"
    languages: tuple[str, ...]
    n: int  # items
    value: float
    low: float  # for these languages on other items like these
    high: float


@dataclass(frozen=True)
class TaskMean:
    """One system's weighted mean of its tasks' figures, or a difference of two."""

    name: str  # "SYSTEM / VARIANT"
    minus: str  # what is taken away, "" of a mean
    weights: Mapping[str, float]  # task -> share
    values: Mapping[str, float]  # task -> figure
    value: float
    low: float
    high: float


def families(codes: Sequence[str]) -> list[str | None]:
    """The families of languages, by URIEL; None where that has none (isolates such as Basque, and gaps)."""
    known = {}
    for code in codes:
        with contextlib.suppress(Problem):
            known[code] = uriel_code(code)
    names = dict(zip(known, family_names(list(known.values())), strict=True))
    return [names.get(code) for code in codes]


def scripts(codes: Sequence[str]) -> list[str | None]:
    """The scripts that languages are usually written in."""
    return [script_name(likely_script(code)) for code in codes]


KINDS: Mapping[str, Callable[[Sequence[str]], list[str | None]]] = {"family": families, "script": scripts}


def language_groups(
    task: str, measure: Measure, systems: Mapping[tuple[str, str], Sequence[Cell]], settings: Settings
) -> list[GroupMean]:
    """The means of every group that has several languages and not all of them; ``systems``: (system, variant) -> its
    unseen languages' cells."""
    found = []
    codes = list(dict.fromkeys(cell.language for cells in systems.values() for cell in cells))
    for kind, groups_of in KINDS.items() if len(codes) > 2 else ():
        names = dict(zip(codes, groups_of(codes), strict=True))
        for name in sorted({one for one in names.values() if one}):
            members = tuple(code for code in codes if names[code] == name)
            if not 1 < len(members) < len(codes):
                continue
            for (system, variant), cells in systems.items():
                own = macro(measure, [cell for cell in cells if cell.language in members], settings=settings)
                told = (kind, name, members, own.n, own.value, own.low, own.high)
                found.append(GroupMean(task, system, variant, measure.name, *told))
    return found


def task_means(of_tasks: Mapping[str, Figures], weights: Mapping[str, float]) -> list[TaskMean]:
    """Each system's mean over the tasks, and the differences between systems or variants; empty with one task.
    ``weights``: task -> weight, not normalised; a task that is not named has 1.

    A task counts with its mean over the unseen languages. Tasks have other items, so their errors are independent, and
    the interval is made of theirs: value - sqrt(sum of (w (value - low))^2), and the same above (MOVER; Zou and Donner
    2008, Statistics in Medicine 27). What has no valid mean in a task has none over them.
    """
    if len(of_tasks) < 2:
        return []
    total = sum(weights.get(name, 1.0) for name in of_tasks)
    shares = {name: weights.get(name, 1.0) / total for name in of_tasks}
    ends: dict[tuple[str, str], dict[str, tuple[float, float, float]]] = {}
    for task, figures in of_tasks.items():
        for row in figures.rows:
            if row.is_mean and row.metric == figures.rows[0].metric and None not in (row.value, row.low, row.high):
                assert row.value is not None and row.low is not None and row.high is not None
                ends.setdefault((f"{row.system} / {row.variant}", ""), {})[task] = row.value, row.low, row.high
        for one in figures.differences:
            ends.setdefault((one.name_a, one.name_b), {})[task] = one.value, one.low, one.high
    found = []
    for (name, minus), own in ends.items():
        if len(own) < len(of_tasks):
            continue
        w = np.array([shares[task] for task in own])
        value, low, high = np.array(list(own.values())).T
        mean = float(w @ value)
        down, up = (float(np.sqrt(np.square(w * (value - end)).sum())) for end in (low, high))
        values = {task: one for task, (one, _, _) in own.items()}
        found.append(TaskMean(name, minus, {task: shares[task] for task in own}, values, mean, mean - down, mean + up))
    return sorted(found, key=lambda one: bool(one.minus))
