"""From scores to results: roles, gains, the mean over unseen languages, and what is invalid."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mslt_it.records import Message, PromptedExample, Recipe, ScoringConfig
from mslt_it.scoring import zero_shot
from mslt_it.scoring.zero_shot import (
    MACRO,
    LanguageScores,
    read_predictions,
    results,
    score_language,
    write_predictions,
)

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


def test_right_wrong_and_ties() -> None:
    items = make_items("en", 4)
    scores = scores_with(items, 2)
    scores[3] = -1.0  # a tie answers nothing
    tied_with_gold = scores_with(items, 4)
    tied_with_gold[0, :2] = -0.1
    one = LanguageScores("en", tuple(items), scores, tied_with_gold)
    assert one.right(one.adapter).tolist() == [True, True, False, False]
    assert one.right(one.base).tolist() == [False, True, True, True]


def test_results_are_ordered_and_have_roles(all_scored: dict[str, LanguageScores]) -> None:
    rows = results(RECIPE, all_scored)
    assert [(r.language, r.role) for r in rows] == [
        ("en", "source"), ("ar", "source"), ("sw", "target"), ("th", "target"), (MACRO, "target")
    ]  # fmt: skip
    english, swahili = rows[0], rows[2]
    assert (english.value, english.high, english.n, english.status) == (1.0, 1.0, 12, "ok")
    assert swahili.value == 0.75 and swahili.base_value == 0.25 and swahili.gain == pytest.approx(0.5)
    for row in rows:
        assert row.low is not None and row.low <= row.value <= row.high
        assert row.gain_low <= row.gain <= row.gain_high
        assert (row.task, row.metric, row.variant) == ("xnli", "accuracy", "direct")
    assert rows == results(RECIPE, dict(reversed(all_scored.items())))


def test_the_mean_is_over_unseen_languages_only(all_scored: dict[str, LanguageScores]) -> None:
    macro = results(RECIPE, all_scored)[-1]
    assert macro.value == pytest.approx((9 + 6) / 24) and macro.base_value == pytest.approx((3 + 4) / 24)
    assert macro.gain == pytest.approx((9 + 6 - 3 - 4) / 24) and macro.n == 24


def test_the_mean_pairs_items_by_id(all_scored: dict[str, LanguageScores]) -> None:
    """The same items in another order in one language, and one item more: the same mean and interval."""
    expected = results(RECIPE, all_scored)[-1]
    thai = all_scored["th"]
    extra = scored("th", 0, 0, 1, start=50)
    order = np.random.default_rng(0).permutation(12)
    all_scored["th"] = LanguageScores(
        "th",
        (*(thai.items[i] for i in order), *extra.items),
        np.concatenate([thai.adapter[order], extra.adapter]),
        np.concatenate([thai.base[order], extra.base]),
    )
    assert results(RECIPE, all_scored)[-1] == expected


def test_an_invalid_adapter_has_no_figure_and_there_is_no_mean(all_scored: dict[str, LanguageScores]) -> None:
    all_scored["sw"].adapter[3, 1] = np.nan
    rows = results(RECIPE, all_scored)
    bad = {r.language: r for r in rows}["sw"]
    assert bad.status == "invalid" and bad.reason == "adapter: 1 of 12 items have a score that is NaN"
    assert (bad.value, bad.low, bad.high, bad.base_value, bad.gain) == (None,) * 5
    assert bad.n == 12 and bad.role == "target"
    assert MACRO not in [r.language for r in rows]


def test_a_constant_adapter_is_invalid(all_scored: dict[str, LanguageScores]) -> None:
    all_scored["en"].adapter[:] = [-1.0, -2.0, -3.0]
    assert results(RECIPE, all_scored)[0].status == "invalid"


def test_an_invalid_base_costs_the_gain_only(all_scored: dict[str, LanguageScores]) -> None:
    all_scored["ar"].base[:] = -1.0
    row = results(RECIPE, all_scored)[1]
    assert row.status == "ok" and row.value == pytest.approx(11 / 12)
    assert row.base_value is None and row.gain is None and row.reason.startswith("base: every item has the same score")


def test_an_invalid_base_of_a_target_costs_the_gain_of_the_mean(all_scored: dict[str, LanguageScores]) -> None:
    all_scored["sw"].base[:] = np.nan
    rows = {r.language: r for r in results(RECIPE, all_scored)}
    assert rows["sw"].gain is None
    assert MACRO not in rows or rows[MACRO].gain is None


def test_no_mean_over_one_language_or_over_some(all_scored: dict[str, LanguageScores]) -> None:
    del all_scored["th"]
    assert [r.language for r in results(RECIPE, all_scored)] == ["en", "ar", "sw"]
    assert results(RECIPE, {}) == []
    single = Recipe(name="toy", sources=("en",), targets=("sw",), scoring=RECIPE.scoring)
    assert [r.language for r in results(single, all_scored)] == ["en", "sw"]


def test_predictions_come_back_as_they_were(
    all_scored: dict[str, LanguageScores], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zero_shot, "build_scored_set", lambda recipe, language: make_items(language))
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
    assert results(RECIPE, {"sw": back}) == results(RECIPE, {"sw": one})


def test_predictions_of_other_items_are_not_taken(
    all_scored: dict[str, LanguageScores], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_predictions(RECIPE, "sw", tmp_path) is None  # none written
    write_predictions(all_scored["sw"], RECIPE, tmp_path)
    monkeypatch.setattr(zero_shot, "build_scored_set", lambda recipe, language: make_items(language, start=1))
    assert read_predictions(RECIPE, "sw", tmp_path) is None
    monkeypatch.setattr(zero_shot, "build_scored_set", lambda recipe, language: make_items(language, number=11))
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
    monkeypatch.setattr(zero_shot, "build_scored_set", lambda recipe, language: items)
    monkeypatch.setattr(zero_shot, "choice_log_likelihoods", likelihoods)
    found = score_language(RECIPE, "sw", model, encoder)  # type: ignore[arg-type]
    assert [on for on, _ in seen] == [True, False] and seen[0][1] == seen[1][1] and model.adapter_on
    assert [r.prompt for r in seen[0][1]] == [(100 + i,) for i in range(5)]
    assert seen[0][1][0].choices == tuple((10 + words.index(c), 3) for c in items[0].choices)
    assert found.right(found.adapter).sum() == 5 and found.right(found.base).sum() == 1
