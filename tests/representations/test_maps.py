"""Maps in two dimensions."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest

from mslt_it.problems import Problem
from mslt_it.representations.maps import tsne, umap


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_a_map_keeps_clusters_apart_and_is_the_same_each_time() -> None:
    points = noise(1, 3, 20, 10) + 30 * np.eye(3, 10)[:, None]
    found = tsne(points.reshape(60, 10), seed=3)
    assert found.shape == (60, 2) and np.isfinite(found).all()
    middles = found.reshape(3, 20, 2).mean(axis=1)
    radius = np.linalg.norm(found.reshape(3, 20, 2) - middles[:, None], axis=2).max()
    distance = min(np.linalg.norm(a - b) for a, b in itertools.combinations(middles, 2))
    assert distance > 1.5 * radius
    assert np.array_equal(tsne(points.reshape(60, 10), seed=3), found)


def test_a_map_may_be_of_few_points() -> None:
    assert tsne(noise(1, 4, 5), seed=0).shape == (4, 2)


def test_umap_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(Problem, match=r"pip install -e '\.\[umap\]', or take the t-SNE map \(map=tsne\)"):
        umap(noise(1, 20, 5), 0)


def test_umap_gives_coordinates_where_it_is_installed() -> None:
    pytest.importorskip("umap")
    points = noise(1, 40, 5)
    found = umap(points, seed=1)
    assert found.shape == (40, 2) and np.array_equal(umap(points, seed=1), found)
