"""Reads the finished cells of a study into one table of what was right: cells x target languages x items.

A cell is a run folder of ``mslt train`` under ``studies/NAME/cells/``. It counts when it is sealed (COMPLETE.json), the
files read here are as they were sealed, and every target language has a valid score; else it is missing, with a reason.
Only target languages are read: no cell is trained on them, so all cells are scored on the same items.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from mslt_it.config.compose import load_recipe
from mslt_it.config.files import YAML_LOADER
from mslt_it.data.build import build_scored_set, with_found_labels
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.measures import MEASURES, Measure, said_labels
from mslt_it.problems import Problem, Say, counted
from mslt_it.records import PromptedExample
from mslt_it.store import file_sha256, find_damage, read_json
from mslt_it.study.choosing import Tried, tried
from mslt_it.study.manifest import manifest_of
from mslt_it.study.sweep import is_asked_alike

READ = ("config.yaml", "losses.jsonl", "results.json", "predictions/")  # sealed files that are looked at


@dataclass(frozen=True)
class Slice:
    """What is compared with each other: cells of one labelling budget and one prompt variant."""

    budget: int
    variant: str

    @property
    def name(self) -> str:
        return f"{self.budget} rows, {self.variant}"


@dataclass(frozen=True, eq=False)
class ScoredCell:
    """One trained and scored run of the grid."""

    id: str
    sources: tuple[str, ...]
    seed: int
    slice: Slice
    counts: np.ndarray  # float32 (targets, items, k): as the measure counts them; items as in Study.item_ids
    assignment: int = 0  # of items to languages, where the study has several
    share: int | None = None  # rows outside the pool's first language (pinch), or of each target itself (shots)
    flops: float | None = None  # of its training; None: not recorded


@dataclass(frozen=True, eq=False)
class Study:
    """What analyses read of a study: its finished cells on the items that all of them have, and how it was made."""

    name: str
    folder: Path
    manifest: Mapping[str, Any]
    pool: tuple[str, ...]
    targets: tuple[str, ...]
    measure: Measure
    item_ids: tuple[tuple[str, ...], ...]  # per target; equal ids are translations, drawn at once
    groups: tuple[tuple[str, ...], ...]  # per target and item, as `mslt_it.evaluation.clusters` has them
    cells: tuple[ScoredCell, ...]  # of a sweep those of the chosen points
    base: np.ndarray | None  # (targets, items, k) of the untuned base; None: not asked, or its scores were not valid
    missing: tuple[tuple[str, str], ...]  # cells that do not count: (id, reason)
    num_planned: int
    num_unmatched: int  # items left out because a cell lacks them, over all targets
    model: str
    task: str
    is_world: bool  # the model or the rows
    is_of_world_rows: bool
    num_choices: int  # 0: answers are written
    majority_share: float | None  # of the scored labels, mean over targets: what always giving the most frequent gets
    provenance: Mapping[str, Any]  # of the first cell's results.json, for "how it was made"
    manifest_sha256: str
    tried: tuple[Tried, ...] = ()  # the points of a sweep
    tried_cells: tuple[ScoredCell, ...] = ()  # their runs, chosen or not
    num_runs: int = 0  # that were read; with shots several make a cell

    @property
    def slices(self) -> list[Slice]:
        return sorted({cell.slice for cell in self.cells}, key=lambda s: (s.variant, s.budget))

    @property
    def metric(self) -> str:
        """The measure's name as tables show it."""
        return self.measure.name.replace("_", " ")

    @property
    def is_parallel(self) -> bool:
        """Whether the items are the same in all target languages."""
        return len(set(map(frozenset, self.item_ids))) == 1

    @property
    def chance(self) -> float | None:
        """What knows nothing of the text gets: the larger of 1 / labels and the majority's share. In macro-F1 1 /
        labels, however often answers by lot give each: 2pq / (p + q) of a label is at most (p + q) / 2."""
        majority = self.majority_share if self.measure.is_share else None
        return max(1 / self.num_choices, majority or 0.0) if self.num_choices else None

    @property
    def num_items(self) -> int:
        """Over all target languages."""
        return sum(map(len, self.item_ids))

    def figures(self, counts: np.ndarray) -> np.ndarray:
        """(targets,) of (targets, items, k) counts."""
        return self.measure.value(counts.sum(axis=1, dtype=float))


