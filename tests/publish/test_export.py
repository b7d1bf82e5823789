"""mslt export: what others load gives what the run gave; it is made once, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import re
import shutil
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from finished_run import TEMPLATE, change_adapter, make_run, quiet, reseal
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor, LogitsProcessorList

from mslt_it import cli
from mslt_it.command import parse
from mslt_it.commands.export import COMMAND, Options
from mslt_it.config.schema import keys
from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.scores import ScoreRow
from mslt_it.integrations.vllm import max_lora_rank
from mslt_it.models.base_model import adapter_hash, load_adapter, save_adapter
from mslt_it.models.identity import load_trained_base, read_run
from mslt_it.problems import Problem
from mslt_it.publish import export as exporting
from mslt_it.publish import gguf
from mslt_it.publish.export import RECORD, Export, Request, export
from mslt_it.publish.merge import merge_run
from mslt_it.publish.model_card import Publication, is_hub_id, model_card
from mslt_it.publish.vllm import WITHOUT_LORA, why_not_served
from mslt_it.records import to_plain

Runs = Callable[..., Path]
IDS = torch.arange(6, 40)[None]


@pytest.fixture(scope="module")
def run(run_of: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with a chat template whose end token is not the tokenizer's end of sequence; with scores."""
    folder = Path(shutil.copytree(run_of("chat"), tmp_path_factory.mktemp("scored") / "run"))
    rows = [
        ScoreRow("xnli", "adapter", "direct", "de", "source", "accuracy", 6, 0.8333, 0.4, 0.97, 0.3, 0.53, 0.1, 0.9),
        ScoreRow("xnli", "adapter", "direct", "tr", "target", "accuracy", 6, 0.5, 0.2, 0.8, 0.3, 0.2, -0.1, 0.5),
        ScoreRow(
            "xnli", "adapter", "direct", "en", "target", "accuracy", 6, *[None] * 7, status="invalid", reason="adapter"
        ),
    ]
    content = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    content["results"] = [to_plain(row) for row in rows]
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")
    reseal(folder, num_examples=60)
    return folder


@pytest.fixture(scope="module")
def merged(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("merged") / "chat"
    return merge_run(run, out, prompts_per_language=2, say=quiet).folder


def exported(run: Path, out: Path, *formats: str, **options: Any) -> list[Export]:
    options.setdefault("prompts", 2)
    return export(Request(out=out, formats=formats or ("safetensors",), run=run, **options), quiet)


def live_logits(run: Path) -> torch.Tensor:
    finished = read_run(run)
    _, base, _ = load_trained_base(finished)
    return logits(load_adapter(base, finished.adapter))


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(IDS).logits
    return found


def problem(*arguments: Any, **options: Any) -> str:
    with pytest.raises(Problem) as caught:
        exported(*arguments, **options)
    return str(caught.value)


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(f.relative_to(folder)): (f.stat().st_mtime_ns, f.stat().st_size) for f in folder.rglob("*")}


# ---------------------------------------------------------------- safetensors


@pytest.mark.parametrize("kind", ["chat", "bloom", "gemma"])
def test_transformers_loads_it_with_the_merged_models_logits(kind: str, run_of: Runs, tmp_path: Path) -> None:
    run = run_of(kind)
    [made] = exported(run, tmp_path / "out", dtype="float32")
    merged = merge_run(run, tmp_path / "merged", dtype="float32", prompts_per_language=2, say=quiet).folder
    model = AutoModelForCausalLM.from_pretrained(made.folder)
    assert torch.equal(logits(model), logits(AutoModelForCausalLM.from_pretrained(merged)))
    torch.testing.assert_close(logits(model), live_logits(run), atol=1e-3, rtol=1e-4)
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert tied is (kind != "chat")
    assert made.record["merge"]["comparison"]["together"]["relative_error"] <= 1e-3
    assert made.record["kind"] == "model" and not (made.folder / "merge.json").exists()
    assert {file.stat().st_mode & 0o777 for file in made.folder.iterdir()} == {0o644}  # a server may read them


