"""An optimiser step as one launch, on a CUDA GPU.

A step of a small model is thousands of kernels of a few microseconds, launched one by one: the GPU waits for the
processor nearly all the time. The base is frozen, the trained tensors are few and never move, and rows padded to a few
lengths give batches of a few shapes. So all of a step (forward passes, loss of what is supervised, backward passes,
clipping, AdamW) is recorded once for each shape as a CUDA graph, and replayed from then on. Nothing in it waits for the
device: whether losses and gradients were finite is found out on the card, which then updates nothing more, and read a
few steps later, before anything is saved; the loss per language is summed there, too.
"""

from __future__ import annotations

import collections
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from mslt_it.config.recipe import Recipe
from mslt_it.problems import Problem
from mslt_it.training.guards import REMEDY

LOG = logging.getLogger("mslt_it")
MOST_UNREAD = 8  # steps whose finiteness was not read yet


def goes_whole(recipe: Recipe, args: Any) -> bool:
    """Whether training on what ``args`` (of Trainer) say is made of whole steps: one process on one CUDA GPU."""
    is_one = args.world_size == 1 and args.n_gpu == 1 and args.device.type == "cuda"
    return recipe.training.cuda_graphs and is_one


@dataclass
class Shape:
    """What a step of one shape reads and leaves; the tensors stay where they are."""

    passes: list[dict[str, Tensor]]  # the inputs of each forward pass
    count: Tensor  # [], supervised tokens of all of them
    loss: Tensor | None = None  # [], of the step
    norm: Tensor | None = None  # [], of its gradients before clipping
    graph: torch.cuda.CUDAGraph | None = None


@dataclass
class _Unread:
    step: int
    passes: list[dict[str, Tensor]]
    count: Tensor
    done: torch.cuda.Event | None  # None: on a CPU


