"""One model, one list of questions, one journal: batch after batch, from where the last start left off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.evaluation.cache import AnswerCache, key_of
from mslt_it.evaluation.engines import Engine, Question, is_sound
from mslt_it.store import Journal


@dataclass(frozen=True)
class Asked:
    """What became of the questions."""

    rows: tuple[Mapping[str, Any], ...]  # as in the journal, in the order of the questions
    num_computed: int  # questions that the model was asked now: neither in the journal nor in the cache


def ask(
    engine: Engine,
    questions: tuple[Question, ...],
    *,
    model_key: Mapping[str, Any],
    path: Path,
    about: Mapping[str, Any],
    cache: AnswerCache,
    advance: Callable[[int], object] = lambda n: None,
) -> Asked:
    """The answers to all questions, those from an earlier start first.

    Args:
        model_key: the hashes of everything that the model is made of.
        path: of the journal.
        about: what a reader of the journal should see in its first line.
        advance: called with the number of questions done.
    """
    keys = [key_of({"model": model_key, **engine.decided_by(i)}) for i in range(len(questions))]
    batches = engine.batches
    everything = key_of({"keys": [key.hex() for key in keys], "batches": batches})
    journal = Journal(path, {**about, **model_key, "questions_sha256": everything.hex()}, [len(b) for b in batches])
    done = journal.open()
    advance(sum(len(batch) for batch in batches[:done]))
    num_computed = 0
    for number, batch in enumerate(batches[done:], start=done):
        # A batch is taken from the cache whole or not at all: what stands in a batch rounds its scores.
        answers = cache.get([keys[i] for i in batch])
        if answers is None:
            answers = engine.answer(batch)
            num_computed += len(batch)
            sound = [(keys[i], a) for i, a in zip(batch, answers, strict=True) if is_sound(a)]
            cache.put([key for key, _ in sound], [answer for _, answer in sound])
        journal.append(number, [{**questions[i].labels(), **a} for i, a in zip(batch, answers, strict=True)])
        advance(len(batch))
    ordered: list[Mapping[str, Any]] = [{}] * len(questions)
    for place, row in zip((i for batch in batches for i in batch), journal.rows(), strict=True):
        ordered[place] = row
    return Asked(tuple(ordered), num_computed)
