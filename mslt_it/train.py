"""The main job: build the data, train the adapter, score every language, print the table.

accelerate launch mslt_it/train.py recipe=xnli_3src
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    # As a script, Python puts this file's folder first on sys.path, where our modules would hide others.
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# Spinning OpenMP threads starve each other on shared cores; must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from mslt_it.arguments import wants_help
from mslt_it.notices import notice
from mslt_it.quiet import quiet_imports
from mslt_it.recipe import load_recipe, parse_arguments
from mslt_it.recipe_help import help_text
from mslt_it.records import EvalResult, Recipe, TaskConfig
from mslt_it.terminal import run

if TYPE_CHECKING:
    from mslt_it.data.encoding import Encoder
    from mslt_it.evaluation.zero_shot import Asked, Outputs
    from mslt_it.runs import Run

DETAILS = "--details"  # prints what became of each label in each language


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a recipe; 0 when every score is valid, 1 when one is not."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if wants_help(arguments):
        print(help_text("train", "build the data, train the adapter, score every target language"))
        return 0
    details = DETAILS in arguments
    name, overrides, config_dir = parse_arguments([a for a in arguments if a != DETAILS])
    from mslt_it.models.packaged import with_reachable_base
    from mslt_it.selection.auto import choose_sources

    recipe = _resolved(with_reachable_base(load_recipe(name, overrides, config_dir, choose=choose_sources)))
    if recipe.combine.method != "none":
        from mslt_it.publish.apart import train_apart

        return train_apart(recipe, run_recipe)
    return run_recipe(recipe, details=details)


def _resolved(recipe: Recipe) -> Recipe:
    from mslt_it.data.resolve import resolved

    return resolved(recipe, lambda: Parts().tokenizer(recipe))


class Parts:
    """Where a run gets its tokenizer, base and base scores: here all of it is made anew.

    A study hands in its own (`mslt_it.study.shared`), which keep them from cell to cell; what a run does is the same.
    """

    def tokenizer(self, recipe: Recipe) -> Any:
        from mslt_it.models.base_model import load_tokenizer

        return load_tokenizer(recipe.model)

    def encoder(self, recipe: Recipe, tokenizer: Any) -> Encoder:
        from mslt_it.data.encoding import Encoder

        return Encoder(tokenizer, recipe.data.max_length_tokens)

    def base(self, recipe: Recipe, tokenizer: Any) -> tuple[Any, str | None]:
        """The frozen base, its vocabulary fitted to the tokenizer, and a note on that."""
        from mslt_it.models.base_model import fit_vocabulary, load_base

        base = load_base(recipe.model, recipe.adapter)
        return base, fit_vocabulary(base, tokenizer)

    def base_scores(self, asked: Asked, compute: Callable[[], Outputs]) -> Outputs:
        """What the base without the adapter makes of a language's items."""
        return compute()

    def give_back(self, model: Any) -> None:
        """Called with the adapted model when a run that did not fail needs it no more."""


def run_recipe(recipe: Recipe, parts: Parts | None = None, *, details: bool = False) -> int:
    """Runs a composed recipe in its folder; 0 when every score is valid, 1 when one is not.

    ``details``: print what became of each label, too.
    """
    from mslt_it.quiet import quiet_libraries

    quiet_libraries()
    from accelerate import PartialState

    from mslt_it.models.environment import has_gpu
    from mslt_it.runs import Run

    state = PartialState(cpu=not has_gpu())
    run = Run(recipe, is_main=state.is_main_process)
    run.refuse_another()
    finished = run.finished_results()
    if finished is not None:
        task = dataclasses.replace(recipe.task, label_names=tuple(finished["provenance"]["labels"]))
        _print_end(run, finished, task, details, already=True)
        return 0 if finished["status"] == "ok" else 1
    run.open()
    for line in notice(recipe):
        run.say(line)
    state.wait_for_everyone()
    status = _execute(recipe, run, state, parts or Parts(), details)
    state.wait_for_everyone()
    return status


