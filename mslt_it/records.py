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


@dataclass(frozen=True)
class TaskConfig:
    """What is asked and where its rows come from."""

    name: str = "xnli"
    data: str = "world"  # "world" = the embedded world; else a folder, a file or a Hub dataset id
    revision: str | None = None  # commit of the Hub dataset; pinned so that a re-run reads the same rows
    input_fields: tuple[str, ...] = ("premise", "hypothesis")
    label_field: str = "label"
    label_names: tuple[str, ...] = ("entailment", "neutral", "contradiction")  # position = integer label upstream
    metric: str = "accuracy"
    train_split: str = "train"
    score_split: str = "test"
    # Share of item ids set aside for scoring when train_split and score_split name the same rows.
    held_out_share: float = 0.2


@dataclass(frozen=True)
class DataConfig:
    """How the labelled budget is spent over the source languages."""

    num_examples_total: int = 1500  # over all sources together, never per source
    items: str = "disjoint"  # "disjoint": every item is labelled in one language; "parallel": the same items in all
    max_length_tokens: int = 512  # prompt + answer + end token; longer rows are dropped and counted, never cut
    max_dropped_share: float = 0.05  # the build fails when one language loses more than this share


@dataclass(frozen=True)
class PromptConfig:
    """How a row becomes an instruction."""

    language: str = "native"  # "native" or "english"
    template: str = "0"  # index of the template, or "mixed" (chosen per row by hash)


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
    confidence: float = 0.95
    num_bootstrap: int = 2000


@dataclass(frozen=True)
class Recipe:
    """What the user asked for, complete and validated."""

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    supervised: bool = False  # True allows a language to be source and target
    seed: int = 0
    scale: str = "mini"
    output_dir: str | None = None
    task: TaskConfig = field(default_factory=TaskConfig)
    data: DataConfig = field(default_factory=DataConfig)
    prompt: PromptConfig = field(default_factory=PromptConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    scoring: ScoringConfig = field(default_factory=ScoringConfig)

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
        return fingerprint({"training": self.training_fingerprint(), **rest})[:10]


@dataclass(frozen=True)
class Example:
    """One row of a task in one language. Labels are names, never integers."""

    id: str  # the item's id, shared by its translations
    language: str
    task: str
    split: str
    fields: Mapping[str, str]  # "premise" -> text
    label: str
    origin: str = ""  # "dataset@revision:row"


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
    choices: tuple[str, ...]  # the label words it is scored against, in the order of the task's label_names
    label: str = ""  # the label's name


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


@dataclass(frozen=True)
class BuildReport:
    """What the data build did."""

    fingerprint: str
    num_examples_total: int
    languages: tuple[LanguageReport, ...]
    num_leaks_checked: int  # scored rows compared with the training rows
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvalResult:
    """One figure: a task in one language, base and adapter on the same items."""

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
