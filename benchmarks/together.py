"""Adapters trained several at a time in one pass over their base (`executor=together`) beside the same one by one.

    python benchmarks/together.py                                    # the embedded model's shape on a CPU
    python benchmarks/together.py --shape gemma-270m --json FILE     # on a GPU, where there is one: under a minute

Random weights in the shapes of `train_speed.py`, LoRA of rank 16 on all linear layers, 16 rows of XNLI's lengths a
step, other rows for each adapter. One by one is `mslt train` as it is, and one adapter is measured for all. On a GPU
each is measured kernel by kernel (launched) and as it is, recorded (`training.cuda_graphs`). Printed for each, per step
of one adapter: milliseconds, the median; operations (on a GPU each is a launch; of the launched ones), those that wait
for the device; peak memory; and how far the first adapter came to lie from the one trained alone, over how far training
moved it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import resource
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models
from torch.utils._pytree import tree_leaves
from train_speed import BATCH, SHAPES, WARMUP, Operations, make_rows, random_model
from transformers import PreTrainedTokenizerFast, TrainerCallback

from mslt_it.config.recipe import AdapterConfig, Recipe, TrainingConfig
from mslt_it.models.base_model import add_adapter, read_adapter
from mslt_it.quiet import quiet_libraries
from mslt_it.records import EncodedExample
from mslt_it.training.sft import train
from mslt_it.training.together import Part, train_together


class OnDevice(Operations):
    """Of a GPU's operations alone, where there is one: rows are put together on the processor."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves = tree_leaves((args, kwargs or {}))
        if torch.cuda.is_available() and not any("cuda" in str(getattr(leaf, "device", leaf)) for leaf in leaves):
            return func(*args, **(kwargs or {}))
        return super().__torch_dispatch__(func, types, args, kwargs)


class Watch(TrainerCallback):
    """The clock at each step after the first `WARMUP`, and what is done in the one after ``last``."""

    def __init__(self, last: int) -> None:
        self.last, self.operations, self.clocks = last, OnDevice(), list[float]()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.last:
            self.operations.__enter__()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.last + 1:
            self.operations.__exit__(None, None, None)
        elif state.global_step >= WARMUP:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.clocks.append(time.perf_counter())

    def found(self, adapters: int) -> dict[str, float]:
        """Per step of one of so many adapters."""
        done, memory = self.operations.found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        if torch.cuda.is_available():
            memory = torch.cuda.max_memory_allocated()
        waits = done["aten::_local_scalar_dense"] + done["aten::nonzero"]
        return {
            "ms": 1e3 * float(np.median(np.diff(self.clocks))) / adapters,
            "operations": sum(done.values()) / adapters,
            "waits": waits / adapters,
            "gigabytes": memory / 1e9,
        }


def trained(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="mini")
    parser.add_argument("--cells", type=int, nargs="+", default=[8], help="adapters at a time")
    parser.add_argument("--steps", type=int, default=16, help="timed, after three")
    parser.add_argument("--json", type=Path, help="a file with a list of results that this one is added to")
    options = parser.parse_args()
    quiet_libraries()
    is_gpu, last, most = torch.cuda.is_available(), WARMUP + options.steps, max(options.cells)
    base: Any = random_model(options.shape, "auto")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>")),
        pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
    )  # fmt: skip
    training = TrainingConfig(
        learning_rate=2e-4, max_steps=last + 1, batch_size=BATCH, logging_steps=last + 1, save_steps=10**6, report_to=()
    )
    encoded = [
        EncodedExample(str(i), "en", tuple(ids), (*[-100] * (len(ids) - answer), *ids[len(ids) - answer :]))
        for i, (ids, answer) in enumerate(make_rows(most * 10 * BATCH, base.config.vocab_size, 0))
    ]
    adapter, found = AdapterConfig(rank=16, alpha=32), {}
    with tempfile.TemporaryDirectory() as name:
        for records in (False, True) if is_gpu else (True,):
            own = dataclasses.replace(training, cuda_graphs=records)
            recipes = [
                Recipe(name=f"cell{k}", sources=("en",), targets=(), seed=k, adapter=adapter, training=own)
                for k in range(most)
            ]
            how, alone, watch = "" if records else ", launched", Path(name) / f"alone{records}", Watch(last)
            model = add_adapter(base, adapter, 0)
            begun = {n.replace(".default", ""): p.detach().cpu().clone() for n, p in trained(model)}
            train(recipes[0], encoded[::most], model, tokenizer, alone, callbacks=[watch])
            base = model.unload().requires_grad_(False)
            found[f"one by one{how}"] = watch.found(1)
            theirs = read_adapter(alone / "adapter")
            for number in options.cells:
                watch, folder = Watch(last), Path(name) / f"{number}{records}"
                parts = [Part(recipes[k], encoded[k::most], folder / str(k)) for k in range(number)]
                base = train_together(parts, base, tokenizer, callbacks=[watch]).unload().requires_grad_(False)
                one = found[f"{number} together{how}"] = watch.found(number)
                ours = read_adapter(folder / "0" / "checkpoints" / f"checkpoint-{last + 1}")
                off, moved = (
                    sum(float((a[n].double() - b[n].double()).square().sum()) for n in theirs)
                    for a, b in ((ours, theirs), (theirs, begun))
                )
                one["off"] = (off / moved) ** 0.5
    machine = {
        "device": torch.cuda.get_device_name()
        if is_gpu
        else f"{platform.machine()}, threads: {torch.get_num_threads()}",
        **{name: version(name) for name in ("torch", "transformers", "peft")},
    }
    print(*(f"{name} {value}" for name, value in machine.items()), sep=", ")
    print(f"{options.shape}, {BATCH} rows of about 100 tokens a step of each adapter, {options.steps} steps")
    print(f"{'':22}", *(f"{head:>12}" for head in ("ms", "ratio", "operations", "waits", "GB", "off/moved")), sep="")
    for what, one in found.items():
        gap = f"{one['off']:.0e}" if "off" in one else ""
        ratio = found["one by one"]["ms"] / one["ms"]
        counted = not is_gpu or what.endswith("launched")
        work = (f"{one['operations']:.0f}", f"{one['waits']:.2f}") if counted else ("", "")
        cells = f"{one['ms']:.1f}", f"{ratio:.2f}x", *work
        print(f"{what:22}", *(f"{cell:>12}" for cell in (*cells, f"{one['gigabytes']:.2f}", gap)), sep="")
    if options.json:
        known = json.loads(options.json.read_text()) if options.json.is_file() else []
        entry = {"machine": machine, "date": time.strftime("%Y-%m-%d"), "shape": options.shape, "found": found}
        options.json.write_text(json.dumps([*known, entry], indent=1) + "\n")


if __name__ == "__main__":
    main()
