"""Asking a model: a list of questions in fixed batches, each answered as a plain dictionary for the journal.

A question is answered by scoring given choices (`ChoiceEngine`) or by writing text (`TextEngine`). Both say what
decides each answer, so that it is found again by hash: in the journal, in that of another folder, in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.cache import AnswerCache, key_of
from mslt_it.evaluation.generation import Advance, Prompt, Sampling, TextGenerator, ignored
from mslt_it.evaluation.heads import ENGINES, HeadEngine
from mslt_it.evaluation.likelihood import ChoiceScorer, Request
from mslt_it.journal import Journal

QUESTIONS = "questions_sha256"  # in a journal's first line: of everything that decides its answers


@dataclass(frozen=True)
class Question:
    """One thing asked of the model: an item (and which sample of it, or which field of it to translate)."""

    item_id: str
    prompt_ids: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...] = ()  # empty: text is to be written
    max_new_tokens: int = 0
    sample: int = 0
    field: str = ""
    source: Any = None  # the Words or the Passage that an encoder's answer is cut from

    @property
    def key(self) -> str:
        """Names the question among those of an evaluation, for random numbers."""
        return f"{self.item_id}\0{self.field}\0{self.sample}"

    def labels(self) -> dict[str, Any]:
        """What the journal says about the question."""
        found: dict[str, Any] = {"id": self.item_id}
        if self.field:
            found["field"] = self.field
        elif not self.choices:
            found["sample"] = self.sample
        return found


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
        """Everything but the model that decides an answer."""
        question = self._questions[position]
        return {"prompt": question.prompt_ids, "choices": question.choices}


class TextEngine:
    """Written answers."""

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


Engine = ChoiceEngine | TextEngine | HeadEngine  # a model and the questions it is to answer


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


def answers_now(engine: Engine) -> list[dict[str, Any]]:
    """The answers in the order of the questions, kept nowhere."""
    found: dict[int, dict[str, Any]] = {}
    for batch in engine.batches:
        found |= zip(batch, engine.answer(batch), strict=True)
    return [found[i] for i in range(len(found))]


def is_sound(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is of a working model, fit to be kept for later."""
    if "log_likelihoods" in answer:
        return all(isinstance(value, float) for value in answer["log_likelihoods"])
    return answer["text"] is not None


def ask(
    engine: Engine,
    questions: tuple[Question, ...],
    *,
    model_key: Mapping[str, Any],
    path: Path,
    about: Mapping[str, Any],
    cache: AnswerCache | None = None,
    earlier: Iterable[Path] = (),
    replaces: bool = False,
    advance: Advance = ignored,
    on_main: Callable[[Callable[[], Any]], Any] = lambda do: do(),
) -> tuple[list[Mapping[str, Any]], int]:
    """The answers to all questions as in the journal, in the order of the questions; and how many of these the model
    was asked now.

    Args:
        model_key: the hashes of everything that the model is made of.
        path: of the journal.
        about: what a reader of the journal should see in its first line.
        earlier: journals of other folders, whose answers are taken where they are of the same model and questions.
        replaces: a journal of another model or other questions is begun anew, not refused.
        advance: called with the number of questions done.
        on_main: what ``do`` gives on the main process, on all of those that ask together.
    """
    keys = [key_of({"model": model_key, **engine.decided_by(i)}) for i in range(len(questions))]
    batches = engine.batches
    head = {
        **about,
        **model_key,
        QUESTIONS: key_of({"keys": [key.hex() for key in keys], "batches": batches}).hex(),
    }
    journal = Journal(path, head, [len(b) for b in batches], replaces=replaces)
    cache = cache or AnswerCache(None)

    def begin() -> int:
        done = journal.open()
        return len(batches) if not done and any(journal.take_over(p, QUESTIONS) for p in earlier) else done

    done = on_main(begin)
    advance(sum(len(batch) for batch in batches[:done]))
    num_computed = 0
    for number, batch in enumerate(batches[done:], start=done):
        # A batch is taken from the cache whole or not at all: what stands in a batch rounds its scores.
        answers = on_main(partial(cache.get, [keys[i] for i in batch]))
        if answers is not None:
            advance(len(batch))
        else:
            answers = engine.answer(batch, advance)
            num_computed += len(batch)
            sound = [(keys[i], a) for i, a in zip(batch, answers, strict=True) if is_sound(a)]
            on_main(partial(cache.put, [key for key, _ in sound], [answer for _, answer in sound]))
        rows = [{**questions[i].labels(), **a} for i, a in zip(batch, answers, strict=True)]
        on_main(partial(journal.append, number, rows))
    ordered: list[Mapping[str, Any]] = [{}] * len(questions)
    for place, row in zip((i for batch in batches for i in batch), on_main(journal.rows), strict=True):
        ordered[place] = row
    return ordered, num_computed


def _number(value: np.floating) -> float | str:
    return float(value) if np.isfinite(value) else str(value)
