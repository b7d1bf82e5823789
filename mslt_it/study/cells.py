"""Running one cell of a study, in whatever process an executor chose for it."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import resource
import shutil
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mslt_it.problems import Problem
from mslt_it.progress import only_in_logs
from mslt_it.records import Recipe
from mslt_it.store import locked, write_atomically
from mslt_it.study.manifest import StudyFolder, finished_status
from mslt_it.terminal import keep_printing

if TYPE_CHECKING:
    from mslt_it.study.shared import SharedParts


@dataclass(frozen=True)
class Job:
    """A cell to be run: everything its process needs to know."""

    study: str  # the study's folder
    cell: str  # the cell's id
    recipe: Recipe  # output_dir is the cell's folder
    also_score: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of a cell."""

    cell: str
    status: str  # "ok"; "invalid": finished, but some of its scores are no numbers; "failed"
    reason: str = ""  # one line
    seconds: float = 0.0
    unexpected: bool = False  # not a Problem: the process that ran into it may be in a bad state


def run_cell(job: Job) -> Outcome:
    """Runs a cell to its end or goes on with it; whatever goes wrong is an Outcome, and a file in failed/."""
    keep_printing()  # the process is an executor's
    folder = StudyFolder(Path(job.study))
    started, cpu = time.monotonic(), _cpu_seconds()
    outcome = Outcome(job.cell, "failed")
    with locked(folder.lock(job.cell)):  # a worker of a killed study may live on for a second
        whole = not folder.cell(job.cell).exists()
        try:
            outcome = _run(job, folder)
        except Exception as error:
            _parts.cache_clear()  # the base is lent to the run that failed
            unexpected = not isinstance(error, Problem)
            reason = f"{type(error).__name__}: {error}" if unexpected else str(error)
            write_failure(folder, job.cell, reason, traceback.format_exc() if unexpected else "")
            return Outcome(job.cell, "failed", _line(reason), time.monotonic() - started, unexpected)
        seconds = time.monotonic() - started
        timing = {"seconds": seconds, "cpu_seconds": _cpu_seconds() - cpu, "from_the_start": whole}
        path = folder.timing(job.cell)
        if not path.is_file():  # a cell that was finished before and is only looked at takes no time
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(timing) + "\n")
    return Outcome(outcome.cell, outcome.status, outcome.reason, seconds)


def _run(job: Job, folder: StudyFolder) -> Outcome:
    from mslt_it.pipeline import run_recipe

    with contextlib.redirect_stdout(io.StringIO()), only_in_logs():  # the run's log.txt has it
        run_recipe(job.recipe, _parts(job.study))
    score_others(job)
    status = finished_status(job.recipe)
    if status is None:
        raise Problem(f"{job.recipe.output_dir} was run to its end and is not whole all the same. Start again.")
    tidy(folder, job.cell, status)
    if status == "ok":
        return Outcome(job.cell, "ok")
    reason = why_invalid(folder, job.cell)
    write_failure(folder, job.cell, reason)
    return Outcome(job.cell, "invalid", _line(reason))


def status_of(job: Job) -> str | None:
    """ "ok" or "invalid" of a cell that is done, its ``also_score`` too; None where something is to be done."""
    if job.also_score and not (Path(job.study) / "also" / job.cell / "COMPLETE.json").is_file():
        return None
    return finished_status(job.recipe)


def tidy(folder: StudyFolder, cell: str, status: str) -> None:
    """Removes what a cell that is done has no use for: checkpoints, and the reason of an earlier failure."""
    # Nobody resumes a finished cell, and the optimiser's state is twice the adapter.
    shutil.rmtree(folder.cell(cell) / "checkpoints", ignore_errors=True)
    if status == "ok":
        folder.failed(cell).unlink(missing_ok=True)


def score_others(job: Job) -> None:
    """Scores the cell's adapter, and the base, on the tasks of ``also_score``, into ``also/<cell>/`` of the study."""
    if not job.also_score:
        return
    from accelerate import PartialState

    from mslt_it.evaluation.evaluate import evaluate
    from mslt_it.evaluation.request import parse_request

    folder, run = Path(job.study), job.recipe.output_dir
    arguments = [f"run={run}", f"task=[{','.join(job.also_score)}]", "languages=all"]
    arguments += [f"out={folder / 'also' / job.cell}", f"cache={folder / 'also' / 'cache'}"]
    request, *_ = parse_request(arguments)
    content = evaluate(request, PartialState(), lambda text: None)
    if content["status"] != "ok":
        raise Problem(f"{folder / 'also' / job.cell}: some scores are invalid. Look at its results.json.")


def why_invalid(folder: StudyFolder, cell: str) -> str:
    """The reasons in a finished cell's results, one line per language."""
    rows = json.loads((folder.cell(cell) / "results.json").read_text(encoding="utf-8"))["results"]
    return "\n".join(f"{row['language']}: {row['reason']}" for row in rows if row["status"] != "ok")


def write_failure(folder: StudyFolder, cell: str, reason: str, details: str = "") -> None:
    """The file that says why a cell failed; it stays until the cell succeeds."""
    path = folder.failed(cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, f"{reason}\n\n{details}".strip() + "\n")


@functools.lru_cache(maxsize=1)
def _parts(study: str) -> SharedParts:
    """Of this process: its cells share them, whichever executor gives it cells."""
    from mslt_it.study.shared import SharedParts

    return SharedParts(Path(study))


def _line(reason: str) -> str:
    first = reason.strip().splitlines()[0] if reason.strip() else "no reason given"
    return first if len(first) <= 300 else first[:299] + "…"


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
