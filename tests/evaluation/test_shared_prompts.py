"""Log-likelihoods where prompts begin alike, and what is tried out on a model: the same numbers as prompt by prompt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from small_decoders import (
    HEADER,
    PAD,
    greedy_reference,
    make_model,
    make_requests,
    record_shapes,
    reference,
    with_header,
)

from mslt_it.evaluation import headers
from mslt_it.evaluation.likelihood import ChoiceScorer, choice_log_likelihoods
from mslt_it.evaluation.shared_rows import Request
from mslt_it.evaluation.trials import heeds_trees, last_feed_forward, takes_headers

# ---------------------------------------------------------------- what prompts begin with


def scores_of(
    model: Any, requests: list[Request], batch_tokens: int, tree: bool | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """All batches put together; every item has three choices."""
    scorer = ChoiceScorer(model, requests, batch_tokens=batch_tokens, pad_id=PAD, tree=tree)
    found, flags = np.full((len(requests), 3), np.nan), np.zeros((len(requests), 3), dtype=bool)
    for batch in scorer.batches:
        found[list(batch)], flags[list(batch)] = scorer.score(batch)
    return found, flags


def without_headers(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> tuple[np.ndarray, np.ndarray]:
    with monkeypatch.context() as patch:
        patch.setattr(headers, "MIN_HEADER_TOKENS", 10_000)
        return scores_of(*arguments)


@pytest.mark.parametrize("kind", ["llama", "qwen3", "bloom", "gemma", "gemma2"])
def test_a_shared_header_is_encoded_once_and_changes_no_score(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, requests = make_model(kind), with_header(HEADER, 14)
    assert takes_headers(model)
    plain = without_headers(monkeypatch, model, requests, 1, False)
    for number in (0, 5, 13):
        request, scored = requests[number], requests[number].num_scored
        row = Request(request.prompt[: len(request.prompt) - scored], request.choices)
        if not scored:  # the definition of the score, and of greedy
            np.testing.assert_allclose(plain[0][number], reference(model, [row])[0], atol=1e-4, rtol=0)
        assert plain[1][number].tolist() == [greedy_reference(model, request, c) for c in request.choices]
    longest = max(r.num_tokens() for r in requests)
    for number_of_rows in (1, 3, 8, 14):
        for tree in (None, False):
            found = scores_of(model, requests, number_of_rows * longest, tree)
            np.testing.assert_allclose(found[0], plain[0], atol=1e-4, rtol=1e-6)
            np.testing.assert_array_equal(found[1], plain[1])
    shapes = record_shapes(model)
    scores_of(model, requests, 10_000)
    assert shapes.count((1, len(HEADER))) == 1  # the header
    assert max(width for rows, width in shapes if rows > 2) <= longest - len(HEADER)


@pytest.mark.parametrize("kind", ["llama", "bloom"])
def test_a_header_under_an_adapter_and_without_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = with_header(HEADER, 14)
    torch.manual_seed(3)
    model = get_peft_model(make_model(kind), LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    on = scores_of(model, requests, 400)
    with model.disable_adapter():
        off = scores_of(model, requests, 400)
        off_plain = without_headers(monkeypatch, model, requests, 400)
    np.testing.assert_allclose(off[0], off_plain[0], atol=1e-4, rtol=1e-6)
    expected = without_headers(monkeypatch, model, requests, 400)
    np.testing.assert_allclose(on[0], expected[0], atol=1e-4, rtol=1e-6)
    np.testing.assert_array_equal(on[1], expected[1])
    assert np.abs(on[0] - off[0]).max() > 0.1


def test_a_prompt_keeps_the_place_that_predicts_for_itself() -> None:
    """Prompts that are the header, or one token less or more, with and without scored tokens at their end."""
    model = make_model("qwen3")
    ends = [Request(HEADER[:-1], ((3, 4), (5,))), Request(HEADER, ((3, 4), (5,))), Request(HEADER, ((3, 4), (5,)), 2)]
    requests = [*ends, Request((*HEADER, 9), ((3, 4), (5,))), *(Request(r.prompt, r.choices[:2]) for r in LONG[:14])]
    scorer = ChoiceScorer(model, requests, batch_tokens=10_000, pad_id=PAD)
    shared = {items: length for items, length in scorer._num_header.items() if length}
    # The first item may give 22 tokens of its prompt away, the third 21: 21 for everyone saves most.
    assert set(shared.values()) == {21} and set().union(*shared) == set(range(len(requests)))
    for items, length in shared.items():
        assert all(length < len(requests[i].prompt) - requests[i].num_scored for i in items)
    found = choice_log_likelihoods(model, requests, batch_tokens=10_000, pad_id=PAD)
    for number, request in enumerate(requests):
        if not request.num_scored:
            np.testing.assert_allclose(found[number], reference(model, [request])[0], atol=1e-4, rtol=0)
    moved = Request(HEADER[:-2], tuple((*HEADER[-2:], *choice) for choice in ends[2].choices))
    np.testing.assert_allclose(found[2], reference(model, [moved])[0], atol=1e-4, rtol=0)


LONG = [Request((*HEADER, *r.prompt), r.choices) for r in make_requests(34)]


def test_headers_are_not_used_beyond_a_sliding_window() -> None:
    """Within it they are: the header's own keys are all there."""
    model = make_model("mistral")
    near = [r for r in LONG if r.num_tokens() <= 40]
    assert 16 <= len(near) < len(LONG)
    for requests, used in ((LONG, False), (near, True)):
        for tree in (None, False):
            shapes = record_shapes(model)
            found = choice_log_likelihoods(model, requests, batch_tokens=10_000, pad_id=PAD, tree=tree)
            assert ((1, len(HEADER)) in shapes) is used
            np.testing.assert_allclose(found, reference(model, requests), atol=1e-4, rtol=0)


