"""A small hub on loopback for tests: the file layout and the answers that ``huggingface_hub`` relies on.

What is served: information on a repository, its files (a tree in pages), details of paths, and the files themselves
with commit, ETag, length and ranges. Large files (Parquet, safetensors, gz) are redirected to a second address, as a
hub does with files kept in a store of their own. Every request is logged. Clients read ``HF_ENDPOINT`` when they are
imported, so they are imported anew in a process of their own: ``run_client``.

And what is sent: who a token belongs to, new repositories, the check of a card's head, large files by Git LFS (batch,
PUT, verify), and commits, which come into being whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow
import pytest
import torch
from forked import forget, start, wait_for
from handler import Handler
from repositories import Repository, User, entries_of

# Read their settings when they are imported, or hold what does.
CLIENTS = {
    "accelerate",
    "datasets",
    "finished_run",
    "huggingface_hub",
    "lm_eval",
    "mslt_it",
    "peft",
    "transformers",
    "trl",
}


class Hub:
    """The server. ``with Hub(tmp_path) as hub:`` starts it on a free port; leaving stops it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.users: dict[str, User] = {}  # token -> user
        self.log: list[str] = []  # "GET /path status"
        self.breakage: dict[str, list[str]] = {}  # end of a file's path -> what goes wrong at its next downloads
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    def __enter__(self) -> Hub:
        handler = type("BoundHandler", (Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port; from now on connections to it are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def store(self) -> str:
        """Where large files lie: another name of this host, as clients follow redirects to the same one at once."""
        return f"http://localhost:{self._port}/store"

    def add(self, kind: str, name: str, files: Mapping[str, bytes | str], ref: str = "main") -> str:
        """A commit with exactly these files in the repository ``name`` of ``kind`` ("models" or "datasets").

        The branch ``ref`` points to it from now on. Returns the commit, 40 hexadecimal digits.
        """
        repository = self.repositories.setdefault((kind, name), Repository(self.root / kind / name))
        data = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
        digest = hashlib.sha1(f"{kind} {name} {ref} {repository.refs.get(ref)}".encode())
        for path in sorted(data):
            digest.update(f"{path}\0{len(data[path])}\0".encode() + data[path])
        commit = digest.hexdigest()
        for path, content in data.items():
            target = repository.folder / commit / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        repository.refs[ref] = commit
        return commit

    def gate(self, kind: str, name: str) -> None:
        """From now on the repository's files are refused to everyone (403)."""
        self.repositories[kind, name].gated = True

    def break_downloads(self, path_end: str, *how: str) -> None:
        """The next downloads of the file whose path ends so go wrong, one entry of ``how`` each.

        "close": the connection ends after half of the bytes; "stall": before any; "short": the file is half as long as
        promised, well-formed as HTTP; "error": status 503, which a path under /api/ can answer too.
        """
        self.breakage.setdefault(path_end, []).extend(how)

    def allow(self, token: str, name: str, *organisations: str, may_write: bool = True, role: str = "write") -> None:
        """From now on the token is that of the user ``name``."""
        self.users[token] = User(name, organisations, may_write, role)

    def break_uploads(self, path_end: str, *how: str) -> None:
        """The next PUT or POST whose path ends so goes wrong: "close" (the connection ends while the body is sent),
        "error" (status 503), "garble" (what is stored is not what was sent), "lost" (done, but the answer is not)."""
        self.breakage.setdefault(path_end, []).extend(how)

    def files(self, kind: str, name: str, ref: str = "main") -> dict[str, bytes]:
        """What a repository shows: path -> content."""
        repository = self.repositories[kind, name]
        folder = repository.folder / repository.refs[ref]
        return {entry.path: entry.file.read_bytes() for entry in entries_of(repository, folder.name)}

    def requests(self, part: str = "") -> list[str]:
        """The logged requests that contain ``part``."""
        return [line for line in self.log if part in line]


def run_client(endpoint: str, home: Path, code: str, *, offline: bool = False) -> Any:
    """Run ``code`` in a forked process that takes ``endpoint`` for the Hub; the value it names ``result``.

    ``home`` holds its caches. The code may call ``problem(function, *arguments)``: the text of the Problem raised.
    """
    if torch.cuda.is_available():
        pytest.skip("CUDA does not bear a fork")
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING")) and "proxy" not in k.lower()
    }
    environment |= {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "1" if offline else "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_ETAG_TIMEOUT": "60",  # seconds; 10 are not enough on a machine that is busy with other work
        "HF_HUB_DOWNLOAD_TIMEOUT": "60",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # would ask another host
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_XET": "1",  # large files go the way of Git LFS, which is all that this hub has
        "NO_PROXY": "127.0.0.1,localhost",
        "CUDA_VISIBLE_DEVICES": "",
    }
    said = home.parent / "said.txt"

    def work() -> int:
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(home.parent)
        forget(CLIENTS)
        for dimensions in range(2, 6):  # which datasets adds anew
            with contextlib.suppress(pyarrow.ArrowKeyError):
                pyarrow.unregister_extension_type(f"datasets.features.features.Array{dimensions}DExtensionType")
        names: dict[str, Any] = {}
        exec(_PRELUDE + code, names)
        (home.parent / "result.json").write_text(json.dumps(names["result"]), encoding="utf-8")
        return 0

    assert wait_for(start(work, said)) == 0, said.read_text(encoding="utf-8")
    return json.loads((home.parent / "result.json").read_text(encoding="utf-8"))


_PRELUDE = """
import json, time
from mslt_it.problems import Problem

time.sleep = lambda seconds: None  # the clients wait a second before they try again

def problem(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except Problem as error:
        return str(error)
    return "no Problem"

"""
