"""German."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# concept: gender, singular, plural
NOUN = {
    "man": ("m", "Mann", "Männer"), "woman": ("f", "Frau", "Frauen"), "boy": ("m", "Junge", "Jungen"),
    "girl": ("n", "Mädchen", "Mädchen"), "person": ("f", "Person", "Personen"),
    "dog": ("m", "Hund", "Hunde"), "cat": ("f", "Katze", "Katzen"), "horse": ("n", "Pferd", "Pferde"),
    "cow": ("f", "Kuh", "Kühe"), "animal": ("n", "Tier", "Tiere"),
    "apple": ("m", "Apfel", "Äpfel"), "orange": ("f", "Orange", "Orangen"), "banana": ("f", "Banane", "Bananen"),
    "lemon": ("f", "Zitrone", "Zitronen"), "fruit": ("f", "Frucht", "Früchte"),
    "potato": ("f", "Kartoffel", "Kartoffeln"), "onion": ("f", "Zwiebel", "Zwiebeln"),
    "carrot": ("f", "Karotte", "Karotten"),
    "cabbage": ("m", "Kohlkopf", "Kohlköpfe"),  # bare "Kohl" cannot be counted
    "vegetable": ("n", "Gemüse", "Stück Gemüse"),  # a mass noun: counted by pieces
    "car": ("n", "Auto", "Autos"), "bus": ("m", "Bus", "Busse"), "bicycle": ("n", "Fahrrad", "Fahrräder"),
    "truck": ("m", "Lastwagen", "Lastwagen"), "vehicle": ("n", "Fahrzeug", "Fahrzeuge"),
    "hammer": ("m", "Hammer", "Hämmer"), "saw": ("f", "Säge", "Sägen"), "axe": ("f", "Axt", "Äxte"),
    "shovel": ("f", "Schaufel", "Schaufeln"), "tool": ("n", "Werkzeug", "Werkzeuge"),
}  # fmt: skip
# concept: third person singular, infinitive
VERB = {
    "sit": ("sitzt", "sitzen"), "stand": ("steht", "stehen"), "sleep": ("schläft", "schlafen"),
    "run": ("rennt", "rennen"), "laugh": ("lacht", "lachen"), "cry": ("weint", "weinen"),
    "buy": ("kauft", "kaufen"), "sell": ("verkauft", "verkaufen"), "find": ("findet", "finden"),
    "lose": ("verliert", "verlieren"), "hide": ("versteckt", "verstecken"), "show": ("zeigt", "zeigen"),
}  # fmt: skip
ADJECTIVE = {
    "big": "groß", "small": "klein", "clean": "sauber", "dirty": "schmutzig", "rich": "reich", "poor": "arm",
    "strong": "stark", "weak": "schwach", "expensive": "teuer", "cheap": "billig", "heavy": "schwer",
    "light": "leicht",
}  # fmt: skip
INFLECTED_STEM = {"expensive": "teur"}  # teuer drops its e before an ending: der teure Bus
# concept: noun, locative phrase
PLACE = {
    "garden": ("Garten", "im Garten"), "house": ("Haus", "im Haus"), "beach": ("Strand", "am Strand"),
    "street": ("Straße", "auf der Straße"), "market": ("Markt", "auf dem Markt"), "park": ("Park", "im Park"),
    "school": ("Schule", "in der Schule"), "forest": ("Wald", "im Wald"),
}  # fmt: skip
NUMBER = {2: "zwei", 3: "drei", 4: "vier", 5: "fünf"}
THE = {"m": "der", "f": "die", "n": "das"}
A = {"m": "ein", "f": "eine", "n": "ein"}


class German(Grammar):
    code = "de"
    yes, no, maybe = "Ja", "Nein", "Vielleicht"

    def statement(self, clause: Clause) -> list[str]:
        if clause.subject.number:  # an indefinite subject follows the place
            return [*self._rest(clause), "sind", *self._phrase(clause.subject)]
        return [*self._phrase(clause.subject), self._verb(clause), *self._rest(clause)]

    def question(self, clause: Clause) -> list[str]:
        # Yes/no questions put the verb first.
        if clause.subject.number:
            return ["sind", *self._rest(clause), *self._phrase(clause.subject)]
        return [self._verb(clause), *self._phrase(clause.subject), *self._rest(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*self._a(noun), "ist", *self._a(class_noun)]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [ADJECTIVE[adjective], "ist", "das", "Gegenteil", "von", ADJECTIVE[opposite]]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        if concept in NOUN:
            return [NOUN[concept][1]]
        if concept in VERB:
            return [VERB[concept][1]]
        return [PLACE[concept][0] if concept in PLACE else ADJECTIVE[concept]]

    def _phrase(self, phrase: NounPhrase, accusative: bool = False) -> list[str]:
        gender, singular, plural = NOUN[phrase.noun]
        if phrase.number:
            return [NUMBER[phrase.number], *plural.split()]
        # Only the masculine shows the accusative: den großen Apfel, but die große Säge, das große Auto.
        marked = accusative and gender == "m"
        words = ["den" if marked else THE[gender]]
        if phrase.adjective:
            stem = INFLECTED_STEM.get(phrase.adjective, ADJECTIVE[phrase.adjective])
            words.append(stem + ("en" if marked else "e"))
        return [*words, singular]

    def _verb(self, clause: Clause) -> str:
        return VERB[clause.verb][0] if clause.verb else "ist"

    def _rest(self, clause: Clause) -> list[str]:
        words = self._phrase(clause.object, accusative=True) if clause.object else []
        return words + (PLACE[clause.place][1].split() if clause.place else [])

    def _a(self, noun: str) -> list[str]:
        return [A[NOUN[noun][0]], NOUN[noun][1]]


GRAMMAR = German()
