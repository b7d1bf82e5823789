"""Recipes: one YAML file is one experiment, composed by Hydra, typed and validated by its schema.

    mslt train recipe=xnli_3src scale=paper sources=[en,ar,zh] training.learning_rate=1e-4

``recipe=NAME`` names ``recipes/NAME.yaml``, which Hydra composes with the chosen scale and task; the other KEY=VALUE
are read by `overrides` and set on the result. Hydra's ``compose()`` is called, never ``@hydra.main``, which makes
an output folder per rank. Hydra and OmegaConf are imported where they are used: 0.2 s that ``--help`` need not pay.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mslt_it.config.checks import check, refuse_idle
from mslt_it.config.files import StrictInC, files, folders, own_prompts, parse_yaml, read_keys, unknown_file
from mslt_it.config.overrides import GROUPS, assign, refuse_unfilled, split, unknown_key
from mslt_it.config.recipe import LARGEST, REST, Recipe
from mslt_it.config.schema import FrozenDict, build, keys, sections, shown, written
from mslt_it.languages import LanguageSet, forms_apart, some_codes, validated_codes
from mslt_it.problems import Problem
from mslt_it.records import to_plain

UNSET = "???"  # OmegaConf's word for a value that is still to be given
WRITTEN_DEFAULTS = ["recipe_schema", "_self_"]  # of a recipe that is complete
NUMBER = re.compile(r"[-+.]?[0-9][0-9_.:eE+-]*")  # for OmegaConf, or for PyYAML
Choose = Callable[[Recipe], tuple[tuple[str, ...], str]]


def load_recipe(
    name: str,
    overrides: Sequence[str] = (),
    config_dir: str | Path | None = None,
    *,
    choose: Choose | None = None,
    typed: Sequence[str] | None = None,
) -> Recipe:
    """Compose, check types and values, and return the recipe; every mistake is a Problem.

    ``config_dir``: a user's folder, searched beside the package's own. ``choose``: what sources=auto is chosen by
    (`mslt_it.selection.auto.choose_sources`); None: it is refused. ``typed``: those of ``overrides`` that must have an
    effect; None: all of them.
    """
    known = files(config_dir)
    if name not in known:
        raise unknown_file("recipe", name, config_dir)
    groups, assigned = split(overrides)
    content, scale = (
        copy.deepcopy(_package_recipe(name, **groups))
        if config_dir is None
        else (not groups and _as_written(known[name])) or _composed(name, groups, config_dir)
    )
    assign(content, assigned)
    for key, value in _texts(content):
        refuse_unfilled(key, value, f"Write the value itself in recipe '{name}', or on the command line: {key}=VALUE.")
        if re.search("[\0\ud800-\udfff]", value):
            raise Problem(f"{key}={value!r} holds a NUL or half a character, which no name or prompt may. Remove it.")
    if missing := [keys(Recipe)[key] for key, value in _texts(content) if value == UNSET]:
        raise Problem(
            f"Recipe '{name}' has no value for {', '.join(key.name for key in missing)}. Add "
            f"{' '.join(map(shown, missing))}."
        )
    content["task"]["prompts"] = {
        **content["task"]["prompts"],
        **own_prompts(content["task"]["prompts_from"] or content["task"]["name"], config_dir),
    }
    read = build(Recipe, {**content, **_names(content, name, scale)}, f"recipe '{name}'")
    recipe = _with_rows(_with_languages(_with_sources(read, choose)))
    if recipe.prompt.num_shots and recipe.prompt.first_shot is None:
        # Each seed has other worked examples first, lest one label always be shown and another never.
        recipe = dataclasses.replace(recipe, prompt=dataclasses.replace(recipe.prompt, first_shot=recipe.seed))
    total, said = recipe.data.num_examples_total, dict(assigned).get(("data", "num_examples_total"))
    if said is not None and said != total:
        rows, number = written(recipe.data.num_examples), "max" if said == LARGEST else said
        raise Problem(
            f"data.num_examples_total={number}, but data.num_examples={rows} makes {total}. "
            "Leave the total out, or write data.num_examples={} to share it equally."
        )
    check(recipe)
    refuse_idle(read, assigned if typed is None else split(typed)[1])
    return recipe


# ---------------------------------------------------------------- composing


@functools.cache
def _defaults() -> dict[str, Any]:
    """Which keys there are and their defaults."""
    # scale: the file's name, the chosen one, see `_names`.
    return {**to_plain(Recipe("", (), ())), "sources": UNSET, "targets": UNSET, "scale": ""}


@functools.cache
def _stored_schema() -> Any:
    """`_defaults`, put where "- recipe_schema" in a recipe refers to. Of whatever type: `build` says what is wrong with
    a value; as a text the YAML boolean ``no`` would be "False" before that."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    schema = OmegaConf.create(_defaults())
    for name in sections(Recipe):
        OmegaConf.set_struct(schema[name], True)
    for found in keys(Recipe).values():
        if found.is_mapping:
            OmegaConf.set_struct(OmegaConf.select(schema, found.name), False)
    OmegaConf.set_struct(schema, True)
    ConfigStore.instance().store(name="recipe_schema", node=schema)
    return schema


