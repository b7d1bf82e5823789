"""Rows of token ids as the tensors that a model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Padding:
    """How rows are filled up, on the right, to the longest.

    Args:
        separator_id: after the first of these a row's token types are 1 (BERT's second segment); None: no types.
    """

    pad_id: int
    separator_id: int | None = None

    def inputs(self, rows: Sequence[Sequence[int]]) -> dict[str, Tensor]:
        """``input_ids``, ``attention_mask`` and, where there are any, ``token_type_ids``, each [rows, longest]."""
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self.pad_id)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.as_tensor(row)
            mask[i, : len(row)] = 1
        found = {"input_ids": ids, "attention_mask": mask}
        if self.separator_id is not None:
            before = (ids == self.separator_id).cumsum(1) - (ids == self.separator_id).long()
            found["token_type_ids"] = (before > 0).long() * mask
        return found
