"""The recipe: what the user asks for, complete and validated. What each key is, its declaration says; so does the help.

A section's docstring is its heading in the help.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mslt_it.config.decides import deciding
from mslt_it.config.schema import LARGEST_SEED, key
from mslt_it.config.table_keys import OUTSIDE
from mslt_it.records import fingerprint

REST = ("rest",)  # targets=rest: all that the data have and that are no source, until these say which
LARGEST = -1  # data.num_examples_total=max, until the rows are counted

# What each shape of task is measured by; the first is the default of its task files.
METRICS = {
    "classification": ("accuracy", "macro_f1"),
    "tagging": ("span_f1",),
    "question_answering": ("qa_f1",),
    "free_text": ("chrf", "number_accuracy", "qa_f1"),
}
# The names of selection.criteria.CRITERIA and publish.combine_options.METHODS, which stand above this in the pipeline.
CRITERIA = (
    *("pretraining_size", "vocabulary_coverage", "l2v_syntax", "l2v_phonology", "l2v_inventory", "l2v_family"),
    *("l2v_geography", "l2v_all", "embedding", "scripts", "min_diversity", "random"),
    *("l2v_typology", "target_coverage", "maxsum", "maxmin", "nn_rank", "mean_reciprocal_rank"),
)
METHODS = ("none", "cat", "svd", "ties", "dare_ties", "weighted_factors")
# The head by which an encoder answers a task of a shape; of a classification with task.option_fields it is "options".
HEADS = {"classification": "classes", "tagging": "tags", "question_answering": "span"}


@dataclass(frozen=True)
class Head:
    """By what an encoder answers: its kind (see `HEADS`), and the labels in the order of its outputs."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class TaskConfig:
    """what is asked and where its rows come from (mslt tasks NAME shows a task)"""

    name: str = key("xnli", "of the prompts and results", may_be_empty=False)
    shape: str = key(
        "classification",
        "what an answer is: a label, names in a sentence, words of a passage, or any text",
        choices=("classification", "tagging", "question_answering", "free_text"),
    )
    data: str = key("world", "rows: folder, file, Hub id, or world (embedded)", may_be_empty=False, example="my.csv")
    languages: tuple[str, ...] = key((), "languages of the Hub's copy; empty: not listed here")
    revision: str | None = key(None, "commit of the Hub's data set, so that a re-run reads the same rows")
    hub_files: str = key("", "Hub repositories without a table per language: the file, data/{config}.json.gz")
    file_layout: str = key("table", "of local files", choices=("table", "conll", "squad", "xwinograd", "self_instruct"))
    configs: Mapping[str, str] = key({}, "what a language is called in the data: {ko:kr}", example="{ko:kr}")
    file_names: str = key("", "local files of more than one kind: part of the right ones' names, {config} in it")
    split_field: str = key("", "column that says of which split a row is, where a file holds several")
    id_fields: tuple[str, ...] = key((), "columns that together say which item a row is; empty: id, or idx")
    id_prefixes: Mapping[str, str] = key({}, "how a language's ids begin: {sw:swahili}", example="{sw:swahili}")
    is_parallel: bool = key(False, "rows without ids are translations of each other by their order, which is checked")
    group_fields: tuple[str, ...] = key(
        (), "columns whose equal texts keep rows together when dividing, and in intervals: a premise, an author"
    )
    input_fields: tuple[str, ...] = key(
        ("premise", "hypothesis"),
        "columns shown; task.input for short",
        or_one=True,
        may_be_empty=False,
        may_repeat=False,
        example="[title,body]",
    )
    optional_fields: tuple[str, ...] = key((), "input columns that may be empty")
    option_fields: tuple[str, ...] = key((), "input columns that the labels stand for; an encoder reads each by itself")
    choices: str = key("shown", "options are listed, or scored as what follows", choices=("shown", "cloze"))
    option_length: str = key(
        "bytes", "choices=cloze: scores are divided by an option's length", choices=("bytes", "characters", "none")
    )
    label_field: str = key("label", "column of the answers; task.label for short", may_be_empty=False)
    rationale_field: str = key("", "column with a worked-out solution, to train with prompt.variant=cot_native")
    label_names: tuple[str, ...] = key(
        ("entailment", "neutral", "contradiction"),
        "labels in the order of upstream's integers; empty: found",
        may_repeat=False,
    )
    columns: Mapping[str, str] = key({}, "our column -> what your file calls it", example="{premise:sentence1}")
    labels: Mapping[str, str] = key({}, "a value of your file -> the label it means", example="{e:entailment}")
    first_label: int = key(0, "upstream's integer of the first label")
    repair_field: str = key("", "an input column that is wrong upstream in some languages")
    repair_from: tuple[str, ...] = key((), "languages that have it right; it is taken from them by id")
    instruction: Mapping[str, str] = key(
        {}, "language -> text, in place of the prompt files; a text alone: for all", example="{en:Which?,tr:Hangi?}"
    )
    prompts_from: str = key("", "task whose prompt files are used; empty: its own")
    prompts: Mapping[str, str] = key({}, "language -> text of a prompt file, of --config-dir", in_help=False)
    metric: str = key("accuracy", "main figure", choices=tuple(dict.fromkeys(sum(METRICS.values(), ()))))
    max_answer_tokens: int = key(64, "generated at most, where an answer is text", unit="tokens", above=0)
    train_split: str = key("train", "split trained on", may_be_empty=False)
    score_split: str = key("test", "split scored", may_be_empty=False)
    held_out_share: float = key(
        0.2, "of the item ids, set aside for scoring where both splits are one; 1: all", above=0, at_most=1
    )
    hub: str = key("", "the Hub's copy, where task.data is another", decides=False)
    license: str = key("", "of the data, as their authors state it", decides=False)
    citation: str = key("", "whom to cite", decides=False)

    def group_key(self, texts: Mapping[str, str]) -> str:
        """The same for rows that share a premise or passage, and so are not independent; empty: the row stands alone.

        Case and the order of the texts do not count: the two rows of a Winograd schema may name its options in either
        order, or at the beginning of a sentence. Rows that are only asked need not have the columns.
        """
        found = sorted(texts.get(name, "").casefold() for name in self.group_fields)
        return "\0".join(found) if any(found) else ""

    @property
    def choice_names(self) -> tuple[str, ...]:
        """The labels an answer is chosen from; empty where the answer is text."""
        return self.label_names if self.shape == "classification" else ()

    @property
    def is_cloze(self) -> bool:
        """Whether the options are what the prompt goes on with."""
        return self.choices == "cloze"

    @property
    def prompt_folder(self) -> str:
        """The task whose prompt files are used."""
        return self.prompts_from or self.name

    @property
    def tags(self) -> tuple[str, ...]:
        """O and, of each kind of name, its B and I: as WikiANN counts them on the Hub."""
        return (OUTSIDE, *(f"{part}-{kind}" for kind in self.label_names for part in "BI"))

    def config_name(self, language: str) -> str:
        """What the language is called upstream."""
        return self.configs.get(language, self.configs.get("default", language))


