"""``mslt export run=RUN format=[safetensors,vllm,gguf] out=DIR [push=USER/NAME]``: a run in the forms others load."""

from __future__ import annotations

from dataclasses import dataclass

from mslt_it import values
from mslt_it.command import Call, Command, section
from mslt_it.config.schema import key
from mslt_it.locks import WAIT, beside, only_writer
from mslt_it.problems import Problem
from mslt_it.quiet import quiet_libraries
from mslt_it.terminal import print_json

_FORMS = {
    "safetensors": "merged weights as transformers and servers load them, with generation settings and card",
    "vllm": "the adapter for `vllm serve BASE --enable-lora`; merged weights where vLLM cannot serve the adapter",
    "gguf": "one file for llama.cpp, by its convert_hf_to_gguf.py (LLAMA_CPP=DIR, on PATH, or converter=PATH)",
    "onnx": "an encoder as a graph for onnxruntime (pip install -e '.[onnx]'), with tokenizer and card",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is exported, in which forms, where to."""

    run: str | None = key(None, "folder of a finished run, as mslt train or mslt combine leave it", example="RUNFOLDER")
    model: str | None = key(None, "instead of run, or beside it: the folder of its merge, as mslt merge leaves it")
    format: tuple[str, ...] = key(
        ("safetensors",),
        "one or several, see below",
        choices=tuple(_FORMS),
        names=tuple(_FORMS),
        may_be_empty=False,
        example="[safetensors,vllm]",
    )
    out: str = key(help="folder; each form gets one of its own in it, whole or not at all", example="DIR")
    dtype: str | None = key(None, "of merged weights", choices=("bfloat16", "float32"), shown="bfloat16")
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
    push: str | None = key(None, "OWNER/NAME on a model hub: the export is sent there; one format only")
    private: bool = key(False, "whether a new repository is private")
    wait: bool = key(False, WAIT)


def run(call: Call) -> int:
    """Exports, sends where asked to, prints; 0 = every form is there, now or before."""
    options: Options = call.options
    refuse_idle(call)
    quiet_libraries()
    # These import torch, which help can do without.
    from mslt_it.publish.export import Request, export
    from mslt_it.publish.model_card import is_hub_id
    from mslt_it.publish.push import prepare, push

    to = prepare(options.push, private=options.private) if options.push is not None else None
    request = Request(
        out=values.path(options.out),
        formats=options.format,
        run=values.path(options.run) if options.run else None,
        model=values.path(options.model) if options.model else None,
        dtype=options.dtype,
        strategy=options.strategy,
        prompts=options.prompts,
        outtype=options.outtype,
        converter=options.converter,
        name=options.name,
        license=options.license,
        data_license=options.data_license,
    )
    with only_writer(request.out, beside(request.out), wait=options.wait, say=call.say):
        exports = export(request, call.say)
    sent = None
    if to is not None:
        base = exports[0].record["base"]
        if exports[0].record["kind"] == "adapter" and not is_hub_id(base):
            raise Problem(
                f"The adapter belongs to the base '{base}', which is no repository of a hub, so nobody else could load "
                "it. Nothing was sent. Push the merged model instead: format=safetensors."
            )
        sent = push(exports[0].folder, to, call.say)
    if call.as_json:
        shown = [{**vars(one), "folder": str(one.folder), "record": dict(one.record)} for one in exports]
        print_json({"exports": shown, "pushed": vars(sent) if sent is not None else None})
        return 0
    for one in exports:
        call.say(f"{one.format}: {one.folder}{'' if one.is_new else ' (already there, nothing was done)'}")
    if sent is not None:
        call.say(f"pushed: {sent.url} {'at' if sent.is_new else 'already there, at'} commit {sent.commit}")
    return 0


def refuse_idle(call: Call) -> None:
    """A Problem for options that are missing or would have no effect."""
    options: Options = call.options
    if options.run is None and options.model is None:
        raise Problem("run is missing. Write mslt export run=RUNFOLDER 'format=[safetensors]' out=DIR.")
    for name in ("outtype", "converter"):
        if name in call.given and "gguf" not in options.format:
            raise Problem(f"{name} has no effect on format=[{','.join(options.format)}], only on gguf. Leave it out.")
    if "private" in call.given and options.push is None:
        raise Problem("private has no effect without push=OWNER/NAME. Leave it out, or give push=.")
    if options.push is not None and len(options.format) > 1:
        raise Problem(
            f"push={options.push} takes one format, and there are {len(options.format)}: a repository is one "
            "model. Push each one under a name of its own."
        )


COMMAND = Command(
    "export",
    "A run's adapter in the forms that others load, measured against the live adapter where it is merged, with a model "
    "card; and, with push=, on a model hub.",
    ("run=RUNFOLDER format=[FORM,...] out=DIR [KEY=VALUE ...] [--json]",),
    (
        "mslt export run=runs/xnli_3src-138fcab690 'format=[safetensors,vllm]' out=exported",
        "mslt export run=runs/xnli_3src-138fcab690 format=gguf outtype=q8_0 out=exported",
        "mslt export run=runs/xnli_3src-138fcab690 format=vllm out=exported push=USER/NAME license=apache-2.0",
    ),
    Options,
    run,
    flags=("--json",),
    more=lambda: section("forms", _FORMS),
)
