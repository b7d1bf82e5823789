"""What a model is: a decoder, which goes on with a text; an encoder, which sees all of it and answers by a head; or
text-to-text, which reads with an encoder and writes with a decoder. Its configuration says so; its class does not.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForSequenceClassification

from mslt_it.config.checks import check_kind
from mslt_it.config.recipe import Recipe
from mslt_it.models.gguf_weights import is_gguf
from mslt_it.models.heads import MODELS
from mslt_it.models.model_errors import explain, refuse_folder
from mslt_it.models.packaged import is_packaged, with_reachable_base
from mslt_it.problems import Problem


def with_base(recipe: Recipe) -> Recipe:
    """The recipe with a base that can be had here, and told what it is."""
    return with_kind(with_reachable_base(recipe))


def with_kind(recipe: Recipe) -> Recipe:
    """The recipe, told what its model is; a Problem for another ``model.kind``, and for values that mean nothing for a
    model of that kind."""
    found, told = kind_of_path(recipe.model.path, recipe.model.revision), recipe.model.kind
    if told not in ("auto", found):
        raise Problem(
            f"model.kind={told}: model.path={recipe.model.path} is a model of kind {found}, as its config.json says. "
            "Leave model.kind out, or choose another model."
        )
    recipe = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, kind=found))
    check_kind(recipe)
    if recipe.head is not None:
        _refuse_other_head(recipe, recipe.head.name)
    return recipe


def _refuse_other_head(recipe: Recipe, name: str) -> None:
    """A Problem for a model whose files have a head for something else: part of it might be taken for the new one."""
    path, config = recipe.model.path, _config(recipe.model.path, recipe.model.revision)
    # How transformers ends the name of a class that has the head: ForTokenClassification.
    endings = {head: loader.__name__.removeprefix("AutoModel") for head, loader in MODELS.items()}
    for saved in config.architectures or ():
        if saved.endswith(tuple(endings.values())) and not saved.endswith(endings[name]):
            raise Problem(
                f"model.path={path}: its files are of {saved}, and task={recipe.task.name} (task.shape="
                f"{recipe.task.shape}) wants a head {endings[name]}. Give the model that it was trained from, or save "
                f"it without its head: AutoModel.from_pretrained({path!r}).save_pretrained(FOLDER)."
            )


def kind_of_path(path: str, revision: str | None) -> str:
    """Of a folder or a model on the Hub, by its config.json; packed decoders are known to be such."""
    if path == "world" or is_packaged(path) or is_gguf(path):
        return "decoder"
    return kind_of(_config(path, revision))


def _config(path: str, revision: str | None) -> Any:
    refuse_folder(path, "model")
    try:
        return AutoConfig.from_pretrained(path, revision=revision, trust_remote_code=False)
    except Exception as error:  # what a configuration says may be anything
        raise explain(error, path, revision, "model") from error


def kind_of(config: Any) -> str:
    """Of a model with this configuration."""
    if getattr(config, "is_encoder_decoder", False):
        return "text_to_text"
    # Families that fill in masked words; with is_decoder they read from left to right.
    sees_all = type(config) in AutoModelForMaskedLM._model_mapping and not getattr(config, "is_decoder", False)
    has_heads = type(config) in AutoModelForSequenceClassification._model_mapping
    return "encoder" if sees_all and has_heads else "decoder"
