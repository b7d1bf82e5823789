"""What combining refuses, and how weights are read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dense_adapters import write_adapter
from safetensors.torch import load_file, save_file

from mslt_it.models.lora import read_lora
from mslt_it.problems import Problem
from mslt_it.publish.combine import combine
from mslt_it.publish.combine_options import resolve_weights, typology_weights

# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"use_dora": True}, "use_dora=True: DoRA's magnitudes do not add up, so it cannot be combined exactly."),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save=['lm_head']: it is more than B A on the base's weights"),
        ({"bias": "all"}, "bias='all': it is more than B A"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights='pissa_niter_4': it is more than B A"),
        ({"peft_type": "IA3"}, "peft_type is 'IA3'; only LORA adapters are accepted."),
        ({"r": 4}, "but its configuration says rank 4. The two files do not belong together"),
    ],
)
def test_adapters_that_are_no_plain_lora_are_refused(tmp_path: Path, config: dict[str, Any], text: str) -> None:
    folder = write_adapter(tmp_path / "a", seed=1, **config)
    with pytest.raises(Problem) as caught:
        read_lora(folder)
    assert text in str(caught.value) and str(folder) in str(caught.value)


def test_damaged_adapters_are_refused(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", seed=1)
    file = folder / "adapter_model.safetensors"
    whole = load_file(file)
    name = "base_model.model.layers.0.q_proj.lora_A.weight"
    for tensors, text in (
        ({n: t for n, t in whole.items() if n != name}, "'layers.0.q_proj' has lora_B only. It is damaged"),
        (whole | {name: torch.full_like(whole[name], torch.nan)}, "holds values that are not finite"),
        (whole | {"base_model.model.wte.lora_embedding_A": torch.ones(2, 2)}, "is not a LoRA matrix of a linear"),
        ({}, "holds no tensor"),
    ):
        save_file(tensors, file)
        with pytest.raises(Problem, match=text):
            read_lora(folder)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(Problem, match=r"adapter_config\.json is missing or not readable"):
        read_lora(folder)


def test_weighted_factors_refuses_other_ranks(three: Any) -> None:
    with pytest.raises(Problem, match=r"'layers\.0\.down_proj' has rank 2 in .*/a and 3 in .*/b\. Use method=cat"):
        combine([read_lora(f) for f in three[0]], (0.5, 0.3, 0.2), "weighted_factors")


@pytest.mark.parametrize(
    ("method", "options", "text"),
    [
        ("linear", {}, "method=linear is unknown. peft's 'linear' is called weighted_factors here"),
        ("dare_tie", {}, "method=dare_tie is unknown. Did you mean 'dare_ties'?"),
        ("cat", {"rank": 4}, "rank=4 has no effect on method=cat, only on svd, ties, dare_ties. Leave it out."),
        ("svd", {"density": 0.5}, "density=0.5 has no effect on method=svd, only on ties, dare_ties."),
        ("ties", {"seed": 3}, "seed=3 has no effect on method=ties, only on dare_ties."),
    ],
)
def test_wrong_options_are_refused(three: Any, method: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(Problem) as caught:
        combine([read_lora(f) for f in three[0]], (0.5, 0.3, 0.2), method, **options)
    assert text in str(caught.value)


def test_weights_that_combine_nothing_are_refused(tmp_path: Path) -> None:
    a, b = (read_lora(write_adapter(tmp_path / n, seed=1)) for n in "ab")
    zero = read_lora(write_adapter(tmp_path / "zero", seed=1, scale=0.0))
    for loras, weights, text in (
        ([a, b], (0.0, 0.0), "all are 0"),
        ([a, b], (1.0, math.inf), "not all of them are finite"),
        ([a, b], (1.0, -1.0), "cancel out"),
        ([zero], (1.0,), "Every adapter is zero"),
        ([a], (1e39,), "not finite in float32"),
    ):
        with pytest.raises(Problem, match=text):
            combine(loras, weights)


# ---------------------------------------------------------------- weights

SOURCES = [("en",), ("ar", "he"), ("zh",)]


def test_weights_equal_by_size_and_given() -> None:
    assert resolve_weights("equal", SOURCES, [1, 2, 3]) == ((1 / 3,) * 3, "equal")
    assert resolve_weights("size", SOURCES, [100, 300, 600]) == (
        (0.1, 0.3, 0.6),
        "by training rows 100, 300, 600",
    )
    assert resolve_weights("[1, -0.5,2e-1]", SOURCES, [1, 2, 3]) == ((1.0, -0.5, 0.2), "given")


def test_weights_by_typology_are_similarities_that_sum_to_one() -> None:
    from mslt_it.selection.typology import distances, read_typology

    weights, how = resolve_weights("typology:tr", SOURCES, [1, 2, 3])
    assert how == "by typological similarity to tr" and sum(weights) == pytest.approx(1)
    d = distances(read_typology(["tr", "en", "ar", "he", "zh"]).vectors(("syntax", "phonology", "inventory")))[0]
    near = np.array([1 - d[1], (1 - d[2] + 1 - d[3]) / 2, 1 - d[4]])
    assert weights == pytest.approx(near / near.sum())
    same = typology_weights([("en",), ("zh",)], "en")
    assert same[0] > same[1] > 0  # the target itself is the most similar


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("equals", "weights=equals is unknown. Did you mean 'equal'?"),
        ("[1,2]", "weights=[1,2] has 2 numbers, and runs names 3. Give one number for each."),
        ("[1,x,2]", "weights=x is not a number."),
        ("[1,nan,2]", "weights=nan is not a finite number."),
        ("typology", "weights=typology needs the language to be close to: weights=typology:tr."),
        ("typology:jp", "Unknown language code 'jp'. Did you mean 'ja'"),
        ("typology:nah", "lang2vec has no language 'nah'. Give the weights as numbers: weights=[0.5,0.5,0.5]."),
    ],
)
def test_wrong_weights_are_refused(text: str, says: str) -> None:
    with pytest.raises(Problem) as caught:
        resolve_weights(text, SOURCES, [1, 2, 3])
    assert says in str(caught.value)
    with pytest.raises(Problem, match="weights=size"):
        resolve_weights("size", SOURCES, [0, 2, 3])
