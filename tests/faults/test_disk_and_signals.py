"""A disk that is full, a file in the way, a name too long, SIGTERM: one line that says what is needed, nothing is torn,
and the same command goes on."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from small_run import TRAIN, Call, Survived, figures
from transformers import TrainerCallback

from mslt_it import terminal
from mslt_it.prediction import job
from mslt_it.store import COMPLETE, find_damage
from mslt_it.training import checkpoints
from mslt_it.training.trainer import AdapterTrainer


@contextlib.contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """What a full disk does, at the first file that is larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        # Python would cut what it compiles of a module, and keep it for all that import it later.
        with mock.patch.object(sys, "dont_write_bytecode", True):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def check_line(code: int, err: str, *said: str) -> None:
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2 and len(lines) == 1 and err.endswith(f"{lines[0]}\n") and "Traceback" not in err, err
    assert all(word in lines[0] for word in said), lines[0]


@pytest.mark.parametrize("size", [700, 20_000, pytest.param(400_000, marks=pytest.mark.slow)])
def test_a_full_disk_stops_with_a_line_and_the_run_goes_on(
    size: int, shop: Path, tmp_path: Path, call: Call, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived("disk full while a run is written")
    monkeypatch.chdir(tmp_path)
    with no_file_beyond(size):
        code, _, err = call(*TRAIN)
    check_line(code, err, "start")
    assert not (tmp_path / "run" / COMPLETE).exists()
    assert call(*TRAIN)[0] == 0 and figures(tmp_path / "run") == figures(shop / "run")


@pytest.mark.parametrize(
    "command",
    [
        ("merge", "run=run", "out=new/out", "prompts=1"), ("predict", "run=run", "data=new.csv", "out=out.csv"),
        ("select", "pool=[ar,de,en]", "k=2", "criteria=[l2v_syntax]", "figure=map.svg"),
        pytest.param(("export", "run=run", "format=[vllm]", "out=new/out"), marks=pytest.mark.slow),
        pytest.param(("report", "run=run", "out=new/out"), marks=pytest.mark.slow),
        pytest.param(
            ("eval", "run=run", "languages=[en]", "examples=2", "out=new/out", "cache=none"), marks=pytest.mark.slow
        ),
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_a_full_disk_leaves_no_half_of_anything(
    command: tuple[str, ...], own: Path, call: Call, survived: Survived
) -> None:
    survived("disk full while something is made of a run", 2)
    (own / "new.csv").write_text("lang,premise,hypothesis\nen,a,b\n", encoding="utf-8")
    with no_file_beyond(300):
        code, _, err = call(*command)
    check_line(code, err)
    assert not list(own.glob("out.csv")) + list(own.glob("map.svg")) and find_damage(own / "run") is None
    assert call(*command)[0] == 0


@pytest.mark.parametrize("where", ["before its table is in place", "before its parts are gone"])
def test_predict_ended_while_it_puts_its_files_in_place(
    where: str, own: Path, call: Call, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are its own, so the next start is not refused because they are there."""
    survived("mslt predict ended between its last two files")
    (own / "new.csv").write_text("lang,premise,hypothesis\nen,a,b\n", encoding="utf-8")
    command = ("predict", "run=run", "data=new.csv")
    replace, remove = Path.replace, shutil.rmtree

    def replaced(path: Path, target: Path) -> Path:
        if target.name == "out.csv" and "table" in where:
            raise KeyboardInterrupt
        return replace(path, target)

    def removed(path: Path, *given: Any, **options: Any) -> None:
        if path.name == "asked" and "parts" in where:
            raise KeyboardInterrupt
        remove(path, *given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replaced)
        patch.setattr(job.shutil, "rmtree", removed)
        assert call(*command, "out=out.csv")[0] == 130
    assert (own / "out.csv.json").exists() and (own / "out.csv").exists() is ("parts" in where)
    assert call(*command, "out=out.csv")[0] == 0 and not list(own.glob(".out*"))
    assert call(*command, "out=other.csv")[0] == 0
    assert (own / "out.csv").read_bytes() == (own / "other.csv").read_bytes()
    assert call(*command, "out=out.csv")[0] == 2  # now it is finished, and is not overwritten


def in_the_way(own: Path) -> None:
    (own / "there").write_text("a file\n", encoding="utf-8")


def dangling(own: Path) -> None:
    (own / "there").symlink_to(own / "nowhere" / "at" / "all")


def circular(own: Path) -> None:
    (own / "there").symlink_to(own / "there")


PLACES = [
    (in_the_way, "there", "there", 4), (in_the_way, "there/deep", "there", 9),
    (dangling, "there", "there", 2), (circular, "there/deep", "there", 2),
    (lambda own: None, "x" * 300, "give a shorter one", 2), (lambda own: None, "/proc/mslt/out", "/proc/mslt", 3),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "out", "said", "number"), PLACES, ids=["file", "file_above", "dangling", "circular", "long", "unwritable"]
)
def test_a_place_that_cannot_be_written_to(
    make: Callable[[Path], None], out: str, said: str, number: int, own: Path, call: Call, survived: Survived
) -> None:
    commands = [
        ("merge", "run=run", f"out={out}", "prompts=2"),
        ("report", "run=run", f"out={out}"),
        (*TRAIN[:-1], f"output_dir={out}"),
        ("combine", "runs=[run]", f"out={out}", "scored=false"),
        ("eval", "run=run", "languages=[en]", "examples=2", f"out={out}", "cache=none"),
        ("export", "run=run", "format=[vllm]", f"out={out}"),
        ("predict", "run=run", "data=new.csv", f"out={out}/labelled.csv"),
        ("study", "study=mini", f"out={out}"),
        ("data", *TRAIN[1:-1], f"output_dir={out}"),
    ][:number]
    survived("a place that cannot be written to", len(commands))
    (own / "new.csv").write_text("lang,premise,hypothesis\nen,a,b\n", encoding="utf-8")
    make(own)
    for command in commands:
        code, _, err = call(*command)
        check_line(code, err, *([] if command[0] in ("predict", "study", "combine", "eval", "train") else [said]))
    assert find_damage(own / "run") is None and not (own / "there").is_dir()


# ---------------------------------------------------------------- signals


class At(TrainerCallback):
    """A signal to this process at the end of a step."""

    def __init__(self, step: int, number: int) -> None:
        self.step, self.number = step, number

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            os.kill(os.getpid(), self.number)


@pytest.fixture
def signalled(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = AdapterTrainer.__init__

    def at(step: int, number: int) -> None:
        def init(self: Any, *arguments: Any, **options: Any) -> None:
            made(self, *arguments, **options)
            self.add_callback(At(step, number))

        monkeypatch.setattr(AdapterTrainer, "__init__", init)

    yield at


def test_sigterm_ends_as_ctrl_c_does(
    signalled: Any, shop: Path, tmp_path: Path, call: Call, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived("SIGTERM while training")
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context():
        signalled(1, signal.SIGTERM)
        code, _, err = call(*TRAIN)
        assert code == 143 and err.endswith("error: ended by SIGTERM; start it again: what is done stays done\n")
        assert signal.getsignal(signal.SIGTERM) is before and not (tmp_path / "run" / ".lock").exists()
        signalled(7, signal.SIGTERM)
        code, out, _ = call(*TRAIN)
    assert code == 0 and "Continued from checkpoint-1" in out and figures(tmp_path / "run") == figures(shop / "run")


def test_usr1_saves_a_checkpoint_and_goes_on(
    signalled: Any, tmp_path: Path, call: Call, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived("USR1 before the time is up")
    monkeypatch.chdir(tmp_path)
    saved = []
    sealed = checkpoints.seal
    monkeypatch.setattr(checkpoints, "seal", lambda folder, *rest: saved.append(folder.name) or sealed(folder, *rest))
    signalled(1, signal.SIGUSR1)
    given = [one for one in TRAIN if not one.startswith(("training.max_steps=", "training.save_steps="))]
    code, _, _ = call(*given, "training.max_steps=3", "training.save_steps=100")
    assert code == 0 and saved == ["checkpoint-2", "checkpoint-3"]


def test_usr1_ends_no_command_that_does_not_train(survived: Survived) -> None:
    survived("USR1 while nothing is trained")
    before = signal.getsignal(signal.SIGUSR1)
    assert terminal.run(lambda argv: os.kill(os.getpid(), signal.SIGUSR1), []) == 0
    assert signal.getsignal(signal.SIGUSR1) is before
