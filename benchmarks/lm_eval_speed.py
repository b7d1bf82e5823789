"""lm-eval's log-likelihoods with our inner loop beside its own, on the same requests in the same process.

    python benchmarks/lm_eval_speed.py                 # writes benchmarks/results/lm_eval_speed.json

Two models: the embedded one, whose LM head is a large part of the work, and a deeper one with random weights, whose
head is 10 % as in models of 7B. Four kinds of work made of the embedded world's sentences: XNLI prompts with answers of
one token (the task that lm-eval reads from the rows written for a recipe, chat template and all); prompts of about 100
tokens with three sentences to choose from; the same where the first 60 tokens are two solved examples that all prompts
share; and short prompts with two sentences, of the lengths of XCOPA.

lm-eval runs at the best of several batch sizes, found first; ours with ``batch_size=auto``. What is timed is
``_loglikelihood_tokens``, from token ids to answers. Runs are paired (one of each, in turn), and the median of the
ratios is reported with the smallest and largest. The answers are compared each time.

On a GPU the models are of the shapes of Gemma 3 270M and Qwen3 8B, random, in bfloat16, and the work is that of labels
and that of XCOPA's lengths. What bfloat16 leaves of the agreement is printed: the largest difference of two
log-likelihoods, and the share of items of which both choose the same.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import datasets
import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from train_speed import random_model
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from mslt_it.config.compose import load_recipe
from mslt_it.data.build import build_scored_set
from mslt_it.evaluation.headers import group_by_header
from mslt_it.integrations.lm_eval import SharedPromptLM
from mslt_it.integrations.lm_eval_tasks import write_scored_set
from mslt_it.records import PromptedExample
from mslt_it.world.mini_model import weights_dir

IS_GPU = torch.cuda.is_available()
BATCH_SIZES = (32, 128, 512) if IS_GPU else (8, 16, 32, 64)
LANGUAGES = ("en", "tr", "ja", "sw")
HEADER_TOKENS = 60
GPU_SHAPES = ("gemma-270m", "qwen-8b")
RESULTS = Path(__file__).parent / "results" / "lm_eval_speed.json"


def deep_model(vocabulary: int) -> LlamaForCausalLM:
    """Nine layers of width 384, random: the head has 10 % of the weights that are multiplied."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=9,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=512,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


def head_share(model: Any) -> float:
    head = model.get_output_embeddings().weight.numel()
    body = sum(p.numel() for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name)
    return float(head / (head + body))


def label_pairs(lm: HFLM, recipe: Any, number: int) -> list[tuple[str, str]]:
    """Contexts and continuations as lm-eval itself makes them of the task files, with the model's chat template."""
    pairs: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for language in LANGUAGES:
            write_scored_set(recipe, language, Path(folder))
        names = [f"mslt_xnli_{language}" for language in LANGUAGES]
        tasks = TaskManager(include_path=folder, include_defaults=False).load(names)["tasks"]
        for task in tasks.values():
            task.build_all_requests(
                limit=number // len(LANGUAGES),
                apply_chat_template=True,
                chat_template=lm.apply_chat_template,
                tokenizer_name=lm.tokenizer_name,
            )
            pairs += [request.args for request in task.instances]
    return pairs


