"""The mean of a run's weights at several steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import tiny_recipe, tiny_train
from transformers import TrainerCallback

from mslt_it.config.compose import load_recipe
from mslt_it.models.base_model import read_adapter
from mslt_it.problems import Problem
from mslt_it.training.averaging import steps


class Weights(TrainerCallback):
    """The trained weights after every step, as peft's file names them."""

    def __init__(self) -> None:
        self.at: dict[int, dict[str, torch.Tensor]] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, *, model: Any, **kwargs: Any) -> None:
        found = {n.replace(".default", ""): p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
        self.at[state.global_step] = found


def test_the_adapter_is_the_mean_of_the_weights_at_its_steps(tmp_path: Path) -> None:
    recipe = tiny_recipe(average_checkpoints=4)  # of 36 steps
    assert steps(4, 36) == [9, 18, 27, 36] and steps(3, 10) == [3, 6, 10] and steps(5, 5) == [1, 2, 3, 4, 5]
    seen = Weights()
    whole = tiny_train(recipe, tmp_path / "whole", callbacks=[seen])
    adapter = read_adapter(tmp_path / "whole" / "adapter")
    assert adapter.keys() == seen.at[36].keys()
    for name, tensor in adapter.items():
        assert torch.allclose(tensor, torch.stack([seen.at[step][name] for step in (9, 18, 27, 36)]).mean(0), atol=1e-7)
    plain = tiny_train(tiny_recipe(), tmp_path / "plain")
    assert plain.adapter_sha256 != whole.adapter_sha256
    last = read_adapter(tmp_path / "plain" / "adapter")  # training itself is as without
    assert all(torch.equal(last[name], seen.at[36][name]) for name in last)

    class Stop(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 19:  # after a snapshot that no checkpoint knows of
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny_train(recipe, tmp_path / "torn", callbacks=[Stop()])
    again = tiny_train(recipe, tmp_path / "torn")
    assert again.resumed_from == "checkpoint-15" and again.adapter_sha256 == whole.adapter_sha256
    # Finished, and asked for once more: the snapshots are still there.
    assert tiny_train(recipe, tmp_path / "torn").adapter_sha256 == whole.adapter_sha256


def test_what_cannot_be_averaged(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"average_checkpoints=37, but the run has 36 steps\. Use 36 or fewer"):
        tiny_train(tiny_recipe(average_checkpoints=37), tmp_path)
    with pytest.raises(Problem, match=r"the adapter is either a mean or that of the best look\. Set one of them to 0"):
        load_recipe("xnli_3src", ["training.average_checkpoints=2", "training.eval_steps=5"])
    plain, same = load_recipe("xnli_3src"), load_recipe("xnli_3src", ["training.average_checkpoints=0"])
    mean = load_recipe("xnli_3src", ["training.average_checkpoints=2"])
    assert plain.training_fingerprint() == same.training_fingerprint() != mean.training_fingerprint()
