"""Why a base model could not be loaded; what the Hub's client raises is told by ``data/hub.py``."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.data.hub import hub_problem
from mslt_it.data.hub_client import look_at_hub
from mslt_it.places import PROMPTS, refuse_no_base
from mslt_it.problems import Problem

MOST_PARTS = 10_000
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")


def explain(error: BaseException, path: str, revision: str | None, what: str) -> Problem:
    """The Problem for ``error``, met while loading ``what`` ("tokenizer", "causal language model") of ``path``."""
    if (known := hub_problem(error, "model.path", path, revision)) is not None:
        return known
    text = " ".join(str(error).split())
    if "trust_remote_code" in text:
        return Problem(
            f"model.path={path}: the model comes with Python code of its own, which is never run here. "
            "Choose a model whose architecture transformers itself knows."
        )
    if "safetensors" in text and "a file named" in text:  # a Hub repository without safetensors
        return Problem(f"model.path={path}: {no_safetensors('the repository has other files only')}")
    return Problem(f"model.path={path}: no {what} could be loaded: {text}")


def read_config(path: str, revision: str | None, what: str = "model") -> Any:
    """The configuration of the model ``what`` at ``path``; a Problem where there is none that transformers knows."""
    refuse_folder(path)
    from transformers import AutoConfig  # seconds, which a folder that is none need not pay

    try:
        config = AutoConfig.from_pretrained(path, revision=revision, trust_remote_code=False)
    except Exception as error:  # what a configuration says may be anything
        raise explain(error, path, revision, what) from error
    fetch_record(path, revision)
    return config


@functools.cache
def fetch_record(path: str, revision: str | None) -> None:
    """Where ``path`` is a model on the Hub: takes what may stand beside its weights about their training
    (`mslt_it.places.recorded`) into the Hub's cache."""
    if not values.is_hub_id(path):
        return
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    look_at_hub()
    try:
        hf_hub_download(path, PROMPTS, revision=revision)
    except EntryNotFoundError:
        pass  # most models have none; or the Hub is out of reach, and the cache has none
    except Exception as error:  # the client's libraries raise many unrelated types
        raise explain(error, path, revision, PROMPTS) from error


def refuse_folder(path: str) -> None:
    """Raise for a local folder that cannot be a base model; nothing is said about Hub ids."""
    folder = values.path(path)
    refuse_no_base(path, "model.path")
    if not folder.is_dir():
        look_at_hub()
        return
    names = sorted(file.name for file in folder.iterdir())
    _refuse_unsafe(path, folder)
    if "config.json" not in names:
        if "adapter_config.json" in names:
            raise Problem(
                f"model.path={path}: this folder holds an adapter, not a base model. Give the folder or Hub id of the "
                "base that it was trained on."
            )
        raise Problem(
            f"model.path={path}: the folder has no config.json, so it is not a model in Hugging Face's layout. "
            f"It holds: {', '.join(names[:8]) or 'nothing'}."
        )
    if not any(name.endswith(".safetensors") for name in names):
        pickles = sorted(file.name for pattern in PICKLES for file in folder.glob(pattern))
        if pickles:
            raise Problem(f"model.path={path}: {no_safetensors(', '.join(pickles[:3]))}")
        raise Problem(f"model.path={path}: the folder has no weights (no .safetensors file).")


def _refuse_unsafe(path: str, folder: Path) -> None:
    """A Problem for files that name others outside the folder, or code."""
    for file in sorted(folder.glob("*.json")):
        if file.name in ("tokenizer.json", "vocab.json"):  # megabytes, and the library that reads them is no Python
            continue
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            said = "it is nested too deeply" if isinstance(error, RecursionError) else error
            raise Problem(f"model.path={path}: {file.name} is not JSON: {said}. Fetch the model again.") from error
        shards = content.get("weight_map") if isinstance(content, dict) else None
        for name in sorted(set(map(str, shards.values()))) if isinstance(shards, dict) else ():
            if "/" in name or "\\" in name or not name.endswith(".safetensors"):
                raise Problem(
                    f"model.path={path}: {file.name} names '{name}' as weights, which is outside the folder or no "
                    "safetensors file. It is not read; take the model from a place you trust."
                )
        for name, value in _entries(content):
            if re.search(r"(layers?|heads|experts)$", name) and type(value) is int and value > MOST_PARTS:
                raise Problem(
                    f"model.path={path}: {file.name} says {name}={value}, which no model "
                    "has and which would take hours to build. Fetch the model again."
                )
            if name.endswith("attn_implementation") and "/" in str(value):
                raise Problem(
                    f"model.path={path}: {file.name} asks for attention code from elsewhere ('{value}'), which is "
                    "never run here. Remove attn_implementation from the file: transformers has its own."
                )


def _entries(content: Any) -> Iterator[tuple[str, Any]]:
    """Every (name, value) of a configuration and of those in it."""
    for name, value in content.items() if isinstance(content, dict) else ():
        yield name, value
        yield from _entries(value)


def no_safetensors(where: str) -> str:
    """The sentence for weights that could run code while they are read."""
    return (
        f"there are no safetensors weights in it ({where}), and pickled weights are not read because reading them "
        "can run code. Convert them once, in a place you trust with them: "
        "AutoModelForCausalLM.from_pretrained(OLD).save_pretrained(NEW); then model.path=NEW. (T5 and mT5 are an "
        "AutoModelForSeq2SeqLM; the tokenizer goes the same way.) "
        "Or pin a revision of the repository that has safetensors: model.revision=COMMIT."
    )
