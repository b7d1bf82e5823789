"""What analyses of a study find: tables, figures as data, and claims. How they look is the report's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

# How a column's values are meant and shown. Shares are stored as shares (0.782) and shown in per cent (78.2), points
# are differences of shares (0.071, shown as +7.1), ranges are (low, high) of either.
KINDS = (
    "text",
    "count",
    "share",
    "points",
    "share_range",
    "points_range",
    "number",
    "number_range",
    "fine",
    "fine_range",
    "rank",
    "rank_range",
    "p",
)
Value = str | int | float | tuple[float, float] | None


@dataclass(frozen=True)
class Column:
    """``key`` names the column in CSV files, ``label`` above the table."""

    key: str
    label: str
    kind: str = "text"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"column {self.key}: kind={self.kind!r}")


@dataclass(frozen=True)
class Table:
    """Rows of plain values; ``name`` is that of its CSV file."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.name}: {len(row)} values for {len(self.columns)} columns")


@dataclass(frozen=True)
class Mark:
    """A point with its interval; ``group`` chooses colour and shape."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    group: str = ""


@dataclass(frozen=True)
class Intervals:
    """Rows of points with intervals, labelled at the left; marks of one label share a row."""

    title: str
    axis: str
    marks: tuple[Mark, ...]
    unit: str = "share"  # or "points", "number"
    reference: float | None = None  # a line to compare with
    reference_label: str = ""
    groups: tuple[str, ...] = ()  # in the order of their styles; empty: as they come


@dataclass(frozen=True)
class Steps:
    """Columns of dots (one per set) with the mean and its interval: accuracy by number of sources."""

    title: str
    x_axis: str
    y_axis: str
    means: tuple[Mark, ...]  # label = place on the x axis
    dots: tuple[tuple[str, str, float], ...]  # (place, what it is, value)


@dataclass(frozen=True)
class Heatmap:
    """A matrix with its values written in the cells; None = nothing was measured."""

    title: str
    row_axis: str
    column_axis: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Scatter:
    """Points (x, y, label, group).

    Units: "share", "points", "number", "rank" (x is minus the rank) or "none" (no axis: a map).
    """

    title: str
    x_axis: str
    y_axis: str
    points: tuple[tuple[float, float, str, str], ...]
    x_unit: str = "number"
    y_unit: str = "share"
    label_points: bool = False  # the group's name, a language code, is drawn instead of a dot


Figure = Intervals | Steps | Heatmap | Scatter


@dataclass(frozen=True)
class Claim:
    """A comparison with what decides it; the sentence is made of these numbers alone (``claims.sentence``).

    ``value`` with ``low`` and ``high`` is a difference of shares (unit "points") or of correlations ("number").
    """

    name: str  # unique within the study, "scripts_3_2"
    what: str  # "3 different scripts against 2": the subject of the sentence
    value: float
    low: float
    high: float
    p: float
    unit: str = "points"
    value_a: float | None = None  # what is compared, where the value is a difference
    value_b: float | None = None
    basis: str = ""  # "8 target languages, 2,400 items, 3 seeds, 35 and 7 sets"
    expected: str = ""  # what the paper found: "up", "down", "not up"; empty: it makes no such statement
    paper: str = ""  # what the paper found, in a sentence
    p_adjusted: float | None = None  # over all claims of the report


@dataclass(frozen=True)
class Analysis:
    """One section of the report."""

    name: str
    title: str
    question: str
    answers: str  # the table or figure of the paper that it answers
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...] = ()
    claims: tuple[Claim, ...] = ()
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class NotDone:
    """An analysis that the study's cells do not allow, and why."""

    name: str
    title: str
    reason: str


def set_name(languages: Sequence[str]) -> str:
    """A source set as it is written everywhere: "ar de zh"."""
    return " ".join(languages)
