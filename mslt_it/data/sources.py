"""Where rows come from: the embedded world, the intents of a package, local files, or a dataset of the Hub.

An item's id is the same in all languages ("dev:17": the split, then the id column or the row's position), so that
translations of one item can be kept together, kept apart, and kept out of the scored set.

Where a language's only file is neither split, or the recipe names one split for both, its rows are divided between
training and scoring, in the same way in every language: see ``division``.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from mslt_it import values
from mslt_it.data import intents
from mslt_it.data.columns import check_columns, file_columns, renamed
from mslt_it.data.division import Loaded, Units, divide, table, units_of_ids
from mslt_it.data.files import TABLES, Row, canonical_split, listing
from mslt_it.data.labels import label_form
from mslt_it.data.language_rows import column_of, count_spellings, rows_of, unclaimed
from mslt_it.data.layouts import read_layout
from mslt_it.data.lookup import Picked, languages_in, pick, unnamed_files
from mslt_it.data.shapes import id_text, to_examples
from mslt_it.languages import codes_of, is_code, serving
from mslt_it.problems import Problem, nearest
from mslt_it.records import Example, TaskConfig

Role = Literal["train", "score"]


def load_examples(task: TaskConfig, language: str, split: str, *, role: Role) -> list[Example]:
    """All rows of one language and split, in file order; see ``load`` for the notes."""
    return load(task, language, split, role=role).examples


def load(task: TaskConfig, language: str, split: str, *, role: Role) -> Loaded:
    """All rows of one language and split, in file order, with notes.

    A row without a label (empty, null, "-", -1) comes with a ``fault``, so that cleaning counts it; a label outside
    ``task.label_names`` is refused.
    """
    if task.data == "world":
        from mslt_it.world.generator import task_examples

        return Loaded(list(task_examples(language, split, seed=0)))
    if task.data == "intents":
        return Loaded(intents.examples(language, split), (intents.provenance(language, split),))
    root = values.path(task.data)
    if root.exists():
        return _load_local(task, root, language, split, role)
    _refuse_missing_path(task, root)
    return _load_hub(task, language, split, role)


def _refuse_missing_path(task: TaskConfig, root: Path) -> None:
    """A Problem where ``task.data`` is written like a path and not like a name on the Hub."""
    if task.data.startswith((".", "/", "~")) or task.data.count("/") > 1 or root.suffix:
        near = next((p for p in root.parents if p.is_dir()), Path("."))
        raise Problem(f"task.data={task.data} does not exist. {near} holds: {listing(near)}.")


def available_languages(task: TaskConfig) -> tuple[str, ...]:
    """Every language that the task's data has rows for, as codes; a Problem where that cannot be told without them."""
    if task.data == "world":
        from mslt_it.world.languages import CODES

        return CODES
    if task.data == "intents":
        return intents.languages()
    root = values.path(task.data)
    if not root.exists():
        _refuse_missing_path(task, root)
        return task.languages or _hub_languages(task)
    upstream = {name: code for code, name in task.configs.items() if code != "default"}
    codes = {} if root.is_file() else languages_in(root)
    codes |= {name: code for name, code in upstream.items() if (root / name).is_dir()}
    for path in () if codes else unnamed_files(root):
        rows = _read(task, path)
        if column := column_of(task, rows):
            spellings = count_spellings(rows, column)
            codes |= codes_of(spellings) | {name: code for name, code in upstream.items() if name in spellings}
    codes = codes or languages_in(root)
    if not codes:
        if root.is_dir() and not unnamed_files(root):
            raise Problem(
                f"{root} holds no file that is read as a table ({', '.join(TABLES)}; text also as .gz), but: "
                f"{listing(root)}. Save the tables as .csv in UTF-8, one per language: de.csv or de/<split>.csv."
            )
        raise Problem(
            f"No language is named in {root}, neither in a column (lang, language, ...) nor in the names of files and "
            "folders. Add a column, or put one file per language: de.tsv or de/<split>.tsv."
        )
    return tuple(sorted({upstream.get(spelling, code) for spelling, code in codes.items()}))


