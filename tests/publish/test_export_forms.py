"""An adapter for vLLM and a GGUF file: what others load gives what the run gave."""

from __future__ import annotations

import json
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from exported import WRITES, exported, live_logits, logits, problem, write_converter
from finished_run import change_adapter, make_run, reseal
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from mslt_it.integrations.vllm import max_lora_rank
from mslt_it.models.base_model import save_adapter
from mslt_it.models.finished_run import adapter_hash, read_run
from mslt_it.models.identity import load_trained_base
from mslt_it.problems import Problem
from mslt_it.publish import gguf
from mslt_it.publish.export import RECORD
from mslt_it.publish.vllm import WITHOUT_LORA, why_not_served

Runs = Callable[..., Path]

# ---------------------------------------------------------------- vLLM


def test_the_adapter_for_vllm_is_what_peft_loads(run: Path, bases: dict[str, Path], tmp_path: Path) -> None:
    from peft import PeftModel

    [made] = exported(run, tmp_path, "vllm", license="apache-2.0")
    config = json.loads((made.folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == str(bases["chat"]) and config["r"] == 4
    base = AutoModelForCausalLM.from_pretrained(bases["chat"])
    assert torch.equal(logits(PeftModel.from_pretrained(base, made.folder)), live_logits(run))
    assert made.record["vllm"] == {"rank": 4, "max_lora_rank": 8, "factors_rewritten": False}
    assert made.record["kind"] == "adapter"
    tensors = load_file(made.folder / "adapter_model.safetensors")
    assert all(re.fullmatch(r"base_model\.model\.model\.layers\.\d\..*\.lora_[AB]\.weight", name) for name in tensors)
    card = (made.folder / "README.md").read_text(encoding="utf-8")
    serve = f"vllm serve {bases['chat']} --enable-lora --max-lora-rank 8 --lora-modules xnli_3src=THIS_FOLDER"
    assert serve in card and '"stop_token_ids": [4]' in card and "v1/completions" in card


def test_ranks_and_scales_of_their_own_are_written_out(run: Path, bases: dict[str, Path], tmp_path: Path) -> None:
    """vLLM takes r, lora_alpha and use_rslora from the configuration and looks at no pattern."""
    from peft import LoraConfig, get_peft_model

    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    _, base, _ = load_trained_base(read_run(copy))
    config = LoraConfig(
        r=4,
        lora_alpha=12,
        target_modules=["q_proj", "down_proj"],
        rank_pattern={"q_proj": 2},
        alpha_pattern={"q_proj": 10},
        use_rslora=True,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    draw = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=draw) * 0.1
    expected = logits(model)
    save_adapter(model, copy / "adapter")
    reseal(copy, adapter_sha256=adapter_hash(copy / "adapter"))
    [made] = exported(copy, tmp_path / "out", "vllm")
    assert made.record["vllm"]["factors_rewritten"]
    tensors = load_file(made.folder / "adapter_model.safetensors")
    as_read = json.loads((made.folder / "adapter_config.json").read_text(encoding="utf-8"))
    scaling = as_read["lora_alpha"] / as_read["r"]
    assert not as_read["use_rslora"] and not as_read["rank_pattern"] and not as_read["alpha_pattern"]
    base = AutoModelForCausalLM.from_pretrained(bases["chat"])
    modules = dict(base.named_modules())
    for name, a in tensors.items():
        if name.endswith("lora_A.weight"):
            assert a.shape[0] == as_read["r"]
            module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            modules[module].weight.data += scaling * tensors[name.replace("lora_A", "lora_B")] @ a
    torch.testing.assert_close(logits(base), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("config", "architecture", "quantization", "rows", "reason"),
    [
        ({"use_dora": True}, "LlamaForCausalLM", "none", 0, "vLLM does not serve DoRA adapters"),
        ({}, "LlamaForCausalLM", "nf4", 0, "as bitsandbytes rounded it (nf4), which vLLM does not load"),
        ({"modules_to_save": ["lm_head"]}, "LlamaForCausalLM", "none", 0, "does not load modules_to_save (lm_head)"),
        ({"bias": "lora_only"}, "LlamaForCausalLM", "none", 0, "does not load trained biases"),
        ({}, "LlamaForCausalLM", "none", 3, "training added 3 rows to the base's vocabulary"),
        ({}, "BloomForCausalLM", "none", 0, "vLLM runs BloomForCausalLM without adapters"),
        ({"layer_replication": [[0, 2]]}, "LlamaForCausalLM", "none", 0, "not LoRA on linear modules alone ("),
        ({}, "LlamaForCausalLM", "none", 0, None),
    ],
)
def test_what_vllm_does_not_serve(
    config: dict[str, Any],
    architecture: str,
    quantization: str,
    rows: int,
    reason: str | None,
    run: Path,
    tmp_path: Path,
) -> None:
    shutil.copytree(run / "adapter", tmp_path / "adapter")
    file = tmp_path / "adapter" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    found = why_not_served(tmp_path / "adapter", architecture, quantization, rows)
    assert found is None if reason is None else reason in str(found)


def test_ranks_that_vllm_takes(run: Path, tmp_path: Path) -> None:
    assert [max_lora_rank(rank) for rank in (1, 8, 9, 64, 257, 512)] == [8, 8, 16, 64, 320, 512]
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    file = copy / "adapter" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"r": 600}))

    def widen(tensors: dict[str, torch.Tensor]) -> None:
        for name, tensor in tensors.items():
            shape = (600, tensor.shape[1]) if "lora_A" in name else (tensor.shape[0], 600)
            tensors[name] = torch.ones(shape)

    change_adapter(copy, widen)
    assert why_not_served(copy / "adapter", "LlamaForCausalLM", "none", 0) == (
        "its rank 600 is above 512, vLLM's largest"
    )


