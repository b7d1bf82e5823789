"""The run that comes out of combining, and what its command refuses."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from dense_adapters import apart, changes, weighted

from mslt_it import cli
from mslt_it.models.finished_run import read_run
from mslt_it.problems import Problem
from mslt_it.publish.combine_options import METHODS, CombineRequest, planned
from mslt_it.publish.combined_run import finished
from mslt_it.report.run_report import redo


def make_run(folder: Path, source: str, rank: int, *overrides: str, base: str | None = None) -> Path:
    """A finished run on the embedded model whose adapter has random weights instead of trained ones."""
    from mslt_it.config.compose import load_recipe
    from mslt_it.models.base_model import add_adapter, load_base, model_hash, save_adapter
    from mslt_it.models.finished_run import adapter_hash
    from mslt_it.runs import Run

    fixed = [
        f"sources=[{source}]", f"targets=[{','.join(c for c in ('tr', 'en', 'ar') if c != source)}]", "scale=mini",
        f"adapter.rank={rank}", "data.num_examples_total=60", "scoring.num_examples_per_language=8",
        "scoring.num_bootstrap=50", f"output_dir={folder}",
    ]  # fmt: skip
    recipe = load_recipe("xnli_3src", [*fixed, *overrides])
    run = Run(recipe)
    run.open()
    model = add_adapter(load_base(recipe.model), recipe.adapter, seed=rank)
    torch.manual_seed(rank)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.02)
    save_adapter(model, folder / "adapter")
    provenance = {
        "num_examples": 60 * rank, "adapter_sha256": adapter_hash(folder / "adapter"), "seed": 0,
        "base_sha256": base or model_hash(model), "model": recipe.model.path, "model_revision": None,
        "labels": list(recipe.task.label_names),
    }  # fmt: skip
    run.write_json("results.json", {"status": "ok", "results": [], "provenance": provenance})
    run.finish()
    return folder


def test_values_out_of_range_are_refused_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong, limits in (
        ("rank=0", "at least 1"),
        ("density=0", "above 0 and at most 1"),
        ("seed=-1", "at least 0 and at most 4294967295"),
        ("num_items=-1", "at least 0"),
    ):
        assert cli.main(["combine", "runs=[a,b]", "out=c", wrong]) == 2
        assert f"{wrong} is out of range. It must be {limits}." in capsys.readouterr().err


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    home = tmp_path_factory.mktemp("runs")
    return [make_run(home / "en", "en", 2), make_run(home / "ar", "ar", 3)]


def combine_runs(runs: Sequence[Path], out: Path, *arguments: str) -> int:
    return cli.main(["combine", f"runs=[{','.join(map(str, runs))}]", f"out={out}", *arguments])


def test_the_command_leaves_a_run_that_is_scored_and_can_be_combined_again(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Takes about 5 s: the embedded model scores eight rows of three languages."""
    from mslt_it.models.finished_run import adapter_hash, read_run

    out = tmp_path / "out"
    assert combine_runs(runs, out, "weights=size") == 0
    shown = capsys.readouterr().out
    assert "cat of 2 adapters, weights by training rows 120, 180" in shown
    assert "Result: rank 5, relative error" in shown and "against the weighted sum." in shown
    assert "tr Turkish  unseen  8" in shown and "en English  seen    8" in shown

    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert results["status"] == "ok"
    assert [(r["language"], r["role"]) for r in results["results"]] == [
        ("en", "source"), ("ar", "source"), ("tr", "target")
    ] * 2  # accuracy and macro-F1  # fmt: skip
    made = results["provenance"]["combination"]
    assert made["method"] == "cat" and [a["weight"] for a in made["adapters"]] == [0.4, 0.6]
    assert [a["adapter_sha256"] for a in made["adapters"]] == [adapter_hash(run / "adapter") for run in runs]
    assert results["provenance"]["adapter_sha256"] == adapter_hash(out / "adapter")
    card = (out / "adapter" / "README.md").read_text(encoding="utf-8")
    assert "combined after training from 2 adapters" in card and "| +0.4 | en | 120 | 0 |" in card

    run = read_run(out)  # sealed and whole: what mslt merge reads
    assert (run.recipe.sources, run.recipe.targets) == (("en", "ar"), ("tr",))
    assert run.recipe.name == "xnli_3src_combined" and run.recipe.adapter.rank == 5
    dense = [changes(r / "adapter", 16 / rank) for r, rank in zip(runs, (2, 3), strict=True)]
    assert apart(changes(out / "adapter", 1.0), weighted(dense, (0.4, 0.6))) < 2e-7

    assert combine_runs(runs, out, "weights=size") == 0
    again = capsys.readouterr().out
    assert "already finished; nothing was done" in again and "tr Turkish" in again
    assert combine_runs(runs, out, "weights=equal") == 2
    assert f"out={out} holds something else already" in capsys.readouterr().err
    assert combine_runs([out], tmp_path / "small", "method=svd", "rank=2", "scored=false") == 0
    assert "Result: rank 2" in capsys.readouterr().out


