"""Log-likelihoods of answer choices: each prompt is encoded once and shared by its choices.

A row holds the prompt and, after it, every choice but its last token: ``prompt a1 a2 b1 c1 c2``. A choice's tokens
see the prompt and the choice itself, not the other choices (a 4-D attention mask), and carry on the prompt's
positions. One-token choices need nothing after the prompt. The LM head is applied only where a token is scored, once
per place. Models that do not heed the mask or the positions (ALiBi, recurrent layers, some attention kernels) get one
plain row per choice instead: `heeds_trees` tries it out on the model itself rather than trusting a list of names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mslt_it.tuning.supervised_loss import LOGIT_CHANGES, MAX_LOGITS

# Configuration keys that hold how many tokens back some layers look. A 4-D mask is used by all layers as it is, so
# shared rows are right only while everything is within reach.
SPANS = ("sliding_window", "attention_chunk_size", "window_size", "attention_window_size")


@dataclass(frozen=True)
class Request:
    """One item: token ids of the prompt and of each choice.

    The last ``num_scored`` tokens of the prompt are scored too: what all choices begin with can stand there once.
    """

    prompt: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...]
    num_scored: int = 0

    def __post_init__(self) -> None:
        if self.num_scored and not 0 <= self.num_scored < len(self.prompt):
            raise ValueError(
                f"{self.num_scored} scored tokens in a prompt of {len(self.prompt)}: one must come before."
            )

    def num_tokens(self) -> int:
        return len(self.prompt) + sum(len(choice) - 1 for choice in self.choices)


@dataclass(frozen=True)
class BatchScores:
    """What one forward pass found out. Items with fewer choices than others are filled up with NaN and False."""

    items: tuple[int, ...]  # positions of the items among the requests
    log_likelihoods: np.ndarray  # float64 (items, most choices), nats
    greedy: np.ndarray  # bool (items, most choices): every scored token was the likeliest one


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
        float64 of shape (items, choices); NaN beyond the choices of items that have fewer than others.
    """
    scores = np.full((len(requests), _most_choices(requests)), np.nan)
    for batch in score_in_batches(model, requests, batch_tokens=batch_tokens, pad_id=pad_id, tree=tree):
        scores[list(batch.items), : batch.log_likelihoods.shape[1]] = batch.log_likelihoods
        advance(len(batch.items))
    return scores


def score_in_batches(
    model: Any, requests: Sequence[Request], *, batch_tokens: int, pad_id: int, tree: bool | None = None
) -> Iterator[BatchScores]:
    """The scores of `choice_log_likelihoods` batch by batch, the longest items first, and which answers are greedy."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    was_training = model.training
    model.eval()
    try:
        shared = tree
        if shared is None:
            shared = any(len(c) > 1 for r in requests for c in r.choices) and heeds_trees(base)
        span = local_span(base) if tree is None else None
        for batch in _batches(requests, batch_tokens):
            rows = [requests[i] for i in batch]
            near = span is None or rows[0].num_tokens() <= span  # the longest comes first
            if (shared and near) or all(len(c) == 1 for r in rows for c in r.choices):
                found, greedy = _score(base, rows, pad_id)
            else:
                found, greedy = _score_apart(base, rows, pad_id)
            yield BatchScores(tuple(batch), found, greedy)
    finally:
        model.train(was_training)


def heeds_trees(base: Any) -> bool:
    """Whether ``base`` (in evaluation mode) scores a choice in a shared row as it does in a row of its own.

    Two choices after one prompt. The second must not notice what stands in the first, must notice its positions, and
    must come out as in a plain row. Rows of one batch may round differently where a kernel shares its work among
    threads, and more so kernels of another shape in bfloat16: so each comparison has a tolerance.
    """
    size = base.get_input_embeddings().weight.shape[0]
    ids = [(7 * i + 3) % size for i in range(12)]
    prompt, first, other, second = tuple(ids[:3]), tuple(ids[3:6]), tuple(ids[6:9]), tuple(ids[9:])
    try:
        rows = [Request(prompt, (first, second)), Request(prompt, (other, second))]
        scores = _score(base, rows, 0)[0][:, 1]
        shifted = _score(base, rows, 0, shift=5)[0][:, 1]
        plain = _score(base, [Request(prompt, (second,))], 0)[0][0, 0]
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        return False  # no such argument, or a kernel that takes no such mask
    tolerance = (1e-4 if base.get_input_embeddings().weight.dtype == torch.float32 else 3e-2) * max(1.0, abs(plain))
    noise = tolerance / 10
    blind = abs(scores[0] - scores[1]) <= noise
    placed = abs(shifted[0] - scores[0]) > noise
    return bool(blind and placed and abs(scores[0] - plain) <= tolerance)


def local_span(base: Any) -> int | None:
    """Over how many tokens every layer looks back, or None where all look back over everything."""
    config = base.config.get_text_config()
    if getattr(config, "use_sliding_window", True) is False:
        return None
    spans = [span for name in SPANS if isinstance(span := getattr(config, name, None), int) and span > 0]
    return min(spans, default=None)


def _most_choices(requests: Sequence[Request]) -> int:
    return max((len(request.choices) for request in requests), default=0)


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


def _score_apart(base: Any, rows: Sequence[Request], pad_id: int) -> tuple[np.ndarray, np.ndarray]:
    """What `_score` gives, from one plain row per choice."""
    scores = np.full((len(rows), _most_choices(rows)), np.nan)
    greedy = np.zeros(scores.shape, dtype=bool)
    for column in range(scores.shape[1]):
        at = [i for i, row in enumerate(rows) if column < len(row.choices)]
        alone = [Request(rows[i].prompt, (rows[i].choices[column],), rows[i].num_scored) for i in at]
        found, flags = _score(base, alone, pad_id)
        scores[at, column], greedy[at, column] = found[:, 0], flags[:, 0]
    return scores, greedy


@torch.inference_mode()
def _score(base: Any, rows: Sequence[Request], pad_id: int, shift: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores and greedy flags (rows, choices) of one batch.

    ``shift`` moves the positions of everything after the prompts.
    """
    device = base.get_input_embeddings().weight.device
    width = max(row.num_tokens() for row in rows)
    shared = any(len(row.choices) > 1 and row.num_tokens() > len(row.prompt) for row in rows)
    ids = torch.full((len(rows), width), pad_id)
    positions = torch.zeros((len(rows), width), dtype=torch.long)
    visible = torch.zeros((len(rows), width, width) if shared else (0, 0, 0), dtype=torch.bool)
    causal = torch.ones((width, width) if shared else (0, 0), dtype=torch.bool).tril()
    where: list[tuple[int, int, int, int]] = []  # (row, position whose state predicts, token, choice; -1: all of them)
    for number, row in enumerate(rows):
        length = len(row.prompt)
        ids[number, :length] = torch.tensor(row.prompt)
        positions[number, :length] = torch.arange(length)
        where += [(number, at - 1, row.prompt[at], -1) for at in range(length - row.num_scored, length)]
        if shared:
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
                if shared:
                    visible[number, at, at - offset : at + 1] = True
                before = at
                at += 1
        if shared:  # a row that sees nothing would be a softmax over nothing: padding sees itself
            visible[number, range(at, width), range(at, width)] = True
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
    row_index, position, token, choice_index = (torch.tensor(column) for column in zip(*where, strict=True))
    log_probs, likeliest = _token_scores(base, arguments, row_index, position, token)
    return _summed(rows, row_index.numpy(), choice_index.numpy(), log_probs.numpy(), likeliest.numpy())


