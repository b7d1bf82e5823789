"""Who runs the cells: this machine's processes, job arrays of a SLURM cluster by submitit, or tasks of Ray Core.

An executor gets all cells that are to be done and calls ``on_done`` once for each, in the order in which they end. How
it groups them is its own affair. On a cluster the study's folder must be on a file system that all nodes see; a cell
that was cut off, or whose node died, is started again and goes on from its checkpoint.

Settings of SLURM (settings={partition:gpu,timeout_min:240,...}) are submitit's: timeout_min, mem_gb, cpus_per_task,
gpus_per_node, slurm_partition, slurm_account, slurm_constraint and so on; partition, account, constraint and qos may be
written without "slurm_". Those of Ray: `mslt_it.integrations.ray_cluster`.
"""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import Recipe
from mslt_it.integrations.ray_cluster import RayCluster
from mslt_it.problems import Problem, counted
from mslt_it.progress import tell
from mslt_it.study.jobs import Job, OnDone, Outcome, RunCell, write_failure
from mslt_it.study.local_pool import LocalPool, visible_gpus
from mslt_it.study.manifest import StudyFolder

# name -> what it is
EXECUTORS = {
    "local": "processes on this machine; a GPU each where there are GPUs",
    "together": "a process on this machine, or one for each GPU, that trains several cells in one pass over the base",
    "slurm": "job arrays of a SLURM cluster (pip install -e '.[slurm]')",
    "ray": "tasks of a Ray cluster, or of a local one (pip install -e '.[ray]')",
}
# What a cell of SLURM gets where nothing is said. Queues prefer short jobs, and a cell that is cut off goes on.
DEFAULTS: dict[str, Any] = {"timeout_min": 240, "cpus_per_task": 4, "mem_gb": 32, "gpus_per_node": 1}
WITHOUT_PREFIX = ("partition", "account", "constraint", "qos")
AT_ONCE = 8  # cells in one pass, unless told otherwise: beyond it there is little left to share
POLL_SECONDS = 10.0
MAX_RETRIES = 3  # of a Ray task whose process or node died


def make_executor(
    name: str, workers: int | None, settings: Mapping[str, str], study: str
) -> LocalPool | Together | SlurmArray | RayTasks:
    """The executor of that name, with its settings; a Problem where it, or what it needs, is not there.

    Args:
        workers: cells at a time; None: as many as make sense there.
        settings: of SLURM and Ray, by their own names.
        study: the study's folder.
    """
    if name == "slurm":
        return SlurmArray(study, workers, settings)
    if name == "ray":
        return RayTasks(workers, settings)
    return Together(study, workers) if name == "together" else LocalPool(study, workers)


class Together:
    """Cells whose adapters are trained several at a time, in one pass over the base that they share: ``workers`` cells
    in one process, one process for each GPU.

    Those that agree in model and adapter are put into groups. The first of a group trains all of them (`Job.together`),
    into checkpoints; then each is run as by `LocalPool`, goes on from its last one and is scored. So a study may be
    begun by one executor and ended by another.
    """

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
                alone.setdefault("no other cell is left with its adapter and batch", []).extend(group)
    return groups, alone


def why_alone(recipe: Recipe) -> str | None:
    """Why a cell cannot be trained together with others; None where it can."""
    adapter, training = recipe.adapter, recipe.training
    reasons = {
        "adapter.method=full: all weights are trained": adapter.method == "full",
        "adapter.use_dora=true: an adapter is more than two matrices a layer": adapter.use_dora,
        f"adapter.dropout={adapter.dropout:g}: other random numbers would be drawn than alone": adapter.dropout > 0,
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


class Resumable:
    """One cell as submitit calls it; sent back to the queue when its time is up, it goes on from its checkpoint."""

    def __init__(self, run_cell: RunCell) -> None:
        self.run_cell = run_cell

    def __call__(self, job: Job) -> Outcome:
        return self.run_cell(job)

    def checkpoint(self, job: Job) -> Any:
        """submitit's hook: called at a time-out or preemption."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, job)


class SlurmArray:
    """All cells as one array, at most ``workers`` of its jobs at a time."""

    def __init__(self, study: str, workers: int | None, settings: Mapping[str, str]) -> None:
        try:
            import submitit
        except ImportError as error:
            raise Problem(
                "executor=slurm needs the package submitit, which is not installed: pip install -e '.[slurm]', or "
                "use executor=local."
            ) from error
        self.executor = submitit.AutoExecutor(folder=Path(study) / "logs" / "slurm", cluster="slurm")
        parameters = DEFAULTS | {
            f"slurm_{name}" if name in WITHOUT_PREFIX else name: int(value) if value.isdigit() else value
            for name, value in settings.items()
        }
        if workers is not None:
            parameters["slurm_array_parallelism"] = workers
        try:
            self.executor.update_parameters(name="mslt-study", **parameters)
        except (NameError, ValueError, TypeError) as error:  # submitit's for an unknown parameter is a NameError
            raise Problem(f"settings: submitit refuses {parameters}: {' '.join(str(error).split())}") from error

    def run(self, jobs: Sequence[Job], run_cell: RunCell, on_done: OnDone) -> None:
        waiting = list(zip(jobs, self.executor.map_array(Resumable(run_cell), list(jobs)), strict=True))
        while waiting:
            for job, task in [one for one in waiting if one[1].done()]:
                waiting.remove((job, task))
                try:
                    outcome = _received(job, task.result(), f"SLURM job {task.job_id}")
                except Exception as error:  # whatever the job's process died of, as submitit tells it
                    outcome = _lost(job, f"SLURM job {task.job_id} ended without a result", error)
                on_done(outcome)
            if waiting:
                time.sleep(POLL_SECONDS)


class RayTasks(RayCluster):
    """A task per cell, ``workers`` at a time, on the cluster that RAY_ADDRESS names, else on a local one of so many
    processes. Ray keeps its worker processes, so a base that was loaded for one cell is there for the next."""

    def run(self, jobs: Sequence[Job], run_cell: RunCell, on_done: OnDone) -> None:
        with self.connected() as ray:
            # retry_exceptions=False: a cell's own errors are outcomes; only dead processes and nodes are tried again.
            task = ray.remote(max_retries=MAX_RETRIES, retry_exceptions=False, **self.resources)(run_cell)
            waiting, running = deque(jobs), dict[Any, Job]()
            while waiting or running:
                while waiting and (self.workers is None or len(running) < self.workers):
                    job = waiting.popleft()
                    running[task.remote(job)] = job
                for reference in ray.wait(list(running), num_returns=1)[0]:
                    job = running.pop(reference)
                    try:
                        outcome = _received(job, ray.get(reference), "its Ray task")
                    except ray.exceptions.RayError as error:
                        outcome = _lost(job, f"its Ray task was lost {MAX_RETRIES + 1} times", error)
                    on_done(outcome)


def _received(job: Job, found: object, task: str) -> Outcome:
    if isinstance(found, Outcome):
        return found
    return write_failure(StudyFolder(Path(job.study)), job.cell, f"{task} gave back {found!r}.")


def _lost(job: Job, what: str, error: Exception) -> Outcome:
    reason = f"{what}: {' '.join(str(error).split())[:500]}"
    return write_failure(StudyFolder(Path(job.study)), job.cell, reason)
