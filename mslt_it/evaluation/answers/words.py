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
    "ar": ("الجواب|الإجابة|إجابة|النتيجة", "هو|هي"),
    "bg": (r"\bотговор|\bрезултат", r"\bе\b"),
    "bn": ("উত্তর|ফলাফল", "হলো|হল|হচ্ছে|হবে"),
    "de": (r"\bantwort|\bergebnis|\blösung", r"\bist\b|\blautet\b|\bbeträgt\b"),
    "el": ("απάντηση|αποτέλεσμα", r"\bείναι\b"),
    "es": (r"\brespuesta|\bresultado|\bsolución", r"\bes\b|\bson\b"),
    "et": (r"\bvastus|\btulemus", r"\bon\b"),
    "fi": (r"\bvastaus|\btulos", r"\bon\b"),
    "fr": (r"\bréponse|\brésultat|\bsolution", r"\best\b"),
    "he": ("תשובה|תוצאה", "היא|הוא"),
    "hi": ("उत्तर|जवाब", "है"),
    "id": (r"\bjawaban|\bhasil", r"\badalah\b|\bialah\b"),
    "it": (r"\brisposta|\brisultato|\bsoluzione", r"\bè\b"),
    "ja": ("答え|解答|正解|回答|結果", "は"),
    "ko": ("정답|답|결과", "은|는"),
    "pt": (r"\bresposta|\bresultado|\bsolução", r"\bé\b|\bsão\b"),
    "ru": (r"\bответ|\bрезультат", r"равен\b|равно\b|[—–]"),
    "sw": (r"\bjibu|\bjawabu|\bsuluhisho", r"\bni\b"),
    "ta": ("பதில்|விடை", "என்பது"),
    "te": ("సమాధానం|జవాబు|ఫలితం", "ఏమిటంటే"),
    "th": ("คำตอบ|ตอบ|ผลลัพธ์", "คือ"),
    "tr": (r"\bcevap|\byanıt|\bsonuç", ""),
    "ur": ("جواب", "ہے"),
    "vi": ("đáp án|đáp số|câu trả lời|trả lời|kết quả", r"\blà\b"),
    "zh": ("答案|答|结果|結果", "是|为|為"),
}

# A minus written as a word directly before a number. What begins alike and is none is excluded ("at least 7").
MINUS: Mapping[str, str] = {
    "en": r"\b(?:minus|negative)", "ar": "سالب|ناقص", "bg": r"\bминус", "bn": "মাইনাস|ঋণাত্মক", "de": r"\bminus",
    "el": r"\b(?:μείον|πλην)", "es": r"(?<!\bal )(?<!\blo )\bmenos", "et": r"\bmiinus", "fi": r"\bmiinus",
    "fr": r"(?<!\bau )(?<!\bdu )(?<!\bde )(?<!\bou )\bmoins", "he": "מינוס", "hi": "माइनस|ऋण",
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
    "en": r"(?:and )?(?:so|therefore|thus|hence|in total|altogether|in conclusion|overall)\b",
    "ar": "لذلك|إذن|إذًا|وبالتالي", "bg": r"(?:следователно|значи|така че|общо)\b", "bn": "তাই|সুতরাং|অতএব|মোট",
    "de": r"(?:also|somit|daher|folglich|insgesamt|damit|deshalb)\b", "el": r"(?:άρα|επομένως|οπότε|συνολικά)\b",
    "es": r"(?:por (?:lo )?tanto|así que|entonces|en total|por consiguiente|luego)\b",
    "et": r"(?:seega|niisiis|järelikult|seetõttu|kokku)\b", "fi": r"(?:siis|joten|eli|yhteensä)\b",
    "fr": r"(?:donc|ainsi|par conséquent|au total|en tout)\b",
    "he": "לכן|ולכן|לפיכך|בסך הכול", "hi": "इसलिए|अतः|कुल", "id": r"(?:jadi|maka|oleh karena itu|totalnya)\b",
    "it": r"(?:quindi|dunque|perciò|pertanto|in totale|in tutto)\b",
    "ja": "したがって|従って|よって|だから|ゆえに|つまり|合計", "ko": "따라서|그러므로|그래서",
    "pt": r"(?:portanto|logo|então|assim|por isso|no total|ao todo)\b",
    "ru": r"(?:значит|следовательно|таким образом|итак|поэтому|итого|всего)\b",
    "sw": r"(?:kwa hivyo|kwa hiyo|hivyo|kwa jumla|basi)\b", "ta": "எனவே|ஆகவே|ஆகையால்|மொத்தம்|மொத்தத்தில்",
    "te": "కాబట్టి|అందువల్ల|అందుకే|మొత్తం",
    "th": "ดังนั้น|จึง|เพราะฉะนั้น|สรุป", "tr": r"(?:yani|dolayısıyla|bu yüzden|öyleyse|toplamda)\b",
    "ur": "لہذا|اس لیے|چنانچہ", "vi": r"(?:vậy|vì vậy|do đó|như vậy|tổng cộng)\b", "zh": "所以|因此|故|于是",
}

