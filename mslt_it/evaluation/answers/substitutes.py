"""Labels said in other words: "the second option" for 2, "True" for yes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mslt_it.evaluation.answers.choices import ONE_OF, ORDINAL_BEHIND, ORDINALS
from mslt_it.evaluation.answers.numerals import NO_WORD_SPACES
from mslt_it.evaluation.answers.words import CLOSE, LETTER, OPEN, PAUSE, STOPS, SYNONYMS, compiled

_SUFFIXED = frozenset({"bn", "hi", "ta", "te", "ur"})  # words for options take endings

# Else each line would look through all blank ones behind it, anew.
_OPEN_IN_LINE = rf"(?:(?!\n){OPEN[:-1]})*"


def synonyms(
    words: Mapping[str, str], language: str, fold: Callable[[str], str], cue: str
) -> list[tuple[str, re.Pattern[str]]]:
    """Names of labels (name -> folded word) and the patterns of their synonyms where they answer."""
    rows = [fold(row).split("|") for row in SYNONYMS.get(language, "").split(" · ")]
    begin = rf"(?:^{_OPEN_IN_LINE}|(?:{cue})\s*{OPEN})"
    return [
        (name, compiled(rf"{begin}(?:{'|'.join(map(re.escape, row[1:]))}){CLOSE}{PAUSE}"))
        for name, word in words.items()
        for row in rows
        if word == row[0]
    ]


def ordinals(
    words: Mapping[str, str], language: str, fold: Callable[[str], str], chosen: str
) -> list[tuple[re.Pattern[str], str]]:
    """Patterns of "the second option" and of "The second." or "The second is better" (``chosen``), with "option 2"."""
    apart, behind = rf"(?<!{LETTER})", "" if language in _SUFFIXED else rf"(?!{LETTER})"
    if language in NO_WORD_SPACES | {"ko"}:
        apart = behind = ""
    result = []
    for nth, word in zip(map(fold, ORDINALS.get(language, ())), words.values(), strict=False):
        one = fold(ONE_OF[language])
        named = rf"(?:{one})\s?(?:{nth})" + ("" if language in ORDINAL_BEHIND else rf"|(?:{nth})\s?(?:{one})")
        follows = rf"(?={CLOSE}\s*[.!{STOPS}]?\s*$|{chosen})"
        bare = rf"(?:^|(?<=[.!?:{STOPS}] )){_OPEN_IN_LINE}(?:\w{{1,3}} )?(?:{nth}){behind}(?: one)?{follows}"
        result.append((compiled(rf"{apart}(?:{named}){behind}|{bare}"), f" option {word} "))
    return result
