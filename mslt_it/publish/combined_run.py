"""The run folder of a combined adapter, as `mslt train` leaves one, so that merging and combining again read it.

config.yaml (the first run's recipe with the sources of all), adapter/ with its card, items/, predictions/,
results.json, COMPLETE.json. Its languages are scored by the same code, on the same items, as after training.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import Recipe, SelectConfig
from mslt_it.config.schema import FrozenDict
from mslt_it.data.budget import budget
from mslt_it.data.encoding import Encoder
from mslt_it.data.mixing import allocate
from mslt_it.data.rows import RowStore
from mslt_it.data.segments import encoder_of
from mslt_it.evaluation.measures import check_languages
from mslt_it.evaluation.scores import Figures
from mslt_it.evaluation.systems import Bench, load
from mslt_it.locks import beside, only_writer
from mslt_it.models.finished_run import ADAPTER, FinishedRun, adapter_hash
from mslt_it.models.lora import read_lora, write_lora
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.progress import tell
from mslt_it.publish.combine import Combined, combine
from mslt_it.publish.combine_options import ADAMERGEX, CombineRequest, Plan, refuse_another
from mslt_it.publish.comparable import IDENTITY, languages
from mslt_it.publish.scored_run import UNSCORED, conclude, evaluate_run, print_end, provenance
from mslt_it.runs import Run


def combine_runs(request: CombineRequest, plan: Plan, show: Callable[[str], object] = tell) -> int:
    """Combines the adapters of finished runs as planned, scores the result, prints; 0 = done and every score valid."""
    out = values.path(request.out)
    with only_writer(out, beside(out), wait=request.wait, say=show):
        return _combine_runs(request, plan, out, show)


def _combine_runs(request: CombineRequest, plan: Plan, out: Path, show: Callable[[str], object]) -> int:
    method, runs, of_task, shares, wanted = request.method, plan.runs, plan.of_task, plan.shares, plan.wanted
    if done := finished(out, wanted, show):
        run, content = done
        if content["status"] != UNSCORED or not request.scored:
            return print_end(run, content, run.recipe.task, already="combination")

    loras = [read_lora(run.adapter) for run in runs]
    combined = combine(loras, shares, method, **plan.settings)
    made = _described({"method": method, **plan.settings, "weights": plan.how}, runs, shares, combined)
    recipe = dataclasses.replace(combined_recipe(of_task, combined, out), scoring=plan.scored_as)
    run = Run(recipe, show=show)
    run.open(combination=wanted)
    run.say(f"{method} of {len(runs)} adapters, weights {plan.how}\n{'weight':>8}  {'rank':>4}  {'rows':>6}  sources")
    for one, lora in zip(made["adapters"], loras, strict=True):
        task = f", {one['task']}" * (method == ADAMERGEX)
        sources = f"{', '.join(one['sources'])}{task}  ({one['run']})"
        run.say(f"{one['weight']:>+8.3f}  {lora.rank:>4}  {one['num_examples']:>6}  {sources}")
    run.say(f"Result: rank {combined.rank}, relative error {combined.error:.2g} against {combined.target}.")
    write_lora(run.folder / ADAPTER, combined.tensors, combined.config)
    counts: Counter[str] = sum((Counter(one.provenance.get("train_label_counts")) for one in of_task), Counter())
    num_examples = sum(one.provenance["num_examples"] for one in of_task)
    base = {key: runs[0].provenance[key] for key in IDENTITY if key in runs[0].provenance}
    record = provenance(recipe, num_examples, counts, adapter_hash(run.folder / ADAPTER), base)
    record["combination"] = made | {"fingerprint": wanted}
    encoder = encoder_of(recipe, load_tokenizer(recipe.model))
    return conclude(run, recipe, score(run, record, runs, encoder) if request.scored else None, record, encoder)


def finished(out: Path, wanted: str, show: Callable[[str], object]) -> tuple[Run, dict[str, Any]] | None:
    """(run, results.json) of this very combination where it is sealed; a Problem for a folder of something else."""
    refuse_another(out, wanted)
    if not (out / "config.yaml").is_file():
        return None
    run = Run(dataclasses.replace(load_recipe("config", config_dir=out), output_dir=str(out)), show=show)
    content = run.finished_results()
    return None if content is None else (run, content)


def score(run: Run, record: Mapping[str, Any], runs: Sequence[FinishedRun], encoder: Encoder) -> Figures | None:
    """Base and adapter on the same items of every language, as at the end of training."""
    recipe = run.recipe
    check_languages(recipe.task.metric, recipe.languages)
    own = FinishedRun(run.folder, recipe, record)
    loaded = load(Bench(recipe.model, recipe.adapter, (), (own,)), given_model=False)
    return evaluate_run(
        run,
        recipe,
        loaded,
        encoder,
        RowStore(),
        adapter_sha256=record["adapter_sha256"],
        train_counts=record["train_label_counts"],
        runs=[one.folder for one in runs],
    )


def combined_recipe(runs: Sequence[FinishedRun], combined: Combined, out: Path) -> Recipe:
    """The first run's recipe with the sources, targets and rows of all, and the adapter as it came out."""
    sources, targets = languages(runs)
    first = runs[0].recipe
    rows: Counter[str] = Counter()
    for run in runs:
        rows.update(budget(run.recipe))
    are_equal = rows == allocate(rows.total(), rows)
    looked = [run.recipe.training for run in runs if run.recipe.training.eval_steps]  # at items that are not scored
    return dataclasses.replace(
        first,
        training=max(looked, key=lambda training: training.num_eval_examples, default=first.training),
        name=f"{first.name.removesuffix('_combined')}_combined",
        sources=sources,
        targets=targets,
        targets_note="",
        order_note="",
        supervised=False,
        output_dir=str(out),
        select=SelectConfig(),
        data=dataclasses.replace(
            first.data,
            num_examples_total=rows.total(),
            num_examples=FrozenDict({} if are_equal else {code: rows[code] for code in sources}),
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


def _described(
    how: Mapping[str, Any], runs: Sequence[FinishedRun], weights: Sequence[float], result: Combined
) -> dict[str, Any]:
    """What results.json says of how the adapter was made."""
    return {
        **how,
        "rank_of_result": result.rank,
        "relative_error": result.error,
        "error_against": result.target,
        "adapters": [
            {
                "run": str(run.folder),
                "weight": weight,
                "sources": list(run.recipe.sources),
                "task": run.recipe.task.name,
                "seed": run.recipe.seed,
                **{key: run.provenance[key] for key in ("num_examples", "adapter_sha256")},
            }
            for run, weight in zip(runs, weights, strict=True)
        ],
    }
