"""Running one cell of a study, in whatever process an executor chose for it."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import shutil
import time
from pathlib import Path

from mslt_it.locks import locked
from mslt_it.problems import Problem
from mslt_it.progress import only_in_logs
from mslt_it.store import find_damage, write_atomically
from mslt_it.study.jobs import Job, Outcome, write_failure
from mslt_it.study.manifest import StudyFolder, finished_status
from mslt_it.terminal import keep_printing


def run_cell(job: Job) -> Outcome:
    """Runs a cell to its end or goes on with it; whatever goes wrong is an Outcome, and a file in failed/."""
    keep_printing()  # the process is an executor's
    folder = StudyFolder(Path(job.study))
    started, cpu = time.monotonic(), time.process_time()
    with locked(folder.lock(job.cell)):  # a worker of a killed study may live on for a second
        whole = not folder.cell(job.cell).exists() and not job.together  # else the time is not the cell's alone
        try:
            outcome = _run(job, folder)
        except Exception as error:
            failed, seconds = write_failure(folder, job.cell, error), time.monotonic() - started
            return dataclasses.replace(failed, seconds=seconds, unexpected=not isinstance(error, Problem))
        seconds = time.monotonic() - started
        timing = {"seconds": seconds, "cpu_seconds": time.process_time() - cpu, "from_the_start": whole}
        path = folder.timing(job.cell)
        if not path.is_file():  # a cell that was finished before and is only looked at takes no time
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(timing) + "\n")
    return dataclasses.replace(outcome, seconds=seconds)


def _run(job: Job, folder: StudyFolder) -> Outcome:
    # loads torch, in the process that runs cells
    from mslt_it.study.shared import run_shared, score_others, train_in_one_pass

    with contextlib.redirect_stdout(io.StringIO()), only_in_logs():  # the run's log.txt has it
        note = train_in_one_pass(job.together, job.study) if job.together else ""
        run_shared(job.recipe, job.study)
    score_others(job)
    status = finished_status(job.recipe)
    if status is None:
        raise Problem(f"{job.recipe.output_dir} ran to its end but is incomplete. Start again.")
    tidy(folder, job.cell, status)
    if status == "ok":
        return Outcome(job.cell, "ok", note=note)
    failure = write_failure(folder, job.cell, why_invalid(folder, job.cell))
    return dataclasses.replace(failure, status="invalid", note=note)


def status_of(job: Job) -> str | None:
    """ "ok" or "invalid" of a cell that is done, its ``also_score`` too; None where something is to be done."""
    if job.also_score and find_damage(Path(job.study) / "also" / job.cell) is not None:
        return None
    return finished_status(job.recipe)


def tidy(folder: StudyFolder, cell: str, status: str) -> None:
    """Removes what a cell that is done has no use for: checkpoints, and the reason of an earlier failure."""
    # Nobody resumes a finished cell, and the optimiser's state is twice the adapter.
    shutil.rmtree(folder.cell(cell) / "checkpoints", ignore_errors=True)
    if status == "ok":
        folder.failed(cell).unlink(missing_ok=True)


def why_invalid(folder: StudyFolder, cell: str) -> str:
    """The reasons in a finished cell's results, one line per language."""
    rows = json.loads((folder.cell(cell) / "results.json").read_text(encoding="utf-8"))["results"]
    return "\n".join(f"{row['language']}: {row['reason']}" for row in rows if row["status"] != "ok")
