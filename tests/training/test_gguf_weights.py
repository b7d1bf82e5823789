"""GGUF files as bases: read once, kept whole or not at all, used as any other base; packages that hold one."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

from mslt_it import cli, predict, store
from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import ModelConfig
from mslt_it.models import gguf_weights, packaged
from mslt_it.models.base_model import load_base
from mslt_it.models.gguf_header import read_header
from mslt_it.models.gguf_weights import FOLDER, gemma_tokenizer
from mslt_it.models.packaged import Package, with_reachable_base
from mslt_it.models.tokenizers import load_tokenizer, model_path, terms_and_origin
from mslt_it.problems import Problem
from mslt_it.publish import gguf as publish_gguf
from mslt_it.store import COMPLETE, file_sha256
from mslt_it.world.generator import task_examples

TEXT = "Die Katze schläft."


def small_llama() -> LlamaForCausalLM:
    shape = {"vocab_size": 320, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    torch.manual_seed(3)
    config = LlamaConfig(
        **shape, num_attention_heads=4, num_key_value_heads=2, initializer_range=0.1, rms_norm_eps=1e-5
    )
    return LlamaForCausalLM(config).eval()


def as_llama_cpp(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """llama.cpp rotates neighbouring pairs where transformers rotates halves of a head."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(
    file: Path,
    model: LlamaForCausalLM,
    *,
    quantised: bool = False,
    architecture: str = "llama",
    stretched: str = "",
    pieces: str = "gpt-2",
    vocabulary: str = "gpt2",
) -> Path:
    """``model`` with a byte-level tokenizer; its matrices in 8 bits where asked for.

    ``stretched``: how its positions are, as llama.cpp writes it; of Llama 3.1's a tensor alone says so.
    ``pieces``: the name of how text is cut before bytes are merged. ``vocabulary``: of SentencePiece's ("llama") all
    tokens have one score, as llama.cpp's converter writes them where it finds no tokenizer.model.
    """
    config = model.config
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_name("small")
    writer.add_context_length(512)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(16)
    if stretched == "llama3":
        writer.add_tensor("rope_freqs.weight", np.linspace(1, 8, 8, dtype=np.float32))
    elif stretched:
        writer.add_rope_scaling_type(gguf.RopeScalingType(stretched))
        writer.add_rope_scaling_factor(8.0)
    writer.add_vocab_size(config.vocab_size)
    tokens = ["<pad>", "</s>", "<s>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "ei", "en"]
    tokens += [f"unused{i}" for i in range(config.vocab_size - len(tokens))]
    writer.add_tokenizer_model(vocabulary)
    if vocabulary == "llama":
        writer.add_token_scores([-1000.0] * len(tokens))
    if pieces:
        writer.add_tokenizer_pre(pieces)
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3] + [1] * (len(tokens) - 3))
    writer.add_token_merges(["e i", "e n"])
    writer.add_pad_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_bos_token_id(2)
    for name, tensor in gguf_tensors(model).items():
        values = tensor.detach().numpy()
        if quantised and values.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, np.ascontiguousarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def gguf_tensors(model: LlamaForCausalLM) -> dict[str, torch.Tensor]:
    own = {"token_embd": model.model.embed_tokens, "output_norm": model.model.norm, "output": model.lm_head}
    for i, layer in enumerate(model.model.layers):
        attention, mlp = layer.self_attn, layer.mlp
        own |= {
            f"blk.{i}.attn_norm": layer.input_layernorm,
            f"blk.{i}.attn_q": attention.q_proj,
            f"blk.{i}.attn_k": attention.k_proj,
            f"blk.{i}.attn_v": attention.v_proj,
            f"blk.{i}.attn_output": attention.o_proj,
            f"blk.{i}.ffn_norm": layer.post_attention_layernorm,
            f"blk.{i}.ffn_gate": mlp.gate_proj,
            f"blk.{i}.ffn_up": mlp.up_proj,
            f"blk.{i}.ffn_down": mlp.down_proj,
        }
    heads = {"attn_q": model.config.num_attention_heads, "attn_k": model.config.num_key_value_heads}
    return {
        f"{name}.weight": as_llama_cpp(module.weight, heads[name.rpartition(".")[2]])
        if name.rpartition(".")[2] in heads
        else module.weight
        for name, module in own.items()
    }


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "small.gguf", small_llama(), quantised=True)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(gguf_weights, "_WHOLE", set())
    return tmp_path / "cache" / "mslt_it" / FOLDER


