"""Several LoRA adapters of one base as one adapter, with the error that this makes.

Adapter i adds to the weight of a module

    dW_i = s_i B_i A_i      A_i [rank_i, in],  B_i [out, rank_i],  s_i = alpha / rank  (rsLoRA: alpha / sqrt(rank))

and with weights w_i of either sign the methods make, module by module:

    cat               sum of w_i dW_i, exactly: the factors side by side, so the rank is the sum of the ranks
    svd               the best approximation of that sum at a rank (Eckart and Young 1936), from QR decompositions of
                      the stacked factors; the dense [out, in] matrix is never made
    ties              TIES (Yadav et al. 2023) on the dense w_i dW_i, then the best approximation at a rank:
                      of each dW_i only the largest ``density`` of the entries is kept; where the rest disagree in sign,
                      the sign with the larger sum wins; the entries of that sign are averaged
    dare_ties         the same with DARE (Yu et al. 2024) instead of the trimming: each entry of dW_i is kept with
                      probability ``density`` and divided by it
    weighted_factors  factors averaged one by one, B = sum of sign(w_i) sqrt(|w_i| s_i) B_i and A likewise without the
                      sign, as peft's "linear" does. Its product holds every B_i A_j: it is no weighted sum of adapters

The average in ties and dare_ties is weighted and scaled, (sum of |w_i|) * (sum of w_i dW_i) / (sum of |w_i|), the last
two sums over the entries that agree. With equal weights 1/n that is the paper's average; where nothing is trimmed and
no signs disagree it is the weighted sum, so that weights mean the same in every method.

Everything is computed in float64 and kept in float32. Nothing here needs a model: adapters are files of tensors.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors.torch import save_file
from torch import Tensor

from mslt_it.models.base_model import CONFIG, WEIGHTS, read_adapter
from mslt_it.models.methods import DEFAULT_DENSITY, SPARSE, TRUNCATED, refuse_options
from mslt_it.problems import Problem

# Fields of adapter_config.json with which an adapter is more, or other, than s B A on the weights of its base.
_OTHER_KINDS = (
    "use_dora",
    "lora_bias",
    "use_qalora",
    "modules_to_save",
    "trainable_token_indices",
    "target_parameters",
    "layer_replication",
    "alora_invocation_tokens",
    "use_bdlora",
    "arrow_config",
    "kasa_config",
    "lora_ga_config",
    "monteclora_config",
    "velora_config",
)
# Initialisations that take a part of the base's own weights into the adapter, so that its base is another one.
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
_TENSOR = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")


@dataclass(frozen=True)
class Factors:
    """One module's change of weights: ``scaling * b @ a``."""

    a: Tensor  # [rank, in]
    b: Tensor  # [out, rank]
    scaling: float

    @property
    def rank(self) -> int:
        return int(self.a.shape[0])


@dataclass(frozen=True)
class Lora:
    """A saved adapter."""

    name: str  # what errors call it
    modules: Mapping[str, Factors]  # "model.layers.0.self_attn.q_proj" -> factors
    config: Mapping[str, Any]  # adapter_config.json

    @property
    def rank(self) -> int:
        """The largest rank of a module."""
        return max(factors.rank for factors in self.modules.values())


@dataclass(frozen=True)
class Combined:
    """One adapter made of several, as peft saves it; its scaling is 1."""

    tensors: Mapping[str, Tensor]  # float32, by peft's names
    config: Mapping[str, Any]  # adapter_config.json
    rank: int  # the largest of a module
    error: float  # ||dW - target|| / ||target||, Frobenius norms over all modules, of the float32 tensors
    target: str  # what the error is measured against


@dataclass(frozen=True)
class _Part:
    index: int  # of the adapter among all
    weight: float  # not 0
    factors: Factors


@dataclass(frozen=True)
class _Best:
    """``b[:, :k] @ a[:k]`` is the best approximation at rank k; ``values``: singular values, largest first."""

    b: Tensor  # [out, n]
    a: Tensor  # [n, in]
    values: Tensor  # [n]


