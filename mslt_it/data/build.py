"""From a recipe to encoded training rows with a report, and to the prompted rows of the scored sets.

Rows are drawn in hash order, cleaned, prompted and encoded; a row that is dropped is counted with its reason and the
next one takes its place, so the labelled budget is met exactly. The build stops, with a Problem, on a leak into any
scored language, on a language that loses too many rows, and on answers that have no tokens.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from mslt_it.config.recipe import Recipe, TaskConfig
from mslt_it.data.budget import Preparing, Tally, budget, chosen, long_labels, reasons, refuse_drops, usable_rows
from mslt_it.data.cleaning import clean
from mslt_it.data.division import Loaded, set_aside
from mslt_it.data.encoding import Encoder
from mslt_it.data.examples import Examples
from mslt_it.data.labels import MISSING, NO_OPTION, NOT_TEXT, found_labels, ids_note, label_notes, refuse_unfound
from mslt_it.data.leakage import LeakIndex, find_leaks, refuse_leaks
from mslt_it.data.mixing import hash_keys, interleave, largest_total, rank, too_few
from mslt_it.data.prompts import prompt_file, prompted_all
from mslt_it.data.rows import Role, RowStore, is_trained_on
from mslt_it.data.segments import as_read, encoder_of
from mslt_it.notices import unlabelled_note
from mslt_it.problems import Problem, counted, some, told_by_language
from mslt_it.progress import working
from mslt_it.records import (
    BuildReport,
    EncodedExample,
    Example,
    LanguageReport,
    PromptedExample,
    fingerprint,
    fingerprint_of_rows,
    with_windows,
)

MAX_COUNTED = 20  # labels whose training rows are counted in the printed report
UNSCORABLE = {MISSING, NOT_TEXT, NO_OPTION, "label_unknown", "empty_field", "whitespace_only", "lone_surrogate"}
UNSCORABLE |= {"too_big"}


def with_found_labels(recipe: Recipe, rows: RowStore) -> Recipe:
    """The recipe with the label set of a task that names none (task=custom), found in the source languages' rows."""
    task = recipe.task
    if task.shape != "classification" or task.label_names:
        return recipe
    role: Role = "score" if task.held_out_share == 1 else "train"  # 1: no row is trained on
    split = task.score_split if role == "score" else task.train_split
    while True:
        labels = [n for code in recipe.sources for n in rows.load(task, code, split, role=role).examples.labels]
        names = found_labels(task, labels)
        numbers = {name: name for name in names if name.isdecimal() and name not in task.labels}
        if not 0 < len(numbers) < len(names):
            break
        # Of a file without names for its integers: then no other's are used.
        task = dataclasses.replace(task, labels={**task.labels, **numbers})
    named = dataclasses.replace(recipe.task, label_names=names)
    held_out: Counter[str] = Counter()
    for code in recipe.sources if role == "train" else ():
        with contextlib.suppress(Problem):  # said where the rows are scored
            held_out.update(rows.load(task, code, task.score_split, role="score").examples.labels)
    refuse_unfound(named, held_out)
    return dataclasses.replace(recipe, task=named)


def refuse_no_rationale(recipe: Recipe) -> None:
    """A Problem for chains of thought without a column of them."""
    if recipe.prompt.variant != "direct" and not recipe.task.rationale_field:
        raise Problem(
            f"prompt.variant={recipe.prompt.variant} needs rows with a worked-out solution, and task="
            f"{recipe.task.name} names no column for it. Give task.rationale_field=COLUMN, or prompt.variant=direct "
            "(mslt eval scores any adapter with any variant)."
        )


