"""Scores models and adapters, zero-shot, on any task, in any variant; the same as `mslt eval`.

accelerate launch eval/run.py model=PATH adapter=runs/xnli_3src-... task=xnli variant=direct languages=all
"""

import os
import sys
from pathlib import Path

# As a script, Python puts this file's folder first on sys.path, where `tasks` and `prompts` would hide others.
HERE = Path(__file__).resolve().parent
sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != HERE]
if (HERE.parent / "mslt_it").is_dir():  # a checkout; else the installed package
    sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # must be set before torch is imported

if __name__ == "__main__":
    from mslt_it.cli import main

    sys.exit(main(["eval", *sys.argv[1:]]))
