"""Reads the finished cells of a study into one table of what was right: cells x target languages x items.

A cell is a run folder of ``mslt train`` under ``studies/NAME/cells/``. It counts when it is sealed (COMPLETE.json), the
files read here are as they were sealed, and every target language has a valid score; else it is missing, with a reason.
Only target languages are read: no cell is trained on them, so all cells are scored on the same items.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mslt_it.config.compose import load_recipe
from mslt_it.data.build import build_scored_set
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.measures import MEASURES, UNREAD, Measure
from mslt_it.problems import Problem
from mslt_it.store import altered, file_sha256, read_json
from mslt_it.study.manifest import StudyFolder, read_manifest

OF_FIRST = ("model", "task", "is_world", "is_of_world_rows", "num_choices", "majority_share", "provenance")
READ = ("config.yaml", "results.json", "predictions/")  # sealed files that are looked at


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


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that the analyses read."""

    name: str
    folder: Path
    manifest: Mapping[str, Any]
    pool: tuple[str, ...]
    targets: tuple[str, ...]
    measure: Measure
    item_ids: tuple[tuple[str, ...], ...]  # per target; equal ids are translations, drawn at once
    groups: tuple[tuple[str, ...], ...]  # per target and item, as `mslt_it.evaluation.clusters` has them
    cells: tuple[ScoredCell, ...]
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
        """What knows nothing of the text gets: the larger of 1 / labels and the majority's share."""
        return max(1 / self.num_choices, self.majority_share or 0.0) if self.num_choices else None

    @property
    def num_items(self) -> int:
        """Over all target languages."""
        return sum(map(len, self.item_ids))


def manifest_of(folder: Path) -> dict[str, Any]:
    """``manifest.json`` of a study's folder; a Problem where it is missing or holds no cells."""
    manifest = read_manifest(StudyFolder(folder))
    if manifest is None:
        usual = Path("studies") / folder.name
        meant = usual if (usual / "manifest.json").is_file() else Path("studies/mini")
        raise Problem(
            f"study={folder}: there is no manifest.json. Give the folder that `mslt study` writes, for example "
            f"study={meant}."
        )
    if not manifest["cells"]:
        raise Problem(f"{folder / 'manifest.json'} lists no cells. Start `mslt study` again, with sets to train on.")
    return manifest


def collect(folder: Path | str, say: Callable[[str], object] = lambda text: None) -> Study:
    """Reads a study's folder; a Problem where no cell is complete, or the cells cannot be compared.

    Args:
        say: is told what is being done; large studies take minutes to read.
    """
    folder = Path(folder)
    manifest = manifest_of(folder)
    say(f"Reading {len(manifest['cells'])} runs of {folder} ...")
    config = manifest["config"]
    reader = _Reader()
    found: list[tuple[Mapping[str, Any], _Read]] = []
    missing = []
    for planned in manifest["cells"]:
        reason = reader.why_missing(folder, planned)
        if reason:
            missing.append((str(planned["id"]), reason))
        else:
            found.append((planned, reader.read(folder / "cells" / planned["id"])))
    if not found:
        listed = "; ".join(f"{name}: {reason}" for name, reason in missing[:3])
        raise Problem(
            f"study={folder}: none of the {len(missing)} cells is complete ({listed}). Go on with `mslt study`."
        )
    first = found[0][1]
    for planned, read in found:
        _refuse_another_kind(planned["id"], first, read, found[0][0]["id"])
    base = reader.read_base(folder / "cells" / found[0][0]["id"], first)
    matched, unmatched = _matched([read.languages for _, read in found], first.targets)
    return Study(
        name=str(manifest.get("study", folder.name)),
        folder=folder,
        manifest=manifest,
        pool=tuple(config.get("pool") or sorted({code for planned, _ in found for code in planned["sources"]})),
        targets=first.targets,
        measure=MEASURES[first.metric][0],
        item_ids=matched,
        groups=tuple(
            tuple(first.groups[code].get(item, "") for item in ids)
            for code, ids in zip(first.targets, matched, strict=True)
        ),
        cells=tuple(
            ScoredCell(
                str(planned["id"]),
                tuple(planned["sources"]),
                int(planned["seed"]),
                Slice(int(planned.get("budget", 0)), str(planned.get("variant", "direct"))),
                _aligned(read.languages, first.targets, matched),
                int(planned.get("assignment") or 0),
            )
            for planned, read in found
        ),
        base=None if base is None else _aligned(base, first.targets, matched),
        missing=tuple(missing),
        num_planned=len(manifest["cells"]),
        num_unmatched=unmatched,
        **{name: getattr(first, name) for name in OF_FIRST},
        manifest_sha256=file_sha256(folder / "manifest.json"),
    )


