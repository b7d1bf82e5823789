"""An adapter merged into its base: one model that needs no adapter, compared with the live one after it was written.

A QLoRA adapter was trained on a base rounded to 4 bits (Dettmers et al. 2023), so ``dequantized`` puts it on just that
base, in full precision; ``original`` takes the weights before they were rounded, which the adapter has never seen.
Nothing is ever merged into 4-bit weights: rounding again loses most of the adapter (relative error 0.15).

Written is into a hidden folder beside ``out``, which takes its place only when what was read back from it answers as
the live adapter does; COMPLETE.json inside has the SHA-256 of every file. A merge that is refused or killed leaves
``out`` as it was.
"""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from mslt_it.config.recipe import ModelConfig
from mslt_it.models.base_model import (
    DTYPES,
    fit_vocabulary,
    load_adapter,
    load_base,
    load_tokenizer,
    merge_adapter,
    model_hash,
)
from mslt_it.models.environment import environment
from mslt_it.models.identity import (
    FinishedRun,
    identity,
    load_trained_base,
    read_run,
    template_hash,
    tokenizer_hash,
    unrecorded,
)
from mslt_it.models.quantization import dequantized_weights
from mslt_it.problems import Problem, nearest
from mslt_it.publish.comparison import Comparison, compare, outputs, prompts_of
from mslt_it.publish.sealed import finish, require_space
from mslt_it.records import to_plain
from mslt_it.store import COMPLETE, file_sha256, find_damage

MERGE = "merge.json"
STRATEGIES = ("dequantized", "original")
MERGED_DTYPES = ("bfloat16", "float32")
PROMPTS_PER_LANGUAGE = 32


@dataclass(frozen=True)
class Limits:
    """What a merge may differ from the live adapter, over all languages together."""

    relative_error: float
    kl_mean: float  # nats per position
    label_agreement: float


@dataclass(frozen=True)
class Merge:
    """What `merge_run` did: ``record`` is the content of merge.json, ``is_new`` is False where it was there already."""

    folder: Path
    record: Mapping[str, Any]
    is_new: bool


def limits(quantization: str, strategy: str, dtypes: tuple[str, str]) -> Limits:
    """What is still a faithful merge, by what cannot be helped: the base chosen, and rounding; ``dtypes``: of the live
    model and of the merged one."""
    if strategy == "original":  # another base than was trained on, by choice: only nonsense is refused
        return Limits(0.5, 0.2, 0.8)
    if quantization == "int8":  # the live model rounds its activations too, the merged one does not
        return Limits(0.1, 0.02, 0.95)
    if dtypes == ("float32", "float32"):
        return Limits(1e-3, 1e-5, 0.999)
    return Limits(5e-2, 5e-3, 0.97)


def compared_in(trained: str, written: str) -> str:
    """The dtype in which the merged model is asked: the wider of the live model's and its own, so that what is measured
    is the merge and not arithmetic that the live model did better."""
    return "float32" if "float32" in (trained, written) else written


