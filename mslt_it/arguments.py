"""``KEY=VALUE`` arguments of the commands, read one way: ``mslt merge run=DIR out=DIR dtype=float32 --json``.

    text   out=merged                     as it is written
    int    k=3
    float  max_cost=3.5                   finite
    bool   private=true                   true or false
    list   format=[vllm,gguf]             quoted for the shell; a word of the option's ``names`` may stand by itself
    map    cost={ar:2,zh:1.5}             numbers; of texts with kind="text_map"

Values are read by `values`, here and in recipes. Which keys a recipe has, ``recipe.py`` knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mslt_it import values
from mslt_it.problems import Problem, nearest

HELP = ("-h", "--help")
_SHOWN_KIND = {"text": "str", "text_map": "map"}
_KINDS = ("text", "int", "float", "bool", "map", "text_map")


@dataclass(frozen=True)
class Option:
    """One key: what it is by default, and what may be written after it."""

    default: str | None  # read as if it had been written; None: the value is None
    help: str
    is_list: bool = False  # of texts
    required: bool = False
    kind: str = "text"  # text, int, float, bool, map (text -> number), text_map (text -> text)
    choices: tuple[str, ...] = ()  # the values, or a list's items, that there are; empty: any
    names: tuple[str, ...] = ()  # of a list: words that may stand without brackets
    or_one: bool = False  # of a list: anything without brackets is one item
    example: str = ""  # what to write after KEY=, for errors
    what: str = ""  # of an int: "a number of rows"
    at_least: int | None = None  # of an int
    missing: str = ""  # of a required one: what to say where it is not given, instead of "KEY is missing"
    shown: str = ""  # the default as help tells it, where it is not ``default``

    def __post_init__(self) -> None:
        if self.kind not in _KINDS or (self.is_list and self.kind != "text"):
            raise ValueError(f"kind={self.kind!r}, is_list={self.is_list}")


@dataclass(frozen=True)
class Parsed:
    """``parsed["key"]`` is the value, of its kind: as given, else the default, else None."""

    values: Mapping[str, Any]  # every option
    given: Mapping[str, Any]  # only those that were written
    flags: frozenset[str]  # "--json"
    rest: tuple[str, ...] = ()  # KEY=VALUE as written, of keys that are no options

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    @property
    def as_json(self) -> bool:
        return "--json" in self.flags


def wants_help(argv: Sequence[str]) -> bool:
    """Whether help is asked for; look before ``parse``, which refuses what is missing."""
    return any(argument in HELP for argument in argv)


def parse(
    argv: Sequence[str],
    command: str,
    options: Mapping[str, Option],
    flags: Sequence[str] = (),
    *,
    rest: bool = False,
    example: str = "",
) -> Parsed:
    """The arguments after ``mslt COMMAND``, checked and of their kinds.

    Args:
        command: its name, for errors.
        flags: arguments with dashes and no value, "--json".
        rest: True lets KEY=VALUE of unknown keys through, into ``Parsed.rest``, in their order.
        example: what to write after the command, for errors; default: the required keys.

    Raises:
        Problem: an unknown key or flag, a key twice, a required one missing, a value not of its kind.
    """
    example = example or _example(options)
    given: dict[str, Any] = {}
    found: set[str] = set()
    others: list[str] = []
    for argument in argv:
        if argument.startswith("-"):
            if argument not in flags:
                raise Problem(f"Unknown option '{argument}'. {nearest(argument, [*flags, '--help'])}")
            found.add(argument)
            continue
        key, equals, text = argument.partition("=")
        if not equals:
            raise Problem(
                f"Argument '{argument}' is not KEY=VALUE. Write for example {example}. Known: {', '.join(options)}."
            )
        if key not in options:
            if not rest:
                raise Problem(f"Unknown key '{key}'. {nearest(key, options)}")
            others.append(argument)
            continue
        if key in given:
            raise Problem(f"{key} is given twice. Keep one.")
        given[key] = read_value(key, options[key], text)
    for key, option in options.items():
        if option.required and key not in given:
            raise Problem(f"{option.missing or f'{key} is missing.'} Write mslt {command} {example}.")
    defaults = {
        key: None if option.default is None else read_value(key, option, option.default)
        for key, option in options.items()
        if key not in given
    }
    return Parsed({key: {**given, **defaults}[key] for key in options}, given, frozenset(found), tuple(others))


def help_lines(options: Mapping[str, Option], flags: Mapping[str, str] | None = None) -> list[str]:
    """A line per option, aligned: key, kind, default, what it is; then the flags (flag -> what it does)."""
    rows = [(key, _shown_kind(option), _shown_default(option), option.help) for key, option in options.items()]
    wide = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    wide[0] = max([wide[0], *map(len, flags or {})])
    shape = f"  {{:<{wide[0]}}}  {{:<{wide[1]}}}  {{:<{wide[2]}}}  {{}}"
    lines = [shape.format(*row) for row in rows]
    gap = " " * (wide[1] + wide[2] + 2)
    return lines + [f"  {flag:<{wide[0]}}  {gap}  {text}" for flag, text in (flags or {}).items()]


def read_value(key: str, option: Option, text: str) -> Any:
    """What ``text`` after ``key=`` stands for; a Problem where it is not of the option's kind."""
    if not text.strip():
        remedy = f"Leave it out for the default ({_shown_default(option)})."
        raise Problem(f"{key}= has no value. {f'{option.help.capitalize()}.' if option.required else remedy}")
    if option.is_list:
        return _list(key, option, text)
    if option.kind in ("map", "text_map"):
        return _map(key, option, text)
    if option.kind == "bool":
        return values.boolean(key, text)
    if option.kind in ("int", "float"):
        value = values.number(key, text, option.kind, option.what)
        if option.at_least is not None and value < option.at_least:
            raise Problem(f"{key}={text} is out of range. It must be {option.at_least} or more.")
        return value
    text = values.unquoted(text)
    if option.choices and text not in option.choices:
        raise Problem(f"{key}={text} is unknown. {nearest(text, option.choices)}")
    return text


