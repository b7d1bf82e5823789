"""Where rows come from (the embedded world, a package of intents, files, a dataset of the Hub), and a store of them.

An item's id is the same in all languages ("dev:17": the split, then the id column or the row's position), so that
translations of one item can be kept together, kept apart, and kept out of the scored set.

Where a language's only file is neither split, or the recipe names one split for both, its rows are divided between
training and scoring, in the same way in every language: see ``division``.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from mslt_it import values
from mslt_it.config.recipe import Recipe, TaskConfig
from mslt_it.data import intents
from mslt_it.data.columns import (
    check_columns,
    codes_in,
    column_of,
    count_spellings,
    file_columns,
    renamed,
    rows_of,
    rows_of_split,
    taken,
    unclaimed,
)
from mslt_it.data.division import Loaded, Table, Units, divide, table, units_of_ids
from mslt_it.data.examples import Examples
from mslt_it.data.files import TABLES, Row, canonical_split, listing
from mslt_it.data.hub import hub_configs, read_hub
from mslt_it.data.labels import is_marker, label_form
from mslt_it.data.layouts import read_layout
from mslt_it.data.lookup import Picked, languages_in, pick, unnamed_files
from mslt_it.data.shapes import asked_example, id_columns, item_id, to_examples
from mslt_it.languages import is_code, primary, serving
from mslt_it.problems import Problem, nearest
from mslt_it.progress import working
from mslt_it.records import Example, fingerprint
from mslt_it.world.generator import task_examples, task_of
from mslt_it.world.languages import CODES

Role = Literal["train", "score"]
Made = TypeVar("Made")


@dataclass(frozen=True)
class _Own:
    """The rows of one language and split, as they were found."""

    rows: Sequence[Row]
    notes: tuple[str, ...]
    origin: str  # what errors call the place
    name: str  # of the split, in ids
    is_divided: bool  # the same rows serve training and scoring


class RowStore:
    """The rows of one run: each file is read once, each language of a split prepared once. A command makes it and hands
    it down; runs in one process may share it, as long as their files stay as they are."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` gives, made the first time only."""
        if key not in self._kept:
            self._kept[key] = make()
        made: Made = self._kept[key]
        return made

    def load(self, task: TaskConfig, language: str, split: str, *, role: Role, is_trained: bool = True) -> Loaded:
        """All rows of one language and split, in file order, with notes.

        A row without a label (empty, null, "-", -1) comes with a ``fault``, so that cleaning counts it; a label outside
        ``task.label_names`` is refused.

        Args:
            is_trained: whether the language is, or may be, trained on. Of data that serve training and scoring, another
                language is scored whole, unless ids or order say that its rows are translations.
        """
        key = ("rows", fingerprint(task), language, split, role, is_trained)
        return self.once(key, lambda: self._load(task, language, split, role, is_trained))

    def asked(self, task: TaskConfig, language: str, split: str) -> list[Example]:
        """All rows of one language and split, whatever their labels: only what is asked about is read."""
        own = self._own(task, language, split, with_label=False)
        prefix = f"{own.name}:{language}:"
        return [asked_example(task, language, row.values, f"{prefix}{n}", row.place) for n, row in enumerate(own.rows)]

    def languages(self, task: TaskConfig) -> tuple[str, ...]:
        """Every language that the task's data has rows for, as codes; a Problem where that cannot be told without."""
        return self.once(("languages", fingerprint(task)), lambda: self._languages(task))

    def languages_told(self, task: TaskConfig, languages: Sequence[str]) -> tuple[str, ...]:
        """What to say, for each local file, of rows that are taken for one of the languages or are of none."""
        if not is_local(task):
            return ()
        notes: dict[tuple[Path, ...], tuple[str, str]] = {}
        for language, split in itertools.product(languages, (task.train_split, task.score_split)):
            with contextlib.suppress(Problem):  # said where the rows are asked for
                picked = self._picked(task, language, split)
                if picked.paths not in notes:
                    given = task, self._table(task, picked), languages, picked.origin
                    notes[picked.paths] = taken(*given), unclaimed(*given)
        return tuple(filter(None, itertools.chain.from_iterable(notes.values())))

    def answers_in_order(self, task: TaskConfig, language: str, split: str) -> list[str] | None:
        """What the label column of a split holds, row by row; None where an id column says which item a row is, or
        where the language has no such rows."""
        try:
            rows = self._own(task, language, split).rows
        except Problem:
            return None  # it is told where that language is loaded
        if not rows or table(task, rows[:1]).has_ids:
            return None
        return [label_form(row.values.get(task.label_field)) for row in rows]

    # ---------------------------------------------------------------- one language of a split

    def _load(self, task: TaskConfig, language: str, split: str, role: Role, is_trained: bool) -> Loaded:
        if task.data == "world":
            return Loaded(Examples.of(task_examples(language, split, task=task_of(task.input_fields))))
        if task.data == "intents":
            return Loaded(Examples.of(intents.examples(language, split)), (intents.provenance(language, split),))
        own = self._own(task, language, split)
        rows, repairs = self._repaired(task, language, split, own.rows)
        notes, origin = (*own.notes, *repairs), own.origin
        known = {column for row in rows[:100] for column in row.values}
        if role == "train" and (worked := task.rationale_field) and worked not in known:
            raise Problem(f"{origin} has no column '{worked}' (task.rationale_field). {nearest(worked, known)}")
        for key, names in (("split_field", (task.split_field,)), ("id_fields", task.id_fields)):
            if absent := [name for name in names if name and name not in known]:
                notes = (*notes, f"{origin} has no column '{absent[0]}', so task.{key} is not used")
        examples = to_examples(task, language, own.name, rows, origin, for_scoring=role == "score")
        if not own.is_divided:
            return Loaded(examples, notes)
        found = table(task, rows)
        units = others = None
        if found.has_ids or task.is_parallel:  # one id in two languages is one item
            units = self._units(task, language, split) if task.held_out_share < 1 else None
        elif role == "score" and not is_trained:
            others = self._tables(task, (code for code in self._codes(task, language) if code != language), split)
        return divide(task, examples, found, units, role, origin, notes, others)

    def _own(self, task: TaskConfig, language: str, split: str, *, with_label: bool = True) -> _Own:
        """``with_label``: a Problem where the rows have no column of answers."""
        if is_local(task):
            picked = self._picked(task, language, split)
            found = self._table(task, picked)
            is_of = picked.is_of(task, language) or task.languages == (language,)
            rows, said = rows_of(task, found, language, picked.origin, names_language=is_of)
            check_columns(task, rows, picked.origin, with_label=with_label)
            if (own := rows_of_split(task, rows, split, picked.origin)) is not None:
                return _Own(own, (*picked.notes, *said), picked.origin, canonical_split(split), False)
            return _Own(rows, (*picked.notes, *said), picked.origin, picked.name, picked.is_divided)
        if task.languages and not serving(language, task.languages, task.data):
            raise Problem(
                f"{task.data} has no language '{language}'. {nearest(language, task.languages)} Leave it out of "
                "sources or targets, or give your own rows: task.data=FOLDER."
            )
        found, origin = self._hub_table(task, language, split), f"{task.data}@{task.revision or 'unpinned'}"
        rows, said = rows_of(task, found, language, origin, names_language=True)
        said = (*said, *filter(None, [taken(task, rows, (language,), origin)]))
        if len(rows) < len(found):
            said = (*said, f"{language}: {len(rows)} of {len(found)} rows of {origin} are in this language")
        check_columns(task, rows, f"{task.data} ({language})", with_label=with_label)
        is_divided = canonical_split(task.train_split) == canonical_split(task.score_split)
        return _Own(rows, said, origin, canonical_split(split), is_divided)

    def _picked(self, task: TaskConfig, language: str, split: str) -> Picked:
        root = values.path(task.data)
        return self.once(("files", fingerprint(task), language, split), lambda: pick(task, root, language, split))

    def _table(self, task: TaskConfig, picked: Picked) -> tuple[Row, ...]:
        if len(picked.paths) == 1:
            return self._file(task, picked.paths[0])
        return self.once(
            ("parts", fingerprint(task), picked.paths),
            lambda: tuple(
                Row(f"{path.name} {row.place}", row.values) for path in picked.paths for row in self._file(task, path)
            ),
        )

    def _file(self, task: TaskConfig, path: Path) -> tuple[Row, ...]:
        layout, columns, by_names = task.file_layout, file_columns(task), _by_names(task)

        def read() -> tuple[Row, ...]:
            with working(f"Reading {path}"):
                return read_layout(layout, path, columns, by_names=by_names)

        return self._renamed(task, (path, layout, columns, by_names), read, str(path))

    def _renamed(
        self, task: TaskConfig, key: Hashable, read: Callable[[], tuple[Row, ...]], where: str
    ) -> tuple[Row, ...]:
        """Rows that ``read`` gives, with our names for their columns."""

        def make() -> tuple[Row, ...]:
            rows = renamed(task, self.once(("read", key), read))
            check_columns(task, rows, where)
            return rows

        return self.once(("table", fingerprint(task), key), make)

    def _hub_table(self, task: TaskConfig, language: str, split: str) -> tuple[Row, ...]:
        """The rows of one configuration and split, which may be of several languages."""
        # The Hub calls it "validation"; a recipe may say dev or val.
        hub_split = {"dev": "validation"}.get(canonical_split(split), split)
        source = (
            task.data,
            task.config_name(language),
            hub_split,
            task.revision,
            task.hub_files or None,
            _by_names(task),
        )

        def read() -> tuple[Row, ...]:
            with working(f"Reading {task.data} ({language}, {hub_split})"):
                rows = tuple(Row(f"row {i}", content) for i, content in enumerate(read_hub(*source), 1))
            if not rows:
                raise Problem(f"{task.data} ({language}, split {hub_split}) holds no rows.")
            return rows

        return self._renamed(task, source, read, f"{task.data} ({language})")

    def _repaired(
        self, task: TaskConfig, language: str, split: str, rows: Sequence[Row]
    ) -> tuple[Sequence[Row], tuple[str, ...]]:
        """The rows with ``task.repair_field`` taken, by id, from the first language at hand that has it right."""
        name = task.repair_field
        if not name or language == "en" or language in task.repair_from:
            return rows, ()
        ids = _ids(task, rows)
        for other in task.repair_from:
            try:
                found = self._own(task, other, split).rows
            except Problem:
                continue  # this language is not at hand
            right = {item: row.values.get(name) for item, row in zip(_ids(task, found), found, strict=False)}
            if right.keys().isdisjoint(ids):
                continue
            mended = [
                Row(row.place, {**row.values, name: right.get(item, row.values.get(name))})
                for item, row in zip(ids, rows, strict=True)
            ]
            num_wrong = sum(a.values != b.values for a, b in zip(rows, mended, strict=True))
            note = f"{language}: '{name}' wrong upstream in {num_wrong} of {len(rows)} rows, taken from '{other}'"
            return mended, (note,) if num_wrong else ()
        return rows, (
            f"{language}: '{name}' is known to be wrong upstream in some languages and could not be checked: none of "
            f"{', '.join(task.repair_from)} has rows with the same ids",
        )

    # ---------------------------------------------------------------- of all languages

    def _units(self, task: TaskConfig, language: str, split: str) -> Units:
        # English first: most translations are of it, and its premises repeat word by word.
        codes = sorted(self._codes(task, language), key=lambda code: (code != "en", code))
        return self.once(
            ("units", fingerprint(task), tuple(codes), split),
            lambda: units_of_ids(self._tables(task, codes, split), is_parallel=task.is_parallel),
        )

    def _codes(self, task: TaskConfig, language: str) -> tuple[str, ...]:
        """The languages of the data; this one alone where the Hub would have to be asked."""
        return self.languages(task) if is_local(task) else task.languages or (language,)

    def _tables(self, task: TaskConfig, codes: Iterable[str], split: str) -> list[Table]:
        """What dividing needs of each language whose rows serve both roles."""

        def make(code: str) -> Table | None:
            with contextlib.suppress(Problem):  # it is told where that language is loaded
                own = self._own(task, code, split)
                if own.rows and own.is_divided:
                    return table(task, own.rows)
            return None

        key = "to divide", fingerprint(task), split
        found = (self.once((*key, code), functools.partial(make, code)) for code in codes)
        return [one for one in found if one is not None]

    def _languages(self, task: TaskConfig) -> tuple[str, ...]:
        if task.data == "world":
            return CODES
        if task.data == "intents":
            return intents.languages()
        upstream = {name: code for code, name in task.configs.items() if code != "default"}
        if not is_local(task):
            return task.languages or _hub_languages(task, upstream)
        if len(task.languages) == 1:  # files of such a benchmark name none
            return task.languages
        root = values.path(task.data)
        codes = {} if root.is_file() else languages_in(root)
        codes |= {name: code for name, code in upstream.items() if (root / name).is_dir()}
        for path in () if codes else unnamed_files(root):
            rows = self._file(task, path)
            if column := column_of(task, rows):
                spellings = count_spellings(rows, column)
                # "NA" and "nan" are codes, too: of Nauruan and Min Nan, which a recipe can name.
                codes |= codes_in(task, [s for s in spellings if not is_marker(s.strip())]) | {
                    name: code for name, code in upstream.items() if name in spellings
                }
        codes = codes or languages_in(root)
        if not codes:
            why = f"No language is named in {root}, neither in a column (lang, language, ...) nor in the names of files"
            if root.is_dir() and not unnamed_files(root):
                why = f"{root} holds no file that can be read as a table ({', '.join(TABLES)}), but: {listing(root)}"
            raise Problem(f"{why}. Save tables as .csv in UTF-8, with a column language or one per language: de.csv.")
        return tuple(sorted({upstream.get(spelling, code) for spelling, code in codes.items()}))


