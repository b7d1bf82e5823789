"""Torn checkpoints are found, foreign ones refused, and resuming is exact to the bit."""

from __future__ import annotations

import json
import logging
import shutil
import signal
from types import SimpleNamespace

import pytest
import torch
from tiny_run import tiny_recipe, tiny_train
from transformers import TrainerCallback

from mslt_it.problems import Problem
from mslt_it.training import checkpoints
from mslt_it.training.checkpoints import COMPLETE, newest_complete


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("trained")
    return run_dir, tiny_train(tiny_recipe(), run_dir)


@pytest.fixture
def run_dir(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path / "run")
    return tmp_path / "run"


def steps(run_dir):
    return sorted(int(f.name.split("-")[1]) for f in (run_dir / "checkpoints").glob("checkpoint-*"))


def newest(run_dir, world_size=1):
    keys = json.loads((run_dir / "checkpoints" / "checkpoint-35" / COMPLETE).read_text())["keys"]
    return newest_complete(run_dir, tiny_recipe().training_fingerprint(), keys=keys, world_size=world_size)


def history(run_dir, step):
    state = json.loads((run_dir / "checkpoints" / f"checkpoint-{step}" / "trainer_state.json").read_text())
    return state["log_history"]


def test_a_run_leaves_two_sealed_checkpoints_curves_and_no_pickled_arguments(trained):
    run_dir, summary = trained
    assert summary.num_steps == 36 and summary.global_batch == 4 and summary.supervised_only_head
    assert steps(run_dir) == [35, 36]
    assert all(checkpoints.find_damage(f) is None for f in (run_dir / "checkpoints").iterdir())
    assert set(summary.loss_by_language) == {"ar", "en", "zh"}
    assert any((run_dir / "tensorboard").iterdir())
    assert not list(run_dir.rglob("training_args.bin")) and not list(run_dir.rglob("README.md"))


def damages():
    for name in (
        "adapter_model.safetensors",
        "optimizer.pt",
        "scheduler.pt",
        "rng_state.pth",
        "trainer_state.json",
        COMPLETE,
    ):
        for how in ("missing", "halved", "emptied"):
            yield name, how


@pytest.mark.parametrize(("name", "how"), list(damages()))
def test_a_torn_checkpoint_is_named_and_the_older_one_used(run_dir, caplog, name, how, survived):
    survived("a file of a checkpoint missing, halved or emptied")
    file = run_dir / "checkpoints" / "checkpoint-36" / name
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if how == "halved" else b"")
    with caplog.at_level(logging.WARNING, "mslt_it"):
        found = newest(run_dir)
    assert found == run_dir / "checkpoints" / "checkpoint-35"
    assert "checkpoint-36" in caplog.text and name in caplog.text
    assert (run_dir / "checkpoints" / "torn-checkpoint-36").is_dir()
    assert steps(run_dir) == [35]


def test_resuming_past_a_torn_checkpoint_ends_at_the_same_adapter(run_dir, trained):
    (run_dir / "checkpoints" / "checkpoint-36" / "optimizer.pt").write_bytes(b"")
    again = tiny_train(tiny_recipe(), run_dir)
    assert again.resumed_from == "checkpoint-35"
    assert again.adapter_sha256 == trained[1].adapter_sha256
    assert not list((run_dir / "checkpoints").glob("torn-*"))


def test_a_finished_run_started_again_changes_nothing(run_dir, trained):
    again = tiny_train(tiny_recipe(), run_dir)
    assert again.num_steps == 36 and again.adapter_sha256 == trained[1].adapter_sha256
    assert again.loss_by_language == trained[1].loss_by_language


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"learning_rate": 2e-2}, "training.learning_rate: 0.01 in the checkpoint, 0.02 now"),
        ({"batch_size": 8}, "training.batch_size: 4 in the checkpoint, 8 now"),
        ({"dropout": 0.2}, "adapter.dropout: 0.1 in the checkpoint, 0.2 now"),
    ],
)
def test_another_recipe_is_refused_and_the_difference_named(run_dir, changed, key, survived):
    survived("resumed with another recipe, data or number of processes")
    with pytest.raises(Problem, match=key):
        tiny_train(tiny_recipe(**changed), run_dir)


def test_other_rows_and_another_base_are_refused(run_dir, monkeypatch, survived):
    survived("resumed with another recipe, data or number of processes", 2)
    import tiny_run

    other = tiny_run.tiny_rows(45, seed=1)
    with monkeypatch.context() as patch:
        patch.setattr(tiny_run, "tiny_rows", lambda: other)
        with pytest.raises(Problem, match="Different: training rows"):
            tiny_train(tiny_recipe(), run_dir)
    with pytest.raises(Problem, match="base weights"):
        tiny_train(tiny_recipe(), run_dir, kind="llama")


