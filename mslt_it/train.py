"""The main job: build the data, train the adapter, score every language, print the table (`mslt_it.pipeline`).

accelerate launch mslt_it/train.py recipe=xnli_3src
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # As a script, Python puts this file's folder first on sys.path, where our modules would hide others.
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# Spinning OpenMP threads starve each other on shared cores; must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from mslt_it.command import Call, execute, recipe_command, recipe_of
from mslt_it.config.compose import load_recipe
from mslt_it.data.resolve import resolved
from mslt_it.data.rows import RowStore
from mslt_it.quiet import quiet_imports
from mslt_it.terminal import run


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a recipe; 0 when every score is valid, 1 when one is not."""
    return execute(COMMAND, sys.argv[1:] if argv is None else argv)


def _run(call: Call) -> int:
    from mslt_it.models.packaged import with_reachable_base
    from mslt_it.selection.auto import choose_sources  # brings numpy, which help can do without

    recipe = with_reachable_base(load_recipe(*recipe_of(call), choose=choose_sources))

    def tokenizer() -> Any:
        from mslt_it.models.base_model import load_tokenizer

        return load_tokenizer(recipe.model)

    rows = RowStore()
    recipe = resolved(recipe, tokenizer, rows)
    # torch is imported from here on: help and wrong recipes are answered without it.
    from mslt_it.pipeline import Parts, run_recipe

    if recipe.combine.method != "none":
        from mslt_it.publish.separate_training import train_apart

        return train_apart(recipe, run_recipe)
    return run_recipe(recipe, Parts(rows), details="--details" in call.flags)


COMMAND = recipe_command(
    "train",
    "Build the training data, train the adapter, score every language, base and adapter on the same items. Started "
    "again, it continues from the last checkpoint.",
    (
        "mslt train recipe=xnli_3src",
        "mslt train recipe=xnli_3src 'sources=[en,ar,zh]' seed=1 training.learning_rate=1e-3",
        "mslt train recipe=custom task.data=my.csv task.input=text task.label=intent 'sources=[en,ar]' targets=rest",
    ),
    _run,
    flags=("--details",),
)


if __name__ == "__main__":
    quiet_imports()
    sys.exit(run(main))
