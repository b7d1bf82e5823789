"""A finished folder as its report: of a run, an evaluation or a study."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from mslt_it.evaluation.folder import REQUEST
from mslt_it.problems import Problem
from mslt_it.report.eval_report import write_eval_report
from mslt_it.report.run_report import write_run_report
from mslt_it.report.study_report import warnings, write_report
from mslt_it.study.analyse.analyses import analyse
from mslt_it.study.analyse.claims import sentence, verdict
from mslt_it.study.analyse.resampling import Settings
from mslt_it.study.collect import collect


def report_of_run(folder: Path, out: Path, formats: Collection[str], examples: int, seed: int) -> list[Path]:
    """Writes the report of a run or an evaluation; what was written, the page first."""
    write = write_eval_report if (folder / REQUEST).is_file() else write_run_report
    try:
        return write(folder, out, formats, examples, seed)
    except (AttributeError, LookupError, TypeError, ValueError) as error:  # sealed by another version, or by hand
        what = f"{type(error).__name__}: {error}"
        raise Problem(f"run={folder} is not as this version writes it ({what}). Make it again.") from error


def report_of_study(
    folder: Path, out: Path, formats: Collection[str], settings: Settings, say: Callable[[str], object]
) -> tuple[list[Path], list[str]]:
    """Writes the report of a study; (what was written, the page first; what is lacking and what was found)."""
    findings = analyse(collect(folder, say), settings, say)
    written = write_report(findings, out, formats)
    told = ["\n".join(lines) + "\n" for lines in warnings(findings)]
    for part, claim in findings.claims:
        said = verdict(claim, settings.confidence)
        where = f"[{part.name}] " if len(findings.slices) > 1 else ""
        told.append(f"{where}{sentence(claim, settings.confidence)}{f' {said[0].upper()}{said[1:]}.' if said else ''}")
    return written, told


__all__ = ["Settings", "report_of_run", "report_of_study"]
