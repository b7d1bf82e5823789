"""``mslt study study=NAME``: every cell of a study, on this machine or a cluster; started again, what is not done."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tqdm import tqdm

from mslt_it import values
from mslt_it.command import Call, Command, section
from mslt_it.config.files import summary
from mslt_it.config.help import key_lines
from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import key, keys
from mslt_it.data.resolve import MADE, resolved, with_order
from mslt_it.data.rows import RowStore, is_local
from mslt_it.locks import WAIT, only_writer
from mslt_it.places import trained_before
from mslt_it.problems import Problem, counted, plain
from mslt_it.progress import INTERVAL, duration, tell
from mslt_it.quiet import quiet_libraries
from mslt_it.store import read_json
from mslt_it.study import derived
from mslt_it.study.cells import run_cell, status_of, tidy
from mslt_it.study.config import KEYS, StudyConfig, is_override, load_study, study_files
from mslt_it.study.executors import EXECUTORS, make_executor
from mslt_it.study.forecast import forecast, num_steps
from mslt_it.study.grid import Cell, base_recipe, by_size, cell_recipe, cells, with_budgets, with_rest
from mslt_it.study.jobs import Job, Outcome
from mslt_it.study.local_pool import LocalPool, visible_gpus
from mslt_it.study.manifest import StudyFolder, build_manifest, read_manifest, refuse_changed, write_manifest
from mslt_it.study.sweep import check_points, described_grid, points
from mslt_it.training.trackers import refuse_unready


@dataclass(frozen=True)
class Options:
    study: str = key(help="name of a file recipes/study/NAME.yaml", example="mini")
    executor: str = key("local", "who runs the cells: see below", choices=tuple(EXECUTORS))
    workers: int | None = key(None, "cells at a time", at_least=1, shown="one per GPU or core; together: 8")
    settings: Mapping[str, str] = key(
        {}, "for slurm and ray: {partition:gpu,timeout_min:240}", example="{partition:gpu}"
    )
    out: str | None = key(None, "the study's folder", shown="studies/NAME", place="new study")
    wait: bool = key(False, WAIT)


class Plan(NamedTuple):
    """A study before anything of it is run now."""

    config: StudyConfig
    base: Recipe
    grid: Sequence[Cell]
    folder: StudyFolder
    manifest: Mapping[str, Any]
    jobs: Sequence[Job]
    done: Mapping[str, str]  # cell -> "ok" or "invalid", of those that are done
    notes: Sequence[str]


def run(call: Call) -> int:
    """Runs what is not done yet; 0 when every cell is done and all its scores are valid, 1 when one is not."""
    options: Options = call.options
    call.look()
    if options.settings and options.executor not in ("slurm", "ray"):
        raise Problem(f"settings has no effect on executor={options.executor}, only on slurm and ray. Leave it out.")
    plan = planned(call)
    if "--dry-run" in call.flags:
        tell("\n".join([*dry_run(plan, options), *(f"Note: {note}" for note in plan.notes)]))
        return 0
    refuse_unready(plan.base.training.report_to)
    folder, jobs = plan.folder, plan.jobs
    executor = make_executor(options.executor, options.workers, options.settings, str(folder.path))
    with only_writer(folder.path, folder.lock("study"), wait=options.wait, say=call.say):
        write_manifest(folder, plan.manifest)
        done = _done(jobs)
        for cell, status in done.items():  # a kill may have come between a cell's end and this
            tidy(folder, cell, status)
        open_jobs = [job for job in jobs if job.cell not in done]
        tell(
            f"Study {plan.config.name}: {counted(len(jobs), 'cell')} in {folder.path}, {len(done)} done, "
            f"{len(open_jobs)} to do."
        )
        for note in plan.notes:
            tell(f"Note: {note}")
        progress = _Progress(folder, len(jobs), done)
        if open_jobs:
            executor.run(open_jobs, run_cell, progress.show)
        ended = progress.end()
        quiet_libraries()  # the workers have loaded models so far, not this process
        code = derived.run(plan.config, plan.grid, folder, complete=ended == 0) or ended
        if progress.status:
            tell(f"Report: mslt report study={folder.path}")
        return code


def planned(call: Call) -> Plan:
    """The study that is asked for; a Problem for what would be wrong in every cell, or is in the folder's way."""
    config_dir, rows = call.config_dir, RowStore()
    config, notes = with_rest(load_study(call.options.study, call.rest, config_dir), rows, config_dir)
    base = base_recipe(config, config_dir, call.rest)
    is_here = base.task.data in MADE or is_local(base.task)
    is_looked_at = is_here or "--dry-run" not in call.flags  # which fetches nothing
    if is_looked_at:
        base = with_order(base, config.pool, (*config.pool, *config.targets), rows)
        notes += [base.order_note] * bool(base.order_note)
    config = with_budgets(config, base)
    check_points(config.grid, base)
    grid = cells(config)
    derived.check_with_recipe(config, base)
    derived.steps(config, grid)
    folder = StudyFolder(values.path(call.options.out or f"studies/{config.name}").resolve())
    manifest = build_manifest(config, base, grid, folder)
    try:
        old = read_manifest(folder)
    except Problem as problem:
        if not (folder.path / "cells").is_dir():
            raise
        old = None  # cells say themselves what they are of
        notes.append(f"{str(problem).partition('. ')[0]}. It is written again.")
    if old is not None:
        notes += refuse_changed(old, manifest, folder)
        manifest["versions"] = old["versions"]  # those that the first cells were made with
    jobs = [
        Job(str(folder.path), cell.id, cell_recipe(base, config, cell, folder.cell(cell.id)), config.also_score)
        for cell in sorted(grid, key=lambda cell: config.seeds.index(cell.seed))  # if it ends early: whole grids
    ]
    for path, revision in {(job.recipe.model.path, job.recipe.model.revision) for job in jobs}:
        if seen := [code for code in trained_before(path, revision) if code in config.targets]:
            raise Problem(
                f"targets names {', '.join(seen)}, and the base {path} was trained on rows in {', '.join(seen)} (its "
                "prompts.json), so these are not unseen. Leave them out of targets, or give the base it was made from."
            )
    done = _done(jobs)
    for job in [job for job in jobs if job.cell not in done][:1] if is_looked_at else ():
        resolved(job.recipe, lambda: None, rows)  # what is wrong with the rows would be told by every cell
    return Plan(config, base, grid, folder, manifest, jobs, done, notes)


