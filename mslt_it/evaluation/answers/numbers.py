"""The final number of a generated solution, in any digits and in the notation of its language.

Which number is the answer, the first of these that applies:

1. the number after the last ``\\boxed{``;
2. what follows the last answer cue on its line, or on the next line where the cue ends its own ("The answer is",
   "#### 18", "Antwort:", "答えは"; English cues count in every language). There it is the number after the last "=",
   else the number that stands directly behind the cue, else the best one of the sentence (see below);
3. a number that opens the text, alone with at most a word for its unit, and is explained after it ("18, because ...",
   "18 dollars\n\nExplanation: ..."); the "1." of a list is none;
4. a number in bold on the last line that has numbers;
5. the sentence that draws the conclusion ("So she makes $18 from 9 eggs"), after any "=";
6. the last sentence after the last "=" (or "≈"), where it has a number that is no mere circumstance;
7. the number after the last "=" that has one on its line;
8. the last number of the last sentence that has numbers; circumstances, what stands in parentheses and a reason
   ("7, because each costs $3") are passed over.

The best number of a sentence is the one that the last equation before it gave, if the sentence holds it; else the first
that is no circumstance ("in 7 days he earns 126"); in languages that put circumstances first (bn hi ja ko te tr ur zh),
the last.

Numbers themselves are read by `numerals`.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal

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
from mslt_it.evaluation.answers.words import BECAUSE, CONCLUSIONS, CUES, POSTPOSITIONS, PREPOSITIONS, compiled, either
from mslt_it.problems import Problem, nearest

_BOXED = re.compile(r"\\boxed\s*\{")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？।\n]")
_CLAUSE_END = re.compile(r"[,、;](?!\d)|\(|[.!?](?=\s|$)|[。！？।\n]")
_LIST_NUMBER = re.compile(r"[.):](?=\s+\S)")  # behind the number
_LIST_ITEM = re.compile(r"^[ \t]*(\d{1,3})[.):]\s", re.MULTILINE)
# Here the circumstance stands before the answer: of several numbers the last counts.
CIRCUMSTANCE_FIRST = frozenset(POSTPOSITIONS)
_LINE = re.compile(r"[^\n]*\w[^\n]*")


@functools.cache
def _cue(primary: str) -> re.Pattern[str]:
    words, links = zip(*(CUES[code] for code in dict.fromkeys((primary, "en")) if code in CUES), strict=True)
    link = "|".join(["[:=]", *filter(None, links)])
    number = rf"[ \t\"'(*{BOLD}{MINUS_SIGNS}]*{CURRENCY}?[ \t{MINUS_SIGNS}]*\d"
    # Up to 30 characters of the same clause ("The answer to the question is") and a link, or the number at once.
    pattern = (
        rf"(?:{'|'.join(words)})(?:[^\n\d:=.,;。]{{0,30}}?(?:{link})|(?={number}))"
        # GSM8K's mark; a Markdown heading ("#### 1. Setup") is none.
        r"|####(?=[^\w\n]{0,9}\d)(?!\s{0,9}\d+[.)]\s)"
    )
    return re.compile(unicodedata.normalize("NFC", pattern), re.IGNORECASE)


def parse_number(text: str, language: str) -> Decimal | None:
    """The number that a generated text gives as its answer, or None where it has none.

    Args:
        language: BCP-47 code; decides the notation, the cues and the scaling words. Raises Problem for a language
            whose decimal mark is not listed here.
    """
    primary = language.split("-", 1)[0]
    if primary not in DECIMAL_COMMA and primary not in DECIMAL_POINT:
        raise Problem(
            f"How numbers are written in language '{language}' is not known. "
            f"{nearest(primary, DECIMAL_COMMA | DECIMAL_POINT)} "
            "Add it to DECIMAL_COMMA or DECIMAL_POINT in mslt_it/evaluation/answers/numerals.py."
        )
    text = folded(text)
    numbers = numbers_in(text, primary)
    for cues in (_BOXED, _cue(primary)):
        for cue in reversed(list(cues.finditer(text))):
            line = _LINE.search(text, cue.end())  # the rest of this one, or the next that has something
            if line and (stated := _within(numbers, *line.span())):
                return _stated(stated, numbers, text, line.start(), primary).value
    found = (
        _opening(numbers, text, primary)
        or _bold(numbers, text)
        or _concluded(numbers, text, primary)
        or _after_equations(numbers, text, primary)
    )
    if found:
        return found.value
    return _last(numbers, text, primary).value if numbers else None


def _stated(stated: Sequence[Number], numbers: Sequence[Number], text: str, start: int, primary: str) -> Number:
    """The answer among the numbers of the line that begins, behind its cue, at ``start``."""
    equals = text.rfind("=", start, stated[-1].start)
    if equals >= 0:
        return next(number for number in stated if number.start > equals)
    end = _end(_SENTENCE_END, text, stated[0].end)
    if _stands_alone_before(text[start : stated[0].start]):
        if primary not in CIRCUMSTANCE_FIRST:
            return stated[0]
        end = _end(_CLAUSE_END, text, stated[0].end)
    return _best(_within(stated, start, end), numbers, text, primary) or stated[0]


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.search(text, start)
    return found.start() if found else len(text)


def _stands_alone_before(between: str) -> bool:
    """Is there nothing but quotes, markup or a currency between a cue and its number?"""
    return (
        re.fullmatch(rf"[\s\"'(*:=$\\\[\]{{}}«»„“”「」『』】【{BOLD}{MINUS_SIGNS}]*(?:{CURRENCY})?\s*", between)
        is not None
    )


def _best(
    stated: Sequence[Number], numbers: Sequence[Number], text: str, primary: str, strict: bool = False
) -> Number | None:
    """The answer among the numbers of one sentence; with ``strict`` None where all of them are circumstances."""
    if not stated:
        return None
    computed = _equated(numbers, text, stated[0].start)
    if computed and (same := next((number for number in stated if number.value == computed.value), None)):
        return same
    others = _main(stated, text, primary)
    if not others:
        return None if strict else stated[-1]
    return others[-1] if primary in CIRCUMSTANCE_FIRST else others[0]


def _last(numbers: Sequence[Number], text: str, primary: str) -> Number:
    """The last number of the last sentence that has numbers, circumstances and a reason at its end passed over."""
    last = _last_sentence(numbers, text)
    pause = r"[,;(、。]\s?|[.!]\s" + (r"|\s" if primary == "th" else "")
    # "He can buy 7 boxes, because each costs $3 and he has $21."
    for reason in compiled(rf"(?:{pause})(?:{either(BECAUSE, primary)})|\bbecause\b").finditer(
        text, max((number.end for number in numbers if number.end <= last[0].start), default=0), last[-1].start
    ):
        if before := [number for number in numbers if number.start < reason.start()]:
            last = _last_sentence(before, text)
            break
    return (_main(last, text, primary) or last)[-1]


def _last_sentence(numbers: Sequence[Number], text: str) -> Sequence[Number]:
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, numbers[-1].start)]
    return [number for number in numbers if number.start >= ends[-1]] if ends else numbers


def _main(stated: Sequence[Number], text: str, primary: str) -> list[Number]:
    """The numbers of a sentence that are neither circumstances nor in parentheses."""
    result, depth, at = [], 0, stated[0].start
    for number in stated:
        depth = max(0, depth + text.count("(", at, number.start) - text.count(")", at, number.start))
        at = number.start
        if depth == 0 and not _is_circumstance(number, text, primary):
            result.append(number)
    return result


def _is_circumstance(number: Number, text: str, primary: str) -> bool:
    if primary in CIRCUMSTANCE_FIRST:
        behind = POSTPOSITIONS[primary]
        return compiled(behind).match(text, number.end) is not None
    before = PREPOSITIONS.get(primary, PREPOSITIONS["en"])
    return (
        compiled(rf"(?:{before})\s*{CURRENCY}?\s*$").search(text[max(0, number.start - 24) : number.start]) is not None
    )


def _equated(numbers: Sequence[Number], text: str, before: int) -> Number | None:
    """The number after the last "=" before a place that has one on its line."""
    for equals in reversed([match.end() for match in re.finditer("=", text[:before])]):
        end = text.find("\n", equals)
        if stated := _within(numbers, equals, min(before, len(text) if end < 0 else end)):
            return stated[0]
    return None


def _opening(numbers: Sequence[Number], text: str, primary: str) -> Number | None:
    """The number that opens the text and is explained after it."""
    if not numbers or not _stands_alone_before(text[: numbers[0].start]):
        return None
    first = numbers[0]
    behind = text[first.end :]
    if _LIST_NUMBER.match(behind) and first.value == 1:
        return None
    if any(Decimal(item[1]) == first.value + 1 for item in _LIST_ITEM.finditer(behind)):  # the next item of a list
        return None
    unit = r"(?:[ \u00a0]?[^\W\d]{1,15}\.?|[ \u00a0]?[%€£$¥₽₹°])?"
    reason = either(BECAUSE, primary)
    if primary in NO_WORD_SPACES:
        reasoned = compiled(rf"[^\s\d=]{{0,12}}?[,、。.:;\s]{{0,3}}(?:{reason})").match(behind)
    else:
        reasoned = compiled(rf"{unit}[)\"'*]*\s?[,.:;(–—-]?\s?(?:{reason})").match(behind)
    explained = compiled(rf"{unit}[)\"'*.。।]*[ \t]*\n\s*[^\W\d]").match(behind)
    sentence = primary not in NO_WORD_SPACES and compiled(rf"{unit}[.!।] +[^\W\d]").match(behind)
    return first if reasoned or explained or sentence else None


def _bold(numbers: Sequence[Number], text: str) -> Number | None:
    """The last number in bold, where it is on the last line that has numbers."""
    if not numbers:
        return None
    line = text.rfind("\n", 0, numbers[-1].start) + 1
    at = text.rfind(BOLD, line)
    return next((number for number in numbers if number.start >= at), None) if at >= 0 else None


def _concluded(numbers: Sequence[Number], text: str, primary: str) -> Number | None:
    """The answer of the last sentence that opens with a word of conclusion, where no equation follows it."""
    word = either(CONCLUSIONS, primary)
    # Where words are not separated, the word may stand anywhere.
    begins = "" if primary in NO_WORD_SPACES else r"(?:^|[.!?।]\s|[,;]\s)[ \t\"'(*-]*"
    for match in reversed(list(compiled(rf"{begins}(?:{word})").finditer(text))):
        if not numbers or numbers[-1].start < match.end():
            continue
        stated = _within(numbers, match.end(), _end(_SENTENCE_END, text, match.end()))
        if stated:
            break
    else:
        return None
    equals = text.rfind("=")
    if equals >= stated[-1].end:
        return None
    if match.end() <= equals < stated[-1].start:
        return next(number for number in stated if number.start > equals)
    return _best(stated, numbers, text, primary)


def _after_equations(numbers: Sequence[Number], text: str, primary: str) -> Number | None:
    """The answer of the last sentence, where equations end before it; else what the last equation gives."""
    computed = _equated(numbers, text, len(text))
    if computed is None:
        return None
    end = _end(_SENTENCE_END, text, computed.end)
    later = [number for number in numbers if number.start >= end and not _is_list_number(number, text)]
    if later:
        ends = [match.end() for match in _SENTENCE_END.finditer(text, end, later[-1].start)]
        last = [number for number in later if number.start >= ends[-1]] if ends else later
        return _best(last, numbers, text, primary, strict=True) or computed
    return computed


def _is_list_number(number: Number, text: str) -> bool:
    starts_line = text[: number.start].rpartition("\n")[2].strip(" \t*#") == ""
    return starts_line and _LIST_NUMBER.match(text, number.end) is not None


def _within(numbers: Sequence[Number], start: int, end: int) -> list[Number]:
    return [number for number in numbers if start <= number.start < end]
