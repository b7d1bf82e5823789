"""The loop of training. The only importer of trl.

TRL's SFTTrainer does the loop, accumulation, DDP and FSDP; rows come tokenised and masked. Changed here: the order of
the batches (`batches`), the loss (`supervised_loss`), what may be saved (`guards`), what counts as it (`checkpoints`),
and that nothing of a step looks at all modules of the model or waits for the device twice.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase, PrinterCallback, TrainerCallback, TrainerState
from trl import SFTConfig, SFTTrainer

from mslt_it.config.recipe import Recipe, TrainingConfig
from mslt_it.data.segments import layout
from mslt_it.models.base_model import (
    PeftModel,
    Trained,
    base_of,
    read_adapter,
    save_adapter,
    set_adapter_weights,
    without_input_casts,
)
from mslt_it.models.fused_parts import FusedParts
from mslt_it.models.heads import head_of, in_bfloat16
from mslt_it.models.inputs import longest_input
from mslt_it.models.kinds import is_text_to_text
from mslt_it.models.stacked_lora import StackedLora
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample
from mslt_it.training import averaging, checkpoints, guards, looks
from mslt_it.training.batches import IGNORED, LengthGroupedOrder, PaddingCollator, length_step, padding_id, to_dataset
from mslt_it.training.curves import Curves
from mslt_it.training.layers import rates
from mslt_it.training.looks import Validation
from mslt_it.training.plans import Plan, draws
from mslt_it.training.progress_lines import ProgressLines
from mslt_it.training.supervised_loss import (
    add_answer_forward,
    add_head_forward,
    add_supervised_forward,
    balanced,
    can_project_supervised_only,
)
from mslt_it.training.whole_step import WholeStep, goes_whole

LOG = logging.getLogger("mslt_it")


class AdapterTrainer(SFTTrainer):
    """SFTTrainer with our order, loss, guards and checkpoints."""

    def __init__(
        self,
        recipe: Recipe,
        encoded: Sequence[EncodedExample],
        model: Trained,
        tokenizer: PreTrainedTokenizerBase,
        run_dir: Path,
        plan: Plan,
        keys: Mapping[str, Any],
        validation: Validation | None = None,
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self.validation, self.patience = validation, recipe.training.patience
        self.languages = tuple(sorted({row.language for row in encoded}))
        self.lengths = [len(row.input_ids) for row in encoded]
        self.most_supervised = max(row.num_supervised for row in encoded)
        self.order_seed, self.layer_lr_decay = recipe.seed, recipe.training.layer_lr_decay
        base, pad_id = base_of(model), padding_id(tokenizer)
        head, average = head_of(base).name, recipe.training.average_checkpoints
        bf16 = in_bfloat16(recipe.model, base, is_adapted=isinstance(model, PeftModel))
        args = _config(recipe, run_dir, plan, bf16=bf16, draws=draws(model))
        self.global_batch = plan.batch_size * plan.accumulation * max(1, args.world_size)
        self.steps_per_epoch = -(-len(encoded) // self.global_batch)
        if args.max_steps < 0:
            args.max_steps = math.ceil(recipe.training.num_epochs * self.steps_per_epoch)
        super().__init__(
            model=model,
            args=args,
            data_collator=(collator := PaddingCollator(pad_id, layout(head, tokenizer))),
            train_dataset=to_dataset(encoded, self.languages, pad_id),
            processing_class=tokenizer,
            callbacks=[
                *([Curves(run_dir / "tensorboard")] if "tensorboard" in recipe.training.report_to else []),
                ProgressLines(run_dir / "log.txt", self.global_batch),
                *([checkpoints.LookSometimes(recipe.training.eval_steps)] if validation else []),
                *([averaging.Snapshots(run_dir, average)] if average else []),
                checkpoints.SaveWhenTold(),
                checkpoints.CheckpointSealer(recipe.training_fingerprint(), keys),
                *callbacks,
            ],
        )
        self.remove_callback(PrinterCallback)
        if self.is_fsdp_enabled and (validation or average):
            name = "average_checkpoints" if average else "eval_steps"
            raise Problem(
                f"training.{name}: it needs the whole model during training, which no process holds under FSDP. Set "
                f"training.{name}=0, or launch without FSDP."
            )
        is_apart = bool(head) or is_text_to_text(base)  # the answer stands apart from what is read
        self.supervised_only = is_apart or (can_project_supervised_only(base) and not self.aux_loss_enabled)
        if head:
            _add_head_loss(base, recipe.training, encoded)
        elif self.supervised_only:
            (add_answer_forward if is_apart else add_supervised_forward)(base)
        if self.supervised_only:
            self.model_accepts_loss_kwargs = True  # Trainer then counts the tokens of the global batch
        self._whole: WholeStep | None = None
        self._goes_whole = self.supervised_only and not self.is_fsdp_enabled and goes_whole(recipe, args)
        if self._goes_whole:
            multiple = length_step(max(self.lengths))
            if -(-max(self.lengths) // multiple) * multiple > longest_input(base):
                multiple = 1
            self.data_collator = dataclasses.replace(collator, multiple=multiple, says_places=not is_apart)
        self.model.__dict__["zero_grad"] = self._forget_gradients
        self.guard = guards.StepGuard(self.languages)
        self._is_in_training_mode = False  # all modules of the model, not it alone
        # negative log-likelihood, tokens
        self._language_sums = torch.zeros(2, len(self.languages), dtype=torch.float64)

    def run(self, resume: Path | None) -> TrainerState:
        """Train to the end, or only load the weights where ``resume`` is already there."""
        if resume is not None:
            state = TrainerState.load_from_json(str(resume / "trainer_state.json"))
            LOG.info("Resuming from %s (step %d of %d).", resume, state.global_step, self.args.max_steps)
            if state.global_step >= self.args.max_steps or self._is_over(state):  # Trainer would take one step more
                self._load_from_checkpoint(str(resume))
                return state
        self.train(resume_from_checkpoint=str(resume) if resume is not None else None)
        self._check()
        return self.state

    def release(self) -> None:
        """Give the model back as it came: nothing patched, no autocast around it."""
        self.accelerator.unwrap_model(self.model_wrapped, keep_fp32_wrapper=False)
        base_of(self.model).__dict__.pop("forward", None)  # ours, and TRL's below it
        self.model.__dict__.pop("zero_grad", None)
        self._whole = None
        self.model.eval()

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """A look at the held-out rows: logged, and told to the checkpoints and to what decides when to stop."""
        assert self.validation is not None
        self._check()
        model = self.accelerator.unwrap_model(self.model)
        self._is_in_training_mode = False
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
        if not self.supervised_only or return_outputs:
            stock = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            self.guard.keep(stock[0] if return_outputs else stock, languages)
            return stock
        outputs = model(**inputs, supervised_only=True)
        losses: Tensor = outputs["losses"]
        count = num_items_in_batch if num_items_in_batch is not None else outputs["counted"].sum()
        loss = losses.sum() / torch.as_tensor(count, device=losses.device).clamp(min=1)
        self.guard.keep(loss, languages)
        with torch.no_grad():
            self._language_sums = self._language_sums.to(losses.device)
            of_token = languages.to(losses.device)[outputs["rows"]]
            self._language_sums[0].index_add_(0, of_token, losses.detach().double())
            self._language_sums[1].index_add_(0, of_token, outputs["counted"].double())
        # num_items_in_batch counts the tokens of all processes, and DDP averages their gradients
        return loss * self.accelerator.num_processes if num_items_in_batch is not None else loss

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Tensor:
        """Trainer's own, which puts all modules into training mode each time: a large part of a small model's step."""
        if not self.supervised_only:
            return super().training_step(model, inputs, num_items_in_batch)
        if not self._is_in_training_mode:
            model.train()
            self._is_in_training_mode = True
        inputs = self._prepare_inputs(inputs)
        if self._goes_whole:
            if self._whole is None:  # after the optimiser's state was read from a checkpoint
                self._whole = self._make_whole(model)
            step, is_last = self.state.global_step + 1, self.accelerator.sync_gradients
            return self._whole.take(inputs, num_items_in_batch, step, is_last=is_last)
        with self.compute_loss_context_manager(), self._casts():
            loss = self.compute_loss(model, inputs, num_items_in_batch=num_items_in_batch)
            self.accelerator.backward(loss)
        return loss.detach()

    def _casts(self) -> AbstractContextManager[None]:
        """Of a forward pass and its backward pass, which may make it again."""
        return without_input_casts(self.model) if self.args.bf16 else nullcontext()

    def _make_whole(self, model: nn.Module) -> WholeStep:
        def losses(inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
            given = {name: value for name, value in inputs.items() if name != "languages"}
            found = model(**given, supervised_only=True)
            return found["losses"], inputs["languages"][found["rows"]], found["counted"]

        def redo(passes: list[dict[str, Tensor]], count: Tensor, step: int) -> None:
            self._forget_gradients()
            for inputs in passes:
                with self._casts(), self.accelerator.autocast():
                    self.accelerator.backward(self.compute_loss(model, dict(inputs), num_items_in_batch=count))
            self.guard.clip(self.model, self._trained, math.inf, step)

        lora, parts = self._plain_lora(), FusedParts(self.model)
        if lora is not None:  # which says itself whether there is autocast
            self.accelerator.unwrap_model(model, keep_fp32_wrapper=False)

        @contextmanager
        def during() -> Iterator[None]:
            with parts.on(), lora.own() if lora else self._casts(), lora.autocast() if lora else nullcontext():
                yield

        most, optimizer = self.args.max_grad_norm or math.inf, self.optimizer.optimizer
        captures = self.args.device.type == "cuda"
        return WholeStep(losses, optimizer, most, len(self.languages), redo, during, captures=captures)

    def _plain_lora(self) -> StackedLora | None:
        """The adapter, where its layers do no more than add a product of two matrices: that takes fewer kernels."""
        try:
            lora = StackedLora(self.model, torch.bfloat16 if self.args.bf16 else torch.float32)
            lora.check()
        except Problem:
            return None
        lora.put_on([lora.read()])
        lora.take_off()
        return lora

    def _check(self) -> None:
        if self._whole is not None:
            self._whole.check()

    @functools.cached_property
    def _trained(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def _forget_gradients(self, set_to_none: bool = True) -> None:
        for parameter in self._trained:
            parameter.grad = None

    def _clip_grad_norm(self, model: nn.Module) -> Tensor:
        if self._whole is not None:
            return self._whole.norm  # clipped already, as the optimiser's step is made
        most = self.args.max_grad_norm or math.inf
        return self.guard.clip(self.model, self._trained, most, self.state.global_step + 1)

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        return self._clip_grad_norm(model) if grad_norm is None else grad_norm

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Nobody reads it, and counting looks at all parameters at each step."""
        return 0

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs and self.supervised_only:
            self._check()
            own = self._language_sums if self._whole is None else self._whole.sums
            sums = self.accelerator.reduce(own, reduction="sum").cpu()
            own.zero_()
            for language, total, count in zip(self.languages, *sums.tolist(), strict=True):
                if count:
                    logs[f"loss/{language}"] = total / count
        super().log(logs, start_time)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        self._check()
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


