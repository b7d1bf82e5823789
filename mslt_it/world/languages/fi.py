"""Finnish."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# nominative, partitive; the genitive, which is also the object case of a completed action, only where it is needed
NOUN = {
    "man": ("mies", "miestä"), "woman": ("nainen", "naista"), "boy": ("poika", "poikaa"), "girl": ("tyttö", "tyttöä"),
    "person": ("henkilö", "henkilöä"),  # ihminen alone would speak of mankind
    "dog": ("koira", "koiraa"), "cat": ("kissa", "kissaa"), "horse": ("hevonen", "hevosta"),
    "cow": ("lehmä", "lehmää"), "animal": ("eläin", "eläintä"),
    "apple": ("omena", "omenaa", "omenan"), "orange": ("appelsiini", "appelsiinia", "appelsiinin"),
    "banana": ("banaani", "banaania", "banaanin"), "lemon": ("sitruuna", "sitruunaa", "sitruunan"),
    "fruit": ("hedelmä", "hedelmää", "hedelmän"),
    "potato": ("peruna", "perunaa", "perunan"), "onion": ("sipuli", "sipulia", "sipulin"),
    "carrot": ("porkkana", "porkkanaa", "porkkanan"), "cabbage": ("kaali", "kaalia", "kaalin"),
    "vegetable": ("kasvis", "kasvista", "kasviksen"),
    # auto alone may be a lorry
    "car": ("henkilöauto", "henkilöautoa", "henkilöauton"), "bus": ("bussi", "bussia", "bussin"),
    "bicycle": ("polkupyörä", "polkupyörää", "polkupyörän"),
    "truck": ("kuorma-auto", "kuorma-autoa", "kuorma-auton"), "vehicle": ("ajoneuvo", "ajoneuvoa", "ajoneuvon"),
    "hammer": ("vasara", "vasaraa", "vasaran"), "saw": ("saha", "sahaa", "sahan"),
    "axe": ("kirves", "kirvestä", "kirveen"), "shovel": ("lapio", "lapiota", "lapion"),
    "tool": ("työkalu", "työkalua", "työkalun"),
}  # fmt: skip
ADJECTIVE = {
    "big": ("iso", "isoa", "ison"), "small": ("pieni", "pientä", "pienen"),
    "clean": ("puhdas", "puhdasta", "puhtaan"), "dirty": ("likainen", "likaista", "likaisen"),
    "rich": ("rikas", "rikasta", "rikkaan"), "poor": ("köyhä", "köyhää", "köyhän"),
    "strong": ("vahva", "vahvaa", "vahvan"), "weak": ("heikko", "heikkoa", "heikon"),
    "expensive": ("kallis", "kallista", "kalliin"), "cheap": ("halpa", "halpaa", "halvan"),
    "heavy": ("painava", "painavaa", "painavan"), "light": ("kevyt", "kevyttä", "kevyen"),
}  # fmt: skip
# third person, infinitive
VERB = {
    "sit": ("istuu", "istua"), "stand": ("seisoo", "seisoa"), "sleep": ("nukkuu", "nukkua"),
    "run": ("juoksee", "juosta"), "laugh": ("nauraa", "nauraa"), "cry": ("itkee", "itkeä"),
    "buy": ("ostaa", "ostaa"), "sell": ("myy", "myydä"), "find": ("löytää", "löytää"),
    "lose": ("kadottaa", "kadottaa"), "hide": ("piilottaa", "piilottaa"), "show": ("näyttää", "näyttää"),
}  # fmt: skip
# These happen at a point and take the total object; the others go on for a while and take the partitive.
TOTAL_OBJECT = ("buy", "find", "lose")
PLACE = {
    "garden": ("puutarhassa", "puutarha"), "house": ("talossa", "talo"), "beach": ("rannalla", "ranta"),
    "street": ("kadulla", "katu"), "market": ("torilla", "tori"), "park": ("puistossa", "puisto"),
    "school": ("koulussa", "koulu"), "forest": ("metsässä", "metsä"),
}  # fmt: skip
NUMBER = {2: "kaksi", 3: "kolme", 4: "neljä", 5: "viisi"}
NOMINATIVE, PARTITIVE, GENITIVE = 0, 1, 2


class Finnish(Grammar):
    code = "fi"
    yes, no, maybe = "Kyllä", "Ei", "Ehkä"

    def statement(self, clause: Clause) -> list[str]:
        if clause.subject.number:
            return [*self._place(clause), "on", *self._counted(clause.subject)]  # existential: place first, singular
        return [*self._phrase(clause.subject, NOMINATIVE), self._verb(clause), *self._rest(clause)]

    def question(self, clause: Clause) -> list[str]:
        verb = self._verb(clause)
        asked = [verb, "+ko" if set(verb) & set("aou") else "+kö"]  # vowel harmony
        if clause.subject.number:
            return [*asked, *self._place(clause), *self._counted(clause.subject)]
        return [*asked, *self._phrase(clause.subject, NOMINATIVE), *self._rest(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*self.citation(noun), "on", *self.citation(class_noun)]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [*self.citation(adjective), "on", ADJECTIVE[opposite][GENITIVE], "vastakohta"]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        if concept in NOUN or concept in ADJECTIVE:
            return [(NOUN if concept in NOUN else ADJECTIVE)[concept][0]]
        return [(PLACE if concept in PLACE else VERB)[concept][1]]

    def _phrase(self, phrase: NounPhrase, case: int) -> list[str]:
        adjective = [ADJECTIVE[phrase.adjective][case]] if phrase.adjective else []
        return [*adjective, NOUN[phrase.noun][case]]

    def _counted(self, phrase: NounPhrase) -> list[str]:
        assert phrase.number
        return [NUMBER[phrase.number], NOUN[phrase.noun][PARTITIVE]]

    def _verb(self, clause: Clause) -> str:
        return VERB[clause.verb][0] if clause.verb else "on"

    def _rest(self, clause: Clause) -> list[str]:
        """The place before the object says where the event is; after it, buy and find would ask for "torilta"."""
        words = self._place(clause)
        if clause.object:
            words += self._phrase(clause.object, GENITIVE if clause.verb in TOTAL_OBJECT else PARTITIVE)
        return words

    def _place(self, clause: Clause) -> list[str]:
        return [PLACE[clause.place][0]] if clause.place else []


GRAMMAR = Finnish()
