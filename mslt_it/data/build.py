"""From a recipe to encoded training rows with a report, and to the prompted rows of the scored sets.

Rows are drawn in hash order, cleaned, prompted and encoded; a row that is dropped is counted with its reason and the
next one takes its place, so the labelled budget is met exactly. The build stops, with a Problem, on a leak into any
scored language, on a language that loses too many rows, and on a mask that supervises anything but the answers.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mslt_it.data.cleaning import clean, fitting_code, gives_away
from mslt_it.data.division import Loaded, set_aside
from mslt_it.data.encoding import IGNORED, Encoder
from mslt_it.data.labels import MISSING, NOT_TEXT, found_labels, keep_line, label_notes
from mslt_it.data.leakage import LeakIndex, find_leaks, refuse_leaks
from mslt_it.data.mixing import allocate, hash_key, interleave, largest_equal, meet, rank, too_few
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.data.sources import Role, load, rows_left_out
from mslt_it.problems import Problem
from mslt_it.records import BuildReport, EncodedExample, Example, LanguageReport, PromptedExample, Recipe, fingerprint

TRANSLATION_DROPPED = "translation_dropped"  # parallel items only: fine in this language, dropped in another
ANSWER_IN_PROMPT = "answer_in_prompt"
NO_RATIONALE = "no_rationale"  # a chain of thought is to be trained on, and the row has none
CONTROL_TOKENS = "control_tokens_kept_as_text"
MAX_COUNTED = 20  # labels whose training rows are counted in the printed report
MAX_PLACES = 3  # rows that the report names for each reason
UNSCORABLE = {MISSING, NOT_TEXT, "label_unknown", "empty_field", "whitespace_only", "lone_surrogate", "too_big"}
MIN_CHUNK = 64  # rows prepared at a time, at least: tokenizers are fast in batches


@dataclass
class _Tally:
    """What happened to the rows of one language."""

    dropped: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)  # reason -> the first rows it hit
    markers: Counter[str] = field(default_factory=Counter)  # what was taken for a missing label
    fitting: Counter[str] = field(default_factory=Counter)  # code that rows in a wrong script would fit -> rows

    def drop(self, reason: str, example: Example) -> None:
        self.dropped[reason] += 1
        if reason == MISSING and (marker := example.fault.partition(": ")[2]):
            self.markers[marker] += 1
        if reason == "wrong_script":
            self.fitting[fitting_code(" ".join(example.fields.values()), example.language)] += 1
        self._note(reason, example)

    def repair(self, kinds: Sequence[str], example: Example) -> None:
        for kind in kinds:
            self.repaired[kind] += 1
            self._note(kind, example)

    def notes(self, language: str) -> list[str]:
        """What happened to how many rows, and where the first of them are."""
        counts = [("dropped", self.dropped), ("repaired", self.repaired)]
        return [
            f"{language}: {n} rows {verb} ({reason}): {'; '.join(self.places[reason])}"
            f"{f' and {n - MAX_PLACES} more' if n > MAX_PLACES else ''}"
            for verb, counter in counts
            for reason, n in sorted(counter.items())
        ] + ([f"{language}: {self.other_script(language)}"] if self.fitting else [])

    def other_script(self, language: str) -> str:
        """Which code fits the rows in another script, and how to ask for them; "" where there are none."""
        if not self.fitting:
            return ""
        counts = ", ".join(f"{n} would fit {code}" for code, n in self.fitting.most_common())
        code = self.fitting.most_common(1)[0][0]
        return (
            f"of the rows in another script {counts}; to ask for these write {code} in place of {language}, with "
            f"task.configs.{code}={language} where the data say {language}"
        )

    def _note(self, reason: str, example: Example) -> None:
        places = self.places.setdefault(reason, [])
        if len(places) < MAX_PLACES:
            detail = example.fault.partition(": ")[2]
            places.append((example.origin or example.id) + (f" ({detail})" if detail else ""))

    def num_own(self) -> int:
        return self.dropped.total() - self.dropped[TRANSLATION_DROPPED]

    def __str__(self) -> str:
        return ", ".join(f"{n} {reason} (first: {self.places[reason][0]})" for reason, n in self.dropped.most_common())


@dataclass(frozen=True)
class _Prepared:
    example: Example
    encoded: EncodedExample | None
    reason: str
    repairs: tuple[str, ...]


def with_found_labels(recipe: Recipe) -> Recipe:
    """The recipe with the label set of a task that names none (task=custom), found in the source languages' rows."""
    task = recipe.task
    if task.shape != "classification" or task.label_names:
        return recipe
    role: Role = "score" if task.held_out_share == 1 else "train"  # 1: no row is trained on
    split = task.score_split if role == "score" else task.train_split
    rows = [e for code in recipe.sources for e in load(task, code, split, role=role).examples]
    return dataclasses.replace(recipe, task=dataclasses.replace(task, label_names=found_labels(task, rows)))


