"""Supervised fine-tuning of an adapter, or of all weights. The only importer of trl.

TRL's SFTTrainer does the loop, accumulation, DDP and FSDP; rows come tokenised and masked. Changed here: the order of
the batches (`batches`), the loss (`supervised_loss`), what may be saved (`guards`), what counts as it (`checkpoints`).
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase, PrinterCallback, TrainerCallback, TrainerState
from trl import SFTConfig, SFTTrainer

from mslt_it.config.recipe import Recipe
from mslt_it.data.segments import layout
from mslt_it.models.base_model import (
    PeftModel,
    Trained,
    adapter_hash,
    base_of,
    model_hash,
    read_adapter,
    save_adapter,
    set_adapter_weights,
)
from mslt_it.models.environment import deterministic_on_cpu
from mslt_it.models.heads import head_of, in_bfloat16
from mslt_it.models.text_to_text import is_text_to_text
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample, with_windows
from mslt_it.training import averaging, checkpoints, guards, looks
from mslt_it.training.batches import IGNORED, LengthGroupedOrder, PaddingCollator, padding_id, rows_hash, to_dataset
from mslt_it.training.curves import Curves, write_losses
from mslt_it.training.layers import freeze, rates
from mslt_it.training.looks import Validation
from mslt_it.training.progress_lines import ProgressLines, loss_by_language
from mslt_it.training.summary import TrainingSummary, flops
from mslt_it.training.supervised_loss import (
    add_answer_forward,
    add_head_forward,
    add_supervised_forward,
    balanced,
    can_project_supervised_only,
)

LOG = logging.getLogger("mslt_it")


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
    adapter is equal to the bit. ``training.batch_size`` counts examples per process and forward pass; out of memory, a
    single process halves it and doubles the accumulation, from the newest checkpoint: the global batch stays.

    Args:
        validation: what is looked at every ``training.eval_steps``; the adapter is that of the best look.
    """
    started, pad_id = time.perf_counter(), padding_id(tokenizer)
    num_examples, encoded = len(encoded), with_windows(encoded)
    if not any(row.num_supervised for row in encoded):
        raise Problem(f"Recipe '{recipe.name}': none of {len(encoded)} training rows has a supervised token.")
    (run_dir / checkpoints.FOLDER).mkdir(parents=True, exist_ok=True)
    base_sha256 = model_hash(model)
    freeze(model, recipe.training.freeze_layers)
    keys = checkpoints.training_keys(recipe) | {"training rows": rows_hash(encoded), "base weights": base_sha256}
    fresh = {name: p.detach().to("cpu", copy=True) for name, p in model.named_parameters() if p.requires_grad}
    micro, accumulation = recipe.training.batch_size, recipe.training.gradient_accumulation_steps
    while True:
        trainer = AdapterTrainer(
            recipe, encoded, model, tokenizer, run_dir, pad_id, (micro, accumulation), keys, validation, callbacks
        )
        try:
            # TRL makes QLoRA adapters bfloat16, where small steps round to nothing; a failed try left its steps.
            for name, parameter in model.named_parameters():
                if name in fresh:
                    parameter.data = fresh[name].to(parameter.device, copy=True)
            resume = checkpoints.agree_on_newest(run_dir, recipe.training_fingerprint(), keys, trainer.args.world_size)
            with deterministic_on_cpu():
                state = trainer.run(resume)
            break
        except torch.OutOfMemoryError as error:
            if trainer.args.world_size > 1 or micro % 2:
                raise Problem(
                    f"Out of memory with {micro} examples per forward pass and process. Use a smaller "
                    "training.batch_size with a larger training.gradient_accumulation_steps, or "
                    "training.gradient_checkpointing=true."
                ) from error
            micro, accumulation = micro // 2, accumulation * 2
            LOG.warning(
                "Out of memory: going on with %d examples per forward pass, accumulation %d.", micro, accumulation
            )
        finally:
            trainer.release()
        model.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
    found = looks.looks(state.log_history, validation.metric) if validation else []
    chosen = looks.best(found)
    if chosen is not None and chosen.step != state.global_step:
        folder = run_dir / checkpoints.FOLDER / f"checkpoint-{chosen.step}"
        if (damage := checkpoints.find_damage(folder)) is not None:
            raise Problem(f"{folder} held the best adapter, and {damage}. Remove {folder.parent} and start again.")
        set_adapter_weights(model, read_adapter(folder), str(folder))
    if number := recipe.training.average_checkpoints:
        averaging.set_mean(model, run_dir, number, state.max_steps)
    adapter_dir = run_dir / "adapter"
    # Sharded weights are gathered by all processes together, before one of them writes.
    gathered = trainer.accelerator.get_state_dict(trainer.model_wrapped) if trainer.is_fsdp_enabled else None
    if trainer.args.should_save:
        guards.check_weights(model, state.global_step)
        temporary = run_dir / ".adapter.part"
        shutil.rmtree(temporary, ignore_errors=True)
        save_adapter(model, temporary, state_dict=gathered)
        shutil.rmtree(adapter_dir, ignore_errors=True)
        temporary.rename(adapter_dir)
        write_losses(run_dir, state.log_history)
    trainer.accelerator.wait_for_everyone()
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
        final_loss=last.get("loss"),
        loss_by_language=loss_by_language(last),
        resumed_from=resume.name if resume else None,
        supervised_only_head=trainer.supervised_only,
        seconds=time.perf_counter() - started,
        best_step=chosen.step if chosen else None,
        num_looks=len(found),
        flops=flops(base_of(model), state.global_step / trainer.steps_per_epoch * sum(trainer.lengths)),
    )