def test_scores_are_those_of_the_sum_merged_into_the_base(runs: list[Path], tmp_path: Path) -> None:
    """About 3 s. The log-likelihoods written are those of a model whose weights hold the sum, without any adapter."""
    from mslt_it.config.compose import load_recipe
    from mslt_it.data.encoding import Encoder
    from mslt_it.data.rows import RowStore
    from mslt_it.evaluation.engines import ChoiceEngine
    from mslt_it.evaluation.evaluator import unit
    from mslt_it.models.base_model import load_base
    from mslt_it.models.tokenizers import load_tokenizer

    out = tmp_path / "out"
    assert combine_runs(runs, out, "weights=[1,-0.5]") == 0
    recipe = load_recipe("config", config_dir=out)
    lines = (out / "predictions" / "tr.jsonl").read_text(encoding="utf-8").splitlines()
    written = {
        which: np.array([json.loads(x)[f"{which}_log_likelihoods"] for x in lines]) for which in ("adapter", "base")
    }
    base = load_base(recipe.model)
    modules = dict(base.named_modules())
    for run, rank, weight in zip(runs, (2, 3), (1.0, -0.5), strict=True):
        for module, change in changes(run / "adapter", 16 / rank).items():
            modules[module].weight.data += (weight * torch.from_numpy(change)).float()
    encoder = Encoder(load_tokenizer(recipe.model), recipe.data.max_length_tokens)
    questions = unit(recipe, "direct", "tr", encoder, RowStore()).questions
    engine = ChoiceEngine(base, questions, batch_tokens=recipe.scoring.batch_tokens, pad_id=0)
    expected = {i: row["log_likelihoods"] for b in engine.batches for i, row in zip(b, engine.answer(b), strict=True)}
    np.testing.assert_allclose(written["adapter"], [expected[i] for i in range(len(questions))], atol=2e-4)
    assert np.abs(written["adapter"] - written["base"]).max() > 0.01


def test_more_items_than_the_runs_scored(runs: list[Path], tmp_path: Path) -> None:
    assert combine_runs(runs, tmp_path / "out", "num_items=9") == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert {row["n"] for row in results["results"]} == {9}


