"""Numbers written as words ("twenty-five", "fünfundzwanzig", "千二百五十"), turned into digits where they stand.

A number is a chain of parts: what counts up to 19 (to 99 where a language has a word for each), the tens, the hundreds
and the thousand. `numerals` then reads the digits as any others, with words for larger scales ("3 million"), halves and
signs. A test compares the table with the spell-out rules of CLDR.

A word for 1, and those of `WEAK`, mean something else as often ("one of them", "năm" is a year, too): they count only
where they are all that is said.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from decimal import Decimal

from mslt_it.evaluation.answers.amounts import AND_A_HALF, PART_BEFORE
from mslt_it.evaluation.answers.numerals import NO_WORD_SPACES, scale_behind
from mslt_it.evaluation.answers.words import LETTER, compiled, either

# fmt: off
# By language: the words for 0, 1, 2 ...; those for 20, 30 ... 90; those for 100, 200 ... 900 (one word: it multiplies);
# the thousand. Words are divided by spaces ("_" is a space in one), forms of one by "|", and are regular expressions.
# "10*" multiplies by ten, "10+" adds ten ("lima belas"), "½" adds a half.
PARTS: Mapping[str, tuple[str, str, str, str]] = {
    "en": ("zero one|a(?=_(?:hundred|thousand|[mb]illion)) two three four five six seven eight nine ten eleven "
        "twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen", "twenty thirty fou?rty fifty sixty "
        "seventy eighty ninety", "hundred", "thousand"),
    "ar": ("صفر واحدة? [اإ]ثنت?(?:ان|ين|ا|ي) ثلاثة?|ثلاث أربعة?|اربعة? خمسة? ستة? سبعة? ثمانية?|ثماني|ثمان تسعة? "
        "10+عشرة? [أا]حد_عشر|[إا]حدى_عشرة?", "عشر(?:ون|ين) ثلاث(?:ون|ين) [أا]ربع(?:ون|ين) خمس(?:ون|ين) ست(?:ون|ين) "
        "سبع(?:ون|ين) ثمان(?:ون|ين) تسع(?:ون|ين)", "م[ئا]+ئ?ة", "ألف[اً]*|آلاف|الف"),
    "bg": ("нула един|една|едно два|две|двама три|трима четири|четирима пет|петима шест седем осем девет десет "
        "един(?:адесет|айсет) двана(?:десет|йсет) трина(?:десет|йсет) четирина(?:десет|йсет) петна(?:десет|йсет) "
        "шестна(?:десет|йсет) седемна(?:десет|йсет) осемна(?:десет|йсет) деветна(?:десет|йсет)", "двадесет|двайсет "
        "тридесет|трийсет четиридесет|четирийсет|четиресет петдесет шестдесет|шейсет седемдесет осемдесет деветдесет",
        "сто двеста триста четиристотин петстотин шестстотин седемстотин осемстотин деветстотин", "хиляда|хиляди"),
    "bn": ("শূন্য এক দুই|দু তিন চার পাঁচ ছয় সাত আট নয় দশ এগারো? বারো? তেরো? চৌদ্দ পনেরো? ষোলো? সতেরো? আঠারো? উনিশ "
        "বিশ|কুড়ি একুশ বাইশ তেইশ চব্বিশ পঁচিশ ছাব্বিশ সাতাশ আঠাশ|আটাশ [ঊউ]নত্রিশ ত্রিশ|তিরিশ একত্রিশ বত্রিশ তেত্রিশ "
        "চৌত্রিশ পঁয়ত্রিশ ছত্রিশ সাঁইত্রিশ আটত্রিশ [ঊউ]নচল্লিশ চল্লিশ একচল্লিশ বিয়াল্লিশ তেতাল্লিশ চুয়াল্লিশ "
        "পঁয়তাল্লিশ ছেচল্লিশ সাতচল্লিশ আটচল্লিশ [ঊউ]নপঞ্চাশ পঞ্চাশ একান্ন বায়ান্ন|বাহান্ন তিপ্পান্ন চুয়ান্ন "
        "পঞ্চান্ন ছাপ্পান্ন সাতান্ন আটান্ন [ঊউ]নষাট ষাট একষট্টি বাষট্টি তেষট্টি চৌষট্টি পঁয়ষট্টি ছেষট্টি সাতষট্টি "
        "আটষট্টি [ঊউ]নসত্তর সত্তর একাত্তর বাহাত্তর তিয়াত্তর চুয়াত্তর পঁচাত্তর ছিয়াত্তর সাতাত্তর আটাত্তর [ঊউ]নআশি "
        "আশি একাশি বিরাশি তিরাশি চুরাশি পঁচাশি ছিয়াশি সাতাশি আটাশি|অষ্টাশি [ঊউ]ননব্বই নব্বই একানব্বই বিরানব্বই "
        "তিরানব্বই চুরানব্বই পঁচানব্বই ছিয়ানব্বই সাতানব্বই আটানব্বই নিরানব্বই", "", "শত?|শো", "হাজার"),
    "de": ("null ein(?:e[nmrs]?|s)? zwei|zwo drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
        "fünfzehn sechzehn siebzehn achtzehn neunzehn ½einhalb", "zwanzig drei(?:ß|ss)ig vierzig fünfzig sechzig "
        "siebzig achtzig neunzig", "hundert", "tausend"),
    "el": ("μηδέν ένας|έναν?|μία|μια δύο|δυο τρεις|τρία|τριών τέσσερις|τέσσερα|τεσσάρων πέντε έξι ε[πφ]τά ο[κχ]τώ "
        "εννέα|εννιά δέκα έντεκα δώδεκα δεκατρ(?:ία|είς|εις) δεκατέσσερ(?:α|ις) δεκαπέντε δεκαέξι|δεκάξι δεκαε[πφ]τά "
        "δεκαο[κχ]τώ δεκαενν(?:έα|ιά)", "είκοσι τριάντα σαράντα πενήντα εξήντα εβδομήντα ογδόντα ενν?ενήντα",
        "(?<!τοις_)εκατόν? διακόσι(?:α|οι|ες) τριακόσι(?:α|οι|ες) τετρακόσι(?:α|οι|ες) πεντακόσι(?:α|οι|ες) "
        "εξακόσι(?:α|οι|ες) ε[πφ]τακόσι(?:α|οι|ες) ο[κχ]τακόσι(?:α|οι|ες) εννι?ε?ακόσι(?:α|οι|ες)", "χίλι(?:α|οι|ες)|"
        "χ[ιί]λι[αά]δες"),
    "es": ("cero un[oa]?|ún dos|dós tres|trés cuatro cinco seis|séis siete ocho nueve diez once doce trece catorce "
        "quince diecis[ée]is diecisiete dieciocho diecinueve", "veint[ei] treinta cuarenta cincuenta sesenta setenta "
        "ochenta noventa", "(?<!por_)cien(?:to)? doscient[oa]s trescient[oa]s cuatrocient[oa]s quinient[oa]s "
        "seiscient[oa]s setecient[oa]s ochocient[oa]s novecient[oa]s", "mil"),
    "et": ("null üks|ühe kaks|kahe kolme? neli|nelja viis|viie kuus|kuue seitse|seitsme kaheksa üheksa kümme|kümne "
        "10*kümmend 10+teist(?:kümmend)?", "", "sada|saja", "tuhat|tuhande"),
    "fi": ("nolla yksi|yhden kaksi|kahden kolmen? neljän? viisi|viiden kuusi|kuuden seitsemän kahdeksan yhdeksän "
        "kymmenen 10*kymmentä 10+toista", "", "sataa?", "tuhat(?:ta)?"),
    "fr": ("zéro une? deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
        "dix-huit dix-neuf", "vingts? trente quarante cinquante soixante soixante[-_]dix|septante quatre[-_]vingts?|"
        "huitante|octante quatre[-_]vingt[-_]dix|nonante", "(?<!pour_)cents?", "mille"),
    "he": ("אפס אחת|אחד שתיים|שניים|שתי|שני|שתים|שנים שלושה?|שלוש|שלושת ארבעה?|ארבעת חמישה|חמש|חמשת שישה|שש|ששת "
        "שבעה?|שבעת שמונה|שמונת תשעה?|תשעת 10+עשרה?|עשרת 10+עשר", "עשרים שלושים ארבעים חמישים שישים שבעים שמונים "
        "תשעים", "מאה|מאות", "אלפים|אלפי|אלף"),
    "hi": ("शून्य एक दो तीन चार पाँच|पांच छह|छः|छे सात आठ नौ दस ग्यारह बारह तेरह चौदह पंद्रह|पन्द्रह सोलह सत्रह|सतरह "
        "अठारह|अट्ठारह उन्नीस बीस इक्कीस बा[ईइ]स ते[ईइ]स चौबीस पच्चीस छब्बीस सत्ता[ईइ]स अट्ठा[ईइ]स|अठाईस उन्?तीस तीस "
        "इकतीस|इकत्तीस बत्तीस तैंतीस|तेंतीस चौंतीस|चौतीस पैंतीस|पैतीस छत्तीस सैंतीस अड़तीस उन्?तालीस चालीस इकतालीस "
        "बयालीस तैंतालीस|तैतालीस चौवालीस|चवालीस पैंतालीस|पैतालीस छियालीस सैंतालीस अड़तालीस उन्?चास पचास इक्यावन बावन "
        "तिरे?पन चौवन|चौअन पचपन छप्पन सत्तावन अट्ठावन|अठावन उनसठ साठ इकसठ बासठ तिरे?सठ चौंसठ|चौसठ पैंसठ छियासठ सड़सठ "
        "अड़सठ उनहत्तर सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर छिहत्तर सतहत्तर अठहत्तर उन्यासी|उनासी अस्सी "
        "इक्यासी बयासी तिरासी चौरासी पचासी छियासी सत्तासी अट्ठासी|अठासी नवासी नब्बे इक्यान[वब]े बान[वब]े तिरान[वब]े "
        "चौरान[वब]े प[ंच]*चान[वब]े|पचान[वब]े छियान[वब]े सत्तान[वब]े अट्ठान[वब]े|अठान[वब]े निन्यान[वब]े", "", "सौ",
        "हज़ार|हजार"),
    "id": ("nol|kosong satu dua tiga empat lima enam tujuh delapan sembilan sepuluh sebelas 10*puluh 10+belas", "",
        "seratus|ratus", "seribu|ribu"),
    "it": ("zero un[oa]? due tr[eé] quattro cinque sei sette otto nove dieci undici dodici tredici quattordici "
        "quindici sedici diciassette diciotto diciannove", "venti? trenta? quaranta? cinquanta? sessanta? settanta? "
        "ottanta? novanta?", "(?<!per_)cent(?:o(?!tt))?", "mille|mila"),
    "ja": ("[〇零] [一壱] 二 三 四 五 六 七 八 九 10*十", "", "百(?!分)", "千"),
    "ko": ("영|공 일|하나|한 이|둘|두 삼|셋|세 사|넷|네 오|다섯 육|여섯 칠|일곱 팔|여덟 구|아홉 열 10*십", "스물|"
        "스무 서른 마흔 쉰 예순 일흔 여든 아흔", "백", "천"),
    "pt": ("zero uma?|hum dois|duas tr[êe]s quatro cinco seis sete oito nove dez onze doze treze [qc]u?atorze quinze "
        "dez[ea]sseis dez[ea]ssete dezoito dez[ea]nove", "vinte trinta quarenta cinquenta sessenta setenta oitenta "
        "noventa", "cem|(?<!por_)cento duzent[oa]s trezent[oa]s quatrocent[oa]s quinhent[oa]s seiscent[oa]s "
        "setecent[oa]s oitocent[oa]s novecent[oa]s", "mil"),
    "ru": ("ноль|нуль один|одна|одно|одну дв[ае]|двух три|тр[её]х четыре|четыр[её]х пят[ьи] шест[ьи] сем[ьи] восемь|"
        "восьми девят[ьи] десят[ьи] одиннадцат[ьи] двенадцат[ьи] тринадцат[ьи] четырнадцат[ьи] пятнадцат[ьи] "
        "шестнадцат[ьи] семнадцат[ьи] восемнадцат[ьи] девятнадцат[ьи]", "двадцат[ьи] тридцат[ьи] сорока? "
        "пят[ьи]десят[и]? шест[ьи]десят[и]? сем[ьи]десят[и]? вос(?:емь|ьми)десят[и]? девяносто?а?", "сто двести "
        "триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот", "тысяч[аиу]?"),
    "sw": ("sifuri m?moja mbili|[wv]i?a?wili (?:[wv][ia]|mi)?tatu (?:wa|vi|mi)?nne (?:wa|vi|mi)?tano sita saba (?:wa|"
        "vi|mi)?nane tisa kumi", "ishirini thelathini arobaini|arubaini hamsini sitini sabini themanini tisini", "", ""
        ),
    "ta": ("பூஜ்(?:ஜி)?யம்|சுழியம் ஒன்று|ொன்று|ஒரு இரண்டு?|ிரண்டு? மூன்று நான்கு?|நாலு? ஐந்து?|ைந்து? ஆறு?|ாறு ஏழு?|"
        "ேழு எட்டு?|ெட்டு ஒன்பது?|ொன்பது பத்து? பதினொன்று பன்னிரண்டு? பதின?்?மூன்று பதினான்கு|பதினாலு பதினைந்து "
        "பதினாறு பதினேழு பதினெட்டு பத்தொன்பது", "இருபத(?:ு|்து|்தி|்த) முப்பத(?:ு|்து|்தி|்த) நாற்பத(?:ு|்து|்தி|்த) "
        "ஐம்பத(?:ு|்து|்தி|்த) அறுபத(?:ு|்து|்தி|்த) எழுபத(?:ு|்து|்தி|்த) எண்பத(?:ு|்து|்தி|்த) தொண்ணூற(?:ு|்று|்ற)",
        "நூற(?:ு|்று|்ற) இருநூற(?:ு|்று|்ற) மு(?:ந்|ன்)நூற(?:ு|்று|்ற)|முன்னூற(?:ு|்று|்ற) நா[னந]ூற(?:ு|ூ|்று|்ற) "
        "ஐந?்?நூற(?:ு|்று|்ற) அறுநூற(?:ு|்று|்ற) எழுநூற(?:ு|்று|்ற) எண்[ணந]ூற(?:ு|்று|்ற) தொள்ளாயிர(?:ம்|த்து)",
        "[ஆா]யிர(?:ம்|த்து|த்த)"),
    "te": ("సున్నా ఒక|ఒకటి|ఒక్కటి|ఒక్క రెండు మూడు నాలుగు ఐదు|అయిదు ఆరు ఏడు ఎనిమిది తొమ్మిది పది పదకొండు పన్నెండు "
        "పదమూడు పద్నాలుగు|పదునాలుగు పదిహేను పదహారు|పదహారు పదిహేడు పద్దెనిమిది పం[తద]ొమ్మిది ½న్నర", "ఇరవై ముప్పై "
        "నలభై యాభై|ఏభై అరవై డెబ్[బభ]ై ఎనభై తొం[భబ]ై", "వందలు?|వందల?|నూటె?|నూరు", "వెయ్యి|వేయి|వేలు?"),
    "th": ("ศูนย์ หนึ่ง|เอ็ด สอง|ยี่ สาม(?!ารถ) สี่ ห้า(?![มง]) หก เจ็ด แปด เก้า(?!อี้) 10*สิบ", "", "ร้อย(?!ละ)",
        "พัน(?!ธ)"),
    "tr": ("sıfır bir iki üç dört beş altı yedi sekiz dokuz on", "yirmi otuz kırk elli altmış yetmiş seksen doksan",
        "yüz", "bin"),
    "ur": ("صفر ایک دو تین چار پانچ چھ|چھے|چھہ سات آٹھ نو دس گیارہ بارہ تیرہ چودہ پندرہ سولہ سترہ اٹھارہ انیس بیس "
        "اکیس بائیس تئیس|تیئیس چوبیس پچیس چھبیس ستائیس اٹھائیس انتیس تیس اکتیس بتیس تینتیس چونتیس پینتیس چھتیس "
        "سینتیس اڑتیس انتالیس چالیس اکتالیس بیالیس تینتالیس چوالیس پینتالیس چھیالیس سینتالیس اڑتالیس انچاس پچاس "
        "اکیاون باون ترپن چون پچپن چھپن ستاون اٹھاون انسٹھ ساٹھ اکسٹھ باسٹھ تری?سٹھ چونسٹھ پینسٹھ چھیاسٹھ سڑسٹھ "
        "اڑسٹھ انہتر ستر اکہتر بہتر تہتر چوہتر پچھتر چھہتر ستتر اٹھہتر اناسی اسی اکیاسی بیاسی تراسی چوراسی پچاسی "
        "چھیاسی ستاسی اٹھاسی نواسی نوے اکانوے بانوے ترانوے چورانوے پچانوے چھیانوے ستانوے اٹھانوے ننانوے", "", "سو",
        "ہزار"),
    "vi": ("(?!) một|mốt hai ba bốn|tư năm|lăm|nhăm sáu b[ảẩ]y tám chín mười 10*mươi", "", "(?<!phần_)trăm", "nghìn|"
        "ngàn"),
    "zh": ("[〇零] [一壹] [二两兩贰] [三叁] [四肆] [五伍] [六陆] [七柒] [八捌] [九玖] 10*[十拾](?!分)", "",
        "[百佰](?!分)", "[千仟]"),
}
# Words that are a number by themselves, where no chain of parts gives it.
WHOLE: Mapping[str, Mapping[str, str]] = {
    "ar": {"200": "م[ئا]+ئ?ت(?:ان|ين|ي|ا)", "2000": "ألف(?:ان|ين|ي)", "2000000": "مليون(?:ان|ين|ي)"},
    "bn": {"1.5": "দেড়", "2.5": "আড়াই"}, "de": {"1.5": "anderthalb"},
    "el": {"1.5": "ενάμισι|ενάμιση|μιάμιση|μιάμισι", "2.5": "δυόμισι", "3.5": "τρεισήμισι|τριάμισι", "4.5":
        "τεσσερισήμισι|τεσσεράμισι"}, "et": {"1.5": "poolteist"}, "fi": {"1.5": "puolitoista"},
    "he": {"2": "שעתיים|יומיים|שבועיים|חודשיים|שנתיים|פעמיים", "200": "מאתיים", "2000": "אלפיים", "12": "(?:שתים|"
        "שנים) עשרה?"}, "hi": {"1.5": "डेढ़", "2.5": "ढाई|अढ़ाई"}, "ru": {"1.5": "полтор[аы]|полутора"},
    "id": {"0.25": "seperempat", "1000000": "sejuta"}, "ko": {"10000": "만"},
    "ta": {"3000": "மூவாயிர(?:ம்|த்து)", "5000": "ஐயாயிர(?:ம்|த்து)", "0.5": "அரை", "0.75": "முக்கால்", "2.5":
        "இரண்டரை", "3.5": "மூன்றரை", "1.5": "ஒன்றரை"}, "te": {"0.5": "సగం|అర", "0.75": "ముప్పావు"},
    "ur": {"1.5": "ڈیڑھ", "2.5": "ڈھائی"}, "vi": {"0": "không_trăm"},
}
# What makes the number before it the part of a whole: halves, thirds, quarters and so on.
DENOMINATORS: Mapping[str, str] = {
    "en": r"hal(?:f|ves) thirds? (?:quarter|fourth)s?(?=_of\b|\W*$) fifths? sixths? sevenths? eighths? ninths? "
        r"tenths?", "ar": "أنصاف أثلاث أرباع أخماس أسداس أسباع أثمان أتساع أعشار",
    "bg": "втор[аи] трет[аи] четвърт[аи]? пет[аи] шест[аи] седм[аи] осм[аи] девет[аи] десет[аи]",
    "bn": "অর্ধাংশ তৃতীয়াংশ চতুর্থাংশ পঞ্চমাংশ ষষ্ঠাংশ সপ্তমাংশ অষ্টমাংশ নবমাংশ দশমাংশ",
    "de": "halbe drittel viertel fünftel sechstel siebtel achtel neuntel zehntel",
    "el": "μισά τρίτ[αο] τέταρτ[αο] πέμπτ[αο] έκτ[αο] έβδομ[αο] όγδο[αο] ένατ[αο] δέκατ[αο]",
    "es": r"medi[oa]s? tercios? cuart[oa]s?(?:_partes)?(?=_del?\b|\W*$) quint[oa]s?(?:_partes)? sext[oa]s? "
        r"séptim[oa]s? octav[oa]s? noven[oa]s? décim[oa]s?",
    "et": "pool(?:t|ikku)? kolmandik(?:ku)? (?:neljandik(?:ku)?|veerand(?:it)?) viiendik(?:ku)? kuuendik(?:ku)? "
        "seitsmendik(?:ku)? kaheksandik(?:ku)? üheksandik(?:ku)? kümnendik(?:ku)?",
    "fi": "puolikasta kolm(?:asosaa?|annesta) nelj(?:äsosaa?|ännestä) viides(?:osaa?) kuudesosaa? seitsemäsosaa? "
        "kahdeksasosaa? yhdeksäsosaa? kymmenesosaa?",
    "fr": "demi(?:e|s)? tiers quarts? cinquièmes? sixièmes? septièmes? huitièmes? neuvièmes? dixièmes?",
    "he": "חצאים שלי?שי?(?:ים)? רבע(?:ים|י)? חמישי(?:ת|ות) שישי(?:ת|ות) שביעי(?:ת|ות) שמיני(?:ת|ות) תשיעי(?:ת|ות) "
        "עשירי(?:ת|ות)", "hi": "आधा तिहाई चौथाई",
    "id": "perdua pertiga perempat perlima perenam pertujuh perdelapan persembilan persepuluh",
    "it": "mezz[oi] terz[oi] quart[oi] quint[oi] sest[oi] settim[oi] ottav[oi] non[oi] decim[oi]",
    "pt": r"mei[oa]s? terços? quartos?(?=_d[aeo]s?\b|\W*$) quintos? sextos? sétimos? oitavos? nonos? décimos?",
    "ru": "втор(?:ых|ая) трет(?:ь|и|ей|ьих|ья) четв[её]рт(?:ь|и|ей|ых|ая) пят(?:ых|ая) шест(?:ых|ая) седьм(?:ых|ая) "
        "восьм(?:ых|ая) девят(?:ых|ая) десят(?:ых|ая)", "ur": "آدھا تہائی چوتھائی",
    "vi": "phần_hai phần_ba phần_(?:tư|bốn) phần_năm phần_sáu phần_bảy phần_tám phần_chín phần_mười",
}
# What joins two parts, besides a space or a hyphen.
AND: Mapping[str, str] = {
    "en": " and |-and-", "ar": " و", "bg": " и ", "de": "und", "el": " και ", "es": " y ", "fr": " et |-et-",
    "he": " ו", "pt": " e ", "sw": " na ", "vi": " linh | lẻ ", "zh": "零", "id": " ", "ru": " ",
}
ONES_FIRST = frozenset({"ar", "de"})  # 25 is "five and twenty"
# Hours, "no", "better", "are you", particles: these mean a number only where nothing else is said. 1 always.
WEAK: Mapping[str, str] = {
    "ar": "ست|سبع|صفر", "bg": "нула", "bn": "নয়|শূন্য|শত|শ", "de": "null", "el": "μια", "en": "zero", "es": "cero|"
        "mil", "et": "null|kuus", "fi": "nolla", "fr": "zéro|neuf|cent", "he": "אלפים|אלפי", "hi": "दो|शून्य",
    "id": "nol|kosong", "it": "sei|zero", "ja": "[〇零百千十]", "ko": "[일이삼사오육칠팔구영공백천십만한두세네열]",
    "pt": "zero|mil", "ru": "ноль|нуль", "sw": "sifuri", "ta": "ஆறு|நூறு", "te": "నూరు|సున్నా",
    "th": "ศูนย์|ร้อย|พัน|หก|ยี่|เอ็ด", "tr": "yüz|bin|sıfır", "ur": "دو|نو|اسی|بہتر|سو|چون|صفر",
    "vi": "năm|ba|tư|lăm|mốt", "zh": "[〇零百千十]",
}
# What is counted makes a weak word a number.
COUNTERS: Mapping[str, str] = {
    "ar": r"\w+ات(?!\w)", "bn": "টি|টা|জন", "fr": r"\w+s\b",
    "hi": "घंटे|दिन|रुपये|लोग|किताबें|सेब|बच्चे|लड़के|लड़कियाँ|हफ़्ते|महीने|साल|मिनट|किलो|मीटर|बार|गुना|पन्ने|पेड़|"
        "पक्षी|छात्र|टुकड़े|डॉलर",
    "it": r"(?:euro|mele|libri|ore|giorni|minuti|anni|persone|bambini|ragazz[ei]|chil\w+|metri|pagine|settimane|mesi|"
        r"volte|dollari|uova|fiori|alunni|studenti)\b",
    "ko": "시간|개|명|권|마리|장|번|살|병|대|송이|그루|잔|자루|켤레|채|척|판|쪽|페이지|분|사람|달|주|줄|상자|봉지|"
        "조각|배|군데|가지|원|달러|박스|통|컵", "ta": r"\S+(?:கள்|பேர்)|மணி|நாள்|ரூபாய்|டாலர்",
    "th": "ตัว|คน|ลูก|ชิ้น|อัน|เล่ม|วัน|ชั่วโมง|บาท|ใบ|แผ่น|ต้น|ขวด|กล่อง|หน้า|ฟอง|ดอก|แท่ง",
    "ur": "گھنٹے|دن|روپے|لوگ|کتابیں|سیب|بچے|لڑکے|ہفتے|مہینے|سال|منٹ|کلو|میٹر|بار|گنا|صفحے|درخت|پرندے|طلبہ|ڈالر",
    "vi": "phần|cái|con|quả|quyển|cuốn|người|chiếc|bông|viên|trang|học sinh|ngày|giờ|phút|tuần|tháng|đồng|đô|kg|km|"
        "lít|mét|hộp|cây|bút|lần|bạn|tờ|bó|ly|cốc|chai|tuổi|trái|bánh",
}
# What may stand right behind a number: copulas, counters, case endings.
ENDS: Mapping[str, str] = {
    "bn": "টি|টা|জন|খানা|টির|টাকা|ই", "ko": r"\w+", "tr": "['’]?[dt][ea]|['’]?[dt][ıiuü]r|['’]?[ea]|['’]?[ıiuü]",
    "fi": "[aä]", "et": "t|l|st", "te": "మంది|లు|ి", "ta": "ஆகும்|தான்|பேர்", "he": "-", "de": "(?:e|er|en)?",
}
# fmt: on


@functools.cache
def _parts(primary: str) -> tuple[re.Pattern[str], tuple[str, ...], re.Pattern[str]]:
    """The pattern of a part with what joins it to the one before, the roles of its groups, what must follow a chain."""
    units, tens, hundred, thousand = PARTS[primary]
    rows = [(f"={value}", words) for value, words in WHOLE.get(primary, {}).items()]
    for count, words in enumerate(units.split()):
        role = next((sign for sign in ("10*", "10+", "½") if words.startswith(sign)), "")
        rows.append((role or f"={count}", words.removeprefix(role)))
    rows += [(f"={10 * count}", words) for count, words in enumerate(tens.split(), start=2)]
    single = len(hundred.split()) == 1
    rows += [("100*" if single else f"={100 * n}", words) for n, words in enumerate(hundred.split(), start=1)]
    rows += [("1000*", words) for words in thousand.split()]
    rows = [(role, word) for role, words in rows for word in re.split(r"\|(?![^(]*\))", words)]
    rows.sort(key=lambda row: _longest(row[1]), reverse=True)  # "seventeen" before "seven"
    join = "|".join(filter(None, (AND.get(primary), "[ \u00a0\u200b-]?")))
    pattern = "|".join(f"({words.replace('_', ' ')})" for _, words in rows)
    spaced = primary not in NO_WORD_SPACES
    follows = rf"(?:{ENDS.get(primary, '')})?(?!{LETTER}|-{LETTER})" if spaced else ""
    return compiled(f"(?P<join>{join})(?:{pattern})"), tuple(role for role, _ in rows), compiled(follows)


def _longest(word: str) -> tuple[int, bool]:
    """How long the longest text is that a word's pattern fits, and whether it fits no shorter one."""
    plain = re.sub(r"\(\?<?!.*?\)|(?<!\()[?*_]", "", re.sub(r"\[.*?\]", "x", word))
    for choice in re.findall(r"\(\?:(.*?)\)", plain):
        plain = plain.replace(f"(?:{choice})", max(choice.split("|"), key=len))
    return len(plain), "?" not in word


