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
    "en": (r"\bnot", ""), "ar": (r"(?<!\w)(?:ليست?|لا)", ""), "bg": (r"\bне", ""), "bn": ("", "নয়"),
    "de": (r"\bnicht", ""), "el": (r"\b(?:όχι|δεν είναι)", ""), "es": (r"\bno(?: es| son)?", ""),
    "et": (r"\b(?:mitte|ei ole)", ""), "fi": (r"\bei(?: ole)?", ""), "fr": (r"\b(?:pas|non)", ""),
    "he": (r"(?<!\w)(?:לא|אינו)", ""), "hi": ("", "नहीं"), "id": (r"\bbukan", ""), "it": (r"\bnon(?: è| sono)?", ""),
    "ja": ("", "では?な[くい]|じゃな[くい]"), "ko": ("", "[이가]? ?아니"), "pt": (r"\bnão(?: é| são)?", ""),
    "ru": (r"\bне", ""), "sw": (r"\bsi", ""), "ta": ("", "அல்ல"), "te": ("", "కాదు"), "th": ("ไม่ใช่", ""),
    "tr": ("", "değil"), "ur": ("", "نہیں"), "vi": (r"\bkhông phải(?: là)?", ""), "zh": ("不是", ""),
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
    "en": (r"\ball(?: of)?(?: the| its| his| her| their)?", ""), "ar": ("(?:كل|جميع)(?: ال\\w+)?|الـ?", ""),
    "bg": ("всички(?:те)?", ""), "bn": ("সব|সমস্ত", ""), "de": ("alle", ""), "el": (r"(?:όλ\w+|και) τ\w+", ""),
    "es": (r"\bl[ao]s", ""), "et": (r"\bkõi(?:k|ki|gi)", "-st\\b"), "fi": (r"\bkaikk?i(?:a|en)?", ":st[aä]\\b"),
    "fr": (r"\bles", ""), "he": ("כל(?: ה)?-?", ""), "hi": ("सभी|सारे|सारी", ""),
    "id": (r"\b(?:semua|seluruh|ke-)", ""), "it": (r"\b(?:le|i|gli)", ""),
    "ja": ("全", "[^\\d\\s、。]{0,3}?(?:全部|すべて|全て)"),
    "ko": ("", "[^\\d\\s]{0,3}(?:을|를) (?:모두|전부|다) "), "pt": (r"\b(?<!\d )[ao]s", ""),
    "ru": (r"\b(?:все(?: эти)?|всех)", ""), "sw": (r"\b[vwyz]ote", ""), "ta": ("", r" ?[^\s\d]+யும்"),
    "te": ("", r" ?[^\s\d]+లూ"), "th": ("(?:ครบ(?:ทั้ง)?|ทั้ง)", ""), "tr": ("", r"(?: \w+)? (?:tamam|heps)"),
    "ur": ("تمام|سارے|ساری", ""), "vi": (r"(?<!tất )\bcả|\btoàn bộ", ""), "zh": ("全部(?:的)?|所有(?:的)?", ""),
}
# Prepositions that make a number a circumstance ("in 7 days he earns 126"), not the answer itself.
PREPOSITIONS: Mapping[str, str] = {
    "en": r"\b(?:from|with|after|at|per|every|each|within)(?: the)?|\b(?:in|on|for|over|by)(?! ?[$£€₹¥])(?: the)?",
    "ar": r"(?:في|من|من أصل|خلال|لكل|بعد|عند)(?: ال\w+)?",
    "bg": r"\b(?:за|от|с|след|по|на)", "de": r"\b(?:in|mit|von|aus|nach|bei|pro|je|für)(?: de[nrm]| die| das)?",
    "el": r"\b(?:σε|από|με|μετά|για)(?: τ\w+)?", "et": r"\biga",
    "es": r"(?<!\d )\b(?:a|en|con|tras|por|cada|desde|para)(?: l[ao]s)?",
    "fi": r"\b(?:per|joka)", "fr": r"(?<!\d )\b(?:à|en|dans|avec|après|par|chaque|pendant|pour|sur)(?: les)?",
    "he": r"(?<!\w)(?:ב-?|מ-|מתוך|תוך|לכל|אחרי|במשך)",
    "id": r"\b(?:dalam|dari|dengan|per|setiap|untuk)",
    "it": r"(?<!\d )\b(?:in|con|dopo|ogni|su|per)(?: le| i| gli)?",
    "pt": r"(?<!\d )\b(?:em|com|após|cada|desde|para|durante)(?: [ao]s)?",
    "ru": r"\b(?:за|из|с|по|через|после|на|в)", "sw": r"\b(?:kwa|katika|kutoka|kila|kati ya)(?: \w+)?",
    "th": r"(?:ใน|จาก|ด้วย|สำหรับ)[\u0e00-\u0e7f]{0,6}", "vi": r"\b(?:trong(?: tổng)?(?: số)?|từ|với|mỗi|sau)",
}
# "of" between a part and its whole ("7 of the 35"): here, and nowhere else, it makes the whole a circumstance.
PART_OF: Mapping[str, str] = {
    "en": r"(?:\w+ )?(?:out )?of(?: the)?", "de": r"(?:von|der)(?: den)?", "es": r"de(?: l[ao]s)?",
    "fr": r"d(?:e|es|e ces)", "it": r"d(?:i|ei|elle|egli)", "pt": r"d(?:e|as|os)",
}
# The same in languages that put it behind the number, with up to a word between.
POSTPOSITIONS: Mapping[str, str] = {
    "bn": r"\S*(?: \S+)? (?:থেকে|করে|দিয়ে|জন্য|ধরে)(?!\w)", "et": r"-st\b| \w+(?:st|ga|s)\b",
    "fi": r"(?: \w+)?(?:ss[aä]|st[aä]|lt[aä])\b",
    "hi": r"\S*(?: \S+)? (?:में|से|के लिए)(?!\w)",
    "ja": r"[^\s\d、。]{0,8}?(?:から|ずつ|なので)", "ko": r"[^\s\d]{0,4}(?: ?[^\s\d]{1,4})?(?:에서|씩|동안)",
    "ta": r" ?\S*(?:ில்|ிலிருந்து|க்கு)(?!\w)",
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
    "en": "that is|which is|i\\.e\\.|equals|makes", "ar": "أي|يساوي", "bg": "тоест|т\\.е\\.|равно|прави",
    "bn": "অর্থাৎ|সমান|মানে", "de": "das sind|das ist|das macht|ergibt|gleich", "el": "δηλαδή|ίσον|κάνει",
    "es": "es decir|o sea|igual a|son", "et": "ehk|see on|võrdub|teeb", "fi": "eli|tekee", "fr": "soit|égale?|font",
    "he": "כלומר|שווה", "hi": "यानी|बराबर", "id": "yaitu|yakni|sama dengan", "it": "cioè|ossia|uguale a|fa|fanno",
    "ja": "で|は", "ko": "즉|은|는", "pt": "ou seja|isto é|igual a|dá", "ru": "то есть|т\\. ?е\\.|равно|будет",
    "sw": "yaani|sawa na", "ta": "அதாவது|சமம்", "te": "అంటే|సమానం|(?:గుణి|తీసివే|భాగి)స్తే|కలిపితే",
    "th": "เท่ากับ|คือ|เป็น", "tr": "yani|eder|eşittir", "ur": "یعنی|برابر", "vi": "tức là|bằng", "zh": "也就是|等于|即|得",
}
# Half of what was counted: "2 buçuk milyon" is 2.5 million, "laki 2 na nusu" 250,000.
AND_A_HALF: Mapping[str, str] = {
    "en": "and a half", "ar": "ونصف", "bg": "и половина", "el": "και μισ[όήύ]", "es": "y medi[oa]", "fr": "et demie?",
    "he": "וחצי", "it": "e mezz[oa]", "pt": "e mei[oa]", "ru": "с половиной", "sw": "na nusu", "tr": "buçuk",
}
# fmt: on
