"""What lies on the disk. Journals: whatever a kill leaves behind, the file that is gone on with ends as that of a run
without a kill. Sealed folders: whole, or damaged in words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from mslt_it import store
from mslt_it.journal import Journal, read_answers
from mslt_it.problems import Problem
from mslt_it.store import (
    COMPLETE,
    altered,
    find_damage,
    made_once,
    read_json,
    seal,
    sealed_files,
    sealing,
    write_json,
)

HEAD = {"task": "xnli", "language": "de"}
SIZES = (2, 1, 3)
BATCHES: list[list[dict[str, Any]]] = [
    [{"id": "a", "text": "১৮\u2028\n"}, {"id": "b", "text": None}],
    [{"id": "c", "log_likelihoods": [-1.5, "nan"]}],
    [{"id": "d"}, {"id": "e"}, {"id": "f"}],
]


def fill(path: Path, *, sizes: tuple[int, ...] = SIZES) -> int:
    """Goes on from whatever is there; returns how many batches were done anew."""
    journal = Journal(path, HEAD, sizes)
    done = journal.open()
    for number in range(done, len(sizes)):
        journal.append(number, BATCHES[number])
    return len(sizes) - done


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    fill(tmp_path / "whole.jsonl")
    return (tmp_path / "whole.jsonl").read_bytes()


def test_rows_come_back_in_the_order_of_the_batches(tmp_path: Path) -> None:
    fill(tmp_path / "a.jsonl")
    rows = Journal(tmp_path / "a.jsonl", HEAD, SIZES).rows()
    assert [row["id"] for row in rows] == list("abcdef") and [row["batch"] for row in rows] == [0, 0, 1, 2, 2, 2]
    assert rows[0]["text"] == "১৮\u2028\n" and rows[1]["text"] is None and rows[2]["log_likelihoods"] == [-1.5, "nan"]


def test_cut_at_every_byte_the_file_ends_the_same(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # four for each of 300 offsets take seconds
    path = tmp_path / "cut.jsonl"
    lengths = [len(line) for line in whole.splitlines(keepends=True)]
    ends = [sum(lengths[: 1 + sum(SIZES[:number])]) for number in range(1, len(SIZES) + 1)]  # of the batches
    for offset in range(len(whole) + 1):
        path.write_bytes(whole[:offset])
        assert fill(path) == sum(end > offset for end in ends), offset
        assert path.read_bytes() == whole, offset


def test_an_opened_journal_is_cut_back_before_anything_is_appended(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "torn.jsonl"
    path.write_bytes(whole[:-3])
    journal = Journal(path, HEAD, SIZES)
    assert journal.open() == 2
    assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:4])
    with pytest.raises(Problem, match=r"torn\.jsonl is not complete: 2 of 3 batches\. Start the command again\."):
        journal.rows()


@pytest.mark.parametrize(
    "wrong",
    [b"not json\n", b"[1]\n", b'{"id":"c"}\n', b'{"batch":7,"id":"c"}\n', b"\xff\xfe\n", b"\n", b"null\n"],
)
def test_a_line_that_is_no_answer_ends_what_is_kept(tmp_path: Path, whole: bytes, wrong: bytes) -> None:
    path = tmp_path / "wrong.jsonl"
    first = b"".join(whole.splitlines(keepends=True)[:3])
    path.write_bytes(first + wrong)
    assert fill(path) == 2
    assert path.read_bytes() == whole


def test_more_batches_than_planned_are_cut_off(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(whole + whole.splitlines(keepends=True)[-1] + b'{"batch":3,"id":"g"}\n')
    with pytest.raises(Problem, match="is not complete"):
        Journal(path, HEAD, SIZES).rows()
    assert fill(path) == 0 and path.read_bytes() == whole


def test_a_journal_of_something_else_is_refused_and_left_alone(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "other.jsonl"
    for content in (whole.replace(b'"de"', b'"tr"', 1), b'{"evaluation_of":{}}\n'):
        path.write_bytes(content)
        with pytest.raises(Problem, match=r"other\.jsonl belongs to other work \(other weights.*another out="):
            Journal(path, HEAD, SIZES).open()
        assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"hello\n", b"\xff\n", b"[1]\n", b'{"evaluation_of":7}\n', b"x" * 99])
def test_what_is_no_journal_is_put_aside(tmp_path: Path, whole: bytes, content: bytes) -> None:
    path = tmp_path / "no.jsonl"
    path.write_bytes(content)
    assert fill(path) == 3 and path.read_bytes() == whole
    assert (tmp_path / "no.jsonl.aside1").read_bytes() == content


def test_an_altered_answer_is_asked_again_with_all_that_follow(
    tmp_path: Path, whole: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever was changed: an answer, its item, its hash; or lines change places."""
    lines = whole.splitlines(keepends=True)
    for number, batch in ((1, 0), (3, 1), (4, 2), (6, 2)):
        changed = lines[number].replace(b'"id":"', b'"id":"x')
        other_sum = lines[number][:-10] + b"00000000" + lines[number][-2:]
        torn = b"".join([*lines[:number], changed, *lines[number + 1 :]]), b"".join([*lines[:number], other_sum])
        for content in torn:
            path = tmp_path / "edited.jsonl"
            path.write_bytes(content)
            with pytest.raises(Problem, match="is not complete"):
                Journal(path, HEAD, SIZES).rows()
            assert read_answers(path) is None
            assert fill(path) == len(SIZES) - batch and path.read_bytes() == whole
            assert "edited.jsonl was altered or damaged: what is affected is asked again." in capsys.readouterr().err


