"""A training step of ours beside TRL's, on the same rows in the same order with the same adapter; a process for each.

    python benchmarks/train_speed.py --shape mini                    # seconds on a CPU
    python benchmarks/train_speed.py --shape head262k --json benchmarks/results/train_speed.json
    python benchmarks/train_speed.py --shape qwen-0.6b --length 512  # a GPU, where there is one

The shapes are those of real models, with random weights (bfloat16 values, so that every variant begins from the same
ones); ``--model`` takes real weights, by anything that model.path takes. LoRA of rank 16 on all linear layers, B drawn
too, so that every gradient counts. 16 rows a step: of the lengths of XNLI's, a prompt of about 100 tokens and an answer
of 2 to 4, or all of ``--length`` tokens, half of them answer. The order is ours, in which rows of a length stand
together; what TRL's own, by chance, would pad is printed too.

    ours            as `mslt train` does it, on a GPU with training.cuda_graphs=true
    ours_launched   the same without: kernel by kernel; on a CPU it is no other than ours
    ours_float32    as ours with model.dtype=float32; on a CPU it is no other than ours
    trl             SFTTrainer by its defaults: float32 weights, bfloat16 arithmetic, gradient checkpointing
    trl_bf16        the same with bfloat16 weights
    trl_head        as trl, on a CPU with the head at supervised places alone, as TRL has it with Triton
    trl_best        the same without checkpointing, in the dtype of ours; Liger's layers on a GPU where it is installed
    trl_float32     float32 throughout, with checkpointing: what losses and gradients of the others are compared with

Printed for each: milliseconds of a step by the clock and of the processor (the median), tokens per second, peak memory,
billions of floating point operations per step and their share of what a large matrix product reaches here, operations
(on a GPU each is a launch), those that wait for the device, seconds from imported packages to the end of the first
step, and relative errors: of the loss, the mean of all steps, of the first step's clipped gradients as one vector, and
of the way that the adapter has gone after all steps, also of recorded steps from launched ones.
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import json
import multiprocessing
import os
import platform
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trl.trainer.utils
from datasets import Dataset
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma3TextConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
    TrainerCallback,
)
from trl import SFTConfig, SFTTrainer

from mslt_it.config.recipe import AdapterConfig, ModelConfig, Recipe, TrainingConfig
from mslt_it.models.base_model import add_adapter, load_base
from mslt_it.models.environment import resolve_dtype
from mslt_it.models.packaged import with_reachable_base
from mslt_it.models.quantization import keep_as_packed, quantization_config
from mslt_it.records import EncodedExample
from mslt_it.training.batches import LengthGroupedOrder
from mslt_it.training.sft import train

NUM_ROWS, BATCH = 1600, 16  # of the data, of which the first steps are run; of a step
WARMUP = 3  # steps before the timed ones
VARIANTS = ("ours_launched", "ours", "ours_float32", "trl", "trl_bf16", "trl_head", "trl_best", "trl_float32")
OWN_DTYPE = ("ours", "ours_launched", "trl_best")  # that model.dtype=auto gives


def qwen(vocabulary: int, width: int, inner: int, layers: int, heads: int, key_heads: int, head: int) -> Any:
    return Qwen3Config(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=key_heads, head_dim=head, tie_word_embeddings=width < 4096,
    )  # fmt: skip


SHAPES: dict[str, Any] = {
    "mini": lambda: LlamaConfig(
        vocab_size=4685, hidden_size=128, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4,
        tie_word_embeddings=True,
    ),
    "head16k": lambda: qwen(16_384, 256, 768, 6, 4, 4, 64),
    "head150k": lambda: qwen(151_936, 256, 768, 6, 4, 4, 64),
    "head262k": lambda: qwen(262_144, 256, 768, 6, 4, 4, 64),
    "gemma-270m": lambda: Gemma3TextConfig(
        vocab_size=262_144, hidden_size=640, intermediate_size=2048, num_hidden_layers=18, num_attention_heads=4,
        num_key_value_heads=1, head_dim=256,
    ),
    "qwen-0.6b": lambda: qwen(151_936, 1024, 3072, 28, 16, 8, 128),
    "qwen-1.7b": lambda: qwen(151_936, 2048, 6144, 28, 16, 8, 128),
    "qwen-8b": lambda: qwen(151_936, 4096, 12_288, 36, 32, 8, 128),
    "bloom-7b": lambda: BloomConfig(vocab_size=250_880, hidden_size=4096, n_layer=30, n_head=32),
}  # fmt: skip


def random_model(shape: str, dtype: str, nf4: bool = False) -> Any:
    """Random weights of a shape, the same in every process: bfloat16 values, in what model.dtype gives or four bits."""
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    with place:
        model = AutoModelForCausalLM.from_config(SHAPES[shape](), dtype=torch.bfloat16)
    own = resolve_dtype(dtype, place)
    if nf4:
        model = type(model).from_pretrained(
            None, config=model.config, state_dict=model.state_dict(), dtype=own, device_map={"": str(place)},
            quantization_config=quantization_config("nf4", own),
        )  # fmt: skip
        keep_as_packed(model)
    return (model if nf4 else model.to(own)).requires_grad_(False)


def make_rows(number: int, vocabulary: int, length: int) -> list[tuple[list[int], int]]:
    """(token ids, how many of them are the answer), of lengths like XNLI's or all of ``length``."""
    draw, rows = random.Random(0), []
    for _ in range(number):
        prompt, answer = round(min(200, max(40, draw.gauss(100, 25)))), draw.randint(2, 4)
        prompt, answer = (length - length // 2, length // 2) if length else (prompt, answer)
        rows.append(([draw.randrange(3, vocabulary) for _ in range(prompt + answer)], answer))
    return rows


def product_flops(*shapes: Any, out_shape: Any = None, **options: Any) -> int:
    """Of a matrix product with or without something added, of one with ``out_dtype``, too: torch has none for that."""
    left, right = [shape for shape in shapes if isinstance(shape, torch.Size) and len(shape) == 2][-2:]
    return 2 * left[0] * left[1] * right[1]


class Operations(TorchDispatchMode):
    """Counts what is done to tensors, views left out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: collections.Counter[str] = collections.Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        is_view = any(a.alias_info and not a.alias_info.is_write for a in func._schema.arguments)
        if not is_view and func.namespace != "profiler":
            self.found[func._schema.name] += 1
        return func(*args, **(kwargs or {}))


class Watch(TrainerCallback):
    """The clock, the counts of one step and the gradients of the first."""

    def __init__(self, model: Any, last: int, started: float) -> None:
        self.last, self.started, self.found = last, started, dict[str, float]()
        self.clocks: list[tuple[float, float]] = []
        self.begun = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
        own = dict.fromkeys((torch.ops.aten.mm, torch.ops.aten.addmm), product_flops)
        self.operations, self.flops = Operations(), FlopCounterMode(display=False, custom_mapping=own)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.last:
            self.flops.__enter__()
            self.operations.__enter__()

    def on_step_end(
        self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **kwargs: Any
    ) -> None:
        step = state.global_step
        if step == 1:
            self.found["seconds_to_first_step"] = time.time() - self.started
            trained = dict(model.named_parameters())  # AdamW's mean of one gradient is a tenth of it
            means = {n: optimizer.state[trained[n]]["exp_avg"].detach() for n in self.begun}
            self.gradient = {n: mean.float().cpu().clone() for n, mean in means.items()}  # it goes on in place
        if step == self.last + 1:
            self.operations.__exit__(None, None, None)
            self.flops.__exit__(None, None, None)
        if WARMUP <= step <= self.last:  # the median: where ours meets a new length it records the step
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.clocks.append((time.perf_counter(), time.process_time()))
        if step == self.last:
            clock, processor = (statistics.median(np.diff(times)) for times in zip(*self.clocks, strict=True))
            self.found |= {"ms": 1e3 * float(clock), "processor_ms": 1e3 * float(processor)}

    def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        now = {name.removeprefix("module."): p.detach().float() for name, p in model.named_parameters()}
        self.moved = {name: (now[name] - one.float()).cpu() for name, one in self.begun.items()}

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            self.found["loss"] = logs["loss"]


def run_variant(variant: str, options: argparse.Namespace, folder: Path, started: float) -> None:
    """In a process of its own: trains, and leaves figures and gradients in ``folder``."""
    last = WARMUP + options.steps  # of the timed steps; the work of the one after it is counted
    is_gpu, is_ours = torch.cuda.is_available(), variant.startswith("ours")
    dtype = {"trl_bf16": "bfloat16"}.get(variant, "auto" if variant in OWN_DTYPE else "float32")
    recipe = Recipe(
        name=variant, sources=("en",), targets=(), seed=0,
        model=ModelConfig(path=options.model or options.shape, dtype=dtype),
        adapter=AdapterConfig(rank=16, alpha=32, quantization="nf4" if options.nf4 else "none"),
        training=TrainingConfig(
            learning_rate=2e-4, max_steps=last + 1, batch_size=BATCH, lr_scheduler="constant", warmup_steps=0,
            logging_steps=last + 1, save_steps=10**6, report_to=(),
            cuda_graphs=variant != "ours_launched",
        ),
    )  # fmt: skip
    if options.model:
        recipe = with_reachable_base(recipe)
        base = load_base(recipe.model, recipe.adapter)
    else:
        base = random_model(options.shape, dtype, options.nf4)
    model = add_adapter(base, recipe.adapter, 0)
    drawn = torch.Generator().manual_seed(0)
    for name, parameter in sorted(model.named_parameters()):
        if "lora_B" in name:
            parameter.data.copy_(torch.randn(parameter.shape, generator=drawn) * 0.02)
    rows = make_rows(NUM_ROWS, base.config.get_text_config().vocab_size, options.length)
    lengths = [len(ids) for ids, _ in rows]
    order = list(LengthGroupedOrder(lengths, BATCH, recipe.seed, lambda: 0))
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="<unk>")),
        pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
    )  # fmt: skip
    watch = Watch(model, last, started)
    if is_ours:
        encoded = [
            EncodedExample(str(i), "en", tuple(ids), (*[-100] * (len(ids) - answer), *ids[len(ids) - answer :]))
            for i, (ids, answer) in enumerate(rows)
        ]
        train(recipe, encoded, model, tokenizer, folder / variant, callbacks=[watch])
    else:
        train_stock(variant, recipe, [rows[i] for i in order], model, tokenizer, folder / variant, watch)
    timed = [lengths[i] for i in order[BATCH * WARMUP : BATCH * last]]
    longest = [max(lengths[i] for i in order[k : k + BATCH]) for k in range(0, BATCH * (last + 1), BATCH)]
    padded = [BATCH * length for length in longest]
    share = sum(padded[WARMUP:last]) / options.steps / padded[last]  # of the step whose work was counted
    by_chance = [BATCH * max(lengths[k : k + BATCH]) for k in range(0, len(lengths), BATCH)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if is_gpu:
        memory = torch.cuda.max_memory_allocated()
    flops = share * watch.flops.get_total_flops()
    operations = watch.operations.found
    found = watch.found | {
        "tokens_per_second": sum(timed) / options.steps / watch.found["ms"] * 1e3,
        "padding": 1 - sum(timed) / sum(padded[WARMUP:last]),
        "padding_by_chance": 1 - sum(lengths) / sum(by_chance),
        "gigabytes": memory / 1e9,
        "gigaflops": flops / 1e9,
        "matrix_gigaflops_per_second": matrix_rate(is_gpu) / 1e9,
        "operations": sum(operations.values()),
        "waits": operations["aten::_local_scalar_dense"] + operations["aten::nonzero"],
    }
    (folder / f"{variant}.json").write_text(json.dumps(found))
    save_file(watch.gradient, folder / f"{variant}.gradient")
    save_file(watch.moved, folder / f"{variant}.moved")


def train_stock(variant: str, recipe: Any, rows: Any, model: Any, tokenizer: Any, folder: Path, watch: Watch) -> None:
    """SFTTrainer with as few words as it needs, on rows that are in order."""
    is_gpu, settings = torch.cuda.is_available(), recipe.training
    own: dict[str, Any] = {"bf16": False} if variant == "trl_float32" else {}
    if variant == "trl_best":
        own = {"bf16": is_gpu, "gradient_checkpointing": False}
        if is_gpu and importlib.util.find_spec("liger_kernel"):
            own["use_liger_kernel"] = True
    if variant in ("trl_head", "trl_best"):
        trl.trainer.utils._use_triton = lambda device: True  # its kernels ask elsewhere: they stay those of a CPU
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(folder), per_device_train_batch_size=BATCH, max_steps=settings.max_steps, max_length=None,
            learning_rate=settings.learning_rate, lr_scheduler_type="constant", weight_decay=settings.weight_decay,
            logging_steps=settings.logging_steps, save_strategy="no", report_to="none", disable_tqdm=True,
            use_cpu=not is_gpu, train_sampling_strategy="sequential", **own,
        ),
        train_dataset=Dataset.from_dict(
            {
                "input_ids": [ids for ids, _ in rows],
                "labels": [[-100] * (len(ids) - answer) + ids[len(ids) - answer :] for ids, answer in rows],
            }
        ),
        processing_class=tokenizer,
        callbacks=[watch],
    )  # fmt: skip
    trainer.train()


def matrix_rate(is_gpu: bool) -> float:
    """Floating point operations per second of a large product in the dtype of ours, the best of five."""
    size, best = 8192 if is_gpu else 1024, 0.0
    dtype, device = (torch.bfloat16, "cuda") if is_gpu else (torch.float32, "cpu")
    a = torch.randn(size, size, dtype=dtype, device=device)
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        if is_gpu:
            torch.cuda.synchronize()
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def relative_error(folder: Path, variant: str, reference: str, what: str) -> float:
    """Of the first step's gradients, or of the adapter's way, all tensors as one vector."""
    ours, theirs = (load_file(folder / f"{name}.{what}") for name in (variant, reference))
    off = sum(float((ours[name].double() - theirs[name].double()).square().sum()) for name in theirs)
    return (off / sum(float(one.double().square().sum()) for one in theirs.values())) ** 0.5


def apart(server: Any, folder: Path, name: str, work: Callable[..., None], *given: Any) -> None:
    """``work`` in a process of its own, begun by one that has imported everything and knows of no device."""
    process = server.Process(target=_said_to, args=(folder / f"{name}.log", work, *given))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{name} failed:\n{(folder / f'{name}.log').read_text()[-4000:]}")


def _said_to(log: Path, work: Callable[..., None], *given: Any) -> None:
    with log.open("w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    work(*given)


def write_machine(file: Path) -> None:
    is_gpu, cpu = torch.cuda.is_available(), f"{platform.machine()}, {torch.get_num_threads()} threads"
    file.write_text(json.dumps({"device": torch.cuda.get_device_name() if is_gpu else cpu, "is_gpu": is_gpu}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="mini")
    parser.add_argument("--model", default="", help="real weights in place of a shape: model.path of a recipe")
    parser.add_argument("--length", type=int, default=0, help="tokens of every row; 0: the lengths of XNLI's")
    parser.add_argument("--steps", type=int, default=10, help="timed, after three")
    parser.add_argument("--nf4", action="store_true", help="QLoRA: the base in four bits")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, help="the reference is added")
    parser.add_argument("--reference", choices=VARIANTS, default="trl_float32", help="for losses and gradients")
    parser.add_argument("--json", type=Path, help="a file with a list of results that this one is added to")
    options = parser.parse_args()
    # bitsandbytes asks for the device when it is imported: then a process that has imported it cannot be forked.
    server = multiprocessing.get_context("spawn" if importlib.util.find_spec("bitsandbytes") else "forkserver")
    server.set_forkserver_preload(["trl", "mslt_it.training.sft", "mslt_it.models.packaged"])
    reference, known = options.reference, []
    if options.json and options.json.is_file():
        known = json.loads(options.json.read_text())
    with tempfile.TemporaryDirectory() as name:
        folder, found = Path(name), {}
        apart(server, folder, "machine", write_machine, folder / "machine.json")
        machine = json.loads((folder / "machine.json").read_text())
        is_gpu = machine.pop("is_gpu")
        machine |= {name: version(name) for name in ("torch", "transformers", "trl", "peft")}
        print(*(f"{name} {value}" for name, value in machine.items()), sep=", ", flush=True)
        of_a_gpu = ("ours_launched", "ours_float32", "trl_bf16")
        chosen = options.variants or [v for v in VARIANTS if is_gpu or v not in of_a_gpu]
        for variant in sorted({*chosen, reference}, key=lambda v: (v != reference, VARIANTS.index(v))):
            apart(server, folder, variant, run_variant, variant, options, folder, time.time())
            one = found[variant] = json.loads((folder / f"{variant}.json").read_text())
            one["loss_error"] = abs(one["loss"] / found[reference]["loss"] - 1)
            for what in ("gradient", "moved"):
                one[f"{what}_error"] = relative_error(folder, variant, reference, what)
            if variant == "ours" and "ours_launched" in found:
                one["moved_from_launched"] = relative_error(folder, variant, "ours_launched", "moved")
            counted = found.get("ours_launched", {}) if is_gpu and variant == "ours" else one  # a replay is not counted
            one["gigaflops"] = counted.get("gigaflops", float("nan"))
            one["share_of_matrix_rate"] = one["gigaflops"] / (one["ms"] / 1e3) / one["matrix_gigaflops_per_second"]
            print(f"{variant}: {one['ms']:.1f} ms", file=sys.stderr, flush=True)
            if options.json:  # after each, for what is cut off
                about = {"shape": options.model or options.shape, "length": options.length, "nf4": options.nf4}
                now = {"machine": machine, "date": time.strftime("%Y-%m-%d"), **about, "variants": found}
                options.json.write_text(json.dumps([*known, now], indent=1) + "\n")
    padded, chance = (100 * found[reference][name] for name in ("padding", "padding_by_chance"))
    what = f"{options.model or options.shape}, {BATCH} rows of {options.length or 'about 100'} tokens a step"
    print(f"{what}; padding {padded:.1f} %, by chance {chance:.1f} %")
    heads = ("ms", "to ours", "CPU ms", "tokens/s", "GB", "GFLOP", "share", "operations", "waits", "first step")
    print(f"{'':13}", *(f"{head:>11}" for head in (*heads, "loss", "gradient", "moved")), sep="")
    for variant in (name for name in VARIANTS if name in found):
        one = found[variant]
        ratio = one["ms"] / found["ours"]["ms"] if "ours" in found else float("nan")
        cells = (
            *(f"{one['ms']:.1f}", f"{ratio:.2f}x", f"{one['processor_ms']:.0f}", f"{one['tokens_per_second']:.0f}"),
            *(f"{one['gigabytes']:.2f}", f"{one['gigaflops']:.1f}", f"{100 * one['share_of_matrix_rate']:.1f} %"),
            *(one["operations"], one["waits"], f"{one['seconds_to_first_step']:.1f} s"),
            *(f"{one[f'{what}_error']:.0e}" for what in ("loss", "gradient", "moved")),
        )
        print(f"{variant:13}", *(f"{cell:>11}" for cell in cells), sep="")
    if "moved_from_launched" in found.get("ours", {}):
        print(f"recorded against launched, after all steps: {found['ours']['moved_from_launched']:.0e} of the way")


if __name__ == "__main__":
    main()
