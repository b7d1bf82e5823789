"""Log-likelihoods of answer choices: each prompt is encoded once and shared by its choices.

A row holds the prompt and, after it, every choice but its last token: ``prompt a1 a2 b1 c1 c2``. A choice's tokens
see the prompt and the choice itself, not the other choices (a 4-D attention mask), and carry on the prompt's
positions. One-token choices need nothing after the prompt. What many prompts begin with is encoded once and its keys
and values are shared by the rows (`mslt_it.evaluation.headers`). The LM head, and the feed-forward part of the last
layer, are applied only where a token is scored, once per place.

Models that do not heed the mask or the positions (ALiBi, recurrent layers, some attention kernels) get one plain row
per choice instead, those that do not take keys and values whole prompts, and so on: `heeds_trees`, `takes_headers` and
`last_feed_forward` try it out on the model itself rather than trusting a list of names.
"""

from __future__ import annotations

import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn
from transformers import DynamicCache

from mslt_it.evaluation.headers import encode_header, group_by_header
from mslt_it.training.supervised_loss import LOGIT_CHANGES, MAX_LOGITS

# Configuration keys that hold how many tokens back some layers look. A 4-D mask is used by all layers as it is, so
# shared rows are right only while everything is within reach.
SPANS = ("sliding_window", "attention_chunk_size", "window_size", "attention_window_size")
# What a model raises in a trial that takes no such argument, mask or cache.
REFUSALS = (TypeError, ValueError, RuntimeError, NotImplementedError, AttributeError, LookupError)


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
    scorer = ChoiceScorer(model, requests, batch_tokens=batch_tokens, pad_id=pad_id, tree=tree)
    for batch in scorer.batches:
        yield scorer.score(batch)


class ChoiceScorer:
    """Scores requests batch by batch with one model in one state (adapter on or off).

    Args:
        model: a causal LM or a PeftModel around one. Its state must be the same at every `score`: what prompts begin
            with is encoded once for many batches.
        batch_tokens: at most so many padded tokens per forward pass, shared headers included.
        tree: use the shared-prompt rows (default: where the model is found to take them, and within its local span).
    """

    def __init__(
        self, model: Any, requests: Sequence[Request], *, batch_tokens: int, pad_id: int, tree: bool | None = None
    ) -> None:
        self._model = model
        self._base = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._requests = requests
        self._batch_tokens = batch_tokens
        self._pad_id = pad_id
        self._tree = tree
        self._num_header = _plan(requests, batch_tokens)
        self._encoded: OrderedDict[tuple[int, ...], DynamicCache] = OrderedDict()

    @property
    def batches(self) -> tuple[tuple[int, ...], ...]:
        """Positions of the items of each forward pass, the longest first (out of memory at once or never).

        They follow from the requests and ``batch_tokens`` alone: the same for every model and state.
        """
        return tuple(self._num_header)

    def score(self, batch: Sequence[int]) -> BatchScores:
        """One of the batches, in any order: the result does not depend on what was scored before."""
        items = tuple(batch)
        if items not in self._num_header:
            raise ValueError(f"{items} is not one of the {len(self._num_header)} batches of these requests.")
        rows = [self._requests[i] for i in items]
        was_training = self._model.training
        self._model.eval()
        try:
            near = self._span is None or max(row.num_tokens() for row in rows) <= self._span
            single = all(len(c) == 1 for r in rows for c in r.choices)
            together = single or (self._tree if self._tree is not None else near and self._heeds_trees)
            header = self._header(tuple(rows[0].prompt[: self._num_header[items]])) if near else None
            how = _How(self._pad_id, header, self._feed_forward)
            found, greedy = (_score if together else _score_apart)(self._base, rows, how)
        finally:
            self._model.train(was_training)
        return BatchScores(items, found, greedy)

    def _header(self, header: tuple[int, ...]) -> DynamicCache | None:
        """The header's keys and values; those used last are kept, together at most ``batch_tokens`` tokens."""
        if not header or not self._takes_headers:
            return None
        if header not in self._encoded:
            while self._encoded and sum(map(len, self._encoded)) + len(header) > self._batch_tokens:
                self._encoded.popitem(last=False)
            self._encoded[header] = encode_header(self._base, header)
        self._encoded.move_to_end(header)
        return self._encoded[header]

    @functools.cached_property
    def _heeds_trees(self) -> bool:
        return bool(_once_per_model(heeds_trees, self._base))

    @functools.cached_property
    def _span(self) -> int | None:
        return local_span(self._base)

    @functools.cached_property
    def _takes_headers(self) -> bool:
        return bool(_once_per_model(takes_headers, self._base))

    @functools.cached_property
    def _feed_forward(self) -> nn.Module | None:
        return _once_per_model(last_feed_forward, self._base)


