"""Answers as text: equal to taking tokens one by one, greedy or drawn, whatever shares the batch."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from small_writers import END, PAD, WORDS, generated, one_by_one
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from mslt_it.evaluation import generation
from mslt_it.evaluation.generation import (
    Generated,
    Prompt,
    Sampling,
    TextGenerator,
    _batches,
    _Draws,
    _Finite,
    uniforms,
)


@pytest.fixture(params=["slots", "batches"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In slots, as a decoder writes, or in plain batches, as one does whose scores in slots are others."""
    if request.param == "batches":
        monkeypatch.setattr(generation, "takes_slots", lambda base: False)


PROMPTS = [[5, 6, 7], [8, 9], [10, 11, 12, 13, 14], [15], [16, 17, 18, 19]]


def answers(model: LlamaForCausalLM, batch_tokens: int, prompts: list[list[int]] = PROMPTS) -> tuple[str | None, ...]:
    found = generated(model, batch_tokens=batch_tokens, prompts=[Prompt(tuple(ids), 6) for ids in prompts])
    return tuple(answer.text for answer in found)


@pytest.mark.usefixtures("either_way")
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


@pytest.mark.usefixtures("either_way")
def test_scores_that_are_not_finite_give_no_answer(model: LlamaForCausalLM) -> None:
    with torch.no_grad():
        saved = model.model.embed_tokens.weight[15].clone()
        model.model.embed_tokens.weight[15] = float("nan")
        try:
            found = answers(model, 1)
        finally:
            model.model.embed_tokens.weight[15] = saved
    assert found[3] is None and all(text is not None for i, text in enumerate(found) if i != 3)


# ---------------------------------------------------------------- sampling


@pytest.mark.usefixtures("either_way")
def test_a_sample_depends_neither_on_its_batch_nor_on_the_order(exact: LlamaForCausalLM) -> None:
    sampling = Sampling(1.0, 0.95, 7)
    expected = generated(exact, sampling)
    assert len({answer.text for answer in expected}) > 3
    for batch_tokens in (1, 30, 60):
        assert generated(exact, sampling, batch_tokens) == expected
    prompts = [Prompt(ids, 8, f"item {number}") for number, ids in enumerate(WORDS)]
    assert generated(exact, sampling, 30, prompts[::-1])[::-1] == expected


def test_seed_item_and_sample_each_make_another_answer(exact: LlamaForCausalLM) -> None:
    first, *_, last = generated(exact, Sampling(1.5, 1.0, 7))
    assert first != last  # one prompt, two items
    assert generated(exact, Sampling(1.5, 1.0, 8))[0] != first
    assert generated(exact, Sampling(1.5, 1.0, 7)) == generated(exact, Sampling(1.5, 1.0, 7))


def test_towards_temperature_0_and_top_p_0_sampling_is_greedy(exact: LlamaForCausalLM) -> None:
    greedy = generated(exact)
    assert generated(exact, Sampling(1e-6, 1.0, 3)) == greedy
    assert generated(exact, Sampling(1.0, 1e-9, 3)) == greedy
    assert generated(exact, Sampling(1.5, 1.0, 3)) != greedy


def drawn(probabilities: list[float], sampling: Sampling, number: int) -> np.ndarray:
    """Shares of ``number`` first tokens drawn from one distribution."""
    draw = _Draws(sampling, [f"item {n}" for n in range(number)], width=3, num_steps=1)
    scores = torch.tensor(probabilities).log().expand(number, -1)
    kept = draw(torch.zeros(number, 3, dtype=torch.long), scores)
    assert (torch.isfinite(kept).sum(dim=-1) == 1).all()
    return np.bincount(kept.argmax(dim=-1).numpy(), minlength=len(probabilities)) / number


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_the_softmax_says(temperature: float) -> None:
    """Chi-square with 4 degrees of freedom: 23.5 is exceeded once in 10,000. The seed is fixed: no gamble."""
    probabilities = [0.05, 0.4, 0.1, 0.3, 0.15]
    number = 20_000
    found = drawn(probabilities, Sampling(temperature, 1.0, 11), number)
    wanted = np.array(probabilities) ** (1 / temperature)
    wanted /= wanted.sum()
    assert number * ((found - wanted) ** 2 / wanted).sum() < 23.5