def dry_run(plan: Plan, options: Options) -> list[str]:
    """What would be done, line by line."""
    config, base, grid, folder, done = plan.config, plan.base, plan.grid, plan.folder, plan.done
    assignments = f"; {config.assignments} assignments of items to languages" if config.assignments > 1 else ""
    targets = f"{counted(len(config.targets), 'target')} ({', '.join(config.targets)})"
    number, training = len(points(config.grid)), base.training
    chosen = (
        f": {number} settings of each set, of which one is chosen by held-out rows of its sources (every "
        f"{training.eval_steps} steps, {training.num_eval_examples} rows each), never by a target"
    )
    sweep = [f"sweep {described_grid(config.grid)}{chosen * (number > 1)}"] if config.grid else []
    lines = [
        f"Study {config.name}: recipe {config.recipe}{' ' if config.overrides else ''}{' '.join(config.overrides)}",
        f"pool {', '.join(config.pool)}; {targets}",
        f"model {base.model.path}, task {base.task.name} from {base.task.data}",
        f"seeds {_list(config.seeds)}{assignments}; labelled rows per cell {_list(config.budgets)}; variants "
        f"{_list(config.variants)}",
        *sweep,
        "",
        f"{'sources':>7} {'sets':>6} {'cells':>6} {'done':>6} {'steps per cell':>15}  first and last",
    ]
    for size, own in by_size(grid).items():
        steps = sorted({num_steps(base, cell) for cell in own})
        shown = f"{own[0].id} … {own[-1].id}" if len(own) > 1 else own[0].id
        lines.append(
            f"{size:>7} {len({cell.sources for cell in own}):>6} {len(own):>6} "
            f"{sum(cell.id in done for cell in own):>6} {_list(steps):>15}  {shown}"
        )
    to_do = [cell for cell in grid if cell.id not in done]
    lines.append(f"{'all':>7} {len({c.sources for c in grid}):>6} {len(grid):>6} {len(done):>6}")
    lines += ["", f"Folder: {folder.path}", f"To do: {counted(len(to_do), 'cell')}"]
    seconds, origin = forecast(config, base, grid, folder)
    workers = _workers(options, folder)
    if seconds is None:
        lines.append(f"Expected time: not known ({origin}).")
    else:
        total = sum(seconds[cell.id] for cell in to_do)
        split = f", {duration(total / workers)} with {workers} workers" if workers > 1 else ""
        lines.append(f"Expected time: {duration(total)} of one worker{split} ({origin}).")
    in_all = sum(sum(cell.rows.values()) for cell in grid)
    most = max(max(cell.rows.values()) for cell in grid)
    costs = f" at {', '.join(f'{cost:g} for {code}' for code, cost in config.cost.items())}" * bool(config.cost)
    lines.append(
        f"Labelled rows (cost): {_list(config.budgets)} per cell{costs}; {in_all:,} trained on in all cells. At most "
        f"{_labelled(grid):,} different ones must be labelled, {most:,} or fewer per "
        f"language and {'seed' if config.assignments == 1 else 'assignment'}."
    )
    if base.training.eval_steps:
        lines.append(
            f"In addition, at most {base.training.num_eval_examples} labelled rows of each language of the pool "
            "are held out for the looks."
        )
    if config.also_score:
        lines.append(f"Each adapter is also scored on {', '.join(config.also_score)}; that time is not counted.")
    lines += derived.described(config)
    failed = sorted(path.stem for path in (folder.path / "failed").glob("*.txt"))
    if failed:
        lines.append(f"Failed last time, to be retried: {', '.join(failed)}")
    return lines


