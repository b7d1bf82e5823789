"""What lies on the disk: files that are whole or not there, folders that are sealed.

Everything that must not be lost or torn goes through here. Nothing of torch is imported, so that a command that only
looks at folders answers at once.

A sealed folder has ``COMPLETE.json``, written last: ``{"files": {path: SHA-256}, ...}``. Without it, or with a file
that is not as it was sealed, the folder is not done.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from mslt_it.problems import Problem, Say, plain, warn

COMPLETE = "COMPLETE.json"
LARGEST = 2**28  # bytes of a file of ours that is read whole


def user_cache() -> Path:
    """The user's cache: $XDG_CACHE_HOME/mslt_it, else ~/.cache/mslt_it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "mslt_it"


# ---------------------------------------------------------------- hashes


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def value_sha256(value: Any) -> str:
    """Hex SHA-256 of a value's canonical JSON (sorted keys, no spaces); what is not JSON is written as text."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


OWN_HASH = "sha256"  # key of a file's content: of all the other keys, so that figures that were edited show


def with_own_hash(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a small file, which says what it was when it was written."""
    plain = json.loads(json.dumps(content))  # as it will be read: names of keys are texts
    return {**content, OWN_HASH: value_sha256(plain)}


def is_as_written(content: Mapping[str, Any]) -> bool:
    """Whether what `with_own_hash` gave is what was read."""
    return content.get(OWN_HASH) == value_sha256({name: one for name, one in content.items() if name != OWN_HASH})


def was_altered(content: Mapping[str, Any]) -> bool:
    """Whether it has a hash of its own, as files of earlier versions have not, and was altered or damaged."""
    return OWN_HASH in content and not is_as_written(content)


# ---------------------------------------------------------------- files


def no_link(path: str, flags: int) -> int:
    """Opens a file of ours; where somebody put a link in its place, an OSError instead of the file that it leads to."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def write_atomically(path: Path, content: str | bytes | Iterable[str]) -> None:
    """The file has its old content or ``content``, never a part of it, whenever the process dies. A folder in its
    place is put aside."""
    temporary = path.with_name(f".{path.name}.part")
    for place in (path, temporary):
        if place.is_dir():
            put_aside(place)
    try:
        with open(temporary, "wb", opener=no_link) as file:
            parts = [content] if isinstance(content, (str, bytes)) else content
            file.writelines(one if isinstance(one, bytes) else one.encode() for one in parts)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = error.filename or str(path)  # a write does not say where
        raise
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_aside(path: Path) -> None:
    """Renames what cannot be used and may be somebody's; says so."""
    number = 1
    while (aside := path.with_name(f"{path.name}.aside{number}")).exists():
        number += 1
    path.rename(aside)
    warn(f"{path} cannot be used: it was set aside as {aside.name}.")


def write_json(path: Path, value: Any) -> None:
    """As `write_atomically`, indented; a NaN is an error, since in a file of results it is a bug and no number."""
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON file's content, None where it is missing, torn, no mapping, or no file of a size that is ours."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:  # a device or a pipe has no end
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def require_space(folder: Path, needed_bytes: int, what: str, remedy: str) -> None:
    """A Problem when the disk cannot take ``needed_bytes``: before it is begun, not half-way."""
    available = shutil.disk_usage(folder).free
    if available < needed_bytes:
        raise Problem(
            f"Not enough disk space for {what} in {folder}: {needed_bytes / 2**20:.1f} MiB needed, "
            f"{available / 2**20:.1f} MiB available. {remedy}"
        )


# ---------------------------------------------------------------- sealed folders


def seal(folder: Path, files: Iterable[Path], about: Mapping[str, Any] | None = None) -> None:
    """Writes ``COMPLETE.json``, which says ``about`` too: from here on the folder counts. Its files are on the disk
    before."""
    listed = sorted(files)
    readable = folder.stat().st_mode & 0o444
    for path in listed:
        # safetensors writes through a temporary file that its owner alone may read: read it may who reads the folder.
        path.chmod(path.stat().st_mode | readable)
        with open(path, "rb") as file:
            os.fsync(file.fileno())  # a hash of bytes that are only in memory would not survive a power cut
    sums = {path.relative_to(folder).as_posix(): file_sha256(path) for path in listed}
    write_json(folder / COMPLETE, with_own_hash({**(about or {}), "files": sums}))


