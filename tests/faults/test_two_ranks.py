"""Two ranks: one that is killed ends the other, and the next start is exact; FSDP2 gives what one process does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_run import Survived

HERE = Path(__file__).parent
LONGEST = 120  # seconds until both have ended: torchrun gives the other one 30


def told(folder: Path, what: str) -> Any:
    program = [sys.executable, str(HERE / "two_ranks.py"), str(folder), what]
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_one_rank_killed_while_training_saving_and_scoring(tmp_path: Path, survived: Survived) -> None:
    found = told(tmp_path, "kills")["kills"]
    survived("one of two ranks killed", len(found))
    assert len(found) == 10 and all(one["exact"] and one["code"] == 1 and one["seconds"] < LONGEST for one in found)


@pytest.mark.slow
def test_a_model_divided_by_fsdp2_is_trained_saved_resumed_and_scored(tmp_path: Path, survived: Survived) -> None:
    survived("a rank of FSDP2 killed")
    found = told(tmp_path, "fsdp")
    assert found["codes"] == [0, 1, 0, 0], found["said"]
    divided, resumed, copies, single = (found["runs"][name] for name in ("divided", "killed", "copies", "single"))
    assert divided == resumed
    for other in (copies, single):
        assert divided["scores"] == other["scores"]
        assert divided["losses"] == pytest.approx(other["losses"], rel=1e-4)
