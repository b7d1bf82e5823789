"""Fixtures made in-process: no network, no files but temporary ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# tiny_run is a program too (resume is tested by killing it), so it is a plain module beside the tests.
sys.path.insert(0, str(Path(__file__).parent))

PROGRAM = Path(__file__).parent / "tiny_run.py"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def launch() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Start ``tiny_run.py`` in its own process (or under torchrun with ``processes`` of them)."""

    def start(run_dir: Path, *arguments: str, processes: int = 0) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            "HF_HUB_OFFLINE": "1",
            "CUDA_VISIBLE_DEVICES": "",
        }
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        command = [sys.executable, *(torchrun if processes else []), str(PROGRAM), str(run_dir), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)

    return start
