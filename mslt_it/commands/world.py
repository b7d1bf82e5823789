"""`mslt world`: look into the embedded world."""

from __future__ import annotations

import random
from dataclasses import dataclass

from mslt_it.command import Call, Command
from mslt_it.config.schema import LARGEST_SEED, key
from mslt_it.world.generator import state
from mslt_it.world.inference import sample_pair
from mslt_it.world.languages import grammar


@dataclass(frozen=True)
class Options:
    part: str = key(help="what to do", choices=("show",), example="show")
    language: str = key(help="language code, such as sw", example="sw")
    num: int = key(10, "pairs to print", at_least=1)
    seed: int = key(0, "selects the pairs", at_least=0, at_most=LARGEST_SEED)


def run(call: Call) -> int:
    """Sentences, questions and their labels; 0 = done."""
    options: Options = call.options
    language, rng = grammar(options.language), random.Random(options.seed)
    for _ in range(options.num):
        pair = sample_pair(rng)
        question = language.ask(language.question(pair.hypothesis))
        print(f"{pair.label:<14}{state(language, pair.premise)}")
        print(f"{'':<14}{state(language, pair.hypothesis)}   {question}")
    return 0


COMMAND = Command(
    "world",
    "Look into the embedded world: sentences, questions and their labels.",
    ("show LANGUAGE [num=10] [seed=0]",),
    ("mslt world show sw", "mslt world show th num=3 seed=1"),
    Options,
    run,
    words=("part", "language"),
)
