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

from mslt_it.arguments import wants_help
from mslt_it.quiet import quiet_imports
from mslt_it.recipe import load_recipe, parse_arguments
from mslt_it.recipe_help import help_text
from mslt_it.terminal import run

DETAILS = "--details"  # prints what became of each label in each language


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a recipe; 0 when every score is valid, 1 when one is not."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if wants_help(arguments):
        print(help_text("train", "build the data, train the adapter, score every target language"))
        return 0
    details = DETAILS in arguments
    name, overrides, config_dir = parse_arguments([a for a in arguments if a != DETAILS])
    from mslt_it.data.resolve import resolved
    from mslt_it.models.packaged import with_reachable_base
    from mslt_it.selection.auto import choose_sources

    recipe = with_reachable_base(load_recipe(name, overrides, config_dir, choose=choose_sources))

    def tokenizer() -> Any:
        from mslt_it.models.base_model import load_tokenizer

        return load_tokenizer(recipe.model)

    recipe = resolved(recipe, tokenizer)
    # torch is imported from here on: wrong recipes are answered without it.
    from mslt_it.pipeline import run_recipe

    if recipe.combine.method != "none":
        from mslt_it.publish.separate_training import train_apart

        return train_apart(recipe, run_recipe)
    return run_recipe(recipe, details=details)


if __name__ == "__main__":
    quiet_imports()
    sys.exit(run(main))
