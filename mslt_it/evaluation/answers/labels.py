"""Which of the task's labels a generated text states. None where it states none.

The first of these that applies:

0. what stands between tags of thinking is left out; "the second option" is read as "option 2";
1. the label in the last ``\\boxed{``, or the label behind the last answer cue ("The answer is", "答案是"), at once or
   alone in that sentence;
2. labels that stand alone: as the whole text, a line or a sentence, behind the name of a field ("Sentiment: neutral"),
   a word for options ("Option 2") or for conclusions ("Therefore, no."), or at the start of a line or sentence before a
   pause or a reason ("Yes, because ... no ..."). All of them must agree;
3. the label that a sentence uses ("It is a negative review"), where the text uses no other one. Labels that are
   ordinary words besides (`FUNCTION_WORDS`, digits, single letters) count here only in quotes, in bold, or behind a
   word for options.

4. where nothing is stated so, other words for a label ("True", "perhaps", English ones) by rules 1 and 2, where "The
   hypothesis is" is a cue, too.

What the text takes back ("Yes ... sorry, no") is not looked at where an answer stands behind that.

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

from mslt_it.evaluation.answers.choices import CHOSEN, EXCEPT, IT_IS, ONE_OF, OPTIONS, POINTERS, REJECTED, REMAINS, THAN
from mslt_it.evaluation.answers.folding import fold_pattern, folded, letter, with_letters, without_thoughts
from mslt_it.evaluation.answers.inflections import forms
from mslt_it.evaluation.answers.numerals import NO_WORD_SPACES
from mslt_it.evaluation.answers.substitutes import (
    CORRECTIONS,
    SPELLINGS,
    SUBJECTS,
    UNDECIDED,
    WHETHER,
    ordinals,
    other_words,
)
from mslt_it.evaluation.answers.words import (
    ANSWERING,
    ASSURED,
    BECAUSE,
    CLOSE,
    CONCLUSIONS,
    CONTRAST,
    CUES,
    DENIED_AFAR,
    ENDINGS,
    JOINERS,
    LETTER,
    NEGATION,
    OPEN,
    PAUSE,
    PAUSES,
    STOPS,
    VERDICTS,
    VERB_FINAL_NO,
    compiled,
    either,
)
from mslt_it.problems import Problem

Place = Literal["cue", "alone", "sentence"]

# Words for yes, no and maybe, which sentences use without answering anything, by language.
# fmt: off
FUNCTION_WORDS: Mapping[str, frozenset[str]] = {code: frozenset(words.split()) for code, words in {
    "ar": "نعم لا ربما أجل كلا", "bg": "да не може", "bn": "হ্যাঁ না হয়তো", "de": "ja nein vielleicht doch",
    "el": "ναι όχι ίσως", "en": "yes no maybe perhaps", "es": "sí si no quizás quizá", "et": "jah ei võib-olla",
    "fi": "kyllä ei ehkä joo",
    "fr": "oui non peut-être", "he": "כן לא אולי", "hi": "हाँ हां नहीं शायद", "id": "ya tidak mungkin bukan",
    "it": "sì no forse",
    "ja": "はい いいえ たぶん 多分", "ko": "예 네 아니요 아마도", "pt": "sim não talvez", "ru": "да нет возможно",
    "sw": "ndiyo hapana labda", "ta": "ஆம் ஒருவேளை இல்லை",
    "te": "అవును కాదు బహుశా లేదు", "th": "ใช่ ไม่ใช่ ไม่ อาจจะ", "tr": "evet hayır belki", "ur": "ہاں نہیں شاید",
    "vi": "phải không có đúng sai", "zh": "是 不是 否 也许 对 不对",
}.items()}
# fmt: on
# Those of them that hardly any sentence has but as an answer: they count at the very end, too ("My answer will be no.").
FIRM_WORDS: Mapping[str, str] = {
    **{"ar": "نعم", "bn": "হ্যাঁ", "el": "ναι", "en": "yes", "et": "jah", "fr": "oui", "hi": "हाँ", "ko": "아니요", "pt": "sim"},
    **{"sw": "hapana", "te": "అవును", "tr": "evet hayır"},
}
VERB_FINAL = frozenset({"bn", "hi", "ta", "te", "tr", "ur"})
NUM_PLAIN, MAYBE = 3, 2  # places in the rows of `SYNONYMS`: yes, no, maybe are ordinary words
MAX_CORRECTIONS = 3
OtherWords = Mapping[str, tuple[int, list[str]]]
_LAST_WORDS = re.compile(rf"[^.!?,;:{STOPS}{PAUSES}\n]{{0,30}}[.!{STOPS}]?\s*\Z")
_AGAIN = re.compile(r"[\s,،、!]{1,3}")
_QUOTE_BEGINS = re.compile(r"[\"“”„‘「『]$|«\s?$")
_QUOTE_ENDS = re.compile(r"[\"”“’」』]|\s?»")
_SENTENCE_END = re.compile(rf"[.!?](?=\s)|[{STOPS}]")
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
            English cues and label words' rules count beside its own.
        labels: label name -> word in this language.
    """
    return _reader(language.split("-", 1)[0], tuple(labels.items())).read(text)