def test_a_model_that_keeps_something_else_gets_whole_prompts() -> None:
    model = make_model("mamba")
    assert not takes_headers(model) and not heeds_trees(model)
    found = choice_log_likelihoods(model, LONG[:14], batch_tokens=10_000, pad_id=PAD)
    np.testing.assert_allclose(found, reference(model, LONG[:14]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("what", ["forgets the header", "counts its positions from 0"])
def test_the_trial_finds_models_that_take_headers_wrongly(what: str) -> None:
    model = make_model("llama")
    original = model.model.forward

    def wrong(*args: Any, **kwargs: Any) -> Any:
        if what == "forgets the header":
            kwargs["past_key_values"], kwargs["use_cache"] = None, False
        else:
            kwargs["position_ids"] = torch.arange(kwargs["input_ids"].shape[1])[None]
        return original(*args, **kwargs)

    assert takes_headers(model)
    model.model.forward = wrong
    assert not takes_headers(model)


def test_headers_that_no_longer_fit_are_encoded_again() -> None:
    model = make_model("llama")
    requests = [*with_header(HEADER, 20), *with_header(HEADER[::-1], 20)]
    scorer = ChoiceScorer(model, requests, batch_tokens=40, pad_id=PAD)  # one header of 24 at a time
    found = {batch: scorer.score(batch) for batch in scorer.batches}
    assert len(scorer._encoded) == 1
    roomy = scores_of(model, requests, 10_000)
    for batch, part in found.items():
        np.testing.assert_allclose(part[0], roomy[0][list(batch)], atol=1e-4, rtol=1e-6)


def test_a_header_in_bfloat16() -> None:
    model = make_model("llama").to(torch.bfloat16)
    assert takes_headers(model) and heeds_trees(model)
    shapes = record_shapes(model)
    found = choice_log_likelihoods(model, LONG, batch_tokens=10_000, pad_id=PAD)
    assert (1, len(HEADER)) in shapes
    np.testing.assert_allclose(found, reference(model, LONG), atol=1.0, rtol=0.03)


# ---------------------------------------------------------------- the last layer's feed-forward part


@pytest.mark.parametrize("kind", ["llama", "qwen3", "bloom", "gemma", "gemma2"])
def test_the_last_feed_forward_part_sees_scored_places_only(kind: str) -> None:
    model, requests = make_model(kind), make_requests(longest=1)
    part = last_feed_forward(model)
    layers = model.base_model.h if kind == "bloom" else model.base_model.layers
    assert part is layers[-1].mlp
    sizes: list[int] = []
    inner = part.dense_4h_to_h if kind == "bloom" else part.down_proj
    hook = inner.register_forward_pre_hook(lambda module, args: sizes.append(args[0].shape[:-1].numel()))
    found = choice_log_likelihoods(model, requests, batch_tokens=10_000, pad_id=PAD, tree=True)
    hook.remove()
    assert sizes[-1] == len(requests)
    assert not part._forward_hooks and not part._forward_pre_hooks  # nothing is left behind
    np.testing.assert_allclose(found, reference(model, requests), atol=1e-4, rtol=0)


def test_a_feed_forward_part_that_mixes_places_gets_them_all() -> None:
    model, requests = make_model("llama"), make_requests(longest=1)
    part = model.model.layers[-1].mlp
    original = part.forward
    part.forward = lambda x: original(x + x.roll(1, dims=1))
    assert last_feed_forward(model) is None
    del model.model.layers[-1].mlp
    assert last_feed_forward(model) is None
    assert last_feed_forward(make_model("mamba")) is None
    part.forward = original
    model.model.layers[-1].mlp = part
    assert last_feed_forward(model) is part
    assert choice_log_likelihoods(model, requests, batch_tokens=90, pad_id=PAD).shape == (12, 2)


# ---------------------------------------------------------------- trials


def test_what_a_model_can_do_is_tried_once_and_again_after_a_failure() -> None:
    model = make_model("llama")
    shapes = record_shapes(model)
    state = {name: weight.clone() for name, weight in model.state_dict().items()}
    for weights, number in (("broken", 1), ("whole", 2), ("whole", 3)):
        shapes.clear()
        if weights == "broken":
            torch.nn.init.constant_(model.model.norm.weight, float("nan"))
        else:
            model.load_state_dict(state)
        found = choice_log_likelihoods(model, LONG, batch_tokens=100_000, pad_id=PAD)
        assert np.isnan(found[:, 0]).all() == (weights == "broken")
        assert (min(tokens for _, tokens in shapes) < 7) is (number < 3)  # rows as short as those of the trials
    assert shapes[0] == (1, len(HEADER)) and len(shapes) == 2
