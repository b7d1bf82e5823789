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
    "de": (r"\bantwort|\bergebnis|\blösung|\b(?:richtig|korrekt)(?= ist\b)", r"\bist\b|\bsei\b|\blautet\b|\bbeträgt\b"),
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
    "th": ("คำตอบ|ตอบ|ผลลัพธ์", "คือ|(?:ต้อง|จึง|น่าจะ)?เป็น"),
    "tr": (r"\bceva[pb]\w*|\byanıt\w*|\bsonu[çc]\w*", ""),
    "ur": ("جواب|نتیجہ", "ہے"),
    "vi": (r"(?:giả thuyết(?: này)?|đáp án|đáp số|câu trả lời|trả lời|kết quả)(?: đúng(?= là\b))?", r"\blà\b"),
    "zh": ("答案|答|结果|結果", "是|为|為"),
}

# Other words before a label, with the same between them ("Verdict: yes", "правильно — да").
VERDICTS: Mapping[str, str] = {
    "en": r"\b(?:verdict|judge?ment|decision|label|conclusion|classification|class|category|assessment|prediction|"
        r"response|reply|output|sentiment|choice|selected option)\b",
    "ar": "الحكم|القرار|التصنيف|التسمية|الخلاصة|الاستنتاج|المشاعر|الرد|الصحيح|(?:ال)?اختيار",
    "bg": r"\b(?:присъда|решение|етикет|извод|заключение|оценка|правилното|категория|избор\w*)\b",
    "bn": "রায়|সিদ্ধান্ত|লেবেল|উপসংহার|শ্রেণি|মূল্যায়ন|অনুভূতি|পছন্দ",
    "de": r"\b(?:urteil|entscheidung|label|fazit|klassifikation|einstufung|bewertung|richtig|korrekt|schluss|"
        r"kategorie|wahl)\b",
    "el": r"\b(?:ετυμηγορία|απόφαση|ετικέτα|συμπέρασμα|κρίση|κατηγορία|(?:το )?σωστό|επιλογή)\b",
    "es": r"\b(?:veredicto|decisión|etiqueta|conclusión|clasificación|juicio|lo correcto|categoría|elección|opción)\b",
    "et": r"\b(?:otsus|silt|järeldus|hinnang|kokkuvõte|klass|õige on|valik)\b",
    "fi": r"\b(?:tuomio|päätös|luokka|johtopäätös|arvio|ratkaisu|oikein on|valinta\w*)\b",
    "fr": r"\b(?:verdict|décision|étiquette|conclusion|classification|jugement|avis|choix|catégorie)\b",
    "he": "פסק הדין|החלטה|תווית|מסקנה|סיווג|הערכה|הנכון|בחירה",
    "hi": "फैसला|फ़ैसला|निर्णय|लेबल|निष्कर्ष|वर्गीकरण|भावना|चयन|चुनाव|पसंद",
    "id": r"\b(?:putusan|keputusan|label|kesimpulan|klasifikasi|penilaian|kategori|pilihan)\b",
    "it": r"\b(?:verdetto|decisione|etichetta|conclusione|classificazione|giudizio|il giusto|categoria|scelta)\b",
    "ja": "正しい(?:もの|の)|適切な(?:もの|の)|判定|判断|ラベル|結論|分類|評価|感情|選択",
    "ko": "판정|판단|라벨|레이블|결론|분류|평가|감정|선택",
    "pt": r"\b(?:veredito|veredicto|decisão|rótulo|conclusão|classificação|julgamento|o certo|o correto|categoria|"
        r"escolha)\b",
    "ru": r"\b(?:вердикт|решение|метка|вывод|заключение|оценка|правильно|верно|класс|категория|выбор)\b",
    "sw": r"\b(?:uamuzi|hukumu|lebo|hitimisho|tathmini|aina)\b", "ta": "தீர்ப்பு|முடிவு|வகை|லேபிள்|மதிப்பீடு|உணர்வு|தேர்வு",
    "te": "తీర్పు|నిర్ణయం|లేబుల్|ముగింపు|వర్గీకరణ|అంచనా|ఎంపిక", "th": "ข้อสรุป|ป้ายกำกับ|คำตัดสิน|ผลการประเมิน|การจำแนก|สรุป",
    "tr": r"\b(?:karar|hüküm|etiket|sonuç|değerlendirme|sınıf|doğrusu|seçim|tercih)\w*",
    "ur": "فیصلہ|لیبل|نتیجہ|درجہ بندی|رائے|انتخاب",
    "vi": "phán quyết|nhãn|kết luận|phân loại|đánh giá|quyết định|lựa chọn",
    "zh": "判断|判定|标签|結論|结论|分类|评价|情感|回答|选择",
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
    "en": r"(?:and )?(?:so|therefore|thus|hence|in total|altogether|in conclusion|in short|in summary|overall|"
        r"consequently|accordingly|as a result|it follows that|that means)\b",
    "ar": "باختصار|لذلك|لذا|ومن ثم|وعليه|بناء عليه|ولذلك|ولذا|إذن|إذًا|وبالتالي",
    "bg": r"(?:следователно|значи|накратко|така че|общо|затова|поради това|в заключение|ето защо|оттук)\b",
    "bn": "সংক্ষেপে|তাই|সুতরাং|অতএব|মোট|ফলে|তাহলে|এজন্য|সেজন্য|কাজেই",
    "de": r"(?:also|kurz gesagt|kurzum|somit|daher|folglich|insgesamt|damit|deshalb|demnach|demzufolge|mithin|"
        r"deswegen|fazit)\b",
    "el": r"(?:άρα|με λίγα λόγια|συνοπτικά|επομένως|οπότε|συνολικά|συνεπώς|γι' αυτό|ως εκ τούτου|κατά συνέπεια|έτσι)\b",
    "es": r"(?:por (?:lo )?tanto|en resumen|así que|entonces|en total|por consiguiente|luego|en conclusión|"
        r"en definitiva|por eso|por ende|en consecuencia)\b",
    "et": r"(?:seega|lühidalt|niisiis|järelikult|seetõttu|kokku|sellepärast|kokkuvõttes|siis)\b",
    "fi": r"(?:siis|lyhyesti|joten|eli|yhteensä|näin ollen|siksi|täten)\b",
    "fr": r"(?:donc|en bref|bref|en résumé|ainsi|par conséquent|au total|en tout|en conclusion|c'est pourquoi|d'où|"
        r"de ce fait)\b",
    "he": "אז|בקצרה|לכן|ולכן|לפיכך|על כן|משום כך|לסיכום|מכאן|בסך הכול",
    "hi": "संक्षेप में|इसलिए|अतः|कुल|इस प्रकार|लिहाज़ा|यानी|सो",
    "id": r"(?:jadi|singkatnya|maka|oleh karena itu|totalnya|dengan demikian|oleh sebab itu|karena itu|kesimpulannya|"
        r"sehingga)\b",
    "it": r"(?:quindi|in breve|insomma|dunque|perciò|pertanto|in totale|in tutto|di conseguenza|in conclusione|"
        r"per questo|allora)\b",
    "ja": "(?<=[るういだたなす])(?:ので|ため|から)|要するに|したがって|従って|よって|だから|なので|ゆえに|つまり|"
        "合計|結論として|このため|そのため|それゆえ|以上より|ですから",
    "ko": "요컨대|따라서|그러므로|므로|그래서|결론적으로|결국|때문에",
    "pt": r"(?:portanto|em resumo|logo|então|assim|por isso|no total|ao todo|em conclusão|consequentemente|"
        r"por conseguinte|sendo assim)\b",
    "ru": r"(?:так что|значит|короче говоря|следовательно|таким образом|итак|поэтому|итого|всего|в итоге|стало быть|"
        r"соответственно)\b",
    "sw": r"(?:kwa hivyo|kwa ufupi|kwa hiyo|hivyo|kwa jumla|basi|kutokana na hayo|ndiyo maana)\b",
    "ta": "சுருக்கமாக|எனவே|ஆகவே|ஆகையால்|மொத்தம்|மொத்தத்தில்|ஆதலால்|இதனால்|அதனால்|முடிவாக",
    "te": "క్లుప్తంగా|కాబట్టి|అందువల్ల|అందుకే|మొత్తం|అందుచేత|కనుక",
    "th": "สรุปคือ|ดังนั้น|จึง|เพราะฉะนั้น|สรุป|ด้วยเหตุนี้|ฉะนั้น|โดยสรุป",
    "tr": r"(?:o h[aâ]lde|bu nedenle|yani|kısacası|dolayısıyla|bu yüzden|öyleyse|toplamda|sonuç olarak|bundan dolayı|"
        r"demek ki|o yüzden|bu durumda)\b",
    "ur": "مختصر[اً]*|لہذا|اس لیے|اسی لیے|چنانچہ|پس|نتیجتا|اس وجہ سے|تو|اس طرح",
    "vi": r"(?:vậy(?: là)?|tóm lại|vì vậy|do đó|như vậy|tổng cộng|cho nên|nên|vì thế|bởi vậy|do vậy|kết luận)\b",
    "zh": "简而言之|总之|所以|因此|故|于是|综上所述|综上|由此可见|因而|从而",
}

