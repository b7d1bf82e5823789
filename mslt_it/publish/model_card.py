"""The README of an adapter or model: what it was made of, what it scored, what it is not for.

The head is the YAML that model hubs read (library, base model, languages, licence, data sets, a model index with the
figures). A hub takes a base model or data set there only by its id, so folders and the embedded world are told in the
text alone when a card is for publication.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mslt_it.config.recipe import Recipe
from mslt_it.data import intents
from mslt_it.evaluation.label_reports import LabelReport
from mslt_it.evaluation.remarks import run_remarks
from mslt_it.evaluation.scores import ScoreRow
from mslt_it.evaluation.tables import METRIC_NAMES, as_markdown, label_table, language_table
from mslt_it.models.packaged import original
from mslt_it.problems import Problem

NOT_STATED = "not stated"
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
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_WORLD = "the embedded world of mslt_it (a generated toy, not the benchmark)"
_WORLD_NAME = "generated sentences, not a benchmark"
_WORLD_TYPE = "mslt_it-embedded-world"
_LOCAL_TYPE = "local-files"  # named after no repository: they may hold anything


@dataclass(frozen=True)
class Publication:
    """What is said of an export beside what its run recorded."""

    name: str
    kind: str = "adapter"  # "adapter", "model" (merged) or "gguf"
    license: str = ""  # of the base model's weights, which goes for what is made of them; empty: not stated
    data_license: str = ""
    usage: tuple[str, ...] = ()  # Markdown lines: how to load or serve it
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
) -> str:
    """The card of a run's adapter, trained or combined, in its folder; with ``publication`` that of an export.

    Args:
        results: none where nothing was scored.
        provenance: of results.json.
        labels: what became of each label; none where answers are no labels.
    """
    parts = [
        f"# {publication.name if publication else recipe.name}",
        _summary(recipe, provenance, publication),
        *([f"How the source languages were chosen (`sources=auto`): {recipe.select.note}"] * bool(recipe.select.note)),
        *(_combination(provenance["combination"]) if "combination" in provenance else []),
        *(["## Use", "\n".join(publication.usage)] if publication and publication.usage else []),
        "## Results",
        *(_results(recipe, results) if results else ["It was not scored."]),
        *_labels(recipe, labels),
        *(_merge(publication.merge) if publication and publication.merge else []),
        "## Limits",
        "\n".join(f"- {line}" for line in _limits(recipe, provenance, publication)),
        *(_licences(publication) if publication else []),
        "## Made from",
        _papers(recipe, provenance),
    ]
    return f"---\n{front_matter(recipe, results, provenance, publication)}---\n\n" + "\n\n".join(parts) + "\n"


def card_of_merge(merge: Mapping[str, Any], publication: Publication) -> str:
    """The card of a merged model whose run is not at hand; ``merge``: its merge.json."""
    base = str(merge["model"])
    head: dict[str, Any] = {"library_name": "gguf" if publication.kind == "gguf" else "transformers"}
    if is_hub_id(base):
        head |= {"base_model": base, "base_model_relation": "quantized" if publication.kind == "gguf" else "finetune"}
    head |= {"language": list(merge["sources"]), "pipeline_tag": "text-generation"}
    head |= {"tags": ["lora", "cross-lingual-transfer"]}
    if publication.license:
        head |= _license_fields(publication.license)
    facts = [
        ("adapter sha256", f"`{merge['inputs']['adapter_sha256']}`"),
        ("base sha256", f"`{merge['inputs']['base_sha256']}`"),
        *([("base revision", f"`{merge['model_revision']}`")] if merge.get("model_revision") else []),
        ("run fingerprint", f"`{merge.get('run_fingerprint')}`"),
        ("sources", ", ".join(merge["sources"])),
        ("targets (zero-shot)", ", ".join(merge["targets"])),
        ("quantisation in training", str(merge.get("quantization"))),
    ]
    world = base == "world"
    parts = [
        f"# {publication.name}",
        f"{'The embedded mini model of mslt_it' if world else f'`{base if is_hub_id(base) else Path(base).name}`'} "
        f"with a LoRA adapter merged into its weights that was trained in {', '.join(merge['sources'])}.",
        *(["## Use", "\n".join(publication.usage)] if publication.usage else []),
        "## Results",
        "The run's scores are in its own folder; they were not at hand when this card was written.",
        *_merge(merge),
        "## Limits",
        "It answers with what is likely, not with what is true, and takes over the base model's errors and biases in "
        "every language. " + "It knows the embedded, generated world alone and is of no use for real text. " * world,
        *_licences(publication),
        "## Made from",
        as_markdown([("", ""), *facts]),
    ]
    top = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{top}---\n\n" + "\n\n".join(part.strip() for part in parts) + "\n"


def front_matter(
    recipe: Recipe,
    results: Sequence[ScoreRow],
    provenance: Mapping[str, Any],
    publication: Publication | None = None,
) -> str:
    """The YAML between the dashes; codes such as "no" come out quoted, since bare they are booleans."""
    kind = publication.kind if publication else "adapter"
    base = original(recipe.model.path)
    head: dict[str, Any] = {"library_name": {"adapter": "peft", "gguf": "gguf"}.get(kind, "transformers")}
    if publication is None or is_hub_id(base):
        head["base_model"] = base
        head["base_model_relation"] = {"adapter": "adapter", "gguf": "quantized"}.get(kind, "finetune")
    head["language"] = list(recipe.sources)
    head["pipeline_tag"] = "text-generation"
    head["tags"] = ["lora", "cross-lingual-transfer", *(["model-merging"] * ("combination" in provenance))]
    if is_hub_id(recipe.task.data):
        head["datasets"] = [recipe.task.data]
    if publication and publication.license:
        head |= _license_fields(publication.license)
    index = model_index(recipe, results, publication.name if publication else recipe.name)
    if index:
        head["model-index"] = index
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=120)


def model_index(recipe: Recipe, results: Sequence[ScoreRow], name: str) -> list[dict[str, Any]]:
    """The figures as hubs list them, valid ones of single languages only; shares, not per cent."""
    task, data = recipe.task, recipe.task.data
    world = data == "world"
    found = []
    for row in results:
        if row.value is None or row.status != "ok" or row.is_mean:
            continue
        dataset: dict[str, Any] = {
            "name": f"{_WORLD_NAME if world else task.name} ({row.language})",
            "type": _WORLD_TYPE if world else data if is_hub_id(data) else _LOCAL_TYPE,
            "config": task.config_name(row.language),
            "split": task.score_split,
        }
        if task.revision:
            dataset["revision"] = task.revision
        kind = _TASK_TYPES.get(task.shape, "text-generation")
        said = METRIC_NAMES.get(row.metric, row.metric)
        role = "trained on" if row.role == "source" else "zero-shot"
        found.append(
            {
                "task": {"type": kind, "name": f"{_WORLD_NAME if world else task.name} in {row.language}, {role}"},
                "dataset": dataset,
                "metrics": [{"type": row.metric, "value": round(row.value, 4), "name": f"{said}, n={row.n}"}],
            }
        )
    return [{"name": name, "results": found}] if found else []


def is_hub_id(text: str) -> bool:
    """Whether ``USER/NAME`` of a hub is meant, not a folder of that name."""
    return bool(_HUB_ID.fullmatch(text)) and not Path(text).exists()


def _license_fields(license: str) -> dict[str, str]:
    known = license.lower()
    if known in KNOWN_LICENSES:
        return {"license": known}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", known).strip("-")}


def _data(recipe: Recipe, publication: Publication | None) -> str:
    data = recipe.task.data
    if data == "intents":
        return intents.ATTRIBUTION
    return _WORLD if data == "world" else data if publication is None or is_hub_id(data) else "files of its makers"


def _summary(recipe: Recipe, provenance: Mapping[str, Any], publication: Publication | None) -> str:
    made, task = provenance.get("combination"), recipe.task.name
    rank = made["rank_of_result"] if made else recipe.adapter.rank
    kind = publication.kind if publication else "adapter"
    base = "The embedded mini model of mslt_it" if recipe.model.path == "world" else f"`{_base(recipe, publication)}`"
    what = {
        "adapter": f"LoRA adapter (rank {rank}) for `{task}`",
        "model": f"{base} with a LoRA adapter (rank {rank}) for `{task}` merged into its weights",
        "gguf": f"{base} with a LoRA adapter (rank {rank}) for `{task}` merged into its weights, as GGUF",
    }[kind]
    if made:
        settings = [f"`{made['method']}`"] + [
            f"{k} {made[k]}" for k in ("rank", "max_error", "density", "seed") if k in made
        ]
        return (
            f"{what}, combined after training from {len(made['adapters'])} adapters that were trained separately on "
            f"{_data(recipe, publication)}: method {', '.join(settings)}, weights {made['weights']}. Languages that "
            "none of them was trained on were scored zero-shot."
        )
    return (
        f"{what}, trained on {_num_rows(recipe, provenance)} labelled rows in {', '.join(recipe.sources)} together, "
        f"from {_data(recipe, publication)}; seed {recipe.seed}. Every other language below was scored zero-shot."
    )


def _num_rows(recipe: Recipe, provenance: Mapping[str, Any]) -> int:
    """Rows trained on; older runs recorded only what the recipe asked for."""
    return int(provenance.get("num_examples", recipe.data.num_examples_total))


def _base(recipe: Recipe, publication: Publication | None) -> str:
    """A published card does not tell where a folder lay on somebody's disk."""
    path = original(recipe.model.path)
    return Path(path).name if publication and not is_hub_id(path) and Path(path).name else path


