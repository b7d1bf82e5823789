"""What knows nothing of the text gets, whether a model is above it, and what becomes of each label."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from mslt_it.evaluation.label_reports import LabelReport, above_chance, constant_shares, label_report, p_above_chance
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import ACCURACY, UNREAD
from mslt_it.records import Message, PromptedExample, to_plain

NAMES = ("delivery", "invoice", "return", "other")


def item(label: int) -> PromptedExample:
    return PromptedExample("1", "de", (Message("user", "?"),), NAMES[label], NAMES, NAMES[label])


def outputs(said: Sequence[int]) -> np.ndarray:
    """Log-likelihoods; of an unread answer all are equally likely."""
    return np.array([[-1.0 if label in (one, UNREAD) or one == UNREAD else -2.0 for label in range(4)] for one in said])


TICKETS = [0] * 262 + [1] * 40 + [2] * 30 + [3] * 18


def p_of(gold: Sequence[int], said: Sequence[int], groups: Sequence[str] = ()) -> float:
    items = [item(label) for label in gold]
    counts, _ = ACCURACY.counts(items, outputs(said))
    cell = Cell("de", tuple(f"i{n}" for n in range(len(gold))), counts, tuple(groups))
    return p_above_chance(cell, max(0.25, constant_shares(items, NAMES, {})[0]))


def test_what_always_giving_one_label_gets() -> None:
    items = [item(label) for label in TICKETS]
    assert constant_shares(items, NAMES, {}) == (262 / 350, None)
    # What the training rows say most often need not be what is scored most often.
    trained = {"delivery": 10, "return": 80, "invoice": 10}
    assert constant_shares(items, NAMES, trained) == (262 / 350, 30 / 350)
    assert constant_shares(items, NAMES, {"a label of other rows": 5}) == (262 / 350, None)


@pytest.mark.parametrize("label", range(4))
def test_a_constant_answer_is_never_above_chance(label: int) -> None:
    for gold in (TICKETS, [n % 4 for n in range(400)], [0] * 5, [0, 1]):
        p = p_of(gold, [label] * len(gold))
        assert p >= 0.5
        assert above_chance({"de": p}, 0.95) == {"de": False}


def test_a_few_right_beyond_the_majority_are_not_above_chance_but_many_are() -> None:
    almost = [0] * 262 + [1] * 3 + [0] * 85  # three more right than the majority has
    assert 0.01 < p_of(TICKETS, almost) < 0.5
    assert p_of(TICKETS, [0] * 262 + [1] * 40 + [0] * 48) < 1e-6
    assert p_of(TICKETS, TICKETS) < 1e-9
    # One third right of four labels that are equally frequent: by lot it would be a quarter.
    even = [n % 4 for n in range(600)]
    third = [label if n % 3 == 0 else (label + 1) % 4 for n, label in enumerate(even)]
    assert p_of(even, third) < 1e-3
    # Below the majority, though above 1 / labels.
    assert p_of(TICKETS, [0] * 200 + [1] * 150) > 0.9


def test_groups_make_it_harder() -> None:
    """The same answers, in 20 passages that are right or wrong as a whole."""
    gold = [n % 4 for n in range(200)]
    right = np.repeat(np.arange(20) % 5 < 2, 10)  # 40 %
    said = [label if is_right else (label + 1) % 4 for label, is_right in zip(gold, right, strict=True)]
    alone = p_of(gold, said)
    assert alone < 0.001 < 0.02 < p_of(gold, said, [f"g{n // 10}" for n in range(200)])


def test_several_languages_are_judged_together() -> None:
    """Holm at a one-sided 2.5 %: 0.01 is enough for one of two, not for the first of three."""
    assert above_chance({"de": 0.01, "sw": 0.4}, 0.95) == {"de": True, "sw": False}
    assert above_chance({"de": 0.01, "sw": 0.4, "tr": 0.4}, 0.95) == {"de": False, "sw": False, "tr": False}
    assert above_chance({"de": 0.001, "sw": 0.012, "tr": 0.02}, 0.95) == {"de": True, "sw": True, "tr": True}
    assert above_chance({}, 0.95) == {}


@pytest.mark.slow
def test_no_more_than_its_share_of_models_that_know_nothing_is_above_chance() -> None:
    """Answers by lot, and answers that leave the majority's label at random: 2.5 % one-sided, of 2,000."""
    rng = np.random.default_rng(0)
    for frequencies, answers in (([0.25] * 4, [0.25] * 4), ([0.6, 0.2, 0.1, 0.1], [0.95, 0.05, 0, 0])):
        found = 0
        for _ in range(2000):
            gold, said = rng.choice(4, size=60, p=frequencies), rng.choice(4, size=60, p=answers)
            found += above_chance({"de": p_of(gold, said)}, 0.95)["de"]
        assert found / 2000 <= 0.035


@pytest.mark.parametrize("said_of", [(0, 1, 2, 3), (0, 1), (2, 3, UNREAD), (UNREAD,)])
def test_what_becomes_of_each_label_is_as_scikit_learn_has_it(said_of: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    gold, said = rng.choice(3, size=150, p=[0.7, 0.2, 0.1]), rng.choice(said_of, size=150)
    found = label_report([item(n) for n in gold], outputs(said), NAMES, ("s", "direct", "de"))
    whole = confusion_matrix(gold, np.where(said == UNREAD, 4, said), labels=range(5))
    assert np.array(found.confusion).tolist() == whole[:4].tolist()
    precision, recall, f1, support = precision_recall_fscore_support(gold, said, labels=range(4), zero_division=np.nan)
    for number, one in enumerate(found.labels):
        assert (one.label, one.num_gold, one.num_said) == (NAMES[number], support[number], (said == number).sum())
        for value, expected in ((one.precision, precision), (one.recall, recall), (one.f1, f1)):
            assert value == (None if np.isnan(expected[number]) else pytest.approx(expected[number]))
    assert (found.system, found.variant, found.language) == ("s", "direct", "de")
    assert LabelReport.of_plain(json.loads(json.dumps(to_plain(found)))) == found


def test_one_label_for_all_items_is_told_by_name() -> None:
    def only(said: Sequence[int]) -> str:
        items = [item(n % 4) for n in range(len(said))]
        return label_report(items, outputs(said), NAMES, ("", "", "de")).only_label

    assert only([1] * 8) == "invoice"
    assert only([1] * 7 + [2]) == only([1] * 7 + [UNREAD]) == only([UNREAD] * 3) == only([1]) == ""
