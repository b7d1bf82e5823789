"""RMSNorm in three kernels where transformers' own takes eight: to float32, normalised and scaled at once, and back."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from mslt_it.models.base_model import Trained


class FusedNorms:
    """Those of a model's frozen RMSNorms that are found to be x / rms(x) times their weight, or times 1 + weight."""

    def __init__(self, model: Trained) -> None:
        self.forwards = {
            module: functools.partial(_forward, scale, eps)
            for module in model.modules()
            if type(module).__name__.endswith("RMSNorm")
            and isinstance(eps := getattr(module, "variance_epsilon", getattr(module, "eps", None)), float)
            and (scale := _scale(module, eps)) is not None
        }

    @contextmanager
    def on(self) -> Iterator[None]:
        for module, forward in self.forwards.items():
            module.__dict__["forward"] = forward
        try:
            yield
        finally:
            for module in self.forwards:
                module.__dict__.pop("forward", None)


@torch.no_grad()
def _scale(module: nn.Module, eps: float) -> Tensor | None:
    """[width], float32; None where it is another norm, or one that is trained."""
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or weight.dim() != 1 or weight.requires_grad:
        return None
    trial = torch.randn(8, len(weight), generator=torch.Generator().manual_seed(0)).to(weight.device)
    expected = module(trial)
    for scale in (weight.float(), 1 + weight.float()):
        if torch.allclose(_forward(scale, eps, trial), expected.float(), rtol=1e-4, atol=1e-5):
            return scale
    return None


def _forward(scale: Tensor, eps: float, x: Tensor) -> Tensor:
    return rms_norm(x.float(), scale.shape, scale, eps).to(x.dtype)
