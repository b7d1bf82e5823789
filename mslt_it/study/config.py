"""Study files: one YAML file in recipes/study/ says which runs are made, `grid` lists them.

    mslt study study=mini 'seeds=[0]' sample=10 training.num_epochs=2

Keys of the study are written ``KEY=VALUE``; dotted keys (and scale=, task=) are overrides of every cell's recipe.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.languages import LanguageSet, validated_codes
from mslt_it.overrides import GROUPS
from mslt_it.problems import Problem, nearest
from mslt_it.recipe import is_rest
from mslt_it.recipe_checks import CHOICES
from mslt_it.recipe_files import list_groups, recipes_dir
from mslt_it.records import REST
from mslt_it.selection.criteria import CRITERIA, POOLS

FOLDER = "study"  # inside recipes/, and inside a folder given with --config-dir
# What the grid sets for each cell -> the study's key for it.
SET_BY_GRID = {
    "sources": "pool and set_sizes",
    "targets": "targets",
    "seed": "seeds",
    "data.num_examples_total": "budgets",
    "prompt.variant": "variants",
    "output_dir": "out",
}


@dataclass(frozen=True)
class Expected:
    """What a cell takes, for --dry-run before any cell is done."""

    seconds_per_step: float | None = None  # of training
    seconds_per_item: float | None = None  # of scoring, one item and one model
    origin: str = ""  # where the two come from


@dataclass(frozen=True)
class StudyConfig:
    """One study: every set of sources of the given sizes x seeds x budgets x variants, on the same targets."""

    name: str
    recipe: str  # every cell is a run of this recipe
    pool: tuple[str, ...]  # languages that sources are taken from
    targets: tuple[str, ...]  # scored in every cell; none of them in the pool; rest: all others that the data have
    set_sizes: tuple[int, ...] = (1, 3)
    sets: tuple[str, ...] = ()  # "ar-de-zh": sets of sources besides those of set_sizes, named beforehand
    sample: int | None = None  # at most so many sets of each size, drawn by hash; null = all
    seeds: tuple[int, ...] = (0,)
    budgets: tuple[int, ...] = ()  # labelled rows of a cell over all its sources; empty = the recipe's
    variants: tuple[str, ...] = ("direct",)  # prompt.variant
    overrides: tuple[str, ...] = ()  # of every cell's recipe, as on the command line
    also_score: tuple[str, ...] = ()  # tasks that each cell's adapter is scored on besides, by mslt eval
    criteria: tuple[str, ...] = ()  # of mslt select, compared in the report; empty = all
    # When all cells are done, see `mslt_it.study.afterwards`; empty = not at all.
    mingling: Mapping[str, Any] = field(default_factory=dict)  # sslt, mslt, seeds, and settings of the measuring
    predict: Mapping[str, Any] = field(default_factory=dict)  # set_size, num_items
    expected: Expected = Expected()


# Of these the cells do not depend: they may change while a study is under way.
FREE = ("name", "criteria", "mingling", "predict", "expected", "overrides", "recipe")  # the recipe: as it is resolved
_TEXTS = ("pool", "targets", "sets", "variants", "overrides", "also_score", "criteria")
_NUMBERS = {"set_sizes": 1, "seeds": 0, "budgets": 1}  # lists of whole numbers, and the least that each may hold
KEYS = tuple(f.name for f in dataclasses.fields(StudyConfig) if f.name != "name")


def study_files(config_dir: str | Path | None = None) -> dict[str, Path]:
    """Name -> file, of the package and of a user's folder. A user's file may not silently stand for the package's."""
    folders = [recipes_dir()] if config_dir is None else [values.path(config_dir), recipes_dir()]
    if not folders[0].is_dir():
        raise Problem(f"--config-dir: '{config_dir}' is not a folder. Give the folder that holds study/NAME.yaml.")
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted((folder / FOLDER).glob("*.yaml")):
            if path.stem in found and path.resolve() != found[path.stem].resolve():
                raise Problem(f"{found[path.stem]} has the name of a study of the package. Rename yours.")
            found[path.stem] = path
    return found


