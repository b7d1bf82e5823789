"""Numbers in a text, in any digits and in the notation of its language.

How one is read (``.`` and ``,`` are the doubtful ones):

1. both occur: the last one is the decimal mark ("1,234.5", "1.234,5");
2. one occurs several times: it groups, by threes or as in India ("12,34,567"); where the groups do not fit, the text
   was a list or a date and its last item counts ("3,5,7");
3. one occurs once and cannot group (not three digits behind it, a 0 or more than three digits before it): it is the
   decimal mark ("12,5", "0,125", "1234.567"), in every language;
4. else, "2,125" or "2.125": as the numbers of rules 1 to 3 in the same text have it, if they agree; else as the
   language has it (CLDR): "2,125" is 2125 in English and 2 1/8 in German. References that are written the English way
   in all languages, as MGSM's are, must be parsed as "en".

Arabic ٬ groups and ٫ is the decimal mark, always; the apostrophe and the narrow and no-break spaces group in every
language, a plain space in those with a decimal comma. "3/4" is a fraction. Words scale digits ("2 million", "3万5千",
"elfu 5") and add a half ("2 and a half"); numbers in words ("eighteen") become digits in `spelled`. A minus counts
directly before the number or its currency, not between two numbers and not as a hyphen.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from mslt_it.evaluation.answers.amounts import AND_A_HALF, BELOW_ZERO, MINUS, PART_BEFORE
from mslt_it.evaluation.answers.folding import without_thoughts
from mslt_it.evaluation.answers.tables import table
from mslt_it.evaluation.answers.words import JOINERS, compiled, either, with_ascii_digits

# Decimal mark by language, from CLDR's number symbols of its default region.
# fmt: off
DECIMAL_COMMA = frozenset({
    "af", "az", "be", "bg", "bs", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fr", "gl", "hr", "hu",
    "hy", "id", "is", "it", "ka", "kk", "ky", "lt", "lv", "mk", "nl", "no", "pl", "pt", "qu", "ro", "ru", "sk",
    "sl", "sq", "sr", "sv", "tr", "uk", "uz", "vi", "wo",
})
DECIMAL_POINT = frozenset({
    "am", "ar", "bn", "cy", "en", "fa", "fil", "ga", "gu", "ha", "he", "hi", "ig", "ja", "km", "kn", "ko", "lo",
    "ml", "mn", "mr", "ms", "my", "ne", "om", "pa", "si", "so", "sw", "ta", "te", "th", "ur", "yo", "zh", "zu",
})
# fmt: on
# Words that scale the number they follow, longest first: those of CLDR's compact number formats (a test compares them)
# in the cases that each language has, and what people write besides (lakh and crore; Tsd.; ngàn). What is excluded:
# units and per cent that begin alike (千克 is a kilogram, শতাংশ and ร้อยละ are per cent), M and k but behind the digits.
SCALES: Mapping[str, tuple[tuple[str, int], ...]] = table("scales")
SCALE_FIRST = frozenset({"sw"})  # "elfu 5": the word stands before the number
NO_WORD_SPACES = frozenset({"ja", "km", "lo", "my", "th", "zh"})  # "答案是-5": a sign may touch a letter

_GROUPING_SPACES = "\u00a0\u202f\u2009\u2007"
MINUS_SIGNS = "\\-\u2212\u2013\u2010\u2011\ufe63\uff0d"
CURRENCY = r"(?:[A-Za-z]{0,3}\$|[£€¥₹৳฿₽₩₫₺￥]|\b(?:Rs|KSh|TSh|Sh|USD|EUR|DM)\.?)"
# Other forms of the same sign. The Arabic comma is "," in some writers' numbers.
_ALIKE = str.maketrans("，．،’＝≈：＄＃／％٪（）！？；؛", ",.,'==:$#/%%()!?;;")
_POWER_OR_FORMULA = re.compile(r"(?<![^\W\d_])(?:[kcdm]?m|ft|in|yd|mi|[кдсм]?м|CO|H)$")  # m2, km2, cm3, CO2
_SCIENTIFIC = r"(?<![\w.,])(\d+(?:[.,]\d+)?)[eE]\+?(-?\d{1,2})(?!\w)"
_FRACTIONS = {
    sign: Decimal(over) / Decimal(under) for sign, over, under in ("½12", "¼14", "¾34", "⅓13", "⅔23", "⅕15", "⅛18")
}


BOLD = "\ue000"  # stands in a folded text where a number in bold begins


@dataclass(frozen=True)
class Number:
    """A number and where it is."""

    start: int  # of the sign or the first digit
    end: int
    value: Decimal
    scale: int = 1  # what a scaling word multiplied it by


_BOLD_NUMBER = re.compile(
    rf"\*\*(?=\s?{CURRENCY}?\s?[{MINUS_SIGNS}]?{CURRENCY}?\d)(?!\d+[.)]\s)([^*\n:]{{1,40}})\*\*", re.IGNORECASE
)
_BOLD_ANSWER = re.compile(r"(\*\*[^*\n:]{1,20}: ?[^*\n]{1,40}\*\*) (?=\w)")  # "**Answer: 18 eggs** because"
PARTS_OF = re.compile(r"(?<!\d)(\d+) ?(?:分の|分之|분의) ?(\d+)")  # "4分の3" is 3/4
_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}")


def folded(text: str) -> str:
    """Composed letters, digits as ASCII, signs in one form, no invisible characters and no markup."""
    text = unicodedata.normalize("NFC", without_thoughts(text)).translate(_ALIKE)
    text = with_ascii_digits(text).replace(BOLD, "")
    text = _BOLD_ANSWER.sub(r"\1\n", text)
    folded = _BOLD_NUMBER.sub(rf"{BOLD}\1", text).replace("**", "").replace("__", "")
    folded = re.sub(r"\\([$%])|\\[()\[\]]", r"\1", _FRACTION.sub(r"\1/\2", folded))
    folded = re.sub(r"(?<![\d:])(1?\d|2[0-3]):00(?![\d:])", r"\1", folded)  # an hour of the day
    # LaTeX: 1{,}000, 12{,}5, 1\,000 and 70~000
    folded = re.sub(r"(?<=\d)\{([.,])\}(?=\d)", r"\1", folded)
    return re.sub(r"(?<=\d)(?:\\[, ;!]|~)(?=\d{3})", "\u202f", folded)


def numbers_in(text: str, primary: str) -> list[Number]:
    """All numbers of a folded text, in order."""
    spaces = _GROUPING_SPACES + (" " if primary in DECIMAL_COMMA else "")
    pattern = rf"\d{{1,3}}(?:[{spaces}]\d{{3}})+(?!\d)(?:[.,٫]\d+)?|\d+(?:[.,'٬٫]\d+)*|(?<![\w.,)])[.٫]\d+"
    matches = [match for match in re.finditer(rf"{_SCIENTIFIC}|{pattern}", text) if not _is_power(text, match)]
    mark = _decimal_mark([match[0] for match in matches if not match[1]], primary)
    found = []
    for match in matches:
        if match[1]:  # 2.5e6
            value = Decimal(match[1].replace(",", ".")) * 10 ** Decimal(match[2])
            found.append(Number(match.start(), match.end(), value))
            continue
        is_money = re.search(rf"{CURRENCY} ?$", text[max(0, match.start() - 6) : match.start()])
        value, offset = _value(match[0], "" if is_money else mark)  # "$70,000" is no price of three decimals
        start, end = match.start() + offset, match.end()
        if text[end : end + 1] in _FRACTIONS and "." not in str(value):
            value, end = value + _FRACTIONS[text[end]], end + 1
        if offset == 0:  # the last item of a list has no sign of its own
            start, negative = _sign(text, start, primary)
            negative |= primary == "he" and re.match(r"-(?![\w\d])", text[end:]) is not None  # "5-" is -5
            below, negative = _below_zero(text, start, end, primary) if not negative else (end, True)
            value, end = (value.copy_negate() if negative else value), below
        if not found or start >= found[-1].end:  # the 0 of "5 below 0" is none
            found.append(Number(start, end, value))
    for match in re.finditer(rf"(?<!\d)[{''.join(_FRACTIONS)}]", text):
        found.append(Number(match.start(), match.end(), _FRACTIONS[match[0]]))
    found.sort(key=lambda number: number.start)
    return _summed(_scaled(_divided(found, text, primary), text, primary), text, primary)


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
    match = re.search(rf"([{MINUS_SIGNS}])([ \u00a0]?)(?:{CURRENCY} ?)?$", before)
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
    if match is None or re.search(r"\d[^\d.,;:\n=。、]{0,10}$", before[: match.start()]):
        return start, False
    return start - (len(before) - match.start()), True


def _below_zero(text: str, start: int, end: int, primary: str) -> tuple[int, bool]:
    """Where "5 degrees below zero" ends, and whether it is that."""
    before, behind = BELOW_ZERO.get(primary, BELOW_ZERO["en"])
    below = compiled(rf"(?: ?°c?| ?[^\s\d.,;]{{1,20}}){{0,2}}? ?(?:{behind})").match(text, end)
    if below is None or not compiled(before).search(text[max(0, start - 24) : start]):
        return end, False
    return (below.end() if behind else end), True


def _divided(numbers: Sequence[Number], text: str, primary: str) -> list[Number]:
    """The numbers with "3/4" made one; a date (1/2/2024) is left as it is."""
    result: list[Number] = []
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
            joined = whole and re.fullmatch(rf" (?:(?:{either(JOINERS, primary)}) )?", text[whole.end : last.start])
            if whole and joined and 0 < value < 1 and whole.value == int(whole.value):
                result[-2:] = [Number(whole.start, number.end, whole.value + value)]  # 3 1/2
            else:
                result[-1] = Number(last.start, number.end, value)
        else:
            result.append(number)
    return result


@functools.cache
def _scales(primary: str) -> tuple[tuple[re.Pattern[str], int], ...]:
    rows = [row for code in dict.fromkeys((primary, "en")) for row in SCALES.get(code, ())]
    return tuple((re.compile(unicodedata.normalize("NFC", words), re.IGNORECASE), factor) for words, factor in rows)


def _scaled(numbers: Sequence[Number], text: str, primary: str) -> list[Number]:
    """The numbers multiplied by the scaling words behind them (before them in ``SCALE_FIRST``)."""
    unit = r"[^\s\d、。,.;]{0,8}?" if primary in NO_WORD_SPACES else r"(?: ?[^\W\d]{1,15})?"
    edge = r"(?!\w)" if primary not in NO_WORD_SPACES | {"ko"} else ""
    half = compiled(rf"(?:{unit} ?)(?:{either(AND_A_HALF, primary)}){edge}")
    result = []
    for number in numbers:
        factor, start, end, value = 1, number.start, number.end, number.value
        for words, part in PART_BEFORE.get(primary, {}).items():
            if before := compiled(rf"(?:{words}) $").search(text[max(0, start - 8) : start]):
                value, start = value + Decimal(part), start - len(before[0])
        if primary in SCALE_FIRST and (word := re.search(r"\b([^\W\d_]+)[ \u00a0]$", text[max(0, start - 12) : start])):
            factor = next((f for pattern, f in _scales(primary) if pattern.fullmatch(word[1])), 1)
            start -= len(word[0]) if factor > 1 else 0
        for _ in range(2):  # "2 and a half million", "3 millones y medio"
            if factor == 1:
                factor, end = scale_behind(text, end, primary)
            if added := half.match(text, end):
                value, end = value + Decimal(1) / 2, added.end()
        value = value * factor if factor > 1 else value  # a product is rounded to 28 digits
        result.append(Number(start, end, value, factor))
    return result


def scale_behind(text: str, end: int, primary: str) -> tuple[int, int]:
    """The product of the scaling words that follow a number, and where they end. There may be two: "5 หมื่นล้าน"."""
    factor = 1
    while True:
        at = end + (text[end : end + 1] in (" ", "\u00a0"))
        found = next(((match.end(), f) for pattern, f in _scales(primary) if (match := pattern.match(text, at))), None)
        # "milioni 3 laki 5": that word belongs to the number behind it; "2万千": a thousand more, not as many.
        if found is None or found[1] < factor or (primary in SCALE_FIRST and re.match(r"\s*\d", text[found[0] :])):
            return factor, end
        end, factor = found[0], factor * found[1]


# What may stand between the parts of one number: "elfu 2 na 50", "um milhão e quinhentos mil".
_SUMMED_BY = {"sw": ",? (?:na )?", "pt": " (?:e )?"}


def _summed(numbers: Sequence[Number], text: str, primary: str) -> list[Number]:
    """The numbers with "3万5千" and "2 lakh 50 thousand" made one: each part smaller than the scale before it."""
    result: list[Number] = []
    for number in numbers:
        last = result[-1] if result else None
        if (
            last is not None
            and last.scale > 1
            and re.fullmatch(_SUMMED_BY.get(primary, r"[ \u00a0零]*"), text[last.end : number.start])
            and 0 <= number.value < last.scale
        ):
            total = last.value - number.value if last.value < 0 else last.value + number.value
            result[-1] = Number(last.start, number.end, total, number.scale)
        else:
            result.append(number)
    return result
