"""Which rows `mslt eval` scores: all that its adapters cannot have been trained on, whatever the task is called."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from tiny_eval import PAIRS, call, make_run, results

from mslt_it import cli
from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import Recipe, TaskConfig
from mslt_it.data.build import scored_examples
from mslt_it.evaluation.request import Request, parse_request
from mslt_it.evaluation.trained_rows import Trained, languages_trained_on
from mslt_it.models.finished_run import DECISIVE
from mslt_it.places import trained_before
from mslt_it.problems import Problem
from mslt_it.store import seal

Capture = pytest.CaptureFixture[str]
LABELS = ("entailment", "neutral", "contradiction")


def rows(code: str, numbers: Sequence[int]) -> list[dict[str, object]]:
    premise, hypothesis = PAIRS[code]
    return [
        {"id": n, "premise": premise.format(a=n), "hypothesis": hypothesis.format(b=n + 1), "label": LABELS[n % 3]}
        for n in numbers
    ]


def write(folder: Path, numbers: Sequence[int], name: str = "test", codes: Sequence[str] = tuple(PAIRS)) -> Path:
    for code in codes:
        (folder / code).mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(code, numbers))
        (folder / code / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Items 0 to 199 in one split, to be divided."""
    return write(tmp_path_factory.mktemp("data"), range(200))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, base: Path, data: Path) -> Path:
    """Trained (in name) on de of that data, scored on tr and en."""
    folder = tmp_path_factory.mktemp("runs") / "run_a"
    return make_run(folder, base, f"task.data={data}", "task.train_split=test", "scoring.num_examples_per_language=0")


def scored(request: Request) -> dict[str, set[int]]:
    """Language -> numbers of the items that would be scored."""
    (recipe,) = request.recipes
    name = recipe.task.name
    return {
        code: {
            int(re.search(r"(\d+)", e.fields["premise"])[1])  # type: ignore[index]
            for e in scored_examples(recipe, code, without=request.set_aside[name].ids[code])
        }
        for code in request.languages[name]
    }


def asked(*arguments: object) -> tuple[dict[str, set[int]], str]:
    request = parse_request([*map(str, arguments)])
    return scored(request), "\n".join(request.told())


@pytest.fixture(scope="module")
def held_out(trained: Path) -> set[int]:
    found, told = asked(f"run={trained}")
    assert found["de"] == found["en"] == found["tr"] and 20 < len(found["de"]) < 60
    aside = 200 - len(found["de"])
    assert f"set aside because training may use them (task.held_out_share=0.2): {aside} of 200 rows in de" in told
    return found["de"]


def test_the_same_data_are_scored_as_training_scored_them(
    trained: Path, base: Path, data: Path, held_out: set[int]
) -> None:
    same = [f"adapter={trained}", f"model={base}", "task=xnli", f"task.data={data}", "examples=0"]
    assert asked(*same, "task.train_split=test", "languages=[tr]")[0] == {"tr": held_out}
    link = data.parent / "link"
    link.symlink_to(data)
    assert asked(f"run={trained}", f"task.data={link}")[0]["de"] == held_out
    # A smaller share is what was held out, too; a larger one is not taken over.
    assert asked(*same, "task.train_split=test", "languages=[de]", "task.held_out_share=0.1")[0]["de"] < held_out


def test_a_file_that_the_run_never_saw_is_scored_whole(trained: Path, base: Path, tmp_path: Path) -> None:
    fresh = write(tmp_path / "fresh", range(500, 560))
    for arguments in (
        [f"run={trained}", f"task.data={fresh}"],
        [f"adapter={trained}", f"model={base}", "task=xnli", f"task.data={fresh}", "languages=all", "examples=0"],
        [f"adapter={trained / 'adapter'}", f"model={base}", "task=xnli", f"task.data={fresh}", "languages=all",
         "examples=0", "task.train_split=test"],
    ):  # fmt: skip
        found, told = asked(*arguments)
        assert found == {code: set(range(500, 560)) for code in PAIRS} and told == ""
    few = write(tmp_path / "few", range(500, 503), codes=["tr"])  # not even a row of the source language
    assert asked(f"run={trained}", f"task.data={few}")[0] == {"tr": {500, 501, 502}}


