"""``mslt export run=RUN format=[safetensors,vllm,gguf] out=DIR [push=USER/NAME]``: a run in the forms others load."""

from __future__ import annotations

from mslt_it import values
from mslt_it.command import Call, Command, section
from mslt_it.problems import Problem
from mslt_it.progress import working
from mslt_it.publish.export_options import FORMS, ExportRequest, planned
from mslt_it.quiet import quiet_libraries


def run(call: Call) -> int:
    """Exports, sends where asked to, prints; 0 = every form is there, now or before."""
    options: ExportRequest = call.options
    refuse_idle(call)
    call.look()
    plan = planned(options)
    from mslt_it.publish.push import prepare, push  # half a second and more, which help can do without

    base = plan.run.recipe.model.path
    if options.push is not None and options.format == ("vllm",) and not values.is_hub_id(base):
        raise Problem(
            f"push={options.push}: the adapter belongs to the base '{base}', which is not a hub repository, "
            "so nobody else could load it. Push the merged model instead: format=safetensors."
        )
    to = prepare(options.push, private=options.private) if options.push is not None else None
    quiet_libraries()
    with working("Starting"):
        from mslt_it.publish.export import export  # imports torch, which help and mistakes can do without

    exports = export(options, plan, call.say)
    for one in exports:
        call.say(f"{one.record['format']}: {one.folder}{'' if one.is_new else ' (already there, nothing was done)'}")
    if to is None:
        return 0
    sent = push(exports[0].folder, to, call.say)
    call.say(f"pushed: {sent.url} {'at' if sent.is_new else 'already there, at'} commit {sent.commit}")
    return 0


def refuse_idle(call: Call) -> None:
    """A Problem for options that would have no effect."""
    options: ExportRequest = call.options
    for name in ("outtype", "converter"):
        if name in call.given and "gguf" not in options.format:
            raise Problem(f"{name} has no effect on format=[{','.join(options.format)}], only on gguf. Leave it out.")
    for name in ("dtype", "prompts", "strategy"):
        if name in call.given and options.format == ("vllm",):
            raise Problem(f"{name} has no effect on format=[vllm], which is not merged. Leave it out.")
    if "private" in call.given and options.push is None:
        raise Problem("private has no effect without push=OWNER/NAME. Leave it out, or give push=.")
    if options.push is not None and len(options.format) > 1:
        raise Problem(
            f"push={options.push} takes one format, and there are {len(options.format)}: a repository is one "
            "model. Push each one under a name of its own."
        )


COMMAND = Command(
    "export",
    "Export a run's adapter in formats that other programs load, with a model card. Merged weights are compared with "
    "the live adapter. push= also uploads to a model hub.",
    ("run=RUNFOLDER format=[FORM,...] out=DIR [KEY=VALUE ...]",),
    (
        "mslt export run=runs/xnli_3src-138fcab690 'format=[safetensors,vllm]' out=exported",
        "mslt export run=runs/xnli_3src-138fcab690 format=gguf outtype=q8_0 out=exported",
        "mslt export run=runs/xnli_3src-138fcab690 format=vllm out=exported push=USER/NAME license=apache-2.0",
    ),
    ExportRequest,
    run,
    more=lambda: section("forms", FORMS),
)
