"""How the mixing of languages is measured: the keys of a study's ``mingling`` that do not name its cells."""

from __future__ import annotations

from dataclasses import dataclass

from mslt_it.config.schema import LARGEST_SEED, key

SCHEMA = 1  # of mingling.json, whose keys docs/study.md explains
MIN_ITEMS = 10  # fewer have no interval worth the name


@dataclass(frozen=True)
class Settings:
    max_items: int = key(300, "parallel items per language", at_least=MIN_ITEMS)
    neighbours: int = key(10, "looked at for mixing", at_least=1)
    num_bootstrap: int = key(1000, "draws of items", at_least=100)
    seed: int = key(0, "of the draws and the map", at_least=0, at_most=LARGEST_SEED)
    map: str = key("tsne", "of the sentences in two dimensions", choices=("tsne", "umap", "none"))
    map_items: int = key(100, "of the map, per language at most (t-SNE takes 6 s for 1800 points)", at_least=2)
