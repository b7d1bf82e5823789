"""Training apart: an adapter per source language, combined, beside one trained on all languages together.

runs/<recipe>-<fingerprint>/
  parts/<language>/   one ordinary run per source, each with its share of the labelled budget
  joint/              the same budget trained together (combine.beside_joint)
  combined/           the parts' adapters as one, scored like a trained run
  comparison.json     combined minus joint on the same items

Every folder is a run of its own, so a kill costs what one of them costs, and the same command goes on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from mslt_it.config.recipe import CombineConfig, Recipe
from mslt_it.config.schema import FrozenDict
from mslt_it.data.budget import budget
from mslt_it.evaluation.answered import stored_answers
from mslt_it.evaluation.estimates import Settings
from mslt_it.evaluation.scores import figures
from mslt_it.models.finished_run import read_run
from mslt_it.problems import Problem, counted
from mslt_it.progress import tell
from mslt_it.publish.combine_options import CombineRequest, planned, resolve_weights
from mslt_it.publish.combined_run import combine_runs
from mslt_it.records import to_plain
from mslt_it.runs import Run
from mslt_it.store import write_json

TOGETHER = CombineConfig()


def train_apart(
    recipe: Recipe,
    run_recipe: Callable[[Recipe], int],
    show: Callable[[str], object] = tell,
    *,
    wait: bool = False,
) -> int:
    """Runs everything that is not finished and shows the comparison; 0 when every score is valid.

    ``run_recipe`` trains and scores one recipe.
    """
    if not recipe.targets:
        raise Problem(
            f"combine.method={recipe.combine.method} compares adapters in unseen languages, and {recipe.task.data} has "
            "labels in none. Set combine.method=none."
        )
    rows = budget(recipe)  # what is wrong with the weights is told before the first is trained
    resolve_weights(recipe.combine.weights, [(code,) for code in recipe.sources], [*rows.values()])
    folder = Run(recipe).folder
    statuses = [_run(part, run_recipe, show) for part in part_recipes(recipe, folder)]
    parts = tuple(str(folder / "parts" / code) for code in recipe.sources)
    how, combined = recipe.combine, folder / "combined"
    show(f"\n=== combined: {how.method}, weights {how.weights}")
    request = CombineRequest(runs=parts, out=str(combined), method=how.method, weights=how.weights, wait=wait)
    plan = planned(request, [read_run(part) for part in parts])
    statuses.append(combine_runs(request, plan, show))
    if recipe.combine.beside_joint:
        statuses.append(_run(joint_recipe(recipe, folder), run_recipe, show))
        if not any(statuses):
            show(f"\n{compare(folder)}\nFolder: {folder}")
    return max(statuses)


def part_recipes(recipe: Recipe, folder: Path) -> list[Recipe]:
    """One recipe per source, with its share of the total budget and the targets of all."""
    share = budget(recipe)
    return [
        dataclasses.replace(
            recipe,
            name=f"{recipe.name}_{code}",
            sources=(code,),
            combine=TOGETHER,
            output_dir=str(folder / "parts" / code),
            data=dataclasses.replace(recipe.data, num_examples_total=share[code], num_examples=FrozenDict()),
        )
        for code in recipe.sources
    ]


def joint_recipe(recipe: Recipe, folder: Path) -> Recipe:
    """All sources together: the run that the combined adapter is compared with."""
    name = recipe.name.removesuffix("_combined")
    return dataclasses.replace(recipe, name=name, combine=TOGETHER, output_dir=str(folder / "joint"))


def compare(folder: Path) -> str:
    """A sentence and comparison.json: combined minus joint, over the languages that neither was trained on."""
    joint, combined = (read_run(folder / name) for name in ("joint", "combined"))
    recipe = joint.recipe
    answered = [one for run in (joint, combined) for one in stored_answers(run, recipe.targets)]
    settings = Settings(recipe.scoring.confidence, recipe.scoring.num_bootstrap)
    (found,) = figures(recipe.task, answered, settings).differences
    d = dataclasses.replace(found, name_a="combined", name_b="joint")
    write_json(folder / "comparison.json", to_plain(d))
    verdict = (
        "no difference found" if d.low <= 0 <= d.high else "combined is better" if d.value > 0 else "joint is better"
    )
    return (
        f"Unseen languages ({d.num_languages}, {counted(d.n, 'item')}), in points: joint {100 * d.value_b:.1f}, "
        f"combined {100 * d.value_a:.1f}, combined - joint {100 * d.value:+.1f} "
        f"({100 * d.low:+.1f} to {100 * d.high:+.1f} on other items like these): {verdict}."
    )


def _run(recipe: Recipe, run_recipe: Callable[[Recipe], int], show: Callable[[str], object]) -> int:
    show(f"\n=== {recipe.name}: {', '.join(recipe.sources)}, {counted(recipe.data.num_examples_total, 'row')}")
    return run_recipe(recipe)
