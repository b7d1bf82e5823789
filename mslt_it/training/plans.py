"""How the rows of an optimiser step go through the model: how many at once, and whether activations are recomputed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from mslt_it.config.recipe import TrainingConfig
from mslt_it.store import OWN_HASH, is_as_written, read_json, with_own_hash, write_json

FILE = "memory.json"  # beside the checkpoints: a run that goes on does so in the same way


@dataclass(frozen=True)
class Plan:
    """Of each process."""

    batch_size: int  # rows per forward pass
    accumulation: int  # forward passes per optimiser step
    recomputes: bool = False  # gradient checkpointing: activations are made again in the backward pass

    def __str__(self) -> str:
        how = " with gradient checkpointing" * self.recomputes
        return f"{self.batch_size} rows at once{how}, {self.accumulation} forward passes a step"

    def smaller(self, training: TrainingConfig) -> Plan | None:
        """The same step in less memory; None: the recipe allows none."""
        if training.gradient_checkpointing is None and not self.recomputes:
            return dataclasses.replace(self, recomputes=True)
        if self.batch_size % 2:
            return None
        return dataclasses.replace(self, batch_size=self.batch_size // 2, accumulation=self.accumulation * 2)


def planned(training: TrainingConfig, folder: Path) -> Plan | None:
    """What the recipe says, or what a run with checkpoints in ``folder`` began with; None: the memory is to say it."""
    if training.batch_size is not None and training.gradient_checkpointing is not None:
        return Plan(training.batch_size, training.gradient_accumulation_steps, training.gradient_checkpointing)
    found = (read_json(folder / FILE) or {}) if any(folder.glob("checkpoint-*")) else {}
    return Plan(**{name: value for name, value in found.items() if name != OWN_HASH}) if is_as_written(found) else None


def least(training: TrainingConfig) -> Plan:
    """That which needs the least memory."""
    size = training.batch_size or 1
    return Plan(size, training.rows_per_step // size, training.gradient_checkpointing is not False)


def record(plan: Plan, folder: Path) -> None:
    write_json(folder / FILE, with_own_hash(dataclasses.asdict(plan)))


def draws(model: nn.Module) -> bool:
    """Whether a forward pass draws at random, by what the modules and the configuration say. Where none does, making
    it again need not restore the random numbers, which a step that is recorded may not ask for (pytorch issue 83148).
    """
    config = model.config.get_text_config().to_dict()
    told = {name for name, value in config.items() if isinstance(value, float) and value > 0}
    return any(word in name for name in told for word in ("drop", "jitter", "noise")) or any(
        isinstance(module, nn.Dropout) and module.p > 0 for module in model.modules()
    )
