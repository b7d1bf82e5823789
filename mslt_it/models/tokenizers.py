"""Where a base model lies, and its tokenizer: what building rows needs of it. Imports no peft, which takes seconds."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase

from mslt_it.config.recipe import ModelConfig
from mslt_it.models.causality import writing_class
from mslt_it.models.gguf_header import is_gguf
from mslt_it.models.gguf_weights import dequantized, dequantized_file
from mslt_it.models.inputs import longest_input_of
from mslt_it.models.model_errors import explain, refuse_folder
from mslt_it.models.packaged import TERMS, is_packaged, join_parts, package_of
from mslt_it.problems import Problem
from mslt_it.world.mini_model import weights_dir

MOST_GROWTH = 1000  # characters that a normalizer makes of one; usual are 1 to 18


def model_path(model: ModelConfig) -> str:
    """A folder or a Hub id: of the embedded model its folder, of a GGUF file and of a package the folder in the cache
    with what was read from it."""
    if model.path == "world":
        return str(weights_dir())
    if is_packaged(model.path):
        return str(dequantized(package_of(model.path).sha256, model.path, functools.partial(join_parts, model.path)))
    return str(dequantized_file(model.path)) if is_gguf(model.path) else model.path


def cached_commit(path: str, revision: str | None) -> str | None:
    """The commit of the copy of a Hub repository in the cache, whose folder is named after it; None for a folder."""
    if Path(path).exists() or path.count("/") > 1:
        return None
    try:
        found = try_to_load_from_cache(path, "config.json", revision=revision)
    except HFValidationError:
        return None
    return Path(found).parent.name if isinstance(found, str) else None


def terms_and_origin(model: ModelConfig) -> list[str]:
    """What the user is told of the base when a run starts: where it is from, and under which terms it may be used."""
    config = AutoConfig.from_pretrained(model_path(model), revision=model.revision, trust_remote_code=False)
    found = package_of(model.path) if is_packaged(model.path) else None
    notes = [f"Base: {found.original} from the installed package, {found.told}."] if found else []
    return notes + ([TERMS[config.model_type]] if config.model_type in TERMS else [])


def load_tokenizer(model: ModelConfig) -> PreTrainedTokenizerBase:
    """The base model's tokenizer; code that comes with a model is never run. It is wanted before the data are built, so
    a model that is not known to be an encoder (`mslt_it.models.kinds`), and does not write, is refused now."""
    path = model_path(model)
    refuse_folder(path)
    try:
        if model.kind != "encoder":
            writing_class(path, model.revision)
        tokenizer = AutoTokenizer.from_pretrained(path, revision=model.revision, trust_remote_code=False)
        most = tokenizer.model_max_length
        if not isinstance(most, int | float):
            raise ValueError(f"model_max_length in tokenizer_config.json is {most!r}, not a number")
        if (growth := _growth(getattr(tokenizer, "backend_tokenizer", None))) > MOST_GROWTH:
            raise ValueError(f"the normalizer in tokenizer.json makes {growth:,} characters of one")
        if model.kind == "encoder":  # not all of them are told
            tokenizer.model_max_length = min(most, longest_input_of(path, model.revision))
        return tokenizer
    except Problem:
        raise
    except Exception as error:  # tokenizers raises plain Exceptions, and a damaged file is met at any place
        raise explain(error, path, model.revision, "tokenizer") from error


def _growth(backend: Any) -> int:
    """How many characters the normalizer makes of one at most, by what it replaces texts with, one after another."""
    normalizer = getattr(backend, "normalizer", None)
    waiting, growth = [json.loads(normalizer.__getstate__())] if normalizer is not None else [], 1
    while waiting:
        one = waiting.pop()
        waiting += one.get("normalizers", ())
        growth *= max(1, len(one.get("content", "")))
    return growth