def _ids(task: TaskConfig, rows: Sequence[Row]) -> list[str]:
    """Of each row; none where no column says it."""
    columns = id_columns(task, rows)
    return [item_id(row, columns) for row in rows] if columns else []


def is_trained_on(recipe: Recipe, language: str) -> bool:
    """Whether an adapter may have met rows of the language: of the sources, or as the recipe says of adapters made
    elsewhere."""
    return primary(language) in map(primary, recipe.trained_on or recipe.sources)


def _by_names(task: TaskConfig) -> bool:
    """Whether labels are what the data set calls its integers: a benchmark knows its own by number, a user may."""
    return task.name == "custom" and not any(map(str.isdecimal, (*task.labels, *task.label_names)))


def is_local(task: TaskConfig) -> bool:
    """Whether the rows are in local files; a Problem where ``task.data`` is written like a path and is none."""
    if task.data in ("world", "intents"):
        return False
    root = values.path(task.data)
    if root.exists():
        return True
    if task.data.startswith((".", "/", "~")) or task.data.count("/") > 1 or root.suffix:
        near = next((p for p in root.parents if p.is_dir()), Path("."))
        raise Problem(f"task.data={task.data} does not exist. {near.absolute()} holds: {listing(near)}.")
    return False


def _hub_languages(task: TaskConfig, upstream: dict[str, str]) -> tuple[str, ...]:
    """Those of id_prefixes, else every configuration of the Hub's data set whose name, or the name that task.configs
    gives it, is a language code."""
    if task.id_prefixes:
        return tuple(sorted(task.id_prefixes))
    found = [upstream.get(name, name) for name in hub_configs(task.data, task.revision, task.hub_files or None)]
    codes = tuple(sorted(code for code in found if is_code(code)))
    if not codes:
        raise Problem(
            f"Which languages {task.data} has is not known: task.languages is empty, and no configuration is named "
            f"after one ({', '.join(found[:20])}). List them: targets=[ar,de], or languages=[ar,de] in mslt eval."
        )
    return codes
