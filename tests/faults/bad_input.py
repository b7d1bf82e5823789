"""What the tests of bad input share: rows of our own in seven languages, files of them, and four kinds of tokenizer."""

from __future__ import annotations

import functools
import json
import random
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mslt_it.world
from mslt_it.config.recipe import DataConfig, Recipe, ScoringConfig, TaskConfig
from mslt_it.records import Example

LABELS = ("entailment", "neutral", "contradiction")

# Clauses to make long texts of, and short sentences; every language says its own things. "" or " " joins clauses.
CLAUSES: dict[str, tuple[str, list[str]]] = {
    "en": (", ", """the baker carries fresh bread down to the harbour|an old fisherman mends his green net at dawn
        |two sisters count the boats behind the lighthouse|a red kite hangs over the roof of the mill
        |nobody remembers who painted the wooden gate|the postman sings while it rains on the square
        |seven geese cross the road without any hurry|my neighbour plants beans along the southern wall
        |the teacher keeps a jar of blue buttons|children roll their wheels towards the frozen pond"""),
    "de": (", ", """der Bäcker trägt frisches Brot zum Hafen hinunter|ein alter Fischer flickt morgens sein grünes Netz
        |zwei Schwestern zählen die Boote hinter dem Turm|ein roter Drachen schwebt über dem Dach der Mühle
        |niemand weiß wer das hölzerne Tor gestrichen hat|der Briefträger singt während es auf den Platz regnet
        |sieben Gänse überqueren ohne Eile die nasse Straße|mein Nachbar pflanzt Bohnen an die südliche Mauer
        |die Lehrerin sammelt blaue Knöpfe in einem Glas|Kinder rollen ihre Räder zum gefrorenen Teich"""),
    "tr": (", ", """fırıncı her sabah limana sıcak ekmek taşıyor|yaşlı balıkçı yeşil ağını güneş doğarken onarıyor
        |iki kız kardeş fenerin arkasında tekneleri sayıyor|kırmızı bir uçurtma değirmenin çatısı üstünde duruyor
        |tahta kapıyı kimin boyadığını hiç kimse hatırlamıyor|postacı meydana yağmur yağarken şarkı söylüyor
        |yedi kaz ıslak yolu acele etmeden geçiyor|komşum güneydeki duvarın dibine her yıl fasulye ekiyor
        |öğretmen bir kavanoz dolusu mavi düğme saklıyor|çocuklar tekerlerini donmuş göle doğru yuvarlıyor"""),
    "hi": (", ", """नानबाई ताज़ी रोटी लेकर बंदरगाह की ओर जाता है|बूढ़ा मछुआरा सुबह अपना हरा जाल सीता है
        |दो बहनें मीनार के पीछे नावें गिनती हैं|लाल पतंग चक्की की छत के ऊपर उड़ती है
        |किसी को याद नहीं कि लकड़ी का फाटक किसने रंगा|डाकिया बारिश में चौक पर गाना गाता है
        |सात हंस बिना जल्दी किए गीली सड़क पार करते हैं|मेरा पड़ोसी दक्षिणी दीवार के पास सेम बोता है
        |अध्यापिका नीले बटन एक मर्तबान में रखती है|बच्चे अपने पहिये जमे हुए तालाब तक लुढ़काते हैं"""),
    "zh": ("，", """面包师把新鲜的面包送到港口|年老的渔夫清晨修补绿色的渔网|两姐妹在灯塔后面数着小船
        |红色的风筝停在磨坊的屋顶上|没有人记得是谁漆了那扇木门|邮递员在下雨的广场上唱歌|七只鹅不慌不忙地走过马路
        |我的邻居沿着南墙种了许多豆子|老师收藏着一罐蓝色的纽扣|孩子们把轮子滚向结冰的池塘"""),
    "ja": ("、", """パン屋は焼きたてのパンを港まで運ぶ|年老いた漁師は夜明けに緑の網を直す
        |姉妹は灯台の裏で小舟を数えている|赤い凧が水車小屋の屋根の上に浮かぶ
        |木の門を誰が塗ったのか誰も覚えていない|郵便屋は雨の広場で歌を歌っている
        |七羽の鵞鳥が急がずに道を渡ってゆく|隣の人は南の壁に沿って豆を植える
        |先生は青いボタンを瓶にためている|子供たちは凍った池へ輪を転がしてゆく"""),
    "th": (" ", """คนทำขนมปังถือขนมปังสดลงไปที่ท่าเรือ|ชาวประมงเฒ่าซ่อมแหสีเขียวตอนเช้ามืด|พี่น้องสองคนนับเรืออยู่หลังประภาคาร
        |ว่าวสีแดงลอยอยู่เหนือหลังคาโรงสี|ไม่มีใครจำได้ว่าใครทาสีประตูไม้บานนั้น|บุรุษไปรษณีย์ร้องเพลงขณะฝนตกที่ลานกว้าง
        |ห่านเจ็ดตัวเดินข้ามถนนโดยไม่รีบร้อน|เพื่อนบ้านปลูกถั่วไว้ริมกำแพงด้านใต้|ครูเก็บกระดุมสีน้ำเงินไว้ในขวดโหล
        |เด็กเด็กกลิ้งล้อไปยังสระน้ำที่กลายเป็นน้ำแข็ง"""),
}  # fmt: skip


