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
    "data": ("mslt_it.data.command", "build the training data and print the report, without training"),
    "select": ("mslt_it.selection.command", "rank sets of source languages, before anything is labelled or trained"),
    "eval": ("mslt_it.harness.command", "score models and adapters in many languages and ways of asking"),
    "merge": ("mslt_it.adapters.merge_command", "merge a run's adapter into its base, measured against the live one"),
    "combine": ("mslt_it.adapters.combine_command", "several runs' adapters as one, exactly or to a rank, scored"),
    "export": ("mslt_it.adapters.export_command", "a run in the forms others load: safetensors, vLLM, GGUF; on a hub"),
    "study": ("mslt_it.study.command", "every set of source languages of a pool, as a study that can be resumed"),
    "report": ("mslt_it.report.command", "a study as one HTML page: tables, figures, sentences made of its figures"),
    "recipes": ("mslt_it.cli", "list the recipes, scales and tasks"),
    "world": ("mslt_it.world.command", "look into the embedded world, or train its model again"),
}
RECIPE_COMMANDS = ("train", "data")


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
    if command in RECIPE_COMMANDS and any(a in ("-h", "--help") for a in rest):
        print(help_text(command))
        return 0
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


def help_text(for_command: str) -> str:
    """Help of a command that takes a recipe: the override syntax, the recipes, every key with type and default."""
    from mslt_it.recipe import list_groups, list_recipes

    lines = [
        f"usage: mslt {for_command} recipe=NAME [KEY=VALUE ...] [--config-dir DIR]",
        "",
        f"{COMMANDS[for_command][1].capitalize()}.",
        "",
        "What follows the recipe changes it. A value is the text that is written (quote brackets for the shell):",
        f"  mslt {for_command} recipe=xnli_3src scale=small 'sources=[en,ar,zh]' training.learning_rate=1e-4",
        "  --config-dir DIR   a folder with your own recipes, beside the package's",
        "",
        "recipe=NAME",
        *_listed(list_recipes()),
    ]
    for group, options in list_groups().items():
        lines += ["", f"{group}=NAME", *_listed(options)]
    lines += ["", "KEY=VALUE (type, default; a scale or task changes some of the defaults)"]
    lines += [f"  {key:<38} {kind:<7} {default:<26} {text}".rstrip() for key, kind, default, text in _key_table()]
    return "\n".join(lines)


def _listed(options: dict[str, str]) -> list[str]:
    return [f"  {name:<14} {text}" for name, text in options.items()]


def _key_table() -> list[tuple[str, str, str, str]]:
    """(key, type, default, comment) of every key; the comments are those in the source of ``records.py``."""
    import inspect
    import re

    from mslt_it import records

    # "    field: type = default  # comment", also after a line that is a comment only
    pattern = re.compile(r"^    (\w+): ([^=#]+?)(?: = (.*?))?(?:  # (.*))?$")
    rows: list[tuple[str, str, str, str]] = []

    def walk(cls: type, prefix: str) -> None:
        above = ""
        for line in inspect.getsource(cls).split("def ")[0].splitlines():
            if line.strip().startswith("# "):
                above = line.strip()[2:]
                continue
            found = pattern.match(line)
            if not found:
                continue
            name, kind, default, comment = found.groups()
            section = getattr(records, kind, None)
            if section is not None:
                walk(section, f"{prefix}{name}.")
            else:
                kind = "list" if kind.startswith("tuple") else kind.replace(" | None", "")
                value = (default or "(required)").replace('"', "").replace(",)", ")")
                value = "[" + value[1:-1] + "]" if value.startswith("(") and kind == "list" and default else value
                rows.append((prefix + name, kind, value.replace("None", "null"), comment or above))
            above = ""

    walk(records.Recipe, "")
    own = {
        "name": ("(recipe)", "the run's name; by default the recipe's file name"),
        "scale": ("mini", "chosen by name, see scale=NAME"),
        "sources": ("(required)", "languages trained on, BCP-47 codes"),
        "targets": ("(required)", "languages scored zero-shot, BCP-47 codes, or rest: all others that the data have"),
        "seed": ("0", "of data order, initialisation and bootstrap"),
        "output_dir": ("null", "where the run's folder goes; null = under runs/"),
    }
    return [(k, t, own[k][0], own[k][1]) if k in own else (k, t, d, c) for k, t, d, c in rows]


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

    from mslt_it.recipe import list_groups, list_recipes

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
