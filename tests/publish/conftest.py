"""Bases and finished runs that the tests of this folder read and none changes, each made once."""

from __future__ import annotations

import functools
import gc
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dense_adapters import changes, write_adapter
from finished_run import TEMPLATE, make_base, make_run


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


@pytest.fixture(scope="session", autouse=True)
def _little_to_collect() -> None:
    """Merging collects garbage to free the base; what was imported is none and need not be looked through."""
    gc.freeze()


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
