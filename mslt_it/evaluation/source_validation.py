"""Loss and main metric on held-out rows of the source languages, as training goes: asked as the scored rows are.

The rows are those of `mslt_it.data.build.validation_examples`, which are of no target and scored in no language.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mslt_it.config.recipe import Recipe
from mslt_it.data.budget import Preparing
from mslt_it.data.build import validation_examples
from mslt_it.data.encoding import Encoder
from mslt_it.data.prompts import prompted_all
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.asking import Question, answers_now
from mslt_it.evaluation.engines import engine
from mslt_it.evaluation.generation import evaluating
from mslt_it.evaluation.heads import head_losses
from mslt_it.evaluation.likelihood import choice_log_likelihoods
from mslt_it.evaluation.measures import MEASURES, Outputs, choice_scores, text_of
from mslt_it.evaluation.questions import questions_of
from mslt_it.evaluation.shared_rows import Request
from mslt_it.records import EncodedExample, PromptedExample

# The rows of one language, the questions about them, and as they would be trained on.
_Held = tuple[Sequence[PromptedExample], Sequence[Question], Sequence[EncodedExample]]


class SourceValidation:
    """A `mslt_it.training.looks.Validation`."""

    def __init__(self, recipe: Recipe, encoder: Encoder, rows: RowStore) -> None:
        self._measure = MEASURES[recipe.task.metric][0]
        self.metric = self._measure.name
        self._encoder, self._batch_tokens = encoder, recipe.scoring.batch_tokens
        self._held: dict[str, _Held] = {}
        for code, examples in validation_examples(recipe, rows).items():
            items = prompted_all(examples, recipe.task, recipe.prompt)
            prepared = Preparing(recipe, encoder).prepared(examples)
            answers = [row.encoded for row in prepared if row.encoded is not None]
            self._held[code] = items, questions_of(recipe, items, encoder), answers
        first = next(iter(self._held.values()))[0][:1]
        blank: Outputs = ("",) if first[0].is_written else np.zeros((1, len(first[0].choices)))
        self._width = self._measure.counts(first, blank)[0].shape[1]

    def sums(self, model: Any, rank: int, world_size: int) -> np.ndarray:
        """(languages, 2 + k): negative log-likelihood, supervised tokens, counts of the metric."""
        with evaluating(model):
            share = slice(rank, None, world_size)
            return np.stack([self._of_language(model, held, share) for held in self._held.values()])

    def values(self, sums: np.ndarray) -> dict[str, float]:
        loss = sums[:, 0] / sums[:, 1]
        metric = self._measure.value(sums[:, 2:])
        found = {"loss": float(sums[:, 0].sum() / sums[:, 1].sum()), self.metric: float(metric.mean())}
        for code, one_loss, one in zip(self._held, loss, metric, strict=True):
            found |= {f"loss/{code}": float(one_loss), f"{self.metric}/{code}": float(one)}
        return found

    def _of_language(self, model: Any, held: _Held, share: slice) -> np.ndarray:
        items, questions, answers = held[0][share], held[1][share], held[2][share]
        found = np.zeros(2 + self._width)
        if answers and self._encoder.head:
            found[:2] = head_losses(model, answers, self._encoder, self._batch_tokens)
        elif answers:
            parts, pad = map(self._encoder.apart, answers), self._encoder.pad_id
            requests = [Request(tuple(given), (tuple(said),)) for given, said in parts]
            scores = choice_log_likelihoods(model, requests, batch_tokens=self._batch_tokens, pad_id=pad)
            found[:2] = -scores.sum(), sum(len(request.choices[0]) for request in requests)
        if items:
            rows = answers_now(engine(model, questions, self._encoder, self._batch_tokens))
            outputs: Outputs = tuple(map(text_of, rows)) if items[0].is_written else choice_scores(items, rows)
            found[2:] = self._measure.counts(items, outputs)[0].sum(axis=0)
        return found