class WholeStep:
    """Takes the forward passes of a step one by one and makes the step with the last of them.

    Args:
        losses: an inputs dict, with ``languages`` [rows], to (negative log-likelihoods [n], 0 where nothing is
            supervised; the language of each [n]; 1 where something is, else 0 [n]).
        optimizer: AdamW; its state is used and left as its own step would.
        redo: the inputs of a step's forward passes, the number of supervised tokens and the step's: does it again for
            the `Problem` that says what was not finite.
        during: what forward and backward passes are in.
        captures: False: the same step, run as it is; what a CPU does.
    """

    def __init__(
        self,
        losses: Callable[[dict[str, Tensor]], tuple[Tensor, Tensor, Tensor]],
        optimizer: torch.optim.Optimizer,
        max_norm: float,
        num_languages: int,
        redo: Callable[[list[dict[str, Tensor]], Tensor, int], None],
        during: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        captures: bool,
    ) -> None:
        self._losses, self._optimizer, self._max_norm, self._redo = losses, optimizer, max_norm, redo
        self._during = during
        self._groups = [group for group in optimizer.param_groups if group["params"]]
        device = self._groups[0]["params"][0].device
        self.captures, self._device, self._is_warm = captures, device, False
        self.sums = torch.zeros(2, num_languages, dtype=torch.float64, device=device)  # of losses, of supervised tokens
        self._rates = [torch.zeros((), device=device) for _ in self._groups]
        self._step = torch.zeros((), device=device)  # the number of the one being made
        self._culprit = torch.zeros((), device=device)  # the first step that was not finite; 0: none
        self._read = torch.zeros((), pin_memory=device.type == "cuda")
        self._unread: collections.deque[_Unread] = collections.deque()
        self.norm = torch.zeros((), device=device)  # of the last step's gradients before clipping
        self._staged: list[dict[str, Tensor]] = []
        self._shapes: dict[tuple[Any, ...], Shape] = {}
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._pool = torch.cuda.graph_pool_handle() if captures else None
        for parameter in self._trained():
            if not (state := optimizer.state[parameter]):
                state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                state["exp_avg"], state["exp_avg_sq"] = (torch.zeros_like(parameter) for _ in range(2))

    def take(self, inputs: dict[str, Tensor], count: Tensor, step: int, *, is_last: bool) -> Tensor:
        """The loss of the step with its last forward pass, 0 before: with ``count`` supervised tokens in all of them.

        Args:
            step: the number of the optimiser step being made, from 1.

        Raises:
            Problem: an earlier step was not finite.
        """
        self.check(MOST_UNREAD)
        self._staged.append(inputs)
        if not is_last:
            return torch.zeros((), device=self._device)
        staged, self._staged = self._staged, []
        key = tuple((name, *value.shape) for one in staged for name, value in one.items())
        shape = self._shapes.get(key)
        if shape is None:
            copies = [{name: value.clone() for name, value in one.items()} for one in staged]
            shape = self._shapes[key] = Shape(copies, torch.zeros(count.shape, device=self._device))
        with self._on_stream():
            for own, given in zip(shape.passes, staged, strict=True):
                for name, value in given.items():
                    own[name].copy_(value, non_blocking=True)
            shape.count.copy_(count)
            self._step.fill_(step)
            for rate, group in zip(self._rates, self._groups, strict=True):
                rate.fill_(float(group["lr"]))
            if self.captures and self._is_warm and shape.graph is None:
                self._capture(shape)
            if shape.graph is None:
                self._run(shape)
            else:
                shape.graph.replay()
            assert shape.loss is not None and shape.norm is not None
            loss, self.norm = shape.loss.clone(), shape.norm.clone()
            self._read.copy_(self._culprit, non_blocking=True)
            done = self._stream.record_event() if self._stream else None
            if self.captures and not self._is_warm:  # the longest batch comes first: its memory is given back now
                self._is_warm = True
                self._capture(shape)
        self._unread.append(_Unread(step, staged, count, done))
        return loss

    def check(self, most_unread: int = 0) -> None:
        """Read how the steps went that are over; wait until at most ``most_unread`` are left.

        Raises:
            Problem: one of them was not finite; it and those after it updated nothing.
        """
        while self._unread:
            first = self._unread[0]
            if first.done is not None and not first.done.query():
                if len(self._unread) <= most_unread:
                    return
                first.done.synchronize()
            self._unread.popleft()
            if int(self._read) == first.step:
                self._redo(first.passes, first.count, first.step)
                raise Problem(
                    f"The norm of the gradients is not finite at optimiser step {first.step}, though each of them is. "
                    f"{REMEDY}"
                )

    def _trained(self) -> Iterator[nn.Parameter]:
        return (parameter for group in self._groups for parameter in group["params"])

    @contextmanager
    def _on_stream(self) -> Iterator[None]:
        """On our own stream, in order with what the caller's did and will do: recording is not allowed on that one."""
        if self._stream is None:
            yield
            return
        outside = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(outside)
        with torch.cuda.stream(self._stream):
            yield
        outside.wait_stream(self._stream)

    def _capture(self, shape: Shape) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                self._run(shape)
        except (RuntimeError, torch.OutOfMemoryError) as error:
            torch.cuda.synchronize(self._device)
            self.captures, why = False, str(error).strip().splitlines()[0]
            LOG.warning(
                "training.cuda_graphs: this model's step cannot be recorded (%s): each is launched as it is.", why
            )
            for parameter in self._trained():
                parameter.grad = None
            return
        shape.graph = graph

    def _run(self, shape: Shape) -> None:
        """All of a step, without a wait."""
        total = torch.zeros((), device=self._device)
        for inputs in shape.passes:
            with self._during():
                found, languages, counted = self._losses(inputs)
                loss = found.sum() / shape.count.clamp(min=1)
                loss.backward()
            with torch.no_grad():
                total = total + loss.detach()
                self.sums[0].index_add_(0, languages, found.detach().double())
                self.sums[1].index_add_(0, languages, counted.double())
        with torch.no_grad():
            gradients = [p.grad for p in self._trained() if p.grad is not None]
            norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
            is_bad = ~torch.isfinite(norm + total)
            self._culprit.copy_(torch.where((self._culprit == 0) & is_bad, self._step, self._culprit))
            self._update(1.0 if math.isinf(self._max_norm) else ((norm + 1e-6) / self._max_norm).clamp(min=1))
        shape.loss, shape.norm = total, norm

    def _update(self, scale: Tensor | float) -> None:
        """AdamW with gradients over ``scale``; nothing where a step was not finite."""
        skips = (self._culprit != 0).float()
        scale = torch.as_tensor(scale, dtype=torch.float32, device=self._device)
        for group, rate in zip(self._groups, self._rates, strict=True):
            own = [p for p in group["params"] if p.grad is not None]
            states = [self._optimizer.state[p] for p in own]
            adamw(
                own, [p.grad for p in own], [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states], [],
                [s["step"] for s in states], fused=True, grad_scale=scale, found_inf=skips, capturable=True,
                amsgrad=False, beta1=group["betas"][0], beta2=group["betas"][1], lr=rate,
                weight_decay=group["weight_decay"], eps=group["eps"], maximize=False,
            )  # fmt: skip
            for parameter in own:
                parameter.grad = None  # Trainer's own optimizer.step() finds nothing to do
