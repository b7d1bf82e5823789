"""Log-likelihoods of answer choices: each prompt is encoded once and shared by its choices.

A row holds the prompt and, after it, every choice but its last token: ``prompt a1 a2 b1 c1 c2``. A choice's tokens
see the prompt and the choice itself, not the other choices (a 4-D attention mask), and carry on the prompt's
positions. One-token choices need nothing after the prompt. The LM head is applied only where a token is scored.
Architectures that take no 4-D mask get one plain row per choice instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Families whose attention is known to honour a 4-D mask and position ids; others take the plain path.
TREE_FAMILIES = ("llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2", "olmo2", "smollm3", "granite")


@dataclass(frozen=True)
class Request:
    """One item: token ids of the prompt and of each choice."""

    prompt: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...]

    def num_tokens(self) -> int:
        return len(self.prompt) + sum(len(choice) - 1 for choice in self.choices)


def choice_log_likelihoods(
    model: Any,
    requests: Sequence[Request],
    *,
    batch_tokens: int,
    pad_id: int,
    advance: Callable[[int], object] = lambda n: None,
    tree: bool | None = None,
) -> np.ndarray:
    """Sum of log p(token) over each choice's tokens (nats), the end token excluded.

    Args:
        model: a causal LM or a PeftModel around one, in whatever state (adapter on or off) is to be scored.
        batch_tokens: at most so many padded tokens per forward pass.
        advance: called with the number of items done.
        tree: use the shared-prompt rows (default: where the architecture is known to take them).

    Returns:
        float64 of shape (items, choices); all items have the same number of choices.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    shared = tree if tree is not None else base.config.model_type in TREE_FAMILIES
    scores = np.full((len(requests), len(requests[0].choices) if requests else 0), np.nan)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for batch in _batches(requests, batch_tokens):
                rows = [requests[i] for i in batch]
                if shared or all(len(c) == 1 for r in rows for c in r.choices):
                    scores[batch] = _score(base, rows, pad_id)
                else:
                    for column in range(scores.shape[1]):
                        scores[batch, column] = _score(
                            base, [Request(r.prompt, (r.choices[column],)) for r in rows], pad_id
                        )[:, 0]
                advance(len(batch))
    finally:
        model.train(was_training)
    return scores


def _batches(requests: Sequence[Request], batch_tokens: int) -> Iterator[list[int]]:
    """Indices of items of similar length, the longest first (an out-of-memory error comes at once or never)."""
    order = sorted(range(len(requests)), key=lambda i: (-requests[i].num_tokens(), i))
    batch: list[int] = []
    for index in order:
        width = requests[batch[0] if batch else index].num_tokens()
        if batch and (len(batch) + 1) * width > batch_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _score(base: Any, rows: Sequence[Request], pad_id: int) -> np.ndarray:
    device = base.get_input_embeddings().weight.device
    width = max(row.num_tokens() for row in rows)
    ids = torch.full((len(rows), width), pad_id)
    positions = torch.zeros((len(rows), width), dtype=torch.long)
    visible = torch.zeros((len(rows), width, width), dtype=torch.bool)
    causal = torch.ones((width, width), dtype=torch.bool).tril()
    where: list[tuple[int, int, int, int]] = []  # (row, position whose state predicts, token, choice)
    for number, row in enumerate(rows):
        length = len(row.prompt)
        ids[number, :length] = torch.tensor(row.prompt)
        positions[number, :length] = torch.arange(length)
        visible[number, :, :length] = causal[:, :length]
        at = length
        for choice_number, choice in enumerate(row.choices):
            before = length - 1
            for offset, token in enumerate(choice):
                where.append((number, before, token, choice_number))
                if offset == len(choice) - 1:
                    break
                ids[number, at] = token
                positions[number, at] = length + offset
                visible[number, at, at - offset : at + 1] = True
                before = at
                at += 1
        # A row that sees nothing would be a softmax over nothing: padding sees itself.
        visible[number, range(at, width), range(at, width)] = True
    body = getattr(base, base.base_model_prefix)
    if any(len(row.choices) > 1 and row.num_tokens() > len(row.prompt) for row in rows):
        dtype = base.get_input_embeddings().weight.dtype
        mask: Tensor = torch.zeros(visible.shape, dtype=dtype).masked_fill(~visible, torch.finfo(dtype).min)[:, None]
    else:
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for number, row in enumerate(rows):
            mask[number, : row.num_tokens()] = 1
    arguments = {"input_ids": ids.to(device), "attention_mask": mask.to(device), "use_cache": False}
    if base.config.model_type in TREE_FAMILIES:
        arguments["position_ids"] = positions.to(device)
    hidden = body(**arguments).last_hidden_state
    row_index, position, token, choice_index = (
        torch.tensor(column, device=device) for column in zip(*where, strict=True)
    )
    logits = base.get_output_embeddings()(hidden[row_index, position]).float()
    found = torch.log_softmax(logits, dim=-1).gather(1, token[:, None])[:, 0].double().cpu()
    scores = torch.zeros((len(rows), len(rows[0].choices)), dtype=torch.float64)
    scores.index_put_((row_index.cpu(), choice_index.cpu()), found, accumulate=True)
    return scores.numpy()
