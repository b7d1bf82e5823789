"""Figures as people read them: tables for the terminal, Markdown and CSV. What is said under them: `remarks`."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Sequence

from mslt_it import values
from mslt_it.evaluation.estimates import Difference
from mslt_it.evaluation.label_reports import LabelReport
from mslt_it.evaluation.scores import MACRO, MACRO_ALL, Figures, ScoreRow
from mslt_it.languages import language_name

METRIC_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "number_accuracy": "accuracy",
    "qa_f1": "F1",
    "span_f1": "span F1",
    "chrf": "chrF",
    "exact_match": "exact",
}
MOST_CONFUSED = 12  # labels whose confusion matrix fits a terminal; results.json has all
Cells = list[tuple[str, ...]]
LIKE_THESE = "languages like these"  # the interval beside that for these very languages
MOST_NAMED_COLUMNS = 4  # of more, the head has numbers, and the table of means says what they are
ROLES = {"source": "seen", "seen": "seen by another", "target": "unseen"}


def main_rows(figures: Figures) -> list[ScoreRow]:
    """The rows of the task's main metric."""
    return [row for row in figures.rows if row.metric == figures.rows[0].metric]


def tables(figures: Figures, confidence: float) -> list[tuple[str, Cells]]:
    """(title, cells) of every table of one task, the first row of cells being the head."""
    rows = main_rows(figures)
    metric = METRIC_NAMES[rows[0].metric]
    columns = columns_of(rows)
    found = []
    if len(columns) == 1:
        found.append(
            (
                f"{rows[0].task}, {columns[0][0]}, {columns[0][1]}: {metric} in per cent",
                language_table(figures.rows, confidence),
            )
        )
    else:
        found.append((f"{rows[0].task}: {metric} in per cent", _matrix(rows, columns)))
        means = [row for row in rows if row.is_mean]
        if means:
            number = len({row.language for row in rows if row.role == "target" and not row.is_mean})
            found.append((f"Mean over the {number} unseen languages", _means(figures, columns, confidence)))
    if any(row.new_tokens_per_item for row in rows):
        found.append(("What the answers cost and how they could be read", _costs(rows, columns)))
    if figures.differences:
        number = len(figures.differences)
        title = "Differences in points, paired by item"
        title += f"; p corrected for {number} comparisons" if number > 1 else ""
        found.append((title, _differences(figures.differences, confidence)))
    return found


def percent(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f}"


def span(low: float, high: float, sign: str = "") -> str:
    """An interval, in per cent or points."""
    return f"{100 * low:{sign}.1f} to {100 * high:{sign}.1f}"


def interval_head(confidence: float) -> str:
    return f"{100 * confidence:g} % interval"


