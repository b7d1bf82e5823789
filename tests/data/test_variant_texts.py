"""The texts of eval/variants: keys, placeholders, scripts, and that answers in the form they ask for are read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from written_in import assert_no_neighbours_letters

from mslt_it.config.files import share_dir
from mslt_it.evaluation.answers.labels import Answer, read_label
from mslt_it.evaluation.answers.numbers import parse_number
from mslt_it.languages import language_name, likely_script, script_of_text

EVAL = share_dir("eval")
NATIVE = [
    "ar", "bg", "bn", "de", "el", "en", "es", "et", "fi", "fr", "he", "hi", "id", "it", "ja", "ko", "pt", "ru",
    "sw", "ta", "te", "th", "tr", "ur", "vi", "zh",
]  # fmt: skip
LABEL_TASKS = ("xnli", "pawsx", "xcopa", "xwinograd", "xstorycloze")
# The language's own name, as the text must say it: the chain is to be written in it.
OWN_NAME = {
    "ar": "باللغة العربية", "bg": "на български", "bn": "বাংলায়", "de": "auf Deutsch", "el": "στα ελληνικά",
    "en": "in English", "es": "en español", "et": "eesti keeles", "fi": "suomeksi", "fr": "en français",
    "he": "בעברית", "hi": "हिंदी", "id": "bahasa Indonesia", "it": "in italiano", "ja": "日本語", "ko": "한국어",
    "pt": "em português", "ru": "на русском языке", "sw": "kwa Kiswahili", "ta": "தமிழ்", "te": "తెలుగులో",
    "th": "ภาษาไทย", "tr": "Türkçe", "ur": "اردو", "vi": "tiếng Việt", "zh": "中文",
}  # fmt: skip
JOIN = {"ja": "、", "zh": "、", "ar": "، ", "ur": "، "}
PLACEHOLDER = re.compile(r"\{(\w+)\}")
QUOTED = '(?:"|“|”|„|«|« |「){}(?:"|“|”|»| »|」)'
# Numbers stay below 10,000 and read the same in every language.
NUMBERS = "3 × 5 = 15\n15 + 3 = 18\n2, 7, 40"


def load(name: str) -> dict[str, object]:
    content = yaml.safe_load((EVAL / "variants" / name).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def native(code: str) -> dict[str, str]:
    content = load(f"cot_native/{code}.yaml")
    assert list(content) == ["cue", "join", "label", "number"]
    texts = {key: text for key, text in content.items() if isinstance(text, str)}
    assert len(texts) == 4
    return texts


def label_words() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Task, language and label words of every prompt file that has them."""
    for task in LABEL_TASKS:
        for path in sorted((EVAL / "prompts" / task).glob("*.yaml")):
            yield task, path.stem, yaml.safe_load(path.read_text(encoding="utf-8"))["labels"]


LABELLED = list(label_words())


def placeholders(text: str) -> list[str]:
    """All placeholders in order; no brace may stand outside of them."""
    assert not re.search(r"[{}]", PLACEHOLDER.sub("", text)), text
    return PLACEHOLDER.findall(text)


def quotes_cue(text: str, cue: str) -> bool:
    return re.search(QUOTED.format(re.escape(cue) + "X"), text) is not None


def test_the_folder_holds_these_files_and_no_other() -> None:
    root = EVAL / "variants"
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert found == sorted(
        [*(f"cot_native/{code}.yaml" for code in NATIVE), "cot_english.yaml", "translate.yaml", "xlt.yaml"]
    )


