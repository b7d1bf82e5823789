"""How the mixing of languages is measured: the keys of a study's ``mingling`` that do not name its cells."""

from __future__ import annotations

from dataclasses import dataclass

from mslt_it.config.schema import LARGEST_SEED, key

MIN_ITEMS = 10  # fewer have no interval worth the name


@dataclass(frozen=True)
class Settings:
    """How the mixing of languages is measured."""

    max_items: int = key(300, "parallel items per language", at_least=MIN_ITEMS)
    pooling: str = key("mean", "over a text's tokens, or its last one", choices=("mean", "last"))
    centre_retrieval: bool = key(True, "each language's mean taken away")
    csls: int = key(0, "neighbours of the discount for items near to everything; 0: plain cosine", at_least=0)
    neighbours: int = key(10, "looked at for mixing", at_least=1)
    own_translations: bool = key(False, "may be neighbours of an item")
    num_bootstrap: int = key(1000, "draws of items", at_least=100)
    confidence: float = key(0.95, "of intervals", above=0, below=1)
    seed: int = key(0, "of the draws and the map", at_least=0, at_most=LARGEST_SEED)
    batch_tokens: int = key(4096, "padded, per forward pass at most", unit="tokens", at_least=1)
    max_tokens: int = key(512, "of a text; more are cut, and counted", unit="tokens", at_least=1)
    map: str = key("tsne", "of the sentences in two dimensions", choices=("tsne", "umap", "none"))
    map_items: int = key(100, "of the map, per language at most (t-SNE takes 6 s for 1800 points)", at_least=2)
    map_layer: int | None = key(None, "null: where the first system finds most translations", at_least=0)
    perplexity: float = key(30.0, "of t-SNE", above=0)
