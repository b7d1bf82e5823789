"""Every word that is listed as another one for yes, no or maybe is read as that, in every language."""

from __future__ import annotations

import re

import pytest
import yaml

from mslt_it.config.files import share_dir
from mslt_it.evaluation.answers.choices import CARDINALS
from mslt_it.evaluation.answers.labels import read_label
from mslt_it.evaluation.answers.substitutes import SPELLINGS, SYNONYMS

LABELS = ("entailment", "contradiction", "neutral")
STOPS = {"bn": "।", "hi": "।", "ja": "。", "th": "", "ur": "۔", "zh": "。"}  # elsewhere "."


# Label -> its row of other words: yes, no, maybe, positive, negative, neutral.
ROWS = {"entailment": 0, "paraphrase": 0, "mentioned": 0, "contradiction": 1, "different": 1, "absent": 1, "neutral": 2}
SENTIMENTS = {"positive": 3, "negative": 4, "neutral": 5}

# That it need not be so, and that nobody knows.
UNDECIDED = {
    "ar": ("الفرضية ليست صحيحة بالضرورة.", "لا يُعرف ما إذا كانت الفرضية صحيحة."),
    "bg": ("Хипотезата не е непременно вярна.", "Не се знае дали хипотезата е вярна."),
    "de": ("Die Hypothese ist nicht unbedingt wahr.", "Ob die Hypothese stimmt, ist unbekannt."),
    "el": ("Η υπόθεση δεν είναι απαραίτητα αληθής.", "Δεν είναι γνωστό αν η υπόθεση είναι αληθής."),
    "en": ("The hypothesis is not necessarily true.", "It is unknown whether the hypothesis is true."),
    "es": ("La hipótesis no es necesariamente verdadera.", "No se sabe si la hipótesis es cierta."),
    "fi": ("Hypoteesi ei välttämättä ole tosi.", "Ei tiedetä, onko hypoteesi tosi."),
    "fr": ("L'hypothèse n'est pas forcément vraie.", "Le texte ne donne aucun indice."),
    "he": ("הטענה אינה בהכרח נכונה.", "לא ידוע אם הטענה נכונה."),
    "hi": ("परिकल्पना ज़रूरी नहीं कि सही हो।", "पाठ में कोई संकेत नहीं है।"),
    "id": ("Hipotesis itu belum tentu benar.", "Tidak diketahui apakah hipotesis itu benar."),
    "ja": ("仮説は必ずしも正しいとは限らない。", "真偽は不明である。"),
    "ko": ("가설이 반드시 참인 것은 아니다.", "가설이 참인지 거짓인지 확실하지 않다."),
    "ru": ("Гипотеза не обязательно верна.", "В тексте нет указаний на это."),
    "sw": ("Dai hili si lazima liwe kweli.", "Haijulikani kama dai hili ni kweli."),
    "th": ("สมมติฐานไม่จำเป็นต้องเป็นจริง", "ไม่ทราบว่าสมมติฐานเป็นจริงหรือไม่"),
    "tr": ("Hipotez mutlaka doğru değildir.", "İfade doğru da olabilir yanlış da."),
    "ur": ("ضروری نہیں کہ مفروضہ درست ہو۔", "معلوم نہیں کہ مفروضہ درست ہے یا نہیں۔"),
    "vi": ("Giả thuyết chưa chắc đúng.", "Không biết giả thuyết có đúng không."),
    "zh": ("假设不一定是真的。", "不知道假设是否正确。"),
}


