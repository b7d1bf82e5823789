"""What is said under tables of figures: what they are figures of, what was counted, and one honest sentence on what
they show, from the numbers alone."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from mslt_it.config.recipe import TaskConfig
from mslt_it.evaluation.scores import Figures, ScoreRow
from mslt_it.evaluation.tables import (
    LIKE_THESE,
    METRIC_NAMES,
    as_markdown,
    as_text,
    columns_of,
    has_base,
    in_markdown,
    language_table,
    main_rows,
    percent,
    span,
    tables,
)
from mslt_it.problems import counted

MAX_LINE = 110  # characters


def report(figures: Figures, confidence: float, *, markdown: bool = False) -> str:
    """All tables of one task, and what is said under them."""
    heading, form = ("### ", as_markdown) if markdown else ("", as_text)
    parts = [
        f"{heading}{in_markdown(title) if markdown else title}\n\n{form(cells)}"
        for title, cells in tables(figures, confidence)
    ]
    said = [in_markdown(line) if markdown else line for line in said_of(figures)]
    return "\n\n".join([*parts, _wrapped(said)] if said else parts)


def run_report(rows: Sequence[ScoreRow], task: TaskConfig, confidence: float) -> str:
    """The table that ends a run, with its title and everything that is said under it."""
    name = METRIC_NAMES[task.metric]
    name = name if name == "chrF" else f"{name[0].upper()}{name[1:]}"
    title = f"{name} in per cent" + ", gain over the untuned base in points, on the same items" * has_base(rows)
    said = run_remarks(rows, task, confidence)
    said += ["These are figures of the embedded world, not of real texts."] * (task.data == "world")
    return "\n\n".join([title, as_text(language_table(rows, confidence, with_base=True)), _wrapped(said)])


def run_remarks(rows: Sequence[ScoreRow], task: TaskConfig, confidence: float) -> list[str]:
    """What must be said beside a run's figures, one sentence or two to a line."""
    main = [row for row in rows if row.metric == rows[0].metric]
    mean = next((row for row in main if row.is_mean), None)
    only = [(row.language, row.only_label, row.n) for row in main if row.only_label]
    of_languages = [row for row in main if not row.is_mean]
    cut, answers = sum(row.num_cut for row in of_languages), sum(row.n for row in of_languages)
    told = f"{cut} of {counted(answers, 'answer')} reached the token limit (task.max_answer_tokens, of chains of "
    told += "thought scoring.max_chain_tokens): what was written by then is scored."
    return [
        *([_of_mean(mean, confidence)] if mean else []),
        verdict(rows, task),
        *([told] if cut else []),
        *([_only_label("The adapter", only)] if only else []),
    ]


def verdict(rows: Sequence[ScoreRow], task: TaskConfig) -> str:
    """One sentence on the unseen languages.

    Where answers are labels, a language counts when its accuracy is above what knows nothing gets; where they are
    written, when the interval of its gain over the untuned base is above 0; of an encoder there is no such base.
    """
    metric = "accuracy" if task.choice_names else rows[0].metric
    unseen = [r for r in rows if r.role == "target" and r.status == "ok" and not r.is_mean and r.metric == metric]
    if not unseen:
        scored = any(r.role == "target" for r in rows)
        return "No unseen language has a valid score." if scored else "No unseen language has labels: none is scored."
    mean = next((r for r in rows if r.role == "target" and r.is_mean and r.metric == metric), None)
    number = len(unseen)
    unread, total = sum(r.num_unparsable for r in unseen), sum(r.n for r in unseen)
    could_not = f" {unread} of {total} answers could not be read as one and count as wrong." if unread else ""
    if task.choice_names:
        above = [r.language for r in unseen if r.is_above_chance]
        bar = f"above chance (the larger of 1/{len(task.choice_names)} and the majority's share"
        bar += f", corrected for {number} languages)" if number > 1 else ")"
        short, none = "above chance", bar
        bars = [max(1 / len(task.choice_names), r.majority_share or 0.0) for r in unseen]
        is_mean_above = mean is not None and (mean.low or 0.0) > sum(bars) / number
    elif not has_base(unseen):
        return f"A fresh head is at chance, so there is no untuned base to compare with.{could_not}"
    else:
        above = [r.language for r in unseen if r.gain_low is not None and r.gain_low > 0]
        bar = short = "better than the untuned base"
        none = f"{bar}: every interval of the gain reaches 0"
        is_mean_above = mean is not None and (mean.gain_low or 0.0) > 0
    if not above and is_mean_above and number > 1:
        return f"No unseen language alone is {none}. Their mean is {short}, by its interval.{could_not}"
    if not above:
        return f"No unseen language is {none}. No transfer can be detected with this many items.{could_not}"
    others = [r.language for r in unseen if r.language not in above]
    rest = f"; not {short}: {', '.join(others)}" if others else ""
    is_are = "language is" if number == 1 else "languages are"
    return f"{len(above)} of {number} unseen {is_are} {bar}{rest}.{could_not}"