@pytest.mark.parametrize("renumbered", [False, True])
def test_rows_that_the_run_may_know_are_set_aside_under_any_name(
    trained: Path, tmp_path: Path, held_out: set[int], renumbered: bool
) -> None:
    """A copy as one CSV file with rows added, in another order, under other ids: translations too."""
    table = [row | {"lang": code} for code in PAIRS for row in rows(code, [*range(199, -1, -1), *range(500, 520)])]
    lines = ["lang,idx,premise,hypothesis,label"] if renumbered else ["lang,id,premise,hypothesis,label"]
    for row in table:
        number = int(str(row["id"])) + (7000 if renumbered else 0)
        lines.append(f"{row['lang']},{number},{row['premise']}  ,{row['hypothesis']},{row['label']}".upper()
                     .replace("ENTAILMENT", "entailment").replace("NEUTRAL", "neutral")
                     .replace("CONTRADICTION", "contradiction").replace("DE,", "de,", 1).replace("EN,", "en,", 1)
                     .replace("TR,", "tr,", 1))  # fmt: skip
    path = tmp_path / "all.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found, told = asked(f"run={trained}", f"task.data={path}")
    expected = held_out | set(range(500, 520))
    assert found == {code: expected for code in PAIRS}
    number = 200 - len(held_out)
    assert told == (
        f"{path}: not scored, set aside because run_a may have been trained on them, in this or another language: "
        f"{number} of 220 rows in de, en, tr"
    )
    # An id column says which rows are translations, whatever the task says of their order.
    assert asked(f"run={trained}", f"task.data={path}", "task.is_parallel=false")[0] == found
    # Where there is none, only the language that was trained on is known.
    alone = tmp_path / "alone.csv"
    alone.write_text("".join(re.sub(r",[^,]*", "", line, count=1) + "\n" for line in lines), encoding="utf-8")
    found, _ = asked(f"run={trained}", f"task.data={alone}", "task.is_parallel=false")
    assert found["de"] == expected and found["tr"] == {*range(200), *range(500, 520)}
    # The user may know better.
    found, _ = asked(f"run={trained}", f"task.data={path}", "task.held_out_share=1")
    assert found["de"] == {*range(200), *range(500, 520)}


def test_the_split_that_was_trained_on_is_refused_with_a_remedy_that_works(base: Path, tmp_path: Path) -> None:
    write(tmp_path / "d", range(30), "train")
    write(tmp_path / "d", range(100, 130), "test")
    run = make_run(tmp_path / "run_b", base, f"task.data={tmp_path / 'd'}", "scoring.num_examples_per_language=0")
    assert asked(f"run={run}") == ({code: set(range(100, 130)) for code in PAIRS}, "")
    arguments = [f"run={run}", "task.score_split=train"]
    with pytest.raises(Problem, match=r"All 30 rows of .* in 'de' are among those that run_b may have") as caught:
        asked(*arguments)
    assert "task.held_out_share=1" in str(caught.value)
    assert asked(*arguments, "task.held_out_share=1")[0]["de"] == set(range(30))
    shutil.rmtree(tmp_path / "d" / "de")
    fresh = write(tmp_path / "fresh", range(500, 560))
    with pytest.raises(Problem, match=r"It is not known whether run_b was trained on rows of .*fresh, since") as caught:
        asked(f"run={run}", f"task.data={fresh}")
    assert "task.held_out_share=1" in str(caught.value)
    assert len(asked(f"run={run}", f"task.data={fresh}", "task.held_out_share=1")[0]["tr"]) == 60


def test_an_adapter_without_papers_may_have_seen_anything(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "adapter", tmp_path / "alone")
    fresh = write(tmp_path / "fresh", range(500, 600))
    common = ["model=world", "task=xnli", f"task.data={fresh}", "languages=[tr]", "examples=0", "task.train_split=test"]
    found, told = asked(f"adapter={tmp_path / 'alone'}", *common)
    assert 5 < len(found["tr"]) < 40 and "set aside because training may use them" in told
    assert "not known what an adapter without its run folder was trained on" in told and "held_out_share=1" in told
    assert len(asked(f"adapter={tmp_path / 'alone'}", *common, "task.held_out_share=1")[0]["tr"]) == 100
    assert len(asked(*common)[0]["tr"]) == 100  # no adapter, nothing trained


