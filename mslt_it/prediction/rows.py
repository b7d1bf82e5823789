"""Labels for rows, by a finished run: from Python. A file is `mslt predict`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mslt_it.prediction.labeller import How, Labeller
from mslt_it.problems import Problem, some

_NONE: Any = object()
CHUNK = 2000  # rows that are asked together, the longest first


def predict(
    run: str | os.PathLike[str],
    rows: Iterable[Mapping[str, Any]],
    *,
    language: str | None = None,
    abstain_below: float | None = None,
    calibration: str = "none",
    prefix: str = "",
    columns: Mapping[str, str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Each row with the columns that `mslt predict` adds, in order; ``pandas.DataFrame(predict(...))`` is a table.

    The run is loaded, and what is wrong with the arguments or the first row is found, before this returns; rows are
    taken as the results are.

    Args:
        run: a finished run, as an object or its folder; or a folder of `mslt merge`, or of a form of `mslt export`.
        language: a column, or a code for every row; None: found by column, else by script.
        abstain_below: rows whose likeliest label has less probability get none.
        calibration: "held_out" fits a temperature on the run's held-out rows.
        prefix: of the added columns.
        columns: the run's column -> what the rows call it.
    """
    labeller = Labeller(run, How(language, abstain_below, calibration, prefix, dict(columns or {})))
    remaining = iter(rows if isinstance(rows, Iterable) else [rows])
    first = next(remaining, _NONE)
    if first is _NONE:
        return iter(())
    if not isinstance(first, Mapping):
        raise Problem(
            f"rows: the first one, {first!r}, is a {type(first).__name__} and no mapping of columns to values, such as "
            '{"lang": "tr", "text": "..."}. Of a DataFrame: df.to_dict("records").'
        )
    languages = labeller.languages(tuple(first), "The first row")
    labeller.load()

    def labelled() -> Iterator[dict[str, Any]]:
        left = itertools.chain([first], remaining)
        while chunk := list(itertools.islice(left, CHUNK)):
            for row, added in zip(chunk, labeller.label(chunk, languages), strict=True):
                added.pop("")  # the language
                if taken := added.keys() & row.keys():  # the first row was looked at before
                    raise Problem(
                        f"A row has '{min(taken)}' already, and it is not overwritten: {some(list(row), 8)}. Give "
                        "prefix=, or take it out of the row."
                    )
                yield {**row, **added}

    return labelled()