class _Says(LogitsProcessor):
    """Makes the model say these tokens, whatever it would."""

    def __init__(self, tokens: list[int], start: int) -> None:
        self.tokens, self.start = tokens, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        forced = torch.full_like(scores, -1e9)
        forced[:, self.tokens[input_ids.shape[1] - self.start]] = 0.0
        return forced


def test_generation_stops_where_training_did(run: Path, tmp_path: Path) -> None:
    """At the template's end token, which is not the tokenizer's; the base's own settings would go on."""
    [made] = exported(run, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(made.folder)
    model = AutoModelForCausalLM.from_pretrained(made.folder)
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    settings = model.generation_config
    assert (settings.eos_token_id, settings.pad_token_id, settings.do_sample) == (end, 0, False)
    assert settings.max_new_tokens == read_run(run).recipe.task.max_answer_tokens
    assert end != tokenizer.eos_token_id and made.record["end_token_id"] == end
    assert Encoder(tokenizer, 100).end_id == end and tokenizer.chat_template == TEMPLATE
    says = LogitsProcessorList([_Says([9, tokenizer.eos_token_id, 8, end, 7, 7], IDS.shape[1])])
    found = model.generate(IDS, logits_processor=says)[0, IDS.shape[1] :].tolist()
    assert found == [9, tokenizer.eos_token_id, 8, end]
    assert "An answer ends with the token `<|end|>` (4)" in (made.folder / "README.md").read_text(encoding="utf-8")


def test_nothing_of_this_machine_is_told(run: Path, bases: dict[str, Path], tmp_path: Path) -> None:
    """Paths of the base and of the run are nobody's business once it is published."""
    [made] = exported(run, tmp_path)
    for file in made.folder.iterdir():
        if file.suffix in (".json", ".md"):
            text = file.read_text(encoding="utf-8")
            assert str(bases["chat"].parent) not in text and str(tmp_path) not in text, file.name


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


def test_the_merged_model_stands_in_for_an_adapter_that_vllm_cannot_serve(run_of: Runs, tmp_path: Path) -> None:
    assert "BloomForCausalLM" in WITHOUT_LORA
    run = run_of("bloom")
    said: list[str] = []
    [made] = export(Request(out=tmp_path / "out", formats=("vllm",), run=run, prompts=2), said.append)
    assert said[-1] == (
        "vllm: the merged model is exported instead of the adapter: vLLM runs BloomForCausalLM without adapters."
    )
    assert made.record["kind"] == "model" and made.record["why_merged"] in said[-1]
    assert AutoModelForCausalLM.from_pretrained(made.folder).dtype == torch.bfloat16
    dora = run_of("qwen3", "adapter.use_dora=true")
    [made] = exported(dora, tmp_path / "out2", "vllm")
    assert made.record["why_merged"] == "vLLM does not serve DoRA adapters"
    assert made.record["merge"]["inputs"]["dtype"] == "bfloat16"


# ---------------------------------------------------------------- GGUF

_CONVERTER = """
import json, struct, sys
from pathlib import Path

model, flag, out, kind, outtype = sys.argv[1:]
assert (flag, kind) == ("--outfile", "--outtype"), sys.argv
for name in ("config.json", "model.safetensors", "tokenizer.json"):
    assert (Path(model) / name).is_file(), name
{body}
"""
_WRITES = """
size = {{"f16": 2, "bf16": 2, "q8_0": 34 / 32}}[outtype]
weights = int(size / 2 * (Path(model) / "model.safetensors").stat().st_size)
Path(out).write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 20, 5) + bytes(int({share} * weights)))
"""


def write_converter(file: Path, body: str = _WRITES.format(share=1)) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!{sys.executable}\n" + _CONVERTER.replace("{body}", body.replace("{{", "{").replace("}}", "}")))
    file.chmod(0o755)
    return file


@pytest.mark.parametrize("outtype", ["f16", "bf16", "q8_0"])
def test_the_converter_is_given_the_merged_model(outtype: str, run: Path, merged: Path, tmp_path: Path) -> None:
    converter = write_converter(tmp_path / "convert_hf_to_gguf.py")
    options = {"model": merged} if outtype != "f16" else {}
    [made] = exported(run, tmp_path / "out", "gguf", converter=str(converter), outtype=outtype, name="boats", **options)
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


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Path(out).write_bytes(b'GGUF' + bytes(99)); sys.exit('Model LlamaForCausalLM is not supported')",
         "failed with status 1 and said: Model LlamaForCausalLM is not supported. Nothing was written."),
        (_WRITES.format(share=0.5), "the converter left it half-written"),
        ("", "ended well but wrote no xnli_3src-f16.gguf"),
        ("Path(out).write_bytes(bytes(10**6))", "it is not a GGUF file with tensors"),
        ("import nothing_of_that_name",
         "failed with status 1 and said: ModuleNotFoundError: No module named 'nothing_of_that_name'. Nothing was"),
    ],
)  # fmt: skip
def test_a_converter_that_fails_leaves_nothing(body: str, text: str, run: Path, merged: Path, tmp_path: Path) -> None:
    converter = write_converter(tmp_path / "convert_hf_to_gguf.py", body)
    assert text in problem(run, tmp_path / "out", "gguf", converter=str(converter), model=merged)
    assert not list((tmp_path / "out").iterdir())


