"""How far a figure depends on the question: the same rows of each language, asked in several ways.

    python benchmarks/prompt_sensitivity.py run=runs/intents_3src-… base=false languages=all examples=40 --json FILE
    python benchmarks/prompt_sensitivity.py model=FOLDER task=xcopa task.data=DIR task.choices=cloze languages=all

The words are those of `mslt eval`: a run without its base, or a base alone; any task. Asked are the task's English
questions, one after another, and that in each language's own words, where it has any. Per language: the figures, their
spread (the largest less the smallest), and the share of rows that two questions give the same answer to, mean over
pairs of questions. The spread of k figures is above 0 where nothing depends on the question, too. What chance alone
makes of it is beside it, and p, by exchange: each row's answers are dealt out to the questions anew, those of rows that
share a premise or passage, or are translations of each other, in one way (Good, Permutation, Parametric and Bootstrap
Tests of Hypotheses, 2005). p is corrected by Holm for the languages; for their mean it is one test. Evaluations that
are there are not made again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.evaluation.clusters import components
from mslt_it.evaluation.estimates import Settings, difference
from mslt_it.evaluation.evaluate import evaluate
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import MEASURES, UNREAD, Measure, choice_scores, said_labels
from mslt_it.evaluation.questions import items_of
from mslt_it.evaluation.request import parse_request
from mslt_it.journal import HEAD, read_answers
from mslt_it.problems import Problem

NUM_EXCHANGES = 9999
QUESTIONS = {f"English {i}": ["prompt.language=english", f"prompt.template={i}"] for i in range(3)}
OWN = "its own"
QUESTIONS |= {OWN: ["prompt.language=native", "prompt.template=0"]}


@dataclass(frozen=True, eq=False)
class Asked:
    """One question's answers in one language: the cell, (rows,) what was said, and what was asked."""

    cell: Cell
    said: np.ndarray
    messages: tuple[Any, ...]


def only_system(folder: Path) -> Path:
    """Where an evaluation has its answers; a Problem where they are of several systems, tasks or variants."""
    if len(found := list(folder.glob("items/*/*/*"))) != 1:
        raise Problem(f"{folder} has answers of {len(found)} systems. One is wanted: give base=false with run=.")
    return found[0]


def asked(words: Sequence[str], folder: Path) -> tuple[Measure, str, dict[str, Asked]]:
    """The measure, the model's type of numbers, and what one system answered in each language."""
    request = parse_request([*words, f"out={folder}"])
    evaluate(request, lambda text: None)
    system, recipe, variant = only_system(folder), request.recipes[0], request.variants[0]
    measure, found, dtype = MEASURES[recipe.task.metric][0], {}, ""
    for code in request.languages[recipe.task.name]:
        file = system / f"{code}.jsonl"
        answers = {row["id"]: row for row in read_answers(file) or ()}
        dtype = json.loads(file.open(encoding="utf-8").readline())[HEAD]["base_dtype"]
        items = items_of(recipe, variant, code, request.rows, request.set_aside[recipe.task.name].ids[code])
        rows = [answers[item.id] for item in items]
        texts = items[0].is_written
        outputs = tuple(row["text"] for row in rows) if texts else choice_scores(items, rows)
        cell = Cell(code, tuple(i.id for i in items), measure.counts(items, outputs)[0], tuple(i.group for i in items))
        if names := recipe.task.choice_names:
            said = np.array([names[n] if n != UNREAD else "" for n in said_labels(items, outputs)])
        else:
            said = np.array(outputs)
        found[code] = Asked(cell, said, tuple(item.messages for item in items))
    return measure, dtype, found


def exchanged(measure: Measure, cells: Sequence[Sequence[Cell]], draw: np.random.Generator) -> np.ndarray:
    """(exchanges, languages, questions) figures when the answers of what hangs together are dealt out anew.

    Args:
        cells: per language, those of each question.
    """
    num, k = NUM_EXCHANGES, len(cells[0])
    figures = np.empty((num, len(cells), k))
    of_first = [of_language[0] for of_language in cells]
    for part in components([cell.item_ids for cell in of_first], [cell.groups for cell in of_first]):
        orders = draw.random((num, part.num_clusters, k)).argsort(axis=2)
        for place, number in zip(part.cluster_of, part.languages, strict=True):
            counts = np.stack([cell.counts for cell in cells[number]], axis=1)  # rows, questions, k counts
            sums = np.zeros((part.num_clusters, *counts.shape[1:]))
            np.add.at(sums, place, counts)
            for question in range(k):
                dealt = np.take_along_axis(sums[None], orders[:, :, question, None, None], axis=2)
                figures[:, number, question] = measure.value(dealt[:, :, 0].sum(axis=1))
    return figures


