"""Parquet and Arrow files, batch by batch; ``datasets`` notes in their schema what a column's integers are called."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it.data.delimited import named_cells
from mslt_it.data.text_files import refuse_bomb
from mslt_it.problems import Problem

ARROW = (".arrow", ".feather")
COLUMNAR = (".parquet", *ARROW)
SOME_ROWS = 1024  # that are unpacked before they are looked at
_FILE = b"ARROW1"  # how Arrow's files begin; its streams, as datasets writes them, begin otherwise

_Names = Mapping[str, Sequence[str]]


def columnar_rows(path: Path, most: int | None = None, *, by_names: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of a file, one after another; a Problem for one of more than ``most``, and for a bomb.

    ``by_names``: an integer for which the schema has a name, as the labels of ``datasets`` have, is that name.
    """
    is_arrow = path.suffix.lower() in ARROW
    number = unpacked = 0
    try:
        with (_arrow if is_arrow else _parquet)(path, most) as (schema, batches):
            named_cells(path, "its schema", schema.names)
            names = class_names(schema) if by_names else {}
            for batch in batches:
                number += batch.num_rows
                refuse_many(path, number, most)
                unpacked += batch.nbytes  # a text that the file holds once may stand in every row
                refuse_bomb(path, path.stat().st_size, unpacked)
                for row in batch.to_pylist():
                    yield by_their_names(row, names) if names else row
    except (OSError, ValueError) as error:
        what = "Arrow" if is_arrow else "Parquet"
        raise Problem(f"{path} cannot be read as {what}: {error}. Fetch or write it again.") from error


def refuse_many(path: Path, number: int, most: int | None) -> None:
    """A Problem for more rows than ``most``."""
    if most is not None and number > most:
        raise Problem(
            f"{path} holds {number:,} rows or more; at most {most:,} of a file are read. Keep those you need."
        )


def class_names(schema: Any) -> dict[str, list[str]]:
    """Column -> what its integers 0, 1, ... are called, or those in its lists, by the note of ``datasets`` in a pyarrow
    schema (``ClassLabel``)."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        found = {column: _names_of(feature) for column, feature in features.items()}
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError):  # there is none, or another's
        return {}
    return {column: names for column, names in found.items() if names}


def _names_of(feature: Any) -> list[str]:
    while isinstance(feature, (list, Mapping)):
        if isinstance(feature, list):  # of one, as older versions wrote lists
            feature = feature[0]
        elif feature.get("_type") == "ClassLabel":
            return feature["names"] if all(isinstance(name, str) for name in feature["names"]) else []
        else:
            feature = feature.get("feature")
    return []


def by_their_names(row: Mapping[str, Any], names: _Names) -> dict[str, Any]:
    """The row with names in place of the integers that have one."""

    def named(value: Any, of: Sequence[str]) -> Any:
        if isinstance(value, list):
            return [named(one, of) for one in value]
        return of[value] if type(value) is int and 0 <= value < len(of) else value

    return {column: named(value, names[column]) if column in names else value for column, value in row.items()}


@contextlib.contextmanager
def _parquet(path: Path, most: int | None) -> Iterator[tuple[Any, Iterator[Any]]]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        about = file.metadata
        refuse_many(path, about.num_rows, most)
        groups = map(about.row_group, range(about.num_row_groups))
        refuse_bomb(path, path.stat().st_size, sum(group.total_byte_size for group in groups))
        yield file.schema_arrow, file.iter_batches(SOME_ROWS)


@contextlib.contextmanager
def _arrow(path: Path, most: int | None) -> Iterator[tuple[Any, Iterator[Any]]]:
    import pyarrow.compute

    def unpacked(column: Any) -> Any:
        if pyarrow.types.is_dictionary(column.type):
            return column.dictionary_decode()
        return pyarrow.compute.run_end_decode(column) if pyarrow.types.is_run_end_encoded(column.type) else column

    def batches(found: Iterator[Any]) -> Iterator[Any]:
        for batch in found:
            batch.validate(full=True)  # places beyond the file's end would be read as they are
            refuse_many(path, batch.num_rows, most)
            for start in range(0, batch.num_rows, SOME_ROWS):
                columns = map(unpacked, batch.slice(start, SOME_ROWS).columns)
                yield pyarrow.record_batch(list(columns), names=batch.schema.names)

    with pyarrow.OSFile(str(path)) as file:
        is_stream = file.read(len(_FILE)) != _FILE
        file.seek(0)
        if is_stream:
            stream = pyarrow.ipc.open_stream(file)
            yield stream.schema, batches(stream)
        else:
            whole = pyarrow.ipc.open_file(file)
            yield whole.schema, batches(map(whole.get_batch, range(whole.num_record_batches)))
