"""A few sentences and questions of each language, read one by one."""

from __future__ import annotations

import pytest

from mslt_it.world.concepts import Clause, NounPhrase
from mslt_it.world.languages import grammar

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
