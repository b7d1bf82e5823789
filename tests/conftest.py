"""Two test processes on two cores: one thread each, and none that spins while it waits. Before torch is imported.

The tests are of the arithmetic of a CPU, many of them to the bit: on a machine with a GPU they leave it alone, unless
``CUDA_VISIBLE_DEVICES`` names one. Those of 4 and 8 bits are left out by name where bitsandbytes is not installed.
"""

import importlib.util
import os
from collections.abc import Iterator

import pytest

from mslt_it.problems import Problem

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


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
