"""``mslt select pool=[ar,de,en] k=2 ...``: rank sets of source languages without training."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from mslt_it.command import Call, Command, section
from mslt_it.config.schema import LARGEST_SEED, key
from mslt_it.selection.criteria import BEYOND_CRITERIA, CRITERIA, POOLS
from mslt_it.terminal import print_json


@dataclass(frozen=True)
class Options:
    """The arguments of `mslt_it.selection.ranking.rank_source_sets`, and the figure."""

    pool: tuple[str, ...] = key(
        ("paper",), f"candidates: codes, or {', '.join(POOLS)} (also inside a list: [paper,ja])", names=tuple(POOLS)
    )
    k: int = key(3, "languages in a set")
    targets: tuple[str, ...] = key((), "languages to transfer to; left out of the pool")
    must: tuple[str, ...] = key((), "languages every set must hold")
    exclude: tuple[str, ...] = key((), "candidates to leave out")
    cost: Mapping[str, float] = key(
        {}, "of labelling a language, 1 where not given: {ar:2,zh:1.5}", example="{ar:2,zh:1.5}"
    )
    max_cost: float | None = key(None, "budget of a set, in the units of cost")
    model: str = key("world", "base model: a folder, a Hub id, or world (the embedded mini model)")
    text: str | None = key(
        None, "folder with CODE.txt per language, a sentence a line; needed for other models", shown="(the world's)"
    )
    criteria: tuple[str, ...] = key((), "only these, see below", shown="all of them", example="[l2v_syntax,scripts]")
    top: int = key(10, "sets shown per criterion")
    seed: int = key(
        0, "of the criterion random, the world's sentences and greedy search", at_least=0, at_most=LARGEST_SEED
    )
    uriel: Mapping[str, str] = key(
        {}, "lang2vec codes instead of its own two-letter table: {ar:arb}", example="{ar:arb}"
    )
    sizes: Mapping[str, float] = key(
        {}, "pretraining sizes per language, instead of the model's published ones", example="{ar:2,zh:1.5}"
    )
    values: str = key("knn", "of lang2vec: knn (gaps imputed) or average (data only)")
    diversity_weight: float = key(0.5, "0 to 1: share of diversity in target_coverage")
    figure: str | None = key(None, "file (.svg, .png, .pdf) for a map of the languages by typology")


def run(call: Call) -> int:
    """Ranks and prints; 0 = at least one criterion was computed."""
    # These import numpy, rich and matplotlib, which help can do without.
    from rich.console import Console

    from mslt_it.selection.figure import check_path, write_figure
    from mslt_it.selection.ranking import rank_source_sets
    from mslt_it.selection.report import print_report

    figure = call.options.figure
    if figure is not None:
        check_path(figure)
    # Only what was given: the defaults are those of the library.
    selection = rank_source_sets(**{name: getattr(call.options, name) for name in call.given - {"figure"}})
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
    "Rank every set of k source languages by each criterion, without training, and say why.",
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
