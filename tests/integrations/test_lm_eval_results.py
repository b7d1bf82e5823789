"""Tasks, result dictionaries and the command: those of lm-eval's own loop."""

from __future__ import annotations

import copy
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
)

from mslt_it.config.compose import load_recipe
from mslt_it.data.encoding import Encoder
from mslt_it.evaluation import likelihood
from mslt_it.evaluation.headers import encode_header
from mslt_it.integrations.lm_eval_tasks import local_task_file, task_file, write_scored_set
from mslt_it.problems import Problem

pytest.importorskip("lm_eval")

from beside_lm_eval import ROOT, ROWS, WEIGHTS, assert_equal, both, make_tokenizer
from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from mslt_it.integrations.lm_eval import SharedPromptLM, main, refuse_broken, refuse_code_in

# ---------------------------------------------------------------- tasks and result dictionaries


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No list of the machine's parts in the results (it starts a dozen programs); data sets are cached per test."""
    monkeypatch.setattr("lm_eval.evaluator.add_env_info", lambda results: None)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Our XNLI task in Turkish, reading rows of ours in the Hub's columns."""
    rows = tmp_path / "rows.jsonl"
    lines = [{"premise": p, "hypothesis": h, "label": label} for p, h, label in ROWS]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    content = task_file(load_recipe("xnli_3src", ["task.data=facebook/xnli"]).task, "tr")
    del content["dataset_name"]
    content |= {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(rows)}}}
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "mslt_xnli_tr.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def evaluate(lm: Any, folder: Path, name: str = "mslt_xnli_tr", **arguments: Any) -> dict[str, Any]:
    return simple_evaluate(
        model=lm,
        tasks=[name],
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
        **arguments,
    )


