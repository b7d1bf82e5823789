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
    """the question and where its rows come from (mslt tasks NAME shows a task)"""

    name: str = key("xnli", "name used for prompts and results", may_be_empty=False)
    shape: str = key(
        "classification",
        "kind of answer: a label, names in a sentence, words of a passage, or any text",
        choices=("classification", "tagging", "question_answering", "free_text"),
    )
    data: str = key("world", "rows: folder, file, Hub id, or world (embedded)", may_be_empty=False, example="my.csv")
    languages: tuple[str, ...] = key((), "languages of the Hub's copy; empty: not listed")
    revision: str | None = key(None, "commit of the Hub's data set, so a re-run reads the same rows")
    hub_files: str = key("", "file in a Hub repository without a table per language: data/{config}.json.gz")
    file_layout: str = key("table", "of local files", choices=("table", "conll", "squad", "xwinograd", "self_instruct"))
    configs: Mapping[str, str] = key({}, "a language's name in the data: {ko:kr}", example="{ko:kr}")
    file_names: str = key("", "if local files are of several kinds: part of the right ones' names, with {config}")
    split_field: str = key("", "column with each row's split, if a file holds several")
    id_fields: tuple[str, ...] = key((), "columns that together identify an item; empty: id, or idx")
    id_prefixes: Mapping[str, str] = key({}, "prefix of a language's ids: {sw:swahili}", example="{sw:swahili}")
    is_parallel: bool = key(False, "rows without ids are parallel by order, which is checked")
    group_fields: tuple[str, ...] = key(
        (), "rows equal in these columns stay together in splits and intervals: a premise, an author"
    )
    input_fields: tuple[str, ...] = key(
        ("premise", "hypothesis"),
        "columns shown to the model; task.input for short",
        or_one=True,
        may_be_empty=False,
        may_repeat=False,
        example="[title,body]",
    )
    optional_fields: tuple[str, ...] = key((), "input columns that may be empty")
    option_fields: tuple[str, ...] = key((), "input columns that the labels stand for; an encoder reads each alone")
    choices: str = key("shown", "list the options, or score each as a continuation", choices=("shown", "cloze"))
    option_length: str = key(
        "bytes", "choices=cloze: scores are divided by an option's length", choices=("bytes", "characters", "none")
    )
    label_field: str = key("label", "column with the answers; task.label for short", may_be_empty=False)
    rationale_field: str = key("", "column with a worked-out solution, to train with prompt.variant=cot_native")
    label_names: tuple[str, ...] = key(
        ("entailment", "neutral", "contradiction"),
        "labels in the order of upstream's integers; empty: found in the rows",
        may_repeat=False,
    )
    columns: Mapping[str, str] = key({}, "our column -> its name in your file", example="{premise:sentence1}")
    labels: Mapping[str, str] = key({}, "a value in your file -> the label it means", example="{e:entailment}")
    first_label: int = key(0, "upstream's integer of the first label")
    repair_field: str = key("", "an input column that is wrong upstream in some languages")
    repair_from: tuple[str, ...] = key((), "languages that have it right; it is copied from them by id")
    instruction: Mapping[str, str] = key(
        {}, "language -> text, instead of the prompt files; a text alone: for all", example="{en:Which?,tr:Hangi?}"
    )
    prompts_from: str = key("", "task whose prompt files are used; empty: its own")
    prompts: Mapping[str, str] = key({}, "language -> text of a prompt file, of --config-dir", in_help=False)
    metric: str = key("accuracy", "main figure", choices=tuple(dict.fromkeys(sum(METRICS.values(), ()))))
    max_answer_tokens: int = key(64, "limit of a generated answer", unit="tokens", above=0)
    train_split: str = key("train", "split for training", may_be_empty=False)
    score_split: str = key("test", "split for scoring", may_be_empty=False)
    held_out_share: float = key(
        0.2, "share of the items held out for scoring if both splits are the same; 1: all", above=0, at_most=1
    )
    hub: str = key("", "id of the Hub's copy, if task.data is not it", decides=False)
    license: str = key("", "licence of the data, as their authors state it", decides=False)
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
    """how sources=auto chooses (no effect if sources are listed)"""

    criterion: str = key("l2v_syntax", "take the first set by this criterion; see mslt select --help", choices=CRITERIA)
    pool: tuple[str, ...] = key(
        ("paper",), "candidates: codes, or paper, xnli, world; targets are left out", names=("paper", "xnli", "world")
    )
    k: int = key(3, "number of source languages", above=0)
    must: tuple[str, ...] = key((), "languages that every set must contain")
    exclude: tuple[str, ...] = key((), "candidates to leave out")
    note: str = key("", "written by sources=auto: how they were chosen", decides=False, in_help=False)


