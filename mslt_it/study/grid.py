"""The cells of a study: which runs there are, in a fixed order, each with its complete recipe."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import LARGEST, REST, Recipe
from mslt_it.config.schema import FrozenDict
from mslt_it.data.mixing import allocate, hash_key
from mslt_it.data.resolve import rest_of
from mslt_it.data.rows import RowStore
from mslt_it.languages import LanguageSet
from mslt_it.models.packaged import with_reachable_base
from mslt_it.problems import Problem, counted, nearest
from mslt_it.selection.auto import choose_sources
from mslt_it.study.config import StudyConfig, overrides_of
from mslt_it.study.sweep import Point, at, name_parts, points

TINY = 1e-9  # costs need not be whole numbers


@dataclass(frozen=True)
class Cell:
    """One run of a study: a set of sources with all that is varied beside it."""

    # "ar-de-zh_s0", and the budget, variant, swept values, assignment where there are several; the name of its folder
    id: str
    sources: tuple[str, ...]
    seed: int
    budget: int  # labelled rows over all sources
    variant: str
    assignment: int | None = None  # number of the assignment of items to languages; None: the seed decides
    point: Point = ()  # the values of swept keys
    pinch: int | None = None  # rows in all sources but the pool's first together; None: equal shares
    shots: int | None = None  # rows of ``target``, which is one of the sources; 0: of none, None: no matter of shots
    target: str = ""
    rows: Mapping[str, int] = field(default_factory=FrozenDict)  # labelled ones of each source


def base_recipe(config: StudyConfig, config_dir: str | Path | None = None, arguments: Sequence[str] = ()) -> Recipe:
    """What the cells' recipes have in common, with the first set's values where they differ. ``arguments``: of the
    command line, which may leave a key of the study's file without effect, but none of its own."""
    own = [
        f"sources=[{config.pool[0]}]",
        f"targets=[{','.join(config.targets)}]",
        f"seed={config.seeds[0]}",
        f"prompt.variant={config.variants[0]}",
    ]
    typed = [*overrides_of(arguments), *own]
    overrides = [*config.overrides, *own]
    return with_reachable_base(load_recipe(config.recipe, overrides, config_dir, choose=choose_sources, typed=typed))


def with_rest(
    config: StudyConfig, rows: RowStore, config_dir: str | Path | None = None
) -> tuple[StudyConfig, list[str]]:
    """(the study with ``targets: rest`` as the languages of its data outside the pool, notes on them)."""
    if config.targets != REST:
        return config, []
    targets, _, note = rest_of(base_recipe(config, config_dir).task, config.pool, rows)
    return dataclasses.replace(config, targets=targets), [note]


def with_budgets(config: StudyConfig, recipe: Recipe) -> StudyConfig:
    """The study with its budgets written out, each large enough for the largest set."""
    if not config.budgets and recipe.data.num_examples_total == LARGEST:
        raise Problem(
            f"recipe {config.recipe}: data.num_examples_total=max would differ between cells, and sets are "
            "compared at one number. Give the study's own: budgets=[1500]."
        )
    budgets = config.budgets or (recipe.data.num_examples_total,)
    if min(budgets) < (largest := max(len(sources) for sources in source_sets(config))):
        raise Problem(
            f"budgets: {counted(min(budgets), 'row')} cannot be shared by {largest} sources. A budget is the total "
            "over all sources of a cell; every source needs at least one row."
        )
    if config.pinch and min(budgets) <= max(config.pinch):
        raise Problem(
            f"pinch: {max(config.pinch)} of {min(budgets)} rows leave none for {config.pool[0]}. Use a pinch below "
            "every budget."
        )
    config = dataclasses.replace(config, budgets=budgets)
    for code, cost in config.cost.items():
        if code not in (known := (*config.pool, *config.targets)):
            raise Problem(f"cost names {code}, which is neither in the pool nor a target. {nearest(str(code), known)}")
        if isinstance(cost, bool) or not isinstance(cost, (int, float)):
            raise Problem(f"cost of {code} is {cost!r}, not a number. Write cost: {{{code}: 3}}.")
    if short := next((cell for cell in cells(config) if min(cell.rows.values()) < 1), None):
        rows = ", ".join(f"{n} {code}" for code, n in short.rows.items())
        raise Problem(
            f"budgets: {short.budget} pays for these rows of {short.id}: {rows}. Every source needs one: use a larger "
            "budget, or less in shots, pinch or cost."
        )
    return config


def cells(config: StudyConfig) -> list[Cell]:
    """Every cell, by number of sources, set, pinch or shots, budget, variant, point of the sweep, assignment and seed.

    ``config`` has its budgets written out.
    """
    found = []
    for sources, share in _shared(config):
        assignments = range(config.assignments) if config.assignments > 1 else [None]
        for budget, variant, point, assignment, seed in itertools.product(
            config.budgets, config.variants, points(config.grid), assignments, config.seeds
        ):
            parts = ["-".join(code for code in sources if code != share.get("target"))]
            parts += [f"p{share['pinch']}"] if "pinch" in share else []
            parts += [f"{share['target']}{share['shots']}"] if "target" in share else []
            parts += [f"n{budget}"] if len(config.budgets) > 1 else []
            parts += [variant] if len(config.variants) > 1 else []
            parts += name_parts(config.grid, point)
            parts += [] if assignment is None else [f"a{assignment}"]
            name = "_".join([*parts, f"s{seed}"])
            cell = Cell(name, sources, seed, budget, variant, assignment, point, **share)
            found.append(dataclasses.replace(cell, rows=_rows(config, cell)))
    return sorted(found, key=lambda cell: len(cell.sources))


