"""Work in a process of its own that is forked from this one: the imports, which take longer, are paid once."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
import torch

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA does not bear a fork")


def start(work: Callable[[], int], said: Path) -> int:
    """The id of a process that does the work, ends with its exit code and adds to ``said`` what it prints."""
    torch.set_num_threads(1)  # OpenMP's own do not survive a fork; the results are to be those of this process
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        signal.alarm(300)  # a process that hangs ends with the tests
        torch.set_num_threads(1)  # makes torch's pool anew: threads that load weights would, several at once, and fail
        with said.open("a", encoding="utf-8") as sys.stdout:
            sys.stderr = sys.stdout
            for stream in (1, 2):
                os.dup2(sys.stdout.fileno(), stream)
            try:
                code = work()
            except BaseException:
                traceback.print_exc()
    finally:
        os._exit(code)


def forget(packages: Collection[str]) -> None:
    """From now on these are imported anew, as in a process of its own."""
    for name in [name for name in sys.modules if name.split(".")[0] in packages]:
        del sys.modules[name]


def is_running(process: int) -> bool:
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def wait_for(process: int) -> int:
    """Its exit code; that of a signal is negative."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
