"""Sweeps: keys of the cells' recipe that take several values, each with every other, on every set of sources.

    mslt study study=mini training.eval_steps=50 training.learning_rate=[1e-4,3e-4] adapter.rank=[8,32]
    grid: {training.learning_rate: [1e-4, 3e-4], adapter.rank: [8, 32]}                   # in a study's file
    grid: {adapter.target_modules: [[q_proj, v_proj], [all-linear]]}                      # a list is one value

One combination is a *point*. Which point stands for a set of sources is decided by held-out rows of its sources, see
`mslt_it.study.choosing`.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from mslt_it import values
from mslt_it.config.checks import check
from mslt_it.config.decides import OF_LOOKS
from mslt_it.config.overrides import unknown_key
from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import Key, keys, read, take, written
from mslt_it.problems import Problem

Point = tuple[tuple[str, Any], ...]  # (dotted key, value), in the order of the grid; empty without a sweep
Grid = Mapping[str, tuple[Any, ...]]  # dotted key -> its values

# Of these all cells must have the same value: they are compared on one base and on the same items.
ONE_VALUE = ("task.", "model.", "scoring.", "select.", "combine.", "adapter.quantization")
PROMPT = "prompt."
MAX_NAME = 40  # characters of a value in a cell's name


def swept(name: str, text: str) -> tuple[Any, ...] | None:
    """The values that ``name=[...]`` lists on the command line; None where the text is one value.

    Of a key whose value is a list, a sweep is a list of lists.
    """
    key = keys(Recipe).get(name)
    if key is None or key.is_mapping or (key.kind == "a text" and name.startswith("task.")):  # columns, paths
        return None
    if not key.is_list:
        found = values.items(text)
        return None if found is None else tuple(read(key, item) for item in found)
    if not re.match(r"\s*\[\s*\[", text):
        return None
    try:
        return tuple(take(key, one) for one in yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Problem(f"Cannot read '{name}={text}'. {_of_lists(key)}") from None


def checked_grid(grid: Mapping[str, Any], where: str, set_by_study: Mapping[str, str]) -> dict[str, tuple[Any, ...]]:
    """The grid with its values as the recipe has them; a Problem for what no sweep can be made of.

    Args:
        where: it stands, for errors.
        set_by_study: key of the recipe -> the study's own key for it.
    """
    found = {}
    for name, given in grid.items():
        if name in set_by_study:
            raise Problem(f"{where}: grid holds {name}, for which the study has {set_by_study[name]}.")
        key = keys(Recipe).get(name)
        if key is None:
            raise unknown_key(str(name), f" in grid of {where}")
        _refuse_one_value(key, where)
        if not isinstance(given, (list, tuple)) or (key.is_list and any(isinstance(one, str) for one in given)):
            raise Problem(f"{where}: grid: {name}: {given!r} is not a list of values. {_of_lists(key)}")
        try:
            found[name] = tuple(take(key, one) for one in given)
        except Problem as problem:
            raise Problem(f"{where}: grid: {problem}") from None
        if not found[name] or len(set(found[name])) < len(found[name]):
            fault = "names a value twice" if given else "is empty"
            raise Problem(f"{where}: grid: {name}={written(found[name])} {fault}. Give each value once.")
    return found


def _refuse_one_value(key: Key, where: str) -> None:
    name = key.name
    if name.startswith(ONE_VALUE) or "." not in name:
        why = "cells of a study are compared on one base and on the same items"
    elif name.removeprefix("training.") in OF_LOOKS:
        why = "settings are chosen by these rows, so all cells look at them alike"
    elif not key.decides or not key.in_help:
        why = "no figure follows from it"
    else:
        return
    raise Problem(f"{where}: grid cannot hold {name}: {why}. Make a study of each value, with an out=DIR of its own.")


def _of_lists(key: Key) -> str:
    example = key.example or "[a,b]"
    lists = f"[{example},{example}]" if key.is_list else "[VALUE,VALUE]"
    return f"A sweep is written {key.name}={lists}, quoted for the shell."


def points(grid: Grid) -> list[Point]:
    """Every combination, the last key's values changing first; one empty point without a sweep."""
    return [tuple(zip(grid, one, strict=True)) for one in itertools.product(*grid.values())]


def at(recipe: Recipe, point: Point) -> Recipe:
    """The recipe with the values of a point."""
    for name, value in point:
        section, _, leaf = name.partition(".")
        changed = dataclasses.replace(getattr(recipe, section), **{leaf: value})
        recipe = dataclasses.replace(recipe, **{section: changed})
    return recipe


def check_points(grid: Grid, base: Recipe) -> None:
    """Refuses points whose values do not go together, and a sweep that nothing could be chosen by."""
    for point in points(grid):
        try:
            check(at(base, point))
        except Problem as problem:
            raise Problem(f"grid, {described(point)}: {problem}") from None
    if len(points(grid)) > 1 and not base.training.eval_steps:
        raise Problem(
            f"{len(points(grid))} settings would be tried ({described_grid(grid)}), and one is chosen for each set by "
            "held-out rows of its sources, which training.eval_steps=0 never evaluates. Add for example "
            "training.eval_steps=50; the last step is always evaluated."
        )


def is_asked_alike(grid: Mapping[str, Sequence[Any]]) -> bool:
    """Whether all cells are asked with the same prompts: else the untuned base answers otherwise in each, and there is
    no one gain over it."""
    return not any(name.startswith(PROMPT) and len(found) > 1 for name, found in grid.items())


def described(point: Point) -> str:
    """ "learning_rate 0.0003, rank 8"."""
    return ", ".join(f"{name.partition('.')[2]} {written(value)}" for name, value in point)


def described_grid(grid: Grid) -> str:
    """ "training.learning_rate 0.0001, 0.0003; adapter.rank 8, 32"."""
    return "; ".join(f"{name} {', '.join(map(written, found))}" for name, found in grid.items())


def name_parts(grid: Grid, point: Point) -> list[str]:
    """What a cell's name says of its point: "rank8", of each key that has several values."""
    return [
        f"{name.partition('.')[2]}{_names(grid[name])[grid[name].index(value)]}"
        for name, value in point
        if len(grid[name]) > 1
    ]


def _names(found: Sequence[Any]) -> list[str]:
    """Values as parts of a folder's name: 0.0003, q_proj-v_proj; with their number where that is not unique."""
    said = [re.sub(r"[^A-Za-z0-9_.-]+", "-", written(one)).strip("-")[:MAX_NAME] for one in found]
    return said if len(set(said)) == len(said) else [f"{number}-{one}" for number, one in enumerate(said, 1)]
