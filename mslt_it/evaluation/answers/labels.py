"""Which of the task's labels a generated text states. None where it states none.

The first of these that applies:

0. what stands between tags of thinking is left out; "the second option" is read as "option 2";
1. the label in the last ``\\boxed{``, or the label behind the last answer cue ("The answer is", "答案是"), at once or
   alone in that sentence;
2. labels that stand alone: as the whole text, a line or a sentence, behind the name of a field ("Sentiment: neutral"),
   a word for options ("Option 2") or for conclusions ("Therefore, no."), or at the start of a line or sentence before a
   pause or a reason ("Yes, because ... no ..."). All of them must agree;
3. the label that a sentence uses ("It is a negative review"), where the text uses no other one. Labels that are
   ordinary words besides (`FUNCTION_WORDS`, digits, single letters) count here only in quotes, in bold, behind a word
   for options, or before what prefers them ("2 fits better", "A and not B");
4. where nothing is stated so, other words for a label ("True", "perhaps", English ones) by rules 1 and 2, where "The
   hypothesis is" is a cue, too.

What the text takes back ("Yes ... sorry, no") or thought first ("At first yes, but ...") is not looked at where an
answer stands behind that.

A label that is denied ("not yes", "ではない") is not stated, nor an option that is rejected ("2 does not fit", "A and
B are out"); labels left open ("yes or no", a repeated list of options, the prompt's question) are none. Letters of
options are capitals by themselves, or small ones before a bracket or a line's end: "a" is a word. Labels are found in
the inflected forms of `inflections`, in upper case, without the accents that Spanish, French and Greek writers drop,
and never by resemblance: "no" is not in "now".
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mslt_it.evaluation.answers.dismissed import without_conditions
from mslt_it.evaluation.answers.folding import folded, with_letters, without_cut_repeat, without_thoughts
from mslt_it.evaluation.answers.label_patterns import OtherWords, Patterns
from mslt_it.evaluation.answers.words import ANY_LINE, CUES, PAUSES, STOPS
from mslt_it.languages import primary

Place = Literal["cue", "alone", "sentence"]

MAX_CORRECTIONS = 3
_LAST_WORDS = re.compile(rf"[^.!?,;:{STOPS}{PAUSES}\n]{{0,30}}[.!{STOPS}]?\s*\Z")
_AGAIN = re.compile(r"[\s,،、!]{1,3}")
_QUOTE_BEGINS = re.compile(r"[\"'“”„‘「『]$|«\s?$")
_QUOTE_ENDS = re.compile(r"[\"'“”’」』]|\s?»")
_SENTENCE_END = re.compile(rf"[.!?](?=\s)|[!?](?=\w)|[{STOPS}]")
_QUESTION_END = re.compile(rf"[.!?](?=\W|$)|[{STOPS}\n]")
_ASKING = ("?", "؟")
_SEGMENT = re.compile(rf"(?:[^.!?{STOPS}\n]|\.(?=\w))+(?:[.!?{STOPS}]+|\n|$)")


@dataclass(frozen=True)
class Answer:
    """The label that a text states, and where it was found (see the module's text)."""

    label: str
    place: Place


def read_label(text: str, language: str, labels: Mapping[str, str]) -> Answer | None:
    """The label that a generated text gives, or None: to be counted as unread, never guessed.

    Args:
        language: BCP-47 code of the language that the answer is to be in (English for an English chain of thought);
            English cues and label words' rules count beside its own, and alone where it has no tables.
        labels: label name -> word in this language.
    """
    code = primary(language)
    return _reader(code if code in CUES else "en", tuple(labels.items())).read(text)


@dataclass(frozen=True)
class _Use:
    name: str
    start: int
    end: int
    denied: bool


class _Reader(Patterns):
    """Reads the labels of one language and set of labels; ``otherwise`` reads them in other words."""

    def __init__(self, language: str, labels: tuple[tuple[str, str], ...], said: OtherWords | None = None) -> None:
        super().__init__(language, labels, said)
        self._labels = labels

    @functools.cached_property
    def otherwise(self) -> _Reader | None:
        """Made where it is needed."""
        return _Reader(self.language, self._labels, self.other_words) if self.other_words else None

    def read(self, text: str) -> Answer | None:
        text = without_cut_repeat(without_thoughts(text))
        text = folded(with_letters(text, self.language) if self.lettered else text, self.language)
        text = without_conditions(text, self.language, self.uses, of_labels=True)
        of_several = bool(self.ordinals) and sum(nth.search(text) is not None for nth in self.nths) > 1
        for patterns, option in self.ordinals:
            text = patterns[of_several].sub(option, text)
        if self.maybe:
            text = self.maybe_twice.sub(r"\1", text)
        # "Yes ... sorry, no": what stands behind the correction.
        taken = [match for match in self.correction.finditer(text) if self.uses.search(text, 0, match.end())]
        for match in reversed(taken[-MAX_CORRECTIONS:]):
            if found := self._found(text[match.end() :]):
                return found
        uses, thoughts = self._uses(text), {match.end() for match in taken[-MAX_CORRECTIONS:]}
        for index, use in enumerate(uses):  # what was thought first, where another label follows
            if use.end in thoughts and any(later.name != use.name for later in uses[index + 1 :]):
                uses[index] = replace(use, denied=True)
        if found := self._found(text, uses):
            return found
        # No choice that is left open.
        denied = {use.name for use in uses if use.denied}
        if len(denied) < 2 and self.otherwise:
            found = self.otherwise._found(text)
        asks = len(denied) > 2 or ("?" in text and len({match.lastindex for match in self.uses.finditer(text)}) > 1)
        return self._related(text) if found is None and not asks else found

    def _related(self, text: str) -> Answer | None:
        """What a text without a label says of its two sentences: that one contradicts the other, that all is open."""
        said: set[str | None] = {self.maybe} if self.maybe and self.undecided.search(text) else set()
        for name, other, pattern in self.relations:
            for match in pattern.finditer(text):
                before, stop = text[max(0, match.start() - 60) : match.start()], _QUESTION_END.search(text, match.end())
                if self.whether.search(before) or (stop and stop[0] in _ASKING):
                    continue
                denied = self.negated.search(before) or (self.denied_soon and self.denied_soon.match(text, match.end()))
                said.add(name if not denied else None if self.maybe else other)
        return Answer(label, "sentence") if len(said) == 1 and (label := said.pop()) else None

    def _found(self, text: str, uses: list[_Use] | None = None) -> Answer | None:
        uses = self._uses(text) if uses is None else uses
        stated = [use for use in uses if not use.denied]
        return self._stated(text, uses, stated) if stated else None

    def _stated(self, text: str, uses: Sequence[_Use], stated: list[_Use]) -> Answer | None:
        if name := self._behind_cue(text, stated):
            return Answer(name, "cue")
        sentences = [match.end() for match in _SENTENCE_END.finditer(text)]
        alone = [use for use in stated if self._stands_alone(text, use, sentences)]
        if alone:
            agree = len({use.name for use in alone}) == 1
            last = alone[-1]
            return Answer(last.name, "alone") if agree or self._concluded(text, last) else None
        used = {use.name for use in stated if use.name not in self.plain}
        if self.said is None:
            used |= {
                use.name for use in stated if self._is_marked(text, use) and not self.open_list.match(text, use.end)
            }
        used |= self._winning(text, uses)
        left = {use.name for use in stated if self.remaining.search(text[max(0, use.start - 40) : use.start])}
        if self.marks and len(left) == 1:  # "which leaves option 2"
            used = left
        if not used and stated[-1].name in self.firm and _LAST_WORDS.match(text, stated[-1].end):
            used = {use.name for use in stated}
        return Answer(used.pop(), "sentence") if len(used) == 1 else None

    def _uses(self, text: str) -> list[_Use]:
        matches = list(self.uses.finditer(text))
        uses = [self._use(text, match, after) for match, after in zip(matches, (*matches[1:], None), strict=False)]
        for index in range(len(uses) - 1, 0, -1):  # "No, no!" is one
            first, second = uses[index - 1], uses[index]
            if (
                first.name == second.name
                and _AGAIN.fullmatch(text, first.end, second.start)
                and self.tail.match(text, second.end)
            ):
                uses[index - 1 : index + 1] = [replace(first, end=second.end)]
        self._leave_lists(text, uses)
        # "neither positive nor negative", "A, B and C are out": what denies one denies all. Else they are left open.
        begin, is_joined = 0, False
        for index in range(1, len(uses) + 1):
            if index < len(uses):
                between, mark = text[uses[index - 1].end : uses[index].start], uses[index].name in self.marks
                joined = self.joined.match(between) is not None
                if not joined and index == begin + 1 and self._denied_behind(text, uses[index].end):
                    begin = index  # "A, B இல்லை": A, not B
                    continue
                if joined or (self.listed.match(between) and (mark or self.language == "th")):
                    is_joined |= joined or mark
                    continue
            group = uses[begin:index]
            if is_joined and (any(use.denied for use in group) or len({use.name for use in group}) > 1):
                uses[begin:index] = [replace(use, denied=True) for use in group]
            begin, is_joined = index, False
        return self._answering(text, uses)

    def _leave_lists(self, text: str, uses: list[_Use]) -> None:
        """Marks the uses in lists of three labels or more as no answer: "one of these: yes, no, maybe"."""
        begin = 0
        for index in range(1, len(uses) + 1):
            between = text[uses[index - 1].end : uses[index].start] if index < len(uses) else "."
            if self.listed.match(between) or self.joined.match(between):
                continue
            group = uses[begin:index]
            if len({use.name for use in group}) > 2 and not any(use.denied for use in group):
                uses[begin:index] = [replace(use, denied=True) for use in group]
            begin = index

    def _use(self, text: str, match: re.Match[str], after: re.Match[str] | None) -> _Use:
        start, end = match.span()
        name = self.names[(match.lastindex or 0) - 1]
        before = text[max(0, start - 60) : start]
        denied = bool(self.denied_before.search(before) or self.denied_afar_before.search(before))
        if after and self.names[(after.lastindex or 0) - 1] != name:  # "not about A but about B"
            denied |= bool(self.instead.fullmatch(text, end, after.start()) and self.negated.search(before))
        if self.said is not None:
            denied |= self.whether.search(before) is not None
        if self.of_two:
            denied |= bool(self.of_two[0].search(before) or self.of_two[1].match(text, end))
        if name not in self.plain or name in self.marks or _is_quoted(text, start, end):
            denied |= self._denied_behind(text, end)
        if name not in self.plain:
            denied |= bool(self.denied_afar_behind and self.denied_afar_behind.match(text, end))
        if name in self.marks:
            stop = after.start() if after else len(text)
            denied |= self.rejected_before.search(before) is not None
            denied |= bool(self.rejected_behind.match(text, end, stop) and not self._is_preferred(text, end))
            if self._is_excepted(text, start, end):
                denied = not (self.rejecting.search(before) or self.rejecting.search(text, end, end + 60))
        return _Use(name, start, end, denied)

    def _is_preferred(self, text: str, end: int) -> bool:
        return bool(self.chosen.match(text, end) or self.not_that.match(text, end))

    def _denied_behind(self, text: str, end: int) -> bool:
        return bool(self.denied_behind and self.denied_behind.match(text, end))

    def _is_excepted(self, text: str, start: int, end: int) -> bool:
        return bool(self.excepted[0].search(text, max(0, start - 24), start) or self.excepted[1].match(text, end))

    def _answering(self, text: str, uses: list[_Use]) -> list[_Use]:
        """The uses but for those in a question that names several labels: the prompt's, repeated."""
        questions: dict[int, set[str]] = {}
        stops, ends = [*(stop.start() for stop in _QUESTION_END.finditer(text)), len(text)], []
        for use in uses:
            end = stops[bisect.bisect_left(stops, use.end)]
            ends.append(end)
            if text[end : end + 1] in _ASKING:
                questions.setdefault(end, set()).add(use.name)
        return [use for use, end in zip(uses, ends, strict=True) if len(questions.get(end, ())) < 2]

    def _behind_cue(self, text: str, stated: list[_Use]) -> str | None:
        for cue in reversed(list(self.cue.finditer(text))):
            start = cue.end()
            line = ANY_LINE.search(text, start)
            if line is None or line.start() > start + 8:
                continue
            sentence = next(_SEGMENT.finditer(text, line.start(), line.end()), None)
            end = sentence.end() if sentence else line.end()
            there = [use for use in stated if line.start() <= use.start < end]
            if not there:
                continue
            first = there[0]
            if self.open_list.match(text, first.end):
                continue
            at_once = self.alone.fullmatch(text, line.start(), first.start) is not None
            # "The answer is B according to ...", but not "the answers A to D"
            is_only = (
                self.lettered and text[first.end : first.end + 1] == " " and {use.name for use in there} == {first.name}
            )
            if at_once and (first.name not in self.plain or is_only or self.tail.match(text, first.end)):
                return first.name
            names = {use.name for use in there if use.name not in self.plain or self._is_marked(text, use)}
            names |= {
                use.name for use in there if self.full_stop.match(text, use.end, end) and use.name != self.final_no
            }
            if len(names) == 1:
                return names.pop()
        return None

    def _stands_alone(self, text: str, use: _Use, sentences: Sequence[int]) -> bool:
        """Is the label all of a sentence, or does it open one, and a pause or a reason follows?

        ``sentences`` are the ends of sentences within lines, in order.
        """
        if self.open_list.match(text, use.end):
            return False
        if self.answered.match(text, use.end):
            return True
        if not self._closes(text, use):
            return False
        line = text.rfind("\n", 0, use.start) + 1
        before = bisect.bisect_right(sentences, use.start)
        sentence = max(line, sentences[before - 1]) if before else line
        if self.alone.fullmatch(text, line, use.start) or self.alone.fullmatch(text, sentence, use.start):
            return True
        if self.so.search(text, max(sentence, use.start - 80), use.start):
            return True
        if self.colon.search(text, max(sentence, use.start - 80), use.start) and self.full_stop.match(text, use.end):
            return not text[use.end :].strip(" \n.!\"'*_`)]}»”」』。।۔")
        if not self.field.fullmatch(text, line, use.start):
            return False
        if text[use.end : use.end + 1] == ")" and use.name in self.marks:
            return True
        stop = text.find("\n", use.end)
        return self.full_stop.match(text, use.end, stop if stop >= 0 else len(text)) is not None

    def _concluded(self, text: str, use: _Use) -> bool:
        begin = max(0, use.start - 80)
        return any(pattern.search(text, begin, use.start) for pattern in (self.so, self.concluding))

    def _closes(self, text: str, use: _Use) -> bool:
        """Does a pause or a reason follow the label, or (a digit) what says that it is the answer?"""
        if use.name in self.marks:
            return bool(self.tail_of_digit.match(text, use.end) or self.chosen.match(text, use.end))
        return self.tail.match(text, use.end) is not None

    def _is_marked(self, text: str, use: _Use) -> bool:
        """Is the label in quotes, in bold, or behind "option"? Is it a digit that is pointed at?"""
        before = text[max(0, use.start - 24) : use.start]
        quoted = _is_quoted(text, use.start, use.end)
        quoted |= self.lettered and before[-1:] == "(" and text[use.end : use.end + 1] == ")"
        pointed = use.name in self.marks and self.pointed.search(before) and self._closes(text, use)
        excepted = use.name in self.marks and self._is_excepted(text, use.start, use.end)
        return bool(quoted or pointed or excepted) or self.option.search(before) is not None

    def _winning(self, text: str, uses: Sequence[_Use]) -> set[str]:
        """Digits of which the text says so ("Of the two, 2 fits better"), and labels that replace another ("Not 1 but
        2.", "Neither yes nor no: maybe.")."""
        result = set()
        for last, use in zip((None, *uses), uses, strict=False):
            between = text[last.end : use.start] if last else ""
            if use.denied or (last and self.joined.match(between)) or self.open_list.match(text, use.end):
                continue
            denied = last is not None and last.denied and last.name != use.name and not _SENTENCE_END.search(between)
            is_mark = use.name in self.marks
            replaces = denied and (self.tail if is_mark else self.full_stop).match(text, use.end)
            if replaces or (is_mark and self._is_preferred(text, use.end)):
                result.add(use.name)
        return result


def _is_quoted(text: str, start: int, end: int) -> bool:
    return bool(_QUOTE_ENDS.match(text, end) and _QUOTE_BEGINS.search(text[max(0, start - 2) : start]))


_reader = functools.lru_cache(maxsize=256)(_Reader)
