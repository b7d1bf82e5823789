"""A real model on sentences that people wrote: sixty steps in three languages carry over to others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mslt_it import cli
from mslt_it.config.compose import load_recipe
from mslt_it.models.packaged import with_reachable_base
from mslt_it.problems import Problem


@pytest.mark.slow
def test_sixty_steps_lift_languages_that_were_never_trained_on(tmp_path: Path) -> None:
    pytest.importorskip("hassil")
    try:
        with_reachable_base(load_recipe("intents_3src"))
    except Problem as problem:
        pytest.skip(str(problem))
    run = tmp_path / "run"
    settings = ["targets=[fi,fr,ru,th]", "scoring.num_examples_per_language=48", f"output_dir={run}"]
    assert cli.main(["train", "recipe=intents_3src", "training.max_steps=60", *settings]) == 0
    rows = json.loads((run / "results.json").read_text(encoding="utf-8"))["results"]
    unseen = {row["language"]: row for row in rows if row["language"] in ("fi", "fr", "ru", "th")}
    lifted = [
        code for code, row in unseen.items() if row["low"] > row["majority_share"] and row["value"] > row["base_value"]
    ]
    assert len(unseen) == 4 and len(lifted) >= 3, unseen
