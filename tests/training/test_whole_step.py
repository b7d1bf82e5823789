"""A step made as a whole learns what a step made by Trainer learns; on a CPU it is run as it is, on a GPU recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_run import tiny_adapted, tiny_model, tiny_recipe, tiny_rows, tiny_tokenizer, tiny_train
from transformers import TrainerCallback

from mslt_it.models.base_model import add_adapter
from mslt_it.models.stacked_lora import StackedLora
from mslt_it.problems import Problem
from mslt_it.training import trainer
from mslt_it.training.batches import IGNORED, PaddingCollator, length_step
from mslt_it.training.sft import train
from mslt_it.training.whole_step import WholeStep


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> list[WholeStep]:
    """Steps are made as a whole on a CPU, too; the list has what made them."""
    made: list[WholeStep] = []

    class Kept(WholeStep):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr(trainer, "WholeStep", Kept)
    monkeypatch.setattr(trainer, "goes_whole", lambda recipe, args: True)
    return made


def moved(run_dir: Path) -> dict[str, torch.Tensor]:
    begun = {n: p.detach().clone() for n, p in tiny_adapted(tiny_recipe()).named_parameters() if p.requires_grad}
    found = load_file(run_dir / "adapter" / "adapter_model.safetensors")
    return {name: found[name.replace(".default", "")] - value.cpu() for name, value in begun.items()}


@pytest.mark.parametrize(
    ("kind", "batch_size", "accumulation"), [("qwen3", 4, 1), ("qwen3", 2, 2), ("llama", 2, 2), ("bloom", 2, 2)]
)
def test_it_learns_what_trainers_own_step_learns(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, batch_size: int, accumulation: int
) -> None:
    recipe = tiny_recipe(
        dropout=0.0, batch_size=batch_size, gradient_accumulation_steps=accumulation, max_grad_norm=0.3
    )
    stock = tiny_train(dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, cuda_graphs=False)),
                       tmp_path / "stock", kind=kind)  # fmt: skip
    made = request.getfixturevalue("whole")
    ours = tiny_train(recipe, tmp_path / "ours", kind=kind)
    assert len(made) == 1 and ours.num_steps == stock.num_steps == 36
    for language, loss in stock.loss_by_language.items():
        assert ours.loss_by_language[language] == pytest.approx(loss, rel=1e-4)
    if kind == "qwen3":
        one, other = (torch.cat([t.flatten() for t in moved(tmp_path / name).values()]) for name in ("stock", "ours"))
        assert (one - other).norm() < 1e-3 * one.norm()


@pytest.mark.parametrize(("dropout", "dora", "passes"), [(0.0, False, 6), (0.1, False, 0), (0.0, True, 0)])
def test_a_plain_adapter_goes_through_fewer_kernels(
    tmp_path: Path, whole: list[WholeStep], monkeypatch: pytest.MonkeyPatch, dropout: float, dora: bool, passes: int
) -> None:
    put_on, own = [], StackedLora.own
    monkeypatch.setattr(StackedLora, "own", lambda self: put_on.append(self) or own(self))
    recipe = tiny_recipe(dropout=dropout, batch_size=2, gradient_accumulation_steps=2, max_steps=3)
    tiny_train(
        dataclasses.replace(recipe, adapter=dataclasses.replace(recipe.adapter, use_dora=dora)), tmp_path / "run"
    )
    assert bool(put_on) == bool(passes) if torch.cuda.is_available() else len(put_on) == passes  # replayed: no call
    assert not any("forward" in vars(layer) for lora in put_on for layer in lora.layers)


@pytest.mark.parametrize(("all_half", "is_mixed"), [(True, False), (False, True)])
def test_weights_that_are_all_bfloat16_need_no_autocast(
    tmp_path: Path, whole: list[WholeStep], monkeypatch: pytest.MonkeyPatch, all_half: bool, is_mixed: bool
) -> None:
    """It would keep what is between BLOOM's LayerNorms in float32: half of the time of a step of 7 billion weights."""
    recipe, seen = tiny_recipe(dropout=0.0), list[tuple[bool, torch.dtype]]()
    exact = tiny_train(recipe, tmp_path / "float32", kind="bloom")
    base: Any = tiny_model("bloom").bfloat16()
    if not all_half:
        base.register_parameter("other", torch.nn.Parameter(torch.zeros(1), requires_grad=False))
    model = add_adapter(base, recipe.adapter, recipe.seed)
    body = type(base.transformer)

    def forward(self: Any, *args: Any, own: Callable[..., Any] = body.forward, **kwargs: Any) -> Any:
        found = own(self, *args, **kwargs)
        if self.training:
            seen.append((torch.is_autocast_enabled(found.last_hidden_state.device.type), self.dtype))
        return found

    monkeypatch.setattr(body, "forward", forward)
    half = train(recipe, tiny_rows(), model, tiny_tokenizer(), tmp_path / "bfloat16")
    assert set(seen) == {(is_mixed, torch.bfloat16)}
    for language, loss in exact.loss_by_language.items():
        assert half.loss_by_language[language] == pytest.approx(loss, rel=0.02)


