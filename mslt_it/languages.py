"""Language codes: BCP-47, validated and canonical; and the sets of languages trained on and scored on.

``langcodes`` is imported where it is used: its tables take a tenth of a second, which ``--help`` need not pay.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

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

# Suggested for an unknown code: the 20 languages of the embedded world, then others that benchmarks use.
# fmt: off
SUGGESTED = (
    "ar", "bg", "de", "el", "en", "es", "fi", "fr", "he", "hi",
    "id", "ja", "ko", "ru", "sw", "th", "tr", "ur", "vi", "zh",
    "bn", "ca", "cs", "da", "et", "eu", "fa", "hu", "it", "ka", "lt", "ml", "mr",
    "ms", "my", "nl", "no", "pl", "pt", "qu", "ro", "sv", "ta", "te", "uk", "yo",
)
# fmt: on


def validate_code(code: object) -> str:
    """The canonical BCP-47 form of ``code`` ("zho" -> "zh", "iw" -> "he"); a Problem when it names no language."""
    if isinstance(code, bool):
        raise Problem(
            f"Language code {code} is a YAML boolean, not a string: unquoted no, off, on and yes are booleans in YAML. "
            'Put the code in quotes, for example "no" for Norwegian.'
        )
    if code is None:
        raise Problem('Language code is empty (null in YAML). Write a BCP-47 code in quotes, for example "no".')
    if not isinstance(code, str):
        raise Problem(
            f'Language code {code!r} is a {type(code).__name__}, not a string. Write a BCP-47 code such as "ja".'
        )
    import langcodes

    text = code.strip()
    if meant := USUAL_ERRORS.get(text.lower()):
        extra = " or 'id' (Indonesian)" if meant == "hi" else ""
        also = " (Kanuri, if that is meant, is 'knc')" if text.lower() == "kr" else ""
        raise Problem(
            f"Unknown language code '{code}'. Did you mean '{meant}' ({language_name(meant)}){extra}? "
            f"Codes are BCP-47: languages, not countries{also}."
        )
    try:
        canonical = langcodes.standardize_tag(text)
        known = langcodes.tag_is_valid(canonical) and langcodes.Language.get(canonical).language not in (None, "und")
    except ValueError:  # LanguageTagError: not even the form of a tag
        known = False
    if not known:
        raise Problem(
            f"Unknown language code '{code}'. {_guess(text)}Codes are BCP-47, such as {', '.join(SUGGESTED[:20])}."
        )
    return canonical


def is_code(text: str) -> bool:
    """Whether a text is a language code in its canonical form."""
    try:
        return validate_code(text) == text
    except Problem:
        return False


def _guess(text: str) -> str:
    import langcodes

    try:
        found = langcodes.find(text).to_tag() if len(text) > 3 else ""  # a name: "german"
    except LookupError:
        found = ""
    close = [found] if found else difflib.get_close_matches(text.lower(), SUGGESTED, n=1, cutoff=0.5)
    return f"Did you mean '{close[0]}' ({language_name(close[0])})? " if close else ""


def language_name(code: str) -> str:
    """The English name of a valid code: "zh" -> "Chinese"."""
    import langcodes

    return str(langcodes.Language.get(code).display_name("en"))


def primary(code: str) -> str:
    """The language of a code, without script and region: "zh-Hant" -> "zh"."""
    return code.split("-", 1)[0]


def validated_codes(role: str, codes: Iterable[object]) -> tuple[str, ...]:
    """The canonical codes in order; a Problem that names ``role`` for a wrong or repeated one, or a bare string."""
    if isinstance(codes, str):
        raise Problem(f"{role} is a list of codes, not one string. Write for example {role}=[en,ar].")
    result: list[str] = []
    for code in codes:
        try:
            canonical = validate_code(code)
        except Problem as problem:
            raise Problem(f"{role}: {problem}") from None
        if canonical in result:
            written = "" if code == canonical else f" (written '{code}')"
            raise Problem(f"{role}: language '{canonical}'{written} is listed twice. Remove one.")
        result.append(canonical)
    return tuple(result)


def some_codes(role: str, codes: Iterable[object]) -> tuple[str, ...]:
    """As ``validated_codes``, at least one."""
    if not (result := validated_codes(role, codes)):
        raise Problem(f"{role}: no language given. Write for example {role}=[en,ar,zh].")
    return result


@dataclass(frozen=True)
class LanguageSet:
    """Languages trained on and languages scored on.

    They may not overlap, because scores on a target count as zero-shot; ``supervised`` lifts that. Two forms of one
    language (zh and zh-Hant) overlap too: a model trained on one has seen labels of the other.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    supervised: bool = False

    def __post_init__(self) -> None:
        if any(isinstance(codes, str) for codes in (self.sources, self.targets)):
            raise Problem("sources and targets are lists of codes, not one string. Write for example sources=[en].")
        object.__setattr__(self, "sources", some_codes("sources", self.sources))
        object.__setattr__(self, "targets", some_codes("targets", self.targets))
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
                "Remove it from one of the lists, or set supervised=true."
            )
