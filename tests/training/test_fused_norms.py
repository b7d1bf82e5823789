"""Norms put together are the model's own in float32, forwards and backwards, and nearer to float32 in bfloat16."""

from __future__ import annotations

import pytest
import torch
from tiny_run import tiny_model
from transformers import AutoModelForCausalLM, Gemma3TextConfig, PreTrainedModel

from mslt_it.models.fused_norms import FusedNorms


def model_of(kind: str) -> PreTrainedModel:
    if kind == "gemma3":
        config = Gemma3TextConfig(
            vocab_size=100, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=1, head_dim=16,
        )  # fmt: skip
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).requires_grad_(False)
    else:
        model = tiny_model(kind)
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "norm" in name and "bias" not in name:
            parameter.data.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize(("kind", "number"), [("qwen3", 9), ("llama", 5), ("gemma3", 13), ("bloom", 0)])
def test_they_are_the_models_own(kind: str, number: int) -> None:
    model = model_of(kind)
    norms, ids = FusedNorms(model), torch.arange(3, 43).view(4, 10)
    inputs = model.get_input_embeddings()(ids).requires_grad_()

    def run(given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = model(inputs_embeds=given).logits
        return logits.detach(), torch.autograd.grad(logits.square().sum(), given)[0]

    expected = run(inputs)
    with norms.on():
        assert len(norms.forwards) == sum("forward" in vars(module) for module in model.modules()) == number
        found = run(inputs)
    torch.testing.assert_close(found, expected)
    assert not any("forward" in vars(module) for module in norms.forwards)
    half = model.bfloat16()
    stock = half(ids).logits.float()
    with FusedNorms(half).on():
        fused = half(ids).logits.float()
    assert (fused - expected[0]).norm() <= 1.01 * (stock - expected[0]).norm()


def test_trained_ones_and_other_norms_are_left() -> None:
    model = model_of("qwen3")
    model.model.norm.weight.requires_grad_(True)  # type: ignore[union-attr]
    first = model.model.layers[0].input_layernorm  # type: ignore[union-attr]
    first.forward = lambda x: x  # type: ignore[method-assign]
    found = FusedNorms(model).forwards
    assert len(found) == 7 and model.model.norm not in found and first not in found  # type: ignore[union-attr]
