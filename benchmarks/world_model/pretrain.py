"""Pretraining the mini model, a stock Llama, on the world's plain text: this rebuilt what is shipped.

The text is an endless seeded stream, so every document is new. The loss is the mean next-token cross-entropy, with an
answer word counted ``ANSWER_WEIGHT`` times (a passage has three answers among some fifty words) and every other word
counted for a random part of the places where it stands. A run can be stopped and started again: it goes on from its
last saved state.
"""

from __future__ import annotations

import itertools
import json
import math
import platform
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mini_tokenizer import build_tokenizer
from muon import Muon
from text import FIRST_KINDS, KINDS, Document, documents
from torch.utils.data import DataLoader, Dataset
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
EAGER_STEPS = 3  # of each width before its CUDA graph: kernels are chosen and optimisers' states made in them

HIDDEN_SIZE = 128
NUM_LAYERS = 4
NUM_HEADS = 4
INTERMEDIATE_SIZE = 384
MAX_POSITIONS = 512


@dataclass(frozen=True)
class PretrainConfig:
    """How long and how fast."""

    num_steps: int = 11_500  # optimiser steps
    first_steps: int = 5_500  # of them, on text with more translations (see FIRST_KINDS)
    batch_documents: int = 96  # documents per step, about 30 tokens each
    learning_rate: float = 3e-3  # AdamW's (embeddings, norms) peak; warm-up, a cosine, linear to 5 %
    muon_learning_rate: float = 6e-3  # Muon's (hidden matrices) peak, same schedule
    lm_share: float = 0.5  # of the places that are no answers, those that count; the head is half of the work
    warmup_steps: int = 300
    cosine_steps: int = 16_000  # the cosine's length; after first_steps it is left for a line that ends with num_steps
    weight_decay: float = 0.05
    seed: int = 0
    save_steps: int = 500


@dataclass(frozen=True)
class Batch:
    """``ids`` (documents, tokens), right-padded; ``weights``, same shape: how much predicting that token counts."""

    ids: torch.Tensor
    weights: torch.Tensor


