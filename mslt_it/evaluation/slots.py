"""Writing in slots: a row that is done makes place for one that waits, in the running batch.

Each slot holds one row's keys and values from column 0 on, so rows of any age stand side by side: a step writes each
row's keys and values at the row's own column, and a mask hides the columns behind it, or outside of its window. What
`transformers` has for this (``generate_batch``, one long row under a mask of all tokens by all tokens) is slower than
its plain batches without flash attention, draws no numbers that belong to a row, and does not tell a broken model.

On a CUDA GPU a step is recorded once for each shape and launched as one from then on; a recorded step is compared with
the launched one when it is recorded.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import CacheLayerMixin, DynamicLayer

from mslt_it.evaluation.headers import cache_argument

LOG = logging.getLogger("mslt_it")
ROOM = 64  # columns that the first rows get beyond their prompts; then twice as many each time


@functools.cache
def say_once(text: str) -> None:
    LOG.warning(text)


class SlotLayer(CacheLayerMixin):
    """One layer's keys and values, (slots, heads, columns, width)."""

    is_sliding = False

    def __init__(self, slots: Slots) -> None:
        super().__init__()
        self._slots = slots

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        shape = (self._slots.num, key_states.shape[1], self._slots.room)
        self.keys, self.values = (x.new_zeros(*shape, x.shape[-1]) for x in (key_states, value_states))
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Puts each row's one token at the row's column; what the rows may look at."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        slots = self._slots
        for own, new in ((self.keys, key_states), (self.values, value_states)):
            own[slots.rows, :, slots.columns] = new[:, :, 0]
        return self.keys[:, :, : slots.width], self.values[:, :, : slots.width]

    def fill(self, places: Tensor, keys: Tensor, values: Tensor) -> None:
        """New rows: what their slots held is gone, for a weight of 0 does not hide NaN."""
        if not self.is_initialized:
            self.lazy_initialization(keys, values)
        for own, new in ((self.keys, keys), (self.values, values)):
            own[places] = 0
            own[places, :, : new.shape[2]] = new

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._slots.width, 0

    def get_seq_length(self) -> int:
        return self._slots.width - 1

    def get_max_length(self) -> int:
        return self._slots.room