def _of_mean(mean: ScoreRow, confidence: float) -> str:
    """What a run's mean and its intervals are for, and what was counted."""
    if mean.value is None or mean.low is None or mean.high is None:
        return f"{mean.language}: invalid"
    said = (
        f"{mean.language}: {percent(mean.value)}, {100 * confidence:g} % interval {span(mean.low, mean.high)} for these"
    )
    said += " languages on other items like these"
    if mean.languages_low is not None and mean.languages_high is not None:
        said += f", {span(mean.languages_low, mean.languages_high)} for other languages like these"
    said += f"; {_counted(mean, 'in every one of the languages')}"
    if mean.train_majority_share is not None:
        said += f". Baseline (the training rows' most frequent label): {percent(mean.train_majority_share)}"
    return f"{said}."


def _counted(mean: ScoreRow, where: str) -> str:
    said = counted(mean.n, "row") + f", {counted(mean.num_shared, 'item')} {where}" * bool(mean.num_shared)
    return said + f", in {counted(mean.num_groups, 'group', 'groups')}, each resampled as a unit" * (
        0 < mean.num_groups < (mean.num_shared or mean.n)
    )


def said_of(figures: Figures) -> list[str]:
    """What must be said beside an evaluation's figures, one sentence or two to a line."""
    main = main_rows(figures)
    lines = [f"invalid: {row.system} {row.variant} {row.language}: {row.reason}" for row in main if row.reason]
    if untranslated := sum(row.num_untranslated for row in main if not row.is_mean):
        lines.append(f"{counted(untranslated, 'translation')} came out empty: the text was left in its own language.")
    if without_room := sum(row.num_without_room for row in main if not row.is_mean):
        longer = counted(without_room, "prompt is", "prompts are")
        lines.append(f"{longer} longer than the model can read: no answer, counted as wrong.")
    return [*lines, *_of_means(main), *_of_chance(figures), *figures.notes]


def _of_means(main: Sequence[ScoreRow]) -> list[str]:
    mean = next((row for row in main if row.is_mean), None)
    if mean is None:
        return []
    said = "Intervals are for these languages on other items like these"
    if mean.languages_low is not None and mean.languages_high is not None:
        several = len(columns_of(main)) > 1
        own = f"; for other languages like these: {span(mean.languages_low, mean.languages_high)}"
        said += f", and where named for {LIKE_THESE}" if several else own
    return [f"{said}. {_counted(mean, 'in every unseen language')}."]


def _of_chance(figures: Figures) -> list[str]:
    """Of every system and variant, which unseen languages are above chance, and where one label was given to all."""
    lines = []
    accuracy = [row for row in figures.rows if not row.is_mean]
    for system, variant in columns_of(accuracy):
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
            lines.append(f"Always its training rows' most frequent label: {percent(mean)} % on average.")
        lines += [_only_label(f"{system} {variant}", only)] * bool(only)
    return lines


def _only_label(who: str, found: Sequence[tuple[str, str, int]]) -> str:
    """``found``: language, the label, how many items it was given to."""
    listed = ", ".join(f"{code} '{label}' ({n} of {n})" for code, label, n in found)
    return f"{who} gave every item the same label, whatever its text: {listed}."


def _wrapped(lines: Sequence[str]) -> str:
    return "\n".join(textwrap.fill(line, MAX_LINE, break_on_hyphens=False) for line in lines)
