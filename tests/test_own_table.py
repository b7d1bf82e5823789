"""A user's own table through `mslt data`, `train` and `eval`, one command each, with every figure worked out again from
the answers: five languages of 40 to 300 rows, imbalanced labels, no ids, columns and languages spelled as people do."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from mslt_it.cli import main

# How the file spells a language -> its code, rows, and the words of its sentences.
LANGUAGES: Mapping[str, tuple[str, int, str, str]] = {
    "English": ("en", 300, "The {} bus is late|The {} fruit is old|The {} woman is here", "big cheap clean light"),
    "DE": ("de", 120, "Der {} Bus ist da|Die {} Frucht ist alt|Die {} Frau ist da", "große billige saubere leichte"),
    "swa": ("sw", 300, "Basi {} liko nyumbani|Tunda {} liko shuleni|Mwanamke {} yuko hapa", "kubwa ghali safi jepesi"),
    "tr_TR": ("tr", 40, "{} otobüs evde|{} meyve okulda|{} kadın burada", "büyük ucuz temiz hafif"),
    "el": ("el", 75, "Το {} λεωφορείο ήρθε|Το {} φρούτο ήρθε|Η {} γυναίκα ήρθε", "μεγάλο φτηνό καθαρό ελαφρύ"),
}
LABELS = ("no", "yes", "none")
WEIGHTS = (70, 16, 14)
SOURCES, UNSEEN = ("en", "de"), ("el", "sw", "tr")  # targets=rest: in the order of their codes
TASK = [
    "recipe=custom", "task.data=tickets.csv", "task.instruction.en=What is it about?", "data.num_examples_total=96",
    "training.max_steps=6", "scoring.num_examples_per_language=0", "scoring.num_bootstrap=500",
    "task.input=Customer message", "task.label=Topic (final)", "sources=[en,de]", "targets=rest",
]  # fmt: skip


def write_table(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Code -> (text, label) of each row, as they stand in the file."""
    rng = random.Random(4)
    rows = [
        (spelled, f"{sentences.split('|')[kind].format(rng.choice(words.split()))} {number}", LABELS[kind])
        for spelled, (_, n, sentences, words) in LANGUAGES.items()
        for number, kind in enumerate(rng.choices(range(len(LABELS)), WEIGHTS, k=n))
    ]
    rng.shuffle(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Language", "Customer message", "Topic (final)"])
        writer.writerows(rows)
    return {LANGUAGES[s][0]: [(t, y) for c, t, y in rows if c == s] for s in LANGUAGES}


@dataclass(frozen=True)
class Done:
    """The folder, the table and what the three commands printed."""

    folder: Path
    rows: Mapping[str, Sequence[tuple[str, str]]]
    data: str
    train: str
    eval: str

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def answers(self, code: str, model: str = "adapter") -> tuple[list[str], list[str]]:
        """(right labels, said ones), of the file's own labels and the highest log-likelihood."""
        lines = (self.folder / "run" / "predictions" / f"{code}.jsonl").read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines]
        numbers = [int(line["id"].rpartition(":")[2]) for line in found]
        said = [sorted(LABELS)[int(np.argmax(line[f"{model}_log_likelihoods"]))] for line in found]
        return [self.rows[code][number][1] for number in numbers], said

    def scored(self, code: str) -> set[str]:
        """The texts that are scored."""
        lines = (self.folder / "run" / "predictions" / f"{code}.jsonl").read_text(encoding="utf-8").splitlines()
        return {self.rows[code][int(json.loads(line)["id"].rpartition(":")[2])][0] for line in lines}

    def result(self, language: str, metric: str = "accuracy", system: str = "run") -> dict[str, Any]:
        """Of the run's own results.json; ``system``: of `mslt eval`'s, if "base"."""
        (row,) = [
            row for row in self.json(f"{'run' if system == 'run' else 'scored'}/results.json")["results"]
            if (row["language"], row["metric"]) == (language, metric) and row["system"] in (system, "adapter")
        ]  # fmt: skip
        return row


