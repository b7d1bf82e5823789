"""Languages: BCP-47 codes, validated and canonical; their scripts; the sets trained on and scored on."""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import langcodes

from mslt_it.problems import Problem

# Country codes and old habits that people write for a language. "kr" is a valid code (Kanuri), and never meant.
USUAL_ERRORS = {
    "cn": "zh",
    "cz": "cs",
    "dk": "da",
    "gr": "el",
    "il": "he",
    "in": "hi",  # withdrawn code of Indonesian, and the country code of India: ambiguous, so never guessed silently
    "jp": "ja",
    "kp": "ko",
    "kr": "ko",
    "pk": "ur",
    "ua": "uk",
    "vn": "vi",
}

_SEVERAL = re.compile(r"[,;/&+|]|\band\b")
# Valid codes: undetermined, several, none, not coded; and Allar and Enawene-Nawe, which a column never means.
_NO_LANGUAGE = {"und", "mul", "zxx", "mis", "all", "unk"}
# As FLORES and GlotLID write: kor_Hang, cmn_Hani.
_SAME_SCRIPT: dict[str, str | None] = {"Hang": "Kore", "Aran": "Arab", "Hani": None}
_SHOWN = 30  # spellings in an error message
# Scripts that share their characters count as one: a text in Han characters does not say which form it is in.
_ONE_SCRIPT = {"Hans": "Hani", "Hant": "Hani"}
_KANA_SHARE = 0.05  # Japanese text holds kana everywhere, Chinese text a stray one at most

# Suggested for an unknown code: the 20 languages of the embedded world, then others that benchmarks use.
# fmt: off
SUGGESTED = (
    "ar", "bg", "de", "el", "en", "es", "fi", "fr", "he", "hi",
    "id", "ja", "ko", "ru", "sw", "th", "tr", "ur", "vi", "zh",
    "bn", "ca", "cs", "da", "et", "eu", "fa", "hu", "it", "ka", "lt", "ml", "mr",
    "ms", "my", "nl", "no", "pl", "pt", "qu", "ro", "sv", "ta", "te", "uk", "yo",
)
# fmt: on


def validate_code(code: str) -> str:
    """The canonical BCP-47 form of ``code`` ("zho" -> "zh", "iw" -> "he"); a Problem when it names no language."""
    text = code.strip()
    if meant := USUAL_ERRORS.get(text.lower()):
        extra = " or 'id' (Indonesian)" if meant == "hi" else ""
        also = " (Kanuri, if that is meant, is 'knc')" if text.lower() == "kr" else ""
        raise Problem(
            f"Unknown language code '{code}'. Did you mean '{meant}' ({language_name(meant)}){extra}? "
            f"Codes are BCP-47: languages, not countries{also}."
        )
    if (canonical := _canonical(text)) is None:
        raise Problem(
            f"Unknown language code '{code}'. {_guess(text)}Codes are BCP-47, such as {', '.join(SUGGESTED[:20])}."
        )
    return canonical


def _canonical(text: str) -> str | None:
    try:
        code = str(langcodes.standardize_tag(text))
        is_one = langcodes.tag_is_valid(code) and langcodes.Language.get(code).language not in (None, *_NO_LANGUAGE)
    except ValueError:  # not even the form of a tag
        return None
    # Of codes for private use (qaa, x-foo) nobody else knows what they mean.
    return code if is_one and not language_name(code).startswith("Unknown language") else None


def is_code(text: str) -> bool:
    """Whether a text is a language code in its canonical form."""
    try:
        return validate_code(text) == text
    except Problem:
        return False


def _guess(text: str) -> str:
    close = (
        [found] if (found := read_code(text)) else difflib.get_close_matches(text.lower(), SUGGESTED, n=1, cutoff=0.5)
    )
    return f"Did you mean '{close[0]}' ({language_name(close[0])})? " if close else ""


def language_name(code: str) -> str:
    """The English name of a valid code: "zh" -> "Chinese"; Bengali as texts call it, not as CLDR does (Bangla)."""
    name = str(langcodes.Language.get(code).display_name("en"))
    return name.replace("Bangla", "Bengali").removesuffix(" languages")  # Nahuatl languages


def cldr_script(code: str) -> str:
    """ISO 15924 code of the script that a language is usually written in, by CLDR: "zh" -> "Hans", "ja" -> "Jpan"."""
    return langcodes.Language.get(code).maximize().script or ""


@functools.lru_cache(maxsize=1024)
def primary(code: str) -> str:
    """The language of a code, without script and region, the same for two codes of one: "zh-Hant" and "cmn" -> "zh"."""
    return _form(code).language


def bare(code: str) -> str:
    """The code without script and region: "zh-Hant" -> "zh", "cmn-Hant" -> "cmn"."""
    return code.split("-", 1)[0]


def file_names(code: str) -> tuple[str, ...]:
    """By which names a language may have a file, the nearest first: "nb-NO" -> "nb-NO", "nb", "no"."""
    return tuple(dict.fromkeys((code, bare(code), primary(code))))


