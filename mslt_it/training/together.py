"""Several adapters trained in one pass over the base that they share: what each has by itself is an ordinary trainer.

A small model's step is thousands of small operations, and a GPU waits for the next most of the time. K adapters in one
step are hardly more operations than one. Each has its own rows in their own order, loss, clipping, AdamW, schedule, log
and checkpoints, so that it is what it is when it is trained alone (`mslt_it.training.sft.train`): from the checkpoints
of that it goes on, and that from its. A step is a `WholeStep`: on a GPU it is recorded.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from mslt_it.config.recipe import Recipe
from mslt_it.models.base_model import PeftModel, add_adapter, base_of, model_hash
from mslt_it.models.environment import deterministic_on_cpu
from mslt_it.models.fused_parts import FusedParts
from mslt_it.models.stacked_lora import StackedLora
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample
from mslt_it.training import checkpoints
from mslt_it.training.plans import Plan
from mslt_it.training.supervised_loss import add_supervised_forward
from mslt_it.training.trainer import AdapterTrainer
from mslt_it.training.whole_step import Shape, WholeStep

LOG = logging.getLogger("mslt_it")


@dataclass(frozen=True)
class Part:
    """One of the adapters: what it is trained on, and where its checkpoints lie."""

    recipe: Recipe
    encoded: Sequence[EncodedExample]
    run_dir: Path


def train_together(
    parts: Sequence[Part],
    base: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    callbacks: Sequence[TrainerCallback] = (),
) -> PeftModel:
    """Trains each adapter to its last step, or to one whose numbers are not finite: it then ends at the checkpoint
    before that, where whoever goes on with it alone is told why. What is handed back is the base, with an adapter to be
    taken off.

    The parts' recipes agree in model, adapter, training.batch_size and gradient_accumulation_steps.

    Args:
        callbacks: of the first adapter alone, whose step begins when all do.

    Raises:
        Problem: they cannot be trained together; the base is then of no more use.
    """
    base_sha256, training = model_hash(base), parts[0].recipe.training
    plan = Plan(training.batch_size or 1, training.gradient_accumulation_steps)
    model: Any = None
    rows: list[Tensor] = []
    for part in parts:  # the first weights that each would have alone
        model = add_adapter(model.unload() if rows else base, part.recipe.adapter, part.recipe.seed)
        rows.append(StackedLora(model).read())
    types = [(p, p.dtype) for p in model.parameters() if p.requires_grad]
    own: list[_Own] = []
    for part, row in zip(parts, rows, strict=True):
        keys = checkpoints.training_keys(part.recipe, part.encoded, base_sha256)
        (part.run_dir / checkpoints.FOLDER).mkdir(parents=True, exist_ok=True)
        more = [] if own else callbacks
        one = _Own(part.recipe, part.encoded, model, tokenizer, part.run_dir, plan, keys, None, more)
        one.release()
        model.train()
        for parameter, dtype in types:  # TRL makes QLoRA adapters bfloat16
            parameter.data = parameter.data.to(dtype)
        if not own:
            stacked = StackedLora(model, torch.bfloat16 if one.args.bf16 else torch.float32)
            if not one.supervised_only:
                raise Problem(f"{type(base).__name__} changes its logits after the head")
            stacked.check()
        fingerprint = part.recipe.training_fingerprint()
        resume = checkpoints.newest_complete(part.run_dir, fingerprint, keys=keys, world_size=1)
        one.begin(stacked, row.to(one.args.device), resume)
        own.append(one)
    add_supervised_forward(base_of(model))
    norms = FusedParts(model).on() if own[0].args.device.type == "cuda" else nullcontext()
    try:
        with deterministic_on_cpu(), norms:
            _Steps(stacked, own).run()
    finally:
        stacked.take_off()
        base_of(model).__dict__.pop("forward")
        model.eval()
        for one in own:
            one.callback_handler.on_train_end(one.args, one.state, one.control)
    return model  # type: ignore[no-any-return]


class _Own(AdapterTrainer):
    """What one adapter has to itself. ``model`` is the same for all: a place to load into and to save from."""

    control: Any

    def begin(self, stacked: StackedLora, row: Tensor, resume: Path | None) -> None:
        """``row``: the first weights."""
        self.stacked, self.order = stacked, list[int]()
        self.rows: list[dict[str, Any]] = self.train_dataset.to_list()
        checkpoint = str(resume) if resume is not None else None
        epochs = -(-self.args.max_steps // self.steps_per_epoch)
        self._init_training_state(self.args.max_steps, self.steps_per_epoch, epochs, checkpoint, None)
        self.create_optimizer_and_scheduler(self.args.max_steps)
        if checkpoint is not None:
            self._load_from_checkpoint(checkpoint)
            row = stacked.read()
            self._load_optimizer_and_scheduler(checkpoint)
        self.optimizer.step()  # of nothing, the step is `_Steps`', but the schedule wants to have seen one
        self.row, states = row, [self.optimizer.state[p] for p in stacked.parameters]
        if len(self.optimizer.param_groups[0]["params"]) != len(states):
            raise Problem("weight decay is not the same for all of an adapter")
        self.count = states[0]["step"] if states[0] else torch.zeros((), device=row.device)
        # AdamW's moments: all of an adapter in one, of which the optimiser has views for the checkpoints
        self.moments = [
            torch.cat([state[name].flatten() for state in states]) if states[0] else torch.zeros_like(row)
            for name in ("exp_avg", "exp_avg_sq")
        ]
        for state, mean, square in zip(states, *map(stacked.split, self.moments), strict=True):
            state.update(exp_avg=mean, exp_avg_sq=square)
        self._total_loss_scalar, self._globalstep_last_logged = 0.0, self.state.global_step
        self.started = time.time()
        self.remove_callback(checkpoints.SaveWhenTold)  # a process has one handler of a signal, not one per adapter
        self.control = self.callback_handler.on_train_begin(self.args, self.state, self.control)

    @property
    def is_done(self) -> bool:
        return bool(self.state.global_step >= self.args.max_steps)

    def next_rows(self) -> list[dict[str, Any]]:
        """Those of the step to come, filled up with blank ones."""
        self.control = self.callback_handler.on_step_begin(self.args, self.state, self.control)
        position = self.state.global_step % self.steps_per_epoch
        if position == 0 or not self.order:
            self.order = list(self._get_train_sampler())
        return [self.rows[i] for i in self.order[position * self.global_batch :][: self.global_batch]]

    def count_step(self) -> bool:
        """After a step; whether something is to be told or saved."""
        self.rate = self._get_learning_rate()
        self.lr_scheduler.step()
        epoch, position = divmod(self.state.global_step, self.steps_per_epoch)
        self.state.global_step += 1
        self.state.epoch = epoch + (position + 1) / self.steps_per_epoch
        self.control = self.callback_handler.on_step_end(self.args, self.state, self.control)
        return bool(self.control.should_log or self.control.should_save)

    def tell(self, loss: Tensor, norm: Tensor, language_sums: Tensor) -> None:
        """Logs and saves what is asked for; ``loss`` and ``language_sums`` begin anew where they are logged."""
        is_logged, self._language_sums = self.control.should_log, language_sums[:, : len(self.languages)].clone()
        if self.control.should_save:
            self.stacked.write(self.row)
            for parameter in self.stacked.parameters:
                self.optimizer.state[parameter]["step"] = self.count.clone()
        epoch = self.state.epoch
        self._maybe_log_save_evaluate(loss, norm, self.model, None, epoch, None, self.started, learning_rate=self.rate)
        if is_logged:
            language_sums.zero_()


class _Steps:
    """Step by step, all adapters that are not done."""

    def __init__(self, stacked: StackedLora, own: Sequence[_Own]) -> None:
        self.stacked, self.own = stacked, [one for one in own if not one.is_done]
        longest = max(own, key=lambda one: max(one.lengths))
        self.collator = dataclasses.replace(longest.data_collator, says_places=True)
        self.device, number = stacked.parameters[0].device, len(self.own)
        most = max(len(one.languages) for one in own)
        self.loss = torch.zeros(number, device=self.device)  # since it was last logged, as are the
        self.sums = torch.zeros(2, number, most, dtype=torch.float64, device=self.device)  # losses, tokens of languages
        self.bad = torch.zeros(number, dtype=torch.bool, device=self.device)

    def run(self) -> None:
        self._keep(list(range(len(self.own))))
        while self.own:
            self._one()

    def _keep(self, kept: list[int]) -> None:
        """Go on with these of those that there were."""
        self.own = [self.own[k] for k in kept]
        if self.own:
            self.loss, self.bad, self.sums = self.loss[kept], self.bad[kept], self.sums[:, kept]
            self.step = _StackedStep(self.stacked, self.own, self.sums)

    def _one(self) -> None:
        rows, size = [one.next_rows() for one in self.own], self.own[0].args.per_device_train_batch_size
        passes = [
            self.collator([row for own in rows for row in own[i : i + size]]) for i in range(0, len(rows[0]), size)
        ]
        counts = torch.stack([one["places"].ge(0).view(len(rows), -1).sum(1) for one in passes]).sum(0)
        losses = self.step.all_passes(
            [{name: value.to(self.device, non_blocking=True) for name, value in one.items()} for one in passes],
            counts.to(self.device, non_blocking=True),
        )
        self.loss += losses
        self.bad |= ~(losses + self.step.norm).isfinite()
        asked = [one.count_step() for one in self.own]
        if not any(asked):
            return
        bad = self.bad.tolist()
        for k, one in enumerate(self.own):
            if bad[k]:
                LOG.warning("%s: not finite by step %d.", one.args.output_dir, one.state.global_step)
            elif asked[k]:
                one.tell(self.loss[k], self.step.norm[k], self.sums[:, k])
        kept = [k for k, one in enumerate(self.own) if not (bad[k] or one.is_done)]
        if len(kept) < len(self.own):
            self._keep(kept)


class _StackedStep(WholeStep):
    """The whole step of K adapters: losses, norms and the count of tokens are [K], and whoever calls it looks whether
    they are finite."""

    def __init__(self, stacked: StackedLora, own: Sequence[_Own], sums: Tensor) -> None:
        """``sums`` [2, K, languages]: to which losses and tokens of each language are added."""
        stacked.put_on([one.row for one in own])
        rows, groups = [nn.Parameter(row) for row in stacked.values], []
        for one, row in zip(own, rows, strict=True):
            one.row = row.detach()
            groups.append({**one.optimizer.param_groups[0], "params": [row]})
        optimizer = torch.optim.AdamW(groups)
        for one, row in zip(own, rows, strict=True):
            optimizer.state[row] = {"step": one.count, "exp_avg": one.moments[0], "exp_avg_sq": one.moments[1]}
        goes_whole = all(one._goes_whole for one in own)
        super().__init__(self._losses_of, optimizer, math.inf, 0, lambda *_: None, captures=goes_whole)
        self.stacked, self.own, self.sums = stacked, own, sums
        self.most = torch.tensor([one.args.max_grad_norm or math.inf for one in own]).to(sums.device)
        self.one = torch.ones((), device=sums.device)

    def all_passes(self, passes: Sequence[dict[str, Tensor]], counts: Tensor) -> Tensor:
        """The losses of the step that is made of these forward passes."""
        for group, own in zip(self._groups, self.own, strict=True):
            group["lr"] = own.optimizer.param_groups[0]["lr"]
        for one in passes:
            losses = self.take(one, counts, 0, is_last=one is passes[-1])
        return losses

    def check(self, most_unread: int = 0) -> None:
        self._unread.clear()

    def _losses_of(self, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        given = {name: value for name, value in inputs.items() if name != "languages"}
        with self.stacked.autocast():
            found = base_of(self.stacked.model)(**given, supervised_only=True)
        flat = found["losses"], inputs["languages"][found["rows"]], found["counted"]
        losses, languages, counted = (one.view(len(self.own), -1) for one in flat)
        return losses, languages, counted

    def _run(self, shape: Shape) -> None:
        total = torch.zeros_like(shape.count)
        for inputs in shape.passes:
            found, languages, counted = self._losses(inputs)
            losses = found.sum(1) / shape.count.clamp(min=1)
            losses.sum().backward()
            total = total + losses.detach()
            self.sums[0].scatter_add_(1, languages, found.detach().double())
            self.sums[1].scatter_add_(1, languages, counted.double())
        with torch.no_grad():
            gradients = self.stacked.collect()
            norms = torch.linalg.vector_norm(gradients, dim=1)
            gradients *= (self.most / (norms + 1e-6)).clamp(max=1.0)[:, None]  # as torch's clip_grads_with_norm_ does
            for row, gradient in zip(self._trained(), gradients, strict=True):
                row.grad = gradient
            self._update(self.one)
            self.stacked.renew()
        shape.loss, shape.norm = total, norms
