"""The numbers of a text that works something out, sentence by sentence: what each is there for.

A number may be a circumstance ("in 7 days"), given ("all 35 pages"), of another or of a comparison ("20 less than the
limit of 80"), a per cent beside an amount; or a result, which follows from the numbers before it (`reckoning`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from decimal import Decimal

from mslt_it.evaluation.answers import reckoning
from mslt_it.evaluation.answers.amounts import ALL_OF, COMPARED, EACH_OF, PART_OF, POSTPOSITIONS, PREPOSITIONS
from mslt_it.evaluation.answers.dismissed import beside
from mslt_it.evaluation.answers.numerals import CURRENCY, Number
from mslt_it.evaluation.answers.words import STOPS, compiled

# "20 лв. от 50 лв.": there the sentence goes on, before a capital only where a script has none or behind "i.e.".
_CASELESS = "กม กก ชม கி.மீ కి.మీ कि.मी কি.মি i.e e.g т.е z.B d.h"
_SHORTENED, _SHORTENED_CASELESS = (
    "".join(f"(?<!{word})" for word in words.split())
    for words in (f"лв руб коп км мин стр χλμ km kpl {_CASELESS}", _CASELESS)
)
STOP = rf"(?:[!?]|{_SHORTENED}\.|{_SHORTENED_CASELESS}\.(?!\s[a-zà-ÿа-яёά-ώ]))(?=\s|$)|[{STOPS}\n]"
SENTENCE_END = re.compile(STOP)
PERCENT = re.compile(r" ?%(?! ?=)")
_PARENTHESIS = re.compile("[()]")
LIST_NUMBER = re.compile(r"[.):](?=\s+\S)")  # behind the number
CIRCUMSTANCE_FIRST = frozenset({"bn", "hi", "ja", "ko", "ta", "te", "tr", "ur", "zh"})  # of several the last


class Sentences:
    """A folded text and its numbers, in order."""

    def __init__(self, text: str, primary: str, given: Sequence[Decimal]) -> None:
        self.text, self.primary, self.given = text, primary, given
        self.numbers: list[Number] = []

    def worked_out(self, stated: Sequence[Number]) -> Number | None:
        """Of the numbers of a sentence the one that is the last to follow from those before it, or to stand behind a
        "="; a per cent beside an amount, and circumstances beside what was known, only where nothing else does."""
        if not stated:
            return None
        main, known = self.main(stated), self.results
        told = [number for number in main if number.value in known]
        told = [number for number in told if not self.is_share(number)] or told
        computed = self.equated(stated[0].start)
        same = [number for number in stated if computed and number.value == computed.value]
        usual = main[0] if main and self.primary not in CIRCUMSTANCE_FIRST else (main or stated)[-1]
        earlier = {number.value for number in within(self.numbers, 0, usual.start)}
        if usual.value in earlier and not told:
            told = [number for number in stated if number.value in known]
        elif {number.value for number in told} == {usual.value} <= earlier:  # "so the $60 are enough for 12 cards"
            given = {value for one in earlier for value in reckoning.results((usual.value, one)) - {usual.value + one}}
            told += [number for number in stated if number.value in known and number.value in given - earlier]
        if same and (not told or told[0] is same[0]):
            return same[0]
        if not any(known[number.value][1] >= stated[0].start for number in told):  # "it leaves with 435 passengers"
            sure, others = reckoning.SURE, beside(stated, self.text, self.primary)
            new = [number for number in stated if known.get(number.value) == (sure, number.start)]
            told = [number for number in new if number not in others] or told
        # The latest that is new goes before one that was known and is given again; last comes what is only repeated.
        rank = {
            value: (place >= stated[0].start, how > reckoning.AGAIN, place) for value, (how, place) in known.items()
        }
        return max(told, key=lambda number: rank[number.value]) if told else None

    def compares(self, stated: Sequence[Number]) -> bool:
        """Does a sentence compare the result ("That is 20 km/h less than the limit of 80.")?"""
        end = self.end(SENTENCE_END, stated[-1].end) if stated else 0
        compared = compiled(COMPARED.get(self.primary, COMPARED["en"]))
        return bool(stated) and compared.search(self.text, stated[0].start, end) is not None

    def is_share(self, number: Number) -> bool:
        """Is it a per cent or a fraction of one thing?"""
        is_percent = PERCENT.match(self.text, number.end) or self.text[number.start - 1 : number.start] == "%"
        return bool(is_percent) or ("/" in self.text[number.start : number.end] and number.value < 1)

    @functools.cached_property
    def results(self) -> dict[Decimal, tuple[int, int]]:
        """The values that the text works out, how sure they are, and where."""
        signs = (self.text[max(0, number.start - 3) : number.start].rstrip(" $")[-1:] for number in self.numbers)
        equated = {index for index, sign in enumerate(signs) if sign in ("=", "≈")}
        shares = {index for index, number in enumerate(self.numbers) if self.is_share(number)}
        places = reckoning.worked_out([number.value for number in self.numbers], equated, shares, self.given)
        return {self.numbers[place].value: (how, self.numbers[place].start) for place, how in places.items()}

    def main(self, stated: Sequence[Number]) -> list[Number]:
        """The numbers of a sentence that are neither circumstances nor in parentheses, nor (where others are) given."""
        count = len(stated)
        new = {place for how, place in self.results.values() if how > reckoning.AGAIN}
        stated = [number for number in stated if number.start in new or not self.is_given(number)] or stated
        sure = {place for how, place in self.results.values() if how == reckoning.SURE}
        others = [number for number in beside(stated, self.text, self.primary) if number.start not in sure]
        stated = [number for number in stated if number not in others] or stated
        result = [n for n in stated if not (self.is_in_parentheses(n) or self.is_circumstance(n))]
        return result or ([stated[-1]] if len(stated) < count else [])

    def is_in_parentheses(self, number: Number) -> bool:
        is_open = self.text.rfind("(", 0, number.start) > self.text.rfind(")", 0, number.start)
        behind = _PARENTHESIS.search(self.text, number.end)
        return is_open and not (behind and behind[0] == "(")

    def is_circumstance(self, number: Number) -> bool:
        postposition = POSTPOSITIONS.get(self.primary, "(?!)")
        each = EACH_OF.get(self.primary, "(?!)")
        ahead = self.text[max(0, number.start - 32) : number.start]
        is_behind = compiled(postposition).match(self.text, number.end) is not None
        if self.primary in CIRCUMSTANCE_FIRST or is_behind:
            return is_behind or compiled(rf"(?:{each})\s*$").search(ahead) is not None
        preposition = PREPOSITIONS.get(self.primary, PREPOSITIONS["en"])
        part_of = rf"|\d(?: \w+)? {PART_OF[self.primary]}" if self.primary in PART_OF else ""
        before = compiled(rf"(?:{preposition}{part_of}|{each})\s*{CURRENCY}?\s*$")
        return before.search(ahead) is not None

    def is_given(self, number: Number) -> bool:
        if number.value in self.given:
            return True
        before, behind = ALL_OF.get(self.primary, ALL_OF["en"])
        ahead = self.text[max(0, number.start - 32) : number.start]
        if number.value != int(number.value):  # "i 3/4 della torta"
            return False
        return bool(before and compiled(rf"(?:{before}) ?$").search(ahead)) or bool(
            behind and compiled(behind).match(self.text, number.end)
        )

    def is_list_number(self, number: Number) -> bool:
        starts_line = self.text[: number.start].rpartition("\n")[2].strip(" \t*#") == ""
        return starts_line and LIST_NUMBER.match(self.text, number.end) is not None

    def equated(self, before: int) -> Number | None:
        """The number after the last "=" before a place that has one on its line."""
        for equals in reversed([match.end() for match in re.finditer("=", self.text[:before])]):
            end = self.text.find("\n", equals)
            if stated := within(self.numbers, equals, min(before, len(self.text) if end < 0 else end)):
                return stated[0]
        return None

    def last_sentence(self, numbers: Sequence[Number], start: int = 0) -> Sequence[Number]:
        ends = [match.end() for match in SENTENCE_END.finditer(self.text, start, numbers[-1].start)]
        return [number for number in numbers if number.start >= ends[-1]] if ends else numbers

    def end(self, pattern: re.Pattern[str], start: int) -> int:
        found = pattern.search(self.text, start)
        return found.start() if found else len(self.text)


def within(numbers: Sequence[Number], start: int, end: int) -> list[Number]:
    return [number for number in numbers if start <= number.start < end]
