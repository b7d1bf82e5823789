"""What `mslt predict` is asked; ``job.py`` does it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mslt_it import values
from mslt_it.config.schema import key
from mslt_it.data.files import ending
from mslt_it.locks import WAIT
from mslt_it.problems import Problem
from mslt_it.store import read_json

STREAMED = ("csv", "tsv", "jsonl", "parquet")
FORMATS = {
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "jsonl": (".jsonl", ".ndjson"),
    "parquet": (".parquet",),
    "xlsx": (".xlsx",),
}


@dataclass(frozen=True, kw_only=True)
class How:
    """What is asked for beside the run and the rows."""

    language: str | None = key(
        None, "a column, or a code for every row", shown="the column lang or language, else by script"
    )
    abstain_below: float | None = key(None, "give no label if none reaches this probability", above=0, at_most=1)
    calibration: str = key(
        "none", "held_out: fit a temperature on the run's held-out rows", choices=("none", "held_out")
    )
    prefix: str = key("", "prefix of the added columns' names")
    columns: Mapping[str, str] = key({}, "the run's column -> its name in data", example="{text:message}")


@dataclass(frozen=True, kw_only=True)
class Request(How):
    """What is labelled, by what, where it goes."""

    run: str = key(
        help="folder of a finished run (mslt train, mslt combine), or of what mslt merge or mslt export made of one",
        example="RUNFOLDER",
        place="model",
    )
    data: str = key(help=".csv, .tsv, .jsonl, .parquet or .xlsx (text also as .gz), or - for stdin", example="new.csv")
    out: str = key(
        help="file to write, in any of these formats: all columns and rows of data, in order", example="labelled.csv"
    )
    format: str | None = key(None, "format of data=-", choices=STREAMED)
    overwrite: bool = key(False, "replace out, and the parts of an unfinished job")
    executor: str = key(
        "local", "local: the processes you start; ray: those of a Ray cluster", choices=("local", "ray")
    )
    workers: int | None = key(None, "for executor=ray: models at a time", at_least=1, shown="as many as fit")
    settings: Mapping[str, str] = key({}, "for executor=ray, per worker: {num_gpus:1}", example="{num_gpus:1}")
    wait: bool = key(False, WAIT)


def format_of(key: str, path: Path) -> str:
    """The format that a name says; a Problem for one that cannot be read row by row."""
    for name, endings in FORMATS.items():
        if ending(path) in endings and not (name in ("parquet", "xlsx") and path.suffix == ".gz"):
            return name
    known = ", ".join(itertools.chain.from_iterable(FORMATS.values()))
    raise Problem(
        f"{key}={path}: '{ending(path) or path.name}' is not read and written here; {known} are (text also as "
        ".gz). Use one of these."
    )


def refuse_places(request: Request) -> None:
    """A Problem for rows that are not there, and for an output that cannot go there."""
    data, out = values.path(request.data), values.path(request.out)
    if request.data == "-":
        if request.format is None:
            raise Problem(f"data=- needs its format: format={' or format='.join(STREAMED)}.")
    elif not data.is_file():
        raise Problem(f"data={request.data}: there is no such file. Give a table, or data=- format=csv for stdin.")
    else:
        format_of("data", data)
    if not out.parent.is_dir():
        raise Problem(f"out={out}: there is no folder {out.parent}. Create it, or give another place.")
    if out.is_dir():
        raise Problem(f"out={out} is a folder. Give a file in it: out={out / 'labelled.csv'}.")
    format_of("out", out)
    if request.data != "-" and out.exists() and out.samefile(data):
        raise Problem(f"out={out} is the input itself. Give another name.")
    is_ours = "joined" in (read_json(part_of(out) / "job.json") or {})  # by a job that was killed when it wrote them
    for path in (out, sidecar_of(out)):
        if path.exists() and not (request.overwrite or is_ours):
            raise Problem(f"out={out}: {path} exists already. Give another name, or overwrite=true.")


def part_of(out: Path) -> Path:
    """Where the parts of an output are until it is whole."""
    return out.with_name(f".{out.name}.part")


def sidecar_of(out: Path) -> Path:
    """What says how an output was made."""
    return out.with_name(f"{out.name}.json")
