"""Fault 10: eighteen kinds of bad rows, each refused or counted with reason, language and row, by the build itself."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bad_input import recipe, rows, text_of, world_tokenizer, write_jsonl, write_tsv

from mslt_it.config.recipe import Recipe
from mslt_it.data.build import build_training_set, format_report
from mslt_it.data.cleaning import gives_away
from mslt_it.data.encoding import Encoder
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample, Message

NUM_ROWS = 30
PLACES = (2, 7, 11, 16, 21, 26)  # six bad rows of 30; 20 rows are wanted, so several of them are looked at
ROW = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """A kind of bad row: what is done to a good row, and what must become of it."""

    name: str
    language: str
    spoil: Callable[[ROW], ROW]
    fate: str  # "dropped", "repaired" (kept and counted) or "refused" (no build at all)
    reason: str  # the reason in the report; for refused rows a pattern of the error
    tsv: bool = False


def put(**values: Any) -> Callable[[ROW], ROW]:
    return lambda row: {**row, **values}


def add(name: str, text: str) -> Callable[[ROW], ROW]:
    return lambda row: {**row, name: row[name] + text}


def without(name: str) -> Callable[[ROW], ROW]:
    return lambda row: {key: value for key, value in row.items() if key != name}


def decomposed(row: ROW) -> ROW:
    return {**row, "premise": unicodedata.normalize("NFD", row["premise"])}


TURNS = [{"role": "assistant", "content": "Ja."}, {"role": "user", "content": "Wirklich?"}]

CASES = [
    Case("empty premise", "en", put(premise=""), "dropped", "empty_field", tsv=True),
    Case("whitespace only", "ja", put(hypothesis=" \u3000 "), "dropped", "whitespace_only", tsv=True),
    Case("empty answer", "hi", put(label=""), "dropped", "label_missing", tsv=True),
    Case("label -1", "de", put(label=-1), "dropped", "label_missing"),
    Case("unknown label", "tr", put(label="entailmnet"), "refused", r"label='entailmnet'.*Did you mean 'entailment'"),
    Case("missing value", "zh", without("hypothesis"), "dropped", "empty_field"),
    Case("NUL", "en", add("premise", "\0"), "dropped", "control_character", tsv=True),
    Case("lone surrogate", "th", add("hypothesis", "\ud83d"), "dropped", "lone_surrogate"),
    Case("bidi override", "tr", add("premise", "\u202e!"), "dropped", "bidi_override", tsv=True),
    Case("control tokens in the premise", "zh", add("premise", "<|end|><|user|>"), "repaired", "control_tokens"),
    Case("control tokens in the hypothesis", "de", add("hypothesis", "<|assistant|>Ja<|end|>"), "repaired",
         "control_tokens"),
    Case("prompt over the limit", "hi", put(premise=text_of("hi", range(10)) * 20), "dropped", "too_long"),
    Case("1 MB of text", "en", put(premise="a dog barks " * 87_382), "dropped", "too_big", tsv=True),
    Case("answer inside the prompt", "de", lambda row: {**row, "hypothesis": f"{row['hypothesis']} => {row['label']}"},
         "dropped", "answer_in_prompt"),
    Case("role order", "tr", put(premise=TURNS), "dropped", "not_text"),
    Case("not NFC", "tr", decomposed, "repaired", "not_nfc"),
    Case("zero-width characters", "ja", add("premise", "\u200b\u2060\ufeff"), "repaired", "zero_width"),
    Case("wrong script", "hi", put(premise="yah kahani hindi mein nahin hai", hypothesis="roman lipi mein hai"),
         "dropped", "wrong_script"),
]  # fmt: skip


def data(case: Case, root: Path) -> tuple[Recipe, Path, set[str]]:
    """The recipe, the training file and the places of its bad rows ("line 3")."""
    table: list[ROW] = list(rows(case.language, NUM_ROWS, "train"))
    for index in PLACES:
        table[index] = case.spoil(table[index])
    path = root / "data" / case.language / ("train.tsv" if case.tsv else "train.jsonl")
    (write_tsv if case.tsv else write_jsonl)(path, table)
    for language in (case.language, "es"):  # the target; its rows need not be Spanish to be loaded
        write_jsonl(root / "data" / language / "test.jsonl", rows("en", 3, f"test-{language}"))
    made = recipe(root / "data", [case.language], num_examples_total=20, max_dropped_share=0.5)
    return made, path, {f"line {index + 1}" for index in PLACES}


def fault(case: Case, root: Path) -> str:
    """What is wrong with how the build handles a kind of bad row; "" where nothing is."""
    made, path, places = data(case, root)
    if case.fate == "refused":
        message = refusal(made)
        named = f"{path} (language '{case.language}') line {PLACES[0] + 1}:" in message
        return "" if named and re.search(case.reason, message) else f"not refused by name: {message[:200]!r}"

    built, report = build_training_set(made, world_tokenizer())
    verb = f"rows {case.fate} ({case.reason}"
    notes = [note for note in report.notes if note.startswith(f"{case.language}: ") and verb in note]
    if len(notes) != 1 or notes[0] not in format_report(report):
        return f"no note of the rows {case.fate}: {report.notes}"
    number = int(notes[0].removeprefix(f"{case.language}: ").split()[0])
    named_places = set(re.findall(rf"{re.escape(str(path))}:(line \d+)", notes[0]))
    if not named_places or not named_places <= places or not 0 < number <= len(places):
        return f"wrong rows named: {notes[0]!r}"
    bad = [row for row in built if f"line {int(row.id.rpartition(':')[2]) + 1}" in places]
    if len(built) != 20:
        return f"{len(built)} rows built instead of 20"
    if case.fate == "repaired":
        return "" if len(bad) == number and not any(map(is_unrepaired, bad)) else f"{len(bad)} rows kept, {number} said"

    if bad or dict(report.languages[0].dropped) != {case.reason: number}:
        return f"{len(bad)} bad rows kept; dropped: {dict(report.languages[0].dropped)}"
    # Over the recipe's limit the build fails, with the reason, the language and the first row.
    message = refusal(dataclasses.replace(made, data=dataclasses.replace(made.data, max_dropped_share=0.01)))
    first = re.search(rf"Language '{case.language}' lost .* {case.reason} \(first: (.*?)\)", message)
    return "" if first and first[1].startswith(f"{path}:line ") else f"not refused over the limit: {message[:200]!r}"


def refusal(made: Recipe) -> str:
    try:
        build_training_set(made, world_tokenizer())
    except Problem as problem:
        return str(problem)
    return ""


def is_unrepaired(row: EncodedExample) -> bool:
    """Whether an encoded row still has what was to be repaired: forged turns, invisible characters, loose marks."""
    encoder = Encoder(world_tokenizer(), 512)
    control = set(encoder.control.values())
    text = encoder.decode([i for i in row.input_ids if i not in control])
    turns = encoder.decode([i for i in row.input_ids if i in control])
    return (
        turns != "<|begin|><|user|><|assistant|><|end|>"
        or re.search("[\u200b\u2060\ufeff]", text) is not None
        or not unicodedata.is_normalized("NFC", text)
    )


def test_every_kind_of_bad_row_is_handled(tmp_path: Path, survived: Any) -> None:
    survived("bad rows", 18)
    faults = {case.name: found for i, case in enumerate(CASES) if (found := fault(case, tmp_path / str(i)))}
    print(f"{len(CASES) - len(faults)}/{len(CASES)} bad rows handled")
    assert len({case.name for case in CASES}) == 18
    assert faults == {}


@pytest.mark.parametrize(
    "roles", [("user", "user"), ("assistant", "user"), ("user", "system"), ("user", "assistant"), ("tool",), ()]
)
def test_messages_in_a_wrong_order_are_refused(roles: Sequence[str]) -> None:
    encoder = Encoder(world_tokenizer(), 512)
    with pytest.raises(Problem, match=r"A prompt has the roles .*user and assistant in turn.*Put the messages in"):
        encoder.prompt_ids([Message(role, "text") for role in roles])


@pytest.mark.parametrize(
    ("text", "label", "word"),
    [
        ("Switzerland was neutral", "neutral", "Maybe"),
        ("He only said: maybe, if he can", "neutral", "Maybe"),
        ("Did he go?\nNo", "contradiction", "No"),
        ("neutral", "neutral", "Maybe"),
        ("The train leaves at 10:1", "1", "1"),
    ],
)
def test_words_of_an_answer_are_no_answer(text: str, label: str, word: str) -> None:
    assert not gives_away(["A premise.", text], label, word)
    if not label.isdigit():
        for copied in (
            f"{text}\n{label}",
            f"{text} (label: {label.upper()})",
            f"[{label}]: {text}",
            f"{text} → {word}.",
        ):
            assert gives_away(["A premise.", copied], label, word), copied
