"""What many prompts begin with, encoded once: which items share a header, and its keys and values.

A system text or solved examples stand before every item of a benchmark. Their keys and values do not depend on what
follows, so one forward pass over them serves all items.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

MIN_HEADER_TOKENS = 16
# What a forward pass for the header alone and batches of its own cost, in tokens saved: some milliseconds with a small
# model on a CPU, which are worth about so many tokens.
GROUP_COST_TOKENS = 256


class HeaderLayer(DynamicLayer):
    """One layer's keys and values of a header, (1, heads, tokens, width): the rows of a batch attend to them.

    Unlike a cache for generation it keeps nothing of the batch, so it serves any number of them and no more memory is
    held than without it.
    """

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.keys, self.values = keys, values
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        rows = key_states.shape[0]
        keys, values = (x.expand(rows, -1, -1, -1) for x in (self.keys, self.values))
        return torch.cat([keys, key_states], dim=-2), torch.cat([values, value_states], dim=-2)


def cache_argument(base: Any) -> str:
    """What the forward pass calls its keys and values: transformers 5.40 drops the name that 5.23 alone knows."""
    return "cache" if "cache" in inspect.signature(base.base_model.forward).parameters else "past_key_values"


@torch.inference_mode()
def encode_header(base: Any, header: Sequence[int]) -> DynamicCache:
    """The keys and values of every layer of ``base``, a causal LM in evaluation mode.

    Raises:
        ValueError: the model keeps something else than all keys and values (recurrent states, say).
    """
    cache = DynamicCache()
    ids = torch.tensor([header], device=base.get_input_embeddings().weight.device)
    unlike = ValueError(f"{type(base).__name__} does not keep plain keys and values.")
    try:
        base.base_model(input_ids=ids, use_cache=True, **{cache_argument(base): cache})
    except (IndexError, TypeError) as error:  # a recurrent one looks for states of its own
        raise unlike from error
    if not cache.layers or any(
        type(layer) is not DynamicLayer or layer.get_seq_length() != len(header) for layer in cache.layers
    ):
        raise unlike
    cache.layers = [HeaderLayer(layer.keys, layer.values) for layer in cache.layers]
    return cache


def group_by_header(starts: Sequence[Sequence[int]]) -> list[tuple[int, list[int]]]:
    """Items with a long common beginning: (its length in tokens, their positions among ``starts``).

    ``starts``: the token ids that may be taken from each item's prompt. Every item is in exactly one group; those for
    which nothing is gained are in one with length 0. Sorted, items that begin alike are neighbours and the groups to
    choose from form a tree: inner ones have longer headers, outer ones more items. From the inside out, one group or
    those within it are chosen, whatever saves more tokens.
    """
    if not starts:
        return []
    arrays = [np.asarray(start, dtype=">i4") for start in starts]  # the order of the bytes does not matter
    order = sorted(range(len(starts)), key=lambda i: (arrays[i].tobytes(), i))
    common = [num_common(arrays[a], arrays[b]) for a, b in pairwise(order)]
    # Groups that may still grow: common length, first place in the order, what was chosen within.
    open_groups: list[tuple[int, int, list[range]]] = [(0, 0, [])]
    length_of: dict[range, int] = {}
    for place, length in enumerate([*common, 0]):
        first, within = place, list[range]()
        while open_groups[-1][0] > length:
            depth, first, inner = open_groups.pop()
            within, whole = inner + within, range(first, place + 1)
            if _saved(depth, whole) > max(0, sum(_saved(length_of[one], one) for one in within)):
                within, length_of[whole] = [whole], depth
        if open_groups[-1][0] < length:
            open_groups.append((length, first, within))
        else:
            open_groups[-1][2].extend(within)
    found = [(length_of[one], sorted(order[place] for place in one)) for one in open_groups[0][2]]
    rest = sorted(set(order).difference(*(items for _, items in found)))
    return [*found, (0, rest)] if rest else found


def _saved(length: int, places: range) -> int:
    return length * (len(places) - 1) - GROUP_COST_TOKENS if length >= MIN_HEADER_TOKENS else 0


def num_common(a: np.ndarray, b: np.ndarray) -> int:
    """How many tokens both begin with."""
    size = min(len(a), len(b))
    differ = np.flatnonzero(a[:size] != b[:size])
    return int(differ[0]) if len(differ) else size