def run(command: str, *arguments: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([command, *arguments]) == 0
    return out.getvalue()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("own")
    rows = write_table(folder / "tickets.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shown = [
            run("data", *TASK, "output_dir=built"),
            run("train", *TASK, "output_dir=run"),
            run("eval", "run=run", "out=scored", "cache=none", "--details"),
        ]
    return Done(folder, rows, *shown)


def accuracy(answers: tuple[Sequence[str], Sequence[str]]) -> float:
    return float(np.mean([right == said for right, said in zip(*answers, strict=True)]))


def macro_f1(answers: tuple[Sequence[str], Sequence[str]]) -> float:
    return float(f1_score(*answers, average="macro", zero_division=0))


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def line_of(shown: str, language: str) -> list[str]:
    """The table's line of a language, in the last table that has one."""
    (line, *_) = [line for line in reversed(shown.splitlines()) if re.match(rf"{language}\b.*\b(un)?seen\b", line)]
    return line.split()


def test_what_is_built(done: Done) -> None:
    report = done.json("built/report.json")
    encoded = [json.loads(line) for line in (done.folder / "built" / "train.jsonl").read_text().splitlines()]
    idle = "training.max_steps=6, scoring.num_examples_per_language=0, scoring.num_bootstrap=500 have no effect."
    assert f"Note: only rows are made here, on which {idle}" in done.data
    assert len(encoded) == 96 and Counter(row["language"] for row in encoded) == {"en": 48, "de": 48}
    of_label = {code: Counter[str]() for code in SOURCES}
    for row in encoded:
        text, label = done.rows[row["language"]][int(row["id"].rpartition(":")[2])]
        of_label[row["language"]][label] += 1
        assert text not in done.scored(row["language"])
    for one in report["languages"]:
        assert one["label_counts"] == {label: of_label[one["language"]][label] for label in one["label_counts"]}
    for label in LABELS:
        counts = [of_label[code][label] for code in SOURCES]
        assert re.search(rf"^{label} +{counts[0]} +{counts[1]} +{sum(counts)}$", done.data, re.MULTILINE), label
    assert "targets=rest: el, sw, tr (3 of 5 languages of tickets.csv)" in done.data
    # What is set aside is told: all rows that are not scored.
    aside = re.search(r"not scored, set aside .*?: (.*)", done.data)
    told = {code: (int(n), int(total)) for n, total, codes in re.findall(r"(\d+) of (\d+) rows in ([a-z, ]+)", aside[1])
            for code in codes.split(", ")}  # fmt: skip
    assert told == {c: (len(done.rows[c]) - len(done.answers(c)[0]), len(done.rows[c])) for c in SOURCES}
    assert all(len(done.answers(code)[0]) == len(done.rows[code]) for code in UNSEEN)  # nothing of them is trained on


@pytest.mark.parametrize("code", [*SOURCES, *UNSEEN])
def test_the_figures_of_a_language(done: Done, code: str) -> None:
    answers, base = done.answers(code), done.answers(code, "base")
    right, n = answers[0], len(answers[0])
    row, of_f1 = done.result(code), done.result(code, "macro_f1")
    assert (row["n"], of_f1["n"], row["role"]) == (n, n, "source" if code in SOURCES else "target")
    assert row["value"] == pytest.approx(accuracy(answers))
    assert of_f1["value"] == pytest.approx(macro_f1(answers))
    assert row["base_value"] == pytest.approx(accuracy(base)) and of_f1["base_value"] == pytest.approx(macro_f1(base))
    assert row["gain"] == pytest.approx(accuracy(answers) - accuracy(base))
    wilson = stats.binomtest(round(n * row["value"]), n).proportion_ci(method="wilson")
    assert (row["low"], row["high"]) == pytest.approx((wilson.low, wilson.high))
    majority = Counter(right).most_common(1)[0][1] / n
    trained = done.json("run/results.json")["provenance"]["train_label_counts"]
    assert row["majority_share"] == pytest.approx(majority)
    first = [label for label, number in trained.items() if number == max(trained.values())]
    assert row["train_majority_share"] == (pytest.approx(right.count(first[0]) / n) if len(first) == 1 else None)
    assert row["only_label"] == (answers[1][0] if len(set(answers[1])) == 1 else "")
    shown, f1 = line_of(done.train, code), percent(of_f1["value"])
    assert shown[3:5] == [str(n), percent(row["value"])]
    assert shown[5:11] == [
        percent(wilson.low), "to", percent(wilson.high), f1, percent(majority), percent(accuracy(base))
    ]  # fmt: skip
    assert shown[11] == f"{100 * row['gain']:+.1f}"


@pytest.mark.parametrize("model", ["adapter", "base"])
def test_what_became_of_each_label(done: Done, model: str) -> None:
    names = sorted(LABELS)
    for code in done.rows:
        answers = done.answers(code, model)
        (report,) = [
            r for r in done.json("run/results.json")["labels"] if (r["language"], r["system"]) == (code, model)
        ]
        assert np.array(report["confusion"])[:, :-1].tolist() == confusion_matrix(*answers, labels=names).tolist()
        assert not np.array(report["confusion"])[:, -1].any()
        scores = precision_recall_fscore_support(*answers, labels=names, zero_division=np.nan)
        for number, one in enumerate(report["labels"]):
            assert (one["label"], one["num_gold"]) == (names[number], scores[3][number])
            for key, values in zip(("precision", "recall", "f1"), scores, strict=False):
                assert one[key] == (None if np.isnan(values[number]) else pytest.approx(values[number])), (code, key)
        assert f"\n{code}, {'run' if model == 'adapter' else model}\n" in done.eval


def test_the_mean_is_that_of_the_rows_above_it(done: Done) -> None:
    figures = [accuracy(done.answers(code)) for code in UNSEEN]
    row, of_f1 = done.result("mean of unseen"), done.result("mean of unseen", "macro_f1")
    assert row["value"] == pytest.approx(np.mean(figures)) and row["low"] < row["value"] < row["high"]
    assert of_f1["value"] == pytest.approx(np.mean([macro_f1(done.answers(code)) for code in UNSEEN]))
    assert row["base_value"] == pytest.approx(np.mean([accuracy(done.answers(code, "base")) for code in UNSEEN]))
    assert row["n"] == row["num_groups"] == sum(len(done.answers(code)[0]) for code in UNSEEN)
    assert row["num_shared"] == 0  # nothing says which rows are translations
    shares = [done.result(code)["majority_share"] for code in UNSEEN]
    assert row["majority_share"] == pytest.approx(np.mean(shares))
    half = stats.t.ppf(0.975, len(figures) - 1) * np.std(figures, ddof=1) / np.sqrt(len(figures))
    expected = max(0.0, min(row["low"], row["value"] - half)), min(1.0, max(row["high"], row["value"] + half))
    assert (row["languages_low"], row["languages_high"]) == pytest.approx(expected)
    assert f"mean of unseen: {percent(row['value'])}, 95 % interval {percent(row['low'])} to" in done.train
    told = line_of(done.train, "mean of unseen")
    assert told[4:6] == [str(row["n"]), percent(np.mean(figures))]


def test_above_chance_means_above_the_majority_too(done: Done) -> None:
    p = {}
    for code in UNSEEN:
        right, said = done.answers(code)
        bar = max(1 / 3, Counter(right).most_common(1)[0][1] / len(right))
        num = sum(a == b for a, b in zip(right, said, strict=True))
        p[code] = stats.binomtest(num, len(right), bar, alternative="greater").pvalue
    above = [code for rank, code in enumerate(sorted(p, key=p.get)) if p[code] * (len(p) - rank) <= 0.025]
    assert [code for code in UNSEEN if done.result(code)["is_above_chance"]] == above == []
    said = "No unseen language is above chance (the larger of 1/3 and the majority's share, corrected for 3 languages)"
    assert said in " ".join(done.train.split())


def test_eval_gives_the_figures_of_the_run(done: Done) -> None:
    of_run, of_eval = done.json("run/results.json"), done.json("scored/results.json")
    keys = ("n", "value", "low", "high", "languages_low", "languages_high", "num_groups", "num_shared")
    keys += ("majority_share", "train_majority_share", "is_above_chance", "only_label")
    again = {(r["language"], r["metric"]): r for r in of_eval["results"] if r["system"] == "run"}
    assert len(again) == len(of_run["results"]) == 12
    for row in of_run["results"]:
        other = again[row["language"], row["metric"]]
        assert {key: other[key] for key in keys} == {key: row[key] for key in keys}
        base = done.result(row["language"], row["metric"], "base")
        assert base["value"] == row["base_value"]
    (difference,) = of_eval["differences"]
    mean = done.result("mean of unseen")
    pairs = (("value", "gain"), ("low", "gain_low"), ("high", "gain_high"), ("languages_low", "gain_languages_low"))
    assert [difference[a] for a, _ in pairs] == pytest.approx([mean[b] for _, b in pairs])
    plain = {"adapter": "run", "base": "base"}
    labels = {(r["system"], r["language"]): (r["labels"], r["confusion"]) for r in of_eval["labels"]}
    assert ", ".join(("0 answers computed", f"{2 * sum(r['n'] for r in of_run['results'][:5])} taken")) in done.eval
    assert labels == {(plain[r["system"]], r["language"]): (r["labels"], r["confusion"]) for r in of_run["labels"]}


def test_eval_would_have_computed_the_answers_of_the_run(done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last digit, where the run's journals are not there to be taken."""
    monkeypatch.chdir(done.folder)
    shutil.copytree("run", "bare", ignore=shutil.ignore_patterns("items"))
    shown = run("eval", "run=bare", "languages=[tr]", "out=computed", "cache=none")
    rows = done.result("tr")["n"]
    assert f"; {2 * rows} answers computed.\n" in shown
    for mine, theirs in (("bare", "adapter"), ("base", "base")):
        computed, taken = (
            (done.folder / folder / "items/custom/direct" / system / "tr.jsonl").read_bytes().split(b"\n", 1)
            for folder, system in (("computed", mine), ("run", theirs))
        )
        # Each line ends in a hash of itself and of the first line, which names the system.
        mine_said, theirs_said = (re.sub(rb',"sum":"\w+"', b"", lines[1]) for lines in (computed, taken))
        assert mine_said == theirs_said
        assert json.loads(computed[0])["evaluation_of"].items() ^ json.loads(taken[0])["evaluation_of"].items() <= {
            ("system", mine), ("system", theirs)
        }  # fmt: skip


def test_parallel_items_of_a_table_without_ids_are_refused_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "tickets.csv")
    for number in ("max", "24"):
        given = [one for one in TASK if not one.startswith("data.num_examples_total=")]
        assert main(["data", *given, "data.items=parallel", f"data.num_examples_total={number}"]) == 2
        assert "no item id is in all of de, en. Use parallel data with one id column" in capsys.readouterr().err