def build_training_set(
    recipe: Recipe, tokenizer: Any, prompts_dir: Path | None = None, *, encoder: Encoder | None = None
) -> tuple[list[EncodedExample], BuildReport]:
    """The training rows in training order, and the report on how they came about.

    ``encoder``: one of the same tokenizer that remembers texts from earlier builds; default: a new one.
    """
    if recipe.prompt.variant != "direct" and not recipe.task.rationale_field:
        raise Problem(
            f"prompt.variant={recipe.prompt.variant} is trained on rows with a worked-out solution, and task="
            f"{recipe.task.name} names no column of them. Give task.rationale_field=COLUMN, or prompt.variant=direct "
            "(mslt eval scores any adapter with any variant)."
        )
    pools, scored, notes = _pools(recipe)
    wanted = allocate(recipe.data.num_examples_total, recipe.sources)
    encoder = encoder or Encoder(tokenizer, recipe.data.max_length_tokens)
    kept, tallies = _chosen(_Rows(recipe, encoder, prompts_dir), pools, wanted)

    label_counts = {
        code: {name: sum(p.example.label == name for p in rows) for name in recipe.task.choice_names}
        for code, rows in kept.items()
    }
    train = [p.example for rows in kept.values() for p in rows]
    refuse_leaks(find_leaks(train, scored, same_language_only=recipe.task.data == "world"))
    by_key = {(p.example.language, p.example.id): p.encoded for rows in kept.values() for p in rows}
    order = interleave({code: [p.example for p in rows] for code, rows in kept.items()}, recipe.seed)
    encoded = [row for e in order if (row := by_key[e.language, e.id]) is not None]

    notes += [n for c in recipe.sources if (n := prompt_file(recipe.task, c, recipe.prompt, prompts_dir).note)]
    notes += [note for code, tally in tallies.items() for note in tally.notes(code)]
    notes += label_notes(recipe.task, [*(e for rows in pools.values() for e in rows), *scored])
    notes.append(f"rows: {fingerprint([(r.id, r.language, r.input_ids, r.labels) for r in encoded])}")
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


def largest_budget(recipe: Recipe, tokenizer: Any, prompts_dir: Path | None = None) -> int:
    """The largest total that gives every source the same number of usable rows: what data.num_examples_total=max is."""
    recipe = with_found_labels(recipe)
    rows = _Rows(recipe, Encoder(tokenizer, recipe.data.max_length_tokens), prompts_dir)
    usable, tallies = _usable(rows, _pools(recipe)[0])
    examples = {code: [p.example for p in found.values()] for code, found in usable.items()}
    if not (largest := largest_equal(examples, recipe.data.items)):
        if all(examples.values()):
            rank(examples, recipe.data.items, recipe.seed)  # which says so where no item is in all languages
        raise too_few(dict.fromkeys(examples, 1), examples, recipe.data.items, _reasons(tallies))
    return largest


def build_scored_set(
    recipe: Recipe, language: str, prompts_dir: Path | None = None, *, without: Container[str] = ()
) -> list[PromptedExample]:
    """The prompted rows to score in one language, see `scored_examples`."""
    examples = scored_examples(recipe, language, without=without)
    return [prompted(e, recipe.task, recipe.prompt, prompts_dir) for e in examples]


