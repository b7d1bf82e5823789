"""``mslt merge run=RUNFOLDER out=DIR``: an adapter and its base become one model, measured against the live adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mslt_it import values
from mslt_it.command import Call, Command
from mslt_it.models.finished_run import read_run
from mslt_it.places import MERGE
from mslt_it.progress import working
from mslt_it.publish.export_options import MergeRequest, merge_inputs
from mslt_it.quiet import quiet_libraries
from mslt_it.store import made_before


def run(call: Call) -> int:
    """Merges and prints the comparison; 0 = merged, now or before."""
    call.look()
    options: MergeRequest = call.options
    finished = read_run(values.path(options.run))
    made_before(values.path(options.out), MERGE, merge_inputs(finished, options))
    quiet_libraries()
    with working("Starting"):
        from mslt_it.publish.merge import merge_run  # imports torch, which help can do without

    merge = merge_run(options, finished, call.say)
    if not merge.is_new:
        call.say(f"{merge.folder} is already merged from the same run with the same settings; nothing was done.")
    call.say(as_text(merge.record))
    call.say(f"Merged model: {merge.folder} (transformers loads it as it is)")
    return 0


def as_text(record: Mapping[str, Any]) -> str:
    """The comparison as a table, a line per language and one for all together."""
    found, allowed = record["comparison"], record["comparison"]["limits"]
    lines = [f"{'language':<8}  prompts  relative error  KL, nats  same token  same label"]
    for c in (*found["languages"], found["together"]):
        label = "-" if c["label_agreement"] is None else f"{c['label_agreement']:.4f}"
        lines.append(
            f"{c['language']:<8}  {c['num_prompts']:>7}  {c['relative_error']:>14.1e}  {c['kl_mean']:>8.1e}  "
            f"{c['argmax_agreement']:>10.4f}  {label:>10}"
        )
    return "\n".join(
        [
            "",
            f"Merged ({record['inputs']['dtype']}) against the live adapter, both in {found['dtype']}, at "
            + ("the labels" if record.get("head") else "the first tokens of the right answers"),
            "",
            *lines,
            "",
            f"Allowed for all together: relative error {allowed['relative_error']:g}, KL {allowed['kl_mean']:g}, "
            f"same label {allowed['label_agreement']:g}.",
        ]
    )


COMMAND = Command(
    "merge",
    "Merge a run's adapter into its base and write the model. It is read back and compared with the live adapter on "
    "prompts of every trained and target language; if a limit is exceeded, nothing is kept.",
    ("run=RUNFOLDER out=DIR [KEY=VALUE ...]",),
    (
        "mslt merge run=runs/xnli_3src-138fcab690 out=merged",
        "mslt merge run=runs/xnli_3src-138fcab690 out=merged dtype=float32 prompts=0",
    ),
    MergeRequest,
    run,
)
