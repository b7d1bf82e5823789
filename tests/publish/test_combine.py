"""Every way of combining adapters against the dense sum in float64, what is refused, and the run that comes out."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mslt_it import cli
from mslt_it.models.lora import read_lora, write_lora
from mslt_it.problems import Problem
from mslt_it.publish.combine import Combined, combine, smallest_rank
from mslt_it.publish.combine_options import METHODS, resolve_weights, typology_weights

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))  # tiny_run
SHAPES = {"layers.0.q_proj": (10, 14), "layers.0.down_proj": (16, 9)}  # out x in


def write_adapter(
    folder: Path,
    *,
    seed: int,
    rank: int = 3,
    alpha: int = 6,
    shapes: Mapping[str, tuple[int, int]] = SHAPES,
    scale: float = 0.3,
    **config: Any,
) -> Path:
    folder.mkdir(parents=True)
    draw, tensors = torch.Generator().manual_seed(seed), {}
    for module, (rows, columns) in shapes.items():
        own = config.get("rank_pattern", {}).get(module, rank)
        tensors[f"base_model.model.{module}.lora_A.weight"] = torch.randn(own, columns, generator=draw)
        tensors[f"base_model.model.{module}.lora_B.weight"] = scale * torch.randn(rows, own, generator=draw)
    save_file(tensors, folder / "adapter_model.safetensors")
    fields = {
        "peft_type": "LORA", "r": rank, "lora_alpha": alpha, "use_rslora": False, "bias": "none", "use_dora": False,
        "target_modules": sorted({m.rpartition(".")[2] for m in shapes}), "rank_pattern": {}, "alpha_pattern": {},
        "lora_dropout": 0.1, "fan_in_fan_out": False, "task_type": "CAUSAL_LM",
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(fields | config))
    return folder


def changes(folder: Path, scalings: Mapping[str, float] | float) -> dict[str, np.ndarray]:
    """Module -> s B A in float64, from the file and a scaling that the test knows."""
    tensors = {name: t.double().numpy() for name, t in load_file(folder / "adapter_model.safetensors").items()}
    found = {}
    for name in tensors:
        if name.endswith("lora_A.weight"):
            module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            scaling = scalings if isinstance(scalings, float) else scalings[module]
            found[module] = scaling * tensors[name.replace("lora_A", "lora_B")] @ tensors[name]
    return found


def of_combined(combined: Combined) -> dict[str, np.ndarray]:
    """Module -> the change that peft would make of what was combined."""
    found = {}
    for name, a in combined.tensors.items():
        if name.endswith("lora_A.weight"):
            module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            rank = combined.config["rank_pattern"].get(module, combined.config["r"])
            alpha = combined.config["alpha_pattern"].get(module, combined.config["lora_alpha"])
            assert a.shape[0] == rank and a.dtype == torch.float32 and not combined.config["use_rslora"]
            b = combined.tensors[name.replace("lora_A", "lora_B")]
            found[module] = alpha / rank * b.double().numpy() @ a.double().numpy()
    return found


def norm(changed: Mapping[str, np.ndarray]) -> float:
    return math.sqrt(sum(float((one**2).sum()) for one in changed.values()))


def apart(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> float:
    """Relative Frobenius distance over all modules."""
    assert found.keys() == expected.keys()
    return norm({m: found[m] - expected[m] for m in expected}) / norm(expected)


@pytest.fixture
def three(tmp_path: Path) -> tuple[list[Path], list[dict[str, np.ndarray]]]:
    """Ranks 2, 3 and 4; LoRA beside rsLoRA; a rank and an alpha of its own for one module."""
    own = {"layers.0.q_proj": 5}
    folders = [
        write_adapter(tmp_path / "a", seed=1, rank=2, alpha=6),
        write_adapter(tmp_path / "b", seed=2, rank=3, alpha=5, use_rslora=True),
        write_adapter(tmp_path / "c", seed=3, rank=4, alpha=4, rank_pattern=own, alpha_pattern={"q_proj": 20}),
    ]
    scalings = [3.0, 5 / math.sqrt(3), {"layers.0.q_proj": 20 / 5, "layers.0.down_proj": 1.0}]
    return folders, [changes(f, s) for f, s in zip(folders, scalings, strict=True)]


def weighted(dense: Sequence[Mapping[str, np.ndarray]], weights: Sequence[float]) -> dict[str, np.ndarray]:
    return {m: sum(w * d[m] for w, d in zip(weights, dense, strict=True)) for m in dense[0]}  # type: ignore[misc]


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
    if rank == 4 and weights[1:] == (0.0, 0.0):
        with pytest.raises(Problem, match=r"rank=4 is above 2, the sum of the adapters' ranks, at which method=cat is"):
            combine(loras, weights, "svd", rank=rank)
        return
    combined = combine(loras, weights, "svd", rank=rank)
    expected = weighted(dense, weights)
    best = {}
    for module, full in expected.items():
        u, s, v = np.linalg.svd(full, full_matrices=False)
        best[module] = u[:, :rank] * s[:rank] @ v[:rank]
    assert apart(of_combined(combined), best) < 1e-6
    assert combined.error == pytest.approx(apart(best, expected), abs=2e-7)
    assert combined.rank == rank


def test_svd_at_the_full_rank_is_exact_and_its_default_is_one_adapters_rank(three: Any) -> None:
    folders, dense = three
    loras = [read_lora(f) for f in folders]
    exact = combine(loras, (0.5, 0.3, -0.2), "svd", rank=10)
    assert apart(of_combined(exact), weighted(dense, (0.5, 0.3, -0.2))) < 1e-6 and exact.error < 1e-6
    assert combine(loras, (0.5, 0.3, -0.2), "svd").rank == 5


@pytest.mark.parametrize("method", ["svd", "ties", "dare_ties"])
@pytest.mark.parametrize("max_error", [0.5, 0.2, 0.05])
def test_the_rank_for_an_error_is_the_smallest(three: Any, method: str, max_error: float) -> None:
    loras = [read_lora(f) for f in three[0]]
    combined = combine(loras, (0.5, 0.3, 0.2), method, max_error=max_error)
    assert combined.error <= max_error * (1 + 1e-6)
    if combined.rank > 1:
        assert combine(loras, (0.5, 0.3, 0.2), method, rank=combined.rank - 1).error > max_error


def test_smallest_rank_counts_over_all_modules() -> None:
    values = [torch.tensor([4.0, 2.0]), torch.tensor([2.0, 1.0, 0.0])]  # squares 16 4 4 1 0, in all 25
    assert smallest_rank(values, 0.5) == 1  # leaves 5 of 25, which is 0.447 squared
    assert smallest_rank(values, 0.44) == 2
    assert smallest_rank([torch.tensor([3.0])], 0.001) == 1


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


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"use_dora": True}, "use_dora=True: DoRA's magnitudes do not add up, so it cannot be combined exactly."),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save=['lm_head']: it is more than B A on the base's weights"),
        ({"bias": "all"}, "bias='all': it is more than B A"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights='pissa_niter_4': it is more than B A"),
        ({"peft_type": "IA3"}, "peft_type is 'IA3'; only LORA adapters can be combined."),
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
        ("svd", {"rank": 2, "max_error": 0.1}, "rank=2 and max_error=0.1 both decide the rank. Keep one."),
        ("ties", {"rank": 99}, "rank=99 is above 10, the full rank of the largest module."),
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
        ("[1,2]", "weights has 2 numbers, runs has 3 adapters."),
        ("[1,x,2]", "weights=x is not a number."),
        ("[1,nan,2]", "weights=nan is not a finite number."),
        ("typology", "weights=typology needs the language to be near to: weights=typology:tr."),
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


# ---------------------------------------------------------------- the command


def make_run(folder: Path, source: str, rank: int, *overrides: str, base: str | None = None) -> Path:
    """A finished run on the embedded model whose adapter has random weights instead of trained ones."""
    from mslt_it.config.compose import load_recipe
    from mslt_it.models.base_model import adapter_hash, add_adapter, load_base, model_hash, save_adapter
    from mslt_it.runs import Run

    fixed = [
        f"sources=[{source}]", f"targets=[{','.join(c for c in ('tr', 'en', 'ar') if c != source)}]", "scale=mini",
        f"adapter.rank={rank}", "data.num_examples_total=60", "scoring.num_examples_per_language=8",
        "scoring.num_bootstrap=50", f"output_dir={folder}",
    ]  # fmt: skip
    recipe = load_recipe("xnli_3src", [*fixed, *overrides])
    run = Run(recipe)
    run.open()
    model = add_adapter(load_base(recipe.model), recipe.adapter, seed=rank)
    torch.manual_seed(rank)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.02)
    save_adapter(model, folder / "adapter")
    provenance = {
        "num_examples": 60 * rank, "adapter_sha256": adapter_hash(folder / "adapter"), "seed": 0,
        "base_sha256": base or model_hash(model), "model": recipe.model.path, "model_revision": None,
        "labels": list(recipe.task.label_names),
    }  # fmt: skip
    run.write_json("results.json", {"status": "ok", "results": [], "provenance": provenance})
    run.finish()
    return folder


def test_values_out_of_range_are_refused_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong, limits in (
        ("rank=0", "at least 1"),
        ("max_error=1.5", "above 0 and below 1"),
        ("density=0", "above 0 and at most 1"),
        ("seed=-1", "at least 0 and at most 4294967295"),
        ("num_items=-1", "at least 0"),
    ):
        assert cli.main(["combine", "runs=[a,b]", "out=c", wrong]) == 2
        assert f"{wrong} is out of range. It must be {limits}." in capsys.readouterr().err


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    home = tmp_path_factory.mktemp("runs")
    return [make_run(home / "en", "en", 2), make_run(home / "ar", "ar", 3)]


def combine_runs(runs: Sequence[Path], out: Path, *arguments: str) -> int:
    return cli.main(["combine", f"runs=[{','.join(map(str, runs))}]", f"out={out}", *arguments])


def test_the_command_leaves_a_run_that_is_scored_and_can_be_combined_again(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Takes about 5 s: the embedded model scores eight rows of three languages."""
    from mslt_it.models.base_model import adapter_hash
    from mslt_it.models.identity import read_run

    out = tmp_path / "out"
    assert combine_runs(runs, out, "weights=size") == 0
    shown = capsys.readouterr().out
    assert "cat of 2 adapters, weights by training rows 120, 180" in shown
    assert "Result: rank 5, relative error" in shown and "against the weighted sum." in shown
    assert "tr Turkish  unseen  8" in shown and "en English  seen    8" in shown

    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert results["status"] == "ok"
    assert [(r["language"], r["role"]) for r in results["results"]] == [
        ("en", "source"), ("ar", "source"), ("tr", "target")
    ] * 2  # accuracy and macro-F1  # fmt: skip
    made = results["provenance"]["combination"]
    assert made["method"] == "cat" and [a["weight"] for a in made["adapters"]] == [0.4, 0.6]
    assert [a["adapter_sha256"] for a in made["adapters"]] == [adapter_hash(run / "adapter") for run in runs]
    assert results["provenance"]["adapter_sha256"] == adapter_hash(out / "adapter")
    card = (out / "adapter" / "README.md").read_text(encoding="utf-8")
    assert "combined after training from 2 adapters" in card and "| +0.4 | en | 120 | 0 |" in card

    run = read_run(out)  # sealed and whole: what mslt merge reads
    assert (run.recipe.sources, run.recipe.targets) == (("en", "ar"), ("tr",))
    assert run.recipe.name == "xnli_3src_combined" and run.recipe.adapter.rank == 5
    dense = [changes(r / "adapter", 16 / rank) for r, rank in zip(runs, (2, 3), strict=True)]
    assert apart(changes(out / "adapter", 1.0), weighted(dense, (0.4, 0.6))) < 2e-7

    assert combine_runs(runs, out, "weights=size") == 0
    again = capsys.readouterr().out
    assert "finished already; nothing was done" in again and "tr Turkish" in again
    assert combine_runs(runs, out, "weights=equal") == 2
    assert f"out={out} holds something else already" in capsys.readouterr().err
    assert combine_runs([out], tmp_path / "small", "method=svd", "rank=2", "scored=false") == 0
    assert "Result: rank 2" in capsys.readouterr().out