@dataclass(frozen=True)
class DataConfig:
    """how the labelled budget is spread over the source languages"""

    num_examples_total: int = key(
        1500,
        "all sources together; max: the most that every source can supply equally",
        unit="rows",
        above=0,
        special={LARGEST: "max"},
    )
    num_examples: Mapping[str, int] = key(
        {}, "per source, if they differ; num_examples_total is then their sum", unit="rows", above=0,
        example="{en:1400,sw:100}",
    )  # fmt: skip
    items: str = key(
        "disjoint", "label each item in one language, or the same items in all", choices=("disjoint", "parallel")
    )
    assignment_seed: int | None = key(
        None, "seed of which item is labelled in which language; null: seed", at_least=0, at_most=LARGEST_SEED
    )
    leaks: str = key("refuse", "what to do with training rows that are also scored", choices=("refuse", "drop"))
    max_length_tokens: int = key(
        512, "prompt, answer and end token; longer rows are dropped and counted, never cut", unit="tokens", above=0
    )
    max_dropped_share: float = key(0.05, "the build fails if a language loses more of its rows", at_least=0, at_most=1)


@dataclass(frozen=True)
class PromptConfig:
    """how a row becomes an instruction"""

    language: str = key("native", "the row's own language, or English for all", choices=("native", "english"))
    template: str = key("0", "template number in the prompt file, or mixed: one per row, by hash")
    variant: str = key(
        "direct", "direct prompt, or chain of thought", choices=("direct", "cot_native", "cot_english", "xlt")
    )
    num_shots: int = key(0, "worked examples before each question", at_least=0)
    first_shot: int | None = key(None, "the example that comes first, the rest in turn; null: seed decides", at_least=0)


@dataclass(frozen=True)
class ModelConfig:
    """the base model"""

    path: str = key("world", "a folder, a Hub id, or world (the embedded mini model)", may_be_empty=False)
    revision: str | None = key(None, "commit on the Hub")
    # It follows from the path, so that no result does.
    kind: str = key(
        "auto",
        "asserts the kind that config.json says; any other is refused",
        choices=("auto", "decoder", "encoder", "text_to_text"),
        decides=False,
    )
    dtype: str = key(
        "auto",
        "of the weights; auto: bfloat16 if the GPU has it, float32 on a CPU. Encoders and models trained in full have "
        "float32 weights: there it is the arithmetic of training on a GPU",
        choices=("auto", "bfloat16", "float16", "float32"),
    )


@dataclass(frozen=True)
class AdapterConfig:
    """what is trained: LoRA (Hu et al. 2021) and its relatives, as peft names them, or all weights"""

    method: str = key(
        "lora", "adapter on frozen weights, or all weights (the other keys here then have no effect)",
        choices=("lora", "full"),
    )  # fmt: skip
    rank: int = key(8, "rank of each update", above=0, at_most=65536)
    alpha: int = key(16, "the update is scaled by alpha / rank", above=0)
    dropout: float = key(0.0, "on the adapter's input", at_least=0, below=1)
    target_modules: tuple[str, ...] = key(
        ("all-linear",), "layers that get an adapter", may_be_empty=False, may_repeat=False, example="[q_proj,v_proj]"
    )
    quantization: str = key("none", "quantisation of the frozen base", choices=("none", "nf4", "int8"))
    use_dora: bool = key(False, "DoRA: magnitude and direction separately")
    use_rslora: bool = key(False, "scale by alpha / sqrt(rank)")


