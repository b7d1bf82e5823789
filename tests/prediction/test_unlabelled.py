"""Targets without labels: the run trains, scores what has labels, and tells what it says of the rest."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from labelled_table import LABELS, NUM_ROWS, NUM_TURKISH, WORDS, Trained, call, table

from mslt_it.config.compose import load_recipe
from mslt_it.data.resolve import with_targets
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.answered import Spread
from mslt_it.evaluation.spread import spread_report
from mslt_it.models.finished_run import read_run
from mslt_it.problems import NoLabels

BARE = ["task.input=text", "task.label=intent", "sources=[en,de]"]


def test_what_has_labels_is_scored_and_the_rest_is_told(trained: Trained) -> None:
    results = json.loads((trained.run / "results.json").read_text(encoding="utf-8"))
    scored = {row["language"]: row for row in results["results"] if row["metric"] == "accuracy"}
    assert set(scored) == {"en", "de", "tr"}  # nothing of the others is a figure
    assert scored["tr"]["n"] == NUM_TURKISH and scored["en"]["role"] == "source"
    spreads = {one["language"]: one for one in results["unlabelled"]}
    assert list(spreads) == ["en", "de", "el", "ja", "sw"]
    for code in ("el", "ja", "sw"):
        lines = (trained.run / f"items/custom/direct/adapter/{code}.jsonl").read_text(encoding="utf-8").splitlines()
        said = Counter(LABELS[int(np.argmax(json.loads(line)["log_likelihoods"]))] for line in lines[1:])
        assert spreads[code]["n"] == NUM_ROWS == said.total()
        assert spreads[code]["labels"] == pytest.approx({name: said[name] / NUM_ROWS for name in LABELS})
        assert not (trained.run / f"items/custom/direct/base/{code}.jsonl").exists()
        assert re.search(rf"^{code} .* no labels +90 ", trained.shown, re.MULTILINE)
    predictions = (trained.run / "predictions" / "en.jsonl").read_text(encoding="utf-8").splitlines()
    said = Counter(json.loads(line)["adapter_prediction"] for line in predictions)
    assert spreads["en"]["labels"] == pytest.approx({name: said[name] / len(predictions) for name in LABELS})
    assert "Share of each predicted label in per cent" in trained.shown
    assert "rows are in no language of this run" not in trained.shown


def test_targets_may_be_absent_rest_or_named(trained: Trained) -> None:
    data = f"task.data={trained.folder / 'tickets.csv'}"
    absent, rest, named = (
        with_targets(load_recipe("custom", [data, *BARE, *given]), RowStore())
        for given in ([], ["targets=rest"], ["targets=[tr,el,ja,sw]"])
    )
    for recipe in (absent, rest, named):
        assert (recipe.targets, recipe.unlabelled) == (("tr",), ("el", "ja", "sw"))
        assert recipe.run_fingerprint() == absent.run_fingerprint()
    none = with_targets(load_recipe("custom", [data, *BARE, "targets=[el]"]), RowStore())
    assert (none.targets, none.unlabelled) == ((), ("el",)) and none.run_fingerprint() != absent.run_fingerprint()


def test_a_table_of_the_sources_alone_trains_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "own.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("lang", "text", "intent"), *(r for r in table() if r[0] in ("en", "de"))])
    given = ["data.num_examples_total=24", "training.max_steps=2", "scoring.num_bootstrap=200", "output_dir=run"]
    code, shown = call("train", "recipe=custom", "task.data=own.csv", *BARE, *given)
    assert code == 0 and "No unseen language has labels: none is scored." in " ".join(shown.split())
    rows = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))["results"]
    assert {row["role"] for row in rows} == {"source"} and "unlabelled" not in shown
    assert read_run(tmp_path / "run").recipe.targets == ()
    code, shown = call("train", "recipe=custom", "task.data=own.csv", *BARE, *given[:-1], "combine.method=cat")
    assert code == 2 and "Set combine.method=none." in shown


def test_files_per_language_need_no_label_column_where_nothing_is_scored(tmp_path: Path) -> None:
    for code in WORDS:
        rows = [{"text": text, "intent": label} for c, text, label in table() if c == code]
        if code in ("el", "ja"):
            rows = [{"text": row["text"]} for row in rows]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (tmp_path / f"{code}.jsonl").write_text(lines, encoding="utf-8")
    recipe = with_targets(load_recipe("custom", [f"task.data={tmp_path}", *BARE]), RowStore())
    assert (recipe.targets, recipe.unlabelled) == (("tr",), ("el", "ja", "sw"))
    code, shown = call("data", "recipe=custom", f"task.data={tmp_path}", "sources=[en,el]", *BARE[:2])
    assert code == 2 and "el.jsonl has no column 'intent'." in shown


def test_a_language_that_collapses_is_warned_about() -> None:
    def one(language: str, role: str, **labels: float) -> Spread:
        return Spread(language, role, 100, labels, 0)

    sources = [one("en", "source", card=0.5, cash=0.5), one("de", "source", card=0.4, cash=0.6)]
    shown = spread_report(
        [*sources, one("th", "target", card=0.97, cash=0.03), one("tr", "target", card=0.6, cash=0.4)]
    )
    assert "Warning: nearly all rows of th got 'card' (45.0 % in the sources)" in shown
    assert spread_report(sources) == ""
    broken = Spread("th", "target", 100, {}, 100, "3 of 100 items have a score that is NaN")
    assert "Warning: th: 3 of 100 items have a score that is NaN." in spread_report([*sources, broken])


def test_scoring_such_a_language_says_that_there_is_nothing_to_compare_with(trained: Trained) -> None:
    data = f"task.data={trained.folder / 'tickets.csv'}"
    task = load_recipe("custom", [data, *BARE]).task
    with pytest.raises(NoLabels, match=r"\(language 'el'\) cannot be scored: all 90 rows have an empty 'intent'"):
        RowStore().load(task, "el", "test", role="score", is_trained=False)
