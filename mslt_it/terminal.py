"""Where a command begins and ends: its arguments, its errors, and what it prints on a terminal of any encoding."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from mslt_it.problems import Problem

READER_GONE = 141  # what a shell shows of a program that ends for this reason
_NOT_UTF8 = "Python takes arguments and file names for {} here. Start again with the environment variable PYTHONUTF8=1."


def run(command: Callable[[list[str]], int | None], argv: Sequence[str] | None = None) -> int:
    """The command's exit code; 2 where it ends in a Problem, which is printed on stderr.

    ``argv``: its arguments, by default those of the process.
    """
    keep_printing()
    try:
        code = int(command(as_text(sys.argv[1:] if argv is None else argv)) or 0)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # of `mslt recipes | head -1`: nobody reads on, and nothing is left to say
        _stop_printing()
        return READER_GONE
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    except UnicodeEncodeError as error:
        if error.encoding == "utf-8":
            raise
        name = error.object if len(error.object) < 200 else error.object[error.start : error.end]
        print(f"error: file '{name}': {_NOT_UTF8.format(error.encoding)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130


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
    """The arguments, refused where a run could not hold them: bytes that are no UTF-8, and other letters than ASCII
    where Python does not take arguments and file names for UTF-8 (it does, unless it is told otherwise)."""
    encoding = sys.getfilesystemencoding()
    for argument in argv:
        if encoding != "utf-8" and not argument.isascii():
            raise Problem(f"Argument '{argument}': {_NOT_UTF8.format(encoding)}")
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise Problem(
                f"Argument '{argument}' holds bytes that are not UTF-8. Rename the file, or set the terminal to UTF-8 "
                "and write it again."
            ) from None
    return list(argv)
