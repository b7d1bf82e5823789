"""What a model is: a decoder, which goes on with a text; an encoder, which sees all of it and answers by a head; or
text-to-text, which reads with an encoder and writes with a decoder. Its configuration says so; its class does not.

transformers is imported where a configuration is read: mistakes in a recipe are told without its seconds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.config.checks import check_kind
from mslt_it.config.recipe import Recipe
from mslt_it.data.hub_client import look_at_hub
from mslt_it.models.finished_run import tensor_shapes
from mslt_it.models.gguf_header import gguf_file, is_gguf
from mslt_it.models.model_errors import read_config
from mslt_it.models.packaged import is_packaged, with_reachable_base
from mslt_it.problems import Problem, nearest
from mslt_it.world.mini_model import WEIGHTS

# Head -> how transformers ends the name of a class that has it.
ENDINGS = {
    "classes": "ForSequenceClassification",
    "options": "ForSequenceClassification",
    "tags": "ForTokenClassification",
    "span": "ForQuestionAnswering",
}


def with_base(recipe: Recipe) -> Recipe:
    """The recipe with a base that can be had here, and told what it is."""
    return with_kind(with_reachable_base(recipe))


def with_kind(recipe: Recipe) -> Recipe:
    """The recipe, told what its model is; a Problem for another ``model.kind``, and for values that mean nothing for a
    model of that kind."""
    wanted = recipe.adapter.target_modules
    shapes = {}
    if recipe.adapter.method != "full" and wanted != ("all-linear",):
        shapes = _shapes(recipe.model.path) or _shapes_on_hub(recipe.model.path, recipe.model.revision)
    # Of experts a file has many small matrices where the model has few large ones, so it does not tell their names.
    if shapes and not any(".experts." in name for name in shapes):
        last = {name.removesuffix(".weight").rpartition(".")[2] for name in shapes}
        matrices = {name.rpartition(".")[0] for name, shape in shapes.items() if len(shape) == 2}
        known = {name.rpartition(".")[2] for name in matrices if re.search(r"\.\d+\.", name)}
        refuse_no_module([name for name in wanted if name.rpartition(".")[2] not in last], known, recipe.model.path)
    found, told = kind_of_path(recipe.model.path, recipe.model.revision), recipe.model.kind
    if told not in ("auto", found):
        raise Problem(
            f"model.kind={told}: model.path={recipe.model.path} is a model of kind {found}, as its config.json says. "
            "Leave model.kind out, or choose another model."
        )
    recipe = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, kind=found))
    check_kind(recipe)
    path, head = recipe.model.path, recipe.head
    # Files with a head for something else: part of it might be taken for the new one.
    for saved in (read_config(path, recipe.model.revision).architectures or ()) if head else ():
        if head and saved.endswith(tuple(ENDINGS.values())) and not saved.endswith(ENDINGS[head.name]):
            raise Problem(
                f"model.path={path}: its files are of {saved}, and task={recipe.task.name} (task.shape="
                f"{recipe.task.shape}) wants a head {ENDINGS[head.name]}. Give the model that it was trained from, or "
                f"save it without its head: AutoModel.from_pretrained({path!r}).save_pretrained(FOLDER)."
            )
    return recipe


def _shapes(path: str) -> dict[str, tuple[int, ...]]:
    """Of the tensors of a base that lies in a folder; empty for any other."""
    return tensor_shapes(WEIGHTS if path == "world" else values.path(path))


def _shapes_on_hub(path: str, revision: str | None) -> dict[str, tuple[int, ...]]:
    """Of the tensors of a base on the Hub, by the first bytes of its files; empty where it gives none."""
    if not values.is_hub_id(path):
        return {}
    from huggingface_hub import get_safetensors_metadata

    look_at_hub()
    with contextlib.suppress(Exception):  # why it gives none is told where its config.json is read
        files = get_safetensors_metadata(path, revision=revision).files_metadata.values()
        return {name: tuple(tensor.shape) for file in files for name, tensor in file.tensors.items()}
    return {}


def refuse_no_module(wanted: Iterable[str], known: Collection[str], where: str) -> None:
    """A Problem for a name of ``adapter.target_modules`` that is no linear module's."""
    for name in wanted:
        if name not in known:
            raise Problem(
                f"adapter.target_modules: {name!r} is not a linear module of {where}. {nearest(name, known)} Or use "
                "[all-linear] for all of them."
            )


def refuse_another_base(adapter: Path, path: str) -> None:
    """A Problem where an adapter's matrices are not of the sizes of a base's that bear their names."""
    base = _shapes(path)
    for name, shape in tensor_shapes(adapter).items():
        module, _, end = name.removeprefix("base_model.model.").partition(".lora_A")
        if end and (there := base.get(f"{module}.weight")) and shape[1] not in there:
            raise Problem(
                f"{adapter.parent}: its adapter was trained with another base than model={path}: {module} reads "
                f"{shape[1]} numbers, there {there[1]}. Score it with run={adapter.parent} alone, or give the right "
                "model=."
            )


def kind_of_path(path: str, revision: str | None) -> str:
    """Of a folder or a model on the Hub, by its config.json; packed decoders are known to be such."""
    if path == "world" or is_packaged(path) or (is_gguf(path) and gguf_file(path)):
        return "decoder"
    return kind_of(read_config(path, revision))


def kind_of(config: Any) -> str:
    """Of a model with this configuration."""
    from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification

    if getattr(config, "is_encoder_decoder", False):
        return "text_to_text"
    # Families that fill in masked words; with is_decoder they read from left to right.
    sees_all = type(config) in AutoModelForMaskedLM._model_mapping and not getattr(config, "is_decoder", False)
    has_heads = type(config) in AutoModelForSequenceClassification._model_mapping
    return "encoder" if sees_all and has_heads else "decoder"


# ---------------------------------------------------------------- text-to-text: T5, mT5 and their relatives

TASK_TYPE = "SEQ_2_SEQ_LM"  # as peft names them


def is_text_to_text(base: Any) -> bool:
    """Whether a loaded model, without peft around it, is such a one."""
    return bool(getattr(base.config, "is_encoder_decoder", False))
