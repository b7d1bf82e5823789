"""How far figures depend on the question, by the benchmark: what it finds in made answers, and its whole way."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmark_script import benchmark
from made_cells import SPAN_F1, cell
from tiny_eval import make_base, write_pairs

from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import ACCURACY
from mslt_it.problems import Problem

BENCHMARK = benchmark("prompt_sensitivity")
RIGHT, WRONG = [1.0] * 12, [0.0] * 12


def asked(right, language="de", question="?", **more):
    """Answers of one question and language, of which some are right."""
    said = np.array(["yes" if one else "no" for one in right])
    return BENCHMARK.Asked(cell(right, language, **more), said, (question,) * len(right))


def report(**answers):
    """Of question -> [answers of a language]."""
    names = {"a": "English 0", "b": "English 1", "c": "its own"}
    by_language = {names[q]: {one.cell.language: one for one in of} for q, of in answers.items()}
    return BENCHMARK.report(ACCURACY, by_language)


def test_answers_that_never_change_have_no_spread() -> None:
    half = [1.0, 0.0] * 6
    (row,) = report(a=[asked(half)], b=[asked(half, question="b")], c=[asked(half, question="c")])["languages"]
    assert (row["spread"], row["by chance"], row["p"], row["same answer"]) == (0, 0, 1, 1)
    assert row["answers"] == {key: {"yes": 0.5, "no": 0.5} for key in ("English 0", "English 1", "its own")}


def test_one_question_that_is_always_right_is_found() -> None:
    (row,) = report(a=[asked(RIGHT)], b=[asked(WRONG, question="b")], c=[asked(WRONG, question="c")])["languages"]
    # Two in 3^11 of all ways to deal twelve rows out give such a spread, or a larger one: too few to be drawn.
    assert row["spread"] == 1 and row["p"] == pytest.approx(1 / 10_000, abs=2e-4)
    assert row["same answer"] == pytest.approx(1 / 3) and 0.2 < row["by chance"] < 0.4


def test_p_is_that_of_all_ways_to_deal_the_rows_out() -> None:
    # Two questions, three rows of which one question has all right: 2 of 2^3 ways.
    (row,) = report(a=[asked(RIGHT[:3])], c=[asked(WRONG[:3], question="c")])["languages"]
    assert row["p"] == pytest.approx(0.25, abs=0.02)
    assert row["by chance"] == pytest.approx((2 * 1 + 6 / 3) / 8, abs=0.02)


def test_rows_of_one_group_are_dealt_out_together() -> None:
    group = ("a",) * 6 + ("b",) * 6
    (row,) = report(a=[asked(RIGHT, groups=group)], c=[asked(WRONG, groups=group, question="c")])["languages"]
    assert row["p"] == pytest.approx(0.5, abs=0.03)  # as of two rows


@pytest.mark.parametrize(("ids", "by_chance"), [(None, 0.5), (("x", "y", "z"), 0.3125)])
def test_translations_are_dealt_out_together(ids: tuple[str, ...] | None, by_chance: float) -> None:
    """Of three rows in two languages the mean moves as three rows do, or, of other items, as six."""
    found = report(
        a=[asked(RIGHT[:3]), asked(RIGHT[:3], "tr", ids=ids)],
        c=[asked(WRONG[:3], question="c"), asked(WRONG[:3], "tr", "c", ids=ids)],
    )
    assert found["mean"]["by chance"] == pytest.approx(by_chance, abs=0.02)
    assert found["mean"]["own less English 0"]["value"] == -1


def test_the_same_question_twice_counts_once() -> None:
    found = report(
        a=[asked(RIGHT, "en"), asked(RIGHT), asked(RIGHT, "tr")],
        b=[asked(WRONG, "en", "b"), asked(WRONG, question="b"), asked(WRONG, "tr", "b")],
        c=[asked(RIGHT, "en"), asked(WRONG, question="c"), asked(WRONG, "tr", "c")],
    )
    assert [row["language"] for row in found["languages"]] == ["en", "de", "tr"]
    assert "its own" not in found["languages"][0] and found["mean"]["languages"] == ["de", "tr"]


def test_f1_is_of_the_sums() -> None:
    cells = [
        [Cell("de", ("a", "b"), np.array(counts, float)) for counts in ([[2, 0, 0], [0, 1, 1]], [[0, 2, 2], [1, 0, 0]])]
    ]
    found = BENCHMARK.exchanged(SPAN_F1, cells, np.random.default_rng(0))
    # Dealt: (2,1,1) and (1,2,2) of the sums, or (3,0,0) and (0,3,3), each half of the time.
    assert {tuple(np.round(np.sort(one), 6)) for one in found[:, 0]} == {(0.333333, 0.666667), (0.0, 1.0)}


@pytest.mark.parametrize("more", [[], ["languages=[de,tr]"]])
def test_a_base_is_asked_in_four_ways(
    more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base, data, file = make_base(tmp_path / "base"), write_pairs(tmp_path / "pairs"), tmp_path / "figures.json"
    words = [f"model={base}", "task=xnli", f"task.data={data}", f"cache={tmp_path / 'cache'}", *more]
    monkeypatch.setattr(sys, "argv", ["prompt_sensitivity.py", *words, "--json", str(file)])
    BENCHMARK.main()
    found = json.loads(file.read_text())
    assert [row["language"] for row in found["languages"]] == (["de", "tr"] if more else ["de", "en", "tr"])
    assert all(row["n"] == 9 and 0 <= row["spread"] <= 1 and 0 < row["p corrected"] <= 1 for row in found["languages"])
    assert all(
        set(shares) <= {"entailment", "neutral", "contradiction"} and sum(shares.values()) == pytest.approx(1)
        for row in found["languages"]
        for shares in row["answers"].values()
    )
    assert found["mean"]["languages"] == ["de", "tr"] and found["dtype"] == "float32"
    assert "its own less English 0" in capsys.readouterr().out


def test_two_systems_are_refused(tmp_path: Path) -> None:
    for system in ("base", "run"):
        (tmp_path / "items" / "xnli" / "direct" / system).mkdir(parents=True)
    with pytest.raises(Problem, match=r"answers of 2 systems\. One is wanted: give base=false with run="):
        BENCHMARK.only_system(tmp_path)
