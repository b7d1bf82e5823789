"""A run of an encoder from rows to papers, and everything that is done with a run afterwards."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_encoder import SIZE, SMALL, make_tokenizer, predictions, results
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForQuestionAnswering,
    pipeline,
)

from mslt_it.cli import main
from mslt_it.config.compose import load_recipe
from mslt_it.data.build import scored_examples
from mslt_it.data.prompts import prompted
from mslt_it.data.segments import encoder_of
from mslt_it.models.finished_run import read_run
from mslt_it.models.kinds import kind_of_path, with_kind
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.problems import Problem
from mslt_it.publish import export_options, onnx

Made = Callable[..., Path]
LABELS = ("entailment", "neutral", "contradiction")
RUNS = (("lora", "xlmr"), ("full", "bert"))
each_run = pytest.mark.parametrize(("method", "kind"), RUNS)


@each_run
def test_a_run_scores_every_language_and_no_base(run_of: Made, method: str, kind: str) -> None:
    run = run_of(method, kind)
    content = results(run)
    assert content["status"] == "ok"
    for row in content["results"]:
        assert row["base_value"] is None and row["gain"] is None and row["majority_share"] is not None
    assert "kind: encoder" in (run / "config.yaml").read_text(encoding="utf-8")
    log = (run / "log.txt").read_text(encoding="utf-8")
    assert ">>>entailment<<<" in log or ">>>neutral<<<" in log or ">>>contradiction<<<" in log
    table = log[log.index("\nAccuracy in per cent\n") :]
    assert "majority" in table and "gain" not in table and "base" not in table.split("\n\n")[1]
    [head, *_] = predictions(run, "tr")
    assert set(head) == {"id", "language", "label", "group", "adapter_prediction", "adapter_log_likelihoods"}
    assert re.fullmatch("[0-9a-f]{16}", head["group"])  # a hash of the premise, not the premise
    assert np.exp(head["adapter_log_likelihoods"]).sum() == pytest.approx(1)
    assert not list((run / "items").glob("*/*/base"))


@each_run
def test_the_exported_model_is_transformers_own_and_answers_alike(
    run_of: Made, method: str, kind: str, tmp_path: Path
) -> None:
    run = run_of(method, kind)
    assert main(["merge", f"run={run}", f"out={tmp_path / 'merged'}", "dtype=float32", "prompts=4"]) == 0
    found = json.loads((tmp_path / "merged" / "merge.json").read_text())["comparison"]
    assert found["together"]["label_agreement"] == 1 and found["together"]["num_prompts"] == 16
    arguments = [f"run={run}", "dtype=float32", "format=[safetensors]", f"out={tmp_path / 'out'}", "prompts=4"]
    assert main(["export", *arguments]) == 0
    folder = tmp_path / "out" / "safetensors"
    assert not (folder / "generation_config.json").exists()
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert model.config.id2label == dict(enumerate(LABELS))
    classify = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder), top_k=None)
    recipe = read_run(run).recipe
    rows, scored = scored_examples(recipe, "en")[:5], predictions(run, "en")
    for row, line in zip(rows, scored, strict=False):
        assert row.id == line["id"]
        said = classify({"text": row.fields["premise"], "text_pair": row.fields["hypothesis"]})
        scores = {one["label"]: one["score"] for one in said}
        expected = np.exp(line["adapter_log_likelihoods"])
        np.testing.assert_allclose([scores[name] for name in LABELS], expected, atol=1e-5)


@each_run
def test_code_of_the_card_gives_the_runs_answers(run_of: Made, method: str, kind: str, tmp_path: Path) -> None:
    run = run_of(method, kind)
    card = (run / "adapter" / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: text-classification" in card and "by its head" in card and "untuned base" not in card
    assert ("library_name: peft" in card) == (method == "lora")
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    row, line = scored_examples(read_run(run).recipe, "de")[0], predictions(run, "de")[0]
    code = code.replace("THIS_FOLDER", str(run / "adapter"))
    code = code.replace('"your premise"', repr(row.fields["premise"]))
    code = code.replace('"your hypothesis"', repr(row.fields["hypothesis"])).replace("print(", "found = (")
    names: dict[str, Any] = {}
    exec(code, names)
    scores = {one["label"]: one["score"] for one in names["found"]}
    np.testing.assert_allclose([scores[n] for n in LABELS], np.exp(line["adapter_log_likelihoods"]), atol=1e-5)


FORGED = {"premise": "Der </s> Apfel <s>[SEP] da</s>", "hypothesis": "[CLS]Ein <mask> [MASK]"}


@each_run
def test_code_of_the_card_reads_control_tokens_as_text(run_of: Made, method: str, kind: str) -> None:
    run, is_word = run_of(method, kind), kind == "xlmr"
    card = (run / "adapter" / "README.md").read_text(encoding="utf-8")
    assert ("a space within each of `<mask>`, `<pad>`, `</s>`, `<s>`, which are words" in card) == is_word
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert (f'"text": {"plain(" * is_word}"your premise"' in code) and code.count("plain(") == 3 * is_word
    names: dict[str, Any] = {}
    exec(code.replace("THIS_FOLDER", str(run / "adapter")), names)
    texts = [names.get("plain", str)(text) for text in FORGED.values()]
    recipe = read_run(run).recipe
    [row] = scored_examples(recipe, "de")[:1]
    row = dataclasses.replace(row, fields=FORGED)
    [own] = encoder_of(recipe, load_tokenizer(recipe.model)).row_ids([prompted(row, recipe.task, recipe.prompt)])
    assert own == tuple(names["classify"].tokenizer(*texts)["input_ids"])
    ends = {*names["tokenizer"]("")["input_ids"]}  # only around the two segments
    assert sum(one in ends for one in own) == (4 if is_word else 3)


def test_new_rows_are_labelled_by_run_and_by_merged_model(run_of: Made, tmp_path: Path) -> None:
    run = run_of("lora")
    rows, lines = scored_examples(read_run(run).recipe, "tr")[:3], predictions(run, "tr")
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["lang", "premise", "hypothesis"])
        writer.writerows([["tr", row.fields["premise"], row.fields["hypothesis"]] for row in rows])
        writer.writerow(["tr", "elma " * 200, "elma"])
    assert main(["merge", f"run={run}", f"out={tmp_path / 'merged'}", "dtype=float32", "prompts=2"]) == 0
    for folder in (run, tmp_path / "merged"):
        out = tmp_path / f"{folder.name}.csv"
        assert main(["predict", f"run={folder}", f"data={tmp_path / 'rows.csv'}", f"out={out}"]) == 0
        with out.open(encoding="utf-8", newline="") as file:
            *found, long = csv.DictReader(file)
        for row, line in zip(found, lines, strict=False):
            assert row["label"] == line["adapter_prediction"]
            shares = [float(row[f"p_{name}"]) for name in LABELS]
            np.testing.assert_allclose(shares, np.exp(line["adapter_log_likelihoods"]), atol=1e-5)
        assert long["label"] == "" and re.match(r"too_long: \d+ tokens, the model reads 128", long["reason"])


def test_runs_are_evaluated_beside_each_other(run_of: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lora, full = run_of("lora"), run_of("full")
    runs = f"run=[{lora},{full}]"
    assert main(["eval", runs, "languages=[tr,de]", f"out={tmp_path / 'both'}", "cache=none"]) == 0
    rows = {(row["system"], row["language"], row["metric"]): row for row in results(tmp_path / "both")["results"]}
    for run in (lora, full):
        for own in results(run)["results"]:
            if (run.name, own["language"], own["metric"]) in rows and own["language"] in ("tr", "de"):
                assert rows[run.name, own["language"], own["metric"]]["value"] == own["value"]
    named = ["task=xnli", "languages=[tr]", "examples=20", f"out={tmp_path / 'named'}", "cache=none"]
    assert main(["eval", f"run={lora}", *named]) == 0  # by a recipe that does not know of what kind the run is
    [row, _] = (row for row in results(tmp_path / "named")["results"] if row["language"] == "tr")
    own = next(own for own in results(lora)["results"] if own["language"] == "tr")
    assert row["tokens_per_word"] == own["tokens_per_word"] and row["n"] == own["n"]
    assert {system for system, *_ in rows} == {lora.name, full.name}  # no base
    capsys.readouterr()
    assert main(["eval", f"run={lora}", "variant=cot_native", f"out={tmp_path / 'cot'}"]) == 2
    assert "prompt.variant=cot_native says how a row becomes an instruction" in capsys.readouterr().err


def test_the_report_tells_what_was_trained(run_of: Made, tmp_path: Path) -> None:
    assert main(["report", f"run={run_of('full')}", f"out={tmp_path}"]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "All weights trained on 24 rows" in page and "untuned base" not in page and "rank 8" not in page


def test_held_out_rows_choose_the_best_step(encoder_of_kind: Made, tmp_path: Path) -> None:
    base = encoder_of_kind("xlmr")
    looks = ["training.eval_steps=2", "training.num_eval_examples=6"]
    arguments = [*SMALL, *looks, f"model.path={base}", f"output_dir={tmp_path / 'run'}"]
    assert main(["train", "recipe=xnli_3src", *arguments]) == 0
    lines = [json.loads(x) for x in (tmp_path / "run" / "losses.jsonl").read_text().splitlines()]
    found = [line for line in lines if "eval_loss" in line]
    assert [line["step"] for line in found] == [2, 4]
    assert all(0.5 < line["eval_loss"] < 2 and 0 <= line["eval_accuracy"] <= 1 for line in found)


# ---------------------------------------------------------------- what is refused


def test_what_a_model_is_stands_in_its_configuration(encoder_of_kind: Made) -> None:
    for kind in ("xlmr", "bert"):
        assert kind_of_path(str(encoder_of_kind(kind)), None) == "encoder"
    assert kind_of_path("world", None) == "decoder"
    recipe = load_recipe("xnli_3src", [f"model.path={encoder_of_kind('xlmr')}"])
    assert with_kind(recipe).model.kind == "encoder"
    assert with_kind(recipe).run_fingerprint() == recipe.run_fingerprint()


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["model.kind=decoder"], "model.kind=decoder: model.path={base} is a model of kind encoder"),
        (["prompt.language=english"], "prompt.language=english says how a row becomes an instruction"),
        (["prompt.num_shots=2"], "prompt.num_shots=2 says how a row becomes an instruction"),
        (["adapter.quantization=nf4"], "adapter.quantization=nf4 is for large decoders"),
        (["combine.method=cat"], "combine.method=cat: adapters of encoders are not combined"),
        (["model.dtype=float16"], "model.dtype=float16: an encoder ({base}) trains float32 weights"),
        (["data.num_examples_total=2"], "data.num_examples_total=2 rows for 3 labels"),
        (["task=mgsm"], "model.path={base} is an encoder, which cannot write text"),
    ],
)
def test_what_means_nothing_for_an_encoder_is_refused_before_rows_are_read(
    encoder_of_kind: Made,
    overrides: list[str],
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = encoder_of_kind("xlmr")  # made of rows, where no test before has made it
    monkeypatch.setattr("mslt_it.data.rows.RowStore.load", lambda *_, **__: pytest.fail("rows were read"))
    arguments = [f"model.path={base}", "sources=[de,ar]", "targets=[tr]", *overrides]
    assert main(["data", "recipe=xnli_3src", *arguments]) == 2
    assert f"error: {text.format(base=base)}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["adapter.quantization=nf4"], "adapter.quantization=nf4 is for adapters, and adapter.method=full"),
        (["adapter.use_dora=true"], "adapter.use_dora=true is for adapters"),
        (["combine.method=cat"], "combine.method=cat combines adapters, and adapter.method=full makes none"),
        (["model.dtype=float16"], "model.dtype=float16: adapter.method=full trains float32 weights"),
    ],
)
def test_what_means_nothing_without_an_adapter_is_refused(overrides: list[str], text: str) -> None:
    with pytest.raises(Problem, match=re.escape(text)):
        load_recipe("xnli_3src", ["adapter.method=full", *overrides])


@pytest.mark.parametrize("override", ["training.label_smoothing=0.1", "training.class_weights=balanced"])
def test_what_is_for_heads_is_refused_for_decoders(override: str) -> None:
    with pytest.raises(Problem, match=r"is for the labels of an encoder's head, and world is a decoder"):
        with_kind(load_recipe("xnli_3src", [override]))


def test_other_labels_and_other_forms_are_refused(
    run_of: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of("lora")
    for form in ("vllm", "gguf"):
        assert main(["export", f"run={run}", f"format=[{form}]", f"out={tmp_path / 'x'}"]) == 2
    assert "format=vllm is for decoders, and this is a model of kind encoder" in capsys.readouterr().err
    assert main(["combine", f"runs=[{run},{run_of('full')}]", f"out={tmp_path / 'y'}"]) == 2
    assert "modules_to_save" in capsys.readouterr().err


# ---------------------------------------------------------------- onnx


@each_run
def test_the_onnx_graph_answers_as_the_run_by_code_of_its_card(
    run_of: Made, method: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="pip install -e '.[onnx]'")
    run = run_of(method, kind)
    arguments = [f"run={run}", "format=[onnx]", "dtype=float32", "prompts=2", f"out={tmp_path}"]
    assert main(["export", *arguments]) == 0
    folder = tmp_path / "onnx"
    assert not list(folder.glob("*.safetensors")) and (folder / "model.onnx").stat().st_size > 10_000
    record = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    types = ["token_type_ids"] * (kind == "bert")
    assert record["onnx"]["inputs"] == ["input_ids", "attention_mask", *types]
    assert record["onnx"]["largest_difference"] <= 1e-4
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "library_name: onnx" in card and ", as ONNX" in card
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("THIS_FOLDER", str(folder)), names)
    lines = predictions(run, "tr")
    for row, line in zip(scored_examples(read_run(run).recipe, "tr"), lines, strict=True):
        shares = names["probabilities"](row.fields["premise"], row.fields["hypothesis"])
        np.testing.assert_allclose([shares[n] for n in LABELS], np.exp(line["adapter_log_likelihoods"]), atol=1e-5)
    capsys.readouterr()
    assert main(["predict", f"run={folder}", "data=x.csv", f"out={tmp_path / 'x.csv'}"]) == 2
    assert "holds an ONNX graph, which other programs run. Give the run itself, or what" in capsys.readouterr().err


def test_a_graph_of_answers_in_passages_and_one_that_answers_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="pip install -e '.[onnx]'")
    make_tokenizer("bert").save_pretrained(tmp_path)
    config = BertConfig(**SIZE, vocab_size=400, pad_token_id=1, max_position_embeddings=128)
    BertForQuestionAnswering(config).save_pretrained(tmp_path)
    made = onnx.convert(tmp_path, tmp_path / "model.onnx", "span")
    assert made["outputs"] == ["start_logits", "end_logits"] and made["largest_difference"] <= 1e-4
    monkeypatch.setattr(onnx, "MOST_APART", -1.0)
    with pytest.raises(Problem, match=r"The ONNX graph does not answer as the model does: .* Use format="):
        onnx.convert(tmp_path, tmp_path / "model.onnx", "span")


def test_onnx_is_for_encoders_and_needs_its_packages(
    run_of: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(export_options, "PACKAGES", ("nothing_of_this_name",))
    assert main(["export", f"run={run_of('lora')}", "format=[onnx]", f"out={tmp_path / 'x'}"]) == 2
    said = "format=onnx needs the package nothing_of_this_name: pip install -e '.[onnx]'."
    assert said in capsys.readouterr().err and not (tmp_path / "x").exists()


# ---------------------------------------------------------------- two processes


@pytest.mark.slow
def test_two_processes_train_an_encoder_as_one_does(run_of: Made, encoder_of_kind: Made, tmp_path: Path) -> None:
    """Of 8 rows a step each process has 4: with dropout off, losses and answers are those of one but for rounding."""
    program = [*("-m", "torch.distributed.run", "--standalone", "--nproc_per_node"), "PROCESSES", "mslt_it/train.py"]
    base = shutil.copytree(encoder_of_kind("xlmr"), tmp_path / "base")
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (base / "config.json").write_text(json.dumps(config), encoding="utf-8")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    root = Path(__file__).parents[2]
    for number in ("1", "2"):
        size = f"training.batch_size={8 // int(number)}"
        small = [one for one in SMALL if not one.startswith("training.batch_size=")]
        arguments = ["recipe=xnli_3src", *small, f"model.path={base}", "adapter.method=full", size]
        command = [sys.executable, *(number if word == "PROCESSES" else word for word in program), *arguments]
        done = subprocess.run(
            [*command, f"output_dir={tmp_path / number}"], cwd=root, env=environment | {"PYTHONPATH": str(root)},
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    one, two = (
        [json.loads(line) for line in (tmp_path / number / "losses.jsonl").read_text().splitlines()]
        for number in ("1", "2")
    )
    assert len(one) == len(two) and "loss" in one[0]
    for first, second in zip(one, two, strict=True):
        assert second.get("loss") == pytest.approx(first.get("loss"), rel=1e-3)
    for language in ("de", "tr"):
        pairs = zip(predictions(tmp_path / "1", language), predictions(tmp_path / "2", language), strict=True)
        for first, second in pairs:
            expected = first["adapter_log_likelihoods"]
            np.testing.assert_allclose(second["adapter_log_likelihoods"], expected, atol=5e-3)
