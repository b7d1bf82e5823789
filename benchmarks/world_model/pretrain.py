"""Pretraining the mini model, a stock Llama, on the world's plain text: this rebuilt what is shipped.

The text is an endless seeded stream, so every document is new. The loss is the mean next-token cross-entropy, with an
answer word counted ``ANSWER_WEIGHT`` times (a passage has three answers among some fifty words) and every other word
counted for a random part of the places where it stands. A run can be stopped and started again: it goes on from its
last saved state.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from mini_tokenizer import build_tokenizer
from muon import Muon
from text import Document, documents
from tqdm import tqdm
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from mslt_it.problems import Problem
from mslt_it.store import file_sha256
from mslt_it.world.mini_model import MANIFEST

ANSWER_WEIGHT = 8.0
LOG_STEPS = 100
WIDTH_MULTIPLE = 8  # tokens; bfloat16 kernels are made per shape, and made anew where every batch has its own
HEAD_MULTIPLE = 256  # scored places, for the same reason
POOL_BATCHES = 32  # documents of so many batches are sorted by length together: less padding

HIDDEN_SIZE = 128
NUM_LAYERS = 4
NUM_HEADS = 4
INTERMEDIATE_SIZE = 384
MAX_POSITIONS = 512


@dataclass(frozen=True)
class PretrainConfig:
    """How long and how fast."""

    num_steps: int = 10_000  # optimiser steps
    batch_documents: int = 96  # documents per step, about 30 tokens each
    learning_rate: float = 3e-3  # AdamW's (embeddings, norms) peak; linear warm-up, then cosine to 5 %
    muon_learning_rate: float = 6e-3  # Muon's (hidden matrices) peak, same schedule
    lm_share: float = 0.5  # of the places that are no answers, those that count; the head is half of the work
    warmup_steps: int = 300
    weight_decay: float = 0.05
    seed: int = 0
    save_steps: int = 500


@dataclass(frozen=True)
class Batch:
    """``ids`` (documents, tokens), right-padded; ``weights``, same shape: how much predicting that token counts."""

    ids: torch.Tensor
    weights: torch.Tensor


def batches(tokenizer: PreTrainedTokenizerFast, config: PretrainConfig, skip: int = 0) -> Iterator[Batch]:
    """The seeded stream of batches, without the first ``skip``."""
    stream = documents(config.seed)
    order = torch.Generator().manual_seed(config.seed)
    count = 0
    while True:
        drawn = [next(stream) for _ in range(POOL_BATCHES * config.batch_documents)]
        shuffled = torch.randperm(POOL_BATCHES, generator=order).tolist()
        if count + POOL_BATCHES <= skip:
            count += POOL_BATCHES
            continue
        rows = sorted(_rows(tokenizer, drawn), key=lambda row: len(row[0]))
        for index in shuffled:
            count += 1
            if count > skip:
                yield _pad(rows[index * config.batch_documents : (index + 1) * config.batch_documents])


def _rows(tokenizer: PreTrainedTokenizerFast, drawn: list[Document]) -> list[tuple[list[int], list[float]]]:
    parts = [part for document in drawn for part in document.parts]
    encoded = iter(tokenizer(parts, add_special_tokens=False)["input_ids"])
    rows = []
    for document in drawn:
        ids, weights = [tokenizer.bos_token_id], [0.0]
        for number in range(len(document.parts)):
            part = next(encoded)
            ids += part
            weights += [ANSWER_WEIGHT if number % 2 else 1.0] * len(part)
        rows.append(([*ids, tokenizer.eos_token_id], [*weights, 1.0]))
    return rows


def _pad(rows: list[tuple[list[int], list[float]]]) -> Batch:
    width = max(len(ids) for ids, _ in rows)
    width += (1 - width) % WIDTH_MULTIPLE  # one more than a multiple: the last token predicts nothing
    ids = torch.tensor([row + [0] * (width - len(row)) for row, _ in rows])
    return Batch(ids, torch.tensor([row + [0.0] * (width - len(row)) for _, row in rows]))


def batch_loss(
    body: Any, head: Any, batch: Batch, lm_share: float = 1.0, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Weighted mean cross-entropy in nats; the head sees only places that count.

    Args:
        body, head: the model's layers (perhaps compiled) and its output head.
        lm_share: of the places that are no answers so many are drawn; the others' weight goes to them, so that the
            expected loss is that of all places.
    """
    hidden = body(input_ids=batch.ids[:, :-1], use_cache=False).last_hidden_state  # causal: right padding is not seen
    weights, targets = batch.weights[:, 1:], batch.ids[:, 1:].flatten()
    total = weights.sum()
    if lm_share < 1:
        drawn = torch.rand(weights.shape, generator=generator).to(weights.device) < lm_share
        weights = torch.where(weights >= ANSWER_WEIGHT, weights, weights / lm_share * drawn)
    weights = weights.flatten()
    scored = weights.nonzero()[:, 0]
    padding = -len(scored) % HEAD_MULTIPLE
    scored = torch.cat([scored, scored.new_zeros(padding)])
    weights = weights[scored]
    weights[len(scored) - padding :] = 0
    losses = F.cross_entropy(head(hidden.flatten(0, 1)[scored]).float(), targets[scored], reduction="none")
    return (losses * weights).sum() / total


