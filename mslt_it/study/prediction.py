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

import contextlib
import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mslt_it.problems import Problem, nearest
from mslt_it.study.findings import set_name
from mslt_it.study.forecast import duration
from mslt_it.study.manifest import StudyFolder

if TYPE_CHECKING:
    from mslt_it.data.encoding import Encoder
    from mslt_it.evaluation.asking import Question
    from mslt_it.evaluation.measures import Measure
    from mslt_it.evaluation.systems import LoadedBase, System
    from mslt_it.models.lora import Lora
    from mslt_it.records import PromptedExample, Recipe
    from mslt_it.study.collect import ScoredCell, Slice, Study
    from mslt_it.study.uncertainty import SetFigures

SCHEMA = 1
WORK = "predicted"  # folder inside the study's
SECONDS = "seconds.jsonl"
METHOD = "cat"
# Key of a row -> what it predicts from.
PREDICTORS = {
    "predicted": "single-source adapters combined (cat, equal weights)",
    "singles_mean": "mean of the single sources' own figures",
    "best_single": "best of the single sources' own figures",
}


@dataclass(frozen=True)
class Settings:
    """Which sets are predicted, and on how much."""

    set_size: int = 3
    num_items: int = 100  # per target, the first of those that the cells are scored on; 0 = all of them

    def __post_init__(self) -> None:
        for name, least in (("set_size", 2), ("num_items", 0)):
            if getattr(self, name) < least:
                raise Problem(f"predict.{name}={getattr(self, name)} is out of range. It must be {least} or more.")


def settings_from(values: Mapping[str, Any]) -> Settings:
    """The settings that a study's file names; the others as they are by default."""
    known = {f.name: f.default for f in dataclasses.fields(Settings)}
    for name, value in values.items():
        if name not in known:
            raise Problem(f"predict.{name} is not known. {nearest(str(name), known)}")
        if isinstance(value, bool) or not isinstance(value, int):
            raise Problem(f"predict.{name}={value!r} is not a whole number. Write for example {name}: {known[name]}.")
    return Settings(**values)


def predict(
    folder: Path,
    settings: Settings,
    say: Callable[[str], object] = lambda text: None,
    chosen: Slice | None = None,
) -> dict[str, Any]:
    """What predicted.json holds, for a study whose cells are done.

    Args:
        chosen: which cells, where a study has several budgets or variants; default: the first of the manifest.
    """
    from mslt_it.study.collect import collect
    from mslt_it.study.uncertainty import Settings as Drawing
    from mslt_it.study.uncertainty import resample

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
    shutil.rmtree(folder / WORK / "adapter", ignore_errors=True)
    figures = resample(study, chosen, Drawing())
    rows = [figures.sets.index(one) for one in sets]
    alone = {key: _figures_on(study, cell, wanted) for key, cell in singles.items()}
    table = [_row(one, seeds, values, alone, float(figures.mean[row])) for one, row in zip(sets, rows, strict=True)]
    seconds = _seconds(StudyFolder(folder), study, singles, sets, chosen)
    return {
        "schema": SCHEMA,
        **_told(chosen, settings, singles, seeds, len(sets)),
        **_told_of_time(seconds),
        "metric": study.measure.name,
        "seeds": seeds,
        "items": {code: len(ids) for code, ids in zip(study.targets, wanted, strict=True)},
        "rows": table,
        **_agreement(table, figures, np.array(rows)),
        "seconds": seconds,
    }


# ---------------------------------------------------------------- which cells

Singles = dict[tuple[str, int], "ScoredCell"]  # (language, seed) -> its cell


def _first_slice(study: Study) -> Slice:
    from mslt_it.study.collect import Slice

    first = study.manifest["cells"][0]
    return Slice(int(first["budget"]), str(first["variant"]))


