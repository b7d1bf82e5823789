"""Answers of an encoder's head, in the form of those of a decoder: what each label is worth, in nats."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from mslt_it.data.segments import layout
from mslt_it.evaluation.generation import longest_input
from mslt_it.models.base_model import base_of
from mslt_it.models.heads import places
from mslt_it.models.inputs import Padding

if TYPE_CHECKING:
    from mslt_it.evaluation.asking import Question

LOG = logging.getLogger("mslt_it")


class ClassEngine:
    """Log-probabilities of the labels, by number; written as text where they are not finite. ``encoder``: a
    `mslt_it.data.segments.SegmentEncoder`.

    A question's choices are the labels' numbers. A row that is longer than the model can read is cut where its longer
    segment ends, and told.
    """

    def __init__(self, model: Any, questions: Sequence[Question], encoder: Any, *, batch_tokens: int) -> None:
        self._model, self._questions, self._head = model, questions, encoder.head
        self._device = base_of(model).get_input_embeddings().weight.device
        self._padding = Padding(encoder.tokenizer.pad_token_id, layout(encoder.head, encoder.tokenizer))
        longest = longest_input(base_of(model))
        self._rows = [encoder.cut(question.prompt_ids, longest) for question in questions]
        if number := sum(encoder.num_tokens(q.prompt_ids) > longest for q in questions):
            LOG.warning("%d of %d rows are longer than %d tokens and were cut.", number, len(questions), longest)
        self._batches = _batches([len(row) for row in self._rows], batch_tokens)

    @property
    def batches(self) -> tuple[tuple[int, ...], ...]:
        """Positions of the questions of each forward pass, the longest first."""
        return self._batches

    def answer(self, batch: Sequence[int]) -> list[dict[str, Any]]:
        inputs = self._padding.inputs([self._rows[i] for i in batch])
        was_training = self._model.training
        self._model.eval()
        try:
            with torch.inference_mode():
                outputs = self._model(**{name: t.to(self._device) for name, t in inputs.items()})
                found = places(outputs, len(batch))[:, 0]
        finally:
            self._model.train(was_training)
        rows = found.double().log_softmax(-1).cpu()
        return [{"log_likelihoods": [v if abs(v) < torch.inf else str(v) for v in row.tolist()]} for row in rows]

    def decided_by(self, position: int) -> Mapping[str, Any]:
        question = self._questions[position]
        return {"prompt": question.prompt_ids, "choices": question.choices, "head": self._head}


ENGINES = {"classes": ClassEngine, "options": ClassEngine}  # head -> what asks it


def _batches(lengths: Sequence[int], batch_tokens: int) -> tuple[tuple[int, ...], ...]:
    """The longest first, at most so many padded tokens together: out of memory at once or never."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if not batches or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > batch_tokens:
            batches.append([])
        batches[-1].append(index)
    return tuple(map(tuple, batches))
