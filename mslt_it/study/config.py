"""Study files: one YAML file in recipes/study/ says which runs are made, `grid` lists them.

    mslt study study=mini 'seeds=[0]' training.num_epochs=2

Keys of the study are written ``KEY=VALUE``; dotted keys (and scale=, task=) are overrides of every cell's recipe, or a
sweep where they list several values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mslt_it.config.files import files, list_files, read_keys, unknown_file
from mslt_it.config.overrides import GROUPS, refuse_twice
from mslt_it.config.recipe import CRITERIA, REST, PromptConfig
from mslt_it.config.schema import LARGEST_SEED, build, key, keys, read, take
from mslt_it.languages import LanguageSet, some_codes, validated_codes
from mslt_it.problems import Problem, nearest
from mslt_it.representations.settings import Settings
from mslt_it.selection.criteria import POOLS
from mslt_it.study.sweep import Grid, checked_grid, swept

SECTIONS = ("grid", "mingling", "predict", "expected", "families")  # written as in the file on the command line, too
MARGIN = 0.02  # two points
FOLDER = "study"  # inside recipes/, and inside a folder given with --config-dir
# What the grid sets for each cell -> the study's key for it.
SET_BY_GRID = {
    "sources": "pool and set_sizes",
    "targets": "targets",
    "seed": "seeds",
    "data.num_examples_total": "budgets",
    "data.num_examples": "pinch or shots",
    "prompt.variant": "variants",
    "data.assignment_seed": "assignments",
    "output_dir": "out",
}


@dataclass(frozen=True)
class Expected:
    """What a cell takes, for --dry-run before any cell is done."""

    seconds_per_step: float | None = key(None, "of training", unit="seconds", above=0)
    seconds_per_item: float | None = key(None, "of scoring one item with one model", unit="seconds", above=0)
    origin: str = key("", "source of these two times")


@dataclass(frozen=True)
class Predict:
    """Which sets are predicted from single sources, and on how much."""

    set_size: int = key(3, "size of the sets", unit="languages", at_least=2)
    num_items: int = key(
        100,
        "per target, the first of the scored ones; the order is measured on the others; 0: half",
        at_least=0,
    )


@dataclass(frozen=True)
class StudyConfig:
    """One study: every set of sources of the given sizes x seeds x budgets x variants, on the same targets."""

    name: str
    recipe: str = key(help="recipe of every cell", may_be_empty=False, example="xnli_3src")
    pool: tuple[str, ...] = key(
        help=f"candidate source languages: codes, or {', '.join(POOLS)}",
        names=tuple(POOLS),
        example="[ar, de, zh]",
    )
    targets: tuple[str, ...] = key(
        help="languages scored in every cell, none of them in the pool; rest: all others in the data",
        names=REST,
        example="[el, tr]",
    )
    set_sizes: tuple[int, ...] = key(
        (1, 3), "sizes of the source sets; all sets of each size", at_least=1, may_repeat=False, example="[1, 3]"
    )
    sets: tuple[str, ...] = key(
        (), "sets named in advance, in addition to set_sizes", may_repeat=False, example="[ar-de-zh, de-en-fr]"
    )
    sample: int | None = key(
        None, "of each size, each language about equally often; null: all", unit="sets at most", at_least=1
    )
    seeds: tuple[int, ...] = key(
        (0,), "of the runs", at_least=0, at_most=LARGEST_SEED, may_repeat=False, may_be_empty=False, example="[0, 1, 2]"
    )
    assignments: int = key(1, "of items to languages, each with all seeds; 1: every seed draws its own", at_least=1)
    budgets: tuple[int, ...] = key(
        (), "labelled rows of a cell, all its sources together", at_least=1, may_repeat=False, shown="(the recipe's)",
        example="[1500]",
    )  # fmt: skip
    pinch: tuple[int, ...] = key(
        (),
        "rows of a budget for a set's other languages together, the rest for the pool's first; 0: that alone",
        unit="rows",
        at_least=0,
        may_repeat=False,
        shown="(equal shares)",
        example="[0, 10, 40, 160]",
    )
    shots: tuple[int, ...] = key(
        (),
        "rows of a target in place of source rows, each target in turn, for all sizes but the largest",
        unit="rows",
        at_least=0,
        may_repeat=False,
        shown="(none)",
        example="[0, 10, 40, 160]",
    )
    cost: Mapping[str, float] = key({}, "of a labelled row; budgets are then costs", above=0, example="{en: 1, sw: 3}")
    variants: tuple[str, ...] = key(
        ("direct",),
        "prompt.variant of the cells",
        choices=keys(PromptConfig)["variant"].choices,
        may_repeat=False,
        may_be_empty=False,
        example="[direct]",
    )
    overrides: tuple[str, ...] = key((), "changes to every cell's recipe, as on the command line")
    grid: Mapping[str, Any] = key({}, "recipe keys with several values: {adapter.rank: [8, 32]}, see docs/study.md")
    family: str = key("", "family of models to train, one of families", shown="(the study's first)")
    families: Mapping[str, Any] = key({}, "family -> keys that it adds to this file or replaces")
    also_score: tuple[str, ...] = key((), "further tasks on which each cell's adapter is scored", may_repeat=False)
    margin: float = key(MARGIN, "call figures equal only if they are shown to differ by less", above=0, at_most=1)
    criteria: tuple[str, ...] = key(
        (), "criteria of mslt select that the report compares", choices=CRITERIA, may_repeat=False, shown="all of them"
    )
    # When all cells are done, see `mslt_it.study.derived`; empty = not at all.
    mingling: Mapping[str, Any] = key({}, "measures how languages mix: sslt, mslt, seeds, and further settings")
    predict: Mapping[str, Any] = key({}, "predicts the ranking from single languages: set_size, num_items")
    expected: Expected = field(default_factory=Expected)


@dataclass(frozen=True, kw_only=True)
class Mingling(Settings):
    """What is compared, beside the base (runs of two of the study's sets), and how it is measured."""

    sslt: tuple[str, ...] = key(help="one source, or several", or_one=True, example="[en]")
    mslt: tuple[str, ...] = key(help="several sources", or_one=True, example="[ar, de, zh]")
    seeds: tuple[int, ...] = key((), "seeds of the study; none: its first", may_repeat=False, example="[0]")


PREDICTED = "predicted"  # folder, inside the study's, of what a prediction is made of
# Of these the cells do not depend: they may change while a study is under way.
FREE = (
    *("name", "margin", "criteria", "mingling", "predict", "expected", "overrides", "family", "families"),
    "recipe",  # as it is resolved it is compared
)
KEYS = tuple(f.name for f in dataclasses.fields(StudyConfig) if f.name != "name")


def study_files(config_dir: str | Path | None = None) -> dict[str, Path]:
    """Name -> file, of the package and of a user's folder."""
    return files(config_dir, FOLDER)


def load_study(name: str, arguments: Sequence[str] = (), config_dir: str | Path | None = None) -> StudyConfig:
    """The study with its command line's KEY=VALUE applied, checked; every mistake is a Problem."""
    known = study_files(config_dir)
    if name not in known:
        raise unknown_file("study", name, config_dir)
    path = known[name]
    content = read_keys(path, f". Keys: {', '.join(KEYS)}")
    if "name" in content:
        raise Problem(f"{path}: a study has the name of its file. Remove the line 'name: ...'.")
    given, overrides, sweeps = _split(arguments)
    content, name = _of_family({**content, **given}, given, name, str(path))
    config = build(StudyConfig, {**content, "name": name}, str(path))
    if twice := [one for one in map(_key_of, config.overrides) if one in config.grid]:
        raise Problem(f"{path}: {twice[0]} stands in overrides and in grid. Keep one.")
    # What the command line says of a key takes the place of what the file says of it.
    own = [one for one in config.overrides if _key_of(one) not in sweeps]
    grid = {one: found for one, found in config.grid.items() if one not in map(_key_of, overrides)}
    config = dataclasses.replace(config, overrides=(*own, *overrides), grid={**grid, **sweeps})
    return _checked(config, str(path))


def _of_family(
    content: Mapping[str, Any], given: Mapping[str, Any], name: str, where: str
) -> tuple[dict[str, Any], str]:
    """(the content with what it says of the chosen family; the study's name, with the family's but for the first)."""
    families = content.get("families") or {}
    if not isinstance(families, dict) or not all(isinstance(own, dict) for own in families.values()):
        raise Problem(f"{where}: families must hold FAMILY: {{KEY: VALUE}}, as encoder: {{overrides: [scale=mbert]}}.")
    first = next(iter(families), "")
    chosen = content.get("family") or first
    if not chosen:
        return dict(content), name
    if chosen not in [*families]:  # a list of names, which no family is, has no hash
        told = nearest(str(chosen), map(str, families)) if families else "Leave family out: the study has one model."
        raise Problem(f"{where}: family={chosen} is not among its families. {told}")
    own = families[chosen]
    if unknown := [str(one) for one in own if one not in KEYS or one in ("family", "families")]:
        raise Problem(f"{where}: families.{chosen}.{unknown[0]} is not a study's key. {nearest(unknown[0], KEYS)}")
    overrides: list[str] = []
    for prefix, part in (("", content), (f"families.{chosen}.", own)):
        if "overrides" in part:
            taken = dataclasses.replace(keys(StudyConfig)["overrides"], name=f"{prefix}overrides")
            try:
                overrides += take(taken, part["overrides"])
            except Problem as problem:
                raise Problem(f"{where}: {problem}") from None
    content = {**content, **own, **given, "family": chosen, "overrides": overrides}
    return content, name if chosen == first else f"{name}_{chosen}"


def is_override(name: str) -> bool:
    """Whether a key is one of the cells' recipe."""
    return "." in name or name in GROUPS


def _key_of(override: str) -> str:
    return override.partition("=")[0]


def overrides_of(arguments: Sequence[str]) -> list[str]:
    """What the command line says of every cell's recipe."""
    return _split(arguments)[1]


def _split(arguments: Sequence[str]) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """Command-line arguments as study keys (key -> value), overrides of the recipe, and sweeps (key -> values)."""
    given: dict[str, Any] = {}
    overrides: list[str] = []
    sweeps: dict[str, Any] = {}
    refuse_twice(arguments)
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if is_override(name):
            if (found := swept(name, text)) is None:
                overrides.append(argument)
            else:
                sweeps[name] = found
        elif name not in KEYS or not equals:
            raise Problem(
                f"Unknown key '{name}'. {nearest(name, KEYS)} Keys of the cells' recipe are written with their dot: "
                "training.num_epochs=2."
            )
        else:
            given[name] = _section(name, text) if name in SECTIONS else read(keys(StudyConfig)[name], text)
    return given, overrides, sweeps


def _section(name: str, text: str) -> Any:
    """A section of the file, in the file's own form."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Problem(f"Cannot read '{name}={text}'. Write it as in the file: '{name}={{A: B}}'.") from None


def _checked(config: StudyConfig, where: str) -> StudyConfig:
    names = tuple(code for one in config.pool for code in POOLS.get(one, (one,)))
    pool = validated_codes("pool", names)
    targets = REST if config.targets == REST else some_codes("targets", config.targets)
    try:
        if targets != REST:  # else see `grid.with_rest`
            LanguageSet(pool, targets)
    except Problem as problem:
        raise Problem(
            f"{where}: the targets of a study are scored in every cell, so none may be in the pool. "
            + str(problem).replace(", or set supervised=true", "")  # which a study has not
        ) from None
    if not config.set_sizes and not config.sets:
        raise Problem(
            f"{where}: set_sizes and sets are empty. Write for example set_sizes: [1, 3], or sets: [ar-de-zh]."
        )
    for item in config.sets:
        members = item.split("-")
        if unknown := [code for code in members if code not in pool]:
            raise Problem(
                f"{where}: sets holds '{item}', but {unknown[0]} is not in the pool. {nearest(unknown[0], pool)} "
                "Codes of a set are joined with hyphens: ar-de-zh."
            )
        if len(members) > len(set(members)):
            raise Problem(f"{where}: sets holds '{item}', which names a language twice. Remove one.")
    if max(config.set_sizes, default=0) > len(pool):
        raise Problem(
            f"{where}: set_sizes holds {max(config.set_sizes)}, the pool only {len(pool)} languages "
            f"({', '.join(pool)}). Sizes go from 1 to {len(pool)}."
        )
    _check_shares(config, pool, where)
    tasks = list_files(group="task") if config.also_score else {}
    for task in config.also_score:
        if task not in tasks:
            raise Problem(f"{where}: also_score holds '{task}'. {nearest(task, tasks)}")
    for override in config.overrides:
        name = _key_of(override)
        if name in SET_BY_GRID:
            raise Problem(
                f"'{override}': {name} is set for each cell. Use the study's {SET_BY_GRID[name]}: mslt study study="
                f"{config.name} {SET_BY_GRID[name].split()[0]}=..."
            )
    expected = config.expected
    if (expected.seconds_per_step or expected.seconds_per_item) and not expected.origin.strip():
        raise Problem(f"{where}: expected: origin is missing. Say where the seconds were measured, or how estimated.")
    grid: Grid = checked_grid(config.grid, where, SET_BY_GRID)
    config = dataclasses.replace(config, pool=pool, targets=targets, grid=grid)
    _check_derived(config, where)
    return config


def _check_shares(config: StudyConfig, pool: Sequence[str], where: str) -> None:
    if not config.pinch and not config.shots:
        return
    axis = "pinch" if config.pinch else "shots"
    for name in ("grid", "mingling", "predict", *["shots"] * bool(config.pinch)):
        if getattr(config, name):
            raise Problem(
                f"{where}: {axis} and {name}: each set has several shares, and {name} takes one. Leave one of "
                "the two out."
            )
    if not config.pinch:
        return
    sizes = [len(one) for one in (item.split("-") for item in config.sets) if pool[0] in one] + [*config.set_sizes]
    if max(sizes, default=0) < 2:
        raise Problem(
            f"{where}: pinch needs sets of several languages with {pool[0]}, the first of the pool, in which most rows "
            "are. Put 2 or more into set_sizes, or name such sets."
        )
    if short := [n for n in config.pinch if 0 < n < max(sizes) - 1]:
        raise Problem(
            f"{where}: pinch holds {short[0]}: {max(sizes) - 1} languages beside {pool[0]} cannot share so few rows. "
            f"Use {max(sizes) - 1} or more, or 0."
        )


# ---------------------------------------------------------------- what is made when the cells are done


def mingling_from(config: StudyConfig, where: str) -> Mingling | None:
    """The key ``mingling`` of a study file, checked; None where there is none."""
    if not config.mingling:
        return None
    found = build(Mingling, config.mingling, where, "mingling.")
    sets: dict[str, Any] = {}
    for name in ("sslt", "mslt"):
        codes = validated_codes(f"mingling.{name}", getattr(found, name))
        if foreign := [code for code in codes if code not in config.pool]:
            raise Problem(
                f"{where}: mingling.{name} holds {foreign[0]}, which is not in the pool ({', '.join(config.pool)}). "
                "Name sources of the study's cells."
            )
        sets[name] = tuple(code for code in config.pool if code in codes)
    return dataclasses.replace(found, **sets, seeds=found.seeds or config.seeds[:1])


def _check_derived(config: StudyConfig, where: str) -> None:
    """Refuses, when a study's file is read, what would make a step fail after all cells are done."""
    mingling_from(config, where)
    if not config.predict:
        return
    settings = build(Predict, config.predict, where, "predict.")
    for size in (1, settings.set_size):
        if size not in config.set_sizes:
            what = "the single sources it predicts from" if size == 1 else "the sets it is to predict"
            raise Problem(
                f"{where}: predict needs {what}, but set_sizes is {list(config.set_sizes)}. Put {size} into set_sizes, "
                "or take predict out (predict={})."
            )
    if config.sample is not None and config.sample < len(config.pool):
        raise Problem(
            f"{where}: predict needs every language of the pool as a single source, and sample={config.sample} leaves "
            f"some out. Use sample={len(config.pool)} or more, or take predict out (predict={{}})."
        )
