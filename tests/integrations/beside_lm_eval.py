"""A small model in lm-eval's own loop and in ours."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    CohereConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
)

pytest.importorskip("lm_eval")

from lm_eval.models.huggingface import HFLM

from mslt_it.integrations.lm_eval import SharedPromptLM

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "mslt_it" / "world" / "weights"
TEMPLATE = (
    "<s>{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
ROWS = [
    ("Bir kedi uyuyor.", "Bir hayvan uyuyor.", 0),
    ("Üç kuş uçuyor.", "Kuşlar sarı.", 1),
    ("Okul açık {{ 7 * 7 }}.", "Okul kapalı.", 2),
    ("Ali okula gitti.", "Ali evde.", 2),
    ("Yağmur yağıyor ve hava çok soğuk, kimse dışarı çıkmıyor.", "Yağmur yağıyor.", 0),
    ("Bir kedi uyuyor.", "Kedi siyah.", 1),
    ("Kapı.", "Pencere.", 1),
]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token per byte, so that labels have several; a chat template that ends in a line break."""
    control = ["<pad>", "<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE({token: i for i, token in enumerate([*control, *letters])}, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    tokenizer.add_special_tokens({"additional_special_tokens": control[3:]})
    tokenizer.chat_template = TEMPLATE
    return tokenizer


TOKENIZER = make_tokenizer()


def make_model(kind: str = "llama") -> Any:
    shape: dict[str, Any] = {"vocab_size": len(TOKENIZER), "hidden_size": 32, "pad_token_id": 0, "eos_token_id": 2}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48}
    # A wide initialisation: with the usual 0.02 a random model gives everything nearly the same score.
    if kind == "bloom":
        config: Any = BloomConfig(**shape, n_layer=2, n_head=4, initializer_range=0.3)
    else:
        kinds = {"llama": LlamaConfig, "cohere": CohereConfig}  # Cohere scales its logits
        config = kinds[kind](**shape, **layers, max_position_embeddings=512, initializer_range=0.3)
    torch.manual_seed(5)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def make_lm(cls: Any, model: Any, **arguments: Any) -> Any:
    return cls(pretrained=model, tokenizer=make_tokenizer(), device="cpu", **{"batch_size": 3, **arguments})


def both(kind: str = "llama", **arguments: Any) -> tuple[SharedPromptLM, HFLM]:
    model = make_model(kind)
    return make_lm(SharedPromptLM, model, **arguments), make_lm(HFLM, model, **arguments)


def make_pairs(model: Any, number: int = 10) -> list[tuple[Any, list[int], list[int]]]:
    """Contexts of 1 to 30 tokens with 1 to 5 continuations each: some begin alike, some are twice there, one is what
    greedy decoding gives; a few contexts are another's beginning."""
    draw = random.Random(3)

    def tokens(size: int) -> list[int]:
        return [draw.randrange(6, len(TOKENIZER)) for _ in range(size)]

    pairs: list[tuple[Any, list[int], list[int]]] = []
    for i in range(number):
        context = tokens(1 if i == 0 else draw.randint(2, 30)) if i % 4 != 3 else pairs[-1][1][:-1] + tokens(1)
        shared = tokens(draw.randint(0, 2))
        found = [shared + tokens(draw.randint(1, 6 if i % 3 else 1)) for _ in range(draw.randint(1, 4))]
        ids = list(context)
        for _ in range(draw.randint(1, 4)):
            with torch.no_grad():
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        found += [ids[len(context) :], found[0]]
        pairs += [((f"context {i}", f"continuation {j}"), context, c) for j, c in enumerate(found)]
    draw.shuffle(pairs)
    return pairs


def assert_equal(ours: list[tuple[float, bool]], stock: list[tuple[float, bool]]) -> None:
    assert len(ours) == len(stock) and all(type(a) is float and type(b) is bool for a, b in ours)
    np.testing.assert_allclose([a for a, _ in ours], [a for a, _ in stock], atol=1e-4, rtol=1e-6)
    assert [flag for _, flag in ours] == [flag for _, flag in stock]