def rows_left_out(task: TaskConfig, languages: Sequence[str]) -> tuple[str, ...]:
    """What to say of local rows that are of none of the languages, by their files."""
    root = values.path(task.data)
    if task.data in ("world", "intents") or not root.exists():
        return ()
    notes: dict[tuple[Path, ...], str] = {}
    for language, split in itertools.product(languages, (task.train_split, task.score_split)):
        with contextlib.suppress(Problem):  # said where the rows are asked for
            picked = pick(task, root, language, split)
            if picked.paths not in notes:
                notes[picked.paths] = unclaimed(task, _read_all(task, picked), languages, picked.origin)
    return tuple(filter(None, notes.values()))


def _hub_languages(task: TaskConfig) -> tuple[str, ...]:
    """Those of id_prefixes, else every configuration of the Hub's data set whose name, or the name that task.configs
    gives it, is a language code."""
    if task.id_prefixes:
        return tuple(sorted(task.id_prefixes))
    from mslt_it.data.hub import hub_configs

    upstream = {name: code for code, name in task.configs.items() if code != "default"}
    found = [upstream.get(name, name) for name in hub_configs(task.data, task.revision, task.hub_files or None)]
    codes = tuple(sorted(code for code in found if is_code(code)))
    if not codes:
        raise Problem(
            f"Which languages {task.data} has is not known: task.languages is empty, and no configuration is named "
            f"after one ({', '.join(found[:20])}). List them: targets=[ar,de], or languages=[ar,de] in mslt eval."
        )
    return codes


def _load_local(task: TaskConfig, root: Path, language: str, split: str, role: Role) -> Loaded:
    picked, rows, said = _own_rows(task, root, language, split)

    def read(other: str) -> list[Row]:
        return _own_rows(task, root, other, split)[1]

    rows, notes = _repaired(task, language, rows, read)
    notes = (*picked.notes, *said, *notes)
    _check_rationales(task, rows, role, picked.origin)
    examples = to_examples(task, language, picked.name, rows, picked.origin, for_scoring=role == "score")
    if not picked.is_divided:
        return Loaded(examples, notes)
    return _divided(task, examples, rows, language, split, role, picked.origin, notes)


def _own_rows(task: TaskConfig, root: Path, language: str, split: str) -> tuple[Picked, list[Row], tuple[str, ...]]:
    picked = pick(task, root, language, split)
    table = _read_all(task, picked)
    rows, notes = rows_of(task, table, language, picked.origin, names_language=picked.is_of(task, language))
    return picked, rows, notes


def _read_all(task: TaskConfig, picked: Picked) -> tuple[Row, ...]:
    if len(picked.paths) == 1:
        return _read(task, picked.paths[0])
    tables = [(path.name, _read(task, path)) for path in picked.paths]
    return tuple(Row(f"{name} {row.place}", row.values) for name, rows in tables for row in rows)


def _read(task: TaskConfig, path: Path) -> tuple[Row, ...]:
    rows = renamed(task, read_layout(task.file_layout, path, file_columns(task)))
    check_columns(task, rows, str(path))
    return rows


def _load_hub(task: TaskConfig, language: str, split: str, role: Role) -> Loaded:
    if task.languages and not serving(language, task.languages, task.data):
        raise Problem(
            f"{task.data} has no language '{language}'. {nearest(language, task.languages)} Leave it out of sources or "
            "targets, or give your own rows: task.data=FOLDER."
        )
    hub_split = _hub_split(split)
    table = _hub_rows(task, language, hub_split)
    if not table:
        raise Problem(f"{task.data} ({language}, split {hub_split}) holds no rows.")
    origin = f"{task.data}@{task.revision or 'unpinned'}"
    check_columns(task, table, f"{task.data} ({language})")
    rows, said = rows_of(task, table, language, origin, names_language=True)
    if len(rows) < len(table):
        said = (*said, f"{language}: {len(rows)} of {len(table)} rows of {origin} are in this language")
    rows, notes = _repaired(task, language, rows, lambda other: _hub_rows(task, other, hub_split))
    notes = (*said, *notes)
    _check_rationales(task, rows, role, origin)
    examples = to_examples(task, language, canonical_split(split), rows, origin, for_scoring=role == "score")
    if canonical_split(task.train_split) != canonical_split(task.score_split):
        return Loaded(examples, notes)
    return _divided(task, examples, rows, language, split, role, origin, notes)


def _hub_rows(task: TaskConfig, language: str, hub_split: str) -> list[Row]:
    table = _hub_table(task.data, task.config_name(language), hub_split, task.revision, task.hub_files or None)
    return list(renamed(task, table))


