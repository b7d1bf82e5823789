"""``mslt report study=studies/NAME``: tables, figures and sentences of a study, as one HTML file."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from mslt_it import values
from mslt_it.command import Call, Command
from mslt_it.config.schema import key
from mslt_it.report.study_report import warnings, write_report
from mslt_it.study.analyse.analyses import analyse
from mslt_it.study.analyse.claims import sentence, verdict
from mslt_it.study.analyse.resampling import Settings
from mslt_it.study.collect import collect


@dataclass(frozen=True)
class Options:
    """Which study, and how its figures are resampled."""

    study: str = key(help="the study's folder, as mslt study leaves it", example="studies/mini")
    out: str | None = key(None, "where report.html goes", shown="STUDY/report")
    num_bootstrap: int = key(2000, "draws of items and seeds", at_least=100)
    confidence: float = key(0.95, "of intervals; 1 - confidence decides what counts as found")
    seed: int = key(0, "of the draws", at_least=0)


def run(call: Call) -> int:
    """Reads, analyses, writes; 0 = written, with or without missing cells (they are said at the top)."""
    options: Options = call.options
    settings = Settings(options.confidence, options.num_bootstrap, options.seed)
    folder = values.path(options.study)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    findings = analyse(collect(folder, say), settings, say)
    out = values.path(options.out) if options.out else folder / "report"
    written = write_report(findings, out)
    for lines in warnings(findings):
        print("\n".join(lines) + "\n")
    for part, claim in findings.claims:
        said = verdict(claim, settings.confidence)
        where = f"[{part.name}] " if len(findings.slices) > 1 else ""
        print(f"{where}{sentence(claim, settings.confidence)}{f' {said[0].upper()}{said[1:]}.' if said else ''}")
    print(f"\nReport: {written[0]} ({len(written) - 2} tables and figures beside it)")
    return 0


COMMAND = Command(
    "report",
    "Analyse a study: every table with intervals, sentences made of the figures alone, one HTML file without network, "
    "Markdown, CSV and LaTeX beside it. Cells that are missing are said; the others are analysed.",
    ("study=DIR [KEY=VALUE ...]",),
    ("mslt report study=studies/mini", "mslt report study=studies/mini out=report confidence=0.99 num_bootstrap=5000"),
    Options,
    run,
)
