"""Looks at held-out rows of the source languages while training goes: the best checkpoint, and when to stop.

What is best and whether to stop follow from what was logged alone, which checkpoints keep: an interrupted run decides
as one that ran through. Every look is followed by a checkpoint, and the best one's is kept from being cleared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

PREFIX = "eval_"  # of what a look logs


class Validation(Protocol):
    """Held-out rows of the sources, and what a model makes of them; processes share the rows and add up the sums."""

    metric: str  # the task's main one: higher is better

    def sums(self, model: Any, rank: int, world_size: int) -> np.ndarray:
        """Of this process's share of the rows, float64."""

    def values(self, sums: np.ndarray) -> dict[str, float]:
        """``loss`` and the metric over all sources, and each as NAME/LANGUAGE."""


@dataclass(frozen=True)
class Look:
    """One of them, as it was logged."""

    step: int
    value: float  # of the metric
    loss: float


def looks(history: Sequence[Mapping[str, Any]], metric: str) -> list[Look]:
    """All so far, in order."""
    name = PREFIX + metric
    return [Look(entry["step"], entry[name], entry[f"{PREFIX}loss"]) for entry in history if name in entry]


def best(found: Sequence[Look]) -> Look | None:
    """The highest metric, of equal ones (rounding aside) the lowest loss, of these the first; None where nothing was
    looked at."""
    return max(found, key=lambda look: (round(look.value, 9), -look.loss), default=None)


def is_over(found: Sequence[Look], patience: int) -> bool:
    """Whether ``patience`` looks came after the best one."""
    first = best(found)
    return first is not None and 0 < patience <= len(found) - 1 - found.index(first)
