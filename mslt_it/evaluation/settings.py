"""How answers are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from mslt_it.config.recipe import TaskConfig
from mslt_it.data.variants import answer_kind
from mslt_it.problems import Problem


@dataclass(frozen=True)
class Settings:
    """How many answers are written per item, and how their tokens are drawn."""

    samples: int = 1
    temperature: float = 0.7  # of samples > 1; a single answer is greedy
    top_p: float = 0.95
    seed: int = 0


def check_samples(task: TaskConfig, settings: Settings) -> None:
    """A Problem where there is nothing that samples could vote on."""
    if settings.samples > 1 and answer_kind(task) is None:
        raise Problem(
            f"samples={settings.samples}: answers of task={task.name} ({task.metric}) cannot be voted on; only labels "
            "and numbers can. Use samples=1."
        )
