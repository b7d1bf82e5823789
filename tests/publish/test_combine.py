"""Every way of combining adapters against the dense sum in float64."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dense_adapters import SHAPES, apart, changes, of_combined, weighted, write_adapter
from safetensors.torch import load_file, save_file

from mslt_it.models.lora import read_lora, write_lora
from mslt_it.publish.combine import combine

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))  # tiny_run

WEIGHTS = [(1 / 3, 1 / 3, 1 / 3), (0.5, 0.3, 0.2), (1.0, -1.0, 0.0), (1.0, -0.7, -0.2), (-2.0, 0.0, 0.0)]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_cat_is_the_weighted_sum(three: Any, weights: tuple[float, ...]) -> None:
    folders, dense = three
    combined = combine([read_lora(f) for f in folders], weights)
    assert apart(of_combined(combined), weighted(dense, weights)) < 2e-7
    assert combined.error < 2e-7 and combined.target == "the weighted sum"
    counted = [rank for rank, weight in zip((2, 3, 5), weights, strict=True) if weight]
    assert combined.rank == sum(counted)  # q_proj has the largest ranks


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("rank", [1, 2, 4])
def test_svd_is_the_best_approximation(three: Any, weights: tuple[float, ...], rank: int) -> None:
    folders, dense = three
    loras = [read_lora(f) for f in folders]
    combined = combine(loras, weights, "svd", rank=rank)
    expected = weighted(dense, weights)
    best = {}
    for module, full in expected.items():
        u, s, v = np.linalg.svd(full, full_matrices=False)
        best[module] = u[:, :rank] * s[:rank] @ v[:rank]
    assert apart(of_combined(combined), best) < 1e-6
    assert combined.error == pytest.approx(apart(best, expected), abs=2e-7)
    assert combined.rank == min(rank, 2 if weights[1:] == (0.0, 0.0) else rank)  # one of rank 2 is what it is


def test_svd_at_the_full_rank_is_exact_and_its_default_is_one_adapters_rank(three: Any) -> None:
    folders, dense = three
    loras = [read_lora(f) for f in folders]
    exact = combine(loras, (0.5, 0.3, -0.2), "svd", rank=10)
    assert apart(of_combined(exact), weighted(dense, (0.5, 0.3, -0.2))) < 1e-6 and exact.error < 1e-6
    assert combine(loras, (0.5, 0.3, -0.2), "svd").rank == 5


def ties_by_hand(kept: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Entry by entry: elect the sign with the larger sum, average what agrees."""
    result = np.zeros_like(kept[0])
    for place in np.ndindex(result.shape):
        entries = [w * k[place] for w, k in zip(weights, kept, strict=True)]
        elected = np.sign(sum(entries))
        agreeing = [(e, abs(w)) for e, w in zip(entries, weights, strict=True) if elected and np.sign(e) == elected]
        if agreeing:
            mean = sum(e for e, _ in agreeing) / sum(w for _, w in agreeing)
            result[place] = sum(map(abs, weights)) * mean
    return result


def trimmed(dense: np.ndarray, density: float) -> np.ndarray:
    limit = np.sort(np.abs(dense).ravel())[::-1][round(density * dense.size) - 1]
    return np.where(np.abs(dense) >= limit, dense, 0.0)


@pytest.mark.parametrize("weights", WEIGHTS[:4])
@pytest.mark.parametrize("density", [0.2, 0.5, 1.0])
def test_ties_is_what_it_is_by_hand(three: Any, weights: tuple[float, ...], density: float) -> None:
    folders, dense = three
    full = combine([read_lora(f) for f in folders], weights, "ties", density=density, rank=10)
    expected = {m: ties_by_hand([trimmed(d[m], density) for d in dense], weights) for m in SHAPES}
    # Rank 10 is full for one module and 9 of the other's 9: nothing is cut.
    assert apart(of_combined(full), expected) < 1e-6 and full.error < 1e-6
    assert full.target == "the ties result before it is cut to a rank"
    cut = combine([read_lora(f) for f in folders], weights, "ties", density=density, rank=2)
    assert cut.error == pytest.approx(apart(of_combined(cut), expected), abs=1e-6)
    assert cut.error > 0.05 and cut.rank == 2


