"""A tiny random model and a training run with it, importable by the tests and startable as a program.

As a program: ``tiny_run.py RUN_DIR [--kill-after-save N] [--dropout P] ...`` prints the adapter's hash as JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    LlamaConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    TrainerCallback,
)

from mslt_it.config.recipe import AdapterConfig, Recipe, TrainingConfig
from mslt_it.models.base_model import PeftModel, add_adapter
from mslt_it.records import EncodedExample
from mslt_it.training.sft import TrainingSummary, train

VOCABULARY = 100


def tiny_model(kind: str = "qwen3") -> PreTrainedModel:
    """Two layers, width 32, random weights that are the same in every process."""
    shape: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 32, "pad_token_id": 0, "eos_token_id": 1}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48}
    if kind == "qwen3":
        config: Any = Qwen3Config(**shape, **layers, head_dim=8, tie_word_embeddings=True)
    elif kind == "llama":
        config = LlamaConfig(**shape, **layers, tie_word_embeddings=False)
    else:
        config = BloomConfig(**shape, n_layer=2, n_head=4)
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.requires_grad_(False)
    return model


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {f"w{i}": i for i in range(3, VOCABULARY)}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def tiny_rows(number: int = 45, seed: int = 0) -> list[EncodedExample]:
    """Prompts of 4 to 20 tokens, answers of 1 to 3 tokens and the end token; three languages."""
    draw, rows = random.Random(seed), []
    for i in range(number):
        prompt = [draw.randrange(3, VOCABULARY) for _ in range(draw.randint(4, 20))]
        answer = [draw.randrange(3, VOCABULARY) for _ in range(draw.randint(1, 3))] + [1]
        labels = (-100,) * len(prompt) + tuple(answer)
        rows.append(EncodedExample(f"row{i}", ("en", "ar", "zh")[i % 3], (*prompt, *answer), labels))
    return rows


def tiny_recipe(*, dropout: float = 0.1, **training: Any) -> Recipe:
    settings: dict[str, Any] = {
        "learning_rate": 1e-2,
        "num_epochs": 3.0,
        "batch_size": 4,
        "warmup_steps": 2,
        "logging_steps": 4,
        "save_steps": 5,
    }
    return Recipe(
        name="tiny",
        sources=("en", "ar", "zh"),
        targets=("sw",),
        seed=3,
        adapter=AdapterConfig(rank=4, alpha=8, dropout=dropout),
        training=TrainingConfig(**(settings | training)),
    )


def tiny_adapted(recipe: Recipe, kind: str = "qwen3") -> PeftModel:
    return add_adapter(tiny_model(kind), recipe.adapter, recipe.seed)


def tiny_train(
    recipe: Recipe, run_dir: Path, *, kind: str = "qwen3", callbacks: Any = (), validation: Any = None
) -> TrainingSummary:
    model = tiny_adapted(recipe, kind)
    rows = tiny_rows()
    return train(recipe, rows, model, tiny_tokenizer(), run_dir, validation=validation, callbacks=callbacks)


class KillRank(TrainerCallback):
    """SIGKILL to one process at the end of a step, or while its checkpoint is being written."""

    def __init__(self, rank: int, step: int) -> None:
        self.rank, self.step = rank, step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step and args.process_index == self.rank:
            os.kill(os.getpid(), signal.SIGKILL)


class KillAfterSave(TrainerCallback):
    """SIGKILL right after the checkpoint of a step is sealed: no handler, no clean-up, no flush."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step and state.is_world_process_zero:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--kill-after-save", type=int, default=0)
    parser.add_argument("--kill-rank", type=int, nargs=2, metavar=("RANK", "STEP"))
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--accumulation", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=4)
    arguments = parser.parse_args()
    recipe = tiny_recipe(
        dropout=arguments.dropout,
        batch_size=arguments.batch_size,
        gradient_accumulation_steps=arguments.accumulation,
    )
    model = tiny_adapted(recipe)
    callbacks: list[TrainerCallback] = [KillAfterSave(arguments.kill_after_save)] if arguments.kill_after_save else []
    callbacks += [KillRank(*arguments.kill_rank)] if arguments.kill_rank else []
    summary = train(recipe, tiny_rows(), model, tiny_tokenizer(), arguments.run_dir, callbacks=callbacks)
    rank = os.environ.get("RANK", "0")
    trained = {name: p.double().sum().item() for name, p in model.named_parameters() if p.requires_grad}
    # One file per rank: what it holds after training, so that a test can compare the ranks.
    result = {"summary": dataclasses.asdict(summary), "sums": trained}
    (arguments.run_dir / f"result-{rank}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
