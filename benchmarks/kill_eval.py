"""kill -9 at random moments of `mslt eval`: what is on the disk afterwards, and what the files are in the end.

    python benchmarks/kill_eval.py                     # writes benchmarks/results/kill_eval.txt

An evaluation of the embedded model (labels by log-likelihood, sampled chains of thought, translation and solution) runs
through once. The same command is then killed again and again, each time after a random span of its working time, and
started again until it ends. Its files are compared with those of the first, byte for byte; results.json without times,
machine and folder. The cache is off, so nothing comes from anywhere but the journals.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "kill_eval.txt"
ARGUMENTS = [
    *("model=world", "task=xnli", "languages=[tr,th]", "variant=[direct,cot_native,translate_solve]", "examples=48"),
    *("samples=2", "max_new_tokens=24", "scoring.batch_tokens=2048", "cache=none"),
]


def start(out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mslt_it.cli", "eval", *ARGUMENTS, f"out={out}"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def journals(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.jsonl"))}


def whole_batches(content: bytes) -> int:
    """Batches of which the next one has begun: these must never be lost."""
    numbers = []
    for line in content.split(b"\n")[1:-1]:
        numbers.append(json.loads(line).get("batch", 0))  # a data set of translations has none
    return max(numbers, default=0)


def figures(out: Path) -> object:
    content = json.loads((out / "results.json").read_text(encoding="utf-8"))
    content["provenance"].pop("environment")
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "through"
        began = time.monotonic()
        process = start(first)
        while not (first / "items").is_dir() and process.poll() is None:
            time.sleep(0.02)
        loading = time.monotonic() - began
        assert process.wait() == 0, process.stderr.read().decode() if process.stderr else ""
        working = time.monotonic() - began - loading
        wanted = journals(first)

        kills = starts = torn = lost = rounds = same = total = equal = 0
        while kills < options.kills or not rounds:
            again, kept = Path(folder) / f"killed{rounds}", dict[str, int]()
            while True:
                process, starts = start(again), starts + 1
                deadline = time.monotonic() + loading + draw.uniform(0, 0.6) * working
                while kills < options.kills and time.monotonic() < deadline and process.poll() is None:
                    time.sleep(0.005)
                if kills == options.kills or process.poll() is not None:
                    assert process.wait() == 0, process.stderr.read().decode() if process.stderr else ""
                    break
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
                for name, content in journals(again).items():
                    torn += not content.endswith(b"\n")
                    whole = whole_batches(content[: content.rfind(b"\n") + 1])
                    lost += whole < kept.get(name, 0)
                    kept[name] = whole
            found = journals(again)
            rounds, total = rounds + 1, total + len(wanted)
            same += sum(found.get(name) == content for name, content in wanted.items())
            equal += figures(first) == figures(again)
        lines = [
            f"{kills} kills at random moments (seed {options.seed}) in {rounds} evaluations of {working:.0f} s each; "
            f"{starts} starts",
            f"files of answers identical to those of an evaluation that ran through: {same} of {total}",
            f"results.json identical: {equal} of {rounds}",
            f"finished batches lost: {lost}",
            f"torn last lines cut off: {torn}",
        ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
