"""`mslt eval`: score models and adapters, zero-shot, in many languages and variants of asking.

evals/<task>-<hash>/
  request.json         what was asked for
  items/<task>/<variant>/<system>/<language>.jsonl   every answer, as it came
  translations/        what translate_solve translated, as data sets
  results.json         figures, differences, provenance (schema in docs/eval.md)
  results.csv, differences.csv, results.md, lm_eval/<system>_<variant>.json
  COMPLETE.json        written last: SHA-256 of the files above
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mslt_it.arguments import wants_help
from mslt_it.locks import locked
from mslt_it.problems import Problem

COMPLETE = "COMPLETE.json"
REQUEST = "request.json"
LOCK = ".lock"  # held while answers are being written


def main(argv: Sequence[str]) -> int:
    """Scores what is asked for and prints the tables; 0 when every score is valid, 1 when one is not."""
    from mslt_it.harness.request import help_text, parse_request

    if wants_help(argv) or not argv:
        print(help_text())
        return 0
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in train.py, before torch is imported
    request, as_json = parse_request(argv)
    from mslt_it.quiet import quiet_libraries

    quiet_libraries()
    from accelerate import PartialState

    from mslt_it.train import _no_gpu

    state = PartialState(cpu=_no_gpu())
    stream = sys.stderr if as_json else sys.stdout

    def say(text: str) -> None:
        if state.is_main_process:
            print(text, file=stream, flush=True)

    content = evaluate(request, state, say)
    if not state.is_main_process:
        return 0
    if as_json:
        json.dump(content, sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
        print()
    return 0 if content["status"] == "ok" else 1


def evaluate(request: Any, state: Any, say: Callable[[str], None]) -> dict[str, Any]:
    """results.json of the request, from a finished folder where there is one; empty on processes that do not write."""
    from mslt_it.harness.systems import resolve

    bench = resolve(
        runs=request.runs,
        model=request.model,
        adapters=request.adapters,
        with_base=request.with_base,
        seen=request.seen,
    )
    wanted = _fingerprint(request, bench)
    name = "-".join(recipe.task.name for recipe in request.recipes)
    out = request.out or Path("evals") / f"{name}-{wanted[:10]}"

    def look() -> dict[str, Any] | None:
        finished = _finished(out, wanted, _inputs(request, bench))
        if finished is None:
            _claim(out, wanted, request, bench)
        return finished

    if (finished := _on_main(state, look)) is not None:
        say(f"This evaluation is finished already; nothing was done. To run it again, remove {out}.\n")
        say((out / "results.txt").read_text(encoding="utf-8"))
        return finished
    for line in (*_notice(request), *bench.notes):
        say(line)
    names = ", ".join(system.name for system in bench.systems)
    say(f"{len(bench.systems)} system{'s' * (len(bench.systems) > 1)}: {names}")
    with locked(out / LOCK, wait=False) if state.is_main_process else contextlib.nullcontext(True) as held:
        if not held:
            raise Problem(
                f"Another mslt eval is at work in {out}. Wait for it, or end it and start again: what is done stays "
                "done."
            )
        return _Work(request, bench, out, state, say).done()


class _Work:
    """One evaluation that is not finished yet."""

    def __init__(self, request: Any, bench: Any, out: Path, state: Any, say: Callable[[str], None]) -> None:
        self.request, self.bench, self.out, self.state, self.say = request, bench, out, state, say

    def done(self) -> dict[str, Any]:
        from mslt_it.data.encoding import Encoder
        from mslt_it.harness.cache import AnswerCache
        from mslt_it.harness.evaluation import Evaluator, prepare
        from mslt_it.harness.systems import load
        from mslt_it.scoring.measures import check_languages

        request, started = self.request, time.monotonic()
        for recipe in request.recipes:
            check_languages(recipe.task.metric, request.languages[recipe.task.name])
        loaded = load(self.bench, given_model=request.model is not None)
        encoder = Encoder(loaded.tokenizer, max(recipe.data.max_length_tokens for recipe in request.recipes))
        units = prepare(request, encoder)
        num_items = sum(len(unit.items or unit.examples) for unit in units)
        self.say(f"Scoring {len(units)} tables of answers per system, {num_items} items in all ...")
        self.state.wait_for_everyone()  # the folder is claimed
        cache = AnswerCache(request.cache)
        try:
            evaluator = Evaluator(request, self.bench, loaded, encoder, self.out, cache)
            if self.state.num_processes > 1:
                # Each process answers its share into the same folder; the main one then finds everything there.
                own = units[self.state.process_index :: self.state.num_processes]
                for _ in evaluator.run(own, self.say):
                    pass
                self.state.wait_for_everyone()
                if not self.state.is_main_process:
                    return {}
            found = list(evaluator.run(units, lambda text: None if self.state.num_processes > 1 else self.say(text)))
        finally:
            cache.close()
        num_asked, num_computed = sum(asked for _, asked, _ in found), sum(number for _, _, number in found)
        earlier = f", {num_asked - num_computed} taken from earlier" if num_computed < num_asked else ""
        self.say(f"Done in {time.monotonic() - started:.0f} s; {num_computed} answers computed{earlier}.\n")
        return self._write([answered for answered, _, _ in found], loaded)

    def _write(self, answered: Sequence[Any], loaded: Any) -> dict[str, Any]:
        from mslt_it.harness.lm_eval_results import lm_eval_results
        from mslt_it.harness.scores import ScoreRow, figures
        from mslt_it.harness.tables import as_csv, as_markdown_report, as_text_report
        from mslt_it.records import to_plain
        from mslt_it.scoring.estimates import Difference
        from mslt_it.scoring.estimates import Settings as Statistics
        from mslt_it.tuning.checkpoints import write_atomically
        from mslt_it.tuning.environment import environment

        request = self.request
        all_figures = []
        for recipe in request.recipes:
            own = [one for one in answered if one.task == recipe.task.name]
            settings = Statistics(recipe.scoring.confidence, recipe.scoring.num_bootstrap, request.settings.seed)
            all_figures.append((recipe, figures(recipe.task, own, settings)))
        rows = [row for _, found in all_figures for row in found.rows]
        differences = [d for _, found in all_figures for d in found.differences]
        provenance = {
            **loaded.papers,
            "model": self.bench.model.path,
            "model_revision": self.bench.model.revision,
            "systems": {
                s.name: {"adapter_sha256": s.adapter_sha256, "sources": s.sources and list(s.sources)}
                for s in self.bench.systems
            },
            "data": {recipe.task.name: [recipe.task.data, recipe.task.revision] for recipe in request.recipes},
            "settings": to_plain(request.settings),
            "num_shots": request.recipes[0].prompt.num_shots,
            "world": self._is_world(),
            "environment": environment(),
        }
        content = {
            "status": "ok" if all(found.is_valid for _, found in all_figures) else "invalid",
            "results": [to_plain(row) for row in rows],
            "differences": [to_plain(d) for d in differences],
            "notes": [note for _, found in all_figures for note in found.notes],
            "provenance": provenance,
        }
        text = "\n\n".join(as_text_report(found, recipe.scoring.confidence) for recipe, found in all_figures)
        markdown = "\n\n".join(as_markdown_report(found, recipe.scoring.confidence) for recipe, found in all_figures)
        notice = "\n\nThese are figures of the embedded world, not of XNLI." * self._is_world()
        files = {
            "results.json": json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False),
            "results.txt": text + notice + f"\nFolder: {self.out}",
            "results.md": markdown + notice,
            "results.csv": as_csv(rows, ScoreRow).rstrip("\n"),
            "differences.csv": as_csv(differences, Difference).rstrip("\n"),
        }
        for system in self.bench.systems:
            for variant in request.variants:
                own = [row for row in rows if (row.system, row.variant) == (system.name, variant)]
                form = lm_eval_results(
                    own,
                    model=f"pretrained={self.bench.model.path},adapter={system.adapter_sha256 or 'none'}",
                    settings={"variant": variant, **to_plain(request.settings)},
                    num_shots=request.recipes[0].prompt.num_shots,
                )
                files[f"lm_eval/{system.name}_{variant}.json"] = json.dumps(form, indent=2, ensure_ascii=False)
        for name, written in files.items():
            (self.out / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.out / name, written + "\n")
        _seal(self.out, _inputs(request, self.bench))
        self.say(files["results.txt"])
        return content

    def _is_world(self) -> bool:
        return any(recipe.task.data == "world" for recipe in self.request.recipes)


def _notice(request: Any) -> list[str]:
    from mslt_it.train import WORLD_NOTICE

    world = any(r.task.data == "world" for r in request.recipes)
    return [WORLD_NOTICE] if world and request.recipes[0].model.path == "world" else []


def _fingerprint(request: Any, bench: Any) -> str:
    """Of what is asked for and of the adapters' weights; the base's are compared in the journals."""
    from mslt_it.records import fingerprint

    systems = [[s.name, s.adapter_sha256, s.settings_sha256, s.sources] for s in bench.systems]
    bases = [run.provenance.get("base_sha256") for run in bench.runs]
    return fingerprint({"request": request.decides(), "systems": systems, "bases": bases})


def _on_main(state: Any, do: Callable[[], Any]) -> Any:
    """What ``do`` gives on the main process, on all of them: each would find what another is just writing."""
    from accelerate.utils import broadcast_object_list

    told: list[Any] = [None, None]
    if state.is_main_process:
        try:
            told = [do(), None]
        except Problem as problem:
            told = [None, str(problem)]
    if state.num_processes > 1:
        broadcast_object_list(told)
    if told[1] is not None:
        raise Problem(told[1])
    return told[0]


def _claim(out: Path, wanted: str, request: Any, bench: Any) -> None:
    """Makes the folder for this request; a Problem where it holds something else."""
    from mslt_it.harness.evaluation import read_json
    from mslt_it.tuning.checkpoints import write_atomically

    if out.exists() and not out.is_dir():
        raise Problem(f"out={out} is a file. Choose another out=.")
    # A folder where nothing was answered yet (an argument was wrong after all, or a kill) is free.
    if not out.exists() or all(path.name in (REQUEST, f".{REQUEST}.part", LOCK) for path in out.iterdir()):
        out.mkdir(parents=True, exist_ok=True)
        about = {"fingerprint": wanted, "systems": [s.name for s in bench.systems], **request.decides()}
        write_atomically(out / REQUEST, json.dumps(about, indent=2, ensure_ascii=False) + "\n")
        return
    found = read_json(out / REQUEST)
    if found is None or found.get("fingerprint") != wanted:
        what = "another evaluation" if found else "something that is no evaluation"
        differs = [k for k, v in json.loads(json.dumps(request.decides())).items() if found and found.get(k) != v]
        detail = f" (other: {', '.join(differs)})" if differs else ""
        raise Problem(f"out={out} holds {what}{detail}. Choose another out=, or remove that folder.")


def _finished(out: Path, wanted: str, inputs: dict[str, list[int]]) -> dict[str, Any] | None:
    """results.json of a finished evaluation.

    None where model, rows or prompts may have changed since, or a file was altered: then the journals are compared
    with what is asked now, and what is missing is done.
    """
    from mslt_it.harness.evaluation import read_json

    seal, about = read_json(out / COMPLETE), read_json(out / REQUEST)
    if seal is None or about is None or about.get("fingerprint") != wanted:
        return None
    altered = [out / n for n, sha in seal["sha256"].items() if not (out / n).is_file() or _sha256(out / n) != sha]
    for path in altered:
        print(f"{path} is not as it was when the evaluation finished: doing what is missing again.", file=sys.stderr)
        if path.suffix == ".jsonl" and path.is_file():
            path.unlink()  # answers that were altered are no answers
    if altered:
        (out / COMPLETE).unlink()  # after all of them are gone: until then a kill changes nothing
        return None
    before = seal.get("inputs", {})
    if changed := sorted(path for path in {*before, *inputs} if before.get(path) != inputs.get(path)):
        print(f"{changed[0]} was written after the evaluation finished: comparing.", file=sys.stderr)
        return None
    return read_json(out / "results.json")


def _seal(out: Path, inputs: dict[str, list[int]]) -> None:
    from mslt_it.tuning.checkpoints import write_atomically

    files = sorted(p for p in out.rglob("*") if p.is_file() and p.name not in (COMPLETE, f".{COMPLETE}.part", LOCK))
    content = {"sha256": {str(p.relative_to(out)): _sha256(p) for p in files}, "inputs": inputs}
    write_atomically(out / COMPLETE, json.dumps(content, indent=2) + "\n")


def _inputs(request: Any, bench: Any) -> dict[str, list[int]]:
    """Size and time (ns) of every local file that results follow from: base, rows, prompts. An evaluation whose inputs
    were not touched is known to be finished without loading a model."""
    from mslt_it.recipe import share_dir

    model = Path(bench.model.path).expanduser()
    found = [*model.glob("*")] if model.is_dir() else []
    for recipe in request.recipes:
        data = Path(recipe.task.data).expanduser()
        found += [data] if data.is_file() else data.rglob("*")
        for folder in (f"prompts/{recipe.task.name}", f"exemplars/{recipe.task.name}", "variants"):
            found += (share_dir("eval") / folder).rglob("*.yaml")
    files = sorted({path.resolve() for path in found if path.is_file()})
    return {str(path): [path.stat().st_size, path.stat().st_mtime_ns] for path in files}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
