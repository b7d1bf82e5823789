"""One forward pass over choices that share their prompt, and log-likelihoods from it.

A row holds the prompt and, after it, every choice but its last token: ``prompt a1 a2 b1 c1 c2``. A choice's tokens
see the prompt and the choice itself, not the other choices (a 4-D attention mask), and carry on the prompt's
positions. One-token choices need nothing after the prompt. The LM head, and the feed-forward part of the last layer,
are applied only where a token is scored, once per place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import DynamicCache

from mslt_it.evaluation.headers import cache_argument
from mslt_it.training.supervised_loss import MAX_LOGITS, changes_logits


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
class How:
    """How a batch is scored, its tokens apart."""

    pad_id: int
    header: DynamicCache | None = None  # keys and values of what all prompts begin with
    feed_forward: nn.Module | None = None  # to be applied only where a token is scored
    shift: int = 0  # moves the positions of everything after the prompts

    @property
    def num_header(self) -> int:
        return self.header.get_seq_length() if self.header is not None else 0


def most_choices(requests: Sequence[Request]) -> int:
    return max((len(request.choices) for request in requests), default=0)


def score_apart(base: Any, rows: Sequence[Request], how: How) -> tuple[np.ndarray, np.ndarray]:
    """What `score` gives, from one plain row per choice."""
    scores = np.full((len(rows), most_choices(rows)), np.nan)
    greedy = np.zeros(scores.shape, dtype=bool)
    for column in range(scores.shape[1]):
        at = [i for i, row in enumerate(rows) if column < len(row.choices)]
        alone = [Request(rows[i].prompt, (rows[i].choices[column],), rows[i].num_scored) for i in at]
        found, flags = score(base, alone, how)
        scores[at, column], greedy[at, column] = found[:, 0], flags[:, 0]
    return scores, greedy


@dataclass(frozen=True)
class _Layout:
    """Where the tokens of a batch stand, the header left out, and which are scored.

    (rows, width): ids; segments (0 the prompt, k the k-th choice, -1 padding); positions, the header counted in.
    (scored tokens,): their ids, choices (-1: all of the row's) and places, an index of ``rows``, ``columns``.
    (places,): row and column of what predicts them, in order, each once.
    """

    ids: np.ndarray
    segments: np.ndarray
    positions: np.ndarray
    tokens: np.ndarray
    choices: np.ndarray
    places: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


def _lay_out(requests: Sequence[Request], how: How) -> _Layout:
    """Index arithmetic over segments instead of a loop over tokens: the loop took 4 % of the time of small models."""
    skip = how.num_header
    # One entry per segment: the prompt's own part, then each choice but its last token.
    segments = [
        (row, number, segment[:-1] if number else segment[skip:])
        for row, request in enumerate(requests)
        for number, segment in enumerate((request.prompt, *request.choices))
    ]
    of_row, number, size = (
        np.array(column) for column in zip(*((r, n, len(tokens)) for r, n, tokens in segments), strict=True)
    )
    start = np.cumsum(size) - size  # among all tokens of the batch
    is_prompt = number == 0
    row_start, own_prompt = start[is_prompt], size[is_prompt]
    token_segment = np.repeat(np.arange(len(size)), size)
    offset = np.arange(len(token_segment)) - start[token_segment]
    row, column = of_row[token_segment], np.arange(len(token_segment)) - row_start[of_row[token_segment]]
    shape = (len(requests), int(column.max()) + 1)
    ids, kinds, positions = np.full(shape, how.pad_id), np.full(shape, -1), np.zeros(shape, dtype=np.int64)
    ids[row, column] = np.fromiter(chain.from_iterable(tokens for *_, tokens in segments), dtype=np.int64)
    kinds[row, column] = number[token_segment]
    in_choice = ~is_prompt[token_segment]
    positions[row, column] = skip + offset + in_choice * (own_prompt[row] + how.shift)
    # Each choice's first token is predicted by the prompt's last, any other by the one before it.
    choice = np.flatnonzero(~is_prompt)
    of_choice = np.repeat(choice, size[choice] + 1)
    within = np.arange(len(of_choice)) - np.repeat(np.cumsum(size[choice] + 1) - size[choice] - 1, size[choice] + 1)
    before = start[of_choice] - row_start[of_row[of_choice]] + within - 1
    before = np.where(within == 0, own_prompt[of_row[of_choice]] - 1, before)
    # What is scored at the end of the prompt counts for all choices.
    num_scored = np.array([request.num_scored for request in requests])
    of_prompt = np.repeat(np.arange(len(requests)), num_scored)
    back = np.repeat(np.cumsum(num_scored), num_scored) - np.arange(len(of_prompt))
    scored_row = np.concatenate([of_row[of_choice], of_prompt])
    scored_column = np.concatenate([before, own_prompt[of_prompt] - back - 1])
    tokens = [request.choices for request in requests]
    ends = [request.prompt[len(request.prompt) - request.num_scored :] for request in requests]
    unique, places = np.unique(scored_row * shape[1] + scored_column, return_inverse=True)
    return _Layout(
        ids=ids,
        segments=kinds,
        positions=positions,
        tokens=np.fromiter(chain(*chain.from_iterable(tokens), *ends), dtype=np.int64),
        choices=np.concatenate([number[of_choice] - 1, np.full(len(of_prompt), -1)]),
        places=places,
        rows=unique // shape[1],
        columns=unique % shape[1],
    )


@torch.inference_mode()
def score(base: Any, requests: Sequence[Request], how: How) -> tuple[np.ndarray, np.ndarray]:
    """Scores and greedy flags (rows, choices) of one batch."""
    embeddings = base.get_input_embeddings().weight
    layout = _lay_out(requests, how)
    arguments: dict[str, Any] = {"input_ids": torch.from_numpy(layout.ids).to(embeddings.device)}
    # Plain rows need no mask: padding is at the end, and nothing before it looks there.
    if (layout.segments > 0).any() and most_choices(requests) > 1:
        segments = torch.from_numpy(layout.segments).to(embeddings.device)
        arguments["attention_mask"] = _tree_mask(segments, how.num_header, embeddings.dtype)
        arguments["position_ids"] = torch.from_numpy(layout.positions).to(embeddings.device)
    arguments |= {"use_cache": how.header is not None}
    if how.header is not None:
        arguments[cache_argument(base)] = how.header
    log_probs, likeliest = _token_scores(base, arguments, layout, how)
    return _summed(requests, layout.rows[layout.places], layout.choices, log_probs, likeliest)


def _tree_mask(segments: Tensor, num_header: int, dtype: torch.dtype) -> Tensor:
    """(rows, 1, width, header + width), to be added to the attention scores: 0 where a token may look.

    A token looks at the header, the prompt, and its own choice up to itself; padding, at whatever comes before it, for
    a softmax over nothing is NaN.
    """
    width = segments.shape[1]
    visible = (segments[:, None, :] == 0) | (segments[:, None, :] == segments[:, :, None])
    visible &= torch.ones(width, width, dtype=torch.bool, device=segments.device).tril()
    mask = torch.zeros(len(segments), 1, width, num_header + width, dtype=dtype, device=segments.device)
    mask[:, 0, :, num_header:].masked_fill_(~visible, torch.finfo(dtype).min)
    return mask


def _summed(
    rows: Sequence[Request], row_index: np.ndarray, choice_index: np.ndarray, found: np.ndarray, likeliest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Token scores summed, and their flags joined, by row and choice; those of choice -1 count for all of the row."""
    scores = np.zeros((len(rows), most_choices(rows)))
    greedy = np.ones(scores.shape, dtype=bool)
    own = choice_index >= 0
    np.add.at(scores, (row_index[own], choice_index[own]), found[own])
    np.logical_and.at(greedy, (row_index[own], choice_index[own]), likeliest[own])
    np.add.at(scores, row_index[~own], found[~own, None])
    np.logical_and.at(greedy, row_index[~own], likeliest[~own, None])
    for number, row in enumerate(rows):
        scores[number, len(row.choices) :], greedy[number, len(row.choices) :] = np.nan, False
    return scores, greedy


def _token_scores(base: Any, arguments: dict[str, Any], layout: _Layout, how: How) -> tuple[np.ndarray, np.ndarray]:
    """log p (float64) of each scored token, and whether none is likelier at its place."""
    with _only_at(how.feed_forward, layout):
        logits_at = _head(base, arguments, torch.from_numpy(layout.rows), torch.from_numpy(layout.columns))
    size = max(1, MAX_LOGITS // base.get_input_embeddings().weight.shape[0])
    log_probs = np.empty(len(layout.tokens))
    likeliest = np.empty(len(layout.tokens), dtype=bool)
    order = layout.places.argsort(
        kind="stable"
    )  # tokens by place, so that each slice of the places has a slice of them
    bounds = np.searchsorted(layout.places[order], np.arange(0, len(layout.rows) + size, size))
    for first, start, end in zip(range(0, len(layout.rows), size), bounds, bounds[1:], strict=False):
        logits = logits_at(slice(first, first + size)).float()
        chosen = order[start:end]
        row = torch.from_numpy(layout.places[chosen] - first).to(logits.device)
        wanted = torch.from_numpy(layout.tokens[chosen]).to(logits.device)
        values, most = logits[row, wanted], logits.amax(dim=-1)
        # Equal logits are rare: which of them comes first is asked only where the token has the largest.
        largest = values == most[row]
        largest[largest.clone()] = logits[row[largest]].argmax(dim=-1) == wanted[largest]
        totals = most + logits.sub_(most[:, None]).exp_().sum(dim=-1).log()
        log_probs[chosen] = (values - totals[row]).double().cpu().numpy()
        likeliest[chosen] = largest.cpu().numpy()
    return log_probs, likeliest


@contextmanager
def _only_at(part: nn.Module | None, layout: _Layout) -> Iterator[None]:
    """``part`` of the model gets the scored places of the batch alone; what it gives elsewhere is 0."""
    if part is None or 2 * len(layout.rows) > layout.ids.size:
        yield
        return
    shape = layout.ids.shape
    places = torch.from_numpy(layout.rows * shape[1] + layout.columns)

    def pick(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        if any(x.shape[:2] != shape for x in inputs):
            raise ValueError(f"{type(module).__name__} takes something else than one state per token.")
        return tuple(x.flatten(0, 1)[places.to(x.device)][None] for x in inputs)

    def put_back(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        whole = output.new_zeros(shape[0] * shape[1], output.shape[-1])
        whole[places.to(output.device)] = output[0]
        return whole.view(*shape, -1)

    hooks = [part.register_forward_pre_hook(pick), part.register_forward_hook(put_back)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _head(base: Any, arguments: dict[str, Any], row_index: Tensor, position: Tensor) -> Callable[[slice], Tensor]:
    """A function from a slice of the places to their logits (places, vocabulary); the head is applied there alone."""
    if not changes_logits(base):
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