@pytest.mark.parametrize("path", sorted((EVAL / "variants").rglob("*.yaml")), ids=lambda path: path.stem)
def test_text_is_composed_and_clean(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert unicodedata.is_normalized("NFC", text)
    assert text.endswith("\n") and not text.endswith("\n\n") and text.startswith("# ")
    assert not [sign for sign in text if sign != "\n" and unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp", "Co")]
    assert "\u00a0" not in text and "\ufffd" not in text


@pytest.mark.parametrize("code", NATIVE)
def test_native_chain_of_thought(code: str) -> None:
    texts = native(code)
    comment = (EVAL / "variants" / "cot_native" / f"{code}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert comment == f"# A chain of thought in {language_name(code)}. Data only: {{labels}} is filled in as it is."
    assert placeholders(texts["label"]) == ["labels"] and placeholders(texts["number"]) == []
    assert placeholders(texts["cue"]) == placeholders(texts["join"]) == []
    for kind in ("label", "number"):
        assert quotes_cue(texts[kind], texts["cue"]), texts[kind]
        assert OWN_NAME[code] in texts[kind]
        assert "\n" not in texts[kind] and "  " not in texts[kind] and texts[kind] == texts[kind].strip()
        assert script_of_text([texts[kind].replace("X", "").replace("{labels}", "")]) == likely_script(code)
        assert_no_neighbours_letters(texts[kind], code)
    assert texts["join"] == JOIN.get(code, ", ")
    assert re.fullmatch(r"[^\s:]+( \w+)? ?: |\w+：", texts["cue"]), texts["cue"]
    # Only where lines hold no spaces is the colon the wide one, without a space behind it.
    assert texts["cue"].endswith("：") == (code in ("ja", "zh"))


@pytest.mark.parametrize("code", [code for code in NATIVE if likely_script(code) != "Latn"])
def test_latin_letters_stand_only_for_the_answer(code: str) -> None:
    """No word is left in English, and X is no Greek or Cyrillic letter that looks alike."""
    for kind in ("label", "number"):
        text = native(code)[kind].replace("{labels}", "")
        assert {sign for sign in text if "LATIN" in unicodedata.name(sign, "")} == {"X"}


def test_no_two_languages_have_the_same_text() -> None:
    for kind in ("label", "number"):
        texts = {code: native(code)[kind] for code in NATIVE}
        assert not [pair for pair in combinations(NATIVE, 2) if texts[pair[0]] == texts[pair[1]]]
    assert len({native(code)["label"] for code in NATIVE} | {native(code)["number"] for code in NATIVE}) == 2 * len(
        NATIVE
    )


def test_english_chain_of_thought() -> None:
    content = load("cot_english.yaml")
    assert list(content) == ["cue", "join", "label", "number"] and (content["cue"], content["join"]) == (
        "Answer: ",
        ", ",
    )
    assert placeholders(str(content["label"])) == ["language", "labels"]
    assert placeholders(str(content["number"])) == ["language"]
    for kind in ("label", "number"):
        text = str(content[kind])
        assert quotes_cue(text, "Answer: ") and "step by step in English" in text and text != native("en")[kind]


def test_cross_lingual_thought() -> None:
    content = load("xlt.yaml")
    assert list(content) == ["cue", "join", "retold", "roles", "label", "number"]
    assert (content["cue"], content["join"], content["retold"]) == ("Answer: ", ", ", "Request in English: ")
    roles = content["roles"]
    assert isinstance(roles, dict) and list(roles) == [*LABEL_TASKS, "mgsm", "default"]
    assert len(set(roles.values())) == len(roles)
    # The role stands in the middle of a sentence, "You are {role} ...".
    assert all(re.fullmatch(r"an? \w[^.{}]*\w", phrase) for phrase in roles.values())
    for kind, last in (("label", ["labels"]), ("number", [])):
        text = str(content[kind])
        assert sorted(placeholders(text)) == sorted(["role", "language", "request", *last])
        assert "\n\n{request}\n\n" in text
        before, after = text.split("{request}")
        assert "{role}" in before and f'"{str(content["retold"]).strip()}"' in after
        assert quotes_cue(after, "Answer: ") and after.index("Request in English") < after.index("Answer: ")


def test_translation() -> None:
    content = load("translate.yaml")
    assert list(content) == ["text"]
    text = str(content["text"])
    assert placeholders(text) == ["language", "text"]
    assert text.endswith("\n\nText:\n{text}") and "into English" in text


def chains(words: list[str], join: str) -> list[str]:
    """Steps in which every label occurs before the last line: none, quoted, listed, and as the last word of a line."""
    return ["…", "\n".join(f"“{word}” …" for word in words), f"… {join.join(words)}?\n…", f"{words[0]} / {words[-1]}"]


@pytest.mark.parametrize(
    ("task", "code", "labels"), LABELLED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_label_is_read_behind_the_cue(task: str, code: str, labels: dict[str, str]) -> None:
    """The own cue and the English one, each label, with other labels in the chain before it."""
    texts = native(code)
    wrong = []
    for cue in (texts["cue"], "Answer: "):
        for name, word in labels.items():
            for last in labels.values():
                before = [other for other in labels.values() if other != last] + [last]
                for steps in chains(before, texts["join"]):
                    for end in ("", ".", "\n"):
                        text = f"{steps}\n{cue}{word}{end}"
                        if read_label(text, code, labels) != Answer(name, "cue"):
                            wrong.append(text)
    assert not wrong


def test_every_language_with_labels_has_a_chain_of_thought() -> None:
    assert {code for _, code, _ in LABELLED} <= set(NATIVE)
    assert {path.stem for path in (EVAL / "prompts" / "mgsm").glob("*.yaml")} <= set(NATIVE)
    assert set(NATIVE) - {code for _, code, _ in LABELLED} == {"bn"}  # MGSM alone has it


@pytest.mark.parametrize("code", NATIVE)
def test_the_number_behind_the_cue_is_read(code: str) -> None:
    for cue in (native(code)["cue"], "Answer: "):
        for before in ("3 … 5 …", NUMBERS, "… = 99"):
            for number, value in (("18", 18), ("1250", 1250), ("-4", -4), ("0", 0)):
                text = f"{before}\n{cue}{number}"
                assert parse_number(text, code) == Decimal(value), text


CHOICE = {"first": "1", "second": "2"}


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("et", "Vastus on 2.", "second"),
        ("et", "Valik 1 ei sobi. Seega 2.", "second"),
        ("et", "2, sest ainult see on tagajärg.", "second"),
        ("et", "Vastus: 1 või 2", None),
        ("it", "La risposta è 2.", "second"),
        ("it", "La frase non dice molto. Quindi 2.", "second"),
        ("it", "1, perché solo questa è una causa.", "first"),
        ("it", "Risposta: 1 oppure 2", None),
        ("pt", "A resposta é 1.", "first"),
        ("pt", "Não é 1, portanto 2.", "second"),
        ("pt", "2, pois só ela cabe na mala.", "second"),
        ("pt", "Resposta: 1 ou 2", None),
        ("ta", "விடை 2", "second"),
        ("ta", "எனவே 1.", "first"),
        ("ta", "2, ஏனெனில் அது விளைவு.", "second"),
        ("ta", "பதில்: 1 அல்லது 2", None),
    ],
)
def test_words_around_answers_in_languages_of_two_tasks(code: str, text: str, expected: str | None) -> None:
    """Estonian, Italian, Portuguese, Tamil: cue, conclusion and reason are known, and a choice left open is none."""
    found = read_label(text, code, CHOICE)
    assert (found.label if found else None) == expected


@pytest.mark.parametrize(
    ("code", "text", "value"),
    [
        ("et", "Vastus on 2,5 kilomeetrit.", "2.5"),
        ("it", "Il risultato è 1.250 euro.", "1250"),
        ("pt", "Portanto, a resposta é menos 4.", "-4"),
        ("ta", "விடை 1,250 ரூபாய்.", "1250"),
        ("ta", "பதில்: ௧௮", "18"),
    ],
)
def test_numbers_in_languages_of_two_tasks(code: str, text: str, value: str) -> None:
    assert parse_number(text, code) == Decimal(value)