# Words that deny a label, before it and behind it. Only what stands directly there (an article or "a" aside) counts.
NEGATION: Mapping[str, tuple[str, str]] = {
    "en": (r"\b(?:not|isn['’]t|aren['’]t|never|neither|nor|without|cannot be|hardly|anything but|"
        r"far from|by no means|in no way|scarcely)(?: (?:a|an|the|be|been|being|really|at all|entirely|clearly))*", ""),
    "ar": (r"(?<!\w)[وف]?(?:ليست?(?: [^\W\d]+)?|لا)(?: هو| هي)?|غير|أبعد ما ت?يكون عن", ""),
    "bg": (r"\b(?:не|нито)(?: е| са)?(?: изобщо| никак)?", ""),
    "bn": ("", r"(?:ও ?)?(?:নয়|না|নেই)|বলা যায় না|বলা চলে না"),
    "de": (r"\b(?:nicht|kein\w*|nie|weder|noch|kaum|alles andere als|keineswegs|keinesfalls|mitnichten)(?: (?:ein\w*|"
        r"der|die|das|als|wirklich|"
        r"gerade))*", ""),
    "el": (r"\b(?:δεν(?: είναι)?|μη|ούτε|όχι|κάθε άλλο παρά)(?: (?:ένα|μια|μία|καθόλου|ιδιαίτερα))*|\\bκαθόλου", ""),
    "es": (r"\b(?:no(?: (?:es|son|parece|fue|era))?|nunca|ni|tampoco|lejos de ser|"
        r"para nada)(?: una? [^\W\d]+)?(?: (?:un|"
        r"una|el|la|muy|es|nada|en absoluto))*", ""),
    "et": (r"\b(?:ei|mitte|pole|ega|kaugel|muud kui)(?: ole)?(?: (?:sugugi|üldse))?", ""),
    "fi": (r"\b(?:ei|eivät|en|eikä|muuta kuin)(?: ole)?(?: (?:lainkaan|ollenkaan|kovin))?", ""),
    "fr": (r"\b(?:pas|jamais|ni|non|guère|aucunement|nullement|loin d['’]être)(?: une? [^\W\d]+)?(?: (?:une?|le|la|"
        r"très|vraiment|"
        r"du tout|de))*", ""),
    "he": (r"\b(?:ו?לא(?: [^\W\d]+)?|אינו|ו?אינה|אין|רחוק\w* מ(?:להיות|)) ?", ""),
    "hi": (r"(?<![\w\u0900-\u0963])(?:नहीं|न)", "नहीं"),
    "id": (r"\b(?:bukan|tidak|bukanlah|jauh dari)(?: \w+)?(?: yang)?", ""),
    "it": (r"\b(?:non(?: (?:è|sono|può essere))?|né|mai|neanche|per niente|per nulla|niente affatto|"
        r"tutt['’]altro che)(?: una? [^\W\d]+)?(?: (?:una?|il|la|lo|affatto))*", ""),
    "ja": ("", "番?よりも?|では?な[いく]|ではありません|だ?と[はも]?(?:(?:言え|いえ|思え|言い切れ|断定でき|"
        "判断でき)(?:な|ま?せん)|思わな|思いません)|じゃな[いく]"),
    "ko": (r"안",
        "이?지도? ?않|번?보다|번?[이가은는]? ?아[니닙]|(?:이?라고는? )?(?:(?:할|볼|말할) 수 없|(?:보|하)기 어렵)"),
    "pt": (r"\b(?:não(?: (?:é|são|pode ser))?|nem|nunca|longe de ser|nada|de modo nenhum|"
        r"de forma alguma)(?: uma? [^\W\d]+)?(?: (?:uma?|o|a|nada|"
        r"muito))*", ""),
    "ru": (r"\b(?:не|ни)(?: (?:является|очень))?", ""),
    "sw": (r"\b(?:si|sio|siyo|hayana|wala|mbali na kuwa)(?: \w+)?", ""),
    "ta": ("", "(?:என்று )?(?:அல்ல|இல்லை|சொல்ல முடியாது|கூற முடியாது)"),
    "te": ("", "(?:అని )?(?:కాదు|కాదని|లేదు|(?:చెప్ప|అన)లే[\u0c00-\u0c7f]*)"),
    "th": ("ไม่ใช่[\u0e00-\u0e7f]{0,8}|ไม่ได้(?:เป็น)?|ไม่(?:ถือว่า)?(?:เป็น)?|มิใช่", "ไม่ได้"),
    "tr": (r"\bne", r"['’]?[dt][ae]n daha|değil\w*|say[ıi]lma\w*|den(?:il)?eme\w*"), "ur": (r"نہیں|نہ", "نہیں"),
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
    "de": "oder|und|noch|als auch|bzw\\.?", "el": "ή|και", "es": "o|u|y|e|ni|como", "et": "või|ja|ega|kui ka",
    "fi": "tai|vai|ja|että|:st[aä]", "fr": "ou|et|ni|soit", "he": "או|וגם|ו?את|ו", "hi": "या|और",
    "id": "atau|dan|maupun", "it": "oppure|o|e|né|che", "ja": "または|それとも|あるいは|でも|とも|か|と|や|も",
    "ko": "또는|혹은|아니면|이나|나|와|과", "pt": "ou|e|nem|como", "ru": "или|и|либо|ни", "sw": "au|na|ama|wala",
    "ta": "அல்லது|மற்றும்", "te": "లేదా|మరియు", "th": "หรือ|และ|ถึง", "tr": "veya|ya da|ya|mı|mi|ve|ne|hem", "ur": "یا|اور",
    "vi": "hay|hoặc|và|cũng|lẫn", "zh": "还是|還是|或者|或|和|与|也",
}

