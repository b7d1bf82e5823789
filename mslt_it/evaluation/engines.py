"""Asking a model: a list of questions in fixed batches, each answered as a plain dictionary for the journal.

A question is answered by scoring given choices (`ChoiceEngine`) or by writing text (`TextEngine`). Both say what
decides each answer, so that it can be cached by hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mslt_it.evaluation.generation import Generator, Prompt, Sampling
from mslt_it.evaluation.likelihood import ChoiceScorer, Request


@dataclass(frozen=True)
class Question:
    """One thing asked of the model: an item (and which sample of it, or which field of it to translate)."""

    item_id: str
    prompt_ids: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...] = ()  # empty: text is to be written
    max_new_tokens: int = 0
    sample: int = 0
    field: str = ""

    @property
    def key(self) -> str:
        """Names the question among those of an evaluation, for random numbers."""
        return f"{self.item_id}\0{self.field}\0{self.sample}"

    def labels(self) -> dict[str, Any]:
        """What the journal says about the question."""
        found: dict[str, Any] = {"id": self.item_id}
        if self.field:
            found["field"] = self.field
        if not self.choices and not self.field:
            found["sample"] = self.sample
        return found


class Engine(Protocol):
    """A model and the questions it is to answer."""

    @property
    def batches(self) -> tuple[tuple[int, ...], ...]:
        """Positions of the questions, batch by batch; decided by the questions and the settings alone."""

    def answer(self, batch: Sequence[int]) -> list[dict[str, Any]]:
        """One of the batches."""

    def decided_by(self, position: int) -> Mapping[str, Any]:
        """Everything but the model that decides an answer."""


class ChoiceEngine:
    """Log-likelihoods of each question's choices, in nats; written as text where they are not finite."""

    def __init__(self, model: Any, questions: Sequence[Question], *, batch_tokens: int, pad_id: int) -> None:
        requests = [Request(question.prompt_ids, question.choices) for question in questions]
        self._questions = questions
        self._scorer = ChoiceScorer(model, requests, batch_tokens=batch_tokens, pad_id=pad_id)

    @property
    def batches(self) -> tuple[tuple[int, ...], ...]:
        return self._scorer.batches

    def answer(self, batch: Sequence[int]) -> list[dict[str, Any]]:
        rows = self._scorer.score(batch).log_likelihoods
        return [
            {"log_likelihoods": [_number(v) for v in row[: len(self._questions[i].choices)]]}
            for i, row in zip(batch, rows, strict=True)
        ]

    def decided_by(self, position: int) -> Mapping[str, Any]:
        question = self._questions[position]
        return {"prompt": question.prompt_ids, "choices": question.choices}


class TextEngine:
    """Written answers."""

    def __init__(
        self,
        generator: Generator,
        questions: Sequence[Question],
        sampling: Sampling,
        end_id: int,
        backend: str = "transformers",
    ) -> None:
        self._backend = backend
        self._generator = generator
        self._questions = questions
        self._sampling = sampling
        self._end_id = end_id

    @property
    def batches(self) -> tuple[tuple[int, ...], ...]:
        return self._generator.batches

    def answer(self, batch: Sequence[int]) -> list[dict[str, Any]]:
        return [
            {
                "text": answer.text,
                "num_prompt_tokens": len(self._questions[i].prompt_ids),
                "num_new_tokens": answer.num_tokens,
                "is_cut": answer.is_cut,
            }
            for i, answer in zip(batch, self._generator.generate(batch), strict=True)
        ]

    def decided_by(self, position: int) -> Mapping[str, Any]:
        question = self._questions[position]
        parts: dict[str, Any] = {
            "prompt": question.prompt_ids,
            "max_new_tokens": question.max_new_tokens,
            "end": self._end_id,
            "backend": self._backend,  # both draw other random numbers, and round otherwise
        }
        if not self._sampling.is_greedy:
            s = self._sampling
            parts["sampling"] = [s.temperature, s.top_p, s.seed, question.key]
        return parts


def prompts_of(questions: Sequence[Question]) -> list[Prompt]:
    """The questions as a generator takes them."""
    return [Prompt(q.prompt_ids, q.max_new_tokens, q.key) for q in questions]


def is_sound(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is of a working model, fit to be kept for later."""
    if "log_likelihoods" in answer:
        return all(isinstance(value, float) for value in answer["log_likelihoods"])
    return answer["text"] is not None


def _number(value: np.floating) -> float | str:
    return float(value) if np.isfinite(value) else str(value)
