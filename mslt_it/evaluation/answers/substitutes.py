"""Labels said in other words ("True" for yes, "the second one" for 2), and what takes an answer back.

Entries are regular expressions as in `words`, but for `SPELLINGS` and `SYNONYMS`, which are plain words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mslt_it.evaluation.answers.choices import CARDINALS, ONE_OF, OPTIONS, ORDINAL_BEHIND, ORDINALS
from mslt_it.evaluation.answers.numerals import NO_WORD_SPACES
from mslt_it.evaluation.answers.words import CLOSE, LETTER, OPEN, PAUSE, STOPS, compiled

_SUFFIXED = frozenset({"bn", "hi", "ta", "te", "ur"})  # words for options take endings

# Else each line would look through all blank ones behind it, anew.
_OPEN_IN_LINE = rf"(?:(?!\n){OPEN[:-1]})*"

# fmt: off
# Spellings and forms of one word, the first of a row being the one of the prompts (case-folded, without accents in es).
SPELLINGS: Mapping[str, str] = {
    "bn": "হ্যাঁ|হ্যা|হাঁ|হ্যাঁ|hyan|hae · হয়তো|হয়ত|hoyto · না|naa",
    "el": "ναι|nai · όχι|oxi · ίσως|isos",
    "et": "võib-olla|võibolla|võib olla|voib-olla|voibolla", "fi": "kyllä|kylla · ehkä|ehka",
    "he": "ניטרלי|נייטרלי|ניטראלי|נייטראלי", "hi": "हाँ|हां|हा|haan|han · नहीं|नही|नहि|nahi|nahin · शायद|shayad",
    "id": "ya|iya", "ja": "どちらとも言えない|どちらともいえない|どちらとも言えません|どちらともいえません · はい|"
        "ハイ|hai · いいえ|iie",
    "ko": "예|네 · 아니요|아니오|아뇨 · 알 수 없음|알 수 없습니다|알 수 없다|알수없음|알 수 없어요",
    "ru": "да|da · нет|net", "sw": "ndiyo|ndio", "ta": "ஆம்|ஆமாம்|aam", "te": "అవును|అవునండి|ఔను · కాదు|కాదండి",
    "tr": "hayır|hayir", "ur": "نہیں|نہی|nahi|nahin · ہاں|ہا|haan · شاید|shayad",
    "vi": "không rõ|khong ro|không thể xác định · đúng|dung",
    "zh": "无法确定|無法確定|不能确定|不能確定|无法判断|無法判斷 · 积极|積極 · 消极|消極 · 是|是的",
}
# Other words with which people answer, in the order yes · no · maybe · positive · negative · neutral, the first of a
# row being the one of the prompts: they count where they stand alone or behind a cue, and nothing else is stated.
SYNONYMS: Mapping[str, str] = {
    "en": "yes|yeah|yep|yup|true|correct|entailment|entailed|right|affirmative · no|nope|nah|no way|certainly not|"
        "absolutely not|definitely not|of course not|false|incorrect|not true|"
        "untrue|wrong|contradiction|not correct|negative · maybe|perhaps|possibly|uncertain|undetermined|cannot tell|"
        "can't tell|not sure|neutral|unclear|unknown|undecided|indeterminate · positive · negative · neutral",
    "ar": "نعم|أجل|بلى|صحيح|صحيحة|صائبة|إي · لا|كلا|خطأ|خاطئ|خاطئة|غير صحيح|غير صحيحة|ليس صحيحًا|ليست صحيحة|باطلة · "
        "ربما|لعل|غير مؤكد|غير محدد|غير معروف|غير واضح|من الممكن|محتمل · إيجابي|موجب · سلبي|سالب · محايد|حيادي",
    "bg": "да|вярно|вярна|истина|истинно|правилно|точно така · не|невярно|невярна|грешно|грешна|погрешно|погрешна|"
        "неистина|не е вярно|не е вярна|лъжа · може би|възможно|неясно|неопределено|вероятно|неизвестно · "
        "положителен|позитивен · отрицателен|негативен · неутрален",
    "bn": "হ্যাঁ|হ্যা|হাঁ|সত্য|সঠিক|ঠিক · না|মিথ্যা|ভুল|অসত্য|সঠিক নয়|সত্য নয়|ঠিক নয়|জি না · হয়তো|হয়ত|সম্ভবত|অনিশ্চিত|"
        "অনির্ধারিত|অস্পষ্ট|হতে পারে · ইতিবাচক|পজিটিভ · নেতিবাচক|নেগেটিভ · নিরপেক্ষ",
    "de": "ja|jawohl|jep|jo|wahr|richtig|stimmt|korrekt|zutreffend · nein|nee|nö|falsch|unwahr|inkorrekt|unzutreffend|"
        "nicht wahr|nicht richtig|nicht korrekt|stimmt nicht · vielleicht|möglicherweise|eventuell|unklar|unbestimmt|"
        "ungewiss|unentschieden · positiv · negativ · neutral",
    "el": "ναι|μάλιστα|σωστό|σωστή|αληθές|αληθής|αλήθεια|ορθή|ορθό · όχι|λάθος|ψευδές|ψευδής|λανθασμένη|"
        "λανθασμένο|εσφαλμένη|δεν ισχύει|δεν είναι αλήθεια|δεν είναι σωστή|δεν είναι σωστό · "
        "ίσως|πιθανόν|μπορεί|ενδεχομένως|αβέβαιο|άγνωστο|ασαφές · θετικός · αρνητικός · ουδέτερος",
    "es": "sí|sip|verdadero|verdadera|cierto|cierta|correcto|correcta|afirmativo · no|falso|falsa|incorrecto|"
        "incorrecta|"
        "errónea|no es cierto|no es cierta|no es verdad|no es correcta · quizás|quizá|tal vez|talvez|posiblemente|"
        "acaso|indeterminado|puede ser|a lo mejor|incierto · positivo|favorable · negativo|desfavorable · neutro|"
        "neutral",
    "et": "jah|jaa|õige|tõene|tõsi|õigesti · ei|vale|väär|ebaõige|pole tõsi|pole õige|ei ole tõsi|ei ole õige · "
        "võib-olla|võibolla|võib olla|ehk|võimalik|ebaselge|teadmata|ebakindel · positiivne · negatiivne · neutraalne",
    "fi": "kyllä|joo|juu|kyllä on|totta|tosi|oikein|kyllä vain|oikea|on totta · ei|väärin|epätosi|ei ole|väärä|"
        "ei pidä paikkaansa|ei ole totta|virheellinen · ehkä|mahdollisesti|kenties|epäselvää|epävarmaa|epävarma · "
        "myönteinen|positiivinen · kielteinen|negatiivinen · neutraali",
    "fr": "oui|vrai|vraie|exact|exacte|correct|correcte|juste|ouais · non|faux|fausse|inexact|inexacte|incorrect|"
        "incorrecte|"
        "erronée|pas vrai|n'est pas vraie · peut-être|peut etre|possible|possiblement|incertain|indéterminé|"
        "éventuellement · positif|favorable · négatif|défavorable · neutre",
    "he": "כן|נכון|נכונה|אמת|אמיתית · לא|שגוי|שגויה|לא נכון|לא נכונה|אינה נכונה|אינו נכון|שקר|מוטעית · "
        "אולי|ייתכן|יתכן|לא ידוע|לא ברור|ייתכן שכן · חיובי|פוזיטיבי · שלילי|נגטיבי · ניטרלי",
    "hi": "हाँ|हां|हा|सत्य|सही|सच|ठीक|बिल्कुल · नहीं|नही|असत्य|ग़लत|गलत|झूठ|झूठा|सही नहीं|सत्य नहीं|सच नहीं · "
        "शायद|संभवतः|संभव है|अनिश्चित|अनिर्धारित|अस्पष्ट|हो सकता है · सकारात्मक|पॉज़िटिव|पॉजिटिव · नकारात्मक|नेगेटिव · "
        "तटस्थ|निष्पक्ष|न्यूट्रल",
    "id": "ya|iya|benar|betul|tepat · tidak|tak|enggak|nggak|gak|bukan|salah|keliru|tidak benar|tidak betul|"
        "tidak tepat · "
        "mungkin|barangkali|tidak pasti|belum tentu|bisa jadi|tidak jelas · positif · negatif · netral",
    "it": "sì|vero|vera|esatto|esatta|corretto|corretta|giusto|giusta · no|falso|falsa|errato|errata|sbagliato|"
        "sbagliata|"
        "non è vero|non è vera|scorretta · forse|magari|può darsi|possibile|incerto|indeterminato|può essere · "
        "positivo · negativo · neutro|neutrale",
    "ja": "はい|ええ|正しい|真|正しいです|その通り|そのとおり · いいえ|いや|正しくない|正しくありません|偽|誤り|間違い|"
        "間違っています|間違っている|誤っています|誤っている|違います · どちらとも言えない|どちらともいえない|"
        "どちらとも言えません|どちらともいえません|どちらとも|判断できない|判断できません|わからない|"
        "わかりません|分からない|分かりません|不明 · 肯定的|ポジティブ|好意的 · 否定的|ネガティブ|批判的 · 中立|"
        "中立的|ニュートラル",
    "ko": "예|네|참|맞음|맞습니다|맞다|그렇다|그렇습니다|맞아요|사실|옳다 · 아니요|아니오|아뇨|아니|거짓|틀림|"
        "틀립니다|틀렸습니다|"
        "틀렸다|아닙니다|아니다|사실이 아닙니다|맞지 않습니다|옳지 않습니다 · 알 수 없음|알 수 없습니다|알 수 없다|"
        "알수없음|알 수 없어요|"
        "판단할 수 없음|불확실|불분명|모름|판단 불가 · 긍정적|긍정 · 부정적|부정 · 중립적|중립",
    "pt": "sim|aham|verdadeiro|verdadeira|certo|certa|correto|correta · não|falso|falsa|errado|errada|incorreto|"
        "incorreta|"
        "não é verdade|não é verdadeira · talvez|possivelmente|quiçá|incerto|indeterminado|pode ser · positivo · "
        "negativo · neutro",
    "ru": "да|верно|верна|верное|истина|истинно|истинна|правда|правильно|ага · нет|неверно|неверна|неверное|ложь|"
        "ложно|ложна|"
        "неправда|неправильно|ошибочно|не верно · возможно|может быть|неизвестно|неясно|неопределенно|вероятно|"
        "не определено · положительный|позитивный · отрицательный|негативный · нейтральный",
    "sw": "ndiyo|ndio|naam|kweli|sahihi · hapana|la|si kweli|uongo|sio kweli|siyo kweli|si sahihi|sio sahihi|"
        "siyo sahihi|la hasha · labda|pengine|huenda|haijulikani|inawezekana · chanya|mazuri · hasi|mabaya · "
        "wastani|katikati",
    "ta": "ஆம்|ஆமாம்|ஆமா|உண்மை|சரி|சரியானது · இல்லை|பொய்|தவறு|தவறானது|உண்மை அல்ல|உண்மையல்ல|உண்மையில்லை|சரியல்ல|"
        "சரியில்லை · ஒருவேளை|இருக்கலாம்|தெரியவில்லை|தெரியாது · நேர்மறை · எதிர்மறை · நடுநிலை",
    "te": "అవును|అవునండి|ఔను|నిజం|నిజమే|సరైనది|నిజమైనది · కాదు|కాదండి|అబద్ధం|తప్పు|నిజం కాదు|సరైనది కాదు|సరికాదు · "
        "బహుశా|కావచ్చు|తెలియదు|చెప్పలేము · సానుకూలం|పాజిటివ్ · ప్రతికూలం|నెగెటివ్ · తటస్థం",
    "th": "ใช่|จริง|ถูกต้อง|ถูก|ความจริง · ไม่ใช่|ไม่จริง|เท็จ|ไม่ถูกต้อง|ผิด|ไม่เป็นความจริง|ไม่เป็นจริง|ไม่ถูก · "
        "บอกไม่ได้|ไม่สามารถบอกได้|ไม่แน่ใจ|ไม่ทราบ|ระบุไม่ได้|สรุปไม่ได้|อาจจะ|ไม่แน่ชัด · เชิงบวก|แง่บวก · "
        "เชิงลบ|แง่ลบ · เป็นกลาง",
    "tr": "evet|doğru|doğrudur · hayır|yanlış|doğru değil|doğru değildir|hatalı · "
        "belki|olabilir|belirsiz|muhtemelen · olumlu|pozitif · olumsuz|negatif · nötr|tarafsız",
    "ur": "ہاں|جی ہاں|سچ|صحیح|درست|جی · نہیں|نہی|جی نہیں|جھوٹ|غلط|درست نہیں|صحیح نہیں|سچ نہیں · شاید|ممکن ہے|غیر یقینی|"
        "غیر واضح|ہو سکتا ہے · مثبت · منفی · غیر جانبدار|نیوٹرل|غیرجانبدار",
    "vi": "đúng|phải|có|chính xác|vâng · sai|không đúng|không phải|không|không chính xác · không rõ|không chắc|chưa rõ|"
        "không thể xác định|không xác định|có thể|không biết|có lẽ|không chắc chắn|không rõ ràng · tích cực · "
        "tiêu cực · "
        "trung tính|trung lập",
    "zh": "是|对|對|对的|对了|正确|正確|真|属实|成立|没错|正确的|真的 · 不是|否|不对|不對|不正确|不正確|错误|錯誤|"
        "错误的|错|错的|假|假的|"
        "不成立|不属实|没有 · 无法确定|無法確定|不能确定|不确定|无法判断|不清楚|可能|也许|或许 · 积极|正面|积极的|"
        "肯定 · 消极|负面|"
        "消极的 · 中性|中立|中性的",
}
_NO_ENGLISH: Mapping[str, frozenset[str]] = {  # English words that are others there: Finnish "no" is "well"
    "et": frozenset({"no"}), "fi": frozenset({"no"}), "pt": frozenset({"no"}),
}
# What the text speaks of where it says that this is true or false.
SUBJECTS: Mapping[str, str] = {
    "en": r"\b(?:statement|hypothesis|claim|assertion|sentence)\b",
    "ar": "العبارة|الفرضية|الادعاء|الجملة|هذا القول", "bg": r"\b(?:твърдение|хипотеза|изречение)\w*",
    "bn": "বিবৃতি(?:টি)?|অনুমান(?:টি)?|বক্তব্য(?:টি)?|বাক্য(?:টি)?|দাবি(?:টি)?|কথাটি",
    "de": r"\b(?:aussage|hypothese|behauptung|satz)\b", "el": r"\b(?:υπόθεση|πρόταση|δήλωση|ισχυρισμός)\b",
    "es": r"\b(?:hipótesis|afirmación|oración|frase|enunciado)\b", "et": r"\b(?:väide|hüpotees|lause)\b",
    "fi": r"\b(?:väite|hypoteesi|lause|väittämä)\b", "fr": r"\b(?:hypothèse|affirmation|phrase|énoncé)\b",
    "he": "ה(?:טענה|השערה|היגד|משפט|אמירה)", "hi": "कथन|परिकल्पना|वाक्य|दावा|बात",
    "id": r"\b(?:pernyataan|hipotesis|kalimat|klaim)\b(?: (?:itu|ini|tersebut))?",
    "it": r"\b(?:ipotesi|affermazione|frase|enunciato)\b", "ja": "仮説|文|主張|記述|仮定",
    "ko": r"(?:진술|가설|문장|주장|설명)[은이]", "pt": r"\b(?:hipótese|afirmação|frase|sentença|declaração)\b",
    "ru": r"\b(?:утверждение|гипотеза|предложение)\b", "sw": r"\b(?:kauli|dhana|sentensi|dai|taarifa)\b",
    "ta": "கூற்று|கருதுகோள்|வாக்கியம்|அறிக்கை", "te": "ప్రకటన|పరికల్పన|వాక్యం|వాదన",
    "th": "ข้อความ(?:นี้|ดังกล่าว)?|สมมติฐาน(?:นี้)?|ประโยค(?:นี้)?|ข้ออ้าง(?:นี้)?",
    "tr": r"\b(?:önerme|hipotez|ifade|iddia|cümle|varsayım)\b", "ur": "بیان|مفروضہ|جملہ|دعویٰ|دعوی|بات",
    "vi": r"(?:giả thuyết|nhận định|câu|phát biểu|khẳng định)(?: này| đó)?", "zh": "说法|假设|陈述|句子|命题|論述|论断",
}
# Two sentences at once: what is said of them is no verdict on the one that is asked about.
TWO_SENTENCES: Mapping[str, str] = {
    "en": r"\b(?:two|both)(?: of)?(?: the| these)? (?:sentences|statements|claims)",
    "ar": "الجملت(?:ان|ين)|العبارت(?:ان|ين)|كلتا", "bg": r"\b(?:двете|две) (?:изречения|твърдения)",
    "bn": "দু(?:টি|ই) বাক্য|উভয়", "de": r"\b(?:beiden?|zwei) (?:sätze|aussagen)", "el": "δ[υύ]ο προτάσεις",
    "es": r"\b(?:dos|ambas) (?:oraciones|frases|afirmaciones)", "et": r"\b(?:kaks|mõlemad|kahe|mõlema) (?:lause|väite)",
    "fi": r"\b(?:kaksi|molem\w+) (?:lause|väite|väittämä)", "fr": r"\b(?:deux|ces) (?:phrases|énoncés|affirmations)",
    "he": "שני ה?משפטים|שתי ה?טענות", "hi": "दोनों (?:वाक्य|कथन)", "id": r"\bkedua (?:kalimat|pernyataan)",
    "it": r"\b(?:due|entrambe)(?: le)? (?:frasi|affermazioni)", "ja": "(?:二つ|2つ|両方)の文|両文", "ko": "두 (?:문장|진술)",
    "pt": r"\b(?:duas|ambas)(?: as)? (?:frases|sentenças|afirmações)", "ru": r"\b(?:оба|два|обе) (?:предложения|утверждения)",
    "sw": r"\b(?:sentensi|kauli) (?:hizi )?(?:mbili|zote)", "ta": "இர(?:ண்டு|ு) வாக்கிய", "te": "రెండు వాక్య",
    "th": "(?:ทั้ง)?สอง(?:ประโยค|ข้อความ)", "tr": r"\b(?:her )?iki (?:cümle|ifade)", "ur": "دونوں (?:جمل|بیان)",
    "vi": "hai câu|cả hai", "zh": "[两兩](?:个|個)?句",
}
# What leaves open what stands behind it in its clause.
WHETHER: Mapping[str, str] = {
    "en": r"\b(?:whether|if|would|could|might|may)\b", "ar": "إذا ك|ما إذا|هل |إن كانت?|لو ", "bg": r"\b(?:дали|ако)\b",
    "de": r"\b(?:ob|wenn|falls)\b", "el": r"\b(?:αν|εάν)\b", "es": r"\bsi\b", "et": r"\b(?:kas|kui)\b",
    "fi": r"\b(?:onko|jos)\b",
    "fr": r"\bsi\b", "he": r"\b(?:ה?אם)\b", "hi": "क्या|अगर|यदि", "id": r"\b(?:apakah|jika|kalau|bila)\b",
    "it": r"\bse\b",
    "pt": r"\bse\b", "ru": r"\b(?:если|является ли|ли)\b", "sw": r"\b(?:kama|ikiwa|iwapo)\b", "th": "หรือไม่|ถ้า|หาก",
    "tr": r"\b(?:eğer)\b", "ur": "کیا|اگر", "vi": r"\b(?:liệu|nếu)\b", "zh": "如果|是否|若",
}
# What takes back the answer before it.
CORRECTIONS: Mapping[str, str] = {
    "en": r"(?:no,? )?(?:wait|hold on|sorry|i mean|or rather|correction|my mistake|my bad|scratch that|oops|actually|"
        r"on second thought|let me correct (?:that|myself)|i take that back|i was wrong)",
    "ar": "(?:لا,? )?(?:عفوًا|عفوا|معذرة|آسف|أقصد|أعني|لحظة|مهلا|انتظر|تصحيح|بالأحرى|في الواقع|في الحقيقة|أخطأت|بل)",
    "bg": "(?:не,? )?(?:всъщност|чакай|чакайте|извинете|извинявай|извинявайте|поправка|искам да кажа|грешка|моя грешка|"
        "по-скоро|пардон|сбърках)",
    "bn": "(?:না,? )?(?:দুঃখিত|মাফ করবেন|ক্ষমা করবেন|দাঁড়ান|আসলে|মানে|ভুল হয়েছে|ভুল বললাম|সংশোধন|থামুন|বরং)",
    "de": "(?:nein,? )?(?:moment(?: mal)?|warte(?: mal)?|halt|entschuldigung|verzeihung|sorry|pardon|ich meine|"
        "korrektur|"
        "besser gesagt|vielmehr|eigentlich|ich korrigiere(?: mich)?|stopp|quatsch|doch nicht|genauer gesagt|"
        "mein fehler)",
    "el": "(?:όχι,? )?(?:μάλλον|συγγνώμη|συγνώμη|λάθος(?: μου)?|βασικά|στην πραγματικότητα|περίμενε|εννοώ|διόρθωση|"
        "ή μάλλον|για την ακρίβεια|μια στιγμή)",
    "es": "(?:no,? )?(?:espera|perdón|perdon|disculpa|disculpe|lo siento|mejor dicho|quiero decir|digo|en realidad|"
        "corrección|corrijo|rectifico|me equivoqué|un momento|me corrijo)",
    "et": "(?:ei,? )?(?:tähendab|vabandust|oota|parandus|õigemini|tegelikult|minu viga|eksisin|hetk)",
    "fi": "(?:ei,? )?(?:eikun|eiku|siis|hetkinen|anteeksi|odota|korjaus|itse asiassa|tarkoitan|oikeastaan|"
        "pikemminkin|korjaan|hetki|virhe)",
    "fr": "(?:ah )?(?:non,? )?(?:pardon|attends|attendez|désolé|désolée|excusez-moi|je veux dire|plutôt|en fait|"
        "ou plutôt|"
        "je me trompe|erreur|je rectifie|correction|un instant|enfin|ah)",
    "he": "(?:לא,? )?(?:בעצם|סליחה|רגע|תיקון|כלומר|למעשה|התכוונתי|טעות(?: שלי)?|טעיתי|או יותר נכון)",
    "hi": "(?:नहीं,? )?(?:माफ़ कीजिए|माफ कीजिए|माफ़ करें|माफ करें|क्षमा करें|क्षमा कीजिए|रुकिए|रुको|दरअसल|असल में|मेरा मतलब|"
        "सुधार|वास्तव में|गलती हो गई|ठहरिए)",
    "id": "(?:tidak,? |bukan,? )?(?:eh|maaf|tunggu|maksud saya|sebenarnya|koreksi|ralat|lebih tepatnya|sebentar|"
        "ternyata|saya salah)",
    "it": "(?:no,? )?(?:anzi|aspetta|scusa|scusate|scusi|pardon|voglio dire|volevo dire|cioè|in realtà|correzione|"
        "mi correggo|"
        "un momento|mi sbaglio|errore mio)",
    "ja": "(?:いや|いえ|あ)?[、,…]*(?:失礼(?:しま|いたしま)した|すみません|間違えました|訂正(?:します)?|"
        "待って(?:ください)?|というより|"
        "正確には|実際には|実は|ちょっと待って)",
    "ko": "(?:아니[,]? ?|아[,]? ?)?(?:죄송합니다|죄송해요|잠깐만?요?|잠시만요|미안합니다|정정합니다|다시 말해|사실은|"
        "수정합니다|아니 그게 아니라|"
        "제가 틀렸습니다|정정하자면)",
    "pt": "(?:não,? )?(?:quer dizer|espera|espere|desculpe|desculpa|perdão|ou melhor|aliás|na verdade|corrigindo|"
        "correção|digo|"
        "me enganei|um momento|enganei-me)",
    "ru": "(?:нет,? )?(?:хотя|точнее|вернее|простите|извините|извиняюсь|погодите|подождите|стоп|поправка|исправлюсь|"
        "то есть|на самом деле|я ошибся|ошибся|ошибка|виноват|постойте|скорее)",
    "sw": "(?:hapana,? )?(?:samahani|subiri|ngoja|namaanisha|kwa kweli|nimekosea|marekebisho|sahihisho|yaani|niseme)",
    "ta": "(?:இல்லை,? )?(?:மன்னிக்கவும்|மன்னியுங்கள்|பொறுங்கள்|உண்மையில்|திருத்தம்|தவறு செய்துவிட்டேன்|இருங்கள்|அதாவது)",
    "te": "(?:కాదు,? )?(?:క్షమించండి|ఆగండి|నిజానికి|సవరణ|పొరపాటు|సారీ|నా ఉద్దేశం|అసలు|వాస్తవానికి)",
    "th": "(?:ขอโทษ|ขออภัย|เดี๋ยวก่อน|เดี๋ยว|จริง ๆ แล้ว|จริงๆ แล้ว|จริงๆแล้ว|อันที่จริง|แก้ไข|ผมหมายถึง|ไม่สิ|รอก่อน|ที่จริง)(?:ค่ะ|ครับ|นะ)*",
    "tr": "(?:yok,? |hayır,? )?(?:pardon|dur(?:un)?|bekle(?:yin)?|aslında|yani|özür dilerim|düzeltiyorum|düzeltme|"
        "daha doğrusu|"
        "demek istediğim|yok|yanlış söyledim|kusura bakmayın|hata ettim)",
    "ur": "(?:نہیں[,،]? )?(?:معاف کیجیے|معاف کیجئے|معاف کیجیئے|معذرت|رکیے|رکو|دراصل|اصل میں|میرا مطلب|تصحیح|"
        "غلطی ہو گئی|درحقیقت|ٹھہریے)",
    "vi": "(?:không,? )?(?:à không|à|ừm|khoan(?: đã)?|đợi đã|xin lỗi|ý tôi là|thực ra|đính chính|nhầm|tôi nhầm|"
        "chờ đã|nói đúng hơn|"
        "sửa lại)",
    "zh": "不(?:对|對)?[,、]+(?:抱歉|对不起|等等)?|抱歉|对不起|等等|等一下|更正|纠正一下|我错了|我的意思是|准确地说|"
        "其实|确切地说|说错了",
}
# What says that the text does not decide the matter: "maybe" where nothing is stated otherwise.
UNDECIDED: Mapping[str, str] = {
    "en": r"(?:can(?:not|['’]t| not)|could(?: not|n['’]t)|impossible to|unable to|no way to|not possible to) (?:be )?"
        r"(?:definitively |really |clearly |reliably )?(?:determined?|inferr?(?:ed)?|concluded?|tell|told|known?|"
        r"decided?|"
        r"verified|verify|establish(?:ed)?)|(?:not|n['’]t)(?: \w+){0,2} (?:enough|sufficient) (?:information|"
        r"evidence|details?|context|data)|"
        r"(?:insufficient|too little) (?:information|evidence|data)",
    "ar": "(?:لا يمكن(?:نا|ني)?|يتعذر|من المستحيل|لا نستطيع|يستحيل)(?: \\w+)? (?:تحديد|معرفة|الجزم|الحسم|استنتاج|"
        "التأكد|الحكم)|"
        "(?:معلومات|المعلومات)(?: \\w+)? غير كافية|لا توجد معلومات كافية",
    "bg": r"не може да се (?:определи|разбере|установи|каже|прецени|заключи|реши)|невъзможно е да се (?:определи|"
        r"каже|разбере)|"
        r"(?:няма|липсва\w?|липсват) достатъчно (?:информация|данни)|информацията (?:не е достатъчна|е недостатъчна)",
    "bn": "(?:বলা|নির্ধারণ করা|জানা|বোঝা|সিদ্ধান্তে আসা) (?:যায় না|সম্ভব নয়|যাচ্ছে না|অসম্ভব)|(?:যথেষ্ট|পর্যাপ্ত) তথ্য নেই|"
        "তথ্য (?:যথেষ্ট|পর্যাপ্ত) নয়",
    "de": r"(?:lässt|läßt) sich (?:\w+ ){0,5}?(?:nicht|weder)(?: \w+){0,3} (?:sagen|entscheiden|bestimmen|"
        r"feststellen|beurteilen|"
        r"ableiten|schließen|ermitteln)|kann (?:\w+ ){0,6}?nicht(?: \w+){0,3} (?:sagen|entscheiden|entschieden|"
        r"bestimmt|bestimmen|"
        r"beurteilen|beurteilt|feststellen|wissen)|nicht genug (?:informationen|angaben)|nicht (?:ausreichend|"
        r"genügend) "
        r"(?:informationen|angaben)|(?:informationen|angaben) reichen (?:\w+ )?nicht|ist unklar\b",
    "el": r"δεν μπορ(?:εί|ούμε|ώ) να (?:το )?(?:προσδιορι\w+|καθοριστεί|ξέρουμε|ξέρω|πω|πούμε|συμπεράνουμε|"
        r"διαπιστω\w+|αποφασι\w+|γνωρίζουμε)|"
        r"αδύνατο να (?:\w+ )?(?:πούμε|ξέρουμε|προσδιορι\w+)|δεν υπάρχουν (?:αρκετές|επαρκείς) πληροφορίες|"
        r"πληροφορίες δεν (?:επαρκούν|αρκούν)",
    "es": r"no se puede (?:saber|determinar|deducir|inferir|concluir|decidir|afirmar ni)|(?:es )?imposible (?:saber|"
        r"determinar|decir)|"
        r"no (?:hay|contiene|ofrece|da|proporciona) (?:suficiente información|información suficiente|"
        r"suficientes datos|datos suficientes)|"
        r"información (?:es )?insuficiente|no es posible (?:saber|determinar)",
    "et": r"ei (?:saa|ole võimalik) (?:\w+ ){0,4}?(?:öelda|järeldada|kindlaks teha|otsustada|määrata|teada|"
        r"tuvastada)|võimatu (?:öelda|teada)|"
        r"(?:pole|ei ole) piisavalt (?:infot|teavet|andmeid)|(?:infot|teavet) ei ole piisavalt",
    "fi": r"(?:ei voi(?:da)?|ei pysty|mahdotonta) (?:\w+ ){0,4}?(?:päätellä|sanoa|tietää|määrittää|ratkaista|todeta)|"
        r"(?:ei ole|ei anna) (?:\w+ )?(?:tarpeeksi|riittävästi) (?:tietoa|tietoja)|tiedot eivät riitä",
    "fr": r"(?:ne|n['’]) ?(?:peut|permet|est) (?:pas|guère)?\s?(?:possible )?(?:de )?(?:le |d['’]en )?(?:savoir|"
        r"déterminer|conclure|dire|décider|trancher)|"
        r"impossible (?:de|à) (?:le )?(?:savoir|dire|déterminer|trancher)|pas (?:assez|"
        r"suffisamment) d['’]informations?|"
        r"informations? (?:sont |est )?insuffisantes?|ni l['’]affirmer ni (?:l['’]exclure|l['’]infirmer)",
    "he": "(?:אי אפשר|לא ניתן|בלתי אפשרי|אין אפשרות) (?:\\w+ )?(?:לדעת|לקבוע|להסיק|להכריע|להחליט)|"
        "אין (?:\\w+ )?מספיק מידע|המידע (?:אינו|לא) מספיק",
    "hi": "(?:तय|पता|निर्धारित|निश्चित|निष्कर्ष)(?: \\S+){0,3} (?:नहीं|असंभव)|(?:कहा|बताया) नहीं जा सकता|(?:पर्याप्त|काफ़ी|"
        "काफी) जानकारी नहीं|जानकारी (?:पर्याप्त|काफ़ी|काफी) नहीं|कहना (?:संभव नहीं|मुश्किल)",
    "id": r"(?:tidak|tak) (?:bisa|dapat|mungkin) (?:\w+ )?(?:ditentukan|diketahui|disimpulkan|dipastikan|diputuskan|"
        r"menentukan|memastikan|menyimpulkan)|"
        r"(?:tidak ada|tidak memberikan|tidak memiliki|tidak cukup)(?: cukup)? informasi|informasi(?:nya)? (?:tidak|"
        r"kurang) (?:cukup|memadai)",
    "it": r"non (?:si può|è possibile|si riesce a) (?:\w+ )?(?:stabilire|sapere|dire|determinare|dedurre|concludere|"
        r"decidere|saperlo|dirlo)|"
        r"impossibile (?:stabilir\w+|saper\w+|dir\w+|determinar\w+)|non (?:ci sono|fornisce|contiene) (?:abbastanza|"
        r"sufficienti) informazioni|non (?:ci sono|fornisce|contiene) informazioni sufficienti|"
        r"informazioni (?:sono )?insufficienti",
    "ja": "(?:判断|決定|断定|特定|結論|確定)(?:は|が|を|することは)?(?:つ|下せ|でき)?(?:できない|できません|不可能|"
        "きません|かない|せません)|(?:はっきり|確実に|確か)(?:と)?(?:は|も)?言え(?:ない|ません)|情報が(?:足り|不足|"
        "十分では|不十分)|(?:分か|わか)(?:らない|りません)",
    "ko": "(?:판단|결정|확인|단정|추론|결론|알아낼)[^.。\n]{0,6} 수 없|정보가 (?:부족|충분하지)|확실하지 않",
    "pt": r"não (?:é possível|se pode|dá para|há como|podemos) (?:\w+ )?(?:saber|determinar|concluir|dizer|decidir|"
        r"inferir)|impossível (?:saber|determinar|dizer)|"
        r"não há (?:informações suficientes|informação suficiente|dados suficientes)|informações? (?:são |"
        r"é )?insuficientes?|não (?:fornece|traz) informações suficientes",
    "ru": r"(?:нельзя|невозможно|не удается|не получится) (?:\w+ ){0,3}?(?:определить|сказать|узнать|установить|"
        r"судить|понять|решить|заключить)|"
        r"(?:определить|сказать|узнать|установить|понять) (?:\w+ ){0,4}?(?:нельзя|невозможно)|"
        r"недостаточно (?:\w+ )?(?:информации|данных|сведений)|(?:информации|данных|сведений) (?:\w+ )?недостаточно",
    "sw": r"(?:haiwezekani|hatuwezi|siwezi|ni vigumu) (?:\w+ )?(?:kujua|kubaini|kuamua|kusema|kuthibitisha|"
        r"kuhitimisha)|(?:hakuna|hayatoi|hayana) (?:taarifa|habari|maelezo) (?:za |ya )?(?:kutosha|yanayotosha)|"
        r"(?:taarifa|maelezo) (?:hazitoshi|hayatoshi)",
    "ta": "(?:தீர்மானிக்க|சொல்ல|முடிவு செய்ய|அறிய|கூற|உறுதிப்படுத்த) (?:முடியாது|முடியவில்லை|இயலாது)|போதுமான (?:தகவல்|"
        "தகவல்கள்) இல்லை|தகவல் போதவில்லை|தகவல் போதாது",
    "te": "(?:నిర్ధారించ|నిర్ణయించ|తెలుసుకో|చెప్ప|తేల్చ)(?:లేము|లేం|డం సాధ్యం కాదు)|తగినంత (?:సమాచారం|ఆధారం) లేదు|సమాచారం (?:సరిపోదు|చాలదు)",
    "th": "ไม่(?:สามารถ|อาจ)(?:\\S{0,6})?(?:ระบุ|บอก|สรุป|ตัดสิน|ทราบ|ยืนยัน)(?:ได้)?|ข้อมูล(?:\\S{0,10})?ไม่(?:เพียง)?พอ|"
        "ไม่มีข้อมูล(?:ที่)?(?:เพียง)?พอ|(?:ระบุ|สรุป|ตัดสิน)ไม่ได้|ไม่ได้ให้ข้อมูล(?:ที่)?(?:เพียง)?พอ",
    "tr": r"(?:belirlemek|anlamak|bilmek|söylemek|karar vermek|çıkarmak)(?: \w+){0,2} (?:mümkün değil|imkansız|"
        r"imkânsız|olanaksız)|(?:belirlenemez|anlaşılamaz|bilinemez|söylenemez|belirlenemiyor|anlaşılmıyor)|"
        r"yeterli bilgi (?:yok|bulunmuyor|verilm\w+)|bilgi yeterli değil",
    "ur": "(?:طے|معلوم|پتہ|تعین|فیصلہ|نتیجہ)(?: \\S+){0,3} (?:نہیں|ناممکن)|(?:کہا|بتایا) نہیں جا سکتا|(?:کافی|"
        "مناسب) معلومات نہیں|معلومات (?:کافی )?(?:نہیں|ناکافی)",
    "vi": r"không (?:thể|có cách nào|đủ cơ sở để)(?: \w+)? (?:xác định|biết|kết luận|khẳng định|suy ra|nói chắc|nói)|"
        r"(?:không|chưa) (?:có )?đủ (?:thông tin|dữ kiện|cơ sở)|thông tin (?:là )?(?:không|chưa) đủ|thiếu thông tin",
    "zh": "(?:无法|不能|難以|难以|没法|無法)(?:从\\S{1,6}?)?(?:确定|判断|得知|推断|推出|下结论|断定|知道|得出)|"
        "信息(?:不足|不够|不充分)|没有(?:足够|充分)的?信息|(?:不|没)(?:足以|法)(?:判断|确定)",
}
# fmt: on


def other_words(
    words: Mapping[str, str], language: str, fold: Callable[[str], str]
) -> dict[str, tuple[int, list[str]]]:
    """Name of a label (name -> folded word) -> its place in a row of `SYNONYMS` and the folded other words for it."""

    def rows(code: str) -> list[list[str]]:
        return [fold(row.strip()).split("|") for row in SYNONYMS.get(code, "").split(" · ")]

    own, english = rows(language), rows("en")
    found = {name: index for name, word in words.items() for index, row in enumerate(own) if word == row[0]}
    taken, result = set(words.values()), {}
    for name, index in found.items():
        foreign = (
            [] if language == "en" else [word for word in english[index] if word not in _NO_ENGLISH.get(language, ())]
        )
        result[name] = index, [word for word in dict.fromkeys((*own[index][1:], *foreign)) if word not in taken]
    return result


def ordinals(
    words: Mapping[str, str],
    language: str,
    fold: Callable[[str], str],
    chosen: str,
    told: str,
    because: str,
    ending: str,
) -> list[tuple[re.Pattern[str], str]]:
    """Patterns of "the second option", "option two", "The second." or "the second is better" (``chosen``), with what
    they are replaced by: "option 2". ``told`` is what may stand before a bare ordinal, ``because`` and ``ending``
    after it."""
    unspaced = language in NO_WORD_SPACES | {"ko"}
    apart = "" if unspaced else rf"(?<!{LETTER})"
    behind = "" if unspaced or language in _SUFFIXED else rf"(?!{LETTER})"
    article = "" if unspaced or language in _SUFFIXED | {"bg", "ru", "tr"} else r"\w{1,3} "
    one = fold(ONE_OF[language])
    rows = zip(map(fold, ORDINALS.get(language, ())), fold(CARDINALS[language]).split(), words.values(), strict=False)
    result = []
    for nth, cardinal, word in rows:
        closed = rf"(?:{ending})?{CLOSE}"
        follows = rf"{closed}\s*[.!{STOPS}]?\s*$|{chosen}|{closed}\s*[,،、]?\s*(?:{because})"
        ends = rf"(?={closed}{PAUSE}|{follows})" if unspaced else rf"(?!{LETTER})"
        named = rf"(?:{one})\s?(?:{nth})|(?:{one})\s?(?:{cardinal}){ends}"
        named += rf"|(?:{fold(OPTIONS[language])})\s(?:{cardinal})(?={closed}{PAUSE}|{follows})"
        named += "" if language in ORDINAL_BEHIND else rf"|(?:{nth})\s?(?:{one})"
        first = rf"(?:^|(?<=[.!?:{STOPS}] )){_OPEN_IN_LINE}"
        # "First, ..." and "First: ..." count what comes, "The first: ..." answers.
        bare = rf"{first}(?:{article})?(?:{nth}){behind}(?: one)?(?={follows})"
        bare += rf"|{first}{article}(?:{nth}){behind}(?: one)?(?={closed}{PAUSE})" if article else ""
        bare += rf"|{apart}{article}(?:{nth}){behind}(?: one)?(?={chosen})"
        result.append((compiled(rf"{apart}(?:{named}){behind}|{bare}"), f" option {word} "))
        pointed = (
            rf"(?P<before>{told})\s?[\"'“„«「]?(?:\w{{1,3}} )?(?:{nth}){behind}(?: one)?(?={closed}{PAUSE}|{follows})"
        )
        result.append((compiled(pointed), rf"\g<before> option {word} "))
    return result
