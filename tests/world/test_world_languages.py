"""Every language can say everything, in its own script and punctuation; and a few sentences checked by hand.

Not named test_languages.py: the tests are no package, and tests/test_languages.py has that name.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from fontTools import unicodedata as scripts
from text import CITED

from mslt_it.problems import Problem
from mslt_it.world.concepts import (
    ADJECTIVE_PAIRS,
    ANIMATE,
    CLASS_OF,
    CLASSES,
    INANIMATE,
    INTRANSITIVE,
    NOUNS,
    NUMBERS,
    PLACES,
    TRANSITIVE,
    Clause,
    NounPhrase,
    adjectives_of,
    class_of,
)
from mslt_it.world.generator import answer_word
from mslt_it.world.grammar import Grammar
from mslt_it.world.inference import LABELS
from mslt_it.world.languages import CODES, grammar

PROMPTS = Path(__file__).parents[2] / "eval" / "prompts" / "xnli"
SCRIPTS = {
    "ar": {"Arab"}, "bg": {"Cyrl"}, "el": {"Grek"}, "he": {"Hebr"}, "hi": {"Deva"}, "ja": {"Hira", "Kana", "Hani"},
    "ko": {"Hang"}, "ru": {"Cyrl"}, "th": {"Thai"}, "ur": {"Arab"}, "zh": {"Hani"},
}  # fmt: skip
QUESTION_MARKS = {"ar": "؟", "ur": "؟", "el": ";", "ja": "？", "zh": "？", "th": ""}
FULL_STOPS = {"hi": "।", "ur": "۔", "ja": "。", "zh": "。", "th": ""}


def people() -> list[str]:
    return [n for n in NOUNS if class_of(n) == "person"]


def clauses() -> Iterator[Clause]:
    """Each frame with every noun, adjective, verb, place and number; not every combination of them all."""
    places = itertools.cycle([None, *PLACES])
    for noun in NOUNS:
        phrases = [NounPhrase(noun), *(NounPhrase(noun, a) for a in adjectives_of(noun))]
        for phrase in phrases:
            for place in PLACES:
                yield Clause(phrase, None, None, place)
            if class_of(noun) in ANIMATE:
                for verb in INTRANSITIVE:
                    if class_of(noun) == "person" or verb not in ("laugh", "cry"):
                        yield Clause(phrase, verb, None, next(places))
            if class_of(noun) in INANIMATE:
                for verb, person in itertools.product(TRANSITIVE, people()):
                    yield Clause(NounPhrase(person), verb, phrase, next(places))
        if class_of(noun) != "vegetable":
            for number, place in itertools.product(NUMBERS, PLACES):
                yield Clause(NounPhrase(noun, None, number), None, None, place)
    for person, verb, place in itertools.product(people(), TRANSITIVE, PLACES):
        yield Clause(NounPhrase(person), verb, NounPhrase("apple"), place)
        yield Clause(NounPhrase(person, adjectives_of(person)[0]), verb, NounPhrase("saw"))
    for noun, verb, place in itertools.product(CLASSES["animal"], ("sit", "stand", "sleep", "run"), PLACES):
        yield Clause(NounPhrase(noun), verb, None, place)


ALL_CLAUSES = tuple(dict.fromkeys(clauses()))


@cache
def statements(code: str) -> tuple[str, ...]:
    language = grammar(code)
    return tuple(language.sentence(language.statement(clause)) for clause in ALL_CLAUSES)


@cache
def questions(code: str) -> tuple[str, ...]:
    language = grammar(code)
    return tuple(language.ask(language.question(clause)) for clause in ALL_CLAUSES)


@cache
def facts(code: str) -> tuple[str, ...]:
    language = grammar(code)
    lists = [language.class_fact(noun, name) for noun, name in CLASS_OF.items()]
    lists += [language.opposite_fact(*p) for pair in ADJECTIVE_PAIRS for p in (pair, pair[::-1])]
    return tuple(map(language.sentence, lists))


def check_spacing(text: str, language: Grammar) -> None:
    assert text and text == text.strip(), repr(text)
    assert "+" not in text and "  " not in text, repr(text)
    assert not any(c in text for c in "{}[]<>_\n\t\ufffd"), repr(text)
    assert unicodedata.normalize("NFC", text) == text, repr(text)
    assert not language.spaces or not any(f" {mark}" in text for mark in ".,؟۔।;") or language.code == "fr", repr(text)


def test_the_list_holds_every_word() -> None:
    assert {c.place for c in ALL_CLAUSES} == {None, *PLACES}
    assert {c.verb for c in ALL_CLAUSES} == {None, *INTRANSITIVE, *TRANSITIVE}
    assert {c.subject.noun for c in ALL_CLAUSES} == set(NOUNS)
    assert {c.subject.number for c in ALL_CLAUSES} == {None, *NUMBERS}


@pytest.mark.parametrize("code", CODES)
def test_every_clause_builds(code: str) -> None:
    language = grammar(code)
    assert language.code == code
    for clause in ALL_CLAUSES:
        for words in (language.statement(clause), language.question(clause)):
            assert words and all(w.strip("+").strip() for w in words), (clause, words)
    for text in (*statements(code), *questions(code), *facts(code)):
        check_spacing(text, language)


@pytest.mark.parametrize("code", CODES)
def test_punctuation_is_the_languages_own(code: str) -> None:
    language = grammar(code)
    stop, mark = FULL_STOPS.get(code, "."), QUESTION_MARKS.get(code, "?")
    assert language.full_stop.strip() == stop and language.question_mark.strip() == mark
    for text in (*statements(code), *facts(code)):
        assert text.endswith(stop) and not text.endswith((stop or "x") * 2)
    for text in questions(code):
        assert text.endswith(mark)
        assert text.startswith("¿") == (code == "es")
        assert not stop or stop not in text
    assert not set(statements(code)) & set(questions(code))


@pytest.mark.parametrize("code", CODES)
def test_letters_are_of_the_script(code: str) -> None:
    expected = SCRIPTS.get(code, {"Latn"})
    for text in (*statements(code), *questions(code), *facts(code)):
        letters = [c for c in text if unicodedata.category(c)[0] in "LM"]
        foreign = {c for c in letters if scripts.script(c) not in expected | {"Zyyy", "Zinh"}}
        assert not foreign, (text, foreign)


@pytest.mark.parametrize("code", CODES)
def test_clauses_that_differ_are_written_differently(code: str) -> None:
    for kind, written in (("statements", statements(code)), ("questions", questions(code))):
        first: dict[str, Clause] = {}
        for clause, text in zip(ALL_CLAUSES, written, strict=True):
            assert first.setdefault(text, clause) == clause, (kind, text, first[text], clause)
    assert len(set(facts(code))) == len(facts(code))


@pytest.mark.parametrize("code", CODES)
def test_sentences_begin_with_a_capital_where_there_are_any(code: str) -> None:
    language = grammar(code)
    assert language.capital("") == ""
    for text in (*statements(code), *questions(code), *facts(code)):
        letter = next(c for c in text if c.isalpha())
        assert letter.upper() == letter or letter.lower() == letter.upper(), text


@pytest.mark.parametrize("code", CODES)
def test_citations_are_distinct(code: str) -> None:
    language = grammar(code)
    found: dict[str, list[str]] = {}
    for concept in CITED:
        text = language.join(language.citation(concept))
        check_spacing(text, language)
        found.setdefault(text, []).append(concept)
    assert {text: concepts for text, concepts in found.items() if len(concepts) > 1} == {}


@pytest.mark.parametrize("code", CODES)
def test_answers_are_the_prompts_labels(code: str) -> None:
    language = grammar(code)
    answers = {label: answer_word(language, label) for label in LABELS}
    assert len(set(answers.values())) == len(LABELS)
    for a, b in itertools.permutations(answers.values(), 2):
        assert not a.casefold().startswith(b.casefold()), answers
    prompts = yaml.safe_load((PROMPTS / f"{code}.yaml").read_text(encoding="utf-8"))
    assert prompts["labels"] == answers


def test_an_unknown_language_is_a_problem() -> None:
    with pytest.raises(Problem, match="no language 'xx'"):
        grammar("xx")


def test_an_empty_word_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty word"):
        grammar("en").join(["a", "", "b"])


def test_glue_joins_words() -> None:
    assert grammar("fr").join(["l'+", "homme", "dort"]) == "l'homme dort"
    assert grammar("ko").join(["개", "+가", "잔다"]) == "개가 잔다"


RICH = Clause(NounPhrase("person", "rich"), "cry", None, "house")
LOST = Clause(NounPhrase("boy", "strong"), "lose", NounPhrase("bicycle", "expensive"), "beach")
BUSES = Clause(NounPhrase("bus", None, 5), None, None, "street")
CAR = Clause(NounPhrase("woman"), "show", NounPhrase("car", "clean"), "garden")
COW = Clause(NounPhrase("cow"), "stand", None, "park")
APPLES = Clause(NounPhrase("apple", None, 2), None, None, "market")
BUY = Clause(NounPhrase("girl"), "buy", NounPhrase("apple", "cheap"), "market")
SAW = Clause(NounPhrase("man"), "hide", NounPhrase("saw", "dirty"), "school")
HORSES = Clause(NounPhrase("horse", None, 2), None, None, "forest")

# Read one by one, in every language: agreement, case, counters and aspect; a person who need not be young, male or
# people in general, a car that is no lorry, a house where the garden is not, something lost and not just being lost.
GOLDEN: dict[str, list[tuple[Clause, str]]] = {
    "ar": [
        (RICH, "يبكي الشخص الغني داخل البيت."),
        (LOST, "يفقد الولد القوي الدراجة الغالية على الشاطئ."),
        (BUSES, "هناك خمس حافلات في الشارع."),
        (CAR, "تعرض المرأة السيارة النظيفة في حديقة المنزل."),
        (BUY, "تشتري البنت التفاحة الرخيصة في السوق."),
        (SAW, "يخفي الرجل المنشار المتسخ في المدرسة."),
        (APPLES, "هناك تفاحتان في السوق."),
    ],
    "bg": [
        (RICH, "Богатият човек плаче в къщата."),
        (LOST, "Силното момче губи скъпия велосипед на плажа."),
        (BUSES, "На улицата има пет автобуса."),
        (CAR, "Жената показва чистата кола в градината."),
        (SAW, "Мъжът крие мръсния трион в училището."),
        (HORSES, "В гората има два коня."),
    ],
    "de": [
        (RICH, "Die reiche Person weint im Haus."),
        (LOST, "Der starke Junge verliert das teure Fahrrad am Strand."),
        (BUSES, "Auf der Straße sind fünf Busse."),
        (CAR, "Die Frau zeigt das saubere Auto im Garten."),
        (BUY, "Das Mädchen kauft den billigen Apfel auf dem Markt."),
        (SAW, "Der Mann versteckt die schmutzige Säge in der Schule."),
    ],
    "el": [
        (RICH, "Ο πλούσιος άνθρωπος κλαίει μέσα στο σπίτι."),
        (LOST, "Το δυνατό αγόρι χάνει το ακριβό ποδήλατο στην παραλία."),
        (BUSES, "Στον δρόμο υπάρχουν πέντε λεωφορεία."),
        (CAR, "Η γυναίκα δείχνει το καθαρό αυτοκίνητο στον κήπο."),
        (SAW, "Ο άντρας κρύβει το βρώμικο πριόνι στο σχολείο."),
    ],
    "en": [
        (RICH, "The rich person is crying in the house."),
        (LOST, "The strong boy has lost the expensive bicycle on the beach."),
        (BUSES, "There are five buses in the street."),
        (CAR, "The woman is showing the clean car in the garden."),
        (SAW, "The man is hiding the dirty saw at the school."),
    ],
    "es": [
        (RICH, "La persona rica llora en la casa."),
        (LOST, "El chico fuerte pierde la bicicleta cara en la playa."),
        (BUSES, "Hay cinco autobuses en la calle."),
        (CAR, "La mujer muestra el coche limpio en el jardín."),
        (BUY, "La chica compra la manzana barata en el mercado."),
    ],
    "fi": [
        (RICH, "Rikas henkilö itkee talossa."),
        (LOST, "Vahva poika kadottaa rannalla kalliin polkupyörän."),
        (BUSES, "Kadulla on viisi bussia."),
        (CAR, "Nainen näyttää puutarhassa puhdasta henkilöautoa."),
        (BUY, "Tyttö ostaa torilla halvan omenan."),
        (HORSES, "Metsässä on kaksi hevosta."),
    ],
    "fr": [
        (RICH, "La personne riche pleure dans la maison."),
        (LOST, "Le garçon fort perd le vélo cher sur la plage."),
        (BUSES, "Il y a cinq bus dans la rue."),
        (CAR, "La femme montre la voiture propre dans le jardin."),
        (SAW, "L'homme cache la scie sale à l'école."),
    ],
    "he": [
        (RICH, "האדם העשיר בוכה בתוך הבית."),
        (LOST, "הילד החזק מאבד את האופניים היקרים בחוף הים."),
        (BUSES, "יש חמישה אוטובוסים ברחוב."),
        (CAR, "האישה מציגה את המכונית הנקייה בגינה."),
        (APPLES, "יש שני תפוחים בשוק."),
    ],
    "hi": [
        (RICH, "अमीर व्यक्ति घर के अंदर रो रहा है।"),
        (LOST, "ताकतवर लड़के ने समुद्र तट पर महँगी साइकिल खो दी है।"),
        (BUSES, "सड़क पर पाँच बसें हैं।"),
        (CAR, "महिला बगीचे में साफ़ कार दिखा रही है।"),
        (BUY, "लड़की बाज़ार में सस्ता सेब खरीद रही है।"),
    ],
    "id": [
        (RICH, "Orang yang kaya itu sedang menangis di dalam rumah."),
        (LOST, "Anak laki-laki kuat itu kehilangan sepeda mahal itu di pantai."),
        (BUSES, "Ada lima buah bus di jalan."),
        (CAR, "Wanita itu sedang menunjukkan mobil bersih itu di kebun."),
        (APPLES, "Ada dua buah apel di pasar."),
        (SAW, "Pria itu sedang menyembunyikan gergaji kotor itu di sekolah."),
    ],
    "ja": [
        (RICH, "その裕福な人は家の中で泣いています。"),
        (LOST, "強い男の子は海岸で高価な自転車をなくしました。"),
        (BUSES, "通りにバスが五台あります。"),
        (CAR, "女性は庭で清潔な乗用車を見せています。"),
        (BUY, "女の子は市場で安いりんごを買っています。"),
        (HORSES, "森に馬が二頭います。"),
    ],
    "ko": [
        (RICH, "부유한 사람이 집 안에서 울고 있습니다."),
        (LOST, "강한 소년이 해변에서 비싼 자전거를 잃어버렸습니다."),
        (BUSES, "거리에 버스 다섯 대가 있습니다."),
        (CAR, "여자가 정원에서 깨끗한 승용차를 보여주고 있습니다."),
        (HORSES, "숲에 말 두 마리가 있습니다."),
        (SAW, "남자가 학교에서 더러운 톱을 숨기고 있습니다."),
    ],
    "ru": [
        (RICH, "Богатый человек плачет в доме."),
        (LOST, "Сильный мальчик теряет дорогой велосипед на пляже."),
        (BUSES, "На дороге пять автобусов."),
        (CAR, "Женщина показывает чистую легковую машину в саду."),
        (SAW, "Мужчина прячет грязную пилу в школе."),
        (BUY, "Девочка покупает дешёвое яблоко на рынке."),
        (APPLES, "На рынке два яблока."),
    ],
    "sw": [
        (RICH, "Mtu tajiri analia ndani ya nyumba."),
        (LOST, "Mvulana mwenye nguvu amepoteza baiskeli ghali ufukweni."),
        (BUSES, "Kuna mabasi matano barabarani."),
        (CAR, "Mwanamke anaonyesha motokaa safi bustanini."),
        (SAW, "Mwanamume anaficha msumeno mchafu shuleni."),
        (APPLES, "Kuna matufaha mawili sokoni."),
    ],
    "th": [
        (RICH, "คนที่ร่ำรวยคนนั้นกำลังร้องไห้อยู่ในบ้าน"),
        (LOST, "เด็กผู้ชายที่แข็งแรงทำจักรยานที่ราคาแพงหายบนชายหาด"),
        (BUSES, "บนถนนมีรถบัสห้าคัน"),
        (CAR, "ผู้หญิงกำลังแสดงรถเก๋งที่สะอาดให้ดูในสวนหลังบ้าน"),
        (HORSES, "ในป่ามีม้าสองตัว"),
        (BUY, "เด็กผู้หญิงกำลังซื้อแอปเปิลที่ราคาถูกในตลาด"),
    ],
    "tr": [
        (RICH, "Zengin kişi evin içinde ağlıyor."),
        (LOST, "Güçlü oğlan plajda pahalı bisikleti kaybediyor."),
        (BUSES, "Sokakta beş otobüs var."),
        (CAR, "Kadın bahçede temiz otomobili gösteriyor."),
        (BUY, "Kız pazarda ucuz elmayı satın alıyor."),
    ],
    "ur": [
        (RICH, "امیر شخص گھر کے اندر رو رہا ہے۔"),
        (LOST, "طاقتور لڑکے نے ساحل پر مہنگی سائیکل کھو دی ہے۔"),
        (BUSES, "سڑک پر پانچ بسیں ہیں۔"),
        (CAR, "عورت باغیچے میں صاف کار دکھا رہی ہے۔"),
        (BUY, "لڑکی بازار میں سستا سیب خرید رہی ہے۔"),
    ],
    "vi": [
        (RICH, "Người giàu có đó đang khóc trong nhà."),
        (LOST, "Cậu bé mạnh mẽ làm mất chiếc xe đạp đắt ở bãi biển."),
        (BUSES, "Ngoài đường có năm chiếc xe buýt."),
        (CAR, "Người phụ nữ đang cho xem chiếc ô tô con sạch sẽ trong vườn."),
        (BUY, "Cô bé đang mua quả táo rẻ ở chợ."),
        (HORSES, "Trong rừng có hai con ngựa."),
    ],
    "zh": [
        (RICH, "那个富有的人在房子里哭。"),
        (LOST, "强壮的男孩在海滩上弄丢了贵的自行车。"),
        (BUSES, "街上有五辆公交车。"),
        (CAR, "女人在花园里展示干净的轿车。"),
        (APPLES, "市场里有两个苹果。"),
        (HORSES, "森林里有两匹马。"),
    ],
}
# The question of the clause that says most about the language's way of asking.
GOLDEN_QUESTIONS = {
    "ar": (LOST, "هل يفقد الولد القوي الدراجة الغالية على الشاطئ؟"),
    "bg": (BUSES, "Има ли пет автобуса на улицата?"),
    "de": (BUSES, "Sind auf der Straße fünf Busse?"),
    "el": (BUSES, "Υπάρχουν πέντε λεωφορεία στον δρόμο;"),
    "en": (LOST, "Has the strong boy lost the expensive bicycle on the beach?"),
    "es": (COW, "¿Está la vaca de pie en el parque?"),
    "fi": (COW, "Seisooko lehmä puistossa?"),
    "fr": (BUSES, "Est-ce qu'il y a cinq bus dans la rue ?"),
    "he": (COW, "האם הפרה עומדת בפארק?"),
    "hi": (LOST, "क्या ताकतवर लड़के ने समुद्र तट पर महँगी साइकिल खो दी है?"),
    "id": (COW, "Apakah sapi itu sedang berdiri di taman?"),
    "ja": (COW, "牛は公園に立っていますか？"),
    "ko": (COW, "소가 공원에 서 있습니까?"),
    "ru": (COW, "Корова стоит в парке?"),
    "sw": (COW, "Je, ng'ombe amesimama katika uwanja wa mapumziko?"),
    "th": (COW, "วัวกำลังยืนอยู่ในสวนสาธารณะใช่หรือไม่"),
    "tr": (COW, "İnek parkta ayakta duruyor mu?"),
    "ur": (LOST, "کیا طاقتور لڑکے نے ساحل پر مہنگی سائیکل کھو دی ہے؟"),
    "vi": (COW, "Con bò đang đứng trong công viên, đúng hay sai?"),
    "zh": (LOST, "强壮的男孩是不是在海滩上弄丢了贵的自行车？"),
}


@pytest.mark.parametrize("code", GOLDEN)
def test_sentences_checked_by_hand(code: str) -> None:
    language = grammar(code)
    for clause, expected in GOLDEN[code]:
        found = language.sentence(language.statement(clause))
        assert " ".join(found.split()) == expected
    clause, expected = GOLDEN_QUESTIONS[code]
    assert " ".join(language.ask(language.question(clause)).split()) == expected
