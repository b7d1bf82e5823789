"""Only decoders are trained and scored: others are refused by name, most of them before anything is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tiny_run import tiny_tokenizer
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedConfig

from mslt_it.cli import main
from mslt_it.config.recipe import AdapterConfig, Head, ModelConfig
from mslt_it.models import base_model
from mslt_it.models.base_model import load_base
from mslt_it.models.causality import refuse_causal, refuse_not_causal
from mslt_it.models.kinds import kind_of
from mslt_it.models.quantization import dequantized_weights
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.problems import Problem

SIZE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 100,
}
GROUPED = SIZE | {"num_key_value_heads": 2, "max_position_embeddings": 64}
DECODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", GROUPED),
    "qwen3": ("Qwen3", GROUPED | {"head_dim": 8}),
    "gemma3, window of 4": ("Gemma3Text", GROUPED | {"head_dim": 8, "sliding_window": 4}),
    "mistral, window of 2": ("Mistral", GROUPED | {"sliding_window": 2}),
    "mixtral": ("Mixtral", GROUPED | {"num_local_experts": 4}),
    "bloom": ("Bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4, "vocab_size": 100}),
    "gpt2, 8 positions": ("GPT2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 100, "n_positions": 8}),
    "gpt-neox": ("GPTNeoX", SIZE),
    "mamba": ("Mamba", {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 100, "state_size": 4}),
    "bert, is_decoder": ("Bert", SIZE | {"is_decoder": True}),
}
NO_DECODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", SIZE),
    "xlm-roberta": ("XLMRoberta", SIZE),
    "xlm-roberta, 4 positions": ("XLMRoberta", SIZE | {"max_position_embeddings": 6}),
    "electra": ("Electra", SIZE | {"embedding_size": 32}),
    "xlnet": ("XLNet", {"d_model": 32, "d_inner": 64, "n_layer": 2, "n_head": 4, "vocab_size": 100}),
    "xlm": ("XLM", {"emb_dim": 32, "n_layers": 2, "n_heads": 4, "vocab_size": 100}),
    "llama, both ways": ("Llama", GROUPED | {"is_causal": False}),
    "gemma3, both ways": ("Gemma3Text", GROUPED | {"head_dim": 8, "use_bidirectional_attention": True}),
}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def config_of(kind: tuple[str, dict[str, Any]]) -> PreTrainedConfig:
    name, settings = kind
    return getattr(transformers, f"{name}Config")(**settings)


def model_of(kind: tuple[str, dict[str, Any]], dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config_of(kind), dtype=dtype).eval()


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", DECODERS)
def test_decoders_pass(name: str, dtype: str) -> None:
    model = model_of(DECODERS[name], PRECISIONS[dtype])
    state = torch.get_rng_state()
    refuse_not_causal(model, name)
    assert torch.equal(state, torch.get_rng_state())  # a run's first weights are drawn after it


@pytest.mark.parametrize("name", NO_DECODERS)
def test_what_looks_ahead_is_found_out_whatever_its_class(name: str) -> None:
    model = model_of(NO_DECODERS[name])
    assert type(model).__name__.endswith(("ForCausalLM", "LMHeadModel"))
    with pytest.raises(Problem, match=r"^model\.path=here: \w+ is not causal: .* such as Qwen/Qwen3-0\.6B-Base"):
        refuse_not_causal(model, "here")


@pytest.mark.parametrize("name", ["llama, both ways", "gemma3, both ways"])
def test_what_looks_ahead_is_found_out_in_sixteen_bits(name: str) -> None:
    with pytest.raises(Problem, match="is not causal"):
        refuse_not_causal(model_of(NO_DECODERS[name], torch.bfloat16), name)


XLM = NO_DECODERS["xlm"][1]


@pytest.mark.parametrize("name", ["bert", "xlm-roberta", "xlm-roberta, 4 positions", "electra", "xlm"])
def test_encoders_pass_as_encoders(name: str) -> None:
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config_of(NO_DECODERS[name])).eval()
    state = torch.get_rng_state()
    refuse_causal(model, name)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("kind", [("XLM", XLM | {"causal": True}), ("Bert", SIZE | {"is_decoder": True})])
def test_what_does_not_look_ahead_is_no_encoder_whatever_its_class(kind: tuple[str, dict[str, Any]]) -> None:
    model = AutoModelForSequenceClassification.from_config(config_of(kind)).eval()
    with pytest.raises(Problem, match=r"^model\.path=here: \w+ForSequenceClassification is causal: .*xlm-roberta-base"):
        refuse_causal(model, "here")


def test_a_causal_encoder_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    config = config_of(("XLM", XLM | {"causal": True}))
    assert kind_of(config) == "encoder"  # all that its configuration tells
    folder = saved(transformers.XLMForSequenceClassification(config), tmp_path)
    with pytest.raises(Problem, match="is causal: its tokens do not see those that come after them"):
        load_base(ModelConfig(path=str(folder), kind="encoder"), head=Head("classes", ("a", "b")))


def test_one_layer_of_many_that_looks_ahead_is_enough() -> None:
    model = model_of(("Llama", GROUPED | {"num_hidden_layers": 6}))
    refuse_not_causal(model, "x")
    attention = model.model.layers[3].self_attn
    plain = attention.forward

    def both_ways(*args: Any, **named: Any) -> Any:
        mask = torch.zeros(1, 1, 16, 16)
        return plain(*args, **named | {"attention_mask": mask})

    attention.forward = both_ways
    with pytest.raises(Problem, match="LlamaForCausalLM is not causal"):
        refuse_not_causal(model, "x")


def test_a_process_without_weights_and_broken_weights_are_not_judged() -> None:
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config_of(NO_DECODERS["bert"]))
    refuse_not_causal(empty, "x")
    broken = model_of(DECODERS["llama"])
    nn.init.constant_(broken.lm_head.weight, float("nan"))
    refuse_not_causal(broken, "x")  # told as what it is, by the guards of training


# ---------------------------------------------------------------- folders


def saved(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


OTHERS: dict[str, tuple[type, str, dict[str, Any], str]] = {
    "t5's encoder": (
        transformers.T5EncoderModel, "T5",
        {"vocab_size": 100, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_heads": 4},
        "t5 is not a causal language model",
    ),
    "bert": (transformers.BertForMaskedLM, "Bert", SIZE, "bert is an encoder"),
    "e5": (transformers.XLMRobertaModel, "XLMRoberta", SIZE, "xlm-roberta is an encoder"),
    "llama": (transformers.LlamaForCausalLM, "Llama", GROUPED | {"is_causal": False}, "llama is not causal"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_the_configuration_is_enough_before_anything_is_built(name: str, tmp_path: Path) -> None:
    made, kind, settings, text = OTHERS[name]
    folder = saved(made(config_of((kind, settings))), tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")  # not looked at
    for load in (load_tokenizer, load_base):
        with pytest.raises(Problem) as caught:
            load(ModelConfig(path=str(folder)))
        assert str(caught.value).startswith(f"model.path={folder}: {text}") and len(str(caught.value)) < 450


def test_an_encoder_without_a_head_is_not_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(transformers.BertForMaskedLM(config_of(("Bert", SIZE))), tmp_path / "bert")
    assert main(["eval", "model=bert", "task=xnli"]) == 2
    assert "error: model.path=bert: bert is an encoder, which answers with a head" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "data"])
def test_commands_refuse_what_is_neither_before_they_read_a_row(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def read(*args: Any, **named: Any) -> None:
        raise AssertionError("rows were read")

    monkeypatch.setattr("mslt_it.data.rows.RowStore.load", read)
    saved(transformers.LlamaForCausalLM(config_of(("Llama", GROUPED | {"is_causal": False}))), tmp_path / "both")
    assert main([command, "recipe=xnli_3src", "model.path=both"]) == 2
    assert "error: model.path=both: llama is not causal" in capsys.readouterr().err


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_quantised_decoders_pass_and_can_still_be_merged(quantization: str, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    wide = GROUPED | {"hidden_size": 64, "intermediate_size": 128}
    folder = saved(model_of(("Llama", wide)), tmp_path / "plain")
    original = load_base(ModelConfig(path=str(folder)), device="cpu").state_dict()
    base = load_base(ModelConfig(path=str(folder)), AdapterConfig(quantization=quantization), device="cpu")
    found = dict(dequantized_weights(base))
    assert len(found) == 14
    for name, weight in found.items():
        stored = original[f"{name}.weight"]
        assert (weight.float() - stored).norm() / stored.norm() < 0.15
    # Of the same kind, told to look both ways.
    monkey = saved(model_of(("Llama", wide | {"is_causal": False})), tmp_path / "both")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base_model, "writing_class", lambda *_: AutoModelForCausalLM)
        with pytest.raises(Problem, match="LlamaForCausalLM is not causal"):
            load_base(ModelConfig(path=str(monkey)), AdapterConfig(quantization=quantization), device="cpu")
