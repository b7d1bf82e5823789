"""kill -9 at any moment: started again, `mslt eval` ends with the files of an evaluation that nobody disturbed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from forked import no_gpu
from kill_often import count_batches, hunt
from tiny_eval import results

pytestmark = no_gpu


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    count_batches(monkeypatch)


def files(out: Path) -> dict[str, bytes]:
    """Everything an evaluation writes; what names its folder, the machine or a file's time is compared elsewhere."""
    own = {"results.json", "results.txt", "COMPLETE.json"}
    found = {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name not in own}
    return found | {"results.txt": (out / "results.txt").read_bytes().replace(str(out).encode(), b"OUT")}


def check(folder: Path, found: dict[str, Any], kills: int) -> None:
    assert found["status"] == found["last"] == 0
    assert found["killed"] >= kills // 2  # or it was done before they came, and nothing was tried
    calm, hunted = files(folder / "calm"), files(folder / "hunted")
    assert sorted(hunted) == sorted(calm) and not [name for name in hunted if name.endswith(".part")]
    assert [name for name in calm if hunted[name] != calm[name]] == []
    assert results(folder / "hunted") == results(folder / "calm")
    assert 0 <= found["redone"] <= found["killed"]  # each kill costs one batch at most


def test_killed_while_sampling_chains_and_translating(base: Path, sums: Path, tmp_path: Path) -> None:
    arguments = [f"model={base}", "task=mgsm", f"task.data={sums}", "languages=[de,tr]", "cache=none", "samples=2"]
    more = ["variant=[cot_native,translate_solve]", "max_new_tokens=5", "scoring.batch_tokens=1", "examples=3"]
    found = hunt(tmp_path, 3, 2, [*arguments, *more])
    assert found["batches"] >= 10
    check(tmp_path, found, 2)


@pytest.mark.slow
def test_killed_while_scoring_with_answers_kept(run: Path, tmp_path: Path) -> None:
    """A batch that was kept and is not yet in the journal is taken from there."""
    found = hunt(tmp_path, 5, 8, [f"run={run}", "examples=6", "scoring.batch_tokens=400", "cache=OUT-kept"])
    assert found["batches"] >= 15
    check(tmp_path, found, 8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_forty_times(seed: int, run: Path, other_run: Path, sums: Path, tmp_path: Path) -> None:
    arguments = [f"run=[{run},{other_run}]", "task=mgsm", f"task.data={sums}", "languages=[de,tr,en]", "samples=3"]
    more = ["variant=[direct,cot_native,cot_english,translate_solve,xlt]", "max_new_tokens=6"]
    more += ["scoring.batch_tokens=1000"]
    found = hunt(tmp_path, seed, 40, [*arguments, *more, "examples=0", "cache=none", "shots=1"])
    assert found["batches"] >= 100
    check(tmp_path, found, 40)
