"""Fifty starts of one study at once on one folder, a few of which wait: its cells are run once each.

    python tests/faults/many_starts.py FOLDER

Prints how the starts ended, and how often each cell was run, as JSON. The processes are forked from one that has run
the study before.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from kill_sweep import JOBS, in_this_process

from mslt_it import cli
from mslt_it.commands import study
from mslt_it.study import cells

STARTS, WAITING = 50, 4


def counted(job: Any) -> cells.Outcome:
    """A cell, and a line that it was run."""
    with open("run.txt", "a", encoding="utf-8") as file:
        file.write(f"{job.cell}\n")
    return cells.run_cell(job)


def begin(number: int, arguments: list[str]) -> int:
    process = os.fork()
    if process:
        return process
    torch.set_num_threads(1)  # makes torch's pool anew, which does not survive a fork
    said = os.open(f"said{number}.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os._exit(cli.main(arguments + ["wait=true"] * (number < WAITING)))


def main(folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    torch.set_num_threads(1)
    os.environ["XDG_CACHE_HOME"] = str(Path("cache").resolve())
    study.make_executor, study.run_cell = in_this_process, counted
    arguments, look = JOBS["study"]
    alone, shared = ([one.replace("OUT", out) for one in arguments] for out in ("alone", "shared"))
    with open(os.devnull, "w") as null:
        sys.stdout, said = null, sys.stdout
        code = cli.main(alone)
        sys.stdout = said
    assert code == 0
    os.unlink("run.txt")
    gc.freeze()
    shutil.rmtree("cache", ignore_errors=True)
    processes = [begin(number, shared) for number in range(STARTS)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
    refused = sum("Another process is at work" in Path(f"said{n}.txt").read_text("utf-8") for n in range(STARTS))
    run = Counter(Path("run.txt").read_text(encoding="utf-8").split())
    same = look(Path("shared")) == look(Path("alone"))
    print(json.dumps({"codes": Counter(codes), "told": refused, "run": run, "same": same}))


if __name__ == "__main__":
    main(sys.argv[1])
