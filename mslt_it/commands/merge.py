"""``mslt merge run=RUNFOLDER out=DIR``: an adapter and its base become one model, measured against the live adapter."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from mslt_it import arguments, values
from mslt_it.arguments import Option, Parsed
from mslt_it.terminal import print_json

FLAGS = ("--json",)
OPTIONS: dict[str, Option] = {
    "run": Option(
        None,
        "folder of a finished run, as `mslt train` leaves it",
        required=True,
        example="RUNFOLDER",
        missing="run= is missing: the folder that `mslt train` printed last.",
    ),
    "out": Option(None, "folder for the merged model; made whole or not at all", required=True, example="DIR"),
    "strategy": Option(
        None, "for quantised runs: dequantized (the base that was trained on) or original", shown="dequantized"
    ),
    "dtype": Option("bfloat16", "of the weights written: bfloat16 or float32; merging itself is in float32"),
    "prompts": Option(
        "32",
        "rows per language that merged and live model are compared on; 0 = as many as the run scored",
        kind="int",
        what="a number of rows",
        at_least=0,
    ),
}


def main(argv: Sequence[str]) -> int:
    """Merges and prints the comparison; 0 = merged, now or before."""
    if arguments.wants_help(argv):
        print(help_text())
        return 0
    options = parse(argv)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in train.py, before torch is imported
    from mslt_it.quiet import quiet_libraries

    quiet_libraries()
    from mslt_it.publish.merge import merge_run

    stream = sys.stderr if options.as_json else sys.stdout
    merge = merge_run(
        values.path(options["run"]),
        values.path(options["out"]),
        strategy=options["strategy"],
        dtype=options["dtype"],
        prompts_per_language=options["prompts"],
        say=lambda text: print(text, file=stream, flush=True),
    )
    if options.as_json:
        print_json(dict(merge.record))
        return 0
    if not merge.is_new:
        print(f"{merge.folder} is already merged from the same run with the same settings; nothing was done.")
    print(as_text(merge.record))
    print(f"Merged model: {merge.folder} (transformers loads it as it is)")
    return 0


def help_text() -> str:
    """Usage and options with defaults."""
    return "\n".join(
        [
            "usage: mslt merge run=RUNFOLDER out=DIR [KEY=VALUE ...] [--json]",
            "",
            "Merge a run's adapter into its base, write the model, read it back, and compare it with the live adapter",
            "on prompts of every trained and target language. Beyond the limits nothing is written.",
            "  mslt merge run=runs/xnli_3src-2366ab88c5 out=merged",
            "",
            "KEY=VALUE (type, default)",
            *arguments.help_lines(OPTIONS, {"--json": "print merge.json instead of the table"}),
        ]
    )


def parse(argv: Sequence[str]) -> Parsed:
    """The arguments; a Problem names what is wrong with them."""
    return arguments.parse(argv, "merge", OPTIONS, FLAGS)


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
            f"Merged ({record['inputs']['dtype']}) against the live adapter, both in {found['dtype']}, at the first "
            "tokens of the right answers",
            "",
            *lines,
            "",
            f"Allowed for all together: relative error {allowed['relative_error']:g}, KL {allowed['kl_mean']:g}, "
            f"same label {allowed['label_agreement']:g}.",
        ]
    )
