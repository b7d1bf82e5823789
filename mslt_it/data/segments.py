"""Token ids of rows for encoders, which read a row's fields, not an instruction, and answer by a head.

The fields are segments A and B, joined as the tokenizer joins a pair; of more than two the first is A and the others
are B, one after another. As in `mslt_it.data.encoding`, no text can forge a control token.

    XLM-R   <s> A </s></s> B </s>        BERT   [CLS] A [SEP] B [SEP], told apart by token types 0 and 1, too

Where labels stand for fields of the row (XCOPA's two choices), each of these is segment B of a row of its own, and all
the others are segment A. The rows of an item stand one after another; each begins with the token that no text has.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mslt_it.config.recipe import Recipe
from mslt_it.data.encoding import FORGED, TOO_LONG, Encoder
from mslt_it.data.text_to_text import TextToTextEncoder
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample, PromptedExample


class SegmentEncoder(Encoder):
    """Rows for a head that says a label by its number; ``labels``: the names of these, in order."""

    head = "classes"

    def __init__(
        self, tokenizer: Any, max_length_tokens: int, labels: Sequence[str] = (), options: Sequence[int] = ()
    ) -> None:
        """``options``: the places among the fields of those that labels stand for."""
        if tokenizer.pad_token_id is None:
            raise Problem(
                "The tokenizer has no padding token, and an encoder tells by it which places of a row are empty. Set "
                "the tokenizer's pad_token to the one that the model was trained with, or choose another model."
            )
        super().__init__(tokenizer, max_length_tokens)
        self.labels, self.options = tuple(labels), tuple(options)

    def encode_all(self, examples: Sequence[PromptedExample]) -> list[EncodedExample | str]:
        rows = self.row_ids(examples)
        return [self._labelled(example, ids) for example, ids in zip(examples, rows, strict=True)]

    def row_ids(self, examples: Iterable[PromptedExample]) -> list[tuple[int, ...]]:
        """What the model reads of each, however long."""
        texts = [segments(example) for example in examples]
        plain = list(dict.fromkeys(text for pair in texts for text in pair))
        ids = dict(zip(plain, self.user_ids(plain), strict=True))
        return [self._joined([ids[text] for text in pair]) for pair in texts]

    def cut(self, ids: Sequence[int], longest: int) -> Sequence[int]:
        """A row of at most ``longest`` tokens: what is too much is taken from the end of the longer segment."""
        if len(ids) <= longest:
            return ids
        one, two = self._around
        between = two[1]
        last = len(ids) - len(two[2]) - len(between)
        where = [i for i in range(len(two[0]), last + 1) if list(ids[i : i + len(between)]) == between]
        places = [(len(two[0]), where[0]), (where[0] + len(between), len(ids) - len(two[2]))] if where else []
        kept = places or [(len(one[0]), len(ids) - len(one[1]))]
        segments = [list(ids[start:end]) for start, end in kept]
        for _ in range(len(ids) - longest):
            max(segments, key=len).pop()
        return self._joined(segments)

    def parts(self, row: EncodedExample) -> tuple[Sequence[int], str]:
        return row.input_ids, self.labels[row.labels[0]]

    def _labelled(self, example: PromptedExample, ids: tuple[int, ...]) -> EncodedExample | str:
        if self.num_tokens(ids) > self.max_length_tokens:
            return TOO_LONG
        if any(self.holds_control(text) and not self._survives(text) for text in example.segments):
            return FORGED
        return EncodedExample(example.id, example.language, ids, (example.choices.index(example.answer),))

    def _joined(self, parts: Sequence[Sequence[int]]) -> tuple[int, ...]:
        around = self._around[len(parts) - 1]
        return tuple(i for part, after in zip(([], *parts), around, strict=True) for i in (*part, *after))

    @functools.cached_property
    def _around(self) -> tuple[list[list[int]], list[list[int]]]:
        """What stands around one segment, and around two."""
        a, b = self._tokenize(["a", "b"])
        one, two = (list(self.tokenizer(*texts)["input_ids"]) for texts in (["a"], ["a", "b"]))
        start = next(i for i in range(len(one)) if one[i : i + len(a)] == a)
        after_a = start + len(a)
        second = next(i for i in range(after_a, len(two)) if two[i : i + len(b)] == b)
        return [one[:start], one[after_a:]], [two[:start], two[after_a:second], two[second + len(b) :]]

    def _find_end_id(self) -> int:
        """The token that ends a row."""
        return self._around[0][-1][-1] if self._around[0][-1] else int(self.tokenizer.pad_token_id)


class OptionEncoder(SegmentEncoder):
    """Rows for a head that says what each option is worth."""

    head = "options"

    def row_ids(self, examples: Iterable[PromptedExample]) -> list[tuple[int, ...]]:
        items = list(examples)
        apart = [dataclasses.replace(item, segments=pair) for item in items for pair in self._pairs(item)]
        rows = iter(super().row_ids(apart))
        return [tuple(i for _ in self.options for i in next(rows)) for _ in items]

    def cut(self, ids: Sequence[int], longest: int) -> Sequence[int]:
        return [i for row in split(ids, ids[0]) for i in super(OptionEncoder, self).cut(row, longest)]

    def num_tokens(self, ids: Sequence[int]) -> int:
        return max(map(len, split(ids, ids[0])))

    def _pairs(self, item: PromptedExample) -> list[tuple[str, str]]:
        others = (text for place, text in enumerate(item.segments) if place not in self.options and text.strip())
        shown = " ".join(others)
        return [(shown, item.segments[place]) for place in self.options]


def split(ids: Sequence[int], start: int) -> list[Sequence[int]]:
    """The rows that stand one after another in ``ids``, each of which begins with ``start``."""
    starts = [place for place, token in enumerate(ids) if token == start] or [0]
    return [ids[a:b] for a, b in itertools.pairwise([*starts, len(ids)])]


ENCODERS: dict[str, type[SegmentEncoder]] = {"classes": SegmentEncoder, "options": OptionEncoder}


def encoder_of(recipe: Recipe, tokenizer: Any) -> Encoder:
    """That of the recipe's kind of model and task; its labels must have been found."""
    longest, head, task = recipe.data.max_length_tokens, recipe.head, recipe.task
    if head is None:
        return (TextToTextEncoder if recipe.model.kind == "text_to_text" else Encoder)(tokenizer, longest)
    return ENCODERS[head.name](tokenizer, longest, head.labels, [*map(task.input_fields.index, task.option_fields)])


def segments(example: PromptedExample) -> tuple[str, ...]:
    """Segment A, and B where there are more fields than one; fields that are empty are left out."""
    first, *others = [text for text in example.segments if text.strip()] or [""]
    return (first, " ".join(others)) if others else (first,)


@dataclass(frozen=True)
class Layout:
    """What a model must be told of rows of ids beside the ids themselves."""

    separator_id: int | None = None  # after the first of these token types are 1; None: there are no types
    start_id: int | None = None  # with which each of an item's rows begins; None: an item is one row


PLAIN = Layout()


def layout(head: str, tokenizer: Any) -> Layout:
    """Of the rows for a head; empty: of a decoder's."""
    if not head:
        return PLAIN
    pair = tokenizer("a", "b")
    types = pair.get("token_type_ids") or [0]
    return Layout(tokenizer.sep_token_id if 1 in types else None, pair["input_ids"][0] if head == "options" else None)
