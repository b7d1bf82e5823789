"""What a study does when its cells are done: mingling and the predicted ranking, where its file asks for them.

    mingling: {sslt: en, mslt: [ar, de, zh], seeds: [0], max_items: 150}   -> mingling.json
    predict: {set_size: 3, num_items: 100}                                 -> predicted.json

Which systems are looked at stands in the file, before any of them has a figure. A result is kept as long as the cells
that it was made from and the settings are the same; else it is made again. Steps run in the process of ``mslt study``
itself, also where a cluster runs the cells. One that fails is named, with its reason in failed/; the cells stay done.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import build
from mslt_it.problems import Problem, Say
from mslt_it.progress import duration
from mslt_it.records import fingerprint
from mslt_it.representations.settings import Settings
from mslt_it.store import is_as_written, read_json, sealed_files, with_own_hash, write_atomically, write_json
from mslt_it.study.choosing import chosen_of
from mslt_it.study.config import PREDICTED, Predict, StudyConfig, mingling_from
from mslt_it.study.grid import Cell
from mslt_it.study.jobs import reason_of, write_failure
from mslt_it.study.manifest import StudyFolder, manifest_of
from mslt_it.study.sweep import is_asked_alike

MADE_FROM = "made_from"  # key of a result: fingerprint of its cells and settings
# What steps read of cells.
SEALED = ("predictions/", "adapter/adapter_model.safetensors", "adapter/adapter_config.json")


@dataclass(frozen=True)
class Step:
    """A result that is made of finished cells, and made anew where it does not follow from them as they are."""

    name: str
    result: str  # file in the study's folder
    cells: tuple[str, ...]  # ids of those it is made from
    settings: Any
    make: Callable[[StudyFolder, Say], dict[str, Any]]
    work: str = ""  # folder of what is kept while the result is being made

    def fingerprint(self, folder: StudyFolder) -> str:
        """Of the settings, and of the files of the cells that decide the result."""
        decisive = {
            name: {file: sha for file, sha in sealed_files(folder.cell(name)).items() if file.startswith(SEALED)}
            for name in self.cells
        }
        return fingerprint([self.settings, decisive])


def check_with_recipe(config: StudyConfig, base: Recipe) -> None:
    """Refuses what only the cells' recipe shows to be wrong."""
    if config.mingling and not base.task.is_parallel and base.task.name != "custom":  # whose ids are seen when read
        raise Problem(
            f"mingling: the rows of task={base.task.name} are not translations of each other. "
            "Take mingling out of the study (mingling={})."
        )
    if config.predict and not is_asked_alike(config.grid):
        raise Problem(
            "predict: sets are predicted by adapters on one base with one set of questions, and grid has several "
            "prompts. Take one of the two out (predict={} or grid={})."
        )
    scored, wanted = base.scoring.num_examples_per_language, config.predict.get("num_items", 0)
    if config.predict and 0 < scored <= wanted:
        raise Problem(
            f"predict.num_items={wanted}: cells are scored on {scored} items per target, and the order is measured on "
            f"those that are left. Use {scored - 1} or fewer."
        )


def steps(config: StudyConfig, grid: Sequence[Cell]) -> list[Step]:
    """What is to be made of a study's cells, in order. Of several budgets and variants the first is looked at."""
    found: list[Step] = []
    first = [cell for cell in grid if (cell.budget, cell.variant) == (grid[0].budget, grid[0].variant)]
    if (wanted := mingling_from(config, config.name)) is not None:
        how = Settings(**{field.name: getattr(wanted, field.name) for field in dataclasses.fields(Settings)})
        runs: dict[str, list[str]] = {}  # of a sweep: cells of all points, until one of them is chosen
        for what, sources in (("SSLT", wanted.sslt), ("MSLT", wanted.mslt)):
            for seed in wanted.seeds:
                own = [cell for cell in first if cell.sources == sources and cell.seed == seed]
                if not own:
                    raise Problem(
                        f"mingling: the study has no cell of {', '.join(sources)} with seed {seed}: set_sizes is "
                        f"{list(config.set_sizes)}, seeds {list(config.seeds)}, and a sample may leave sets out. Name "
                        "others, or take mingling out (mingling={})."
                    )
                suffix = f", seed {seed}" if len(wanted.seeds) > 1 else ""
                same = [cell.id for cell in own if cell.assignment == own[0].assignment]
                runs[f"{what} {'-'.join(sources)}{suffix}"] = same
        languages = (*config.pool, *config.targets)
        make = partial(_mingling, runs=runs, languages=languages, settings=how)
        of = [{name: ids[0] for name, ids in runs.items()}, list(languages), how]
        found.append(Step("mingling", "mingling.json", tuple(itertools.chain(*runs.values())), of, make))
    if config.predict:
        settings = build(Predict, config.predict, config.name, "predict.")
        needed = tuple(cell.id for cell in first if len(cell.sources) in (1, settings.set_size))
        make = partial(_predict, settings=settings)
        found.append(Step("prediction", "predicted.json", needed, settings, make, PREDICTED))
    return found


