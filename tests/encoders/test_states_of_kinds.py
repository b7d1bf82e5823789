"""Hidden states of encoders, and of what reads in a text-to-text model, are those that transformers gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_encoder import encoder_recipe
from tiny_mt5 import mt5_recipe

from mslt_it.models.base_model import load_base
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.representations.runs import measure_runs
from mslt_it.representations.settings import Settings
from mslt_it.representations.states import hidden_states, tokenise

TEXTS = ["Der Hund schläft.", "Die Katze sieht den alten Ball im Haus", "elma"]


@pytest.mark.parametrize("kind", ["xlmr", "bert", "mt5"])
def test_states_are_those_between_the_control_tokens(
    encoder_of_kind: Callable[[str], Path], mt5: Path, kind: str
) -> None:
    recipe = mt5_recipe(mt5) if kind == "mt5" else encoder_recipe(encoder_of_kind(kind))
    tokenizer = load_tokenizer(recipe.model)
    model = load_base(recipe.model, head=recipe.head, device="cpu").eval()
    texts = tokenise(tokenizer, TEXTS, kind=recipe.model.kind)
    assert [list(row) for row in texts.rows] == tokenizer(TEXTS)["input_ids"]
    reads = model.get_encoder() if kind == "mt5" else model.base_model
    found = {tokens: hidden_states(model, texts, batch_tokens=tokens) for tokens in (1, 4096)}
    np.testing.assert_allclose(found[1], found[4096], atol=1e-5)
    for n, row in enumerate(texts.rows):
        with torch.no_grad():
            layers = reads(input_ids=torch.tensor([row]), output_hidden_states=True).hidden_states
        own = torch.stack(layers)[:, 0, texts.num_before : len(row) - texts.num_after]
        np.testing.assert_allclose(found[4096][:, n], own.mean(1), atol=1e-5)
    assert (texts.num_before, texts.num_after) == ((0, 1) if kind == "mt5" else (1, 1))
    long = tokenise(tokenizer, ["Der Hund " * 600], kind=recipe.model.kind)  # an encoder has 128 places
    assert (len(long.rows[0]), long.num_cut) == (513 if kind == "mt5" else 128, 1)
    assert hidden_states(model, long).shape[1] == 1


@pytest.mark.parametrize("kind", ["encoder", "text_to_text"])
def test_how_languages_mix_is_measured_on_runs_of_other_kinds(
    run_of: Callable[..., Path], mt5_run: Callable[[str], Path], kind: str
) -> None:
    made = run_of if kind == "encoder" else mt5_run
    settings = Settings(max_items=20, num_bootstrap=50, map="none")
    found = measure_runs({"lora": made("lora"), "full": made("full")}, languages=["de", "tr"], settings=settings)
    assert list(found["systems"]) == ["base", "lora", "full"] and found["num_layers"] == 3
    cka = {name: system["pairs"]["cka"][2][0][1] for name, system in found["systems"].items()}
    assert len(set(cka.values())) == 3 and all(0 < value < 1 for value in cka.values())
