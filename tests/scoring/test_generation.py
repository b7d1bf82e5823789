"""Greedy answers: equal to taking the best token one by one, whatever shares the batch."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mslt_it.scoring.generation import generate_answers

END, PAD = 3, 0


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, initializer_range=0.6,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


PROMPTS = [[5, 6, 7], [8, 9], [10, 11, 12, 13, 14], [15], [16, 17, 18, 19]]


def one_by_one(model: LlamaForCausalLM, prompt: list[int], num: int) -> list[int]:
    ids = list(prompt)
    with torch.no_grad():
        while len(ids) < len(prompt) + num:
            best = int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
            if best == END:
                break
            ids.append(best)
    return ids[len(prompt) :]


def answers(model: LlamaForCausalLM, batch_tokens: int, prompts: list[list[int]] = PROMPTS) -> tuple[str | None, ...]:
    return generate_answers(
        model, prompts, max_new_tokens=6, end_id=END, pad_id=PAD, batch_tokens=batch_tokens,
        decode=lambda ids: " ".join(map(str, ids)),
    )  # fmt: skip


def test_equal_to_the_best_token_each_time_at_any_batch_size(model: LlamaForCausalLM) -> None:
    expected = tuple(" ".join(map(str, one_by_one(model, prompt, 6))) for prompt in PROMPTS)
    assert len(set(expected)) > 1
    for batch_tokens in (1, 25, 1000):
        assert answers(model, batch_tokens) == expected


def test_an_answer_ends_before_its_end_token(model: LlamaForCausalLM) -> None:
    with torch.no_grad():
        saved = model.lm_head.weight[END].clone()
        first = one_by_one(model, PROMPTS[0], 1)
        model.lm_head.weight[END] = model.lm_head.weight[first[0]] * 2  # now the end token wins at once
        try:
            assert answers(model, 1000, [PROMPTS[0]]) in ((""), ("",))
        finally:
            model.lm_head.weight[END] = saved


def test_a_models_own_sampling_settings_do_not_apply(model: LlamaForCausalLM) -> None:
    expected = answers(model, 1000)
    model.generation_config.update(do_sample=True, temperature=5.0, repetition_penalty=3.0, top_k=2)
    assert answers(model, 1000) == expected == answers(model, 1000)


def test_scores_that_are_not_finite_give_no_answer(model: LlamaForCausalLM) -> None:
    with torch.no_grad():
        saved = model.model.embed_tokens.weight[15].clone()
        model.model.embed_tokens.weight[15] = float("nan")
        try:
            found = answers(model, 1)
        finally:
            model.model.embed_tokens.weight[15] = saved
    assert found[3] is None and all(text is not None for i, text in enumerate(found) if i != 3)


def test_progress_counts_every_prompt(model: LlamaForCausalLM) -> None:
    done: list[int] = []
    generate_answers(
        model, PROMPTS, max_new_tokens=2, end_id=END, pad_id=PAD, batch_tokens=16, decode=str, advance=done.append
    )
    assert sum(done) == len(PROMPTS) and len(done) > 1
