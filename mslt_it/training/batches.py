"""Which examples make up each batch, and how a batch is laid out. Depends on the seed and the global batch only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from torch.utils.data import Sampler
from transformers import PreTrainedTokenizerBase

from mslt_it.data.encoding import IGNORED
from mslt_it.models.inputs import Padding
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample


def to_dataset(encoded: Sequence[EncodedExample], languages: Sequence[str], pad_id: int) -> Dataset:
    """The examples in order, and after them one blank row (nothing supervised) that fills up the last batch."""
    number = {language: i for i, language in enumerate(languages)}
    return Dataset.from_dict(
        {
            "input_ids": [list(e.input_ids) for e in encoded] + [[pad_id, pad_id]],
            "labels": [list(e.labels) for e in encoded] + [[IGNORED, IGNORED]],
            "languages": [number[e.language] for e in encoded] + [0],
        }
    )


def padding_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token rows are filled up with; nothing attends to it, so the end token does where there is none."""
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    if pad_id is None:
        raise Problem("The tokenizer has neither a padding nor an end-of-sequence token: rows cannot be padded.")
    return int(pad_id)


class LengthGroupedOrder(Sampler[int]):
    """The order of one epoch: batches of similar length, shuffled, each example once, the longest batch first.

    Trainer's own length grouping sorts by the batch of one process and draws from the global random state. Here the
    order is a function of seed and epoch, cut into *global* batches (examples per process x processes x accumulation
    steps): consecutive parts go to the processes, so 2 processes of 8 see the batches that 1 process of 16 sees. The
    last one is filled up with the blank row, index ``len(lengths)``, which adds nothing to a loss that is summed and
    divided by the supervised tokens; the stock way repeats examples (several processes) or takes a smaller batch (one).
    """

    def __init__(self, lengths: Sequence[int], global_batch: int, seed: int, epoch: Callable[[], int]) -> None:
        self.lengths = [*lengths, 0]  # the last is the blank row
        self.global_batch, self.seed, self.epoch = global_batch, seed, epoch

    def __len__(self) -> int:
        return -(-(len(self.lengths) - 1) // self.global_batch) * self.global_batch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + self.epoch()) % 2**63)
        shuffled = torch.randperm(len(self.lengths) - 1, generator=generator).tolist()
        # Sorted within pools of at most 50 batches, at least 4 pools: little padding, and chance in the order.
        pool = self.global_batch * max(1, min(len(shuffled) // (self.global_batch * 4), 50))
        batches = []
        for start in range(0, len(shuffled), pool):
            part = sorted(shuffled[start : start + pool], key=lambda i: -self.lengths[i])
            batches += [part[i : i + self.global_batch] for i in range(0, len(part), self.global_batch)]
        batches[-1] += [len(self.lengths) - 1] * (self.global_batch - len(batches[-1]))
        batches = [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]
        longest = max(range(len(batches)), key=lambda b: max(self.lengths[i] for i in batches[b]))
        batches[0], batches[longest] = batches[longest], batches[0]
        return iter([i for batch in batches for i in batch])


@dataclass(frozen=True)
class PaddingCollator(Padding):
    """Rows to the model's inputs and ``labels`` [rows, longest]; ``languages`` [rows] says whose loss a row's is, and
    where it ``says_places``, ``places`` [rows, most] what is supervised, -1 behind them; most is a power of two, so
    that batches have few shapes."""

    says_places: bool = False

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        found = self.inputs([row["input_ids"] for row in rows])
        found["labels"] = labels = self.labels([row["labels"] for row in rows])
        found["languages"] = torch.tensor([row["languages"] for row in rows])
        if self.says_places:
            is_some = labels.ne(IGNORED)
            is_some[:, 0] = False  # nothing stands before it that could say it
            numbers = is_some.sum(1, keepdim=True)
            most = 1 << (max(1, int(numbers.max())) - 1).bit_length()
            first = is_some.long().argsort(dim=1, descending=True, stable=True)[:, :most]
            places = nn.functional.pad(first, (0, most - first.shape[1]), value=-1)
            found["places"] = places.masked_fill(torch.arange(most) >= numbers, -1)
        return found


def length_step(longest: int) -> int:
    """Of what number of tokens the lengths of batches should be multiples, for there to be at most 16 lengths."""
    return max(16, 1 << max(0, (longest - 1).bit_length() - 4))
