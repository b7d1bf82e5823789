"""No command fails at what it prints, whatever the terminal's encoding; logs are UTF-8."""

from __future__ import annotations

import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from mslt_it.cli import main
from mslt_it.problems import Problem
from mslt_it.terminal import as_text, keep_printing, print_json, run

ROOT = Path(__file__).resolve().parents[1]
ENCODINGS = ["ascii", "cp1252"]
TINY = ["data.num_examples_total=60", "training.max_steps=2", "scoring.num_examples_per_language=8"]
TINY += ["scoring.num_bootstrap=100", "targets=[tr,th]"]


def start(*arguments: str, encoding: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, env=environment, capture_output=True, check=False
    )


def called(*arguments: str, encoding: str, patch: pytest.MonkeyPatch) -> tuple[int, bytes, bytes]:
    """(exit code, stdout, stderr) of a command or script in this process, on a terminal of the encoding."""
    shown = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for _ in range(2)]
    patch.setattr(sys, "stdout", shown[0])
    patch.setattr(sys, "stderr", shown[1])
    if arguments[0].endswith(".py"):
        patch.setattr(sys, "argv", list(arguments))
        patch.setattr(sys, "path", [str(Path(arguments[0]).parent), *sys.path])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(arguments[0], run_name="__main__")
        code = int(str(ended.value.code))
    else:
        code = main(arguments)
    for stream in shown:
        stream.flush()
    out, err = (stream.buffer.getvalue() for stream in shown)  # type: ignore[attr-defined]
    return code, out, err


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "arguments",
    [
        ["recipes"],
        ["data", "recipe=xnli_3src", *TINY],
        ["world", "show", "ar"],
        ["select", "pool=[ar,de,zh]", "k=2", "criteria=[pretraining_size]"],
        ["study", "study=mini", "--dry-run"],
        ["train", "recipe=نعم"],  # a Problem that cannot be shown
    ],
    ids=lambda a: a[0],
)
def test_a_command_ends_as_it_does_in_utf8(
    arguments: list[str], encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = called(*arguments, encoding=encoding, patch=monkeypatch)
    assert code == (2 if arguments[0] == "train" else 0)
    assert out.decode(encoding) or arguments[0] == "train"
    if arguments[0] == "train":
        assert b"Unknown recipe '\\u0646\\u0639\\u0645'" in err


def test_a_run_trains_evaluates_and_logs_in_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    train = ["train", "recipe=xnli_3src", *TINY, "output_dir=run"]
    code, out, err = called(*train, encoding="ascii", patch=monkeypatch)
    assert code == 0, err
    assert b"\\u" in out
    log = (tmp_path / "run" / "log.txt").read_text(encoding="utf-8")
    assert "Öncül" in log or "前提" in log  # the mask audit shows a row as it is
    evaluated = [str(ROOT / "eval" / "run.py"), "run=run", "out=out", "cache=none", "examples=4", "--json"]
    code, out, err = called(*evaluated, encoding="cp1252", patch=monkeypatch)
    assert code == 0, err
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert json.loads(out) == {**results, "folder": "out"}


def test_task_files_for_lm_eval_are_written_whatever_the_terminal(tmp_path: Path) -> None:
    given = ["mslt_it.integrations.lm_eval_tasks", "görev", "recipe=xnli_3src", *TINY]
    done = start(*given, encoding="ascii", cwd=tmp_path)
    assert done.returncode == 0 and b"written: g\\xf6rev/mslt_xnli_tr.yaml" in done.stdout


def test_bytes_that_are_no_utf8_are_refused_by_name() -> None:
    with pytest.raises(Problem, match=r"^Argument 'output_dir=caf.' holds bytes that are not UTF-8\. Rename the file"):
        as_text(["output_dir=caf\udce9"])
    assert as_text(["output_dir=café"]) == ["output_dir=café"]


def test_json_stays_json_where_a_letter_has_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"a": "نعم \U0001f600 é"}
    for encoding in ("ascii", "cp1252", "utf-8", "UTF8"):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
        keep_printing()
        print_json(content)
        sys.stdout.flush()
        assert json.loads(written.getvalue().decode(encoding)) == content
        assert ("é".encode() in written.getvalue()) is (encoding.lower().replace("-", "") == "utf8")


def test_the_end_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    def fails(error: BaseException) -> int:
        def command(argv: list[str]) -> int:
            raise error

        return run(command, [])

    assert run(lambda argv: None, []) == 0 and run(lambda argv: len(argv), ["a"]) == 1
    assert fails(Problem("no such thing")) == 2 and capsys.readouterr().err == "error: no such thing\n"
    assert fails(KeyboardInterrupt()) == 130
    with pytest.raises(UnicodeEncodeError):  # a mistake of ours
        fails(UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogates not allowed"))


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["train", "--help"], ["world", "show", "sw"]], ids=lambda a: a[0])
def test_a_reader_that_goes_away_ends_a_command_quietly(arguments: list[str], unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    readable, writable = os.pipe()
    os.close(readable)  # `mslt train --help | head -1` after its first line
    command = [sys.executable, "-m", "mslt_it.cli", *arguments]
    done = subprocess.run(command, env=environment, stdout=writable, stderr=subprocess.PIPE, check=False)
    os.close(writable)
    assert done.returncode == 141 and done.stderr == b""