@dataclass(frozen=True)
class _Use:
    """A label in the text."""

    name: str
    start: int
    end: int
    denied: bool


class _Reader:
    """The compiled patterns of one language and set of labels (name, word)."""

    def __init__(self, language: str, labels: tuple[tuple[str, str], ...], said: OtherWords | None = None) -> None:
        # Letters of options are told from words ("a") by their writing.
        self.lettered = all(len(word) == 1 and word.isascii() and word.isalpha() for _, word in labels)
        words = {name: letter(word) if self.lettered else folded(word, language).strip() for name, word in labels}
        by_word: dict[str, str] = {}
        for name, word in words.items():
            if not word:
                raise Problem(f"The word for label '{name}' (language '{language}') is empty. Give the word it has.")
            if (other := by_word.setdefault(word, name)) != name:
                raise Problem(
                    f"Labels '{other}' and '{name}' have the same word '{word}' in language '{language}', so their "
                    "answers cannot be told apart. Give them different words."
                )
        self.language, self.said = language, said
        known = {folded(word, language) for code in (language, "en") for word in FUNCTION_WORDS.get(code, ())}
        # Names whose words are ordinary words besides.
        self.plain = {name for name, word in words.items() if word in known or word.isdecimal() or len(word) == 1}
        self.firm = {name for name, word in words.items() if word in FIRM_WORDS.get(language, "").split()}
        # The longest first: "不是" holds "是".
        self.names = sorted(words, key=lambda name: -len(words[name]))
        # "... পারছি না।" is a sentence that says no, not one whose answer is "no".
        self.final_no = next((name for name, word in words.items() if word == VERB_FINAL_NO.get(language)), None)
        fold = functools.partial(fold_pattern, language=language)
        spelled = {name: _spellings(words[name], language, by_word) for name in self.names}
        if said is not None:  # a reader of other words for the labels: "True" for yes
            spelled = {name: said[name][1] for name in self.names if name in said and said[name][1]}
            self.names, self.plain = list(spelled), {name for name in spelled if said[name][0] < NUM_PLAIN}
        every = [form for forms_ in spelled.values() for form in forms_]
        patterns = ["|".join(_label_pattern(form, language, every) for form in spelled[name]) for name in self.names]
        anywhere = "|".join(patterns)
        # Names whose words are digits or letters: the tables of `choices` are for them.
        self.marks = set(words) if self.lettered else {name for name, word in words.items() if word.isdecimal()}
        apart = "" if language in NO_WORD_SPACES | {"ar", "he", "ko"} else rf"(?<!{LETTER})"
        remains = [either({code: row[side] for code, row in REMAINS.items()}, language) for side in (0, 1)]
        it_is = f"|{fold(either(IT_IS, language))}" if self.lettered else ""
        topics, unspaced = "", "|" if language in NO_WORD_SPACES and said is not None else ""
        if said is not None or language == "vi":  # where yes is "true"
            topics = f"|{fold(either(SUBJECTS, language))}"
        pointers = rf"{apart}(?:{fold(POINTERS.get(language, '(?!)'))}|{fold(remains[0])}{it_is})"
        options = rf"(?:{fold(either(OPTIONS, language))})\s*(?:#|n[or°]\.?|n\.|nº)?"
        so = fold(either(CONCLUSIONS, language))
        ending = rf"(?:\s?(?:{fold(ENDINGS[language])})){{1,3}}" if language in ENDINGS else "(?!)"
        because, than = fold(either(BECAUSE, language)), fold(either(THAN, language))
        spaced = r"|\s" if language == "th" else ""  # a space is Thai's comma
        # "ではない" may go on as "ではないと思う", "아니" as "아니다".
        behind_end = "" if language in NO_WORD_SPACES | {"ko"} else rf"(?!{LETTER})"
        before = either({code: row[0] for code, row in NEGATION.items()}, language)
        behind = either({code: row[1] for code, row in NEGATION.items()}, language)
        joiner = fold(either(JOINERS, language))
        listing = " " if language == "th" else ""
        link = "|".join(filter(None, (CUES[code][1] for code in dict.fromkeys((language, "en")) if code in CUES)))
        cue = "|".join(CUES[code][0] for code in dict.fromkeys((language, "en")) if code in CUES)
        cue += f"|{either(VERDICTS, language)}"
        sure = fold(either(ASSURED, language))
        but, answer = fold(either(CONTRAST, language)), fold(either(ANSWERING, language))
        gap = r"\s*" if language in NO_WORD_SPACES else r"\s+"
        surely = rf"(?:(?:{sure})[,،、]?{gap}(?:an? )?)?"
        item = "" if self.marks else r"(?:\(?(?:[a-d]|\d{1,2})[.)]\s)?"  # of a list
        begin = rf"{OPEN}{item}(?:(?:{so})[,،、:]?\s*)?{OPEN}{surely}(?:(?:{options}|{pointers}){OPEN})?"
        # A label anywhere; group i + 1 is label i.
        self.uses = compiled("|".join(f"({pattern})" for pattern in patterns))
        # What may precede a label that stands alone; the same within a sentence: ", so "; the name of a field.
        self.alone = compiled(begin + "$")
        pause = "" if language in NO_WORD_SPACES | {"ko"} else rf"[,;{PAUSES}—–]"
        concluded = rf"{pause}\s*(?:{so}|{but})[,،、:]?\s*{OPEN}{surely}(?:{options}{OPEN})?"
        surely_thai = rf"|(?:{sure}){gap}" if language == "th" else ""
        self.so = compiled(rf"(?:{concluded}|(?:{answer})\s*{OPEN}{surely_thai})\Z")
        self.colon = compiled(rf"\S{CLOSE}\s?[:;·{listing}]\s*{begin}\Z")
        self.field = compiled(rf"{OPEN}[^\d\W]{LETTER}*(?:[ ]{LETTER}+){{0,3}}{CLOSE}\s?[:：]{begin}$")
        # What may follow it.
        bracket = rf"\){CLOSE}" if language in NO_WORD_SPACES else rf"\){CLOSE}\s"
        closed = rf"(?<=[\d\u1681-\u169a]){bracket}|(?:{ending}|\s(?:{sure})(?=[\s.!{STOPS}]*$))?{CLOSE}(?:{ending})?"
        # "A and not B", "AであってBではない"
        not_that = rf"[,،、;]?\s*(?:{joiner}|{but}|而|chứ)?\s*(?:{fold(before)})\s*(?:{options})?{OPEN}(?:{anywhere})" if before else "(?!)"
        if behind:
            not_that += rf"|(?:{ending})?[,、،]?\s*(?:이고|이지|であって|であり|で)?[,、]?\s*{OPEN}(?:{anywhere}){CLOSE}\s*(?:{fold(behind)})"
        self.not_that = compiled(rf"{CLOSE}\s*(?:{not_that})")
        self.tail_of_digit = compiled(rf"{closed}(?:{PAUSE}|\s*(?:{because}|{than}|{not_that}))")
        self.tail = compiled(rf"{closed}(?:{PAUSE}|\s*(?:{because}|{not_that}){spaced})")
        self.full_stop = compiled(rf"(?:{ending})?{CLOSE}(?:{ending})?[\s.!{STOPS}]*{CLOSE}\s*$")
        # "2 is more likely", but not "2 is not more likely".
        denial = "".join(rf"(?!\w*\s*(?:{fold(side)}))" for side in (before, behind) if side)
        chosen = rf"(?:{ending})?{CLOSE}\s*(?:{fold(either(CHOSEN, language))}|{fold(remains[1])}){denial}"
        self.chosen = compiled(chosen)
        self.pointed = compiled(rf"{pointers}\s*[\"'(]?\Z")
        afar = [fold(either({code: row[side] for code, row in DENIED_AFAR.items()}, language)) for side in (0, 1)]
        clause = rf"[^.!?,;:–—{STOPS}{PAUSES}\n{' ' if language == 'th' else ''}]"
        rejected = [fold(either({code: row[side] for code, row in REJECTED.items()}, language)) for side in (0, 1)]
        soon = rf"(?:(?!{because})[^.!?;:,–—(\n{STOPS}{PAUSES}]){{0,24}}?"
        self.rejected_before = compiled(rf"(?:{rejected[1]}|{than})[^\S\n]*(?:\w{{1,3}} )?(?:{options})?{OPEN}\Z")
        self.rejecting = compiled("|".join(filter(None, rejected)))
        excepted = [fold(either({code: row[side] for code, row in EXCEPT.items()}, language)) or "(?!)" for side in (0, 1)]
        self.excepted = compiled(rf"(?:{excepted[0]})\s*(?:{options})?{OPEN}\Z"), compiled(rf"{CLOSE}\s?(?:{excepted[1]})")
        self.rejected_behind = compiled(rf"{soon}(?:{rejected[0]})")
        self.denied_afar_before = compiled(rf"(?:{afar[0]}){clause}*\Z")
        self.denied_afar_behind = compiled(rf"{clause}{{0,20}}(?:{afar[1]})") if afar[1] else None
        # \Z, since $ is also the end of each line before; and never over a line's end: "It does not\nAnswer: 1".
        self.denied_before = compiled(rf"(?:{fold(before)})[^\S\n]*(?:{options}[^\S\n]*)?[\"'“„«「]*[^\S\n]*\Z")
        self.denied_behind = compiled(rf"[\s\"'”“»」]*(?:{fold(behind)}){behind_end}") if behind else None
        self.joined = compiled(rf"{CLOSE}\s*(?:{joiner})\s*(?:{options})?{OPEN}$")
        self.listed = compiled(rf"{CLOSE}\s*[,،、{listing}]\s*(?:{joiner})?\s*(?:{options})?{OPEN}$")
        self.open_list = compiled(
            rf"{CLOSE}\s*(?:[,،、]?\s*(?:{joiner})\s*|/|\|){OPEN}(?:{anywhere})"
            rf"|{CLOSE}\s*[,،、{listing}]{OPEN}(?:{anywhere}){CLOSE}\s*(?:[,،、/?]|(?:{joiner})(?!{LETTER})|$)"
        )
        final = r"|\s" if language in VERB_FINAL else ""
        told = rf"(?:{fold(cue)}|{fold(ONE_OF.get(language, cue))})[^\n:=.,;]{{0,30}}?(?:[:=—–]|{fold(link)}{final})"
        told += rf"|{apart}(?:{fold(POINTERS.get(language, '(?!)'))}|{answer}|{fold(remains[0])})"
        self.ordinals = ordinals(words, language, fold, chosen, told, because, ending) if self.marks else []
        self.option = compiled(rf"(?:{options})\s*[\"'(]?\Z")
        self.cue = compiled(
            rf"\\boxed|(?:{fold(cue)}{topics})(?:(?:(?!{anywhere})[^\n:=.,;。]){{0,30}}?(?:[:：=＝]|{fold(link)})|(?=\s{unspaced}))"
            rf"|{options}\s*(?:{fold(link)})"
        )
        taken = fold(either(CORRECTIONS, language))
        self.correction = compiled(
            rf"[.,;:!?—–({STOPS}{PAUSES}{listing}\n-][^\S\n]{{0,3}}(?:{taken}){behind_end}[\s,،、:.!—–-]*"
        )
        self.whether = compiled(rf"(?:{fold(either(WHETHER, language))}){clause}*\Z")
        self.otherwise, self.maybe = None, None
        if said is None and not self.marks:
            others = other_words(words, language, fold)
            if any(row for _, row in others.values()):
                self.otherwise = _Reader(language, labels, others)
            self.maybe = next((name for name, (index, _) in others.items() if index == MAYBE), None)
        if self.maybe:
            maybe = patterns[self.names.index(self.maybe)]
            self.undecided = compiled(fold(either(UNDECIDED, language)))
            self.maybe_twice = compiled(
                rf"({maybe})[^\n.!?;{STOPS}]{{1,30}}?(?:\b|[,;،])\s*(?:{maybe})[^\n.!?;,،{STOPS}]{{0,30}}"
            )

    def read(self, text: str) -> Answer | None:
        text = without_thoughts(text)
        text = folded(with_letters(text, self.language) if self.lettered else text, self.language)
        for ordinal, option in self.ordinals:
            text = ordinal.sub(option, text)
        if self.maybe:
            text = self.maybe_twice.sub(r"\1", text)
        # "Yes ... sorry, no": what stands behind the correction.
        taken = [match for match in self.correction.finditer(text) if self.uses.search(text, 0, match.start())]
        for match in reversed(taken[-MAX_CORRECTIONS:]):
            if found := self._found(text[match.end() :]):
                return found
        uses = self._uses(text)
        if found := self._found(text, uses):
            return found
        if self.otherwise and len({use.name for use in uses if use.denied}) < 2:  # no choice that is left open
            found = self.otherwise._found(text)
        named = {match.lastindex for match in self.uses.finditer(text)} if "?" in text else ()
        if found is None and self.maybe and len(named) < 2 and self.undecided.search(text):
            return Answer(self.maybe, "sentence")
        return found

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
            used |= {use.name for use in stated if self._is_marked(text, use)}
        used |= self._marks_that_win(text, uses)
        if not used and stated[-1].name in self.firm and _LAST_WORDS.match(text, stated[-1].end):
            used = {use.name for use in stated}
        return Answer(used.pop(), "sentence") if len(used) == 1 else None

    def _uses(self, text: str) -> list[_Use]:
        matches = list(self.uses.finditer(text))
        uses = [self._use(text, match, after) for match, after in zip(matches, (*matches[1:], None), strict=False)]
        for index in range(len(uses) - 1, 0, -1):  # "No, no!" is one
            first, second = uses[index - 1], uses[index]
            if first.name == second.name and _AGAIN.fullmatch(text, first.end, second.start) and self.tail.match(text, second.end):
                uses[index - 1 : index + 1] = [replace(first, end=second.end)]
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

    def _use(self, text: str, match: re.Match[str], after: re.Match[str] | None) -> _Use:
        start, end = match.span()
        name = self.names[(match.lastindex or 0) - 1]
        before = text[max(0, start - 60) : start]
        denied = bool(self.denied_before.search(before) or self.denied_afar_before.search(before))
        if self.said is not None:
            denied |= self.whether.search(before) is not None
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
            line = re.compile(r"[^\n]*\w[^\n]*").search(text, start)
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
            if at_once and (first.name not in self.plain or self.tail.match(text, first.end)):
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
        if self.open_list.match(text, use.end) or not self._closes(text, use):
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
        return self.so.search(text, max(0, use.start - 80), use.start) is not None

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

    def _marks_that_win(self, text: str, uses: Sequence[_Use]) -> set[str]:
        """Digits of which the text says so ("Of the two, 2 fits better"), or that replace one ("Not 1 but 2.")."""
        result = set()
        for last, use in zip((None, *uses), uses, strict=False):
            between = text[last.end : use.start] if last else ""
            if use.denied or use.name not in self.marks or (last and self.joined.match(between)):
                continue
            denied = last is not None and last.denied and last.name != use.name and not _SENTENCE_END.search(between)
            if self._is_preferred(text, use.end) or (denied and self.tail.match(text, use.end)):
                result.add(use.name)
        return result