def _is_whole(content: Any, defaults: Mapping[str, Any]) -> bool:
    """Whether the keys are those of the schema, as in every recipe that starts with it."""
    return not defaults or (
        isinstance(content, dict)
        and content.keys() == defaults.keys()
        and all(_is_whole(content[key], value) for key, value in defaults.items() if isinstance(value, dict))
    )


def _as_written(path: Path) -> tuple[dict[str, Any], None] | None:
    """What `_composed` gives for a file as `resolved_yaml` writes it, such as that of a run, without the fifth of a
    second and the imports that Hydra takes; None for any other."""
    with contextlib.suppress(Problem, OSError, RecursionError):  # which are told of when it is composed
        content = parse_yaml(path, loader=StrictInC)
        if not isinstance(content, dict) or content.pop("defaults", None) != WRITTEN_DEFAULTS:
            return None
        if _is_whole(content, _defaults()) and _is_read_alike(content):
            return content, None
    return None


def _is_read_alike(content: Any) -> bool:
    """Whether OmegaConf reads no value otherwise than PyYAML, as it does dates and 1e5."""
    if isinstance(content, dict | list):
        return all(map(_is_read_alike, content.values() if isinstance(content, dict) else content))
    if isinstance(content, str):
        return "e" not in content.lower() or not NUMBER.fullmatch(content)
    return content is None or isinstance(content, int | float)


@functools.cache  # composing takes Hydra a quarter of a second, and the package's files stay as they are
def _package_recipe(name: str, **groups: str) -> tuple[dict[str, Any], str | None]:
    return _composed(name, groups, None)


