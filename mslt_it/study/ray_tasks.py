"""Cells as Ray Core tasks: on the cluster that RAY_ADDRESS names, else on a local one of ``workers`` processes.

The study's folder must be on a file system that all nodes see. A task whose process or node dies is started again by
Ray, at most `MAX_RETRIES` times, and goes on from the cell's checkpoint. Ray keeps its worker processes, so a base that
was loaded for one cell is there for the next.

Settings: num_cpus and num_gpus of a task (settings={num_gpus:1,num_cpus:4}).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it.problems import Problem, nearest
from mslt_it.study.cells import Job, OnDone, Outcome, RunCell, write_failure
from mslt_it.study.manifest import StudyFolder

MAX_RETRIES = 3
SETTINGS = ("num_cpus", "num_gpus")


class RayTasks:
    """At most ``workers`` tasks at a time; None: as many as the cluster has room for."""

    def __init__(self, workers: int | None, settings: Mapping[str, str]) -> None:
        try:
            import ray
        except ImportError as error:
            raise Problem(
                "executor=ray needs the package ray, which is not installed: pip install -e '.[ray]', or use "
                "executor=local."
            ) from error
        self.ray: Any = ray
        self.workers = workers
        self.resources: dict[str, float] = {"num_cpus": 1.0}
        for name, value in settings.items():
            if name not in SETTINGS:
                raise Problem(f"settings: executor=ray has no '{name}'. {nearest(name, SETTINGS)}")
            try:
                self.resources[name] = float(value)
            except ValueError:
                raise Problem(f"settings: {name}={value} is not a number.") from None

    def run(self, jobs: Sequence[Job], run_cell: RunCell, on_done: OnDone) -> None:
        ray = self.ray
        started = not ray.is_initialized()
        if started:
            options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}
            if "RAY_ADDRESS" not in os.environ:
                local = self.workers or len(os.sched_getaffinity(0))
                options["num_cpus"] = max(1, round(local * self.resources["num_cpus"]))
            ray.init(**options)
        try:
            self._run(jobs, run_cell, on_done)
        finally:
            if started:
                ray.shutdown()

    def _run(self, jobs: Sequence[Job], run_cell: RunCell, on_done: OnDone) -> None:
        ray = self.ray
        # retry_exceptions=False: a cell's own errors are outcomes; only dead processes and nodes are tried again.
        task = ray.remote(max_retries=MAX_RETRIES, retry_exceptions=False, **self.resources)(run_cell)
        waiting, running = deque(jobs), dict[Any, Job]()
        while waiting or running:
            while waiting and (self.workers is None or len(running) < self.workers):
                job = waiting.popleft()
                running[task.remote(job)] = job
            ended, _ = ray.wait(list(running), num_returns=1)
            for reference in ended:
                on_done(self._outcome(running.pop(reference), reference))

    def _outcome(self, job: Job, reference: Any) -> Outcome:
        try:
            found = self.ray.get(reference)
            if isinstance(found, Outcome):
                return found
            reason = f"its Ray task gave back {found!r}."
        except self.ray.exceptions.RayError as error:
            reason = f"its Ray task was lost {MAX_RETRIES + 1} times: {' '.join(str(error).split())[:500]}"
        return write_failure(StudyFolder(Path(job.study)), job.cell, reason)
