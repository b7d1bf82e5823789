"""The arguments of `mslt eval` as a validated request."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.arguments import Option, Parsed, help_lines, parse
from mslt_it.data.resolve import rest_of, with_order
from mslt_it.data.sources import available_languages
from mslt_it.data.variants import VARIANTS, check_variant
from mslt_it.evaluation.settings import Settings, check_samples
from mslt_it.evaluation.trained_rows import SetAside, Trained, held_out_share, is_same_data, rows_set_aside, trained
from mslt_it.languages import validated_codes
from mslt_it.problems import Problem, nearest
from mslt_it.records import ModelConfig, Recipe, fingerprint, to_plain
from mslt_it.store import user_cache

BACKENDS = ("transformers", "vllm")

_SEVERAL: dict[str, Any] = {"is_list": True, "or_one": True}
OPTIONS: Mapping[str, Option] = {
    "run": Option(None, "run folder, or [several]: adapter, base, task and languages are taken from it", **_SEVERAL),
    "model": Option(None, "base model: a folder, a Hub id, or world; where no run names it"),
    "adapter": Option(None, "adapter or run folder, or [several], on that base", **_SEVERAL),
    "task": Option(None, "task, or [several]; where no run names it: mslt recipes lists them", **_SEVERAL),
    "variant": Option(
        None, f"how it is asked, or [several]: {', '.join(VARIANTS)}", shown="the run's, else direct", **_SEVERAL
    ),
    "languages": Option(
        None, "[codes], all that the data have, or rest: those not trained on", shown="the run's, else all", **_SEVERAL
    ),
    "shots": Option("0", "worked examples before each question", kind="int", at_least=0),
    "samples": Option("1", "written answers per item; the majority counts", kind="int", at_least=1),
    "temperature": Option("0.7", "of samples > 1", kind="float"),
    "top_p": Option("0.95", "of samples > 1: draw from the likeliest tokens with this probability", kind="float"),
    "max_new_tokens": Option(None, "limit of a chain of thought", kind="int", at_least=1, shown="the recipe's"),
    "examples": Option(None, "items per language, 0 = all", kind="int", at_least=0, shown="the recipe's"),
    "base": Option("true", "score the base without an adapter too", kind="bool"),
    "seen": Option(None, "[codes] that an adapter without a run folder was trained on", is_list=True),
    "backend": Option("transformers", "what writes answers: transformers, or vllm on a GPU", choices=BACKENDS),
    "batch_tokens": Option(None, "padded tokens per forward pass", kind="int", at_least=1, shown="the recipe's"),
    "seed": Option("0", "of sampled answers", kind="int", at_least=0),
    "cache": Option(None, "folder of answers kept between calls, or none", shown=str(Path("~/.cache/mslt_it"))),
    "out": Option(None, "folder of answers and results", shown="evals/TASK-HASH"),
}
FLAGS = {
    "--json": "print results.json instead of tables",
    "--details": "print each label's precision, recall, F1 and confusions, too",
}


@dataclass(frozen=True)
class Request:
    """What is to be scored, complete and validated."""

    runs: tuple[str, ...]
    adapters: tuple[str, ...]
    model: ModelConfig | None  # None: that of the runs
    recipes: tuple[Recipe, ...]  # one per task: its data, prompts and scoring
    variants: tuple[str, ...]
    languages: Mapping[str, tuple[str, ...]]  # task name -> codes
    set_aside: Mapping[str, SetAside]  # task name -> rows that are not scored
    with_base: bool
    seen: tuple[str, ...]
    settings: Settings
    backend: str
    cache: Path | None
    out: Path | None  # None: named after what is scored

    def told(self) -> list[str]:
        """What is said about rows that are not scored or not parallel, and languages that are left out."""
        notes = [note for aside in self.set_aside.values() for note in aside.notes]
        return [*(recipe.order_note for recipe in self.recipes if recipe.order_note), *notes]

    def decides(self) -> dict[str, object]:
        """Everything that results follow from, apart from the weights."""
        return {
            "recipes": [
                {"task": to_plain(r.task), "prompt": to_plain(r.prompt), "scoring": to_plain(r.scoring)}
                for r in self.recipes
            ],
            "model": to_plain(self.model) if self.model else None,
            "variants": self.variants,
            "languages": dict(self.languages),
            "set_aside": {
                name: fingerprint({code: sorted(ids) for code, ids in aside.ids.items() if ids})
                for name, aside in self.set_aside.items()
            },
            "with_base": self.with_base,
            "seen": self.seen,
            "settings": to_plain(self.settings),
            "backend": self.backend,
        }


def parse_request(argv: Sequence[str]) -> tuple[Request, bool, bool]:
    """(the request, whether JSON is wanted, whether details are)."""
    options, rest = split_recipe_keys(argv)
    parsed = parse(options, "eval", OPTIONS, tuple(FLAGS), example="run=runs/xnli_3src-...")
    runs, adapters, tasks = (parsed[key] or [] for key in ("run", "adapter", "task"))
    if parsed["model"] is None and adapters and not runs:
        raise Problem("adapter= needs a base: give model=PATH too, or run=RUNFOLDER, which knows its base.")
    if not runs and not tasks:
        raise Problem("task= is missing: what is to be scored? Write mslt eval model=PATH task=xnli, or run=RUNFOLDER.")
    known = [trained(folder) for folder in (*map(_run_folder, runs), *(values.path(a) for a in adapters))]
    is_whole = any(argument.startswith("task.held_out_share=") for argument in rest)  # the user knows better
    recipes = tuple(_recipe(parsed, runs, task, rest, [] if is_whole else known) for task in tasks or [""])
    # A run that was trained on chains of thought is asked for them.
    variants = parsed["variant"] if "variant" in parsed.given else [recipes[0].prompt.variant]
    settings = Settings(parsed["samples"], parsed["temperature"], parsed["top_p"], parsed["seed"])
    for recipe in recipes:
        for variant in variants:
            check_variant(recipe.task, variant)
        check_samples(recipe.task, settings)
    _refuse_idle(parsed, recipes, variants)
    if not variants:
        raise Problem("variant=[] names none. Leave it out for variant=direct.")
    if len(set(tasks)) < len(tasks):
        raise Problem(f"task=[{','.join(tasks)}] lists one twice. Remove it.")
    if len(set(variants)) < len(variants):
        raise Problem(f"variant=[{','.join(variants)}] lists one twice. Remove it.")
    if parsed["backend"] == "vllm":
        from mslt_it.evaluation.vllm_generation import require_vllm

        require_vllm()
    model = recipes[0].model if parsed["model"] is not None else None
    languages = {r.task.name: _languages(parsed, r, known if runs and not tasks else [], known) for r in recipes}
    recipes = tuple(with_order(r, (), languages[r.task.name][0]) for r in recipes)
    cache = parsed["cache"]
    return (
        Request(
            runs=tuple(runs),
            adapters=tuple(adapters),
            model=model,
            recipes=recipes,
            variants=tuple(variants),
            languages={name: codes for name, (codes, _) in languages.items()},
            set_aside={
                r.task.name: rows_set_aside(r, *languages[r.task.name], [] if is_whole else known) for r in recipes
            },
            with_base=parsed["base"],
            seen=validated_codes("seen", parsed["seen"] or []),
            settings=settings,
            backend=parsed["backend"],
            cache=None if cache == "none" else values.path(cache) if cache else user_cache(),
            out=values.path(parsed["out"]) if parsed["out"] else None,
        ),
        parsed.as_json,
        "--details" in argv,
    )


def _refuse_idle(parsed: Parsed, recipes: Sequence[Recipe], variants: Sequence[str]) -> None:
    """A Problem for settings of written answers where none would feel them."""
    for key in ("temperature", "top_p"):
        if key in parsed.given and parsed["samples"] == 1:
            raise Problem(f"{key}={parsed[key]} has no effect on one greedy answer per item. Give samples=8 too.")
    chosen = all(r.task.choice_names for r in recipes) and not {"cot_native", "cot_english", "xlt"} & set(variants)
    if parsed["samples"] > 1 and chosen:
        raise Problem(
            f"samples={parsed['samples']}: labels asked for directly are chosen by their log-likelihood, not written. "
            "Add a variant that is: variant=[direct,cot_native]."
        )


def split_recipe_keys(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """(our own arguments, overrides of the recipe: keys with a dot, such as task.data=...)."""
    own: list[str] = []
    rest: list[str] = []
    for argument in argv:
        key = argument.partition("=")[0]
        (rest if "." in key and "=" in argument and not argument.startswith("-") else own).append(argument)
    return own, rest


def help_text() -> str:
    """Usage, keys with defaults, examples."""
    return "\n".join(
        [
            "usage: mslt eval run=RUNFOLDER [KEY=VALUE ...] [--json]",
            "       mslt eval model=PATH task=NAME [adapter=FOLDER] [KEY=VALUE ...]",
            "       accelerate launch eval/run.py ...   the same, on one GPU or several",
            "",
            "Score models and adapters, zero-shot, in many languages and ways of asking, on the same items.",
            "  mslt eval run=runs/xnli_3src-2366ab88c5 'variant=[direct,cot_native,cot_english,translate_solve,xlt]'",
            "  mslt eval model=world 'adapter=[runs/a,runs/b]' task=xnli languages=all",
            "  mslt eval model=PATH task=mgsm task.data=DIR variant=cot_native shots=2 samples=8",
            "",
            "Answers are appended to files as they come: started again after a kill, it goes on.",
            "",
            "KEY=VALUE (default); keys with a dot are overrides of the task's recipe (mslt train --help)",
            *help_lines(OPTIONS, FLAGS),
        ]
    )


def _recipe(parsed: Parsed, runs: Sequence[str], task: str, rest: Sequence[str], known: Sequence[Trained]) -> Recipe:
    """The recipe whose task, prompt and scoring are used: the run's where ``task`` is empty, or that of the task."""
    from mslt_it.recipe import load_recipe
    from mslt_it.recipe_files import list_groups, list_recipes

    overrides = list(rest)
    for key, name in (
        ("examples", "scoring.num_examples_per_language"),
        ("max_new_tokens", "scoring.max_chain_tokens"),
        ("batch_tokens", "scoring.batch_tokens"),
        ("shots", "prompt.num_shots"),
        ("model", "model.path"),
        ("seed", "seed"),
    ):
        if key in parsed.given:
            overrides.append(f"{name}={parsed[key]}")
    if any(o.startswith(("prompt.variant=", "prompt.num_shots=")) for o in rest):
        raise Problem("prompt.variant and prompt.num_shots are written variant= and shots= here.")
    if not task:
        found = _with_labels_of(_run_folder(runs[0]), load_recipe("config", overrides, config_dir=_run_folder(runs[0])))
    else:
        names = list_recipes()
        recipe = next((n for n in (f"{task}_3src", task) if n in names), None)
        if recipe is None:
            raise Problem(f"Unknown task '{task}'. {nearest(task, list_groups()['task'])}")
        if recipe == "custom":  # a recipe without languages of its own: its labels are found in the rows to be scored
            found = load_recipe(recipe, [*overrides, "sources=[en]", "targets=[rest]"])
            codes, _ = _languages(parsed, found, [], known)
            found = dataclasses.replace(found, sources=codes, targets=())
        else:
            found = load_recipe(recipe, overrides)
    if not any(o.startswith("task.held_out_share=") for o in rest):
        share = held_out_share(found.task, known)
        found = dataclasses.replace(found, task=dataclasses.replace(found.task, held_out_share=share))
    return _with_labels(found, known, of_run=not task)


