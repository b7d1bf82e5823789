"""Rows are drawn by ids and labels; what is not drawn is never made into an example."""

from __future__ import annotations

import collections
import unicodedata
from pathlib import Path

import pytest
from toy_world import LABELS, toy_rows, write_tsv

from mslt_it.config.compose import load_recipe
from mslt_it.data import shapes
from mslt_it.data.budget import MIN_CHUNK
from mslt_it.data.build import build_training_set
from mslt_it.data.cells import Cells
from mslt_it.data.examples import Examples
from mslt_it.data.leakage import fold
from mslt_it.data.rows import RowStore
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.records import Example


def rows(number: int) -> list[Example]:
    return [Example(f"train:{i}", "en", "toy", "train", {"text": str(i)}, "ab"[i % 2], fault="f" * (i == 1))
            for i in range(number)]  # fmt: skip


def test_a_list_and_a_part_of_it_in_another_order() -> None:
    found = rows(6)
    examples = Examples.of(found)
    assert Examples.of(examples) is examples and len(examples) == 6 and list(examples) == found
    assert examples[-1] is found[5] and examples[1:4:2] == found[1:4:2]
    part = examples.at([4, 1, 0])
    assert list(part) == [found[4], found[1], found[0]] == part[:] == list(part.at([0, 1, 2]))
    assert (part.ids[0], part.labels, part.faults) == ("train:4", ["a", "b", "a"], ["", "f", ""])
    with pytest.raises(IndexError):
        part[3]


@pytest.mark.parametrize("renamed", [False, True])
def test_rows_that_are_not_drawn_are_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renamed: bool) -> None:
    header = ("premise", "hypothesis", "said" if renamed else "label")
    for code in ("de", "en"):
        write_tsv(tmp_path / code / "train.tsv", [header, *toy_rows(code, 400)])
        write_tsv(tmp_path / code / "test.tsv", [header, *(("t" + a, "t" + b, c) for a, b, c in toy_rows(code, 40))])
    made: collections.Counter[str] = collections.Counter()

    def counting(**parts: object) -> Example:
        made[str(parts["split"])] += 1
        return Example(**parts)  # type: ignore[arg-type]

    monkeypatch.setattr(shapes, "Example", counting)
    columns = ["task.columns.label=said"] * renamed
    given = [f"task.data={tmp_path}", "sources=[de,en]", "targets=[]", "data.num_examples_total=60", *columns]
    recipe, store = load_recipe("xnli_3src", given), RowStore()
    encoded, report = build_training_set(recipe, load_tokenizer(recipe.model), rows=store)
    assert len(encoded) == 60 and set(report.label_counts) == set(LABELS)
    assert 60 <= made["train"] <= 3 * MIN_CHUNK < 800  # one more of each language is looked at for notes
    assert made["test"] == 80
    (example, *_) = store.load(recipe.task, "de", "train", role="train").examples
    assert example.label in LABELS and type(example.fields) is dict
    tables = [kept for key, kept in store._kept.items() if key[0] == "table"]  # type: ignore[index]
    assert tables and all(type(row.values) is Cells for table in tables for row in table)


def test_folding_keeps_letters_marks_digits_and_symbols_of_every_script() -> None:
    for code in (*range(0x3000), *range(0x10000, 0x10100), *range(0x1F600, 0x1F610), 0xE0001, 0xFE0F, 0xFF0C):
        char = chr(code)
        kind = unicodedata.category(char)
        if unicodedata.normalize("NFKC", char).casefold() != char or unicodedata.combining(char) or char == "ı":
            continue
        left = char if kind[0] in "LMNS" else "" if kind == "Cf" else " "
        assert fold(f"x {char}x") == " ".join(f"x {left}x".split()), hex(code)
    assert fold("Kapı, KAPI!") == "kapi kapi"
