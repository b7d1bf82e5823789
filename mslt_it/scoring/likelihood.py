"""Log-likelihoods of answer choices: each prompt is encoded once and shared by its choices.

A row holds the prompt and, after it, every choice but its last token: ``prompt a1 a2 b1 c1 c2``. A choice's tokens
see the prompt and the choice itself, not the other choices (a 4-D attention mask), and carry on the prompt's
positions. One-token choices need nothing after the prompt. The LM head is applied only where a token is scored.
Models that do not heed the mask or the positions (ALiBi, recurrent layers, some attention kernels) get one plain row
per choice instead: `heeds_trees` tries it out on the model itself rather than trusting a list of names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mslt_it.tuning.supervised_loss import LOGIT_CHANGES

# Configuration keys that hold how many tokens back some layers look. A 4-D mask is used by all layers as it is, so
# shared rows are right only while everything is within reach.
SPANS = ("sliding_window", "attention_chunk_size", "window_size", "attention_window_size")


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
        tree: use the shared-prompt rows (default: where the model is found to take them, and within its local span).

    Returns:
        float64 of shape (items, choices); all items have the same number of choices.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    scores = np.full((len(requests), len(requests[0].choices) if requests else 0), np.nan)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            shared = tree
            if shared is None:
                shared = any(len(c) > 1 for r in requests for c in r.choices) and heeds_trees(base)
            span = local_span(base) if tree is None else None
            for batch in _batches(requests, batch_tokens):
                rows = [requests[i] for i in batch]
                near = span is None or rows[0].num_tokens() <= span  # the longest comes first
                if (shared and near) or all(len(c) == 1 for r in rows for c in r.choices):
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


def heeds_trees(base: Any) -> bool:
    """Whether ``base`` (in evaluation mode) scores a choice in a shared row as it does in a row of its own.

    Two choices after one prompt. The second must not notice what stands in the first, must notice its positions, and
    must come out as in a plain row. The first two comparisons hold or fail exactly in any precision; the last one has
    a tolerance, because in bfloat16 the kernels of another shape round differently.
    """
    size = base.get_input_embeddings().weight.shape[0]
    ids = [(7 * i + 3) % size for i in range(12)]
    prompt, first, other, second = tuple(ids[:3]), tuple(ids[3:6]), tuple(ids[6:9]), tuple(ids[9:])
    try:
        scores = _score(base, [Request(prompt, (first, second)), Request(prompt, (other, second))], 0)[:, 1]
        shifted = _score(base, [Request(prompt, (first, second)), Request(prompt, (other, second))], 0, shift=5)[:, 1]
        plain = _score(base, [Request(prompt, (second,))], 0)[0, 0]
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        return False  # no such argument, or a kernel that takes no such mask
    tolerance = 1e-4 if base.get_input_embeddings().weight.dtype == torch.float32 else 3e-2
    close = abs(scores[0] - plain) <= tolerance * max(1.0, abs(plain))
    return bool(scores[0] == scores[1] and shifted[0] != scores[0] and close)


def local_span(base: Any) -> int | None:
    """Over how many tokens every layer looks back, or None where all look back over everything."""
    config = base.config.get_text_config()
    if getattr(config, "use_sliding_window", True) is False:
        return None
    spans = [span for name in SPANS if isinstance(span := getattr(config, name, None), int) and span > 0]
    return min(spans, default=None)


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


def _score(base: Any, rows: Sequence[Request], pad_id: int, shift: int = 0) -> np.ndarray:
    """Scores (rows, choices) of one batch; ``shift`` moves the positions of everything after the prompts."""
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
                positions[number, at] = length + offset + shift
                visible[number, at, at - offset : at + 1] = True
                before = at
                at += 1
        # A row that sees nothing would be a softmax over nothing: padding sees itself.
        visible[number, range(at, width), range(at, width)] = True
    shared = any(len(row.choices) > 1 and row.num_tokens() > len(row.prompt) for row in rows)
    if shared:
        dtype = base.get_input_embeddings().weight.dtype
        mask: Tensor = torch.zeros(visible.shape, dtype=dtype).masked_fill(~visible, torch.finfo(dtype).min)[:, None]
    else:
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for number, row in enumerate(rows):
            mask[number, : row.num_tokens()] = 1
    arguments = {"input_ids": ids.to(device), "attention_mask": mask.to(device), "use_cache": False}
    if shared:
        arguments["position_ids"] = positions.to(device)
    row_index, position, token, choice_index = (
        torch.tensor(column, device=device) for column in zip(*where, strict=True)
    )
    logits = _logits(base, arguments, row_index, position).float()
    found = torch.log_softmax(logits, dim=-1).gather(1, token[:, None])[:, 0].double().cpu()
    scores = torch.zeros((len(rows), len(rows[0].choices)), dtype=torch.float64)
    scores.index_put_((row_index.cpu(), choice_index.cpu()), found, accumulate=True)
    return scores.numpy()


def _logits(base: Any, arguments: dict[str, Tensor], row_index: Tensor, position: Tensor) -> Tensor:
    """The logits (scored tokens, vocabulary) at the given positions, the head applied there alone."""
    config = base.config.get_text_config()
    if all(getattr(config, name, None) in (None, False, 1, 1.0) for name in LOGIT_CHANGES):
        hidden = getattr(base, base.base_model_prefix)(**arguments).last_hidden_state
        return base.get_output_embeddings()(hidden[row_index, position])
    # The model scales or caps what the head gives, and does it in its own forward pass.
    if "logits_to_keep" not in inspect.signature(base.forward).parameters:
        return base(**arguments).logits[row_index, position]
    kept, column = torch.unique(position, return_inverse=True)
    return base(**arguments, logits_to_keep=kept).logits[row_index, column]