def collect(folder: Path | str, say: Say = lambda text: None) -> Study:
    """Reads a study's folder; a Problem where no cell is complete, or the cells cannot be compared.

    Args:
        say: is told what is being done; large studies take minutes to read.
    """
    folder = Path(folder)
    manifest = manifest_of(folder)
    say(f"Reading {counted(len(manifest['cells']), 'run')} of {folder} ...")
    config = manifest["config"]
    found: list[tuple[Mapping[str, Any], _Folder]] = []
    missing = []
    for planned in manifest["cells"]:
        if reason := _why_missing(folder, planned):
            missing.append((str(planned["id"]), reason))
        else:
            found.append((planned, _Folder.read(folder / "cells" / planned["id"])))
    if not found:
        listed = "; ".join(f"{name}: {reason}" for name, reason in missing[:3])
        raise Problem(
            f"study={folder}: none of the {len(missing)} cells is complete ({listed}). Continue with `mslt study`."
        )
    first = found[0][1]
    for _, other in found:
        for what, value in other.kind.items():
            if value != first.kind[what]:
                raise Problem(
                    f"Cell {other.path.name} has {what}={value}, cell {first.path.name} {first.kind[what]}: they "
                    "cannot be compared. Run the study in a new folder, with one of them throughout."
                )
    items = _Items()
    answers = [one.answers("adapter", items) for _, one in found]
    targets, lines = first.targets, {code: first.lines(code) for code in first.targets}
    matched, unmatched = _matched(answers, targets)
    base = None
    if is_asked_alike(config.get("grid", {})):  # the same in every cell
        with contextlib.suppress(_NotFinite):
            base = _aligned(first.answers("base", items), targets, matched)
    groups = {code: {line["id"]: line.get("group", "") for line in own} for code, own in lines.items()}
    points = tried(folder, [planned for planned, _ in found], first.recipe["task"]["metric"])
    passed_over = {name for one in points if not one.is_chosen for name in one.cells}
    cells = tuple(
        ScoredCell(
            str(planned["id"]),
            tuple(planned["sources"]),
            int(planned["seed"]),
            Slice(int(planned.get("budget", 0)), str(planned.get("variant", "direct"))),
            _aligned(own, targets, matched),
            int(planned.get("assignment") or 0),
            planned.get("shots") if planned.get("pinch") is None else planned["pinch"],
            run.provenance.get("training", {}).get("flops"),
        )
        for (planned, run), own in zip(found, answers, strict=True)
    )
    cells, num_runs = _with_shots(cells, [str(planned.get("target", "")) for planned, _ in found], targets), len(cells)
    return Study(
        name=str(manifest.get("study", folder.name)),
        folder=folder,
        manifest=manifest,
        pool=tuple(config.get("pool") or sorted({code for planned, _ in found for code in planned["sources"]})),
        targets=targets,
        measure=first.measure,
        item_ids=matched,
        groups=tuple(tuple(groups[code][item] for item in ids) for code, ids in zip(targets, matched, strict=True)),
        cells=tuple(cell for cell in cells if cell.id not in passed_over),
        base=base,
        missing=tuple(missing),
        num_planned=len(manifest["cells"]),
        num_unmatched=unmatched,
        model=first.recipe["model"]["path"],
        task=first.recipe["task"]["name"],
        is_world="world" in (first.recipe["model"]["path"], first.recipe["task"]["data"]),
        is_of_world_rows=first.recipe["task"]["data"] == "world",
        num_choices=len(first.names),
        majority_share=_majority_share(lines) if first.names else None,
        provenance=first.provenance,
        manifest_sha256=file_sha256(folder / "manifest.json"),
        tried=points,
        tried_cells=cells if points else (),
        num_runs=num_runs,
    )


