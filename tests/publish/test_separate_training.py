"""xnli_3src_combined in small: parts, joint and combined runs of one budget, each complete, and the comparison."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mslt_it.command import execute
from mslt_it.commands.train import COMMAND
from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import METHODS as NAMES
from mslt_it.models.finished_run import read_run
from mslt_it.problems import Problem
from mslt_it.publish.combine_options import METHODS
from mslt_it.publish.separate_training import joint_recipe, part_recipes, train_apart

SMALL = [
    *("data.num_examples_total=50", "training.max_steps=2", "scoring.num_examples_per_language=12"),
    *("sources=[ar,de,zh]", "targets=[tr,en]", "scoring.num_bootstrap=100"),
]


def test_the_methods_are_those_of_combine() -> None:
    assert set(NAMES) == {"none", *METHODS} - {"adamergex"}  # whose runs are of two tasks


def test_the_parts_share_the_budget_of_the_joint_run(tmp_path: Path) -> None:
    recipe = load_recipe("xnli_3src_combined", ["data.num_examples_total=50"])
    parts = part_recipes(recipe, tmp_path)
    assert [part.sources for part in parts] == [("ar",), ("de",), ("zh",)]
    assert sum(part.data.num_examples_total for part in parts) == 50
    assert {part.targets for part in parts} == {recipe.targets}
    joint = joint_recipe(recipe, tmp_path)
    plain = load_recipe("xnli_3src", ["data.num_examples_total=50"])
    assert (joint.name, joint.run_fingerprint()) == (plain.name, plain.run_fingerprint())
    assert recipe.run_fingerprint() != plain.run_fingerprint()


def test_one_source_cannot_be_combined() -> None:
    with pytest.raises(Problem, match=r"combine\.method=cat needs two or more sources"):
        load_recipe("xnli_3src_combined", ["sources=[ar]"])


def test_the_recipe_runs_goes_on_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    arguments = ["recipe=xnli_3src_combined", *SMALL, f"output_dir={out}"]
    assert execute(COMMAND, arguments) == 0
    text = capsys.readouterr().out
    assert "Unseen languages (2, 24 items), in points: joint" in text
    combined, joint = read_run(out / "combined"), read_run(out / "joint")
    assert [a["sources"] for a in combined.provenance["combination"]["adapters"]] == [["ar"], ["de"], ["zh"]]
    assert combined.provenance["num_examples"] == joint.provenance["num_examples"] == 50
    found = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    rows = {
        name: json.loads((out / name / "results.json").read_text(encoding="utf-8"))["results"]
        for name in ("combined", "joint")
    }
    means = {name: next(r["value"] for r in of if r["language"] == "mean of unseen") for name, of in rows.items()}
    assert found["value"] == pytest.approx(means["combined"] - means["joint"])
    assert found["low"] <= found["value"] <= found["high"]

    # What is missing is made again, the rest is taken as it is.
    before = (out / "parts" / "de" / "COMPLETE.json").stat().st_mtime_ns
    wanted = (out / "combined" / "adapter" / "adapter_model.safetensors").read_bytes()
    shutil.rmtree(out / "combined")
    assert execute(COMMAND, arguments) == 0
    assert (out / "combined" / "adapter" / "adapter_model.safetensors").read_bytes() == wanted
    assert (out / "parts" / "de" / "COMPLETE.json").stat().st_mtime_ns == before
    assert json.loads((out / "comparison.json").read_text(encoding="utf-8")) == found


@pytest.mark.parametrize("weights", ["sze", "[1,2]", "typology:xx"])
def test_wrong_weights_are_told_before_anything_is_trained(weights: str) -> None:
    recipe = load_recipe("xnli_3src", ["combine.method=cat", f"combine.weights={weights}"])
    with pytest.raises(Problem, match=r"weights=sze is unknown|has 2 numbers, and|language code 'xx'"):
        train_apart(recipe, pytest.fail)
