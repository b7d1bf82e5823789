"""Which base, tokenizer and adapter belong together: what a run recorded, compared with what is found now.

An adapter on other weights, or read through another tokenizer or chat template, loads without a word and answers
nonsense, so whatever differs is refused here by name. Weights are compared by their SHA-256 (`model_hash`), not by the
name of the model: a branch of a repository moves.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from mslt_it.config.recipe import ModelConfig
from mslt_it.models.base_model import fit_vocabulary, load_base, model_hash
from mslt_it.models.environment import DTYPES
from mslt_it.models.finished_run import FinishedRun, named
from mslt_it.models.gguf_weights import weights_origin
from mslt_it.models.packaged import TERMS
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.places import TRAIN_AGAIN
from mslt_it.problems import Problem
from mslt_it.store import value_sha256


def identity(base: Any, tokenizer: Any) -> dict[str, Any]:
    """What a run records of its tokenizer and its base (the vocabulary fitted already), beside ``base_sha256`` and
    ``adapter_sha256``. ``model_commit``: what a Hub revision stood for, None for a folder."""
    weight = base.get_input_embeddings().weight
    return {
        "model_commit": getattr(base.config, "_commit_hash", None),
        "base_dtype": str(weight.dtype).removeprefix("torch."),
        "num_embedding_rows": int(weight.shape[0]),
        "tokenizer_sha256": tokenizer_hash(tokenizer),
        "template_sha256": template_hash(tokenizer),
        **({"model_terms": TERMS[base.config.model_type]} if base.config.model_type in TERMS else {}),
        **weights_origin(base),
    }


def tokenizer_hash(tokenizer: Any) -> str:
    """SHA-256 over everything that turns text into ids: vocabulary, merges, normalisation, added and special tokens."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        content = json.loads(backend.to_str())
        for of_a_call in ("truncation", "padding"):  # left behind by the last call, not the tokenizer's own
            content.pop(of_a_call, None)
    else:
        content = {"vocabulary": tokenizer.get_vocab(), "added": sorted(map(str, tokenizer.get_added_vocab()))}
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    return value_sha256({"tokenizer": content, "special": special})


def template_hash(tokenizer: Any) -> str | None:
    """SHA-256 of the chat template, None where the tokenizer has none."""
    return value_sha256(tokenizer.chat_template) if tokenizer.chat_template else None


def load_trained_base(run: FinishedRun) -> tuple[Any, Any, ModelConfig]:
    """(tokenizer, base, quantised as in training and its vocabulary fitted, the recipe's model with its dtype written
    out), each checked to be what the run was made with, as far as its papers say (an exported adapter's say little)."""
    recorded, model = run.provenance, run.recipe.model
    if recorded.get("model_revision") != model.revision or recorded.get("model") != model.path:
        raise Problem(
            f"run={run.folder}: config.yaml names the base {named(model.path, model.revision)}, its results are of "
            f"{named(recorded.get('model'), recorded.get('model_revision'))}. {TRAIN_AGAIN}"
        )
    tokenizer = load_tokenizer(model)
    where = f"run={run.folder}, base {named(model.path, model.revision)}"
    found = {"tokenizer_sha256": tokenizer_hash(tokenizer), "template_sha256": template_hash(tokenizer)}
    for key, what in (("tokenizer_sha256", "tokenizer"), ("template_sha256", "chat template")):
        if key in recorded and recorded[key] != found[key]:
            raise Problem(
                f"{where}: the {what} is not the one the adapter was trained with (sha256 {_short(found[key])}, the "
                f"run recorded {_short(recorded[key])}). Put the old one back, or pin model.revision and train again."
            )
    # auto was bfloat16 on most GPUs and float32 on a CPU, whatever this machine has.
    dtypes = ("float32", "bfloat16") if model.dtype == "auto" else (model.dtype,)
    for dtype in [recorded["base_dtype"]] if recorded.get("base_dtype") in DTYPES else dtypes:
        base = None  # the one before makes room
        trained = dataclasses.replace(model, dtype=dtype)
        base = load_base(trained, run.recipe.adapter, head=run.recipe.head)
        fit_vocabulary(base, tokenizer)
        now = identity(base, tokenizer)
        commit, rows = recorded.get("model_commit"), recorded.get("num_embedding_rows")
        if commit is not None and now["model_commit"] not in (None, commit):
            raise Problem(
                f"{where}: the revision is at commit {now['model_commit'][:12]} now, the adapter was trained on "
                f"{commit[:12]}. A branch moves: train with model.revision={commit}."
            )
        if rows is not None and rows != now["num_embedding_rows"]:
            raise Problem(
                f"{where}: the vocabulary was resized: the adapter was trained with {rows} embedding rows, base and "
                f"tokenizer together have {now['num_embedding_rows']} now. Put the old files back, or train again."
            )
        if (found_hash := model_hash(base)) == recorded["base_sha256"]:
            return tokenizer, base, trained
    quantised = (
        " Weights quantised on another kind of device may differ in a few bits: merge where the run was trained."
        if run.recipe.adapter.quantization != "none"
        else ""
    )
    raise Problem(
        f"{where}: its weights are not those the adapter was trained on (sha256 {_short(found_hash)}, the run "
        f"recorded {_short(recorded['base_sha256'])}). Put the old weights back, or pin model.revision and train "
        f"again.{quantised}"
    )


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
