"""Korean (formal polite style)."""

from __future__ import annotations

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.grammar import Grammar

# noun -> word, classifier (loose vegetables have no common classifier: they are counted by kind)
NOUN = {
    "man": ("남자", "명"), "woman": ("여자", "명"), "boy": ("소년", "명"), "girl": ("소녀", "명"),
    "person": ("사람", "명"),
    "dog": ("개", "마리"), "cat": ("고양이", "마리"), "horse": ("말", "마리"), "cow": ("소", "마리"),
    "animal": ("동물", "마리"),
    "apple": ("사과", "개"), "orange": ("오렌지", "개"), "banana": ("바나나", "개"), "lemon": ("레몬", "개"),
    "fruit": ("과일", "개"),
    "potato": ("감자", "개"), "onion": ("양파", "개"), "carrot": ("당근", "개"), "cabbage": ("양배추", "통"),
    "vegetable": ("채소", "가지"),
    "car": ("승용차", "대"), "bus": ("버스", "대"), "bicycle": ("자전거", "대"), "truck": ("트럭", "대"),
    "vehicle": ("탈것", "대"),
    "hammer": ("망치", "자루"), "saw": ("톱", "자루"), "axe": ("도끼", "자루"), "shovel": ("삽", "자루"),
    "tool": ("도구", "개"),
}  # fmt: skip
# verb -> dictionary form, predicate without its ending -니다 / -니까. Postures are a result (-아 있다), the others in
# progress (-고 있다); finding and losing happen in a moment (찾고 있다 is "to look for"): past.
VERB = {
    "sit": ("앉다", "앉아 있습"), "stand": ("서다", "서 있습"), "sleep": ("자다", "자고 있습"),
    "run": ("달리다", "달리고 있습"), "laugh": ("웃다", "웃고 있습"), "cry": ("울다", "울고 있습"),
    "buy": ("사다", "사고 있습"), "sell": ("팔다", "팔고 있습"),
    "find": ("찾다", "찾았습"), "lose": ("잃어버리다", "잃어버렸습"),
    "hide": ("숨기다", "숨기고 있습"), "show": ("보여주다", "보여주고 있습"),
}  # fmt: skip
POSTURE = ("sit", "stand")  # one sits and stands 에 a place, and does all else 에서 it
# adjective -> dictionary form, form before a noun
ADJECTIVE = {
    "big": ("크다", "큰"), "small": ("작다", "작은"), "clean": ("깨끗하다", "깨끗한"), "dirty": ("더럽다", "더러운"),
    "rich": ("부유하다", "부유한"), "poor": ("가난하다", "가난한"),
    "strong": ("강하다", "강한"), "weak": ("약하다", "약한"),
    "expensive": ("비싸다", "비싼"), "cheap": ("싸다", "싼"), "heavy": ("무겁다", "무거운"),
    "light": ("가볍다", "가벼운"),
}  # fmt: skip
PLACE = {  # 집에 would be "at home", which the garden is too
    "garden": "정원", "house": "집 안", "beach": "해변", "street": "거리",
    "market": "시장", "park": "공원", "school": "학교", "forest": "숲",
}  # fmt: skip
NUMBER = {2: ("둘", "두"), 3: ("셋", "세"), 4: ("넷", "네"), 5: ("다섯", "다섯")}  # alone, before a classifier
SUBJECT, OBJECT, TOPIC = ("이", "가"), ("을", "를"), ("은", "는")  # after a consonant, after a vowel


class Korean(Grammar):
    code = "ko"
    yes, no, maybe = "예", "아니요", "알 수 없음"  # 예, not 네, which is also "four"

    def statement(self, clause: Clause) -> list[str]:
        return self._clause(clause, "니다")

    def question(self, clause: Clause) -> list[str]:
        return self._clause(clause, "니까")

    def class_fact(self, noun: str, class_noun: str) -> list[str]:
        return [*self._marked([NOUN[noun][0]], TOPIC), NOUN[class_noun][0], "+입니다"]

    def opposite_fact(self, adjective: str, opposite: str) -> list[str]:
        return [ADJECTIVE[adjective][0], "+의", "반대말", "+은", ADJECTIVE[opposite][0], "+입니다"]

    def citation(self, concept: str) -> list[str]:
        if concept.isdigit():
            return [NUMBER[int(concept)][0]]
        if concept in NOUN:
            return [NOUN[concept][0]]
        if concept in PLACE:
            return [PLACE[concept].removesuffix(" 안")]
        return [VERB[concept][0] if concept in VERB else ADJECTIVE[concept][0]]

    def _clause(self, clause: Clause, ending: str) -> list[str]:
        subject = self._marked(self._phrase(clause.subject), SUBJECT)
        place: list[str] = []
        if clause.place:
            place = [*PLACE[clause.place].split(), "+에" if clause.verb is None or clause.verb in POSTURE else "+에서"]
        if clause.verb is None:  # an indefinite subject follows the place: 정원에 개 세 마리가 있습니다
            return [*(place + subject if clause.subject.number else subject + place), "있습" + ending]
        thing = self._marked(self._phrase(clause.object), OBJECT) if clause.object else []
        return [*subject, *place, *thing, *(VERB[clause.verb][1] + ending).split()]

    def _phrase(self, phrase: NounPhrase) -> list[str]:
        noun, classifier = NOUN[phrase.noun]
        if phrase.number:
            return [noun, NUMBER[phrase.number][1], classifier]
        return [ADJECTIVE[phrase.adjective][1], noun] if phrase.adjective else [noun]

    def _marked(self, words: list[str], particle: tuple[str, str]) -> list[str]:
        """The phrase with the particle's form after a final consonant (a syllable is base + 28 finals) or a vowel."""
        open_syllable = (ord(words[-1][-1]) - 0xAC00) % 28 == 0
        return [*words, "+" + particle[open_syllable]]


GRAMMAR = Korean()
