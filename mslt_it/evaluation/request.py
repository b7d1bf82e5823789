"""The arguments of `mslt eval` as a validated request."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mslt_it import values
from mslt_it.command import Call, parse
from mslt_it.config.compose import load_recipe
from mslt_it.config.files import list_files, unknown_file
from mslt_it.config.recipe import ModelConfig, Recipe
from mslt_it.config.schema import written
from mslt_it.data.build import with_found_labels
from mslt_it.data.prompts import refuse_unasked
from mslt_it.data.resolve import refuse_unmade, rest_of, with_order
from mslt_it.data.rows import RowStore
from mslt_it.data.variants import CHAINS, answer_kind, check_variant
from mslt_it.evaluation.options import ARGUMENTS, Options
from mslt_it.evaluation.trained_rows import (
    SetAside,
    Trained,
    held_out_share,
    is_same_data,
    languages_trained_on,
    rows_set_aside,
    trained,
)
from mslt_it.languages import validated_codes
from mslt_it.models.finished_run import ADAPTER
from mslt_it.models.kinds import refuse_another_base, with_kind
from mslt_it.models.model_errors import fetch_record
from mslt_it.places import ITEMS, REQUEST
from mslt_it.problems import Problem, nearest
from mslt_it.records import fingerprint, to_plain
from mslt_it.store import read_json


@dataclass(frozen=True)
class Request:
    """What is to be scored, complete and validated."""

    asked: Options
    adapters: tuple[Trained, ...]  # those of runs first
    model: ModelConfig | None  # None: that of the runs
    recipes: tuple[Recipe, ...]  # one per task: its data, prompts and scoring
    variants: tuple[str, ...]
    languages: Mapping[str, tuple[str, ...]]  # task name -> codes
    set_aside: Mapping[str, SetAside]  # task name -> rows that are not scored
    rows: RowStore
    otherwise: tuple[str, ...] = ()  # what is told of runs that were trained on another question

    @property
    def settings(self) -> dict[str, float]:
        """How written answers are drawn."""
        return {name: getattr(self.asked, name) for name in ("samples", "temperature", "top_p", "seed")}

    def told(self) -> list[str]:
        """What is said about rows that are not scored or not parallel, languages that are left out, and questions."""
        notes = [*self.otherwise, *(note for aside in self.set_aside.values() for note in aside.notes)]
        return [*(recipe.order_note for recipe in self.recipes if recipe.order_note), *notes]

    def decides(self) -> dict[str, object]:
        """Everything that results follow from, apart from the weights."""
        return {
            "recipes": [
                {"task": to_plain(r.task), "prompt": to_plain(r.prompt), "scoring": to_plain(r.scoring)}
                | ({"trained_on": r.trained_on} if r.trained_on else {})
                for r in self.recipes
            ],
            "model": to_plain(self.model) if self.model else None,
            "variants": self.variants,
            "languages": dict(self.languages),
            "set_aside": {
                name: fingerprint({code: sorted(ids) for code, ids in aside.ids.items() if ids})
                for name, aside in self.set_aside.items()
            },
            "with_base": self.asked.base,
            "seen": self.asked.seen,
            "settings": self.settings,
            "backend": self.asked.backend,
        } | ({"weights": dict(self.asked.weights)} if self.asked.weights else {})


def parse_request(argv: Sequence[str]) -> Request:
    return request_of(parse(ARGUMENTS, argv))


def request_of(call: Call) -> Request:
    """The arguments as a request, completed from the runs and recipes that they name."""
    asked: Options = dataclasses.replace(call.options, seen=validated_codes("seen", call.options.seen))
    call.look()
    _refuse_at_odds(call, asked)
    found = tuple(trained(values.path(folder)) for folder in (*asked.run, *asked.adapter))
    known = [*found]
    if asked.seen and known and all(one.recipe for one in known) and asked.languages != ("rest",):
        raise Problem(
            f"seen=[{','.join(asked.seen)}] is for adapters without a run folder: runs record what they "
            "were trained on. Leave it out."
        )
    for folder in (one.folder for one in known if asked.model and one.recipe):
        refuse_another_base(folder if folder.name == ADAPTER else folder / ADAPTER, asked.model or "")
    if asked.model is not None:
        revision = dict(argument.partition("=")[::2] for argument in call.rest).get("model.revision")
        fetch_record(asked.model, revision)
        base = Trained(values.path(asked.model), None, revision=revision)
        known += [base] if base.before or (asked.seen and not known) else []
    if not asked.seen:  # what goes without its run, merged or exported, says what it was trained on
        seen = dict.fromkeys(code for one in known if one.recipe is None for code in one.before)
        asked = dataclasses.replace(asked, seen=tuple(seen))
        call = dataclasses.replace(call, options=asked)
    store = RowStore()
    is_whole = any(argument.startswith("task.held_out_share=") for argument in call.rest)  # the user knows better
    recipes = tuple(_recipe(call, task, [] if is_whole else known, store) for task in asked.task or [""])
    # A run that was trained on chains of thought is asked for them.
    variants = asked.variant if "variant" in call.given else (recipes[0].prompt.variant,)
    for recipe in recipes:
        for variant in variants:
            check_variant(recipe.task, variant)
    _refuse_idle(call, recipes, variants)
    _refuse_names(asked, recipes, variants)
    of_run = known if asked.run and not asked.task else []
    languages = {r.task.name: _languages(call, r, of_run, known, store) for r in recipes}
    aside = [] if is_whole else known  # runs whose training rows are not scored
    recipes = tuple(with_order(r, (), languages[r.task.name][0], store) for r in recipes)
    recipes = tuple(
        dataclasses.replace(r, trained_on=languages_trained_on(r.task, aside, asked.seen, languages[r.task.name][0]))
        for r in recipes
    )
    model = with_kind(recipes[0]).model if asked.model is not None else None
    for recipe in recipes if (model or recipes[0].model).kind != "encoder" else ():
        direct = dataclasses.replace(recipe.prompt, variant="direct")  # others are asked after the same question
        refuse_unasked(recipe.task, direct, languages[recipe.task.name][0])
    request = Request(
        asked,
        found,
        model,
        recipes,
        variants,
        {name: codes for name, (codes, _) in languages.items()},
        {r.task.name: rows_set_aside(r, *languages[r.task.name], aside, store) for r in recipes},
        store,
        tuple(note for r in recipes for one in known if (note := _asked_otherwise(call, r, one))),
    )
    if asked.out:
        refuse_another(values.path(asked.out), request)
    return request


def refuse_another(out: Path, request: Request) -> None:
    """A Problem where a folder holds answers to another request, and what is other in it."""
    found = read_json(out / REQUEST) or {}
    differs = [k for k, v in json.loads(json.dumps(request.decides())).items() if found.get(k) != v]
    if isinstance(found.get("fingerprint"), str) and differs and (out / ITEMS).exists():
        held = f"another evaluation (other: {', '.join(differs)})"
        raise Problem(f"out={out} holds {held}. Choose another out=, or remove that folder.")


def _refuse_at_odds(call: Call, asked: Options) -> None:
    """A Problem for arguments that do not go together, before anything is read."""
    runs, adapters, tasks = asked.run, asked.adapter, asked.task
    for name in (argument.partition("=")[0] for argument in call.rest):
        if not name.startswith(("task.", "prompt.", "scoring.", "model.", "data.max_")):
            raise Problem(f"{name} has no effect: nothing is trained here. Leave it out.")
        if name.startswith("model.") and asked.model is None:
            raise Problem(f"{name} has no effect: the base is the one the run was trained on. Leave it out.")
    if asked.model is None and adapters and not runs:
        raise Problem("adapter= needs a base: give model=PATH too, or run=RUNFOLDER, which knows its base.")
    if not asked.base and not runs and not adapters:
        raise Problem("base=false leaves nothing to score. Leave it out, or give run=RUNFOLDER or adapter=FOLDER.")
    if not runs and not tasks:
        raise Problem("task= is missing: what is to be scored? Write mslt eval model=PATH task=xnli, or run=RUNFOLDER.")
    for name, given in (("run", runs), ("adapter", adapters), ("task", tasks)):
        if len(set(given)) < len(given):
            raise Problem(f"{name}=[{','.join(given)}] lists one twice. Remove it.")


def _asked_otherwise(call: Call, recipe: Recipe, run: Trained) -> str:
    """What to say of a run that was trained on another question about the task, where nobody asked for that; "": none.
    All systems are asked the same, so that its figures are not those of its own folder."""
    if run.recipe is None or run.recipe.task.name != recipe.task.name:
        return ""
    given = [*(argument.partition("=")[0] for argument in call.rest), *(_OF_RECIPE.get(n, n) for n in call.given)]
    given += ["prompt.variant"] * ("variant" in call.given)
    there, here = (
        {f"{part}.{name}": value for part in ("prompt", "task") for name, value in to_plain(getattr(one, part)).items()}
        for one in (run.recipe, recipe)
    )
    there["task.label_names"], here["task.label_names"] = (to_plain(t) for t in (run.labels, recipe.task.label_names))
    names = [name for name in here if name in _QUESTION and there[name] != here[name]]
    names = [name for name in names if not any(one == name or one.startswith(f"{name}.") for one in given)]
    if not names:
        return ""
    was, now = (", ".join(f"{name}={written(one[name])}" for name in names) for one in (there, here))
    told = f"{run.folder.name} was trained with {was}, and is asked with {now} here, as all systems are."
    return f"{told} mslt eval run={run.folder} asks it as in training."


def _refuse_idle(call: Call, recipes: Sequence[Recipe], variants: Sequence[str]) -> None:
    """A Problem for settings that nothing here would feel."""
    is_written = {*CHAINS, "translate_solve"} & set(variants)
    if call.options.backend == "vllm" and not is_written and all(r.task.choice_names or r.head for r in recipes):
        more = "" if any(r.head for r in recipes) else ", or add a variant that is written: variant=[direct,cot_native]"
        raise Problem(
            f"backend=vllm writes answers, and to task={recipes[0].task.name} none is written here: labels are chosen "
            f"by their log-likelihood, or by a head. Leave it out{more}."
        )
    if "max_new_tokens" in call.given and not is_written:
        raise Problem(
            f"max_new_tokens={call.options.max_new_tokens} is the limit of a chain of thought, and variant="
            f"[{','.join(variants)}] asks for none. Leave it out, or give task.max_answer_tokens."
        )
    for name in ("temperature", "top_p"):
        if name in call.given and call.options.samples == 1:
            raise Problem(
                f"{name}={getattr(call.options, name)} has no effect on one greedy answer per item. Give samples=8 too."
            )
    is_chosen = all(recipe.task.choice_names for recipe in recipes)  # labels: by their log-likelihood
    if call.options.samples == 1:
        return
    for task in (recipe.task for recipe in recipes):
        if answer_kind(task) is None:
            raise Problem(
                f"samples={call.options.samples}: answers of task={task.name} ({task.metric}) cannot be voted on; only "
                "labels and numbers can. Use samples=1."
            )
    if is_chosen and not set(CHAINS) & set(variants):
        raise Problem(
            f"samples={call.options.samples}: labels asked for directly are chosen by their log-likelihood, not "
            "written. Add a variant that is: variant=[direct,cot_native]."
        )


def _refuse_names(asked: Options, recipes: Sequence[Recipe], variants: Sequence[str]) -> None:
    """A Problem for variants that are none or listed twice, and for weights of what is not scored."""
    if not variants:
        raise Problem("variant=[] names none. Leave it out for variant=direct.")
    if len(set(variants)) < len(variants):
        raise Problem(f"variant=[{','.join(variants)}] lists one twice. Remove it.")
    if unknown := [name for name in asked.weights if len(recipes) < 2 or name not in {r.task.name for r in recipes}]:
        raise Problem(
            f"weights names {unknown[0]}: weights are for the scored tasks, if there are several. "
            + (nearest(unknown[0], [r.task.name for r in recipes]) if recipes[1:] else "Leave weights out.")
        )


# The keys of a recipe by which a row is asked.
_QUESTION = {f"prompt.{name}" for name in ("language", "template", "variant", "num_shots")} | {
    f"task.{name}"
    for name in ("input_fields", "option_fields", "choices", "label_names", "instruction", "prompts_from", "prompts")
}
# What is asked -> the recipe's key for it.
_OF_RECIPE = {
    "examples": "scoring.num_examples_per_language",
    "shots": "prompt.num_shots",
    "model": "model.path",
    "seed": "seed",
}


def _recipe(call: Call, task: str, known: Sequence[Trained], store: RowStore) -> Recipe:
    """The recipe whose task, prompt and scoring are used: the run's where ``task`` is empty, or that of the task."""
    rest = call.rest
    overrides = [*rest, *(f"{name}={getattr(call.options, k)}" for k, name in _OF_RECIPE.items() if k in call.given)]
    for ours, name in {**_OF_RECIPE, "variant": "prompt.variant", "max_new_tokens": "scoring.max_chain_tokens"}.items():
        if any(o.startswith(f"{name}=") for o in rest):
            raise Problem(f"{name} is written {ours}= here.")
    if not task:
        found = load_recipe("config", overrides, config_dir=values.path(call.options.run[0]))
    else:
        found = _recipe_of_task(call, task, overrides, known, store)
    if (limit := call.options.max_new_tokens) is not None:
        found = dataclasses.replace(found, scoring=dataclasses.replace(found.scoring, max_chain_tokens=limit))
    if not any(o.startswith("task.held_out_share=") for o in rest):
        share = held_out_share(found.task, known)
        found = dataclasses.replace(found, task=dataclasses.replace(found.task, held_out_share=share))
    return _with_labels(found, known, store, of_run=not task)