def notes_on_scored(recipe: Recipe, languages: Sequence[str]) -> list[str]:
    """What the reader should know about the labels of the scored rows."""
    rows = [e for code in languages for e in load(recipe.task, code, recipe.task.score_split, role="score").examples]
    return label_notes(recipe.task, rows)


def scored_examples(recipe: Recipe, language: str, *, without: Container[str] = ()) -> list[Example]:
    """The rows to score in one language: the same items in every language and for every seed, since they are chosen by
    the hash of the item id. A row is left out in its language only where it cannot be scored at all; what is
    merely odd (a wrong script, a stray control character) is scored as published, like everywhere else.

    ``without``: ids of rows that are not scored.
    """
    rows = load(recipe.task, language, recipe.task.score_split, role="score").examples
    examples = sorted((e for e in rows if e.id not in without), key=lambda e: hash_key("scored", e.id))
    examples = examples[: recipe.scoring.num_examples_per_language or len(examples)]
    tally = _Tally()
    kept = []
    for example in examples:
        cleaned = clean(example, recipe.task.choice_names, recipe.task.optional_fields)
        if cleaned.reason in UNSCORABLE:
            tally.drop(cleaned.reason, example)
        else:
            kept.append(cleaned.example or example)
    refuse_drops(recipe, language, tally, len(kept))
    return kept


def refuse_drops(recipe: Recipe, language: str, tally: _Tally, num_kept: int) -> None:
    """A Problem when a language lost a larger share of the rows that were looked at than the recipe allows."""
    lost, max_share = tally.num_own(), recipe.data.max_dropped_share
    if lost and lost > max_share * (lost + num_kept):
        markers = "".join(
            f" {marker!r} ({n} rows) was taken for a missing label. {keep_line(recipe.task, marker)}."
            for marker, n in tally.markers.most_common()
            if recipe.task.shape == "classification"
        )
        raise Problem(
            f"Language '{language}' lost {lost} of {lost + num_kept} rows ({lost / (lost + num_kept):.1%}), more than "
            f"data.max_dropped_share={max_share}: {tally}.{markers} Repair the data, raise data.max_length_tokens if "
            f"rows are too long, or raise data.max_dropped_share."
            + (f" {found[0].upper()}{found[1:]}." if (found := tally.other_script(language)) else "")
        )


def refuse_masks(rows: Sequence[EncodedExample], language: str, end_id: int) -> None:
    """A Problem unless every row supervises one run of tokens at its end, closed by the end token, after a prompt."""
    for row in rows:
        num_supervised = sum(label != IGNORED for label in row.labels)
        start = len(row.labels) - num_supervised
        if num_supervised == 0:
            what = "supervises nothing"
        elif start == 0:
            what = "supervises every token, the prompt too"
        elif row.labels[start:] != row.input_ids[start:] or len(row.labels) != len(row.input_ids):
            what = "supervises something else than its last tokens"
        elif row.labels[-1] != end_id:
            what = "does not end in the end token"
        elif num_supervised == 1:
            what = "supervises the end token only: its answer has no tokens"
        else:
            continue
        raise Problem(f"Language '{language}', row {row.id}: the mask {what}. Check the chat template.")


