"""What training hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    batch_size: int  # examples per forward pass, as training ended
    gradient_checkpointing: bool
    final_loss: float | None  # mean over the last logged steps
    loss_by_language: Mapping[str, float]  # per source language, where it was last logged
    resumed_from: str | None  # name of the checkpoint
    supervised_only_head: bool  # False: the stock loss was used
    seconds: float  # of this process, not of the part before a resume
    best_step: int | None = None  # whose adapter it is, where training looked at held-out rows
    num_looks: int = 0
