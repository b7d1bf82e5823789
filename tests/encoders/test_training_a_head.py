"""An encoder's loss, gradients and steps are those of a plain loop over transformers' own model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_encoder import KINDS, encoder_recipe
from torch import nn

from mslt_it.config.recipe import Recipe
from mslt_it.data.build import build_training_set
from mslt_it.data.segments import layout
from mslt_it.models.base_model import add_adapter, base_of, load_adapter, load_base, model_hash
from mslt_it.models.heads import head_of
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.pipeline import Parts, run_recipe
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample
from mslt_it.study.shared import SharedParts
from mslt_it.training.batches import PaddingCollator, to_dataset
from mslt_it.training.layers import depths, freeze, rates
from mslt_it.training.plans import Plan
from mslt_it.training.sft import train
from mslt_it.training.supervised_loss import add_head_forward, balanced
from mslt_it.training.trainer import AdapterTrainer

Encoders = Callable[[str], Path]
Built = tuple[Recipe, Any, list[EncodedExample], Any]


def built(base: Path, *overrides: str) -> Built:
    """(recipe, tokenizer, training rows, model to be trained)."""
    recipe = encoder_recipe(base, *overrides)
    tokenizer = load_tokenizer(recipe.model)
    rows, _ = build_training_set(recipe, tokenizer)
    model = load_base(recipe.model, recipe.adapter, head=recipe.head, device="cpu")
    return recipe, tokenizer, rows, add_adapter(model, recipe.adapter, recipe.seed)


def batch(rows: list[EncodedExample], tokenizer: Any) -> dict[str, Any]:
    dataset = to_dataset(rows, ("ar", "de"), 1)
    made = PaddingCollator(1, layout("classes", tokenizer))([dataset[i] for i in range(len(rows))])
    made.pop("languages")
    return made


def plain(rows: list[EncodedExample], tokenizer: Any) -> dict[str, torch.Tensor]:
    """The same rows as transformers' own loops make them."""
    pairs = [tokenizer.decode(row.input_ids).split(tokenizer.sep_token) for row in rows]
    texts = [[part.replace(tokenizer.cls_token, "").strip() for part in pair if part.strip()] for pair in pairs]
    made = tokenizer([a for a, _ in texts], [b for _, b in texts], padding=True, return_tensors="pt")
    return {**made, "labels": torch.tensor([row.labels[0] for row in rows])}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["lora", "full"])
def test_loss_and_gradients_are_those_of_a_plain_loop(encoder_of_kind: Encoders, kind: str, method: str) -> None:
    _, tokenizer, rows, model = built(encoder_of_kind(kind), f"adapter.method={method}")
    model.eval()  # no dropout
    if kind == "xlmr":  # of these rows the tokenizer's text is the text itself
        theirs = plain(rows[:8], tokenizer)
        assert theirs["input_ids"].equal(batch(rows[:8], tokenizer)["input_ids"])
    ours = batch(rows[:8], tokenizer)
    expected = base_of(model)(**ours | {"labels": ours["labels"][:, 0]}).loss
    expected.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    add_head_forward(base_of(model))
    found = model(**ours, supervised_only=True)
    assert found["rows"].tolist() == list(range(8))
    loss = found["losses"].mean()
    loss.backward()
    assert abs(loss.item() - expected.item()) <= 1e-6
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert gradients.keys() <= trained and any("classifier" in name for name in gradients)
    for name, gradient in gradients.items():
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, gradient, atol=1e-6, rtol=0)


def test_smoothing_and_weights_are_torchs(encoder_of_kind: Encoders) -> None:
    _, tokenizer, rows, model = built(encoder_of_kind("xlmr"))
    model.eval()
    inputs = batch(rows[:8], tokenizer)
    labels = inputs["labels"][:, 0]
    weights = balanced(labels.tolist(), 3)
    assert weights[labels].mean().item() == pytest.approx(1)
    torch.testing.assert_close(weights * torch.bincount(labels, minlength=3), torch.full((3,), 8 / 3))
    assert balanced([0, 0, 1], 3).tolist() == [0.75, 1.5, 0]  # of a label without a row smoothing learns nothing
    logits = model(**{name: t for name, t in inputs.items() if name != "labels"}).logits
    expected = nn.functional.cross_entropy(logits, labels, weight=weights, label_smoothing=0.2, reduction="sum") / 8
    add_head_forward(base_of(model), label_smoothing=0.2, weights=weights)
    found = model(**inputs, supervised_only=True)["losses"]
    assert found.sum().item() / 8 == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_resuming_is_exact_to_the_bit_and_what_was_trained_loads_again(
    encoder_of_kind: Encoders, method: str, tmp_path: Path
) -> None:
    base, override = encoder_of_kind("xlmr"), f"adapter.method={method}"
    recipe, tokenizer, rows, model = built(base, override)
    before = model_hash(model)
    whole = train(recipe, rows, model, tokenizer, tmp_path / "whole")
    assert whole.num_steps == 4 and whole.base_sha256 == before
    assert (model_hash(model) != before) == (method == "full")  # the head is not part of the base
    shutil.copytree(tmp_path / "whole" / "checkpoints" / "checkpoint-2", tmp_path / "half/checkpoints/checkpoint-2")
    *_, fresh = built(base, override)
    half = train(recipe, rows, fresh, tokenizer, tmp_path / "half")
    assert half.resumed_from == "checkpoint-2" and half.adapter_sha256 == whole.adapter_sha256
    assert half.loss_by_language == whole.loss_by_language
    again = load_base(recipe.model, recipe.adapter, head=recipe.head, device="cpu")
    again = load_adapter(again, whole.adapter_dir)
    inputs = {name: t for name, t in batch(rows[:4], tokenizer).items() if name != "labels"}
    with torch.no_grad():
        assert torch.equal(again(**inputs).logits, model.eval()(**inputs).logits)


