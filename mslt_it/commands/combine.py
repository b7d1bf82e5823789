"""``mslt combine runs=[A,B,C] out=DIR``: the adapters of finished runs as one adapter, in a run folder of its own."""

from __future__ import annotations

from mslt_it import values
from mslt_it.command import Call, Command, section
from mslt_it.models.finished_run import read_run
from mslt_it.problems import Problem
from mslt_it.progress import working
from mslt_it.publish.combine_options import METHODS, CombineRequest, planned, refuse_another, settings_of
from mslt_it.quiet import quiet_libraries


def run(call: Call) -> int:
    """Combines, scores, prints; 0 = done and every score valid."""
    options: CombineRequest = call.options
    folders = [values.path(one).resolve() for one in options.runs]
    for number, one in enumerate(options.runs):
        if folders[number] in folders[:number]:
            raise Problem(f"runs: '{one}' is given twice. Remove one, and give the other a larger weight.")
    settings_of(options.method, rank=options.rank, density=options.density, seed=options.seed)
    call.look()
    plan = planned(options, [read_run(values.path(one)) for one in options.runs])
    refuse_another(values.path(options.out), plan.wanted)
    quiet_libraries()
    with working("Starting"):
        from mslt_it.publish.combined_run import combine_runs  # imports torch, which help can do without

    return combine_runs(options, plan)


COMMAND = Command(
    "combine",
    "Combine several adapters of one base, exactly or to a rank with its error; score it like a trained one.",
    ("runs=[A,B,...] out=DIR [KEY=VALUE ...]",),
    (
        "mslt combine 'runs=[runs/en,runs/ar,runs/zh]' out=combined",
        "mslt combine 'runs=[runs/en,runs/ar]' 'weights=[1,-0.5]' method=svd rank=16 out=combined",
        "mslt combine 'runs=[runs/en,runs/ar,runs/zh]' weights=typology:tr method=ties density=0.3 out=for_tr",
    ),
    CombineRequest,
    run,
    more=lambda: section("methods", METHODS),
)
