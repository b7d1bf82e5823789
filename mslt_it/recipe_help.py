"""The help of commands that take a recipe: its keys with type, default and comment."""

from __future__ import annotations


def help_text(for_command: str, what_it_does: str) -> str:
    """Help of a command that takes a recipe: the override syntax, the recipes, every key with type and default."""
    from mslt_it.recipe_files import list_groups, list_recipes

    lines = [
        f"usage: mslt {for_command} recipe=NAME [KEY=VALUE ...] [--config-dir DIR]",
        "",
        f"{what_it_does.capitalize()}.",
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
