"""Small models that write, and what they write one by one and together."""

from __future__ import annotations

from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mslt_it.evaluation.generation import Generated, Prompt, Sampling, TextGenerator

END, PAD = 3, 0
WORDS = [(5, 6, 7), (8, 9), (10, 11, 12, 13, 14), (15,), (16, 17, 18, 19), (5, 6, 7)]


def small_model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, initializer_range=0.6,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def exact_model() -> LlamaForCausalLM:
    """In float64, so that what shares a batch does not move a score by more than 1e-13."""
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, initializer_range=0.3, max_position_embeddings=64,
    )  # fmt: skip
    return LlamaForCausalLM(config).double().eval()


def one_by_one(model: LlamaForCausalLM, prompt: list[int], num: int) -> list[int]:
    ids = list(prompt)
    with torch.no_grad():
        while len(ids) < len(prompt) + num:
            best = int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
            if best == END:
                break
            ids.append(best)
    return ids[len(prompt) :]


def generated(
    model: Any, sampling: Sampling | None = None, batch_tokens: int = 1000, prompts: list[Prompt] | None = None
) -> list[Generated]:
    if prompts is None:
        prompts = [Prompt(ids, 8, f"item {number}") for number, ids in enumerate(WORDS)]
    generator = TextGenerator(
        model, prompts, end_id=END, pad_id=PAD, batch_tokens=batch_tokens,
        decode=lambda ids: " ".join(map(str, ids)), sampling=sampling,
    )  # fmt: skip
    found: dict[int, Generated] = {}
    for batch in generator.batches:
        found |= dict(zip(batch, generator.generate(batch), strict=True))
    assert sorted(found) == list(range(len(prompts)))
    return [found[number] for number in range(len(prompts))]
