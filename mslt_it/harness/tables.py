"""Figures as people read them: tables for the terminal, Markdown and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Sequence

from mslt_it.harness.scores import MACRO, MACRO_ALL, Figures, ScoreRow
from mslt_it.languages import language_name
from mslt_it.report.table import METRIC_NAMES, as_markdown, as_text
from mslt_it.scoring.estimates import Difference

Cells = list[tuple[str, ...]]
MOST_NAMED_COLUMNS = 4  # of more, the head has numbers, and the table of means says what they are
ROLES = {"source": "seen", "seen": "seen by another", "target": "unseen"}


def main_rows(figures: Figures) -> list[ScoreRow]:
    """The rows of the task's main metric."""
    return [row for row in figures.rows if row.metric == figures.rows[0].metric]


def tables(figures: Figures, confidence: float) -> list[tuple[str, Cells]]:
    """(title, cells) of every table of one task, the first row of cells being the head."""
    rows = main_rows(figures)
    metric = METRIC_NAMES[rows[0].metric]
    columns = _columns(rows)
    found = []
    if len(columns) == 1:
        found.append(
            (f"{rows[0].task}, {columns[0][0]}, {columns[0][1]}: {metric} in per cent", _single(rows, confidence))
        )
    else:
        found.append((f"{rows[0].task}: {metric} in per cent", _matrix(rows, columns)))
        means = [row for row in rows if row.language in (MACRO, MACRO_ALL)]
        if means:
            found.append((f"Mean over the {_num_unseen(rows)} unseen languages", _means(means, columns, confidence)))
    if any(row.new_tokens_per_item for row in rows):
        found.append(("What the answers cost and how they could be read", _costs(rows, columns)))
    if figures.differences:
        number = len(figures.differences)
        title = "Differences in points, paired by item"
        title += f"; p corrected for {number} comparisons" if number > 1 else ""
        found.append((title, _differences(figures.differences, confidence)))
    return found


def as_text_report(figures: Figures, confidence: float) -> str:
    """All tables of one task for the terminal."""
    parts = [f"{title}\n\n{as_text(cells)}" for title, cells in tables(figures, confidence)]
    return "\n\n".join([*parts, *_remarks(figures)])


def as_markdown_report(figures: Figures, confidence: float) -> str:
    """The same in Markdown."""
    parts = [f"### {title}\n\n{as_markdown(cells)}" for title, cells in tables(figures, confidence)]
    return "\n\n".join([*parts, *_remarks(figures)])


def as_csv(records: Iterable[ScoreRow] | Iterable[Difference], kind: type) -> str:
    """One line per record, every field; None is empty."""
    out = io.StringIO()
    names = [field.name for field in dataclasses.fields(kind)]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for record in records:
        values = [getattr(record, name) for name in names]
        writer.writerow(["" if value is None else value for value in values])
    return out.getvalue()


def _single(rows: Sequence[ScoreRow], confidence: float) -> Cells:
    head = ("language", "", "n", METRIC_NAMES[rows[0].metric], _interval_head(confidence))
    return [head, *((_label(row), ROLES[row.role], str(row.n), *_value_and_interval(row)) for row in rows)]


def _matrix(rows: Sequence[ScoreRow], columns: Sequence[tuple[str, str]]) -> Cells:
    by_place = {(row.language, row.system, row.variant): row for row in rows}
    languages = list(dict.fromkeys(row.language for row in rows))
    means = [name for name in (MACRO, MACRO_ALL) if name in languages]
    names = [f"{system} {variant}" for system, variant in columns]
    if len(columns) > MOST_NAMED_COLUMNS:
        names = [f"[{number}]" for number in range(1, len(columns) + 1)]
    head = ("language", "n", *names)
    cells: Cells = [head]
    for language in [*(code for code in languages if code not in means), *means]:
        own = [by_place.get((language, *column)) for column in columns]
        some = next(row for row in own if row is not None)
        cells.append((_label(some), str(some.n), *("" if row is None else _value(row) for row in own)))
    return cells


def _means(rows: Sequence[ScoreRow], columns: Sequence[tuple[str, str]], confidence: float) -> Cells:
    head = ("system", "variant", "n", METRIC_NAMES[rows[0].metric], _interval_head(confidence))
    numbers = {column: f"[{n}] " if len(columns) > MOST_NAMED_COLUMNS else "" for n, column in enumerate(columns, 1)}
    return [
        head,
        *(
            (numbers[row.system, row.variant] + row.system, row.variant, str(row.n), *_value_and_interval(row))
            for row in rows
        ),
    ]


def _costs(rows: Sequence[ScoreRow], columns: Sequence[tuple[str, str]]) -> Cells:
    head = ("system", "variant", "unread", "cut", "in language", "tokens read", "tokens written")
    cells: Cells = [head]
    for system, variant in columns:
        own = [r for r in rows if (r.system, r.variant) == (system, variant) and r.language not in (MACRO, MACRO_ALL)]
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
    cells: Cells = [("", "", "n", "difference", _interval_head(confidence), "p", "p corrected")]
    for d in found:
        cells.append(
            (
                *_pair(d.name_a, d.name_b),
                str(d.n),
                f"{100 * d.value:+.1f}",
                f"{100 * d.low:+.1f} to {100 * d.high:+.1f}",
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


def _remarks(figures: Figures) -> list[str]:
    lines = [
        f"invalid: {row.system} {row.variant} {row.language}: {row.reason}" for row in main_rows(figures) if row.reason
    ]
    untranslated = sum(row.num_untranslated for row in main_rows(figures) if row.language not in (MACRO, MACRO_ALL))
    if untranslated:
        lines.append(f"{untranslated} translations came out empty; those texts were left in their own language.")
    without_room = sum(row.num_without_room for row in main_rows(figures) if row.language not in (MACRO, MACRO_ALL))
    if without_room:
        lines.append(f"{without_room} prompts are longer than the model can read: no answer, counted as wrong.")
    return ["\n".join([*lines, *figures.notes])] if lines or figures.notes else []


def _columns(rows: Sequence[ScoreRow]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row.system, row.variant) for row in rows))


def _num_unseen(rows: Sequence[ScoreRow]) -> int:
    return len({r.language for r in rows if r.role == "target" and r.language not in (MACRO, MACRO_ALL)})


def _label(row: ScoreRow) -> str:
    return row.language if row.language in (MACRO, MACRO_ALL) else f"{row.language} {language_name(row.language)}"


def _value(row: ScoreRow) -> str:
    return "invalid" if row.value is None else f"{100 * row.value:.1f}"


def _value_and_interval(row: ScoreRow) -> tuple[str, str]:
    if row.value is None or row.low is None or row.high is None:
        return "invalid", ""
    return f"{100 * row.value:.1f}", f"{100 * row.low:.1f} to {100 * row.high:.1f}"


def _interval_head(confidence: float) -> str:
    return f"{100 * confidence:g} % interval"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