def test_a_sentencepiece_model_comes_along(run_of: Runs, bases: dict[str, Path], tmp_path: Path) -> None:
    """transformers writes tokenizer.json alone; llama.cpp reads the tokenizers of Gemma and Llama 2 from this file."""
    base = Path(shutil.copytree(bases["gemma"], tmp_path / "base"))
    (base / "tokenizer.model").write_bytes(b"pieces")
    [made] = exported(make_run(tmp_path / "run", base), tmp_path / "out", dtype="float32")
    assert (made.folder / "tokenizer.model").read_bytes() == b"pieces"
    assert AutoTokenizer.from_pretrained(made.folder)("boats").input_ids


def test_where_the_converter_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    text = problem(run, tmp_path / "out", "gguf")
    assert text.startswith("format=gguf needs llama.cpp's convert_hf_to_gguf.py, which is not on PATH.")
    assert "LLAMA_CPP" in text and "converter=PATH" in text and not (tmp_path / "out").exists()
    on_path = write_converter(tmp_path / "bin" / gguf.CONVERTER)
    assert gguf.find_converter(None) == on_path
    checkout = write_converter(tmp_path / "llama.cpp" / gguf.CONVERTER)
    monkeypatch.setenv("LLAMA_CPP", str(checkout.parent))
    assert gguf.find_converter(None) == checkout and gguf.find_converter(str(on_path)) == on_path
    assert gguf.find_converter(str(on_path.parent)) == on_path
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    with pytest.raises(Problem, match=r"LLAMA_CPP=.*: there is no convert_hf_to_gguf\.py in it\."):
        gguf.find_converter(None)
    with pytest.raises(Problem, match=r"converter=nowhere\.py: there is no such file\."):
        gguf.find_converter("nowhere.py")


# ---------------------------------------------------------------- once, whole, or not at all


