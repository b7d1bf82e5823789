"""Figures as people read them: tables for the terminal, Markdown and CSV. What is said under them: `remarks`."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mslt_it import values
from mslt_it.evaluation.estimates import Difference
from mslt_it.evaluation.groups import GroupMean
from mslt_it.evaluation.label_reports import LabelReport
from mslt_it.evaluation.scores import MACRO, MACRO_ALL, Figures, ScoreRow
from mslt_it.evaluation.seeds import SeedMean
from mslt_it.evaluation.task_means import TaskMean
from mslt_it.languages import language_name

METRIC_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "number_accuracy": "accuracy",
    "qa_f1": "F1",
    "span_f1": "span F1",
    "chrf": "chrF",
    "corpus_chrf": "corpus chrF",
    "exact_match": "exact",
}
MOST_CONFUSED = 12  # labels whose confusion matrix fits a terminal; results.json has all
Cells = list[tuple[str, ...]]
# What Markdown would not show as it is; underscores between letters and lone signs such as "p < 0.05" it does.
_MARKUP = re.compile(r"[\\`*|\[$~]|<(?=[A-Za-z/!?])|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
IN_LANGUAGES = "Differences in points, language by language"
MOST_DIFFERENCES = 40  # rows of a terminal; differences.csv has all
LIKE_THESE = "languages like these"  # the interval beside that for these very languages
MOST_NAMED_COLUMNS = 4  # of more, the head has numbers, and the table of means says what they are
MOST_OTHERS = 3  # languages of wrong answers that a terminal names; results.json has all
OVER_SEEDS = "Runs that differ by seed only, over the unseen languages (interval for other items and seeds)"
OVER_TASKS = "Mean over the tasks, with their weights: each task's main figure over its unseen languages"
ROLES = {"source": "seen", "seen": "seen by another", "target": "unseen"}


def main_rows(figures: Figures) -> list[ScoreRow]:
    return [row for row in figures.rows if row.metric == figures.rows[0].metric]


def tables(figures: Figures, confidence: float) -> list[tuple[str, Cells]]:
    """(title, cells) of every table of one task, the first row of cells being the head."""
    rows = main_rows(figures)
    metric = METRIC_NAMES[rows[0].metric]
    columns = columns_of(rows)
    found = []
    if len(columns) == 1:
        title = f"{', '.join((rows[0].task, *columns[0]))}: {metric} in per cent"
        found.append((title, language_table(figures.rows, confidence)))
    else:
        found.append((f"{rows[0].task}: {metric} in per cent", _matrix(rows, columns)))
        means = [row for row in rows if row.is_mean]
        if means:
            number = len({row.language for row in rows if row.role == "target" and not row.is_mean})
            found.append((f"Mean over the {number} unseen languages", _means(figures, columns, confidence)))
    if any(row.new_tokens_per_item for row in rows):
        found.append(("What the answers cost and how they could be read", _costs(rows, columns)))
    if figures.seeds:
        found.append((f"{OVER_SEEDS}: {metric}", _seeds(figures.seeds, confidence)))
    if figures.groups:
        found.append((f"Mean over unseen languages of a kind: {metric}", _groups(figures.groups, columns, confidence)))
    for title, own in (("Differences in points", figures.differences), (IN_LANGUAGES, figures.in_languages)):
        if own and (title != IN_LANGUAGES or 1 < len(own) <= MOST_DIFFERENCES):
            corrected = f"; intervals and p corrected for {len(own)} comparisons" if len(own) > 1 else ""
            found.append((f"{title}, paired by item{corrected}", _differences(own, confidence)))
    return found


def percent(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f}"


def span(low: float | None, high: float | None, sign: str = "") -> str:
    """An interval, in per cent or points; "" where there is none."""
    return "" if low is None or high is None else f"{100 * low:{sign}.1f} to {100 * high:{sign}.1f}"


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


def in_markdown(text: str) -> str:
    """``text`` as Markdown that shows it as it is: labels and folders may be called "a|b", "<b>" or "*"."""
    return _MARKUP.sub(r"\\\g<0>", text).replace("\n", " ")


def as_markdown(cells: Sequence[Sequence[str]]) -> str:
    head, *body = [[in_markdown(cell) for cell in row] for row in cells]
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
        found = [" ".join(f"{k}:{v}" for k, v in one.items()) if isinstance(one, Mapping) else one for one in found]
        writer.writerow(["" if value is None else values.cell(value) for value in found])
    return out.getvalue()


def language_table(rows: Sequence[ScoreRow], confidence: float, *, with_base: bool = False) -> Cells:
    """One system and variant, a line per language: the first metric among the rows, the others' figures beside it, and
    where answers are labels what always giving the most frequent one gets; in per cent, gains in percentage points.

    ``with_base``: what the untuned base has and the gain on it, too, where it was asked.
    """
    with_base = with_base and has_base(rows)
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
        if row.value is None:
            cells.append((*start, "invalid", row.reason * with_base, *[""] * (len(head) - 5)))
            continue
        beside = [percent(others.get((row.language, name))) for name in metrics[1:]]
        beside += [percent(row.majority_share)] * with_majority
        if with_base:
            beside += [percent(row.base_value), *_gain(row)]
        cells.append((*start, *_value_and_interval(row), *beside))
    return cells


def has_base(rows: Sequence[ScoreRow]) -> bool:
    """Whether an untuned base stands beside the rows, or why it has no figures; an encoder has none."""
    return any(row.base_value is not None or row.reason for row in rows)


def _gain(row: ScoreRow) -> tuple[str, str]:
    return ("n/a" if row.gain is None else f"{100 * row.gain:+.1f}"), span(row.gain_low, row.gain_high, "+")


def _matrix(rows: Sequence[ScoreRow], columns: Sequence[tuple[str, str]]) -> Cells:
    by_place = {(row.language, row.system, row.variant): row for row in rows}
    languages = list(dict.fromkeys(row.language for row in rows))
    means = [name for name in (MACRO, MACRO_ALL) if name in languages]
    names = _names(columns)
    with_majority = any(row.majority_share is not None for row in rows)
    head = ("language", "n", *["majority"] * with_majority, *names)
    cells: Cells = [head]
    for language in [*(code for code in languages if code not in means), *means]:
        own = [by_place.get((language, *column)) for column in columns]
        some = next(row for row in own if row is not None)
        majority = [percent(some.majority_share)] * with_majority
        shown = ("" if row is None else _value_and_interval(row)[0] for row in own)
        cells.append((_label(some), str(some.n), *majority, *shown))
    return cells


def _names(columns: Sequence[tuple[str, str]]) -> list[str]:
    if len(columns) > MOST_NAMED_COLUMNS:
        return [f"[{number}]" for number in range(1, len(columns) + 1)]
    return [f"{system} {variant}" for system, variant in columns]


def _means(figures: Figures, columns: Sequence[tuple[str, str]], confidence: float) -> Cells:
    rows = [row for row in main_rows(figures) if row.is_mean]
    others = {(row.metric, row.system, row.variant, row.language): row.value for row in figures.rows}
    metrics = list(dict.fromkeys(row.metric for row in figures.rows))
    head = ("system", "variant", "n", METRIC_NAMES[metrics[0]], interval_head(confidence), LIKE_THESE)
    cells: Cells = [(*head, *(METRIC_NAMES[name] for name in metrics[1:]))]
    for row in rows:
        number = f"[{1 + columns.index((row.system, row.variant))}] " * (len(columns) > MOST_NAMED_COLUMNS)
        beside = (percent(others.get((name, row.system, row.variant, row.language))) for name in metrics[1:])
        like_these = span(row.languages_low, row.languages_high)
        cells.append((number + row.system, row.variant, str(row.n), *_value_and_interval(row), like_these, *beside))
    return cells


def _costs(rows: Sequence[ScoreRow], columns: Sequence[tuple[str, str]]) -> Cells:
    head = ("system", "variant", "unread", "cut", "in language", "in others", "tokens read", "tokens written")
    cells: Cells = [head]
    for system, variant in columns:
        own = [r for r in rows if (r.system, r.variant) == (system, variant) and not r.is_mean]
        items = sum(row.n for row in own)
        answers = sum(row.n * row.samples for row in own)
        judged = [row.language_share for row in own if row.language_share is not None]
        others: Counter[str] = sum((Counter(row.other_languages) for row in own), Counter())
        shown = [f"{code} {100 * number / answers:.1f} %" for code, number in others.most_common(MOST_OTHERS)]
        cells.append(
            (
                system,
                variant,
                f"{100 * sum(row.num_unparsable for row in own) / items:.1f} %",
                f"{100 * sum(row.num_cut for row in own) / answers:.1f} %",
                f"{100 * sum(judged) / len(judged):.1f} %" if judged else "-",
                ", ".join(shown) or "-",
                f"{sum(row.prompt_tokens_per_item * row.n for row in own) / items:.0f}",
                f"{sum(row.new_tokens_per_item * row.n for row in own) / items:.0f}",
            )
        )
    return cells


def _seeds(means: Sequence[SeedMean], confidence: float) -> Cells:
    """The means over the unseen languages of what was pooled, then the differences."""
    cells: Cells = [("", "", "seeds", "n", "mean", interval_head(confidence), "SD over seeds", "p corrected")]
    for one in means:
        if one.language:
            continue
        what, sign = (f"{one.name} - {one.minus}", "+") if one.minus else (one.name, "")
        figures = (f"{100 * one.value:{sign}.1f}", span(one.low, one.high, sign))
        sd = "" if one.seed_sd is None else f"{100 * one.seed_sd:.1f}"
        p = "" if one.p_adjusted is None else _p(one.p_adjusted)
        cells.append((one.variant, what, " ".join(map(str, one.seeds)), str(one.n), *figures, sd, p))
    return cells


def _groups(groups: Sequence[GroupMean], columns: Sequence[tuple[str, str]], confidence: float) -> Cells:
    """A line per family or script; of one system with its interval."""
    alone = len(columns) == 1
    by_group: dict[tuple[str, str], list[GroupMean]] = {}
    for one in groups:
        by_group.setdefault((one.kind, one.group), []).append(one)
    cells: Cells = [("of", "languages", "n", *_names(columns), *([interval_head(confidence)] * alone))]
    for (kind, group), own in by_group.items():
        by_column = {(one.system, one.variant): one for one in own}
        shown = [percent(by_column[c].value) if c in by_column else "" for c in columns]
        shown += [span(own[0].low, own[0].high)] * alone
        cells.append((f"{kind} {group}", " ".join(own[0].languages), str(own[0].n), *shown))
    return cells


def task_means_table(means: Sequence[TaskMean], confidence: float) -> Cells:
    """A line per system and variant, then per difference."""
    tasks = [f"{task} x {share:.2f}" for task, share in means[0].weights.items()]
    cells: Cells = [("", "", *tasks, "mean", interval_head(confidence))]
    for one in means:
        what, sign = (one.name.rsplit(" / ", 1)[::-1], "") if not one.minus else (_pair(one.name, one.minus), "+")
        figures = (f"{100 * value:{sign}.1f}" for value in (*one.values.values(), one.value))
        cells.append((*what, *figures, span(one.low, one.high, sign)))
    return cells


def _differences(found: Sequence[Difference], confidence: float) -> Cells:
    """Intervals that hold for all rows at once, as the corrected p does; where languages are drawn, one by one."""
    of_means = not found[0].language
    like_these = (LIKE_THESE,) * of_means
    cells: Cells = [("", "", "n", "difference", interval_head(confidence), *like_these, "p", "p corrected")]
    for d in found:
        common, pair = _pair(d.name_a, d.name_b)
        figures = [f"{100 * d.value:+.1f}", span(d.family_low, d.family_high, "+")]
        figures += [span(d.languages_low, d.languages_high, "+")] * of_means
        what = f"{pair}, {d.language}".removesuffix(", ")
        cells.append((common, what, str(d.n), *figures, _p(d.p), _p(d.p_adjusted)))
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
    return ("invalid" if row.value is None else percent(row.value)), span(row.low, row.high)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
