"""Figures of runs and evaluations as tables and figures of a report; the cells are those of the terminal's tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mslt_it.evaluation.label_reports import LabelReport
from mslt_it.evaluation.scores import ScoreRow
from mslt_it.evaluation.tables import METRIC_NAMES, MOST_CONFUSED, ROLES, label_table, percent
from mslt_it.study.analyse.findings import Figure, Heatmap, Intervals, Lines, Mark
from mslt_it.study.analyse.tables import Column, Table, table

MOST_CONFUSIONS = 15  # listed where there are more labels than fit a matrix
TEXT_COLUMNS = 2  # of the cells: what a row is about


def of_cells(name: str, title: str, cells: Sequence[Sequence[str]], *notes: str) -> Table:
    """A table of cells, the first row being its head; figures are sorted as numbers where they are such."""
    head, *body = zip(*(column for column in zip(*cells, strict=True) if any(column)), strict=True)
    keys = [str(number) for number in range(len(head))]
    is_text = [number < TEXT_COLUMNS and not any(row[number].isdigit() for row in body) for number in range(len(head))]
    columns = {
        key: Column(label, "text" if text else "cell") for key, label, text in zip(keys, head, is_text, strict=True)
    }
    return Table(name, title, pd.DataFrame([list(row) for row in body], columns=keys), notes, columns)


def by_language(rows: Sequence[ScoreRow], num_labels: int, title: str) -> Intervals:
    """Every language's main figure with its interval, and the untuned base's beside it.

    ``rows``: of the main metric; of one system, or of a few.
    """
    systems = list(dict.fromkeys((row.system, row.variant) for row in rows))
    marks = []
    for code in dict.fromkeys(row.language for row in rows):
        for row in (row for row in rows if row.language == code and row.value is not None):
            name = row.system if len(systems) == 1 else f"{row.system} {row.variant}"
            assert row.value is not None
            marks.append(Mark(code, row.value, row.low, row.high, name))
            if row.base_value is not None:
                marks.append(Mark(code, row.base_value, group="untuned base"))
    metric = METRIC_NAMES[rows[0].metric]
    is_share_of_right = num_labels > 0 and rows[0].metric == "accuracy"
    return Intervals(
        title,
        f"{metric}, %",
        tuple(marks),
        reference=1 / num_labels if is_share_of_right else None,
        reference_label=f"by lot: 1/{num_labels}" if is_share_of_right else "",
    )


def cost_tables(rows: Sequence[ScoreRow], name: str = "costs", of: str = "") -> list[Table]:
    """What a row of each language costs in tokens, beside its figure; none where the tokens are not known.

    The same content takes several times as many tokens in some languages, and so as much more time, money and room in
    the context (Petrov et al. 2023, arXiv 2305.15425; Ahia et al. 2023, arXiv 2305.13707).

    Args:
        rows: of the main metric, of one system.
        of: which, for the title.
    """
    tokens = {row.language: row.prompt_tokens_per_item + row.new_tokens_per_item for row in rows if not row.is_mean}
    if len(tokens) < 2 or not all(tokens.values()):
        return []
    least = min(tokens, key=lambda code: tokens[code])
    metric = METRIC_NAMES[rows[0].metric]
    per = ("tokens_per_word", "tokens_per_character")
    is_known = any(row.tokens_per_character for row in rows)
    cells = [("language", "", metric, "tokens per row", f"against {least}", *("per word", "per character") * is_known)]
    for row in sorted((row for row in rows if not row.is_mean), key=lambda row: tokens[row.language]):
        own = tokens[row.language]
        shown = [f"{value:.2f}" if (value := getattr(row, key)) else "" for key in per if is_known]
        figures = (percent(row.value), f"{own:.1f}", f"{own / tokens[least]:.2f}", *shown)
        cells.append((row.language, ROLES[row.role], *figures))
    note = (
        "Tokens read and written for a scored row, instruction included; per word and character: of what is read, "
        "control tokens too. Languages written without spaces have no words here."
    )
    return [of_cells(name, f"What a row costs{of}", cells, note)]


def f1_table(reports: Sequence[LabelReport]) -> Table:
    """A line per language (and system), a column of F1 per label."""
    several = len({(report.system, report.variant) for report in reports}) > 1
    rows = [
        {
            "language": report.language,
            **({"system": f"{report.system} {report.variant}"} if several else {}),
            **{f"label{n}": one.f1 for n, one in enumerate(report.labels)},
        }
        for report in reports
    ]
    labels = {f"label{n}": Column(one.label, "share") for n, one in enumerate(reports[0].labels)}
    return table("labels", "F1 of each label, %", rows, **labels)


def of_label_report(report: LabelReport, name: str) -> tuple[list[Table], list[tuple[str, Figure]]]:
    """Tables and figures of what became of each label in one language."""
    where, cells = label_table(report)
    tables = [of_cells(f"{name}_labels", where, [row[:7] for row in cells])]  # without the matrix
    names = tuple(one.label for one in report.labels)
    if len(names) <= MOST_CONFUSED:
        unread = any(row[-1] for row in report.confusion)
        counts = tuple(tuple(map(float, row if unread else row[:-1])) for row in report.confusion)
        columns = (*names, "unread") if unread else names
        return tables, [
            (f"{name}_confusion", Heatmap(f"Confusions, {where}", "right", "given", names, columns, counts, "count"))
        ]
    confused = sorted(
        (
            (-number, names[i], (*names, "(unread)")[j])
            for i, row in enumerate(report.confusion)
            for j, number in enumerate(row)
            if number and i != j
        )
    )
    rows = [{"right": right, "given": given, "items": -number} for number, right, given in confused[:MOST_CONFUSIONS]]
    if rows:
        title = f"The {len(rows)} most frequent confusions of {len(confused)}, {where}"
        tables.append(table(f"{name}_confusions", title, rows))
    return tables, []


def curves(history: Sequence[Mapping[str, Any]], prefix: str, title: str, y_axis: str, **more: Any) -> Lines | None:
    """The curves of what is logged as PREFIX/LANGUAGE, or as PREFIX alone; None where nothing was."""
    found: dict[str, list[tuple[float, float]]] = {}
    for entry in history:
        for name, value in entry.items():
            if name.startswith(f"{prefix}/") and math.isfinite(value):
                found.setdefault(name.removeprefix(f"{prefix}/"), []).append((entry["step"], value))
    if not found:
        points = [(entry["step"], entry[prefix]) for entry in history if prefix in entry]
        found = {"all": points} if points else {}
    series = tuple((name, tuple(points)) for name, points in sorted(found.items()))
    return Lines(title, "step", y_axis, series, **more) if series else None
