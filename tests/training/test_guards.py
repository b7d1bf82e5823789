"""NaN and infinity stop training before the update, by name, and are never saved."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from tiny_run import tiny_adapted, tiny_recipe, tiny_rows, tiny_tokenizer
from transformers import TrainerCallback

from mslt_it.problems import Problem
from mslt_it.training import guards
from mslt_it.training.sft import train


def saved_nan_tensors(run_dir) -> int:
    files = [f for f in run_dir.rglob("*.safetensors")]
    return sum(not bool(torch.isfinite(t).all()) for f in files for t in load_file(f).values())


def run(run_dir, callbacks=(), prepare=lambda model: None):
    recipe = tiny_recipe()
    model = tiny_adapted(recipe)
    prepare(model)
    train(recipe, tiny_rows(), model, tiny_tokenizer(), run_dir, callbacks=callbacks)


def test_nan_in_a_weight_stops_at_the_loss(tmp_path):
    def poison(model):
        model.get_parameter("base_model.model.model.layers.1.self_attn.q_proj.lora_A.default.weight").data[0, 0] = (
            torch.nan
        )

    with pytest.raises(Problem, match=r"loss is nan at optimiser step 1 .*layers\.1\.self_attn\.q_proj\.lora_A"):
        run(tmp_path, prepare=poison)
    assert not (tmp_path / "adapter").exists()
    assert saved_nan_tensors(tmp_path) == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_gradient_that_is_not_finite_stops_before_the_update(tmp_path, value):
    seen = {}

    class Poison(TrainerCallback):
        def on_step_begin(self, args, state, control, model=None, **kwargs):
            parameter = next(p for n, p in model.named_parameters() if "layers.0.mlp.up_proj.lora_B" in n)
            if state.global_step == 6:  # after the checkpoint of step 5
                seen["before"] = parameter.detach().clone()
                seen["parameter"] = parameter
                parameter.register_hook(lambda g: torch.full_like(g, value))

    with pytest.raises(
        Problem, match=r"gradient of '.*layers\.0\.mlp\.up_proj\.lora_B.*' is not finite at optimiser step 7"
    ):
        run(tmp_path, callbacks=[Poison()])
    assert torch.equal(seen["before"], seen["parameter"])
    assert sorted(f.name for f in (tmp_path / "checkpoints").iterdir()) == ["checkpoint-5"]
    assert not (tmp_path / "adapter").exists()
    assert saved_nan_tensors(tmp_path) == 0


def test_weights_are_looked_at_before_a_save(tmp_path):
    class Poison(TrainerCallback):
        def on_optimizer_step(self, args, state, control, model=None, **kwargs):
            if state.global_step == 9:
                next(p for p in model.parameters() if p.requires_grad).data[0, 0] = float("inf")

    with pytest.raises(Problem, match="not finite after optimiser step 10, so it is not saved"):
        run(tmp_path, callbacks=[Poison()])
    assert sorted(f.name for f in (tmp_path / "checkpoints").iterdir()) == ["checkpoint-5"]


def test_large_finite_gradients_pass():
    model = torch.nn.Linear(2, 2)
    model.weight.grad = torch.full((2, 2), 3e38)
    guards.check_gradients(model, 1)
