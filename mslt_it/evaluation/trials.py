"""What a model can be given, tried out on the model itself rather than trusting a list of names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from mslt_it.evaluation.headers import encode_header
from mslt_it.evaluation.shared_rows import How, Request, score
from mslt_it.evaluation.slots import Slots, say_once

# Configuration keys that hold how many tokens back some layers look. A 4-D mask is used by all layers as it is, so
# shared rows are right only while everything is within reach.
SPANS = ("sliding_window", "attention_chunk_size", "window_size", "attention_window_size")
# What a model raises in a trial that takes no such argument, mask or cache.
REFUSALS = (TypeError, ValueError, RuntimeError, NotImplementedError, AttributeError, LookupError)


def once_per_model(trial: Callable[[Any], Any], base: Any) -> Any:
    """What a trial found out. A study scores one model hundreds of times; adapters do not change how it attends.

    Only what the model can do is remembered: an adapter that makes NaN fails every trial, and its base must not.
    """
    weight = base.get_input_embeddings().weight
    key = (trial, getattr(base.config, "_attn_implementation", None), weight.dtype, weight.device)
    found = _FOUND.setdefault(base, {})
    if key in found:
        return found[key]
    result = trial(base)
    if result not in (None, False):
        found[key] = result
    return result


_FOUND: WeakKeyDictionary[nn.Module, dict[tuple[Any, ...], Any]] = WeakKeyDictionary()


def heeds_trees(base: Any) -> bool:
    """Whether ``base`` (in evaluation mode) scores a choice in a shared row as it does in a row of its own.

    Two choices after one prompt. The second must not notice what stands in the first, must notice its positions, and
    must come out as in a plain row. Rows of one batch may round differently where a kernel shares its work among
    threads, and more so kernels of another shape in bfloat16: so each comparison has a tolerance.
    """
    prompt, first, other, second = _trial_tokens(base, 4)
    try:
        rows = [Request(prompt, (first, second)), Request(prompt, (other, second))]
        scores = score(base, rows, How(0))[0][:, 1]
        shifted = score(base, rows, How(0, shift=5))[0][:, 1]
        plain = score(base, [Request(prompt, (second,))], How(0))[0][0, 0]
    except REFUSALS:
        return False
    tolerance = _tolerance(base, plain)
    noise = tolerance / 10
    blind = abs(scores[0] - scores[1]) <= noise
    placed = abs(shifted[0] - scores[0]) > noise
    return bool(blind and placed and abs(scores[0] - plain) <= tolerance)


def takes_headers(base: Any) -> bool:
    """Whether ``base`` (in evaluation mode) goes on from given keys and values as from the tokens themselves.

    Two prompts of different lengths behind one header, so that there is padding; with another header in its place the
    scores must change.
    """
    header, other, prompt, answer = _trial_tokens(base, 4)
    rows = [Request((*header, *prompt), (answer,)), Request((*header, prompt[0]), (answer,))]
    try:
        plain = np.array([score(base, [row], How(0))[0][0, 0] for row in rows])
        found, changed = (score(base, rows, How(0, encode_header(base, h)))[0][:, 0] for h in (header, other))
    except REFUSALS:
        return False
    tolerance = _tolerance(base, plain)
    return bool((abs(found - plain) <= tolerance).all() and (abs(changed - found) > tolerance / 10).all())


@torch.inference_mode()
def takes_slots(base: Any) -> int:
    """With a mask of how many dimensions ``base`` (in evaluation mode) writes in slots as it does row by row.

    0: with none; why, with one of four, is said once.

    Three prompts in two slots, the third where another was, each gone on with for two tokens; what the last is followed
    by must be as in a plain row, and with another prompt it must change.
    """
    first, second, third, new = (list(tokens) for tokens in _trial_tokens(base, 4))
    prompts = [[*first, *second], second[:2], [*third, *first[:2]]]
    device, why = base.get_input_embeddings().weight.device, ""
    for mask_dims in (4, 2):
        try:
            plain = [
                base(input_ids=torch.tensor([[*prompt, *new[:2]]], device=device)).logits[0, -1] for prompt in prompts
            ]
            slots = Slots(base, 2, 16, 0, mask_dims)
            found: list[torch.Tensor] = []
            for places, of in (([0, 1], prompts[:2]), ([0], prompts[2:])):
                slots.fill(places, of)
                for token in new[:2]:
                    slots.reach(12)
                    slots.step()
                    slots.go_on(torch.full_like(slots.tokens, token))
                found += slots.step()[places].clone()
        except REFUSALS as error:
            why = why or str(error).strip().splitlines()[0]
            continue
        scores, wanted = (torch.stack(part).float().log_softmax(-1).cpu().numpy() for part in (found, plain))
        if (abs(scores - wanted) <= _tolerance(base, wanted)).all():
            return mask_dims
        why = why or "its scores would be others"
    say_once(f"{type(base).__name__} writes in plain batches, not in slots: {why}")
    return 0


def last_feed_forward(base: Any) -> nn.Module | None:
    """The last layer's feed-forward part, where ``base`` gives the same if it is applied to scored places alone.

    What it makes of other places goes nowhere: no layer comes after it. With few layers and short answers that is a
    good part of the work. None where there is no such part or the scores are others.
    """
    lists = [part for part in base.base_model.modules() if isinstance(part, nn.ModuleList) and len(part)]
    found = next((part for layers in lists if isinstance(part := getattr(layers[-1], "mlp", None), nn.Module)), None)
    if found is None:
        return None
    prompt, other, answers = _trial_tokens(base, 3)
    rows = [Request((*prompt, *other), (answers[:1],)), Request(prompt, (answers[1:2],))]
    try:
        whole, narrow = (score(base, rows, how)[0] for how in (How(0), How(0, feed_forward=found)))
    except REFUSALS:
        return None
    return found if (abs(narrow - whole) <= _tolerance(base, whole)).all() else None


def _trial_tokens(base: Any, number: int) -> list[tuple[int, ...]]:
    """Three different tokens each, as far as the vocabulary reaches."""
    size = base.get_input_embeddings().weight.shape[0]
    ids = [(7 * i + 3) % size for i in range(3 * number)]
    return [tuple(ids[i : i + 3]) for i in range(0, len(ids), 3)]


def _tolerance(base: Any, scores: Any) -> Any:
    exact = base.get_input_embeddings().weight.dtype == torch.float32
    return (1e-4 if exact else 3e-2) * np.maximum(1.0, abs(scores))


def local_span(base: Any) -> int | None:
    """Over how many tokens every layer looks back, or None where all look back over everything."""
    config = base.config.get_text_config()
    if getattr(config, "use_sliding_window", True) is False:
        return None
    spans = [span for name in SPANS if isinstance(span := getattr(config, name, None), int) and span > 0]
    return min(spans, default=None)
