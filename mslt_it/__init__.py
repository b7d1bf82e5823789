"""Instruction-tuning in a few languages, scored zero-shot in others.

    from mslt_it import train, evaluate, predict, select, merge

docs/api.md shows them. A name is loaded when it is asked for: importing the package takes no time and no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mslt_it.api import Evaluation, Merged, Ranking, TrainedRun, evaluate, load_recipe, merge, select, train
    from mslt_it.config.recipe import Recipe
    from mslt_it.prediction.labeller import predict
    from mslt_it.problems import Problem

# Where a name is, unless in mslt_it.api.
_HOMES = {"predict": "mslt_it.prediction.labeller", "Recipe": "mslt_it.config.recipe", "Problem": "mslt_it.problems"}
__all__ = [
    "Evaluation",
    "Merged",
    "Problem",
    "Ranking",
    "Recipe",
    "TrainedRun",
    "evaluate",
    "load_recipe",
    "merge",
    "predict",
    "select",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'mslt_it' has no attribute '{name}'")
    importlib.import_module("mslt_it.quiet").quiet_imports()
    found = getattr(importlib.import_module(_HOMES.get(name, "mslt_it.api")), name)
    globals()[name] = found  # the next time without this function, and before a module of the same name
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