def test_an_answer_of_another_model_is_none(tmp_path: Path, whole: bytes) -> None:
    other = Journal(tmp_path / "other.jsonl", {**HEAD, "model": "b"}, SIZES)
    other.open()
    other.append(0, [{"id": "a", "text": "of b"}, {"id": "b", "text": "of b"}])
    answers = (tmp_path / "other.jsonl").read_bytes().splitlines(keepends=True)[1:]
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(whole.splitlines(keepends=True)[0] + b"".join(answers))
    assert fill(path) == 3 and path.read_bytes() == whole


def test_answers_are_taken_over_whole_and_under_the_new_name(tmp_path: Path, whole: bytes) -> None:
    own = Journal(tmp_path / "own.jsonl", {**HEAD, "system": "run_a", "q": 1}, SIZES)
    (tmp_path / "theirs.jsonl").write_bytes(whole)
    own.open()
    assert not own.take_over(tmp_path / "theirs.jsonl", "q")
    assert own.take_over(tmp_path / "theirs.jsonl", "task")
    assert own.rows() == Journal(tmp_path / "theirs.jsonl", HEAD, SIZES).rows() == read_answers(own.path)
    (tmp_path / "theirs.jsonl").write_bytes(whole.replace(b'"c"', b'"C"'))
    own.path.unlink()
    own.open()
    assert not own.take_over(tmp_path / "theirs.jsonl", "task")


def test_a_journal_without_batches_is_its_first_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "deep" / "none.jsonl", HEAD, ())
    assert journal.open() == 0 and journal.open() == 0 and journal.rows() == []
    assert json.loads((tmp_path / "deep" / "none.jsonl").read_text(encoding="utf-8")) == {"evaluation_of": HEAD}


def test_a_nan_is_never_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "nan.jsonl", HEAD, (1,))
    journal.open()
    before = journal.path.read_bytes()
    with pytest.raises(ValueError, match="Out of range"):
        journal.append(0, [{"id": "a", "log_likelihoods": [float("nan")]}])
    assert journal.path.read_bytes() == before


# ---------------------------------------------------------------- sealed folders


