"""``KEY=VALUE`` of a recipe: where each goes, and its value.

Hydra's own grammar of overrides is not used: it has a meaning for quotes, commas, braces, "=" and most letters that are
not ASCII. A path or an instruction here is the text that was written.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Sequence
from typing import Any

from mslt_it import values
from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import keys, read, sections
from mslt_it.problems import Problem, nearest

GROUPS = ("scale", "task")  # folders in recipes/ whose files are chosen by name: scale=paper

# What other tools call a key, where no spelling distance would find ours.
ALIASES = {
    "lr": "training.learning_rate",
    "epochs": "training.num_epochs",
    "per_device_train_batch_size": "training.batch_size",
    "r": "adapter.rank",
    "lora_r": "adapter.rank",
    "lora_alpha": "adapter.alpha",
    "max_length": "data.max_length_tokens",
    "max_seq_length": "data.max_length_tokens",
    # and our other commands
    "out": "output_dir",
    "output": "output_dir",
    "languages": "targets",
    "examples": "scoring.num_examples_per_language",
    "model": "model.path",
    "seeds": "seed",
}
SHORT = {"task.input": "task.input_fields", "task.label": "task.label_field"}

Place = tuple[str, ...]  # ("training", "learning_rate"); of a mapping ("task", "instruction", "tr")


def split(overrides: Sequence[str]) -> tuple[dict[str, str], list[tuple[Place, Any]]]:
    """(group -> chosen file; the place and value of every other key, in their order)."""
    groups: dict[str, str] = {}
    found: list[tuple[Place, Any]] = []
    for override in overrides:
        name, equals, text = override.partition("=")
        name = name.strip()
        if not equals:
            raise Problem(f"Argument '{override}' is not KEY=VALUE. Write for example training.learning_rate=1e-4.")
        refuse_unfilled(name, text, f'Write the value itself, or have the shell fill it in: {name}="$NAME".')
        if name in GROUPS:
            groups[name] = values.unquoted(text)
        else:
            found.append(_placed(name, text))
    return groups, found


def refuse_twice(overrides: Sequence[str]) -> None:
    """A Problem for a key of a recipe that is given twice, in whatever spelling, also in a mapping and by itself."""
    given: dict[str, str] = {}
    for override in overrides:
        name, _, text = override.partition("=")
        name, pairs = SHORT.get(name.strip(), name.strip()), None
        if (found := keys(Recipe).get(name)) and found.is_mapping:
            pairs = values.mapping(text) or [("default", text)]
        for place in [f"{name}.{key}" for key, _ in pairs] if pairs else [name]:
            if place in given:
                raise Problem(f"{place} is given twice: '{given[place]}' and '{override}'. Keep one.")
            given[place] = override


def refuse_unfilled(name: str, value: Any, remedy: str) -> None:
    """A Problem for ``${...}`` in a value: a recipe means the same wherever it is read."""
    if isinstance(value, str) and "${" in value:
        raise Problem(f"{name}={value}: ${{...}} is not filled in; a recipe means the same everywhere. {remedy}")


def assign(content: dict[str, Any], assigned: Sequence[tuple[Place, Any]]) -> None:
    """Puts what `split` read into a recipe as nested dictionaries; a mapping keeps its other keys."""
    for place, value in assigned:
        *sections, name = place
        inner = functools.reduce(lambda outer, section: outer[section], sections, content)
        old = inner.get(name)
        if isinstance(old, dict) and isinstance(value, dict) and name != "num_examples":  # which may be of others
            value = {**old, **value}
        inner[name] = value


def unknown_key(name: str, where: str = "") -> Problem:
    """The Problem for a key that no recipe has, with the nearest that there is."""
    return Problem(f"Unknown key '{name}'{where}. {_nearest_key(name, list(keys(Recipe)))}")


def _nearest_key(name: str, known: Sequence[str]) -> str:
    """Did you mean ...? over the dotted names, or over one section's where the section is right."""
    parent, _, leaf = name.rpartition(".")
    alias = ALIASES.get(leaf)
    same_leaf = [k for k in known if k == alias] or [k for k in known if k.rpartition(".")[2] == leaf]
    siblings = [k for k in known if parent and k.startswith(f"{parent}.")]
    by_leaf = {k.rpartition(".")[2]: k for k in known}
    if not same_leaf and siblings:
        return nearest(name, siblings)
    if not parent and not same_leaf and difflib.get_close_matches(name, sections(Recipe), n=1, cutoff=0.7):
        return nearest(name, [f"{section}.KEY" for section in sections(Recipe)])
    close = difflib.get_close_matches(leaf, by_leaf, n=1, cutoff=0.7)
    if guess := same_leaf[:1] or [by_leaf[found] for found in close]:
        return f"Did you mean '{guess[0]}'? Known: {', '.join(sorted(siblings or known))}."
    return nearest(name, known)


def _placed(name: str, text: str) -> tuple[Place, Any]:
    known = keys(Recipe)
    if name == "task.instruction" and values.mapping(text) is None:
        name = "task.instruction.default"
    name = SHORT.get(name, name)
    if name in known:
        return tuple(name.split(".")), read(known[name], text)
    for mapping, found in known.items():
        if found.is_mapping and name.startswith(f"{mapping}.") and len(name) > len(mapping) + 1:
            return (*mapping.split("."), name[len(mapping) + 1 :]), values.unquoted(text)
    raise unknown_key(name)