def _once_per_model(trial: Callable[[Any], Any], base: Any) -> Any:
    """What a trial found out. A study scores one model hundreds of times; adapters do not change how it attends.

    Only what the model can do is remembered: an adapter that makes NaN fails every trial, and its base must not.
    """
    weight = base.get_input_embeddings().weight
    key = (trial, getattr(base.config, "_attn_implementation", None), weight.dtype, weight.device)
    found = _FOUND.setdefault(base, {})
    if key in found:
        return found[key]
    result = trial(base)
    if result not in (None, False):
        found[key] = result
    return result


_FOUND: WeakKeyDictionary[nn.Module, dict[tuple[Any, ...], Any]] = WeakKeyDictionary()


@dataclass(frozen=True)
class _How:
    """How a batch is scored, its tokens apart."""

    pad_id: int
    header: DynamicCache | None = None  # keys and values of what all prompts begin with
    feed_forward: nn.Module | None = None  # to be applied only where a token is scored
    shift: int = 0  # moves the positions of everything after the prompts

    @property
    def num_header(self) -> int:
        return self.header.get_seq_length() if self.header is not None else 0


def heeds_trees(base: Any) -> bool:
    """Whether ``base`` (in evaluation mode) scores a choice in a shared row as it does in a row of its own.

    Two choices after one prompt. The second must not notice what stands in the first, must notice its positions, and
    must come out as in a plain row. Rows of one batch may round differently where a kernel shares its work among
    threads, and more so kernels of another shape in bfloat16: so each comparison has a tolerance.
    """
    prompt, first, other, second = _trial_tokens(base, 4)
    try:
        rows = [Request(prompt, (first, second)), Request(prompt, (other, second))]
        scores = _score(base, rows, _How(0))[0][:, 1]
        shifted = _score(base, rows, _How(0, shift=5))[0][:, 1]
        plain = _score(base, [Request(prompt, (second,))], _How(0))[0][0, 0]
    except REFUSALS:
        return False
    tolerance = _tolerance(base, plain)
    noise = tolerance / 10
    blind = abs(scores[0] - scores[1]) <= noise
    placed = abs(shifted[0] - scores[0]) > noise
    return bool(blind and placed and abs(scores[0] - plain) <= tolerance)


def takes_headers(base: Any) -> bool:
    """Whether ``base`` (in evaluation mode) goes on from given keys and values as from the tokens themselves.

    Two prompts of different lengths behind one header, so that there is padding; with another header in its place the
    scores must change.
    """
    header, other, prompt, answer = _trial_tokens(base, 4)
    rows = [Request((*header, *prompt), (answer,)), Request((*header, prompt[0]), (answer,))]
    try:
        plain = np.array([_score(base, [row], _How(0))[0][0, 0] for row in rows])
        found, changed = (_score(base, rows, _How(0, encode_header(base, h)))[0][:, 0] for h in (header, other))
    except REFUSALS:
        return False
    tolerance = _tolerance(base, plain)
    return bool((abs(found - plain) <= tolerance).all() and (abs(changed - found) > tolerance / 10).all())


def last_feed_forward(base: Any) -> nn.Module | None:
    """The last layer's feed-forward part, where ``base`` gives the same if it is applied to scored places alone.

    What it makes of other places goes nowhere: no layer comes after it. With few layers and short answers that is a
    good part of the work. None where there is no such part or the scores are others.
    """
    lists = [part for part in base.base_model.modules() if isinstance(part, nn.ModuleList) and len(part)]
    found = next((part for layers in lists if isinstance(part := getattr(layers[-1], "mlp", None), nn.Module)), None)
    if found is None:
        return None
    prompt, other, answers = _trial_tokens(base, 3)
    rows = [Request((*prompt, *other), (answers[:1],)), Request(prompt, (answers[1:2],))]
    try:
        whole, narrow = (_score(base, rows, how)[0] for how in (_How(0), _How(0, feed_forward=found)))
    except REFUSALS:
        return None
    return found if (abs(narrow - whole) <= _tolerance(base, whole)).all() else None


