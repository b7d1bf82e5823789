"""One evaluation from request to results: models and adapters, zero-shot, in many languages and variants of asking."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mslt_it.notices import WORLD_NOTICE
from mslt_it.problems import Problem
from mslt_it.store import locked


def evaluate(request: Any, state: Any, say: Callable[[str], None], details: bool = False) -> dict[str, Any]:
    """results.json of the request, from a finished folder where there is one; empty on processes that do not write.

    ``details``: say what became of each label, too.
    """
    from mslt_it.evaluation.folder import LOCK, claim, finished, inputs, request_fingerprint
    from mslt_it.evaluation.systems import resolve

    bench = resolve(
        runs=request.runs,
        model=request.model,
        adapters=request.adapters,
        with_base=request.with_base,
        seen=request.seen,
    )
    wanted = request_fingerprint(request, bench)
    name = "-".join(recipe.task.name for recipe in request.recipes)
    out = request.out or Path("evals") / f"{name}-{wanted[:10]}"

    def look() -> dict[str, Any] | None:
        found = finished(out, wanted, inputs(request, bench))
        if found is None:
            claim(out, wanted, request, bench)
        return found

    if (done := _on_main(state, look)) is not None:
        say(f"This evaluation is finished already; nothing was done. To run it again, remove {out}.\n")
        _say_results(out, say, details)
        return done
    for line in (*_notice(request), *bench.notes):
        say(line)
    names = ", ".join(system.name for system in bench.systems)
    say(f"{len(bench.systems)} system{'s' * (len(bench.systems) > 1)}: {names}")
    with locked(out / LOCK, wait=False) if state.is_main_process else contextlib.nullcontext(True) as held:
        if not held:
            raise Problem(
                f"Another mslt eval is at work in {out}. Wait for it, or end it and start again: what is done stays "
                "done."
            )
        return _Work(request, bench, out, state, say, details).done()


class _Work:
    """One evaluation that is not finished yet."""

    def __init__(
        self, request: Any, bench: Any, out: Path, state: Any, say: Callable[[str], None], details: bool
    ) -> None:
        self.request, self.bench, self.out, self.state, self.say = request, bench, out, state, say
        self.details = details

    def done(self) -> dict[str, Any]:
        from mslt_it.data.build import notes_on_scored
        from mslt_it.data.encoding import Encoder
        from mslt_it.evaluation.cache import AnswerCache
        from mslt_it.evaluation.evaluation import Evaluator, prepare
        from mslt_it.evaluation.folder import inputs, seal
        from mslt_it.evaluation.measures import check_languages
        from mslt_it.evaluation.output import write_results
        from mslt_it.evaluation.systems import load

        request, started = self.request, time.monotonic()
        for recipe in request.recipes:
            check_languages(recipe.task.metric, request.languages[recipe.task.name])
        loaded = load(self.bench, given_model=request.model is not None)
        for recipe in request.recipes:  # after the model, which may be refused before any row is read
            for note in notes_on_scored(recipe, request.languages[recipe.task.name], request.rows):
                self.say(f"Note: {note}")
        encoder = Encoder(loaded.tokenizer, max(recipe.data.max_length_tokens for recipe in request.recipes))
        units = prepare(request, encoder)
        num_items = sum(len(unit.items or unit.examples) for unit in units)
        for note in request.told():
            self.say(f"Note: {note}")
        self.say(f"Scoring {len(units)} tables of answers per system, {num_items} items in all ...")
        self.state.wait_for_everyone()  # the folder is claimed
        cache = AnswerCache(request.cache)
        try:
            evaluator = Evaluator(request, self.bench, loaded, encoder, self.out, cache)
            if self.state.num_processes > 1:
                # Each process answers its share into the same folder; the main one then finds everything there.
                own = units[self.state.process_index :: self.state.num_processes]
                for _ in evaluator.run(own, self.say):
                    pass
                self.state.wait_for_everyone()
                if not self.state.is_main_process:
                    return {}
            found = list(evaluator.run(units, lambda text: None if self.state.num_processes > 1 else self.say(text)))
        finally:
            cache.close()
        num_asked, num_computed = sum(asked for _, asked, _ in found), sum(number for _, _, number in found)
        earlier = f", {num_asked - num_computed} taken from earlier" if num_computed < num_asked else ""
        self.say(f"Done in {time.monotonic() - started:.0f} s; {num_computed} answers computed{earlier}.\n")
        content = write_results(request, self.bench, self.out, [answered for answered, _, _ in found], loaded)
        seal(self.out, inputs(request, self.bench))
        _say_results(self.out, self.say, self.details)
        return content


def _say_results(out: Path, say: Callable[[str], None], details: bool) -> None:
    if details:
        say((out / "labels.txt").read_text(encoding="utf-8"))
    say((out / "results.txt").read_text(encoding="utf-8").rstrip("\n"))


def _notice(request: Any) -> list[str]:
    world = any(r.task.data == "world" for r in request.recipes)
    return [WORLD_NOTICE] if world and request.recipes[0].model.path == "world" else []


def _on_main(state: Any, do: Callable[[], Any]) -> Any:
    """What ``do`` gives on the main process, on all of them: each would find what another is just writing."""
    from accelerate.utils import broadcast_object_list

    told: list[Any] = [None, None]
    if state.is_main_process:
        try:
            told = [do(), None]
        except Problem as problem:
            told = [None, str(problem)]
    if state.num_processes > 1:
        broadcast_object_list(told)
    if told[1] is not None:
        raise Problem(told[1])
    return told[0]
