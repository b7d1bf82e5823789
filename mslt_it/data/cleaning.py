"""Checks on single rows: each bad row is dropped with a reason, each repairable one is repaired and counted.

Control tokens in user text ("<|end|>") are no fault: they stay as text, and encoding makes them harmless.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from fontTools import unicodedata as script_data

from mslt_it.languages import cldr_script, primary, script_of_text, validate_code
from mslt_it.records import Example

MAX_CHARACTERS = 20_000  # per field; XNLI's longest has about 500. Longer text is a broken file, and slow to tokenize

_BAD_CHARACTERS = {
    "lone_surrogate": re.compile("[\ud800-\udfff]"),
    # C0 and C1 controls but tab, newline, carriage return and next line; and the code points that are no characters.
    "control_character": re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]"),
    # Marks and isolates are ordinary in Arabic and Hebrew; overrides are not.
    "bidi_override": re.compile("[\u202d\u202e]"),
}
_ANY_BAD = re.compile("|".join(pattern.pattern for pattern in _BAD_CHARACTERS.values()))
_ZERO_WIDTH = re.compile("[\u200b\u200c\u200d\u2060\ufeff]")
# What stands before an answer that was copied into a field: "Label: neutral".
_ANNOUNCES = r"(?:[:：=→⇒]|[-=]>)\s*[\"'“”«»「『]?"
_MAY_ANNOUNCE = re.compile("[\n:：=→⇒>]")
_NO_SCRIPT = frozenset({"Zyyy", "Zinh", "Zzzz"})  # of characters that all scripts share, or none has

# Scripts that write with joiners inside words (Persian plurals, Hindi conjuncts, ...).
_JOINING = frozenset(
    ["Arab", "Deva", "Beng", "Gujr", "Guru", "Knda", "Mlym", "Orya", "Sinh", "Taml", "Telu", "Khmr", "Mymr", "Mong"]
)
_BREAKING = {"Thai", "Laoo", "Khmr", "Mymr"}  # written without spaces; U+200B marks a word boundary

# Languages whose script is checked: that of CLDR, or one of two where both are in use. Others are not checked.
_CODES = (
    "af am ar az be bg bn ca cs da de el en es et eu fa fi fr gu ha he hi hr ht hu hy id is it ja ka kk km kn ko ku lo "
    "lt lv mk ml mr ms my nb ne nl nn no pa pl ps pt qu ro ru si sk sl so sq sr sv sw ta te th tl tr uk ur uz vi yo zh "
    "zu"
)
CHECKED = frozenset(_CODES.split())
_TWO_SCRIPTS = frozenset({"kk", "sr", "uz"})  # Cyrillic and Latin
# Scripts of a code that are several, or another name, of characters.
_COMPOUND = {
    "Hans": frozenset({"Hani", "Bopo"}),
    "Hant": frozenset({"Hani", "Bopo"}),
    "Jpan": frozenset({"Hira", "Kana", "Hani"}),
    "Kore": frozenset({"Hang", "Hani"}),
}
MIN_LETTERS = 4  # fewer letters prove nothing
MIN_LATIN_WORDS = 4  # names and loan words come one or two at a time; this many and nothing else is another language


@dataclasses.dataclass(frozen=True)
class Cleaned:
    """Either an example (perhaps repaired, ``repairs`` says how) or the reason why it is dropped."""

    example: Example | None
    reason: str = ""
    repairs: tuple[str, ...] = ()


def clean(
    example: Example, label_names: Sequence[str] = (), optional_fields: Sequence[str] = (), *, needs_label: bool = True
) -> Cleaned:
    """Checks and repairs one example; without ``needs_label`` only what is asked about.

    Reasons: what ``example.fault`` says (``label_missing``, ``not_text``), ``empty_field``, ``whitespace_only``,
    ``label_missing``, ``label_unknown``, ``lone_surrogate``, ``control_character``, ``bidi_override``, ``too_big``,
    ``not_translated``, ``wrong_script``. Building adds ``answer_in_prompt`` (see ``gives_away``).
    Repairs: ``not_nfc``, ``zero_width``.
    """
    label = example.label
    if example.fault:
        return Cleaned(None, example.fault.partition(": ")[0])
    if needs_label and not label.strip():
        return Cleaned(None, "label_missing")
    if needs_label and label_names and label not in label_names:
        return Cleaned(None, "label_unknown")
    repairs: list[str] = []
    fields = {}
    for name, text in (*example.fields.items(), *([("", label)] if needs_label else [])):
        if name in optional_fields and not text.strip():
            fields[name] = ""
            continue
        reason = bad_text(text)
        if reason and (name or reason != "not_translated"):  # "NS" may be a label
            return Cleaned(None, reason)
        if not name:
            break  # the label is checked, never changed
        plain = strip_zero_width(text)
        if plain != text:
            repairs.append("zero_width")
        composed = unicodedata.normalize("NFC", plain)
        if composed != plain:
            repairs.append("not_nfc")
        if not composed.strip():
            return Cleaned(None, "whitespace_only")
        fields[name] = composed
    if is_wrong_script(" ".join(fields.values()), example.language):
        return Cleaned(None, "wrong_script")
    if repairs:
        start = example.answer_start
        if start > 0:  # what was taken out before the answer
            before = strip_zero_width(next(iter(example.fields.values()))[:start])
            start = len(unicodedata.normalize("NFC", before))
        example = dataclasses.replace(example, fields=fields, answer_start=start)
    return Cleaned(example, repairs=tuple(dict.fromkeys(repairs)))


def bad_text(text: str) -> str | None:
    """The reason why a text cannot be used, or None."""
    if not text:
        return "empty_field"
    if len(text) > MAX_CHARACTERS:
        return "too_big"
    if not text.strip():
        return "whitespace_only"
    if text.strip() == "NS":  # PAWS-X's mark for a sentence that was not translated
        return "not_translated"
    if (text.isascii() and text.isprintable()) or not _ANY_BAD.search(text):
        return None
    return next((reason for reason, pattern in _BAD_CHARACTERS.items() if pattern.search(text)), None)


def gives_away(fields: Sequence[str], label: str, word: str) -> bool:
    """Whether a field of a classification announces its own answer, as columns joined by mistake do: it ends in the
    label's name on a line of its own, or in the name or the answer word after a colon, equals sign or arrow; or it
    begins with the label's name and one of those.

    Words alone prove nothing: people say yes and no, Switzerland is neutral, and templates list the answers. Nor do
    single letters and digits ("at 10:1").
    """
    copied = _copied_answer(label, word)
    return copied is not None and any(_MAY_ANNOUNCE.search(text) and copied.search(text) for text in fields)


@functools.lru_cache(maxsize=1024)
def _copied_answer(label: str, word: str) -> re.Pattern[str] | None:
    telling = [text for text in (label, word) if not text.isdigit() and not (len(text) == 1 and text.isascii())]
    if not telling:
        return None
    either = "|".join(map(re.escape, telling))
    name = re.escape(label) if label in telling else "(?!)"
    return re.compile(rf"(?:\n\s*\W?{name}|{_ANNOUNCES}(?:{either}))\W*\Z|\A\W*{name}\W?\s*[:：=→⇒]", re.IGNORECASE)


def strip_zero_width(text: str) -> str:
    """The text without invisible characters, except where the script or an emoji needs them."""
    if not _ZERO_WIDTH.search(text):
        return text
    around = zip(["", *text[:-1]], text, [*text[1:], ""], strict=True)
    return "".join(c for before, c, after in around if not _ZERO_WIDTH.match(c) or _is_needed(c, before, after))


def is_wrong_script(text: str, language: str) -> bool:
    """True when most letters are of a script that the language is not written in.

    Latin names and loan words are ordinary in every language: Latin letters count as wrong only when there are at least
    four words of them and fewer than one letter in ten is of the language's own script.
    """
    expected = expected_scripts(language)
    if not expected or not _of_others(expected).search(text):
        return False
    counts: Counter[str] = Counter()
    for char, count in Counter(text).items():
        if script := _script(char):
            counts[script] += count
    total = sum(counts.values())
    own = sum(counts[script] for script in expected)
    latin = 0 if "Latn" in expected else counts["Latn"]
    other = total - own - latin
    only_latin = own < total / 10 and len(re.findall(r"[A-Za-z]{2,}", text)) >= MIN_LATIN_WORDS
    return total >= MIN_LETTERS and (other > total / 2 or only_latin)


def fitting_code(text: str, language: str) -> str:
    """The code under which a text in another script would fit: "hi-Latn" for Hindi in Latin letters."""
    script = script_of_text([text])
    return validate_code(f"{primary(language)}-{'Hans' if script == 'Hani' else script}") if script else language


@functools.cache
def _of_others(own: frozenset[str]) -> re.Pattern[str]:
    """Every character of another script, letter or not, and all beyond the first plane (whose ranges are looked at one
    by one): a text without any needs no count of its letters."""
    starts, scripts = script_data.Scripts.RANGES, script_data.Scripts.VALUES
    ranges = zip(starts, starts[1:], scripts, strict=False)
    other = [(a, b - 1) for a, b, script in ranges if b <= 0x10000 and script not in own and script not in _NO_SCRIPT]
    return re.compile("[" + "".join(f"\\u{a:04x}-\\u{b:04x}" for a, b in other) + "\U00010000-\U0010ffff]")


@functools.cache
def expected_scripts(language: str) -> frozenset[str]:
    """The scripts of a BCP-47 code ("sr-Latn": Latn; "zh-Hant": Hani); empty where unknown."""
    base, *subtags = language.split("-")
    named = next((tag.title() for tag in subtags if len(tag) == 4 and tag.isalpha()), "")
    if not named and base in _TWO_SCRIPTS:
        return frozenset({"Cyrl", "Latn"})
    script = named or (cldr_script(base) if base in CHECKED else "")
    return _COMPOUND.get(script, frozenset({script} if script else ()))


def is_written_without_spaces(language: str) -> bool:
    """Whether nothing stands between a text's words (Korean has spaces, whatever it writes with Han characters)."""
    scripts = expected_scripts(language)
    return bool(scripts & _BREAKING) or ("Hani" in scripts and "Hang" not in scripts)


def _is_needed(char: str, before: str, after: str) -> bool:
    if not before or not after:
        return False
    scripts = {_script_of_any(before), _script_of_any(after)}
    if char == "\u200b":
        return bool(scripts & _BREAKING)
    if char in "\u200c\u200d":
        is_emoji = char == "\u200d" and unicodedata.category(after) == "So"
        return is_emoji or _script_of_any(before) in _JOINING
    return False


@functools.cache
def _script_of_any(char: str) -> str:
    return str(script_data.script(char))


@functools.cache
def _script(char: str) -> str:
    """The script of a letter, "" for anything that is no letter of one script (digits, marks, punctuation)."""
    if not char.isalpha():
        return ""
    script = _script_of_any(char)
    return "" if script in _NO_SCRIPT else script