def _list(key: str, option: Option, text: str) -> list[str]:
    items = values.items(text)
    if items is None:
        word = values.unquoted(text)
        if option.or_one or word in option.names:
            return [word]
        known = f" or a name ({', '.join(option.names)})" if option.names else ""
        example = option.example or f"[{text.strip().strip('[]')}]"
        raise Problem(f"{key}={text} is not a list{known}. Write {key}={example}, quoted for the shell.")
    if option.required and not items:
        raise Problem(f"{key}=[] is empty. Write {key}={option.example or '[A,B]'}.")
    for item in items:
        if not item.strip():
            raise Problem(f"{key}: an item is empty. Remove the comma too much.")
        if option.choices and item not in option.choices:
            raise Problem(f"{key}: '{item}' is unknown. {nearest(item, option.choices)}")
    return items


def _map(key: str, option: Option, text: str) -> dict[str, Any]:
    pairs = values.mapping(text)
    if pairs is None:
        example = option.example or ("{ar:arb}" if option.kind == "text_map" else "{ar:2,zh:1.5}")
        raise Problem(f"{key}={text} is not a map. Write for example {key}={example}, quoted for the shell.")
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise Problem(f"{key}: '{name}' is given twice. Remove one.")
        if not value.strip():
            raise Problem(f"{key}: '{name}' has no value. Write {{{name}:VALUE}}.")
        result[name] = value if option.kind == "text_map" else values.number(f"{key} of {name}", value, "float")
    return result


def _example(options: Mapping[str, Option]) -> str:
    required = {key: option for key, option in options.items() if option.required}
    shown = required or dict(list(options.items())[:1])
    tokens = [f"{key}={option.example or option.default or key.upper()}" for key, option in shown.items()]
    return " ".join(f"'{token}'" if set(token) & set("[]{}") else token for token in tokens)


def _shown_kind(option: Option) -> str:
    return "list" if option.is_list else _SHOWN_KIND.get(option.kind, option.kind)


def _shown_default(option: Option) -> str:
    return "(required)" if option.required else option.shown or option.default or "none"