def _composed(name: str, groups: Mapping[str, str], config_dir: str | Path | None) -> tuple[dict[str, Any], str | None]:
    """(the recipe as nested dictionaries, the scale that was chosen)."""
    from hydra import compose, initialize_config_dir
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    known = files(config_dir)
    chosen = [_choice(group, option, config_dir) for group, option in groups.items()]
    home = known[name].parent
    schema = _stored_schema()
    search = [f"hydra.searchpath=[{_quoted(f'file://{folder}')}]" for folder in folders(config_dir) if folder != home]
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(home)), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a list of defaults without _self_, which then is the last
            _refuse_unfilled_defaults(name, known, config_dir)
            composed: Any = OmegaConf.to_container(
                compose(name, overrides=[*chosen, *search], return_hydra_config=True), resolve=False
            )
            HydraConfig.instance().cfg = None
            scale = composed.pop("hydra")["runtime"]["choices"].get("scale")
            content: Any = composed
            if not _is_whole(composed, _defaults()):  # a fifth of the time, and for others it changes nothing
                content = OmegaConf.to_container(OmegaConf.merge(schema, composed), resolve=False)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise _explain(error, name, config_dir) from error
    except AssertionError as error:  # Hydra's, of an item of the list "defaults" that names no group: "", "/", "@x"
        raise Problem(
            f"{known[name]}, or a file that it includes, has an empty name in its defaults. Write each as GROUP: NAME "
            "there, as in - task: xnli."
        ) from error
    except RecursionError as error:
        raise Problem(f"{known[name]}, or a file that it includes, is nested too deeply to be read.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{mark.name}, line {mark.line + 1}," if mark is not None else str(known[name])
        raise Problem(f"{place} is not valid YAML: {' '.join(str(error).split())}") from error
    return content, scale


def _choice(group: str, option: str, config_dir: str | Path | None) -> str:
    """``scale=small`` as Hydra reads it, whatever the file is called."""
    known = files(config_dir, group)
    if option not in known:
        raise unknown_file(group, option, config_dir)
    read_keys(known[option])
    return f"{group}={_quoted(option)}"


def _quoted(text: str) -> str:
    """A text in Hydra's grammar, whatever characters a file's name has."""
    ending = len(text) - len(text.rstrip("\\"))
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", text) + "\\" * ending + "'"


def _refuse_unfilled_defaults(
    name: str, known: Mapping[str, Path], config_dir: str | Path | None, seen: frozenset[str] = frozenset()
) -> None:
    """A Problem for ``${...}`` in the list of files that a recipe takes in, which Hydra would fill in, and for files
    that hold no keys."""
    entries = read_keys(known[name], ", such as sources: [ar, de, zh]").get("defaults")
    for entry in entries if isinstance(entries, list) else []:
        for group, option in entry.items() if isinstance(entry, dict) else [("defaults", entry)]:
            refuse_unfilled(str(group), option, f"Write the file's name itself in the defaults of recipe '{name}'.")
            group = str(group).rpartition(" ")[2].partition("@")[0]  # "override scale"
            if group in GROUPS and (file := files(config_dir, group).get(str(option))):
                read_keys(file)
        if isinstance(entry, str) and entry in known and entry not in seen:
            _refuse_unfilled_defaults(entry, known, config_dir, seen | {name})


def _texts(content: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, text) of every text in nested dictionaries and lists."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _texts(value, f"{key}.{name}" if key else str(name))
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value, key)
    elif isinstance(content, str):
        yield key, content


def _explain(error: Exception, name: str, config_dir: str | Path | None) -> Problem:
    """A Hydra or OmegaConf error, met in a recipe's files, as a Problem in the recipe's own terms."""
    from hydra.errors import MissingConfigException
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        if group in GROUPS:
            return unknown_file(group, option, config_dir)
        return Problem(
            f"Recipe '{name}' refers to '{error.missing_cfg_file}', which does not exist. Create it, or name another."
        )

    inner: BaseException = error
    while not isinstance(inner, OmegaConfBaseException) and (deeper := inner.__cause__ or inner.__context__):
        inner = deeper
    key = getattr(inner, "full_key", None) or ""
    file = re.match(r"In '([^']+)'", str(error))  # the recipe, or the scale or task that it takes in
    where = f" in '{file.group(1)}'" if file and file.group(1) != name else f" in recipe '{name}'"
    if isinstance(inner, (ConfigAttributeError, ConfigKeyError)):
        return unknown_key(key, where)
    if unmatched := re.match(r"Could not override '([^']+)'", str(error)):
        group = unmatched.group(1)
        return Problem(f"Recipe '{name}' has no '{group}' in its defaults for {group}=... to replace. Add it there.")
    return Problem(f"Recipe '{name}': {' '.join(str(error).split())}")


# ---------------------------------------------------------------- what is filled in


def _names(content: Mapping[str, Any], name: str, chosen_scale: str | None) -> dict[str, Any]:
    said = content["scale"]
    if chosen_scale and said and said != chosen_scale:
        raise Problem(
            f"Recipe '{name}' writes 'scale: {said}' in its body but chooses scale '{chosen_scale}' in its defaults."
            f" Write '- scale: {said}' under defaults and remove the key from the body."
        )
    return {"name": content["name"] or name, "scale": chosen_scale or said or "custom"}