def _cells(study: Study, chosen: Slice, size: int) -> tuple[Singles, list[tuple[str, ...]]]:
    """The single-source cells, and the sets of the size that were measured, in the manifest's order."""
    own = [cell for cell in study.cells if cell.slice == chosen]
    singles = {(cell.sources[0], cell.seed): cell for cell in own if len(cell.sources) == 1}
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
        from mslt_it.data.encoding import Encoder
        from mslt_it.evaluation.settings import Settings as Sampled
        from mslt_it.evaluation.systems import Bench, load
        from mslt_it.evaluation.units import items_of, questions_of
        from mslt_it.models.identity import read_run
        from mslt_it.models.lora import read_lora
        from mslt_it.publish.comparable import refuse_strangers

        runs = {key: read_run(folder / "cells" / cell.id) for key, cell in singles.items()}
        finished = tuple(runs.values())
        refuse_strangers(finished)
        loras = {key: read_lora(run.adapter) for key, run in runs.items()}  # refused before the base is loaded
        recipe = finished[0].recipe
        items = {}
        for code, ids in zip(study.targets, wanted, strict=True):
            by_id = {item.id: item for item in items_of(recipe, recipe.prompt.variant, code)}
            if missing := [one for one in ids if one not in by_id]:
                raise Problem(
                    f"prediction: item {missing[0]} of '{code}' is not among the rows that {recipe.task.data} gives "
                    "now. Put the data back as it was, or run the study again."
                )
            items[code] = tuple(by_id[one] for one in ids)
        loaded = load(Bench(recipe.model, recipe.adapter, (), finished), given_model=False)
        encoder = Encoder(loaded.tokenizer, recipe.data.max_length_tokens)
        questions = [
            dataclasses.replace(question, item_id=f"{code}/{question.item_id}")
            for code, own in items.items()
            for question in questions_of(recipe, own, encoder, Sampled())
        ]
        return cls(folder / WORK, loras, recipe, loaded, encoder, items, tuple(questions))

    def score(self, one: tuple[str, ...], seed: int, measure: Measure) -> np.ndarray:
        """(targets,) figures of the combined adapter; what the journal holds is not asked again."""
        from mslt_it.evaluation.asking import ask, engine
        from mslt_it.evaluation.systems import applied

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
        from mslt_it.evaluation.systems import System
        from mslt_it.models.base_model import CONFIG, adapter_hash
        from mslt_it.publish.combine import combine, write_combined
        from mslt_it.store import file_sha256

        adapter = self.folder / "adapter"
        write_combined(combine(loras, [1 / len(loras)] * len(loras), METHOD), adapter)
        name = f"{'-'.join(one)}_s{seed}"
        return System(name, adapter, adapter_hash(adapter), one, file_sha256(adapter / CONFIG))

    def _figures(self, name: str, rows: Sequence[Mapping[str, Any]], measure: Measure) -> np.ndarray:
        from mslt_it.evaluation.validity import why_invalid

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


# ---------------------------------------------------------------- what comes out


def _row(
    one: tuple[str, ...],
    seeds: Sequence[int],
    values: Mapping[tuple[tuple[str, ...], int], np.ndarray],
    alone: Mapping[tuple[str, int], float],
    measured: float,
) -> dict[str, Any]:
    of_seeds = {seed: float(values[one, seed].mean()) for seed in seeds if (one, seed) in values}
    own = [float(np.mean([alone[code, seed] for seed in of_seeds])) for code in one]
    return {
        "set": list(one),
        "predicted": float(np.mean(list(of_seeds.values()))),
        "measured": measured,
        "singles_mean": float(np.mean(own)),
        "best_single": max(own),
        "predicted_by_seed": {str(seed): value for seed, value in of_seeds.items()},
    }


