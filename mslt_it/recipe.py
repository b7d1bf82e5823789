"""Recipes: one YAML file is one experiment, composed by Hydra, typed by ``records.py``, validated here.

    mslt train recipe=xnli_3src scale=paper sources=[en,ar,zh] training.learning_rate=1e-4

``recipe=NAME`` names ``recipes/NAME.yaml``, which Hydra composes with the chosen scale and task; the other KEY=VALUE
are read by ``overrides.py`` and set on the result. Hydra's ``compose()`` is called, never ``@hydra.main``, which makes
an output folder per rank. Whatever goes wrong ends as a ``Problem`` that names the key, the value and what would be
right. Hydra and OmegaConf are imported where they are used: 0.2 s that ``--help`` need not pay.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import math
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it import table_keys, values
from mslt_it.languages import LanguageSet, some_codes
from mslt_it.overrides import GROUPS, assign, keys, refuse_unfilled, split, type_name, unknown_key
from mslt_it.problems import Problem, nearest
from mslt_it.records import LARGEST, REST, DataConfig, FrozenDict, Recipe, to_plain

CHOICES: dict[str, tuple[str, ...]] = {
    "data.items": ("disjoint", "parallel"),
    "data.leaks": ("refuse", "drop"),
    "prompt.language": ("native", "english"),
    "prompt.variant": ("direct", "cot_native", "cot_english", "xlt"),
    "model.dtype": ("auto", "bfloat16", "float16", "float32"),
    "adapter.quantization": ("none", "nf4", "int8"),
    "training.lr_scheduler": ("linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt", "polynomial"),
    # The names of selection.criteria.CRITERIA, which is not imported here: it stands to the right in the pipeline.
    "select.criterion": (
        *("pretraining_size", "vocabulary_coverage", "l2v_syntax", "l2v_phonology", "l2v_inventory", "l2v_family"),
        *("l2v_geography", "l2v_all", "embedding", "scripts", "min_diversity", "random"),
        *("l2v_typology", "target_coverage", "mean_reciprocal_rank"),
    ),
    # The names of adapters.methods.METHODS, which is not imported here for the same reason.
    "combine.method": ("none", "cat", "svd", "ties", "dare_ties", "weighted_factors"),
    "task.shape": ("classification", "tagging", "question_answering", "free_text"),
    "task.file_layout": ("table", "conll", "squad", "xwinograd", "self_instruct"),
    "task.metric": ("accuracy", "macro_f1", "span_f1", "qa_f1", "number_accuracy", "chrf"),
}

# What each shape of task is measured by; the first is the default of its task files.
METRICS = {
    "classification": ("accuracy", "macro_f1"),
    "tagging": ("span_f1",),
    "question_answering": ("qa_f1",),
    "free_text": ("chrf", "number_accuracy", "qa_f1"),
}

_LIMITS: dict[str, tuple[Callable[[float], bool], str]] = {}
for _text, _test, _keys in (
    (
        "above 0",
        lambda v: v > 0,
        "select.k data.max_length_tokens adapter.rank adapter.alpha training.learning_rate "
        "training.num_epochs training.batch_size training.gradient_accumulation_steps training.logging_steps "
        "training.save_steps scoring.batch_tokens scoring.max_chain_tokens scoring.num_bootstrap "
        "task.max_answer_tokens",
    ),
    (
        "0 or more",
        lambda v: v >= 0,
        "seed prompt.num_shots training.warmup_steps training.weight_decay training.max_grad_norm "
        "scoring.num_examples_per_language",
    ),
    ("above 0, or max", lambda v: v == LARGEST or v > 0, "data.num_examples_total"),
    ("-1 (by num_epochs) or above 0", lambda v: v == -1 or v > 0, "training.max_steps"),
    ("between 0 and 1, neither included", lambda v: 0 < v < 1, "scoring.confidence"),
    ("above 0 and at most 1", lambda v: 0 < v <= 1, "task.held_out_share"),
    ("between 0 and 1", lambda v: 0 <= v <= 1, "data.max_dropped_share"),
    ("from 0 to below 1", lambda v: 0 <= v < 1, "adapter.dropout"),
):
    _LIMITS.update({_key: (_test, _text) for _key in _keys.split()})


# ---------------------------------------------------------------- where recipes are


def share_dir(name: str) -> Path:
    """The folder ``name`` ("recipes" or "eval") in the installed wheel, else in the checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "_share" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise Problem(f"Folder '{name}' is neither in {package / '_share'} nor in {package.parent}. Install mslt_it again.")


