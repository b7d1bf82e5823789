"""Llama, Qwen3, BLOOM and Gemma, two random layers each: train a LoRA and a QLoRA adapter and score, on the CPU.

Everything goes the users' way: a folder with a tokenizer and safetensors, `load_base`, `train`, the scores.
"""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    FalconConfig,
    Gemma2Config,
    GemmaConfig,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

from mslt_it.config.recipe import AdapterConfig, ModelConfig, Recipe, TrainingConfig
from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.likelihood import choice_log_likelihoods
from mslt_it.evaluation.shared_rows import Request
from mslt_it.evaluation.trials import heeds_trees, local_span
from mslt_it.models.base_model import (
    add_adapter,
    fit_vocabulary,
    load_adapter,
    load_base,
    model_hash,
    save_adapter,
)
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample, Message, PromptedExample
from mslt_it.training.sft import train

FAMILIES = ("llama", "qwen3", "bloom", "gemma")
MODULES = {
    "llama": "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj",
    "qwen3": "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj",
    "bloom": "dense, dense_4h_to_h, dense_h_to_4h, query_key_value",
    "gemma": "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj",
}
PROMPTS = {
    "en": ("Is the river deeper than the lake?", ("yes", "no", "nobody knows")),
    "tr": ("Nehir gölden daha mı derin?", ("evet", "hayır", "kimse bilmiyor")),
    "zh": ("河比湖深吗？", ("是", "不是", "没有人知道")),
}


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE of 300 ids trained on the prompts above; no chat template, as base models come."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator([text for prompt, words in PROMPTS.values() for text in (prompt, *words)], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="</s>")


def make_config(kind: str, vocabulary: int) -> Any:
    # A wide initialisation: with the usual 0.02 a random model gives everything nearly the same score.
    shape: dict[str, Any] = {"vocab_size": vocabulary, "hidden_size": 64, "pad_token_id": 0, "eos_token_id": 1}
    shape |= {"initializer_range": 0.2, "bos_token_id": None}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128}
    many = shape | layers
    kinds: dict[str, Any] = {
        "llama": lambda: LlamaConfig(**many),
        "qwen3": lambda: Qwen3Config(**many, head_dim=16, tie_word_embeddings=True),
        "bloom": lambda: BloomConfig(**shape, n_layer=2, n_head=4),
        "gemma": lambda: GemmaConfig(**many, head_dim=16),
        "gemma2": lambda: Gemma2Config(**many, head_dim=16, final_logit_softcapping=2.0),
        "granite": lambda: GraniteConfig(**many, logits_scaling=3.0),
        "mistral": lambda: MistralConfig(**many, sliding_window=12),
        "falcon": lambda: FalconConfig(**shape, num_hidden_layers=2, num_attention_heads=4, alibi=True),
    }
    return kinds[kind]()


def make_model(kind: str, vocabulary: int = 300) -> Any:
    torch.manual_seed(5)
    return AutoModelForCausalLM.from_config(make_config(kind, vocabulary), dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelConfig]:
    """Family -> a folder with model.safetensors and the tokenizer, as a user has them."""
    made, tokenizer = {}, make_tokenizer()
    for kind in FAMILIES:
        folder = tmp_path_factory.mktemp(kind)
        make_model(kind).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        assert (folder / "model.safetensors").is_file()
        made[kind] = ModelConfig(path=str(folder))
    return made


def make_rows(tokenizer: Any) -> list[EncodedExample]:
    encoder = Encoder(tokenizer, 128)
    examples = [
        PromptedExample(f"row{i}", code, (Message("user", f"{i} {prompt}"),), words[i % 3], words)
        for i in range(4)
        for code, (prompt, words) in PROMPTS.items()
    ]
    rows = encoder.encode_all(examples)
    assert all(isinstance(row, EncodedExample) for row in rows)
    return [row for row in rows if isinstance(row, EncodedExample)]


def make_requests(tokenizer: Any) -> list[Request]:
    encoder = Encoder(tokenizer, 128)
    return [
        Request(tuple(encoder.prompt_ids([Message("user", prompt)])), tuple(map(tuple, encoder.user_ids(list(words)))))
        for prompt, words in PROMPTS.values()
    ]


