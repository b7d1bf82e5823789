"""The patterns by which `labels` finds a task's labels in a text: what a label looks like, what may stand around it
where it is stated, and what denies it or leaves it open."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping, Sequence

from mslt_it.evaluation.answers.choices import (
    CHOSEN,
    EXCEPT,
    IT_IS,
    ONE_OF,
    OPTIONS,
    ORDINALS,
    POINTERS,
    REJECTED,
    REMAINS,
    THAN,
)
from mslt_it.evaluation.answers.folding import fold_pattern, folded, letter
from mslt_it.evaluation.answers.inflections import forms
from mslt_it.evaluation.answers.numerals import NO_WORD_SPACES
from mslt_it.evaluation.answers.substitutes import (
    AT_FIRST,
    CORRECTIONS,
    RELATIONS,
    SPELLINGS,
    SUBJECTS,
    TWO_SENTENCES,
    UNDECIDED,
    WHETHER,
    ordinals,
    other_words,
)
from mslt_it.evaluation.answers.tables import table, words_of
from mslt_it.evaluation.answers.words import (
    ABOUT,
    ANSWERED,
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
    VERB_FINAL_NO,
    VERDICTS,
    compiled,
    either,
)
from mslt_it.problems import Problem

# Words for yes, no and maybe, which sentences use without answering anything, by language.
FUNCTION_WORDS: Mapping[str, frozenset[str]] = words_of("function_words")
# Those that hardly any sentence has but as an answer: they count at the very end, too ("My answer will be yes.").
FIRM_WORDS: Mapping[str, str] = table("firm_words")
VERB_FINAL = frozenset({"bn", "hi", "ta", "te", "tr", "ur"})
ARTICLES = "(?:the|die|der|das|la|les?|el|il|lo|[oa]|το|η|ο)"  # of options: "1, la 3 y la 4"
NUM_PLAIN, MAYBE = 3, 2  # places in the rows of `SYNONYMS`: yes, no, maybe are ordinary words
OtherWords = Mapping[str, tuple[int, list[str]]]


class Patterns:
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
        spelled = {name: _spellings(words[name], language, by_word) for name in self.names}
        if said is not None:  # a reader of other words for the labels: "True" for yes
            spelled = {name: said[name][1] for name in self.names if name in said and said[name][1]}
            self.names, self.plain = list(spelled), {name for name in spelled if said[name][0] < NUM_PLAIN}
            self.firm = set()
        every = [form for forms_ in spelled.values() for form in forms_]
        patterns = [_label_pattern(spelled[name], language, every) for name in self.names]
        # Names whose words are digits or letters: the tables of `choices` are for them.
        self.marks = set(words) if self.lettered else {name for name, word in words.items() if word.isdecimal()}
        self.is_verdict = said is not None or (language == "vi" and not self.marks)  # where yes is "true"
        # A label anywhere; group i + 1 is label i.
        self.uses = compiled("|".join(f"({pattern})" for pattern in patterns))
        around = Around(language, marks=bool(self.marks))
        anywhere = "|".join(patterns)
        self._of_what_precedes(around)
        self._of_what_follows(around, anywhere)
        self._of_choices(around, words)
        self._of_denials(around)
        self._of_several(around, anywhere)
        self._of_cues(around, anywhere)
        self._of_other_words(around, words, dict(zip(self.names, patterns, strict=True)))

    def _of_what_precedes(self, a: Around) -> None:
        # What may precede a label that stands alone; the same within a sentence: ", so "; the name of a field.
        self.alone = compiled(a.begin + "$")
        pause = "" if a.is_dense else rf"[,;{PAUSES}—–]"
        concluded = rf"{pause}\s*(?:{a.so}|{a.but})[,،、:]?\s*{OPEN}{a.surely}(?:{a.options}{OPEN})?"
        surely_thai = rf"|(?:{a.sure}){a.gap}" if self.language == "th" else ""
        self.so = compiled(rf"(?:{concluded}|(?:{a.answer})\s*(?:(?:{a.so})\s*)?{OPEN}{a.surely}{surely_thai})\Z")
        self.concluding = compiled(rf"{a.apart}(?:{a.so})[,،、:]?\s*{OPEN}{a.surely}(?:{a.options}{OPEN})?\Z")
        self.colon = compiled(rf"\S{CLOSE}\s?[:;·{a.listing}]\s*{a.begin}\Z")
        self.field = compiled(rf"{OPEN}[^\d\W]{LETTER}*(?:[ ]{LETTER}+){{0,3}}{CLOSE}\s?[:：]{a.begin}$")
        self.pointed = compiled(rf"{a.pointers}\s*[\"'(]?\Z")
        self.option = compiled(rf"(?:{a.options})\s*[\"'(]?\Z")

    def _of_what_follows(self, a: Around, anywhere: str) -> None:
        bracket = rf"\){CLOSE}" if self.language in NO_WORD_SPACES else rf"\){CLOSE}\s"
        closed = rf"(?<=[\d\u1681-\u169a]){bracket}"
        closed += rf"|(?:{a.ending}|\s(?:{a.sure})(?=[\s.!{STOPS}]*$))?{CLOSE}(?:{a.ending})?"
        # "A and not B", "AであってBではない"
        not_that = (
            rf"[,،、;]?\s*(?:{a.joiner}|{a.but}|而|chứ)?\s*(?:{a.no_before})\s*(?:{a.options})?{OPEN}(?:{anywhere})"
            if a.no_before
            else "(?!)"
        )
        if a.no_behind:
            and_ = r"(?:이고|이지|であって|であり|で)?[,、]?\s*"
            not_that += rf"|(?:{a.ending})?[,、،]?\s*{and_}{OPEN}(?:{anywhere}){CLOSE}\s*(?:{a.no_behind})"
        spaced = r"|\s" if self.language == "th" else ""  # a space is Thai's comma
        self.not_that = compiled(rf"{CLOSE}\s*(?:{not_that})")
        self.tail_of_digit = compiled(rf"{closed}(?:{PAUSE}|\s*(?:{a.because}|{a.than}|{not_that}))")
        self.tail = compiled(rf"{closed}(?:{PAUSE}|\s*(?:{a.because}|{not_that}){spaced})")
        self.full_stop = compiled(rf"(?:{a.ending})?{CLOSE}(?:{a.ending})?[\s.!{STOPS}]*{CLOSE}\s*$")
        # "Maybe is the only honest answer", "शायद कहूँगा"
        one_of = a.fold(either(ONE_OF, self.language))
        is_answer = rf"(?:{a.link})\s(?:(?!{a.no_before})\w+\s){{0,3}}?(?:{one_of})"
        answered = a.fold(ANSWERED.get(self.language, "(?!)"))
        self.answered = compiled(rf"{CLOSE}\s*(?:{answered}|{is_answer})")

    def _of_choices(self, a: Around, words: Mapping[str, str]) -> None:
        # "2 is more likely", but not "2 is not more likely".
        denial = "".join(rf"(?!\w*\s*(?:{side}))" for side in (a.no_before, a.no_behind) if side)
        chosen = rf"(?:{a.ending})?{CLOSE}\s*(?:(?:{a.answer})\s)?"
        chosen += rf"(?:{a.fold(either(CHOSEN, self.language))}|{a.remains[1]}){denial}"
        self.chosen = compiled(chosen)
        self.remaining = compiled(rf"{a.apart}(?:{a.remains[0]})\s(?:{a.options}\s*)?{OPEN}\Z")
        final = r"|\s" if self.language in VERB_FINAL else ""
        one_of = a.fold(ONE_OF[self.language]) if self.language in ONE_OF else a.cue
        told = rf"(?:{a.cue}|{one_of})[^\n:=.,;]{{0,30}}?(?:[:=—–]|{a.link}{final})"
        nths = ORDINALS.get(self.language, ())
        # "la segunda" alone
        article = "" if a.is_dense else rf"(?!\w{{1,3}} (?:{'|'.join(map(a.fold, nths)) or '(?!)'}))"
        told += rf"|{a.apart}{article}(?:{a.but}|{a.pointing}|{a.answer}|{a.remains[0]}{a.it_is})"
        ends = a.because, a.ending, a.surely
        self.ordinals = ordinals(words, self.language, a.fold, chosen, told, *ends) if self.marks else []
        self.nths = [compiled(a.fold(nth)) for nth in nths[: len(words)]]

    def _of_denials(self, a: Around) -> None:
        afar, rejected, excepted = (a.both(rows) for rows in (DENIED_AFAR, REJECTED, EXCEPT))
        soon = rf"(?:(?!{a.because})[^.!?;:,–—(\n{STOPS}{PAUSES}]){{0,24}}?"
        self.rejected_before = compiled(rf"(?:{rejected[1]}|{a.than})[^\S\n]*(?:\w{{1,3}} )?(?:{a.options})?{OPEN}\Z")
        self.rejecting = compiled("|".join(filter(None, rejected)))
        self.excepted = (
            compiled(rf"(?:{excepted[0] or '(?!)'})\s*(?:{a.options})?{OPEN}\Z"),
            compiled(rf"{CLOSE}\s?(?:{excepted[1] or '(?!)'})"),
        )
        self.rejected_behind = compiled(rf"{soon}(?:{rejected[0]})")
        self.denied_afar_before = compiled(rf"(?:{afar[0]}){a.clause}*\Z")
        self.denied_afar_behind = compiled(rf"{a.clause}{{0,20}}(?:{afar[1]})") if afar[1] else None
        # \Z, since $ is also the end of each line before; and never over a line's end: "It does not\nAnswer: 1".
        about, no = a.fold(either(ABOUT, self.language)), rf"(?:{a.no_behind}){a.behind_end}"
        self.denied_before = compiled(
            rf"(?:{a.no_before})[^\S\n]*(?:(?:{a.options}|{about})[^\S\n]*)?[\"'“„«「]*[^\S\n]*\Z"
        )
        self.denied_behind = compiled(rf"[\s\"'”“»」]*{no}") if a.no_behind else None
        self.denied_soon = compiled(rf"{a.clause}{{0,24}}{no}") if a.no_behind else None
        self.negated = compiled(rf"(?:{a.no_before}){a.clause}{{0,40}}\Z")
        self.instead = compiled(rf"{CLOSE}\s*[,،;–—]?\s*(?:{a.but}){a.behind_end}{a.clause}{{0,30}}")

    def _of_several(self, a: Around, anywhere: str) -> None:
        article = rf"(?:{a.options}|{ARTICLES} )?"
        self.joined = compiled(rf"{CLOSE}\s*(?:{a.joiner})\s*{article}{OPEN}$")
        self.listed = compiled(rf"{CLOSE}\s*[,،、{a.listing}]\s*(?:{a.joiner})?\s*{article}{OPEN}$")
        self.open_list = compiled(
            rf"{CLOSE}\s*(?:[,،、]?\s*(?:{a.joiner})\s*|/|\|){OPEN}(?:{anywhere})"
            rf"|{CLOSE}\s*[,،、{a.listing}]{OPEN}(?:{anywhere}){CLOSE}\s*(?:[,،、/?]|(?:{a.joiner})(?!{LETTER})|[.{STOPS}]*\s*$)"
            rf"|{CLOSE}\s*(?:{a.joiner})\s*\Z"  # broken off
        )
        # "The second sentence is true whenever the first is" speaks of the two, and gives no verdict.
        line = rf"[^.!?{STOPS}\n]{{0,80}}?"
        self.of_two = None
        if self.is_verdict:
            two = a.fold(ORDINALS[self.language][1])
            two += f"|{a.fold(TWO_SENTENCES[self.language])}" if self.said is not None else ""
            self.of_two = compiled(rf"(?:{two}){line}\Z"), compiled(rf"{line}(?:{two})")

    def _of_cues(self, a: Around, anywhere: str) -> None:
        topics = f"|{a.fold(either(SUBJECTS, self.language))}" if self.is_verdict else ""
        unspaced = "|" if self.language in NO_WORD_SPACES and self.said is not None else ""
        one_of = a.fold(ONE_OF[self.language]) if self.language in ONE_OF else a.cue
        self.cue = compiled(
            rf"\\boxed|(?:{a.cue}{topics})(?:(?:(?!{anywhere})[^\n:=.,;。]){{0,30}}?(?:[:：=＝]|{a.link})|(?=\s{unspaced}))"
            rf"|(?:{a.options}|{one_of})(?:\s(?!{anywhere})[^\W\d]+){{0,2}}\s*(?:{a.link})"
        )
        taken = a.fold(either(CORRECTIONS, self.language))
        self.correction = compiled(
            rf"[.,;:!?—–({STOPS}{PAUSES}{a.listing}\n-][^\S\n]{{0,3}}(?:{taken}){a.behind_end}[\s,،、:.!—–-]*"
            # "wait, no, maybe": the last word of the correction
            rf"(?:{OPEN}(?:{anywhere}){CLOSE}[\s,،、.!…—–-]+(?=(?:(?:{a.but})\s)?{OPEN}(?:{anywhere}){CLOSE}(?:{a.ending})?[.!{STOPS}]*\s*$))?"
            rf"|(?:{a.fold(either(AT_FIRST, self.language))})[,،、]?(?:(?!{anywhere}){a.clause}){{1,40}}?(?:{anywhere})"
        )
        self.whether = compiled(rf"(?:{a.fold(either(WHETHER, self.language))}){a.clause}*\Z")

    def _of_other_words(self, a: Around, words: Mapping[str, str], patterns: Mapping[str, str]) -> None:
        others = other_words(words, self.language, a.fold) if self.said is None and not self.marks else {}
        self.other_words = others if any(row for _, row in others.values()) else None
        self.maybe = next((name for name, (index, _) in others.items() if index == MAYBE), None)
        yes_no = {index: name for name, (index, _) in others.items() if index < MAYBE} if len(others) > 1 else {}
        self.relations = [
            (name, yes_no[1 - index], compiled(a.fold(RELATIONS[self.language][index])))
            for index, name in yes_no.items()
        ]
        if self.maybe:
            maybe = patterns[self.maybe]
            self.undecided = compiled(a.fold(either(UNDECIDED, self.language)))
            self.maybe_twice = compiled(
                rf"({maybe})[^\n.!?;{STOPS}]{{1,30}}?(?:\b|(?<=ו)|[,;،])\s*(?:{maybe})[^\n.!?;,،{STOPS}]{{0,30}}"
            )


class Around:
    """What stands around labels in a language, as fragments of the patterns of `Patterns`; ``marks``: labels are digits
    or letters."""

    def __init__(self, language: str, *, marks: bool) -> None:
        self.language = language
        self.is_dense = language in NO_WORD_SPACES | {"ko"}  # nothing tells where a word ends
        self.fold = fold = functools.partial(fold_pattern, language=language)
        self.apart = "" if language in NO_WORD_SPACES | {"ar", "he", "ko"} else rf"(?<!{LETTER})"
        # "ではない" may go on as "ではないと思う", "아니" as "아니다".
        self.behind_end = "" if self.is_dense else rf"(?!{LETTER})"
        self.gap = r"\s*" if language in NO_WORD_SPACES else r"\s+"
        self.listing = " " if language == "th" else ""
        self.clause = rf"[^.!?,;:–—{STOPS}{PAUSES}\n{self.listing}]"
        self.ending = rf"(?:\s?(?:{fold(ENDINGS[language])})){{1,3}}" if language in ENDINGS else "(?!)"
        self.so, self.because, self.than, self.joiner, self.sure, self.but, self.answer = (
            fold(either(rows, language)) for rows in (CONCLUSIONS, BECAUSE, THAN, JOINERS, ASSURED, CONTRAST, ANSWERING)
        )
        self.no_before, self.no_behind = self.both(NEGATION)
        self.remains = self.both(REMAINS)
        cues = [CUES[code] for code in dict.fromkeys((language, "en")) if code in CUES]
        self.cue = fold("|".join([*(cue for cue, _ in cues), either(VERDICTS, language)]))
        self.link = fold("|".join(link for _, link in cues if link))
        nouns = either(OPTIONS, language) + (f"|{ONE_OF[language]}" if marks and language in ONE_OF else "")
        self.options = rf"(?:{fold(nouns)})\s*(?:#|n[or°]\.?|n\.|nº)?"
        self.it_is = f"|{fold(either(IT_IS, language))}" if marks else ""
        self.pointing = fold(POINTERS.get(language, "(?!)"))
        self.pointers = rf"{self.apart}(?:{self.pointing}|{self.remains[0]}{self.it_is})"
        self.surely = rf"(?:(?:{self.sure})[,،、]?{self.gap}(?:an? )?)?"
        item = "" if marks else r"(?:\(?(?:[a-d]|\d{1,2})[.)]\s)?"  # of a list
        self.begin = rf"{OPEN}{item}(?:(?:{self.so})[,،、:]?\s*)?{OPEN}{self.surely}"
        self.begin += rf"(?:(?:{self.options}|{self.pointers}){OPEN})?"

    def both(self, rows: Mapping[str, Sequence[str]]) -> tuple[str, str]:
        one, two = (
            self.fold(either({code: row[side] for code, row in rows.items()}, self.language)) for side in (0, 1)
        )
        return one, two


def _spellings(word: str, language: str, by_word: Mapping[str, str]) -> list[str]:
    """The word and its other spellings that are no label of their own."""
    rows = [folded(row, language).split("|") for row in SPELLINGS.get(language, "").split(" · ")]
    return [word, *(form for row in rows if word in row for form in row if form not in by_word)]


def _label_pattern(spelled: Sequence[str], language: str, others: Sequence[str]) -> str:
    """A label's words in all their forms, apart from the letters around them and from ``others``' beginnings."""
    if "\u1681" <= (word := spelled[0]) <= "\u169a":  # `folding.letter`
        return word
    if word.isdecimal():
        behind = "" if language in NO_WORD_SPACES | {"ko"} else rf"(?!{LETTER})"
        return rf"(?<![\d/])(?<![^א-ת]-)(?<!\d[:.,]){word}(?![\d/%]|[.,:]\d){behind}"
    # One ending for all that have it: the pattern stands in many others, and Turkish endings are long.
    alike = itertools.groupby((_forms(word, language, others) for word in spelled), key=lambda form: form[1])
    pattern = "|".join(f"(?:{'|'.join(stem for stem, _ in group)}){ending}" for ending, group in alike)
    if language in NO_WORD_SPACES:
        return pattern
    joined = {"ar": "[فوب]", "he": "ו"}.get(language)
    prefix = rf"(?<=(?<!{LETTER}){joined})" if joined else "(?!)"
    copula = rf"|(?=(?:{ENDINGS['ko']}){{1,2}}(?!{LETTER}))" if language == "ko" else ""
    return rf"(?:(?<!{LETTER})|{prefix})(?:{pattern})(?:(?!{LETTER}){copula})"


def _forms(word: str, language: str, others: Sequence[str]) -> tuple[str, str]:
    """(pattern, pattern of what may end it) of a word, or words, in all forms."""
    *before, last = re.split(r"([\s‐‑-]+)", word)
    pattern = "".join(r"[\s‐‑-]+" if i % 2 else "".join(forms(piece, language)) for i, piece in enumerate(before))
    stem, ending = forms(last, language)
    if language in NO_WORD_SPACES:  # "答えはいいえ" holds no "はい"
        longer = [other for other in others if len(other) > len(word)]
        ahead = [o[n:] for o in longer for n in range(1, len(word)) if word.endswith(o[:n])]
    else:
        ahead = [other[len(word) :] for other in others if other.startswith(f"{word} ")]
    return pattern + stem, ending + "".join(f"(?!{re.escape(rest)})" for rest in ahead)
