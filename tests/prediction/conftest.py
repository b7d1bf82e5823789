"""One run on a user's own table, made once: see labelled_table.py."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import pytest
from labelled_table import TRAINING, Trained, call, table

from mslt_it.locks import locked

sys.path.insert(0, str(Path(__file__).parents[1] / "publish"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Made by the first of several test processes that asks for it: it takes 20 s."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tickets"
    with locked(folder / "lock"):
        if not (folder / "shown.txt").exists():
            with (folder / "tickets.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("lang", "text", "intent"), *table()])
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                code, shown = call(*TRAINING)
            assert code == 0, shown
            (folder / "shown.txt").write_text(shown, encoding="utf-8")
    return Trained(folder, (folder / "shown.txt").read_text(encoding="utf-8"))
