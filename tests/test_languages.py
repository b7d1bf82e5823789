"""Language codes and the sets trained on and scored on."""

import pytest

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import PromptConfig
from mslt_it.data.prompts import prompt_file
from mslt_it.evaluation.systems import System
from mslt_it.languages import (
    LanguageSet,
    codes_of,
    file_names,
    language_name,
    not_found,
    read_code,
    serving,
    validate_code,
)
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


@pytest.mark.parametrize("code", ["", "xx", "klingon", "e n", "und", "mul", "zxx", "../en"])
def test_unknown_codes_are_refused(code: str) -> None:
    with pytest.raises(Problem, match="Unknown language code"):
        validate_code(code)


def test_names() -> None:
    assert [language_name(code) for code in ("zh", "no", "bn", "nah")] == ["Chinese", "Norwegian", "Bengali", "Nahuatl"]


def test_a_language_set_keeps_order_and_canonical_codes() -> None:
    languages = LanguageSet(("zho", "ar"), ("iw", "en"))
    assert (languages.sources, languages.targets) == (("zh", "ar"), ("he", "en"))


def test_overlap_is_refused_unless_supervised() -> None:
    with pytest.raises(Problem, match=r"overlap: de\. .*not be zero-shot.*supervised=true"):
        LanguageSet(("ar", "de"), ("de", "tr"))
    assert LanguageSet(("ar", "de"), ("de", "tr"), supervised=True).targets == ("de", "tr")


@pytest.mark.parametrize(("source", "target"), [("zh", "cmn"), ("arb", "ar"), ("sw", "swh"), ("nb", "no")])
def test_two_codes_of_one_language_overlap(source: str, target: str) -> None:
    with pytest.raises(Problem, match=f"overlap: {target} .trained on as {source}."):
        LanguageSet((source,), (target,))
    assert System("a", None, None, (source,)).has_seen(target) and not System("a", None, None, (source,)).has_seen(
        "yue"
    )


@pytest.mark.parametrize("code", ["all", "unk", "mul", "und", "qaa", "x-own"])
def test_what_columns_write_for_no_language_is_none(code: str) -> None:
    """ISO has Allar and Enawene-Nawe for the first two; nobody's column means them."""
    assert read_code(code) is None and codes_of([code, "tr"]) == {"tr": "tr"}
    with pytest.raises(Problem, match=f"Unknown language code '{code}'"):
        validate_code(code)


def test_forms_that_may_have_rows_of_their_own_stand_side_by_side() -> None:
    codes = ("zh", "zh-Hant", "yue", "pt", "pt-BR", "no", "nb", "nn", "sr", "sr-Latn", "hr", "id", "ms", "fa", "fa-AF")
    assert LanguageSet(("en",), codes).targets == codes


def test_two_forms_of_one_language_overlap() -> None:
    with pytest.raises(Problem, match=r"zh-Hant \(trained on as zh\)"):
        LanguageSet(("zh",), ("zh-Hant",))


@pytest.mark.parametrize(
    ("sources", "targets", "text"),
    [
        ((), ("en",), "sources: no language given"),
        (("zh", "zho"), ("en",), r"sources: language 'zh' \(written 'zho'\) is listed twice"),
        (("en",), ("tr", "jp"), "targets: Unknown language code 'jp'"),
        (("zh", "cmn"), ("en",), "sources: 'zh' and 'cmn' are one language, and its rows would count twice"),
        (("en",), ("swh", "tr", "sw"), "targets: 'swh' and 'sw' are one language"),
    ],
)
def test_refused_sets(sources: object, targets: object, text: str) -> None:
    with pytest.raises(Problem, match=text):
        LanguageSet(sources, targets)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("En", "en"), ("iw", "he"), ("in", "id"), ("deu", "de"), ("ger", "de"), ("swa", "sw"), ("aym", "ay"),
        ("yor", "yo"), ("en_US", "en-US"), ("pt_br", "pt-BR"), ("deu_Latn", "de"), ("zho_Hans", "zh-Hans"),
        ("German", "de"), ("kiswahili", "sw"), ("Norwegian Bokmål", "nb"), ("中文", "zh"),
        ("jp", "ja"), ("en\u200b", "en"), ("\ufeffde", "de"), ("ＥＮ", "en"), ("Spanish; Castilian", "es"),
        ("Greek, Modern", "el"), ("Dutch; Flemish", "nl"), ("English, German", None), ("en,de", None),
        ("German and English", None), ("English/German", None),
        ("xx", None), ("", None), ("??", None), ("mul", None), ("train", None),
    ],
)  # fmt: skip
def test_spellings_in_data_are_read(spelling: str, code: str | None) -> None:
    assert read_code(spelling) == code