def plain(results: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from run to run (dates, seconds) and the log-likelihoods, which are compared apart."""
    found = copy.deepcopy({k: v for k, v in results.items() if k not in ("date", "total_evaluation_time_seconds")})
    for sample in found["samples"]["mslt_xnli_tr"]:
        for key in ("resps", "filtered_resps"):
            sample.pop(key)
    return json.loads(json.dumps(found, default=str, sort_keys=True))


@pytest.mark.parametrize("chat", [True, False])
def test_the_result_dictionary_is_lm_evals(tasks: Path, chat: bool) -> None:
    ours, stock = both()
    expected = evaluate(stock, tasks, apply_chat_template=chat)
    samples = expected["samples"]["mslt_xnli_tr"]
    assert [sample["target"] for sample in samples] == [label for _, _, label in ROWS]
    for batch_size in (1, 3, 8):
        ours.batch_size_per_gpu = stock.batch_size_per_gpu = batch_size
        found = evaluate(ours, tasks, apply_chat_template=chat)
        assert plain(found) == plain(expected)
        for a, b in zip(found["samples"]["mslt_xnli_tr"], samples, strict=True):
            assert_equal([r[0] for r in a["resps"]], [r[0] for r in b["resps"]])


def test_the_result_dictionary_of_the_embedded_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights that come with the package on the task made for a recipe, bare and behind a system text."""
    recipe = load_recipe("xnli_3src", ["targets=[tr]", "scoring.num_examples_per_language=12"])
    write_scored_set(recipe, "tr", tmp_path / "tasks")
    loaded = AutoModelForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    ours, stock = (
        cls(pretrained=loaded, tokenizer=tokenizer, device="cpu", batch_size=8) for cls in (SharedPromptLM, HFLM)
    )
    encoded: list[int] = []
    monkeypatch.setattr(
        likelihood, "encode_header", lambda base, header: encoded.append(len(header)) or encode_header(base, header)
    )
    for text in (None, "A teacher reads two sentences to the children and asks what follows. " * 4):
        found, expected = (
            evaluate(lm, tmp_path / "tasks", apply_chat_template=True, system_instruction=text) for lm in (ours, stock)
        )
        assert plain(found) == plain(expected)
        for a, b in zip(*(results["samples"]["mslt_xnli_tr"] for results in (found, expected)), strict=True):
            assert_equal([r[0] for r in a["resps"]], [r[0] for r in b["resps"]])
        assert bool(encoded) is (text is not None)
    assert max(encoded) > 40


def test_lm_eval_scores_what_we_train_on(tasks: Path, monkeypatch: Any) -> None:
    """With its chat template the model sees the very tokens that our encoder makes of the same rows."""
    ours, _ = both()
    seen: list[Any] = []
    original = ours._loglikelihood_tokens

    def watched(requests: Any, **kwargs: Any) -> Any:
        seen.extend(requests)
        return original(requests, **kwargs)

    monkeypatch.setattr(ours, "_loglikelihood_tokens", watched)
    evaluate(ours, tasks, apply_chat_template=True)
    encoder = Encoder(make_tokenizer(), 512)
    from mslt_it.config.recipe import PromptConfig
    from mslt_it.data.prompts import prompted
    from mslt_it.records import Example

    task = load_recipe("xnli_3src").task
    wanted = []
    for premise, hypothesis, label in ROWS:
        fields = {"premise": premise, "hypothesis": hypothesis}
        row = prompted(Example("test:1", "tr", "xnli", "test", fields, task.label_names[label]), task, PromptConfig())
        wanted += [[*encoder.prompt_ids(row.messages), *encoder.user_ids([choice])[0]] for choice in row.choices]
    assert [context + continuation for _, context, continuation in seen] == wanted


SHARED = ROOT.parent / "shared" / "data"
REAL = [
    ("xnli", "xnli", "sw", ["task.score_split=dev"]),
    ("pawsx", "pawsx", "zh", ["task.score_split=dev"]),
    ("xcopa", "xcopa", "th", ["task.score_split=val", "task.train_split=train"]),
    ("xwinograd", "xwinograd", "fr", []),
]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the benchmarks' own files are not here")
@pytest.mark.parametrize(("task", "folder", "language", "more"), REAL, ids=[case[0] for case in REAL])
def test_the_benchmarks_own_rows(task: str, folder: str, language: str, more: list[str], tmp_path: Path) -> None:
    rows = [f"task.data={SHARED / folder}", "scoring.num_examples_per_language=12", *more]
    recipe = load_recipe(f"{task}_3src", [*rows, f"targets=[{language}]", "supervised=true"])
    write_scored_set(recipe, language, tmp_path / "tasks")
    ours, stock = both()
    found, expected = (
        evaluate(lm, tmp_path / "tasks", name=f"mslt_{task}_{language}", apply_chat_template=True)
        for lm in (ours, stock)
    )
    samples = [results["samples"][f"mslt_{task}_{language}"] for results in (found, expected)]
    assert len(samples[0]) == len(samples[1]) == 12
    for a, b in zip(*samples, strict=True):
        assert a["acc"] == b["acc"]
        assert_equal([r[0] for r in a["resps"]], [r[0] for r in b["resps"]])


WRITTEN = [  # question, right answer, generated text, is it right
    ("1", "2125", "That makes 3 times 700, so 2,125.", 1.0),
    ("2", "2,125", "2125", 1.0),
    ("3", "18", "$18.00", 1.0),
    ("4", "-4", "x = -4", 1.0),
    ("5", "18", "18 of 20", 0.0),  # the last number counts
    ("6", "18", "eighteen", 0.0),
    ("7", "180", "18.0", 0.0),
]


def test_numbers_in_generated_answers(tmp_path: Path, monkeypatch: Any) -> None:
    rows = tmp_path / "rows.jsonl"
    lines = [{"prompt": question, "gold": gold} for question, gold, _, _ in WRITTEN]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (tmp_path / "tasks").mkdir()
    content = local_task_file(load_recipe("mgsm_3src").task, "en", (), rows)
    (tmp_path / "tasks" / "mslt_mgsm_en.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    ours, _ = both()
    asked: list[Any] = []

    def generate(requests: Any, **kwargs: Any) -> list[str]:
        asked.extend(request.args for request in requests)
        return [WRITTEN[int(request.args[0]) - 1][2] for request in requests]

    monkeypatch.setattr(ours, "generate_until", generate)
    results = evaluate(ours, tmp_path / "tasks", name="mslt_mgsm_en")
    samples = sorted(results["samples"]["mslt_mgsm_en"], key=lambda sample: int(sample["doc"]["prompt"]))
    assert [sample["exact_match"] for sample in samples] == [right for _, _, _, right in WRITTEN]
    assert results["results"]["mslt_mgsm_en"]["exact_match,last_number"] == pytest.approx(4 / 7)
    assert asked[0][1] == {"until": ["\n\n"], "do_sample": False, "max_gen_toks": 16}


def test_generation_is_lm_evals(tmp_path: Path) -> None:
    ours, stock = both()
    requests = [
        Instance("generate_until", {}, (t, {"until": ["\n\n"], "max_gen_toks": 6}), 0) for t in ("Kedi", "Bir kuş")
    ]
    assert ours.generate_until(requests, disable_tqdm=True) == stock.generate_until(requests, disable_tqdm=True)


# ---------------------------------------------------------------- the command


def test_another_model_is_refused(tasks: Path) -> None:
    with pytest.raises(Problem, match=r"--model hf: this command runs --model mslt; others are for `lm_eval`"):
        main(["--model", "hf", "--model_args", "pretrained=x", "--tasks", "mslt_xnli_tr"])


@pytest.mark.parametrize("how", [["--include_path", "FOLDER"], ["--include", "FOLDER"], ["--tasks", "FOLDER/bad.yaml"]])
def test_task_files_with_code_are_refused_before_anything_is_read(tmp_path: Path, how: list[str]) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "utils.py").write_text(f"open({str(marker)!r}, 'w')\ndef run(doc): return ''\n", encoding="utf-8")
    (tmp_path / "bad.yaml").write_text("task: bad\ndoc_to_text: !function utils.run\n", encoding="utf-8")
    arguments = [part.replace("FOLDER", str(tmp_path)) for part in how]
    if "--tasks" not in arguments:
        arguments += ["--tasks", "bad"]
    with pytest.raises(Problem, match=r"bad\.yaml is not valid YAML: .* could run code"):
        main([*arguments, "--model_args", "pretrained=x"])
    assert not marker.exists()


def test_without_lm_eval_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval._cli", None)
    monkeypatch.delitem(sys.modules, "mslt_it.integrations.lm_eval")
    with pytest.raises(Problem, match=r"lm-eval is not installed \(.*\)\. Remedy: pip install -e '\.\[eval\]'"):
        importlib.import_module("mslt_it.integrations.lm_eval")


def test_lm_evals_own_tasks_have_names() -> None:
    refuse_code_in(None, ["xnli_tr,pawsx"])


@pytest.mark.slow
def test_both_commands_agree_item_by_item(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(tmp_path / "c"),
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments], env=environment, capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    rows = str(tmp_path / "tasks")
    run(
        "mslt_it.integrations.lm_eval_tasks",
        rows,
        "recipe=xnli_3src",
        "targets=[tr]",
        "scoring.num_examples_per_language=60",
    )
    common = ["--model_args", f"pretrained={WEIGHTS},dtype=float32", "--device", "cpu", "--include_path", rows]
    common += ["--tasks", "mslt_xnli_tr", "--apply_chat_template", "--batch_size", "8", "--log_samples"]
    scores = []
    for name, command in (("stock", ("lm_eval", "--model", "hf")), ("ours", ("mslt_it.integrations.lm_eval",))):
        assert "mslt_xnli_tr" in run(*command, *common, "--output_path", str(tmp_path / name))
        [path] = (tmp_path / name).rglob("samples_*.jsonl")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        scores.append([(line["doc_id"], line["acc"], [r[0][1] for r in line["resps"]]) for line in lines])
        scores.append(np.array([[float(r[0][0]) for r in line["resps"]] for line in lines]))
    assert scores[0] == scores[2] and scores[1].shape == (60, 3)
    np.testing.assert_allclose(scores[3], scores[1], atol=1e-4, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([-1.0, float("nan"), -2.0, -3.0], "1 of 2 items have a score that is NaN or infinite"),
        ([-1.0, float("-inf"), float("inf"), -3.0], "2 of 2 items have a score that is NaN or infinite"),
        ([-1.0, -1.0, -2.0, -2.0], "every item has the same score for all its choices"),
    ],
)
def test_scores_of_a_broken_model_are_never_counted(values: list[float], reason: str) -> None:
    with pytest.raises(Problem, match=f"The results are invalid: {reason}"):
        refuse_broken(["a", "a", "b", "b"], values)


def test_sound_scores_pass() -> None:
    refuse_broken(["a", "a", "b", "b"], [-1.0, -1.0, -2.0, -2.5])
    refuse_broken(["a", "b"], [-1.0, -1.0])  # one choice each: nothing to choose from
    refuse_broken([], [])
