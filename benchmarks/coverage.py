"""How often intervals hold the truth, and how often families of comparisons find what is not there.

    python benchmarks/coverage.py

Populations whose truth is known are drawn again and again, and each sample is estimated by mslt_it.scoring.estimates.
Items are as hard for all systems (and, where parallel, for all languages) as a latent normal variable says: a system is
right where the sum of a part shared over languages, a part shared by systems and its own noise is below the threshold
of its rate. For F1 an item is a sentence with 0 to 3 names, each found at the rate, and two places for false ones.

A coverage counts as right between 93 and 97 %; with 2,000 samples its own standard error is 0.5 %. Rows marked "wide"
are extreme on purpose (systems that differ on few items of one language): only too narrow counts as wrong there. The
plain percentile bootstrap stands beside.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from mslt_it.scoring.estimates import Cell, Difference, Estimate, Settings, difference, differences, macro, single
from mslt_it.scoring.measures import ACCURACY, Measure, f1

F1 = Measure("span_f1", f1, lambda item, text: ((0.0, 0.0, 0.0), False))  # its counts are drawn, not read from texts
RESULTS = Path(__file__).parent / "results" / "coverage.json"
LOW, HIGH = 0.93, 0.97
MAX_FAMILY_ERROR = 0.07
NUM_SLOTS = 3  # names in a sentence at most
NUM_FALSE = 2  # places for false ones


@dataclass(frozen=True)
class Population:
    """Languages and systems with known rates of being right."""

    name: str
    measure: Measure
    rates: tuple[
        tuple[float, ...], ...
    ]  # systems x languages; one system: its figure is estimated, two: the difference
    sizes: tuple[int, ...]  # items per language
    parallel: bool = False
    agreement: float = 0.6  # correlation of two systems' latent values on an item; 0.3 of it is shared over languages
    may_be_wide: bool = False

    def truth(self, system: int) -> float:
        """The mean over languages of the system's expected figure."""
        if self.measure is ACCURACY:
            return float(np.mean(self.rates[system]))
        found = []
        for rate in self.rates[system]:
            right = rate * NUM_SLOTS / 2
            false = false_rate(rate) * NUM_FALSE
            found.append(2 * right / (2 * right + false + NUM_SLOTS / 2 - right))
        return float(np.mean(found))

    def draw(self, rng: np.random.Generator) -> list[list[Cell]]:
        """A sample: per system one cell per language."""
        slots = 1 if self.measure is ACCURACY else NUM_SLOTS + NUM_FALSE
        systems: list[list[Cell]] = [[] for _ in self.rates]
        for number, n in enumerate(self.sizes):
            if number == 0 or not self.parallel:
                topic = rng.standard_normal((n, 1))
                num_names = rng.integers(0, NUM_SLOTS + 1, size=(n, 1))
                ids = tuple(f"{0 if self.parallel else number}:{item}" for item in range(n))
            item = math.sqrt(0.3) * topic + math.sqrt(self.agreement - 0.3) * rng.standard_normal((n, slots))
            for cells, rates in zip(systems, self.rates, strict=True):
                latent = item + math.sqrt(1 - self.agreement) * rng.standard_normal((n, slots))
                right = latent < NormalDist().inv_cdf(rates[number])
                if self.measure is ACCURACY:
                    counts = np.concatenate([right, np.ones((n, 1))], axis=1)
                else:
                    is_name = np.arange(NUM_SLOTS) < num_names
                    found = (right[:, :NUM_SLOTS] & is_name).sum(axis=1)
                    false = (latent[:, NUM_SLOTS:] > -NormalDist().inv_cdf(false_rate(rates[number]))).sum(axis=1)
                    counts = np.stack([found, false, num_names[:, 0] - found], axis=1)
                cells.append(Cell(f"l{number}", ids, counts))
        return systems


def false_rate(rate: float) -> float:
    """A system that finds fewer names also invents more."""
    return (1 - rate) / 2


def spread(low: float, high: float, number: int, less: float = 0.0) -> tuple[float, ...]:
    return tuple(float(rate) - less for rate in np.linspace(low, high, number))