def test_ties_without_trimming_and_conflict_is_the_weighted_sum(tmp_path: Path) -> None:
    """Weights keep their meaning: [2, 0.5] of adapters that agree everywhere is 2 dW_1 + 0.5 dW_2."""
    loras, dense = [], []
    for name in ("a", "b"):
        folder = write_adapter(tmp_path / name, seed=ord(name))
        file = folder / "adapter_model.safetensors"
        save_file({n: t.abs() for n, t in load_file(file).items()}, file)
        loras.append(read_lora(folder))
        dense.append(changes(folder, 2.0))
    combined = combine(loras, (2.0, 0.5), "ties", density=1.0, rank=9)
    assert apart(of_combined(combined), weighted(dense, (2.0, 0.5))) < 1e-6


def test_ties_default_rank_is_the_sum_and_default_density_half(three: Any) -> None:
    loras = [read_lora(f) for f in three[0]]
    plain, spelled = (
        combine(loras, (0.5, 0.3, 0.2), "ties", **options) for options in ({}, {"density": 0.5, "rank": 10})
    )
    assert plain.rank == 10
    assert apart(of_combined(plain), of_combined(spelled)) == 0


def test_dare_keeps_a_share_and_makes_up_for_the_rest(tmp_path: Path) -> None:
    shapes = {"layers.0.q_proj": (60, 50)}
    folder = write_adapter(tmp_path / "a", seed=1, shapes=shapes)
    dense = changes(folder, 2.0)["layers.0.q_proj"]
    combined = of_combined(combine([read_lora(folder)], (1.0,), "dare_ties", density=0.3, rank=50))["layers.0.q_proj"]
    kept = np.abs(combined) > 1e-4 * np.abs(dense).max()
    assert kept.mean() == pytest.approx(0.3, abs=0.03)
    assert np.allclose(combined[kept], dense[kept] / 0.3, atol=1e-4)


def test_dare_without_dropping_is_ties_without_trimming_and_its_seed_decides(three: Any) -> None:
    loras = [read_lora(f) for f in three[0]]

    def made(method: str, **options: Any) -> dict[str, np.ndarray]:
        return of_combined(combine(loras, (0.5, 0.3, -0.2), method, rank=10, **options))

    assert apart(made("dare_ties", density=1.0), made("ties", density=1.0)) < 1e-6
    torch.rand(3)  # whatever was drawn before
    assert apart(made("dare_ties"), made("dare_ties", seed=0, density=0.5)) == 0
    assert apart(made("dare_ties", seed=1), made("dare_ties", seed=0)) > 0.1


def test_dare_is_ties_of_what_it_kept(three: Any) -> None:
    """Each adapter alone shows what was kept of it; all together follow the same election."""
    folders, dense = three
    loras = [read_lora(f) for f in folders]
    kept = []
    for place, own in enumerate(dense):
        alone = combine(loras, [float(i == place) for i in range(3)], "dare_ties", density=0.6, seed=4, rank=10)
        kept.append({m: np.where(np.abs(x) > 1e-5, own[m] / 0.6, 0.0) for m, x in of_combined(alone).items()})
    together = combine(loras, (0.5, 0.3, -0.2), "dare_ties", density=0.6, seed=4, rank=10)
    expected = {m: ties_by_hand([k[m] for k in kept], (0.5, 0.3, -0.2)) for m in SHAPES}
    assert apart(of_combined(together), expected) < 1e-5


