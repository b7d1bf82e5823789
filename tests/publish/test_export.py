"""mslt export: what others load gives what the run gave; it is made once, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from exported import IDS, exported, files_of, live_logits, logits, merged_run, problem, write_converter
from finished_run import TEMPLATE
from forked import no_gpu, start, wait_for
from huggingface_hub import ModelCard
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor, LogitsProcessorList

from mslt_it import cli, values
from mslt_it.command import parse
from mslt_it.commands.export import COMMAND
from mslt_it.config.schema import keys
from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.scores import ScoreRow
from mslt_it.models.finished_run import read_run
from mslt_it.publish import export as exporting
from mslt_it.publish.model_card import Publication, model_card

Runs = Callable[..., Path]

# ---------------------------------------------------------------- safetensors


@pytest.mark.parametrize("kind", ["chat", "bloom", "gemma"])
def test_transformers_loads_it_with_the_merged_models_logits(kind: str, run_of: Runs, tmp_path: Path) -> None:
    run = run_of(kind)
    [made] = exported(run, tmp_path / "out", dtype="float32")
    merged = merged_run(run, tmp_path / "merged", dtype="float32", prompts=2).folder
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


# ---------------------------------------------------------------- once, whole, or not at all


def test_all_forms_are_merged_once_and_made_once(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []
    real = exporting.write_merged
    monkeypatch.setattr(exporting, "write_merged", lambda *a: (calls.append(a[1]), real(*a))[1])
    converter = write_converter(tmp_path / "convert_hf_to_gguf.py")
    out, forms = tmp_path / "out", ("gguf", "vllm", "safetensors")
    made = exported(run, out, *forms, converter=str(converter))
    assert [one.record["format"] for one in made] == ["safetensors", "vllm", "gguf"] and len(calls) == 1
    assert [one.record["kind"] for one in made] == ["model", "adapter", "gguf"]
    before = files_of(out)
    again = exported(run, out, *forms, converter=str(converter))
    assert not any(one.is_new for one in again) and files_of(out) == before and len(calls) == 1
    assert [one.record for one in again] == [json.loads(json.dumps(one.record)) for one in made]
    assert "was made from something else (dtype: bfloat16 there, float32 now)" in problem(run, out, dtype="float32")
    assert "(license: none there, mit now)" in problem(run, out, license="mit")
    assert files_of(out) == before


def test_a_torn_export_is_not_taken_for_done(run: Path, tmp_path: Path) -> None:
    [made] = exported(run, tmp_path)
    (made.folder / "README.md").unlink()
    said: list[str] = []
    assert (
        exported(run, tmp_path, say=said.append)[0].is_new
        and "safetensors is incomplete or damaged (README.md is missing)" in said[0]
    )
    assert not exported(run, tmp_path)[0].is_new


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


def _dies_half_way(run: Path, out: Path) -> int:
    real = exporting.write_merged

    def dies(*arguments: Any) -> None:
        real(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    exporting.write_merged = dies  # type: ignore[assignment]
    exported(run, out)
    return 0


@no_gpu
def test_killed_half_way_there_is_none(run: Path, tmp_path: Path) -> None:
    """Folders made whole or not at all are tested in test_store.py, at every point; here with what merging writes."""
    assert wait_for(start(lambda: _dies_half_way(run, tmp_path), Path(os.devnull))) == -signal.SIGKILL
    assert [p.name for p in tmp_path.iterdir()] == [".safetensors.part"]
    assert exported(run, tmp_path)[0].is_new
    assert [p.name for p in tmp_path.iterdir()] == ["safetensors"]


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
    assert data.language == ["de"]
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
    own = dataclasses.replace(recipe, task=dataclasses.replace(recipe.task, data="/home/me/rows", revision=None))
    text_of_own = model_card(own, [row], provenance, Publication("x"))
    assert "/home/me" not in text_of_own and "from files of its makers" in text_of_own
    assert "/home/me/rows" in model_card(own, [row], provenance)
    assert "toy" not in text and "c" * 40 in text and "first of 3 sets by l2v_syntax" in text
    assert "it loads and answers nonsense" in text and "Training data: not stated." in text
    assert model_card(recipe, [], provenance, Publication("x")).count("It was not scored.") == 1
    assert "license" not in yaml.safe_load(model_card(recipe, [row], provenance).split("---\n")[1])


def test_a_licence_is_a_name(run: Path, tmp_path: Path) -> None:
    said = "license='a\\nb' is not the name of a licence. Write for example mit."
    assert said in problem(run, tmp_path / "out", license="a\nb")


def test_what_is_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    assert values.is_hub_id("bigscience/bloom-7b1") and values.is_hub_id("models/yours")
    assert not any(values.is_hub_id(text) for text in ("world", "models/mine", "/models/x", "./a/b", "a/b/c"))


# ---------------------------------------------------------------- the command


def test_the_command_says_where_things_are(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", f"run={run}", "format=[vllm,safetensors]", f"out={tmp_path}", "prompts=2"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert f"safetensors: {tmp_path / 'safetensors'}\nvllm: {tmp_path / 'vllm'}\n" in printed
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out.count("already there, nothing was done") == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["out=x"],
            "run is missing: the folder that `mslt train` printed last. Write mslt export run=RUNFOLDER",
        ),
        (["run=x"], "out is missing."),
        (["run=x", "out=y", "format=[ggml]"], "format: 'ggml' is unknown. Did you mean 'gguf'?"),
        (["run=x", "out=y", "format=[]"], "format=[] is empty. Write format=[safetensors,vllm]."),
        (["run=x", "out=y", "dtype=float16"], "dtype=float16 is unknown. Did you mean 'bfloat16'?"),
        (["run=x", "out=y", "format=gguf", "outtype=q4"], "outtype=q4 is unknown."),
        (["run=x", "out=y", "outtype=q8_0"], "outtype has no effect on format=[safetensors], only on gguf."),
        (
            ["run=x", "out=y", "format=vllm", "dtype=float32"],
            "dtype has no effect on format=[vllm], which is not merged.",
        ),
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
    assert {*keys(COMMAND.options), "safetensors", "vllm", "gguf"} <= first
    assert parse(COMMAND, ["run=x", "out=y", "format=vllm"]).options.format == ("vllm",)