def _with_sources(recipe: Recipe, choose: Choose | None) -> Recipe:
    """``sources: [auto]`` as languages, with the note on how they were chosen; a note on other languages is dropped."""
    select = recipe.select
    if recipe.sources != ("auto",):
        if select.note and not select.note.startswith(f"{', '.join(recipe.sources)}: "):
            return dataclasses.replace(recipe, select=dataclasses.replace(select, note=""))
        return recipe
    if choose is None:
        raise Problem("sources=auto: nothing is trained here, so none are chosen. List them: sources=[ar,de].")
    sources, note = choose(recipe)
    return dataclasses.replace(recipe, sources=sources, select=dataclasses.replace(select, note=note))


def _with_languages(recipe: Recipe) -> Recipe:
    if recipe.targets == REST:  # which languages these are is read from the data: see data/resolve.py
        sources = some_codes("sources", recipe.sources)
        return _apart(dataclasses.replace(recipe, sources=sources, targets=REST), sources)
    found = LanguageSet(recipe.sources, recipe.targets, recipe.supervised)
    note = recipe.targets_note  # unless it is on other languages
    note = note if note.startswith(f"targets=rest: {', '.join(found.targets) or 'none'} (") else ""
    named = dataclasses.replace(recipe, sources=found.sources, targets=found.targets, targets_note=note)
    return _apart(named, named.languages)


def _apart(recipe: Recipe, codes: Sequence[str]) -> Recipe:
    """Where both en and en-US are named, neither has the other's rows: ``task.configs`` names them."""
    names = {code: recipe.task.config_name(code) for code in forms_apart(codes)}
    task = dataclasses.replace(recipe.task, configs=FrozenDict({**names, **recipe.task.configs}))
    return dataclasses.replace(recipe, task=task) if names else recipe


def _with_rows(recipe: Recipe) -> Recipe:
    """The recipe with ``num_examples`` in the order of its sources, and their sum as the total."""
    data = recipe.data
    if not data.num_examples:
        return recipe
    codes = validated_codes("data.num_examples", data.num_examples)
    rows = dict(zip(codes, data.num_examples.values(), strict=True))
    if missing := [code for code in recipe.sources if code not in rows]:
        raise Problem(
            f"data.num_examples={written(data.num_examples)} does not mention the source {missing[0]}. Add "
            f"data.num_examples.{missing[0]}=ROWS, or write data.num_examples={{}} to share the total equally."
        )
    if unknown := [code for code in rows if code not in recipe.sources]:
        raise Problem(
            f"data.num_examples: '{unknown[0]}' is not among the sources ({', '.join(recipe.sources)}). Write "
            f"data.num_examples={written({code: rows[code] for code in recipe.sources})}, or add it to sources."
        )
    ordered = FrozenDict({code: rows[code] for code in recipe.sources})
    data = dataclasses.replace(data, num_examples=ordered, num_examples_total=sum(rows.values()))
    return dataclasses.replace(recipe, data=data)


def resolved_yaml(recipe: Recipe) -> str:
    """The recipe, complete, as a YAML file that is a recipe again (``recipe=FILE --config-dir FOLDER``)."""

    class Dumper(yaml.SafeDumper):
        """Quotes texts that OmegaConf would read as numbers and PyYAML would not, such as the commit 1e5."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        number = NUMBER.fullmatch(value)
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'" if number else "|" * ("\n" in value))

    def mapping(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.MappingNode:
        whole_files = any(isinstance(one, str) and "\n" in one for one in value.values())
        return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=False if whole_files else None)

    Dumper.add_representer(str, text)
    Dumper.add_representer(dict, mapping)
    content = {"defaults": WRITTEN_DEFAULTS, **to_plain(recipe)}
    dumped = yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    return str(dumped)
