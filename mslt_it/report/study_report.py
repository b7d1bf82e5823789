"""The report of a study: its sentences, tables and figures, and how it was made, as `pages` writes them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mslt_it.config.recipe import REST
from mslt_it.config.schema import written
from mslt_it.evaluation.clusters import components
from mslt_it.evaluation.estimates import Settings
from mslt_it.problems import Problem, Say, counted
from mslt_it.records import to_plain
from mslt_it.report.pages import Said, Section, versions_here, write
from mslt_it.store import write_atomically
from mslt_it.study.analyse.analyses import Findings, SliceFindings, analyse
from mslt_it.study.analyse.claims import is_tested, sentence, verdict
from mslt_it.study.analyse.findings import Analysis, NotDone
from mslt_it.study.analyse.further import further_sections
from mslt_it.study.analyse.transfer import in_own_sources
from mslt_it.study.collect import Study, collect
from mslt_it.study.config import MARGIN, SECTIONS, load_study

WORLD_NOTICE = (
    "These are figures of the embedded world, not of real texts: generated sentences and a small model. They show the "
    "method and say nothing about real tasks, languages or models."
)
SMALL_MODEL_NOTICE = (
    "These are figures of the embedded model, which knows a few hundred words of its generated world. They show the "
    "method and say nothing about what a real model would do with these rows."
)
SHOWN_MISSING = 12  # missing cells listed at the top; the rest are counted
PAGES = {"report.html": "study.html.j2", "report.md": "study.md.j2"}


def report_of_study(
    folder: Path, out: Path, formats: Collection[str], say: Say, **settings: Any
) -> tuple[list[Path], list[str]]:
    """Writes the report of a study; (what was written, the page first; what is lacking and what was found).

    ``settings``: of the resampling.
    """
    findings = analyse(collect(folder, say), Settings(**settings), say)
    confidence = findings.settings.confidence
    written = write_report(findings, out, formats)
    told = ["\n".join(lines) + "\n" for lines in warnings(findings)]
    for part, claim in findings.claims:
        said = "" if claim.no_verdict else verdict(claim, confidence)
        where = f"[{part.name}] " if len(findings.slices) > 1 else ""
        told.append(f"{where}{sentence(claim, confidence)}{f' {said[0].upper()}{said[1:]}.' if said else ''}")
    return written, told


def write_report(findings: Findings, out: Path, formats: Collection[str] = ("html", "latex")) -> list[Path]:
    """Writes all files; what was written, the page first."""
    files = write(out, PAGES, report_of(findings), formats, beside=True)
    if "html" in formats:
        files.append(out / "runs.csv")
        write_atomically(files[-1], runs(findings.study).to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    return files


def runs(study: Study) -> pd.DataFrame:
    """The raw figures: a row for each run that is compared and each target, shares between 0 and 1.

    ``untuned`` are the base's on the same items; ``seen`` is the run's mean figure in its own sources; of shots, of
    which several runs make a row, it is empty.
    """
    rows: list[dict[str, Any]] = []
    untuned = [None] * len(study.targets) if study.base is None else study.figures(study.base)
    for one in study.cells:
        told = {"run": one.id, "sources": "-".join(one.sources), "seed": one.seed, "assignment": one.assignment}
        told |= {"budget": one.slice.budget, "variant": one.slice.variant, "pinch_or_shots": one.share}
        seen = in_own_sources(study, one)
        found = zip(study.targets, study.item_ids, study.figures(one.counts), untuned, strict=True)
        rows += [
            {**told, "target": target, "items": len(ids), study.measure.name: figure, "untuned": base, "seen": seen}
            for target, ids, figure, base in found
        ]
    return pd.DataFrame(rows)


def report_of(findings: Findings) -> dict[str, Any]:
    """All that the page and the Markdown file say."""
    several = len(findings.slices) > 1
    sections = []
    for part in findings.slices:
        told = _prefix(part) * several, f" ({part.slice.name})" * several
        sections += [_section(one, findings, *told) for one in part.done]
        sections += [_section(one, findings, *told) for one in part.not_done]
    sections += [_section(one, findings) for one in (*findings.overall, *further_sections(findings.study.folder))]
    return {
        "title": title(findings.study),
        "lead": lead(findings),
        "warnings": warnings(findings),
        "slices": [(part.slice.name, _prefix(part), _claims(part.done, findings)) for part in findings.slices],
        "sections": sections,
        "made": made(findings),
        "redo": redo(findings),
        "no_claim": "The finished runs allow no comparison yet.",
    }


def _claims(analyses: Sequence[Analysis], findings: Findings) -> list[Said]:
    confidence = findings.settings.confidence
    concluded = [(one.title, one.concluded(one.claims, confidence)) for one in analyses if one.concluded]
    return [
        *itertools.starmap(Said, concluded),
        *(
            # The sentence without what is compared at its start.
            Said(
                claim.what,
                sentence(claim, confidence).removeprefix(f"{claim.what}: "),
                verdict(claim, confidence),
                claim.paper,
            )
            for one in analyses
            for claim in one.claims
        ),
    ]


def _prefix(part: SliceFindings) -> str:
    return f"{part.slice.variant}_{part.slice.budget}_"


def _section(one: Analysis | NotDone, findings: Findings, prefix: str = "", suffix: str = "") -> Section:
    anchor, title = prefix + one.name, one.title + suffix
    if isinstance(one, NotDone):
        return Section(anchor, title, one.reason)
    return Section(
        anchor,
        title,
        question=one.question,
        answers=one.answers,
        claims=_claims([one], findings),
        tables=[dataclasses.replace(table, name=prefix + table.name) for table in one.tables],
        figures=[(f"{anchor}_{number}", figure) for number, figure in enumerate(one.figures, 1)],
        notes=one.notes,
    )


# ---------------------------------------------------------------- what stands at the top and at the end


def title(study: Study) -> str:
    return f"Study {study.name}: {study.task} on {'the embedded model' if study.model == 'world' else study.model}"


def lead(findings: Findings) -> list[str]:
    study = findings.study
    margin = study.manifest["config"].get("margin", MARGIN)
    has_shots = bool(study.manifest["config"].get("shots"))
    how = "zero-shot, or after a few rows of the same language," if has_shots else "zero-shot"
    assignments, seeds = ({getattr(cell, key) for cell in study.cells} for key in ("assignment", "seed"))
    drawn = "items" if len(seeds) == 1 else "items and seeds"
    drawn = drawn if len(assignments) == 1 else "items, and assignments of items to languages with their seeds,"
    budgets = len({one.budget for one in study.slices})
    budget = "at the same labelling budget" if budgets == 1 else f"at {budgets} labelling budgets, each by itself"
    num_tested = sum(is_tested(claim) for _, claim in findings.claims)
    parts = [
        f"{counted(study.num_runs or len(study.cells), 'run')}: sets of "
        f"{_listed(sorted({len(cell.sources) for cell in study.cells}))} source "
        f"languages out of {', '.join(study.pool)}, trained {budget}, scored {how} in "
        f"{', '.join(study.targets)} ({counted(study.num_items, 'item', form=',')} in all).",
        f"Intervals hold {100 * findings.settings.confidence:g} %: {drawn} were drawn again "
        f"{findings.settings.num_bootstrap:,} times, the same items for all that is compared. They are of these very "
        "sets of these very languages. What is said of kinds of sets is tested by giving the languages each other's "
        "names, what is said of other languages by leaving each out in turn; each sentence names its test. p-values of "
        f"the sentences below are corrected for the {num_tested} that can be tested (Holm), an interval is of its "
        f"comparison alone. Equal is said only of what is shown to differ by less than {100 * margin:g} points.",
    ]
    if study.tried:
        number = len({one.point for one in study.tried})
        parts.append(
            f"{counted(number, 'setting was', 'settings were')} tried for each set, in "
            f"{counted(len(study.tried_cells), 'run')}; of each set the one that did best on held-out "
            "rows of its sources stands here. No row of a target took part in choosing."
        )
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
        found.append([f"{counted(study.num_unmatched, 'scored item')} left out, which not every run has."])
    drawn = components(study.item_ids, study.groups)
    if alone := [study.targets[row] for one in drawn if one.num_clusters == 1 for row in one.languages]:
        found.append([f"Too few groups of items: {', '.join(alone)} with one. Nothing says how others would do."])
    seeds, assignments = {cell.seed for cell in study.cells}, {cell.assignment for cell in study.cells}
    if len(assignments) == 2:
        found.append(["Items were assigned to languages in two ways only: what other ways would change is guessed."])
    elif len(assignments) == 1 and len(seeds) < 3:
        found.append(
            [
                f"Trained with {'one seed' if len(seeds) == 1 else 'two seeds'} only: what other seeds would change is "
                f"{'not in any interval' if len(seeds) == 1 else 'guessed from two'}."
            ]
        )
    return found


def made(findings: Findings) -> list[tuple[str, str]]:
    """How it was made; what is empty is not shown."""
    study, manifest = findings.study, findings.study.manifest
    config, provenance = manifest["config"], study.provenance
    seeds = sorted({cell.seed for cell in study.cells})
    assignments = {cell.assignment for cell in study.cells}
    environment = provenance.get("environment", {})
    return [
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
        ("assignments of items", "" if assignments == {0} else str(len(assignments))),
        ("sweep", "; ".join(f"{name} {_listed(found)}" for name, found in (config.get("grid") or {}).items())),
        ("cost of a labelled row", ", ".join(f"{code} {one:g}" for code, one in (config.get("cost") or {}).items())),
        ("runs", f"{study.num_runs or len(study.tried_cells or study.cells)} of {study.num_planned} planned"),
        ("items", "the same in all languages" if study.is_parallel else "each language's own"),
        (
            "majority's share of the scored labels",
            "" if study.majority_share is None else f"{study.majority_share:.1%}",
        ),
        ("resampling", f"{findings.settings.num_bootstrap:,} draws, seed {findings.settings.seed}"),
        ("manifest.json", f"sha256 {study.manifest_sha256}"),
        ("code of the runs", str(environment.get("git_commit") or "not recorded")),
        ("versions of the runs", ", ".join(f"{k} {v}" for k, v in manifest.get("versions", {}).items())),
        ("versions of the report", versions_here("mslt_it", "numpy", "lang2vec")),
    ]


def redo(findings: Findings) -> list[str]:
    """The commands that make study and report again."""
    study, settings = findings.study, findings.settings
    return [
        " ".join(["mslt study", *_arguments(study)]),
        f"mslt report study=studies/{study.name} num_bootstrap={settings.num_bootstrap} seed={settings.seed} "
        f"confidence={settings.confidence:g}",
    ]


def _arguments(study: Study) -> list[str]:
    """The study's file, and what the command line said or the file says otherwise now, as far as one is at hand."""
    config = study.manifest["config"]
    family = config.get("family", "")
    name = study.name.removesuffix(f"_{family}")
    found = [f"study={name}", *[f"family={family}"] * (name != study.name)]
    try:
        known = to_plain(load_study(name, found[1:]))
    except Problem:  # a file of the user's own
        return found
    for key, own in known.items():
        value = config.get(key, own)
        if key == "overrides":
            found += [shlex.quote(one) for one in value if one not in own]
        elif value != own and key not in ("expected", "families", "name") and own != [*REST]:
            found.append(shlex.quote(f"{key}={json.dumps(value) if key in SECTIONS else written(value)}"))
    return found


def _listed(numbers: Sequence[object]) -> str:
    return ", ".join(map(str, numbers))
