"""Pretraining: a seeded stream, an exact resume, and weights that are checked before they are used."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import mini_tokenizer
import numpy as np
import pretrain as module
import pytest
import torch
from muon import Muon, orthogonal
from pretrain import ANSWER_WEIGHT, POOL_BATCHES, PretrainConfig, batch_loss, batches, new_model, pretrain, thinned
from text import QUESTIONS, documents

from mslt_it.problems import Problem
from mslt_it.store import file_sha256
from mslt_it.world import mini_model
from mslt_it.world.languages import CODES
from mslt_it.world.mini_model import MANIFEST, weights_dir

TINY = PretrainConfig(num_steps=3, batch_documents=2, warmup_steps=1, save_steps=2, seed=4)


@cache
def small_tokenizer() -> Any:
    return mini_tokenizer.build_tokenizer([], num_documents=20)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small model, and a tokenizer that is built once."""
    monkeypatch.setattr(module, "build_tokenizer", lambda words: small_tokenizer())
    monkeypatch.setattr(module, "HIDDEN_SIZE", 32)
    monkeypatch.setattr(module, "INTERMEDIATE_SIZE", 48)
    monkeypatch.setattr(module, "NUM_LAYERS", 2)


def first_batches(config: PretrainConfig, number: int, skip: int = 0, num_workers: int = 0) -> list[module.Batch]:
    longer = dataclasses.replace(config, num_steps=3 * POOL_BATCHES)
    return list(itertools.islice(batches(small_tokenizer(), longer, skip, num_workers), number))


def equal(a: list[module.Batch], b: list[module.Batch]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x.ids, y.ids) and torch.equal(x.weights, y.weights) for x, y in zip(a, b, strict=True)
    )


def test_swahili_has_a_seventh_of_the_documents() -> None:
    counts = Counter(document.language for document in itertools.islice(documents(0), 4000))
    assert set(counts) == set(CODES)
    mean = (4000 - counts["sw"]) / (len(CODES) - 1)
    assert 0.07 < counts["sw"] / mean < 0.22  # of about 30 documents
    assert min(counts[code] for code in CODES if code != "sw") > 0.7 * mean


