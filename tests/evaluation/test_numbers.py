"""Numbers in generated answers: digits, marks and signs of each language, and which number of a text is the answer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mslt_it.evaluation.answers.numbers import parse_number
from mslt_it.evaluation.answers.numerals import DECIMAL_COMMA, DECIMAL_POINT, SCALES
from mslt_it.evaluation.answers.words import CUES
from mslt_it.problems import Problem

# language, text, number ("" = none)
CASES = [
    # the three that lm-eval 0.4.13 misses
    ("en", "$18.00", "18"),
    ("bn", "১৮", "18"),
    ("th", "18 บาท", "18"),
    # English
    ("en", "18", "18"),
    ("en", "So she makes $18. She works 5 days.", "18"),  # the later sentence follows from nothing
    ("en", "He had 12 eggs and ate 7. Now he has five left.", "5"),
    ("en", "27 / 3 = 9. So each gets 9 (9 × 3 + 18 = 45).", "9"),
    ("en", "12/20 = 0.6, or 60%.", "60"),
    ("en", "18.", "18"),
    ("en", "The answer is 18.", "18"),
    ("en", "It costs $1,234.50.", "1234.5"),
    ("en", "2,125", "2125"),
    ("en", "2.125", "2.125"),
    ("en", "1,000,000 people", "1000000"),
    ("en", "1,00,000 rupees", "100000"),
    ("en", "12,34,567.50", "1234567.5"),
    ("en", "1.234,56", "1234.56"),
    ("en", "12,5", "12.5"),
    ("en", "0.125", "0.125"),
    ("en", "1234.567", "1234.567"),
    ("en", "$.50", "0.5"),
    ("en", "-5", "-5"),
    ("en", "\u22125 degrees", "-5"),
    ("en", "\u2212 5 degrees", "-5"),
    ("en", "a loss of -$1,200", "-1200"),
    ("en", "a loss of $-1,200", "-1200"),
    ("en", "COVID-19", "19"),
    ("en", "10-3", ""),
    ("en", "10 -3", "3"),
    ("en", "10–20", ""),
    ("en", "- 18 apples", "18"),
    ("en", "50%", "50"),
    ("en", "18kg", "18"),
    ("en", "18 km2", "18"),
    ("en", "18 m²", "18"),
    ("en", "18 tons of CO2", "18"),
    ("en", "23", "23"),
    ("en", "3/4", "0.75"),
    ("en", "on 1/2/2024", "2024"),
    ("en", "2½ hours", "2.5"),
    ("en", "½", "0.5"),
    ("en", "2 million", "2000000"),
    ("en", "$70k", "70000"),
    ("en", "70 kilos", "70"),
    ("en", "2 lakh 50 thousand", "250000"),
    ("en", "1.5 billion dollars", "1500000000"),
    ("en", "3, 5, 7", "7"),
    ("en", "3,5,7", "7"),
    ("en", "1'000", "1000"),
    ("en", "5'10", "10"),
    ("en", "1\u00a0000", "1000"),
    ("en", "10 000", "0"),  # a plain space does not group in English: two numbers
    ("en", "\uff11\uff18", "18"),
    ("en", "12345678901234567890123456789012345", "12345678901234567890123456789012345"),
    ("en", "eighteen", "18"),
    ("en", "", ""),
    ("en", "Answer: unknown", ""),
    ("en", "①", ""),
    # German
    ("de", "2.125", "2125"),
    ("de", "2,125", "2.125"),
    ("de", "1.234,56 €", "1234.56"),
    ("de", "1,234.56", "1234.56"),
    ("de", "12,5 %", "12.5"),
    ("de", "0,125", "0.125"),
    ("de", "0.125", "0.125"),
    ("de", "12.50 €", "12.5"),
    ("de", "12 500 Euro", "12500"),
    ("de", "1.000.000", "1000000"),
    ("de", "1,000,000", "1000000"),
    ("de", "am 12.05.2024", "2024"),
    ("de", "2,5 Mio. Euro", "2500000"),
    ("de", "3 Milliarden", "3000000000"),
    ("de", "$1,250.50 + $874.50 macht $2,125", "2125"),  # the text's other numbers have points
    ("de", "Die Antwort ist 18 Eier für 7 Tage.", "18"),
    ("de", "Antwort:\n18 Euro\n", "18"),
    ("de", "Das Ergebnis lautet −7,5.", "-7.5"),
    ("de", "Er hat 5 Tage, also 90 Euro.", "90"),
    # Spanish
    ("es", "1.234,5 euros", "1234.5"),
    ("es", "$2.125", "2125"),
    ("es", "La respuesta es 18 dólares en 7 días", "18"),
    ("es", "3 mil millones", "3000000000"),
    ("es", "5 mil", "5000"),
    ("es", "2 millones", "2000000"),
    ("es", "12 345", "12345"),
    ("es", "-3,5 °C", "-3.5"),
    ("es", "Respuesta: US$18,00", "18"),
    # French
    ("fr", "1\u202f234,56 €", "1234.56"),
    ("fr", "1 234 567", "1234567"),
    ("fr", "18,00 $", "18"),
    ("fr", "La réponse est 18.", "18"),
    ("fr", "La re\u0301ponse est : 18 pommes pour 4 enfants", "18"),  # decomposed
    ("fr", "2,5 millions d'euros", "2500000"),
    ("fr", "50 cents", "50"),
    ("fr", "2.125", "2125"),
    ("fr", "de 3 à 12", "12"),
    # Russian
    ("ru", "1\u00a0234,5 рублей", "1234.5"),
    ("ru", "12 000 рублей", "12000"),
    ("ru", "5 тысяч", "5000"),
    ("ru", "5 тыс. руб.", "5000"),
    ("ru", "2 млн 300 тысяч", "2300000"),
    ("ru", "Ответ: 18 яиц за 7 дней", "18"),
    ("ru", "Ответ — 18", "18"),
    ("ru", "Ответ равен −18.", "-18"),
    ("ru", "18 м2", "18"),
    ("ru", "0,5", "0.5"),
    ("ru", "18 ₽", "18"),
    # Swahili
    ("sw", "Jibu ni 18.", "18"),
    ("sw", "Jibu: shilingi 2,125", "2125"),
    ("sw", "KSh 1,500.50", "1500.5"),
    ("sw", "shilingi elfu 5", "5000"),
    ("sw", "milioni 3 laki 5", "3500000"),
    ("sw", "elfu 2 mia 5", "2500"),
    ("sw", "5 elfu", "5000"),
    ("sw", "asilimia 20", "20"),
    ("sw", "Ana mayai 16, anauza 9", "9"),
    ("sw", "-4", "-4"),
    # Bengali
    ("bn", "৳১,২৩৪.৫০", "1234.5"),
    ("bn", "১,২৩,৪৫৬", "123456"),
    ("bn", "উত্তর হল ১৮ টাকা, ৭ দিনে", "18"),
    ("bn", "উত্তর: −৫", "-5"),
    ("bn", "৫০ শতাংশ", "50"),
    ("bn", "২ লাখ ৫০ হাজার", "250000"),
    ("bn", "৩ কোটি", "30000000"),
    ("bn", "২ মিলিয়ন", "2000000"),
    ("bn", "কোভিড-১৯", "19"),
    ("bn", "১৮।", "18"),
    ("bn", "উত্তরে ৫ কিমি, তারপর ৭ কিমি", "7"),  # "in the north", not "answer"
    # Telugu
    ("te", "౧౮", "18"),
    ("te", "సమాధానం: ౧,౨౩౪", "1234"),
    ("te", "సమాధానం 18 గుడ్లు, 7 రోజులు", "18"),
    ("te", "5 వేలు", "5000"),
    ("te", "2 లక్షల 50 వేల రూపాయలు", "250000"),
    ("te", "3 కోట్లు", "30000000"),
    ("te", "₹1,00,000", "100000"),
    ("te", "-౫.౫", "-5.5"),
    # Thai
    ("th", "๑๘ บาท", "18"),
    ("th", "คำตอบคือ 18 ใน 7 วัน", "18"),
    ("th", "คำตอบ: ๒,๑๒๕", "2125"),
    ("th", "5 หมื่นล้านบาท", "50000000000"),
    ("th", "2 แสน 5 หมื่น", "250000"),
    ("th", "ร้อยละ 20", "20"),
    ("th", "20 ร้อยละ", "20"),
    ("th", "มี 5 พันธุ์", "5"),
    ("th", "กำไรคือ-5", "-5"),
    ("th", "฿18.50", "18.5"),
    # Japanese
    ("ja", "答えは18です。", "18"),
    ("ja", "答え：１，２３４円", "1234"),
    ("ja", "3万5千円", "35000"),
    ("ja", "1億2000万円", "120000000"),
    ("ja", "5百万円", "5000000"),
    ("ja", "２．５％", "2.5"),
    ("ja", "￥1,800", "1800"),
    ("ja", "−5度", "-5"),
    ("ja", "卵が16個、残りは9個", "9"),
    ("ja", "十八", "18"),
    # Chinese
    ("zh", "答案是-5", "-5"),
    ("zh", "答案是18元，共7天", "18"),
    ("zh", "答：18个", "18"),
    ("zh", "小明回答了5道题，共得90分", "90"),
    ("zh", "3千克", "3"),
    ("zh", "5千米", "5"),
    ("zh", "3千元", "3000"),
    ("zh", "2.5亿", "250000000"),
    ("zh", "3万亿元", "3000000000000"),
    ("zh", "２，１２５", "2125"),
    ("zh", "18平方米", "18"),
    ("zh", "3、5、7", "7"),
    ("zh", "新冠-19", "-19"),  # a sign may touch a letter where words have no spaces
    # Arabic marks, whatever the language
    ("ar", "١٬٢٣٤٫٥", "1234.5"),
    ("ar", "٫٥", "0.5"),
    ("ar", "الجواب: ١٨ بيضة في ٧ أيام", "18"),
    ("ur", "۱۸ روپے", "18"),
    ("ar", "\u200f-\u200e٥", "-5"),
    ("ar", "٢،١٢٥", "2125"),
]


def test_there_are_enough_cases_in_each_language() -> None:
    assert len(CASES) >= 120 and len({(language, text) for language, text, _ in CASES}) == len(CASES)
    for language in ("bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th", "zh"):
        assert sum(code == language for code, _, _ in CASES) >= 8, language


@pytest.mark.parametrize(("language", "text", "expected"), CASES)
def test_parse(language: str, text: str, expected: str) -> None:
    assert parse_number(text, language) == (Decimal(expected) if expected else None)


STEPS = "She has 16 - 3 - 4 = 9 eggs.\n9 * 2 = $18\n"


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "She sells 9 eggs at $2 and makes 18 dollars", "18"),  # the last number
        ("en", STEPS, "18"),
        ("en", STEPS + "That is what she makes in 7 days.", "18"),  # "=" before the last number
        ("en", STEPS + "The answer is 19 for 7 days.\nIt says = 3.", "19"),  # a cue goes before "="; first number
        ("en", "Answer: 9 * 2 = 18 in 7 days", "18"),  # with "=" behind the cue, the number after it
        ("en", "The final answer is:\n\n  18\n7", "18"),
        ("en", "**Answer:** 18 of 20", "18"),
        ("en", "The answer to the question is 18, not 20.", "18"),
        ("en", "answer 5\nno wait\nThe answer is 18", "18"),  # the last cue
        ("en", "The answer is 18\nAnswer: see above", "18"),  # a cue without a number gives way to the one before
        ("en", "Natalia sold 48/2 = <<48/2=24>>24 clips.\n#### 24", "24"),
        ("en", "#### 1. Setup\nWe have 16.\n18", "18"),
        ("en", "#### 18", "18"),
        ("en", r"So \boxed{18}. The answer is 7.", "18"),
        ("en", r"\boxed{\text{1{,}000 dollars}}", "1000"),
        ("en", r"\boxed{\$2\,125}", "2125"),
        ("en", "x = the number of eggs\nx is 18", "18"),
        ("en", "9 * 1.955 ≈ 17.6", "17.6"),
        ("en", "To answer this we count 16 eggs, then 18.", "18"),
        ("th", "The answer is 18 ใน 7 วัน", "18"),  # English cues count everywhere
        ("zh", "16-3-4＝9，一共用了7天", "9"),
    ],
)
def test_which_number_is_the_answer(language: str, text: str, expected: str) -> None:
    assert parse_number(text, language) == Decimal(expected)


DOZEN = "".join(f"{number}. 13 Uhr\n" for number in range(1, 13))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [  # what Gemma 3 270M wrote of MGSM's questions, up to the limit of tokens
        ("de", "1. 1. 1. 1. 1. 1. 1. 1. 1. 1. 1. 1", ""),
        ("zh", "1. 1. 2. 3. 4. 5. 6. 7. 8. 9. 10. 11", ""),
        ("th", "ข้อ 1:\nข้อ 2:\nข้อ 3:\nข้อ 4:\n\nข้อ 1:\nข้อ 2:\nข้อ", ""),
        ("zh", "（1）\n（2）\n（3）\n（4）\n\n（5）", ""),
        ("de", f"{DOZEN}13", "13"),  # of the lines before
        ("de", f"{DOZEN}1", "13"),
        ("zh", "1. 12美元\n2. 43美元\n3. 7美元\n4.", "7"),
        ("en", "The answer is 10.\n\n1. 10.\n2. 10.\n3. 10.\n4. 10.\n5.", "10"),
        # and what is no list
        ("en", "1. He has 12 eggs.\n2. He eats 3.\n3. Then 5 break.\n4", "4"),
        ("en", "1. She buys 2.\n2. He buys 3.\n3. Together 5.\n\nAnswer: 4", "4"),
        ("en", "1", "1"),
    ],
)
def test_numbers_of_a_list_are_no_answer(language: str, text: str, expected: str) -> None:
    found = parse_number(text, language)
    assert ("" if found is None else format(found, "f")) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "2,125", "2.125"),
        ("en", "2,125", "2125"),
        ("de", "12,5 und 2,125", "2.125"),
        ("de", "0.5 und 2,125", "2125"),
        ("en", "1.000.000 and 2,125", "2.125"),
        ("en", "1.234,5 and 2.125", "2125"),
        ("de", "1.5 und 1,5 und 2,125", "2.125"),  # the text does not agree with itself
        ("de", "7.250 und 2,125", "2.125"),  # both doubtful: no evidence
        ("de", "3,5,7.2 und 2,125", "2.125"),  # a list is no evidence
    ],
)
def test_doubtful_marks(language: str, text: str, expected: str) -> None:
    assert parse_number(text, language) == Decimal(expected)


def test_every_digit_system_and_every_long_text() -> None:
    import sys
    import unicodedata

    zeros = [chr(i) for i in range(sys.maxunicode) if unicodedata.decimal(chr(i), None) == 0]
    assert len(zeros) > 60
    for zero in zeros:
        assert parse_number(chr(ord(zero) + 1) + chr(ord(zero) + 8), "en") == 18
    assert parse_number("1 " * 5_000 + "2,125", "de") == Decimal("2.125")
    assert parse_number("9" * 50_000, "en") == Decimal("9" * 50_000)
    for runaway in ("#### ", "answer ", "= ", "1/", "\n"):
        assert parse_number("18 " + runaway * 5_000, "en") is not None


def test_unknown_language() -> None:
    with pytest.raises(Problem, match=r"language 'sx-ZA' is not known\. .*Known: af, am.*Add it to DECIMAL_COMMA"):
        parse_number("18", "sx-ZA")
    assert parse_number("2,125", "de-AT") == Decimal("2.125")


def test_the_tables_agree() -> None:
    assert not DECIMAL_COMMA & DECIMAL_POINT
    assert set(CUES) | set(SCALES) <= DECIMAL_COMMA | DECIMAL_POINT
    for code in CUES:
        assert parse_number(f"{CUES[code][0].split('|')[0].removeprefix(chr(92) + 'b')}: 18 (7)", code) == 18


@pytest.mark.parametrize(
    ("code", "text"), [("cmn", "答案是 5。"), ("arb", "الجواب: 5"), ("nb-NO", "Svaret er 5."), ("iw", "5")]
)
def test_every_code_of_a_language_is_read_as_that_language(code: str, text: str) -> None:
    assert parse_number(text, code) == 5
