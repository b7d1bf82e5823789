"""Cells as Ray Core tasks: on the cluster that RAY_ADDRESS names, else on a local one of ``workers`` processes.

The study's folder must be on a file system that all nodes see. A task whose process or node dies is started again by
Ray, at most `MAX_RETRIES` times, and goes on from the cell's checkpoint. Ray keeps its worker processes, so a base that
was loaded for one cell is there for the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mslt_it.integrations.ray_cluster import RayCluster
from mslt_it.study.cells import Job, OnDone, Outcome, RunCell, write_failure
from mslt_it.study.manifest import StudyFolder

MAX_RETRIES = 3


class RayTasks(RayCluster):
    """A task per cell, ``workers`` at a time."""

    def run(self, jobs: Sequence[Job], run_cell: RunCell, on_done: OnDone) -> None:
        with self.connected() as ray:
            self._run(ray, jobs, run_cell, on_done)

    def _run(self, ray: Any, jobs: Sequence[Job], run_cell: RunCell, on_done: OnDone) -> None:
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
