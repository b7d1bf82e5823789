"""Numbers written as words ("twenty-five", "fünfundzwanzig", "千二百五十"), turned into digits where they stand.

A number is a chain of parts: what counts up to 19 (to 99 where a language has a word for each), the tens, the hundreds
and the thousand. `numerals` then reads the digits as any others, with words for larger scales ("3 million"), halves and
signs. A test compares the table with the spell-out rules of CLDR.

A word for 1, and those of `WEAK`, mean something else as often ("one of them", "năm" is a year, too): they count only
where they are all that is said.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal

from mslt_it.evaluation.answers.amounts import AND_A_HALF, MINUS, PART_BEFORE
from mslt_it.evaluation.answers.numerals import (
    BOLD,
    CURRENCY,
    MINUS_SIGNS,
    NO_WORD_SPACES,
    PARTS_OF,
    numbers_in,
    scale_behind,
)
from mslt_it.evaluation.answers.reckoning import results
from mslt_it.evaluation.answers.tables import table
from mslt_it.evaluation.answers.words import ANSWERING, ANY_LINE, BECAUSE, CUES, LETTER, compiled, either

# By language: the words for 0, 1, 2 ...; those for 20, 30 ... 90; those for 100, 200 ... 900 (one word: it multiplies);
# the thousand. Words are divided by spaces ("_" is a space in one), forms of one by "|", and are regular expressions.
# "10*" multiplies by ten, "10+" adds ten ("lima belas"), "½" adds a half.
PARTS: Mapping[str, tuple[str, str, str, str]] = table("parts")
# Words that are a number by themselves, where no chain of parts gives it; "12*" multiplies by twelve.
WHOLE: Mapping[str, Mapping[str, str]] = table("whole")
# Parts of one thing, where a short text has no other number: "half a litre", "ein Viertel".
ALONE: Mapping[str, Mapping[str, str]] = table("alone")
# What makes the number before it the part of a whole: halves, thirds, quarters and so on.
DENOMINATORS: Mapping[str, str] = table("denominators")
# "dörtte üç", "robo tatu", "สามในสี่", once their numbers are digits.
PARTS_IN_WORDS: Mapping[str, Mapping[str, str]] = {
    "tr": {r"(\d+)[dt][ea] (\d+)": r"\2/\1"},
    "sw": {r"\brobo (\d+)": r"\1/4", r"\btheluthi (\d+)": r"\1/3"},
    "th": {r"(\d+) ?ใน ?(\d+)": r"\1/\2"},
}
# What joins two parts, besides a space or a hyphen.
AND: Mapping[str, str] = table("and")
BARE_HALF = frozenset({"id", "ja", "ko", "th", "zh"})  # their "and a half" is "half", too
ONES_FIRST = frozenset({"ar", "de"})  # 25 is "five and twenty"
# Hours, "no", "better", "are you", particles: these mean a number only where nothing else is said. 1 always.
WEAK: Mapping[str, str] = table("weak")
# What is counted makes a weak word a number.
COUNTERS: Mapping[str, str] = table("counters")
# What may stand right behind a number: copulas, counters, case endings.
ENDS: Mapping[str, str] = table("ends")


@functools.cache
def _parts(primary: str) -> tuple[re.Pattern[str], tuple[str, ...], re.Pattern[str]]:
    """The pattern of a part with what joins it to the one before, the roles of its groups, what must follow a chain."""
    units, tens, hundred, thousand = PARTS[primary]
    rows = [(value if "*" in value else f"={value}", words) for value, words in WHOLE.get(primary, {}).items()]
    for count, words in enumerate(units.split()):
        role = next((sign for sign in ("10*", "10+", "½") if words.startswith(sign)), "")
        rows.append((role or f"={count}", words.removeprefix(role)))
    rows += [(f"={10 * count}", words) for count, words in enumerate(tens.split(), start=2)]
    single = len(hundred.split()) == 1
    rows += [("100*" if single else f"={100 * n}", words) for n, words in enumerate(hundred.split(), start=1)]
    rows += [("1000*", words) for words in thousand.split()]
    rows = [(role, word) for role, words in rows for word in re.split(r"\|(?![^(]*\))", words)]
    rows.sort(key=lambda row: _longest(row[1]), reverse=True)  # "seventeen" before "seven"
    join = "|".join(filter(None, (AND.get(primary), "[ \u00a0\u200b-]?")))
    pattern = "|".join(f"({words.replace('_', ' ')})" for _, words in rows)
    spaced = primary not in NO_WORD_SPACES
    follows = rf"(?:{ENDS.get(primary, '')})?(?!{LETTER}|-{LETTER})" if spaced else ""
    return compiled(f"(?P<join>{join})(?:{pattern})"), tuple(role for role, _ in rows), compiled(follows)


def _longest(word: str) -> tuple[int, bool]:
    """How long the longest text is that a word's pattern fits, and whether it fits no shorter one."""
    plain = re.sub(r"\(\?<?!.*?\)|(?<!\()[?*_]", "", re.sub(r"\[.*?\]", "x", word))
    for choice in re.findall(r"\(\?:(.*?)\)", plain):
        plain = plain.replace(f"(?:{choice})", max(choice.split("|"), key=len))
    return len(plain), "?" not in word


