"""Adapters trained in one pass over their base: each is what it is alone, goes on from there, and ends on its own."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import tiny_adapted, tiny_model, tiny_recipe, tiny_rows, tiny_tokenizer
from torch import Tensor
from transformers import TrainerCallback

from mslt_it.config.recipe import ModelConfig, Recipe
from mslt_it.models.base_model import add_adapter, load_base, read_adapter
from mslt_it.models.stacked_lora import StackedLora
from mslt_it.problems import Problem
from mslt_it.training.sft import train
from mslt_it.training.together import Part, train_together

# Of other rates, lengths and numbers of steps; two forward passes a step.
OWN: tuple[dict[str, Any], ...] = (
    {"learning_rate": 1e-2},
    {"learning_rate": 3e-3, "max_grad_norm": 0.05, "lr_scheduler": "linear"},
    {"learning_rate": 1e-2, "max_steps": 13, "weight_decay": 0.1, "warmup_steps": 0},
)


def part(k: int, folder: Path, **training: Any) -> Part:
    settings = {"max_steps": 20, "batch_size": 2, "gradient_accumulation_steps": 2} | OWN[k] | training
    recipe = dataclasses.replace(tiny_recipe(dropout=0.0, **settings), seed=k)
    return Part(recipe, tiny_rows(45 - k, seed=k), folder / str(k))


def alone(one: Part, callbacks: Any = ()) -> Any:
    model = tiny_adapted(one.recipe)
    return train(one.recipe, one.encoded, model, tiny_tokenizer(), one.run_dir, callbacks=callbacks)


def first(recipe: Recipe) -> dict[str, Tensor]:
    named = tiny_adapted(recipe).named_parameters()
    return {name.replace(".default", ""): p.detach() for name, p in named if p.requires_grad}


def off(ours: Path, theirs: Path, recipe: Recipe) -> float:
    """How far two adapters lie apart, over how far training moved the second."""
    a, b, begun = read_adapter(ours), read_adapter(theirs), first(recipe)
    assert a.keys() == b.keys() == begun.keys()

    def length(one: Any, other: Any) -> float:
        return float(sum(float((one[n] - other[n]).square().sum()) for n in b)) ** 0.5

    return length(a, b) / length(b, begun)


def losses(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "losses.jsonl").read_text().splitlines()]


class StopAfterSave(TrainerCallback):
    """As a kill after a checkpoint."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise InterruptedError


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three, each by itself from its first step to its last."""
    folder = tmp_path_factory.mktemp("whole")
    for k in range(3):
        alone(part(k, folder))
    return folder


def test_each_is_what_it_is_alone(whole: Path, tmp_path: Path) -> None:
    parts = [part(k, tmp_path) for k in range(3)]
    model = train_together(parts, tiny_model(), tiny_tokenizer())
    assert not [m for m in model.modules() if "forward" in m.__dict__] and not model.training
    for k, one in enumerate(parts):
        steps = one.recipe.training.max_steps
        assert not (one.run_dir / "adapter").exists()  # that is its own run's to make, from the last checkpoint
        summary = alone(one)
        assert (summary.resumed_from, summary.num_steps) == (f"checkpoint-{steps}", steps)
        assert off(one.run_dir / "adapter", whole / str(k) / "adapter", one.recipe) < 1e-4
        ours, theirs = losses(one.run_dir), losses(whole / str(k))
        assert [set(line) for line in ours] == [set(line) for line in theirs]
        for line, other in zip(ours, theirs, strict=True):
            assert line == pytest.approx(other, rel=1e-4)
        last = {p.name for p in (one.run_dir / "checkpoints" / f"checkpoint-{steps}").iterdir()}
        assert last == {p.name for p in (whole / str(k) / "checkpoints" / f"checkpoint-{steps}").iterdir()}
        assert list((one.run_dir / "tensorboard").iterdir())


def test_one_goes_on_where_the_other_stopped(whole: Path, tmp_path: Path) -> None:
    """Begun alone, gone on with together (at another step each), ended alone."""
    parts = [part(k, tmp_path) for k in range(2)]
    with pytest.raises(InterruptedError):
        alone(parts[0], callbacks=[StopAfterSave(5)])
    with pytest.raises(InterruptedError):
        train_together(parts, tiny_model(), tiny_tokenizer(), callbacks=[StopAfterSave(16)])
    steps = [sorted(p.name for p in (one.run_dir / "checkpoints").glob("checkpoint-*")) for one in parts]
    assert steps == [["checkpoint-10", "checkpoint-15"], ["checkpoint-10", "checkpoint-5"]]
    for k, one in enumerate(parts):
        assert alone(one).resumed_from == ("checkpoint-15", "checkpoint-10")[k]
        assert off(one.run_dir / "adapter", whole / str(k) / "adapter", one.recipe) < 1e-4


def test_one_that_is_not_finite_harms_no_other(whole: Path, tmp_path: Path) -> None:
    parts = [part(0, tmp_path), part(1, tmp_path, learning_rate=1e30, max_grad_norm=0.0)]
    train_together(parts, tiny_model(), tiny_tokenizer())
    alone(parts[0])
    assert off(parts[0].run_dir / "adapter", whole / "0" / "adapter", parts[0].recipe) < 1e-4
    assert not list((parts[1].run_dir / "checkpoints").glob("checkpoint-*"))  # its first is due at step 5
    with pytest.raises(Problem, match=r"not finite|The loss is nan"):
        alone(parts[1])


def test_a_model_whose_rows_cannot_be_kept_apart_is_refused(tmp_path: Path) -> None:
    parts = [part(k, tmp_path) for k in range(2)]
    model = tiny_model("bloom")
    model.transformer.h[0].mlp.hidden_dropout = 0.1
    with pytest.raises(Problem, match="BloomForCausalLM does not keep the rows of a batch apart, or has dropout"):
        train_together(parts, model, tiny_tokenizer())


@pytest.mark.parametrize("kind", ["qwen3", "bloom"])
def test_blocks_go_through_the_model_as_they_do_alone(kind: str) -> None:
    model = add_adapter(tiny_model(kind), tiny_recipe(dropout=0.0).adapter, 0)
    stacked = StackedLora(model)  # type: ignore[arg-type]
    stacked.check()
    assert not [m for m in model.modules() if "forward" in m.__dict__]
    row = torch.randn(sum(stacked.sizes))
    stacked.write(row)
    assert torch.equal(stacked.read(), row)
    put_on = StackedLora.put_on
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Problem, match="does not keep the rows"):
        patch.setattr(StackedLora, "put_on", lambda self, rows: put_on(self, rows[::-1]))
        stacked.check()


def test_a_base_of_four_bits(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    tiny_model().save_pretrained(tmp_path / "model")
    parts = []
    for k in range(2):
        one = part(k, tmp_path, max_steps=6)
        adapter = dataclasses.replace(one.recipe.adapter, quantization="nf4")
        recipe = dataclasses.replace(one.recipe, adapter=adapter, model=ModelConfig(path=str(tmp_path / "model")))
        parts.append(dataclasses.replace(one, recipe=recipe))
    train_together(parts, load_base(parts[0].recipe.model, adapter), tiny_tokenizer())
    for one in parts:
        model = add_adapter(load_base(one.recipe.model, adapter), adapter, one.recipe.seed)
        train(one.recipe, one.encoded, model, tiny_tokenizer(), tmp_path / "alone")
        ours = one.run_dir / "checkpoints" / "checkpoint-6"
        assert off(ours, tmp_path / "alone" / "adapter", one.recipe) < 1e-4
        shutil.rmtree(tmp_path / "alone")
