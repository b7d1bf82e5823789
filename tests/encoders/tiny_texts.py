"""Sentences with names and passages with answers, in the files of WikiANN and TyDiQA; nobody's data."""

from __future__ import annotations

import json
import random
from pathlib import Path

from tiny_encoder import SMALL

TEXTS = {
    "de": "der Apfel ist im Wald und das Haus am See hat drei rote Fenster die Katze läuft über den Berg zum Fluss",
    "tr": "elma ormanda ve göl kıyısındaki evin üç kırmızı penceresi var kedi dağdan nehre doğru koşuyor bugün",
    "zh": "苹 果 在 森 林 里 湖 边 的 房 子 有 三 扇 红 窗 户 猫 从 山 上 跑 到 河 边 今 天",
}
WORDS = {code: text.split() for code, text in TEXTS.items()}
NAMES = {"de": ("Ada", "Lovelace", "Ulm"), "tr": ("Ayşe", "Yılmaz", "Bursa"), "zh": ("王", "明", "北")}
NAMES_SMALL = (*(a for a in SMALL if not a.startswith(("sources", "targets"))), "sources=[de,zh]", "targets=[tr]")
ANSWERS_SMALL = (
    *(a for a in SMALL if not a.startswith(("sources", "targets"))),
    *("sources=[de]", "targets=[tr]", "data.max_length_tokens=64", "data.max_dropped_share=0.2"),
)


def write_names(folder: Path, num: int = 40) -> Path:
    """<language>/<split>.tsv: a token and its tag in each line."""
    for code, words in WORDS.items():
        (folder / code).mkdir(parents=True)
        for split in ("train", "test"):
            draw, lines = random.Random(f"{code}{split}"), []
            for n in range(num):
                first, last, place = NAMES[code]
                inner = [(word, "O") for word in draw.choices(words, k=5 + n % 7)]
                tagged = [(first, "B-PER"), (last, "I-PER"), *inner, (place, "B-LOC"), *inner[:2]]
                lines += [f"{word}\t{tag}" for word, tag in (tagged if n % 4 else inner)] + [""]
            (folder / code / f"{split}.tsv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def write_answers(folder: Path, num: int = 30) -> Path:
    """<language>/<split>.json: a question on each passage, which is longer than 64 tokens; each tenth has no answer."""
    for code in ("de", "tr"):
        (folder / code).mkdir(parents=True)
        for split in ("train", "dev"):
            draw, paragraphs = random.Random(f"{code}{split}"), []
            for n in range(num):
                before, after = (" ".join(draw.choices(WORDS[code], k=k)) for k in (5 + 4 * (n % 8), 30))
                answer = f"{draw.choice(WORDS[code])} {NAMES[code][2]}"
                context = f"{NAMES[code][2]} {before} {answer} {after}."
                answers = [{"text": answer, "answer_start": context.index(answer)}]
                if n % 10 == 9 and split == "train":
                    answers = [{"text": "Oslo", "answer_start": None}]
                question = {"id": f"{split}{n}", "question": f"{NAMES[code][0]} {n}?", "answers": answers}
                paragraphs.append({"context": context, "qas": [question]})
            content = {"data": [{"title": "t", "paragraphs": paragraphs}]}
            (folder / code / f"{split}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
