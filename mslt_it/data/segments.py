"""Token ids of rows for encoders, which read a row's fields, not an instruction, and answer by a head.

The fields are segments A and B, joined as the tokenizer joins a pair; of more than two the first is A and the others
are B, one after another. As in `mslt_it.data.encoding`, no text can forge a control token.

    XLM-R   <s> A </s></s> B </s>        BERT   [CLS] A [SEP] B [SEP], told apart by token types 0 and 1, too
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from mslt_it.config.recipe import Recipe
from mslt_it.data.encoding import FORGED, TOO_LONG, Encoder
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample, PromptedExample


class SegmentEncoder(Encoder):
    """Rows for a head that says a label by its number; ``labels``: the names of these, in order."""

    head = "classes"

    def __init__(self, tokenizer: Any, max_length_tokens: int, labels: Sequence[str] = ()) -> None:
        if tokenizer.pad_token_id is None:
            raise Problem(
                "The tokenizer has no padding token, and an encoder tells by it which places of a row are empty. Set "
                "the tokenizer's pad_token to the one that the model was trained with, or choose another model."
            )
        super().__init__(tokenizer, max_length_tokens)
        self.labels = tuple(labels)

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

    @functools.cached_property
    def separator_id(self) -> int | None:
        """The token after which token types become 1; None where the model has no types."""
        return separator_id(self.tokenizer)

    def _labelled(self, example: PromptedExample, ids: tuple[int, ...]) -> EncodedExample | str:
        if len(ids) > self.max_length_tokens:
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


ENCODERS = {"classes": SegmentEncoder}


def encoder_of(recipe: Recipe, tokenizer: Any) -> Encoder:
    """That of the recipe's kind of model and task; its labels must have been found."""
    if recipe.head is None:
        return Encoder(tokenizer, recipe.data.max_length_tokens)
    return ENCODERS[recipe.head.name](tokenizer, recipe.data.max_length_tokens, recipe.head.labels)


def segments(example: PromptedExample) -> tuple[str, ...]:
    """Segment A, and B where there are more fields than one; fields that are empty are left out."""
    first, *others = [text for text in example.segments if text.strip()] or [""]
    return (first, " ".join(others)) if others else (first,)


def separator_id(tokenizer: Any) -> int | None:
    """The token after which a tokenizer's token types are 1; None where all of them are 0, or it has none."""
    types = tokenizer("a", "b").get("token_type_ids") or [0]
    return int(tokenizer.sep_token_id) if 1 in types else None
