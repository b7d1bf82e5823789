"""The types that flow through the pipeline: frozen dataclasses, standard library only.

recipe -> examples -> prompted examples -> encoded examples -> adapter -> results
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class FrozenDict(dict[str, str]):
    """A mapping of texts that is never changed, so that a recipe can be hashed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


REST = ("rest",)  # targets=rest, until the data say which languages they have
LARGEST = -1  # data.num_examples_total=max, until the rows are counted


@dataclass(frozen=True)
class TaskConfig:
    """What is asked and where its rows come from."""

    name: str = "xnli"
    # classification: one of task.label_names; tagging: names in a sentence; question_answering: words of a context;
    # free_text: whatever task.label_field holds.
    shape: str = "classification"
    data: str = "world"  # "world" = the embedded world; else a folder, a file or a Hub dataset id
    languages: tuple[str, ...] = ()  # languages of the Hub's copy; empty: not listed here
    revision: str | None = None  # commit of the Hub dataset; pinned so that a re-run reads the same rows
    hub_files: str = ""  # for Hub repositories without a table per config: the file to read, "data/{config}.json.gz"
    file_layout: str = "table"  # of local files: table, conll, squad, xwinograd, self_instruct
    configs: Mapping[str, str] = field(default_factory=FrozenDict)  # language, or default -> name upstream
    id_prefixes: Mapping[str, str] = field(default_factory=FrozenDict)  # language -> how its ids begin
    # Rows without an id column are translations of each other by their order, which is checked: see data/parallel.
    is_parallel: bool = False
    # Rows with the same texts in these columns share a premise, passage or author: divided together (held_out_share),
    # drawn together. Columns that are no input fields will do.
    group_fields: tuple[str, ...] = ()
    input_fields: tuple[str, ...] = ("premise", "hypothesis")
    optional_fields: tuple[str, ...] = ()  # input fields that may be empty
    label_field: str = "label"
    rationale_field: str = ""  # column with a worked-out solution, for training with prompt.variant=cot_native
    label_names: tuple[str, ...] = ("entailment", "neutral", "contradiction")  # in the order of the integers upstream
    columns: Mapping[str, str] = field(default_factory=FrozenDict)  # our column -> what your file calls it
    labels: Mapping[str, str] = field(default_factory=FrozenDict)  # a value of your file -> the label it means
    first_label: int = 0  # the integer upstream of the first label name
    repair_field: str = ""  # an input field that is wrong upstream in some languages
    repair_from: tuple[str, ...] = ()  # languages that have it right; it is taken from them by id
    instruction: Mapping[str, str] = field(default_factory=FrozenDict)  # language -> text, in place of the prompt files
    metric: str = "accuracy"
    max_answer_tokens: int = 64  # generated at most, where an answer is text
    train_split: str = "train"
    score_split: str = "test"
    # Share of item ids set aside for scoring when train_split and score_split name the same rows; 1: all of them.
    held_out_share: float = 0.2

    def group_key(self, texts: Mapping[str, str]) -> str:
        """The same for rows that share a premise or passage, and so are not independent; empty: the row stands alone.

        Case and the order of the texts do not count: the two rows of a Winograd schema may name its options in either
        order, or at the beginning of a sentence.
        """
        found = sorted(texts[name].casefold() for name in self.group_fields)
        return "\0".join(found) if any(found) else ""

    @property
    def choice_names(self) -> tuple[str, ...]:
        """The labels an answer is chosen from; empty where the answer is text."""
        return self.label_names if self.shape == "classification" else ()

    def config_name(self, language: str) -> str:
        """What the language is called upstream."""
        return self.configs.get(language, self.configs.get("default", language))


@dataclass(frozen=True)
class SelectConfig:
    """How sources=auto chooses the source languages; without effect where sources are listed."""

    criterion: str = "l2v_syntax"  # the first set by this criterion is taken; see mslt select --help
    pool: tuple[str, ...] = (
        "paper",
    )  # candidates: codes, or names of pools (paper, xnli, world); targets are left out
    k: int = 3  # source languages to choose
    must: tuple[str, ...] = ()  # languages that every set holds
    exclude: tuple[str, ...] = ()  # candidates to leave out
    note: str = ""  # written by sources=auto: how the sources were chosen


@dataclass(frozen=True)
class DataConfig:
    """How the labelled budget is spent over the source languages."""

    # Over all sources together, never per source; -1 or max: the largest number of which every source gives as many.
    num_examples_total: int = 1500
    items: str = "disjoint"  # "disjoint": every item is labelled in one language; "parallel": the same items in all
    leaks: str = "refuse"  # training rows that are scored too: "refuse" the build, or "drop" them and say so
    max_length_tokens: int = 512  # prompt + answer + end token; longer rows are dropped and counted, never cut
    max_dropped_share: float = 0.05  # the build fails when one language loses more than this share


