"""Signs for a missing label, cells that are no text, and how many labels there may be."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_tables import WORDS, own, pasted, read, table, write
from safetensors.numpy import save_file
from toy_world import load

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import PromptConfig
from mslt_it.data.build import build_training_set, format_report, notes_on_scored, scored_examples
from mslt_it.data.labels import guessed, spelling_key
from mslt_it.data.prompts import prompted
from mslt_it.data.rows import RowStore
from mslt_it.problems import NoLabels, Problem

# ---------------------------------------------------------------- missing or a label


def test_none_is_a_label_where_it_is_as_frequent_as_one(tmp_path: Path) -> None:
    labels = [["card", "none", "transfer"][i % 3] for i in range(60)]
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, labels))
    recipe = own(tmp_path)
    assert recipe.task.label_names == ("card", "none", "transfer")
    assert read(recipe, "fr") == dict(enumerate(labels))
    (note,) = [n for n in notes_on_scored(recipe, ["fr"], RowStore()) if "'none' may mean that there is none" in n]
    assert own(tmp_path, *pasted(note)).task.label_names == ("card", "transfer")


def test_one_rare_label_makes_no_label_of_a_sign_for_none(tmp_path: Path) -> None:
    labels = [*"abcde" * 20, "rare", "rare", "n/a", "n/a", "n/a", "-"]
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, labels))
    assert own(tmp_path, "task.held_out_share=1").task.label_names == ("a", "b", "c", "d", "e", "rare")
    for code in WORDS:  # half as many as most labels have
        write(tmp_path / f"{code}.csv", table(code, [*labels, *["n/a"] * 7]))
    recipe = own(tmp_path, "task.held_out_share=1")
    assert recipe.task.label_names == ("a", "b", "c", "d", "e", "n/a", "rare")
    assert own(tmp_path, "task.held_out_share=1", "task.label_names=[a,b,c,d,e,rare,-]").task.label_names[-1] == "-"


@pytest.mark.parametrize("marker", ["none", "None", "null", "-1", "nan", "n/a", "N/A", "-", "?", "#N/A", "<NA>"])
def test_a_seldom_sign_is_missing_is_counted_and_is_kept_by_the_key_that_the_note_shows(
    tmp_path: Path, marker: str, tokenizer: Any
) -> None:
    labels = [["card", "transfer"][i % 2] for i in range(60)]
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [marker if i % 15 in (4, 5) else x for i, x in enumerate(labels)]))
    recipe = own(tmp_path, "scoring.num_examples_per_language=0", "data.max_dropped_share=0.3")
    assert recipe.task.label_names == ("card", "transfer")
    report = format_report(build_training_set(recipe, tokenizer)[1])
    (note,) = [n for n in report.split("\n") if n.startswith("Note: left out, ")]  # one for all languages
    assert f"intent={marker!r} was taken for a missing label: 8 of 60 rows in {', '.join(sorted(WORDS))}" in note
    line = pasted(note)
    kept = own(tmp_path, *line)
    assert set(kept.task.label_names) == {"card", "transfer", marker}
    assert [read(kept, code)[4] for code in WORDS] == [marker] * 3


def test_rows_with_a_sign_are_as_those_with_an_empty_cell(tmp_path: Path, tokenizer: Any) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, ["n/a" if i % 8 == 0 else "ab"[i % 2] for i in range(160)]))
    recipe = own(tmp_path, "scoring.num_examples_per_language=20")
    assert [e.label in ("a", "b") for e in scored_examples(recipe, "fr")] == [True] * 20
    report = format_report(build_training_set(recipe, tokenizer)[1])
    (note,) = (n for n in report.split("\n") if n.startswith("Note: left out, "))
    kept = own(tmp_path, *pasted(note))
    assert "n/a" in {e.label for e in scored_examples(kept, "fr")}


def test_named_signs_are_labels_and_another_spelling_of_one_is_refused(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [["card", "null"][i % 2] for i in range(60)]))
    assert set(read(own(tmp_path, "task.label_names=[card,null]"), "en").values()) == {"card", "null"}
    write(tmp_path / "fr.csv", table("fr", [["card", "NULL"][i % 2] for i in range(60)]))
    with pytest.raises(Problem, match="'NULL' is outside") as caught:
        read(own(tmp_path, "task.label_names=[card,null]"), "fr")
    line = pasted(str(caught.value))
    assert read(own(tmp_path, "task.label_names=[card,null]", *line), "fr")[1] == "null"


def test_a_list_of_one_label_is_that_label_and_an_empty_one_is_none(tmp_path: Path) -> None:
    for code in ("en", "de"):
        write(tmp_path / f"{code}.jsonl", table(code, [[["card"], ["transfer"]][i % 2] for i in range(40)]))
    write(tmp_path / "fr.jsonl", table("fr", [["card"], []] * 20))
    write(tmp_path / "th.jsonl", table("fr", [[]] * 40))
    recipe = own(tmp_path)
    assert recipe.task.label_names == ("card", "transfer")
    assert read(recipe, "en")[0] == "card" and [read(recipe, "fr")[i] for i in (0, 1)] == ["card", ""]
    with pytest.raises(NoLabels, match="an empty 'intent'"):
        read(recipe, "th")


def test_minus_one_is_a_label_of_sentiment(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.jsonl", table(code, [(-1, 0, 1, 1, 0)[i % 5] for i in range(60)]))
    recipe = own(tmp_path)
    assert recipe.task.label_names == ("-1", "0", "1") and read(recipe, "en")[0] == "-1"


@pytest.mark.parametrize("value", [["card", "transfer"], {"name": "card"}, float("nan"), float("inf"), {}])
def test_what_is_no_text_is_no_label_and_no_field(tmp_path: Path, value: Any, tokenizer: Any) -> None:
    labels = [["card", "transfer"][i % 2] for i in range(60)]
    for code in WORDS:
        rows = table(code, labels)
        rows[3]["intent"] = value  # rows 3 and 6 are to be trained on where they are good
        rows[6]["text"] = value
        write(tmp_path / f"{code}.jsonl", rows)
    recipe = own(
        tmp_path,
        "data.num_examples_total=40",
        "data.max_dropped_share=0.5",
        "data.items=parallel",
        "task.is_parallel=true",
    )
    assert recipe.task.label_names == ("card", "transfer")
    loaded = [e for role in ("train", "score") for e in load(recipe.task, "en", role, role=role).examples]  # type: ignore[arg-type]
    faults = sorted(e.fault for e in loaded if e.fault)
    assert [fault.rpartition(" is ")[0] for fault in faults] == ["not_text: intent", "not_text: text"]
    _, report = build_training_set(recipe, tokenizer)
    for why in (fault.removeprefix("not_text: ") for fault in faults):
        (note,) = [note for note in report.notes if note.startswith(f"left out, since {why}: ")]
        assert ": 1 of 60 rows in de, en" in note
    assert all(row.fault == "" for row in scored_examples(recipe, "fr"))


def test_answers_that_are_no_text_are_dropped_and_lists_of_answers_are_not(tmp_path: Path) -> None:
    answers = ["Ulm", ["Ulm", "in Ulm"], {"text": ["Ulm"]}, {"name": "Ulm"}, float("nan"), [["Ulm"]], 18.0]
    rows = [{"context": "Ada in Ulm", "question": f"q{i}", "answers": a} for i, a in enumerate(answers)]
    write(tmp_path / "en" / "validation.jsonl", rows)
    recipe = load_recipe("tydiqa_3src", [f"task.data={tmp_path}", "task.file_layout=table"])
    examples = load(recipe.task, "en", "validation", role="score").examples
    found = [(e.references, e.fault) for e in examples]
    assert found[:3] == [(("Ulm",), ""), (("Ulm", "in Ulm"), ""), (("Ulm",), "")] and found[6] == (("18",), "")
    assert [fault for _, fault in found[3:6]] == [f"not_text: answers is {w}" for w in ("a mapping", "NaN", "a list")]


def test_numbers_as_answers_have_one_form_whatever_the_column_was(tmp_path: Path) -> None:
    write(tmp_path / "en" / "test.csv", [{"question": "q", "answer_number": 18}])
    write(tmp_path / "de" / "test.csv", [{"question": "q", "answer_number": 18.0}])
    write(tmp_path / "fr" / "test.parquet", [{"question": "q", "answer_number": 18.0}])
    recipe = load_recipe("mgsm_3src", [f"task.data={tmp_path}", "task.held_out_share=1"])
    assert {load(recipe.task, c, "test", role="score").examples[0].label for c in WORDS} == {"18"}


def test_an_empty_optional_field_may_be_nan(tmp_path: Path) -> None:
    write(tmp_path / "en" / "train.jsonl", [{"instruction": "i", "input": float("nan"), "output": "o"}])
    recipe = load_recipe("bactrian_3src", [f"task.data={tmp_path}", "task.held_out_share=1"])
    (row,) = load(recipe.task, "en", "train", role="score").examples
    assert row.fields["input"] == "" and row.fault == ""


def test_ids_are_the_same_item_whether_written_as_integers_or_floats(tmp_path: Path) -> None:
    for code, ids in (("en", [1, 2]), ("de", [1.0, 2.0])):
        rows = [{"id": i, "premise": "a", "hypothesis": f"{i}", "label": "neutral"} for i in ids]
        write(tmp_path / code / "test.csv", rows)
    recipe = load_recipe("xnli_3src", [f"task.data={tmp_path}"])
    en, de = ([e.id for e in load(recipe.task, c, "test", role="score").examples] for c in ("en", "de"))
    assert en == de == ["test:1", "test:2"]


# ---------------------------------------------------------------- how many labels


def test_a_hundred_and_fifty_intents_are_labels(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [f"intent_{i % 150}" for i in range(900)]))
    recipe = own(tmp_path)
    assert len(recipe.task.label_names) == 150
    (row, *_) = scored_examples(recipe, "fr")
    assert len(prompted(row, recipe.task, PromptConfig()).choices) == 150


def test_few_rows_per_label_are_refused_with_the_line_that_makes_them_labels(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [f"intent, {i % 150}" for i in range(160)]))
    with pytest.raises(Problem, match=r"holds 150 different values in .*task\.shape=free_text") as caught:
        own(tmp_path, "sources=[en]", "task.held_out_share=1")
    recipe = own(tmp_path, *pasted(str(caught.value)))
    assert len(recipe.task.label_names) == 150 and read(recipe, "fr")[7] == "intent, 7"


def test_a_label_that_only_a_target_has_is_added_by_the_line(tmp_path: Path) -> None:
    for code in WORDS:
        names = ["card", "Refund", "a, b"] if code == "fr" else ["card", "refund"]
        write(tmp_path / f"{code}.csv", table(code, [names[i % len(names)] for i in range(60)]))
    with pytest.raises(Problem, match=r"Language 'fr' has 'Refund' in \d+ rows, 'a, b' in \d+ rows") as caught:
        read(own(tmp_path), "fr")
    recipe = own(tmp_path, *pasted(str(caught.value)))
    assert recipe.task.label_names == ("card", "refund", "a, b") and read(recipe, "fr")[1] == "refund"


def test_the_wrong_column_is_called_one(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [f"text number {i}" for i in range(60)]))
    with pytest.raises(Problem, match=r"holds \d+ other values: is it the labels' column\? task\.label=COLUMN"):
        read(own(tmp_path, "task.label_names=[a,b]"), "en")


def test_the_mark_of_an_untranslated_sentence_may_be_a_label(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [["NS", "S"][i % 2] for i in range(60)]))
    assert {e.label for e in scored_examples(own(tmp_path), "fr")} == {"NS", "S"}


def test_one_label_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "en.csv", table("en", ["true", "false"]))
    recipe = own(tmp_path, "task.label_names=[True,true,false]")
    with pytest.raises(Problem, match="has two names for one label"):
        read(recipe, "en")


def test_an_evaluation_of_a_run_keeps_the_labels_that_it_was_trained_on(tmp_path: Path) -> None:
    from mslt_it.config.compose import resolved_yaml
    from mslt_it.evaluation.request import parse_request
    from mslt_it.models.finished_run import DECISIVE, adapter_hash
    from mslt_it.store import seal

    for code in WORDS:
        write(tmp_path / "old" / f"{code}.csv", table(code, [["card", "none", "refund"][i % 3] for i in range(60)]))
        write(tmp_path / "new" / f"{code}.csv", table(code, [["card", "refund"][i % 2] for i in range(60)]))
    run = tmp_path / "run"
    run.mkdir()
    trained = own(tmp_path / "old")
    unnamed = dataclasses.replace(trained, task=dataclasses.replace(trained.task, label_names=()))
    (run / "config.yaml").write_text(resolved_yaml(unnamed), encoding="utf-8")
    (run / "adapter").mkdir()
    (run / "adapter" / "adapter_config.json").write_text("{}", encoding="utf-8")
    save_file({"a": np.ones(1)}, run / "adapter" / "adapter_model.safetensors")
    papers = {"labels": list(trained.task.label_names), "adapter_sha256": adapter_hash(run / "adapter")}
    (run / "results.json").write_text(json.dumps({"provenance": {**papers, "base_sha256": "b"}}))
    seal(run, [run / name for name in DECISIVE])
    request = parse_request([f"run={run}", "languages=[fr]", f"task.data={tmp_path / 'new'}"])
    assert request.recipes[0].task.label_names == ("card", "none", "refund")


def test_a_number_is_guessed_to_be_the_same_number_only() -> None:
    """A sign and a point are part of a number: -1 is not 1, whichever character the minus is, and 1.5 is not 15."""
    assert guessed(["−1", "+1"], ["-1", "0", "1"], strict=True) == {"−1": "-1", "+1": "1"}
    assert guessed(["15", "1.5"], ["1.5", "2.5"], strict=True) == {"1.5": "1.5"}
    assert guessed(["-2"], ["1", "2"], strict=True) == {}
    assert guessed(["0", "2"], ["a", "b", "c"]) == {"0": "a", "2": "c"}
    assert guessed(["1", "3"], ["a", "b", "c"]) == {"1": "a", "3": "c"}
    assert spelling_key("−1") == spelling_key("-1") != spelling_key("1")
