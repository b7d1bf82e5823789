"""Words that tell where a generated answer stands, by language, and how they become patterns.

Entries are regular expressions (matched without regard to case, against composed letters). A language that has no row
is read with the English one alone: models that answer in another language still write "Answer:" and "So".
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, cast

from mslt_it.evaluation.answers.tables import table

# Words before the answer, and what may stand between them and it (a colon and "=" may in every language).
CUES: Mapping[str, tuple[str, str]] = table("cues")

# Other words before a label, with the same between them ("Verdict: yes", "правильно — да").
VERDICTS: Mapping[str, str] = table("verdicts")

# What gives the reason for an answer that came first ("18, because ...").
BECAUSE: Mapping[str, str] = table("because")

# A sentence that ends with "for this reason".
REASON_SENTENCE = {
    "ja": r"|[。.][^。.\n]{1,60}?(?:から|ため)(?:です|だ|である)",
    "ko": r"|\. [^.\n]{1,60}?때문(?:입니다|이다|이에요)",
}

# What opens the sentence that draws the conclusion; also the total ("In total she paid").
CONCLUSIONS: Mapping[str, str] = table("conclusions")

# "if", before an answer's cue and behind the answer.
CONDITIONS: Mapping[str, tuple[str, str]] = table("if")

# Words that deny a label, before it and behind it. Only what stands directly there (an article or "a" aside) counts.
NEGATION: Mapping[str, tuple[str, str]] = table("negation")
# What may stand between such a word and a label: "not about politics".
ABOUT: Mapping[str, str] = table("about")
# What denies a label at a distance in its clause, before it ("one cannot say that", "nothing is") and behind it.
DENIED_AFAR: Mapping[str, tuple[str, str]] = table("denied_afar")

# "or", "and": labels that it joins are a choice left open.
JOINERS: Mapping[str, str] = table("joiners")

# Politeness, regret and certainty right before a label, or behind it: "जी हाँ", "leider nein", "yes indeed".
ASSURED: Mapping[str, str] = table("assured")
# "I answer", right before a label that a pause or the end follows.
ANSWERING: Mapping[str, str] = table("answering")
# The same behind a label, where verbs end sentences.
ANSWERED: Mapping[str, str] = table("answered")
# What replaces the labels that the sentence has denied: "neither yes nor no but maybe".
CONTRAST: Mapping[str, str] = table("contrast")

# What may close a label that stands alone: copulas, polite endings, particles, counters. Up to three of them.
ENDINGS: Mapping[str, str] = table("endings")

# The label words for no that end sentences of all kinds besides.
VERB_FINAL_NO: Mapping[str, str] = table("verb_final_no")


# What ends a sentence and what pauses within one, in the scripts that have signs of their own (full-width signs are
# folded to ASCII): ideographic, Devanagari, Urdu, Arabic.
STOPS = "。।॥۔؟"
PAUSES = "、，；：،؛·"

ANY_LINE = re.compile(r"[^\n]*\w[^\n]*")
# Letters, with the signs of Indic scripts and points of Arabic and Hebrew, which \w leaves out.
LETTER = r"[\w\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0971-\u0dff\u0e31\u0e34-\u0e4e]"
OPEN = r"[\s\"'“”„‚‘’«»‹›「」『』【】()\[\]{}*_`#>:：•·–—$\\¡¿-]*"
CLOSE = r"(?:\s?»|[\"'”“„‚‘’«»‹›」』】)\]}*_`])*"
PAUSE = rf"\s*(?:[,;:.!{STOPS}{PAUSES}]|[–—―]|\s-\s|\(|$)"


def either(rows: Mapping[str, str], language: str) -> str:
    """The pattern of a table for a language, with the English one behind it; "" where neither has a row."""
    return "|".join(rows[code] for code in dict.fromkeys((language, "en")) if rows.get(code))


class _Late:
    """A pattern that is compiled when it first reads, which takes longer than reading; few texts need all patterns."""

    def __init__(self, pattern: str) -> None:
        self._source = pattern

    def __getattr__(self, name: str) -> Any:
        return getattr(_compiled(self._source), name)


def compiled(pattern: str) -> re.Pattern[str]:
    """Without regard to case, line by line, composed as folded texts are."""
    return cast("re.Pattern[str]", _Late(pattern))


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(unicodedata.normalize("NFC", pattern), re.IGNORECASE | re.MULTILINE)


def with_ascii_digits(text: str) -> str:
    """Without invisible characters, too."""
    characters = []
    for character in text:
        if character.isdecimal():
            characters.append(str(unicodedata.decimal(character)))
        elif unicodedata.category(character) != "Cf":
            characters.append(character)
    return "".join(characters)
