"""What is exported: a finished run, a folder that `mslt merge` made, or both where the merge is that run's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import TaskConfig
from mslt_it.evaluation.scores import ScoreRow, read_rows
from mslt_it.models.base_model import CONFIG
from mslt_it.models.identity import FinishedRun, read_run
from mslt_it.problems import Problem
from mslt_it.publish.merge import MERGE
from mslt_it.store import file_sha256, find_damage


@dataclass(frozen=True)
class Request:
    """What is to be exported, and how.

    ``run`` and ``model`` (a folder of `mslt merge`): one of them, or both where the merge is that run's. ``strategy``,
    ``dtype`` and ``prompts`` are those of `merge_run`; dtype None: bfloat16, or that of ``model``.
    """

    out: Path
    formats: tuple[str, ...]
    run: Path | None = None
    model: Path | None = None
    dtype: str | None = None
    strategy: str | None = None
    prompts: int = 32
    outtype: str = "f16"
    converter: str | None = None
    name: str = ""  # in cards and file names; empty: the run's
    license: str = ""
    data_license: str = ""


@dataclass(frozen=True)
class Source:
    """What `Request` named, read and checked: the run, its figures, and the merge where it was given."""

    run: FinishedRun | None
    results: tuple[ScoreRow, ...]
    merged: Path | None
    merge: Mapping[str, Any] | None  # merge.json

    @property
    def name(self) -> str:
        return self.run.recipe.name if self.run else str((self.merge or {}).get("run", "model"))

    @property
    def task(self) -> TaskConfig:
        return self.run.recipe.task if self.run else TaskConfig()

    def inputs(self) -> dict[str, Any]:
        """Hashes of everything that decides the weights and the card."""
        found: dict[str, Any] = {}
        if self.run is not None:
            found |= {
                "adapter_sha256": self.run.provenance["adapter_sha256"],
                "adapter_config_sha256": file_sha256(self.run.adapter / CONFIG),
                "base_sha256": self.run.provenance["base_sha256"],
                "results_sha256": file_sha256(self.run.folder / "results.json"),
            }
        else:
            assert self.merge is not None
            found |= {key: self.merge["inputs"][key] for key in ("adapter_sha256", "base_sha256")}
            found |= {"merged_sha256": self.merge["merged_sha256"]}
        return found


def read_source(request: Request) -> Source:
    """A Problem where neither is given, one is damaged, or the two do not belong together."""
    if request.run is None and request.model is None:
        raise Problem("Neither run= nor model= is given. Write mslt export run=RUNFOLDER format=[safetensors] out=DIR.")
    run = read_run(request.run) if request.run is not None else None
    merge = _read_merge(request) if request.model is not None else None
    rows: tuple[ScoreRow, ...] = ()
    if run is not None:
        content = json.loads((run.folder / "results.json").read_text(encoding="utf-8"))
        rows = tuple(read_rows(content, run.folder / "results.json"))
        if merge is not None and merge["inputs"]["adapter_sha256"] != run.provenance["adapter_sha256"]:
            raise Problem(
                f"model={request.model} was merged from another adapter (sha256 "
                f"{merge['inputs']['adapter_sha256'][:12]}) than that of run={request.run} "
                f"({run.provenance['adapter_sha256'][:12]}). Give the run it was made of, or one of the two alone."
            )
    return Source(run, rows, request.model, merge)


def _read_merge(request: Request) -> dict[str, Any]:
    folder = request.model
    assert folder is not None
    try:
        record: dict[str, Any] = json.loads((folder / MERGE).read_text(encoding="utf-8"))
        dtype, strategy = record["inputs"]["dtype"], record["inputs"]["strategy"]
        complete = "adapter_sha256" in record["inputs"] and "merged_sha256" in record
    except (OSError, ValueError, KeyError, TypeError):
        complete = False
    if not complete:
        raise Problem(
            f"model={folder}: there is no {MERGE} of a merge in it. Give a folder that `mslt merge` made, or the run "
            "itself: run=RUNFOLDER."
        )
    damage = find_damage(folder)
    if damage is not None:
        raise Problem(f"model={folder} is not as it was merged ({damage}). Merge again with mslt merge.")
    for key, there in (("dtype", dtype), ("strategy", strategy)):
        asked = getattr(request, key)
        if asked is not None and asked != there:
            raise Problem(
                f"{key}={asked}: model={folder} was merged with {key}={there}. Leave {key} out, or give run=."
            )
    return record