def load_study(name: str, arguments: Sequence[str] = (), config_dir: str | Path | None = None) -> StudyConfig:
    """The study with its command line's KEY=VALUE applied, checked; every mistake is a Problem."""
    import yaml

    known = study_files(config_dir)
    if name not in known:
        raise Problem(f"Unknown study '{name}'. {nearest(name, known)}")
    path = known[name]
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise Problem(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise Problem(f"{path} must hold KEY: VALUE lines. Keys: {', '.join(KEYS)}.")
    given, overrides = _split(arguments)
    where = {key: f"{key}={text}" for key, (text, _) in given.items()}
    content |= {key: value for key, (_, value) in given.items()}
    for key in content:
        if key not in KEYS:
            raise Problem(f"Unknown key '{key}' in {path}. {nearest(str(key), KEYS)}")
    for key in ("recipe", "pool", "targets"):
        if key not in content:
            raise Problem(f"{path}: {key} is missing. Add a line '{key}: ...'.")
    typed = {key: _typed(key, value, where.get(key, f"{path}: {key}")) for key, value in content.items()}
    typed["overrides"] = (*typed.get("overrides", ()), *overrides)
    return _checked(StudyConfig(name=name, **typed), str(path))


def _split(arguments: Sequence[str]) -> tuple[dict[str, tuple[str, Any]], list[str]]:
    """Command-line arguments as study keys (key -> text, value) and overrides of the recipe."""
    given: dict[str, tuple[str, Any]] = {}
    overrides: list[str] = []
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if "." in key or key.startswith("~") or (equals and key in GROUPS):
            overrides.append(argument)
            continue
        if key not in KEYS or not equals:
            raise Problem(
                f"Unknown key '{key}'. {nearest(key, KEYS)} Keys of the cells' recipe are written with their dot: "
                "training.num_epochs=2."
            )
        if key in given:
            raise Problem(f"{key} is given twice. Keep one.")
        given[key] = (text, _read(key, text))
    return given, overrides


def _read(key: str, text: str) -> Any:
    """What was written after ``KEY=``, as the file would have it; ``_typed`` says what is wrong with it."""
    import yaml

    if key in ("mingling", "predict", "expected"):  # sections of the file, in its own form
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            raise Problem(f"Cannot read '{key}={text}'. Write it as in the file: '{key}={{A: B}}'.") from None
    if key == "sample":
        return None if text.strip().lower() == "null" else _whole(text)
    found = values.items(text)
    if found is None:
        return values.unquoted(text)
    return [_whole(item) for item in found] if key in _NUMBERS else found


def _whole(text: str) -> int | str:
    return int(text) if re.fullmatch(r"\s*[+-]?[0-9]+\s*", text) else text


def _typed(key: str, value: Any, where: str) -> Any:
    if key == "recipe":
        if not isinstance(value, str) or not value:
            raise Problem(f"{where}: {value!r} is not a recipe's name. Write for example recipe: xnli_3src.")
        return value
    if key == "sample":
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise Problem(f"{where}: {value!r} is not a number of sets. Write 1 or more, or null for all.")
        return value
    if key in ("mingling", "predict"):
        if not isinstance(value, dict):
            raise Problem(f"{where}: {value!r} is not a map. Write KEY: VALUE lines under it.")
        return value
    if key == "expected":
        return _expected(value, where)
    if key == "pool" and isinstance(value, str) and value in POOLS:
        value = list(POOLS[value])
    if key == "targets" and value == "rest":
        value = list(REST)
    if not isinstance(value, list):
        raise Problem(f"{where}: {value!r} is not a list. Write for example {key}: [{_example(key)}].")
    if key in _NUMBERS:
        for item in value:
            if isinstance(item, bool) or not isinstance(item, int) or item < _NUMBERS[key]:
                raise Problem(f"{where}: {item!r} is not a whole number of at least {_NUMBERS[key]}.")
    elif key not in ("pool", "targets"):  # codes have their own check, which knows of YAML's booleans
        for item in value:
            if not isinstance(item, str) or not item:
                raise Problem(f"{where}: {item!r} is not a text. Put it in quotes.")
    repeated = [item for i, item in enumerate(value) if item in value[:i]]
    if repeated and key != "overrides":
        raise Problem(f"{where}: {repeated[0]!r} is listed twice. Remove one.")
    return tuple(value)


def _expected(value: Any, where: str) -> Expected:
    names = tuple(f.name for f in dataclasses.fields(Expected))
    if not isinstance(value, dict):
        raise Problem(f"{where}: {value!r} is not a map. Keys: {', '.join(names)}.")
    for name, item in value.items():
        if name not in names:
            raise Problem(f"{where}: unknown key '{name}'. {nearest(str(name), names)}")
        if name == "origin":
            continue
        if isinstance(item, bool) or not isinstance(item, (int, float)) or not math.isfinite(item) or item <= 0:
            raise Problem(f"{where}.{name}: {item!r} is not a number of seconds above 0.")
    if not str(value.get("origin") or "").strip():
        raise Problem(f"{where}: origin is missing. Say where the seconds were measured, or how they were reckoned.")
    return Expected(**value)


def _checked(config: StudyConfig, where: str) -> StudyConfig:
    from mslt_it.study.afterwards import check

    pool = validated_codes("pool", config.pool)
    targets = REST if is_rest(config.targets) else validated_codes("targets", config.targets)
    if not pool:
        raise Problem(f"{where}: pool is empty. Write for example pool: [ar, de, zh].")
    try:
        if not is_rest(targets):  # else see `grid.with_rest`
            LanguageSet(pool, targets)
    except Problem as problem:
        raise Problem(
            f"{where}: the targets of a study are scored in every cell, so none may be in the pool. {problem}"
        ) from None
    for key in ("set_sizes", "seeds", "variants"):
        if not getattr(config, key) and not (key == "set_sizes" and config.sets):
            raise Problem(f"{where}: {key} is empty. Write for example {key}: [{_example(key)}].")
    if max(config.set_sizes, default=0) > len(pool):
        raise Problem(
            f"{where}: set_sizes holds {max(config.set_sizes)}, the pool only {len(pool)} languages "
            f"({', '.join(pool)}). Sizes go from 1 to {len(pool)}."
        )
    tasks = tuple(list_groups()["task"]) if config.also_score else ()
    for key, known in (
        ("variants", CHOICES["prompt.variant"]), ("criteria", tuple(CRITERIA)), ("also_score", tasks)
    ):  # fmt: skip
        for item in getattr(config, key):
            if item not in known:
                raise Problem(f"{where}: {key} holds '{item}'. {nearest(item, known)}")
    for item in config.sets:
        members = item.split("-")
        if unknown := [code for code in members if code not in pool]:
            raise Problem(
                f"{where}: sets holds '{item}', but {unknown[0]} is not in the pool. {nearest(unknown[0], pool)} "
                "Codes of a set are joined with hyphens: ar-de-zh."
            )
        if len(members) > len(set(members)):
            raise Problem(f"{where}: sets holds '{item}', which names a language twice. Remove one.")
    for override in config.overrides:
        key = re.sub(r"^[+~]+", "", override.partition("=")[0])
        if key in SET_BY_GRID:
            raise Problem(
                f"'{override}': {key} is set for each cell. Use the study's {SET_BY_GRID[key]}: mslt study study="
                f"{config.name} {SET_BY_GRID[key].split()[0]}=..."
            )
    config = dataclasses.replace(config, pool=pool, targets=targets)
    check(config, where)
    return config


def _example(key: str) -> str:
    examples = {"set_sizes": "1, 3", "seeds": "0, 1, 2", "budgets": "1500", "variants": "direct", "pool": "ar, de, zh"}
    return examples.get(key, "a, b")
