"""The final number of a generated solution, in any digits and in the notation of its language.

Which number is the answer, the first of these that applies:

1. the number after the last ``\\boxed{``;
2. what follows the last answer cue on its line, or on the next line where the cue ends its own ("The answer is",
   "#### 18", "Antwort:", "答えは"; English cues count in every language). There it is the number after the last "=",
   else the number that stands directly behind the cue, else the best one of the sentence (see below);
3. a number that opens the text, alone with at most a word for its unit, and is explained after it ("18, because ...",
   "18 dollars\n\nExplanation: ..."); the "1." of a list is none;
4. a number in bold on the last line that has numbers;
5. the sentence that draws the conclusion ("So she makes $18 from 9 eggs"), after any "=", or there what the numbers
   before it give ("240 minus 165 seats are free, that is 75"); a later one, where its number follows from them;
6. the last sentence after the last "=" (or "≈"), where it has a number that is no mere circumstance;
7. the number after the last "=" that has one on its line;
8. the last number of the last sentence that has numbers; circumstances, what stands in parentheses, a reason
   ("7, because each costs $3") and a clause about another ("12 more than Anna, who has 5") are passed over.

Of a text that breaks off ("There are 14 red marbles and") and of one that refuses an answer ("there is not enough
information") only 1 to 3 count, if they stand before that or behind a "but"; what checks the answer ("To check:
13 - 8 = 5") and another question behind it do not count. Numbers in words are read in a text or line of a cue without
digits, before a reason, and behind the last digits where they are new ("She gives 7 away. Five are left.").

The best number of a sentence is the one that the last equation before it gave, if the sentence holds it; else the first
that is no circumstance ("in 7 days he earns 126"); in languages that put circumstances first (bn hi ja ko te tr ur zh),
the last.

No answer are numbers that are denied ("not 13 but 12") or left open ("between 10 and 12", "5, 6 or 7", "10-12"), and
those of steps ("Step 2") and of certainty ("95 % sure"); one that was given ("all 35 pages") is none where the sentence
has another. Numbers themselves are read by `numerals`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from decimal import Decimal

from mslt_it import languages
from mslt_it.evaluation.answers.amounts import (
    ALL_OF,
    BUT,
    CHECKS,
    EACH_OF,
    PART_OF,
    POSTPOSITIONS,
    PREPOSITIONS,
    REFUSALS,
    THAT_IS,
)
from mslt_it.evaluation.answers.dismissed import (
    beside,
    cut_off,
    one_answer,
    without_denied,
    without_open,
    without_steps,
)
from mslt_it.evaluation.answers.numerals import (
    BOLD,
    CURRENCY,
    DECIMAL_COMMA,
    DECIMAL_POINT,
    MINUS_SIGNS,
    NO_WORD_SPACES,
    Number,
    folded,
    left_by,
    numbers_in,
    results,
)
from mslt_it.evaluation.answers.spelled import answer_cue, counted_in_digits, in_digits
from mslt_it.evaluation.answers.words import (
    ANY_LINE,
    BECAUSE,
    CONCLUSIONS,
    LETTER,
    REASON_SENTENCE,
    STOPS,
    compiled,
    either,
)
from mslt_it.problems import Problem, nearest

_CHECK_IN_BRACKETS = re.compile(r"\([^()\n=]*=[^()\n]*\)[\s.!*]*\Z")
_PERCENT = re.compile(r" ?%(?! ?=)")
_BOXED = re.compile(r"\\boxed\s*\{")
# "20 лв. от 50 лв.": there the sentence goes on, before a capital only where a script has none or behind "i.e.".
_CASELESS = "กม กก ชม கி.மீ కి.మీ कि.मी কি.মি i.e e.g т.е z.B d.h"
_SHORTENED, _SHORTENED_CASELESS = (
    "".join(f"(?<!{word})" for word in words.split())
    for words in (f"лв руб коп км мин стр χλμ km kpl {_CASELESS}", _CASELESS)
)
_STOP = rf"(?:[!?]|{_SHORTENED}\.|{_SHORTENED_CASELESS}\.(?!\s[a-zà-ÿа-яёά-ώ]))(?=\s|$)|[{STOPS}\n]"
_SENTENCE_END = re.compile(_STOP)
_CLAUSE_END = re.compile(rf"[,、;](?!\d)|\(|{_STOP}")
_LIST_NUMBER = re.compile(r"[.):](?=\s+\S)")  # behind the number
_LIST_ITEM = re.compile(r"^[ \t]*(\d{1,3})[.):]\s", re.MULTILINE)
CIRCUMSTANCE_FIRST = frozenset({"bn", "hi", "ja", "ko", "ta", "te", "tr", "ur", "zh"})  # of several the last
MIN_ALONE = 5  # a smaller word behind a single number is rather a multiple: "Tom is 12, twice as old as his sister"
# Nothing but quotes, markup or a currency before a number.
_ALONE_BEFORE = re.compile(rf"[\s\"'(*:=$\\\[\]{{}}«»„“”「」『』】【{BOLD}{MINUS_SIGNS}]*(?:{CURRENCY})?\s*")


def parse_number(text: str, language: str) -> Decimal | None:
    """The number that a generated text gives as its answer, or None where it has none.

    Args:
        language: BCP-47 code; decides the notation, the cues and the scaling words. Raises Problem for a language
            whose decimal mark is not listed here.
    """
    primary = languages.primary(language)
    if primary not in DECIMAL_COMMA and primary not in DECIMAL_POINT:
        raise Problem(
            f"How numbers are written in language '{language}' is not known. "
            f"{nearest(primary, DECIMAL_COMMA | DECIMAL_POINT)} "
            "Add it to DECIMAL_COMMA or DECIMAL_POINT in mslt_it/evaluation/answers/numerals.py."
        )
    solution = _Solution(text, primary)
    found = solution.answer()
    return None if found is None else solution.in_percent(found).value


class _Solution:
    """A text that works something out, and its numbers."""

    def __init__(self, text: str, primary: str) -> None:
        self.text, self.primary = in_digits(one_answer(folded(text), primary), primary), primary
        begin = "" if primary in NO_WORD_SPACES else r"(?<!\w)"
        self._so = compiled(rf"{begin}(?:{either(CONCLUSIONS, primary)})")
        self.numbers = self._amounts()
        if self.numbers:
            self._take_words()

    def _take_words(self) -> None:
        """Number words behind the last digits ("She gives 7 away. Five are left.") as digits, where one is new; all of
        them where the only number is a circumstance ("She needs six more to reach 30")."""
        written, given, known = self.text, self.numbers, {number.value for number in self.numbers}
        alone = len(given) == 1 and self._is_circumstance(given[0]) and not re.search("[=,;،、]", written)
        start = 0 if alone else numbers_in(written, self.primary)[-1].end
        if not alone and self.primary not in CIRCUMSTANCE_FIRST | {"th"}:
            start = self._end(_CLAUSE_END, start)
        self.text = written[:start] + counted_in_digits(written[start:], self.primary)
        self.numbers = self._amounts()
        new = {number.value for number in self.numbers if number.start >= start} - known
        is_multiple = not alone and len(given) == 1 and max(new, default=0) < MIN_ALONE
        if not new or is_multiple or not known <= {number.value for number in self.numbers}:
            self.text, self.numbers = written, given

    def _amounts(self) -> list[Number]:
        numbers = without_steps(numbers_in(self.text, self.primary), self.text, self.primary)
        return without_open(without_denied(numbers, self.text, self.primary), self.text, self.primary)

    def answer(self) -> Number | None:
        """By the rules of the module's text, in their order."""
        ends = [match.end() for match in _SENTENCE_END.finditer(self.text.rstrip(" \t\n*"))]
        cut = cut_off(self.text, self.numbers, ends[-1] if ends else 0, self.primary)
        self.numbers = self._without_reasons(_within(self.numbers, 0, len(self.text) if cut is None else cut))
        if not self.numbers:
            return None
        for cues in (_BOXED, answer_cue(self.primary)):
            for cue in reversed(list(cues.finditer(self.text))):
                line = ANY_LINE.search(self.text, cue.end())  # the rest of this one, or the next that has something
                stated = _within(self.numbers, *line.span()) if line else []
                if line and stated and not self._refused(cue.end(), stated[0].start):
                    return self._stated(stated, line.start())
        if cut is not None:
            return self._opening()
        self.numbers = self._without_refused()
        if self.numbers:
            self.numbers = self._without_check()
            return self._opening() or self._bold() or self._concluded() or self._after_equations() or self._last()
        return None

    def in_percent(self, found: Number) -> Number:
        """What the text gives as per cent for the part found: "12/20 = 0,6, soit 60 %"."""
        start = 0 if self.text[: found.start].rstrip().endswith("=") else found.start
        for number in _within(self.numbers, start, len(self.text)):
            if number.value == 100 * found.value and _PERCENT.match(self.text, number.end):
                return number
        return found

    def _refused(self, start: int, end: int) -> re.Match[str] | None:
        """The first place between two that says that there is no answer."""
        return compiled(either(REFUSALS, self.primary)).search(self.text, start, end)

    def _without_refused(self) -> list[Number]:
        """The numbers behind a "but" or a conclusion after what refuses an answer; all of them if nothing does."""
        refusal = self._refused(0, len(self.text))
        if refusal is None:
            return self.numbers
        begin = "" if self.primary in NO_WORD_SPACES | {"ko"} else r"(?<!\w)"
        but = rf"{begin}(?:{either(BUT, self.primary)})"
        before = max((number.end for number in self.numbers if number.end <= refusal.start()), default=refusal.start())
        if compiled(but).search(self.text, before, refusal.start()):
            return list(self.numbers)  # "12, but I cannot say for sure"
        concluded = rf"[,.;!{STOPS}]\s*(?:{either(CONCLUSIONS, self.primary)})"
        turn = compiled(f"{but}|{concluded}").search(self.text, refusal.end())
        return _within(self.numbers, turn.start() if turn else len(self.text), len(self.text))

    def _without_reasons(self, numbers: list[Number]) -> list[Number]:
        """The numbers but for those of a reason that stands behind one: "4 cars, because 17 / 5 = 3.4"."""
        pause = r"[,;(、。]\s?|[.!।۔]\s|\s(?!(?:as|since|da|do|car)\b)"
        because = rf"(?:{pause})(?:{either(BECAUSE, self.primary)}){REASON_SENTENCE.get(self.primary, '')}"
        reasons = list(compiled(because).finditer(self.text))
        for reason in reasons[-20:]:  # a text that runs away has thousands
            end = self._end(_SENTENCE_END, reason.end())
            inside, before = _within(numbers, reason.start(), end), _within(numbers, 0, reason.start())
            apart = len(before) and _SENTENCE_END.search(self.text, before[-1].end, reason.start() + 1)
            so = self._so.search(self.text, reason.end(), end)
            if not (inside and before) or (so and inside[-1].start > so.start()):
                continue
            answers = self._main(self._last_sentence(before)) or "=" not in self.text[reason.end() : end]
            if answers and (not apart or numbers[-1].start < end):
                numbers = [number for number in numbers if number not in inside]
        return numbers

    def _without_check(self) -> list[Number]:
        """The numbers before a check ("To check: 13 - 8 = 5"), unless a conclusion is drawn from it."""
        begins = rf"(?:^|[.!?{STOPS}])[ \t*#>(-]*(?:{either(CHECKS, self.primary)})"
        for check in compiled(begins).finditer(self.text, self.numbers[0].end):
            concluded = self._so.search(self.text, check.end())
            if not (concluded and _within(self.numbers, concluded.end(), len(self.text))):
                return _within(self.numbers, 0, check.start() + 1)
        if bracket := _CHECK_IN_BRACKETS.search(self.text, max(0, len(self.text) - 200)):
            before, computed = _within(self.numbers, 0, bracket.start()), self._equated(bracket.start())
            if computed and before[-1].value == computed.value:
                return before
        return self.numbers

    def _stated(self, stated: Sequence[Number], start: int) -> Number:
        """The answer among the numbers of the line that begins, behind its cue, at ``start``."""
        end = self._end(_SENTENCE_END, stated[0].end)
        equals = self.text.rfind("=", start, _within(stated, start, end)[-1].start)
        # "Answer: 75. Check: 75 + 165 = 240." In Thai nothing but the colon parts the two.
        if equals >= 0 and ": " not in self.text[stated[0].end : equals]:
            return next(number for number in stated if number.start > equals)
        if _ALONE_BEFORE.fullmatch(self.text, start, stated[0].start):
            if self.primary not in CIRCUMSTANCE_FIRST:
                return stated[0]
            end = self._end(_CLAUSE_END, stated[0].end)
        return self._best(_within(stated, start, end)) or stated[0]

    def _opening(self) -> Number | None:
        """The number that opens the text and is explained after it."""
        first, spaced = self.numbers[0], self.primary not in NO_WORD_SPACES
        behind = self.text[first.end :]
        is_listed = any(Decimal(item[1]) == first.value + 1 for item in _LIST_ITEM.finditer(behind))
        is_listed |= first.value == 1 and _LIST_NUMBER.match(behind) is not None
        if is_listed or not _ALONE_BEFORE.fullmatch(self.text, 0, first.start):
            return None
        edge = r"(?<!\w)" if spaced else ""
        unit = rf"(?:[ \u00a0]?(?!\d){LETTER}+[\"'.]?{LETTER}?|[ \u00a0]?[%€£$¥₽₹°])?"
        reason = rf"{unit}[)\"'*]*\s?[,.:;(–—-]?\s?" if spaced else r"[^\s\d=]{0,12}?[,、。.:;\s]{0,3}"
        because = either(BECAUSE, self.primary) + (f"|{either(THAT_IS, self.primary)}" if spaced else "")
        explained = [rf"{reason}{edge}(?:{because})", rf"{unit}[)\"'*.。।]*[ \t]*\n\s*[^\W\d]"]
        explained += [rf"{unit}[.!।] +[^\W\d]"] * spaced
        return first if any(compiled(pattern).match(behind) for pattern in explained) else None

    def _bold(self) -> Number | None:
        """The last number in bold, where it is on the last line that has numbers."""
        line = self.text.rfind("\n", 0, self.numbers[-1].start) + 1
        at = self.text.rfind(BOLD, line)
        return next((number for number in self.numbers if number.start >= at), None) if at >= 0 else None

    def _concluded(self) -> Number | None:
        """The answer of the last sentence that opens with a word of conclusion, where no equation follows it."""
        # Where words are not separated, the word may stand anywhere.
        begins = "" if self.primary in NO_WORD_SPACES else r"(?:^|[.!?।]\s|[,;]\s)[ \t\"'(*-]*"
        word = compiled(rf"{begins}(?:{either(CONCLUSIONS, self.primary)})")
        for match in reversed(list(word.finditer(self.text))):
            if stated := _within(self.numbers, match.end(), self._end(_SENTENCE_END, match.end())):
                break
        else:
            return None
        equals = self.text.rfind("=")
        if equals >= stated[-1].end:
            return None
        if match.end() <= equals < stated[-1].start:
            return next(number for number in stated if number.start > equals)
        last = self._last_sentence(self.numbers)
        best = self._best(stated)
        behind = [number for number in self.numbers if number.start > stated[-1].start]
        if last[0].start > stated[-1].start:
            main, sentence = self._main(last), self._last_sentence(_within(self.numbers, 0, stated[-1].end))
            pairs = itertools.combinations([number.value for number in sentence[-6:]], 2)
            is_told = compiled(rf"(?:{either(THAT_IS, self.primary)})\W*\Z").search(self.text, 0, last[0].start)
            follows = len(main) == 1 and (is_told or any(main[0].value in results(pair) for pair in pairs))
            # Not "So she makes $18. She works 5 days."
            if later := self._reckoned(last) or (best and left_by(best, behind)) or (main[0] if follows else None):
                return later
        return self._reckoned(stated) or best

    def _after_equations(self) -> Number | None:
        """The answer of the last sentence, where equations end before it; else what the last equation gives."""
        computed = self._equated(len(self.text))
        if computed is None:
            return None
        end = computed.end if self.primary == "th" else self._end(_SENTENCE_END, computed.end)
        later = [number for number in self.numbers if number.start >= end and not self._is_list_number(number)]
        here = later if self.primary == "th" else _within(self.numbers, computed.end, end)  # nothing parts sentences
        if left := left_by(computed, here):  # "540 a week, in 2 weeks 1,080"
            return left
        if self.primary == "th":
            return computed
        return (self._best(self._last_sentence(later, end), strict=True) if later else None) or computed

    def _last(self) -> Number:
        """The last number of the last sentence that has numbers, circumstances passed over."""
        last = self._last_sentence(self.numbers)
        earlier = _within(self.numbers, 0, last[0].start) if self.primary in CIRCUMSTANCE_FIRST else []
        main = self._main(last) or (earlier and self._main(self._last_sentence(earlier))) or last
        return self._reckoned(last) or main[-1]

    def _reckoned(self, stated: Sequence[Number]) -> Number | None:
        """The result of the numbers before it in its sentence: "240 minus 165 seats are free, that is 75"."""
        that_is = either(THAT_IS, self.primary)
        total = len(stated) > 2 and compiled(f"[:(]|{that_is}").search(self.text, stated[0].end, stated[1].start)
        if total and stated[0].value in results([number.value for number in stated[1:]]):
            return stated[0]  # "260 sheep in all: 20 here, 80 there and 160 at home"
        number = (self._main(stated) or stated)[-1]
        index = stated.index(number)
        before = [other.value for other in stated[max(0, index - 6) : index]]
        is_result = index > 1 and compiled(f"[,:(]|{that_is}").search(self.text, stated[index - 1].end, number.start)
        given = any(number.value in results(before[-count:]) for count in range(2, len(before) + 1))
        return number if is_result and given else None

    def _best(self, stated: Sequence[Number], strict: bool = False) -> Number | None:
        """The answer among the numbers of one sentence; with ``strict`` None where all of them are circumstances."""
        if not stated:
            return None
        computed = self._equated(stated[0].start)
        if computed and (same := next((number for number in stated if number.value == computed.value), None)):
            return same
        if computed and (left := left_by(computed, stated)):
            return left
        others = self._main(stated)
        if not others:
            return None if strict else stated[-1]
        return others[-1] if self.primary in CIRCUMSTANCE_FIRST else others[0]

    def _main(self, stated: Sequence[Number]) -> list[Number]:
        """The numbers of a sentence that are neither circumstances nor in parentheses, nor (where others are) given."""
        count = len(stated)
        stated = [number for number in stated if not self._is_given(number)] or stated
        others = beside(stated, self.text, self.primary)
        stated = [number for number in stated if number not in others] or stated
        result, depth, at = [], 0, stated[0].start
        for number in stated:
            depth = max(0, depth + self.text.count("(", at, number.start) - self.text.count(")", at, number.start))
            at = number.start
            if depth == 0 and not self._is_circumstance(number):
                result.append(number)
        return result or ([stated[-1]] if len(stated) < count else [])

    def _is_circumstance(self, number: Number) -> bool:
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

    def _is_given(self, number: Number) -> bool:
        before, behind = ALL_OF.get(self.primary, ALL_OF["en"])
        ahead = self.text[max(0, number.start - 32) : number.start]
        if number.value != int(number.value):  # "i 3/4 della torta"
            return False
        return bool(before and compiled(rf"(?:{before}) ?$").search(ahead)) or bool(
            behind and compiled(behind).match(self.text, number.end)
        )

    def _is_list_number(self, number: Number) -> bool:
        starts_line = self.text[: number.start].rpartition("\n")[2].strip(" \t*#") == ""
        return starts_line and _LIST_NUMBER.match(self.text, number.end) is not None

    def _equated(self, before: int) -> Number | None:
        """The number after the last "=" before a place that has one on its line."""
        for equals in reversed([match.end() for match in re.finditer("=", self.text[:before])]):
            end = self.text.find("\n", equals)
            if stated := _within(self.numbers, equals, min(before, len(self.text) if end < 0 else end)):
                return stated[0]
        return None

    def _last_sentence(self, numbers: Sequence[Number], start: int = 0) -> Sequence[Number]:
        ends = [match.end() for match in _SENTENCE_END.finditer(self.text, start, numbers[-1].start)]
        return [number for number in numbers if number.start >= ends[-1]] if ends else numbers

    def _end(self, pattern: re.Pattern[str], start: int) -> int:
        found = pattern.search(self.text, start)
        return found.start() if found else len(self.text)


def _within(numbers: Sequence[Number], start: int, end: int) -> list[Number]:
    return [number for number in numbers if start <= number.start < end]
