"""Training curves: loss, loss/<language>, learning_rate, grad_norm, as TensorBoard files while a run goes and as
losses.jsonl at its end. Nothing goes online."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerCallback

from mslt_it.runs import LOSSES
from mslt_it.store import write_atomically


class Curves(TrainerCallback):
    """One scalar per logged number; Trainer's own callback would file ``loss/en`` as ``train/loss/en``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer: SummaryWriter | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            # Points after the checkpoint a run resumes from were written by the interrupted run: drop them.
            purge = state.global_step + 1 if state.global_step else None
            self.writer = SummaryWriter(log_dir=str(self.folder), purge_step=purge)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if self.writer is None:
            return
        for name, value in (logs or {}).items():
            if isinstance(value, (int, float)):
                self.writer.add_scalar(name, value, state.global_step)
        self.writer.flush()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def write_losses(folder: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """What was logged at each step. Checkpoints keep it, so an interrupted run loses no step of it."""
    steps = [entry for entry in history if "train_runtime" not in entry]  # a summary of this process alone
    write_atomically(folder / LOSSES, "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in steps))
