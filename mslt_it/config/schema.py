"""One schema for whatever is written ``KEY=VALUE`` or stands in a YAML file: recipes, studies, options of commands.

A frozen dataclass declares its keys; `key` says of each what it is, in which unit, and which values it may have:

    learning_rate: float = key(2e-3, "peak of the schedule", above=0)

From that follow how a text is read (`read`), how a file's value is taken (`build`), which values are refused, and the
help (`mslt_it.config.help`). Values are the user's, not a grammar's: see `mslt_it.values`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mslt_it import values
from mslt_it.problems import Problem, nearest

if typing.TYPE_CHECKING:
    from _typeshed import DataclassInstance

REQUIRED = dataclasses.MISSING  # the default of a key that has none
LARGEST_SEED = 2**32 - 1  # numpy's
LARGEST = 2**63 - 1  # of any other whole number
T = TypeVar("T", bound="DataclassInstance")


class FrozenDict(dict[str, str]):
    """A mapping of texts that is never changed, so that a recipe can be hashed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


@dataclass(frozen=True)
class About:
    """What is known of a key beside its name, type and default."""

    help: str
    unit: str = ""  # "tokens"
    choices: tuple[str, ...] = ()  # the values, or a list's items, that there are; empty: any
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    special: Mapping[int, str] = dataclasses.field(default_factory=dict)  # values outside the limits -> how written
    names: tuple[str, ...] = ()  # of a list: words that may stand without brackets
    or_one: bool = False  # of a list: anything without brackets is one item
    may_be_empty: bool | None = None  # of a text or list; None: a list that is required may not
    may_repeat: bool = True  # of a list's items
    example: str = ""  # what to write after KEY=
    shown: str = ""  # the default in words, where the value does not say it
    missing: str = ""  # of a required key: where to take it from
    decides: bool = True  # whether results follow from it: part of a run's fingerprint
    in_help: bool = True  # False: written by a run, not by people


def key(default: Any = REQUIRED, help: str = "", **about: Any) -> Any:
    """A field of a schema; see `About`. A mapping's default is empty."""
    metadata = {"about": About(help, **about)}
    if isinstance(default, Mapping):
        return dataclasses.field(default_factory=FrozenDict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


_KINDS: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple[str, ...]: "a list",
    tuple[int, ...]: "a list of whole numbers",
    Mapping[str, str]: "a mapping",
    Mapping[str, float]: "a mapping to numbers",
    Mapping[str, Any]: "a section",  # of a study file, in its own form
}


@dataclass(frozen=True)
class Key:
    """One key of a schema."""

    name: str  # dotted: "training.learning_rate"
    kind: str  # of _KINDS
    default: Any
    about: About
    is_optional: bool = False  # may be null

    @property
    def is_list(self) -> bool:
        return self.kind.startswith("a list")

    @property
    def is_mapping(self) -> bool:
        return self.kind.startswith("a mapping")

    @property
    def example(self) -> str:
        if self.about.example:
            return self.about.example
        return {"a list": "[a,b]", "a mapping": "{a:b}", "a mapping to numbers": "{a:2,b:1.5}"}.get(self.kind, "")

    @property
    def limits(self) -> str:
        """Which numbers are allowed, in words; empty: any."""
        low, high = self.about.at_least, self.about.at_most
        above, below = self.about.above, self.about.below
        said = ""
        if above is not None and below is not None:
            said = f"between {above:g} and {below:g}, neither included"
        elif low is not None and high is not None:
            said = f"between {low:g} and {high:g}"
        elif low is not None and below is not None:
            said = f"from {low:g} to below {below:g}"
        elif above is not None:
            said = f"above {above:g}" + (f" and at most {high:g}" if high is not None else "")
        elif low is not None:
            said = f"{low:g} or more"
        return ", or ".join([*([said] if said else []), *self.about.special.values()])

    @property
    def shown_default(self) -> str:
        """The default as help and errors show it, after ``KEY=``."""
        if self.about.shown or self.default is not REQUIRED:
            return self.about.shown or written(self.default)
        return "(required)"