def test_weights_and_tokens_are_those_of_the_file(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, ids = small_llama(), torch.arange(2, 22)[None]
    plain = ModelConfig(path=str(write_gguf(tmp_path / "plain.gguf", model)))
    base, tokenizer = load_base(plain, device="cpu"), load_tokenizer(plain)
    torch.testing.assert_close(base(ids).logits, model(ids).logits, rtol=1e-4, atol=1e-5)
    assert tokenizer.decode(tokenizer(TEXT).input_ids) == TEXT
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (2, 1, 0)
    assert tokenizer.chat_template is None and base.config.dtype == torch.float32
    (folder,) = [path for path in cache.iterdir() if path.is_dir()]
    assert folder.name == file_sha256(Path(plain.path)) and not (folder / "source").exists()
    # A copy under another name is the same file: it is not read again, in this process or the next.
    monkeypatch.setattr(gguf_weights, "_make", None)
    monkeypatch.setattr(gguf_weights, "_WHOLE", set())
    copy = tmp_path / "other.GGUF"
    copy.write_bytes(Path(plain.path).read_bytes())
    assert model_path(ModelConfig(path=str(copy))) == str(folder)


def test_a_quantised_base_is_trained_merged_and_exported_as_any_other(
    file: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train = f"train recipe=xnli_3src model.path={file} data.num_examples_total=12 training.max_steps=2 output_dir=run"
    assert cli.main([*train.split(), "sources=[de]", "targets=[tr]", "scoring.num_examples_per_language=6"]) == 0
    provenance = json.loads(Path("run/results.json").read_text(encoding="utf-8"))["provenance"]
    assert provenance["gguf_sha256"] == file_sha256(file)
    assert provenance["gguf_tensors"] == {"Q8_0": 16, "F32": 5}
    card = Path("run/adapter/README.md").read_text(encoding="utf-8")
    assert "dequantised from a GGUF file (16 tensors Q8_0, 5 tensors F32)" in card

    def converted(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        """What llama.cpp's converter does; in a process of its own it takes seconds to import torch."""
        write_gguf(Path(command[4]), LlamaForCausalLM.from_pretrained(command[2]))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(publish_gguf, "subprocess", SimpleNamespace(run=converted))
    Path("convert_hf_to_gguf.py").touch()
    forms = ["format=[safetensors,gguf]", "converter=convert_hf_to_gguf.py", "dtype=float32", "prompts=4"]
    assert cli.main(["export", "run=run", *forms, "out=exported"]) == 0  # merged, too
    merged = load_base(ModelConfig(path="exported/safetensors"), device="cpu")
    assert getattr(merged.config, "quantization_config", None) is None
    assert "exported" in capsys.readouterr().out
    items = {item.id: dict(item.fields) for item in task_examples("tr", "test")}
    lines = [json.loads(line) for line in Path("run/predictions/tr.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [items[line["id"]] for line in lines]
    for folder in ("run", "exported/safetensors", "exported/gguf"):
        found = list(predict(folder, rows, language="tr"))
        assert [row["label"] for row in found] == [line["adapter_prediction"] for line in lines], folder


def test_an_architecture_that_transformers_cannot_read_is_named(cache: Path, tmp_path: Path) -> None:
    other = write_gguf(tmp_path / "other.gguf", small_llama(), architecture="rwkv9")
    with pytest.raises(Problem, match=r"files of the architecture 'rwkv9'\. It reads: .*gemma3.*qwen3"):
        load_tokenizer(ModelConfig(path=str(other)))
    encoder = write_gguf(tmp_path / "t5.gguf", small_llama(), architecture="t5")
    with pytest.raises(Problem, match="architecture 't5'"):
        load_tokenizer(ModelConfig(path=str(encoder)))
    assert not [path for path in cache.iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        (b"", "not a GGUF file"),
        (b"PK\x03\x04 something else", "not a GGUF file"),
        (b"GGUF\x03\x00\x00\x00", "truncated or damaged"),
        (b"GGUF" + b"\xff" * 400, "truncated or damaged"),
    ],
)
def test_what_is_no_gguf_file_is_said_to_be_none(content: bytes | None, said: str, cache: Path, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.gguf").write_bytes(content)
    with pytest.raises(Problem, match=said):
        load_tokenizer(ModelConfig(path=str(tmp_path / "a.gguf")))


def test_a_file_cut_off_anywhere_is_refused(file: Path, cache: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    for length in (40, 2000, 9000, len(whole) - 100):
        (tmp_path / "cut.gguf").write_bytes(whole[:length])
        with pytest.raises(Problem, match=r"cut\.gguf"):
            load_tokenizer(ModelConfig(path=str(tmp_path / "cut.gguf")))


def test_tensors_that_are_missing_are_not_made_up(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_one(model: Any) -> dict[str, torch.Tensor]:
        return {name: t for name, t in real(model).items() if name != "blk.1.ffn_up.weight"}

    real = gguf_tensors
    monkeypatch.setattr(sys.modules[__name__], "gguf_tensors", without_one)
    torn = write_gguf(tmp_path / "torn.gguf", small_llama())
    with pytest.raises(Problem, match=r"1 tensor of LlamaForCausalLM not in the GGUF file \(first: .*up_proj"):
        load_tokenizer(ModelConfig(path=str(torn)))


def test_killed_while_it_is_made_there_is_none_and_the_next_makes_it(file: Path, cache: Path) -> None:
    child = os.fork()
    if child == 0:  # killed when the weights are written and not yet sealed
        store.seal = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        torch.set_num_threads(1)
        model_path(ModelConfig(path=str(file)))
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    sha256 = file_sha256(file)
    assert (cache / f".{sha256}.part").is_dir() and not (cache / sha256).exists()
    folder = Path(model_path(ModelConfig(path=str(file))))
    assert (folder / COMPLETE).is_file() and not (cache / f".{sha256}.part").exists()
    # Damaged later: made again.
    (folder / "model.safetensors").write_bytes(b"")
    gguf_weights._WHOLE.clear()
    assert load_base(ModelConfig(path=str(file)), device="cpu").config.num_hidden_layers == 2


def test_without_the_package_gguf_it_is_named(file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Problem, match=r"need the package gguf: pip install -e '\.\[gguf\]'"):
        load_tokenizer(ModelConfig(path=str(file)))


@pytest.mark.parametrize(
    ("stretched", "said"),
    [("llama3", "rope_freqs.weight"), ("linear", "rope.scaling.type=linear"), ("yarn", "rope.scaling.type=yarn")],
)
def test_scaled_positions_which_the_reader_passes_over_are_refused(
    stretched: str, said: str, tmp_path: Path, cache: Path
) -> None:
    file = write_gguf(tmp_path / "long.gguf", small_llama(), stretched=stretched)
    with pytest.raises(Problem, match=re.escape(f"its rotary positions are scaled ({said})")):
        model_path(ModelConfig(path=str(file)))
    assert not any(path.is_dir() and COMPLETE in {one.name for one in path.iterdir()} for path in cache.glob("*"))
    plain = write_gguf(tmp_path / "plain.gguf", small_llama(), stretched="none")
    assert load_base(ModelConfig(path=str(plain)), device="cpu").config.rope_parameters["rope_type"] == "default"


@pytest.mark.parametrize("pieces", ["bloom", "deepseek-llm", ""])
def test_texts_that_would_be_cut_as_gpt2_cuts_them_are_refused(pieces: str, tmp_path: Path, cache: Path) -> None:
    """BLOOM's pieces keep vowel signs: กี่ is one of them, and two of GPT-2's."""
    file = write_gguf(tmp_path / "other.gguf", small_llama(), pieces=pieces)
    with pytest.raises(Problem, match=rf"as '{pieces or 'not said'}' says .* as GPT-2 does"):
        load_tokenizer(ModelConfig(path=str(file)))


def test_a_vocabulary_without_scores_is_refused(tmp_path: Path, cache: Path) -> None:
    """transformers cut 733 of 1,200 sentences of XNLI otherwise than Gemma's own tokenizer, read from such a file."""
    file = write_gguf(tmp_path / "other.gguf", small_llama(), vocabulary="llama")
    with pytest.raises(Problem, match="all tokens of its vocabulary have the same score"):
        load_tokenizer(ModelConfig(path=str(file)))


def test_pieces_are_those_that_the_file_names(tmp_path: Path, cache: Path) -> None:
    file = write_gguf(tmp_path / "llama3.gguf", small_llama(), pieces="llama-bpe")
    try:
        split = load_tokenizer(ModelConfig(path=str(file))).backend_tokenizer.pre_tokenizer
    except Problem as problem:  # releases of transformers that do not know the name
        assert "llama-bpe" in str(problem)
        return
    assert len(split.pre_tokenize_str("1234 x")) == 3  # up to three digits; GPT-2 takes all


def test_the_header_is_what_the_package_gguf_reads(file: Path) -> None:
    header, expected = read_header(file), gguf.GGUFReader(file)
    assert header.values["general.architecture"] == "llama" and header.values["tokenizer.ggml.model"] == "gpt2"
    found = [(int(t.tensor_type), len(t.shape)) for t in expected.tensors]
    assert header.types == {kind: found.count(kind) for kind in found}
    assert header.names == {t.name for t in expected.tensors}


def test_gemmas_tokens_are_put_together_as_its_vocabulary_says(tmp_path: Path) -> None:
    special, spaces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"], ["  ", "   "]
    tokens = [*special, *spaces, "ab", "▁ab", "abc", "bc", "▁", "a", "b", "c", "<0xC3>", "<0xA9>"]
    writer = gguf.GGUFWriter(tmp_path / "gemma.gguf", "gemma3")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3, 2, 3, 4, 4] + [1] * (len(tokens) - 9) + [6, 6])
    writer.add_bos_token_id(2)
    writer.add_add_bos_token(True)
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    tokenizer = gemma_tokenizer(tmp_path / "gemma.gguf")
    assert tokenizer.tokenize("abc ab  bcé<mask>") == ["abc", "▁ab", "▁▁", "bc", "<0xC3>", "<0xA9>", "<mask>"]
    assert tokenizer("a").input_ids == [2, tokens.index("a")] and len(tokenizer) == len(tokens)
    assert tokenizer.decode(tokenizer("abc ab  bcé").input_ids, skip_special_tokens=True) == "abc ab  bcé"


# ---------------------------------------------------------------- packages


@pytest.fixture
def package(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two distributions as pip leaves them, with the halves of the file; and no hub."""
    whole, site = file.read_bytes(), tmp_path / "site"
    for number, part in enumerate((whole[:5000], whole[5000:])):
        name = f"small_gguf_part{number + 1}"
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text("raise SystemExit('never imported')\n")
        (site / name / f"small.gguf.part{number:02}").write_bytes(part)
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: small-gguf-part{number + 1}\nVersion: 1.0\n")
        (info / "RECORD").write_text(f"{name}/__init__.py,,\n{name}/small.gguf.part{number:02},,\n")
    monkeypatch.syspath_prepend(site)
    known = {"small-gguf": Package("owner/small", 2, file_sha256(file), "8 bits a weight")}
    monkeypatch.setattr(packaged, "PACKAGES", known)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    packaged._reachable.cache_clear()
    importlib.invalidate_caches()
    return site


def test_a_package_stands_in_for_a_model_that_the_hub_cannot_give(package: Path, cache: Path) -> None:
    recipe = with_reachable_base(load_recipe("xnli_3src", ["model.path=owner/small"]))
    assert recipe.model.path == "package:small-gguf"
    assert load_base(recipe.model, device="cpu").config.num_hidden_layers == 2
    assert terms_and_origin(recipe.model) == ["Base: owner/small from the installed package, 8 bits a weight."]
    pinned = load_recipe("xnli_3src", ["model.path=owner/small", "model.revision=abc"])
    assert with_reachable_base(pinned) == pinned
    elsewhere = load_recipe("xnli_3src", ["model.path=owner/another"])
    assert with_reachable_base(elsewhere) == elsewhere


def test_one_message_names_both_ways(package: Path) -> None:
    (package / "small_gguf_part2" / "small.gguf.part01").unlink()
    with pytest.raises(Problem, match=r"owner/small is not.* in the local cache.*pip install gguf small-gguf-part1 "):
        with_reachable_base(load_recipe("xnli_3src", ["model.path=owner/small"]))


def test_another_content_of_the_package_is_refused(package: Path, cache: Path) -> None:
    with (package / "small_gguf_part2" / "small.gguf.part01").open("ab") as part:
        part.write(b"x")
    with pytest.raises(Problem, match=r"damaged, or not the one that is known here .*--force-reinstall"):
        load_tokenizer(ModelConfig(path="package:small-gguf"))
    assert not [path for path in cache.iterdir() if path.is_dir()]
    with pytest.raises(Problem, match=r"no such package is known here. Did you mean 'small-gguf'"):
        load_tokenizer(ModelConfig(path="package:smal-gguf"))


def test_scale_tiny_is_a_package_that_is_known() -> None:
    path = load_recipe("xnli_3src", ["scale=tiny"]).model.path
    assert path in [package.original for package in packaged.PACKAGES.values()]
    assert "Gemma Terms of Use" in packaged.TERMS["gemma3_text"]
