"""Token and span heads learn as in a plain loop over transformers' own models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_encoder import KINDS
from tiny_texts import ANSWERS_SMALL, NAMES_SMALL
from transformers import AutoModelForQuestionAnswering, AutoModelForTokenClassification

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import Recipe
from mslt_it.data.build import build_training_set
from mslt_it.data.encoding import IGNORED
from mslt_it.data.segments import encoder_of, layout
from mslt_it.evaluation.heads import head_losses
from mslt_it.models.base_model import add_adapter, base_of, load_adapter, load_base, model_hash
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.records import EncodedExample, with_windows
from mslt_it.training.batches import PaddingCollator, to_dataset
from mslt_it.training.sft import train
from mslt_it.training.supervised_loss import add_head_forward, balanced

Encoders = Callable[[str], Path]
AUTO = {"tags": AutoModelForTokenClassification, "span": AutoModelForQuestionAnswering}
each_head = pytest.mark.parametrize("head", ["tags", "span"])
each_method = pytest.mark.parametrize("method", ["lora", "full"])
each_kind = pytest.mark.parametrize("kind", KINDS)


def built(base: Path, head: str, data: Path, *overrides: str) -> tuple[Recipe, Any, list[EncodedExample], Any]:
    """(recipe, tokenizer, training rows, model to be trained)."""
    name, small = {"tags": ("wikiann_3src", NAMES_SMALL), "span": ("tydiqa_3src", ANSWERS_SMALL)}[head]
    recipe = load_recipe(name, [f"model.path={base}", "model.kind=encoder", f"task.data={data}", *small, *overrides])
    tokenizer = load_tokenizer(recipe.model)
    rows, _ = build_training_set(recipe, tokenizer)
    model = load_base(recipe.model, recipe.adapter, head=recipe.head, device="cpu")
    return recipe, tokenizer, rows, add_adapter(model, recipe.adapter, recipe.seed)


def batch(rows: list[EncodedExample], tokenizer: Any, head: str) -> dict[str, Any]:
    dataset = to_dataset(rows, ("de", "zh"), 1)
    made = PaddingCollator(1, layout(head, tokenizer))([dataset[i] for i in range(len(rows))])
    made.pop("languages")
    return made


def gradients(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@each_kind
@each_method
@each_head
def test_loss_and_gradients_are_those_of_a_plain_loop(
    encoder_of_kind: Encoders, texts: dict[str, Path], kind: str, method: str, head: str
) -> None:
    _, tokenizer, rows, model = built(encoder_of_kind(kind), head, texts[head], f"adapter.method={method}")
    model.eval()  # no dropout
    chosen = with_windows(rows)[:8]
    base = base_of(model)
    assert isinstance(base, tuple(AUTO[head]._model_mapping.values())) and type(base).__name__.endswith(
        "TokenClassification" if head == "tags" else "QuestionAnswering"
    )
    if head == "tags":  # one batch, as run_ner.py has it
        theirs = batch(chosen, tokenizer, head)
        expected = base(**theirs).loss
        expected.backward()
    else:  # row by row: in a batch their loss counts what a row is filled up with among the places of an answer
        expected = torch.tensor(0.0)
        assert any(row.labels == (0, 0) for row in chosen)
        for row in chosen:
            one = batch([row], tokenizer, head)
            labels = one.pop("labels")
            loss = base(**one, start_positions=labels[:, 0], end_positions=labels[:, 1]).loss / len(chosen)
            loss.backward()
            expected = expected + loss.detach()
    before = gradients(model)
    model.zero_grad()
    add_head_forward(base)
    found = model(**batch(chosen, tokenizer, head), supervised_only=True)
    num = sum(label != IGNORED for row in chosen for label in row.labels)
    assert found["counted"].sum() == num and set(found["rows"].tolist()) == set(range(8))
    assert not found["losses"][~found["counted"]].any()
    loss = found["losses"].sum() / num
    loss.backward()
    assert abs(loss.item() - expected.item()) <= 1e-6
    after = gradients(model)
    assert before.keys() == after.keys() and any("classifier" in n or "qa_outputs" in n for n in before)
    for name, gradient in before.items():
        torch.testing.assert_close(after[name], gradient, atol=1e-6, rtol=0)
    base.__dict__.pop("forward")
    total, number = head_losses(model, rows[:2], encoder_of_head(head, tokenizer, rows), 512)
    assert number == sum(row.num_supervised for row in with_windows(rows[:2])) and 0 < total / number < 10


def encoder_of_head(head: str, tokenizer: Any, rows: list[EncodedExample]) -> Any:
    overrides = ["model.kind=encoder", "sources=[de]", "targets=[tr]"]
    return encoder_of(load_recipe({"tags": "wikiann_3src", "span": "tydiqa_3src"}[head], overrides), tokenizer)


@pytest.mark.parametrize(("head", "method"), [("tags", "full"), ("span", "lora")])
def test_resuming_is_exact_to_the_bit_and_what_was_trained_loads_again(
    encoder_of_kind: Encoders, texts: dict[str, Path], method: str, head: str, tmp_path: Path
) -> None:
    base, override = encoder_of_kind("bert"), f"adapter.method={method}"
    recipe, tokenizer, rows, model = built(base, head, texts[head], override)
    before = model_hash(model)
    whole = train(recipe, rows, model, tokenizer, tmp_path / "whole")
    assert whole.num_steps == 4 and whole.base_sha256 == before and whole.num_examples == len(rows) == 24
    assert whole.num_supervised_tokens == sum(row.num_supervised for row in with_windows(rows))
    shutil.copytree(tmp_path / "whole" / "checkpoints" / "checkpoint-2", tmp_path / "half/checkpoints/checkpoint-2")
    *_, fresh = built(base, head, texts[head], override)
    half = train(recipe, rows, fresh, tokenizer, tmp_path / "half")
    assert half.resumed_from == "checkpoint-2" and half.adapter_sha256 == whole.adapter_sha256
    assert half.loss_by_language == whole.loss_by_language
    again = load_base(recipe.model, recipe.adapter, head=recipe.head, device="cpu")
    again = load_adapter(again, whole.adapter_dir)
    inputs = {name: t for name, t in batch(rows[:4], tokenizer, head).items() if name != "labels"}
    with torch.no_grad():
        for one, other in zip(again(**inputs).to_tuple(), model.eval()(**inputs).to_tuple(), strict=True):
            assert torch.equal(one, other)


def test_rare_tags_may_count_more(encoder_of_kind: Encoders, texts: dict[str, Path]) -> None:
    _, tokenizer, rows, model = built(encoder_of_kind("xlmr"), "tags", texts["tags"])
    made = batch(rows[:8], tokenizer, "tags")
    labels = made["labels"][made["labels"] != IGNORED]
    weights = balanced(labels.tolist(), 7)
    assert weights[labels].mean().item() == pytest.approx(1, abs=1e-5) and weights[1] > weights[0]
    model.eval()
    logits = model(**{name: t for name, t in made.items() if name != "labels"}).logits
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), made["labels"].flatten(), weight=weights, label_smoothing=0.1, reduction="sum"
    )
    add_head_forward(base_of(model), weights=weights, label_smoothing=0.1)
    assert model(**made, supervised_only=True)["losses"].sum().item() == pytest.approx(expected.item(), abs=1e-4)
