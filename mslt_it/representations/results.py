"""What `mslt_it.representations.measuring` found, as a file: mingling.json, whose keys docs/study.md explains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mslt_it.problems import Problem

SCHEMA = 1
KEYS = (
    *("languages", "seen", "unseen", "num_items", "num_layers"),
    *("settings", "chance", "texts", "systems", "differences", "points"),
)


def read(path: Path | str) -> dict[str, Any]:
    """The dictionary, checked to be of this schema and complete."""
    remedy = "Measure again, or take the file from a copy that is whole."
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Problem(f"{path} cannot be read ({error}). {remedy}") from error
    if not isinstance(result, dict) or result.get("schema") != SCHEMA:
        found = result.get("schema") if isinstance(result, dict) else type(result).__name__
        raise Problem(f"{path} is of schema {found!r}, this version reads schema {SCHEMA}. Measure again.")
    if missing := [key for key in KEYS if key not in result]:
        raise Problem(f"{path} lacks {', '.join(missing)}. {remedy}")
    return result
