"""How much languages mingle in a model, layer by layer: base, one-source and multi-source adapters on the same items.

The result is a plain dictionary that JSON can hold (`write`, `read`)::

    schema              1
    languages           codes; every matrix below has its rows and columns in this order
    seen, unseen        the languages that some system was trained on, and the others
    num_items           parallel items per language
    num_layers          layers + 1: entry 0 is the embeddings, the last one the output of the final norm
    settings            `Settings`, field by field
    chance              what representations without any order give: cka 0, retrieval 1/items, the others 1
    texts               sha256 of all texts; num_cut and num_repeated per language
    systems.NAME        sources: the languages its adapter was trained on, none for the base
        pairs.cka           [layer][row language][column language], null on the diagonal and where undefined
        pairs.retrieval     the same; share of the row language's items that find theirs in the column language
        languages.mixing    [layer][language]; 1 = neighbours as if drawn at random, 0 = all of the own language
        languages.entropy   the same of the languages among the neighbours
        languages.centred_mixing   mixing after each language's mean was taken away
        groups.MEASURE.GROUP   "layers": [{value, low, high}], "mean": the same for the mean over layers 1 and up
    differences         [{"of", "minus", "groups"}]: every later system minus every earlier one, groups as above
    points              null, or a map of the first items of each language: map (tsne or umap), layer, perplexity,
                        languages and items (one entry per point), and systems.NAME = [[x, y], ...]

Groups of cka and retrieval are pairs of languages: all, seen-seen, seen-unseen, unseen-unseen. Those of mixing,
entropy and centred_mixing are languages: all, seen, unseen. A group without a member is left out. "mean" is one figure
fixed beforehand: of many layers, the one with the largest difference is large by chance alone.

Intervals are over items, the same draws for all systems, so differences are paired; languages, seeds and the items
looked among are held fixed. Draws weigh what each item contributed (for cka the jackknife's influence), see
`mslt_it.study.alignment.cka_pairs` for why items are not simply drawn twice.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.problems import Problem, nearest
from mslt_it.records import Recipe, fingerprint, to_plain
from mslt_it.study import alignment
from mslt_it.study.alignment import Array
from mslt_it.study.representations import POOLINGS, TokenisedTexts, hidden_states, tokenise

SCHEMA = 1
MIN_ITEMS = 10  # fewer have no interval worth the name
MAPS = ("tsne", "umap", "none")
PAIR_MEASURES = ("cka", "retrieval")
# Where languages lie apart altogether (0.01 in the embedded model), mixing has nothing to show but that; what lies
# inside the languages' clouds shows with each cloud moved to the origin. So both are measured.
LANGUAGE_MEASURES = ("mixing", "entropy", "centred_mixing")
CHOICES = {"pooling": POOLINGS, "map": MAPS}
AT_LEAST = {"max_items": MIN_ITEMS, "csls": 0, "neighbours": 1, "num_bootstrap": 100, "batch_tokens": 1,
            "max_tokens": 1, "map_items": 2}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How mingling is measured."""

    max_items: int = 300  # parallel items per language, where rows are taken from a task
    pooling: str = "mean"  # over a text's tokens, or its last one
    centre_retrieval: bool = True  # each language's mean taken away
    csls: int = 0  # neighbours of the discount for items near to everything; 0 = plain cosine
    neighbours: int = 10  # looked at for mixing
    own_translations: bool = False  # may be neighbours of an item
    num_bootstrap: int = 1000
    confidence: float = 0.95
    seed: int = 0  # of the bootstrap and the map
    batch_tokens: int = 4096  # padded tokens per forward pass at most
    max_tokens: int = 512  # of a text; more are cut, and counted
    map: str = "tsne"
    map_items: int = 100  # per language at most; t-SNE takes 6 s for 1800 points
    map_layer: int | None = None  # None: where the first system finds most translations
    perplexity: float = 30.0

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise Problem(f"mingling.{name}: '{getattr(self, name)}' is not known. "
                              f"{nearest(str(getattr(self, name)), known)}")  # fmt: skip
        for name, least in AT_LEAST.items():
            if getattr(self, name) < least:
                raise Problem(f"mingling.{name}={getattr(self, name)} is out of range. It must be {least} or more.")
        if not 0 < self.confidence < 1:
            raise Problem(f"mingling.confidence={self.confidence} is out of range. It must lie between 0 and 1.")
        if self.perplexity <= 0:
            raise Problem(f"mingling.perplexity={self.perplexity} is out of range. It must be above 0.")


