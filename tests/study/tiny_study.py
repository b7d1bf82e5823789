"""A study small enough for tests: a two-layer model made in a second, rows of the embedded world, two sources."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "publish"))

STUDY = """\
# mslt study study=tiny
# Two layers, two sources, for tests.
recipe: xnli_3src
pool: [de, en, zh]
targets: [tr, sw]
set_sizes: [1, 2]
seeds: [0]
budgets: [24]
overrides:
  - training.max_steps={steps}
  - training.save_steps=2
  - training.batch_size=4
  - scoring.num_examples_per_language=12
  - scoring.num_bootstrap=50
"""
TIMES = ("environment", "training")  # of results.json: seconds, and the checkpoint a run went on from


def write_study(folder: Path, steps: int = 6, **more: str) -> Path:
    """A folder for --config-dir with study/tiny.yaml."""
    (folder / "study").mkdir(parents=True, exist_ok=True)
    text = STUDY.format(steps=steps) + "".join(f"{key}: {value}\n" for key, value in more.items())
    (folder / "study" / "tiny.yaml").write_text(text, encoding="utf-8")
    return folder


def make_model(folder: Path) -> Path:
    from finished_run import make_base

    return Path(make_base(folder))


def command(config_dir: Path, model: Path, out: Path, *more: str) -> list[str]:
    start = [sys.executable, "-m", "mslt_it.cli", "study", "study=tiny", f"--config-dir={config_dir}"]
    return [*start, f"model.path={model}", f"out={out}", *more]


def environment() -> dict[str, str]:
    own = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    return os.environ | own


def run(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(), capture_output=True, text=True, timeout=600, check=False, **options
    )


def tables(out: Path) -> dict[str, Any]:
    """Everything that cells say of their results, but for times, and every prediction as it was written."""
    found: dict[str, Any] = {}
    for folder in sorted((out / "cells").iterdir()):
        content = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        content["provenance"] = {k: v for k, v in content["provenance"].items() if k not in TIMES}
        found[folder.name] = content
        for path in sorted((folder / "predictions").glob("*.jsonl")):
            found[f"{folder.name}/{path.name}"] = path.read_text(encoding="utf-8")
    return found
