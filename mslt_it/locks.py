"""Locks on files, so that two processes do not write into one folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds a file's lock; the kernel lets go of it when the process dies, however it dies.

    Yields False, at once, where ``wait`` is False and another process holds it. File systems without locks (some of
    clusters) are taken to give it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        held = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            held = False
        except OSError:
            held = True
        yield held
    finally:
        os.close(descriptor)
