"""Fault 12: leaks between training rows and scored rows in any language: 60 planted ones, all found, no false alarm."""

from __future__ import annotations

import dataclasses
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bad_input import LABELS, clauses, examples, recipe, rows, text_of, world_tokenizer, write_jsonl

from mslt_it.config.recipe import TaskConfig
from mslt_it.data.build import build_training_set
from mslt_it.data.leakage import Leak, find_leaks
from mslt_it.data.rows import RowStore
from mslt_it.problems import Problem
from mslt_it.records import Example
from mslt_it.world.generator import split_pairs, state, task_examples
from mslt_it.world.languages import CODES, grammar

LANGUAGES = ("en", "de", "tr", "hi", "zh", "ja", "th")
UNSPACED = ("zh", "ja", "th")
LONG = (5, 3)  # clauses in premise and hypothesis: 20 words or more in each
XNLI = Path(__file__).resolve().parents[3] / "shared" / "data" / "xnli"

# ---------------------------------------------------------------- what a copy can look like


def wide(text: str) -> str:
    """Full-width forms of ASCII letters, digits and punctuation, as Japanese input methods write them."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else "\u3000" if c == " " else c for c in text)


def spaced_out(text: str) -> str:
    return "\u00a0 " + text.replace(" ", " \n\t ") + "\u3000"


def upper_turkish(text: str) -> str:
    return text.replace("i", "İ").replace("ı", "I").upper()


def punctuated(text: str) -> str:
    return "«" + re.sub("[,，、]", " –", text) + "»…!"


def with_zero_width(text: str) -> str:
    return "\ufeff" + text[:5] + "\u200b" + text[5:9] + "\u2060" + text[9:]


def recomposed(form: str) -> Callable[[str], str]:
    return lambda text: unicodedata.normalize(form, text)


DRESSES: list[tuple[str, Callable[[str], str], tuple[str, ...]]] = [
    ("capitals", str.upper, ("en", "de")),
    ("Turkish capitals", upper_turkish, ("tr",)),
    ("full width", wide, ("en", "zh", "ja")),
    ("other punctuation", punctuated, ("en", "hi", "zh", "th")),
    ("other spaces", spaced_out, ("de", "ja", "th")),
    ("decomposed", recomposed("NFD"), ("de", "tr", "ja")),
    ("compatibility forms", recomposed("NFKD"), ("de", "tr", "th")),
    ("zero width", with_zero_width, ("th", "zh")),
    ("left untranslated", str, ("de", "zh", "th", "tr")),
]


def word_changed(text: str, language: str) -> str:
    """One word in the middle (two characters where words have no spaces) is another one."""
    if language in UNSPACED:
        middle = len(text) // 2
        return text[:middle] + {"zh": "某某", "ja": "ある", "th": "นก"}[language] + text[middle + 2 :]
    words = text.split()
    words[len(words) // 2] = "Xyz"
    return " ".join(words)


def introduced(text: str, language: str) -> str:
    return f"17) {text_of(language, [9])[:12]}: {text}"


def continued(text: str, language: str) -> str:
    return f"{text}. {text_of(language, [8])}."


def shortened(text: str, language: str) -> str:
    """Without the last of its five clauses."""
    mark = {"zh": "，", "ja": "、", "th": " "}.get(language, ", ")
    return mark.join(text.split(mark)[:4])


EDITS: list[tuple[str, Callable[[str, str], str], bool]] = [
    ("one word changed", word_changed, False),
    ("one word changed in both fields", word_changed, True),
    ("an introduction", introduced, False),
    ("a sentence more in both fields", continued, True),
    ("a clause less", shortened, False),
]
EDITED = ("en", "tr", "hi", "zh", "th")


def planted() -> list[tuple[str, Leak]]:
    """(what it is, the leak to be found) for 10 items in two languages, 25 texts in another dress, 25 edited texts."""
    found: list[tuple[str, Leak]] = []

    def add(name: str, train: Example, scored: Example, kind: str) -> None:
        ids = {"id": f"planted:{len(found)}"} if kind == "item" else {}
        train = dataclasses.replace(train, **(ids or {"id": f"train:planted{len(found)}"}))
        scored = dataclasses.replace(scored, **(ids or {"id": f"test:planted{len(found)}"}))
        found.append((f"{name} ({train.language}, {scored.language})", Leak(train, scored, kind)))

    for i in range(10):
        one, other = LANGUAGES[i % 7], LANGUAGES[(i + 1 + i // 7) % 7]
        [train], [scored] = row(one, f"item {i}", "train"), row(other, f"translation {i}", "test")
        add("same item", train, scored, "item")
    for name, dress, languages in DRESSES:
        for language in languages:
            untranslated = name == "left untranslated"
            [train] = row("en" if untranslated else language, f"{name}-{language}", "train", (2, 1))
            fields = {key: dress(text) for key, text in train.fields.items()}
            assert untranslated or fields != train.fields, name
            add(name, train, dataclasses.replace(train, language=language, fields=fields), "text")
    for name, edit, both in EDITS:
        for language in EDITED:
            [train] = row(language, name, "train", LONG)
            fields = {k: edit(t, language) if both or k == "premise" else t for k, t in train.fields.items()}
            add(name, train, dataclasses.replace(train, fields=fields), "n-gram")
    return found


def row(language: str, seed: str, split: str, num_clauses: tuple[int, int] = LONG) -> list[Example]:
    return examples(language, split, rows(language, 1, seed, num_clauses))


def clean_rows(split: str, number: int) -> list[Example]:
    return [e for language in LANGUAGES for e in examples(language, split, rows(language, number, split, LONG))]


# ---------------------------------------------------------------- found, and nothing else


def test_sixty_planted_leaks_are_found_in_the_midst_of_clean_rows(survived: Any) -> None:
    survived("leak between training rows and scored rows", 60)
    leaks = planted()
    train = [*clean_rows("train", 60), *(leak.train for _, leak in leaks)]
    scored = [*clean_rows("test", 60), *(leak.scored for _, leak in leaks)]
    found = find_leaks(train, scored)
    missed = [name for name, leak in leaks if leak not in found]
    false = [leak for leak in found if leak not in [leak for _, leak in leaks]]
    print(f"{len(leaks) - len(missed)}/{len(leaks)} planted leaks found, {len(false)} false alarms")
    assert Counter(leak.kind for _, leak in leaks) == {"item": 10, "text": 25, "n-gram": 25}
    assert missed == [] and false == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_rows_that_share_a_field_or_a_few_words_are_no_leak(language: str) -> None:
    train = examples(language, "train", rows(language, 20, "train", LONG))
    other = rows(language, 20, "other", LONG)
    short = examples(language, "train", rows(language, 10, "short"), start=20)
    pairs = list(zip(train, other, strict=True))
    half = " ".join(clause[: len(clause) // 2] + " 5 " for clause in clauses(language))
    scored = [
        *({"premise": e.fields["premise"], **pick(o, "hypothesis")} for e, o in pairs),
        *({"hypothesis": e.fields["hypothesis"], **pick(o, "premise")} for e, o in pairs),
        # In a short text one changed word makes another item: "is", "is not".
        *({**e.fields, "hypothesis": word_changed(e.fields["hypothesis"], language), "label": "x"} for e in short),
        # Half of each clause, in turn with something else.
        *({"premise": half, **pick(o, "hypothesis")} for o in other),
    ]
    assert find_leaks([*train, *short], examples(language, "test", scored)) == []


def pick(row: dict[str, str], name: str) -> dict[str, str]:
    return {name: row[name], "label": LABELS[0]}


def test_a_repeated_instruction_makes_no_leak() -> None:
    """Rows of one text field that all begin with the same long instruction; and the copies among them are found."""
    instruction = text_of("en", range(6)) + ": "
    table = rows("en", 100, "instruction", LONG)
    train = [
        dataclasses.replace(e, fields={"text": instruction + e.fields["premise"]})
        for e in examples("en", "train", table[:50])
    ]
    scored = [
        dataclasses.replace(e, fields={"text": instruction + e.fields["premise"]})
        for e in examples("en", "test", table[50:])
    ]
    assert find_leaks(train, scored) == []
    copy = dataclasses.replace(scored[7], fields={"text": word_changed(train[3].fields["text"], "en")})
    copy = dataclasses.replace(copy, fields={"text": copy.fields["text"] + " and so on"})
    assert [(leak.train, leak.kind) for leak in find_leaks(train, [copy])] == [(train[3], "n-gram")]


def world_rows(language: str, split: str, number: int) -> list[Example]:
    """The first rows of a split of the embedded world, without writing all of them."""
    words = grammar(language)
    found = []
    for pair in split_pairs(split)[:number]:
        fields = {"premise": state(words, pair.premise), "hypothesis": state(words, pair.hypothesis)}
        found.append(Example(pair.id, language, "xnli", split, fields, pair.label))
    return found


def test_no_false_alarm_in_the_embedded_world() -> None:
    train = [e for code in ("ar", "de", "zh", "vi", "th") for e in world_rows(code, "train", 300)]
    scored = [e for code in CODES for e in world_rows(code, "test", 150)]
    assert len(train) == 1500 and len(scored) == 3000
    assert find_leaks(train, scored) == []
    # Their texts are alike indeed: many scored rows have a premise or a hypothesis that is trained on.
    known = {(e.language, *field) for e in train for field in e.fields.items()}
    assert sum(any((e.language, *field) in known for field in e.fields.items()) for e in scored) > 50


@pytest.mark.slow
def test_no_false_alarm_in_the_whole_embedded_world() -> None:
    train = [e for code in CODES for e in task_examples(code, "train")]
    scored = [e for code in CODES for e in task_examples(code, "test")]
    leaks = find_leaks(train, scored)
    print(f"{len(leaks)} false alarms in {len(scored)} scored rows against {len(train)}")
    assert leaks == []


def test_no_false_alarm_in_xnli_divided_by_item() -> None:
    if not XNLI.is_dir():
        pytest.skip(f"{XNLI} is not there")
    task = TaskConfig(name="xnli", data=str(XNLI), is_parallel=True, train_split="dev", score_split="dev")
    codes = [code for code in ("ar", "de", "en", "hi", "th", "vi", "zh") if (XNLI / code).is_dir()]
    train = [e for code in codes for e in RowStore().load(task, code, "dev", role="train").examples[:500]]
    scored = [e for code in codes for e in RowStore().load(task, code, "dev", role="score").examples[:400]]
    leaks = find_leaks(train, scored)
    print(f"{len(leaks)} false alarms in {len(scored)} scored rows of XNLI against {len(train)}")
    assert len(codes) == 7 and leaks == []


def test_the_check_is_fast() -> None:
    """1,500 training rows against 17 languages of 400 scored rows, all of them long, in less than 3 s."""
    train = [e for code in ("en", "zh", "hi") for e in examples(code, "train", rows(code, 500, "fast", LONG))]
    table = {code: rows(code, 400, "fast-test", LONG) for code in LANGUAGES}
    scored = [e for i in range(17) for e in examples(LANGUAGES[i % 7], f"test{i}", table[LANGUAGES[i % 7]])]
    assert (len(train), len(scored)) == (1500, 6800)
    start = time.process_time()
    assert find_leaks(train, scored) == []
    seconds = time.process_time() - start
    print(f"{len(train)} rows against {len(scored)} in {seconds:.2f} s")
    assert seconds < 3


# ---------------------------------------------------------------- the build refuses


@pytest.mark.parametrize(
    ("source", "target", "change", "rule", "counts"),
    [
        ("en", "de", str.upper, "same text", "0 by item id, 1 by text"),
        ("zh", "ja", wide, "same text", "0 by item id, 1 by text"),
        ("tr", "hi", lambda text: continued(text, "tr"), r"nearly the same text \(n-grams\)", "1 by n-grams"),
        ("th", "zh", lambda text: word_changed(text, "th"), r"nearly the same text \(n-grams\)", "1 by n-grams"),
    ],
)
def test_a_leak_in_a_file_is_refused_by_name(
    source: str, target: str, change: Callable[[str], str], rule: str, counts: str, tmp_path: Path
) -> None:
    table = rows(source, 20, "train", LONG)
    write_jsonl(tmp_path / source / "train.jsonl", table)
    write_jsonl(tmp_path / source / "test.jsonl", rows(source, 5, "test", LONG))
    scored = rows(target, 9, "test", LONG)
    scored[6] = {
        "premise": change(table[11]["premise"]),
        "hypothesis": change(table[11]["hypothesis"]),
        "label": LABELS[0],
    }
    write_jsonl(tmp_path / target / "test.jsonl", scored)
    made = recipe(tmp_path, [source], [target], num_examples_total=20, max_length_tokens=4000)
    with pytest.raises(Problem) as caught:
        build_training_set(made, world_tokenizer())
    message = str(caught.value)
    assert message.startswith("1 scored row is also trained on (") and counts in message
    train_row, scored_row = f"{tmp_path}/{source}/train.jsonl:line 12", f"{tmp_path}/{target}/test.jsonl:line 7"
    assert re.search(
        rf"\n  {rule}: train:11 trained on in '{source}' \({re.escape(train_row)}\), "
        rf"test:6 scored in '{target}' \({re.escape(scored_row)}\): ",
        message,
    )
    assert "task.train_split, task.score_split" in message and "data.leaks=drop" in message


def test_training_on_the_scored_items_in_another_language_is_refused() -> None:
    made = recipe(Path("world"), ["en"], ["fi"], num_examples_total=30)
    made = dataclasses.replace(made, task=dataclasses.replace(made.task, train_split="test"))
    with pytest.raises(Problem, match=r"60 scored rows are also trained on \(60 by item id, 0 by text\)") as caught:
        build_training_set(made, world_tokenizer())
    assert re.search(r"same item id: \S+ trained on in 'en' \(world@0:\d+\), \S+ scored in 'en'", str(caught.value))
    only_other = [leak for leak in find_leaks(world_rows("en", "test", 30), world_rows("fi", "test", 30))]
    assert len(only_other) == 30 and {leak.scored.language for leak in only_other} == {"fi"}


def test_near_copies_in_a_divided_file_are_left_out_of_training(tmp_path: Path) -> None:
    table = rows("en", 60, "divided", LONG)
    copies = [
        {**row, "premise": word_changed(row["premise"], "en"), "hypothesis": row["hypothesis"].upper()}
        for row in table[:30]
    ]
    for code in ("en", "es"):
        write_jsonl(tmp_path / code / "dev.jsonl", [*table, *copies])
    made = recipe(tmp_path, ["en"], num_examples_total=30, max_length_tokens=4000)
    made = dataclasses.replace(made, task=dataclasses.replace(made.task, train_split="dev", score_split="dev"))
    built, report = build_training_set(made, world_tokenizer())
    [note] = [note for note in report.notes if "left out of training" in note]
    number = re.match(r"en: (\d+) rows left out .* is the same, (\d+) of them nearly the same", note)
    assert number and int(number[1]) == int(number[2]) > 0 and len(built) == 30
