"""Bases and finished runs that the tests of this folder read and none changes, each made once."""

from __future__ import annotations

import functools
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dense_adapters import changes, write_adapter
from finished_run import TEMPLATE, make_base, make_run, reseal

from mslt_it.evaluation.scores import ScoreRow
from mslt_it.records import to_plain


class Bases(dict[str, Path]):
    """Kind -> folder; "chat" is a Llama with a chat template."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home

    def __missing__(self, kind: str) -> Path:
        template = TEMPLATE if kind == "chat" else None
        self[kind] = make_base(self.home / kind, "llama" if kind == "chat" else kind, template=template)
        return self[kind]


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Bases:
    return Bases(tmp_path_factory.mktemp("bases"))


@pytest.fixture(scope="session")
def run_of(bases: Bases, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``run_of("bloom", "adapter.use_dora=true")``: the folder of a finished run. Copy it before you change it."""
    home = tmp_path_factory.mktemp("runs")

    @functools.cache
    def made(kind: str, *overrides: str) -> Path:
        return make_run(home / "-".join([kind, *overrides]).replace("=", "-"), bases[kind], *overrides)

    return made


@pytest.fixture
def three(tmp_path: Path) -> tuple[list[Path], list[dict[str, np.ndarray]]]:
    """Ranks 2, 3 and 4; LoRA beside rsLoRA; a rank and an alpha of its own for one module."""
    own = {"layers.0.q_proj": 5}
    folders = [
        write_adapter(tmp_path / "a", seed=1, rank=2, alpha=6),
        write_adapter(tmp_path / "b", seed=2, rank=3, alpha=5, use_rslora=True),
        write_adapter(tmp_path / "c", seed=3, rank=4, alpha=4, rank_pattern=own, alpha_pattern={"q_proj": 20}),
    ]
    scalings = [3.0, 5 / math.sqrt(3), {"layers.0.q_proj": 20 / 5, "layers.0.down_proj": 1.0}]
    return folders, [changes(f, s) for f, s in zip(folders, scalings, strict=True)]


@pytest.fixture(scope="module")
def run(run_of: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with a chat template whose end token is not the tokenizer's end of sequence; with scores."""
    folder = Path(shutil.copytree(run_of("chat"), tmp_path_factory.mktemp("scored") / "run"))
    rows = [
        ScoreRow("xnli", "adapter", "direct", "de", "source", "accuracy", 6, 0.8333, 0.4, 0.97, 0.3, 0.53, 0.1, 0.9),
        ScoreRow("xnli", "adapter", "direct", "tr", "target", "accuracy", 6, 0.5, 0.2, 0.8, 0.3, 0.2, -0.1, 0.5),
        ScoreRow(
            "xnli", "adapter", "direct", "en", "target", "accuracy", 6, *[None] * 7, status="invalid", reason="adapter"
        ),
    ]
    content = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    content["results"] = [to_plain(row) for row in rows]
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")
    reseal(folder, num_examples=60)
    return folder
