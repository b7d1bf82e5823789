"""Indonesian."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase, class_of
from mslt_it.world.grammar import Grammar

NOUN = {
    "man": "pria", "woman": "wanita", "boy": "anak laki-laki", "girl": "anak perempuan", "person": "orang",
    "dog": "anjing", "cat": "kucing", "horse": "kuda", "cow": "sapi", "animal": "hewan",
    "apple": "apel", "orange": "jeruk manis", "banana": "pisang", "lemon": "lemon", "fruit": "buah",
    "potato": "kentang", "onion": "bawang bombai", "carrot": "wortel", "cabbage": "kubis", "vegetable": "sayuran",
    "car": "mobil", "bus": "bus", "bicycle": "sepeda", "truck": "truk", "vehicle": "kendaraan",
    "hammer": "palu", "saw": "gergaji", "axe": "kapak", "shovel": "sekop", "tool": "perkakas",
}  # fmt: skip
# jeruk alone may be a lemon, "alat berat" is an excavator. Counted nouns take a classifier; "orang" is its own.
CLASSIFIER = {"person": "orang", "animal": "ekor"}
OTHER_CLASSIFIER = "buah"
VERB = {
    "sit": "duduk", "stand": "berdiri", "sleep": "tidur", "run": "berlari", "laugh": "tertawa", "cry": "menangis",
    "buy": "membeli", "sell": "menjual", "find": "menemukan", "lose": "kehilangan",
    "hide": "menyembunyikan", "show": "menunjukkan",
}  # fmt: skip
MOMENTARY = ("find", "lose")  # these do not go with the progressive "sedang"
ADJECTIVE = {
    "big": "besar", "small": "kecil", "clean": "bersih", "dirty": "kotor", "rich": "kaya", "poor": "miskin",
    "strong": "kuat", "weak": "lemah", "expensive": "mahal", "cheap": "murah", "heavy": "berat", "light": "ringan",
}  # fmt: skip
PLACE = {  # "di rumah" would be "at home", which the garden is too
    "garden": "kebun", "house": "dalam rumah", "beach": "pantai", "street": "jalan", "market": "pasar", "park": "taman",
    "school": "sekolah", "forest": "hutan",
}  # fmt: skip
NUMBER = {2: "dua", 3: "tiga", 4: "empat", 5: "lima"}


class Indonesian(Grammar):
    code = "id"
    yes, no, maybe = "Ya", "Tidak", "Mungkin"

    def statement(self, clause: Clause) -> list[str]:
        place = ["di", *PLACE[clause.place].split()] if clause.place else []
        subject = self._phrase(clause.subject)
        if clause.verb is None:
            # "ada" introduces a counted subject and follows a definite one.
            return ["ada", *subject, *place] if clause.subject.number else [*subject, "ada", *place]
        aspect = [] if clause.verb in MOMENTARY else ["sedang"]
        obj = self._phrase(clause.object) if clause.object else []
        return [*subject, *aspect, VERB[clause.verb], *obj, *place]

    def question(self, clause: Clause) -> list[str]:
        return ["apakah", *self.statement(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*NOUN[noun].split(), "adalah", NOUN[class_noun]]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [ADJECTIVE[adjective], "adalah", "lawan", "kata", "dari", ADJECTIVE[opposite]]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        return (NOUN | VERB | ADJECTIVE | PLACE)[concept].removeprefix("dalam ").split()

    def _phrase(self, phrase: NounPhrase) -> list[str]:
        noun = NOUN[phrase.noun].split()
        if phrase.number:
            classifier = CLASSIFIER.get(class_of(phrase.noun), OTHER_CLASSIFIER)
            return [NUMBER[phrase.number], *([] if noun == [classifier] else [classifier]), *noun]
        if not phrase.adjective:
            return [*noun, "itu"]
        # "orang kuat" alone would be a strongman, so an adjective follows "orang" with "yang".
        link = ["yang"] if phrase.noun == "person" else []
        return [*noun, *link, ADJECTIVE[phrase.adjective], "itu"]


GRAMMAR = Indonesian()
