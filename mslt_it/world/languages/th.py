"""Thai."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

KIND = "ชนิด"  # loose vegetables have no common classifier: they are counted by kind
# noun -> word, classifier
NOUN = {
    "man": ("ผู้ชาย", "คน"), "woman": ("ผู้หญิง", "คน"), "boy": ("เด็กผู้ชาย", "คน"), "girl": ("เด็กผู้หญิง", "คน"),
    "person": ("คน", "คน"),
    "dog": ("สุนัข", "ตัว"), "cat": ("แมว", "ตัว"), "horse": ("ม้า", "ตัว"), "cow": ("วัว", "ตัว"), "animal": ("สัตว์", "ตัว"),
    "apple": ("แอปเปิล", "ลูก"), "orange": ("ส้ม", "ลูก"), "banana": ("กล้วย", "ลูก"), "lemon": ("เลมอน", "ลูก"),
    "fruit": ("ผลไม้", "ลูก"),
    "potato": ("มันฝรั่ง", "หัว"), "onion": ("หัวหอม", "หัว"), "carrot": ("แครอท", "หัว"), "cabbage": ("กะหล่ำปลี", "หัว"),
    "vegetable": ("ผัก", KIND),
    "car": ("รถเก๋ง", "คัน"), "bus": ("รถบัส", "คัน"), "bicycle": ("จักรยาน", "คัน"), "truck": ("รถบรรทุก", "คัน"),
    "vehicle": ("ยานพาหนะ", "คัน"),
    "hammer": ("ค้อน", "อัน"), "saw": ("เลื่อย", "ปื้น"), "axe": ("ขวาน", "เล่ม"), "shovel": ("พลั่ว", "เล่ม"),
    "tool": ("เครื่องมือ", "ชิ้น"),
}  # fmt: skip
# verb -> what stands before and after its object (ทำค้อนหาย, แสดงค้อนให้ดู)
VERB = {
    "sit": ("นั่ง", ""), "stand": ("ยืน", ""), "sleep": ("นอนหลับ", ""), "run": ("วิ่ง", ""),
    "laugh": ("หัวเราะ", ""), "cry": ("ร้องไห้", ""), "buy": ("ซื้อ", ""), "sell": ("ขาย", ""),
    "find": ("พบ", ""), "lose": ("ทำ", "หาย"), "hide": ("ซ่อน", ""), "show": ("แสดง", "ให้ดู"),
}  # fmt: skip
MOMENT = ("find", "lose")  # they happen in a moment, so the progressive กำลัง cannot be said
# prices with ราคา, because ถูก alone is ambiguous
ADJECTIVE = {
    "big": "ใหญ่", "small": "เล็ก", "clean": "สะอาด", "dirty": "สกปรก", "rich": "ร่ำรวย", "poor": "ยากจน",
    "strong": "แข็งแรง", "weak": "อ่อนแอ", "expensive": "ราคาแพง", "cheap": "ราคาถูก", "heavy": "หนัก", "light": "เบา",
}  # fmt: skip
SIZE = ("big", "small")
# สวน alone may be a park, รถยนต์ a lorry, มะนาว a lime
PLACE = {
    "garden": ("ใน", "สวนหลังบ้าน"), "house": ("ใน", "บ้าน"), "beach": ("บน", "ชายหาด"), "street": ("บน", "ถนน"),
    "market": ("ใน", "ตลาด"), "park": ("ใน", "สวนสาธารณะ"), "school": ("ใน", "โรงเรียน"), "forest": ("ใน", "ป่า"),
}  # fmt: skip
NUMBER = {2: "สอง", 3: "สาม", 4: "สี่", 5: "ห้า"}


class Thai(Grammar):
    code = "th"
    spaces = False
    full_stop, question_mark = "", ""
    yes, no, maybe = "ใช่", "ไม่ใช่", "บอกไม่ได้"

    def statement(self, clause: Clause) -> list[str]:
        subject = self._phrase(clause.subject)
        place = [*PLACE[clause.place]] if clause.place else []
        if clause.verb is None:
            # an indefinite subject comes last: ในสวนมีสุนัขสามตัว
            return [*place, "มี", *subject] if clause.subject.number else [*subject, "อยู่", *place]
        before, after = VERB[clause.verb]
        verb = [before] if clause.verb in MOMENT else ["กำลัง", before]
        verb += self._phrase(clause.object) if clause.object else ["อยู่"]
        return [*subject, *verb, *([after] if after else []), *place]

    def question(self, clause: Clause) -> list[str]:
        # ใช่หรือไม่ is the written form, and the one that ใช่ and ไม่ใช่ answer.
        return [*self.statement(clause), "ใช่", "หรือ", "ไม่"]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [NOUN[noun][0], "เป็น", NOUN[class_noun][0]]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [ADJECTIVE[adjective], "ตรงข้าม", "กับ", ADJECTIVE[opposite]]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        if concept in NOUN:
            return [NOUN[concept][0]]
        if concept in PLACE:
            return [PLACE[concept][1]]
        if concept in VERB:
            return [word for word in VERB[concept] if word]
        return [ADJECTIVE[concept]]

    def _phrase(self, phrase: NounPhrase) -> list[str]:
        noun, classifier = NOUN[phrase.noun]
        if phrase.number:
            return [noun, NUMBER[phrase.number], classifier]
        # คน alone would speak of people in general: that person
        that = ["คน", "นั้น"] if phrase.noun == "person" else []
        if phrase.adjective is None:
            return [noun, *that[1:]]
        # Size goes with the classifier (สุนัขตัวใหญ่), any other quality with ที่ (สุนัขที่สะอาด).
        link = classifier if phrase.adjective in SIZE and classifier != KIND else "ที่"
        return [noun, link, ADJECTIVE[phrase.adjective], *that]


GRAMMAR = Thai()
