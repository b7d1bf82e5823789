"""Stop before an update that is not finite, and never save one.

Hugging Face Trainer logs a NaN loss as 0.0 and trains on. Here losses and gradients of a step are looked at before they
are clipped (by a NaN norm every gradient becomes NaN, and the culprit could no longer be named), all of them at once: a
wait for the device costs more than a small model's arithmetic. The weights are looked at before they are saved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mslt_it.problems import Problem

REMEDY = (
    "Nothing was updated or saved; an older checkpoint, if there is one, is untouched. "
    "Lower training.learning_rate, or set model.dtype=float32."
)


class StepGuard:
    """What one optimiser step is made of: the losses of its forward passes, then its gradients."""

    def __init__(self, languages: Sequence[str]) -> None:
        """``languages``: what the numbers that come with a loss stand for."""
        self.languages = languages
        self._losses: list[tuple[Tensor, Tensor]] = []

    def keep(self, loss: Tensor, languages: Tensor) -> None:
        """The loss of one forward pass, and the number of the language of each of its rows."""
        self._losses.append((loss.detach(), languages))

    def clip(self, model: nn.Module, trained: Sequence[nn.Parameter], max_norm: float, step: int) -> Tensor:
        """Clips the gradients of ``trained`` to ``max_norm`` over all of them; the norm before that. A Problem where a
        loss or a gradient is not finite; ``step`` is the optimiser step being prepared, from 1."""
        losses, self._losses = self._losses, []
        norm = torch.nn.utils.get_total_norm([p.grad for p in trained if p.grad is not None])
        whole = norm.full_tensor() if hasattr(norm, "full_tensor") else norm  # of all ranks, sharded by FSDP
        if not math.isfinite(float(sum((loss for loss, _ in losses), whole))):
            for loss, spoken in losses:
                if not math.isfinite(loss):
                    languages = ", ".join(self.languages[int(i)] for i in spoken.unique())
                    name = first_non_finite(model, gradients=False)
                    what = f"parameter '{name}' holds a value that is not" if name else "every trained parameter is"
                    raise Problem(
                        f"The loss is {loss.item()} at optimiser step {step} (languages in the batch: {languages}); "
                        f"{what} finite. {REMEDY}"
                    )
            # Squares of finite values may overflow: the norm alone says nothing.
            if (culprit := first_non_finite(model, gradients=True)) is not None:
                raise Problem(f"The gradient of '{culprit}' is not finite at optimiser step {step}. {REMEDY}")
        torch.nn.utils.clip_grads_with_norm_(trained, max_norm, norm)
        return norm


def check_weights(model: nn.Module, step: int) -> None:
    """Raise a Problem naming the first trained parameter that is NaN or infinite."""
    culprit = first_non_finite(model, gradients=False)
    if culprit is not None:
        raise Problem(f"Parameter '{culprit}' is not finite after optimiser step {step}, so it is not saved. {REMEDY}")


def first_non_finite(model: nn.Module, *, gradients: bool) -> str | None:
    """The name of the first trained parameter whose gradient (or value) is not finite."""
    for name, parameter in model.named_parameters():
        value = parameter.grad if gradients else parameter.detach()
        if parameter.requires_grad and value is not None:
            own = value.to_local() if hasattr(value, "to_local") else value  # this rank's part, sharded by FSDP
            if not bool(torch.isfinite(own).all()):
                return name
    return None
