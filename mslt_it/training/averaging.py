"""The mean of a run's own checkpoints instead of its last step (Schmidt et al. 2023, arXiv 2305.16834).

Without labels of a target nobody can choose the step that transfers best; the mean of weights at evenly spaced steps of
one run is as good as a well chosen one, in their experiments. An adapter's two matrices are averaged each for itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from mslt_it.models.base_model import Trained, read_adapter, save_adapter, set_adapter_weights
from mslt_it.problems import Problem
from mslt_it.training.checkpoints import FOLDER, require_space


def steps(number: int, max_steps: int) -> list[int]:
    """The steps whose weights are averaged: ``number`` of them evenly spaced, the last one among them."""
    return [max_steps * i // number for i in range(1, number + 1)]


class Snapshots(TrainerCallback):
    """Keeps the weights at these steps beside the checkpoints; a resumed run writes those after its own anew."""

    def __init__(self, run_dir: Path, number: int) -> None:
        self.run_dir, self.number = run_dir, number

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.number > state.max_steps:
            raise Problem(
                f"training.average_checkpoints={self.number}, but the run has {state.max_steps} steps. Use "
                f"{state.max_steps} or fewer, or train for longer."
            )

    def on_step_end(self, args: Any, state: Any, control: Any, *, model: Any, **kwargs: Any) -> None:
        if args.should_save and state.global_step in steps(self.number, state.max_steps):
            folder = _folder(self.run_dir, state.global_step)
            require_space(folder.parent, model)
            shutil.rmtree(folder, ignore_errors=True)
            temporary = folder.with_name(f".{folder.name}.part")
            save_adapter(model, temporary)
            temporary.rename(folder)


def set_mean(model: Trained, run_dir: Path, number: int, max_steps: int) -> None:
    """Puts the mean of the snapshots' weights into the model; summed in float32, one snapshot read at a time."""
    total: dict[str, torch.Tensor] = {}
    for step in steps(number, max_steps):
        for name, tensor in read_adapter(_folder(run_dir, step)).items():
            total[name] = total[name] + tensor.float() if name in total else tensor.float()
    mean = {name: tensor / number for name, tensor in total.items()}
    set_adapter_weights(model, mean, str(run_dir / FOLDER))


def _folder(run_dir: Path, step: int) -> Path:
    return run_dir / FOLDER / f"snapshot-{step}"
