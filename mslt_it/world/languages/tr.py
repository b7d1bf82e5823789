"""Turkish."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

NOUN = {
    "man": "adam", "woman": "kadın", "boy": "oğlan", "girl": "kız", "person": "kişi",
    "dog": "köpek", "cat": "kedi", "horse": "at", "cow": "inek", "animal": "hayvan",
    "apple": "elma", "orange": "portakal", "banana": "muz", "lemon": "limon", "fruit": "meyve",
    "potato": "patates", "onion": "soğan", "carrot": "havuç", "cabbage": "lahana", "vegetable": "sebze",
    "car": "otomobil", "bus": "otobüs", "bicycle": "bisiklet", "truck": "kamyon", "vehicle": "araç",
    "hammer": "çekiç", "saw": "testere", "axe": "balta", "shovel": "kürek", "tool": "alet",
}  # fmt: skip
# A definite object is in the accusative (harmony, -y- after a vowel, ç -> c, k -> ğ).
ACCUSATIVE = {
    "apple": "elmayı", "orange": "portakalı", "banana": "muzu", "lemon": "limonu", "fruit": "meyveyi",
    "potato": "patatesi", "onion": "soğanı", "carrot": "havucu", "cabbage": "lahanayı", "vegetable": "sebzeyi",
    "car": "otomobili", "bus": "otobüsü", "bicycle": "bisikleti", "truck": "kamyonu", "vehicle": "aracı",
    "hammer": "çekici", "saw": "testereyi", "axe": "baltayı", "shovel": "küreği", "tool": "aleti",
}  # fmt: skip
CLASS_PREDICATE = {
    "person": "kişidir", "animal": "hayvandır", "fruit": "meyvedir", "vegetable": "sebzedir",
    "vehicle": "araçtır", "tool": "alettir",
}  # fmt: skip
# infinitive (citation), present in -yor
VERB = {
    "sit": ("oturmak", "oturuyor"), "stand": ("ayakta durmak", "ayakta duruyor"),
    "sleep": ("uyumak", "uyuyor"), "run": ("koşmak", "koşuyor"),
    "laugh": ("gülmek", "gülüyor"), "cry": ("ağlamak", "ağlıyor"),
    "buy": ("satın almak", "satın alıyor"), "sell": ("satmak", "satıyor"),
    "find": ("bulmak", "buluyor"), "lose": ("kaybetmek", "kaybediyor"),
    "hide": ("saklamak", "saklıyor"), "show": ("göstermek", "gösteriyor"),
}  # fmt: skip
ADJECTIVE = {
    "big": "büyük", "small": "küçük", "clean": "temiz", "dirty": "kirli", "rich": "zengin", "poor": "yoksul",
    "strong": "güçlü", "weak": "güçsüz", "expensive": "pahalı", "cheap": "ucuz", "heavy": "ağır", "light": "hafif",
}  # fmt: skip
# noun, locative ("evde" would be "at home", which the garden is too), the question particle in harmony with it
PLACE = {
    "garden": ("bahçe", "bahçede", "mi"), "house": ("ev", "evin içinde", "mi"), "beach": ("plaj", "plajda", "mı"),
    "street": ("sokak", "sokakta", "mı"), "market": ("pazar", "pazarda", "mı"), "park": ("park", "parkta", "mı"),
    "school": ("okul", "okulda", "mı"), "forest": ("orman", "ormanda", "mı"),
}  # fmt: skip
NUMBER = {2: "iki", 3: "üç", 4: "dört", 5: "beş"}


class Turkish(Grammar):
    code = "tr"
    yes, no, maybe = "Evet", "Hayır", "Belki"

    def statement(self, clause: Clause) -> list[str]:
        place = PLACE[clause.place][1].split() if clause.place else []
        subject = self._phrase(clause.subject, NOUN)
        if clause.verb is None:
            # An indefinite counted subject is introduced with "var"; a definite one needs no copula.
            return [*place, *subject, "var"] if clause.subject.number else [*subject, *place]
        obj = self._phrase(clause.object, ACCUSATIVE) if clause.object else []
        return [*subject, *place, *obj, *VERB[clause.verb][1].split()]

    def question(self, clause: Clause) -> list[str]:
        return [*self.statement(clause), self._particle(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [NOUN[noun], "bir", CLASS_PREDICATE[class_noun]]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        # "X and Y are opposite in meaning": both adjectives stay in their dictionary form.
        return [ADJECTIVE[adjective], "ile", ADJECTIVE[opposite], "zıt", "anlamlıdır"]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        if concept in VERB:
            return VERB[concept][0].split()
        if concept in PLACE:
            return [PLACE[concept][0]]
        return [ADJECTIVE[concept] if concept in ADJECTIVE else NOUN[concept]]

    def capital(self, text: str) -> str:
        """The text with its first letter in upper case: i -> İ, ı -> I."""
        return "İ" + text[1:] if text.startswith("i") else super().capital(text)

    def _phrase(self, phrase: NounPhrase, forms: dict[str, str]) -> list[str]:
        if phrase.number:  # no plural after a numeral
            return [NUMBER[phrase.number], forms[phrase.noun]]
        return [*([ADJECTIVE[phrase.adjective]] if phrase.adjective else []), forms[phrase.noun]]

    def _particle(self, clause: Clause) -> str:
        if clause.verb:
            return "mu"  # after -yor
        if clause.subject.number or not clause.place:
            return "mı"  # after "var"
        return PLACE[clause.place][2]


GRAMMAR = Turkish()
