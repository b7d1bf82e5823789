"""How much languages mix in a model, layer by layer: base, one-source and multi-source adapters on the same items.

The result is a plain dictionary that JSON can hold, see `mslt_it.representations.results`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mslt_it.problems import Problem
from mslt_it.records import fingerprint, to_plain
from mslt_it.representations import maps
from mslt_it.representations.cka import Array, cka_pairs, grams
from mslt_it.representations.mixing import centred, mixing, retrieval, unit
from mslt_it.representations.results import SCHEMA
from mslt_it.representations.settings import Settings
from mslt_it.representations.states import TokenisedTexts, hidden_states, tokenise

PAIR_MEASURES = ("cka", "retrieval")
# Where languages lie apart altogether (0.01 in the embedded model), mixing has nothing to show but that; what lies
# inside the languages' clouds shows with each cloud moved to the origin. So both are measured.
LANGUAGE_MEASURES = ("mixing", "entropy", "centred_mixing")


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
    languages = tuple(texts)
    num_items = _check(texts, settings)
    tokenised = {
        code: tokenise(tokenizer, of_code, max_tokens=settings.max_tokens, name=f"texts in '{code}'", kind=kind)
        for code, of_code in texts.items()
    }
    seen = tuple(code for code in languages if any(code in system.sources for system in systems.values()))
    groups = _groups(languages, seen)
    draws = _draws(num_items, settings)
    found: dict[str, _Found] = {}
    points: dict[str, Any] | None = None
    for name, system in systems.items():
        states = _states(system, tokenised, settings)
        found[name] = _found(states, groups, settings)
        if settings.map != "none":
            points = points or _new_map(states, found[name], languages, settings)
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
        "num_layers": len(found[names[0]].matrices["cka"]),
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
                "pairs": {m: _plain(found[name].matrices[m]) for m in PAIR_MEASURES},
                "languages": {m: _plain(found[name].matrices[m]) for m in LANGUAGE_MEASURES},
                "groups": _intervals(found[name], draws, settings),
            }
            for name in names
        },
        "differences": [
            {"of": later, "minus": earlier, "groups": _intervals(found[later].minus(found[earlier]), draws, settings)}
            for i, later in enumerate(names)
            for earlier in names[:i]
        ],
        "points": points,
    }


@dataclass(frozen=True)
class _Groups:
    """Pairs of positions (i < j) and positions of languages that a group's mean is over."""

    pairs: dict[str, list[tuple[int, int]]]
    languages: dict[str, list[int]]


@dataclass(frozen=True)
class _Found:
    """What one system gave. The last row of ``values`` and ``items`` is the mean over layers 1 and up."""

    matrices: dict[str, Array] = field(default_factory=dict)  # measure -> (layers, languages[, languages])
    values: dict[tuple[str, str], Array] = field(default_factory=dict)  # (measure, group) -> (layers + 1,)
    items: dict[tuple[str, str], Array] = field(default_factory=dict)  # the same -> (layers + 1, n) contributions

    def minus(self, other: _Found) -> _Found:
        return _Found(
            values={key: value - other.values[key] for key, value in self.values.items()},
            items={key: value - other.items[key] for key, value in self.items.items()},
        )


def _check(texts: Mapping[str, Sequence[str]], settings: Settings) -> int:
    """The number of items. What would stop the measuring later on stops it here: a large model takes its time."""
    num_items = len(next(iter(texts.values())))
    for name, most in (("csls", num_items), ("neighbours", len(texts) * (num_items - 1))):
        if getattr(settings, name) > most:
            raise Problem(f"mingling.{name}={getattr(settings, name)} is out of range: there are only {most} items to "
                          "look among.")  # fmt: skip
    if settings.map == "umap":
        maps.umap_package()
    return num_items


def _groups(languages: Sequence[str], seen: Sequence[str]) -> _Groups:
    is_seen = [code in seen for code in languages]
    pairs = [(i, j) for i in range(len(languages)) for j in range(i + 1, len(languages))]
    by_kind: dict[str, list[tuple[int, int]]] = {"all": pairs, "seen-seen": [], "seen-unseen": [], "unseen-unseen": []}
    for i, j in pairs:
        by_kind[("unseen-unseen", "seen-unseen", "seen-seen")[is_seen[i] + is_seen[j]]].append((i, j))
    positions = {
        "all": list(range(len(languages))),
        "seen": [i for i, x in enumerate(is_seen) if x],
        "unseen": [i for i, x in enumerate(is_seen) if not x],
    }
    return _Groups({k: v for k, v in by_kind.items() if v}, {k: v for k, v in positions.items() if v})


def _states(system: ModelInState, tokenised: Mapping[str, TokenisedTexts], settings: Settings) -> np.ndarray:
    """float32 (layers + 1, languages, n, width)."""
    with system.open() as model:
        how: dict[str, Any] = {"pooling": settings.pooling, "batch_tokens": settings.batch_tokens}
        each = [hidden_states(model, texts, **how) for texts in tokenised.values()]
    return np.stack(each, axis=1)