def spread_and_chance(observed: np.ndarray, dealt: np.ndarray) -> dict[str, float]:
    """Of (questions,) figures and (exchanges, questions) of chance alone: the spread, chance's mean, and p."""
    spread, by_chance = float(np.ptp(observed)), np.ptp(dealt, axis=1)
    p = (1 + int((by_chance >= spread - 1e-12).sum())) / (1 + len(by_chance))
    return {"spread": spread, "by chance": float(by_chance.mean()), "p": p}


def holm(p: Sequence[float]) -> np.ndarray:
    order, n = np.argsort(p), len(p)
    corrected = np.maximum.accumulate(np.asarray(p)[order] * np.arange(n, 0, -1)).clip(max=1)
    return corrected[np.argsort(order)]


def shares(said: np.ndarray) -> dict[str, float]:
    """Answer -> of the rows; the most frequent first, and "" what could not be read."""
    return {answer: count / len(said) for answer, count in Counter(said.tolist()).most_common()}


def report(measure: Measure, answers: Mapping[str, Mapping[str, Asked]]) -> dict[str, Any]:
    """The figures of question -> language -> answers: per language, and of the mean over those that have all questions.

    A question that asks a language's rows what an earlier one asked, as English's own does, is left out there.
    """
    codes, draw = list(answers[OWN]), np.random.default_rng(0)
    own = {
        code: [q for n, q in enumerate(answers) if answers[q][code].messages not in
               [answers[other][code].messages for other in list(answers)[:n]]]
        for code in codes
    }  # fmt: skip
    found: dict[str, Any] = {"metric": measure.name, "languages": []}
    for questions in dict.fromkeys(map(tuple, own.values())):
        group = [code for code in codes if tuple(own[code]) == questions]
        cells = [[answers[q][code].cell for q in questions] for code in group]
        dealt = exchanged(measure, cells, draw)
        values = np.array([[float(measure.value(cell.counts.sum(0))) for cell in one] for one in cells])
        for number, code in enumerate(group):
            said = [answers[q][code].said for q in questions]
            same = [float((a == b).mean()) for a, b in itertools.combinations(said, 2)]
            found["languages"].append(
                {"language": code, "n": len(said[0]), **dict(zip(questions, values[number].tolist(), strict=True))}
                | spread_and_chance(values[number], dealt[:, number])
                | {"same answer": float(np.mean(same))}
            )
            if measure.of_labels:  # written answers are the data's own words
                found["languages"][-1]["answers"] = dict(zip(questions, map(shares, said), strict=True))
        if OWN in questions and len(group) > 1:
            found["mean"] = {"languages": group, **dict(zip(questions, values.mean(0).tolist(), strict=True))}
            found["mean"] |= spread_and_chance(values.mean(0), dealt.mean(1))
            sides = [[cells[n][questions.index(q)] for n in range(len(group))] for q in (OWN, next(iter(answers)))]
            less = difference(measure, *sides, settings=Settings(0.95, 2000))
            found["mean"]["own less English 0"] = {name: getattr(less, name) for name in ("value", "low", "high", "p")}
    found["languages"].sort(key=lambda row: codes.index(row["language"]))
    for row, p in zip(found["languages"], holm([row["p"] for row in found["languages"]]), strict=True):
        row["p corrected"] = float(p)
    return found


def show(found: Mapping[str, Any]) -> None:
    shown = (*QUESTIONS, "spread", "by chance", "same answer")
    print(f"{'language':10}{'n':>5}" + "".join(f"{name:>13}" for name in (*shown, "p", "p corrected")))
    for row in [*found["languages"], *([{"language": "mean", "n": ""} | found["mean"]] if "mean" in found else [])]:
        cells = [f"{100 * row[name]:.1f}" if name in row else "" for name in shown]
        cells += [f"{row[name]:.4f}" if name in row else "" for name in ("p", "p corrected")]
        print(f"{row['language']:10}{row['n']:>5}" + "".join(f"{cell:>13}" for cell in cells))
    if "mean" in found:
        less = {name: 100 * value for name, value in found["mean"]["own less English 0"].items()}
        print(f"mean, its own less English 0: {less['value']:+.1f} ({less['low']:+.1f} to {less['high']:+.1f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+", metavar="KEY=VALUE", help="of mslt eval")
    parser.add_argument("--folder", type=Path, help="of the evaluations; default: one that is removed")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        where, answers = options.folder or Path(name), {}
        for question, overrides in QUESTIONS.items():
            folder = where / question.replace(" ", "_")
            measure, dtype, answers[question] = asked([*options.words, *overrides], folder)
    found = report(measure, answers)
    show(found)
    if options.json:
        about = {"words": options.words, "date": time.strftime("%Y-%m-%d"), "dtype": dtype}
        about |= {name: version(name) for name in ("torch", "transformers")}
        options.json.write_text(json.dumps({**about, **found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
