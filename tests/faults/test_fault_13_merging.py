"""Fault 13: merging a QLoRA adapter. Dequantised, merged in float32, compared per language, refused if it differs."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "publish"))
from exported import merged_run
from finished_run import LANGUAGES, make_base, make_run

from mslt_it.models.base_model import load_adapter, load_base, merge_adapter
from mslt_it.models.finished_run import read_run
from mslt_it.models.identity import load_trained_base
from mslt_it.models.quantization import dequantized_weights
from mslt_it.problems import Problem
from mslt_it.publish import merge as merging
from mslt_it.publish.comparison import compare, outputs, prompts_of
from mslt_it.publish.merge import limits


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qlora")
    return make_run(folder / "run", make_base(folder / "base"), "adapter.quantization=nf4")


def figures(run: Path, out: Path, **settings: Any) -> dict[str, Any]:
    return merged_run(run, out, prompts=8, **settings).record["comparison"]


def test_dequantised_it_is_the_live_adapter_in_every_language(run: Path, tmp_path: Path, survived: Any) -> None:
    survived("merging an adapter of 4 bits", 3)
    exact = figures(run, tmp_path / "float32", dtype="float32")
    rounded = figures(run, tmp_path / "bfloat16")
    original = figures(run, tmp_path / "original", strategy="original", dtype="float32")
    for name, found in (("dequantized float32", exact), ("dequantized bfloat16", rounded), ("original", original)):
        together = found["together"]
        print(f"fault 13: {name}: relative error {together['relative_error']:.1e}, KL {together['kl_mean']:.1e}")
    assert [c["language"] for c in exact["languages"]] == list(LANGUAGES)
    assert all(c["relative_error"] <= 1e-5 and c["label_agreement"] == 1 for c in exact["languages"])
    assert 1e-5 < rounded["together"]["relative_error"] <= 1e-2
    # The base that was never trained on: what leaving the default costs.
    assert original["together"]["relative_error"] > 5e-2


def test_the_weights_written_are_not_4_bit(run: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    merged_run(run, tmp_path / "out", prompts=8)
    assert {t.dtype for t in load_file(tmp_path / "out" / "model.safetensors").values()} == {torch.bfloat16}
    config = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
    assert "quantization_config" not in config and config["dtype"] == "bfloat16"


def test_rounding_to_4_bits_again_would_be_refused(run: Path, survived: Any) -> None:
    """peft's own merge, which leaves 4-bit weights: what `mslt merge` must find out."""
    survived("merging an adapter of 4 bits")
    finished = read_run(run)
    tokenizer, base, trained = load_trained_base(finished)
    prompts = prompts_of(finished.recipe, tokenizer, 6)
    expected = outputs(load_adapter(base, finished.adapter), prompts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Merge lora module to 4-bit")
        again = load_adapter(load_base(trained, finished.recipe.adapter), finished.adapter).merge_and_unload()
    together, each = compare(expected, outputs(again, prompts))
    print(f"fault 13: rounded to 4 bits again: relative error {together.relative_error:.1e}")
    with pytest.raises(
        Problem, match=r"does not answer as the live adapter does: relative_error 0\.\d+, at most 0\.05"
    ):
        merging.refuse_beyond(limits("nf4", "dequantized", ("float32", "bfloat16")), together, each)
    with pytest.raises(Problem, match="never merged into 4-bit"):
        merge_adapter(load_adapter(load_base(trained, finished.recipe.adapter), finished.adapter), torch.float32)


def test_beyond_the_limit_nothing_is_left(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge that goes wrong in one matrix; the message says by how much and in which language it is worst."""
    real = merging.merged_model

    def wrong(*arguments: Any) -> Any:
        model = real(*arguments)
        model.model.layers[0].mlp.down_proj.weight.data *= 1.5
        return model

    monkeypatch.setattr(merging, "merged_model", wrong)
    with pytest.raises(Problem) as caught:
        merged_run(run, tmp_path / "out", prompts=8)
    text = str(caught.value)
    assert "relative_error" in text and "at most 0.05 is allowed (worst: " in text and "Nothing was written" in text
    assert any(f"worst: {code}, " in text for code in LANGUAGES)
    assert not list(tmp_path.iterdir())


def test_a_repacked_base_is_not_dequantised(run: Path) -> None:
    """What an evaluation forward does to 4-bit weights on AVX512-BF16 processors, where nothing keeps it from it."""
    finished = read_run(run)
    base = load_base(finished.recipe.model, finished.recipe.adapter)
    assert len(list(dequantized_weights(base))) == 14
    base.model.layers[1].mlp.up_proj.weight.quant_state.packing_format_for_cpu = True
    with pytest.raises(Problem, match=r"model\.layers\.1\.mlp\.up_proj was repacked by a forward pass"):
        list(dequantized_weights(base))
