"""What a share of right answers hides where answers are labels: what always giving one label would get, and what
becomes of each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mslt_it.evaluation.clusters import components
from mslt_it.evaluation.intervals import holm, p_above
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import UNREAD, Outputs, right_labels, said_labels
from mslt_it.records import PromptedExample


def constant_shares(
    items: Sequence[PromptedExample], names: Sequence[str], train_counts: Mapping[str, int]
) -> tuple[float, float | None]:
    """What always giving one label gets on one language's items, as shares of right answers: their most frequent one,
    and that of the training rows, None where it is not known, no label of these items, or several are as frequent.

    Args:
        names: the labels, in the order of the items' choices.
        train_counts: label -> training rows; empty: not known.
    """
    shares = np.bincount(right_labels(items), minlength=len(names)) / len(items)
    first = [name for name, number in train_counts.items() if number == max(train_counts.values())]
    is_known = len(first) == 1 and first[0] in names
    return float(shares.max()), float(shares[list(names).index(first[0])]) if is_known else None


@dataclass(frozen=True)
class LabelScore:
    """One label in one language; figures in [0, 1]."""

    label: str
    precision: float | None  # None: never said
    recall: float | None  # None: no item has it
    f1: float | None  # None: neither
    num_gold: int
    num_said: int


@dataclass(frozen=True)
class LabelReport:
    """What one system made of each label in one language."""

    system: str
    variant: str
    language: str
    labels: tuple[LabelScore, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows: right labels; columns: said ones, in the same order, then unread

    @staticmethod
    def of_plain(values: Mapping[str, Any]) -> LabelReport:
        """From results.json."""
        labels = tuple(LabelScore(**one) for one in values["labels"])
        return LabelReport(**{**values, "labels": labels, "confusion": tuple(map(tuple, values["confusion"]))})

    @property
    def only_label(self) -> str:
        """The label that every item was given, empty where there is no such."""
        said = [one.label for one in self.labels if one.num_said]
        total = sum(map(sum, self.confusion))
        return said[0] if len(said) == 1 and sum(one.num_said for one in self.labels) == total > 1 else ""


def label_report(
    items: Sequence[PromptedExample], outputs: Outputs, names: Sequence[str], where: tuple[str, str, str]
) -> LabelReport:
    """Precision, recall, F1 and the confusion of every label; ``where``: system, variant, language."""
    gold, said = right_labels(items), said_labels(items, outputs)
    number = len(names)
    confusion = np.zeros((number, number + 1), dtype=int)
    np.add.at(confusion, (gold, np.where(said == UNREAD, number, said)), 1)
    scores = []
    for i, name in enumerate(names):
        right, num_said, num_gold = (int(n) for n in (confusion[i, i], confusion[:, i].sum(), confusion[i].sum()))
        scores.append(
            LabelScore(
                name,
                right / num_said if num_said else None,
                right / num_gold if num_gold else None,
                2 * right / (num_said + num_gold) if num_said + num_gold else None,
                num_gold,
                num_said,
            )
        )
    return LabelReport(*where, tuple(scores), tuple(tuple(map(int, row)) for row in confusion))


def p_above_chance(cell: Cell, bar: float) -> float:
    """One-sided p of being right no more often than ``bar``, what answering by lot or always giving the majority's
    label gets (`p_above`); ``cell``: of the accuracy."""
    (clusters,) = components([cell.item_ids], [cell.groups])[0].cluster_of
    return p_above(cell.counts[:, 0], clusters, bar)


def above_chance(p: Mapping[str, float], confidence: float) -> dict[str, bool]:
    """Language -> whether it is above chance, corrected for the number of languages (Holm 1979); ``p``: one-sided."""
    adjusted = holm(list(p.values()))
    return {code: q <= (1 - confidence) / 2 for code, q in zip(p, adjusted, strict=True)}