_Target: TypeAlias = Tensor | tuple[Tensor, Tensor]  # dense [out, in], or (b, a) whose product it is


# ---------------------------------------------------------------- reading and writing


def read_lora(path: Path | str) -> Lora:
    """The adapter saved in the folder ``path``; a Problem when its change of the weights is not ``s B A`` alone."""
    path = Path(path)
    try:
        config: dict[str, Any] = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(f"Adapter {path}: {CONFIG} is missing or not readable: {error}") from error
    if config.get("peft_type") != "LORA":
        raise Problem(f"Adapter {path}: peft_type is {config.get('peft_type')!r}; only LORA adapters can be combined.")
    _refuse_other_kinds(path, config)
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in read_adapter(path).items():
        match = _TENSOR.fullmatch(name)
        if match is None or tensor.dim() != 2:
            raise Problem(
                f"Adapter {path}: '{name}' {tuple(tensor.shape)} is not a LoRA matrix of a linear module, and only "
                "those can be combined. Train with adapter.target_modules naming linear modules."
            )
        found.setdefault(match.group(1), {})[match.group(2)] = tensor
    if not found:
        raise Problem(f"Adapter {path}: {WEIGHTS} holds no tensor. Train it again.")
    return Lora(str(path), {m: _factors(path, m, pair, config) for m, pair in sorted(found.items())}, config)


def _refuse_other_kinds(path: Path, config: Mapping[str, Any]) -> None:
    start = config.get("init_lora_weights")
    field = next((f for f in _OTHER_KINDS if config.get(f)), None)
    if field is None and config.get("bias", "none") != "none":
        field = "bias"
    if field is None and isinstance(start, str) and start.lower().startswith(_CHANGES_BASE):
        field = "init_lora_weights"
    if field is not None:
        kind = "DoRA's magnitudes do not add up" if field == "use_dora" else "it is more than B A on the base's weights"
        raise Problem(
            f"Adapter {path}: {field}={config[field]!r}: {kind}, so it cannot be combined exactly. "
            "Train it as plain LoRA (adapter.use_dora=false), or merge it into its base instead (mslt merge)."
        )


def _factors(path: Path, module: str, pair: Mapping[str, Tensor], config: Mapping[str, Any]) -> Factors:
    if set(pair) != {"A", "B"}:
        raise Problem(f"Adapter {path}: '{module}' has lora_{min(pair)} only. It is damaged: train it again.")
    a, b = pair["A"], pair["B"]
    rank = int(_by_pattern(module, config.get("rank_pattern"), config["r"]))
    alpha = float(_by_pattern(module, config.get("alpha_pattern"), config["lora_alpha"]))
    if a.shape[0] != rank or b.shape[1] != rank:
        raise Problem(
            f"Adapter {path}: '{module}' has A {tuple(a.shape)} and B {tuple(b.shape)}, but its configuration says "
            f"rank {rank}. The two files do not belong together: train it again."
        )
    return Factors(a, b, alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank)


def _by_pattern(module: str, patterns: Mapping[str, Any] | None, default: Any) -> Any:
    """peft's rule: the first pattern that matches the name or its end, whole parts only."""
    return next((v for p, v in (patterns or {}).items() if re.fullmatch(rf"(.*\.)?({p})", module)), default)


