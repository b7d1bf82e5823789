"""The loss of what is supervised: of each token of an answer, or of what an encoder's head is to say.

The language-model loss has the output head applied where there is something to predict, a few of some hundred tokens.
The stock loss projects every position to the whole vocabulary: most of the work for a small model with a large one. The
value and its gradients are the same.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mslt_it.data.encoding import IGNORED
from mslt_it.models.heads import losses, places

# Logits held at once: 2**26 float32 values are 256 MB. More positions than fit are projected in recomputed chunks.
MAX_LOGITS = 2**26
# Models that change the logits after the head (Cohere, Granite, Gemma 2, Falcon-H1): the stock path knows how.
LOGIT_CHANGES = (
    "logit_scale",
    "logits_scaling",
    "output_multiplier",
    "lm_head_multiplier",
    "final_logit_softcapping",
    "output_router_logits",
)


def changes_logits(base: Any) -> bool:
    """Whether the model's configuration says that it does something to the logits after the head."""
    config = base.config.get_text_config()
    return any(getattr(config, name, None) not in (None, False, 1, 1.0) for name in LOGIT_CHANGES)


def can_project_supervised_only(base: nn.Module) -> bool:
    """Whether hidden states times head are all there is to the model's logits: measured, after a look at its config."""
    body, head = getattr(base, "base_model", None), base.get_output_embeddings()
    if head is None or body is None or body is base or base.config.is_encoder_decoder or changes_logits(base):
        return False
    ids = (
        torch.arange(2, 8, device=base.get_input_embeddings().weight.device)[None]
        % base.config.get_text_config().vocab_size
    )
    training = base.training
    base.eval()
    try:
        with torch.no_grad():
            ours = head(body(input_ids=ids, use_cache=False).last_hidden_state)
            stock = base(input_ids=ids, use_cache=False).logits
    except (TypeError, ValueError, AttributeError):
        return False
    finally:
        base.train(training)
    return ours.shape == stock.shape and bool(torch.allclose(ours.float(), stock.float(), rtol=1e-4, atol=1e-4))


def add_supervised_forward(base: nn.Module) -> None:
    """Teach ``base.forward`` the argument ``supervised_only``; ``base.__dict__.pop("forward")`` takes it back.

    A patched forward rather than a call around the model: DDP and FSDP must see the call to reduce gradients.
    With it, ``base(input_ids, attention_mask, labels=..., supervised_only=True)`` gives ``losses`` and ``rows``, both
    [supervised positions of the batch]: the negative log-likelihoods and the row of the batch each belongs to. Where
    the collator says the ``places`` [rows, most] of the supervised tokens (-1: none), their number need not be asked of
    the device: losses of all of these, 0 for none, and ``counted`` says which are some.
    """

    def forward(original: Any, model: Any, labels: Tensor, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        places = kwargs.pop("places", None)
        # Looked up at each call: FSDP and peft may have replaced them since.
        hidden = model.base_model(*args, **{**kwargs, "use_cache": False}).last_hidden_state
        labels, head = labels.to(hidden.device), model.get_output_embeddings()
        if places is None:
            rows, found = labels[:, 1:].ne(IGNORED).nonzero(as_tuple=True)
            losses = token_losses(hidden[rows, found], labels[rows, found + 1], head)
            return {"losses": losses, "rows": rows, "counted": torch.ones_like(losses)}
        rows = torch.arange(len(labels), device=hidden.device).repeat_interleave(places.shape[1])
        is_some, flat = places.flatten() >= 0, (rows * labels.shape[1] + places.flatten().clamp(min=1))
        chosen = hidden.flatten(0, 1).index_select(0, flat - 1)  # what comes before a token says it
        targets = labels.flatten().index_select(0, flat).masked_fill(~is_some, IGNORED)
        return {"losses": token_losses(chosen, targets, head), "rows": rows, "counted": is_some}

    _teach(base, forward)


def add_answer_forward(base: nn.Module) -> None:
    """`add_supervised_forward` for a text-to-text model, whose ``labels`` [rows, tokens] its decoder writes."""

    def forward(original: Any, model: Any, labels: Tensor, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        given = {"decoder_input_ids": model.prepare_decoder_input_ids_from_labels(labels=labels), "use_cache": False}
        return losses(original(*args, **{**kwargs, **given}).logits.float(), labels)

    _teach(base, forward)


def add_head_forward(base: nn.Module, *, label_smoothing: float = 0.0, weights: Tensor | None = None) -> None:
    """`add_supervised_forward` for an encoder, whose ``labels`` [rows, places] are classes. ``weights`` [classes]: how
    much a place counts; the losses stay divided by the number of places, so they should be 1 on average."""

    def forward(original: Any, model: Any, labels: Tensor, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        logits = places(original(*args, **kwargs), len(labels), kwargs.get("attention_mask"))
        weight = None if weights is None else weights.to(logits.device)
        return losses(logits, labels, weight=weight, label_smoothing=label_smoothing)

    _teach(base, forward)


def _teach(base: nn.Module, supervised: Callable[..., dict[str, Tensor]]) -> None:
    """Where supervised_only is asked, ``base.forward`` is ``supervised(original, model, labels, ...)``."""
    original = base.forward

    @functools.wraps(original)
    def forward(
        self: Any, *args: Any, supervised_only: bool = False, labels: Tensor | None = None, **kwargs: Any
    ) -> Any:
        if not supervised_only or labels is None:
            return original(*args, **kwargs) if labels is None else original(*args, labels=labels, **kwargs)
        return supervised(original, self, labels, *args, **kwargs)

    base.forward = types.MethodType(forward, base)


def balanced(labels: Iterable[int], num_classes: int) -> Tensor:
    """[classes]: what a label is to count for all that occur to count the same in all, 1 on average over ``labels``;
    one that does not occur counts nothing, which smoothing would weigh most."""
    counts = torch.bincount(torch.tensor(list(labels)), minlength=num_classes).double()
    return torch.where(counts > 0, counts.sum() / (counts.count_nonzero() * counts), 0).float()


def token_losses(hidden: Tensor, targets: Tensor, head: nn.Module) -> Tensor:
    """Negative log-likelihoods [n] of ``targets`` [n] given ``hidden`` [n, width], in float32."""

    def losses(part: Tensor, wanted: Tensor) -> Tensor:
        return nn.functional.cross_entropy(head(part).float(), wanted, reduction="none")

    size = max(1, MAX_LOGITS // head.weight.shape[0])
    if hidden.shape[0] <= size:
        return losses(hidden, targets)
    parts = zip(hidden.split(size), targets.split(size), strict=True)
    return torch.cat(
        [checkpoint(losses, part, wanted, use_reentrant=False, preserve_rng_state=False) for part, wanted in parts]
    )
