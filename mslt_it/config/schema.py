"""One schema for whatever is written ``KEY=VALUE`` or stands in a YAML file: recipes, studies, options of commands.

A frozen dataclass declares its keys:

    learning_rate: float = key(2e-3, "peak of the schedule", above=0)

From that follow how a text is read (`read`), how a file's value is taken (`build`), which values are refused, and the
help (`mslt_it.config.help`). Values are the user's, not a grammar's: see `mslt_it.values`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
import os
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
LIMITS = {"above": operator.gt, "at_least": operator.ge, "below": operator.lt, "at_most": operator.le}
_PLAIN = re.compile(r"-?\w(?:[\w ./-]*[\w./-])?")  # a list's element that needs no quotes
LARGEST_SEED = 2**32 - 1  # numpy's
LARGEST = 2**63 - 1  # of any other whole number
T = TypeVar("T", bound="DataclassInstance")


class FrozenDict(dict[str, Any]):
    """A mapping that is never changed, so that a recipe can be hashed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


@dataclass(frozen=True)
class Key:
    """One key of a schema, as `key` declares it."""

    name: str = ""  # dotted: "training.learning_rate"
    kind: str = ""  # of _KINDS
    default: Any = None
    is_optional: bool = False  # may be null
    help: str = ""
    unit: str = ""  # "tokens"
    choices: tuple[str, ...] = ()  # the values, or a list's items, that there are; empty: any
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    special: Mapping[Any, str] = FrozenDict()  # values outside the limits -> how written
    names: tuple[str, ...] = ()  # of a list: words that may stand without brackets
    or_one: bool = False  # of a list: anything without brackets is one item
    may_be_empty: bool | None = None  # of a text or list; None: a list that is required may not
    may_repeat: bool = True  # of a list's items
    sample: str = ""  # what to write after KEY=; see `example`
    shown: str = ""  # the default in words, where the value does not say it
    missing: str = ""  # of a required key: where to take it from
    decides: bool = True  # whether results follow from it: part of a run's fingerprint
    in_help: bool = True  # False: written by a run, not by people
    place: str = ""  # what lies there, or is to: of mslt_it.places.CHECKS

    @property
    def is_list(self) -> bool:
        return self.kind.startswith("a list")

    @property
    def is_mapping(self) -> bool:
        return self.kind.startswith("a mapping")

    @property
    def example(self) -> str:
        usual = {"a list": "[a,b]", "a mapping": "{a:b}", "a mapping to numbers": "{a:2,b:1.5}"}
        return self.sample or usual.get(self.kind, "")

    @property
    def limits(self) -> str:
        """Which numbers are allowed, in words; empty: any."""
        limits = ((name.replace("_", " "), getattr(self, name)) for name in LIMITS)
        said = " and ".join(f"{name} {limit}" for name, limit in limits if limit is not None)
        return ", or ".join(filter(None, [said, *self.special.values()]))

    @property
    def shown_default(self) -> str:
        """The default as help and errors show it, after ``KEY=``."""
        return self.shown or ("(required)" if self.default is REQUIRED else written(self.default))


def shown(key: Key) -> str:
    """``KEY=VALUE`` with an example of a value, quoted for the shell."""
    text = f"{key.name}={key.example or 'VALUE'}"
    return f"'{text}'" if set(text) & set("[]{}") else text


def key(default: Any = REQUIRED, help: str = "", *, example: str = "", **about: Any) -> Any:
    """A field of a schema; see `Key`. A mapping's default is empty."""
    metadata = {"key": Key(help=help, sample=example, **about)}
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
    Mapping[str, int]: "a mapping to whole numbers",
    Mapping[str, Any]: "a section",  # of a study file, in its own form
}