@functools.lru_cache(maxsize=4)  # one table may hold several languages
def _hub_table(data: str, config: str, split: str, revision: str | None, files: str | None) -> tuple[Row, ...]:
    from mslt_it.data.hub import read_hub

    table = read_hub(data, config, split, revision, files)
    return tuple(Row(f"row {i}", values) for i, values in enumerate(table, 1))


def _repaired(
    task: TaskConfig, language: str, rows: list[Row], read: Callable[[str], list[Row]]
) -> tuple[list[Row], tuple[str, ...]]:
    """The rows with ``task.repair_field`` taken, by id, from the first language at hand that has it right."""
    name = task.repair_field
    if not name or language == "en" or language in task.repair_from:
        return rows, ()
    for other in task.repair_from:
        try:
            right = {id_text(row.values.get("idx")): row.values.get(name) for row in read(other)}
        except Problem:
            continue  # this language is not at hand
        mended = []
        for row in rows:
            value = right.get(id_text(row.values.get("idx")), row.values.get(name))
            mended.append(Row(row.place, {**row.values, name: value}))
        num_wrong = sum(a.values != b.values for a, b in zip(rows, mended, strict=True))
        note = f"{language}: '{name}' wrong upstream in {num_wrong} of {len(rows)} rows, taken from '{other}'"
        return mended, (note,) if num_wrong else ()
    return rows, (
        f"{language}: '{name}' is known to be wrong upstream in some languages and could not be checked: none of "
        f"{', '.join(task.repair_from)} is at hand",
    )


def _check_rationales(task: TaskConfig, rows: Sequence[Row], role: Role, where: str) -> None:
    """Rows to be scored need no worked-out solution."""
    known = {name for row in rows[:100] for name in row.values}
    if role == "train" and task.rationale_field and task.rationale_field not in known:
        raise Problem(
            f"{where} has no column '{task.rationale_field}' (task.rationale_field). "
            f"{nearest(task.rationale_field, known)}"
        )


def answers_in_order(task: TaskConfig, language: str, split: str) -> list[str] | None:
    """What the label column of a split holds, row by row; None where an id column says which item a row is, or where
    the language has no such rows."""
    root = values.path(task.data)
    try:
        rows = (
            _own_rows(task, root, language, split)[1] if root.exists() else _hub_rows(task, language, _hub_split(split))
        )
    except Problem:
        return None  # it is told where that language is loaded
    if not rows or table(task, rows[:1]).has_ids:
        return None
    return [label_form(row.values.get(task.label_field)) for row in rows]


# ---------------------------------------------------------------- dividing one file


def _divided(
    task: TaskConfig,
    examples: list[Example],
    rows: Sequence[Row],
    language: str,
    split: str,
    role: Role,
    origin: str,
    notes: tuple[str, ...],
) -> Loaded:
    """The examples of one role, of a file that serves both."""
    own = table(task, rows)
    units = None
    if (own.has_ids or task.is_parallel) and task.held_out_share < 1:
        root = values.path(task.data)
        stamp = tuple((p, p.stat().st_mtime_ns, p.stat().st_size) for p in _all_files(root))
        languages = available_languages(task) if stamp else task.languages or (language,)
        units = _units(task, languages, split, stamp)
    return divide(task, examples, own, units, role, origin, notes)


@functools.lru_cache(maxsize=8)
def _units(task: TaskConfig, languages: tuple[str, ...], split: str, stamp: object) -> Units:
    """The units of the ids of all languages (English first: most translations are of it, and its premises repeat
    word by word). ``stamp`` changes with the files."""
    root = values.path(task.data)
    tables = []
    for code in sorted(languages, key=lambda c: (c != "en", c)):
        try:
            if not root.exists():
                found = _hub_rows(task, code, _hub_split(split))
                rows = rows_of(task, found, code, task.data, names_language=True)[0]
            else:
                picked, rows, _ = _own_rows(task, root, code, split)
                rows = rows if picked.is_divided else []
        except Problem:
            continue  # it is told where that language is loaded
        if rows:
            tables.append(table(task, rows))
    return units_of_ids(tables, is_parallel=task.is_parallel)


def _all_files(root: Path) -> list[Path]:
    return [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())


def _hub_split(split: str) -> str:
    """The Hub calls it "validation"; a recipe may say dev or val."""
    return {"dev": "validation"}.get(canonical_split(split), split)
