"""From answers to figures: per language, the mean over unseen languages, and differences paired by item."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from mslt_it.config.recipe import TaskConfig
from mslt_it.data.cleaning import is_written_without_spaces
from mslt_it.evaluation.answered import Answered, Out, Spread, outputs_of
from mslt_it.evaluation.answers.language import language_share
from mslt_it.evaluation.estimates import Difference, Settings, difference, differences, macro
from mslt_it.evaluation.groups import GroupMean
from mslt_it.evaluation.label_reports import LabelReport, above_chance, constant_shares, label_report, p_above_chance
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import ACCURACY, MEASURES, Measure
from mslt_it.evaluation.seeds import SeedMean
from mslt_it.problems import Problem

Record = TypeVar("Record")
MACRO = "mean of unseen"
MACRO_ALL = "mean"  # where nothing was trained on, or what was is not known
# Of a mean's row: what its estimate says, and what is added up over the languages.
OF_ESTIMATE = ("n", "value", "low", "high", "num_groups", "num_shared", "languages_low", "languages_high")
ADDED_UP = ("num_unparsable", "num_cut", "num_without_room", "num_untranslated", "num_language_undecided")


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
        return self.language in (MACRO, MACRO_ALL)


def read_rows(content: Mapping[str, Any], where: object) -> list[ScoreRow]:
    """The rows of a results.json; ``where`` it lies."""
    return read_records(ScoreRow, content, "results", where)


def read_records(kind: Callable[..., Record], content: Mapping[str, Any], name: str, where: object) -> list[Record]:
    """The records that a results.json has under a name."""
    try:
        return [kind(**row) for row in content[name]]
    except (KeyError, TypeError):
        raise Problem(
            f"{where}: its results come from another version of mslt_it. Remove it and start its command again."
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
    groups: dict[tuple[str, str], list[Answered]] = {}
    for one in answered:
        groups.setdefault((one.system, one.variant), []).append(one)
    outputs = {_place(one): outputs_of(one) for one in answered}
    labels, about = _of_labels(task, groups, outputs, settings, train_counts or {})
    own = {key: group for key, group in groups.items() if key[0] != base}
    scored = [_Scored(task, measure, answered, outputs, base, settings) for measure in MEASURES[task.metric]]
    rows = [row for of in scored for group in own.values() for row in of.rows(group, about)]
    cells = {key: unseen for key, group in own.items() if (unseen := scored[0].unseen(group))}
    of_means: list[Difference] = []
    in_languages: list[Difference] = []
    notes: list[str] = []
    if pairs := _pairs(list(cells)):
        named = {_name(key): unseen for key, unseen in cells.items()}
        of_means, in_languages = (
            differences(scored[0].measure, named, pairs, settings=settings, per_language=each) for each in (False, True)
        )
        without = [_name(key) for key in own if key not in cells]
        notes = [f"{name}: no valid scores in some language, left out of the comparisons" for name in without]
    return Figures(tuple(rows), tuple(of_means), tuple(in_languages), tuple(labels), tuple(notes), cells=cells)


Place = tuple[str, str, str]  # system, variant, language


def _place(answered: Answered) -> Place:
    return answered.system, answered.variant, answered.language


def _of_labels(
    task: TaskConfig,
    groups: Mapping[tuple[str, str], Sequence[Answered]],
    outputs: Mapping[Place, Out],
    settings: Settings,
    train_counts: Mapping[str, Mapping[str, int]],
) -> tuple[list[LabelReport], dict[Place, dict[str, Any]]]:
    """What became of each label wherever answers are valid, and what a row says of one language beside its figure;
    whether an unseen language is above chance is judged together with the others of its system and variant."""
    reports: list[LabelReport] = []
    about: dict[Place, dict[str, Any]] = {}
    names = task.choice_names
    for (system, variant), group in groups.items() if names else ():
        p = {}
        for one in group:
            majority, trained = constant_shares(one.items, names, train_counts.get(system, {}))
            place = _place(one)
            about[place] = {"majority_share": majority, "train_majority_share": trained}
            if (cell := _cell(ACCURACY, one, outputs[place])[0]) is None:
                continue
            reports.append(label_report(one.items, outputs[place].outputs, names, place))
            about[place]["only_label"] = reports[-1].only_label
            if one.role == "target":
                p[one.language] = p_above_chance(cell, max(1 / len(names), majority))
        for language, is_above in above_chance(p, settings.confidence).items():
            about[system, variant, language]["is_above_chance"] = is_above
    return reports, about


def _cell(measure: Measure, answered: Answered, out: Out) -> tuple[Cell | None, int]:
    """Counts, None where the answers are none; and how many of them could not be read."""
    if out.reason:
        return None, 0
    counts, num_unread = measure.counts(answered.items, out.outputs)
    ids, groups = (tuple(getattr(item, name) for item in answered.items) for name in ("id", "group"))
    return Cell(answered.language, ids, counts, groups), num_unread


class _Scored:
    """One measure of everything that was answered; ``base``: as in `figures`."""

    def __init__(
        self,
        task: TaskConfig,
        measure: Measure,
        answered: Sequence[Answered],
        outputs: Mapping[Place, Out],
        base: str,
        settings: Settings,
    ) -> None:
        self.task, self.measure, self.outputs, self.base, self.settings = task, measure, outputs, base, settings
        self.cells = {_place(one): _cell(measure, one, outputs[_place(one)]) for one in answered}

    def unseen(self, group: Sequence[Answered]) -> list[Cell]:
        """Of the languages that no system has seen; empty where one of them has no valid answers."""
        found = [self.cells[_place(one)][0] for one in group if one.role == "target"]
        return [] if None in found else [cell for cell in found if cell]

    def rows(self, group: Sequence[Answered], about: Mapping[Place, Mapping[str, Any]]) -> list[ScoreRow]:
        """Of one system and variant: a row per language, and that of the mean over the unseen ones."""
        rows = [self._row(one, about.get(_place(one), {})) for one in group]
        if cells := self.unseen(group):
            targets = [(row, one) for row, one in zip(rows, group, strict=True) if one.role == "target"]
            name = MACRO if len(targets) < len(group) else MACRO_ALL
            rows.append(self._mean(name, cells, *map(list, zip(*targets, strict=True))))
        return rows

    def _row(self, answered: Answered, about: Mapping[str, Any]) -> ScoreRow:
        items = answered.items
        (cell, num_unread), out = self.cells[_place(answered)], self.outputs[_place(answered)]
        told: dict[str, Any] = {
            **{name: getattr(answered, name) for name in ("task", "system", "variant", "language", "role")},
            **about,
            "metric": self.measure.name,
            "n": len(items),
            "samples": len(answered.rows) // len(items),
            "num_untranslated": answered.num_untranslated,
            "prompt_tokens_per_item": answered.prompt_tokens / len(items),
            "new_tokens_per_item": answered.new_tokens / len(items),
            **token_figures(answered),
        }
        if self.measure is not ACCURACY:
            told.pop("is_above_chance", None)
        if items[0].is_written:
            told["num_cut"] = sum(bool(row["is_cut"]) for row in answered.rows)
            told["num_without_room"] = sum(row["is_cut"] and not row["num_new_tokens"] for row in answered.rows)
            told |= {} if out.reason else answer_languages(self.task, answered)
        if cell is None:
            return ScoreRow(**told, value=None, low=None, high=None, status="invalid", reason=out.reason)
        found = macro(self.measure, [cell], settings=self.settings)
        told |= {name: getattr(found, name) for name in ("value", "low", "high", "num_groups")}
        return self._beside_base(ScoreRow(**told, num_unparsable=num_unread), [cell])

    def _mean(
        self, name: str, cells: Sequence[Cell], rows: Sequence[ScoreRow], answered: Sequence[Answered]
    ) -> ScoreRow:
        """The unweighted mean of the languages' rows."""
        first, num = rows[0], sum(row.n for row in rows)
        found = macro(self.measure, cells, settings=self.settings)
        judged = [row.language_share for row in rows if row.language_share is not None]
        told: dict[str, Any] = {name: getattr(found, name) for name in OF_ESTIMATE}
        told |= {name: sum(getattr(row, name) for row in rows) for name in ADDED_UP}
        others: Counter[str] = sum((Counter(row.other_languages) for row in rows), Counter())
        for share in ("majority_share", "train_majority_share"):
            shares = [getattr(row, share) for row in rows]
            told[share] = None if None in shares else float(np.mean(shares))
        row = ScoreRow(
            **told,
            **{name: getattr(first, name) for name in ("task", "system", "variant", "samples")},
            language=name,
            role="target",
            metric=self.measure.name,
            language_share=float(np.mean(judged)) if judged else None,
            other_languages=dict(others.most_common()),
            prompt_tokens_per_item=sum(one.prompt_tokens for one in answered) / num,
            new_tokens_per_item=sum(one.new_tokens for one in answered) / num,
        )
        return self._beside_base(row, cells)

    def _beside_base(self, row: ScoreRow, cells: Sequence[Cell]) -> ScoreRow:
        """The row with the base's figure and the gain on it, both on the same drawn items; unchanged without a base."""
        if not self.base:
            return row
        places = [(self.base, row.variant, cell.language) for cell in cells]
        of_base = [cell for place in places if (cell := self.cells[place][0])]
        if without := [place for place in places if self.cells[place][0] is None]:
            listed = f"no valid scores in {', '.join(code for *_, code in without)}"
            reason = listed if row.is_mean else self.outputs[without[0]].reason
            return dataclasses.replace(row, reason=f"base: {reason}")
        gain = difference(self.measure, cells, of_base, settings=self.settings)
        return dataclasses.replace(
            row,
            base_value=gain.value_b,
            gain=gain.value,
            gain_low=gain.low,
            gain_high=gain.high,
            gain_languages_low=gain.languages_low,
            gain_languages_high=gain.languages_high,
        )


