"""The one evaluator: every system, task, variant and language asked, from journals where they exist.

`mslt train` and `mslt combine` ask a run's base and adapter, `mslt eval` any systems; a study's cells are such runs.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate import PartialState

from mslt_it.config.recipe import Recipe
from mslt_it.data.encoding import Encoder
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.answered import Answered
from mslt_it.evaluation.asking import Question, ask
from mslt_it.evaluation.cache import AnswerCache
from mslt_it.evaluation.engines import engine
from mslt_it.evaluation.generation import Sampling
from mslt_it.evaluation.questions import (
    items_of,
    questions_of,
    solve_items,
    to_translate,
    translated,
    translation_questions,
    write_translations,
)
from mslt_it.evaluation.systems import BASE, LoadedBase, System, applied, role
from mslt_it.models.environment import on_main, process_state
from mslt_it.models.finished_run import ADAPTER
from mslt_it.places import ITEMS
from mslt_it.problems import counted
from mslt_it.progress import Progress
from mslt_it.records import Example, PromptedExample
from mslt_it.store import is_intact

TRANSLATIONS = "translations"  # the stage before translate_solve: journals, and data sets beside them


@dataclass(frozen=True)
class Unit:
    """One task, variant and language, whatever system answers; ``items`` is empty where a stage comes before."""

    recipe: Recipe
    variant: str
    language: str
    items: tuple[PromptedExample, ...]
    questions: tuple[Question, ...]  # per system, as far as they are known before anything is asked
    examples: tuple[Example, ...] = ()  # of translate_solve: the rows before they are translated


def unit(
    recipe: Recipe,
    variant: str,
    language: str,
    encoder: Encoder,
    rows: RowStore,
    samples: int = 1,
    without: Collection[str] = (),
) -> Unit:
    """What will be asked, as far as it does not depend on answers: missing prompts and unreadable rows are found here.

    ``without``: ids of items that are not scored.
    """
    if variant == "translate_solve":
        examples, fields = to_translate(recipe, language, rows, without)
        solve_items(recipe, examples[:1], language)  # a missing prompt is better found now
        questions = translation_questions(examples, fields, language, encoder)
        return Unit(recipe, variant, language, (), questions, tuple(examples))
    items = items_of(recipe, variant, language, rows, without)
    return Unit(recipe, variant, language, items, questions_of(recipe, items, encoder, samples))


@dataclass(frozen=True)
class Evaluator:
    """Asks systems on one loaded base, one after another.

    Args:
        out: folder of the journals.
        runs: finished runs' folders, or such as may be: answers of the same systems to the same questions are taken.
        replaces: journals of other systems or questions in ``out`` are begun anew, not refused.
        is_sharded: the processes hold parts of one model, so all of them ask; else each takes its share of the units.
        vllm: starts the engine that writes answers in place of the loaded model.
        log: file that lines of progress are appended to.
    """

    systems: Sequence[System]
    loaded: LoadedBase
    encoder: Encoder
    out: Path
    samples: int = 1
    sampling: Sampling = field(default_factory=Sampling)
    cache: AnswerCache | None = None
    runs: Sequence[Path] = ()
    replaces: bool = False
    is_sharded: bool = False
    vllm: Callable[[], Any] | None = None
    log: Path | None = None
    state: PartialState = field(default_factory=process_state, init=False)

    def answers(self, units: Sequence[Unit]) -> tuple[list[Answered], int, int]:
        """(what was answered, how many questions that took, how many of them were put to a model now); all of it on
        the main process only."""
        if self.state.num_processes > 1 and not self.is_sharded:
            for _ in self._run(units[self.state.process_index :: self.state.num_processes]):
                pass
            self.state.wait_for_everyone()
            if not self.state.is_main_process:
                return [], 0, 0
        # The main process finds the others' answers in the journals.
        found = list(self._run(units))
        return [one for one, _, _ in found], sum(n for _, n, _ in found), sum(n for _, _, n in found)

    def _run(self, units: Sequence[Unit]) -> Iterator[tuple[Answered, int, int]]:
        total = sum(len(one.questions) for one in units) * len(self.systems)
        with Progress("Scoring", total, "item", log=self.log) as progress:
            for system in self.systems:
                with applied(self.loaded, system) as model:
                    for number, one in enumerate(units, start=1):
                        place = f"{number} of {len(units)}"
                        progress.detail = (
                            f"{system.name}, {one.recipe.task.name} {one.variant} {one.language} ({place})"
                        )
                        yield self._answered(one, system, model, progress)

    def _answered(self, unit: Unit, system: System, model: Any, progress: Progress) -> tuple[Answered, int, int]:
        recipe, language = unit.recipe, unit.language
        items, questions, reason, num_empty, num_computed = unit.items, unit.questions, "", 0, 0
        spent, written = list(questions), list[Mapping[str, Any]]()
        if unit.variant == "translate_solve":
            written, num_computed = self._ask(unit, system, model, progress, questions, f"{TRANSLATIONS}/answers")
            rows, num_empty, broken = translated(unit.examples, written)
            reason = f"the translation of {counted(len(broken), 'item')} has scores that are not finite" * bool(broken)
            data = self.out / TRANSLATIONS / recipe.task.name / system.name / f"{language}.jsonl"
            if self.state.is_main_process or not self.is_sharded:
                write_translations(data, rows, language, recipe.task.label_field)
            items = solve_items(recipe, rows, language)
            questions = questions_of(recipe, items, self.encoder, self.samples)
            spent += questions
            progress.total += len(questions)
        answers, number = self._ask(unit, system, model, progress, questions, ITEMS, self.sampling)
        answered = Answered(
            task=recipe.task.name,
            system=system.name,
            variant=unit.variant,
            language=language,
            role=role(system, self.systems, language),
            items=items,
            rows=tuple(answers),
            prompt_tokens=sum(len(q.prompt_ids) for q in spent),
            new_tokens=sum(int(row.get("num_new_tokens", 0)) for row in (*written, *answers)),
            reason=reason,
            num_untranslated=num_empty,
        )
        return answered, len(spent), num_computed + number

    def _ask(
        self,
        unit: Unit,
        system: System,
        model: Any,
        progress: Progress,
        questions: tuple[Question, ...],
        folder: str,
        sampling: Sampling | None = None,
    ) -> tuple[list[Mapping[str, Any]], int]:
        if not questions:  # nothing to translate: the rows are in English already
            return [], 0
        task, place = unit.recipe.task.name, f"{unit.language}.jsonl"
        in_run = f"{folder}/{task}/{unit.variant}/{BASE if system.adapter is None else ADAPTER}/{place}"
        writes = self.vllm is not None and not (questions[0].choices or self.encoder.head)
        vllm = functools.partial(self._vllm.generator, system.adapter) if writes else None
        return ask(
            engine(model, questions, self.encoder, unit.recipe.scoring.batch_tokens, sampling, vllm),
            questions,
            model_key=self.loaded.model_key(system),
            path=self.out / folder / task / unit.variant / system.name / place,
            about={"task": task, "variant": unit.variant, "system": system.name, "language": unit.language},
            cache=self.cache,
            earlier=(run / in_run for run in self.runs if is_intact(run, in_run)),
            replaces=self.replaces,
            advance=progress.advance,
            on_main=on_main if self.is_sharded else lambda do: do(),
        )

    @functools.cached_property
    def _vllm(self) -> Any:
        """Started at the first answer that is written."""
        assert self.vllm is not None
        return self.vllm()


def uses_fsdp() -> bool:
    """Whether the launcher asked for the model to be divided among the processes."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def is_sharded() -> bool:
    """Whether the processes hold parts of one model (FSDP) rather than a copy each."""
    return process_state().num_processes > 1 and uses_fsdp()
