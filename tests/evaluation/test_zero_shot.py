"""From scores to results: roles, gains, the mean over unseen languages, and what is invalid."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mslt_it.evaluation import zero_shot
from mslt_it.evaluation.measures import ACCURACY
from mslt_it.evaluation.zero_shot import (
    MACRO,
    LanguageScores,
    label_reports,
    read_predictions,
    results,
    score_language,
    write_predictions,
)
from mslt_it.records import EvalResult, Message, PromptedExample, Recipe, ScoringConfig

LABELS = ("entailment", "neutral", "contradiction")
RECIPE = Recipe(
    name="toy", sources=("en", "ar"), targets=("sw", "th"), scoring=ScoringConfig(num_bootstrap=300, batch_tokens=64)
)


def make_items(language: str, number: int = 12, start: int = 0) -> list[PromptedExample]:
    words = tuple(f"{language}-{label}" for label in LABELS)
    return [
        PromptedExample(f"item{i}", language, (Message("user", f"{language} {i}"),), words[i % 3], words, LABELS[i % 3])
        for i in range(start, start + number)
    ]


def scores_with(items: list[PromptedExample], num_right: int) -> np.ndarray:
    """Log-likelihoods under which the first ``num_right`` items are answered rightly and the others wrongly."""
    found = np.full((len(items), 3), -5.0)
    for i, item in enumerate(items):
        gold = item.choices.index(item.answer)
        found[i, gold if i < num_right else (gold + 1) % 3] = -0.5 - i / 100
    return found


def scored(language: str, right: int, base_right: int, number: int = 12, start: int = 0) -> LanguageScores:
    items = make_items(language, number, start)
    return LanguageScores(language, tuple(items), scores_with(items, right), scores_with(items, base_right))


@pytest.fixture
def all_scored() -> dict[str, LanguageScores]:
    return {
        "th": scored("th", 6, 4),
        "sw": scored("sw", 9, 3),
        "ar": scored("ar", 11, 4),
        "en": scored("en", 12, 4),
    }


def mean_of(rows: list[EvalResult]) -> EvalResult:
    return next(row for row in rows if row.language == MACRO and row.metric == "accuracy")


def test_results_are_ordered_and_have_roles(all_scored: dict[str, LanguageScores]) -> None:
    rows = results(RECIPE, all_scored, {})
    assert [(r.language, r.role) for r in rows] == [
        ("en", "source"), ("ar", "source"), ("sw", "target"), ("th", "target"), (MACRO, "target")
    ] * 2  # fmt: skip
    english, swahili = rows[0], rows[2]
    assert (english.value, english.high, english.n, english.status) == (1.0, 1.0, 12, "ok")
    assert swahili.value == 0.75 and swahili.base_value == 0.25 and swahili.gain == pytest.approx(0.5)
    for row in rows:
        assert row.low is not None and row.low <= row.value <= row.high
        assert row.gain_low <= row.gain <= row.gain_high
        assert (row.task, row.variant) == ("xnli", "direct")
    assert [row.metric for row in rows] == ["accuracy"] * 5 + ["macro_f1"] * 5
    assert rows == results(RECIPE, dict(reversed(all_scored.items())), {})


def test_the_mean_is_over_unseen_languages_only(all_scored: dict[str, LanguageScores]) -> None:
    macro = mean_of(results(RECIPE, all_scored, {}))
    assert macro.value == pytest.approx((9 + 6) / 24) and macro.base_value == pytest.approx((3 + 4) / 24)
    assert macro.gain == pytest.approx((9 + 6 - 3 - 4) / 24) and macro.n == 24


def test_items_are_told_by_id_and_not_by_place(all_scored: dict[str, LanguageScores]) -> None:
    """The same items in another order in one language: the same mean and interval."""
    expected = mean_of(results(RECIPE, all_scored, {}))
    thai = all_scored["th"]
    order = np.random.default_rng(0).permutation(12)
    items = tuple(thai.items[i] for i in order)
    all_scored["th"] = LanguageScores("th", items, thai.adapter[order], thai.base[order])
    assert mean_of(results(RECIPE, all_scored, {})) == expected


def test_the_mean_is_that_of_the_rows_above_whatever_items_they_share(all_scored: dict[str, LanguageScores]) -> None:
    """One language has fewer items, and one that no other has: all rows count, and what is shared is told."""
    all_scored["th"] = scored("th", 2, 1, 5, start=8)
    rows = {row.language: row for row in results(RECIPE, all_scored, {})[:5]}
    assert rows["th"].value == 0.4 and rows["th"].n == 5 and rows["sw"].value == 0.75
    mean = rows[MACRO]
    assert mean.value == pytest.approx((rows["sw"].value + rows["th"].value) / 2)
    assert mean.base_value == pytest.approx((rows["sw"].base_value + rows["th"].base_value) / 2)
    assert mean.gain == pytest.approx(mean.value - mean.base_value)
    assert (mean.n, mean.num_shared, mean.num_groups) == (17, 4, 13)


def test_a_mean_has_an_interval_for_other_languages(all_scored: dict[str, LanguageScores]) -> None:
    rows = {row.language: row for row in results(RECIPE, all_scored, {})[:5]}
    mean = rows[MACRO]
    assert mean.languages_low is not None and mean.languages_low <= mean.value <= mean.languages_high
    assert mean.gain_languages_low is not None and mean.gain_languages_low <= mean.gain <= mean.gain_languages_high
    assert rows["sw"].languages_low is None


def test_one_answer_for_everything_is_no_skill() -> None:
    """262 of 350 messages are of one kind, and every answer is that kind."""
    recipe = Recipe(name="toy", sources=("en",), targets=("sw", "th"), scoring=ScoringConfig(num_bootstrap=300))
    found = {}
    for code in ("en", "sw", "th"):
        gold = [0] * 262 + [1] * 50 + [2] * 38
        words = tuple(f"{code}-{label}" for label in LABELS)
        items = tuple(
            PromptedExample(f"{code}{i}", code, (Message("user", str(i)),), words[g], words, LABELS[g])
            for i, g in enumerate(gold)
        )
        same = np.array([[-0.1 - i / 1000, -2.0, -3.0] for i in range(350)])
        right = np.array([[-0.1 - i / 1000 if g == k else -2.0 for k in range(3)] for i, g in enumerate(gold)])
        found[code] = LanguageScores(code, items, right if code == "th" else same, right)
    rows = {(row.language, row.metric): row for row in results(recipe, found, {"entailment": 60, "neutral": 40})}
    swahili = rows["sw", "accuracy"]
    assert swahili.value == swahili.majority_share == swahili.train_majority_share == pytest.approx(262 / 350)
    assert swahili.is_above_chance is False and swahili.only_label == "entailment"
    assert rows["sw", "macro_f1"].value == pytest.approx((2 * 262 / (350 + 262)) / 3)
    thai = rows["th", "accuracy"]
    assert thai.value == 1.0 and thai.is_above_chance is True and thai.only_label == ""
    assert rows["en", "accuracy"].is_above_chance is None  # seen in training
    report = next(r for r in label_reports(recipe, found) if (r.language, r.system) == ("sw", "adapter"))
    assert report.confusion == ((262, 0, 0, 0), (50, 0, 0, 0), (38, 0, 0, 0))


def test_rows_of_one_premise_are_drawn_together(all_scored: dict[str, LanguageScores]) -> None:
    """Three rows to a premise that are right or wrong together tell as much as a third of the rows."""
    loose = scored("sw", 6, 6)
    items = tuple(dataclasses.replace(item, group=str(i // 3)) for i, item in enumerate(loose.items))
    alone, grouped = (
        results(RECIPE, {"sw": LanguageScores("sw", rows, loose.adapter, loose.base)}, {})[0]
        for rows in (loose.items, items)
    )
    assert (alone.num_groups, grouped.num_groups) == (12, 4) and alone.value == grouped.value
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_an_invalid_adapter_has_no_figure_and_there_is_no_mean(all_scored: dict[str, LanguageScores]) -> None:
    all_scored["sw"].adapter[3, 1] = np.nan
    rows = results(RECIPE, all_scored, {})
    bad = {r.language: r for r in rows}["sw"]
    assert bad.status == "invalid" and bad.reason == "adapter: 1 of 12 items have a score that is NaN"
    assert (bad.value, bad.low, bad.high, bad.base_value, bad.gain) == (None,) * 5
    assert bad.n == 12 and bad.role == "target"
    assert MACRO not in [r.language for r in rows]


def test_a_constant_adapter_is_invalid(all_scored: dict[str, LanguageScores]) -> None:
    all_scored["en"].adapter[:] = [-1.0, -2.0, -3.0]
    assert results(RECIPE, all_scored, {})[0].status == "invalid"


def test_an_invalid_base_costs_the_gain_only(all_scored: dict[str, LanguageScores]) -> None:
    all_scored["ar"].base[:] = -1.0
    row = results(RECIPE, all_scored, {})[1]
    assert row.status == "ok" and row.value == pytest.approx(11 / 12)
    assert row.base_value is None and row.gain is None and row.reason.startswith("base: every item has the same score")


def test_an_invalid_base_of_a_target_costs_the_gain_of_the_mean(all_scored: dict[str, LanguageScores]) -> None:
    all_scored["sw"].base[:] = np.nan
    rows = {r.language: r for r in results(RECIPE, all_scored, {})}
    assert rows["sw"].gain is None
    assert MACRO not in rows or rows[MACRO].gain is None


def test_no_mean_over_one_language_or_over_some(all_scored: dict[str, LanguageScores]) -> None:
    del all_scored["th"]
    assert [r.language for r in results(RECIPE, all_scored, {})] == ["en", "ar", "sw"] * 2
    assert results(RECIPE, {}, {}) == []
    single = Recipe(name="toy", sources=("en",), targets=("sw",), scoring=RECIPE.scoring)
    assert [r.language for r in results(single, all_scored, {})] == ["en", "sw"] * 2


def test_predictions_come_back_as_they_were(
    all_scored: dict[str, LanguageScores], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zero_shot, "build_scored_set", lambda recipe, language, rows: make_items(language))
    one = all_scored["sw"]
    one.adapter[0, 0] = 1 / 3  # all its digits are kept
    one.adapter[1, 1], one.base[2, 0], one.base[2, 1] = np.nan, -np.inf, np.inf
    write_predictions(one, RECIPE, tmp_path)
    lines = [json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / "sw.jsonl").read_text().splitlines()]
    assert lines[0]["id"] == "item0" and lines[0]["label"] == "entailment" and lines[0]["language"] == "sw"
    assert lines[1]["adapter_prediction"] is None and lines[1]["adapter_log_likelihoods"][1] == "nan"
    assert lines[1]["base_prediction"] == "neutral"
    back = read_predictions(RECIPE, "sw", tmp_path)
    assert back is not None and back.items == one.items
    np.testing.assert_array_equal(back.adapter, one.adapter)
    np.testing.assert_array_equal(back.base, one.base)
    assert results(RECIPE, {"sw": back}, {}) == results(RECIPE, {"sw": one}, {})


def test_predictions_of_other_items_are_not_taken(
    all_scored: dict[str, LanguageScores], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_predictions(RECIPE, "sw", tmp_path) is None  # none written
    write_predictions(all_scored["sw"], RECIPE, tmp_path)
    monkeypatch.setattr(zero_shot, "build_scored_set", lambda recipe, language, rows: make_items(language, start=1))
    assert read_predictions(RECIPE, "sw", tmp_path) is None
    monkeypatch.setattr(zero_shot, "build_scored_set", lambda recipe, language, rows: make_items(language, number=11))
    assert read_predictions(RECIPE, "sw", tmp_path) is None


def test_scoring_asks_with_the_adapter_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same requests twice, in the order of the items, under the adapter and under disable_adapter()."""
    items = make_items("sw", 5)
    words = sorted({c for item in items for c in item.choices})
    seen: list[tuple[bool, Any]] = []

    class Off:
        def __enter__(self) -> None:
            model.adapter_on = False

        def __exit__(self, *error: object) -> None:
            model.adapter_on = True

    model = SimpleNamespace(adapter_on=True, disable_adapter=Off)

    def likelihoods(model: Any, requests: Any, *, batch_tokens: int, pad_id: int, advance: Any) -> np.ndarray:
        assert batch_tokens == 64 and pad_id == 9  # the end token stands in for a missing pad token
        seen.append((model.adapter_on, requests))
        return scores_with(items, 5 if model.adapter_on else 1)

    encoder = SimpleNamespace(
        tokenizer=SimpleNamespace(pad_token_id=None),
        end_id=9,
        user_ids=lambda texts: [[10 + words.index(t), 3] for t in texts],
        prompt_ids_all=lambda messages: [[100 + i] for i in range(len(messages))],
    )
    monkeypatch.setattr(zero_shot, "build_scored_set", lambda recipe, language, rows: items)
    monkeypatch.setattr(zero_shot, "choice_log_likelihoods", likelihoods)
    found = score_language(RECIPE, "sw", model, encoder)  # type: ignore[arg-type]
    assert [on for on, _ in seen] == [True, False] and seen[0][1] == seen[1][1] and model.adapter_on
    assert [r.prompt for r in seen[0][1]] == [(100 + i,) for i in range(5)]
    assert seen[0][1][0].choices == tuple((10 + words.index(c), 3) for c in items[0].choices)
    assert [found.cell(ACCURACY, scores)[0].counts[:, 0].sum() for scores in (found.adapter, found.base)] == [5, 1]
