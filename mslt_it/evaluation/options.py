"""What `mslt eval` may be asked, without anything that it takes to ask it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mslt_it.command import Command
from mslt_it.config.schema import LARGEST_SEED, key
from mslt_it.data.variants import VARIANTS
from mslt_it.locks import WAIT


@dataclass(frozen=True)
class Options:
    run: tuple[str, ...] = key(
        (), "run folder, or [several]: gives adapter, base, task and languages", or_one=True,
        place="run",
    )  # fmt: skip
    model: str | None = key(None, "base model, if no run names it: a folder, a Hub id, or world")
    adapter: tuple[str, ...] = key(
        (), "adapter or run folder, or [several], for that base", or_one=True, place="adapter"
    )
    task: tuple[str, ...] = key((), "task, or [several], if no run names it: mslt tasks lists them", or_one=True)
    variant: tuple[str, ...] = key(
        (), f"prompting strategy, or [several]: {', '.join(VARIANTS)}", or_one=True, shown="the run's, else direct"
    )
    languages: tuple[str, ...] = key(
        (), "[codes], all in the data, or rest: those not trained on", or_one=True, shown="the run's, else all"
    )
    shots: int = key(0, "worked examples before each question", at_least=0)
    samples: int = key(1, "sampled answers per item; the majority wins", at_least=1)
    temperature: float = key(0.7, "for samples > 1", above=0)
    top_p: float = key(0.95, "samples > 1: draw from the top tokens with this probability", above=0, at_most=1)
    max_new_tokens: int | None = key(
        None, "limit of a chain of thought", unit="tokens", at_least=1, shown="(the recipe's)"
    )
    examples: int | None = key(None, "scored per language; 0: all", unit="rows", at_least=0, shown="(the recipe's)")
    base: bool = key(True, "also score the base without an adapter")
    seen: tuple[str, ...] = key((), "[codes] of training, for a model or for an adapter without its run folder")
    backend: str = key("transformers", "generates the answers; vllm needs a GPU", choices=("transformers", "vllm"))
    seed: int = key(0, "seed of sampled answers", at_least=0, at_most=LARGEST_SEED)
    cache: str | None = key(
        None, "folder that caches answers between calls, or none", shown="~/.cache/mslt_it", place="out"
    )
    out: str | None = key(None, "folder for answers and results", shown="evals/TASK-HASH", place="new evaluation")
    weights: Mapping[str, float] = key(
        {}, "weights of the tasks in their mean", above=0, shown="(1 each)", example="{xnli:2,pawsx:1}"
    )
    wait: bool = key(False, WAIT)


ARGUMENTS = Command(
    "eval",
    "Score models and adapters zero-shot, in many languages and with several prompting strategies, on the same items. "
    "Answers are saved as they come, so an interrupted evaluation resumes. `accelerate launch eval/run.py ...` does "
    "the same on one GPU or several.",
    (
        "run=RUNFOLDER [KEY=VALUE ...] [--json]",
        "model=PATH task=NAME [adapter=FOLDER] [KEY=VALUE ...]",
    ),
    (
        "mslt eval run=runs/xnli_3src-138fcab690 'variant=[direct,cot_native,cot_english,translate_solve,xlt]'",
        "mslt eval model=world 'adapter=[runs/a,runs/b]' task=xnli languages=all",
        "mslt eval model=PATH task=mgsm task.data=DIR variant=cot_native shots=2 samples=8",
    ),
    Options,
    flags=("--json", "--details", "--config-dir"),
    is_handed_on=lambda name: "." in name,
    more=lambda: ["Keys with a dot belong to the task's recipe: task.data=DIR (mslt train --help)."],
)
