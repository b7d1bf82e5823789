"""From answers to figures: per language, the mean over unseen languages, and differences paired by item."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mslt_it.config.recipe import TaskConfig
from mslt_it.evaluation.estimates import Difference, Settings, difference, differences, macro
from mslt_it.evaluation.groups import GroupMean
from mslt_it.evaluation.label_reports import Chance, LabelReport, above_chance, label_report, p_above_chance
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import ACCURACY, MEASURES, Measure, Outputs, choice_scores, why_invalid
from mslt_it.evaluation.seeds import SeedMean
from mslt_it.evaluation.text_figures import answer_languages, token_figures
from mslt_it.evaluation.voting import vote
from mslt_it.problems import Problem
from mslt_it.records import PromptedExample

if TYPE_CHECKING:
    from mslt_it.evaluation.spread import Spread

MACRO = "mean of unseen"
MACRO_ALL = "mean"  # where nothing was trained on, or what was is not known
# Of a mean's row: what its estimate says, and what is added up over the languages.
OF_ESTIMATE = ("n", "value", "low", "high", "num_groups", "num_shared", "languages_low", "languages_high")
ADDED_UP = ("num_unparsable", "num_cut", "num_without_room", "num_untranslated", "num_language_undecided")


@dataclass(frozen=True)
class Answered:
    """One system, variant and language: the items and what was answered."""

    task: str
    system: str
    variant: str
    language: str
    role: str  # "source" (the adapter was trained on it), "target", or "seen" (by another system of the evaluation)
    items: tuple[PromptedExample, ...]
    rows: tuple[Mapping[str, Any], ...]  # of the journal; as many per item as there are samples
    prompt_tokens: int  # over all items and samples, the translation stage counted
    new_tokens: int
    reason: str = ""  # why these answers cannot be scored, known beforehand
    num_untranslated: int = 0  # fields whose translation came out empty; the text was left as it is


@dataclass(frozen=True)
class ScoreRow:
    """One figure in [0, 1] and how it came about. Where ``status`` is "invalid", ``reason`` says why.

    ``low`` and ``high`` are for these languages and other items like these; ``languages_low`` and ``languages_high``,
    of a mean, for other languages like these, too.
    """

    task: str
    system: str
    variant: str
    language: str
    role: str
    metric: str
    n: int  # items
    value: float | None
    low: float | None
    high: float | None
    base_value: float | None = None  # of the untuned base on the same items, and what this system has more
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    status: str = "ok"
    reason: str = ""
    samples: int = 1
    num_unparsable: int = 0  # items whose answer could not be read; they count as wrong
    num_cut: int = 0  # written answers that were cut at the token limit
    num_without_room: int = 0  # of these, prompts that fill all positions of the model: nothing was written
    num_untranslated: int = 0
    language_share: float | None = None  # of written answers that could be judged: in the language asked for
    num_language_undecided: int = 0
    other_languages: Mapping[str, int] = field(default_factory=dict)  # of the others, or their script -> answers
    prompt_tokens_per_item: float = 0.0
    new_tokens_per_item: float = 0.0
    num_groups: int = 0  # what is drawn again: items, or premises and passages with all their items
    num_shared: int = 0  # of a mean: items that all of its languages have
    languages_low: float | None = None
    languages_high: float | None = None
    gain_languages_low: float | None = None
    gain_languages_high: float | None = None
    majority_share: float | None = None  # of the scored items: what always giving the most frequent label gets
    train_majority_share: float | None = None  # the same of the training rows' most frequent label
    is_above_chance: bool | None = None  # above 1 / labels and majority_share, corrected for the languages
    only_label: str = ""  # that was given to every item
    tokens_per_word: float | None = None  # of the prompts, instruction included; None where no words are told apart
    tokens_per_character: float | None = None

    @property
    def is_mean(self) -> bool:
        """Over languages."""
        return self.language in (MACRO, MACRO_ALL)


def read_rows(content: Mapping[str, Any], where: object) -> list[ScoreRow]:
    """The rows of a results.json; ``where`` it lies."""
    return _read(ScoreRow, content, "results", where)


def read_differences(content: Mapping[str, Any], where: object, name: str = "differences") -> list[Difference]:
    """The differences of an evaluation's results.json, or ``differences_in_languages``."""
    return _read(Difference, content, name, where)


