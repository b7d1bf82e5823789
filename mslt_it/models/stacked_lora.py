"""K LoRA adapters of one shape on one base, in one pass: block k of a batch's rows is changed by adapter k alone.
For one adapter, too, it is fewer kernels than peft's layers under autocast: its weights are cast in one.

    y_k = W x_k + s B_k A_k x_k        A [K, rank, in],  B [K, out, rank],  x [K, rows x tokens, in]

Two batched products a layer do it for all K. The adapters are the rows of one matrix [K, numbers of an adapter], so
that what is done to all of one (its norm, its optimiser's step) is one operation.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mslt_it.models.base_model import PeftModel, base_of
from mslt_it.problems import Problem

# What may lie between rows that went through the model together and apart, as a share of what another adapter would
# have made of them.
CLOSE = {torch.float32: 0.01, torch.bfloat16: 0.3}


class StackedLora:
    """Adapters shaped like the one of ``model``, in place of it.

    Args:
        dtype: of the products; the adapters are float32.
    """

    def __init__(self, model: PeftModel, dtype: torch.dtype = torch.float32) -> None:
        self.model, self.dtype = model, dtype
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        weights = (p for name, p in model.named_parameters() if "lora_" not in name and p.is_floating_point())
        self._is_mixed = any(p.dtype != dtype for p in weights)
        self.sizes = [p.numel() for p in self.parameters]
        self.layers: list[Any] = [m for m in model.modules() if "default" in getattr(m, "lora_A", ())]
        if {id(p) for layer in self.layers for p in _factors(layer)} != {id(p) for p in self.parameters}:
            raise Problem("the adapter is more than LoRA of linear layers")
        if not all(isinstance(layer.lora_dropout["default"], nn.Identity) for layer in self.layers):
            raise Problem("the adapter has dropout")

    def autocast(self) -> torch.autocast:
        """None where all weights are bfloat16, as the products with the adapters: it would make float32 of what is
        between them (LayerNorms, with all that follows up to the next product)."""
        device = self.parameters[0].device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.dtype == torch.bfloat16 and self._is_mixed)

    @torch.no_grad()
    def read(self) -> Tensor:
        """The model's own adapter as a row."""
        return torch.cat([p.flatten().float() for p in self.parameters])

    @torch.no_grad()
    def write(self, row: Tensor) -> None:
        """A row as the model's own adapter."""
        for parameter, values in zip(self.parameters, self.split(row), strict=True):
            parameter.copy_(values)

    def split(self, row: Tensor) -> list[Tensor]:
        """A row as one tensor per parameter of the model's adapter; views."""
        return [part.view(p.shape) for part, p in zip(row.split(self.sizes), self.parameters, strict=True)]

    def put_on(self, rows: Sequence[Tensor]) -> None:
        """From here on the model's batches are ``len(rows)`` blocks of equally many rows, and the adapters are
        ``values`` [K, numbers]."""
        self.values = torch.stack(list(rows))
        self.used = self.values if self.dtype == self.values.dtype else self.values.to(self.dtype)
        parts = zip(self.used.split(self.sizes, dim=1), self.parameters, strict=True)
        self.leaves = [part.detach().view(len(rows), *p.shape).requires_grad_() for part, p in parts]
        self._attach()

    def _attach(self) -> None:
        of = {id(p): leaf for p, leaf in zip(self.parameters, self.leaves, strict=True)}
        for layer in self.layers:
            a, b = (of[id(p)] for p in _factors(layer))
            layer.forward = functools.partial(_forward, layer.base_layer, a, b, layer.scaling["default"])

    @contextmanager
    def own(self) -> Iterator[None]:
        """The model's own adapter is put on again, as it is now; what backward passes leave is added to its gradients.
        To be called after `put_on` of one."""
        self._attach()
        self.values.copy_(self.read())
        self.renew()
        try:
            yield
        finally:
            self.take_off()
        used = [(p, leaf) for p, leaf in zip(self.parameters, self.leaves, strict=True) if leaf.grad is not None]
        flat = torch.cat([leaf.grad.flatten() for _, leaf in used]).to(self.values.dtype)  # type: ignore[union-attr]
        for (parameter, leaf), part in zip(used, flat.split([p.numel() for p, _ in used]), strict=True):
            part, leaf.grad = part.view(parameter.shape), None
            parameter.grad = part if parameter.grad is None else parameter.grad + part

    def take_off(self) -> None:
        """The model has its own adapter again."""
        for layer in self.layers:
            layer.__dict__.pop("forward", None)

    def collect(self) -> Tensor:
        """What the backward passes left: [K, numbers]."""
        found = [leaf.grad.flatten(1) for leaf in self.leaves if leaf.grad is not None]
        if len(found) < len(self.leaves):
            raise Problem("a part of the adapter is not used")
        for leaf in self.leaves:
            leaf.grad = None
        return torch.cat(found, 1).to(self.values.dtype)

    def renew(self) -> None:
        """To be called when ``values`` have changed."""
        if self.used is not self.values:
            self.used.copy_(self.values)

    @torch.no_grad()
    def check(self) -> None:
        """A Problem where rows together are not what they are apart: experts that choose among the rows of a batch, or
        something drawn at random. Tried with two adapters and a few tokens."""
        base, own, device = base_of(self.model), self.read(), self.parameters[0].device
        draw = torch.Generator().manual_seed(0)
        rows = [own + 0.02 * torch.randn(len(own), generator=draw).to(device) for _ in range(2)]
        ids = torch.arange(2, 34, device=device).view(4, 8) % base.get_input_embeddings().num_embeddings

        def states(given: Tensor) -> Tensor:
            with self.autocast():
                found: Tensor = base.base_model(input_ids=given, use_cache=False).last_hidden_state
                return found.float()

        self.put_on(rows)
        together, swapped, apart = states(ids), states(ids.roll(2, 0)).roll(2, 0), []
        self.take_off()
        for row, block in zip(rows, ids.chunk(2), strict=True):
            self.write(row)
            apart.append(states(block))
        self.write(own)
        error, effect = (float((found - torch.cat(apart)).norm()) for found in (together, swapped))
        if not error <= CLOSE[self.dtype] * effect:
            raise Problem(f"{type(base).__name__} does not keep the rows of a batch apart, or has dropout")


def _factors(layer: Any) -> tuple[nn.Parameter, nn.Parameter]:
    return layer.lora_A["default"].weight, layer.lora_B["default"].weight


def _forward(base: nn.Module, a: Tensor, b: Tensor, scaling: float, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    y: Tensor = base(x, *args, **kwargs)
    inner = torch.bmm(x.reshape(len(a), -1, x.shape[-1]).to(a.dtype), a.mT)
    if y.dtype == a.dtype:
        return torch.baddbmm(y.reshape(len(a), -1, y.shape[-1]), inner, b.mT, alpha=scaling).view(y.shape)
    return (y + scaling * torch.bmm(inner, b.mT).view(y.shape)).to(y.dtype)
