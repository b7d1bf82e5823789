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

How a number is read (``.`` and ``,`` are the doubtful ones):

1. both occur: the last one is the decimal mark ("1,234.5", "1.234,5");
2. one occurs several times: it groups, by threes or as in India ("12,34,567"); where the groups do not fit, the text
   was a list or a date and its last item counts ("3,5,7");
3. one occurs once and cannot group (not three digits behind it, a 0 or more than three digits before it): it is the
   decimal mark ("12,5", "0,125", "1234.567"), in every language;
4. else, "2,125" or "2.125": as the numbers of rules 1 to 3 in the same text have it, if they agree; else as the
   language has it (CLDR): "2,125" is 2125 in English and 2 1/8 in German. References that are written the English way
   in all languages, as MGSM's are, must be parsed as "en".

Arabic ٬ groups and ٫ is the decimal mark, always; the apostrophe and the narrow and no-break spaces group in every
language, a plain space in those with a decimal comma. "3/4" is a fraction. Number words ("eighteen") are not read,
but those that scale digits are ("2 million", "3万5千", "elfu 5"). A minus counts directly before the number or its
currency, not between two numbers and not as a hyphen.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from mslt_it.evaluation.answers.words import (
    BECAUSE,
    CONCLUSIONS,
    CUES,
    MINUS,
    POSTPOSITIONS,
    PREPOSITIONS,
    compiled,
    either,
)
from mslt_it.problems import Problem, nearest

# Decimal mark by language, from CLDR's number symbols of its default region.
# fmt: off
DECIMAL_COMMA = frozenset({
    "af", "az", "be", "bg", "bs", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fr", "gl", "hr", "hu", "hy",
    "id", "is", "it", "ka", "kk", "ky", "lt", "lv", "mk", "nl", "no", "pl", "pt", "qu", "ro", "ru", "sk", "sl", "sq",
    "sr", "sv", "tr", "uk", "uz", "vi", "wo",
})
DECIMAL_POINT = frozenset({
    "am", "ar", "bn", "cy", "en", "fa", "fil", "ga", "gu", "ha", "he", "hi", "ig", "ja", "km", "kn", "ko", "lo", "ml",
    "mn", "mr", "ms", "my", "ne", "om", "pa", "si", "so", "sw", "ta", "te", "th", "ur", "yo", "zh", "zu",
})

# Words that scale the number they follow, longest first; for MGSM's languages. What is excluded: units and per cent
# that begin alike (千克 is a kilogram, শতাংশ and ร้อยละ are per cent).
SCALES: Mapping[str, tuple[tuple[str, int], ...]] = {
    "en": ((r"hundred\b", 100), (r"thousand\b|(?<=\d)k\b", 10**3), (r"lakhs?\b", 10**5), (r"millions?\b", 10**6),
           (r"crores?\b", 10**7), (r"billions?\b", 10**9), (r"trillions?\b", 10**12)),
    "bn": (("শত(?!াংশ|করা)", 100), ("হাজার", 10**3), ("লাখ|লক্ষ(?!্য)", 10**5), ("মিলিয়ন", 10**6), ("কোটি", 10**7)),
    "de": ((r"hundert\b", 100), (r"tausend\b|Tsd\b", 10**3), (r"Million(?:en)?\b|Mio\b", 10**6),
           (r"Milliarden?\b|Mrd\b", 10**9)),
    "es": ((r"mil\s+millones\b", 10**9), (r"mil\b", 10**3), (r"mill[oó]n(?:es)?\b", 10**6)),
    "fr": ((r"mille\b", 10**3), (r"millions?\b", 10**6), (r"milliards?\b", 10**9)),
    "ja": (("百万", 10**6), ("千万", 10**7), ("百(?!分)", 100), ("千", 10**3), ("万", 10**4), ("億", 10**8),
           ("兆", 10**12)),
    "ru": ((r"тысяч[аи]?\b|тыс\b", 10**3), (r"миллион(?:а|ов)?\b|млн\b", 10**6),
           (r"миллиард(?:а|ов)?\b|млрд\b", 10**9)),
    "sw": ((r"mia\b", 100), (r"elfu\b", 10**3), (r"laki\b", 10**5), (r"milioni\b", 10**6), (r"bilioni\b", 10**9)),
    "te": (("వంద(?:లు?)?", 100), ("వేలు?", 10**3), ("లక్ష(?:లు?)?(?!్య)", 10**5), ("మిలియన్లు?|మిలియన్", 10**6),
           ("కోట్లు?|కోటి", 10**7)),
    "th": (("ร้อย(?!ละ)", 100), ("พัน(?!ธ)", 10**3), ("หมื่น", 10**4), ("แสน", 10**5), ("ล้าน", 10**6)),
    "zh": (("[百佰][万萬]", 10**6), ("千[万萬]", 10**7), ("百(?!分)", 100), ("千(?![克米瓦卡焦赫帕伏字兆])", 10**3),
           ("[万萬]", 10**4), ("[亿億]", 10**8)),
}
# fmt: on
SCALE_FIRST = frozenset({"sw"})  # "elfu 5": the word stands before the number
NO_WORD_SPACES = frozenset({"ja", "km", "lo", "my", "th", "zh"})  # "答案是-5": a sign may touch a letter

