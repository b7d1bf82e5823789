"""Supervised fine-tuning of an adapter, or of all weights: from encoded rows to a saved adapter, through interruptions
and too little memory. The loop is `trainer`'s."""

from __future__ import annotations

import functools
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, TrainerCallback, TrainerState

from mslt_it.config.recipe import Recipe
from mslt_it.models.base_model import Trained, base_of, model_hash, read_adapter, save_adapter, set_adapter_weights
from mslt_it.models.environment import deterministic_on_cpu, on_main
from mslt_it.models.finished_run import adapter_hash
from mslt_it.models.lora_in_place import in_place
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample, with_windows
from mslt_it.training import averaging, checkpoints, guards, looks, memory, plans
from mslt_it.training.curves import write_losses
from mslt_it.training.layers import freeze
from mslt_it.training.looks import Validation
from mslt_it.training.plans import Plan
from mslt_it.training.progress_lines import loss_by_language
from mslt_it.training.trainer import AdapterTrainer

LOG = logging.getLogger("mslt_it")


@dataclass(frozen=True)
class TrainingSummary:
    """What training did, for the run's record."""

    adapter_dir: str
    adapter_sha256: str
    base_sha256: str
    num_steps: int  # optimiser steps in all, those before a resume included
    num_examples: int
    num_epochs: float
    num_trained_parameters: int
    num_supervised_tokens: int  # of one epoch
    world_size: int
    global_batch: int  # examples per optimiser step: per process x processes x accumulation
    batch_size: int  # examples per forward pass, as training ended
    gradient_checkpointing: bool
    final_loss: float | None  # mean over the last logged steps
    loss_by_language: Mapping[str, float]  # per source language, where it was last logged
    resumed_from: str | None  # name of the checkpoint
    supervised_only_head: bool  # False: the stock loss was used
    seconds: float  # of this process, not of the part before a resume
    best_step: int | None = None  # whose adapter it is, where training looked at held-out rows
    num_looks: int = 0
    flops: float | None = None  # spent on steps; None in runs of earlier versions


