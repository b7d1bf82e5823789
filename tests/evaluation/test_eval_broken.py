"""Models and adapters that give nothing finite, scored by the command: no figure, and a reason."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from tiny_eval import answers, bare, call, make_run, results

Capture = pytest.CaptureFixture[str]


def broken_base(folder: Path, base: Path, value: float) -> Path:
    shutil.copytree(base, folder)
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in tensors.items():
        if "lm_head" in name or (value == 0 and "embed" in name):
            tensor.fill_(value)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(("value", "reason"), [(float("nan"), "NaN"), (0.0, "the same score"), (float("inf"), "NaN")])
def test_a_broken_model_has_no_accuracy(
    base: Path, tmp_path: Path, value: float, reason: str, capsys: Capture, survived: Any
) -> None:
    survived("a broken model is scored")
    model, out = broken_base(tmp_path / "broken", base, value), tmp_path / "out"
    arguments = [f"model={model}", "task=xnli", "languages=[de,tr]", "examples=6", f"out={out}"]
    for _ in range(2):  # a finished evaluation says it again
        assert call(*arguments) == 1
        text = capsys.readouterr().out
        assert "invalid" in text and reason in text and "33.3" not in text and "mean" not in text
    content = results(out)
    assert content["status"] == "invalid"
    assert [(r["status"], r["value"], r["low"]) for r in content["results"]] == [("invalid", None, None)] * 4
    assert all(reason in row["reason"] for row in content["results"])
    rows = list(csv.DictReader((out / "results.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["status"], row["value"]) for row in rows] == [("invalid", "")] * 4
    form = json.loads((out / "lm_eval" / "broken_direct.json").read_text(encoding="utf-8"))
    assert all(entry["acc,none"] == "N/A" and entry["invalid"] for entry in form["results"].values())
    assert "| invalid |" in (out / "results.md").read_text(encoding="utf-8")
    for rows_of_one in answers(out).values():
        assert all(any(isinstance(v, str) for v in row["log_likelihoods"]) == (value != 0) for row in rows_of_one)
    # What a broken model said is not kept, what a constant one said is no harm.
    assert call(*arguments[:-1], f"out={tmp_path / 'again'}") == 1
    assert f"{12 if value else 0} answers computed" in capsys.readouterr().out


def test_a_broken_model_writes_nothing_that_counts(base: Path, sums: Path, tmp_path: Path, capsys: Capture) -> None:
    model, out = broken_base(tmp_path / "broken", base, float("nan")), tmp_path / "out"
    arguments = [f"model={model}", "task=mgsm", f"task.data={sums}", "languages=[de,en]", "examples=3"]
    more = ["variant=[direct,cot_native,translate_solve]", "max_new_tokens=4", "samples=2", f"out={out}"]
    assert call(*arguments, *more) == 1
    text = capsys.readouterr().out
    assert "not finite" in text and "0.0 " not in text.split("What the answers cost")[0]
    assert {row["status"] for row in results(out)["results"]} == {"invalid"}


def test_one_broken_system_leaves_the_others_their_figures(base: Path, tmp_path: Path) -> None:
    """An adapter that makes everything constant, beside the base."""
    run = make_run(tmp_path / "flat", base)
    bad = bare(run, tmp_path / "bad")
    tensors = {name: tensor * 1e30 for name, tensor in load_file(bad / "adapter_model.safetensors").items()}
    save_file(tensors, bad / "adapter_model.safetensors", metadata={"format": "pt"})
    out = tmp_path / "out"
    assert call(f"model={base}", f"adapter={bad}", "task=xnli", "languages=[de,tr]", "examples=4", f"out={out}") == 1
    status = {(row["system"], row["language"]): row["status"] for row in results(out)["results"]}
    assert status["base", "mean"] == status["base", "de"] == "ok" and status["bad", "de"] == "invalid"
    assert ("bad", "mean") not in status
