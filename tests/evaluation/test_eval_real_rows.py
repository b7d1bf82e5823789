"""The benchmarks' own rows, where they are at hand, through every way of asking to the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_eval import answers, call, results

DATA = Path(__file__).parents[3] / "shared" / "data"
DIRECT = [
    ("xnli", "[de,sw,zh]", ["task.score_split=dev"]),
    ("pawsx", "[de,zh]", ["task.score_split=dev"]),
    ("xcopa", "[et,th]", ["task.score_split=val"]),
    ("xwinograd", "[fr,ru,zh]", []),
]
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the benchmarks' own files are not here")


@pytest.mark.parametrize(("task", "languages", "more"), DIRECT, ids=[task for task, *_ in DIRECT])
def test_direct(task: str, languages: str, more: list[str], base: Path, tmp_path: Path) -> None:
    out, data = tmp_path / "out", f"task.data={DATA / task}"
    assert call(f"model={base}", f"task={task}", data, f"languages={languages}", "examples=4", f"out={out}", *more) == 0
    rows = [row for row in results(out)["results"] if row["metric"] == "accuracy"]
    assert [row["n"] for row in rows][:-1] == [4] * len(answers(out))


def test_chains_of_thought_about_numbers(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [f"model={base}", "task=mgsm", f"task.data={DATA / 'mgsm'}", "languages=[de,en,sw,th,zh]"]
    more = ["variant=cot_native", "examples=2", "max_new_tokens=8", f"out={out}"]
    assert call(*arguments, *more) == 0
    assert len(answers(out)) == 5 and all(len(rows) == 2 for rows in answers(out).values())
    assert [row["language"] for row in results(out)["results"]] == ["de", "en", "sw", "th", "zh", "mean"]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["xnli", "pawsx", "xcopa", "xwinograd", "mgsm"])
def test_every_variant(task: str, base: Path, tmp_path: Path) -> None:
    languages = {"xnli": "[de,tr]", "pawsx": "[de,fr]", "xcopa": "[et,tr]", "xwinograd": "[fr,ru]", "mgsm": "[de,sw]"}
    more = {"xnli": ["task.score_split=dev"], "pawsx": ["task.score_split=dev"], "xcopa": ["task.score_split=val"]}
    arguments = [f"model={base}", f"task={task}", f"task.data={DATA / task}", f"languages={languages[task]}"]
    variants = "variant=[direct,cot_native,cot_english,translate_solve,xlt]"
    settings = ["examples=2", "max_new_tokens=6", "samples=2", "shots=1", f"out={tmp_path / 'out'}"]
    assert call(*arguments, variants, *settings, *more.get(task, [])) == 0
    assert len(answers(tmp_path / "out")) == 10
