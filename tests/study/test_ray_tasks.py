"""The Ray executor on a local cluster of two workers."""

from __future__ import annotations

import os
from pathlib import Path

import pool_cells
import pytest
from tiny_study import ROOT

from mslt_it.problems import Problem
from mslt_it.study.executors import make_executor
from mslt_it.study.jobs import Outcome

ray = pytest.importorskip("ray", reason="pip install -e '.[ray]'")


@pytest.mark.slow
def test_cells_on_two_workers_with_a_death_and_a_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(Path(__file__).parent)]))
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    found: dict[str, Outcome] = {}
    executor = make_executor("ray", 2, {}, str(tmp_path))
    jobs = pool_cells.jobs(tmp_path, "slow1", "slow2", "killed", "slow3", "doomed")
    executor.run(jobs, pool_cells.ended, lambda o: found.update({o.cell: o}))
    assert {cell: outcome.status for cell, outcome in found.items()} == {
        "slow1": "ok", "slow2": "ok", "killed": "ok", "slow3": "ok", "doomed": "failed",
    }  # fmt: skip
    assert found["doomed"].reason.startswith("its Ray task was lost 4 times: ")
    assert (tmp_path / "failed" / "doomed.txt").is_file()
    begun = [line.split() for line in (tmp_path / "notes.txt").read_text().splitlines()]
    assert [cell for cell, _, _ in begun].count("killed") == 2
    assert [cell for cell, _, _ in begun].count("doomed") == 4
    assert str(os.getpid()) not in {process for _, _, process in begun}
    assert not ray.is_initialized()


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"executor=ray has no 'num_gpu'. Did you mean 'num_gpus'\?"):
        make_executor("ray", None, {"num_gpu": "1"}, str(tmp_path))
    with pytest.raises(Problem, match=r"settings: num_gpus=one is not a number"):
        make_executor("ray", None, {"num_gpus": "one"}, str(tmp_path))
