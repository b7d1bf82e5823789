"""Chinese (Mandarin, simplified characters)."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# noun -> word, classifier (loose vegetables have no common classifier: they are counted by kind)
NOUN = {
    "man": ("男人", "个"), "woman": ("女人", "个"), "boy": ("男孩", "个"), "girl": ("女孩", "个"),
    "person": ("人", "个"),
    "dog": ("狗", "只"), "cat": ("猫", "只"), "horse": ("马", "匹"), "cow": ("牛", "头"), "animal": ("动物", "只"),
    "apple": ("苹果", "个"), "orange": ("橙子", "个"), "banana": ("香蕉", "根"), "lemon": ("柠檬", "个"),
    "fruit": ("水果", "个"),
    "potato": ("土豆", "个"), "onion": ("洋葱", "个"), "carrot": ("胡萝卜", "根"), "cabbage": ("卷心菜", "棵"),
    "vegetable": ("蔬菜", "种"),
    "car": ("轿车", "辆"), "bus": ("公交车", "辆"), "bicycle": ("自行车", "辆"), "truck": ("卡车", "辆"),
    "vehicle": ("车", "辆"),  # 汽车 may be any of them but the bicycle
    "hammer": ("锤子", "把"), "saw": ("锯子", "把"), "axe": ("斧头", "把"), "shovel": ("铲子", "把"),
    "tool": ("工具", "件"),
}  # fmt: skip
VERB = {
    "sit": "坐", "stand": "站", "sleep": "睡觉", "run": "奔跑", "laugh": "笑", "cry": "哭",
    "buy": "买", "sell": "卖", "find": "找到", "lose": "弄丢", "hide": "藏", "show": "展示",
}  # fmt: skip
POSTURE = ("sit", "stand")  # a state that lasts takes 着, never the progressive 在
RESULT = ("find", "lose")  # a verb with its result cannot be in progress: it takes 了
ADJECTIVE = {
    "big": "大", "small": "小", "clean": "干净", "dirty": "脏", "rich": "富有", "poor": "贫穷",
    "strong": "强壮", "weak": "虚弱", "expensive": "贵", "cheap": "便宜", "heavy": "重", "light": "轻",
}  # fmt: skip
PLACE = {
    "garden": ("花园", "里"), "house": ("房子", "里"), "beach": ("海滩", "上"), "street": ("街", "上"),
    "market": ("市场", "里"), "park": ("公园", "里"), "school": ("学校", "里"), "forest": ("森林", "里"),
}  # fmt: skip
NUMBER = {2: "两", 3: "三", 4: "四", 5: "五"}  # 两, not 二: it is the two of "two things"


class Chinese(Grammar):
    code = "zh"
    spaces = False
    full_stop, question_mark, sentence_space = "。", "？", ""
    yes, no, maybe = "是", "不是", "无法确定"

    def statement(self, clause: Clause) -> list[str]:
        topic, comment = self._halves(clause)
        return [*topic, *comment]

    def question(self, clause: Clause) -> list[str]:
        # 是不是 rather than 吗: only here are 是 and 不是 the answer to every sentence (also with 有 and 了).
        topic, comment = self._halves(clause)
        return [*topic, "是不是", *comment]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [NOUN[noun][0], "是", NOUN[class_noun][0]]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [ADJECTIVE[adjective], "的", "反义词", "是", ADJECTIVE[opposite]]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        if concept in NOUN:
            return [NOUN[concept][0]]
        if concept in PLACE:
            return [PLACE[concept][0]]
        return [VERB[concept] if concept in VERB else ADJECTIVE[concept]]

    def _halves(self, clause: Clause) -> tuple[list[str], list[str]]:
        """What the sentence is about, what it says about it."""
        place = [*PLACE[clause.place]] if clause.place else []
        if clause.verb is None:
            if clause.subject.number:  # an indefinite subject comes last: 花园里有三只狗
                return place, ["有", *self._phrase(clause.subject)]
            return self._phrase(clause.subject), ["在", *place]
        aspect = "着" if clause.verb in POSTURE else "了" if clause.verb in RESULT else ""
        # Of the 在 of the place and the 在 of the progressive one is enough: 在公园里奔跑, 在奔跑.
        at = ["在", *place] if place or not aspect else []
        thing = self._phrase(clause.object) if clause.object else []
        return self._phrase(clause.subject), [*at, VERB[clause.verb], *([aspect] if aspect else []), *thing]

    def _phrase(self, phrase: NounPhrase) -> list[str]:
        noun, classifier = NOUN[phrase.noun]
        if phrase.number:
            return [NUMBER[phrase.number], classifier, noun]
        that = ["那个"] if phrase.noun == "person" else []  # 人 alone would speak of people in general
        # Always with 的: 小狗 is a puppy, 小的狗 is a small dog.
        return [*that, *([ADJECTIVE[phrase.adjective], "的"] if phrase.adjective else []), noun]


GRAMMAR = Chinese()