def _combination(made: Mapping[str, Any]) -> list[str]:
    cells = [("weight", "trained on", "rows", "seed", "adapter sha256")] + [
        (
            f"{a['weight']:+.4g}",
            ", ".join(a["sources"]),
            str(a["num_examples"]),
            str(a["seed"]),
            f"`{a['adapter_sha256']}`",
        )
        for a in made["adapters"]
    ]
    error = (
        f"Relative error {made['relative_error']:.2g} against {made['error_against']} (Frobenius norm of the change of "
        "the weights)."
    )
    return [as_markdown(cells), error]


def _results(recipe: Recipe, results: Sequence[ScoreRow]) -> list[str]:
    told = (
        'In per cent, with intervals; gain over the untuned base in points, on the same items. "Seen" languages were '
        'trained on, "unseen" ones were not.'
    )
    confidence = recipe.scoring.confidence
    table = as_markdown(language_table(results, confidence, with_base=True))
    return [told, table, " ".join(run_remarks(results, recipe.task, confidence))]


def _labels(recipe: Recipe, labels: Sequence[LabelReport]) -> list[str]:
    """What the adapter made of each label in each language, folded away: the tables are long."""
    own = [report for report in labels if report.system == "adapter"]
    if not own:
        return []
    tables = "\n\n".join(f"{title}\n\n{as_markdown(cells)}" for title, cells in map(label_table, own))
    return [f"<details><summary>Each label in each language</summary>\n\n{tables}\n\n</details>"]


