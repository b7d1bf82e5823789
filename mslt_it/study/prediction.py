"""Would single-source adapters, combined, have told which set of sources is best, without training the sets?

For each seed the adapters of a set's languages, each trained alone, are added with equal weights (`combine`'s ``cat``:
their mean, exactly), put on the one loaded base and scored on the targets. A pool of 7 takes 7 adapters that way, not
the 35 of all sets of three. What comes out is compared with what the trained sets reached.

Beside it stand two predictions that need no combining: the mean of the singles' own figures on the same items, and the
figure of the best of them. Only where the combined adapters agree better than these was combining worth anything.

Written to ``studies/NAME/predicted.json``, and while it is being made to ``predicted/``: a journal of answers per set
and seed (a killed prediction goes on where it was), and the seconds that each took. The single adapters were trained on
the whole budget each, a set's languages share it: the combined adapter has seen more labelled rows than the set it
stands for, so levels may differ where the order agrees.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.config.recipe import Recipe
from mslt_it.data.encoding import Encoder
from mslt_it.data.rows import RowStore
from mslt_it.data.segments import encoder_of
from mslt_it.evaluation.asking import Question, ask, engine
from mslt_it.evaluation.measures import Measure, why_invalid
from mslt_it.evaluation.questions import items_of, questions_of
from mslt_it.evaluation.settings import Settings as Sampled
from mslt_it.evaluation.systems import Bench, LoadedBase, System, applied, load
from mslt_it.models.base_model import CONFIG, adapter_hash
from mslt_it.models.identity import read_run
from mslt_it.models.lora import Lora, read_lora, write_lora
from mslt_it.problems import Problem
from mslt_it.publish.combine import combine
from mslt_it.publish.comparable import refuse_strangers
from mslt_it.records import PromptedExample
from mslt_it.store import file_sha256
from mslt_it.study.analyse import agreement
from mslt_it.study.analyse.agreement import METHOD, Singles
from mslt_it.study.analyse.findings import set_name
from mslt_it.study.analyse.resampling import Settings as Drawing
from mslt_it.study.analyse.resampling import resample
from mslt_it.study.collect import ScoredCell, Slice, Study, collect
from mslt_it.study.config import PREDICTED, Predict
from mslt_it.study.manifest import StudyFolder

SCHEMA = 1
SECONDS = "seconds.jsonl"


def predict(
    folder: Path,
    settings: Predict,
    say: Callable[[str], object] = lambda text: None,
    chosen: Slice | None = None,
) -> dict[str, Any]:
    """What predicted.json holds, for a study whose cells are done.

    Args:
        chosen: which cells, where a study has several budgets or variants; default: the first of the manifest.
    """
    study = collect(folder)
    chosen = chosen or _first_slice(study)
    singles, sets = _cells(study, chosen, settings.set_size)
    wanted = [ids[: settings.num_items or None] for ids in study.item_ids]
    asked = _Asked.of(folder, study, singles, wanted)
    seeds = sorted({seed for _, seed in singles})
    values: dict[tuple[tuple[str, ...], int], np.ndarray] = {}
    for seed in seeds:
        own = [one for one in sets if all((code, seed) in singles for code in one)]
        say(f"prediction: {len(own)} sets of {settings.set_size} by adapters combined, seed {seed} ...")
        for one in own:
            values[one, seed] = asked.score(one, seed, study.measure)
    shutil.rmtree(folder / PREDICTED / "adapter", ignore_errors=True)
    figures = resample(study, chosen, Drawing())
    rows = [figures.sets.index(one) for one in sets]
    alone = {key: _figures_on(study, cell, wanted) for key, cell in singles.items()}
    table = [
        agreement.row(one, seeds, values, alone, float(figures.mean[row])) for one, row in zip(sets, rows, strict=True)
    ]
    seconds = agreement.seconds(StudyFolder(folder), study, singles, sets, chosen, folder / PREDICTED / SECONDS)
    return {
        "schema": SCHEMA,
        **agreement.told(chosen, settings.num_items, singles, seeds, len(sets)),
        **agreement.told_of_time(seconds),
        "metric": study.measure.name,
        "seeds": seeds,
        "items": {code: len(ids) for code, ids in zip(study.targets, wanted, strict=True)},
        "rows": table,
        **agreement.agreement(table, figures, np.array(rows)),
        "seconds": seconds,
    }


# ---------------------------------------------------------------- which cells


def _first_slice(study: Study) -> Slice:
    first = study.manifest["cells"][0]
    return Slice(int(first["budget"]), str(first["variant"]))


def _cells(study: Study, chosen: Slice, size: int) -> tuple[Singles, list[tuple[str, ...]]]:
    """The single-source cells, and the sets of the size that were measured, in the manifest's order."""
    own = [cell for cell in study.cells if cell.slice == chosen]
    first = min(cell.assignment for cell in own)  # of several assignments, one has the adapters
    singles = {
        (cell.sources[0], cell.seed): cell for cell in own if len(cell.sources) == 1 and cell.assignment == first
    }
    sets = list(dict.fromkeys(cell.sources for cell in own if len(cell.sources) == size))
    if len(sets) < 3:
        raise Problem(
            f"prediction: {len(sets)} sets of {size} sources are measured in {study.folder}; an order needs 3 at "
            "least. Choose predict.set_size among the study's set_sizes."
        )
    for one in sets:
        for seed in sorted({cell.seed for cell in own if cell.sources == one}):
            for code in one:
                if (code, seed) not in singles:
                    raise Problem(
                        f"prediction: {set_name(one)} needs the adapter trained on {code} alone with seed {seed}, and "
                        f"{study.folder} has none. Put 1 into set_sizes, without a sample that leaves it out."
                    )
    return singles, sets


