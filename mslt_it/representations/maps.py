"""Maps of representations in two dimensions. Use them to look, and the figures to judge."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from mslt_it.problems import Problem
from mslt_it.representations.alikeness import Array

PERPLEXITY = 30.0


def tsne(points: Array, seed: int) -> Array:
    """(n, 2) coordinates of a t-SNE map (van der Maaten and Hinton 2008); n >= 4.

    Distances between far groups and sizes of groups mean nothing in it.
    """
    from sklearn.manifold import TSNE  # takes 2 s to import

    # Principal components as the start: the same map for the same points, and large-scale order is kept.
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)  # at most, as the authors' own code asks
    found = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed).fit_transform(points)
    return np.asarray(found, dtype=np.float64)


def umap(points: Array, seed: int) -> Array:
    """(n, 2) coordinates of a UMAP map (McInnes et al. 2018); needs the package umap-learn."""
    mapper = umap_package().UMAP(n_neighbors=min(15, len(points) - 1), random_state=seed, n_jobs=1)
    return np.asarray(mapper.fit_transform(points), dtype=np.float64)


def umap_package() -> Any:
    """umap-learn; a Problem where it is not installed."""
    try:
        return importlib.import_module("umap")
    except ImportError as error:
        raise Problem(
            "A UMAP map needs the package umap-learn, which is not installed: pip install -e '.[umap]', or take "
            "the t-SNE map (map=tsne)."
        ) from error
