"""Could LangRank's NDCG@3 on a study be chance? It is learned anew with the sources' names in other orders.

    python benchmarks/langrank_renaming.py studies/mini --orders 400      # 0.6 s of a core an order (13 targets)

The report tests single features in all 5,040 orders at once; of what is learned each order costs a learning.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mslt_it.evaluation.estimates import Settings
from mslt_it.study.analyse.langrank import chance_of, features_of, leave_one_out, ndcg, relevance
from mslt_it.study.analyse.resampling import resample
from mslt_it.study.collect import collect


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--orders", type=int, default=400, help="of the names, the given one among them")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    study = collect(options.study)
    found = resample(study, study.slices[0], Settings(num_bootstrap=100))
    alone = found.of_size(1)
    pool, relevant = [found.sets[row][0] for row in alone], relevance(found.point[alone].T)
    features = np.stack(list(features_of(pool, study.targets).values()), axis=-1)
    rng = np.random.default_rng(options.seed)
    orders = [np.arange(len(pool)), *(rng.permutation(len(pool)) for _ in range(options.orders - 1))]
    figures = np.array(
        [ndcg(leave_one_out(features, relevant[:, one], options.seed), relevant[:, one]).mean() for one in orders]
    )
    print(f"NDCG@3 {figures[0]:.2f}; mean of {len(figures)} orders {figures.mean():.2f}; p = {chance_of(figures):.3f}")


if __name__ == "__main__":
    main()
