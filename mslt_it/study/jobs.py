"""A cell as it is sent to a process, and what comes back."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from mslt_it.config.recipe import Recipe
from mslt_it.problems import Problem
from mslt_it.store import write_atomically
from mslt_it.study.manifest import StudyFolder
from mslt_it.terminal import of_system


@dataclass(frozen=True)
class Job:
    """A cell to be run: everything its process needs to know."""

    study: str  # the study's folder
    cell: str  # the cell's id
    recipe: Recipe  # output_dir is the cell's folder
    also_score: tuple[str, ...] = ()
    together: tuple[Job, ...] = ()  # this one and others, to be trained in one pass before this one is run


@dataclass(frozen=True)
class Outcome:
    """What became of a cell."""

    cell: str
    status: str  # "ok"; "invalid": finished, but some of its scores are no numbers; "failed"
    reason: str = ""  # one line
    seconds: float = 0.0
    unexpected: bool = False  # not a Problem: the process that ran into it may be in a bad state
    note: str = ""  # how those went that were to be trained together with it


RunCell = Callable[[Job], Outcome]  # importable by name: it is sent to other processes


OnDone = Callable[[Outcome], None]


def reason_of(error: Exception) -> str:
    """Why something failed: a Problem in its own words."""
    return of_system(error) or (str(error) if isinstance(error, Problem) else f"{type(error).__name__}: {error}")


def write_failure(folder: StudyFolder, cell: str, why: str | Exception) -> Outcome:
    """The file that says why a cell failed, which stays until the cell succeeds; the cell's outcome."""
    reason = why if isinstance(why, str) else reason_of(why)
    details = "" if isinstance(why, str | Problem) else "".join(traceback.format_exception(why))
    with contextlib.suppress(OSError):  # a disk that is full takes no reason either
        folder.failed(cell).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder.failed(cell), f"{reason}\n\n{details}".strip() + "\n")
    first = reason.strip().splitlines()[0] if reason.strip() else "no reason given"
    return Outcome(cell, "failed", first if len(first) <= 300 else first[:299] + "…")
