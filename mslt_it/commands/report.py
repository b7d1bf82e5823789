"""``mslt report study=studies/NAME``: tables, figures and sentences of a study, as one HTML file."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mslt_it import arguments, values
from mslt_it.arguments import Option
from mslt_it.report.study_report import warnings, write_report
from mslt_it.study.analyse.analyses import analyse
from mslt_it.study.analyse.claims import sentence, verdict
from mslt_it.study.analyse.resampling import Settings
from mslt_it.study.collect import collect

OPTIONS: dict[str, Option] = {
    "study": Option(None, "the study's folder, as mslt study leaves it", required=True, example="studies/mini"),
    "out": Option(None, "where report.html goes", shown="STUDY/report"),
    "num_bootstrap": Option("2000", "draws of items and seeds", kind="int", at_least=100),
    "confidence": Option("0.95", "of intervals; 1 - confidence decides what counts as found", kind="float"),
    "seed": Option("0", "of the draws", kind="int", at_least=0),
}


def main(argv: Sequence[str]) -> int:
    """Reads, analyses, writes; 0 = written, with or without missing cells (they are said at the top)."""
    if arguments.wants_help(argv):
        print(help_text())
        return 0
    options = arguments.parse(argv, "report", OPTIONS)
    settings = Settings(options["confidence"], options["num_bootstrap"], options["seed"])
    folder = values.path(options["study"])

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    findings = analyse(collect(folder, say), settings, say)
    out = values.path(options["out"]) if options["out"] else folder / "report"
    written = write_report(findings, out)
    for lines in warnings(findings):
        print("\n".join(lines) + "\n")
    for part, claim in findings.claims:
        said = verdict(claim, settings.confidence)
        where = f"[{part.name}] " if len(findings.slices) > 1 else ""
        print(f"{where}{sentence(claim, settings.confidence)}{f' {said[0].upper()}{said[1:]}.' if said else ''}")
    print(f"\nReport: {written[0]} ({len(written) - 2} tables and figures beside it)")
    return 0


def help_text() -> str:
    """Usage and options."""
    return "\n".join(
        [
            "usage: mslt report study=DIR [KEY=VALUE ...]",
            "",
            "Analyse a study: every table with intervals, sentences made of the figures alone, one HTML file without",
            "network, Markdown and CSV beside it. Cells that are missing are said; the others are analysed.",
            "  mslt report study=studies/mini",
            "",
            "KEY=VALUE (type, default)",
            *arguments.help_lines(OPTIONS),
        ]
    )