def described(config: StudyConfig) -> list[str]:
    found = ["mingling (mingling.json)"] * bool(config.mingling)
    found += ["the order predicted by combined adapters (predicted.json)"] * bool(config.predict)
    return [f"When all cells are done: {' and '.join(found)}; that time is not counted."] if found else []


def run(config: StudyConfig, grid: Sequence[Cell], folder: StudyFolder, complete: bool, say: Say = print) -> int:
    """Makes what is not made yet; 0 when every result is there.

    Args:
        complete: whether every cell is done, with valid scores; else nothing is made.
    """
    wanted = steps(config, grid)
    if not complete:
        if wanted:
            say(f"Not made, since not all cells are done and valid: {', '.join(step.result for step in wanted)}.")
        return 0
    failed = []
    for step in wanted:
        try:
            _make(step, folder, say)
        except Exception as error:
            write_failure(folder, step.name, error)
            say(f"{step.name} FAILED: {reason_of(error)}")
            failed.append(step)
    if failed:
        say(
            f"The cells are done; {', '.join(step.result for step in failed)} could not be made (reasons in "
            f"{folder.path / 'failed'}). Start the same command again to try again."
        )
    return 1 if failed else 0


def _make(step: Step, folder: StudyFolder, say: Say) -> None:
    """Makes a step's result, unless it is there and of the same cells."""
    path, made_from = folder.path / step.result, step.fingerprint(folder)
    if _made_from(path) == made_from:
        say(f"{step.name}: made before from the same cells, {path}")
        folder.failed(step.name).unlink(missing_ok=True)
        return
    path.unlink(missing_ok=True)  # a report must not show figures of other cells
    if step.work:
        mark = folder.path / step.work / "made_from.json"
        if _made_from(mark) != made_from:
            shutil.rmtree(mark.parent, ignore_errors=True)
            mark.parent.mkdir(parents=True)
            write_json(mark, with_own_hash({MADE_FROM: made_from}))
    started, cpu = time.monotonic(), time.process_time()
    result = with_own_hash(step.make(folder, say) | {MADE_FROM: made_from})
    text = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    write_atomically(path, text + "\n")
    folder.failed(step.name).unlink(missing_ok=True)
    say(
        f"{step.name}: {path} ({duration(time.monotonic() - started)}, processor time "
        f"{duration(time.process_time() - cpu)})"
    )


def _made_from(path: Path) -> str | None:
    found = read_json(path) or {}
    return found.get(MADE_FROM) if is_as_written(found) else None


# Both load torch.


def _predict(folder: StudyFolder, say: Say, settings: Predict) -> dict[str, Any]:
    from mslt_it.study.predicted_ranking import predict

    return predict(folder.path, settings, say)


def _mingling(
    folder: StudyFolder, say: Say, runs: Mapping[str, Sequence[str]], languages: Sequence[str], settings: Any
) -> dict[str, Any]:
    from mslt_it.representations.runs import measure_runs

    manifest = manifest_of(folder.path)
    say(f"mingling: {len(runs)} runs and the base in {len(languages)} languages ...")
    return measure_runs(
        {name: folder.cell(chosen_of(folder.path, manifest, ids)[0]) for name, ids in runs.items()},
        languages=languages,
        settings=settings,
        advance=lambda system: say(f"mingling: {system} done"),
    )
