"""The command ``mslt``: train, data, select, recipes, world. Imports are late, so that help answers at once."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from mslt_it.problems import Problem, nearest
from mslt_it.quiet import quiet_imports
from mslt_it.terminal import run

# command -> (module whose main(argv) does it, one line)
COMMANDS: dict[str, tuple[str, str]] = {
    "train": ("mslt_it.train", "build the data, train the adapter, score every target language"),
    "data": ("mslt_it.commands.data", "build the training data and print the report, without training"),
    "select": ("mslt_it.commands.select", "rank sets of source languages, before anything is labelled or trained"),
    "eval": ("mslt_it.commands.eval", "score models and adapters in many languages and ways of asking"),
    "merge": ("mslt_it.commands.merge", "merge a run's adapter into its base, measured against the live one"),
    "combine": ("mslt_it.commands.combine", "several runs' adapters as one, exactly or to a rank, scored"),
    "export": ("mslt_it.commands.export", "a run in the forms others load: safetensors, vLLM, GGUF; on a hub"),
    "study": ("mslt_it.commands.study", "every set of source languages of a pool, as a study that can be resumed"),
    "report": ("mslt_it.commands.report", "a study as one HTML page: tables, figures, sentences made of its figures"),
    "recipes": ("mslt_it.cli", "list the recipes, scales and tasks"),
    "world": ("mslt_it.commands.world", "look into the embedded world"),
}


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
    command, *rest = arguments
    if command not in COMMANDS:
        raise Problem(f"Unknown command '{command}'. {nearest(command, COMMANDS)}")
    if command == "recipes":
        return _recipes(rest)
    result = importlib.import_module(COMMANDS[command][0]).main(rest)
    return int(result or 0)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mslt_it")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0.1.0"


def _overview() -> str:
    lines = [f"  {name:<9} {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: mslt COMMAND ...",
            "",
            "Instruction-tune on a few languages, score zero-shot on the others.",
            "",
            *lines,
            "",
            "  mslt train recipe=xnli_3src            the default: offline, on a CPU, about a minute",
            "  mslt train --help                      every key of a recipe, with type, default and unit",
            "  mslt --version",
        ]
    )


def _recipes(arguments: list[str]) -> int:
    if any(a in ("-h", "--help") for a in arguments):
        print("usage: mslt recipes [--config-dir DIR]\n\nList the recipes, scales and tasks.")
        return 0
    config_dir: str | None = None
    match arguments:
        case []:
            pass
        case ["--config-dir", folder]:
            config_dir = folder
        case [one] if one.startswith("--config-dir="):
            config_dir = one.partition("=")[2]
        case _:
            raise Problem(f"Unknown argument '{arguments[0]}'. mslt recipes takes only --config-dir DIR.")
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from mslt_it.recipe_files import list_groups, list_recipes

    table = Table("write", "what it is", title="Recipes", title_justify="left")
    for name, text in list_recipes(config_dir).items():
        table.add_row(f"recipe={name}", escape(text))
    for group, options in list_groups(config_dir).items():
        table.add_section()
        for name, text in options.items():
            table.add_row(f"{group}={name}", escape(text))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
