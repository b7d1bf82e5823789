"""Bulgarian. The definite article is a suffix on the first word of the noun phrase; here it is a glued word."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# gender (mp: a male person, counted with двама, трима, ...), singular, the form after a numeral.
# Masculine things have a count form in -а or -я, written like the short article: портокал +а.
NOUN = {
    "man": ("mp", "мъж", "мъже"), "woman": ("f", "жена", "жени"), "boy": ("n", "момче", "момчета"),
    "girl": ("n", "момиче", "момичета"), "person": ("mp", "човек", "души"),
    "dog": ("n", "куче", "кучета"), "cat": ("f", "котка", "котки"), "horse": ("m", "кон", "кон +я"),
    "cow": ("f", "крава", "крави"), "animal": ("n", "животно", "животни"),
    "apple": ("f", "ябълка", "ябълки"), "orange": ("m", "портокал", "портокал +а"),
    "banana": ("m", "банан", "банан +а"), "lemon": ("m", "лимон", "лимон +а"), "fruit": ("m", "плод", "плод +а"),
    "potato": ("m", "картоф", "картоф +а"), "onion": ("m", "лук", "глави лук"),
    "carrot": ("m", "морков", "морков +а"), "cabbage": ("f", "зелка", "зелки"),
    "vegetable": ("m", "зеленчук", "зеленчук +а"),
    "car": ("f", "кола", "коли"), "bus": ("m", "автобус", "автобус +а"),
    "bicycle": ("m", "велосипед", "велосипед +а"), "truck": ("m", "камион", "камион +а"),
    "vehicle": ("n", "превозно средство", "превозни средства"),
    "hammer": ("m", "чук", "чук +а"), "saw": ("m", "трион", "трион +а"), "axe": ("f", "брадва", "брадви"),
    "shovel": ("f", "лопата", "лопати"), "tool": ("m", "инструмент", "инструмент +а"),
}  # fmt: skip
# masculine; the masculine stem before the article, feminine, neuter
ADJECTIVE = {
    "big": ("голям", "големи", "голяма", "голямо"), "small": ("малък", "малки", "малка", "малко"),
    "clean": ("чист", "чисти", "чиста", "чисто"), "dirty": ("мръсен", "мръсни", "мръсна", "мръсно"),
    "rich": ("богат", "богати", "богата", "богато"), "poor": ("беден", "бедни", "бедна", "бедно"),
    "strong": ("силен", "силни", "силна", "силно"), "weak": ("слаб", "слаби", "слаба", "слабо"),
    "expensive": ("скъп", "скъпи", "скъпа", "скъпо"), "cheap": ("евтин", "евтини", "евтина", "евтино"),
    "heavy": ("тежък", "тежки", "тежка", "тежко"), "light": ("лек", "леки", "лека", "леко"),
}  # fmt: skip
# third person; the dictionary form is the first person
VERB = {
    "sit": ("седи", "седя"), "stand": ("стои", "стоя"), "sleep": ("спи", "спя"), "run": ("тича", "тичам"),
    "laugh": ("смее", "смея се"), "cry": ("плаче", "плача"), "buy": ("купува", "купувам"),
    "sell": ("продава", "продавам"), "find": ("намира", "намирам"), "lose": ("губи", "губя"),
    "hide": ("крие", "крия"), "show": ("показва", "показвам"),
}  # fmt: skip
REFLEXIVE = ("laugh",)
PLACE = {
    "garden": ("в градина +та", "градина"), "house": ("в къща +та", "къща"), "beach": ("на плаж +а", "плаж"),
    "street": ("на улица +та", "улица"), "market": ("на пазар +а", "пазар"), "park": ("в парк +а", "парк"),
    "school": ("в училище +то", "училище"), "forest": ("в гора +та", "гора"),
}  # fmt: skip
NUMBER = {2: "две", 3: "три", 4: "четири", 5: "пет"}
NUMBER_MALE = {2: "двама", 3: "трима", 4: "четирима", 5: "петима"}


class Bulgarian(Grammar):
    code = "bg"
    yes, no, maybe = "Да", "Не", "Може би"

    def statement(self, clause: Clause) -> list[str]:
        place = self._place(clause)
        if clause.subject.number:
            return [*place, "има", *self._counted(clause.subject)]
        subject = self._definite(clause.subject, subject=True)
        if clause.verb is None:
            return [*subject, "е", *place]
        reflexive = ["се"] if clause.verb in REFLEXIVE else []
        return [*subject, *reflexive, VERB[clause.verb][0], *self._object(clause), *place]

    def question(self, clause: Clause) -> list[str]:
        place = self._place(clause)
        if clause.subject.number:
            return ["има", "ли", *self._counted(clause.subject), *place]
        subject = self._definite(clause.subject, subject=True)
        if clause.verb is None:
            # The copula does not carry "ли" in a neutral question: it follows the place.
            return [*subject, *place, "ли", "е"]
        reflexive = ["се"] if clause.verb in REFLEXIVE else []
        return [VERB[clause.verb][0], "ли", *reflexive, *subject, *self._object(clause), *place]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*self._definite(NounPhrase(noun), subject=True), "е", *self.citation(class_noun)]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [*self.citation(adjective), "е", "обратното", "на", *self.citation(opposite)]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        if concept in ADJECTIVE:
            return [ADJECTIVE[concept][0]]
        table = NOUN if concept in NOUN else PLACE if concept in PLACE else VERB
        return table[concept][1].split()

    def _definite(self, phrase: NounPhrase, subject: bool) -> list[str]:
        """The article goes to the first word; masculine -ът/-ят marks the subject, -а/-я anything else."""
        gender, noun, _ = NOUN[phrase.noun]
        words = noun.split()
        soft = phrase.noun == "horse"
        if phrase.adjective:
            soft = True  # големи +ят
            forms = ADJECTIVE[phrase.adjective]
            words = [forms[1 if gender in ("m", "mp") else 2 if gender == "f" else 3], *words]
        if gender == "f":
            article = "+та"
        elif gender == "n":
            article = "+то"
        elif subject:
            article = "+ят" if soft else "+ът"
        else:
            article = "+я" if soft else "+а"
        return [words[0], article, *words[1:]]

    def _counted(self, phrase: NounPhrase) -> list[str]:
        assert phrase.number
        gender, _, counted = NOUN[phrase.noun]
        number = (NUMBER_MALE if gender == "mp" else NUMBER)[phrase.number]
        if phrase.number == 2 and gender == "m" and phrase.noun != "onion":  # две глави лук: глава is feminine
            number = "два"
        return [number, *counted.split()]

    def _object(self, clause: Clause) -> list[str]:
        return self._definite(clause.object, subject=False) if clause.object else []

    def _place(self, clause: Clause) -> list[str]:
        return PLACE[clause.place][0].split() if clause.place else []


GRAMMAR = Bulgarian()
