"""Cells on this machine: worker processes that keep the base loaded from cell to cell.

Workers are spawned, not forked (a forked process cannot use a GPU that its parent has touched), each with its share of
the cores and, where there are GPUs, one GPU. A worker that dies has its cell tried again by a new one, which goes on
from the cell's newest checkpoint.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any
from unittest import mock

from mslt_it.problems import Problem
from mslt_it.study.jobs import Job, Outcome, RunCell, write_failure
from mslt_it.study.manifest import StudyFolder
from mslt_it.terminal import keep_printing

MAX_DEATHS = 3  # of workers on one cell, before it counts as failed: most likely it needs more memory than there is


class LocalPool:
    """``workers`` processes, one cell each at a time."""

    def __init__(self, study: str, workers: int | None = None) -> None:
        self.study = Path(study)
        self.gpus = visible_gpus()
        self.cores = len(os.sched_getaffinity(0))
        if workers is not None and self.gpus and workers > len(self.gpus):
            raise Problem(
                f"workers={workers}, but {len(self.gpus)} GPUs are visible ({', '.join(self.gpus)}), and each worker "
                f"has one of its own. Use workers={len(self.gpus)}, or let several share one by naming it several "
                f"times: CUDA_VISIBLE_DEVICES={','.join([self.gpus[0]] * 2)}."
            )
        self.workers = workers or len(self.gpus) or self.cores

    @property
    def threads(self) -> int:
        """Of each worker."""
        return max(1, self.cores // self.workers)

    def environment(self, number: int) -> dict[str, str]:
        """What worker ``number`` finds in its environment beside ours: threads, and its GPU."""
        found = {"OMP_NUM_THREADS": str(self.threads), "OMP_WAIT_POLICY": "PASSIVE"}
        return found | ({"CUDA_VISIBLE_DEVICES": self.gpus[number]} if self.gpus else {})

    def run(self, jobs: Sequence[Job], run_cell: RunCell, on_done: Callable[[Outcome], Sequence[Job] | None]) -> None:
        """``on_done``: may hand back jobs that come next."""
        (self.study / "logs").mkdir(parents=True, exist_ok=True)
        waiting, deaths = deque(jobs), Counter[str]()
        free = list(range(self.workers))
        busy: dict[int, tuple[_Worker, Job]] = {}
        idle: dict[int, _Worker] = {}
        try:
            while waiting or busy:
                while waiting and free:
                    number = free.pop(0)
                    worker = idle.pop(number, None) or self._start(number, run_cell)
                    job = waiting.popleft()
                    busy[number] = worker, job
                    with contextlib.suppress(OSError):  # it is dead: found out below
                        worker.connection.send(job)
                connections: dict[Any, int] = {worker.connection: number for number, (worker, _) in busy.items()}
                for number in sorted({connections[one] for one in wait(list(connections))}):  # has sent, or died
                    worker, job = busy.pop(number)
                    outcome = worker.outcome()
                    if outcome is not None and not outcome.unexpected:
                        idle[number] = worker
                    else:
                        code = worker.stop()
                    if outcome is None:
                        deaths[job.cell] += 1
                        if deaths[job.cell] < MAX_DEATHS:
                            waiting.appendleft(job)
                        else:
                            outcome = self._dead(job, code)
                    if outcome is not None:
                        waiting.extendleft(reversed(on_done(outcome) or ()))
                    free.append(number)
        finally:
            for worker in [*idle.values(), *(worker for worker, _ in busy.values())]:
                worker.stop()

    def _start(self, number: int, run_cell: RunCell) -> _Worker:
        with mock.patch.dict(os.environ, self.environment(number)):  # a spawned process takes ours, at its start
            return _Worker(run_cell, self.threads, self.study / "logs" / f"worker-{number}.txt")

    def _dead(self, job: Job, code: int | None) -> Outcome:
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"signal {-code}, {signal.Signals(-code).name}"
        hint = " The kernel does this when memory runs out." if code == -signal.SIGKILL else ""
        return write_failure(
            StudyFolder(self.study),
            job.cell,
            f"{MAX_DEATHS} workers died while they ran it (the last by {how}).{hint} Use fewer workers or a smaller "
            f"training.batch_size; what they printed is in {self.study / 'logs'}.",
        )


class _Worker:
    """One process and our end of the pipe to it."""

    def __init__(self, run_cell: RunCell, threads: int, log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_work, args=(theirs, run_cell, threads, str(log), os.getpid()), daemon=True
        )
        self.process.start()
        theirs.close()  # ours only: so that reading ends when the process does

    def outcome(self) -> Outcome | None:
        """What it sent; None where it died instead."""
        try:
            found = self.connection.recv()
        except (EOFError, OSError):
            return None
        return found if isinstance(found, Outcome) else None

    def stop(self) -> int | None:
        """Ends the process; its exit code, minus the signal's number where one ended it."""
        with contextlib.suppress(OSError):
            self.connection.close()  # an idle worker ends at this
        self.process.join(timeout=0.5)
        if self.process.is_alive():
            self.process.kill()  # cells are made to be killed at any time
            self.process.join()
        return self.process.exitcode


def _work(connection: Any, run_cell: RunCell, threads: int, log: str, parent: int) -> None:
    """The worker's process: cells in, outcomes out, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who then stops us
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(file, 1)
    os.dup2(file, 2)
    keep_printing("utf-8")
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        if "torch" in sys.modules:  # else OMP_NUM_THREADS is read when it is imported
            import torch

            torch.set_num_threads(threads)
        connection.send(run_cell(job))


def _end_with(parent: int) -> None:
    """Ends this process when its parent has died, which a killed parent cannot see to."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def visible_gpus() -> list[str]:
    """What each GPU is called in CUDA_VISIBLE_DEVICES, as that variable has it, else as nvidia-smi lists them."""
    if (given := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, encoding="utf-8", errors="replace", timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    if listed.returncode:
        return []
    return [str(i) for i, _ in enumerate(line for line in listed.stdout.splitlines() if line.startswith("GPU "))]
