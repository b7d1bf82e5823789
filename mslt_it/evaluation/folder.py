"""The folder of one evaluation: claimed for a request, sealed when it is done, recognised when it is asked for again.

evals/<task>-<hash>/
  request.json         what was asked for
  items/<task>/<variant>/<system>/<language>.jsonl   every answer, as it came
  translations/        what translate_solve translated, as data sets
  results.json         figures, differences, provenance (schema in docs/eval.md)
  results.csv, differences.csv, results.md, lm_eval/<system>_<variant>.json
  COMPLETE.json        written last: SHA-256 of the files above
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.config.files import share_dir
from mslt_it.evaluation.request import Request, refuse_another
from mslt_it.evaluation.systems import Bench
from mslt_it.locks import LOCK
from mslt_it.places import ITEMS, REQUEST
from mslt_it.problems import Problem, warn
from mslt_it.records import fingerprint
from mslt_it.store import COMPLETE, read_json, reopen, write_json
from mslt_it.store import seal as seal_files

REPORT = ("report.html", "tables", "figures")  # what `mslt report` writes beside the results, anew at each call


def request_fingerprint(request: Request, bench: Bench) -> str:
    """Of what is asked for and of the adapters' weights; the base's are compared in the journals."""
    systems = [[s.name, s.adapter_sha256, s.settings_sha256, s.sources] for s in bench.systems]
    bases = [run.provenance.get("base_sha256") for run in bench.runs]
    return fingerprint({"request": request.decides(), "systems": systems, "bases": bases})


def claim(out: Path, wanted: str, request: Request, bench: Bench) -> None:
    """Makes the folder for this request; a Problem where it holds something else."""
    # A folder where nothing was answered yet (an argument was wrong after all, or a kill) is free. So is one of an
    # evaluation whose request was damaged: each file of answers says itself what it is of.
    names = {path.name for path in out.iterdir()} if out.exists() else set()
    found = read_json(out / REQUEST)
    is_damaged = ITEMS in names and not isinstance((found or {}).get("fingerprint"), str)
    if is_damaged or names <= {REQUEST, f".{REQUEST}.part", LOCK}:
        if is_damaged:
            warn(f"{out / REQUEST} cannot be read: the answers are compared with what is asked.")
        out.mkdir(parents=True, exist_ok=True)
        about = {"fingerprint": wanted, "systems": [s.name for s in bench.systems], **request.decides()}
        write_json(out / REQUEST, about)
        return
    if found is None or found.get("fingerprint") != wanted:
        refuse_another(out, request)
        what = "an evaluation of other weights" if found else "something that is not an evaluation"
        raise Problem(f"out={out} holds {what}. Choose another out={', or remove that folder' * bool(found)}.")


def finished(out: Path, wanted: str, inputs: dict[str, list[int]]) -> dict[str, Any] | None:
    """results.json of a finished evaluation.

    None where model, rows or prompts may have changed since, or a file was altered: then the journals are compared
    with what is asked now, and what is missing is done.
    """
    seal, about = read_json(out / COMPLETE), read_json(out / REQUEST)
    if about is not None and about.get("fingerprint") != wanted:
        return None  # not ours: nothing there is touched
    if not (out / COMPLETE).exists() or reopen(out, "evaluation") or seal is None:
        return None
    before = found if isinstance(found := seal.get("inputs"), dict) else {}
    if touched := sorted(path for path in {*before, *inputs} if before.get(path) != inputs.get(path)):
        warn(f"{touched[0]} was written after the evaluation finished: comparing.")
        return None
    return read_json(out / "results.json")


def seal(out: Path, inputs: dict[str, list[int]]) -> None:
    """Seals all files but the report, which may be made anew, with the `inputs` that they follow from."""
    others = (COMPLETE, f".{COMPLETE}.part", LOCK, *REPORT)
    files = [p for p in out.rglob("*") if p.is_file() and p.relative_to(out).parts[0] not in others]
    seal_files(out, files, {"inputs": inputs})


def inputs(request: Request, bench: Bench) -> dict[str, list[int]]:
    """Size and time (ns) of every local file that results follow from: base, rows, prompts. An evaluation whose inputs
    were not touched is known to be finished without loading a model."""
    model = values.path(bench.model.path)
    found = [model, *model.glob("*")]  # a GGUF file, or the files of a folder
    for recipe in request.recipes:
        data = values.path(recipe.task.data)
        found += [data] if data.is_file() else data.rglob("*")
        for folder in (f"prompts/{recipe.task.name}", f"exemplars/{recipe.task.name}", "variants"):
            found += (share_dir("eval") / folder).rglob("*.yaml")
    files = sorted({path.resolve() for path in found if path.is_file()})
    return {str(path): [path.stat().st_size, path.stat().st_mtime_ns] for path in files}
