"""Log-likelihoods of answer choices: each prompt is encoded once and shared by its choices (`shared_rows`).

What many prompts begin with is encoded once and its keys and values are shared by the rows (`headers`). Models that do
not heed the mask or the positions (ALiBi, recurrent layers, some attention kernels) get one plain row per choice
instead, those that do not take keys and values whole prompts, and so on: `trials` finds out.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn
from transformers import DynamicCache

from mslt_it.evaluation.generation import evaluating
from mslt_it.evaluation.headers import encode_header, group_by_header
from mslt_it.evaluation.shared_rows import How, Request, most_choices, score, score_apart
from mslt_it.evaluation.trials import heeds_trees, last_feed_forward, local_span, once_per_model, takes_headers
from mslt_it.evaluation.written_choices import score_written
from mslt_it.models.base_model import base_of
from mslt_it.models.inputs import in_batches, pass_tokens
from mslt_it.models.lora_in_place import in_place
from mslt_it.models.text_to_text import is_text_to_text


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
        model: a causal LM or text-to-text model, or a PeftModel around one, in whatever state (adapter on or off) is to
            be scored.
        batch_tokens: at most so many padded tokens per forward pass.
        advance: called with the number of items done.
        tree: use the shared-prompt rows (default: where the model is found to take them, and within its local span).

    Returns:
        float64 of shape (items, choices); NaN beyond the choices of items that have fewer than others.
    """
    scores = np.full((len(requests), most_choices(requests)), np.nan)
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
        model: a causal LM or text-to-text model, or a PeftModel around one. Its state must be the same at every
            `score`: what prompts begin with is encoded once for many batches.
        batch_tokens: at most so many padded tokens per forward pass, shared headers included.
        tree: use the shared-prompt rows (default: where the model is found to take them, and within its local span).
    """

    def __init__(
        self, model: Any, requests: Sequence[Request], *, batch_tokens: int, pad_id: int, tree: bool | None = None
    ) -> None:
        self._model = model
        self._base = base_of(model)
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
        scores = np.full((len(rows), most_choices(rows)), np.nan)
        greedy = np.zeros(scores.shape, dtype=bool)
        with evaluating(self._model), in_place(self._base):
            near = self._span is None or max(row.num_tokens() for row in rows) <= self._span
            how = self._how(rows[0].prompt[: self._num_header[items]] if near else ())
            size = pass_tokens(self._batch_tokens, self._base.get_input_embeddings().weight.device)
            for places in in_batches([row.num_tokens() - how.num_header for row in rows], size):
                part = [rows[place] for place in places]
                found, flags = self._scorer(part, near)(self._base, part, how)
                at = np.ix_(places, range(found.shape[1]))
                scores[at], greedy[at] = found, flags
        return BatchScores(items, scores, greedy)

    def _how(self, header: tuple[int, ...]) -> How:
        if is_text_to_text(self._base):
            return How(self._pad_id)
        return How(self._pad_id, self._header(header), self._feed_forward)

    def _scorer(self, rows: Sequence[Request], near: bool) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
        """What scores rows in one pass; ``near``: within the model's local span."""
        if is_text_to_text(self._base):
            return score_written
        single = all(len(c) == 1 for r in rows for c in r.choices)
        together = single or (self._tree if self._tree is not None else near and self._heeds_trees)
        return score if together else score_apart

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
        return bool(once_per_model(heeds_trees, self._base))

    @functools.cached_property
    def _span(self) -> int | None:
        return local_span(self._base)

    @functools.cached_property
    def _takes_headers(self) -> bool:
        return bool(once_per_model(takes_headers, self._base))

    @functools.cached_property
    def _feed_forward(self) -> nn.Module | None:
        return once_per_model(last_feed_forward, self._base)


def _plan(requests: Sequence[Request], batch_tokens: int) -> dict[tuple[int, ...], int]:
    """Batches of items of similar length and one header, the longest first, with the number of the header's tokens.

    Of each prompt something stays outside the header: the place that predicts the first scored token.
    """
    groups = group_by_header([request.prompt[: len(request.prompt) - request.num_scored - 1] for request in requests])
    found = []
    for num_header, items in groups:
        own = sorted(items)
        batches = in_batches([requests[i].num_tokens() for i in own], batch_tokens)
        found += [(tuple(own[place] for place in batch), num_header) for batch in batches]
    return dict(sorted(found, key=lambda entry: (-requests[entry[0][0]].num_tokens(), entry[0])))