def pretrain(
    config: PretrainConfig,
    out: Path,
    prompt_words: list[str],
    device: str | None = None,
    compile_model: bool = False,
) -> dict[str, Any]:
    """Builds tokenizer and model in ``out``; returns the manifest (also written there).

    Args:
        compile_model: fuse the layers' arithmetic with torch.compile: 1.4 times faster, needs a C++ compiler.
        prompt_words: the task prompts' words, so that they are single tokens; they occur in no training text.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer(prompt_words, seed=config.seed)
    tokenizer.save_pretrained(out)
    model = new_model(
        len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, config.seed
    ).to(device)
    optimizers = make_optimizers(model, config)
    body = torch.compile(model.model, dynamic=True) if compile_model else model.model
    draws = torch.Generator()
    state_path = out / "state.pt"
    start = _load_state(state_path, model, optimizers, device, config) if state_path.is_file() else 0
    began = time.monotonic()
    num_tokens = 0
    losses: list[torch.Tensor] = []
    bar = tqdm(total=config.num_steps, initial=start, disable=None, desc="pretraining", unit="step")
    for step, batch in zip(range(start, config.num_steps), batches(tokenizer, config, skip=start), strict=False):
        for optimizer, peak in zip(optimizers, (config.learning_rate, config.muon_learning_rate), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * _schedule(step, config)
        draws.manual_seed(config.seed * 1_000_003 + step)  # by step, so that a run that goes on draws the same
        num_tokens += int((batch.weights > 0).sum())
        # bfloat16 arithmetic on float32 weights: 1.7 times faster on CPUs that have it, and the loss is the same.
        with torch.autocast(device, dtype=torch.bfloat16):
            placed = Batch(batch.ids.to(device), batch.weights.to(device))
            loss = batch_loss(body, model.lm_head, placed, config.lm_share, draws)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.detach())
        bar.update()
        if (step + 1) % LOG_STEPS == 0:
            recent = torch.stack(losses[-LOG_STEPS:]).mean().item()
            speed = num_tokens / (time.monotonic() - began)
            bar.set_postfix_str(f"loss {recent:.3f}, {speed:.0f} tokens/s")
            with (out / "pretrain.log").open("a", encoding="utf-8") as log:
                log.write(f"step {step + 1} loss {recent:.3f} {speed:.0f} tokens/s\n")
        if (step + 1) % config.save_steps == 0 and step + 1 < config.num_steps:
            _save_state(state_path, model, optimizers, step + 1, config)
    bar.close()
    model.to("cpu", dtype=torch.bfloat16).save_pretrained(out)
    state_path.unlink(missing_ok=True)
    return _write_manifest(out, config, torch.stack(losses[-LOG_STEPS:]).mean().item(), device, compile_model)


def new_model(vocab_size: int, begin_id: int, end_id: int, pad_id: int, seed: int) -> LlamaForCausalLM:
    """A randomly initialised mini model; the same seed gives the same weights."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=HIDDEN_SIZE,
        intermediate_size=INTERMEDIATE_SIZE,
        num_hidden_layers=NUM_LAYERS,
        num_attention_heads=NUM_HEADS,
        num_key_value_heads=NUM_HEADS,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        bos_token_id=begin_id,
        eos_token_id=end_id,
        pad_token_id=pad_id,
        initializer_range=0.02,
    )
    return LlamaForCausalLM(config)


def make_optimizers(model: Any, config: PretrainConfig) -> tuple[torch.optim.Optimizer, ...]:
    """AdamW for embeddings and norms, Muon for the matrices of the layers."""
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return (
        torch.optim.AdamW(
            rest, lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98), fused=True
        ),
        Muon(matrices, lr=config.muon_learning_rate, weight_decay=config.weight_decay),
    )


def _schedule(step: int, config: PretrainConfig) -> float:
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.num_steps - config.warmup_steps)
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done))


def _save_state(
    path: Path, model: Any, optimizers: Sequence[torch.optim.Optimizer], step: int, config: PretrainConfig
) -> None:
    temporary = path.with_suffix(".tmp")
    content = {
        "model": model.state_dict(),
        "optimizers": [o.state_dict() for o in optimizers],
        "step": step,
        "config": asdict(config),
    }
    torch.save(content, temporary)
    temporary.replace(path)


def _load_state(
    path: Path, model: Any, optimizers: Sequence[torch.optim.Optimizer], device: str, config: PretrainConfig
) -> int:
    state = torch.load(path, map_location=device, weights_only=True)
    differing = [
        f"{k}={v} (saved with {state['config'].get(k)})"
        for k, v in asdict(config).items()
        if state["config"].get(k) != v
    ]
    if differing:
        raise Problem(
            f"{path} was saved by a pretraining with other values: {', '.join(differing)}. Give those values to go on, "
            "or another out=DIR."
        )
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return int(state["step"])


def _write_manifest(out: Path, config: PretrainConfig, loss: float, device: str, compiled: bool) -> dict[str, Any]:
    names = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
    manifest = {
        "made_by": "benchmarks/world_model",
        "config": asdict(config),
        "final_loss": round(loss, 4),
        "device": device,
        "compiled": compiled,
        "torch": torch.__version__,
        "machine": platform.machine(),
        "sha256": {name: file_sha256(out / name) for name in names if (out / name).is_file()},
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest
