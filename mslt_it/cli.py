"""The command ``mslt``. A command's module is imported when it is called, so that help answers at once."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Sequence

from mslt_it.command import execute
from mslt_it.commands import COMMANDS
from mslt_it.config.help import listing
from mslt_it.problems import Problem, nearest
from mslt_it.quiet import quiet_imports
from mslt_it.terminal import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; 0 = done, 2 = a Problem, printed on stderr."""
    quiet_imports()
    return run(_dispatch, argv)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if arguments[0] in ("-V", "--version"):
        print(f"mslt_it {_version()}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        raise Problem(f"Unknown command '{name}'. {nearest(name, COMMANDS)}")
    return execute(importlib.import_module(COMMANDS[name][0]).COMMAND, rest)


def _version() -> str:
    try:
        return importlib.metadata.version("mslt_it")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that was not installed
        return "0.1.0"


def _overview() -> str:
    examples = {
        "mslt train recipe=xnli_3src": "the default: offline, on a CPU, about a minute",
        "mslt train --help": "every key of a recipe, with default, unit and allowed values",
        "mslt --version": "",
    }
    return "\n".join(
        [
            "usage: mslt COMMAND ...",
            "",
            "Instruction-tune on a few languages, score zero-shot on the others.",
            "",
            *listing({name: text for name, (_, text) in COMMANDS.items()}),
            "",
            *listing(examples),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
