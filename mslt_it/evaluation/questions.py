"""What is asked: the items of one task, variant and language as questions, and the translation stage before some.

translate_solve is two stages. First the same system puts the fields of each item into English, a question per field;
what came out is written as a data set of its own. Then the English items are solved: labels by log-likelihood as in
`direct`, numbers by a chain of thought.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import PromptConfig, Recipe
from mslt_it.data.build import build_scored_set, scored_examples
from mslt_it.data.encoding import Encoder
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.data.rows import RowStore
from mslt_it.data.segments import SegmentEncoder
from mslt_it.data.variants import ENGLISH, answer_kind, translation_request
from mslt_it.evaluation.asking import Question
from mslt_it.evaluation.shared_rows import Request
from mslt_it.languages import primary
from mslt_it.records import Example, Message, PromptedExample
from mslt_it.store import write_atomically

# A translation is rarely three times as long as its text, whatever the tokenizer makes of the two scripts.
TRANSLATION_TOKENS_PER_TOKEN = 3
TRANSLATION_TOKENS_MORE = 32


def in_variant(recipe: Recipe, variant: str) -> Recipe:
    """The recipe with its rows asked in a variant; translate_solve is asked in English by `solve_items`."""
    return dataclasses.replace(recipe, prompt=dataclasses.replace(recipe.prompt, variant=variant))


def items_of(
    recipe: Recipe, variant: str, language: str, rows: RowStore, without: Collection[str] = ()
) -> tuple[PromptedExample, ...]:
    """The items of a variant that needs no stage before it; ``without``: ids that are not scored."""
    return tuple(build_scored_set(in_variant(recipe, variant), language, without=without, rows=rows))


def questions_of(
    recipe: Recipe, items: Sequence[PromptedExample], encoder: Encoder, samples: int = 1
) -> tuple[Question, ...]:
    """A question per item, or per item and sample where the answer is written. Of an encoder's labels the numbers are
    the choices."""
    if isinstance(encoder, SegmentEncoder):
        return tuple(
            Question(
                item.id,
                read.ids,
                tuple((n,) for n in range(len(item.choices))),
                0 if item.choices else recipe.task.max_answer_tokens,
                source=read.source,
            )
            for item, read in zip(items, encoder.read(items), strict=True)
        )
    if not items[0].is_written:
        requests = choice_requests(items, encoder)
        return tuple(
            Question(item.id, request.prompt, request.choices) for item, request in zip(items, requests, strict=True)
        )
    is_chain = bool(items[0].chain_language)
    limit = recipe.scoring.max_chain_tokens if is_chain else recipe.task.max_answer_tokens
    prompts = encoder.prompt_ids_all([item.messages for item in items])
    return tuple(
        Question(item.id, tuple(prompt), max_new_tokens=limit, sample=sample)
        for item, prompt in zip(items, prompts, strict=True)
        for sample in range(samples)
    )


def choice_requests(items: Sequence[PromptedExample], encoder: Encoder) -> list[Request]:
    """One request per item, in order; every item has choices.

    The end token belongs to the choices only where one of the labels' words begins another ("pay", "pay later"): there
    it alone tells them apart. Options as continuations are scored without, as lm-eval does.
    """
    words = sorted({choice for item in items for choice in item.choices if choice})
    ids = dict(zip(words, map(tuple, encoder.user_ids(words)), strict=True))
    if not any(item.lengths for item in items) and needs_end(list(ids.values())):
        ids = {word: (*row, encoder.end_id) for word, row in ids.items()}
    prompts = encoder.prompt_ids_all([item.messages for item in items])
    return [
        Request(tuple(prompt), tuple(ids[choice] for choice in item.choices if choice))
        for item, prompt in zip(items, prompts, strict=True)
    ]


# ---------------------------------------------------------------- translate, then solve


def needs_end(choices: Sequence[Sequence[int]]) -> bool:
    """Whether one of the choices begins another, so that only the end token tells them apart."""
    return any(a != b and b[: len(a)] == a for a in choices for b in choices)


def to_translate(
    recipe: Recipe, language: str, rows: RowStore, without: Collection[str] = ()
) -> tuple[list[Example], tuple[str, ...]]:
    """(rows, names of the fields that are put into English): those whose values are told in the prompt's own words
    ("cause") are not, and nothing is where the rows are in English."""
    examples = scored_examples(recipe, language, without=without, rows=rows)
    if primary(language) == ENGLISH:
        return examples, ()
    worded = prompt_file(recipe.task, language, PromptConfig()).wording
    return examples, tuple(name for name in recipe.task.input_fields if name not in worded)


def translation_questions(
    examples: Sequence[Example], fields: Sequence[str], language: str, encoder: Encoder
) -> tuple[Question, ...]:
    """A question per row and field that holds text."""
    wanted = [(e.id, name, e.fields[name]) for e in examples for name in fields if e.fields[name].strip()]
    prompts = encoder.prompt_ids_all([(Message("user", translation_request(t, language)),) for _, _, t in wanted])
    lengths = [len(ids) for ids in encoder.user_ids([text for _, _, text in wanted])]
    return tuple(
        Question(
            item,
            tuple(prompt),
            max_new_tokens=TRANSLATION_TOKENS_PER_TOKEN * length + TRANSLATION_TOKENS_MORE,
            field=name,
        )
        for (item, name, _), prompt, length in zip(wanted, prompts, lengths, strict=True)
    )


def translated(
    examples: Sequence[Example], answers: Sequence[Mapping[str, Any]]
) -> tuple[list[Example], int, list[str]]:
    """(the rows in English, how many fields came out empty and were left as they are, ids with scores not finite)."""
    texts = {(row["id"], row["field"]): row["text"] for row in answers}
    broken = sorted({item for (item, _), text in texts.items() if text is None})
    num_empty = sum(text == "" for text in texts.values())
    rows = [
        dataclasses.replace(
            example,
            language=ENGLISH,
            fields={name: texts.get((example.id, name)) or text for name, text in example.fields.items()},
        )
        for example in examples
    ]
    return rows, num_empty, broken


def write_translations(path: Path, rows: Sequence[Example], language: str, label_field: str) -> None:
    """The rows in English as a data set (JSON Lines) for ``task.data=``; ``language`` is that of the originals."""
    lines = [
        json.dumps({"id": e.id, "language": language, **e.fields, label_field: e.label}, ensure_ascii=False)
        for e in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "\n".join(lines) + "\n")


def solve_items(recipe: Recipe, rows: Sequence[Example], language: str) -> tuple[PromptedExample, ...]:
    """Rows in English as items of the language that they were translated from."""
    variant = "direct" if answer_kind(recipe.task) == "label" else "cot_native"
    prompt = dataclasses.replace(recipe.prompt, language="native", variant=variant)
    return tuple(
        dataclasses.replace(prompted(row, recipe.task, prompt), language=language, reading_language=ENGLISH)
        for row in rows
    )
