"""Words that tell where a generated answer stands, by language, and how they become patterns.

Entries are regular expressions (matched without regard to case, against composed letters). A language that has no row
is read with the English one alone: models that answer in another language still write "Answer:" and "So".
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping

# fmt: off
# Words before the answer, and what may stand between them and it (a colon and "=" may in every language).
CUES: Mapping[str, tuple[str, str]] = {
    "en": (r"\banswer|\bresult\b", r"\bis\b"),
    "ar": ("جواب|إجابة|إجابت|النتيجة", "هو|هي"),
    "bg": (r"\bотговор|\bрезултат", r"\bе\b"),
    "bn": ("উত্তর|ফলাফল", "হলো|হল|হচ্ছে|হবে"),
    "de": (r"\bantwort|\bergebnis|\blösung", r"\bist\b|\bsei\b|\blautet\b|\bbeträgt\b"),
    "el": ("απάντησ[ηή]|αποτέλεσμα", r"\bείναι\b"),
    "es": (r"\brespuesta|\bresultado|\bsolución", r"\bes\b|\bson\b|\bsea\b|\bsería\b"),
    "et": (r"\bvastus\w*|\btulemus\w*", r"\bon\b"),
    "fi": (r"\bvastau[ks]\w*|\btulo(?:s|kse)\w*", r"\bon\b"),
    "fr": (r"\bréponse|\brésultat|\bsolution", r"\best\b|\bserait\b"),
    "he": ("תשובה|תוצאה", "היא|הוא"),
    "hi": ("उत्तर|जवाब|परिणाम", "है"),
    "id": (r"\bjawaban(?:nya)?|\bhasil(?:nya)?", r"\badalah\b|\bialah\b"),
    "it": (r"\brisposta|\brisultato|\bsoluzione", r"\bè\b|\bsia\b|\bsarebbe\b"),
    "ja": ("答え|解答|正解|回答|結果", "は"),
    "ko": ("정답|답|결과", "은|는"),
    "pt": (r"\bresposta|\bresultado|\bsolução", r"\bé\b|\bsão\b|\bseja\b|\bseria\b"),
    "ru": (r"\bответ|\bрезультат", r"равен\b|равно\b|[—–]"),
    "sw": (r"\bjibu|\bjawabu|\bsuluhisho", r"\bni\b"),
    "ta": ("பதில்|விடை", "என்பது"),
    "te": ("సమాధానం|జవాబు|ఫలితం", "ఏమిటంటే"),
    "th": ("คำตอบ|ตอบ|ผลลัพธ์", "คือ|ต้องเป็น"),
    "tr": (r"\bceva[pb]\w*|\byanıt\w*|\bsonu[çc]\w*", ""),
    "ur": ("جواب|نتیجہ", "ہے"),
    "vi": (r"(?:đáp án|đáp số|câu trả lời|trả lời|kết quả)(?: đúng(?= là\b))?", r"\blà\b"),
    "zh": ("答案|答|结果|結果", "是|为|為"),
}

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

# What gives the reason for an answer that came first ("18, because ...").
BECAUSE: Mapping[str, str] = {
    "en": r"because\b|since\b|as\b", "ar": "لأن", "bg": r"защото\b|тъй като\b", "bn": "কারণ|কেননা",
    "de": r"weil\b|denn\b|da\b", "el": r"επειδή\b|γιατί\b|διότι\b", "es": r"porque\b|ya que\b|pues\b",
    "et": r"sest\b|kuna\b", "fi": r"koska\b|sillä\b", "fr": r"car\b|parce que?\b|puisque?\b",
    "he": "כי|משום", "hi": "क्योंकि",
    "id": r"karena\b|sebab\b", "it": r"perché\b|poiché\b|siccome\b", "ja": "なぜなら|というのも", "ko": "왜냐하면",
    "pt": r"porque\b|pois\b|já que\b",
    "ru": r"потому что\b|так как\b|поскольку\b|ведь\b",
    "sw": r"kwa sababu\b|kwani\b|maana\b", "ta": "ஏனெனில்|ஏனென்றால்",
    "te": "ఎందుకంటే", "th": "เพราะ|เนื่องจาก", "tr": r"çünkü\b", "ur": "کیونکہ",
    "vi": r"vì\b|bởi\b|do\b", "zh": "因为|因為|由于",
}

# What opens the sentence that draws the conclusion; also the total ("In total she paid").
CONCLUSIONS: Mapping[str, str] = {
    "en": r"(?:and )?(?:so|therefore|thus|hence|in total|altogether|in conclusion|in short|in summary|overall)\b",
    "ar": "باختصار|لذلك|إذن|إذًا|وبالتالي", "bg": r"(?:следователно|значи|накратко|така че|общо)\b",
    "bn": "সংক্ষেপে|তাই|সুতরাং|অতএব|মোট",
    "de": r"(?:also|kurz gesagt|kurzum|somit|daher|folglich|insgesamt|damit|deshalb)\b",
    "el": r"(?:άρα|με λίγα λόγια|συνοπτικά|επομένως|οπότε|συνολικά)\b",
    "es": r"(?:por (?:lo )?tanto|en resumen|así que|entonces|en total|por consiguiente|luego)\b",
    "et": r"(?:seega|lühidalt|niisiis|järelikult|seetõttu|kokku)\b", "fi": r"(?:siis|lyhyesti|joten|eli|yhteensä)\b",
    "fr": r"(?:donc|en bref|bref|en résumé|ainsi|par conséquent|au total|en tout)\b",
    "he": "בקצרה|לכן|ולכן|לפיכך|בסך הכול", "hi": "संक्षेप में|इसलिए|अतः|कुल",
    "id": r"(?:jadi|singkatnya|maka|oleh karena itu|totalnya)\b",
    "it": r"(?:quindi|in breve|insomma|dunque|perciò|pertanto|in totale|in tutto)\b",
    "ja": "要するに|したがって|従って|よって|だから|なので|ゆえに|つまり|合計",
    "ko": "요컨대|따라서|그러므로|므로|그래서",
    "pt": r"(?:portanto|em resumo|logo|então|assim|por isso|no total|ao todo)\b",
    "ru": r"(?:значит|короче говоря|следовательно|таким образом|итак|поэтому|итого|всего)\b",
    "sw": r"(?:kwa hivyo|kwa ufupi|kwa hiyo|hivyo|kwa jumla|basi)\b", "ta": "சுருக்கமாக|எனவே|ஆகவே|ஆகையால்|மொத்தம்|மொத்தத்தில்",
    "te": "క్లుప్తంగా|కాబట్టి|అందువల్ల|అందుకే|మొత్తం",
    "th": "สรุปคือ|ดังนั้น|จึง|เพราะฉะนั้น|สรุป", "tr": r"(?:yani|kısacası|dolayısıyla|bu yüzden|öyleyse|toplamda)\b",
    "ur": "مختصر[اً]*|لہذا|اس لیے|چنانچہ", "vi": r"(?:vậy|tóm lại|vì vậy|do đó|như vậy|tổng cộng)\b",
    "zh": "简而言之|总之|所以|因此|故|于是",
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
    "en": r"(?:out )?of(?: the)?", "de": r"(?:von|der)(?: den)?", "es": r"de(?: l[ao]s)?", "fr": r"d(?:e|es|e ces)",
    "it": r"d(?:i|ei|elle|egli)", "pt": r"d(?:e|as|os)",
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

# Words that deny a label, before it and behind it. Only what stands directly there (an article or "a" aside) counts.
NEGATION: Mapping[str, tuple[str, str]] = {
    "en": (r"\b(?:not|isn['’]t|aren['’]t|never|neither|nor|without|cannot be|hardly|anything but|far from)"
           r"(?: (?:a|an|the|be|been|being|really|at all|entirely|clearly))*", ""),
    "ar": (r"و?(?:ليست?(?: [^\W\d]+)?|لا)|غير|أبعد ما ت?يكون عن", ""),
    "bg": (r"\b(?:не|нито)(?: е| са)?(?: изобщо| никак)?", ""),
    "bn": ("", r"(?:ও ?)?(?:নয়|না|নেই)|বলা যায় না|বলা চলে না"),
    "de": (r"\b(?:nicht|kein\w*|nie|weder|noch|kaum|alles andere als)"
           r"(?: (?:ein\w*|der|die|das|als|wirklich|gerade))*", ""),
    "el": (r"\b(?:δεν(?: είναι)?|μη|ούτε|όχι|κάθε άλλο παρά)(?: (?:ένα|μια|μία|καθόλου|ιδιαίτερα))*", ""),
    "es": (r"\b(?:no(?: (?:es|son|parece|fue|era))?|nunca|ni|tampoco|lejos de ser)"
           r"(?: una? [^\W\d]+)?(?: (?:un|una|el|la|muy|es|nada|en absoluto))*", ""),
    "et": (r"\b(?:ei|mitte|pole|ega|kaugel|muud kui)(?: ole)?(?: (?:sugugi|üldse))?", ""),
    "fi": (r"\b(?:ei|eivät|en|eikä|muuta kuin)(?: ole)?(?: (?:lainkaan|ollenkaan|kovin))?", ""),
    "fr": (r"\b(?:pas|jamais|ni|non|guère|loin d['’]être)"
           r"(?: une? [^\W\d]+)?(?: (?:une?|le|la|très|vraiment|du tout|de))*", ""),
    "he": (r"\b(?:ו?לא(?: [^\W\d]+)?|אינו|ו?אינה|אין|רחוק\w* מ(?:להיות|)) ?", ""),
    "hi": (r"नहीं|न", "नहीं"),
    "id": (r"\b(?:bukan|tidak|bukanlah|jauh dari)(?: \w+)?(?: yang)?", ""),
    "it": (r"\b(?:non(?: (?:è|sono|può essere))?|né|mai|neanche|tutt['’]altro che)"
           r"(?: una? [^\W\d]+)?(?: (?:una?|il|la|lo|affatto))*", ""),
    "ja": ("", "では?な[いく]|ではありません|だ?とは?(?:言え|いえ|思え|思わ)|じゃな[いく]"),
    "ko": (r"안", "이?지도? ?않|번?[이가은는]? ?아니|(?:이?라고는? )?(?:(?:할|볼|말할) 수 없|(?:보|하)기 어렵)"),
    "pt": (r"\b(?:não(?: (?:é|são|pode ser))?|nem|nunca|longe de ser)"
           r"(?: uma? [^\W\d]+)?(?: (?:uma?|o|a|nada|muito))*", ""),
    "ru": (r"\b(?:не|ни)(?: (?:является|очень))?", ""),
    "sw": (r"\b(?:si|sio|siyo|hayana|wala|mbali na kuwa)(?: \w+)?", ""),
    "ta": ("", "(?:என்று )?(?:அல்ல|இல்லை|சொல்ல முடியாது|கூற முடியாது)"),
    "te": ("", "(?:అని )?(?:కాదు|కాదని|లేదు|(?:చెప్ప|అన)లే[\u0c00-\u0c7f]*)"),
    "th": ("ไม่ใช่[\u0e00-\u0e7f]{0,8}|ไม่ได้(?:เป็น)?|ไม่(?:ถือว่า)?(?:เป็น)?|มิใช่", "ไม่ได้"),
    "tr": (r"\bne", r"değil\w*|say[ıi]lma\w*|den(?:il)?eme\w*"),
    "ur": (r"نہیں|نہ", "نہیں"),
    "vi": (r"\b(?:không phải(?: là)?(?: một)?(?: [^\W\d]+){0,2}|không(?: hề)?|chẳng(?: hề)?)", ""),
    "zh": ("不是|并不|并非|不|非|没有|没|[算谈]不上|称不上|很难说", ""),
}
# What denies a label at a distance in its clause, before it ("one cannot say that", "nothing is") and behind it.
DENIED_AFAR: Mapping[str, tuple[str, str]] = {
    "en": (r"\b(?:cannot|can(?:no|['’])?t|can hardly|hard to|impossible to) (?:be )?(?:say|said|call|called|describe|"
           r"described)|\bnothing(?! but)", ""),
    "ar": (r"لا (?:يمكن|نستطيع|يصح) (?:وصف|القول|أن)|لا شيء|ليس فيه", ""),
    "bg": (r"\bне може да (?:се )?(?:каже|нарече|наречем|кажем|определи)|\bнищо", ""),
    "bn": ("", "কিছুই|বলা যায় না|নয়"), "hi": ("", "नहीं"), "ur": ("", "نہیں"),
    "de": (r"\bnicht (?:als|sagen)|\bkann man (?:nicht|kaum)|\bnichts", ""),
    "el": (r"\bδεν μπορεί (?:να|κανείς)|\bδεν μπορούμε να|\bτίποτα", ""),
    "es": (r"\bno se (?:puede|podría)|\bnada(?! más que)", ""),
    "et": (r"\bei saa (?:nimetada|öelda|pidada)|\bpole midagi|\bei ole midagi", ""),
    "fi": (r"\bei voi (?:sanoa|kutsua|pitää)|\bei ole mitään", ""),
    "fr": (r"\bne (?:peut|saurait)(?: pas)? (?:dire|être|qualifier)|\brien", ""),
    "he": (r"אי אפשר ל(?:ומר|כנות|קרוא|תאר)|שום|אין בו|אין בה", ""),
    "id": (r"\btidak (?:bisa|dapat) (?:disebut|dikatakan)|\btidak ada", ""),
    "it": (r"\bnon si può|\bniente|\bnulla", ""),
    "ja": ("", "(?:ありません|ない|なかった)"), "ko": ("", "없|아니|아닙"),
    "pt": (r"\bnão se pode|\bnada", ""), "ru": (r"\bнельзя (?:назвать|сказать|считать)|\bничего", ""),
    "sw": (r"\bha(?:ya|i|wa|li|vi|zi)wezi kuitwa|\bhakuna", ""), "ta": ("", "எதுவும் இல்லை|அல்ல"),
    "te": ("", "ఏమీ లేదు|కాదు"),
    "th": ("(?:เรียก|พูด|บอก)(?:ว่า)?ไม่ได้|ไม่มีอะไร", ""), "tr": ("", "yok|değil"),
    "vi": (r"\bkhông thể (?:gọi|nói|coi|xem)|\b(?:chẳng|không) có gì", ""),
    "zh": ("不能说|不能算|不能称|没有?什么", ""),
}

# "or", "and": labels that it joins are a choice left open.
JOINERS: Mapping[str, str] = {
    "en": r"or|and|nor|&", "ar": "أو|أم|و", "bg": "или|и", "bn": "বা|অথবা|নাকি|এবং|ও",
    "de": "oder|und|noch|als auch|bzw\\.?", "el": "ή|και",
    "es": "o|u|y|e|ni|como", "et": "või|ja|ega|kui ka", "fi": "tai|vai|ja|että",
    "fr": "ou|et|ni|soit", "he": "או|וגם|ו",
    "hi": "या|और",
    "id": "atau|dan|maupun", "it": "oppure|o|e|né|che",
    "ja": "または|それとも|あるいは|でも|か|と|や|も", "ko": "또는|혹은|아니면|이나|나|와|과", "pt": "ou|e|nem|como",
    "ru": "или|и|либо|ни", "sw": "au|na|ama|wala", "ta": "அல்லது|மற்றும்", "te": "లేదా|మరియు",
    "th": "หรือ|และ", "tr": "veya|ya da|ya|mı|mi|ve|ne|hem", "ur": "یا|اور", "vi": "hay|hoặc|và|cũng|lẫn",
    "zh": "还是|還是|或者|或|和|与|也",
}

# Words for the options that a label may follow: "Option 2", "Satz 2".
OPTIONS: Mapping[str, str] = {
    "en": "option|choice|sentence|answer|number|alternative|label|ending",
    "ar": "(?:ال)?(?:خيار|جملة|إجابة)(?: رقم)?|الجواب رقم",
    "bg": "вариант|изречение|номер",
    "bn": "বিকল্প|বাক্য|নম্বর", "de": "option|satz|antwort|nummer|möglichkeit|alternative",
    "el": "επιλογή|πρόταση|αριθμό\\w?",
    "es": "la opción|opción|la frase|oración|número|alternativa", "et": "variant|valik|lause|vastus|number",
    "fi": "vaihtoehto|lause|virke|numero",
    "fr": "l'option|option|phrase|numéro|le choix|choix",
    "he": "(?:ה?אפשרות|ה?משפט)(?: מספר)?", "hi": "विकल्प|वाक्य|संख्या", "id": "pilihan|opsi|kalimat|nomor",
    "it": "l'opzione|opzione|la frase|frase|numero|alternativa", "ja": "選択肢|文|番号",
    "ko": "선택지|보기|문장", "pt": "a opção|opção|a frase|frase|número|alternativa",
    "ru": "вариант|предложение|номер", "sw": "(?:chaguo|sentensi)(?: la| ya)?|namba",
    "ta": "விருப்பம்|தெரிவு|வாக்கியம்|எண்", "te": "ఎంపిక|వాక్యం|ఐచ్ఛికం|సంఖ్య",
    "th": "ตัวเลือกที่|ตัวเลือก|ข้อ|ประโยค|หมายเลข",
    "tr": "seçenek|cümle", "ur": "اختیار|جملہ|آپشن|نمبر", "vi": "(?:lựa chọn|phương án|câu|đáp án)(?: số)?",
    "zh": "选项|選項|句子|第",
}
# What points at a digit, where the sentence pauses behind it or goes on with `CHOSEN`: "I choose 2.", "La 2."
POINTERS: Mapping[str, str] = {
    "en": "choose|pick|select|go with|answer with", "ar": "الرقم|رقم|أختار|اختار", "bg": "избирам|отговарям с",
    "bn": "আমি", "de": "wähle|nehme|die|das", "el": "επιλέγω|διαλέγω|το", "es": "elijo|escojo|la|el",
    "et": "valin|vastan", "fi": "valitsen|vastaan", "fr": "choisis|réponds|la|le|n°", "he": "מספר|בוחרת?|בחרתי ב-?",
    "hi": "मैं", "id": "memilih|pilih|yang", "it": "scelgo|la|il", "ja": "私は|私なら", "ko": "저는|나는",
    "pt": "escolho|a|o", "ru": "выбираю|под номером", "sw": "nachagua|ninachagua|namba", "ta": "நான்", "te": "నేను",
    "th": "เลือก(?:ข้อ)?|เบอร์", "tr": "ben", "ur": "میں", "vi": "số|chọn", "zh": "我?选择?",
}
# What says of a digit before it that it is the answer: "2 is more likely". "2 is not", "2 is less likely" do not.
CHOSEN: Mapping[str, str] = {
    "en": r"(?:is|seems|sounds|looks|would be)(?: much| far| clearly)? (?:more|better|likelier|right|correct|the)\b"
          r"|fits|makes (?:more |better |the most )?sense|follows",
    "ar": "(?:هو |هي )?(?:الأرجح|الأنسب|أرجح|أنسب|أكثر|صحيح|الصحيح)",
    "bg": r"(?:е|изглежда) (?:по-(?!малко)|най-(?!малко)|вярн|правилн)|подхожда",
    "bn": "(?:নম্বর(?:টি)? |টি )?(?:বেশি|সঠিক|ঠিক|বেছে)",
    "de": r"(?:ist|scheint|klingt|wirkt)(?: viel| deutlich| eher)? (?:wahrscheinlicher|richtig|besser|plausibler|"
          r"sinnvoller|passender|die|das)\b|(?:das|die|der) (?:bessere|richtige|passende)|passt|ergibt (?:mehr )?sinn",
    "el": r"(?:είναι|φαίνεται|μοιάζει) (?:πολύ )?(?:πιο|η|το|σωστ|καλύτερ)|ταιριάζει",
    "es": r"(?:es|parece|resulta) (?:mucho )?(?:más|la|el|mejor|correct)|encaja|tiene (?:más )?sentido",
    "et": r"(?:on|tundub) (?:palju )?(?!vähem)\w+m\b|(?:on )?(?:õige|parem)|sobib",
    "fi": r"(?:on|vaikuttaa|tuntuu) (?:paljon )?(?:(?!epä)\w+mpi\b|(?!epä)\w+mmalta\b|oikea)|sopii",
    "fr": r"(?:est|semble|paraît) (?:bien )?(?:plus|la|meilleur|correct|juste)|convient|a plus de sens",
    "he": "(?:הוא |היא )?(?:הסוף|הטוב|סביר|מתאי|נכונ?ה?|עדיפ?ה?|הגיוני)",
    "hi": "(?:की संभावना(?! कम)|ज़्यादा|अधिक|बेहतर|सही|ठीक|(?:को )?चुन|का चयन)",
    "id": "(?:adalah )?(?:yang )?(?:lebih|paling|benar|cocok)",
    "it": r"(?:è|sembra|pare) (?:molto )?(?:più|la|il|migliore|corrett|giust)|si adatta|ha più senso",
    "ja": "番?(?:の(?:方|ほう)が|が(?:より|正|適|ふさわ|妥当|自然)|を選|にします)",
    "ko": "번?[이가을를] (?:더|맞|정답|옳|가장|고르|선택|택)",
    "pt": r"(?:é|parece) (?:muito )?(?:mais|a|o|melhor|corret|cert)|encaixa|faz mais sentido",
    "ru": r"(?:[—–-] )?(?:более|лучш|вероятнее|правдоподобнее|лучше|верн|правильн)|подходит",
    "sw": r"(?:lina|ina|ni)(?: uwezekano)? (?:zaidi|mkubwa|sahihi|bora)|(?:lina|ina)faa",
    "ta": "(?:அதிக|சரி|நன்றாக|பொருத்த|பொருந்து|ஐ)", "te": "(?:ఎక్కువ|సరైన|సరి|బాగా|(?:ని )?ఎంచుకు|(?:ను )?ఎన్నుకు)",
    "th": "(?:เป็นไปได้(?!น้อย)|เหมาะสม|สมเหตุสมผล|น่าจะ|ถูกต้อง|ดีกว่า)",
    "tr": r"daha(?! az)|en (?:olası|uygun)|doğru|uygun|numara\w* (?:seçene\w+ )?(?:daha|doğru|seç)",
    "ur": "(?:کا امکان(?! کم)|زیادہ|بہتر|درست|صحیح|کا انتخاب|کو چن)",
    "vi": r"hợp lý|phù hợp|đúng|có khả năng|là (?:đáp án|hợp lý|đúng)", "zh": "更|比较合|是(?:更|正确|对的|答案)|最有",
}
# Politeness before a label: "जी हाँ".
POLITE: Mapping[str, str] = {"bn": "জি|জী|আজ্ঞে", "hi": "जी", "ur": "جی", "vi": "dạ|vâng"}

# What may close a label that stands alone: copulas, polite endings, particles, counters. Up to three of them.
ENDINGS: Mapping[str, str] = {
    "bn": "ই|নম্বর(?:টি)?|হবে|হলো|হয়", "de": "sein",
    "fi": "vain", "hi": "है|हैं|होगा|होगी|ही|होना|चाहिए",
    "ja": "だ?と思います|です|である|だ|でしょう|ですね|番|に?なります",
    "ko": "입니다|이다|이에요|예요|에요|요|번|임|이?[어여]야|합니다",
    "ru": "-?(?:й|я|е|ый|ое|ая)|вариант|предложение|ответ",
    "ta": "ஆகத்தான்|இருக்க வேண்டும்|ஆகும்|என்பதாகும்|என்பது|தான்|என்று", "te": "ే|అండి|ండి|అవుతుంది|కావాలి",
    "th": "ครับ|ค่ะ|นะครับ|นะคะ|จ้ะ|แล้ว|เลย",
    "tr": "['’]?(?:dır|dir|tır|tir|dur|dür)|numara|olmalı", "ur": "ہے|ہیں|ہوگا|ہوگی|ہو گا|ہی|ہونا|چاہیے", "vi": "ạ",
    "zh": "的|吧|个|号|了",
}

# Spellings of one word, the first of a row being the one of the prompts (case-folded, without accents in es).
SPELLINGS: Mapping[str, str] = {
    "bn": "হ্যাঁ হ্যা হাঁ · হয়তো হয়ত", "et": "võib-olla võibolla", "he": "ניטרלי נייטרלי", "hi": "हाँ हां · नहीं नही",
    "id": "ya iya", "ja": "どちらとも言えない どちらともいえない",
    "ko": "예 네 · 아니요 아니오 아뇨", "sw": "ndiyo ndio", "ta": "ஆம் ஆமாம்",
    "te": "అవును అవునండి · కాదు కాదండి", "tr": "hayır hayir", "ur": "نہیں نہی",
    "zh": "无法确定 無法確定 · 积极 積極 · 消极 消極",
}
# fmt: on


# What ends a sentence and what pauses within one, in the scripts that have signs of their own (full-width signs are
# folded to ASCII): ideographic, Devanagari, Urdu, Arabic.
STOPS = "。।॥۔؟"
PAUSES = "、，；：،؛·"


def either(rows: Mapping[str, str], language: str) -> str:
    """The pattern of a table for a language, with the English one behind it; "" where neither has a row."""
    return "|".join(rows[code] for code in dict.fromkeys((language, "en")) if rows.get(code))


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Without regard to case, line by line, composed as folded texts are."""
    return re.compile(unicodedata.normalize("NFC", pattern), re.IGNORECASE | re.MULTILINE)


def with_ascii_digits(text: str) -> str:
    """Without invisible characters, too."""
    characters = []
    for character in text:
        if character.isdecimal():
            characters.append(str(unicodedata.decimal(character)))
        elif unicodedata.category(character) != "Cf":
            characters.append(character)
    return "".join(characters)
