"""Faults at the file operations of every command that writes: it is started again, and must end as if nothing had been.

    python tests/faults/kill_sweep.py FOLDER --write            # all of them: writes benchmarks/results/kill_sweep.txt
    python tests/faults/kill_sweep.py FOLDER --points 26 eval   # of eval alone, and spread over all of it
    python tests/faults/kill_sweep.py FOLDER --share 2/4 train  # every fourth from the second on: for four processes
    python tests/faults/kill_sweep.py FOLDER --points 0 --write # none: the table of what FOLDER/points.jsonl has

At a file operation the process is killed before it (``killed``) or, where it opens a file, just after it, with nothing
or a torn line in it (``torn``); or it is told that the disk is full (``full``), or to end (``ended``, SIGTERM). Once
for each command the clock jumps by years at every look (``clock``). A file operation is whatever Python tells its audit
hooks of opening for writing, renaming, removing and making of files and folders; libraries that write by themselves
(safetensors, sqlite) are between two of them.

A kill leaves what the system has of the files at that moment, and nothing else: so one run copies them before each of
its operations, and each copy is a kill. Every start is a process of its own, forked from one that has run all commands
before: imports, the world's sentences and the model's first steps take longer than the work. What FOLDER/points.jsonl
has is not done again.
"""

from __future__ import annotations

import argparse
import errno
import gc
import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from small_run import SMALL, TRAIN, figures

from mslt_it import cli
from mslt_it.commands import study
from mslt_it.store import find_damage

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "kill_sweep.txt"
SECONDS = 900  # a start that takes longer is stuck
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod")
ROWS = "lang,premise,hypothesis\n" + "".join(f"en,{n} red boats,boats\n" for n in range(9))
FILLING = ("open", "os.mkdir")  # of which a full disk takes none
FAULTS = ("killed", "torn", "clock", "full", "ended")
YEAR = 365 * 24 * 3600
CHANGED, KEPT = (Path("hunted"), Path("cache")), Path("kept")


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
    return [(cell.name, *trained(cell)) for cell in sorted((out / "cells").iterdir())]


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
        ["study", "study=mini", "sets=[de-fr]", "set_sizes=[]", "seeds=[0]", "targets=[el]", "mingling={}",
         "predict={}", "training.max_steps=1", "budgets=[24]",
         "scoring.num_examples_per_language=8", "scoring.num_bootstrap=200", "workers=1", "out=OUT"],
        studied,
    ),
}  # fmt: skip


def in_this_process(*_: Any) -> Any:
    """The executor of a study whose cells' file operations are seen here."""
    return SimpleNamespace(workers=1, run=lambda jobs, run, done: [done(run(job)) for job in jobs])


def is_write(event: str, details: Any, home: str) -> bool:
    if event == "open":
        if not isinstance(details[2], int) or not details[2] & WRITES:
            return False
    elif event not in EVENTS:
        return False
    if not isinstance(details[0], str | os.PathLike):
        return False
    return os.path.abspath(os.fspath(details[0])).startswith(home)


def strike(fault: str, details: Any) -> None:
    if fault == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(details[0]))
    os.kill(os.getpid(), signal.SIGTERM)


def keep(seen: Sequence[Any]) -> None:
    """What the system has of the files now, before the last operation that was seen."""
    for folder in CHANGED:
        if folder.exists():
            shutil.copytree(folder, KEPT / str(len(seen)) / folder, symlinks=True)


def bring_back(fault: str, at: int, operation: Sequence[Any]) -> None:
    """The files as a process leaves them that is killed at its operation ``at``."""
    for folder in CHANGED:
        shutil.rmtree(folder, ignore_errors=True)
        if (KEPT / str(at) / folder).exists():
            shutil.copytree(KEPT / str(at) / folder, folder, symlinks=True)
    if fault == "torn":
        _, path, flags = operation
        descriptor = os.open(path, flags, 0o644)
        if flags & os.O_APPEND:
            os.write(descriptor, b'{"')
        os.close(descriptor)


def start(arguments: Sequence[str], fault: str = "", at: int = 0) -> int:
    """Exit code, minus the signal's number, of the command with a fault at its operation ``at`` (0: at none).

    What it says is then in said.txt, and what its file operations are in seen.json. ``fault`` "kept": the files are
    copied before each of them.
    """
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    signal.alarm(SECONDS)
    torch.set_num_threads(1)  # makes torch's pool anew here: threads that load weights would, several at once, and fail
    silent = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    home, seen, is_on = os.getcwd(), list[tuple[Any, ...]](), [True]
    if fault == "clock":
        jumps, now = itertools.cycle([0, YEAR, -YEAR, 10 * YEAR]), time.time
        time.time = lambda: now() + next(jumps)

    def hook(event: str, details: Any) -> None:
        if not is_on[0] or not is_write(event, details, home):
            return
        seen.append((event, str(details[0]), details[2] if event == "open" else 0))
        if fault == "kept":
            is_on[0] = False
            keep(seen)
            is_on[0] = True
        if fault == "clock":
            return
        if len(seen) == at or (fault == "full" and len(seen) > at and event in FILLING):  # a full disk stays full
            is_on[0] = fault == "full"
            strike(fault, details)

    sys.addaudithook(hook)
    code = cli.main(list(arguments))
    is_on[0] = False
    Path("seen.json").write_text(json.dumps(seen), encoding="utf-8")
    os._exit(code)


def emptied(name: str) -> Path:
    out = CHANGED[0] / "out"
    for folder in CHANGED:
        shutil.rmtree(folder, ignore_errors=True)
    (out if name == "predict" else out.parent).mkdir(parents=True)
    return out


