"""Language codes and the sets trained on and scored on."""

import pytest

from mslt_it.languages import LanguageSet, language_name, validate_code
from mslt_it.problems import Problem


@pytest.mark.parametrize(
    ("code", "canonical"),
    [("zh", "zh"), ("zho", "zh"), ("iw", "he"), ("EN", "en"), ("zh_Hans", "zh-Hans"), ("no", "no"), (" ja ", "ja")],
)
def test_valid_codes_become_canonical(code: str, canonical: str) -> None:
    assert validate_code(code) == canonical


@pytest.mark.parametrize(
    ("code", "meant"),
    [("jp", "ja"), ("cn", "zh"), ("kr", "ko"), ("JP", "ja"), ("german", "de"), ("gr", "el"), ("zhh", "zh")],
)
def test_usual_errors_name_what_was_meant(code: str, meant: str) -> None:
    with pytest.raises(Problem, match=rf"^Unknown language code '{code}'\. Did you mean '{meant}'"):
        validate_code(code)


@pytest.mark.parametrize("code", ["", "xx", "klingon", "e n", "und", "../en"])
def test_unknown_codes_are_refused(code: str) -> None:
    with pytest.raises(Problem, match="Unknown language code"):
        validate_code(code)


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_explains_the_quotes(value: bool) -> None:
    with pytest.raises(Problem, match=rf'{value} is a YAML boolean.*quotes, for example "no" for Norwegian'):
        validate_code(value)


def test_null_and_numbers_are_refused() -> None:
    with pytest.raises(Problem, match="is empty"):
        validate_code(None)
    with pytest.raises(Problem, match="is a int, not a string"):
        validate_code(1)


def test_names() -> None:
    assert [language_name(code) for code in ("zh", "sw", "no")] == ["Chinese", "Swahili", "Norwegian"]


def test_a_language_set_keeps_order_and_canonical_codes() -> None:
    languages = LanguageSet(("zho", "ar"), ("iw", "en"))
    assert (languages.sources, languages.targets) == (("zh", "ar"), ("he", "en"))


def test_overlap_is_refused_unless_supervised() -> None:
    with pytest.raises(Problem, match=r"overlap: de\. .*not be zero-shot.*supervised=true"):
        LanguageSet(("ar", "de"), ("de", "tr"))
    assert LanguageSet(("ar", "de"), ("de", "tr"), supervised=True).targets == ("de", "tr")


def test_two_forms_of_one_language_overlap() -> None:
    with pytest.raises(Problem, match=r"zh-Hant \(trained on as zh\)"):
        LanguageSet(("zh",), ("zh-Hant",))


@pytest.mark.parametrize(
    ("sources", "targets", "text"),
    [
        ((), ("en",), "sources: no language given"),
        (("en",), (), "targets: no language given"),
        (("zh", "zho"), ("en",), r"sources: language 'zh' \(written 'zho'\) is listed twice"),
        (("en",), ("tr", "jp"), "targets: Unknown language code 'jp'"),
        ("en", ("tr",), "not one string"),
    ],
)
def test_refused_sets(sources: object, targets: object, text: str) -> None:
    with pytest.raises(Problem, match=text):
        LanguageSet(sources, targets)  # type: ignore[arg-type]
