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
    adamergex         that sum of three, dW(A, source) + t (dW(B, target) - dW(B, source)): after AdaMergeX (Zhao et al.
                      2024, arXiv 2402.18913), where what a language changes is taken to be the same in two tasks A
                      and B. LoRA is added to the weights, so it is merged by addition and subtraction
    weighted_factors  factors averaged one by one, B = sum of sign(w_i) sqrt(|w_i| s_i) B_i and A likewise without the
                      sign, as peft's "linear" does. Its product holds every B_i A_j: it is no weighted sum of adapters

The average in ties and dare_ties is weighted and scaled, (sum of |w_i|) * (sum of w_i dW_i) / (sum of |w_i|), the last
two sums over the entries that agree. With equal weights 1/n that is the paper's average; where nothing is trimmed and
no signs disagree it is the weighted sum, so that weights mean the same in every method.

Everything is computed in float64 and kept in float32. Nothing here needs a model: adapters are files of tensors.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from mslt_it.models.lora import Factors, Lora, tensors_of
from mslt_it.problems import Problem
from mslt_it.publish.combine_options import EXACT, SPARSE, TRUNCATED, refuse_nothing, settings_of


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


_Target: TypeAlias = Tensor | tuple[Tensor, Tensor]  # dense [out, in], or (b, a) whose product it is


def combine(
    loras: Sequence[Lora],
    weights: Sequence[float],
    method: str = "cat",
    *,
    rank: int | None = None,
    density: float | None = None,
    seed: int | None = None,
) -> Combined:
    """One adapter of several of one base (`mslt_it.publish.comparable.refuse_strangers`).

    Args:
        weights: one per adapter, of either sign; they are not normalised.
        rank: of the result (svd, ties, dare_ties). Default: the largest of the adapters' ranks for svd, their sum for
            the other two, whose target has no low rank.
        density: share of entries kept (ties, dare_ties); default 0.5.
        seed: of the entries that dare_ties drops; default 0.

    A module that only some of the adapters have is the sum over those.
    """
    settings = settings_of(method, rank=rank, density=density, seed=seed)
    parts = _parts(loras, weights)
    if method in TRUNCATED and rank is None:
        ranks_of = [[part.factors.rank for part in own] for own in parts.values()]
        rank = max(map(max if method == "svd" else sum, ranks_of))
    squares = {"distance": 0.0, "target": 0.0, "parts": 0.0}
    tensors: dict[str, Tensor] = {}
    ranks: dict[str, int] = {}
    for module, own in parts.items():
        density = settings.get("density")
        target = _weighted_sum(own) if density is None else _ties_target(module, own, density, settings.get("seed"))
        if method == "weighted_factors":
            b, a = _weighted_factors(module, own, loras)
        elif isinstance(target, tuple) and method in EXACT:
            b, a = target
        else:
            b, a = _best(target)
            b, a = b[:, :rank], a[:rank]
        ranks[module] = int(a.shape[0])
        tensors |= tensors_of(module, b, a)
        squares["distance"] += _distance(b.float().double(), a.float().double(), target) ** 2
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


def _parts(loras: Sequence[Lora], weights: Sequence[float]) -> dict[str, list[_Part]]:
    """Module -> the adapters that have it and count, in their order."""
    refuse_nothing(weights)
    parts: dict[str, list[_Part]] = {}
    for index, (lora, weight) in enumerate(zip(loras, weights, strict=True)):
        for module, factors in lora.modules.items():
            if weight:
                parts.setdefault(module, []).append(_Part(index, weight, factors))
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


def _ties_target(module: str, parts: Sequence[_Part], density: float, seed: int | None) -> Tensor:
    """Dense [out, in], float64: see the head of this file. ``seed``: entries are dropped, None: trimmed."""
    sparse = []
    for part in parts:
        b, a = _weighted_sum([part])
        key = f"{seed}/{part.index}/{module}"
        sparse.append(_trim(b @ a, density) if seed is None else _drop(b @ a, density, key))
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


def _best(target: _Target) -> tuple[Tensor, Tensor]:
    """(b [out, n], a [n, in]); b[:, :k] a[:k] is the best one of rank k."""
    if isinstance(target, tuple):
        b, a = target
        left, r_left = torch.linalg.qr(b)
        right, r_right = torch.linalg.qr(a.T)
        u, values, v = torch.linalg.svd(r_left @ r_right.T, full_matrices=False)
        return left @ u, values[:, None] * (v @ right.T)
    # The smaller Gram matrix: 4,096 x 16,384 takes an eigendecomposition of 4,096 instead of an SVD. In float64 it
    # loses what is below 1e-8 of the largest singular value, and float32 keeps no more than that.
    wide = target.shape[0] <= target.shape[1]
    vectors = torch.linalg.eigh(target @ target.T if wide else target.T @ target).eigenvectors.flip(1)
    return (vectors, vectors.T @ target) if wide else (target @ vectors, vectors.T)


def _norm(target: _Target) -> float:
    if not isinstance(target, tuple):
        return float(target.norm())
    b, a = target
    return float((torch.linalg.qr(b, mode="r").R @ torch.linalg.qr(a.T, mode="r").R.T).norm())


def _distance(b: Tensor, a: Tensor, target: _Target) -> float:
    """||b a - target||, without the dense matrices where the target has factors."""
    if not isinstance(target, tuple):
        return _norm(b @ a - target)
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
