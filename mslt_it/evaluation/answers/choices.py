"""Words about options that are numbered or lettered ("Option 2", "the second one", "B is ruled out"), by language.

Entries are regular expressions as in `words`, beside whose tables they are read; a language without a row has the
English one alone.
"""

from __future__ import annotations

from collections.abc import Mapping

# fmt: off
# Words for the options that a label may follow: "Option 2", "Satz 2".
OPTIONS: Mapping[str, str] = {
    "en": "option|choice|sentence|answer|number|alternative|label|ending|letter",
    "ar": "(?:ال)?(?:خيار|جملة|إجابة)(?: رقم)?|الجواب رقم", "bg": "вариант|изречение|номер|буквата?",
    "bn": "বিকল্প|বাক্য|নম্বর", "de": "option|satz|antwort|nummer|möglichkeit|alternative|buchstabe",
    "el": "επιλογή|πρόταση|αριθμό\\w?|γράμμα",
    "es": "la opción|opción|la frase|oración|número|alternativa|la letra|letra|inciso",
    "et": "variant|valik|lause|vastus|number", "fi": "vaihtoehto|lause|virke|numero",
    "fr": "l'option|option|phrase|numéro|le choix|choix|la lettre|lettre|proposition",
    "he": "(?:ה?אפשרות|ה?משפט)(?: מספר)?", "hi": "विकल्प|वाक्य|संख्या", "id": "pilihan|opsi|kalimat|nomor|huruf",
    "it": "l'opzione|opzione|la frase|frase|numero|alternativa|la lettera|lettera", "ja": "選択肢|文|番号",
    "ko": "선택지|보기|문장", "pt": "a opção|opção|a frase|frase|número|alternativa|a letra|letra",
    "ru": "вариант|предложение|номер|буква|под буквой", "sw": "(?:chaguo|sentensi)(?: la| ya)?|namba",
    "ta": "விருப்பம்|தெரிவு|வாக்கியம்|எண்", "te": "ఎంపిక|వాక్యం|ఐచ్ఛికం|సంఖ్య", "th": "ตัวเลือกที่|ตัวเลือก|ข้อ|ประโยค|หมายเลข",
    "tr": "seçenek|cümle", "ur": "اختیار|جملہ|آپشن|نمبر", "vi": "(?:lựa chọn|phương án|câu|đáp án)(?: số)?",
    "zh": "选项|選項|句子|第",
}
# What points at a digit, where the sentence pauses behind it or goes on with `CHOSEN`: "I choose 2.", "La 2."
POINTERS: Mapping[str, str] = {
    "en": "choose|pick|select|chose|go(?:ing)? (?:with|for)|answer with|opt(?:ing)? for|settle on|vote for|favou?r|"
        "i say|points? to|lean(?:ing)? towards?|(?:likely|likelier)(?: to be)?",
    "ar": "الرقم|رقم|أختار|اختار|اخترت|نختار|أرجح",
    "bg": "избирам|избрах|бих избрал|отговарям с|спирам се на|само|№", "bn": "আমি|এটি|অবশ্যই|নম্বর|শুধু|কেবল",
    "de": "wähle|nehme|die|das|für|auf|passt|nummer|nr\\.?",
    "el": "επιλέγω|διαλέγω|θα επέλεγα|θα διάλεγα|νούμερο|νο\\.?|το|η|ο|την|τον",
    "es": "elijo|escojo|elegiría|elegir|escogería|me quedo con|opt(?:o|aría) por|selecciono|la|el",
    "et": "valin|valiksin|vastan|nr\\.?|ainult", "fi": "valitsen|valitsisin|vastaan|vain|nro",
    "fr": "choisis|choisirais|opter(?:ais)? pour|opte pour|prendrais|prends|retiens|sélectionne|réponds|la|le|n°",
    "he": "מספר|בוחרת?|בחרתי ב-?|הייתי בוחרת? ב-?|באפשרות|רק", "hi": "मैं|केवल|सिर्फ|सिर्फ़|क्रमांक|नंबर",
    "id": "memilih|pilih|yang|nomor|hanya|ambil", "it": "scelgo|sceglierei|scelto|opt(?:o|erei) per|la|il",
    "ja": "私は|私なら",
    "ko": "저는|나는", "pt": "escolho|escolheria|fico com|opt(?:o|aria) pel[ao]|seleciono|a|o",
    "ru": "выбираю|выбрал|выбрала|выбрал бы|склоняюсь к|под номером|только|№|номер|за",
    "sw": "nachagua|ninachagua|ningechagua|nimechagua|namba|nambari",
    "ta": "நான்|எண்", "te": "నేను|నంబర్", "th": "เลือก(?:ข้อ)?|เบอร์|มีแค่ข้อ|มีเพียงข้อ|เฉพาะข้อ",
    "tr": "ben|yalnızca|sadece|no|numara|en (?:iyi|doğru) (?:seçim|seçenek|cevap)",
    "ur": "میں|صرف|نمبر", "vi": "số|chọn|chỉ có", "zh": "我?选择?|我?選擇?|只有|(?:一定|应该|肯定|就)是",
}
# What says of a digit before it that it is the answer: "2 is more likely". "2 is not", "2 is less likely" do not.
CHOSEN: Mapping[str, str] = {
    "en": r"(?:is|seems|sounds|looks|would be)(?: much| far| clearly)? (?:more|better|best|likelier|right|"
        r"correct|the|what|my)\b|fits|works|wins|matches|explains|is supported|is it|it is|makes (?:more |better |"
        r"the most )?sense|follows",
    "ar": "(?:هو |هي )?(?:الخيار|الجواب|الإجابة|الأفضل|أفضل|الأرجح|الأنسب|أرجح|أنسب|أكثر|صحيحة?|الصحيحة?|المناسبة?|"
        "مناسبة?|منطقية?)|تناسب|يناسب",
    "bg": r"(?:е|изглежда) (?:по-(?!малко)|най-(?!малко)|вярн|правилн|логичн|смислен)|подхожда|пасва|"
        r"има (?:повече )?смисъл|отговаря на",
    "bn": "(?:নম্বর(?:টি)? |টি )?(?:বেশি|সঠিক|ঠিক|বেছে|ভালো|উপযুক্ত|যুক্তিসঙ্গত|মানানসই|খাটে|মেলে|অক্ষর(?:টি)?ই?|-?ই? ?সেরা|"
        "-?ই? ?সবচেয়ে)",
    "de": r"(?:ist|scheint|klingt|wirkt)(?: viel| deutlich| eher)? (?:wahrscheinlicher|richtig|besser|"
        r"plausibler|sinnvoller|passender|die|das)\b|(?:das|die|der) (?:beste|bessere|richtige|passende|"
        r"sinnvollste)|passt|trifft zu|stimmt|kommt in frage|ergibt (?:mehr )?sinn",
    "el": r"(?:είναι|φαίνεται|μοιάζει) (?:πολύ )?(?:πιο|η|το|σωστ|καλύτερ|λογικ|πιθαν)|ταιριάζει|ισχύει|στέκει|"
        r"έχει (?:περισσότερο )?νόημα",
    "es": r"(?:es|parece|resulta) (?:mucho )?(?:más|la|el|mejor|correct|lógic)|encaja|cuadra|corresponde|sirve|"
        r"tiene (?:más )?sentido",
    "et": r"(?:on|tundub) (?:palju )?(?!vähem)\w+m\b|(?:on )?(?:õige|parem|parim|loogilin|usutav)|sobib|klapib|vastab",
    "fi": r"(?:-?(?:kohta|vaihtoehto) )?(?:on|vaikuttaa|tuntuu) (?:paljon )?(?:(?!epä)\w+mpi\b|(?!epä)\w+mmalta\b|"
        r"oikea|paras|looginen|järke)|(?:-?(?:kohta|vaihtoehto) )?sopii|käy|pitää paikkansa|täsmää",
    "fr": r"(?:est|semble|paraît) (?:bien )?(?:plus|la|le|meilleur|correct|juste|logique)|convient|correspond|colle|"
        r"va mieux|tient la route|a plus de sens",
    "he": "(?:הוא |היא )?(?:הבחירה|התשובה|הסוף|הטוב|סביר|מתאי|נכונ?ה?|עדיפ?ה?|הגיונית?|מתאימה?)",
    "hi": "(?:की संभावना(?! कम)|सबसे|ज़्यादा|अधिक|बेहतर|सही|ठीक|(?:को )?चुन|का चयन|उचित|उपयुक्त|तर्कसंगत|(?:ही )?(?:फिट|"
        "ठीक) बैठ|(?:ही )?सही)",
    "id": "(?:adalah )?(?:yang )?(?:lebih|paling|benar|cocok|pilihan|jawaban|tepat|sesuai|masuk akal|logis)",
    "it": r"(?:è|sembra|pare) (?:molto )?(?:più|la|il|migliore|corrett|giust|logic|plausibil)|si adatta|va bene|"
        r"è adatt|regge|torna|corrisponde|ha più senso",
    "ja": "番?(?:の(?:方|ほう)が|[でに](?:間)?違い|が?(?:より|最|一番|正し|正解|適切|適して|ふさわ|妥当|自然|合って|"
        "合う|当てはま|もっとも|一致)|(?:だけ|のみ)が(?:正し|合|当てはま|適|残)|を選|にします)",
    "ko": "번?(?:[이가을를]|만이?) (?:틀림없|더|맞|정답|옳|가장|고르|고릅|골|선택|택|적절|적합|알맞|타당|자연스|"
        "그럴듯|어울)",
    "pt": r"(?:é|parece) (?:muito )?(?:mais|a|o|melhor|corret|cert|lógic|plausíve)|encaixa|serve|corresponde|bate|"
        r"faz sentido|faz mais sentido",
    "ru": r"(?:[—–-] )?(?:более|лучш|вероятнее|правдоподобнее|лучше|верн|правильн|логичн)|подходит|соответствует|"
        r"годится",
    "sw": r"(?:lina|ina|ni)(?: uwezekano| chaguo| jibu)? (?:zaidi|zuri|mkubwa|sahihi|bora)|(?:lina|ina|"
        r"ndiyo ina)?(?:faa|yofaa|sahihi)",
    "ta": "(?:அதிக|சிறந்த|சரி|நன்றாக|பொருத்த|பொருந்து|தான்|த் தேர்வு செய்|தேர்வு செய்|தேர்ந்தெடு|மட்டுமே|மட்டும்|ஏற்ற|-?ஐ(?!\\s?விட))",
    "te": "(?:ఎక్కువ|ఉత్తమ|సరైన|సరి(?!పో(?:దు|వు|లే))|బాగా|మంచి|మెరుగైన|మాత్రమే|సరిపో(?:తుంది|యే)|సహేతుక|సముచిత|సరైనది|అని నాకు|"
        "(?:ని )?ఎంచుకు|(?:ను )?ఎన్నుకు)",
    "th": "(?:เป็นไปได้(?!น้อย)|เหมาะสม|สมเหตุสมผล|น่าจะ|ถูกต้อง|ถูก|ดีกว่า|ดีที่สุด|ตรงกับ|เข้ากัน|เหมาะ|มีเหตุผล)",
    "tr": r"daha(?! az)|en (?:iyi|olası|uygun|mantıklı)|y?[ıiuü] seç|mantıklı|uyuyor|(?:şıkkı|seçeneği) (?:daha|"
        r"doğru|uygun|uyuyor|mantıklı)|doğru|uygun|numara\w* (?:seçene\w+ )?(?:daha|doğru|"
        r"seç)",
    "ur": "(?:کا امکان(?! کم)|بہترین|زیادہ|بہتر|درست|صحیح|مناسب|موزوں|معقول|ٹھیک|کا انتخاب|(?:کو )?(?:چن|منتخب))",
    "vi": r"(?:là )?(?:hợp lý|phù hợp|chính xác|khả thi|thích hợp)|khớp|đúng|có khả năng|là (?:đáp án|lựa chọn|"
        r"hợp lý|đúng)",
    "zh": "比\\d[^，。]{0,6}?更|更|最|比较合|是最|是(?:更|正确|对的|答案|正解|唯一)|最有|符合|合适|合理|正确|對|对|"
        "成立|说得通|讲得通|才",
}
# "The first option" to "the fourth", as written before or behind a word for options.
ORDINALS: Mapping[str, tuple[str, str, str, str]] = {
    "en": ("first|1st", "second|2nd|latter", "third|3rd", "fourth|4th"),
    "ar": ("(?:ال)?أولى?|(?:ال)?اول", "(?:ال)?ثاني[ةه]?", "(?:ال)?ثالث[ةه]?", "(?:ال)?رابع[ةه]?"),
    "bg": (r"първ\w+", r"втор\w+", r"трет\w+", r"четвърт\w+"),
    "bn": ("প্রথম(?:টি|টা)?ই?", "দ্বিতীয়(?:টি|টা)?ই?", "তৃতীয়(?:টি|টা)?ই?", "চতুর্থ(?:টি|টা)?ই?"),
    "de": (r"erste\w?|1\.", r"zweite\w?|2\.", r"dritte\w?|3\.", r"vierte\w?|4\."),
    "el": (r"πρώτ\w+|1[ηο]", r"δεύτερ\w+|2[ηο]", r"τρίτ\w+|3[ηο]", r"τέταρτ\w+|4[ηο]"),
    "es": (r"primer[ao]?|1\.?[ªº]", r"segund[ao]|2\.?[ªº]", r"tercer[ao]?|3\.?[ªº]", r"cuart[ao]|4\.?[ªº]"),
    "et": (r"esime(?:ne|se)|1\.", r"tei(?:ne|se)|2\.", r"kolma(?:s|nda)|3\.", r"nelja(?:s|nda)|4\."),
    "fi": (r"ensimmäi(?:nen|sen)|1\.", r"toi(?:nen|sen)|2\.", r"kolma(?:s|nnen)|3\.", r"neljä(?:s|nnen)|4\."),
    "fr": ("premi(?:er|ère)|1(?:re|er)", "deuxième|seconde?|2n?de?|2e", "troisième|3e", "quatrième|4e"),
    "he": ("ה?ראשונה?", "ה?(?:שנייה|שניה|שני)", "ה?שלישית?", "ה?רביעית?"),
    "hi": ("पहल[ाेी]|प्रथम", "दूसर[ाेी]|द्वितीय", "तीसर[ाेी]|तृतीय", "चौथ[ाेी]|चतुर्थ"),
    "id": ("pertama|ke-?1", "kedua|ke-?2", "ketiga|ke-?3", "keempat|ke-?4"),
    "it": ("prim[ao]|1[ªº]", "second[ao]|2[ªº]", "terz[ao]|3[ªº]", "quart[ao]|4[ªº]"),
    "ja": ("(?:第一|[一1](?:番目|つ目))の?|最初の", "(?:第二|[二2](?:番目|つ目))の?|後者の?",
        "(?:第三|[三3](?:番目|つ目))の?", "(?:第四|[四4](?:番目|つ目))の?"),
    "ko": ("첫 ?(?:번째|째)", "두 ?번째|둘째", "세 ?번째|셋째", "네 ?번째|넷째"),
    "pt": (r"primeir[ao]|1[ªº]", r"segund[ao]|2[ªº]", r"terceir[ao]|3[ªº]", r"quart[ao]|4[ªº]"),
    "ru": (r"перв\w+|1-[йяе]", r"втор\w+|2-[йяе]", r"трет\w+|3-[йяе]", r"четв[её]рт\w+|4-[йяе]"),
    "sw": ("[lyw]a kwanza", "[lyw]a pili", "[lyw]a tatu", "[lyw]a nne"),
    "ta": ("முதல்|முதலாவது|ஒன்றாவது", "இரண்டாவது|இரண்டாம்", "மூன்றாவது|மூன்றாம்", "நான்காவது|நான்காம்"),
    "te": ("(?:మొదటి|ఒకటవ|ఒకటో)(?:ది|దే)?", "(?:రెండవ|రెండో)(?:ది|దే)?", "(?:మూడవ|మూడో)(?:ది|దే)?", "(?:నాలుగవ|నాలుగో|నాల్గవ|నాల్గో)(?:ది|"
        "దే)?"),
    "th": ("(?:ที่)?(?:หนึ่ง|แรก)", "ที่สอง", "ที่สาม", "ที่สี่"),
    "tr": (r"birinci(?:si)?|ilk|1\.", r"ikinci(?:si)?|2\.", r"üçüncü(?:sü)?|3\.", r"dördüncü(?:sü)?|4\."),
    "ur": ("پہل[اےی]|اول", "دوسر[اےی]|دوم", "تیسر[اےی]|سوم", "چوتھ[اےی]|چہارم"),
    "vi": ("(?:thứ )?nhất|đầu tiên", "thứ (?:hai|2)", "thứ (?:ba|3)", "thứ (?:tư|4)"),
    "zh": ("第[一1][个個种種]?", "第[二2][个個种種]?", "第[三3][个個种種]?", "第[四4][个個种種]?"),
}
# One to four, behind a word for options: "option two".
CARDINALS: Mapping[str, str] = {
    "en": "one two three four", "ar": "واحد اثنان|اثنين ثلاثة اربعة|أربعة", "bg": "едно две три четири",
    "bn": "এক দুই তিন চার", "de": "eins zwei drei vier", "el": "ένα δύο|δυο τρία τέσσερα", "es": "uno dos tres cuatro",
    "et": "üks kaks kolm neli", "fi": "yksi kaksi kolme neljä", "fr": "un deux trois quatre",
    "he": "אחת|אחד שתיים|שניים שלוש ארבע", "hi": "एक (?<!उत्तर\\s)दो तीन चार", "id": "satu dua tiga empat",
    "it": "uno due tre quattro", "ja": "一 二 三 四", "ko": "일|하나 이|둘 삼|셋 사|넷",
    "pt": "um dois tres|três quatro",
    "ru": "один два три четыре", "sw": "moja mbili tatu nne", "ta": "ஒன்று இரண்டு மூன்று நான்கு",
    "te": "ఒకటి రెండు మూడు నాలుగు", "th": "หนึ่ง สอง สาม สี่", "tr": "bir iki üç dört", "ur": "ایک دو تین چار",
    "vi": "một hai ba bốn", "zh": "一 二 三 四",
}
# Here the ordinal stands behind its noun alone; before it, it is a number ("kedua pilihan" are both options).
ORDINAL_BEHIND = frozenset({"ar", "he", "id", "sw", "th", "vi"})
# The words for options beside which an ordinal names one: narrower than OPTIONS ("the first sentence of the text").
ONE_OF: Mapping[str, str] = {
    "en": "option|choice|answer|alternative|ending|possibility|candidate",
    "ar": "(?:[فوب]?ال)?(?:خيار|إجابة|اختيار|احتمال|بديل)",
    "bg": r"вариант\w*|отговор\w*|възможност\w*|опция\w*|предположение\w*", "bn": "বিকল্প(?:টিই|টি|ই)?|উত্তর(?:টি)?",
    "de": r"möglichkeit|option|antwort|alternative|variante|antwortmöglichkeit",
    "el": r"επιλογή|απάντηση|εκδοχή|πιθανότητα", "es": "opción|respuesta|alternativa|posibilidad",
    "et": r"variant|valik|vastus\w*|vastusevariant|võimalus", "fi": r"vaihtoeh(?:to|don)|vastau(?:s|ksen)",
    "fr": "option|réponse|choix|proposition|possibilité|solution", "he": "ה?(?:אפשרות|תשובה|חלופה)",
    "hi": "विकल्प|उत्तर", "id": "pilihan|opsi|jawaban|alternatif|kemungkinan(?! )",
    "it": "opzione|risposta|alternativa|possibilità|scelta", "ja": "選択肢|方|ほう|答え|候補",
    "ko": "선택지|보기|답|선택|것|옵션", "pt": "opção|resposta|alternativa|possibilidade|escolha",
    "ru": r"вариант\w*|ответ\w*|утверждени\w*|возможност\w*", "sw": "chaguo|jibu",
    "ta": "விருப்ப(?:ம்|த்தை|மே)|தெரிவு|பதில்|தேர்வு(?! செய்)|விடை", "te": "ఎంపిక(?:ను|ని|నే|యే)?|సమాధానం|ఐచ్ఛికం",
    "th": "ตัวเลือก|ข้อ|คำตอบ",
    "tr": r"seçene\w+|şı[kk]\w*|cevap", "ur": "انتخاب|اختیار|آپشن|جواب", "vi": "lựa chọn|phương án|đáp án|câu",
    "zh": "选项|選項|选择|答案|可能",
}
# What rejects an option soon behind it in its clause, and before it: "2 does not fit", "I rule out A and B". The row of
# `words.NEGATION` counts before it besides.
REJECTED: Mapping[str, tuple[str, str]] = {
    "en": (r"n['’]t\b|\b(?:not|no|never|neither|wrong|incorrect|false|unlikely|implausible|less|least|"
        r"impossible|irrelevant|unrelated|illogical|improbable|unsupported)\b|contradict|nonsens|rul(?:ed|"
        r"e) out|eliminat|exclud|discard",
        r"\b(?:rul(?:e|es|ed|ing) out|eliminat\w+|exclud\w+|discard\w*|reject\w*|cross out|dismiss\w*|not)"),
    "ar": ("غير|ليست?(?!\\w)|لا |أقل|خاطئ|خطأ|مستبعد|مستحيل|لم |ت?يناقض", "أستبعد|نستبعد|استبعاد|استبعدنا"),
    "bg": (r"\bне(?!\w)|\bняма|греш|отпада|по-малко|невъзмож|изключ|невярн|неподход|малко вероят", r"\bизключ\w+"),
    "bn": ("না(?!\\w)|নয়|নেই|ভুল|বাদ|কম|অসম্ভব|বেমানান", ""),
    "de": (r"\b(?:nicht|kein\w*|nie|falsch|unwahrscheinlich\w*|weniger|unmöglich|unplausibel|unlogisch|"
        r"unpassend|scheid\w+|entf\w+ll\w*|widersprich\w+|ausgeschlossen|ausschließen|unsinnig)\b",
        r"\b(?:ausschließ\w+|verwerfe\w?|schließe\w?|streiche\w?)"),
    "el": (r"\b(?:δεν|όχι|λάθος|απίθαν\w+|λιγότερο|λανθασμέν\w+|αδύνατ\w+|άσχετ\w+)\b|αποκλεί|απορρίπτ",
        r"\b(?:αποκλεί|απορρίπτ)\w+"),
    "es": (r"\b(?:no|tampoco|nunca|menos|falsa|incorrecta|errónea|improbable|imposible|equivocada)\b|descart|"
        r"contradic|elimin", r"\b(?:descart|elimin|exclu)\w+"),
    "et": (r"\b(?:ei|pole|mitte|vale|ebatõenäoli\w+|vähem|võimatu|väär)\b|lange\w+|välista",
        r"\b(?:välista|jäta)\w+"),
    "fi": (r"\b(?:ei|eivät|väärin|väärä|epätodennäköi\w+|vähemmän|mahdoton)\b|sulk\w+|karsi|hylä|hylk",
        r"\b(?:suljen|karsi|hylkää)\w*"),
    "fr": (r"\b(?:ne|n['’]\w+|pas|fausse|incorrecte|improbable|moins|impossible|erronée|peu)\b|écart|élimin|"
        r"exclu|contredi", r"\b(?:écart|élimin|exclu)\w+"),
    "he": ("לא(?!\\w)|אינ[הון]|שגוי|פחות|בלתי|מופרכת|נפסל|סותר|אין ", "לפסול(?: את)?|פוסל(?:ת|ים)?(?: את)?"),
    "hi": ("नहीं|ग़लत|गलत|असंभव|कम |हटा|अनुचित", ""),
    "id": (r"\b(?:tidak|tak|bukan|salah|kurang|mustahil|keliru)\b|dicoret|disingkir|gugur|bertentang|"
        r"dieliminasi", r"\b(?:menyingkirkan|mencoret|coret|eliminasi)"),
    "it": (r"\b(?:non|nemmeno|meno|sbagliat\w+|errat\w+|fals\w+|improbabil\w+|impossibil\w+|poco)\b|esclu|"
        r"scart|elimin|contraddi", r"\b(?:esclu|scart|elimin)\w+"),
    "ja": ("ない|ません|ず|不自然|誤り|間違|除外|低い|不適|矛盾|消去|違い", ""),
    "ko": ("않|없|아니|아닙|틀[리렸]|제외|낮|부적절|못|모순|오답|안 맞", ""),
    "pt": (r"\b(?:não|nem|menos|errad\w+|incorret\w+|fals\w+|improváve\w+|impossíve\w+|pouco)\b|descart|elimin|"
        r"exclu|contradi", r"\b(?:descart|elimin|exclu)\w+"),
    "ru": (r"\b(?:не|нет|неверн\w+|менее|невозможн\w+|ошибочн\w+|неправильн\w+|маловероятн\w+|неуместн\w+|"
        r"отпада\w+)\b|исключ|противореч|отбрас|отброс", r"\b(?:исключ|отбрас|отброс)\w+"),
    "sw": (r"\b(?:si|sio|siyo|hawezi|\w*haif\w+|hal(?:i|e)\w+|hai\w+|haz\w+|hay\w+|makosa|kosa)\b|ondolew|"
        r"batili", r"\b(?:naondoa|ondoa|tunaondoa)"),
    "ta": ("விட |அல்ல|இல்லை|தவற|பொருந்தா|குறைவ|நீக்க|முடியாது|சாத்தியமில்லை|பொருத்தமற்ற", ""),
    "te": ("కాదు|లేదు|లేవు|తప్పు|సరిపోదు|సరిపోవు|తక్కువ|తీసేయ|తొలగిం|కుదరదు|పొసగదు|అసంభవ", ""),
    "th": ("ไม่|ผิด|น้อยกว่า|ตัดออก|ตัดทิ้ง|ขัดแย้ง", "ตัด(?:ตัวเลือก|ข้อ)?|ไม่เลือก(?:ข้อ)?"),
    "tr": (r"^['’]?[dt][ae]n (?:daha|çok)|değil|\w+[mM][aeıiuü](?:z|yor|dı|di|maz|mez)\w*\b|\w+m[ıiuü]yor|"
        r"yanlış|\baz\b|daha az|imkansız|imkânsız|elen|çelişi|olası değil|hatalı|mantıksız|anlamsız", ""),
    "ur": ("نہیں|غلط|ناممکن|کم |خارج|نامناسب", ""),
    "vi": (r"\b(?:không|chẳng|sai|ít|loại|vô lý|mâu thuẫn|chưa)\b", r"\b(?:loại(?: bỏ| trừ)?|không chọn)"),
    "zh": ("不|没|沒|错|誤|误|排除|较低|较小|矛盾|非", "排除|除去"),
}
# "than", before the option that another one is better than; where it stands behind, `words.NEGATION` has it.
THAN: Mapping[str, str] = {
    "en": r"\bthan", "ar": "(?:أنسب|أفضل|أرجح|أكثر)(?: [^\\s\\d]+)? من",
    "bg": r"\bпо-\w+(?: \w+)? от(?:колкото)?\b", "de": r"\bals\b",
    "el": r"\b(?:καλύτερ\w|πιο \w+|περισσότερο)(?: \w+)? από\b", "es": r"\b(?:más|menos|mejor|peor)(?: \w+)? que\b",
    "et": r"m[ai]?(?:ni)? kui\b", "fi": r"\bkuin\b", "fr": r"\b(?:plus|moins|mieux|meilleure?)(?: \w+)? que\b",
    "he": "מאשר|יותר מ-?", "id": r"\bdaripada\b",
    "it": r"\b(?:più|meno|meglio|migliore)(?: \w+)? (?:di|della|che)\b",
    "pt": r"\b(?:mais|menos|melhor|pior)(?: \w+)? (?:do )?que\b", "ru": r"\bчем\b", "sw": r"\bkuliko\b",
    "th": "กว่า", "vi": r"\bhơn\b", "zh": "比",
}
# "it is", which points at a letter.
IT_IS: Mapping[str, str] = {
    "en": r"\b(?:it['’]s|it is|be|answer is)", "ar": "أنها|أنه|هي|هو", "bg": r"\bе", "de": r"\b(?:es|ist)",
    "el": r"\bείναι(?: τ?[οη])?", "es": r"\b(?:es|sea)(?: la| el)?", "et": r"\bon", "fi": r"\bon",
    "fr": r"\bc['’]est(?: la)?", "he": "שזו|שזה|זו|זה", "it": r"\b(?:è|sia)(?: la| il)?",
    "pt": r"\b(?:é|seja)(?: a| o)?", "ru": r"\bэто", "th": "เป็น", "tr": "eminim,?", "vi": r"\blà",
    "zh": "是|确定是",
}
# What says that an option remains, before it ("only D is left") and behind it.
REMAINS: Mapping[str, tuple[str, str]] = {
    "en": (r"\b(?:only|leaves?(?: us with)?(?: only)?|leaving(?: us with)?(?: only)?|left is|remains|"
        r"remaining is)", r"(?:is left|remains|is the only|it is)\b"),
    "ar": ("إلا|سوى|يبقى|يتبقى|تبقى", "(?:هو |هي )?(?:الوحيد|المتبقي)"),
    "bg": (r"(?:само|единствено|остава)", "остава"), "bn": ("কেবল|শুধু|একমাত্র", "(?:বাকি|অবশিষ্ট|থাকে|থাকল|রইল|ই )"),
    "de": (r"(?:nur|bleibt)(?: noch)?", "(?:bleibt|übrig)"),
    "el": (r"(?:μόνο(?: τ?[ηο])?|μένει(?: τ?[ηο])?)", "(?:μένει|απομένει)"),
    "es": (r"(?:queda|solo|sólo|sería)(?: l[ao]| la opción)?", "queda"),
    "et": (r"(?:ainult|jääb(?: üle| alles)?)", "jääb"), "fi": ("(?:vain|jää|jäljelle jää)", "(?:jää|jäi)"),
    "fr": (r"(?:reste(?: que)?|seule?|que)(?: l[ae]| la réponse)?", "reste"),
    "he": ("(?:רק|נשארה?|נשארת)(?: ה)?", "(?:נשאר|היא היחידה)"),
    "hi": ("केवल|सिर्फ़|सिर्फ|बचता है", "(?:ही )?(?:बचता|शेष|बाकी)"),
    "id": (r"(?:hanya|tinggal|tersisa|menyisakan)(?: pilihan)?", "(?:yang )?tersisa"),
    "it": (r"(?:resta|rimane|solo|soltanto)(?: la| solo la)?", "(?:resta|rimane)"),
    "ja": ("残るのは|残りは", "(?:が残|だけが|のみが|だけで)"),
    "ko": ("남는 것은|남은 것은|오직", "(?:만 남|뿐|가 남|이 남)"),
    "pt": (r"(?:resta|sobra|só|apenas|somente)(?: a| o| apenas a| só a)?", "(?:resta|sobra)"),
    "ru": (r"(?:оста[её]тся|только|лишь|остался)(?: вариант| только)?", "оста[её]тся"),
    "sw": (r"(?:inabaki|linabaki|ni|kubaki)(?: tu)?", "(?:pekee|tu|ndiyo|ndilo|inabaki)"),
    "ta": ("மீதமுள்ளது|எஞ்சியது", "(?:மட்டும|மீத|எஞ்ச)"), "te": ("మిగిలింది|మిగిలేది", "(?:మాత్రమే|మిగ)"),
    "th": ("เหลือ(?:แค่|แต่|เพียง)?(?:ข้อ|ตัวเลือก)?|มีแค่", "(?:เท่านั้น|เหลือ)"),
    "tr": ("(?:yalnızca|sadece|geriye)(?: yalnızca| sadece)?", "(?:kal[ıd]|kalır)"),
    "ur": ("صرف", "(?:ہی )?(?:بچتا|باقی)"), "vi": (r"(?:chỉ còn(?: lại)?|còn(?: lại)?|chỉ)", "(?:còn lại|là còn)"),
    "zh": ("只剩下?|剩下的是|剩下|只有", "(?:剩下|可选)"),
}
# "except", before and behind the one option that is not ruled out.
EXCEPT: Mapping[str, tuple[str, str]] = {
    "en": (r"\b(?:except(?: for)?|apart from|other than|everything but|all but|aside from)", ""),
    "ar": ("ما عدا|عدا|باستثناء|إلا|سوى", ""), "bg": (r"\b(?:освен|с изключение на)", ""), "bn": ("", "ছাড়া|বাদে"),
    "de": (r"\b(?:außer|bis auf|mit ausnahme von)", ""), "el": (r"\b(?:εκτός(?: από)?|πλην)(?: τ[οη]ν?)?", ""),
    "es": (r"\b(?:menos|excepto|salvo)(?: l[ao])?", ""), "et": (r"\b(?:peale|välja arvatud)", ""),
    "fi": (r"\b(?:paitsi|lukuun ottamatta)", ""), "fr": (r"\b(?:sauf|excepté|à part|hormis)(?: l[ae])?", ""),
    "he": ("חוץ מ-?|מלבד|פרט ל-?", ""), "hi": ("", "को छोड़कर|के अलावा|के सिवा"), "id": (r"\b(?:kecuali|selain)", ""),
    "it": (r"\b(?:tranne|eccetto|salvo)(?: l[ao])?", ""), "ja": ("", "以外|を除"),
    "ko": ("", "번?[을를] 제외|번?만 빼고|번? ?이?외에"),
    "pt": (r"\b(?:exceto|menos|salvo)(?: [ao])?", ""), "ru": (r"\b(?:кроме|за исключением)", ""),
    "sw": (r"\b(?:isipokuwa|ila)", ""), "ta": ("", "(?:ஐத் )?தவிர"), "te": ("", "తప్ప|మినహా"),
    "th": ("(?:ยกเว้น|นอกจาก)(?:ข้อ)?", ""), "tr": ("", "dışında|hariç"), "ur": ("", "کے علاوہ|کو چھوڑ ?کر|کے سوا"),
    "vi": (r"\b(?:ngoại )?trừ", ""), "zh": ("除了?", "以外|之外"),
}
# fmt: on