# Prepositions that make a number a circumstance ("in 7 days he earns 126"), not the answer itself.
PREPOSITIONS: Mapping[str, str] = {
    "en": r"\b(?:from|with|after|at|per|every|each|within)(?: the)?|\b(?:in|on|for|over|by)(?! ?[$£€₹¥])(?: the)?",
    "bg": r"\b(?:за|от|с|след|по|на)", "de": r"\b(?:in|mit|von|aus|nach|bei|pro|je|für)(?: de[nrm]| die| das)?",
    "el": r"\b(?:σε|από|με|μετά|για)", "es": r"(?<!\d )\b(?:a|en|con|tras|por|cada|desde|para)(?: l[ao]s)?",
    "fi": r"\b(?:per|joka)", "fr": r"(?<!\d )\b(?:à|en|dans|avec|après|par|chaque|pendant|pour)(?: les)?",
    "id": r"\b(?:dalam|dari|dengan|per|setiap|untuk)",
    "ru": r"\b(?:за|из|с|по|через|после|на|в)", "sw": r"\b(?:kwa|katika|kutoka|kila)(?: \w+)?",
    "th": r"(?:ใน|จาก|ด้วย|สำหรับ)[\u0e00-\u0e7f]{0,6}", "vi": r"\b(?:trong|từ|với|mỗi|sau)",
}
# The same in languages that put it behind the number, with up to a word between. In these (and in Chinese) the
# circumstance comes before the answer, so the last number counts that is none.
POSTPOSITIONS: Mapping[str, str] = {
    "bn": r"\S*(?: \S+)? (?:থেকে|করে|দিয়ে|জন্য|ধরে)(?!\w)", "hi": r"\S*(?: \S+)? (?:में|से|के लिए)(?!\w)",
    "ja": r"[^\s\d、。]{0,8}?(?:から|ずつ|なので)", "ko": r"[^\s\d]{0,4}(?: ?[^\s\d]{1,4})?(?:에서|씩|동안)",
    "te": r"\S*(?: \S+)? (?:నుండి|చొప్పున|కోసం)(?!\w)", "tr": r"(?: \w+)?(?:dan|den|tan|ten)\b",
    "ur": r"\S*(?: \S+)? (?:میں|سے)(?!\w)", "zh": "(?!)",
}

# Words that deny a label, before it and behind it. Only what stands directly there (an article or "a" aside) counts.
NEGATION: Mapping[str, tuple[str, str]] = {
    "en": (r"\b(?:not|isn['’]t|aren['’]t|never|neither|nor|without|cannot be)"
           r"(?: (?:a|an|the|be|been|really|at all|entirely|clearly))*", ""),
    "ar": ("ليس|ليست|غير|لا", ""), "bg": (r"\bне(?: е| са)?", ""), "bn": ("", "নয়|না|নেই"),
    "de": (r"\b(?:nicht|kein\w*|nie|weder|noch)(?: (?:ein\w*|der|die|das|als|wirklich))*", ""),
    "el": (r"\b(?:δεν(?: είναι)?|μη|ούτε)(?: (?:ένα|μια|μία))*", ""),
    "es": (r"\b(?:no(?: (?:es|son|parece|fue|era))?|nunca|ni|tampoco)(?: (?:un|una|el|la|muy|es))*", ""),
    "et": (r"\b(?:ei|mitte|pole|ega)(?: ole)?", ""),
    "fi": (r"\b(?:ei|eivät|en)(?: ole)?", ""),
    "fr": (r"\b(?:pas|jamais|ni|non)(?: (?:une?|le|la|très|vraiment|de))*", ""),
    "he": (r"\b(?:לא|אינו|אינה|אין)", ""), "hi": (r"नहीं|न", "नहीं"),
    "id": (r"\b(?:bukan|tidak|bukanlah)(?: \w+)?", ""),
    "it": (r"\b(?:non(?: (?:è|sono|può essere))?|né|mai|neanche)(?: (?:una?|il|la|lo))*", ""),
    "ja": ("", "では?な[いく]|ではありません|じゃな[いく]|とは言え|とはいえ"),
    "ko": (r"안", "이? ?아니|이?지 ?않|가 ?아니"),
    "pt": (r"\b(?:não(?: (?:é|são|pode ser))?|nem|nunca)(?: (?:uma?|o|a))*", ""),
    "ru": (r"\b(?:не|ни)(?: (?:является|очень))?", ""), "sw": (r"\b(?:si|sio|siyo|hayana|wala)(?: \w+)?", ""),
    "ta": ("", "அல்ல|இல்லை"), "te": ("", "కాదు|కాదని|లేదు"), "th": ("ไม่ใช่|ไม่ได้|ไม่|มิใช่", ""), "tr": ("", "değil"),
    "ur": (r"نہیں|نہ", "نہیں"), "vi": (r"\b(?:không phải(?: là)?|không|chẳng)", ""),
    "zh": ("不是|并不|并非|不|非|没有|没", ""),
}

