"""Synthetic studies: folders as ``mslt study`` leaves them, with effects that are known.

An item is right with a probability that depends on the item, the language, the set (``effect``) and the seed. Which
items are hard is shared by all cells and languages, so that pairing has something to gain.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.evaluation.estimates import Settings
from mslt_it.evaluation.measures import ACCURACY
from mslt_it.study.analyse.findings import Analysis, NotDone
from mslt_it.study.analyse.resampling import SetFigures, resample
from mslt_it.study.analyse.tables import Table
from mslt_it.study.collect import ScoredCell, Slice, Study

LABELS = ("entailment", "neutral", "contradiction")
POOL = ("ar", "de", "en", "es", "fr", "ru", "zh")
TARGETS = ("fi", "tr", "th")
SINGLES = [(code,) for code in POOL]
TRIPLES = list(itertools.combinations(POOL, 3))
ALL = [*SINGLES, *TRIPLES]
Effect = Callable[[tuple[str, ...], str], float]  # (sources, target) -> what the set adds to the logit


def no_effect(sources: tuple[str, ...], target: str) -> float:
    return 0.0


def by_size(sources: tuple[str, ...], target: str) -> float:
    """Three sources are better than one, by about 10 points."""
    return 0.3 * (len(sources) - 1)


def write_study(
    folder: Path,
    effect: Effect = no_effect,
    *,
    pool: Sequence[str] = POOL,
    targets: Sequence[str] = TARGETS,
    set_sizes: Sequence[int] = (1, 3),
    seeds: Sequence[int] = (0, 1, 2),
    budgets: Sequence[int] = (1500,),
    num_items: int = 60,
    seed_sd: float = 0.15,
    draw: int = 0,
    config: dict[str, Any] | None = None,
    model: str = "world",
    skip: Sequence[str] = (),
    group_rows: int = 1,
) -> Path:
    """Writes manifest and cells; ``draw`` is the seed of everything drawn, ``skip`` the ids that are left out."""
    rng = np.random.default_rng(draw)
    hard = rng.normal(size=num_items)
    easy = rng.normal(scale=0.5, size=len(targets))
    gold = rng.integers(3, size=num_items)
    base = rng.integers(3, size=(len(targets), num_items))
    cells = []
    for size in set_sizes:
        for sources in itertools.combinations(pool, size):
            for seed in seeds:
                for budget in budgets:
                    name = "-".join(sources) + f"_s{seed}" + (f"_b{budget}" if len(budgets) > 1 else "")
                    cells.append(
                        {
                            "id": name,
                            "sources": list(sources),
                            "seed": seed,
                            "budget": budget,
                            "variant": "direct",
                            "fingerprint": hashlib.sha256(name.encode()).hexdigest()[:10],
                        }
                    )
                    shift = rng.normal(scale=seed_sd)
                    logits = [0.8 + easy[t] + effect(sources, code) + shift - hard for t, code in enumerate(targets)]
                    right = rng.random((len(targets), num_items)) < 1 / (1 + np.exp(-np.array(logits)))
                    if name not in skip:
                        write_cell(
                            folder / "cells" / name,
                            cells[-1],
                            targets,
                            gold,
                            right,
                            base,
                            model=model,
                            group_rows=group_rows,
                        )
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "study": folder.name,
        "config": {
            "recipe": "xnli_3src",
            "pool": list(pool),
            "targets": list(targets),
            "set_sizes": list(set_sizes),
            "seeds": list(seeds),
            "budgets": list(budgets),
            "variants": ["direct"],
            "criteria": ["l2v_syntax", "l2v_inventory", "scripts", "pretraining_size", "random"],
            **(config or {}),
        },
        "recipe": {"scale": "mini"},
        "versions": {"python": "3.11.0", "mslt_it": "0.1.0"},
        "cells": cells,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def write_cell(
    folder: Path,
    cell: dict[str, Any],
    targets: Sequence[str],
    gold: np.ndarray,
    right: np.ndarray,
    base: np.ndarray,
    *,
    model: str = "world",
    base_sha256: str = "b" * 64,
    group_rows: int = 1,
) -> Path:
    """A sealed run folder, with the files that a report reads."""
    (folder / "predictions").mkdir(parents=True)
    task = {
        "name": "xnli",
        "shape": "classification",
        "data": model if model == "world" else "facebook/xnli",
        "is_parallel": True,
        "label_names": list(LABELS),
        "metric": "accuracy",
    }
    recipe = {"sources": cell["sources"], "targets": list(targets), "seed": cell["seed"], "task": task}
    recipe |= {"model": {"path": model}, "prompt": {"variant": cell["variant"]}}
    (folder / "config.yaml").write_text(json.dumps(recipe), encoding="utf-8")  # JSON is YAML
    (folder / "fingerprint.json").write_text(json.dumps({"run": cell["fingerprint"]}), encoding="utf-8")
    for row, code in enumerate(targets):
        lines = []
        for item, label in enumerate(gold):
            chosen = int(label) if right[row, item] else (int(label) + 1) % 3
            lines.append(
                {
                    "id": f"item{item}",
                    "language": code,
                    "label": LABELS[label],
                    "adapter_prediction": LABELS[chosen],
                    "adapter_log_likelihoods": [-1.0 if i == chosen else -2.0 for i in range(3)],
                    "base_prediction": LABELS[base[row, item]],
                    "base_log_likelihoods": [-1.0 if i == base[row, item] else -2.0 for i in range(3)],
                }
                | ({"group": f"premise{item // group_rows}"} if group_rows > 1 else {})
            )
        text = "\n".join(json.dumps(line) for line in lines) + "\n"
        (folder / "predictions" / f"{code}.jsonl").write_text(text, encoding="utf-8")
    rows = [{"language": code, "role": "target", "status": "ok", "reason": ""} for code in targets]
    provenance = {"base_sha256": base_sha256, "adapter_sha256": "a" * 64, "environment": {"git_commit": "0123456789"}}
    results = {"status": "ok", "results": rows, "provenance": provenance, "labels": label_reports(targets, gold, right)}
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    seal(folder)
    return folder


def label_reports(targets: Sequence[str], gold: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    """As results.json has them, as far as the report reads them."""
    found = []
    for code, hits in zip(targets, right, strict=True):
        confusion = np.zeros((3, 4), dtype=int)
        np.add.at(confusion, (gold, np.where(hits, gold, (gold + 1) % 3)), 1)
        labels = [{"label": name} for name in LABELS]
        found.append({"system": "adapter", "language": code, "labels": labels, "confusion": confusion.tolist()})
    return found


def seal(folder: Path) -> None:
    """COMPLETE.json with the hashes of the files as they are."""
    files = [folder / "config.yaml", folder / "results.json", *sorted((folder / "predictions").glob("*.jsonl"))]
    hashes = {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    (folder / "COMPLETE.json").write_text(json.dumps({"files": hashes}), encoding="utf-8")


def study_in_memory(
    effect: Effect,
    *,
    sets: Sequence[tuple[str, ...]],
    targets: Sequence[str] = TARGETS,
    num_seeds: int = 3,
    num_items: int = 100,
    seed_sd: float = 0.15,
    shared_seed_sd: float = 0.0,
    parallel: bool = True,
    group_rows: int = 1,
    group_sd: float = 0.0,
    num_assignments: int = 1,
    assignment_sd: float = 0.0,
    draw: int = 0,
) -> Study:
    """A study as ``collect`` gives it, without files, for simulations by the thousand.

    ``group_sd``: of what each cell makes of a whole group of rows, in all languages.
    """
    rng = np.random.default_rng(draw)
    hard = rng.normal(size=num_items if parallel else (len(targets), num_items))
    easy = np.linspace(-0.5, 0.5, len(targets))[:, None]
    shared = rng.normal(scale=shared_seed_sd, size=num_seeds)
    cells = []
    for sources in sets:
        effects = np.array([effect(sources, code) for code in targets])[:, None]
        of_assignments = rng.normal(scale=assignment_sd, size=num_assignments) if assignment_sd else np.zeros(1)
        for assignment, seed in itertools.product(range(num_assignments), range(num_seeds)):
            shift = rng.normal(scale=seed_sd) + shared[seed] + of_assignments[assignment]
            if group_sd:
                shift = shift + np.repeat(rng.normal(scale=group_sd, size=num_items // group_rows), group_rows)
            chance = 1 / (1 + np.exp(-(0.8 + easy + effects + shift - hard)))
            counts = np.ones((len(targets), num_items, 2), dtype=np.float32)
            counts[:, :, 0] = rng.random((len(targets), num_items)) < chance
            name = f"{'-'.join(sources)}_a{assignment}_s{seed}"
            cells.append(ScoredCell(name, sources, seed, Slice(1500, "direct"), counts, assignment))
    ids = tuple(tuple(f"{'' if parallel else code}item{i}" for i in range(num_items)) for code in targets)
    group_of = tuple("" if group_rows == 1 else f"group{i // group_rows}" for i in range(num_items))
    return Study(
        name="simulated",
        folder=Path("simulated"),
        manifest={"config": {"criteria": ["l2v_syntax"]}, "versions": {}},
        pool=POOL,
        targets=tuple(targets),
        measure=ACCURACY,
        item_ids=ids,
        groups=(group_of,) * len(targets),
        cells=tuple(cells),
        base=None,
        missing=(),
        num_planned=len(cells),
        num_unmatched=0,
        model="world",
        task="xnli",
        is_world=True,
        is_of_world_rows=True,
        num_choices=3,
        majority_share=None,
        provenance={},
        manifest_sha256="",
    )


def expected_figure(effect: float, seed_sd: float, targets: Sequence[str] = TARGETS) -> float:
    """The figure of a set with this effect in all targets, over all items and seeds that there could be."""
    rng = np.random.default_rng(99)
    shift = rng.normal(scale=np.hypot(1.0, seed_sd), size=400_000)  # item and seed are normal and added
    easy = np.linspace(-0.5, 0.5, len(targets))
    return float(np.mean([(1 / (1 + np.exp(-(0.8 + e + effect + shift)))).mean() for e in easy]))


def with_figures(effect, sets=ALL, **more) -> SetFigures:
    study = study_in_memory(effect, sets=sets, **{"num_items": 150, "num_seeds": 2, **more})
    return resample(study, study.slices[0], Settings(num_bootstrap=300))


def column(table: Table, key: str) -> list:
    return table.frame[key].tolist()


def done(one: Analysis | NotDone) -> Analysis:
    assert isinstance(one, Analysis), one
    return one
