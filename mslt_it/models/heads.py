"""What an encoder answers by: a head on its hidden states, fresh unless the model's files have one.

Whatever the head, its outputs come as [items, places, classes]: one place per item where it says a label.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from mslt_it.config.recipe import Head
from mslt_it.problems import Problem

MODELS = {"classes": AutoModelForSequenceClassification, "options": AutoModelForSequenceClassification}
TASK_TYPES = {"": "CAUSAL_LM", "classes": "SEQ_CLS", "options": "SEQ_CLS"}  # as peft names them
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
    """Remember what the head of a loaded model is, and which of it the files lack.

    Raises:
        Problem: what the files lack is more than head and pooler.
    """
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


def places(outputs: Any, num_items: int) -> Tensor:
    """A head's outputs as [items, places, classes], float32."""
    logits: Tensor = outputs.logits.float()
    return logits.reshape(num_items, 1, -1) if logits.dim() == 2 else logits
