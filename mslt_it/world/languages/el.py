"""Greek."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# gender, singular, plural; every object is feminine or neuter, so that nominative and accusative are alike
NOUN = {
    "man": ("m", "άντρας", "άντρες"), "woman": ("f", "γυναίκα", "γυναίκες"), "boy": ("n", "αγόρι", "αγόρια"),
    "girl": ("n", "κορίτσι", "κορίτσια"), "person": ("m", "άνθρωπος", "άνθρωποι"),
    "dog": ("m", "σκύλος", "σκύλοι"), "cat": ("f", "γάτα", "γάτες"), "horse": ("n", "άλογο", "άλογα"),
    "cow": ("f", "αγελάδα", "αγελάδες"), "animal": ("n", "ζώο", "ζώα"),
    "apple": ("n", "μήλο", "μήλα"), "orange": ("n", "πορτοκάλι", "πορτοκάλια"),
    "banana": ("f", "μπανάνα", "μπανάνες"), "lemon": ("n", "λεμόνι", "λεμόνια"), "fruit": ("n", "φρούτο", "φρούτα"),
    "potato": ("f", "πατάτα", "πατάτες"), "onion": ("n", "κρεμμύδι", "κρεμμύδια"),
    "carrot": ("n", "καρότο", "καρότα"), "cabbage": ("n", "λάχανο", "λάχανα"),
    "vegetable": ("n", "λαχανικό", "λαχανικά"),
    "car": ("n", "αυτοκίνητο", "αυτοκίνητα"), "bus": ("n", "λεωφορείο", "λεωφορεία"),
    "bicycle": ("n", "ποδήλατο", "ποδήλατα"), "truck": ("n", "φορτηγό", "φορτηγά"),
    "vehicle": ("n", "όχημα", "οχήματα"),
    "hammer": ("n", "σφυρί", "σφυριά"), "saw": ("n", "πριόνι", "πριόνια"), "axe": ("n", "τσεκούρι", "τσεκούρια"),
    "shovel": ("n", "φτυάρι", "φτυάρια"), "tool": ("n", "εργαλείο", "εργαλεία"),
}  # fmt: skip
ADJECTIVE = {
    "big": ("μεγάλος", "μεγάλη", "μεγάλο"), "small": ("μικρός", "μικρή", "μικρό"),
    "clean": ("καθαρός", "καθαρή", "καθαρό"), "dirty": ("βρώμικος", "βρώμικη", "βρώμικο"),
    "rich": ("πλούσιος", "πλούσια", "πλούσιο"), "poor": ("φτωχός", "φτωχή", "φτωχό"),
    "strong": ("δυνατός", "δυνατή", "δυνατό"), "weak": ("αδύναμος", "αδύναμη", "αδύναμο"),
    "expensive": ("ακριβός", "ακριβή", "ακριβό"), "cheap": ("φτηνός", "φτηνή", "φτηνό"),
    "heavy": ("βαρύς", "βαριά", "βαρύ"), "light": ("ελαφρύς", "ελαφριά", "ελαφρύ"),
}  # fmt: skip
# third person; the dictionary form is the first person
VERB = {
    "sit": ("κάθεται", "κάθομαι"), "stand": ("στέκεται", "στέκομαι"), "sleep": ("κοιμάται", "κοιμάμαι"),
    "run": ("τρέχει", "τρέχω"), "laugh": ("γελάει", "γελάω"), "cry": ("κλαίει", "κλαίω"),
    "buy": ("αγοράζει", "αγοράζω"), "sell": ("πουλάει", "πουλάω"), "find": ("βρίσκει", "βρίσκω"),
    "lose": ("χάνει", "χάνω"), "hide": ("κρύβει", "κρύβω"), "show": ("δείχνει", "δείχνω"),
}  # fmt: skip
PLACE = {
    "garden": ("στον κήπο", "κήπος"), "house": ("μέσα στο σπίτι", "σπίτι"), "beach": ("στην παραλία", "παραλία"),
    "street": ("στον δρόμο", "δρόμος"), "market": ("στην αγορά", "αγορά"), "park": ("στο πάρκο", "πάρκο"),
    "school": ("στο σχολείο", "σχολείο"), "forest": ("στο δάσος", "δάσος"),
}  # fmt: skip
NUMBER = {2: "δύο", 3: "τρεις", 4: "τέσσερις", 5: "πέντε"}
NUMBER_NEUTER = {2: "δύο", 3: "τρία", 4: "τέσσερα", 5: "πέντε"}
ARTICLE = {"m": "ο", "f": "η", "n": "το"}
GENDERS = "mfn"
# την keeps its ν before a vowel and before these, else it is τη
KEEPS_N = (*"αάεέηήιίοόυύωώκπτξψ", "μπ", "ντ", "γκ")


class Greek(Grammar):
    code = "el"
    question_mark = ";"
    yes, no, maybe = "Ναι", "Όχι", "Ίσως"

    def statement(self, clause: Clause) -> list[str]:
        if clause.subject.number:
            return [*self._place(clause), "υπάρχουν", *self._counted(clause.subject)]
        return [*self._phrase(clause.subject), self._verb(clause), *self._rest(clause)]

    def question(self, clause: Clause) -> list[str]:
        # The verb comes first; the order of the statement would sound surprised.
        if clause.subject.number:
            return ["υπάρχουν", *self._counted(clause.subject), *self._place(clause)]
        return [self._verb(clause), *self._phrase(clause.subject), *self._rest(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*self._phrase(NounPhrase(noun)), "είναι", *self.citation(class_noun)]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        # A word that is spoken about takes the neuter article and keeps its form.
        return ["το", *self.citation(adjective), "είναι", "το", "αντίθετο", "του", *self.citation(opposite)]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER_NEUTER[int(concept)]]
        if concept in ADJECTIVE:
            return [ADJECTIVE[concept][0]]
        table = NOUN if concept in NOUN else PLACE if concept in PLACE else VERB
        return [table[concept][1]]

    def _phrase(self, phrase: NounPhrase, accusative: bool = False) -> list[str]:
        gender, noun, _ = NOUN[phrase.noun]
        words = [noun]
        if phrase.adjective:
            words = [ADJECTIVE[phrase.adjective][GENDERS.index(gender)], noun]
        article = ARTICLE[gender]
        if accusative and gender == "f":
            article = "την" if words[0].startswith(KEEPS_N) else "τη"
        return [article, *words]

    def _counted(self, phrase: NounPhrase) -> list[str]:
        assert phrase.number
        gender, _, plural = NOUN[phrase.noun]
        return [(NUMBER_NEUTER if gender == "n" else NUMBER)[phrase.number], plural]

    def _verb(self, clause: Clause) -> str:
        return VERB[clause.verb][0] if clause.verb else "είναι"

    def _rest(self, clause: Clause) -> list[str]:
        return [*(self._phrase(clause.object, accusative=True) if clause.object else []), *self._place(clause)]

    def _place(self, clause: Clause) -> list[str]:
        return PLACE[clause.place][0].split() if clause.place else []


GRAMMAR = Greek()
