"""A run of a text-to-text model from rows to papers, and everything that is done with a run afterwards."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_encoder import SMALL, predictions, results
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from mslt_it import predict
from mslt_it.cli import main
from mslt_it.data.build import build_scored_set, scored_examples
from mslt_it.data.segments import encoder_of
from mslt_it.evaluation.questions import choice_requests
from mslt_it.models.finished_run import read_run

Made = Callable[[str], Path]
LABELS = ("entailment", "neutral", "contradiction")
METHODS = pytest.mark.parametrize("method", ["lora", "full"])


@METHODS
def test_a_run_scores_base_and_adapter_in_every_language(mt5_run: Made, method: str) -> None:
    run = mt5_run(method)
    content = results(run)
    assert content["status"] == "ok"
    for row in content["results"]:
        assert row["base_value"] is not None and row["gain"] is not None
    assert "kind: text_to_text" in (run / "config.yaml").read_text(encoding="utf-8")
    assert "</s>>>>" in (run / "log.txt").read_text(encoding="utf-8")
    [head, *_] = predictions(run, "tr")
    assert head["base_log_likelihoods"] != head["adapter_log_likelihoods"]


@METHODS
def test_the_exported_model_is_transformers_own_and_answers_alike(mt5_run: Made, method: str, tmp_path: Path) -> None:
    run = mt5_run(method)
    assert main(["merge", f"run={run}", f"out={tmp_path / 'merged'}", "dtype=float32", "prompts=4"]) == 0
    found = json.loads((tmp_path / "merged" / "merge.json").read_text())["comparison"]["together"]
    assert found["label_agreement"] == 1 and found["num_prompts"] == 16 and found["relative_error"] < 1e-4
    arguments = [f"run={run}", "dtype=float32", "format=[safetensors]", f"out={tmp_path / 'out'}", "prompts=4"]
    assert main(["export", *arguments]) == 0
    folder = tmp_path / "out" / "safetensors"
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    recipe = read_run(run).recipe
    items = {item.id: item for item in build_scored_set(recipe, "en")}
    lines = predictions(run, "en")[:5]
    requests = choice_requests([items[line["id"]] for line in lines], encoder_of(recipe, tokenizer))
    for line, request in zip(lines, requests, strict=True):
        for choice, score in zip(request.choices, line["adapter_log_likelihoods"], strict=True):
            with torch.no_grad():
                logits = model(torch.tensor([request.prompt]), labels=torch.tensor([choice])).logits[0]
            assert score == pytest.approx(logits.log_softmax(-1)[range(len(choice)), choice].sum().item(), abs=1e-4)
    made = model.generate(torch.tensor([requests[0].prompt]))  # by its own generation_config.json
    assert made[0, 0] == model.config.decoder_start_token_id and made.shape[1] <= 65


@METHODS
def test_code_of_the_card_gives_the_runs_answers(mt5_run: Made, method: str) -> None:
    run = mt5_run(method)
    card = (run / "adapter" / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: text2text-generation" in card and "AutoModelForCausalLM" not in card
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    row, line = scored_examples(read_run(run).recipe, "de")[0], predictions(run, "de")[0]
    code = code.replace("THIS_FOLDER", str(run / "adapter")).replace("print(", "(")
    code = code.replace("your premise", row.fields["premise"]).replace("your hypothesis", row.fields["hypothesis"])
    names: dict[str, Any] = {}
    exec(code, names)
    scores = np.array(line["adapter_log_likelihoods"])
    expected = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    np.testing.assert_allclose([names["found"][n] for n in LABELS], expected, atol=1e-4)
    forged = {"premise": "Der </s> Hund<pad>", "hypothesis": "</s></s>Ende"}  # words of its vocabulary
    assert names["prompt_ids"]("de", forged).count(2) == 1  # what ends every prompt
    [read] = predict(run, [forged], language="de")
    shares = names["probabilities"]("de", forged)
    np.testing.assert_allclose([shares[n] for n in LABELS], [read[f"p_{n}"] for n in LABELS], atol=1e-4)


def test_new_rows_are_labelled_by_run_and_by_merged_model(mt5_run: Made, tmp_path: Path) -> None:
    run = mt5_run("lora")
    rows, lines = scored_examples(read_run(run).recipe, "tr")[:3], predictions(run, "tr")
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["lang", "premise", "hypothesis"])
        writer.writerows([["tr", row.fields["premise"], row.fields["hypothesis"]] for row in rows])
    assert main(["merge", f"run={run}", f"out={tmp_path / 'merged'}", "dtype=float32", "prompts=2"]) == 0
    for name, folder in (("live", run), ("merged", tmp_path / "merged")):
        out = tmp_path / f"{name}.csv"
        assert main(["predict", f"run={folder}", f"data={tmp_path / 'rows.csv'}", f"out={out}"]) == 0
        with out.open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        assert [row["label"] for row in found] == [line["adapter_prediction"] for line in lines[:3]]


def test_models_and_runs_are_evaluated_beside_each_other(mt5_run: Made, mt5: Path, tmp_path: Path) -> None:
    runs = [mt5_run("lora"), mt5_run("full")]
    arguments = [f"run=[{runs[0]},{runs[1]}]", "languages=[tr]", f"out={tmp_path / 'both'}", "cache=none"]
    assert main(["eval", *arguments]) == 0
    rows = {(row["system"], row["metric"]): row["value"] for row in results(tmp_path / "both")["results"]}
    assert {system for system, _ in rows} == {"base", "lora", "full"}
    for run in runs:
        own = next(r for r in results(run)["results"] if r["language"] == "tr" and r["metric"] == "accuracy")
        assert (rows[run.name, "accuracy"], rows["base", "accuracy"]) == (own["value"], own["base_value"])
    asked = [f"model={mt5}", "task=xnli", "languages=[tr]", "examples=20", "cache=none"]
    assert main(["eval", *asked, f"out={tmp_path / 'own'}"]) == 0
    own = next(r for r in results(tmp_path / "own")["results"] if r["metric"] == "accuracy")
    assert own["value"] == rows["base", "accuracy"]


def test_adapters_are_combined_and_reported(mt5_run: Made, mt5: Path, tmp_path: Path) -> None:
    other = [f"model.path={mt5}", "seed=1", f"output_dir={tmp_path / 'other'}"]
    assert main(["train", "recipe=xnli_3src", *SMALL, *other]) == 0
    out = tmp_path / "combined"
    assert main(["combine", f"runs=[{mt5_run('lora')},{tmp_path / 'other'}]", f"out={out}"]) == 0
    assert results(out)["status"] == "ok"
    assert main(["report", f"run={out}", f"out={tmp_path / 'page'}"]) == 0
    assert main(["report", f"run={mt5_run('full')}", f"out={tmp_path / 'page2'}"]) == 0
    assert "All weights trained on 24 rows" in (tmp_path / "page2" / "report.html").read_text(encoding="utf-8")


def test_answers_are_written_looked_at_and_carded(mt5: Path, tmp_path: Path) -> None:
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["lang", "text", "answer"])
        for code, word in (("de", "Hund"), ("tr", "köpek")):
            writer.writerows([[code, f"{word} {i} {i * i}", f"{word} {i}"] for i in range(60)])
    task = ["task.shape=free_text", "task.metric=chrf", "task.input=text", "task.label=answer", "task.label_names=[]"]
    task += [f"task.data={tmp_path / 'rows.csv'}", "task.max_answer_tokens=6", "task.instruction=Wer?"]
    looks = ["training.eval_steps=2", "training.num_eval_examples=4"]
    small = [argument for argument in SMALL if not argument.startswith(("sources", "targets"))]
    arguments = [*small, *task, *looks, "sources=[de]", "targets=[tr]", f"model.path={mt5}"]
    run = tmp_path / "run"
    assert main(["train", "recipe=custom", *arguments, f"output_dir={run}"]) == 0
    lines = [json.loads(x) for x in (run / "losses.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "eval_loss" in line] == [2, 4]
    line = predictions(run, "tr")[0]
    row = next(r for r in scored_examples(read_run(run).recipe, "tr") if r.id == line["id"])
    card = (run / "adapter" / "README.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    code = code.replace("THIS_FOLDER", str(run / "adapter")).replace("print(answer(", "found = (answer(")
    names: dict[str, Any] = {}
    exec(code.replace("your text", row.fields["text"]).replace('answer("de"', 'answer("tr"'), names)
    assert names["found"] == line["adapter_prediction"]


def test_other_forms_are_refused(mt5_run: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("vllm", "gguf"):
        assert main(["export", f"run={mt5_run('lora')}", f"format=[{form}]", f"out={tmp_path / 'x'}"]) == 2
        told = capsys.readouterr().err
        assert f"format={form} is for decoders, and this is a model of kind text_to_text" in told or "converter" in told
