"""Figures of a run: an adapter's with the base's beside them, on the same items."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mslt_it.config.recipe import TaskConfig
from mslt_it.evaluation.answered import Answered
from mslt_it.evaluation.estimates import Settings
from mslt_it.evaluation.scores import Figures, ScoreRow, figures
from mslt_it.records import Message, PromptedExample

TASK = TaskConfig()
LABELS = TASK.label_names
SETTINGS = Settings(0.95, 300)
ROLES = {"en": "source", "ar": "source", "sw": "target", "th": "target"}
Scored = dict[tuple[str, str], Answered]


def answered(system: str, language: str, num_right: int, number: int = 12, start: int = 0) -> Answered:
    """The first ``num_right`` items are answered rightly, the others wrongly."""
    words = tuple(f"{language}-{label}" for label in LABELS)
    items, rows = [], []
    for i in range(start, start + number):
        message = (Message("user", f"{language} {i}"),)
        items.append(PromptedExample(f"item{i}", language, message, words[i % 3], words, LABELS[i % 3]))
        scores = [-5.0] * 3
        scores[i % 3 if i - start < num_right else (i + 1) % 3] = -0.5 - i / 100
        rows.append({"id": f"item{i}", "log_likelihoods": scores})
    role = ROLES[language] if system == "adapter" else "seen"
    return Answered("xnli", system, "direct", language, role, tuple(items), tuple(rows), 0, 0)


@pytest.fixture
def scored() -> Scored:
    right = {"en": (12, 4), "ar": (11, 4), "sw": (9, 3), "th": (6, 4)}
    return {
        (system, code): answered(system, code, pair[number])
        for code, pair in right.items()
        for number, system in enumerate(("adapter", "base"))
    }


def with_scores(one: Answered, *scores: object) -> Answered:
    """Every item with these, or its own where there are none."""
    return dataclasses.replace(one, rows=tuple({**row, "log_likelihoods": list(scores)} for row in one.rows))


def found(scored: Scored) -> Figures:
    return figures(TASK, list(scored.values()), SETTINGS, base="base")


def accuracy(scored: Scored) -> dict[str, ScoreRow]:
    return {row.language: row for row in found(scored).rows if row.metric == "accuracy"}


def test_the_base_stands_beside_the_adapter_and_not_in_rows_of_its_own(scored: Scored) -> None:
    all_found = found(scored)
    assert [(r.system, r.language, r.role) for r in all_found.rows] == [
        ("adapter", code, role) for code, role in (*ROLES.items(), ("mean of unseen", "target"))
    ] * 2  # accuracy and macro-F1  # fmt: skip
    assert all_found.differences == () and {report.system for report in all_found.labels} == {"adapter", "base"}
    rows = accuracy(scored)
    assert (rows["en"].value, rows["en"].high, rows["en"].n, rows["en"].status) == (1.0, 1.0, 12, "ok")
    assert rows["sw"].value == 0.75 and rows["sw"].base_value == 0.25 and rows["sw"].gain == pytest.approx(0.5)
    for row in all_found.rows:
        assert row.low is not None and row.low <= row.value <= row.high
        assert row.gain_low <= row.gain <= row.gain_high
    mean = rows["mean of unseen"]
    assert mean.value == pytest.approx((9 + 6) / 24) and mean.base_value == pytest.approx((3 + 4) / 24)
    assert mean.gain == pytest.approx((9 + 6 - 3 - 4) / 24) and mean.n == 24
    assert mean.gain_languages_low <= mean.gain <= mean.gain_languages_high and rows["sw"].languages_low is None


def test_items_are_told_by_id_and_not_by_place(scored: Scored) -> None:
    """The same items in another order in one language: the same mean and interval."""
    expected = accuracy(scored)["mean of unseen"]
    order = np.random.default_rng(0).permutation(12)
    for system in ("adapter", "base"):
        one = scored[system, "th"]
        items, rows = (tuple(part[i] for i in order) for part in (one.items, one.rows))
        scored[system, "th"] = dataclasses.replace(one, items=items, rows=rows)
    assert accuracy(scored)["mean of unseen"] == expected


def test_the_mean_is_that_of_the_rows_above_whatever_items_they_share(scored: Scored) -> None:
    """One language has fewer items, and one that no other has: all rows count, and what is shared is told."""
    for system, right in (("adapter", 2), ("base", 1)):
        scored[system, "th"] = answered(system, "th", right, 5, start=8)
    rows = accuracy(scored)
    mean = rows["mean of unseen"]
    assert rows["th"].value == 0.4 and rows["th"].n == 5 and rows["sw"].value == 0.75
    assert mean.value == pytest.approx((0.75 + 0.4) / 2) and mean.gain == pytest.approx(mean.value - mean.base_value)
    assert (mean.n, mean.num_shared, mean.num_groups) == (17, 4, 13)


def test_rows_of_one_premise_are_drawn_together(scored: Scored) -> None:
    """Three rows to a premise that are right or wrong together tell as much as a third of the rows."""
    loose = answered("adapter", "sw", 6)
    items = tuple(dataclasses.replace(item, group=str(i // 3)) for i, item in enumerate(loose.items))
    alone, grouped = (
        figures(TASK, [one], SETTINGS).rows[0] for one in (loose, dataclasses.replace(loose, items=items))
    )
    assert (alone.num_groups, grouped.num_groups) == (12, 4) and alone.value == grouped.value
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_an_invalid_adapter_has_no_figure_and_there_is_no_mean(scored: Scored) -> None:
    rows = scored["adapter", "sw"].rows
    broken = ({**rows[0], "log_likelihoods": ["nan", -1.0, -2.0]}, *rows[1:])
    scored["adapter", "sw"] = dataclasses.replace(scored["adapter", "sw"], rows=broken)
    scored["adapter", "en"] = with_scores(scored["adapter", "en"], -1.0, -2.0, -3.0)
    by_language = accuracy(scored)
    bad = by_language["sw"]
    assert bad.status == "invalid" and bad.reason == "1 of 12 items have a score that is NaN" and bad.n == 12
    assert (bad.value, bad.low, bad.high, bad.base_value, bad.gain) == (None,) * 5
    assert by_language["en"].status == "invalid"  # the same scores for everything
    assert "mean of unseen" not in by_language and not found(scored).is_valid


def test_an_invalid_base_costs_the_gain_only(scored: Scored) -> None:
    scored["base", "ar"] = with_scores(scored["base", "ar"], -1.0, -1.0, -1.0)
    scored["base", "sw"] = with_scores(scored["base", "sw"], "nan", -1.0, -1.0)
    rows = accuracy(scored)
    assert rows["ar"].status == "ok" and rows["ar"].value == pytest.approx(11 / 12)
    assert rows["ar"].base_value is None and rows["ar"].gain is None
    assert rows["ar"].reason.startswith("base: every item has the same score")
    mean = rows["mean of unseen"]
    assert mean.status == "ok" and mean.gain is None and mean.reason == "base: no valid scores in sw"