def test_unscored_first_and_scored_later(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    options = ("method=dare_ties", "rank=4", "density=0.7", "seed=5")
    assert combine_runs(runs, out, *options, "scored=false") == 0
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert results["status"] == "unscored" and results["results"] == []
    assert results["provenance"]["combination"]["density"] == 0.7
    before = (out / "adapter" / "adapter_model.safetensors").read_bytes()
    assert "It was not scored." in (out / "adapter" / "README.md").read_text(encoding="utf-8")
    assert "rank 4, density 0.7, seed 5" in (out / "adapter" / "README.md").read_text(encoding="utf-8")
    assert "Not scored (scored=false)." in capsys.readouterr().out
    assert combine_runs(runs, out, *options) == 0
    assert json.loads((out / "results.json").read_text(encoding="utf-8"))["status"] == "ok"
    assert (out / "adapter" / "adapter_model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    "options", [("weights=typology:tr",), ("weights=[1,-0.3]", "method=dare_ties", "rank=4", "density=0.7", "seed=5")]
)
def test_the_command_on_its_page_makes_it_again(
    runs: list[Path], options: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mslt_it.models.finished_run import read_run

    assert combine_runs(runs, tmp_path / "out", "scored=false", *options) == 0
    again, _ = redo(read_run(tmp_path / "out"))
    monkeypatch.chdir(tmp_path)
    typed = [word for word in shlex.split(again)[1:] if not word.startswith("num_items=")]
    assert cli.main([*typed, "scored=false"]) == 0
    weights = [tmp_path / name / "adapter" / "adapter_model.safetensors" for name in ("out", "again")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_scoring_goes_on_where_it_was_cut_off(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert combine_runs(runs, out) == 0
    files = {code: out / "items" / "xnli" / "direct" / "adapter" / f"{code}.jsonl" for code in ("en", "tr")}
    scored = {code: (file.read_bytes(), file.stat().st_mtime_ns) for code, file in files.items()}
    predictions = (out / "predictions" / "en.jsonl").read_bytes()
    (out / "COMPLETE.json").unlink()
    files["tr"].unlink()
    assert combine_runs(runs, out) == 0
    assert (files["en"].read_bytes(), files["en"].stat().st_mtime_ns) == scored["en"]
    assert files["tr"].read_bytes() == scored["tr"][0]
    # Answers of another adapter are not taken over.
    (out / "COMPLETE.json").unlink()
    sha = json.loads((out / "results.json").read_text(encoding="utf-8"))["provenance"]["adapter_sha256"]
    files["en"].write_bytes(scored["en"][0].replace(sha.encode(), b"f" * 64))
    assert combine_runs(runs, out) == 0
    assert files["en"].read_bytes() == scored["en"][0] and files["en"].stat().st_mtime_ns != scored["en"][1]
    # Nor altered ones, where the folder is whole.
    files["en"].write_bytes(scored["en"][0].replace(b"-", b"-1", 1))
    assert combine_runs(runs, out) == 0 and files["en"].read_bytes() == scored["en"][0]
    assert (out / "predictions" / "en.jsonl").read_bytes() == predictions


@pytest.mark.parametrize("part", ["base", "task", "prompt", "targets"])
def test_runs_that_do_not_belong_together_are_refused(
    runs: list[Path], tmp_path: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides, base, text = {
        "base": ([], "f" * 64, "do not share a base model: base_sha256 is "),
        "task": (["task.max_answer_tokens=8"], None, "runs: task.max_answer_tokens is 64 in"),
        "prompt": (["prompt.language=english"], None, "runs: prompt.language is 'native' in"),
        "targets": (["targets=[sw]"], None, "runs: no language was scored zero-shot by all of them ("),
    }[part]
    other = make_run(tmp_path / "other", "ar", 2, *overrides, base=base)
    assert combine_runs([runs[0], other], tmp_path / "out") == 2
    shown = capsys.readouterr().err
    assert text in shown and str(other) in shown and str(runs[0]) in shown
    assert not (tmp_path / "out").exists()


def test_magnitudes_of_dora_are_told_of_before_weights_are_read(runs: list[Path], tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", "ar", 2, "adapter.use_dora=true")
    with pytest.raises(Problem, match=r"other was trained with adapter\.use_dora=true"):
        planned(CombineRequest(runs=(), out="out"), [read_run(runs[0]), read_run(other)])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["runs=[a]"], "out is missing. Write mslt combine 'runs=[A,B]' out=DIR."),
        (["out=x"], "runs is missing."),
        (["runs=a", "out=x"], "runs=a is not a list. Write runs=[A,B], quoted for the shell."),
        (["runs=[a,,b]", "out=x"], "an item is empty."),
        (["runs=[a,./a]", "out=x"], "runs: './a' is given twice."),
        (["runs=[a]", "out=x", "rank=two"], "rank=two is not a whole number."),
        (["runs=[a]", "out=x", "densty=1"], "Unknown key 'densty'. Did you mean 'density'?"),
        (["runs=[a]", "out=x", "out=y"], "out is given twice: 'x' and 'y'. Keep one."),
        (["runs=[a]", "out=x", "scored=maybe"], "scored=maybe is neither true nor false."),
        (["runs=[a]", "out=x", "num_items=some"], "num_items=some is not a whole number."),
        (["runs=[a]", "out="], "out= has no value."),
        (["cat"], "Argument 'cat' is not KEY=VALUE."),
        (["runs=[a]", "out=x", "method=cat", "rank=3"], "rank=3 has no effect on method=cat"),
        (["runs=[/nowhere/at/all]", "out=x"], "runs=/nowhere/at/all: there is no such folder."),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["combine", *arguments]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and text in shown and shown.count("\n") == 1


def test_help_names_every_option_and_method(capsys: pytest.CaptureFixture[str]) -> None:
    from mslt_it.config.schema import keys

    assert cli.main(["combine", "--help"]) == 0
    first = {line.split()[0].partition("=")[0] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert set(keys(CombineRequest)) <= first and set(METHODS) <= first


def test_a_damaged_run_is_refused(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(runs[1], copy)
    file = copy / "adapter" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    assert combine_runs([runs[0], copy], tmp_path / "out") == 2
    assert f"run={copy}: adapter/adapter_model.safetensors is not what was saved" in capsys.readouterr().err


def test_the_folder_is_claimed_before_it_is_filled(runs: list[Path], tmp_path: Path) -> None:
    """A killed combination is gone on with; a folder of something else is not touched."""
    out = tmp_path / "out"
    assert combine_runs(runs, out, "scored=false") == 0
    (out / "COMPLETE.json").unlink()
    (out / "adapter" / "adapter_model.safetensors").write_bytes(b"torn")
    assert combine_runs(runs, out, "scored=false") == 0
    from mslt_it.models.finished_run import read_run

    assert dataclasses.replace(read_run(out), provenance={}).recipe.sources == ("en", "ar")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("all of it")
    assert combine_runs(runs, mine, "scored=false") == 2
    assert [p.name for p in mine.iterdir()] == ["thesis.txt"]


def test_a_folder_in_which_nothing_is_yet_is_free(tmp_path: Path) -> None:
    """As a kill leaves it, between the folders that a run makes and the file that says whose they are."""
    (tmp_path / "out" / "predictions").mkdir(parents=True)
    assert finished(tmp_path / "out", "wanted", print) is None
    (tmp_path / "out" / ".fingerprint.json.part").write_text("{", encoding="utf-8")
    assert finished(tmp_path / "out", "wanted", print) is None
    (tmp_path / "out" / "predictions" / "en.jsonl").write_text("{}", encoding="utf-8")
    with pytest.raises(Problem, match=r"holds something else already .* what lies there is left as it is"):
        finished(tmp_path / "out", "wanted", print)