_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")


class _Chain:
    """The value of parts that are added one by one."""

    def __init__(self, ones_first: bool, french: bool) -> None:
        self.thousands, self.rest = Decimal(0), Decimal(0)
        self.ones_first, self.french = ones_first, french

    def add(self, role: str, joined: bool) -> bool:
        """Whether the part belongs to the number; if so, it is in it."""
        low, ones, rest = self.rest % 100, self.rest % 10, self.rest
        if role == "1000*" and self.thousands % 10000 == 0:
            self.thousands, self.rest = self.thousands + 1000 * (rest or 1), Decimal(0)
        elif role == "100*" and rest < 100:
            self.rest = 100 * (rest or Decimal(1))
        elif role == "10*" and (low == 0 or (0 < low < 10 and low == int(low))):
            self.rest += 9 * ones if ones else 10
        elif role == "12*" and rest < 100:
            self.rest = 12 * (rest or Decimal(1))
        elif role == "10+" and low < 10:
            self.rest += 10
        elif role == "½" and rest and rest == int(rest):
            self.rest += Decimal("0.5")
        elif role.startswith("="):
            return self._added(Decimal(role[1:]), low, ones, joined)
        else:
            return False
        return True

    def _added(self, value: Decimal, low: Decimal, ones: Decimal, joined: bool) -> bool:
        if value >= 1000 and not self.thousands and not self.rest:
            self.thousands = value
        elif (
            (value < 100 and low == 0)
            or (100 <= value < 1000 and self.rest == 0)
            or (value < 10 and ones == 0)  # twenty-five, mười sáu
            or (self.ones_first and joined and 0 < low < 10 and value in range(20, 100, 10))
            or (self.french and low in (60, 80) and 10 < value < 20)
        ):
            self.rest += value
        else:
            return False
        return True


@functools.cache
def answer_cue(primary: str) -> re.Pattern[str]:
    """What stands directly before an answer on its line: "The answer is", "####"."""
    words, links = zip(*(CUES[code] for code in dict.fromkeys((primary, "en")) if code in CUES), strict=True)
    link = "|".join(["[:=]", *filter(None, links)])
    number = rf"[ \t\"'(*{BOLD}{MINUS_SIGNS}]*{CURRENCY}?[ \t{MINUS_SIGNS}]*\d"
    begin = "" if primary in NO_WORD_SPACES else r"(?<![\w-])"
    # Up to 30 characters of the same clause ("The answer to the question is") and a link, or the number at once.
    pattern = (
        rf"{begin}(?:{either(ANSWERING, primary)})(?={number})"
        rf"|(?:{'|'.join(words)})(?:[^\n\d:=.,;。]{{0,30}}?(?:{link})|(?={number}))"
        # GSM8K's mark; a Markdown heading ("#### 1. Setup") is none.
        r"|####(?=[^\w\n]{0,9}\d)(?!\s{0,9}\d+[.)]\s)"
        r"|\)[ \t]{0,4}#(?=[ \t]{0,4}-?\d[\d.,]{0,20}[ \t]*(?:\n|\Z))"  # "print(eggs)  # 18"
    )
    return re.compile(unicodedata.normalize("NFC", pattern), re.IGNORECASE)


