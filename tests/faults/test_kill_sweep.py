"""kill -9 at file operations of every command that writes: started again, it ends as if nothing had happened."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_run import Survived

HERE = Path(__file__).parent
COMMANDS = ("train", "eval", "merge", "export", "combine", "predict", "report", "study")
POINTS = 28  # of each: more than 200 in all, though predict has fewer. kill_sweep.py without --points tries all


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_fault_at_any_file_operation(command: str, tmp_path: Path, survived: Survived) -> None:
    program = [sys.executable, str(HERE / "kill_sweep.py"), str(tmp_path), command, "--points", str(POINTS)]
    program += ["--faults", "killed,torn,clock,full,ended"]
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"^in all +\d+ +(\d+) +(\d+)", done.stdout, re.MULTILINE)
    assert found, done.stderr[-2000:]
    survived(f"a fault at a file operation of mslt {command}", int(found[1]))
    assert done.returncode == 0 and found[1] == found[2] and int(found[1]) >= 25, done.stdout
