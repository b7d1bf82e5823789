"""The README of an adapter or model: what it was made of, what it scored, what it is not for.

The sentences are in model_card.md.jinja; the head is the YAML that model hubs read (library, base model, languages,
licence, data sets). A hub takes a base model or data set there only by its id, so
folders and the embedded world are told in the text alone when a card is for publication.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from huggingface_hub import ModelCardData

from mslt_it import values
from mslt_it.config.recipe import Recipe
from mslt_it.data import intents
from mslt_it.evaluation.label_reports import LabelReport
from mslt_it.evaluation.remarks import run_remarks
from mslt_it.evaluation.scores import ScoreRow
from mslt_it.evaluation.tables import as_markdown, has_base, in_markdown, label_table, language_table
from mslt_it.models.packaged import original

TEMPLATE = Path(__file__).with_name("model_card.md.jinja")
# Names that hubs know in the field ``license``; any other is ``other`` with a license_name.
KNOWN_LICENSES = frozenset(
    [
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "isc"),
        *("cc", "cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-3.0", "cc-by-nc-4.0"),
        *("cc-by-nd-4.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-4.0", "odbl", "odc-by", "unlicense", "other", "unknown"),
        *("openrail", "openrail++", "creativeml-openrail-m", "bigscience-bloom-rail-1.0", "bigscience-openrail-m"),
        *("bigcode-openrail-m", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "gemma"),
    ]
)
_TASK_TYPES = {
    "classification": "text-classification",
    "tagging": "token-classification",
    "question_answering": "question-answering",
}
_WRITING = {"text_to_text": "text2text-generation"}
_LIBRARIES = {"adapter": "peft", "model": "transformers", "gguf": "gguf", "onnx": "onnx"}
_RELATIONS = {"adapter": "adapter", "model": "finetune", "gguf": "quantized", "onnx": "finetune"}
_PROMPT = "\ue000"


@dataclass(frozen=True)
class Publication:
    """What is said of an export beside what its run recorded."""

    name: str
    kind: str = "adapter"  # "adapter", "model" (merged), "gguf" or "onnx"
    license: str = ""  # of the base model's weights, which goes for what is made of them; empty: not stated
    data_license: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)  # what the template's part on loading it needs
    merge: Mapping[str, Any] | None = None  # merge.json of the merged model


def model_card(
    recipe: Recipe,
    results: Sequence[ScoreRow],
    provenance: Mapping[str, Any],
    publication: Publication | None = None,
    labels: Sequence[LabelReport] = (),
    usage: Mapping[str, Any] | None = None,
) -> str:
    """The card of a run's adapter, trained or combined, in its folder; with ``publication`` that of an export.

    Args:
        results: none where nothing was scored.
        provenance: of results.json.
        labels: what became of each label; none where answers are no labels.
        usage: of a run's own card, what ``publication`` holds of an export.
    """
    about = publication or Publication(recipe.name, usage=usage or {})
    task, confidence, made = recipe.task, recipe.scoring.confidence, provenance.get("combination")
    data, is_full = task.data, recipe.adapter.method == "full"
    shown_data = data if publication is None or values.is_hub_id(data) else "files of its makers"
    if data == "intents":
        shown_data = intents.ATTRIBUTION
    elif data == "world":
        shown_data = "the embedded world of mslt_it (a generated toy, not the benchmark)"
    num_rows = provenance.get("num_examples", recipe.data.num_examples_total)
    base, is_published = original(recipe.model.path), publication is not None
    is_named = values.is_hub_id(base) or not is_published
    text = _template().render(
        **vars(about) | {"usage": {**about.usage, "prompt": _PROMPT}},
        head=_head(recipe, about, base if is_named else None, bool(made)).to_yaml(),
        base=base if is_named else Path(base).name or base,  # not where a folder lay on somebody's disk
        is_world_model=base == "world",
        is_world="world" in (base, data),
        sources=recipe.sources,
        is_published=is_published,
        is_full=is_full,
        origin_table=as_markdown([("", ""), *_origin(recipe, provenance, num_rows)]),
        terms=str(provenance.get("model_terms", "")).rstrip("."),
        recipe=recipe,
        task=task.name,
        rank=made["rank_of_result"] if made else recipe.adapter.rank,
        has_base=has_base(results),
        shown_data=shown_data,
        num_rows=num_rows,
        combination=made,
        results_table=as_markdown(language_table(results, confidence, with_base=True)) if results else "",
        remarks=[in_markdown(line) for line in run_remarks(results, task, confidence)] if results else [],
        label_tables=[
            (in_markdown(title), as_markdown(cells))
            for title, cells in (label_table(report) for report in labels if report.system == "adapter")
        ],
    )
    # The empty lines of a prompt are its own.
    return re.sub(r"\n{3,}", "\n\n", text).replace(_PROMPT, about.usage.get("prompt", ""))


def _origin(recipe: Recipe, provenance: Mapping[str, Any], num_rows: int) -> list[tuple[str, str]]:
    """(what, value) of all that the weights come from."""
    passes = 0.0
    if training := provenance.get("training"):
        passes = training["num_epochs"] * (training.get("best_step") or training["num_steps"]) / training["num_steps"]
    tensors = ", ".join(f"{number} tensors {kind}" for kind, number in provenance.get("gguf_tensors", {}).items())
    of_gguf = f"dequantised from a GGUF file ({tensors}), sha256 {provenance.get('gguf_sha256')}"
    known = [
        ("adapter sha256", provenance["adapter_sha256"]),
        ("base sha256", provenance["base_sha256"]),
        ("base revision", provenance.get("model_commit") or recipe.model.revision),
        ("run fingerprint", provenance.get("run_fingerprint")),
        ("base weights", of_gguf if tensors else ""),
        ("terms of use", provenance.get("model_terms")),
        ("sources", recipe.shown_sources),
        ("targets (zero-shot)", ", ".join(recipe.targets) or "none has labels"),
        ("labelled rows in total", str(num_rows)),
        ("passes over them", f"{passes:.3g}" if passes else ""),
        ("data revision", recipe.task.revision),
        ("prompts", "" if recipe.head else f"{recipe.prompt.language}, template {recipe.prompt.template}"),
        ("quantisation in training", recipe.adapter.quantization),
        ("seed", str(recipe.seed)),
    ]
    return [(what, str(value)) for what, value in known if value]


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _head(recipe: Recipe, about: Publication, base: str | None, is_combined: bool) -> ModelCardData:
    """What stands between the dashes; codes such as "no" come out quoted, since bare they are booleans."""
    task, is_full = recipe.task, recipe.adapter.method == "full"
    kind = "model" if is_full and about.kind == "adapter" else about.kind
    known = about.license.lower()
    licence: dict[str, Any] = {"license": known} if known else {}
    if known and known not in KNOWN_LICENSES:
        licence = {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", known).strip("-")}
    return ModelCardData(
        library_name=_LIBRARIES[kind],
        base_model=base,
        base_model_relation=_RELATIONS[kind] if base else None,
        language=list(recipe.sources),
        pipeline_tag=_TASK_TYPES[task.shape] if recipe.head else _WRITING.get(recipe.model.kind, "text-generation"),
        tags=[*([] if is_full else ["lora"]), "cross-lingual-transfer", *(["model-merging"] if is_combined else [])],
        datasets=[task.data] if values.is_hub_id(task.data) else None,
        **licence,
    )
