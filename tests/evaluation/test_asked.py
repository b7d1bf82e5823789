"""Numbers read with the question that they answer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mslt_it.evaluation.answers.numbers import parse_number

SHIRTS = "Anna buys 3 shirts at 14 euros and pays with 50 euros. "
HATS = "Kim has 40 dollars and buys 3 red hats at 9 dollars. "
STAMPS = "After giving away 18 stamps, Ben has 42. How many did he have at first?"


@pytest.mark.parametrize(
    ("language", "question", "text", "expected"),
    [
        # What the question gives is no result where the text has another.
        ("fr", "Hugo paie 20 € avec un billet de 28 €. Combien rend-on ?", "Il paie avec 28 €. Il rend 8 € sur 28.", 8),
        ("en", STAMPS, "Ben had 60 stamps at first. Without those 18 he has 42.", 60),
        ("en", STAMPS, "42 + 18 = 60. Check: 60 - 18 = 42.", 60),
        ("el", "4 πόρτες ανά κουτί. Πόσα κουτιά για 36 πόρτες;", "Χρειάζονται 9 κουτιά. Άρα 9 × 4 = 36.", 9),
        # But where the text says it, it is.
        ("en", "Max has 9 apples, eats 4 and picks 4. How many now?", "9 - 4 = 5. 5 + 4 = 9. Now Max has 9.", 9),
        ("en", "Max has 9 apples, eats 4 and picks 4. How many now?", "Answer: 9, because 9 - 4 = 5 and 5 + 4 = 9.", 9),
        # The words of the clause, and by too few of them the last result or none.
        ("en", SHIRTS + "How much do the shirts cost?", "The shirts cost 42 euros, so Anna gets 8 back.", 42),
        ("en", SHIRTS + "What is the change?", "The shirts cost 42 euros, so the change is 8.", 8),
        ("en", HATS + "What is left after the hats?", "The hats cost 27 dollars, so 13 remain.", 13),
        ("en", HATS + "What is left after the red hats?", "The red hats cost 27 dollars, so 13 remain.", None),
        ("zh", "安娜12岁，弟弟比她小8岁。5年后安娜多少岁？", "5年后，安娜17岁，弟弟9岁。", 17),
        # The unit, also of a number that nothing gives.
        ("en", "95 and 25 minutes. How many hours?", "95 + 25 = 120 minutes, that is 2 hours or 120 minutes.", 2),
        ("ko", "95분과 25분은 몇 시간입니까?", "95 + 25 = 120분입니다. 60분이 1시간이므로 2시간, 즉 120분입니다.", 2),
        # Broken off behind what was given, and hours of the day.
        ("en", "30 eggs at 2, 12 jars at 7. What is it?", "The eggs bring in 60 euros.\nThen come 12 jars at 7", None),
        ("es", "Sale a las 8:40 y tarda 3 horas y 35 minutos. ¿Cuándo llega?", "Tarda 3 horas y 35 minutos.", None),
        ("en", "It leaves at 9 and takes 5 hours. When does it arrive?", "It leaves at 9 and arrives at 14:00.", 14),
    ],
)  # fmt: skip
def test_which_number_is_asked_for(language: str, question: str, text: str, expected: int | None) -> None:
    assert parse_number(text, language, question) == expected


def test_a_question_in_another_language_gives_its_numbers_in_its_own_notation() -> None:
    german = "Ein Hof hat 2.500 Hühner und verkauft 400. Wie viele bleiben?"
    text = "2,100 chickens are left of the 2,500."
    assert parse_number(text, "en", german, "de") == Decimal(2100)
    assert parse_number(text, "en") == Decimal(2500)
