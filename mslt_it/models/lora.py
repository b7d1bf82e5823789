"""A saved LoRA adapter as what it is: one change of weights, s B A, per linear module. No model is needed to read one.

dW = s B A      A [rank, in],  B [out, rank],  s = alpha / rank  (rsLoRA: alpha / sqrt(rank))
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from mslt_it.models.base_model import CONFIG, lora_config, read_adapter
from mslt_it.models.finished_run import WEIGHTS
from mslt_it.problems import Problem
from mslt_it.store import write_json

# Fields of adapter_config.json with which an adapter is more, or other, than s B A on the weights of its base.
_OTHER_KINDS = (
    *("use_dora", "lora_bias", "use_qalora", "modules_to_save", "trainable_token_indices", "target_parameters"),
    *("layer_replication", "alora_invocation_tokens", "use_bdlora", "arrow_config", "kasa_config", "lora_ga_config"),
    *("monteclora_config", "velora_config"),
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


def read_lora(path: Path | str) -> Lora:
    """The adapter saved in the folder ``path``; a Problem when its change of the weights is not ``s B A`` alone."""
    path = Path(path)
    config = lora_config(path)
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
    start = str(config.get("init_lora_weights")).lower()
    is_other = {field: bool(config.get(field)) for field in _OTHER_KINDS}
    is_other |= {"bias": config.get("bias", "none") != "none", "init_lora_weights": start.startswith(_CHANGES_BASE)}
    for field in (field for field, is_so in is_other.items() if is_so):
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


def write_lora(folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """``adapter_model.safetensors`` and ``adapter_config.json``; the folder counts when it is sealed."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), folder / WEIGHTS, metadata={"format": "pt"})
    write_json(folder / CONFIG, dict(sorted(config.items())))


def tensors_of(module: str, b: Tensor, a: Tensor) -> dict[str, Tensor]:
    """One module's factors in float32, by peft's names."""
    both = (("A", a), ("B", b))
    return {f"base_model.model.{module}.lora_{x}.weight": tensor.float().contiguous() for x, tensor in both}