@dataclass(frozen=True)
class SelectConfig:
    """how sources=auto chooses (no effect where sources are listed)"""

    criterion: str = key("l2v_syntax", "the first set by this criterion is taken; mslt select --help", choices=CRITERIA)
    pool: tuple[str, ...] = key(
        ("paper",), "candidates: codes, or paper, xnli, world; targets are left out", names=("paper", "xnli", "world")
    )
    k: int = key(3, "source languages to choose", above=0)
    must: tuple[str, ...] = key((), "languages that every set holds")
    exclude: tuple[str, ...] = key((), "candidates to leave out")
    note: str = key("", "written by sources=auto: how they were chosen", decides=False, in_help=False)


@dataclass(frozen=True)
class DataConfig:
    """how the labelled budget is spent over the source languages"""

    num_examples_total: int = key(
        1500,
        "over all sources together; max: the most of which every source gives as many",
        unit="rows",
        above=0,
        special={LARGEST: "max"},
    )
    num_examples: Mapping[str, int] = key(
        {}, "of each source, where they are to differ; num_examples_total is their sum then", unit="rows", above=0,
        example="{en:1400,sw:100}",
    )  # fmt: skip
    items: str = key(
        "disjoint", "an item is labelled in one language, or the same items in all", choices=("disjoint", "parallel")
    )
    assignment_seed: int | None = key(
        None, "of which item is labelled in which language; null: seed does", at_least=0, at_most=LARGEST_SEED
    )
    leaks: str = key("refuse", "training rows that are scored too", choices=("refuse", "drop"))
    max_length_tokens: int = key(
        512, "prompt, answer and end; longer rows are dropped and counted, never cut", unit="tokens", above=0
    )
    max_dropped_share: float = key(
        0.05, "the build fails where a language loses more of its rows", at_least=0, at_most=1
    )


@dataclass(frozen=True)
class PromptConfig:
    """how a row becomes an instruction"""

    language: str = key("native", "the row's own, or English for all", choices=("native", "english"))
    template: str = key("0", "its number in the prompt file, or mixed: one per row, by hash")
    variant: str = key(
        "direct", "ask directly, or for a chain of thought", choices=("direct", "cot_native", "cot_english", "xlt")
    )
    num_shots: int = key(0, "worked examples before each question", at_least=0)
    first_shot: int | None = key(None, "which of them comes first, the rest in turn; null: seed decides", at_least=0)