def write_combined(combined: Combined, folder: Path) -> None:
    """``adapter_model.safetensors`` and ``adapter_config.json``, each replaced whole."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{WEIGHTS}.part"
    save_file(dict(combined.tensors), temporary, metadata={"format": "pt"})
    temporary.replace(folder / WEIGHTS)
    temporary = folder / f".{CONFIG}.part"
    temporary.write_text(json.dumps(combined.config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(folder / CONFIG)


# ---------------------------------------------------------------- combining


def combine(
    loras: Sequence[Lora],
    weights: Sequence[float],
    method: str = "cat",
    *,
    rank: int | None = None,
    max_error: float | None = None,
    density: float | None = None,
    seed: int | None = None,
) -> Combined:
    """One adapter of several.

    Args:
        weights: one per adapter, of either sign; they are not normalised.
        rank: of the result (svd, ties, dare_ties). Default: the largest of the adapters' ranks for svd, their sum for
            the other two, whose target has no low rank.
        max_error: instead of ``rank``, the smallest rank whose error is at most this share of the target's norm.
        density: share of entries kept (ties, dare_ties); default 0.5.
        seed: of the entries that dare_ties drops; default 0.

    A module that only some of the adapters have is the sum over those. Adapters whose shapes differ are refused.
    """
    refuse_options(method, rank=rank, max_error=max_error, density=density, seed=seed)
    parts = _parts(loras, weights, method)
    density = DEFAULT_DENSITY if density is None else density

    def target_of(module: str) -> _Target:
        if method in SPARSE:
            return _ties_target(module, parts[module], method, density, seed or 0)
        return _weighted_sum(parts[module])

    if method in TRUNCATED:
        rank = _choose_rank(parts, method, rank, max_error, target_of)
    squares = {"distance": 0.0, "target": 0.0, "parts": 0.0}
    tensors: dict[str, Tensor] = {}
    ranks: dict[str, int] = {}
    for module, own in parts.items():
        target = target_of(module)
        if method == "weighted_factors":
            b, a = _weighted_factors(module, own, loras)
        elif isinstance(target, tuple) and method == "cat":
            b, a = target
        else:
            best = _best(target)
            b, a = best.b[:, :rank], best.a[:rank]
        b, a = b.float().contiguous(), a.float().contiguous()
        ranks[module] = int(a.shape[0])
        tensors |= {f"base_model.model.{module}.lora_{x}.weight": t for x, t in (("A", a), ("B", b))}
        squares["distance"] += _distance(b.double(), a.double(), target) ** 2
        squares["target"] += _norm(target) ** 2
        squares["parts"] += sum(_norm(_weighted_sum([part])) ** 2 for part in own)
    broken = next((name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())), None)
    if broken is not None:
        raise Problem(f"'{broken}' of the combination is not finite in float32. Use smaller weights.")
    if squares["target"] <= 1e-20 * squares["parts"]:  # what float32 factors leave of a sum that is 0
        raise Problem(
            f"The adapters cancel out with weights {list(weights)}: nothing is left to combine. Use other weights."
            if squares["parts"]
            else "Every adapter is zero: none of them was trained. Give trained ones."
        )
    return Combined(
        tensors=dict(sorted(tensors.items())),
        config=_config(loras, ranks),
        rank=max(ranks.values()),
        error=math.sqrt(squares["distance"] / squares["target"]),
        target=f"the {method} result before it is cut to a rank" if method in SPARSE else "the weighted sum",
    )


def _parts(loras: Sequence[Lora], weights: Sequence[float], method: str) -> dict[str, list[_Part]]:
    """Module -> the adapters that have it and count, in their order."""
    if not loras or len(weights) != len(loras):
        raise Problem(f"{len(weights)} weights for {len(loras)} adapters. Give one weight for each adapter.")
    if not all(math.isfinite(w) for w in weights):
        raise Problem(f"weights={list(weights)}: not all of them are finite numbers.")
    if not any(weights):
        raise Problem(f"weights={list(weights)}: all are 0, so nothing is combined. Use other weights.")
    orientation = {bool(lora.config.get("fan_in_fan_out")) for lora in loras}
    if len(orientation) > 1:
        raise Problem(
            f"fan_in_fan_out differs between {' and '.join(lora.name for lora in loras)}: they were made for "
            "different base models. Combine adapters of one base."
        )
    parts: dict[str, list[_Part]] = {}
    for index, (lora, weight) in enumerate(zip(loras, weights, strict=True)):
        for module, factors in lora.modules.items():
            if weight:
                parts.setdefault(module, []).append(_Part(index, weight, factors))
    for module, own in parts.items():
        first, *rest = own
        for other in rest:
            shapes = [(p.factors.b.shape[0], p.factors.a.shape[1]) for p in (first, other)]
            if shapes[0] != shapes[1]:
                raise Problem(
                    f"Module '{module}' is {shapes[0][0]} x {shapes[0][1]} in {loras[first.index].name} and "
                    f"{shapes[1][0]} x {shapes[1][1]} in {loras[other.index].name}: they were made for different base "
                    "models. Combine adapters of one base."
                )
    return dict(sorted(parts.items()))


def _weighted_sum(parts: Sequence[_Part]) -> tuple[Tensor, Tensor]:
    """(b [out, R], a [R, in]) with b a = sum of w s B A, R = sum of the ranks; float64, signs in b."""
    b = torch.cat([part.weight * part.factors.scaling * part.factors.b.double() for part in parts], dim=1)
    return b, torch.cat([part.factors.a.double() for part in parts])


def _weighted_factors(module: str, parts: Sequence[_Part], loras: Sequence[Lora]) -> tuple[Tensor, Tensor]:
    first, *rest = parts
    for other in rest:
        if other.factors.rank != first.factors.rank:
            raise Problem(
                f"method=weighted_factors adds factors of one rank, but '{module}' has rank {first.factors.rank} in "
                f"{loras[first.index].name} and {other.factors.rank} in {loras[other.index].name}. Use method=cat "
                "(exact) or method=svd."
            )
    roots = [math.sqrt(abs(part.weight) * part.factors.scaling) for part in parts]
    b = sum(math.copysign(r, p.weight) * p.factors.b.double() for r, p in zip(roots, parts, strict=True))
    a = sum(r * p.factors.a.double() for r, p in zip(roots, parts, strict=True))
    assert isinstance(a, Tensor) and isinstance(b, Tensor)
    return b, a


def _ties_target(module: str, parts: Sequence[_Part], method: str, density: float, seed: int) -> Tensor:
    """Dense [out, in], float64: see the head of this file."""
    sparse = []
    for part in parts:
        b, a = _weighted_sum([part])
        dense = b @ a
        sparse.append(
            _trim(dense, density) if method == "ties" else _drop(dense, density, f"{seed}/{part.index}/{module}")
        )
    changes = torch.stack(sparse)  # [adapters, out, in]
    elected = changes.sum(dim=0).sign()
    agrees = (changes.sign() == elected) & (elected != 0)
    sizes = torch.tensor([abs(part.weight) for part in parts], dtype=torch.float64)
    shares = (agrees * sizes[:, None, None]).sum(dim=0)
    averaged = (agrees * changes).sum(dim=0) / torch.where(shares > 0, shares, 1.0)
    return float(sizes.sum()) * averaged


def _trim(dense: Tensor, density: float) -> Tensor:
    """The largest ``density`` of the entries by magnitude, at least one; the others 0."""
    kept = dense.abs().flatten().topk(max(1, round(density * dense.numel()))).indices
    trimmed = torch.zeros_like(dense).flatten()
    trimmed[kept] = dense.flatten()[kept]
    return trimmed.view_as(dense)


def _drop(dense: Tensor, density: float, key: str) -> Tensor:
    """Each entry kept with probability ``density`` and divided by it: the expectation is ``dense``."""
    # A generator of its own per adapter and module: nothing else that draws can change what is kept.
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:7], "big")
    kept = torch.rand(dense.shape, generator=torch.Generator().manual_seed(number), dtype=torch.float64) < density
    return torch.where(kept, dense / density, 0.0)


# ---------------------------------------------------------------- ranks and errors


def _choose_rank(
    parts: Mapping[str, Sequence[_Part]], method: str, rank: int | None, max_error: float | None, target_of: Any
) -> int:
    sums = max(sum(part.factors.rank for part in own) for own in parts.values())
    if max_error is not None:
        return smallest_rank([_best(target_of(module)).values for module in parts], max_error)
    if rank is None:
        return max(p.factors.rank for own in parts.values() for p in own) if method == "svd" else sums
    if method == "svd" and rank > sums:
        raise Problem(
            f"rank={rank} is above {sums}, the sum of the adapters' ranks, at which method=cat is exact. "
            f"Use method=cat, or rank={sums} or less."
        )
    sides = max(min(own[0].factors.b.shape[0], own[0].factors.a.shape[1]) for own in parts.values())
    if rank > sides:
        raise Problem(f"rank={rank} is above {sides}, the full rank of the largest module. Use rank={sides} or less.")
    return rank


def smallest_rank(values: Sequence[Tensor], max_error: float) -> int:
    """The smallest rank, the same for every module, with a relative error of at most ``max_error`` over all of them.

    Args:
        values: per module its singular values, largest first.
    """
    longest = max(len(v) for v in values)
    squares = torch.zeros(longest, dtype=torch.float64)
    for one in values:
        squares[: len(one)] += one.double() ** 2
    left = squares.flip(0).cumsum(0).flip(0)  # left[k]: what rank k leaves out, squared
    bad = left[1:] > max_error**2 * left[0]
    return 1 + int(bad.sum())  # left falls, so the bad ranks come first


def _best(target: _Target) -> _Best:
    if isinstance(target, tuple):
        b, a = target
        left, r_left = torch.linalg.qr(b)
        right, r_right = torch.linalg.qr(a.T)
        u, values, v = torch.linalg.svd(r_left @ r_right.T, full_matrices=False)
        return _Best(left @ u, values[:, None] * (v @ right.T), values)
    # The smaller Gram matrix: 4,096 x 16,384 takes an eigendecomposition of 4,096 instead of an SVD. In float64 it
    # loses what is below 1e-8 of the largest singular value, and float32 keeps no more than that.
    wide = target.shape[0] <= target.shape[1]
    vectors = torch.linalg.eigh(target @ target.T if wide else target.T @ target).eigenvectors.flip(1)
    b, a = (vectors, vectors.T @ target) if wide else (target @ vectors, vectors.T)
    return _Best(b, a, a.norm(dim=1) if wide else b.norm(dim=0))


def _norm(target: _Target) -> float:
    if not isinstance(target, tuple):
        return float(target.norm())
    b, a = target
    return float((torch.linalg.qr(b, mode="r").R @ torch.linalg.qr(a.T, mode="r").R.T).norm())


def _distance(b: Tensor, a: Tensor, target: _Target) -> float:
    """||b a - target||, without the dense matrices where the target has factors."""
    if not isinstance(target, tuple):
        return float((b @ a - target).norm())
    return _norm((torch.cat([b, -target[0]], dim=1), torch.cat([a, target[1]])))


def _config(loras: Sequence[Lora], ranks: Mapping[str, int]) -> dict[str, Any]:
    """The first adapter's configuration with the ranks of the result, scaling 1 and the modules that it has."""
    rank = max(ranks.values())
    others = {module: r for module, r in ranks.items() if r != rank}
    first = loras[0].config
    narrowing = ("layers_to_transform", "layers_pattern", "exclude_modules")
    plain = all(lora.config.get("target_modules") == first.get("target_modules") for lora in loras) and not any(
        lora.config.get(field) not in (None, []) for lora in loras for field in narrowing
    )
    same = all(lora.modules.keys() == ranks.keys() for lora in loras)
    return {
        **first,
        **dict.fromkeys(narrowing),
        "r": rank,
        "lora_alpha": rank,
        "rank_pattern": others,
        "alpha_pattern": others,
        "use_rslora": False,
        "lora_dropout": 0.0,
        "init_lora_weights": True,
        "inference_mode": True,
        # Whole names where the adapters differ: short ones would name modules that none of them has.
        "target_modules": first["target_modules"] if plain and same else sorted(ranks),
    }