def _summed(
    rows: Sequence[Request], row_index: np.ndarray, choice_index: np.ndarray, found: np.ndarray, likeliest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Token scores summed, and their flags joined, by row and choice; those of choice -1 count for all of the row."""
    scores = np.zeros((len(rows), _most_choices(rows)))
    greedy = np.ones(scores.shape, dtype=bool)
    own = choice_index >= 0
    np.add.at(scores, (row_index[own], choice_index[own]), found[own])
    np.logical_and.at(greedy, (row_index[own], choice_index[own]), likeliest[own])
    np.add.at(scores, row_index[~own], found[~own, None])
    np.logical_and.at(greedy, row_index[~own], likeliest[~own, None])
    for number, row in enumerate(rows):
        scores[number, len(row.choices) :], greedy[number, len(row.choices) :] = np.nan, False
    return scores, greedy


def _token_scores(
    base: Any, arguments: dict[str, Tensor], row_index: Tensor, position: Tensor, token: Tensor
) -> tuple[Tensor, Tensor]:
    """log p (float64) of each token at its place (row, position), and whether none is likelier there; on the CPU."""
    places, which = torch.unique(torch.stack([row_index, position]), dim=1, return_inverse=True)
    logits_at = _head(base, arguments, *places)
    size = max(1, MAX_LOGITS // base.get_input_embeddings().weight.shape[0])
    log_probs = torch.empty(len(token), dtype=torch.float64)
    likeliest = torch.empty(len(token), dtype=torch.bool)
    order = which.argsort()  # tokens by place, so that each slice of the places has a slice of the tokens
    start = 0
    for first in range(0, places.shape[1], size):
        logits = logits_at(slice(first, first + size)).float()
        end = start + int((which[order[start:]] < first + size).sum())
        chosen = order[start:end]
        row = (which[chosen] - first).to(logits.device)
        wanted = token[chosen].to(logits.device)
        log_probs[chosen] = (logits[row, wanted] - logits.logsumexp(dim=-1)[row]).double().cpu()
        likeliest[chosen] = (logits.argmax(dim=-1)[row] == wanted).cpu()
        start = end
    return log_probs, likeliest


def _head(base: Any, arguments: dict[str, Tensor], row_index: Tensor, position: Tensor) -> Callable[[slice], Tensor]:
    """A function from a slice of the places to their logits (places, vocabulary); the head is applied there alone."""
    config = base.config.get_text_config()
    if all(getattr(config, name, None) in (None, False, 1, 1.0) for name in LOGIT_CHANGES):
        states = getattr(base, base.base_model_prefix)(**arguments).last_hidden_state
        hidden = states[row_index.to(states.device), position.to(states.device)]
        return lambda part: base.get_output_embeddings()(hidden[part])
    # The model scales or caps what the head gives, and does it in its own forward pass.
    if "logits_to_keep" not in inspect.signature(base.forward).parameters:
        column = position
    else:
        kept, column = torch.unique(position, return_inverse=True)
        arguments = {**arguments, "logits_to_keep": kept.to(arguments["input_ids"].device)}
    logits = base(**arguments).logits
    logits = logits[row_index.to(logits.device), column.to(logits.device)]
    return lambda part: logits[part]