_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")


class _Chain:
    """The value of parts that are added one by one."""

    def __init__(self, ones_first: bool, french: bool) -> None:
        self.thousands, self.rest = Decimal(0), Decimal(0)
        self.ones_first, self.french = ones_first, french

    def add(self, role: str, joined: bool) -> bool:
        """Whether the part belongs to the number; if so, it is in it."""
        low, ones, rest = self.rest % 100, self.rest % 10, self.rest
        if role == "1000*" and self.thousands % 10000 == 0:
            self.thousands, self.rest = self.thousands + 1000 * (rest or 1), Decimal(0)
        elif role == "100*" and rest < 100:
            self.rest = 100 * (rest or Decimal(1))
        elif role == "10*" and (low == 0 or (0 < low < 10 and low == int(low))):
            self.rest += 9 * ones if ones else 10
        elif role == "10+" and low < 10:
            self.rest += 10
        elif role == "½" and rest and rest == int(rest):
            self.rest += Decimal("0.5")
        elif role.startswith("="):
            return self._added(Decimal(role[1:]), low, ones, joined)
        else:
            return False
        return True

    def _added(self, value: Decimal, low: Decimal, ones: Decimal, joined: bool) -> bool:
        if value >= 1000 and not self.thousands and not self.rest:
            self.thousands = value
        elif (
            (value < 100 and low == 0)
            or (100 <= value < 1000 and self.rest == 0)
            or (value < 10 and ones == 0)  # twenty-five, mười sáu
            or (self.ones_first and joined and 0 < low < 10 and value in range(20, 100, 10))
            or (self.french and low in (60, 80) and 10 < value < 20)
        ):
            self.rest += value
        else:
            return False
        return True