# ---------------------------------------------------------------- one cell

Language = tuple[tuple[str, ...], np.ndarray]  # item ids, (items, k) counts


@dataclass(frozen=True, eq=False)
class _Read:
    """What a cell's folder says."""

    targets: tuple[str, ...]
    metric: str
    task: str
    model: str
    is_world: bool
    is_of_world_rows: bool
    num_choices: int
    majority_share: float | None
    groups: Mapping[str, Mapping[str, str]]  # language -> item -> group, of items that have one
    base_sha256: str
    languages: Mapping[str, Language]
    names: tuple[str, ...]  # labels
    provenance: Mapping[str, Any]


class _Reader:
    """Reads cells; the items of written answers are built once per language, since all cells share them."""

    def __init__(self) -> None:
        self._items: dict[str, Any] = {}
        self._rows = RowStore()

    def why_missing(self, folder: Path, planned: Mapping[str, Any]) -> str:
        """Why a planned cell does not count; empty where it does."""
        name = planned["id"]
        cell = folder / "cells" / name
        failed = folder / "failed" / f"{name}.txt"
        seal = cell / "COMPLETE.json"
        if not seal.is_file():
            if failed.is_file():
                return f"failed: {_last_line(failed)}"
            return "not finished" if cell.is_dir() else "not started"
        for part, _ in altered(cell, READ)[:1]:
            return f"{part} is not as it was when the cell finished"
        # Each of the two records what it was made of; a folder from an earlier grid would be counted as another cell.
        mark = cell / "fingerprint.json"
        recorded = (read_json(mark) or {}).get("run")
        if recorded and planned.get("fingerprint") and recorded != planned["fingerprint"]:
            return f"it is another run (fingerprint {recorded}, the manifest has {planned['fingerprint']})"
        results = json.loads((cell / "results.json").read_text(encoding="utf-8"))
        bad = [row for row in results["results"] if row["role"] == "target" and row["status"] != "ok"]
        return f"invalid score in {bad[0]['language']}: {bad[0]['reason']}" if bad else ""

    def read(self, cell: Path) -> _Read:
        recipe = yaml.safe_load((cell / "config.yaml").read_text(encoding="utf-8"))
        provenance = json.loads((cell / "results.json").read_text(encoding="utf-8"))["provenance"]
        targets, task = tuple(recipe["targets"]), recipe["task"]
        is_choice = task["shape"] == "classification"
        lines = {code: self._lines(cell, code) for code in targets}
        measure = MEASURES[task["metric"]][0]
        # The labels of a user's own table are found when it is read.
        names = tuple(task["label_names"] or provenance.get("labels", ())) if is_choice else ()
        return _Read(
            targets,
            task["metric"],
            task["name"],
            recipe["model"]["path"],
            recipe["model"]["path"] == "world" or task["data"] == "world",
            task["data"] == "world",
            len(names),
            _majority_share(lines, names) if names else None,
            {code: {line["id"]: line["group"] for line in lines[code] if "group" in line} for code in targets},
            str(provenance.get("base_sha256", "")),
            {code: self._language(cell, code, lines[code], "adapter", measure, names) for code in targets},
            names,
            provenance,
        )

    def read_base(self, cell: Path, read: _Read) -> dict[str, Language] | None:
        """The untuned base on the same items: the same in every cell. None where it was not asked (of encoders, which
        have no head to answer by) or its scores are not valid."""
        measure = MEASURES[read.metric][0]
        lines = {code: self._lines(cell, code) for code in read.targets}
        if not all("base_prediction" in own[0] for own in lines.values()):
            return None
        try:
            return {code: self._language(cell, code, own, "base", measure, read.names) for code, own in lines.items()}
        except _NotFinite:
            return None

    def _lines(self, cell: Path, code: str) -> list[dict[str, Any]]:
        path = cell / "predictions" / f"{code}.jsonl"
        if not path.is_file():
            raise Problem(f"{path} is missing, though the cell is sealed. Remove {cell} and go on with `mslt study`.")
        # Not splitlines(): a generated text may hold U+2028, which JSON leaves as it is.
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]

    def _language(
        self,
        cell: Path,
        code: str,
        lines: Sequence[Mapping[str, Any]],
        which: str,
        measure: Measure,
        names: Sequence[str],
    ) -> Language:
        ids = tuple(line["id"] for line in lines)
        if f"{which}_log_likelihoods" in lines[0]:
            return ids, _chosen(lines, which, cell / "predictions" / f"{code}.jsonl", measure, names)
        return ids, self._written(cell, code, ids, [line[f"{which}_prediction"] for line in lines])

    def _written(self, cell: Path, code: str, ids: tuple[str, ...], texts: Sequence[str | None]) -> np.ndarray:
        """Counts of generated answers, read against the items' references."""
        if any(text is None for text in texts):
            raise _NotFinite
        recipe = load_recipe("config", config_dir=cell)
        items = self._items.get(code)
        if items is None or tuple(item.id for item in items) != ids:
            items = self._items[code] = build_scored_set(recipe, code, rows=self._rows)
        if tuple(item.id for item in items) != ids:
            raise Problem(
                f"{cell / 'predictions' / code}.jsonl holds other items than {recipe.task.data} gives now. Put the "
                "data back as it was, or run the study again."
            )
        return MEASURES[recipe.task.metric][0].counts(items, tuple(texts))[0]


