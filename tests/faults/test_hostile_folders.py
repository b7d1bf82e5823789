"""Folders that somebody made, or changed and sealed anew: what is read in them ends in a line, and nothing is written
elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_run import TRAIN, Call, Survived, unfinished

from mslt_it.evaluation.calibration import calibrated
from mslt_it.models.finished_run import read_run
from mslt_it.store import COMPLETE, read_json, seal

Path_ = tuple[str | int, ...]


def changed(folder: Path, name: str, key: Path_, value: Any) -> None:
    """The folder with another value in a file of it, and sealed as if it had been made so."""
    content: Any = json.loads((folder / name).read_text(encoding="utf-8"))
    inner = content
    for part in key[:-1]:
        inner = inner[part]
    inner[key[-1]] = value
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    sealed_anew(folder)


def sealed_anew(folder: Path) -> None:
    said = read_json(folder / COMPLETE) or {}
    seal(folder, [folder / name for name in said["files"]], {"inputs": said.get("inputs", {})})


OF_EVAL: list[tuple[str, Path_, Any, str]] = [
    ("request.json", ("recipes", 0, "task", "name"), "another", "is not in this version's format"),
    ("request.json", ("recipes",), 7, "is not in this version's format"),
    ("request.json", ("variants",), 5, "is not in this version's format"),
    ("results.json", ("labels",), [{}], "is not in this version's format"),
    ("results.json", ("provenance",), {}, "is not in this version's format"),
    ("results.json", ("groups",), 5, "is not in this version's format"),
]
OF_RUN: list[tuple[str, Path_, Any, str]] = [
    ("results.json", ("labels",), [5], "is not in this version's format"),
    ("results.json", ("provenance", "adapter_sha256"), 5, "does not say which adapter"),
]


def test_a_report_of_a_folder_that_was_made_by_hand(own: Path, call: Call, survived: Survived) -> None:
    survived("folder made by hand and sealed: a report of it", len(OF_EVAL) + len(OF_RUN))
    asked = ("eval", "run=run", "languages=[en]", "examples=2", "out=scored", "cache=none")
    assert call(*asked)[0] == 0
    for folder, changes in ((own / "scored", OF_EVAL), (own / "run", OF_RUN)):
        for name, key, value, said in changes:
            before = (folder / name).read_bytes()
            changed(folder, name, key, value)
            code, _, err = call("report", f"run={folder.name}", "format=[html,latex,pdf]")
            assert code == 2 and err.startswith("error: ") and err.count("\n") == 1 and said in err, (key, err)
            (folder / name).write_bytes(before)
        sealed_anew(folder)
        assert call("report", f"run={folder.name}", f"out={folder.name}_page")[0] == 0
    for name in ("request.json", "results.json"):
        text = (own / "scored" / name).read_text(encoding="utf-8")
        (own / "scored" / name).write_text(text.replace('"xnli"', '"../../../evil"'), encoding="utf-8")
    sealed_anew(own / "scored")
    code, _, err = call("report", "run=scored", "format=[html,latex,pdf]", "out=new/page")
    assert code == 2 and "../../../evil" in err and "which leads out of new/page" in err, err
    assert not list(own.parent.rglob("*evil*")) and not (own / "run" / "report.html").exists()


@pytest.mark.parametrize("line", ["x", "[1]", "{}", '{"label": 5}', '{"label": "entailment", "NAME": "abc"}'])
def test_no_temperature_is_fitted_on_lines_that_are_none(line: str, own: Path, survived: Survived) -> None:
    survived("folder made by hand and sealed: probabilities by it")
    said = {"adapter_prediction": "entailment"}
    text = json.dumps(json.loads(line.replace("NAME", "adapter_log_likelihoods")) | said) if line[0] == "{" else line
    (own / "run" / "predictions" / "de.jsonl").write_text(f"{text}\n", encoding="utf-8")
    sealed_anew(own / "run")
    assert "predictions/de.jsonl is not in this version's format" in str(calibrated(read_run(own / "run")))


@pytest.mark.parametrize("place", ["", "done", "asked", "out.csv"])
def test_parts_that_lead_elsewhere_are_refused(place: str, own: Path, call: Call, survived: Survived) -> None:
    survived("a link in the place of a file that is written")
    (own / "new.csv").write_text("lang,premise,hypothesis\nen,a,b\n", encoding="utf-8")
    for name in ("done", "asked"):
        (own / "precious" / name).mkdir(parents=True)
        (own / "precious" / name / "kept").write_text("precious", encoding="utf-8")
    link = own / ".out.csv.part" / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(own / "precious" / ("done/kept" if "." in place else ""))
    code, _, err = call("predict", "run=run", "data=new.csv", "out=out.csv")
    assert code == 2 and f".out.csv.part/{place}".rstrip("/") + " is a link" in err, err
    kept = [path for path in (own / "precious").rglob("*") if path.is_file()]
    assert [path.read_text(encoding="utf-8") for path in kept] == ["precious"] * 2


def test_a_log_that_leads_elsewhere_is_not_written_to(own: Path, call: Call, survived: Survived) -> None:
    survived("a link in the place of a file that is written", 3)
    (own / "precious").write_text("precious", encoding="utf-8")
    run = unfinished(own / "run")
    for name in ("log.txt", "losses.jsonl", "adapter/adapter_config.json"):
        (run / name).unlink()
        (run / name).symlink_to(own / "precious")
    code, _, err = call(*TRAIN)
    assert code == 0 and (own / "precious").read_text(encoding="utf-8") == "precious" and err.count("was a link") == 3
    assert not any(path.is_symlink() for path in run.rglob("*"))
    (own / "mine").mkdir()
    (own / "mine" / "python").symlink_to(own / "precious")  # a folder of the user's, as .venv/bin
    code, _, err = call(*TRAIN[:-1], "output_dir=mine")
    assert code == 2 and err == "error: mine holds no run, but mine/python, a link. Choose another output_dir.\n"
    assert (own / "mine" / "python").is_symlink()
    assert not (own / "mine" / "predictions").exists()
