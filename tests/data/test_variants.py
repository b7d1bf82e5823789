"""Variants of asking: what the model is shown and what counts as its answer, in every task, variant and language."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from mslt_it import cli
from mslt_it.config.compose import load_recipe
from mslt_it.config.files import share_dir
from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.data import variants
from mslt_it.data.encoding import IGNORED
from mslt_it.data.placeholders import fill
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.data.rows import RowStore
from mslt_it.data.variants import (
    CHAINS,
    VARIANTS,
    answer_kind,
    chain_form,
    check_variant,
    exemplars,
    translation_request,
)
from mslt_it.languages import language_name
from mslt_it.problems import Problem
from mslt_it.records import Example, PromptedExample

EVAL = share_dir("eval")
NAMES = ("xnli", "pawsx", "xcopa", "xwinograd", "xstorycloze", "mgsm")
TASKS: dict[str, TaskConfig] = {name: load_recipe(f"{name}_3src").task for name in NAMES}
LANGUAGES = {  # with a prompt file, a chain of thought and worked examples
    name: sorted({path.stem for path in (EVAL / "exemplars" / name).glob("*.yaml")}
                 & {path.stem for path in (EVAL / "prompts" / name).glob("*.yaml")})
    for name in NAMES
}  # fmt: skip
CASES = [
    (name, code) for name in NAMES for code in LANGUAGES[name] if code in ("de", "en", "zh", "th", "ar", "fr", "ru")
]


def row(name: str, code: str) -> Example:
    """An item of the task: a worked example by another name, so that every field is in the language."""
    task = TASKS[name]
    shot = exemplars(task, code, 2)[-1]
    return Example("new", code, name, "test", shot.fields, shot.label, rationale="one.\ntwo.")


def ask(name: str, code: str, variant: str, num_shots: int = 0) -> PromptedExample:
    return prompted(row(name, code), TASKS[name], PromptConfig(variant=variant, num_shots=num_shots))


def words(name: str, code: str) -> list[str]:
    labels = prompt_file(TASKS[name], code, PromptConfig()).labels
    return [labels[label] for label in TASKS[name].choice_names]


def test_there_is_something_to_look_at() -> None:
    assert len(CASES) >= 25 and all(len(LANGUAGES[name]) >= 5 for name in NAMES)
    assert {answer_kind(task) for task in TASKS.values()} == {"label", "number"}


@pytest.mark.parametrize(("name", "code"), CASES)
@pytest.mark.parametrize("variant", CHAINS)
def test_the_question_then_how_to_answer(name: str, code: str, variant: str) -> None:
    task, item, form = TASKS[name], ask(name, code, variant), chain_form(TASKS[name], variant, code)
    [message] = item.messages
    text = message.content
    assert message.role == "user" and "{" not in text.replace("{_", "")
    assert form.cue.strip() in text and form.language == (code if variant == "cot_native" else "en")
    assert item.chain_language == form.language and item.is_written
    instructions = text.rindex(form.cue.strip())
    for field in task.input_fields:
        value = row(name, code).fields[field]
        shown = prompt_file(task, code, PromptConfig()).wording.get(field, {}).get(value, value)
        assert 0 <= text.index(shown.split("_")[0]) < instructions, field
    if variant == "xlt":
        assert text.startswith("You are ") and language_name(code) in text and "Request in English:" in text
    if task.choice_names:
        assert form.join.join(words(name, code)) in text[instructions:]
        assert item.references == (words(name, code)[task.choice_names.index(item.label)],)
        assert item.read_in == code  # the label words are the question's own
    else:
        assert item.read_in == form.language and item.references == ()
        assert "Nur mit" not in text and "nur mit dem Endergebnis" not in text  # the direct template wants no steps


@pytest.mark.parametrize(("name", "code"), CASES)
@pytest.mark.parametrize("variant", CHAINS)
def test_what_is_trained_on_is_chain_cue_and_answer(name: str, code: str, variant: str) -> None:
    item, form = ask(name, code, variant), chain_form(TASKS[name], variant, code)
    word = item.references[0] if item.references else item.label
    assert item.answer == f"one.\ntwo.\n{form.cue}{word}"


@pytest.mark.parametrize(("name", "code"), CASES)
def test_worked_examples_are_turns_in_the_variants_language(name: str, code: str) -> None:
    task = TASKS[name]
    native, english = exemplars(task, code, 2), {e.id: e for e in exemplars(task, "en", 2)}
    for variant in ("direct", *CHAINS):
        item = ask(name, code, variant, num_shots=2)
        turns = [message for message in item.messages if message.role != "system"]
        assert [turn.role for turn in turns] == ["user", "assistant"] * 2 + ["user"]
        assert turns[-1] == ask(name, code, variant).messages[-1]
        for shot, question, answer in zip(native, turns[::2], turns[1::2], strict=False):
            word = prompt_file(task, code, PromptConfig()).labels[shot.label] if task.choice_names else shot.label
            assert shot.fields[task.input_fields[0]].split("_")[0] in question.content  # native, whatever the chain is
            if variant == "direct":
                assert answer.content == word
                continue
            form = chain_form(task, variant, code)
            assert answer.content.endswith(f"\n{form.cue}{word}")
            chain = shot.chain if variant == "cot_native" else english[shot.id].chain
            assert chain.strip() in answer.content
            assert answer.content.startswith("Request in English: ") == (variant == "xlt")
            if variant == "xlt":
                first = answer.content.split("\n")[0]
                assert english[shot.id].fields[task.input_fields[0]].split("_")[0].strip() in first


def test_the_same_examples_in_every_language() -> None:
    for name in NAMES:
        ids = {code: [(e.id, e.label) for e in exemplars(TASKS[name], code, 2)] for code in LANGUAGES[name]}
        assert len({tuple(found) for found in ids.values()}) == 1, name


def test_a_language_with_a_region_is_its_language() -> None:
    task = TASKS["mgsm"]
    assert chain_form(task, "cot_native", "zh-Hant") == chain_form(task, "cot_native", "zh")
    assert exemplars(task, "zh-Hant", 1) == exemplars(task, "zh", 1)


def test_braces_in_a_users_text_stay_text() -> None:
    task = TASKS["mgsm"]
    example = Example("1", "de", "mgsm", "test", {"question": "Was ist {labels} {request} {role}?"}, "3")
    for variant in CHAINS:
        item = prompted(example, task, PromptConfig(variant=variant))
        assert "Was ist {labels} {request} {role}?" in item.messages[-1].content
    assert fill("{a} {b}", {"a": "{b}", "b": "x"}) == "{b} x"
    assert "{language}" in translation_request("{language}", "de") and "German" in translation_request("x", "de")


WRONG = [
    ("cot_nativ", "xnli", r"variant=cot_nativ is unknown\. Did you mean 'cot_native'\?"),
    (
        "cot_native",
        "wikiann",
        r"variant=cot_native ends in .* task=wikiann has neither.*variant=direct",
    ),
    ("xlt", "tydiqa", r"task=tydiqa has neither"),
    ("translate_solve", "bactrian", r"task=bactrian has neither"),
]


@pytest.mark.parametrize(("variant", "name", "message"), WRONG)
def test_a_variant_that_a_task_has_not(variant: str, name: str, message: str) -> None:
    with pytest.raises(Problem, match=message):
        check_variant(load_recipe(f"{name}_3src").task, variant)


def test_direct_is_for_every_task() -> None:
    for name in (*NAMES, "wikiann", "tydiqa", "bactrian"):
        check_variant(load_recipe(f"{name}_3src").task, "direct")
    with pytest.raises(Problem, match="variant=translate_solve is unknown"):  # a row cannot be prompted with it
        ask("xnli", "de", "translate_solve")
    assert "translate_solve" in VARIANTS


@pytest.mark.parametrize("name", [name for name in NAMES if name != "mgsm"])
def test_every_label_comes_first_with_some_seed(name: str) -> None:
    """And so is shown with one worked example; the seed chooses unless first_shot is given."""
    labels = {exemplars(TASKS[name], "en", 1, first=first)[0].label for first in range(3)}
    assert labels == set(TASKS[name].choice_names)
    seeded = load_recipe(f"{name}_3src", ["prompt.num_shots=1", "seed=4"])
    assert seeded.prompt.first_shot == 4
    assert load_recipe(f"{name}_3src", ["prompt.num_shots=1", "seed=4", "prompt.first_shot=1"]).prompt.first_shot == 1
    assert load_recipe(f"{name}_3src", ["seed=4"]).prompt.first_shot is None
    shown = {
        seed: prompted(row(name, "en"), TASKS[name], PromptConfig(num_shots=1, first_shot=seed)).messages[-2].content
        for seed in range(3)
    }
    assert (
        len(set(shown.values())) == len(labels)
        and shown[0]
        == words(name, "en")[list(TASKS[name].choice_names).index(exemplars(TASKS[name], "en", 1)[0].label)]
    )


def test_worked_examples_go_round_in_a_circle() -> None:
    ids = [example.id for example in exemplars(TASKS["mgsm"], "de", 4)]
    assert [example.id for example in exemplars(TASKS["mgsm"], "de", 3, first=6)] == [ids[2], ids[3], ids[0]]


def test_what_is_missing_is_named() -> None:
    task = TASKS["mgsm"]
    with pytest.raises(
        Problem, match=r"no text for language 'yo'\. .* Add .*cot_native/yo\.yaml, or use variant=cot_e"
    ):
        chain_form(task, "cot_native", "yo")
    with pytest.raises(Problem, match=r"num_shots=99: .*mgsm/de\.yaml has \d+ worked examples\. Use num_shots=\d+\."):
        exemplars(task, "de", 99)
    with pytest.raises(Problem, match=r"no worked examples of task 'mgsm' in language 'yo'.* or use num_shots=0"):
        exemplars(task, "yo", 1)
    with pytest.raises(Problem, match=r"Task 'custom' has none"):
        exemplars(dataclasses.replace(task, name="custom"), "de", 1)


def test_an_example_file_without_a_field_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(variants, "share_dir", lambda name: tmp_path)
    folder = tmp_path / "exemplars" / "mgsm"
    folder.mkdir(parents=True)
    (folder / "de.yaml").write_text('- {id: a, fields: {frage: x}, label: "1", chain: y}\n', encoding="utf-8")
    with pytest.raises(Problem, match=r"de\.yaml: example 'a' has no field 'question', one of task\.input_fields"):
        exemplars.__wrapped__(TASKS["mgsm"], "de", 1)
    (folder / "de.yaml").write_text("- {id: [", encoding="utf-8")
    with pytest.raises(Problem, match=r"de\.yaml is not valid YAML"):
        exemplars.__wrapped__(TASKS["mgsm"], "de", 1)


# ---------------------------------------------------------------- translate, then solve


def test_english_items_keep_their_gold_labels(tmp_path: Path) -> None:
    from mslt_it.evaluation.questions import solve_items, to_translate, translated

    recipe = load_recipe("xcopa_3src")
    shot = exemplars(recipe.task, "de", 1)[0]
    german = Example("val:1", "de", "xcopa", "val", shot.fields, shot.label)
    answers = [{"id": "val:1", "field": name, "text": f"English {name}"} for name in ("premise", "choice1", "choice2")]
    rows, num_empty, broken = translated([german], answers)
    [item] = solve_items(recipe, rows, "de")
    assert (num_empty, broken, rows[0].label, item.label) == (0, [], shot.label, shot.label)
    english = prompt_file(recipe.task, "en", PromptConfig())
    assert item.answer == english.labels[shot.label] and item.choices == tuple(english.labels.values())
    assert (item.language, item.read_in) == ("de", "en")
    text = item.messages[0].content
    assert all(f"English {name}" in text for name in ("premise", "choice1", "choice2"))
    assert english.wording["question"][shot.fields["question"]] in text  # told in the prompt's words, not translated
    lines = [json.dumps({**dict(shot.fields), "label": 0, "idx": n}) for n in range(3)]
    for code in ("de", "en"):
        (tmp_path / f"{code}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    local = load_recipe("xcopa_3src", [f"task.data={tmp_path}", "task.held_out_share=1", "task.repair_field=''"])
    assert to_translate(local, "de", RowStore())[1] == ("premise", "choice1", "choice2")
    assert to_translate(local, "en", RowStore())[1] == ()  # nothing is put from English into English


def test_a_number_is_solved_by_an_english_chain() -> None:
    from mslt_it.evaluation.questions import solve_items

    recipe = load_recipe("mgsm_3src")
    [item] = solve_items(recipe, [Example("1", "en", "mgsm", "test", {"question": "How many?"}, "2,125")], "de")
    assert item.chain_language == item.read_in == "en" and item.language == "de" and item.is_written
    assert item.messages[0].content.startswith("How many?\n\n") and item.label == "2,125"


def test_empty_and_broken_translations_are_told_apart() -> None:
    from mslt_it.evaluation.questions import translated

    rows = [
        Example(i, "de", "xnli", "test", {"premise": f"p{i}", "hypothesis": ""}, "neutral") for i in ("1", "2", "3")
    ]
    texts = [("1", "in English"), ("2", ""), ("3", None)]
    found, num_empty, broken = translated(rows, [{"id": i, "field": "premise", "text": t} for i, t in texts])
    assert [row.fields["premise"] for row in found] == ["in English", "p2", "p3"]
    assert (num_empty, broken) == (1, ["3"]) and all(row.language == "en" for row in found)


# ---------------------------------------------------------------- training on chains of thought


def table(folder: Path, rationales: bool = True, empty: int = 0) -> Path:
    path = folder / "sums.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for code, text in (("de", "Anna hat {} Boote und kauft {} dazu. Wie viele hat sie?"), ("en", "{} and {}?")):
            for n in range(60):
                values = {"lang": code, "frage": text.format(n + 2, n + 5), "antwort": str(2 * n + 7)}
                if rationales:
                    values["solution"] = "" if n < empty else f"{n + 2} und {n + 5} sind {2 * n + 7}."
                out.write(json.dumps(values, ensure_ascii=False) + "\n")
    return path


def build(path: Path, *overrides: str) -> tuple[list[tuple[str, str]], str]:
    """(prompt, supervised text) of every row, and the report."""
    from mslt_it.data.build import build_training_set, format_report
    from mslt_it.models.tokenizers import load_tokenizer

    recipe = load_recipe(
        "custom",
        [
            f"task.data={path}", "sources=[de]", "targets=[en]", "task.shape=free_text", "task.input_fields=[frage]",
            "task.label_field=antwort", "task.metric=number_accuracy", "data.num_examples_total=20",
            "data.max_length_tokens=2000", *overrides,
        ],
    )  # fmt: skip
    tokenizer = load_tokenizer(recipe.model)
    rows, report = build_training_set(recipe, tokenizer)

    def text(row: object, supervised: bool) -> str:
        ids = [i for i, label in zip(row.input_ids, row.labels, strict=True) if (label != IGNORED) == supervised]  # type: ignore[attr-defined]
        return str(tokenizer.decode(ids, skip_special_tokens=False))

    return [(text(row, False), text(row, True)) for row in rows], format_report(report)


CHAIN = ["prompt.variant=cot_native", "task.rationale_field=solution"]


def test_a_chain_is_supervised_with_cue_and_answer(tmp_path: Path) -> None:
    rows, _ = build(table(tmp_path), *CHAIN)
    cue = chain_form(TASKS["mgsm"], "cot_native", "de").cue
    assert len(rows) == 20
    for prompt, answer in rows:
        squashed = "".join(answer.split())
        number = squashed.split("sind")[1].split(".")[0]
        assert f"sind{number}.{cue.strip()}{number}" in squashed
        assert "sind" not in prompt and "Anna" in prompt


def test_rows_without_a_chain_are_counted(tmp_path: Path) -> None:
    rows, report = build(table(tmp_path, empty=30), *CHAIN, "data.max_dropped_share=0.9")
    assert len(rows) == 20 and "no_rationale" in report
    with pytest.raises(Problem, match=r"'de' lost \d+ of \d+ rows .* no_rationale"):
        build(table(tmp_path, empty=30), *CHAIN)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = table(tmp_path, rationales=False)
    with pytest.raises(Problem, match=r"has no column 'solution' \(task\.rationale_field\)\. Known|Did you mean"):
        build(path, *CHAIN)
    with pytest.raises(
        Problem, match=r"names no column for it\. Give task\.rationale_field=COLUMN, or prompt\.variant"
    ):
        build(path, "prompt.variant=cot_native")
    rows, _ = build(path)
    assert len(rows) == 20  # direct needs none


def test_the_command_builds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "data", "recipe=custom", f"task.data={table(tmp_path)}", "sources=[de]", "targets=[en]", "task.shape=free_text",
        "task.input_fields=[frage]", "task.label_field=antwort", "task.metric=number_accuracy", *CHAIN,
        "data.num_examples_total=10", "data.max_length_tokens=2000", f"output_dir={tmp_path / 'run'}",
    ]  # fmt: skip
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    cue = chain_form(TASKS["mgsm"], "cot_native", "de").cue.strip()
    supervised = printed.rsplit(">>>", 1)[1].split("<<<")[0]
    assert cue in supervised and "sind" in supervised
