"""The report of a study: one HTML file that needs nothing else, the same as Markdown, every table as CSV.

OUT/
  report.html            everything
  report.md              the same sentences and tables, with the figures beside it
  figures/NAME.svg       light or dark as the reader's system is
  tables/NAME.csv        full figures, shares as shares

The same study gives the same files, byte for byte: no date, no path of the machine that wrote them.
"""

from __future__ import annotations

import csv
import io
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mslt_it.evaluation.tables import as_markdown
from mslt_it.report import html, svg
from mslt_it.report.formats import csv_rows, markdown_cells
from mslt_it.study.analyses import Findings
from mslt_it.study.claims import sentence, verdict
from mslt_it.study.collect import Study
from mslt_it.study.extras import extra_sections
from mslt_it.study.findings import Analysis, Claim, Figure, NotDone, Table

WORLD_NOTICE = (
    "These are figures of the embedded world, not of XNLI: generated sentences and a small model. They show the method "
    "and say nothing about real tasks, languages or models."
)
SMALL_MODEL_NOTICE = (
    "These are figures of the embedded model, which knows a few hundred words of its generated world. They show the "
    "method and say nothing about what a real model would do with these rows."
)
SHOWN_MISSING = 12  # missing cells listed at the top; the rest are counted


@dataclass(frozen=True)
class Section:
    """A part of the report, with names that are unique in it."""

    anchor: str
    title: str
    analysis: Analysis | NotDone
    tables: tuple[tuple[str, Table], ...] = ()
    figures: tuple[tuple[str, Figure], ...] = ()


def write_report(findings: Findings, out: Path) -> list[Path]:
    """Writes all files; what was written, the page first."""
    sections = list(_sections(findings))
    written = [out / "report.html", out / "report.md"]
    for folder in (out, out / "tables", out / "figures"):
        folder.mkdir(parents=True, exist_ok=True)
    written[0].write_text(as_html(findings, sections), encoding="utf-8")
    written[1].write_text(as_text(findings, sections), encoding="utf-8")
    for section in sections:
        for name, table in section.tables:
            written.append(out / "tables" / f"{name}.csv")
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(csv_rows(table))
            written[-1].write_text(text.getvalue(), encoding="utf-8")
        for name, figure in section.figures:
            written.append(out / "figures" / f"{name}.svg")
            written[-1].write_text(svg.draw(figure, name, alone=True) + "\n", encoding="utf-8")
    return written


def _sections(findings: Findings) -> Iterator[Section]:
    several = len(findings.slices) > 1
    for part in findings.slices:
        prefix = f"{part.slice.variant}_{part.slice.budget}_" if several else ""
        suffix = f" ({part.slice.name})" if several else ""
        parts: tuple[Analysis | NotDone, ...] = (*part.done, *part.not_done)
        for one in parts:
            yield _section(one, prefix, suffix)
    for one in extra_sections(findings.study.folder):
        yield _section(one, "", "")


def _section(one: Analysis | NotDone, prefix: str, suffix: str) -> Section:
    anchor, title = prefix + one.name, one.title + suffix
    if isinstance(one, NotDone):
        return Section(anchor, title, one)
    return Section(
        anchor,
        title,
        one,
        tuple((prefix + table.name, table) for table in one.tables),
        tuple((f"{anchor}_{number}", figure) for number, figure in enumerate(one.figures, 1)),
    )


# ---------------------------------------------------------------- what stands at the top and at the end


def title(study: Study) -> str:
    return f"Study {study.name}: {study.task} on {'the embedded model' if study.model == 'world' else study.model}"


def lead(findings: Findings) -> list[str]:
    """What was done, in sentences."""
    study = findings.study
    parts = [
        f"{len(study.cells)} runs: sets of {_listed(sorted({len(cell.sources) for cell in study.cells}))} source "
        f"languages out of {', '.join(study.pool)}, trained at the same labelling budget, scored zero-shot in "
        f"{', '.join(study.targets)} ({study.num_items:,} items in all).",
        f"Intervals hold {100 * findings.settings.confidence:g} %: items and seeds were both drawn again "
        f"{findings.settings.num_bootstrap:,} times, the same items for all that is compared. p-values of the "
        f"sentences below are corrected for all {len(findings.claims)} of them together (Holm). An interval is of its "
        "comparison alone.",
    ]
    return parts


def warnings(findings: Findings) -> list[list[str]]:
    """Boxes that must not be overlooked: the world's notice, missing cells, too few seeds."""
    study, found = findings.study, []
    if study.is_world:
        found.append([WORLD_NOTICE if study.is_of_world_rows else SMALL_MODEL_NOTICE])
    if study.missing:
        lines = [f"{len(study.missing)} of {study.num_planned} planned runs are missing; figures are of the others."]
        lines += [f"{name}: {reason}" for name, reason in study.missing[:SHOWN_MISSING]]
        if len(study.missing) > SHOWN_MISSING:
            lines.append(f"… and {len(study.missing) - SHOWN_MISSING} more")
        found.append(lines)
    if study.num_unmatched:
        found.append([f"{study.num_unmatched} scored items were left out, since not every run or language has them."])
    seeds = {cell.seed for cell in study.cells}
    if len(seeds) < 3:
        found.append(
            [
                f"Trained with {'one seed' if len(seeds) == 1 else 'two seeds'} only: what other seeds would change is "
                f"{'not in any interval' if len(seeds) == 1 else 'guessed from two'}."
            ]
        )
    return found


