"""Two commands never write to one place: the second is told who does, or waits; a dead one's lock is taken over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from small_run import TRAIN, Call, Survived, unfinished

from mslt_it import pipeline
from mslt_it.locks import LOCK, beside, locked
from mslt_it.problems import Problem
from mslt_it.store import sealing, write_atomically

# What is written by each command, and what stands for it.
WRITERS = {
    TRAIN: ("run", Path("run") / LOCK),
    ("data", *TRAIN[1:-1], "output_dir=rows"): ("rows", Path("rows") / LOCK),
    ("merge", "run=kept", "out=merged", "prompts=2"): ("merged", Path(".merged.lock")),
    ("export", "run=kept", "out=exported", "prompts=2"): ("exported", Path(".exported.lock")),
    ("combine", "runs=[kept]", "out=both"): ("both", Path(".both.lock")),
    ("report", "run=kept", "out=page"): ("page", Path(".page.lock")),
    ("predict", "run=kept", "data=new.csv", "out=labelled.csv"): ("labelled.csv", Path(".labelled.csv.lock")),
    ("eval", "run=kept", "languages=[en]", "out=scored"): ("scored", Path("scored") / LOCK),
    ("study", "study=mini", "out=studies"): ("studies", Path("studies") / "locks" / "study.lock"),
}
HOLD = """
import sys, time
from pathlib import Path
from mslt_it.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def place(own: Path) -> Path:
    """The run as it was, and one that is not finished."""
    shutil.copytree(own / "run", own / "kept")
    unfinished(own / "run")
    (own / "new.csv").write_text("lang,premise,hypothesis\nen,a,b\n", encoding="utf-8")
    return own


@pytest.mark.parametrize("command", WRITERS, ids=lambda command: command[0])
def test_the_second_one_is_told_who_writes_there(
    command: tuple[str, ...], place: Path, call: Call, survived: Survived
) -> None:
    survived("a second process writes to the same place")
    where, lock = WRITERS[command]
    with locked(lock):
        code, _, err = call(*command)
    assert code == 2 and f"Another process is at work in {where}" in err.replace(f"{place}/", ""), err
    assert f"process {os.getpid()} on " in err and ", since 2" in err and "wait=true" in err


def test_wait_waits_and_then_finds_what_was_done(
    place: Path, call: Call, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived("a second process waits for the first")
    monkeypatch.setattr(pipeline, "_execute", lambda *arguments: 1 / 0)
    seal = (place / "kept" / "COMPLETE.json").read_bytes()
    held = threading.Event()

    def other() -> None:
        with locked(place / "run" / LOCK):
            held.set()
            threading.Event().wait(0.5)
            (place / "run" / "COMPLETE.json").write_bytes(seal)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait()
    code, out, _ = call(*TRAIN, "wait=true")
    thread.join()
    assert code == 0 and "Another process is at work in run" in out and "waiting" in out and "already finished" in out
    assert not (place / "run" / LOCK).exists()


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path, survived: Survived) -> None:
    survived("the first process is killed")
    path = tmp_path / "deep" / LOCK
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        with locked(path, wait=False) as held:
            assert not held
        process.send_signal(signal.SIGKILL)
    assert path.exists()
    with locked(path, wait=False) as held:
        assert held
    assert not path.exists()


def test_many_at_once_hold_it_one_after_another(tmp_path: Path, survived: Survived) -> None:
    """Each takes the file away when it ends, so that the next one must notice that it holds a file that is gone."""
    survived("many processes at one lock", 40)
    inside, most, done = [0], [0], []

    def one() -> None:
        with locked(tmp_path / "x.lock") as held:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            done.append(held)
            inside[0] -= 1

    threads = [threading.Thread(target=one) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 40 and most == [1] and not list(tmp_path.iterdir())


def test_what_another_command_put_there_meanwhile_stays(tmp_path: Path, survived: Survived) -> None:
    """mslt train and mslt merge with one folder, say: each holds a lock of its own kind."""
    survived("another command writes to the same place meanwhile", 2)
    out = tmp_path / "out"
    for content in ("a run", "another run"):
        with pytest.raises(Problem, match="was written to by something else meanwhile"), sealing(out) as part:
            (part / "config.json").write_text("{}", encoding="utf-8")
            out.mkdir(exist_ok=True)
            write_atomically(out / "results.json", content)
        assert (out / "results.json").read_text(encoding="utf-8") == content
        assert [path.name for path in tmp_path.iterdir()] == ["out"] and len(list(out.iterdir())) == 1


def test_a_run_is_not_written_into_something_else(own: Path, call: Call, survived: Survived) -> None:
    survived("another command writes to the same place meanwhile")
    (own / "merged").mkdir()
    (own / "merged" / "COMPLETE.json").write_text("{}", encoding="utf-8")
    code, _, err = call(*TRAIN[:-1], "output_dir=merged")
    assert code == 2 and err == "error: merged holds COMPLETE.json but no run. Choose another output_dir.\n"
    assert len(list((own / "merged").iterdir())) == 1


def test_no_link_in_the_place_of_a_file_of_ours_is_followed(tmp_path: Path, survived: Survived) -> None:
    """In a folder that others may write to, one could lead to any file of the user's."""
    survived("a link in the place of a file that is written", 2)
    precious, out = tmp_path / "precious", tmp_path / "out.json"
    precious.write_text("precious", encoding="utf-8")
    for link in (beside(out), out.with_name(".out.json.part")):
        link.symlink_to(precious)
    with pytest.raises(OSError, match="symbolic links"), locked(beside(out)):
        pass
    with pytest.raises(OSError, match="symbolic links"):
        write_atomically(out, "{}")
    assert precious.read_text(encoding="utf-8") == "precious" and not out.exists()