# "or", "and": labels that it joins are a choice left open.
JOINERS: Mapping[str, str] = {
    "en": r"or|and|nor|&", "ar": "أو|أم|و", "bg": "или|и", "bn": "বা|অথবা|নাকি|এবং|ও",
    "de": "oder|und|noch|bzw\\.?", "el": "ή|και",
    "es": "o|u|y|e|ni", "et": "või|ja|ega", "fi": "tai|vai|ja", "fr": "ou|et|ni", "he": "או|ו", "hi": "या|और",
    "id": "atau|dan", "it": "oppure|o|e|né",
    "ja": "または|それとも|あるいは|でも|か|と|や", "ko": "또는|혹은|이나|나|와|과", "pt": "ou|e|nem",
    "ru": "или|и|либо|ни", "sw": "au|na|ama|wala", "ta": "அல்லது|மற்றும்", "te": "లేదా|మరియు",
    "th": "หรือ|และ", "tr": "veya|ya da|mı|mi|ve", "ur": "یا|اور", "vi": "hay|hoặc|và",
    "zh": "还是|還是|或者|或|和|与",
}

# Words for the options that a label may follow: "Option 2", "Satz 2".
OPTIONS: Mapping[str, str] = {
    "en": "option|choice|sentence|answer|number|alternative|label|ending", "ar": "الخيار|خيار|الجملة",
    "bg": "вариант|изречение|номер",
    "bn": "বিকল্প|বাক্য|নম্বর", "de": "option|satz|antwort|nummer|möglichkeit|alternative", "el": "επιλογή|πρόταση",
    "es": "la opción|opción|la frase|oración|número|alternativa", "et": "variant|valik|lause|vastus|number",
    "fi": "vaihtoehto|lause|numero",
    "fr": "l'option|option|phrase|numéro|le choix|choix",
    "he": "אפשרות|משפט", "hi": "विकल्प|वाक्य", "id": "pilihan|opsi|kalimat|nomor",
    "it": "l'opzione|opzione|la frase|frase|numero|alternativa", "ja": "選択肢|文|番号",
    "ko": "선택지|보기|문장", "pt": "a opção|opção|a frase|frase|número|alternativa",
    "ru": "вариант|предложение|номер", "sw": "chaguo|sentensi|namba",
    "ta": "விருப்பம்|தெரிவு|வாக்கியம்", "te": "ఎంపిక|వాక్యం|ఐచ్ఛికం",
    "th": "ตัวเลือกที่|ตัวเลือก|ข้อ|ประโยค",
    "tr": "seçenek|cümle", "ur": "اختیار|جملہ", "vi": "lựa chọn|phương án|câu", "zh": "选项|選項|句子|第",
}

# What may close a label that stands alone: copulas, polite endings, particles.
ENDINGS: Mapping[str, str] = {
    "bn": "ই", "ja": "だと思います|です|である|だ|でしょう|ですね|番", "ko": "입니다|이다|이에요|예요|요|번",
    "th": "ครับ|ค่ะ|นะครับ|นะคะ|จ้ะ",
    "tr": "['’]?(?:dır|dir|tır|tir|dur|dür)", "zh": "的|吧|个", "te": "ే|ండి",
}
# fmt: on


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
