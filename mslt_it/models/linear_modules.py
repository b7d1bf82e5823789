"""Into which modules of a model LoRA goes."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from transformers.pytorch_utils import Conv1D

from mslt_it.models.heads import head_of
from mslt_it.problems import Problem, nearest


def target_modules(model: nn.Module, wanted: Iterable[str]) -> list[str]:
    """The module names LoRA goes into: ``all-linear`` resolved, wrong names refused with the right ones listed."""
    known, wanted = linear_module_names(model), list(wanted)
    if wanted == ["all-linear"]:
        return known
    if wrong := [name for name in wanted if name not in known]:
        raise Problem(
            f"adapter.target_modules: {wrong[0]!r} is not a linear module of {type(model).__name__}. "
            f"{nearest(wrong[0], known)} Or use [all-linear] for all of them."
        )
    return sorted(set(wanted))


def linear_module_names(model: nn.Module) -> list[str]:
    """The last parts of the names of all linear modules, the output head left out, sorted."""
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    trained_whole = tuple(f"{part}." for part in head_of(model).trained)
    names = set()
    for name, module in model.named_modules():
        if f"{name}.".startswith(trained_whole):
            continue
        # bitsandbytes' Linear4bit and Linear8bitLt are nn.Linear too
        if isinstance(module, (nn.Linear, Conv1D)) and module is not head:
            parts = name.split(".")
            names.add(".".join(parts[-2:]) if parts[-1].isdigit() else parts[-1])
    return sorted(names)