def with_digits(text: str, primary: str) -> str:
    """A text without digits, its numbers written in digits. Nothing changes where the language has no row."""
    if primary not in PARTS:
        return text
    if primary in ("ja", "zh"):  # digit by digit, as years are
        text = re.sub(r"[〇零一二三四五六七八九]{3,}", lambda row: row[0].translate(_DIGITS), text)
    pattern, roles, follows = _parts(primary)
    spaced = primary not in NO_WORD_SPACES
    half = compiled(rf"(?:{either(AND_A_HALF, primary)}) ?$")
    done: list[str] = []
    at, weak = 0, False
    while match := pattern.search(text, at):
        start, end, place, value = match.start() + len(match["join"]), 0, match.start(), Decimal(0)
        chain, count = _Chain(primary in ONES_FIRST, primary == "fr"), 0
        fits = not half.search(text[max(0, start - 20) : start]) and (
            not spaced or not re.match(LETTER, text[start - 1 : start])
        )
        while fits and (part := pattern.match(text, start if count == 0 else place)):
            if not chain.add(roles[(part.lastindex or 0) - 2], len(part["join"].strip()) > 0):
                break
            place, count = part.end(), count + 1
            if follows.match(text, place) or _divisor(text, place, primary, chain.rest):
                end, value, weak = place, chain.thousands + chain.rest, count == 1
        if end and start == at and done:  # "两三个" is two or three
            done.append("-")
        part_of = _divisor(text, end, primary, value) if end else None
        if part_of:
            done.append(f"{text[at:start]}{value.normalize():f}/{part_of[0]}")
            at = part_of[1]
        elif end and not (weak and _is_weak(text, start, end, value, primary)):
            done.append(f"{text[at:start]}{value.normalize():f}")
            at = end
        else:
            done.append(text[at : match.end()])
            at = match.end()
    return "".join(done) + text[at:]


