"""Chains of very different lengths: our slots beside transformers' ``generate`` in batches, on the same prompts.

    python benchmarks/writing_speed.py                                    # the embedded model and one larger
    python benchmarks/writing_speed.py --device cuda --models gemma-270m  # random weights of Gemma 3 270M's shape

Prompts of 20 to 60 tokens; lengths of the answers are drawn from a log-normal distribution (a few are ten times the
median), known to nobody beforehand: each row ends at its own. ``generate`` goes on until the last row of a batch is
done. Each side runs at the best of the same batch sizes, found first, then by turns; on the processor its seconds are
counted, on a GPU those of the clock. In float32 on the CPU all tokens must be equal; else the share of equal answers is
told.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from train_speed import SHAPES, random_model
from transformers import LlamaForCausalLM
from transformers.utils import logging

from mslt_it.evaluation.generation import Prompt, TextGenerator
from mslt_it.world.mini_model import weights_dir

RESULTS = Path(__file__).parent / "results" / "writing_speed.json"
NO_END = -1  # rows end by their own lengths


def made_prompts(number: int, longest: int, vocabulary: int) -> list[Prompt]:
    draw = random.Random(0)
    lengths = [min(longest, max(4, round(longest / 8 * draw.lognormvariate(0, 0.9)))) for _ in range(number)]
    lengths[draw.randrange(number)] = longest
    return [
        Prompt(tuple(draw.randrange(5, vocabulary) for _ in range(draw.randint(20, 60))), length) for length in lengths
    ]


def by_generate(model: Any, prompts: Sequence[Prompt], size: int) -> list[list[int]]:
    found = []
    for start in range(0, len(prompts), size):
        part = prompts[start : start + size]
        width = max(len(prompt.ids) for prompt in part)
        ids, mask = torch.zeros(len(part), width, dtype=torch.long), torch.zeros(len(part), width, dtype=torch.long)
        for row, prompt in enumerate(part):
            ids[row, width - len(prompt.ids) :], mask[row, width - len(prompt.ids) :] = torch.tensor(prompt.ids), 1
        with torch.inference_mode():
            new = model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=max(prompt.max_new_tokens for prompt in part),
                do_sample=False,
                eos_token_id=None,
                pad_token_id=0,
            )[:, width:].tolist()
        found += [tokens[: prompt.max_new_tokens] for tokens, prompt in zip(new, part, strict=True)]
    return found


def by_slots(model: Any, prompts: Sequence[Prompt], size: int) -> list[list[int]]:
    room = max(len(p.ids) for p in prompts) + max(p.max_new_tokens for p in prompts)
    writer = TextGenerator(
        model, prompts, end_id=NO_END, pad_id=0, batch_tokens=size * room, decode=lambda ids: " ".join(map(str, ids))
    )
    found: dict[int, list[int]] = {}
    for batch in writer.batches:
        answers = [answer.text or "" for answer in writer.generate(batch)]
        found |= dict(zip(batch, ([int(word) for word in text.split()] for text in answers), strict=True))
    return [found[i] for i in range(len(prompts))]


def seconds(write: Any, model: Any, prompts: Sequence[Prompt], size: int) -> tuple[float, list[list[int]]]:
    is_gpu = model.device.type == "cuda"
    clock = time.perf_counter if is_gpu else time.process_time
    started = clock()
    found = write(model, prompts, size)  # its tokens are on this side: nothing is left to wait for
    return clock() - started, found


def compare(model: Any, prompts: Sequence[Prompt], sizes: Sequence[int], runs: int) -> dict[str, Any]:
    sides = {"generate": by_generate, "slots": by_slots}
    for write in sides.values():
        seconds(write, model, [Prompt(prompt.ids, 4) for prompt in prompts[:4]], 4)  # trials of the model, libraries
    best = dict.fromkeys(sides, sizes[0])
    if len(sizes) > 1:
        for name, write in sides.items():
            times = {size: seconds(write, model, prompts, size)[0] for size in sizes}
            best[name] = min(sizes, key=times.__getitem__)
    ratios, equal = [], 0.0
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(runs):
        answers = {}
        for name, write in sides.items():
            spent, answers[name] = seconds(write, model, prompts, best[name])
            taken[name].append(spent)
        equal = statistics.mean(a == b for a, b in zip(answers["generate"], answers["slots"], strict=True))
        is_exact = model.dtype == torch.float32 and model.device.type == "cpu"
        assert equal == 1.0 or not is_exact, f"in float32 {equal:.0%} of the answers are equal"
        ratios.append(taken["generate"][-1] / taken["slots"][-1])
    tokens = sum(prompt.max_new_tokens for prompt in prompts)
    return {
        "chains": len(prompts),
        "new_tokens": tokens,
        "longest": max(prompt.max_new_tokens for prompt in prompts),
        "dtype": str(model.dtype).removeprefix("torch."),
        "best_size": best,
        "seconds": {name: round(statistics.median(spent), 2) for name, spent in taken.items()},
        "tokens_per_second": {name: round(tokens / statistics.median(spent)) for name, spent in taken.items()},
        "ratio": round(statistics.median(ratios), 2),
        "ratio_smallest": round(min(ratios), 2),
        "equal_answers": equal,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["embedded", "head16k"], choices=["embedded", *SHAPES])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--dtype", nargs="+", default=["float32"], choices=["float32", "bfloat16"])
    parser.add_argument("--chains", type=int, default=64)
    parser.add_argument("--longest", type=int, default=400, help="tokens of the longest answer")
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 16, 32, 64], help="rows at once")
    parser.add_argument("--runs", type=int, default=3, help="paired runs")
    parser.add_argument("--output", type=Path, default=RESULTS, help="JSON file to write")
    options = parser.parse_args()
    logging.set_verbosity_error()
    device = (
        torch.cuda.get_device_name()
        if options.device == "cuda"
        else f"{os.cpu_count()} cores, {torch.get_num_threads()} of them used"
    )
    machine = {"device": device, "processor": platform.machine(), "python": platform.python_version()}
    machine |= {name: version(name) for name in ("torch", "transformers")}
    found: dict[str, Any] = {"machine": machine, "runs": options.runs, "models": {}}
    print(json.dumps(machine))
    for name in options.models:
        for dtype in options.dtype:
            if name == "embedded":
                model = LlamaForCausalLM.from_pretrained(weights_dir(), dtype=dtype)
            else:
                model = random_model(name, dtype)
            model = model.to(options.device).eval()
            model.generation_config.max_length = None
            prompts = made_prompts(options.chains, options.longest, min(4000, model.config.vocab_size))
            figures = compare(model, prompts, options.sizes, options.runs)
            found["models"][f"{name}, {dtype}"] = figures
            print(f"{name}: {json.dumps(figures)}", flush=True)
    options.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"written: {options.output}")


if __name__ == "__main__":
    main()
