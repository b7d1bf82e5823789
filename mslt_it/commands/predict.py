"""``mslt predict run=RUN data=new.csv out=labelled.csv``: labels for the rows of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mslt_it.command import Call, Command, section
from mslt_it.prediction.request import Request, refuse_places
from mslt_it.problems import Problem, counted, some
from mslt_it.progress import working
from mslt_it.quiet import quiet_libraries

_ADDED = {
    "label": "for tasks with labels; empty if the row was not labelled",
    "p_LABEL": "each label's probability: softmax over the label words' log-likelihoods, given the prompt",
    "margin": "probability of the most likely label minus that of the next",
    "answer": "for tasks with written answers, with the number, spans or label read from it",
    "reason": "why there is no label: empty_field, too_long, language_unknown, abstained, ...; otherwise empty",
}


def run(call: Call) -> int:
    """Labels, prints what became of the rows; 0 = the output is there."""
    options: Request = call.options
    if options.format is not None and options.data != "-":
        raise Problem(
            f"format={options.format} has no effect on data={options.data}, whose name gives the format. Leave it out."
        )
    for name in ("workers", "settings"):
        if name in call.given and options.executor == "local":
            raise Problem(f"{name} has no effect on executor=local. Leave it out, or give executor=ray.")
    refuse_places(options)
    call.look()
    from mslt_it.prediction.asked_columns import read_asked  # pyarrow, which help can do without

    papers = read_asked(options)
    quiet_libraries()
    with working("Starting"):
        from mslt_it.prediction.job import label_file  # torch, which mistakes can do without

    content = label_file(options, papers, call.say)
    for line in _told(content) if content else ():
        call.say(line)
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
        lines.append(f"Rows without a label, or uncertain: {listed} (column reason).")
    return [*lines, f"Written: {content['out']} and {content['out']}.json"]


COMMAND = Command(
    "predict",
    "Label the rows of a file with a finished run, prompted like its scored rows. An interrupted job resumes if you "
    "start it again. `accelerate launch -m mslt_it.cli predict ...` shares the rows among several processes, "
    "executor=ray among the machines of a Ray cluster (pip install -e '.[ray]').",
    ("run=RUNFOLDER data=FILE out=FILE [KEY=VALUE ...]",),
    (
        "mslt predict run=runs/custom-138fcab690 data=new.csv out=labelled.csv",
        "mslt predict run=runs/custom-138fcab690 data=- format=jsonl out=out.parquet calibration=held_out language=tr",
        "mslt predict run=exported/safetensors data=new.csv out=out.csv executor=ray workers=8 'settings={num_gpus:1}'",
    ),
    Request,
    run,
    more=lambda: section("added columns", _ADDED),
)
