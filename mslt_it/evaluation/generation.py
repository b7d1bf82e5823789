"""Answers as text, greedy or sampled, with the model's keys and values kept. A decoder writes many rows at once, and
one that is done makes place for the next (`slots`); a model that would write something else so, and one that reads with
an encoder, writes plain batches, each until its last row is done.

Sampling draws the next token by the inverse of the cumulative distribution, with one uniform number per step from a
stream that belongs to (seed, item, sample). So a sampled answer does not depend on what shares its batch, on the order
of the batches, or on how often the work was interrupted.
"""

from __future__ import annotations

import functools
import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, LogitsProcessor, LogitsProcessorList

from mslt_it.evaluation.headers import MIN_HEADER_TOKENS, encode_header, num_common
from mslt_it.evaluation.slots import Slots
from mslt_it.evaluation.trials import local_span, once_per_model, takes_headers, takes_slots
from mslt_it.models.base_model import base_of
from mslt_it.models.inputs import longest_input
from mslt_it.models.kinds import is_text_to_text

ROUNDS = 4  # how many rows of a batch have one slot after another: more keep slots filled, fewer are lost by a kill


class Advance(Protocol):
    """Is told how many more are done, parts of one counted; ``is_new``: by this process, just now."""

    def __call__(self, number: float, is_new: bool = True) -> object: ...


def ignored(number: float, is_new: bool = True) -> None:
    """For those who do not ask how far it is."""


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
        batch_tokens: at most so many padded tokens at once, prompts and answers together.
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
        self._batch_tokens = batch_tokens
        # Positions of the prompts answered by each call, the longest first; the same for every model and state.
        self.batches = _batches(prompts, batch_tokens)

    def generate(self, batch: Sequence[int], advance: Advance = ignored) -> list[Generated]:
        """The answers to one of the batches; ``advance`` is called with the number of answers that
        have come, parts of one counted: side by side, the first is done late."""
        rows = [self._prompts[i] for i in batch]
        # Beyond its positions a model answers nonsense or fails: a row ends there, and is counted as cut.
        limits = [min(row.max_new_tokens, self._longest - len(row.ids)) for row in rows]
        num_slots = _num_slots(len(rows[0].ids), max(row.max_new_tokens for row in rows), self._batch_tokens)
        with evaluating(self._model):
            if not self._reads_apart and (mask_dims := once_per_model(takes_slots, self._base)):
                return self._in_slots(rows, limits, num_slots, mask_dims, advance)
            answers = []
            for start in range(0, len(rows), num_slots):
                part = slice(start, start + num_slots)
                answers += self._in_one_batch(rows[part], limits[part], advance)
            return answers

    @torch.inference_mode()
    def _in_slots(
        self,
        rows: Sequence[Prompt],
        limits: Sequence[int],
        num_slots: int,
        mask_dims: int,
        advance: Advance,
    ) -> list[Generated]:
        """Answers of at most ``limits`` tokens, ``num_slots`` at once."""
        answers = [Generated("", 0, True) for _ in rows]
        waiting = deque(number for number, limit in enumerate(limits) if limit > 0)
        advance(len(rows) - len(waiting))
        written: dict[int, list[int]] = {number: [] for number in waiting}
        chances: dict[int, np.ndarray] = {}
        at: list[int | None] = [None] * min(num_slots, len(waiting))  # which row is in which slot
        room = max((len(rows[n].ids) + limits[n] - 1 for n in waiting), default=0)
        slots = Slots(self._base, len(at), room, self._pad_id, mask_dims)
        header = self._header([rows[n].ids for n in waiting])
        while waiting or any(number is not None for number in at):
            free = [place for place, number in enumerate(at) if number is None]
            # To read prompts is a pass of its own: one for several.
            if waiting and 8 * len(free) >= len(at):
                new = [(place, waiting.popleft()) for place in free[: len(waiting)]]
                at = [dict(new).get(place, number) for place, number in enumerate(at)]
                slots.fill([place for place, _ in new], [rows[number].ids for _, number in new], header)
                chances |= {n: uniforms(self._sampling.seed, rows[n].key, limits[n]) for _, n in new}
            elif not waiting and len(at) - len(free) <= slots.least * len(at):
                slots.keep(kept := [place for place, number in enumerate(at) if number is not None])
                at = [at[place] for place in kept]
            slots.reach(max(len(rows[n].ids) + len(written[n]) for n in at if n is not None))
            chance = [0.0 if n is None else chances[n][len(written[n])] for n in at]
            tokens, is_finite = self._next(slots.step().float(), chance)
            slots.go_on(tokens)
            done = 0.0
            for place, (token, is_good) in enumerate(torch.cat([tokens, is_finite], dim=1).tolist()):
                if (number := at[place]) is None:
                    continue
                written[number].append(token)
                part = 1 / limits[number]
                if not is_good or token == self._end_id or len(written[number]) == limits[number]:
                    part *= limits[number] + 1 - len(written[number])
                    found, _ = answer_of(written.pop(number), self._end_id, self._decode), chances.pop(number)
                    answers[number], at[place] = found if is_good else Generated(None, 0, False), None
                done += part
            advance(done)
        return answers

    def _header(self, prompts: Sequence[tuple[int, ...]]) -> DynamicCache | None:
        """Keys and values of what all prompts begin with (solved examples, say): read once, where that is right."""
        if len(prompts) < 2 or local_span(self._base) is not None:
            return None
        common = num_common(np.array(min(prompts)), np.array(max(prompts)))  # of all, if these two have it
        if (size := min(common, *(len(ids) - 2 for ids in prompts))) < MIN_HEADER_TOKENS:
            return None
        return encode_header(self._base, prompts[0][:size]) if once_per_model(takes_headers, self._base) else None

    def _next(self, scores: Tensor, chance: Sequence[float]) -> tuple[Tensor, Tensor]:
        """What each row (slots, vocabulary) goes on with, and whether it had a finite score to choose by."""
        likeliest = scores.argmax(dim=-1, keepdim=True)  # a place of NaN where there is one
        is_finite = torch.isfinite(scores.gather(-1, likeliest))
        if self._sampling.is_greedy:
            return likeliest, is_finite
        return _drawn(torch.nan_to_num(scores), torch.tensor(chance)[:, None], self._sampling), is_finite

    def _in_one_batch(self, rows: Sequence[Prompt], limits: Sequence[int], advance: Advance) -> list[Generated]:
        """Answers of at most ``limits`` tokens, side by side until the last is done."""
        num_steps = max(limits)
        # All rows of a forward pass take as many steps; one that has no room for so many is gone on with by itself.
        together = [n for n, row in enumerate(rows) if limits[n] > 0 and len(row.ids) + num_steps <= self._longest]
        alone = [[n] for n, limit in enumerate(limits) if limit > 0 and n not in together]
        answers = [Generated("", 0, True) for _ in rows]
        advance(len(rows) - len(together) - len(alone))
        for part in [together, *alone] if together else alone:
            found = self._go_on([rows[n] for n in part], [limits[n] for n in part], advance)
            for n, answer in zip(part, found, strict=True):
                answers[n] = answer
        return answers

    def _go_on(self, rows: Sequence[Prompt], limits: Sequence[int], advance: Advance) -> list[Generated]:
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
        part = len(rows) / max(limits)
        watch = _Finite(len(rows), width, functools.partial(advance, part))
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
        advance(part * (max(limits) - found.shape[1] + width))
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
    if any(part.training for part in model.modules()):  # setting each part's mode anew takes ten times as long
        model.eval()
    try:
        yield
    finally:
        if was_training:
            model.train()


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
    """The longest first: an out-of-memory error comes at once or never. Each has rows for ``ROUNDS`` rounds."""
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i].ids), i))
    batches: list[list[int]] = []
    width = most_new = 0
    for index in order:
        prompt = prompts[index]
        most_new = max(most_new, prompt.max_new_tokens)
        if not batches or len(batches[-1]) >= ROUNDS * _num_slots(width, most_new, batch_tokens):
            batches.append([])
            width, most_new = len(prompt.ids), prompt.max_new_tokens
        batches[-1].append(index)
    return tuple(map(tuple, batches))


