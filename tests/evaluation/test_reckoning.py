"""Which numbers of a chain of thought are results of those before them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mslt_it.evaluation.answers.numbers import parse_number
from mslt_it.evaluation.answers.reckoning import AGAIN, NEW, SURE, worked_out


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((36, 9, 27), {2: NEW}),
        ((16, 3, 4, 9), {3: SURE}),  # all three are taken
        ((8, 6, 12, 4), {3: SURE}),  # 8 * 6 / 12
        ((40, 60, 150, 250, 500, 250), {3: SURE, 5: AGAIN}),  # 500 - 250, and 500 is no sum of 250 and its parts
        ((48, 52, 50, 150, 3, 50), {3: SURE, 5: AGAIN}),  # 150 / 3
        ((50, 8, 7), {2: NEW}),  # 6.25, rounded up
        ((15, 25, 30, 70, 100, 30), {3: SURE, 5: NEW}),  # what is left of the latest result
        ((2, 45, 165), {2: NEW}),  # minutes of 2 hours 45
        ((7, 5, 3), {}),
    ],
)
def test_what_follows_from_the_numbers_before(values: tuple[int, ...], found: dict[int, int]) -> None:
    assert worked_out([Decimal(value) for value in values], set(), set()) == found


def test_what_stands_behind_an_equals_sign_and_per_cents() -> None:
    values = [Decimal(value) for value in (200, 15, 30, 170)]
    assert worked_out(values, set(), {1}) == {2: NEW, 3: NEW}  # 15 % of 200
    assert worked_out([Decimal(7), Decimal(99)], {1}, set()) == {1: NEW}


def test_what_a_question_gives_stands_before() -> None:
    given = [Decimal(18), Decimal(42)]
    assert worked_out([Decimal(60), Decimal(18), Decimal(42)], set(), set(), given) == {0: NEW, 2: AGAIN}
    assert worked_out([Decimal(60), Decimal(18), Decimal(42)], {2}, set(), given) == {0: NEW, 2: AGAIN}  # 60 - 18 = 42
    assert worked_out([Decimal(42)], set(), set(), given) == {}
    given = [Decimal(3), Decimal(25), Decimal(100)]  # the change is as much as one of them costs
    assert worked_out([Decimal(75), Decimal(25), Decimal(100)], set(), set(), given) == {0: NEW, 1: NEW}


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "She had 36 stamps and gave 9 away. That leaves 27 of the original 36.", 27),
        ("ja", "48枚のカードを6人で分けると、6人それぞれが8枚ずつもらえます。", 8),
        ("en", "180 / 3 = 60. The car goes 60 mph, 15 less than the limit of 75.", 60),
        ("en", "One may think that the answer is 10, but two are away. There are 8 of them.", 8),
        ("zh", "面包15元，牛奶25元，奶酪30元，一共70元，付100元，找回30元。", 30),
        (
            "en",
            "The trip costs $240, the bus $180. $60 are left for tickets at $5 each, so the $60 buy 12 tickets.",
            12,
        ),
        ("vi", "Bà có 36 cái. Tí lấy một nửa (18), Lan lấy một phần ba (12), còn ông ăn 6 cái.", 6),
        ("de", "Erst sind es 45 Kinder, dann 12 weniger, also 33. An der nächsten Haltestelle steigen noch", None),
        ("fr", "50 ÷ 8 = 6,25. Comme on ne peut pas louer un quart de bus, il faut 7 bus.", 7),
    ],
)
def test_the_result_of_a_chain(language: str, text: str, expected: int | None) -> None:
    assert parse_number(text, language) == expected
