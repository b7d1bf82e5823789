"""Bases in 4 and 8 bits: how they are asked for, kept and read. The only importer of bitsandbytes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig

from mslt_it.problems import Problem


def quantization_config(kind: str, dtype: torch.dtype) -> BitsAndBytesConfig:
    """What transformers is told for ``adapter.quantization``: nf4 or int8."""
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise Problem(
            f"adapter.quantization={kind} needs the package bitsandbytes, which is not installed: "
            "pip install bitsandbytes, or use adapter.quantization=none."
        ) from error
    if kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def keep_as_packed(base: nn.Module) -> None:
    """On AVX512-BF16 machines bitsandbytes repacks 4-bit weights at the first evaluation forward; after that the
    gradients of the next training step are zero. The flag keeps it from doing so."""
    for module in base.modules():
        if type(module).__name__ == "Linear4bit":
            module.support_avx512bf16_for_cpu = False


def dequantized_weights(base: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """(module name, weight as the quantised forward pass sees it) of every 4-bit and 8-bit linear module of ``base``,
    which must be fresh from `load_base`: bitsandbytes 0.50 may repack 4-bit weights at a forward pass on a CPU, which
    then do not dequantise (relative error of the logits 1.29)."""
    for name, module in base.named_modules():
        kind = type(module).__name__
        if kind not in ("Linear4bit", "Linear8bitLt"):
            continue
        from bitsandbytes import functional

        if kind == "Linear8bitLt":
            # A forward pass moves the scales from the weight to the layer's state.
            scales = module.weight.SCB if module.weight.SCB is not None else module.state.SCB
            yield name, functional.int8_vectorwise_dequant(module.weight.data, scales)
            continue
        if getattr(module.weight.quant_state, "packing_format_for_cpu", False):
            raise Problem(
                f"The 4-bit weight of {name} was repacked by a forward pass and can no longer be dequantised. "
                "Load the base again and merge before anything else is done with it."
            )
        yield name, functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
