"""One recipe from rows to a sealed run folder: build, train, evaluate, report."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from accelerate import PartialState
from accelerate.state import DistributedType

from mslt_it.config.checks import check_kind
from mslt_it.config.recipe import Recipe, TrainingConfig
from mslt_it.data.build import build_training_set, format_report, with_found_labels
from mslt_it.data.encoding import Encoder
from mslt_it.data.rows import RowStore
from mslt_it.data.segments import encoder_of
from mslt_it.evaluation.evaluator import uses_fsdp
from mslt_it.evaluation.measures import check_languages
from mslt_it.evaluation.scores import Figures
from mslt_it.evaluation.source_validation import SourceValidation
from mslt_it.evaluation.systems import LoadedBase
from mslt_it.evaluation.tables import as_markdown, language_table
from mslt_it.models.base_model import add_adapter, fit_vocabulary, load_base
from mslt_it.models.environment import environment, idle_cores, process_state
from mslt_it.models.identity import identity
from mslt_it.models.kinds import with_kind
from mslt_it.models.tokenizers import load_tokenizer, terms_and_origin
from mslt_it.notices import notice
from mslt_it.problems import Problem, Say, counted
from mslt_it.progress import tell
from mslt_it.publish.scored_run import conclude, evaluate_run, print_end, provenance
from mslt_it.publish.separate_training import train_apart
from mslt_it.quiet import quiet_libraries
from mslt_it.runs import Run
from mslt_it.training.sft import TrainingSummary, train
from mslt_it.training.trackers import Scores, Tracker, log_scores, refuse_unready, tracked

# Of a score's row, what is told where runs are tracked.
TOLD = (
    *("language", "role", "metric", "n", "value", "low", "high"),
    *("base_value", "gain", "gain_low", "gain_high", "status"),
)


class Parts:
    """Where a run gets its rows, tokenizer and base: made anew here, kept from cell to cell by those that a study hands
    in (`mslt_it.study.shared`); what a run does is the same."""

    def __init__(self, rows: RowStore | None = None) -> None:
        self.rows = rows or RowStore()

    def tokenizer(self, recipe: Recipe) -> Any:
        return load_tokenizer(recipe.model)

    def encoder(self, recipe: Recipe, tokenizer: Any) -> Encoder:
        return encoder_of(recipe, tokenizer)

    def base(self, recipe: Recipe, tokenizer: Any) -> LoadedBase:
        """The frozen base, its vocabulary fitted to the tokenizer."""
        base = load_base(recipe.model, recipe.adapter, head=recipe.head)
        note = fit_vocabulary(base, tokenizer)
        return LoadedBase.of(tokenizer, base, recipe.adapter.quantization, note=note)

    def runs(self) -> Sequence[Path]:
        """Folders of runs which may have the base's answers already."""
        return ()

    def give_back(self, model: Any) -> None:
        """Called with the adapted model when a run that did not fail needs it no more."""


def run_recipe(
    recipe: Recipe,
    parts: Parts | None = None,
    *,
    details: bool = False,
    wait: bool = False,
    show: Say = tell,
) -> int:
    """Runs a composed recipe in its folder; 0 when every score is valid, 1 when one is not.

    Args:
        details: say what became of each label, too.
        wait: for another process that writes into the folder.
        show: prints a line; the run's log has it anyway.
    """
    quiet_libraries()
    if recipe.combine.method != "none":
        return train_apart(recipe, functools.partial(run_recipe, wait=wait, show=show), show, wait=wait)
    state = process_state()
    refuse_undivided(state)
    run = Run(recipe, is_main=state.is_main_process, show=show)
    run.refuse_another()
    finished = run.finished_results()
    if finished is not None:
        if not run.is_main:
            return int(finished["status"] != "ok")
        return print_end(run, finished, recipe.task, details=details, already="run")
    refuse_unready(recipe.training.report_to)
    state.wait_for_everyone()  # all have looked before anyone writes
    run.recipe = recipe = with_kind(recipe)
    with run.writing(wait=wait):
        if wait and state.num_processes == 1 and (finished := run.finished_results()) is not None:
            return print_end(run, finished, recipe.task, details=details, already="run")
        run.open()
        for line in (*notice(recipe), *filter(None, [idle_cores()])):
            run.say(line)
        state.wait_for_everyone()
        with tracked(recipe, run.folder, run.is_main, run.say) as trackers:
            status = _execute(recipe, run, state, parts or Parts(), details, trackers)
        state.wait_for_everyone()
    return status


