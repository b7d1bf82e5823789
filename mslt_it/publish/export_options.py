"""What `mslt merge` and `mslt export` are asked; ``merge.py`` and ``export.py`` make it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mslt_it import values
from mslt_it.config.schema import key
from mslt_it.locks import WAIT
from mslt_it.models.finished_run import FinishedRun, read_run
from mslt_it.places import RECORD
from mslt_it.problems import Problem
from mslt_it.publish.gguf import find_converter
from mslt_it.store import file_sha256, made_before

FORMS = {  # in the order in which they are made: later ones use what is merged already
    "safetensors": "merged weights as transformers and servers load them, with generation settings and card",
    "vllm": "the adapter for `vllm serve BASE --enable-lora`",
    "gguf": "one file for llama.cpp, by its convert_hf_to_gguf.py (on PATH, or converter=PATH)",
    "onnx": "an encoder as a graph for onnxruntime (pip install -e '.[onnx]'), with tokenizer and card",
}
FORMS_OF = {
    "decoder": ("safetensors", "vllm", "gguf"),
    "encoder": ("safetensors", "onnx"),
    "text_to_text": ("safetensors",),
}
PACKAGES = ("onnx", "onnxscript", "onnxruntime")  # of format=onnx


@dataclass(frozen=True, kw_only=True)
class MergeRequest:
    run: str = key(
        help="folder of a finished run (mslt train, mslt combine)",
        example="RUNFOLDER",
        missing="the folder that `mslt train` printed last",
        place="run",
    )
    out: str = key(help="folder for the model, written whole or not at all", example="DIR", place="new merged model")
    dtype: str = key(
        "bfloat16", "of the written weights; merging itself is in float32", choices=("bfloat16", "float32")
    )
    strategy: str | None = key(
        None,
        "for quantised runs: merge into the base that was trained on, or the original",
        choices=("dequantized", "original"),
        shown="dequantized",
    )
    prompts: int = key(
        32,
        "prompts for comparing merged and live model; 0: as many as the run scored",
        unit="rows per language",
        at_least=0,
    )
    wait: bool = key(False, WAIT)


@dataclass(frozen=True, kw_only=True)
class ExportRequest(MergeRequest):
    out: str = key(
        help="folder for one folder per form, each written whole or not at all", example="DIR", place="new exports"
    )
    format: tuple[str, ...] = key(
        ("safetensors",),
        "one or several, see below",
        choices=tuple(FORMS),
        names=tuple(FORMS),
        may_be_empty=False,
        example="[safetensors,vllm]",
    )
    outtype: str = key("f16", "type of the GGUF file", choices=("f16", "bf16", "q8_0"))
    converter: str | None = key(None, "path of convert_hf_to_gguf.py", shown="(found)")
    name: str = key("", "name used in the card, file names and requests", shown="(the run's)")
    license: str = key("", "licence of the base model's weights, for the card: apache-2.0", shown="not stated")
    data_license: str = key("", "licence of the training data, for the card", shown="not stated")
    push: str | None = key(None, "upload to OWNER/NAME on a model hub; one format only")
    private: bool = key(False, "make a new repository private")


def merge_inputs(run: FinishedRun, request: MergeRequest) -> dict[str, str]:
    """What decides the merged weights, the strategy spelt out; a Problem for one where there is no choice."""
    quantised = run.recipe.adapter.quantization != "none"
    if request.strategy is not None and not quantised:
        raise Problem(
            f"strategy={request.strategy} is for runs with adapter.quantization; {run.folder} was trained on a base "
            "that was not quantised, so there is only one. Leave strategy out."
        )
    return {
        "adapter_sha256": run.provenance["adapter_sha256"],
        "adapter_config_sha256": file_sha256(run.adapter / "adapter_config.json"),
        "base_sha256": run.provenance["base_sha256"],
        "strategy": request.strategy or ("dequantized" if quantised else "none"),
        "dtype": request.dtype,
    }


class Plan(NamedTuple):
    """An export before anything is loaded."""

    run: FinishedRun
    inputs: Mapping[str, Mapping[str, str]]  # form, in the order of `FORMS` -> what decides it
    converter: Path | None  # of format=gguf


def planned(request: ExportRequest) -> Plan:
    """What is made of the run; a Problem where it cannot take a form, or where another's lies in its folder."""
    converter = find_converter(request.converter) if "gguf" in request.format else None
    run = read_run(values.path(request.run))
    inputs = {form: export_inputs(run, request, form) for form in FORMS if form in request.format}
    for form, own in inputs.items():
        made_before(values.path(request.out) / form, RECORD, own)
    return Plan(run, inputs, converter)


def export_inputs(run: FinishedRun, request: ExportRequest, form: str) -> dict[str, str]:
    """What decides one form of an export; a Problem where the run cannot take it here, and for a name that is none."""
    kind = run.recipe.model.kind
    if form not in FORMS_OF[kind]:
        meant = "encoders" if form == "onnx" else "decoders"
        raise Problem(
            f"format={form} is for {meant}, and this is a model of kind {kind}. Choose of "
            f"{', '.join(FORMS_OF[kind])}: format=[safetensors]."
        )
    missing = [one for one in PACKAGES if form == "onnx" and importlib.util.find_spec(one) is None]
    if missing:
        raise Problem(f"format=onnx needs the package {missing[0]}: pip install -e '.[onnx]'.")
    name = request.name or run.recipe.name
    if not re.fullmatch(r"\w[\w .+-]*", name):
        raise Problem(f"name={name!r} cannot be a file's name. Write for example name=xnli-ar-de-zh.")
    licences = {"license": request.license, "data_license": request.data_license}
    for which, licence in licences.items():
        if not re.fullmatch(r"[\w .+:/()-]*", licence):
            raise Problem(f"{which}={licence!r} is not the name of a licence. Write for example mit.")
    more = {"outtype": request.outtype} if form == "gguf" else {}
    results = file_sha256(run.folder / "results.json")
    return {**merge_inputs(run, request), "results_sha256": results, "name": name, **licences, **more}
