"""How much languages mix in a model, layer by layer: base, one-source and multi-source adapters on the same items.

The result is a plain dictionary that JSON can hold, mingling.json, whose keys docs/study.md explains.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from mslt_it.problems import Problem
from mslt_it.records import fingerprint, to_plain
from mslt_it.representations import maps
from mslt_it.representations.alikeness import Array, centred, cka_pairs, grams, mixing, retrieval
from mslt_it.representations.settings import SCHEMA, Settings
from mslt_it.representations.states import hidden_states, tokenise
from mslt_it.selection.typology import unit

PAIR_MEASURES = ("cka", "retrieval")
# Where languages lie apart altogether (0.01 in the embedded model), mixing has nothing to show but that; what lies
# inside the languages' clouds shows with each cloud moved to the origin. So both are measured.
LANGUAGE_MEASURES = ("mixing", "centred_mixing")


@dataclass(frozen=True)
class ModelInState:
    """A system to look at. ``open`` gives the model while it is needed, so that one at a time is in memory."""

    open: Callable[[], AbstractContextManager[Any]]
    sources: tuple[str, ...] = ()  # languages that its adapter was trained on

    @classmethod
    def of(cls, model: Any, *, sources: Sequence[str] = ()) -> ModelInState:
        """A model that is loaded already."""
        return cls(lambda: contextlib.nullcontext(model), tuple(sources))


def measure(
    systems: Mapping[str, ModelInState],
    texts: Mapping[str, Sequence[str]],
    tokenizer: Any,
    *,
    settings: Settings,
    kind: str = "decoder",
    advance: Callable[[str], object] = lambda system: None,
) -> dict[str, Any]:
    """The dictionary described at the top of this module.

    The states of one system are in memory at a time: 4 bytes x (layers + 1) x languages x items x width, which is
    2.3 GB for 15 languages, 300 items and a model of 30 layers and width 4096.

    Args:
        systems: of one base, in the order in which differences are taken: base, then single-source, then multi-source.
        texts: language -> texts, the same items in the same order in each; at least 2 languages and 10 items.
        tokenizer: of all systems.
        kind: of all systems, see ``model.kind``.
        advance: called with a system's name when it is done.
    """
    # What would stop the measuring later on stops it here: a large model takes its time.
    languages, num_items = tuple(texts), len(next(iter(texts.values())))
    if settings.neighbours > (most := len(texts) * (num_items - 1)):
        raise Problem(
            f"mingling.neighbours={settings.neighbours} is out of range: there are only {most} items to look among."
        )
    if settings.map == "umap":
        maps.umap_package()
    tokenised = {
        code: tokenise(tokenizer, of_code, name=f"texts in '{code}'", kind=kind) for code, of_code in texts.items()
    }
    seen = tuple(code for code in languages if any(code in system.sources for system in systems.values()))
    groups = _groups(languages, seen)
    draws = _draws(num_items, settings)
    found: dict[str, dict[str, Array]] = {}
    grouped: dict[str, Grouped] = {}
    points: dict[str, Any] | None = None
    for name, system in systems.items():
        with system.open() as model:
            states = np.stack([hidden_states(model, own) for own in tokenised.values()], axis=1)
        found[name], grouped[name] = _found(states, groups, settings)
        if settings.map != "none":
            points = points or _new_map(states, grouped[name], languages, settings)
            points["systems"][name] = _coordinates(states[points["layer"]], settings)
        del states
        advance(name)
    names = list(systems)
    return {
        "schema": SCHEMA,
        "languages": list(languages),
        "seen": list(seen),
        "unseen": [code for code in languages if code not in seen],
        "num_items": num_items,
        "num_layers": len(found[names[0]]["cka"]),
        "settings": to_plain(settings),
        "chance": {"cka": 0.0, "retrieval": 1 / num_items} | dict.fromkeys(LANGUAGE_MEASURES, 1.0),
        "texts": {
            "sha256": fingerprint(texts),
            "num_cut": {code: tokenised[code].num_cut for code in languages},
            "num_repeated": {code: num_items - len(set(of_code)) for code, of_code in texts.items()},
        },
        "systems": {
            name: {
                "sources": list(systems[name].sources),
                "pairs": {m: _plain(found[name][m]) for m in PAIR_MEASURES},
                "languages": {m: _plain(found[name][m]) for m in LANGUAGE_MEASURES},
                "groups": _intervals(grouped[name], draws),
            }
            for name in names
        },
        "differences": [
            {"of": a, "minus": b, "groups": _intervals(grouped[a], draws, minus=grouped[b])}
            for number, a in enumerate(names)
            for b in names[:number]
        ],
        "points": points,
    }


Grouped = Mapping[tuple[str, str], tuple[Array, Array]]  # (measure, group) -> (layers + 1,) figures, (layers + 1, n)


def _groups(languages: Sequence[str], seen: Sequence[str]) -> dict[str, dict[str, tuple[Any, ...]]]:
    """Measure -> group -> the positions that its mean is over: of pairs of languages, or of languages."""
    is_seen = np.array([code in seen for code in languages])
    rows, columns = np.triu_indices(len(languages), 1)
    number = is_seen[rows].astype(int) + is_seen[columns]
    pairs: dict[str, tuple[Any, ...]] = {"all": (rows, columns)}
    alone: dict[str, tuple[Any, ...]] = {"all": (np.arange(len(languages)),)}
    for name, wanted in (("seen-seen", 2), ("seen-unseen", 1), ("unseen-unseen", 0)):
        if (number == wanted).any():
            pairs[name] = (rows[number == wanted], columns[number == wanted])
    for name, which in (("seen", is_seen), ("unseen", ~is_seen)):
        if which.any():
            alone[name] = (np.flatnonzero(which),)
    return dict.fromkeys(PAIR_MEASURES, pairs) | dict.fromkeys(LANGUAGE_MEASURES, alone)


def _found(
    states: np.ndarray, groups: Mapping[str, Mapping[str, tuple[Any, ...]]], settings: Settings
) -> tuple[dict[str, Array], Grouped]:
    """Of (layers + 1, languages, n, width): measure -> (layers + 1, languages[, languages]); and the groups' means,
    layer by layer and last over layers 1 and up: 0, the embeddings, is the same for all adapters."""
    matrices: dict[str, list[Array]] = {}
    means: dict[tuple[str, str], list[tuple[Array, Array]]] = {}
    for layer in states:
        for name, (figures, items) in _of_layer(layer.astype(np.float64), settings).items():
            matrices.setdefault(name, []).append(figures)
            for group, places in groups[name].items():
                own = items[places].mean(axis=0)
                # An item's part in CKA is what the value loses without it; elsewhere the value is the items' mean.
                value = figures[places].mean() if name == "cka" else own.mean()
                means.setdefault((name, group), []).append((value, own))
    grouped = {}
    for key, found in means.items():
        values, parts = (np.stack(one) for one in zip(*found, strict=True))
        grouped[key] = np.append(values, values[1:].mean()), np.vstack([parts, parts[1:].mean(axis=0)])
    return {name: np.stack(one) for name, one in matrices.items()}, grouped


def _of_layer(at: Array, settings: Settings) -> dict[str, tuple[Array, Array]]:
    """Of (languages, n, width): measure -> (languages[, languages]) figures, and (..., n) the items' parts in them."""
    count, n = at.shape[:2]
    hits = np.full((count, count, n), np.nan)
    around = centred(at, "language")
    units = unit(around)
    for i, j in itertools.combinations(range(count), 2):
        hits[i, j], hits[j, i] = retrieval(units[i], units[j])
    similar, influence = cka_pairs(grams(at))
    np.fill_diagonal(similar, np.nan)
    found = {"cka": (similar, influence), "retrieval": (hits.mean(axis=2), (hits + hits.swapaxes(0, 1)) / 2)}
    for name, points in (("mixing", centred(at, "all")), ("centred_mixing", around)):
        items = mixing(points, neighbours=settings.neighbours)
        found[name] = items.mean(axis=1), items
    return found


