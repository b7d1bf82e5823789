"""What a hub keeps: users, repositories and their files, and what it finds wrong with a card."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import yaml

LARGE = (".parquet", ".safetensors", ".gz", ".gguf")


@dataclass(frozen=True)
class User:
    """Whom a token belongs to."""

    name: str
    organisations: tuple[str, ...] = ()
    may_write: bool = True
    role: str = "write"  # what the token says of itself; a fine-grained one may not write everywhere


@dataclass
class Repository:
    """One model or data set: ``refs`` maps a branch to its commit; commits are folders under ``folder``."""

    folder: Path
    refs: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    private: bool = False

    def commit_of(self, revision: str) -> str | None:
        commit = self.refs.get(revision, revision)
        return commit if (self.folder / commit).is_dir() and "/" not in commit else None


@dataclass(frozen=True)
class Entry:
    """A file of a commit as the tree lists it."""

    path: str
    file: Path

    @property
    def is_large(self) -> bool:
        return self.path.endswith(LARGE)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    @property
    def blob_id(self) -> str:
        """The id git gives the content."""
        content = self.file.read_bytes()
        return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()

    def to_json(self) -> dict[str, Any]:
        size = self.file.stat().st_size
        answer: dict[str, Any] = {"type": "file", "path": self.path, "size": size, "oid": self.blob_id}
        if self.is_large:
            answer["lfs"] = {"oid": self.sha256, "size": size, "pointerSize": 130}
        return answer


def card_faults(content: str) -> list[str]:
    """What a hub finds wrong with the head of a card: the fields that have rules of their own."""
    head = content.split("---\n")
    if not content.startswith("---\n") or len(head) < 3:
        return []
    try:
        fields = yaml.safe_load(head[1])
    except yaml.YAMLError as error:
        return [f"not YAML: {error}"]
    faults = []
    name = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?")
    for key in ("base_model", "datasets"):
        values = fields.get(key, [])
        for value in [values] if isinstance(values, str) else values:
            if not isinstance(value, str) or not name.fullmatch(value):
                faults.append(f'"{key}" with value {value!r} is not valid')
    if not isinstance(fields.get("license", ""), str):
        faults.append('"license" must be a string')
    languages = fields.get("language", [])
    if not all(isinstance(code, str) and re.fullmatch(r"[a-z]{2,3}(-\w+)*", code) for code in languages):
        faults.append(f'"language" {languages!r} must be codes')
    for model in fields.get("model-index", []):
        for result in model["results"]:
            if not (result["task"]["type"] and result["dataset"]["type"] and result["dataset"]["name"]):
                faults.append('"model-index" result without task type, dataset type or name')
            if not all("type" in metric and "value" in metric for metric in result["metrics"]):
                faults.append('"model-index" metric without type or value')
    return faults


def split_revision(repository: Repository, parts: list[str]) -> tuple[str, str]:
    """(revision, path): a branch may hold slashes itself, as refs/convert/parquet does."""
    for length in range(len(parts), 0, -1):
        if (revision := "/".join(parts[:length])) in repository.refs:
            return revision, "/".join(parts[length:])
    return parts[0], "/".join(parts[1:])


def entries_of(repository: Repository, commit: str) -> list[Entry]:
    folder = repository.folder / commit
    return [Entry(p.relative_to(folder).as_posix(), p) for p in sorted(folder.rglob("*")) if p.is_file()]


def tree(entries: list[Entry], path: str, *, recursive: bool) -> list[dict[str, Any]]:
    """What lies under ``path``, folders and files, folders first met first."""
    prefix, items = f"{path}/" if path else "", []
    folders: set[str] = set()
    for entry in entries:
        if not entry.path.startswith(prefix):
            continue
        parents = entry.path.removeprefix(prefix).split("/")[:-1]
        for depth in range(len(parents) if recursive else min(1, len(parents))):
            folder = prefix + "/".join(parents[: depth + 1])
            if folder not in folders:
                folders.add(folder)
                oid = hashlib.sha1(folder.encode()).hexdigest()
                items.append({"type": "directory", "path": folder, "size": 0, "oid": oid})
        if recursive or not parents:
            items.append(entry.to_json())
    return items


def paths_of(body: bytes, content_type: str) -> list[str]:
    if "json" in content_type:
        paths = json.loads(body)["paths"]
        return [paths] if isinstance(paths, str) else paths
    return parse_qs(body.decode()).get("paths", [])
