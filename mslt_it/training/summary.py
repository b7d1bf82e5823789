"""What training hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    flops: float | None = None  # spent on steps; None in runs of earlier versions


def flops(base: Any, num_tokens: float) -> float:
    """Floating-point operations of training on so many tokens, padding left out.

    Per token 2 for each parameter forward, 2 backward to what it reads, 2 for each one that is trained (Kaplan et al.
    2020, arXiv 2001.08361, section 2.1); the table of embeddings is looked up, attention's own products are left out.
    """
    parameters, trained = (base.num_parameters(only_trainable=only, exclude_embeddings=True) for only in (False, True))
    return float((4 * parameters + 2 * trained) * num_tokens)
