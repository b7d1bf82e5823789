"""Exports of finished runs, and what is asked of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from finished_run import quiet

from mslt_it.config.schema import build
from mslt_it.models.base_model import load_adapter
from mslt_it.models.finished_run import read_run
from mslt_it.models.identity import load_trained_base
from mslt_it.problems import Problem
from mslt_it.publish.export import export
from mslt_it.publish.export_options import ExportRequest, MergeRequest, planned
from mslt_it.publish.merge import merge_run
from mslt_it.store import Made

IDS = torch.arange(6, 40)[None]


def exported(run: Path, out: Path, *formats: str, say: Callable[[str], object] = quiet, **options: Any) -> list[Made]:
    """Few prompts, or what ``options`` say."""
    options = {"format": formats or ("safetensors",), "prompts": 2} | options
    request = ExportRequest(run=str(run), out=str(out), **options)
    return export(request, planned(request), say)


def merged_run(run: Path, out: Path, say: Callable[[str], object] = quiet, **options: Any) -> Made:
    """Few prompts, or what ``options`` say."""
    request = build(MergeRequest, {"run": run, "out": out, "prompts": 4} | options)
    return merge_run(request, read_run(run), say)


def live_logits(run: Path) -> torch.Tensor:
    finished = read_run(run)
    _, base, _ = load_trained_base(finished)
    return logits(load_adapter(base, finished.adapter))


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(IDS).logits
    return found


def problem(*arguments: Any, **options: Any) -> str:
    with pytest.raises(Problem) as caught:
        exported(*arguments, **options)
    return str(caught.value)


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(f.relative_to(folder)): (f.stat().st_mtime_ns, f.stat().st_size) for f in folder.rglob("*")}


_CONVERTER = """
import json, struct, sys
from pathlib import Path

model, flag, out, kind, outtype, called, name = sys.argv[1:]
assert (flag, kind, called) == ("--outfile", "--outtype", "--model-name"), sys.argv
assert Path(out).name == f"{name}-{outtype}.gguf", sys.argv
for name in ("config.json", "model.safetensors", "tokenizer.json"):
    assert (Path(model) / name).is_file(), name
{body}
"""
WRITES = """
size = {{"f16": 2, "bf16": 2, "q8_0": 34 / 32}}[outtype]
weights = int(size / 2 * (Path(model) / "model.safetensors").stat().st_size)
Path(out).write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 20, 5) + bytes(int({share} * weights)))
"""


def write_converter(file: Path, body: str = WRITES.format(share=1)) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!{sys.executable}\n" + _CONVERTER.replace("{body}", body.replace("{{", "{").replace("}}", "}")))
    file.chmod(0o755)
    return file