def _figures_on(study: Study, cell: ScoredCell, wanted: Sequence[Sequence[str]]) -> float:
    """The cell's mean over targets, on the first items only. ``wanted`` is what the items of each target begin with."""
    sums = [cell.counts[row, : len(ids)].sum(axis=0, dtype=float) for row, ids in enumerate(wanted)]
    return float(np.mean(study.measure.value(np.array(sums))))


# ---------------------------------------------------------------- asking the combined adapters


@dataclass(frozen=True, eq=False)
class _Asked:
    """The base with its questions: the same for every set and seed."""

    folder: Path  # of journals
    loras: Mapping[tuple[str, int], Lora]  # (language, seed) -> its adapter
    recipe: Recipe
    loaded: LoadedBase
    encoder: Encoder
    items: Mapping[str, tuple[PromptedExample, ...]]  # per target
    questions: tuple[Question, ...]  # of all targets, one target after the other

    @classmethod
    def of(cls, folder: Path, study: Study, singles: Singles, wanted: Sequence[Sequence[str]]) -> _Asked:
        """Reads the singles, loads their base once and tokenises the items."""
        runs = {key: read_run(folder / "cells" / cell.id) for key, cell in singles.items()}
        finished = tuple(runs.values())
        refuse_strangers(finished)
        loras = {key: read_lora(run.adapter) for key, run in runs.items()}  # refused before the base is loaded
        recipe = finished[0].recipe
        items, rows = {}, RowStore()
        for code, ids in zip(study.targets, wanted, strict=True):
            by_id = {item.id: item for item in items_of(recipe, recipe.prompt.variant, code, rows=rows)}
            if missing := [one for one in ids if one not in by_id]:
                raise Problem(
                    f"prediction: item {missing[0]} of '{code}' is not among the rows that {recipe.task.data} gives "
                    "now. Put the data back as it was, or run the study again."
                )
            items[code] = tuple(by_id[one] for one in ids)
        loaded = load(Bench(recipe.model, recipe.adapter, (), finished), given_model=False)
        encoder = encoder_of(recipe, loaded.tokenizer)
        questions = [
            dataclasses.replace(question, item_id=f"{code}/{question.item_id}")
            for code, own in items.items()
            for question in questions_of(recipe, own, encoder, Sampled())
        ]
        return cls(folder / PREDICTED, loras, recipe, loaded, encoder, items, tuple(questions))

    def score(self, one: tuple[str, ...], seed: int, measure: Measure) -> np.ndarray:
        """(targets,) figures of the combined adapter; what the journal holds is not asked again."""
        started, cpu = time.monotonic(), time.process_time()
        system = self._combined(one, seed, [self.loras[code, seed] for code in one])
        with applied(self.loaded, system) as model:
            answered = ask(
                engine(model, self.questions, self.encoder, self.recipe.scoring.batch_tokens),
                self.questions,
                model_key=self.loaded.model_key(system),
                path=self.folder / "answers" / f"{system.name}.jsonl",
                about={"set": list(one), "seed": seed},
            )
        if answered.num_computed:
            spent = {"set": list(one), "seed": seed, "seconds": time.monotonic() - started}
            _append(self.folder / SECONDS, spent | {"cpu_seconds": time.process_time() - cpu})
        return self._figures(system.name, answered.rows, measure)

    def _combined(self, one: tuple[str, ...], seed: int, loras: Sequence[Lora]) -> System:
        """The mean of the adapters, in a folder that the next one takes over: an adapter is made faster than kept."""
        adapter = self.folder / "adapter"
        mean = combine(loras, [1 / len(loras)] * len(loras), METHOD)
        write_lora(adapter, mean.tensors, mean.config)
        name = f"{'-'.join(one)}_s{seed}"
        return System(name, adapter, adapter_hash(adapter), one, file_sha256(adapter / CONFIG))

    def _figures(self, name: str, rows: Sequence[Mapping[str, Any]], measure: Measure) -> np.ndarray:
        found, start = [], 0
        for code, items in self.items.items():
            own, start = rows[start : start + len(items)], start + len(items)
            if items[0].is_written:
                outputs: Any = tuple(row["text"] for row in own)
                reason = "an answer was written from scores that are not finite" if None in outputs else ""
            else:
                outputs = np.array([[float(v) for v in row["log_likelihoods"]] for row in own])
                reason = why_invalid(outputs)
            if reason:
                raise Problem(
                    f"prediction: the combined adapter {name} has no valid scores in {code} ({reason}). Are its "
                    "single adapters sound? Look at their cells' results.json."
                )
            counts, _ = measure.counts(items, outputs)
            found.append(counts.sum(axis=0))
        return np.asarray(measure.value(np.array(found, dtype=float)))


def _append(path: Path, line: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
