"""What a question gives and what it asks for, as far as that tells which number of an answer is the result.

The numbers that a question gives stand before those of the answer: what follows from them is a result, and they
themselves seldom are. Of several results the one is asked for that has the unit of the question's last sentence, or
whose clause says more of its words ("The shirts cost 42 euros, so she gets 8 back").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from mslt_it.evaluation.answers.amounts import THAT_IS
from mslt_it.evaluation.answers.language import STOP_WORDS
from mslt_it.evaluation.answers.numerals import NO_WORD_SPACES, Number, folded, numbers_in
from mslt_it.evaluation.answers.reckoning import AGAIN, MOST_NUMBERS
from mslt_it.evaluation.answers.sentences import SENTENCE_END, Sentences, within
from mslt_it.evaluation.answers.spelled import counted_in_digits
from mslt_it.evaluation.answers.words import JOINERS, LETTER, STOPS, compiled, either

MARGIN = 3  # the weight of a word that only the asking sentence has; another result's clause must say so much more
DOUBT = 2  # of so much more, two words that the whole question has, nobody can tell
MOST_GIVEN = 12
MOST_RESTATED = 4  # sentences behind the result that only give again what was given
SHORT_UNITS = frozenset({"ja", "ko", "zh"})  # a letter: 個, 개
_OPERATOR = re.compile(r" ?(?:[-+−–*/×÷·] ?\d|[=≈])")
_WORD = re.compile(rf"(?:(?!\d){LETTER})+")
Runs = frozenset[str]  # the runs of letters of a word, of which its other forms have most


class Question:
    """What an answer is to.

    Args:
        text: "" where nothing is known of it.
        primary: the answer's language. Of a question in another one no word is found in the answer.
        asked_in: its own language; numbers are read in the notation of both, for it may have been translated.
    """

    def __init__(self, text: str, primary: str, asked_in: str) -> None:
        text, self.primary = folded(text).casefold(), primary
        codes = dict.fromkeys((primary, asked_in))
        read = [number.value for code in codes for number in numbers_in(counted_in_digits(text, code), code)]
        self.given = tuple(dict.fromkeys(read))[-MOST_GIVEN:]
        end = re.compile(r"\s") if primary == "th" else SENTENCE_END  # Thai has a space between sentences
        begin = max((match.end() for match in end.finditer(text.rstrip(f" ?!.\n{STOPS}"))), default=0)
        told, asking = self._runs(text[:begin]), text[begin:]
        self._weights = {word: 1 if _is_among(word, told) else MARGIN for word in self._runs(asking)}
        # Where words end in particles, their first letters.
        self._letters = {word[0] for word in _WORD.findall(asking)} if primary == "ko" else set(asking)

    def fit(self, clause: str) -> int:
        """How much of what it asks a clause says: a word that only its last sentence has counts three times."""
        said = self._runs(clause)
        return sum(weight * _is_among(word, said) for word, weight in self._weights.items())

    def has_unit(self, behind: str) -> bool:
        """Is the word directly behind a number one of those that it asks with?"""
        word = _WORD.match(behind, behind.startswith(" "))
        if word and self.primary in SHORT_UNITS:
            return word[0][0] in self._letters and not "ぁ" <= word[0][0] <= "ん"  # は, を: no unit
        runs = self._runs(word[0])[:1] if word else []
        return bool(runs) and _is_among(runs[0], list(self._weights))

    def _runs(self, text: str) -> list[Runs]:
        """Of each word, function words aside; where no spaces part words, each run stands for one."""
        size = 2 if self.primary in NO_WORD_SPACES | {"ko"} else 3
        stops = STOP_WORDS.get(self.primary, frozenset())
        words = [word for word in _WORD.findall(text.casefold()) if len(word) >= size and word not in stops]
        runs = [[word[at : at + size] for at in range(len(word) - size + 1)] for word in words]
        if self.primary in NO_WORD_SPACES:
            runs = [[run] for word in runs for run in word]
        return list(dict.fromkeys(map(frozenset, runs)))


def _is_among(word: Runs, others: Sequence[Runs]) -> bool:
    return any(2 * len(word & other) > min(len(word), len(other)) for other in others)


def asked_for(solution: Sentences, question: Question, found: Number, end: int) -> Number | None:
    """What the rules found, or another result from its sentence to ``end`` that the question asks for; None where its
    words speak for another one, but not clearly."""
    text, primary, given = solution.text, solution.primary, set(question.given)
    begin = max((match.end() for match in SENTENCE_END.finditer(text, 0, found.start)), default=0)
    before, stated = within(solution.numbers, 0, begin), within(solution.numbers, begin, end)
    if not given or len(stated) > MOST_NUMBERS:
        return found
    pause = compiled(rf"[,;:،、(]|(?<!{LETTER})(?:{either(JOINERS, primary)})(?!{LETTER})")
    that_is = compiled(rf"=|(?<!{LETTER})(?:{either(THAT_IS, primary)})")
    results = {value for value, (how, _) in solution.results.items() if how > AGAIN}
    earlier = {number.value for number in before}
    latest = next((number.value for number in reversed(before) if number.value in results - given), None)
    # What stood there before is no rival of a new result, which was worked out from it.
    known = given if found.value in earlier | (given - results) else given | earlier
    said: dict[Decimal, tuple[bool, bool, int]] = {}
    for number, after in zip(stated, [*(other.start for other in stated[1:]), end], strict=True):
        value, pauses = number.value, pause.search(text, number.end, after)
        # "20 of them walk, and the other 60 do not"
        is_told_again = value == latest and pauses and not that_is.search(text, number.end, found.start)
        is_used = any(other.value == value for other in within(stated, number.end, found.start))
        is_used |= value not in earlier and _OPERATOR.match(text, number.end) is not None
        if value == found.value or is_told_again or not (value in known or is_used):
            word = _WORD.match(text, number.end + text.startswith(" ", number.end))
            cut = pauses.start() if pauses else word.end() if word else number.end
            clause = text[begin : after if after == end else cut]
            told = value in results or value not in given, question.has_unit(text[number.end :]), question.fit(clause)
            said[value], begin = max(told, said.get(value, told)), cut
    best = max(reversed(said), key=lambda value: (said[value], value == found.value))
    (*kind, words), (*own_kind, own_words) = said[best], said[found.value]
    if kind == own_kind and words - own_words < MARGIN:
        if words - own_words >= DOUBT:
            return None
        best = found.value
    if best in given - solution.results.keys() and len({number.value for number in stated}) > 1:
        return None  # two that were given, and nothing worked out: "It leaves at 8 and takes 3 hours and 35 minutes."
    return found if best == found.value else next(number for number in stated if number.value == best)


def without_restated(solution: Sentences) -> list[Number]:
    """The numbers but for last sentences that only give again what the question gives, behind one with a result."""
    results = {value for value, (how, _) in solution.results.items() if how > AGAIN}
    rest = solution.numbers
    for _ in range(MOST_RESTATED):
        last = solution.last_sentence(rest) if rest else []
        is_told = len({number.value for number in last}) == 1 and last[0].value in solution.results
        if is_told or any(number.value in results or number.value not in solution.given for number in last):
            break
        rest = within(rest, 0, last[0].start) if last else rest
    return rest if any(number.value in results for number in rest) else solution.numbers