# Politeness, regret and certainty right before a label, or behind it: "जी हाँ", "leider nein", "yes indeed".
ASSURED: Mapping[str, str] = {
    "en": r"(?!mostly|partly|largely|mainly|slightly|only)\w+ly|a clear|that['’]s a(?: clear)?|"
        r"it['’]s a(?: clear)?|definitely|certainly|clearly|obviously|sadly|unfortunately|absolutely|surely|"
        r"indeed|of course|from me|probably|likely|i(?: would|['’]d| will|['’]ll) say|i think|i believe|oh|well|hmm|"
        r"ok(?:ay)?|sure|alright|great|it is|"
        r"it['’]s|that is|that['’]s",
    "ar": "بالتأكيد|بالطبع|طبع[اً]+|للأسف|حتم[اً]+|قطع[اً]+|أكيد|أعتقد|هذا",
    "bg": r"\w+но|за съжаление|разбира се|определено|несъмнено|разбира се че|разбира се, че",
    "bn": "জি|জী|আজ্ঞে|অবশ্যই|দুঃখজনকভাবে|নিশ্চয়ই|দুর্ভাগ্যবশত",
    "de": r"ein(?: \w+)? klares|ein(?:deutiges)?|leider|natürlich|sicher(?:lich)?|eindeutig|klar|ganz klar|"
        r"definitiv|selbstverständlich|aber|auf jeden fall|ich sage|ich denke",
    "el": "δυστυχώς|φυσικά|βεβαίως|βέβαια|σίγουρα|ασφαλώς|σαφώς",
    "es": r"(?!may|princip|parci|parzi|general|larga|prevalent)\w+mente|claro que|desde luego que|"
        r"por supuesto que|por supuesto|claro|lamentablemente|por desgracia|desgraciadamente|efectivamente|"
        r"definitivamente|creo que|diría que|pues",
    "et": r"\w+lt|kahjuks|muidugi|kindlasti|loomulikult|selgelt|kahtlemata",
    "fi": r"\w+sti|valitettavasti|tietysti|tietenkin|ehdottomasti|selvästi|varmasti|toki|no",
    "fr": r"(?!princip|parti|global|large|general)\w+ment|c['’]est|malheureusement|bien sûr(?: que)?|"
        r"certainement|évidemment|clairement|hélas|assurément|eh bien|mais|je dirais(?: que)?|je pense que",
    "he": "לצערי|בהחלט|כמובן ש?|בוודאי ש?|ברור ש?|למרבה הצער|בטח ש?",
    "hi": "जी|बिल्कुल|निश्चित रूप से|दुर्भाग्य से|अवश्य|बेशक|खेद है कि",
    "id": "sayangnya|tentu(?: saja)?|jelas|pasti|maaf|memang|sudah pasti",
    "it": r"(?!may|princip|parci|parzi|general|larga|prevalent)\w+mente|purtroppo|certo(?: che)?|certamente|"
        r"ovviamente|naturalmente|direi(?: di| che)?|sicuramente|credo(?: di| che)|penso(?: di| che)",
    "ja": "残念ながら|もちろん|確かに|明らかに|当然",
    "ko": "유감스럽게도|아쉽게도|물론|당연히|분명히|네|안타깝게도",
    "pt": r"(?!may|princip|parci|parzi|general|larga|prevalent)\w+mente|infelizmente|com certeza|claro(?: que)?|"
        r"certamente|obviamente|sem dúvida|lamentavelmente|acho que|diria que|definitivamente",
    "ru": r"\w+но|к сожалению|конечно(?: же)?|безусловно|разумеется|определ[её]нно|увы|несомненно|очевидно|"
        r"думаю|скорее",
    "sw": "samahani|kwa bahati mbaya|bila shaka|hakika|kabisa|kwa kweli",
    "ta": "நிச்சயமாக|துரதிர்ஷ்டவசமாக|கண்டிப்பாக|வருத்தமாக", "te": "ఖచ్చితంగా|దురదృష్టవశాత్తు|తప్పకుండా|నిశ్చయంగా|కచ్చితంగా",
    "th": "แน่นอนว่า|แน่นอน|น่าเสียดาย|เสียใจด้วย|ขอโทษ",
    "tr": "maalesef|ne yazık ki|elbette|tabii(?: ki)?|kesinlikle|açıkça|şüphesiz|bence",
    "ur": "جی|یقینا|بالکل|بدقسمتی سے|بے شک|افسوس کہ|افسوس",
    "vi": "dạ|vâng|tất nhiên(?: là)?|rất tiếc|tiếc là|chắc chắn(?: là)?|rõ ràng(?: là)?|hoàn toàn|thưa",
    "zh": "当然|绝对|确实|的确|一定|必然|明显|很明显|无疑|很遗憾|遗憾的是|显然|毫无疑问|肯定|应该|我认为|我觉得",
}
# "I answer", right before a label that a pause or the end follows.
ANSWERING: Mapping[str, str] = {
    "en": r"\b(?:answer|respond|reply)(?: with)?|\b(?:must|have to|should|would|can only) say|\bi(?:['’]m| am| will|"
        r"['’]ll|['’]d| would)? (?:say|saying|go(?:ing)? with|answer|choose|"
        r"pick|lean(?:ing)?)(?: with| to| towards?)?",
    "ar": "(?:أ|ن)جيب|الإجابة ب|أقول(?: إنها?)?|أميل إلى|أرى أن(?:ه|ها)?|أظن أن(?:ه|ها)?",
    "bg": r"\b(?:отговарям|бих (?:казал|избрал|отговорил)|отговор[яи]|кажа|клоня към|казвам)(?: с)?",
    "de": r"\b(?:ich )?(?:sage|antworte|wähle|muss|würde|tendiere|neige|tippe|plädiere|mit)(?: ich)?(?: zu| auf|"
        r" für)?(?: also| daher| mit)*", "el": r"\b(?:απαντώ|απαντήσ(?:ω|ουμε)|πω|πούμε|επιλέγω|λέω|θα έλεγα|"
        r"θα απαντούσα|κλίνω προς)(?: το| ότι είναι)?",
    "es": r"\b(?:respondo|contesto|elijo|digo|diría|responder|contestar|decir|me inclino|opto|me quedo)(?: que| por|"
        r" con)?", "et": r"\b(?:vastan|valin|ütlen|ütleksin|vastaksin|vastama|vastata|ütlema)(?:, et)?",
    "fi": r"\b(?:vastaan|valitsen|sanon|sanoisin|vastaisin|vastattava|vastata|sanottava|sanoa)(?:, että)?",
    "fr": r"\b(?:réponds|choisis|dis|dirais|penche|opte|opterais|répondre|dire)(?: donc| que| pour| par)*",
    "he": "(?:עונה|בוחרת?)(?: ב-?)?|(?:לענות|לומר|להשיב)|הייתי (?:אומרת?|עונה)(?: ש)?|נוטה ל-?",
    "id": r"\b(?:saya )?(?:jawab|menjawab|memilih|pilih|katakan|condong ke)|\bmenurut saya",
    "it": r"\b(?:rispondo|scelgo|dico|direi|propendo|opto|rispondere|dire)(?: di| che| per)?",
    "pt": r"\b(?:respondo|escolho|digo|diria|opto|fico|inclino-me|responder|dizer)(?: que| por| com| para)?",
    "ru": r"\b(?:отвечаю|выбираю|сказал бы|сказала бы|говорю|отвечу|ответить|отвечать|сказать|склоняюсь к)(?:, что)?",
    "sw": r"\b(?:ni?najibu|najibu|nachagua|ningesema|nasema|ningejibu|naelekea|nijibu|kujibu|niseme)(?: kwamba| ni)?",
    "th": "(?:(?:จึง|ขอ|ต้อง|คง|จะ)?(?:ตอบ|เลือก)|(?:ขอ|ต้อง|คง|จะ)(?:บอก|พูด))(?:ว่า)?",
    "vi": r"\b(?:tôi )?(?:trả lời|chọn|cho|nghĩ|nghiêng về|(?:sẽ|phải|xin) nói)(?: là| rằng)?",
}
# The same behind a label, where verbs end sentences.
ANSWERED: Mapping[str, str] = {
    "bn": "বলতে (?:হবে|হয়)|বলব|বলছি|উত্তর দেব", "hi": "कहना (?:होगा|पड़ेगा|चाहूँगा)|कह(?:ूँगा|ूंगा|ूँगी|ता हूँ)|उत्तर दूँगा",
    "ja": "と(?:答え(?:ます|る|ざるを|るしか|るべき)|判断(?:します|する)|なります)",
    "ko": "이?라고 (?:답|대답|말|하겠|판단)|를 (?:택|선택|고르)",
    "ta": "என்(?:று (?:சொல்ல|கூற|சொல்வேன்|பதிலளி)|பேன்|கிறேன்)", "te": "అ(?:ని (?:చెప్పా|చెబుతా|చెప్తా|అంటా)|ంటాను)",
    "tr": "(?:de(?:mem gerek|rim|rdim|meliyim)|diyorum|diyeceğim|cevabını ver)",
    "ur": "کہنا (?:ہو ?گا|پڑے گا|چاہوں گا)|کہوں گا|کہوں گی|کہتا ہوں",
}
# What replaces the labels that the sentence has denied: "neither yes nor no but maybe".
CONTRAST: Mapping[str, str] = {
    "en": r"but(?: rather)?|rather|instead", "ar": "بل|وإنما|لكن", "bg": "а|ами|но", "bn": "বরং",
    "de": "sondern|eher", "el": "αλλά|παρά", "es": "sino|más bien", "et": "vaid", "fi": "vaan", "fr": "mais|plutôt",
    "he": "אלא", "hi": "बल्कि", "id": "melainkan|tetapi", "it": "ma|bensì", "ja": "むしろ", "ko": "오히려",
    "pt": "mas(?: sim)?|e sim", "ru": "а|но|скорее", "sw": "bali", "ta": "மாறாக", "te": "బదులుగా",
    "th": "แต่(?:เป็น)?", "tr": "aksine|tersine", "ur": "بلکہ", "vi": "mà(?: là)?", "zh": "而是",
}

