"""adapter.method=full on a decoder: all weights are trained, kept, resumed, asked and merged as an adapter is."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_run import tiny_adapted, tiny_model, tiny_recipe, tiny_rows, tiny_tokenizer

from mslt_it.cli import main
from mslt_it.config.recipe import AdapterConfig, Recipe
from mslt_it.models.base_model import adapted, load_adapter, model_hash
from mslt_it.problems import Problem
from mslt_it.training.layers import freeze
from mslt_it.training.sft import TrainingSummary, train


def full_recipe() -> Recipe:
    return dataclasses.replace(tiny_recipe(num_epochs=1.0), adapter=AdapterConfig(method="full"))


def trained(run_dir: Path, kind: str = "qwen3") -> tuple[TrainingSummary, Any]:
    recipe = full_recipe()
    model = tiny_model(kind).requires_grad_(True)
    return train(recipe, tiny_rows(), model, tiny_tokenizer(), run_dir), model


@pytest.mark.parametrize("kind", ["qwen3", "llama"])  # tied and untied
def test_what_is_kept_is_the_model_and_resuming_is_exact(tmp_path: Path, kind: str) -> None:
    whole, model = trained(tmp_path / "whole", kind)
    before = model_hash(tiny_model(kind))
    assert whole.base_sha256 == before and model_hash(model) == whole.adapter_sha256 != before
    names = set(load_file(Path(whole.adapter_dir) / "adapter_model.safetensors"))
    assert ("lm_head.weight" in names) == (kind == "llama") and "model.embed_tokens.weight" in names
    shutil.copytree(tmp_path / "whole" / "checkpoints" / "checkpoint-10", tmp_path / "half/checkpoints/checkpoint-10")
    half, _ = trained(tmp_path / "half", kind)
    assert half.resumed_from == "checkpoint-10" and half.adapter_sha256 == whole.adapter_sha256


def test_the_base_is_as_before_when_the_weights_are_taken_out(tmp_path: Path) -> None:
    whole, model = trained(tmp_path)
    base = tiny_model()
    before = model_hash(base)
    ids = torch.arange(3, 12)[None]
    with adapted(base, Path(whole.adapter_dir)) as found, torch.no_grad():
        assert torch.equal(found(ids).logits, model(ids).logits)
    assert model_hash(base) == before
    with pytest.raises(Problem, match=r"was made for another base model or configuration"):
        load_adapter(tiny_model("llama"), whole.adapter_dir)


def test_freezing_every_layer_of_an_adapter_leaves_nothing() -> None:
    with pytest.raises(Problem, match=r"training\.freeze_layers=2 leaves nothing to train"):
        freeze(tiny_adapted(tiny_recipe()), 2)


def test_a_run_has_its_base_beside_it(tmp_path: Path) -> None:
    small = ["data.num_examples_total=24", "training.max_steps=2", "scoring.num_examples_per_language=20"]
    arguments = [*small, "sources=[de]", "targets=[en]", "scoring.num_bootstrap=200", "training.learning_rate=1e-3"]
    values = {}
    for method in ("full", "lora"):
        run = tmp_path / method
        assert main(["train", "recipe=xnli_3src", f"adapter.method={method}", *arguments, f"output_dir={run}"]) == 0
        content = json.loads((run / "results.json").read_text(encoding="utf-8"))
        values[method] = {r["language"]: r["base_value"] for r in content["results"] if r["metric"] == "accuracy"}
    assert values["full"] == values["lora"] and None not in values["full"].values()
    run = tmp_path / "full"
    assert main(["merge", f"run={run}", f"out={tmp_path / 'merged'}", "dtype=float32", "prompts=4"]) == 0
    assert main(["eval", f"run={run}", f"out={tmp_path / 'eval'}", "cache=none", "languages=[en]"]) == 0
    found = json.loads((tmp_path / "eval" / "results.json").read_text(encoding="utf-8"))["results"]
    assert {r["system"] for r in found} == {"base", "full"}
    card = (run / "adapter" / "README.md").read_text(encoding="utf-8")
    assert "all of whose weights were trained for `xnli`" in card and "library_name: transformers" in card
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("THIS_FOLDER", str(run / "adapter")), names)
    assert sum(names["found"].values()) == pytest.approx(1)
    weights = load_file(run / "adapter" / "adapter_model.safetensors")
    assert torch.equal(names["model"].get_input_embeddings().weight, weights["model.embed_tokens.weight"])