_GROUPING_SPACES = "\u00a0\u202f\u2009\u2007"
_MINUS = "\\-\u2212\u2013\u2010\u2011\ufe63\uff0d"
_CURRENCY = r"(?:[A-Za-z]{0,3}\$|[£€¥₹৳฿₽₩₫₺￥]|\b(?:Rs|KSh|TSh|Sh|USD|EUR|DM)\.?)"
# Other forms of the same sign. The Arabic comma is "," in some writers' numbers.
_ALIKE = str.maketrans("，．،’＝≈：＄＃／％（）", ",.,'==:$#/%()")
_POWER_OR_FORMULA = re.compile(r"(?<![^\W\d_])(?:[kcdm]?m|ft|in|yd|mi|[кдсм]?м|CO|H)$")  # m2, km2, cm3, CO2
_FRACTIONS = {
    sign: Decimal(over) / Decimal(under) for sign, over, under in ("½12", "¼14", "¾34", "⅓13", "⅔23", "⅕15", "⅛18")
}


@dataclass(frozen=True)
class _Found:
    """A number and where it is."""

    start: int  # of the sign or the first digit
    end: int
    value: Decimal
    scale: int = 1  # what a scaling word multiplied it by


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
            "Add it to DECIMAL_COMMA or DECIMAL_POINT in mslt_it/evaluation/answers/numbers.py."
        )
    text = _folded(text)
    numbers = _numbers(text, primary)
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


def same_number(first: Decimal | None, second: Decimal | None) -> bool:
    """Equal in value (18 and 18.00); None, "no number found", equals nothing."""
    return first is not None and second is not None and first == second


_BOXED = re.compile(r"\\boxed\s*\{")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？।\n]")
_CLAUSE_END = re.compile(r"[,、;](?!\d)|\(|[.!?](?=\s|$)|[。！？।\n]")
_LIST_NUMBER = re.compile(r"[.):](?=\s+\S)")  # behind the number
_LIST_ITEM = re.compile(r"^[ \t]*(\d{1,3})[.):]\s", re.MULTILINE)
_BOLD = "\ue000"  # stands in a folded text where a number in bold begins
# Here the circumstance stands before the answer: of several numbers the last counts.
CIRCUMSTANCE_FIRST = frozenset(POSTPOSITIONS)
_LINE = re.compile(r"[^\n]*\w[^\n]*")


@functools.cache
def _cue(primary: str) -> re.Pattern[str]:
    words, links = zip(*(CUES[code] for code in dict.fromkeys((primary, "en")) if code in CUES), strict=True)
    link = "|".join(["[:=]", *filter(None, links)])
    number = rf"[ \t\"'(*{_BOLD}{_MINUS}]*{_CURRENCY}?[ \t{_MINUS}]*\d"
    # Up to 30 characters of the same clause ("The answer to the question is") and a link, or the number at once.
    pattern = (
        rf"(?:{'|'.join(words)})(?:[^\n\d:=.,;。]{{0,30}}?(?:{link})|(?={number}))"
        # GSM8K's mark; a Markdown heading ("#### 1. Setup") is none.
        r"|####(?=[^\w\n]{0,9}\d)(?!\s{0,9}\d+[.)]\s)"
    )
    return re.compile(unicodedata.normalize("NFC", pattern), re.IGNORECASE)


