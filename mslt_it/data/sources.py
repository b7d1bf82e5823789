"""Where rows come from: the embedded world, local files, or a dataset of the Hub.

An item's id is the same in all languages ("dev:17": the split, then the id column or the row's position), so that
translations of one item can be kept together, kept apart, and kept out of the scored set.

Where a language's only file is neither split, or the recipe names one split for both, its rows are divided between
training and scoring, in the same way in every language: see ``division``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from mslt_it.data.division import Loaded, Units, divide, table, units_of_ids
from mslt_it.data.files import (
    LANGUAGE_COLUMNS,
    Row,
    canonical_split,
    files_by_split,
    languages_at,
    listing,
)
from mslt_it.data.layouts import read_layout
from mslt_it.data.shapes import needed_columns, to_examples
from mslt_it.languages import is_code
from mslt_it.problems import NotScorable, Problem, nearest
from mslt_it.records import Example, TaskConfig

Role = Literal["train", "score"]


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
    root = Path(task.data).expanduser()
    if not root.exists():
        _refuse_missing_path(task, root)
        return task.languages or _hub_languages(task)
    if root.is_file():
        rows = _read(task, root)
        column = next((c for c in LANGUAGE_COLUMNS if c in rows[0].values), None)
        found = {str(row.values.get(column)) for row in rows} if column else {root.stem}
    else:
        found = set(languages_at(root))
    upstream = {name: code for code, name in task.configs.items() if code != "default"}
    return tuple(sorted(upstream.get(name, name) for name in found))


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
    path, divided = _resolve(task, root, language, split)
    rows = _own_rows(_read(task, path), language, path, task)
    name = canonical_split(path.stem.split(".")[0]) if path.stem != task.config_name(language) else "all"

    def read(other: str) -> list[Row]:
        return list(_read(task, _resolve(task, root, other, split)[0]))

    rows, notes = _repaired(task, language, rows, read)
    _check_rationales(task, rows, role, str(path))
    examples = to_examples(task, language, name, rows, str(path), for_scoring=role == "score")
    if not divided:
        return Loaded(examples, notes)
    return _divided(task, examples, rows, language, split, role, str(path), notes)


def _resolve(task: TaskConfig, root: Path, language: str, split: str) -> tuple[Path, bool]:
    """The file that serves a split, and whether its rows are to be divided between training and scoring.

    They are when both splits have one name, and when the only file at hand is neither. Else a file is used whole.
    """
    found = files_by_split(root, task.config_name(language)) or files_by_split(root, language)
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
        text = f"{root} has no split '{split}' for language '{language}', only: {at_hand}. {remedy}"
        if wanted == canonical_split(task.score_split):
            raise NotScorable(text, f"there is no split '{split}', only {at_hand}")
        raise Problem(text)
    paths = found[wanted if wanted in found else next(iter(found))]
    if len(paths) > 1:
        names = ", ".join(p.name for p in paths)
        raise Problem(f"Several files could be split '{split}' of language '{language}': {names}. Keep one of them.")
    return paths[0], len(splits) == 1 or wanted not in found


def _read(task: TaskConfig, path: Path) -> tuple[Row, ...]:
    rows = read_layout(task.file_layout, path, needed_columns(task))
    _check_columns(task, rows, str(path))
    return rows


def _own_rows(rows: Sequence[Row], language: str, path: Path, task: TaskConfig) -> list[Row]:
    column = next((c for c in LANGUAGE_COLUMNS if c in rows[0].values), None)
    if column is None:
        if not {language, task.config_name(language)} & {path.stem, path.parent.name}:
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
    if task.languages and language not in task.languages:
        raise Problem(
            f"{task.data} has no language '{language}'. {nearest(language, task.languages)} Leave it out of sources or "
            "targets, or give your own rows: task.data=FOLDER."
        )
    hub_split = _hub_split(split)
    table = _hub_rows(task, language, hub_split)
    if not table:
        raise Problem(f"{task.data} ({language}, split {hub_split}) holds no rows.")
    origin = f"{task.data}@{task.revision or 'unpinned'}"
    rows = _of_language(task, table, language, origin)
    _check_columns(task, rows, f"{task.data} ({language})")
    rows, notes = _repaired(task, language, rows, lambda other: _hub_rows(task, other, hub_split))
    _check_rationales(task, rows, role, origin)
    examples = to_examples(task, language, canonical_split(split), rows, origin, for_scoring=role == "score")
    if canonical_split(task.train_split) != canonical_split(task.score_split):
        return Loaded(examples, notes)
    return _divided(task, examples, rows, language, split, role, origin, notes)


def _hub_rows(task: TaskConfig, language: str, hub_split: str) -> list[Row]:
    return list(_hub_table(task.data, task.config_name(language), hub_split, task.revision, task.hub_files or None))


@functools.lru_cache(maxsize=4)  # one table may hold several languages
def _hub_table(data: str, config: str, split: str, revision: str | None, files: str | None) -> tuple[Row, ...]:
    from mslt_it.data.hub import read_hub

    table = read_hub(data, config, split, revision, files)
    return tuple(Row(f"row {i}", values) for i, values in enumerate(table, 1))


def _of_language(task: TaskConfig, rows: list[Row], language: str, origin: str) -> list[Row]:
    """Of a table with several languages, told apart by how ids begin (TyDiQA), the rows of one."""
    if not task.id_prefixes:
        return rows
    mixed = {str(row.values.get("id")).partition("-")[0] for row in rows[:2000]}
    if len(mixed) < 2:
        return rows
    prefix = task.id_prefixes.get(language)
    if prefix is None:
        raise Problem(
            f"{origin} holds several languages in one table, and task.id_prefixes does not say how the ids of "
            f"'{language}' begin. {nearest(language, task.id_prefixes)}"
        )
    own = [row for row in rows if str(row.values.get("id")).startswith(prefix + "-")]
    if not own:
        raise Problem(f"{origin} has no row whose id begins with '{prefix}-'. {nearest(prefix, mixed)}")
    return own


def _repaired(
    task: TaskConfig, language: str, rows: list[Row], read: Callable[[str], list[Row]]
) -> tuple[list[Row], tuple[str, ...]]:
    """The rows with ``task.repair_field`` taken, by id, from the first language at hand that has it right."""
    name = task.repair_field
    if not name or language == "en" or language in task.repair_from:
        return rows, ()
    for other in task.repair_from:
        try:
            right = {str(row.values.get("idx")): row.values.get(name) for row in read(other)}
        except Problem:
            continue  # this language is not at hand
        mended = []
        for row in rows:
            value = right.get(str(row.values.get("idx")), row.values.get(name))
            mended.append(Row(row.place, {**row.values, name: value}))
        num_wrong = sum(a.values != b.values for a, b in zip(rows, mended, strict=True))
        note = f"{language}: '{name}' wrong upstream in {num_wrong} of {len(rows)} rows, taken from '{other}'"
        return mended, (note,) if num_wrong else ()
    return rows, (
        f"{language}: '{name}' is known to be wrong upstream in some languages and could not be checked: none of "
        f"{', '.join(task.repair_from)} is at hand",
    )


def _check_columns(task: TaskConfig, rows: Sequence[Row], where: str) -> None:
    known = {name for row in rows[:100] for name in row.values}
    for column in needed_columns(task):
        if column not in known:
            raise Problem(f"{where} has no column '{column}'. {nearest(column, known)}")


def _check_rationales(task: TaskConfig, rows: Sequence[Row], role: Role, where: str) -> None:
    """Rows to be scored need no worked-out solution."""
    known = {name for row in rows[:100] for name in row.values}
    if role == "train" and task.rationale_field and task.rationale_field not in known:
        raise Problem(
            f"{where} has no column '{task.rationale_field}' (task.rationale_field). "
            f"{nearest(task.rationale_field, known)}"
        )


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
        root = Path(task.data).expanduser()
        stamp = tuple((p, p.stat().st_mtime_ns, p.stat().st_size) for p in _all_files(root))
        languages = available_languages(task) if stamp else task.languages or (language,)
        units = _units(task, languages, split, stamp)
    return divide(task, examples, own, units, role, origin, notes)


@functools.lru_cache(maxsize=8)
def _units(task: TaskConfig, languages: tuple[str, ...], split: str, stamp: object) -> Units:
    """The units of the ids of all languages (English first: most translations are of it, and its premises repeat
    word by word). ``stamp`` changes with the files."""
    root = Path(task.data).expanduser()
    tables = []
    for code in sorted(languages, key=lambda c: (c != "en", c)):
        try:
            if not root.exists():
                rows = _of_language(task, _hub_rows(task, code, _hub_split(split)), code, task.data)
            else:
                path, divided = _resolve(task, root, code, split)
                rows = _own_rows(_read(task, path), code, path, task) if divided else []
        except Problem:
            continue  # it is told where that language is loaded
        if rows:
            tables.append(table(task, rows))
    return units_of_ids(tables)


def _all_files(root: Path) -> list[Path]:
    return [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())


def _hub_split(split: str) -> str:
    """The Hub calls it "validation"; a recipe may say dev or val."""
    return {"dev": "validation"}.get(canonical_split(split), split)
