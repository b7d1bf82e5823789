"""Answers of an encoder's head, in the form of those of a decoder: what each label is worth, in nats, or a text."""

from __future__ import annotations

import abc
import itertools
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mslt_it.data.passages import Window, windows
from mslt_it.data.segments import layout
from mslt_it.data.spans import encode, to_spans
from mslt_it.evaluation.asking import Question
from mslt_it.evaluation.generation import Advance, evaluating, ignored
from mslt_it.models.base_model import base_of
from mslt_it.models.heads import losses, places
from mslt_it.models.inputs import Padding, in_batches, longest_input, pass_tokens
from mslt_it.records import EncodedExample, with_windows

LOG = logging.getLogger("mslt_it")


class HeadEngine(abc.ABC):
    """What a head makes of questions. ``encoder``: a `mslt_it.data.segments.SegmentEncoder`.

    A row that is longer than the model can read is cut where its longer segment ends, and told.
    """

    def __init__(self, model: Any, questions: Sequence[Question], encoder: Any, *, batch_tokens: int) -> None:
        self._model, self._questions, self._encoder = model, questions, encoder
        self._device = base_of(model).get_input_embeddings().weight.device
        self._padding = Padding(encoder.pad_id, layout(encoder.head, encoder.tokenizer))
        self._longest, self._batch_tokens = longest_input(base_of(model)), batch_tokens
        self._rows = [self._rows_of(question) for question in questions]
        if number := sum(encoder.num_tokens(q.prompt_ids) > self._longest for q in questions):
            LOG.warning("%d of %d rows are longer than %d tokens and were cut.", number, len(questions), self._longest)
        # Positions of the questions of each call of `answer`, the longest first.
        self.batches = tuple(in_batches([sum(map(len, rows)) for rows in self._rows], batch_tokens))

    def answer(self, batch: Sequence[int], advance: Advance = ignored) -> list[dict[str, Any]]:
        outputs = self.outputs(batch)
        advance(len(batch))
        return [self._read(position, found) for position, found in zip(batch, outputs, strict=True)]

    def outputs(self, batch: Sequence[int]) -> list[list[Tensor]]:
        """Of each question, and each row in which it is read, float32 [places, classes] on the CPU: what was trained to
        say something, and no more."""
        rows = [row for position in batch for row in self._rows[position]]
        made: dict[int, Tensor] = {}
        with evaluating(self._model), torch.inference_mode():
            for part in in_batches(list(map(len, rows)), pass_tokens(self._batch_tokens, self._device)):
                inputs = self._padding.inputs([rows[n] for n in part])
                outputs = self._model(**{name: t.to(self._device) for name, t in inputs.items()})
                made |= zip(part, places(outputs, len(part)).cpu(), strict=True)
        numbers = itertools.count()
        return [
            [self._own(position, n, made[next(numbers)]) for n in range(len(self._rows[position]))]
            for position in batch
        ]

    def decided_by(self, position: int) -> Mapping[str, Any]:
        question = self._questions[position]
        return {"prompt": question.prompt_ids, "choices": question.choices, "head": self._encoder.head}

    def _rows_of(self, question: Question) -> list[Sequence[int]]:
        return [self._encoder.cut(question.prompt_ids, self._longest)]

    def _own(self, position: int, number: int, logits: Tensor) -> Tensor:
        """Of all places and classes of a question's row with this number."""
        return logits

    @abc.abstractmethod
    def _read(self, position: int, found: Sequence[Tensor]) -> dict[str, Any]:
        """The answer, from a question's `outputs`."""

    def _written(self, position: int, text: str | None) -> dict[str, Any]:
        """A text, as from a decoder; None: of scores that are not finite."""
        num_tokens = len(self._questions[position].prompt_ids)
        return {"text": text, "num_prompt_tokens": num_tokens, "num_new_tokens": 0, "is_cut": False}


class ClassEngine(HeadEngine):
    """Log-probabilities of the labels, by number; written as text where they are not finite. A question's choices are
    the labels' numbers."""

    def _read(self, position: int, found: Sequence[Tensor]) -> dict[str, Any]:
        row = found[0][0].double().log_softmax(-1).tolist()
        return {"log_likelihoods": [value if abs(value) < torch.inf else str(value) for value in row]}


