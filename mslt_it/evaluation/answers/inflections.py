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

MIN_LETTERS = 4
_MIN_SYLLABLES_KO = 2  # a Hangul letter is a syllable

# fmt: off
# Matched against case-folded words (Greek final sigma is σ there), Spanish, French and Greek ones without accents.
RULES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "ar": (("$", "(?:ة|ا|ً|ًا|اً)?"),),
    "bg": (("ен$", "(?:ен|на|но|ни|ният|ния|ната|ното|ните)"), ("ие$", "ие(?:то)?"),
           ("(?<=[^аоуеи])$", "(?:ът|а|та|то|те|и)?")),
    "bn": (("$", "(?:ই|ভাবে|তা|টি)?"),),
    "de": (("e$", "e[mnrs]?"), ("(?<=[^aeiou])$", "(?:e[mnrs]?|s)?")),
    "el": (("οσ$", "(?:ο[συνι]?|οι|ησ?|εσ|α|ων|ουσ)"), ("[οη]$", "(?:ο|η|ησ|α|ου|ων|εσ)")),
    "en": (("(?<=[^s])$", "s?"),),
    "es": (("[oa]$", "[oa]s?"), ("as$", "as?"), ("on$", "on(?:es)?"), ("(?<=[lr])$", "(?:es)?")),
    "et": (("ne$", "(?:ne|se|set|seks|sed|sena|ses|sest)"), ("(?<=[aeiou])$", "(?:d|t|ks|s|st|le)?")),
    "fi": (("nen$", "(?:nen|sen|sta|stä|selta|seltä|selle|seksi|sena|senä|sessa|sessä|sesta|sestä|seen|sella|sellä|set|"
            "sia|siä|sten|sti)"),
           ("us$", "(?:us|uksen|usta|ukseksi|uksena|ukset)"), ("ys$", "(?:ys|yksen|ystä|ykseksi|yksenä|ykset)"),
           ("(?<=[aouei])$", "(?:n|[aä]|ksi|n[aä]|ss[aä]|st[aä]|lla|llä|lta|ltä|lle|t)?"),
           ("(?<=[äöy])$", "(?:n|[aä]|ksi|nä|ssä|stä|llä|t)?")),
    "fr": (("if$", "(?:ifs?|ives?)"), ("el$", "el(?:s|les?)?"), ("e$", "es?"), ("(?<=[^s])$", "e?s?")),
    "he": (("$", "(?:ת|ים|ות|ית|ה)?"),),
    "hi": (("ा$", "[ाेी]"), ("$", "(?:ता)?")),
    "id": (("$", "(?:nya)?"),),
    "it": (("[oa]$", "[oaie]"), ("e$", "[ei]")),
    "ko": (("$", "(?:입니다|이다|이에요|예요|인|이고|이며|으로|이라고|이라는)?"),),
    "pt": (("ao$", "(?:ao|oes)"), ("o$", "[oa]s?"), ("l$", "(?:l|is)")),
    "ru": (("(?:ый|ий|ой)$", "(?:[ыио]й|[ая]я|[ое]е|[ыи]е|[ое]го|[ое]му|[ыи]м|[ое]м|[ыи]х|[ую]ю|ей|[ыи]ми|о|а|ы)"),
           ("ие$", "(?:ие|ия|ию|ием|ии|ий|иям|иях|иями)"), ("ость$", "ост(?:ь|и|ью|ей|ям|ях)"),
           ("а$", "(?:а|ы|е|у|ой|ою)"), ("(?<=[бвгджзклмнпрстфхцчшщ])$", "(?:а|у|ом|е|ы|ов|ам|ах|ами)?")),
    "ta": (("$", "(?:யான(?:து|தாக|தே|தாகவே)?|யாக(?:வே)?|யும்|யே)?[கசதப]?்?"),),
    "te": (("ం$", "(?:ం|మైన|ంగా|మే|మైనది|మని)"), ("$", "(?:గా|ని)?")),
    "tr": (("$", "['’]?(?:[dt][ıiuü]r|y?[ıiuü]|[ns][ıiuü]n?|[ıiuü]n|y?[ae]|[dt][ae]n?|"
            "l[ae]r|yd[ıiuü]|ym[ıiuü]ş){0,2}"),),
}
PREFIXES: Mapping[str, str] = {"ar": "(?:و|ف)?(?:ال|بال|لل)?", "he": "[הכלב]?"}
# fmt: on


def forms(word: str, language: str) -> str:
    """The pattern of a folded word's forms in a language (primary code)."""
    # The vowel signs of Indic scripts are no letters to isalpha.
    has_letters_only = word.isalpha() or language in ("bn", "hi", "ta", "te")
    if not has_letters_only or len(word) < (_MIN_SYLLABLES_KO if language == "ko" else MIN_LETTERS):
        return re.escape(word)
    for ending, endings in RULES.get(language, ()):
        if match := re.search(ending, word):
            stem = word[: len(word) - len(match[0])]
            return PREFIXES.get(language, "") + re.escape(stem) + endings
    return PREFIXES.get(language, "") + re.escape(word)
