"""Rows that training looks at as it goes: of the sources alone, in no training row, scored in no language."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mslt_it.config.compose import load_recipe
from mslt_it.data import build
from mslt_it.data.build import (
    build_training_set,
    scored_examples,
    validation_examples,
    validation_ids,
    with_found_labels,
)
from mslt_it.data.division import Loaded
from mslt_it.data.examples import Examples
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.trained_rows import Trained, rows_set_aside
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.problems import Problem

ROWS = RowStore()
SOURCES, TARGETS = ("de", "ar"), ("tr", "he")
ARGUMENTS = ["sources=[de,ar]", "targets=[tr,he]", "data.num_examples_total=24"]
LOOKING = [*ARGUMENTS, "training.eval_steps=10", "training.num_eval_examples=30"]


def test_world_rows_are_apart_from_trained_and_scored_ones_and_those_stay_the_same() -> None:
    plain, looking = load_recipe("xnli_3src", ARGUMENTS), load_recipe("xnli_3src", LOOKING)
    assert validation_examples(plain, ROWS) == {} and validation_ids(plain, ROWS) == frozenset()
    held = validation_examples(looking, ROWS)
    assert tuple(held) == SOURCES and [len(found) for found in held.values()] == [30, 30]
    assert all(example.language == code for code, found in held.items() for example in found)
    ids = validation_ids(looking, ROWS)
    for code in (*SOURCES, *TARGETS):
        scored = scored_examples(looking, code, rows=ROWS)
        assert scored == scored_examples(plain, code, rows=ROWS) and len(scored) == 400
        assert not ids & {example.id for example in scored}
    trained, report = build_training_set(looking, load_tokenizer(looking.model), rows=ROWS)
    before, _ = build_training_set(plain, load_tokenizer(plain.model), rows=ROWS)
    assert trained == before and not ids & {row.id for row in trained}
    assert "training.eval_steps: rows held out for looks and never scored: 30 de, 30 ar" in report.notes


def test_where_all_rows_are_scored_the_held_out_items_are_left_out_in_every_language() -> None:
    looking = load_recipe("xnli_3src", [*LOOKING, "scoring.num_examples_per_language=0"])
    ids = validation_ids(looking, ROWS)
    for code in (*SOURCES, *TARGETS):
        assert not ids & {example.id for example in scored_examples(looking, code, rows=ROWS)}
    whole = load_recipe("xnli_3src", [*ARGUMENTS, "scoring.num_examples_per_language=0"])
    assert ids <= {example.id for example in scored_examples(whole, "tr", rows=ROWS)}
    # Another evaluation of the run does not score them either.
    (aside,) = {rows_set_aside(whole, ("tr",), "", [Trained(Path("run"), looking)], ROWS).ids["tr"]}
    assert aside == ids


def _table(folder: Path, number: int) -> Path:
    path = folder / "tickets.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("lang", "text", "label"))
        for code in ("en", "de", "tr"):
            for i in range(number):
                writer.writerow(
                    (code, f"ticket {code} number {i * 7919} about {'a bill' if i % 2 else 'a trip'}", "ab"[i % 2])
                )
    return path


def test_a_small_pool_is_halved_and_an_empty_one_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [f"task.data={_table(tmp_path, 60)}", "task.input=text", "task.label=label", "sources=[en,de]",
                 "targets=[tr]", "training.eval_steps=10"]  # fmt: skip
    rows = RowStore()
    looking, plain = (with_found_labels(load_recipe("custom", a), rows) for a in (arguments, arguments[:-1]))
    for code in ("en", "de"):
        pool = scored_examples(plain, code, rows=rows)
        held = validation_examples(looking, rows)[code]
        assert len(held) == len(pool) // 2
        scored = scored_examples(looking, code, rows=rows)
        assert {e.id for e in scored} | {e.id for e in held} == {e.id for e in pool} and len(scored) == len(pool) - len(
            held
        )
    assert scored_examples(looking, "tr", rows=rows) == scored_examples(plain, "tr", rows=rows)
    monkeypatch.setattr(build, "scorable", lambda recipe, code, rows: Loaded(Examples.of(pool[:1])))
    with pytest.raises(Problem, match=r"training\.eval_steps=10: of 1 row of 'en' that may be scored"):
        validation_examples(looking, RowStore())
