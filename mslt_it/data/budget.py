"""Filling the labelled budget: which rows of each language are usable, which of them are taken, and what happened to
rows on their way: dropped or repaired, how many and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mslt_it.config.recipe import Recipe
from mslt_it.data.cleaning import clean, fitting_code, gives_away
from mslt_it.data.encoding import TOO_LONG, Encoder
from mslt_it.data.labels import MISSING, keep_line
from mslt_it.data.mixing import allocate, meet, rank, too_few
from mslt_it.data.prompts import prompted_all, shown_fields
from mslt_it.problems import Problem, counted
from mslt_it.progress import Progress
from mslt_it.records import EncodedExample, Example

MAKING = "Making rows"
ANSWER_IN_PROMPT = "answer_in_prompt"
NO_RATIONALE = "no_rationale"  # a chain of thought is to be trained on, and the row has none
CONTROL_TOKENS = "control_tokens_kept_as_text"
TRANSLATION_DROPPED = "translation_dropped"  # parallel items only: fine in this language, dropped in another
MAX_PLACES = 3  # rows that the report names for each reason
MIN_LONG, MANY_LONG = 5, 2  # rows of a label that are too long, and times the share of all: fewer may be chance
MIN_CHUNK, MAX_CHUNK = 64, 8192  # rows prepared at a time: tokenizers are fast in batches, and prompts take memory


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row that was cleaned and encoded; or why it is dropped."""

    example: Example
    encoded: EncodedExample | None
    reason: str
    repairs: tuple[str, ...]


@dataclass(frozen=True)
class Preparing:
    """What it takes to make training rows of examples."""

    recipe: Recipe
    encoder: Encoder

    def prepared(self, examples: Sequence[Example]) -> list[Prepared]:
        """Each example cleaned, prompted and encoded, or the reason why it cannot be trained on."""
        task = self.recipe.task
        cleaned = [clean(example, task.choice_names, task.optional_fields) for example in examples]
        asked = prompted_all((c.example for c in cleaned if c.example is not None), task, self.recipe.prompt)
        names = shown_fields(task)
        rows = iter(zip(asked, self.encoder.encode_all(asked), strict=True))
        result = []
        for example, outcome in zip(examples, cleaned, strict=True):
            if outcome.example is None:
                result.append(Prepared(example, None, outcome.reason, ()))
                continue
            prompt, row = next(rows)
            texts = tuple(outcome.example.fields.values())
            shown = [outcome.example.fields[name] for name in names]
            word = prompt.references[0] if prompt.chain_language and prompt.choices else prompt.answer
            if prompt.chain_language and not outcome.example.rationale.strip():
                result.append(Prepared(outcome.example, None, NO_RATIONALE, ()))
            elif task.choice_names and gives_away(shown, prompt.label, word):
                result.append(Prepared(outcome.example, None, ANSWER_IN_PROMPT, ()))
            elif isinstance(row, str):
                result.append(Prepared(outcome.example, None, row, ()))
            else:
                forged = any(map(self.encoder.holds_control, (*texts, prompt.answer)))
                repairs = (*outcome.repairs, *([CONTROL_TOKENS] if forged else []))
                result.append(Prepared(outcome.example, row, "", repairs))
        return result


def budget(recipe: Recipe) -> dict[str, int]:
    """Rows per source: as the recipe says for each, else the total in equal shares."""
    return dict(recipe.data.num_examples) or allocate(recipe.data.num_examples_total, recipe.sources)


def chosen(
    preparing: Preparing, pools: Mapping[str, Sequence[Example]], wanted: Mapping[str, int]
) -> tuple[dict[str, list[Prepared]], dict[str, Tally]]:
    """The usable rows of each language, as many as wanted, and what happened to the others."""
    data = preparing.recipe.data
    ranked = rank(pools, data.items, preparing.recipe.assignment_seed)
    tallies = {code: Tally() for code in preparing.recipe.sources}
    kept: dict[str, list[Prepared]] = {}
    with Progress(MAKING, sum(wanted.values()), "row") as progress:
        if data.items == "parallel":
            full = _fill(preparing, list(ranked.values()), max(wanted.values()), tallies, progress)
            for i, code in enumerate(ranked):
                kept[code] = [versions[i] for versions in full[: wanted[code]]]
        else:
            for code, candidates in ranked.items():
                single = _fill(preparing, [candidates], wanted[code], tallies, progress)
                kept[code] = [versions[0] for versions in single]
    for code in ranked:
        refuse_drops(preparing.recipe, code, tallies[code], len(kept[code]))
    if all(len(kept[code]) == n for code, n in wanted.items()):
        return kept, tallies
    return _divided_anew(preparing, pools, wanted)


def _divided_anew(
    preparing: Preparing, pools: Mapping[str, Sequence[Example]], wanted: Mapping[str, int]
) -> tuple[dict[str, list[Prepared]], dict[str, Tally]]:
    """As `chosen`, where the hash gives a language too few items: all rows are looked at, and the usable ones divided
    so that every language has enough; a Problem where no division gives that, or items are parallel, which all were
    looked at already."""
    data = preparing.recipe.data
    usable, tallies = usable_rows(preparing, pools)
    for code, good in usable.items():
        refuse_drops(preparing.recipe, code, tallies[code], len(good))
    examples = {code: [p.example for p in found.values()] for code, found in usable.items()}
    ranked = meet(wanted, examples, preparing.recipe.assignment_seed) if data.items == "disjoint" else None
    if ranked is None:
        raise too_few(wanted, examples, data.items, reasons(tallies))
    kept = {code: [usable[code][e.id] for e in found[: wanted[code]]] for code, found in ranked.items()}
    for code, found in kept.items():
        for p in found:
            tallies[code].repair(p.repairs, p.example)
    return kept, tallies