def build_training_set(
    recipe: Recipe, tokenizer: Any, *, encoder: Encoder | None = None, rows: RowStore | None = None
) -> tuple[list[EncodedExample], BuildReport]:
    """The training rows in training order, and the report on how they came about.

    Args:
        encoder: one of the same tokenizer that remembers texts from earlier builds; default: a new one.
        rows: the run's; default: a new store.
    """
    refuse_no_rationale(recipe)
    rows = rows or RowStore()
    pools, to_score, notes = _pools(recipe, rows)
    scored = list(itertools.chain.from_iterable(to_score))
    wanted = budget(recipe)
    encoder = encoder or encoder_of(recipe, tokenizer)
    kept, tallies = chosen(Preparing(recipe, encoder), pools, wanted)

    counts = {code: Counter(p.example.label for p in found) for code, found in kept.items()}
    label_counts = {code: {name: found[name] for name in recipe.task.choice_names} for code, found in counts.items()}
    if absent := [name for name in recipe.task.choice_names if not any(c[name] for c in counts.values())]:
        more = "Take more rows (data.num_examples_total), or label some"
        notes.append(f"no training row has the label {some(absent, 8)}: it cannot be learned. {more}")
    notes += long_labels(recipe, tallies, counts)
    train = [p.example for found in kept.values() for p in found]
    with working("Looking for leaks"):
        refuse_leaks(find_leaks(train, scored, same_language_only=recipe.task.data == "world"))
    encoded = [p.encoded for p in interleave(kept, recipe.seed) if p.encoded is not None]

    if not recipe.head:
        asked: dict[str, list[str]] = {}
        for code in recipe.sources:
            asked.setdefault(prompt_file(recipe.task, code, recipe.prompt).note, []).append(code)
        notes += [f"{', '.join(codes)}: {note}" for note, codes in asked.items() if note]
    own = recipe.task.name == "custom"  # of its rows without a label the number is told below, and places are no help
    notes += [n for c, tally in tallies.items() for n in tally.notes(c) if not (own and f"({MISSING})" in n)]
    if held := validation_examples(recipe, rows):
        told = ", ".join(f"{len(found)} {code}" for code, found in held.items())
        notes.append(f"training.eval_steps: rows held out for looks and never scored: {told}")
    notes += label_notes(recipe.task, [*pools.values(), *to_score])
    if recipe.task.data != "world":  # whose sentences are written when they are looked at
        for code in recipe.languages:
            scored_examples(recipe, code, rows=rows)  # where too few can be, it is told before training
        notes += [*_repeats("train on", train), *_repeats("score", scored)]
    notes += ids_note(recipe.task, [*pools.values(), *to_score])
    notes.append(f"rows: {fingerprint_of_rows(with_windows(encoded))}")
    return encoded, BuildReport(
        fingerprint=recipe.data_fingerprint(),
        num_examples_total=len(encoded),
        languages=tuple(
            _report(code, [r for r in encoded if r.language == code], tallies[code], encoder, label_counts[code])
            for code in recipe.sources
        ),
        num_leaks_checked=len(scored),
        notes=tuple(dict.fromkeys(notes)),
    )


