"""What a long job tells of itself where there is no terminal."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from waiting import until

from mslt_it import progress
from mslt_it.progress import Progress, duration, only_in_logs, working


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_in_thirty_seconds_on_stderr_and_in_the_log(
    clock: list[float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress("Training", 40, "step", start=10, rows=("rows", 16), log=tmp_path / "log.txt") as job:
        for step in range(11, 41):
            clock[0] += 8.0
            job.update(step, "loss ar 1.250, de 0.500")
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and lines == (tmp_path / "log.txt").read_text().splitlines()
    assert lines[0] == "Training: step 14 of 40, 2 rows/s, 3 min 28 s left; loss ar 1.250, de 0.500"
    assert len(lines) == 7  # every fourth of 30 steps of 8 s; the end tells itself


def test_other_processes_are_silent_and_cells_of_a_study_write_their_log(
    clock: list[float], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    other = Progress("Scoring", 10, "item", log=tmp_path / "other.txt")
    monkeypatch.setenv("RANK", "0")
    with only_in_logs():
        cell = Progress("Scoring", 10, "item", log=tmp_path / "cell.txt")
    clock[0] = 60.0
    for job in (other, cell):
        job.update(5, "th (2 of 4)")
        job.say("Estimate")
    assert capsys.readouterr() == ("", "")
    assert not (tmp_path / "other.txt").exists()
    assert (tmp_path / "cell.txt").read_text() == (
        "Scoring: item 5 of 10, 0.0833 items/s, 1 min 00 s left; th (2 of 4)\nEstimate\n"
    )


def test_a_bar_in_a_terminal_and_lines_in_the_log(
    clock: list[float], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with Progress("Training", 4, "step", log=tmp_path / "log.txt") as job:
        clock[0] = 40.0
        job.update(2, "loss 0.5")
        job.say("Estimate")
    shown = capsys.readouterr().err
    assert "Training:  50%" in shown and "Estimate" in shown and "Training: step" not in shown
    assert (tmp_path / "log.txt").read_text().startswith("Training: step 2 of 4, 0.05 steps/s, 40 s left; loss 0.5\n")


def test_the_longest_rows_forecast_nothing_for_the_others(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress("Labelling", 200, "row") as job:
        for seconds, done in ((300.0, 2), (340.0, 100)):
            clock[0] = seconds
            job.update(done)
    assert capsys.readouterr().err.splitlines() == [
        "Labelling: row 2 of 200, 0.00667 rows/s",
        "Labelling: row 100 of 200, 0.294 rows/s, 5 min 40 s left",
    ]


def test_durations() -> None:
    assert [duration(s) for s in (0.4, 59.4, 59.6, 200, 7500)] == [
        "0 s",
        "59 s",
        "1 min 00 s",
        "3 min 20 s",
        "2 h 05 min",
    ]


def test_what_is_done_is_counted_and_a_total_may_grow(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("Scoring", 100, "item") as job:
        job.detail, job.total = "adapter, xnli direct th (2 of 5)", 200
        clock[0] = 40.0
        job.advance(80)
        job.advance()
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "Scoring: item 80 of 200, 2 items/s, 1 min 00 s left; adapter, xnli direct th (2 of 5)"


def test_parts_count_and_what_was_done_before_says_nothing_of_the_rest(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress("Scoring", 100, "item") as job:
        job.advance(90, is_new=False)
        clock[0] = 40.0
        for _ in range(25):
            job.advance(0.1)
        clock[0] = 100.0
        job.advance(2.5)
    with Progress("Making rows", 300_000, "row") as job:
        clock[0] = 140.0
        job.advance(93_800)
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "Scoring: item 90 of 100, 0.0025 items/s"  # too little to foretell
    assert second == "Scoring: item 95 of 100, 0.05 items/s, 1 min 40 s left"
    assert third == "Making rows: row 93,800 of 300,000, 2,345 rows/s, 1 min 28 s left"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_what_cannot_be_counted_is_told_while_it_goes_on(
    is_terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("INTERVAL", "REDRAWN"):
        monkeypatch.setattr(progress, name, 0.01)
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal, raising=False)
    told = r"Reading de\.tsv \.\.\. \d+ s" if is_terminal else r"Reading de\.tsv: \d+ s so far\n"
    with working("Reading de.tsv"):
        until(lambda: re.search(told, capsys.readouterr().err))


def test_of_processes_started_together_the_first_tells(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.01)
    for rank, is_told in (("0", True), ("1", False)):
        monkeypatch.setenv("RANK", rank)
        job = Progress("Scoring", 2, "item")
        with working("Reading de.tsv"):
            if is_told:
                until(lambda: "Reading de.tsv: " in capsys.readouterr().err)
            else:
                time.sleep(0.05)
        job.advance()
        err = capsys.readouterr().err
        assert ("Scoring: item 1" in err) == is_told and (is_told or not err)
