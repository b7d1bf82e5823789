"""The command ``mslt world``: look at the embedded world, check its model, or pretrain it again."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

from mslt_it.problems import Problem


def main(argv: Sequence[str]) -> int:
    """``show``, ``check`` or ``pretrain``; 0 = done, 1 = the gate was not passed."""
    parser = argparse.ArgumentParser(prog="mslt world", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="show|check|pretrain")
    show = commands.add_parser("show", help="print sentences, questions and their labels")
    show.add_argument("language", help="a language code such as sw")
    show.add_argument("--num", type=int, default=10, help="pairs to print (default 10)")
    show.add_argument("--seed", type=int, default=0)
    check = commands.add_parser("check", help="measure a model against the gate")
    check.add_argument("--model", type=Path, default=None, help="a folder (default: the shipped weights)")
    check.add_argument("--json", type=Path, default=None, help="also write the figures to this file")
    pretrain = commands.add_parser("pretrain", help="build tokenizer and model again from the seed")
    pretrain.add_argument("--out", type=Path, required=True, help="folder to write; a stopped run goes on from there")
    pretrain.add_argument("--seed", type=int, default=0)
    pretrain.add_argument("--steps", type=int, default=None, help="optimiser steps (default: as shipped)")
    pretrain.add_argument(
        "--compile", action="store_true", help="fuse the layers with torch.compile: faster, needs a C++ compiler"
    )
    options = parser.parse_args(argv)
    if options.command == "show":
        return _show(options.language, options.num, options.seed)
    if options.command == "check":
        return _check(options.model, options.json)
    return _pretrain(options.out, options.seed, options.steps, options.compile)


def _show(code: str, num: int, seed: int) -> int:
    from mslt_it.world.generator import state
    from mslt_it.world.inference import sample_pair
    from mslt_it.world.languages import grammar

    if num < 1:
        raise Problem(f"--num {num}: give 1 or more.")
    language = grammar(code)
    rng = random.Random(seed)
    for _ in range(num):
        pair = sample_pair(rng)
        question = language.ask(language.question(pair.hypothesis))
        print(f"{pair.label:<14}{state(language, pair.premise)}")
        print(f"{'':<14}{state(language, pair.hypothesis)}   {question}")
    return 0


def _check(model_dir: Path | None, out: Path | None) -> int:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from mslt_it.world.gate import MIN_QUESTION_ACCURACY, check
    from mslt_it.world.mini_model import weights_dir

    folder = model_dir or weights_dir()
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
        out.write_text(json.dumps(result.__dict__, indent=2) + "\n", encoding="utf-8")
    return 1 if result.failures() else 0


def _pretrain(out: Path, seed: int, steps: int | None, compile_model: bool) -> int:
    import dataclasses

    from mslt_it.recipe_files import share_dir
    from mslt_it.world.mini_tokenizer import prompt_texts
    from mslt_it.world.pretrain import PretrainConfig, pretrain

    config = PretrainConfig(seed=seed)
    if steps is not None:
        config = dataclasses.replace(config, num_steps=steps)
    words = prompt_texts(share_dir("eval") / "prompts" / "xnli")
    manifest = pretrain(config, out, words, compile_model=compile_model)
    print(f"{out}: loss {manifest['final_loss']}. Next: mslt world check --model {out}")
    return 0
