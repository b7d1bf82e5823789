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
        fold = functools.partial(fold_pattern, language=language)
        spelled = {name: _spellings(words[name], language, by_word) for name in self.names}
        if said is not None:  # a reader of other words for the labels: "True" for yes
            spelled = {name: said[name][1] for name in self.names if name in said and said[name][1]}
            self.names, self.plain = list(spelled), {name for name in spelled if said[name][0] < NUM_PLAIN}
            self.firm = set()
        every = [form for forms_ in spelled.values() for form in forms_]
        patterns = [_label_pattern(spelled[name], language, every) for name in self.names]
        anywhere = "|".join(patterns)
        # Names whose words are digits or letters: the tables of `choices` are for them.
        self.marks = set(words) if self.lettered else {name for name, word in words.items() if word.isdecimal()}
        apart = "" if language in NO_WORD_SPACES | {"ar", "he", "ko"} else rf"(?<!{LETTER})"
        remains = [either({code: row[side] for code, row in REMAINS.items()}, language) for side in (0, 1)]
        it_is = f"|{fold(either(IT_IS, language))}" if self.marks else ""
        self.is_verdict = said is not None or (language == "vi" and not self.marks)  # where yes is "true"
        topics, unspaced = "", "|" if language in NO_WORD_SPACES and said is not None else ""
        if self.is_verdict:
            topics = f"|{fold(either(SUBJECTS, language))}"
        pointers = rf"{apart}(?:{fold(POINTERS.get(language, '(?!)'))}|{fold(remains[0])}{it_is})"
        nouns = either(OPTIONS, language) + (f"|{ONE_OF[language]}" if self.marks and language in ONE_OF else "")
        options = rf"(?:{fold(nouns)})\s*(?:#|n[or°]\.?|n\.|nº)?"
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
        self.so = compiled(rf"(?:{concluded}|(?:{answer})\s*(?:(?:{so})\s*)?{OPEN}{surely}{surely_thai})\Z")
        self.concluding = compiled(rf"{apart}(?:{so})[,،、:]?\s*{OPEN}{surely}(?:{options}{OPEN})?\Z")
        self.colon = compiled(rf"\S{CLOSE}\s?[:;·{listing}]\s*{begin}\Z")
        self.field = compiled(rf"{OPEN}[^\d\W]{LETTER}*(?:[ ]{LETTER}+){{0,3}}{CLOSE}\s?[:：]{begin}$")
        # What may follow it.
        bracket = rf"\){CLOSE}" if language in NO_WORD_SPACES else rf"\){CLOSE}\s"
        closed = rf"(?<=[\d\u1681-\u169a]){bracket}|(?:{ending}|\s(?:{sure})(?=[\s.!{STOPS}]*$))?{CLOSE}(?:{ending})?"
        # "A and not B", "AであってBではない"
        not_that = (
            rf"[,،、;]?\s*(?:{joiner}|{but}|而|chứ)?\s*(?:{fold(before)})\s*(?:{options})?{OPEN}(?:{anywhere})"
            if before
            else "(?!)"
        )
        if behind:
            and_ = r"(?:이고|이지|であって|であり|で)?[,、]?\s*"
            not_that += rf"|(?:{ending})?[,、،]?\s*{and_}{OPEN}(?:{anywhere}){CLOSE}\s*(?:{fold(behind)})"
        self.not_that = compiled(rf"{CLOSE}\s*(?:{not_that})")
        self.tail_of_digit = compiled(rf"{closed}(?:{PAUSE}|\s*(?:{because}|{than}|{not_that}))")
        self.tail = compiled(rf"{closed}(?:{PAUSE}|\s*(?:{because}|{not_that}){spaced})")
        self.full_stop = compiled(rf"(?:{ending})?{CLOSE}(?:{ending})?[\s.!{STOPS}]*{CLOSE}\s*$")
        # "2 is more likely", but not "2 is not more likely".
        denial = "".join(rf"(?!\w*\s*(?:{fold(side)}))" for side in (before, behind) if side)
        chosen = rf"(?:{ending})?{CLOSE}\s*(?:(?:{answer})\s)?"
        chosen += rf"(?:{fold(either(CHOSEN, language))}|{fold(remains[1])}){denial}"
        self.chosen = compiled(chosen)
        # "Maybe is the only honest answer", "शायद कहूँगा"
        is_answer = rf"(?:{fold(link)})\s(?:(?!{fold(before)})\w+\s){{0,3}}?(?:{fold(either(ONE_OF, language))})"
        self.answered = compiled(rf"{CLOSE}\s*(?:{fold(ANSWERED.get(language, '(?!)'))}|{is_answer})")
        self.remaining = compiled(rf"{apart}(?:{fold(remains[0])})\s(?:{options}\s*)?{OPEN}\Z")
        self.pointed = compiled(rf"{pointers}\s*[\"'(]?\Z")
        afar = [fold(either({code: row[side] for code, row in DENIED_AFAR.items()}, language)) for side in (0, 1)]
        clause = rf"[^.!?,;:–—{STOPS}{PAUSES}\n{' ' if language == 'th' else ''}]"
        rejected = [fold(either({code: row[side] for code, row in REJECTED.items()}, language)) for side in (0, 1)]
        soon = rf"(?:(?!{because})[^.!?;:,–—(\n{STOPS}{PAUSES}]){{0,24}}?"
        self.rejected_before = compiled(rf"(?:{rejected[1]}|{than})[^\S\n]*(?:\w{{1,3}} )?(?:{options})?{OPEN}\Z")
        self.rejecting = compiled("|".join(filter(None, rejected)))
        excepted = [
            fold(either({code: row[side] for code, row in EXCEPT.items()}, language)) or "(?!)" for side in (0, 1)
        ]
        self.excepted = (
            compiled(rf"(?:{excepted[0]})\s*(?:{options})?{OPEN}\Z"),
            compiled(rf"{CLOSE}\s?(?:{excepted[1]})"),
        )
        self.rejected_behind = compiled(rf"{soon}(?:{rejected[0]})")
        self.denied_afar_before = compiled(rf"(?:{afar[0]}){clause}*\Z")
        self.denied_afar_behind = compiled(rf"{clause}{{0,20}}(?:{afar[1]})") if afar[1] else None
        # \Z, since $ is also the end of each line before; and never over a line's end: "It does not\nAnswer: 1".
        about = fold(either(ABOUT, language))
        self.denied_before = compiled(
            rf"(?:{fold(before)})[^\S\n]*(?:(?:{options}|{about})[^\S\n]*)?[\"'“„«「]*[^\S\n]*\Z"
        )
        self.denied_behind = compiled(rf"[\s\"'”“»」]*(?:{fold(behind)}){behind_end}") if behind else None
        self.negated = compiled(rf"(?:{fold(before)}){clause}{{0,40}}\Z")
        self.instead = compiled(rf"{CLOSE}\s*[,،;–—]?\s*(?:{but}){behind_end}{clause}{{0,30}}")
        self.joined = compiled(rf"{CLOSE}\s*(?:{joiner})\s*(?:{options}|{ARTICLES} )?{OPEN}$")
        self.listed = compiled(rf"{CLOSE}\s*[,،、{listing}]\s*(?:{joiner})?\s*(?:{options}|{ARTICLES} )?{OPEN}$")
        self.open_list = compiled(
            rf"{CLOSE}\s*(?:[,،、]?\s*(?:{joiner})\s*|/|\|){OPEN}(?:{anywhere})"
            rf"|{CLOSE}\s*[,،、{listing}]{OPEN}(?:{anywhere}){CLOSE}\s*(?:[,،、/?]|(?:{joiner})(?!{LETTER})|$)"
        )
        final = r"|\s" if language in VERB_FINAL else ""
        one_of = fold(ONE_OF.get(language, cue))
        told = rf"(?:{fold(cue)}|{one_of})[^\n:=.,;]{{0,30}}?(?:[:=—–]|{fold(link)}{final})"
        nths = "|".join(map(fold, ORDINALS.get(language, ("(?!)",))))
        article = "" if language in NO_WORD_SPACES | {"ko"} else rf"(?!\w{{1,3}} (?:{nths}))"  # "la segunda" alone
        pointing = fold(POINTERS.get(language, "(?!)"))
        told += rf"|{apart}{article}(?:{but}|{pointing}|{answer}|{fold(remains[0])}{it_is})"
        self.ordinals = ordinals(words, language, fold, chosen, told, because, ending, surely) if self.marks else []
        self.nths = [compiled(fold(nth)) for nth in ORDINALS.get(language, ())[: len(words)]]
        self.option = compiled(rf"(?:{options})\s*[\"'(]?\Z")
        self.cue = compiled(
            rf"\\boxed|(?:{fold(cue)}{topics})(?:(?:(?!{anywhere})[^\n:=.,;。]){{0,30}}?(?:[:：=＝]|{fold(link)})|(?=\s{unspaced}))"
            rf"|(?:{options}|{one_of})(?:\s(?!{anywhere})[^\W\d]+){{0,2}}\s*(?:{fold(link)})"
        )
        taken = fold(either(CORRECTIONS, language))
        self.correction = compiled(
            rf"[.,;:!?—–({STOPS}{PAUSES}{listing}\n-][^\S\n]{{0,3}}(?:{taken}){behind_end}[\s,،、:.!—–-]*"
            # "wait, no, maybe": the last word of the correction
            rf"(?:{OPEN}(?:{anywhere}){CLOSE}[\s,،、.!…—–-]+(?=(?:(?:{but})\s)?{OPEN}(?:{anywhere}){CLOSE}(?:{ending})?[.!{STOPS}]*\s*$))?"
            rf"|(?:{fold(either(AT_FIRST, language))})[,،、]?(?:(?!{anywhere}){clause}){{1,40}}?(?:{anywhere})"
        )
        self.whether = compiled(rf"(?:{fold(either(WHETHER, language))}){clause}*\Z")
        # "The second sentence is true whenever the first is" speaks of the two, and gives no verdict.
        two = fold(ORDINALS[language][1]) + (f"|{fold(TWO_SENTENCES[language])}" if said is not None else "")
        line = rf"[^.!?{STOPS}\n]{{0,80}}?"
        self.of_two = (compiled(rf"(?:{two}){line}\Z"), compiled(rf"{line}(?:{two})")) if self.is_verdict else None
        others = other_words(words, language, fold) if said is None and not self.marks else {}
        self.other_words = others if any(row for _, row in others.values()) else None
        self.maybe = next((name for name, (index, _) in others.items() if index == MAYBE), None)
        yes_no = {index: name for name, (index, _) in others.items() if index < MAYBE} if len(others) > 1 else {}
        self.relations = [
            (name, yes_no[1 - index], compiled(fold(RELATIONS[language][index]))) for index, name in yes_no.items()
        ]
        self.denied_soon = compiled(rf"{clause}{{0,24}}(?:{fold(behind)}){behind_end}") if behind else None
        if self.maybe:
            maybe = patterns[self.names.index(self.maybe)]
            self.undecided = compiled(fold(either(UNDECIDED, language)))
            self.maybe_twice = compiled(
                rf"({maybe})[^\n.!?;{STOPS}]{{1,30}}?(?:\b|(?<=ו)|[,;،])\s*(?:{maybe})[^\n.!?;,،{STOPS}]{{0,30}}"
            )


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