def train(
    recipe: Recipe,
    encoded: Sequence[EncodedExample],
    model: Trained,
    tokenizer: PreTrainedTokenizerBase,
    run_dir: Path,
    *,
    validation: Validation | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> TrainingSummary:
    """Train ``model``'s adapter, or all of it, on ``encoded``; writes ``run_dir``/adapter, /checkpoints, /tensorboard
    and /losses.jsonl.

    Starting again after an interruption goes on from the newest complete checkpoint of ``run_dir``: on a CPU the final
    adapter is equal to the bit. Out of memory, a single process halves ``training.batch_size`` and doubles the
    accumulation, from the newest checkpoint: the global batch stays. What is ``auto`` is chosen before the first step
    (`memory`). ``validation`` is looked at every ``training.eval_steps``; the adapter is that of the best look.
    """
    started, num_examples, encoded = time.perf_counter(), len(encoded), with_windows(encoded)
    if not any(row.num_supervised for row in encoded):
        raise Problem(f"Recipe '{recipe.name}': none of {len(encoded)} training rows has a supervised token.")
    (run_dir / checkpoints.FOLDER).mkdir(parents=True, exist_ok=True)
    base_sha256 = model_hash(model)
    freeze(model, recipe.training.freeze_layers)
    keys = checkpoints.training_keys(recipe, encoded, base_sha256)

    def trainer_of(plan: Plan) -> AdapterTrainer:
        return AdapterTrainer(recipe, encoded, model, tokenizer, run_dir, plan, keys, validation, callbacks)

    trainer, state, plan, resume = _stepped(trainer_of, model, recipe, keys, run_dir)
    found = looks.looks(state.log_history, validation.metric) if validation else []
    chosen = looks.best(found)
    if chosen is not None and chosen.step != state.global_step:
        best = run_dir / checkpoints.FOLDER / f"checkpoint-{chosen.step}"
        if (damage := checkpoints.find_damage(best)) is not None:
            raise Problem(f"{best} held the best adapter, and {damage}. Remove {best.parent} and start again.")
        set_adapter_weights(model, read_adapter(best), str(best))
    if number := recipe.training.average_checkpoints:
        averaging.set_mean(model, run_dir, number, state.max_steps)
    adapter_dir = run_dir / "adapter"
    _write(trainer, model, state, adapter_dir)
    last = {name: value for entry in state.log_history for name, value in entry.items()}
    return TrainingSummary(
        adapter_dir=str(adapter_dir),
        adapter_sha256=adapter_hash(adapter_dir),
        base_sha256=base_sha256,
        num_steps=state.global_step,
        num_examples=num_examples,
        num_epochs=state.global_step / trainer.steps_per_epoch,
        num_trained_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        num_supervised_tokens=sum(row.num_supervised for row in encoded),
        world_size=trainer.args.world_size,
        global_batch=trainer.global_batch,
        batch_size=plan.batch_size,
        gradient_checkpointing=plan.recomputes,
        final_loss=last.get("loss"),
        loss_by_language=loss_by_language(last),
        resumed_from=resume.name if resume else None,
        supervised_only_head=trainer.supervised_only,
        seconds=time.perf_counter() - started,
        best_step=chosen.step if chosen else None,
        num_looks=len(found),
        flops=flops(base_of(model), state.global_step / trainer.steps_per_epoch * sum(trainer.lengths)),
    )


def _stepped(
    trainer_of: Callable[[Plan], AdapterTrainer], model: Trained, recipe: Recipe, keys: Mapping[str, Any], run_dir: Path
) -> tuple[AdapterTrainer, TrainerState, Plan, Path | None]:
    """The trainer that made all steps, its state, how rows went through the model at last, and the checkpoint it went
    on from; ``trainer_of``: makes one of a ``plan``."""
    fresh = {name: p.detach().to("cpu", copy=True) for name, p in model.named_parameters() if p.requires_grad}
    folder, training = run_dir / checkpoints.FOLDER, recipe.training
    plan = plans.planned(training, folder)
    while True:
        own = plan or Plan(1, training.rows_per_step)
        trainer = trainer_of(own)
        try:
            if plan is None:
                plan = memory.measured(trainer, training)
                if trainer.args.should_save:
                    plans.record(plan, folder)
                continue
            # TRL makes QLoRA adapters bfloat16, where small steps round to nothing; a failed try left its steps.
            for name, parameter in model.named_parameters():
                if name in fresh:
                    parameter.data = fresh[name].to(parameter.device, copy=True)
            fingerprint, size = recipe.training_fingerprint(), trainer.args.world_size
            newest = functools.partial(checkpoints.newest_complete, run_dir, fingerprint, keys=keys, world_size=size)
            resume = on_main(newest)  # it sets torn ones aside
            with deterministic_on_cpu(), in_place(model):
                return trainer, trainer.run(resume), own, resume
        except torch.OutOfMemoryError as error:
            less = own.smaller(training) if trainer.args.world_size == 1 else None
            if less is None:
                raise Problem(
                    f"Out of memory with {own.batch_size} examples per forward pass and process. Use a smaller "
                    "training.batch_size with a larger training.gradient_accumulation_steps, or "
                    "training.gradient_checkpointing=true."
                ) from error
            plan = less
            plans.record(plan, folder)
            LOG.warning("Out of memory: continuing with %s.", plan)
        finally:
            trainer.release()
        model.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()


def _write(trainer: AdapterTrainer, model: Trained, state: TrainerState, adapter_dir: Path) -> None:
    """Writes the adapter, whole or not at all, and the losses beside it."""
    # Sharded weights are gathered by all processes together, before one of them writes.
    gathered = trainer.accelerator.get_state_dict(trainer.model_wrapped) if trainer.is_fsdp_enabled else None
    if trainer.args.should_save:
        guards.check_weights(model, state.global_step)
        temporary = adapter_dir.with_name(".adapter.part")
        shutil.rmtree(temporary, ignore_errors=True)
        save_adapter(model, temporary, state_dict=gathered)
        shutil.rmtree(adapter_dir, ignore_errors=True)
        temporary.rename(adapter_dir)
        write_losses(adapter_dir.parent, state.log_history)
    trainer.accelerator.wait_for_everyone()


def flops(base: Any, num_tokens: float) -> float:
    """Floating-point operations of training on so many tokens, padding left out.

    Per token 2 for each parameter forward, 2 backward to what it reads, 2 for each one that is trained (Kaplan et al.
    2020, arXiv 2001.08361, section 2.1); the table of embeddings is looked up, attention's own products are left out.
    """
    parameters, trained = (base.num_parameters(only_trainable=only, exclude_embeddings=True) for only in (False, True))
    return float((4 * parameters + 2 * trained) * num_tokens)
