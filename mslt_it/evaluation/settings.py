"""How answers are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from mslt_it.data.variants import answer_kind
from mslt_it.problems import Problem
from mslt_it.records import TaskConfig


@dataclass(frozen=True)
class Settings:
    """How many answers are written per item, and how their tokens are drawn."""

    samples: int = 1
    temperature: float = 0.7  # of samples > 1; a single answer is greedy
    top_p: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples > 1 and not self.temperature > 0:
            raise Problem(f"temperature={self.temperature}: {self.samples} samples would be alike. Write 0.7.")
        if not 0 < self.top_p <= 1:
            raise Problem(f"top_p={self.top_p} is out of range. It must be above 0 and at most 1.")


def check_samples(task: TaskConfig, settings: Settings) -> None:
    """A Problem where there is nothing that samples could vote on."""
    if settings.samples > 1 and answer_kind(task) is None:
        raise Problem(
            f"samples={settings.samples}: answers of task={task.name} ({task.metric}) cannot be voted on; only labels "
            "and numbers can. Use samples=1."
        )
