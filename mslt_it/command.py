"""What a command is, and what all of them share: its words, KEY=VALUE, flags, help.

    mslt NAME [WORD ...] [KEY=VALUE ...] [--flags]

A command's module declares ``COMMAND``; `mslt_it.cli` lists the commands and calls `execute`.
"""

from __future__ import annotations

import difflib
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from mslt_it import values
from mslt_it.config.files import list_files, list_groups, unknown_file
from mslt_it.config.help import key_lines, listing, paragraph, recipe_lines, width
from mslt_it.config.overrides import refuse_twice
from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import REQUIRED, key, keys, read, shown, written
from mslt_it.locks import WAIT
from mslt_it.places import CHECKS
from mslt_it.problems import Problem, nearest, plain

HELP = ("-h", "--help")
FLAGS = {
    "--json": "print JSON instead of tables",
    "--details": "also print each label's precision, recall, F1 and confusions",
    "--dry-run": "only print what would be done, the expected time and the labelled rows",
    "--config-dir": "your own folder with NAME.yaml (recipes), task/, prompts/TASK/, scale/, study/",
}


@dataclass(frozen=True)
class Command:
    name: str
    about: str  # a sentence or two
    usage: tuple[str, ...]  # what follows "mslt NAME"
    examples: tuple[str, ...]  # whole lines that run
    options: type  # schema of its own keys
    run: Callable[[Call], int] = lambda call: 0  # default: only its arguments are read
    words: tuple[str, ...] = ()  # keys that may be given as words, in this order
    flags: tuple[str, ...] = ()
    is_handed_on: Callable[[str], bool] = lambda key: False  # which other keys are a recipe's
    others: tuple[str, ...] = ()  # further keys that are handed on
    more: Callable[[], Iterable[str]] = tuple  # further lines of help


@dataclass(frozen=True)
class Call:
    """The arguments of one command, checked."""

    options: Any  # record of the command's schema
    given: frozenset[str]  # keys that were written
    rest: tuple[str, ...] = ()  # KEY=VALUE of the recipe, as written
    flags: frozenset[str] = frozenset()
    config_dir: str | None = None

    @property
    def as_json(self) -> bool:
        return "--json" in self.flags

    def look(self) -> None:
        """A Problem for a place that was given and is none: no run, or a file where a folder is to be."""
        for name, found in keys(self.options.__class__).items():
            value = getattr(self.options, name) if found.place else None
            for one in value if isinstance(value, tuple) else filter(None, [value]):
                CHECKS[found.place](values.path(one), name)

    def say(self, text: str) -> None:
        """A line for people; on stderr where stdout is for JSON."""
        print(plain(text), file=sys.stderr if self.as_json else sys.stdout, flush=True)


def execute(command: Command, argv: Sequence[str]) -> int:
    """Parses, runs, or shows the help; the exit code."""
    if any(argument in HELP for argument in argv):
        print(help_text(command))
        return 0
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported: see train.py
    return command.run(parse(command, argv))


def parse(command: Command, argv: Sequence[str]) -> Call:
    """The arguments after ``mslt NAME``; a Problem names what is wrong with them."""
    known = keys(command.options)
    given: dict[str, Any] = {}
    rest: list[str] = []
    flags: set[str] = set()
    words: list[str] = []
    config_dir: str | None = None
    arguments = iter(argv)
    for argument in arguments:
        flag, equals, value = argument.partition("=")
        if flag == "--config-dir" and flag in command.flags:
            config_dir = value if equals else next(arguments, None)
            if config_dir is None:
                raise Problem("--config-dir needs a folder: --config-dir DIR.")
        elif argument in command.flags:
            flags.add(argument)
        elif argument.startswith("-"):
            raise _unknown_option(command, argument)
        elif equals:
            if flag in known and "." not in flag:
                if flag in given:
                    raise Problem(f"{flag} is given twice: '{written(given[flag])}' and '{value}'. Keep one.")
                given[flag] = read(known[flag], value)
            elif flag in command.others or command.is_handed_on(flag):
                rest.append(argument)
            else:
                raise _unknown_key(command, flag)
        elif len(words) < len(command.words):
            words.append(argument)
            given[command.words[len(words) - 1]] = read(known[command.words[len(words) - 1]], argument)
        else:
            raise _no_key(command, argument, config_dir, _uncut(argv, argument))
    refuse_twice(rest)
    for name, found in known.items():
        if found.default is REQUIRED and name not in given:
            where = f": {found.missing}" if found.missing else ""
            raise Problem(f"{name} is missing{where}. {_write(command)}")
    return Call(command.options(**given), frozenset(given), tuple(rest), frozenset(flags), config_dir)


# What other commands call a key.
_ALIKE = {
    "output_dir": "out",
    "output": "out",
    "num_examples": "examples",
    "targets": "languages",
    "sources": "pool",
    "input": "data",
    "runs": "run",
}


def _unknown_key(command: Command, name: str) -> Problem:
    own = [*keys(command.options), *command.others]
    of_recipe = [one for one in keys(Recipe) if command.is_handed_on(one)]
    meant = [_ALIKE.get(name), *(one for one in of_recipe if one.rpartition(".")[2] == name)]
    found = next((one for one in meant if one in own or one in of_recipe), name)
    return Problem(f"Unknown key '{name}'. {nearest(found, [*own, found] if found != name else own)}")


def _unknown_option(command: Command, argument: str) -> Problem:
    name = argument.lstrip("-").partition("=")[0].replace("-", "_")
    if argument in ("--multirun", "-m"):
        return Problem(f"{argument} is an option of Hydra, not of mslt. For many runs see mslt study --help.")
    if name in keys(command.options) or (name in keys(Recipe) and command.is_handed_on(name)):
        return Problem(f"Unknown option '{argument}'. Write {name}=VALUE, without dashes.")
    return Problem(f"Unknown option '{argument}'. {nearest(argument, [*command.flags, '--help'])}")


