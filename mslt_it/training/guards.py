"""Stop before an update that is not finite, and never save one.

Hugging Face Trainer logs a NaN loss as 0.0 and trains on; by the time anybody looks, the adapter is NaN everywhere.
Here three looks are taken: at the loss before its backward pass, at the gradients before they are clipped (clipping by
a NaN norm makes every gradient NaN, so the culprit could no longer be named), and at the weights before they are saved.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerCallback

from mslt_it.problems import Problem

REMEDY = (
    "Nothing was updated or saved; an older checkpoint, if there is one, is untouched. "
    "Lower training.learning_rate, or set model.dtype=float32."
)


def check_loss(loss: Tensor, model: nn.Module, step: int, languages: Iterable[str] = ()) -> None:
    """Raise a Problem when ``loss`` is NaN or infinite; ``step`` is the optimiser step being prepared, from 1."""
    if bool(torch.isfinite(loss.detach())):
        return
    culprit = first_non_finite(model, gradients=False)
    where = (
        f"parameter '{culprit}' holds a value that is not finite" if culprit else "every trained parameter is finite"
    )
    spoken = ", ".join(sorted(set(languages)))
    batch = f" (languages in the batch: {spoken})" if spoken else ""
    raise Problem(f"The loss is {loss.detach().item()} at optimiser step {step}{batch}; {where}. {REMEDY}")


def check_gradients(model: nn.Module, step: int) -> None:
    """Raise a Problem naming the first parameter whose gradient is NaN or infinite.

    One norm over all gradients first: a single synchronisation with the device in the usual, finite case.
    """
    gradients = [_local(p.grad) for p in model.parameters() if p.grad is not None]
    if not gradients:
        return
    # The largest absolute value rather than the 2-norm: squares of finite values may overflow, the maximum does not.
    largest = torch.stack([norm.float() for norm in torch._foreach_norm(gradients, float("inf"))]).sum()
    if bool(torch.isfinite(largest)):
        return
    culprit = first_non_finite(model, gradients=True)
    if culprit is not None:
        raise Problem(f"The gradient of '{culprit}' is not finite at optimiser step {step}. {REMEDY}")


def check_weights(model: nn.Module, step: int) -> None:
    """Raise a Problem naming the first trained parameter that is NaN or infinite."""
    culprit = first_non_finite(model, gradients=False)
    if culprit is not None:
        raise Problem(f"Parameter '{culprit}' is not finite after optimiser step {step}, so it is not saved. {REMEDY}")


def first_non_finite(model: nn.Module, *, gradients: bool) -> str | None:
    """The name of the first trained parameter whose gradient (or value) is not finite."""
    for name, parameter in model.named_parameters():
        value = parameter.grad if gradients else parameter
        if parameter.requires_grad and value is not None and not bool(torch.isfinite(_local(value)).all()):
            return name
    return None


def _local(value: Tensor) -> Tensor:
    """This rank's part of a tensor sharded by FSDP, else the tensor."""
    return value.to_local() if hasattr(value, "to_local") else value.detach()


class NonFiniteGuard(TrainerCallback):
    """The last look before ``optimizer.step``: catches what other callbacks or clipping did to the gradients."""

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if model is not None:
            check_gradients(model, state.global_step + 1)
