"""Fault 9: control tokens in user text or labels. None may survive as a control id, and the text round-trips."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from bad_input import LABELS, TOKENIZERS, examples, recipe, rows, text_of, write_jsonl

from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.config.schema import FrozenDict
from mslt_it.data.build import build_scored_set, build_training_set
from mslt_it.data.encoding import Encoder, control_tokens
from mslt_it.data.prompts import prompted
from mslt_it.records import EncodedExample

LANGUAGES = ("en", "hi", "zh")
NUM_HOSTILE = 60  # rows of each language and tokenizer


def hostile_texts(tokenizer: Any, language: str) -> list[str]:
    """Texts with the tokenizer's own control tokens: alone, inside words, nested, as whole forged turns, at random."""
    control = sorted(control_tokens(tokenizer))
    sentence = text_of(language, [0, 3])
    turns = [{"role": "user", "content": sentence}, {"role": "assistant", "content": LABELS[0]}]
    found = [f"{sentence}{token}" for token in control]
    found += [f"{token}{token} {sentence}" for token in control]
    found += [f"{sentence} x{token}y" for token in control]
    found += [f"{sentence}{token[:2]}{token}{token[2:]}" for token in control]
    if tokenizer.chat_template:
        found += [f"{tokenizer.apply_chat_template(turns[:n], tokenize=False)} {sentence}" for n in (1, 2)]
    rng = random.Random(f"hostile-{language}")
    pieces = [*control, *control, *(token[1:] for token in control), *(token[:-1] for token in control), "a", " ", "<"]
    while len(found) < NUM_HOSTILE:
        found.append(f"{sentence} {''.join(rng.choices(pieces, k=rng.randint(1, 8))).strip()} {len(found)}")
    return found[:NUM_HOSTILE]


def write_data(tokenizer: Any, root: Path) -> None:
    """Training and test files with hostile premises and hypotheses, and prompts with hostile label words."""
    control = sorted(control_tokens(tokenizer))
    for language in LANGUAGES:
        table = rows(language, NUM_HOSTILE, "train")
        for number, (row, text) in enumerate(zip(table, hostile_texts(tokenizer, language), strict=True)):
            row["premise" if number % 2 else "hypothesis"] = f"{text} {number}"
        write_jsonl(root / "data" / language / "train.jsonl", table)
        scored = rows(language, 6, "test")
        scored[0]["premise"] += control[0]
        write_jsonl(root / "data" / language / "test.jsonl", scored)
        words = [f"{control[i % len(control)]}{text_of(language, [i])}{control[-1]}" for i in range(3)]
        content = {"labels": dict(zip(LABELS, words, strict=True)), "templates": ["{premise} ? {hypothesis} ?"]}
        path = root / "prompts" / "xnli" / f"{language}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def squeezed(text: str, name: str) -> str:
    """The text as far as the tokenizer can give it back: WordPiece keeps no spaces in any text."""
    return "".join(text.split()) if name == "wordpiece" else text


def num_control(ids: Any, encoder: Encoder) -> int:
    return sum(i in set(encoder.control.values()) for i in ids)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_no_control_token_is_forged(name: str, tmp_path: Path, survived: Any) -> None:
    survived("control tokens in texts and labels", NUM_HOSTILE)
    tokenizer = TOKENIZERS[name]()
    write_data(tokenizer, tmp_path)
    made = recipe(
        tmp_path / "data",
        LANGUAGES[:2],
        LANGUAGES[2:],
        num_examples_total=2 * NUM_HOSTILE,
        items="parallel",
        max_length_tokens=4000,
    )
    paths = (tmp_path / "prompts" / "xnli").glob("*.yaml")
    prompts = FrozenDict({path.stem: path.read_text(encoding="utf-8") for path in paths})
    made = dataclasses.replace(made, task=dataclasses.replace(made.task, prompts=prompts))
    built, report = build_training_set(made, tokenizer)
    encoder = Encoder(tokenizer, 4000)
    assert len(built) == 2 * NUM_HOSTILE and not any(language.dropped for language in report.languages)

    # What the template itself prints, from a row without any control token in text or answer.
    own = num_control(encoder.prompt_ids(plain_messages()), encoder) + 1  # the end token
    forged = sum(num_control(row.input_ids, encoder) - own for row in built)
    lost = sum(not holds_its_texts(row, encoder, name, tmp_path) for row in built)
    scored = 0
    for language in LANGUAGES:
        for item in build_scored_set(made, language):
            for text in (*(message.content for message in item.messages), *item.choices):
                [ids] = encoder.user_ids([text])
                forged += num_control(ids, encoder)
                lost += squeezed(encoder.decode(ids), name) != squeezed(text, name)
                scored += 1
    print(f"{name}: {forged} forged control ids, {lost} texts lost in {len(built)} hostile rows and {scored} texts")
    assert (forged, lost) == (0, 0)

    for language in LANGUAGES[:2]:  # counted, with the rows
        notes = [n for n in report.notes if n.startswith(f"{language}: ") and "control_tokens_kept_as_text" in n]
        assert len(notes) == 1 and f"{NUM_HOSTILE} rows" in notes[0]
        assert str(tmp_path / "data" / language / "train.jsonl") + ":line" in notes[0]


def plain_messages() -> Any:
    [example] = examples("en", "train", rows("en", 1, "plain"))
    return prompted(example, TaskConfig(), PromptConfig()).messages


def holds_its_texts(row: EncodedExample, encoder: Encoder, name: str, root: Path) -> bool:
    """Whether the row's premise, hypothesis and label word can be read back from its ids."""
    number = int(row.id.rpartition(":")[2])
    source = json.loads((root / "data" / row.language / "train.jsonl").read_text().splitlines()[number])
    labels = yaml.safe_load((root / "prompts" / "xnli" / f"{row.language}.yaml").read_text(encoding="utf-8"))["labels"]
    decoded = squeezed(encoder.decode(row.input_ids), name)
    supervised = squeezed(encoder.decode([i for i in row.labels if i >= 0]), name)
    end = squeezed(encoder.decode([encoder.end_id]), name)
    texts = (source["premise"], source["hypothesis"])
    return (
        all(squeezed(t, name) in decoded for t in texts) and supervised == squeezed(labels[source["label"]], name) + end
    )


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_rows_are_hostile(name: str) -> None:
    """Tokenised the plain way, the same texts do forge: the count above can be other than 0."""
    tokenizer = TOKENIZERS[name]()
    control = set(control_tokens(tokenizer).values())
    texts = [text for language in LANGUAGES for text in hostile_texts(tokenizer, language)]
    forged = [sum(i in control for i in ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    assert sum(n > 0 for n in forged) > 0.8 * len(texts)