def _recipe_of_task(
    call: Call, task: str, overrides: Sequence[str], known: Sequence[Trained], store: RowStore
) -> Recipe:
    names, tasks = list_files(call.config_dir), list_files(call.config_dir, "task")
    recipe = next((n for n in (f"{task}_3src", task) if n in names), None)
    if recipe not in (None, "custom"):
        return load_recipe(recipe, overrides, call.config_dir)
    if task not in tasks:
        raise unknown_file("task", task, call.config_dir)
    # A recipe without languages of its own: its labels are found in the rows to be scored.
    found = load_recipe("custom", [f"task={task}", *overrides, "sources=[en]", "targets=[rest]"], call.config_dir)
    codes, _ = _languages(call, found, [], known, store)
    return dataclasses.replace(found, sources=codes, targets=())


def _with_labels(recipe: Recipe, known: Sequence[Trained], store: RowStore, *, of_run: bool) -> Recipe:
    """The recipe with the labels of a task that names none: those that the run was trained on, where it is the run's
    task or its labels are among them; else those of the rows."""
    if recipe.task.shape != "classification" or recipe.task.label_names:
        return recipe
    learnt = [a.labels for a in known if a.recipe and a.recipe.task.name == recipe.task.name and a.labels]
    found = learnt[0] if of_run and learnt else with_found_labels(recipe, store).task.label_names
    names = next((labels for labels in learnt if set(found) <= set(labels)), found)
    return dataclasses.replace(recipe, task=dataclasses.replace(recipe.task, label_names=names))


def _languages(
    call: Call, recipe: Recipe, of_run: Sequence[Trained], known: Sequence[Trained], store: RowStore
) -> tuple[tuple[str, ...], str]:
    """(codes, what is to be told about them). ``of_run``: the run whose task and languages are meant, if any."""
    asked: Options = call.options
    is_given, given = "languages" in call.given, asked.languages
    if not is_given and of_run and (run := of_run[0].recipe) and is_same_data(run.task, recipe.task):
        return recipe.languages, ""
    if not is_given or given == ("all",):
        return store.languages(recipe.task), ""
    if given == ("rest",):
        seen = [code for a in known if a.recipe for code in a.recipe.sources]
        seen += validated_codes("seen", asked.seen)
        if not seen:
            raise Problem(
                "languages=rest means every language that no adapter was trained on, and none "
                "here records what that was. Give run=RUNFOLDER, or seen=[codes], or write languages=all."
            )
        rest, _, told = rest_of(recipe.task, tuple(dict.fromkeys(seen)), store, "languages")
        return rest, told
    if not (codes := validated_codes("languages", given)):
        raise Problem("languages=[] names none. List them, languages=[de,tr], or write all or rest.")
    refuse_unmade(recipe.task, codes, store)
    return codes, ""