def _is_quoted(text: str, start: int, end: int) -> bool:
    return bool(_QUOTE_ENDS.match(text, end) and _QUOTE_BEGINS.search(text[max(0, start - 2) : start]))


_reader = functools.lru_cache(maxsize=256)(_Reader)


def _spellings(word: str, language: str, by_word: Mapping[str, str]) -> list[str]:
    """The word and its other spellings that are no label of their own."""
    rows = [folded(row, language).split("|") for row in SPELLINGS.get(language, "").split(" · ")]
    return [word, *(form for row in rows if word in row for form in row if form not in by_word)]


def _label_pattern(word: str, language: str, others: Sequence[str]) -> str:
    """A label's word or words in all their forms, apart from the letters around it and from ``others``' beginnings."""
    if "\u1681" <= word <= "\u169a":  # `folding.letter`
        return word
    if word.isdecimal():
        behind = "" if language in NO_WORD_SPACES | {"ko"} else rf"(?!{LETTER})"
        return rf"(?<![\d/\-])(?<!\d[:.,]){word}(?![\d/%]|[.,:]\d){behind}"
    pieces = re.split(r"([\s‐‑-]+)", word)
    pattern = "".join(r"[\s‐‑-]+" if index % 2 else forms(piece, language) for index, piece in enumerate(pieces))
    if language in NO_WORD_SPACES:  # "答えはいいえ" holds no "はい"
        longer = [other for other in others if len(other) > len(word)]
        ahead = [o[n:] for o in longer for n in range(1, len(word)) if word.endswith(o[:n])]
        return pattern + "".join(f"(?!{re.escape(rest)})" for rest in ahead)
    joined = {"ar": "[فو]", "he": "ו"}.get(language)
    prefix = rf"(?<=(?<!{LETTER}){joined})" if joined else "(?!)"
    copula = rf"|(?=(?:{ENDINGS['ko']}){{1,2}}(?!{LETTER}))" if language == "ko" else ""
    return rf"(?:(?<!{LETTER})|{prefix})(?:{pattern})(?:(?!{LETTER}){copula})"
