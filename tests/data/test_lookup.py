"""Files and rows of a language as people name and spell them."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import pytest
from toy_world import available_languages, load, toy_rows, toy_task, write_tsv

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import TaskConfig
from mslt_it.config.schema import FrozenDict
from mslt_it.data import layouts
from mslt_it.data.rows import RowStore
from mslt_it.prediction.row_languages import RowLanguages
from mslt_it.problems import Problem


def put(root: Path, *names: str) -> None:
    """Files whose premises end in their own name."""
    for name in names:
        rows = [(f"{p} {name}", h, label) for p, h, label in toy_rows("en", 6)]
        write_tsv(root / name, rows)


def source(config: TaskConfig, language: str, split: str) -> str:
    """The name of the file that serves a split."""
    (name,) = {
        e.fields["premise"].rsplit(" ", 1)[1]
        for e in load(config, language, split, role="score" if split != "train" else "train").examples
    }
    return name


@pytest.mark.parametrize(
    ("language", "name", "other"),
    [
        ("de", "mgsm_de.tsv", "mgsm_fr.tsv"),
        ("ko", "xnli.dev.ko.tsv", "xnli.dev.de.tsv"),
        ("el", "train-el.tsv", "train-de.tsv"),
        ("el", "dev-el.tsv", "dev-de.tsv"),
        ("de", "nli_de.tsv", "nli_fr.tsv"),
        ("de", "my_data_de.tsv", "my_data_fr.tsv"),
        ("de", "de_new.tsv", "fr_new.tsv"),
        ("pt", "dev_pt_BR.tsv", "dev_de.tsv"),
        ("zh", "zho_Hans.tsv", "deu_Latn.tsv"),
        ("ay", "test/aym.tsv", "test/quy.tsv"),
        ("de", "DE/dev.tsv", "FR/dev.tsv"),
        ("he", "iw/dev_2k.tsv", "fr/dev_2k.tsv"),
        ("de", "German/dev.tsv", "French/dev.tsv"),
        ("de", "goldp.german.dev.tsv", "goldp.french.dev.tsv"),
        ("ar", "goldp-arabic-dev.tsv", "goldp-finnish-dev.tsv"),
        ("yo", "yor_dev.tsv", "hau_dev.tsv"),
        ("de", "tydiqa.goldp.de.train.TSV", "tydiqa.goldp.fr.train.TSV"),
    ],
)
def test_a_language_is_found_in_the_names_of_files_and_folders(
    tmp_path: Path, language: str, name: str, other: str
) -> None:
    put(tmp_path, name, other)
    split = "train" if "train" in name else "dev"
    config = toy_task(tmp_path, train_split=split, score_split=split)
    assert source(config, language, split) == name
    assert language in available_languages(config)
    with pytest.raises(Problem, match="No data file for language 'sw'"):
        load(config, "sw", split, role="score")


def test_exact_split_names_come_first_and_others_can_be_asked_for(tmp_path: Path) -> None:
    put(tmp_path, *(f"de/{name}.tsv" for name in ("train", "translated_train", "dev", "test", "test_expert", "dev_2k")))
    config = toy_task(tmp_path)
    assert [source(config, "de", split) for split in ("train", "test")] == ["de/train.tsv", "de/test.tsv"]
    expert = toy_task(tmp_path, train_split="translated_train", score_split="test_expert")
    assert source(expert, "de", "translated_train") == "de/translated_train.tsv"
    assert source(expert, "de", "test_expert") == "de/test_expert.tsv"
    both = toy_task(tmp_path, train_split="test", score_split="test_expert")
    trained, scored = load(both, "de", "test", role="train"), load(both, "de", "test_expert", role="score")
    assert not trained.divided and len(trained.examples) == 6  # two files, not one that is divided
    assert not {e.id for e in trained.examples} & {e.id for e in scored.examples}


def test_another_name_for_the_split_serves_it_and_says_so(tmp_path: Path) -> None:
    put(tmp_path, "de/translated_train.tsv", "de/test.tsv")
    loaded = load(toy_task(tmp_path), "de", "train", role="train")
    assert loaded.notes == ("de: split 'train' is read from de/translated_train.tsv",)


def test_several_files_for_one_split_are_refused_and_one_can_be_named(tmp_path: Path) -> None:
    put(tmp_path, "de/train.tsv", "de/test_easy.tsv", "de/test_hard.tsv")
    with pytest.raises(Problem, match=r"de/test_easy\.tsv, de/test_hard\.tsv.*score_split=test_easy"):
        load(toy_task(tmp_path), "de", "test", role="score")
    assert source(toy_task(tmp_path, score_split="test_easy"), "de", "test_easy") == "de/test_easy.tsv"
    put(tmp_path, "EN/train.tsv", "en/train.tsv")
    with pytest.raises(Problem, match=r"EN/train\.tsv, en/train\.tsv\. Keep one of them\."):
        load(toy_task(tmp_path), "en", "train", role="train")


def test_folders_of_no_language_and_no_split_are_not_looked_into(tmp_path: Path) -> None:
    put(tmp_path, "de/train.tsv", "de/test.tsv", "backup/de/train.tsv", ".cache/de/test.tsv")
    assert source(toy_task(tmp_path), "de", "train") == "de/train.tsv"


def test_numbered_parts_are_one_table(tmp_path: Path) -> None:
    put(tmp_path, *(f"de/{split}-0000{i}-of-00002.tsv" for split in ("train", "test") for i in (0, 1)))
    loaded = load(toy_task(tmp_path), "de", "train", role="train")
    assert len(loaded.examples) == 12 and not loaded.divided
    assert loaded.examples[6].origin.endswith("de (2 parts):train-00001-of-00002.tsv line 1")
    put(tmp_path / "b", *(f"de/{split}/000{i}.tsv" for split in ("train", "test") for i in (0, 1)))
    assert len(load(toy_task(tmp_path / "b"), "de", "test", role="score").examples) == 12


def test_train_files_of_their_own_beside_one_test_file_for_all(tmp_path: Path) -> None:
    put(tmp_path, "multi.train.de.tsv", "multi.train.fr.tsv")
    rows = [("language", "premise", "hypothesis", "label"), *(("de", "p", f"h{i}", "neutral") for i in range(3))]
    write_tsv(tmp_path / "xnli.test.tsv", [*rows, ("fr", "p", "h", "neutral")])
    assert len(load(toy_task(tmp_path), "de", "test", role="score").examples) == 3
    assert source(toy_task(tmp_path), "fr", "train") == "multi.train.fr.tsv"


def test_a_readme_is_no_data_and_a_lone_table_is(tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text("about")
    rows = [("Lang", "premise", "hypothesis", "label"), *(("EN", "p", f"h{i}", "neutral") for i in range(9))]
    write_tsv(tmp_path / "dataset.tsv", rows)
    assert len(load(toy_task(tmp_path, held_out_share=1.0), "en", "test", role="score").examples) == 9
    assert available_languages(toy_task(tmp_path)) == ("en",)
    (tmp_path / "dataset.tsv").write_text("p\th\tneutral\n")
    with pytest.raises(Problem, match=r"No language is named in .*with a column language or one per language"):
        available_languages(toy_task(tmp_path))
    (tmp_path / "dataset.tsv").rename(tmp_path / "de.tsv")
    assert available_languages(toy_task(tmp_path)) == available_languages(toy_task(tmp_path / "de.tsv")) == ("de",)


def test_the_recipe_s_own_name_for_a_language_wins(tmp_path: Path) -> None:
    put(tmp_path, "kr/dev.tsv", "ko/dev.tsv", "fr/dev.tsv")
    config = toy_task(tmp_path, train_split="dev", score_split="dev")
    assert source(config, "ko", "dev") == "ko/dev.tsv"
    assert source(dataclasses.replace(config, configs=FrozenDict(ko="kr")), "ko", "dev") == "kr/dev.tsv"
    (tmp_path / "ko" / "dev.tsv").rename(tmp_path / "hidden")
    with pytest.raises(Problem, match=r"language 'ko'.*Known: fr, ko, kr.*task\.configs\.ko=NAME|language 'ko'.*kr"):
        load(config, "ko", "dev", role="score")


def table(path: Path, column: str, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["premise", "hypothesis", "label", column])
        writer.writerows(("p", text, "neutral", spelling) for spelling, text in rows)
    return path


@pytest.mark.parametrize("column", ["Lang", "LANGUAGE", "locale", "language_code", "lang_code", "Language Code"])
def test_language_columns_and_spellings_in_them(tmp_path: Path, column: str) -> None:
    spelt = [("EN", "a"), ("eng", "b"), ("German", "c"), ("de", "d"), ("iw", "e"), ("zh_TW", "f"), ("zh", "g")]
    config = toy_task(table(tmp_path / "t.csv", column, spelt), held_out_share=1.0)
    found = {
        code: [e.fields["hypothesis"] for e in load(config, code, "test", role="score").examples]
        for code in ("en", "de", "he", "zh", "zh-Hant")
    }
    assert found == {"en": ["a", "b"], "de": ["c", "d"], "he": ["e"], "zh": ["g"], "zh-Hant": ["f"]}
    assert available_languages(config) == ("de", "en", "he", "zh", "zh-Hant")


def test_rows_of_no_language_asked_for_are_counted(tmp_path: Path) -> None:
    spelt = [("en", "a"), ("nl", "b"), ("nl", "c"), ("", "d"), ("xx", "e"), ("EN", "f")]
    config = toy_task(table(tmp_path / "t.csv", "lang", spelt))
    (note,) = RowStore().languages_told(config, ("en",))
    assert note.endswith("t.csv: 4 of 6 rows are in no language of this run and left out (lang: nl 2, (blank) 1, xx 1)")
    assert RowStore().languages_told(toy_task(table(tmp_path / "u.csv", "lang", spelt[:1])), ("en",)) == ()
    config = toy_task(table(tmp_path / "v.csv", "lang", [("zh", "a"), ("zh_TW", "b"), ("nl", "c")]))
    (note,) = RowStore().languages_told(config, ("zh",))
    assert note.endswith("(lang: nl 1, zh_TW 1). To use them, write zh for zh_TW there")


def test_a_spelling_that_leaves_something_open_is_said(tmp_path: Path) -> None:
    config = toy_task(table(tmp_path / "t.csv", "lang", [("pt_BR", "a"), ("fr", "b")]), held_out_share=1.0)
    (note,) = RowStore().languages_told(config, ("fr", "pt"))
    assert note.endswith("t.csv: rows with lang=pt_BR for pt are taken")
    with pytest.raises(Problem, match=r"no row with lang=sw\. Known: fr, pt_BR \(pt\)\."):
        load(config, "sw", "test", role="score")


def test_rows_of_a_region_are_the_languages_where_it_is_not_named(tmp_path: Path) -> None:
    spelt = [("en", "a"), ("en_US", "b"), ("zh-CN", "c"), ("zh", "d"), ("zh_TW", "e"), ("sr", "f"), ("sr-Latn", "g")]
    config = toy_task(table(tmp_path / "t.csv", "lang", spelt), held_out_share=1.0)

    def texts(config: TaskConfig, code: str) -> str:
        return "".join(e.fields["hypothesis"] for e in load(config, code, "test", role="score").examples)

    codes = available_languages(config)
    assert codes == ("en", "sr", "sr-Latn", "zh", "zh-Hant")
    assert [texts(config, code) for code in codes] == ["ab", "f", "g", "cd", "e"] and texts(config, "en-US") == "b"
    (note,) = RowStore().languages_told(config, codes)
    assert note.endswith("t.csv: rows with lang=en_US for en, zh-CN for zh, zh_TW for zh-Hant are taken")
    # Who names both means both.
    given = [f"task.data={config.data}", "task.input=hypothesis", "sources=[en-US,en]", "targets=[zh]"]
    apart = load_recipe("custom", given)
    assert dict(apart.task.configs) == {"en": "en", "en-US": "en-US"}
    named = dataclasses.replace(config, configs=apart.task.configs)
    assert [texts(named, code) for code in ("en", "en-US", "zh")] == ["a", "b", "cd"]
    assert available_languages(named) == ("en", "en-US", "sr", "sr-Latn", "zh", "zh-Hant")
    read = RowLanguages(apart, ("hypothesis", "lang"), None)
    assert [read.of({"lang": code}, ())[0] for code, _ in spelt[:4]] == ["en", "en-US", "zh", "zh"]


def test_a_name_upstream_that_no_row_has_is_said(tmp_path: Path) -> None:
    config = toy_task(table(tmp_path / "t.csv", "lang", [("de", "a"), ("fr", "b")]), held_out_share=1.0)
    config = dataclasses.replace(config, configs={"de": "nonsense", "fr": "fra"})
    told = load(config, "de", "test", role="score").notes
    assert "de: no row has lang=nonsense (task.configs.de), so de is used" in told
    assert not any("task.configs" in note for note in load(config, "fr", "test", role="score").notes)


def test_a_language_that_is_the_question_does_not_sort_rows(tmp_path: Path) -> None:
    path = tmp_path / "en" / "test.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps({"text": f"t{i}", "language": "de"}) + "\n" for i in range(3)))
    config = toy_task(tmp_path, input_fields=("text",), label_field="language", label_names=("de", "fr"))
    assert len(load(config, "en", "test", role="score").examples) == 3


def test_a_column_that_names_no_language_is_left_alone_where_the_file_does(tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    table(tmp_path / "de" / "test.csv", "locale", [("Berlin office", "a"), ("??", "b")])
    loaded = load(toy_task(tmp_path), "de", "test", role="score")
    assert len(loaded.examples) == 2 and "column 'locale' names no language" in loaded.notes[0]


def test_each_file_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = ("ar", "de", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "vi", "zh")
    put(tmp_path, *(f"{code}/dev.tsv" for code in codes))
    read: list[Path] = []
    parse = layouts.read_table
    monkeypatch.setattr(
        layouts, "read_table", lambda path, *more, **named: read.append(path) or parse(path, *more, **named)
    )
    config, rows = toy_task(tmp_path), RowStore()
    for _ in range(3):
        for code in codes:
            rows.load(config, code, "train", role="train")
            rows.load(config, code, "test", role="score", is_trained=code == "en")
    assert len(read) == len(codes)
    RowStore().load(config, "de", "train", role="train")  # a run of its own: en and all others say which ids are kept
    assert len(read) == 2 * len(codes)


@pytest.mark.parametrize("name", ["part-{:05}.tsv", "data-{:05}-of-00002.tsv", "{:04}.tsv"])
def test_numbered_parts_alone_in_a_folder_are_one_table(tmp_path: Path, name: str) -> None:
    for part in range(2):
        rows = [{"lang": "de", "premise": f"p {part} {i}", "hypothesis": "h", "label": "neutral"} for i in range(4)]
        table = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
        (tmp_path / name.format(part)).write_text("\n".join(table))
    config = toy_task(tmp_path)
    loaded = [load(config, "de", split, role=role) for split, role in (("train", "train"), ("test", "score"))]  # type: ignore[arg-type]
    assert sorted(e.fields["premise"] for one in loaded for e in one.examples) == [
        f"p {part} {i}" for part in range(2) for i in range(4)
    ]
    (tmp_path / "data.csv").write_text("lang,premise,hypothesis,label\nde,p,h,neutral\n")
    with pytest.raises(Problem, match="No data file for language 'de'"):  # is it one of the parts, or all of them?
        load(config, "de", "train", role="train")
