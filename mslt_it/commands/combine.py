"""``mslt combine runs=[A,B,C] out=DIR``: the adapters of finished runs as one adapter, in a run folder of its own."""

from __future__ import annotations

from dataclasses import dataclass

from mslt_it import values
from mslt_it.command import Call, Command, section
from mslt_it.config.schema import LARGEST_SEED, key
from mslt_it.locks import WAIT, beside, only_writer
from mslt_it.problems import Problem
from mslt_it.publish.combine_options import METHODS
from mslt_it.quiet import quiet_libraries


@dataclass(frozen=True)
class Options:
    """Which adapters, how, where to."""

    runs: tuple[str, ...] = key(help="run folders whose adapters are combined; of one base and task", example="[A,B]")
    out: str = key(help="the new run folder", example="DIR")
    method: str = key("cat", "see below")
    weights: str = key("equal", "equal, size (training rows), [0.5,-0.2] as given, typology:CODE (near to a language)")
    rank: int | None = key(
        None, "of the result, for svd, ties, dare_ties", at_least=1, shown="one run's for svd, else the sum of all"
    )
    density: float | None = key(None, "of ties, dare_ties: share of the entries kept", above=0, at_most=1, shown="0.5")
    seed: int | None = key(None, "of dare_ties: of the entries dropped", at_least=0, at_most=LARGEST_SEED, shown="0")
    num_items: int | None = key(
        None, "scored per language; 0: every row of the scored split", unit="rows", at_least=0, shown="as the runs"
    )
    scored: bool = key(True, "score every language, base and adapter on the same items, as mslt train does")
    wait: bool = key(False, WAIT)


def run(call: Call) -> int:
    """Combines, scores, prints; 0 = done and every score valid."""
    options: Options = call.options
    folders = [values.path(one).resolve() for one in options.runs]
    for number, one in enumerate(options.runs):
        if folders[number] in folders[:number]:
            raise Problem(f"runs: '{one}' is given twice. Remove one, and give the other a larger weight.")
    quiet_libraries()
    from mslt_it.publish.combined_run import combine_runs  # imports torch, which help can do without

    out = values.path(options.out)
    with only_writer(out, beside(out), wait=options.wait, say=call.say):
        return combine_runs(
            options.runs,
            options.out,
            method=options.method,
            weights=options.weights,
            given={name: getattr(options, name) for name in ("rank", "density", "seed")},
            num_items=options.num_items,
            scored=options.scored,
        )


COMMAND = Command(
    "combine",
    "Several adapters of one base as one, exactly or to a rank with its error, scored like a trained one.",
    ("runs=[A,B,...] out=DIR [KEY=VALUE ...]",),
    (
        "mslt combine 'runs=[runs/en,runs/ar,runs/zh]' out=combined",
        "mslt combine 'runs=[runs/en,runs/ar]' 'weights=[1,-0.5]' method=svd rank=16 out=combined",
        "mslt combine 'runs=[runs/en,runs/ar,runs/zh]' weights=typology:tr method=ties density=0.3 out=for_tr",
    ),
    Options,
    run,
    more=lambda: section("methods", METHODS),
)
