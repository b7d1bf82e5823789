"""`mslt predict executor=ray`: the file of one process, from a local cluster of two workers, one of which dies."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
from dying_actor import MARK, DyingActor
from labelled_table import Trained, call, table

from mslt_it.prediction import job, ray_job

ROWS = [{"n": str(n), "lang": code, "text": text} for n, (code, text, _) in enumerate(table()[:60])]


class Killed(BaseException):
    """Like the signal."""


@pytest.mark.slow
def test_two_workers_write_the_same_file(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="pip install -e '.[ray]'")
    monkeypatch.chdir(tmp_path)
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(here.parents[1]), str(here)]))
    monkeypatch.setenv(MARK, str(tmp_path / "died"))
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    monkeypatch.setattr(job, "CHUNK", 7)
    with open("new.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows([*ROWS, {"n": "x", "lang": "xx", "text": "The bus"}])
    given = ("predict", f"run={trained.run}", "data=new.csv")
    on_ray = (*given, "out=ray.csv", "executor=ray", "workers=2")
    assert call(*given, "out=one.csv")[0] == 0
    # Begun, and begun again: what is labelled is not asked any more.
    asked: list[int] = []
    put = job.write_atomically

    def watched(path: Path, text: str) -> None:
        if path.parent.name == "done":
            if len(asked) == 3:
                raise Killed
            asked.append(int(path.stem))
        put(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(job, "write_atomically", watched)
        with pytest.raises(Killed):
            call(*on_ray)
    assert len(list(Path(".ray.csv.part/done").iterdir())) == 3 and not ray.is_initialized()
    with monkeypatch.context() as patch:
        patch.setattr(ray_job, "Actor", DyingActor)
        code, shown = call(*on_ray)
    assert Path("died").is_file()
    assert code == 0 and "Resuming: 3 chunks of 7 rows already labelled." in shown, shown
    assert Path("ray.csv").read_bytes() == Path("one.csv").read_bytes()
    assert papers("ray.csv.json") == papers("one.csv.json")
    assert not ray.is_initialized() and not Path(".ray.csv.part").exists()
    # What goes wrong on a node is said, and nothing is lost.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(job, "labelled", broken)
    code, shown = call(*given, "out=other.csv", "executor=ray", "workers=1")
    assert code == 2 and "The Ray job on new.csv failed: " in shown and "no such folder" in shown, shown


def papers(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(name).read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if key != "out"}


def broken(cluster: Any, run: str, *rest: Any) -> Any:
    return ray_job.labelled(cluster, f"{run}-elsewhere", *rest)


def test_without_ray_it_is_said_how_to_get_it(trained: Trained, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text("text\nhi\n", encoding="utf-8")
    try:
        import ray  # noqa: F401
    except ImportError:
        code, shown = call("predict", f"run={trained.run}", f"data={new}", "out=y.csv", "executor=ray")
        assert code == 2 and "executor=ray needs the package ray" in shown and "pip install -e '.[ray]'" in shown
    else:
        code, shown = call("predict", f"run={trained.run}", f"data={new}", "out=y.csv", "executor=ray",
                           "settings={num_gpu:1}")  # fmt: skip
        assert code == 2 and "executor=ray has no 'num_gpu'. Did you mean 'num_gpus'?" in shown
    assert os.listdir(tmp_path) == ["new.csv"]
