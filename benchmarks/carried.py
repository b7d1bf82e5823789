"""What an adapter gains in a language from another task's (`mslt combine method=adamergex`), from finished runs.

    python benchmarks/carried.py joined/*

Each folder is a combination: task A in a source language + task B in the target - task B in the source. It is
compared, in the target, with its own first run (task A in the source, as it transfers by itself), paired by item; the
intervals of the difference are for other items and other seeds (`mslt_it.evaluation.seeds`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from mslt_it.evaluation.estimates import Settings
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import ACCURACY
from mslt_it.evaluation.seeds import SeedMean, seed_means


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="folders of `mslt combine method=adamergex`")
    folders: list[Path] = parser.parse_args().folders
    found: dict[tuple[str, ...], dict[tuple[str, str], list[Cell]]] = defaultdict(dict)
    pools: dict[str, tuple[str, int]] = {}
    for folder in folders:
        made = json.loads((folder / "results.json").read_text(encoding="utf-8"))["provenance"]["combination"]
        first, second = made["adapters"][:2]
        target, seed = second["sources"][0], first["seed"]
        key = (first["task"], " ".join(first["sources"]), second["task"], target)
        for pool, place in (("plain", Path(first["run"])), ("carried", folder)):
            pools[f"{pool} {seed}"] = (pool, seed)
            found[key][f"{pool} {seed}", ""] = [_cell(place, target)]
    print("| task A | learned in | task B | asked in | seeds | A alone | carried | difference | p |")
    print("|---|---|---|---|---|---|---|---|---|")
    for names, systems in sorted(found.items()):
        means = seed_means(names[0], ACCURACY, systems, pools, Settings())
        of = {one.name: one for one in means if not one.minus and not one.language}
        moved = next((one for one in means if one.minus), None)
        if moved is None:
            sys.exit(f"{' '.join(names)}: there is one seed. Give the folders of two or more.")
        sign = 1 if moved.name == "carried" else -1
        low, high = sorted((sign * moved.low, sign * moved.high))
        cells = (*names, str(len(moved.seeds)), _of(of["plain"]), _of(of["carried"]))
        change = f"{100 * sign * moved.value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        print("| " + " | ".join((*cells, change, f"{moved.p:.3f}")) + " |")
    return 0


def _cell(run: Path, language: str) -> Cell:
    lines = (run / "predictions" / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    right = np.array([[row["adapter_prediction"] == row["label"], 1] for row in rows], dtype=float)
    return Cell(language, tuple(row["id"] for row in rows), right, tuple(row["group"] for row in rows))


def _of(mean: SeedMean) -> str:
    return f"{100 * mean.value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
