"""What analyses of a study find: figures as data, claims, sections. How they look is the report's business."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mslt_it.study.analyse.tables import Row, Table, interval


@dataclass(frozen=True)
class Mark:
    """A point with its interval; ``group`` chooses colour and shape."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    group: str = ""

    @classmethod
    def of(cls, row: Row, label: str, key: str, group: str = "") -> Mark:
        """Column ``key`` of a table's row with its interval."""
        return cls(label, row[key], row[f"{key}_low"], row[f"{key}_high"], group)


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
    """A matrix with its values written in the cells, shares in per cent or counts; None = nothing was measured."""

    title: str
    row_axis: str
    column_axis: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    unit: str = "share"  # or "count"


@dataclass(frozen=True)
class Scatter:
    """Points (x, y, label, group).

    Units: "share", "points", "number" or "none" (no axis: a map).
    """

    title: str
    x_axis: str
    y_axis: str
    points: tuple[tuple[float, float, str, str], ...]
    x_unit: str = "number"
    y_unit: str = "share"
    label_points: bool = False  # the group's name, a language code, is drawn instead of a dot


@dataclass(frozen=True)
class Lines:
    """Curves over steps, told apart by colour and by shape: (name, points (x, y))."""

    title: str
    x_axis: str
    y_axis: str
    series: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    unit: str = "number"  # or "share"
    mark: float | None = None  # a vertical line, at a step
    mark_label: str = ""


Figure = Intervals | Steps | Heatmap | Scatter | Lines


@dataclass(frozen=True)
class Evidence:
    """What decides a claim."""

    by: str  # the test, in words
    p: float  # two-sided, of no difference
    error: float  # standard error that goes with it
    p_least: float = 0.0  # the smallest p that the test can give
    p_equal: float | None = None  # of a difference as large as the study's margin (TOST); None: not asked
    freedom: float = math.inf  # of Student's t
    # (level, power) -> the smallest effect that is found; None: by error and freedom.
    detectable: Callable[[float, float], float | None] | None = None


@dataclass(frozen=True)
class Claim:
    """A comparison with what decides it; the sentence is made of these numbers alone (``claims.sentence``).

    ``value`` is a difference of shares (unit "points") or correlations ("number"), its interval of these very sets.
    """

    name: str  # unique within the study, "scripts_3_2"
    what: str  # "3 different scripts against 2": the subject of the sentence
    value: float
    low: float
    high: float
    tested: Evidence
    unit: str = "points"
    value_a: float | None = None  # what is compared, where the value is a difference
    value_b: float | None = None
    basis: str = ""  # "8 target languages, 2,400 items, 3 seeds, 35 and 7 sets"
    expected: str = ""  # what the paper found: "up", "down", "not up"; empty: it makes no such statement
    paper: str = ""  # what the paper found, in a sentence
    others: tuple[float, float] | None = None  # the interval for other languages like these
    no_verdict: str = ""  # why there is nothing to compare: nothing was learned, or everything
    margin: float = 0.0  # smaller differences count as none, in the unit of the value
    # Over all claims of the report:
    p_adjusted: float | None = None
    p_equal_adjusted: float | None = None
    is_tested: bool = False  # some figures would have been a finding
    # The smallest value found in 4 of 5 such studies; None: not known, or none would be.
    detectable: float | None = None

    @property
    def row(self) -> Row:
        """The difference as columns of a table, ``p`` to be adjusted among the table's rows."""
        return {"difference": self.value, **interval("difference", (self.low, self.high)), "p": self.tested.p}


@dataclass(frozen=True)
class Analysis:
    name: str
    title: str
    question: str
    answers: str  # the table or figure of the paper that it answers
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...] = ()
    claims: tuple[Claim, ...] = ()
    notes: tuple[str, ...] = ()
    # The answer in a sentence, from the section's claims as they were corrected over the report, and the confidence.
    concluded: Callable[[Sequence[Claim], float], str] | None = None


@dataclass(frozen=True)
class NotDone:
    """An analysis that the study's cells do not allow, and why."""

    name: str
    title: str
    reason: str


def set_name(languages: Sequence[str]) -> str:
    """A source set as it is written everywhere: "ar de zh"."""
    return " ".join(languages)
