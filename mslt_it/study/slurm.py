"""Cells as job arrays of a SLURM cluster, by submitit. The study's folder must be on a file system that all nodes see.

Settings (settings={partition:gpu,timeout_min:240,...}) are submitit's: timeout_min, mem_gb, cpus_per_task,
gpus_per_node, slurm_partition, slurm_account, slurm_constraint and so on; partition, account, constraint and qos may be
written without "slurm_".
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it.problems import Problem
from mslt_it.study.cells import Job, OnDone, Outcome, RunCell, write_failure
from mslt_it.study.manifest import StudyFolder

# What a cell gets where nothing is said. Four hours: queues prefer short jobs, and a cell that is cut off goes on.
DEFAULTS: dict[str, Any] = {"timeout_min": 240, "cpus_per_task": 4, "mem_gb": 32, "gpus_per_node": 1}
WITHOUT_PREFIX = ("partition", "account", "constraint", "qos")
POLL_SECONDS = 10.0


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
        self.study = StudyFolder(Path(study))
        self.executor = submitit.AutoExecutor(folder=self.study.path / "logs" / "slurm", cluster="slurm")
        parameters = DEFAULTS | {
            (f"slurm_{name}" if name in WITHOUT_PREFIX else name): _number(value) for name, value in settings.items()
        }
        if workers is not None:
            parameters["slurm_array_parallelism"] = workers
        try:
            self.executor.update_parameters(name="mslt-study", **parameters)
        except (NameError, ValueError, TypeError) as error:  # submitit's for an unknown parameter is a NameError
            raise Problem(f"settings: submitit refuses {parameters}: {' '.join(str(error).split())}") from error

    def run(self, jobs: Sequence[Job], run_cell: RunCell, on_done: OnDone) -> None:
        submitted = self.executor.map_array(Resumable(run_cell), list(jobs))
        waiting = dict(zip((job.cell for job in jobs), submitted, strict=True))
        while waiting:
            for cell, task in list(waiting.items()):
                if task.done():
                    del waiting[cell]
                    on_done(self._outcome(cell, task))
            if waiting:
                time.sleep(POLL_SECONDS)

    def _outcome(self, cell: str, task: Any) -> Outcome:
        try:
            found = task.result()
            if isinstance(found, Outcome):
                return found
            reason = f"SLURM job {task.job_id} gave back {found!r}."
        except Exception as error:  # whatever the job's process died of, as submitit tells it
            reason = f"SLURM job {task.job_id} ended without a result: {' '.join(str(error).split())[:500]}"
        return write_failure(self.study, cell, reason)


def _number(text: str) -> Any:
    return int(text) if text.isdigit() else text
