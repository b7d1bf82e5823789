"""Task files for lm-eval: up to date, literal, and saying what our own prompts say."""

from __future__ import annotations

import ast
import dataclasses
import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.config.schema import FrozenDict
from mslt_it.data.build import build_scored_set
from mslt_it.data.prompts import prompted
from mslt_it.integrations.lm_eval_tasks import TASKS, local_task_file, main, refuse_code, task_file, task_files
from mslt_it.problems import Problem
from mslt_it.records import Example

EVAL = Path(__file__).parents[2] / "eval"
JINJA = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)  # as lm-eval's
HOSTILE = "{{ 7 * 7 }} {premise} {% raw %} {# no #} \\n $18.00 \u2028 \U0001f600"


def rendered(template: str, row: dict[str, Any]) -> str:
    return JINJA.from_string(template).render(**row)


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return task_files()


@pytest.fixture(scope="module")
def configs() -> dict[str, TaskConfig]:
    return {name: load_recipe(f"{name}_3src").task for name in TASKS}


def test_the_files_of_the_repository_are_up_to_date(files: dict[str, str]) -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in (EVAL / "tasks").glob("*.yaml")}
    assert found == files, "run: python -m mslt_it.integrations.lm_eval_tasks eval/tasks"
    assert len(files) == 57
    assert {"mslt_xnli_tr.yaml", "mslt_xwinograd_ja.yaml", "mslt_xstorycloze_id.yaml", "mslt_mgsm_te.yaml"} <= set(
        files
    )
    assert "mslt_xcopa_en.yaml" not in files  # English COPA is another repository


def test_no_file_holds_code() -> None:
    assert refuse_code(EVAL / "tasks") == 57


def test_every_file_asks_what_our_own_prompts_ask(files: dict[str, str], configs: dict[str, TaskConfig]) -> None:
    seen = 0
    for text in files.values():
        content = yaml.safe_load(text)
        _, name, language = content["task"].split("_")
        task = configs[name]
        for position, label in enumerate(task.choice_names or ("18",)):
            fields = {field: f"{HOSTILE} {field}" for field in task.input_fields}
            if task.repair_field:
                fields["question"] = ("cause", "effect")[position]
            example = Example("test:1", language, name, "test", fields, label)
            ours = prompted(example, task, PromptConfig())
            number = position + task.first_label
            for value in (number, str(number), label) if task.choice_names else (18, "18"):
                row = {**fields, task.label_field: value}
                assert rendered(content["doc_to_text"], row) == ours.messages[0].content
                target = rendered(content["doc_to_target"], row)
                if task.choice_names:
                    # A rendered number is a position for lm-eval, whatever the answers are called.
                    assert content["doc_to_choice"][ast.literal_eval(target)] == ours.answer
                    assert tuple(content["doc_to_choice"]) == ours.choices
                else:
                    assert target == "18"
                seen += 1
    assert seen > 300


@pytest.mark.parametrize("value", [-1, "-1", None, 3, "maybe"])
def test_a_label_that_is_none_stops_the_run(files: dict[str, str], value: Any) -> None:
    content = yaml.safe_load(files["mslt_xnli_tr.yaml"])
    with pytest.raises(jinja2.UndefinedError):
        rendered(content["doc_to_target"], {"label": value})


def test_where_the_hub_keeps_the_rows(files: dict[str, str]) -> None:
    content = {name: yaml.safe_load(text) for name, text in files.items()}
    xnli = content["mslt_xnli_tr.yaml"]
    assert (xnli["dataset_path"], xnli["dataset_name"], xnli["test_split"]) == ("facebook/xnli", "tr", "test")
    assert "dataset_kwargs" not in xnli
    winograd = content["mslt_xwinograd_ja.yaml"]
    assert winograd["dataset_path"] == "json" and "dataset_name" not in winograd
    assert winograd["dataset_kwargs"] == {"data_files": {"test": "hf://datasets/Muennighoff/xwinograd/test/jp.jsonl"}}
    story = content["mslt_xstorycloze_sw.yaml"]
    place = "hf://datasets/juletxara/xstory_cloze@refs/convert/parquet/sw/eval/*.parquet"
    assert (story["dataset_path"], story["dataset_kwargs"]) == ("parquet", {"data_files": {"eval": place}})
    assert story["test_split"] == "eval"