class Sweep:
    """One command: how it ends by itself, and after a fault."""

    def __init__(self, name: str) -> None:
        self.name, (arguments, self.look) = name, JOBS[name]
        self.out = emptied(name)
        self.arguments = [one.replace("OUT", str(self.out)) for one in arguments]
        shutil.rmtree(KEPT, ignore_errors=True)
        if code := start(self.arguments, "kept"):
            raise SystemExit(f"{name} ends with {code}: {Path('said.txt').read_text(encoding='utf-8')[-2000:]}")
        self.expected = self.look(self.out)
        self.operations: list[Any] = json.loads(Path("seen.json").read_text(encoding="utf-8"))
        self.once_done = start(self.arguments)  # mslt predict overwrites nothing

    def points(self, faults: Sequence[str], number: int | None, share: str) -> list[tuple[str, int]]:
        where = {"torn": ("open",), "full": FILLING}
        every = [
            (fault, at)
            for at, (event, *_) in enumerate(self.operations, 1)
            for fault in faults
            if fault != "clock" and event in where.get(fault, (event,))
        ]
        every = every[:: max(1, len(every) // number)][:number] if number else every
        random.Random(0).shuffle(every)  # what is cut short has been everywhere
        mine, shares = map(int, share.split("/"))
        return [*[("clock", 1)] * ("clock" in faults), *every][mine - 1 :: shares]

    def point(self, fault: str, at: int) -> dict[str, Any]:
        found: dict[str, Any] = {"command": self.name, "operations": len(self.operations), "fault": fault, "at": at}
        found["became"] = "survived"
        if fault in ("killed", "torn"):
            bring_back(fault, at, self.operations[at - 1])
        else:
            emptied(self.name)
            code, said = start(self.arguments, fault, at), Path("said.txt").read_text(encoding="utf-8")
            if not self.is_clean(fault, code, said):
                return found | {"became": "unclean", "code": code, "said": said[-1500:]}
        again = start(self.arguments)
        said = Path("said.txt").read_text(encoding="utf-8")
        if again == -signal.SIGALRM:
            return found | {"became": "stuck"}
        is_done = again == 0 or (again == self.once_done and not list(self.out.rglob(".*/*")))
        if not is_done or self.look(self.out) != self.expected:
            return found | {"became": "inexact", "again": again, "said": said[-1500:]}
        return found

    def is_clean(self, fault: str, code: int, said: str) -> bool:
        """Whether it ended as it was told to and says one line."""
        if "Traceback" in said:
            return False
        if code == 0:  # what failed was not needed (a cache), or all was done
            return bool(self.look(self.out) == self.expected)
        if code == 1 and self.name == "study":  # a cell failed; the others are done
            return "FAILED: " in said and "Start the same command again" in said
        return code == (143 if fault == "ended" else 2) and said.count("error: ") == 1


def table(points: Sequence[dict[str, Any]]) -> str:
    operations = {one["command"]: one["operations"] for one in points}
    became = Counter((one["command"], one["fault"], one["became"]) for one in points)
    names = ("survived", "inexact", "stuck", "unclean")
    lines = [f"{'command':8} {'fault':7} {'operations':>10} {'tries':>6} " + " ".join(f"{name:>8}" for name in names)]
    for command, fault in dict.fromkeys((one["command"], one["fault"]) for one in points):
        counts = [became[command, fault, name] for name in names]
        row = " ".join(f"{count:>8}" for count in counts)
        lines.append(f"{command:8} {fault:7} {operations[command]:>10} {sum(counts):>6} {row}")
    totals = [sum(one["became"] == name for one in points) for name in names]
    row = " ".join(f"{count:>8}" for count in totals)
    lines.append(f"{'in all':8} {'':7} {sum(operations.values()):>10} {len(points):>6} {row}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("commands", nargs="*", default=list(JOBS), metavar="COMMAND")
    parser.add_argument("--faults", default=",".join(FAULTS[:2]), help=f"of {','.join(FAULTS)}")
    parser.add_argument("--points", type=int, help="at most so many of each command, spread over all of it")
    parser.add_argument("--share", default="1/1", metavar="I/N", help="every N-th of them, from the I-th on")
    parser.add_argument("--write", action="store_true", help=f"the table into {RESULTS.name}")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(options.folder)
    os.environ["XDG_CACHE_HOME"] = str(Path("cache").resolve())
    torch.set_num_threads(1)  # a pool of threads would not be there after a fork
    study.make_executor = in_this_process
    Path("new.csv").write_text(ROWS, encoding="utf-8")
    log = Path("points.jsonl")
    log.touch()
    points = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    known = {(one["command"], one["fault"], one["at"]) for one in points}
    if options.points != 0:
        with open(os.devnull, "w") as null:
            sys.stdout, said = null, sys.stdout
            cli.main([*TRAIN])
            for name in options.commands:
                cli.main([one.replace("OUT", str(emptied(name))) for one in JOBS[name][0]])
            sys.stdout = said
        gc.collect()
        gc.freeze()  # the children's collections, which TRL asks for, would walk through all of torch
        os.fsync = lambda file: None  # a process that dies loses nothing that it has handed to the system
        for name in options.commands:
            sweep, began = Sweep(name), time.monotonic()
            for fault, at in sweep.points(options.faults.split(","), options.points, options.share):
                if (name, fault, at) not in known:
                    points.append(sweep.point(fault, at))
                    with log.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(points[-1]) + "\n")
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    text = table([one for one in points if one["command"] in options.commands])
    print(text, end="")
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")
    sys.exit(any(one["became"] != "survived" for one in points))


if __name__ == "__main__":
    main()
