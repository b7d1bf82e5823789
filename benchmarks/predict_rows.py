"""Rows per second of `mslt predict` beside stock transformers asking one prompt per label, and the memory of many rows.

    python benchmarks/predict_rows.py [--rows 20000] [--run RUN]

Without --run, a run of the embedded model on a generated table of six intents is trained first (a minute). The plain
loop puts prompt and label word through the model once per label and row, as an example of its documentation does, on
--plain rows; both give the same labels, which is checked. Memory is the peak of a process that labels --rows rows of a
CSV file, less its peak at 2,000 rows.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported

from mslt_it import predict
from mslt_it.cli import main as mslt
from mslt_it.data.build import askable
from mslt_it.data.prompts import prompted
from mslt_it.data.shapes import asked_example
from mslt_it.prediction.labeller import How, Labeller
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


def plain_loop(run: Path, rows: list[dict[str, str]]) -> tuple[list[str], float]:
    """(labels, seconds) of one forward pass per row and label, nothing shared."""
    import torch

    labeller = Labeller(run, How())
    labeller.load()
    task, encoder, model = labeller.task, labeller.encoder, labeller.model.eval()
    found = []
    started = time.perf_counter()
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
        found.append(task.choice_names[scores.index(max(scores))])
    return found, time.perf_counter() - started


def peak(run: Path, folder: Path, number: int) -> tuple[int, float]:
    """(peak bytes, seconds) of a process that labels so many rows."""
    data, out = write(folder / f"{number}.csv", number), folder / f"{number}.out.csv"
    command = [sys.executable, "-c", _MEASURED, "predict", f"run={run}", f"data={data}", f"out={out}"]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    with out.open(encoding="utf-8", newline="") as file:
        assert sum(1 for _ in csv.reader(file)) == number + 1
    return int(done.stdout.split("peak ")[-1]), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--plain", type=int, default=200, help="rows of the plain loop")
    parser.add_argument("--run", type=Path, help="a finished run with the columns lang and text")
    asked = parser.parse_args()
    quiet_libraries()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = asked.run or trained(folder)
        sample = [{"lang": code, "text": text} for code, text, _ in itertools.islice(texts(), asked.plain)]
        labels, seconds = plain_loop(run, sample)
        ours = predict(run, sample * 10)
        started = time.perf_counter()
        found = [row["label"] for row in ours]
        own_seconds = time.perf_counter() - started
        same = sum(a == b for a, b in zip(labels, found, strict=False))
        few, many = peak(run, folder, FEW), peak(run, folder, asked.rows)
    print(f"\nplain loop      {len(sample) / seconds:8.1f} rows/s ({len(sample)} rows)")
    print(
        f"predict()       {len(found) / own_seconds:8.1f} rows/s ({len(found)} rows), "
        f"{same} of {len(sample)} labels alike"
    )
    print(
        f"mslt predict    {asked.rows / many[1]:8.1f} rows/s ({asked.rows:,} rows in {many[1]:.0f} s, loading included)"
    )
    print(f"peak memory     {many[0] / 2**20:8.0f} MiB at {asked.rows:,} rows, {few[0] / 2**20:.0f} MiB at {FEW:,}")


if __name__ == "__main__":
    main()