class TagEngine(HeadEngine):
    """The names that the tags of a sentence's words make, written as decoders write them, and the tags, which say where
    they stand; words that were cut off have none."""

    def decided_by(self, position: int) -> Mapping[str, Any]:
        words = self._questions[position].source
        own = {"words": words.texts, "spaced": words.is_spaced, "labels": self._encoder.labels, "says": "tags"}
        return {**super().decided_by(position), **own}

    def _own(self, position: int, number: int, logits: Tensor) -> Tensor:
        end = len(self._rows[position][number]) - self._encoder.num_behind
        return logits[[place for place in self._questions[position].source.places if place < end]]

    def _read(self, position: int, found: Sequence[Tensor]) -> dict[str, Any]:
        [logits], words, labels = found, self._questions[position].source, self._encoder.labels
        if not bool(torch.isfinite(logits).all()):
            return self._written(position, None)
        tags = [labels[n] for n in logits.argmax(-1).tolist()]
        tags += [labels[0]] * (len(words.texts) - len(tags))
        text = encode(to_spans(words.texts, tags, spaced=words.is_spaced))
        return {**self._written(position, text), "tags": " ".join(tags)}


class SpanEngine(HeadEngine):
    """The words of a passage that are the likeliest answer: those with the largest sum of what their first token is
    worth as a beginning and their last as an end, over all windows; at most ``max_new_tokens`` of them."""

    def decided_by(self, position: int) -> Mapping[str, Any]:
        own = {"windows": self._rows[position], "max_new_tokens": self._questions[position].max_new_tokens}
        return {**super().decided_by(position), **own}

    def _windows(self, question: Question) -> list[Window]:
        return windows(question.prompt_ids, question.source, min(self._encoder.max_length_tokens, self._longest))

    def _rows_of(self, question: Question) -> list[Sequence[int]]:
        return [window.ids for window in self._windows(question)]

    def _own(self, position: int, number: int, logits: Tensor) -> Tensor:
        question = self._questions[position]
        start, passage = question.source.start, len(question.source.offsets)
        return logits[:, start : len(self._rows[position][number]) - (len(question.prompt_ids) - start - passage)]

    def _read(self, position: int, found: Sequence[Tensor]) -> dict[str, Any]:
        question = self._questions[position]
        best, text = -torch.inf, ""
        for window, logits in zip(self._windows(question), found, strict=True):
            if not bool(torch.isfinite(logits).all()):
                return self._written(position, None)
            begins, ends = logits.double()
            sums = begins[:, None] + ends
            fits = torch.ones_like(sums, dtype=torch.bool).triu().tril(question.max_new_tokens - 1)
            value, place = sums.masked_fill(~fits, -torch.inf).flatten().max(0)
            if float(value) > best:
                first, last = divmod(int(place), window.num)
                best, text = float(value), question.source.cut(window.first + first, window.first + last)
        return self._written(position, text)


# head -> what asks it
ENGINES: dict[str, type[HeadEngine]] = {
    "classes": ClassEngine,
    "options": ClassEngine,
    "tags": TagEngine,
    "span": SpanEngine,
}


def head_losses(model: Any, rows: Sequence[EncodedExample], encoder: Any, batch_tokens: int) -> tuple[float, int]:
    """(sum of the negative log-likelihoods, how many they are) of all that the head is to say of rows."""
    padding = Padding(encoder.pad_id, layout(encoder.head, encoder.tokenizer))
    device, total, number = base_of(model).get_input_embeddings().weight.device, 0.0, 0
    every = with_windows(rows)
    with evaluating(model), torch.inference_mode():
        for batch in in_batches([len(row.input_ids) for row in every], pass_tokens(batch_tokens, device)):
            inputs = {n: t.to(device) for n, t in padding.inputs([every[i].input_ids for i in batch]).items()}
            labels = padding.labels([every[i].labels for i in batch]).to(device)
            found = losses(places(model(**inputs), len(batch), inputs["attention_mask"]), labels)
            total, number = total + float(found["losses"].double().sum()), number + int(found["counted"].sum())
    return total, number
