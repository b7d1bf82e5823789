"""Labels said in other words ("True" for yes, "the second one" for 2), and what takes an answer back.

Entries are regular expressions as in `words`, but for `SPELLINGS` and `SYNONYMS`, which are plain words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mslt_it.evaluation.answers.choices import CARDINALS, ONE_OF, OPTIONS, ORDINAL_BEHIND, ORDINALS
from mslt_it.evaluation.answers.numerals import NO_WORD_SPACES
from mslt_it.evaluation.answers.tables import table, words_of
from mslt_it.evaluation.answers.words import CLOSE, LETTER, OPEN, PAUSE, STOPS, compiled

_SUFFIXED = frozenset({"bn", "hi", "ta", "te", "ur"})  # words for options take endings

# Else each line would look through all blank ones behind it, anew.
_OPEN_IN_LINE = rf"(?:(?!\n){OPEN[:-1]})*"

# Spellings and forms of one word, the first of a row being the one of the prompts (case-folded, without accents in es).
SPELLINGS: Mapping[str, str] = table("spellings")
# Other words with which people answer, in the order yes · no · maybe · positive · negative · neutral, the first of a
# row being the one of the prompts: they count where they stand alone or behind a cue, and nothing else is stated.
SYNONYMS: Mapping[str, str] = table("synonyms")
_NO_ENGLISH: Mapping[str, frozenset[str]] = words_of("no_english")
# What the text speaks of where it says that this is true or false.
SUBJECTS: Mapping[str, str] = table("subjects")
# Two sentences at once: what is said of them is no verdict on the one that is asked about.
TWO_SENTENCES: Mapping[str, str] = table("two_sentences")
# What leaves open what stands behind it in its clause.
WHETHER: Mapping[str, str] = table("whether")
# What takes back the answer before it.
CORRECTIONS: Mapping[str, str] = table("corrections")
# What gives a thought that came first, and that what follows it may replace: "At first I thought yes, but ...".
AT_FIRST: Mapping[str, str] = table("at_first")
# What says that the text does not decide the matter: "maybe" where nothing is stated otherwise.
UNDECIDED: Mapping[str, str] = table("undecided")
# The same for yes (one sentence follows from the other, or means the same) and for no (contradicts, means another).
RELATIONS: Mapping[str, tuple[str, str]] = table("relations")


def other_words(
    words: Mapping[str, str], language: str, fold: Callable[[str], str]
) -> dict[str, tuple[int, list[str]]]:
    """Name of a label (name -> folded word) -> its place in a row of `SYNONYMS` and the folded other words for it."""

    def rows(code: str) -> list[list[str]]:
        return [fold(row.strip()).split("|") for row in SYNONYMS.get(code, "").split(" · ")]

    own, english = rows(language), rows("en")
    found = {name: index for name, word in words.items() for index, row in enumerate(own) if word == row[0]}
    taken, result = set(words.values()), {}
    for name, index in found.items():
        foreign = (
            [] if language == "en" else [word for word in english[index] if word not in _NO_ENGLISH.get(language, ())]
        )
        result[name] = index, [word for word in dict.fromkeys((*own[index][1:], *foreign)) if word not in taken]
    return result


def ordinals(
    words: Mapping[str, str],
    language: str,
    fold: Callable[[str], str],
    chosen: str,
    told: str,
    because: str,
    ending: str,
    surely: str,
) -> list[tuple[list[re.Pattern[str]], str]]:
    """Patterns of "the second option", "option two", "The second." or "the second is better" (``chosen``), with what
    they are replaced by: "option 2". The first of each pair reads "the second sentence is right", too, which is an
    answer in a text that speaks of no other sentence by its number; the second does not. ``told`` is what may stand
    before a bare ordinal, ``because`` and ``ending`` after it, ``surely`` before it where a sentence begins."""
    unspaced = language in NO_WORD_SPACES | {"ko"}
    apart = "" if unspaced else rf"(?<!{LETTER})"
    gap = r"\s?" if language in NO_WORD_SPACES else r"\s"  # in Korean the particle 이 is the 2, too
    behind = "" if unspaced or language in _SUFFIXED else rf"(?!{LETTER})"
    article = "" if unspaced or language in _SUFFIXED | {"bg", "ru", "tr"} else r"\w{1,3} "
    one = fold(ONE_OF[language])
    wide = f"{one}|{fold(OPTIONS[language])}"
    truths = fold(SYNONYMS[language].split(" · ")[0])
    rows = zip(map(fold, ORDINALS.get(language, ())), fold(CARDINALS[language]).split(), words.values(), strict=False)
    result = []
    for nth, cardinal, word in rows:
        closed = rf"(?:{ending})?{CLOSE}"
        follows = rf"{closed}\s*[.!{STOPS}]?\s*$|{chosen}|{closed}\s*[,،、]?\s*(?:{because})"
        ends = rf"(?={closed}{PAUSE}|{follows})" if unspaced else rf"(?!{LETTER})"
        named = rf"(?:{one})\s?(?:{nth})|(?:{one})\s?(?:{cardinal}){ends}"
        named += rf"|(?:{fold(OPTIONS[language])}){gap}(?:{cardinal})(?={closed}{PAUSE}|{follows})"
        named += "" if language in ORDINAL_BEHIND else rf"|(?:{nth})\s?(?:{one})"
        first = rf"(?:^|(?<=[.!?:;{STOPS}] )){_OPEN_IN_LINE}{surely}"
        # "First, ..." and "First: ..." count what comes, "The first: ..." answers.
        nouned = rf"(?:(?:{nth})(?:\s?(?:one|{wide}))?|(?:{wide})\s?(?:{nth})){behind}"
        short = rf"(?:{nth}){behind}(?: one)?"
        named = rf"{apart}(?:{named}){behind}"
        named += rf"|(?:\A|(?<=:)){_OPEN_IN_LINE}(?:{cardinal}){closed}\s*[.!{STOPS}]?\s*\Z"  # "Two.", "Answer: two"
        named += rf"|{first}{article}{short}(?={closed}{PAUSE})" if article else ""
        # Of several: "the second sentence is likelier", but not "the second sentence is true whenever the first is".
        unless = rf"(?![^.!?;{STOPS}\n]{{0,24}}(?:{truths}))"
        any_noun, none, few = (
            rf"{first}(?:{article})?{which}(?={follows}){no}|{apart}{article}{which}(?={chosen}){no}"
            for which, no in ((nouned, ""), (short, ""), (nouned, unless))
        )
        result.append(([compiled(f"{named}|{any_noun}"), compiled(f"{named}|{none}|{few}")], f" option {word} "))
        told_of = rf"(?P<before>{told})\s?[\"'“„«「]?(?:\w{{1,3}} )?{nouned}(?={closed}{PAUSE}|{follows})"
        result.append(([compiled(told_of)] * 2, rf"\g<before> option {word} "))
    return result
