"""Checkpoints that are either whole or not there.

Trainer writes a checkpoint's files one by one, in place. Here they are sealed last, and only a folder whose files
are as they were sealed is resumed from. A kill -9 at any moment leaves the checkpoint before it usable.
"""

from __future__ import annotations

import logging
import shutil
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback

from mslt_it import store
from mslt_it.config.decides import deciding
from mslt_it.config.recipe import Recipe
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample, fingerprint_of_rows
from mslt_it.store import COMPLETE, find_damage

LOG = logging.getLogger("mslt_it")
FOLDER = "checkpoints"  # inside a run folder
TORN = "torn-"
# Everything a resumed run reads. Random states are rng_state.pth, or rng_state_<rank>.pth with several processes.
NEEDED = ("adapter_model.safetensors", "trainer_state.json", "scheduler.pt")


def newest_complete(
    run_dir: Path, training_fingerprint: str, *, keys: Mapping[str, Any], world_size: int
) -> Path | None:
    """The newest checkpoint of ``run_dir`` that verifies, or None when there is none to resume from.

    Damaged folders are reported by name and set aside as ``torn-checkpoint-N``, where Trainer does not look. A whole
    checkpoint of another recipe, of other data (``keys``, see `training_keys`) or of another number of processes is a
    Problem that lists what differs: going on would train something nobody asked for.
    """
    now = {**keys, "number of processes": world_size, "training fingerprint": training_fingerprint}
    for folder in sorted((run_dir / FOLDER).glob("checkpoint-*"), key=_step, reverse=True):
        damage, record = find_damage(folder), store.read_json(folder / COMPLETE) or {}
        if damage is None:
            missing = [name for name in NEEDED if name not in record["files"]]
            missing += [key for key in ("training_fingerprint", "world_size", "keys") if key not in record]
            damage = f"{COMPLETE} does not name {missing[0]}" if missing else None
        if damage is not None:
            aside = folder.with_name(TORN + folder.name)
            shutil.rmtree(aside, ignore_errors=True)
            aside.unlink(missing_ok=True)  # where it was no folder
            folder.rename(aside)
            LOG.warning("Checkpoint %s is not used: %s. It was set aside as %s.", folder, damage, aside.name)
            continue
        fingerprint = record["training_fingerprint"]
        saved = {**record["keys"], "number of processes": record["world_size"], "training fingerprint": fingerprint}
        differing = [key for key in saved | now if saved.get(key) != now.get(key)]
        if differing:
            said = "; ".join(f"{key}: {saved.get(key)!r} in the checkpoint, {now.get(key)!r} now" for key in differing)
            raise Problem(
                f"Checkpoint {folder} belongs to another run and is not resumed from. Different: {said}. "
                "Put these back, or choose another output_dir."
            )
        return folder
    return None


def seal(folder: Path, training_fingerprint: str, keys: Mapping[str, Any], world_size: int) -> None:
    """Write ``COMPLETE.json``: from here on the checkpoint counts."""
    files = {str(f.relative_to(folder)): f for f in sorted(folder.rglob("*")) if f.is_file() and f.name != COMPLETE}
    for name in NEEDED:
        if name not in files:
            raise Problem(f"Checkpoint {folder}: {name} was not written, so it could not be resumed from.")
    num_random_states = sum(name.startswith("rng_state") for name in files)
    if num_random_states != world_size or not any(name.startswith("optimizer") for name in files):
        raise Problem(f"Checkpoint {folder}: the optimiser's state or a process's random state was not written.")
    about = {
        "step": _step(folder),
        "training_fingerprint": training_fingerprint,
        "world_size": world_size,
        "keys": dict(keys),
    }
    store.seal(folder, files.values(), about)


def training_keys(recipe: Recipe, encoded: Sequence[EncodedExample], base_sha256: str) -> dict[str, Any]:
    """What `Recipe.training_fingerprint` covers, one value per dotted key, so that a difference can be named; and of
    the rows and the base their hashes: a resumed run must see the same data, not merely the same recipe."""
    parts = ("sources", "seed", "task", "data", "prompt", "model", "adapter", "training")
    keys: dict[str, Any] = {"training rows": fingerprint_of_rows(encoded), "base weights": base_sha256}
    for part in parts:
        value = deciding(getattr(recipe, part))
        keys |= {f"{part}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {part: value}
    return keys


def require_space(folder: Path, model: nn.Module) -> None:
    """A Problem when the disk cannot take a checkpoint: before it is begun. At most it is the adapter and AdamW's two
    moments, and 1 MiB for everything else."""
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    store.require_space(
        folder,
        int(trained * 3 * 1.1) + 2**20,
        "a checkpoint",
        "The older checkpoint is kept: free some space and start again.",
    )


class SaveWhenTold(TrainerCallback):
    """USR1 saves a checkpoint after the step that is at work: a cluster sends it before it kills (SLURM:
    ``--signal=USR1@120``)."""

    def __init__(self) -> None:
        self.told = False
        self._before: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGUSR1, self._hear)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGUSR1, self._before)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        told, self.told = self.told, False
        if args.world_size > 1:  # they save together, and hear of it at different steps
            heard = torch.tensor([int(told)], device=args.device)
            torch.distributed.all_reduce(heard, op=torch.distributed.ReduceOp.MAX)
            told = bool(heard.item())
        control.should_save |= told

    def _hear(self, number: int, frame: Any) -> None:
        self.told = True


class CheckpointSealer(TrainerCallback):
    """Seals each checkpoint once all processes have written their files, and clears what was set aside before it."""

    def __init__(self, training_fingerprint: str, keys: Mapping[str, Any]) -> None:
        self.training_fingerprint, self.keys = training_fingerprint, keys

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # Trainer forgets the running loss on resume; with a log at each save, logged losses are equal after it too.
        if control.should_save:
            control.should_log = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if args.world_size > 1:
            torch.distributed.barrier()  # the other processes' random states are part of the checkpoint
        if args.should_save:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            seal(folder, self.training_fingerprint, self.keys, args.world_size)
            for torn in folder.parent.glob(f"{TORN}checkpoint-*"):
                shutil.rmtree(torn, ignore_errors=True)


class LookSometimes(TrainerCallback):
    """Asks for a look and a checkpoint every ``training.eval_steps`` and at the last step."""

    def __init__(self, every: int) -> None:
        self.every = every

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % self.every == 0 or state.global_step >= state.max_steps:
            control.should_evaluate = control.should_save = True


def _step(folder: Path) -> int:
    number = folder.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1