def _execute(recipe: Recipe, run: Run, state: Any, parts: Parts, details: bool) -> int:
    from mslt_it.data.build import build_training_set, with_found_labels
    from mslt_it.data.build_report import format_report
    from mslt_it.evaluation.measures import check_languages
    from mslt_it.evaluation.zero_shot import label_reports, read_predictions, results, score_language, write_predictions
    from mslt_it.models.base_model import add_adapter, terms_and_origin
    from mslt_it.models.environment import environment
    from mslt_it.models.identity import identity
    from mslt_it.publish.model_card import model_card
    from mslt_it.runs import results_json
    from mslt_it.store import write_atomically
    from mslt_it.training.sft import train

    started = time.monotonic()
    recipe = with_found_labels(recipe)
    check_languages(recipe.task.metric, (*recipe.sources, *recipe.targets))
    tokenizer = parts.tokenizer(recipe)
    for line in terms_and_origin(recipe.model):
        run.say(line)
    encoder = parts.encoder(recipe, tokenizer)
    encoded, report = build_training_set(recipe, tokenizer, encoder=encoder)
    run.say("")
    run.say(format_report(report))
    run.write_json("build_report.json", report)
    run.write_json("environment.json", environment())

    run.say(f"\nTraining on {len(encoded)} rows ...")
    base, note = parts.base(recipe, tokenizer)
    if note:
        run.say(f"Note: {note}")
    papers = identity(base, tokenizer)
    model = add_adapter(base, recipe.adapter, recipe.seed)
    summary = train(recipe, encoded, model, tokenizer, run.folder)
    losses = ", ".join(f"{code} {loss:.3f}" for code, loss in sorted(summary.loss_by_language.items()))
    if summary.resumed_from:
        run.say(f"Continued from {summary.resumed_from}.")
    run.say(f"Trained {summary.num_steps} steps in {summary.seconds:.0f} s; last loss per language: {losses}")

    languages = [*recipe.sources, *recipe.targets]
    run.say(f"Scoring {len(languages)} languages, base and adapter on the same items ...")
    provenance = {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "sources": list(recipe.sources),
        "selection": recipe.select.note,
        "num_examples": len(encoded),
        "train_label_counts": report.label_counts,
        "labels": list(recipe.task.label_names),
        "data": recipe.task.data,
        "data_revision": recipe.task.revision,
        "model": recipe.model.path,
        "model_revision": recipe.model.revision,
        "adapter_sha256": summary.adapter_sha256,
        "base_sha256": summary.base_sha256,
        **papers,
        "run_fingerprint": recipe.run_fingerprint(),
        "world": recipe.model.path == "world" or recipe.task.data == "world",
    }
    if _scored_adapter(run) != summary.adapter_sha256:
        if run.is_main:  # figures of another adapter are no figures
            for old in run.predictions.glob("*.jsonl"):
                old.unlink()
        run.write_json("predictions/of.json", {"adapter_sha256": summary.adapter_sha256})
        state.wait_for_everyone()
    # A sharded model (FSDP) answers only when all processes ask it, and the same; else each takes its share.
    sharded = is_sharded(state)
    own = languages if sharded else languages[state.process_index :: state.num_processes]
    missing = [code for code in own if read_predictions(recipe, code, run.predictions) is None]
    state.wait_for_everyone()  # all have looked before anyone writes
    for code in missing:
        scores = score_language(recipe, code, model, encoder, base_scores=parts.base_scores)
        if run.is_main or not sharded:
            write_predictions(scores, recipe, run.predictions)
    parts.give_back(model)
    state.wait_for_everyone()
    if not run.is_main:
        return 0
    read = {code: read_predictions(recipe, code, run.predictions) for code in languages}
    scored = {code: scores for code, scores in read.items() if scores is not None}
    rows = results(recipe, scored, report.label_counts)
    papers = provenance | {"environment": environment(), "training": summary}
    labels = label_reports(recipe, scored)
    content = results_json(rows, papers, labels)
    run.write_json("results.json", content)
    write_atomically(run.folder / "adapter" / "README.md", model_card(recipe, rows, provenance, labels=labels))
    run.finish()
    run.say(f"Done in {time.monotonic() - started:.0f} s.")
    _print_end(run, content, recipe.task, details)
    return 0 if content["status"] == "ok" else 1


def _scored_adapter(run: Run) -> str | None:
    import json

    path = run.predictions / "of.json"
    return json.loads(path.read_text(encoding="utf-8"))["adapter_sha256"] if path.is_file() else None


def _print_end(run: Run, content: Mapping[str, Any], task: TaskConfig, details: bool, already: bool = False) -> None:
    """What results.json says, for people."""
    from mslt_it.evaluation.label_reports import LabelReport
    from mslt_it.evaluation.run_table import ending, label_text

    speak = print if already else run.say
    if not run.is_main:
        return
    if already:
        speak(f"This run is finished already; nothing was done. To run it again, remove {run.folder}.")
    rows = [EvalResult(**row) for row in content["results"]]
    speak(f"\n{ending(rows, task, run.recipe.scoring.confidence)}")
    if details:
        speak(label_text([LabelReport.of_plain(row) for row in content["labels"]]))
    speak(f"Run folder: {run.folder}")


def is_sharded(state: Any) -> bool:
    """Whether the processes hold parts of one model rather than a copy each."""
    return state.num_processes > 1 and os.environ.get("ACCELERATE_USE_FSDP", "false") == "true"


if __name__ == "__main__":
    quiet_imports()
    sys.exit(run(main))