class AdapterTrainer(SFTTrainer):
    """SFTTrainer with our order, loss, guards and checkpoints."""

    def __init__(
        self,
        recipe: Recipe,
        encoded: Sequence[EncodedExample],
        model: Trained,
        tokenizer: PreTrainedTokenizerBase,
        run_dir: Path,
        pad_id: int,
        batch: tuple[int, int],
        keys: Mapping[str, Any],
        validation: Validation | None = None,
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self.validation, self.patience = validation, recipe.training.patience
        self.languages = tuple(sorted({row.language for row in encoded}))
        self.lengths = [len(row.input_ids) for row in encoded]
        self.order_seed, self.layer_lr_decay = recipe.seed, recipe.training.layer_lr_decay
        base = base_of(model)
        head = head_of(base).name
        args = _config(
            recipe, run_dir, batch, bf16=in_bfloat16(recipe.model, base, is_adapted=isinstance(model, PeftModel))
        )
        self.global_batch = batch[0] * batch[1] * max(1, args.world_size)
        self.steps_per_epoch = -(-len(encoded) // self.global_batch)
        if args.max_steps < 0:
            args.max_steps = math.ceil(recipe.training.num_epochs * self.steps_per_epoch)
        super().__init__(
            model=model,
            args=args,
            data_collator=PaddingCollator(pad_id, layout(head, tokenizer)),
            train_dataset=to_dataset(encoded, self.languages, pad_id),
            processing_class=tokenizer,
            callbacks=[
                guards.NonFiniteGuard(),
                *([Curves(run_dir / "tensorboard")] if "tensorboard" in recipe.training.report_to else []),
                ProgressLines(run_dir / "log.txt", self.global_batch),
                *([checkpoints.LookSometimes(recipe.training)] if validation else []),
                *([averaging.Snapshots(run_dir, average)] if (average := recipe.training.average_checkpoints) else []),
                checkpoints.SaveWhenTold(),
                checkpoints.CheckpointSealer(recipe.training_fingerprint(), keys),
                *callbacks,
            ],
        )
        self.remove_callback(PrinterCallback)
        if self.is_fsdp_enabled and (validation or average):
            name = "average_checkpoints" if average else "eval_steps"
            raise Problem(
                f"training.{name}: no process holds the whole model under FSDP, which that needs as training goes. Set "
                f"training.{name}=0, or launch without FSDP."
            )
        is_apart = bool(head) or is_text_to_text(base)  # the answer stands apart from what is read
        self.supervised_only = is_apart or (can_project_supervised_only(base) and not self.aux_loss_enabled)
        if head:
            labels = [label for row in encoded for label in row.labels if label != IGNORED]
            is_balanced = recipe.training.class_weights == "balanced"
            add_head_forward(
                base,
                label_smoothing=recipe.training.label_smoothing,
                weights=balanced(labels, max(base.config.num_labels, max(labels) + 1)) if is_balanced else None,
            )
        elif self.supervised_only:
            (add_answer_forward if is_apart else add_supervised_forward)(base)
        if self.supervised_only:
            self.model_accepts_loss_kwargs = True  # Trainer then counts the tokens of the global batch
        self._language_sums = torch.zeros(
            2, len(self.languages), dtype=torch.float64
        )  # negative log-likelihood, tokens

    def run(self, resume: Path | None) -> TrainerState:
        """Train to the end, or only load the weights where ``resume`` is already there."""
        if resume is not None:
            state = TrainerState.load_from_json(str(resume / "trainer_state.json"))
            LOG.info("Resuming from %s (step %d of %d).", resume, state.global_step, self.args.max_steps)
            if state.global_step >= self.args.max_steps or self._is_over(state):  # Trainer would take one step more
                self._load_from_checkpoint(str(resume))
                return state
        self.train(resume_from_checkpoint=str(resume) if resume is not None else None)
        return self.state

    def release(self) -> None:
        """Give the model back as it came: no patched forward, no autocast around it."""
        self.accelerator.unwrap_model(self.model_wrapped, keep_fp32_wrapper=False)
        base = base_of(self.model)
        base.__dict__.pop("forward", None)  # ours, and TRL's below it
        self.model.eval()

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """A look at the held-out rows: logged, and told to the checkpoints and to what decides when to stop."""
        assert self.validation is not None
        model = self.accelerator.unwrap_model(self.model)
        sums = torch.as_tensor(self.validation.sums(model, self.args.process_index, self.args.world_size))
        added = self.accelerator.reduce(sums.to(self.args.device), reduction="sum").cpu().numpy()
        found = {f"{looks.PREFIX}{name}": value for name, value in self.validation.values(added).items()}
        self.log(dict(found))  # it adds to what it is given
        chosen = looks.best(looks.looks(self.state.log_history, self.validation.metric))
        assert chosen is not None
        # Trainer clears older checkpoints, but not this one.
        self.state.best_model_checkpoint = str(Path(self.args.output_dir) / f"checkpoint-{chosen.step}")
        control = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)  # asks for no other
        control.should_training_stop |= self._is_over(self.state)
        return found

    def _is_over(self, state: TrainerState) -> bool:
        if self.validation is None:
            return False
        return looks.is_over(looks.looks(state.log_history, self.validation.metric), self.patience)

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroupedOrder:
        # The epoch from the step count: accelerate does not pass set_epoch on to a sampler it both shards and skips in.
        return LengthGroupedOrder(
            self.lengths, self.global_batch, self.order_seed, lambda: self.state.global_step // self.steps_per_epoch
        )

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        if self.layer_lr_decay == 1.0:
            return super().create_optimizer(model)
        model = self.model if model is None else model
        decayed, parameters = set(self.get_decay_parameter_names(model)), dict(model.named_parameters())
        groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for name, rate in rates(model, self.layer_lr_decay).items():
            groups.setdefault((rate, name in decayed), []).append(parameters[name])
        optimizer, options = self.get_optimizer_cls_and_kwargs(self.args, model)
        self.optimizer: torch.optim.Optimizer = optimizer(
            [  # the highest rate first: it is the one that is logged
                {"params": own, "lr": self.args.learning_rate * rate, "weight_decay": self.args.weight_decay * decays}
                for (rate, decays), own in sorted(groups.items(), key=lambda group: group[0], reverse=True)
            ],
            **options,
        )
        return self.optimizer

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        languages = inputs.pop("languages")
        step = self.state.global_step + 1
        spoken = [self.languages[int(i)] for i in languages.unique()]
        if not self.supervised_only or return_outputs:
            stock = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            guards.check_loss(stock[0] if return_outputs else stock, self.model, step, spoken)
            return stock
        outputs = model(**inputs, supervised_only=True)
        losses: Tensor = outputs["losses"]
        count = num_items_in_batch if num_items_in_batch is not None else max(1, losses.numel())
        loss = losses.sum() / torch.as_tensor(count, device=losses.device).clamp(min=1)
        guards.check_loss(loss, self.model, step, spoken)
        with torch.no_grad():
            self._language_sums = self._language_sums.to(losses.device)
            of_token = languages.to(losses.device)[outputs["rows"]]
            self._language_sums[0].index_add_(0, of_token, losses.detach().double())
            self._language_sums[1].index_add_(0, of_token, torch.ones_like(losses, dtype=torch.float64))
        # num_items_in_batch counts the tokens of all processes, and DDP averages their gradients
        return loss * self.accelerator.num_processes if num_items_in_batch is not None else loss

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        loss = super().training_step(*args, **kwargs)
        if self.accelerator.sync_gradients:
            guards.check_gradients(self.model, self.state.global_step + 1)
        return loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs and self.supervised_only:
            sums = self.accelerator.reduce(self._language_sums, reduction="sum").cpu()
            self._language_sums = torch.zeros_like(self._language_sums)
            for language, total, count in zip(self.languages, *sums.tolist(), strict=True):
                if count:
                    logs[f"loss/{language}"] = total / count
        super().log(logs, start_time)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        guards.check_weights(self.model, self.state.global_step)
        folder = Path(self.args.output_dir)
        checkpoints.require_space(folder, self.model)
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors wrap a full disk in their own
            torn = folder / f"checkpoint-{self.state.global_step}"
            shutil.rmtree(torn, ignore_errors=True)
            raise Problem(
                f"Checkpoint {torn} could not be written: {error}. It was removed and the older one is kept: "
                "free some space and start again."
            ) from error

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        # The adapter alone: no pickled arguments, no copy of the tokenizer, no look at the Hub.
        if self.args.should_save:
            save_adapter(self.model, output_dir or self.args.output_dir, state_dict=state_dict)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        set_adapter_weights(self.model, read_adapter(resume_from_checkpoint), resume_from_checkpoint)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: the run's report says more."""

    def _send_telemetry(self) -> None:
        """Never: training tells nobody that it runs."""


def _config(recipe: Recipe, run_dir: Path, batch: tuple[int, int], *, bf16: bool) -> SFTConfig:
    training, cpu = recipe.training, not torch.cuda.is_available()
    with warnings.catch_warnings():
        # Newer transformers call it activation_checkpointing; the name given here is the one TRL 1.16 knows.
        warnings.filterwarnings("ignore", "`gradient_checkpointing` is deprecated", FutureWarning)
        return SFTConfig(
            output_dir=str(run_dir / checkpoints.FOLDER),
            per_device_train_batch_size=batch[0],
            gradient_accumulation_steps=batch[1],
            learning_rate=training.learning_rate,
            max_steps=training.max_steps,
            lr_scheduler_type=training.lr_scheduler,
            warmup_steps=training.warmup_steps,
            weight_decay=training.weight_decay,
            max_grad_norm=training.max_grad_norm,
            logging_steps=training.logging_steps,
            logging_nan_inf_filter=False,  # it logs a NaN as 0.0; guards.py stops instead
            save_steps=training.save_steps,
            save_total_limit=2,  # Trainer deletes the older one before the newer one is sealed
            seed=recipe.seed,
            gradient_checkpointing=training.gradient_checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False} if training.gradient_checkpointing else None,
            bf16=bf16 and not cpu,
            fp16=False,
            use_cpu=cpu,
            ddp_backend="gloo" if cpu and int(os.environ.get("WORLD_SIZE", "1")) > 1 else None,
            ddp_find_unused_parameters=False,
            average_tokens_across_devices=True,
            dataloader_pin_memory=not cpu,
            remove_unused_columns=False,
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
            report_to="none",  # curves.py writes TensorBoard files, and trackers.py what else was asked for
            disable_tqdm=True,  # progress_lines.py shows more
        )
