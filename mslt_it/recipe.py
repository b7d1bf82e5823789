"""Recipes: one YAML file is one experiment, composed by Hydra, typed by ``records.py``, validated here.

    mslt train recipe=xnli_3src scale=paper sources=[en,ar,zh] training.learning_rate=1e-4

``recipe=NAME`` names ``recipes/NAME.yaml``; the rest are Hydra overrides. Hydra's ``compose()`` is called, never
``@hydra.main``, which makes an output folder per rank. Whatever goes wrong ends as a ``Problem`` that names the key,
the value and what would be right. Hydra and OmegaConf are imported where they are used: 0.2 s that ``--help`` need
not pay.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import difflib
import functools
import math
import re
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mslt_it import table_keys
from mslt_it.languages import LanguageSet, some_codes
from mslt_it.problems import Problem, nearest
from mslt_it.records import LARGEST, REST, DataConfig, FrozenDict, Recipe, to_plain

GROUPS = ("scale", "task")  # folders in recipes/ whose files are chosen by name: scale=paper

# What other tools call a key, where no spelling distance would find ours.
ALIASES = {
    "lr": "training.learning_rate",
    "epochs": "training.num_epochs",
    "per_device_train_batch_size": "training.batch_size",
    "r": "adapter.rank",
    "lora_r": "adapter.rank",
    "lora_alpha": "adapter.alpha",
    "max_length": "data.max_length_tokens",
    "max_seq_length": "data.max_length_tokens",
}

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
    folder = Path(config_dir).expanduser().resolve()
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
    """``recipe=NAME``, ``--config-dir DIR`` and Hydra overrides -> (recipe name, overrides, folder or None)."""
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


def _long_form(override: str) -> str:
    """``task.instruction=TEXT`` -> ``task.instruction.default=TEXT`` and the other short forms."""
    key, equals, value = override.partition("=")
    if override == "sources=auto":
        return "sources=[auto]"
    if override == "targets=rest":
        return "targets=[rest]"
    if equals and key == "task.instruction" and not value.lstrip().startswith("{"):
        return f"++task.instruction.default={value}"
    # A language that has no instruction yet is a new key, which Hydra wants said.
    if equals and re.fullmatch(r"task\.(instruction|configs|id_prefixes)(\.[A-Za-z-]+)?", key):
        return f"++{override}"
    return override


# ---------------------------------------------------------------- composing


def _schema(cls: type) -> type:
    """The dataclass as Hydra's typed schema.

    OmegaConf makes frozen dataclasses read-only, so this is an unfrozen twin. Tuples become lists of anything: a list
    of strings would turn the YAML boolean ``no`` into the string "False" before anyone could complain.
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
        elif typing.get_origin(hint) is tuple:
            hint = list[Any]
            if default is not MISSING:
                default = dataclasses.field(default_factory=functools.partial(list, default))
        elif cls is DataConfig and f.name == "num_examples_total":
            hint = Any  # a number or max, see _budget
        elif cls is Recipe and f.name in ("name", "scale"):
            default = ""  # filled in by load_recipe: the file's name, the chosen scale
        fields.append((f.name, hint, default))
    # A field without default may not follow one with: MISSING ("???") counts as a default, so order is kept.
    return dataclasses.make_dataclass(cls.__name__, fields)


def keys() -> list[str]:
    """Every key of a recipe, dotted: "sources", "training.learning_rate" and so on."""
    return [key for key, _ in _leaves(Recipe)]


