"""How often a language is called above chance: where it is not, and where it is.

    python benchmarks/above_chance.py          # a minute

Rows of a language are in groups (a premise, a passage, a template), of equal or very different sizes. A group is right
or wrong as a whole in the share ``together`` of cases; else each row decides by itself. What is right at the bar (the
larger of 1 / labels and the majority's share) is not above chance: `evaluation.intervals.p_above` may call it so in
2.5 % of samples at most, alone, and Holm's correction of 26 such languages may call any of them so in as few. Twice as
many are allowed here. What is right far more often should be found, also as one of 26.

``labels``: rows have labels, drawn for each group, and the model answers by lot, by the labels' frequencies, or nearly
always the most frequent one; the bar is that of the rows drawn.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.evaluation.intervals import holm, p_above

RESULTS = Path(__file__).parent / "results" / "above_chance.json"
LEVEL, ALLOWED = 0.025, 0.05
SAMPLES, FOUND_OF, FAMILIES, LANGUAGES = 2000, 300, 200, 26
GROUPINGS = {  # rows of each group
    "40 rows alone": [1] * 40,
    "40 rows in 20 pairs": [2] * 20,
    "40 rows in 10 groups of 4": [4] * 10,
    "40 rows in 14 groups of 1 to 10": [10, 6, 5, 4, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1],
    "40 rows in 6 groups": [12, 10, 7, 5, 4, 2],
    "60 rows in 20 premises of 3": [3] * 20,
    "300 rows in 100 premises of 3": [3] * 100,
    "190 rows in 44 passages of 1 to 8": [1 + n % 8 for n in range(44)],
}
BARS = {"12 labels, 14 % of one": 0.14, "3 labels": 1 / 3, "2 labels": 0.5, "70 % of one": 0.7}
TOGETHER = (0.0, 0.5, 1.0)
ACCURACIES = (0.4, 0.68, 0.88)


def right_rows(rng: np.random.Generator, clusters: np.ndarray, rate: float, together: float) -> np.ndarray:
    """(rows,) 1 or 0."""
    num = clusters.max() + 1
    as_whole, whole = rng.random(num) < together, rng.random(num) < rate
    return np.where(as_whole[clusters], whole[clusters], rng.random(len(clusters)) < rate).astype(float)


def found(
    rng: np.random.Generator, clusters: np.ndarray, rate: float, together: float, bar: float, samples: int
) -> dict[str, float]:
    """Shares of samples whose p is small enough for one language, and for the first of 26."""
    p = np.array([p_above(right_rows(rng, clusters, rate, together), clusters, bar) for _ in range(samples)])
    return {"alone": float((p <= LEVEL).mean()), "first of 26": float((p <= LEVEL / LANGUAGES).mean())}


def family(rng: np.random.Generator, clusters: np.ndarray, together: float, bar: float) -> float:
    """Share of families of 26 languages at the bar of which any is found."""
    p = [
        [p_above(right_rows(rng, clusters, bar, together), clusters, bar) for _ in range(LANGUAGES)]
        for _ in range(FAMILIES)
    ]
    return float(np.mean([min(holm(one)) <= LEVEL for one in p]))


def knowing_nothing(rng: np.random.Generator, clusters: np.ndarray, labels: np.ndarray, answers: np.ndarray) -> float:
    """The same share, of answers that do not depend on the text; a group has one label and, half of the time, one
    answer."""
    num, found = clusters.max() + 1, 0
    for _ in range(SAMPLES):
        gold = rng.choice(len(labels), num, p=labels)[clusters]
        as_whole, whole = rng.random(num) < 0.5, rng.choice(len(labels), num, p=answers)
        said = np.where(as_whole[clusters], whole[clusters], rng.choice(len(labels), len(clusters), p=answers))
        bar = max(1 / len(labels), np.bincount(gold).max() / len(gold))
        found += p_above((said == gold).astype(float), clusters, bar) <= LEVEL
    return found / SAMPLES


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rng, started = np.random.default_rng(0), time.monotonic()
    rows: list[dict[str, Any]] = []
    for name, sizes in GROUPINGS.items():
        clusters = np.repeat(np.arange(len(sizes)), sizes)
        for told, bar in BARS.items():
            for together in TOGETHER if max(sizes) > 1 else TOGETHER[:1]:
                row: dict[str, Any] = {"rows": name, "bar": told, "together": together}
                row["at the bar"] = found(rng, clusters, bar, together, bar, SAMPLES)
                above = {a: found(rng, clusters, a, together, bar, FOUND_OF) for a in ACCURACIES if a > bar}
                row["above"] = {accuracy: one["first of 26"] for accuracy, one in above.items()}
                rows.append(row)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    families = {
        f"{name}, {told}, all together": family(rng, np.repeat(np.arange(len(sizes)), sizes), 1.0, bar)
        for name, sizes in list(GROUPINGS.items())[1:6]
        for told, bar in list(BARS.items())[:2]
    }
    frequent = np.array([0.14, 0.12, *[0.074] * 10])
    labels = {
        f"{name}, {how}": knowing_nothing(rng, np.repeat(np.arange(len(sizes)), sizes), frequent, answers)
        for name, sizes in list(GROUPINGS.items())[:6]
        for how, answers in (
            ("by lot", np.full(12, 1 / 12)),
            ("as often as the labels", frequent),
            ("mostly the most frequent", np.array([0.9, *[0.1 / 11] * 11])),
        )
    }
    worst = max([r["at the bar"]["alone"] for r in rows] + list(families.values()) + list(labels.values()))
    RESULTS.write_text(json.dumps({
        "what": "share of samples called above chance by mslt_it.evaluation.intervals.p_above at 2.5 %, see "
                "benchmarks/above_chance.py", "samples": SAMPLES, "largest where it is not": worst,
        "one language": rows, "any of 26 languages at the bar": families, "labels": labels,
    }, indent=1) + "\n")  # fmt: skip
    print(f"largest where nothing is above: {worst:.3f}")
    assert worst <= ALLOWED


if __name__ == "__main__":
    main()
