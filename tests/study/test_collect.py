"""Which cells of a study count, and what is said of the others."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from synthetic_study import no_effect, seal, write_study

from mslt_it.config.recipe import Recipe
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.measures import MEASURES
from mslt_it.problems import Problem
from mslt_it.records import PromptedExample
from mslt_it.study import collect as module
from mslt_it.study.collect import Slice, collect

SMALL = {"pool": ("ar", "de", "zh"), "targets": ("fi", "tr"), "set_sizes": (1, 2), "seeds": (0, 1), "num_items": 12}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_study(tmp_path / "small", no_effect, **SMALL)


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_lines(path: Path, lines: list[dict]) -> None:
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")


def test_counts_are_those_of_the_predictions(folder: Path) -> None:
    study = collect(folder)
    assert len(study.cells) == study.num_planned == 12 and study.missing == ()
    assert study.slices == [Slice(1500, "direct")] and study.is_world and study.is_parallel
    cell = next(cell for cell in study.cells if cell.id == "ar-zh_s1")
    assert (cell.sources, cell.seed, cell.counts.shape) == (("ar", "zh"), 1, (2, 12, 2))
    lines = lines_of(folder / "cells" / "ar-zh_s1" / "predictions" / "tr.jsonl")
    right = [line["adapter_prediction"] == line["label"] for line in lines]
    assert cell.counts[1, :, 0].astype(bool).tolist() == right
    assert study.base is not None
    base = [line["base_prediction"] == line["label"] for line in lines]
    assert study.base[1, :, 0].astype(bool).tolist() == base


def test_equal_scores_are_wrong(folder: Path) -> None:
    cell = folder / "cells" / "ar_s0"
    path = cell / "predictions" / "fi.jsonl"
    lines = lines_of(path)
    for line in lines:
        line |= {"adapter_prediction": line["label"], "adapter_log_likelihoods": [-1.0, -1.0, -2.0]}
    write_lines(path, lines)
    seal(cell)
    study = collect(folder)
    assert next(c for c in study.cells if c.id == "ar_s0").counts[0, :, 0].sum() == 0


def test_missing_cells_and_why(folder: Path) -> None:
    cells = folder / "cells"
    (cells / "ar_s0" / "COMPLETE.json").unlink()
    (cells / "ar_s1" / "predictions" / "fi.jsonl").write_text("changed", encoding="utf-8")
    (cells / "de_s0" / "fingerprint.json").write_text('{"run": "0000000000"}', encoding="utf-8")
    for file in sorted((cells / "de_s1").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (cells / "de_s1").rmdir()
    (folder / "failed").mkdir()
    (folder / "failed" / "de_s1.txt").write_text("Traceback\nMemoryError: no room\n", encoding="utf-8")
    results = json.loads((cells / "zh_s0" / "results.json").read_text(encoding="utf-8"))
    results["results"][0] |= {"status": "invalid", "reason": "adapter: NaN"}
    (cells / "zh_s0" / "results.json").write_text(json.dumps(results), encoding="utf-8")
    seal(cells / "zh_s0")
    study = collect(folder)
    found = dict(study.missing)
    assert len(study.cells) == 7
    assert found["ar_s0"] == "not finished"
    assert found["ar_s1"] == "predictions/fi.jsonl is not what was saved (7 bytes)"
    assert found["de_s0"].startswith("it is another run (fingerprint 0000000000, the manifest has ")
    assert found["de_s1"] == "failed: MemoryError: no room"
    assert found["zh_s0"] == "invalid score in fi: adapter: NaN"


def test_items_that_a_cell_lacks_are_left_out_everywhere(folder: Path) -> None:
    cell = folder / "cells" / "de-zh_s0"
    path = cell / "predictions" / "tr.jsonl"
    lines = lines_of(path)
    write_lines(path, [lines[5], lines[3], *lines[6:], lines[4]])  # three are gone, others are elsewhere
    seal(cell)
    study = collect(folder)
    assert study.num_unmatched == 3  # of the language that lacks them: the mean is that of the languages' figures
    assert [len(ids) for ids in study.item_ids] == [12, 9]
    counted = next(c for c in study.cells if c.id == "de-zh_s0").counts[1, :9, 0]
    right = {line["id"]: line["adapter_prediction"] == line["label"] for line in lines}
    assert counted.astype(bool).tolist() == [right[i] for i in study.item_ids[1]]


def test_languages_with_items_of_their_own(folder: Path) -> None:
    for cell in (folder / "cells").iterdir():
        recipe = json.loads((cell / "config.yaml").read_text(encoding="utf-8"))
        recipe["task"]["is_parallel"] = False
        (cell / "config.yaml").write_text(json.dumps(recipe), encoding="utf-8")
        path = cell / "predictions" / "tr.jsonl"
        write_lines(path, lines_of(path)[:7])
        seal(cell)
    study = collect(folder)
    assert not study.is_parallel and [len(ids) for ids in study.item_ids] == [12, 7] and study.num_items == 19
    counts = study.cells[0].counts[1]
    assert counts[:, 1].sum() == 7  # what follows counts nothing
    assert np.isfinite(study.measure.value(counts.sum(axis=0)))


def test_groups_and_the_majority_are_read(tmp_path: Path, folder: Path) -> None:
    assert set(itertools.chain.from_iterable(collect(folder).groups)) == {""}
    study = collect(write_study(tmp_path / "grouped", no_effect, **SMALL, group_rows=3))
    assert study.groups == (tuple(f"premise{i // 3}" for i in range(12)),) * 2
    labels = [line["label"] for line in lines_of(study.folder / "cells" / "ar_s0" / "predictions" / "fi.jsonl")]
    most = max(labels.count(name) for name in labels) / 12
    assert study.majority_share == pytest.approx(most) and study.chance == max(1 / 3, most)
    uneven = dataclasses.replace(study, majority_share=0.8)
    assert uneven.chance == 0.8
    # Always the label of 80 %: F1 of 0.89, 0 and 0, in the mean less than a third.
    assert dataclasses.replace(uneven, measure=MEASURES["macro_f1"][0]).chance == 1 / 3


def test_cells_of_two_bases_are_not_compared(folder: Path) -> None:
    cell = folder / "cells" / "zh_s1"
    results = json.loads((cell / "results.json").read_text(encoding="utf-8"))
    results["provenance"]["base_sha256"] = "c" * 64
    (cell / "results.json").write_text(json.dumps(results), encoding="utf-8")
    seal(cell)
    with pytest.raises(Problem, match=r"Cell zh_s1 has base_sha256=c+, cell ar_s0 b+: they cannot be compared\."):
        collect(folder)


def test_cells_with_other_labels_are_not_compared(folder: Path) -> None:
    """The labels of a user's own table are those of a cell's sources: of two instead of three, other chance."""
    cell = folder / "cells" / "zh_s1"
    recipe = json.loads((cell / "config.yaml").read_text(encoding="utf-8"))
    recipe["task"]["label_names"] = recipe["task"]["label_names"][:2]
    (cell / "config.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    seal(cell)
    with pytest.raises(Problem, match=r"Cell zh_s1 has task\.label_names=.*: they cannot be compared\. Run the study"):
        collect(folder)


def test_cells_of_rows_that_were_changed_are_not_compared(folder: Path) -> None:
    """A row more at the top of a table without ids makes every id the next row's."""
    path = folder / "cells" / "zh_s1" / "predictions" / "tr.jsonl"
    lines = lines_of(path)
    moved = [line | {"label": before["label"]} for line, before in zip(lines[1:], lines, strict=False)]
    changed = next(a["id"] for a, b in zip(lines[1:], moved, strict=True) if a["label"] != b["label"])
    write_lines(path, [lines[0], *moved])
    seal(folder / "cells" / "zh_s1")
    with pytest.raises(
        Problem, match=rf"zh_s1.*tr\.jsonl has {changed} with .* was changed between them\. Put it back"
    ):
        collect(folder)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"there is no manifest\.json\. Give the folder that `mslt study` writes"):
        collect(tmp_path)
    folder = write_study(tmp_path / "empty", no_effect, **SMALL, skip=[f"{c}_s{s}" for s in (0, 1) for c in (
        "ar", "de", "zh", "ar-de", "ar-zh", "de-zh")])  # fmt: skip
    with pytest.raises(Problem, match=r"none of the 12 cells is complete \(ar_s0: not started; .*\)\. Continue with"):
        collect(folder)


