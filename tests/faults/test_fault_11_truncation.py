"""Fault 11: truncation. The answer and its end token are never cut; what is too long is dropped whole and counted per
language; a build that drops more than the recipe allows fails."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bad_input import LABELS, examples, recipe, rows, text_of, world_tokenizer, write_jsonl

from mslt_it.config.recipe import PromptConfig, Recipe, TaskConfig
from mslt_it.data.build import build_training_set, format_report
from mslt_it.data.encoding import TOO_LONG, Encoder
from mslt_it.data.mixing import rank
from mslt_it.data.prompts import prompted
from mslt_it.problems import Problem, counted
from mslt_it.records import BuildReport, EncodedExample, Example

LANGUAGES = ("de", "hi", "th", "tr", "zh")
LIMIT = 400  # tokens; the foreign words of these rows fall apart into characters, so a clause takes 30 to 50
NUM_ROWS = 40  # of each language
TOTAL = 75


@cache
def table(language: str) -> tuple[dict[str, str], ...]:
    """Rows of one to eleven clauses: some far below the limit, some around it, some far above."""
    found = []
    for number, row in enumerate(rows(language, NUM_ROWS, "truncation")):
        longer = text_of(language, [(number + i) % 10 for i in range(number % 11)])
        found.append({**row, "premise": f"{row['premise']} {longer}".strip()})
    return tuple(found)


def full_length(example: Example) -> int:
    """Tokens of prompt, answer and end token as the tokenizer itself makes them from the template, in one piece."""
    item = prompted(example, TaskConfig(name="xnli"), PromptConfig())
    turns = [{"role": message.role, "content": message.content} for message in item.messages]
    turns.append({"role": "assistant", "content": item.answer})
    return len(world_tokenizer().apply_chat_template(turns, tokenize=True, return_dict=False))


def with_ids(language: str, table: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Rows with ids of their own in each language, so that no language takes another's."""
    return [{"id": f"{language}{number}", **row} for number, row in enumerate(table)]


def wanted(root: Path, **data: Any) -> tuple[Recipe, dict[str, list[Example]]]:
    """A recipe over files of these rows, and the rows as examples."""
    all_rows = {}
    for language in LANGUAGES:
        write_jsonl(root / language / "train.jsonl", with_ids(language, table(language)))
        write_jsonl(root / language / "test.jsonl", rows(language, 3, "test"))
        all_rows[language] = examples(language, "train", table(language))
    write_jsonl(root / "es" / "test.jsonl", rows("en", 3, "test"))
    made = recipe(root, LANGUAGES, num_examples_total=TOTAL, max_length_tokens=LIMIT, **data)
    return made, all_rows


def build(root: Path, **data: Any) -> tuple[list[EncodedExample], BuildReport, dict[str, list[Example]]]:
    made, all_rows = wanted(root, **data)
    built, report = build_training_set(made, world_tokenizer())
    return built, report, all_rows


def test_nothing_is_cut_and_drops_are_counted_per_language(tmp_path: Path, survived: Any) -> None:
    survived("rows that are too long")
    built, report, all_rows = build(tmp_path, max_dropped_share=1.0)
    encoder = Encoder(world_tokenizer(), LIMIT)
    by_key = {(e.language, e.id): e for rows_ in all_rows.values() for e in rows_}

    num_cut = 0
    for row in built:
        example = by_key[row.language, row.id]
        item = prompted(example, TaskConfig(name="xnli"), PromptConfig())
        answer = [*encoder.user_ids([item.answer])[0], encoder.end_id]
        prompt = encoder.decode(row.input_ids[: -len(answer)])
        whole = (
            list(row.input_ids[-len(answer) :]) == answer
            and list(row.labels) == [-100] * (len(row.labels) - len(answer)) + answer
            and encoder.decode(answer) == f"{item.answer}<|end|>"
            and prompt == f"<|begin|><|user|>{item.messages[0].content}<|assistant|>"
            and all(text in prompt for text in example.fields.values())
            and len(row.input_ids) == full_length(example)
        )
        num_cut += not whole
    assert len(built) == TOTAL and max(len(row.input_ids) for row in built) <= LIMIT

    # A language's rows are looked at in its order until its share is kept: the long ones met on the way are dropped.
    dropped = {}
    for language, order in rank(all_rows, "disjoint", 0).items():
        kept = {row.id for row in built if row.language == language}
        last = max(position for position, example in enumerate(order) if example.id in kept)
        lengths = {example.id: full_length(example) for example in order[: last + 1]}
        assert kept == {i for i, length in lengths.items() if length <= LIMIT}
        dropped[language] = len(lengths) - len(kept)
    number_of = {language.language: language.dropped.get(TOO_LONG, 0) for language in report.languages}
    shown = ", ".join(f"{language} {number}" for language, number in number_of.items())
    print(f"{num_cut} of {len(built)} rows cut; dropped as too long: {shown}")
    assert num_cut == 0
    assert number_of == dropped and sum(number_of.values()) > 5
    text = format_report(report)
    for language, number in number_of.items():
        if number:
            where = f"{tmp_path / language / 'train.jsonl'}:line "
            assert f"{language}: {counted(number, 'row')} dropped ({TOO_LONG}): {where}" in text


def test_the_limit_counts_prompt_answer_and_end_token() -> None:
    cases = 0
    for language in LANGUAGES:
        for example in examples(language, "train", table(language)[:11]):
            item = prompted(example, TaskConfig(name="xnli"), PromptConfig())
            length = full_length(example)
            kept = Encoder(world_tokenizer(), length).encode(item)
            assert isinstance(kept, EncodedExample) and len(kept.input_ids) == length
            assert Encoder(world_tokenizer(), length - 1).encode(item) == TOO_LONG
            cases += 1
    assert cases == 55


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_build_over_the_limit_of_drops_fails(language: str, tmp_path: Path, survived: Any) -> None:
    """One language has long rows; the others have none, and do not make up for it."""
    survived("rows that are too long")
    made, _ = wanted(tmp_path, max_dropped_share=0.05)
    for code in LANGUAGES:
        short = list(rows(code, NUM_ROWS, "short"))
        if code == language:
            for row in short[::2]:
                row["premise"] = text_of(code, range(10)) * 3
        write_jsonl(tmp_path / code / "train.jsonl", with_ids(code, short))
    with pytest.raises(
        Problem, match=rf"Language '{language}' lost \d+ of \d+ rows \(\d.*max_dropped_share=0\.05: .*raise data\.max"
    ) as caught:
        build_training_set(made, world_tokenizer())
    place = str(caught.value).partition("too_long (first: ")[2].partition(")")[0]
    path, _, line = place.rpartition(":line ")
    assert path == str(tmp_path / language / "train.jsonl") and int(line) % 2 == 1
    assert json.loads(Path(path).read_text().splitlines()[int(line) - 1])["label"] in LABELS
    allowed = dataclasses.replace(made, data=dataclasses.replace(made.data, max_dropped_share=0.9))
    rows_, report = build_training_set(allowed, world_tokenizer())
    assert len(rows_) == TOTAL and {item.language for item in report.languages if item.dropped} == {language}