def _merge(merge: Mapping[str, Any]) -> list[str]:
    found = merge["comparison"]["together"]
    label = found["label_agreement"]
    same = "" if label is None else f", the same label on {label:.2%} of the items"
    return [
        f"The figures are those of the live adapter. The merged weights ({merge['inputs']['dtype']}) were compared "
        f"with it on {found['num_prompts']} prompts: relative error of the logits {found['relative_error']:.1e}, KL "
        f"{found['kl_mean']:.1e} nats, the same likeliest token at {found['argmax_agreement']:.2%} of the positions"
        f"{same}."
    ]


def _limits(recipe: Recipe, provenance: Mapping[str, Any], publication: Publication | None) -> list[str]:
    lines = []
    if recipe.task.data == "world" or recipe.model.path == "world":
        lines.append(
            "It belongs to an embedded world of generated sentences that shows the method offline. The figures say "
            f"nothing about {recipe.task.name} itself or about real text, and it is of no use for either."
        )
    how = "by ranking the label words after the prompt" if recipe.task.choice_names else "on greedily generated answers"
    lines.append(
        f"It was scored {how}, with one prompt, on `{recipe.task.name}` only. Languages that are not in the table, "
        "other prompts, other tasks and free conversation were not measured."
    )
    if publication is None or publication.kind == "adapter":
        lines.append(
            "It is a difference to one set of base weights (sha256 below): on others it loads and answers nonsense."
        )
    lines.append(
        "It answers with what is likely, not with what is true, and takes over the base model's errors and biases in "
        "every language."
    )
    return lines


def _licences(publication: Publication) -> list[str]:
    return [
        "## Licences",
        f"Base model: {publication.license or NOT_STATED}. Training data: {publication.data_license or NOT_STATED}. "
        "What was made of them may be used only as both allow.",
    ]


def _base_facts(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of a base with terms of use, and of one that was read from a GGUF file."""
    facts = []
    if tensors := provenance.get("gguf_tensors"):
        types = ", ".join(f"{number} tensors {kind}" for kind, number in tensors.items())
        facts.append(("base weights", f"dequantised from a GGUF file ({types}), sha256 `{provenance['gguf_sha256']}`"))
    if terms := provenance.get("model_terms"):
        facts.append(("terms of use", str(terms)))
    return facts


def _papers(recipe: Recipe, provenance: Mapping[str, Any]) -> str:
    commit = provenance.get("model_commit") or recipe.model.revision
    facts = [
        ("adapter sha256", f"`{provenance['adapter_sha256']}`"),
        ("base sha256", f"`{provenance['base_sha256']}`"),
        *([("base revision", f"`{commit}`")] if commit else []),
        *_base_facts(provenance),
        *([("run fingerprint", f"`{provenance['run_fingerprint']}`")] if "run_fingerprint" in provenance else []),
        ("sources", ", ".join(recipe.sources)),
        ("targets (zero-shot)", ", ".join(recipe.targets)),
        ("labelled rows in total", str(_num_rows(recipe, provenance))),
        *([("data revision", f"`{recipe.task.revision}`")] if recipe.task.revision else []),
        ("prompts", f"{recipe.prompt.language}, template {recipe.prompt.template}"),
        ("quantisation in training", recipe.adapter.quantization),
        ("seed", str(recipe.seed)),
    ]
    return as_markdown([("", ""), *facts])
