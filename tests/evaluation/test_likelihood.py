"""Log-likelihoods of choices: the shared-prompt rows, the plain rows and the textbook way give the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from small_decoders import (
    HEADER,
    PAD,
    VOCABULARY,
    greedy_reference,
    make_model,
    make_requests,
    record_shapes,
    reference,
    with_header,
)

from mslt_it.evaluation.likelihood import ChoiceScorer, choice_log_likelihoods
from mslt_it.evaluation.shared_rows import Request
from mslt_it.models import inputs
from mslt_it.models.inputs import pass_tokens


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_tree_and_plain_rows_equal_the_reference(kind: str) -> None:
    model, requests = make_model(kind), make_requests()
    expected = reference(model, requests)
    assert expected.std(axis=1).min() > 0.1  # the numbers differ enough to tell a mistake
    for tree in (True, False, None):
        found = choice_log_likelihoods(model, requests, batch_tokens=200, pad_id=PAD, tree=tree)
        assert found.dtype == np.float64 and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["llama", "qwen3", "bloom"])
def test_the_size_of_a_batch_changes_nothing(kind: str) -> None:
    model, requests = make_model(kind), make_requests()
    one_by_one = choice_log_likelihoods(model, requests, batch_tokens=1, pad_id=PAD)
    for batch_tokens in (40, 64, 150, 100_000):
        found = choice_log_likelihoods(model, requests, batch_tokens=batch_tokens, pad_id=PAD)
        np.testing.assert_allclose(found, one_by_one, atol=1e-5, rtol=0)
        assert (found.argmax(axis=1) == one_by_one.argmax(axis=1)).all()


@pytest.mark.parametrize("kind", ["llama", "bloom"])
def test_on_a_cpu_a_batch_goes_through_in_several_passes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, requests = make_model(kind), make_requests()
    whole = choice_log_likelihoods(model, requests, batch_tokens=100_000, pad_id=PAD)
    monkeypatch.setattr(inputs, "CPU_TOKENS", 40)
    shapes = record_shapes(model)
    scorer = ChoiceScorer(model, requests, batch_tokens=100_000, pad_id=PAD)
    assert len(scorer.batches) == 1  # what is kept together, and asked again, is the same
    found, _ = scorer.score(scorer.batches[0])
    np.testing.assert_allclose(found, whole[list(scorer.batches[0])], atol=1e-5, rtol=0)
    assert len(shapes) > 5 and all(rows == 1 or rows * tokens <= 40 for rows, tokens in shapes[-5:])
    assert pass_tokens(8192, torch.device("cuda")) == 8192 and pass_tokens(8192, torch.device("cpu")) == 40
    assert pass_tokens(16, torch.device("cpu")) == 16


def test_an_architecture_without_trees_takes_plain_rows() -> None:
    model, requests = make_model("bloom"), make_requests()
    found = choice_log_likelihoods(model, requests, batch_tokens=300, pad_id=PAD)
    np.testing.assert_allclose(found, reference(model, requests), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["llama", "bloom"])
def test_choices_of_one_token_need_no_tree(kind: str) -> None:
    model, requests = make_model(kind), make_requests(longest=1)
    calls = []
    model.register_forward_pre_hook(lambda *a: calls.append(1))  # the head of the whole model is never run
    shapes = record_shapes(model)
    single = [Request(r.prompt, tuple(c[:1] for c in r.choices)) for r in requests]
    found = choice_log_likelihoods(model, single, batch_tokens=100_000, pad_id=PAD)
    rows = [rows for rows, _ in shapes]
    assert rows.count(len(requests)) == 1 and max(rows[:-1]) <= 2 and not calls  # the trials have 2 rows
    np.testing.assert_allclose(found, reference(model, single), atol=1e-4, rtol=0)


@pytest.mark.parametrize("pad", [0, 7, VOCABULARY - 1])
def test_the_pad_token_does_not_matter(pad: int) -> None:
    model, requests = make_model("qwen3"), make_requests()
    found = choice_log_likelihoods(model, requests, batch_tokens=100_000, pad_id=pad)
    np.testing.assert_allclose(found, reference(model, requests), atol=1e-4, rtol=0)


def test_the_order_of_the_choices_does_not_matter() -> None:
    model, requests = make_model("llama"), make_requests()
    turned = [Request(r.prompt, r.choices[::-1]) for r in requests]
    found, other = (choice_log_likelihoods(model, r, batch_tokens=200, pad_id=PAD) for r in (requests, turned))
    np.testing.assert_allclose(found, other[:, ::-1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["llama", "bloom"])
def test_a_peft_model_with_the_adapter_on_and_off(kind: str) -> None:
    requests = make_requests()
    plain = reference(make_model(kind), requests)
    torch.manual_seed(3)
    model = get_peft_model(make_model(kind), LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    on = choice_log_likelihoods(model, requests, batch_tokens=150, pad_id=PAD)
    with model.disable_adapter():
        off = choice_log_likelihoods(model, requests, batch_tokens=150, pad_id=PAD)
    np.testing.assert_allclose(off, plain, atol=1e-4, rtol=0)
    assert np.abs(on - off).max() > 0.1
    np.testing.assert_allclose(on, reference(model.eval(), requests), atol=1e-4, rtol=0)


def test_the_models_mode_and_gradients_are_left_alone() -> None:
    model, requests = make_model("llama"), make_requests(3)
    for training in (True, False):
        model.train(training)
        choice_log_likelihoods(model, requests, batch_tokens=150, pad_id=PAD)
        assert model.training is training
    assert all(p.grad is None for p in model.parameters())
    assert torch.is_grad_enabled()


def test_nothing_is_fine() -> None:
    assert choice_log_likelihoods(make_model("llama"), [], batch_tokens=60, pad_id=PAD).shape == (0, 0)


def test_batches_hold_every_item_once_and_stay_in_the_budget() -> None:
    requests = make_requests(40)
    for budget in (1, 50, 120, 10_000):
        found = ChoiceScorer(make_model("llama"), requests, batch_tokens=budget, pad_id=PAD).batches
        assert sorted(i for batch in found for i in batch) == list(range(len(requests)))
        widths = [max(requests[i].num_tokens() for i in batch) for batch in found]
        assert widths == sorted(widths, reverse=True)  # the largest first: out of memory at once or never
        assert all(len(b) == 1 or len(b) * w <= budget for b, w in zip(found, widths, strict=True))


def test_a_broken_model_gives_nan_not_a_score() -> None:
    model, requests = make_model("llama"), make_requests(3)
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    assert np.isnan(choice_log_likelihoods(model, requests, batch_tokens=60, pad_id=PAD)).all()


def with_greedy_answers(model: Any, requests: list[Request]) -> list[Request]:
    """Each item with the likeliest two tokens as one more choice; every second item loses its first choice."""
    found = []
    for number, request in enumerate(requests):
        ids = list(request.prompt)
        for _ in range(2):
            with torch.no_grad():
                ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        choices = (*request.choices[number % 2 :], tuple(ids[len(request.prompt) :]))
        found.append(Request(request.prompt, choices))
    return found


@pytest.mark.parametrize("kind", ["llama", "bloom"])
def test_items_with_different_numbers_of_choices_and_their_greedy_flags(kind: str) -> None:
    model = make_model(kind)
    requests = with_greedy_answers(model, make_requests())
    scores = np.full((len(requests), 4), 7.0)
    flags = np.zeros((len(requests), 4), dtype=bool)
    scorer = ChoiceScorer(model, requests, batch_tokens=150, pad_id=PAD)
    for batch in scorer.batches:
        own, greedy = scorer.score(batch)
        assert own.shape == greedy.shape == (len(batch), own.shape[1])
        scores[list(batch), : own.shape[1]], flags[list(batch), : own.shape[1]] = own, greedy
    found = choice_log_likelihoods(model, requests, batch_tokens=150, pad_id=PAD)
    num_greedy = 0
    for row, request in enumerate(requests):
        number = len(request.choices)
        np.testing.assert_allclose(found[row, :number], reference(model, [request])[0], atol=1e-4, rtol=0)
        assert np.isnan(found[row, number:]).all() and not flags[row, number:].any()
        assert flags[row, :number].tolist() == [greedy_reference(model, request, c) for c in request.choices]
        num_greedy += int(flags[row].sum())
    assert len(requests) <= num_greedy < len(requests) + 3
    assert {len(request.choices) for request in requests} == {3, 4}


@pytest.mark.parametrize("kind", ["llama", "bloom"])
def test_scored_tokens_at_the_end_of_the_prompt_count_for_every_choice(kind: str) -> None:
    model = make_model(kind)
    whole = [Request((5, 9, 12), ((7, 8, 20), (7, 8, 30, 31))), Request((6, 40), ((3, 50), (3, 51)))]
    moved = [Request((5, 9, 12, 7, 8), ((20,), (30, 31)), 2), Request((6, 40, 3), ((50,), (51,)), 1)]
    expected = choice_log_likelihoods(model, whole, batch_tokens=100, pad_id=PAD)
    found = choice_log_likelihoods(model, moved, batch_tokens=100, pad_id=PAD)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)
    assert (
        expected[0, 0]
        < choice_log_likelihoods(model, [Request(moved[0].prompt, moved[0].choices)], batch_tokens=9, pad_id=PAD)[0, 0]
    )
    # One wrong token there, and no answer is greedy however likely its own tokens are.
    prompt = (5, 9)
    with torch.no_grad():
        best = int(model(input_ids=torch.tensor([prompt])).logits[0, -1].argmax())
    other = 3 if best != 3 else 4
    for token, is_greedy in ((best, True), (other, False)):
        with torch.no_grad():
            after = int(model(input_ids=torch.tensor([[*prompt, token]])).logits[0, -1].argmax())
        scorer = ChoiceScorer(model, [Request((*prompt, token), ((after,),), 1)], batch_tokens=9, pad_id=PAD)
        assert scorer.score([0])[1].tolist() == [[is_greedy]]


def test_something_must_come_before_a_scored_token() -> None:
    with pytest.raises(ValueError, match="2 scored tokens in a prompt of 2: one must come before"):
        Request((1, 2), ((3,),), 2)


def test_the_head_is_applied_in_slices_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    model, requests = make_model("llama"), make_requests()
    expected = choice_log_likelihoods(model, requests, batch_tokens=300, pad_id=PAD)
    sizes: list[int] = []
    model.lm_head.register_forward_hook(lambda module, args, out: sizes.append(out.numel()))
    monkeypatch.setattr("mslt_it.evaluation.shared_rows.MAX_LOGITS", 5 * VOCABULARY)
    found = choice_log_likelihoods(model, requests, batch_tokens=300, pad_id=PAD, tree=True)
    assert max(sizes) == 5 * VOCABULARY and len(sizes) > 10
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


# ---------------------------------------------------------------- batches


def test_batches_are_scored_in_any_order_with_equal_results() -> None:
    requests = [*make_requests(), *with_header(HEADER, 12), *with_header(HEADER[::-1], 12)]
    model = make_model("llama")
    forwards = ChoiceScorer(model, requests, batch_tokens=150, pad_id=PAD)
    backwards = ChoiceScorer(model, requests, batch_tokens=150, pad_id=PAD)
    assert forwards.batches == backwards.batches == ChoiceScorer(None, requests, batch_tokens=150, pad_id=PAD).batches
    assert len(forwards.batches) > 8
    expected = {batch: forwards.score(batch) for batch in forwards.batches}
    for batch in [*backwards.batches[::-1], backwards.batches[0]]:
        np.testing.assert_array_equal(backwards.score(list(batch)), expected[batch])
    assert backwards.batches == forwards.batches


def test_something_else_than_a_batch_is_refused() -> None:
    scorer = ChoiceScorer(make_model("llama"), make_requests(4), batch_tokens=10_000, pad_id=PAD)
    with pytest.raises(ValueError, match=r"\(0, 1\) is not one of the 1 batches of these requests"):
        scorer.score([0, 1])