@dataclass(frozen=True)
class TrainingConfig:
    """optimisation"""

    learning_rate: float = key(2e-3, "peak of the schedule", above=0)
    num_epochs: float = key(4.0, "passes over the training rows", above=0)
    max_steps: int = key(-1, "replaces num_epochs", unit="steps", above=0, special={-1: "-1 (by num_epochs)"})
    batch_size: int | None = key(
        16, "per forward pass and process; auto: as many of 16 x gradient_accumulation_steps as fit in memory",
        unit="rows", above=0, special={None: "auto"},
    )  # fmt: skip
    gradient_accumulation_steps: int = key(1, "forward passes per optimiser step", above=0)
    lr_scheduler: str = key(
        "cosine", "learning-rate schedule",
        choices=("linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt", "polynomial"),
    )  # fmt: skip
    warmup_steps: int = key(10, "warm-up before the peak", unit="steps", at_least=0)
    weight_decay: float = key(0.01, "AdamW's weight decay", at_least=0)
    max_grad_norm: float = key(1.0, "gradients are clipped to this norm", at_least=0)
    logging_steps: int = key(10, "interval between log lines", unit="steps", above=0, decides=False)
    save_steps: int = key(100, "interval between checkpoints", unit="steps", above=0, decides=False)
    report_to: tuple[str, ...] = key(
        ("tensorboard",), "trackers for losses, looks, recipe and scores; see docs/training.md",
        choices=("tensorboard", "wandb", "mlflow", "trackio"), names=("tensorboard", "wandb", "mlflow", "trackio"),
        may_repeat=False, decides=False,
    )  # fmt: skip
    gradient_checkpointing: bool | None = key(False, "saves memory, takes a third more time", special={None: "auto"})
    cuda_graphs: bool = key(True, "on one CUDA GPU, record a step and launch it as one", decides=False)
    freeze_layers: int = key(0, "first layers to freeze, with the embedding", unit="layers", at_least=0)
    layer_lr_decay: float = key(
        1.0, "a layer's learning rate is that of the layer above it times this", above=0, at_most=1, shown="1 (none)"
    )
    label_smoothing: float = key(0.0, "share of a row's weight given to all labels; encoders only", at_least=0, below=1)
    class_weights: str = key(
        "none", "balanced: weight rows by the rarity of their label, 1 on average; encoders only",
        choices=("none", "balanced"),
    )  # fmt: skip
    eval_steps: int = key(
        0, "interval between looks at held-out rows of the sources (never a target); the best is kept",
        unit="steps", at_least=0, shown="0 (none)",
    )  # fmt: skip
    num_eval_examples: int = key(
        100, "held out per source for these looks, at most half of those that could be scored", unit="rows", above=0
    )
    average_checkpoints: int = key(
        0, "average the weights at this many evenly spaced steps, including the last", at_least=0,
        shown="0 (the last step's)",
    )  # fmt: skip
    patience: int = key(0, "stop this many looks after the best one; 0: never", at_least=0)

    @property
    def rows_per_step(self) -> int:
        """Of an optimiser step, on each process."""
        return (self.batch_size or 16) * self.gradient_accumulation_steps


@dataclass(frozen=True)
class ScoringConfig:
    """zero-shot scoring after training"""

    num_examples_per_language: int = key(400, "number scored; 0: every row of the split", unit="rows", at_least=0)
    batch_tokens: int = key(8192, "per forward pass, including padding", unit="tokens", above=0)
    max_chain_tokens: int = key(384, "limit of a generated chain of thought", unit="tokens", above=0)
    confidence: float = key(0.95, "level of the intervals", above=0, below=1)
    num_bootstrap: int = key(2000, "bootstrap resamples of the items", above=0)


@dataclass(frozen=True)
class CombineConfig:
    """one adapter per source language, combined, instead of one for all"""

    method: str = key("none", "how to combine; none: train together; see mslt combine --help", choices=METHODS)
    weights: str = key("equal", "weights of the adapters, as in mslt combine")
    beside_joint: bool = key(True, "also train together, and compare both on the same items")


@dataclass(frozen=True)
class Recipe:
    """the run"""

    name: str = key(help="name of the run's folder", shown="(the recipe's)")
    sources: tuple[str, ...] = key(
        help="languages to train on, BCP-47 codes; auto: chosen, see select", names=("auto",), example="[ar,de]"
    )
    targets: tuple[str, ...] = key(
        help="languages to score zero-shot; rest: all others in the data",
        names=("rest",),
        may_be_empty=True,
        example="[tr,th]",
    )
    # Written where targets have no labels: what the adapter says of their rows is told, and cannot be scored.
    unlabelled: tuple[str, ...] = key((), "targets without labels", in_help=False)
    order_note: str = ""  # written where rows that should be parallel by order are not
    targets_note: str = ""  # written by targets=rest: what the data have that is not among the targets
    trained_on: tuple[str, ...] = ()  # written by mslt eval: languages of its adapters' rows; empty: the sources
    supervised: bool = key(False, "allow a language to be both source and target")
    seed: int = key(0, "seed of data order, initialisation and bootstrap", at_least=0, at_most=LARGEST_SEED)
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
