"""lm-eval reads the repository's task files as they are: every way in which the Hub keeps the rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from data_sets import inference_files, lines, parquet
from server import Hub, run_client

pytest.importorskip("lm_eval")

TASKS = Path(__file__).parents[2] / "eval" / "tasks"
STORY = {f"input_sentence_{i}": f"s{i}" for i in range(1, 5)} | {"sentence_quiz1": "a", "sentence_quiz2": "b"}
SCHEMA = {"sentence": "Ali _ gördü", "option1": "Ali", "option2": "Veli"}


def test_lm_eval_finds_the_rows_of_every_kind_of_task(hub: Hub, tmp_path: Path) -> None:
    hub.add("datasets", "facebook/xnli", inference_files("A"))
    hub.add(
        "datasets", "Muennighoff/xwinograd", {"test/jp.jsonl": lines([{**SCHEMA, "answer": str(n)} for n in (1, 2, 2)])}
    )
    stories = [{**STORY, "answer_right_ending": n} for n in (2, 1)]
    script = {"README.md": "# With a script", "xstory_cloze.py": "raise SystemExit('ran')"}
    hub.add("datasets", "juletxara/xstory_cloze", script)
    branch = {"sw/eval/0000.parquet": parquet(stories), "sw/train/0000.parquet": parquet(stories[:1])}
    hub.add("datasets", "juletxara/xstory_cloze", branch, "refs/convert/parquet")
    numbers = [{"question": "2 + 2?", "answer": None, "answer_number": 4}]
    hub.add("datasets", "juletxara/mgsm", {"te/test/0000.parquet": parquet(numbers)}, "refs/convert/parquet")
    names = ["mslt_xnli_fr", "mslt_xwinograd_ja", "mslt_xstorycloze_sw", "mslt_mgsm_te"]
    found = run_client(
        hub.endpoint,
        tmp_path / "home",
        f"""
from lm_eval.tasks import TaskManager
tasks = TaskManager(include_path={str(TASKS)!r}, include_defaults=False).load({json.dumps(names)})["tasks"]
result = {{
    name: [[task.doc_to_text(doc), task.doc_to_target(doc)] for doc in task.eval_docs] for name, task in tasks.items()
}}
""",
    )
    assert [target for _, target in found["mslt_xnli_fr"]] == [0, 1, 2, 0]
    assert found["mslt_xnli_fr"][1][0].startswith("Prémisse : frA 1\nHypothèse : hypothesis 1\n")
    assert [target for _, target in found["mslt_xwinograd_ja"]] == [0, 1, 1]
    assert "Ali _ gördü" in found["mslt_xwinograd_ja"][0][0]
    assert [target for _, target in found["mslt_xstorycloze_sw"]] == [1, 0]
    assert "s1 s2 s3 s4" in found["mslt_xstorycloze_sw"][0][0]
    assert len(found["mslt_mgsm_te"]) == 1 and str(found["mslt_mgsm_te"][0][1]) == "4"
