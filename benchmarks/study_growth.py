"""What a study of a thousand cells costs besides its runs: laying it out, looking what is done, and the report.

    python benchmarks/study_growth.py                 # 252 and 1,008 synthetic cells, seconds of processor

The folders are as `mslt study` leaves them (tests/study/synthetic_study.py): 7 languages and 35 sets of three, 6 and 24
seeds, three targets of 60 items. Modules are imported before, so that what is seen grows with the cells.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mslt_it.config.compose import load_recipe, resolved_yaml
from mslt_it.evaluation.estimates import Settings
from mslt_it.report.study_report import write_report
from mslt_it.store import altered
from mslt_it.study.analyse.analyses import analyse
from mslt_it.study.collect import collect
from mslt_it.study.config import load_study
from mslt_it.study.grid import base_recipe, cell_recipe, cells
from mslt_it.study.manifest import StudyFolder, build_manifest, manifest_of

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "study"))
from synthetic_study import TARGETS, by_size, seal, write_study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[6, 24], help="42 cells each")
    parser.add_argument("--bootstrap", type=int, default=2000, help="draws, as mslt report has them")
    options = parser.parse_args()
    recipe = load_recipe("xnli_3src", [], None)
    print("seconds of processor")
    names = ("manifest", "resume", "read", "analyse", "write")
    print(f"{'cells':>6}" + "".join(f"{name:>10}" for name in names), flush=True)
    for seeds in options.seeds:
        print(f"{42 * seeds:>6}", end="")
        with tempfile.TemporaryDirectory() as name:
            study = write_study(Path(name) / "study", by_size, seeds=range(seeds))
            folder = StudyFolder(study)
            for one in manifest_of(study)["cells"]:
                own = dataclasses.replace(recipe, sources=tuple(one["sources"]), targets=TARGETS, seed=one["seed"])
                (folder.cell(one["id"]) / "config.yaml").write_text(resolved_yaml(own), encoding="utf-8")
                seal(folder.cell(one["id"]))
            with seconds():
                config = load_study("mini", [f"seeds=[{','.join(map(str, range(seeds)))}]"], None)
                base = base_recipe(config, None)
                grid = cells(config)
                build_manifest(config, base, grid, folder)
                for cell in grid:
                    cell_recipe(base, config, cell, folder.cell(cell.id))
            with seconds():
                assert not any(altered(folder.cell(cell.id)) for cell in grid)
            with seconds():
                found = collect(study)
            with seconds():
                findings = analyse(found, Settings(num_bootstrap=options.bootstrap))
            with seconds(), contextlib.redirect_stdout(io.StringIO()):
                write_report(findings, Path(name) / "report")
        print(flush=True)


@contextlib.contextmanager
def seconds() -> Iterator[None]:
    """Prints what the block took."""
    started = time.process_time()
    yield
    print(f"{time.process_time() - started:>10.2f}", end="", flush=True)


if __name__ == "__main__":
    main()
