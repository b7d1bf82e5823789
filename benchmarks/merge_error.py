"""How far a merged model is from the live adapter, by route: LoRA, QLoRA dequantized, QLoRA original; fp32 and bf16.

    python benchmarks/merge_error.py               # two-layer models of four families, random adapters
    python benchmarks/merge_error.py runs/A runs/B  # finished runs instead, on the prompts of all their languages

Every merged model is written, read back and asked, as `mslt merge` does. The last route is what adding the adapter to
the 4-bit weights themselves and rounding again gives (peft's merge), for comparison; `mslt merge` never does that.
"""

from __future__ import annotations

import argparse
import logging
import platform
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, BloomConfig, GemmaConfig, LlamaConfig, Qwen3Config
from transformers.utils import logging as transformers_logging

from mslt_it.config.recipe import AdapterConfig, ModelConfig, Recipe
from mslt_it.evaluation.shared_rows import Request
from mslt_it.models.base_model import add_adapter, load_adapter, load_base, save_adapter
from mslt_it.models.finished_run import FinishedRun, read_run
from mslt_it.models.identity import load_trained_base
from mslt_it.publish.comparison import Comparison, Outputs, Prompts, compare, of_answers, outputs, prompts_of
from mslt_it.publish.merge import merged_model

VOCABULARY = 300
SETTINGS: dict[str, Any] = {"batch_tokens": 8192, "pad_id": 0}
FAMILIES = ("llama", "qwen3", "bloom", "gemma")


class NoTokens:
    """A tokenizer of no ids: the vocabulary of a random model needs no fitting."""

    def get_vocab(self) -> dict[str, int]:
        return {}


def make_base(kind: str, folder: Path) -> ModelConfig:
    """Two random layers of width 128. A wide initialisation, or every token would get nearly the same score."""
    shape: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 128, "initializer_range": 0.1}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 256}
    configs: dict[str, Callable[[], Any]] = {
        "llama": lambda: LlamaConfig(**shape, **layers),
        "qwen3": lambda: Qwen3Config(**shape, **layers, head_dim=32, tie_word_embeddings=True),
        "bloom": lambda: BloomConfig(**shape, n_layer=2, n_head=4),
        "gemma": lambda: GemmaConfig(**shape, **layers, head_dim=32),
    }
    torch.manual_seed(1)
    AutoModelForCausalLM.from_config(configs[kind](), dtype=torch.float32).save_pretrained(folder)
    return ModelConfig(path=str(folder), dtype="float32")


def make_run(model: ModelConfig, quantization: str, folder: Path) -> FinishedRun:
    """An adapter of rank 8 with random weights: its change of the weights is about a tenth of their size."""
    adapter = AdapterConfig(rank=8, alpha=16, quantization=quantization)
    adapted = add_adapter(load_base(model, adapter, device="cpu"), adapter, 0)
    draw = torch.Generator().manual_seed(2)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=draw) * (0.06 if "lora_A" in name else 0.03)
    save_adapter(adapted, folder / "adapter")
    recipe = Recipe(name="random", sources=("en",), targets=("tr",), model=model, adapter=adapter)
    return FinishedRun(folder, recipe, {})


def random_prompts(num: int) -> dict[str, Prompts]:
    """Prompts of 10 to 40 tokens and three answers of two, drawn with a seed."""
    draw = random.Random(3)

    def tokens(size: int) -> tuple[int, ...]:
        return tuple(draw.randrange(3, VOCABULARY) for _ in range(size))

    requests = [Request(tokens(draw.randint(10, 40)), (tokens(2), tokens(2), tokens(2))) for _ in range(num)]
    return {
        "random": Prompts(num, partial(of_answers, [(r.prompt, r.choices[0]) for r in requests], requests, **SETTINGS))
    }


def requantised(run: FinishedRun, trained: ModelConfig) -> Any:
    """The adapter added to the 4-bit weights, which are rounded to 4 bits again."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Merge lora module to 4-bit")
        return load_adapter(load_base(trained, run.recipe.adapter, device="cpu"), run.adapter).merge_and_unload()


def routes(
    run: FinishedRun, trained: ModelConfig, tokenizer: Any, prompts: dict[str, Prompts], expected: dict[str, Outputs]
) -> Iterator[tuple[str, str, Comparison]]:
    """(route, dtype, comparison) of every route that the run has."""
    quantised = run.recipe.adapter.quantization
    for strategy in ("dequantized", "original") if quantised != "none" else ("none",):
        for dtype in ("float32", "bfloat16"):
            with tempfile.TemporaryDirectory() as folder:
                merged_model(run, trained, strategy, dtype, tokenizer).save_pretrained(folder)
                wide = "float32" if trained.dtype == "float32" else dtype  # as `mslt merge` compares
                again = load_base(ModelConfig(path=folder, dtype=wide))
                together, _ = compare(expected, outputs(again, prompts))
            yield ("LoRA" if strategy == "none" else f"{quantised} {strategy}"), dtype, together
    if quantised == "nf4":
        together, _ = compare(expected, outputs(requantised(run, trained), prompts))
        yield "nf4, rounded to 4 bits again", "4 bits", together


def print_row(what: str, route: str, dtype: str, found: Comparison) -> None:
    label = "-" if found.label_agreement is None else f"{found.label_agreement:.4f}"
    print(
        f"{what:<14} {route:<29} {dtype:<9} {found.relative_error:>14.1e} {found.kl_mean:>9.1e} "
        f"{found.argmax_agreement:>11.4f} {label:>11}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, help="finished run folders")
    parser.add_argument("--prompts", type=int, default=400, help="of a random model; per language of a run")
    options = parser.parse_args()
    transformers_logging.disable_progress_bar()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # with int8 it says at every layer that it casts
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft", "bitsandbytes"))
    print(f"{versions}; {platform.machine()}; {options.prompts} prompts")
    print(
        f"{'model':<14} {'route':<29} {'dtype':<9} {'relative error':>14} {'KL, nats':>9} {'same token':>11} "
        f"{'same label':>11}"
    )
    for folder in options.runs:
        run = read_run(folder)
        tokenizer, base, trained = load_trained_base(run)
        prompts = prompts_of(run.recipe, tokenizer, options.prompts)
        expected = outputs(load_adapter(base, run.adapter), prompts)
        for row in routes(run, trained, tokenizer, prompts, expected):
            print_row(run.recipe.name, *row)
    if options.runs:
        return
    with tempfile.TemporaryDirectory() as root:
        prompts = random_prompts(options.prompts)
        for kind in FAMILIES:
            model = make_base(kind, Path(root) / kind)
            for quantization in ("none", "nf4", "int8"):
                run = make_run(model, quantization, Path(root) / f"{kind}-{quantization}")
                base = load_base(model, run.recipe.adapter)
                expected = outputs(load_adapter(base, run.adapter), prompts)
                for row in routes(run, model, NoTokens(), prompts, expected):
                    print_row(kind, *row)


if __name__ == "__main__":
    main()