def _with_shots(
    cells: Sequence[ScoredCell], of_target: Sequence[str], targets: Sequence[str]
) -> tuple[ScoredCell, ...]:
    """The cells, those that were trained on some rows of a target put together: one cell of a set and a number of rows,
    whose figure in each target is that of the run that had rows of this one. Sets with runs of some targets only are
    left out.

    Args:
        of_target: which target's rows a cell has; "": none.
    """
    found = [cell for cell, target in zip(cells, of_target, strict=True) if not target]
    groups: dict[tuple[Any, ...], dict[str, ScoredCell]] = {}
    for cell, target in zip(cells, of_target, strict=True):
        if target:
            sources = tuple(code for code in cell.sources if code != target)
            groups.setdefault((sources, cell.seed, cell.slice, cell.assignment, cell.share), {})[target] = cell
    for (sources, seed, chosen, assignment, share), own in groups.items():
        if len(own) == len(targets):
            counts = np.stack([own[code].counts[row] for row, code in enumerate(targets)])
            flops = mean_of(cell.flops for cell in own.values())
            name = f"{'-'.join(sources)}_k{share}_s{seed}"
            found.append(ScoredCell(name, sources, seed, chosen, counts, assignment, share, flops))
    return tuple(found)


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean, where all are known."""
    found = list(values)
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if len(known) == len(found) else None


# ---------------------------------------------------------------- one cell

Language = tuple[tuple[str, ...], np.ndarray]  # item ids, (items, k) counts


def _why_missing(folder: Path, planned: Mapping[str, Any]) -> str:
    """Why a planned cell does not count; empty where it does."""
    name = planned["id"]
    cell, failed = folder / "cells" / name, folder / "failed" / f"{name}.txt"
    if not (cell / "COMPLETE.json").is_file():
        if failed.is_file():
            lines = failed.read_text(encoding="utf-8", errors="replace").split("\n")
            said = [line.strip() for line in lines if line.strip()]
            return f"failed: {said[-1] if said else 'no reason was written'}"
        return "not finished" if cell.is_dir() else "not started"
    if (damage := find_damage(cell, READ)) is not None:
        return damage
    # Each of the two records what it was made of; a folder from an earlier grid would be counted as another cell.
    recorded = (read_json(cell / "fingerprint.json") or {}).get("run")
    if recorded and planned.get("fingerprint") and recorded != planned["fingerprint"]:
        return f"it is another run (fingerprint {recorded}, the manifest has {planned['fingerprint']})"
    results = json.loads((cell / "results.json").read_text(encoding="utf-8"))
    own = planned.get("target")  # trained on some of its rows, and scored on others
    looked_at = [row for row in results["results"] if row["role"] == "target" or row["language"] == own]
    bad = [row for row in looked_at if row["status"] != "ok"]
    return f"invalid score in {bad[0]['language']}: {bad[0]['reason']}" if bad else ""


class _NotFinite(Exception):
    """A model's scores were NaN or infinite."""


class _Items:
    """The items that cells share: of written answers built once per language and variant; of all, what is right."""

    def __init__(self) -> None:
        self._right: dict[tuple[str, str], Sequence[Any]] = {}  # language, id -> label, group
        self._items: dict[tuple[str, str, tuple[str, ...]], Sequence[PromptedExample]] = {}
        self._rows = RowStore()

    def refuse_changed(self, cell: _Folder, code: str, lines: Sequence[Mapping[str, Any]]) -> None:
        """A Problem where an id stands for another row than in the cells before: ids may be numbers of rows."""
        for line in lines:
            about = line.get("label"), line.get("group")
            if (before := self._right.setdefault((code, line["id"]), about)) != about:
                raise Problem(
                    f"{cell.path / 'predictions' / code}.jsonl has {line['id']} with the label {about[0]!r}, and cells "
                    f"before it with {before[0]!r}, or in another group: {cell.recipe['task']['data']} was changed "
                    "between them. Put it back as it was and remove this cell, or run the study in a new folder."
                )

    def of(self, cell: _Folder, code: str, ids: tuple[str, ...]) -> Sequence[PromptedExample]:
        """A Problem where the rows are no longer those of the cell's answers."""
        key = code, cell.recipe["prompt"]["variant"], ids  # chains in English are read in English notation
        if key not in self._items:
            recipe = with_found_labels(load_recipe("config", config_dir=cell.path), self._rows)
            self._items[key] = build_scored_set(recipe, code, rows=self._rows)
            if tuple(item.id for item in self._items[key]) != ids:
                raise Problem(
                    f"{cell.path / 'predictions' / code}.jsonl holds other items than {cell.recipe['task']['data']} "
                    "gives now. Put the data back as it was, or run the study again."
                )
        return self._items[key]


