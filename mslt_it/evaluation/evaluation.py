"""One evaluation: every system, task, variant and language asked, from journals where they exist, then scored."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.asking import Asked, ask
from mslt_it.evaluation.cache import AnswerCache
from mslt_it.evaluation.engines import ChoiceEngine, Engine, Question, TextEngine, prompts_of
from mslt_it.evaluation.generation import Sampling, TextGenerator
from mslt_it.evaluation.request import Request
from mslt_it.evaluation.scores import Answered
from mslt_it.evaluation.systems import Bench, LoadedBase, System, applied
from mslt_it.evaluation.units import (
    items_of,
    questions_of,
    solve_items,
    to_translate,
    translated,
    translation_questions,
    write_translations,
)
from mslt_it.records import Example, PromptedExample, Recipe

ITEMS = "items"  # journals: items/<task>/<variant>/<system>/<language>.jsonl
TRANSLATIONS = "translations"  # the stage before translate_solve: journals, and data sets beside them


@dataclass(frozen=True)
class Unit:
    """One task, variant and language, whatever system answers; ``items`` is empty where a stage comes before."""

    recipe: Recipe
    variant: str
    language: str
    items: tuple[PromptedExample, ...]
    questions: tuple[Question, ...]
    examples: tuple[Example, ...] = ()  # of translate_solve: the rows before they are translated
    fields: tuple[str, ...] = ()  # that are translated

    @property
    def size(self) -> int:
        """Questions per system, as far as they are known before anything is asked."""
        return len(self.questions)


def prepare(request: Request, encoder: Encoder) -> list[Unit]:
    """Everything that will be asked, as far as it does not depend on answers: wrong languages, missing prompts and
    unreadable rows are found here, before anything is computed."""
    units = []
    for recipe in request.recipes:
        aside = request.set_aside[recipe.task.name].ids
        for variant in request.variants:
            for language in request.languages[recipe.task.name]:
                units.append(_unit(recipe, variant, language, encoder, request, aside[language]))
    return units


def _unit(
    recipe: Recipe, variant: str, language: str, encoder: Encoder, request: Request, aside: Collection[str]
) -> Unit:
    if variant == "translate_solve":
        examples, fields = to_translate(recipe, language, aside, request.rows)
        solve_items(recipe, examples[:1], language)  # a missing prompt is better found now
        questions = translation_questions(examples, fields, language, encoder)
        return Unit(recipe, variant, language, (), questions, tuple(examples), fields)
    items = items_of(recipe, variant, language, aside, request.rows)
    return Unit(recipe, variant, language, items, questions_of(recipe, items, encoder, request.settings))


@dataclass(frozen=True)
class Evaluator:
    """Asks one loaded base, with one adapter after another."""

    request: Request
    bench: Bench
    loaded: LoadedBase
    encoder: Encoder
    out: Path
    cache: AnswerCache

    def run(self, units: list[Unit], say: Callable[[str], None]) -> Iterator[tuple[Answered, int, int]]:
        """Asks everything; yields what was answered, how many questions that took, and how many of them were put to the
        model now (the others were in the journal or in the cache)."""
        total = sum(unit.size for unit in units) * len(self.bench.systems)
        with tqdm(total=total, desc="scoring", unit="item", disable=None, smoothing=0.05) as bar:
            for system in self.bench.systems:
                with applied(self.loaded, system) as model:
                    for unit in units:
                        bar.set_postfix_str(f"{system.name} {unit.variant} {unit.language}", refresh=False)
                        yield self._answered(unit, system, model, bar)
                        if bar.disable:
                            say(f"  {system.name}: {unit.recipe.task.name} {unit.variant} {unit.language}")

    def _answered(self, unit: Unit, system: System, model: Any, bar: Any) -> tuple[Answered, int, int]:
        path = f"{unit.recipe.task.name}/{unit.variant}/{system.name}/{unit.language}.jsonl"
        about = {
            "task": unit.recipe.task.name,
            "variant": unit.variant,
            "system": system.name,
            "language": unit.language,
        }
        items, questions, reason, num_empty, first = unit.items, unit.questions, "", 0, None
        if unit.variant == "translate_solve":
            journal = self.out / TRANSLATIONS / "answers" / path
            first = self._ask(unit, system, model, questions, journal, about, bar, Sampling())
            rows, num_empty, broken = translated(unit.examples, first.rows)
            reason = f"{len(broken)} items have a translation whose scores are not finite" * bool(broken)
            data = self.out / TRANSLATIONS / unit.recipe.task.name / system.name / f"{unit.language}.jsonl"
            write_translations(data, rows, unit.language, unit.recipe.task.label_field)
            items = solve_items(unit.recipe, rows, unit.language)
            questions = questions_of(unit.recipe, items, self.encoder, self.request.settings)
            bar.total += len(questions)
        sampling = self.request.settings.sampling()
        asked = self._ask(unit, system, model, questions, self.out / ITEMS / path, about, bar, sampling)
        spent = [q for stage in (unit.questions if first else (), questions) for q in stage]
        written = [row for stage in (first, asked) if stage for row in stage.rows]
        answered = Answered(
            task=unit.recipe.task.name,
            system=system.name,
            variant=unit.variant,
            language=unit.language,
            role=self._role(system, unit.language),
            items=items,
            rows=asked.rows,
            prompt_tokens=sum(len(q.prompt_ids) for q in spent),
            new_tokens=sum(int(row.get("num_new_tokens", 0)) for row in written),
            reason=reason,
            num_untranslated=num_empty,
        )
        return answered, len(spent), asked.num_computed + (first.num_computed if first else 0)

    def _role(self, system: System, language: str) -> str:
        if system.has_seen(language):
            return "source"
        from mslt_it.languages import primary

        return "seen" if primary(language) in self.bench.seen() else "target"

    def _ask(
        self,
        unit: Unit,
        system: System,
        model: Any,
        questions: tuple[Question, ...],
        path: Path,
        about: Mapping[str, Any],
        bar: Any,
        sampling: Sampling,
    ) -> Asked:
        if not questions:  # nothing to translate: the rows are in English already
            return Asked((), 0)
        return ask(
            self._engine(unit, model, questions, sampling, system),
            questions,
            model_key=self.loaded.model_key(system),
            path=path,
            about=about,
            cache=self.cache,
            advance=bar.update,
        )

    def _engine(
        self, unit: Unit, model: Any, questions: tuple[Question, ...], sampling: Sampling, system: System
    ) -> Engine:
        pad = self.encoder.tokenizer.pad_token_id
        pad = self.encoder.end_id if pad is None else pad
        batch_tokens = unit.recipe.scoring.batch_tokens
        if questions[0].choices:
            return ChoiceEngine(model, questions, batch_tokens=batch_tokens, pad_id=pad)
        if self.request.backend == "vllm":
            return TextEngine(
                self._vllm.generator(
                    system.adapter,
                    prompts_of(questions),
                    end_id=self.encoder.end_id,
                    decode=self.encoder.decode_text,
                    sampling=sampling,
                ),
                questions,
                sampling,
                self.encoder.end_id,
                self.request.backend,
            )
        generator = TextGenerator(
            model,
            prompts_of(questions),
            end_id=self.encoder.end_id,
            pad_id=pad,
            batch_tokens=batch_tokens,
            decode=self.encoder.decode_text,
            sampling=sampling,
        )
        return TextEngine(generator, questions, sampling, self.encoder.end_id)

    @functools.cached_property
    def _vllm(self) -> Any:
        """Loaded at the first answer that is written."""
        from mslt_it.evaluation.vllm_generation import VllmEngine
        from mslt_it.models.base_model import model_path

        model = self.bench.model
        adapters = [system.adapter for system in self.bench.systems if system.adapter is not None]
        return VllmEngine(model_path(model), model.revision, self.loaded.papers["base_dtype"], adapters)
