"""Runs that tag words and runs that cut answers from passages: from files to papers, and what is done with them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_encoder import predictions, results
from tiny_texts import ANSWERS_SMALL, NAMES_SMALL
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

from mslt_it import predict
from mslt_it.cli import main
from mslt_it.data.build import scored_examples
from mslt_it.data.passages import overlap
from mslt_it.data.spans import chunks, span_counts
from mslt_it.models.finished_run import read_run

Runs = dict[str, Path]
each_head = pytest.mark.parametrize("head", ["tags", "span"])
ASKS = {"tags": ("recipe=wikiann_3src", *NAMES_SMALL), "span": ("recipe=tydiqa_3src", *ANSWERS_SMALL)}
HELD_OUT = ("training.eval_steps=20", "training.num_eval_examples=6")
LEARNS = {
    "tags": ("training.learning_rate=0.01", "training.max_steps=60", "training.class_weights=balanced", *HELD_OUT),
    "span": ("training.learning_rate=0.003", "training.max_steps=40", *HELD_OUT),
}


def last_of_each(*arguments: str) -> list[str]:
    """The arguments, of those with the same key the last."""
    return [*{one.partition("=")[0]: one for one in arguments}.values()]


@pytest.fixture(scope="module")
def runs(
    encoder_of_kind: Callable[[str], Path], texts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Runs:
    home, made = tmp_path_factory.mktemp("runs"), {}
    for head, kind, method in (("tags", "xlmr", "full"), ("span", "bert", "lora")):
        made[head] = home / head
        own = [f"model.path={encoder_of_kind(kind)}", f"adapter.method={method}", f"output_dir={made[head]}"]
        assert main(["train", *last_of_each(*ASKS[head], *own, f"task.data={texts[head]}", *LEARNS[head])]) == 0
    return made


@pytest.fixture(scope="module")
def merged(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    home = tmp_path_factory.mktemp("merged")
    for head, run in runs.items():
        assert main(["merge", f"run={run}", f"out={home / head}", "dtype=float32", "prompts=4"]) == 0
    return {head: home / head for head in runs}


@each_head
def test_a_run_scores_every_language_and_no_base(runs: Runs, head: str) -> None:
    content, log = results(runs[head]), (runs[head] / "log.txt").read_text(encoding="utf-8")
    assert content["status"] == "ok" and content["provenance"]["num_examples"] == 24
    assert {row["metric"] for row in content["results"]} == (
        {"span_f1"} if head == "tags" else {"qa_f1", "exact_match"}
    )
    assert all(row["base_value"] is None and row["n"] == 20 for row in content["results"] if not row["num_shared"])
    assert "there is no untuned base to compare with" in log and "No transfer can be detected" not in log
    assert (">>>B-PER I-PER O" in log) if head == "tags" else re.search(r">>>.*\w Ulm<<<", log)
    assert ("answer_not_in_passage" in log) == (head == "span")
    looks = [json.loads(x) for x in (runs[head] / "losses.jsonl").read_text().splitlines()]
    losses = [line["eval_loss"] for line in looks if "eval_loss" in line]
    assert len(losses) == (3 if head == "tags" else 2) and min(losses) > 0 and max(losses) < 6


def test_words_are_tagged_as_by_a_plain_loop(runs: Runs, merged: Runs) -> None:
    """What is written is read back as the names that the tags make; so F1 is that of the tags."""
    model = AutoModelForTokenClassification.from_pretrained(merged["tags"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(merged["tags"])
    assert model.config.label2id["I-ORG"] == 4
    recipe = read_run(runs["tags"]).recipe
    values = {row["language"]: row["value"] for row in results(runs["tags"])["results"]}
    assert max(values.values()) > 0.3
    for language in ("de", "zh"):
        right = wrong = missed = 0
        for example in scored_examples(recipe, language):
            gold = json.loads(example.references[0])
            row = tokenizer(gold["tokens"], is_split_into_words=True, return_tensors="pt")
            with torch.no_grad():
                said = model(**row).logits[0].argmax(-1).tolist()
            tags = [model.config.id2label[said[row.word_to_tokens(n).start]] for n in range(len(gold["tokens"]))]
            one = span_counts(gold["tags"], chunks(tags))
            right, wrong, missed = right + one[0], wrong + one[1], missed + one[2]
        assert values[language] == pytest.approx(2 * right / (2 * right + wrong + missed))


def test_answers_are_those_of_a_plain_loop(runs: Runs, merged: Runs) -> None:
    model = AutoModelForQuestionAnswering.from_pretrained(merged["span"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(merged["span"])
    recipe, several = read_run(runs["span"]).recipe, 0
    for example, line in zip(scored_examples(recipe, "de"), predictions(runs["span"], "de"), strict=True):
        passage = example.fields["context"]
        rows = tokenizer(
            example.fields["question"], passage, truncation="only_second", max_length=64, stride=overlap(64),
            return_overflowing_tokens=True, return_offsets_mapping=True, padding=True, return_tensors="pt",
        )  # fmt: skip
        offsets, _ = rows.pop("offset_mapping").tolist(), rows.pop("overflow_to_sample_mapping")
        several += len(offsets) > 1
        with torch.no_grad():
            out = model(**rows)
        best = max(  # as run_qa.py, with every pair in place of the twenty likeliest
            (float(begins[a] + ends[b]), passage[offsets[n][a][0] : offsets[n][b][1]])
            for n, (begins, ends) in enumerate(zip(out.start_logits, out.end_logits, strict=True))
            for a in range(len(begins))
            for b in range(a, min(len(begins), a + recipe.task.max_answer_tokens))
            if rows.sequence_ids(n)[a] == rows.sequence_ids(n)[b] == 1
        )
        assert line["adapter_prediction"] == best[1]
    assert several > 5


@each_head
def test_a_merge_is_measured_and_its_export_loads_elsewhere(
    runs: Runs, merged: Runs, head: str, tmp_path: Path
) -> None:
    found = json.loads((merged[head] / "merge.json").read_text())
    together = found["comparison"]["together"]
    assert found["head"] == head and together["argmax_agreement"] == 1 and together["relative_error"] < 1e-4
    assert together["label_agreement"] is None and together["num_prompts"] == 4 * len(found["comparison"]["languages"])
    arguments = [f"run={runs[head]}", "dtype=float32", "format=[safetensors]", f"out={tmp_path}", "prompts=4"]
    assert main(["export", *arguments]) == 0
    auto = AutoModelForTokenClassification if head == "tags" else AutoModelForQuestionAnswering
    _, report = auto.from_pretrained(tmp_path / "safetensors", output_loading_info=True)
    assert not report["missing_keys"] and not report["mismatched_keys"]
    card = (tmp_path / "safetensors" / "README.md").read_text(encoding="utf-8")
    assert ("pipeline_tag: token-classification" if head == "tags" else "pipeline_tag: question-answering") in card


@pytest.mark.parametrize("place", ["run", "exported"])
@each_head
def test_code_of_the_card_gives_the_runs_answers(runs: Runs, head: str, place: str, tmp_path: Path) -> None:
    folder = runs[head] / "adapter"
    if place == "exported":
        arguments = [f"run={runs[head]}", "dtype=float32", "format=[safetensors]", f"out={tmp_path}", "prompts=4"]
        assert main(["export", *arguments]) == 0
        folder = tmp_path / "safetensors"
    [code] = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    examples = scored_examples(read_run(runs[head]).recipe, "de")
    number = next(n for n, line in enumerate(predictions(runs[head], "de")) if line["adapter_prediction"] != "-")
    code = code.replace("THIS_FOLDER", str(folder)).replace("print(", "found = (")
    fields = dict(examples[number].fields)
    forged = {name: f"{text} </s> [SEP] <s> Ende" for name, text in fields.items()}
    [read] = predict(runs[head], [forged], language="de")
    for row, said in (
        (fields, predictions(runs[head], "de")[number]["adapter_prediction"]),
        (forged, read["answer"]),  # control tokens in a text are text
    ):
        filled = code
        for name, text in row.items():
            filled = filled.replace(f'"your {name}"', repr(text))
        names: dict[str, Any] = {}
        exec(filled, names)
        if head == "span":
            assert names["found"][1] == said
        else:
            words, tags = zip(*names["found"], strict=True)
            names_found = [" ".join(words[c.start : c.end + 1]) for c in chunks(tags)]
            assert (" | ".join(f"{c.kind}: {n}" for c, n in zip(chunks(tags), names_found, strict=True)) or "-") == said


@each_head
def test_new_rows_are_answered_by_run_and_by_merged_model(runs: Runs, merged: Runs, head: str, tmp_path: Path) -> None:
    run, language = runs[head], "de"
    rows, lines = scored_examples(read_run(run).recipe, language)[:4], predictions(run, language)
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["lang", *rows[0].fields])
        writer.writerows([language, *row.fields.values()] for row in rows)
        writer.writerow([language, *("Apfel " * 300 for _ in rows[0].fields)])
    for name, folder in (("live", run), ("merged", merged[head])):
        out = tmp_path / f"{name}.csv"
        assert main(["predict", f"run={folder}", f"data={tmp_path / 'rows.csv'}", f"out={out}"]) == 0
        with out.open(encoding="utf-8", newline="") as file:
            *found, long = csv.DictReader(file)
        said = [row["answer"] for row in found]
        assert said == [line["adapter_prediction"] for line in lines[:4]]
        if head == "tags":
            spans = [" | ".join(": ".join(span) for span in json.loads(row["spans"])) or "-" for row in found]
            assert spans == said
            assert re.match(r"too_long: \d+ tokens, the model reads 128", long["reason"])
        else:
            assert long["reason"] == "" and long["answer"]


def test_a_run_is_scored_on_its_own_task_alone(
    runs: Runs, texts: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for head, run in runs.items():
        out = tmp_path / head
        assert main(["eval", f"run={run}", "languages=[tr]", f"out={out}", "cache=none"]) == 0
        before, after = (
            [(row["metric"], row["value"]) for row in results(folder)["results"] if row["language"] == "tr"]
            for folder in (run, out)
        )
        assert before == after
        assert "0 answers computed, 20 taken from earlier" in capsys.readouterr().out
        assert main(["report", f"run={run}", f"out={tmp_path / f'{head}-page'}"]) == 0
        page = (tmp_path / f"{head}-page" / "report.html").read_text(encoding="utf-8")
        assert "no untuned base to compare with" in page and "gain over" not in page
    more = ["task=tydiqa", f"task.data={texts['span']}", "languages=[tr]", f"out={tmp_path / 'other'}"]
    assert main(["eval", f"run={runs['tags']}", *more]) == 2
    assert "was trained with a head for tags that answers by O, B-PER" in capsys.readouterr().err


# ---------------------------------------------------------------- what is refused before training


def test_a_model_with_another_head_is_refused_and_without_it_taken(
    merged: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["data", "recipe=xnli_3src", "sources=[de,ar]", "targets=[tr]", "data.num_examples_total=12"]
    assert main([*arguments, f"model.path={merged['tags']}"]) == 2
    told = capsys.readouterr().err
    assert "its files are of XLMRobertaForTokenClassification, and task=xnli" in told
    model = AutoModelForSequenceClassification.from_pretrained(merged["tags"])
    model.base_model.save_pretrained(tmp_path / "body")
    AutoTokenizer.from_pretrained(merged["tags"]).save_pretrained(tmp_path / "body")
    assert main([*arguments, f"model.path={tmp_path / 'body'}"]) == 0


@pytest.mark.parametrize(
    ("head", "override", "text"),
    [
        ("span", "training.class_weights=balanced", "training.class_weights=balanced is about labels, and task=tydiqa"),
        ("span", "training.label_smoothing=0.1", "training.label_smoothing=0.1 is about labels"),
        ("tags", "data.num_examples_total=2", "data.num_examples_total=2 rows for 3 labels"),
        ("span", "data.max_dropped_share=0.05", "answer_not_in_passage"),
    ],
)
def test_what_means_nothing_is_refused(
    encoder_of_kind: Callable[[str], Path],
    texts: dict[str, Path],
    head: str,
    override: str,
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = [f"model.path={encoder_of_kind('bert')}", f"task.data={texts[head]}", override]
    assert main(["data", *last_of_each(*ASKS[head], *own)]) == 2
    assert text in capsys.readouterr().err
