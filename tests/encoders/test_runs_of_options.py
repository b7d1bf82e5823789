"""Runs whose head says what each option of a row is worth, and what a row costs an encoder."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_encoder import SMALL, predictions, results
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from mslt_it.cli import main
from mslt_it.config.compose import load_recipe
from mslt_it.data.build import scored_examples
from mslt_it.models.finished_run import read_run
from mslt_it.problems import Problem

Made = Callable[..., Path]


@pytest.fixture(scope="module")
def options_run(encoder_of_kind: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a table whose labels stand for columns."""
    home = tmp_path_factory.mktemp("options")
    nouns = ["Apfel", "Zwiebel", "Hund", "Stuhl", "Ball", "Stein"]
    with (home / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["lang", "premise", "one", "other", "answer"])
        for code in ("de", "tr"):
            for i in range(60):
                pair = [f"{nouns[i % 6]} {i}", f"{nouns[(i + 1) % 6]} {i}"]
                shown = f"Der {nouns[i % 6]} Nummer {i} in {code}."
                writer.writerow([code, shown, *(pair if i % 3 else pair[::-1]), "a" if i % 3 else "b"])
    small = [argument for argument in SMALL if not argument.startswith(("sources", "targets"))]
    task = ["task.input=[premise,one,other]", "task.label=answer", "task.label_names=[a,b]"]
    task += ["task.option_fields=[one,other]", f"task.data={home / 'rows.csv'}", "adapter.method=full"]
    arguments = [*small, *task, "sources=[de]", "targets=[tr]", f"model.path={encoder_of_kind('bert')}"]
    assert main(["train", "recipe=custom", *arguments, f"output_dir={home / 'run'}"]) == 0
    return home / "run"


def test_what_a_row_costs_is_of_what_an_encoder_reads(
    run_of: Made, options_run: Path, encoder_of_kind: Made, tmp_path: Path
) -> None:
    """Its tokens were divided by the words of an instruction that it never sees, and the page showed that."""
    tokenizer = AutoTokenizer.from_pretrained(encoder_of_kind("bert"))
    for run in (run_of("full", "bert"), options_run):
        recipe = read_run(run).recipe
        tokens = words = 0
        for fields in (example.fields for example in scored_examples(recipe, "tr")):
            first, *others = fields.values()
            for text in others:  # a hypothesis, or each option by itself
                tokens += len(tokenizer(first, text)["input_ids"])
                words += len(f"{first} {text}".split())
        row = next(row for row in results(run)["results"] if row["language"] == "tr")
        assert row["tokens_per_word"] == pytest.approx(tokens / words)
        assert main(["report", f"run={run}", f"out={tmp_path / run.parent.name}"]) == 0
        page = (tmp_path / run.parent.name / "report.html").read_text(encoding="utf-8")
        assert first in page and "Which of these" not in page and "Hipotez doğru mu" not in page


def test_options_are_scored_one_by_one_and_merged_weights_answer_alike(options_run: Path, tmp_path: Path) -> None:
    lines = predictions(options_run, "tr")
    assert {len(line["adapter_log_likelihoods"]) for line in lines} == {2}
    assert all(np.exp(line["adapter_log_likelihoods"]).sum() == pytest.approx(1) for line in lines)
    assert main(["merge", f"run={options_run}", f"out={tmp_path / 'merged'}", "dtype=float32", "prompts=4"]) == 0
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged").eval()
    assert model.config.num_labels == 1
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    rows = {row.id: row for row in scored_examples(read_run(options_run).recipe, "tr")}
    for line in lines[:5]:
        fields = rows[line["id"]].fields
        pairs = tokenizer([fields["premise"]] * 2, [fields["one"], fields["other"]], padding=True, return_tensors="pt")
        expected = model(**pairs).logits[:, 0].log_softmax(0).tolist()
        np.testing.assert_allclose(line["adapter_log_likelihoods"], expected, atol=1e-5)


def test_code_of_the_card_ranks_options(options_run: Path) -> None:
    card = (options_run / "adapter" / "README.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    line = predictions(options_run, "de")[0]
    fields = next(r for r in scored_examples(read_run(options_run).recipe, "de") if r.id == line["id"]).fields
    code = code.replace("THIS_FOLDER", str(options_run / "adapter")).replace("print(", "found = (")
    for name in ("premise", "one", "other"):
        code = code.replace(f"'your {name}'", repr(fields[name])).replace(f'"your {name}"', repr(fields[name]))
    names: dict[str, Any] = {}
    exec(code, names)
    np.testing.assert_allclose(list(names["found"].values()), np.exp(line["adapter_log_likelihoods"]), atol=1e-5)
    assert list(names["found"]) == ["a", "b"]


def test_options_are_as_many_as_labels() -> None:
    with pytest.raises(Problem, match=r"task\.option_fields=\['choice1'\]: each label stands for one of them"):
        load_recipe("xcopa_3src", ["task.option_fields=[choice1]"])
    with pytest.raises(Problem, match=r"task\.option_fields: 'choice3' is not in task\.input_fields"):
        load_recipe("xcopa_3src", ["task.option_fields=[choice1,choice3]"])
