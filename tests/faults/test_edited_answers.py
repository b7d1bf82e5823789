"""Answers and figures that somebody edited become no result: they are asked or made again, or refused by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_run import TRAIN, Call, Survived, figures, unfinished

from mslt_it import api
from mslt_it.journal import Journal
from mslt_it.problems import Problem

PREDICTED, ASKED = "predictions/en.jsonl", "items/xnli/direct/adapter/en.jsonl"


def all_right(path: Path) -> None:
    """Predictions as somebody would like them."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line["adapter_prediction"] = line["label"]
    path.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines), encoding="utf-8")


def likelier(path: Path) -> None:
    """The first choice of every item becomes the likeliest."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"log_likelihoods":[-', '"log_likelihoods":[-0.0'), encoding="utf-8")


def of_another(path: Path) -> None:
    """The base's answers in the place of the adapter's."""
    other = Path(str(path).replace("/adapter/", "/base/"))
    first = path.read_bytes().partition(b"\n")[0]
    path.write_bytes(first + b"\n" + other.read_bytes().partition(b"\n")[2])


def better(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace('"value": 0.', '"value": 0.9'), encoding="utf-8")


EDITS: list[tuple[str, Callable[[Path], None]]] = [
    (PREDICTED, all_right), (ASKED, likelier), (ASKED, of_another), ("results.json", better)
]  # fmt: skip


@pytest.mark.parametrize("is_finished", [True, False], ids=["finished", "unfinished"])
def test_a_run_with_edited_answers_gives_the_figures_that_it_had(
    is_finished: bool, own: Path, call: Call, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived(f"answers of {'a finished' if is_finished else 'an unfinished'} run edited", len(EDITS))
    expected, appended = figures(own / "run"), []
    append = Journal.append
    monkeypatch.setattr(Journal, "append", lambda *args: appended.append(args[0].path.name) or append(*args))
    if not is_finished:
        unfinished(own / "run")
    for name, edit in EDITS:
        before = (own / "run" / name).read_bytes()
        edit(own / "run" / name)
        assert (own / "run" / name).read_bytes() != before
    code, out, err = call(*TRAIN)
    assert code == 0 and figures(own / "run") == expected and "already finished" not in out
    noticed = "has changed since the run finished" if is_finished else "was altered or damaged"
    assert f"run/{ASKED} {noticed}" in err and set(appended) == {"en.jsonl"}
    assert (PREDICTED in err) is is_finished  # else made of the answers in any case


@pytest.mark.parametrize(("name", "edit"), EDITS, ids=lambda one: getattr(one, "__name__", ""))
def test_nothing_is_made_of_edited_answers(
    name: str, edit: Callable[[Path], None], own: Path, call: Call, survived: Survived
) -> None:
    survived("answers edited before a report is made", 1)
    edit(own / "run" / name)
    code, _, err = call("report", "run=run")
    assert code == 2 and f"run=run: {name} is not what was saved" in err and "command again" in err
    assert not (own / "run" / "report.html").exists()
    if name == PREDICTED:
        with pytest.raises(Problem, match=r"predictions/en\.jsonl has changed since the run finished"):
            api.TrainedRun.read("run").answers("en")
    if name == "results.json":
        with pytest.raises(Problem, match=r"results\.json has changed since the run finished"):
            api.TrainedRun.read("run")


@pytest.mark.parametrize("is_finished", [True, False], ids=["finished", "unfinished"])
def test_an_evaluation_with_edited_answers_asks_again(
    is_finished: bool, own: Path, call: Call, survived: Survived
) -> None:
    survived("answers of an evaluation edited", 2)
    asked = ("eval", "run=run", "languages=[en,sw]", "examples=4", "variant=xlt", "max_new_tokens=4", "out=scored")
    assert call(*asked, "cache=none")[0] == 0
    expected = json.loads((own / "scored" / "results.json").read_text(encoding="utf-8"))["results"]
    if not is_finished:
        unfinished(own / "scored")
        (own / "scored" / "request.json").write_text('{"files": {}}', encoding="utf-8")
    journal = own / "scored" / "items" / "xnli" / "xlt" / "run" / "sw.jsonl"
    before = journal.read_bytes()
    journal.write_bytes(before.replace(b'"text":"', b'"text":"entailment', 1))
    code, out, err = call(*asked, "cache=none")
    noticed = "has changed since the evaluation finished" if is_finished else "was altered or damaged"
    assert code == 0 and journal.read_bytes() == before and f"sw.jsonl {noticed}" in err
    assert json.loads((own / "scored" / "results.json").read_text(encoding="utf-8"))["results"] == expected
    assert "16 answers" not in out and "answers computed" in out  # the others were taken from the files


def test_edited_labels_of_an_unfinished_file_are_given_again(
    own: Path, call: Call, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived("labels of an unfinished prediction edited", 2)
    monkeypatch.setattr("mslt_it.prediction.job.CHUNK", 2)
    rows = "".join(f"en,the {n} boats are red,there are boats\n" for n in range(6))
    (own / "new.csv").write_text(f"lang,premise,hypothesis\n{rows}", encoding="utf-8")
    assert call("predict", "run=run", "data=new.csv", "out=whole.csv")[0] == 0
    asked = ("predict", "run=run", "data=new.csv", "out=out.csv")
    with monkeypatch.context() as patch:
        patch.setattr("mslt_it.prediction.job.Job.join", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            call(*asked)
    done = own / ".out.csv.part" / "done"
    first = (done / "000000.jsonl").read_bytes()
    (done / "000000.jsonl").write_bytes(first.replace(b'"label":"', b'"label":"x', 1))
    shutil.copy(done / "000002.jsonl", done / "000001.jsonl")  # whole, and of other rows
    code, out, err = call(*asked)
    assert code == 0 and (own / "out.csv").read_bytes() == (own / "whole.csv").read_bytes()
    assert err.count("was altered or damaged: its rows are labelled again") == 2 and "Resuming: 1 chunk of" in out
