"""Exact match and F1: what counts as the same answer, in each language, and what must not."""

from __future__ import annotations

import pytest

from mslt_it.evaluation.question_answering import answer_tokens, exact_match, f1
from mslt_it.problems import Problem


@pytest.mark.parametrize(
    ("language", "answer", "reference"),
    [
        ("en", "The Eiffel Tower.", "eiffel tower"),
        ("en", "  an   apple ", "Apple"),
        ("en", "U.S.", "US"),
        ("en", "$5", "5"),
        ("en", "don’t", "DON'T"),  # typographic apostrophe
        ("en", "ﬁve", "five"),  # ligature
        ("en", "co\u00adoperate", "cooperate"),  # soft hyphen
        ("en-GB", "the Thames", "Thames"),
        ("de", "Die STRASSE", "Straße"),
        ("es", "El Niño", "niño"),
        ("vi", "những con mèo", "con mèo"),
        ("fi", "Åbo\u200b, Suomi", "åbo suomi"),
        ("fi", "A\u030abo", "Åbo"),  # decomposed
        ("ko", "서울특별시.", "서울특별시"),
        ("ko", "「서울」", "서울"),
        ("ko", "\u1109\u1165\u110b\u116e\u11af", "서울"),  # jamo
        ("sw", "Ng'ombe", "ng’ombe"),
        ("sw", "Dar es Salaam!", "dar es salaam"),
        ("ar", "القاهرة،", "القاهرة"),
        ("ar", "\u202bالقاهرة\u202c", "القاهرة"),  # direction marks
        ("ru", "«Мастер и Маргарита»", "мастер и маргарита"),
        ("te", "హైదరాబాద్.", "హైదరాబాద్"),
        ("te", "హైదరాబాద్\u200c", "హైదరాబాద్"),  # non-joiner
        ("bn", "ঢাকা।", "ঢাকা"),
        ("id", "“Jakarta”", "jakarta"),
        ("ja", "「東京」。", "東京"),
        ("ja", "ﾄｳｷｮｳ", "トウキョウ"),  # half-width
        ("ja", "東京 都", "東京都"),  # white space says nothing between characters
        ("th", "“กรุงเทพ”", "กรุง เทพ"),
        ("zh", "１９９０年", "1990年"),  # full-width
        ("tr", "ISPARTA", "ısparta"),
        ("tur", "ISPARTA", "ısparta"),
        ("tr", "İzmir", "izmir"),
        ("el", "ΟΔΟΣ", "οδός".replace("ό", "ο")),  # final sigma
    ],
)
def test_the_same_answer(language: str, answer: str, reference: str) -> None:
    assert exact_match(answer, [reference], language) == 1.0
    assert f1(answer, [reference], language) == 1.0


@pytest.mark.parametrize(
    ("language", "answer", "reference"),
    [
        ("fi", "a the", "an"),  # English articles are words in other languages
        ("sw", "a", "an"),
        ("fr", "le", "la"),
        ("id", "an", "the"),
        ("ar", "الوان", "وان"),  # "ال" belongs to the word
        ("en", "", "+"),
        ("en", "", "The The"),
        ("en", "B", "A"),
        ("en", "+", "-"),
        ("tr", "isparta", "Isparta"),
        ("en", "12", "1 2"),
        ("fi", "sää", "saa"),
        ("th", "กี", "กิ"),  # a mark belongs to its letter
        ("te", "కి", "కీ"),
    ],
)
def test_not_the_same_answer(language: str, answer: str, reference: str) -> None:
    assert exact_match(answer, [reference], language) == 0.0
    assert f1(answer, [reference], language) == 0.0


@pytest.mark.parametrize(
    ("language", "answer", "reference", "expected"),
    [
        ("en", "in the year 1990", "1990", 2 * (1 / 3) * 1 / (1 / 3 + 1)),
        ("en", "Paris Paris", "Paris", 2 / 3),  # a word counts as often as both have it
        ("en", "Tower Eiffel", "Eiffel Tower", 1.0),  # order does not matter to F1
        ("fi", "vuonna 1917", "1917", 2 / 3),
        ("ko", "대한민국 서울", "서울", 2 / 3),
        ("ko", "서울은", "서울", 0.0),  # words, not letters
        ("sw", "mji wa Nairobi", "Nairobi", 0.5),
        ("ar", "مدينة القاهرة", "القاهرة", 2 / 3),
        ("ru", "в 1961 году", "1961", 0.5),
        ("te", "1947 ఆగస్టు", "1947", 2 / 3),
        ("bn", "ঢাকা শহর", "ঢাকা", 2 / 3),
        ("id", "kota Jakarta Pusat", "Jakarta", 0.5),
        ("ja", "東京都", "東京", 0.8),
        ("ja", "iPhoneを", "iPhone", 2 / 3),  # letters of other scripts stay together
        ("ja", "スーパー", "スーパ", 6 / 7),  # the long-vowel mark is a character
        ("zh", "北京大学", "北京", 2 / 3),
        ("th", "ไทย", "ไท", 0.8),
        ("km", "ភ្នំពេញ", "ភ្នំ", 2 * 2 / (4 + 2)),
        ("lo", "ລາວ", "ລາ", 0.8),
        ("my", "မြန်မာ", "မြန်", 0.8),
    ],
)
def test_f1(language: str, answer: str, reference: str, expected: float) -> None:
    assert f1(answer, [reference], language) == pytest.approx(expected)
    assert f1(reference, [answer], language) == pytest.approx(expected)  # symmetric
    assert exact_match(answer, [reference], language) == 0.0


@pytest.mark.parametrize(
    ("language", "text", "tokens"),
    [
        ("en", "A New York-based firm", ["new", "yorkbased", "firm"]),
        ("en", "The The", ["the", "the"]),  # nothing else is left
        ("en", "...", ["..."]),
        ("en", " \u200b ", []),
        ("ja", "2024年にアップルが発表", ["2024", "年", "に", "ア", "ッ", "プ", "ル", "が", "発", "表"]),
        ("zh", "人々〇𠮷", ["人", "々", "〇", "𠮷"]),
        ("th", "ที่นี่ ๒๕", ["ที่", "นี่", "๒๕"]),
        ("ko", "大韓民國 서울", ["大", "韓", "民", "國", "서울"]),
        ("vi", "là của tôi", ["tôi"]),
    ],
)
def test_tokens(language: str, text: str, tokens: list[str]) -> None:
    expected = [token if language != "th" else token.replace("\u0e33", "\u0e4d\u0e32") for token in tokens]
    assert answer_tokens(text, language) == expected


def test_the_best_reference_counts() -> None:
    references = ["Paris", "the city of Paris", "Lutetia"]
    assert exact_match("city of paris", references, "en") == 1.0
    assert exact_match("city paris", references, "en") == 0.0
    assert f1("city paris", references, "en") == pytest.approx(0.8)
    assert f1("city paris", references[:1], "en") == pytest.approx(2 / 3)
    assert f1("Oslo", references, "en") == f1("", references, "en") == 0.0


def test_references_that_would_make_an_empty_answer_right_are_refused() -> None:
    for measure in (exact_match, f1):
        with pytest.raises(Problem, match=r"Reference answer 2 of 2 is empty \(' ', language 'fi'\)"):
            measure("x", ["Turku", " "], "fi")
        with pytest.raises(Problem, match=r"\(language 'fi'\) has no reference answer\. Leave it out"):
            measure("x", [], "fi")
