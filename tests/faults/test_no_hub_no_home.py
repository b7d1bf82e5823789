"""A Hub that does not answer is said within seconds, with the remedy; without a home, or a cache, everything works."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants
from small_run import Call, Survived

from mslt_it.data import hub_client

ROOT = Path(__file__).parents[2]
CODE = """
import sys, time
from mslt_it import cli
from mslt_it.models import base_model  # imported before the clock runs
began = time.monotonic()
code = cli.main(sys.argv[1:])
print(time.monotonic() - began, file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes a connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


ROWS = ("data", "recipe=xnli_3src", "task.data=owner/rows", "sources=[de]", "targets=[tr]")
MODEL = ("data", "recipe=xnli_3src", "model.path=owner/model")


def test_a_hub_that_does_not_answer(
    silent: str, call: Call, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived("a Hub that does not answer")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hub_client, "_looked", [])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", silent)
    code, _, said = call(*ROWS)
    hub_client._set_offline(False)
    assert code == 2 and said.startswith("error: ") and "owner/rows" in said and said.count("\n") == 1
    assert f"{silent} did not answer within 5 seconds" in said and "HF_HUB_OFFLINE=1" in said and "local folder" in said


@pytest.mark.slow
@pytest.mark.parametrize("asked", [ROWS, MODEL], ids=["data", "model"])
def test_the_clients_own_settings_say_where_the_hub_is(
    asked: tuple[str, ...], silent: str, tmp_path: Path, survived: Survived
) -> None:
    survived("a Hub that does not answer")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_ENDPOINT": silent, "HF_HOME": str(tmp_path / "hf")}
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "HF_HUB_OFFLINE"):
        environment.pop(name, None)
    program = [sys.executable, "-c", CODE, *asked]
    began = time.monotonic()
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=300, check=False)
    *_, said, seconds = done.stderr.strip().splitlines()
    assert done.returncode == 2 and said.startswith("error: ") and "owner/" in said, done.stderr[-2000:]
    assert f"{silent} did not answer within 5 seconds" in said and "HF_HUB_OFFLINE=1" in said and "local folder" in said
    assert float(seconds) < 10 + 0.2 * (time.monotonic() - began), seconds  # more where other processes take the time


@pytest.mark.parametrize("status", [429, 503, 404])
def test_a_hub_with_a_fault_of_its_own_is_asked_once(
    status: int, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client would ask forty times in two minutes, or wait for the hour that it is told."""
    survived("a Hub that does not answer")
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Retry-After", "3600")
            self.end_headers()

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hub_client, "_looked", [])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with HTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        hub_client.look_at_hub()
        hub_client.look_at_hub()
        server.shutdown()
    is_down = status != 404
    assert constants.HF_HUB_OFFLINE is is_down and len(asked) == (1 if is_down else 2)
    assert hub_client.silence() == is_down * f"answered with status {status}, a server error"
    hub_client._set_offline(False)


def test_without_a_home_there_are_no_caches_and_all_else_works(
    own: Path, call: Call, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived("HOME that cannot be written to")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/proc/nobody")
    asked = ("eval", "run=run", "languages=[en]", "examples=2", "out=scored")
    code, out, err = call(*asked)
    assert code == 0 and "cache" in out and "It is done without." in out, err
    code, _, err = call(*asked[:-1], "out=other", "cache=/proc/nobody/cache")  # this one was asked for
    assert code == 2 and "cache=none" in err


def test_files_are_readable_as_their_folder_is(own: Path, survived: Survived) -> None:
    survived("files that only their owner may read")
    sealed = [path for path in (own / "run").rglob("*") if path.is_file() and path.parent.name != "checkpoints"]
    assert len(sealed) > 20 and all(path.stat().st_mode & 0o044 == 0o044 for path in sealed)