def test_weighted_factors_says_what_it_is_not(tmp_path: Path) -> None:
    folders = [write_adapter(tmp_path / n, seed=s, alpha=a) for n, s, a in (("a", 1, 6), ("b", 2, 3))]
    weights, scalings = (0.5, -0.25), (2.0, 1.0)
    combined = combine([read_lora(f) for f in folders], weights, "weighted_factors")
    tensors = [load_file(f / "adapter_model.safetensors") for f in folders]
    expected = {}
    for module in SHAPES:
        a, b = (
            sum(
                (np.sign(w) if letter == "B" else 1)
                * math.sqrt(abs(w) * s)
                * t[f"base_model.model.{module}.lora_{letter}.weight"].double().numpy()
                for w, s, t in zip(weights, scalings, tensors, strict=True)
            )
            for letter in "AB"
        )
        expected[module] = b @ a
    assert apart(of_combined(combined), expected) < 1e-6
    summed = weighted([changes(f, s) for f, s in zip(folders, scalings, strict=True)], weights)
    assert combined.error == pytest.approx(apart(expected, summed), rel=1e-6)
    assert combined.error > 0.5 and combined.rank == 3


def test_weighted_factors_of_one_adapter_is_exact_in_both_signs(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", seed=1)
    for weight in (0.7, -0.7):
        combined = combine([read_lora(folder)], (weight,), "weighted_factors")
        assert apart(of_combined(combined), weighted([changes(folder, 2.0)], (weight,))) < 1e-6


@pytest.mark.parametrize("method", ["cat", "svd", "ties"])
def test_modules_that_only_some_have_count_for_those(tmp_path: Path, method: str) -> None:
    a = write_adapter(tmp_path / "a", seed=1, rank=2, alpha=2)
    b = write_adapter(tmp_path / "b", seed=2, rank=2, alpha=2, shapes={"layers.0.q_proj": (10, 14)})
    options = {"svd": {"rank": 4}, "ties": {"rank": 10, "density": 1.0}}.get(method, {})
    combined = combine([read_lora(a), read_lora(b)], (0.5, 0.5), method, **options)
    dense_a, dense_b = changes(a, 1.0), changes(b, 1.0)
    q, down = "layers.0.q_proj", "layers.0.down_proj"
    both = 0.5 * (dense_a[q] + dense_b[q])
    if method == "ties":
        both = ties_by_hand([dense_a[q], dense_b[q]], (0.5, 0.5))
    assert apart(of_combined(combined), {q: both, down: 0.5 * dense_a[down]}) < 1e-6
    assert combined.config["target_modules"] == [down, q]  # whole names: down_proj of other layers is not meant


def test_the_model_with_a_combined_adapter_is_the_base_plus_the_sum(tmp_path: Path) -> None:
    """What peft makes of the files, ranks that differ by module and missing modules included."""
    from tiny_run import tiny_model

    from mslt_it.config.recipe import AdapterConfig
    from mslt_it.models.base_model import add_adapter, load_adapter, save_adapter

    settings = (
        (AdapterConfig(rank=4, alpha=8), 1.0, 2.0),
        (AdapterConfig(rank=2, alpha=2, use_rslora=True, target_modules=("q_proj", "up_proj")), -0.5, 2 / math.sqrt(2)),
    )
    loras, base = [], tiny_model()
    modules = dict(base.named_modules())
    for number, (config, weight, scaling) in enumerate(settings):
        model = add_adapter(tiny_model(), config, seed=number)
        torch.manual_seed(number)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(std=0.05)
        save_adapter(model, tmp_path / str(number))
        loras.append(read_lora(tmp_path / str(number)))
        for module, change in changes(tmp_path / str(number), scaling).items():
            modules[module].weight.data += (weight * torch.from_numpy(change)).float()
    combined = combine(loras, (1.0, -0.5))
    assert combined.rank == 6 and set(combined.config["rank_pattern"].values()) == {4}
    write_lora(tmp_path / "combined", combined.tensors, combined.config)
    loaded = load_adapter(tiny_model(), tmp_path / "combined")
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        assert torch.allclose(loaded(ids).logits, base(ids).logits, atol=1e-5)
        assert not torch.allclose(loaded(ids).logits, tiny_model()(ids).logits, atol=1e-2)


def test_equal_adapters_keep_their_short_target_modules(tmp_path: Path) -> None:
    loras = [read_lora(write_adapter(tmp_path / n, seed=s)) for n, s in (("a", 1), ("b", 2))]
    config = combine(loras, (0.5, 0.5)).config
    assert config["target_modules"] == ["down_proj", "q_proj"] and config["rank_pattern"] == {}
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (6, 6, 0.0)
