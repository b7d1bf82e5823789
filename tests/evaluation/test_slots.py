"""Rows written side by side in slots: each as it is alone."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from small_writers import END, PAD, WORDS, generated, one_by_one
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPTNeoConfig,
    GPTNeoForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from mslt_it.evaluation import generation, slots
from mslt_it.evaluation.generation import (
    Generated,
    Prompt,
    Sampling,
)
from mslt_it.evaluation.trials import once_per_model, takes_headers, takes_slots
from mslt_it.world.mini_model import weights_dir

SMALL: dict[str, Any] = {
    "vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "initializer_range": 0.5, "max_position_embeddings": 256,
}  # fmt: skip
WINDOWS: dict[str, Any] = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SMALL)),
    "the embedded model": lambda: LlamaForCausalLM.from_pretrained(weights_dir(), dtype=torch.float32),
    "mistral, every layer looks back over 7": lambda: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=7)),
    "bloom, which counts tokens by its mask": lambda: BloomForCausalLM(
        BloomConfig(vocab_size=40, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.5)
    ),
    "gemma, two layers of three over 6": lambda: Gemma3ForCausalLM(
        Gemma3TextConfig(
            **SMALL, head_dim=8, sliding_window=6,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        )
    ),
}  # fmt: skip


def rows_of_all_ages(number: int = 14) -> list[Prompt]:
    draw = random.Random(1)
    return [
        Prompt(tuple(draw.randrange(5, 40) for _ in range(draw.choice([1, 2, 5, 9, 14]))), limit, f"item {limit}")
        for limit in (draw.choice([1, 3, 8, 30]) for _ in range(number))
    ]


@pytest.fixture
def says_nothing(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    slots.say_once.cache_clear()
    yield
    assert not caplog.messages, "it did not write in slots"


@pytest.mark.usefixtures("says_nothing")
@pytest.mark.parametrize("kind", WINDOWS)
def test_in_slots_each_row_is_what_generate_writes_for_it_alone(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32; few slots, whose room grows as it is needed: rows begin beside older ones and grow with them."""
    monkeypatch.setattr(slots, "ROOM", 2)
    torch.manual_seed(3)
    model = WINDOWS[kind]().eval()
    prompts = rows_of_all_ages()
    wanted = []
    for prompt in prompts:
        ids = torch.tensor([prompt.ids])
        new = model.generate(
            ids, max_new_tokens=prompt.max_new_tokens, do_sample=False, eos_token_id=END, pad_token_id=PAD
        )
        wanted.append([token for token in new[0, len(prompt.ids) :].tolist() if token != END])
    assert len({len(tokens) for tokens in wanted}) > 3
    for num_slots in (1, 3, 14):
        answers = generated(model, batch_tokens=num_slots * 44, prompts=prompts)
        assert [answer.text for answer in answers] == [" ".join(map(str, tokens)) for tokens in wanted]


@pytest.mark.parametrize("kind", ["llama", "bloom, which counts tokens by its mask"])
def test_what_all_prompts_begin_with_is_read_once(kind: str) -> None:
    torch.manual_seed(3)
    model = WINDOWS[kind]().double().eval() if kind == "llama" else WINDOWS[kind]().eval()
    examples = tuple(range(5, 28))
    prompts = [Prompt((*examples, *prompt.ids, 30, 31), prompt.max_new_tokens) for prompt in rows_of_all_ages()]
    wanted = [" ".join(map(str, one_by_one(model, list(prompt.ids), prompt.max_new_tokens))) for prompt in prompts]
    read: list[int] = []
    for cached in (takes_slots, takes_headers):  # not to be counted
        once_per_model(cached, model)
    model.get_input_embeddings().register_forward_pre_hook(lambda module, given: read.append(given[0].numel()))
    assert [answer.text for answer in generated(model, batch_tokens=5 * 70, prompts=prompts)] == wanted
    assert read.count(len(examples)) == 1 and sum(number for number in read if number > 20) < 250


@pytest.mark.usefixtures("says_nothing")
def test_samples_in_slots_are_those_of_plain_batches(exact: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts, sampling = rows_of_all_ages(), Sampling(1.2, 0.9, 5)
    found = generated(exact, sampling, 3 * 44, prompts)
    monkeypatch.setattr(generation, "takes_slots", lambda base: False)
    assert generated(exact, sampling, 3 * 44, prompts) == found != generated(exact, None, 3 * 44, prompts)


def test_a_broken_rows_slot_is_clean_for_the_next(model: LlamaForCausalLM) -> None:
    broken = copy.deepcopy(model)
    with torch.no_grad():
        broken.model.embed_tokens.weight[15] = float("nan")
        broken.lm_head.weight[15] = 0
    prompts = [Prompt((6, 7, 15, 9, 9, 9), 6), Prompt((8, 9), 6), Prompt((16, 17), 6)]
    found = generated(broken, batch_tokens=12, prompts=prompts)
    assert found[0] == Generated(None, 0, False)
    assert found[1:] == generated(broken, batch_tokens=12, prompts=prompts[1:]) != [Generated(None, 0, False)] * 2


def test_a_model_whose_cache_is_not_plain_writes_in_batches_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slots.say_once.cache_clear()
    torch.manual_seed(2)
    shape = {"num_layers": 2, "attention_types": [[["global", "local"], 1]], "num_heads": 4, "window_size": 6}
    model: Any = GPTNeoForCausalLM(
        GPTNeoConfig(vocab_size=40, hidden_size=32, bos_token_id=None, eos_token_id=None, **shape)
    )
    for _ in range(2):
        found = generated(model)
    assert [answer.text for answer in found] == [" ".join(map(str, one_by_one(model, list(ids), 8))) for ids in WORDS]
    [line] = caplog.messages
    assert line.endswith(
        "writes in plain batches, not in slots: Layers look back over window_size by a mask of their own."
    )


@pytest.mark.parametrize("of", ["window_size", "layers"])
def test_layers_that_look_back_in_an_unknown_way_are_refused(of: str) -> None:
    config = LlamaConfig(**SMALL)
    setattr(config, *(("window_size", 8) if of == "window_size" else ("layer_types", ["recurrent"])))
    with pytest.raises(ValueError, match=r"^Layers (of the kind recurrent )?look back"):
        slots._kinds(config)


class Recorded:
    """As a CUDA graph: what was recorded is done again on the tensors as they are then."""

    running: Any = None
    shift = 0.0

    def replay(self) -> None:
        self.running._logits.copy_(self.running._run() + self.shift)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_recorded_step_is_replayed_until_its_shape_changes_and_not_where_its_scores_are_others(
    exact: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, shift: float
) -> None:
    """Without a GPU: the recording is a stand-in, all around it is what runs there."""
    slots.say_once.cache_clear()
    prompts = rows_of_all_ages()
    wanted = generated(exact, batch_tokens=3 * 44, prompts=prompts)
    made: list[Any] = []

    class OnCuda(slots.Slots):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self._records = True

        def _record(self, launched: torch.Tensor) -> None:
            made.append(type("Graph", (Recorded,), {"running": self, "shift": shift}))
            super()._record(launched)

    monkeypatch.setattr(generation, "Slots", OnCuda)
    monkeypatch.setattr(slots, "ROOM", 8)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: made[-1]())
    monkeypatch.setattr(torch.cuda, "graph", contextlib.nullcontext)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    assert generated(exact, batch_tokens=3 * 44, prompts=prompts) == wanted
    if shift:
        assert [line for line in caplog.messages if "its scores were others" in line] == caplog.messages != []
    else:
        assert len(made) > 2 and not caplog.messages