def written(value: Any) -> str:
    """A value as it is written after ``KEY=``, to be read as this value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return short if float(short := f"{value:g}") == value else repr(value)
    if isinstance(value, (list, tuple)):
        items = ((str(item), written(item)) for item in value)
        return f"[{','.join(text if _PLAIN.fullmatch(item) else values.quoted(item) for item, text in items)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{written(one)}" for name, one in value.items()) + "}"
    text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    is_plain = text == text.strip() == values.unquoted(text) and text.lower() != "null"
    return text if is_plain else values.quoted(text)


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
        elif "key" in field.metadata:
            parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
            (plain,) = (part for part in parts if part is not types.NoneType)
            default = FrozenDict() if field.default_factory is FrozenDict else field.default
            about = {"name": name, "kind": _KINDS[plain], "default": default, "is_optional": len(parts) > 1}
            yield dataclasses.replace(field.metadata["key"], **about)


# ---------------------------------------------------------------- from the command line


def read(key: Key, text: str) -> Any:
    """What ``text`` after ``KEY=`` stands for, checked."""
    name = key.name
    for special, word in key.special.items():
        if text.strip() == word:
            return special
    if text.strip().lower() == "null" and key.kind != "a list":
        if key.is_optional:
            return None
        if key.kind == "a text" and text not in key.choices:
            raise Problem(
                f"{name}={text}: null is not a valid value. Leave {name} out for the default; for the word itself "
                f"write {name}='\"null\"'."
            )
    if not text.strip() and not (key.kind == "a text" and key.default == "" and key.may_be_empty is not False):
        if key.default is REQUIRED:
            raise Problem(f"{name}= has no value. {key.help[0].upper()}{key.help[1:]}.")
        default = key.shown_default if key.shown_default.startswith("(") else f"({key.shown_default})"
        raise Problem(f"{name}= has no value. Leave it out for the default {default}.")
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
            either = "".join(f" It may also be {word}." for word in key.special.values())
            # In place of Hydra's sweeps, KEY=1,2 and KEY=range(1,3).
            study = f" A run has one value of {name}; for several values see mslt study --help."
            raise Problem(f"{problem}{either}{study * bool(set(text) & set(',('))}") from None
        return checked(key, value, f"{name}={text}")
    return checked(key, values.unquoted(text), f"{name}={text}")


def _items(key: Key, text: str) -> tuple[Any, ...]:
    found = values.items(text)
    if found is None:
        word = values.unquoted(text)
        is_unknown = bool(key.names and key.choices) and "," not in text
        if key.or_one or word in key.names or word != text or is_unknown:  # "[title, body]": one name
            return (word,)
        names = f" or a name ({', '.join(key.names)})" if key.names else ""
        example = key.sample or f"[{text.strip().strip('[]')}]"
        raise Problem(f"{key.name}={text} is not a list{names}. Write {key.name}={example}, quoted for the shell.")
    if any(not item.strip() for item in found) and '""' not in text and "''" not in text:
        raise Problem(f"{key.name}: an item is empty. Remove the extra comma.")
    return tuple(found) if key.kind == "a list" else tuple(values.number(key.name, item, "int") for item in found)


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
        number = {"a mapping to numbers": "float", "a mapping to whole numbers": "int"}.get(key.kind)
        result[name] = values.number(f"{key.name} of {name}", value, number) if number else value
    return checked(key, FrozenDict(result))


def checked(key: Key, value: Any, said: str = "") -> Any:
    """The value, unless it is none of those that the key may have. ``said``: key and value as they were given."""
    said, is_list, may_be_empty = said or f"{key.name}={written(value)}", isinstance(value, tuple), key.may_be_empty
    if value == () and not (key.default is not REQUIRED if may_be_empty is None else may_be_empty):
        raise Problem(f"{key.name}=[] is empty. Write {key.name}={key.example}.")
    if value == "" and may_be_empty is False:
        raise Problem(f"{key.name} is empty. Give it a value.")
    if key.is_mapping:
        for name, one in value.items():
            checked(dataclasses.replace(key, name=f"{key.name}.{name}", kind="a text"), one)
        return value
    for number, item in enumerate(value if is_list else (value,)):
        one = f"{key.name}: '{item}'" if is_list else said
        if key.choices and item is not None and item not in key.choices:
            raise Problem(f"{one} is unknown. {nearest(str(item), key.choices)}")
        if isinstance(item, (int, float)) and not isinstance(item, bool) and item not in key.special:
            if not math.isfinite(item):
                raise Problem(f"{one} is not a finite number.")
            limits = ((holds, getattr(key, name)) for name, holds in LIMITS.items())
            is_huge = isinstance(item, int) and abs(item) > LARGEST
            if is_huge or not all(limit is None or holds(item, limit) for holds, limit in limits):
                raise Problem(f"{one} is out of range. It must be {key.limits or f'between {-LARGEST} and {LARGEST}'}.")
        if is_list and not key.may_repeat and item in value[:number]:
            raise Problem(f"{said}: '{item}' is listed twice. Remove one.")
    return value


# ---------------------------------------------------------------- from a file


def build(schema: type[T], content: Mapping[str, Any], place: str = "", prefix: str = "") -> T:
    """The schema's record from what a YAML file holds, every value checked. For errors: the ``place`` of the values
    ("recipe 'own'"; empty: they are arguments), and the ``prefix`` of dotted names in a section."""
    hints, known = typing.get_type_hints(schema), keys(schema)
    fields = {f.name: f for f in dataclasses.fields(schema)}
    for name in content:
        if name not in fields:
            where = f" in {place}" if place else ""
            raise Problem(f"Unknown key '{prefix}{name}'{where}. {nearest(str(name), fields)}")
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
                found[name] = take(own, content[name])
            except Problem as problem:
                raise Problem(f"{place}: {problem}" if place else str(problem)) from None
        else:  # written by a command into the run's file
            value = content[name]
            found[name] = tuple(value) if isinstance(value, list) else value
    return schema(**found)


def take(key: Key, value: Any) -> Any:
    """A value of a YAML file, as the key's type and checked."""
    return checked(key, _taken(key, value))


