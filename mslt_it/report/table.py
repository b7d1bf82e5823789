"""The table that ends a run, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from mslt_it.languages import language_name
from mslt_it.records import EvalResult, TaskConfig

HEADERS = ("language", "", "n", "accuracy", "95 % interval", "base", "gain", "95 % interval")
METRIC_NAMES = {
    "accuracy": "accuracy",
    "number_accuracy": "accuracy",
    "qa_f1": "F1",
    "span_f1": "span F1",
    "chrf": "chrF",
    "exact_match": "exact",
}


def rows(results: Sequence[EvalResult], confidence: float = 0.95) -> list[tuple[str, ...]]:
    """The table's cells, of the first metric among the results; figures in per cent, gains in percentage points."""
    metric = results[0].metric if results else "accuracy"
    cells = [tuple(h.replace("95 %", f"{confidence:.0%}".replace("%", " %")) for h in HEADERS)]
    cells[0] = tuple(METRIC_NAMES[metric] if cell == "accuracy" else cell for cell in cells[0])
    for r in results:
        if r.metric != metric:
            continue
        name = r.language if " " in r.language else f"{r.language} {language_name(r.language)}"
        seen = "seen" if r.role == "source" else "unseen"
        if r.value is None or r.low is None or r.high is None:
            cells.append((name, seen, str(r.n), "invalid", r.reason, "", "", ""))
            continue
        gain = ("n/a", "")
        if r.gain is not None and r.gain_low is not None and r.gain_high is not None:
            gain = (f"{100 * r.gain:+.1f}", f"{100 * r.gain_low:+.1f} to {100 * r.gain_high:+.1f}")
        base = "n/a" if r.base_value is None else f"{100 * r.base_value:.1f}"
        interval = f"{100 * r.low:.1f} to {100 * r.high:.1f}"
        cells.append((name, seen, str(r.n), f"{100 * r.value:.1f}", interval, base, *gain))
    return cells


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


def verdict(results: Sequence[EvalResult], task: TaskConfig) -> str:
    """One honest sentence on the unseen languages, from the numbers alone.

    Where an answer is chosen, a language counts when its interval lies above chance; where it is written, when its gain
    over the untuned base does.
    """
    unseen = [
        r
        for r in results
        if r.role == "target" and r.status == "ok" and " " not in r.language and r.metric == results[0].metric
    ]
    if not unseen:
        return "No unseen language has a valid score."
    if task.choice_names:
        chance = 1 / len(task.choice_names)
        above = [r.language for r in unseen if r.low is not None and r.low > chance]
        bar, short = f"above chance ({chance:.1%})", "above chance"
        none = f"{bar}: every interval reaches it"
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
    return f"{len(above)} of {len(unseen)} unseen languages are {bar}{rest}.{could_not}"