def test_the_head_is_drawn_by_the_seed_alone(encoder_of_kind: Encoders) -> None:
    def head(seed: int) -> torch.Tensor:
        *_, model = built(encoder_of_kind("bert"), "adapter.method=full", f"seed={seed}")
        torch.rand(3)
        return model.classifier.weight.detach().clone()

    assert torch.equal(head(0), head(0)) and not torch.equal(head(0), head(1))


def test_frozen_layers_stay_and_lower_ones_learn_more_slowly(encoder_of_kind: Encoders, tmp_path: Path) -> None:
    recipe, tokenizer, rows, model = built(
        encoder_of_kind("xlmr"), "adapter.method=full", "training.freeze_layers=1", "training.layer_lr_decay=0.5"
    )
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    freeze(model, 1)
    trainer = AdapterTrainer(recipe, rows, model, tokenizer, tmp_path / "a", Plan(8, 1), {})
    shares = {group["lr"] / recipe.training.learning_rate for group in trainer.create_optimizer().param_groups}
    assert shares == {1.0, 0.5}  # the head, the second layer
    trainer.release()
    train(recipe, rows, model, tokenizer, tmp_path / "b")
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {name for name in before if "layer.1." in name or "classifier" in name}
    assert set(rates(model, 0.5).values()) == {1.0, 0.5}
    assert max(depths(model).values()) == 3
    with pytest.raises(Problem, match=r"training\.freeze_layers=3: the model has 2 layers\. Freeze fewer"):
        freeze(model, 3)


def test_what_the_files_have_is_no_fresh_head(encoder_of_kind: Encoders, tmp_path: Path) -> None:
    recipe, tokenizer, _, model = built(encoder_of_kind("xlmr"), "adapter.method=full")
    assert head_of(model).fresh == ("classifier",)
    model.save_pretrained(tmp_path / "own")
    tokenizer.save_pretrained(tmp_path / "own")
    own = encoder_recipe(tmp_path / "own", "adapter.method=full", "seed=5")
    kept = add_adapter(load_base(own.model, own.adapter, head=own.head, device="cpu"), own.adapter, own.seed)
    assert head_of(kept).fresh == () and head_of(kept).trained == ("classifier",)
    assert torch.equal(kept.classifier.dense.weight, model.classifier.dense.weight)
    broken = dict(model.state_dict())
    del broken["roberta.encoder.layer.0.output.dense.weight"]
    from safetensors.torch import save_file

    save_file(broken, tmp_path / "own" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Problem, match=r"'roberta\.encoder\.layer\.0\.output\.dense\.weight' .* is not in its files"):
        load_base(own.model, own.adapter, head=recipe.head, device="cpu")


@pytest.mark.parametrize("method", ["lora", "full"])
def test_cells_that_share_a_base_are_those_that_load_their_own(
    encoder_of_kind: Encoders, method: str, tmp_path: Path
) -> None:
    def run(name: str, seed: int, parts: Parts) -> str:
        override = [f"adapter.method={method}", f"seed={seed}", "training.max_steps=2", f"output_dir={tmp_path / name}"]
        assert run_recipe(encoder_recipe(encoder_of_kind("bert"), *override), parts, show=lambda _: None) == 0
        content = json.loads((tmp_path / name / "results.json").read_text(encoding="utf-8"))
        return str(content["provenance"]["adapter_sha256"])

    shared = SharedParts(tmp_path)
    first, second = run("first", 1, shared), run("second", 2, shared)
    assert second == run("alone", 2, Parts()) != first