def _name(key: tuple[str, str]) -> str:
    return " / ".join(key)


def _pairs(keys: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Names of those that differ in the system or in the variant but not in both; the later one minus the earlier."""
    return [
        (_name(later), _name(earlier))
        for number, later in enumerate(keys)
        for earlier in keys[:number]
        if (later[0] == earlier[0]) != (later[1] == earlier[1])
    ]


def token_figures(answered: Answered) -> dict[str, float]:
    """Tokens of the prompts, control tokens included, per word and per character.

    Empty where the texts were translated before they were asked. Languages written without spaces have no words here.
    """
    texts = [message.content for item in answered.items for message in item.messages]
    characters, words = sum(map(len, texts)), sum(len(text.split()) for text in texts)
    if answered.variant == "translate_solve" or not words:
        return {}
    tokens = answered.prompt_tokens * len(answered.items) / len(answered.rows)  # of one sample each
    found = {"tokens_per_character": tokens / characters}
    return found if is_written_without_spaces(answered.language) else found | {"tokens_per_word": tokens / words}


def answer_languages(task: TaskConfig, answered: Answered) -> dict[str, Any]:
    """In what languages the answers are, of chains and of free text; empty where that cannot be told."""
    wanted = answered.items[0].chain_language or (answered.language if task.metric == "chrf" else "")
    if not wanted:
        return {}
    try:
        found = language_share([row["text"] for row in answered.rows], wanted)
    except Problem:
        return {}
    told = {"language_share": found.share, "num_language_undecided": found.num_undecided}
    return told | {"other_languages": dict(found.others)}