def test_all_forms_are_merged_once_and_made_once(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []
    real = exporting.write_merged
    monkeypatch.setattr(exporting, "write_merged", lambda *a: (calls.append(a[1]), real(*a))[1])
    converter = write_converter(tmp_path / "convert_hf_to_gguf.py")
    out, forms = tmp_path / "out", ("gguf", "vllm", "safetensors")
    made = exported(run, out, *forms, converter=str(converter))
    assert [one.format for one in made] == ["safetensors", "vllm", "gguf"] and len(calls) == 1
    assert [one.record["kind"] for one in made] == ["model", "adapter", "gguf"]
    before = files_of(out)
    again = exported(run, out, *forms, converter=str(converter))
    assert not any(one.is_new for one in again) and files_of(out) == before and len(calls) == 1
    assert [one.record for one in again] == [json.loads(json.dumps(one.record)) for one in made]
    assert "was made of something else (dtype: bfloat16 there, float32 now)" in problem(run, out, dtype="float32")
    assert "(license: none there, mit now)" in problem(run, out, license="mit")
    assert files_of(out) == before


def test_a_torn_export_is_not_taken_for_done(merged: Path, tmp_path: Path) -> None:
    request = Request(out=tmp_path, formats=("safetensors",), model=merged)
    [made] = export(request, quiet)
    (made.folder / "README.md").unlink()
    said: list[str] = []
    assert export(request, said.append)[0].is_new and "safetensors is not whole (README.md is missing)" in said[0]
    assert not export(request, said.append)[0].is_new


@pytest.mark.parametrize("form", ["safetensors", "vllm", "gguf"])
def test_too_little_disk_is_told_before_anything_is_written(
    form: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converter = write_converter(tmp_path / "convert_hf_to_gguf.py", "sys.exit('was run')")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**20))
    options = {"converter": str(converter)} if form == "gguf" else {}
    assert "1.0 MiB available. Free some space" in problem(run, tmp_path / "out", form, **options)
    assert not list((tmp_path / "out").iterdir())


def test_a_full_disk_half_way_leaves_nothing(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *arguments: Any, **options: Any) -> int:
        if self.name == "README.md":
            raise OSError(28, "No space left on device")
        return real(self, *arguments, **options)

    real = Path.write_text
    monkeypatch.setattr(Path, "write_text", full)
    text = problem(run, tmp_path / "out", "vllm")
    assert "vllm could not be written: [Errno 28] No space left on device. What was there is as it was." in text
    assert not list((tmp_path / "out").iterdir())


def _dies_half_way(request: Request) -> None:
    real = exporting.write_merged

    def dies(*arguments: Any) -> None:
        real(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    exporting.write_merged = dies  # type: ignore[assignment]
    export(request, quiet)


def test_killed_half_way_there_is_none(run: Path, tmp_path: Path) -> None:
    """Folders made whole or not at all are tested in test_store.py, at every point; here with what merging writes."""
    request = Request(out=tmp_path, formats=("safetensors",), prompts=2, run=run)
    process = multiprocessing.get_context("spawn").Process(target=_dies_half_way, args=(request,))
    process.start()  # not forked: it would wait for threads that it does not have
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert [p.name for p in tmp_path.iterdir()] == [".safetensors.part"]
    assert export(request, quiet)[0].is_new
    assert [p.name for p in tmp_path.iterdir()] == ["safetensors"]


# ---------------------------------------------------------------- a model that mslt merge made


def test_a_merged_folder_is_exported_as_it_is(run: Path, merged: Path, tmp_path: Path) -> None:
    converter = write_converter(tmp_path / "convert_hf_to_gguf.py")
    forms = ("safetensors", "vllm", "gguf")
    request = Request(out=tmp_path / "a", formats=forms, model=merged, converter=str(converter))
    plain, vllm, _ = export(request, quiet)
    for made in (plain, vllm):
        assert (made.folder / "model.safetensors").read_bytes() == (merged / "model.safetensors").read_bytes()
    assert vllm.record["why_merged"].startswith("model= has no adapter any more")
    card = (plain.folder / "README.md").read_text(encoding="utf-8")
    assert "they were not at hand" in card and "trained in de" in card and "Base model: not stated." in card
    assert plain.record["base"] == "chat" and not export(request, quiet)[0].is_new

    both = Request(out=tmp_path / "b", formats=("safetensors",), model=merged, run=run)
    [made] = export(both, quiet)
    assert not exported(run, tmp_path / "b")[0].is_new  # the run alone gives the same
    assert "| de German | seen | 6 | 83.3 |" in (made.folder / "README.md").read_text(encoding="utf-8")
    assert (made.folder / "model.safetensors").read_bytes() == (merged / "model.safetensors").read_bytes()


def test_a_folder_that_is_no_merge_or_another_runs_is_refused(
    run: Path, bases: dict[str, Path], tmp_path: Path
) -> None:
    def refused(**options: Any) -> str:
        with pytest.raises(Problem) as caught:
            export(Request(out=tmp_path / "out", formats=("safetensors",), **options), quiet)
        return str(caught.value)

    assert "there is no merge.json of a merge in it" in refused(model=bases["chat"])
    other = make_run(tmp_path / "other", bases["chat"])
    change_adapter(other, lambda tensors: tensors.update({k: v * 2 for k, v in tensors.items()}))
    merged = merge_run(other, tmp_path / "merged", prompts_per_language=2, say=quiet).folder
    assert "was merged from another adapter (sha256" in refused(model=merged, run=run)
    assert "float32: model=" in refused(model=merged, dtype="float32")
    weights = merged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + bytes(4))
    assert "is not as it was merged (model.safetensors is not what was saved" in refused(model=merged)
    assert not (tmp_path / "out").exists()


