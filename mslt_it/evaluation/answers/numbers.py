"""The final number of a generated solution, in any digits and in the notation of its language.

Which number is the answer, the first of these that applies:

1. the number after the last ``\\boxed{``;
2. what follows the last answer cue on its line, or on the next line where the cue ends its own ("The answer is",
   "#### 18", "Antwort:", "答えは"; English cues count in every language). There it is the number after the last "=",
   else the number that stands directly behind the cue, else the best one of the sentence (see below);
3. a number that opens the text, alone with at most a word for its unit, and is explained after it ("18, because ...",
   "18 dollars\n\nExplanation: ..."); the "1." of a list is none;
4. a number in bold on the last line that has numbers;
5. the sentence that draws the conclusion ("So she makes $18 from 9 eggs"), after any "="; a later one, where it has a
   result;
6. the last sentence after the last "=" (or "≈"), where it has a number that is no mere circumstance and does not
   compare ("That is 20 less than the limit of 80");
7. the number after the last "=" that has one on its line;
8. the last number of the last sentence that has numbers.

Of a text that breaks off ("There are 14 red marbles and") and of one that refuses an answer ("there is not enough
information") only 1 to 3 count, if they stand before that or behind a "but"; what checks the answer ("To check:
13 - 8 = 5") and another question behind it do not count. Numbers in words are read in a text or line of a cue without
digits, before a reason, and behind the last digits where they are new ("She gives 7 away. Five are left.").

The best number of a sentence is its result, in any language: the one that follows from the numbers before it, of
several the last that is new (`reckoning`). A sentence without one gives the first number that is no circumstance ("in 7
days he earns 126"); in languages that put circumstances first (bn hi ja ko te tr ur zh), the last. What stands in
parentheses, a reason ("7, because each costs $3") and a clause about another ("12 more than Anna, who has 5") are
passed over.

The question, where it is known, says what was given, from which results follow, and which of two results is asked for
(`asked`); where its words leave a doubt, there is no answer. It overrules neither 1, 3 and 4 nor a number directly
behind a cue.

No answer are numbers that are denied ("not 13 but 12"), dismissed ("one may think that the answer is 10, but ...") or
left open ("between 10 and 12", "5, 6 or 7", "10-12"), and those of steps ("Step 2"), of a list's items and of certainty
("95 % sure"); one that was given ("all 35 pages") is none where the sentence has another. Numbers themselves are read
by `numerals`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from mslt_it import languages
from mslt_it.evaluation.answers.amounts import BUT, CHECKS, NOT, REFUSALS, THAT_IS, THEN
from mslt_it.evaluation.answers.asked import Question, asked_for, without_restated
from mslt_it.evaluation.answers.dismissed import (
    beside,
    cut_off,
    one_answer,
    without_conditions,
    without_denied,
    without_listed,
    without_open,
    without_steps,
)
from mslt_it.evaluation.answers.folding import without_cut_repeat
from mslt_it.evaluation.answers.numerals import (
    BOLD,
    CURRENCY,
    DECIMAL_COMMA,
    DECIMAL_POINT,
    MINUS_SIGNS,
    NO_WORD_SPACES,
    Number,
    folded,
    numbers_in,
)
from mslt_it.evaluation.answers.reckoning import results
from mslt_it.evaluation.answers.sentences import (
    CIRCUMSTANCE_FIRST,
    LIST_NUMBER,
    PERCENT,
    SENTENCE_END,
    STOP,
    Sentences,
    within,
)
from mslt_it.evaluation.answers.spelled import answer_cue, counted_in_digits, in_digits
from mslt_it.evaluation.answers.substitutes import AT_FIRST
from mslt_it.evaluation.answers.words import (
    ANSWERING,
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
_DIGIT = re.compile(r"\d")
_BOXED = re.compile(r"\\boxed\s*\{")
_CLAUSE_END = re.compile(rf"[,、;](?!\d)|\(|{STOP}")
_LIST_ITEM = re.compile(r"^[ \t]*(\d{1,3})[.):]\s", re.MULTILINE)
MIN_SPACES = 5  # before a sentence that breaks off: "About 7 Tsd. visitors" is a whole answer
MIN_ALONE = 5  # a smaller word behind a single number is rather a multiple: "Tom is 12, twice as old as his sister"
# Nothing but quotes, markup or a currency before a number.
_ALONE_BEFORE = re.compile(rf"[\s\"'(*:=$\\\[\]{{}}«»„“”「」『』】【{BOLD}{MINUS_SIGNS}]*(?:{CURRENCY})?\s*")


def parse_number(text: str, language: str, question: str = "", asked_in: str = "") -> Decimal | None:
    """The number that a generated text gives as its answer, or None where it has none.

    Args:
        language: BCP-47 code; decides the notation, the cues and the scaling words. Raises Problem for a language
            whose decimal mark is not listed here.
        question: what the text answers; "" where it answers none, as a label.
        asked_in: the question's language; "" is that of the text.
    """
    primary = languages.primary(language)
    if primary not in DECIMAL_COMMA and primary not in DECIMAL_POINT:
        raise Problem(
            f"How numbers are written in language '{language}' is not known. "
            f"{nearest(primary, DECIMAL_COMMA | DECIMAL_POINT)} "
            "Add it to DECIMAL_COMMA or DECIMAL_POINT in mslt_it/evaluation/answers/numerals.py."
        )
    solution = _Solution(
        without_cut_repeat(text), primary, Question(question, primary, languages.primary(asked_in or language))
    )
    found = solution.answer()
    return None if found is None else solution.in_percent(found).value


class _Solution(Sentences):
    def __init__(self, text: str, primary: str, asked: Question) -> None:
        text = without_conditions(one_answer(folded(text), primary), primary, _DIGIT)
        super().__init__(in_digits(text, primary), primary, asked.given)
        self.asked = asked
        begin = "" if primary in NO_WORD_SPACES else r"(?<!\w)"
        self._so = compiled(rf"{begin}(?:{either(CONCLUSIONS, primary)})")
        self.numbers = self._amounts()
        if self.numbers:
            self._take_words()

    def _take_words(self) -> None:
        """Number words behind the last digits ("She gives 7 away. Five are left.") as digits, where one is new; all of
        them where the only number is a circumstance ("She needs six more to reach 30")."""
        written, given, known = self.text, self.numbers, {number.value for number in self.numbers}
        alone = len(given) == 1 and self.is_circumstance(given[0]) and not re.search("[=,;،、]", written)
        start = 0 if alone else numbers_in(written, self.primary)[-1].end
        if not alone and self.primary not in CIRCUMSTANCE_FIRST | {"th"}:
            start = self.end(_CLAUSE_END, start)
        behind = NOT.get(self.primary, NOT["en"])[1]
        if behind and (denied := compiled(rf" ?(?:{behind})").match(written, start)):  # bn "নয়" is nine, too
            start = denied.end()
        self.text = written[:start] + counted_in_digits(written[start:], self.primary)
        self.numbers = self._amounts()
        new = {number.value for number in self.numbers if number.start >= start} - known
        is_multiple = not alone and len(given) == 1 and max(new, default=0) < MIN_ALONE
        if not new or is_multiple or not known <= {number.value for number in self.numbers}:
            self.text, self.numbers = written, given

    def _amounts(self) -> list[Number]:
        numbers = without_listed(numbers_in(self.text, self.primary), self.text)
        numbers = without_steps(numbers, self.text, self.primary)
        return without_open(without_denied(numbers, self.text, self.primary), self.text, self.primary)

    def answer(self) -> Number | None:
        """By the rules of the module's text, in their order."""
        ends = [match.end() for match in SENTENCE_END.finditer(self.text.rstrip(" \t\n*"))]
        cut = cut_off(self.text, self.numbers, ends[-1] if ends else 0, self.primary)
        if cut is None and ends and self._breaks_off(ends[-1]):
            cut = ends[-1]
        self.numbers = self._without_reasons(within(self.numbers, 0, len(self.text) if cut is None else cut))
        if not self.numbers:
            return None
        for cues in (_BOXED, answer_cue(self.primary)):
            for cue in reversed(list(cues.finditer(self.text))):
                line = ANY_LINE.search(self.text, cue.end())  # the rest of this one, or the next that has something
                stated = within(self.numbers, *line.span()) if line else []
                if not line or not stated or self._refused(cue.end(), stated[0].start):
                    continue
                if not self._dismissed(cue.start(), stated):
                    return self._stated(stated, line.start())
        if cut is not None:
            return self._opening()
        self.numbers = self._without_refused()
        if self.numbers:
            self.numbers = self._without_check()
            self.numbers = without_restated(self)
            if found := self._opening() or self._bold():
                return found
            found = self._concluded() or self._after_equations() or self._last()
            return asked_for(self, self.asked, found, len(self.text))
        return None

    def _breaks_off(self, start: int) -> bool:
        """Whether a last sentence without a stop goes on behind its numbers, none of which follows from others."""
        text = self.text.rstrip()
        stated = within(self.numbers, start, len(text))
        only_given = bool(stated) and all(number.value in self.given for number in stated)
        if start >= len(text) or (text[start - 1] == "\n" and not only_given) or not re.match(LETTER, text[-1]):
            return False
        if text.count(" ", 0, start) < MIN_SPACES and not (only_given and self.primary in NO_WORD_SPACES):
            return False
        behind = text[stated[-1].end :] if stated else ""
        found = self.worked_out(stated)
        if only_given and self.results and not any(number.value in self.results for number in stated):
            return True
        is_new = found is not None and all(number.value != found.value for number in within(self.numbers, 0, start))
        goes_on = behind.count(" ") > 1 or compiled(rf"\s*(?:{either(THEN, self.primary)})").match(text, start)
        return not (stated and self.main(stated)) or bool(not is_new and goes_on)

    def in_percent(self, found: Number) -> Number:
        """What the text gives as per cent for the part found: "12/20 = 0,6, soit 60 %"."""
        start = 0 if self.text[: found.start].rstrip().endswith("=") else found.start
        for number in within(self.numbers, start, len(self.text)):
            if number.value == 100 * found.value and PERCENT.match(self.text, number.end):
                return number
        return found

    def _refused(self, start: int, end: int) -> re.Match[str] | None:
        """The first place between two that says that there is no answer."""
        return compiled(either(REFUSALS, self.primary)).search(self.text, start, end)

    def _without_refused(self) -> list[Number]:
        """The numbers behind a "but" or a conclusion after what refuses an answer; all of them if nothing does."""
        refusal = self._refused(0, len(self.text))
        if refusal is None or any(place > refusal.start() for _, place in self.results.values()):
            return self.numbers  # "A quarter of a bus cannot be rented, so 7 are needed."
        begin = "" if self.primary in NO_WORD_SPACES | {"ko"} else r"(?<!\w)"
        but = rf"{begin}(?:{either(BUT, self.primary)})"
        before = max((number.end for number in self.numbers if number.end <= refusal.start()), default=refusal.start())
        if compiled(but).search(self.text, before, refusal.start()):
            return list(self.numbers)  # "12, but I cannot say for sure"
        concluded = rf"[,.;!{STOPS}]\s*(?:{either(CONCLUSIONS, self.primary)})"
        turn = compiled(f"{but}|{concluded}").search(self.text, refusal.end())
        return within(self.numbers, turn.start() if turn else len(self.text), len(self.text))

    def _without_reasons(self, numbers: list[Number]) -> list[Number]:
        """The numbers but for those of a reason that stands behind one: "4 cars, because 17 / 5 = 3.4"."""
        pause = r"[,;(、。]\s?|[.!।۔]\s|\s(?!(?:as|since|da|do|car)\b)"
        because = rf"(?:{pause})(?:{either(BECAUSE, self.primary)}){REASON_SENTENCE.get(self.primary, '')}"
        reasons = list(compiled(because).finditer(self.text))
        for reason in reasons[-20:]:  # a text that runs away has thousands
            end = self.end(SENTENCE_END, reason.end())
            inside, before = within(numbers, reason.start(), end), within(numbers, 0, reason.start())
            apart = len(before) and SENTENCE_END.search(self.text, before[-1].end, reason.start() + 1)
            so = self._so.search(self.text, reason.end(), end)
            if not (inside and before) or (so and inside[-1].start > so.start()):
                continue
            told = self.worked_out(inside) if apart and len(before) > 1 else None
            if told and "=" not in self.text[reason.end() : end] and all(told.value != other.value for other in before):
                continue  # "Since there is no quarter of a bus, 7 are needed."
            answers = self.main(self.last_sentence(before)) or "=" not in self.text[reason.end() : end]
            if answers and (not apart or numbers[-1].start < end):
                numbers = [number for number in numbers if number not in inside]
        return numbers

    def _without_check(self) -> list[Number]:
        """The numbers before a check ("To check: 13 - 8 = 5"), unless a conclusion is drawn from it."""
        begins = rf"(?:^|[.!?{STOPS}])[ \t*#>(-]*(?:{either(CHECKS, self.primary)})"
        for check in compiled(begins).finditer(self.text, self.numbers[0].end):
            concluded = self._so.search(self.text, check.end())
            if not (concluded and within(self.numbers, concluded.end(), len(self.text))):
                before = within(self.numbers, 0, check.start() + 1)
                later = within(self.numbers, self.end(SENTENCE_END, check.end()), len(self.text))
                is_restated = {number.value for number in later} <= {number.value for number in before}
                return [*before, *later] if is_restated else before
        if bracket := _CHECK_IN_BRACKETS.search(self.text, max(0, len(self.text) - 200)):
            before, computed = within(self.numbers, 0, bracket.start()), self.equated(bracket.start())
            if computed and before[-1].value == computed.value:
                return before
        return self.numbers

    def _dismissed(self, cue: int, stated: Sequence[Number]) -> bool:
        """Whether a sentence goes on with "but" behind its number, and another one has numbers: "One may think that the
        answer is 10, but two are absent. There are 8."."""
        begin = max((match.end() for match in SENTENCE_END.finditer(self.text, 0, stated[0].start)), default=0)
        end, last = self.end(SENTENCE_END, stated[0].end), self.numbers[-1].start
        if compiled(either(AT_FIRST, self.primary)).search(self.text, begin, stated[0].start):
            return last > stated[0].start
        is_weak = compiled(either(ANSWERING, self.primary)).match(self.text, cue) and within(self.numbers, begin, cue)
        if is_weak and last > end:  # "Some would say 25%"
            return True
        but = compiled(rf"[,;،、]\s?(?:{either(BUT, self.primary)})").search(self.text, stated[0].end, end)
        return but is not None and (last > end or self._so.search(self.text, but.end(), last) is not None)

    def _stated(self, stated: Sequence[Number], start: int) -> Number | None:
        """The answer among the numbers of the line that begins, behind its cue, at ``start``."""
        end = self.end(SENTENCE_END, stated[0].end)
        equals = self.text.rfind("=", start, within(stated, start, end)[-1].start)
        # "Answer: 75. Check: 75 + 165 = 240." In Thai nothing but the colon parts the two.
        if equals >= 0 and ": " not in self.text[stated[0].end : equals]:
            return next(number for number in stated if number.start > equals)
        if _ALONE_BEFORE.fullmatch(self.text, start, stated[0].start):
            if self.primary not in CIRCUMSTANCE_FIRST:
                return stated[0]
            end = self.end(_CLAUSE_END, stated[0].end)
        return asked_for(self, self.asked, self._best(within(stated, start, end)) or stated[0], end)

    def _opening(self) -> Number | None:
        """The number that opens the text and is explained after it."""
        first, spaced = self.numbers[0], self.primary not in NO_WORD_SPACES
        behind = self.text[first.end :]
        is_listed = any(Decimal(item[1]) == first.value + 1 for item in _LIST_ITEM.finditer(behind))
        is_listed |= first.value == 1 and LIST_NUMBER.match(behind) is not None
        is_listed |= first.value in self.given and first.value not in self.results
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
        stated: Sequence[Number] = []
        for match in reversed(list(word.finditer(self.text))):
            if stated and (self.primary == "th" or self.end(SENTENCE_END, match.end()) < stated[0].start):
                break
            if here := within(self.numbers, match.end(), self.end(SENTENCE_END, match.end())):
                stated, begin = here, match.end()  # "So of the 40 in total 16 are left" has two words
        if not stated:
            return None
        equals = self.text.rfind("=")
        if equals >= stated[-1].end or (equals >= 0 and self.compares(stated)):
            return None
        if all(map(self.is_share, stated)):  # "80 pages, that is 2/5 of the book"
            stated = self.last_sentence(within(self.numbers, 0, stated[-1].end))
        last = self.last_sentence(self.numbers)
        if last[0].start > stated[-1].start and not self.compares(last) and (later := self.worked_out(last)):
            return later  # not "So she makes $18. She works 5 days."
        if begin <= equals < stated[-1].start:
            return next(number for number in stated if number.start > equals)
        return self._total(stated) or self._best(stated)

    def _after_equations(self) -> Number | None:
        """The answer of the last sentence, where equations end before it; else what the last equation gives."""
        computed = self.equated(len(self.text))
        if computed is None:
            return None
        end = computed.end if self.primary == "th" else self.end(SENTENCE_END, computed.end)
        later = [number for number in self.numbers if number.start >= end and not self.is_list_number(number)]
        here = later if self.primary == "th" else within(self.numbers, computed.end, end)  # nothing parts sentences
        compared = beside([computed, *here], self.text, self.primary)
        here = [number for number in here if number not in compared]
        is_rounded = computed.value != int(computed.value)
        left = self.worked_out(here) if len(here) > 1 or is_rounded else None
        if left and left.value != computed.value:
            return left  # "540 a week, in 2 weeks 1,080"
        if self.primary == "th":
            return computed
        last = self.last_sentence(later, end) if later else []
        return (None if self.compares(last) else self._best(last, strict=True)) or computed

    def _last(self) -> Number:
        """The last number of the last sentence that has numbers, circumstances passed over."""
        last = self.last_sentence(self.numbers)
        before = within(self.numbers, 0, last[0].start)
        if before and self.compares(last) and (told := self.worked_out(self.last_sentence(before))):
            return told  # "That makes 30. It is 5 more than 25."
        earlier = before if self.primary in CIRCUMSTANCE_FIRST else []
        main = self.main(last) or (earlier and self.main(self.last_sentence(earlier))) or last
        return self._total(last) or self.worked_out(last) or main[-1]

    def _total(self, stated: Sequence[Number]) -> Number | None:
        """What the numbers behind it give: "260 sheep in all: 20 here, 80 there and 160 at home"."""
        values = [number.value for number in stated[1:]]
        # Not "36 cookies: half (18) for Tim, a third (12) for Lea, the other 6 for me."
        if len(stated) < 3 or ")" in self.text[stated[1].end : stated[-1].start]:
            return None
        between = self.text[stated[0].end : stated[1].start]
        given = results(values) - {values[0] - values[1]} if re.search("[:(]", between) else set()
        given |= (
            {sum(values, Decimal(0))}
            if compiled(rf"\A(?:\W*\w+){{0,2}}?\W*(?:{either(THAT_IS, self.primary)})").match(between)
            else set()
        )
        return stated[0] if stated[0].value in given else None

    def _best(self, stated: Sequence[Number], strict: bool = False) -> Number | None:
        """The answer among the numbers of one sentence; with ``strict`` None where all of them are circumstances."""
        if not stated:
            return None
        if found := self.worked_out(stated):
            return found
        others = self.main(stated)
        if not others:
            return None if strict else stated[-1]
        return others[-1] if self.primary in CIRCUMSTANCE_FIRST else others[0]
