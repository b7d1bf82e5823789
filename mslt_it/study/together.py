"""Cells of one machine whose adapters are trained several at a time, in one pass over the base that they share.

Those that agree in model and adapter are put into groups. The first of a group trains all of them (`Job.together`),
into checkpoints; then each is run as by `LocalPool`, goes on from its last one and is scored. So a study may be begun
by one executor and ended by another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from mslt_it.config.recipe import Recipe
from mslt_it.problems import counted
from mslt_it.progress import tell
from mslt_it.study.cells import Job, OnDone, Outcome, RunCell
from mslt_it.study.local_pool import LocalPool, visible_gpus

AT_ONCE = 8  # cells in one pass, unless told otherwise: beyond it there is little left to share


class Together:
    """``workers`` cells at a time in one process, one process for each GPU."""

    def __init__(self, study: str, workers: int | None = None) -> None:
        self.study, self.workers = study, workers or AT_ONCE
        self.pool = LocalPool(study, len(visible_gpus()) or 1)

    def run(self, jobs: Sequence[Job], run_cell: RunCell, on_done: OnDone) -> None:
        groups, alone = grouped(jobs, self.workers)
        if groups:
            number = sum(map(len, groups))
            tell(f"Trained together: {counted(number, 'cell')}, at most {self.workers} in one pass over the base.")
        for reason, own in alone.items():
            tell(f"Trained one by one: {counted(len(own), 'cell')} ({own[0].cell}{' ...' * (len(own) > 1)}), {reason}.")
        others = {group[0].cell: group[1:] for group in groups}

        def done(outcome: Outcome) -> Sequence[Job]:
            if outcome.note:
                tell(outcome.note)
            on_done(outcome)
            return others.get(outcome.cell, ())

        if groups:
            self.pool.run([dataclasses.replace(group[0], together=tuple(group)) for group in groups], run_cell, done)
        if alone:
            LocalPool(self.study).run([job for own in alone.values() for job in own], run_cell, on_done)


def grouped(jobs: Sequence[Job], most: int) -> tuple[list[list[Job]], dict[str, list[Job]]]:
    """(groups of at least two, each in the order of ``jobs``; reason -> those that are in none)."""
    alike: dict[object, list[Job]] = {}
    alone: dict[str, list[Job]] = {}
    for job in jobs:
        if (reason := why_alone(job.recipe)) is not None:
            alone.setdefault(reason, []).append(job)
            continue
        recipe, training = job.recipe, job.recipe.training
        steps = training.batch_size, training.gradient_accumulation_steps
        alike.setdefault((recipe.model, recipe.adapter, steps), []).append(job)
    groups = []
    for own in alike.values():
        for group in (own[i : i + most] for i in range(0, len(own), most)):
            if len(group) > 1:
                groups.append(group)
            else:
                alone.setdefault("no other is left with its adapter and batch", []).extend(group)
    return groups, alone


def why_alone(recipe: Recipe) -> str | None:
    """Why a cell cannot be trained together with others; None where it can."""
    adapter, training = recipe.adapter, recipe.training
    reasons = {
        "adapter.method=full: all weights are trained": adapter.method == "full",
        "adapter.use_dora=true: an adapter is more than two matrices a layer": adapter.use_dora,
        f"adapter.dropout={adapter.dropout:g}: together other numbers would be drawn than alone": adapter.dropout > 0,
        "adapters are combined": recipe.combine.method != "none",
        f"training.eval_steps={training.eval_steps}: a cell's looks stop all others": training.eval_steps > 0,
        "training.average_checkpoints: weights of earlier steps are kept": training.average_checkpoints > 0,
        "training.freeze_layers: not all of an adapter is trained": training.freeze_layers > 0,
        "training.layer_lr_decay: a rate for each layer": training.layer_lr_decay != 1,
        "training.batch_size=auto: what fits is measured for one cell": training.batch_size is None,
        "training.gradient_checkpointing: memory is what is short": training.gradient_checkpointing is not False,
        f"training.report_to=[{','.join(training.report_to)}]: a tracker has one run at a time": bool(
            {*training.report_to} - {"tensorboard"}
        ),
    }
    return next((reason for reason, is_so in reasons.items() if is_so), None)