def clauses(language: str) -> list[str]:
    return [clause.strip() for clause in CLAUSES[language][1].split("|")]


def text_of(language: str, order: Sequence[int]) -> str:
    """A sentence of the language's clauses, by their numbers."""
    return CLAUSES[language][0].join(clauses(language)[i] for i in order)


def _halves(language: str) -> tuple[list[str], list[str]]:
    """Beginnings and ends of the clauses, to be joined with those of others: sense is lost, variety won."""
    found: tuple[list[str], list[str]] = ([], [])
    for clause in clauses(language):
        words = clause.split()
        if len(words) > 1:
            parts = " ".join(words[: len(words) // 2]) + " ", " " + " ".join(words[len(words) // 2 :])
        else:
            middle = len(clause) // 2
            while unicodedata.category(clause[middle])[0] == "M":
                middle += 1
            parts = clause[:middle], clause[middle:]
        for part, half in zip(found, parts, strict=True):
            part.append(half)
    return found


def rows(language: str, number: int, seed: str, num_clauses: tuple[int, int] = (1, 1)) -> list[dict[str, str]]:
    """Different rows with so many clauses in premise and hypothesis; labels in turn."""
    rng = random.Random(f"{seed}-{language}")
    first, second = _halves(language)

    def text(n: int) -> str:
        # The numbers keep rows apart that draw the same halves.
        some = (f"{rng.choice(first)}{rng.randrange(100)}{rng.choice(second)}" for _ in range(n))
        return f"{CLAUSES[language][0].join(some)} {rng.randrange(10**6)}"

    return [
        {"premise": text(num_clauses[0]), "hypothesis": text(num_clauses[1]), "label": LABELS[i % 3]}
        for i in range(number)
    ]


def examples(language: str, split: str, table: Iterable[Mapping[str, str]], start: int = 0) -> list[Example]:
    return [
        Example(
            id=f"{split}:{language}{number}",
            language=language,
            task="xnli",
            split=split,
            fields={"premise": row["premise"], "hypothesis": row["hypothesis"]},
            label=row["label"],
            origin=f"{language}/{split}.jsonl:line {number + 1}",
        )
        for number, row in enumerate(table, start)
    ]


def write_jsonl(path: Path, table: Iterable[Mapping[str, Any]]) -> None:
    """One object a line, in ASCII: JSON can hold what UTF-8 cannot (lone surrogates)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in table), encoding="ascii")


def write_tsv(path: Path, table: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ("\t".join(row[name] for name in ("premise", "hypothesis", "label")) for row in table)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="")


def recipe(root: Path, sources: Sequence[str], targets: Sequence[str] = ("es",), **data: Any) -> Recipe:
    """A recipe over files in ``root``, with the prompts of XNLI."""
    return Recipe(
        name="faults",
        sources=tuple(sources),
        targets=tuple(targets),
        task=TaskConfig(name="xnli", data=str(root), is_parallel=True),
        data=DataConfig(**data),
        scoring=ScoringConfig(num_examples_per_language=0),
    )


# ---------------------------------------------------------------- tokenizers


@functools.cache
def world_tokenizer() -> Any:
    """The embedded model's: listed pieces, bytes for the rest."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(Path(mslt_it.world.__file__).parent / "weights")


@functools.cache
def chatml_tokenizer() -> Any:
    """Byte-level BPE with ChatML turns, as Qwen's, and markup that is not marked special."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        _texts(), trainers.BpeTrainer(vocab_size=900, initial_alphabet=alphabet, show_progress=False)
    )
    inner.add_special_tokens([AddedToken(t, normalized=False) for t in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    inner.add_tokens([AddedToken(t, normalized=False) for t in ("<think>", "</think>", "<tool_call>")])
    template = (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    return _wrapped(inner, template, eos_token="<|im_end|>", pad_token="<|endoftext|>")


@functools.cache
def inst_tokenizer(prepend_scheme: str = "never") -> Any:
    """Unigram with Metaspace and byte fallback, turns in [INST], as Mistral's; a space before each text if wanted."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    control = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>"]
    words = sorted({f"▁{word}" for text in _texts() for word in text.split()} | {"▁"})
    characters = sorted({c for text in _texts() for c in text} | set(map(chr, range(33, 127))))
    vocabulary = [(t, 0.0) for t in control] + [(f"<0x{b:02X}>", -30.0) for b in range(256)]
    vocabulary += [(word, -8.0) for word in words] + [(c, -20.0) for c in characters if c != " "]
    inner = Tokenizer(models.Unigram(vocabulary, unk_id=0, byte_fallback=True))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=prepend_scheme, split=False)
    strip = [] if prepend_scheme == "never" else [decoders.Strip(" ", 1, 0)]
    inner.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip])
    inner.add_special_tokens([AddedToken(t, normalized=False) for t in control])
    template = (
        "{{ '<s>' }}{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content + '</s>' }}"
        "{% else %}{{ '[INST]' + m.content + '[/INST]' }}{% endif %}{% endfor %}"
    )
    return _wrapped(inner, template, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>")


@functools.cache
def wordpiece_tokenizer() -> Any:
    """WordPiece as BERT's, cased, without a chat template: the plain format. Its decoding keeps no spaces."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    control = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    characters = sorted({c for text in _texts() for c in text} | set(map(chr, range(33, 127))))
    characters = [c for c in characters if not c.isspace()]
    words = sorted({word for text in _texts() for word in text.split()})[:300]
    tokens = dict.fromkeys([*control, *characters, *("##" + c for c in characters), *words])
    inner = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    inner.add_special_tokens([AddedToken(t, normalized=False) for t in control])
    names = {"unk_token": "[UNK]", "cls_token": "[CLS]", "eos_token": "[SEP]", "pad_token": "[PAD]"}
    return _wrapped(inner, None, mask_token="[MASK]", **names)


TOKENIZERS = {
    "world": world_tokenizer,
    "chatml": chatml_tokenizer,
    "inst": inst_tokenizer,
    "inst_with_leading_space": functools.partial(inst_tokenizer, "always"),
    "wordpiece": wordpiece_tokenizer,
}


def _texts() -> list[str]:
    return [clause for language in CLAUSES for clause in clauses(language)]


def _wrapped(inner: Any, template: str | None, **tokens: str) -> Any:
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, **tokens)
    tokenizer.chat_template = template
    return tokenizer
