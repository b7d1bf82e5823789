"""Means over tasks, with weights that are stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mslt_it.evaluation.scores import Figures


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
