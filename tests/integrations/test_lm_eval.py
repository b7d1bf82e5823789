"""Our log-likelihoods inside lm-eval: the same answers and result dictionary as lm-eval's own loop."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model

from mslt_it.evaluation.likelihood import choice_log_likelihoods
from mslt_it.evaluation.shared_rows import Request
from mslt_it.problems import Problem

pytest.importorskip("lm_eval")

from beside_lm_eval import TOKENIZER, assert_equal, both, make_lm, make_model, make_pairs
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from mslt_it.integrations import lm_eval as bridge
from mslt_it.integrations.lm_eval import SharedPromptLM, group_by_context


@pytest.mark.parametrize("kind", ["llama", "bloom", "cohere"])
@pytest.mark.parametrize("batch_size", [1, 3, 8, "auto"])
def test_log_likelihoods_and_greedy_flags_are_lm_evals(kind: str, batch_size: Any) -> None:
    ours, stock = both(kind)
    pairs = make_pairs(ours.model)
    expected = stock._loglikelihood_tokens(pairs, disable_tqdm=True)
    flags = [flag for _, flag in expected]
    assert 10 <= sum(flags) < len(flags) - 10  # both kinds are there
    ours.batch_size_per_gpu = batch_size
    assert_equal(ours._loglikelihood_tokens(pairs, disable_tqdm=True), expected)
    assert ours.why_stock == ""


def test_an_adapter_is_scored_with_its_base() -> None:
    model = make_model()
    torch.manual_seed(1)
    tuned = get_peft_model(make_model(), LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)).eval()
    pairs = make_pairs(model)
    ours = make_lm(SharedPromptLM, tuned)._loglikelihood_tokens(pairs, disable_tqdm=True)
    assert_equal(ours, make_lm(HFLM, tuned)._loglikelihood_tokens(pairs, disable_tqdm=True))
    plain = make_lm(SharedPromptLM, model)._loglikelihood_tokens(pairs, disable_tqdm=True)
    assert max(abs(a[0] - b[0]) for a, b in zip(ours, plain, strict=True)) > 0.1


def test_long_contexts_are_cut_where_lm_eval_cuts_them(caplog: pytest.LogCaptureFixture) -> None:
    ours, stock = both(max_length=12)
    pairs = make_pairs(ours.model)
    assert sum(len(p[1]) + len(p[2]) > 13 for p in pairs) > 10
    assert_equal(
        ours._loglikelihood_tokens(pairs, disable_tqdm=True), stock._loglikelihood_tokens(pairs, disable_tqdm=True)
    )
    assert "prompts were cut at the left: longer than 12 tokens with their answer" in caplog.text


def test_texts_empty_contexts_and_rolling_windows() -> None:
    ours, stock = both(max_length=20)
    texts = ["", "Kedi ", "Soru: kedi nerede?\n", "x"]
    answers = ["evde", " evde", "Evet", "evdeyken", "e"]
    requests = [Instance("loglikelihood", {}, (c, a), 0) for c in texts for a in answers]
    assert_equal(ours.loglikelihood(requests, disable_tqdm=True), stock.loglikelihood(requests, disable_tqdm=True))
    rolling = [
        Instance("loglikelihood_rolling", {}, (text,), 0) for text in ("Kedi", "Bir kedi uyuyor ve kuşlar uçuyor.")
    ]
    found, expected = (lm.loglikelihood_rolling(rolling, disable_tqdm=True) for lm in (ours, stock))
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-6)


def test_an_answer_longer_than_the_model_takes_is_a_problem() -> None:
    ours, _ = both(max_length=4)
    with pytest.raises(Problem, match=r"Request 1 has 2 tokens of context and 5 to score; .* at most 4 \(the model's"):
        ours._loglikelihood_tokens([(None, [7], [8]), (None, [7, 7], [8] * 5)], disable_tqdm=True)


def test_a_prompt_is_encoded_once_and_the_head_applied_where_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mslt_it.evaluation.likelihood.last_feed_forward", lambda base: None)  # no trial is counted
    ours, stock = both()
    prompt = list(range(10, 50))
    pairs: list[Any] = [(("p", str(i)), prompt, [60, 61 + i, 70, 71]) for i in range(3)]
    counted: dict[str, int] = {}
    body, head = ours.model.model, ours.model.lm_head

    def count_tokens(module: Any, args: Any, kwargs: Any) -> None:
        counted["tokens"] = counted.get("tokens", 0) + (kwargs.get("input_ids", args[0] if args else None)).numel()

    def count_places(module: Any, args: Any) -> None:
        counted["places"] = counted.get("places", 0) + args[0].shape[:-1].numel()

    assert ours.why_stock == ""
    body.register_forward_pre_hook(count_tokens, with_kwargs=True)
    head.register_forward_pre_hook(count_places)
    stock._loglikelihood_tokens(pairs, disable_tqdm=True)
    assert counted == {"tokens": 3 * 43, "places": 3 * 43}
    counted.clear()
    groups, members = group_by_context(pairs, 512)
    choice_log_likelihoods(ours.model, groups, batch_tokens=1000, pad_id=0, tree=True)
    # The token that all answers begin with joins the prompt; their last ones are predicted, not read.
    assert counted == {"tokens": 41 + 3 * 2, "places": 2 + 3 * 2}
    assert groups == [Request((*prompt, 60), ((61, 70, 71), (62, 70, 71), (63, 70, 71)), 1)]
    assert members == [[(0, 0), (1, 1), (2, 2)]]


@pytest.mark.parametrize("kind", ["llama", "bloom", "cohere"])
def test_what_contexts_begin_with_is_encoded_once(kind: str) -> None:
    ours, stock = both(kind)
    draw = random.Random(4)
    shots = [draw.randrange(6, len(TOKENIZER)) for _ in range(60)]
    pairs = [(label, shots + context, answer) for label, context, answer in make_pairs(ours.model)]
    expected = stock._loglikelihood_tokens(pairs, disable_tqdm=True)
    shapes: list[tuple[int, int]] = []
    assert ours.why_stock == ""

    def record(module: Any, args: Any, kwargs: Any) -> None:
        shapes.append(tuple(kwargs["input_ids"].shape))

    ours.model.base_model.register_forward_pre_hook(record, with_kwargs=True)
    for batch_size in (1, 3, 8):
        shapes.clear()
        ours.batch_size_per_gpu = batch_size
        assert_equal(ours._loglikelihood_tokens(pairs, disable_tqdm=True), expected)
        assert [shape for shape in shapes if shape[1] >= 60] == [(1, 60)]  # the header, and nothing else as long


def test_grouping_keeps_rows_short_and_finds_equal_answers_once() -> None:
    draw = random.Random(1)
    many: list[Any] = [(None, [9], [draw.randrange(6, 99) for _ in range(20)]) for _ in range(60)]
    groups, members = group_by_context([*many, many[0]], 512)
    assert len(groups) > 3 and all(group.num_tokens() <= 1 + bridge.MIN_CHOICE_TOKENS for group in groups)
    assert sorted(index for group in members for index, _ in group) == list(range(61))
    assert sum(len(group.choices) for group in groups) == 60


def test_batches_hold_no_more_tokens_than_lm_evals_largest() -> None:
    groups = [Request(tuple(range(10)), ((1, 2, 3), (4,))), Request(tuple(range(30)), ((1,),))]
    model = make_model()
    assert make_lm(SharedPromptLM, model, batch_size=4)._budget(groups, None) == 4 * 30
    assert make_lm(SharedPromptLM, model, batch_size=4)._budget(groups, 2) == 2 * 30
    assert make_lm(SharedPromptLM, model, batch_size="auto")._budget(groups, None) == 1536
    assert make_lm(SharedPromptLM, model, batch_size=4, batch_tokens=77)._budget(groups, None) == 77
    with pytest.raises(
        Problem, match=r"batch_tokens='many' in --model_args must be a whole number of tokens from 1 up"
    ):
        make_lm(SharedPromptLM, model, batch_tokens="many")


def prompt_tuned(model: Any) -> Any:
    torch.manual_seed(2)
    return get_peft_model(model, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)).eval()


STOCK: list[tuple[Callable[[Any], Any], dict[str, Any], str]] = [
    (prompt_tuned, {}, "virtual tokens"),
    (lambda model: model, {"softmax_dtype": "bfloat16"}, "softmax_dtype=torch.bfloat16"),
    (lambda model: model, {"mixed_precision_dtype": "bfloat16"}, "mixed_precision_dtype is set"),
]


@pytest.mark.parametrize(("change", "arguments", "reason"), STOCK, ids=[case[2] for case in STOCK])
def test_what_we_cannot_do_goes_lm_evals_way(
    change: Callable[[Any], Any], arguments: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = change(make_model())
    ours, stock = make_lm(SharedPromptLM, model, **arguments), make_lm(HFLM, model, **arguments)
    pairs = make_pairs(make_model(), 3)
    assert reason in ours.why_stock
    assert "log-likelihoods in lm-eval's own loop" in caplog.text
    found, expected = (lm._loglikelihood_tokens(pairs, disable_tqdm=True) for lm in (ours, stock))
    assert found == expected


def test_a_head_that_is_not_all_goes_lm_evals_way() -> None:
    model = make_model()
    forward = model.forward

    def louder(*args: Any, **kwargs: Any) -> Any:
        result = forward(*args, **kwargs)
        result.logits = result.logits * 2
        return result

    model.forward = louder
    assert "not its output head" in make_lm(SharedPromptLM, model).why_stock


def test_softmax_in_float32_is_ours() -> None:
    model = make_model().to(torch.bfloat16)
    ours = make_lm(SharedPromptLM, model, softmax_dtype="float32")
    stock = make_lm(HFLM, model, softmax_dtype="float32")
    pairs = make_pairs(make_model(), 4)
    assert ours.why_stock == ""
    found, expected = (lm._loglikelihood_tokens(pairs, disable_tqdm=True) for lm in (ours, stock))
    np.testing.assert_allclose([a for a, _ in found], [a for a, _ in expected], rtol=0.02)


def test_answers_go_to_lm_evals_cache() -> None:
    ours, stock = both()
    pairs = make_pairs(ours.model, 4)
    stored: list[dict[Any, Any]] = []
    for lm in (ours, stock):
        kept: dict[Any, Any] = {}

        class Hook:
            def add_partial(self, name: str, request: Any, answer: Any, kept: dict[Any, Any] = kept) -> None:
                kept[name, request] = answer

        lm.cache_hook = Hook()
        lm._loglikelihood_tokens([*pairs, (None, [7, 8], [9])], disable_tqdm=True)
        stored.append(kept)
    assert stored[0].keys() == stored[1].keys() and len(stored[0]) == len({pair[0] for pair in pairs})
    for key, answer in stored[0].items():
        assert_equal([answer], [stored[1][key]])


def test_a_broken_model_has_no_score() -> None:
    model = make_model()
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    ours = make_lm(SharedPromptLM, model)
    ours.why_stock = ""  # NaN is not equal to itself, so the trial of the head fails too
    found = ours._loglikelihood_tokens(make_pairs(make_model(), 2), disable_tqdm=True)
    assert all(np.isnan(value) and not flag for value, flag in found)
