"""Training told as it goes: steps, loss per language, rate, time left, and after ten steps what the whole will take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from mslt_it.progress import Progress, duration, peak_memory_bytes
from mslt_it.training.looks import PREFIX

STEPS_TO_ESTIMATE = 10  # the longest batch is among them: it comes first
WORTH_TELLING = 10.0  # seconds; what is over sooner needs no estimate


def loss_by_language(logs: Mapping[str, Any]) -> dict[str, float]:
    """Of what the Trainer logs, ``loss/ar`` and the like."""
    return {name.removeprefix("loss/"): value for name, value in logs.items() if name.startswith("loss/")}


class ProgressLines(TrainerCallback):
    """A bar in a terminal, lines elsewhere and in the log."""

    progress: Progress  # while training goes

    def __init__(self, log: Path, rows_per_step: int) -> None:
        self.log, self.rows_per_step, self.losses = log, rows_per_step, ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.progress = Progress(
            "Training",
            state.max_steps,
            "step",
            start=state.global_step,
            rows=("rows", self.rows_per_step),
            log=self.log,
        )

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            told = sorted(loss_by_language(logs).items()) or [("", logs["loss"])]
            self.losses = "loss " + ", ".join(f"{code} {value:.3f}".strip() for code, value in told)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        progress = self.progress
        progress.update(state.global_step, self.losses)
        left = progress.seconds_left
        if state.global_step - progress.start == STEPS_TO_ESTIMATE and left is not None and left >= WORTH_TELLING:
            whole = duration(left * (progress.total - progress.start) / (progress.total - progress.done))
            on_gpu = torch.cuda.is_available()
            peak = torch.cuda.max_memory_allocated() if on_gpu else peak_memory_bytes()
            progress.say(
                f"Estimate after {STEPS_TO_ESTIMATE} steps: {whole} for {progress.total - progress.start} steps; peak "
                f"memory {peak / 1e9:.1f} GB{' of the GPU' if on_gpu else ''}."
            )

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        if metrics:
            found = {name.removeprefix(PREFIX): value for name, value in metrics.items() if "/" not in name}
            told = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
            self.progress.say(f"Held-out rows of the sources at step {state.global_step}: {told}")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.progress.close()
