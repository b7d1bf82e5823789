"""Hidden states of texts at every layer of a model, one vector per text.

Each text stands by itself behind one control token, as a document does in training. Without it the first word would be
where many models keep a huge value that has nothing to do with the text (attention sinks), and the mean over a short
sentence would be mostly that. What an encoder reads, also that of a text-to-text model, stands between the control
tokens that its tokenizer puts around a text. These and the padding have no part in the vector.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mslt_it.data.encoding import Encoder
from mslt_it.data.segments import SegmentEncoder
from mslt_it.evaluation.generation import evaluating
from mslt_it.models.base_model import base_of
from mslt_it.models.inputs import in_batches
from mslt_it.models.kinds import is_text_to_text
from mslt_it.problems import Problem
from mslt_it.progress import working


@dataclass(frozen=True)
class TokenisedTexts:
    """Token ids of texts; the first ``num_before`` and the last ``num_after`` of each row are control tokens."""

    rows: tuple[tuple[int, ...], ...]
    num_before: int
    num_after: int = 0
    num_cut: int = 0  # texts that were longer than allowed


def tokenise(
    tokenizer: Any, texts: Sequence[str], *, max_tokens: int = 512, name: str = "texts", kind: str = "decoder"
) -> TokenisedTexts:
    """Texts as token ids, cut after ``max_tokens``, or fewer where an encoder reads no more; what spells a control
    token in a text stays text.

    Args:
        name: what the texts are called in an error.
        kind: of the model that is to read them, see ``model.kind``.
    """
    before, after = _around(tokenizer, kind)
    encoder = (SegmentEncoder if kind == "encoder" else Encoder)(tokenizer, max_tokens + len(before) + len(after))
    longest, found = encoder.max_length_tokens - len(before) - len(after), encoder.user_ids(texts)
    if (empty := next((i for i, ids in enumerate(found) if not ids), None)) is not None:
        raise Problem(f"{name}: text {empty} ({texts[empty]!r}) has no tokens, so no representation. Leave it out.")
    rows = tuple((*before, *ids[:longest], *after) for ids in found)
    return TokenisedTexts(rows, len(before), len(after), sum(len(ids) > longest for ids in found))


def _around(tokenizer: Any, kind: str) -> tuple[list[int], list[int]]:
    """The control tokens before and after a text."""
    if kind == "decoder":
        first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        return ([] if first is None else [int(first)]), []
    whole, own = (list(tokenizer("a", add_special_tokens=added)["input_ids"]) for added in (True, False))
    start = next(i for i in range(len(whole)) if whole[i : i + len(own)] == own)
    return whole[:start], whole[start + len(own) :]


@working("Reading texts with the model")
def hidden_states(model: Any, texts: TokenisedTexts, *, batch_tokens: int = 4096) -> NDArray[np.float32]:
    """float32 (layers + 1, n, width): what goes into each layer, and last what the final norm gives.

    Layer 0 is the embeddings. A layer's states are pooled as soon as they are there, in float32 whatever the model
    computes in, so that no more than one layer's (rows, tokens, width) is held at a time.

    Args:
        model: of any kind, or a PeftModel around one; of a text-to-text model its encoder is looked at.
        batch_tokens: at most so many padded tokens per forward pass; the result does not depend on it but for rounding.
    """
    base = base_of(model)
    # Without the head: logits over the vocabulary would be the largest part of the work.
    inner = base.get_encoder() if is_text_to_text(base) else base.base_model
    device = base.get_input_embeddings().weight.device
    result: NDArray[np.float32] | None = None
    with evaluating(model), torch.inference_mode():
        for batch in map(list, in_batches([len(row) for row in texts.rows], batch_tokens)):
            pooled = _pooled(inner, [texts.rows[i] for i in batch], texts, device)
            if result is None:
                result = np.empty((len(pooled), len(texts.rows), pooled.shape[-1]), dtype=np.float32)
            result[:, batch] = pooled.cpu().numpy()
    assert result is not None
    if not np.isfinite(result).all():
        layer, row = np.argwhere(~np.isfinite(result))[0][:2]
        raise Problem(
            f"The hidden states of text {row} are not finite at layer {layer} of {type(base).__name__}. Use "
            "model.dtype=float32 or bfloat16; if that does not help, the weights are damaged."
        )
    return result


def _pooled(inner: nn.Module, rows: Sequence[Sequence[int]], texts: TokenisedTexts, device: torch.device) -> Tensor:
    """float32 (layers + 1, rows, width)."""
    width = max(map(len, rows))
    # Padding on the right: no token before it sees it, whatever its id.
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    places = torch.arange(width, device=device)
    seen, ends = places < lengths[:, None], lengths[:, None] - texts.num_after
    chosen = (places < ends) & (places >= texts.num_before)
    weights = (chosen / chosen.sum(dim=1, keepdim=True)).float()

    def pool(states: Tensor) -> Tensor:
        if states.shape[:2] != ids.shape:
            raise Problem(
                f"{type(inner).__name__} gives hidden states of the shape {tuple(states.shape)}, which is not (rows, "
                "tokens, width); its representations cannot be read."
            )
        # What stands at places that do not count may be anything, NaN included.
        return torch.einsum("rt,rtw->rw", weights, states.float().masked_fill(~chosen[..., None], 0.0))

    layers = _layers(inner)
    found: list[Tensor] = []
    handles = [
        layer.register_forward_pre_hook(
            lambda module, args, kwargs: found.append(pool(args[0] if args else kwargs["hidden_states"])),
            with_kwargs=True,
        )
        for layer in layers
    ]
    more = {"use_cache": False} if "use_cache" in inspect.signature(inner.forward).parameters else {}
    try:
        output = inner(input_ids=ids, attention_mask=seen.long(), **more)
    finally:
        for handle in handles:
            handle.remove()
    if len(found) != len(layers):
        raise Problem(
            f"{type(inner).__name__} called {len(found)} of its {len(layers)} layers; its representations cannot be "
            "read layer by layer."
        )
    return torch.stack([*found, pool(output.last_hidden_state)])


def _layers(inner: Any) -> list[nn.Module]:
    """The model's layers: the outermost list of as many modules as its configuration says."""
    wanted = inner.config.get_text_config().num_hidden_layers
    for part in inner.modules():
        if isinstance(part, nn.ModuleList) and len(part) == wanted:
            return list(part)
    raise Problem(f"{type(inner).__name__} has no list of {wanted} layers; its representations cannot be read.")
