"""Runs `mslt eval` once in peace and once with kill -9 again and again; prints what it counted as JSON.

python kill_often.py FOLDER SEED KILLS ARGUMENT...

The calm run is made in this process, which has one thread; every other start is a process of its own, forked from it:
the imports, which take longer than the work, are paid once. Most kills come as soon as a random number of bytes stands
in the journals, or a little later. OUT in an argument is the folder that is written to.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mslt_it import cli
from mslt_it.evaluation.engines import ChoiceEngine, TextEngine

LOG = Path("batches.log")


def count_batches() -> None:
    """From now on each batch that a model is asked leaves a byte in `LOG`."""
    for engine in (ChoiceEngine, TextEngine):
        original = engine.answer

        def answer(self, *given, original=original):  # type: ignore[no-untyped-def]
            with LOG.open("ab") as out:
                out.write(b".")
            return original(self, *given)

        engine.answer = answer  # type: ignore[method-assign]


def evaluated(out: Path, arguments: Sequence[str]) -> int:
    return cli.main(["eval", *(a.replace("OUT", str(out)) for a in arguments), f"out={out}"])


def start(out: Path, arguments: Sequence[str]) -> int:
    """The id of a process that evaluates into ``out``."""
    process = os.fork()
    if process:
        return process
    silent = os.open(out.parent / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    os._exit(evaluated(out, arguments))


def written(out: Path) -> int:
    """Bytes in all journals."""
    return sum(path.stat().st_size for path in out.rglob("*.jsonl") if path.is_file())


def is_running(process: int) -> bool:
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def wait_for(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main(folder: Path, seed: int, kills: int, arguments: Sequence[str]) -> dict[str, object]:
    calm, hunted = folder / "calm", folder / "hunted"
    count_batches()
    began = time.monotonic()
    with (folder / "said.txt").open("w") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = evaluated(calm, arguments)
    seconds, size, batches = time.monotonic() - began, written(calm), LOG.stat().st_size
    gc.freeze()  # the children's collections would walk through all of torch
    draw = random.Random(seed)
    killed = 0
    for number in range(kills):
        process = start(hunted, arguments)
        # The number-th kill comes in the number-th part of the work; every fourth while nothing is asked yet.
        limit = max(written(hunted), size * (number + draw.random()) / kills)
        wait = draw.uniform(0.0, 0.4) * seconds if number % 4 == 3 else 10 * seconds
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline and written(hunted) <= limit and is_running(process):
            time.sleep(0.001)
        time.sleep(draw.choice((0.0, 0.005, 0.02)))
        os.kill(process, signal.SIGKILL)
        killed += wait_for(process) == -signal.SIGKILL
    last = wait_for(start(hunted, arguments))
    redone = LOG.stat().st_size - 2 * batches
    return {"status": status, "last": last, "killed": killed, "batches": batches, "redone": redone}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])))