def _leaves(cls: type, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    hints = typing.get_type_hints(cls)
    for f in dataclasses.fields(cls):
        if dataclasses.is_dataclass(hints[f.name]):
            yield from _leaves(hints[f.name], f"{prefix}{f.name}.")
        else:
            yield prefix + f.name, f


def _nearest_key(key: str) -> str:
    """Did you mean ...? over the keys, or over one section's when the section is right."""
    parent, _, leaf = key.rpartition(".")
    known = keys()
    same_leaf = [k for k in known if k.rpartition(".")[2] == leaf or k == ALIASES.get(leaf)]
    siblings = [k for k in known if parent and k.startswith(parent + ".")]
    if same_leaf:
        return f"Did you mean '{same_leaf[0]}'? Known: {', '.join(sorted(siblings or known))}."
    if siblings:
        return nearest(key, siblings)
    by_leaf = {k.rpartition(".")[2]: k for k in known}
    if close := difflib.get_close_matches(leaf, by_leaf, n=1, cutoff=0.7):
        return f"Did you mean '{by_leaf[close[0]]}'? Known: {', '.join(sorted(known))}."
    return nearest(key, known)


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

    overrides, of_table = table_keys.take(overrides)
    overrides = [_long_form(override) for override in overrides]
    known = _files(config_dir)
    if name not in known:
        raise Problem(f"Unknown recipe '{name}'. {nearest(name, known)}")
    for override in overrides:
        if override.startswith("~") and override[1:] not in GROUPS:
            raise Problem(f"'{override}': a key cannot be removed, every key has a value. Write {override[1:]}=VALUE.")
        if override.lstrip("+").startswith("hydra."):
            raise Problem(
                f"'{override}': Hydra's own settings have no effect here. For the run's folder use output_dir=DIR."
            )
    home = known[name].parent
    schema = _schema(Recipe)
    ConfigStore.instance().store(name="recipe_schema", node=schema)  # what "- recipe_schema" in a recipe refers to
    search = [_search_path(folder) for folder in _folders(config_dir) if folder != home]
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(home)):
            composed = compose(name, overrides=[*overrides, *search], return_hydra_config=True)
            HydraConfig.instance().cfg = None
            choices = dict(composed.hydra.runtime.choices)
            composed = OmegaConf.masked_copy(composed, [str(k) for k in composed if k != "hydra"])
            # Once more, for a recipe that does not start with recipe_schema. Only then is this merge not a no-op.
            typed = OmegaConf.merge(OmegaConf.structured(schema), OmegaConf.to_container(composed))
            assert isinstance(typed, DictConfig)
            content = OmegaConf.to_container(typed, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException, ValueError) as error:  # ValueError: scale=null
        raise _explain(error, name, overrides, config_dir) from error
    except yaml.YAMLError as error:
        raise Problem(f"{_place_of(error, known[name])} is not valid YAML: {' '.join(str(error).split())}") from error
    assert isinstance(content, dict)
    for key, value in of_table.items():
        content["task"][key] = {**content["task"][key], **value} if isinstance(value, dict) else value
    return _finish({str(k): v for k, v in content.items()}, name, choices.get("scale"))


def _search_path(folder: Path) -> str:
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    return f"hydra.searchpath=['file://{quoted}']"


def _place_of(error: Exception, fallback: Path) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{mark.name}, line {mark.line + 1}," if mark is not None else str(fallback)


def _explain(error: Exception, name: str, overrides: Sequence[str], config_dir: str | Path | None) -> Problem:
    """A Hydra or OmegaConf error as a Problem in the recipe's own terms."""
    from hydra.errors import MissingConfigException, OverrideParseException
    from omegaconf.errors import (
        ConfigAttributeError,
        ConfigKeyError,
        MissingMandatoryValue,
        OmegaConfBaseException,
        ValidationError,
    )

    if isinstance(error, OverrideParseException):
        return Problem(
            f"Cannot read '{error.override}': {str(error).splitlines()[0]} "
            "Write KEY=VALUE; quote the argument for the shell when it holds brackets or spaces: 'sources=[en,ar]'."
        )
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
    given = next((o.partition("=") for o in overrides if o.lstrip("+").partition("=")[0] == key), None)
    file = re.match(r"In '([^']+)'", str(error))  # the recipe, or the scale or task that it takes in
    where = "" if given else f" in '{file.group(1)}'" if file and file.group(1) != name else f" in recipe '{name}'"
    first = str(inner).splitlines()[0] if str(inner) else type(inner).__name__
    if isinstance(inner, MissingMandatoryValue):
        return Problem(f"{key}: no value{where}. Give one: {key}=VALUE.")
    if isinstance(inner, (ConfigAttributeError, ConfigKeyError)):
        return Problem(f"Unknown key '{key}'{where}. {_nearest_key(key)}")
    if isinstance(inner, ValidationError):
        return Problem(f"{key}{f'={given[2]}' if given else where}: {first.rstrip('.')}. {_expected(key)}".rstrip())
    if unmatched := re.match(r"Could not override '([^']+)'", str(error)):
        key = unmatched.group(1)
        if key in GROUPS:
            return Problem(
                f"Recipe '{name}' has no '{key}' in its defaults, so {key}=... cannot replace it. Add it there."
            )
        return Problem(f"Unknown key '{key}'. {_nearest_key(key)}")
    return Problem(f"Recipe '{name}': {' '.join(str(error).split())}")


def _expected(key: str) -> str:
    for known, f in _leaves(Recipe):
        if known == key:
            if str(f.type).startswith("tuple"):
                chosen = ", or sources=[auto] to have them chosen (mslt select)" if key == "sources" else ""
                return f"Expected a list of strings: {key}=[a,b]{chosen}."
            return f"Expected {f.type}."
    return ""


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
        elif isinstance(value, str) and value in ("True", "False"):
            _string(value == "True", key)  # OmegaConf wrote the YAML boolean as a string
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

    content = {"defaults": ["recipe_schema", "_self_"], **to_plain(recipe)}
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120))