_BOLD_NUMBER = re.compile(
    rf"\*\*(?=\s?{_CURRENCY}?\s?[{_MINUS}]?{_CURRENCY}?\d)(?!\d+[.)]\s)([^*\n:]{{1,40}})\*\*", re.IGNORECASE
)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}")


def _folded(text: str) -> str:
    """Composed letters, digits as ASCII, signs in one form, no invisible characters and no markup."""
    characters = []
    for character in unicodedata.normalize("NFC", text).translate(_ALIKE):
        if character.isdecimal():
            characters.append(str(unicodedata.decimal(character)))
        elif character != _BOLD and unicodedata.category(character) != "Cf":
            characters.append(character)
    folded = _BOLD_NUMBER.sub(rf"{_BOLD}\1", "".join(characters)).replace("**", "").replace("__", "")
    folded = _FRACTION.sub(r"\1/\2", folded).replace("\\$", "$").replace("\\%", "%")
    # LaTeX: 1{,}000, 12{,}5, 1\,000 and 70~000
    folded = re.sub(r"(?<=\d)\{([.,])\}(?=\d)", r"\1", folded)
    return re.sub(r"(?<=\d)(?:\\[, ;!]|~)(?=\d{3})", "\u202f", folded)


def _stated(stated: Sequence[_Found], numbers: Sequence[_Found], text: str, start: int, primary: str) -> _Found:
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
        re.fullmatch(rf"[\s\"'(*:=$\\\[\]{{}}«»„“”「」『』】【{_BOLD}{_MINUS}]*(?:{_CURRENCY})?\s*", between)
        is not None
    )


def _best(
    stated: Sequence[_Found], numbers: Sequence[_Found], text: str, primary: str, strict: bool = False
) -> _Found | None:
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


def _last(numbers: Sequence[_Found], text: str, primary: str) -> _Found:
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


def _last_sentence(numbers: Sequence[_Found], text: str) -> Sequence[_Found]:
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, numbers[-1].start)]
    return [number for number in numbers if number.start >= ends[-1]] if ends else numbers


def _main(stated: Sequence[_Found], text: str, primary: str) -> list[_Found]:
    """The numbers of a sentence that are neither circumstances nor in parentheses."""
    result, depth, at = [], 0, stated[0].start
    for number in stated:
        depth = max(0, depth + text.count("(", at, number.start) - text.count(")", at, number.start))
        at = number.start
        if depth == 0 and not _is_circumstance(number, text, primary):
            result.append(number)
    return result


def _is_circumstance(number: _Found, text: str, primary: str) -> bool:
    if primary in CIRCUMSTANCE_FIRST:
        behind = POSTPOSITIONS[primary]
        return compiled(behind).match(text, number.end) is not None
    before = PREPOSITIONS.get(primary, PREPOSITIONS["en"])
    return (
        compiled(rf"(?:{before})\s*{_CURRENCY}?\s*$").search(text[max(0, number.start - 24) : number.start]) is not None
    )


def _equated(numbers: Sequence[_Found], text: str, before: int) -> _Found | None:
    """The number after the last "=" before a place that has one on its line."""
    for equals in reversed([match.end() for match in re.finditer("=", text[:before])]):
        end = text.find("\n", equals)
        if stated := _within(numbers, equals, min(before, len(text) if end < 0 else end)):
            return stated[0]
    return None


def _opening(numbers: Sequence[_Found], text: str, primary: str) -> _Found | None:
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


def _bold(numbers: Sequence[_Found], text: str) -> _Found | None:
    """The last number in bold, where it is on the last line that has numbers."""
    if not numbers:
        return None
    line = text.rfind("\n", 0, numbers[-1].start) + 1
    at = text.rfind(_BOLD, line)
    return next((number for number in numbers if number.start >= at), None) if at >= 0 else None


def _concluded(numbers: Sequence[_Found], text: str, primary: str) -> _Found | None:
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


def _after_equations(numbers: Sequence[_Found], text: str, primary: str) -> _Found | None:
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


def _is_list_number(number: _Found, text: str) -> bool:
    starts_line = text[: number.start].rpartition("\n")[2].strip(" \t*#") == ""
    return starts_line and _LIST_NUMBER.match(text, number.end) is not None


def _within(numbers: Sequence[_Found], start: int, end: int) -> list[_Found]:
    return [number for number in numbers if start <= number.start < end]


