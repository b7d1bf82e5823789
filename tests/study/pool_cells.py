"""What test workers run instead of cells: importable by name, without torch."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from mslt_it.config.recipe import Recipe
from mslt_it.study.jobs import Job, Outcome


def jobs(study: Path, *cells: str) -> list[Job]:
    recipe = Recipe(name="r", sources=("de",), targets=("tr",))
    return [Job(str(study), cell, recipe) for cell in cells]


def note(job: Job, text: str) -> None:
    with (Path(job.study) / "notes.txt").open("a") as file:
        file.write(f"{job.cell} {text} {os.getpid()}\n")


def ended(job: Job) -> Outcome:
    """ "slow…" takes longer, "killed…" dies at its first try, "doomed…" at each, "broken…" leaves a bad process."""
    note(job, "begun")
    if job.cell.startswith("slow"):
        time.sleep(600 if job.cell == "slow-for-ever" else 0.3)
    marker = Path(job.study) / f"{job.cell}.marker"
    if job.cell.startswith("doomed") or (job.cell.startswith("killed") and not marker.exists()):
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if job.cell.startswith("broken"):
        return Outcome(job.cell, "failed", "RuntimeError: device-side assert", unexpected=True)
    words = [os.environ.get(name, "-") for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "CUDA_VISIBLE_DEVICES")]
    return Outcome(job.cell, "ok", " ".join(words))


def as_a_program() -> None:
    """A parent to be killed: one worker busy for ever."""
    import sys

    from mslt_it.study.local_pool import LocalPool

    LocalPool(sys.argv[1], 1).run(jobs(Path(sys.argv[1]), "slow-for-ever"), ended, print)


if __name__ == "__main__":
    as_a_program()
