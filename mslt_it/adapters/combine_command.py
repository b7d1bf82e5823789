"""``mslt combine runs=[A,B,C] out=DIR``: the adapters of finished runs as one adapter, in a run folder of its own.

The folder is what ``mslt train`` leaves, so that merging and combining again read it: config.yaml (the first run's
recipe with the sources of all), adapter/ with its card, predictions/, results.json, COMPLETE.json. Its languages are
scored by the same code, on the same items, as after training. A language is "seen" when any of the runs was trained on
it, whatever its weight; the others are those that every run scored zero-shot, since each run compared its training rows
with the scored rows of its own targets only.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mslt_it.problems import Problem, nearest
from mslt_it.records import EvalResult, Recipe, ScoringConfig, SelectConfig, fingerprint, to_plain

if TYPE_CHECKING:
    from mslt_it.adapters.combine import Combined, Lora
    from mslt_it.adapters.identity import FinishedRun
    from mslt_it.runs import Run

# key -> (kind, default, what it is)
OPTIONS: dict[str, tuple[str, str, str]] = {
    "runs": ("list", "(required)", "run folders whose adapters are combined; all of one base and task"),
    "out": ("str", "(required)", "the new run folder"),
    "method": ("str", "cat", "see below"),
    "weights": ("str", "equal", "equal, size (training rows), [0.5,-0.2] as given, typology:CODE (near to a language)"),
    "rank": ("int", "see text", "svd, ties, dare_ties: rank of the result; default: one run's (svd), the sum of all"),
    "max_error": ("float", "none", "instead of rank: the smallest rank with at most this relative error"),
    "density": ("float", "0.5", "ties, dare_ties: share of the entries kept"),
    "seed": ("int", "0", "dare_ties: of the entries dropped"),
    "num_items": ("int", "as the runs", "scored per language; 0 = every row of the scored split"),
    "scored": ("bool", "true", "score every language, base and adapter on the same items, as mslt train does"),
}
CASTS: dict[str, tuple[type, str]] = {"int": (int, "a whole number"), "float": (float, "a number")}
# What the runs recorded of their base; it has to agree and goes into the new run's papers.
IDENTITY = ("base_sha256", "tokenizer_sha256", "template_sha256", "num_embedding_rows", "base_dtype", "model_commit")
UNSCORED = "unscored"  # results.json's status where nothing was scored


def main(argv: Sequence[str]) -> int:
    """Combines, scores, prints; 0 = done and every score valid."""
    if any(argument in ("-h", "--help") for argument in argv):
        print(help_text())
        return 0
    options = parse(argv)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in train.py, before torch is imported
    from mslt_it.quiet import quiet_libraries

    quiet_libraries()
    from mslt_it.adapters.combine import combine, read_lora, write_combined
    from mslt_it.adapters.identity import read_run
    from mslt_it.adapters.methods import DEFAULT_DENSITY, SPARSE, refuse_options
    from mslt_it.adapters.weights import resolve_weights

    method, scored = options.get("method", "cat"), options.get("scored", True)
    given = {name: options.get(name) for name in ("rank", "max_error", "density", "seed")}
    refuse_options(method, **given)
    defaults = {"density": DEFAULT_DENSITY} if method in SPARSE else {}
    defaults |= {"seed": 0} if method == "dare_ties" else {}  # said in the run's papers, written or not
    settings = {**defaults, **{name: value for name, value in given.items() if value is not None}}
    runs = [read_run(folder) for folder in options["runs"]]
    refuse_strangers(runs)
    weights, how = resolve_weights(
        options.get("weights", "equal"),
        [run.recipe.sources for run in runs],
        [run.provenance["num_examples"] for run in runs],
    )
    out = Path(options["out"])
    scoring = _scoring(runs, options.get("num_items"))
    papers = [to_plain(scoring), _languages(runs)]
    wanted = fingerprint([[r.provenance["adapter_sha256"] for r in runs], weights, method, settings, papers])
    done = _finished(out, wanted)
    if done is not None and (done[0] != UNSCORED or not scored):
        status, run, rows = done
        _print_end(run, rows, already=True)
        return 0 if status in ("ok", UNSCORED) else 1

    loras = [read_lora(run.adapter) for run in runs]
    combined = combine(loras, weights, method, **settings)
    recipe = dataclasses.replace(combined_recipe(runs, combined, out), scoring=scoring)
    run = _open(recipe, wanted)
    for line in describe(runs, loras, weights, how, method, combined):
        run.say(line)
    write_combined(combined, run.folder / "adapter")
    provenance = _provenance(runs, recipe, weights, how, method, settings, combined, run.folder / "adapter")
    rows = _score(run, provenance) if scored else []
    return _seal(run, rows, provenance)


def help_text() -> str:
    """Usage, options with defaults, methods."""
    from mslt_it.adapters.methods import METHODS

    return "\n".join(
        [
            "usage: mslt combine runs=[A,B,...] out=DIR [KEY=VALUE ...]",
            "",
            "Several adapters of one base as one, exactly or to a rank with its error, scored like a trained one.",
            "Quote brackets for the shell:",
            "  mslt combine 'runs=[runs/en,runs/ar,runs/zh]' out=combined",
            "  mslt combine 'runs=[runs/en,runs/ar]' 'weights=[1,-0.5]' method=svd max_error=0.05 out=combined",
            "  mslt combine 'runs=[runs/en,runs/ar,runs/zh]' weights=typology:tr method=ties density=0.3 out=for_tr",
            "",
            "KEY=VALUE (type, default)",
            *(f"  {key:<10} {kind:<6} {default:<11} {text}" for key, (kind, default, text) in OPTIONS.items()),
            "",
            "methods",
            *(f"  {name:<17} {text}" for name, text in METHODS.items()),
        ]
    )


def parse(argv: Sequence[str]) -> dict[str, Any]:
    """``KEY=VALUE`` tokens -> typed values of the options that were given."""
    options: dict[str, Any] = {}
    for argument in argv:
        key, equals, text = argument.partition("=")
        if not equals:
            raise Problem(
                f"Argument '{argument}' is not KEY=VALUE. Write for example method=cat. Known: {', '.join(OPTIONS)}."
            )
        if key not in OPTIONS:
            raise Problem(f"Unknown key '{key}'. {nearest(key, OPTIONS)}")
        if key in options:
            raise Problem(f"{key} is given twice. Keep one.")
        options[key] = _value(key, OPTIONS[key][0], text.strip())
    for key in ("runs", "out"):
        if key not in options:
            raise Problem(f"{key} is missing. Write mslt combine 'runs=[A,B]' out=DIR.")
    return options


def _value(key: str, kind: str, text: str) -> Any:
    if not text:
        raise Problem(f"{key}= has no value. Leave it out for the default ({OPTIONS[key][1]}).")
    if kind == "list":
        inner = re.fullmatch(r"\[(.*)\]", text)
        if inner is None:
            raise Problem(f"{key}={text} is not a list. Write {key}=[A,B], quoted for the shell.")
        items = [item.strip().strip("'\"") for item in inner.group(1).split(",")]
        if not all(items):
            raise Problem(f"{key}={text}: an item is empty. Remove the comma too much.")
        twice = next(
            (a for i, a in enumerate(items) if Path(a).resolve() in [Path(b).resolve() for b in items[:i]]), None
        )
        if twice is not None:
            raise Problem(f"{key}: '{twice}' is given twice. Remove one, and give the other a larger weight.")
        return items
    if kind == "bool":
        if text.lower() not in ("true", "false"):
            raise Problem(f"{key}={text} is neither true nor false.")
        return text.lower() == "true"
    if kind == "str":
        return text
    cast, what = CASTS[kind]
    try:
        return cast(text)
    except ValueError:
        raise Problem(f"{key}={text} is not {what}.") from None


# ---------------------------------------------------------------- what belongs together


def refuse_strangers(runs: Sequence[FinishedRun]) -> None:
    """A Problem where two runs differ in base, tokenizer, task or prompts: named, with both values."""
    first = runs[0]
    for other in runs[1:]:
        for key in IDENTITY[:4]:
            mine, theirs = first.provenance.get(key), other.provenance.get(key)
            if mine is not None and theirs is not None and mine != theirs:
                raise Problem(
                    f"runs: {first.folder} and {other.folder} do not share a base model: {key} is {_short(mine)} and "
                    f"{_short(theirs)}. An adapter is a difference to its own base; combine those trained on one base "
                    "in one dtype and quantization."
                )
        for part in ("task", "prompt"):
            mine, theirs = to_plain(getattr(first.recipe, part)), to_plain(getattr(other.recipe, part))
            key = next((k for k in mine if mine[k] != theirs[k]), "")
            if key:
                raise Problem(
                    f"runs: {part}.{key} is {mine[key]!r} in {first.folder} and {theirs[key]!r} in {other.folder}. A "
                    "combined adapter is scored on one task with one kind of prompt; train both runs with the same."
                )


def combined_recipe(runs: Sequence[FinishedRun], combined: Combined, out: Path) -> Recipe:
    """The first run's recipe with the sources, targets and rows of all, and the adapter as it came out."""
    sources, targets = _languages(runs)
    first = runs[0].recipe
    return dataclasses.replace(
        first,
        name=f"{first.name.removesuffix('_combined')}_combined",
        sources=sources,
        targets=targets,
        supervised=False,
        output_dir=str(out),
        select=SelectConfig(),
        data=dataclasses.replace(
            first.data,
            num_examples_total=sum(run.recipe.data.num_examples_total for run in runs),
            max_length_tokens=max(run.recipe.data.max_length_tokens for run in runs),
        ),
        adapter=dataclasses.replace(
            first.adapter,
            rank=combined.rank,
            alpha=combined.rank,
            dropout=0.0,
            use_rslora=False,
            target_modules=tuple(combined.config["target_modules"]),
        ),
    )


