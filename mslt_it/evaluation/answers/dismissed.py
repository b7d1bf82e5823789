"""What is no answer wherever it stands: another question, numbers of steps, those denied, those left open."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence

from mslt_it.evaluation.answers.amounts import (
    BESIDES,
    BETWEEN,
    COMPARED,
    FROM,
    LEFT_HANGING,
    NOT,
    OR,
    QUESTIONS,
    RATES,
    STEPS,
    SURE,
    THAT_IS,
    THEN,
    TO,
)
from mslt_it.evaluation.answers.folding import fold_pattern
from mslt_it.evaluation.answers.numerals import CURRENCY, MINUS_SIGNS, NO_WORD_SPACES, Number
from mslt_it.evaluation.answers.words import (
    CONCLUSIONS,
    CONDITIONS,
    CONTRAST,
    CUES,
    JOINERS,
    LETTER,
    PAUSES,
    STOPS,
    compiled,
    either,
)

CLOSING = ")]}>|\"'*`%€$₽"
_CLOCK = re.compile(r"(?<![\d:])(?:1?\d|2[0-3]):[0-5]\d(?![\d:]|\s?=)")  # no amount: "from 9:10 to 10:15"
# A line of a list: the number behind at most a word, and what ends it.
_ITEM = re.compile(
    rf"^[ \t*#>]*[(（\[]?((?:(?!\d){LETTER}){{0,12}} ?)(\d{{1,3}})(?:[.):）\]：]\**(?=\s|$)|[ \t]*$)", re.MULTILINE
)
_EMPTY = re.compile(r"[ \t]*(?:\n|\Z)")
_BARE = re.compile(r"[.):）\]：]\s*[(（\[]?")  # between two numbers of a list without items
MIN_ITEMS = 3
MIN_CUT = 8  # items of a list that may be taken to go on in a number behind which the text breaks off
_CONDITION = ((CONDITIONS, 0), (CONDITIONS, 1), (CUES, 0))
_OPERATOR = re.compile(r"\s?[-+−–*/×x÷·=:(]")


def one_answer(text: str, primary: str) -> str:
    """The text up to the next question, behind a number."""
    first = re.search(r"\d", text)
    line = text.find("\n", first.end()) if first else -1
    question = compiled(rf"^[ \t#*]*(?:{either(QUESTIONS, primary)})[ \d]{{0,4}}[*:]")
    asked = question.search(text, line) if line >= 0 else None
    return text[: asked.start()] if asked else text


def without_conditions(text: str, primary: str, said: re.Pattern[str], *, of_labels: bool = False) -> str:
    """The text without sentences on what holds if the answer is one that ``said`` finds: "If the answer is 1, ...".

    Args:
        of_labels: the text has the form in which labels are looked for (`folding.folded`).
    """
    sentence, particle = _conditional(primary, of_labels)

    def kept(match: re.Match[str]) -> str:
        return "" if said.search(particle.sub("", match[1]) if particle else match[1]) else match[0]

    return sentence.sub(kept, text)


@functools.cache
def _conditional(primary: str, of_labels: bool) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    """A sentence that opens with a condition on the answer, which is group 1; what may end that ("예라면")."""
    rows = ({code: row[side] for code, row in table.items()} for table, side in _CONDITION)
    ahead, behind, cue = (
        fold_pattern(row, primary) if of_labels else row for row in (either(r, primary) for r in rows)
    )
    gap = r"[^\n,.、。]{0,6}?" if primary in NO_WORD_SPACES | {"ko"} else rf"\s(?:{LETTER}+\s){{0,3}}?{LETTER}{{0,2}}?"
    clause = rf"[^,.;:!?\n{STOPS}{PAUSES}]"
    condition = rf"(?:{ahead}){gap}(?:{cue}){clause}{{0,40}}"
    condition += rf"|(?:{LETTER}+\s){{0,2}}(?:{cue}){clause}{{0,40}}?(?:{behind})" if behind else ""
    begin = rf"(?:^|(?<=[.!?{STOPS}]))[^\S\n]*[\"'(*•-]*[^\S\n]*"
    sentence = compiled(rf"{begin}({condition})[^\n]*?(?:[.!?](?=\s|$)|[{STOPS}]|$)")
    return sentence, compiled(rf"(?:{behind})\W*\Z") if behind else None


def cut_off(text: str, numbers: Sequence[Number], start: int, primary: str) -> int | None:
    """Where the last sentence begins (``start``), if it breaks off: "There are 14 red marbles and"."""
    text = text.rstrip(" \t\n*")
    then = either(THEN, primary)
    hanging = f"{LEFT_HANGING.get(primary, LEFT_HANGING['en'])}|{then}"
    begin = "" if primary in NO_WORD_SPACES | {"ko"} else rf"(?<!{LETTER})"
    if compiled(rf"(?:{begin}(?:{hanging})|(?<![-+−×÷=] )[-+−×÷=(,、،—])$").search(text[-24:]):
        is_long = len(text) > 12 if primary in NO_WORD_SPACES else len(text.split()) > 3
        return start if start or is_long or text[-1] in "=+−×÷" else None
    if start == len(text):
        return None
    last = max((number.end for number in numbers if number.start >= start), default=None)
    if last is None and start:
        steps = STEPS.get(primary, STEPS["en"])[0]
        opens = compiled(rf"\W*\w{{0,2}}?(?:(?:{steps})|{either(CONCLUSIONS, primary)}|{then})")
        return start if primary != "th" and opens.match(text, start) else None
    if last is None:
        return None
    # "On Tuesday he sold 14 loaves, and on Wednesday"
    joiners = "" if primary in NO_WORD_SPACES | {"ar", "ko"} else f"|{begin}(?:{either(JOINERS, primary)})"
    goes_on = compiled(
        rf"(?:{begin}(?:{then}){joiners})" + ("" if not joiners or primary == "he" else rf"(?!{LETTER})")
    )
    is_long = start > 0 or primary in NO_WORD_SPACES or len(text.split()) > 5
    is_open = is_long and text[start - 1 : start] != "\n" and text[-1] not in CLOSING
    # "On Tuesday he sold 14 loaves, on Wednesday"
    is_begun = re.fullmatch(r"[^\n]*[,;、،] ?[^\s\d]+(?: [^\s\d]+){0,3}", text[max(last, len(text) - 80) :])
    return start if is_open and (is_begun or goes_on.search(text, last)) else None


def without_steps(numbers: Sequence[Number], text: str, primary: str) -> list[Number]:
    """The numbers but for those of steps: the 2 of "Step 2: Add the rest"."""
    before, behind = STEPS.get(primary, STEPS["en"])
    edge = "" if primary in NO_WORD_SPACES | {"ko"} else r"(?<!\w)"
    pattern = compiled(rf"(?:{before}|{edge}(?:{either(QUESTIONS, primary)})) ?(?:#|№|nr\.?)? ?$")
    amounts = [
        number
        for number in numbers
        if not pattern.search(text[max(0, number.start - 16) : number.start])
        and not (behind and compiled(behind).match(text, number.end))
    ]
    # "18, and I am 95% sure"
    sure = SURE.get(primary, SURE["en"])
    is_sure = compiled(rf"(?: ?(?:%|per ?cent|فیصد|प्रतिशत)|(?<=%\d\d\d)|(?<=%\d\d))[^\w.]{{0,2}}\w{{0,3}} ?(?:{sure})")
    was_sure = compiled(rf"(?:{sure})[^\d.!?،]{{0,9}}$")
    certain = [
        number
        for number in amounts
        if is_sure.match(text, number.end) or was_sure.search(text[max(0, number.start - 32) : number.start])
    ]
    times = {place for time in _CLOCK.finditer(text) for place in range(*time.span())}
    return [number for number in amounts if number.start not in times and number not in certain] or amounts


def beside(stated: Sequence[Number], text: str, primary: str) -> list[Number]:
    """Numbers behind the first of a sentence that are of another ("12 more than Anna, who has only 5"), of one unit
    ("320 dollars, 40 a month") or of a comparison ("58 pages, 7 more than yesterday")."""
    pause = r"[\s,;]" if primary in ("ar", "th") else r"[,;、]"
    other = rf"{pause}\s?(?:{BESIDES.get(primary, BESIDES['en'])})[^,;、.!?\n{STOPS}]*"
    clause = rf"[^,;、(!?\n{STOPS}]"
    result = (
        "(?!)" if primary in NO_WORD_SPACES | {"ko"} else f"{either(THAT_IS, primary)}|{either(CONCLUSIONS, primary)}"
    )
    ahead = r"(?:\d+ ?)?[^\s\d]*?" if primary == "th" else rf"{clause}{{0,60}}?"
    rate = rf"(?!{clause}{{0,20}}(?:{result}))(?={ahead}(?:{RATES.get(primary, RATES['en'])}))"
    rated = rf" {rate}\D{{0,20}}\d*\D{{0,20}}" if primary == "th" else rf"[,;、(،]{rate}{clause}*"
    told = COMPARED.get(primary, COMPARED["en"])
    compared = rf"ซึ่ง[^\n]*?(?:{told})[^\n]*" if primary == "th" else rf"[,;、(،]{clause}*?(?:{told}){clause}*"
    spans = [match.span() for match in compiled(f"{other}|{compared}|{rated}").finditer(text, stated[0].end)]
    return [number for number in stated if any(start <= number.start < end for start, end in spans)]


def without_listed(numbers: Sequence[Number], text: str) -> list[Number]:
    """The numbers but for those that count a list's items (1, 2, 3, ... before lines) of which nothing is said, as of
    the last where a text breaks off, and those of lists without items ("1. 1. 1. 1.")."""
    dropped: set[int] = set()
    known: set[str] = set()  # words before the numbers of a list
    run: list[re.Match[str]] = []
    for item in [*_ITEM.finditer(text), None]:
        goes_on = item and run and item[1] == run[-1][1]
        following = str(int(run[-1][2]) + 1) if run else ""
        if item and item.end(2) == len(text) and len(run) < MIN_CUT:
            goes_on = False  # a number on a last line of its own is rather the answer
        if item and goes_on and item[2] == following:
            run.append(item)
            continue
        if len(run) >= MIN_ITEMS or (run and run[0][1] in known):
            known.add(run[0][1])
            dropped |= {one.start(2) for one in run if _EMPTY.match(text, one.end())}
            if item and goes_on and item.end(2) == len(text) and following.startswith(item[2]):
                dropped.add(item.start(2))
        run = [item] if item and item[2] == "1" else []
    bare: list[Number] = []
    for number in numbers:
        is_next = bare and number.value - bare[-1].value in (0, 1)
        if is_next and _BARE.fullmatch(text, bare[-1].end, number.start):
            bare.append(number)
        else:
            bare = [number] if number.value == 1 else []
        dropped |= {one.start for one in bare} if len(bare) > MIN_ITEMS else set()
    return [number for number in numbers if number.start not in dropped]


def without_denied(numbers: Sequence[Number], text: str, primary: str) -> list[Number]:
    """The numbers but for what a word denies: the 13 of "not 13 but 12", of "13ではなく12"."""
    before, behind = NOT.get(primary, NOT["en"])
    denied_behind = compiled(rf"[^\s\d,.;、。]{{0,4}}?(?: €(?::n)?)? ?(?:{behind})") if behind else None
    denied_before = compiled(rf"(?:{before})[ \"'(]*(?:{CURRENCY} ?)?$") if before else None
    but = compiled(rf"[^\d.!?]*?[,;] ?(?:{either(CONTRAST, primary)})[^\d.!?]*")
    afar = compiled(rf"(?:{before})[^,.;!?\d。]*$") if before else None
    following = [*(other.start for other in numbers[1:]), 0]
    return [
        number
        for number, after in zip(numbers, following, strict=False)
        if not (denied_behind and denied_behind.match(text, number.end))
        and not (denied_before and denied_before.search(text[max(0, number.start - 24) : number.start]))
        # "not, as you may think, 13 but 12"
        and not (
            afar
            and but.fullmatch(text[number.end : after])
            and afar.search(text[max(0, number.start - 40) : number.start])
        )
    ]


def without_open(numbers: Sequence[Number], text: str, primary: str) -> list[Number]:
    """The numbers but for pairs that leave a choice: "between 10 and 12", "12 or 13", "10–12" (not "12-10=2")."""
    start, middle, end = BETWEEN.get(primary, BETWEEN["en"])
    spaced = primary not in NO_WORD_SPACES
    before = compiled(rf"(?:{start})(?: [^\W\d]+)?[ {MINUS_SIGNS}]*{CURRENCY}?[ {MINUS_SIGNS}]*$")
    behind = compiled(rf"(?: ?[^\W\d]+)? ?(?:{end})" if spaced else rf"[^\s\d、。]{{0,4}}?(?:{end})")
    between = compiled(rf"[^\s\d]{{0,6}}?[ ]?(?:{middle})[ ]?[{MINUS_SIGNS}]?")
    # "5 euros a 7 amigos" is none.
    unit = "" if primary in ("ar", "en", "es", "fr", "it", "pt") else "(?: [^\\W\\d]{1,10})?"
    to = compiled(rf"[^\s\d]{{0,6}}?{unit} ?(?:{TO.get(primary, TO['en'])}) ?{CURRENCY}?")
    changing = compiled(rf"(?<!\w)(?:{FROM.get(primary, '(?!)')}) ?{CURRENCY}?$")
    named = re.compile(r" [^\W\d]")
    listed = re.compile(r"[^\s\d,.;]{0,6}[,،、] ?")
    chosen = compiled(rf"[^\s\d,.;]{{0,6}}[,،、]? ?(?:{either(OR, primary)})(?: [^\W\d]{{1,9}})? ?")
    restated = compiled(rf"[^\d;]{{0,12}}? ?(?:{either(OR, primary)}|{either(THAT_IS, primary)})[^\d.;]*")
    dropped: set[int] = set()
    for index, (number, other) in enumerate(itertools.pairwise(numbers)):
        gap = text[number.end : other.start]
        is_between = (
            between.fullmatch(gap)
            and before.search(text[max(0, number.start - 32) : number.start])
            and behind.match(text, other.end)
        )
        is_range = (
            re.fullmatch(rf"[{MINUS_SIGNS}~～]", gap)
            and not _OPERATOR.search(text[max(0, number.start - 2) : number.start])
            and not _OPERATOR.match(text, other.end)
        )
        is_to = (
            number.value < other.value
            and to.fullmatch(gap)
            # "fell from 20 to 30" is a change, "from 20 to 30 guests" a range
            and (named.match(text, other.end) or not changing.search(text[max(0, number.start - 12) : number.start]))
        )
        is_or = other.value not in (number.value, 100 * number.value) and chosen.fullmatch(gap)  # but "1/4, or 25%"
        if restated.fullmatch(gap) and other.value == 1000 * number.value:
            dropped.add(index + 1)  # "1.6 kg or 1600 g"
        elif is_between or is_to or is_range or is_or:
            dropped |= {index, index + 1}
            while (
                index
                and index - 1 not in dropped
                and listed.fullmatch(text[numbers[index - 1].end : numbers[index].start])
            ):  # "5, 6 or 7"
                index -= 1
                dropped.add(index)
    return [number for index, number in enumerate(numbers) if index not in dropped]