def filled(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("one", encoding="utf-8")
    (folder / "deep" / "b.txt").write_text("two", encoding="utf-8")
    seal(folder, [p for p in folder.rglob("*") if p.is_file()], {"step": 7})
    return folder


def test_a_sealed_folder_is_whole_until_a_file_changes(tmp_path: Path) -> None:
    folder = filled(tmp_path / "run")
    assert read_json(folder / COMPLETE)["step"] == 7 and set(sealed_files(folder)) == {"a.txt", "deep/b.txt"}
    assert altered(folder) == [] and find_damage(folder) is None
    (folder / "extra.txt").write_text("not sealed, not looked at", encoding="utf-8")
    assert find_damage(folder) is None
    (folder / "deep" / "b.txt").write_text("three", encoding="utf-8")
    (folder / "a.txt").unlink()
    assert altered(folder) == [("a.txt", "is missing"), ("deep/b.txt", "is not what was saved (5 bytes)")]
    assert altered(folder, ["deep/"]) == [("deep/b.txt", "is not what was saved (5 bytes)")]
    assert find_damage(folder) == "a.txt is missing"


@pytest.mark.parametrize(
    ("seal_text", "said"),
    [
        (None, "COMPLETE.json is missing, so it was never finished"),
        ("", "does not list files with their hashes"),
        ("[1]", "does not list files with their hashes"),
        ('{"files": {"a.txt": 3}}', "does not list files with their hashes"),
        ('{"files": {}}', "does not list files with their hashes"),
        ('{"sha256": {"a.txt": "00"}}', "does not list files with their hashes"),
        ('{"files": {"a.txt": "00"}, "sha256": "00"}', "was altered or damaged"),
    ],
)
def test_a_seal_that_cannot_be_read_is_damage_and_no_traceback(
    seal_text: str | None, said: str, tmp_path: Path
) -> None:
    folder = filled(tmp_path / "run")
    (folder / COMPLETE).unlink()
    if seal_text is not None:
        (folder / COMPLETE).write_text(seal_text, encoding="utf-8")
    assert said in str(find_damage(folder))
    with pytest.raises(Problem, match=said):
        sealed_files(folder)


def test_what_has_no_end_is_no_file_of_ours(tmp_path: Path) -> None:
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.json")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(2**30)
    assert [read_json(tmp_path / f"{name}.json") for name in ("zero", "pipe", "large")] == [None] * 3


def test_a_seal_that_names_files_elsewhere_takes_none_of_them_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "precious.jsonl").write_text("{}", encoding="utf-8")
    folder = filled(tmp_path / "run")
    (folder / "link").symlink_to(tmp_path)
    names = ("../precious.jsonl", f"{tmp_path}/precious.jsonl", "link/precious.jsonl", "own\x1b[2J.jsonl")
    (folder / "own\x1b[2J.jsonl").write_text("{}", encoding="utf-8")
    (folder / COMPLETE).write_text(json.dumps({"files": dict.fromkeys(names, "00")}), encoding="utf-8")
    assert store.reopen(folder, "run") and not (folder / "own\x1b[2J.jsonl").exists()
    assert (tmp_path / "precious.jsonl").exists() and "\x1b" not in capsys.readouterr().err


def test_whoever_reads_the_folder_reads_its_files(tmp_path: Path) -> None:
    """safetensors leaves its files to their owner alone."""
    folder = filled(tmp_path / "run")
    (folder / "a.txt").chmod(0o600)
    folder.chmod(0o755)
    seal(folder, [folder / "a.txt"])
    assert (folder / "a.txt").stat().st_mode & 0o777 == 0o644


# ---------------------------------------------------------------- folders made whole or not at all

INPUTS = {"base": "0" * 64, "dtype": "bfloat16"}


def made(out: Path, inputs: dict[str, str] = INPUTS) -> bool:
    """Whether it was made now."""
    said: list[str] = []

    def fill(part: Path) -> dict[str, Any]:
        (part / "weights").write_bytes(b"w" * 100)
        return {"size": 100}

    found = made_once(out, "merge.json", inputs, fill, said.append)
    assert all("incomplete or damaged" in line for line in said) and found.record == {"inputs": inputs, "size": 100}
    return found.is_new