@pytest.mark.parametrize(
    ("code", "spellings", "found"),
    [
        ("en", ("EN", "eng", "English", "en_US"), ("EN", "eng", "English")),
        ("zh", ("zh-Hans",), ("zh-Hans",)),
        ("zh", ("zh_CN",), ("zh_CN",)),
        ("zh", ("cmn_Hani", "yue_Hani"), ("cmn_Hani",)),
        ("zh", ("zh", "zh-Hant", "zh-Hans"), ("zh",)),
        ("zh", ("zh-Hant",), ()),
        ("zh-Hant", ("zh",), ()),
        ("zh-Hant", ("zh_TW", "zh_CN"), ("zh_TW",)),
        ("sr", ("sr", "sr-Latn"), ("sr",)),
        ("sr", ("sr-Latn",), ()),
        ("hi-Latn", ("hi",), ()),
        ("ar", ("arb_Arab", "arb_Latn"), ("arb_Arab",)),
        ("ko", ("kor_Hang",), ("kor_Hang",)),
        ("sw", ("swh",), ("swh",)),
        ("sw", ("swa", "swh", "swc"), ("swa", "swh")),
        ("no", ("nob_Latn", "nno_Latn"), ("nob_Latn",)),
        ("pt-PT", ("pt",), ()),
        ("pt-BR", ("pt",), ("pt",)),
        ("fa", ("pes_Arab", "prs_Arab"), ("pes_Arab",)),
        ("de", ("", "xx", "fr"), ()),
    ],
)
def test_a_code_is_served_by_its_spellings_alone(code: str, spellings: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert serving(code, spellings, "X") == found


@pytest.mark.parametrize(
    ("code", "spellings", "remedies"),
    [("zh", ("zho_Hans", "zho_Hant"), ("zh-Hans", "zh-Hant")), ("pt", ("pt_BR", "pt_PT"), ("pt-BR", "pt-PT"))],
)
def test_two_equally_near_forms_are_an_error_whose_remedies_work(
    code: str, spellings: tuple[str, ...], remedies: tuple[str, ...]
) -> None:
    with pytest.raises(
        Problem, match=f"X has '{code}' as {spellings[0]} and as {spellings[1]}.*{' or '.join(remedies)}"
    ):
        serving(code, spellings, "X")
    assert [serving(remedy, spellings, "X") for remedy in remedies] == [(s,) for s in spellings]


def test_the_languages_of_data_get_the_shortest_code_that_finds_them() -> None:
    spellings = ("deu_Latn", "arb_Arab", "zho_Hans", "zho_Hant", "pt_BR", "iw", "JP", "hin_Latn", "??")
    found = codes_of(spellings)
    assert found == {
        "deu_Latn": "de", "arb_Arab": "ar", "zho_Hans": "zh-Hans", "zho_Hant": "zh-Hant", "pt_BR": "pt", "iw": "he",
        "JP": "ja", "hin_Latn": "hi-Latn",
    }  # fmt: skip
    assert all(serving(code, spellings, "X") == (spelling,) for spelling, code in found.items())


def test_what_is_there_instead_is_named() -> None:
    assert not_found("hi", ["hin_Latn", "en"]) == (
        "It has Hindi as hi-Latn: write that in the recipe. Known: en, hin_Latn (hi-Latn)."
    )


def test_files_of_a_language_are_found_under_each_of_its_codes() -> None:
    assert file_names("nb-NO") == ("nb-NO", "nb", "no")
    assert file_names("cmn-Hant") == ("cmn-Hant", "cmn", "zh") and file_names("sr-Latn") == ("sr-Latn", "sr")
    assert prompt_file(load_recipe("intents_3src").task, "nb-NO", PromptConfig()).path.stem == "nb"
