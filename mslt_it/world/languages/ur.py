"""Urdu: Hindi's sentence patterns with its own words and script."""

from __future__ import annotations

from mslt_it.world.languages.hi import Hindustani

# concept: (noun, plural after a numeral, gender)
NOUN: dict[str, tuple[str, str, str]] = {
    "man": ("مرد", "مرد", "m"), "woman": ("عورت", "عورتیں", "f"), "boy": ("لڑکا", "لڑکے", "m"),
    "girl": ("لڑکی", "لڑکیاں", "f"), "person": ("شخص", "افراد", "m"),
    "dog": ("کتا", "کتے", "m"), "cat": ("بلی", "بلیاں", "f"), "horse": ("گھوڑا", "گھوڑے", "m"),
    "cow": ("گائے", "گائیں", "f"), "animal": ("جانور", "جانور", "m"),
    "apple": ("سیب", "سیب", "m"), "orange": ("مالٹا", "مالٹے", "m"), "banana": ("کیلا", "کیلے", "m"),
    "lemon": ("لیموں", "لیموں", "m"), "fruit": ("پھل", "پھل", "m"),
    "potato": ("آلو", "آلو", "m"), "onion": ("پیاز", "پیاز", "m"), "carrot": ("گاجر", "گاجریں", "f"),
    "cabbage": ("بند گوبھی", "بند گوبھیاں", "f"), "vegetable": ("سبزی", "سبزیاں", "f"),
    "car": ("کار", "کاریں", "f"), "bus": ("بس", "بسیں", "f"), "bicycle": ("سائیکل", "سائیکلیں", "f"),
    "truck": ("ٹرک", "ٹرک", "m"), "vehicle": ("سواری", "سواریاں", "f"),
    # a bicycle is no گاڑی, and a باغ may be a park: باغیچہ below
    "hammer": ("ہتھوڑا", "ہتھوڑے", "m"), "saw": ("آری", "آریاں", "f"), "axe": ("کلہاڑی", "کلہاڑیاں", "f"),
    "shovel": ("بیلچہ", "بیلچے", "m"), "tool": ("اوزار", "اوزار", "m"),
}  # fmt: skip
# concept: (citation, before a masculine subject's "is", before a feminine one's); states and perfects as in Hindi
VERB: dict[str, tuple[str, str, str]] = {
    "sit": ("بیٹھنا", "بیٹھا", "بیٹھی"), "stand": ("کھڑا ہونا", "کھڑا", "کھڑی"),
    "sleep": ("سو +نا", "سو رہا", "سو رہی"), "run": ("دوڑ +نا", "دوڑ رہا", "دوڑ رہی"),
    "laugh": ("ہنس +نا", "ہنس رہا", "ہنس رہی"), "cry": ("رو +نا", "رو رہا", "رو رہی"),
    "buy": ("خرید +نا", "خرید رہا", "خرید رہی"), "sell": ("بیچ +نا", "بیچ رہا", "بیچ رہی"),
    "find": ("ڈھونڈ لینا", "ڈھونڈ لیا", "ڈھونڈ لی"), "lose": ("کھو دینا", "کھو دیا", "کھو دی"),
    "hide": ("چھپا +نا", "چھپا رہا", "چھپا رہی"), "show": ("دکھا +نا", "دکھا رہا", "دکھا رہی"),
}  # fmt: skip
ADJECTIVE: dict[str, tuple[str, str]] = {  # masculine, feminine
    "big": ("بڑا", "بڑی"), "small": ("چھوٹا", "چھوٹی"), "clean": ("صاف", "صاف"), "dirty": ("گندا", "گندی"),
    "rich": ("امیر", "امیر"), "poor": ("غریب", "غریب"), "strong": ("طاقتور", "طاقتور"),
    "weak": ("کمزور", "کمزور"), "expensive": ("مہنگا", "مہنگی"), "cheap": ("سستا", "سستی"),
    "heavy": ("بھاری", "بھاری"), "light": ("ہلکا", "ہلکی"),
}  # fmt: skip
PLACE: dict[str, tuple[str, str]] = {  # citation, oblique with its postposition
    "garden": ("باغیچہ", "باغیچے میں"), "house": ("گھر", "گھر کے اندر"), "beach": ("ساحل", "ساحل پر"),
    "street": ("سڑک", "سڑک پر"), "market": ("بازار", "بازار میں"), "park": ("پارک", "پارک میں"),
    "school": ("اسکول", "اسکول میں"), "forest": ("جنگل", "جنگل میں"),
}  # fmt: skip


class Urdu(Hindustani):
    code = "ur"
    full_stop, question_mark = "۔", "؟"
    yes, no, maybe = "ہاں", "نہیں", "شاید"
    nouns, verbs, adjectives, places = NOUN, VERB, ADJECTIVE, PLACE

    def __init__(self) -> None:
        self.numbers = {2: "دو", 3: "تین", 4: "چار", 5: "پانچ"}
        self.be, self.asks, self.one = ("ہے", "ہیں"), "کیا", "ایک"
        self.opposite = ["کا", "متضاد"]
        self.agent, self.oblique = "نے", ("ا", "ے")


GRAMMAR = Urdu()
