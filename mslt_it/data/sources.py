"""Where rows come from: the embedded world, local files, or a dataset of the Hub.

An item's id is the same in all languages ("dev:17": the split, then the id column or the row's position), so that
translations of one item can be kept together, kept apart, and kept out of the scored set.

Where a language's only file is neither split, or the recipe names one split for both, the rows are divided by item: an
item whose hash lies below ``task.held_out_share`` is for scoring, the others are for training. The rule looks at the
item only, so it is the same in every language. Rows that come in blocks with one premise (XNLI: three) stay together.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mslt_it.data.files import (
    LANGUAGE_COLUMNS,
    Row,
    canonical_split,
    files_by_split,
    languages_at,
    listing,
    read_table,
)
from mslt_it.problems import Problem, nearest
from mslt_it.records import Example, TaskConfig

Role = Literal["train", "score"]
ID_COLUMNS = ("id", "idx")
MISSING_LABELS = {"", "-", "-1", "none", "null", "nan"}  # no gold label; counted by cleaning, never scored
MIN_PLACEHOLDER_ROWS = 20  # fewer rows with one label may be chance
MAX_BLOCK = 10  # rows that share a premise


@dataclass(frozen=True)
class Loaded:
    """The examples of one language and what the reader should know about how they were found."""

    examples: list[Example]
    notes: tuple[str, ...] = ()
    divided: bool = False  # the same file serves training and scoring, divided by item


def load_examples(task: TaskConfig, language: str, split: str, *, role: Role) -> list[Example]:
    """All rows of one language and split, in file order; see ``load`` for the notes."""
    return load(task, language, split, role=role).examples


def load(task: TaskConfig, language: str, split: str, *, role: Role) -> Loaded:
    """All rows of one language and split, in file order, with notes.

    A row whose label is missing (empty, null, "-", -1) comes with label "" so that cleaning counts it; a label outside
    ``task.label_names`` is refused.
    """
    if task.data == "world":
        from mslt_it.world.generator import task_examples

        return Loaded(list(task_examples(language, split, seed=0)))
    root = Path(task.data).expanduser()
    if root.exists():
        return _load_local(task, root, language, split, role)
    if task.data.startswith((".", "/", "~")) or task.data.count("/") > 1 or root.suffix:
        near = next((p for p in root.parents if p.is_dir()), Path("."))
        raise Problem(f"task.data={task.data} does not exist. {near} holds: {listing(near)}.")
    return _load_hub(task, language, split, role)


def _load_local(task: TaskConfig, root: Path, language: str, split: str, role: Role) -> Loaded:
    path, divided = _resolve(task, root, language, split)
    rows = _own_rows(_read(task, path), language, path)
    name = canonical_split(path.stem.split(".")[0]) if path.stem != language else "all"
    examples = _examples(task, language, name, rows, str(path), role)
    if not divided:
        return Loaded(examples)
    block = _reference_block(task, root, language, split, rows)
    return _divide(task, examples, block, role, str(path))


def _resolve(task: TaskConfig, root: Path, language: str, split: str) -> tuple[Path, bool]:
    """The file that serves a split, and whether its rows are to be divided between training and scoring.

    They are when both splits have one name, and when the only file at hand is neither. Else a file is used whole.
    """
    found = files_by_split(root, language)
    if not found:
        known = languages_at(root)
        hint = nearest(language, known) if known else f"It holds: {listing(root)}."
        raise Problem(
            f"No data file for language '{language}' in {root} (looked for {language}/<split>.tsv, {language}.tsv "
            f"and the like: tsv, csv, jsonl, json, parquet). {hint}"
        )
    wanted = canonical_split(split)
    splits = {canonical_split(task.train_split), canonical_split(task.score_split)}
    only = next(iter(found)) if len(found) == 1 else None
    if wanted not in found and (only is None or only in splits):
        remedy = (
            f"Set task.train_split={only} and task.score_split={only} to divide its rows by item, or add the file."
            if only
            else "Set task.train_split and task.score_split to splits at hand."
        )
        at_hand = ", ".join(sorted(found))
        raise Problem(f"{root} has no split '{split}' for language '{language}', only: {at_hand}. {remedy}")
    paths = found[wanted if wanted in found else next(iter(found))]
    if len(paths) > 1:
        names = ", ".join(p.name for p in paths)
        raise Problem(f"Several files could be split '{split}' of language '{language}': {names}. Keep one of them.")
    return paths[0], len(splits) == 1 or wanted not in found


def _read(task: TaskConfig, path: Path) -> tuple[Row, ...]:
    rows = read_table(path, (*task.input_fields, task.label_field))
    known = {name for row in rows[:100] for name in row.values}
    for column in (*task.input_fields, task.label_field):
        if column not in known:
            raise Problem(f"{path} has no column '{column}'. {nearest(column, known)}")
    return rows


def _own_rows(rows: Sequence[Row], language: str, path: Path) -> list[Row]:
    column = next((c for c in LANGUAGE_COLUMNS if c in rows[0].values), None)
    if column is None:
        if language not in (path.stem, path.parent.name):
            raise Problem(
                f"{path} is to serve language '{language}' but has no column 'language' or 'lang'. "
                f"Add one, or put one file per language: {language}.tsv or {language}/<split>.tsv."
            )
        return list(rows)
    own = [row for row in rows if row.values.get(column) == language]
    if not own:
        known = {str(row.values.get(column)) for row in rows}
        raise Problem(f"{path} has no row with {column}={language}. {nearest(language, known)}")
    return own


def _load_hub(task: TaskConfig, language: str, split: str, role: Role) -> Loaded:
    import datasets

    # The Hub calls it "validation"; a recipe may say dev or val.
    hub_split = {"dev": "validation"}.get(canonical_split(split), split)
    try:
        table = datasets.load_dataset(task.data, language, split=hub_split, revision=task.revision)
    except Exception as error:  # datasets raises many unrelated types: no network, no such id, config or split
        raise Problem(
            f"task.data={task.data} is no local file or folder, and loading it from the Hub failed for language "
            f"'{language}', split '{hub_split}', revision {task.revision}: {type(error).__name__}: {str(error)[:300]}. "
            "Check the id, or download the data and give its folder."
        ) from error
    for column in (*task.input_fields, task.label_field):
        if column not in table.column_names:
            raise Problem(f"{task.data} ({language}) has no column '{column}'. {nearest(column, table.column_names)}")
    rows = [Row(f"row {i}", values) for i, values in enumerate(table, 1)]
    if not rows:
        raise Problem(f"{task.data} ({language}, split {hub_split}) holds no rows.")
    origin = f"{task.data}@{task.revision or 'unpinned'}"
    examples = _examples(task, language, canonical_split(split), rows, origin, role)
    if canonical_split(task.train_split) != canonical_split(task.score_split):
        return Loaded(examples)
    block = block_size([str(row.values.get(task.input_fields[0])) for row in rows])
    return _divide(task, examples, block, role, origin)


def _examples(
    task: TaskConfig, language: str, split: str, rows: Sequence[Row], origin: str, role: Role
) -> list[Example]:
    labels = [row.values.get(task.label_field) for row in rows]
    if role == "score":
        _refuse_placeholders(task, language, labels, origin)
    id_column = next((c for c in ID_COLUMNS if c in rows[0].values), None)
    examples: list[Example] = []
    seen: dict[str, str] = {}
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        number = str(row.values.get(id_column)) if id_column else str(index)
        if number in seen:
            raise Problem(
                f"{origin} (language '{language}') {row.place}: {id_column}={number} is already at {seen[number]}. "
                f"Ids tell items apart and find their translations: make them unique, or remove the column."
            )
        seen[number] = row.place
        where = f"{origin} (language '{language}') {row.place}"
        fields = {name: _text(row.values.get(name), name, where) for name in task.input_fields}
        examples.append(
            Example(
                id=f"{split}:{number}",
                language=language,
                task=task.name,
                split=split,
                fields=fields,
                label=_label(label, task, where),
                origin=f"{origin}:{row.place}",
            )
        )
    return examples


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
    if number.isdecimal() and int(number) < len(task.label_names):
        return task.label_names[int(number)]
    raise Problem(
        f"{where}: {task.label_field}={text[:80]!r} is outside task.label_names (position = integer label). "
        f"{nearest(text[:80], task.label_names)}"
    )


def _refuse_placeholders(task: TaskConfig, language: str, labels: Sequence[Any], origin: str) -> None:
    kinds = {str(label) for label in labels}
    if len(labels) < MIN_PLACEHOLDER_ROWS or len(kinds) > 1 or len(task.label_names) == 1:
        return
    raise Problem(
        f"{origin} (language '{language}') cannot be scored: all {len(labels)} rows have "
        f"{task.label_field}={kinds.pop()!r}, a placeholder for labels that are not published. "
        "Set task.score_split to a split with labels."
    )


def block_size(values: Sequence[str]) -> int:
    """How many consecutive rows share their first field: 3 for XNLI's evaluation files, 1 where rows stand alone.

    The largest size whose aligned blocks nearly all (95 %) hold one value each and nearly all differ from the next.
    """
    for size in range(min(MAX_BLOCK, len(values) // 2), 1, -1):
        blocks = [values[i : i + size] for i in range(0, len(values) - size + 1, size)]
        same = sum(len(set(block)) == 1 for block in blocks)
        changes = sum(a[0] != b[0] for a, b in itertools.pairwise(blocks))
        if same >= 0.95 * len(blocks) and changes >= 0.9 * (len(blocks) - 1):
            return size
    return 1


def _reference_block(task: TaskConfig, root: Path, language: str, split: str, rows: Sequence[Row]) -> int:
    """The block size, read from one file for all languages (English where there is one, else the first by name)."""
    known = languages_at(root)
    reference = "en" if "en" in known else (known[0] if known else language)
    if reference != language:
        try:
            path, _ = _resolve(task, root, reference, split)
            rows = _own_rows(_read(task, path), reference, path)
        except Problem:
            pass  # the reference language lacks this split: judge by the language's own rows
    return block_size([str(row.values.get(task.input_fields[0])) for row in rows])


def _divide(task: TaskConfig, examples: list[Example], block: int, role: Role, origin: str) -> Loaded:
    if not 0 < task.held_out_share < 1:
        raise Problem(
            f"{origin} must serve training and scoring, so task.held_out_share must lie between 0 and 1, not "
            f"{task.held_out_share}."
        )
    kept = []
    for index, example in enumerate(examples):
        unit = str(index // block) if block > 1 else example.id.partition(":")[2]
        if _is_held_out(unit, task.held_out_share) == (role == "score"):
            kept.append(example)
    if not kept:
        raise Problem(
            f"{origin}: no row is left for role '{role}' after setting {task.held_out_share:.0%} of {len(examples)} "
            "rows aside for scoring. Use a larger file or another task.held_out_share."
        )
    unit_name = f"blocks of {block} rows with one {task.input_fields[0]}" if block > 1 else "rows"
    note = (
        f"{origin} serves training and scoring: {unit_name} divided by hash, "
        f"{len(kept)} of {len(examples)} rows to {role}"
    )
    return Loaded(kept, (note,), divided=True)


def _is_held_out(unit: str, share: float) -> bool:
    digest = hashlib.blake2b(f"held out\0{unit}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64