def made(findings: Findings) -> list[tuple[str, str]]:
    """How it was made."""
    study, manifest = findings.study, findings.study.manifest
    config, provenance = manifest["config"], study.provenance
    seeds = sorted({cell.seed for cell in study.cells})
    environment = provenance.get("environment", {})
    entries = [
        ("study", study.name),
        ("recipe", str(config.get("recipe", ""))),
        ("task, measure", f"{study.task}, {study.measure.name}"),
        ("model", study.model),
        ("base weights", str(provenance.get("base_sha256", ""))),
        ("source pool", ", ".join(study.pool)),
        ("targets", ", ".join(study.targets)),
        ("overrides of the recipe", " ".join(config.get("overrides") or ())),
        ("budgets, prompts", "; ".join(one.name for one in study.slices)),
        ("seeds of training", ", ".join(map(str, seeds))),
        ("runs", f"{len(study.cells)} of {study.num_planned} planned"),
        ("items", "the same in all languages" if study.is_parallel else "each language's own"),
        (
            "majority's share of the scored labels",
            "" if study.majority_share is None else f"{study.majority_share:.1%}",
        ),
        ("resampling", f"{findings.settings.num_bootstrap:,} draws, seed {findings.settings.seed}"),
        ("manifest.json", f"sha256 {study.manifest_sha256}"),
        ("code of the runs", str(environment.get("git_commit") or "not recorded")),
        ("versions of the runs", ", ".join(f"{k} {v}" for k, v in manifest.get("versions", {}).items())),
        (
            "versions of the report",
            f"python {platform.python_version()}, mslt_it {_version('mslt_it')}, "
            f"numpy {_version('numpy')}, lang2vec {_version('lang2vec')}",
        ),
    ]
    return [(name, value) for name, value in entries if value]


def redo(findings: Findings) -> list[str]:
    """The commands that make study and report again."""
    study, settings = findings.study, findings.settings
    return [
        f"mslt study study={study.name}",
        f"mslt report study=studies/{study.name} num_bootstrap={settings.num_bootstrap} seed={settings.seed} "
        f"confidence={settings.confidence:g}",
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "not installed"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


# ---------------------------------------------------------------- HTML


def as_html(findings: Findings, sections: Sequence[Section]) -> str:
    study, confidence = findings.study, findings.settings.confidence
    body = [html.heading("What was found", 2, "claims")]
    for part in findings.slices:
        own = [claim for one in part.done for claim in one.claims]
        if len(findings.slices) > 1:
            body.append(html.heading(part.slice.name, 3, f"claims-{part.slice.variant}-{part.slice.budget}"))
        body.append(html.claims([_entry(claim, confidence) for claim in own]) if own else _no_claim())
    entries = [("claims", "What was found"), *((s.anchor, s.title) for s in sections), ("made", "How it was made")]
    body.append(html.contents(entries))
    for section in sections:
        body += _section_html(section, confidence)
    body += [
        html.heading("How it was made, and how to make it again", 2, "made"),
        html.facts(made(findings)),
        html.commands(redo(findings)),
    ]
    top = [html.paragraph(text) for text in lead(findings)] + [html.box(lines) for lines in warnings(findings)]
    return html.page(
        title(study), top, body, footer="Written by mslt report. Tables also as CSV, figures as SVG beside it."
    )


def _no_claim() -> str:
    return html.paragraph("The finished runs allow no comparison yet.")


def _entry(claim: Claim, confidence: float) -> tuple[str, str, str, str]:
    what, found = f"{claim.what}:", sentence(claim, confidence)
    return what, found.removeprefix(what).lstrip(), verdict(claim, confidence), claim.paper


def _section_html(section: Section, confidence: float) -> list[str]:
    one = section.analysis
    parts = [html.heading(section.title, 2, section.anchor)]
    if isinstance(one, NotDone):
        return [*parts, html.paragraph(f"Not done: {one.reason}")]
    parts += [html.paragraph(one.question), html.paragraph(f"Answers {one.answers}.", "answers")]
    if one.claims:
        parts.append(html.claims([_entry(claim, confidence) for claim in one.claims]))
    parts.append(html.figures([(figure, name) for name, figure in section.figures]))
    parts += [html.table(table) for _, table in section.tables]
    parts += [html.paragraph(note, "note") for note in one.notes]
    return parts


# ---------------------------------------------------------------- Markdown


def as_text(findings: Findings, sections: Sequence[Section]) -> str:
    """The Markdown file."""
    confidence = findings.settings.confidence
    parts = [f"# {title(findings.study)}", *lead(findings)]
    parts += ["\n".join(f"> {line}  " for line in lines) for lines in warnings(findings)]
    parts.append("## What was found")
    for part in findings.slices:
        if len(findings.slices) > 1:
            parts.append(f"### {part.slice.name}")
        own = [claim for one in part.done for claim in one.claims]
        parts.append(
            "\n".join(_line(claim, confidence) for claim in own) or "The finished runs allow no comparison yet."
        )
    for section in sections:
        one = section.analysis
        parts.append(f"## {section.title}")
        if isinstance(one, NotDone):
            parts.append(f"Not done: {one.reason}")
            continue
        parts += [f"{one.question} Answers {one.answers}."]
        if one.claims:
            parts.append("\n".join(_line(claim, confidence) for claim in one.claims))
        parts += [f"![{figure.title}](figures/{name}.svg)" for name, figure in section.figures]
        for name, table in section.tables:
            parts += [f"**{table.title}** ([CSV](tables/{name}.csv))", as_markdown(markdown_cells(table)), *table.notes]
        parts += list(one.notes)
    parts += [
        "## How it was made, and how to make it again",
        as_markdown([("", ""), *made(findings)]),
        "```bash\n" + "\n".join(redo(findings)) + "\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _line(claim: Claim, confidence: float) -> str:
    what, text, said, paper = _entry(claim, confidence)
    return f"- {what} {text}" + (f" **{said[0].upper()}{said[1:]}** (the paper: {paper})." if said else "")
