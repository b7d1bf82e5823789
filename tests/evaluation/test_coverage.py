"""How often intervals hold the truth and tests find what is not there, by the benchmark's simulations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmark_script import benchmark

pytestmark = pytest.mark.filterwarnings("error")  # division by zero and the like are warnings of NumPy's

BENCHMARK = benchmark("coverage")
SIMULATION = {"num_samples": 400, "num_bootstrap": 400, "seed": 1}  # a standard error of 1.1 % of a coverage


def by_name(population) -> str:
    return population.name


@pytest.mark.slow
@pytest.mark.parametrize("population", BENCHMARK.POPULATIONS, ids=by_name)
def test_coverage(population) -> None:
    """95 % intervals hold the truth 95 ± 2 times in 100, and the samples are few; the benchmark draws more."""
    share = BENCHMARK.coverage(population, **SIMULATION)["coverage"]
    assert share >= 0.91 and (share <= 0.985 or population.may_be_wide)


@pytest.mark.slow
@pytest.mark.parametrize("population", BENCHMARK.NULLS, ids=by_name)
def test_what_the_test_finds_where_nothing_is(population) -> None:
    assert BENCHMARK.coverage(population, **SIMULATION)["p_at_most_5_percent"] <= 0.085


@pytest.mark.slow
@pytest.mark.parametrize("population", BENCHMARK.LANGUAGES, ids=by_name)
def test_coverage_of_the_mean_over_all_languages_like_these(population) -> None:
    found = BENCHMARK.coverage(population, **SIMULATION)
    assert 0.91 <= found["languages_coverage"] <= 0.985
    assert found["coverage"] < 0.91  # of other items alone


@pytest.mark.slow
@pytest.mark.parametrize("population", BENCHMARK.FAMILIES, ids=by_name)
def test_family_error(population) -> None:
    found = BENCHMARK.family(population, **SIMULATION)
    assert found["family_error"] <= 0.085 and found["unadjusted"] > 0.085
    assert found["all_held"] >= 0.91


@pytest.mark.parametrize("measure", ["F1", "MACRO_F1", "ACCURACY"])
def test_the_simulations_truth(measure: str) -> None:
    """A large sample has the figure that is computed, with groups and without."""
    one = BENCHMARK.Population("large", getattr(BENCHMARK, measure), ((0.7,), (0.6,)), (50_000,))
    for population in (one, replace(one, group_rows=(3, 3), group_variance=0.2)):
        for system, (found,) in enumerate(population.draw(np.random.default_rng(0))):
            assert population.measure.value(found.counts.sum(axis=0)) == pytest.approx(
                population.truth(system), abs=0.01
            )


def test_coverage_of_a_few_samples() -> None:
    """The simulation itself, quickly: a few samples cover about as they should, and worse if groups are not told."""
    population = replace(BENCHMARK.NULLS[0], group_rows=(8, 8), group_variance=0.6, sizes=(160,))
    found = BENCHMARK.coverage(population, num_samples=100, num_bootstrap=200, seed=0)
    assert 0.88 <= found["coverage"] <= 1.0 and found["p_at_most_5_percent"] <= 0.14
    assert found["coverage"] + found["above"] + found["below"] == pytest.approx(1)
    assert found["ungrouped_coverage"] < 0.85 and found["ungrouped_p_at_most_5_percent"] > 0.15