def test_an_adapter_that_vllm_cannot_serve_is_refused_before_anything_is_merged(run_of: Runs, tmp_path: Path) -> None:
    assert "BloomForCausalLM" in WITHOUT_LORA
    for run, reason in (
        (run_of("bloom"), "vLLM runs BloomForCausalLM without adapters"),
        (run_of("qwen3", "adapter.use_dora=true"), "vLLM does not serve DoRA adapters"),
    ):
        said = problem(run, tmp_path / "out", "safetensors", "vllm")
        assert f": {reason}. It serves the merged weights as they are: format=safetensors." in said
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- GGUF


@pytest.mark.parametrize("outtype", ["f16", "bf16", "q8_0"])
def test_the_converter_is_given_the_merged_model(outtype: str, run: Path, tmp_path: Path) -> None:
    converter = write_converter(tmp_path / "convert_hf_to_gguf.py")
    [made] = exported(run, tmp_path / "out", "gguf", converter=str(converter), outtype=outtype, name="boats")
    assert sorted(file.name for file in made.folder.iterdir()) == [
        "COMPLETE.json", "README.md", f"boats-{outtype}.gguf", RECORD, "prompts.json",
    ]  # fmt: skip
    assert made.record["gguf"]["file"] == f"boats-{outtype}.gguf" and made.record["gguf"]["outtype"] == outtype
    assert made.record["merge"]["comparison"]["together"]["num_prompts"] == 6
    head = (made.folder / f"boats-{outtype}.gguf").read_bytes()[:24]
    assert struct.unpack("<4sIQQ", head) == (b"GGUF", 3, 20, 5)
    card = (made.folder / "README.md").read_text(encoding="utf-8")
    assert (
        f"llama-server -m boats-{outtype}.gguf" in card
        and yaml.safe_load(card.split("---\n")[1])["library_name"] == "gguf"
    )


def gguf_of(file: Path, **told: bool | str) -> Path:
    """A header without tensors that says so of its tokenizer."""
    rows = [b""]
    for name, value in told.items():
        key = f"tokenizer.ggml.{name}".encode()
        kind = struct.pack("<I?", 7, value) if isinstance(value, bool) else struct.pack("<IQ", 8, len(value))
        rows += [struct.pack("<Q", len(key)), key, kind, b"" if isinstance(value, bool) else value.encode()]
    file.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, len(told)) + b"".join(rows))
    return file