def _read(kind: Callable[..., Any], content: Mapping[str, Any], name: str, where: object) -> list[Any]:
    try:
        return [kind(**row) for row in content[name]]
    except (KeyError, TypeError):
        raise Problem(
            f"{where}: its results are of another version of mslt_it. Remove it and start its command again."
        ) from None


@dataclass(frozen=True)
class Figures:
    """All of an evaluation's figures of one task."""

    rows: tuple[ScoreRow, ...]
    differences: tuple[Difference, ...]  # of the means over the languages that no system has seen
    in_languages: tuple[Difference, ...] = ()  # the same in each of them
    labels: tuple[LabelReport, ...] = ()  # what became of each label, where answers are labels
    notes: tuple[str, ...] = ()
    spreads: tuple[Spread, ...] = ()  # what is said in languages without labels
    # Of the main metric, per system and variant: its unseen languages, where all are valid; what these are made of:
    cells: Mapping[tuple[str, str], Sequence[Cell]] = field(default_factory=dict, repr=False, compare=False)
    seeds: tuple[SeedMean, ...] = ()  # means over runs that differ by seed only
    groups: tuple[GroupMean, ...] = ()  # means over families and scripts

    @property
    def is_valid(self) -> bool:
        return all(row.status == "ok" for row in self.rows)


def figures(
    task: TaskConfig,
    answered: Sequence[Answered],
    settings: Settings,
    train_counts: Mapping[str, Mapping[str, int]] | None = None,
    base: str = "",
) -> Figures:
    """Scores everything that was answered about one task.

    Args:
        train_counts: system -> label -> training rows, of systems where that is known.
        base: the system whose figures stand beside those of the others, with their gain on it, in place of rows of its
            own; "": every system has rows, and none has a gain.

    The mean over unseen languages is over those that no system of the evaluation has seen, so that all systems are
    compared on the same items. Differences are told of the task's main metric: of each pair of systems within a
    variant, and of each pair of variants within a system, corrected together for their number.
    """
    rows: list[ScoreRow] = []
    found: list[Difference] = []
    cells_of: dict[tuple[str, str], list[Cell]] = {}
    in_languages: list[Difference] = []
    notes: list[str] = []
    outputs = {_place(one): outputs_of(one) for one in answered}
    reports, judged = _of_labels(task, answered, outputs, settings)
    groups = _grouped(answered)
    for number, measure in enumerate(MEASURES[task.metric]):
        means: dict[str, list[Cell]] = {}
        counted = {_place(one): _counted(measure, one, outputs[_place(one)]) for one in answered}
        cells = {place: cell for place, (cell, _) in counted.items()}
        beside_base = partial(_beside_base, base, measure, cells, outputs, settings)
        for (system, variant), group in groups.items():
            if system == base:
                continue
            own = []
            for one in group:
                place = _place(one)
                row = _row(task, measure, one, outputs[place], *counted[place], settings)
                if task.choice_names:
                    chance = Chance.of(one.items, task.choice_names, (train_counts or {}).get(system, {}))
                    row = dataclasses.replace(
                        row,
                        majority_share=chance.majority_share,
                        train_majority_share=chance.train_majority_share,
                        is_above_chance=judged.get(place) if measure is ACCURACY else None,
                        only_label=reports[place].only_label if place in reports else "",
                    )
                own.append(beside_base(row, [one.language]))
            rows += own
            targets = [(row, one) for row, one in zip(own, group, strict=True) if one.role == "target"]
            valid = [cell for _, one in targets if (cell := cells[_place(one)])]
            if targets and len(valid) == len(targets):
                means[_name(system, variant)] = valid
                cells_of.setdefault((system, variant), valid)
                some_seen = any(one.role != "target" for one in group)
                mean = _mean_row(
                    measure, [r for r, _ in targets], [one for _, one in targets], valid, settings, some_seen
                )
                rows.append(beside_base(mean, [one.language for _, one in targets]))
        if number == 0 and (pairs := _pairs(means)):
            found, in_languages = (
                differences(measure, means, pairs, settings=settings, per_language=each) for each in (False, True)
            )
            without = [n for n in (_name(*key) for key in groups if key[0] != base) if n not in means]
            notes += [f"{name}: no valid scores in some language, left out of the comparisons" for name in without]
    labels = tuple(reports.values())
    return Figures(tuple(rows), tuple(found), tuple(in_languages), labels, tuple(notes), cells=cells_of)


