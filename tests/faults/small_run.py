"""A run of the embedded model that takes two seconds, and its figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

SMALL = (
    *("recipe=xnli_3src", "sources=[de,tr]", "targets=[en,sw]", "training.max_steps=2", "training.save_steps=1"),
    *("data.num_examples_total=24", "scoring.num_examples_per_language=8", "scoring.num_bootstrap=200"),
)
TRAIN = ("train", *SMALL, "output_dir=run")
Called = tuple[int, str, str]  # exit code, stdout, stderr
Call = Callable[..., Called]
Survived = Callable[..., None]


def figures(folder: Path) -> Any:
    """results.json without what differs from start to start."""
    content = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for name in ("environment", "training"):
        content["provenance"].pop(name, None)
    return content


def unfinished(folder: Path) -> Path:
    """As if the run had been killed when all was done but its seal."""
    (folder / "COMPLETE.json").unlink()
    return folder
