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
        None, "a run's folder, trained or combined, or one of mslt eval", example="runs/NAME", place="scores"
    )
    study: str | None = key(None, "a study's folder, as mslt study leaves it", example="studies/mini", place="study")
    out: str | None = key(None, "where report.html goes", shown="RUN or STUDY/report", place="out")
    format: tuple[str, ...] | None = key(
        None,
        "the page; for papers tables (booktabs) and figures beside it",
        choices=FORMATS,
        names=FORMATS,
        may_be_empty=False,
        shown="html, of a study also latex",
    )
    examples: int = key(20, "right and wrong answers shown of each language of a run", at_least=0)
    num_bootstrap: int = key(2000, "of a study: draws of items and seeds", at_least=100)
    confidence: float = key(
        0.95, "of a study's intervals; 1 - confidence decides what counts as found", above=0, below=1
    )
    seed: int = key(0, "of the draws and of the answers shown", at_least=0, at_most=LARGEST_SEED)
    wait: bool = key(False, WAIT)


def run(call: Call) -> int:
    """Reads, analyses, writes; 0 = written, with or without missing cells (they are said at the top)."""
    options: Options = call.options
    if (options.run is None) == (options.study is None):
        raise Problem("Give one of run=RUNFOLDER and study=STUDYFOLDER: what the report is of.")
    for name in OF_STUDIES if options.run else OF_RUNS:
        if name in call.given:
            raise Problem(f"{name}= says something of {'studies' if options.run else 'runs'} alone. Leave it out.")
    folder = values.path(options.run or options.study or "")
    out = values.path(options.out) if options.out else folder if options.run else folder / "report"
    call.look()
    if options.run and not (folder / REQUEST).is_file():
        read_run(folder)
    elif options.run and (idle := [name for name in ("examples", "seed") if name in call.given]):
        raise Problem(f"{idle[0]}= is of the answers of a run, and run={options.run} is an evaluation. Leave it out.")
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
    "One HTML file without network. Of a run (or an evaluation): its table and what is said of it, losses, labels and "
    "confusions, right and wrong answers, how to make it again. Of a study: every table with intervals, sentences made "
    "of the figures alone, Markdown, CSV and LaTeX beside it; cells that are missing are said, the others analysed.",
    ("run=DIR [KEY=VALUE ...]", "study=DIR [KEY=VALUE ...]"),
    (
        "mslt report run=runs/NAME",
        "mslt report run=runs/NAME 'format=[html,latex,pdf]' out=report examples=50",
        "mslt report study=studies/mini out=report confidence=0.99 num_bootstrap=5000",
    ),
    Options,
    run,
)
