"""Adapters are placed, saved, loaded and hashed; what does not fit is refused by name."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_run import tiny_adapted, tiny_model, tiny_recipe, tiny_tokenizer
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

from mslt_it.config.recipe import AdapterConfig, ModelConfig
from mslt_it.models.base_model import add_adapter, load_adapter, load_base, model_hash, save_adapter, tensors_hash
from mslt_it.models.environment import resolve_dtype
from mslt_it.models.finished_run import adapter_hash
from mslt_it.models.inputs import in_batches, longest_input
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.problems import Problem

QWEN3 = "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj"


@pytest.fixture
def adapter(tmp_path):
    model = tiny_adapted(tiny_recipe())
    save_adapter(model, tmp_path / "adapter")
    return tmp_path / "adapter"


def test_a_wrong_target_module_is_named_with_the_right_ones():
    with pytest.raises(Problem) as caught:
        add_adapter(tiny_model(), AdapterConfig(target_modules=("q_proj", "v_prj")), 0)
    text = str(caught.value)
    assert "'v_prj' is not a linear module of Qwen3ForCausalLM" in text
    assert "Did you mean 'v_proj'?" in text and QWEN3 in text and "lm_head" not in text


def test_all_linear_takes_every_linear_module_but_the_head():
    config = add_adapter(tiny_model("llama"), AdapterConfig(), 0).peft_config["default"]
    assert ", ".join(sorted(config.target_modules)) == QWEN3


def test_an_adapter_is_what_the_recipe_says():
    adapter = AdapterConfig(rank=3, alpha=12, dropout=0.25, use_rslora=True, use_dora=True, target_modules=("q_proj",))
    model = add_adapter(tiny_model(), adapter, 0)
    layers = [module for module in model.modules() if getattr(module, "lora_A", None)]
    assert len(layers) == 2 and all("q_proj" in name for name, p in model.named_parameters() if p.requires_grad)
    for layer in layers:
        assert layer.lora_A["default"].weight.shape == (3, 32) and layer.lora_dropout["default"].p == 0.25
        assert layer.scaling["default"] == pytest.approx(12 / 3**0.5) and "default" in layer.lora_magnitude_vector


def test_rows_go_through_a_model_longest_first_and_as_long_as_it_has_positions_for():
    assert in_batches([3, 9, 5, 1], 10) == [(1,), (2, 0), (3,)]  # the 9 alone, 2 x 5, and a third would make 15
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    roberta = XLMRobertaConfig(**shape, vocab_size=9, pad_token_id=1, max_position_embeddings=34)
    bert = BertConfig(**shape, vocab_size=9, max_position_embeddings=34)
    assert longest_input(XLMRobertaModel(roberta)) == 32  # as XLM-R, which has 514 and reads 512
    assert longest_input(BertModel(bert)) == 34 and longest_input(tiny_model("bloom")) == 1 << 30


def test_the_seed_alone_decides_the_first_weights(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.rand(3)  # whatever was drawn before
        save_adapter(add_adapter(tiny_model(), AdapterConfig(), seed), tmp_path / name)
    a, b, c = (adapter_hash(tmp_path / name) for name in "abc")
    assert a == b != c


def test_an_adapters_hash_read_from_its_file_is_that_of_its_tensors(tmp_path):
    kinds = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)
    tensors = {str(kind): torch.arange(6).reshape(2, 3).to(kind) for kind in kinds}
    tensors |= {"scalar": torch.tensor(3.0), "empty": torch.zeros(0, 3)}
    save_file(tensors, tmp_path / "adapter_model.safetensors", metadata={"format": "pt"})
    assert adapter_hash(tmp_path) == tensors_hash(tensors)


def test_saved_and_loaded_adapters_give_the_same_logits(tmp_path):
    model = tiny_adapted(tiny_recipe())
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.1)
    save_adapter(model, tmp_path)
    loaded = load_adapter(tiny_model(), tmp_path)
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        assert torch.equal(model.eval()(ids).logits, loaded(ids).logits)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert not any(p.requires_grad for n, p in loaded.named_parameters() if "lora_" not in n)


@pytest.mark.parametrize("how", ["missing key", "extra key", "shape", "nan", "no file", "halved", "other base"])
def test_damaged_or_foreign_adapters_are_refused(adapter, how):
    file = adapter / "adapter_model.safetensors"
    tensors = load_file(file)
    first = sorted(tensors)[0]
    if how == "missing key":
        del tensors[first]
    elif how == "extra key":
        tensors["something.else"] = torch.zeros(2)
    elif how == "shape":
        tensors[first] = torch.zeros(3, 3)
    elif how == "nan":
        tensors[first][0, 0] = torch.nan
    save_file(tensors, file)
    if how == "no file":
        file.unlink()
    elif how == "halved":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(Problem, match="Adapter"):
        load_adapter(tiny_model("bloom" if how == "other base" else "qwen3"), adapter)


def test_model_hash_is_the_same_for_folder_model_and_adapted_model(tmp_path):
    for kind in ("qwen3", "llama"):  # tied and untied head
        model = tiny_model(kind)
        model.save_pretrained(tmp_path / kind)
        expected = model_hash(tmp_path / kind)
        assert model_hash(model) == expected
        assert model_hash(add_adapter(model, AdapterConfig(), 0)) == expected


def test_load_base_from_a_folder_is_frozen_float32_on_a_cpu(tmp_path):
    tiny_model().save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    config = ModelConfig(path=str(tmp_path))
    base = load_base(config, device="cpu")
    assert base.dtype == torch.float32 and not any(p.requires_grad for p in base.parameters())
    assert load_tokenizer(config).pad_token_id == 0
    with pytest.raises(Problem, match=r"nowhere: there is no such folder\. Give that of a model"):
        load_base(ModelConfig(path=str(tmp_path / "nowhere")), device="cpu")
    assert resolve_dtype("bfloat16", torch.device("cpu")) == torch.bfloat16


def test_quantisation_without_bitsandbytes_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    tiny_model().save_pretrained(tmp_path)
    with pytest.raises(Problem, match="pip install bitsandbytes"):
        load_base(ModelConfig(path=str(tmp_path)), AdapterConfig(quantization="nf4"), device="cpu")
