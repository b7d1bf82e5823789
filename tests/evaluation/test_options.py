"""Answers that are columns of the row: listed and answered by label, or scored as what the prompt goes on with."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stock_lm_eval import assert_same_scores, stock, stock_base
from tiny_eval import answers, call, results

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.data.build import build_scored_set, scored_examples
from mslt_it.data.prompts import prompted
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.measures import choice_scores, said_labels, why_invalid
from mslt_it.integrations.lm_eval_tasks import refuse_code, write_scored_set
from mslt_it.problems import Problem
from mslt_it.records import Example, PromptedExample

WORDS = {
    "eng_Latn": ("The boat {} left at dawn.", "When did boat {} leave?", ("noon", "at dawn", "in May", "never")),
    "deu_Latn": ("Das Boot {} lief früh aus.", "Wann lief Boot {} aus?", ("mittags", "früh", "im Mai", "nie")),
    "tur_Latn": ("{} numaralı tekne şafakta ayrıldı.", "{} ne zaman ayrıldı?", ("öğlen", "şafakta", "mayısta", "hiç")),
}  # fmt: skip


def belebele(folder: Path, number: int = 12) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for code, (passage, question, options) in WORDS.items():
        rows = [
            {"link": f"https://x.y/{n // 2}", "question_number": n % 2 + 1, "flores_passage": passage.format(n // 2),
             "question": question.format(n), **{f"mc_answer{k + 1}": options[(k + n) % 4] for k in range(4)},
             "correct_answer_num": str((1 - n) % 4 + 1), "dialect": code, "ds": "2023-05-03"}
            for n in range(number)
        ]  # fmt: skip
        (folder / f"{code}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def task_of(name: str, *more: str) -> TaskConfig:
    return load_recipe("custom", [f"task={name}", "sources=[en]", "targets=[de]", *more]).task


def exam(task: TaskConfig, label: str = "B", variant: str = "direct", **options: str) -> PromptedExample:
    fields = {"question": "Which?", "option_a": "x", "option_b": "yy", "option_c": "z", "option_d": "w"} | options
    return prompted(Example("1", "en", task.name, "test", fields, label), task, PromptConfig(variant=variant))


# ---------------------------------------------------------------- rows and prompts


def test_belebele_pairs_translations_by_link_and_number_and_keeps_passages_together(tmp_path: Path) -> None:
    task = task_of("belebele", f"task.data={belebele(tmp_path)}")
    store = RowStore()
    assert store.languages(task) == ("de", "en", "tr")
    scored = {code: store.load(task, code, "test", role="score").examples for code in ("de", "en", "tr")}
    train = store.load(task, "en", "test", role="train").examples
    ids = [[e.id for e in found] for found in scored.values()]
    assert ids[0] == ids[1] == ids[2] and len(train) + len(ids[0]) == 12
    assert all(e.id.startswith("all:https://x.y/") and e.id[-2:] in (" 1", " 2") for e in train)
    assert not {e.id[:-2] for e in train} & {item[:-2] for item in ids[0]}  # a passage is on one side
    assert {e.fields[f"mc_answer{('first', 'second', 'third', 'fourth').index(e.label) + 1}"] for e in train} == {
        "at dawn"
    }


def test_options_are_listed_or_follow() -> None:
    shown, cloze = exam(task_of("global_mmlu")), exam(task_of("global_mmlu", "task.choices=cloze"))
    assert (shown.answer, shown.choices, shown.lengths) == ("B", tuple("ABCD"), ())
    assert "B. yy\n" in shown.messages[-1].content
    assert (cloze.answer, cloze.choices, cloze.lengths) == ("yy", ("x", "yy", "z", "w"), (1, 2, 1, 1))
    assert cloze.messages[-1].content == "Question: Which?\nAnswer:"
    thai = {"option_a": "ก้าง"}
    of = {how: exam(task_of("global_mmlu", "task.choices=cloze", f"task.option_length={how}"), **thai).lengths[0]
          for how in ("bytes", "characters", "none")}  # fmt: skip
    assert of == {"bytes": 12, "characters": 4, "none": 1}


def test_a_row_may_have_fewer_options() -> None:
    some = "task.optional_fields=[option_c,option_d]"
    shown = exam(task_of("global_mmlu", some), option_d="")
    assert shown.choices == ("A", "B", "C", "") and "D. " not in shown.messages[-1].content
    assert (
        exam(task_of("global_mmlu", some), variant="cot_english", option_d="").messages[-1].content.endswith("A, B, C.")
    )
    inner = exam(task_of("global_mmlu", some, "task.choices=cloze"), option_c=" ")
    assert inner.choices == ("x", "yy", "", "w") and inner.answer == "yy"


@pytest.mark.parametrize("code", ["ar", "ja", "sw", "zh"])
@pytest.mark.parametrize("name", ["belebele", "global_mmlu", "include", "xcopa", "xstorycloze"])
def test_every_prompt_file_has_both_ways(name: str, code: str) -> None:
    for how in ("shown", "cloze"):
        task = task_of(name, f"task.choices={how}")
        fields = {field: f"<{field}>" for field in task.input_fields} | {"question": "cause"}
        item = prompted(Example("1", code, name, "test", fields, task.label_names[0]), task, PromptConfig())
        text = item.messages[-1].content
        assert all((fields[option] in text) == (how == "shown") for option in task.option_fields)
        assert item.answer == (fields[task.option_fields[0]] if how == "cloze" else item.choices[0])


def test_rows_whose_right_option_is_missing_or_not_the_only_one_are_left_out(tmp_path: Path) -> None:
    rows = [
        {"sample_id": f"s{n}", "question": f"q{n}", "option_a": "a", "option_b": "b", "option_c": "c" if n else "",
         "option_d": "c" if n == 1 else "d", "answer": "C"}
        for n in range(3)
    ]  # fmt: skip
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for how, kept in (("shown", ["test:s1", "test:s2"]), ("cloze", ["test:s2"])):
        recipe = load_recipe("global_mmlu_3src", [
            f"task.data={tmp_path}", "targets=[en]", f"task.choices={how}", "task.optional_fields=[option_c,option_d]",
            "data.max_dropped_share=1",
        ])  # fmt: skip
        assert [e.id for e in scored_examples(recipe, "en")] == kept


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["task=xnli", "task.choices=cloze"], "task.choices=cloze scores options .* task=xnli has none"),
        (["task=xcopa", "task.option_length=none"], "task.option_length=none has no effect: task.choices=shown"),
        (["task=xcopa", "task.option_fields=[choice1]"], r"each label stands for one of them, .*\['first', 'second'\]"),
        (["task=xcopa", "task.option_fields=[choice1,c]"], r"task\.option_fields: 'c' is not in task\.input_fields"),
        (
            ["task=xcopa", "task.choices=cloze", "model.path=x", "model.kind=encoder"],
            "an encoder .* cannot score a continuation",
        ),
    ],
)
def test_mistakes(arguments: list[str], text: str) -> None:
    with pytest.raises(Problem, match=text):
        load_recipe("xcopa_3src", arguments)


def test_a_chain_of_thought_needs_labels() -> None:
    task = task_of("xcopa", "task.choices=cloze")
    fields = {name: "x" for name in task.input_fields} | {"question": "cause"}
    with pytest.raises(Problem, match=r"variant=cot_native ends in a label's word, .* Write task\.choices=shown"):
        prompted(Example("1", "en", "xcopa", "test", fields, "first"), task, PromptConfig(variant="cot_native"))


# ---------------------------------------------------------------- scores


def test_scores_are_divided_and_missing_options_never_chosen() -> None:
    item = exam(task_of("global_mmlu", "task.choices=cloze", "task.optional_fields=[option_c,option_d]"), option_d="")
    rows: list[dict[str, Any]] = [{"log_likelihoods": [-3.0, -4.0, -3.0]}] * 2
    scores = choice_scores([item, item], rows)
    assert scores.tolist() == [[-3.0, -2.0, -3.0, -math.inf]] * 2
    there = np.array([[bool(choice) for choice in item.choices]] * 2)
    assert said_labels([item, item], scores).tolist() == [1, 1]
    assert why_invalid(scores, same_prompts=True, there=there) == ""
    broken = choice_scores([item, item], [{"log_likelihoods": ["nan", -1.0, -1.0]}, rows[0]])
    assert "1 of 2 items have a score that is NaN" in why_invalid(broken, there=there)
    infinite = choice_scores([item, item], [{"log_likelihoods": ["-inf", -1.0, -1.0]}, rows[0]])
    assert "1 of 2 items have an infinite score" in why_invalid(infinite, there=there)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stock_base(tmp_path_factory.mktemp("lm") / "model")


@pytest.mark.parametrize("how", ["shown", "cloze"])
def test_answers_are_stock_lm_evals_item_by_item(model: Path, tmp_path: Path, how: str) -> None:
    data = belebele(tmp_path / "data")
    common = [f"task.data={data}", "task.held_out_share=1", f"task.choices={how}"]
    for code in ("de", "tr"):
        write_scored_set(load_recipe("belebele_3src", common), code, tmp_path / "tasks")
    assert refuse_code(tmp_path / "tasks") == 2
    theirs = stock(model, tmp_path / "tasks", "mslt_belebele")
    metrics = {"bytes": "acc_bytes", "characters": "acc_norm", "none": "acc"} if how == "cloze" else {"": "acc"}
    for length, metric in metrics.items():
        more = [f"task.option_length={length}"] if length else []
        arguments = [
            f"model={model}",
            "task=belebele",
            *common,
            *more,
            "languages=[de,tr]",
            f"cache={tmp_path / 'kept'}",
        ]
        out = tmp_path / f"out{length}"
        assert call(*arguments, f"out={out}") == 0
        ours = json.loads((out / "lm_eval" / "model_direct.json").read_text(encoding="utf-8"))["results"]
        for code in ("de", "tr"):
            name = f"mslt_belebele_{code}"
            assert_same_scores(answers(out)[f"belebele/direct/model/{code}.jsonl"], theirs["samples"][name], 12)
            assert ours[name][f"{metric},none"] == pytest.approx(theirs["results"][name][f"{metric},none"])
        row = next(r for r in results(out)["results"] if r["language"] == "de" and r["metric"] == "accuracy")
        assert row["num_groups"] == 6  # passages


def test_a_scored_set_with_fewer_options_has_each_rows_own(tmp_path: Path) -> None:
    data = belebele(tmp_path / "data", 4)
    lines = [json.loads(line) for line in (data / "eng_Latn.jsonl").read_text(encoding="utf-8").splitlines()]
    lines[0]["mc_answer4"] = ""  # the right one is the second
    (data / "eng_Latn.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines), encoding="utf-8")
    some = "task.optional_fields=[mc_answer4]"
    recipe = load_recipe("belebele_3src", [f"task.data={data}", "task.held_out_share=1", some])
    path = write_scored_set(recipe, "en", tmp_path / "tasks")
    rows = [json.loads(line) for line in path.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()]
    by_id = {row["id"]: row for row in rows}
    assert by_id["all:https://x.y/0 1"]["choices"] == ["1", "2", "3"] and by_id["all:https://x.y/0 1"]["gold"] == 1
    assert "doc_to_choice: choices" in path.read_text(encoding="utf-8") and refuse_code(path) == 1
    assert len(build_scored_set(recipe, "en")[0].choices) == 4
