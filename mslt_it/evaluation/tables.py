"""Figures as people read them: tables for the terminal, Markdown and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import textwrap
from collections.abc import Iterable, Sequence

from mslt_it.evaluation.estimates import Difference
from mslt_it.evaluation.run_table import (
    MAX_LINE,
    METRIC_NAMES,
    Cells,
    as_markdown,
    as_text,
    interval_head,
    label_table,
    only_label_remark,
    percent,
    span,
)
from mslt_it.evaluation.scores import MACRO, MACRO_ALL, Figures, ScoreRow
from mslt_it.languages import language_name

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
    columns = _columns(rows)
    found = []
    if len(columns) == 1:
        found.append(
            (f"{rows[0].task}, {columns[0][0]}, {columns[0][1]}: {metric} in per cent", _single(figures, confidence))
        )
    else:
        found.append((f"{rows[0].task}: {metric} in per cent", _matrix(rows, columns)))
        means = [row for row in rows if row.language in (MACRO, MACRO_ALL)]
        if means:
            found.append((f"Mean over the {_num_unseen(rows)} unseen languages", _means(figures, columns, confidence)))
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


def label_tables(figures: Figures) -> list[tuple[str, Cells]]:
    """(title, cells): what became of each label, per language, system and variant."""
    return [label_table(report) for report in figures.labels]


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


def _single(figures: Figures, confidence: float) -> Cells:
    rows, others = main_rows(figures), _beside(figures)
    metrics = _other_metrics(figures)
    with_majority = any(row.majority_share is not None for row in rows)
    head = ["language", "", "n", METRIC_NAMES[rows[0].metric], interval_head(confidence)]
    head += [*(METRIC_NAMES[name] for name in metrics), *["majority"] * with_majority]
    cells: Cells = [tuple(head)]
    for row in rows:
        beside = [percent(others.get((name, row.system, row.variant, row.language))) for name in metrics]
        beside += [percent(row.majority_share)] * with_majority
        if row.value is None:
            beside = [""] * len(beside)
        cells.append((_label(row), ROLES[row.role], str(row.n), *_value_and_interval(row), *beside))
    return cells


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
        cells.append((_label(some), str(some.n), *majority, *("" if row is None else _value(row) for row in own)))
    return cells


def _means(figures: Figures, columns: Sequence[tuple[str, str]], confidence: float) -> Cells:
    rows = [row for row in main_rows(figures) if row.language in (MACRO, MACRO_ALL)]
    others, metrics = _beside(figures), _other_metrics(figures)
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


def _other_metrics(figures: Figures) -> list[str]:
    return list(dict.fromkeys(row.metric for row in figures.rows))[1:]


def _beside(figures: Figures) -> dict[tuple[str, str, str, str], float | None]:
    """(metric, system, variant, language) -> figure."""
    return {(row.metric, row.system, row.variant, row.language): row.value for row in figures.rows}


def _like_these(low: float | None, high: float | None, sign: str = "") -> str:
    return "" if low is None or high is None else span(low, high, sign)


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
    lines += [*_mean_remarks(figures), *_chance_remarks(figures), *figures.notes]
    return ["\n".join(textwrap.fill(line, MAX_LINE, break_on_hyphens=False) for line in lines)] if lines else []


def _mean_remarks(figures: Figures) -> list[str]:
    """What the intervals of means are for and what was counted."""
    mean = next((row for row in main_rows(figures) if row.language in (MACRO, MACRO_ALL)), None)
    if mean is None:
        return []
    said = "Intervals are for these languages on other items like these"
    if mean.languages_low is not None and mean.languages_high is not None:
        said += f"; for other languages like these: {span(mean.languages_low, mean.languages_high)}"
        if len(_columns(main_rows(figures))) > 1:
            said = f"Intervals are for these languages on other items like these, and where named for {LIKE_THESE}"
    said += f". {mean.n} rows"
    said += f", {mean.num_shared} items in every unseen language" * bool(mean.num_shared)
    said += f", in {mean.num_groups} groups that are drawn whole" * (mean.num_groups < (mean.num_shared or mean.n))
    return [f"{said}."]


def _chance_remarks(figures: Figures) -> list[str]:
    """Of every system and variant, which unseen languages are above chance, and where one label was given to all."""
    lines = []
    accuracy = [row for row in figures.rows if row.language not in (MACRO, MACRO_ALL)]
    for system, variant in _columns(accuracy):
        own = [row for row in accuracy if (row.system, row.variant) == (system, variant)]
        judged = [row for row in own if row.is_above_chance is not None]
        others = [row.language for row in judged if not row.is_above_chance]
        if judged:
            said = f"{system} {variant}: {len(judged) - len(others)} of {len(judged)} unseen languages are above chance"
            said += " (the larger of 1/labels and the majority's share, corrected for their number)"
            lines.append(f"{said}{'; not: ' * bool(others)}{', '.join(others)}.")
        main = own[0].metric
        only = [(row.language, row.only_label, row.n) for row in own if row.only_label and row.metric == main]
        trained = {row.train_majority_share for row in own}
        if len(judged) and None not in trained:
            mean = sum(row.train_majority_share or 0.0 for row in judged) / len(judged)
            lines.append(f"Always its training rows' most frequent label: {percent(mean)} on average.")
        lines += [only_label_remark(f"{system} {variant}", only)] * bool(only)
    return lines


def _columns(rows: Sequence[ScoreRow]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row.system, row.variant) for row in rows))


def _num_unseen(rows: Sequence[ScoreRow]) -> int:
    return len({r.language for r in rows if r.role == "target" and r.language not in (MACRO, MACRO_ALL)})


def _label(row: ScoreRow) -> str:
    return row.language if row.language in (MACRO, MACRO_ALL) else f"{row.language} {language_name(row.language)}"


def _value(row: ScoreRow) -> str:
    return "invalid" if row.value is None else percent(row.value)


def _value_and_interval(row: ScoreRow) -> tuple[str, str]:
    if row.value is None or row.low is None or row.high is None:
        return "invalid", ""
    return percent(row.value), span(row.low, row.high)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
