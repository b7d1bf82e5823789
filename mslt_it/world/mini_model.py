"""Where the shipped weights of the embedded base model lie: a stock Llama of about 1.5 M parameters."""

from __future__ import annotations

import json
from pathlib import Path

from mslt_it.problems import Problem
from mslt_it.store import file_sha256

WEIGHTS = Path(__file__).parent / "weights"
MANIFEST = "MANIFEST.json"


def weights_dir() -> Path:
    """The folder of the shipped model and tokenizer; a missing or altered file is a Problem."""
    manifest = WEIGHTS / MANIFEST
    if not manifest.is_file():
        raise Problem(f"The embedded model's weights are missing ({manifest}). Remedy: install the package again.")
    for name, expected in json.loads(manifest.read_text(encoding="utf-8"))["sha256"].items():
        found = file_sha256(WEIGHTS / name) if (WEIGHTS / name).is_file() else "no such file"
        if found != expected:
            raise Problem(
                f"The embedded model's file {WEIGHTS / name} is damaged: sha256 {found}, expected {expected}. "
                "Remedy: install the package again."
            )
    return WEIGHTS
