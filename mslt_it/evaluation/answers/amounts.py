"""Words around numbers, by language: signs, scales' halves, circumstances, what was given, what is left open.

Entries are regular expressions as in `words`.
"""

from __future__ import annotations

from collections.abc import Mapping

# fmt: off
# A minus written as a word directly before a number. What begins alike and is none is excluded ("at least 7").
MINUS: Mapping[str, str] = {
    "en": r"\b(?:minus|negative)", "ar": "سالب|ناقص", "bg": r"\bминус", "bn": "মাইনাস|ঋণাত্মক", "de": r"\bminus",
    "el": r"\b(?:μείον|πλην)", "es": r"(?<!\bal )(?<!\blo )\bmenos", "et": r"\bmiinus", "fi": r"\bmiinus",
    "fr": r"(?<!\bau )(?<!\bdu )(?<!\bou )\bmoins", "he": "מינוס", "hi": "माइनस|ऋण",
    "id": r"\b(?:minus|negatif)",
    "it": r"(?<!\blo )\bmeno", "ja": "マイナス|氷点下", "ko": "마이너스|영하", "pt": r"(?<!\bao )(?<!\bpelo )\bmenos",
    "ru": r"\bминус", "sw": r"\bhasi", "ta": "மைனஸ்", "te": "మైనస్", "th": "ลบ|ติดลบ",
    "tr": r"\beksi", "ur": "منفی", "vi": r"\bâm", "zh": "负|負|零下",
}

