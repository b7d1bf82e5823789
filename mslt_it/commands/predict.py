"""``mslt predict run=RUN data=new.csv out=labelled.csv``: labels for the rows of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mslt_it import values
from mslt_it.command import Call, Command, section
from mslt_it.config.schema import key
from mslt_it.integrations.ray_cluster import RayCluster
from mslt_it.locks import WAIT
from mslt_it.problems import Problem, counted, some
from mslt_it.quiet import quiet_libraries

_ADDED = {
    "label": "of tasks with labels; empty where the row was not labelled",
    "p_LABEL": "each label's probability: softmax over the label words' log-likelihoods, given the prompt",
    "margin": "the likeliest label's probability less that of the next",
    "answer": "of tasks with written answers, and number, spans or label as read from it",
    "reason": "why there is no label: empty_field, too_long, language_unknown, abstained, ...; else empty",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is labelled, by what, where it goes."""

    run: str = key(
        help="folder of a finished run (mslt train, mslt combine), or of what mslt merge or mslt export made of one",
        example="RUNFOLDER",
    )
    data: str = key(help=".csv, .tsv, .jsonl or .parquet (text also as .gz), or - for stdin", example="new.csv")
    out: str = key(
        help="file to write, in any of these formats: all columns and rows of data, in order", example="new.csv"
    )
    language: str | None = key(
        None, "a column, or a code for every row", shown="the column lang or language, else by script"
    )
    abstain_below: float | None = key(None, "no label where none has this probability", above=0, at_most=1)
    calibration: str = key(
        "none", "held_out: fit a temperature on the run's held-out rows", choices=("none", "held_out")
    )
    prefix: str = key("", "of the added columns' names")
    columns: Mapping[str, str] = key({}, "the run's column -> what data call it", example="{text:message}")
    format: str | None = key(None, "of data=-", choices=("csv", "tsv", "jsonl", "parquet"))
    overwrite: bool = key(False, "replace out, and an unfinished job's parts")
    executor: str = key(
        "local", "local: the processes that are started; ray: those of a Ray cluster", choices=("local", "ray")
    )
    workers: int | None = key(None, "of executor=ray: models at a time", at_least=1, shown="what there is room for")
    settings: Mapping[str, str] = key({}, "of executor=ray, per worker: {num_gpus:1}", example="{num_gpus:1}")
    wait: bool = key(False, WAIT)


def run(call: Call) -> int:
    """Labels, prints what became of the rows; 0 = the output is there."""
    options: Options = call.options
    if options.format is not None and options.data != "-":
        raise Problem(
            f"format={options.format} has no effect on data={options.data}, whose name says it. Leave it out."
        )
    for name in ("workers", "settings"):
        if name in call.given and options.executor == "local":
            raise Problem(f"{name} has no effect on executor=local. Leave it out, or give executor=ray.")
    quiet_libraries()
    # These import torch, which help can do without.
    from accelerate import PartialState

    from mslt_it.models.environment import has_gpu
    from mslt_it.prediction.job import Job, label_file
    from mslt_it.prediction.labeller import How

    state = PartialState(cpu=not has_gpu())

    def say(text: str) -> None:
        if state.is_main_process:
            call.say(text)

    how = How(options.language, options.abstain_below, options.calibration, options.prefix, options.columns)
    out = values.path(options.out)
    cluster = RayCluster(options.workers, options.settings) if options.executor == "ray" else None
    job = Job(options.run, options.data, out, how, options.format, options.overwrite, cluster, options.wait)
    content = label_file(job, state, say)
    if not state.is_main_process:
        return 0
    for line in _told(content):
        say(line)
    return 0


def _told(content: Mapping[str, Any]) -> list[str]:
    lines = []
    for code, number in content["languages"].items():
        labels = sorted(content["labels"].get(code, {}).items(), key=lambda pair: -pair[1])
        shown = f": {some([f'{name} {n}' for name, n in labels], 8)}" if labels else ""
        other = " (no language of the run)" if code in content["other_languages"] else ""
        lines.append(f"  {code}{other}: {counted(number, 'row')}{shown}")
    if content["reasons"]:
        listed = ", ".join(f"{reason} {n}" for reason, n in content["reasons"].items())
        lines.append(f"Without a label, or in doubt: {listed} (column reason).")
    return [*lines, f"Written: {content['out']} and {content['out']}.json"]


COMMAND = Command(
    "predict",
    "Label the rows of a file with a finished run, asked as its scored rows were. Started again after a kill, it goes "
    "on. `accelerate launch -m mslt_it.cli predict ...` shares the rows among several processes, executor=ray among "
    "the machines of a Ray cluster (pip install -e '.[ray]').",
    ("run=RUNFOLDER data=FILE out=FILE [KEY=VALUE ...]",),
    (
        "mslt predict run=runs/custom-138fcab690 data=new.csv out=labelled.csv",
        "mslt predict run=runs/custom-138fcab690 data=- format=jsonl out=out.parquet calibration=held_out language=tr",
        "mslt predict run=exported/safetensors data=new.csv out=out.csv executor=ray workers=8 'settings={num_gpus:1}'",
    ),
    Options,
    run,
    more=lambda: section("added columns", _ADDED),
)
