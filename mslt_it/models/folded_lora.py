"""LoRA folded into the weights for passes over many tokens, where only answers are wanted.

    y = (W + s B A) x   in place of   W x + s B (A x)

The sum of two small matrices takes the place of two products and two sums over all tokens: of the embedded model's
passes on a CPU these are a third. The base stays as it is: the sum is made again by each pass, and lives as long.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def folded(model: nn.Module) -> Iterator[None]:
    """Within it, adapters of linear layers in float32 are folded wherever that is less work. In bfloat16 a weight is
    too coarse to be changed by as little as an adapter does: there, nothing is."""
    layers: list[Any] = [module for module in model.modules() if _is_plain(module)]
    for layer in layers:
        layer.forward = functools.partial(_forward, layer, layer.forward)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _is_plain(module: Any) -> bool:
    """Whether it is peft's layer around a linear one, whole and in float32, that adds no more than ``s B A x``."""
    base: Any = getattr(module, "base_layer", None)
    if type(base) is not nn.Linear or not getattr(module, "lora_A", None) or "forward" in vars(module):
        return False
    is_whole = type(base.weight.data) is Tensor and base.weight.dtype == torch.float32  # FSDP keeps parts of them
    is_more = module.merged or getattr(module, "lora_variant", None) or any(module.lora_bias.values())
    return is_whole and not is_more


def _forward(layer: Any, own: Callable[..., Tensor], x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    base = layer.base_layer
    names = [] if layer.disable_adapters else [name for name in layer.active_adapters if name in layer.lora_A]
    num_out, num_in = base.weight.shape
    costs_more = num_out * num_in > x.numel() // num_in * (num_out + num_in)
    if not names or costs_more or layer.training or torch.is_autocast_enabled(x.device.type):
        return own(x, *args, **kwargs)
    weight = base.weight
    for name in names:
        a, b = layer.lora_A[name].weight, layer.lora_B[name].weight
        weight = torch.addmm(weight, b.to(weight.dtype), a.to(weight.dtype), alpha=layer.scaling[name])
    return nn.functional.linear(x, weight, base.bias)
