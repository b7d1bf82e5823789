"""``mslt recipes``: the recipes, scales and tasks."""

from __future__ import annotations

from dataclasses import dataclass

from mslt_it.command import Call, Command, section
from mslt_it.config.files import list_files, list_groups


@dataclass(frozen=True)
class Options:
    """There are none."""


def run(call: Call) -> int:
    for group, found in {"recipe": list_files(call.config_dir), **list_groups(call.config_dir)}.items():
        call.say("\n".join(section(f"{group}s", {f"{group}={name}": text for name, text in found.items()})))
    call.say("mslt tasks NAME shows a task; mslt train recipe=NAME scale=NAME task=NAME runs.")
    return 0


COMMAND = Command(
    "recipes",
    "List the recipes, scales and tasks of the package, and of your own folder if you give one.",
    ("[--config-dir DIR]",),
    ("mslt recipes", "mslt recipes --config-dir my_recipes"),
    Options,
    run,
    flags=("--config-dir",),
)