def _found(states: np.ndarray, groups: _Groups, settings: Settings) -> _Found:
    """All measures of (layers + 1, languages, n, width)."""
    layers, count, n = states.shape[:3]
    matrices = {m: np.full((layers, count, count), np.nan) for m in PAIR_MEASURES}
    matrices |= {m: np.empty((layers, count)) for m in LANGUAGE_MEASURES}
    keys = [(m, g) for m in PAIR_MEASURES for g in groups.pairs]
    keys += [(m, g) for m in LANGUAGE_MEASURES for g in groups.languages]
    values = {key: np.empty(layers + 1) for key in keys}
    items = {key: np.empty((layers + 1, n)) for key in keys}
    for layer in range(layers):
        at = states[layer].astype(np.float64)
        hits = np.full((count, count, n), np.nan)
        around = centred(at, "language")
        units = unit(around if settings.centre_retrieval else at)
        for i, j in groups.pairs["all"]:
            looked_up = retrieval(units[i], units[j], csls=settings.csls)
            hits[i, j], hits[j, i] = looked_up.forward, looked_up.backward
        similar = cka_pairs(grams(at))
        mixed, centred_mixed = (
            mixing(x, neighbours=settings.neighbours, own_translations=settings.own_translations)
            for x in (centred(at, "all"), around)
        )
        per_language = {"mixing": mixed.share, "entropy": mixed.entropy, "centred_mixing": centred_mixed.share}
        matrices["cka"][layer] = np.where(np.eye(count, dtype=bool), np.nan, similar.values)
        matrices["retrieval"][layer] = hits.mean(axis=2)
        for name, pairs in groups.pairs.items():
            rows, columns = map(list, zip(*pairs, strict=True))
            values["cka", name][layer] = similar.values[rows, columns].mean()
            items["cka", name][layer] = similar.influence[rows, columns].mean(axis=0)
            both = (hits[rows, columns] + hits[columns, rows]).mean(axis=0) / 2
            values["retrieval", name][layer], items["retrieval", name][layer] = both.mean(), both
        for measure_, per_item in per_language.items():
            matrices[measure_][layer] = per_item.mean(axis=1)
            for name, members in groups.languages.items():
                items[measure_, name][layer] = per_item[members].mean(axis=0)
                values[measure_, name][layer] = per_item[members].mean()
    for key in keys:  # layer 0, the embeddings, is the same for all adapters
        values[key][layers] = values[key][1:layers].mean()
        items[key][layers] = items[key][1:layers].mean(axis=0)
    return _Found(matrices, values, items)


def _draws(num_items: int, settings: Settings) -> Array:
    """(resamples, n) weights of the items, each row of mean 0: what a resample adds to the mean over the items."""
    rng = np.random.default_rng(settings.seed)
    counts = rng.multinomial(num_items, np.full(num_items, 1 / num_items), size=settings.num_bootstrap)
    return (counts - 1) / num_items


def _intervals(found: _Found, draws: Array, settings: Settings) -> dict[str, Any]:
    """measure -> group -> {"layers": [figure], "mean": figure}."""
    tail = (1 - settings.confidence) / 2
    result: dict[str, dict[str, Any]] = {}
    for (measure_, group), values in found.values.items():
        moved = draws @ found.items[measure_, group].T
        low, high = np.quantile(moved, [tail, 1 - tail], axis=0) + values
        figures = [
            {"value": _number(v), "low": _number(a), "high": _number(b)}
            for v, a, b in zip(values, low, high, strict=True)
        ]
        result.setdefault(measure_, {})[group] = {"layers": figures[:-1], "mean": figures[-1]}
    return result


def _new_map(states: np.ndarray, found: _Found, languages: Sequence[str], settings: Settings) -> dict[str, Any]:
    layers, _, n = states.shape[:3]
    layer = settings.map_layer
    if layer is None:
        layer = int(found.values["retrieval", "all"][:layers].argmax())
    elif not 0 <= layer < layers:
        raise Problem(f"mingling.map_layer={layer} is out of range: 0 (embeddings) to {layers - 1}.")
    num = min(n, settings.map_items)
    return {
        "map": settings.map,
        "layer": layer,
        "perplexity": maps.bounded_perplexity(num * len(languages), settings.perplexity)
        if settings.map == "tsne"
        else None,
        "languages": [code for code in languages for _ in range(num)],
        "items": [item for _ in languages for item in range(num)],
        "systems": {},
    }


def _coordinates(states: np.ndarray, settings: Settings) -> list[list[float]]:
    """Of (languages, n, width): centred and scaled as for mixing, so that near in the map is near in the figures."""
    points = centred(states.astype(np.float64), "all")[:, : settings.map_items]
    flat = unit(points).reshape(-1, states.shape[-1])
    if settings.map == "umap":
        found = maps.umap(flat, seed=settings.seed)
    else:
        found = maps.tsne(flat, perplexity=settings.perplexity, seed=settings.seed)
    return [[round(float(x), 4), round(float(y), 4)] for x, y in found]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def _plain(values: Array) -> Any:
    return [_plain(part) for part in values] if values.ndim else _number(float(values))
