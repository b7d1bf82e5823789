"""The page of a run: complete, escaped, each language in its direction; the run stays as it was sealed."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest
from test_html import Tags

from mslt_it.cli import main
from mslt_it.command import execute
from mslt_it.commands import report as command
from mslt_it.config.compose import load_recipe
from mslt_it.evaluation.folder import REPORT
from mslt_it.evaluation.scores import Answered, ScoreRow
from mslt_it.problems import Problem
from mslt_it.records import Message, PromptedExample
from mslt_it.report.answers import NONE, sampled
from mslt_it.report.pages import Section, write
from mslt_it.report.run_report import PAGES
from mslt_it.report.scores import cost_tables, curves
from mslt_it.runs import Run
from mslt_it.store import COMPLETE, find_damage, sealed_files

EVIL = '<script>alert("1")</script>&'
SMALL = [
    *("training.max_steps=4", "training.batch_size=8", "training.logging_steps=2", "data.num_examples_total=24"),
    *("scoring.num_examples_per_language=20", "scoring.num_bootstrap=100", "sources=[de,ar]", "targets=[he,tr]"),
    *("training.eval_steps=2", "training.num_eval_examples=10"),
]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main(["train", "recipe=xnli_3src", *SMALL, f"output_dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="session")
def page(run: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("out")
    assert execute(command.COMMAND, [f"run={run}", f"out={out}", "examples=5"]) == 0
    assert [path.name for path in out.iterdir()] == ["report.html"]
    return (out / "report.html").read_text(encoding="utf-8")


def answers_of(page: str, language: str) -> list[str]:
    return re.findall(f'<p class="prompt" dir="(?:rtl|auto)" lang="{language}">.*?</dl>', page, re.DOTALL)


def test_page_is_whole_and_loads_nothing(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == [] and len(tags.ids) == len(set(tags.ids))
    assert all(link.startswith("#") and link[1:] in tags.ids for link in tags.links) and len(tags.links) == 6
    assert tags.loaded == [] and "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


def test_page_says_what_the_run_says(run: Path, page: str) -> None:
    log = (run / "log.txt").read_text(encoding="utf-8")
    cells = re.findall(r"<(?:td|th scope=row)[^>]*>([^<]*)</", page)
    for line in log[log.index("language                ") :].splitlines()[2:7]:
        for cell in re.split(r"  +", line)[1:]:
            assert cell in cells, cell
    said = page[page.index("What was found") : page.index("<nav")]
    assert "above chance" in said and "mean of unseen: " in said
    assert "These are figures of the embedded world" in page
    sealed = json.loads((run / "results.json").read_text(encoding="utf-8"))["provenance"]
    for key in ("adapter_sha256", "base_sha256", "tokenizer_sha256", "run_fingerprint"):
        assert sealed[key] in page
    assert f"mslt train --config-dir {run} recipe=config output_dir=again" in page
    losses = [json.loads(line) for line in (run / "losses.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [entry["step"] for entry in losses] == [2, 2, 4, 4] and {"loss", "loss/ar", "loss/de"} <= losses[0].keys()
    assert "ar, step 4: " in page and "no row of a target was looked at" in page
    assert page.count("Held-out rows of the sources: ") == 4  # title and caption of two figures
    assert page.count("Confusions, ") == 2 * 4 and "entailment to neutral: " in page


def test_answers_are_drawn_by_the_seed_and_have_their_direction(run: Path, page: str, tmp_path: Path) -> None:
    for code, direction in (("he", "rtl"), ("ar", "rtl"), ("de", "auto"), ("tr", "auto")):
        found = answers_of(page, code)
        assert 5 <= len(found) <= 10 and all(f'dir="{direction}"' in one for one in found)
        ids = [re.search(r'class="muted">(\w+)</dd></dl>', one)[1] for one in found]  # type: ignore[index]
        lines = [json.loads(t) for t in (run / f"predictions/{code}.jsonl").read_text(encoding="utf-8").splitlines()]
        rows = {row["id"]: row for row in lines}
        wrong = page[page.index(f'lang="{code}"') :].index("<h4>Right")
        assert wrong > 0 and all(one in rows for one in ids)
        right = [rows[one]["label"] == rows[one]["adapter_prediction"] for one in ids]
        assert right == sorted(right)  # wrong ones come first
    execute(command.COMMAND, [f"run={run}", f"out={tmp_path / 'a'}", "examples=5"])
    execute(command.COMMAND, [f"run={run}", f"out={tmp_path / 'b'}", "examples=5", "seed=1"])
    assert (tmp_path / "a" / "report.html").read_text(encoding="utf-8") == page
    assert answers_of((tmp_path / "b" / "report.html").read_text(encoding="utf-8"), "de") != answers_of(page, "de")


def test_report_in_the_run_folder_leaves_the_run_intact(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    seal = (folder / COMPLETE).read_bytes()
    assert execute(command.COMMAND, [f"run={folder}", "format=[html,latex,pdf]", "examples=0"]) == 0
    assert (folder / "report.html").is_file() and (folder / "figures" / "loss_1.pdf").read_bytes().startswith(b"%PDF")
    table = (folder / "tables" / "scores.tex").read_text(encoding="utf-8")
    assert r"\toprule" in table and "de German & seen & 20 & " in table
    assert (folder / COMPLETE).read_bytes() == seal and find_damage(folder) is None
    recipe = dataclasses.replace(load_recipe("config", config_dir=folder), output_dir=str(folder))
    assert Run(recipe).finished_results() is not None
    assert "losses.jsonl" in sealed_files(folder)
    assert "Right and wrong answers" not in (folder / "report.html").read_text(encoding="utf-8")


def test_evaluation_has_a_page_too(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "eval"
    asked = ["eval", f"run={run}", "languages=[he,tr]", "examples=10", f"out={out}"]
    assert main(asked) == 0
    assert execute(command.COMMAND, [f"run={out}", "format=[html,latex]"]) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert tags.open == [] and len(tags.ids) == len(set(tags.ids))
    for text in (
        "Differences in points, paired by item",
        "small direct",
        "Confusions, he, small",
        "unseen languages are",
    ):
        assert text in page, text
    assert (out / "tables" / "xnli_1.tex").is_file()
    # Scored again, the evaluation is sealed without the report, which changes at every call.
    (out / "results.csv").write_text("torn", encoding="utf-8")
    assert main(asked) == 0
    assert find_damage(out) is None and not any(name.startswith(REPORT) for name in sealed_files(out))
    (out / "results.csv").write_text("torn", encoding="utf-8")
    with pytest.raises(Problem, match=r"results.csv is not what was saved .* Start its `mslt eval` again"):
        execute(command.COMMAND, [f"run={out}"])


def test_a_run_whose_answers_are_gone_is_not_reported(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    shutil.rmtree(folder / "items")
    with pytest.raises(Problem, match=r"items/.* is missing\. Start its command again"):
        execute(command.COMMAND, [f"run={folder}"])
    assert not (folder / "report.html").exists()


def test_unfinished_runs_and_files_are_refused(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    (folder / COMPLETE).unlink()
    with pytest.raises(Problem, match=r"there is no COMPLETE\.json, so the run has not finished"):
        execute(command.COMMAND, [f"run={folder}"])
    with pytest.raises(Problem, match=r"out=.*config\.yaml is a file\. Give another folder"):
        execute(command.COMMAND, [f"run={run}", f"out={run / 'config.yaml'}"])
    with pytest.raises(Problem, match=r"confidence= applies only to studies"):
        execute(command.COMMAND, [f"run={run}", "confidence=0.9"])


def test_texts_are_escaped_and_ties_are_no_answer(run: Path, tmp_path: Path) -> None:
    from mslt_it.evaluation.answered import stored_answers
    from mslt_it.models.finished_run import read_run

    finished = read_run(run)
    (one,) = stored_answers(finished, ["he"])
    items = tuple(dataclasses.replace(item, messages=(Message("user", EVIL),), label=EVIL) for item in one.items)
    even = tuple({**row, "log_likelihoods": [-1.0, -1.0, -2.0]} for row in one.rows)
    found = sampled(finished.recipe.task, dataclasses.replace(one, items=items, rows=even), 3, 0, is_native=False)
    assert found.direction == "auto" and found.num_right == 0 and len(found.wrong) == 3
    assert found.wrong[0].given == NONE
    section = Section("a", EVIL, question=EVIL, notes=[EVIL], parts=[Section("", EVIL, drawn=found)])
    report = {"title": EVIL, "lead": [EVIL], "warnings": [[EVIL]], "said": [EVIL], "sections": [section],
              "made": [(EVIL, EVIL)], "redo": [EVIL]}  # fmt: skip
    write(tmp_path, PAGES, report, ("html",))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("alert(") > 12 and "<script>a" not in page


def test_curves_without_languages_are_one_and_nothing_is_none() -> None:
    found = curves([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}], "loss", "t", "y")
    assert found is not None and found.series == (("all", ((1, 2.0), (2, 1.0))),)
    assert curves([{"step": 1, "grad_norm": 2.0}], "loss", "t", "y") is None


def test_what_a_row_costs_stands_beside_the_figure() -> None:
    given = {"task": "xnli", "system": "adapter", "variant": "direct", "metric": "accuracy", "low": 0.0, "high": 1.0}
    rows = [
        ScoreRow(
            language=code, role=role, n=10, value=value, prompt_tokens_per_item=tokens, new_tokens_per_item=1.0, **given
        )
        for code, role, value, tokens in (
            ("de", "source", 0.9, 59.0),
            ("th", "target", 0.5, 149.0),
            ("tr", "target", 0.7, 39.0),
        )
    ]
    (found,) = cost_tables(rows)
    assert found.name == "costs" and list(found.frame.itertuples(index=False, name=None)) == [
        ("tr", "unseen", "70.0", "40.0", "1.00"),
        ("de", "seen", "90.0", "60.0", "1.50"),
        ("th", "unseen", "50.0", "150.0", "3.75"),
    ]
    known = [dataclasses.replace(row, tokens_per_character=0.5, tokens_per_word=2.25) for row in rows]
    known[1] = dataclasses.replace(known[1], tokens_per_word=None)  # written without spaces
    (found,) = cost_tables(known)
    assert list(found.frame.iloc[:, -2:].itertuples(index=False, name=None)) == [
        ("2.25", "0.50"), ("2.25", "0.50"), ("", "0.50"),
    ]  # fmt: skip
    assert (
        cost_tables([dataclasses.replace(row, prompt_tokens_per_item=0.0, new_tokens_per_item=0.0) for row in rows])
        == []
    )  # not known


def test_a_sentence_without_names_of_which_none_is_said_is_right() -> None:
    task = load_recipe("wikiann_3src").task
    said = ["-", "LOC: Ulm", "none", "LOC: Ulm"]
    tags = [["O", "O"], ["O", "O"], ["O", "O"], ["O", "B-LOC"]]
    gold = [
        json.dumps({"tokens": ["in", "Ulm"], "tags": own, "spaced": True, "kinds": ["PER", "ORG", "LOC"]})
        for own in tags
    ]
    items = tuple(
        PromptedExample(str(n), "de", (Message("user", "in Ulm"),), "", (), references=(one,), is_written=True)
        for n, one in enumerate(gold)
    )
    rows = tuple({"text": text, "is_cut": False, "num_new_tokens": 1} for text in said)
    found = sampled(
        task, Answered("wikiann", "adapter", "direct", "de", "target", items, rows, 4, 4), 9, 0, is_native=False
    )
    assert [one.given for one in found.right] == ["-", "LOC: Ulm"]
    assert [(one.given, one.note) for one in found.wrong] == [("LOC: Ulm", "span F1 0.0"), ("none", "span F1 0.0")]
