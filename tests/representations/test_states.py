"""Pooled hidden states against what transformers gives layer by layer, one text at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    GPT2Config,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

from mslt_it.config.recipe import AdapterConfig
from mslt_it.models.base_model import add_adapter
from mslt_it.problems import Problem
from mslt_it.representations.states import TokenisedTexts, hidden_states, tokenise

SIZE = 50
TEXTS = ["w3 w4 w5", "w6", "w7 w8 w9 w10 w11 w12 w13", "w3 w4", "w20 w21 w22 w23 w24"]


def model_of(kind: str, dtype: torch.dtype = torch.float32) -> Any:
    shape = {"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24}
    config: Any = {
        "llama": lambda: LlamaConfig(vocab_size=SIZE, hidden_size=16, **shape),
        "qwen3": lambda: Qwen3Config(vocab_size=SIZE, hidden_size=16, head_dim=4, **shape),
        "bloom": lambda: BloomConfig(vocab_size=SIZE, hidden_size=16, n_layer=3, n_head=4),
        "gpt2": lambda: GPT2Config(vocab_size=SIZE, n_embd=16, n_layer=3, n_head=4),
    }[kind]()
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    with torch.no_grad():
        for parameter in model.parameters():  # at their first size, layers hardly change what goes through them
            parameter.mul_(4 if parameter.ndim > 1 else 1)
    return model.eval()


def tokenizer_of(**special: str) -> Any:
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {f"w{i}": i for i in range(3, SIZE)}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=raw, **(names | special))


@pytest.mark.parametrize("kind", ["llama", "qwen3", "bloom", "gpt2"])
def test_states_are_those_of_each_text_alone(kind: str) -> None:
    model, texts = model_of(kind), tokenise(tokenizer_of(), TEXTS)
    found = hidden_states(model, texts)
    assert found.dtype == np.float32 and found.shape == (4, 5, 16)
    for position, row in enumerate(texts.rows):
        with torch.inference_mode():
            layers = model(input_ids=torch.tensor([row]), output_hidden_states=True).hidden_states
        for layer, states in enumerate(layers):
            expected = states[0, 1:].mean(dim=0)  # behind the control token
            assert np.allclose(found[layer, position], expected.numpy(), atol=2e-5)
    assert not np.allclose(found[1], found[2], atol=0.01)


def test_the_batch_size_makes_no_difference() -> None:
    model, texts = model_of("llama"), tokenise(tokenizer_of(), TEXTS)
    whole = hidden_states(model, texts)
    for batch_tokens in (1, 7, 16, 24):
        assert np.allclose(hidden_states(model, texts, batch_tokens=batch_tokens), whole, atol=1e-5)
    order = [4, 2, 0, 1, 3]
    turned = hidden_states(model, TokenisedTexts(tuple(texts.rows[i] for i in order), 1), batch_tokens=16)
    assert np.allclose(turned, whole[:, order], atol=1e-5)


def test_batches_hold_no_more_tokens_than_allowed() -> None:
    model, texts = model_of("llama"), tokenise(tokenizer_of(), TEXTS)
    shapes = []
    handle = model.base_model.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    hidden_states(model, texts, batch_tokens=12)
    handle.remove()
    assert shapes == [(1, 8), (2, 6), (2, 3)]
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_half_precision_is_pooled_in_full_precision() -> None:
    model = model_of("llama", torch.bfloat16)
    row = (1, *[3 + i % 40 for i in range(200)])
    found = hidden_states(model, TokenisedTexts((row,), 1))
    with torch.inference_mode():
        layers = model(input_ids=torch.tensor([row]), output_hidden_states=True).hidden_states
    expected = torch.stack([states[0, 1:].float().mean(dim=0) for states in layers]).numpy()
    assert found.dtype == np.float32
    assert np.allclose(found[:, 0], expected, atol=1e-5)
    rounded = torch.tensor(expected).bfloat16().float().numpy()
    assert not np.allclose(expected, rounded, atol=1e-5)  # what pooling in bfloat16 could give at best


def test_an_adapter_moves_all_but_the_embeddings() -> None:
    texts = tokenise(tokenizer_of(), TEXTS)
    plain = hidden_states(model_of("llama"), texts)
    adapted = add_adapter(model_of("llama"), AdapterConfig(rank=2, target_modules=("q_proj", "down_proj")), seed=0)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.3)
    on = hidden_states(adapted, texts)
    assert np.array_equal(on[0], plain[0])  # embeddings
    assert np.abs(on[1:] - plain[1:]).max() > 0.01


def test_dropout_is_off_and_training_goes_on() -> None:
    model = model_of("gpt2").train()
    texts = tokenise(tokenizer_of(), TEXTS)
    assert np.array_equal(hidden_states(model, texts), hidden_states(model, texts))
    assert model.training


def test_control_tokens_come_before_the_text_and_do_not_count() -> None:
    texts = tokenise(tokenizer_of(), ["w3 w4"])
    assert (texts.rows, texts.num_before) == (((1, 3, 4),), 1)  # the end token, where there is no other
    assert tokenise(tokenizer_of(bos_token="w9"), ["w3 w4"]).rows == ((9, 3, 4),)
    # What it is makes a difference to the layers, but it is no part of the mean.
    found = hidden_states(model_of("llama"), TokenisedTexts(((1, 3, 4), (9, 3, 4)), 1))
    assert np.array_equal(found[0, 0], found[0, 1])
    assert not np.allclose(found[1, 0], found[1, 1], atol=1e-3)


def test_a_control_token_in_a_text_stays_text() -> None:
    [row] = tokenise(tokenizer_of(), ["w3 </s> w4"]).rows
    assert row[0] == 1 and 1 not in row[1:] and row[1] == 3 and row[-1] == 4


def test_long_texts_are_cut_and_counted() -> None:
    texts = tokenise(tokenizer_of(), TEXTS, max_tokens=3)
    assert texts.rows[2] == (1, 7, 8, 9)
    assert texts.num_cut == 2


def test_what_cannot_be_represented_is_refused() -> None:
    tokenizer = tokenizer_of()
    with pytest.raises(Problem, match=r"texts in 'th': text 1 \(' '\) has no tokens, so no representation"):
        tokenise(tokenizer, ["w3", " "], name="texts in 'th'")


def test_values_that_are_not_finite_are_named() -> None:
    model = model_of("llama")
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight[0, 0] = float("nan")
    with pytest.raises(Problem, match="hidden states of text 0 are not finite at layer 2 of LlamaForCausalLM"):
        hidden_states(model, tokenise(tokenizer_of(), TEXTS))
