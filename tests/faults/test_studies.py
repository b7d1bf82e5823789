"""Studies: what is done stays done, is never done twice, and the report says what is missing."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_run import Survived

from mslt_it.problems import Problem
from mslt_it.study import cells, derived
from mslt_it.study.manifest import StudyFolder, read_manifest

HERE = Path(__file__).parent


def job(study: Path, cell: str) -> Any:
    recipe = SimpleNamespace(output_dir=str(study / "cells" / cell))
    return SimpleNamespace(study=str(study), cell=cell, recipe=recipe, together=())


def test_a_full_disk_in_one_cell_is_its_reason_alone(
    tmp_path: Path, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived("disk full in one cell of a study")

    def run(one: Any, folder: StudyFolder) -> cells.Outcome:
        if one.cell == "full":
            raise OSError(errno.ENOSPC, "No space left on device", "cells/full/results.json")
        return cells.Outcome(one.cell, "ok")

    monkeypatch.setattr(cells, "_run", run)
    found = [cells.run_cell(job(tmp_path, name)) for name in ("a", "full", "b")]
    assert [one.status for one in found] == ["ok", "failed", "ok"]
    assert found[1].reason.startswith("cells/full/results.json: No space left on device. The disk is full: free some")
    assert "free some space" in (tmp_path / "failed" / "full.txt").read_text(encoding="utf-8")


def test_many_cells_at_once_on_one_folder(tmp_path: Path, survived: Survived, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five hundred workers, a hundred to a cell: a cell is run by one at a time, and by the others only looked at."""
    survived("many workers on one folder", 500)
    inside: dict[str, int] = {}
    most: dict[str, int] = {}

    def run(one: Any, folder: StudyFolder) -> cells.Outcome:
        inside[one.cell] = inside.get(one.cell, 0) + 1
        most[one.cell] = max(most.get(one.cell, 0), inside[one.cell])
        (folder.cell(one.cell)).mkdir(parents=True, exist_ok=True)
        inside[one.cell] -= 1
        return cells.Outcome(one.cell, "ok")

    monkeypatch.setattr(cells, "_run", run)
    found: list[cells.Outcome] = []
    jobs = [job(tmp_path, f"c{n % 5}") for n in range(500)]
    threads = [threading.Thread(target=lambda one=one: found.append(cells.run_cell(one))) for one in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 500 and {one.status for one in found} == {"ok"} and set(most.values()) == {1}
    assert len(list((tmp_path / "timing").iterdir())) == 5 and not list((tmp_path / "locks").iterdir())


def test_a_clock_that_jumps_changes_no_time(
    tmp_path: Path, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived("clock that jumps")
    monkeypatch.setattr("time.time", lambda: -1e9)
    monkeypatch.setattr(cells, "_run", lambda one, folder: cells.Outcome(one.cell, "ok"))
    assert cells.run_cell(job(tmp_path, "a")).seconds >= 0
    assert json.loads((tmp_path / "timing" / "a.json").read_text(encoding="utf-8"))["seconds"] >= 0


def test_edited_figures_of_a_study_are_made_again(tmp_path: Path, survived: Survived) -> None:
    survived("figures of a study edited")
    made: list[int] = []

    def make(folder: StudyFolder, say: Any) -> dict[str, Any]:
        made.append(1)
        return {"rows": [{"set": ["de"], "predicted": 0.5, "measured": 0.5}]}

    step, folder = derived.Step("prediction", "predicted.json", (), {}, make), StudyFolder(tmp_path)
    for _ in range(2):
        derived._make(step, folder, lambda text: None)
    path = tmp_path / "predicted.json"
    before = path.read_text(encoding="utf-8")
    assert made == [1]
    path.write_text(before.replace("0.5", "0.9", 1), encoding="utf-8")
    derived._make(step, folder, lambda text: None)
    assert made == [1, 1] and path.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, None], ids=["emptied", "cut", "nested", "folder"])
def test_a_damaged_manifest_is_written_anew(content: str | None, tmp_path: Path, survived: Survived) -> None:
    survived("manifest of a study damaged")
    folder = StudyFolder(tmp_path)
    folder.manifest.mkdir() if content is None else folder.manifest.write_text(content, encoding="utf-8")
    with pytest.raises(Problem, match=r"Start the same `mslt study` again, which rewrites it: what is done stay"):
        read_manifest(folder)


@pytest.mark.slow
def test_fifty_starts_at_once(tmp_path: Path, survived: Survived) -> None:
    """Those that came second say so, or wait and find the cells done."""
    survived("many starts of one study at once", 50)
    program = [sys.executable, str(HERE / "many_starts.py"), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert set(found["codes"]) <= {"0", "2"} and found["codes"]["0"] >= 4 and found["told"] >= 10
    assert found["same"] and set(found["run"].values()) == {1}, found