def written(value: Any) -> str:
    """A value as it is written after ``KEY=``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{written(one)}" for name, one in value.items()) + "}"
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def sections(schema: type) -> dict[str, type]:
    """Name -> schema of the sections in it."""
    hints = typing.get_type_hints(schema)
    return {f.name: hints[f.name] for f in dataclasses.fields(schema) if dataclasses.is_dataclass(hints[f.name])}


@functools.cache
def keys(schema: type) -> dict[str, Key]:
    """Every key of a schema and its sections, by dotted name, in order."""
    return {found.name: found for found in _keys(schema, "")}


def _keys(schema: type, prefix: str) -> Iterator[Key]:
    hints = typing.get_type_hints(schema)
    for field in dataclasses.fields(schema):
        hint, name = hints[field.name], prefix + field.name
        if dataclasses.is_dataclass(hint):
            yield from _keys(typing.cast(type, hint), f"{name}.")
        elif "about" in field.metadata:
            parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
            (plain,) = (part for part in parts if part is not types.NoneType)
            default = FrozenDict() if field.default_factory is FrozenDict else field.default
            yield Key(name, _KINDS[plain], default, field.metadata["about"], len(parts) > 1)


# ---------------------------------------------------------------- from the command line


def read(key: Key, text: str) -> Any:
    """What ``text`` after ``KEY=`` stands for, checked."""
    name, about = key.name, key.about
    for special, word in about.special.items():
        if text.strip() == word:
            return special
    if text.strip().lower() == "null" and key.kind != "a list":
        if key.is_optional:
            return None
        if key.kind == "a text" and text not in about.choices:
            raise Problem(
                f"{name}={text}: null is no value for it. Leave {name} out for the default; for the word itself write "
                f"{name}='\"null\"'."
            )
    if not text.strip() and not (key.kind == "a text" and key.default == "" and about.may_be_empty is not False):
        if key.default is REQUIRED:
            raise Problem(f"{name}= has no value. {about.help[0].upper()}{about.help[1:]}.")
        raise Problem(f"{name}= has no value. Leave it out for the default ({key.shown_default}).")
    if key.is_list:
        return checked(key, _items(key, text), f"{name}={text}")
    if key.is_mapping:
        return _pairs(key, text)
    if key.kind == "true or false":
        return values.boolean(name, text)
    if key.kind in ("a whole number", "a number"):
        try:
            value = values.number(name, text, "int" if key.kind == "a whole number" else "float")
        except Problem as problem:
            either = "".join(f" It may also be {word}." for word in about.special.values())
            raise Problem(f"{problem}{either}{_one_value(name, text)}") from None
        return checked(key, value, f"{name}={text}")
    return checked(key, values.unquoted(text), f"{name}={text}")


def _items(key: Key, text: str) -> tuple[Any, ...]:
    found = values.items(text)
    if found is None:
        word = values.unquoted(text)
        if key.about.or_one or word in key.about.names or word != text:  # "[title, body]": one name
            return (word,)
        names = f" or a name ({', '.join(key.about.names)})" if key.about.names else ""
        example = key.about.example or f"[{text.strip().strip('[]')}]"
        raise Problem(f"{key.name}={text} is not a list{names}. Write {key.name}={example}, quoted for the shell.")
    if any(not item.strip() for item in found) and '""' not in text and "''" not in text:
        raise Problem(f"{key.name}: an item is empty. Remove the comma too much.")
    return tuple(found) if key.kind == "a list" else tuple(_whole(key, item) for item in found)


def _whole(key: Key, item: str) -> int:
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,30}\s*", item):
        raise Problem(f"{key.name}: '{item}' is not a whole number.")
    return int(item)


def _pairs(key: Key, text: str) -> Mapping[str, Any]:
    found = values.mapping(text)
    if found is None:
        short = f", or {key.name}.A=B" if key.kind == "a mapping" and "." in key.name else ""
        raise Problem(
            f"{key.name}={text} is not a mapping. Write {key.name}={key.example}, quoted for the shell{short}."
        )
    result: dict[str, Any] = {}
    for name, value in found:
        if name in result:
            raise Problem(f"{key.name}: '{name}' is given twice. Remove one.")
        if not value.strip() and "." not in key.name:  # of a recipe's tables the check says more
            raise Problem(f"{key.name}: '{name}' has no value. Write {{{name}:VALUE}}.")
        is_number = key.kind == "a mapping to numbers"
        result[name] = values.number(f"{key.name} of {name}", value, "float") if is_number else value
    return FrozenDict(result)


def _one_value(name: str, text: str) -> str:
    """What to do instead of Hydra's sweeps, ``KEY=1,2`` and ``KEY=range(1,3)``."""
    if "," in text or "(" in text:
        return f" A run has one value of {name}; runs over several are a study: mslt study --help."
    return ""