def test_a_note_where_upstream_is_wrong_or_rows_are_trained_on(files: dict[str, str]) -> None:
    assert "'question' is wrong upstream" in files["mslt_xcopa_th.yaml"]
    assert "wrong upstream" not in files["mslt_xcopa_vi.yaml"]
    assert "those too that recipes train on" in files["mslt_xwinograd_ru.yaml"]
    assert "train on" not in files["mslt_xnli_ru.yaml"]


def with_prompt(task: TaskConfig, **changes: Any) -> TaskConfig:
    labels = {"entailment": "Evet", "neutral": "Belki", "contradiction": "Hayır"}
    content = {"labels": labels, "templates": ["{premise} / {hypothesis}"], **changes}
    return dataclasses.replace(task, prompts=FrozenDict(tr=yaml.safe_dump(content)))


def test_prompts_that_jinja_would_read_as_code_are_refused(configs: dict[str, TaskConfig]) -> None:
    task = with_prompt(configs["xnli"], templates=["{{ {premise} }} {hypothesis}"])
    with pytest.raises(Problem, match=r"tr\.yaml: the first template holds '\{\{', which lm-eval would read as code"):
        task_file(task, "tr")


def test_a_wording_may_hold_whatever_texts_hold(configs: dict[str, TaskConfig], tmp_path: Path) -> None:
    task = with_prompt(configs["xnli"], wording={"premise": {"a": "} }} \\n %} \U0001f600 '\"\n"}})
    content = task_file(task, "tr")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    assert refuse_code(tmp_path) == 1
    shown = rendered(content["doc_to_text"], {"premise": "a", "hypothesis": "b"})
    assert shown == "} }} \\n %} \U0001f600 '\"\n / b"


def test_a_language_without_a_prompt_file_is_refused(configs: dict[str, TaskConfig]) -> None:
    with pytest.raises(Problem, match=r"No lm-eval task for 'xnli' in 'et': no prompt file of its own"):
        task_file(configs["xnli"], "et")


GOOD: dict[str, Any] = {
    "task": "mine",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}},
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": 'A: {{a}} {{ {"x": "1", "y": 2}[b] }}',
    "doc_to_target": "gold",
    "doc_to_choice": ["yes", "no"],
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}

REFUSED = [
    ({"process_docs": "utils.run"}, "the key 'process_docs'"),
    ({"include": "other.yaml"}, "the key 'include'"),
    ({"custom_dataset": "x"}, "the key 'custom_dataset'"),
    ({"class": "x.Y"}, "the key 'class'"),
    ({"doc_to_txt": "{{a}}"}, r"the key 'doc_to_txt'.* Did you mean 'doc_to_text'"),
    ({"dataset_kwargs": {"trust_remote_code": True}}, "dataset_kwargs has the key 'trust_remote_code'"),
    ({"doc_to_text": "{{ cycler.__init__.__globals__.os.system('x') }}"}, "doc_to_text computes"),
    ({"doc_to_text": "{{a.__class__}}"}, r"doc_to_text computes, in '\{\{a\.__class__\}\}'"),
    ({"doc_to_text": '{{a["__class__"]}}'}, "doc_to_text computes"),
    ({"doc_to_text": '{{ {"x": 1}["__class__"] }}'}, "doc_to_text computes"),
    ({"doc_to_text": '{{ {"x": {"y": lipsum}}[b] }}'}, "doc_to_text computes"),
    ({"doc_to_text": "{% include b %}"}, "doc_to_text computes"),
    ({"doc_to_text": "{{a|upper}}"}, "doc_to_text computes"),
    ({"doc_to_text": "{{a}} {{-"}, "doc_to_text is not a template"),
    ({"doc_to_text": "{{" + "(" * 9999}, "doc_to_text is not a template"),
    ({"doc_to_text": "{% for x in y %}{% endfor %}"}, "doc_to_text computes"),
    ({"doc_to_text": '{{ {"x": lipsum}[b] }}'}, "doc_to_text computes"),
    # Python reads one text here, Jinja a sum of three.
    ({"doc_to_text": '{{ {"x": """a"~lipsum~"b"""}[b] }}'}, "doc_to_text computes"),
    ({"doc_to_target": "{{ gold - 1 }}"}, "doc_to_target computes"),
    ({"doc_to_text": 3}, "doc_to_text is not a text"),
    ({"doc_to_choice": "{{[a, b]}}"}, "doc_to_choice is not a list"),
    ({"metric_list": [{"metric": "someone/metric"}]}, "the metric 'someone/metric' is not one of lm-eval's own"),
    ({"metric_list": [{"metric": "acc", "hf_evaluate": True}]}, "the metric 'acc' is not"),
    ({"filter_list": [{"name": "f", "filter": [{"function": "custom"}]}]}, "the filter 'custom'"),
]


