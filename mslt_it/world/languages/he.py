"""Hebrew, unvocalised (full spelling)."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# concept: (noun, plural, gender "m", "f" or "p" (always masculine plural)[, second part of a construct]).
# The shovel is not את חפירה, whose definite object would read את את החפירה.
NOUN: dict[str, tuple[str, ...]] = {
    "man": ("גבר", "גברים", "m"), "woman": ("אישה", "נשים", "f"), "boy": ("ילד", "ילדים", "m"),
    "girl": ("ילדה", "ילדות", "f"), "person": ("אדם", "אנשים", "m"),
    "dog": ("כלב", "כלבים", "m"), "cat": ("חתול", "חתולים", "m"), "horse": ("סוס", "סוסים", "m"),
    "cow": ("פרה", "פרות", "f"), "animal": ("חיה", "חיות", "f"),
    "apple": ("תפוח", "תפוחים", "m"), "orange": ("תפוז", "תפוזים", "m"), "banana": ("בננה", "בננות", "f"),
    "lemon": ("לימון", "לימונים", "m"), "fruit": ("פרי", "פירות", "m"),
    "potato": ("תפוח", "תפוחי", "m", "אדמה"), "onion": ("בצל", "בצלים", "m"), "carrot": ("גזר", "גזרים", "m"),
    "cabbage": ("כרוב", "כרובים", "m"), "vegetable": ("ירק", "ירקות", "m"),
    "car": ("מכונית", "מכוניות", "f"), "bus": ("אוטובוס", "אוטובוסים", "m"),
    "bicycle": ("אופניים", "אופניים", "p"), "truck": ("משאית", "משאיות", "f"), "vehicle": ("כלי", "כלי", "m", "רכב"),
    "hammer": ("פטיש", "פטישים", "m"), "saw": ("מסור", "מסורים", "m"), "axe": ("גרזן", "גרזנים", "m"),
    "shovel": ("יעה", "יעים", "m"), "tool": ("כלי", "כלי", "m", "עבודה"),
}  # fmt: skip
VERB = {  # present participle: masculine, feminine
    "sit": ("יושב", "יושבת"), "stand": ("עומד", "עומדת"), "sleep": ("ישן", "ישנה"), "run": ("רץ", "רצה"),
    "laugh": ("צוחק", "צוחקת"), "cry": ("בוכה", "בוכה"), "buy": ("קונה", "קונה"), "sell": ("מוכר", "מוכרת"),
    "find": ("מוצא", "מוצאת"), "lose": ("מאבד", "מאבדת"), "hide": ("מחביא", "מחביאה"), "show": ("מציג", "מציגה"),
}  # fmt: skip
BE = {"m": "נמצא", "f": "נמצאת", "p": "נמצאים"}
COPULA = {"m": "הוא", "f": "היא", "p": "הם"}
ADJECTIVE = {  # masculine, feminine
    "big": ("גדול", "גדולה"), "small": ("קטן", "קטנה"), "clean": ("נקי", "נקייה"), "dirty": ("מלוכלך", "מלוכלכת"),
    "rich": ("עשיר", "עשירה"), "poor": ("עני", "ענייה"), "strong": ("חזק", "חזקה"), "weak": ("חלש", "חלשה"),
    "expensive": ("יקר", "יקרה"), "cheap": ("זול", "זולה"), "heavy": ("כבד", "כבדה"), "light": ("קל", "קלה"),
}  # fmt: skip
ADJECTIVE_PLURAL = {  # with אופניים only
    "big": "גדולים", "small": "קטנים", "clean": "נקיים", "dirty": "מלוכלכים",
    "expensive": "יקרים", "cheap": "זולים", "heavy": "כבדים", "light": "קלים",
}  # fmt: skip
# ב+ contains the article in unvocalised text (בגינה: in the garden); in a construct the second part shows it.
PLACE = {
    "garden": ["גינה"], "house": ["תוך", "ה+", "בית"], "beach": ["חוף", "ה+", "ים"], "street": ["רחוב"],
    "market": ["שוק"], "park": ["פארק"], "school": ["בית", "ה+", "ספר"], "forest": ["יער"],
}  # fmt: skip
NUMBER_WITH_M = {2: "שני", 3: "שלושה", 4: "ארבעה", 5: "חמישה"}
NUMBER_WITH_F = {2: "שתי", 3: "שלוש", 4: "ארבע", 5: "חמש"}


class Hebrew(Grammar):
    code = "he"
    yes, no, maybe = "כן", "לא", "אולי"

    def statement(self, clause: Clause) -> list[str]:
        place = ["ב+", *PLACE[clause.place]] if clause.place else []
        if clause.subject.number:
            return ["יש", *self._counted(clause.subject), *place]
        gender = NOUN[clause.subject.noun][2]
        verb = VERB[clause.verb][gender == "f"] if clause.verb else BE[gender]
        thing = ["את", *self._definite(clause.object)] if clause.object else []
        return [*self._definite(clause.subject), verb, *thing, *place]

    def question(self, clause: Clause) -> list[str]:
        return ["האם", *self.statement(clause)]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*self.citation(noun), COPULA[NOUN[noun][2]], *self.citation(class_noun)]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [ADJECTIVE[adjective][0], "הוא", "ה+", "הפך", "מ+", ADJECTIVE[opposite][0]]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():  # counting uses the feminine; "two" then has its free form
            return ["שתיים" if concept == "2" else NUMBER_WITH_F[int(concept)]]
        if concept in NOUN:
            head, _, _, *second = NOUN[concept]
            return [head, *second]
        if concept in PLACE:
            return [word for word in PLACE[concept] if word not in ("תוך", "ה+")]
        return [(VERB | ADJECTIVE)[concept][0]]

    def _definite(self, phrase: NounPhrase) -> list[str]:
        head, _, gender, *second = NOUN[phrase.noun]
        words = [head, "ה+", *second] if second else ["ה+", head]
        if phrase.adjective:
            plural = gender == "p"
            form = ADJECTIVE_PLURAL[phrase.adjective] if plural else ADJECTIVE[phrase.adjective][gender == "f"]
            words += ["ה+", form]
        return words

    def _counted(self, phrase: NounPhrase) -> list[str]:
        _, plural, gender, *second = NOUN[phrase.noun]
        number = (NUMBER_WITH_F if gender == "f" else NUMBER_WITH_M)[phrase.number or 2]
        pairs = ["זוגות"] if gender == "p" else []  # bicycles are counted in "pairs" of wheels
        return [number, *pairs, plural, *second]


GRAMMAR = Hebrew()
