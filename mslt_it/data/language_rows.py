"""Which rows of a table are a language's: by a column, by how ids begin, or all of a file that names its language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from mslt_it.data.files import Row, language_column
from mslt_it.languages import is_guess, not_found, read_code, serving
from mslt_it.problems import Problem, nearest
from mslt_it.records import TaskConfig

MAX_SHOWN = 12  # spellings in a note or an error


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
                f"{where} is to serve language '{language}' but has no column 'language' or 'lang'. "
                f"Add one, or put one file per language: {language}.tsv or {language}/<split>.tsv."
            )
        return list(rows), ()
    spellings = count_spellings(rows, column)
    own = _spelt(task, language, spellings, f"{where}, column '{column}',")
    if not own and names_language and not any(map(read_code, spellings)):
        return list(rows), (f"{where}: column '{column}' names no language, so all rows are '{language}'",)
    if not own:
        raise Problem(
            f"{where} has no row with {column}={language}. {not_found(language, map(repr_blank, spellings))} If one of "
            f"these is it: task.configs.{language}=NAME."
        )
    names = {language, task.config_name(language)}
    guessed = [s for s in own if s not in names and all(is_guess(name, s) for name in names)]
    note = f"{language}: rows with {column}={' and '.join(guessed)} are taken for it" if guessed else ""
    return [row for row in rows if spelling_of(row, column) in own], (note,) if note else ()


def unclaimed(task: TaskConfig, rows: Sequence[Row], languages: Iterable[str], where: str) -> str:
    """What to say of the rows that are of none of the languages, "" where there are none."""
    column = column_of(task, rows)
    if column is None:
        return ""
    spellings = count_spellings(rows, column)
    claimed = {s for code in languages for s in _spelt(task, code, spellings, where)}
    left = {s: n for s, n in spellings.items() if s not in claimed}
    if not left or not claimed:
        return ""
    shown = [f"{repr_blank(s)} {n}" for s, n in sorted(left.items(), key=lambda pair: (-pair[1], pair[0]))]
    more = f" and {len(shown) - MAX_SHOWN} more" if len(shown) > MAX_SHOWN else ""
    return (
        f"{where}: {sum(left.values())} of {len(rows)} rows are in no language of this run and left out "
        f"({column}: {', '.join(shown[:MAX_SHOWN])}{more})"
    )


def by_prefix(
    task: TaskConfig, rows: Sequence[Row], language: str, origin: str, *, names_language: bool = True
) -> list[Row]:
    """Of a table with several languages, told apart by how ids begin (TyDiQA), the rows of one."""
    if not task.id_prefixes:
        return list(rows)
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


def _spelt(task: TaskConfig, language: str, spellings: Iterable[str], where: str) -> tuple[str, ...]:
    upstream = task.config_name(language)
    if upstream in spellings and upstream != language:
        return (upstream,)
    return (serving(upstream, spellings, where) if upstream != language else ()) or serving(language, spellings, where)