def _agreement(table: Sequence[Mapping[str, Any]], figures: SetFigures, rows: np.ndarray) -> dict[str, Any]:
    """Rank correlations with the measured order, intervals from items and seeds of the measured figures drawn again;
    and what the combined adapters agree better than the other predictions, on the same draws."""
    from mslt_it.study.uncertainty import average_ranks, kendall, spearman

    point, drawn = figures.mean[rows], figures.mean_drawn[:, rows]
    ranks = average_ranks(point)
    found, rhos = {}, {}
    for key, how in PREDICTORS.items():
        by = np.array([row[key] for row in table])
        rhos[key] = float(spearman(by, point)), spearman(by, drawn)
        tau, tau_drawn = float(kendall(by, point)), kendall(by, drawn)
        first = by == by.max()
        picks = [set_name(row["set"]) for row, is_first in zip(table, first, strict=True) if is_first]
        found[key] = {
            "by": how,
            "spearman": _estimate(rhos[key][0], figures.interval(rhos[key][1])),
            "kendall": _estimate(tau, figures.interval(tau_drawn)),
            "pick": picks[0] if len(picks) == 1 else f"{len(picks)} sets that tie",
            "measured_rank": float(ranks[first].mean()),
        }
    (rho, rho_drawn), *others = rhos.values()
    differences = {
        key: _estimate(rho - other, figures.interval(rho_drawn - other_drawn))
        for key, (other, other_drawn) in zip(list(rhos)[1:], others, strict=True)
    }
    return {"agreement": found, "better_than": differences}


def _estimate(value: float, interval: tuple[float, float]) -> dict[str, float]:
    return {"value": value, "low": interval[0], "high": interval[1]}


def _told(chosen: Slice, settings: Settings, singles: Singles, seeds: Sequence[int], num_sets: int) -> dict[str, Any]:
    """What a report shows as it is."""
    num = len({code for code, _ in singles})
    items = f"the first {settings.num_items} of the items" if settings.num_items else "all items"
    which = f"each of {len(seeds)} seeds" if len(seeds) > 1 else f"seed {seeds[0]}"
    return {
        "how": f"for {which} the adapters of a set's languages, each trained alone, were added with "
        f"equal weights ({METHOD}, their exact mean) and scored on {items} per target that the cells are scored on",
        "adapters": f"{num} trained per seed, one per language, instead of {num_sets}, one per set",
        "budget": f"each single adapter was trained on {chosen.budget} rows; the languages of a set share that number",
        "cells": chosen.name,
    }


def _seconds(
    folder: StudyFolder, study: Study, singles: Singles, sets: Sequence[tuple[str, ...]], chosen: Slice
) -> dict[str, Any]:
    """What the cells took that the prediction needs, what it took itself, and what those took that it stands for."""
    of_sets = [cell.id for cell in study.cells if cell.slice == chosen and cell.sources in set(sets)]
    needed, stood_for = (_of_cells(folder, ids) for ids in ([cell.id for cell in singles.values()], of_sets))
    own = _read_lines(folder.path / WORK / SECONDS)
    found: dict[str, Any] = {
        "single_cells": needed,
        "set_cells": stood_for,
        "combining_and_scoring": sum(line["seconds"] for line in own),
        "combining_and_scoring_cpu": sum(line["cpu_seconds"] for line in own),
    }
    if needed is not None and stood_for is not None:
        found["saved"] = stood_for - needed - found["combining_and_scoring"]
    return found


def _told_of_time(seconds: Mapping[str, float | None]) -> dict[str, str]:
    single, stood_for, own = (seconds[key] for key in ("single_cells", "set_cells", "combining_and_scoring"))
    if single is None or stood_for is None or own is None:
        return {"time": "not known, since no cell was timed from its start to its end"}
    return {
        "time": f"{duration(single)} for the cells of single sources and {duration(own)} for combining and scoring, "
        f"instead of {duration(stood_for)} for the cells of the sets (each of one worker)"
    }


def _of_cells(folder: StudyFolder, ids: Sequence[str]) -> float | None:
    """Seconds of these cells; one that was interrupted, whose time is not whole, counts as the median of the others.

    None where none was measured.
    """
    whole = []
    for name in ids:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(folder.timing(name).read_text(encoding="utf-8"))
            if content["from_the_start"]:
                whole.append(float(content["seconds"]))
    return sum(whole) + (len(ids) - len(whole)) * float(np.median(whole)) if whole else None


def _append(path: Path, line: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file that a kill may have torn."""
    found = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found