def _numbers(text: str, primary: str) -> list[_Found]:
    """All numbers of a folded text, in order."""
    spaces = _GROUPING_SPACES + (" " if primary in DECIMAL_COMMA else "")
    pattern = rf"\d{{1,3}}(?:[{spaces}]\d{{3}})+(?!\d)(?:[.,٫]\d+)?|\d+(?:[.,'٬٫]\d+)*|(?<![\w.,)])[.٫]\d+"
    matches = [match for match in re.finditer(pattern, text) if not _is_power(text, match)]
    mark = _decimal_mark([match[0] for match in matches], primary)
    found = []
    for match in matches:
        value, offset = _value(match[0], mark)
        start, end = match.start() + offset, match.end()
        if text[end : end + 1] in _FRACTIONS and "." not in str(value):
            value, end = value + _FRACTIONS[text[end]], end + 1
        if offset == 0:  # the last item of a list has no sign of its own
            start, negative = _sign(text, start, primary)
            value = value.copy_negate() if negative else value
        found.append(_Found(start, end, value))
    for match in re.finditer(rf"(?<!\d)[{''.join(_FRACTIONS)}]", text):
        found.append(_Found(match.start(), match.end(), _FRACTIONS[match[0]]))
    found.sort(key=lambda number: number.start)
    return _summed(_scaled(_divided(found, text), text, primary), text)


def _is_power(text: str, match: re.Match[str]) -> bool:
    """Is this the 2 of "km2" or "CO2"?"""
    return match[0] in ("2", "3") and bool(_POWER_OR_FORMULA.search(text[max(0, match.start() - 4) : match.start()]))


def _decimal_mark(written: Sequence[str], primary: str) -> str:
    """The mark for numbers that could be read in two ways: what the other numbers say, else what the language has."""
    said = set()
    for number in written:
        pieces, marks = re.split(r"\D", number), re.findall(r"\D", number)
        if not set(marks) & {".", ","} or (len(marks) == 1 and _grouped(pieces)):
            continue
        if _last_is_decimal(pieces, marks, mark=""):
            if marks[-1] in ".," and (len(marks) == 1 or _grouped(pieces[:-1])):
                said.add(marks[-1])
        elif len(set(marks)) == 1 and _grouped(pieces):
            said.add("," if marks[0] == "." else ".")
    if len(said) == 1:
        return str(said.pop())
    return "," if primary in DECIMAL_COMMA else "."


def _last_is_decimal(pieces: Sequence[str], marks: Sequence[str], mark: str) -> bool:
    """Is the last mark of a number its decimal mark? ``mark`` decides where both readings are possible."""
    last = marks[-1] if marks else ""
    if last in ("", "٫") or last not in ".,":
        return last == "٫"
    if len(marks) > 1:
        return marks.count(last) == 1
    return not _grouped(pieces) or last == mark


def _grouped(pieces: Sequence[str]) -> bool:
    """Are the pieces groups of three digits, or of two and at last one of three (12,34,567)?"""
    first, *others = pieces
    if not others or not 1 <= len(first) <= 3 or first.startswith("0") or len(others[-1]) != 3:
        return False
    widths = {len(piece) for piece in others[:-1]}
    return widths <= {3} or (widths == {2} and len(first) <= 2)


def _value(written: str, mark: str) -> tuple[Decimal, int]:
    """The value of digits and marks, and where the number begins in them: not at 0 where they are a list."""
    pieces, marks = re.split(r"\D", written), re.findall(r"\D", written)
    fraction = ""
    if _last_is_decimal(pieces, marks, mark):
        *pieces, fraction = pieces
        marks = marks[:-1]
    kinds = {"space" if sign.isspace() else sign for sign in marks}
    if len(pieces) > 1 and (len(kinds) > 1 or not _grouped(pieces)):
        last = re.split(r"\D", written)[-1]
        return Decimal(last), len(written) - len(last)
    whole = "".join(pieces) or "0"
    return Decimal(f"{whole}.{fraction}" if fraction else whole), 0


