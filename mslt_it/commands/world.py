"""The command ``mslt world``: look at the embedded world, check its model, or pretrain it again."""

from __future__ import annotations

import dataclasses
import json
import random
from dataclasses import dataclass
from pathlib import Path

from mslt_it import values
from mslt_it.command import Call, Command
from mslt_it.config.files import share_dir
from mslt_it.config.schema import key
from mslt_it.problems import Problem
from mslt_it.world.generator import state
from mslt_it.world.inference import sample_pair
from mslt_it.world.languages import grammar

# What each part takes beside its own word.
KEYS = {
    "show": ("language", "num", "seed"),
    "check": ("model", "json"),
    "pretrain": ("out", "seed", "steps", "compile"),
}


@dataclass(frozen=True)
class Options:
    """What is done, and with what."""

    part: str = key(help="what to do", choices=tuple(KEYS), example="show")
    language: str | None = key(None, "show: of the sentences, a code such as sw", shown="(required)")
    num: int = key(10, "show: pairs to print", at_least=1)
    model: str | None = key(None, "check: a folder", shown="(the shipped weights)")
    json: str | None = key(None, "check: a file for the figures")
    out: str | None = key(None, "pretrain: folder to write; a stopped run goes on from there", shown="(required)")
    steps: int | None = key(None, "pretrain: optimiser steps", shown="(as shipped)", above=0)
    seed: int = key(0, "show, pretrain")
    compile: bool = key(False, "pretrain: fuse the layers with torch.compile: faster, needs a C++ compiler")


def run(call: Call) -> int:
    """``show``, ``check`` or ``pretrain``; 0 = done, 1 = the gate was not passed."""
    options: Options = call.options
    for name in sorted(call.given - {"part", *KEYS[options.part]}):
        raise Problem(f"{name} has no effect on mslt world {options.part}: {', '.join(KEYS[options.part])} have.")
    if options.part == "show":
        if options.language is None:
            raise Problem("language is missing. Write mslt world show sw.")
        return _show(options.language, options.num, options.seed)
    if options.part == "check":
        return _check(options.model, options.json)
    if options.out is None:
        raise Problem("out is missing. Write mslt world pretrain out=DIR.")
    return _pretrain(values.path(options.out), options.seed, options.steps, options.compile)


def _show(code: str, num: int, seed: int) -> int:
    language = grammar(code)
    rng = random.Random(seed)
    for _ in range(num):
        pair = sample_pair(rng)
        question = language.ask(language.question(pair.hypothesis))
        print(f"{pair.label:<14}{state(language, pair.premise)}")
        print(f"{'':<14}{state(language, pair.hypothesis)}   {question}")
    return 0


def _check(model_dir: str | None, out: str | None) -> int:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from mslt_it.world.gate import MIN_QUESTION_ACCURACY, check
    from mslt_it.world.mini_model import weights_dir

    folder = values.path(model_dir) if model_dir else weights_dir()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32", use_safetensors=True)
    result = check(model, tokenizer)
    for code, share in result.questions.items():
        mark = "" if share >= MIN_QUESTION_ACCURACY else "  below the gate"
        print(f"{code}  {share:.3f}{mark}")
    lowest = min(result.questions.values())
    print(f"questions: {result.num_questions} a language, lowest {lowest:.3f}, gate {MIN_QUESTION_ACCURACY}")
    print(
        f"translation retrieval: {result.retrieval:.3f} at layer {result.retrieval_layer} "
        f"({result.num_sentences} sentences, chance {1 / result.num_sentences:.4f})"
    )
    if out:
        values.path(out).write_text(json.dumps(result.__dict__, indent=2) + "\n", encoding="utf-8")
    return 1 if result.failures() else 0


def _pretrain(out: Path, seed: int, steps: int | None, compile_model: bool) -> int:
    from mslt_it.world.mini_tokenizer import prompt_texts
    from mslt_it.world.pretrain import PretrainConfig, pretrain

    config = PretrainConfig(seed=seed)
    if steps is not None:
        config = dataclasses.replace(config, num_steps=steps)
    words = prompt_texts(share_dir("eval") / "prompts" / "xnli")
    manifest = pretrain(config, out, words, compile_model=compile_model)
    print(f"{out}: loss {manifest['final_loss']}. Next: mslt world check model={out}")
    return 0


COMMAND = Command(
    "world",
    "Look into the embedded world: sentences with their labels; the shipped model against what it must know; the model "
    "built again from its seed.",
    ("show LANGUAGE [num=10] [seed=0]", "check [model=DIR] [json=FILE]", "pretrain out=DIR [KEY=VALUE ...]"),
    ("mslt world show sw", "mslt world check", "mslt world pretrain out=mini seed=1"),
    Options,
    run,
    words=("part", "language"),
)
