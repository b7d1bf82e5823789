"""How the rows of an optimiser step go through the model, where a recipe leaves that to the memory that there is.

What a step needs is measured on the longest rows, one and two of them: it grows by the row, and says before the first
step what any number would need. On a GPU it is the peak; on a CPU, where nobody counts, what the forward pass keeps for
the backward pass, times what was seen. How many rows make up a step is never changed by it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import torch
from accelerate.utils import gather_object

from mslt_it.config.recipe import TrainingConfig
from mslt_it.training.plans import Plan, least
from mslt_it.training.trainer import AdapterTrainer

ENOUGH = 4  # rows at once, with which recomputing is not worth a third more time
SHARE = 0.8  # of the memory that may be planned with: allocators lose some
OVER_KEPT = 2.5  # the peak on a CPU over what is kept: 1.5 to 2.5 seen, at three shapes


def measured(trainer: AdapterTrainer, training: TrainingConfig) -> Plan:
    """The plan for the memory that is free now; the same in all processes, and `least` where the weights are sharded.
    ``trainer``: with any plan, its rows and model in place; it is of no more use."""
    if trainer.is_fsdp_enabled:
        return least(training)
    model = trainer.model
    one, two = (_needed(trainer, number) for number in (1, 2))
    row = max(1, two - one)
    config, embedding = model.config.get_text_config(), model.get_input_embeddings().weight
    states = max(trainer.lengths) * config.hidden_size * embedding.element_size()  # between two layers
    logits = 3 * 4 * len(embedding) * trainer.most_supervised  # float32, with their softmax and gradient
    recomputed = 2 * row / config.num_hidden_layers + states * config.num_hidden_layers + logits
    # gradients, AdamW's two moments and a copy while it steps
    fixed = max(0, one - row) + sum(4 * p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    room = available_bytes(trainer.args.device) * SHARE - fixed
    plans = gather_object([_chosen(training, room, {False: row, True: recomputed})])
    return min(plans, key=lambda plan: (not plan.recomputes, plan.batch_size))  # the thriftiest


def _chosen(training: TrainingConfig, room: float, bytes_of_row: Mapping[bool, float]) -> Plan:
    """As many rows at once as have room; recomputing only where few have."""
    rows, asked = training.rows_per_step, training.gradient_checkpointing
    sizes = [n for n in range(rows, 0, -1) if rows % n == 0] if training.batch_size is None else [training.batch_size]
    ways = [False, True] if asked is None else [asked]
    for recomputes in ways:
        for size in sizes:
            is_worth_it = recomputes is ways[-1] or size >= min(ENOUGH, sizes[0])
            if is_worth_it and size * bytes_of_row[recomputes] <= room:
                return Plan(size, rows // size, recomputes)
    return least(training)


def _needed(trainer: AdapterTrainer, number: int) -> float:
    """Bytes that a step of the ``number`` longest rows needs, the weights apart."""
    model: Any = trainer.model
    device = trainer.args.device
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    order = sorted(range(len(trainer.lengths)), key=lambda i: -trainer.lengths[i])
    rows = [trainer.train_dataset[order[i % len(order)]] for i in range(number)]
    inputs = {name: value.to(device) for name, value in trainer.data_collator(rows).items()}
    model.train()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    counting = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with torch.random.fork_rng(), trainer.accelerator.autocast(), counting:  # training is to draw what it would
        loss = trainer.compute_loss(model, inputs)
    if device.type != "cuda":
        return OVER_KEPT * sum(kept.values())
    loss.backward()
    model.zero_grad()
    return torch.cuda.max_memory_allocated(device) - before


def available_bytes(device: torch.device) -> int:
    """Memory that this process may still take, on a CPU shared with the other processes of the machine's run."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return min(psutil.virtual_memory().available, *cgroup_bytes()) // processes


def cgroup_bytes(own: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """What each control group that this process is in leaves it, of version 1 and 2: a container's limit."""
    found = []
    for line in own.read_text(encoding="utf-8").splitlines() if own.is_file() else ():
        _, controllers, path = line.split(":", 2)
        base, limit, used = root, "memory.max", "memory.current"
        if "memory" in controllers.split(","):
            base, limit, used = root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
        elif controllers:
            continue
        place = base / path.strip("/")
        for folder in (place, *place.parents)[: len(place.parts) - len(base.parts) + 1]:
            try:
                most, held, stat = ((folder / name).read_text().split() for name in (limit, used, "memory.stat"))
            except OSError:  # seen from inside a container, or the topmost, which has no limit
                continue
            if most[0] != "max":  # read files are counted, and are given up when memory is asked for
                kinds = dict(zip(stat[::2], map(int, stat[1::2]), strict=True))
                read = kinds.get("total_inactive_file", kinds.get("inactive_file", 0))
                found.append(max(0, int(most[0]) - int(held[0]) + read))
    return found