@pytest.mark.parametrize(
    ("top_p", "kept"), [(0.39, [1]), (0.41, [1, 3]), (0.7, [1, 3]), (0.71, [1, 3, 4]), (1.0, [0, 1, 2, 3, 4])]
)
def test_top_p_keeps_the_likeliest_that_reach_it(top_p: float, kept: list[int]) -> None:
    probabilities = np.array([0.05, 0.4, 0.1, 0.3, 0.15])
    found = drawn(probabilities.tolist(), Sampling(1.0, top_p, 5), 4000)
    assert np.flatnonzero(found).tolist() == kept
    np.testing.assert_allclose(found[kept], probabilities[kept] / probabilities[kept].sum(), atol=0.03)


def test_a_token_that_is_ruled_out_is_never_drawn() -> None:
    assert drawn([0.5, 0.0, 0.5], Sampling(5.0, 1.0, 1), 2000)[1] == 0


def test_uniform_numbers_belong_to_seed_and_key_and_go_on_as_they_began() -> None:
    numbers = uniforms(3, "a\0\0" + "1", 50)
    assert (numbers[:20] == uniforms(3, "a\0\0" + "1", 20)).all()
    assert len({float(uniforms(s, k, 1)[0]) for s in range(20) for k in ("a", "b", "c")}) == 60
    many = np.concatenate([uniforms(0, str(n), 5) for n in range(2000)])
    assert many.min() >= 0 and many.max() < 1 and abs(many.mean() - 0.5) < 0.01


# ---------------------------------------------------------------- limits, positions, a model's own settings


@pytest.mark.usefixtures("either_way")
def test_each_row_has_its_own_limit(exact: LlamaForCausalLM) -> None:
    limits = [1, 8, 3, 5, 2, 8]
    prompts = [Prompt(ids, limit) for ids, limit in zip(WORDS, limits, strict=True)]
    for batch_tokens in (1, 1000):
        found = generated(exact, None, batch_tokens, prompts)
        for answer, ids, limit in zip(found, WORDS, limits, strict=True):
            wanted = one_by_one(exact, list(ids), limit)
            assert answer.text == " ".join(map(str, wanted))
            assert answer.is_cut == (len(wanted) == limit)
            assert answer.num_tokens == len(wanted) + (not answer.is_cut)


def test_the_end_token_is_counted_and_not_told(exact: LlamaForCausalLM) -> None:
    second = one_by_one(exact, list(WORDS[0]), 2)[1]
    prompts = [Prompt(WORDS[0], 8)]
    generator = TextGenerator(
        exact, prompts, end_id=second, pad_id=PAD, batch_tokens=99, decode=lambda ids: " ".join(map(str, ids))
    )
    [answer] = generator.generate(generator.batches[0])
    assert (answer.num_tokens, answer.is_cut) == (2, False) and str(second) not in (answer.text or "").split()


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("batch_tokens", [1, 10_000])
def test_no_row_goes_beyond_the_models_positions(kind: str, batch_tokens: int) -> None:
    """GPT-2 has a learned vector per position and fails beyond them; prompts near the limit end there."""
    torch.manual_seed(2)
    shape: dict[str, Any] = {"vocab_size": 40, "initializer_range": 0.5, "bos_token_id": None, "eos_token_id": END}
    if kind == "gpt2":
        model: Any = GPT2LMHeadModel(GPT2Config(**shape, n_positions=16, n_embd=32, n_layer=1, n_head=2))
    else:
        layers = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 32, "intermediate_size": 32}
        model = LlamaForCausalLM(LlamaConfig(**shape, **layers, max_position_embeddings=16))
    model = model.double().eval()
    prompts = [Prompt(tuple(5 + n % 30 for n in range(length)), 9) for length in (2, 5, 12, 14, 16, 20)]
    found = generated(model, None, batch_tokens, prompts)
    for answer, prompt in zip(found, prompts, strict=True):
        room = min(9, max(0, 16 - len(prompt.ids)))
        wanted = one_by_one(model, list(prompt.ids), room) if room else []
        assert answer.text == " ".join(map(str, wanted)) and answer.is_cut == (len(wanted) == room)
    assert found[-1] == Generated("", 0, True)