def test_the_first_steps_have_the_first_text(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(module, "documents", lambda seed, kinds: asked.append(kinds) or documents(seed, kinds))
    config = dataclasses.replace(TINY, num_steps=2 * POOL_BATCHES, first_steps=POOL_BATCHES)
    assert len(list(batches(small_tokenizer(), config))) == 2 * POOL_BATCHES
    assert asked == [module.FIRST_KINDS, module.KINDS]


def test_batches_are_the_same_for_the_same_seed() -> None:
    assert equal(first_batches(TINY, 3), first_batches(TINY, 3))
    other = PretrainConfig(num_steps=3, batch_documents=2, seed=5)
    assert not equal(first_batches(TINY, 3), first_batches(other, 3))


def test_worker_processes_make_the_same_batches() -> None:
    number = 2 * POOL_BATCHES + 1
    assert equal(first_batches(TINY, number, num_workers=2), first_batches(TINY, number))


@pytest.mark.parametrize("skip", [1, POOL_BATCHES - 1, POOL_BATCHES, POOL_BATCHES + 3])
def test_skipping_gives_the_rest_of_the_stream(skip: int) -> None:
    assert equal(first_batches(TINY, 2, skip=skip), first_batches(TINY, skip + 2)[skip:])


def test_rows_are_framed_weighted_and_padded() -> None:
    tokenizer = small_tokenizer()
    seen_answer = False
    for batch in first_batches(TINY, POOL_BATCHES):
        assert batch.ids.shape == batch.weights.shape and len(batch.ids) == TINY.batch_documents
        for ids, weights in zip(batch.ids.tolist(), batch.weights.tolist(), strict=True):
            end = ids.index(tokenizer.eos_token_id)
            assert ids[0] == tokenizer.bos_token_id and weights[0] == 0.0
            assert set(weights[1 : end + 1]) <= {0.0, 2.0, ANSWER_WEIGHT}  # half of the places, each twice
            assert set(weights[end + 1 :]) <= {0.0}
            if ANSWER_WEIGHT in weights:
                seen_answer = True
                assert (
                    weights.count(ANSWER_WEIGHT) >= QUESTIONS and weights[end - 1] == ANSWER_WEIGHT
                )  # the last is one
    assert seen_answer


def test_the_loss_is_the_weighted_mean_and_blind_to_padding() -> None:
    tokenizer = small_tokenizer()
    model = new_model(len(tokenizer), 2, 5, 1, seed=0).eval()
    batch = first_batches(TINY, 1)[0]
    with torch.no_grad():
        logits = model(input_ids=batch.ids).logits[:, :-1].float()
        losses = -torch.log_softmax(logits, -1).gather(-1, batch.ids[:, 1:, None])[..., 0]
        expected = (losses * batch.weights[:, 1:]).sum() / batch.weights[:, 1:].sum()
        found = batch_loss(model.model, model.lm_head, batch)
        wider = module.Batch(
            torch.nn.functional.pad(batch.ids, (0, 5), value=7), torch.nn.functional.pad(batch.weights, (0, 5))
        )
        assert found.item() == pytest.approx(expected.item(), rel=1e-5)
        assert batch_loss(model.model, model.lm_head, wider).item() == pytest.approx(expected.item(), rel=1e-5)


def test_drawn_places_weigh_the_same_on_average_and_every_answer_is_kept() -> None:
    weights = np.array([[0.0, 1.0, 1.0, ANSWER_WEIGHT, 1.0]] * 4000, dtype=np.float32)
    found = thinned(weights, 0.25, np.random.default_rng(0))
    assert set(found[:, 1].tolist()) == {0.0, 4.0} and found.mean(axis=0) == pytest.approx(weights[0], rel=0.1)
    assert (found[:, 3] == ANSWER_WEIGHT).all() and not found[:, 0].any()


def test_muon_makes_updates_orthogonal_and_goes_downhill() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((3, 8, 24), (2, 24, 8)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape, generator=generator)))
        assert values.min() > 0.5 and values.max() < 1.4  # five rounds bring them near 1, not to it
    target = torch.randn(8, 24, generator=generator)
    weight = torch.nn.Parameter(torch.zeros(8, 24))
    optimizer = Muon([weight], lr=0.05, weight_decay=0.0)
    losses = []
    for _ in range(60):
        loss = (weight - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_the_schedule_warms_up_and_ends_at_a_twentieth() -> None:
    config = PretrainConfig(num_steps=100, first_steps=40, cosine_steps=150, warmup_steps=10)
    rates = [module._schedule(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.05) and rates[10:] == sorted(rates[10:], reverse=True)
    assert np.diff(rates[40:]) == pytest.approx(np.full(60, (0.05 - rates[40]) / 60))


def test_a_run_stopped_after_its_state_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = pretrain(TINY, tmp_path / "straight", [], device="cpu")
    assert not (tmp_path / "straight" / "state.pt").exists()

    save = module._save_state

    def save_and_stop(*arguments: Any) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_save_state", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            pretrain(TINY, tmp_path / "resumed", [], device="cpu")
    assert (tmp_path / "resumed" / "state.pt").is_file() and not (tmp_path / "resumed" / MANIFEST).exists()
    resumed = pretrain(TINY, tmp_path / "resumed", [], device="cpu")
    assert resumed["sha256"] == straight["sha256"]
    assert set(straight["sha256"]) >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert straight["config"]["num_steps"] == 3 and straight["final_loss"] > 0


def test_what_was_written_is_verified_and_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    pretrain(TINY, tmp_path, [], device="cpu")
    content = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    assert all(file_sha256(tmp_path / name) == found for name, found in content["sha256"].items())
    monkeypatch.setattr(mini_model, "WEIGHTS", tmp_path)
    assert weights_dir() == tmp_path
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype="float32", use_safetensors=True)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert model.config.vocab_size == len(tokenizer) and model.config.eos_token_id == tokenizer.eos_token_id

    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # one bit
    with pytest.raises(Problem, match=r"model\.safetensors is damaged: sha256 .*Remedy"):
        weights_dir()
    weights.unlink()
    with pytest.raises(Problem, match=r"model\.safetensors is damaged: sha256 no such file"):
        weights_dir()
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(Problem, match=r"weights are missing .*MANIFEST\.json.*Remedy"):
        weights_dir()


def test_the_same_seed_gives_the_same_initial_weights() -> None:
    a, b, c = (new_model(50, 2, 5, 1, seed=seed) for seed in (0, 0, 1))
    states = [m.state_dict() for m in (a, b, c)]
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    assert any(not torch.equal(states[0][k], states[2][k]) for k in states[0])
