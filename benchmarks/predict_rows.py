"""Rows per second of `mslt predict` beside stock transformers asking one prompt per label, and the memory of many rows.

    python benchmarks/predict_rows.py [--rows 20000] [--folder DIR]

A run of the embedded model on a generated table of three labels is trained first (a minute). The plain
loop puts prompt and label word through the model once per label and row, as an example of its documentation does, on
--plain rows; how far its probabilities are from ours is printed. Seconds are those that a processor worked, of one
thread where OMP_NUM_THREADS=1 is set. Memory is the peak of a process that labels --rows rows of a CSV file, and of one
that labels 2,000. What is kept in --folder is not made again: a call that was killed goes on, and its figures are then
of the rows that were left.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported

import numpy as np
from scipy.special import softmax

from mslt_it import predict
from mslt_it.cli import main as mslt
from mslt_it.data.build import askable
from mslt_it.data.prompts import prompted
from mslt_it.data.shapes import asked_example
from mslt_it.prediction.labeller import Labeller
from mslt_it.prediction.papers import read_papers
from mslt_it.prediction.request import How
from mslt_it.quiet import quiet_libraries
from mslt_it.world.generator import task_examples

LANGUAGES = ("en", "de", "ar", "tr", "sw", "ja")
SOURCES = LANGUAGES[:3]
FEW = 2000  # rows, of one chunk
_MEASURED = """
import sys
from mslt_it.cli import main
from mslt_it.progress import peak_memory_bytes
code = main(sys.argv[1:])
print("peak", peak_memory_bytes())
sys.exit(code)
"""


def texts() -> Iterator[tuple[str, str, str]]:
    """(language, text, label) without end: sentences of the embedded world, with a number each."""
    of_language = {code: task_examples(code, "test") for code in LANGUAGES}
    for number in itertools.count():
        for code, found in of_language.items():
            row = found[number % len(found)]
            yield code, f"{row.fields['premise']} {row.fields['hypothesis']} {number}", row.label


def write(path: Path, number: int, labelled: tuple[str, ...] = ()) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["lang", "text", *(["intent"] if labelled else [])])
        for code, text, label in itertools.islice(texts(), number):
            writer.writerow([code, text, *([label if code in labelled else ""] if labelled else [])])
    return path


def trained(folder: Path) -> Path:
    table = write(folder / "tickets.csv", 1800, SOURCES)
    given = [f"task.data={table}", "task.input=text", "task.label=intent", f"sources=[{','.join(SOURCES)}]"]
    given += ["task.instruction=Which one is it?", "data.num_examples_total=300", "training.max_steps=20"]
    assert mslt(["train", "recipe=custom", *given, "scoring.num_bootstrap=200", f"output_dir={folder / 'run'}"]) == 0
    return folder / "run"


def plain_loop(run: Path, rows: list[dict[str, str]]) -> tuple[list[np.ndarray], float]:
    """(each row's probabilities, processor seconds) of one forward pass per row and label, nothing shared."""
    import torch

    labeller = Labeller(read_papers(run), How())
    labeller.load()
    task, encoder, model = labeller.task, labeller.encoder, labeller.model.eval()
    found = []
    started = time.process_time()
    for row in rows:
        example = askable(task, asked_example(task, row["lang"], row, ""))
        assert not isinstance(example, str)
        item = prompted(example, task, labeller.recipe.prompt)
        prompt, scores = encoder.prompt_ids(item.messages), []
        for word in item.choices:
            ids = encoder.user_ids([word])[0]
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([[*prompt, *ids]])).logits[0].log_softmax(-1)
            scores.append(sum(float(logits[len(prompt) - 1 + n, i]) for n, i in enumerate(ids)))
        found.append(softmax(np.array(scores)))
    return found, time.process_time() - started


def peak(run: Path, folder: Path, number: int) -> tuple[int, int, float]:
    """(rows labelled, peak bytes, processor seconds) of a process that labels what is left of so many rows."""
    data, out = folder / f"{number}.csv", folder / f"{number}.out.csv"
    if not data.is_file():
        write(data, number)
    command = [sys.executable, "-c", _MEASURED, "predict", f"run={run}", f"data={data}", f"out={out}"]
    before = _of_children()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    with out.open(encoding="utf-8", newline="") as file:
        assert sum(1 for _ in csv.reader(file)) == number + 1
    labelled = int(done.stdout.split("Labelled ")[-1].split()[0].replace(",", ""))
    return labelled, int(done.stdout.split("peak ")[-1]), _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--plain", type=int, default=200, help="rows of the plain loop")
    parser.add_argument("--folder", type=Path, help="where run, table and labels are kept")
    asked = parser.parse_args()
    quiet_libraries()
    with tempfile.TemporaryDirectory() as name:
        folder = asked.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        run = folder / "run" if (folder / "run").exists() else trained(folder)
        sample = [{"lang": code, "text": text} for code, text, _ in itertools.islice(texts(), asked.plain)]
        expected, seconds = plain_loop(run, sample)
        once = [{**row, "text": f"{row['text']} {n}"} for n in range(10) for row in sample]  # no row twice
        ours = predict(run, [*sample, *once])
        started = time.process_time()
        found = list(ours)
        own_seconds = time.process_time() - started
        shares = [[value for name, value in row.items() if name.startswith("p_")] for row in found]
        apart = max(np.abs(a - b).max() for a, b in zip(expected, shares, strict=False))
        few, (number, memory, taken) = peak(run, folder, FEW), peak(run, folder, asked.rows)
    print("\nrows per second of one processor")
    print(f"plain loop      {len(sample) / seconds:8.1f}  ({len(sample)} rows)")
    print(
        f"predict()       {len(found) / own_seconds:8.1f}  ({len(found):,} rows); of the same rows, no probability is "
        f"further from the plain loop's than {apart:.0e}"
    )
    print(f"mslt predict    {number / taken:8.1f}  ({number:,} rows in {taken:.0f} s, loading included)")
    print(f"peak memory     {memory / 2**20:8.0f} MiB at {asked.rows:,} rows, {few[1] / 2**20:.0f} MiB at {FEW:,}")


if __name__ == "__main__":
    main()
