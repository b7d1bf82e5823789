"""How far a trained adapter's accuracy depends on the question: the same rows of each language, asked in several ways.

    python benchmarks/prompt_sensitivity.py runs/intents_3src-… --examples 40 --folder asked --json FILE

Asked are the task's English questions, one after another, and that in each language's own words. Per language: the
accuracies, their spread (the largest less the smallest), and p of Cochran's Q (Biometrika 37, 1950: with X_j the rows
right under question j of k and L_i the questions under which row i is right, Q = (k - 1) (k sum X_j^2 - (sum X_j)^2) /
(k sum L_i - sum L_i^2), chi-square with k - 1 degrees of freedom) over the same rows, corrected by Holm for the
languages. The spread of k accuracies over n rows is above 0 where nothing depends on the question, too: what chance
alone makes of it is beside it, by exchanging each row's answers among the questions. Evaluations that are there are
not made again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.stats import chi2

from mslt_it import evaluate
from mslt_it.config.recipe import Recipe
from mslt_it.data.build import build_scored_set
from mslt_it.models.identity import read_run

NUM_EXCHANGES = 2000
QUESTIONS = {f"English {i}": ["prompt.language=english", f"prompt.template={i}"] for i in range(3)}
QUESTIONS |= {"its own": ["prompt.language=native", "prompt.template=0"]}


def right_answers(folder: Path, recipe: Recipe) -> dict[str, dict[str, bool]]:
    """Language -> row -> whether the likeliest label is the right one; labels stand in the recipe's order."""
    names, found = recipe.task.choice_names, {}
    for file in sorted(folder.glob("items/*/direct/*/*.jsonl")):
        label = {item.id: item.label for item in build_scored_set(recipe, file.stem)}
        rows = [json.loads(line) for line in file.read_text().splitlines()[1:]]
        found[file.stem] = {
            row["id"]: names[int(np.argmax(row["log_likelihoods"]))] == label[row["id"]] for row in rows
        }
    return found


def cochran(right: np.ndarray) -> float:
    """p of Q for [rows, questions]; 1 where no row tells the questions apart."""
    k, of_questions, of_rows = right.shape[1], right.sum(0), right.sum(1)
    below = k * of_rows.sum() - (of_rows**2).sum()
    q = (k - 1) * (k * (of_questions**2).sum() - of_questions.sum() ** 2) / below if below else 0.0
    return float(chi2.sf(q, k - 1))


def by_chance(right: np.ndarray, draw: np.random.Generator) -> float:
    """The mean spread of accuracies when each row's answers are dealt out to the questions anew."""
    dealt = draw.permuted(np.broadcast_to(right, (NUM_EXCHANGES, *right.shape)), axis=2).mean(1)
    return float(np.ptp(dealt, axis=1).mean())


def holm(p: Sequence[float]) -> np.ndarray:
    order, n = np.argsort(p), len(p)
    corrected = np.maximum.accumulate(np.asarray(p)[order] * np.arange(n, 0, -1)).clip(max=1)
    return corrected[np.argsort(order)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run, of a task with labels")
    parser.add_argument("--examples", type=int, default=40, help="rows of each language")
    parser.add_argument("--dtype", default="auto", help="of the model: model.dtype")
    parser.add_argument("--folder", type=Path, help="of the evaluations; default: one that is removed")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        where, right, means = options.folder or Path(name), {}, {}
        recipe = read_run(options.run).recipe
        for question, overrides in QUESTIONS.items():
            found = evaluate(
                options.run, overrides=[*overrides, f"model.dtype={options.dtype}"], base=False, languages="all",
                examples=options.examples, out=str(where / question.replace(" ", "_")),
            )  # fmt: skip
            right[question] = right_answers(found.folder, recipe)
            table = found.table
            means[question] = float(
                table[(table.role == "target") & (table.metric == table.metric.iloc[0])].value.iloc[-1]
            )
    draw, rows = np.random.default_rng(0), []
    for language in right["its own"]:
        ids = sorted(right["its own"][language])
        answers = np.array([[right[question][language][one] for question in QUESTIONS] for one in ids])
        accuracies = dict(zip(QUESTIONS, answers.mean(0).tolist(), strict=True))
        spread = float(np.ptp(answers.mean(0)))
        rows.append(
            {"language": language, "n": len(ids), **accuracies, "spread": spread, "by chance": by_chance(answers, draw)}
            | {"p": cochran(answers)}
        )
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p corrected"] = float(p)
    print(f"{'language':10}{'n':>5}" + "".join(f"{name:>13}" for name in list(rows[0])[2:]))
    for row in rows:
        cells = [f"{100 * row[name]:.1f}" for name in (*QUESTIONS, "spread", "by chance")]
        cells += [f"{row[name]:.3f}" for name in ("p", "p corrected")]
        print(f"{row['language']:10}{row['n']:>5}" + "".join(f"{cell:>13}" for cell in cells))
    print("mean of unseen " + ", ".join(f"{question} {100 * mean:.1f}" for question, mean in means.items()))
    if options.json:
        about = {"run": options.run.name, "date": time.strftime("%Y-%m-%d"), "dtype": options.dtype}
        about |= {name: version(name) for name in ("torch", "transformers")}
        options.json.write_text(json.dumps({**about, "unseen": means, "languages": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