def _uncut(argv: Sequence[str], part: str) -> str:
    """``KEY=[a, b]`` or ``KEY=a text`` with all that follows up to the next key, where the shell may have cut it at its
    spaces and ``part`` is what is left over; empty where no key stands before."""
    begins = [number for number, argument in enumerate(argv) if "=" in argument or argument.startswith("-")]
    at = next(number for number, argument in enumerate(argv) if argument == part and number not in begins)
    first = max((number for number in begins if number < at), default=None)
    if first is None or argv[first].startswith("-"):
        return ""
    return " ".join(argv[first : min((number for number in begins if number > at), default=len(argv))])


def _no_key(command: Command, argument: str, config_dir: str | None, uncut: str) -> Problem:
    known = keys(command.options)
    if "recipe" in known and argument in list_files(config_dir):
        return Problem(f"Argument '{argument}' has no key. Did you mean 'recipe={argument}'?")
    if argument in known:
        return Problem(f"Argument '{argument}' is not KEY=VALUE. Write {shown(known[argument])}.")
    if uncut:
        return Problem(
            f"Argument '{argument}' is not KEY=VALUE. If the shell split one argument in two, quote it: "
            f"{shlex.quote(uncut)}."
        )
    if command.words or not known:
        return Problem(f"Argument '{argument}' is one too many. {_write(command)}")
    return Problem(f"Argument '{argument}' is not KEY=VALUE. {_write(command)} Known: {', '.join(known)}.")


def _write(command: Command) -> str:
    needed = [key for key in keys(command.options).values() if key.default is REQUIRED]
    if not needed:
        return f"Write for example {command.examples[0]}."
    return f"Write mslt {command.name} {' '.join(map(shown, needed))}."


def help_text(command: Command) -> str:
    """Usage, what it does, examples, keys, flags, and what more the command tells."""
    flags = {f"{flag} DIR" if flag == "--config-dir" else flag: FLAGS[flag] for flag in command.flags}
    usage = [f"{'usage:' if i == 0 else '      '} mslt {command.name} {u}" for i, u in enumerate(command.usage)]
    own = key_lines(sorted(keys(command.options).values(), key=lambda key: key.default is not REQUIRED))
    lines: list[str] = [
        *usage, "", *paragraph(command.about), "",
        *(f"  {example}" for example in command.examples), "",
        *(["KEY=VALUE [unit; allowed values]; quote brackets in the shell", *own, ""] if own else []),
        *(["flags", *listing(flags), ""] if flags else []),
        *chain.from_iterable([line] if len(line) <= width() else paragraph(line) for line in command.more()),
    ]  # fmt: skip
    return "\n".join(lines).rstrip()


def section(title: str, rows: Mapping[str, str]) -> list[str]:
    """A heading and two columns, for ``Command.more``."""
    return [title, *listing(rows), ""]


# ---------------------------------------------------------------- commands that take a recipe


@dataclass(frozen=True)
class RecipeOptions:
    """What stands beside the keys of the recipe."""

    recipe: str = key("", "name of a recipe, see below; task=NAME alone implies one", shown="(that of task=NAME)")
    wait: bool = key(False, WAIT)


def recipe_command(
    name: str,
    about: str,
    examples: tuple[str, ...],
    run: Callable[[Call], int] = lambda call: 0,
    sections: Sequence[str] | None = None,
    flags: tuple[str, ...] = (),
) -> Command:
    """A command whose KEY=VALUE are a recipe's; ``sections``: those that it uses, None: all."""

    def more() -> list[str]:
        named = {"recipe": list_files(), **list_groups()}
        return [
            *listing({f"{group}=NAME": " | ".join(found) for group, found in named.items()}),
            *paragraph("mslt recipes describes these, mslt tasks NAME shows a task. A scale or task changes some of "
                       "the defaults below."),
            "",
            *recipe_lines(Recipe, sections),
        ]  # fmt: skip

    usage = ("recipe=NAME [KEY=VALUE ...] [--config-dir DIR]",)
    flags = ("--config-dir", *flags)
    return Command(
        name, about, usage, examples, RecipeOptions, run, flags=flags, is_handed_on=lambda key: True, more=more
    )


def recipe_of(call: Call) -> tuple[str, list[str], str | None]:
    """(recipe, overrides, folder of the user's or None), as `load_recipe` takes them."""
    overrides, folder = list(call.rest), call.config_dir
    if call.options.recipe:
        return call.options.recipe, overrides, folder
    task = next((o.partition("=")[2] for o in overrides if o.startswith("task=")), "")
    known = list_files(folder)
    if found := next((name for name in (f"{task}_3src", task) if name in known), None):
        return found, overrides, folder
    if task in list_files(folder, "task"):  # the user's own: sources and targets are still to be given
        named = any(o.startswith("name=") for o in overrides)
        return "custom", overrides if named else [f"name={task}", *overrides], folder
    if task:
        raise unknown_file("task", task, folder)
    typed = next((one for one in overrides if difflib.get_close_matches(one.partition("=")[0], ["recipe"])), "")
    meant = f" in place of {typed}" if typed else ""
    raise Problem(f"No recipe given. Write recipe=NAME{meant}. Known: {', '.join(sorted(known))}.")


def recipe_arguments(argv: Sequence[str]) -> tuple[str, list[str], str | None]:
    """`recipe_of` arguments without a command."""
    return recipe_of(parse(recipe_command("train", "", ("mslt train recipe=xnli_3src",)), argv))
