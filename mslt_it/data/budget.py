"""Filling the labelled budget: which rows of each language are usable, and which of them are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mslt_it.data.cleaning import clean, gives_away
from mslt_it.data.encoding import Encoder
from mslt_it.data.mixing import meet, rank, too_few
from mslt_it.data.prompts import prompted
from mslt_it.data.tally import TRANSLATION_DROPPED, Tally, refuse_drops
from mslt_it.records import EncodedExample, Example, Recipe

ANSWER_IN_PROMPT = "answer_in_prompt"
NO_RATIONALE = "no_rationale"  # a chain of thought is to be trained on, and the row has none
CONTROL_TOKENS = "control_tokens_kept_as_text"
MIN_CHUNK = 64  # rows prepared at a time, at least: tokenizers are fast in batches


@dataclass(frozen=True)
class Prepared:
    example: Example
    encoded: EncodedExample | None
    reason: str
    repairs: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """What it takes to make rows of examples."""

    recipe: Recipe
    encoder: Encoder
    prompts_dir: Path | None

    def prepared(self, examples: Sequence[Example]) -> list[Prepared]:
        return _prepare(self.recipe, self.encoder, examples, self.prompts_dir)


def chosen(
    rows: Rows, pools: Mapping[str, Sequence[Example]], wanted: Mapping[str, int]
) -> tuple[dict[str, list[Prepared]], dict[str, Tally]]:
    """The usable rows of each language, as many as wanted, and what happened to the others."""
    data = rows.recipe.data
    ranked = rank(pools, data.items, rows.recipe.assignment_seed)
    tallies = {code: Tally() for code in rows.recipe.sources}
    kept: dict[str, list[Prepared]] = {}
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
    rows: Rows, pools: Mapping[str, Sequence[Example]], wanted: Mapping[str, int]
) -> tuple[dict[str, list[Prepared]], dict[str, Tally]]:
    """As `chosen`, where the hash gives a language too few items: all rows are looked at, and the usable ones divided
    so that every language has enough; a Problem where no division gives that."""
    data = rows.recipe.data
    usable, tallies = usable_rows(rows, pools)
    for code, good in usable.items():
        refuse_drops(rows.recipe, code, tallies[code], len(good))
    examples = {code: [p.example for p in found.values()] for code, found in usable.items()}
    ranked = meet(wanted, examples, data.items, rows.recipe.assignment_seed)
    if ranked is None:
        raise too_few(wanted, examples, data.items, reasons(tallies))
    kept = {code: [usable[code][e.id] for e in found[: wanted[code]]] for code, found in ranked.items()}
    for code, found in kept.items():
        for p in found:
            tallies[code].repair(p.repairs, p.example)
    return kept, tallies


def reasons(tallies: Mapping[str, Tally]) -> dict[str, str]:
    return {code: str(tally) for code, tally in tallies.items() if tally.dropped}


def usable_rows(
    rows: Rows, pools: Mapping[str, Sequence[Example]]
) -> tuple[dict[str, dict[str, Prepared]], dict[str, Tally]]:
    """Language -> id -> every row that can be trained on, and what happened to the others."""
    usable: dict[str, dict[str, Prepared]] = {}
    tallies = {code: Tally() for code in rows.recipe.sources}
    for code, examples in pools.items():
        prepared = rows.prepared(examples)
        usable[code] = {p.example.id: p for p in prepared if p.encoded is not None}
        for p in prepared:
            if p.encoded is None:
                tallies[code].drop(p.reason, p.example)
    return usable, tallies


def _fill(
    rows: Rows, candidates: Sequence[tuple[Example, ...]], wanted: int, tallies: Mapping[str, Tally]
) -> list[tuple[Prepared, ...]]:
    """The first ``wanted`` candidates of which every version (one, or one per language) can be used."""
    kept: list[tuple[Prepared, ...]] = []
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


def _prepare(recipe: Recipe, encoder: Encoder, examples: Sequence[Example], prompts_dir: Path | None) -> list[Prepared]:
    task = recipe.task
    cleaned = [clean(example, task.choice_names, task.optional_fields) for example in examples]
    asked = [None if c.example is None else prompted(c.example, task, recipe.prompt, prompts_dir) for c in cleaned]
    encoded = iter(encoder.encode_all([p for p in asked if p is not None]))
    result = []
    for example, outcome, prompt in zip(examples, cleaned, asked, strict=True):
        if outcome.example is None or prompt is None:
            result.append(Prepared(example, None, outcome.reason, ()))
            continue
        row = next(encoded)
        texts = tuple(outcome.example.fields.values())
        word = prompt.references[0] if prompt.chain_language and prompt.choices else prompt.answer
        if prompt.chain_language and not outcome.example.rationale.strip():
            result.append(Prepared(outcome.example, None, NO_RATIONALE, ()))
        elif task.choice_names and gives_away(texts, prompt.label, word):
            result.append(Prepared(outcome.example, None, ANSWER_IN_PROMPT, ()))
        elif isinstance(row, str):
            result.append(Prepared(outcome.example, None, row, ()))
        else:
            forged = any(map(encoder.holds_control, (*texts, prompt.answer)))
            repairs = (*outcome.repairs, *([CONTROL_TOKENS] if forged else []))
            result.append(Prepared(outcome.example, row, "", repairs))
    return result