def _with_labels(recipe: Recipe, known: Sequence[Trained], *, of_run: bool) -> Recipe:
    """The recipe with the labels of a task that names none: those that the run was trained on, where it is the run's
    task or its labels are among them; else those of the rows."""
    from mslt_it.data.build import with_found_labels

    if recipe.task.shape != "classification" or recipe.task.label_names:
        return recipe
    learnt = [a.labels for a in known if a.recipe and a.recipe.task.name == recipe.task.name and a.labels]
    found = learnt[0] if of_run and learnt else with_found_labels(recipe).task.label_names
    names = next((labels for labels in learnt if set(found) <= set(labels)), found)
    return dataclasses.replace(recipe, task=dataclasses.replace(recipe.task, label_names=names))


def _with_labels_of(run: Path, recipe: Recipe) -> Recipe:
    """The labels that the run was trained to choose from, whichever of them the rows to be scored have."""
    results = run / "results.json"
    if recipe.task.label_names or recipe.task.shape != "classification" or not results.is_file():
        return recipe
    names = tuple(json.loads(results.read_text(encoding="utf-8"))["provenance"]["labels"])
    return dataclasses.replace(recipe, task=dataclasses.replace(recipe.task, label_names=names))


def _run_folder(name: str) -> Path:
    folder = values.path(name)
    if not (folder / "config.yaml").is_file():
        raise Problem(f"run={folder}: there is no config.yaml. Give the run folder that `mslt train` printed last.")
    return folder


def _languages(
    parsed: Parsed, recipe: Recipe, of_run: Sequence[Trained], known: Sequence[Trained]
) -> tuple[tuple[str, ...], str]:
    """(codes, what is to be told about them). ``of_run``: the run whose task and languages are meant, if any."""
    given = parsed["languages"]
    if given is None and of_run and (run := of_run[0].recipe) and is_same_data(run.task, recipe.task):
        return tuple(dict.fromkeys((*recipe.sources, *recipe.targets))), ""  # supervised=true: some are both
    if given is None or given == ["all"]:
        return available_languages(recipe.task), ""
    if given == ["rest"]:
        seen = [code for a in known if a.recipe for code in a.recipe.sources]
        seen += validated_codes("seen", parsed["seen"] or [])
        if not seen:
            raise Problem(
                "languages=rest is every language that no adapter was trained on, and none here says what it was "
                "trained on. Give run=RUNFOLDER, or seen=[codes], or write languages=all."
            )
        return rest_of(recipe.task, tuple(dict.fromkeys(seen)), key="languages")
    if not (codes := validated_codes("languages", given)):
        raise Problem("languages=[] names none. List them, languages=[de,tr], or write all or rest.")
    return codes, ""