def as_text(cells: Sequence[Sequence[str]]) -> str:
    """Columns aligned for a terminal: names left, figures right."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = []
    for number, row in enumerate(cells):
        parts = [c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(parts).rstrip())
        if number == 0:
            lines.append("-" * len(lines[0]))
    return "\n".join(lines)


def as_markdown(cells: Sequence[Sequence[str]]) -> str:
    """The same cells as a Markdown table."""
    head, *body = [[cell.replace("|", "\\|") for cell in row] for row in cells]  # a folder may be called "a|b"
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in body)])


def label_table(report: LabelReport) -> tuple[str, Cells]:
    """(whose labels, cells); of up to ``MOST_CONFUSED`` labels with the confusion matrix."""
    where = ", ".join([report.language, report.system, *([report.variant] * (report.variant != "direct"))])
    head: tuple[str, ...] = ("label", "", "n", "said", "precision", "recall", "F1")
    confused = len(report.labels) <= MOST_CONFUSED
    if confused:
        head = (*head, *(f"as {one.label}" for one in report.labels), "unread")
    cells: Cells = [head]
    for one, counts in zip(report.labels, report.confusion, strict=True):
        figures = (percent(value) for value in (one.precision, one.recall, one.f1))
        row = (one.label, "", str(one.num_gold), str(one.num_said), *figures)
        cells.append((*row, *map(str, counts)) if confused else row)
    return where, cells


def as_csv(records: Iterable[ScoreRow] | Iterable[Difference], kind: type) -> str:
    """One line per record, every field; None is empty."""
    out = io.StringIO()
    names = [field.name for field in dataclasses.fields(kind)]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for record in records:
        found = [getattr(record, name) for name in names]
        writer.writerow(["" if value is None else values.cell(value) for value in found])
    return out.getvalue()


def language_table(rows: Sequence[ScoreRow], confidence: float, *, with_base: bool = False) -> Cells:
    """One system and variant, a line per language: the first metric among the rows, the others' figures beside it, and
    where answers are labels what always giving the most frequent one gets; in per cent, gains in percentage points.

    ``with_base``: what the untuned base has and the gain on it, too.
    """
    metrics = list(dict.fromkeys(row.metric for row in rows)) or ["accuracy"]
    others = {(row.language, row.metric): row.value for row in rows}
    with_majority = any(row.majority_share is not None for row in rows)
    interval = interval_head(confidence)
    head = ["language", "", "n", METRIC_NAMES[metrics[0]], interval, *(METRIC_NAMES[name] for name in metrics[1:])]
    head += ["majority"] * with_majority + ["base", "gain", interval] * with_base
    cells: Cells = [tuple(head)]
    for row in rows:
        if row.metric != metrics[0]:
            continue
        start = (_label(row), ROLES[row.role], str(row.n))
        if row.value is None or row.low is None or row.high is None:
            cells.append((*start, "invalid", row.reason * with_base, *[""] * (len(head) - 5)))
            continue
        beside = [percent(others.get((row.language, name))) for name in metrics[1:]]
        beside += [percent(row.majority_share)] * with_majority
        if with_base:
            beside += [percent(row.base_value), *_gain(row)]
        cells.append((*start, percent(row.value), span(row.low, row.high), *beside))
    return cells


def _gain(row: ScoreRow) -> tuple[str, str]:
    if row.gain is None or row.gain_low is None or row.gain_high is None:
        return "n/a", ""
    return f"{100 * row.gain:+.1f}", span(row.gain_low, row.gain_high, "+")


def _matrix(rows: Sequence[ScoreRow], columns: Sequence[tuple[str, str]]) -> Cells:
    by_place = {(row.language, row.system, row.variant): row for row in rows}
    languages = list(dict.fromkeys(row.language for row in rows))
    means = [name for name in (MACRO, MACRO_ALL) if name in languages]
    names = [f"{system} {variant}" for system, variant in columns]
    if len(columns) > MOST_NAMED_COLUMNS:
        names = [f"[{number}]" for number in range(1, len(columns) + 1)]
    with_majority = any(row.majority_share is not None for row in rows)
    head = ("language", "n", *["majority"] * with_majority, *names)
    cells: Cells = [head]
    for language in [*(code for code in languages if code not in means), *means]:
        own = [by_place.get((language, *column)) for column in columns]
        some = next(row for row in own if row is not None)
        majority = [percent(some.majority_share)] * with_majority
        cells.append(
            (_label(some), str(some.n), *majority, *("" if row is None else _value_and_interval(row)[0] for row in own))
        )
    return cells


def _means(figures: Figures, columns: Sequence[tuple[str, str]], confidence: float) -> Cells:
    rows = [row for row in main_rows(figures) if row.is_mean]
    others = {(row.metric, row.system, row.variant, row.language): row.value for row in figures.rows}
    metrics = list(dict.fromkeys(row.metric for row in figures.rows))[1:]
    head = ("system", "variant", "n", METRIC_NAMES[rows[0].metric], interval_head(confidence), LIKE_THESE)
    numbers = {column: f"[{n}] " if len(columns) > MOST_NAMED_COLUMNS else "" for n, column in enumerate(columns, 1)}
    return [
        (*head, *(METRIC_NAMES[name] for name in metrics)),
        *(
            (
                numbers[row.system, row.variant] + row.system,
                row.variant,
                str(row.n),
                *_value_and_interval(row),
                _like_these(row.languages_low, row.languages_high),
                *(percent(others.get((name, row.system, row.variant, row.language))) for name in metrics),
            )
            for row in rows
        ),
    ]


def _like_these(low: float | None, high: float | None, sign: str = "") -> str:
    return "" if low is None or high is None else span(low, high, sign)


def _costs(rows: Sequence[ScoreRow], columns: Sequence[tuple[str, str]]) -> Cells:
    head = ("system", "variant", "unread", "cut", "in language", "tokens read", "tokens written")
    cells: Cells = [head]
    for system, variant in columns:
        own = [r for r in rows if (r.system, r.variant) == (system, variant) and not r.is_mean]
        items = sum(row.n for row in own)
        answers = sum(row.n * row.samples for row in own)
        judged = [row.language_share for row in own if row.language_share is not None]
        cells.append(
            (
                system,
                variant,
                f"{100 * sum(row.num_unparsable for row in own) / items:.1f} %",
                f"{100 * sum(row.num_cut for row in own) / answers:.1f} %",
                f"{100 * sum(judged) / len(judged):.1f} %" if judged else "-",
                f"{sum(row.prompt_tokens_per_item * row.n for row in own) / items:.0f}",
                f"{sum(row.new_tokens_per_item * row.n for row in own) / items:.0f}",
            )
        )
    return cells


def _differences(found: Sequence[Difference], confidence: float) -> Cells:
    cells: Cells = [("", "", "n", "difference", interval_head(confidence), LIKE_THESE, "p", "p corrected")]
    for d in found:
        cells.append(
            (
                *_pair(d.name_a, d.name_b),
                str(d.n),
                f"{100 * d.value:+.1f}",
                span(d.low, d.high, "+"),
                _like_these(d.languages_low, d.languages_high, "+"),
                _p(d.p),
                _p(d.p_adjusted),
            )
        )
    return cells


def _pair(a: str, b: str) -> tuple[str, str]:
    """(what they have in common, "one - other")."""
    (system_a, variant_a), (system_b, variant_b) = (name.rsplit(" / ", 1) for name in (a, b))
    if system_a == system_b:
        return system_a, f"{variant_a} - {variant_b}"
    return variant_a, f"{system_a} - {system_b}"


def columns_of(rows: Sequence[ScoreRow]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row.system, row.variant) for row in rows))


def _label(row: ScoreRow) -> str:
    return row.language if row.is_mean else f"{row.language} {language_name(row.language)}"


def _value_and_interval(row: ScoreRow) -> tuple[str, str]:
    if row.value is None or row.low is None or row.high is None:
        return "invalid", ""
    return percent(row.value), span(row.low, row.high)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
