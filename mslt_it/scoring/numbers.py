"""The final number of a generated solution, in any digits and in the notation of its language.

Which number is the answer:

1. the number after the last ``\\boxed{``;
2. else, where the text has an answer cue ("The answer is", "#### 18", "Antwort:", "答えは"; English ones count in every
   language): what follows the last cue on its line, or on the next line where the cue ends its own. There it is the
   number after the last "=", else the first number;
3. else the number after the last "=" (or "≈") that has one on its line;
4. else the last number of the text.

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

# Words before the answer, and what may stand between them and it (a colon and "=" may in every language).
CUES: Mapping[str, tuple[str, str]] = {
    "en": (r"\banswer", r"\bis\b"),
    "ar": ("الجواب|الإجابة|إجابة", "هو|هي"),
    "bg": ("отговор", r"\bе\b"),
    "bn": ("উত্তর", "হল|হচ্ছে|হবে"),
    "de": (r"\bantwort|\bergebnis", r"\bist\b|\blautet\b|\bbeträgt\b"),
    "el": ("απάντηση", r"\bείναι\b"),
    "es": (r"\brespuesta", r"\bes\b|\bson\b"),
    "fi": (r"\bvastaus", r"\bon\b"),
    "fr": (r"\bréponse", r"\best\b"),
    "he": ("תשובה", "היא|הוא"),
    "hi": ("उत्तर|जवाब", "है"),
    "id": (r"\bjawaban", r"\badalah\b|\bialah\b"),
    "ja": ("答え|解答|正解", "は"),
    "ko": ("정답|답", "은|는"),
    "ru": (r"\bответ", r"равен\b|равно\b|[—–]"),
    "sw": (r"\bjibu|\bjawabu", r"\bni\b"),
    "te": ("సమాధానం|జవాబు", ""),
    "th": ("คำตอบ", "คือ"),
    "tr": (r"\bcevap|\byanıt", ""),
    "ur": ("جواب", "ہے"),
    "vi": ("đáp án|đáp số|câu trả lời|trả lời", r"\blà\b"),
    "zh": ("答案|答", "是|为|為"),
}

# Words that scale the number they follow, longest first; for MGSM's languages. What is excluded: units and per cent
# that begin alike (千克 is a kilogram, শতাংশ and ร้อยละ are per cent).
SCALES: Mapping[str, tuple[tuple[str, int], ...]] = {
    "en": ((r"hundred\b", 100), (r"thousand\b|(?<=\d)k\b", 10**3), (r"lakhs?\b", 10**5), (r"millions?\b", 10**6),
           (r"crores?\b", 10**7), (r"billions?\b", 10**9), (r"trillions?\b", 10**12)),
    "bn": (("শত(?!াংশ|করা)", 100), ("হাজার", 10**3), ("লাখ|লক্ষ(?!্য)", 10**5), ("মিলিয়ন", 10**6), ("কোটি", 10**7)),
    "de": ((r"hundert\b", 100), (r"tausend\b", 10**3), (r"Million(?:en)?\b|Mio\b", 10**6),
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
_ALIKE = str.maketrans("，．،’＝≈：＄＃／％", ",.,'==:$#/%")
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
            "Add it to DECIMAL_COMMA or DECIMAL_POINT in mslt_it/scoring/numbers.py."
        )
    text = _folded(text)
    numbers = _numbers(text, primary)
    for cues in (_BOXED, _cue(primary)):
        for cue in reversed(list(cues.finditer(text))):
            line = _LINE.search(text, cue.end())  # the rest of this one, or the next that has something
            if line and (stated := _within(numbers, *line.span())):
                equals = text.rfind("=", line.start(), stated[-1].start)
                return next(number.value for number in stated if number.start > equals)
    for equals in reversed([match.end() for match in re.finditer("=", text)]):
        end = text.find("\n", equals)
        if stated := _within(numbers, equals, len(text) if end < 0 else end):
            return stated[0].value
    return numbers[-1].value if numbers else None


def same_number(first: Decimal | None, second: Decimal | None) -> bool:
    """Equal in value (18 and 18.00); None, "no number found", equals nothing."""
    return first is not None and second is not None and first == second


_BOXED = re.compile(r"\\boxed\s*\{")
_LINE = re.compile(r"[^\n]*\w[^\n]*")


@functools.cache
def _cue(primary: str) -> re.Pattern[str]:
    words, links = zip(*(CUES[code] for code in dict.fromkeys((primary, "en")) if code in CUES), strict=True)
    link = "|".join(["[:=]", *filter(None, links)])
    number = rf"[ \t\"'(*{_MINUS}]*{_CURRENCY}?[ \t{_MINUS}]*\d"
    # Up to 30 characters of the same clause ("The answer to the question is") and a link, or the number at once.
    pattern = (
        rf"(?:{'|'.join(words)})(?:[^\n\d:=.,;。]{{0,30}}?(?:{link})|(?={number}))"
        # GSM8K's mark; a Markdown heading ("#### 1. Setup") is none.
        r"|####(?=[^\w\n]{0,9}\d)(?!\s{0,9}\d+[.)]\s)"
    )
    return re.compile(unicodedata.normalize("NFC", pattern), re.IGNORECASE)


def _folded(text: str) -> str:
    """Composed letters, digits as ASCII, signs in one form, no invisible characters and no markup."""
    characters = []
    for character in unicodedata.normalize("NFC", text).translate(_ALIKE):
        if character.isdecimal():
            characters.append(str(unicodedata.decimal(character)))
        elif unicodedata.category(character) != "Cf":
            characters.append(character)
    folded = "".join(characters).replace("**", "").replace("__", "")
    return re.sub(r"(?<=\d)(?:\{,\}|\\,)(?=\d{3})", ",", folded).replace("\\$", "$")  # LaTeX: 1{,}000 and 1\,000


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
        return start, False
    ahead = before[: match.start()]
    bare = ahead.rstrip(" \t\u00a0")[-1:]
    if bare.isdigit() or bare in tuple(")]}%"):
        return start, False  # a difference or a range
    joined = ahead == ahead.rstrip() and bare.isalpha()
    if joined and not (primary in NO_WORD_SPACES and bare.lower() == bare.upper()):
        return start, False  # COVID-19
    return start - (len(before) - match.start()), True


def _divided(numbers: Sequence[_Found], text: str) -> list[_Found]:
    """The numbers with "3/4" made one; a date (1/2/2024) is left as it is."""
    result: list[_Found] = []
    for number in numbers:
        last = result[-1] if result else None
        if (
            last is not None
            and text[last.end : number.start] == "/"
            and text[: last.start][-1:] != "/"
            and text[number.end : number.end + 1] != "/"
            and number.value != 0
        ):
            result[-1] = _Found(last.start, number.end, last.value / number.value)
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