def _shared(config: StudyConfig) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """The sources of cells, and how they share the rows where it is not equally.

    A pinch: the rows of all languages but the pool's first; 0 is that one alone. Shots: a target's, which is a source
    then, in sets of every size but the largest; of several sizes the largest is what they are held against.
    """
    sets, main = source_sets(config), config.pool[0]
    if config.pinch:
        several = [sources for sources in sets if main in sources and len(sources) > 1]
        alone: list[tuple[tuple[str, ...], dict[str, Any]]] = [((main,), {"pinch": 0})] if 0 in config.pinch else []
        return alone + [(sources, {"pinch": n}) for sources in several for n in sorted(config.pinch) if n]
    if not config.shots:
        return [(sources, {}) for sources in sets]
    sizes = {len(sources) for sources in sets}
    found: list[tuple[tuple[str, ...], dict[str, Any]]] = []
    for sources in sets:
        if len(sizes) > 1 and len(sources) == max(sizes):
            found.append((sources, {}))
            continue
        found += [(sources, {"shots": 0})] if 0 in config.shots else []
        found += [
            ((*sources, target), {"shots": n, "target": target})
            for target in config.targets
            for n in sorted(config.shots)
            if n
        ]
    return found


def _rows(config: StudyConfig, cell: Cell) -> FrozenDict:
    """Labelled rows of a cell's sources: as many as its budget pays for, equally many of each where neither pinch nor
    shots say how many."""
    given: dict[str, int] = {}
    if cell.pinch:
        given = allocate(cell.pinch, sorted(cell.sources, key=config.pool.index)[1:])
    elif cell.shots:
        given = {cell.target: cell.shots}
    own = sorted(code for code in cell.sources if code not in given)
    costs = [config.cost.get(code, 1) for code in own]
    left = cell.budget - sum(number * config.cost.get(code, 1) for code, number in given.items())
    each = max(0, int(left / sum(costs) + TINY))
    rows = {code: each for code in own} | given
    left -= each * sum(costs)
    for code, cost in zip(own, costs, strict=True):  # what is left, in the order of `allocate`
        if cost <= left + TINY:
            rows[code], left = rows[code] + 1, left - cost
    return FrozenDict(rows)


def source_sets(config: StudyConfig) -> list[tuple[str, ...]]:
    """All C(pool, k) sets of each size, or ``sample`` of them, languages and sets in the pool's order.

    A sample holds every language about equally often, so that sets of one kind are not those of one language; among
    equals a hash decides, and a larger sample holds the smaller.
    """
    found: list[tuple[str, ...]] = []
    for size in sorted(config.set_sizes):
        sets = list(itertools.combinations(config.pool, size))
        if config.sample is not None:
            drawn = _balanced(sets, config.sample)
            sets = [languages for languages in sets if languages in drawn]
        found += sets
    named = [tuple(sorted(text.split("-"), key=config.pool.index)) for text in config.sets]
    return sorted([*found, *(languages for languages in dict.fromkeys(named) if languages not in found)], key=len)


def _balanced(sets: Sequence[tuple[str, ...]], number: int) -> set[tuple[str, ...]]:
    """One set after the other, each of the languages that were least often taken."""
    left = sorted(sets, key=lambda languages: hash_key("sample", *sorted(languages)))
    taken: Counter[str] = Counter()
    drawn = set()
    for _ in range(min(number, len(left))):
        best = min(left, key=lambda languages: sum(2 * taken[code] + 1 for code in languages))  # the squares' growth
        left.remove(best)
        taken.update(best)
        drawn.add(best)
    return drawn


def cell_recipe(base: Recipe, config: StudyConfig, cell: Cell, folder: Path) -> Recipe:
    """The recipe of one cell, whose run folder is ``folder``."""
    languages = LanguageSet(cell.sources, config.targets, supervised=bool(cell.target))
    base = at(base, cell.point)
    return dataclasses.replace(
        base,
        name=f"{config.name}_{cell.id}",
        sources=languages.sources,
        targets=languages.targets,
        supervised=languages.supervised,
        seed=cell.seed,
        output_dir=str(folder),
        select=dataclasses.replace(base.select, note=""),
        data=dataclasses.replace(
            base.data,
            num_examples_total=sum(cell.rows.values()),
            num_examples=FrozenDict(
                {code: cell.rows[code] for code in languages.sources} if cell.pinch or cell.shots else {}
            ),
            assignment_seed=cell.assignment,
        ),
        prompt=dataclasses.replace(base.prompt, variant=cell.variant),
    )


def by_size(found: Sequence[Cell]) -> dict[int, list[Cell]]:
    """Set size -> its cells."""
    return {size: list(group) for size, group in itertools.groupby(found, key=lambda cell: len(cell.sources))}
