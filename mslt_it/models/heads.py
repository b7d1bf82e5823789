"""What an encoder answers by: a head on its hidden states, fresh unless the model's files have one.

Whatever the head, its outputs come as [items, places, classes]: one place per item where it says a label, a place per
token where it tags them, and of an answer in a passage two places, whose classes are the row's tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import transformers
from torch import Tensor, nn

from mslt_it.config.recipe import Head, ModelConfig
from mslt_it.data.encoding import IGNORED
from mslt_it.models.kinds import ENDINGS
from mslt_it.problems import Problem

if TYPE_CHECKING:  # two seconds to import, which building rows does without
    from transformers import PreTrainedModel

MODELS = {name: getattr(transformers, f"AutoModel{ending}") for name, ending in ENDINGS.items()}
# As peft names them. Its class for answers in a passage leaves out token types (0.21), so BERT would not tell question
# and passage apart: the plain one gives the model all that it is given.
TASK_TYPES = {"": "CAUSAL_LM", "classes": "SEQ_CLS", "options": "SEQ_CLS", "tags": "TOKEN_CLS", "span": None}
_POOLERS = ("pooler",)  # of the body, made anew where the files lack one: models trained on masked words alone


@dataclass(frozen=True)
class HeadParts:
    """Names of the modules of a loaded model that make up its head; of a decoder there are none."""

    name: str = ""  # of the head, of `mslt_it.config.recipe.HEADS`
    trained: tuple[str, ...] = ()  # whole, beside a LoRA adapter
    fresh: tuple[str, ...] = ()  # those that no file had: training begins from random numbers


def head_of(model: Any) -> HeadParts:
    """What `mark` found out when the model was loaded."""
    return getattr(model, "mslt_head", HeadParts())


def loading_options(head: Head) -> dict[str, Any]:
    """For ``from_pretrained``; a head of another size that the files have is made anew."""
    if head.name == "options":  # one output, of each option
        return {"num_labels": 1, "ignore_mismatched_sizes": True}
    numbers = {name: number for number, name in enumerate(head.labels)}
    return {"label2id": numbers, "id2label": dict(enumerate(head.labels)), "ignore_mismatched_sizes": True}


def mark(model: PreTrainedModel, head: Head, missing: Iterable[str], path: str) -> None:
    """Remember what the head of a loaded model is, and which of it the files lack; a Problem where they lack more than
    head and pooler."""
    body = model.base_model_prefix
    own = [name for name, part in model.named_children() if name != body and any(True for _ in part.parameters())]
    fresh: set[str] = set()
    for name in sorted(missing):
        part = next((p for p in (*own, *(f"{body}.{pooler}" for pooler in _POOLERS)) if name.startswith(f"{p}.")), None)
        if part is None:
            raise Problem(
                f"model.path={path}: '{name}' of {type(model).__name__} is not in its files. They are incomplete, or "
                "not those of such an encoder: fetch them again."
            )
        fresh.add(part)
    trained = dict.fromkeys((*own, *sorted(fresh)))
    model.mslt_head = HeadParts(head.name, tuple(trained), tuple(sorted(fresh)))


def draw_fresh_parts(model: PreTrainedModel, seed: int) -> None:
    """Random numbers by ``seed`` alone for what no file had, as the families draw theirs: weights normal with the
    configuration's ``initializer_range``, biases 0."""
    drawn = torch.Generator().manual_seed(seed)
    for part in head_of(model).fresh:
        for module in model.get_submodule(part).modules():
            if isinstance(module, nn.Linear):
                weights = torch.randn(module.weight.shape, generator=drawn)
                module.weight.data.copy_(weights * model.config.initializer_range)
                if module.bias is not None:
                    module.bias.data.zero_()


def places(outputs: Any, num_items: int, mask: Tensor | None = None) -> Tensor:
    """A head's outputs as [items, places, classes], float32. ``mask``: the rows' ``attention_mask``; an answer's place
    is never in what a row is filled up with (transformers' own loss counts that, and so changes with the batch)."""
    if (starts := getattr(outputs, "start_logits", None)) is not None:
        both = torch.stack([starts, outputs.end_logits], dim=1).float()
        return both if mask is None else both.masked_fill(mask[:, None] == 0, -torch.inf)
    logits: Tensor = outputs.logits.float()
    return logits.reshape(num_items, 1, -1) if logits.dim() == 2 else logits


def losses(logits: Tensor, labels: Tensor, **options: Any) -> dict[str, Tensor]:
    """``losses``, negative log-likelihoods [n], 0 where a label is `IGNORED`; ``rows``, the item of each; ``counted``,
    whether it counts: of all ``labels`` [items, places] by ``logits`` [items, places, classes]. ``options``: of torch's
    cross_entropy."""
    labels = labels[:, : logits.shape[1]]  # those of the blank row may be more than there are places
    found = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none", **options)
    items = torch.arange(len(labels), device=labels.device).repeat_interleave(labels.shape[1])
    return {"losses": found, "rows": items, "counted": labels.flatten().ne(IGNORED)}


def in_bfloat16(config: ModelConfig, model: Any, *, is_adapted: bool) -> bool:
    """Whether training's arithmetic is bfloat16: beside an adapter where the weights are, and on a GPU also of float32
    weights that are all trained, or an encoder's, unless the recipe wants float32."""
    if is_adapted and not head_of(model).name:
        return bool(model.get_input_embeddings().weight.dtype == torch.bfloat16)
    return config.dtype != "float32" and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
