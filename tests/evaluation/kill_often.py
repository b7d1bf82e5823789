"""Runs `mslt eval` once in peace and once with kill -9 again and again, and counts.

The calm run is made in this process; every other start is a process of its own, forked from it. Most kills come as
soon as a random number of bytes stands in the journals, or a little later. OUT in an argument is the folder that is
written to.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from forked import is_running, start, wait_for

from mslt_it import cli
from mslt_it.evaluation.engines import ChoiceEngine, TextEngine

LOG = Path("batches.log")


def count_batches(patch: pytest.MonkeyPatch) -> None:
    """From now on each batch that a model is asked leaves a byte in `LOG`."""
    for engine in (ChoiceEngine, TextEngine):
        original = engine.answer

        def answer(self, *given, original=original):  # type: ignore[no-untyped-def]
            with LOG.open("ab") as out:
                out.write(b".")
            return original(self, *given)

        patch.setattr(engine, "answer", answer)


def evaluated(out: Path, arguments: Sequence[str]) -> int:
    return cli.main(["eval", *(a.replace("OUT", str(out)) for a in arguments), f"out={out}"])


def written(out: Path) -> int:
    """Bytes in all journals."""
    return sum(path.stat().st_size for path in out.rglob("*.jsonl") if path.is_file())


def hunt(folder: Path, seed: int, kills: int, arguments: Sequence[str]) -> dict[str, Any]:
    """Into folder/calm in peace, and folder/hunted; ``folder`` is the working directory."""
    calm, hunted, said = folder / "calm", folder / "hunted", folder / "said.txt"
    torch.set_num_threads(1)  # as in what is forked
    work = functools.partial(evaluated, hunted, arguments)
    began = time.monotonic()
    with said.open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        status = evaluated(calm, arguments)
    seconds, size, batches = time.monotonic() - began, written(calm), LOG.stat().st_size
    draw = random.Random(seed)
    killed = 0
    for number in range(kills):
        process = start(work, said)
        # The number-th kill comes in the number-th part of the work; every fourth while nothing is asked yet.
        limit = max(written(hunted), size * (number + draw.random()) / kills)
        wait = draw.uniform(0.0, 0.4) * seconds if number % 4 == 3 else 10 * seconds
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline and written(hunted) <= limit and is_running(process):
            time.sleep(0.001)
        time.sleep(draw.choice((0.0, 0.005, 0.02)))
        os.kill(process, signal.SIGKILL)
        killed += wait_for(process) == -signal.SIGKILL
    last = wait_for(start(work, said))
    redone = LOG.stat().st_size - 2 * batches
    return {"status": status, "last": last, "killed": killed, "batches": batches, "redone": redone}