def _labelled(grid: Sequence[Cell]) -> int:
    """An upper bound of the different rows: cells of one language and assignment share the rows they both draw."""
    most: dict[tuple[str, int], int] = {}
    for cell in grid:
        for language, number in cell.rows.items():
            key = language, cell.seed if cell.assignment is None else cell.assignment
            most[key] = max(most.get(key, 0), number)
    return sum(most.values())


def _workers(options: Options, folder: StudyFolder) -> int:
    if options.executor == "together":
        return max(1, len(visible_gpus()))
    if options.workers:
        return int(options.workers)
    if options.executor != "local":
        return 1
    return LocalPool(str(folder.path)).workers


def _done(jobs: Sequence[Job]) -> dict[str, str]:
    return {job.cell: status for job in jobs if (status := status_of(job)) is not None}


class _Progress:
    """A bar over the cells in a terminal, a line per cell elsewhere; and what is said at the end."""

    def __init__(self, folder: StudyFolder, total: int, done: Mapping[str, str]) -> None:
        self.folder, self.total, self.status = folder, total, dict(done)
        self.failed: dict[str, str] = {}
        self.notes: set[str] = set()  # that were shown
        self.started, self.at_start = time.monotonic(), len(done)
        self.bar = tqdm(total=total, initial=len(done), unit="cell", smoothing=0.1, disable=not sys.stderr.isatty())
        self.ended = threading.Event()
        if self.bar.disable:
            threading.Thread(target=self._tell_now_and_then, daemon=True).start()

    def _tell_now_and_then(self) -> None:
        while not self.ended.wait(INTERVAL):
            number, seconds = len(self.status) + len(self.failed), time.monotonic() - self.started
            tell(f"Running for {duration(seconds)}: {number} of {self.total} cells have ended.")

    def show(self, outcome: Outcome) -> None:
        if outcome.status == "failed":
            self.failed[outcome.cell] = outcome.reason
            text = f"FAILED: {outcome.reason}"
        else:
            self.status[outcome.cell] = outcome.status
            text = f"{_figure(self.folder, outcome.cell)}, {duration(outcome.seconds)}"
        number = len(self.status) + len(self.failed)
        left = (time.monotonic() - self.started) / max(1, number - self.at_start) * (self.total - number)
        line = f"[{number:>{len(str(self.total))}} of {self.total}] {outcome.cell}: {text}"
        if self.bar.disable:
            tell(f"{line}; about {duration(left)} left" if number < self.total else line)
        elif outcome.status != "ok":
            self.bar.write(plain(line))
        self.bar.update(1)
        for note in _notes(self.folder, outcome.cell):
            if note not in self.notes:
                self.notes.add(note)
                tell(note) if self.bar.disable else self.bar.write(plain(note))

    def end(self) -> int:
        self.ended.set()
        self.bar.close()
        invalid = [cell for cell, status in self.status.items() if status == "invalid"]
        tell(f"{len(self.status)} of {self.total} cells are done ({duration(time.monotonic() - self.started)}).")
        if invalid:
            tell(f"{len(invalid)} of them have scores that are not numbers: {', '.join(invalid)}")
        if self.failed:
            tell(f"{len(self.failed)} failed (reasons in {self.folder.path / 'failed'}):")
            for cell, reason in self.failed.items():
                tell(f"  {cell}: {reason}")
            tell("Start the same command again to retry them.")
        return 1 if invalid or self.failed else 0


