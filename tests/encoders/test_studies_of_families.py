"""A study of another family than decoders, from its cells to its report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_encoder import SMALL

from mslt_it.cli import main
from mslt_it.study import derived
from mslt_it.study.cells import run_cell
from mslt_it.study.collect import collect
from mslt_it.study.config import load_study
from mslt_it.study.grid import base_recipe, cell_recipe, cells, with_budgets
from mslt_it.study.jobs import Job
from mslt_it.study.manifest import StudyFolder, build_manifest, write_manifest

STUDY = """\
recipe: xnli_3src
pool: [de, ar, en]
targets: [tr, fi]
set_sizes: []
sets: [en, de-ar]
budgets: [24]
mingling: {sslt: [en], mslt: [de, ar], max_items: 20, num_bootstrap: 100, map: none}
families:
  encoder: {overrides: [adapter.method=full]}
  text_to_text: {}
"""


@pytest.mark.parametrize("family", ["encoder", "text_to_text"])
def test_a_study_is_run_measured_and_reported(
    encoder_of_kind: Callable[[str], Path], mt5: Path, family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "own.yaml").write_text(STUDY, encoding="utf-8")
    model = encoder_of_kind("xlmr") if family == "encoder" else mt5
    of_cells = [argument for argument in SMALL if argument.startswith(("training", "scoring"))]
    config = load_study("own", [f"family={family}", f"model.path={model}", *of_cells], tmp_path)
    base = base_recipe(config)
    config = with_budgets(config, base)
    grid, folder = cells(config), StudyFolder(tmp_path / "out")
    write_manifest(folder, build_manifest(config, base, grid, folder))
    for cell in grid:
        outcome = run_cell(Job(str(folder.path), cell.id, cell_recipe(base, config, cell, folder.cell(cell.id))))
        assert (outcome.status, outcome.reason) == ("ok", "")
    assert derived.run(config, grid, folder, complete=True) == 0
    found = json.loads((folder.path / "mingling.json").read_text(encoding="utf-8"))
    assert list(found["systems"]) == ["base", "SSLT en", "MSLT de-ar"]
    study = collect(folder.path)
    assert (study.base is None) == (family == "encoder") and len(study.cells) == 2
    capsys.readouterr()
    assert main(["report", f"study={folder.path}", "format=html"]) == 0
    page = (folder.path / "report" / "report.html").read_text(encoding="utf-8")
    assert ("untuned base" in page) == (family == "text_to_text")
