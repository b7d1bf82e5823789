"""One run on a user's own table, made once: see labelled_table.py."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from labelled_table import TRAINING, Trained, call, table

sys.path.insert(0, str(Path(__file__).parents[1] / "publish"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    with (folder / "tickets.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([("lang", "text", "intent"), *table()])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        code, shown = call(*TRAINING)
    assert code == 0, shown
    return Trained(folder, shown)
