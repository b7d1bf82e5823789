"""A base, finished runs and rows of our own that are evaluated in a second; and the command, called in this process.

The models are random: their figures mean nothing, but every way to them must give the same ones.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "publish"))
from finished_run import TEMPLATE, make_base, make_run

from mslt_it import cli
from mslt_it.journal import read_answers

__all__ = ["TEMPLATE", "answers", "call", "make_base", "make_run", "results", "write_pairs", "write_sums"]

# Sentences about n things and m more; the same items in each language.
SUMS = {
    "en": "Ann has {a} boats and buys {b} more. How many boats does she have?",
    "de": "Anna hat {a} Boote und kauft {b} dazu. Wie viele Boote hat sie?",
    "tr": "Ayşe'nin {a} teknesi var, {b} tane daha alıyor. Kaç teknesi olur?",
    "th": "แอนมีเรือ {a} ลำ และซื้อเพิ่มอีก {b} ลำ แอนมีเรือกี่ลำ",
}
PAIRS = {
    "en": ("{a} boats are behind the harbour.", "There are {b} boats."),
    "de": ("{a} Boote liegen hinter dem Hafen.", "Es gibt {b} Boote."),
    "tr": ("Limanın arkasında {a} tekne var.", "{b} tekne var."),
}


def write_sums(folder: Path, num: int = 8) -> Path:
    """Rows of task=mgsm: <language>/test.tsv without a head, question and number."""
    for code, text in SUMS.items():
        (folder / code).mkdir(parents=True)
        rows = [(text.format(a=3 + n, b=5 * n + 1), 6 * n + 4) for n in range(num)]
        lines = "".join(f"{question}\t{number}\n" for question, number in rows)
        (folder / code / "test.tsv").write_text(lines, encoding="utf-8")
    return folder


def write_pairs(folder: Path, num: int = 9) -> Path:
    """Rows of task=xnli: <language>/test.tsv without a head, premise, hypothesis, label."""
    for code, (premise, hypothesis) in PAIRS.items():
        (folder / code).mkdir(parents=True)
        labels = ("entailment", "neutral", "contradiction")
        lines = [f"{premise.format(a=n + 2)}\t{hypothesis.format(b=n // 3 + 2)}\t{labels[n % 3]}" for n in range(num)]
        (folder / code / "test.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def call(*arguments: object) -> int:
    """`mslt eval`, its exit code."""
    return cli.main(["eval", *map(str, arguments)])


def answers(out: Path) -> dict[str, list[dict[str, Any]]]:
    """Journal (its path below items/) -> its rows without the first line."""
    paths = sorted((out / "items").rglob("*.jsonl"))
    return {str(path.relative_to(out / "items")): read_answers(path) or [] for path in paths}


def results(out: Path) -> dict[str, Any]:
    """results.json without what differs from machine to machine."""
    content = json.loads((out / "results.json").read_text(encoding="utf-8"))
    content["provenance"].pop("environment")
    return dict(content)


def bare(run: Path, folder: Path, **settings: Any) -> Path:
    """The run's adapter without the run's papers, as peft writes one."""
    shutil.copytree(run / "adapter", folder)
    content = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    (folder / "adapter_config.json").write_text(json.dumps(content | settings), encoding="utf-8")
    return folder
