"""Adapters of a few layers, and what they change in float64."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from mslt_it.publish.combine import Combined

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


def weighted(dense: Sequence[Mapping[str, np.ndarray]], weights: Sequence[float]) -> dict[str, np.ndarray]:
    return {m: sum(w * d[m] for w, d in zip(weights, dense, strict=True)) for m in dense[0]}  # type: ignore[misc]