def one_by_one(model: Any, requests: list[Request]) -> np.ndarray:
    """One unpadded sequence at a time through the whole model: the definition of the score."""
    scores = []
    with torch.no_grad():
        for request in requests:
            for choice in request.choices:
                logits = model(input_ids=torch.tensor([[*request.prompt, *choice]])).logits[0]
                found = torch.log_softmax(logits.double(), dim=-1)[len(request.prompt) - 1 : -1]
                scores.append(float(found[range(len(choice)), list(choice)].sum()))
    return np.array(scores).reshape(len(requests), -1)


def make_recipe(model: ModelConfig, **adapter: Any) -> Recipe:
    return Recipe(
        name="families",
        sources=("en", "tr", "zh"),
        targets=("sw",),
        model=model,
        adapter=AdapterConfig(rank=4, alpha=8, **adapter),
        # Two steps, because LoRA starts with B = 0 and then the first step moves B alone; no warm-up from 0.
        training=TrainingConfig(learning_rate=1e-2, max_steps=2, batch_size=4, warmup_steps=0, save_steps=2),
    )


def gradients(model: Any, row: EncodedExample) -> dict[str, torch.Tensor]:
    model.train()
    model.zero_grad(set_to_none=True)
    model(input_ids=torch.tensor([row.input_ids]), labels=torch.tensor([row.labels])).loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


CASES: list[tuple[str, dict[str, Any]]] = [(kind, {"quantization": q}) for kind in FAMILIES for q in ("none", "nf4")]
CASES += [("llama", {"quantization": "int8"}), ("qwen3", {"use_dora": True}), ("bloom", {"use_rslora": True})]
CASES += [("gemma", {"use_dora": True, "use_rslora": True, "quantization": "nf4"})]


@pytest.mark.parametrize(("kind", "adapter"), CASES, ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v)))
def test_it_trains_scores_and_trains_again(
    kind: str, adapter: dict[str, Any], folders: dict[str, ModelConfig], tmp_path: Path
) -> None:
    recipe = make_recipe(folders[kind], **adapter)
    tokenizer = load_tokenizer(recipe.model)
    base = load_base(recipe.model, recipe.adapter, device="cpu")
    quantised = [m for m in base.modules() if type(m).__name__ in ("Linear4bit", "Linear8bitLt")]
    assert bool(quantised) is (recipe.adapter.quantization != "none")
    model = add_adapter(base, recipe.adapter, recipe.seed)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    rows, requests = make_rows(tokenizer), make_requests(tokenizer)

    summary = train(recipe, rows, model, tokenizer, tmp_path)
    assert summary.num_steps == 2 and math.isfinite(summary.final_loss or math.nan)
    assert summary.supervised_only_head and set(summary.loss_by_language) == {"en", "tr", "zh"}
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) is not parameter.requires_grad, name
    assert summary.base_sha256 == model_hash(model)
    saved = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert saved and all(bool(torch.isfinite(tensor).all()) for tensor in saved.values())

    first = gradients(model, rows[0])
    scores = choice_log_likelihoods(model, requests, batch_tokens=10_000, pad_id=0)
    assert np.isfinite(scores).all() and np.ptp(scores) > 0.1
    if recipe.adapter.quantization != "int8":  # int8 rounds by the largest value of a batch
        np.testing.assert_allclose(scores, one_by_one(model.eval(), requests), atol=1e-4, rtol=0)
    # bitsandbytes repacks 4-bit weights in an evaluation forward on AVX512-BF16 processors, and gradients become 0.
    second = gradients(model, rows[0])
    assert len(first) == len(second) == len(saved)
    for name, gradient in first.items():
        assert gradient.abs().max() > 0, name
        torch.testing.assert_close(second[name], gradient, atol=0, rtol=0)
    assert summary.base_sha256 == model_hash(model)


