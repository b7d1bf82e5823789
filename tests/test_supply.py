"""The pinned packages: what pyproject.toml asks for, each with hashes."""

import re
import tomllib
from pathlib import Path

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