def _draws(num_items: int, settings: Settings) -> Array:
    """(resamples, n) weights of the items, each row of mean 0: what a resample adds to the mean over the items."""
    rng = np.random.default_rng(settings.seed)
    counts = rng.multinomial(num_items, np.full(num_items, 1 / num_items), size=settings.num_bootstrap)
    return (counts - 1) / num_items


def _intervals(found: Grouped, draws: Array, minus: Grouped | None = None) -> dict[str, Any]:
    """95 % intervals: measure -> group -> {"layers": [figure], "mean": figure}; of the differences to ``minus``."""
    result: dict[str, dict[str, Any]] = {}
    for (measure_, group), (values, items) in found.items():
        if minus is not None:
            values, items = values - minus[measure_, group][0], items - minus[measure_, group][1]
        moved = draws @ items.T
        low, high = np.quantile(moved, [0.025, 0.975], axis=0) + values
        figures = [
            {"value": _number(v), "low": _number(a), "high": _number(b)}
            for v, a, b in zip(values, low, high, strict=True)
        ]
        result.setdefault(measure_, {})[group] = {"layers": figures[:-1], "mean": figures[-1]}
    return result


def _new_map(states: np.ndarray, found: Grouped, languages: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Of the layer at which the first system finds most translations."""
    layers, _, n = states.shape[:3]
    num = min(n, settings.map_items)
    return {
        "map": settings.map,
        "layer": int(found["retrieval", "all"][0][:layers].argmax()),
        "languages": [code for code in languages for _ in range(num)],
        "items": [item for _ in languages for item in range(num)],
        "systems": {},
    }


def _coordinates(states: np.ndarray, settings: Settings) -> list[list[float]]:
    """Of (languages, n, width): centred and scaled as for mixing, so that near in the map is near in the figures."""
    points = centred(states.astype(np.float64), "all")[:, : settings.map_items]
    flat = unit(points).reshape(-1, states.shape[-1])
    is_umap = settings.map == "umap"
    found = maps.umap(flat, settings.seed) if is_umap else maps.tsne(flat, settings.seed)
    return np.round(found, 4).tolist()  # type: ignore[no-any-return]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def _plain(values: Array) -> Any:
    return [_plain(part) for part in values] if values.ndim else _number(float(values))