def _notes(folder: StudyFolder, cell: str) -> list[str]:
    """What the cell's run had to say of its rows: what was set aside, left out, repaired."""
    report = read_json(folder.cell(cell) / "build_report.json") or {"notes": ()}  # a cluster may show the file late
    return [f"Note: {note}" for note in report["notes"] if not note.startswith("rows: ")]  # the rows' own hash


def _figure(folder: StudyFolder, cell: str) -> str:
    """The cell's main figure: the mean over unseen languages, or the only one; of an only target that gave rows, its
    own."""
    content = read_json(folder.cell(cell) / "results.json")
    if content is None:  # a cluster's file system may show another node's files late
        return "done"
    rows = [row for row in content["results"] if row["metric"] == content["results"][0]["metric"]]
    row = ([row for row in rows if row["role"] == "target"] or rows)[-1]
    return f"{row['metric']} {row['value']:.3f} ({row['language']})" if row["value"] is not None else "no valid scores"


def _list(values: Sequence[Any]) -> str:
    return ", ".join(f"{v:,}" if isinstance(v, int) and v > 9999 else str(v) for v in values)


def _more() -> list[str]:
    return [
        *section("executors", EXECUTORS),
        *section("studies", {name: summary(path) for name, path in study_files().items()}),
        "KEY=VALUE of the study file",
        *key_lines(keys(StudyConfig).values()),
        "",
        "KEY=VALUE for every cell's recipe: all keys with a dot, and scale=, task= (see mslt train --help). Several "
        "values in brackets are a sweep: training.learning_rate=[1e-4,3e-4]. If a value is a list, give a list of "
        "lists: adapter.target_modules=[[q_proj,v_proj],[all-linear]].",
    ]


COMMAND = Command(
    "study",
    "Run a study: every set of source languages with every seed, each as an ordinary run. Start it again to resume.",
    ("study=NAME [KEY=VALUE ...] [--dry-run] [--config-dir DIR]",),
    (
        "mslt study study=mini workers=2",
        "mslt study study=mini 'seeds=[0]' training.eval_steps=50 'adapter.rank=[8,32]' out=studies/ranks",
        "mslt study study=paper_xnli executor=slurm workers=8 'settings={partition:gpu}' --dry-run",
    ),
    Options,
    run,
    flags=("--dry-run", "--config-dir"),
    is_handed_on=is_override,
    others=KEYS,
    more=_more,
)
