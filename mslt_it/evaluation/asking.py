"""Asking a model: a list of questions in fixed batches, each answered as a plain dictionary for the journal.

What answers them (`mslt_it.evaluation.engines`) says what decides each answer, so that it is found again by hash: in
the journal, in that of another folder, in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from mslt_it.evaluation.cache import AnswerCache, key_of
from mslt_it.evaluation.generation import Advance, ignored
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


class Engine(Protocol):
    """A model and the questions it is to answer."""

    @property
    def batches(self) -> Sequence[Sequence[int]]:
        """Positions of the questions of each call of `answer`; decided by these and the settings alone."""

    def answer(self, batch: Sequence[int], advance: Advance = ignored) -> list[dict[str, Any]]:
        """``advance``: called with the number of questions done."""

    def decided_by(self, position: int) -> Mapping[str, Any]:
        """Everything but the model that decides an answer."""


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
    advance(sum(len(batch) for batch in batches[:done]), is_new=False)
    num_computed = 0
    for number, batch in enumerate(batches[done:], start=done):
        # A batch is taken from the cache whole or not at all: what stands in a batch rounds its scores.
        answers = on_main(partial(cache.get, [keys[i] for i in batch]))
        if answers is not None:
            advance(len(batch), is_new=False)
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
