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


def run(run_dir, callbacks=(), prepare=lambda model: None, **training):
    recipe = tiny_recipe(**training)
    model = tiny_adapted(recipe)
    prepare(model)
    train(recipe, tiny_rows(), model, tiny_tokenizer(), run_dir, callbacks=callbacks)


def test_nan_in_a_weight_stops_at_the_loss(tmp_path, survived):
    survived("NaN or infinite while training")

    def poison(model):
        model.get_parameter("base_model.model.model.layers.1.self_attn.q_proj.lora_A.default.weight").data[0, 0] = (
            torch.nan
        )

    with pytest.raises(Problem, match=r"loss is nan at optimiser step 1 .*layers\.1\.self_attn\.q_proj\.lora_A"):
        run(tmp_path, prepare=poison)
    assert not (tmp_path / "adapter").exists()
    assert saved_nan_tensors(tmp_path) == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_gradient_that_is_not_finite_stops_before_the_update(tmp_path, value, survived):
    survived("NaN or infinite while training")
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


def test_weights_are_looked_at_before_a_save(tmp_path, survived):
    survived("NaN or infinite while training")

    class Poison(TrainerCallback):
        def on_optimizer_step(self, args, state, control, model=None, **kwargs):
            if state.global_step == 9:
                next(p for p in model.parameters() if p.requires_grad).data[0, 0] = float("inf")

    with pytest.raises(Problem, match="not finite after optimiser step 10, so it is not saved"):
        run(tmp_path, callbacks=[Poison()])
    assert sorted(f.name for f in (tmp_path / "checkpoints").iterdir()) == ["checkpoint-5"]


def test_large_finite_gradients_pass():
    model = torch.nn.Linear(2, 2)
    model.weight.grad = torch.full((2, 2), 3e38)  # their squares are infinite
    guard = guards.StepGuard(("en",))
    guard.keep(torch.tensor(1.0), torch.tensor([0]))
    assert guard.clip(model, list(model.parameters()), 1.0, 1) == float("inf")


@pytest.mark.parametrize("max_norm", [1.0, float("inf")])
def test_clips_as_torch_does_and_says_the_norm_before(max_norm):
    ours, theirs = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        mine.grad = torch.randn_like(mine) * 5
        other.grad = mine.grad.clone()
    norm = guards.StepGuard(()).clip(ours, list(ours.parameters()), max_norm, 1)
    assert torch.equal(norm, torch.nn.utils.clip_grad_norm_(theirs.parameters(), max_norm))
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_of_several_passes_the_bad_one_is_told_with_its_languages():
    model = torch.nn.Linear(2, 2)
    model.weight.grad = torch.ones(2, 2)
    guard = guards.StepGuard(("ar", "en", "zh"))
    guard.keep(torch.tensor(1.0), torch.tensor([0, 1]))
    guard.keep(torch.tensor(float("nan")), torch.tensor([2, 1, 2]))
    with pytest.raises(Problem, match=r"loss is nan at optimiser step 4 \(languages in the batch: en, zh\)"):
        guard.clip(model, list(model.parameters()), 1.0, 4)


def test_without_clipping_gradients_are_looked_at_too(tmp_path):
    class Poison(TrainerCallback):
        def on_step_begin(self, args, state, control, model=None, **kwargs):
            next(p for p in model.parameters() if p.requires_grad).register_hook(lambda g: g * float("nan"))

    with pytest.raises(Problem, match="is not finite at optimiser step 1"):
        run(tmp_path, callbacks=[Poison()], max_grad_norm=0.0)
