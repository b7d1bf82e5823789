"""What `mslt predict` is asked; ``job.py`` does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mslt_it.config.schema import key
from mslt_it.locks import WAIT


@dataclass(frozen=True, kw_only=True)
class How:
    """What is asked for beside the run and the rows."""

    language: str | None = key(
        None, "a column, or a code for every row", shown="the column lang or language, else by script"
    )
    abstain_below: float | None = key(None, "no label where none has this probability", above=0, at_most=1)
    calibration: str = key(
        "none", "held_out: fit a temperature on the run's held-out rows", choices=("none", "held_out")
    )
    prefix: str = key("", "of the added columns' names")
    columns: Mapping[str, str] = key({}, "the run's column -> what data call it", example="{text:message}")


@dataclass(frozen=True, kw_only=True)
class Request(How):
    """What is labelled, by what, where it goes."""

    run: str = key(
        help="folder of a finished run (mslt train, mslt combine), or of what mslt merge or mslt export made of one",
        example="RUNFOLDER",
    )
    data: str = key(help=".csv, .tsv, .jsonl or .parquet (text also as .gz), or - for stdin", example="new.csv")
    out: str = key(
        help="file to write, in any of these formats: all columns and rows of data, in order", example="labelled.csv"
    )
    format: str | None = key(None, "of data=-", choices=("csv", "tsv", "jsonl", "parquet"))
    overwrite: bool = key(False, "replace out, and an unfinished job's parts")
    executor: str = key(
        "local", "local: the processes that are started; ray: those of a Ray cluster", choices=("local", "ray")
    )
    workers: int | None = key(None, "of executor=ray: models at a time", at_least=1, shown="what there is room for")
    settings: Mapping[str, str] = key({}, "of executor=ray, per worker: {num_gpus:1}", example="{num_gpus:1}")
    wait: bool = key(False, WAIT)
