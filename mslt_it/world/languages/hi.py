"""Hindi, and the sentence patterns that Urdu shares with it."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# concept: (noun, plural after a numeral, gender)
NOUN: dict[str, tuple[str, str, str]] = {
    "man": ("पुरुष", "पुरुष", "m"), "woman": ("महिला", "महिलाएँ", "f"), "boy": ("लड़का", "लड़के", "m"),
    "girl": ("लड़की", "लड़कियाँ", "f"), "person": ("व्यक्ति", "व्यक्ति", "m"),
    "dog": ("कुत्ता", "कुत्ते", "m"), "cat": ("बिल्ली", "बिल्लियाँ", "f"), "horse": ("घोड़ा", "घोड़े", "m"),
    "cow": ("गाय", "गायें", "f"), "animal": ("जानवर", "जानवर", "m"),
    "apple": ("सेब", "सेब", "m"), "orange": ("संतरा", "संतरे", "m"), "banana": ("केला", "केले", "m"),
    "lemon": ("नींबू", "नींबू", "m"), "fruit": ("फल", "फल", "m"),
    "potato": ("आलू", "आलू", "m"), "onion": ("प्याज़", "प्याज़", "m"), "carrot": ("गाजर", "गाजरें", "f"),
    "cabbage": ("पत्तागोभी", "पत्तागोभियाँ", "f"), "vegetable": ("सब्ज़ी", "सब्ज़ियाँ", "f"),
    "car": ("कार", "कारें", "f"), "bus": ("बस", "बसें", "f"), "bicycle": ("साइकिल", "साइकिलें", "f"),
    "truck": ("ट्रक", "ट्रक", "m"), "vehicle": ("वाहन", "वाहन", "m"),
    "hammer": ("हथौड़ा", "हथौड़े", "m"), "saw": ("आरी", "आरियाँ", "f"), "axe": ("कुल्हाड़ी", "कुल्हाड़ियाँ", "f"),
    "shovel": ("बेलचा", "बेलचे", "m"), "tool": ("औज़ार", "औज़ार", "m"),
}  # fmt: skip
# concept: (citation, before a masculine subject's "is", before a feminine one's). Postures are states (बैठा है);
# find and lose are over in a moment: the perfect, which agrees with the object and marks the subject with ने.
VERB: dict[str, tuple[str, str, str]] = {
    "sit": ("बैठना", "बैठा", "बैठी"), "stand": ("खड़ा होना", "खड़ा", "खड़ी"),
    "sleep": ("सो +ना", "सो रहा", "सो रही"), "run": ("दौड़ +ना", "दौड़ रहा", "दौड़ रही"),
    "laugh": ("हँस +ना", "हँस रहा", "हँस रही"), "cry": ("रो +ना", "रो रहा", "रो रही"),
    "buy": ("खरीद +ना", "खरीद रहा", "खरीद रही"), "sell": ("बेच +ना", "बेच रहा", "बेच रही"),
    "find": ("ढूँढ लेना", "ढूँढ लिया", "ढूँढ ली"), "lose": ("खो देना", "खो दिया", "खो दी"),
    "hide": ("छिपा +ना", "छिपा रहा", "छिपा रही"), "show": ("दिखा +ना", "दिखा रहा", "दिखा रही"),
}  # fmt: skip
ADJECTIVE: dict[str, tuple[str, str]] = {  # masculine, feminine
    "big": ("बड़ा", "बड़ी"), "small": ("छोटा", "छोटी"), "clean": ("साफ़", "साफ़"), "dirty": ("गंदा", "गंदी"),
    "rich": ("अमीर", "अमीर"), "poor": ("गरीब", "गरीब"), "strong": ("ताकतवर", "ताकतवर"),
    "weak": ("कमज़ोर", "कमज़ोर"), "expensive": ("महँगा", "महँगी"), "cheap": ("सस्ता", "सस्ती"),
    "heavy": ("भारी", "भारी"), "light": ("हल्का", "हल्की"),
}  # fmt: skip
PLACE: dict[str, tuple[str, str]] = {  # citation, oblique with its postposition
    "garden": ("बगीचा", "बगीचे में"), "house": ("घर", "घर के अंदर"), "beach": ("समुद्र तट", "समुद्र तट पर"),
    "street": ("सड़क", "सड़क पर"), "market": ("बाज़ार", "बाज़ार में"), "park": ("पार्क", "पार्क में"),
    "school": ("स्कूल", "स्कूल में"), "forest": ("जंगल", "जंगल में"),
}  # fmt: skip


PERFECT = ("find", "lose")


class Hindustani(Grammar):
    """Verb-final clauses: subject, place, object without को, verb agreeing with the subject (perfect: the object)."""

    nouns: dict[str, tuple[str, str, str]]
    verbs: dict[str, tuple[str, str, str]]
    adjectives: dict[str, tuple[str, str]]
    places: dict[str, tuple[str, str]]
    numbers: dict[int, str]
    be: tuple[str, str]  # is, are
    asks: str  # opens a yes/no question
    one: str
    opposite: list[str]  # "'s opposite"
    agent: str  # marks the subject of a perfect
    oblique: tuple[str, str]  # the ending of masculine words, direct and before a postposition

    def statement(self, clause: Clause) -> list[str]:
        place = self.places[clause.place][1].split() if clause.place else []
        if clause.subject.number:  # existential: place first
            plural = self.nouns[clause.subject.noun][1].split()
            return [*place, self.numbers[clause.subject.number], *plural, self.be[1]]
        thing = self._phrase(clause.object) if clause.object else []
        subject, agreeing = self._phrase(clause.subject), clause.subject
        if clause.object and clause.verb in PERFECT:
            subject, agreeing = self._agent(clause.subject), clause.object
        form = 2 if self.nouns[agreeing.noun][2] == "f" else 1
        verb = self.verbs[clause.verb][form].split() if clause.verb else []
        return [*subject, *place, *thing, *verb, self.be[0]]

    def question(self, clause: Clause) -> list[str]:
        return [self.asks, *self.statement(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*self.citation(noun), self.one, *self.citation(class_noun), self.be[0]]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        # "the opposite of big is small": words that are mentioned, not used, stay uninflected
        return [*self.citation(adjective), *self.opposite, *self.citation(opposite), self.be[0]]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [self.numbers[int(concept)]]
        tables: dict[str, tuple[str, ...]] = {**self.nouns, **self.verbs, **self.adjectives, **self.places}
        return tables[concept][0].split()

    def _agent(self, phrase: NounPhrase) -> list[str]:
        """The phrase as the subject of a perfect: लड़का -> लड़के ने."""
        words, (direct, oblique) = self._phrase(phrase), self.oblique
        if self.nouns[phrase.noun][2] == "m":
            words = [word.removesuffix(direct) + oblique if word.endswith(direct) else word for word in words]
        return [*words, self.agent]

    def _phrase(self, phrase: NounPhrase) -> list[str]:
        noun, _, gender = self.nouns[phrase.noun]
        adjective = [self.adjectives[phrase.adjective][gender == "f"]] if phrase.adjective else []
        return [*adjective, *noun.split()]


class Hindi(Hindustani):
    code = "hi"
    full_stop = "।"
    yes, no, maybe = "हाँ", "नहीं", "शायद"
    nouns, verbs, adjectives, places = NOUN, VERB, ADJECTIVE, PLACE

    def __init__(self) -> None:
        self.numbers = {2: "दो", 3: "तीन", 4: "चार", 5: "पाँच"}
        self.be, self.asks, self.one = ("है", "हैं"), "क्या", "एक"
        self.opposite = ["का", "विलोम"]
        self.agent, self.oblique = "ने", ("ा", "े")


GRAMMAR = Hindi()