def test_the_repacking_of_4_bit_weights_is_off(folders: dict[str, ModelConfig]) -> None:
    base = load_base(folders["llama"], AdapterConfig(quantization="nf4"), device="cpu")
    layers = [module for module in base.modules() if type(module).__name__ == "Linear4bit"]
    assert len(layers) == 14 and not any(layer.support_avx512bf16_for_cpu for layer in layers)
    stored = [layer.weight.data.clone() for layer in layers]
    with torch.inference_mode():
        base(input_ids=torch.arange(2, 20)[None])
    for layer, data in zip(layers, stored, strict=True):
        assert torch.equal(layer.weight.data, data)
        assert not getattr(layer.weight.quant_state, "packing_format_for_cpu", False)


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_saved_adapter_scores_the_same_on_a_fresh_4_bit_base(
    kind: str, folders: dict[str, ModelConfig], tmp_path: Path
) -> None:
    adapter = AdapterConfig(rank=4, quantization="nf4")
    requests = make_requests(load_tokenizer(folders[kind]))
    model = add_adapter(load_base(folders[kind], adapter, device="cpu"), adapter, 1)
    torch.manual_seed(2)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.normal_(std=0.1)
    save_adapter(model, tmp_path)
    expected = choice_log_likelihoods(model, requests, batch_tokens=500, pad_id=0)
    again = load_adapter(load_base(folders[kind], adapter, device="cpu"), tmp_path)
    np.testing.assert_array_equal(choice_log_likelihoods(again, requests, batch_tokens=500, pad_id=0), expected)
    with model.disable_adapter():
        off = choice_log_likelihoods(model, requests, batch_tokens=500, pad_id=0)
    assert np.abs(off - expected).max() > 0.1


# ---------------------------------------------------------------- shared rows, or plain ones


@pytest.mark.parametrize(
    ("kind", "trees"),
    [
        *((kind, True) for kind in ("llama", "qwen3", "gemma", "gemma2", "granite", "mistral")),
        *((kind, False) for kind in ("bloom", "falcon")),
    ],
)
def test_whether_a_model_takes_shared_rows_is_found_out(kind: str, trees: bool) -> None:
    model = make_model(kind)
    with torch.inference_mode():
        assert heeds_trees(model) is trees
    requests = long_requests()
    found = choice_log_likelihoods(model, requests, batch_tokens=300, pad_id=0)
    np.testing.assert_allclose(found, one_by_one(model, requests), atol=1e-4, rtol=0)


def long_requests() -> list[Request]:
    """Prompts of 2 to 30 tokens, three choices of 1 to 4 tokens."""
    draw = random.Random(4)

    def tokens(size: int) -> tuple[int, ...]:
        return tuple(draw.randrange(2, 300) for _ in range(size))

    return [Request(tokens(draw.randint(2, 30)), tuple(tokens(draw.randint(1, 4)) for _ in range(3))) for _ in range(8)]


def test_shared_rows_are_not_used_beyond_a_sliding_window() -> None:
    """A 4-D mask takes the place of the window's, so a row longer than the window would see too much."""
    model, requests = make_model("mistral"), long_requests()
    assert local_span(model) == 12 < max(r.num_tokens() for r in requests)
    expected = one_by_one(model, requests)
    forced = choice_log_likelihoods(model, requests, batch_tokens=300, pad_id=0, tree=True)
    assert np.abs(forced - expected).max() > 1e-2  # what the check is there for
    found = choice_log_likelihoods(model, requests, batch_tokens=300, pad_id=0)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)
    assert local_span(make_model("llama")) is None and local_span(make_model("qwen3")) is None


@pytest.mark.parametrize(
    ("kind", "key", "none"), [("gemma2", "final_logit_softcapping", None), ("granite", "logits_scaling", 1.0)]
)
def test_logits_that_the_model_caps_or_scales_are_scored_so(kind: str, key: str, none: float | None) -> None:
    model, requests = make_model(kind), long_requests()
    single = [Request(r.prompt, tuple(c[:1] for c in r.choices)) for r in requests]
    found = choice_log_likelihoods(model, single, batch_tokens=300, pad_id=0)
    np.testing.assert_allclose(found, one_by_one(model, single), atol=1e-4, rtol=0)
    setattr(model.config, key, none)  # as if the head were all there is
    raw = choice_log_likelihoods(model, single, batch_tokens=300, pad_id=0)
    assert np.abs(raw - found).max() > 0.1