def merge_run(
    run: Path | str,
    out: Path | str,
    *,
    strategy: str | None = None,
    dtype: str = "bfloat16",
    prompts_per_language: int = PROMPTS_PER_LANGUAGE,
    say: Callable[[str], object] = print,
) -> Merge:
    """Merge a run's adapter into its base and write the model, its tokenizer and merge.json to the folder ``out``.

    Args:
        strategy: for a quantised run "dequantized" (default) or "original"; None for any other.
        dtype: "bfloat16" or "float32", of the weights written; merging itself is in float32.
        prompts_per_language: scored rows that merged and live model are compared on; 0 = as many as the run scored.

    Raises:
        Problem: another base, tokenizer or adapter than the run's; too little disk; a merge beyond `limits`.
    """
    out = Path(out) if Path(out).name not in ("", "..") else Path(out).resolve()
    if dtype not in MERGED_DTYPES:
        raise Problem(f"dtype={dtype} is unknown. {nearest(dtype, MERGED_DTYPES)}")
    if prompts_per_language < 0:
        raise Problem(f"prompts={prompts_per_language}: give 1 or more, or 0 for every row that the run scored.")
    finished = read_run(run)
    strategy = _strategy(finished, strategy)
    inputs = {
        "adapter_sha256": finished.provenance["adapter_sha256"],
        "adapter_config_sha256": file_sha256(finished.adapter / "adapter_config.json"),
        "base_sha256": finished.provenance["base_sha256"],
        "strategy": strategy,
        "dtype": dtype,
    }
    earlier = _earlier(out, inputs, say)
    if earlier is not None:
        return Merge(out, earlier, False)

    if note := unrecorded(finished):
        say(f"Note: {note}")
    tokenizer, base, trained = load_trained_base(finished)
    found_identity = identity(base, tokenizer)
    settings = {
        "batch_tokens": finished.recipe.scoring.batch_tokens,
        "pad_id": tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id,
    }
    prompts = prompts_of(finished.recipe, tokenizer, prompts_per_language)
    live = load_adapter(base, finished.adapter)
    say(f"Asking the live adapter {sum(len(p.rows) for p in prompts.values())} prompts in {len(prompts)} languages ...")
    expected = outputs(live, prompts, **settings)
    del live, base
    gc.collect()

    say(f"Merging in float32, writing {dtype} ...")
    merged = merged_model(finished, trained, strategy, dtype, tokenizer)
    part = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)  # of a merge that was killed
        out.parent.mkdir(parents=True, exist_ok=True)
        size = sum(p.numel() * p.element_size() for p in merged.parameters())
        require_space(out.parent, size, "the merged model")
        _write(merged, tokenizer, part)
        del merged
        gc.collect()
        _refuse_other_tokenizer(part, tokenizer)
        wide = compared_in(trained.dtype, dtype)
        reloaded = load_base(ModelConfig(path=str(part), dtype=wide))
        together, each = compare(expected, outputs(reloaded, prompts, **settings))
        allowed = limits(finished.recipe.adapter.quantization, strategy, (trained.dtype, dtype))
        refuse_beyond(allowed, together, each)
        record = {
            "inputs": inputs,
            "run": finished.recipe.name,
            "run_fingerprint": finished.provenance.get("run_fingerprint"),
            "model": finished.recipe.model.path,
            "model_revision": finished.recipe.model.revision,
            "quantization": finished.recipe.adapter.quantization,
            "sources": list(finished.recipe.sources),
            "targets": list(finished.recipe.targets),
            **found_identity,
            "merged_sha256": model_hash(part),
            "comparison": {
                "dtype": wide,
                "limits": to_plain(allowed),
                "together": to_plain(together),
                "languages": to_plain(each),
            },
            "environment": environment(),
        }
        del reloaded
        finish(part, out, MERGE, record)
    except (OSError, SafetensorError) as error:
        raise Problem(f"The merged model could not be written to {part}: {error}. {out} is as it was.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Merge(out, record, True)


def merged_model(run: FinishedRun, trained: ModelConfig, strategy: str, dtype: str, tokenizer: Any) -> Any:
    """The merged model on the CPU, from a base loaded afresh (see `dequantized_weights`); ``trained``: the recipe's
    model with the dtype it was trained in, which is also what its weights were rounded to then."""
    base = load_base(trained, device="cpu")
    if strategy == "dequantized":
        modules = dict(base.named_modules())
        for name, weight in dequantized_weights(load_base(trained, run.recipe.adapter)):
            own = modules[name].weight
            own.data = weight.to(device=own.device, dtype=own.dtype)
    fit_vocabulary(base, tokenizer)
    return merge_adapter(load_adapter(base, run.adapter), DTYPES[dtype])


def refuse_beyond(allowed: Limits, together: Comparison, each: list[Comparison]) -> None:
    """A Problem that names the figure and the worst language when the merged model is not what the adapter was."""
    faults = []
    for name, is_share in (("relative_error", False), ("kl_mean", False), ("label_agreement", True)):
        value, limit = getattr(together, name), getattr(allowed, name)
        if value is None or (value >= limit if is_share else value <= limit):
            continue
        known = [c for c in each if getattr(c, name) is not None]
        worst = sorted(known, key=lambda c: getattr(c, name), reverse=not is_share)[0]
        faults.append(
            f"{name} {value:.3g}, {'at least' if is_share else 'at most'} {limit:g} is allowed (worst: "
            f"{worst.language}, {getattr(worst, name):.3g})"
        )
    if faults:
        raise Problem(
            f"The merged model does not answer as the live adapter does: {'; '.join(faults)}. Nothing was written. "
            "Try dtype=float32, or strategy=dequantized where the run was quantised; or use the adapter unmerged."
        )


def _strategy(run: FinishedRun, strategy: str | None) -> str:
    quantised = run.recipe.adapter.quantization != "none"
    if strategy is None:
        return "dequantized" if quantised else "none"
    if strategy not in STRATEGIES:
        raise Problem(f"strategy={strategy} is unknown. {nearest(strategy, STRATEGIES)}")
    if not quantised:
        raise Problem(
            f"strategy={strategy} is for runs with adapter.quantization; {run.folder} was trained on a base that was "
            "not quantised, so there is only one. Leave strategy out."
        )
    return strategy


def _earlier(out: Path, inputs: Mapping[str, str], say: Callable[[str], object]) -> dict[str, Any] | None:
    """merge.json of a whole merge of the same inputs in ``out``, None where there is nothing or a torn one."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not out.is_dir():
        raise Problem(f"out={out} is a file. Give a folder.")
    record = _read_record(out)
    if record is None:
        raise Problem(f"out={out} holds something other than a merge (no {MERGE} of one). Choose another folder.")
    there = record.get("inputs")
    if there and (differing := [key for key in inputs if there.get(key) != inputs[key]]):
        said = "; ".join(f"{key}: {there.get(key)} there, {inputs[key]} now" for key in differing)
        raise Problem(f"out={out} holds another merge ({said}). Choose another folder, or remove that one.")
    damage = find_damage(out)
    if damage is None:
        return record
    say(f"{out} holds a merge that is not whole ({damage}): it is made again.")
    return None


def _read_record(out: Path) -> dict[str, Any] | None:
    """What merge.json says; empty where it is damaged but the folder was sealed as a merge; None: not a merge."""
    try:
        record = json.loads((out / MERGE).read_text(encoding="utf-8"))
        if isinstance(record, dict) and isinstance(record.get("inputs"), dict):
            return record
    except (OSError, ValueError):
        pass
    try:
        return {} if MERGE in json.loads((out / COMPLETE).read_text(encoding="utf-8"))["files"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(merged: Any, tokenizer: Any, folder: Path) -> None:
    folder.mkdir(parents=True)
    merged.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _refuse_other_tokenizer(folder: Path, tokenizer: Any) -> None:
    """What was written must be read back as the tokenizer it was."""
    again = load_tokenizer(ModelConfig(path=str(folder)))
    for what, digest in (("tokenizer", tokenizer_hash), ("chat template", template_hash)):
        if digest(again) != digest(tokenizer):
            raise Problem(f"The {what} does not survive being written and read back. Nothing was written.")
