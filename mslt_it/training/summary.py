"""What training hands back, and what it logged: loss, loss/LANGUAGE, learning_rate, grad_norm, looks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.store import write_atomically

LOSSES = "losses.jsonl"  # in a run folder: a line per logged step; sealed with the run


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
    final_loss: float | None  # mean over the last logged steps
    loss_by_language: Mapping[str, float]  # per source language, where it was last logged
    resumed_from: str | None  # name of the checkpoint
    supervised_only_head: bool  # False: the stock loss was used
    seconds: float  # of this process, not of the part before a resume
    best_step: int | None = None  # whose adapter it is, where training looked at held-out rows
    num_looks: int = 0


def write_losses(folder: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """What was logged at each step. Checkpoints keep it, so an interrupted run loses no step of it."""
    steps = [entry for entry in history if "train_runtime" not in entry]  # a summary of this process alone
    write_atomically(folder / LOSSES, "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in steps))
