"""One file for training and scoring: which rows are on which side, in every language alike."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import pytest
from toy_world import load, write_tsv

from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.data.division import Loaded, Table, units_of_ids
from mslt_it.data.mixing import hash_key
from mslt_it.data.prompts import prompted
from mslt_it.problems import Problem
from mslt_it.records import Example

WORDS = {
    "en": ["river", "stone", "bread", "lamp", "cloud", "horse", "green", "early", "window", "letter"],
    "de": ["Fluss", "Stein", "Brot", "Lampe", "Wolke", "Pferd", "grün", "früh", "Fenster", "Brief"],
    "qu": ["mayu", "rumi", "tanta", "kanchay", "phuyu", "kawallu", "qumir", "tuta", "wasi", "qillqa"],
}
LABELS = ("entailment", "neutral", "contradiction")


def sentence(language: str, seed: str) -> str:
    return f"{' '.join(random.Random(seed).choices(WORDS[language], k=9))} {seed}"


def pairs(language: str, number: int = 300) -> list[dict[str, object]]:
    """Three hypotheses on each premise, translations of each other, with ids."""
    return [
        {
            "idx": i,
            "premise": sentence(language, f"p{i // 3}"),
            "hypothesis": sentence(language, f"h{i}"),
            "label": LABELS[(i + i // 3) % 3],
        }
        for i in range(number)
    ]


def write(root: Path, language: str, rows: list[dict[str, object]], name: str = "dev") -> None:
    (root / language).mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (root / language / f"{name}.jsonl").write_text(text, encoding="utf-8")


def sides(task: TaskConfig, language: str) -> tuple[list[Example], list[Example]]:
    split = task.train_split, task.score_split
    return (
        load(task, language, split[0], role="train").examples,
        load(task, language, split[1], role="score").examples,
    )


def numbers(examples: list[Example]) -> set[str]:
    return {e.id.rpartition(":")[2] for e in examples}


@pytest.mark.parametrize("is_parallel", [True, False])
@pytest.mark.parametrize("group_fields", [(), ("premise",)])
def test_a_language_that_lacks_rows_is_divided_like_the_others(
    tmp_path: Path, is_parallel: bool, group_fields: tuple[str, ...]
) -> None:
    """Missing rows shift positions: blocks counted by position would put an item on both sides."""
    missing: dict[str, set[int]] = {"en": set(), "de": {4, 5, 100}, "qu": {0, 1, 2, 7, 33, 150, 151, 200, 288, 299}}
    for code, gone in missing.items():
        write(tmp_path, code, [row for row in pairs(code) if row["idx"] not in gone])
    task = TaskConfig(name="toy", data=str(tmp_path), is_parallel=is_parallel, group_fields=group_fields)
    trained: set[str] = set()
    scored: set[str] = set()
    for code in missing:
        train, score = sides(task, code)
        assert len(train) + len(score) == 300 - len(missing[code])
        assert not {e.fields["premise"] for e in train} & {e.fields["premise"] for e in score}
        trained |= numbers(train)
        scored |= numbers(score)
    assert not trained & scored and 30 < len(scored) < 100


def test_a_premise_that_is_whole_in_no_language_is_still_on_one_side(tmp_path: Path) -> None:
    """Of each premise, en has rows 0 and 1, de 1 and 2, qu 0 or 2 only."""
    for code, kept in (("en", {0, 1}), ("de", {1, 2}), ("qu", {0, 2})):
        rows = pairs(code)
        write(tmp_path, code, [row for row in rows if int(str(row["idx"])) % 3 in kept])
    task = TaskConfig(name="toy", data=str(tmp_path))
    side: dict[int, set[str]] = {}
    for code in WORDS:
        for name, part in zip(("train", "score"), sides(task, code), strict=True):
            for number in numbers(part):
                side.setdefault(int(number) // 3, set()).add(name)
    assert len(side) == 100 and all(len(names) == 1 for names in side.values())


def test_a_row_more_or_less_changes_nothing_for_the_others(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path, code, pairs(code))
    task = TaskConfig(name="toy", data=str(tmp_path))
    before = {code: numbers(sides(task, code)[1]) for code in WORDS}
    write(tmp_path, "en", pairs("en")[10:])
    after = {code: numbers(sides(task, code)[1]) for code in WORDS}
    assert before["de"] == after["de"] == before["qu"] == after["qu"]
    assert after["en"] == before["en"] - {str(i) for i in range(10)}


def test_ids_that_are_each_languages_own_do_not_tear_premises(tmp_path: Path) -> None:
    """Every language numbers its rows in an order of its own: equal ids are no translations."""
    for code in WORDS:
        rows = pairs(code)
        random.Random(code).shuffle(rows)
        write(tmp_path, code, [{**row, "idx": i} for i, row in enumerate(rows)])
    task = TaskConfig(name="toy", data=str(tmp_path), is_parallel=False)
    for code in WORDS:
        train, score = sides(task, code)
        assert not {e.fields["premise"] for e in train} & {e.fields["premise"] for e in score} and score


def test_without_ids_the_text_decides_and_not_the_place(tmp_path: Path) -> None:
    texts = [(sentence("en", f"t{i}"), LABELS[i % 3]) for i in range(200)]
    write_tsv(tmp_path / "en.tsv", texts)
    write_tsv(tmp_path / "de.tsv", [(sentence("de", f"t{i}"), LABELS[i % 3]) for i in range(200)])
    task = TaskConfig(name="toy", data=str(tmp_path), is_parallel=False, input_fields=("text",))
    before = {e.fields["text"] for e in sides(task, "en")[1]}
    write_tsv(tmp_path / "en.tsv", [*reversed(texts[20:]), ("one more sentence here", "neutral")])
    after = {e.fields["text"] for e in sides(task, "en")[1]}
    assert 20 < len(before) < 60
    assert after - {"one more sentence here"} == before & {text for text, _ in texts[20:]}
    # One text twice, or left untranslated, is on one side.
    write_tsv(tmp_path / "en.tsv", [*texts, *((text.upper() + "!", label) for text, label in texts)])
    write_tsv(tmp_path / "de.tsv", texts)
    held_out = {e.fields["text"].casefold().rstrip("!") for e in sides(task, "en")[1]}
    assert (
        held_out == {text.casefold() for text in before} == {e.fields["text"].casefold() for e in sides(task, "de")[1]}
    )
    train, score = sides(task, "en")
    assert len(score) == 2 * len(before) and len(train) == 400 - len(score)


def test_tags_and_questions_are_divided_too(tmp_path: Path) -> None:
    """Tagged sentences by their text; several questions on a passage together, ids or not."""
    for code in ("en", "de"):
        lines = "".join(
            f"{sentence(code, f's{i}').replace(' ', chr(9) + 'O' + chr(10))}\tB-PER\n\n" for i in range(100)
        )
        (tmp_path / "ner" / code).mkdir(parents=True)
        (tmp_path / "ner" / code / "train.tsv").write_text(lines, encoding="utf-8")
        rows = [
            {"context": sentence(code, f"c{i // 2}"), "question": sentence(code, f"q{i}"), "answers": ["x"]}
            for i in range(200)
        ]
        write(tmp_path / "plain", code, rows)
        write(tmp_path / "numbered", code, [{"id": f"{code}-{i}", **row} for i, row in enumerate(rows)])
    ner = TaskConfig(
        name="ner", shape="tagging", data=str(tmp_path / "ner"), file_layout="conll", is_parallel=False,
        input_fields=("text",), label_field="ner_tags", label_names=("PER",), metric="span_f1", score_split="train",
    )  # fmt: skip
    train, score = sides(ner, "en")
    assert len(train) + len(score) == 100 and 8 < len(score) < 35
    for folder in ("plain", "numbered"):
        questions = TaskConfig(
            name="qa", shape="question_answering", data=str(tmp_path / folder), is_parallel=False,
            input_fields=("context", "question"), label_field="answers", label_names=(), metric="qa_f1",
        )  # fmt: skip
        train, score = sides(questions, "de")
        assert len(train) + len(score) == 200 and score
        assert not {e.fields["context"] for e in train} & {e.fields["context"] for e in score}


def test_what_is_set_aside_is_counted(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path, code, pairs(code))
    task = TaskConfig(name="toy", data=str(tmp_path))
    train, score = load(task, "en", "train", role="train"), load(task, "en", "test", role="score")
    assert train.num_set_aside == len(score.examples) and score.num_set_aside == len(train.examples)
    assert len(train.examples) + len(score.examples) == 300 and "divided by hash" in train.notes[0]
    whole = load(dataclasses.replace(task, held_out_share=1.0), "en", "test", role="score")
    assert len(whole.examples) == 300 and whole.num_set_aside == 0
    write(tmp_path, "en", pairs("en", 1))
    kept = [role for role in ("train", "score") if _loads(task, role)]
    assert len(kept) == 1  # one row is on one side, and the other side says that it has none


def _loads(task: TaskConfig, role: str) -> bool:
    try:
        return bool(load(task, "en", role, role=role).examples)  # type: ignore[arg-type]
    except Problem as problem:
        assert "no row of 'en' is left for role" in str(problem)
        return False


def test_ids_have_one_form_whatever_the_file(tmp_path: Path) -> None:
    """A column of integers with a gap is one of floats: 7.0 in one file is 7 in another, on the same side."""
    forms = {"en": lambda i: i, "de": float, "qu": lambda i: f"{i}.0"}
    for language, form in forms.items():
        rows = [
            {"id": form(i), "premise": sentence(language, f"p{i}"), "hypothesis": sentence(language, f"h{i}")}
            | {"label": LABELS[i % 3]}
            for i in range(200)
        ]
        write(tmp_path, language, rows)
    task = TaskConfig(name="toy", data=str(tmp_path))
    first, *others = ([numbers(side) for side in sides(task, language)] for language in forms)
    assert first[1] == {str(i) for i in range(200) if hash_key("held out", str(i)) < 0.2 * 2**64}
    assert len(first[0]) + len(first[1]) == 200 and all(first)
    assert others == [first, first]


def test_a_column_that_is_not_shown_groups_rows(tmp_path: Path) -> None:
    """A row without a group stands alone; a column that is not there is said."""
    rows = [
        {"premise": sentence("en", f"p{i}"), "hypothesis": sentence("en", f"h{i}"), "label": LABELS[i % 3]}
        | {"author": None if i % 10 == 0 else i // 4}
        for i in range(200)
    ]
    write(tmp_path, "en", rows)
    task = TaskConfig(name="toy", data=str(tmp_path), group_fields=("author",))
    train, scored = sides(task, "en")
    of_side = [{e.grouped_by["author"] for e in side} - {""} for side in (train, scored)]
    assert len(train) + len(scored) == 200 and all(of_side) and not of_side[0] & of_side[1]
    assert all("author" not in e.fields for e in train)
    alone = [side for side in (train, scored) if any(e.grouped_by["author"] == "" for e in side)]
    assert len(alone) == 2  # rows without an author are not one group
    xnli = dataclasses.replace(task, name="xnli")  # which has prompts
    groups = [prompted(example, xnli, PromptConfig()).group for example in scored]
    assert len({g for g in groups if g}) == len(of_side[1])
    assert [bool(g) for g in groups] == [e.grouped_by["author"] != "" for e in scored]
    with pytest.raises(Problem, match=r"no column 'writer' \(task.group_fields\).*task.group_fields=\[\]"):
        sides(dataclasses.replace(task, group_fields=("writer",)), "en")


def test_the_rows_of_a_winograd_schema_are_one_group_in_either_order() -> None:
    task = TaskConfig(name="toy", group_fields=("option1", "option2"))
    one = task.group_key({"option1": "The cat", "option2": "the dog"})
    assert one and one == task.group_key({"option1": "The dog", "option2": "the cat"})
    assert one != task.group_key({"option1": "The dog", "option2": "the cow"})


def test_a_parallel_benchmarks_ids_hold_where_translations_tear_its_groups() -> None:
    """One sentence in several rows of one language, translated anew in each row of another."""
    ids = tuple(str(i) for i in range(40))
    english = Table(ids, tuple(f"sentence {i // 4}" for i in range(40)), ids, True, True)
    german = Table(ids, tuple(f"Satz {i // 7}" for i in range(40)), ids, True, True)
    assert units_of_ids([english, german]).of_ids is None
    units = units_of_ids([english, german], is_parallel=True).of_ids
    assert units is not None and set(units) == set(ids) and len(set(units.values())) == 10


def test_a_language_that_is_not_trained_on_is_scored_whole_without_ids(tmp_path: Path) -> None:
    """A target of 40 rows keeps 40; with ids, or in parallel order, its rows may be translations of trained ones."""
    write_tsv(tmp_path / "en.tsv", [(sentence("en", f"t{i}"), LABELS[i % 3]) for i in range(100)])
    write_tsv(tmp_path / "de.tsv", [(sentence("de", f"t{i}"), LABELS[i % 3]) for i in range(40)])
    task = TaskConfig(name="toy", data=str(tmp_path), is_parallel=False, input_fields=("text",))

    def scored(language: str, *trained: str, of: TaskConfig = task) -> Loaded:
        return load(of, language, "test", role="score", is_trained=language in trained)

    whole = scored("de", "en")
    assert len(whole.examples) == 40 and whole.num_set_aside == 0
    assert "'de' is not trained on, 40 of 40 rows are scored" in whole.notes[-1]
    halves = load(task, "de", "test", role="score")  # nothing says what is trained on
    assert 2 < len(halves.examples) < 20 and list(scored("de", "en", "de").examples) == list(halves.examples)
    assert list(scored("en", "en").examples) == list(load(task, "en", "test", role="score").examples)
    # Rows of training, copied untranslated, are on one side as ever.
    english = load(task, "en", "train", role="train").examples[:10]
    rows = [(e.fields["text"].upper(), "neutral") for e in english]
    write_tsv(tmp_path / "de.tsv", [*rows, *((sentence("de", f"t{i}"), LABELS[i % 3]) for i in range(40))])
    found = scored("de", "en")
    assert [e.fields["text"] for e in found.examples] == [e.fields["text"] for e in whole.examples]
    assert found.num_set_aside == 10 and "another language repeats the others" in found.notes[-1]
    # Order or ids that tell translations: divided by item, whatever is trained on.
    parallel = dataclasses.replace(task, is_parallel=True)
    assert len(scored("de", "en", of=parallel).examples) < 25
    for code in ("en", "qu"):
        write(tmp_path / "ids", code, pairs(code))
    numbered = TaskConfig(name="toy", data=str(tmp_path / "ids"), is_parallel=False)
    assert numbers(scored("qu", "en", of=numbered).examples) == numbers(scored("en", "en", of=numbered).examples)


def test_whole_targets_leave_no_training_row_that_is_scored(tmp_path: Path) -> None:
    """Premises that come again untranslated: none is on both sides."""
    rows = [
        {"premise": sentence("en", f"p{i // 3}"), "hypothesis": sentence("en", f"h{i}"), "label": LABELS[i % 3]}
        for i in range(300)
    ]
    write(tmp_path, "en", rows)
    own = [{**row, "premise": sentence("qu", f"p{i // 3}")} for i, row in enumerate(rows)]
    write(tmp_path, "qu", rows[:150] + own[150:])
    task = TaskConfig(name="toy", data=str(tmp_path), is_parallel=False)
    train = {e.fields["premise"] for e in load(task, "en", "train", role="train").examples}
    score = load(task, "qu", "test", role="score", is_trained=False).examples
    assert not train & {e.fields["premise"] for e in score} and 150 < len(score) < 225
