"""Means and standard errors over seeds, from finished runs.

    python benchmarks/seed_table.py runs/xnli_3src-* runs/xnli_1src-*

Runs of one recipe are its seeds, each given once. Recipes are compared on the target languages that all share.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import defaultdict
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="finished run folders")
    folders: list[Path] = parser.parse_args().folders
    runs: dict[str, list[dict[str, float]]] = defaultdict(list)
    bases: dict[str, list[dict[str, float]]] = defaultdict(list)
    seen: dict[str, list[float]] = defaultdict(list)
    seeds: dict[str, list[int]] = defaultdict(list)
    sources: dict[str, str] = {}
    for folder in folders:
        content = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        if content["status"] != "ok":
            print(f"left out, status {content['status']}: {folder}", file=sys.stderr)
            continue
        provenance = content["provenance"]
        name, seed = provenance["recipe"], provenance["seed"]
        if seed in seeds[name]:  # of other settings, or of the same run twice
            print(
                f"{folder}: another run of {name} with seed {seed}; give those that differ by it alone", file=sys.stderr
            )
            return 2
        results = [row for row in content["results"] if row["metric"] == content["results"][0]["metric"]]
        targets = [row for row in results if row["role"] == "target" and " " not in row["language"]]
        runs[name].append({row["language"]: row["value"] for row in targets})
        bases[name].append({row["language"]: row["base_value"] for row in targets})
        own = [row["value"] for row in results if row["role"] == "source"]
        seen[name].append(sum(own) / len(own))
        seeds[name].append(seed)
        sources[name] = " ".join(provenance["sources"])
    if not runs:
        print("no finished runs given", file=sys.stderr)
        return 2
    shared = set.intersection(*(set(run) for group in runs.values() for run in group))
    print(f"| recipe | sources | seeds | seen | unseen, the {len(shared)} shared | the same, untuned |")
    print("|---|---|---|---|---|---|")
    for name, group in runs.items():
        figures = [sum(run[code] for code in shared) / len(shared) for run in group]
        untuned = [sum(run[code] for code in shared) / len(shared) for run in bases[name]]
        chosen = ", ".join(map(str, sorted(seeds[name])))
        cells = (name, sources[name], chosen, _mean(seen[name]), _mean(figures), _mean(untuned))
        print("| " + " | ".join(cells) + " |")
    print("\nAccuracy in per cent, mean ± standard error over seeds.")
    print(f"Shared unseen languages: {' '.join(sorted(shared))}.")
    return 0


def _mean(values: list[float]) -> str:
    mean = sum(values) / len(values)
    if len(values) < 2:
        return f"{100 * mean:.1f}"
    variance = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return f"{100 * mean:.1f} ± {100 * math.sqrt(variance / len(values)):.1f}"


if __name__ == "__main__":
    sys.exit(main())
