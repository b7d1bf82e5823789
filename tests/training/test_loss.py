"""Our loss is the stock loss, in value and gradient."""

from __future__ import annotations

import pytest
import torch
from tiny_run import tiny_adapted, tiny_model, tiny_recipe, tiny_rows, tiny_tokenizer

from mslt_it.training import supervised_loss
from mslt_it.training.batches import PaddingCollator, to_dataset
from mslt_it.training.plans import Plan
from mslt_it.training.trainer import AdapterTrainer

KINDS = ("qwen3", "llama", "bloom")


def batch(rows=None):
    rows = rows or tiny_rows(9)
    made = PaddingCollator(0)([to_dataset(rows, ("ar", "en", "zh"), 0)[i] for i in range(len(rows))])
    made.pop("languages")
    return made


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("max_logits", [2**26, 500])  # 500: five positions at a time, recomputed in the backward pass
def test_value_and_gradients_equal_the_stock_loss(kind, max_logits, monkeypatch):
    monkeypatch.setattr(supervised_loss, "MAX_LOGITS", max_logits)
    model = tiny_adapted(tiny_recipe(dropout=0.0), kind)
    with torch.no_grad():  # LoRA starts with B = 0, where half of the gradients would be zero
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    inputs = batch()
    stock = model(**inputs).loss
    stock.backward()
    expected = gradients(model)
    model.zero_grad()
    assert supervised_loss.can_project_supervised_only(model.get_base_model())
    supervised_loss.add_supervised_forward(model.get_base_model())
    losses = model(**inputs, supervised_only=True)["losses"]
    assert losses.numel() == (inputs["labels"][:, 1:] != -100).sum()
    losses.mean().backward()
    found = gradients(model)
    assert abs(losses.mean().item() - stock.item()) < 1e-5
    assert len(expected) == len(found) > 0
    for name, gradient in expected.items():
        assert gradient.abs().max() > 0, name
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-4)


def test_trainer_divides_by_the_tokens_of_the_global_batch(tmp_path):
    recipe = tiny_recipe(dropout=0.0)
    model = tiny_adapted(recipe)
    rows = tiny_rows(8)
    trainer = AdapterTrainer(recipe, rows, model, tiny_tokenizer(), tmp_path, Plan(4, 1), {})
    assert trainer.supervised_only
    inputs = batch(rows) | {"languages": torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])}
    count = (inputs["labels"][:, 1:] != -100).sum()
    ours = trainer.compute_loss(model, dict(inputs), num_items_in_batch=count)
    trainer.supervised_only = False
    stock = trainer.compute_loss(model, dict(inputs), num_items_in_batch=count)
    assert abs(ours.item() - stock.item()) < 1e-5
    trainer.release()
    assert "forward" not in model.get_base_model().__dict__


def test_models_that_change_their_logits_take_the_stock_path():
    model = tiny_model("llama")
    assert supervised_loss.can_project_supervised_only(model)
    model.config.logit_scale = 0.5
    assert not supervised_loss.can_project_supervised_only(model)
    model = tiny_model("llama")
    model.lm_head.register_forward_hook(lambda *_: None)
    inner = model.forward
    model.forward = lambda *a, **k: (o := inner(*a, **k), setattr(o, "logits", o.logits * 2), o)[-1]
    assert not supervised_loss.can_project_supervised_only(model)  # measured, where the config says nothing


def test_batch_with_nothing_supervised_gives_a_differentiable_zero():
    model = tiny_adapted(tiny_recipe(dropout=0.0))
    supervised_loss.add_supervised_forward(model.get_base_model())
    ids = torch.tensor([[0, 0]])
    out = model(
        input_ids=ids, attention_mask=torch.zeros_like(ids), labels=torch.full_like(ids, -100), supervised_only=True
    )
    out["losses"].sum().backward()
    assert out["losses"].numel() == 0
    assert all(bool(torch.isfinite(g).all()) for g in gradients(model).values())
