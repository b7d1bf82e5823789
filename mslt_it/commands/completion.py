"""``mslt completion bash``: a script by which a shell completes commands, keys and the names of recipes."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass

from mslt_it.command import Call, Command, RecipeOptions
from mslt_it.commands import COMMANDS
from mslt_it.config.files import list_files, list_groups
from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import key, keys

# Bash takes "=" for the end of a word, so what stands before it is looked up with the rest and then taken off.
_BASH = """\
_mslt() {
  local line=${COMP_LINE:0:COMP_POINT} found=
  local word=${line##* }
  case ${COMP_WORDS[1]} in
%s
  esac
  [[ $COMP_CWORD -eq 1 ]] && found="%s"
  mapfile -t COMPREPLY < <(compgen -W "$found" -- "$word")
  [[ $word == *=* ]] && COMPREPLY=("${COMPREPLY[@]#*=}")
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -o default -F _mslt mslt
"""
_ZSH = """\
#compdef mslt
_mslt() {
  local found=
  case $words[2] in
%s
  esac
  (( CURRENT == 2 )) && found="%s"
  compadd -S '' -- ${=found} || _files
}
compdef _mslt mslt
"""
SHELLS = {"bash": _BASH, "zsh": _ZSH}


@dataclass(frozen=True)
class Options:
    shell: str = key(help="your shell", choices=tuple(SHELLS), example="bash", missing="bash or zsh")


def script(shell: str) -> str:
    cases = []
    for name, (module, _) in COMMANDS.items():
        command = importlib.import_module(module).COMMAND
        cases.append(f'    {name}) found="{" ".join(_words(command))}" ;;')
    return SHELLS[shell] % ("\n".join(cases), " ".join(COMMANDS))


def _words(command: Command) -> Iterator[str]:
    known = {**keys(command.options), **(keys(Recipe) if issubclass(command.options, RecipeOptions) else {})}
    names = {"recipe": list_files(), **list_groups()} if "recipe" in known else {}
    for name, one in known.items():
        if one.in_help:
            yield from (f"{name}={value}" for value in names.pop(name, one.choices) or [""])
    for group, options in names.items():
        yield from (f"{group}={option}" for option in options)
    yield from command.flags


def run(call: Call) -> int:
    print(script(call.options.shell), end="")
    return 0


COMMAND = Command(
    "completion",
    "Print a script that lets your shell complete mslt's commands, keys and recipes. For bash, write it to "
    '~/.local/share/bash-completion/completions/mslt; for zsh, put eval "$(mslt completion zsh)" into ~/.zshrc, after '
    "compinit.",
    ("bash|zsh",),
    ("mslt completion bash", "mslt completion zsh"),
    Options,
    run,
    words=("shell",),
)
