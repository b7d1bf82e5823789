"""What answers questions: a model that scores given choices, that writes, or that says by a head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.asking import Engine, Question
from mslt_it.evaluation.generation import Advance, Prompt, Sampling, TextGenerator, ignored
from mslt_it.evaluation.heads import ENGINES
from mslt_it.evaluation.likelihood import ChoiceScorer, Request


class ChoiceEngine:
    """Log-likelihoods of each question's choices, in nats; written as text where they are not finite.

    ``batches``: positions of the questions; decided by these and the settings alone.
    """

    def __init__(self, model: Any, questions: Sequence[Question], *, batch_tokens: int, pad_id: int) -> None:
        requests = [Request(question.prompt_ids, question.choices) for question in questions]
        self._questions = questions
        self._scorer = ChoiceScorer(model, requests, batch_tokens=batch_tokens, pad_id=pad_id)
        self.batches = self._scorer.batches

    def answer(self, batch: Sequence[int], advance: Advance = ignored) -> list[dict[str, Any]]:
        rows, _ = self._scorer.score(batch)
        advance(len(batch))
        return [
            {"log_likelihoods": [_number(v) for v in row[: len(self._questions[i].choices)]]}
            for i, row in zip(batch, rows, strict=True)
        ]

    def decided_by(self, position: int) -> Mapping[str, Any]:
        question = self._questions[position]
        return {"prompt": question.prompt_ids, "choices": question.choices}


class TextEngine:
    """Answers written by the model, greedily or drawn; in batches as `ChoiceEngine` has them."""

    def __init__(
        self,
        generator: TextGenerator,
        questions: Sequence[Question],
        sampling: Sampling,
        end_id: int,
        backend: str = "transformers",
    ) -> None:
        self._generator, self._questions = generator, questions
        self._sampling, self._end_id, self._backend = sampling, end_id, backend
        self.batches = generator.batches

    def answer(self, batch: Sequence[int], advance: Advance = ignored) -> list[dict[str, Any]]:
        return [
            {
                "text": answer.text,
                "num_prompt_tokens": len(self._questions[i].prompt_ids),
                "num_new_tokens": answer.num_tokens,
                "is_cut": answer.is_cut,
            }
            for i, answer in zip(batch, self._generator.generate(batch, advance), strict=True)
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


def engine(
    model: Any,
    questions: Sequence[Question],
    encoder: Encoder,
    batch_tokens: int,
    sampling: Sampling | None = None,
    vllm: Callable[..., Any] | None = None,
) -> Engine:
    """The loaded model as one that scores choices, writes, or says by its head.

    Args:
        sampling: None: greedily.
        vllm: makes the generator that writes in place of the loaded model.
    """
    if encoder.head:
        return ENGINES[encoder.head](model, questions, encoder, batch_tokens=batch_tokens)
    if questions[0].choices:
        return ChoiceEngine(model, questions, batch_tokens=batch_tokens, pad_id=encoder.pad_id)
    sampling = sampling or Sampling()
    prompts = [Prompt(q.prompt_ids, q.max_new_tokens, q.key) for q in questions]
    how: dict[str, Any] = {"end_id": encoder.end_id, "decode": encoder.decode_text, "sampling": sampling}
    if vllm is not None:
        return TextEngine(vllm(prompts, **how), questions, sampling, encoder.end_id, "vllm")
    generator = TextGenerator(model, prompts, pad_id=encoder.pad_id, batch_tokens=batch_tokens, **how)
    return TextEngine(generator, questions, sampling, encoder.end_id)


def _number(value: np.floating) -> float | str:
    return float(value) if np.isfinite(value) else str(value)
