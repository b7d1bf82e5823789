"""Vietnamese. Words are written syllable by syllable."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# classifier ("" where the noun has it inside or takes none), noun
NOUN = {
    "man": ("người", "đàn ông"), "woman": ("người", "phụ nữ"), "boy": ("", "cậu bé"), "girl": ("", "cô bé"),
    "person": ("", "người"),
    "dog": ("con", "chó"), "cat": ("con", "mèo"), "horse": ("con", "ngựa"), "cow": ("con", "bò"),
    "animal": ("", "con vật"),
    "apple": ("quả", "táo"), "orange": ("quả", "cam"), "banana": ("quả", "chuối"), "lemon": ("quả", "chanh"),
    "fruit": ("", "trái cây"),
    "potato": ("củ", "khoai tây"), "onion": ("củ", "hành tây"), "carrot": ("củ", "cà rốt"),
    "cabbage": ("cái", "bắp cải"), "vegetable": ("", "rau củ"),
    "car": ("chiếc", "ô tô con"), "bus": ("chiếc", "xe buýt"), "bicycle": ("chiếc", "xe đạp"),
    "truck": ("chiếc", "xe tải"), "vehicle": ("chiếc", "xe"),  # ô tô alone may be a lorry
    "hammer": ("cái", "búa"), "saw": ("cái", "cưa"), "axe": ("cái", "rìu"), "shovel": ("cái", "xẻng"),
    "tool": ("", "dụng cụ"),
}  # fmt: skip
# A classifier alone makes a singular noun definite; these have none and need "đó".
DEMONSTRATIVE = ("person", "fruit", "vegetable", "tool")
COUNTED = {"vegetable": "loại"}  # the collective "rau củ" is counted in kinds
CLASS_PREDICATE = {
    "person": "con người", "animal": "một con vật", "fruit": "một loại trái cây", "vegetable": "một loại rau củ",
    "vehicle": "một loại xe", "tool": "một loại dụng cụ",
}  # fmt: skip
VERB = {
    "sit": "ngồi", "stand": "đứng", "sleep": "ngủ", "run": "chạy", "laugh": "cười", "cry": "khóc",
    "buy": "mua", "sell": "bán", "find": "tìm thấy", "lose": "làm mất", "hide": "giấu", "show": "cho xem",
}  # fmt: skip
MOMENTARY = ("find", "lose")  # these do not go with the progressive "đang"
ADJECTIVE = {
    "big": "lớn", "small": "nhỏ", "clean": "sạch sẽ", "dirty": "bẩn", "rich": "giàu có", "poor": "nghèo khó",
    "strong": "mạnh mẽ", "weak": "yếu ớt", "expensive": "đắt", "cheap": "rẻ", "heavy": "nặng",
    "light": "nhẹ",
}  # fmt: skip
# preposition, noun
PLACE = {
    "garden": ("trong", "vườn"), "house": ("trong", "nhà"), "beach": ("ở", "bãi biển"),
    "street": ("ngoài", "đường"), "market": ("ở", "chợ"), "park": ("trong", "công viên"),
    "school": ("ở", "trường"), "forest": ("trong", "rừng"),
}  # fmt: skip
NUMBER = {2: "hai", 3: "ba", 4: "bốn", 5: "năm"}


class Vietnamese(Grammar):
    code = "vi"
    # Answers to "..., đúng hay sai?" ("Không" would begin "Không rõ").
    yes, no, maybe = "Đúng", "Sai", "Không rõ"

    def statement(self, clause: Clause) -> list[str]:
        place = " ".join(PLACE[clause.place]).split() if clause.place else []
        subject = self._phrase(clause.subject)
        if clause.verb is None:
            if clause.subject.number:  # a counted subject is introduced with "có"
                return [*place, "có", *subject]
            # "đang" keeps "con chó lớn ở trong vườn" from being read as one noun phrase.
            return [*subject, "đang", "ở", *(place[1:] if place[:1] == ["ở"] else place)]
        aspect = [] if clause.verb in MOMENTARY else ["đang"]
        obj = self._phrase(clause.object) if clause.object else []
        return [*subject, *aspect, *VERB[clause.verb].split(), *obj, *place]

    def question(self, clause: Clause) -> list[str]:
        return [*self.statement(clause), "+,", "đúng", "hay", "sai"]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*NOUN[noun][1].split(), "là", *CLASS_PREDICATE[class_noun].split()]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [*ADJECTIVE[adjective].split(), "trái", "nghĩa", "với", *ADJECTIVE[opposite].split()]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        if concept in NOUN:
            return NOUN[concept][1].split()
        if concept in PLACE:
            return PLACE[concept][1].split()
        return (VERB | ADJECTIVE)[concept].split()

    def _phrase(self, phrase: NounPhrase) -> list[str]:
        classifier, noun = NOUN[phrase.noun]
        if phrase.number:
            return [NUMBER[phrase.number], *f"{COUNTED.get(phrase.noun, classifier)} {noun}".split()]
        words = f"{classifier} {noun}".split()
        if phrase.adjective:
            words += ADJECTIVE[phrase.adjective].split()
        return [*words, *(["đó"] if phrase.noun in DEMONSTRATIVE else [])]


GRAMMAR = Vietnamese()