def reasons(tallies: Mapping[str, Tally]) -> dict[str, str]:
    return {code: tally.told() for code, tally in tallies.items()}


def usable_rows(
    preparing: Preparing, pools: Mapping[str, Sequence[Example]]
) -> tuple[dict[str, dict[str, Prepared]], dict[str, Tally]]:
    """Language -> id -> every row that can be trained on, and what happened to the others."""
    usable: dict[str, dict[str, Prepared]] = {}
    tallies = {code: Tally() for code in preparing.recipe.sources}
    with Progress(MAKING, sum(map(len, pools.values())), "row") as progress:
        for code, examples in pools.items():
            usable[code] = {}
            for start in range(0, len(examples), MAX_CHUNK):
                prepared = preparing.prepared(examples[start : start + MAX_CHUNK])
                usable[code] |= {p.example.id: p for p in prepared if p.encoded is not None}
                for p in prepared:
                    if p.encoded is None:
                        tallies[code].drop(p.reason, p.example)
                progress.advance(len(prepared))
    return usable, tallies


def _fill(
    preparing: Preparing,
    candidates: Sequence[Sequence[Example]],
    wanted: int,
    tallies: Mapping[str, Tally],
    progress: Progress,
) -> list[tuple[Prepared, ...]]:
    """The first ``wanted`` items of which every version (one, or one per language) can be used; ``candidates``: the
    items of each language, in one order."""
    kept: list[tuple[Prepared, ...]] = []
    start, width = 0, len(candidates)
    while len(kept) < wanted and start < len(candidates[0]):
        end = start + min(max(wanted - len(kept), MIN_CHUNK), MAX_CHUNK)
        chunk = zip(*(rows[start:end] for rows in candidates), strict=True)
        flat = preparing.prepared([e for versions in chunk for e in versions])
        start, before = end, len(kept)
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
        progress.advance(width * (len(kept) - before))
    return kept


# ---------------------------------------------------------------- what happened to rows


@dataclass
class Tally:
    """What happened to the rows of one language."""

    dropped: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)  # reason -> the first rows it hit
    markers: Counter[str] = field(default_factory=Counter)  # what was taken for a missing label
    too_long: Counter[str] = field(default_factory=Counter)  # label -> rows
    fitting: Counter[str] = field(default_factory=Counter)  # code that rows in a wrong script would fit -> rows

    def drop(self, reason: str, example: Example) -> None:
        self.dropped[reason] += 1
        if reason == MISSING and (marker := example.fault.partition(": ")[2]):
            self.markers[marker] += 1
        if reason == TOO_LONG:
            self.too_long[example.label] += 1
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
            f"{language}: {counted(n, 'row')} {verb} ({reason}): {'; '.join(self.places[reason])}"
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
            f"of the rows in another script {counts}; to use these, write {code} instead of {language}, "
            f"with task.configs.{code}={language} where the data say {language}"
        )

    def _note(self, reason: str, example: Example) -> None:
        places = self.places.setdefault(reason, [])
        if len(places) < MAX_PLACES:
            detail = example.fault.partition(": ")[2]
            places.append((example.origin or example.id) + (f" ({detail})" if detail else ""))

    def told(self, *but: str) -> str:
        """How many rows were dropped for which reasons, some aside, and the first of each."""
        found = [(reason, n) for reason, n in self.dropped.most_common() if reason not in but]
        return ", ".join(f"{n} {reason} (first: {self.places[reason][0]})" for reason, n in found)


def long_labels(recipe: Recipe, tallies: Mapping[str, Tally], kept: Mapping[str, Counter[str]]) -> list[str]:
    """A note where rows that are too long are of one label rather than of others, which are then learnt without them;
    ``kept``: language -> label -> training rows."""
    lost = sum((tally.too_long for tally in tallies.values()), Counter[str]())
    seen = sum(kept.values(), lost)
    many = MANY_LONG * lost.total() / max(1, seen.total())
    often = [n for n in recipe.task.choice_names if lost[n] >= MIN_LONG and lost[n] > many * seen[n]]
    told = "; ".join(f"{lost[name]} of {seen[name]} rows of {name}" for name in often)
    return often and [
        f"{lost.total()} of {seen.total()} rows are too long for data.max_length_tokens="
        f"{recipe.data.max_length_tokens}, but {told}: set it higher to learn from them"
    ]


def refuse_drops(recipe: Recipe, language: str, tally: Tally, num_kept: int) -> None:
    """A Problem when a language lost a larger share of the rows that were looked at than the recipe allows."""
    aside = [TRANSLATION_DROPPED]
    if recipe.task.name == "custom":  # whose rows without a label are still to be labelled
        aside.append(MISSING)
    lost = tally.dropped.total() - sum(tally.dropped[reason] for reason in aside)
    max_share = recipe.data.max_dropped_share
    if lost and lost > max_share * (lost + num_kept):
        markers = "".join(
            f" {marker!r} ({counted(n, 'row')}) was taken for a missing label. {keep_line(recipe.task, marker)}."
            for marker, n in tally.markers.most_common()
            if recipe.task.shape == "classification" and MISSING not in aside
        )
        longer = "raise data.max_length_tokens, " if tally.dropped[TOO_LONG] else ""
        raise Problem(
            f"Language '{language}' lost {lost} of {lost + num_kept} rows ({lost / (lost + num_kept):.1%}), more than "
            f"data.max_dropped_share={max_share}: {tally.told(*aside)}.{markers} Repair the data, {longer}or raise "
            "data.max_dropped_share."
            + (f" {found[0].upper()}{found[1:]}." if (found := tally.other_script(language)) else "")
        )
