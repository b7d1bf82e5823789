"""Would single-source adapters, combined, have told which set of sources is best, without training the sets?

For each seed the adapters of a set's languages, each trained alone, are added with equal weights (`combine`'s ``cat``:
their mean, exactly), put on the one loaded base and scored on the targets. A pool of 7 takes 7 adapters that way, not
the 35 of all sets of three. What comes out is compared with what the trained sets reached on other items with other
seeds (the first half of the seeds predicts, the others measure), so that luck does not agree with itself.

Beside it stand predictions that need no combining: the mean of the singles' own figures on the same items, the figure
of the best of them, and typology. Only where the combined adapters agree better was combining worth anything.

Written to ``studies/NAME/predicted.json``, and while it is being made to ``predicted/``: journals of answers, per set
and seed (a killed prediction goes on where it was), and the seconds that each took. The single adapters were trained on
the whole budget each, a set's languages share it: the combined adapter has seen more labelled rows than the set it
stands for, so levels may differ where the order agrees.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.data.encoding import Encoder
from mslt_it.data.rows import RowStore
from mslt_it.data.segments import encoder_of
from mslt_it.evaluation.answered import outputs_of
from mslt_it.evaluation.clusters import components
from mslt_it.evaluation.estimates import Settings as Drawing
from mslt_it.evaluation.evaluator import Evaluator, Unit
from mslt_it.evaluation.measures import Measure
from mslt_it.evaluation.questions import items_of, questions_of
from mslt_it.evaluation.systems import Bench, LoadedBase, System, adapter_system, load
from mslt_it.journal import opened_line, sealed_line
from mslt_it.models.finished_run import adapter_hash, read_run
from mslt_it.models.lora import Lora, read_lora, write_lora
from mslt_it.problems import Problem, Say
from mslt_it.progress import duration
from mslt_it.publish.combine import combine
from mslt_it.study.analyse.agreement import SCHEMA, Sets, agreement
from mslt_it.study.analyse.findings import set_name
from mslt_it.study.analyse.resampling import resample
from mslt_it.study.collect import ScoredCell, Slice, Study, collect, stacked
from mslt_it.study.config import PREDICTED, Predict
from mslt_it.study.forecast import seconds_of
from mslt_it.study.manifest import StudyFolder

SECONDS = "seconds.jsonl"
METHOD = "cat"
Singles = dict[tuple[str, int], ScoredCell]  # (language, seed) -> its cell
Places = list[np.ndarray]  # per target, the numbers of items


def predict(folder: Path, settings: Predict, say: Say = lambda text: None) -> dict[str, Any]:
    """What predicted.json holds, for a study whose cells are done; of several budgets or variants the first's."""
    study = collect(folder)
    first = study.manifest["cells"][0]
    chosen = Slice(int(first["budget"]), str(first["variant"]))
    singles, sets = _cells(study, chosen, settings.set_size)
    used, rest = _divided(study, settings.num_items)
    seeds = sorted({seed for _, seed in singles})
    own = seeds[: max(1, len(seeds) // 2)]
    others = seeds[len(own) :] or own
    singles = {key: cell for key, cell in singles.items() if key[1] in own}
    wanted = [[ids[i] for i in places] for ids, places in zip(study.item_ids, used, strict=True)]
    asked = _Asked.of(folder, study, singles, wanted)
    combined = []
    for seed in own:
        able = [one for one in sets if all((code, seed) in singles for code in one)]
        say(f"prediction: {len(able)} sets of {settings.set_size} by adapters combined, seed {seed} ...")
        for one in able:
            counts = asked.score(one, seed, study.measure)
            combined.append(ScoredCell(f"{'-'.join(one)}_s{seed}", one, seed, chosen, counts))
    shutil.rmtree(folder / PREDICTED / "adapter", ignore_errors=True)
    alone = [dataclasses.replace(cell, assignment=0) for cell in singles.values()]
    trained = [
        cell for cell in study.cells if cell.slice == chosen and cell.sources in set(sets) and cell.seed in others
    ]
    predictor = resample(_part(study, [*combined, *alone], used), chosen, Drawing())
    measured = resample(_part(study, trained, rest), chosen, Drawing())
    return {
        "schema": SCHEMA,
        **_told(chosen, singles, own, others, len(sets)),
        **_time(StudyFolder(folder), study, singles, sets, chosen),
        "metric": study.measure.name,
        "seeds": {"predictor": own, "order": others},
        "items": {
            code: {"predictor": len(mine), "order": len(left)}
            for code, mine, left in zip(study.targets, used, rest, strict=True)
        },
        **agreement(predictor, measured, sets),
    }


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
                        f"prediction: {set_name(one)} needs the adapter trained on {code} alone with seed {seed}, "
                        f"which {study.folder} lacks. Put 1 into set_sizes, without a sample that leaves it out."
                    )
    return singles, sets


def _divided(study: Study, num_items: int) -> tuple[Places, Places]:
    """(the predictor's items, those that the order is measured on); 0: the first half is the predictor's.

    Of the others those are left out that hang together with one of the predictor's: translations of it, and rows of its
    premise or passage.
    """
    used: Places = []
    for code, ids in zip(study.targets, study.item_ids, strict=True):
        number = num_items or len(ids) // 2
        if not 0 < number < len(ids):
            raise Problem(
                f"prediction: num_items={num_items} leaves none of the {len(ids)} items of '{code}' to measure the "
                "order on. Give fewer, or 0 for half of them."
            )
        used.append(np.arange(number))
    rest: Places = [np.array([], dtype=int)] * len(used)
    for component in components(study.item_ids, study.groups):
        clusters = list(zip(component.languages, component.cluster_of, strict=True))
        seen = np.unique(np.concatenate([of[used[row]] for row, of in clusters]))
        for row, of in clusters:
            rest[row] = np.flatnonzero(~np.isin(of, seen))
            if not len(rest[row]):
                raise Problem(
                    f"prediction: all items of '{study.targets[row]}' are grouped with the {len(used[row])} "
                    "that the prediction is made on (one premise, passage or template). Give fewer num_items."
                )
    return used, rest


def _part(study: Study, cells: Sequence[ScoredCell], items: Places) -> Study:
    """These cells on these items; cells that have other items already are taken as they are."""

    def own(cell: ScoredCell) -> ScoredCell:
        return dataclasses.replace(cell, counts=stacked([cell.counts[row, at] for row, at in enumerate(items)]))

    ids, groups = (
        tuple(tuple(names[i] for i in places) for names, places in zip(of, items, strict=True))
        for of in (study.item_ids, study.groups)
    )
    return dataclasses.replace(study, item_ids=ids, groups=groups, cells=tuple(map(own, cells)), base=None)


@dataclass(frozen=True, eq=False)
class _Asked:
    """The base with its questions: the same for every set and seed."""

    folder: Path  # of journals
    loras: Mapping[tuple[str, int], Lora]  # (language, seed) -> its adapter
    loaded: LoadedBase
    encoder: Encoder
    units: Sequence[Unit]  # one per target

    @classmethod
    def of(cls, folder: Path, study: Study, singles: Singles, wanted: Sequence[Sequence[str]]) -> _Asked:
        """Reads the singles, loads their base once and tokenises the items."""
        runs = {key: read_run(folder / "cells" / cell.id) for key, cell in singles.items()}
        finished = tuple(runs.values())
        loras = {key: read_lora(run.adapter) for key, run in runs.items()}  # refused before the base is loaded
        recipe, rows = finished[0].recipe, RowStore()
        items = {}
        for code, ids in zip(study.targets, wanted, strict=True):
            by_id = {item.id: item for item in items_of(recipe, recipe.prompt.variant, code, rows)}
            if missing := [one for one in ids if one not in by_id]:
                raise Problem(
                    f"prediction: item {missing[0]} of '{code}' is not among the rows that {recipe.task.data} gives "
                    "now. Put the data back as it was, or run the study again."
                )
            items[code] = tuple(by_id[one] for one in ids)
        loaded = load(Bench(recipe.model, recipe.adapter, (), finished), given_model=False)
        encoder = encoder_of(recipe, loaded.tokenizer)
        units = [
            Unit(recipe, recipe.prompt.variant, code, own, questions_of(recipe, own, encoder))
            for code, own in items.items()
        ]
        return cls(folder / PREDICTED, loras, loaded, encoder, units)

    def score(self, one: tuple[str, ...], seed: int, measure: Measure) -> np.ndarray:
        """(targets, items, k) counts of the combined adapter; what the journals hold is not asked again."""
        started, cpu = time.monotonic(), time.process_time()
        system = self._combined(one, seed, [self.loras[code, seed] for code in one])
        answered, _, num_computed = Evaluator([system], self.loaded, self.encoder, self.folder).answers(self.units)
        if num_computed:
            spent = {"set": list(one), "seed": seed, "seconds": time.monotonic() - started}
            with (self.folder / SECONDS).open("a", encoding="utf-8") as file:
                file.write(sealed_line(spent | {"cpu_seconds": time.process_time() - cpu}, b""))
        found = []
        for of_language in answered:
            out = outputs_of(of_language)
            if out.reason:
                raise Problem(
                    f"prediction: the combined adapter {system.name} has no valid scores in {of_language.language} "
                    f"({out.reason}). Are its single adapters sound? Look at their cells' results.json."
                )
            found.append(measure.counts(of_language.items, out.outputs)[0])
        return stacked(found)

    def _combined(self, one: tuple[str, ...], seed: int, loras: Sequence[Lora]) -> System:
        """The mean of the adapters, in a folder that the next one takes over: an adapter is made faster than kept."""
        adapter = self.folder / "adapter"
        mean = combine(loras, [1 / len(loras)] * len(loras), METHOD)
        write_lora(adapter, mean.tensors, mean.config)
        return adapter_system(f"{'-'.join(one)}_s{seed}", adapter, adapter_hash(adapter), one)


def _told(chosen: Slice, singles: Singles, own: Sequence[int], others: Sequence[int], num_sets: int) -> dict[str, Any]:
    """What a report shows as it is; the seeds of the predictor and those of the order."""
    num = len({code for code, _ in singles})
    seeds = f"each of {len(own)} seeds" if len(own) > 1 else f"seed {own[0]}"
    measured = f"{'seeds' if len(others) > 1 else 'seed'} {', '.join(map(str, others))}, not the predictor's"
    return {
        "how": f"for {seeds} the adapters of a set's languages, each trained alone, were added with equal weights "
        f"({METHOD}, their exact mean) and scored",
        "order": f"measured on other items and {'the same seed: there is no other' if own == others else measured}",
        "adapters": f"{num} trained per seed, one per language, instead of {num_sets}, one per set",
        "budget": f"each single adapter was trained on {chosen.budget} rows; the languages of a set share that number",
        "cells": chosen.name,
    }


def _time(folder: StudyFolder, study: Study, singles: Singles, sets: Sets, chosen: Slice) -> dict[str, Any]:
    """What the cells took that the prediction needs, what it took itself, and what those took that it stands for."""
    of_sets = [cell.id for cell in study.cells if cell.slice == chosen and cell.sources in set(sets)]
    needed, stood_for = (_of_cells(folder, ids) for ids in ([cell.id for cell in singles.values()], of_sets))
    path = folder.path / PREDICTED / SECONDS
    lines = path.read_bytes().split(b"\n") if path.is_file() else []
    own = [row for line in lines if (row := opened_line(line, b"")) is not None]  # a kill may have torn one
    spent, cpu = (sum(line[key] for line in own) for key in ("seconds", "cpu_seconds"))
    seconds = {"single_cells": needed, "set_cells": stood_for}
    seconds |= {"combining_and_scoring": spent, "combining_and_scoring_cpu": cpu}
    if needed is None or stood_for is None:
        return {"time": "not known, since no cell was timed from its start to its end", "seconds": seconds}
    told = (
        f"{duration(needed)} for the cells of single sources and {duration(spent)} for combining and scoring, instead "
        f"of {duration(stood_for)} for the cells of the sets (each of one worker)"
    )
    return {"time": told, "seconds": {**seconds, "saved": stood_for - needed - spent}}


def _of_cells(folder: StudyFolder, ids: Sequence[str]) -> float | None:
    """Seconds of these cells; one that was interrupted, whose time is not whole, counts as the median of the others.

    None where none was measured.
    """
    whole = [one for name in ids if (one := seconds_of(folder, name)) is not None]
    return sum(whole) + (len(ids) - len(whole)) * float(np.median(whole)) if whole else None
