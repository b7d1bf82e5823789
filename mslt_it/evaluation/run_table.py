"""The table that ends a run, as text and as Markdown, and what is said under it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from mslt_it.evaluation.label_reports import LabelReport
from mslt_it.languages import language_name
from mslt_it.records import EvalResult, TaskConfig

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
MAX_LINE = 110  # characters of a line under the table
Cells = list[tuple[str, ...]]


def rows(results: Sequence[EvalResult], confidence: float = 0.95) -> Cells:
    """The table's cells: the first metric among the results, the others' figures beside it, and where answers are
    labels what always giving the most frequent one gets; in per cent, gains in percentage points."""
    metrics = list(dict.fromkeys(r.metric for r in results)) or ["accuracy"]
    beside = {(r.language, r.metric): r.value for r in results}
    with_majority = any(r.majority_share is not None for r in results)
    interval = interval_head(confidence)
    head = ["language", "", "n", METRIC_NAMES[metrics[0]], interval, *(METRIC_NAMES[name] for name in metrics[1:])]
    head += ["majority"] * with_majority + ["base", "gain", interval]
    cells = [tuple(head)]
    for r in results:
        if r.metric != metrics[0]:
            continue
        name = r.language if " " in r.language else f"{r.language} {language_name(r.language)}"
        start = (name, "seen" if r.role == "source" else "unseen", str(r.n))
        if r.value is None or r.low is None or r.high is None:
            cells.append((*start, "invalid", r.reason, *[""] * (len(head) - 5)))
            continue
        gain = ("n/a", "")
        if r.gain is not None and r.gain_low is not None and r.gain_high is not None:
            gain = (f"{100 * r.gain:+.1f}", span(r.gain_low, r.gain_high, sign="+"))
        others = [percent(beside.get((r.language, metric))) for metric in metrics[1:]]
        others += [percent(r.majority_share)] * with_majority
        cells.append((*start, percent(r.value), span(r.low, r.high), *others, percent(r.base_value), *gain))
    return cells


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


def title(task: TaskConfig) -> str:
    """What stands above the table."""
    name = METRIC_NAMES[task.metric]
    name = name if name == "chrF" else f"{name[0].upper()}{name[1:]}"
    return f"{name} in per cent, gain over the untuned base in points, on the same items"


def ending(results: Sequence[EvalResult], task: TaskConfig, confidence: float) -> str:
    """The table with its title and everything that is said under it."""
    said = remarks(results, task, confidence)
    if task.data == "world":
        said.append("These are figures of the embedded world, not of XNLI.")
    wrapped = "\n".join(textwrap.fill(line, MAX_LINE, break_on_hyphens=False) for line in said)
    return "\n\n".join([title(task), as_text(rows(results, confidence)), wrapped])


def remarks(results: Sequence[EvalResult], task: TaskConfig, confidence: float) -> list[str]:
    """What must be said beside the figures, one sentence or two to a line."""
    main = [r for r in results if r.metric == results[0].metric]
    mean = next((r for r in main if " " in r.language), None)
    only = [(r.language, r.only_label, r.n) for r in main if r.only_label]
    return [
        *([mean_remark(mean, confidence)] if mean else []),
        verdict(results, task),
        *([only_label_remark("The adapter", only)] if only else []),
    ]


def mean_remark(mean: EvalResult, confidence: float) -> str:
    """What the mean's intervals are for, and what was counted."""
    if mean.value is None or mean.low is None or mean.high is None:
        return f"{mean.language}: invalid"
    said = (
        f"{mean.language}: {percent(mean.value)}, {100 * confidence:g} % interval {span(mean.low, mean.high)} for these"
    )
    said += " languages on other items like these"
    if mean.languages_low is not None and mean.languages_high is not None:
        said += f", {span(mean.languages_low, mean.languages_high)} for other languages like these"
    said += f"; {mean.n} rows"
    if mean.num_shared:
        said += f", {mean.num_shared} items in every one of the languages"
    if 0 < mean.num_groups < (mean.num_shared or mean.n):
        said += f", in {mean.num_groups} groups that are drawn whole"
    if mean.train_majority_share is not None:
        said += f". Always the training rows' most frequent label: {percent(mean.train_majority_share)}"
    return f"{said}."


def only_label_remark(who: str, found: Sequence[tuple[str, str, int]]) -> str:
    """``found``: language, the label, how many items it was given to."""
    listed = ", ".join(f"{code} '{label}' ({n} of {n})" for code, label, n in found)
    return f"{who} gave one label to every item, whatever it says: {listed}."


def verdict(results: Sequence[EvalResult], task: TaskConfig) -> str:
    """One honest sentence on the unseen languages, from the numbers alone.

    Where answers are labels, a language counts when its accuracy is above what knows nothing gets; where they are
    written, when the interval of its gain over the untuned base is above 0.
    """
    unseen = [r for r in results if r.role == "target" and r.status == "ok" and " " not in r.language]
    metric = "accuracy" if task.choice_names else results[0].metric
    unseen = [r for r in unseen if r.metric == metric]
    if not unseen:
        return "No unseen language has a valid score."
    number = len(unseen)
    if task.choice_names:
        above = [r.language for r in unseen if r.is_above_chance]
        bar = f"above chance (the larger of 1/{len(task.choice_names)} and the majority's share"
        bar += f", corrected for {number} languages)" if number > 1 else ")"
        short = "above chance"
        none = bar
    else:
        above = [r.language for r in unseen if r.gain_low is not None and r.gain_low > 0]
        bar = short = "better than the untuned base"
        none = f"{bar}: every interval of the gain reaches 0"
    unread, total = sum(r.num_unparsable for r in unseen), sum(r.n for r in unseen)
    could_not = f" {unread} of {total} answers could not be read as one and count as wrong." if unread else ""
    if not above:
        return f"No unseen language is {none}. Nothing was transferred that this many items could show.{could_not}"
    others = [r.language for r in unseen if r.language not in above]
    rest = f"; not {short}: {', '.join(others)}" if others else ""
    is_are = "language is" if number == 1 else "languages are"
    return f"{len(above)} of {number} unseen {is_are} {bar}{rest}.{could_not}"


def label_text(reports: Sequence[LabelReport]) -> str:
    """Of each language and system: every label's figures in per cent, and how often which was said for which."""
    return "".join(f"{name}\n\n{as_text(cells)}\n\n" for name, cells in map(label_table, reports))


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
