"""Rows of token ids as the tensors that a model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig, AutoModel

from mslt_it.data.encoding import IGNORED
from mslt_it.data.segments import PLAIN, Layout, split

CPU_TOKENS = 2048


@dataclass(frozen=True)
class Padding:
    """How rows are filled up, on the right, to the longest, or further to a ``multiple``; see
    `mslt_it.data.segments.Layout`."""

    pad_id: int
    layout: Layout = PLAIN
    multiple: int = 1

    def inputs(self, items: Sequence[Sequence[int]]) -> dict[str, Tensor]:
        """``input_ids``, ``attention_mask`` and, where there are any, ``token_type_ids``, each [rows, longest]; an item
        is one row, or as many as the item with the most."""
        rows = list(items)
        if (start := self.layout.start_id) is not None:
            parts = [split(item, start) for item in items]
            most = max(map(len, parts))
            rows = [row for own in parts for row in (*own, *own[:1] * (most - len(own)))]  # the blank row has one
        ids = self._filled(rows, self.pad_id)
        lengths = torch.tensor([len(row) for row in rows])
        mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        found = {"input_ids": ids, "attention_mask": mask}
        if (separator := self.layout.separator_id) is not None:
            before = (ids == separator).cumsum(1) - (ids == separator).long()
            found["token_type_ids"] = (before > 0).long() * mask
        return found

    def labels(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """[rows, longest], filled up with `IGNORED`."""
        return self._filled(rows, IGNORED)

    def _filled(self, rows: Sequence[Sequence[int]], value: int) -> Tensor:
        filled = pad_sequence([torch.tensor(row, dtype=torch.long) for row in rows], True, value)
        return nn.functional.pad(filled, (0, -filled.shape[1] % self.multiple), value=value)


def in_batches(lengths: Sequence[int], batch_tokens: int) -> list[tuple[int, ...]]:
    """Positions of rows of so many tokens, the longest first: a model is out of memory at once or never. Padded, they
    have at most ``batch_tokens`` together, unless one alone is longer."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if not batches or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > batch_tokens:
            batches.append([])
        batches[-1].append(index)
    return list(map(tuple, batches))


def pass_tokens(batch_tokens: int, device: torch.device) -> int:
    """How many padded tokens of a batch go through the model at once: on a CPU fewer, for what layers hand each other
    should stay in its caches (the embedded model scores a third more rows with 2,048 than with 8,192)."""
    return min(batch_tokens, CPU_TOKENS) if device.type == "cpu" else batch_tokens


def longest_input_of(path: str, revision: str | None) -> int:
    """`longest_input` of a model of which only the configuration is read."""
    config = AutoConfig.from_pretrained(path, revision=revision, trust_remote_code=False)
    with torch.device("meta"):  # no memory is taken
        return longest_input(AutoModel.from_config(config))


def longest_input(base: Any) -> int:
    """How many tokens the model has positions for; a very large number where it has no such limit."""
    config = base.config.get_text_config()
    found = getattr(config, "max_position_embeddings", None)
    if not isinstance(found, int) or found <= 0:
        return 1 << 30
    embeddings = getattr(getattr(base, "base_model", None), "embeddings", None)
    padding = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
    return found if padding is None else found - padding - 1  # XLM-R counts from behind the padding's
