"""What `mslt eval` computes, beside stock lm-eval on the same rows: item by item, and the form of its results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from stock_lm_eval import assert_same_scores, stock, stock_base
from tiny_eval import answers, call

from mslt_it.config.compose import load_recipe
from mslt_it.integrations.lm_eval_tasks import write_scored_set
from mslt_it.problems import Problem

pytest.importorskip("lm_eval")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stock_base(tmp_path_factory.mktemp("lm") / "model")


@pytest.fixture(scope="module")
def chosen(model: Path, pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """(our folder, lm-eval's results) of one task."""
    folder = tmp_path_factory.mktemp("chosen")
    recipe = load_recipe("xnli_3src", [f"task.data={pairs}", "task.held_out_share=1"])
    for code in ("de", "en"):
        write_scored_set(recipe, code, folder / "tasks")
    common = [f"model={model}", "task=xnli", f"task.data={pairs}", "languages=[de,en]", "cache=none"]
    assert call(*common, f"out={folder / 'out'}") == 0
    return folder / "out", stock(model, folder / "tasks", "mslt_xnli")


def test_direct_scores_are_lm_evals(chosen: tuple[Path, dict[str, Any]]) -> None:
    out, theirs = chosen
    ours = json.loads((out / "lm_eval" / "model_direct.json").read_text(encoding="utf-8"))["results"]
    for code in ("de", "en"):
        name = f"mslt_xnli_{code}"
        assert_same_scores(answers(out)[f"xnli/direct/model/{code}.jsonl"], theirs["samples"][name], 9)
        assert ours[name]["acc,none"] == pytest.approx(theirs["results"][name]["acc,none"])


def test_the_results_file_has_lm_evals_form(chosen: tuple[Path, dict[str, Any]]) -> None:
    """Every key that programs read lm-eval's results by, with a value of the same kind."""
    out, theirs = chosen
    ours = json.loads((out / "lm_eval" / "model_direct.json").read_text(encoding="utf-8"))
    for key in (
        "results",
        "n-samples",
        "n-shot",
        "higher_is_better",
        "versions",
        "configs",
        "config",
        "group_subtasks",
    ):
        assert type(ours[key]) is type(theirs[key]), key
    for name in ("mslt_xnli_de", "mslt_xnli_en"):
        found, wanted = ours["results"][name], theirs["results"][name]
        numbers = {"acc,none", "acc_stderr,none"}
        assert numbers <= set(found) and set(wanted) - {"sample_len"} <= set(found) | {"name"}
        assert found["alias"] == wanted["alias"]
        assert (
            theirs["higher_is_better"][name].items() <= ours["higher_is_better"][name].items()
        )  # ours has macro-F1 too
        assert ours["n-samples"][name] == theirs["n-samples"][name]
        assert ours["n-shot"][name] == theirs["n-shot"][name] and ours["versions"][name] == theirs["versions"][name]


def test_chains_of_thought_are_lm_evals_text_by_text(model: Path, sums: Path, tmp_path: Path) -> None:
    limit = 12
    recipe = load_recipe(
        "mgsm_3src",
        [
            "task.held_out_share=1",
            f"task.data={sums}",
            "prompt.variant=cot_native",
            f"scoring.max_chain_tokens={limit}",
        ],
    )
    path = write_scored_set(recipe, "de", tmp_path / "tasks")
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content["generation_kwargs"] == {"until": [], "do_sample": False, "max_gen_toks": limit}
    out = tmp_path / "out"
    arguments = [f"model={model}", "task=mgsm", f"task.data={sums}", "variant=cot_native", "languages=[de]"]
    assert call(*arguments, f"max_new_tokens={limit}", f"out={out}", "scoring.batch_tokens=1600") == 0
    rows = {row["id"]: row["text"] for row in answers(out)["mgsm/cot_native/model/de.jsonl"]}
    samples = stock(model, tmp_path / "tasks", "mslt_mgsm_de")["samples"]["mslt_mgsm_de"]
    assert len(samples) == len(rows) >= 3
    assert {s["doc"]["id"]: s["resps"][0][0].strip() for s in samples} == rows
    assert len(set(rows.values())) > 1


def test_a_direct_number_keeps_its_own_limit_and_stop(sums: Path, tmp_path: Path) -> None:
    recipe = load_recipe("mgsm_3src", [f"task.data={sums}"])
    content = yaml.safe_load(write_scored_set(recipe, "de", tmp_path).read_text(encoding="utf-8"))
    assert content["generation_kwargs"] == {"until": ["\n\n"], "do_sample": False, "max_gen_toks": 16}


def test_right_answers_are_what_lm_evals_filter_reads(tmp_path: Path) -> None:
    def gold(*written: str) -> list[str]:
        (tmp_path / "ar").mkdir(exist_ok=True)
        lines = [f"كم؟ {number}\t{answer}\n" for number, answer in enumerate(written)]
        (tmp_path / "ar" / "test.tsv").write_text("".join(lines), encoding="utf-8")
        recipe = load_recipe("mgsm_3src", [f"task.data={tmp_path}", "task.held_out_share=1"])
        write_scored_set(recipe, "ar", tmp_path / "tasks")
        rows = (tmp_path / "tasks" / "mslt_mgsm_ar.jsonl").read_text(encoding="utf-8").splitlines()
        return sorted(json.loads(row)["gold"] for row in rows)

    assert gold("$18", "2,125", "12.50", "٣", "-7 km") == ["-7", "12.50", "18", "2125", "٣"]
    for answer in ("3/4", "½", "٣٫٥", "1e3"):  # every answer would be wrong
        with pytest.raises(Problem, match=f"The right answer '{answer}' .* is not a number to lm-eval"):
            gold("18", answer)
