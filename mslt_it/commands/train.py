"""``mslt train recipe=NAME``: build the data, train the adapter, score every language, print the table."""

from __future__ import annotations

import functools

from mslt_it.command import Call, recipe_command, recipe_of
from mslt_it.commands.data import late_tokenizer
from mslt_it.config.compose import load_recipe
from mslt_it.data.resolve import resolved
from mslt_it.data.rows import RowStore
from mslt_it.models.kinds import with_base
from mslt_it.progress import working
from mslt_it.runs import Run
from mslt_it.selection.auto import choose_sources
from mslt_it.store import COMPLETE
from mslt_it.training.trackers import refuse_unready


def run(call: Call) -> int:
    """Runs a recipe; 0 when every score is valid, 1 when one is not."""
    recipe, rows = with_base(load_recipe(*recipe_of(call), choose=choose_sources)), RowStore()
    recipe = resolved(recipe, functools.partial(late_tokenizer, recipe.model), rows)
    run = Run(recipe)
    run.refuse_another()
    if not (run.folder / COMPLETE).exists():  # a finished run is shown again
        refuse_unready(recipe.training.report_to)
    with working("Starting"):
        from mslt_it.pipeline import Parts, run_recipe  # imports torch: what is wrong is told before

    return run_recipe(recipe, Parts(rows), details="--details" in call.flags, wait=call.options.wait)


COMMAND = recipe_command(
    "train",
    "Build the training data, train the adapter, and score base and adapter in every language on the same items. The "
    "same command again resumes from the last checkpoint.",
    (
        "mslt train recipe=xnli_3src",
        "mslt train recipe=xnli_3src 'sources=[en,ar,zh]' seed=1 training.learning_rate=1e-3",
        "mslt train recipe=custom task.data=my.csv task.input=text task.label=intent 'sources=[en,ar]' targets=rest",
    ),
    run,
    flags=("--details",),
)