# What may close a label that stands alone: copulas, polite endings, particles, counters. Up to three of them.
ENDINGS: Mapping[str, str] = {
    "bn": "ই|নম্বর(?:টি)?|হবে|হলো|হয়|হওয়া উচিত", "de": "sein|ist|nehmen|wählen|lauten|sagen|antworten", "fi": "vain",
    "hi": "है|हैं|होगा|होगी|ही|होना|चाहिए|में",
    "ja": "で間違い(?:ありません|ない)|だ?と思います|です|である|だ|でしょう|ですね|番|に?なります|になる|だろう|"
        "に違い(?:ありません|ない)|であって|であり|で、|と考えます|と判断します|と言えます",
    "ko": "이?라고 (?:생각|확신)합니다|입니다|이다|이에요|예요|에요|요|번|임|이?[어여]야|합니다|이겠습니다|"
        "[이가] 틀림없습니다|이고|이며|이지|일 것입니다|이라고 봅니다|같습니다|인 것 같습니다",
    "ru": "-?(?:й|я|е|ый|ое|ая)|вариант|предложение|ответ",
    "ta": "ஆகத்தான்|இருக்க வேண்டும்|ஆகும்|என்பதாகும்|என்பது|தான்|என்று|என்பதே|ஆக இருக்கும்|என",
    "te": "ే|అండి|ండి|అవుతుంది|కావాలి|అని|(?:అయి )?ఉండాలి|గా ఉంటుంది",
    "th": "ครับ|ค่ะ|นะครับ|นะคะ|จ้ะ|แล้ว|เลย|แหละ|ละ|นั่นเอง|เท่านั้น|แน่นอน|อย่างแน่นอน",
    "tr": "['’]?(?:dır|dir|tır|tir|dur|dür|tur|tür)|numara|şıkkı(?:dır)?|seçeneği(?:dir)?|olmalı(?:dır)?|"
        "olacak(?:tır)?|olur|olarak|şıkkı|diyorum|derim",
    "ur": "ہے|ہیں|ہوگا|ہوگی|ہو گا|ہی|ہونا|چاہیے|میں", "vi": "ạ|vậy|thế|rồi|mà|nhé|nha|thôi",
    "zh": "的|吧|个|号|了|啊|呢|哦|项|無誤|无疑",
}

# The label words for no that end sentences of all kinds besides.
VERB_FINAL_NO: Mapping[str, str] = {"bn": "না", "hi": "नहीं", "ta": "இல்லை", "te": "కాదు", "ur": "نہیں"}
# fmt: on


# What ends a sentence and what pauses within one, in the scripts that have signs of their own (full-width signs are
# folded to ASCII): ideographic, Devanagari, Urdu, Arabic.
STOPS = "。।॥۔؟"
PAUSES = "、，；：،؛·"

# Letters, with the signs of Indic scripts and points of Arabic and Hebrew, which \w leaves out.
LETTER = r"[\w\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0971-\u0dff\u0e31\u0e34-\u0e4e]"
OPEN = r"[\s\"'“”„‚‘’«»‹›「」『』【】()\[\]{}*_`#>:：•·–—$\\¡¿-]*"
CLOSE = r"(?:\s?»|[\"'”“„‚‘’«»‹›」』】)\]}*_`])*"
PAUSE = rf"\s*(?:[,;:.!{STOPS}{PAUSES}]|[–—―]|\s-\s|\(|$)"


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