def sentence_pairs(
    recipe: Any, number: int, *, shots: int, choices: int, header: Sequence[PromptedExample] = ()
) -> list[tuple[str, str]]:
    """Solved items and a premise, each with the hypotheses of ``choices`` items to go on with.

    First come those of ``header``, the same everywhere, then ``shots`` others of the language.
    """
    pairs = []
    for language in LANGUAGES:
        items = build_scored_set(recipe, language)[: number // len(LANGUAGES)]
        texts = [item.messages[0].content for item in items]
        for k, text in enumerate(texts):
            solved = [*header, *(items[(k + j) % len(items)] for j in range(1, shots + 1))]
            lines = [f"{item.messages[0].content} {item.answer}" for item in solved] + [text.split("\n")[0]]
            others = [texts[(k + j) % len(items)].split("\n")[1] for j in range(choices)]
            pairs += [("\n".join(lines), "\n" + other) for other in others]
    return pairs


def works(stock: HFLM, recipe: Any, number: int) -> dict[str, list[tuple[str, str]]]:
    def distance(pair: tuple[PromptedExample, ...]) -> int:
        texts = [f"{item.messages[0].content} {item.answer}\n" for item in pair]
        return abs(len(stock.tok_encode("".join(texts))) - HEADER_TOKENS)

    header = min(pairwise(build_scored_set(recipe, "en")), key=distance)
    return {
        "labels": label_pairs(stock, recipe, number),
        "long prompt, three sentences": sentence_pairs(recipe, number, shots=3, choices=3),
        "shared header, three sentences": sentence_pairs(recipe, number, shots=1, choices=3, header=header),
        "short prompt, two sentences": sentence_pairs(recipe, number, shots=0, choices=2),
    }


def seconds(lm: Any, requests: Sequence[Any]) -> tuple[float, list[tuple[float, bool]]]:
    started = time.perf_counter()
    answers = lm._loglikelihood_tokens(list(requests), disable_tqdm=True)
    return time.perf_counter() - started, answers


def compare(ours: SharedPromptLM, stock: HFLM, pairs: Sequence[tuple[str, str]], runs: int) -> dict[str, Any]:
    requests = [(pair, *stock._encode_pair(*pair)) for pair in pairs]
    seconds(ours, requests[:12])  # the trials of the model, once per model
    found = {}
    for size in BATCH_SIZES:
        stock.batch_size_per_gpu = size
        try:
            found[size], _ = seconds(stock, requests)
        except torch.OutOfMemoryError:  # it makes the scores of all tokens
            torch.cuda.empty_cache()
    best = min(found, key=lambda size: found[size])
    stock.batch_size_per_gpu = best
    ratios, stock_times, our_times, largest, same = [], [], [], 0.0, []
    for _ in range(runs):
        stock_time, expected = seconds(stock, requests)
        our_time, answers = seconds(ours, requests)
        assert IS_GPU or [flag for _, flag in answers] == [flag for _, flag in expected], "greedy flags differ"
        for (a, _), (b, _) in zip(answers, expected, strict=True):
            assert IS_GPU or abs(a - b) <= max(1e-4, 1e-6 * abs(b)), f"{a} is not {b}"
            largest = max(largest, abs(a - b))
        same.append(
            statistics.mean(a == b for a, b in zip(chosen(pairs, answers), chosen(pairs, expected), strict=True))
        )
        ratios.append(stock_time / our_time)
        stock_times.append(stock_time)
        our_times.append(our_time)
    return {
        "requests": len(requests),
        "mean_context_tokens": round(statistics.mean(len(r[1]) for r in requests), 1),
        "header_tokens": max(length for length, _ in group_by_header([r[1] for r in requests])),
        "mean_answer_tokens": round(statistics.mean(len(r[2]) for r in requests), 1),
        "best_stock_batch_size": best,
        "stock_seconds": round(statistics.median(stock_times), 3),
        "our_seconds": round(statistics.median(our_times), 3),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_smallest": round(min(ratios), 2),
        "ratio_largest": round(max(ratios), 2),
        "largest_difference": largest,
        "same_choices": min(same),
    }


def chosen(pairs: Sequence[tuple[str, str]], answers: Sequence[tuple[float, bool]]) -> list[str]:
    """Of each item, whose requests stand together, what is likeliest to go on with."""
    items = itertools.groupby(zip(pairs, answers, strict=True), key=lambda one: one[0][0])
    return [max(requests, key=lambda one: one[1][0])[0][1] for _, requests in items]


def machine() -> dict[str, Any]:
    names = ("torch", "transformers", "lm_eval")
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    found: dict[str, Any] = {"device": torch.cuda.get_device_name()} if IS_GPU else {}
    found |= {"processor": model, "cores": os.cpu_count(), "threads": torch.get_num_threads()}
    return {**found, "python": platform.python_version(), **{name: version(name) for name in names}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="paired runs")
    parser.add_argument("--items", type=int, default=160, help="items per kind of work; a quarter for the deep model")
    parser.add_argument("--output", type=Path, default=RESULTS, help="JSON file to write")
    options = parser.parse_args()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    targets = ",".join(language for language in LANGUAGES if language != "en")
    recipe = load_recipe("xnli_3src", [f"targets=[{targets}]", f"scoring.num_examples_per_language={options.items}"])
    path = str(weights_dir())
    embedded = LlamaForCausalLM.from_pretrained(path, dtype=torch.float32)
    found: dict[str, Any] = {"machine": machine(), "runs": options.runs, "models": {}}
    print(json.dumps(found["machine"]))
    models: dict[str, Any] = {
        "embedded": lambda: (embedded, options.items),
        "deep": lambda: (deep_model(embedded.config.vocab_size), options.items // 4),
    }
    if IS_GPU:
        models = {shape: lambda shape=shape: (random_model(shape, "bfloat16"), options.items) for shape in GPU_SHAPES}
    device = "cuda" if IS_GPU else "cpu"
    for name, made in models.items():
        model, items = made()
        tokenizer = AutoTokenizer.from_pretrained(path)
        stock = HFLM(pretrained=model, tokenizer=tokenizer, device=device)
        ours = SharedPromptLM(pretrained=model, tokenizer=tokenizer, device=device, batch_size="auto")
        share = round(head_share(model), 2)
        found["models"][name] = {"head_share": share, "work": {}}
        for work, pairs in works(stock, recipe, items).items():
            if IS_GPU and work not in ("labels", "short prompt, two sentences"):
                continue
            figures = compare(ours, stock, pairs, options.runs)
            found["models"][name]["work"][work] = figures
            print(
                f"{name} (head {share:.0%}), {work}: {figures['ratio']}x "
                f"({figures['ratio_smallest']} to {figures['ratio_largest']}), "
                f"{figures['stock_seconds']} s -> {figures['our_seconds']} s, "
                f"largest difference {figures['largest_difference']:.1e}, same choice {figures['same_choices']:.1%}",
                flush=True,
            )
    options.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"written: {options.output}")


if __name__ == "__main__":
    main()
