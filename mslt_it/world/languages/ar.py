"""Modern Standard Arabic, unvocalised."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# concept: (counted noun, its plural, gender[, genitive of the counted noun: حبة + بطاطا "a piece of potato"]).
# Names of unit-less masses are counted with حبة or رأس.
NOUN: dict[str, tuple[str, ...]] = {
    "man": ("رجل", "رجال", "m"), "woman": ("امرأة", "نساء", "f"), "boy": ("ولد", "أولاد", "m"),
    "girl": ("بنت", "بنات", "f"), "person": ("شخص", "أشخاص", "m"),
    "dog": ("كلب", "كلاب", "m"), "cat": ("قطة", "قطط", "f"), "horse": ("حصان", "أحصنة", "m"),
    "cow": ("بقرة", "بقرات", "f"), "animal": ("حيوان", "حيوانات", "m"),
    "apple": ("تفاحة", "تفاحات", "f"), "orange": ("برتقالة", "برتقالات", "f"), "banana": ("موزة", "موزات", "f"),
    "lemon": ("ليمونة", "ليمونات", "f"), "fruit": ("فاكهة", "فواكه", "f"),
    "potato": ("حبة", "حبات", "f", "بطاطا"), "onion": ("بصلة", "بصلات", "f"), "carrot": ("جزرة", "جزرات", "f"),
    "cabbage": ("رأس", "رؤوس", "m", "ملفوف"), "vegetable": ("حبة", "حبات", "f", "خضار"),
    "car": ("سيارة", "سيارات", "f"), "bus": ("حافلة", "حافلات", "f"), "bicycle": ("دراجة", "دراجات", "f"),
    "truck": ("شاحنة", "شاحنات", "f"), "vehicle": ("مركبة", "مركبات", "f"),
    "hammer": ("مطرقة", "مطارق", "f"), "saw": ("منشار", "مناشير", "m"), "axe": ("فأس", "فؤوس", "f"),
    "shovel": ("مجرفة", "مجارف", "f"), "tool": ("أداة", "أدوات", "f"),
}  # fmt: skip
DEFINITE = {"امرأة": "مرأة"}  # المرأة, never الامرأة
VERB = {
    "sit": "يجلس", "stand": "يقف", "sleep": "ينام", "run": "يركض", "laugh": "يضحك", "cry": "يبكي",
    "buy": "يشتري", "sell": "يبيع", "find": "يجد", "lose": "يفقد", "hide": "يخفي", "show": "يعرض",
}  # fmt: skip
ADJECTIVE = {
    "big": "كبير", "small": "صغير", "clean": "نظيف", "dirty": "متسخ", "rich": "غني", "poor": "فقير",
    "strong": "قوي", "weak": "ضعيف", "expensive": "غالي", "cheap": "رخيص", "heavy": "ثقيل", "light": "خفيف",
}  # fmt: skip
# حديقة alone may be a park: the garden is that of the house
PLACE = {
    "garden": "حديقة ال+ منزل", "house": "ال+ بيت", "beach": "ال+ شاطئ", "street": "ال+ شارع",
    "market": "ال+ سوق", "park": "ال+ متنزه", "school": "ال+ مدرسة", "forest": "ال+ غابة",
}  # fmt: skip
NUMBER_WITH_M = {3: "ثلاثة", 4: "أربعة", 5: "خمسة"}
NUMBER_WITH_F = {3: "ثلاث", 4: "أربع", 5: "خمس"}


class Arabic(Grammar):
    code = "ar"
    question_mark = "؟"
    yes, no, maybe = "نعم", "لا", "ربما"

    def statement(self, clause: Clause) -> list[str]:
        at = {"beach": "على", "house": "داخل"}.get(clause.place or "", "في")
        place = [at, *PLACE[clause.place].split()] if clause.place else []
        if clause.verb is None:
            if clause.subject.number:  # an indefinite subject cannot open a nominal sentence
                return ["هناك", *self._counted(clause.subject), *place]
            return [*self._definite(clause.subject), *place]
        verb = VERB[clause.verb]
        if NOUN[clause.subject.noun][2] == "f":
            verb = "ت" + verb[1:]
        thing = self._definite(clause.object) if clause.object else []
        return [verb, *self._definite(clause.subject), *thing, *place]  # verb first: the order هل asks for as well

    def question(self, clause: Clause) -> list[str]:
        return ["هل", *self.statement(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        if class_noun == "vegetable":  # خضار is a collective: "is of the vegetables"
            return ["ال+", self._name(noun), "من", "ال+", self._name(class_noun)]
        return ["ال+", DEFINITE.get(self._name(noun), self._name(noun)), self._name(class_noun)]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return ["ال+", ADJECTIVE[adjective], "عكس", "ال+", ADJECTIVE[opposite]]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return ["اثنان" if concept == "2" else NUMBER_WITH_M[int(concept)]]
        if concept == "expensive":  # the final ي is written only in the definite and the feminine
            return ["غالٍ"]
        if concept in NOUN:
            return [self._name(concept)]
        if concept in PLACE:
            return [word for word in PLACE[concept].split() if word != "ال+"]
        return [(VERB | ADJECTIVE)[concept]]

    def _name(self, noun: str) -> str:
        """The word for the kind of thing: بطاطا rather than حبة."""
        return NOUN[noun][3] if len(NOUN[noun]) > 3 else NOUN[noun][0]

    def _definite(self, phrase: NounPhrase) -> list[str]:
        head, _, gender, *genitive = NOUN[phrase.noun]
        # in a construct only the genitive takes the article; the adjective agrees with the head
        words = [head, "ال+", *genitive] if genitive else ["ال+", DEFINITE.get(head, head)]
        if phrase.adjective:
            words += ["ال+", ADJECTIVE[phrase.adjective] + ("ة" if gender == "f" else "")]
        return words

    def _counted(self, phrase: NounPhrase) -> list[str]:
        head, plural, gender, *genitive = NOUN[phrase.noun]
        if phrase.number == 2:  # the dual; it loses its ن before a genitive
            stem = head[:-1] + "ت" if head.endswith("ة") else head
            return [stem, "+ا" if genitive else "+ان", *genitive]
        numbers = NUMBER_WITH_F if gender == "f" else NUMBER_WITH_M  # 3-10 take the opposite ending
        return [numbers[phrase.number or 3], plural, *genitive]


GRAMMAR = Arabic()
