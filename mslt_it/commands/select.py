"""``mslt select pool=[ar,de,en] k=2 ...``: rank sets of source languages without training."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from mslt_it.command import Call, Command, section
from mslt_it.config.schema import key
from mslt_it.problems import Problem
from mslt_it.selection.criteria import BEYOND_CRITERIA, CRITERIA, OF_MODEL, POOLS, Request
from mslt_it.terminal import print_json


@dataclass(frozen=True, kw_only=True)
class Options(Request):
    figure: str | None = key(None, "file (.svg, .png, .pdf) for a map of the languages by typology")


def run(call: Call) -> int:
    """Ranks and prints; 0 = at least one criterion was computed."""
    # These import numpy, rich and matplotlib, which help can do without.
    from rich.console import Console

    from mslt_it.selection.ranking import hangs_on_seed, rank
    from mslt_it.selection.report import check_path, print_report, write_figure

    asked = call.options.criteria
    if "model" in call.given and asked and not {*asked} & {*OF_MODEL}:
        raise Problem(
            f"model={call.options.model} has no effect on criteria=[{','.join(asked)}]. Leave it out, or add one "
            f"that uses it: {', '.join(OF_MODEL[:-1])}."
        )
    if "seed" in call.given and not hangs_on_seed(call.options):
        raise Problem(
            f"seed={call.options.seed} has no effect on criteria=[{','.join(asked)}], which draw nothing at random. "
            "Leave it out, or add random."
        )
    figure = call.options.figure
    if figure is not None:
        check_path(figure)
    selection = rank(call.options)
    written = write_figure(selection, figure) if figure is not None else None
    if call.as_json:
        print_json(selection.to_json())
        return 0
    # Not in a terminal the width is unknown; 80 columns would break the titles.
    print_report(selection, Console() if sys.stdout.isatty() else Console(width=120))
    if written is not None:
        print(f"Figure: {written}")
    return 0


def _more() -> list[str]:
    criteria = {name + (" *" if name in BEYOND_CRITERIA else ""): text for name, text in CRITERIA.items()}
    return [
        *section("criteria (* beyond the paper)", criteria),
        *section("pools", {name: ", ".join(codes) for name, codes in POOLS.items()}),
    ]


COMMAND = Command(
    "select",
    "Rank every set of k source languages by each criterion, without training, and explain the ranking.",
    ("[KEY=VALUE ...] [--json]",),
    (
        "mslt select 'pool=[ar,de,en,es,fr,ru,zh]' k=3",
        "mslt select pool=xnli k=3 'targets=[sw,th,tr,ur]' 'must=[en]' model=bigscience/bloom-7b1",
        "mslt select pool=paper k=2 'cost={ar:2.5}' max_cost=3 figure=map.svg",
    ),
    Options,
    run,
    flags=("--json",),
    more=_more,
)
