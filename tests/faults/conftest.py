"""What the tests of faults share: small runs of the embedded model, made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_run import TRAIN, Call, Called

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
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands leave behind; copy before you change."""
    home = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        assert cli.main([*TRAIN]) == 0
    return home


@pytest.fixture
def own(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, with a copy of the run in it; it is the working directory."""
    shutil.copytree(shop / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path