def checked(key: Key, value: Any, said: str = "") -> Any:
    """The value, unless it is none of those that the key may have. ``said``: key and value as they were given."""
    said, about = said or f"{key.name}={written(value)}", key.about
    if value is None:
        return value
    if _is_number(value):
        if not math.isfinite(value):
            raise Problem(f"{said} is not a finite number.")
        if value not in about.special and not _is_within(value, about):
            raise Problem(f"{said} is out of range. It must be {key.limits or f'between {-LARGEST} and {LARGEST}'}.")
    elif isinstance(value, str):
        if about.choices and value not in about.choices:
            raise Problem(f"{said} is unknown. {nearest(value, about.choices)}")
        if not value and about.may_be_empty is False:
            raise Problem(f"{key.name} is empty. Give it a value.")
    elif isinstance(value, tuple):
        if not value and not (key.default is not REQUIRED if about.may_be_empty is None else about.may_be_empty):
            raise Problem(f"{key.name}=[] is empty. Write {key.name}={key.example}.")
        for number, item in enumerate(value):
            if about.choices and item not in about.choices:
                raise Problem(f"{key.name}: '{item}' is unknown. {nearest(str(item), about.choices)}")
            if _is_number(item) and not _is_within(item, about):
                limits = key.limits or f"between {-LARGEST} and {LARGEST}"
                raise Problem(f"{key.name}: {item} is out of range. It must be {limits}.")
            if item in value[:number] and not about.may_repeat:
                raise Problem(f"{said}: '{item}' is listed twice. Remove one.")
    return value


def _is_within(value: float, about: About) -> bool:
    return not (
        (isinstance(value, int) and abs(value) > LARGEST)
        or (about.above is not None and value <= about.above)
        or (about.at_least is not None and value < about.at_least)
        or (about.below is not None and value >= about.below)
        or (about.at_most is not None and value > about.at_most)
    )


# ---------------------------------------------------------------- from a file


def build(schema: type[T], content: Mapping[str, Any], place: str, prefix: str = "") -> T:
    """The schema's record from what a YAML file holds, every value checked.

    Args:
        place: where the values stand, for errors: "recipe 'own'".
        prefix: of dotted names, in a section.
    """
    hints, known = typing.get_type_hints(schema), keys(schema)
    fields = {f.name: f for f in dataclasses.fields(schema)}
    for name in content:
        if name not in fields:
            raise Problem(f"Unknown key '{prefix}{name}' in {place}. {nearest(str(name), fields)}")
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in content:
            if field.default is REQUIRED and field.default_factory is REQUIRED:
                raise Problem(f"{place}: {prefix}{name} is missing. Add a line '{name}: ...'.")
        elif dataclasses.is_dataclass(hints[name]):
            value = content[name]
            if not isinstance(value, Mapping):
                raise Problem(f"{place}: {prefix}{name}: {value!r} is not a section. Write KEY: VALUE lines under it.")
            found[name] = build(typing.cast(type, hints[name]), value, place, f"{prefix}{name}.")
        elif name in known:
            own = dataclasses.replace(known[name], name=prefix + name)
            try:
                found[name] = checked(own, _taken(own, content[name]))
            except Problem as problem:
                raise Problem(f"{place}: {problem}") from None
        else:  # written by a command into the run's file
            value = content[name]
            found[name] = tuple(value) if isinstance(value, list) else value
    return schema(**found)


def _taken(key: Key, value: Any) -> Any:
    """A value of a YAML file, as the key's type."""
    name, kind = key.name, key.kind
    if value is None:
        if key.is_optional:
            return None
        raise Problem(f"{name}: null is no value for it. Leave it out for the default, or give {kind}.")
    if kind == "a text":
        return _text(name, value)
    if key.is_list:
        if isinstance(value, str) and (value in key.about.names or key.about.or_one):
            value = [value]
        if not isinstance(value, (list, tuple)):
            raise Problem(f"{name}: {value!r} is not a list. Write for example {name}: {key.example}.")
        if kind == "a list":
            return tuple(_text(name, item) for item in value)
        for item in value:
            if type(item) is not int:
                raise Problem(f"{name}: {item!r} is not a whole number.")
        return tuple(value)
    if kind in ("a section", "a mapping", "a mapping to numbers"):
        if not isinstance(value, Mapping):
            raise Problem(f"{name}: {value!r} is not a mapping. Write KEY: VALUE lines under it.")
        if kind == "a mapping":
            return FrozenDict({_text(name, k): _text(f"{name}.{k}", v) for k, v in value.items()})
        return value
    if isinstance(value, str):
        return read(key, value)
    if kind == "true or false":
        right = isinstance(value, bool)
    else:
        right = _is_number(value) and (kind == "a number" or isinstance(value, int))
    if not right:
        raise Problem(f"{name}: {value!r} is not {kind}. It must be {key.limits or kind}.")
    return float(value) if kind == "a number" else value


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        raise Problem(
            f"{name}: {value} is a YAML boolean, not a text: unquoted no, off, on and yes are booleans in "
            'YAML. Put the word in quotes: "no".'
        )
    if isinstance(value, int):
        return str(value)
    if value is None:
        raise Problem(f"{name}: null is no value for it. Put the word in quotes, or leave it out.")
    raise Problem(f"{name}: {value!r} is not a text. Put it in quotes.")