def test_another_number_of_processes_is_refused(run_dir, survived):
    survived("resumed with another recipe, data or number of processes")
    with pytest.raises(Problem, match="number of processes: 1 in the checkpoint, 2 now"):
        newest(run_dir, world_size=2)


def test_neutral_keys_are_accepted(run_dir):
    assert tiny_train(tiny_recipe(logging_steps=1, save_steps=7), run_dir).resumed_from == "checkpoint-36"


def test_disk_space_is_checked_before_a_save(tmp_path, monkeypatch):
    real, calls = shutil.disk_usage, []

    def usage(path):
        calls.append(path)
        return real(path) if len(calls) < 3 else SimpleNamespace(total=1, used=1, free=1000)

    monkeypatch.setattr(checkpoints.shutil, "disk_usage", usage)
    with pytest.raises(Problem, match=r"MiB needed, 0.0 MiB available. The older checkpoint is kept"):
        tiny_train(tiny_recipe(), tmp_path)
    assert steps(tmp_path) == [5, 10]
    monkeypatch.undo()
    assert tiny_train(tiny_recipe(), tmp_path).resumed_from == "checkpoint-10"


def test_a_disk_that_fills_up_during_a_save_leaves_no_torn_folder(tmp_path, monkeypatch, survived):
    survived("disk full while a run is written")
    real = torch.save

    def full(value, file, *rest, **named):
        if "checkpoint-10" in str(file):
            raise OSError(28, "No space left on device")
        return real(value, file, *rest, **named)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(Problem, match="No space left on device"):
        tiny_train(tiny_recipe(), tmp_path)
    assert steps(tmp_path) == [5]


def test_out_of_memory_keeps_the_global_batch(tmp_path, survived):
    survived("out of memory: the rows of a step are kept")
    plain = tiny_train(tiny_recipe(dropout=0.0), tmp_path / "plain")

    class RunOut(TrainerCallback):
        spent = False

        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == 7 and not self.spent:
                self.spent = True
                raise torch.OutOfMemoryError("CUDA out of memory")

    again = tiny_train(tiny_recipe(dropout=0.0), tmp_path / "again", callbacks=[RunOut()])
    assert again.resumed_from == "checkpoint-5"
    assert again.global_batch == plain.global_batch == 4
    assert again.num_steps == plain.num_steps
    assert again.final_loss == pytest.approx(plain.final_loss, rel=1e-4)


# An epoch has 12 steps: within the first, at the second step of the third, and at the last checkpoint.
@pytest.mark.parametrize("stop_at", [5, 25, 35])
def test_interrupted_and_resumed_equals_uninterrupted_to_the_bit(trained, tmp_path, stop_at, survived):
    survived("interrupted and resumed: equal to the bit")

    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == stop_at + 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny_train(tiny_recipe(), tmp_path, callbacks=[Stop()])
    torch.rand(5)  # the state of the random numbers must come from the checkpoint
    again = tiny_train(tiny_recipe(), tmp_path)
    assert again.resumed_from == f"checkpoint-{stop_at}"
    assert again.adapter_sha256 == trained[1].adapter_sha256
    assert history(tmp_path, 36) == history(trained[0], 36)


# Steps 5 and 15 lie within an epoch of 12 steps; with accumulation 2 an epoch has 6 steps.
@pytest.mark.slow
@pytest.mark.parametrize(("kill_at", "extra"), [(5, ()), (15, ()), (10, ("--accumulation", "2"))])
def test_killed_and_resumed_equals_uninterrupted_to_the_bit(launch, tmp_path, kill_at, extra):
    straight = launch(tmp_path / "straight", *extra)
    assert straight.returncode == 0, straight.stderr[-3000:]
    killed = launch(tmp_path / "resumed", "--kill-after-save", str(kill_at), *extra)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "resumed" / "adapter").exists()
    resumed = launch(tmp_path / "resumed", *extra)
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    expected, found = (json.loads((tmp_path / d / "result-0.json").read_text()) for d in ("straight", "resumed"))
    assert found["summary"]["resumed_from"] == f"checkpoint-{kill_at}"
    assert found["summary"]["adapter_sha256"] == expected["summary"]["adapter_sha256"]
    assert found["sums"] == expected["sums"]
    last = expected["summary"]["num_steps"]
    assert history(tmp_path / "resumed", last) == history(tmp_path / "straight", last)  # every logged loss too