def test_a_damaged_run_is_refused(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "results.json").write_text("{}", encoding="utf-8")
    assert "results.json is not what was saved" in problem(copy, tmp_path / "out")


# ---------------------------------------------------------------- the card


def test_the_card_is_what_hubs_read(run: Path, tmp_path: Path) -> None:
    [made] = exported(run, tmp_path, license="Apache-2.0", data_license="CC BY-NC 4.0", name="boats-de")
    text = (made.folder / "README.md").read_text(encoding="utf-8")
    data = ModelCard(text).data
    assert (data.license, data.library_name, data.pipeline_tag) == ("apache-2.0", "transformers", "text-generation")
    assert data.language == ["de"] and data.model_name == "boats-de"
    found = [(r.dataset_config, r.metric_type, r.metric_value, r.task_type) for r in data.eval_results]
    assert found == [
        ("de", "accuracy", 0.8333, "text-classification"),
        ("tr", "accuracy", 0.5, "text-classification"),
    ]  # the invalid one is no result
    assert "base_model" not in yaml.safe_load(text.split("---\n")[1])  # a folder is no repository
    for part in (
        "# boats-de", "| de German | seen | 6 | 83.3 | 40.0 to 97.0 |", "| tr Turkish | unseen | 6 | 50.0 |",
        "invalid | adapter", "60 labelled rows in de together", "Base model: Apache-2.0. Training data: CC BY-NC 4.0.",
        "nothing about xnli itself", "compared with it on 6 prompts",
        read_run(run).provenance["adapter_sha256"], read_run(run).provenance["base_sha256"], "| seed | 0 |",
        "`chat` with a LoRA adapter (rank 4)",
    ):  # fmt: skip
        assert part in text, part


