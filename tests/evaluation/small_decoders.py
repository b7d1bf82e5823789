"""Decoders of two layers, what they are asked, and the textbook way to score it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    GemmaConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Qwen3Config,
)

from mslt_it.evaluation.shared_rows import Request

VOCABULARY, PAD = 60, 0


def make_model(kind: str) -> Any:
    shape: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 32, "pad_token_id": PAD, "eos_token_id": 1}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48}
    # A wide initialisation: with the usual 0.02 a random model gives everything nearly the same score.
    shape["initializer_range"] = 0.3
    kinds: dict[str, Callable[[], Any]] = {
        "llama": lambda: LlamaConfig(**shape, **layers),
        "qwen3": lambda: Qwen3Config(**shape, **layers, head_dim=8),
        "bloom": lambda: BloomConfig(**shape, n_layer=2, n_head=4),
        "gemma": lambda: GemmaConfig(**shape, **layers, head_dim=8),
        "gemma2": lambda: Gemma2Config(**shape, **layers, head_dim=8, final_logit_softcapping=2.0),
        "mistral": lambda: MistralConfig(**shape, **layers, sliding_window=40),
        "mamba": lambda: MambaConfig(**shape, num_hidden_layers=2, state_size=4),
    }
    config = kinds[kind]()
    torch.manual_seed(11)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def record_shapes(model: Any) -> list[tuple[int, int]]:
    """(rows, tokens) of each later forward pass of the model's body."""
    found: list[tuple[int, int]] = []

    def record(module: Any, args: Any, kwargs: Any) -> None:
        found.append(tuple(kwargs.get("input_ids", args[0] if args else None).shape))

    model.base_model.register_forward_pre_hook(record, with_kwargs=True)
    return found


def make_requests(number: int = 12, longest: int = 4) -> list[Request]:
    """Prompts of 1 to 25 tokens, three choices of 1 to ``longest`` tokens; some share their first token."""
    draw = random.Random(2)

    def tokens(size: int) -> tuple[int, ...]:
        return tuple(draw.randrange(2, VOCABULARY) for _ in range(size))

    found = []
    for i in range(number):
        first = tokens(1)
        choices = (first + tokens(draw.randint(0, longest - 1)), tokens(draw.randint(1, longest)), (*first, 2))
        found.append(Request(tokens(1 if i == 0 else draw.randint(2, 25)), choices[: 3 if longest > 1 else 2]))
    return found


def reference(model: Any, requests: list[Request]) -> np.ndarray:
    """One unpadded row per choice, the whole forward pass, every logit."""
    rows = []
    with torch.no_grad():
        for request in requests:
            scores = []
            for choice in request.choices:
                ids = torch.tensor([[*request.prompt, *choice]])
                log_probs = torch.log_softmax(model(input_ids=ids).logits[0].double(), dim=-1)
                start = len(request.prompt) - 1
                scores.append(sum(float(log_probs[start + i, token]) for i, token in enumerate(choice)))
            rows.append(scores)
    return np.array(rows)


def greedy_reference(model: Any, request: Request, choice: tuple[int, ...]) -> bool:
    ids = [*request.prompt, *choice]
    with torch.no_grad():
        best = model(input_ids=torch.tensor([ids])).logits[0].argmax(dim=-1).tolist()
    start = len(request.prompt) - request.num_scored
    return best[start - 1 : len(ids) - 1] == ids[start:]


HEADER = tuple(2 + (11 * i) % 50 for i in range(24))


def with_header(header: tuple[int, ...], number: int) -> list[Request]:
    """Items behind one header, the first with one token of its own; some with scored tokens at the prompt's end."""
    found = []
    for i, request in enumerate(make_requests(number)):
        num_scored = 0 if len(request.prompt) < 4 else i % 3
        found.append(Request((*header, *request.prompt), request.choices, num_scored))
    return found