def refuse_undivided(state: PartialState) -> None:
    """A Problem where FSDP was asked for and accelerate (1.15) would silently train a copy in each process."""
    if uses_fsdp() and state.distributed_type in (DistributedType.NO, DistributedType.MULTI_CPU):
        raise Problem(
            "FSDP divides a model among GPUs, and there are none here: accelerate would train a whole copy in each "
            "process. Launch without it: torchrun --nproc_per_node N mslt_it/train.py, or accelerate launch "
            "--config_file recipes/accelerate/cpu.yaml for one process."
        )


def _execute(
    recipe: Recipe, run: Run, state: PartialState, parts: Parts, details: bool, trackers: Sequence[Tracker]
) -> int:
    started = time.monotonic()
    recipe = with_found_labels(recipe, parts.rows)
    check_kind(recipe)
    check_languages(recipe.task.metric, recipe.languages)
    tokenizer = parts.tokenizer(recipe)
    for line in terms_and_origin(recipe.model):
        run.say(line)
    encoder = parts.encoder(recipe, tokenizer)
    encoded, report = build_training_set(recipe, tokenizer, encoder=encoder, rows=parts.rows)
    run.say("")
    run.say(format_report(report))
    run.write_json("build_report.json", report)
    run.write_json("environment.json", environment())

    run.say(f"\nTraining on {counted(len(encoded), 'row')} ...")
    loaded = parts.base(recipe, tokenizer)
    if loaded.note:
        run.say(f"Note: {loaded.note}")
    papers = identity(loaded.base, tokenizer)
    model = add_adapter(loaded.base, recipe.adapter, recipe.seed)
    validation = SourceValidation(recipe, encoder, parts.rows) if recipe.training.eval_steps else None
    callbacks = [found for tracker in trackers if (found := tracker.callback()) is not None]
    summary = train(recipe, encoded, model, tokenizer, run.folder, validation=validation, callbacks=callbacks)
    for line in _told(recipe.training, summary):
        run.say(line)

    is_whole = recipe.adapter.method == "full"
    if is_whole and recipe.head is None:  # its base is asked, too, and was trained away
        del model, loaded
        loaded = parts.base(recipe, tokenizer)
    else:
        loaded = dataclasses.replace(loaded, adapted=model)
    trained = dataclasses.replace(loaded, papers=loaded.papers | {"base_sha256": summary.base_sha256})
    figures = evaluate_run(
        run,
        recipe,
        trained,
        encoder,
        parts.rows,
        adapter_sha256=summary.adapter_sha256,
        train_counts=report.label_counts,
        runs=parts.runs(),
    )
    if not is_whole:
        parts.give_back(model)
    state.wait_for_everyone()
    if not run.is_main:
        return 0
    run.say(f"Done in {time.monotonic() - started:.0f} s.")
    base = {"base_sha256": summary.base_sha256, **papers}
    found = provenance(recipe, len(encoded), report.label_counts, summary.adapter_sha256, base)
    status = conclude(run, recipe, figures, found, encoder, details=details, training=summary)
    if figures is not None and figures.rows:
        log_scores(trackers, _scores(figures, recipe.scoring.confidence))
    return status


def _told(training: TrainingConfig, summary: TrainingSummary) -> Iterator[str]:
    """What is said of a training that is done."""
    losses = ", ".join(f"{code} {loss:.3f}" for code, loss in sorted(summary.loss_by_language.items()))
    if summary.resumed_from:
        yield f"Continued from {summary.resumed_from}."
    yield f"Trained {counted(summary.num_steps, 'step')} in {summary.seconds:.0f} s; last loss per language: {losses}"
    if summary.num_epochs < 1:
        yield f"Note: that is {summary.num_epochs:.2g} of a pass over the training rows: the others were never seen."
    if summary.num_steps < training.warmup_steps and training.lr_scheduler != "constant":
        steps = training.warmup_steps
        yield f"Note: all steps are training.warmup_steps={steps}: the learning rate stayed below its peak."
    if None in (training.batch_size, training.gradient_checkpointing):
        how = " with gradient checkpointing" * summary.gradient_checkpointing
        yield f"Memory had room for {summary.batch_size} rows at once{how}."
    if summary.best_step is not None:
        yield f"The adapter is from step {summary.best_step}, the best of {summary.num_looks} looks."


def _scores(figures: Figures, confidence: float) -> Scores:
    table = pd.DataFrame([{name: getattr(row, name) for name in TOLD} for row in figures.rows])
    return Scores(table, as_markdown(language_table(figures.rows, confidence, with_base=True)))