@pytest.mark.parametrize(("change", "text"), REFUSED, ids=range(len(REFUSED)))
def test_task_files_with_code_are_refused(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    path = tmp_path / "deep" / "mine.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(GOOD), encoding="utf-8")
    assert refuse_code(tmp_path) == refuse_code(path) == 1
    path.write_text(yaml.safe_dump({**GOOD, **change}), encoding="utf-8")
    with pytest.raises(Problem, match=r"mine\.yaml: " + text):
        refuse_code(tmp_path)


@pytest.mark.parametrize("tag", ["!function utils.run", "!!python/object/apply:os.getcwd []"])
def test_tags_are_refused_and_not_followed(tmp_path: Path, tag: str) -> None:
    (tmp_path / "utils.py").write_text("open('ran', 'w')\ndef run(x): return x\n", encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(f"task: mine\ndoc_to_text: {tag}\n", encoding="utf-8")
    with pytest.raises(Problem, match=r"mine\.yaml is not valid YAML: .* could run code"):
        refuse_code(tmp_path)
    assert not Path("ran").exists()


ODD = [
    {"metric_list": 5}, {"filter_list": ["x"]}, {"filter_list": [{"filter": ["x"]}]}, {"dataset_kwargs": 5},
    {"doc_to_text": "{{ {'a': " + "-" * 100_000 + "1}[a] }}"},
]  # fmt: skip


@pytest.mark.parametrize("change", ODD, ids=range(len(ODD)))
def test_task_files_of_another_shape_are_refused_in_a_line(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**GOOD, **change}), encoding="utf-8")
    with pytest.raises(Problem, match=r"mine\.yaml( is not a task file: |: doc_to_text is not a template )"):
        refuse_code(tmp_path)


def test_an_empty_folder_is_no_success(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(Problem, match="holds no task file"):
            refuse_code(path)


def test_the_rows_of_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["recipe=xnli_3src", "targets=[tr]", "scoring.num_examples_per_language=7"]
    assert main([str(tmp_path), *wanted]) == 0
    assert capsys.readouterr().out.count("written:") == 4
    recipe = load_recipe("xnli_3src", wanted[1:])
    items = build_scored_set(recipe, "tr")
    lines = (tmp_path / "mslt_xnli_tr.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    assert [row["prompt"] for row in rows] == [item.messages[0].content for item in items] and len(rows) == 7
    assert [items[0].choices[row["gold"]] for row in rows] == [item.answer for item in items]
    content = yaml.safe_load((tmp_path / "mslt_xnli_tr.yaml").read_text(encoding="utf-8"))
    assert content == local_task_file(recipe.task, "tr", items[0].choices, tmp_path / "mslt_xnli_tr.jsonl")
    assert refuse_code(tmp_path) == 4


def test_what_lm_eval_cannot_score_is_refused(tmp_path: Path) -> None:
    def write(*answers: str) -> None:
        rows = [{"text": f"a {i}", "reply": answers[i % len(answers)]} for i in range(20)]
        (tmp_path / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    common = ["recipe=custom", f"task.data={tmp_path}", "sources=[en]", "targets=[en]", "supervised=true"]
    common += ["task.input_fields=[text]", "task.label_field=reply", "task.held_out_share=0.5"]
    write("b c", "d e")
    with pytest.raises(Problem, match="task=custom is scored by chrf, which lm-eval lacks"):
        main([str(tmp_path / "out"), *common, "task.shape=free_text", "task.metric=chrf"])
    write("pay", "pay later")
    with pytest.raises(Problem, match="one of the answers pay, pay later begins another"):
        main([str(tmp_path / "out"), *common, "task.label_names=[pay, pay later]"])
    with pytest.raises(Problem, match="Name the folder first"):
        main(["recipe=xnli_3src"])
