"""What the reports of a study, a run and an evaluation share: sections, the page, and the files beside it.

OUT/
  report.html            everything
  tables/NAME.tex        format=latex: each table as it is shown, for the booktabs package
  figures/NAME.pdf       format=pdf: each figure in the light colours, without its title, which a caption gives

The same folder gives the same files, byte for byte: no date, no path of the machine that wrote them.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from mslt_it.problems import Problem
from mslt_it.report import figures
from mslt_it.store import write_atomically
from mslt_it.study.analyse.findings import Figure
from mslt_it.study.analyse.tables import Table

LONG_TABLE = 20  # rows; longer ones are folded


@dataclass(frozen=True)
class Said:
    """A claim in words."""

    what: str
    found: str
    verdict: str = ""  # how it stands to what the paper found; empty where that has nothing
    paper: str = ""

    @property
    def kind(self) -> str:
        """Of the verdict."""
        return {"as in the paper": "good", "opposite to the paper": "bad", "not as in the paper": "bad"}.get(
            self.verdict, "open"
        )


@dataclass(frozen=True)
class Section:
    """A part of a report, with names that are unique in it."""

    anchor: str
    title: str
    reason: str = ""  # why it was not done; else:
    question: str = ""
    answers: str = ""
    claims: Sequence[Said] = ()
    tables: Sequence[tuple[str, Table]] = ()
    figures: Sequence[tuple[str, Figure]] = ()
    notes: Sequence[str] = ()
    parts: Sequence[Any] = ()  # what the page folds under it, in the form that its template knows


def write(out: Path, files: Mapping[str, str | bytes]) -> list[Path]:
    """Writes the files, named by their path in ``out``; where they are, in order.

    Raises:
        Problem: a name leads out of ``out``, as names in a folder that others made may; nothing is written.
    """
    inside = os.path.abspath(out)
    if others := [name for name in files if not Path(os.path.abspath(out / name)).is_relative_to(inside)]:
        raise Problem(f"A part of the report is called '{others[0]}', which leads out of {out}. Nothing was written.")
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    return [out / name for name in files]


def papers(
    tables: Sequence[tuple[str, Table]], drawn: Sequence[tuple[str, Figure]], formats: Collection[str]
) -> dict[str, str | bytes]:
    """The files for a paper of these formats."""
    found: dict[str, str | bytes] = {}
    if "latex" in formats:
        found |= {f"tables/{name}.tex": as_latex(table) for name, table in tables}
    if "pdf" in formats:
        found |= {f"figures/{name}.pdf": figures.as_pdf(figure, name) for name, figure in drawn}
    return found


def render(template: str, report: Mapping[str, Any], **more: Any) -> str:
    """The page; everything but the figures is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mslt_it.report", ""), autoescape=True, undefined=jinja2.StrictUndefined
    )
    draw: Callable[[Figure, str], Markup] = lambda figure, name: Markup(figures.draw(figure, name))  # noqa: E731
    return environment.get_template(template).render(
        report,
        light=figures.variables(dark=False),
        dark=figures.variables(dark=True),
        figure_style=Markup(figures.STYLE),
        draw=draw,
        long_table=LONG_TABLE,
        **more,
    )


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
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # run from a checkout that was not installed
            found.append(f"{package} not installed")
    return ", ".join([f"python {platform.python_version()}", *found])
