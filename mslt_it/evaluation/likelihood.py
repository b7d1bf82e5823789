"""Log-likelihoods of answer choices: each prompt is encoded once and shared by its choices (`shared_rows`).

What many prompts begin with is encoded once and its keys and values are shared by the rows (`headers`). Models that do
not heed the mask or the positions (ALiBi, recurrent layers, some attention kernels) get one plain row per choice
instead, those that do not take keys and values whole prompts, and so on: `trials` finds out.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.modeling_outputs import BaseModelOutput

from mslt_it.data.encoding import IGNORED
from mslt_it.evaluation.generation import evaluating
from mslt_it.evaluation.headers import encode_header, group_by_header
from mslt_it.evaluation.shared_rows import How, Request, most_choices, score, score_apart
from mslt_it.evaluation.trials import heeds_trees, last_feed_forward, local_span, once_per_model, takes_headers
from mslt_it.models.base_model import base_of
from mslt_it.models.inputs import Padding, in_batches, pass_tokens
from mslt_it.models.kinds import is_text_to_text
from mslt_it.models.lora_in_place import in_place
from mslt_it.training.supervised_loss import MAX_LOGITS


def choice_log_likelihoods(
    model: Any, requests: Sequence[Request], *, batch_tokens: int, pad_id: int, tree: bool | None = None
) -> np.ndarray:
    """Sum of log p(token) over each choice's tokens (nats), the end token excluded: float64 (items, choices), NaN
    beyond the choices of items that have fewer than others. Arguments: see `ChoiceScorer`."""
    scores = np.full((len(requests), most_choices(requests)), np.nan)
    scorer = ChoiceScorer(model, requests, batch_tokens=batch_tokens, pad_id=pad_id, tree=tree)
    for batch in scorer.batches:
        found, _ = scorer.score(batch)
        scores[list(batch), : found.shape[1]] = found
    return scores


class ChoiceScorer:
    """Scores requests batch by batch with one model in one state (adapter on or off): what prompts begin with is
    encoded once for many batches.

    Args:
        model: a causal LM or text-to-text model, or a PeftModel around one.
        batch_tokens: at most so many padded tokens per forward pass, shared headers included.
        tree: use the shared-prompt rows (default: where the model is found to take them, and within its local span).
    """

    def __init__(
        self, model: Any, requests: Sequence[Request], *, batch_tokens: int, pad_id: int, tree: bool | None = None
    ) -> None:
        self._model = model
        self._base = base = base_of(model)
        self._requests = requests
        self._batch_tokens = batch_tokens
        self._pad_id = pad_id
        self._tree = tree
        self._num_header = _plan(requests, batch_tokens)
        self._encoded: OrderedDict[tuple[int, ...], DynamicCache] = OrderedDict()
        self._tried = functools.cache(lambda trial: once_per_model(trial, base))  # what fails, once per scorer
        # Positions of the items of each forward pass, the longest first (out of memory at once or never). They follow
        # from the requests and ``batch_tokens`` alone: the same for every model and state.
        self.batches = tuple(self._num_header)

    def score(self, batch: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Of one of the batches, in any order: log-likelihoods, float64 (items, most choices) in nats, and bool flags:
        every scored token was the likeliest one. NaN and False where an item has fewer choices than others."""
        items = tuple(batch)
        if items not in self._num_header:
            raise ValueError(f"{items} is not one of the {len(self._num_header)} batches of these requests.")
        rows = [self._requests[i] for i in items]
        scores = np.full((len(rows), most_choices(rows)), np.nan)
        greedy = np.zeros(scores.shape, dtype=bool)
        with evaluating(self._model), in_place(self._base):
            span = local_span(self._base)
            near = span is None or max(row.num_tokens() for row in rows) <= span
            how = self._how(rows[0].prompt[: self._num_header[items]] if near else ())
            size = pass_tokens(self._batch_tokens, self._base.get_input_embeddings().weight.device)
            for places in in_batches([row.num_tokens() - how.num_header for row in rows], size):
                part = [rows[place] for place in places]
                found, flags = self._scorer(part, near)(self._base, part, how)
                at = np.ix_(places, range(found.shape[1]))
                scores[at], greedy[at] = found, flags
        return scores, greedy

    def _how(self, header: tuple[int, ...]) -> How:
        if is_text_to_text(self._base):
            return How(self._pad_id)
        return How(self._pad_id, self._header(header), self._tried(last_feed_forward))

    def _scorer(self, rows: Sequence[Request], near: bool) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
        """What scores rows in one pass; ``near``: within the model's local span."""
        if is_text_to_text(self._base):
            return _score_written
        single = all(len(c) == 1 for r in rows for c in r.choices)
        together = single or (self._tree if self._tree is not None else near and self._tried(heeds_trees))
        return score if together else score_apart

    def _header(self, header: tuple[int, ...]) -> DynamicCache | None:
        """The header's keys and values; those used last are kept, together at most ``batch_tokens`` tokens."""
        if not header or not self._tried(takes_headers):
            return None
        if header not in self._encoded:
            while self._encoded and sum(map(len, self._encoded)) + len(header) > self._batch_tokens:
                self._encoded.popitem(last=False)
            self._encoded[header] = encode_header(self._base, header)
        self._encoded.move_to_end(header)
        return self._encoded[header]


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


def _score_written(base: Any, rows: Sequence[Request], how: How) -> tuple[np.ndarray, np.ndarray]:
    """What `score` gives, of a text-to-text model, whose encoder reads a prompt once for all its choices."""
    device = base.get_input_embeddings().weight.device
    inputs = {name: t.to(device) for name, t in Padding(how.pad_id).inputs([row.prompt for row in rows]).items()}
    scores = np.full((len(rows), most_choices(rows)), np.nan)
    greedy = np.zeros(scores.shape, dtype=bool)
    asked = [(i, n) for i, row in enumerate(rows) for n in range(len(row.choices))]
    longest = max(len(choice) for row in rows for choice in row.choices)
    size = max(1, MAX_LOGITS // (longest * base.get_output_embeddings().weight.shape[0]))  # choices in one go
    with torch.inference_mode():
        states = base.get_encoder()(**inputs, return_dict=True).last_hidden_state
        for part in (asked[start : start + size] for start in range(0, len(asked), size)):
            at = torch.tensor([i for i, _ in part], device=device)
            labels = torch.full((len(part), longest), IGNORED)
            for place, (i, n) in enumerate(part):
                labels[place, : len(rows[i].choices[n])] = torch.tensor(rows[i].choices[n])
            labels = labels.to(device)
            logits: Tensor = base(
                encoder_outputs=BaseModelOutput(last_hidden_state=states[at]),
                attention_mask=inputs["attention_mask"][at],
                decoder_input_ids=base.prepare_decoder_input_ids_from_labels(labels=labels),
                use_cache=False,
            ).logits.float()
            losses = nn.functional.cross_entropy(
                logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none"
            )
            likeliest = (logits.argmax(-1) == labels) | labels.eq(IGNORED)
            where = tuple(np.array(part).T)
            scores[where] = -losses.view(labels.shape).double().sum(1).cpu().numpy()
            greedy[where] = likeliest.all(1).cpu().numpy()
    return scores, greedy
