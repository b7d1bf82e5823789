"""``mslt report run=RUN`` and ``study=STUDY``: tables, figures and sentences of what was run, as one HTML file."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from mslt_it import values
from mslt_it.command import Call, Command
from mslt_it.config.schema import LARGEST_SEED, key
from mslt_it.locks import WAIT, beside, only_writer
from mslt_it.models.finished_run import read_run
from mslt_it.places import REQUEST
from mslt_it.problems import Problem, counted, warn

FORMATS = ("html", "latex", "pdf")
OF_RUNS, OF_STUDIES = ("examples",), ("num_bootstrap", "confidence")  # keys that the other has no use for


@dataclass(frozen=True)
class Options:
    """Of what, in which form, and how a study's figures are resampled."""

    run: str | None = key(
        None, "folder of a trained or combined run, or of mslt eval", example="runs/NAME", place="scores"
    )
    study: str | None = key(None, "folder of a study", example="studies/mini", place="study")
    out: str | None = key(None, "folder for report.html", shown="RUN or STUDY/report", place="out")
    format: tuple[str, ...] | None = key(
        None,
        "html: the page; latex, pdf: also tables (booktabs) and figures for papers",
        choices=FORMATS,
        names=FORMATS,
        may_be_empty=False,
        shown="html, for a study also latex",
    )
    examples: int = key(20, "for a run: right and wrong answers shown per language", at_least=0)
    num_bootstrap: int = key(2000, "for a study: bootstrap resamples of items and seeds", at_least=100)
    confidence: float = key(
        0.95, "for a study: level of the intervals; 1 - confidence decides what counts as found", above=0, below=1
    )
    seed: int = key(0, "seed of the resamples and of the answers shown", at_least=0, at_most=LARGEST_SEED)
    wait: bool = key(False, WAIT)


def run(call: Call) -> int:
    """Reads, analyses, writes; 0 = written, with or without missing cells (they are said at the top)."""
    options: Options = call.options
    if (options.run is None) == (options.study is None):
        raise Problem("Give either run=RUNFOLDER or study=STUDYFOLDER: the report is about one of them.")
    for name in OF_STUDIES if options.run else OF_RUNS:
        if name in call.given:
            raise Problem(f"{name}= applies only to {'studies' if options.run else 'runs'}. Leave it out.")
    folder = values.path(options.run or options.study or "")
    out = values.path(options.out) if options.out else folder if options.run else folder / "report"
    call.look()
    if options.run and not (folder / REQUEST).is_file():
        read_run(folder)
    elif options.run and (idle := [name for name in ("examples", "seed") if name in call.given]):
        raise Problem(f"{idle[0]}= applies only to answers of a run; run={options.run} is an evaluation. Leave it out.")
    # These import pandas and matplotlib, which help can do without.
    from mslt_it.report import eval_report, study_report

    told: list[str] = []
    formats = options.format or (("html",) if options.run else ("html", "latex"))
    with only_writer(out, beside(out), wait=options.wait) if folder.is_dir() else contextlib.nullcontext():
        if options.run:
            written = eval_report.report_of_run(folder, out, formats, options.examples, options.seed)
        else:
            settings = {name: getattr(options, name) for name in ("confidence", "num_bootstrap", "seed")}
            written, told = study_report.report_of_study(folder, out, formats, warn, **settings)
            told.append("")
    if told:
        call.say("\n".join(told))
    more = f" ({counted(len(written) - 1, 'more file')} beside it)" if len(written) > 1 else ""
    call.say(f"Report: {written[0]}{more}")
    return 0


COMMAND = Command(
    "report",
    "Write one offline HTML file. For a run (or an evaluation): its table with remarks, losses, labels and confusions, "
    "right and wrong answers, how to reproduce it. For a study: every table with intervals, sentences derived from the "
    "figures, and Markdown, CSV and LaTeX beside it; missing cells are named and the others analysed.",
    ("run=DIR [KEY=VALUE ...]", "study=DIR [KEY=VALUE ...]"),
    (
        "mslt report run=runs/NAME",
        "mslt report run=runs/NAME 'format=[html,latex,pdf]' out=report examples=50",
        "mslt report study=studies/mini out=report confidence=0.99 num_bootstrap=5000",
    ),
    Options,
    run,
)
