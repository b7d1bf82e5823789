"""`mslt eval` from request to results: models and adapters, zero-shot, in many languages and variants of asking."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.config.checks import check_kind
from mslt_it.config.recipe import AdapterConfig, Recipe
from mslt_it.data.build import notes_on_scored
from mslt_it.data.segments import encoder_of
from mslt_it.evaluation.cache import AnswerCache
from mslt_it.evaluation.evaluator import Evaluator, unit
from mslt_it.evaluation.folder import claim, finished, inputs, request_fingerprint, seal
from mslt_it.evaluation.generation import Sampling
from mslt_it.evaluation.measures import check_languages
from mslt_it.evaluation.output import write_results
from mslt_it.evaluation.questions import in_variant
from mslt_it.evaluation.request import Request
from mslt_it.evaluation.systems import Bench, LoadedBase, load, resolve
from mslt_it.locks import LOCK, only_writer
from mslt_it.models.environment import on_main, process_state
from mslt_it.notices import WORLD_NOTICE
from mslt_it.problems import Problem, Say, counted
from mslt_it.store import user_cache


def evaluate(
    request: Request,
    say: Say,
    details: bool = False,
    vllm: Callable[[Bench, LoadedBase], Any] | None = None,
) -> dict[str, Any]:
    """results.json of the request and its ``folder``, found finished or made; empty on processes that do not write.

    Args:
        details: say what became of each label, too.
        vllm: starts the engine that writes answers in place of the loaded base.
    """
    asked, state = request.asked, process_state()
    say = say if state.is_main_process else lambda text: None
    bench = resolve(request.adapters, model=request.model, with_base=asked.base, seen=asked.seen)
    wanted = request_fingerprint(request, bench)
    name = "-".join(recipe.task.name for recipe in request.recipes)
    out = values.path(asked.out) if asked.out else Path("evals") / f"{name}-{wanted[:10]}"

    def look() -> dict[str, Any] | None:
        found = finished(out, wanted, inputs(request, bench))
        if found is None:
            claim(out, wanted, request, bench)
        return found

    def alone() -> contextlib.AbstractContextManager[None]:
        return only_writer(out, out / LOCK, wait=asked.wait, say=say) if state.is_main_process else nobody

    nobody = contextlib.nullcontext()
    content: dict[str, Any] | None = on_main(look)
    if content is None and asked.wait:
        with alone():
            content = on_main(look)
    if content is not None:
        say(f"This evaluation is already finished; nothing was done. To run it again, remove {out}.\n")
    else:
        recipes = request.recipes
        if any(recipe.task.data == "world" for recipe in recipes) and recipes[0].model.path == "world":
            say(WORLD_NOTICE)
        for line in bench.notes:
            say(line)
        names = ", ".join(system.name for system in bench.systems)
        say(f"{len(bench.systems)} system{'s' * (len(bench.systems) > 1)}: {names}")
        with alone():
            content = _done(request, bench, out, say, vllm)
    if content:
        if details:
            say((out / "labels.txt").read_text(encoding="utf-8"))
        say((out / "results.txt").read_text(encoding="utf-8").rstrip("\n"))
    state.wait_for_everyone()
    return {**content, "folder": str(out)} if content else {}


def _done(
    request: Request,
    bench: Bench,
    out: Path,
    say: Say,
    vllm: Callable[[Bench, LoadedBase], Any] | None,
) -> dict[str, Any]:
    """Asks what is not answered yet, writes the results and seals them."""
    started, asked, aside = time.monotonic(), request.asked, request.set_aside
    for recipe in request.recipes:
        check_languages(recipe.task.metric, request.languages[recipe.task.name])
        for variant in request.variants:
            _refuse_for_head(in_variant(recipe, variant), bench)
    loaded = load(bench, given_model=request.model is not None)
    for recipe in request.recipes:  # after the model, which may be refused before any row is read
        for note in notes_on_scored(recipe, request.languages[recipe.task.name], request.rows):
            say(f"Note: {note}")
    recipes = [dataclasses.replace(recipe, model=bench.model) for recipe in request.recipes]
    encoder = encoder_of(max(recipes, key=lambda recipe: recipe.data.max_length_tokens), loaded.tokenizer)
    units = [
        unit(recipe, variant, code, encoder, request.rows, asked.samples, aside[recipe.task.name].ids[code])
        for recipe in recipes
        for variant in request.variants
        for code in request.languages[recipe.task.name]
    ]
    for note in request.told():
        say(f"Note: {note}")
    num_items = sum(len(one.items or one.examples) for one in units)
    say(f"Scoring {counted(len(units), 'table')} of answers per system, {counted(num_items, 'item')} in all ...")
    state = process_state()
    state.wait_for_everyone()  # the folder is claimed
    with contextlib.closing(_cache(asked.cache, say)) as cache:
        evaluator = Evaluator(
            bench.systems,
            loaded,
            encoder,
            out,
            samples=asked.samples,
            sampling=Sampling(asked.temperature, asked.top_p, asked.seed) if asked.samples > 1 else Sampling(),
            cache=cache,
            runs=[run.folder for run in bench.runs],
            vllm=None if vllm is None else lambda: vllm(bench, loaded),
        )
        answered, num_asked, num_computed = evaluator.answers(units)
    if not state.is_main_process:
        return {}
    earlier = f", {num_asked - num_computed} taken from earlier" if num_computed < num_asked else ""
    say(f"Done in {time.monotonic() - started:.0f} s; {counted(num_computed, 'answer')} computed{earlier}.\n")
    content = write_results(request, bench, out, answered, loaded)
    seal(out, inputs(request, bench))
    return content


def _refuse_for_head(recipe: Recipe, bench: Bench) -> None:
    """A Problem for a task, or a way of asking, that the head of an encoder's run has no answers for."""
    if bench.head is None:
        return
    recipe = dataclasses.replace(recipe, model=bench.model, adapter=AdapterConfig())
    check_kind(recipe)
    if (own := recipe.head) is not None and own != bench.head:
        raise Problem(
            f"task={recipe.task.name}: {bench.model.path} was trained with a head for {bench.head.name} that answers "
            f"by {', '.join(bench.head.labels)}, and the task wants {own.name}: {', '.join(own.labels)}. Score it on "
            "the task that it was trained on."
        )


def _cache(asked: str | None, say: Say) -> AnswerCache:
    """The cache that was asked for; the usual one only where it can be used."""
    try:
        return AnswerCache(None if asked == "none" else values.path(asked) if asked else user_cache())
    except Problem as problem:
        if asked:
            raise
        say(f"Note: {problem} It is done without.")
        return AnswerCache(None)