def test_going_on_after_a_stop_is_exact(tmp_path: Path, whole: list[WholeStep]) -> None:
    class Stop(TrainerCallback):
        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 10:
                raise KeyboardInterrupt

    through = tiny_train(tiny_recipe(), tmp_path / "through")
    with pytest.raises(KeyboardInterrupt):
        tiny_train(tiny_recipe(), tmp_path / "stopped", callbacks=[Stop()])
    again = tiny_train(tiny_recipe(), tmp_path / "stopped")
    assert again.resumed_from == "checkpoint-10" and len(whole) == 3
    if not torch.cuda.is_available():
        assert again.adapter_sha256 == through.adapter_sha256


class Poison(TrainerCallback):
    """Step 7, after the checkpoint of step 5, meets something that is not finite."""

    def __init__(self, do: Callable[[torch.nn.Parameter], object]) -> None:
        self.do = do

    def on_step_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if state.global_step == 6:
            self.parameter = next(p for n, p in model.named_parameters() if "layers.0.mlp.up_proj.lora_B" in n)
            self.do(self.parameter)
            self.before = self.parameter.detach().clone()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a step that is recorded calls no hook")
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_updates_nothing_more_and_is_named(
    tmp_path: Path, whole: list[WholeStep], value: float
) -> None:
    poison = Poison(lambda parameter: parameter.register_hook(lambda gradient: torch.full_like(gradient, value)))
    model = tiny_adapted(tiny_recipe())
    with pytest.raises(Problem, match=r"gradient of '.*0\.mlp\.up_proj\.lora_B.*' is not finite at optimiser step 7"):
        train(tiny_recipe(), tiny_rows(), model, tiny_tokenizer(), tmp_path, callbacks=[poison])
    assert torch.equal(poison.before, poison.parameter)
    assert [folder.name for folder in (tmp_path / "checkpoints").iterdir()] == ["checkpoint-5"]


def test_a_loss_that_is_not_finite_updates_nothing_more_and_is_named(tmp_path: Path, whole: list[WholeStep]) -> None:
    poison = Poison(lambda parameter: parameter.data[0, 0].fill_(torch.nan))
    model = tiny_adapted(tiny_recipe())
    with pytest.raises(Problem, match=r"loss is nan at optimiser step 7 .*'.*0\.mlp\.up_proj\.lora_B.*' holds"):
        train(tiny_recipe(), tiny_rows(), model, tiny_tokenizer(), tmp_path, callbacks=[poison])
    assert torch.equal(poison.before.isnan(), poison.parameter.isnan())
    assert [folder.name for folder in (tmp_path / "checkpoints").iterdir()] == ["checkpoint-5"]


def test_a_collator_says_where_something_is_supervised() -> None:
    rows = [
        {"input_ids": [5, 6, 7, 8], "labels": [IGNORED, 6, IGNORED, 8], "languages": 1},
        {"input_ids": [5, 6], "labels": [5, IGNORED], "languages": 0},  # nothing stands before the first
        {"input_ids": [5, 6, 7, 8, 9], "labels": [IGNORED, 6, 7, IGNORED, 9], "languages": 0},
    ]
    made = PaddingCollator(0, multiple=8, says_places=True)(rows)
    assert made["places"].tolist() == [[1, 3, -1, -1], [-1] * 4, [1, 2, 4, -1]]
    assert {name: made[name].shape[1] for name in ("input_ids", "attention_mask", "labels")} == dict.fromkeys(
        ("input_ids", "attention_mask", "labels"), 8
    )
    assert made["attention_mask"].sum() == 11 and made["labels"][1, 2:].eq(IGNORED).all()


@pytest.mark.parametrize("longest", [1, 15, 16, 17, 200, 256, 257, 512, 513, 4096])
def test_batches_have_at_most_sixteen_lengths(longest: int) -> None:
    step = length_step(longest)
    assert -(-longest // step) <= 16 and (step == 16 or longest > 16 * step // 2)