def _sign(text: str, start: int, primary: str) -> tuple[int, bool]:
    """Where the number with its sign begins, and whether it is negative."""
    before = text[max(0, start - 10) : start]
    match = re.search(rf"([{_MINUS}])([ \u00a0]?)(?:{_CURRENCY} ?)?$", before)
    # With a space behind it a hyphen or dash is a bullet or a pause; the true minus is not.
    if match is None or (match[2] and match[1] != "\u2212"):
        return _sign_word(text, start, primary)
    ahead = before[: match.start()]
    bare = ahead.rstrip(" \t\u00a0")[-1:]
    if bare.isdigit() or bare in tuple(")]}%"):
        return start, False  # a difference or a range
    joined = ahead == ahead.rstrip() and bare.isalpha()
    if joined and not (primary in NO_WORD_SPACES and bare.lower() == bare.upper()):
        return start, False  # COVID-19
    return start - (len(before) - match.start()), True


def _sign_word(text: str, start: int, primary: str) -> tuple[int, bool]:
    """Where the number begins with the word "minus" before it; a difference ("16 eggs minus 3") is no sign."""
    before = text[max(0, start - 40) : start]
    match = compiled(rf"(?:{either(MINUS, primary)})[ \u00a0]?$").search(before)
    if match is None or re.search(r"\d[^\d.,;:\n=。]{0,20}$", before[: match.start()]):
        return start, False
    return start - (len(before) - match.start()), True


def _divided(numbers: Sequence[_Found], text: str) -> list[_Found]:
    """The numbers with "3/4" made one; a date (1/2/2024) is left as it is."""
    result: list[_Found] = []
    for number in numbers:
        last = result[-1] if result else None
        if (
            last is not None
            and text[last.end : number.start].strip(" ") == "/"
            and text[max(0, last.start - 2) : last.start].strip(" ")[-1:] != "/"
            and text[number.end : number.end + 2].strip(" ")[:1] != "/"
            and number.value != 0
        ):
            value = last.value / number.value
            whole = result[-2] if len(result) > 1 else None
            if whole and 0 < value < 1 and whole.value == int(whole.value) and text[whole.end : last.start] == " ":
                result[-2:] = [_Found(whole.start, number.end, whole.value + value)]  # 3 1/2
            else:
                result[-1] = _Found(last.start, number.end, value)
        else:
            result.append(number)
    return result


@functools.cache
def _scales(primary: str) -> tuple[tuple[re.Pattern[str], int], ...]:
    rows = [row for code in dict.fromkeys((primary, "en")) for row in SCALES.get(code, ())]
    return tuple((re.compile(unicodedata.normalize("NFC", words), re.IGNORECASE), factor) for words, factor in rows)


def _scaled(numbers: Sequence[_Found], text: str, primary: str) -> list[_Found]:
    """The numbers multiplied by the scaling words behind them (before them in ``SCALE_FIRST``)."""
    result = []
    for number in numbers:
        factor, start, end = 1, number.start, number.end
        if primary in SCALE_FIRST and (word := re.search(r"\b([^\W\d_]+) $", text[max(0, start - 12) : start])):
            factor = next((f for pattern, f in _scales(primary) if pattern.fullmatch(word[1])), 1)
            start -= len(word[0]) if factor > 1 else 0
        if factor == 1:
            factor, end = _scale_behind(text, end, primary)
        if factor > 1:
            number = _Found(start, end, number.value * factor, factor)
        result.append(number)
    return result


def _scale_behind(text: str, end: int, primary: str) -> tuple[int, int]:
    """The product of the scaling words that follow a number, and where they end. There may be two: "5 หมื่นล้าน"."""
    factor = 1
    while True:
        at = end + (text[end : end + 1] in (" ", "\u00a0"))
        found = next(((match.end(), f) for pattern, f in _scales(primary) if (match := pattern.match(text, at))), None)
        # "milioni 3 laki 5": that word belongs to the number behind it.
        if found is None or (primary in SCALE_FIRST and re.match(r"\s*\d", text[found[0] :])):
            return factor, end
        end, factor = found[0], factor * found[1]


def _summed(numbers: Sequence[_Found], text: str) -> list[_Found]:
    """The numbers with "3万5千" and "2 lakh 50 thousand" made one: each part smaller than the scale before it."""
    result: list[_Found] = []
    for number in numbers:
        last = result[-1] if result else None
        if (
            last is not None
            and last.scale > 1
            and text[last.end : number.start].strip(" \u00a0零") == ""
            and 0 <= number.value < last.scale
        ):
            total = last.value - number.value if last.value < 0 else last.value + number.value
            result[-1] = _Found(last.start, number.end, total, number.scale)
        else:
            result.append(number)
    return result
