"""Spanish (of Spain where words differ: patata, coche)."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# concept: gender, singular, plural
NOUN = {
    "man": ("m", "hombre", "hombres"), "woman": ("f", "mujer", "mujeres"), "boy": ("m", "chico", "chicos"),
    "girl": ("f", "chica", "chicas"), "person": ("f", "persona", "personas"),
    "dog": ("m", "perro", "perros"), "cat": ("m", "gato", "gatos"), "horse": ("m", "caballo", "caballos"),
    "cow": ("f", "vaca", "vacas"), "animal": ("m", "animal", "animales"),
    "apple": ("f", "manzana", "manzanas"), "orange": ("f", "naranja", "naranjas"),
    "banana": ("m", "plátano", "plátanos"), "lemon": ("m", "limón", "limones"), "fruit": ("f", "fruta", "frutas"),
    "potato": ("f", "patata", "patatas"), "onion": ("f", "cebolla", "cebollas"),
    "carrot": ("f", "zanahoria", "zanahorias"), "cabbage": ("f", "col", "coles"),
    "vegetable": ("f", "verdura", "verduras"),
    "car": ("m", "coche", "coches"), "bus": ("m", "autobús", "autobuses"),
    "bicycle": ("f", "bicicleta", "bicicletas"), "truck": ("m", "camión", "camiones"),
    "vehicle": ("m", "vehículo", "vehículos"),
    "hammer": ("m", "martillo", "martillos"), "saw": ("f", "sierra", "sierras"), "axe": ("f", "hacha", "hachas"),
    "shovel": ("f", "pala", "palas"), "tool": ("f", "herramienta", "herramientas"),
}  # fmt: skip
STRESSED_A = ("axe",)  # feminine, yet "el hacha", "un hacha" directly before the stressed a
# concept: third person singular, infinitive. The simple present describes a scene ("encuentra", never
# "está encontrando"); the postures are states.
VERB = {
    "sit": ("está sentado", "estar sentado"), "stand": ("está de pie", "estar de pie"), "sleep": ("duerme", "dormir"),
    "run": ("corre", "correr"), "laugh": ("ríe", "reír"), "cry": ("llora", "llorar"),
    "buy": ("compra", "comprar"), "sell": ("vende", "vender"), "find": ("encuentra", "encontrar"),
    "lose": ("pierde", "perder"), "hide": ("esconde", "esconder"), "show": ("muestra", "mostrar"),
}  # fmt: skip
ADJECTIVE = {
    "big": "grande", "small": "pequeño", "clean": "limpio", "dirty": "sucio", "rich": "rico", "poor": "pobre",
    "strong": "fuerte", "weak": "débil", "expensive": "caro", "cheap": "barato", "heavy": "pesado",
    "light": "ligero",
}  # fmt: skip
# concept: noun, locative phrase
PLACE = {
    "garden": ("jardín", "en el jardín"), "house": ("casa", "en la casa"), "beach": ("playa", "en la playa"),
    "street": ("calle", "en la calle"), "market": ("mercado", "en el mercado"), "park": ("parque", "en el parque"),
    "school": ("escuela", "en la escuela"), "forest": ("bosque", "en el bosque"),
}  # fmt: skip
NUMBER = {2: "dos", 3: "tres", 4: "cuatro", 5: "cinco"}


class Spanish(Grammar):
    code = "es"
    question_open = "¿"
    yes, no, maybe = "Sí", "No", "Quizás"

    def statement(self, clause: Clause) -> list[str]:
        if clause.subject.number:
            return self._there_are(clause)
        return [*self._phrase(clause.subject), *self._verb(clause), *self._rest(clause)]

    def question(self, clause: Clause) -> list[str]:
        if clause.subject.number:
            return self._there_are(clause)
        # The finite verb comes first: ¿Duerme el perro? ¿Está la chica sentada?
        finite, *participle = self._verb(clause)
        return [finite, *self._phrase(clause.subject), *participle, *self._rest(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*self._a(noun), "es", *self._a(class_noun)]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [ADJECTIVE[adjective], "es", "lo", "contrario", "de", ADJECTIVE[opposite]]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        if concept in NOUN:
            return [NOUN[concept][1]]
        if concept in VERB:
            return VERB[concept][1].split()
        return [PLACE[concept][0] if concept in PLACE else ADJECTIVE[concept]]

    def _there_are(self, clause: Clause) -> list[str]:
        # An indefinite subject takes "hay", not "están".
        assert clause.subject.number
        return ["hay", NUMBER[clause.subject.number], NOUN[clause.subject.noun][2], *self._rest(clause)]

    def _phrase(self, phrase: NounPhrase) -> list[str]:
        gender, singular, _ = NOUN[phrase.noun]
        article = "el" if gender == "m" or phrase.noun in STRESSED_A else "la"
        return [article, singular, *([self._agree(ADJECTIVE[phrase.adjective], gender)] if phrase.adjective else [])]

    def _agree(self, word: str, gender: str) -> str:
        return word[:-1] + "a" if gender == "f" and word.endswith("o") else word

    def _verb(self, clause: Clause) -> list[str]:
        words = VERB[clause.verb][0].split() if clause.verb else ["está"]
        return [words[0], *(self._agree(word, NOUN[clause.subject.noun][0]) for word in words[1:])]

    def _rest(self, clause: Clause) -> list[str]:
        words = self._phrase(clause.object) if clause.object else []
        return words + (PLACE[clause.place][1].split() if clause.place else [])

    def _a(self, noun: str) -> list[str]:
        gender, singular, _ = NOUN[noun]
        return ["un" if gender == "m" or noun in STRESSED_A else "una", singular]


GRAMMAR = Spanish()
