"""A finished run as something that labels rows: asked as its scored rows were, so that a scored row gets the label that
the run's own answers have."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import softmax

from mslt_it import values
from mslt_it.config.recipe import TaskConfig
from mslt_it.config.schema import build
from mslt_it.data.build import askable
from mslt_it.data.columns import renamed
from mslt_it.data.files import Row
from mslt_it.data.prompts import prompted
from mslt_it.data.shapes import asked_example
from mslt_it.data.spans import decode
from mslt_it.evaluation.asking import Engine, Question, answers_now, is_sound
from mslt_it.evaluation.engines import engine
from mslt_it.evaluation.measures import choice_scores
from mslt_it.evaluation.questions import questions_of
from mslt_it.evaluation.voting import read_answer
from mslt_it.models.inputs import longest_input
from mslt_it.prediction.asked_columns import REASON, AskedColumns
from mslt_it.prediction.asked_model import model_of
from mslt_it.prediction.papers import Papers, read_papers
from mslt_it.prediction.request import How
from mslt_it.prediction.row_languages import RowLanguages
from mslt_it.problems import Problem, some
from mslt_it.records import PromptedExample, fingerprint

Answer = Mapping[str, Any]
Ask = Callable[[Engine, tuple[Question, ...]], tuple[Sequence[Answer], int]]


class Labeller:
    """A run, or what was made of one (`model_of`), loaded. ``added``: the columns that its answers make."""

    def __init__(self, papers: Papers, how: How) -> None:
        self.columns, self.how = AskedColumns(papers, how), how
        self.asked = model_of(papers)
        self.recipe, self.added = self.columns.recipe, self.columns.added
        self.calibration = self.asked.calibration() if how.calibration == "held_out" else None

    @property
    def task(self) -> TaskConfig:
        return self.recipe.task

    def load(self) -> None:
        """The weights, checked to be what the run was trained on."""
        self.loaded, self.system, self.model, self.encoder = self.asked.load()
        self.longest = longest_input(self.loaded.base)

    def decided_by(self) -> dict[str, Any]:
        """Everything that the added columns follow from, beside the rows, as hashes and values."""
        return {
            **self.asked.decides,
            "prompts": fingerprint([self.recipe.task, self.recipe.prompt, self.recipe.scoring.batch_tokens]),
            "temperature": self.calibration.temperature if self.calibration else 1.0,
            **{name: getattr(self.how, name) for name in ("language", "abstain_below", "prefix")},
            "columns": dict(self.how.columns),
        }

    # ---------------------------------------------------------------- rows

    def label(
        self, rows: Sequence[Mapping[str, Any]], languages: RowLanguages, ask: Ask | None = None
    ) -> list[dict[str, Any]]:
        """Each row's added columns, and under "" the language it was asked in; in order. ``ask``: as
        `mslt_it.evaluation.asking.ask`; None: the answers are kept nowhere."""
        found: list[dict[str, Any]] = [{} for _ in rows]
        items: dict[str, list[tuple[int, PromptedExample]]] = {}
        for index, row in enumerate(renamed(self.task, [Row("", row) for row in rows])):
            item = self._item(row.values, rows[index], languages)
            if isinstance(item, tuple):
                found[index] = self._empty(*item)
            else:
                items.setdefault(item.language, []).append((index, item))
        asked: list[tuple[int, PromptedExample, Question]] = []
        for of_language in items.values():
            # A language at a time, as scored rows are: whether the end token is scored follows from its label words.
            questions = questions_of(self.recipe, [item for _, item in of_language], self.encoder)
            for (index, item), question in zip(of_language, questions, strict=True):
                length = self.encoder.num_tokens(question.prompt_ids)
                length += 0 if self.recipe.head else max(map(len, question.choices), default=1)
                if length > self.longest:
                    found[index] = self._empty(
                        f"too_long: {length} tokens, the model reads {self.longest}", item.language
                    )
                else:
                    asked.append((index, item, question))
        if asked:
            questions = tuple(dict.fromkeys(question for *_, question in asked))  # the same row is asked once
            model_engine = engine(self.model, questions, self.encoder, self.recipe.scoring.batch_tokens)
            said = ask(model_engine, questions)[0] if ask else answers_now(model_engine)
            answers = dict(zip(questions, said, strict=True))
            for index, item, question in asked:
                read = self._of_scores if self.columns.is_chosen else self._of_text
                made = {self.how.prefix + name: value for name, value in read(item, answers[question]).items()}
                found[index] = {**dict.fromkeys(self.added), **made, "": item.language}
        return found

    def _item(
        self, own: Mapping[str, Any], given: Mapping[str, Any], languages: RowLanguages
    ) -> PromptedExample | tuple[str, str]:
        """What is asked of a row, or (the reason why nothing is, its language)."""
        example = asked_example(self.task, languages.known[0], own, "")
        code, reason = languages.of(given, tuple(example.fields.values()))
        reason = example.fault or reason
        # Its id decides which template of several it gets: the same for the same text.
        name = fingerprint(example.fields)
        fit = reason or askable(self.task, dataclasses.replace(example, language=code, id=name))
        if isinstance(fit, str):
            return fit, code
        try:
            return prompted(fit, self.task, self.recipe.prompt)
        except Problem as problem:  # a value without a wording
            return f"cannot_be_asked: {problem}", code

    def _empty(self, reason: str, language: str = "") -> dict[str, Any]:
        return {**dict.fromkeys(self.added), self.how.prefix + REASON: reason, "": language}

    def _of_scores(self, item: PromptedExample, answer: Answer) -> dict[str, Any]:
        if not is_sound(answer):
            return {REASON: "not_finite: the model's scores are broken"}
        (scores,) = choice_scores([item], [answer])
        names = self.task.choice_names
        shares = softmax(scores / (self.calibration.temperature if self.calibration else 1.0))
        first, second = np.sort(shares)[::-1][:2] if len(shares) > 1 else (1.0, 0.0)
        made: dict[str, Any] = {f"p_{name}": round(float(p), 6) for name, p in zip(names, shares, strict=True)}
        made["margin"] = round(float(first - second), 6)
        least, first = self.how.abstain_below, round(float(first), 6)  # as the row says it
        if (scores == scores.max()).sum() > 1:
            made[REASON] = "tie"
        elif least is not None and first < least:
            made[REASON] = f"abstained: {first:g} is below {least:g}"
        else:
            made |= {"label": names[int(scores.argmax())], REASON: ""}
        return made

    def _of_text(self, item: PromptedExample, answer: Answer) -> dict[str, Any]:
        text = answer["text"]
        if text is None:
            return {REASON: "not_finite: the model's scores are broken"}
        made: dict[str, Any] = {"answer": text, REASON: "cut: the answer has no end" if answer["is_cut"] else ""}
        if self.task.choice_names or self.task.metric == "number_accuracy":
            read = read_answer(item, text)
            if read is None:
                return {**made, REASON: "unreadable"}
            if self.task.choice_names:
                return {**made, "label": self.task.choice_names[item.choices.index(str(read))]}
            return {**made, "number": f"{read:f}"}
        if self.task.metric == "span_f1":
            spans = decode(text, kinds=self.task.label_names)
            if spans is None:
                return {**made, REASON: "unreadable"}
            return {**made, "spans": json.dumps([[s.kind, s.text] for s in spans], ensure_ascii=False)}
        return made


# ---------------------------------------------------------------- from Python; a file is `mslt predict`

_NONE: Any = object()
CHUNK = 2000  # rows that are asked together, the longest first


def predict(run: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]], **options: Any) -> Iterator[dict[str, Any]]:
    """Each row with the columns that `mslt predict` adds, in order; ``pandas.DataFrame(predict(...))`` is a table.

    The run is loaded, and what is wrong with the arguments or the first row is found, before this returns; rows are
    taken as the results are.

    Args:
        run: a finished run, as an object or its folder; or a folder of `mslt merge`, or of a form of `mslt export`.
        options: those of `mslt predict` that say how: language, abstain_below, calibration, prefix, columns.
    """
    labeller = Labeller(read_papers(values.path(run)), build(How, options, "predict()"))
    remaining = iter(rows if isinstance(rows, Iterable) else [rows])
    first = next(remaining, _NONE)
    if first is _NONE:
        return iter(())
    if not isinstance(first, Mapping):
        raise Problem(
            f"rows: the first one, {first!r}, is a {type(first).__name__}, not a mapping of columns to values such as "
            '{"lang": "tr", "text": "..."}. For a DataFrame: df.to_dict("records").'
        )
    languages = labeller.columns.languages(tuple(first), "The first row")
    labeller.load()

    def labelled() -> Iterator[dict[str, Any]]:
        left = itertools.chain([first], remaining)
        while chunk := list(itertools.islice(left, CHUNK)):
            for row, added in zip(chunk, labeller.label(chunk, languages), strict=True):
                added.pop("")  # the language
                if taken := added.keys() & row.keys():  # the first row was looked at before
                    raise Problem(
                        f"A row has '{min(taken)}' already, which is not overwritten: {some(list(row), 8)}. Give "
                        "prefix=, or take it out of the row."
                    )
                yield {**row, **added}

    return labelled()
