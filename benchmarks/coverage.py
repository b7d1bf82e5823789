"""How often intervals hold the truth, and how often tests find what is not there.

    python benchmarks/coverage.py

Populations whose truth is known are drawn again and again, and estimated by mslt_it.evaluation.estimates.
Items are as hard for all systems (and, where shared, for all languages) as a latent normal variable says: a system is
right where the sum of a part shared over languages, a part shared by systems and its own noise is below the threshold
of its rate. Each of these parts is in some share the same for all items of a group, as of a premise or passage. For F1
an item is a sentence with 0 to 3 names, each found at the rate, and two places for false ones; for macro-F1 it has one
of three labels, and a system that is wrong says one of the others.

A coverage counts as right between 93 and 97 %; with 1,000 samples its own standard error is 0.7 %. Rows marked "wide"
are extreme on purpose (few items that differ, or that are wrong): only too narrow counts as wrong there. What becomes
of the same samples if groups are not told stands beside. A test counts as right if it finds a difference where
there is none in at most 7 % of samples, at the level of 5 %.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from mslt_it.evaluation.estimates import Difference, Estimate, Settings, difference, differences, macro
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import ACCURACY, MACRO_F1, MEASURES, Measure

F1 = MEASURES["span_f1"][0]
RESULTS = Path(__file__).parent / "results" / "coverage.json"
LOW, HIGH = 0.93, 0.97
MAX_ERROR = 0.07  # of tests at 5 %
NUM_SLOTS = 3  # names in a sentence at most
NUM_FALSE = 2  # places for false ones
LABELS = np.array([0.5, 0.3, 0.2])  # how often each is right
THREE, EIGHT = (3, 3), (1, 8)  # rows of a group: XNLI's premises; TyDiQA's passages


@dataclass(frozen=True)
class Population:
    """Languages and systems with known rates of being right."""

    name: str
    measure: Measure
    rates: tuple[tuple[float, ...], ...]  # systems x languages; one: its figure is estimated, two: the difference
    sizes: tuple[int, ...]  # items per language
    shift: int | None = None  # where a language's items begin after the last one's; 0: parallel, None: apart
    agreement: float = 0.6  # correlation of two systems' latent values on an item; 0.3 of it is shared over languages
    may_be_wide: bool = False
    group_rows: tuple[int, int] = (1, 1)  # fewest and most
    group_variance: float = 0.0  # of the latent variance, the share that an item's group has in common
    rate_sd: float = 0.0  # languages are drawn: the rates are those of the population of languages

    @property
    def is_grouped(self) -> bool:
        return self.group_rows != (1, 1)

    def truth(self, system: int) -> float:
        """The mean over languages of the system's expected figure."""
        return float(np.mean([self._figure(rate) for rate in self.rates[system]]))

    def _figure(self, rate: float) -> float:
        if self.measure is ACCURACY:
            return rate
        if self.measure is MACRO_F1:
            said = LABELS * rate + (1 - LABELS) * (1 - rate) / 2
            return float(np.mean(2 * LABELS * rate / (LABELS + said)))
        right = rate * NUM_SLOTS / 2
        return 2 * right / (right + false_rate(rate) * NUM_FALSE + NUM_SLOTS / 2)

    def draw(self, rng: np.random.Generator) -> list[list[Cell]]:
        """A sample: per system one cell per language."""
        slots = NUM_SLOTS + NUM_FALSE if self.measure is F1 else 1
        systems: list[list[Cell]] = [[] for _ in self.rates]
        moved = rng.normal(0, self.rate_sd, size=(len(self.rates), len(self.sizes))) if self.rate_sd else None
        for number, n in enumerate(self.sizes):
            if number == 0 or self.shift is None:
                starts = [(self.shift or 0) * i for i in range(len(self.sizes))]
                whole = n if self.shift is None else max(s + size for s, size in zip(starts, self.sizes, strict=True))
                all_groups = self._groups(rng, whole)
                topic = self._normal(rng, all_groups, 1)
                drawn = rng.choice(3, size=whole, p=LABELS), rng.integers(0, NUM_SLOTS + 1, size=whole)
            rows = slice(starts[number], starts[number] + n) if self.shift is not None else slice(n)
            owner = 0 if self.shift is not None else number
            ids = tuple(f"{owner}:{item}" for item in range(whole)[rows])
            groups, (gold, num_names) = all_groups[rows], (one[rows] for one in drawn)
            named = tuple(f"{owner}:{group}" for group in groups) if self.is_grouped else ()
            shared = math.sqrt(0.3) * topic[rows]
            shared = shared + math.sqrt(self.agreement - 0.3) * self._normal(rng, groups, slots)
            for system, (cells, rates) in enumerate(zip(systems, self.rates, strict=True)):
                latent = shared + math.sqrt(1 - self.agreement) * self._normal(rng, groups, slots)
                rate = rates[number] + (moved[system, number] if moved is not None else 0.0)
                counts = self._counts(rng, latent, rate, gold, num_names)
                cells.append(Cell(f"l{number}", ids, counts, named))
        return systems

    def _groups(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """(n,) number of each row's group."""
        low, high = self.group_rows
        return np.repeat(np.arange(n), rng.integers(low, high + 1, size=n))[:n]

    def _normal(self, rng: np.random.Generator, groups: np.ndarray, slots: int) -> np.ndarray:
        """(rows, slots) with variance 1."""
        own = rng.standard_normal((len(groups), slots))
        if not self.group_variance:
            return own
        of_group = rng.standard_normal((groups.max() + 1, slots))[groups]
        return math.sqrt(self.group_variance) * of_group + math.sqrt(1 - self.group_variance) * own

    def _counts(
        self, rng: np.random.Generator, latent: np.ndarray, rate: float, gold: np.ndarray, num_names: np.ndarray
    ) -> np.ndarray:
        right = latent < NormalDist().inv_cdf(rate)
        if self.measure is F1:
            is_name = np.arange(NUM_SLOTS) < num_names[:, None]
            found = (right[:, :NUM_SLOTS] & is_name).sum(axis=1)
            false = (latent[:, NUM_SLOTS:] > -NormalDist().inv_cdf(false_rate(rate))).sum(axis=1)
            return np.stack([found, false, num_names - found], axis=1)
        said = np.where(right[:, 0], gold, (gold + rng.integers(1, 3, size=len(gold))) % 3)
        assert self.measure.of_labels is not None
        return self.measure.of_labels(gold, said, 3)


def false_rate(rate: float) -> float:
    """A system that finds fewer names also invents more."""
    return (1 - rate) / 2


def spread(low: float, high: float, number: int, less: float = 0.0) -> tuple[float, ...]:
    return tuple(float(rate) - less for rate in np.linspace(low, high, number))


MID, HARD = spread(0.45, 0.8, 4), spread(0.45, 0.8, 4, less=0.05)
TOP, TOP_LESS = spread(0.9, 0.99, 4), spread(0.9, 0.99, 4, less=0.01)
MIXED = (100, 200, 300, 400)
NAMES, NAMES_LESS = spread(0.55, 0.85, 4), spread(0.55, 0.85, 4, less=0.03)


def with_groups(
    name: str, measure: Measure, rates: tuple[tuple[float, ...], ...], sizes: tuple[int, ...], **more: Any
) -> tuple[Population, ...]:
    """With a share of 0, 0.1, 0.2 and 0.3 of the variance in common."""
    return tuple(
        Population(f"{name}, {share:.0%} of variance", measure, rates, sizes, group_variance=share, **more)
        for share in (0.0, 0.1, 0.2, 0.3)
    )


INDEPENDENT = (
    Population("accuracy, 1 language of 100", ACCURACY, ((0.8,),), (100,)),
    Population("accuracy, 4 languages of 100", ACCURACY, (MID,), (100,) * 4),
    Population("accuracy, 4 languages of 100, parallel", ACCURACY, (MID,), (100,) * 4, 0),
    Population("accuracy, 4 languages of 100 to 400", ACCURACY, (MID,), MIXED),
    Population("accuracy, 4 languages of 400, parallel", ACCURACY, (MID,), (400,) * 4, 0),
    Population("accuracy 90-99 %, 4 languages of 100, parallel", ACCURACY, (TOP,), (100,) * 4, 0),
    Population("F1, 1 language of 100", F1, ((0.7,),), (100,)),
    Population("F1, 1 language of 400", F1, ((0.7,),), (400,)),
    Population("F1, 4 languages of 100 to 400", F1, (NAMES,), MIXED),
    Population("F1, 4 languages of 100, parallel", F1, (NAMES,), (100,) * 4, 0),
    Population("macro-F1, 1 language of 100", MACRO_F1, ((0.7,),), (100,)),
    Population("macro-F1, 4 languages of 100, parallel", MACRO_F1, (MID,), (100,) * 4, 0),
    Population("difference of accuracies, 1 language of 100", ACCURACY, ((0.7,), (0.65,)), (100,)),
    Population("difference of accuracies, 4 languages of 100", ACCURACY, (MID, HARD), (100,) * 4),
    Population("difference of accuracies, 4 of 100, parallel", ACCURACY, (MID, HARD), (100,) * 4, 0),
    Population("difference of accuracies, 4 of 100 to 400", ACCURACY, (MID, HARD), MIXED),
    Population("difference of accuracies, 4 of 400, parallel", ACCURACY, (MID, HARD), (400,) * 4, 0),
    Population("difference of accuracies 90-99 %, 4 of 100, parallel", ACCURACY, (TOP, TOP_LESS), (100,) * 4, 0, 0.8),
    Population(
        "difference of 97 and 96.5 %, 1 language of 100", ACCURACY, ((0.97,), (0.965,)), (100,), None, 0.9, True
    ),
    Population("difference of F1, 1 language of 100", F1, ((0.7,), (0.67,)), (100,)),
    Population("difference of F1, 4 languages of 100 to 400", F1, (NAMES, NAMES_LESS), MIXED),
    Population("difference of F1, 4 of 100, parallel", F1, (NAMES, NAMES_LESS), (100,) * 4, 0),
    Population("difference of F1, alike, 1 language of 100", F1, ((0.9,), (0.895,)), (100,), None, 0.995, True),
    Population("difference of macro-F1, 1 language of 100", MACRO_F1, ((0.7,), (0.65,)), (100,)),
)
OVERLAPPING = (
    Population("accuracy, 300, 40 and 120 apart", ACCURACY, ((0.45, 0.6, 0.8),), (300, 40, 120)),
    Population("accuracy, 10, 300 and 300 apart, 85-95 %", ACCURACY, ((0.9, 0.85, 0.95),), (10, 300, 300)),
    Population("accuracy, 13 languages of 40", ACCURACY, (spread(0.5, 0.9, 13),), (40,) * 13),
    Population("accuracy, 13 languages of 40, parallel", ACCURACY, (spread(0.5, 0.9, 13),), (40,) * 13, 0),
    Population("accuracy, 300, 40 and 120 in one list", ACCURACY, ((0.45, 0.6, 0.8),), (300, 40, 120), 0),
    Population("accuracy, 4 of 100, half of it shared", ACCURACY, (MID,), (100,) * 4, 50),
    Population(
        "difference of accuracies, 300, 40, 120", ACCURACY, ((0.45, 0.6, 0.8), (0.4, 0.6, 0.75)), (300, 40, 120)
    ),
    Population("difference of accuracies, half shared", ACCURACY, (MID, HARD), (100,) * 4, 50),
    Population("F1, 20, 300 and 300 apart", F1, (NAMES[:3],), (20, 300, 300)),
    Population("macro-F1, 300, 40 and 120 apart", MACRO_F1, ((0.45, 0.6, 0.8),), (300, 40, 120)),
)
GROUPED = (
    *with_groups("accuracy, 1 language of 300, threes", ACCURACY, ((0.7,),), (300,), group_rows=THREE),
    *with_groups("accuracy, 4 of 300, threes, parallel", ACCURACY, (MID,), (300,) * 4, shift=0, group_rows=THREE),
    *with_groups("accuracy, 1 language of 300, passages", ACCURACY, ((0.7,),), (300,), group_rows=EIGHT),
    *with_groups("difference, 1 of 300, threes", ACCURACY, ((0.7,), (0.65,)), (300,), group_rows=THREE),
    *with_groups(
        "difference, 4 of 300, passages, parallel", ACCURACY, (MID, HARD), (300,) * 4, shift=0, group_rows=EIGHT
    ),
    *with_groups("F1, 1 language of 300, passages", F1, ((0.7,),), (300,), group_rows=EIGHT),
    *with_groups("difference of F1, 1 of 300, passages", F1, ((0.7,), (0.67,)), (300,), group_rows=EIGHT),
    *with_groups("macro-F1, 1 language of 300, threes", MACRO_F1, ((0.7,),), (300,), group_rows=THREE),
)
FEW: dict[str, Any] = {"group_rows": EIGHT, "group_variance": 0.2}
FEW_GROUPS = (
    Population("accuracy, 90 rows of about 20 passages", ACCURACY, ((0.7,),), (90,), **FEW),
    Population("accuracy 95 %, 90 rows of about 20 passages", ACCURACY, ((0.95,),), (90,), may_be_wide=True, **FEW),
    Population("accuracy 97 %, 300 rows, threes", ACCURACY, ((0.97,),), (300,), group_rows=THREE, group_variance=0.2),
    Population("accuracy, 4 of 90, passages, parallel", ACCURACY, (MID,), (90,) * 4, 0, **FEW),
    Population("accuracy, 45, 300 and 300, passages", ACCURACY, ((0.6, 0.7, 0.8),), (45, 300, 300), **FEW),
    Population("accuracy, 4 of 90, passages, a third moved", ACCURACY, (MID,), (90,) * 4, 30, **FEW),
    Population("difference, 90 rows of about 20 passages", ACCURACY, ((0.7,), (0.6,)), (90,), **FEW),
    Population("difference, 4 of 90, passages", ACCURACY, (MID, HARD), (90,) * 4, **FEW),
    Population("F1, 90 rows of about 20 passages", F1, ((0.7,),), (90,), **FEW),
    Population("macro-F1, 90 rows of about 20 passages", MACRO_F1, ((0.7,),), (90,), **FEW),
    Population("difference of macro-F1, about 20 passages", MACRO_F1, ((0.7,), (0.65,)), (90,), **FEW),
)
# What the test finds at 5 % where two systems are alike.
NULLS = (
    Population("alike, 1 of 300, threes", ACCURACY, ((0.7,),) * 2, (300,), group_rows=THREE, group_variance=0.2),
    *with_groups("alike, 1 of 300, passages", ACCURACY, ((0.7,),) * 2, (300,), group_rows=EIGHT),
    Population("alike, 4 of 300, passages, parallel", ACCURACY, (MID,) * 2, (300,) * 4, 0, **FEW),
    Population("alike, 4 of 90, passages", ACCURACY, (MID,) * 2, (90,) * 4, **FEW),
    Population("alike, 90 rows of about 20 passages", ACCURACY, ((0.7,),) * 2, (90,), **FEW),
    Population("alike, F1, 1 of 300, passages", F1, ((0.7,),) * 2, (300,), **FEW),
    Population("alike, macro-F1, 1 of 300, passages", MACRO_F1, ((0.7,),) * 2, (300,), **FEW),
    Population("alike, macro-F1, about 20 passages", MACRO_F1, ((0.7,),) * 2, (90,), **FEW),
)
# The truth is the mean over all languages that could have been drawn.
LANGUAGES = tuple(
    Population(name, ACCURACY, ((0.65,) * num, *more), (400,) * num, shift, rate_sd=sd)
    for name, num, shift, sd, more in (
        ("accuracy, 5 languages of 400", 5, None, 0.034, ()),
        ("accuracy, 13 languages of 400", 13, None, 0.034, ()),
        ("accuracy, 5 languages of 400, parallel", 5, 0, 0.034, ()),
        ("accuracy, 13 languages of 400, parallel", 13, 0, 0.034, ()),
        ("accuracy, 13 languages, SD 8 points, parallel", 13, 0, 0.08, ()),
        ("difference of accuracies, 5 of 400, parallel", 5, 0, 0.034, ((0.6,) * 5,)),
        ("difference of accuracies, 13 of 400, parallel", 13, 0, 0.034, ((0.6,) * 13,)),
    )
)
FAMILIES = (
    Population("6 pairs of 4 alike, parallel", ACCURACY, (MID,) * 4, (200,) * 4, 0),
    Population("6 pairs of 4 alike", ACCURACY, (MID,) * 4, MIXED),
    Population("6 pairs of 4, one of them worse, parallel", ACCURACY, (MID, MID, MID, HARD), (200,) * 4, 0),
    Population("6 pairs of 4 alike, 90-99 %, parallel", ACCURACY, (TOP,) * 4, (100,) * 4, 0),
    Population("6 pairs of 4 alike, F1, 1 language", F1, ((0.7,),) * 4, (100,)),
    Population("6 pairs of 4 alike, F1, parallel", F1, (NAMES,) * 4, (100,) * 4, 0),
    Population("6 pairs of 4 alike, passages, parallel", ACCURACY, (MID,) * 4, (300,) * 4, 0, **FEW),
)
POPULATIONS = (*INDEPENDENT, *OVERLAPPING, *GROUPED, *FEW_GROUPS)


def estimate(population: Population, cells: Sequence[Sequence[Cell]], settings: Settings) -> Estimate | Difference:
    if len(cells) == 2:
        return difference(population.measure, *cells, settings=settings)
    return macro(population.measure, cells[0], settings=settings)


def coverage(population: Population, *, num_samples: int, num_bootstrap: int, seed: int) -> dict[str, float]:
    """Shares of samples whose 95 % interval holds the truth, lies above it, lies below it; and the mean width.

    Of two systems also the share whose p is at most 5 %; of grouped rows what it all would be as single ones; of drawn
    languages what the interval for languages like these does.
    """
    truth = population.truth(0) - (population.truth(1) if len(population.rates) == 2 else 0.0)
    rng = np.random.default_rng(seed)
    rows = []
    for sample in range(num_samples):
        settings = Settings(num_bootstrap=num_bootstrap, seed=sample)
        cells = population.draw(rng)
        found = estimate(population, cells, settings)
        row = {
            "coverage": found.low <= truth + 1e-12 and found.high >= truth - 1e-12,
            "above": found.low > truth + 1e-12,
            "below": found.high < truth - 1e-12,
            "width": found.high - found.low,
        }
        if isinstance(found, Difference):
            row["p_at_most_5_percent"] = found.p <= 0.05
        if population.rate_sd:
            low, high = found.languages_low, found.languages_high
            assert low is not None and high is not None
            row |= {"languages_coverage": low <= truth <= high, "languages_width": high - low}
        if population.is_grouped:
            apart = [[replace(cell, groups=()) for cell in of] for of in cells]
            plain = estimate(population, apart, settings)
            row["ungrouped_coverage"] = plain.low <= truth + 1e-12 and plain.high >= truth - 1e-12
            if isinstance(plain, Difference):
                row["ungrouped_p_at_most_5_percent"] = plain.p <= 0.05
        rows.append(row)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def family(population: Population, *, num_samples: int, num_bootstrap: int, seed: int) -> dict[str, float]:
    """Shares of samples in which a true null is rejected at 5 %, with and without adjustment, and in which the
    simultaneous intervals hold all truths."""
    names = [f"s{number}" for number in range(len(population.rates))]
    truths = dict(zip(names, map(population.truth, range(len(names))), strict=True))
    rng = np.random.default_rng(seed)
    adjusted = plain = held = 0
    for sample in range(num_samples):
        found = differences(
            population.measure,
            dict(zip(names, population.draw(rng), strict=True)),
            list(combinations(names, 2)),
            settings=Settings(num_bootstrap=num_bootstrap, seed=sample),
        )
        nulls = [row for row in found if truths[row.name_a] == truths[row.name_b]]
        adjusted += any(row.p_adjusted <= 0.05 for row in nulls)
        plain += any(row.p <= 0.05 for row in nulls)
        held += all(row.family_low <= truths[row.name_a] - truths[row.name_b] <= row.family_high for row in found)
    return {
        "family_error": adjusted / num_samples,
        "unadjusted": plain / num_samples,
        "all_held": held / num_samples,
    }


def verdict(population: Population, row: dict[str, float]) -> str:
    """What a row of figures is outside of."""
    good = row["coverage"] >= LOW and (population.may_be_wide or row["coverage"] <= HIGH)
    if population in NULLS:
        good = good and row["p_at_most_5_percent"] <= MAX_ERROR
    if population in LANGUAGES:
        good = LOW <= row["languages_coverage"] <= HIGH
    return ("" if good else "  outside") + ("  wide" if population.may_be_wide else "")


def show(title: str, populations: Sequence[Population], common: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Prints and gives the figures of every population."""
    rows: dict[str, dict[str, float]] = {}
    columns: list[str] = []
    for population in populations:
        row = rows[population.name] = coverage(population, **common)
        if list(row) != columns:
            columns = list(row)
            print(f"\n{title}")
            print(f"{'95 % intervals':<66}" + "".join(f"{HEADS[name]:>11}" for name in columns))
        cells = (f"{v:>11.3f}" if "width" in name else f"{v:>11.1%}" for name, v in row.items())
        print(f"{population.name:<66}" + "".join(cells) + verdict(population, row), flush=True)
    return rows


HEADS = {
    "coverage": "covers",
    "above": "above",
    "below": "below",
    "width": "width",
    "p_at_most_5_percent": "p <= 5 %",
    "languages_coverage": "languages",
    "languages_width": "width",
    "ungrouped_coverage": "as rows",
    "ungrouped_p_at_most_5_percent": "p <= 5 %",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--bootstrap", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    common = {"num_samples": options.samples, "num_bootstrap": options.bootstrap, "seed": options.seed}
    started = time.perf_counter()
    found: dict[str, Any] = dict(common)
    for name, title, populations in (
        ("intervals", "Every row stands alone", INDEPENDENT),
        ("uneven", "Languages of different sizes, and some rows in common", OVERLAPPING),
        ("grouped", "Rows in groups, beside the same taken for single rows", (*GROUPED, *FEW_GROUPS)),
        ("nulls", "Two systems that are alike, rows in groups", NULLS),
        ("languages", "Languages drawn too: the truth is the mean over all that there could be", LANGUAGES),
    ):
        found[name] = show(title, populations, common)
    print(f"\n{'families, true nulls rejected at 5 %':<54}{'adjusted':>10}{'unadjusted':>12}{'all intervals hold':>20}")
    found["families"] = {}
    for population in FAMILIES:
        row = found["families"][population.name] = family(population, **common)
        outside = "" if row["family_error"] <= MAX_ERROR and row["all_held"] >= LOW else "  outside"
        figures = f"{row['family_error']:>10.1%}{row['unadjusted']:>12.1%}{row['all_held']:>20.1%}"
        print(f"{population.name:<54}{figures}{outside}", flush=True)
    print(f"\n{options.samples:,} samples each, {options.bootstrap:,} resamples; {time.perf_counter() - started:.0f} s")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
