"""Kills a command at file operations spread over all of it, starts it again, and compares; prints counts as JSON.

python kill_sweep.py FOLDER POINTS [COMMAND ...]

FOLDER holds ``run``, a finished run. Every start is a process of its own, forked from this one before anything was
computed in it, since the imports take longer than the work. A file operation is whatever Python tells its audit hooks
of opening for writing, renaming, removing and making of files and folders; libraries that write by themselves
(safetensors, pyarrow) are between two of them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_run import SMALL, figures

from mslt_it import cli
from mslt_it.evaluation import evaluate  # noqa: F401  imported before the forks
from mslt_it.prediction import job  # noqa: F401
from mslt_it.publish import combined_run, export, merge  # noqa: F401
from mslt_it.report import made  # noqa: F401
from mslt_it.store import find_damage

SECONDS = 900  # a start that takes longer is stuck
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod")


def record_of(name: str) -> Callable[[Path], Any]:
    def read(out: Path) -> Any:
        content = json.loads((out / name).read_text(encoding="utf-8"))
        return find_damage(out), {key: value for key, value in content.items() if key != "environment"}

    return read


def bytes_of(pattern: str) -> Callable[[Path], Any]:
    return lambda out: {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob(pattern))}


def evaluated(out: Path) -> Any:
    content = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return find_damage(out), content["results"], content["differences"], bytes_of("*.jsonl")(out)


def trained(out: Path) -> Any:
    return find_damage(out), figures(out), bytes_of("*.jsonl")(out)


def studied(out: Path) -> Any:
    found = {}
    for cell in sorted((out / "cells").iterdir()):
        content = json.loads((cell / "results.json").read_text(encoding="utf-8"))
        found[cell.name] = find_damage(cell), content["results"]
    return found


# Command -> (its arguments; what is written, OUT in them; what of it must be the same)
JOBS: dict[str, tuple[list[str], Callable[[Path], Any]]] = {
    "train": (["train", *SMALL, "output_dir=OUT"], trained),
    "eval": (["eval", "run=run", "examples=4", "variant=[direct,xlt]", "max_new_tokens=3", "out=OUT"], evaluated),
    "merge": (["merge", "run=run", "out=OUT", "prompts=1"], record_of("merge.json")),
    "export": (["export", "run=run", "format=[vllm]", "out=OUT"], lambda out: record_of("export.json")(out / "vllm")),
    "combine": (["combine", "runs=[run]", "out=OUT", "num_items=4"], trained),
    "predict": (["predict", "run=run", "data=new.csv", "out=OUT/labelled.csv"], bytes_of("labelled.csv")),
    "report": (["report", "run=run", "out=OUT", "format=[html,latex]"], bytes_of("*.*")),
    "study": (
        ["study", "study=mini", "sets=[de-tr]", "set_sizes=[]", "seeds=[0]", "targets=[en]", "mingling={}",
         "predict={}",
         "training.max_steps=2", "budgets=[24]", "scoring.num_examples_per_language=8", "workers=1", "out=OUT"],
        studied,
    ),
}  # fmt: skip


def start(arguments: list[str], out: Path, stop_at: int, count: Path) -> int:
    """Exit code, minus the signal's number; the process dies before its operation ``stop_at`` (0: at none)."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    signal.alarm(SECONDS)
    silent = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    home, number = os.getcwd(), [0]

    def hook(event: str, details: Any) -> None:
        if event == "open":
            if (
                not isinstance(details[2], int)
                or not details[2] & WRITES
                or not isinstance(details[0], str | os.PathLike)
            ):
                return
        elif event not in EVENTS:
            return
        if not isinstance(details[0], int) and not os.path.abspath(os.fspath(details[0])).startswith(home):
            return
        number[0] += 1
        if number[0] == stop_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    code = cli.main([one.replace("OUT", str(out)) for one in arguments])
    made_now = number[0]
    count.write_text(str(made_now), encoding="utf-8")
    os._exit(code)


def sweep(name: str, points: int) -> dict[str, Any]:
    arguments, look = JOBS[name]
    count, calm, hunted = Path(f"{name}.count"), Path("calm") / "out", Path("hunted") / "out"
    for out in (calm, hunted):
        shutil.rmtree(out.parent, ignore_errors=True)
        (out if name == "predict" else out.parent).mkdir(parents=True)
    code = start(arguments, calm, 0, count)
    expected, total = look(calm), int(count.read_text(encoding="utf-8"))
    found: dict[str, Any] = {"operations": total, "killed": 0, "inexact": [], "stuck": [], "code": code}
    for number in sorted({1 + round(total * n / points) for n in range(points)} - {total + 1}):
        shutil.rmtree(hunted.parent)
        (hunted if name == "predict" else hunted.parent).mkdir(parents=True)
        died = start(arguments, hunted, number, count)
        found["killed"] += died == -signal.SIGKILL
        again = start(arguments, hunted, 0, count)
        if again == -signal.SIGALRM:
            found["stuck"].append(number)
        elif again != code or look(hunted) != expected:
            found["inexact"].append([number, Path("said.txt").read_text(encoding="utf-8")[-800:]])
    return found


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    for job_name in sys.argv[3:] or JOBS:
        print(json.dumps({job_name: sweep(job_name, int(sys.argv[2]))}), flush=True)