def likely_script(code: str) -> str:
    """The script a language is usually written in, of the kinds that `script_of_text` tells apart: zh -> Hani."""
    script = cldr_script(code) or "Zyyy"
    return _ONE_SCRIPT.get(script, script)


def script_of_text(sentences: Iterable[str]) -> str | None:
    """The script of most letters, None without letters. Kana among Han characters is Jpan, Hangul is Kore."""
    from fontTools.unicodedata import script

    counts: Counter[str] = Counter()
    for sentence in sentences:
        counts.update(name for name in map(script, sentence) if name not in ("Zyyy", "Zinh", "Zzzz"))
    total = sum(counts.values())
    if not total:
        return None
    kana = counts["Hira"] + counts["Kana"]
    east_asian = kana + counts["Hani"] + counts["Hang"]
    if east_asian > total / 2:
        if kana > _KANA_SHARE * total:
            return "Jpan"
        return "Kore" if counts["Hang"] > counts["Hani"] else "Hani"
    return counts.most_common(1)[0][0]


def script_name(script: str) -> str:
    """English name of a script code: "Arab" -> "Arabic"."""
    return str(langcodes.Language.make(script=script).script_name("en"))


@functools.cache
def read_code(spelling: str) -> str | None:
    """The code that a spelling in somebody's data stands for, or None where it names no language.

    Case, underscores, three-letter and withdrawn codes, country codes that are nothing else, and names: "EN" en, "deu"
    de, "iw" he, "in" id, "zho_Hans" zh-Hans, "jp" ja, "German" de.
    """
    # langcodes encodes names as UTF-8, which cannot hold half of a surrogate pair.
    text = unicodedata.normalize("NFKC", spelling).encode(errors="replace").decode().replace("_", "-")
    text = "".join(char for char in text if unicodedata.category(char) != "Cf").strip()  # invisible ones
    if (code := _canonical(text)) is not None:
        return code
    if meant := USUAL_ERRORS.get(text.lower()):
        return meant
    parts = [code for part in _SEVERAL.split(text) if part not in ("", text) and (code := read_code(part))]
    # "English, German" is no one language, and langcodes would find one in it; "Dutch; Flemish" is.
    if (len(text) <= 3 and text.isascii()) or len({code.split("-")[0] for code in parts}) > 1:
        return None
    try:
        return str(langcodes.standardize_tag(langcodes.find(text.replace("-", " ")).to_tag().removesuffix("-001")))
    except LookupError:
        return None


@dataclass(frozen=True)
class _Form:
    """What is compared of a code."""

    standard: str  # the code, a dialect that counts as its standard replaced by it: arb-Arab is ar
    language: str
    script: str  # the likely one where the code names none: zh is zh-Hans
    region: str  # "" where the code names none
    likely_region: str
    variants: tuple[str, ...]

    def is_kin(self, other: _Form) -> bool:
        return (self.language, self.variants) == (other.language, other.variants)

    def is_same(self, other: _Form) -> bool:
        """Whether both are the same rows in any data: zh, cmn and zh-Hans; no and nb may be two."""
        same = self.is_kin(other) and bare(self.standard) == bare(other.standard)
        return same and (self.script, self.region) == (other.script, other.region)

    def holds(self, other: _Form) -> bool:
        """Whether rows of ``other`` may serve a request for this form: zh those of zh-CN; never zh-Hant's."""
        same = self.is_kin(other) and self.script == other.script
        return same and (not self.region or self.region == (other.region or other.likely_region))


@functools.cache
def _form(code: str) -> _Form:
    standard = langcodes.standardize_tag(code, macro=True)
    tag = langcodes.Language.get(standard)
    script = _SAME_SCRIPT.get(tag.script or "", tag.script)
    likely = langcodes.Language.make(language=tag.language, script=script, territory=tag.territory).maximize()
    language = "no" if tag.language == "nb" else tag.language or ""  # what is called Norwegian is Bokmål
    region = "" if tag.territory == "001" else tag.territory or ""
    return _Form(standard, language, likely.script or "", region, likely.territory or "", tuple(tag.variants or ()))


def serving(code: str, spellings: Iterable[str], where: str, *, with_regions: bool = False) -> tuple[str, ...]:
    """Those of ``spellings`` that stand for ``code``: EN, eng and English for en, with the dialect that is its standard
    (swh for sw, cmn for zh); where there is none, those with a script or region that it leaves open (zh_CN for zh).
    ``with_regions``: these also beside it, as rows of one table may be en and en-US.

    A Problem where two are as near: zh-Hans and zh-Hant for zh, pt-BR and pt-PT for pt.
    """
    read = {spelling: found for spelling in spellings if (found := read_code(spelling))}
    wanted = read_code(code) or code
    try:
        form = _form(wanted)
    except ValueError:  # no code: a name upstream that nobody has
        return ()
    forms = {spelling: _form(found) for spelling, found in read.items()}
    if not (own := tuple(s for s, found in forms.items() if found.standard == form.standard)):
        near = [s for s, found in forms.items() if form.holds(found)]
        near = [s for s in near if not forms[s].region] or near
        rivals = near
        if near and form.standard == form.language:  # no script is asked for: of two, none is taken silently
            rivals = near + [s for s, found in forms.items() if form.is_kin(found) and found.script != form.script]
        if len({forms[s].standard for s in rivals}) > 1:
            raise Problem(
                f"{where} has '{code}' as {' and as '.join(sorted(rivals))}. Write which one is meant in the recipe: "
                f"{' or '.join(sorted({read[s] for s in rivals}))}."
            )
        own = tuple(near)
    if with_regions and not form.region and any(not forms[s].region for s in own):
        return tuple(s for s, found in forms.items() if s in own or form.holds(found))
    return own