def in_digits(text: str, primary: str) -> str:
    """The text with its number words as digits: all of them where it has no digits, else those of answers without."""
    if not re.search(r"\d", text):
        return PARTS_OF.sub(r"\2/\1", with_digits(text, primary))
    text = PARTS_OF.sub(r"\2/\1", text)
    # "Quattro, perché 18 : 5 = 3,6"
    if (opening := re.match(r"\D+", text)) and (head := with_digits(opening[0], primary)) != opening[0]:
        said, behind = numbers_in(head, primary), [n.value for n in numbers_in(text[opening.end() :], primary)]
        if said and len(behind) > 1 and 1 <= said[-1].value in results(behind):
            return f"{head[: said[-1].end]}."  # "Seventeen passengers are left: 25 got on and 8 got off"
    reason = rf"\A(?P<answer>\D*?)(?=[\s,;(.。、](?:{either(BECAUSE, primary)}))"
    end = "(?=[,.;:!?(、。])" if primary in NO_WORD_SPACES | {"ko"} else ""
    if (opening := compiled(rf"{reason}|\A[^\d,.;:!?(、。\n]*{end}").match(text)) and opening[0]:
        head = with_digits(opening[0], primary)
        if head != opening[0] and (opening["answer"] or head[0].isdigit()):
            text = head + text[opening.end() :]
    for place in reversed(list(answer_cue(primary).finditer(text))):
        line = ANY_LINE.search(text, place.end())
        if line and not re.search(r"\d", line[0]):
            return text[: line.start()] + with_digits(line[0], primary) + text[line.end() :]
    return text


def with_digits(text: str, primary: str) -> str:
    """A text without digits, its numbers written in digits. Nothing changes where the language has no row."""
    if primary not in PARTS:
        return text
    written = counted_in_digits(text, primary)
    return written if re.search(r"\d", written) else _with_part(text, primary)


def counted_in_digits(text: str, primary: str) -> str:
    """The same, but for a part of one thing ("half a litre")."""
    if primary not in PARTS:
        return text
    if primary in ("ja", "zh"):  # digit by digit, as years are
        text = re.sub(r"[〇零一二三四五六七八九]{3,}", lambda row: row[0].translate(_DIGITS), text)
    pattern, roles, follows = _parts(primary)
    spaced = primary not in NO_WORD_SPACES
    half = compiled(rf"(?:{either(AND_A_HALF, primary)}) ?$")
    done: list[str] = []
    at, weak = 0, False
    while match := pattern.search(text, at):
        start, end, place, value = match.start() + len(match["join"]), 0, match.start(), Decimal(0)
        chain, count = _Chain(primary in ONES_FIRST, primary == "fr"), 0
        fits = not half.search(text[max(0, start - 20) : start]) and (
            not spaced or not re.match(LETTER, text[start - 1 : start])
        )
        while fits and (part := pattern.match(text, start if count == 0 else place)):
            if not chain.add(roles[(part.lastindex or 0) - 2], len(part["join"].strip()) > 0):
                break
            place, count = part.end(), count + 1
            if follows.match(text, place) or _divisor(text, place, primary, chain.rest):
                end, value, weak = place, chain.thousands + chain.rest, count == 1
        if primary == "zh" and end and (short := re.search("([百千])[一二两三四五六七八九]$", text[start:end])):
            value += value % 10 * (9 if short[1] == "百" else 99)  # "一百二" is 120
        if end and start == at and done:  # "两三个" is two or three
            done.append("-")
        part_of = _divisor(text, end, primary, value) if end else None
        if part_of:
            done.append(f"{text[at:start]}{value.normalize():f}/{part_of[0]}")
            at = part_of[1]
        elif end and not (weak and _is_weak(text, start, end, value, primary)):
            done.append(f"{text[at:start]}{value.normalize():f}")
            at = end
        else:
            done.append(text[at : match.end()])
            at = match.end()
    written = "".join(done) + text[at:]
    if primary == "sw":  # "elfu mia 2 na 50": two hundred and fifty thousand
        hundreds = r"\b(elfu|milioni) mia (\d+)(?: na (\d\d?)\b)?"
        written = re.sub(hundreds, lambda said: f"{said[1]} {100 * int(said[2]) + int(said[3] or 0)}", written)
    for fraction, shown in PARTS_IN_WORDS.get(primary, {}).items() if not re.search(r"\d", text) else ():
        written = re.sub(fraction, shown, written)
    return written


