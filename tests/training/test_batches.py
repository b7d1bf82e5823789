"""The order of the rows is a function of seed, epoch and global batch, not of the number of processes."""

from __future__ import annotations

import random

import pytest
from accelerate.data_loader import BatchSamplerShard
from torch.utils.data import BatchSampler

from mslt_it.training.batches import LengthGroupedOrder, PaddingCollator

GLOBAL = 16
LENGTHS = [random.Random(5).randint(3, 90) if i % 7 else 90 for i in range(7)] + [
    random.Random(i).randint(3, 90) for i in range(230)
]


def updates(processes: int, accumulation: int, epoch: int = 0, seed: int = 1) -> list[list[int]]:
    """The rows of each optimiser step, as accelerate deals them out."""
    size = GLOBAL // processes // accumulation
    order = LengthGroupedOrder(LENGTHS, GLOBAL, seed, lambda: epoch)
    shards = [list(BatchSamplerShard(BatchSampler(order, size, False), processes, p)) for p in range(processes)]
    assert len({len(shard) for shard in shards}) == 1
    per_step = range(0, len(shards[0]), accumulation)
    return [sorted(i for shard in shards for b in shard[k : k + accumulation] for i in b) for k in per_step]


@pytest.mark.parametrize(("processes", "accumulation"), [(2, 1), (4, 1), (1, 2), (2, 2), (1, 16)])
def test_same_rows_in_each_update_for_any_number_of_processes(processes, accumulation):
    assert updates(processes, accumulation) == updates(1, 1)


def test_each_row_once_per_epoch_and_the_blank_row_fills_up():
    seen = sorted(i for step in updates(2, 1) for i in step)
    blanks = -len(LENGTHS) % GLOBAL
    assert blanks > 0
    assert seen == list(range(len(LENGTHS))) + [len(LENGTHS)] * blanks


@pytest.mark.parametrize(("number", "filled"), [(32, 32), (33, 48)])
def test_the_blank_row_fills_up_the_last_batch_alone(number, filled):
    order = LengthGroupedOrder([5] * number, GLOBAL, 1, lambda: 0)
    assert sorted(order) == [*range(number), *[number] * (filled - number)] and len(order) == filled


def test_order_depends_on_seed_and_epoch_only():
    assert updates(1, 1, epoch=2) == updates(1, 1, epoch=2)
    assert updates(1, 1, epoch=2) != updates(1, 1, epoch=3)
    assert updates(1, 1, seed=1) != updates(1, 1, seed=2)


def test_little_padding_and_the_longest_batch_first():
    def length(i: int) -> int:
        return LENGTHS[i] if i < len(LENGTHS) else 0

    steps = updates(1, 1)
    padded = sum(GLOBAL * max(length(i) for i in step) for step in steps)
    assert padded / sum(LENGTHS) < 1.35
    assert max(length(i) for i in steps[0]) == max(LENGTHS)


def test_collator_pads_on_the_right_and_masks_padding():
    rows = [
        {"input_ids": [5, 6, 7], "labels": [-100, 6, 7], "languages": 1},
        {"input_ids": [8], "labels": [-100], "languages": 0},
    ]
    made = PaddingCollator(9)(rows)
    assert made["input_ids"].tolist() == [[5, 6, 7], [8, 9, 9]]
    assert made["labels"].tolist() == [[-100, 6, 7], [-100, -100, -100]]
    assert made["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert made["languages"].tolist() == [1, 0]