def test_written_answers_are_read_as_their_variant_wants(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of thought has no log-likelihoods: its text is read as scoring reads it, in English after an English
    chain and in the row's language after its own, whichever variant is read first."""

    def built(recipe: Recipe, code: str, rows: RowStore) -> list[PromptedExample]:
        reading = "en" if recipe.prompt.variant == "cot_english" else ""
        return [
            PromptedExample(f"item{i}", code, (), "1.500", (), label="1,500", is_written=True, reading_language=reading)
            for i in range(2)
        ]

    monkeypatch.setattr(module, "build_scored_set", built)
    lines = [{"id": f"item{i}", "adapter_prediction": text} for i, text in enumerate(("1.500", "1,500"))]
    items, found = module._Items(), {}
    for variant, cell in zip(("cot_native", "cot_english"), sorted((folder / "cells").iterdir()), strict=False):
        task = {"name": "mgsm", "shape": "free_text", "metric": "number_accuracy", "label_names": [], "data": "rows"}
        recipe = {"sources": ["en"], "targets": ["de"], "task": task, "prompt": {"variant": variant}}
        (cell / "config.yaml").write_text(json.dumps(recipe), encoding="utf-8")
        read = module._Folder.read(cell)
        found[variant] = read._answers("de", lines, "adapter", items)[1][:, 0].tolist()
        with pytest.raises(Problem, match=r"de\.jsonl holds other items than rows gives now\. Put the data back"):
            items.of(read, "de", ("item0", "item7"))
    assert found == {"cot_native": [1, 0], "cot_english": [0, 1]}
