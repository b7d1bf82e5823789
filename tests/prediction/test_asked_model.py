"""Every kind of folder that a run becomes labels rows as the run does, where the run and its table are gone."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exported import exported, merged_run
from labelled_table import LABELS, NUM_ROWS, Trained, call, table

from mslt_it import predict
from mslt_it.evaluation.calibration import calibrated
from mslt_it.models.finished_run import read_run
from mslt_it.places import MERGE, PROMPTS, RECORD
from mslt_it.prediction import job
from mslt_it.problems import Problem
from mslt_it.publish.model_card import model_card
from mslt_it.publish.prompt_record import adapter_usage
from mslt_it.records import to_plain
from mslt_it.store import COMPLETE, seal

ROWS = [{"lang": code, "text": text} for code, text, _ in table()[:60]]
FORMS = ("merged", "safetensors", "vllm", "combined")


@pytest.fixture(scope="module")
def expected(trained: Trained) -> list[dict[str, Any]]:
    found = list(predict(trained.run, ROWS))
    assert {row["label"] for row in found} == set(LABELS)
    return found


@pytest.fixture(scope="module")
def folders(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Form -> folder, made of a copy of the run (two, of equal weight) that is not there any more."""
    home = tmp_path_factory.mktemp("made")
    run, other = (Path(shutil.copytree(trained.run, home / name)) for name in ("run", "other"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained.folder)  # a merge is compared on the run's own rows
        merged_run(run, home / "merged", dtype="float32", prompts=2)
        exports = exported(run, home / "exports", "safetensors", "vllm", dtype="float32")
        made = {one.record["format"]: one.folder for one in exports}
        code, shown = call("combine", f"runs=[{run},{other}]", "scored=false", f"out={home / 'combined'}")
    assert code == 0, shown
    shutil.rmtree(run)
    shutil.rmtree(other)
    return {**made, "merged": home / "merged", "combined": home / "combined", "exports": home / "exports"}


@pytest.mark.parametrize("form", FORMS)
def test_rows_get_the_runs_labels(form: str, folders: dict[str, Path], expected: list[dict[str, Any]]) -> None:
    found = list(predict(folders[form], ROWS))
    assert [row["label"] for row in found] == [row["label"] for row in expected]
    for one, other in zip(found, expected, strict=True):
        assert list(one) == list(other)
        assert [one[f"p_{name}"] for name in LABELS] == pytest.approx([other[f"p_{name}"] for name in LABELS], abs=1e-3)


def test_the_command_and_its_papers(folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open("new.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("lang", "text"), *((row["lang"], row["text"]) for row in ROWS)])
    code, shown = call("predict", f"run={folders['safetensors']}", "data=new.csv", "out=out.csv")
    assert code == 0 and "60 rows. Language of each row: by column 'lang'." in shown
    told = json.loads(Path("out.csv.json").read_text(encoding="utf-8"))
    record = json.loads((folders["safetensors"] / RECORD).read_text(encoding="utf-8"))
    assert told["run"] == str(folders["safetensors"])
    assert told["decided_by"]["form"] == "safetensors" and told["decided_by"]["dtype"] == "float32"
    assert told["decided_by"]["run_fingerprint"] == record["run_fingerprint"]


def test_prompts_say_how_new_rows_are_asked_in_every_language(folders: dict[str, Path], trained: Trained) -> None:
    record = json.loads((folders["merged"] / PROMPTS).read_text(encoding="utf-8"))
    assert list(record["languages"]) == ["en", "de", "tr", "el", "ja", "sw"]  # those without labels, too
    assert record["recipe"]["task"]["label_names"] == list(LABELS)  # that were found
    assert record["recipe"]["task"]["data"] == "tickets.csv" and str(trained.folder) not in json.dumps(record)
    of_vllm = json.loads((folders["vllm"] / PROMPTS).read_text(encoding="utf-8"))
    assert of_vllm.pop("calibration") == to_plain(calibrated(read_run(trained.run)))
    assert of_vllm == json.loads((trained.run / "adapter" / PROMPTS).read_text(encoding="utf-8"))


@pytest.mark.parametrize("form", ["merged", "safetensors", "vllm"])
def test_what_was_made_of_a_run_is_calibrated_as_the_run(form: str, folders: dict[str, Path], trained: Trained) -> None:
    expected, found = (list(predict(folder, ROWS, calibration="held_out")) for folder in (trained.run, folders[form]))
    assert [row["label"] for row in found] == [row["label"] for row in expected]
    for one, other in zip(found, expected, strict=True):
        assert [one[f"p_{name}"] for name in LABELS] == pytest.approx([other[f"p_{name}"] for name in LABELS], abs=1e-3)
    assert max(abs(a["p_bus"] - b["p_bus"]) for a, b in zip(found, predict(folders[form], ROWS), strict=True)) > 0.01
    kept = json.loads((folders[form] / PROMPTS).read_text(encoding="utf-8"))["calibration"]
    if form != "merged":  # which has no card
        card = (folders[form] / "README.md").read_text(encoding="utf-8")
        assert f"Divided by {kept['temperature']:.3f} before the softmax" in card
        run = read_run(trained.run)
        for any_fits in (False, True):
            asked = adapter_usage(folders[form], run.recipe, None, None, calibration=kept | {"any_fits": any_fits})
            card = model_card(run.recipe, (), run.provenance, usage=asked)
            assert ("Of other languages it says nothing. All of these rows are right, or no more" in card) == any_fits


def changed(folder: Path, copy: Path, change: Callable[[Path], object], *, sealed: bool = True) -> Path:
    shutil.copytree(folder, copy)
    change(copy)
    if sealed:
        seal(copy, [file for file in copy.iterdir() if file.name != COMPLETE])
    return copy


def rewrite(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def rewritten(folder: Path) -> None:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        change(content)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")

    return rewritten


def test_what_is_no_model_to_ask_is_named(folders: dict[str, Path], trained: Trained, tmp_path: Path) -> None:
    merged, vllm, exports = (folders[name] for name in ("merged", "vllm", "exports"))
    cases = [
        (exports, rf"run=.* holds the exports safetensors, vllm\. Give one: run={exports / 'safetensors'}\."),
        (trained.run / "adapter", rf"this is an adapter\. Give the run folder it lies in: run={trained.run}\."),
        (tmp_path, r"there is no config\.yaml, so it is not a run"),
        (tmp_path / "none", r"there is no such folder"),
        (
            changed(merged, tmp_path / "torn", lambda f: (f / "config.json").write_text("{}"), sealed=False),
            r"was altered or damaged \(config\.json is not what was saved \(2 bytes\)\)\. Make it again, or give the",
        ),
        (
            changed(merged, tmp_path / "old", rewrite(PROMPTS, lambda c: c.pop("recipe"))),
            r"old: prompts\.json does not say how new rows are asked\. Make the folder again",
        ),
        (
            changed(merged, tmp_path / "bare", lambda f: (f / PROMPTS).unlink()),
            r"bare: prompts\.json does not say how new rows are asked\. Make the folder again, with mslt merge or",
        ),
        (
            changed(merged, tmp_path / "other", rewrite(PROMPTS, lambda c: c["languages"]["tr"]["labels"].clear())),
            r"this version of mslt_it words prompts differently from prompts\.json there, with which it was trained",
        ),
        (
            changed(vllm, tmp_path / "base", rewrite(RECORD, lambda c: c["inputs"].update(base_sha256="0" * 64))),
            r"its weights are not those the adapter was trained on \(sha256 \w{12}, the run recorded 000000000000\)",
        ),
        (
            changed(vllm, tmp_path / "gone", rewrite("adapter_config.json",
                                                     lambda c: c.update(base_model_name_or_path="/nowhere/base"))),
            r"/nowhere/base",
        ),
    ]  # fmt: skip
    for folder, text in cases:
        with pytest.raises(Problem, match=text):
            predict(folder, ROWS)
    few = rewrite(PROMPTS, lambda c: c.update(calibration="the run has 3 held-out rows"))
    folder = changed(merged, tmp_path / "uncalibrated", few)
    with pytest.raises(Problem, match=f"calibration=held_out: {folder}: the run has 3 held-out rows. Or leave cal"):
        predict(folder, ROWS, calibration="held_out")
    assert (merged / MERGE).is_file()


def test_ids_twice_and_languages_never_seen_are_labelled(trained: Trained, tmp_path: Path) -> None:
    """Nothing of a new file's ids is used; a language of no training row is asked as all are, and told."""
    rows = [("id", "lang", "text"), ("1", "fr", "Le bus est grand"), ("1", "en", "The big bus is late 7")]
    with (tmp_path / "new.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    code, shown = call("predict", f"run={trained.run}", f"data={tmp_path / 'new.csv'}", f"out={tmp_path / 'out.csv'}")
    assert code == 0 and "  fr (no language of the run): 1 row:" in shown, shown
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [row["id"] for row in found] == ["1", "1"] and all(row["label"] in LABELS for row in found)


def test_a_disk_that_cannot_take_the_labels_is_said_before_anything_is_asked(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "new.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("lang", "text"), *[("en", "The bus")] * NUM_ROWS])
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    given = (f"run={trained.run}", f"data={tmp_path / 'new.csv'}", f"out={tmp_path / 'out.csv'}")
    code, shown = call("predict", *given)
    assert code == 2 and "Not enough disk space for the labels of 90 rows" in shown
    assert "Free some space, or give out= on another disk." in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.csv"] and job.CHUNK == 2000
