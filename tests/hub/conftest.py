"""A Hub of the tests' own, and a home with empty caches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from server import Hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with Hub(tmp_path / "hub") as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"