def test_a_folder_is_made_once_and_another_one_is_refused(tmp_path: Path) -> None:
    assert made(tmp_path / "out") and not made(tmp_path / "out") and [p.name for p in tmp_path.iterdir()] == ["out"]
    with pytest.raises(
        Problem, match=r"something else \(base: 000000000000 there, 111111111111 now; dtype: bfloat16 the"
    ):
        made(tmp_path / "out", {"base": "1" * 64, "dtype": "float32"})
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "merge.json").write_text('{"chapters": [1, 2]}', encoding="utf-8")
    with pytest.raises(Problem, match=r"thesis holds something else \(no merge\.json of ours\)\. Give another folder"):
        made(tmp_path / "thesis")
    with pytest.raises(Problem, match=r"merge\.json is a file\. Give another folder"):
        made(tmp_path / "thesis" / "merge.json")
    (tmp_path / "empty").mkdir()
    assert made(tmp_path / "empty")


@pytest.mark.parametrize("how", ["weights cut", "no seal", "record cut", "weights gone"])
def test_a_torn_folder_is_not_taken_for_done(how: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(out)
    if how == "record cut":
        (out / "merge.json").write_text('{"inputs": {', encoding="utf-8")
    elif how == "weights cut":
        (out / "weights").write_bytes(b"w")
    else:
        (out / {"no seal": COMPLETE, "weights gone": "weights"}[how]).unlink()
    (out / "left_over.txt").write_text("not in the seal", encoding="utf-8")
    assert made(out) and not (out / "left_over.txt").exists() and not made(out)


def test_what_fails_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    made(tmp_path / "out")
    for error in (OSError(28, "No space left on device"), SafetensorError("I/O error: no space")):
        said = r"out could not be written: .*space.*\. What was there is as it was\."
        with pytest.raises(Problem, match=said), sealing(tmp_path / "out") as part:
            (part / "weights").write_bytes(b"half")
            raise error
    assert [p.name for p in tmp_path.iterdir()] == ["out"] and not made(tmp_path / "out")


@pytest.mark.parametrize(
    ("point", "when"), [("write_json", "after"), ("take_place", "before"), ("take_place", "after")]
)
def test_killed_at_any_point_there_is_a_whole_folder_or_none(point: str, when: str, tmp_path: Path) -> None:
    child = os.fork()
    if not child:  # nothing here has threads

        def dies(*arguments: Any) -> None:
            if when == "after":
                real(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)

        real = getattr(store, point)
        setattr(store, point, dies)
        made(tmp_path / "out")
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    whole = (point, when) == ("take_place", "after")
    assert (tmp_path / "out").exists() is whole and made(tmp_path / "out") is not whole
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_the_store_needs_no_torch() -> None:
    code = "import sys, mslt_it.store; sys.exit(bool({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("in_the_way", ["kept.json", ".kept.json.part"])
def test_a_folder_in_the_place_of_a_file_is_put_aside(in_the_way: str, tmp_path: Path) -> None:
    (tmp_path / in_the_way / "somebody's").mkdir(parents=True)
    write_json(tmp_path / "kept.json", {"a": 1})
    assert read_json(tmp_path / "kept.json") == {"a": 1}
    assert (tmp_path / f"{in_the_way}.aside1" / "somebody's").is_dir()


def test_a_small_file_tells_when_it_was_edited(tmp_path: Path) -> None:
    written = store.with_own_hash({"rows": [{"x": 0.1, "y": (1, 2)}], "by": {10: 1, 9: 2}})
    write_json(tmp_path / "figures.json", written)
    read = read_json(tmp_path / "figures.json")
    assert read is not None and store.is_as_written(read)
    assert not store.is_as_written({**read, "rows": []}) and not store.is_as_written({"rows": []})