@dataclass(frozen=True)
class PromptConfig:
    """How a row becomes an instruction."""

    language: str = "native"  # "native" or "english"
    template: str = "0"  # index of the template, or "mixed" (chosen per row by hash)
    variant: str = "direct"  # "direct", or a chain of thought before the answer: "cot_native", "cot_english", "xlt"
    num_shots: int = 0  # worked examples shown before each question, of eval/exemplars


@dataclass(frozen=True)
class ModelConfig:
    """The base model."""

    path: str = "world"  # "world" = the embedded mini model; else a folder or a Hub id
    revision: str | None = None
    dtype: str = "auto"  # "auto": bfloat16 where the hardware has it (GPU), float32 on a CPU


@dataclass(frozen=True)
class AdapterConfig:
    """LoRA (Hu et al. 2021) and its relatives, as peft names them."""

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.0
    target_modules: tuple[str, ...] = ("all-linear",)
    quantization: str = "none"  # "none", "nf4" or "int8"
    use_dora: bool = False
    use_rslora: bool = False


@dataclass(frozen=True)
class TrainingConfig:
    """Optimisation."""

    learning_rate: float = 2e-3
    num_epochs: float = 4.0
    max_steps: int = -1  # optimiser steps; -1 = by num_epochs
    batch_size: int = 16  # examples per forward pass and process
    gradient_accumulation_steps: int = 1
    lr_scheduler: str = "cosine"
    warmup_steps: int = 10
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    logging_steps: int = 10
    save_steps: int = 100  # optimiser steps between checkpoints
    gradient_checkpointing: bool = False


@dataclass(frozen=True)
class ScoringConfig:
    """Zero-shot scoring after training."""

    num_examples_per_language: int = 400  # 0 = every row of the scored split
    batch_tokens: int = 8192  # padded tokens per forward pass
    max_chain_tokens: int = 384  # generated at most per answer, where a chain of thought is asked for
    confidence: float = 0.95
    num_bootstrap: int = 2000


@dataclass(frozen=True)
class CombineConfig:
    """Training apart and combining, in place of training together."""

    # "none": one adapter on all sources together. Else an adapter per source, combined: cat, svd, ties, dare_ties, ...
    method: str = "none"
    weights: str = "equal"  # as in mslt combine
    beside_joint: bool = True  # train together as well, and compare both on the same items


@dataclass(frozen=True)
class Recipe:
    """What the user asked for, complete and validated."""

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    order_note: str = ""  # written where rows that should be parallel by order are not
    targets_note: str = ""  # written by targets=rest: what the data have that is not among the targets
    supervised: bool = False  # True allows a language to be source and target
    seed: int = 0
    scale: str = "mini"
    output_dir: str | None = None
    select: SelectConfig = field(default_factory=SelectConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    data: DataConfig = field(default_factory=DataConfig)
    prompt: PromptConfig = field(default_factory=PromptConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    scoring: ScoringConfig = field(default_factory=ScoringConfig)
    combine: CombineConfig = field(default_factory=CombineConfig)

    def data_fingerprint(self) -> str:
        """16 hex digits over everything that decides which rows are built and how they are prompted."""
        return fingerprint(
            {k: _plain(getattr(self, k)) for k in ("sources", "seed", "task", "data", "prompt", "model")}
        )

    def training_fingerprint(self) -> str:
        """16 hex digits over everything that decides the adapter's weights (scoring and output_dir do not)."""
        parts = {k: _plain(getattr(self, k)) for k in ("model", "adapter", "training", "seed")}
        parts["training"] = {k: v for k, v in parts["training"].items() if k not in {"logging_steps", "save_steps"}}
        return fingerprint({"data": self.data_fingerprint(), **parts})

    def run_fingerprint(self) -> str:
        """10 hex digits over training and scoring: the run folder's suffix."""
        rest = {k: _plain(getattr(self, k)) for k in ("targets", "supervised", "scoring")}
        if self.select.note:  # the run's papers say how its sources were chosen; the note's figures may vary by machine
            rest["select"] = {k: v for k, v in _plain(self.select).items() if k != "note"}
        if self.combine.method != "none":
            rest["combine"] = _plain(self.combine)
        return fingerprint({"training": self.training_fingerprint(), **rest})[:10]


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