# ---------------------------------------------------------------- modules and vocabulary


@pytest.mark.parametrize("kind", FAMILIES)
def test_wrong_module_names_are_answered_with_the_familys_own(kind: str) -> None:
    with pytest.raises(Problem) as caught:
        add_adapter(make_model(kind), AdapterConfig(target_modules=("c_attn",)), 0)
    assert "'c_attn' is not a linear module of" in str(caught.value)
    assert f"Known: {MODULES[kind]}. Or use [all-linear]" in str(caught.value)
    config = add_adapter(make_model(kind), AdapterConfig(), 0).peft_config["default"]
    assert ", ".join(sorted(config.target_modules)) == MODULES[kind]


def larger_tokenizer(folder: ModelConfig) -> Any:
    tokenizer = load_tokenizer(folder)
    tokenizer.add_tokens(["<|turn|>", "<|end|>", "gölden"])
    assert len(tokenizer) == 303
    return tokenizer


@pytest.mark.parametrize("quantization", ["none", "nf4"])
@pytest.mark.parametrize("kind", FAMILIES)
def test_a_larger_vocabulary_gets_the_mean_of_the_rows(
    kind: str, quantization: str, folders: dict[str, ModelConfig]
) -> None:
    tokenizer = larger_tokenizer(folders[kind])
    made = []
    for chance in (1, 2):
        torch.manual_seed(chance)
        base = load_base(folders[kind], AdapterConfig(quantization=quantization), device="cpu")
        old, head = base.get_input_embeddings().weight.clone(), base.get_output_embeddings().weight.clone()
        note = fit_vocabulary(base, tokenizer)
        assert note is not None and note.startswith(
            "The tokenizer has 303 ids, the base 300 embedding rows: 3 rows were added"
        )
        for before, module in ((old, base.get_input_embeddings()), (head, base.get_output_embeddings())):
            assert module.weight.shape == (303, 64) and torch.equal(module.weight[:300], before)
            assert torch.equal(module.weight[300:], before.mean(dim=0).expand(3, -1))
        assert base.config.vocab_size == 303 and not any(p.requires_grad for p in base.parameters())
        tied = base.get_input_embeddings().weight is base.get_output_embeddings().weight
        assert tied is base.config.tie_word_embeddings
        assert fit_vocabulary(base, tokenizer) is None  # nothing is left to do
        made.append(model_hash(base))
    assert made[0] == made[1]


def test_an_adapter_trained_with_new_tokens_is_used_with_them(folders: dict[str, ModelConfig], tmp_path: Path) -> None:
    recipe, tokenizer = make_recipe(folders["qwen3"]), larger_tokenizer(folders["qwen3"])
    base = load_base(recipe.model, device="cpu")
    fit_vocabulary(base, tokenizer)
    model = add_adapter(base, recipe.adapter, 0)
    rows = make_rows(tokenizer)
    assert max(max(row.input_ids) for row in rows) >= 300
    summary = train(recipe, rows, model, tokenizer, tmp_path)
    assert math.isfinite(summary.final_loss or math.nan)
    requests = make_requests(tokenizer)
    fresh = load_base(recipe.model, device="cpu")
    fit_vocabulary(fresh, tokenizer)
    again = load_adapter(fresh, summary.adapter_dir)
    expected = choice_log_likelihoods(model, requests, batch_tokens=500, pad_id=0)
    np.testing.assert_array_equal(choice_log_likelihoods(again, requests, batch_tokens=500, pad_id=0), expected)


def test_a_smaller_vocabulary_is_left_alone(folders: dict[str, ModelConfig]) -> None:
    """Many models round their matrix up: Qwen3 has 151,936 rows for 151,669 ids."""
    base = make_model("llama", vocabulary=320)
    assert fit_vocabulary(base, load_tokenizer(folders["llama"])) is None
    assert base.get_input_embeddings().weight.shape[0] == 320
