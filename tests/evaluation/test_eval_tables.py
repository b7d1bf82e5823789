"""Figures made of answers: means over unseen languages, differences, tables and files."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import TaskConfig
from mslt_it.evaluation.answered import Answered
from mslt_it.evaluation.estimates import Difference, Settings
from mslt_it.evaluation.lm_eval_results import lm_eval_results
from mslt_it.evaluation.remarks import report
from mslt_it.evaluation.scores import Figures, ScoreRow, figures, read_records
from mslt_it.evaluation.tables import as_csv, label_table, tables
from mslt_it.problems import Problem
from mslt_it.records import Message, PromptedExample

XNLI = load_recipe("xnli_3src").task
MGSM = load_recipe("mgsm_3src").task
SETTINGS = Settings(0.95, 500, 0)
WORDS = ("Ja", "Vielleicht", "Nein")


def item(number: int, language: str, written: bool = False) -> PromptedExample:
    """The right answer of item n is the choice n % 3, or the number n."""
    messages = (Message("user", f"question {number}"),)
    if written:
        return PromptedExample(
            f"test:{number}", language, messages, str(number), (), str(number), (), True, chain_language=language
        )
    name = XNLI.label_names[number % 3]
    return PromptedExample(f"test:{number}", language, messages, WORDS[number % 3], WORDS, name)


def chosen(system: str, language: str, right: list[bool], role: str = "target", variant: str = "direct") -> Answered:
    """Scores whose largest is the right choice's where ``right`` says so, else the next one's."""
    rows = []
    for number, is_right in enumerate(right):
        scores = [-5.0 - 0.01 * number] * 3
        scores[number % 3 if is_right else (number + 1) % 3] = -1.0 - 0.01 * number
        rows.append({"id": f"test:{number}", "log_likelihoods": scores})
    items = tuple(item(number, language) for number in range(len(right)))
    return Answered("xnli", system, variant, language, role, items, tuple(rows), 10 * len(right), 0)


def written(system: str, language: str, texts: list[list[str | None]], variant: str = "cot_native") -> Answered:
    """Of item n the sampled answers texts[n]."""
    items = tuple(item(number, language, True) for number in range(len(texts)))
    rows = tuple(
        {"id": i.id, "sample": k, "text": t, "num_prompt_tokens": 5, "num_new_tokens": 4, "is_cut": t == "cut"}
        for i, samples in zip(items, texts, strict=True)
        for k, t in enumerate(samples)
    )
    return Answered("mgsm", system, variant, language, "target", items, rows, 5 * len(rows), 4 * len(rows))


def rows_of(found: Figures, **wanted: Any) -> list[ScoreRow]:
    """Of the main metric, where none is wanted."""
    wanted = {"metric": found.rows[0].metric} | wanted
    return [row for row in found.rows if all(getattr(row, key) == value for key, value in wanted.items())]


T, F = True, False


def test_the_mean_is_over_languages_that_no_system_has_seen() -> None:
    found = figures(
        XNLI,
        [
            chosen("base", "de", [T] * 6, "seen"), chosen("base", "tr", [T, T, T, F, F, F]),
            chosen("base", "sw", [T, F, F, F, F, F]), chosen("a", "de", [T] * 6, "source"),
            chosen("a", "tr", [T, T, T, T, F, F]), chosen("a", "sw", [T, T, F, F, F, F]),
        ],
        SETTINGS,
    )  # fmt: skip
    for system, value in (("base", (3 / 6 + 1 / 6) / 2), ("a", (4 / 6 + 2 / 6) / 2)):
        [mean] = rows_of(found, system=system, language="mean of unseen")
        assert mean.value == pytest.approx(value) and mean.n == 12 and mean.role == "target"
        assert mean.low is not None and mean.high is not None and 0 < mean.low < value < mean.high < 1
    [difference] = found.differences
    assert (difference.name_a, difference.name_b) == ("a / direct", "base / direct")
    assert difference.value == pytest.approx(2 / 12) and difference.low <= difference.value <= difference.high
    assert found.is_valid and found.notes == ()


def test_where_nothing_was_trained_on_the_mean_is_of_all() -> None:
    found = figures(XNLI, [chosen("m", "de", [T, T, F]), chosen("m", "tr", [T, F, F])], SETTINGS)
    [mean] = rows_of(found, language="mean")
    assert mean.value == pytest.approx(0.5) and found.differences == ()
    [mean] = rows_of(figures(XNLI, [chosen("m", "de", [T] * 3), chosen("m", "tr", [T] * 4)], SETTINGS), language="mean")
    assert mean.majority_share == pytest.approx((1 / 3 + 1 / 2) / 2)  # of tr, two of four have one label
    of_sources = [chosen(system, "de", [T, T, F], "source") for system in ("m", "n")]
    assert len(tables(figures(XNLI, of_sources, SETTINGS), 0.95)) == 1  # no table of means


def test_differences_are_paired_by_item() -> None:
    """Two systems that are right on the same items but one: the interval is narrow. On others: it is wide."""
    right = [T, F] * 30
    same = [*right[:-1], T]
    other = [F, T] * 29 + [T, T]
    assert sum(same) == sum(other) == sum(right) + 1

    def width(second: list[bool]) -> float:
        [d] = figures(XNLI, [chosen("a", "tr", right), chosen("b", "tr", second)], SETTINGS).differences
        assert d.value == pytest.approx(1 / 60)
        return d.high - d.low

    assert width(same) < 0.15 < 0.4 < width(other)


def test_equal_systems_differ_by_nothing_and_unequal_ones_surely() -> None:
    pairs = [chosen(system, "tr", [T, F] * 40) for system in ("a", "b")] + [chosen("c", "tr", [T] * 80)]
    found = {(d.name_a[0], d.name_b[0]): d for d in figures(XNLI, pairs, SETTINGS).differences}
    assert list(found) == [("b", "a"), ("c", "a"), ("c", "b")]
    assert found["b", "a"].value == 0 and found["b", "a"].p == 1
    assert found["c", "a"].p < 0.01 and found["c", "a"].p <= found["c", "a"].p_adjusted < 0.05


def test_pairs_differ_in_the_system_or_in_the_variant_not_in_both() -> None:
    every = [chosen(s, "tr", [T, F, T], variant=v) for s in ("a", "b") for v in ("direct", "translate_solve")]
    found = figures(XNLI, every, SETTINGS)
    assert {(d.name_a, d.name_b) for d in found.differences} == {
        ("a / translate_solve", "a / direct"),
        ("b / direct", "a / direct"),
        ("b / translate_solve", "a / translate_solve"),
        ("b / translate_solve", "b / direct"),
    }
    [(_, (_, *shown)), *_] = [one for one in tables(found, 0.95) if one[0].startswith("Differences in points")]
    assert {row[:3] for row in shown} == {
        ("a", "translate_solve - direct", "3"),
        ("direct", "b - a", "3"),
        ("translate_solve", "b - a", "3"),
        ("b", "translate_solve - direct", "3"),
    }


def test_a_system_with_an_invalid_language_has_no_mean_and_no_comparison() -> None:
    bad = chosen("bad", "sw", [T] * 4)
    bad = dataclasses.replace(bad, rows=tuple({**row, "log_likelihoods": ["nan", -1.0, -2.0]} for row in bad.rows))
    every = [chosen("a", "tr", [T] * 4), chosen("a", "sw", [T, F, T, T]), bad, chosen("bad", "tr", [T] * 4)]
    found = figures(XNLI, [*every, chosen("b", "tr", [T] * 4), chosen("b", "sw", [T] * 4)], SETTINGS)
    assert not found.is_valid and not rows_of(found, system="bad", language="mean")
    assert [(d.name_a, d.name_b) for d in found.differences] == [("b / direct", "a / direct")]
    assert found.notes == ("bad / direct: no valid scores in some language, left out of the comparisons",)
    [row] = rows_of(found, system="bad", language="tr")
    assert row.is_above_chance is not None and [one.language for one in found.labels if one.system == "bad"] == ["tr"]
    [row] = rows_of(found, system="bad", language="sw")
    assert (row.status, row.value, row.low, row.high) == ("invalid", None, None, None)
    assert row.reason == "4 of 4 items have a score that is NaN"
    text = report(found, 0.95)
    assert "invalid: bad direct sw: 4 of 4 items have a score that is NaN" in text


def test_samples_are_voted_on_counted_and_told() -> None:
    answers = [
        ["Antwort: 0", "Antwort: 7", "Antwort: 0"],  # right by two to one
        ["Antwort: 9", "Antwort: 1", "Antwort: 9"],  # wrong by two to one
        ["nichts", "Antwort: 2", "cut"],  # right: only one can be read
        ["nichts", "cut", "nichts"],  # unread
    ]
    [row, mean] = figures(MGSM, [written("m", "de", [list(a) for a in answers])], SETTINGS).rows
    assert (row.value, row.n, row.samples, row.num_unparsable, row.num_cut) == (0.5, 4, 3, 1, 2)
    assert (row.prompt_tokens_per_item, row.new_tokens_per_item) == (15, 12)
    assert (mean.num_unparsable, mean.num_cut) == (1, 2)
    assert (mean.prompt_tokens_per_item, mean.new_tokens_per_item) == (15, 12)
    [_, cost] = tables(figures(MGSM, [written("m", "de", [list(a) for a in answers])], SETTINGS), 0.95)
    assert cost[1][1][:4] == ("m", "cot_native", "25.0 %", "16.7 %")


def test_the_languages_of_answers_are_added_up_and_their_share_is_a_mean_over_languages() -> None:
    english, german = "The boat is in the harbour. 0", "Das Boot liegt in dem Hafen. 0"
    answers = [written("m", "de", [[english], [german]]), written("m", "sw", [[english]] * 3)]
    [mean] = rows_of(figures(MGSM, answers, SETTINGS), language="mean")
    assert mean.language_share == pytest.approx((1 / 2 + 0) / 2) and mean.other_languages == {"en": 4}


def test_a_written_answer_from_broken_scores_is_no_wrong_answer() -> None:
    found = figures(MGSM, [written("m", "de", [["Antwort: 0"], [None]])], SETTINGS)
    [row] = found.rows
    assert row.status == "invalid" and row.value is None
    assert row.reason == "1 of 2 answers have scores that are not finite"


def test_prompts_without_room_are_told_and_all_of_them_are_invalid() -> None:
    one = written("m", "de", [["Antwort: 0"], [""]])
    full = tuple({**r, "is_cut": True, "num_new_tokens": 0} if not r["text"] else r for r in one.rows)
    found = figures(MGSM, [dataclasses.replace(one, rows=full)], SETTINGS)
    assert found.rows[0].num_without_room == 1 and found.rows[0].value == 0.5
    assert "1 prompt is longer than the model can read: no answer, counted as wrong." in report(found, 0.95)
    none = tuple({**r, "text": "", "is_cut": True, "num_new_tokens": 0} for r in one.rows)
    [row] = figures(MGSM, [dataclasses.replace(one, rows=none)], SETTINGS).rows
    assert (row.status, row.reason) == ("invalid", "every prompt is longer than the model can read")


@pytest.fixture(scope="module")
def wide() -> Figures:
    """Three systems, two variants, three languages of which one was trained on."""
    draw = np.random.default_rng(0)
    every = []
    for number, system in enumerate(("base", "one|two", 'say "x", y')):
        for variant in ("direct", "translate_solve"):
            for code, role in (("de", "seen" if number else "source"), ("tr", "target"), ("th", "target")):
                every.append(chosen(system, code, (draw.random(12) < 0.3 + 0.2 * number).tolist(), role, variant))
    return figures(XNLI, every, SETTINGS)


def test_the_csv_says_what_the_rows_say(wide: Figures) -> None:
    read = list(csv.DictReader(io.StringIO(as_csv(wide.rows, ScoreRow))))
    assert len(read) == len(wide.rows) == 2 * 6 * 4  # accuracy and macro-F1
    for line, row in zip(read, wide.rows, strict=True):
        for field in dataclasses.fields(ScoreRow):
            value = getattr(row, field.name)
            assert line[field.name] == ("" if value is None or value == {} else str(value))
    differences = list(csv.DictReader(io.StringIO(as_csv(wide.differences, Difference))))
    assert [float(line["p_adjusted"]) for line in differences] == [d.p_adjusted for d in wide.differences]
    assert len(as_csv([], Difference).splitlines()) == 1


def test_markdown_tables_have_as_many_cells_in_every_line(wide: Figures) -> None:
    blocks = [block for block in report(wide, 0.95, markdown=True).split("\n\n") if block.startswith("|")]
    assert len(blocks) == 4
    for block in blocks:
        lines = block.split("\n")
        counts = {line.replace("\\|", "").count("|") for line in lines}
        assert len(counts) == 1 and set(lines[1]) == {"|", "-"}


def test_the_terminal_shows_each_language_and_numbers_the_columns(wide: Figures) -> None:
    text = report(wide, 0.95)
    assert "[6]" in text and "tr Turkish" in text and "Mean over the 2 unseen languages" in text
    assert "for other languages like these" in text or "languages like these" in text
    assert "base direct: 0 of 2 unseen languages are above chance" in text and "; not: tr, th." in text
    assert (
        "p corrected for 9 comparisons" in text
        and "p corrected for 18 comparisons" in text
        and "mean of unseen" in text
    )
    assert max(map(len, text.split("\n"))) < 160
    (_, (_, *shown)), *_ = tables(wide, 0.95)
    assert [row[:2] for row in shown] == [(name, "12") for name in ("de German", "tr Turkish", "th Thai")] + [
        ("mean of unseen", "24")
    ]


def test_lm_evals_form_names_tasks_and_metrics_as_lm_eval_does(wide: Figures) -> None:
    own = [row for row in wide.rows if (row.system, row.variant) == ("base", "direct")]
    form = lm_eval_results(own, model="pretrained=x", settings={"variant": "direct"}, num_shots=2)
    json.dumps(form, allow_nan=False)
    names = ["mslt_xnli_de", "mslt_xnli_tr", "mslt_xnli_th", "mslt_xnli"]
    assert list(form["results"]) == names and form["group_subtasks"]["mslt_xnli"] == names[1:3]
    of = [form["results"][name]["acc,none"] for name in form["group_subtasks"]["mslt_xnli"]]  # de is seen
    assert form["results"]["mslt_xnli"]["acc,none"] == pytest.approx(np.mean(of))
    assert list(form["configs"]) == names[:3] and set(form["n-shot"].values()) == {2}
    for row in rows_of(wide, system="base", variant="direct"):
        entry = form["results"]["mslt_xnli" if " " in row.language else f"mslt_xnli_{row.language}"]
        assert entry["acc,none"] == row.value and "macro_f1,none" in entry
    one = form["results"]["mslt_xnli_tr"]
    right = [1.0] * round(12 * one["acc,none"]) + [0.0] * round(12 * (1 - one["acc,none"]))
    assert one["acc_stderr,none"] == pytest.approx(np.std(right, ddof=1) / 12**0.5)
    [number] = figures(MGSM, [written("m", "de", [["Antwort: 0"], ["5"]])], SETTINGS).rows[:1]
    form = lm_eval_results([number], model="m", settings={}, num_shots=0)
    assert form["results"]["mslt_mgsm_de"]["exact_match,none"] == 0.5
    assert form["higher_is_better"]["mslt_mgsm_de"] == {"exact_match": True}


def test_one_answer_for_everything_is_said_by_name_and_is_not_above_chance() -> None:
    """A third of the gold labels are each label; a system that always says one, and one that is right."""
    same = chosen("a", "tr", [number % 3 == 0 for number in range(30)])
    same = dataclasses.replace(
        same, rows=tuple({**row, "log_likelihoods": [-1.0 - n / 100, -2.0, -3.0]} for n, row in enumerate(same.rows))
    )
    found = figures(XNLI, [same, chosen("b", "tr", [T] * 30)], SETTINGS, {"a": {"neutral": 60, "entailment": 40}})
    by_system = {row.system: row for row in rows_of(found, language="tr")}
    assert by_system["a"].only_label == "entailment" and by_system["a"].is_above_chance is False
    assert by_system["a"].train_majority_share == pytest.approx(1 / 3) and by_system["b"].train_majority_share is None
    tied = figures(XNLI, [same], SETTINGS, {"a": {"neutral": 50, "entailment": 50, "contradiction": 20}})
    assert {row.train_majority_share for row in tied.rows} == {None}  # no label is the most frequent one
    assert by_system["b"].is_above_chance is True and by_system["b"].only_label == ""
    [some] = rows_of(figures(XNLI, [chosen("c", "tr", [T, T, F] * 30)], SETTINGS), language="tr")
    assert some.is_above_chance is True  # two of three right, of three labels
    text = " ".join(report(found, 0.95).split())
    assert "a direct gave every item the same label, whatever its text: tr 'entailment' (30 of 30)." in text
    assert "a direct: 0 of 1 unseen languages" in text and "b direct: 1 of 1 unseen languages" in text
    assert text.count("most frequent label: ") == text.count("most frequent label: 33.3 % on average.") == 1  # a's
    assert [label_table(report)[0] for report in found.labels] == ["tr, a", "tr, b"]


def test_f1_tasks_have_two_metrics() -> None:
    task: TaskConfig = load_recipe("tydiqa_3src").task
    items = tuple(
        PromptedExample(f"{n}", "fi", (Message("user", f"q{n}"),), "a b", (), "a b", ("a b",), True) for n in range(3)
    )
    rows = tuple(
        {"id": str(n), "sample": 0, "text": t, "num_prompt_tokens": 1, "num_new_tokens": 1, "is_cut": False}
        for n, t in enumerate(["a b", "a", ""])
    )
    found = figures(task, [Answered("tydiqa", "m", "direct", "fi", "target", items, rows, 3, 3)], SETTINGS)
    values = {row.metric: row.value for row in found.rows if row.language == "fi"}
    assert values["qa_f1"] == pytest.approx((1 + 2 / 3) / 3) and values["exact_match"] == pytest.approx(1 / 3)
    form = lm_eval_results(found.rows, model="m", settings={}, num_shots=0)["results"]["mslt_tydiqa_fi"]
    assert {"f1,none", "exact_match,none"} <= set(form)


def test_results_of_another_version_are_refused_by_name() -> None:
    for kind, name in ((ScoreRow, "results"), (Difference, "differences")):
        with pytest.raises(Problem, match=r"evals/x/results\.json: its results come from another version of mslt_it"):
            read_records(kind, {name: [{"num_unmatched": 0}]}, name, "evals/x/results.json")
