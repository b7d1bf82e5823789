"""``mslt combine runs=[A,B,C] out=DIR``: the adapters of finished runs as one adapter, in a run folder of its own."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from mslt_it import arguments, values
from mslt_it.arguments import Option, Parsed, wants_help
from mslt_it.problems import Problem
from mslt_it.records import fingerprint, to_plain

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
    from mslt_it.adapters import combined_run
    from mslt_it.adapters.combine import combine, read_lora, write_combined
    from mslt_it.adapters.identity import read_run
    from mslt_it.adapters.methods import DEFAULT_DENSITY, SPARSE, refuse_options
    from mslt_it.adapters.together import combined_recipe, languages, provenance, refuse_strangers, scoring
    from mslt_it.adapters.weights import resolve_weights

    method, scored = options["method"], options["scored"]
    given = {name: options[name] for name in ("rank", "max_error", "density", "seed")}
    refuse_options(method, **given)
    defaults = {"density": DEFAULT_DENSITY} if method in SPARSE else {}
    defaults |= {"seed": 0} if method == "dare_ties" else {}  # said in the run's papers, written or not
    settings = {**defaults, **{name: value for name, value in given.items() if value is not None}}
    runs = [read_run(folder) for folder in options["runs"]]
    refuse_strangers(runs)
    weights, how = resolve_weights(
        options["weights"],
        [run.recipe.sources for run in runs],
        [run.provenance["num_examples"] for run in runs],
    )
    out = values.path(options["out"])
    scored_as = scoring(runs, options["num_items"])
    papers = [to_plain(scored_as), languages(runs)]
    wanted = fingerprint([[r.provenance["adapter_sha256"] for r in runs], weights, method, settings, papers])
    done = combined_run.finished(out, wanted)
    if done is not None and (done[0] != combined_run.UNSCORED or not scored):
        status, run, rows = done
        combined_run.print_end(run, rows, already=True)
        return 0 if status in ("ok", combined_run.UNSCORED) else 1

    loras = [read_lora(run.adapter) for run in runs]
    combined = combine(loras, weights, method, **settings)
    recipe = dataclasses.replace(combined_recipe(runs, combined, out), scoring=scored_as)
    run = combined_run.open_run(recipe, wanted)
    for line in combined_run.describe(runs, loras, weights, how, method, combined):
        run.say(line)
    write_combined(combined, run.folder / "adapter")
    record = provenance(runs, recipe, weights, how, method, settings, combined, run.folder / "adapter")
    rows, labels = combined_run.score(run, record) if scored else ([], [])
    return combined_run.seal(run, rows, labels, record)


def help_text() -> str:
    """Usage, options with defaults, methods."""
    from mslt_it.adapters.methods import METHODS

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
