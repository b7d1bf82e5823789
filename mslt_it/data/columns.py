"""What the columns of a table mean: those that a user's file calls otherwise (``task.columns.premise=sentence1``), and
which rows are a language's: by a column, by how ids begin, or all of a file that names its language."""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mslt_it.config import table_keys
from mslt_it.config.recipe import TaskConfig
from mslt_it.data.cells import Cells
from mslt_it.data.files import Row, canonical_split, language_column
from mslt_it.languages import codes_of, is_guess, not_found, primary, read_code, serving
from mslt_it.problems import NoLabels, NotScorable, Problem, nearest, some

NUM_LOOKED_AT = 100  # rows whose columns are looked at: JSON rows may lack some
MAX_SHOWN = 12  # spellings in a note or an error


def needed_columns(task: TaskConfig) -> tuple[str, ...]:
    """The columns a row must have, by our names."""
    fields = tuple(name for name in task.input_fields if name not in task.optional_fields)
    if task.shape == "tagging":
        return ("tokens", task.label_field)
    return (*fields, task.label_field)


def file_columns(task: TaskConfig) -> tuple[str, ...]:
    """The columns a row must have, by the file's names. Those of a table without a header, in this order."""
    return tuple(task.columns.get(name, name) for name in needed_columns(task))


def renamed(task: TaskConfig, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with our names for their columns.

    A column is found by its exact name, else by the one name that is composed otherwise (Unicode NFC and NFD look the
    same) or has invisible characters or spaces around it.
    """
    known = _names(rows)
    by_form: dict[str, list[str]] = {}
    for name in known:
        by_form.setdefault(_form(name), []).append(name)
    ours = {
        *needed_columns(task),
        *task.input_fields,
        *task.group_fields,
        *task.id_fields,
        task.split_field,
        task.rationale_field,
        *table_keys.COMMON_COLUMNS,
        *task.columns,
    }
    source = {}
    for name in ours - {""}:
        wanted = task.columns.get(name, name)
        alike = by_form.get(_form(wanted), [])
        found = wanted if wanted in known else alike[0] if len(alike) == 1 else wanted
        if found != name and (found in known or name in task.columns):
            source[name] = found
    if not source:
        return rows if isinstance(rows, tuple) else tuple(rows)

    def under_our_names(found: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in found.items() if name not in source}
        return kept | {name: found[column] for name, column in source.items() if column in found}

    tables: dict[int, dict[str, int]] = {}  # one for all rows of a table

    def values(row: Row) -> Mapping[str, Any]:
        if not isinstance(row.values, Cells):
            return under_our_names(row.values)
        places = row.values.places
        if id(places) not in tables:
            tables[id(places)] = under_our_names(places)
        return Cells(tables[id(places)], row.values.cells)

    return tuple(Row(row.place, values(row)) for row in rows)


def check_columns(task: TaskConfig, rows: Sequence[Row], where: str, *, with_label: bool = False) -> None:
    """A Problem, with the lines to add, where a column that the task needs is missing: one that is asked about, or,
    ``with_label``, that of the answers, which the rows of a language may lack."""
    known = _names(rows)
    missing = [column for column in needed_columns(task) if column not in known]
    if missing == [task.label_field] and (not with_label or any(task.label_field in row.values for row in rows)):
        missing = []
    if not missing:
        if lacking := [name for name in task.group_fields if name not in {*known, *task.input_fields}]:
            raise Problem(
                f"{where} has no column '{lacking[0]}' (task.group_fields). {nearest(lacking[0], known)} "
                "task.group_fields=[COLUMN] names another, task.group_fields=[] says that every row stands alone."
            )
        return
    column = task.columns.get(missing[0], missing[0])
    said = "" if column == missing[0] else f" (task.columns.{missing[0]}={column})"
    text = f"{where} has no column '{column}'{said}. {nearest(column, known)}"
    if not said and (lines := _column_lines(task, missing, rows)):
        text += f" If these are your file's names for them (a guess, check it), add: {lines}"
    if not said and rows[0].place == "line 2":
        text += (
            " The first line was taken for a header: if it is a row, put the names of the columns before it "
            f"({', '.join(file_columns(task))})."
        )
    raise NoLabels(text, f"no column '{column}'") if missing == [task.label_field] else Problem(text)


def _column_lines(task: TaskConfig, missing: Sequence[str], rows: Sequence[Row]) -> str:
    """The arguments that say what a file with these rows may call the columns ``missing``; "" where it has too few
    others."""
    taken = {*needed_columns(task), *task.columns.values(), *table_keys.COMMON_COLUMNS, column_of(task, rows)}
    free = [name for name in _names(rows) if name not in taken]
    if task.name == "custom" and len(task.input_fields) == 1 and free:  # a text is longer than a row's number or a name
        longest = max(free, key=lambda name: sum(len(str(row.values.get(name) or "")) for row in rows[:NUM_LOOKED_AT]))
        free = [longest, *(name for name in free if name != longest)]
    guesses: dict[str, str] = {}
    # The label's column is often the last; what resembles a name goes to it before what is merely left over.
    for name in missing:
        if alike := _most_alike(name, [f for f in free if f not in guesses.values()]):
            guesses[name] = alike
    for name in missing:
        left = [f for f in free if f not in guesses.values()]
        if name not in guesses and left:
            guesses[name] = left[-1] if name == task.label_field else left[0]
    if len(guesses) < len(missing):
        return ""
    if task.name != "custom":
        return table_keys.mapping_arguments("task.columns", guesses)
    # The names of a user's own columns are shown in the prompt, so they are named, not renamed.
    lines = []
    if set(guesses) & set(task.input_fields):
        lines.append(table_keys.argument("task.input", [guesses.get(name, name) for name in task.input_fields]))
    if task.label_field in guesses:
        lines.append(table_keys.argument("task.label", guesses[task.label_field]))
    if "tokens" in guesses:
        lines.append(table_keys.mapping_arguments("task.columns", {"tokens": guesses["tokens"]}))
    return " ".join(lines)


def _most_alike(name: str, columns: Sequence[str]) -> str:
    low = name.casefold()
    inside = [c for c in columns if min(len(c), len(low)) > 2 and (c.casefold() in low or low in c.casefold())]
    return next(iter(inside or difflib.get_close_matches(name, columns, n=1, cutoff=0.6)), "")


def _names(rows: Sequence[Row]) -> dict[str, None]:
    """The columns of the first rows, in their order."""
    return dict.fromkeys(name for row in rows[:NUM_LOOKED_AT] for name in row.values if name is not None)


def _form(name: str) -> str:
    text = unicodedata.normalize("NFC", name)
    return "".join(char for char in text if unicodedata.category(char) != "Cf").strip()


# ---------------------------------------------------------------- rows of one language


def rows_of(
    task: TaskConfig, rows: Sequence[Row], language: str, where: str, *, names_language: bool
) -> tuple[list[Row], tuple[str, ...]]:
    """The rows of one language, with notes. ``names_language``: the file, or the Hub's configuration, is of one."""
    column = column_of(task, rows)
    if column is None:
        if task.id_prefixes:
            return by_prefix(task, rows, language, where, names_language=names_language), ()
        if not names_language:
            raise Problem(
                f"{where} has no column 'language' or 'lang'. {nearest('language', _names(rows))} Name "
                f"yours: task.columns.language=YOURS. Or add one, or write a file per language: {language}.tsv."
            )
        return list(rows), ()
    spellings = count_spellings(rows, column)
    own = _own(task, language, spellings, f"{where}, column '{column}',")
    if not own and names_language and not any(map(read_code, spellings)):
        return list(rows), (f"{where}: column '{column}' names no language, so all rows are '{language}'",)
    if not own:
        raise Problem(
            f"{where} has no row with {column}={language}. {not_found(language, map(repr_blank, spellings))} If one "
            f"of these is meant: task.configs.{language}=NAME."
        )
    upstream, note = task.config_name(language), ""
    if language in task.configs and upstream not in own and not serving(upstream, spellings, where):
        note = f"{language}: no row has {column}={upstream} (task.configs.{language}), so {' and '.join(own)} is used"
    return [row for row in rows if spelling_of(row, column) in own], (note,) if note else ()


def taken(task: TaskConfig, rows: Sequence[Row], languages: Collection[str], where: str) -> str:
    """What to say of the rows that are one of the languages though their column says another region or dialect; ""
    where there are none."""
    column, told = column_of(task, rows), []
    spellings = count_spellings(rows, column) if column is not None else {}
    for code in languages:
        names = {code, task.config_name(code)}
        found = [s for s in _own(task, code, spellings, where) if s not in names and all(is_guess(n, s) for n in names)]
        told += [f"{' and '.join(found)} for {code}"] if found else []
    return f"{where}: rows with {column}={', '.join(told)} are taken" if told else ""


def unclaimed(task: TaskConfig, rows: Sequence[Row], languages: Collection[str], where: str) -> str:
    """What to say of the rows that are of none of the languages, "" where there are none."""
    column = column_of(task, rows)
    if column is None:
        return ""
    spellings = count_spellings(rows, column)
    claimed = {s for code in languages for s in _own(task, code, spellings, where)}
    left = {s: n for s, n in spellings.items() if s not in claimed}
    if not left or not claimed:
        return ""
    shown = [f"{repr_blank(s)} {n}" for s, n in sorted(left.items(), key=lambda pair: (-pair[1], pair[0]))]
    ours = {primary(code): code for code in languages}
    forms = [f"{ours[primary(code)]} for {s}" for s in left if (code := read_code(s)) and primary(code) in ours]
    return (
        f"{where}: {sum(left.values())} of {len(rows)} rows are in no language of this run and left out "
        f"({column}: {some(shown, MAX_SHOWN)})"
        + (f". To use them, write {some(forms, MAX_SHOWN)} there" if forms else "")
    )


def rows_of_split(task: TaskConfig, rows: Sequence[Row], split: str, where: str) -> list[Row] | None:
    """The rows that ``task.split_field`` says are of a split; None where the file has no such column."""
    name = task.split_field
    if not name or name not in rows[0].values:
        return None
    wanted, found = canonical_split(split), Counter(canonical_split(str(row.values.get(name))) for row in rows)
    if wanted not in found:
        raise NotScorable(
            f"{where} has no row with {name}={split} (task.split_field). {nearest(wanted, found)} Set "
            "task.train_split and task.score_split to splits that it has.",
            f"no row with {name}={split}",
        )
    return [row for row in rows if canonical_split(str(row.values.get(name))) == wanted]


def by_prefix(
    task: TaskConfig, rows: Sequence[Row], language: str, origin: str, *, names_language: bool = True
) -> list[Row]:
    """Of a table with several languages, told apart by how ids begin (TyDiQA), the rows of one."""
    mixed = {str(row.values.get("id")).partition("-")[0] for row in rows[:2000]}
    if names_language and (len(mixed) < 2 or mixed.isdisjoint(task.id_prefixes.values())):
        return list(rows)  # XQuAD's ids, say, begin with nothing that names a language
    prefix = task.id_prefixes.get(language)
    if prefix is None:
        raise Problem(
            f"{origin} holds several languages in one table, and task.id_prefixes does not say how the ids of "
            f"'{language}' begin. {nearest(language, task.id_prefixes)}"
        )
    own = [row for row in rows if str(row.values.get("id")).startswith(prefix + "-")]
    if not own:
        raise Problem(
            f"{origin} has no row whose id begins with '{prefix}-'. {nearest(prefix, sorted(mixed)[:MAX_SHOWN])} "
            f"Or put one file per language: {language}.json or {language}/<split>.json."
        )
    return own


def column_of(task: TaskConfig, rows: Sequence[Row]) -> str | None:
    """The column with each row's language, which is none that the task asks about."""
    return language_column(rows[0].values, (*task.input_fields, task.label_field))


def count_spellings(rows: Sequence[Row], column: str) -> Counter[str]:
    """How many rows have which language, as spelt there."""
    return Counter(spelling_of(row, column) for row in rows)


def spelling_of(row: Row, column: str) -> str:
    """The language as spelt in a row; "" where there is none."""
    value = row.values.get(column)
    return "" if value is None or value != value else str(value)  # NaN is a missing value


def repr_blank(spelling: str) -> str:
    """A spelling for a message."""
    return spelling if spelling.strip() else "(blank)"


def spelt(
    upstream: str, language: str, spellings: Collection[str], where: str, *, with_regions: bool = False
) -> tuple[str, ...]:
    """Which spellings are the language, which ``task.configs`` may call otherwise upstream."""
    if upstream in spellings and upstream != language:
        return (upstream,)
    found = serving(upstream, spellings, where) if upstream != language else ()
    return found or serving(language, spellings, where, with_regions=with_regions)


def _own(task: TaskConfig, language: str, spellings: Collection[str], where: str) -> tuple[str, ...]:
    """Which spellings of a column are the language: en-US is English beside en, unless ``task.configs`` names one."""
    return spelt(task.config_name(language), language, spellings, where, with_regions=not _is_apart(task, language))


def codes_in(task: TaskConfig, spellings: Collection[str]) -> dict[str, str]:
    """Spelling of a language column -> code, as `rows_of` takes them."""
    together = codes_of(spellings, with_regions=True)
    return {s: code if _is_apart(task, code) else together[s] for s, code in codes_of(spellings).items()}


def _is_apart(task: TaskConfig, language: str) -> bool:
    return primary(language) in {primary(code) for code in task.configs if code != "default"}
