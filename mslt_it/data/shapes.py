"""From a row to an example: what its label, its answer or its tags are, by ``task.shape``; and which rows are fit to
be scored. Labels leave here as names, never as integers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mslt_it.config import table_keys
from mslt_it.config.recipe import TaskConfig
from mslt_it.data.cells import Cells
from mslt_it.data.examples import Examples
from mslt_it.data.files import ID_NAMES, Row
from mslt_it.data.labels import (
    MISSING,
    NO_OPTION,
    NOT_TEXT,
    as_text,
    is_marker,
    is_number,
    label_form,
    not_text,
    other_word,
    plain_number,
    read_labels,
)
from mslt_it.data.spans import encode, sentence, to_spans, without_language_prefix
from mslt_it.problems import NoLabels, NotScorable, Problem, nearest
from mslt_it.records import Example

MIN_PLACEHOLDER_ROWS = 20  # fewer rows with one label may be chance
OUTSIDE = table_keys.OUTSIDE
_BEGINS = {"B": "B", "I": "I", "S": "B", "U": "B", "E": "I", "L": "I", "M": "I"}  # of BIOES and BILOU
# "2,125" and "12 000", a number between what is none.
_BY_THREES = re.compile(r"[^0-9]*[1-9][0-9]{0,2}([,\s])[0-9]{3}(?:\1[0-9]{3})*(?:\.[0-9]+)?[^0-9]*")
MIN_CHARACTER_SHARE = 0.9  # of one-character tokens, from which on a file's tokens are characters (ja, zh, th)


def id_text(value: Any) -> str:
    """A row's id in one form, whatever the file: a column of integers with a gap is one of floats."""
    return plain_number(as_text(value))


def id_columns(task: TaskConfig, rows: Sequence[Row]) -> tuple[str, ...]:
    """The columns that say which item a row is: those of the task, else one that is called id or idx; () without."""
    known = rows[0].values if rows else {}
    if task.id_fields and all(name in known for name in task.id_fields):
        return task.id_fields
    return next(((name,) for name in ID_NAMES if name in known), ())


def item_id(row: Row, columns: Sequence[str]) -> str:
    """A row's id by the columns that `id_columns` found."""
    return " ".join(id_text(row.values.get(name)) for name in columns)


def to_examples(
    task: TaskConfig, language: str, split: str, rows: Sequence[Row], origin: str, *, for_scoring: bool
) -> Examples:
    """The rows as examples, in order; those to train on are made when they are looked at.

    A row that cannot be used (no label, a list where a text should be) says why in ``fault``, so that cleaning counts
    it; a label outside ``task.label_names`` is refused, and so is a file whose labels are placeholders when it is to be
    scored.
    """
    if for_scoring:
        refuse_unpublished(task, language, rows, origin)
    columns = id_columns(task, rows)
    # Ids of two languages are those of one item where a column or the checked order of a benchmark says so.
    prefix = f"{split}:" if columns or task.is_parallel else f"{split}:{language}:"

    def where(index: int) -> str:
        return f"{origin} (language '{language}') {rows[index].place}"

    # Labels and tags are understood by their whole column.
    values = [row.values.get(task.label_field) for row in rows]
    labels = read_labels(task, values, where, language) if task.shape == "classification" else []
    tags = TagReader(task, values) if task.shape == "tagging" else None
    is_spaced = tags is not None and _has_word_tokens(rows)
    others = [name for name in task.group_fields if name not in task.input_fields]
    alone: dict[str, str] = {}
    worked = "" if for_scoring else task.rationale_field
    ids = [prefix + (item_id(row, columns) if columns else str(index)) for index, row in enumerate(rows)]
    if columns:
        _refuse_twice(ids, rows, columns, where, len(prefix))

    def make(index: int) -> Example:
        row, answer_start = rows[index], -1
        references: tuple[str, ...] = ()
        faults: list[str] = []  # the first says why the row is dropped
        if tags is not None:
            fields, label, references = _tagged(task, language, row, tags, lambda: where(index), is_spaced, faults)
        else:
            fields = _fields(task, row.values, faults)
            if labels:
                label, fault = labels[index]
                faults += [fault or _option_fault(task, fields, label)]
            else:
                references, answer_start = _answers(values[index], task, faults)
                label = next(iter(references), "")
        rationale = _text(row.values.get(worked), worked, faults, optional=True) if worked else ""
        return Example(
            id=ids[index],
            language=language,
            task=task.name,
            split=split,
            fields=fields,
            label=label,
            origin=f"{origin}:{row.place}",
            references=references,
            rationale=rationale,
            fault=next(filter(None, faults), ""),
            grouped_by={name: id_text(row.values.get(name)) for name in others} if others else alone,
            answer_start=answer_start,
        )

    if for_scoring:
        return Examples.of(list(map(make, range(len(rows)))))
    known = labels  # which `make` looks at, so it stays what it is
    if not labels or worked or task.option_fields or not all([_is_readable(task, row.values) for row in rows]):
        known = [(one.label, one.fault) for one in map(make, range(len(rows)))]
    return Examples(ids, [label for label, _ in known], [fault for _, fault in known], make)


