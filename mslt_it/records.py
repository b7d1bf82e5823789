"""The types that flow through the pipeline: frozen dataclasses, standard library only.

recipe -> examples -> prompted examples -> encoded examples -> adapter -> results
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # their old home, until every module imports them from config.recipe
    from mslt_it.config.recipe import (
        LARGEST as LARGEST,
    )
    from mslt_it.config.recipe import (
        REST as REST,
    )
    from mslt_it.config.recipe import (
        AdapterConfig as AdapterConfig,
    )
    from mslt_it.config.recipe import (
        CombineConfig as CombineConfig,
    )
    from mslt_it.config.recipe import (
        DataConfig as DataConfig,
    )
    from mslt_it.config.recipe import (
        ModelConfig as ModelConfig,
    )
    from mslt_it.config.recipe import (
        PromptConfig as PromptConfig,
    )
    from mslt_it.config.recipe import (
        Recipe as Recipe,
    )
    from mslt_it.config.recipe import (
        ScoringConfig as ScoringConfig,
    )
    from mslt_it.config.recipe import (
        SelectConfig as SelectConfig,
    )
    from mslt_it.config.recipe import (
        TaskConfig as TaskConfig,
    )
    from mslt_it.config.recipe import (
        TrainingConfig as TrainingConfig,
    )
    from mslt_it.config.schema import FrozenDict as FrozenDict


@dataclass(frozen=True)
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
    choices: tuple[str, ...]  # the label words it is scored against, in the order of label_names; empty: free text
    label: str = ""  # the label's name, or the answer as text
    references: tuple[str, ...] = ()  # as in Example; the right label's word where a label is written
    is_written: bool = False  # the answer is text that the model generates, even where it ends in one of the choices
    chain_language: str = ""  # in which a chain of thought is asked for; empty: none is
    reading_language: str = ""  # whose notation and words the answer is read by; empty: ``language``
    group: str = ""  # rows of a language with one name share a premise or passage; empty: the row stands alone

    @property
    def read_in(self) -> str:
        return self.reading_language or self.language


@dataclass(frozen=True)
class EncodedExample:
    """Token ids; ``labels`` has the same length and is -100 wherever nothing is supervised."""

    id: str
    language: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]


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


@dataclass(frozen=True)
class EvalResult:
    """One figure: a task in one language, base and adapter on the same items.

    ``low`` and ``high`` are for these languages and other items like these; ``languages_low`` and ``languages_high``,
    of a mean, for other languages like these, too.
    """

    task: str
    language: str
    role: str  # "source" or "target"
    variant: str
    metric: str
    n: int
    value: float | None  # None when the status is not "ok"
    low: float | None
    high: float | None
    base_value: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    status: str = "ok"
    reason: str = ""
    num_unparsable: int = 0  # generated answers that could not be read as one; they count as wrong
    num_groups: int = 0  # what is drawn again: items, or premises and passages with all their items
    num_shared: int = 0  # of a mean: items that all of its languages have
    languages_low: float | None = None
    languages_high: float | None = None
    gain_languages_low: float | None = None
    gain_languages_high: float | None = None
    majority_share: float | None = None  # of the scored items: what always giving the most frequent label gets
    train_majority_share: float | None = None  # the same of the training rows' most frequent label
    is_above_chance: bool | None = None  # above both 1 / labels and majority_share, corrected for the languages
    only_label: str = ""  # that the adapter gave to every item


def to_plain(record: Any) -> Any:
    """A record as plain dictionaries and lists, for JSON."""
    return _plain(record)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def fingerprint(value: Any) -> str:
    """16 hex digits of the SHA-256 of the value's canonical JSON."""
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def __getattr__(name: str) -> Any:
    import importlib

    try:
        return getattr(importlib.import_module("mslt_it.config.recipe"), name)
    except AttributeError:
        raise AttributeError(f"module {__name__} has no attribute {name!r}") from None
