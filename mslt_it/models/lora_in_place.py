"""LoRA's update added in place: y = W x, then y += s B (A x), the same to the bit as peft's y + s * B (A x).

Two tensors the size of a layer's output are not made, which for a small model on a CPU is a seventh of a pass.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def in_place(model: nn.Module) -> Iterator[None]:
    """Within it, adapters of linear layers, all in float32, are added in place; in other dtypes peft's own rounding
    between the steps would be missed."""
    layers: list[Any] = [module for module in model.modules() if _is_plain(module)]
    for layer in layers:
        layer.forward = functools.partial(_forward, layer, layer.forward)
    try:
        yield
    finally:
        for layer in layers:
            layer.__dict__.pop("forward", None)


def _is_plain(module: Any) -> bool:
    """Whether it is peft's layer around a linear one and adds no more than ``s B A x``."""
    if type(getattr(module, "base_layer", None)) is not nn.Linear or not getattr(module, "lora_A", None):
        return False
    is_more = module.merged or getattr(module, "lora_variant", None)
    return not is_more and "forward" not in vars(module)


def _forward(layer: Any, own: Callable[..., Tensor], x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    names = [name for name in layer.active_adapters if name in layer.lora_A]
    weights = [layer.base_layer.weight, *(part[name].weight for name in names for part in (layer.lora_A, layer.lora_B))]
    is_float32 = all(one.dtype == torch.float32 for one in (x, *weights))
    if layer.disable_adapters or args or kwargs or not is_float32 or torch.is_autocast_enabled(x.device.type):
        return own(x, *args, **kwargs)
    result: Tensor = layer.base_layer(x)
    for name in names:
        update = layer.lora_B[name](layer.lora_A[name](layer.lora_dropout[name](x)))
        result.add_(update.mul_(layer.scaling[name]))
    return result
