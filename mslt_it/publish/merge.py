"""An adapter merged into its base: one model that needs no adapter, compared with the live one after it was written.

A QLoRA adapter was trained on a base rounded to 4 bits (Dettmers et al. 2023), so ``dequantized`` puts it on just that
base, in full precision; ``original`` takes the weights before they were rounded, which the adapter has never seen.
Nothing is ever merged into 4-bit weights: rounding again loses most of the adapter (relative error 0.15).

What was written is read back, and takes its place only when it answers as the live adapter does. A merge that is
refused or killed leaves ``out`` as it was.
"""

from __future__ import annotations

import dataclasses
import gc
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers.utils import cached_file

from mslt_it import values
from mslt_it.config.recipe import ModelConfig
from mslt_it.data.segments import encoder_of
from mslt_it.locks import beside, only_writer
from mslt_it.models.base_model import fit_vocabulary, load_adapter, load_base, merge_adapter, model_hash
from mslt_it.models.environment import DTYPES, environment
from mslt_it.models.finished_run import FinishedRun
from mslt_it.models.identity import identity, load_trained_base, template_hash, tokenizer_hash
from mslt_it.models.quantization import dequantized_weights
from mslt_it.models.tokenizers import load_tokenizer, model_path
from mslt_it.places import MERGE
from mslt_it.problems import Problem, counted
from mslt_it.publish.comparison import Comparison, compare, outputs, prompts_of
from mslt_it.publish.export_options import MergeRequest, merge_inputs
from mslt_it.publish.prompt_record import write_prompts
from mslt_it.records import to_plain
from mslt_it.store import Made, made_once, require_space

SPARE_BYTES = 32 * 2**20  # beside the weights: tokenizer, configuration and what the disk needs for itself


def limits(quantization: str, strategy: str, dtypes: tuple[str, str]) -> dict[str, float]:
    """How far a faithful merge may be from the live adapter, over all languages together (KL in nats per position), by
    what cannot be helped: the base chosen, and rounding; ``dtypes``: of the live model and of the merged one."""
    found = (5e-2, 5e-3, 0.97)
    if strategy == "original":  # another base than was trained on, by choice: only nonsense is refused
        found = (0.5, 0.2, 0.8)
    elif quantization == "int8":  # the live model rounds its activations too, the merged one does not
        found = (0.1, 0.02, 0.95)
    elif dtypes == ("float32", "float32"):
        found = (1e-3, 1e-5, 0.999)
    return dict(zip(("relative_error", "kl_mean", "label_agreement"), found, strict=True))


def merge_run(request: MergeRequest, run: FinishedRun, say: Callable[[str], object] = print) -> Made:
    """Merge the run's adapter into its base and write the model, its tokenizer and merge.json.

    Raises:
        Problem: another base, tokenizer or adapter than the run's; too little disk; a merge beyond `limits`.
    """
    out = values.path(request.out)
    out = out if out.name not in ("", "..") else out.resolve()
    inputs = merge_inputs(run, request)
    with only_writer(out, beside(out), wait=request.wait, say=say):
        return made_once(out, MERGE, inputs, lambda part: write_merged(run, part, inputs, request.prompts, say), say)


def origin(run: FinishedRun) -> dict[str, Any]:
    """What merge.json says of the run."""
    recipe = run.recipe
    return {
        "run": recipe.name,
        "run_fingerprint": run.provenance.get("run_fingerprint"),
        "model": recipe.model.path,
        "model_revision": recipe.model.revision,
        "sources": list(recipe.sources),
        "targets": list(recipe.targets),
    }


def write_merged(
    run: FinishedRun,
    folder: Path,
    inputs: Mapping[str, str],
    prompts_per_language: int,
    say: Callable[[str], object],
) -> dict[str, Any]:
    """Writes the merged model and its tokenizer to ``folder``, reads them back and compares: what merge.json says
    beside ``inputs``, those of `merge_inputs`."""
    recipe, dtype = run.recipe, inputs["dtype"]
    tokenizer, base, trained = load_trained_base(run)
    found_identity = identity(base, tokenizer)
    prompts = prompts_of(recipe, tokenizer, prompts_per_language)
    live = load_adapter(base, run.adapter)
    asked, within = sum(one.number for one in prompts.values()), counted(len(prompts), "language")
    say(f"Asking the live adapter {counted(asked, 'prompt')} in {within} ...")
    expected = outputs(live, prompts)
    del live, base
    gc.collect()

    say(f"Merging in float32, writing {dtype} ...")
    merged = merged_model(run, trained, inputs["strategy"], dtype, tokenizer)
    size = sum(p.numel() * p.element_size() for p in merged.parameters())
    require_room(folder, size, "the merged model")
    merged.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_prompts(folder, recipe, encoder_of(recipe, tokenizer), run)
    # Of a SentencePiece tokenizer transformers 5 writes tokenizer.json alone; llama.cpp's converter reads this file.
    pieces = cached_file(
        model_path(recipe.model),
        "tokenizer.model",
        revision=recipe.model.revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if pieces is not None:
        shutil.copyfile(pieces, folder / "tokenizer.model")
    del merged
    gc.collect()

    written = ModelConfig(path=str(folder), kind=recipe.model.kind)
    again = load_tokenizer(written)
    for what, digest in (("tokenizer", tokenizer_hash), ("chat template", template_hash)):
        if digest(again) != digest(tokenizer):
            raise Problem(f"The {what} does not survive being written and read back. Nothing was written.")
    # Asked in the wider of both dtypes: what is measured is the merge, not arithmetic that the live model did better.
    wide = "float32" if trained.dtype == "float32" else dtype
    reloaded = load_base(dataclasses.replace(written, dtype=wide), head=recipe.head)
    together, each = compare(expected, outputs(reloaded, prompts))
    allowed = limits(recipe.adapter.quantization, inputs["strategy"], (trained.dtype, dtype))
    refuse_beyond(allowed, together, each)
    return {
        **origin(run),
        "quantization": recipe.adapter.quantization,
        **({"head": recipe.head.name} if recipe.head else {}),
        **found_identity,
        "merged_sha256": model_hash(folder),
        "comparison": {
            "dtype": wide,
            "limits": allowed,
            "together": to_plain(together),
            "languages": to_plain(each),
        },
        "environment": environment(),
    }


def require_room(folder: Path, weights_bytes: int, what: str) -> None:
    """A Problem when the disk cannot take the weights and what lies beside them: before any of it is written."""
    require_space(folder, weights_bytes + SPARE_BYTES, what, "Free some space, or give out= on another disk.")


def merged_model(run: FinishedRun, trained: ModelConfig, strategy: str, dtype: str, tokenizer: Any) -> Any:
    """The merged model on the CPU, from a base loaded afresh (see `dequantized_weights`); ``trained``: the recipe's
    model with the dtype it was trained in, which is also what its weights were rounded to then."""
    base = load_base(trained, device="cpu", head=run.recipe.head)
    if strategy == "dequantized":
        modules = dict(base.named_modules())
        for name, weight in dequantized_weights(load_base(trained, run.recipe.adapter)):
            own = modules[name].weight
            own.data = weight.to(device=own.device, dtype=own.dtype)
    fit_vocabulary(base, tokenizer)
    return merge_adapter(load_adapter(base, run.adapter), DTYPES[dtype])


def refuse_beyond(allowed: Mapping[str, float], together: Comparison, each: list[Comparison]) -> None:
    """A Problem that names the figure and the worst language when the merged model is not what the adapter was."""
    faults = []
    for name, limit in allowed.items():
        value, is_share = getattr(together, name), name == "label_agreement"
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
