"""Adapters folded into the weights: the same scores, and nothing left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from mslt_it.evaluation.likelihood import Request, choice_log_likelihoods
from mslt_it.models.folded_lora import _is_plain, folded


def adapted(**settings: Any) -> PeftModel:
    torch.manual_seed(0)
    base = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            initializer_range=0.3,
        )
    )  # fmt: skip
    targets = ["q_proj", "v_proj", "down_proj"]
    return get_peft_model(base, LoraConfig(r=4, target_modules=targets, init_lora_weights=False, **settings)).eval()


REQUESTS = [Request(tuple(5 + (7 * k + i) % 30 for i in range(9 + k)), ((6, 7), (8,))) for k in range(12)]


def scores(model: Any) -> np.ndarray:
    return choice_log_likelihoods(model, REQUESTS, batch_tokens=500, pad_id=0)


def products(model: Any, monkeypatch: pytest.MonkeyPatch, tokens: int) -> list[str]:
    """The matrix products of a pass: names of torch's functions."""
    made: list[str] = []
    plain, sums = torch.nn.functional.linear, torch.addmm
    monkeypatch.setattr(torch.nn.functional, "linear", lambda *a: made.append("linear") or plain(*a))
    monkeypatch.setattr(torch, "addmm", lambda *a, **k: made.append("addmm") or sums(*a, **k))
    with torch.no_grad(), folded(model):
        model(input_ids=torch.arange(tokens)[None] % 40)
    return made


@pytest.mark.parametrize("adapters", [["default"], ["default", "other"]])
def test_the_scores_are_those_of_the_adapter(adapters: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted(lora_alpha=7, lora_dropout=0.5)
    model.add_adapter("other", LoraConfig(r=3, target_modules=["q_proj"], init_lora_weights=False))
    model.base_model.set_adapter(list(adapters))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = scores(model)
    with model.disable_adapter():
        assert abs(scores(model) - found).max() > 0.1
    monkeypatch.setattr("mslt_it.evaluation.likelihood.folded", lambda model: torch.no_grad())
    np.testing.assert_allclose(found, scores(model), atol=2e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any("forward" in vars(module) for module in model.modules())


@pytest.mark.parametrize(("tokens", "num_folded"), [(8, 0), (40, 6)])
def test_only_where_it_is_less_work(tokens: int, num_folded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A product of the factors over all tokens costs tokens * (in + out) numbers a rank, the folded weight in * out."""
    assert products(adapted(), monkeypatch, tokens).count("addmm") == num_folded


def test_not_in_training_not_in_bfloat16_not_where_the_adapter_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "addmm" not in products(adapted().train(), monkeypatch, 40)
    assert "addmm" not in products(adapted().bfloat16(), monkeypatch, 40)
    with torch.autocast("cpu", torch.bfloat16):
        assert "addmm" not in products(adapted(), monkeypatch, 40)
    for more in ({"use_dora": True}, {"lora_bias": True}):
        assert not any(map(_is_plain, adapted(**more).modules()))
    merged = adapted()
    merged.merge_adapter()
    assert not any(map(_is_plain, merged.modules()))
