"""The tiny study run to its end in this process, once for all tests and test processes that want its cells."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tiny_study import make_model, write_study

from mslt_it.command import execute
from mslt_it.commands import study as study_command
from mslt_it.locks import locked
from mslt_it.study.jobs import Job


class InThisProcess:
    """An executor without processes."""

    workers = 1

    def run(self, jobs: Sequence[Job], run_cell: Any, on_done: Any) -> None:
        for job in jobs:
            on_done(run_cell(job))


def copy_of_finished(factory: pytest.TempPathFactory, folder: Path) -> Path:
    """``folder``/out: three single sources and three sets of two, all done."""
    original = _original(factory)
    with locked(original / "lock"):
        if not (original / "done").exists():
            make_model(original / "model")
            assert run_study(original, original / "model") == 0
            (original / "done").touch()
    return Path(shutil.copytree(original / "out", folder / "out"))


def model_of(factory: pytest.TempPathFactory) -> Path:
    """The base of that study."""
    return _original(factory) / "model"


def _original(factory: pytest.TempPathFactory) -> Path:
    # Above the folder of one of several test processes stands theirs together.
    base = factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished_study"


def run_study(folder: Path, model: Path, *arguments: str, **more: str) -> int:
    """``mslt study`` in ``folder``/out, with more keys in the study's file."""
    start = ["study=tiny", f"--config-dir={write_study(folder / 'config', steps=4, **more)}", f"model.path={model}"]
    if not any(argument.startswith("training.learning_rate=") for argument in arguments):
        start.append("training.learning_rate=0.02")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_command, "make_executor", lambda *_: InThisProcess())
        return execute(study_command.COMMAND, [*start, f"out={folder / 'out'}", *arguments])
