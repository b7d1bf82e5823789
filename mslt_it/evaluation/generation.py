"""Answers as text, greedy or sampled: batches of similar length, with the model's cache. Prompts that a decoder goes on
from are padded on the left, those that an encoder reads on the right.

Sampling draws the next token by the inverse of the cumulative distribution, with one uniform number per step from a
stream that belongs to (seed, item, sample). So a sampled answer does not depend on what shares its batch, on the order
of the batches, or on how often the work was interrupted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from mslt_it.models.base_model import base_of
from mslt_it.models.inputs import longest_input
from mslt_it.models.text_to_text import is_text_to_text


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn; temperature 0 is greedy."""

    temperature: float = 0.0
    top_p: float = 1.0  # the likeliest tokens that together have this probability (Holtzman et al. 2020)
    seed: int = 0

    @property
    def is_greedy(self) -> bool:
        return self.temperature == 0.0


@dataclass(frozen=True)
class Prompt:
    """What is to be gone on with: token ids up to the marker that opens the answer."""

    ids: tuple[int, ...]
    max_new_tokens: int
    key: str = ""  # names the item and the sample, for the stream of random numbers


@dataclass(frozen=True)
class Generated:
    """An answer without its end token; ``text`` is None where the model's scores were not finite."""

    text: str | None
    num_tokens: int  # generated, the end token counted
    is_cut: bool  # the end token did not come within the limit


