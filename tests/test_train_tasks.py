"""The main job on a user's own table and on a task whose answers are generated, on the shipped model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mslt_it.command import execute
from mslt_it.commands.train import COMMAND

SMALL = ["training.max_steps=2", "training.batch_size=8", "data.num_examples_total=24"]


def tickets(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["lang", "message", "intent"])
        for code, words in {"en": ("refund", "where"), "de": ("Geld", "wo"), "tr": ("iade", "nerede")}.items():
            for i in range(80):
                writer.writerow([code, f'{words[i % 2]}, "order" no. {i}', ("pay", "pay later", "track")[i % 3]])


def test_a_table_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tickets(tmp_path / "tickets.csv")
    arguments = [
        "task=custom", f"task.data={tmp_path / 'tickets.csv'}", "task.input=message", "task.label=intent",
        "sources=[en,de]", "targets=[tr]", "task.instruction.en=What does the customer want?",
        f"output_dir={tmp_path / 'run'}", *SMALL,
    ]  # fmt: skip
    assert execute(COMMAND, arguments) == 0
    shown = capsys.readouterr().out
    assert "Note: labels: pay, pay later, track" in shown
    assert "What does the customer want?\n" in shown and '"order" no.' in shown and "pay / pay later / track" in shown
    assert "tr Turkish  unseen" in shown and "above chance" in shown
    assert "prompted with the English one" in shown  # German has no instruction of its own
    lines = (tmp_path / "run" / "predictions" / "tr.jsonl").read_text(encoding="utf-8").splitlines()
    row = json.loads(lines[0])
    assert set(row) >= {"id", "label", "adapter_log_likelihoods"} and len(row["base_log_likelihoods"]) == 3
    assert execute(COMMAND, arguments) == 0  # finished: says so and shows the same table
    again = capsys.readouterr().out
    assert "already finished" in again and again.splitlines()[-2:] == shown.splitlines()[-2:]


def test_answers_that_are_generated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for code, place in (("de", "Ulm"), ("fr", "Lyon"), ("tr", "Bursa")):
        (tmp_path / code).mkdir()
        sentences = [f"Ada\tB-PER\n{i}\tO\n{place}\tB-LOC\n" if i % 3 else f"{i}\tO\n" for i in range(40)]
        (tmp_path / code / "train.tsv").write_text("\n".join(sentences), encoding="utf-8")
    arguments = [
        "task=wikiann", f"task.data={tmp_path}", "sources=[de,fr]", "targets=[tr]", "task.score_split=train",
        "task.max_answer_tokens=8", f"output_dir={tmp_path / 'run'}", "scoring.num_bootstrap=200", *SMALL,
    ]  # fmt: skip
    assert execute(COMMAND, arguments) == 0
    shown = capsys.readouterr().out
    assert "Span F1 in per cent" in shown and "span F1" in shown and ">>>PER: Ada | LOC: " in shown
    content = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    (row,) = [r for r in content["results"] if r["language"] == "tr"]
    assert row["metric"] == "span_f1" and 0 <= row["low"] <= row["value"] <= row["high"] <= 1
    assert row["n"] == len((tmp_path / "run" / "predictions" / "tr.jsonl").read_text().splitlines())
    assert 0 <= row["num_unparsable"] <= row["n"]