def _languages(runs: Sequence[FinishedRun]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    sources = tuple(dict.fromkeys(code for run in runs for code in run.recipe.sources))
    seen = {code.split("-", 1)[0] for code in sources}  # zh and zh-Hant overlap
    first, *rest = (run.recipe.targets for run in runs)
    targets = tuple(
        code for code in first if all(code in other for other in rest) and code.split("-", 1)[0] not in seen
    )
    if not targets:
        scored = "; ".join(f"{run.folder}: {', '.join(run.recipe.targets)}" for run in runs)
        raise Problem(
            f"runs: no language was scored zero-shot by all of them ({scored}), so nothing is left to score. "
            "Train the runs with targets in common."
        )
    return sources, targets


def _scoring(runs: Sequence[FinishedRun], num_items: int | None) -> ScoringConfig:
    """As the first run was scored, on ``num_items`` per language where that is given."""
    scoring = runs[0].recipe.scoring
    if num_items is None:
        return scoring
    if num_items < 0:
        raise Problem(f"num_items={num_items} is out of range. It must be 0 (all) or more.")
    return dataclasses.replace(scoring, num_examples_per_language=num_items)


def _provenance(
    runs: Sequence[FinishedRun],
    recipe: Recipe,
    weights: Sequence[float],
    how: str,
    method: str,
    settings: Mapping[str, Any],
    combined: Combined,
    adapter: Path,
) -> dict[str, Any]:
    from mslt_it.tuning.base_model import adapter_hash

    first = runs[0].provenance
    return {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "sources": list(recipe.sources),
        "selection": "",
        "num_examples": sum(run.provenance["num_examples"] for run in runs),
        "labels": list(recipe.task.label_names),
        "data": recipe.task.data,
        "data_revision": recipe.task.revision,
        "model": recipe.model.path,
        "model_revision": recipe.model.revision,
        "adapter_sha256": adapter_hash(adapter),
        **{key: first[key] for key in IDENTITY if key in first},
        "run_fingerprint": recipe.run_fingerprint(),
        "world": recipe.model.path == "world" or recipe.task.data == "world",
        "combination": {
            "method": method,
            **settings,
            "weights": how,
            "rank_of_result": combined.rank,
            "relative_error": combined.error,
            "error_against": combined.target,
            "adapters": [
                {
                    "run": str(run.folder),
                    "weight": weight,
                    "sources": list(run.recipe.sources),
                    "seed": run.recipe.seed,
                    "num_examples": run.provenance["num_examples"],
                    "adapter_sha256": run.provenance["adapter_sha256"],
                }
                for run, weight in zip(runs, weights, strict=True)
            ],
        },
    }


# ---------------------------------------------------------------- the run folder


def _finished(out: Path, wanted: str) -> tuple[str, Run, list[EvalResult]] | None:
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


def _open(recipe: Recipe, wanted: str) -> Run:
    """The folder, claimed for this combination before anything else is in it."""
    from mslt_it.recipe import resolved_yaml
    from mslt_it.runs import Run
    from mslt_it.tuning.checkpoints import write_atomically

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


def _score(run: Run, provenance: Mapping[str, Any]) -> list[EvalResult]:
    """Base and adapter on the same items of every language, as at the end of training."""
    from mslt_it.adapters.identity import FinishedRun, load_trained_base
    from mslt_it.data.encoding import Encoder
    from mslt_it.scoring.measures import check_languages
    from mslt_it.scoring.zero_shot import read_predictions, results, score_language, write_predictions
    from mslt_it.tuning.base_model import load_adapter

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
    return results(recipe, scored)


def _seal(run: Run, rows: list[EvalResult], provenance: Mapping[str, Any]) -> int:
    """Writes figures, papers and the seal, and prints the end; 0 = every score is valid, or none was asked for."""
    from mslt_it.runs import results_json
    from mslt_it.tuning.checkpoints import write_atomically
    from mslt_it.tuning.environment import environment

    content = results_json(rows, {**provenance, "environment": environment()})
    if not rows:
        content["status"] = UNSCORED  # "ok" would be said of figures that are not there
    run.write_json("environment.json", environment())
    run.write_json("results.json", content)
    write_atomically(run.folder / "adapter" / "README.md", card(run.recipe, rows, provenance))
    run.finish()
    _print_end(run, rows)
    return 0 if content["status"] in ("ok", UNSCORED) else 1


def card(recipe: Recipe, rows: Sequence[EvalResult], provenance: Mapping[str, Any]) -> str:
    """The README of the adapter's folder."""
    from mslt_it.report.table import as_markdown, verdict
    from mslt_it.report.table import rows as cells

    made = provenance["combination"]
    world = recipe.task.data == "world"
    data = "the embedded world of mslt_it (a generated toy, not the benchmark)" if world else recipe.task.data
    settings = [f"`{made['method']}`"] + [
        f"{k} {made[k]}" for k in ("rank", "max_error", "density", "seed") if k in made
    ]
    adapters = [("weight", "trained on", "rows", "seed", "adapter sha256")] + [
        (
            f"{a['weight']:+.4g}",
            ", ".join(a["sources"]),
            str(a["num_examples"]),
            str(a["seed"]),
            f"`{a['adapter_sha256']}`",
        )
        for a in made["adapters"]
    ]
    return "\n".join(
        [
            "---",
            "library_name: peft",
            f"base_model: {recipe.model.path}",
            f"language: {json.dumps(list(recipe.sources))}",
            "tags: [lora, cross-lingual-transfer, model-merging]",
            "---",
            "",
            f"# {recipe.name}",
            "",
            f"LoRA adapter (rank {made['rank_of_result']}) for `{recipe.task.name}`, combined after training from "
            f"{len(made['adapters'])} adapters that were trained separately on {data}: method "
            f"{', '.join(settings)}, weights {made['weights']}.",
            "",
            as_markdown(adapters),
            "",
            f"Relative error {made['relative_error']:.2g} against {made['error_against']} (Frobenius norm of the "
            "change of the weights).",
            "",
            *(
                [as_markdown(cells(rows, recipe.scoring.confidence)), "", verdict(rows, recipe.task)]
                if rows
                else ["It was not scored."]
            ),
            "",
            f"Adapter sha256 `{provenance['adapter_sha256']}`, base sha256 `{provenance['base_sha256']}`.",
            "",
        ]
    )


def _print_end(run: Run, rows: Sequence[EvalResult], already: bool = False) -> None:
    from mslt_it.report.table import as_text, title, verdict
    from mslt_it.report.table import rows as cells

    speak = print if already else run.say
    if already:
        speak(f"This combination is finished already; nothing was done. To make it again, remove {run.folder}.")
    if rows:
        speak(f"\n{title(run.recipe.task)}\n")
        speak(as_text(cells(rows, run.recipe.scoring.confidence)))
        speak(f"\n{verdict(rows, run.recipe.task)}")
        if run.recipe.task.data == "world":
            speak("These are figures of the embedded world, not of XNLI.")
    else:
        speak("Not scored (scored=false).")
    speak(f"Run folder: {run.folder}")


def _short(value: Any) -> str:
    return value[:12] if isinstance(value, str) else str(value)
