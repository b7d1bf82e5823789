"""Where a run is told of: what arrives there, that nothing leaves the machine, and what is refused before training.

Trackers that are not installed are skipped by name: pip install -e '.[wandb,mlflow,trackio]'.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import TrainerCallback

from mslt_it.command import execute
from mslt_it.commands import study as study_command
from mslt_it.config.compose import load_recipe
from mslt_it.pipeline import run_recipe
from mslt_it.problems import Problem
from mslt_it.store import read_json
from mslt_it.training import trackers
from mslt_it.training.checkpoints import training_keys
from mslt_it.training.trackers import IDS, TRACKERS, Scores, log_scores, refuse_unready, tracked

INSTALLED = [name for name in TRACKERS if importlib.util.find_spec(name)]
SMALL = [
    *("targets=[tr,th]", "training.max_steps=2", "training.logging_steps=1", "training.save_steps=1"),
    *("training.eval_steps=2", "training.num_eval_examples=3", "data.num_examples_total=24"),
    *("scoring.num_examples_per_language=10", "scoring.num_bootstrap=100"),
]
LOCAL = {"WANDB_MODE": "offline", "HF_HUB_OFFLINE": "1"}
ELSEWHERE = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "TRACKIO_DIR", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run told to all trackers that are installed: interrupted after its first checkpoint, and gone on with."""

    class Stop(TrainerCallback):
        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 1:
                raise KeyboardInterrupt

    folder = tmp_path_factory.mktemp("tracked") / "run"
    recipe = load_recipe("xnli_3src", [*SMALL, f"output_dir={folder}", f"training.report_to=[{','.join(INSTALLED)}]"])
    with pytest.MonkeyPatch.context() as patch:
        for name in ELSEWHERE:
            patch.delenv(name, raising=False)
        for name, value in LOCAL.items():
            patch.setenv(name, value)
        with pytest.MonkeyPatch.context() as once, pytest.raises(KeyboardInterrupt):
            once.setattr(TRACKERS["tensorboard"], "callback", lambda self: Stop())
            run_recipe(recipe, show=lambda text: None)
        assert run_recipe(recipe, show=lambda text: None) == 0
        assert "MLFLOW_TRACKING_URI" not in os.environ  # or the next run would go to this one's store
    return folder


@pytest.fixture(scope="module")
def scores(run: Path) -> dict[str, float]:
    """As results.json has them."""
    rows = (read_json(run / "results.json") or {})["results"]
    return {f"score/{row['metric']}/{row['language']}": row["value"] for row in rows}


@pytest.fixture(scope="module")
def losses(run: Path) -> dict[str, list[float]]:
    """As losses.jsonl has them."""
    lines = [json.loads(line) for line in (run / "losses.jsonl").read_text(encoding="utf-8").splitlines()]
    return {
        name: [line[name] for line in lines if name in line] for name in ("loss/ar", "eval_accuracy", "eval_loss/de")
    }


def test_tensorboard_has_losses_looks_recipe_and_scores(run: Path, losses: Any, scores: dict[str, float]) -> None:
    found = EventAccumulator(str(run / "tensorboard"))
    found.Reload()
    for name, values in losses.items():
        assert [one.value for one in found.Scalars(name)] == pytest.approx(values)
    assert {name for name in found.Tags()["scalars"] if name.startswith("score/")} == set(scores)
    for name, value in scores.items():
        assert found.Scalars(name)[0].value == pytest.approx(value)
    text = [
        found.Tensors(f"{name}/text_summary")[0].tensor_proto.string_val[0].decode() for name in ("recipe", "scores")
    ]
    assert "num_eval_examples: 3" in text[0] and "| tr Turkish | unseen | 10 |" in text[1]