def _is_readable(task: TaskConfig, values: Mapping[str, Any]) -> bool:
    """Whether every field is a text, or a number of a table's cell, so that nothing but the label can be at fault."""
    return isinstance(values, Cells) or all([type(values.get(name)) is str for name in task.input_fields])


def _refuse_twice(
    ids: Sequence[str], rows: Sequence[Row], columns: Sequence[str], where: Callable[[int], str], start: int
) -> None:
    """A Problem where two rows have one id, which begins at ``start``."""
    seen: dict[str, int] = {}
    for index, number in enumerate(ids):
        if (before := seen.setdefault(number, index)) != index:
            raise Problem(
                f"{where(index)}: {'+'.join(columns)}={number[start:]} is already at {rows[before].place}. Ids tell "
                "items apart and find their translations: make them unique, or remove the column."
            )


def asked_example(task: TaskConfig, language: str, values: Mapping[str, Any], item: str, place: str = "") -> Example:
    """A row as something to ask, whatever answer it has; what cannot be asked says why in ``fault``.

    A sentence to be tagged may be a list of tokens, which are tagged then, or, without such, a text.
    """
    faults: list[str] = []
    references: tuple[str, ...] = ()
    if task.shape == "tagging" and isinstance(tokens := values.get("tokens"), (list, tuple)):
        texts = without_language_prefix([_text(t, "a token", faults) for t in tokens], task.config_name(language))
        is_spaced = _has_word_tokens([Row(place, values)])
        fields, references = {"text": sentence(texts, is_spaced)}, (_gold(task, texts, [], is_spaced),)
    else:
        fields = _fields(task, values, faults)
    return Example(
        item, language, task.name, "", fields, "", place, references=references, fault=next(iter(faults), "")
    )


def _fields(task: TaskConfig, values: Mapping[str, Any], faults: list[str]) -> dict[str, str]:
    return {
        name: _text(values.get(name), name, faults, optional=name in task.optional_fields) for name in task.input_fields
    }


def _option_fault(task: TaskConfig, fields: Mapping[str, str], label: str) -> str:
    """Why no answer of a row can be the right one."""
    options = [fields[name].strip() for name in task.option_fields]
    if not options or not label:
        return ""
    if not (right := options[task.label_names.index(label)]):
        return f"{NO_OPTION}: {task.label_field} is '{label}', whose option is empty"
    if task.is_cloze and options.count(right) > 1:
        return f"{NO_OPTION}: the right option appears twice, word for word"
    return ""


def _answers(value: Any, task: TaskConfig, faults: list[str]) -> tuple[tuple[str, ...], int]:
    """(the different answers, at which character of the passage the first begins, -1: not told) of a column that holds
    one text, a list of texts, or SQuAD's {"text": [...], "answer_start": [...]}."""
    starts: Any = None
    if isinstance(value, dict) and "text" in value:
        value, starts = value["text"], value.get("answer_start")
    values = value if isinstance(value, (list, tuple)) else [value]
    texts = [_text(v, task.label_field, faults).strip() for v in values]
    starts = starts if isinstance(starts, (list, tuple)) else [starts]
    start = next((s for text, s in zip(texts, starts, strict=False) if text and isinstance(s, int)), -1)
    if task.metric == "number_accuracy":
        texts = [_ungrouped(plain_number(text)) for text in texts]
        if not all(map(is_number, filter(None, texts))):  # no answer would ever be right, or a wrong one
            faults.append(f"{MISSING}: {task.label_field} holds no single number ({max(texts)[:40]!r})")
    return tuple(dict.fromkeys(text for text in texts if text)), start


