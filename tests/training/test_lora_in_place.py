"""LoRA's update added in place: scores and gradients are peft's to the bit, and nothing is left behind."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from mslt_it.models.lora_in_place import _is_plain, in_place


def adapted(**settings: Any) -> PeftModel:
    torch.manual_seed(0)
    base = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            initializer_range=0.3,
        )
    )  # fmt: skip
    targets = ["q_proj", "v_proj", "down_proj"]
    config = LoraConfig(r=4, lora_alpha=7, target_modules=targets, init_lora_weights=False, **settings)
    return get_peft_model(base, config)


def passed(model: PeftModel, within: AbstractContextManager[Any]) -> tuple[list[Tensor], int]:
    """The scores and all gradients of a pass, and how many sums in place it took."""
    added = 0

    def count(*given: Any) -> Tensor:
        nonlocal added
        added += 1
        return plain(*given)

    plain = Tensor.add_
    torch.manual_seed(1)
    ids = torch.arange(40).view(2, 20)
    with pytest.MonkeyPatch.context() as patch, within:
        patch.setattr(Tensor, "add_", count)
        logits = model(input_ids=ids).logits
    logits.float().logsumexp(-1).sum().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    model.zero_grad(set_to_none=True)
    assert not any("forward" in vars(module) for module in model.modules())
    return [logits.detach(), *gradients], added


@pytest.mark.parametrize("trains", [True, False])
@pytest.mark.parametrize("settings", [{"lora_dropout": 0.3}, {"lora_bias": True}, {"use_rslora": True}])
def test_the_same_to_the_bit(settings: dict[str, Any], trains: bool) -> None:
    model = adapted(**settings).train(trains)
    wanted, _ = passed(model, nullcontext())
    found, added = passed(model, in_place(model))
    assert len(wanted) > 12 and added == 6
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_several_adapters_and_none() -> None:
    model = adapted()
    model.add_adapter("other", LoraConfig(r=3, target_modules=["q_proj"], init_lora_weights=False))
    model.base_model.set_adapter(["default", "other"])
    wanted, _ = passed(model, nullcontext())
    found, added = passed(model, in_place(model))
    assert added == 8 and all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    ids = torch.arange(9)[None]
    with torch.no_grad(), in_place(model), model.disable_adapter():
        assert torch.equal(model(input_ids=ids).logits, model.get_base_model()(input_ids=ids).logits)


def test_not_in_bfloat16_not_under_autocast_not_where_the_adapter_is_more() -> None:
    model = adapted().bfloat16()
    assert passed(model, in_place(model))[1] == 0
    model, both = adapted(), ExitStack()
    both.enter_context(in_place(model))
    both.enter_context(torch.autocast("cpu", torch.bfloat16))
    assert passed(model, both)[1] == 0
    assert not any(map(_is_plain, adapted(use_dora=True).modules()))
    model.merge_adapter()
    assert not any(map(_is_plain, model.modules()))