@pytest.mark.usefixtures("either_way")
def test_nothing_of_a_models_generation_config_applies(exact: LlamaForCausalLM, tmp_path: Path) -> None:
    """Whatever is not said to generate() transformers takes from the model's own settings."""
    expected, sampled = generated(exact), generated(exact, Sampling(1.0, 0.9, 4))
    exact.save_pretrained(tmp_path)
    settings = {
        "do_sample": True, "temperature": 5.0, "top_k": 2, "top_p": 0.1, "min_p": 0.2, "typical_p": 0.3,
        "repetition_penalty": 3.0, "no_repeat_ngram_size": 1, "min_new_tokens": 8, "eos_token_id": [5, 6],
        "suppress_tokens": [int(t) for answer in expected for t in (answer.text or "").split()],
        "bad_words_ids": [[7]], "max_new_tokens": 1, "num_beams": 3, "num_return_sequences": 2, "use_cache": False,
        "forced_eos_token_id": 9, "max_time": 1e-9,
    }  # fmt: skip
    (tmp_path / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    loaded = LlamaForCausalLM.from_pretrained(tmp_path, dtype=torch.float64).eval()
    assert loaded.generation_config.no_repeat_ngram_size == 1
    assert generated(loaded) == expected and generated(loaded, Sampling(1.0, 0.9, 4)) == sampled
    adapted = get_peft_model(loaded, LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")).eval()
    assert generated(adapted) == expected  # a fresh adapter changes nothing
    assert loaded.generation_config.no_repeat_ngram_size == 1  # and the settings are left as they were


def test_an_adapter_answers(exact: LlamaForCausalLM) -> None:
    torch.manual_seed(4)
    settings = LoraConfig(r=4, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM", init_lora_weights=False)
    adapted = get_peft_model(copy.deepcopy(exact), settings).double().eval()
    found = generated(adapted)
    assert found != generated(exact)
    wanted = [" ".join(map(str, one_by_one(adapted, list(ids), 8))) for ids in WORDS]
    assert [answer.text for answer in found] == wanted
    with adapted.disable_adapter():
        assert generated(adapted) == generated(exact)


def test_a_score_that_is_not_finite_after_an_answers_end_does_not_count() -> None:
    """Rows that are done are fed padding until the batch is; what they score then is nobody's answer."""
    watch = _Finite(2, width=3, told=lambda: None)
    fine, bad = torch.zeros(5), torch.full((5,), float("nan"))
    watch(torch.zeros(2, 3), torch.stack([fine, fine]))
    watch(torch.zeros(2, 4), torch.stack([bad, fine]))
    assert watch.first_bad == [1, None]
    watch(torch.zeros(2, 5), torch.stack([bad, torch.full((5,), float("-inf"))]))
    assert watch.first_bad == [1, 2]
    generator = object.__new__(TextGenerator)
    generator._end_id, generator._decode = END, lambda ids: " ".join(map(str, ids))
    assert generator._answer([9, END, 0], 8, first_bad=2) == Generated("9", 2, False)
    assert generator._answer([9, 9, END], 8, first_bad=2) == Generated(None, 0, False)
    assert generator._answer([9, 9, 9], 2, first_bad=2) == Generated("9 9", 2, True)


@pytest.mark.usefixtures("either_way")
def test_answers_are_told_as_they_come_part_by_part(exact: LlamaForCausalLM) -> None:
    """Side by side the first is done late: an estimate by whole ones is of days, and nothing is told before."""
    prompts = [Prompt((5, 6), limit) for limit in (0, 2, 9, 4, 9)]
    writer = TextGenerator(exact, prompts, end_id=END, pad_id=PAD, batch_tokens=33, decode=lambda ids: "")
    told: list[float] = []
    [batch] = writer.batches
    writer.generate(batch, lambda number, is_new=True: told.append(number))
    assert sum(told) == pytest.approx(5) and len(told) > 6
    assert told[0] == 1 and max(told[1:3]) < 1  # the row without room, then parts


@pytest.mark.usefixtures("either_way")
def test_a_sampled_answer_of_a_broken_model_is_none(exact: LlamaForCausalLM) -> None:
    broken = copy.deepcopy(exact)
    with torch.no_grad():
        broken.lm_head.weight[7] = float("inf")
    assert all(answer == Generated(None, 0, False) for answer in generated(broken, Sampling(1.0, 0.9, 1)))


def test_batches_are_decided_by_prompts_alone_and_bound_what_is_written_at_once() -> None:
    prompts = [Prompt(tuple(range(5, 5 + n)), limit) for n, limit in [(3, 9), (8, 2), (8, 2), (1, 4), (5, 5), (30, 9)]]
    assert _batches(prompts, 40) == ((5, 1, 2, 4), (0, 3))  # one slot for the longest, with four rows after another
    assert _batches(prompts, 10_000) == ((5, 1, 2, 4, 0, 3),)
    assert [len(batch) for batch in _batches([Prompt((5, 6), 8)] * 30, 30)] == [12, 12, 6]  # three slots, four rounds
