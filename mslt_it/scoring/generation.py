"""Answers as text: greedy decoding in batches of similar length, left-padded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList


def generate_answers(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    end_id: int,
    pad_id: int,
    batch_tokens: int,
    decode: Callable[[Sequence[int]], str],
    advance: Callable[[int], object] = lambda n: None,
) -> tuple[str | None, ...]:
    """The answer to each prompt, in order, without its end token; None where the model's scores were not finite.

    Args:
        model: a causal LM or a PeftModel around one, in whatever state (adapter on or off) is to be scored.
        prompts: token ids, from the first token to the marker that opens the answer.
        max_new_tokens: at most so many tokens per answer; a longer one is cut there.
        batch_tokens: at most so many padded tokens per batch, prompt and answer together.
        decode: token ids -> text.
        advance: called with the number of prompts done.

    Greedy, so the same prompt gets the same answer whatever stands beside it, up to rounding of the hardware.
    """
    answers: list[str | None] = [None] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    device = (
        (model.get_base_model() if hasattr(model, "get_base_model") else model).get_input_embeddings().weight.device
    )
    was_training = model.training
    model.eval()
    try:
        while order:
            width = len(prompts[order[0]])
            size = max(1, batch_tokens // (width + max_new_tokens))
            batch, order = order[:size], order[size:]
            ids = torch.full((len(batch), width), pad_id)
            mask = torch.zeros((len(batch), width), dtype=torch.long)
            for row, index in enumerate(batch):
                ids[row, width - len(prompts[index]) :] = torch.tensor(prompts[index])
                mask[row, width - len(prompts[index]) :] = 1
            watch = _Finite(len(batch))
            with torch.inference_mode():
                found = model.generate(
                    input_ids=ids.to(device),
                    attention_mask=mask.to(device),
                    max_new_tokens=max_new_tokens,
                    do_sample=False,
                    num_beams=1,
                    eos_token_id=end_id,
                    pad_token_id=pad_id,
                    # A model's own generation_config may hold sampling settings and penalties: none of them applies.
                    temperature=None,
                    top_p=None,
                    top_k=None,
                    repetition_penalty=1.0,
                    logits_processor=LogitsProcessorList([watch]),
                )
            for row, index in enumerate(batch):
                new = found[row, width:].tolist()
                if not watch.is_finite[row]:
                    continue
                answers[index] = decode(new[: new.index(end_id)] if end_id in new else new).strip()
            advance(len(batch))
    finally:
        model.train(was_training)
    return tuple(answers)


class _Finite(LogitsProcessor):
    """Notes which rows ever had no finite score to choose by: their text means nothing."""

    def __init__(self, num_rows: int) -> None:
        self.is_finite = [True] * num_rows

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        # Minus infinity is how a token is ruled out; all of them, NaN or plus infinity is a broken model.
        best = scores.max(dim=-1).values  # NaN where any is
        for row, good in enumerate(torch.isfinite(best).tolist()):
            self.is_finite[row] &= good
        return torch.nan_to_num(scores)
