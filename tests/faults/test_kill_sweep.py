"""kill -9 at file operations of every command that writes: started again, it ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_run import Survived

HERE = Path(__file__).parent
COMMANDS = ("train", "eval", "merge", "export", "combine", "predict", "report", "study")
POINTS = 26  # of each: 208 in all


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_any_file_operation(command: str, shop: Path, tmp_path: Path, survived: Survived) -> None:
    shutil.copytree(shop / "run", tmp_path / "run")
    (tmp_path / "new.csv").write_text(
        "lang,premise,hypothesis\n" + "".join(f"en,{n} red boats,boats\n" for n in range(9)), encoding="utf-8"
    )
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    program = [sys.executable, str(HERE / "kill_sweep.py"), str(tmp_path), str(POINTS), command]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)[command]
    survived(f"killed at a file operation of mslt {command}", found["killed"])
    assert found["code"] == 0 and found["killed"] >= min(POINTS, found["operations"]) - 1
    assert found["inexact"] == [] and found["stuck"] == [], found
