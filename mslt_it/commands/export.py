"""``mslt export run=RUN format=[safetensors,vllm,gguf] out=DIR [push=USER/NAME]``: a run in the forms others load."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from mslt_it import arguments, values
from mslt_it.arguments import Option, Parsed
from mslt_it.problems import Problem
from mslt_it.terminal import print_json

_FORMS = {
    "safetensors": "merged weights as transformers and servers load them, with generation settings and card",
    "vllm": "the adapter for `vllm serve BASE --enable-lora`; merged weights where vLLM cannot serve the adapter",
    "gguf": "one file for llama.cpp, by its convert_hf_to_gguf.py (LLAMA_CPP=DIR, on PATH, or converter=PATH)",
}
FLAGS = ("--json",)
OPTIONS: dict[str, Option] = {
    "run": Option(None, "folder of a finished run, as `mslt train` or `mslt combine` leave it", example="RUNFOLDER"),
    "model": Option(None, "instead of run, or beside it: the folder of its merge, as `mslt merge` leaves it"),
    "format": Option(
        "[safetensors]", "one or several, see below", is_list=True, choices=tuple(_FORMS), names=tuple(_FORMS)
    ),
    "out": Option(None, "folder; each form gets one of its own in it, whole or not at all", required=True),
    "dtype": Option(None, "of merged weights", choices=("bfloat16", "float32"), shown="bfloat16"),
    "strategy": Option(
        None,
        "for quantised runs: dequantized (the base that was trained on) or original",
        choices=("dequantized", "original"),
        shown="dequantized",
    ),
    "prompts": Option(
        "32",
        "rows per language that merged and live model are compared on; 0 = as many as the run scored",
        kind="int",
        what="a number of rows",
        at_least=0,
    ),
    "outtype": Option("f16", "of the GGUF file: f16, bf16 or q8_0", choices=("f16", "bf16", "q8_0")),
    "converter": Option(None, "path of convert_hf_to_gguf.py", shown="(found)"),
    "name": Option(None, "in the card, file names and requests", shown="the run's"),
    "license": Option(None, "of the base model's weights, for the card: apache-2.0", shown="not stated"),
    "data_license": Option(None, "of the training data, for the card", shown="not stated"),
    "push": Option(None, "OWNER/NAME on a model hub: the export is sent there; one format only"),
    "private": Option("false", "whether a new repository is private", kind="bool"),
}


def main(argv: Sequence[str]) -> int:
    """Exports, sends where asked to, prints; 0 = every form is there, now or before."""
    if arguments.wants_help(argv):
        print(help_text())
        return 0
    options = parse(argv)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in train.py, before torch is imported
    from mslt_it.quiet import quiet_libraries

    quiet_libraries()
    from mslt_it.publish.export import Request, export
    from mslt_it.publish.model_card import is_hub_id
    from mslt_it.publish.push import prepare, push

    def say(text: str) -> None:
        print(text, file=sys.stderr if options.as_json else sys.stdout, flush=True)

    to = prepare(options["push"], private=options["private"]) if options["push"] is not None else None
    texts: dict[str, Any] = {key: options[key] or "" for key in ("name", "license", "data_license")}
    texts |= {key: options[key] for key in ("dtype", "strategy", "outtype", "converter")}
    request = Request(
        out=values.path(options["out"]),
        formats=tuple(options["format"]),
        run=values.path(options["run"]) if options["run"] else None,
        model=values.path(options["model"]) if options["model"] else None,
        prompts=options["prompts"],
        **texts,
    )
    exports = export(request, say)
    sent = None
    if to is not None:
        base = exports[0].record["base"]
        if exports[0].record["kind"] == "adapter" and not is_hub_id(base):
            raise Problem(
                f"The adapter belongs to the base '{base}', which is no repository of a hub, so nobody else could load "
                "it. Nothing was sent. Push the merged model instead: format=safetensors."
            )
        sent = push(exports[0].folder, to, say)
    if options.as_json:
        shown = [{**vars(one), "folder": str(one.folder), "record": dict(one.record)} for one in exports]
        print_json({"exports": shown, "pushed": vars(sent) if sent is not None else None})
        return 0
    for one in exports:
        say(f"{one.format}: {one.folder}{'' if one.is_new else ' (already there, nothing was done)'}")
    if sent is not None:
        say(f"pushed: {sent.url} {'at' if sent.is_new else 'already there, at'} commit {sent.commit}")
    return 0


def parse(argv: Sequence[str]) -> Parsed:
    """The arguments; a Problem names what is wrong with them."""
    parsed = arguments.parse(argv, "export", OPTIONS, FLAGS, example="run=RUNFOLDER 'format=[safetensors]' out=DIR")
    if parsed["run"] is None and parsed["model"] is None:
        raise Problem("run is missing. Write mslt export run=RUNFOLDER 'format=[safetensors]' out=DIR.")
    if not parsed["format"]:
        raise Problem(f"format=[] names no form. Known: {', '.join(_FORMS)}.")
    for key in ("outtype", "converter"):
        if key in parsed.given and "gguf" not in parsed["format"]:
            raise Problem(f"{key} has no effect on format=[{','.join(parsed['format'])}], only on gguf. Leave it out.")
    if "private" in parsed.given and parsed["push"] is None:
        raise Problem("private has no effect without push=OWNER/NAME. Leave it out, or give push=.")
    if parsed["push"] is not None and len(parsed["format"]) > 1:
        raise Problem(
            f"push={parsed['push']} takes one format, and there are {len(parsed['format'])}: a repository is one "
            "model. Push each one under a name of its own."
        )
    return parsed


def help_text() -> str:
    """Usage, options with defaults, forms."""
    return "\n".join(
        [
            "usage: mslt export run=RUNFOLDER format=[FORM,...] out=DIR [KEY=VALUE ...] [--json]",
            "",
            "A run's adapter in the forms that others load, measured against the live adapter where it is merged, with",
            "a model card; and, with push=, on a model hub. Quote brackets for the shell:",
            "  mslt export run=runs/xnli_3src-2366ab88c5 'format=[safetensors,vllm]' out=exported",
            "  mslt export run=runs/xnli_3src-2366ab88c5 format=vllm out=exported push=USER/NAME license=apache-2.0",
            "",
            "KEY=VALUE (type, default)",
            *arguments.help_lines(OPTIONS, {"--json": "print what was made as JSON"}),
            "",
            "forms",
            *(f"  {name:<12} {text}" for name, text in _FORMS.items()),
        ]
    )