@dataclass(frozen=True, eq=False)
class _Folder:
    path: Path
    recipe: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @staticmethod
    def read(path: Path) -> _Folder:
        recipe = yaml.load((path / "config.yaml").read_text(encoding="utf-8"), Loader=YAML_LOADER)
        return _Folder(path, recipe, json.loads((path / "results.json").read_text(encoding="utf-8"))["provenance"])

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.recipe["targets"])

    @property
    def measure(self) -> Measure:
        return MEASURES[self.recipe["task"]["metric"]][0]

    @functools.cached_property
    def kind(self) -> dict[str, Any]:
        """What all cells must have in common."""
        task = self.recipe["task"]
        found = {"targets": self.targets, "task": task["name"], "metric": task["metric"]}
        found["task.label_names"] = self.names  # of a table they are what a cell's sources have
        return found | {"model": self.recipe["model"]["path"], "base_sha256": self.provenance.get("base_sha256", "")}

    @property
    def names(self) -> tuple[str, ...]:
        """Labels; those of a user's own table are found when it is read. Empty: answers are written."""
        task = self.recipe["task"]
        is_choice = task["shape"] == "classification"
        return tuple(task["label_names"] or self.provenance.get("labels", ())) if is_choice else ()

    def lines(self, code: str) -> list[dict[str, Any]]:
        path = self.path / "predictions" / f"{code}.jsonl"  # there, and as it was sealed: `_why_missing`
        # Not splitlines(): a generated text may hold U+2028, which JSON leaves as it is.
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]

    def answers(self, which: str, items: _Items) -> dict[str, Language]:
        """Per target what "adapter" or "base" had right."""
        return {code: self._answers(code, self.lines(code), which, items) for code in self.targets}

    def _answers(self, code: str, lines: Sequence[Mapping[str, Any]], which: str, items: _Items) -> Language:
        ids, said = tuple(line["id"] for line in lines), [line.get(f"{which}_prediction") for line in lines]
        items.refuse_changed(self, code, lines)
        if None in said:  # of the base: an adapter's are valid, see `_why_missing`
            raise _NotFinite
        if f"{which}_log_likelihoods" not in lines[0]:
            return ids, self.measure.counts(items.of(self, code, ids), tuple(said))[0]
        assert self.measure.of_labels is not None
        scores = np.array([line[f"{which}_log_likelihoods"] for line in lines], dtype=float)
        gold = np.array([self.names.index(line["label"]) for line in lines])
        return ids, self.measure.of_labels(gold, said_labels((), scores), len(self.names)).astype(np.float32)


def _majority_share(lines: Mapping[str, Sequence[Mapping[str, Any]]]) -> float:
    """Mean over languages of the most frequent label's share of the scored rows."""
    counts = [Counter(line["label"] for line in own) for own in lines.values()]
    return float(np.mean([max(one.values()) / one.total() for one in counts]))


# ---------------------------------------------------------------- all cells


def _matched(
    cells: Sequence[Mapping[str, Language]], targets: Sequence[str]
) -> tuple[tuple[tuple[str, ...], ...], int]:
    """Per target the items that all cells have; how many were left out of any."""
    shared, num_left_out = [], 0
    for code in targets:
        lists = {cell[code][0] for cell in cells}  # mostly one
        in_all, union = set.intersection(*map(set, lists)), set().union(*lists)
        if not in_all:
            raise Problem(f"The cells have no item of '{code}' in common. Score them on the same split and items.")
        shared.append(tuple(item for item in cells[0][code][0] if item in in_all))
        num_left_out += len(union) - len(in_all)
    return tuple(shared), num_left_out


def _aligned(
    languages: Mapping[str, Language], targets: Sequence[str], item_ids: Sequence[tuple[str, ...]]
) -> np.ndarray:
    """(targets, items, k), each target's items in the order of ``item_ids``."""
    found = [(*languages[code], wanted) for code, wanted in zip(targets, item_ids, strict=True)]
    return stacked(
        [counts if ids == wanted else counts[pd.Index(ids).get_indexer(wanted)] for ids, counts, wanted in found]
    )


def stacked(counts: Sequence[np.ndarray]) -> np.ndarray:
    """(targets, items, k) of each target's (items, k); where they have different numbers of items, the shorter ones end
    in rows of zeros, which count nothing in any measure: sums over items are the same."""
    most = max(map(len, counts))
    return np.stack([np.pad(own, ((0, most - len(own)), (0, 0))) for own in counts], dtype=np.float32)
