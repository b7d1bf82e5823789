"""What a study does when its cells are done: made once, made again for other cells, and no harm when it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from finished_study import copy_of_finished, model_of, run_study
from tiny_study import write_study

from mslt_it.problems import Problem
from mslt_it.representations import runs as measured_runs
from mslt_it.store import with_own_hash
from mslt_it.study import derived, predicted_ranking
from mslt_it.study.analyse.further import further_sections
from mslt_it.study.config import load_study
from mslt_it.study.grid import base_recipe, cells, with_budgets
from mslt_it.study.manifest import StudyFolder

MINGLING = "{sslt: de, mslt: [zh, de], max_items: 10, num_bootstrap: 100, map: none}"
PREDICT = "{set_size: 2, num_items: 4}"


@pytest.fixture()
def study(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Callable[..., int]:
    """A finished study; called, it is started once more with keys in its file."""
    copy_of_finished(tmp_path_factory, tmp_path)
    return lambda *arguments, **more: run_study(tmp_path, model_of(tmp_path_factory), *arguments, **more)


def test_made_once_and_again_for_other_settings(
    study: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study(mingling=MINGLING, predict=PREDICT) == 0
    out = tmp_path / "out"
    said = capsys.readouterr().out
    assert "6 done, 0 to do" in said
    assert "mingling: 2 runs and the base in 5 languages ..." in said
    assert "prediction: 3 sets of 2 by adapters combined, seed 0 ..." in said
    found = json.loads((out / "mingling.json").read_text())
    assert {name: system["sources"] for name, system in found["systems"].items()} == {
        "base": [],
        "SSLT de": ["de"],
        "MSLT de-zh": ["de", "zh"],
    }
    assert found["languages"] == ["de", "en", "zh", "tr", "sw"]
    assert found["num_items"] == 10
    assert json.loads((out / "predicted.json").read_text())["rows"][0]["set"] == ["de", "en"]
    sections = further_sections(out)
    assert [section.name for section in sections] == ["mingling", "predicted"]
    measures = set(sections[0].tables[0].frame["measure"])
    assert "neighbour mixing, each language's mean taken away (1 = random)" in measures
    before = [(out / name).read_bytes() for name in ("mingling.json", "predicted.json")]
    assert study(mingling=MINGLING, predict=PREDICT) == 0
    said = capsys.readouterr().out
    assert f"mingling: made before from the same cells, {out / 'mingling.json'}" in said
    assert f"prediction: made before from the same cells, {out / 'predicted.json'}" in said
    assert "the base in" not in said
    assert [(out / name).read_bytes() for name in ("mingling.json", "predicted.json")] == before
    assert study(predict="{set_size: 2, num_items: 5}") == 0
    assert "prediction: 3 sets of 2" in capsys.readouterr().out
    assert json.loads((out / "predicted.json").read_text())["items"]["tr"] == {"predictor": 5, "order": 7}


def test_other_cells_are_another_result(study: Callable[..., int], tmp_path: Path) -> None:
    folder, config = StudyFolder(tmp_path / "out"), tiny(tmp_path, mingling=MINGLING, predict=PREDICT)
    of_mingling, of_prediction = steps(config)
    before = of_mingling.fingerprint(folder), of_prediction.fingerprint(folder)
    edit_seal(folder, "en_s0", "log.txt")  # of no weight
    assert (of_mingling.fingerprint(folder), of_prediction.fingerprint(folder)) == before
    edit_seal(folder, "en_s0", "predictions/tr.jsonl")  # mingling does not look at en
    assert of_mingling.fingerprint(folder) == before[0]
    assert of_prediction.fingerprint(folder) != before[1]
    edit_seal(folder, "de-zh_s0", "adapter/adapter_model.safetensors")
    assert of_mingling.fingerprint(folder) != before[0]


def edit_seal(folder: StudyFolder, cell: str, file: str) -> None:
    path = folder.cell(cell) / "COMPLETE.json"
    content = json.loads(path.read_text())
    del content["sha256"]
    content["files"][file] = "0" * 64
    path.write_text(json.dumps(with_own_hash(content)))


def test_a_failing_step_is_named_and_spoils_nothing(
    study: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, failed = tmp_path / "out", tmp_path / "out" / "failed"
    (out / "mingling.json").write_text('{"made_from": "other cells"}')

    def rains(*_: Any, **__: Any) -> Any:
        raise Problem("It is raining. Take an umbrella.")

    def breaks(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("by nothing")

    with monkeypatch.context() as patch:
        patch.setattr(measured_runs, "measure_runs", rains)
        patch.setattr(predicted_ranking, "predict", breaks)
        assert study(mingling=MINGLING, predict=PREDICT) == 1
    said = capsys.readouterr().out
    assert "6 of 6 cells are done" in said
    assert "mingling FAILED: It is raining. Take an umbrella." in said
    assert "prediction FAILED: ZeroDivisionError: by nothing" in said
    assert "The cells are done; mingling.json, predicted.json could not be made" in said
    assert (failed / "mingling.txt").read_text() == "It is raining. Take an umbrella.\n"
    assert "Traceback" in (failed / "prediction.txt").read_text()
    assert not (out / "mingling.json").exists()  # of other cells: nobody may take it for this study's
    assert study(mingling=MINGLING, predict=PREDICT) == 0
    assert "6 done, 0 to do" in capsys.readouterr().out
    assert not list(failed.iterdir())
    assert (out / "mingling.json").exists()


def test_nothing_is_made_of_an_incomplete_study(tmp_path: Path) -> None:
    config, said = tiny(tmp_path, mingling=MINGLING, predict=PREDICT), []
    folder = StudyFolder(tmp_path / "out")
    assert derived.run(config, cells(config), folder, False, said.append) == 0
    assert said == ["Not made, since not all cells are done and valid: mingling.json, predicted.json."]
    assert not folder.path.exists()
    plain = tiny(tmp_path)
    assert derived.run(plain, cells(plain), folder, True, said.append) == 0
    assert len(said) == 1
    assert derived.described(plain) == []
    assert "mingling (mingling.json) and the order predicted" in derived.described(config)[0]


def test_cells_are_those_that_the_file_names(tmp_path: Path) -> None:
    more = {"seeds": "[3, 4]", "budgets": "[24, 48]", "mingling": "{sslt: [en], mslt: [en, de], seeds: [4, 3]}"}
    (step,) = steps(tiny(tmp_path, **more))
    assert step.cells == ("en_n24_s4", "en_n24_s3", "de-en_n24_s4", "de-en_n24_s3")
    (step,) = steps(tiny(tmp_path, seeds="[3, 4]", mingling="{sslt: [en], mslt: [en, de]}"))
    assert step.cells == ("en_s3", "de-en_s3")  # the study's first seed


def tiny(folder: Path, **more: str) -> Any:
    path = write_study(folder / "more")
    text = (path / "study" / "tiny.yaml").read_text().splitlines()
    kept = [line for line in text if line.partition(":")[0] not in more]
    (path / "study" / "tiny.yaml").write_text("\n".join([*kept, *(f"{k}: {v}" for k, v in more.items())]) + "\n")
    config = load_study("tiny", [], path)
    return with_budgets(config, base_recipe(config))


def steps(config: Any) -> list[derived.Step]:
    return derived.steps(config, cells(config))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"mingling": "{sslt: de, mslt: [de, zh], neighbors: 3}"},
            "Unknown key 'mingling.neighbors' in ",
        ),
        (
            {"mingling": "{sslt: de, mslt: [de, zh], neighbours: 0}"},
            "mingling.neighbours=0 is out of range. It must be",
        ),
        (
            {"mingling": "{sslt: de, mslt: [de, zh], neighbours: many}"},
            "mingling.neighbours=many is not a whole number",
        ),
        ({"mingling": "{sslt: de}"}, "mingling.mslt is missing. Add a line 'mslt: ...'"),
        ({"mingling": "{sslt: de, mslt: [de, tr]}"}, "mingling.mslt holds tr, which is not in the pool (de, en, zh)"),
        ({"mingling": "{sslt: de, mslt: [de, zh], seeds: 0}"}, "mingling.seeds: 0 is not a list"),
        ({"mingling": "{sslt: {de: 1}, mslt: [de, zh]}"}, "mingling.sslt: {'de': 1} is not a list"),
        ({"predict": "true"}, "predict: True is not a mapping. Write KEY: VALUE lines under it"),
        ({"predict": "{items: 3}"}, "Unknown key 'predict.items'"),
        ({"predict": "{num_items: true}"}, "predict.num_items: True is not a whole number"),
        ({"predict": "{set_size: 1}"}, "predict.set_size=1 is out of range. It must be at least 2."),
        ({"mingling": "{sslt: de, mslt: [de, zh], num_bootstrap: 1}"}, "mingling.num_bootstrap=1 is out of range"),
        ({"mingling": "{sslt: de, mslt: [de, zh], map: tnse}"}, "mingling.map=tnse is unknown. Did you mean 'tsne'?"),
        ({"predict": "{set_size: 3}"}, "predict needs the sets it is to predict, but set_sizes is [1, 2]. Put 3 into"),
        ({"predict": PREDICT, "set_sizes": "[2]"}, "predict needs the single sources it predicts from"),
        ({"predict": PREDICT, "sample": "2"}, "sample=2 leaves some out. Use sample=3 or more"),
    ],
)
def test_mistakes_are_named_when_the_file_is_read(more: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        tiny(tmp_path, **more)
    assert said in str(caught.value)


def test_mistakes_that_only_the_recipe_shows(tmp_path: Path) -> None:
    config = tiny(tmp_path, predict="{set_size: 2, num_items: 12}")
    with pytest.raises(Problem, match=r"predict.num_items=12: cells are scored on 12 items .* Use 11 or fewer\."):
        derived.check_with_recipe(config, base_recipe(config))
    config = tiny(tmp_path, recipe="wikiann_3src", mingling=MINGLING)
    with pytest.raises(Problem, match=r"rows of task=wikiann are not translations of each other.*mingling=\{\}"):
        derived.check_with_recipe(config, base_recipe(config))
    for more, lacking in (
        ({"sample": "1", "mingling": MINGLING}, r"(de|de, zh) with seed 0"),
        ({"mingling": "{sslt: de, mslt: [de, zh, en]}"}, "de, en, zh with seed 0"),
        ({"mingling": "{sslt: de, mslt: [de, zh], seeds: [1]}"}, "de with seed 1"),
    ):
        with pytest.raises(Problem, match=rf"the study has no cell of {lacking}: set_sizes is \[1, 2\], seeds \[0\]"):
            steps(tiny(tmp_path, **more))
