"""The package as a library: the results are those of the commands, nothing is printed, mistakes are exceptions."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import mslt_it
from mslt_it import Problem, Recipe, TrainedRun, cli, evaluate, load_recipe, merge, predict, select, train
from mslt_it.data.build import scored_examples

ROOT = Path(__file__).parent.parent
SMALL = {
    "sources": ["de"],
    "targets": ["th", "tr"],
    "data": {"num_examples_total": 24},
    "training": {"max_steps": 2},
    "scoring": {"num_examples_per_language": 20, "num_bootstrap": 200},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return train("xnli_3src", **SMALL, output_dir=tmp_path_factory.mktemp("api") / "run")


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys, mslt_it; print([m for m in sys.modules if m.startswith('mslt_it.') or m in ('torch', 'pandas')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_names_are_functions_whatever_was_imported_before() -> None:
    """The launcher is called mslt_it/train.py; no command may import it, or it would take the function's place."""
    code = (
        "import sys; from mslt_it import cli; cli.main(['train', 'recipe=x']); cli.main(['data', 'recipe=x']); "
        "print('mslt_it.train' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert callable(train) and mslt_it.train is train  # here, where all was imported
    assert all(getattr(mslt_it, name) is not None for name in mslt_it.__all__)
    assert set(mslt_it.__all__) <= set(dir(mslt_it))
    with pytest.raises(AttributeError, match="module 'mslt_it' has no attribute 'trian'"):
        mslt_it.trian  # noqa: B018


def test_a_run_is_the_commands(run: TrainedRun, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    written = [
        "recipe=xnli_3src", "sources=[de]", "targets=[th,tr]", "data.num_examples_total=24", "training.max_steps=2",
        "scoring.num_examples_per_language=20", "scoring.num_bootstrap=200", f"output_dir={run.folder}",
    ]  # fmt: skip
    assert cli.main(["train", *written]) == 0
    assert "This run is already finished" in capfd.readouterr().out
    again = train("xnli_3src", written[1:3] + written[3:])
    assert capfd.readouterr() == ("", "")
    content = json.loads((run.folder / "results.json").read_text(encoding="utf-8"))
    for one in (run, again, TrainedRun.read(run.folder)):
        assert one.table.to_dict("records")[0]["language"] == "de" and one.status == "ok"
        assert list(one.table["value"]) == [row["value"] for row in content["results"]]
        assert one.provenance == content["provenance"] and one.folder == run.folder
    assert (run.adapter / "README.md").is_file() and os.fspath(run) == str(run.folder)
    answers = run.answers("th")
    right = float((answers["label"] == answers["adapter_prediction"]).mean())
    is_th = (run.table["language"] == "th") & (run.table["metric"] == "accuracy")
    assert float(run.table[is_th]["value"].iloc[0]) == pytest.approx(right)
    assert run._repr_html_().startswith("<table")


def test_nothing_is_printed_and_everything_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    small = {**SMALL, "targets": ["tr"], "training": {"max_steps": 1}}
    run = train(load_recipe("xnli_3src", **small, output_dir=tmp_path / "run"), say=said.append)
    assert capfd.readouterr().out == ""
    assert "Run folder:" in said[-1] and any("24 training rows" in line for line in said)
    assert "Run folder:" in (run.folder / "log.txt").read_text(encoding="utf-8")


def test_evaluate_is_the_commands(run: TrainedRun, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = evaluate(run, languages=["tr"], examples=8, out=tmp_path / "evaluated", cache="none")
    assert capfd.readouterr() == ("", "")
    content = json.loads((tmp_path / "evaluated" / "results.json").read_text(encoding="utf-8"))
    assert list(found.table["value"]) == [row["value"] for row in content["results"]]
    assert found.status == "ok" and found.folder == tmp_path / "evaluated"
    assert set(found.table["system"]) == {"base", "run"} and len(found.differences) == 1
    assert (
        cli.main(["eval", f"run={run.folder}", "languages=[tr]", "examples=8", f"out={found.folder}", "cache=none"])
        == 0
    )
    assert "already finished" in capfd.readouterr().out


def test_predict_gives_the_runs_labels(run: TrainedRun) -> None:
    answers = run.answers("th").set_index("id")["adapter_prediction"]
    examples = scored_examples(load_recipe("config", config_dir=run.folder), "th")
    rows = [{"id": one.id, "lang": "th", **one.fields} for one in examples]
    assert [row["label"] for row in predict(run, rows)] == [answers[one.id] for one in examples]


def test_select_gives_the_commands_ranking(capsys: pytest.CaptureFixture[str]) -> None:
    found = select(["ar", "de", "en", "zh"], k=2, criteria=["l2v_syntax", "scripts"])
    assert capsys.readouterr().out == ""
    assert cli.main(["select", "pool=[ar,de,en,zh]", "k=2", "criteria=[l2v_syntax,scripts]", "--json"]) == 0
    expected = json.loads(capsys.readouterr().out)["criteria"]["l2v_syntax"]
    own = found.table[found.table["criterion"] == "l2v_syntax"]
    assert [list(one) for one in own["languages"]] == [one["set"] for one in expected]
    assert found.best == own["languages"].iloc[0] and found.provenance["pool"] == ("ar", "de", "en", "zh")


def test_merge_compares_and_transformers_loads_it(run: TrainedRun, tmp_path: Path) -> None:
    merged = merge(run, tmp_path / "merged", dtype="float32", prompts=2)
    assert list(merged.table["language"]) == ["de", "th", "tr", "all"]
    assert float(merged.table["relative_error"].iloc[-1]) < 1e-3 and merged.provenance["inputs"]["dtype"] == "float32"
    assert (merged.folder / "model.safetensors").is_file()


def test_the_notebooks_cells_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In order, with fewer rows; what they show has the form of the outputs that are kept in the file."""
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "docs" / "first_model.ipynb").read_text(encoding="utf-8"))
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        for many, few in (
            ("750", "24"),
            ('_language": 100', '_language": 12'),
            ("examples=40", "examples=4"),
            ("prompts=8", "prompts=1"),
        ):
            source = source.replace(many, few)
        *lines, last = ast.parse(source).body
        exec(compile(ast.Module(lines, []), "cell", "exec"), names)
        assert isinstance(last, ast.Expr), "a cell ends with what it shows"
        shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        [kept] = cell["outputs"]
        head = "".join(kept["data"]["text/html"])
        columns = shown.table.columns if hasattr(shown, "table") else shown.columns
        assert all(f"<th>{column}</th>" in head for column in columns)
    assert len(names["run"].table) > 0 and capfd.readouterr().out == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sources": ("ar", "de"), "seed": 3}, lambda r: r.sources == ("ar", "de") and r.seed == 3),
        ({"task": {"instruction": {"de": "Was, bitte?"}}}, lambda r: r.task.instruction == {"de": "Was, bitte?"}),
        (
            {"task": {"input_fields": ["a, b", "'c'"], "group_fields": []}},
            lambda r: r.task.input_fields == ("a, b", "'c'"),
        ),
        ({"output_dir": '"in quotes" '}, lambda r: r.output_dir == '"in quotes" '),
        ({"name": "null"}, lambda r: r.name == "null"),
        ({"output_dir": None, "training": {"learning_rate": 1e-5}}, lambda r: r.training.learning_rate == 1e-5),
        ({"data": {"num_examples_total": "max"}}, lambda r: r.data.num_examples_total == -1),
        ({"supervised": True, "scale": "small"}, lambda r: r.supervised and r.scale == "small"),
    ],
)
def test_changes_are_values(changes: dict[str, object], expected: object) -> None:
    recipe = load_recipe("xnli_3src", **changes)
    assert isinstance(recipe, Recipe) and expected(recipe)  # type: ignore[operator]


def test_a_task_implies_its_recipe() -> None:
    assert load_recipe(task="pawsx").name == "pawsx_3src"


@pytest.mark.parametrize("call", [predict, evaluate, merge, TrainedRun.read])
def test_what_is_no_folder_is_named(call: Callable[..., object]) -> None:
    more = {predict: ([],), merge: ("out",)}.get(call, ())
    with pytest.raises(Problem, match=r"5 \(int\) is not a path\. Give a file or folder"):
        call(5, *more)


def test_mistakes_are_problems(run: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for call, text in (
        (lambda: train("xnli_3scr"), r"Unknown recipe 'xnli_3scr'. Did you mean 'xnli_3src'"),
        (lambda: train("xnli_3src", sed=1), r"Unknown key 'sed'"),
        (lambda: train(load_recipe("xnli_3src"), seed=1), r"was given a Recipe and changes to it"),
        (lambda: evaluate(run, language=["tr"]), r"Unknown key 'language' in evaluate\(\). Did you mean 'languages'"),
        (lambda: evaluate(run, samples=0), r"evaluate\(\): samples=0 is out of range"),
        (lambda: evaluate("nowhere"), r"run=nowhere: there is no such folder"),
        (lambda: select(["ar"], k=2), r"fewer than k=2"),
        (lambda: merge("nowhere", "out"), r"run=nowhere: there is no such folder"),
        (lambda: merge(run, "out", dtyp="float32"), r"Unknown key 'dtyp' in merge\(\). Did you mean 'dtype'"),
        (lambda: predict(run, [], calibration="held"), r"calibration=held is unknown. Did you mean 'held_out'"),
        (lambda: predict(run, [], abstain_below=7), r"predict\(\): abstain_below=7 is out of range"),
        (lambda: run.answers("fr"), r"has no answers in 'fr'. It was scored in: de, th, tr"),
        (lambda: TrainedRun.read("nowhere"), r"nowhere/results.json is missing"),
    ):
        with pytest.raises(Problem, match=text):
            call()
    assert not list(tmp_path.iterdir())
