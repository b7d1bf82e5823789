"""`mslt train` as a script for launchers (`mslt_it.commands.train`):

accelerate launch mslt_it/train.py recipe=xnli_3src
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    # As a script, Python puts this file's folder first on sys.path, where our modules would hide others.
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from mslt_it.cli import main

    sys.exit(main(["train", *sys.argv[1:]]))
