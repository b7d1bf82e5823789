"""The README of an adapter or model: what it was made of, what it scored, what it is not for.

The sentences are in model_card.md.jinja; the head is the YAML that model hubs read (library, base model, languages,
licence, data sets, a model index with the figures). A hub takes a base model or data set there only by its id, so
folders and the embedded world are told in the text alone when a card is for publication.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from huggingface_hub import EvalResult as CardFigure
from huggingface_hub import ModelCardData

from mslt_it.config.recipe import Recipe
from mslt_it.data import intents
from mslt_it.evaluation.label_reports import LabelReport
from mslt_it.evaluation.remarks import run_remarks
from mslt_it.evaluation.scores import ScoreRow
from mslt_it.evaluation.tables import METRIC_NAMES, as_markdown, has_base, label_table, language_table
from mslt_it.models.packaged import original
from mslt_it.problems import Problem

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
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_PROMPT = "\ue000"
_LOCAL_TYPE = "local-files"  # named after no repository: they may hold anything


@dataclass(frozen=True)
class Publication:
    """What is said of an export beside what its run recorded."""

    name: str
    kind: str = "adapter"  # "adapter", "model" (merged), "gguf" or "onnx"
    license: str = ""  # of the base model's weights, which goes for what is made of them; empty: not stated
    data_license: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)  # what the template's part on loading it needs
    merge: Mapping[str, Any] | None = None  # merge.json of the merged model

    def __post_init__(self) -> None:
        for key in ("license", "data_license"):
            if not re.fullmatch(r"[\w .+:/()-]*", getattr(self, key)):
                raise Problem(f"{key}={getattr(self, key)!r} is not the name of a licence. Write for example mit.")


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
    shown_data = data if publication is None or is_hub_id(data) else "files of its makers"
    if data == "intents":
        shown_data = intents.ATTRIBUTION
    elif data == "world":
        shown_data = "the embedded world of mslt_it (a generated toy, not the benchmark)"
    num_rows = provenance.get("num_examples", recipe.data.num_examples_total)
    commit = provenance.get("model_commit") or recipe.model.revision
    origin = [
        *_hashes(provenance["adapter_sha256"], provenance["base_sha256"], commit, provenance.get("run_fingerprint")),
        *_weights_and_terms(provenance),
        ("sources", recipe.shown_sources),
        ("targets (zero-shot)", ", ".join(recipe.targets) or "none has labels"),
        ("labelled rows in total", str(num_rows)),
        *([("data revision", f"`{task.revision}`")] if task.revision else []),
        *([] if recipe.head else [("prompts", f"{recipe.prompt.language}, template {recipe.prompt.template}")]),
        ("quantisation in training", recipe.adapter.quantization),
        ("seed", str(recipe.seed)),
    ]
    return _render(
        about,
        original(recipe.model.path),
        recipe.sources,
        origin,
        tags=[*([] if is_full else ["lora"]), "cross-lingual-transfer", *(["model-merging"] if made else [])],
        data=data,
        figures=model_index(recipe, results),
        pipeline=_TASK_TYPES[task.shape] if recipe.head else _WRITING.get(recipe.model.kind, "text-generation"),
        is_published=publication is not None,
        is_full=is_full,
        terms=str(provenance.get("model_terms", "")).rstrip("."),
        recipe=recipe,
        task=task.name,
        rank=made["rank_of_result"] if made else recipe.adapter.rank,
        has_base=has_base(results),
        shown_data=shown_data,
        num_rows=num_rows,
        combination=made,
        results_table=as_markdown(language_table(results, confidence, with_base=True)) if results else "",
        remarks=run_remarks(results, task, confidence) if results else [],
        label_tables=[
            (title, as_markdown(cells))
            for title, cells in (label_table(report) for report in labels if report.system == "adapter")
        ],
    )


def card_of_merge(merge: Mapping[str, Any], publication: Publication) -> str:
    """The card of a merged model whose run is not at hand; ``merge``: its merge.json."""
    inputs, revision = merge["inputs"], merge.get("model_revision")
    origin = [
        *_hashes(inputs["adapter_sha256"], inputs["base_sha256"], revision, merge.get("run_fingerprint")),
        ("sources", ", ".join(merge["sources"])),
        ("targets (zero-shot)", ", ".join(merge["targets"])),
        ("quantisation in training", str(merge.get("quantization"))),
    ]
    return _render(publication, str(merge["model"]), merge["sources"], origin)


def _render(
    about: Publication,
    base: str,
    sources: Sequence[str],
    origin: Sequence[tuple[str, str]],
    *,
    tags: Sequence[str] = ("lora", "cross-lingual-transfer"),
    data: str = "",
    figures: Sequence[CardFigure] = (),
    pipeline: str = "text-generation",
    is_published: bool = True,
    is_full: bool = False,
    **more: Any,
) -> str:
    """The card; in the YAML between the dashes codes such as "no" come out quoted, since bare they are booleans."""
    is_named = is_hub_id(base) or not is_published
    kind = "model" if is_full and about.kind == "adapter" else about.kind
    known = about.license.lower()
    licence: dict[str, Any] = {"license": known} if known else {}
    if known and known not in KNOWN_LICENSES:
        licence = {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", known).strip("-")}
    head = ModelCardData(
        library_name=_LIBRARIES[kind],
        base_model=base if is_named else None,
        base_model_relation=_RELATIONS[kind] if is_named else None,
        language=list(sources),
        pipeline_tag=pipeline,
        tags=list(tags),
        datasets=[data] if is_hub_id(data) else None,
        model_name=about.name if figures else None,
        eval_results=list(figures) or None,
        **licence,
    )
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        **vars(about) | {"usage": {**about.usage, "prompt": _PROMPT}},
        head=head.to_yaml(),
        base=base if is_named else Path(base).name or base,  # not where a folder lay on somebody's disk
        is_world_model=base == "world",
        is_world="world" in (base, data),
        sources=sources,
        is_published=is_published,
        is_full=is_full,
        origin_table=as_markdown([("", ""), *origin]),
        **more,
    )
    # The empty lines of a prompt are its own.
    return re.sub(r"\n{3,}", "\n\n", text).replace(_PROMPT, about.usage.get("prompt", ""))


def model_index(recipe: Recipe, results: Sequence[ScoreRow]) -> list[CardFigure]:
    """The figures as hubs list them, valid ones of single languages only; shares, not per cent."""
    task, data = recipe.task, recipe.task.data
    name = "generated sentences, not a benchmark" if data == "world" else task.name
    kind = "mslt_it-embedded-world" if data == "world" else data if is_hub_id(data) else _LOCAL_TYPE
    return [
        CardFigure(
            task_type=_TASK_TYPES.get(task.shape, "text-generation"),
            task_name=f"{name} in {row.language}, {'trained on' if row.role == 'source' else 'zero-shot'}",
            dataset_type=kind,
            dataset_name=f"{name} ({row.language})",
            dataset_config=task.config_name(row.language),
            dataset_split=task.score_split,
            dataset_revision=task.revision,
            metric_type=row.metric,
            metric_name=f"{METRIC_NAMES.get(row.metric, row.metric)}, n={row.n}",
            metric_value=round(row.value, 4),
        )
        for row in results
        if row.value is not None and row.status == "ok" and not row.is_mean
    ]


def is_hub_id(text: str) -> bool:
    """Whether ``USER/NAME`` of a hub is meant, not a folder of that name."""
    return bool(_HUB_ID.fullmatch(text)) and not Path(text).exists()


def _hashes(adapter: str, base: str, revision: str | None, run: str | None) -> list[tuple[str, str]]:
    found = [("adapter sha256", adapter), ("base sha256", base), ("base revision", revision), ("run fingerprint", run)]
    return [(what, f"`{value}`") for what, value in found if value]


def _weights_and_terms(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of a base that was read from a GGUF file, and of one with terms of use."""
    facts = []
    if tensors := provenance.get("gguf_tensors"):
        types = ", ".join(f"{number} tensors {kind}" for kind, number in tensors.items())
        facts.append(("base weights", f"dequantised from a GGUF file ({types}), sha256 `{provenance['gguf_sha256']}`"))
    if terms := provenance.get("model_terms"):
        facts.append(("terms of use", str(terms)))
    return facts
