"""What the reports of a study, a run and an evaluation share: sections, the page, and the files beside it.

OUT/
  report.html            everything
  report.md              of a study: the same sentences and tables, with the figures beside it
  figures/NAME.svg       of a study: light or dark as the reader's system is
  tables/NAME.csv        of a study: full figures, shares as shares
  tables/NAME.tex        format=latex: each table as it is shown, for the booktabs package
  figures/NAME.pdf       format=pdf: each figure in the light colours, without its title, which a caption gives

The same folder gives the same files, byte for byte: no date, no path of the machine that wrote them.
"""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from mslt_it import values
from mslt_it.evaluation.tables import in_markdown
from mslt_it.problems import Problem
from mslt_it.report import figures
from mslt_it.report.answers import Answers
from mslt_it.runs import versions
from mslt_it.store import write_atomically
from mslt_it.study.analyse.findings import Figure
from mslt_it.study.analyse.tables import Table

LONG_TABLE = 20  # rows; longer ones are folded


@dataclass(frozen=True)
class Said:
    what: str
    found: str
    verdict: str = ""  # how it stands to what the paper found; empty where that has nothing
    paper: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a report, with names that are unique in it."""

    anchor: str
    title: str
    reason: str = ""  # why it was not done; else:
    question: str = ""
    answers: str = ""
    claims: Sequence[Said] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[tuple[str, Figure]] = ()
    notes: Sequence[str] = ()
    parts: Sequence[Section] = ()  # what the page folds under it
    drawn: Answers | None = None  # right and wrong answers


def write(
    out: Path, pages: Mapping[str, str], report: Mapping[str, Any], formats: Collection[str], *, beside: bool = False
) -> list[Path]:
    """Writes a report in these formats; what was written, the page first.

    Args:
        pages: file -> its template.
        report: what the templates show; tables and figures are those of its ``sections`` and their parts.
        beside: every table as CSV and figure as SVG, too.

    Raises:
        Problem: a name leads out of ``out``, as names in a folder that others made may; nothing is written.
    """
    parts = [one for section in report["sections"] for one in (section, *section.parts)]
    tables = [found for one in parts for found in one.tables]
    drawn = [found for one in parts for found in one.figures]
    files: dict[str, str | bytes] = {}
    if "html" in formats:
        files = {name: render(template, report) for name, template in pages.items()}
    if "html" in formats and beside:
        for table in tables:
            safe = table.frame.map(values.cell)
            files[f"tables/{table.name}.csv"] = safe.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        files |= {f"figures/{name}.svg": figures.draw(figure, name, alone=True) + "\n" for name, figure in drawn}
    if "latex" in formats:
        files |= {f"tables/{table.name}.tex": as_latex(table) for table in tables}
    if "pdf" in formats:
        files |= {f"figures/{name}.pdf": figures.as_pdf(figure, name) for name, figure in drawn}
    inside = os.path.abspath(out)
    if others := [name for name in files if not Path(os.path.abspath(out / name)).is_relative_to(inside)]:
        raise Problem(f"A part of the report is called '{others[0]}', which leads out of {out}. Nothing was written.")
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    return [out / name for name in files]


def render(template: str, report: Mapping[str, Any]) -> str:
    """The page; in HTML everything but the figures is escaped."""
    draw: Callable[[Figure, str], Markup] = lambda figure, name: Markup(figures.draw(figure, name))  # noqa: E731
    page = _templates().get_template(template)
    return page.render(
        report,
        light=figures.variables(dark=False),
        dark=figures.variables(dark=True),
        figure_style=Markup(figures.STYLE),
        draw=draw,
        long_table=LONG_TABLE,
    )


@functools.cache
def _templates() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("mslt_it.report", ""),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=jinja2.StrictUndefined,
    )
    found.filters["in_markdown"] = in_markdown
    return found


def as_latex(table: Table) -> str:
    """A tabular of the values as they are shown."""
    columns = list(table.shown())
    frame = pd.DataFrame({number: text for number, (_, text, _) in enumerate(columns)})
    layout = "".join("l" if column.kind == "text" else "r" for column, _, _ in columns)
    frame.columns = pd.Index([column.label for column, _, _ in columns])
    return str(
        frame.style.hide(axis="index")
        .format(escape="latex")
        .format_index(escape="latex", axis=1)
        .to_latex(hrules=True, column_format=layout)
    )


def versions_here(*packages: str) -> str:
    """Of what writes the report."""
    found = {"python": platform.python_version(), **versions(packages)}  # a checkout need not be installed
    return ", ".join(f"{name} {found.get(name, 'not installed')}" for name in ("python", *packages))
