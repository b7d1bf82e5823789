"""What the tests of faults share: small runs of the embedded model, made once, and the table of what was survived."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_run import TRAIN, Call, Called, Survived

from mslt_it import cli


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """A command in this process, as ``mslt`` is called; an error that is no Problem goes through."""

    def called(*arguments: object) -> Called:
        code = cli.main([str(one) for one in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return called


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with what the commands leave behind; copy before you change."""
    home = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        assert cli.main([*TRAIN]) == 0
        yield home


@pytest.fixture
def own(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, with a copy of the run in it; it is the working directory."""
    shutil.copytree(shop / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


# ---------------------------------------------------------------- the table


@pytest.fixture
def survived(record_property: Callable[[str, object], None]) -> Survived:
    """``survived("disk full", tries=3)``: a row of the table at the end; a test that fails lost what it tried."""

    def record(fault: str, tries: int = 1) -> None:
        record_property("fault", f"{fault}\0{tries}")

    return record


def pytest_terminal_summary(terminalreporter: Any) -> None:
    tries: Counter[str] = Counter()
    lost: dict[str, int] = defaultdict(int)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in getattr(report, "user_properties", ()):
                if name == "fault" and report.when == "call":
                    fault, _, number = str(value).partition("\0")
                    tries[fault] += int(number)
                    lost[fault] += int(number) * (outcome == "failed")
    if tries:
        width = max(map(len, tries))
        terminalreporter.write_line(f"\n{'fault':{width}}  tries  survived  lost")
        for fault, number in sorted(tries.items()):
            terminalreporter.write_line(f"{fault:{width}}  {number:>5}  {number - lost[fault]:>8}  {lost[fault]:>4}")
