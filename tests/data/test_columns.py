"""Files whose columns and labels are called otherwise: every task takes them, with the lines that the errors show."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from toy_world import load

from mslt_it.config.compose import load_recipe
from mslt_it.config.files import list_groups
from mslt_it.config.recipe import PromptConfig, Recipe
from mslt_it.data.prompts import prompted
from mslt_it.problems import Problem
from mslt_it.records import Example

TASKS = sorted(set(list_groups()["task"]) - {"custom", "intents"})
# Whose columns are xnli's, or have other names in the task file already; see test_published_layouts.
ELSEWHERE = ("afrisenti", "afrixnli", "americasnli", "include", "indicxnli", "indonli", "jnli", "kornli")

# task -> (its columns in the order of the task, rows in the file's words, the labels that these rows have)
ROWS: dict[str, tuple[list[str], list[list[Any]], list[str]]] = {
    "bactrian": (["instruction", "output"], [["say so", "so"]], ["so"]),
    "belebele": (
        ["flores_passage", "question", *(f"mc_answer{i}" for i in range(1, 5)), "correct_answer_num"],
        [["p", "q", "a", "b", "c", "d", n] for n in "ABCD"],
        ["first", "second", "third", "fourth"],
    ),
    "global_mmlu": (
        ["question", *(f"option_{x}" for x in "abcd"), "answer"],
        [["q", "a", "b", "c", "d", n] for n in ("1", "2", "3", "4")],
        ["A", "B", "C", "D"],
    ),
    "massive": (["utt", "intent"], [["wake me", "alarm-set"], ["sing", "play-music"]], ["alarm_set", "play_music"]),
    "mentions": (
        ["text", "category", "label"],
        [["a", "b", "Absent"], ["c", "d", "mentioned!"]],
        ["absent", "mentioned"],
    ),
    "mgsm": (["question", "answer_number"], [["1 + 1?", 2]], ["2"]),
    "mlqa": (["context", "question", "answers"], [["Ada in Ulm", "Where?", "Ulm"]], ["Ulm"]),
    "nusax": (["text", "label"], [["bad", "neg"], ["good", "pos"]], ["negative", "positive"]),
    "pawsx": (
        ["sentence1", "sentence2", "label"],
        [["a", "b", "different!"], ["c", "d", "Paraphrased"]],
        ["different", "paraphrase"],
    ),
    "sib200": (["text", "category"], [["a", "health care"], ["b", "Sport"]], ["health", "sports"]),
    "tydiqa": (["context", "question", "answers"], [["Ada in Ulm", "Where?", "Ulm"]], ["Ulm"]),
    "wikiann": (
        ["tokens", "ner_tags"],
        [[["Ada", "met", "Siemens"], ["B-PERSON", "O", "B-MISC"]], [["Ulm"], ["B-GPE"]]],
        ["PER: Ada", "LOC: Ulm"],
    ),
    "xcopa": (
        ["premise", "choice1", "choice2", "question", "label"],
        [["p", "a", "b", "cause", "choice1"], ["q", "a", "b", "effect", "choice2"]],
        ["first", "second"],
    ),
    "xnli": (
        ["premise", "hypothesis", "label"],
        [["p", "h", "e"], ["q", "i", "n"], ["r", "j", "c"]],
        ["entailment", "neutral", "contradiction"],
    ),
    "xquad": (["context", "question", "answers"], [["Ada in Ulm", "Where?", "Ulm"]], ["Ulm"]),
    "xstorycloze": (
        [*(f"input_sentence_{i}" for i in range(1, 5)), "sentence_quiz1", "sentence_quiz2", "answer_right_ending"],
        [["a", "b", "c", "d", "e", "f", "A"], ["a", "b", "c", "d", "e", "f", "B"]],
        ["first", "second"],
    ),
    "xwinograd": (
        ["sentence", "option1", "option2", "answer"],
        [["_ ran", "x", "y", "option1"], ["_ sat", "x", "y", "option2"]],
        ["first", "second"],
    ),
}  # fmt: skip


def jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def pasted(message: str) -> list[str]:
    return shlex.split(message.split("add: ")[-1])


def read(recipe: Recipe) -> list[Example]:
    return load(recipe.task, "en", recipe.task.score_split, role="score").examples


def test_every_task_is_looked_at() -> None:
    assert sorted([*ROWS, *ELSEWHERE]) == TASKS


@pytest.mark.parametrize("name", ROWS)
def test_every_task_reads_other_columns_and_labels_by_the_lines_of_its_errors(tmp_path: Path, name: str) -> None:
    columns, rows, labels = ROWS[name]
    theirs = [f"m_{number} ({'x' * number})" for number in range(len(columns))]
    base = [f"task={name}", f"task.data={tmp_path}", "task.file_layout=table", "task.held_out_share=1"]
    score_split = load_recipe(f"{name}_3src").task.score_split
    jsonl(tmp_path / "en" / f"{score_split}.jsonl", [dict(zip(theirs, row, strict=True)) for row in rows])
    with pytest.raises(Problem, match=rf"has no column '{columns[0]}'.*a guess, check it") as caught:
        read(load_recipe("xnli_3src" if name == "xnli" else f"{name}_3src", base))
    lines = pasted(str(caught.value))
    assert lines == [f"task.columns.{a}={b}" for a, b in zip(columns, theirs, strict=True)]
    recipe = load_recipe(f"{name}_3src", [*base, *lines])
    if recipe.task.shape in ("classification", "tagging"):
        with pytest.raises(Problem, match=r"is (not one of|outside) task\.label_names") as caught:
            read(recipe)
        recipe = load_recipe(f"{name}_3src", [*base, *lines, *pasted(str(caught.value))])
    else:
        with pytest.raises(Problem, match=f"task.labels is for .*task.shape={recipe.task.shape}"):
            load_recipe(f"{name}_3src", [*base, *lines, "task.labels.a=b"])
    examples = read(recipe)
    assert [e.label for e in examples] == labels
    asked = prompted(examples[0], recipe.task, PromptConfig()).messages[-1].content
    shown = [value for value in examples[0].fields.values() if value and value != "cause"]
    assert shown and all(value in asked for value in shown)


def test_names_that_resemble_ours_are_found_wherever_they_stand(tmp_path: Path) -> None:
    jsonl(tmp_path / "en" / "test.jsonl", [{"uid": 1, "hypo": "h", "gold_label": "e", "premise_text": "p"}])
    with pytest.raises(Problem) as caught:
        read(load_recipe("xnli_3src", [f"task.data={tmp_path}"]))
    assert pasted(str(caught.value)) == [
        "task.columns.premise=premise_text",
        "task.columns.hypothesis=hypo",
        "task.columns.label=gold_label",
    ]


def test_too_few_columns_give_no_line(tmp_path: Path) -> None:
    jsonl(tmp_path / "en" / "test.jsonl", [{"a": "p", "label": "neutral"}])
    with pytest.raises(Problem, match=r"has no column 'premise'\. Known: a, label\.$"):
        read(load_recipe("xnli_3src", [f"task.data={tmp_path}"]))


def test_a_table_of_ones_own_is_told_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    jsonl(path, [{"lang": "en", "customer's message": f"m{i}", "intent [gold]": "ab"[i % 2]} for i in range(40)])
    base = [f"task.data={path}", "sources=[en]", "targets=[de]", "task.held_out_share=1"]
    with pytest.raises(Problem, match="has no column 'text'") as caught:
        read(load_recipe("custom", base))
    lines = pasted(str(caught.value))
    assert lines == ['task.input=["customer\'s message"]', "task.label=intent [gold]"]
    assert [e.label for e in read(load_recipe("custom", [*base, *lines]))] == list("ab" * 20)
    with pytest.raises(Problem, match=r"has no column 'nosuch' \(task\.columns\.text=nosuch\)"):
        read(load_recipe("custom", [*base, "task.columns.text=nosuch"]))


def test_ids_and_languages_may_be_called_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    rows = [{"uid": f"u{i}", "code": c, "premise": f"{c}{i}", "hypothesis": "h", "label": "neutral"}
            for i in range(3) for c in ("en", "de")]  # fmt: skip
    jsonl(path, rows)
    base = [f"task.data={path}", "task.columns.id=uid", "task.columns.lang=code", "task.held_out_share=1"]
    examples = load(load_recipe("xnli_3src", base).task, "en", "test", role="score").examples
    assert [e.id.rpartition(":")[2] for e in examples] == ["u0", "u1", "u2"]
    assert all(e.fields["premise"].startswith("en") for e in examples)


def test_a_table_without_a_header_and_swapped_columns(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "test.tsv").write_text("hypothesis\tpremise\tlabel\nh\tp\tneutral\n", encoding="utf-8")
    base = [f"task.data={tmp_path}", "task.columns.premise=hypothesis", "task.columns.hypothesis=premise"]
    (row,) = read(load_recipe("xnli_3src", base))
    assert row.fields == {"premise": "h", "hypothesis": "p"}


def test_a_columns_name_is_found_in_either_unicode_form(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "müşteri mesajı")
    jsonl(tmp_path / "en" / "test.jsonl", [{name: "m", "label\u200b ": "a"}, {name: "n", "label\u200b ": "b"}])
    recipe = load_recipe(
        "custom",
        [
            f"task.data={tmp_path}",
            "sources=[en]",
            "targets=[de]",
            "task.input=müşteri mesajı",
            "task.label_names=[a,b]",
        ],
    )
    assert [(e.fields, e.label) for e in read(recipe)] == [
        ({"müşteri mesajı": "m"}, "a"),
        ({"müşteri mesajı": "n"}, "b"),
    ]


# ---------------------------------------------------------------- tags


def tagged(tmp_path: Path, tags: list[Any], *more: str, name: str = "wikiann") -> Example:
    jsonl(tmp_path / "en" / "test.jsonl", [{"tokens": [f"t{i}" for i in range(len(tags))], "ner_tags": tags}])
    own = ["sources=[en]", "targets=[de]", "task.shape=tagging", "task.metric=span_f1", "task.label=ner_tags"]
    recipe = load_recipe(
        "custom" if name == "custom" else "wikiann_3src",
        [f"task.data={tmp_path}", "task.file_layout=table", *(own if name == "custom" else []), *more],
    )
    return load(recipe.task, "en", "test", role="train").examples[0]


@pytest.mark.parametrize(
    ("tags", "label"),
    [
        (["B-PERSON", "I-PERSON", "O", "B-ORGANIZATION"], "PER: t0 t1 | ORG: t3"),
        (["S-PER", "B-LOC", "E-LOC", "O"], "PER: t0 | LOC: t1 t2"),
        (["PERSON", "PERSON", "O", "DATE"], "PER: t0 t1"),
        (["b-per", "i-per", "o", "b-loc"], "PER: t0 t1 | LOC: t3"),
        ([1, 2, 0, 7], "PER: t0 t1"),
    ],
)
def test_other_tags_are_read_by_the_line_that_the_error_shows(tmp_path: Path, tags: list[Any], label: str) -> None:
    with pytest.raises(Problem, match=r"line 1: the tag '[^']+' is not one of task\.label_names") as caught:
        tagged(tmp_path, tags)
    assert tagged(tmp_path, tags, *pasted(str(caught.value))).label == label


def test_a_kind_more_may_be_asked_for_by_the_line_that_the_error_shows(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"To ask for them: '(task\.label_names=\[PER,ORG,LOC,DATE\])'\. If") as caught:
        tagged(tmp_path, ["B-DATE", "I-DATE", "O"])
    (line,) = re.findall(r"To ask for them: '([^']+)'", str(caught.value))
    assert tagged(tmp_path, ["B-DATE", "I-DATE", "O"], line).label == "DATE: t0 t1"


def test_integers_are_tags_of_the_benchmark_alone(tmp_path: Path) -> None:
    assert tagged(tmp_path, [1.0, 2.0, 0, 5]).label == "PER: t0 t1 | LOC: t3"
    names = "task.label_names=[ORG,PER]"
    with pytest.raises(Problem, match="the tag '1' is not one of") as caught:
        tagged(tmp_path, [1, 2, 0, 3], names, name="custom")
    assert (
        tagged(tmp_path, [1, 2, 0, 3], names, *pasted(str(caught.value)), name="custom").label == "ORG: t0 t1 | PER: t3"
    )


@pytest.mark.parametrize("bad", [None, float("nan"), ["B-PER"]])
def test_a_sentence_with_a_token_or_a_tag_that_is_no_text_is_dropped(tmp_path: Path, bad: Any) -> None:
    assert tagged(tmp_path, ["B-PER", bad]).fault == "label_missing: a token has no tag"
    jsonl(tmp_path / "en" / "test.jsonl", [{"tokens": ["a", bad, 1990], "ner_tags": ["O", "O", "O"]}] * 2)
    recipe = load_recipe("wikiann_3src", [f"task.data={tmp_path}", "task.file_layout=table"])
    faults = [e.fault for e in load(recipe.task, "en", "test", role="train").examples]
    assert all(fault.startswith("not_text: a token is ") for fault in faults)


# ---------------------------------------------------------------- mistakes in the keys


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("task.columns.premis=a", "the task has no column 'premis'. Did you mean 'premise'?"),
        ("task.columns.sentence1=premise", "Write task.columns.OURS=YOURS"),
        ("task.columns.premise=", "task.columns.premise is empty"),
        ("task.columns=premise", "task.columns=premise is not a mapping. Write task.columns={premise:sentence1}"),
        ("task.labels.e=entails", "'entails' is not one of task.label_names. Did you mean 'entailment'?"),
        ("task.labels.entailment=e", "Write task.labels.YOURS=OURS"),
        ("task.labels.e=", "'' is not one of task.label_names"),
    ],
)
def test_mistakes(override: str, text: str) -> None:
    with pytest.raises(Problem, match=re.escape(text)):
        load_recipe("xnli_3src", [override])


def test_labels_of_ones_own_naming_are_answered_with_the_line_that_keeps_the_prompts(tmp_path: Path) -> None:
    jsonl(tmp_path / "en" / "test.jsonl", [{"premise": "p", "hypothesis": "h", "label": "n"}])
    mine = [f"task.data={tmp_path}", "task.label_names=[e,n,c]"]
    recipe = load_recipe("xnli_3src", mine)
    with pytest.raises(Problem, match="These prompts know entailment, neutral, contradiction") as caught:
        prompted(read(recipe)[0], recipe.task, PromptConfig())
    lines = shlex.split(str(caught.value).split("check it): ")[1])
    recipe = load_recipe("xnli_3src", [*mine, *lines])
    assert prompted(read(recipe)[0], recipe.task, PromptConfig()).answer == "Maybe"


def test_the_text_of_an_own_table_is_guessed_by_its_length(tmp_path: Path) -> None:
    """The first column that is left is often a number of the row."""
    rows = [{"Ticket": n, "Locale": "en", "Message": f"Where is parcel {n}?", "Kind": "late"} for n in range(3)]
    jsonl(tmp_path / "t.jsonl", rows)
    given = [f"task.data={tmp_path / 't.jsonl'}", "task.input=text", "sources=[en]", "task.held_out_share=1"]
    with pytest.raises(Problem, match="has no column 'text'") as caught:
        read(load_recipe("custom", given))
    assert pasted(str(caught.value)) == ["task.input=[Message]", "task.label=Kind"]