def _taken(key: Key, value: Any) -> Any:
    name, kind = key.name, key.kind
    if value is None:
        if key.is_optional:
            return None
        raise Problem(f"{name}: null is not a valid value. Leave it out for the default, or give {kind}.")
    if key.is_list:
        if isinstance(value, str) and (value in key.names or key.or_one):
            value = [value]
        if not isinstance(value, (list, tuple)):
            raise Problem(f"{name}: {value!r} is not a list. Write for example {name}: {key.example}.")
        return tuple(_text(name, item) if kind == "a list" else _whole(name, item) for item in value)
    if kind == "a section" or key.is_mapping:
        if not isinstance(value, Mapping):
            raise Problem(f"{name}: {value!r} is not a mapping. Write KEY: VALUE lines under it.")
        reader = {"a mapping": _text, "a mapping to whole numbers": _whole}.get(kind)
        return FrozenDict({_text(name, k): reader(f"{name}.{k}", v) for k, v in value.items()}) if reader else value
    if kind == "a text":
        return _text(name, value)
    if isinstance(value, str):
        return read(key, value)
    types_of = {"true or false": (bool,), "a whole number": (int,), "a number": (int, float)}
    if type(value) not in types_of[kind]:
        raise Problem(f"{name}: {value!r} is not {kind}. It must be {key.limits or kind}.")
    return float(value) if kind == "a number" else value


def _whole(name: str, value: Any) -> int:
    if isinstance(value, str):
        return int(values.number(name, value, "int"))
    if type(value) is not int:
        raise Problem(f"{name}: {value!r} is not a whole number.")
    return value


def _text(name: str, value: Any) -> str:
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if type(value) is int:
        return str(value)
    if isinstance(value, bool):
        raise Problem(
            f"{name}: {value} is a YAML boolean, not a text: unquoted no, off, on and yes are booleans in "
            'YAML. Put the word in quotes: "no".'
        )
    raise Problem(f"{name}: {'null' if value is None else repr(value)} is not a text. Put it in quotes.")