def _ungrouped(text: str) -> str:
    """A right answer in English notation, or with spaces, without what groups its digits: a model that says what it was
    taught, "2,125", was read by its language's notation, and was wrong in German."""
    return re.sub(r"(?<=[0-9])[,\s](?=[0-9]{3})", "", text) if _BY_THREES.fullmatch(text) else text


def _tagged(
    task: TaskConfig,
    language: str,
    row: Row,
    reader: TagReader,
    where: Callable[[], str],
    is_spaced: bool,
    faults: list[str],
) -> tuple[dict[str, str], str, tuple[str, ...]]:
    """(fields, label, references); the latter two are empty where there are no tags."""
    tokens, tags = row.values.get("tokens"), row.values.get(task.label_field)
    if not isinstance(tokens, (list, tuple)):
        raise Problem(f"{where()}: 'tokens' is not a list of texts. For tagging give one list of tokens per row.")
    if None in tokens:
        faults.append(f"{NOT_TEXT}: a token is null")
    tokens = without_language_prefix([_text(t, "a token", faults) for t in tokens], task.config_name(language))
    fields = {"text": sentence(tokens, is_spaced)}
    if not isinstance(tags, (list, tuple)) or faults:
        return fields, "", ()
    if len(tags) != len(tokens):
        raise Problem(f"{where()}: {len(tokens)} tokens but {len(tags)} tags. Every token needs one.")
    names = reader.read(tags, where)
    if names is None:
        faults.append(f"{MISSING}: a token has no tag")
        return fields, "", ()
    label = encode(to_spans(tokens, names, spaced=is_spaced))
    return fields, label, (_gold(task, tokens, names, is_spaced),)


def _gold(task: TaskConfig, tokens: Sequence[str], tags: Sequence[str], is_spaced: bool) -> str:
    """A sentence's tokens and what they are tagged, [] where nobody knows, as ``Example.references`` has them."""
    gold = {"tokens": list(tokens), "tags": tags, "spaced": is_spaced, "kinds": list(task.label_names)}
    return json.dumps(gold, ensure_ascii=False)


def _has_word_tokens(rows: Sequence[Row]) -> bool:
    lengths = Counter(len(str(token)) == 1 for row in rows for token in row.values.get("tokens") or ())
    return lengths[True] < MIN_CHARACTER_SHARE * max(1, lengths.total())


def _text(value: Any, name: str, faults: list[str], *, optional: bool = False) -> str:
    """A field's text; a missing value becomes "", which cleaning drops and counts unless it is optional. What is no
    text at all is a fault of the row."""
    if type(value) is str:
        return value
    what = not_text(value)
    if what and not (optional and what == "NaN"):  # NaN: how a table with gaps is written as JSON
        faults.append(f"{NOT_TEXT}: {name} is {what}")
    return "" if what else as_text(value)


def refuse_unpublished(task: TaskConfig, language: str, rows: Sequence[Row], origin: str) -> None:
    """NotScorable when all labels, answers or tags of a file are the same stand-in for what is not published."""
    values, evidence = [row.values.get(task.label_field) for row in rows], ""
    if task.shape == "classification":
        kinds = {label_form(value) for value in values}
        if all(not kind or (is_marker(kind) and kind not in map(label_form, task.label_names)) for kind in kinds):
            raise _no_labels(task, language, rows, origin)
        if len(rows) >= MIN_PLACEHOLDER_ROWS and len(kinds) == 1 and len(task.label_names) != 1:
            evidence = f"all {len(rows)} rows have {task.label_field}={kinds.pop()!r}"
    elif task.shape == "tagging":
        if not any(tags for tags in values):
            raise _no_labels(task, language, rows, origin)
        if all(label_form(tag) in ("O", "0") for tags in values for tag in tags or ()):
            if untagged := values.count(None):
                evidence = f"{untagged} of {len(rows)} sentences have no tags"
            elif len(rows) >= MIN_PLACEHOLDER_ROWS:
                evidence = f"all {len(rows)} sentences are tagged O"
    else:
        faults: list[str] = []  # are counted row by row
        if not any(_answers(value, task, faults)[0] or faults for value in values):
            raise _no_labels(task, language, rows, origin)
    if not evidence:
        return
    what = "tags" if task.shape == "tagging" else "labels"
    raise NotScorable(
        f"{origin} (language '{language}') cannot be scored: {evidence}, a placeholder for {what} that are not "
        f"published. Set task.score_split to a split with {what}, or leave '{language}' out.",
        f"its {what} are placeholders ({evidence})",
    )