@dataclass(frozen=True)
class ModelConfig:
    """the base model"""

    path: str = key("world", "a folder, a Hub id, or world (the embedded mini model)", may_be_empty=False)
    revision: str | None = key(None, "commit on the Hub")
    # It follows from the path, so that no result does.
    kind: str = key(
        "auto",
        "which its config.json says it is; another is refused",
        choices=("auto", "decoder", "encoder", "text_to_text"),
        decides=False,
    )
    dtype: str = key(
        "auto",
        "of the weights; auto: bfloat16 where the hardware has it, float32 on a CPU. Encoders, and weights that are "
        "all trained, are float32, and it is the arithmetic of a GPU that trains them",
        choices=("auto", "bfloat16", "float16", "float32"),
    )


@dataclass(frozen=True)
class AdapterConfig:
    """what is trained: LoRA (Hu et al. 2021) and its relatives, as peft names them, or all weights"""

    method: str = key(
        "lora", "an adapter beside the frozen weights, or all of them (then no other key here counts)",
        choices=("lora", "full"),
    )  # fmt: skip
    rank: int = key(8, "of each update", above=0, at_most=65536)
    alpha: int = key(16, "the update is scaled by alpha / rank", above=0)
    dropout: float = key(0.0, "on the adapter's input", at_least=0, below=1)
    target_modules: tuple[str, ...] = key(
        ("all-linear",), "layers that get an adapter", may_be_empty=False, may_repeat=False, example="[q_proj,v_proj]"
    )
    quantization: str = key("none", "of the frozen base", choices=("none", "nf4", "int8"))
    use_dora: bool = key(False, "DoRA: magnitude and direction apart")
    use_rslora: bool = key(False, "scale by alpha / sqrt(rank)")


@dataclass(frozen=True)
class TrainingConfig:
    """optimisation"""

    learning_rate: float = key(2e-3, "at the schedule's peak", above=0)
    num_epochs: float = key(4.0, "passes over the training rows", above=0)
    max_steps: int = key(-1, "in place of num_epochs", unit="steps", above=0, special={-1: "-1 (by num_epochs)"})
    batch_size: int | None = key(
        16, "per forward pass and process; auto: as many of 16 x gradient_accumulation_steps as memory has room for",
        unit="rows", above=0, special={None: "auto"},
    )  # fmt: skip
    gradient_accumulation_steps: int = key(1, "forward passes per optimiser step", above=0)
    lr_scheduler: str = key(
        "cosine", "how the rate falls",
        choices=("linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt", "polynomial"),
    )  # fmt: skip
    warmup_steps: int = key(10, "until the peak", unit="steps", at_least=0)
    weight_decay: float = key(0.01, "of AdamW", at_least=0)
    max_grad_norm: float = key(1.0, "gradients are clipped to it", at_least=0)
    logging_steps: int = key(10, "between two lines of the log", unit="steps", above=0, decides=False)
    save_steps: int = key(100, "between checkpoints", unit="steps", above=0, decides=False)
    report_to: tuple[str, ...] = key(
        ("tensorboard",), "where losses, looks, recipe and scores are told besides the run's folder; docs/training.md",
        choices=("tensorboard", "wandb", "mlflow", "trackio"), names=("tensorboard", "wandb", "mlflow", "trackio"),
        may_repeat=False, decides=False,
    )  # fmt: skip
    gradient_checkpointing: bool | None = key(False, "less memory, a third more time", special={None: "auto"})
    cuda_graphs: bool = key(True, "on one CUDA GPU a step is recorded, and launched as one", decides=False)
    freeze_layers: int = key(0, "first layers (with the embedding) that stay as they are", unit="layers", at_least=0)
    layer_lr_decay: float = key(
        1.0, "the rate of a layer is that of the layer above it times this", above=0, at_most=1, shown="1 (none)"
    )
    label_smoothing: float = key(0.0, "share of a row's weight that all labels get; encoders only", at_least=0, below=1)
    class_weights: str = key(
        "none", "balanced: a row counts by how rare its label is, 1 on average; encoders only",
        choices=("none", "balanced"),
    )  # fmt: skip
    eval_steps: int = key(
        0, "between looks at held-out rows of the sources (never of a target); the best checkpoint is kept",
        unit="steps", at_least=0, shown="0 (none)",
    )  # fmt: skip
    num_eval_examples: int = key(
        100, "of each source held out for that, at most half of those that could be scored", unit="rows", above=0
    )
    average_checkpoints: int = key(
        0, "the adapter is the mean of the weights at so many evenly spaced steps, the last among them", at_least=0,
        shown="0 (the last step's)",
    )  # fmt: skip
    patience: int = key(0, "looks after the best one at which training stops; 0: never", at_least=0)

    @property
    def rows_per_step(self) -> int:
        """Of an optimiser step, on each process."""
        return (self.batch_size or 16) * self.gradient_accumulation_steps


