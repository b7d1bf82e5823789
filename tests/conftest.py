"""Two test processes on two cores: one thread each, and none that spins while it waits. Before torch is imported.

The tests are of the arithmetic of a CPU, many of them to the bit: on a machine with a GPU they leave it alone, unless
``CUDA_VISIBLE_DEVICES`` names one. Those of 4 and 8 bits are left out by name where bitsandbytes is not installed.
"""

import gc
import importlib.util
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mslt_it.problems import Problem

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process that a test starts compiles the package anew: 2 s
gc.disable()
MANY_MODULES = 40  # imported by a test's own work: Trainer's are, when the first test trains
frozen_modules = 0


def pytest_collection_finish() -> None:
    _freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    if len(sys.modules) > frozen_modules + MANY_MODULES:
        gc.collect()
        _freeze()


def _freeze() -> None:
    """What was imported is no garbage. Training and merging collect some, and would look through torch each time."""
    global frozen_modules
    gc.freeze()
    frozen_modules = len(sys.modules)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    return (yield from _without_bitsandbytes())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    return (yield from _without_bitsandbytes())


def _without_bitsandbytes() -> Iterator[None]:
    try:
        return (yield)
    except Problem as problem:
        if "needs the package bitsandbytes" in str(problem) and importlib.util.find_spec("bitsandbytes") is None:
            pytest.skip("bitsandbytes is not installed: pip install -e '.[quantization]'")
        raise


# ---------------------------------------------------------------- the table of faults


@pytest.fixture
def survived(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """``survived("disk full", tries=3)``: a row of the table at the end; a test that fails lost what it tried."""

    def record(fault: str, tries: int = 1) -> None:
        record_property("fault", f"{fault}\0{tries}")

    return record


def pytest_terminal_summary(terminalreporter: Any) -> None:
    tries: Counter[str] = Counter()
    lost: dict[str, int] = defaultdict(int)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in getattr(report, "user_properties", ()):
                if name == "fault" and report.when == "call":
                    fault, _, number = str(value).partition("\0")
                    tries[fault] += int(number)
                    lost[fault] += int(number) * (outcome == "failed")
    if tries:
        width = max(map(len, tries))
        terminalreporter.write_line(f"\n{'fault':{width}}  tries  survived  lost")
        for fault, number in sorted(tries.items()):
            terminalreporter.write_line(f"{fault:{width}}  {number:>5}  {number - lost[fault]:>8}  {lost[fault]:>4}")