class TextGenerator:
    """Generates answers batch by batch with one model in one state (adapter on or off).

    Args:
        model: a causal LM or text-to-text model, or a PeftModel around one.
        batch_tokens: at most so many padded tokens per batch, prompts and answers together.
        decode: token ids -> text.
    """

    def __init__(
        self,
        model: Any,
        prompts: Sequence[Prompt],
        *,
        end_id: int,
        pad_id: int,
        batch_tokens: int,
        decode: Callable[[Sequence[int]], str],
        sampling: Sampling | None = None,
    ) -> None:
        self._model = model
        self._base = base_of(model)
        self._device = self._base.get_input_embeddings().weight.device
        self._longest = longest_input(self._base)
        self._reads_apart = is_text_to_text(self._base)
        self._prompts = prompts
        self._end_id, self._pad_id, self._decode = end_id, pad_id, decode
        self._sampling = sampling or Sampling()
        self._batches = _batches(prompts, batch_tokens)

    @property
    def batches(self) -> tuple[tuple[int, ...], ...]:
        """Positions of the prompts of each forward pass, the longest first; the same for every model and state."""
        return self._batches

    def generate(self, batch: Sequence[int]) -> list[Generated]:
        """The answers to one of the batches."""
        rows = [self._prompts[i] for i in batch]
        # Beyond its positions a model answers nonsense or fails: a row ends there, and is counted as cut.
        limits = [min(row.max_new_tokens, self._longest - len(row.ids)) for row in rows]
        num_steps = max(limits)
        # All rows of a forward pass take as many steps; one that has no room for so many is gone on with by itself.
        together = [n for n, row in enumerate(rows) if limits[n] > 0 and len(row.ids) + num_steps <= self._longest]
        alone = [[n] for n, limit in enumerate(limits) if limit > 0 and n not in together]
        answers = [Generated("", 0, True) for _ in rows]
        with evaluating(self._model):
            for part in [together, *alone] if together else alone:
                found = self._go_on([rows[n] for n in part], [limits[n] for n in part])
                for n, answer in zip(part, found, strict=True):
                    answers[n] = answer
        return answers

    def _go_on(self, rows: Sequence[Prompt], limits: Sequence[int]) -> list[Generated]:
        """Answers of at most ``limits`` tokens, in one go."""
        width = max(len(row.ids) for row in rows)
        ids = torch.full((len(rows), width), self._pad_id)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for number, row in enumerate(rows):
            start = 0 if self._reads_apart else width - len(row.ids)
            ids[number, start : start + len(row.ids)] = torch.tensor(row.ids)
            mask[number, start : start + len(row.ids)] = 1
        if self._reads_apart:
            width = 1  # what is written goes on from the decoder's start token
        watch = _Finite(len(rows), width)
        processors: list[LogitsProcessor] = [watch]
        if not self._sampling.is_greedy:
            processors.append(_Draws(self._sampling, [row.key for row in rows], width, max(limits)))
        with torch.inference_mode(), _own_generation_settings(self._base):
            # The base, whose layers hold the adapter: peft's own generate() puts the model's settings back.
            found = self._base.generate(
                input_ids=ids.to(self._device),
                attention_mask=mask.to(self._device),
                max_new_tokens=max(limits),
                do_sample=False,  # `_Draws` leaves one token to choose from
                num_beams=1,
                eos_token_id=self._end_id,
                pad_token_id=self._pad_id,
                logits_processor=LogitsProcessorList(processors),
            )
        new = found[:, width:].tolist()
        return [
            self._answer(tokens, limit, first_bad)
            for tokens, limit, first_bad in zip(new, limits, watch.first_bad, strict=True)
        ]

    def _answer(self, tokens: list[int], limit: int, first_bad: int | None) -> Generated:
        found = answer_of(tokens[:limit], self._end_id, self._decode)
        return Generated(None, 0, False) if first_bad is not None and first_bad < found.num_tokens else found


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """The model without dropout; afterwards in the mode that it was in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def answer_of(tokens: list[int], end_id: int, decode: Callable[[Sequence[int]], str]) -> Generated:
    """What was written, up to the end token."""
    is_cut = end_id not in tokens
    own = tokens if is_cut else tokens[: tokens.index(end_id)]
    return Generated(decode(own).strip(), len(own) + (not is_cut), is_cut)


def uniforms(seed: int, key: str, num: int) -> np.ndarray:
    """float64 (num,) in [0, 1): the random numbers of one item and sample."""
    digest = hashlib.sha256(f"{seed}\0{key}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little"))).random(num)


def _batches(prompts: Sequence[Prompt], batch_tokens: int) -> tuple[tuple[int, ...], ...]:
    """The longest first: an out-of-memory error comes at once or never."""
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i].ids), i))
    batches: list[list[int]] = []
    width = most_new = 0
    for index in order:
        prompt = prompts[index]
        most_new = max(most_new, prompt.max_new_tokens)
        if not batches or (len(batches[-1]) + 1) * (width + most_new) > batch_tokens:
            batches.append([])
            width, most_new = len(prompt.ids), prompt.max_new_tokens
        batches[-1].append(index)
    return tuple(map(tuple, batches))


@contextmanager
def _own_generation_settings(base: Any) -> Iterator[None]:
    """A model's generation_config may hold sampling settings, penalties, words ruled out, a least length: whatever is
    not given to generate() is taken from there. None of it applies to an answer that is compared with others."""
    before = base.generation_config
    base.generation_config = GenerationConfig(
        decoder_start_token_id=getattr(base.config, "decoder_start_token_id", None)
    )
    try:
        yield
    finally:
        base.generation_config = before


class _Finite(LogitsProcessor):
    """Notices from which step on a row had no finite score to choose by: its text means nothing."""

    def __init__(self, num_rows: int, width: int) -> None:
        self.first_bad: list[int | None] = [None] * num_rows
        self._width = width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        # Minus infinity is how a token is ruled out; all of them, NaN or plus infinity is a broken model.
        best = scores.max(dim=-1).values  # NaN where any is
        for row, good in enumerate(torch.isfinite(best).tolist()):
            if not good and self.first_bad[row] is None:
                self.first_bad[row] = input_ids.shape[1] - self._width
        return torch.nan_to_num(scores)


class _Draws(LogitsProcessor):
    """Leaves each row one token, drawn from softmax(scores / temperature) cut to ``top_p``."""

    def __init__(self, sampling: Sampling, keys: Sequence[str], width: int, num_steps: int) -> None:
        self._sampling = sampling
        self._width = width
        self._uniforms = torch.from_numpy(np.stack([uniforms(sampling.seed, key, num_steps) for key in keys]))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        step = input_ids.shape[1] - self._width
        # float64: a cumulative sum over 150,000 tokens in float32 does not reach 1.
        probabilities = torch.softmax(scores.double() / self._sampling.temperature, dim=-1)
        ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
        below = ordered.cumsum(dim=-1) - ordered
        kept = (below < self._sampling.top_p).sum(dim=-1, keepdim=True)  # always the likeliest one at least
        total = ordered.cumsum(dim=-1).gather(-1, kept - 1)
        wanted = self._uniforms[:, step : step + 1].to(ordered.device) * total
        place = torch.minimum((below <= wanted).sum(dim=-1, keepdim=True), kept) - 1
        return torch.full_like(scores, -torch.inf).scatter(-1, tokens.gather(-1, place), 0.0)
