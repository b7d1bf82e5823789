"""The run folder of a combined adapter, as `mslt train` leaves one, so that merging and combining again read it.

config.yaml (the first run's recipe with the sources of all), adapter/ with its card, predictions/, results.json,
COMPLETE.json. Its languages are scored by the same code, on the same items, as after training.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mslt_it import values
from mslt_it.problems import Problem
from mslt_it.records import EvalResult, Recipe, fingerprint, to_plain

if TYPE_CHECKING:
    from mslt_it.evaluation.label_reports import LabelReport
    from mslt_it.models.identity import FinishedRun
    from mslt_it.publish.combine import Combined, Lora
    from mslt_it.runs import Run

UNSCORED = "unscored"  # results.json's status where nothing was scored


def combine_runs(
    folders: Sequence[str],
    out: str | Path,
    *,
    method: str = "cat",
    weights: str = "equal",
    given: Mapping[str, Any] | None = None,
    num_items: int | None = None,
    scored: bool = True,
) -> int:
    """Combines the adapters of finished runs, scores the result, prints; 0 = done and every score valid.

    Args:
        given: the method's own settings (rank, max_error, density, seed), None where the default is meant.
        num_items: scored per language, 0 = all; None: as the first run was scored.
    """
    from mslt_it.models.identity import read_run
    from mslt_it.models.lora import read_lora
    from mslt_it.publish.combine import combine, write_combined
    from mslt_it.publish.combine_options import DEFAULT_DENSITY, SPARSE, refuse_options, resolve_weights
    from mslt_it.publish.together import combined_recipe, languages, provenance, refuse_strangers, scoring

    given = {**dict.fromkeys(("rank", "max_error", "density", "seed")), **(given or {})}
    refuse_options(method, **given)
    defaults = {"density": DEFAULT_DENSITY} if method in SPARSE else {}
    defaults |= {"seed": 0} if method == "dare_ties" else {}  # said in the run's papers, written or not
    settings = {**defaults, **{name: value for name, value in given.items() if value is not None}}
    runs = [read_run(values.path(folder)) for folder in folders]
    refuse_strangers(runs)
    shares, how = resolve_weights(
        weights,
        [run.recipe.sources for run in runs],
        [run.provenance["num_examples"] for run in runs],
    )
    out = values.path(out)
    scored_as = scoring(runs, num_items)
    papers = [to_plain(scored_as), languages(runs)]
    wanted = fingerprint([[r.provenance["adapter_sha256"] for r in runs], shares, method, settings, papers])
    done = finished(out, wanted)
    if done is not None and (done[0] != UNSCORED or not scored):
        status, run, rows = done
        print_end(run, rows, already=True)
        return 0 if status in ("ok", UNSCORED) else 1

    loras = [read_lora(run.adapter) for run in runs]
    combined = combine(loras, shares, method, **settings)
    recipe = dataclasses.replace(combined_recipe(runs, combined, out), scoring=scored_as)
    run = open_run(recipe, wanted)
    for line in describe(runs, loras, shares, how, method, combined):
        run.say(line)
    write_combined(combined, run.folder / "adapter")
    record = provenance(runs, recipe, shares, how, method, settings, combined, run.folder / "adapter")
    figures, labels = score(run, record) if scored else ([], [])
    return seal(run, figures, labels, record)


def finished(out: Path, wanted: str) -> tuple[str, Run, list[EvalResult]] | None:
    """(status, run, rows) of this very combination where it is sealed; a Problem for a folder of something else."""
    from mslt_it.recipe import load_recipe
    from mslt_it.runs import Run

    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        found = json.loads((out / "fingerprint.json").read_text(encoding="utf-8")).get("combination")
    except (OSError, ValueError):
        found = None
    if found != wanted:
        raise Problem(
            f"out={out} holds something else already (not this combination of these runs). Choose another out, or "
            "remove that folder."
        )
    if not (out / "config.yaml").is_file():
        return None
    recipe = dataclasses.replace(load_recipe("config", config_dir=out), output_dir=str(out))
    run = Run(recipe)
    results = run.finished_results()
    if results is None:
        return None
    task = dataclasses.replace(recipe.task, label_names=tuple(results["provenance"]["labels"]))
    run.recipe = dataclasses.replace(recipe, task=task)
    return results["status"], run, [EvalResult(**row) for row in results["results"]]


def open_run(recipe: Recipe, wanted: str) -> Run:
    """The folder, claimed for this combination before anything else is in it."""
    from mslt_it.recipe import resolved_yaml
    from mslt_it.runs import Run
    from mslt_it.store import write_atomically

    run = Run(recipe)
    run.folder.mkdir(parents=True, exist_ok=True)
    run.write_json("fingerprint.json", {"run": recipe.run_fingerprint(), "combination": wanted})
    run.predictions.mkdir(exist_ok=True)
    write_atomically(run.folder / "config.yaml", resolved_yaml(recipe))
    return run


def describe(
    runs: Sequence[FinishedRun],
    loras: Sequence[Lora],
    weights: Sequence[float],
    how: str,
    method: str,
    combined: Combined,
) -> list[str]:
    """What is combined and what came out, for the log."""
    lines = [f"{method} of {len(runs)} adapters, weights {how}", f"{'weight':>8}  {'rank':>4}  {'rows':>6}  sources"]
    for run, lora, weight in zip(runs, loras, weights, strict=True):
        languages = ", ".join(run.recipe.sources)
        lines.append(
            f"{weight:>+8.3f}  {lora.rank:>4}  {run.provenance['num_examples']:>6}  {languages}  ({run.folder})"
        )
    lines.append(f"Result: rank {combined.rank}, relative error {combined.error:.2g} against {combined.target}.")
    return lines


def score(run: Run, provenance: Mapping[str, Any]) -> tuple[list[EvalResult], list[LabelReport]]:
    """Base and adapter on the same items of every language, as at the end of training; figures, and of each label."""
    from mslt_it.data.encoding import Encoder
    from mslt_it.evaluation.measures import check_languages
    from mslt_it.evaluation.zero_shot import label_reports, read_predictions, results, score_language, write_predictions
    from mslt_it.models.base_model import load_adapter
    from mslt_it.models.identity import FinishedRun, load_trained_base

    recipe = run.recipe
    languages = [*recipe.sources, *recipe.targets]
    check_languages(recipe.task.metric, languages)
    of = run.predictions / "of.json"
    if not of.is_file() or json.loads(of.read_text(encoding="utf-8")) != {
        "adapter_sha256": provenance["adapter_sha256"]
    }:
        for old in run.predictions.glob("*.jsonl"):  # figures of another adapter are no figures
            old.unlink()
        run.write_json("predictions/of.json", {"adapter_sha256": provenance["adapter_sha256"]})
    run.say(f"Scoring {len(languages)} languages, base and adapter on the same items ...")
    tokenizer, base, _ = load_trained_base(FinishedRun(run.folder, recipe, provenance))
    model = load_adapter(base, run.folder / "adapter")
    encoder = Encoder(tokenizer, recipe.data.max_length_tokens)
    scored = {}
    for code in languages:
        found = read_predictions(recipe, code, run.predictions)
        if found is None:
            found = score_language(recipe, code, model, encoder)
            write_predictions(found, recipe, run.predictions)
        scored[code] = found
    return results(recipe, scored, provenance["train_label_counts"]), label_reports(recipe, scored)


def seal(run: Run, rows: list[EvalResult], labels: list[LabelReport], provenance: Mapping[str, Any]) -> int:
    """Writes figures, papers and the seal, and prints the end; 0 = every score is valid, or none was asked for."""
    from mslt_it.models.environment import environment
    from mslt_it.publish.model_card import model_card
    from mslt_it.runs import results_json
    from mslt_it.store import write_atomically

    content = results_json(rows, {**provenance, "environment": environment()}, labels)
    if not rows:
        content["status"] = UNSCORED  # "ok" would be said of figures that are not there
    run.write_json("environment.json", environment())
    run.write_json("results.json", content)
    write_atomically(run.folder / "adapter" / "README.md", model_card(run.recipe, rows, provenance, labels=labels))
    run.finish()
    print_end(run, rows)
    return 0 if content["status"] in ("ok", UNSCORED) else 1


def print_end(run: Run, rows: Sequence[EvalResult], already: bool = False) -> None:
    """The table, the sentence under it and where the run lies."""
    from mslt_it.evaluation.run_table import ending

    speak = print if already else run.say
    if already:
        speak(f"This combination is finished already; nothing was done. To make it again, remove {run.folder}.")
    if rows:
        speak(f"\n{ending(rows, run.recipe.task, run.recipe.scoring.confidence)}")
    else:
        speak("Not scored (scored=false).")
    speak(f"Run folder: {run.folder}")