@pytest.mark.parametrize(
    ("told", "bos", "sent", "is_other"),
    [
        ({"model": "gpt2", "add_bos_token": True}, "<s>", "Wahr?", False),  # llama.cpp would begin with two
        ({"model": "gpt2", "add_bos_token": False}, "<s>", "<s>Wahr?", False),
        ({"model": "gpt2"}, "<s>", "<s>Wahr?", False),
        ({"model": "llama"}, "<s>", "Wahr?", False),
        ({"model": "llama", "add_eos_token": True}, "<s>", "Wahr?", True),
        ({"model": "llama"}, "<b>", "<s>Wahr?", True),  # begins with another token, and llama.cpp adds its own
        ({"model": "llama", "add_bos_token": False}, None, "<s>Wahr?", False),
    ],
)
def test_the_request_leaves_out_what_llama_cpp_adds(
    told: dict[str, bool | str], bos: str | None, sent: str, is_other: bool, tmp_path: Path
) -> None:
    assert gguf.as_sent(gguf_of(tmp_path / "x.gguf", **told), "<s>Wahr?", bos) == (sent, is_other)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Path(out).write_bytes(b'GGUF' + bytes(99)); sys.exit('Model LlamaForCausalLM is not supported')",
         "failed with status 1 and said: Model LlamaForCausalLM is not supported. Nothing was written."),
        (WRITES.format(share=0.5), "the converter left it half-written"),
        ("", "ended well but wrote no xnli_3src-f16.gguf"),
        ("Path(out).write_bytes(bytes(10**6))", "it is not a GGUF file with tensors"),
        ("import nothing_of_that_name",
         "failed with status 1 and said: ModuleNotFoundError: No module named 'nothing_of_that_name'. Nothing was"),
    ],
)  # fmt: skip
def test_a_converter_that_fails_leaves_nothing(body: str, text: str, run: Path, tmp_path: Path) -> None:
    converter = write_converter(tmp_path / "convert_hf_to_gguf.py", body)
    assert text in problem(run, tmp_path / "out", "gguf", converter=str(converter))
    assert not list((tmp_path / "out").iterdir())


SCORED = """
def text(one):
    return struct.pack("<Q", len(one)) + one

told = text(b"tokenizer.ggml.model") + struct.pack("<I", 8) + text(b"llama")
told += text(b"tokenizer.ggml.scores") + struct.pack("<IIQ3f", 9, 6, 3, *{scores})
rest = 3 * (Path(model) / "model.safetensors").stat().st_size
Path(out).write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 1, 2) + told + bytes(rest))
"""


def test_a_vocabulary_without_scores_is_no_export(run: Path, tmp_path: Path) -> None:
    """llama.cpp cut 54 of 120 sentences of XNLI otherwise than in training, by such a file of Gemma's vocabulary."""
    for scores, is_refused in (((-1000.0, -1000.0, -1000.0), True), ((0.0, -1.0, -2.0), False)):
        converter = write_converter(tmp_path / "convert_hf_to_gguf.py", SCORED.format(scores=scores))
        if is_refused:
            said = problem(run, tmp_path / "out", "gguf", converter=str(converter))
            assert "all tokens of xnli_3src-f16.gguf the same score" in said and not list((tmp_path / "out").iterdir())
        else:
            assert exported(run, tmp_path / "out", "gguf", converter=str(converter))


def test_a_sentencepiece_model_comes_along(run_of: Runs, bases: dict[str, Path], tmp_path: Path) -> None:
    """transformers writes tokenizer.json alone; llama.cpp reads the tokenizers of Gemma and Llama 2 from this file."""
    base = Path(shutil.copytree(bases["gemma"], tmp_path / "base"))
    (base / "tokenizer.model").write_bytes(b"pieces")
    [made] = exported(make_run(tmp_path / "run", base), tmp_path / "out", dtype="float32")
    assert (made.folder / "tokenizer.model").read_bytes() == b"pieces"
    assert AutoTokenizer.from_pretrained(made.folder)("boats").input_ids


def test_where_the_converter_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    text = problem(run, tmp_path / "out", "gguf")
    assert text.startswith("format=gguf needs llama.cpp's convert_hf_to_gguf.py, which is not on PATH.")
    assert "converter=PATH" in text and not (tmp_path / "out").exists()
    on_path = write_converter(tmp_path / "bin" / gguf.CONVERTER)
    assert gguf.find_converter(None) == on_path
    checkout = write_converter(tmp_path / "llama.cpp" / gguf.CONVERTER)
    assert gguf.find_converter(str(checkout)) == gguf.find_converter(str(checkout.parent)) == checkout
    with pytest.raises(Problem, match=r"converter=nowhere\.py: there is no such file\."):
        gguf.find_converter("nowhere.py")
