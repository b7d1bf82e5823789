"""English."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

PLURAL = {
    "man": "men", "woman": "women", "boy": "boys", "girl": "girls", "person": "people",
    "dog": "dogs", "cat": "cats", "horse": "horses", "cow": "cows", "animal": "animals",
    "apple": "apples", "orange": "oranges", "banana": "bananas", "lemon": "lemons", "fruit": "fruits",
    "potato": "potatoes", "onion": "onions", "carrot": "carrots", "cabbage": "cabbages", "vegetable": "vegetables",
    "car": "cars", "bus": "buses", "bicycle": "bicycles", "truck": "trucks", "vehicle": "vehicles",
    "hammer": "hammers", "saw": "saws", "axe": "axes", "shovel": "shovels", "tool": "tools",
}  # fmt: skip
# Finding and losing happen in a moment: "has found", for "is finding" is never said.
PARTICIPLE = {
    "sit": "sitting", "stand": "standing", "sleep": "sleeping", "run": "running", "laugh": "laughing",
    "cry": "crying", "buy": "buying", "sell": "selling", "find": "found", "lose": "lost",
    "hide": "hiding", "show": "showing",
}  # fmt: skip
PLACE = {
    "garden": "in the garden", "house": "in the house", "beach": "on the beach", "street": "in the street",
    "market": "at the market", "park": "in the park", "school": "at the school", "forest": "in the forest",
}  # fmt: skip
MOMENT = ("find", "lose")
NUMBER = {2: "two", 3: "three", 4: "four", 5: "five"}
VOWELS = "aeio"  # every world noun in u- is spelled out here: none


class English(Grammar):
    code = "en"
    yes, no, maybe = "Yes", "No", "Maybe"

    def statement(self, clause: Clause) -> list[str]:
        if clause.subject.number:  # an indefinite subject: "there are"
            return ["there", "are", *self._subject(clause.subject), *self._rest(clause)]
        return [*self._subject(clause.subject), self._finite(clause), *self._rest(clause)]

    def question(self, clause: Clause) -> list[str]:
        if clause.subject.number:
            return ["are", "there", *self._subject(clause.subject), *self._rest(clause)]
        return [self._finite(clause), *self._subject(clause.subject), *self._rest(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [self._a(noun), noun, "is", self._a(class_noun), class_noun]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [adjective, "is", "the", "opposite", "of", opposite]

    def citation(self, concept: str) -> list[str]:
        return [NUMBER[int(concept)]] if concept.isdigit() else [concept]

    def _subject(self, phrase: NounPhrase) -> list[str]:
        if phrase.number:
            return [NUMBER[phrase.number], PLURAL[phrase.noun]]
        return ["the", *([phrase.adjective] if phrase.adjective else []), phrase.noun]

    def _finite(self, clause: Clause) -> str:
        return "has" if clause.verb in MOMENT else "is"

    def _rest(self, clause: Clause) -> list[str]:
        words = [PARTICIPLE[clause.verb]] if clause.verb else []
        if clause.object:
            words += self._subject(clause.object)
        return words + (PLACE[clause.place].split() if clause.place else [])

    def _a(self, noun: str) -> str:
        return "an" if noun[0] in VOWELS else "a"


GRAMMAR = English()
