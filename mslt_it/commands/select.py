"""``mslt select pool=[ar,de,en] k=2 ...``: rank sets of source languages without training."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mslt_it import arguments
from mslt_it.arguments import Option
from mslt_it.selection.criteria import BEYOND_CRITERIA, CRITERIA, POOLS
from mslt_it.terminal import print_json

FLAGS = ("--json",)
OPTIONS: dict[str, Option] = {
    "pool": Option(
        "paper",
        f"candidates: codes, or {', '.join(POOLS)} (also inside a list: [paper,ja])",
        is_list=True,
        names=tuple(POOLS),
    ),
    "k": Option("3", "languages in a set", kind="int"),
    "targets": Option("[]", "languages to transfer to; left out of the pool", is_list=True),
    "must": Option("[]", "languages every set must hold", is_list=True),
    "exclude": Option("[]", "candidates to leave out", is_list=True),
    "cost": Option(None, "labelling cost per language, 1 where not given: {ar:2,zh:1.5}", kind="map", shown="{}"),
    "max_cost": Option(None, "budget of a set, in the units of cost", kind="float"),
    "model": Option("world", "base model: a folder, a Hub id, or world (the embedded mini model)"),
    "text": Option(
        None, "folder with CODE.txt per language, a sentence a line; needed for other models", shown="(world)"
    ),
    "criteria": Option(None, "only these; see below", is_list=True, shown="all"),
    "top": Option("10", "sets shown per criterion", kind="int"),
    "seed": Option("0", "of the criterion random, the world's sentences and greedy search", kind="int"),
    "uriel": Option(None, "lang2vec codes instead of its own two-letter table: {ar:arb}", kind="text_map", shown="{}"),
    "sizes": Option(
        None, "pretraining sizes per language, instead of the model's published ones", kind="map", shown="{}"
    ),
    "values": Option("knn", "lang2vec values: knn (gaps imputed) or average (data only)"),
    "diversity_weight": Option("0.5", "0 to 1: share of diversity in target_coverage", kind="float"),
    "figure": Option(None, "file (.svg, .png, .pdf) for a map of the languages by typology"),
}


def main(argv: Sequence[str]) -> int:
    """Parses, ranks, prints; 0 = at least one criterion was computed."""
    if arguments.wants_help(argv):
        print(help_text())
        return 0
    options, as_json = parse(argv)
    figure = options.pop("figure", None)
    if figure is not None:
        from mslt_it.selection.figure import check_path

        check_path(figure)
    from mslt_it.selection.ranking import rank_source_sets

    selection = rank_source_sets(**options)
    written = None
    if figure is not None:
        from mslt_it.selection.figure import write_figure

        written = write_figure(selection, figure)
    if as_json:
        print_json(selection.to_json())
        return 0
    from rich.console import Console

    from mslt_it.selection.report import print_report

    # Not in a terminal the width is unknown; 80 columns would break the titles.
    print_report(selection, Console() if sys.stdout.isatty() else Console(width=120))
    if written is not None:
        print(f"Figure: {Path(written)}")
    return 0


def help_text() -> str:
    """Usage, options with defaults, criteria."""
    lines = [
        "usage: mslt select [KEY=VALUE ...] [--json]",
        "",
        "Rank every set of k source languages by each criterion, without training, and say why.",
        "Quote brackets for the shell:",
        "  mslt select 'pool=[ar,de,en,es,fr,ru,zh]' k=3",
        "  mslt select pool=xnli k=3 'targets=[sw,th,tr,ur]' 'must=[en]' model=bigscience/bloom-7b1",
        "",
        "KEY=VALUE (type, default)",
        *arguments.help_lines(OPTIONS, {"--json": "print JSON instead of tables"}),
        "",
        "criteria (* beyond the paper)",
        *(f"  {name + (' *' if name in BEYOND_CRITERIA else ''):<23} {text}" for name, text in CRITERIA.items()),
        "",
        "pools",
        *(f"  {name:<8} {', '.join(codes)}" for name, codes in POOLS.items()),
    ]
    return "\n".join(lines)


def parse(argv: Sequence[str]) -> tuple[dict[str, Any], bool]:
    """``KEY=VALUE`` tokens and ``--json`` -> (arguments of ``rank_source_sets`` and figure, JSON wanted).

    Only those given: the defaults are those of ``rank_source_sets``.
    """
    parsed = arguments.parse(argv, "select", OPTIONS, FLAGS, example="k=3")
    return dict(parsed.given), parsed.as_json
