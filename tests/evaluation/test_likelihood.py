"""Log-likelihoods of choices: the shared-prompt rows, the plain rows and the textbook way give the same numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    GemmaConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Qwen3Config,
)

from mslt_it.evaluation import headers
from mslt_it.evaluation.likelihood import BatchScores, ChoiceScorer, choice_log_likelihoods, score_in_batches
from mslt_it.evaluation.shared_rows import Request
from mslt_it.evaluation.trials import heeds_trees, last_feed_forward, takes_headers

VOCABULARY, PAD = 60, 0


def make_model(kind: str) -> Any:
    shape: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 32, "pad_token_id": PAD, "eos_token_id": 1}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48}
    # A wide initialisation: with the usual 0.02 a random model gives everything nearly the same score.
    shape["initializer_range"] = 0.3
    kinds: dict[str, Callable[[], Any]] = {
        "llama": lambda: LlamaConfig(**shape, **layers),
        "qwen3": lambda: Qwen3Config(**shape, **layers, head_dim=8),
        "bloom": lambda: BloomConfig(**shape, n_layer=2, n_head=4),
        "gemma": lambda: GemmaConfig(**shape, **layers, head_dim=8),
        "gemma2": lambda: Gemma2Config(**shape, **layers, head_dim=8, final_logit_softcapping=2.0),
        "mistral": lambda: MistralConfig(**shape, **layers, sliding_window=40),
        "mamba": lambda: MambaConfig(**shape, num_hidden_layers=2, state_size=4),
    }
    config = kinds[kind]()
    torch.manual_seed(11)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def record_shapes(model: Any) -> list[tuple[int, int]]:
    """(rows, tokens) of each later forward pass of the model's body."""
    found: list[tuple[int, int]] = []

    def record(module: Any, args: Any, kwargs: Any) -> None:
        found.append(tuple(kwargs.get("input_ids", args[0] if args else None).shape))

    model.base_model.register_forward_pre_hook(record, with_kwargs=True)
    return found


def make_requests(number: int = 12, longest: int = 4) -> list[Request]:
    """Prompts of 1 to 25 tokens, three choices of 1 to ``longest`` tokens; some share their first token."""
    draw = random.Random(2)

    def tokens(size: int) -> tuple[int, ...]:
        return tuple(draw.randrange(2, VOCABULARY) for _ in range(size))

    found = []
    for i in range(number):
        first = tokens(1)
        choices = (first + tokens(draw.randint(0, longest - 1)), tokens(draw.randint(1, longest)), (*first, 2))
        found.append(Request(tokens(1 if i == 0 else draw.randint(2, 25)), choices[: 3 if longest > 1 else 2]))
    return found


def reference(model: Any, requests: list[Request]) -> np.ndarray:
    """One unpadded row per choice, the whole forward pass, every logit."""
    rows = []
    with torch.no_grad():
        for request in requests:
            scores = []
            for choice in request.choices:
                ids = torch.tensor([[*request.prompt, *choice]])
                log_probs = torch.log_softmax(model(input_ids=ids).logits[0].double(), dim=-1)
                start = len(request.prompt) - 1
                scores.append(sum(float(log_probs[start + i, token]) for i, token in enumerate(choice)))
            rows.append(scores)
    return np.array(rows)


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


def test_progress_is_reported_and_nothing_is_fine() -> None:
    model, requests, seen = make_model("llama"), make_requests(), []
    choice_log_likelihoods(model, requests, batch_tokens=60, pad_id=PAD, advance=seen.append)
    assert sum(seen) == len(requests) and len(seen) > 1
    assert choice_log_likelihoods(model, [], batch_tokens=60, pad_id=PAD).shape == (0, 0)


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


def greedy_reference(model: Any, request: Request, choice: tuple[int, ...]) -> bool:
    ids = [*request.prompt, *choice]
    with torch.no_grad():
        best = model(input_ids=torch.tensor([ids])).logits[0].argmax(dim=-1).tolist()
    start = len(request.prompt) - request.num_scored
    return best[start - 1 : len(ids) - 1] == ids[start:]


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
    for batch in score_in_batches(model, requests, batch_tokens=150, pad_id=PAD):
        width = batch.greedy.shape[1]
        assert batch.log_likelihoods.shape == (len(batch.items), width)
        scores[list(batch.items), :width], flags[list(batch.items), :width] = batch.log_likelihoods, batch.greedy
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
        [batch] = score_in_batches(model, [Request((*prompt, token), ((after,),), 1)], batch_tokens=9, pad_id=PAD)
        assert batch.greedy.tolist() == [[is_greedy]]


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
        found = backwards.score(list(batch))
        assert found.items == batch
        np.testing.assert_array_equal(found.log_likelihoods, expected[batch].log_likelihoods)
        np.testing.assert_array_equal(found.greedy, expected[batch].greedy)
    assert backwards.batches == forwards.batches


def test_something_else_than_a_batch_is_refused() -> None:
    scorer = ChoiceScorer(make_model("llama"), make_requests(4), batch_tokens=10_000, pad_id=PAD)
    with pytest.raises(ValueError, match=r"\(0, 1\) is not one of the 1 batches of these requests"):
        scorer.score([0, 1])


# ---------------------------------------------------------------- what prompts begin with

HEADER = tuple(2 + (11 * i) % 50 for i in range(24))


def with_header(header: tuple[int, ...], number: int) -> list[Request]:
    """Items behind one header, the first with one token of its own; some with scored tokens at the prompt's end."""
    found = []
    for i, request in enumerate(make_requests(number)):
        num_scored = 0 if len(request.prompt) < 4 else i % 3
        found.append(Request((*header, *request.prompt), request.choices, num_scored))
    return found


def scores_of(model: Any, requests: list[Request], batch_tokens: int, tree: bool | None = None) -> BatchScores:
    """All batches put together; every item has three choices."""
    scorer = ChoiceScorer(model, requests, batch_tokens=batch_tokens, pad_id=PAD, tree=tree)
    found, flags = np.full((len(requests), 3), np.nan), np.zeros((len(requests), 3), dtype=bool)
    for batch in scorer.batches:
        part = scorer.score(batch)
        found[list(batch)], flags[list(batch)] = part.log_likelihoods, part.greedy
    return BatchScores(tuple(range(len(requests))), found, flags)


def without_headers(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> BatchScores:
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
            np.testing.assert_allclose(plain.log_likelihoods[number], reference(model, [row])[0], atol=1e-4, rtol=0)
        assert plain.greedy[number].tolist() == [greedy_reference(model, request, c) for c in request.choices]
    longest = max(r.num_tokens() for r in requests)
    for number_of_rows in (1, 3, 8, 14):
        for tree in (None, False):
            found = scores_of(model, requests, number_of_rows * longest, tree)
            np.testing.assert_allclose(found.log_likelihoods, plain.log_likelihoods, atol=1e-4, rtol=1e-6)
            np.testing.assert_array_equal(found.greedy, plain.greedy)
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
    np.testing.assert_allclose(off.log_likelihoods, off_plain.log_likelihoods, atol=1e-4, rtol=1e-6)
    expected = without_headers(monkeypatch, model, requests, 400)
    np.testing.assert_allclose(on.log_likelihoods, expected.log_likelihoods, atol=1e-4, rtol=1e-6)
    np.testing.assert_array_equal(on.greedy, expected.greedy)
    assert np.abs(on.log_likelihoods - off.log_likelihoods).max() > 0.1


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
        np.testing.assert_allclose(part.log_likelihoods, roomy.log_likelihoods[list(batch)], atol=1e-4, rtol=1e-6)


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
