"""Bases and finished runs that the tests of this folder read and none changes, each made once."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from pathlib import Path

import pytest
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
