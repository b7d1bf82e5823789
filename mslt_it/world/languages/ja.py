"""Japanese (polite style)."""

from __future__ import annotations

from mslt_it.world.concepts import ANIMATE, Clause, NounPhrase, class_of
from mslt_it.world.grammar import Grammar

# noun -> word, counter
NOUN = {
    "man": ("男性", "人"), "woman": ("女性", "人"), "boy": ("男の子", "人"), "girl": ("女の子", "人"),
    "person": ("人", "人"),
    "dog": ("犬", "匹"), "cat": ("猫", "匹"), "horse": ("馬", "頭"), "cow": ("牛", "頭"), "animal": ("動物", "匹"),
    "apple": ("りんご", "個"), "orange": ("オレンジ", "個"), "banana": ("バナナ", "本"), "lemon": ("レモン", "個"),
    "fruit": ("果物", "つ"),
    "potato": ("じゃがいも", "個"), "onion": ("玉ねぎ", "個"), "carrot": ("にんじん", "本"),
    "cabbage": ("キャベツ", "個"), "vegetable": ("野菜", "つ"),
    "car": ("乗用車", "台"), "bus": ("バス", "台"), "bicycle": ("自転車", "台"), "truck": ("トラック", "台"),
    "vehicle": ("乗り物", "台"),
    "hammer": ("ハンマー", "本"), "saw": ("のこぎり", "本"), "axe": ("斧", "本"), "shovel": ("シャベル", "本"),
    "tool": ("道具", "つ"),
}  # fmt: skip
# verb -> dictionary form, predicate. Finding and losing happen in a moment: 見つけています would not say "is finding".
VERB = {
    "sit": ("座る", "座って います"), "stand": ("立つ", "立って います"),
    "sleep": ("寝る", "寝て います"), "run": ("走る", "走って います"),
    "laugh": ("笑う", "笑って います"), "cry": ("泣く", "泣いて います"),
    "buy": ("買う", "買って います"), "sell": ("売る", "売って います"),
    "find": ("見つける", "見つけ ました"), "lose": ("なくす", "なくし ました"),
    "hide": ("隠す", "隠して います"), "show": ("見せる", "見せて います"),
}  # fmt: skip
POSTURE = ("sit", "stand")  # one sits and stands に a place, and does all else で it
ADJECTIVE = {
    "big": "大きい", "small": "小さい", "clean": "清潔", "dirty": "汚い", "rich": "裕福", "poor": "貧しい",
    "strong": "強い", "weak": "弱い", "expensive": "高価", "cheap": "安い", "heavy": "重い", "light": "軽い",
}  # fmt: skip
NA_ADJECTIVE = ("clean", "rich", "expensive")  # 清潔な犬; 高い may be tall
PLACE = {  # 家に would be "at home", which the garden is too
    "garden": "庭", "house": "家の中", "beach": "海岸", "street": "通り",
    "market": "市場", "park": "公園", "school": "学校", "forest": "森",
}  # fmt: skip
NUMBER = {2: "二", 3: "三", 4: "四", 5: "五"}


class Japanese(Grammar):
    code = "ja"
    spaces = False
    full_stop, question_mark, sentence_space = "。", "？", ""
    yes, no, maybe = "はい", "いいえ", "どちらとも言えない"

    def statement(self, clause: Clause) -> list[str]:
        subject = clause.subject
        if clause.verb is None:
            place = [PLACE[clause.place], "に"] if clause.place else []
            exist = "います" if class_of(subject.noun) in ANIMATE else "あります"
            if subject.number:  # 庭に犬が三匹います
                return [*place, *self._counted(subject, "が"), exist]
            return [*self._marked(subject, "は"), *place, exist]
        words = self._marked(subject, "は")
        if clause.place:
            words += [PLACE[clause.place], "に" if clause.verb in POSTURE else "で"]
        if clause.object:
            words += self._marked(clause.object, "を")
        return [*words, *VERB[clause.verb][1].split()]

    def question(self, clause: Clause) -> list[str]:
        return [*self.statement(clause), "か"]

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [NOUN[noun][0], "は", NOUN[class_noun][0], "です"]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        # An adjective that is mentioned and not used stands in quotation marks.
        return ["「", ADJECTIVE[adjective], "」", "の", "反対", "は", "「", ADJECTIVE[opposite], "」", "です"]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)]]
        if concept in NOUN:
            return [NOUN[concept][0]]
        if concept in VERB:
            return [VERB[concept][0]]
        return [PLACE[concept].removesuffix("の中") if concept in PLACE else ADJECTIVE[concept]]

    def _counted(self, phrase: NounPhrase, particle: str) -> list[str]:
        """The number floats behind the particle: 犬が三匹."""
        noun, counter = NOUN[phrase.noun]
        return [noun, particle, NUMBER[phrase.number or 2], counter]

    def _marked(self, phrase: NounPhrase, particle: str) -> list[str]:
        if phrase.number:
            return self._counted(phrase, particle)
        that = ["その"] if phrase.noun == "person" else []  # 人 alone would speak of people in general
        adjective = [ADJECTIVE[phrase.adjective]] if phrase.adjective else []
        na = ["な"] if phrase.adjective in NA_ADJECTIVE else []
        return [*that, *adjective, *na, NOUN[phrase.noun][0], particle]


GRAMMAR = Japanese()