def _with_part(text: str, primary: str) -> str:
    """A text without a number, the part of one that it names in digits: "half a litre", "an hour and a half"."""
    if primary in AND_A_HALF and primary not in BARE_HALF:
        one = compiled(rf"({LETTER}{{1,20}}?)(ان|ين)? ?(?:{AND_A_HALF[primary]})(?!{LETTER})")  # two in the Arabic dual
        text = one.sub(lambda match: f"{'2.5' if primary == 'ar' and match[2] else '1.5'} {match[1]} ", text, count=1)
    spaced = primary not in NO_WORD_SPACES
    if re.search(r"\d", text) or (len(text.split()) > 6 if spaced else len(text.rpartition(":")[2]) > 12):
        return text
    edges = (rf"(?<!{LETTER})", rf"(?!{LETTER})") if spaced else ("", "")
    for value, words in ALONE.get(primary, {}).items():
        text, count = compiled(f"{edges[0]}(?:{words}){edges[1]}").subn(f"{value} ", text)
        if count:
            return text if count == 1 else ""
    return text


def _divisor(text: str, end: int, primary: str, value: Decimal) -> tuple[int, int] | None:
    """What a number is divided by ("three quarters": 4), and where that word ends. The 84th is no 20."""
    for divisor, word in enumerate(DENOMINATORS.get(primary, "").split(), start=2):
        if match := compiled(rf"[ -]?(?:{word.replace('_', ' ')})(?!{LETTER})").match(text, end):
            if value >= divisor:
                return None
            return divisor, match.end()
    return None


def _is_weak(text: str, start: int, end: int, value: Decimal, primary: str) -> bool:
    """Is this a word that is rather no number here? It is one if nothing else is said, or a scaling word is with it."""
    if value != 1 and not (primary in WEAK and compiled(WEAK[primary]).fullmatch(text, start, end)):
        return False
    halved = compiled(rf"(?:{'|'.join(PART_BEFORE.get(primary, {})) or '(?!)'}) $").search(text[:start])
    unit = r"[^\s\d、。,.;]{0,8}?" if primary in NO_WORD_SPACES else r"(?: [^\W\d]{1,15})?"
    halved = halved or compiled(rf"{unit} ?(?:{either(AND_A_HALF, primary)})").match(text, end)
    counted = halved or (primary in COUNTERS and compiled(rf" ?(?:{COUNTERS[primary]})").match(text, end))
    if (
        counted
        or scale_behind(text, end, primary)[0] > 1
        or re.search(r"(?:分の|分之|[万億]|[만억] ?|분의 ?|[dt][ae] )$", text[:start])
        or (primary == "sw" and re.search(r"\b(?:elfu|mia|laki|[mb]ilioni)\b[^.]* $", text[:start]))
    ):
        return False
    rest = text[end:].strip(" .!。।۔*\"'")
    is_short = len(rest) <= 2 if primary in NO_WORD_SPACES else len(rest.split()) <= 2
    before = compiled(either(MINUS, primary)).sub("", text[:start].rpartition(":")[2])
    return bool(re.search(r"\w", before)) or not is_short or "?" in rest
