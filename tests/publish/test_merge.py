"""A merged model answers as the live adapter does, is written whole or not at all, and is not made twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from exported import files_of, merged_run
from finished_run import FAMILIES, LANGUAGES, TEMPLATE, make_base, make_run, reseal
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from mslt_it import cli
from mslt_it.command import parse
from mslt_it.commands.merge import COMMAND
from mslt_it.models.base_model import load_adapter, read_adapter
from mslt_it.models.finished_run import read_run
from mslt_it.models.identity import load_trained_base
from mslt_it.problems import Problem
from mslt_it.publish import merge as merging
from mslt_it.publish.comparison import Outputs, compare, of_answers
from mslt_it.publish.merge import merged_model

Runs = Callable[..., Path]


@pytest.fixture(scope="session")
def lora(run_of: Runs) -> Path:
    return run_of("llama")


def live_logits(run: Path, ids: torch.Tensor) -> torch.Tensor:
    _, base, _ = load_trained_base(read_run(run))
    with torch.no_grad():
        return load_adapter(base, run / "adapter")(ids).logits


def test_merged_weights_are_the_base_plus_the_scaled_product(
    lora: Path, bases: dict[str, Path], tmp_path: Path
) -> None:
    """Against the definition, W + alpha/r B A, in float64."""
    record = merged_run(lora, tmp_path / "out", dtype="float32").record
    before, after = load_file(bases["llama"] / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    adapter = read_adapter(lora / "adapter")
    changed = set()
    assert before.keys() == after.keys()
    for name, weight in before.items():
        a = adapter.get(f"base_model.model.{name.removesuffix('.weight')}.lora_A.weight")
        if a is None:
            assert torch.equal(after[name], weight), name
            continue
        b = adapter[f"base_model.model.{name.removesuffix('.weight')}.lora_B.weight"]
        expected = weight.double() + 16 / 4 * b.double() @ a.double()
        torch.testing.assert_close(after[name].double(), expected, rtol=1e-6, atol=1e-6)
        changed.add(name)
    assert len(changed) == 14 == len(adapter) // 2
    assert record["comparison"]["together"]["relative_error"] <= 1e-5
    assert record["comparison"]["together"]["label_agreement"] == 1


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_family_is_written_in_bfloat16_and_read_by_transformers_alone(
    kind: str, run_of: Runs, tmp_path: Path
) -> None:
    run = run_of(kind)
    merge = merged_run(run, tmp_path / "out")
    figures = merge.record["comparison"]
    assert merge.is_new and [c["language"] for c in figures["languages"]] == list(LANGUAGES)
    assert 1e-5 < figures["together"]["relative_error"] <= 1e-2
    stored = load_file(merge.folder / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    model = AutoModelForCausalLM.from_pretrained(merge.folder, dtype=torch.float32).eval()
    assert AutoTokenizer.from_pretrained(merge.folder)("boats behind").input_ids
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert tied is (kind != "llama") and ("lm_head.weight" in stored) is not tied
    ids = torch.arange(6, 40)[None]
    expected = live_logits(run, ids)
    with torch.no_grad():
        error = (model(ids).logits - expected).norm() / expected.norm()
    assert error <= 1e-2


def test_bfloat16_is_rounded_once_from_float32(lora: Path) -> None:
    run = read_run(lora)
    tokenizer, _, trained = load_trained_base(run)
    exact = merged_model(run, trained, "none", "float32", tokenizer).state_dict()
    rounded = merged_model(run, trained, "none", "bfloat16", tokenizer).state_dict()
    assert all(torch.equal(rounded[name], tensor.to(torch.bfloat16)) for name, tensor in exact.items())


@pytest.mark.parametrize(
    ("overrides", "limit"),
    [
        (("adapter.use_dora=true",), 1e-5),
        (("adapter.use_rslora=true",), 1e-5),
        (("adapter.quantization=nf4", "adapter.use_dora=true"), 1e-5),
        (("adapter.quantization=int8",), 0.1),  # the live model rounds its activations to 8 bits
    ],
)
def test_relatives_of_lora(overrides: tuple[str, ...], limit: float, run_of: Runs, tmp_path: Path) -> None:
    run = run_of("qwen3", *overrides)
    record = merged_run(run, tmp_path / "out", dtype="float32").record
    assert record["comparison"]["together"]["relative_error"] <= limit


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_base_trained_in_bfloat16(dtype: str, run_of: Runs, tmp_path: Path) -> None:
    run = run_of("qwen3", "model.dtype=bfloat16")
    comparison = merged_run(run, tmp_path / "out", dtype=dtype).record["comparison"]
    assert comparison["dtype"] == dtype  # the wider of the two
    assert comparison["together"]["relative_error"] <= 3e-2  # the live model's own arithmetic is in bfloat16


def test_where_a_run_was_trained_may_have_another_default_dtype(bases: dict[str, Path], tmp_path: Path) -> None:
    """dtype=auto on a GPU is bfloat16, on a CPU float32; an exported adapter does not say which it was."""
    run = make_run(tmp_path / "run", bases["qwen3"], "model.dtype=auto")
    content = json.loads((run / "results.json").read_text(encoding="utf-8"))
    del content["provenance"]["base_dtype"]
    content["provenance"]["environment"] = {"gpus": ["a GPU"]}
    (run / "results.json").write_text(json.dumps(content), encoding="utf-8")
    reseal(run)
    record = merged_run(run, tmp_path / "out", dtype="float32").record
    assert record["base_dtype"] == "float32" and record["comparison"]["together"]["relative_error"] <= 1e-5


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_a_resized_vocabulary_is_merged_with_its_rows(quantization: str, tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", "qwen3", new_tokens=3, template=TEMPLATE)
    run = make_run(tmp_path / "run", base, f"adapter.quantization={quantization}")
    record = merged_run(run, tmp_path / "out", dtype="float32").record
    assert record["comparison"]["together"]["relative_error"] <= 1e-5
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.chat_template == TEMPLATE
    rows = model.get_input_embeddings().weight.shape[0]
    assert rows == len(tokenizer) == load_file(base / "model.safetensors")["model.embed_tokens.weight"].shape[0] + 3
    assert record["num_embedding_rows"] == rows


@pytest.mark.parametrize("end", ["lm_head", "embed_tokens"])
def test_an_adapter_on_one_of_two_tied_matrices_leaves_the_other_alone(
    end: str, bases: dict[str, Path], run_of: Runs, tmp_path: Path
) -> None:
    from peft import LoraConfig, get_peft_model

    from mslt_it.models.base_model import save_adapter
    from mslt_it.models.finished_run import adapter_hash

    run = Path(shutil.copytree(run_of("qwen3"), tmp_path / "run"))
    _, base, _ = load_trained_base(read_run(run))
    model = get_peft_model(base, LoraConfig(r=4, target_modules=[end, "q_proj"], task_type="CAUSAL_LM"))
    draw = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=draw) * 0.1
    save_adapter(model, run / "adapter")
    reseal(run, adapter_sha256=adapter_hash(run / "adapter"))
    record = merged_run(run, tmp_path / "out", dtype="float32").record
    assert record["comparison"]["together"]["relative_error"] <= 1e-5
    before, after = load_file(bases["qwen3"] / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    kept, moved = "model.embed_tokens.weight", "lm_head.weight"
    if end == "embed_tokens":
        kept, moved = moved, kept
    assert torch.equal(after[kept], before["model.embed_tokens.weight"])
    assert not torch.allclose(after[moved], before["model.embed_tokens.weight"], atol=1e-2)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["tie_word_embeddings"] is False


# ---------------------------------------------------------------- once, whole, or not at all


def test_the_same_merge_is_not_made_twice_and_another_one_is_refused(lora: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = merged_run(lora, out)
    before = files_of(out)
    again = merged_run(lora, out)
    assert (first.is_new, again.is_new) == (True, False) and again.record == json.loads(json.dumps(first.record))
    assert files_of(out) == before and [p.name for p in tmp_path.iterdir()] == ["out"]
    with pytest.raises(Problem, match=r"was made from something else \(dtype: bfloat16 there, float32 now\)"):
        merged_run(lora, out, dtype="float32")
    assert files_of(out) == before


def test_a_torn_merge_is_not_taken_for_done(lora: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    merged_run(lora, out)
    (out / "model.safetensors").write_bytes((out / "model.safetensors").read_bytes()[:-100])
    said: list[str] = []
    assert merged_run(lora, out, say=said.append).is_new
    assert said[0].startswith(f"{out} is incomplete or damaged (model.safetensors is not what was saved")
    assert not merged_run(lora, out).is_new


def test_too_little_disk_is_told_before_anything_is_written(
    lora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**20))
    monkeypatch.setattr(PreTrainedModel, "save_pretrained", lambda *arguments: pytest.fail("something was written"))
    with pytest.raises(Problem, match=r"Not enough disk space .* 32.2 MiB needed, 1.0 MiB available"):
        merged_run(lora, tmp_path / "out")
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- the comparison, the command


def test_the_figures_are_what_their_definitions_say() -> None:
    p, q = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]), torch.tensor([[0.3, 0.6, 0.1], [0.1, 0.1, 0.8]])
    scores = torch.tensor([[1.0, 2.0], [2.0, 1.0]]).numpy()
    live, other = {"xx": Outputs(2, [p.log()], scores)}, {"xx": Outputs(2, [q.log() + 3], scores[::-1])}
    together, [each] = compare(live, other)
    expected = float((p[0] * (p[0] / q[0]).log()).sum())
    assert each.kl_max == pytest.approx(expected, rel=1e-6) and together.kl_mean == pytest.approx(
        expected / 2, rel=1e-6
    )
    assert each.argmax_agreement == 0.5 and each.label_agreement == 0 and each.num_prompts == 2
    a, b = (x.log().double() - x.log().double().mean(-1, keepdim=True) for x in (p, q))
    assert each.relative_error == pytest.approx(float((a - b).norm() / a.norm()), rel=1e-5)
    broken = {"xx": Outputs(2, [q.log() * torch.nan], scores)}
    with pytest.raises(Problem, match="The merged model gives values that are not finite on prompts in 'xx'"):
        compare(live, broken)
    with pytest.raises(Problem, match="gives every token the same score on prompts in 'xx'"):
        compare({"xx": Outputs(2, [torch.ones(2, 3)], scores)}, other)


def test_answers_that_are_text_have_no_label_to_agree_on(bases: dict[str, Path]) -> None:
    model = AutoModelForCausalLM.from_pretrained(bases["llama"], dtype=torch.float32)
    rows = (((5, 6, 7), (8, 9)), ((9, 8), (7,)))
    found = {"xx": of_answers(rows, (), model, batch_tokens=100, pad_id=0)}
    with torch.no_grad():
        whole = model(torch.tensor([[5, 6, 7, 8, 9]])).logits[0]
    torch.testing.assert_close(torch.cat(list(found["xx"].logits))[:2], whole[2:4])  # what predicts 8 and 9
    together, each = compare(found, found)
    assert together.label_agreement is None and together.num_prompts == 2 and together.relative_error == 0
    merging.refuse_beyond(merging.limits("none", "none", ("float32", "float32")), together, each)
    with pytest.raises(Problem, match=r"No prompt fits into data\.max_length_tokens"):
        compare(*2 * [{"xx": of_answers((), (), model, batch_tokens=100, pad_id=0)}])


def test_strategies_are_for_quantised_runs(lora: Path, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"strategy=original is for runs with adapter\.quantization.* Leave strategy out"):
        merged_run(lora, tmp_path / "out", strategy="original")
    with pytest.raises(Problem, match=r"strategy=dequantised is unknown\. Did you mean 'dequantized'"):
        merged_run(lora, tmp_path / "out", strategy="dequantised")
    with pytest.raises(Problem, match=r"dtype=float16 is unknown\. Did you mean"):
        merged_run(lora, tmp_path / "out", dtype="float16")


def test_the_command_prints_a_line_per_language(lora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["merge", f"run={lora}", f"out={tmp_path / 'out'}", "dtype=float32", "prompts=2"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in printed.splitlines() if line}
    for code in LANGUAGES:
        assert lines[code][1] == "2" and lines[code][-1] == "1.0000"
    assert lines["all"][1] == "6"
    assert f"Merged model: {tmp_path / 'out'}" in printed
    record = json.loads((tmp_path / "out" / "merge.json").read_bytes())
    assert record["comparison"]["together"]["num_prompts"] == 6 and record["inputs"]["strategy"] == "none"
    assert cli.main(arguments) == 0
    assert "already merged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["out=x"], "run is missing: the folder that `mslt train` printed last."),
        (["run=x", "out=y", "dtyp=float32"], "Unknown key 'dtyp'. Did you mean 'dtype'"),
        (["x"], "'x' is not KEY=VALUE"),
        (["run=x", "run=y"], "run is given twice"),
        (["run=x", "out="], "out= has no value"),
        (["run=x", "out=y", "prompts=many"], "prompts=many is not a whole number"),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], said: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(COMMAND, arguments)
    assert said in str(caught.value)


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["merge", "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {key}=" in printed for key in ("run", "out", "strategy", "dtype", "prompts"))