def test_mlflow_has_them_in_the_run_s_folder(run: Path, losses: Any, scores: dict[str, float]) -> None:
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(f"sqlite:///{run / 'mlflow' / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("mslt_it").experiment_id])
    assert found.info.run_name.startswith("xnli_3src-") and found.info.status == "FINISHED"
    assert found.data.params["recipe.training.num_eval_examples"] == "3"
    assert found.data.params["recipe.sources"] == "['ar', 'de', 'zh']"
    for name, values in losses.items():
        assert [one.value for one in client.get_metric_history(found.info.run_id, name)] == pytest.approx(values)
    assert {name: found.data.metrics[name] for name in scores} == pytest.approx(scores)
    (folder,) = (run / "mlflow" / "artifacts").iterdir()
    assert {path.name for path in (folder / "artifacts").iterdir()} == {"config.yaml", "scores.json"}


def test_wandb_offline_has_them_in_the_run_s_folder(run: Path, scores: dict[str, float]) -> None:
    pytest.importorskip("wandb")
    parts = sorted((run / "wandb").glob("offline-run-*"))
    assert len(parts) == 2 and len({part.name.rpartition("-")[2] for part in parts}) == 1  # one run, once interrupted
    content = b"".join(path.read_bytes() for part in parts for path in part.glob("run-*.wandb"))
    for told in (b"train/loss/ar", b"eval/accuracy", b"num_eval_examples", b"score/accuracy/tr", b"xnli_3src-"):
        assert told in content
    (table,) = (parts[-1] / "files").rglob("scores_*.table.json")
    found = json.loads(table.read_text(encoding="utf-8"))
    frame = pd.DataFrame(found["data"], columns=found["columns"])
    assert Scores(frame, "").values == pytest.approx(scores)


def test_trackio_has_them_in_the_run_s_folder(run: Path, losses: Any, scores: dict[str, float]) -> None:
    pytest.importorskip("trackio")
    told = (
        "import json, sys; from trackio.sqlite_storage import SQLiteStorage as S; (name,) = S.get_runs('mslt_it'); "
        "print(json.dumps([name, S.get_run_config('mslt_it', name), S.get_logs('mslt_it', name)]))"
    )
    own = os.environ | {"TRACKIO_DIR": str(run / "trackio")}
    said = subprocess.run([sys.executable, "-c", told], env=own, capture_output=True, text=True, check=True).stdout
    name, config, logs = json.loads(said.strip().splitlines()[-1])
    assert name.startswith("xnli_3src-") and config["recipe"]["training"]["num_eval_examples"] == 3
    assert [line["train/loss/ar"] for line in logs if "train/loss/ar" in line] == pytest.approx(losses["loss/ar"])
    assert [line["eval/accuracy"] for line in logs if "eval/accuracy" in line] == pytest.approx(losses["eval_accuracy"])
    assert {name: logs[-1][name] for name in scores} == pytest.approx(scores)
    assert logs[-1]["scores"]["_type"] == "trackio.table"


# ---------------------------------------------------------------- what is asked for, and what is not


def test_tensorboard_alone_is_the_default_and_no_result_follows_from_it() -> None:
    plain, more = load_recipe("xnli_3src"), load_recipe("xnli_3src", ["training.report_to=[wandb,mlflow]"])
    assert plain.training.report_to == ("tensorboard",)
    assert load_recipe("xnli_3src", ["training.report_to=mlflow"]).training.report_to == ("mlflow",)
    assert load_recipe("xnli_3src", ["training.report_to=[]"]).training.report_to == ()
    assert plain.run_fingerprint() == more.run_fingerprint()
    assert training_keys(plain, [], "") == training_keys(
        more, [], ""
    )  # a checkpoint is gone on with, whoever is told of it
    with pytest.raises(Problem, match=r"training.report_to: 'wanb' is unknown. Did you mean 'wandb'\?"):
        load_recipe("xnli_3src", ["training.report_to=[wanb]"])


@pytest.mark.parametrize("name", ["wandb", "mlflow", "trackio"])
def test_a_package_that_is_missing_is_named_with_its_extra(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda package: None)
    recipe = load_recipe("xnli_3src", [*SMALL, f"output_dir={tmp_path / 'run'}", f"training.report_to={name}"])
    said = rf"training.report_to={name}: the package {name} is not installed: pip install -e '\.\[{name}\]', or leave"
    with pytest.raises(Problem, match=said):
        run_recipe(recipe, show=lambda text: None)
    assert not (tmp_path / "run").exists()
    with pytest.raises(Problem, match=said):  # before a single cell is begun
        execute(study_command.COMMAND, ["study=mini", f"out={tmp_path / 'study'}", f"training.report_to={name}"])
    assert not (tmp_path / "study").exists()
    extras = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\n{name} = [\n  "{name}>=' in extras


def test_wandb_without_a_login_is_refused_and_offline_is_not(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    told = "from mslt_it.training.trackers import refuse_unready; refuse_unready(['wandb'])"
    own = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")} | {"HOME": str(tmp_path)}

    def said(**more: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", told], env=own | more, capture_output=True, text=True, cwd=tmp_path
        )
        return done.stderr

    refused = said()
    assert "Problem: training.report_to=wandb: this machine is not logged in to Weights & Biases. Log in" in refused
    assert "WANDB_MODE=offline mslt train" in refused
    assert "Problem" not in said(WANDB_MODE="offline")


class Told(trackers.Tracker):
    """Keeps what it is asked to do; the second one cannot be opened."""

    heard: list[str] = []  # noqa: RUF012
    breaks = False

    def open(self) -> None:
        if self.breaks:
            raise Problem("no such server")
        self.heard.append(f"open {self.kept('told', lambda: str(len(self.heard)))}")

    def close(self, failed: bool) -> None:
        self.heard.append(f"close, failed={failed}")


class Broken(Told):
    breaks = True


def test_a_run_is_one_there_across_interruptions_and_failures_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRACKERS, "mlflow", Told)
    monkeypatch.setitem(TRACKERS, "trackio", Broken)
    Told.heard.clear()
    recipe = load_recipe("xnli_3src", ["training.report_to=[mlflow]"])
    with pytest.raises(KeyboardInterrupt), tracked(recipe, tmp_path, True, print):
        raise KeyboardInterrupt
    with tracked(recipe, tmp_path, True, print) as opened:
        assert [type(one) for one in opened] == [Told] and opened[0].name == f"xnli_3src-{recipe.run_fingerprint()}"
    assert Told.heard == ["open 0", "close, failed=True", "open 0", "close, failed=False"]
    assert read_json(tmp_path / IDS) == {"told": "0"}
    with tracked(recipe, tmp_path, False, print) as opened:  # another process of the same run
        assert opened == []
    both = load_recipe("xnli_3src", ["training.report_to=[mlflow,trackio]"])
    with pytest.raises(Problem, match="no such server"), tracked(both, tmp_path, True, print):
        raise AssertionError("is not reached")
    assert Told.heard[-1] == "close, failed=True"


def test_a_tracker_that_fails_at_the_end_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(trackers.Tracker):
        def log(self, scores: Scores) -> None:
            raise ConnectionError("out of reach")

        close = log  # type: ignore[assignment]

    monkeypatch.setitem(TRACKERS, "mlflow", Gone)
    said: list[str] = []
    with tracked(load_recipe("xnli_3src", ["training.report_to=mlflow"]), tmp_path, True, said.append) as opened:
        log_scores(opened, Scores(pd.DataFrame(), ""))
    assert said == ["Note: Gone did not get everything (ConnectionError: out of reach)."] * 2


def test_an_mlflow_server_out_of_reach_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    recipe = load_recipe("xnli_3src", [*SMALL, f"output_dir={tmp_path / 'run'}", "training.report_to=mlflow"])
    with pytest.raises(Problem, match=r"mlflow: no run can be started at http://127.0.0.1:9 \(.*\). Start the se"):
        run_recipe(recipe, show=lambda text: None)
    assert not (tmp_path / "run" / "build_report.json").exists()
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:9"


def test_mlflow_goes_on_in_the_run_that_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "config.yaml").write_text("name: x\n")
    recipe = load_recipe("xnli_3src", ["training.report_to=mlflow"])
    refuse_unready(["mlflow"])
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    for failed, status in ((True, "FAILED"), (False, "FINISHED")):
        try:
            with tracked(recipe, tmp_path, True, print):
                if failed:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        (found,) = client.search_runs([client.get_experiment_by_name("mslt_it").experiment_id])
        assert found.info.status == status and "MLFLOW_TRACKING_URI" not in os.environ