def _no_labels(task: TaskConfig, language: str, rows: Sequence[Row], origin: str) -> NoLabels:
    forms = {label_form(row.values.get(task.label_field)) for row in rows if task.shape == "classification"}
    what = next((f"{task.label_field}={form!r}" for form in forms if form), f"an empty '{task.label_field}'")
    evidence = f"{f'all {len(rows)} rows have' if len(rows) > 1 else 'its one row has'} {what}"
    text = (
        f"{origin} (language '{language}') cannot be scored: {evidence}, so there is nothing to compare answers with."
    )
    remedy = f"Set task.score_split to a split with answers, or leave '{language}' out."
    return NoLabels(f"{text} {remedy}", f"no labels ({evidence})")


# ---------------------------------------------------------------- tags


class TagReader:
    """The tags of one language's sentences, as names of ``task.label_names`` in BIO."""

    def __init__(self, task: TaskConfig, sentences: Sequence[Any]) -> None:
        self.task = task
        self.known = list(task.tags)
        said = {label_form(value): name for value, name in task.labels.items()}
        forms = {label_form(tag) for tags in sentences if isinstance(tags, (list, tuple)) for tag in tags}
        # O, B-first, I-first, B-second, ... as WikiANN counts on the Hub: only where nothing else is in the column.
        numbers = {str(number): name for number, name in enumerate(self.known)}
        if task.name != "custom" and not said.keys() & numbers.keys() and forms <= numbers.keys():
            said = numbers
        self.meaning = {form: name for form in forms if (name := self._name(form, said))}
        self.foreign = sorted(forms - self.meaning.keys())

    def read(self, tags: Sequence[Any], where: Callable[[], str]) -> list[str] | None:
        """The tags by our names; None where one is missing. An unknown tag is a Problem with the lines to add."""
        forms = ["" if not_text(tag) else label_form(tag) for tag in tags]
        if not all(forms):
            return None
        if unknown := [form for form in forms if form not in self.meaning]:
            raise self._unknown(unknown[0], where())
        return [self.meaning[form] for form in forms]

    def _name(self, form: str, said: Mapping[str, str]) -> str:
        if form in said:
            return said[form]
        part, dash, kind = form.partition("-")
        if dash and part in ("B", "I") and kind in said:
            meant = said[kind]
            return meant if meant == OUTSIDE else f"{part}-{meant.removeprefix('B-').removeprefix('I-')}"
        return form if form in self.known else ""

    def _unknown(self, form: str, where: str) -> Problem:
        lines = table_keys.mapping_arguments("task.labels", self._guesses())
        kinds = {form.partition("-")[2] for form in self.foreign if form[:2] in ("B-", "I-") and form[2:]}
        new = sorted(kinds - set(self.task.label_names))
        more = f" To ask for them: {table_keys.argument('task.label_names', (*self.task.label_names, *new))}."
        return Problem(
            f"{where}: the tag {form!r} is not one of task.label_names. {nearest(form, self.known)}{more * bool(new)} "
            f"If the file's tags mean these (a guess, check it; {OUTSIDE} for kinds not asked for), add: {lines}"
        )

    def _guesses(self) -> dict[str, str]:
        """Kind or whole tag -> what it probably means."""
        numbers = [form for form in self.foreign if form.isdecimal()]
        said = {form: self.known[int(form)] if int(form) < len(self.known) else OUTSIDE for form in numbers}
        for form in self.foreign:
            part, dash, kind = form.partition("-")
            if form in said or not form:
                continue
            meant = other_word(kind or form, self.task.label_names)
            if dash and part in ("B", "I"):
                said[kind] = meant or OUTSIDE
            elif dash and part.upper() in _BEGINS:
                said[form] = f"{_BEGINS[part.upper()]}-{meant}" if meant else OUTSIDE
            else:
                said[form] = OUTSIDE if form.upper() == OUTSIDE or not meant else f"I-{meant}"
        return said
