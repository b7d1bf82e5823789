"""Parts put together are the model's own in float32, forwards and backwards, and nearer to float32 in bfloat16."""

from __future__ import annotations

import pytest
import torch
from tiny_run import tiny_model
from transformers import AutoModelForCausalLM, Gemma3TextConfig, GPT2Config, PreTrainedModel

from mslt_it.models.fused_parts import FusedParts


def model_of(kind: str) -> PreTrainedModel:
    if kind == "gemma3":
        config = Gemma3TextConfig(
            vocab_size=100, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=1, head_dim=16,
        )  # fmt: skip
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).requires_grad_(False)
    elif kind == "gpt2":
        own = GPT2Config(vocab_size=100, n_embd=32, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=1)
        model = AutoModelForCausalLM.from_config(own, dtype=torch.float32).requires_grad_(False).eval()
    else:
        model = tiny_model(kind)
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "norm" in name and "bias" not in name:
            parameter.data.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize(("kind", "number"), [("qwen3", 9), ("llama", 5), ("gemma3", 13), ("bloom", 2), ("gpt2", 2)])
def test_they_are_the_models_own(kind: str, number: int) -> None:
    model = model_of(kind)
    parts, ids = FusedParts(model), torch.arange(3, 43).view(4, 10)
    inputs = model.get_input_embeddings()(ids).requires_grad_()

    def run(given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = model(inputs_embeds=given).logits
        return logits.detach(), torch.autograd.grad(logits.square().sum(), given)[0]

    expected = run(inputs)
    with parts.on():
        assert len(parts.forwards) == sum("forward" in vars(module) for module in model.modules()) == number
        found = run(inputs)
    torch.testing.assert_close(found, expected)
    assert not any("forward" in vars(module) for module in parts.forwards)
    half = model.bfloat16()
    stock = half(ids).logits.float()
    with FusedParts(half).on():
        fused = half(ids).logits.float()
    assert (fused - expected[0]).norm() <= 1.01 * (stock - expected[0]).norm()


def test_trained_ones_and_other_norms_are_left() -> None:
    model = model_of("qwen3")
    model.model.norm.weight.requires_grad_(True)  # type: ignore[union-attr]
    first = model.model.layers[0].input_layernorm  # type: ignore[union-attr]
    first.forward = lambda x: x  # type: ignore[method-assign]
    found = FusedParts(model).forwards
    assert len(found) == 7 and model.model.norm not in found and first not in found  # type: ignore[union-attr]
