"""Parts of a model in fewer kernels than transformers' own: RMSNorm in one where it takes eight, or in three (to
float32, normalised and scaled at once, and back) where it scales by 1 + weight or is of another dtype than what it
gets; the tanh form of GELU in one where BLOOM's and GPT-2's take eight."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, rms_norm

from mslt_it.models.base_model import Trained

Forward = Callable[[Tensor], Tensor]


class FusedParts:
    """Of a model's modules those that are found to be x / rms(x) times their frozen weight, or times 1 + weight, and
    those that are x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""

    def __init__(self, model: Trained) -> None:
        found = ((module, _fused(module)) for module in model.modules())
        self.forwards: dict[nn.Module, Forward] = {module: forward for module, forward in found if forward is not None}

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
def _fused(module: nn.Module) -> Forward | None:
    """None where it is something else, or is trained."""
    name, weight, tries = type(module).__name__, getattr(module, "weight", None), list[Forward]()
    eps = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    if name.endswith("RMSNorm") and isinstance(eps, float) and isinstance(weight, Tensor) and weight.dim() == 1:
        if not weight.requires_grad:
            tries = [functools.partial(_rms_norm, scale, eps) for scale in (weight, 1 + weight.float())]
    elif re.search("gelu(?!tanh)", name.lower()) and next(module.parameters(), None) is None:
        tries, weight = [functools.partial(gelu, approximate="tanh")], torch.empty(64)
    if not tries or weight is None:
        return None
    trial = torch.randn(8, len(weight), generator=torch.Generator().manual_seed(0)).to(weight.device)
    expected = module(trial).float()
    return next((own for own in tries if torch.allclose(own(trial), expected, rtol=1e-4, atol=1e-5)), None)


def _rms_norm(scale: Tensor, eps: float, x: Tensor) -> Tensor:
    if x.dtype == scale.dtype and not torch.is_autocast_enabled(x.device.type):
        return rms_norm(x, scale.shape, scale, eps)  # float32 within
    return rms_norm(x.float(), scale.shape, scale.float(), eps).to(x.dtype)
