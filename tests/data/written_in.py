"""Scripts, letters and punctuation of the languages that the package has texts in."""

from __future__ import annotations

import re

from fontTools.unicodedata import script

# The languages of the embedded world.
WORLD = (
    "ar", "bg", "de", "el", "en", "es", "fi", "fr", "he", "hi",
    "id", "ja", "ko", "ru", "sw", "th", "tr", "ur", "vi", "zh",
)  # fmt: skip
# ISO 15924; every other language here is written in Latin letters.
SCRIPTS = {
    "ar": "Arab", "bg": "Cyrl", "bn": "Beng", "el": "Grek", "he": "Hebr", "hi": "Deva", "ja": "Hani Hira Kana",
    "ko": "Hang", "ru": "Cyrl", "ta": "Taml", "te": "Telu", "th": "Thai", "ur": "Arab", "zh": "Hani",
}  # fmt: skip
NEUTRAL_SCRIPTS = {"Zyyy", "Zinh"}  # digits, punctuation, blanks; marks that follow any letter
# Letters that the neighbour with the same script writes and this language does not.
FOREIGN_LETTERS = {
    "ar": "یکہھےںگچپ",  # Urdu
    "ur": "يىكةإأؤ",  # Arabic
    "bg": "ыэёЫЭЁ",  # Russian
    "ru": "іїєђјљњћџѝ",  # Ukrainian, Serbian, Bulgarian
    "de": "ñçàâèêôûœ",
    "es": "äöüßçàèêœ",
    "et": "ßåñçéè",
    "fi": "üßñçõ",
    "fr": "äöüßñ",
    "it": "äöüßñçãõâêœ",
    "pt": "äöüßñèìœ",
    "ro": "şţŞŢ",  # with a cedilla: the letters have a comma
    "sr": "ыэёъщьюяЫЭЁЪЩЬЮЯ",
    "uk": "ыэёъЫЭЁЪ",
    "tr": "äßñqwx",
    "zh": "個這兩應書寫語詞現從來時們對後數單題",  # traditional forms: the files are in simplified characters
}


def assert_letters(text: str, code: str) -> None:
    """Those of the language alone."""
    found, own = {script(char) for char in text} - NEUTRAL_SCRIPTS, set(SCRIPTS.get(code, "Latn").split())
    assert found and found <= own, f"{code}: {found - own} in {text!r}"
    assert_no_neighbours_letters(text, code)


def assert_no_neighbours_letters(text: str, code: str) -> None:
    assert not set(text) & set(FOREIGN_LETTERS.get(code, "")), text


def assert_punctuation(text: str, code: str) -> None:
    """That of the language."""
    if code in ("ja", "zh"):
        assert not set(text) & set(",;:?!()\"'"), text
    elif code in ("ar", "ur"):
        assert not set(text) & set(",;?"), text
        assert (code == "ar") or "." not in text
    elif code in ("bn", "hi"):
        assert "." not in text
    elif code == "el":
        assert "?" not in text
    elif code == "es":
        assert text.count("?") == text.count("¿") and text.count("!") == text.count("¡")
    elif code == "fr":
        assert not re.search(r"[^ ][:;?!»]|«[^ ]", text), text
    elif code == "th":
        assert not set(text) & set(".,;?"), text
    else:
        assert not set(text) & set("¿؟。？：，"), text
