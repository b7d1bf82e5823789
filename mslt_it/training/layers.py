"""What is trained more slowly, or not at all, the nearer it is to the input (Howard and Ruder 2018)."""

from __future__ import annotations

import re

from torch import nn

from mslt_it.problems import Problem

# What lies before the layers, by the names that the families have for it (T5: shared).
_EMBEDDING = re.compile(r"embed|(^|\.)(w[tp]e|shared)\.")


def depths(model: nn.Module) -> dict[str, int]:
    """Parameter -> 0 for what comes before the layers (the embedding), 1, 2, ... for the layers, and one more than the
    last for what comes after them (norm, head)."""
    names = [name for name, _ in model.named_parameters()]
    layers = {name: int(found[1]) + 1 for name in names if (found := re.search(r"\.(\d+)\.", name))}
    top = max(layers.values(), default=0) + 1
    return {name: layers.get(name, 0 if _EMBEDDING.search(name) else top) for name in names}


def freeze(model: nn.Module, number: int) -> None:
    """Leave the embedding and the first ``number`` layers as they are; 0: nothing."""
    if not number:
        return
    found = depths(model)
    num_layers = max(found.values()) - 1
    if number > num_layers:
        raise Problem(f"training.freeze_layers={number}: the model has {num_layers} layers. Freeze fewer.")
    for name, parameter in model.named_parameters():
        if found[name] <= number:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise Problem(
            f"training.freeze_layers={number} leaves nothing to train: adapters are in the layers. Freeze fewer."
        )


def rates(model: nn.Module, decay: float) -> dict[str, float]:
    """Trained parameter -> its learning rate as a share of the highest."""
    found = depths(model)
    top = max(found.values())
    return {name: decay ** (top - found[name]) for name, p in model.named_parameters() if p.requires_grad}