class _NotFinite(Exception):
    """A model's scores were NaN or infinite."""


def _chosen(
    lines: Sequence[Mapping[str, Any]], which: str, path: Path, measure: Measure, names: Sequence[str]
) -> np.ndarray:
    """(items, k) counts of answers chosen by log-likelihood; equal largest ones are wrong, as in scoring."""
    said = np.empty(len(lines), dtype=int)
    for number, line in enumerate(lines):
        scores = line[f"{which}_log_likelihoods"]
        best = max(scores, key=float)
        if line[f"{which}_prediction"] is None:
            if which == "base":
                raise _NotFinite
            raise Problem(
                f"{path}, item {line['id']}: scores {scores} are not finite. Remove the cell and run it again."
            )
        said[number] = names.index(line[f"{which}_prediction"]) if scores.count(best) == 1 else UNREAD
    gold = np.array([names.index(line["label"]) for line in lines])
    assert measure.of_labels is not None
    return measure.of_labels(gold, said, len(names)).astype(np.float32)


def _majority_share(lines: Mapping[str, Sequence[Mapping[str, Any]]], names: Sequence[str]) -> float:
    """Mean over languages of the most frequent label's share of the scored rows."""
    counts = [[sum(line["label"] == name for line in own) for name in names] for own in lines.values()]
    return float(np.mean([max(one) / sum(one) for one in counts]))


def _refuse_another_kind(name: str, first: _Read, read: _Read, first_name: str) -> None:
    for what, value, expected in (
        ("targets", read.targets, first.targets),
        ("task", read.task, first.task),
        ("metric", read.metric, first.metric),
        ("model", read.model, first.model),
        ("base_sha256", read.base_sha256, first.base_sha256),
    ):
        if value != expected:
            raise Problem(
                f"Cell {name} has {what}={value}, cell {first_name} {expected}: they cannot be compared. Run the study "
                "in a new folder, with one of them throughout."
            )


# ---------------------------------------------------------------- all cells


def _matched(
    cells: Sequence[Mapping[str, Language]], targets: Sequence[str]
) -> tuple[tuple[tuple[str, ...], ...], int]:
    """Per target the items that all cells have; how many were left out of any."""
    shared, largest = [], 0
    for code in targets:
        first = cells[0][code][0]
        if any(cell[code][0] != first for cell in cells):
            in_all = set.intersection(*(set(cell[code][0]) for cell in cells))
            union = set().union(*(cell[code][0] for cell in cells))
            first, num = tuple(item for item in first if item in in_all), len(union)
        else:
            num = len(first)
        if not first:
            raise Problem(f"The cells have no item of '{code}' in common. Score them on the same split and items.")
        shared.append(first)
        largest += num
    return tuple(shared), largest - sum(map(len, shared))


def _aligned(
    languages: Mapping[str, Language], targets: Sequence[str], item_ids: Sequence[tuple[str, ...]]
) -> np.ndarray:
    """(targets, items, k); where targets have different numbers of items, the shorter ones end in rows of zeros.

    Zeros count nothing in any measure: sums over items are the same.
    """
    k = languages[targets[0]][1].shape[1]
    result = np.zeros((len(targets), max(map(len, item_ids)), k), dtype=np.float32)
    for row, (code, wanted) in enumerate(zip(targets, item_ids, strict=True)):
        ids, counts = languages[code]
        if ids != wanted:
            place = {item: number for number, item in enumerate(ids)}
            counts = counts[[place[item] for item in wanted]]
        result[row, : len(wanted)] = counts
    return result


def _last_line(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was written"
