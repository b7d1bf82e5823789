"""Forms that a label word takes in a sentence, by rules of each language: "negativ" is "negativen" in German prose.

A rule is (ending, endings): where a word ends in the first pattern, what that matched (nothing, for a look-behind)
may be any of the second. The first rule that fits applies. Words under four letters (two syllables in Korean) are never
inflected, so "no" stays apart from "now" and "да" from "дама".

What is excluded: prefixes (but the articles of Arabic and Hebrew), changes inside the stem (umlaut, consonant
gradation: Finnish "ristiriita" is not found in "ristiriidan"), noun classes of Swahili, compounds. No rule is needed
for Chinese, Japanese, Thai and Vietnamese, whose endings are copulas and particles (`words.ENDINGS`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mslt_it.evaluation.answers.tables import table

MIN_LETTERS = 4
_MIN_SYLLABLES_KO = 2  # a Hangul letter is a syllable

# Matched against case-folded words (Greek final sigma is σ there), Spanish, French and Greek ones without accents.
RULES: Mapping[str, tuple[tuple[str, str], ...]] = table("rules")
PREFIXES: Mapping[str, str] = {"ar": "(?:و|ف)?(?:ال|بال|لل)?", "he": "[הכלב]?"}


def forms(word: str, language: str) -> tuple[str, str]:
    """(pattern of what a folded word's forms begin with, that of their endings) in a language (primary code)."""
    # The vowel signs of Indic scripts are no letters to isalpha.
    has_letters_only = word.isalpha() or language in ("bn", "hi", "ta", "te")
    if not has_letters_only or len(word) < (_MIN_SYLLABLES_KO if language == "ko" else MIN_LETTERS):
        return (PREFIXES.get(language, "") if len(word) == MIN_LETTERS - 1 else "") + re.escape(word), ""
    for ending, endings in RULES.get(language, ()):
        if match := re.search(ending, word):
            stem = word[: len(word) - len(match[0])]
            return PREFIXES.get(language, "") + re.escape(stem), endings
    return PREFIXES.get(language, "") + re.escape(word), ""