@pytest.fixture(scope="module")
def merged(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("merged") / "model"
    assert cli.main(["merge", f"run={trained}", f"out={out}", "dtype=float32", "prompts=2"]) == 0
    return out


def test_what_was_made_of_a_run_says_what_it_was_trained_on(
    trained: Path, merged: Path, base: Path, data: Path, held_out: set[int], tmp_path: Path, capsys: Capture
) -> None:
    """Merged or exported it goes without its run: its languages are no unseen ones, its rows are not scored."""
    common = ["task=xnli", f"task.data={data}", "task.train_split=test"]
    assert asked(f"model={merged}", *common, "languages=[de]", "examples=0")[0]["de"] == held_out
    assert asked(f"model={merged}", *common, "languages=rest")[0].keys() == {"en", "tr"}
    assert cli.main(["export", f"run={trained}", "format=[vllm]", f"out={tmp_path / 'made'}"]) == 0
    adapter = f"adapter={tmp_path / 'made' / 'vllm'}"
    common += ["languages=[de,tr]", "examples=5", "cache=none"]
    for number, made in enumerate(([f"model={merged}"], [f"model={base}", adapter])):
        assert call(*made, *common, f"out={tmp_path / str(number)}") == 0
        roles = {row["language"]: row["role"] for row in results(tmp_path / str(number))["results"]}
        assert roles["de"] in ("source", "seen") and roles["tr"] == "target" and "mean of unseen" in roles
    assert call(f"model={merged}", adapter, *common, f"out={tmp_path / 'wrong'}") == 2
    assert "its adapter was trained with another base" in capsys.readouterr().err


def test_a_merged_model_is_scored_on_what_its_run_held_out(base: Path, data: Path, tmp_path: Path) -> None:
    common = [f"task.data={data}", "task.train_split=test"]
    run = make_run(tmp_path / "run", base, *common, "task.held_out_share=0.05", "scoring.num_examples_per_language=0")
    assert cli.main(["merge", f"run={run}", f"out={tmp_path / 'merged'}", "dtype=float32", "prompts=2"]) == 0
    own, _ = asked(f"run={run}")
    found, _ = asked(f"model={tmp_path / 'merged'}", "task=xnli", *common, "languages=[de]", "examples=0")
    assert found["de"] == own["de"] and 0 < len(own["de"]) < 20


def test_a_model_that_was_trained_elsewhere(base: Path, data: Path, held_out: set[int], tmp_path: Path) -> None:
    """``seen``: the model alone is what was trained."""
    common = ["task=xnli", f"task.data={data}", "task.train_split=test", "seen=[de]", f"model={base}", "cache=none"]
    assert asked(*common, "languages=[de]", "examples=0")[0]["de"] == held_out
    assert call(*common, "languages=[de,tr]", "examples=5", f"out={tmp_path / 'out'}") == 0
    roles = {row["language"]: row["role"] for row in results(tmp_path / "out")["results"]}
    assert roles == {"de": "source", "tr": "target", "mean of unseen": "target"}


def test_a_run_on_a_merged_model_counts_its_languages_as_seen(merged: Path, tmp_path: Path, capsys: Capture) -> None:
    small = ("data.num_examples_total=8", "training.max_steps=1", "scoring.num_examples_per_language=5")
    few = ("sources=[ar]", "targets=[de,tr,en]", f"output_dir={tmp_path / 'run'}")
    assert cli.main(["train", "recipe=xnli_3src", f"model.path={merged}", *small, *few]) == 0
    assert "was trained on rows in de: not unseen." in capsys.readouterr().out
    roles = {row["language"]: row["role"] for row in results(tmp_path / "run")["results"]}
    assert roles == {"ar": "source", "de": "source", "tr": "target", "en": "target", "mean of unseen": "target"}
    assert trained_before(merged) == ("de",) and trained_before(tmp_path / "run" / "adapter") == ("ar", "de")


def test_two_runs_of_different_data_are_both_left_what_neither_knows(
    trained: Path, base: Path, tmp_path: Path, held_out: set[int]
) -> None:
    part = write(tmp_path / "part", sorted(held_out)[:20], "train", ["tr"])
    write(part, range(900, 910), "test")
    other = make_run(tmp_path / "run_c", base, f"task.data={part}", "sources=[tr]", "targets=[de,en]")
    found, told = asked(f"run=[{trained},{other}]")
    assert found["tr"] == found["de"] == set(sorted(held_out)[20:])
    assert "training may use them" in told and "run_c may have been trained on them" in told


def test_the_languages_trained_on_are_those_of_runs_on_the_same_data(tmp_path: Path) -> None:
    task = TaskConfig(name="toy", data=str(tmp_path))
    run = Trained(tmp_path, Recipe("toy", ("en", "de"), ("tr",), task=task))
    other = Trained(tmp_path, Recipe("toy", ("sw",), ("tr",), task=dataclasses.replace(task, data="world")))
    unknown, asked = Trained(tmp_path, None), ("de", "tr", "zh")
    assert languages_trained_on(task, [run, other], (), asked) == ("de", "en")
    assert languages_trained_on(task, [run, unknown], (), asked) == ("de", "en", "tr", "zh")
    assert languages_trained_on(task, [unknown], ("ar",), asked) == ("ar",)
    assert languages_trained_on(task, [], (), asked) == asked  # of a share that the user gives, nothing is known


def test_languages_rest_are_those_that_no_adapter_was_trained_on(trained: Path, other_run: Path, data: Path) -> None:
    found, told = asked(f"run={trained}", "languages=rest")
    assert sorted(found) == ["en", "tr"] and f"languages=rest: en, tr (2 of 3 languages of {data})" in told
    assert sorted(asked(f"run=[{trained},{other_run}]", "languages=rest")[0]) == ["en"]
    common = ["model=world", "task=xnli", f"task.data={data}", "languages=rest"]
    assert sorted(asked(*common, "seen=[tr,en]")[0]) == ["de"]
    with pytest.raises(Problem, match=r"none here records what that was.*seen=\[codes\].*languages=all"):
        asked(*common)
    assert sorted(asked(*common[:-1], "languages=all")[0]) == ["de", "en", "tr"]


def test_a_run_of_ones_own_labels_keeps_them_on_other_rows(base: Path, tmp_path: Path) -> None:
    """A new file may hold other languages, and not every label."""
    for name, labels in (("old", ("card", "cash", "other")), ("new", ("card", "other")), ("strange", ("a", "b"))):
        lines = [
            json.dumps({"lang": code, "text": f"{n} Boote, {name}, {code}", "kind": labels[n % len(labels)]})
            for code in (("de", "tr") if name != "new" else ("tr", "en"))
            for n in range(60)
        ]  # fmt: skip
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    own = ["task.input=text", "task.label=kind"]
    recipe = load_recipe("custom", [f"task.data={tmp_path}/old.jsonl", *own, "sources=[de]", "targets=[tr]"])
    assert recipe.task.label_names == ()
    run = make_run(tmp_path / "run_d", base)
    (run / "config.yaml").write_text(_config(recipe))
    content = json.loads((run / "results.json").read_text())
    content["provenance"]["labels"] = ["card", "cash", "other"]
    (run / "results.json").write_text(json.dumps(content))
    seal(run, [run / name for name in DECISIVE])
    new, other = f"task.data={tmp_path}/new.jsonl", [f"model={base}", f"adapter={run}", "task=custom", *own]
    for arguments in ([f"run={run}", new], [*other, new, "languages=[tr,en]"], [*other, new, "languages=[en]"]):
        request = parse_request(arguments)
        assert request.recipes[0].task.label_names == ("card", "cash", "other")
        assert all(len(found) == 60 for found in _texts(request).values())
    request = parse_request([*other, f"task.data={tmp_path}/strange.jsonl"])
    assert request.recipes[0].task.label_names == ("a", "b") and sorted(_texts(request)) == ["de", "tr"]


def _config(recipe: object) -> str:
    from mslt_it.config.compose import resolved_yaml

    return resolved_yaml(recipe)  # type: ignore[arg-type]


def _texts(request: Request) -> dict[str, list[str]]:
    (recipe,) = request.recipes
    aside = request.set_aside[recipe.task.name].ids
    return {
        code: [e.id for e in scored_examples(recipe, code, without=aside[code])]
        for code in request.languages[recipe.task.name]
    }


def test_the_command_says_what_is_set_aside_and_scores_the_rest(
    trained: Path, tmp_path: Path, capsys: Capture, held_out: set[int]
) -> None:
    copy = write(tmp_path / "copy", [*range(200), *range(500, 510)])
    number = len(held_out) + 10
    for arguments, expected in (([], number), (["task.held_out_share=1"], 210)):
        out = tmp_path / f"out{expected}"
        given = [f"run={trained}", f"task.data={copy}", "languages=[tr]", f"out={out}", "base=false", *arguments]
        assert call(*given) == 0
        printed = capsys.readouterr().out
        assert results(out)["results"][0]["n"] == expected
        said = "Note: " in printed and f"{210 - number} of 210 rows in tr" in printed
        assert said == (expected == number) == bool(results(out)["notes"])
        assert said == ("may have been trained on them" in (out / "results.txt").read_text(encoding="utf-8"))
        assert said == ("may have been trained on them" in (out / "results.md").read_text(encoding="utf-8"))
    # Two requests, not one that is already finished.
    assert call(f"run={trained}", f"task.data={copy}", "languages=[tr]", "base=false") == 0
    assert call(f"run={trained}", f"task.data={copy}", "languages=[tr]", "base=false", "task.held_out_share=1") == 0
    assert "already finished" not in capsys.readouterr().out