def test_scores_are_those_of_the_sum_merged_into_the_base(runs: list[Path], tmp_path: Path) -> None:
    """About 3 s. The log-likelihoods written are those of a model whose weights hold the sum, without any adapter."""
    from mslt_it.config.compose import load_recipe
    from mslt_it.data.encoding import Encoder
    from mslt_it.evaluation.asking import ChoiceEngine
    from mslt_it.evaluation.evaluator import unit
    from mslt_it.models.base_model import load_base
    from mslt_it.models.tokenizers import load_tokenizer

    out = tmp_path / "out"
    assert combine_runs(runs, out, "weights=[1,-0.5]") == 0
    recipe = load_recipe("config", config_dir=out)
    lines = (out / "predictions" / "tr.jsonl").read_text(encoding="utf-8").splitlines()
    written = {
        which: np.array([json.loads(x)[f"{which}_log_likelihoods"] for x in lines]) for which in ("adapter", "base")
    }
    base = load_base(recipe.model)
    modules = dict(base.named_modules())
    for run, rank, weight in zip(runs, (2, 3), (1.0, -0.5), strict=True):
        for module, change in changes(run / "adapter", 16 / rank).items():
            modules[module].weight.data += (weight * torch.from_numpy(change)).float()
    questions = unit(
        recipe, "direct", "tr", Encoder(load_tokenizer(recipe.model), recipe.data.max_length_tokens)
    ).questions
    engine = ChoiceEngine(base, questions, batch_tokens=recipe.scoring.batch_tokens, pad_id=0)
    expected = {i: row["log_likelihoods"] for b in engine.batches for i, row in zip(b, engine.answer(b), strict=True)}
    np.testing.assert_allclose(written["adapter"], [expected[i] for i in range(len(questions))], atol=2e-4)
    assert np.abs(written["adapter"] - written["base"]).max() > 0.01