# It contradicts the text, does not; it follows from it, does not.
RELATED = {
    "ar": ("الفرضية تناقض النص.", "الفرضية لا تناقض النص.", "تُستنتج الفرضية من النص.", "لا تُستنتج الفرضية من النص."),
    "bg": (
        "Хипотезата противоречи на текста.",
        "Хипотезата не противоречи на текста.",
        "Хипотезата следва от текста.",
        "Хипотезата не следва от текста.",
    ),
    "de": (
        "Die Hypothese widerspricht dem Text.",
        "Die Hypothese widerspricht dem Text nicht.",
        "Die Hypothese folgt aus dem Text.",
        "Die Hypothese folgt nicht aus dem Text.",
    ),
    "el": (
        "Η υπόθεση αντιφάσκει με το κείμενο.",
        "Η υπόθεση δεν αντιφάσκει με το κείμενο.",
        "Η υπόθεση προκύπτει από το κείμενο.",
        "Η υπόθεση δεν προκύπτει από το κείμενο.",
    ),
    "es": (
        "La hipótesis contradice el texto.",
        "La hipótesis no contradice el texto.",
        "La hipótesis se deduce del texto.",
        "La hipótesis no se deduce del texto.",
    ),
    "fi": (
        "Hypoteesi on ristiriidassa tekstin kanssa.",
        "Hypoteesi ei ole ristiriidassa tekstin kanssa.",
        "Hypoteesi seuraa tekstistä.",
        "Hypoteesi ei seuraa tekstistä.",
    ),
    "fr": (
        "L'hypothèse contredit le texte.",
        "L'hypothèse ne contredit pas le texte.",
        "L'hypothèse découle du texte.",
        "L'hypothèse ne découle pas du texte.",
    ),
    "he": ("הטענה סותרת את הטקסט.", "הטענה אינה סותרת את הטקסט.", "הטענה נובעת מהטקסט.", "הטענה אינה נובעת מהטקסט."),
    "hi": (
        "परिकल्पना पाठ के विपरीत है।",
        "परिकल्पना पाठ के विपरीत नहीं है।",
        "परिकल्पना पाठ से निकलती है।",
        "परिकल्पना पाठ से नहीं निकलती।",
    ),
    "id": (
        "Hipotesis bertentangan dengan teks.",
        "Hipotesis tidak bertentangan dengan teks.",
        "Hipotesis dapat disimpulkan dari teks.",
        "Hipotesis tidak dapat disimpulkan dari teks.",
    ),
    "ja": (
        "仮説は本文と矛盾する。",
        "仮説は本文と矛盾しない。",
        "仮説は本文から導かれる。",
        "仮説は本文から導かれない。",
    ),
    "ko": (
        "가설은 본문과 모순된다.",
        "가설은 본문과 모순되지 않는다.",
        "가설은 본문에서 도출된다.",
        "가설은 본문에서 도출되지 않는다.",
    ),
    "ru": (
        "Гипотеза противоречит тексту.",
        "Гипотеза не противоречит тексту.",
        "Гипотеза следует из текста.",
        "Гипотеза не следует из текста.",
    ),
    "sw": (
        "Dai hili linapingana na maelezo.",
        "Dai hili halipingani na maelezo.",
        "Dai hili linatokana na maelezo.",
        "Dai hili halitokani na maelezo.",
    ),
    "th": ("สมมติฐานขัดแย้งกับข้อความ", "สมมติฐานไม่ขัดแย้งกับข้อความ", "สมมติฐานเป็นไปตามข้อความ", "สมมติฐานไม่เป็นไปตามข้อความ"),
    "tr": (
        "Hipotez metinle çelişiyor.",
        "Hipotez metinle çelişmiyor.",
        "Hipotez metinden çıkarılabilir.",
        "Hipotez metinden çıkarılamaz.",
    ),
    "ur": (
        "مفروضہ متن کے برعکس ہے۔",
        "مفروضہ متن کے برعکس نہیں ہے۔",
        "مفروضہ متن سے نکلتا ہے۔",
        "مفروضہ متن سے نہیں نکلتا۔",
    ),
    "vi": (
        "Giả thuyết mâu thuẫn với văn bản.",
        "Giả thuyết không mâu thuẫn với văn bản.",
        "Giả thuyết được suy ra từ văn bản.",
        "Giả thuyết không được suy ra từ văn bản.",
    ),
    "zh": ("假设与原文矛盾。", "假设与原文不矛盾。", "假设可以从原文推出。", "假设不能从原文推出。"),
}


def cue(code: str) -> str:
    path = share_dir("eval") / "variants" / "cot_native" / f"{code}.yaml"
    found = yaml.safe_load(path.read_text(encoding="utf-8"))["cue"]
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize("code", SYNONYMS)
def test_another_word_is_read_alone_and_behind_the_cue(code: str) -> None:
    rows = [row.strip().split("|") for row in SYNONYMS[code].split(" · ")]
    labels = {name: words[0] for name, words in zip(LABELS, rows, strict=False)}
    wrong = []
    for name, words in zip(LABELS, rows, strict=False):
        for word in words:
            for text in (f"{word}{STOPS.get(code, '.')}", f"{cue(code)}{word}"):
                found = read_label(text, code, labels)
                if found is None or found.label != name:
                    wrong.append((text, name, found))
    assert not wrong


