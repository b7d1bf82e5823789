"""Where a command begins and ends: its arguments, its errors, and what it prints on a terminal of any encoding."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mslt_it.problems import Problem, plain

READER_GONE = 141  # what a shell shows of a program that ends for this reason
ENDED = 143  # the same of one that was sent SIGTERM
# errno -> what is to be done; of those the user can do something about
_REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space, or give another place.",
    errno.EDQUOT: "Your disk quota is used up: free some space, or give another place.",
    errno.EFBIG: "The file is larger than is allowed here: see `ulimit -f`, or give another place.",
    errno.EROFS: "That file system cannot be written to: give another place.",
    errno.EACCES: "You may not read or write there: change its permissions, or give another place.",
    errno.EPERM: "You may not read or write there: change its permissions, or give another place.",
    errno.ENAMETOOLONG: "The name is too long for this file system: give a shorter one.",
    errno.ENOTDIR: "A file is in the place of a folder: move it away, or give another place.",
    errno.EEXIST: "A file is in the way: move it away, or give another place.",
    errno.EISDIR: "A folder is in the place of a file: move it away, or give another place.",
    errno.ENOTEMPTY: "A folder is in the way: move it away, or give another place.",
    errno.ENOENT: "It is not there, or a link to it leads nowhere: create it, or remove the link.",
    errno.ELOOP: "A link is in the place of a file of ours, or links lead in a circle: remove it.",
    errno.EIO: "The disk could not be read or written: check it, or give another place.",
    errno.ESTALE: "The network's file system has lost it: start again.",
    errno.EMFILE: "Too many files are open: raise `ulimit -n`.",
}


def run(command: Callable[[list[str]], int | None], argv: Sequence[str] | None = None) -> int:
    """The command's exit code; 2 where it ends in a Problem, which is printed on stderr. ``argv``: those of the process
    by default."""
    keep_printing()
    try:
        with _ending_on_sigterm():
            code = int(command(as_text(sys.argv[1:] if argv is None else argv)) or 0)
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # of `mslt recipes | head -1`: nobody reads on, and nothing is left to say
        _stop_printing()
        return READER_GONE
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    except Ended:
        print("error: ended by SIGTERM; start it again: what is done stays done", file=sys.stderr)
        return ENDED
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    except MemoryError:
        print("error: out of memory. Use smaller data, batches or models, or a larger machine.", file=sys.stderr)
        return 2
    except Exception as error:
        if (said := of_system(error)) is None:
            raise
        print(f"error: {said}", file=sys.stderr)
        return 2


class Ended(KeyboardInterrupt):
    """SIGTERM: what clusters send before they kill."""


@contextlib.contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does; a second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Ended

    # Training saves a checkpoint at USR1; at other times it would end the process.
    own = {signal.SIGTERM: end, signal.SIGUSR1: lambda number, frame: None}
    before = {number: signal.signal(number, handler) for number, handler in own.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def of_system(error: BaseException) -> str | None:
    """What an error of the system means and what is to be done, in a line; None for any other error. torch and
    safetensors wrap theirs: the cause is looked for, and then their words."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, OSError):
        found = found.__cause__ or found.__context__
    if isinstance(found, OSError) and found.errno in _REMEDIES:
        names = " -> ".join(str(name) for name in (found.filename, found.filename2) if name is not None)
        return plain(f"{names or 'a file'}: {found.strerror}. {_REMEDIES[found.errno]} {_AGAIN}")
    if "No space left" in str(error):
        return plain(f"{' '.join(str(error).split())}. {_REMEDIES[errno.ENOSPC]} {_AGAIN}")
    return None


_AGAIN = "Then start the same command again: what is done stays done."


def _stop_printing() -> None:
    """Python flushes stdout once more when it ends; there is nobody to read it."""
    with contextlib.suppress(OSError, ValueError):  # not a file of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def keep_printing(encoding: str | None = None) -> None:
    """What stdout and stderr cannot show in their encoding (cp1252, ASCII) is written as an escape, \\u0645, and ends
    no run. ``encoding``: of a log file that they are sent to; None leaves it to the terminal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # in a notebook it is none
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def print_json(content: Any) -> None:
    """JSON on stdout; where stdout is not UTF-8 with JSON's own escapes, for those of Python are no JSON."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf8")
    print(json.dumps(content, ensure_ascii=not is_utf8, indent=2, allow_nan=False))


def as_text(argv: Sequence[str]) -> list[str]:
    """The arguments, refused where a run could not hold them: bytes that are no UTF-8."""
    for argument in argv:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise Problem(
                f"Argument '{argument}' holds bytes that are not UTF-8. Rename the file, or set the terminal to UTF-8 "
                "and write it again."
            ) from None
    return list(argv)