# What makes a number negative besides: words before it and behind it, of which those that are given must both be there.
BELOW_ZERO: Mapping[str, tuple[str, str]] = {
    "en": ("", "below (?:zero|0|freezing)"), "ar": ("", "تحت الصفر"), "bg": ("", "под нулата"),
    "bn": ("শূন্য|হিমাঙ্ক", "নি[চ]ে"), "de": ("", "unter (?:null|0)"),
    "el": ("", "(?:υπό το|κάτω από το) (?:μηδέν|0)"), "es": ("", "bajo cero|negativos"),
    "et": ("", "alla nulli|külma|miinust"), "fi": ("", "pakkasta|nollan alapuolella|alle nollan"),
    "fr": ("", "(?:au-dessous|en dessous|sous) (?:de )?(?:zéro|0)"), "he": ("", "מתחת לאפס"), "hi": ("शून्य", "नीचे"),
    "id": ("", "di bawah (?:nol|0)"), "it": ("", "sotto (?:lo )?(?:zero|0)"),
    "pt": ("", "abaixo de zero|negativos"), "ru": ("", "ниже нуля|мороза"), "sw": ("", "chini ya (?:sifuri|0)"),
    "ta": ("பூஜ்ஜிய|உறைநிலை", ""), "te": ("సున్నా", "తక్కువ|దిగువ|కింద"), "th": ("ต่ำกว่าศูนย์ ?$", ""),
    "tr": ("sıfırın altında ?$", ""), "ur": ("صفر", "نیچے"), "vi": ("", "dưới (?:không|0)(?: độ)?"),
    "zh": ("低于零度? ?$", ""),
}
# What denies a number before it ("not 13 but 12") and behind it ("13ではなく12").
NOT: Mapping[str, tuple[str, str]] = {
    "en": (r"\b(?:not|isn['’]t|instead of|rather than)", ""), "ar": (r"(?<!\w)و?(?:ليست?|لا)|بدل[اً]* من", ""),
    "bg": (r"\b(?:не|вместо)", ""), "bn": ("", "নয়|না হয়ে|এর (?:বদলে|পরিবর্তে)"),
    "de": (r"\b(?:nicht|statt|anstatt|keine)", ""), "el": (r"\b(?:όχι|δεν είναι|αντί για)", ""),
    "es": (r"\b(?:no(?: es| son)?|en (?:lugar|vez) de)", ""), "et": (r"\b(?:mitte|ei ole)", "asemel"),
    "fi": (r"\b(?:ei(?:kä)?(?: ole)?|eivät)", "sijaan|sijasta"),
    "fr": (r"\b(?:pas|non(?: pas)?|au lieu de|plutôt que)", ""), "he": (r"(?<!\w)ו?(?:לא|אינו|במקום)", ""),
    "hi": ("", "नहीं|के बजाय|की जगह"), "id": (r"\b(?:bukan(?:lah)?|alih-alih)", ""),
    "it": (r"\b(?:non(?: è| sono)?|invece di|anziché)", ""), "ja": ("", "では?な[くい]|では?ありません|じゃな[くい]"),
    "ko": ("", "[이가]? ?아니|(?:이)? ?아닌| ?대신"), "pt": (r"\b(?:não(?: é| são)?|em vez de)", ""),
    "ru": (r"\b(?:не|вместо)", ""), "sw": (r"\b(?:si|sio|siyo|badala ya)", ""), "ta": ("", "அல்ல(?!து)|இல்லை"),
    "te": ("", "కాదు|కి? ?బదులు"), "th": ("ไม่ใช่|แทนที่จะเป็น", ""), "tr": ("", "değil|yerine"),
    "ur": ("", "نہیں|کی? بجائے"), "vi": (r"\b(?:không phải(?: là)?|chứ không phải|thay vì)", ""),
    "zh": ("不是|而非|并非", ""),
}
# The two numbers of an answer left open: "between 10 and 12" (what stands before, between and behind them).
BETWEEN: Mapping[str, tuple[str, str, str]] = {
    "en": ("between", "and", ""), "ar": ("بين", "و", ""), "bg": ("между", "и", ""),
    "bn": ("", "থেকে|এবং|ও|আর", "(?:এর|র)? ?(?:মধ্যে|মাঝে|মাঝামাঝি)"), "de": ("zwischen", "und", ""),
    "el": ("(?:μεταξύ|ανάμεσα σ?το?)(?: του)?", "και(?: του)?", ""), "es": ("entre", "y", ""),
    "et": ("", "ja", "vahel"), "fi": ("", "(?::n)? ja", "(?::n)? väli"), "fr": ("entre", "et", ""),
    "he": ("בין", "ל|ו", ""), "hi": ("", "और|से", "के बीच"), "id": ("antara", "dan|sampai|hingga", ""),
    "it": ("(?:tra|fra)(?: i)?", "e", ""), "ja": ("", "から|と|～|~", "の間|のあいだ"),
    "ko": ("", "에서|과|와", "사이"), "pt": ("entre", "e", ""), "ru": ("между", "и", ""),
    "sw": ("kati ya", "na", ""), "ta": ("", "க்கும்|முதல்|மற்றும்", "(?:க்கும்|க்கு)? ?(?:இடை|நடு|வரை)"),
    "te": ("", "మరియు|నుండి|నుంచి|కు", "(?:ల|కి|కు)? ?మధ్య"), "th": ("ระหว่าง", "ถึง|กับ|และ", ""),
    "tr": ("", "ile|ve", "arası"), "ur": ("", "اور|سے", "کے درمیان"), "vi": ("giữa|từ", "và|đến", ""),
    "zh": ("", "到|至|和|与", "(?:之间|之間)"),
}
# "or" between two numbers.
OR: Mapping[str, str] = {
    "en": "or",
    "ar": "أو",
    "bg": "или",
    "bn": "বা|অথবা|নাকি",
    "de": "oder",
    "el": "ή",
    "es": "o",
    "et": "või",
    "fi": "tai",
    "fr": "ou",
    "he": "או",
    "hi": "या",
    "id": "atau",
    "it": "o",
    "ja": "または|か|もしくは",
    "ko": "또는|이나|나|혹은",
    "pt": "ou",
    "ru": "или|либо",
    "sw": "au",
    "ta": "அல்லது",
    "te": "లేదా",
    "th": "หรือ",
    "tr": "veya|ya da",
    "ur": "یا",
    "vi": "hoặc|hay",
    "zh": "或|或者|还是",
}
# What makes a number one that was given, before and behind it: "after 7 days he has read all 35 pages".
ALL_OF: Mapping[str, tuple[str, str]] = {
    "en": (r"\b(?:all|both|each of|every one of)(?: of)?(?: the| its| his| her| their| these)?", ""),
    "ar": (r"(?:كل|جميع)(?: ال\w+)?|الـ?", ""), "bg": ("всички(?:те)?", ""), "bn": ("সব|সমস্ত", ""),
    "de": (r"\balle|\bjede[rsmn]? de[rn]", ""), "el": (r"(?:όλ\w+|και) τ\w+", ""), "es": (r"\bl[ao]s", ""),
    "et": (r"\bkõi(?:k|ki|gi)", r"-st\b"), "fi": (r"\bkaikk?i(?:a|en)?", r":st[aä]\b"),
    "fr": (r"\bles|chacune? des", ""), "he": ("כל(?: ה)?-?", ""), "hi": ("सभी|सारे|सारी", ""),
    "id": (r"\b(?:semua|seluruh|ke-)", ""), "it": (r"\b(?:le|i|gli|(?:ciascun|ognun)[oa] de(?:i|gli|lle))", ""),
    "ja": ("全", r"[^\d\s、。]{0,3}?(?:全部|すべて|全て)"), "ko": ("", r"[^\d\s]{0,3}(?:을|를) (?:모두|전부|다) "),
    "pt": (r"\b(?<!\d )[ao]s|cada uma? d[ao]s", ""), "ru": (r"\b(?:все(?: эти)?|всех)", ""),
    "sw": (r"\b[vwyz]ote|\bkila mmoja wa \w+", ""), "ta": ("", r" ?[^\s\d]+யும்"), "te": ("", r" ?[^\s\d]+లూ"),
    "th": ("(?:ครบ(?:ทั้ง)?|ทั้ง)", ""), "tr": ("", r"(?: \w+)? (?:tamam|heps)"), "ur": ("تمام|سارے|ساری", ""),
    "vi": (r"(?<!tất )\bcả|\btoàn bộ", ""), "zh": ("全部(?:的)?|所有(?:的)?", ""),
}
# Prepositions that make a number a circumstance ("in 7 days he earns 126"), not the answer itself.
PREPOSITIONS: Mapping[str, str] = {
    "en": r"\b(?:from|with|after|at|per|every|each|within)(?: the)?|\b(?:in|on|for|over|by)(?! ?[$£€₹¥])(?: the)?",
    "ar": r"(?:في|من|من أصل|خلال|لكل|بعد|عند|مقابل)(?: ال\w+)?", "bg": r"\b(?:за|от|с|след|по|на)",
    "de": r"\b(?:in|mit|von|aus|nach|bei|pro|je|für)(?: de[nrm]| die| das)?",
    "el": r"\b(?:σε|από|με|μετά|για)(?: τ\w+)?", "et": r"\biga",
    "es": r"(?<!\d )\b(?:a|en|con|tras|por|cada|desde|para|(?:después|al cabo|dentro|luego) de)(?: l[ao]s)?",
    "fi": r"\b(?:per|joka)",
    "fr": r"(?<!\d )\b(?:à|en|dans|avec|après|par|chaque|pendant|pour|sur|au bout de|d['’]ici)(?: les)?",
    "he": r"(?<!\w)(?:ב-?|מ-|מתוך|תוך|לכל|אחרי|במשך|כעבור|בעוד|עבור|תמורת|בעד)",
    "id": r"\b(?:dalam|dari|dengan|per|setiap|untuk|setelah|sesudah|selama)",
    "it": r"(?<!\d )\b(?:in|con|dopo|ogni|su|per|tra|fra|entro)(?: le| i| gli)?",
    "pt": r"(?<!\d )\b(?:em|com|após|cada|desde|para|por|durante|(?:depois|ao fim|dentro) de|daqui a)(?: [ao]s)?",
    "ru": r"\b(?:за|из|с|по|через|после|на|в)", "sw": r"\b(?:kwa|katika|kutoka|kila|kati ya|baada ya)(?: \w+)?",
    "th": r"(?:ใน|จาก|ด้วย|สำหรับ)[\u0e00-\u0e7f]{0,8}",
    "vi": r"\b(?:trong(?: tổng)?(?: số)?|trong vòng|từ|với|mỗi|sau|cho)",
}
# "of" between a part and its whole ("7 of the 35"): here, and nowhere else, it makes the whole a circumstance.
PART_OF: Mapping[str, str] = {
    "en": r"(?:\w+ )?(?:out )?of(?: the)?", "de": r"(?:von|der)(?: den)?", "es": r"de(?: l[ao]s)?",
    "fr": r"d(?:e|es|e ces)", "it": r"d(?:i|ei|elle|egli)", "pt": r"d(?:e|as|os)",
}
# The same in languages that put it behind the number, with up to a word between.
POSTPOSITIONS: Mapping[str, str] = {
    "en": r"-\w+-old\b", "bn": r"\S*(?: \S+)? (?:থেকে|করে|দিয়ে|জন্য|ধরে)(?!\w)",
    "et": r"-st\b| \w+(?:st|ga|s)\b| \w+ (?:pärast|jooksul)\b",
    "fi": r"(?: \w+)?(?:ss[aä]|st[aä]|lt[aä])\b| \w+ (?:kuluttua|jälkeen|aikana)\b",
    "hi": r"\S*(?: \S+)? (?:में|से|के लिए)(?!\w)", "ja": r"倍|[^\s\d、。]{0,8}?(?:から|ずつ|なので)",
    "ko": r"배|[^\s\d]{0,4}(?: ?[^\s\d]{1,4})?(?:에서|씩|동안)", "ta": r" ?\S*(?:ில்|ிலிருந்து|க்கு)(?!\w)",
    "te": r"\S*(?: \S+)? (?:నుండి|చొప్పున|కోసం)(?!\w)", "tr": r"(?: \w+)?(?:dan|den|tan|ten)\b",
    "ur": r"\S*(?: \S+)? (?:میں|سے)(?!\w)",
}
# What makes the number behind it one of a unit: "3 boxes holding 12 eggs each".
EACH_OF: Mapping[str, str] = {
    "en": r"\beach (?:holding|containing|of)|\b(?:holding|containing)", "ar": "(?:كل|لكل|بكل) منها|بكل علبة",
    "de": "zu je|à", "el": r"\bτων|\bμε|που (?:έχ|περιέχ)\w+", "et": r"\bigas(?:\w+)?|milles on", "es": r"\bcon",
    "fi": r"\bjoi(?:ssa|ssa kussakin) on", "he": "של|בכל \\w+", "id": r"\bberisi|\bisi", "it": r"\bda",
    "ru": r"\bв каждой по", "sw": r"\d (?:[yzvlw]a|vya) \w+|zenye \w+", "th": "(?:กล่อง|ถุง|ห่อ|แพ็ค|ชุด|แถว)ละ",
    "vi": r"\bmỗi (?:hộp|túi|gói|thùng|hàng|nhóm)(?: có| chứa)?",
    "zh": "每(?:盒|箱|包|袋|排|组|盘|瓶|篮)(?:有|装)?", "ja": "[1一](?:箱|袋|列|組)(?:に|あたり)?",
}
# What stands between a calculation in words and its result: "240 minus 165 seats, that is 75".
THAT_IS: Mapping[str, str] = {
    "en": r"that is|which is|i\.e\.|equals|makes", "ar": "أي|يساوي", "bg": r"тоест|т\.е\.|равно|прави",
    "bn": "অর্থাৎ|সমান|মানে", "de": "das sind|das ist|das macht|ergibt|gleich", "el": "δηλαδή|ίσον|κάνει",
    "es": "es decir|o sea|igual a|son", "et": "ehk|see on|võrdub|teeb", "fi": "eli|tekee", "fr": "soit|égale?|font",
    "he": "כלומר|שווה", "hi": "यानी|बराबर", "id": "yaitu|yakni|sama dengan", "it": "cioè|ossia|uguale a|fa|fanno",
    "ja": "で|は", "ko": "즉|은|는", "pt": "ou seja|isto é|igual a|dá", "ru": r"то есть|т\. ?е\.|равно|будет",
    "sw": "yaani|sawa na", "ta": "அதாவது|சமம்", "te": "అంటే|సమానం|(?:గుణి|తీసివే|భాగి)స్తే|కలిపితే",
    "th": "เท่ากับ|คือ|เป็น", "tr": "yani|eder|eşittir", "ur": "یعنی|برابر", "vi": "tức là|bằng",
    "zh": "也就是|等于|即|得",
}
# Half of what was counted, up to a word for the unit between: "2 buçuk milyon" is 2.5 million, "2時間半" 2.5 hours.
AND_A_HALF: Mapping[str, str] = {
    "en": "and a half", "ar": "ونصف(?: ال\\w+)?", "bg": "и половина", "de": "(?:und )?ein(?:e[nrs]?)? halbe?[nrs]?",
    "el": "και μισ[όήύ]", "es": "y medi[oa]", "et": "ja pool", "fi": "ja puoli(?:ta)?", "fr": "et demie?",
    "he": "וחצי", "id": "setengah", "it": "e mezz[oa]", "ja": "半(?![分額数径])", "ko": "반", "pt": "e mei[oa]",
    "ru": "с половиной", "sw": "na nusu", "th": "ครึ่ง(?!หนึ่ง)", "tr": "buçuk", "vi": "rưỡi", "zh": "半(?![价數数径])",
}
# A part more or less than the number behind it.
PART_BEFORE: Mapping[str, Mapping[str, str]] = {
    "bn": {"সাড়ে": "0.5", "সোয়া|সওয়া": "0.25", "পৌনে": "-0.25"},
    "hi": {"साढ़े": "0.5", "सवा": "0.25", "पौने": "-0.25"}, "ur": {"ساڑھے": "0.5", "سوا": "0.25", "پونے": "-0.25"},
}
# What makes two numbers a range where the first is the smaller: "20 bis 30 Euro".
TO: Mapping[str, str] = {
    "en": "to", "ar": "إلى|الى|حتى", "bg": "до", "bn": "থেকে|হতে", "de": "bis(?: zu)?", "el": "έως|ως|με", "es": "a",
    "et": "kuni", "fi": "[-–]", "fr": "à", "he": "עד", "hi": "से", "id": r"sampai|hingga|s\.?d\.?", "it": "a",
    "ja": "から|[~〜～]", "ko": "[~∼]|에서|부터", "pt": "a", "ru": "до", "sw": "hadi", "ta": "முதல்",
    "te": "నుండి|నుంచి", "th": "ถึง", "tr": "ila|ilâ", "ur": "سے", "vi": "đến|tới",
    "zh": "(?<![得达收拿看买找升降涨加])到|至",
}
# What makes it a change instead: "from 20 to 30" gives 30.
FROM: Mapping[str, str] = {"en": "from", "ar": "من", "es": "de(?:sde)?", "fr": "de", "it": "da", "pt": "de"}
# What a number counts that is no amount: the step of an explanation. Before the number and behind it.
STEPS: Mapping[str, tuple[str, str]] = {
    "en": (r"\b(?:step|equation|part)", ""), "ar": ("خطوة", ""), "bg": (r"\bстъпка", ""), "bn": ("ধাপ", " ?নম্বর ধাপ"),
    "de": (r"\bschritt", r"\. schritt"), "el": (r"\bβήμα", ""), "es": (r"\bpaso", ""), "et": (r"\bsamm", r"\. samm"),
    "fi": (r"\bvaihe", r"\. vaihe"), "fr": (r"\bétape", ""), "he": ("שלב", ""), "hi": ("चरण|कदम", ""),
    "id": (r"\blangkah", ""), "it": (r"\b(?:passo|passaggio)", ""), "ja": ("ステップ|手順", ""), "ko": ("스텝", "단계")
        , "pt": (r"\b(?:passo|etapa)", ""), "ru": (r"\bшаг", "-?й шаг"), "sw": (r"\bhatua ya", ""), "ta": ("படி", ""),
    "te": ("దశ|అడుగు", ""), "th": ("ขั้น(?:ตอน)?(?:ที่)?", ""), "tr": (r"\badım", r"\. adım"), "ur": ("مرحلہ|قدم", ""),
    "vi": (r"\bbước", ""), "zh": (r"步骤|第(?=\d+步)", "步"),
}
# What opens another question, behind the answer: models run on.
QUESTIONS: Mapping[str, str] = {
    "en": "question|problem|q|user|human|input|instruction", "ar": "ال?سؤال", "bg": "въпрос|задача", "bn": "প্রশ্ন",
    "de": "(?:neue |nächste )?(?:frage|aufgabe)", "el": "ερώτηση|πρόβλημα", "es": "pregunta|problema",
    "et": "küsimus|ülesanne", "fi": "kysymys|tehtävä", "fr": "question|problème|exercice", "he": "שאלה|בעיה",
    "hi": "प्रश्न|सवाल", "id": "pertanyaan|soal", "it": "domanda|problema", "ja": "質問|問題|問い?", "ko": "질문|문제",
    "pt": "pergunta|problema|questão", "ru": "вопрос|задача", "sw": "swali", "ta": "கேள்வி|வினா", "te": "ప్రశ్న",
    "th": "คำถาม|โจทย์", "tr": "soru|problem", "ur": "سوال", "vi": "câu hỏi|bài toán|hỏi", "zh": "问题|题目|问",
}
# What opens a check of the answer that stands before it.
CHECKS: Mapping[str, str] = {
    "en": r"(?:(?:let['’]?s|let us|let me|we can|to|now)\s)*(?:double[- ]?check|check|verif(?:y|ication))",
    "ar": "لل?(?:تحقق|تأكد)|(?:ال)?تحقق|(?:ل?نتحقق|ل?نتأكد)", "bg": "(?:за )?проверка|(?:нека )?(?:да )?проверим",
    "bn": "যাচাই|পরীক্ষা",
    "de": r"(?:zur |gegen)?(?:probe|kontrolle)\b|(?:zur )?(?:über)?prüfung|überprüfen wir|prüfen wir",
    "el": "(?:για )?επαλήθευση|επαληθεύουμε|έλεγχος|ας (?:ελέγξουμε|επαληθεύσουμε)",
    "es": "(?:para )?(?:compro(?:bación|bar|bemos|bamos|bando)|verifi(?:cación|car|quemos|camos|cando))",
    "et": r"kontrolli?\w*", "fi": r"tarkist\w+", "fr": r"(?:pour )?(?:vérifi\w+|contrôle)",
    "he": "ל?בדיקה|נבדוק|ל?אימות", "hi": "जाँच|जांच|सत्यापन",
    "id": r"(?:mari )?(?:pemeriksaan|(?:kita )?periksa|verifikasi|pengecekan|(?:kita )?cek)\b|untuk (?:memeriksa|"
        r"memastikan)", "it": r"(?:per )?(?:verific\w+|controll\w+|prova\b)", "ja": "確かめ|検算|確認|検証",
    "ko": "검산|확인|검증", "pt": r"(?:para )?(?:verific\w+|confer\w+|prova\b|confirm(?:ação|ando|ar))",
    "ru": "(?:для )?провер(?:ка|ки|им|яем)", "sw": r"uthibitisho|(?:ku|tu)?thibitish\w+|(?:ku|tu)?hakiki\w*|ukaguzi",
    "ta": "சரிபார்", "te": "సరిచూ|తనిఖీ|ధృవీక", "th": "(?:การ)?ตรวจสอบ|ตรวจคำตอบ|ทวนคำตอบ",
    "tr": r"kontrol|sağlama\w*|doğrulama\w*", "ur": "جانچ|تصدیق|پڑتال", "vi": "kiểm tra|thử lại|kiểm chứng|xác minh",
    "zh": "检验|验证|验算|检查|核对|檢驗|驗證|驗算",
}
# What opens a clause about another: "12 more than Anna, who has only 5".
BESIDES: Mapping[str, str] = {
    "en": r"(?:who|whose|while|whereas)\b", "ar": "(?:الذي|التي|بينما|في حين)", "bg": r"(?:ко(?:й|я|е|и)то|докато)\b",
    "bn": "(?:আর [^,।\\d]{0,16}মাত্র|যার|যেখানে|অন্যদিকে)", "de": r"(?:der|die|welche[rs]?|während)\b",
    "el": r"(?:που(?! (?:είναι|κάνει))|ενώ|ο οποίος|η οποία)\b",
    "es": r"(?:que(?! (?:es|son|da|hacen|equivale))|quien|mientras|cuy\w+)\b", "et": r"(?:kellel|kes|samas kui)\b",
    "fi": r"(?:jo(?:lla|ka|illa|lta)|kun taas)\b",
    "fr": r"(?:qui(?! (?:fait|donne|font|est))|alors que|tandis que|dont)\b", "he": "(?:שיש|של[ווהים]|בעוד|ואילו|אשר)",
    "hi": "(?:जिस|जबकि)", "id": r"(?:yang|sedangkan|sementara)\b",
    "it": r"(?:che(?! (?:fa|sono|è|dà))|mentre|il quale|la quale)\b", "ja": "一方", "ko": "반면",
    "pt": r"(?:que(?! (?:são|é|dá))|enquanto|quem)\b", "ru": r"(?:(?:у |в )?котор\w+|тогда как|а у|в то время как)\b",
    "sw": r"(?:ambaye|ambao|huku|wakati)\b", "ta": "ஆனால்", "te": "(?:అయితే|కానీ)", "th": "(?:ขณะที่|ส่วน|ซึ่งมี)",
    "tr": r"(?:oysa|ise)\b", "ur": "(?:جس|جبکہ)", "vi": r"(?:còn|trong khi|người)\b", "zh": r"(?:[^,。\d]{1,6}只有|"
        r"而)",
}
# What says that there is no answer.
REFUSALS: Mapping[str, str] = {
    "en": "(?:not|n['’]t) (?:have |give us |provide |given )?(?:enough|sufficient) (?:information|data|details)|"
        "insufficient (?:information|data)|(?:cannot|can['’]t|can not|impossible to|not possible to|unable to|could "
        "not) (?:be )?(?:determine|answer|solve|calculate|tell|say|know|find|comput|work)|(?:do not|don['’]t) know",
    "ar": "لا تكفي|غير كافية|لا يمكن(?:ني)? (?:تحديد|حساب|حل|معرفة|الإجابة)|لا أعرف|لا أعلم|لا أستطيع|يتعذر",
    "bg": r"не са достатъчни|недостатъчн\w+|не може да се (?:определи|изчисли|реши|каже)|не мога да|не знам|"
        r"невъзможно е да",
    "bn": "যথেষ্ট (?:তথ্য|নয়)|(?:বলা|জানা|নির্ণয় করা|বের করা|সমাধান করা) (?:যায় না|সম্ভব নয়|যাচ্ছে না)|জানি না|"
        "পারছি না|পারি না",
    "de": r"(?:nicht aus|unzureichend|nicht genügend|nicht genug (?:angaben|informationen)|zu wenig)|kann (?:ich |"
        r"man )?(?:\w+ ){0,6}?nicht (?:beantwort|berechn|bestimm|lös|sag|ermittel)\w+|lässt sich (?:\w+ ){0,4}?nicht|"
        r"weiß (?:ich )?(?:es )?nicht|unmöglich zu",
    "el": r"δεν επαρκούν|ανεπαρκ\w+|δεν (?:μπορ\w+|είναι δυνατόν?) (?:να )?\w+|δεν (?:ξέρω|γνωρίζω)|αδύνατ\w+",
    "es": r"(?:no son|no es|insuficiente|no hay|faltan) (?:suficiente|dato|informaci|posible)\w*|insuficientes|no "
        r"(?:se )?(?:puedo?e?|podemos) (?:determinar|calcular|resolver|responder|saber|decir)|no (?:lo )?sé|imposible",
    "et": r"ei (?:ole|saa|piisa) (?:\w+ ){0,4}?(?:piisavalt|võimalik|öelda|arvutada|lahendada|määrata|teada|leida|"
        r"vastata)|ei tea|ei piisa",
    "fi": r"eivät riitä|ei riitä|ei ole (?:\w+ )?(?:riittävästi|tarpeeksi) tieto\w+|ei voi(?:da)? (?:\w+ "
        r"){0,3}?(?:ratkaista|laskea|sanoa|tietää|määrittää|vastata|päätellä|selvittää|löytää)|en (?:tiedä|osaa|"
        r"pysty|voi)",
    "fr": r"(?:ne suffisent pas|insuffisant\w*|pas assez (?:de données|d['’]informations)|impossible de)|ne (?:peux|"
        r"peut|pouvons) pas|ne sais pas",
    "he": "אין מספיק|לא מספיק|אי אפשר ל|לא ניתן ל|איני? יודע|לא יודע|איני יכול|לא יכול",
    "hi": "(?:पर्याप्त|अपर्याप्त|अधूरी) जानकारी|पता नहीं|नहीं (?:जानता|जानती|बता|निकाला|किया जा|कहा जा)|संभव नहीं|"
        "असंभव",
    "id": r"tidak (?:cukup|memadai|bisa|dapat|mungkin) (?:\w+ ){0,3}?(?:informasi|data|menentukan|dihitung|"
        r"diselesaikan|menjawab|untuk|diketahui|menghitung|ditentukan)|tidak tahu|kurang informasi",
    "it": r"non (?:bastano|è possibile|posso|si può|sono sufficienti|ci sono (?:abbastanza|sufficienti))|"
        r"insufficient\w+|non (?:lo )?so\b|impossibile",
    "ja": "情報が(?:足り|不足|不十分)|(?:分か|わか)(?:りません|らない)|でき(?:ません|ない)|解けません|不可能",
    "ko": "정보가 (?:부족|충분하지)|(?:알|구할|풀|답할|계산할) 수 없|모르겠|모릅니다|부족",
    "pt": r"(?:não são|não é|não há|insuficiente\w*|faltam) (?:suficient|dados|informaç|possível)\w*|insuficientes|"
        r"não (?:posso|podemos|pode|se pode|consigo|dá para)|não sei|impossível",
    "ru": r"недостаточно|(?:определить|ответить|решить|сказать|узнать|вычислить) (?:невозможно|нельзя)|не хватает "
        r"(?:данных|информации)|(?:нельзя|невозможно) (?:\w+ ){0,2}?(?:определить|вычислить|решить|сказать|узнать|"
        r"ответить)|не (?:могу|знаю)", "sw": "hazitoshi|haitoshi|hai?wezekani|siwezi|sijui|hakuna taarifa|hatuwezi",
    "ta": "போதுமான (?:தகவல்|தரவு)[^.]{0,12}(?:இல்லை)|(?:முடியா|இயலா)(?:து|து)|தெரியவில்லை|தெரியாது",
    "te": "(?:తగినంత|సరిపడా) (?:సమాచారం|డేటా) లేదు|(?:చెప్ప|చేయ|తెలుసుకో|కనుగొన)లే[^.]{0,4}|సాధ్యం కాదు|తెలియదు",
    "th": "(?:ข้อมูล)?ไม่เพียงพอ|ไม่สามารถ|ไม่ทราบ|ไม่รู้|คำนวณไม่ได้|หาไม่ได้",
    "tr": r"yeterli (?:bilgi|veri) (?:yok|verilmemiş|değil)|yetersiz|bilmiyorum|(?:söyle|bil|hesapla|belirle|çöz|"
        r"bul)(?:u?n|il)?e?a?m(?:ez|az|iyor|ıyor|em)\w*|mümkün değil|imkansız",
    "ur": "ناکافی|کافی (?:معلومات|نہیں)|معلوم نہیں|نہیں (?:جانتا|جانتی|بتا|نکالا|کیا جا|کہا جا)|ممکن نہیں|ناممکن",
    "vi": "không (?:đủ|có đủ) (?:thông tin|dữ (?:liệu|kiện))|thiếu (?:thông tin|dữ)|không (?:thể|biết|rõ)",
    "zh": "信息不足|条件不足|不(?:足|够)以|无法|不能确定|不知道|不确定|無法",
}
# What takes a refusal back, or makes it a doubt: "I cannot say for sure, but 12", "12, though I cannot be sure".
BUT: Mapping[str, str] = {
    "en": "but|though|although|still|however", "ar": "و?لكن", "bg": "но|обаче", "bn": "কিন্তু|তবে|বরং",
    "de": "aber|jedoch|sondern|doch", "el": "αλλά|όμως|ωστόσο", "es": "pero|aunque|sino", "et": "aga|kuid|vaid",
    "fi": "mutta|vaan", "fr": "mais|cependant", "he": "אבל|אך|אלא", "hi": "लेकिन|पर|मगर|बल्कि|फिर भी",
    "id": "tetapi|tapi|namun|melainkan", "it": "ma|però|tuttavia", "ja": "が、|しかし|けれど|むしろ",
    "ko": "지만|하지만|그러나", "pt": "mas|porém", "ru": "но|однако|а", "sw": "lakini|bali|ingawa",
    "ta": "ஆனால்|ஆனாலும்", "te": "కానీ|అయినా", "th": "แต่", "tr": "ama|fakat|ancak", "ur": "لیکن|مگر|بلکہ",
    "vi": "nhưng|mà|tuy", "zh": "但|不过|而",
}
# A text that ends with one of these was cut off there.
LEFT_HANGING: Mapping[str, str] = {
    "en": "be|equals?|costs?|and|but|or|so|then|because|since|the|an?|of|to|in|with|is|are|was|were|for|which|that|"
        "from|if|by|at|on|we|she|he|they|has|have|will|plus|minus",
    "ar": "و|ثم|لكن|أو|في|من|على|إلى|هو|هي|أن|إذا|التي|الذي|مع|عن|هذا|لأن",
    "bg": "струват?|е равно|и|а|но|или|че|да|на|за|от|в|във|с|със|по|е|са|ако|защото|който|която|което|които|тогава",
    "bn": "এবং|ও|আর|কিন্তু|অথবা|বা|যদি|কারণ|যে|তাই|তাহলে|প্রতি|সুতরাং|একটি",
    "de": "beträgt|betragen|ergibt|kostet|lautet|und|aber|oder|dann|weil|da|denn|d(?:er|ie|as|en|em|es)|"
        "ein(?:e[nmrs]?)?|von|zu|in|im|mit|für|dass|aus|wenn|bei|an|auf|sie|er|es|also|pro|je",
    "el": "κοστίζει|κοστίζουν|ισούται|και|αλλά|ή|τότε|επειδή|γιατί|ο|η|το|οι|τα|του|της|των|τον|την|με|σε|στο|στη|"
        "στην|από|για|είναι|που|αν|να|ένα|μια",
    "es": "será|serán|cuestan?|asciende|y|e|pero|o|entonces|porque|el|la|los|las|una?|de|del|a|al|en|con|es|son|para|"
        "que|por|si|se|su|cada", "et": "maksab|maksavad|ja|ning|aga|või|siis|sest|kui|et|on|kuid|mis|kes|iga|seega",
    "fi": "maksaa|maksavat|ja|mutta|tai|sitten|koska|jos|että|on|ovat|kun|joka|jotka|eli|sekä|siis",
    "fr": "sera|seront|coûtent?|serait|et|mais|ou|alors|car|parce que|les?|la|l['’]|une?|des?|du|d['’]|à|au|en|dans|"
        "avec|est|sont|pour|qu[ei]|par|si|il|elle|chaque|sur",
    "he": "ו|אבל|או|אז|כי|של|את|עם|הוא|היא|אם|על|אל|זה|לכן|כל",
    "hi": "और|या|लेकिन|तो|क्योंकि|कि|का|की|के|में|से|को|पर|अगर|यदि|एक|प्रति|फिर|इसलिए|तथा",
    "id": "harganya|sama dengan|dan|tetapi|tapi|atau|lalu|kemudian|karena|yang|dari|ke|di|dengan|adalah|untuk|jika|"
        "sebuah|setiap|maka|jadi|memiliki|pada",
    "it": "sarà|costano?|di|e|ed|ma|o|poi|perché|il|lo|la|i|gli|le|l['’]|una?|di|del(?:la|l['’]|lo)?|dei|a|al(?:la)?|"
        "in|nel(?:la)?|con|è|sono|per|che|da|dal(?:la)?|se|si|ogni|su",
    "ja": "[はがをにの]|(?<!こ)と|また|そして|から|ので|つまり|まず|次に|よって",
    "ko": r"(?<=\w)(?:고|며|는데|지만|니까|므로|에서|에게|의|을|를)|그리고|또는|하지만|따라서|그러면|총",
    "pt": "será|custam?|e|mas|ou|então|porque|pois|os?|as?|uma?|d[eoa]s?|em|n[oa]s?|com|é|são|para|que|por|se|cada|"
        "ao|à",
    "ru": r"составляет|будет|равн[аоы]?|стоит|стоят|и|а|но|или|то|что|чтобы|на|за|от|в|во|с|со|по|если|потому что|"
        r"так как|котор\w+|тогда|у|из|для|к|значит|это",
    "sw": "na|lakini|au|kisha|kwa|ya|wa|za|la|cha|vya|ni|katika|kwamba|kama|ana|kila|hivyo",
    "ta": "மற்றும்|ஆனால்|அல்லது|எனவே|ஏனெனில்|ஒரு|பிறகு|என்று", "te": "మరియు|కానీ|లేదా|కాబట్టి|ఎందుకంటే|ఒక|తర్వాత|అని",
    "th": "และ|แต่|หรือ|ดังนั้น|เพราะ|คือ|ของ|กับ|ใน|เท่ากับ|เป็น|จาก|โดย|จะ|ถ้า",
    "tr": "toplamda|ve|ama|veya|sonra|çünkü|ki|ile|eğer|için|bir|her|ise|yani|olan",
    "ur": "اور|یا|لیکن|تو|کیونکہ|کہ|کا|کی|کے|میں|سے|کو|پر|اگر|ایک|فی|پھر|اس لیے",
    "vi": "giá|và|nhưng|hoặc|hay|thì|vì|của|trong|với|là|cho|mà|từ|nếu|mỗi|các|những|bằng|một",
    "zh": "和|与|或|是|有|则|所以|因为|还|每|共|但|而|从|把|为|等于|那么|然后|如果|因此|以及",
}
# fmt: on
