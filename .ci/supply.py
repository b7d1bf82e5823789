"""What is installed besides us: pinned with hashes, looked at for known holes, listed.

    python .ci/supply.py lock          # writes .ci/requirements.txt anew, from pyproject.toml; needs uv
    python .ci/supply.py audit         # 1 where a pinned package has a known hole; says which could not be looked at
    python .ci/supply.py sbom FILE     # a bill of materials of what is pinned (CycloneDX)

For Python 3.11 on Linux. torch and what comes with it are not pinned there: its build depends on the machine. It is
installed first, the rest by
``pip install --no-deps --require-hashes -r .ci/requirements.txt``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = Path(".ci") / "requirements.txt"
EXTRAS = ("quantization", "excel", "eval", "gguf", "intents", "test", "dev", "docs")


def lock() -> int:
    command = ["uv", "pip", "compile", "pyproject.toml", *(f"--extra={name}" for name in EXTRAS)]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--quiet"]
    command += ["--python-platform=x86_64-manylinux_2_28", "--python-version=3.11"]
    command += ["--custom-compile-command=python .ci/supply.py lock", f"--output-file={LOCK}"]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    text = (ROOT / LOCK).read_text(encoding="utf-8")
    of_torch = re.compile(r"^(torch|triton|nvidia-|cuda-)[^\n]*\n(?:    --hash[^\n]*\n)*", re.MULTILINE)
    (ROOT / LOCK).write_text(of_torch.sub("", text), encoding="utf-8")
    return code


def audit() -> int:
    command = ["pip-audit", "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json", f"-r={LOCK}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"skipped: pip-audit could not ask for known holes: {(done.stderr.strip() or '?').splitlines()[-1]}")
        return 0
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    if skipped:
        print(f"not looked at, since the index does not know them: {len(skipped)} of {len(packages)} packages")
    holes = [(one, hole) for one in packages for hole in one.get("vulns", ())]
    for one, hole in holes:
        mended = ", ".join(hole["fix_versions"]) or "no version"
        print(f"{one['name']} {one['version']}: {hole['id']}, mended in {mended}")
    print(f"{len(packages) - len(skipped)} packages looked at, {len(holes)} known holes")
    return int(bool(holes))


def sbom(out: str) -> int:
    return subprocess.run(["cyclonedx-py", "requirements", str(LOCK), "-o", out], cwd=ROOT, check=False).returncode


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["lock"]:
        return lock()
    if arguments == ["audit"]:
        return audit()
    if arguments[:1] == ["sbom"] and len(arguments) == 2:
        return sbom(arguments[1])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