def _divisor(text: str, end: int, primary: str, value: Decimal) -> tuple[int, int] | None:
    """What a number is divided by ("three quarters": 4), and where that word ends. The 84th is no 20."""
    for divisor, word in enumerate(DENOMINATORS.get(primary, "").split(), start=2):
        if match := compiled(rf"[ -]?(?:{word.replace('_', ' ')})(?!{LETTER})").match(text, end):
            if value >= divisor:
                return None
            return divisor, match.end()
    return None


def _is_weak(text: str, start: int, end: int, value: Decimal, primary: str) -> bool:
    """Is this a word that is rather no number here? It is one if nothing else is said, or a scaling word is with it."""
    if value != 1 and not (primary in WEAK and compiled(WEAK[primary]).fullmatch(text, start, end)):
        return False
    halved = compiled(rf"(?:{'|'.join(PART_BEFORE.get(primary, {})) or '(?!)'}) $").search(text[:start])
    counted = halved or (primary in COUNTERS and compiled(rf" ?(?:{COUNTERS[primary]})").match(text, end))
    if (
        counted
        or scale_behind(text, end, primary)[0] > 1
        or (primary == "sw" and re.search(r"\b(?:elfu|mia|laki|milioni)\b[^.]* $", text[:start]))
    ):
        return False
    rest = text[end:].strip(" .!。।۔*\"'")
    is_short = len(rest) <= 2 if primary in NO_WORD_SPACES else len(rest.split()) <= 2
    return bool(re.search(r"\w", text[:start])) or not is_short or "?" in rest