def largest_budget(recipe: Recipe, tokenizer: Any, rows: RowStore) -> int:
    """The largest total that gives every source the same number of usable rows: what data.num_examples_total=max is."""
    recipe = with_found_labels(recipe, rows)
    preparing = Preparing(recipe, encoder_of(recipe, tokenizer))
    usable, tallies = usable_rows(preparing, _pools(recipe, rows)[0])
    examples = {code: [p.example for p in found.values()] for code, found in usable.items()}
    if not (of_each := largest_total(examples, recipe.data.items) // len(examples)):
        if all(examples.values()):
            rank(examples, recipe.data.items, recipe.seed)  # which says so where no item is in all languages
        raise too_few(dict.fromkeys(examples, 1), examples, recipe.data.items, reasons(tallies))
    return of_each * len(examples)


def build_scored_set(
    recipe: Recipe, language: str, *, without: Collection[str] = (), rows: RowStore | None = None
) -> list[PromptedExample]:
    """The prompted rows to score in one language, see `scored_examples`."""
    rows = rows or RowStore()
    return rows.once(
        ("prompted", *_scored_key(recipe, language, without, rows), fingerprint([recipe.prompt, recipe.head])),
        lambda: _repeats_together(_asked(recipe, scored_examples(recipe, language, without=without, rows=rows))),
    )


def _asked(recipe: Recipe, examples: Iterable[Example]) -> list[PromptedExample]:
    return as_read(recipe, prompted_all(examples, recipe.task, recipe.prompt))


def _repeats_together(items: Sequence[PromptedExample]) -> list[PromptedExample]:
    """The items, those with the same text as one group: asked the same, they are answered the same, and a table in
    which every row stands twice must not have narrower intervals."""
    counts = Counter(item.segments for item in items)
    return [
        dataclasses.replace(item, group="\0".join(item.segments))
        if counts[item.segments] > 1 and not item.group
        else item
        for item in items
    ]


def notes_on_scored(recipe: Recipe, languages: Sequence[str], rows: RowStore) -> list[str]:
    """What the reader should know about the labels of the scored rows."""
    return label_notes(recipe.task, [scorable(recipe, code, rows).examples for code in languages])


def scorable(recipe: Recipe, language: str, rows: RowStore) -> Loaded:
    """All rows of a language that may be scored."""
    task = recipe.task
    return rows.load(task, language, task.score_split, role="score", is_trained=is_trained_on(recipe, language))


def scored_examples(
    recipe: Recipe, language: str, *, without: Collection[str] = (), rows: RowStore | None = None
) -> list[Example]:
    """The rows to score in one language: the same items in every language and for every seed, since they are chosen by
    the hash of the item id. A row is left out in its language only where it cannot be scored at all; what is
    merely odd (a wrong script, a stray control character) is scored as published, like everywhere else.

    Args:
        without: ids of rows that are not scored.
        rows: the run's; default: a new store.
    """
    store = rows or RowStore()

    def make() -> list[Example]:
        found: Sequence[Example] = scorable(recipe, language, store).examples
        with_label = [e for e in found if not e.fault.startswith(MISSING)]
        is_few = len(with_label) < (1 - recipe.data.max_dropped_share) * len(found)
        if recipe.task.name == "custom" or (not is_trained_on(recipe, language) and is_few):
            found = with_label  # a language that is labelled in part
        left_out = {*without, *validation_ids(recipe, store)}
        examples = _in_order(e for e in found if e.id not in left_out)
        tally, kept = Tally(), []
        for example in examples[: recipe.scoring.num_examples_per_language or None]:
            cleaned = clean(example, recipe.task.choice_names, recipe.task.optional_fields)
            if cleaned.reason in UNSCORABLE:
                tally.drop(cleaned.reason, example)
            else:
                kept.append(cleaned.example or example)
        refuse_drops(recipe, language, tally, len(kept))
        return kept

    return store.once(("scored", *_scored_key(recipe, language, without, store)), make)


def _in_order(examples: Iterable[Example]) -> list[Example]:
    """As they are scored: by the hash of the item."""
    found = list(examples)
    keys = hash_keys(["scored"], [e.id for e in found])
    return [e for _, e in sorted(zip(keys, found, strict=True), key=lambda pair: pair[0])]


def validation_examples(recipe: Recipe, rows: RowStore) -> dict[str, list[Example]]:
    """The rows of each source that training looks at as it goes; none where it does not (training.eval_steps=0).

    They are the last ones in the order in which rows are scored, at most half of them. So where a language has rows
    enough, its scored ones are the same as without; and since translations share a label, their items are scored in no
    language.
    """
    if not recipe.training.eval_steps:
        return {}
    decides = fingerprint([recipe.task, recipe.sources, recipe.trained_on, recipe.training.num_eval_examples])
    return rows.once(
        ("validation", decides), lambda: {code: _validation_examples(recipe, code, rows) for code in recipe.sources}
    )


def _validation_examples(recipe: Recipe, language: str, rows: RowStore) -> list[Example]:
    found = _in_order(scorable(recipe, language, rows).examples)
    number = min(recipe.training.num_eval_examples, len(found) // 2)
    cleaned = [clean(e, recipe.task.choice_names, recipe.task.optional_fields) for e in found[len(found) - number :]]
    kept = [c.example for c in cleaned if c.example is not None]
    if not kept:
        raise Problem(
            f"training.eval_steps={recipe.training.eval_steps}: of {counted(len(found), 'row')} of '{language}' that "
            f"may be scored ({recipe.task.score_split}), half are held out for looks, and none of these can be used. "
            "Give the language more rows, or set training.eval_steps=0."
        )
    return kept


def validation_ids(recipe: Recipe, rows: RowStore) -> frozenset[str]:
    """The items of `validation_examples`."""
    return frozenset(e.id for found in validation_examples(recipe, rows).values() for e in found)


def _scored_key(recipe: Recipe, language: str, without: Collection[str], rows: RowStore) -> tuple[Hashable, ...]:
    number, share = recipe.scoring.num_examples_per_language, recipe.data.max_dropped_share
    left_out = frozenset(without) | validation_ids(recipe, rows)
    return fingerprint(recipe.task), language, is_trained_on(recipe, language), number, share, left_out


def asked_set(recipe: Recipe, language: str, rows: RowStore) -> list[PromptedExample]:
    """The prompted rows of a language without labels, as many as are scored elsewhere, chosen by the hash of their id;
    those that cannot be asked are left out."""
    found = _in_order(rows.asked(recipe.task, language, recipe.task.score_split))
    found = found[: recipe.scoring.num_examples_per_language or None]
    fit = (e for e in map(functools.partial(askable, recipe.task), found) if isinstance(e, Example))
    return _asked(recipe, fit)


def askable(task: TaskConfig, example: Example) -> Example | str:
    """A row without a label, repaired as scored rows are, or the reason why it cannot be asked about."""
    cleaned = clean(example, (), task.optional_fields, needs_label=False)
    return cleaned.reason if cleaned.reason in UNSCORABLE else cleaned.example or example


def _pools(recipe: Recipe, rows: RowStore) -> tuple[dict[str, Examples], list[Examples], list[str]]:
    """(the rows of each source that may be trained on, every row that could be scored, by language, notes)."""
    task = recipe.task
    loaded = {code: rows.load(task, code, task.train_split, role="train") for code in recipe.sources}
    scored = {code: scorable(recipe, code, rows) for code in recipe.languages}
    notes = [note for note in (recipe.targets_note, unlabelled_note(recipe), recipe.order_note) if note]
    notes += [note for code in recipe.sources for note in loaded[code].notes]
    notes += rows.languages_told(task, (*recipe.languages, *recipe.unlabelled))
    notes += set_aside(task, scored)
    examples = [found.examples for found in scored.values()]
    drop_all, is_world = recipe.data.leaks == "drop", task.data == "world"
    return _without_scored_texts(loaded, examples, notes, drop_all=drop_all, is_world=is_world), examples, notes


def _without_scored_texts(
    loaded: Mapping[str, Loaded], scored: Sequence[Examples], notes: list[str], *, drop_all: bool, is_world: bool
) -> dict[str, Examples]:
    """Each language's rows, without those that repeat a scored text, or nearly, where we divided one file ourselves
    (benchmarks hold a few repeated sentences under other ids). Between published splits that is a leak, and refused
    later on, unless ``drop_all`` (data.leaks=drop) leaves such rows out here."""
    pools = {code: rows.examples for code, rows in loaded.items()}
    if not drop_all and not any(rows.divided for rows in loaded.values()):
        return pools
    with working("Looking for scored texts"):
        index = LeakIndex(itertools.chain.from_iterable(scored), same_language_only=is_world)
    for code, rows in loaded.items():
        if not drop_all and not rows.divided:
            continue
        with working(f"Looking for scored texts in {code}"):
            found = {e.id: same for e in rows.examples if (same := index.find(e)) is not None}
        repeated = {i for i, (_, kind) in found.items() if drop_all or kind != "item"}
        ids = rows.examples.ids
        pools[code] = rows.examples.at([number for number, item in enumerate(ids) if item not in repeated])
        if repeated:
            near = sum(found[i][1] == "n-gram" for i in repeated)
            detail = f", {near} of them nearly the same" if near else ""
            notes.append(
                f"{code}: {counted(len(repeated), 'row')} left out of training because a scored row is the same{detail}"
            )
    return pools


def _repeats(use: str, examples: Iterable[Example]) -> Iterator[str]:
    """What to say of rows whose text stands in an earlier row of their language; ``examples``: language by language."""
    repeated, torn = {}, {}
    for code, own in itertools.groupby(examples, key=lambda e: e.language):
        rows = [(tuple(e.fields.values()), e.label) for e in own]
        texts = Counter(text for text, _ in set(rows))
        repeated[code] = len(rows) - len(texts), len(rows)
        torn[code] = sum(n > 1 for n in texts.values()), len(texts)
    if told := told_by_language(repeated):
        more = told_by_language(torn, "texts")
        yield f"to {use}, a text stands in an earlier row: {told}" + (f"; with several labels: {more}" if more else "")


def _report(
    language: str, rows: Sequence[EncodedExample], tally: Tally, encoder: Encoder, label_counts: Mapping[str, int]
) -> LanguageReport:
    parts = [encoder.parts(row) for row in rows]
    if empty := next((row.id for row, (_, said) in zip(rows, parts, strict=True) if not said), None):
        raise Problem(f"'{language}', row {empty}: the answer has no tokens in this tokenizer. Use other label words.")
    given, said = parts[0]
    return LanguageReport(
        language=language,
        num_kept=len(rows),
        dropped=dict(sorted(tally.dropped.items())),
        num_prompt_tokens=sum(len(ids) for ids, _ in parts),
        num_supervised_tokens=sum(row.num_supervised for row in rows),
        audit=f"{encoder.decode(given)}>>>{said}<<<",
        label_counts=label_counts,
    )


def format_report(report: BuildReport) -> str:
    """The report as plain text."""
    lines = [
        f"{counted(report.num_examples_total, 'training row')} from {counted(len(report.languages), 'language')} "
        f"(data fingerprint {report.fingerprint})",
        "",
        f"{'language':<10} {'kept':>6} {'dropped':>8} {'prompt tokens':>14} {'supervised tokens':>18}",
    ]
    for language in report.languages:
        dropped = sum(language.dropped.values())
        lines.append(
            f"{language.language:<10} {language.num_kept:>6} {dropped:>8} {language.num_prompt_tokens:>14} "
            f"{language.num_supervised_tokens:>18}"
        )
        lines += [f"{'':<10} {n:>15} {reason}" for reason, n in sorted(language.dropped.items())]
    lines += _class_counts(report)
    lines += ["", f"Leaks: none; {counted(report.num_leaks_checked, 'scored row')} compared with the training rows."]
    lines += [f"Note: {note}" for note in report.notes]
    lines += ["", "One row per language; what is between >>> and <<< is supervised:"]
    for language in report.languages:
        lines += ["", f"[{language.language}]", language.audit]
    return "\n".join(lines)


def _class_counts(report: BuildReport) -> list[str]:
    """How often each label occurs in each language's training rows; the most frequent ones where there are many."""
    totals = report.label_counts
    names = sorted(totals, key=lambda name: -totals[name])[:MAX_COUNTED]
    if not names:
        return []
    width = max(len(name) for name in (*names, "label"))
    codes = "".join(f"{one.language:>8}" for one in report.languages)
    lines = ["", f"{'label':<{width}}{codes}{'all':>8}"]
    for name in names:
        counts = "".join(f"{one.label_counts[name]:>8}" for one in report.languages)
        lines.append(f"{name:<{width}}{counts}{totals[name]:>8}")
    if more := len(totals) - len(names):
        lines.append(f"and {counted(more, 'label that is', 'labels that are')} less frequent (build_report.json)")
    return lines
