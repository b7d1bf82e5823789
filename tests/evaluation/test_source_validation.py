"""What a look at held-out rows says is what scoring and the stock loss say of the same rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mslt_it.config.compose import load_recipe
from mslt_it.data.budget import Preparing
from mslt_it.data.build import validation_examples
from mslt_it.data.prompts import prompted
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.likelihood import choice_log_likelihoods
from mslt_it.evaluation.questions import choice_requests
from mslt_it.evaluation.source_validation import SourceValidation
from mslt_it.pipeline import Parts


@pytest.fixture(scope="module")
def base():
    parts = Parts(RowStore())
    recipe = load_recipe(
        "xnli_3src", ["sources=[de,ar]", "targets=[tr]", "training.eval_steps=5", "training.num_eval_examples=12"]
    )
    tokenizer = parts.tokenizer(recipe)
    return recipe, parts.rows, parts.encoder(recipe, tokenizer), parts.base(recipe, tokenizer).base


def test_loss_and_accuracy_are_those_of_the_stock_model_and_of_scoring(base):
    recipe, rows, encoder, model = base
    validation = SourceValidation(recipe, encoder, rows)
    model.train()
    sums = validation.sums(model, 0, 1)
    assert model.training
    model.eval()
    found = validation.values(sums)
    assert list(found) == ["loss", "accuracy", "loss/de", "accuracy/de", "loss/ar", "accuracy/ar"]
    losses, numbers = [], []
    for code, examples in validation_examples(recipe, rows).items():
        items = [prompted(example, recipe.task, recipe.prompt) for example in examples]
        scores = choice_log_likelihoods(model, choice_requests(items, encoder), batch_tokens=4096, pad_id=0)
        right = [item.choices.index(item.answer) for item in items]
        assert found[f"accuracy/{code}"] == pytest.approx(np.mean(scores.argmax(axis=1) == right))
        total = tokens = 0.0
        for row in (one.encoded for one in Preparing(recipe, encoder).prepared(examples)):
            with torch.no_grad():
                loss = model(input_ids=torch.tensor([row.input_ids]), labels=torch.tensor([row.labels])).loss
            number = sum(label != -100 for label in row.labels)
            total, tokens = total + float(loss) * number, tokens + number
        assert found[f"loss/{code}"] == pytest.approx(total / tokens, rel=1e-4)
        losses, numbers = [*losses, total], [*numbers, tokens]
    assert found["loss"] == pytest.approx(sum(losses) / sum(numbers), rel=1e-4)
    assert found["accuracy"] == pytest.approx((found["accuracy/de"] + found["accuracy/ar"]) / 2)


def test_processes_share_the_rows_and_their_sums_add_up(base):
    recipe, rows, encoder, model = base
    validation = SourceValidation(recipe, encoder, rows)
    model.eval()
    whole = validation.sums(model, 0, 1)
    assert sum(validation.sums(model, rank, 2) for rank in (0, 1)) == pytest.approx(whole, rel=1e-5)
    assert not validation.sums(model, 20, 30).any()  # more processes than rows
