"""`mslt eval` beside stock lm-eval on the benchmarks' own rows: the same answers, item by item.

    python benchmarks/agreement.py --data ../shared/data          # writes benchmarks/results/agreement.txt

Labels of XNLI, PAWS-X, XCOPA and XWinograd by log-likelihood, and MGSM with a chain of thought in its own language, for
the embedded model and for a two-layer Llama with random weights. Every task is scored by the command `mslt eval`, by
`accelerate launch eval/run.py`, and by lm-eval's own Hugging Face model on the very rows and prompts, written as task
files. Prompts that leave no room for a whole answer are told apart: there lm-eval cuts the beginning of the prompt,
`mslt eval` the end of the answer. No row goes anywhere but into temporary folders. The models know nothing of these
benchmarks: what is compared is the machinery.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import datasets
import torch
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import AutoConfig, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from mslt_it.config.compose import load_recipe
from mslt_it.integrations.lm_eval_tasks import write_scored_set
from mslt_it.world.mini_model import weights_dir

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "agreement.txt"
LIMIT = 32  # tokens of a chain
TASKS = {  # task -> (languages, variant, keys of the recipe)
    "xnli": (("de", "sw", "zh"), "direct", ["task.score_split=dev"]),
    "pawsx": (("de", "zh"), "direct", ["task.score_split=dev"]),
    "xcopa": (("et", "th", "tr"), "direct", ["task.score_split=val"]),
    "xwinograd": (("fr", "ru", "zh"), "direct", []),
    "mgsm": (("de", "sw", "th"), "cot_native", []),
}


def two_layers(folder: Path) -> Path:
    """A random Llama with the embedded model's tokenizer; wide enough that its scores differ."""
    tokenizer = AutoTokenizer.from_pretrained(weights_dir())
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.1,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def ours(command: list[str], model: Path, task: str, data: Path, num: int, out: Path) -> dict[str, dict[str, Any]]:
    """Language -> item -> what was answered."""
    languages, variant, more = TASKS[task]
    arguments = [f"model={model}", f"task={task}", f"task.data={data}", f"languages=[{','.join(languages)}]", *more]
    arguments += [f"variant={variant}", f"examples={num}", "cache=none", f"out={out}"]
    arguments += [f"max_new_tokens={LIMIT}"] * (variant != "direct")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, *arguments], check=True, capture_output=True, env=environment)
    found: dict[str, dict[str, Any]] = {}
    for path in (out / "items").rglob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[1:-1]]
        found[path.stem] = {row["id"]: row for row in rows}
    return found


def stock(model: Path, task: str, data: Path, num: int, folder: Path) -> dict[str, dict[str, Any]]:
    """The same from lm-eval."""
    languages, variant, more = TASKS[task]
    overrides = [f"task.data={data}", "task.held_out_share=1", f"scoring.num_examples_per_language={num}", *more]
    recipe = load_recipe(f"{task}_3src", [*overrides, f"prompt.variant={variant}", f"scoring.max_chain_tokens={LIMIT}"])
    for code in languages:
        write_scored_set(recipe, code, folder)
    results = simple_evaluate(
        model=HFLM(pretrained=str(model), device="cpu", dtype="float32", batch_size=8),
        tasks=[f"mslt_{task}_{code}" for code in languages],
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        apply_chat_template=True,
        bootstrap_iters=0,
    )
    assert results is not None
    found: dict[str, dict[str, Any]] = {}
    for code in languages:
        found[code] = {}
        for sample in results["samples"][f"mslt_{task}_{code}"]:
            answers = [answer[0] for answer in sample["resps"]]
            is_text = isinstance(answers[0], str)
            value = answers[0].strip() if is_text else [float(answer[0]) for answer in answers]
            found[code][sample["doc"]["id"]] = value
    return found


def compare(
    found: dict[str, dict[str, Any]], wanted: dict[str, dict[str, Any]], longest: int
) -> tuple[int, int, int, float]:
    """(items, those too long for both to ask the same, items with the same answer, largest difference in nats)."""
    assert {c: set(rows) for c, rows in found.items()} == {c: set(rows) for c, rows in wanted.items()}, "other items"
    items = long = same = 0
    largest = 0.0
    for code, rows in wanted.items():
        for item, value in rows.items():
            items += 1
            if isinstance(value, str):
                is_long = found[code][item]["num_prompt_tokens"] + LIMIT > longest
                long += is_long
                same += not is_long and found[code][item]["text"] == value
                continue
            own = found[code][item]["log_likelihoods"]
            largest = max(largest, *(abs(a - b) for a, b in zip(own, value, strict=True)))
            same += max(range(len(own)), key=own.__getitem__) == max(range(len(value)), key=value.__getitem__)
    return items, long, same, largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with xnli/, pawsx/, xcopa/, ...")
    parser.add_argument("--items", type=int, default=40, help="per language")
    options = parser.parse_args()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    commands = {
        "mslt eval": [sys.executable, "-m", "mslt_it.cli", "eval"],
        "accelerate launch": [
            *(sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1"),
            str(ROOT / "eval" / "run.py"),
        ],
    }
    lines = [
        f"{'model':<12} {'task':<10} {'command':<18} {'items':>6} {'too long':>9} {'same':>6} {'largest |dLL|':>14}"
    ]
    with tempfile.TemporaryDirectory() as folder:
        models = {"embedded": weights_dir(), "two layers": two_layers(Path(folder) / "llama")}
        for name, model in models.items():
            for task in TASKS:
                place = Path(folder) / name / task
                wanted = stock(model, task, (options.data / task).resolve(), options.items, place / "tasks")
                for label, command in commands.items():
                    out = place / label.split()[0]
                    found = ours(command, model, task, (options.data / task).resolve(), options.items, out)
                    longest = AutoConfig.from_pretrained(model).max_position_embeddings
                    items, long, same, largest = compare(found, wanted, longest)
                    shown = f"{largest:.1e}" if TASKS[task][1] == "direct" else "texts"
                    lines.append(f"{name:<12} {task:<10} {label:<18} {items:>6} {long:>9} {same:>6} {shown:>14}")
                    print(lines[-1], flush=True)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
