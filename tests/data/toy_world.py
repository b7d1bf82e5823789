"""Rows of our own in four languages, and a byte-level tokenizer with control tokens and a chat template."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import TaskConfig
from mslt_it.config.schema import FrozenDict
from mslt_it.data.division import Loaded
from mslt_it.data.rows import RowStore
from mslt_it.records import Example

CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
CONTROL = ["<|pad|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]

# language -> (sentence with {animal} and {place}, animals, places, question, yes, maybe, no); parallel by position
WORLD: dict[str, tuple[str, list[str], list[str], str, tuple[str, str, str]]] = {
    "en": ("The {} is in the {}.", ["dog", "cat", "cow"], ["garden", "house", "park"], "True?", ("Yes", "Maybe", "No")),
    "de": (
        "{} ist in {}.",
        ["Bello", "Mieze", "Berta"],
        ["Bonn", "Kiel", "Ulm"],
        "Wahr?",
        ("Ja", "Vielleicht", "Nein"),
    ),
    "ru": ("{} живёт в {}.", ["Пёс", "Кот", "Бык"], ["Туле", "Уфе", "Омске"], "Верно?", ("Да", "Может", "Нет")),
    "hi": ("{} {} में है।", ["कुत्ता", "बिल्ली", "गाय"], ["बाग", "घर", "गाँव"], "सही?", ("हाँ", "शायद", "नहीं")),
}
LABELS = ("entailment", "neutral", "contradiction")


def make_tokenizer(template: str | None = CHAT_TEMPLATE, added: tuple[str, ...] = (), **arguments: Any) -> Any:
    """A byte-level BPE tokenizer without merges: every byte is a token, nothing is unknown."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in CONTROL])
    inner.add_tokens([AddedToken(t, special=False, normalized=False) for t in added])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<|pad|>", eos_token="<|eos|>", **arguments)
    tokenizer.chat_template = template
    return tokenizer


def toy_rows(language: str, number: int, start: int = 0) -> list[tuple[str, str, str]]:
    """Parallel rows: (premise, hypothesis, label name); the numeral keeps them all different."""
    sentence, animals, places, _, _ = WORLD[language]
    rows = []
    for i in range(start, start + number):
        premise = f"{i}: " + sentence.format(animals[i % 3], places[i // 3 % 3])
        hypothesis = sentence.format(animals[i // 2 % 3], places[i // 5 % 3])
        rows.append((premise, hypothesis, LABELS[i % 3]))
    return rows


def toy_task(data: Path, **changes: Any) -> TaskConfig:
    return dataclasses.replace(TaskConfig(name="toy", data=str(data), is_parallel=True), **changes)


def write_tsv(path: Path, rows: list[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8", newline="")


def load(task: TaskConfig, language: str, split: str, **role: Any) -> Loaded:
    """The rows as a new run finds them."""
    return RowStore().load(task, language, split, **role)


def load_examples(task: TaskConfig, language: str, split: str, **role: Any) -> list[Example]:
    return list(load(task, language, split, **role).examples)


def available_languages(task: TaskConfig) -> tuple[str, ...]:
    return RowStore().languages(task)


def with_prompts(task: TaskConfig, folder: Path) -> TaskConfig:
    """The task with the prompt files of a folder."""
    paths = (folder / task.name).glob("*.yaml")
    return dataclasses.replace(task, prompts=FrozenDict({p.stem: p.read_text(encoding="utf-8") for p in paths}))
