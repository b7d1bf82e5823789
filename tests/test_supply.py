"""The pinned packages: what pyproject.toml asks for, each with hashes."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
HASHES = r"((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
PINNED = re.compile(r"^([a-z0-9.-]+)==(\S+)(?: ;[^\\]*)? \\\n" + HASHES, re.MULTILINE)
EXTRAS = ("quantization", "excel", "eval", "gguf", "intents", "test", "dev", "docs")


def test_what_is_pinned_is_what_is_asked_for() -> None:
    text = (ROOT / ".ci" / "requirements.txt").read_text(encoding="utf-8")
    pinned = {name: version for name, version, _ in PINNED.findall(text)}
    lines = [line for line in text.splitlines() if "==" in line]
    assert len(pinned) == len(lines) > 100  # all of them have hashes
    assert "://" not in text and not {name for name in pinned if name.startswith(("torch", "nvidia-"))} - {"torchao"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for name in EXTRAS for one in project["optional-dependencies"][name])]
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        if name not in ("torch", "mslt-it"):
            assert requirement.specifier.contains(pinned[name]), f"{requirement}: python .ci/supply.py lock"


HOLE = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
WHOLE, UNKNOWN = {"name": "b", "version": "1", "vulns": []}, {"name": "c", "skip_reason": "not on the index"}


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ({"dependencies": [HOLE, WHOLE]}, 1, "a 1: CVE-1, mended in 2\n2 packages looked at, 1 known holes\n"),
        ({"dependencies": [WHOLE, UNKNOWN]}, 0, "does not know them: 1 of 2 packages\n1 packages looked at, 0 known"),
        (None, 0, "skipped: pip-audit could not ask for known holes: no route to host\n"),
    ],
    ids=["hole", "unknown", "unreachable"],
)
def test_a_known_hole_fails_and_what_was_not_looked_at_is_said(said: Any, code: int, told: str, tmp_path: Path) -> None:
    program = tmp_path / "pip-audit"
    answer = f"print({json.dumps(said)!r})" if said else "sys.exit('no route to host')"
    program.write_text(f"#!{sys.executable}\nimport sys\n{answer}\n", encoding="utf-8")
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    asked = [sys.executable, str(ROOT / ".ci" / "supply.py"), "audit"]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code and told in done.stdout, done
