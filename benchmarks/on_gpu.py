"""What only a GPU can measure, one program after another, each with its limit: what is printed when time is up stays.

    python benchmarks/on_gpu.py --folder gpu                        # all of it; a card of 80 GB has room for it
    python benchmarks/on_gpu.py --folder gpu --minutes 9 --only 8b qlora
    python benchmarks/on_gpu.py --list

Nothing else should run on the machine: steps wait for its processor. A part that failed or was cut off leaves what it
printed in the folder, and the next one begins; parts that are done there are not done again.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
# So many steps that the median is one that was recorded before: less than half are of a length that comes first.
OURS_AND_TRL = "--variants ours trl_bf16 --reference trl_bf16 --steps 30 --json {folder}/train_speed.json"
# name -> (seconds at most, program and arguments)
PARTS = {
    "8b": (150, f"train_speed.py --shape qwen-8b {OURS_AND_TRL}"),
    "8b-512": (150, f"train_speed.py --shape qwen-8b --length 512 {OURS_AND_TRL}"),
    "qlora": (200, f"train_speed.py --shape bloom-7b --nf4 {OURS_AND_TRL}"),
    "270m": (120, f"train_speed.py --shape gemma-270m {OURS_AND_TRL}"),
    "0.6b": (120, f"train_speed.py --shape qwen-0.6b {OURS_AND_TRL}"),
    "1.7b": (120, f"train_speed.py --shape qwen-1.7b {OURS_AND_TRL}"),
    "together": (120, "together.py --shape gemma-270m --cells 8 --json {folder}/together.json"),
    "writing": (
        150,
        "writing_speed.py --device cuda --dtype bfloat16 --models gemma-270m --sizes 64 --runs 2 "
        "--output {folder}/writing_speed.json",
    ),
    "scoring": (150, "lm_eval_speed.py --runs 3 --items 960 --output {folder}/lm_eval_speed.json"),
    "tests": (400, "-m pytest -n 12"),  # of a CPU's arithmetic, on the card's versions of libraries
    "card": (100, "-m pytest -n 0 tests/training/test_whole_step.py tests/training/test_adapters_together.py"),
}


def run(name: str, seconds: float, command: str, folder: Path) -> str:
    """How it ended; what it printed is in ``folder``."""
    program, *arguments = command.format(folder=folder).split()
    program = str(HERE / program) if program.endswith(".py") else program
    sees = {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0")} if name == "card" else {}
    unfinished = folder / f"{name}.part.txt"
    with unfinished.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, "-u", program, *arguments], cwd=HERE.parent, env={**os.environ, **sees},
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with the processes of its variants
            process.wait()
            return f"cut off after {seconds:.0f} s"
    if code:
        return f"failed ({code})"
    unfinished.rename(folder / f"{name}.txt")
    return "done"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("gpu"), help="for what is printed, and figures")
    parser.add_argument("--minutes", type=float, default=30, help="for all parts together")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts, in this order")
    parser.add_argument("--list", action="store_true", help="print the parts' commands and do nothing")
    options = parser.parse_args()
    if options.list:
        return print("\n".join(f"{name:10}{seconds:>5} s  {command}" for name, (seconds, command) in PARTS.items()))
    options.folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * options.minutes
    for name in options.only:
        seconds, command = PARTS[name]
        if (options.folder / f"{name}.txt").is_file():
            print(f"{name}: there already", flush=True)
        elif (left := end - time.monotonic()) < 20:
            print(f"{name}: no time left", flush=True)
        else:
            started = time.monotonic()
            told = run(name, min(seconds, left), command, options.folder.resolve())
            print(f"{name}: {told}, {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
