"""Where recipes, scales, tasks, studies and prompts are: in the package, and in a user's folder (--config-dir DIR).

DIR/NAME.yaml   DIR/scale/NAME.yaml   DIR/task/NAME.yaml   DIR/study/NAME.yaml   DIR/prompts/TASK/LANGUAGE.yaml
"""

from __future__ import annotations

import io
import math
import shlex
from pathlib import Path
from typing import Any

import yaml

from mslt_it import values
from mslt_it.config.overrides import GROUPS
from mslt_it.problems import Problem, nearest

# Of files that we wrote: in C where PyYAML has it, 8 times as fast for 1,000 recipes.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _OneOfAKey:
    """Does not let the last of several equal keys win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for name, _ in node.value:
            if isinstance(name, yaml.ScalarNode) and name.tag != "tag:yaml.org,2002:merge":
                if name.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {name.value} is given twice", name.start_mark
                    )
                seen.add(name.value)
        found: dict[Any, Any] = super().construct_mapping(node, deep)  # type: ignore[misc]
        return found


class Strict(_OneOfAKey, yaml.SafeLoader):
    """Of files that people write: its messages show the line."""


class StrictInC(_OneOfAKey, YAML_LOADER):  # type: ignore[misc, valid-type]
    """Of files that may be ours."""


MOST_VALUES = 1_000_000  # of a file, aliases written out: all prompts of a task are 2,000


def share_dir(name: str) -> Path:
    """The folder ``name`` ("recipes" or "eval") in the installed wheel, else in the checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_share" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise Problem(f"Folder '{name}' is neither in {package / '_share'} nor in {package.parent}. Install mslt_it again.")


def parse_yaml(path: Path, text: str | None = None, loader: Any = Strict) -> Any:
    """What a YAML file holds; ``text``: in place of the file's own."""
    try:
        with path.open(encoding="utf-8") if text is None else io.StringIO(text) as file:  # PyYAML's errors name a file
            found = yaml.load(file, Loader=loader)
        number = _number(found, {})
    except RecursionError as error:
        raise Problem(f"{path} is nested too deeply to be read.") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes().count(b"\n", 0, error.start) + 1
        raise Problem(f"{path}, line {line}, is not UTF-8 ({error.reason}). Save the file as UTF-8.") from error
    except (yaml.YAMLError, ValueError) as error:  # a date of a month that there is not, an integer of 5,000 digits
        said = " ".join(str(error).replace(f'in "{path}", ', "at ").split())
        is_tab = "'\\t'" in said  # what the library says of one
        raise Problem(f"{path} is not valid YAML: {said}{'. Indent with spaces, not tabs.' * is_tab}") from error
    if number > MOST_VALUES:
        raise Problem(f"{path} repeats parts of itself (*NAME) too many times to be read. Write them out.")
    return found


def _number(value: Any, known: dict[int, float]) -> float:
    """How many values there are, those that an alias stands for as often as it does; infinite where they hold
    themselves."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = math.inf
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_number(part, known) for part in parts)
    return known[id(value)]


def read_keys(path: Path, hint: str = "") -> dict[str, Any]:
    """A file of keys with values; ``hint``: what such lines are, for the message about another file."""
    content = parse_yaml(path)
    if not isinstance(content, dict):
        raise Problem(f"{path} must hold KEY: VALUE lines{hint}.")
    return content


def folders(config_dir: str | Path | None) -> list[Path]:
    """Where recipes and their parts are looked up: the user's folder, then the package's."""
    if config_dir is None:
        return [share_dir("recipes")]
    folder = values.path(config_dir).resolve()
    if not folder.is_dir():
        raise Problem(
            f"--config-dir: '{config_dir}' is not a folder. Give the one with your NAME.yaml, task/, prompts/."
        )
    return [folder] if folder == share_dir("recipes") else [folder, share_dir("recipes")]


def files(config_dir: str | Path | None, group: str = "") -> dict[str, Path]:
    """Name -> file. A user's file may not silently stand for one of the package's."""
    found: dict[str, Path] = {}
    for folder in folders(config_dir):
        for path in sorted((folder / group).glob("*.yaml")):
            if not path.is_file():
                continue
            if path.stem in found:
                raise Problem(f"{found[path.stem]} has the name of a {group or 'recipe'} of the package. Rename yours.")
            found[path.stem] = path
    return found


def unknown_file(group: str, name: str, config_dir: str | Path | None = None) -> Problem:
    """The Problem for a recipe or a task, scale or study that no folder has; also where it is given by its path."""
    inner = "" if group == "recipe" else group
    path, home = values.path(name), folders(config_dir)[0]
    if path.is_file() and path.suffix == ".yaml" and inner in ("", path.parent.name):
        its = shlex.quote(str(path.parent.parent if inner else path.parent))
        return Problem(f"{group}={name}: a {group} is given by its name. Write {group}={path.stem} --config-dir {its}.")
    for other in (home / inner / f"{name}{ending}" for ending in (".yml", ".YAML", ".YML")):
        if other.is_file():
            return Problem(f"{other} is not read: such files must end in .yaml. Rename it to {name}.yaml.")
    return Problem(f"Unknown {group} '{name}'. {nearest(name, files(config_dir, inner))}")


def own_prompts(task: str, config_dir: str | Path | None) -> dict[str, str]:
    """Language -> text of each prompt file of a task in the user's folder."""
    if config_dir is None:
        return {}
    found = {}
    for path in sorted((folders(config_dir)[0] / "prompts" / task).glob("*.yaml")):
        try:
            found[path.stem] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise Problem(f"{path} is not UTF-8 ({error.reason}). Save the file as UTF-8.") from error
        if "${" in found[path.stem]:
            raise Problem(f"{path} holds ${{...}}, which is not filled in. Write the text itself.")
    return found


def summary(path: Path) -> str:
    """The first comment line that is neither a Hydra directive nor the command that runs the file."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith("#"):
            break
        text = line.lstrip("#").strip()
        if text and not text.startswith(("@package", "mslt ", "accelerate ", "torchrun ")):
            return text
    return ""


def list_files(config_dir: str | Path | None = None, group: str = "") -> dict[str, str]:
    """Name of each recipe, or file of a group -> one line that says what it is."""
    return {name: summary(path) for name, path in sorted(files(config_dir, group).items())}


def list_groups(config_dir: str | Path | None = None) -> dict[str, dict[str, str]]:
    """Group ("scale", "task") -> option -> one line that says what it is."""
    return {group: list_files(config_dir, group) for group in GROUPS}
