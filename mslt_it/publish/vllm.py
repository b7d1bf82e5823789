"""An adapter as vLLM serves it beside its base, and why it cannot be where it cannot.

vLLM reads ``adapter_config.json`` and ``adapter_model.safetensors`` with peft's names, and of the configuration only
``r``, ``lora_alpha``, ``use_rslora`` (and what it refuses): one rank and one scale for all modules. Ranks and scales of
their own (``rank_pattern``, ``alpha_pattern``, as `mslt combine` writes) would be ignored without a word, so they are
written out here: factors padded with zeros to one rank, the scale multiplied into B. The change of the weights stays
the same.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch

from mslt_it.integrations.vllm import RANKS, max_lora_rank
from mslt_it.models.base_model import CONFIG, read_adapter
from mslt_it.models.lora import read_lora, tensors_of, write_lora
from mslt_it.problems import Problem
from mslt_it.store import read_json

# Architectures that vLLM runs, but without adapters (its table of supported models, 2026).
WITHOUT_LORA = frozenset(
    [
        *("ArcticForCausalLM", "BloomForCausalLM", "DbrxForCausalLM", "DeepseekV4ForCausalLM", "FalconForCausalLM"),
        *("FalconMambaForCausalLM", "FlexOlmoForCausalLM", "GPT2LMHeadModel", "GPTJForCausalLM", "GPTNeoXForCausalLM"),
        *("Gemma3nForCausalLM", "Jais2ForCausalLM", "Mamba2ForCausalLM", "MambaForCausalLM", "MPTForCausalLM"),
        *("OlmoeForCausalLM", "OrionForCausalLM", "RWForCausalLM", "StableLmForCausalLM", "Zamba2ForCausalLM"),
    ]
)
_HEADS = ("lm_head", "embed_tokens", "embed_out", "wte", "word_embeddings")


def why_not_served(adapter: Path, architecture: str, quantization: str, num_added_rows: int) -> str | None:
    """Why vLLM cannot serve the adapter beside its base, in words, or None where it can.

    Args:
        adapter: its folder.
        architecture: the base's, as in its config.json.
        quantization: of the base in training ("none", "nf4", "int8").
        num_added_rows: embedding rows that training added to the base's own.
    """
    config = read_json(adapter / CONFIG) or {}
    if config.get("use_dora"):
        return "vLLM does not serve DoRA adapters"
    if quantization != "none":
        return f"it belongs to the base as bitsandbytes rounded it ({quantization}), which vLLM does not load"
    if config.get("modules_to_save"):
        return f"vLLM does not load modules_to_save ({', '.join(config['modules_to_save'])})"
    if config.get("bias", "none") != "none" or config.get("lora_bias"):
        return "vLLM does not load trained biases"
    if num_added_rows > 0:
        return f"training added {num_added_rows} rows to the base's vocabulary, which vLLM's copy of it lacks"
    if architecture in WITHOUT_LORA:
        return f"vLLM runs {architecture} without adapters"
    try:
        lora = read_lora(adapter)
    except Problem as problem:
        return f"it is not LoRA on linear modules alone ({str(problem).split('. ')[0]})"
    if lora.rank > RANKS[-1]:
        return f"its rank {lora.rank} is above {RANKS[-1]}, vLLM's largest"
    ends = [name for name in lora.modules if name.rpartition(".")[2] in _HEADS or ".experts." in name]
    if ends:
        return f"vLLM does not serve adapters on '{ends[0]}' for every model"
    return None


def write_adapter(adapter: Path, folder: Path, base: str, revision: str | None) -> dict[str, Any]:
    """The adapter in ``folder`` as vLLM loads it; what was done: its rank, --max-lora-rank and whether it was padded.

    Args:
        base, revision: the base model that the configuration names from now on.
    """
    lora, tensors = read_lora(adapter), read_adapter(adapter)
    rank, r, alpha = lora.rank, int(lora.config["r"]), float(lora.config["lora_alpha"])
    scaling = alpha / math.sqrt(r) if lora.config.get("use_rslora") else alpha / r
    # Where one rank and one scale, those of the configuration, hold for every module, it stays as it is.
    rewritten = any(factors.rank != r or factors.scaling != scaling for factors in lora.modules.values())
    changes: dict[str, Any] = {"base_model_name_or_path": base, "revision": revision, "inference_mode": True}
    if rewritten:
        changes |= {"r": rank, "lora_alpha": rank, "use_rslora": False, "rank_pattern": {}, "alpha_pattern": {}}
        for module, factors in lora.modules.items():
            a, b = torch.zeros(rank, factors.a.shape[1]), torch.zeros(factors.b.shape[0], rank)
            a[: factors.rank] = factors.a.float()
            b[:, : factors.rank] = factors.scaling * factors.b.float()
            tensors |= tensors_of(module, b, a)
    write_lora(folder, tensors, {**lora.config, **changes})
    return {"rank": rank, "max_lora_rank": max_lora_rank(rank), "factors_rewritten": rewritten}
