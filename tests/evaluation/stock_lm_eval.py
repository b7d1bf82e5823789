"""Stock lm-eval on the same rows: its own model and loop, and its scores beside ours item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_eval import make_base

# The assistant's turn has no marker at its end, so that both stop at the end of sequence; and no line break at its
# beginning, which lm-eval, tokenising a prompt and its continuation together, scores as a part of every choice.
TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
TEMPLATE += "{% if add_generation_prompt %}<|assistant|>{% endif %}"


def stock_base(folder: Path) -> Path:
    return make_base(folder, template=TEMPLATE)


def stock(model: Path, folder: Path, task: str) -> dict[str, Any]:
    """What lm-eval's own model and loop make of the task files."""
    pytest.importorskip("lm_eval")
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    found = simple_evaluate(
        model=HFLM(pretrained=str(model), device="cpu", dtype="float32", batch_size=3),
        tasks=[task],
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        apply_chat_template=True,
        bootstrap_iters=0,
    )
    assert found is not None
    return dict(found)


def assert_same_scores(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], number: int) -> None:
    """``ours``: the rows of a journal; ``theirs``: lm-eval's samples; ``number``: how many there are."""
    rows = {row["id"]: row["log_likelihoods"] for row in ours}
    assert len(theirs) == len(rows) == number
    for sample in theirs:
        values = [float(answer[0][0]) for answer in sample["resps"]]
        np.testing.assert_allclose(rows[sample["doc"]["id"]], values, atol=1e-4, rtol=1e-6)