def settings_from(values: Mapping[str, Any]) -> Settings:
    """The settings that a study's file names; the others as they are by default."""
    known = {f.name: f for f in dataclasses.fields(Settings)}
    for name, value in values.items():
        if name not in known:
            raise Problem(f"mingling.{name} is not known. {nearest(name, known)}")
        default = known[name].default
        kinds: tuple[type, ...] = (int,) if default is None else (type(default),)
        if isinstance(default, float):
            kinds = (int, float)
        is_right = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
        if not is_right and not (value is None and default is None):
            raise Problem(f"mingling.{name}={value!r} is of the wrong type. Give one like {name}={default!r}.")
    return Settings(**values)


@dataclass(frozen=True)
class ModelInState:
    """A system to look at. ``open`` gives the model while it is needed, so that one at a time is in memory."""

    open: Callable[[], AbstractContextManager[Any]]
    sources: tuple[str, ...] = ()  # languages that its adapter was trained on
    adapter: bool = True  # False leaves a PeftModel's adapter out

    @classmethod
    def of(cls, model: Any, *, sources: Sequence[str] = (), adapter: bool = True) -> ModelInState:
        """A model that is loaded already."""
        return cls(lambda: contextlib.nullcontext(model), tuple(sources), adapter)


def measure(
    systems: Mapping[str, ModelInState],
    texts: Mapping[str, Sequence[str]],
    tokenizer: Any,
    *,
    settings: Settings | None = None,
    advance: Callable[[str], object] = lambda system: None,
) -> dict[str, Any]:
    """The dictionary described at the top of this module.

    The states of one system are in memory at a time: 4 bytes x (layers + 1) x languages x items x width, which is
    2.3 GB for 15 languages, 300 items and a model of 30 layers and width 4096.

    Args:
        systems: in the order in which differences are taken: base, then single-source, then multi-source.
        texts: language -> texts, the same items in the same order in each; at least 2 languages and 10 items.
        tokenizer: of all systems.
        advance: called with a system's name when it is done.
    """
    settings = settings or Settings()
    languages = tuple(texts)
    num_items = _check(systems, texts, settings)
    tokenised = {
        code: tokenise(tokenizer, of_code, max_tokens=settings.max_tokens, name=f"texts in '{code}'")
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
        if found[name].shape != found[next(iter(systems))].shape:
            raise Problem(f"System '{name}' has another number of layers than '{next(iter(systems))}': give systems of "
                          "one base model.")  # fmt: skip
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
        "num_layers": found[names[0]].shape[0],
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


def parallel_texts(
    recipe: Recipe, languages: Sequence[str], *, max_items: int = 300, text_field: str | None = None
) -> dict[str, list[str]]:
    """Language -> texts of the task's scored rows, the same items in each: those that every language has.

    Items are in the order in which rows are chosen for scoring. One whose text came before, in any language, is left
    out: among repeated sentences (XNLI has each premise three times) no translation is the right one.

    Args:
        text_field: which of the rows' fields; default: the first that the task's prompts need (the premise).
    """
    from mslt_it.data.build import scored_examples

    task = recipe.task
    wanted = task.input_fields[0] if text_field is None else text_field
    if wanted not in task.input_fields:
        raise Problem(f"task={task.name} has no text '{wanted}'. {nearest(wanted, task.input_fields)}")
    everything = dataclasses.replace(
        recipe, scoring=dataclasses.replace(recipe.scoring, num_examples_per_language=0)
    )  # all rows: languages may lack different ones
    rows = {code: {e.id: e.fields.get(wanted, "") for e in scored_examples(everything, code)} for code in languages}
    result: dict[str, list[str]] = {code: [] for code in languages}
    known: dict[str, set[str]] = {code: set() for code in languages}
    for item in next(iter(rows.values()), {}):
        versions = {code: rows[code].get(item, "").strip() for code in languages}
        if not all(versions.values()) or any(text in known[code] for code, text in versions.items()):
            continue
        for code, text in versions.items():
            result[code].append(text)
            known[code].add(text)
        if len(next(iter(result.values()))) == max_items:
            break
    num = min(map(len, result.values()), default=0)
    if num < MIN_ITEMS:
        raise Problem(
            f"Only {num} items of task={task.name} have a '{wanted}' of their own in all of {', '.join(languages)}; "
            f"mingling needs {MIN_ITEMS}. Items are told by their ids: leave out the language that has other "
            "rows than the rest, or take the texts from a parallel task, such as task=xnli."
        )
    return result


def systems_of_runs(runs: Mapping[str, Path | str]) -> tuple[Any, dict[str, ModelInState]]:
    """(tokenizer, systems) of finished runs that share a base, with that base as the system "base" before them.

    The base is loaded once; each run's adapter is on it only while its system is open.
    """
    from mslt_it.models.identity import load_trained_base, read_run
    from mslt_it.publish.comparable import refuse_strangers

    if not runs:
        raise Problem("No runs were given. Name at least one run folder: {'MSLT': FOLDER}.")
    if "base" in runs:
        raise Problem("A run cannot be called 'base': that is the model without an adapter. Give it another name.")
    finished = {name: read_run(folder) for name, folder in runs.items()}
    refuse_strangers(list(finished.values()))
    tokenizer, base, _ = load_trained_base(next(iter(finished.values())))
    systems = {"base": ModelInState.of(base)}
    for name, run in finished.items():
        systems[name] = ModelInState(_opener(base, run.adapter), tuple(run.recipe.sources))
    return tokenizer, systems


def measure_runs(
    runs: Mapping[str, Path | str],
    *,
    languages: Sequence[str] = (),
    settings: Settings | None = None,
    advance: Callable[[str], object] = lambda system: None,
) -> dict[str, Any]:
    """`measure` of finished runs and their base, on the scored rows of the first run's task.

    Args:
        runs: name -> run folder, the single-source run before the multi-source one.
        languages: default: every source, and the targets that all runs have in common.
    """
    from mslt_it.models.identity import read_run
    from mslt_it.publish.comparable import languages as languages_of

    settings = settings or Settings()
    tokenizer, systems = systems_of_runs(runs)
    finished = [read_run(folder) for folder in runs.values()]
    chosen = languages or [code for part in languages_of(finished) for code in part]
    texts = parallel_texts(finished[0].recipe, chosen, max_items=settings.max_items)
    return measure(systems, texts, tokenizer, settings=settings, advance=advance)


def write(result: Mapping[str, Any], path: Path | str) -> None:
    """The result as JSON, whole or not at all."""
    from mslt_it.store import write_atomically

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n")


def read(path: Path | str) -> dict[str, Any]:
    """What `write` wrote, checked to be of this schema and complete."""
    remedy = "Measure again, or take the file from a copy that is whole."
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(f"{path} cannot be read ({error}). {remedy}") from error
    if not isinstance(result, dict) or result.get("schema") != SCHEMA:
        found = result.get("schema") if isinstance(result, dict) else type(result).__name__
        raise Problem(f"{path} is of schema {found!r}, this version reads schema {SCHEMA}. Measure again.")
    keys = ("languages", "seen", "unseen", "num_items", "num_layers", "settings", "chance", "texts", "systems",
            "differences", "points")  # fmt: skip
    if missing := [key for key in keys if key not in result]:
        raise Problem(f"{path} lacks {', '.join(missing)}. {remedy}")
    layers, count = result["num_layers"], len(result["languages"])
    for name, system in result["systems"].items():
        for measure_, matrix in {**system["pairs"], **system["languages"]}.items():
            if len(matrix) != layers or any(len(row) != count for row in matrix):
                raise Problem(f"{path}: {measure_} of system '{name}' is not of {layers} layers and {count} languages. "
                              f"{remedy}")  # fmt: skip
    return result


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

    @property
    def shape(self) -> tuple[int, ...]:
        return self.matrices["cka"].shape

    def minus(self, other: _Found) -> _Found:
        return _Found(
            values={key: value - other.values[key] for key, value in self.values.items()},
            items={key: value - other.items[key] for key, value in self.items.items()},
        )


def _check(systems: Mapping[str, ModelInState], texts: Mapping[str, Sequence[str]], settings: Settings) -> int:
    """The number of items. What would stop the measuring later on stops it here: a large model takes its time."""
    if not systems:
        raise Problem("No system was given. Give at least one model to look at.")
    if len(texts) < 2:
        raise Problem(f"Mingling is between languages: {len(texts)} given, at least 2 are needed.")
    counts = {code: len(of_code) for code, of_code in texts.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{code} {num}" for code, num in counts.items())
        raise Problem(f"The languages have different numbers of texts ({listed}): text i must be the same item in all.")
    num_items = next(iter(counts.values()))
    if num_items < MIN_ITEMS:
        raise Problem(f"{num_items} items per language are too few; give at least {MIN_ITEMS}.")
    for name, most in (("csls", num_items), ("neighbours", len(texts) * (num_items - 1))):
        if getattr(settings, name) > most:
            raise Problem(f"mingling.{name}={getattr(settings, name)} is out of range: there are only {most} items to "
                          "look among.")  # fmt: skip
    if settings.map == "umap":
        alignment.umap_package()
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
        each = [
            hidden_states(
                model,
                texts,
                pooling=settings.pooling,
                batch_tokens=settings.batch_tokens,
                adapter=system.adapter,
            )
            for texts in tokenised.values()
        ]
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
        around = alignment.centred(at, "language")
        units = alignment.unit(around if settings.centre_retrieval else at)
        for i, j in groups.pairs["all"]:
            looked_up = alignment.unit_retrieval(units[i], units[j], csls=settings.csls)
            hits[i, j], hits[j, i] = looked_up.forward, looked_up.backward
        similar = alignment.cka_pairs(alignment.grams(at), influence=True)
        mixed, centred_mixed = (
            alignment.mixing(x, neighbours=settings.neighbours, own_translations=settings.own_translations)
            for x in (alignment.centred(at, "all"), around)
        )
        per_language = {
            "mixing": mixed.share,
            "entropy": mixed.entropy,
            "centred_mixing": centred_mixed.share,
        }
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
        "perplexity": alignment.bounded_perplexity(num * len(languages), settings.perplexity)
        if settings.map == "tsne"
        else None,
        "languages": [code for code in languages for _ in range(num)],
        "items": [item for _ in languages for item in range(num)],
        "systems": {},
    }


def _coordinates(states: np.ndarray, settings: Settings) -> list[list[float]]:
    """Of (languages, n, width): centred and scaled as for mixing, so that near in the map is near in the figures."""
    points = alignment.centred(states.astype(np.float64), "all")[:, : settings.map_items]
    flat = alignment.unit(points).reshape(-1, states.shape[-1])
    if settings.map == "umap":
        found = alignment.umap(flat, seed=settings.seed)
    else:
        found = alignment.tsne(flat, perplexity=settings.perplexity, seed=settings.seed)
    return [[round(float(x), 4), round(float(y), 4)] for x, y in found]


def _opener(base: Any, adapter: Path) -> Callable[[], AbstractContextManager[Any]]:
    @contextlib.contextmanager
    def opened() -> Iterator[Any]:
        from mslt_it.models.base_model import load_adapter

        model = load_adapter(base, adapter)
        try:
            yield model
        finally:
            model.unload()  # the base's own modules are put back as they were

    return opened


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def _plain(values: Array) -> Any:
    return [_plain(part) for part in values] if values.ndim else _number(float(values))
