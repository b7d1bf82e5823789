"""A text-to-text model's rows, loss, gradients, scores and answers are those of transformers' own model."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_mt5 import mt5_recipe
from transformers import WhisperConfig

from mslt_it.config.recipe import Recipe
from mslt_it.data.build import build_scored_set, build_training_set
from mslt_it.data.encoding import Encoder
from mslt_it.data.segments import encoder_of
from mslt_it.data.text_to_text import TextToTextEncoder
from mslt_it.evaluation.generation import Prompt, Sampling, TextGenerator
from mslt_it.evaluation.likelihood import choice_log_likelihoods
from mslt_it.evaluation.questions import choice_requests
from mslt_it.models.base_model import add_adapter, base_of, load_adapter, load_base, model_hash
from mslt_it.models.causality import refuse_not_causal
from mslt_it.models.finished_run import adapter_hash
from mslt_it.models.kinds import kind_of_path, with_kind
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.problems import Problem
from mslt_it.records import EncodedExample, Message, PromptedExample
from mslt_it.training.batches import PaddingCollator, to_dataset
from mslt_it.training.sft import train
from mslt_it.training.supervised_loss import add_answer_forward

METHODS = pytest.mark.parametrize("method", ["lora", "full"])
Built = tuple[Recipe, Any, list[EncodedExample], Any]


@pytest.fixture(scope="module")
def build(mt5: Path) -> Callable[..., Built]:
    """(recipe, tokenizer, training rows, model to be trained)."""

    def made(*overrides: str) -> Built:
        recipe = mt5_recipe(mt5, *overrides)
        tokenizer = load_tokenizer(recipe.model)
        rows, _ = build_training_set(recipe, tokenizer)
        model = load_base(recipe.model, recipe.adapter, device="cpu")
        return recipe, tokenizer, rows, add_adapter(model, recipe.adapter, recipe.seed)

    return made


def batch(rows: list[EncodedExample]) -> dict[str, Any]:
    dataset = to_dataset(rows, ("ar", "de"), 1)
    made = PaddingCollator(1)([dataset[i] for i in range(len(rows))])
    made.pop("languages")
    return made


# ---------------------------------------------------------------- rows


def test_encoder_reads_the_prompt_and_decoder_says_the_answer(mt5: Path) -> None:
    tokenizer = load_tokenizer(mt5_recipe(mt5).model)
    ours, decoders = TextToTextEncoder(tokenizer, 512), Encoder(tokenizer, 512)
    asked = PromptedExample("1", "de", (Message("user", "Der Hund schläft."),), "Ja", ("Ja", "Nein"))
    row, other = ours.encode(asked), decoders.encode(asked)
    assert isinstance(row, EncodedExample) and isinstance(other, EncodedExample)
    given, said = decoders.apart(other)
    assert row.labels == tuple(said) and row.labels[-1] == tokenizer.eos_token_id
    assert row.input_ids[-1] == tokenizer.eos_token_id and row.input_ids.count(tokenizer.eos_token_id) == 1
    assert row.input_ids[:-1] == tuple(given)[: len(row.input_ids) - 1]  # the decoder's ends in a line break
    assert ours.parts(row) == (row.input_ids, ours.decode(row.labels)) and row.num_supervised == len(said)
    assert TextToTextEncoder(tokenizer, len(given) + len(said)).encode(asked) == row
    assert TextToTextEncoder(tokenizer, len(given) - 3).encode(asked) == "too_long"
    plain = dataclasses.replace(asked, messages=(Message("user", "Der Hund"),))
    assert list(ours.encode(plain).input_ids) == tokenizer("Der Hund")["input_ids"]  # type: ignore[union-attr]


# ---------------------------------------------------------------- training


@METHODS
def test_loss_and_gradients_are_those_of_a_plain_loop(build: Callable[..., Built], method: str) -> None:
    _, _, rows, model = build(f"adapter.method={method}")
    model.eval()  # no dropout
    inputs = batch(rows[:8])
    expected = base_of(model)(**inputs).loss
    expected.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    add_answer_forward(base_of(model))
    found = model(**inputs, supervised_only=True)
    of_rows = [n for n, row in enumerate(rows[:8]) for _ in row.labels]
    counted = found["counted"]
    assert found["rows"][counted].tolist() == of_rows and not found["losses"][~counted].any()
    loss = found["losses"].sum() / counted.sum()
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert any("decoder" in name for name in gradients) and any("encoder" in name for name in gradients)
    for name, gradient in gradients.items():
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, gradient, atol=1e-6, rtol=0)


def test_a_step_counts_every_token_of_the_answers_once(build: Callable[..., Built], tmp_path: Path) -> None:
    more = ["training.max_steps=1", "training.batch_size=4", "training.gradient_accumulation_steps=7"]
    recipe, tokenizer, rows, model = build("adapter.method=full", "training.logging_steps=1", *more)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "dropout", None), float):  # of attention
            module.dropout = 0.0
    with torch.no_grad():
        expected = model(**batch(rows)).loss.item()
    train(recipe, rows, model, tokenizer, tmp_path)  # 24 rows and 4 blank ones
    [line] = map(json.loads, (tmp_path / "losses.jsonl").read_text().splitlines())
    assert line["loss"] == pytest.approx(expected, abs=1e-6)


@METHODS
def test_resuming_is_exact_to_the_bit_and_what_was_trained_loads_again(
    build: Callable[..., Built], method: str, tmp_path: Path
) -> None:
    override = f"adapter.method={method}"
    recipe, tokenizer, rows, model = build(override)
    before = model_hash(model)
    whole = train(recipe, rows, model, tokenizer, tmp_path / "whole")
    assert whole.num_steps == 4 and whole.base_sha256 == before and set(whole.loss_by_language) == {"ar", "de"}
    assert (model_hash(model) != before) == (method == "full")
    shutil.copytree(tmp_path / "whole" / "checkpoints" / "checkpoint-2", tmp_path / "half/checkpoints/checkpoint-2")
    *_, fresh = build(override)
    half = train(recipe, rows, fresh, tokenizer, tmp_path / "half")
    assert half.resumed_from == "checkpoint-2" and half.adapter_sha256 == whole.adapter_sha256
    assert adapter_hash(tmp_path / "half" / "adapter") == adapter_hash(tmp_path / "whole" / "adapter")
    again = load_adapter(load_base(recipe.model, recipe.adapter, device="cpu"), whole.adapter_dir)
    with torch.no_grad():
        assert torch.equal(again(**batch(rows[:4])).logits, model.eval()(**batch(rows[:4])).logits)


def test_lower_layers_of_both_stacks_can_stay_as_they_are(build: Callable[..., Built], tmp_path: Path) -> None:
    recipe, tokenizer, rows, model = build("adapter.method=full", "training.freeze_layers=1")
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    train(recipe, rows, model, tokenizer, tmp_path)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    top = {name for name in before if ".block.1." in name or "final_layer_norm" in name or "lm_head" in name}
    assert moved == top


# ---------------------------------------------------------------- answers


@METHODS
@pytest.mark.parametrize("most_logits", [2**26, 1])
def test_log_likelihoods_are_those_of_a_plain_forward_pass(
    build: Callable[..., Built], method: str, most_logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mslt_it.evaluation.likelihood.MAX_LOGITS", most_logits)
    recipe, tokenizer, _, model = build(f"adapter.method={method}")
    model.eval()
    encoder = encoder_of(recipe, tokenizer)
    requests = choice_requests(build_scored_set(recipe, "tr")[:6] + build_scored_set(recipe, "en")[:3], encoder)
    found = choice_log_likelihoods(model, requests, batch_tokens=200, pad_id=1)
    assert found.shape == (9, 3)
    for request, scores in zip(requests, found, strict=True):
        assert request.prompt[-1] == 2
        for choice, score in zip(request.choices, scores, strict=True):
            with torch.no_grad():
                made = model(input_ids=torch.tensor([request.prompt]), labels=torch.tensor([choice]))
            own = made.logits[0].log_softmax(-1)[range(len(choice)), list(choice)].sum()
            assert score == pytest.approx(own.item(), abs=1e-5)


def test_written_answers_are_those_of_generate_whatever_shares_a_batch(build: Callable[..., Built]) -> None:
    recipe, tokenizer, _, model = build()
    model.eval()
    encoder = encoder_of(recipe, tokenizer)
    items = build_scored_set(recipe, "tr")[:5]
    prompts = [
        Prompt(tuple(ids), 7, str(n)) for n, ids in enumerate(encoder.prompt_ids_all([i.messages for i in items]))
    ]

    def written(batch_tokens: int, sampling: Sampling) -> list[str | None]:
        how = {"end_id": encoder.end_id, "pad_id": 1, "batch_tokens": batch_tokens, "decode": encoder.decode_text}
        generator = TextGenerator(model, prompts, sampling=sampling, **how)  # type: ignore[arg-type]
        made = {i: one for b in generator.batches for i, one in zip(b, generator.generate(b), strict=True)}
        return [made[i].text for i in range(len(prompts))]

    greedy = written(10_000, Sampling())
    for prompt, text in zip(prompts, greedy, strict=True):
        ids = base_of(model).generate(torch.tensor([prompt.ids]), max_new_tokens=7, do_sample=False, num_beams=1)
        assert text == encoder.decode_text(ids[0, 1:].tolist()).strip()
    assert written(1, Sampling()) == greedy and any(greedy)
    drawn = written(10_000, Sampling(1.0, 0.9, 3))
    assert written(1, Sampling(1.0, 0.9, 3)) == drawn != greedy


# ---------------------------------------------------------------- what is refused


def test_a_decoder_that_sees_what_it_is_to_write_is_refused(build: Callable[..., Built]) -> None:
    *_, model = build()
    base = base_of(model)
    refuse_not_causal(base, "x")
    base.decoder.config.is_decoder = False
    for module in base.decoder.modules():
        if hasattr(module, "is_causal"):
            module.is_causal = False
    with pytest.raises(Problem, match=r"model\.path=x: MT5ForConditionalGeneration is not causal"):
        refuse_not_causal(base, "x")


def test_what_a_text_to_text_model_cannot_be(mt5: Path, tmp_path: Path) -> None:
    assert kind_of_path(str(mt5), None) == "text_to_text"
    with pytest.raises(Problem, match=r"model\.dtype=float16: the states of T5 and mT5 .* Write model\.dtype=auto"):
        with_kind(mt5_recipe(mt5, "model.dtype=float16"))
    with pytest.raises(Problem, match=r"model\.kind=encoder: .* is a model of kind text_to_text"):
        with_kind(
            dataclasses.replace(mt5_recipe(mt5), model=dataclasses.replace(mt5_recipe(mt5).model, kind="encoder"))
        )
    WhisperConfig().save_pretrained(tmp_path)
    shutil.copy(mt5 / "model.safetensors", tmp_path)
    listens = dataclasses.replace(mt5_recipe(mt5).model, path=str(tmp_path))
    with pytest.raises(Problem, match=r"whisper has an encoder and a decoder, but does not read and write text"):
        load_tokenizer(listens)