def _num_slots(width: int, most_new: int, batch_tokens: int) -> int:
    """How many rows go on at once: prompts of up to ``width`` tokens and answers of up to ``most_new``."""
    return max(1, batch_tokens // max(1, width + most_new))


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
    """Notices from which step on a row had no finite score to choose by: its text means nothing. ``told``: is called
    at each step."""

    def __init__(self, num_rows: int, width: int, told: Callable[[], object]) -> None:
        self.first_bad: list[int | None] = [None] * num_rows
        self._width, self._told = width, told

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        # Minus infinity is how a token is ruled out; all of them, NaN or plus infinity is a broken model.
        best = scores.max(dim=-1).values  # NaN where any is
        for row, good in enumerate(torch.isfinite(best).tolist()):
            if not good and self.first_bad[row] is None:
                self.first_bad[row] = input_ids.shape[1] - self._width
        self._told()
        return torch.nan_to_num(scores)


class _Draws(LogitsProcessor):
    """Leaves each row the token drawn for it."""

    def __init__(self, sampling: Sampling, keys: Sequence[str], width: int, num_steps: int) -> None:
        self._sampling = sampling
        self._width = width
        self._uniforms = torch.from_numpy(np.stack([uniforms(sampling.seed, key, num_steps) for key in keys]))

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        step = input_ids.shape[1] - self._width
        token = _drawn(scores, self._uniforms[:, step : step + 1], self._sampling)
        return torch.full_like(scores, -torch.inf).scatter(-1, token, 0.0)


def _drawn(scores: Tensor, chance: Tensor, sampling: Sampling) -> Tensor:
    """One token a row (rows, 1), drawn from softmax(scores / temperature) cut to ``top_p`` by ``chance`` (rows, 1)."""
    # float64: a cumulative sum over 150,000 tokens in float32 does not reach 1.
    ordered, tokens = torch.softmax(scores.double() / sampling.temperature, dim=-1).sort(
        dim=-1, descending=True, stable=True
    )
    up_to = ordered.cumsum(dim=-1)
    below = up_to - ordered
    kept = (below < sampling.top_p).sum(dim=-1, keepdim=True)  # always the likeliest one at least
    wanted = chance.to(ordered.device) * up_to.gather(-1, kept - 1)
    return tokens.gather(-1, torch.minimum((below <= wanted).sum(dim=-1, keepdim=True), kept) - 1)
