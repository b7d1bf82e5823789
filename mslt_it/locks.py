"""One writer per folder: a second one is told who writes there, or waits.

The kernel holds a lock for a process and lets go of it when the process dies, however it dies. The file beside it says
who holds it; it is taken away at the end.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mslt_it.problems import Problem, Say, warn
from mslt_it.store import no_link, read_json

LOCK = ".lock"  # in a folder that is written to piece by piece
WAIT = "wait for another process that writes to the same place; false: refuse"  # what wait= means in every command


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds a file's lock, and the file while it does; yields False, at once, where another process holds it and
    ``wait`` is False."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = no_link(str(path), os.O_RDWR | os.O_CREAT)
        try:
            held = _take(descriptor, wait)
            if held and not _is_at(path, descriptor):
                continue  # its holder took the file away when it ended
            if held:
                os.truncate(descriptor, 0)
                os.write(descriptor, _card().encode())
            try:
                yield held
            finally:
                if held:
                    path.unlink(missing_ok=True)
            return
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def only_writer(place: Path, lock: Path, *, wait: bool = False, say: Say | None = None) -> Iterator[None]:
    """Nobody else writes to ``place`` meanwhile; a Problem that says who does, unless ``wait`` is asked for, which
    ``say`` is then told. ``lock``: the file that stands for the place."""
    with locked(lock, wait=False) as is_held:
        if is_held:
            yield
            return
    if not wait:
        raise Problem(
            f"Another process is at work in {place}{holder(lock)}. Wait for it (wait=true waits and then goes on), or "
            "end it and start again: what is done stays done."
        )
    (say or warn)(f"Another process is at work in {place}{holder(lock)}: waiting.")
    with locked(lock):
        yield


def beside(out: Path) -> Path:
    """The lock of a file or folder that takes its place at once."""
    whole = Path(os.path.abspath(out))
    return whole.with_name(f".{whole.name}.lock") if whole.name else whole / LOCK


def holder(lock: Path) -> str:
    """Who holds a lock, in parentheses; nothing where its file does not say."""
    said, found = " ({command}, process {pid} on {host}, since {since})", read_json(lock) or {}
    return said.format(**found) if found.keys() == {"command", "pid", "host", "since"} else ""


def _take(descriptor: int, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # file systems without locks (some of clusters) are taken to give it
        pass
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _card() -> str:
    command = " ".join([Path(sys.argv[0]).name or "python", *sys.argv[1:2]])
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return json.dumps({"command": command, "pid": os.getpid(), "host": socket.gethostname(), "since": since})
