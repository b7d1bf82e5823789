"""Looks at held-out rows: they change no weight, the best checkpoint is kept, and an interrupted run decides alike."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from tiny_run import tiny_recipe, tiny_rows, tiny_train
from transformers import TrainerCallback

from mslt_it.config.compose import load_recipe
from mslt_it.models.finished_run import adapter_hash
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample
from mslt_it.training import looks
from mslt_it.training.checkpoints import training_keys
from mslt_it.training.looks import Look, best, is_over

TOP = 4.45  # at step 15


class OtherRows:
    """A measure of other rows that is highest where their loss is ``TOP``, some way into training."""

    metric = "accuracy"
    rows: list[EncodedExample] = tiny_rows(12, seed=1)

    def sums(self, model, rank, world_size):
        model.eval()
        with torch.no_grad():
            losses = [
                float(model(input_ids=torch.tensor([row.input_ids]), labels=torch.tensor([row.labels])).loss)
                for row in self.rows[rank::world_size]
            ]
        model.train()
        return np.array([sum(losses), len(losses)])

    def values(self, sums):
        return {"loss": float(sums[0] / sums[1]), "accuracy": float(np.exp(-abs(sums[0] / sums[1] - TOP)))}


def history(run_dir):
    return [json.loads(line) for line in (run_dir / "losses.jsonl").read_text(encoding="utf-8").splitlines()]


LOOKING = {"eval_steps": 5, "save_steps": 100}


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("looked")
    return run_dir, tiny_train(tiny_recipe(**LOOKING), run_dir, validation=OtherRows())


def test_the_best_adapter_is_kept_and_training_is_the_same(looked, tmp_path):
    run_dir, summary = looked
    found = looks.looks(history(run_dir), "accuracy")
    assert [look.step for look in found] == [5, 10, 15, 20, 25, 30, 35, 36] and summary.num_looks == 8
    chosen = max(found, key=lambda look: look.value)
    assert summary.best_step == chosen.step == 15 and summary.num_steps == 36
    kept = {int(folder.name.split("-")[1]) for folder in (run_dir / "checkpoints").iterdir()}
    assert kept == {chosen.step, 36}
    assert summary.adapter_sha256 == adapter_hash(run_dir / "checkpoints" / f"checkpoint-{chosen.step}")
    without = tiny_train(tiny_recipe(), tmp_path)
    assert without.best_step is None and without.adapter_sha256 != summary.adapter_sha256
    assert without.adapter_sha256 == adapter_hash(run_dir / "checkpoints" / "checkpoint-36")


@pytest.mark.parametrize("stop_at", [6, 16, 36])
def test_interrupted_and_resumed_equals_uninterrupted_to_the_bit(looked, tmp_path, stop_at):
    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == stop_at:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny_train(tiny_recipe(**LOOKING), tmp_path, callbacks=[Stop()], validation=OtherRows())
    again = tiny_train(tiny_recipe(**LOOKING), tmp_path, validation=OtherRows())
    assert again.resumed_from == f"checkpoint-{(stop_at - 1) // 5 * 5}"
    assert (again.adapter_sha256, again.best_step) == (looked[1].adapter_sha256, looked[1].best_step)
    assert history(tmp_path) == history(looked[0])


def test_patience_stops_and_a_stopped_run_goes_no_further(looked, tmp_path):
    recipe = tiny_recipe(**LOOKING, patience=2)
    summary = tiny_train(recipe, tmp_path, validation=OtherRows())
    assert summary.num_steps == summary.best_step + 10 < 36
    assert (summary.best_step, summary.adapter_sha256) == (looked[1].best_step, looked[1].adapter_sha256)
    again = tiny_train(recipe, tmp_path, validation=OtherRows())
    assert again.num_steps == summary.num_steps and again.adapter_sha256 == summary.adapter_sha256


def test_a_damaged_best_checkpoint_is_named(looked, tmp_path):
    shutil.copytree(looked[0], tmp_path / "run")
    damaged = tmp_path / "run" / "checkpoints" / f"checkpoint-{looked[1].best_step}"
    (damaged / "adapter_model.safetensors").unlink()
    with pytest.raises(
        Problem, match=rf"checkpoint-{looked[1].best_step} held the best adapter, and adapter_model.* is mi"
    ):
        tiny_train(tiny_recipe(**LOOKING), tmp_path / "run", validation=OtherRows())
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    again = tiny_train(tiny_recipe(**LOOKING), tmp_path / "run", validation=OtherRows())
    assert again.adapter_sha256 == looked[1].adapter_sha256


def test_of_equal_looks_the_lower_loss_and_then_the_first():
    found = [Look(1, 0.5, 1.0), Look(2, 0.7, 0.9), Look(3, 0.7, 0.8), Look(4, 0.7, 0.8), Look(5, 0.6, 0.1)]
    assert best(found) == found[2] and best([]) is None
    assert [is_over(found, patience) for patience in (0, 1, 2, 3)] == [False, True, True, False]
    assert not is_over([], 1)
    assert best([Look(1, 0.1 + 0.2, 1.0), Look(2, 0.3, 0.9)]) == Look(2, 0.3, 0.9)  # added otherwise


def test_without_looks_a_run_is_the_one_that_it_was_before_there_were_any():
    plain, looking = load_recipe("xnli_3src"), load_recipe("xnli_3src", ["training.eval_steps=20"])
    assert plain.training_fingerprint() != looking.training_fingerprint()
    assert plain.data_fingerprint() == looking.data_fingerprint()
    assert not [key for key in training_keys(plain, [], "") if "eval" in key or "patience" in key]
    assert training_keys(looking, [], "")["training.eval_steps"] == 20
    with pytest.raises(
        Problem,
        match=r"training\.patience=3 has no effect: training\.eval_steps=0, so .* write training\.eval_steps=20",
    ):
        load_recipe("xnli_3src", ["training.patience=3"])
    load_recipe("xnli_3src", ["training.patience=3", "training.eval_steps=20"])
