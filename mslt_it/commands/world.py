"""The command ``mslt world``: look at the embedded world."""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

from mslt_it.problems import Problem


def main(argv: Sequence[str]) -> int:
    """``show``; 0 = done."""
    parser = argparse.ArgumentParser(prog="mslt world", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="show")
    show = commands.add_parser("show", help="print sentences, questions and their labels")
    show.add_argument("language", help="a language code such as sw")
    show.add_argument("--num", type=int, default=10, help="pairs to print (default 10)")
    show.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    return _show(options.language, options.num, options.seed)


def _show(code: str, num: int, seed: int) -> int:
    from mslt_it.world.generator import state
    from mslt_it.world.inference import sample_pair
    from mslt_it.world.languages import grammar

    if num < 1:
        raise Problem(f"--num {num}: give 1 or more.")
    language = grammar(code)
    rng = random.Random(seed)
    for _ in range(num):
        pair = sample_pair(rng)
        question = language.ask(language.question(pair.hypothesis))
        print(f"{pair.label:<14}{state(language, pair.premise)}")
        print(f"{'':<14}{state(language, pair.hypothesis)}   {question}")
    return 0