Place = tuple[str, str, str]  # system, variant, language


def _place(answered: Answered) -> Place:
    return answered.system, answered.variant, answered.language


@dataclass(frozen=True, eq=False)
class Out:
    """What the answers of one system, variant and language come to, one per item; or why they are none."""

    outputs: Outputs
    reason: str


def outputs_of(answered: Answered) -> Out:
    items = answered.items
    if not items[0].is_written:
        scores = choice_scores(items, answered.rows)
        there = np.array([[bool(choice) for choice in item.choices] for item in items])
        same = len({item.messages for item in items}) == 1
        reason = answered.reason or why_invalid(scores, same_prompts=same, there=there)
        return Out(scores, reason)
    texts = [row["text"] for row in answered.rows]
    broken = sum(text is None for text in texts)
    reason = answered.reason or (f"{broken} of {len(texts)} answers have scores that are not finite" * bool(broken))
    if all(row["is_cut"] and not row["num_new_tokens"] for row in answered.rows):
        reason = reason or "every prompt is longer than the model can read"
    return Out(() if reason else _voted(items, texts, len(texts) // len(items)), reason)


def _of_labels(
    task: TaskConfig, answered: Sequence[Answered], outputs: Mapping[Place, Out], settings: Settings
) -> tuple[dict[Place, LabelReport], dict[Place, bool]]:
    """Of everything valid what became of each label; of unseen languages whether the accuracy is above chance, judged
    together with the others of its system and variant. Empty where answers are no labels."""
    reports: dict[Place, LabelReport] = {}
    judged: dict[Place, bool] = {}
    for (system, variant), group in _grouped(answered).items() if task.choice_names else ():
        p = {}
        for one in group:
            out, names = outputs[_place(one)], task.choice_names
            cell, _ = _counted(ACCURACY, one, out)
            if cell is None:
                continue
            told = {"system": system, "variant": variant, "language": one.language}
            reports[_place(one)] = label_report(one.items, out.outputs, names, **told)
            if one.role == "target":
                p[one.language] = p_above_chance(cell, Chance.of(one.items, names, {}))
        above = above_chance(p, settings.confidence)
        judged |= {(system, variant, language): is_above for language, is_above in above.items()}
    return {place: reports[place] for place in map(_place, answered) if place in reports}, judged


def _counted(measure: Measure, answered: Answered, out: Out) -> tuple[Cell | None, int]:
    """Counts, None where the answers are none; and how many of them could not be read."""
    if out.reason:
        return None, 0
    counts, num_unread = measure.counts(answered.items, out.outputs)
    ids, groups = (tuple(getattr(item, name) for item in answered.items) for name in ("id", "group"))
    return Cell(answered.language, ids, counts, groups), num_unread


def _beside_base(
    base: str,
    measure: Measure,
    cells: Mapping[Place, Cell | None],
    outputs: Mapping[Place, Out],
    settings: Settings,
    row: ScoreRow,
    languages: Sequence[str],
) -> ScoreRow:
    """The row with the base's figure and the gain on it, both on the same drawn items; unchanged without a base."""
    if not base or row.system == base or row.value is None:
        return row
    own, of_base = ([cells[system, row.variant, code] for code in languages] for system in (row.system, base))
    if None in of_base:
        without = [code for code, cell in zip(languages, of_base, strict=True) if cell is None]
        reason = (
            f"no valid scores in {', '.join(without)}" if row.is_mean else outputs[base, row.variant, without[0]].reason
        )
        return dataclasses.replace(row, reason=f"base: {reason}")
    gain = difference(measure, [c for c in own if c], [c for c in of_base if c], settings=settings)
    return dataclasses.replace(
        row,
        base_value=gain.value_b,
        gain=gain.value,
        gain_low=gain.low,
        gain_high=gain.high,
        gain_languages_low=gain.languages_low,
        gain_languages_high=gain.languages_high,
    )


def _grouped(answered: Iterable[Answered]) -> dict[tuple[str, str], list[Answered]]:
    groups: dict[tuple[str, str], list[Answered]] = {}
    for one in answered:
        groups.setdefault((one.system, one.variant), []).append(one)
    return groups


def _row(
    task: TaskConfig,
    measure: Measure,
    answered: Answered,
    out: Out,
    cell: Cell | None,
    num_unread: int,
    settings: Settings,
) -> ScoreRow:
    """The figure of one language."""
    items = answered.items
    common: dict[str, Any] = {
        **{name: getattr(answered, name) for name in ("task", "system", "variant", "language", "role")},
        "metric": measure.name,
        "n": len(items),
        "samples": len(answered.rows) // len(items),
        "num_untranslated": answered.num_untranslated,
        "prompt_tokens_per_item": answered.prompt_tokens / len(items),
        "new_tokens_per_item": answered.new_tokens / len(items),
        **token_figures(answered),
    }
    if items[0].is_written:
        common["num_cut"] = sum(bool(row["is_cut"]) for row in answered.rows)
        common["num_without_room"] = sum(row["is_cut"] and not row["num_new_tokens"] for row in answered.rows)
        common |= {} if out.reason else answer_languages(task, answered)
    if cell is None:
        return ScoreRow(**common, value=None, low=None, high=None, status="invalid", reason=out.reason)
    found = macro(measure, [cell], settings=settings)
    common |= {"num_unparsable": num_unread, "num_groups": found.num_groups}
    return ScoreRow(**common, value=found.value, low=found.low, high=found.high)


def _voted(items: Sequence[PromptedExample], texts: Sequence[str], samples: int) -> tuple[str, ...]:
    """One text per item; the samples of an item stand together."""
    groups = [texts[start : start + samples] for start in range(0, len(texts), samples)]
    return tuple(group[vote(item, group)] for item, group in zip(items, groups, strict=True))


def _mean_row(
    measure: Measure,
    rows: Sequence[ScoreRow],
    answered: Sequence[Answered],
    cells: Sequence[Cell],
    settings: Settings,
    some_seen: bool,
) -> ScoreRow:
    """The unweighted mean of the languages' rows."""
    first, num = rows[0], sum(row.n for row in rows)
    found = macro(measure, cells, settings=settings)
    judged = [row.language_share for row in rows if row.language_share is not None]
    told: dict[str, Any] = {name: getattr(found, name) for name in OF_ESTIMATE}
    told |= {name: sum(getattr(row, name) for row in rows) for name in ADDED_UP}
    others: Counter[str] = sum((Counter(row.other_languages) for row in rows), Counter())
    for name in ("majority_share", "train_majority_share"):
        shares = [getattr(row, name) for row in rows]
        told[name] = None if None in shares else float(np.mean(shares))
    return ScoreRow(
        **told,
        **{name: getattr(first, name) for name in ("task", "system", "variant", "samples")},
        language=MACRO if some_seen else MACRO_ALL,
        role="target",
        metric=measure.name,
        language_share=float(np.mean(judged)) if judged else None,
        other_languages=dict(others.most_common()),
        prompt_tokens_per_item=sum(one.prompt_tokens for one in answered) / num,
        new_tokens_per_item=sum(one.new_tokens for one in answered) / num,
    )


def _name(system: str, variant: str) -> str:
    return f"{system} / {variant}"


def _pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs that differ in the system or in the variant but not in both; the later one minus the earlier."""
    parts = [(name, *name.rsplit(" / ", 1)) for name in names]
    return [
        (later[0], earlier[0])
        for number, later in enumerate(parts)
        for earlier in parts[:number]
        if (later[1] == earlier[1]) != (later[2] == earlier[2])
    ]
