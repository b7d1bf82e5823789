"""How long ranking all sets of three out of 100 languages takes, beside a plain loop over a sample of the sets.

    python benchmarks/select_speed.py

The vectorised ranking is ``rank_source_sets`` with every typological criterion, reading lang2vec's files, reasons and
other codes of macro-languages included. The loop scores sets one by one from the same vectors; its time for all sets is
the sample's, scaled up.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import random
import time

import numpy as np

from mslt_it.selection import typology
from mslt_it.selection.criteria import L2V_PARTS
from mslt_it.selection.ranking import rank_source_sets

CRITERIA = [name for name in L2V_PARTS if name != "min_diversity"]


def languages(number: int) -> list[str]:
    """The first two-letter codes, in the order of the alphabet, that are BCP-47 and have a row in lang2vec."""
    from mslt_it.languages import validate_code
    from mslt_it.problems import Problem

    found: list[str] = []
    for code in sorted(code for code in typology.letter_codes() if len(code) == 2):
        try:
            canonical = validate_code(code)
            typology.uriel_code(canonical)
        except Problem:
            continue
        if canonical not in found:
            found.append(canonical)
    return found[:number]


def brute_force(vectors: np.ndarray, sets: list[tuple[int, ...]]) -> list[float]:
    """Sum over pairs of 1 - cosine, one set after another."""
    scores = []
    for one in sets:
        total = 0.0
        for a, b in itertools.combinations(one, 2):
            x, y = vectors[a], vectors[b]
            lengths = math.sqrt(float(x @ x) * float(y @ y))
            total += 1.0 - float(x @ y) / lengths if lengths else 1.0
        scores.append(total)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--languages", type=int, default=100)
    parser.add_argument("--k", type=int, default=3)
    parser.add_argument("--sample", type=int, default=5000, help="sets scored by the plain loop")
    options = parser.parse_args()
    pool = languages(options.languages)
    if len(pool) < options.languages:
        parser.error(f"only {len(pool)} languages are known")
    num_sets = math.comb(len(pool), options.k)

    for cached in (typology._file, typology._with_data, typology.nearest_with_data):  # read before, for the pool
        cached.cache_clear()
    started, busy = time.perf_counter(), time.process_time()
    selection = rank_source_sets(pool, options.k, criteria=CRITERIA)
    vectorised, busy = time.perf_counter() - started, time.process_time() - busy
    assert selection.num_sets == num_sets and selection.method == "exact"
    print(f"{num_sets:,} sets of {options.k} out of {len(pool)} languages, {len(CRITERIA)} criteria")
    print(f"cores: {os.cpu_count()}")
    print(f"vectorised: {vectorised:.2f} s ({busy:.2f} s of processor), files, reasons and other codes included")

    found = typology.read_typology(pool)
    rng = random.Random(0)
    sample = [tuple(sorted(rng.sample(range(len(pool)), options.k))) for _ in range(options.sample)]
    started = time.perf_counter()
    for name in CRITERIA:
        brute_force(found.vectors(L2V_PARTS[name]), sample)
    loop = time.perf_counter() - started
    scaled = loop * num_sets / len(sample)
    print(f"plain loop: {loop:.2f} s for {len(sample):,} sets, scores only; {scaled:.0f} s for all of them")
    print(f"ratio: {scaled / vectorised:.0f}")


if __name__ == "__main__":
    main()
