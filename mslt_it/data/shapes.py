"""From a row to an example: what its label, its answer or its tags are, by ``task.shape``; and which rows are fit to
be scored. Labels leave here as names, never as integers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from mslt_it.data.files import Row
from mslt_it.data.spans import encode_tags, without_language_prefix
from mslt_it.problems import NotScorable, Problem, nearest
from mslt_it.records import Example, TaskConfig

ID_COLUMNS = ("id", "idx")
MISSING_LABELS = {"", "-", "-1", "none", "null", "nan"}  # no gold label; counted by cleaning, never scored
MIN_PLACEHOLDER_ROWS = 20  # fewer rows with one label may be chance
NO_NAMES = "-"  # the answer for a sentence without names, in every language
MIN_CHARACTER_SHARE = 0.9  # of one-character tokens, from which on a file's tokens are characters (ja, zh, th)
MAX_LABELS_FOUND = 100  # more different values in a label column are no label set


def needed_columns(task: TaskConfig) -> tuple[str, ...]:
    """The columns a row must have. Those of a table without a header, in this order."""
    fields = tuple(name for name in task.input_fields if name not in task.optional_fields)
    if task.shape == "tagging":
        return ("tokens", task.label_field)
    return (*fields, task.label_field)


def to_examples(
    task: TaskConfig, language: str, split: str, rows: Sequence[Row], origin: str, *, for_scoring: bool
) -> list[Example]:
    """The rows as examples, in order.

    A row whose label is missing (empty, null, "-", -1) gets label "" so that cleaning counts it; a label outside
    ``task.label_names`` is refused, and so is a file whose labels are placeholders when it is to be scored.
    """
    if for_scoring:
        refuse_placeholders(task, language, rows, origin)
    id_column = next((c for c in ID_COLUMNS if c in rows[0].values), None)
    is_spaced = task.shape != "tagging" or _has_word_tokens(rows)
    prefix = f"{split}:" if task.is_parallel else f"{split}:{language}:"
    seen: dict[str, str] = {}
    examples = []
    for index, row in enumerate(rows):
        number = str(row.values.get(id_column)) if id_column else str(index)
        if number in seen:
            raise Problem(
                f"{origin} (language '{language}') {row.place}: {id_column}={number} is already at {seen[number]}. "
                f"Ids tell items apart and find their translations: make them unique, or remove the column."
            )
        seen[number] = row.place
        where = f"{origin} (language '{language}') {row.place}"
        fields, label, references = _parts(task, language, row, where, is_spaced)
        examples.append(
            Example(
                id=prefix + number,
                language=language,
                task=task.name,
                split=split,
                fields=fields,
                label=label,
                origin=f"{origin}:{row.place}",
                references=references,
                rationale=_text(row.values.get(task.rationale_field), task.rationale_field, where)
                if task.rationale_field and not for_scoring
                else "",
            )
        )
    return examples


def _parts(
    task: TaskConfig, language: str, row: Row, where: str, is_spaced: bool
) -> tuple[dict[str, str], str, tuple[str, ...]]:
    """(fields, label, references) of a row."""
    value = row.values.get(task.label_field)
    if task.shape == "tagging":
        return _tagged(task, language, row, where, is_spaced)
    fields = {name: _text(row.values.get(name), name, where) for name in task.input_fields}
    if task.shape == "classification":
        return fields, _label(value, task, where), ()
    answers = _answers(value, task.label_field, where)
    return fields, answers[0] if answers else "", answers


def _answers(value: Any, name: str, where: str) -> tuple[str, ...]:
    """The different answers of a column that holds one text, a list of texts, or SQuAD's {"text": [...]}."""
    if isinstance(value, dict):
        value = value.get("text")
    values = value if isinstance(value, (list, tuple)) else [value]
    texts = [_text(v, name, where) for v in values]
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _tagged(
    task: TaskConfig, language: str, row: Row, where: str, is_spaced: bool
) -> tuple[dict[str, str], str, tuple[str, ...]]:
    tokens, tags = row.values.get("tokens"), row.values.get(task.label_field)
    if not isinstance(tokens, (list, tuple)) or not all(isinstance(token, str) for token in tokens):
        raise Problem(f"{where}: 'tokens' is not a list of texts. For tagging give one list of tokens per row.")
    tokens = without_language_prefix(tokens, task.config_name(language))
    text = " ".join(tokens) if is_spaced else "".join(" " if token == "#" else token for token in tokens)
    if not isinstance(tags, (list, tuple)):
        return {"text": text}, "", ()
    if len(tags) != len(tokens):
        raise Problem(f"{where}: {len(tokens)} tokens but {len(tags)} tags. Every token needs one.")
    names = [_tag(tag, task, where) for tag in tags]
    gold = {"tokens": list(tokens), "tags": names, "spaced": is_spaced, "kinds": list(task.label_names)}
    answer = encode_tags(tokens, names, spaced=is_spaced, none_word=NO_NAMES, kinds=task.label_names)
    return {"text": text}, answer, (json.dumps(gold, ensure_ascii=False),)


