"""What a step does besides arithmetic."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import tiny_adapted, tiny_recipe, tiny_rows, tiny_tokenizer, tiny_train
from torch import nn
from transformers import TrainerCallback

from mslt_it.training.plans import Plan
from mslt_it.training.trainer import AdapterTrainer


def test_no_step_looks_at_all_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That took a third of a small model's step: modes, norms, zeroing and counts, each by a walk of its own."""
    looks: list[int] = []
    step = 0

    class Count(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            nonlocal step
            step = state.global_step

    original = nn.Module.named_modules

    def counted(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        looks.append(step)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(nn.Module, "named_modules", counted)
    tiny_train(tiny_recipe(max_steps=4, logging_steps=9, save_steps=9), tmp_path, callbacks=[Count()])
    assert 0 in looks and 4 in looks  # before the first step and at the end
    assert not {1, 2} & set(looks)


def test_a_model_is_given_back_as_it_came(tmp_path: Path) -> None:
    model = tiny_adapted(tiny_recipe())
    trainer = AdapterTrainer(tiny_recipe(), tiny_rows(8), model, tiny_tokenizer(), tmp_path, Plan(4, 1), {})
    trainer.release()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None
    model.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert "zero_grad" not in vars(model) and "forward" not in vars(model.get_base_model())


def test_rate_schedule_decay_clipping_and_seed_are_the_recipes(tmp_path: Path) -> None:
    rates: list[float] = []
    seen: dict[str, Any] = {}

    class Look(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, *, optimizer: Any, **kwargs: Any) -> None:
            rates.extend({group["lr"] for group in optimizer.param_groups})
            seen.update(decays={g["weight_decay"] for g in optimizer.param_groups if g["params"]}, args=args)

    steps = {"max_steps": 8, "warmup_steps": 4, "lr_scheduler": "cosine", "learning_rate": 0.004}
    recipe = tiny_recipe(**steps, weight_decay=0.2, max_grad_norm=0.7, logging_steps=3, save_steps=5)
    tiny_train(recipe, tmp_path, callbacks=[Look()])
    falling = [0.002 * (1 + math.cos(math.pi * step / 4)) for step in range(1, 5)]
    assert rates == pytest.approx([0.001, 0.002, 0.003, 0.004, *falling])
    assert seen["decays"] == {0.2} and seen["args"].max_grad_norm == 0.7 and seen["args"].seed == recipe.seed
    assert sorted(path.name for path in (tmp_path / "checkpoints").glob("c*")) == ["checkpoint-5", "checkpoint-8"]


def test_the_loss_of_a_language_is_the_mean_over_its_tokens(tmp_path: Path) -> None:
    recipe = tiny_recipe(dropout=0.0, batch_size=45, max_steps=1, logging_steps=1)
    summary = tiny_train(recipe, tmp_path)
    model, by_hand = tiny_adapted(recipe).eval(), dict[str, list[float]]()
    for row in tiny_rows():
        with torch.no_grad():
            said = model(torch.tensor([row.input_ids])).logits[0, :-1].log_softmax(-1)
        tokens = [(place, label) for place, label in enumerate(row.labels[1:]) if label != -100]
        by_hand.setdefault(row.language, []).extend(-float(said[place, label]) for place, label in tokens)
    means = {code: sum(own) / len(own) for code, own in by_hand.items()}
    assert summary.loss_by_language == pytest.approx(means, rel=1e-5)
    every = [loss for own in by_hand.values() for loss in own]
    assert summary.final_loss == pytest.approx(sum(every) / len(every), rel=1e-4)