def test_more_items_than_the_runs_scored(runs: list[Path], tmp_path: Path) -> None:
    assert combine_runs(runs, tmp_path / "out", "num_items=9") == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert {row["n"] for row in results["results"]} == {9}


def test_unscored_first_and_scored_later(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    options = ("method=dare_ties", "rank=4", "density=0.7", "seed=5")
    assert combine_runs(runs, out, *options, "scored=false") == 0
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert results["status"] == "unscored" and results["results"] == []
    assert results["provenance"]["combination"]["density"] == 0.7
    before = (out / "adapter" / "adapter_model.safetensors").read_bytes()
    assert "It was not scored." in (out / "adapter" / "README.md").read_text(encoding="utf-8")
    assert "rank 4, density 0.7, seed 5" in (out / "adapter" / "README.md").read_text(encoding="utf-8")
    assert "Not scored (scored=false)." in capsys.readouterr().out
    assert combine_runs(runs, out, *options) == 0
    assert json.loads((out / "results.json").read_text(encoding="utf-8"))["status"] == "ok"
    assert (out / "adapter" / "adapter_model.safetensors").read_bytes() == before


def test_scoring_goes_on_where_it_was_cut_off(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert combine_runs(runs, out) == 0
    files = {code: out / "items" / "xnli" / "direct" / "adapter" / f"{code}.jsonl" for code in ("en", "tr")}
    scored = {code: (file.read_bytes(), file.stat().st_mtime_ns) for code, file in files.items()}
    predictions = (out / "predictions" / "en.jsonl").read_bytes()
    (out / "COMPLETE.json").unlink()
    files["tr"].unlink()
    assert combine_runs(runs, out) == 0
    assert (files["en"].read_bytes(), files["en"].stat().st_mtime_ns) == scored["en"]
    assert files["tr"].read_bytes() == scored["tr"][0]
    # Answers of another adapter are not taken over.
    (out / "COMPLETE.json").unlink()
    sha = json.loads((out / "results.json").read_text(encoding="utf-8"))["provenance"]["adapter_sha256"]
    files["en"].write_bytes(scored["en"][0].replace(sha.encode(), b"f" * 64))
    assert combine_runs(runs, out) == 0
    assert files["en"].read_bytes() == scored["en"][0] and files["en"].stat().st_mtime_ns != scored["en"][1]
    # Nor altered ones, where the folder is whole.
    files["en"].write_bytes(scored["en"][0].replace(b"-", b"-1", 1))
    assert combine_runs(runs, out) == 0 and files["en"].read_bytes() == scored["en"][0]
    assert (out / "predictions" / "en.jsonl").read_bytes() == predictions


@pytest.mark.parametrize("part", ["base", "task", "prompt", "targets"])
def test_runs_that_do_not_belong_together_are_refused(
    runs: list[Path], tmp_path: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides, base, text = {
        "base": ([], "f" * 64, "do not share a base model: base_sha256 is "),
        "task": (["task.held_out_share=0.3"], None, "runs: task.held_out_share is 0.2 in"),
        "prompt": (["prompt.language=english"], None, "runs: prompt.language is 'native' in"),
        "targets": (["targets=[sw]"], None, "runs: no language was scored zero-shot by all of them ("),
    }[part]
    other = make_run(tmp_path / "other", "ar", 2, *overrides, base=base)
    assert combine_runs([runs[0], other], tmp_path / "out") == 2
    shown = capsys.readouterr().err
    assert text in shown and str(other) in shown and str(runs[0]) in shown
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["runs=[a]"], "out is missing. Write mslt combine 'runs=[A,B]' out=DIR."),
        (["out=x"], "runs is missing."),
        (["runs=a", "out=x"], "runs=a is not a list. Write runs=[A,B], quoted for the shell."),
        (["runs=[a,,b]", "out=x"], "an item is empty."),
        (["runs=[a,./a]", "out=x"], "runs: './a' is given twice."),
        (["runs=[a]", "out=x", "rank=two"], "rank=two is not a whole number."),
        (["runs=[a]", "out=x", "densty=1"], "Unknown key 'densty'. Did you mean 'density'?"),
        (["runs=[a]", "out=x", "out=y"], "out is given twice: 'x' and 'y'. Keep one."),
        (["runs=[a]", "out=x", "scored=maybe"], "scored=maybe is neither true nor false."),
        (["runs=[a]", "out=x", "num_items=some"], "num_items=some is not a whole number."),
        (["runs=[a]", "out="], "out= has no value."),
        (["cat"], "Argument 'cat' is not KEY=VALUE."),
        (["runs=[a]", "out=x", "method=cat", "rank=3"], "rank=3 has no effect on method=cat"),
        (["runs=[/nowhere/at/all]", "out=x"], "run=/nowhere/at/all: there is no such folder."),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["combine", *arguments]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and text in shown and shown.count("\n") == 1


def test_help_names_every_option_and_method(capsys: pytest.CaptureFixture[str]) -> None:
    from mslt_it.commands.combine import Options
    from mslt_it.config.schema import keys

    assert cli.main(["combine", "--help"]) == 0
    first = {line.split()[0].partition("=")[0] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert set(keys(Options)) <= first and set(METHODS) <= first


def test_a_damaged_run_is_refused(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(runs[1], copy)
    file = copy / "adapter" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    assert combine_runs([runs[0], copy], tmp_path / "out") == 2
    assert f"run={copy}: adapter/adapter_model.safetensors is not what was saved" in capsys.readouterr().err


def test_the_folder_is_claimed_before_it_is_filled(runs: list[Path], tmp_path: Path) -> None:
    """A killed combination is gone on with; a folder of something else is not touched."""
    out = tmp_path / "out"
    assert combine_runs(runs, out, "scored=false") == 0
    (out / "COMPLETE.json").unlink()
    (out / "adapter" / "adapter_model.safetensors").write_bytes(b"torn")
    assert combine_runs(runs, out, "scored=false") == 0
    from mslt_it.models.identity import read_run

    assert dataclasses.replace(read_run(out), provenance={}).recipe.sources == ("en", "ar")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("all of it")
    assert combine_runs(runs, mine, "scored=false") == 2
    assert [p.name for p in mine.iterdir()] == ["thesis.txt"]