def batches(
    tokenizer: PreTrainedTokenizerFast, config: PretrainConfig, skip: int = 0, num_workers: int = 0
) -> Iterator[Batch]:
    """The seeded stream of batches, without the first ``skip``; worker processes make the same ones faster."""
    first = skip // POOL_BATCHES
    pools = DataLoader(
        _Pools(tokenizer, config),
        batch_size=None,
        sampler=range(first, -(-config.num_steps // POOL_BATCHES)),
        num_workers=num_workers,
        collate_fn=list,  # arrays, not tensors: each of those would cross processes in a file of its own
    )
    made = itertools.chain.from_iterable(pools)
    for ids, weights in itertools.islice(made, skip - first * POOL_BATCHES, None):
        yield Batch(torch.from_numpy(ids), torch.from_numpy(weights))


class _Pools(Dataset[list[tuple[np.ndarray, np.ndarray]]]):
    """Pools of ``POOL_BATCHES`` batches, each drawn by its own number, so that any can be made without the others."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, config: PretrainConfig) -> None:
        self._tokenizer, self._config = tokenizer, config

    def __getitem__(self, number: int) -> list[tuple[np.ndarray, np.ndarray]]:
        size = self._config.batch_documents
        kinds = FIRST_KINDS if number * POOL_BATCHES < self._config.first_steps else KINDS
        drawn = list(itertools.islice(documents(f"{self._config.seed}-{number}", kinds), POOL_BATCHES * size))
        rng = np.random.default_rng((self._config.seed, number))
        rows = sorted(_rows(self._tokenizer, drawn), key=lambda row: len(row[0]))
        made = []
        for index in rng.permutation(POOL_BATCHES):
            ids, weights = _pad(rows[index * size : (index + 1) * size])
            made.append((ids, thinned(weights, self._config.lm_share, rng)))
        return made


def _rows(tokenizer: PreTrainedTokenizerFast, drawn: list[Document]) -> list[tuple[list[int], list[float]]]:
    parts = list(dict.fromkeys(part for document in drawn for part in document.parts))
    encodings = tokenizer.backend_tokenizer.encode_batch_fast(parts, add_special_tokens=False)  # without offsets
    encoded = {part: encoding.ids for part, encoding in zip(parts, encodings, strict=True)}
    rows = []
    for document in drawn:
        ids, weights = [tokenizer.bos_token_id], [0.0]
        for number, part in enumerate(document.parts):
            ids += encoded[part]
            weights += [ANSWER_WEIGHT if number % 2 else 1.0] * len(encoded[part])
        rows.append(([*ids, tokenizer.eos_token_id], [*weights, 1.0]))
    return rows


def _pad(rows: list[tuple[list[int], list[float]]]) -> tuple[np.ndarray, np.ndarray]:
    width = max(len(ids) for ids, _ in rows)
    width += (1 - width) % WIDTH_MULTIPLE  # one more than a multiple: the last token predicts nothing
    ids = np.array([row + [0] * (width - len(row)) for row, _ in rows])
    return ids, np.array([row + [0.0] * (width - len(row)) for _, row in rows], dtype=np.float32)


def thinned(weights: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Of the places that are no answers a random ``share`` keeps its weight and the weight of the others."""
    drawn = rng.random(weights.shape) < share
    return np.where(weights >= ANSWER_WEIGHT, weights, weights / share * drawn).astype(np.float32)


def batch_loss(body: Any, head: Any, batch: Batch) -> torch.Tensor:
    """Weighted mean cross-entropy in nats.

    Args:
        body, head: the model's layers (perhaps compiled) and its output head.
    """
    ids, mask = batch.ids[:, :-1], None  # causal: right padding is not seen
    if ids.is_cuda:  # made here: transformers looks at the values for it, which no graph of CUDA's allows
        mask = torch.ones(1, 1, ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).tril()
    hidden = body(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    hidden, weights, targets = hidden.flatten(0, 1), batch.weights[:, 1:].flatten(), batch.ids[:, 1:].flatten()
    total = weights.sum()
    if hidden.device.type == "cpu":  # the head is half of the work, and sees only places that count
        scored = weights.nonzero()[:, 0]
        padding = -len(scored) % HEAD_MULTIPLE
        scored = torch.cat([scored, scored.new_zeros(padding)])
        hidden, weights, targets = hidden[scored], weights[scored], targets[scored]
        weights[len(scored) - padding :] = 0
    losses = F.cross_entropy(head(hidden).float(), targets, reduction="none")
    return (losses * weights).sum() / total


class Steps:
    """Optimiser steps on a device. On CUDA a whole step is one graph per width of batch, captured once and replayed:
    a model this small spends nearly all of its time on launching kernels one by one."""

    def __init__(self, body: Any, model: Any, optimizers: Sequence[torch.optim.Optimizer], device: str) -> None:
        self._body, self._model, self._optimizers, self._device = body, model, optimizers, device
        self.loss_sum = torch.zeros((), device=device)  # of the steps since it was last set to 0
        self._has_graphs = device == "cuda"
        self._memory = torch.cuda.graph_pool_handle() if self._has_graphs else None
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, Batch]] = {}
        self._num_seen: Counter[int] = Counter()
        if self._has_graphs:
            torch.cuda.synchronize()
            torch.cuda.set_stream(torch.cuda.Stream())  # the default stream cannot be captured
            for group in (group for optimizer in optimizers for group in optimizer.param_groups):
                # What a graph shall not freeze lies in tensors.
                group["lr"] = torch.zeros((), device=device)
                if "capturable" in group:
                    group["capturable"] = True

    def run(self, batch: Batch, rates: Sequence[float]) -> None:
        """One step with each optimiser's learning rate."""
        for optimizer, rate in zip(self._optimizers, rates, strict=True):
            for group in optimizer.param_groups:
                if torch.is_tensor(group["lr"]):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate
        width = batch.ids.shape[1]
        self._num_seen[width] += 1
        if self._has_graphs and width not in self._graphs and self._num_seen[width] > EAGER_STEPS:
            self._capture(batch, width)
        if width in self._graphs:
            graph, held = self._graphs[width]
            held.ids.copy_(batch.ids, non_blocking=True)
            held.weights.copy_(batch.weights, non_blocking=True)
            graph.replay()
        else:
            self._step(Batch(batch.ids.to(self._device), batch.weights.to(self._device)))

    def _capture(self, batch: Batch, width: int) -> None:
        graph = torch.cuda.CUDAGraph()
        held = Batch(batch.ids.to(self._device), batch.weights.to(self._device))
        try:
            with torch.cuda.graph(graph, pool=self._memory, stream=torch.cuda.current_stream()):
                self._step(held)
            self._graphs[width] = (graph, held)
        except RuntimeError as error:
            self._has_graphs = False
            for optimizer in self._optimizers:
                optimizer.zero_grad()
            tqdm.write(f"No CUDA graph ({str(error).splitlines()[0]}): steps go on kernel by kernel, slower.")

    def _step(self, batch: Batch) -> None:
        # bfloat16 arithmetic on float32 weights: 1.7 times faster on CPUs that have it, and the loss is the same.
        with torch.autocast(self._device, dtype=torch.bfloat16):
            loss = batch_loss(self._body, self._model.lm_head, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.loss_sum += loss.detach()


def pretrain(
    config: PretrainConfig,
    out: Path,
    prompt_words: list[str],
    device: str = "auto",
    compile_model: bool = False,
    num_workers: int = 0,
) -> dict[str, Any]:
    """Builds tokenizer and model in ``out``; returns the manifest (also written there).

    Args:
        prompt_words: the task prompts' words, so that they are single tokens; they occur in no training text.
        device: "cpu", "cuda", or "auto": a GPU where there is one.
        compile_model: fuse the layers' arithmetic with torch.compile: 1.4 times faster, needs a C++ compiler.
        num_workers: processes that make the batches ahead; a GPU waits for them. The batches are the same.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer(prompt_words)  # the same for every model
    tokenizer.save_pretrained(out)
    model = new_model(
        len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, config.seed
    ).to(device)
    optimizers = make_optimizers(model, config)
    state_path = out / "state.pt"
    start = _load_state(state_path, model, optimizers, device, config) if state_path.is_file() else 0
    steps = Steps(torch.compile(model.model, dynamic=True) if compile_model else model.model, model, optimizers, device)
    began, loss, num_logged = time.monotonic(), math.nan, start
    bar = tqdm(total=config.num_steps, initial=start, disable=None, desc="pretraining", unit="step")
    stream = batches(tokenizer, config, skip=start, num_workers=num_workers)
    for step, batch in zip(range(start + 1, config.num_steps + 1), stream, strict=False):
        share = _schedule(step - 1, config)
        steps.run(batch, (config.learning_rate * share, config.muon_learning_rate * share))
        bar.update()
        if step % LOG_STEPS == 0 or step == config.num_steps:
            loss = steps.loss_sum.item() / (step - num_logged)
            steps.loss_sum.zero_()
            num_logged = step
            speed = (step - start) / (time.monotonic() - began)
            bar.set_postfix_str(f"loss {loss:.3f}")
            with (out / "pretrain.log").open("a", encoding="utf-8") as log:
                log.write(f"step {step} loss {loss:.3f} {speed:.1f} steps/s\n")
        if step % config.save_steps == 0 and step < config.num_steps:
            _save_state(state_path, model, optimizers, step, config)
    bar.close()
    model.to("cpu", dtype=torch.bfloat16).save_pretrained(out)
    state_path.unlink(missing_ok=True)
    return _write_manifest(out, config, loss, device, compile_model)


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
    done = (min(step, config.first_steps) - config.warmup_steps) / (config.cosine_steps - config.warmup_steps)
    share = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done))
    left = (config.num_steps - step) / max(1, config.num_steps - config.first_steps)
    return share if step < config.first_steps else 0.05 + (share - 0.05) * left


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