def _add_head_loss(base: nn.Module, training: TrainingConfig, encoded: Sequence[EncodedExample]) -> None:
    labels = [label for row in encoded for label in row.labels if label != IGNORED]
    is_balanced = training.class_weights == "balanced"
    add_head_forward(
        base,
        label_smoothing=training.label_smoothing,
        weights=balanced(labels, max(base.config.num_labels, max(labels) + 1)) if is_balanced else None,
    )


def _config(recipe: Recipe, run_dir: Path, plan: Plan, *, bf16: bool, draws: bool) -> SFTConfig:
    training, cpu = recipe.training, not torch.cuda.is_available()
    again = {"use_reentrant": False, "preserve_rng_state": draws}
    with warnings.catch_warnings():
        # Newer transformers call it activation_checkpointing; the name given here is the one TRL 1.16 knows.
        warnings.filterwarnings("ignore", "`gradient_checkpointing` is deprecated", FutureWarning)
        return SFTConfig(
            output_dir=str(run_dir / checkpoints.FOLDER),
            per_device_train_batch_size=plan.batch_size,
            gradient_accumulation_steps=plan.accumulation,
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
            gradient_checkpointing=plan.recomputes,
            gradient_checkpointing_kwargs=again if plan.recomputes else None,
            bf16=bf16,
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
