"""``mslt combine runs=[A,B,C] out=DIR``: the adapters of finished runs as one adapter, in a run folder of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mslt_it import arguments, values
from mslt_it.arguments import Option, Parsed, wants_help
from mslt_it.problems import Problem

OPTIONS: dict[str, Option] = {
    "runs": Option(
        None,
        "run folders whose adapters are combined; all of one base and task",
        is_list=True,
        required=True,
        example="[A,B]",
    ),
    "out": Option(None, "the new run folder", required=True, example="DIR"),
    "method": Option("cat", "see below"),
    "weights": Option("equal", "equal, size (training rows), [0.5,-0.2] as given, typology:CODE (near to a language)"),
    "rank": Option(
        None,
        "svd, ties, dare_ties: rank of the result; default: one run's (svd), the sum of all",
        kind="int",
        shown="see text",
    ),
    "max_error": Option(None, "instead of rank: the smallest rank with at most this relative error", kind="float"),
    "density": Option(None, "ties, dare_ties: share of the entries kept", kind="float", shown="0.5"),
    "seed": Option(None, "dare_ties: of the entries dropped", kind="int", shown="0"),
    "num_items": Option(
        None, "scored per language; 0 = every row of the scored split", kind="int", shown="as the runs"
    ),
    "scored": Option(
        "true", "score every language, base and adapter on the same items, as mslt train does", kind="bool"
    ),
}


def main(argv: Sequence[str]) -> int:
    """Combines, scores, prints; 0 = done and every score valid."""
    if wants_help(argv):
        print(help_text())
        return 0
    options = parse(argv)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in train.py, before torch is imported
    from mslt_it.quiet import quiet_libraries

    quiet_libraries()
    from mslt_it.publish.combined_run import combine_runs

    return combine_runs(
        options["runs"],
        options["out"],
        method=options["method"],
        weights=options["weights"],
        given={name: options[name] for name in ("rank", "max_error", "density", "seed")},
        num_items=options["num_items"],
        scored=options["scored"],
    )


def help_text() -> str:
    """Usage, options with defaults, methods."""
    from mslt_it.publish.combine_options import METHODS

    return "\n".join(
        [
            "usage: mslt combine runs=[A,B,...] out=DIR [KEY=VALUE ...]",
            "",
            "Several adapters of one base as one, exactly or to a rank with its error, scored like a trained one.",
            "Quote brackets for the shell:",
            "  mslt combine 'runs=[runs/en,runs/ar,runs/zh]' out=combined",
            "  mslt combine 'runs=[runs/en,runs/ar]' 'weights=[1,-0.5]' method=svd max_error=0.05 out=combined",
            "  mslt combine 'runs=[runs/en,runs/ar,runs/zh]' weights=typology:tr method=ties density=0.3 out=for_tr",
            "",
            "KEY=VALUE (type, default)",
            *arguments.help_lines(OPTIONS),
            "",
            "methods",
            *(f"  {name:<17} {text}" for name, text in METHODS.items()),
        ]
    )


def parse(argv: Sequence[str]) -> Parsed:
    """The arguments; a Problem names what is wrong with them."""
    parsed = arguments.parse(argv, "combine", OPTIONS)
    folders = [values.path(run).resolve() for run in parsed["runs"]]
    for number, run in enumerate(parsed["runs"]):
        if folders[number] in folders[:number]:
            raise Problem(f"runs: '{run}' is given twice. Remove one, and give the other a larger weight.")
    return parsed