@pytest.mark.parametrize("code", SPELLINGS)
def test_a_word_is_read_in_each_of_its_spellings(code: str) -> None:
    for row in SPELLINGS[code].split(" · "):
        first, *others = row.split("|")
        for form in others:
            found = read_label(f"{cue(code)}{form}", code, {"this": first, "other": "xyz"})
            assert found and found.label == "this", (form, found)


@pytest.mark.parametrize("code", CARDINALS)
def test_an_option_by_its_number_in_words(code: str) -> None:
    labels = {"first": "1", "second": "2"}
    for name, pattern in zip(labels, CARDINALS[code].split(), strict=False):
        word = re.sub(r"\(.*?\)", "", pattern.partition("|")[0])  # the first of its forms
        for text in (f"{word}{STOPS.get(code, '.')}", f"{cue(code)}{word}"):
            found = read_label(text, code, labels)
            assert found and found.label == name, (text, found)


@pytest.mark.parametrize("task", ["xnli", "pawsx", "mentions", "nusax"])
def test_rows_of_other_words_begin_with_the_word_of_the_prompts(task: str) -> None:
    places = SENTIMENTS if task == "nusax" else ROWS
    for path in sorted((share_dir("eval") / "prompts" / task).glob("*.yaml")):
        rows = [row.strip().split("|")[0] for row in SYNONYMS[path.stem].split(" · ")]
        for label, word in yaml.safe_load(path.read_text(encoding="utf-8"))["labels"].items():
            assert rows[places[label]] == word.lower(), (path.stem, label)


@pytest.mark.parametrize("code", UNDECIDED)
def test_what_need_not_be_so_is_undecided(code: str) -> None:
    path = share_dir("eval") / "prompts" / "xnli" / f"{code}.yaml"
    labels = yaml.safe_load(path.read_text(encoding="utf-8"))["labels"]
    for text in UNDECIDED[code]:
        found = read_label(text, code, labels)
        assert found and found.label == "neutral", (text, found)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("bg", "Хипотезата не може да е вярна."),
        ("de", "Die Hypothese kann nicht wahr sein."),
        ("el", "Η υπόθεση δεν μπορεί να είναι αληθής."),
        ("es", "La hipótesis no puede ser verdadera."),
        ("fi", "Hypoteesi ei ole tosi."),
        ("fr", "L'hypothèse ne peut pas être vraie."),
        ("he", "הטענה לא יכולה להיות נכונה."),
        ("ru", "Гипотеза не может быть верной."),
        ("sw", "Dai hilo haliwezi kuwa kweli."),
        ("tr", "Hipotez doğru olamaz."),
        ("zh", "假设不是真的。"),
    ],
)
def test_what_cannot_be_true_is_contradicted(code: str, text: str) -> None:
    path = share_dir("eval") / "prompts" / "xnli" / f"{code}.yaml"
    labels = yaml.safe_load(path.read_text(encoding="utf-8"))["labels"]
    found = read_label(text, code, labels)
    assert found and found.label == "contradiction", found


def test_a_short_form_denies() -> None:
    labels = {"different": "No", "paraphrase": "Yes"}
    for text in ("They don't mean the same.", "The second sentence doesn’t mean the same thing."):
        found = read_label(text, "en", labels)
        assert found and found.label == "different", text


@pytest.mark.parametrize("code", RELATED)
def test_what_does_not_contradict_or_follow_is_not_said_to(code: str) -> None:
    path = share_dir("eval") / "prompts" / "xnli" / f"{code}.yaml"
    labels = yaml.safe_load(path.read_text(encoding="utf-8"))["labels"]
    found = [read_label(text, code, labels) for text in RELATED[code]]
    read = [answer.label if answer else "neutral" for answer in found]  # unread counts as undecided here
    assert read == ["contradiction", "neutral", "entailment", "neutral"]