class Slots:
    """The running batch of one model in one state (adapter on or off, evaluation mode).

    Args:
        base: a causal LM, whose layers may hold an adapter.
        num: how many rows at once.
        room: the most columns that a row will need; memory for them is taken as they are needed.
        pad_id: a token to fill up with.
        mask_dims: 4, a mask per layer and position; 2, which tokens are there, for a model that counts them (ALiBi).

    Raises:
        ValueError: the model looks back in a way that is not known here, or keeps no plain keys and values.
    """

    def __init__(self, base: Any, num: int, room: int, pad_id: int, mask_dims: int = 4) -> None:
        self._base, self._pad_id, self._most = base, pad_id, room
        weight = base.get_input_embeddings().weight
        self._device, self._dtype = weight.device, weight.dtype
        self._kinds, self._mask_dims = _kinds(base.config.get_text_config()), mask_dims
        if mask_dims == 2 and [*self._kinds] != ["full_attention"]:
            raise ValueError("Layers that look back over a few tokens need a mask of four dimensions.")
        self._argument = cache_argument(base)
        self.num, self.room, self.width = num, 0, 0
        self._records = self._device.type == "cuda"
        # The share of slots that is kept filled: on a GPU an empty one costs little, and recording again does not.
        self.least = 0.25 if self._records else 0.75
        self._resize()

    def _resize(self) -> None:
        """Tensors of one entry a slot, and nothing recorded."""
        self.rows = torch.arange(self.num, device=self._device)
        self.tokens = torch.full((self.num, 1), self._pad_id, device=self._device)
        self.positions = torch.zeros(self.num, 1, dtype=torch.long, device=self._device)
        self._cache = Cache(layer_class_to_replicate=functools.partial(SlotLayer, self))  # type: ignore[arg-type]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._is_warm = False

    def fill(self, places: Sequence[int], prompts: Sequence[Sequence[int]], header: DynamicCache | None = None) -> None:
        """New rows at ``places``, all of each prompt read but its last token: that is the next step's.

        ``header``: keys and values of what all of them begin with, at most all of each but two tokens.
        """
        longest, known = max(map(len, prompts)), header.get_seq_length() if header is not None else 0
        self.reach(longest)
        if longest > 1:
            ids = torch.full((len(prompts), longest - 1 - known), self._pad_id)
            for number, prompt in enumerate(prompts):
                ids[number, : len(prompt) - 1 - known] = torch.tensor(prompt[known:-1])
            # No mask: padding comes after a prompt, and what it leaves is written over before it is looked at.
            read = DynamicCache()
            for number, layer in enumerate(header.layers if header is not None else ()):
                read.update(*(x.expand(len(prompts), -1, -1, -1) for x in (layer.keys, layer.values)), number)
            self._base.base_model(input_ids=ids.to(self._device), use_cache=True, **{self._argument: read})
            if not read.layers or any(type(layer) is not DynamicLayer for layer in read.layers):
                raise ValueError(f"{type(self._base).__name__} does not keep plain keys and values.")
            at = torch.tensor(places, device=self._device)
            for layer, found in zip(self._layers(len(read.layers)), read.layers, strict=True):
                layer.fill(at.to(found.keys.device), found.keys, found.values)
        for place, prompt in zip(places, prompts, strict=True):
            self.tokens[place], self.positions[place] = prompt[-1], len(prompt) - 1

    def _layers(self, number: int) -> Iterator[SlotLayer]:
        layers = self._cache.layers
        layers += [SlotLayer(self) for _ in range(number - len(layers))]
        return iter(layers)

    def reach(self, width: int) -> None:
        """Room for rows of up to ``width`` tokens from the next step on."""
        if width > self.room:
            self.room = -(-min(self._most, max(width + ROOM, 2 * self.room)) // 8) * 8  # as kernels for GPUs like it
            for layer in self._cache.layers:
                for name in ("keys", "values"):
                    old = getattr(layer, name)
                    new = old.new_zeros(*old.shape[:2], self.room, old.shape[3])
                    new[:, :, : old.shape[2]] = old
                    setattr(layer, name, new)
            self._graph, self._is_warm = None, False
        self.width = self.room if self._records else width

    def keep(self, places: Sequence[int]) -> None:
        """Only these rows, in this order, in as many slots."""
        at = torch.tensor(places, device=self._device)
        layers, tokens, positions = self._cache.layers, self.tokens[at], self.positions[at]
        self.num = len(places)
        self._resize()
        self.tokens, self.positions = tokens, positions
        for layer in layers:
            layer.keys, layer.values = (x[at.to(x.device)] for x in (layer.keys, layer.values))
        self._cache.layers = layers

    def step(self) -> Tensor:
        """The scores (slots, vocabulary) of what comes after each row's token; the row is then one longer."""
        if self._graph is not None:
            self._graph.replay()
            return self._logits
        logits = self._run()
        if self._records and self._is_warm:
            self._record(logits)
        self._is_warm = True
        return logits

    def go_on(self, tokens: Tensor) -> None:
        """``tokens`` (slots, 1) are what comes after."""
        self.tokens.copy_(tokens)
        self.positions.add_(1).clamp_(max=self._most - 1)

    def _run(self) -> Tensor:
        # A slot whose row is done goes on where nobody looks, up to its last column.
        self.columns = self.positions[:, 0].clamp(max=self.room - 1)
        columns = torch.arange(self.width, device=self._device)
        masks: Any = {}
        for kind, span in self._kinds.items():
            visible = columns <= self.positions
            if kind == "sliding_attention":
                visible &= columns > self.positions - span
            elif kind == "chunked_attention":
                visible &= columns // span == self.positions // span
            mask = torch.zeros(visible.shape, dtype=self._dtype, device=self._device)
            masks[kind] = mask.masked_fill_(~visible, torch.finfo(self._dtype).min)[:, None, None]
        if self._mask_dims == 2:
            masks = (columns <= self.positions).long()
        elif not hasattr(self._base.config.get_text_config(), "layer_types"):
            [masks] = masks.values()
        found: Tensor = self._base(
            input_ids=self.tokens,
            position_ids=self.positions,
            attention_mask=masks,
            use_cache=True,
            **{self._argument: self._cache},
        ).logits
        return found[:, -1]

    def _record(self, launched: Tensor) -> None:
        """Records the step that was just made: made again, it writes the same keys and values at the same places."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._logits = self._run()
            graph.replay()
            if not torch.allclose(self._logits, launched, rtol=1e-2, atol=1e-2, equal_nan=True):
                raise RuntimeError("its scores were others")
        except RuntimeError as error:  # out of memory is one
            torch.cuda.synchronize(self._device)
            self._records, why = False, str(error).strip().splitlines()[0]
            say_once(f"Writing: a step of this model cannot be recorded ({why}): each is launched as it is.")
            return
        self._graph = graph


def _kinds(config: Any) -> dict[str, int]:
    """How the layers look back, as `transformers` names it, and how far."""
    spans: dict[str, Any] = {
        "full_attention": 0,
        "sliding_attention": getattr(config, "sliding_window", None),
        "chunked_attention": getattr(config, "attention_chunk_size", None),
    }
    kinds = set(getattr(config, "layer_types", None) or ())
    if not kinds:
        kinds = {next((kind for kind in list(spans)[1:] if spans[kind]), "full_attention")}
    if unknown := kinds - spans.keys():
        raise ValueError(f"Layers of the kind {min(unknown)} look back in a way of their own.")
    if local := next((name for name in ("window_size", "attention_window_size") if getattr(config, name, None)), None):
        raise ValueError(f"Layers look back over {local} by a mask of their own.")
    return {kind: spans[kind] for kind in sorted(kinds)}