def sealed_files(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 as the folder was sealed, whatever its files are now; a Problem where no seal can be read."""
    path = folder / COMPLETE
    if not path.is_file():
        raise Problem(f"{folder}: {COMPLETE} is missing, so it was never finished.")
    content = read_json(path)
    files = content.get("files") if content else None
    if not isinstance(files, dict) or not files or not all(isinstance(value, str) for value in files.values()):
        raise Problem(f"{folder}: {COMPLETE} does not list files with their hashes.")
    if was_altered(content or {}):
        raise Problem(f"{folder}: {COMPLETE} was altered or damaged.")
    return files


def altered(folder: Path, among: Sequence[str] = ("",)) -> list[tuple[str, str]]:
    """(path, what is wrong with it) of every file that is not as it was sealed; ``among``: beginnings of paths."""
    found = []
    for name, expected in sorted(sealed_files(folder).items()):
        path = folder / name
        if not name.startswith(tuple(among)):
            continue
        if not path.is_file():
            found.append((name, "is missing"))
        elif file_sha256(path) != expected:
            found.append((name, f"is not what was saved ({path.stat().st_size} bytes)"))
    return found


def is_intact(folder: Path, name: str) -> bool:
    """Whether a file of a folder was sealed and is as it was then."""
    try:
        return file_sha256(folder / name) == sealed_files(folder).get(name)
    except (OSError, Problem):
        return False


def reopen(folder: Path, what: str) -> bool:
    """Takes the seal off a folder whose files are not all as they were sealed; True where it did.

    Altered answers (.jsonl) are no answers and go, so that they are computed again; of a seal that cannot be read
    nobody knows which files are. ``what``: it finished.
    """
    try:
        changed = [folder / name for name, _ in altered(folder)]
    except Problem as problem:
        warn(f"{problem} What its files do not prove is done again.")
        put_aside(folder / COMPLETE)
        return True
    for path in changed:
        warn(f"{path} has changed since the {what} finished: doing what is missing again.")
        is_own = path.resolve().is_relative_to(folder.resolve())  # a seal that somebody made may name others' files
        if path.suffix == ".jsonl" and path.is_file() and is_own:
            path.unlink()
    if changed:
        (folder / COMPLETE).unlink()  # after all of them are gone: until then a kill changes nothing
    return bool(changed)


def find_damage(folder: Path, among: Sequence[str] = ("",)) -> str | None:
    """What is wrong with a sealed folder, in words; None when every file is as it was sealed. ``among``: see
    `altered`."""
    try:
        wrong = altered(folder, among)
    except Problem as problem:
        return str(problem).removeprefix(f"{folder}: ").removesuffix(".")
    return plain(" ".join(wrong[0])) if wrong else None


@dataclass(frozen=True)
class Made:
    """A sealed folder; ``record``: what it was made of and what came of it; ``is_new``: False where it was there."""

    folder: Path
    record: Mapping[str, Any]
    is_new: bool


def made_once(
    out: Path,
    record_name: str,
    inputs: Mapping[str, Any],
    fill: Callable[[Path], dict[str, Any]],
    say: Say,
) -> Made:
    """A folder made of ``inputs``, whole or not at all, unless it is there already; a Problem where it is another.

    ``fill`` writes into a folder and gives what ``record_name`` in it is to say, beside "inputs".
    """
    if (record := made_before(out, record_name, inputs)) is not None:
        if (damage := find_damage(out)) is None:
            return Made(out, record, False)
        say(f"{out} is incomplete or damaged ({damage}): it is made again.")
    with sealing(out) as part:
        record = {"inputs": dict(inputs), **fill(part)}
        write_json(part / record_name, record)
    return Made(out, record, True)


def made_before(out: Path, record_name: str, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of a folder that was made of the same ``inputs``, whole or torn; None where there is nothing; a
    Problem where it holds something else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not out.is_dir():
        raise Problem(f"{out} is a file. Give another folder.")
    record = read_json(out / record_name) or {}
    there = record.get("inputs")
    if not isinstance(there, dict):
        with contextlib.suppress(Problem):  # a record that is damaged is still listed in the seal
            there = {} if record_name in sealed_files(out) else None
    if not isinstance(there, dict):
        raise Problem(f"{out} holds something else (no {record_name} of ours). Give another folder.")
    if there and (differing := [key for key in inputs if there.get(key) != inputs[key]]):
        said = "; ".join(f"{key}: {_short(there.get(key))} there, {_short(inputs[key])} now" for key in differing)
        raise Problem(f"{out} was made from something else ({said}). Give another folder, or remove that one.")
    return record


def take_place(part: Path, out: Path) -> None:
    """``part`` becomes ``out``; an empty or torn folder there goes first, whole or not at all."""
    aside = out.with_name(f".{out.name}.torn")
    shutil.rmtree(aside, ignore_errors=True)
    if out.exists():
        out.rename(aside)
    try:
        part.rename(out)
    except OSError:
        if aside.exists():
            aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def sealing(out: Path) -> Iterator[Path]:
    """A hidden folder to be filled: sealed at the end, it becomes ``out``, which is as it was until then, and stays so
    where anything fails."""
    part, there = out.with_name(f".{out.name}.part"), _entry(out)
    try:
        shutil.rmtree(part, ignore_errors=True)  # of one that was killed
        part.mkdir(parents=True)
        yield part
        seal(part, [file for file in part.rglob("*") if file.is_file()])
        if _entry(out) != there:
            raise Problem(f"{out} was written to by something else meanwhile: that is left there. Give another folder.")
        take_place(part, out)
    except (OSError, SafetensorError) as error:
        raise Problem(f"{out} could not be written: {error}. What was there is as it was.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _entry(out: Path) -> tuple[int, int] | None:
    """What tells a place from itself when something was put there; None where there is nothing or an empty folder."""
    with contextlib.suppress(OSError):
        found = out.stat()
        if not out.is_dir() or any(out.iterdir()):
            return found.st_ino, found.st_mtime_ns
    return None


def _short(value: Any) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else text or "none"
