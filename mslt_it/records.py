"""The types that flow through the pipeline: frozen dataclasses, standard library only.

recipe -> examples -> prompted examples -> encoded examples -> adapter -> results
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import Any


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a task in one language. Labels are names, never integers."""

    id: str  # the item's id, shared by its translations
    language: str
    task: str
    split: str
    fields: Mapping[str, str]  # "premise" -> text
    label: str  # a label's name, or the answer as text
    origin: str = ""  # "dataset@revision:row"
    references: tuple[str, ...] = ()  # answers that count as right, where there are several; tags as JSON for tagging
    rationale: str = ""  # of task.rationale_field
    fault: str = ""  # "reason: detail" where reading found that the row cannot be used; cleaning drops it by the reason
    grouped_by: Mapping[str, str] = field(default_factory=dict)  # of task.group_fields, columns that are no input
    answer_start: int = -1  # of words of a passage: character of the first field at which they begin; -1: not told


@dataclass(frozen=True)
class Message:
    role: str  # "system", "user" or "assistant"
    content: str


@dataclass(frozen=True)
class PromptedExample:
    """An example as the model will see it."""

    id: str
    language: str
    messages: tuple[Message, ...]  # without the answer
    answer: str
    # What it is scored against, in the order of label_names: the labels' words or the options themselves, "" for an
    # option that the row lacks; empty: free text.
    choices: tuple[str, ...]
    label: str = ""  # the label's name, or the answer as text
    references: tuple[str, ...] = ()  # as in Example; the right label's word where a label is written
    is_written: bool = False  # the answer is text that the model generates, even where it ends in one of the choices
    chain_language: str = ""  # in which a chain of thought is asked for; empty: none is
    reading_language: str = ""  # whose notation and words the answer is read by; empty: ``language``
    group: str = ""  # rows of a language with one share a premise or passage; empty: the row stands alone
    lengths: tuple[int, ...] = ()  # of options as continuations, that log-likelihoods are divided by; empty: of words
    segments: tuple[str, ...] = ()  # the texts of the task's inputs, which an encoder reads without the instruction
    answer_start: int = -1  # as in Example

    @property
    def read_in(self) -> str:
        return self.reading_language or self.language


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """Token ids; ``labels`` has the same length and is -100 wherever nothing is supervised. Of an encoder it has what
    its head is to say: the number of the label, that of each word's tag at its first token, or the places of the first
    and last token of an answer."""

    id: str
    language: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    others: tuple[EncodedExample, ...] = ()  # further windows of a long passage; this one has the answer

    @property
    def num_supervised(self) -> int:
        return len(self.labels) - self.labels.count(-100)


def with_windows(rows: Iterable[EncodedExample]) -> list[EncodedExample]:
    """The rows in order, each followed by the further windows of its passage."""
    return [one for row in rows for one in (row, *row.others)]


@dataclass(frozen=True)
class LanguageReport:
    """What the build kept and dropped in one source language."""

    language: str
    num_kept: int
    dropped: Mapping[str, int]  # reason -> rows
    num_prompt_tokens: int
    num_supervised_tokens: int
    audit: str  # one decoded row, the supervised part between >>> and <<<
    label_counts: Mapping[str, int] = field(default_factory=dict)  # of kept rows; empty where answers are no labels


@dataclass(frozen=True)
class BuildReport:
    """What the data build did."""

    fingerprint: str
    num_examples_total: int
    languages: tuple[LanguageReport, ...]
    num_leaks_checked: int  # scored rows compared with the training rows
    notes: tuple[str, ...] = ()

    @property
    def label_counts(self) -> dict[str, int]:
        """Label -> training rows, over all languages; empty where answers are no labels."""
        names = dict.fromkeys(name for one in self.languages for name in one.label_counts)
        return {name: sum(one.label_counts.get(name, 0) for one in self.languages) for name in names}


def to_plain(value: Any) -> Any:
    """A record as plain dictionaries and lists, for JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(v) for v in value]
    return value


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def fingerprint(value: Any) -> str:
    """16 hex digits of the SHA-256 of the value's canonical JSON."""
    return hashlib.sha256(_CANONICAL.encode(to_plain(value)).encode(errors="surrogatepass")).hexdigest()[:16]


def _numbers(found: tuple[int, ...]) -> str:
    return f"[{str(found)[1:-1].rstrip(',').replace(' ', '')}]"


_labels = functools.lru_cache(maxsize=4096)(_numbers)  # rows share them


def fingerprint_of_rows(rows: Iterable[EncodedExample]) -> str:
    """`fingerprint` of a list of the rows' ids, languages, token ids and labels, taken row by row: the text of 300,000
    rows is a gigabyte."""
    digest = hashlib.sha256(b"[")
    for number, row in enumerate(rows):
        # As _CANONICAL writes them, in a fifth of the time.
        item, language, ids = *map(encode_basestring, (row.id, row.language)), _numbers(row.input_ids)
        digest.update(f"{',' * (number > 0)}[{item},{language},{ids},{_labels(row.labels)}]".encode())
    digest.update(b"]")
    return digest.hexdigest()[:16]
