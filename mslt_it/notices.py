"""What stands at the start of a run: what is trained on, and what its figures say nothing about."""

from __future__ import annotations

from mslt_it.config.recipe import Recipe
from mslt_it.places import trained_before
from mslt_it.problems import counted

WORLD_NOTICE = """\
scale=mini: the embedded world. A 1.5-million-parameter model pretrained on generated sentences in 20 real languages,
and generated tasks, one in the form of XNLI. It shows the method offline; its figures say nothing about XNLI itself.
To leave it: scale=small (a real model) and task.data=PATH_OR_HUB_ID (real rows); see README, "Leaving the world"."""


def notice(recipe: Recipe) -> list[str]:
    targets = ", ".join((*recipe.targets, *recipe.unlabelled))
    lines = [
        f"recipe {recipe.name}: {counted(recipe.data.num_examples_total, 'row')} of {recipe.task.name} in "
        f"{recipe.shown_sources}; zero-shot in {targets or 'no language'}; seed {recipe.seed}"
    ]
    before = trained_before(recipe.model.path, recipe.model.revision)
    if before := tuple(code for code in before if code not in recipe.sources):
        lines.append(f"model.path={recipe.model.path} was trained on rows in {', '.join(before)}: not unseen.")
    if recipe.select.note:
        lines.append(f"sources=auto: {recipe.select.note}")
    if recipe.model.path == "world" and recipe.task.data == "world":
        lines = [WORLD_NOTICE, *lines]
    elif recipe.model.path == "world":
        lines.insert(
            0,
            "scale=mini: the embedded model knows a few hundred words of its generated world, not those of "
            f"{recipe.task.data}: expect chance. For a real model: scale=tiny (a CPU) or scale=small (a GPU).",
        )
    elif recipe.task.data == "world":
        lines.insert(0, "task.data=world: generated rows, not XNLI. Give task.data=PATH_OR_HUB_ID.")
    return lines


def unlabelled_note(recipe: Recipe) -> str:
    """Which targets have no labels; "" where all have."""
    return f"no labels in {', '.join(recipe.unlabelled)}: asked, not scored" if recipe.unlabelled else ""
