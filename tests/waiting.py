"""Waiting for what other processes and threads do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def until(holds: Callable[[], object], seconds: float = 120) -> None:
    """Returns as soon as it holds; fails where it never does, not where the machine is slow."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not so after {seconds:g} s"
        time.sleep(0.02)


def text_of(file: Path) -> str:
    """What another process has written so far, maybe nothing."""
    return file.read_text(encoding="utf-8") if file.exists() else ""