def test_the_card_names_base_data_set_and_revision_of_a_hub(run: Path) -> None:
    finished = read_run(run)
    recipe = dataclasses.replace(
        finished.recipe,
        sources=("no", "zh-Hant"),
        model=dataclasses.replace(finished.recipe.model, path="bigscience/bloom-7b1"),
        task=dataclasses.replace(finished.recipe.task, data="facebook/xnli", revision="a" * 40),
        select=dataclasses.replace(finished.recipe.select, note="no, zh-Hant: first of 3 sets by l2v_syntax"),
    )
    row = ScoreRow("xnli", "adapter", "direct", "sw", "target", "accuracy", 9, 0.5, 0.2, 0.8, 0.3, 0.2, -0.1, 0.5)
    provenance = {**finished.provenance, "model_commit": "c" * 40}
    text = model_card(recipe, [row], provenance, Publication("x", "adapter", license="Our own (2)"))
    head = yaml.safe_load(text.split("---\n")[1])
    assert head["base_model"] == "bigscience/bloom-7b1" and head["base_model_relation"] == "adapter"
    assert head["language"] == ["no", "zh-Hant"] and head["datasets"] == ["facebook/xnli"]
    assert (head["license"], head["license_name"]) == ("other", "our-own-2")
    [result] = head["model-index"][0]["results"]
    assert result["dataset"] | {"name": ""} == {
        "name": "", "type": "facebook/xnli", "config": "sw", "split": "test", "revision": "a" * 40,
    }  # fmt: skip
    own = dataclasses.replace(recipe, task=dataclasses.replace(recipe.task, data="/home/me/rows", revision=None))
    text_of_own = model_card(own, [row], provenance, Publication("x"))
    assert "/home/me" not in text_of_own and "from files of its makers" in text_of_own
    assert "type: local-files" in text_of_own and "/home/me/rows" in model_card(own, [row], provenance)
    assert "toy" not in text and "c" * 40 in text and "first of 3 sets by l2v_syntax" in text
    assert "it loads and answers nonsense" in text and "Training data: not stated." in text
    assert model_card(recipe, [], provenance, Publication("x")).count("It was not scored.") == 1
    assert "license" not in yaml.safe_load(model_card(recipe, [row], provenance).split("---\n")[1])
    with pytest.raises(Problem, match=r"license='a\\nb' is not the name of a licence\. Write for example mit\."):
        Publication("x", license="a\nb")


def test_what_is_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    assert is_hub_id("bigscience/bloom-7b1") and is_hub_id("models/yours")
    assert not any(is_hub_id(text) for text in ("world", "models/mine", "/models/x", "./a/b", "a/b/c"))


# ---------------------------------------------------------------- the command


def test_the_command_says_where_things_are(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", f"run={run}", "format=[vllm,safetensors]", f"out={tmp_path}", "prompts=2"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert f"safetensors: {tmp_path / 'safetensors'}\nvllm: {tmp_path / 'vllm'}\n" in printed
    assert cli.main([*arguments, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(one["format"], one["is_new"]) for one in shown["exports"]] == [("safetensors", False), ("vllm", False)]
    assert shown["exports"][0]["record"]["kind"] == "model" and shown["pushed"] is None
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out.count("already there, nothing was done") == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["out=x"], "run is missing. Write mslt export run=RUNFOLDER 'format=[safetensors]' out=DIR."),
        (["run=x"], "out is missing."),
        (["run=x", "out=y", "format=[ggml]"], "format: 'ggml' is unknown. Did you mean 'gguf'?"),
        (["run=x", "out=y", "format=[]"], "format=[] is empty. Write format=[safetensors,vllm]."),
        (["run=x", "out=y", "dtype=float16"], "dtype=float16 is unknown. Did you mean 'bfloat16'?"),
        (["run=x", "out=y", "format=gguf", "outtype=q4"], "outtype=q4 is unknown."),
        (["run=x", "out=y", "outtype=q8_0"], "outtype has no effect on format=[safetensors], only on gguf."),
        (["run=x", "out=y", "private=true"], "private has no effect without push=OWNER/NAME."),
        (["run=x", "out=y", "format=[vllm,gguf]", "push=a/b"], "push=a/b takes one format, and there are 2"),
        (["run=x", "out=y", "licence=mit"], "Unknown key 'licence'. Did you mean 'license'?"),
        (["run=/nowhere/at/all", "out=y"], "run=/nowhere/at/all: there is no such folder."),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", *arguments]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and text in shown and shown.count("\n") == 1


def test_a_name_is_one_of_a_file(run: Path, tmp_path: Path) -> None:
    assert "name='../x' cannot be a file's name" in problem(run, tmp_path, name="../x")


def test_help_names_every_option_and_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", "--help"]) == 0
    first = {line.split()[0].partition("=")[0] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert {*keys(Options), "safetensors", "vllm", "gguf", "--json"} <= first
    assert parse(COMMAND, ["run=x", "out=y", "format=vllm"]).options.format == ("vllm",)
