"""What vLLM is asked for and what its answers become: with a stand-in for the engine, since it needs a GPU.

The stand-in answers by a real two-layer model, so that prompts, limits, end tokens and adapters that were handed over
wrongly would show in the texts.
"""

from __future__ import annotations

import json
import math
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mslt_it.evaluation.generation import Prompt, Sampling, TextGenerator
from mslt_it.integrations.vllm import VllmEngine, engine_rank, require_vllm
from mslt_it.problems import Problem

END, PAD = 3, 0
PROMPTS = [Prompt((5, 6, 7), 6, "a"), Prompt((8, 9), 6, "b"), Prompt((10, 11, 12, 13, 14), 4, "c")]


def spell(ids: Any) -> str:
    return " ".join(map(str, ids))


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, initializer_range=0.6, max_position_embeddings=64,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.fixture
def seen(model: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Installs the stand-in; what it was called with."""
    calls: dict[str, Any] = {"generate": []}

    class SamplingParams:
        def __init__(self, **settings: Any) -> None:
            self.__dict__.update(settings)

    class LLM:
        def __init__(self, **options: Any) -> None:
            calls["options"] = options
            self.llm_engine = types.SimpleNamespace(model_config=types.SimpleNamespace(max_model_len=8))

        def generate(self, prompts: Any, parameters: Any, *, lora_request: Any, use_tqdm: bool) -> list[Any]:
            calls["generate"].append((prompts, parameters, lora_request))
            return [self._one(p["prompt_token_ids"], s) for p, s in zip(prompts, parameters, strict=True)]

        def _one(self, ids: list[int], settings: Any) -> Any:
            new: list[int] = []
            while len(new) < settings.max_tokens:
                with torch.no_grad():
                    new.append(int(model(input_ids=torch.tensor([ids + new])).logits[0, -1].argmax()))
                if new[-1] in settings.stop_token_ids:
                    break
            score = calls.get("score", -1.0)
            return types.SimpleNamespace(outputs=[types.SimpleNamespace(token_ids=new, cumulative_logprob=score)])

    def request(name: str, number: int, path: str) -> Any:
        return types.SimpleNamespace(name=name, number=number, path=path)

    vllm, lora, lora_request = types.ModuleType("vllm"), types.ModuleType("lora"), types.ModuleType("request")
    vllm.LLM, vllm.SamplingParams, lora_request.LoRARequest = LLM, SamplingParams, request  # type: ignore[attr-defined]
    for name, module in (("vllm", vllm), ("vllm.lora", lora), ("vllm.lora.request", lora_request)):
        monkeypatch.setitem(sys.modules, name, module)
    return calls


def adapter(folder: Path, **config: Any) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": 8, **config}), encoding="utf-8")
    return folder


def test_greedy_answers_are_those_of_transformers(seen: dict[str, Any], model: LlamaForCausalLM) -> None:
    engine = VllmEngine("base", "abc", "float32", [])
    ours = engine.generator(None, PROMPTS, end_id=END, decode=spell, sampling=Sampling())
    assert ours.batches == ((2, 0, 1),)  # the longest first
    stock = TextGenerator(model, PROMPTS, end_id=END, pad_id=PAD, batch_tokens=1000, decode=spell)
    stock._longest = 8  # as the stand-in says
    (batch,) = ours.batches
    assert ours.generate(batch) == stock.generate(batch)
    assert seen["options"]["model"] == "base"
    assert seen["options"]["revision"] == "abc"
    assert seen["options"]["trust_remote_code"] is False
    assert "enable_lora" not in seen["options"]
    _, parameters, lora = seen["generate"][0]
    assert lora is None
    assert [p.max_tokens for p in parameters] == [3, 5, 6]  # the model's 8 positions less the prompt
    assert all(p.temperature == 0 and p.stop_token_ids == [END] and p.ignore_eos for p in parameters)


def test_samples_have_seeds_of_their_own_that_depend_on_nothing_else(seen: dict[str, Any]) -> None:
    engine = VllmEngine("base", None, "float32", [])

    def seeds(prompts: list[Prompt], seed: int) -> dict[str, int]:
        sampling = Sampling(temperature=0.7, top_p=0.9, seed=seed)
        generator = engine.generator(None, prompts, end_id=END, decode=spell, sampling=sampling)
        generator.generate(generator.batches[0])
        _, parameters, _ = seen["generate"][-1]
        assert all(p.temperature == 0.7 and p.top_p == 0.9 for p in parameters)
        keys = [prompts[i].key for i in generator.batches[0]]
        return {key: p.seed for key, p in zip(keys, parameters, strict=True)}

    first = seeds(PROMPTS, 0)
    assert len(set(first.values())) == 3
    assert seeds(PROMPTS[::-1], 0) == first
    assert seeds(PROMPTS[:1], 0) == {"a": first["a"]}
    assert not set(seeds(PROMPTS, 1).values()) & set(first.values())


def test_an_adapter_is_handed_over_with_the_rank_that_holds_all(seen: dict[str, Any], tmp_path: Path) -> None:
    small, large = adapter(tmp_path / "small"), adapter(tmp_path / "large", r=24)
    engine = VllmEngine("base", None, "float32", [small, large])
    assert seen["options"]["max_lora_rank"] == 32
    generator = engine.generator(large, PROMPTS, end_id=END, decode=spell, sampling=Sampling())
    generator.generate(generator.batches[0])
    lora = seen["generate"][-1][2]
    assert (lora.number, lora.path) == (2, str(large))


def test_a_prompt_without_room_and_scores_that_are_not_finite(seen: dict[str, Any]) -> None:
    prompts = [Prompt(tuple(range(5, 15)), 6), Prompt((8, 9), 6)]
    generator = VllmEngine("base", None, "float32", []).generator(
        None, prompts, end_id=END, decode=spell, sampling=Sampling()
    )
    long, short = generator.generate(generator.batches[0])
    assert (long.text, long.num_tokens, long.is_cut) == ("", 0, True)
    assert short.text
    seen["score"] = math.nan
    assert generator.generate([1])[0].text is None


def test_adapters_that_the_engine_cannot_serve_are_refused_by_name(tmp_path: Path) -> None:
    assert engine_rank([adapter(tmp_path / "a", r=9)]) == 16
    with pytest.raises(Problem, match=r"b is a DoRA adapter, which vLLM cannot apply\. Merge it first"):
        engine_rank([adapter(tmp_path / "b", use_dora=True)])
    with pytest.raises(Problem, match=r"d has ranks or scales of their own for some modules, .* ignore"):
        engine_rank([adapter(tmp_path / "d", rank_pattern={"q_proj": 4})])
    with pytest.raises(Problem, match=r"an adapter has rank 600, vLLM takes 512 at most\. Merge it first"):
        engine_rank([adapter(tmp_path / "c", r=600)])


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(Problem, match=r"the package vllm is not installed .* pip install -e '\.\[vllm\]'"):
        require_vllm()