def _tag(value: Any, task: TaskConfig, where: str) -> str:
    """A text as it is; integers count O, B-first, I-first, B-second, ... as WikiANN does on the Hub."""
    known = ["O", *(f"{part}-{kind}" for kind in task.label_names for part in "BI")]
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(known):
        return known[value]
    if isinstance(value, str) and value in known:
        return value
    raise Problem(f"{where}: the tag {value!r} is not one of task.label_names. {nearest(str(value), known)}")


def _has_word_tokens(rows: Sequence[Row]) -> bool:
    lengths = Counter(len(token) == 1 for row in rows for token in row.values.get("tokens") or ())
    return lengths[True] < MIN_CHARACTER_SHARE * max(1, lengths.total())


def _text(value: Any, name: str, where: str) -> str:
    """A field's text; a missing value becomes "", which cleaning drops and counts."""
    if value is None:
        return ""
    if isinstance(value, (str, int, float)):
        return str(value)
    raise Problem(f"{where}: field '{name}' is not text but {type(value).__name__}. Give one text per field.")


def _label(value: Any, task: TaskConfig, where: str) -> str:
    text = "" if value is None else str(value).strip()
    if text.lower() in MISSING_LABELS and text not in task.label_names:
        return ""
    if not task.label_names or text in task.label_names:
        return text
    number = text.removesuffix(".0")  # a column of integers with gaps is read as floats
    if number.isdecimal() and 0 <= int(number) - task.first_label < len(task.label_names):
        return task.label_names[int(number) - task.first_label]
    raise Problem(
        f"{where}: {task.label_field}={text[:80]!r} is outside task.label_names (integers upstream start at "
        f"{task.first_label}). {nearest(text[:80], task.label_names)}"
    )


def refuse_placeholders(task: TaskConfig, language: str, rows: Sequence[Row], origin: str) -> None:
    """NotScorable when all labels, answers or tags of a file are the same stand-in for what is not published."""
    values = [row.values.get(task.label_field) for row in rows]
    if task.shape == "classification":
        kinds = {str(value) for value in values}
        if len(rows) < MIN_PLACEHOLDER_ROWS or len(kinds) > 1 or len(task.label_names) == 1:
            return
        evidence = f"all {len(rows)} rows have {task.label_field}={kinds.pop()!r}"
        what = "labels"
    elif task.shape == "tagging":
        if any(tag not in ("O", 0) for tags in values for tag in tags or ()):
            return
        untagged = sum(tags is None for tags in values)
        if not untagged and len(rows) < MIN_PLACEHOLDER_ROWS:
            return
        evidence = (
            f"{untagged} of {len(rows)} sentences have no tags"
            if untagged
            else f"all {len(rows)} sentences are tagged O"
        )
        what = "tags"
    else:
        if any(_answers(value, task.label_field, origin) for value in values):
            return
        evidence = f"all {len(rows)} rows have an empty '{task.label_field}'"
        what = "answers"
    raise NotScorable(
        f"{origin} (language '{language}') cannot be scored: {evidence}, a placeholder for {what} that are not "
        f"published. Set task.score_split to a split with {what}.",
        f"its {what} are placeholders ({evidence})",
    )


def found_labels(task: TaskConfig, examples: Sequence[Example]) -> tuple[str, ...]:
    """The label set of a task that names none: every value of the column, sorted.

    A column of nearly unique values is no label set but free text, and refused as such.
    """
    counts = Counter(example.label for example in examples if example.label)
    if len(counts) < 2:
        raise Problem(
            f"{task.data}: task.label_field={task.label_field} holds {len(counts)} different labels "
            f"({', '.join(sorted(counts)) or 'none'}); a classification needs at least two."
        )
    if len(counts) > MAX_LABELS_FOUND or len(counts) > max(2, counts.total() // 2):
        shown = ", ".join(repr(label[:40]) for label in sorted(counts)[:3])
        raise Problem(
            f"{task.data}: task.label_field={task.label_field} holds {len(counts)} different values in "
            f"{counts.total()} rows ({shown}, ...). That is text, not a label: set task.shape=free_text, or name "
            "another column."
        )
    return tuple(sorted(counts))