def format_report(report: BuildReport) -> str:
    """The report as plain text."""
    lines = [
        f"{report.num_examples_total} training rows from {len(report.languages)} languages "
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
    lines += ["", f"Leaks: none; {report.num_leaks_checked} scored rows compared with the training rows."]
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
    more = len(totals) - len(names)
    return [*lines, *([f"and {more} labels that are less frequent (build_report.json)"] if more else [])]


@dataclass(frozen=True)
class _Rows:
    """What it takes to make rows of examples."""

    recipe: Recipe
    encoder: Encoder
    prompts_dir: Path | None

    def prepared(self, examples: Sequence[Example]) -> list[_Prepared]:
        return _prepare(self.recipe, self.encoder, examples, self.prompts_dir)


def _chosen(
    rows: _Rows, pools: Mapping[str, Sequence[Example]], wanted: Mapping[str, int]
) -> tuple[dict[str, list[_Prepared]], dict[str, _Tally]]:
    """The usable rows of each language, as many as wanted, and what happened to the others."""
    data, seed = rows.recipe.data, rows.recipe.seed
    ranked = rank(pools, data.items, seed)
    tallies = {code: _Tally() for code in rows.recipe.sources}
    kept: dict[str, list[_Prepared]] = {}
    if data.items == "parallel":
        full = _fill(rows, list(zip(*ranked.values(), strict=True)), max(wanted.values()), tallies)
        for i, code in enumerate(ranked):
            kept[code] = [versions[i] for versions in full[: wanted[code]]]
    else:
        for code, candidates in ranked.items():
            single = _fill(rows, [(e,) for e in candidates], wanted[code], tallies)
            kept[code] = [versions[0] for versions in single]
    for code in ranked:
        refuse_drops(rows.recipe, code, tallies[code], len(kept[code]))
    if all(len(kept[code]) == n for code, n in wanted.items()):
        return kept, tallies
    return _divided_anew(rows, pools, wanted)


def _divided_anew(
    rows: _Rows, pools: Mapping[str, Sequence[Example]], wanted: Mapping[str, int]
) -> tuple[dict[str, list[_Prepared]], dict[str, _Tally]]:
    """As `_chosen`, where the hash gives a language too few items: all rows are looked at, and the usable ones divided
    so that every language has enough; a Problem where no division gives that."""
    data = rows.recipe.data
    usable, tallies = _usable(rows, pools)
    for code, good in usable.items():
        refuse_drops(rows.recipe, code, tallies[code], len(good))
    examples = {code: [p.example for p in found.values()] for code, found in usable.items()}
    ranked = meet(wanted, examples, data.items, rows.recipe.seed)
    if ranked is None:
        raise too_few(wanted, examples, data.items, _reasons(tallies))
    kept = {code: [usable[code][e.id] for e in found[: wanted[code]]] for code, found in ranked.items()}
    for code, found in kept.items():
        for p in found:
            tallies[code].repair(p.repairs, p.example)
    return kept, tallies


def _reasons(tallies: Mapping[str, _Tally]) -> dict[str, str]:
    return {code: str(tally) for code, tally in tallies.items() if tally.dropped}


def _usable(
    rows: _Rows, pools: Mapping[str, Sequence[Example]]
) -> tuple[dict[str, dict[str, _Prepared]], dict[str, _Tally]]:
    """Language -> id -> every row that can be trained on, and what happened to the others."""
    usable: dict[str, dict[str, _Prepared]] = {}
    tallies = {code: _Tally() for code in rows.recipe.sources}
    for code, examples in pools.items():
        prepared = rows.prepared(examples)
        usable[code] = {p.example.id: p for p in prepared if p.encoded is not None}
        for p in prepared:
            if p.encoded is None:
                tallies[code].drop(p.reason, p.example)
    return usable, tallies


def _fill(
    rows: _Rows, candidates: Sequence[tuple[Example, ...]], wanted: int, tallies: Mapping[str, _Tally]
) -> list[tuple[_Prepared, ...]]:
    """The first ``wanted`` candidates of which every version (one, or one per language) can be used."""
    kept: list[tuple[_Prepared, ...]] = []
    start = 0
    while len(kept) < wanted and start < len(candidates):
        chunk = candidates[start : start + max(wanted - len(kept), MIN_CHUNK)]
        start += len(chunk)
        width = len(chunk[0])
        flat = rows.prepared([e for versions in chunk for e in versions])
        for i in range(0, len(flat), width):
            if len(kept) == wanted:
                break
            versions = tuple(flat[i : i + width])
            usable = all(p.encoded is not None for p in versions)
            for p in versions:
                tally = tallies[p.example.language]
                if usable:
                    tally.repair(p.repairs, p.example)
                else:
                    tally.drop(p.reason or TRANSLATION_DROPPED, p.example)
            if usable:
                kept.append(versions)
    return kept


def _prepare(
    recipe: Recipe, encoder: Encoder, examples: Sequence[Example], prompts_dir: Path | None
) -> list[_Prepared]:
    task = recipe.task
    cleaned = [clean(example, task.choice_names, task.optional_fields) for example in examples]
    asked = [None if c.example is None else prompted(c.example, task, recipe.prompt, prompts_dir) for c in cleaned]
    encoded = iter(encoder.encode_all([p for p in asked if p is not None]))
    result = []
    for example, outcome, prompt in zip(examples, cleaned, asked, strict=True):
        if outcome.example is None or prompt is None:
            result.append(_Prepared(example, None, outcome.reason, ()))
            continue
        row = next(encoded)
        texts = tuple(outcome.example.fields.values())
        word = prompt.references[0] if prompt.chain_language and prompt.choices else prompt.answer
        if prompt.chain_language and not outcome.example.rationale.strip():
            result.append(_Prepared(outcome.example, None, NO_RATIONALE, ()))
        elif task.choice_names and gives_away(texts, prompt.label, word):
            result.append(_Prepared(outcome.example, None, ANSWER_IN_PROMPT, ()))
        elif isinstance(row, str):
            result.append(_Prepared(outcome.example, None, row, ()))
        else:
            forged = any(map(encoder.holds_control, (*texts, prompt.answer)))
            repairs = (*outcome.repairs, *([CONTROL_TOKENS] if forged else []))
            result.append(_Prepared(outcome.example, row, "", repairs))
    return result


def _pools(recipe: Recipe) -> tuple[dict[str, list[Example]], list[Example], list[str]]:
    """(the rows of each source that may be trained on, every row that could be scored in any language, notes)."""
    task = recipe.task
    loaded = {code: load(task, code, task.train_split, role="train") for code in recipe.sources}
    scored = {
        code: load(task, code, task.score_split, role="score")
        for code in dict.fromkeys((*recipe.sources, *recipe.targets))
    }
    notes = [note for note in (recipe.targets_note, recipe.order_note) if note]
    notes += [note for code in recipe.sources for note in loaded[code].notes]
    notes += rows_left_out(task, (*recipe.sources, *recipe.targets))
    notes += set_aside(task, scored)
    rows = [example for found in scored.values() for example in found.examples]
    drop_all, is_world = recipe.data.leaks == "drop", task.data == "world"
    return _without_scored_texts(loaded, rows, notes, drop_all=drop_all, is_world=is_world), rows, notes


def _without_scored_texts(
    loaded: Mapping[str, Loaded], scored: Sequence[Example], notes: list[str], *, drop_all: bool, is_world: bool
) -> dict[str, list[Example]]:
    """Each language's rows, without those that repeat a scored text, or nearly, where we divided one file ourselves
    (benchmarks hold a few repeated sentences under other ids). Between published splits that is a leak, and refused
    later on, unless ``drop_all`` (data.leaks=drop) leaves such rows out here."""
    pools = {code: rows.examples for code, rows in loaded.items()}
    if not drop_all and not any(rows.divided for rows in loaded.values()):
        return pools
    index = LeakIndex(scored, same_language_only=is_world)
    for code, rows in loaded.items():
        if not drop_all and not rows.divided:
            continue
        found = {e.id: same for e in rows.examples if (same := index.find(e)) is not None}
        repeated = {i for i, (_, kind) in found.items() if drop_all or kind != "item"}
        pools[code] = [e for e in rows.examples if e.id not in repeated]
        if repeated:
            near = sum(found[i][1] == "n-gram" for i in repeated)
            detail = f", {near} of them nearly the same" if near else ""
            notes.append(f"{code}: {len(repeated)} rows left out of training because a scored row is the same{detail}")
    return pools


def _report(
    language: str, rows: Sequence[EncodedExample], tally: _Tally, encoder: Encoder, label_counts: Mapping[str, int]
) -> LanguageReport:
    refuse_masks(rows, language, encoder.end_id)
    num_supervised = sum(label != IGNORED for row in rows for label in row.labels)
    sample = rows[0]
    start = sum(label == IGNORED for label in sample.labels)
    return LanguageReport(
        language=language,
        num_kept=len(rows),
        dropped=dict(sorted(tally.dropped.items())),
        num_prompt_tokens=sum(len(row.input_ids) for row in rows) - num_supervised,
        num_supervised_tokens=num_supervised,
        audit=f"{encoder.decode(sample.input_ids[:start])}>>>{encoder.decode(sample.input_ids[start:])}<<<",
        label_counts=label_counts,
    )
