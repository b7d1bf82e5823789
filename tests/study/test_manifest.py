"""The study's folder: the manifest, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_study import write_study

from mslt_it.problems import Problem
from mslt_it.study.config import load_study
from mslt_it.study.grid import base_recipe, cells, with_budgets
from mslt_it.study.manifest import (
    StudyFolder,
    build_manifest,
    read_manifest,
    refuse_changed,
    write_manifest,
)


def manifest(tmp_path: Path, *arguments: str) -> dict:  # type: ignore[type-arg]
    config = load_study("tiny", arguments, write_study(tmp_path / "config"))
    base = base_recipe(config)
    config = with_budgets(config, base)
    built = build_manifest(config, base, cells(config), StudyFolder(tmp_path / "out"))
    return dict(json.loads(json.dumps(built)))


def test_what_a_manifest_says(tmp_path: Path) -> None:
    content = manifest(tmp_path)
    assert content["study"] == "tiny"
    assert content["config"]["pool"] == ["de", "en", "zh"] and content["config"]["budgets"] == [24]
    first = content["cells"][0]
    assert {k: first[k] for k in ("id", "sources", "seed", "budget", "variant")} == {
        "id": "de_s0", "sources": ["de"], "seed": 0, "budget": 24, "variant": "direct",
    }  # fmt: skip
    assert len(content["cells"]) == 6 == len({cell["fingerprint"] for cell in content["cells"]})
    assert content["versions"]["torch"] and content["recipe"]["training.max_steps"] == 6
    folder = StudyFolder(tmp_path / "out")
    assert read_manifest(folder) is None
    write_manifest(folder, content)
    assert read_manifest(folder) == content


def test_a_changed_study_is_refused_by_what_differs(tmp_path: Path) -> None:
    old, folder = manifest(tmp_path), StudyFolder(tmp_path / "out")
    for argument, said in (
        ("seeds=[1]", r"Different: seeds: \[0\] before, \[1\] now\. Put this back, or choose another out=DIR"),
        ("targets=[tr]", r"targets: \['tr', 'sw'\] before, \['tr'\] now"),
        ("training.learning_rate=0.5", r"Different: training.learning_rate: 0.002 before, 0.5 now"),
        ("task.data=rows", r"Different: task.data: 'world' before, 'rows' now"),
    ):
        with pytest.raises(Problem, match=said):
            refuse_changed(old, manifest(tmp_path, argument), folder)


def test_what_the_cells_do_not_depend_on_may_change(tmp_path: Path) -> None:
    old, folder = manifest(tmp_path), StudyFolder(tmp_path / "out")
    assert refuse_changed(old, manifest(tmp_path), folder) == []
    assert refuse_changed(old, manifest(tmp_path, "criteria=[l2v_syntax]", "training.save_steps=3"), folder) == []
    # written otherwise, the same recipe
    assert refuse_changed(old, manifest(tmp_path, "training.learning_rate=2e-3"), folder) == []
    older = old | {"versions": old["versions"] | {"torch": "1.0"}}
    [note] = refuse_changed(older, old, folder)
    assert note.startswith("Versions differ from those the study was started with: torch 1.0 before, ")
    cells_of_old_code = [cell | {"fingerprint": "x"} for cell in old["cells"]]
    with pytest.raises(Problem, match="fingerprints of the cells: made by another version of mslt_it"):
        refuse_changed(old | {"cells": cells_of_old_code}, old, folder)


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    folder.manifest.write_text("{}")
    with pytest.raises(Problem, match=r"manifest.json is not a study's manifest. Choose another out=DIR"):
        read_manifest(folder)
    folder.manifest.write_text("{")
    with pytest.raises(Problem, match=r"manifest.json cannot be read"):
        read_manifest(folder)
