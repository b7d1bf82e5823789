"""What `mslt merge` and `mslt export` are asked; ``merge.py`` and ``export.py`` make it."""

from __future__ import annotations

from dataclasses import dataclass

from mslt_it.config.schema import key
from mslt_it.locks import WAIT

FORMS = {  # in the order in which they are made: later ones use what is merged already
    "safetensors": "merged weights as transformers and servers load them, with generation settings and card",
    "vllm": "the adapter for `vllm serve BASE --enable-lora`",
    "gguf": "one file for llama.cpp, by its convert_hf_to_gguf.py (on PATH, or converter=PATH)",
    "onnx": "an encoder as a graph for onnxruntime (pip install -e '.[onnx]'), with tokenizer and card",
}


@dataclass(frozen=True, kw_only=True)
class MergeRequest:
    run: str = key(
        help="folder of a finished run, as mslt train or mslt combine leave it",
        example="RUNFOLDER",
        missing="the folder that `mslt train` printed last",
        place="run",
    )
    out: str = key(
        help="folder for the model, or for one of each form; made whole or not at all", example="DIR", place="out"
    )
    dtype: str = key(
        "bfloat16", "of the weights written; merging itself is in float32", choices=("bfloat16", "float32")
    )
    strategy: str | None = key(
        None,
        "of quantised runs: the base that was trained on, or the original",
        choices=("dequantized", "original"),
        shown="dequantized",
    )
    prompts: int = key(
        32,
        "that merged and live model are compared on; 0: as many as the run scored",
        unit="rows per language",
        at_least=0,
    )
    wait: bool = key(False, WAIT)


@dataclass(frozen=True, kw_only=True)
class Request(MergeRequest):
    format: tuple[str, ...] = key(
        ("safetensors",),
        "one or several, see below",
        choices=tuple(FORMS),
        names=tuple(FORMS),
        may_be_empty=False,
        example="[safetensors,vllm]",
    )
    outtype: str = key("f16", "of the GGUF file", choices=("f16", "bf16", "q8_0"))
    converter: str | None = key(None, "path of convert_hf_to_gguf.py", shown="(found)")
    name: str = key("", "in the card, file names and requests", shown="(the run's)")
    license: str = key("", "of the base model's weights, for the card: apache-2.0", shown="not stated")
    data_license: str = key("", "of the training data, for the card", shown="not stated")
