"""French."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# concept: gender, singular, plural
NOUN = {
    "man": ("m", "homme", "hommes"), "woman": ("f", "femme", "femmes"), "boy": ("m", "garçon", "garçons"),
    "girl": ("f", "fille", "filles"), "person": ("f", "personne", "personnes"),
    "dog": ("m", "chien", "chiens"), "cat": ("m", "chat", "chats"), "horse": ("m", "cheval", "chevaux"),
    "cow": ("f", "vache", "vaches"), "animal": ("m", "animal", "animaux"),
    "apple": ("f", "pomme", "pommes"), "orange": ("f", "orange", "oranges"), "banana": ("f", "banane", "bananes"),
    "lemon": ("m", "citron", "citrons"), "fruit": ("m", "fruit", "fruits"),
    "potato": ("f", "pomme de terre", "pommes de terre"), "onion": ("m", "oignon", "oignons"),
    "carrot": ("f", "carotte", "carottes"), "cabbage": ("m", "chou", "choux"), "vegetable": ("m", "légume", "légumes"),
    "car": ("f", "voiture", "voitures"), "bus": ("m", "bus", "bus"), "bicycle": ("m", "vélo", "vélos"),
    "truck": ("m", "camion", "camions"), "vehicle": ("m", "véhicule", "véhicules"),
    "hammer": ("m", "marteau", "marteaux"), "saw": ("f", "scie", "scies"), "axe": ("f", "hache", "haches"),
    "shovel": ("f", "pelle", "pelles"), "tool": ("m", "outil", "outils"),
}  # fmt: skip
# The nouns that elide (the h of homme is mute, that of hache is not): l'homme, but la hache.
ELIDING = ("man", "animal", "orange", "onion", "tool")
# concept: third person singular (masculine), infinitive
VERB = {
    "sit": ("est assis", "être assis"), "stand": ("est debout", "être debout"), "sleep": ("dort", "dormir"),
    "run": ("court", "courir"), "laugh": ("rit", "rire"), "cry": ("pleure", "pleurer"),
    "buy": ("achète", "acheter"), "sell": ("vend", "vendre"), "find": ("trouve", "trouver"),
    "lose": ("perd", "perdre"), "hide": ("cache", "cacher"), "show": ("montre", "montrer"),
}  # fmt: skip
# concept: masculine, feminine
ADJECTIVE = {
    "big": ("grand", "grande"), "small": ("petit", "petite"), "clean": ("propre", "propre"),
    "dirty": ("sale", "sale"), "rich": ("riche", "riche"), "poor": ("pauvre", "pauvre"),
    "strong": ("fort", "forte"), "weak": ("faible", "faible"), "expensive": ("cher", "chère"),
    "cheap": ("bon marché", "bon marché"), "heavy": ("lourd", "lourde"), "light": ("léger", "légère"),
}  # fmt: skip
BEFORE_NOUN = ("big", "small")  # "pauvre homme" would be pitied: l'homme pauvre has no money
# concept: noun, locative phrase
PLACE = {
    "garden": ("jardin", "dans le jardin"), "house": ("maison", "dans la maison"),
    "beach": ("plage", "sur la plage"), "street": ("rue", "dans la rue"), "market": ("marché", "au marché"),
    "park": ("parc", "dans le parc"), "school": ("école", "à l'+ école"), "forest": ("forêt", "dans la forêt"),
}  # fmt: skip
NUMBER = {2: "deux", 3: "trois", 4: "quatre", 5: "cinq"}


class French(Grammar):
    code = "fr"
    question_mark = " ?"  # French sets the mark off with a space
    yes, no, maybe = "Oui", "Non", "Peut-être"

    def statement(self, clause: Clause) -> list[str]:
        phrase = clause.subject
        if phrase.number:
            # An indefinite subject takes "il y a", not "sont".
            return ["il", "y", "a", NUMBER[phrase.number], *NOUN[phrase.noun][2].split(), *self._rest(clause)]
        return [*self._phrase(phrase), *self._verb(clause), *self._rest(clause)]

    def question(self, clause: Clause) -> list[str]:
        return ["est-ce", "qu'+" if clause.subject.number else "que", *self.statement(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*self._a(noun), "est", *self._a(class_noun)]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [*self.citation(adjective), "est", "le", "contraire", "de", *self.citation(opposite)]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        if concept in NOUN:
            return NOUN[concept][1].split()
        if concept in VERB:
            return VERB[concept][1].split()
        return [PLACE[concept][0]] if concept in PLACE else ADJECTIVE[concept][0].split()

    def _phrase(self, phrase: NounPhrase) -> list[str]:
        gender, singular, _ = NOUN[phrase.noun]
        noun = singular.split()
        article = "le" if gender == "m" else "la"
        elides = phrase.noun in ELIDING
        if not phrase.adjective:
            return ["l'+" if elides else article, *noun]
        adjective = ADJECTIVE[phrase.adjective][gender == "f"].split()
        if phrase.adjective not in BEFORE_NOUN:
            return ["l'+" if elides else article, *noun, *adjective]
        return [article, *adjective, *noun]

    def _verb(self, clause: Clause) -> list[str]:
        words = VERB[clause.verb][0].split() if clause.verb else ["est"]
        if clause.verb == "sit" and NOUN[clause.subject.noun][0] == "f":
            words[-1] += "e"  # elle est assise; debout never changes
        return words

    def _rest(self, clause: Clause) -> list[str]:
        words = self._phrase(clause.object) if clause.object else []
        return words + (PLACE[clause.place][1].split() if clause.place else [])

    def _a(self, noun: str) -> list[str]:
        gender, singular, _ = NOUN[noun]
        return ["un" if gender == "m" else "une", *singular.split()]


GRAMMAR = French()
