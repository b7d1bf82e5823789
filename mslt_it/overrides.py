"""``KEY=VALUE`` of a recipe, each value read by the type that ``records.py`` gives its key.

Hydra's own grammar of overrides is not used: it has a meaning for quotes, commas, braces, "=" and most letters that are
not ASCII. A path or an instruction here is the text that was written.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import difflib
import functools
import re
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from mslt_it import values
from mslt_it.problems import Problem, nearest
from mslt_it.records import LARGEST, Recipe

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
}
SHORT = {"task.input": "task.input_fields", "task.label": "task.label_field"}


def keys() -> list[str]:
    """Every key of a recipe, dotted: "sources", "training.learning_rate" and so on."""
    return list(_types())


Path = tuple[str, ...]  # ("training", "learning_rate"); of a mapping ("task", "instruction", "tr")


def split(overrides: Sequence[str]) -> tuple[dict[str, str | None], list[tuple[Path, Any]]]:
    """(group -> chosen file, None to take it out; the place and value of every other key, in their order)."""
    groups: dict[str, str | None] = {}
    found: list[tuple[Path, Any]] = []
    for override in overrides:
        key, equals, text = override.partition("=")
        key = key.strip()
        if re.match(r"[+~]*hydra[./]", key):
            raise Problem(
                f"'{override}': Hydra's own settings have no effect here. For the run's folder use output_dir=DIR."
            )
        if key.startswith("~"):
            if equals or key[1:] not in GROUPS:
                raise Problem(f"'{override}': a key cannot be removed, every key has a value. Write {key[1:]}=VALUE.")
            groups[key[1:]] = None
            continue
        key = key.lstrip("+")  # Hydra's sign for a key that is new, which nobody need know here
        if not equals:
            raise Problem(f"Argument '{override}' is not KEY=VALUE. Write for example training.learning_rate=1e-4.")
        refuse_unfilled(key, text, f'Write the value itself, or have the shell fill it in: {key}="$NAME".')
        if key in GROUPS:
            groups[key] = values.unquoted(text)
        else:
            found.append(_read(key, text))
    return groups, found


def refuse_unfilled(key: str, value: Any, remedy: str) -> None:
    """A Problem for ``${...}`` in a value: a recipe means the same wherever it is read."""
    if isinstance(value, str) and "${" in value:
        raise Problem(f"{key}={value}: ${{...}} is not filled in; a recipe means the same everywhere. {remedy}")


def assign(content: dict[str, Any], assigned: Sequence[tuple[Path, Any]]) -> None:
    """Puts what `split` read into a recipe as nested dictionaries; a mapping keeps its other keys."""
    for path, value in assigned:
        *sections, name = path
        place = functools.reduce(lambda inner, section: inner[section], sections, content)
        old = place.get(name)
        place[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value


def unknown_key(key: str, where: str = "") -> Problem:
    """The Problem for a key that no recipe has, with the nearest that there is."""
    return Problem(f"Unknown key '{key}'{where}. {_nearest_key(key)}")


def type_name(key: str) -> str:
    """What to say is expected of a value: "int", "str | None"; of a list how it is written."""
    hint = _types().get(key, str)
    if typing.get_origin(hint) is not tuple:
        return f"Expected {hint.__name__ if isinstance(hint, type) else hint}."
    chosen = ", or sources=[auto] to have them chosen (mslt select)" if key == "sources" else ""
    return f"Expected a list of strings: {key}=[a,b]{chosen}."


@functools.cache
def _types() -> dict[str, Any]:
    """Key -> its type in ``records.py``."""
    return dict(_leaves(Recipe))


def _leaves(cls: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from _leaves(hints[field.name], f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, hints[field.name]


def _read(key: str, text: str) -> tuple[Path, Any]:
    """Where the value goes, and the value."""
    if key == "task.instruction" and values.mapping(text) is None:
        key = "task.instruction.default"
    if key == "task.input" and values.items(text) is None:
        return ("task", "input_fields"), [values.unquoted(text)]
    if (key, text) in (("sources", "auto"), ("targets", "rest")):
        return (key,), [text]
    if key == "data.num_examples_total" and not re.fullmatch(r"\s*-?\d+\s*", text):
        if text.strip() != "max":
            raise Problem(
                f"{key}={text} is neither a whole number nor max, as many as there are.{_one_value(key, text)}"
            )
        return ("data", "num_examples_total"), LARGEST
    key = SHORT.get(key, key)
    hint = _types().get(key)
    if hint is None:
        for name, kind in _types().items():
            if _is_mapping(kind) and key.startswith(f"{name}.") and len(key) > len(name) + 1:
                return (*name.split("."), key[len(name) + 1 :]), values.unquoted(text)
        raise unknown_key(key)
    return tuple(key.split(".")), _value(key, hint, text)


def _value(key: str, hint: Any, text: str) -> Any:
    if typing.get_origin(hint) is tuple:
        found = values.items(text)
        if found is None and values.unquoted(text) != text:  # "[title, body]": one name
            found = [values.unquoted(text)]
        if found is None:
            raise Problem(f"{key}={text} is not a list. {type_name(key)} Quote the brackets for the shell.")
        return found
    if _is_mapping(hint):
        pairs = values.mapping(text)
        if pairs is None:
            raise Problem(f"{key}={text} is not a mapping. Write {key}={{A:B}}, quoted for the shell, or {key}.A=B.")
        return dict(pairs)
    kinds = typing.get_args(hint) or (hint,)
    if text.strip().lower() == "null":
        if types.NoneType in kinds:
            return None
        if str in kinds:
            raise Problem(
                f"{key}={text}: null is no value for it. Leave {key} out for the default; for the word itself write "
                f"{key}='\"null\"'."
            )
    problem: Problem | None = None
    for kind in (bool, int, float):
        if kind in kinds:
            try:
                return values.boolean(key, text) if kind is bool else values.number(key, text, kind.__name__)
            except Problem as error:
                problem = Problem(f"{error}{_one_value(key, text)}")
    if problem is not None and str not in kinds:
        raise problem
    return values.unquoted(text)


def _one_value(key: str, text: str) -> str:
    """What to do instead of Hydra's sweeps, ``KEY=1,2`` and ``KEY=range(1,3)``."""
    if "," in text or "(" in text:
        return f" A run has one value of {key}; runs over several are a study: mslt study --help."
    return ""


def _is_mapping(hint: Any) -> bool:
    return typing.get_origin(hint) is collections.abc.Mapping


def _nearest_key(key: str) -> str:
    """Did you mean ...? over the keys, or over one section's when the section is right."""
    parent, _, leaf = key.rpartition(".")
    known = keys()
    same_leaf = [k for k in known if k.rpartition(".")[2] == leaf or k == ALIASES.get(leaf)]
    siblings = [k for k in known if parent and k.startswith(parent + ".")]
    if same_leaf:
        return f"Did you mean '{same_leaf[0]}'? Known: {', '.join(sorted(siblings or known))}."
    if siblings:
        return nearest(key, siblings)
    by_leaf = {k.rpartition(".")[2]: k for k in known}
    if close := difflib.get_close_matches(leaf, by_leaf, n=1, cutoff=0.7):
        return f"Did you mean '{by_leaf[close[0]]}'? Known: {', '.join(sorted(known))}."
    return nearest(key, known)
