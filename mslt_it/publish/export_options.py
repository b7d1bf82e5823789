"""What `mslt export` is asked; ``export.py`` makes it."""

from __future__ import annotations

from dataclasses import dataclass

from mslt_it.config.schema import key

FORMS = {  # in the order in which they are made: later ones use what is merged already
    "safetensors": "merged weights as transformers and servers load them, with generation settings and card",
    "vllm": "the adapter for `vllm serve BASE --enable-lora`",
    "gguf": "one file for llama.cpp, by its convert_hf_to_gguf.py (on PATH, or converter=PATH)",
    "onnx": "an encoder as a graph for onnxruntime (pip install -e '.[onnx]'), with tokenizer and card",
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which run, in which forms, where to, how."""

    run: str = key(help="folder of a finished run, as mslt train or mslt combine leave it", example="RUNFOLDER")
    format: tuple[str, ...] = key(
        ("safetensors",),
        "one or several, see below",
        choices=tuple(FORMS),
        names=tuple(FORMS),
        may_be_empty=False,
        example="[safetensors,vllm]",
    )
    out: str = key(help="folder; each form gets one of its own in it, whole or not at all", example="DIR")
    dtype: str = key("bfloat16", "of merged weights", choices=("bfloat16", "float32"))
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
    outtype: str = key("f16", "of the GGUF file", choices=("f16", "bf16", "q8_0"))
    converter: str | None = key(None, "path of convert_hf_to_gguf.py", shown="(found)")
    name: str = key("", "in the card, file names and requests", shown="(the run's)")
    license: str = key("", "of the base model's weights, for the card: apache-2.0", shown="not stated")
    data_license: str = key("", "of the training data, for the card", shown="not stated")
