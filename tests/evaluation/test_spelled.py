"""Numbers in words: CLDR's rules read back, what CLDR has not, and words that are no numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from unicode_rbnf import RbnfEngine

from mslt_it.evaluation.answers.numbers import parse_number
from mslt_it.evaluation.answers.spelled import PARTS

NUMBERS = (
    *range(1, 32),
    40,
    55,
    60,
    71,
    77,
    80,
    84,
    91,
    99,
    100,
    101,
    115,
    200,
    342,
    500,
    999,
    1000,
    1250,
    2000,
    12_500,
    21_000,
    100_000,
    250_000,
)
UNKNOWN = {"bn", "te", "ur"}  # to CLDR's rules
# Spellings of CLDR's rules that nobody writes.
ODD = {("sw", 12_500)}


@pytest.mark.parametrize("language", sorted(set(PARTS) - UNKNOWN))
def test_numbers_of_cldr_are_read(language: str) -> None:
    engine, read = RbnfEngine.for_language(language), 0
    for number in NUMBERS:
        for rules, text in engine.format_number(number).text_by_ruleset.items():
            if rules in (
                "spellout-numbering",
                "spellout-cardinal",
                "spellout-cardinal-feminine",
                "spellout-cardinal-masculine",
            ):
                plain = text.replace("\u200b", "").replace("\u00ad", "")
                if (language, number) not in ODD:
                    assert parse_number(plain, language) == number, (rules, plain)
                    read += 1
    assert read >= len(NUMBERS) - 1


@pytest.mark.parametrize("language", ["bn", "hi", "ur"])
def test_a_word_for_each_number_below_a_hundred(language: str) -> None:
    words = PARTS[language][0].split()
    assert len(words) == 100 and len(set(words)) == 100


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("bn", "তিন লাখ পঁচিশ হাজার", 325_000),
        ("te", "రెండు వేల మూడు వందల నలభై ఐదు", 2345),
        ("ur", "تین لاکھ پچاس ہزار", 350_000),
        ("hi", "साढ़े तीन लाख", 350_000),
        ("hi", "पौने दो", "1.75"),
        ("ko", "만 이천오백", 12_500),
        ("sw", "elfu mbili mia tatu na arobaini na tano", 2345),
        ("sw", "milioni mia tatu", 300_000_000),
        ("ko", "답: 삼만 이천 원", 32_000),
        ("ja", "二万千円", 21_000),
        ("ar", "الإجابة: خمسة و عشرون", 25),
        ("ru", "Ответ равен двадцати одному.", 21),
        ("ru", "Сумма равна двумстам двум.", 202),
        ("ru", "Ответ: это равно нулю.", 0),
        ("pt", "um milhão e quinhentos mil", 1_500_000),
        ("en", "The answer is twenty-one thousand, five hundred and six.", 21_506),
        ("ur", "جواب: اٹھتر", 78),
        ("de", "Es bleibt ein halber Liter.", "0.5"),
        ("de", "Antwort: ein halbes Dutzend", 6),
        ("de", "Antwort: eine Viertelstunde", "0.25"),
        ("fr", "Réponse : une demi-douzaine", 6),
        ("fr", "Réponse : une vingtaine", 20),
        ("te", "సమాధానం: మూడు డజన్లు", 36),
        ("th", "คำตอบ: ครึ่งลิตร", "0.5"),
        ("vi", "Đáp án: âm năm", -5),
        ("ko", "답: 마이너스 오", -5),
        ("ja", "答え：零下5度", -5),
        ("zh", "答案：一百二", 120),
        ("zh", "答案：一千零五", 1005),
        ("bn", "উত্তর: ঊনাশি", 79),
        ("de", "zweieinhalbtausend", 2500),
        ("en", "a hundred and twenty", 120),
        ("en", "two and three quarters", "2.75"),
        ("tr", "dörtte üç", "0.75"),
        ("zh", "百分之二十", 20),
        ("zh", "二〇二四", 2024),
        ("ru", "две с половиной тысячи", 2500),
        ("ru", "Это один из вариантов.", None),
        ("it", "sei", 6),
        ("en", "One apple.", 1),
        ("en", "5 + 4 = 9. The answer is nine.", 9),
        # No numbers: ordinals, "I need one more", "able" (สามารถ has สาม in it), "are you sure?", two or three.
        ("en", "eighty-fourth", None),
        ("en", "I need one more number.", None),
        ("th", "ไม่สามารถรู้ได้", None),
        ("it", "Sei sicuro?", None),
        ("zh", "两三个", None),
    ],
)
def test_numbers_in_words(language: str, text: str, expected: int | str | None) -> None:
    assert parse_number(text, language) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There are 14 red marbles and", None),
        ("16 - 3 - 4 =", None),
        ("16 - 3 = 13. Step 2: Add the", None),
        ("Answer: 18. Let me explain: she sells the eggs and", 18),
        ("There are 24 apples. It is impossible to tell how many were eaten.", None),
        ("I cannot say for sure, but 15 fits best.", 15),
        ("5 + 8 = 13.\n\nTo check: 13 - 8 = 5", 13),
        ("5 + 8 = 13. Check: 13 - 8 = 5, so 13 it is.", 13),
        ("The answer is 18.\n\nQuestion: How many are 5 + 3?\nAnswer: 8", 18),
        ("The price is 20 to 30 dollars.", None),
        ("It fell from 30 to 20.", 20),
        ("12 + 8 = 20. After the discount of 5 she pays 15.", 15),
    ],
)
def test_what_is_no_answer(text: str, expected: int | None) -> None:
    assert parse_number(text, "en") == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ar", "هناك 24 تفاحة. لا توجد معلومات كافية."),
        ("bg", "Има 24 ябълки. Липсват данни."),
        ("bn", "24টি আপেল আছে। এটি হিসাব করা যায় না।"),
        ("de", "Es gibt 24 Äpfel. Dazu fehlen Angaben."),
        ("el", "Υπάρχουν 24 μήλα. Λείπουν στοιχεία."),
        ("en", "There are 24 apples. More information is needed."),
        ("es", "Hay 24 manzanas. Falta información."),
        ("et", "Õunu on 24. Pole piisavalt infot."),
        ("fi", "Omenoita on 24. Tietoja puuttuu."),
        ("fr", "Il y a 24 pommes. Il manque des informations."),
        ("he", "יש 24 תפוחים. חסרים נתונים."),
        ("hi", "24 सेब हैं। जानकारी अधूरी है।"),
        ("id", "Ada 24 apel. Informasinya kurang."),
        ("it", "Ci sono 24 mele. Mancano dati."),
        ("ja", "りんごが24個あります。答えられません。"),
        ("pt", "Há 24 maçãs. Falta informação."),
        ("sw", "Kuna matofaa 24. Maelezo hayatoshi."),
        ("ta", "24 ஆப்பிள்கள் உள்ளன. தகவல் போதாது."),
        ("te", "24 ఆపిల్స్ ఉన్నాయి. సమాచారం సరిపోదు."),
        ("th", "มีแอปเปิล 24 ผล ข้อมูลไม่ครบ"),
        ("tr", "24 elma var. Bilgi eksik."),
        ("ur", "24 سیب ہیں۔ معلومات نامکمل ہیں۔"),
        ("zh", "有24个苹果。算不出来。"),
    ],
)
def test_a_text_that_lacks_information_gives_no_number(language: str, text: str) -> None:
    assert parse_number(text, language) is None
