"""Muon (Jordan et al. 2024): momentum whose matrix is made orthogonal before it is applied.

Matrices of one shape are stacked and orthogonalised in one batched product; ``torch.optim.Muon`` takes them one by one,
which costs four times as much for a model of many small matrices (0.10 s against 0.02 s a step here, of 0.26 s).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

# Quintic Newton-Schulz iteration that pushes all singular values towards 1 in five rounds.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """For the two-dimensional weights of hidden layers; embeddings and norms are for AdamW.

    The update's root mean square is that of AdamW (factor 0.2 · sqrt(longer side); Liu et al. 2025), so one learning
    rate means about the same for both.
    """

    def __init__(
        self, params: Iterable[torch.nn.Parameter], lr: float, weight_decay: float, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient; ``closure`` is not used."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[torch.nn.Parameter]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    by_shape.setdefault(tuple(p.shape), []).append(p)
            for shape, params in by_shape.items():
                for p in params:
                    buffer = self.state[p].setdefault("momentum_buffer", torch.zeros_like(p))
                    buffer.lerp_(p.grad, 1 - group["momentum"])
                buffers = torch.stack([self.state[p]["momentum_buffer"] for p in params])
                gradients = torch.stack([p.grad for p in params if p.grad is not None])
                update = orthogonal(gradients.lerp(buffers, group["momentum"]))  # Nesterov's look ahead
                update *= 0.2 * max(shape) ** 0.5 * group["lr"]
                for p, change in zip(params, update, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(change)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """Nearly orthogonal matrices with the same singular vectors; (matrices, rows, columns) -> the same, float32."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = (matrices.mT if tall else matrices).float()
    x = (x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)).bfloat16()
    a, b, c = _COEFFICIENTS
    for _ in range(_ROUNDS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).float()
