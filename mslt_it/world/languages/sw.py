"""Swahili."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# concept: singular noun class, singular, plural. Animals agree like people (class 1/2) whatever their own form.
NOUN = {
    "man": (1, "mwanamume", "wanaume"), "woman": (1, "mwanamke", "wanawake"), "boy": (1, "mvulana", "wavulana"),
    "girl": (1, "msichana", "wasichana"), "person": (1, "mtu", "watu"),
    "dog": (1, "mbwa", "mbwa"), "cat": (1, "paka", "paka"), "horse": (1, "farasi", "farasi"),
    "cow": (1, "ng'ombe", "ng'ombe"), "animal": (1, "mnyama", "wanyama"),
    "apple": (5, "tufaha", "matufaha"), "orange": (5, "chungwa", "machungwa"), "banana": (9, "ndizi", "ndizi"),
    "lemon": (5, "limau", "malimau"), "fruit": (5, "tunda", "matunda"),
    "potato": (7, "kiazi", "viazi"), "onion": (7, "kitunguu", "vitunguu"), "carrot": (9, "karoti", "karoti"),
    "cabbage": (9, "kabichi", "kabichi"), "vegetable": (9, "mboga", "mboga"),
    "car": (9, "motokaa", "motokaa"), "bus": (5, "basi", "mabasi"), "bicycle": (9, "baiskeli", "baiskeli"),
    "truck": (5, "lori", "malori"), "vehicle": (7, "chombo cha usafiri", "vyombo vya usafiri"),
    "hammer": (9, "nyundo", "nyundo"), "saw": (3, "msumeno", "misumeno"), "axe": (5, "shoka", "mashoka"),
    "shovel": (5, "beleshi", "mabeleshi"), "tool": (9, "zana", "zana"),
}  # fmt: skip
# concept: third person singular, infinitive. Postures, sleep, a thing found or lost: the -me- of a reached state.
VERB = {
    "sit": ("ameketi", "kuketi"), "stand": ("amesimama", "kusimama"), "sleep": ("amelala", "kulala"),
    "run": ("anakimbia", "kukimbia"), "laugh": ("anacheka", "kucheka"), "cry": ("analia", "kulia"),
    "buy": ("ananunua", "kununua"), "sell": ("anauza", "kuuza"), "find": ("amepata", "kupata"),
    "lose": ("amepoteza", "kupoteza"), "hide": ("anaficha", "kuficha"), "show": ("anaonyesha", "kuonyesha"),
}  # fmt: skip
# concept: the form for each singular class (only classes that can take it), or the one form of all.
ADJECTIVE: dict[str, str | dict[int, str]] = {
    "big": {1: "mkubwa", 3: "mkubwa", 5: "kubwa", 7: "kikubwa", 9: "kubwa"},
    "small": {1: "mdogo", 3: "mdogo", 5: "dogo", 7: "kidogo", 9: "ndogo"},
    "clean": "safi",
    "dirty": {1: "mchafu", 3: "mchafu", 5: "chafu", 7: "kichafu", 9: "chafu"},
    "rich": "tajiri",  # used like a noun beside the noun, as is maskini: no concord
    "poor": "maskini",
    "strong": "mwenye nguvu",  # animates only: class 1
    "weak": "dhaifu",
    "expensive": "ghali",
    "cheap": {3: "wa bei nafuu", 5: "la bei nafuu", 7: "cha bei nafuu", 9: "ya bei nafuu"},
    "heavy": {3: "mzito", 5: "zito", 7: "kizito", 9: "nzito"},
    "light": {3: "mwepesi", 5: "jepesi", 7: "chepesi", 9: "nyepesi"},
}
# concept: noun, locative phrase
PLACE = {
    # nyumbani is "at home", which the garden is too
    "garden": ("bustani", "bustanini"), "house": ("nyumba", "ndani ya nyumba"), "beach": ("ufukwe", "ufukweni"),
    "street": ("barabara", "barabarani"), "market": ("soko", "sokoni"),
    # A park is usually called some kind of bustani too: here it must not be taken for the garden.
    "park": ("uwanja wa mapumziko", "katika uwanja wa mapumziko"),
    "school": ("shule", "shuleni"), "forest": ("msitu", "msituni"),
}  # fmt: skip
COUNTING = {2: "mbili", 3: "tatu", 4: "nne", 5: "tano"}
NUMBER_STEM = {2: "wili", 3: "tatu", 4: "nne", 5: "tano"}
NUMBER_PREFIX = {1: "wa", 3: "mi", 5: "ma", 7: "vi"}  # by singular class; class 9/10 uses the counting forms
IS_AT = {1: "yuko", 3: "uko", 5: "liko", 7: "kiko", 9: "iko"}


class Swahili(Grammar):
    code = "sw"
    yes, no, maybe = "Ndiyo", "Hapana", "Labda"

    def statement(self, clause: Clause) -> list[str]:
        phrase = clause.subject
        place = PLACE[clause.place][1].split() if clause.place else []
        if phrase.number:
            return ["kuna", *self._phrase(phrase), *place]  # an indefinite subject: "there are"
        verb = VERB[clause.verb][0] if clause.verb else IS_AT[NOUN[phrase.noun][0]]
        return [*self._phrase(phrase), verb, *(self._phrase(clause.object) if clause.object else []), *place]

    def question(self, clause: Clause) -> list[str]:
        return ["je,", *self.statement(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*self.citation(noun), "ni", *self.citation(class_noun)]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [*self.citation(adjective), "ni", "kinyume", "cha", *self.citation(opposite)]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [COUNTING[int(concept)]]
        if concept in NOUN:
            return NOUN[concept][1].split()
        if concept in VERB:
            return [VERB[concept][1]]
        if concept in PLACE:
            return PLACE[concept][0].split()
        if concept == "cheap":
            return ["bei", "nafuu"]  # without the linking -a, which needs a noun
        # An adjective cited alone is said in class 9, where it has one.
        return self._adjective(concept, 9)

    def _adjective(self, adjective: str, noun_class: int) -> list[str]:
        forms = ADJECTIVE[adjective]
        return (forms if isinstance(forms, str) else forms[noun_class]).split()

    def _phrase(self, phrase: NounPhrase) -> list[str]:
        noun_class, singular, plural = NOUN[phrase.noun]
        if phrase.number:
            head, *complement = plural.split()
            prefix = NUMBER_PREFIX.get(noun_class)
            number = prefix + NUMBER_STEM[phrase.number] if prefix else COUNTING[phrase.number]
            return [head, number, *complement]  # vyombo viwili vya usafiri
        head, *complement = singular.split()
        adjective = self._adjective(phrase.adjective, noun_class) if phrase.adjective else []
        if len(adjective) > 1:
            return [head, *complement, *adjective]  # chombo cha usafiri cha bei nafuu
        return [head, *adjective, *complement]  # chombo kikubwa cha usafiri


GRAMMAR = Swahili()