MID, HARD = spread(0.45, 0.8, 4), spread(0.45, 0.8, 4, less=0.05)
TOP, TOP_LESS = spread(0.9, 0.99, 4), spread(0.9, 0.99, 4, less=0.01)
MIXED = (100, 200, 300, 400)
NAMES, NAMES_LESS = spread(0.55, 0.85, 4), spread(0.55, 0.85, 4, less=0.03)
POPULATIONS = (
    Population("accuracy, 1 language of 100", ACCURACY, ((0.8,),), (100,)),
    Population("accuracy, 4 languages of 100", ACCURACY, (MID,), (100,) * 4),
    Population("accuracy, 4 languages of 100, parallel", ACCURACY, (MID,), (100,) * 4, parallel=True),
    Population("accuracy, 4 languages of 100 to 400", ACCURACY, (MID,), MIXED),
    Population("accuracy, 4 languages of 400, parallel", ACCURACY, (MID,), (400,) * 4, parallel=True),
    Population("accuracy 90-99 %, 4 languages of 100, parallel", ACCURACY, (TOP,), (100,) * 4, parallel=True),
    Population("F1, 1 language of 100", F1, ((0.7,),), (100,)),
    Population("F1, 1 language of 400", F1, ((0.7,),), (400,)),
    Population("F1, 4 languages of 100 to 400", F1, (NAMES,), MIXED),
    Population("F1, 4 languages of 100, parallel", F1, (NAMES,), (100,) * 4, parallel=True),
    Population("difference of accuracies, 1 language of 100", ACCURACY, ((0.7,), (0.65,)), (100,)),
    Population("difference of accuracies, 4 languages of 100", ACCURACY, (MID, HARD), (100,) * 4),
    Population("difference of accuracies, 4 of 100, parallel", ACCURACY, (MID, HARD), (100,) * 4, parallel=True),
    Population("difference of accuracies, 4 of 100 to 400", ACCURACY, (MID, HARD), MIXED),
    Population("difference of accuracies, 4 of 400, parallel", ACCURACY, (MID, HARD), (400,) * 4, parallel=True),
    Population(
        "difference of accuracies 90-99 %, 4 of 100, parallel", ACCURACY, (TOP, TOP_LESS), (100,) * 4, True, 0.8
    ),
    Population(
        "difference of 97 and 96.5 %, 1 language of 100", ACCURACY, ((0.97,), (0.965,)), (100,), False, 0.9, True
    ),
    Population("difference of F1, 1 language of 100", F1, ((0.7,), (0.67,)), (100,)),
    Population("difference of F1, 4 languages of 100 to 400", F1, (NAMES, NAMES_LESS), MIXED),
    Population("difference of F1, 4 of 100, parallel", F1, (NAMES, NAMES_LESS), (100,) * 4, parallel=True),
    Population("difference of F1, alike, 1 language of 100", F1, ((0.9,), (0.895,)), (100,), False, 0.995, True),
)
FAMILIES = (
    Population("6 pairs of 4 alike, parallel", ACCURACY, (MID,) * 4, (200,) * 4, parallel=True),
    Population("6 pairs of 4 alike", ACCURACY, (MID,) * 4, MIXED),
    Population("6 pairs of 4, one of them worse, parallel", ACCURACY, (MID, MID, MID, HARD), (200,) * 4, parallel=True),
    Population("6 pairs of 4 alike, 90-99 %, parallel", ACCURACY, (TOP,) * 4, (100,) * 4, parallel=True),
    Population("6 pairs of 4 alike, F1, 1 language", F1, ((0.7,),) * 4, (100,)),
    Population("6 pairs of 4 alike, F1, parallel", F1, (NAMES,) * 4, (100,) * 4, parallel=True),
)


def estimate(population: Population, cells: Sequence[Sequence[Cell]], settings: Settings) -> Estimate | Difference:
    if len(cells) == 2:
        return difference(
            population.measure, *cells, parallel=population.parallel, settings=settings, name=population.name
        )
    if len(population.sizes) == 1:
        return single(population.measure, cells[0][0], settings=settings)
    return macro(population.measure, cells[0], parallel=population.parallel, settings=settings, name=population.name)


def coverage(
    population: Population, *, num_samples: int, num_bootstrap: int, seed: int, interval: str = "adjusted"
) -> dict[str, float]:
    """Shares of samples whose 95 % interval holds the truth, lies above it, lies below it; and the mean width."""
    truth = population.truth(0) - (population.truth(1) if len(population.rates) == 2 else 0.0)
    rng = np.random.default_rng(seed)
    above = below = 0
    width = 0.0
    for sample in range(num_samples):
        settings = Settings(num_bootstrap=num_bootstrap, seed=sample, interval=interval)
        found = estimate(population, population.draw(rng), settings)
        above += found.low > truth + 1e-12
        below += found.high < truth - 1e-12
        width += found.high - found.low
    return {
        "coverage": 1 - (above + below) / num_samples,
        "above": above / num_samples,
        "below": below / num_samples,
        "width": width / num_samples,
    }


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
            combinations(names, 2),
            parallel=population.parallel,
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--bootstrap", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    common: dict[str, Any] = {
        "num_samples": options.samples,
        "num_bootstrap": options.bootstrap,
        "seed": options.seed,
    }
    started = time.perf_counter()
    rows, families = {}, {}
    print(f"{'95 % intervals':<54}{'covers':>8}{'above':>8}{'below':>8}{'width':>8}{'percentile':>12}")
    for population in POPULATIONS:
        row = coverage(population, **common)
        plain = coverage(population, **common, interval="percentile")
        good = row["coverage"] >= LOW and (population.may_be_wide or row["coverage"] <= HIGH)
        rows[population.name] = row | {"percentile_coverage": plain["coverage"], "may_be_wide": population.may_be_wide}
        print(
            f"{population.name:<54}{row['coverage']:>8.1%}{row['above']:>8.1%}{row['below']:>8.1%}{row['width']:>8.3f}"
            f"{plain['coverage']:>12.1%}{'' if good else '  outside'}{'  wide' if population.may_be_wide else ''}",
            flush=True,
        )
    print(f"\n{'families, true nulls rejected at 5 %':<54}{'adjusted':>10}{'unadjusted':>12}{'all intervals hold':>20}")
    for population in FAMILIES:
        row = families[population.name] = family(population, **common)
        good = row["family_error"] <= MAX_FAMILY_ERROR and row["all_held"] >= LOW
        print(
            f"{population.name:<54}{row['family_error']:>10.1%}{row['unadjusted']:>12.1%}{row['all_held']:>20.1%}"
            f"{'' if good else '  outside'}",
            flush=True,
        )
    print(f"\n{options.samples:,} samples each, {options.bootstrap:,} resamples; {time.perf_counter() - started:.0f} s")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**common, "intervals": rows, "families": families}, indent=1)
    options.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
