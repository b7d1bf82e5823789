"""Encoders and finished runs of one, which no test changes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_encoder import SMALL, make_encoder
from tiny_mt5 import make_mt5
from tiny_texts import write_answers, write_names

from mslt_it.cli import main


@pytest.fixture(scope="session")
def encoder_of_kind(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``encoder_of_kind("bert")``: the folder of a model."""
    home = tmp_path_factory.mktemp("encoders")
    return functools.cache(lambda kind: make_encoder(home / kind, kind))


@pytest.fixture(scope="session")
def run_of(encoder_of_kind: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``run_of("full")``: the folder of a finished run."""
    home = tmp_path_factory.mktemp("runs")

    @functools.cache
    def made(method: str, kind: str = "xlmr") -> Path:
        folder = home / f"{method}-{kind}"
        arguments = [f"model.path={encoder_of_kind(kind)}", f"adapter.method={method}", f"output_dir={folder}"]
        assert main(["train", "recipe=xnli_3src", *arguments, *SMALL]) == 0
        return folder

    return made


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Head -> a folder of rows for it."""
    home = tmp_path_factory.mktemp("texts")
    return {"tags": write_names(home / "names"), "span": write_answers(home / "answers")}


@pytest.fixture(scope="session")
def mt5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a text-to-text model."""
    return make_mt5(tmp_path_factory.mktemp("mt5"))


@pytest.fixture(scope="session")
def mt5_run(mt5: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``mt5_run("full")``: the folder of a finished run of one."""
    home = tmp_path_factory.mktemp("mt5_runs")

    @functools.cache
    def made(method: str) -> Path:
        arguments = [f"model.path={mt5}", f"adapter.method={method}", f"output_dir={home / method}"]
        assert main(["train", "recipe=xnli_3src", *arguments, *SMALL]) == 0
        return home / method

    return made