@dataclass(frozen=True)
class ScoringConfig:
    """zero-shot scoring after training"""

    num_examples_per_language: int = key(400, "scored; 0: every row of the split", unit="rows", at_least=0)
    batch_tokens: int = key(8192, "per forward pass, padding included", unit="tokens", above=0)
    max_chain_tokens: int = key(384, "generated at most where a chain of thought is asked for", unit="tokens", above=0)
    confidence: float = key(0.95, "of the intervals", above=0, below=1)
    num_bootstrap: int = key(2000, "draws of the items", above=0)


@dataclass(frozen=True)
class CombineConfig:
    """one adapter per source language, combined, instead of one on all"""

    method: str = key("none", "of combining; none: train together; mslt combine --help", choices=METHODS)
    weights: str = key("equal", "of the adapters, as in mslt combine")
    beside_joint: bool = key(True, "train together as well, and compare both on the same items")


@dataclass(frozen=True)
class Recipe:
    """the run"""

    name: str = key(help="of the run's folder; by default the recipe's", shown="(the recipe's)")
    sources: tuple[str, ...] = key(
        help="languages trained on, BCP-47 codes; auto: chosen, see select", names=("auto",), example="[ar,de]"
    )
    targets: tuple[str, ...] = key(
        help="languages scored zero-shot; rest: all others that the data have",
        names=("rest",),
        may_be_empty=True,
        example="[tr,th]",
    )
    # Written where targets have no labels: what the adapter says of their rows is told, and cannot be scored.
    unlabelled: tuple[str, ...] = key((), "targets without labels", in_help=False)
    order_note: str = ""  # written where rows that should be parallel by order are not
    targets_note: str = ""  # written by targets=rest: what the data have that is not among the targets
    trained_on: tuple[str, ...] = ()  # written by mslt eval: languages of its adapters' rows; empty: the sources
    supervised: bool = key(False, "let a language be source and target")
    seed: int = key(0, "of data order, initialisation and bootstrap", at_least=0, at_most=LARGEST_SEED)
    scale: str = key("mini", "model, adapter and budget together, see scale=NAME")
    output_dir: str | None = key(None, "the run's folder", shown="runs/NAME-FINGERPRINT")
    task: TaskConfig = field(default_factory=TaskConfig)
    data: DataConfig = field(default_factory=DataConfig)
    prompt: PromptConfig = field(default_factory=PromptConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    scoring: ScoringConfig = field(default_factory=ScoringConfig)
    select: SelectConfig = field(default_factory=SelectConfig)
    combine: CombineConfig = field(default_factory=CombineConfig)

    @property
    def head(self) -> Head | None:
        """By what the model answers; None where it answers in tokens, as decoders do."""
        if self.model.kind != "encoder":
            return None
        name, labels = HEADS[self.task.shape], self.task.label_names
        if name == "span":
            return Head(name, ("start", "end"))
        if name == "tags":
            return Head(name, self.task.tags)
        return Head("options" if self.task.option_fields else name, labels)

    @property
    def languages(self) -> tuple[str, ...]:
        """Sources and targets; under ``supervised`` some are both."""
        return tuple(dict.fromkeys((*self.sources, *self.targets)))

    @property
    def shown_sources(self) -> str:
        """The sources in words, with their rows where these differ."""
        return ", ".join(f"{c} ({n})" for c, n in self.data.num_examples.items()) or ", ".join(self.sources)

    @property
    def assignment_seed(self) -> int:
        """What decides which item is labelled in which language, and which items at all."""
        return self.seed if self.data.assignment_seed is None else self.data.assignment_seed

    def data_fingerprint(self) -> str:
        """16 hex digits over everything that decides which rows are built and how they are prompted."""
        return fingerprint(self._deciding("sources", "seed", "task", "data", "prompt", "model"))

    def training_fingerprint(self) -> str:
        """16 hex digits over everything that decides the adapter's weights (scoring and output_dir do not)."""
        own = self._deciding("model", "adapter", "training", "seed")
        return fingerprint({"data": self.data_fingerprint(), **own})

    def run_fingerprint(self) -> str:
        """10 hex digits over training and scoring: the run folder's suffix."""
        rest = self._deciding("targets", "supervised", "scoring")
        if self.unlabelled:  # a run without is the one that it was before there were any
            rest |= self._deciding("unlabelled")
        if self.select.note:  # the run's papers say how its sources were chosen; the note's figures may vary by machine
            rest |= self._deciding("select")
        if self.combine.method != "none":
            rest |= self._deciding("combine")
        return fingerprint({"training": self.training_fingerprint(), **rest})[:10]

    def _deciding(self, *names: str) -> dict[str, Any]:
        return {name: deciding(getattr(self, name)) for name in names}
