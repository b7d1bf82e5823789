"""Russian."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# gender, nominative, the form after 2-4 (genitive singular), the form after 5 (genitive plural)
NOUN = {
    "man": ("m", "мужчина", "мужчины", "мужчин"), "woman": ("f", "женщина", "женщины", "женщин"),
    "boy": ("m", "мальчик", "мальчика", "мальчиков"), "girl": ("f", "девочка", "девочки", "девочек"),
    "person": ("m", "человек", "человека", "человек"),
    "dog": ("f", "собака", "собаки", "собак"), "cat": ("f", "кошка", "кошки", "кошек"),
    "horse": ("f", "лошадь", "лошади", "лошадей"), "cow": ("f", "корова", "коровы", "коров"),
    "animal": ("n", "животное", "животных", "животных"),
    "apple": ("n", "яблоко", "яблока", "яблок"), "orange": ("m", "апельсин", "апельсина", "апельсинов"),
    "banana": ("m", "банан", "банана", "бананов"), "lemon": ("m", "лимон", "лимона", "лимонов"),
    "fruit": ("m", "фрукт", "фрукта", "фруктов"),
    "potato": ("f", "картофелина", "картофелины", "картофелин"), "onion": ("f", "луковица", "луковицы", "луковиц"),
    "carrot": ("f", "морковка", "морковки", "морковок"),
    "cabbage": ("f", "капуста", "кочана капусты", "кочанов капусты"),  # a mass noun: counted in heads
    "vegetable": ("m", "овощ", "овоща", "овощей"),
    # машина alone may be a lorry
    "car": ("f", "легковая машина", "легковые машины", "легковых машин"),
    "bus": ("m", "автобус", "автобуса", "автобусов"),
    "bicycle": ("m", "велосипед", "велосипеда", "велосипедов"),
    "truck": ("m", "грузовик", "грузовика", "грузовиков"),
    "vehicle": ("n", "транспортное средство", "транспортных средства", "транспортных средств"),
    "hammer": ("m", "молоток", "молотка", "молотков"), "saw": ("f", "пила", "пилы", "пил"),
    "axe": ("m", "топор", "топора", "топоров"), "shovel": ("f", "лопата", "лопаты", "лопат"),
    "tool": ("m", "инструмент", "инструмента", "инструментов"),
}  # fmt: skip
ADJECTIVE = {
    "big": ("большой", "большая", "большое"), "small": ("маленький", "маленькая", "маленькое"),
    "clean": ("чистый", "чистая", "чистое"), "dirty": ("грязный", "грязная", "грязное"),
    "rich": ("богатый", "богатая", "богатое"), "poor": ("бедный", "бедная", "бедное"),
    "strong": ("сильный", "сильная", "сильное"), "weak": ("слабый", "слабая", "слабое"),
    "expensive": ("дорогой", "дорогая", "дорогое"), "cheap": ("дешёвый", "дешёвая", "дешёвое"),
    "heavy": ("тяжёлый", "тяжёлая", "тяжёлое"), "light": ("лёгкий", "лёгкая", "лёгкое"),
}  # fmt: skip
# third person, infinitive; "бегает" (around in a place), for "бежит" has a direction
VERB = {
    "sit": ("сидит", "сидеть"), "stand": ("стоит", "стоять"), "sleep": ("спит", "спать"),
    "run": ("бегает", "бегать"), "laugh": ("смеётся", "смеяться"), "cry": ("плачет", "плакать"),
    "buy": ("покупает", "покупать"), "sell": ("продаёт", "продавать"), "find": ("находит", "находить"),
    "lose": ("теряет", "терять"), "hide": ("прячет", "прятать"), "show": ("показывает", "показывать"),
}  # fmt: skip
PLACE = {
    "garden": ("в саду", "сад"), "house": ("в доме", "дом"), "beach": ("на пляже", "пляж"),
    # на улице would be "outdoors", where a garden is too
    "street": ("на дороге", "дорога"), "market": ("на рынке", "рынок"), "park": ("в парке", "парк"),
    "school": ("в школе", "школа"), "forest": ("в лесу", "лес"),
}  # fmt: skip
NUMBER = {2: "два", 3: "три", 4: "четыре", 5: "пять"}
GENDERS = "mfn"


class Russian(Grammar):
    code = "ru"
    yes, no, maybe = "Да", "Нет", "Возможно"

    def statement(self, clause: Clause) -> list[str]:
        place = PLACE[clause.place][0].split() if clause.place else []
        if clause.subject.number:
            return [*place, *self._counted(clause.subject)]  # no copula: "в саду три собаки"
        words = self._phrase(clause.subject)
        if clause.verb:
            words.append(VERB[clause.verb][0])
        if clause.object:
            words += self._phrase(clause.object, accusative=True)
        return words + place

    def question(self, clause: Clause) -> list[str]:
        # The usual question keeps the order of the statement; "ли" would be bookish, and odd without a verb.
        return self.statement(clause)

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*self.citation(noun), "—", "это", *self.citation(class_noun)]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [*self.citation(adjective), "—", "антоним", "слова", *self.citation(opposite)]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        if concept in ADJECTIVE:
            return [ADJECTIVE[concept][0]]
        table = NOUN if concept in NOUN else PLACE if concept in PLACE else VERB
        return table[concept][1].split()

    def _phrase(self, phrase: NounPhrase, accusative: bool = False) -> list[str]:
        """Objects are things: only the feminine has an accusative of its own (большую пилу)."""
        gender, noun = NOUN[phrase.noun][:2]
        words = noun.split()
        if phrase.adjective:
            words = [ADJECTIVE[phrase.adjective][GENDERS.index(gender)], *words]
        if accusative and gender == "f":
            words = [word[:-2] + "ую" if word.endswith("ая") else word[:-1] + "у" for word in words]
        return words

    def _counted(self, phrase: NounPhrase) -> list[str]:
        assert phrase.number
        gender, _, few, many = NOUN[phrase.noun]
        number = NUMBER[phrase.number]
        if phrase.number == 2 and gender == "f" and phrase.noun != "cabbage":  # два кочана: кочан is masculine
            number = "две"
        return [number, *(few if phrase.number < 5 else many).split()]


GRAMMAR = Russian()