def recipes_dir() -> Path:
    """The folder of the recipes that come with the package."""
    return share_dir("recipes")


def _folders(config_dir: str | Path | None) -> list[Path]:
    """Folders searched for recipes."""
    if config_dir is None:
        return [recipes_dir()]
    folder = values.path(config_dir).resolve()
    if not folder.is_dir():
        raise Problem(
            f"--config-dir: '{config_dir}' is not a folder. Give the folder that holds your recipe's YAML file."
        )
    return [folder] if folder == recipes_dir() else [folder, recipes_dir()]


def _files(config_dir: str | Path | None, group: str = "") -> dict[str, Path]:
    """Name -> file. A user's file may not silently stand for one of the package's."""
    found: dict[str, Path] = {}
    for folder in _folders(config_dir):
        for path in sorted((folder / group).glob("*.yaml")):
            if path.stem in found:
                raise Problem(f"{found[path.stem]} has the name of a {group or 'recipe'} of the package. Rename yours.")
            found[path.stem] = path
    return found


def _summary(path: Path) -> str:
    """The first comment line that is neither a Hydra directive nor the command that runs the file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        text = line.lstrip("#").strip()
        if text and not text.startswith(("@package", "mslt ", "accelerate ", "torchrun ")):
            return text
    return ""


def list_recipes(config_dir: str | Path | None = None) -> dict[str, str]:
    """Recipe name -> one line that says what it is."""
    return {name: _summary(path) for name, path in sorted(_files(config_dir).items())}


def list_groups(config_dir: str | Path | None = None) -> dict[str, dict[str, str]]:
    """Group ("scale", "task") -> option -> one line that says what it is."""
    return {group: {n: _summary(p) for n, p in sorted(_files(config_dir, group).items())} for group in GROUPS}


# ---------------------------------------------------------------- the command line


def parse_arguments(argv: Sequence[str]) -> tuple[str, list[str], str | None]:
    """``recipe=NAME``, ``--config-dir DIR`` and KEY=VALUE -> (recipe name, overrides, folder or None)."""
    name: str | None = None
    config_dir: str | None = None
    overrides: list[str] = []
    arguments = iter(argv)
    for argument in arguments:
        if argument == "--config-dir":
            config_dir = next(arguments, None)
            if config_dir is None:
                raise Problem("--config-dir needs a folder: --config-dir DIR.")
        elif argument.startswith("--config-dir="):
            config_dir = argument.partition("=")[2]
        elif argument in ("--multirun", "-m"):
            raise Problem(f"{argument} is Hydra's and not known here. Many runs are a study: mslt study --help.")
        elif argument.startswith("-"):
            raise Problem(f"Unknown option '{argument}'. {nearest(argument, ['--config-dir', '--help'])}")
        elif argument.startswith("recipe="):
            if name is not None:
                raise Problem(f"recipe is given twice: '{name}' and '{argument.partition('=')[2]}'. Keep one.")
            name = argument.partition("=")[2]
        elif "=" in argument or argument.startswith("~"):
            overrides.append(argument)
        elif argument in _files(config_dir):
            raise Problem(f"Argument '{argument}' has no key. Did you mean 'recipe={argument}'?")
        else:
            raise Problem(f"Argument '{argument}' is not KEY=VALUE. Write for example training.learning_rate=1e-4.")
    if not name:
        name = _recipe_of_task(overrides, config_dir)
    if not name:
        raise Problem(f"No recipe given. Write recipe=NAME. Known: {', '.join(sorted(_files(config_dir)))}.")
    return name, overrides, config_dir


def _recipe_of_task(overrides: Sequence[str], config_dir: str | None) -> str | None:
    """The recipe that task=NAME means where no recipe is named: NAME_3src, or NAME."""
    task = next((o.partition("=")[2] for o in overrides if o.startswith("task=")), None)
    known = _files(config_dir)
    return next((name for name in (f"{task}_3src", task) if name in known), None) if task else None


# ---------------------------------------------------------------- composing


def _schema(cls: type) -> type:
    """The dataclass as Hydra's typed schema.

    OmegaConf makes frozen dataclasses read-only, so this is an unfrozen twin. Texts may be anything here, and tuples
    lists of anything: a string would turn the YAML boolean ``no`` into "False" before anyone could complain.
    """
    from omegaconf import MISSING

    hints = typing.get_type_hints(cls)
    fields: list[Any] = []
    for f in dataclasses.fields(cls):
        hint: Any = hints[f.name]
        default: Any = MISSING if f.default is dataclasses.MISSING else f.default
        if typing.get_origin(hint) is collections.abc.Mapping:
            hint, default = dict[Any, Any], dataclasses.field(default_factory=dict)  # a label may be the number 0
            fields.append((f.name, hint, default))
            continue
        if dataclasses.is_dataclass(hint):
            hint = _schema(typing.cast(type, hint))
            default = dataclasses.field(default_factory=hint)
        elif hint in (str, str | None):
            hint = Any
        elif typing.get_origin(hint) is tuple:
            hint = list[Any]
            if default is not MISSING:
                default = dataclasses.field(default_factory=functools.partial(list, default))
        elif cls is DataConfig and f.name == "num_examples_total":
            hint = Any  # a number or max, see _budget
        if cls is Recipe and f.name in ("name", "scale"):
            default = ""  # filled in by load_recipe: the file's name, the chosen scale
        fields.append((f.name, hint, default))
    # A field without default may not follow one with: MISSING ("???") counts as a default, so order is kept.
    return dataclasses.make_dataclass(cls.__name__, fields)


def load_recipe(name: str, overrides: Sequence[str] = (), config_dir: str | Path | None = None) -> Recipe:
    """Compose, check types and values, and return the recipe; every mistake is a Problem.

    ``config_dir`` is a user's folder of recipes, searched beside the package's own.
    """
    import yaml
    from hydra import compose, initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    known = _files(config_dir)
    if name not in known:
        raise Problem(f"Unknown recipe '{name}'. {nearest(name, known)}")
    groups, assigned = split(overrides)
    chosen = [_choice(group, option, config_dir) for group, option in groups.items()]
    home = known[name].parent
    schema = _schema(Recipe)
    ConfigStore.instance().store(name="recipe_schema", node=schema)  # what "- recipe_schema" in a recipe refers to
    search = [_search_path(folder) for folder in _folders(config_dir) if folder != home]
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(home)):
            _refuse_unfilled_defaults(name, known)
            composed = compose(name, overrides=[*chosen, *search], return_hydra_config=True)
            HydraConfig.instance().cfg = None
            choices = dict(composed.hydra.runtime.choices)
            composed = OmegaConf.masked_copy(composed, [str(k) for k in composed if k != "hydra"])
            # Once more, for a recipe that does not start with recipe_schema. Only then is this merge not a no-op.
            typed = OmegaConf.merge(OmegaConf.structured(schema), OmegaConf.to_container(composed))
            assert isinstance(typed, DictConfig)
            content = OmegaConf.to_container(typed, resolve=False)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise _explain(error, name, config_dir) from error
    except yaml.YAMLError as error:
        raise Problem(f"{_place_of(error, known[name])} is not valid YAML: {' '.join(str(error).split())}") from error
    recipe = typing.cast(dict[str, Any], content)
    for key, value in _texts(recipe):
        refuse_unfilled(key, value, f"Write the value itself in recipe '{name}', or on the command line: {key}=VALUE.")
    assign(recipe, assigned)
    for key, value in _texts(recipe):
        if value == "???":  # OmegaConf's word for a value that is still to be given
            raise Problem(f"{key}: no value in recipe '{name}'. Give one: {key}=VALUE.")
    return _finish(recipe, name, choices.get("scale"))


def _choice(group: str, option: str | None, config_dir: str | Path | None) -> str:
    """``scale=small`` as Hydra reads it, whatever the file is called."""
    if option is None:
        return f"~{group}"
    known = _files(config_dir, group)
    if option not in known:
        raise Problem(f"Unknown {group} '{option}'. {nearest(option, known)}")
    return f"{group}={_quoted(option)}"


def _search_path(folder: Path) -> str:
    return f"hydra.searchpath=[{_quoted(f'file://{folder}')}]"


def _quoted(text: str) -> str:
    """A text in Hydra's grammar, whatever characters a file's name has."""
    ending = len(text) - len(text.rstrip("\\"))
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", text) + "\\" * ending + "'"


def _refuse_unfilled_defaults(name: str, known: Mapping[str, Path], seen: frozenset[str] = frozenset()) -> None:
    """A Problem for ``${...}`` in the list of files that a recipe takes in, which Hydra would fill in."""
    import yaml

    with known[name].open(encoding="utf-8") as file:  # not its text alone: PyYAML's errors name the file
        content = yaml.safe_load(file)
    entries = content.get("defaults") if isinstance(content, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        for group, option in entry.items() if isinstance(entry, dict) else [("defaults", entry)]:
            refuse_unfilled(str(group), option, f"Write the file's name itself in the defaults of recipe '{name}'.")
        if isinstance(entry, str) and entry in known and entry not in seen:
            _refuse_unfilled_defaults(entry, known, seen | {name})


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


def _place_of(error: Exception, fallback: Path) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{mark.name}, line {mark.line + 1}," if mark is not None else str(fallback)


def _explain(error: Exception, name: str, config_dir: str | Path | None) -> Problem:
    """A Hydra or OmegaConf error, met in a recipe's files, as a Problem in the recipe's own terms."""
    from hydra.errors import MissingConfigException
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError

    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        if group in GROUPS:
            return Problem(f"Unknown {group} '{option}'. {nearest(option, _files(config_dir, group))}")
        return Problem(
            f"Recipe '{name}' refers to '{error.missing_cfg_file}', which is not there. {str(error).splitlines()[0]}"
        )

    inner: BaseException = error
    while not isinstance(inner, OmegaConfBaseException) and (deeper := inner.__cause__ or inner.__context__):
        inner = deeper
    key = getattr(inner, "full_key", None) or ""
    file = re.match(r"In '([^']+)'", str(error))  # the recipe, or the scale or task that it takes in
    where = f" in '{file.group(1)}'" if file and file.group(1) != name else f" in recipe '{name}'"
    first = str(inner).splitlines()[0] if str(inner) else type(inner).__name__
    if isinstance(inner, (ConfigAttributeError, ConfigKeyError)):
        return unknown_key(key, where)
    if isinstance(inner, ValidationError):
        return Problem(f"{key}{where}: {first.rstrip('.')}. {type_name(key)}")
    if unmatched := re.match(r"Could not override '([^']+)'", str(error)):
        group = unmatched.group(1)
        return Problem(
            f"Recipe '{name}' has no '{group}' in its defaults, so {group}=... cannot replace it. Add it there."
        )
    return Problem(f"Recipe '{name}': {' '.join(str(error).split())}")


# ---------------------------------------------------------------- checking values


def _finish(content: dict[str, Any], name: str, chosen_scale: str | None) -> Recipe:
    written = content.get("scale")
    if chosen_scale and written and written != chosen_scale:
        raise Problem(
            f"Recipe '{name}' writes 'scale: {written}' in its body but chooses scale '{chosen_scale}' in its defaults."
            f" Write '- scale: {written}' under defaults and remove the key from the body."
        )
    content = {**content, "name": content.get("name") or name, "scale": chosen_scale or written or "custom"}
    content.update(_sources_chosen(content))
    content["data"] = {**content["data"], "num_examples_total": _budget(content["data"]["num_examples_total"])}
    if is_rest(content["targets"]):  # which languages these are is read from the data: see data/resolve.py
        content.update(sources=some_codes("sources", content["sources"]), targets=list(REST))
    else:
        languages = LanguageSet(content["sources"], content["targets"], content["supervised"])
        content.update(sources=languages.sources, targets=languages.targets)
        if not content["targets_note"].startswith(f"targets=rest: {', '.join(languages.targets)} ("):
            content["targets_note"] = ""  # it is on other languages
    recipe: Recipe = _build(Recipe, content)
    _check(recipe)
    return recipe


def _budget(value: object) -> int:
    if value == "max":
        return LARGEST
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not re.fullmatch("-?[0-9]+", str(value)):
        raise Problem(f"data.num_examples_total={value} is neither a whole number nor max, as many as there are.")
    return int(value)


def is_rest(targets: Sequence[Any]) -> bool:
    """Whether the targets are all languages of the data that are no source."""
    return tuple(targets) == REST


def _sources_chosen(content: dict[str, Any]) -> dict[str, Any]:
    """``sources: [auto]`` as languages, with the note on how they were chosen; a note on other languages is dropped."""
    select = dict(content["select"])
    if list(content["sources"]) == ["auto"]:
        from mslt_it.selection.auto import choose_sources

        options = {name: select[name] for name in ("pool", "k", "must", "exclude")}
        sources, note = choose_sources(
            select["criterion"],
            targets=[] if is_rest(content["targets"]) else content["targets"],
            model=content["model"]["path"],
            seed=content["seed"],
            **options,
        )
        return {"sources": list(sources), "select": {**select, "note": note}}
    if not select["note"].startswith(f"{', '.join(map(str, content['sources']))}: "):
        select["note"] = ""
    return {"select": select}


def _build(cls: type, content: dict[str, Any], prefix: str = "") -> Any:
    """The frozen dataclass from plain dictionaries and lists."""
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for f in dataclasses.fields(cls):
        value, key = content[f.name], prefix + f.name
        if dataclasses.is_dataclass(hints[f.name]):
            value = _build(typing.cast(type, hints[f.name]), value, f"{key}.")
        elif typing.get_origin(hints[f.name]) is tuple:
            value = tuple(_string(v, key) for v in value)
        elif typing.get_origin(hints[f.name]) is collections.abc.Mapping:
            value = FrozenDict({_string(k, key): _string(v, f"{key}.{k}") for k, v in value.items()})
        elif hints[f.name] is str or (hints[f.name] == (str | None) and value is not None):
            value = _string(str(value) if type(value) is int else value, key)  # prompt.template: 0
        values[f.name] = value
    return cls(**values)


def _string(value: Any, key: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and key.startswith(("task.label_names", "task.labels")):
        return str(value)
    if isinstance(value, bool):
        raise Problem(
            f"{key}: {value} is a YAML boolean, not a string: unquoted no, off, on and yes are booleans in YAML. "
            'Put the word in quotes: "no".'
        )
    if value is None:
        raise Problem(f"{key}: null is no value for it. Leave it out for the default, or give a text.")
    raise Problem(f"{key}: {value!r} is not a string. Put it in quotes.")


def _check(recipe: Recipe) -> None:
    plain = to_plain(recipe)
    values = {key: _get(plain, key) for key in keys()}
    for key, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise Problem(f"{key}={value} is not a finite number.")
        if key in CHOICES and value not in CHOICES[key]:
            raise Problem(f"{key}={value} is unknown. {nearest(str(value), CHOICES[key])}")
        if key in _LIMITS and not _LIMITS[key][0](value):
            raise Problem(f"{key}={value} is out of range. It must be {_LIMITS[key][1]}.")
    for key in ("task.name", "task.data", "task.train_split", "task.score_split", "task.label_field", "model.path"):
        if not values[key]:
            raise Problem(f"{key} is empty. Give it a value.")
    task = recipe.task
    table_keys.check(task)
    metrics = METRICS[task.shape]
    if task.metric not in metrics:
        raise Problem(
            f"task.metric={task.metric} does not fit task.shape={task.shape}. {nearest(task.metric, metrics)}"
        )
    for key in ("optional_fields", "group_fields"):
        if unknown := [name for name in getattr(task, key) if name not in task.input_fields]:
            raise Problem(f"task.{key}: '{unknown[0]}' is not in task.input_fields={list(task.input_fields)}.")
    # Labels of a user's own table are found in it.
    num_labels = {"classification": 0 if task.name == "custom" else 2, "tagging": 1}.get(task.shape, 0)
    for key, least in (("task.input_fields", 1), ("task.label_names", num_labels), ("adapter.target_modules", 1)):
        if len(values[key]) < least or len(set(values[key])) != len(values[key]):
            raise Problem(f"{key}={values[key]} must be a list of at least {least} different names.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", recipe.name):
        raise Problem(f"name={recipe.name}: use letters, digits, '_', '.' and '-' only; the run's folder is called so.")
    if LARGEST != recipe.data.num_examples_total < len(recipe.sources):
        raise Problem(
            f"data.num_examples_total={recipe.data.num_examples_total} is fewer than the {len(recipe.sources)} sources."
            " It is the total over all sources together; every source needs at least one example."
        )
    if recipe.combine.method != "none" and len(recipe.sources) < 2:
        raise Problem(
            f"combine.method={recipe.combine.method} combines one adapter per source language, and sources has one. "
            "List two or more, or set combine.method=none."
        )
    if recipe.prompt.template != "mixed" and not re.fullmatch(r"[0-9]+", recipe.prompt.template):
        raise Problem(
            f"prompt.template={recipe.prompt.template} must be the index of a template (0, 1, ...) or 'mixed'."
        )


def _get(plain: dict[str, Any], key: str) -> Any:
    value: Any = plain
    for part in key.split("."):
        value = value[part]
    return value


def resolved_yaml(recipe: Recipe) -> str:
    """The recipe, complete, as a YAML file that is a recipe again (``recipe=FILE --config-dir FOLDER``)."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes texts that OmegaConf would read as numbers and PyYAML would not, such as the commit 1e5."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "'" if re.fullmatch(r"[-+.]?[0-9][0-9_.:eE+-]*", value) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    content = {"defaults": ["recipe_schema", "_self_"], **to_plain(recipe)}
    dumped = yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    return str(dumped)