def _trial_tokens(base: Any, number: int) -> list[tuple[int, ...]]:
    """Three different tokens each, as far as the vocabulary reaches."""
    size = base.get_input_embeddings().weight.shape[0]
    ids = [(7 * i + 3) % size for i in range(3 * number)]
    return [tuple(ids[i : i + 3]) for i in range(0, len(ids), 3)]


def _tolerance(base: Any, scores: Any) -> Any:
    exact = base.get_input_embeddings().weight.dtype == torch.float32
    return (1e-4 if exact else 3e-2) * np.maximum(1.0, abs(scores))


def local_span(base: Any) -> int | None:
    """Over how many tokens every layer looks back, or None where all look back over everything."""
    config = base.config.get_text_config()
    if getattr(config, "use_sliding_window", True) is False:
        return None
    spans = [span for name in SPANS if isinstance(span := getattr(config, name, None), int) and span > 0]
    return min(spans, default=None)


def _most_choices(requests: Sequence[Request]) -> int:
    return max((len(request.choices) for request in requests), default=0)


def _plan(requests: Sequence[Request], batch_tokens: int) -> dict[tuple[int, ...], int]:
    """Batches of items of similar length and one header, the longest first, with the number of the header's tokens.

    Of each prompt something stays outside the header: the place that predicts the first scored token.
    """
    groups = group_by_header([request.prompt[: len(request.prompt) - request.num_scored - 1] for request in requests])
    found = []
    for num_header, items in groups:
        batch: list[int] = []
        for index in sorted(items, key=lambda i: (-requests[i].num_tokens(), i)):
            if batch and (len(batch) + 1) * requests[batch[0]].num_tokens() > batch_tokens:
                found.append((tuple(batch), num_header))
                batch = []
            batch.append(index)
        if batch:
            found.append((tuple(batch), num_header))
    return dict(sorted(found, key=lambda entry: (-requests[entry[0][0]].num_tokens(), entry[0])))


def _score_apart(base: Any, rows: Sequence[Request], how: _How) -> tuple[np.ndarray, np.ndarray]:
    """What `_score` gives, from one plain row per choice."""
    scores = np.full((len(rows), _most_choices(rows)), np.nan)
    greedy = np.zeros(scores.shape, dtype=bool)
    for column in range(scores.shape[1]):
        at = [i for i, row in enumerate(rows) if column < len(row.choices)]
        alone = [Request(rows[i].prompt, (rows[i].choices[column],), rows[i].num_scored) for i in at]
        found, flags = _score(base, alone, how)
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


def _lay_out(requests: Sequence[Request], how: _How) -> _Layout:
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
def _score(base: Any, requests: Sequence[Request], how: _How) -> tuple[np.ndarray, np.ndarray]:
    """Scores and greedy flags (rows, choices) of one batch."""
    embeddings = base.get_input_embeddings().weight
    layout = _lay_out(requests, how)
    arguments: dict[str, Any] = {"input_ids": torch.from_numpy(layout.ids).to(embeddings.device)}
    # Plain rows need no mask: padding is at the end, and nothing before it looks there.
    if (layout.segments > 0).any() and _most_choices(requests) > 1:
        segments = torch.from_numpy(layout.segments).to(embeddings.device)
        arguments["attention_mask"] = _tree_mask(segments, how.num_header, embeddings.dtype)
        arguments["position_ids"] = torch.from_numpy(layout.positions).to(embeddings.device)
    arguments |= {"use_cache": how.header is not None}
    if how.header is not None:
        arguments["past_key_values"] = how.header
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


def _token_scores(base: Any, arguments: dict[str, Any], layout: _Layout, how: _How) -> tuple[np.ndarray, np.ndarray]:
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
