"""Bytes of a file to its text: encodings, compression, and what to do where it is none."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import shlex
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TextIO, cast

from mslt_it.problems import NotScorable, Problem

# Beyond these a file was made to fill the memory. Text is compressed to a fifth or a twentieth.
BOMB, BOMB_RATIO = 256 * 2**20, 200
SAMPLE = 1 << 16  # bytes that tell a file's encoding, characters that tell the separator of CSV
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = {
    b"\x1f\x8b": "compressed by gzip. Unpack it, or let its name end in .gz",
    b"PK\x03\x04": "a zip archive or an Excel workbook. Unpack it, or save the sheet as CSV in UTF-8",
    b"PAR1": "Parquet. Let its name end in .parquet",
}


@contextlib.contextmanager
def opened(path: Path, *, keeps_ends: bool = False) -> Iterator[TextIO]:
    """A file in UTF-8, or in UTF-16 with a byte order mark, to be read piece by piece; uncompressed where it is .gz.

    Only \\n ends a line, in files of old Macs \\r; ``keeps_ends``: either does, as in CSV.
    """
    try:
        with _bytes(path) as raw:
            head = raw.peek(SAMPLE)
            encoding = encoding_of(head)
            if encoding == "utf-8" and head.count(0) > len(head) / 4:
                order = "LE" if head[1:2] == b"\0" else "BE"
                raise Problem(
                    f"{path} is not UTF-8: every other byte is 0, as in UTF-16 without a byte order mark. Convert it: "
                    f"{_conversion(path, 'UTF-16' + order)}"
                )
            is_old_mac = b"\r" in head and b"\n" not in head
            newline = "" if keeps_ends or is_old_mac else "\n"
            with io.TextIOWrapper(raw, encoding, newline=newline) as file:
                yield file
    except UnicodeDecodeError as error:
        with _bytes(path) as raw:
            raise not_decoded(path, raw, error) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Problem(f"{path} is not, or only partly, compressed by gzip: {error}. Fetch it again.") from error


def decode(path: Path) -> str:
    """The whole text of a file."""
    with opened(path) as file:
        return whole(file)


def whole(file: IO[str]) -> str:
    """The text of an opened file; its lines end in \\n also where it is an old Mac's."""
    text = "".join(iter(lambda: file.read(SAMPLE), ""))  # by pieces, so that a bomb is seen in time
    return text if "\n" in text else text.replace("\r", "\n")


def _bytes(path: Path) -> io.BufferedReader:
    raw = Unpacked(path) if path.suffix.lower() == ".gz" else io.FileIO(path)
    return io.BufferedReader(cast(io.RawIOBase, raw), SAMPLE)


def refuse_bomb(path: Path, size: int, unpacked: int) -> None:
    """A Problem for a compressed file that becomes so large that it was made for that; sizes in bytes."""
    if unpacked > max(BOMB, BOMB_RATIO * size):
        raise Problem(
            f"{path} unpacks from {size / 2**20:.1f} MiB to {unpacked / 2**20:,.0f} MiB or more, {BOMB_RATIO} times "
            "its size: that is not text. It is not read; unpack it yourself if you trust it."
        )


class Unpacked(gzip.GzipFile):
    """A compressed file that is read piece by piece; a Problem as soon as it is a bomb."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._place, self._size = path, path.stat().st_size

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        refuse_bomb(self._place, self._size, self.tell())
        return found


def encoding_of(head: bytes) -> str:
    """What a file's first bytes say of its encoding; UTF-8 where they say nothing."""
    return next((name for mark, name in _ENCODINGS if head.startswith(mark)), "utf-8")


def not_decoded(path: Path, file: IO[bytes], error: UnicodeDecodeError) -> Problem:
    """What is wrong with a file whose bytes are no text, and what to do; ``file``: its bytes, from the beginning."""
    head = file.read(4)
    file.seek(0)
    if remedy := next((what for mark, what in _NO_TEXT.items() if head.startswith(mark)), ""):
        return Problem(f"{path} is not text: its content is {remedy}.")
    lines = iter(lambda: file.readline(BOMB), b"") if encoding_of(head).startswith("utf-8") else ()
    for number, raw in enumerate(lines, 1):
        try:
            raw.decode()
        except UnicodeDecodeError as found:
            start = found.start
            line = raw[max(0, start - 40) : start + 40].decode("cp1252", errors="replace").strip()
            return NotScorable(
                f"{path} line {number} is not UTF-8 (byte 0x{raw[start]:02x}). Read as Windows-1252 (cp1252, Latin-1) "
                f"it says {line!r}. If that is right, convert it: {_conversion(path, 'WINDOWS-1252')} If not, put its "
                "own encoding there: CP1251 or KOI8-R (Russian), CP1254 (Turkish), GB18030 (Chinese), SHIFT_JIS "
                "(Japanese), ...",
                f"{path.name} line {number} is not UTF-8",
            )
    return Problem(f"{path} begins like {encoding_of(head).upper()} but is not: {error.reason}. Fetch it again.")


def _conversion(path: Path, encoding: str) -> str:
    name, new = shlex.quote(str(path)), shlex.quote(f"{path}.new")
    convert = f"iconv -f {encoding} -t UTF-8"
    if path.name.lower().endswith(".gz"):
        return f"`gunzip -c {name} | {convert} | gzip > {new} && mv {new} {name}`."
    return f"`{convert} {name} > {new} && mv {new} {name}`."
