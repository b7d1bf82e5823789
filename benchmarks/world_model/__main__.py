"""The embedded world's model: measured against what it must know, or built again from its seed.

python benchmarks/world_model check [--model DIR] [--json benchmarks/results/world_gate.json]
python benchmarks/world_model pretrain --out DIR [--seed 0]      # hours; a stopped run goes on from DIR
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from gate import MIN_QUESTION_ACCURACY, check
from mini_tokenizer import prompt_texts
from pretrain import PretrainConfig, pretrain
from transformers import AutoModelForCausalLM, AutoTokenizer

from mslt_it.world.mini_model import weights_dir

PROMPTS = Path(__file__).resolve().parents[2] / "eval" / "prompts" / "xnli"


def main() -> int:
    """0 = done, 1 = the model does not know enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    checked = commands.add_parser("check", help="measure a model against the gate")
    checked.add_argument("--model", type=Path, help="a folder (default: the shipped weights)")
    checked.add_argument("--json", type=Path, help="also write the figures to this file")
    built = commands.add_parser("pretrain", help="build tokenizer and model again from the seed")
    built.add_argument("--out", type=Path, required=True, help="folder to write; a stopped run goes on from there")
    built.add_argument("--seed", type=int, default=0)
    built.add_argument("--compile", action="store_true", help="fuse the layers: faster, needs a C++ compiler")
    built.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU if there is one")
    built.add_argument("--workers", type=int, default=0, help="processes that make the text; a GPU wants all cores")
    options = parser.parse_args()
    if options.command == "check":
        return _check(options.model or weights_dir(), options.json)
    config = PretrainConfig(seed=options.seed)
    manifest = pretrain(config, options.out, prompt_texts(PROMPTS), options.device, options.compile, options.workers)
    print(f"{options.out}: loss {manifest['final_loss']}. Next: check --model {options.out}")
    return 0


def _check(folder: Path, out: Path | None) -> int:
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
        out.write_text(json.dumps(dataclasses.asdict(result), indent=2) + "\n", encoding="utf-8")
    return 1 if result.failures() else 0


if __name__ == "__main__":
    sys.exit(main())
