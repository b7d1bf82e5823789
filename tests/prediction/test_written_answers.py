"""Tasks whose answers are text: what is asked, and what is read from what was written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from finished_run import make_base, make_run

from mslt_it import predict
from mslt_it.prediction.labeller import Labeller
from mslt_it.prediction.papers import read_papers
from mslt_it.prediction.request import How
from mslt_it.problems import Problem


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base") / "llama")


def labelled(run: Path, rows: Sequence[dict[str, Any]], answers: Sequence[Any], **how: Any) -> list[dict[str, Any]]:
    """The rows' added columns where the model writes these answers."""
    labeller = Labeller(read_papers(run), How(language="de", **how))
    languages = labeller.columns.languages(tuple(rows[0]), "rows")
    labeller.load()

    def ask(engine: Any, questions: Sequence[Any]) -> tuple[list[dict[str, Any]], int]:
        assert len(questions) == len(answers) and all(not q.choices and q.max_new_tokens for q in questions)
        return [{"text": text, "is_cut": False} for text in answers], len(answers)

    found = labeller.label(rows, languages, ask)
    assert all(row.pop("") in ("de", "") for row in found)
    return found


@pytest.mark.parametrize(
    ("task", "rows", "answers", "expected"),
    [
        ("wikiann", [{"tokens": ["Ada", "in", "Ulm"]}, {"tokens": ["Ja"]}, {"tokens": ["Nein"]}],
         ["PER: Ada | LOC: Ulm", "-", "no such form"],
         [{"answer": "PER: Ada | LOC: Ulm", "spans": '[["PER", "Ada"], ["LOC", "Ulm"]]', "reason": ""},
          {"answer": "-", "spans": "[]", "reason": ""},
          {"answer": "no such form", "spans": None, "reason": "unreadable"}]),
        ("wikiann", [{"text": "Ada in Ulm"}], ["PER: Ada"],
         [{"answer": "PER: Ada", "spans": '[["PER", "Ada"]]', "reason": ""}]),
        ("mgsm", [{"question": "Was ist 6 mal 3?"}, {"question": "Und 3?"}], ["Das sind 1.018,5.", None],
         [{"answer": "Das sind 1.018,5.", "number": "1018.5", "reason": ""},
          {"answer": None, "number": None, "reason": "not_finite: the model's scores are broken"}]),
        ("tydiqa", [{"context": "Ada lebt in Ulm.", "question": "Wo?"}], ["Ulm"], [{"answer": "Ulm", "reason": ""}]),
    ],
)  # fmt: skip
def test_what_is_read(
    task: str, rows: list[dict[str, Any]], answers: list[Any], expected: list[Any], base: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", base, f"task={task}")
    assert labelled(run, rows, answers) == expected


def test_a_label_at_the_end_of_a_chain_and_what_has_no_effect(base: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", base, "prompt.variant=cot_english", "task.rationale_field=why")
    rows = [{"premise": "Ada lebt in Ulm.", "hypothesis": "Ada lebt."}]
    (row,) = labelled(run, rows, ["She lives there.\nAnswer: ja"])
    assert (row["label"], row["reason"]) == ("entailment", "")
    for option in ({"abstain_below": 0.5}, {"calibration": "held_out"}):
        with pytest.raises(Problem, match=r"has no effect: .* writes its answers"):
            predict(run, rows, **option)