def codes_of(spellings: Iterable[str], *, with_regions: bool = False) -> dict[str, str]:
    """Spelling -> the shortest code that finds it among these (see `serving`); spellings that name no language are left
    out.

    "deu_Latn" de, "arb_Arab" ar; "zh_CN" and "zh_TW" are zh and zh-Hant; "pt_BR" beside "pt_PT" stays pt-BR.
    """
    known = {spelling: found for spelling in spellings if (found := read_code(spelling))}
    return {spelling: _shortest(spelling, found, tuple(known), with_regions) for spelling, found in known.items()}


def _shortest(spelling: str, found: str, among: tuple[str, ...], with_regions: bool) -> str:
    form = _form(found)
    for code in (form.language, f"{form.language}-{form.script}", f"{form.language}-{form.script}-{form.region}"):
        try:
            if not form.variants and form.language and spelling in serving(code, among, "", with_regions=with_regions):
                return str(langcodes.standardize_tag(code.rstrip("-")))
        except (Problem, ValueError):
            continue
    return found


def forms_apart(codes: Collection[str]) -> tuple[str, ...]:
    """The codes of which one holds the other's rows unless both are named: en and en-US, not zh and zh-Hant."""
    pairs = [(a, b) for a in codes for b in codes if a != b and _form(a).holds(_form(b))]
    return tuple(code for code in codes if any(code in pair for pair in pairs))


def is_guess(code: str, spelling: str) -> bool:
    """Whether taking ``spelling`` for ``code`` deserves a word: another region or dialect, a country's or a withdrawn
    code."""
    usual = spelling.strip().lower() in USUAL_ERRORS
    return usual or read_code(spelling) != read_code(code)


def not_found(code: str, spellings: Iterable[str]) -> str:
    """What there is instead of ``code``, and what to write for it."""
    known = tuple(spellings)
    codes = codes_of(known)
    kin = sorted({found for found in codes.values() if primary(found) == primary(read_code(code) or code)})
    shown = [s if codes.get(s, s) == s else f"{s} ({codes[s]})" for s in sorted(known)]
    shown = [*shown[:_SHOWN], f"and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else shown
    guess = f"It has {language_name(primary(code))} as {', '.join(kin)}: write that in the recipe. " if kin else ""
    if not guess and (close := difflib.get_close_matches(code, known, n=1, cutoff=0.5)):
        guess = f"Did you mean '{close[0]}'? "
    return f"{guess}Known: {', '.join(shown) or 'none'}."


def validated_codes(role: str, codes: Iterable[str]) -> tuple[str, ...]:
    """The canonical codes in order; a Problem that names ``role`` for a wrong or repeated one."""
    result: list[str] = []
    for code in codes:
        try:
            canonical = validate_code(code)
        except Problem as problem:
            raise Problem(f"{role}: {problem}") from None
        if canonical in result:
            written = "" if code == canonical else f" (written '{code}')"
            raise Problem(f"{role}: language '{canonical}'{written} is listed twice. Remove one.")
        if same := next((other for other in result if _form(other).is_same(_form(canonical))), None):
            raise Problem(
                f"{role}: '{same}' and '{canonical}' are one language, and its rows would count twice. Remove one."
            )
        result.append(canonical)
    return tuple(result)


def some_codes(role: str, codes: Iterable[str]) -> tuple[str, ...]:
    """As ``validated_codes``, at least one."""
    if not (result := validated_codes(role, codes)):
        raise Problem(f"{role}: no language given. Write for example {role}=[en,ar,zh].")
    return result


@dataclass(frozen=True)
class LanguageSet:
    """Languages trained on and languages scored on, of which there may be none.

    They may not overlap, because scores on a target count as zero-shot; ``supervised`` lifts that. Two forms of one
    language (zh and zh-Hant) overlap too: a model trained on one has seen labels of the other.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    supervised: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", some_codes("sources", self.sources))
        object.__setattr__(self, "targets", validated_codes("targets", self.targets))
        if self.supervised:
            return
        trained = {primary(code): code for code in self.sources}
        both = [code for code in self.targets if primary(code) in trained]
        if both:
            names = ", ".join(
                code if trained[primary(code)] == code else f"{code} (trained on as {trained[primary(code)]})"
                for code in both
            )
            raise Problem(
                f"sources and targets overlap: {names}. A target's score would not be zero-shot. "
                "Remove it from one of the lists (targets=rest: all others), or set supervised=true."
            )
