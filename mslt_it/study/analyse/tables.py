"""Tables of a study: data frames whose columns say how they are shown, and the arithmetic of rows and intervals.

Shares are stored as shares (0.782) and shown in per cent (78.2); points are differences of shares (0.071, shown as
+7.1). The interval of column X is in the columns X_low and X_high, which are shown as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mslt_it.evaluation.intervals import holm

Row = dict[str, Any]


class Column(NamedTuple):
    """What stands above a column, and how its values are meant."""

    label: str
    # "count", "share", "points", "number", "fine" (three digits), "rank", "p"; "cell": a figure written out already
    kind: str = "text"


COLUMNS = {  # others are texts and stand under their own names
    # of what
    "size": Column("size", "count"),
    "num_sources": Column("sources", "count"),
    "num_scripts": Column("scripts", "count"),
    "pinch": Column("rows in other languages", "count"),
    "shots": Column("rows of the target", "count"),
    "cost": Column("cost of labels", "count"),
    "flops": Column("10⁹ operations", "number"),
    "front_cost": Column("on the front by cost"),
    "share_cost": Column("share", "share"),
    "front_flops": Column("on the front by operations"),
    "share_flops": Column("share", "share"),
    "num_targets": Column("targets", "count"),
    "num_sets": Column("sets", "count"),
    "num_seeds": Column("seeds", "count"),
    "items": Column("items", "count"),
    # figures
    "accuracy": Column("accuracy", "share"),
    "gain": Column("gain over base", "points"),
    "base": Column("untuned", "share"),
    "seen": Column("in their own sources", "share"),
    "gap": Column("transfer gap", "points"),
    "sslt": Column("SSLT", "share"),
    "mslt": Column("MSLT", "share"),
    "mean": Column("mean", "share"),
    "with": Column("figure with it", "share"),
    "without": Column("figure without", "share"),
    "top": Column("in the top 5", "share"),
    "chance": Column("in all sets", "share"),
    "best": Column("best set"),
    "best_accuracy": Column("its figure", "share"),
    "worst": Column("worst set"),
    "worst_accuracy": Column("its figure", "share"),
    "set": Column("sources"),
    "other_seeds": Column("chosen on other seeds", "share"),
    "seed_sd": Column("SD over seeds, points", "share"),
    "shared_sd": Column("of it shared by all sets", "share"),
    "assignment_sd": Column("SD over assignments, points", "share"),
    "set_sd": Column("SD over sets, points", "share"),
    "predicted": Column("predicted", "share"),
    "measured": Column("measured", "share"),
    # comparisons
    "difference": Column("difference", "points"),
    "others": Column("", "points"),  # an interval alone
    "step": Column("against the size before", "points"),
    "against_mean": Column("against a random set", "points"),
    "like_best": Column("not told from the best"),
    "p_alone": Column("p alone", "p"),
    "p_adjusted": Column("adjusted p", "p"),
    # orders
    "pick": Column("its first set"),
    "rank": Column("rank", "rank"),
    "predicted_rank": Column("predicted rank", "rank"),
    "measured_rank": Column("measured rank", "rank"),
    "spearman": Column("Spearman's rho", "number"),
    "kendall": Column("Kendall's tau", "number"),
    "ndcg": Column("NDCG@3", "number"),
    "part": Column("similarity by"),
    "by": Column("predicted by"),
    # representations
    "value": Column("value", "fine"),
    "range": Column("interval", "fine"),
}


@dataclass(frozen=True, eq=False)
class Table:
    """``name`` is that of its files; ``labels`` replaces labels, or columns, for this table."""

    name: str
    title: str
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    labels: Mapping[str, str | Column] = field(default_factory=dict)

    def column(self, key: str) -> Column:
        known = COLUMNS.get(key, Column(key))
        given = self.labels.get(key, known)
        return given if isinstance(given, Column) else Column(given, known.kind)

    def shown(self) -> Iterator[tuple[Column, list[str], list[float | None]]]:
        """Column by column: the values as people read them, and by what they are sorted (numbers; None: the text)."""
        for key in self.frame:
            if key.endswith("_high"):
                continue
            values = self.frame[key].tolist()
            if (estimate := key.removesuffix("_low")) != key:
                column = Column(self.labels.get(key, "interval"), self.column(estimate).kind)  # type: ignore[arg-type]
                highs = self.frame[f"{estimate}_high"].tolist()
                text = [
                    "" if pd.isna(low) else f"{shown(low, column.kind)} to {shown(high, column.kind)}"
                    for low, high in zip(values, highs, strict=True)
                ]
            else:
                column = self.column(key)
                text = [shown(value, column.kind) for value in values]
            yield column, text, [None if column.kind == "text" else _number(value) for value in values]


def _number(value: Any) -> float | None:
    """What a value is sorted by; None where it is no single number."""
    try:
        return None if pd.isna(value) else float(value)
    except ValueError:
        return None


def table(name: str, title: str, rows: Sequence[Row], *notes: str, **labels: str | Column) -> Table:
    """A table of rows that have the same keys, in the order of the columns."""
    return Table(name, title, pd.DataFrame(rows), notes, labels)


def interval(key: str, ends: tuple[float, float] | None) -> Row:
    """The two columns of the interval of column ``key``; empty where there is none."""
    low, high = ends or (None, None)
    return {f"{key}_low": low, f"{key}_high": high}


def with_holm(rows: Sequence[Row], confidence: float = 0.95) -> list[Row]:
    """The rows with their ``p`` as ``p_adjusted``, over those that have one (Holm 1979).

    Where rows hold what was drawn, ``drawn``: (column, (B,) values), that column's intervals hold for all rows at once:
    as many standard errors to each side as the largest of the rows' errors takes (Romano and Wolf 2005).
    """
    tested = [row["p"] for row in rows if row.get("p") is not None]
    adjusted = iter(holm(tested))
    drawn = {i: np.asarray(row["drawn"][1]) for i, row in enumerate(rows) if row.get("drawn")}
    scale = {i: float(values.std()) for i, values in drawn.items()}
    moving = [np.abs(values - values.mean()) / scale[i] for i, values in drawn.items() if scale[i] > 0]
    reach = float(np.quantile(np.max(moving, axis=0), confidence, method="weibull")) if moving else 0.0
    found = []
    for i, row in enumerate(rows):
        if i in drawn:
            key, half = row["drawn"][0], reach * scale[i]
            row = row | interval(key, (max(-1.0, row[key] - half), min(1.0, row[key] + half)))
        row = {key: value for key, value in row.items() if key not in ("p", "drawn")} | {"p_adjusted": row.get("p")}
        found.append(row | ({} if row["p_adjusted"] is None else {"p_adjusted": next(adjusted)}))
    return found


def shown(value: Any, kind: str) -> str:
    """A value as people read it: shares in per cent, differences of shares in points with their sign."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    match kind:
        case "share":
            return f"{100 * value:.1f}"
        case "points":
            return unsigned_nought(f"{100 * value:+.1f}")
        case "count":
            return f"{int(value):,}"
        case "p":
            return "< 0.001" if value < 0.001 else f"{value:.3f}"
        case "rank":
            return f"{value:.1f}".removesuffix(".0")
        case "fine":
            return unsigned_nought(f"{value:.3f}")
        case "number":
            return unsigned_nought(f"{value:.2f}")
        case _:
            return str(value)


def unsigned_nought(text: str) -> str:
    """A number as text, without a sign where it is nought."""
    return text.lstrip("+-") if float(text) == 0 else text
