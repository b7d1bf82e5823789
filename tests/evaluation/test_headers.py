"""Which items share a header."""

from __future__ import annotations

import itertools
import random

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MambaConfig, MambaForCausalLM

from mslt_it.evaluation.headers import encode_header, group_by_header

FIRST, SECOND = tuple(range(100, 160)), tuple(range(300, 330))


def test_each_item_is_in_one_group_and_begins_with_its_header() -> None:
    starts = [(*FIRST, i) for i in range(10)] + [(*FIRST, *SECOND, i) for i in range(30)]
    starts += [(*SECOND, i, i) for i in range(20)] + [(5, i) for i in range(3)] + [FIRST[:5], ()]
    random.Random(0).shuffle(starts)
    groups = group_by_header(starts)
    assert [(length, len(items)) for length, items in groups] == [(90, 30), (30, 20), (0, 15)]
    few = [(*FIRST, i) for i in range(40)] + [(*FIRST, *SECOND, i) for i in range(3)]
    assert [(length, len(items)) for length, items in group_by_header(few)] == [(60, 43)]
    assert sorted(itertools.chain(*(items for _, items in groups))) == list(range(len(starts)))
    for length, items in groups:
        assert len({starts[i][:length] for i in items}) == 1 and min(len(starts[i]) for i in items) >= length


def test_short_headers_and_few_items_are_left_alone() -> None:
    assert group_by_header([]) == []
    assert group_by_header([(1, 2)]) == [(0, [0])]
    assert group_by_header([(), ()]) == [(0, [0, 1])]
    many = [(*FIRST[:15], i) for i in range(1000)]
    assert group_by_header(many) == [(0, list(range(1000)))]
    many = [(*FIRST[:16], i) for i in range(17)]  # 16 * 16 = 256 tokens, what a group costs
    assert group_by_header(many) == [(0, list(range(17)))]
    assert group_by_header([*many, (*FIRST[:16], 17)]) == [(16, list(range(18)))]
    assert group_by_header([(*FIRST, 1), (*FIRST, 2)]) == [(0, [0, 1])]


def test_equal_beginnings_are_a_header_as_a_whole() -> None:
    assert group_by_header([FIRST] * 8) == [(60, list(range(8)))]


def test_a_header_serves_batches_of_any_size_and_keeps_nothing_of_them() -> None:
    config = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(**config, intermediate_size=16)).eval()
    cache = encode_header(model, (3, 4, 5))
    for rows in (1, 4, 2):
        with torch.inference_mode():
            model.model(input_ids=torch.ones(rows, 6, dtype=torch.long), past_key_values=cache, use_cache=True)
        assert cache.get_seq_length() == 3 and all(layer.keys.shape == (1, 2, 3, 8) for layer in cache.layers)


def test_recurrent_states_are_not_keys_and_values() -> None:
    config = MambaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, state_size=4)
    with pytest.raises((ValueError, TypeError), match=r"does not keep plain keys and values|past_key_values"):
        encode_header(MambaForCausalLM(config).eval(), (3, 4, 5))
