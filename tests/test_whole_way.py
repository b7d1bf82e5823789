"""A table of one's own, fifteen languages of which three have labels: trained, predicted, reported, exported, and asked
by the card's code alone, which gives the same labels row for row."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mslt_it import predict
from mslt_it.cli import main
from mslt_it.world.generator import task_examples

LABELLED = {"ar": 330, "de": 250, "zh": 130}  # rows
OTHERS = dict(bg=80, el=85, en=90, es=95, fi=100, fr=105, he=110, id=115, ja=120, ko=125, ru=130, tr=135)
SKEW = {"entailment": 12, "neutral": 5, "contradiction": 3}  # how often a label is drawn
NAMES = {"entailment": "follows", "neutral": "open", "contradiction": "is wrong"}
NUM_NEW = 8  # rows per language to be labelled


def write(path: Path, head: list[str], rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])


def tickets() -> list[list[str]]:
    """2,000 rows in no order, the labels uneven and in three languages alone."""
    draw, rows = random.Random(7), []
    for code, number in {**LABELLED, **OTHERS}.items():
        found = task_examples(code, "train")[: 3 * number]
        weights = [SKEW[example.label] * draw.random() for example in found]
        for place in sorted(range(len(found)), key=lambda n: -weights[n])[:number]:
            one = found[place]
            rows.append([code, one.fields["premise"], one.fields["hypothesis"],
                         NAMES[one.label] if code in LABELLED else ""])  # fmt: skip
    draw.shuffle(rows)
    return rows


def call(*arguments: str) -> str:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        code = main(list(arguments))
    assert code == 0, shown.getvalue()
    return shown.getvalue()


def test_fifteen_languages_three_labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = tickets()
    counts = {name: sum(row[3] == name for row in rows) for name in NAMES.values()}
    assert len(rows) == 2000 and len({row[0] for row in rows}) == 15 and sum(counts.values()) == 710
    assert max(counts.values()) > 2 * min(counts.values())
    write(Path("pairs.csv"), ["lang", "said", "asked", "verdict"], rows)
    new = [[code, one.fields["premise"], one.fields["hypothesis"]]
           for code in (*LABELLED, *OTHERS) for one in task_examples(code, "test")[:NUM_NEW]]  # fmt: skip
    write(Path("new.csv"), ["lang", "said", "asked"], new)

    own = ["task.data=pairs.csv", "task.input=[said,asked]", "task.label=verdict", "sources=[ar,de,zh]"]
    small = ["data.num_examples_total=240", "training.max_steps=20", "training.learning_rate=5e-3"]
    scored = ["scoring.num_examples_per_language=20", "scoring.num_bootstrap=200", "output_dir=run"]
    shown = call("train", "recipe=custom", *own, "task.instruction=Does it follow?", *small, *scored)
    assert "No unseen language has labels: none is scored." in shown and "tr Turkish: 20 rows, no labels" in shown

    shown = call("predict", "run=run", "data=new.csv", "out=labelled.csv")
    assert "120 rows. Language of each row: by column 'lang'." in shown
    with open("labelled.csv", newline="", encoding="utf-8") as file:
        labelled = list(csv.DictReader(file))
    assert [[row["lang"], row["said"], row["asked"]] for row in labelled] == new
    assert len({row["label"] for row in labelled}) > 1 and all(row["label"] in NAMES.values() for row in labelled)

    call("report", "run=run")
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert "Languages without labels" in page and "tr: 20 rows" in page and page.count("no labels</") == len(OTHERS)

    call("export", "run=run", "out=exported", "dtype=float32", "prompts=2")
    folder = tmp_path / "exported" / "safetensors"
    Path("pairs.csv").unlink()
    again = list(predict(folder, ({name: row[name] for name in ("lang", "said", "asked")} for row in labelled)))
    assert [row["label"] for row in again] == [row["label"] for row in labelled]

    [code] = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    ends = """
import csv
rows = list(csv.DictReader(open("new.csv", newline="", encoding="utf-8")))
print("ANSWERS", json.dumps([probabilities(row.pop("lang"), row) for row in rows]))
"""
    Path("card.py").write_text(str(code).replace("THIS_FOLDER", str(folder)) + ends, encoding="utf-8")
    done = subprocess.run([sys.executable, "card.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for row, shares in zip(labelled, json.loads(done.stdout.partition("ANSWERS ")[2]), strict=True):
        assert max(shares, key=shares.get) == row["label"]
        assert [float(row[f"p_{name}"]) for name in shares] == pytest.approx(list(shares.values()), abs=1e-3)
