"""What the shipped mini model can do, and what it cannot before it is tuned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gate import GateResult, best_retrieval, question_accuracy

from mslt_it import cli
from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import ModelConfig
from mslt_it.data.build import build_scored_set
from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.likelihood import choice_log_likelihoods
from mslt_it.evaluation.shared_rows import Request
from mslt_it.models.base_model import load_base
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.world.languages import CODES


@pytest.fixture(scope="module")
def shipped() -> tuple[Any, Any]:
    config = ModelConfig()
    return load_base(config, device="cpu").eval(), load_tokenizer(config)


@pytest.mark.parametrize("code", CODES)
def test_it_answers_the_worlds_questions_in_every_language(shipped: tuple[Any, Any], code: str) -> None:
    import torch

    with torch.inference_mode():
        assert question_accuracy(*shipped, code, 60) >= 0.9  # the gate is 0.85 of 300; this is a sample


def test_untuned_it_is_at_chance_on_the_tasks_format(shipped: tuple[Any, Any]) -> None:
    model, tokenizer = shipped
    recipe = load_recipe("xnli_3src", ["scoring.num_examples_per_language=120"])
    encoder = Encoder(tokenizer, recipe.data.max_length_tokens)
    right = []
    for code in ("ar", "en", "fi", "hi", "ja", "sw", "th", "zh"):
        items = build_scored_set(recipe, code)
        words = [tuple(ids) for ids in encoder.user_ids(list(items[0].choices))]
        requests = [Request(tuple(encoder.prompt_ids(item.messages)), tuple(words)) for item in items]
        scores = choice_log_likelihoods(model, requests, batch_tokens=8192, pad_id=tokenizer.pad_token_id)
        gold = np.array([item.choices.index(item.answer) for item in items])
        right.append((scores.argmax(axis=1) == gold).mean())
    # 960 answers on 120 items: a mean of 0.333 has a standard error of at most 0.043.
    assert 0.20 < np.mean(right) < 0.46
    assert max(right) < 0.60


def test_translations_find_each_other(shipped: tuple[Any, Any]) -> None:
    import torch

    with torch.inference_mode():
        share, layer = best_retrieval(*shipped, 100, ("en", "ar", "ja", "sw"))
    assert share > 0.5 and 0 <= layer <= 4  # chance is 0.01


def test_the_gate_names_what_is_below_it() -> None:
    result = GateResult({"en": 0.9, "th": 0.8}, 0.5, 0, 300, 300)
    assert result.failures() == ["th: 0.80"]


def test_the_command_shows_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["world", "show", "sw", "num=3", "seed=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and all(line.split()[0] in ("entailment", "neutral", "contradiction") for line in lines[::2])
    assert cli.main(["world", "show", "sw", "num=3", "seed=1"]) == 0
    assert capsys.readouterr().out.splitlines() == lines
