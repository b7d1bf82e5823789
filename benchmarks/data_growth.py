"""How `mslt data` grows with the rows of its files: seconds, rows per second and memory, a process for each size.

    python benchmarks/data_growth.py                                     # 10k, 100k and 1.18M rows of files
    python benchmarks/data_growth.py --rows 10000 --json benchmarks/results/data_growth.json

Each size has three files with a third of the rows, of the lengths of XNLI's (a premise stands in three rows), written
with words of the embedded world; a quarter of the rows is trained on, as 300,000 of XNLI's 3 x 392,702 are. Everything
that the command does is in the time: reading, drawing, cleaning, prompting, tokens, the search for leaks into 7,470
scored rows, and the report. The seconds of processor say what it costs where cores are shared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mslt_it.world.generator import task_examples

LANGUAGES = ("ar", "de", "zh")
LABELS = ("entailment", "neutral", "contradiction")
NUM_SCORED = 2490  # rows of a language


def write_files(folder: Path, num_rows: int) -> None:
    """Files of ``num_rows`` training rows in all."""
    rng = random.Random(0)
    for code in LANGUAGES:
        join = "" if code == "zh" else " "
        texts = [text for e in task_examples(code, "train")[:300] for text in e.fields.values()]
        words = sorted({word for text in texts for word in (text if code == "zh" else text.split())})
        for split, number in (("train", num_rows // len(LANGUAGES)), ("test", NUM_SCORED)):
            with (folder / f"{code}.{split}.tsv").open("w", encoding="utf-8") as file:
                file.write("premise\thypothesis\tlabel\n")
                for row in range(number):
                    if row % 3 == 0:
                        premise = join.join(rng.choices(words, k=rng.randint(5, 35)))
                    hypothesis = join.join(rng.choices(words, k=rng.randint(4, 16)))
                    file.write(f"{premise}\t{hypothesis}\t{LABELS[row % 3]}\n")


def measure(folder: Path, budget: int) -> dict[str, float | str]:
    """One `mslt data` in a process of its own."""
    command = [sys.executable, "-m", "mslt_it.cli", "data", "recipe=xnli_3src", f"task.data={folder}", "targets=[]"]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--child", *command, f"data.num_examples_total={budget}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    *report, used = done.stdout.splitlines()
    rows = next(line for line in report if line.startswith("Note: rows: "))
    return {"seconds": seconds, **json.loads(used), "rows": rows.removeprefix("Note: rows: ")}


def child(command: list[str]) -> None:
    """Runs a command and prints what it used."""
    subprocess.run(command, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"processor": used.ru_utime + used.ru_stime, "gigabytes": used.ru_maxrss / 2**20}))


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        return child(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 3 * 392_702])
    parser.add_argument("--json", type=Path, help="where the figures are written")
    options = parser.parse_args()
    print(f"cores: {os.cpu_count()}, Python {platform.python_version()}")
    print(
        f"{'rows':>9} {'trained on':>10} {'seconds':>8} {'processor':>9} {'GiB':>5} {'rows/s':>7}  hash",
        flush=True,
    )
    found = []
    for rows in options.rows:
        budget = rows * 300_000 // (3 * 392_702)
        with tempfile.TemporaryDirectory() as folder:
            write_files(Path(folder), rows)
            one = {"rows_of_files": rows, "trained_on": budget, **measure(Path(folder), budget)}
        found.append(one)
        speed = budget / one["seconds"]
        print(
            f"{rows:>9} {budget:>10} {one['seconds']:>8.1f} {one['processor']:>9.1f} {one['gigabytes']:>5.2f} "
            f"{speed:>7.0f}  {one['rows']}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps({"cores": os.cpu_count(), "sizes": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
