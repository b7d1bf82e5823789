"""Which keys of a recipe results follow from: what a run is told apart by from others."""

from __future__ import annotations

import dataclasses
from typing import Any

from mslt_it.records import to_plain

OF_LOOKS = ("eval_steps", "num_eval_examples", "patience")  # keys of training, which say nothing where eval_steps=0
# Keys that came later, and their values that change nothing.
_NOT_SAID: dict[str, Any] = {
    **{"option_fields": (), "prompts": {}, "assignment_seed": None, "first_shot": None, "freeze_layers": 0},
    **{"layer_lr_decay": 1.0, "label_smoothing": 0.0},
    **{"class_weights": "none", "method": "lora", "num_examples": {}, "average_checkpoints": 0},
}


def deciding(section: Any) -> Any:
    """A section without the keys that no result follows from."""
    if not dataclasses.is_dataclass(section):
        return to_plain(section)
    found = {f.name: getattr(section, f.name) for f in dataclasses.fields(section) if f.metadata["key"].decides}
    for name, none in _NOT_SAID.items():
        if name in found and found[name] == none:  # a run without it is the one that it was before there were any
            del found[name]
    if found.get("method") == "full":
        found = {"method": "full"}
    if found.get("eval_steps") == 0:
        found = {name: value for name, value in found.items() if name not in OF_LOOKS}
    return to_plain(found)
