"""What `mslt combine` is asked, and what may be written after weights=; ``combine.py`` computes.

    equal          1/n each
    size           n_i / sum of n_j, n_i = labelled rows that adapter i was trained on
    [0.5,-0.2]     as given: of either sign, not normalised
    typology:tr    c_i / sum of c_j, c_i = 1 - d(i, tr): the cosine similarity of adapter i's source language to the
                   target language tr over URIEL's syntax, phonology and inventory features (Littell et al. 2017, gaps
                   imputed); the mean over its sources where an adapter has several

Weighting adapters by typological similarity to a language nobody labelled is the idea of TIPA (Accou and Poelman,
Findings of EACL 2026, arXiv 2601.16629), which takes its distances from URIEL+ and combines MAD-X adapters.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mslt_it import values
from mslt_it.config.recipe import ScoringConfig
from mslt_it.config.schema import LARGEST_SEED, key
from mslt_it.languages import validate_code
from mslt_it.locks import WAIT
from mslt_it.models.finished_run import FinishedRun
from mslt_it.places import FINGERPRINT
from mslt_it.problems import Problem, counted, nearest
from mslt_it.publish.comparable import across_tasks, languages, refuse_strangers
from mslt_it.records import fingerprint, to_plain
from mslt_it.selection.criteria import L2V_PARTS
from mslt_it.selection.typology import distances, read_typology
from mslt_it.store import is_intact, read_json

METHODS: dict[str, str] = {
    "cat": "the exact weighted sum; rank = sum of the ranks",
    "svd": "the best approximation of the weighted sum at rank=R",
    "ties": "TIES (Yadav et al. 2023): trimmed, one sign elected per entry, averaged; then cut to a rank",
    "dare_ties": "DARE (Yu et al. 2024) and TIES: entries dropped at random instead of trimmed; then cut to a rank",
    "weighted_factors": "weights A and B separately, as peft's 'linear': not the weighted sum; equal ranks only",
    "adamergex": "after AdaMergeX (Zhao et al. 2024): of three runs of two tasks, task A in a target language",
}
ADAMERGEX = "adamergex"
EXACT = ("cat", ADAMERGEX)  # the weighted sum as it is
TRUNCATED = ("svd", "ties", "dare_ties")  # methods whose result is cut to a rank
SPARSE = ("ties", "dare_ties")
DEFAULT_DENSITY = 0.5


@dataclass(frozen=True, kw_only=True)
class CombineRequest:
    runs: tuple[str, ...] = key(
        help="run folders whose adapters are combined; same base and task", example="[A,B]", place="run"
    )
    out: str = key(help="the new run folder", example="DIR", place="new run")
    method: str = key("cat", "see below")
    weights: str = key("equal", "equal, size (training rows), [0.5,-0.2] as given, typology:CODE (closeness to it)")
    rank: int | None = key(
        None, "rank of the result, for svd, ties, dare_ties", at_least=1, shown="one run's for svd, else the sum of all"
    )
    density: float | None = key(None, "for ties, dare_ties: share of the entries kept", above=0, at_most=1, shown="0.5")
    seed: int | None = key(None, "for dare_ties: seed of the dropping", at_least=0, at_most=LARGEST_SEED, shown="0")
    num_items: int | None = key(
        None, "scored per language; 0: every row of the scored split", unit="rows", at_least=0, shown="as in the runs"
    )
    scored: bool = key(True, "score every language, base and adapter on the same items, as mslt train does")
    wait: bool = key(False, WAIT)


def settings_of(method: str, *, rank: int | None, density: float | None, seed: int | None) -> dict[str, Any]:
    """Those that the method has, with its defaults; a Problem for an unknown method, and for one without effect."""
    if method not in METHODS:
        hint = " peft's 'linear' is called weighted_factors here, which is what it computes." * (method == "linear")
        raise Problem(f"method={method} is unknown.{hint} {nearest(method, METHODS)}")
    found = {}
    for name, value, where, default in (
        ("rank", rank, TRUNCATED, None),
        ("density", density, SPARSE, DEFAULT_DENSITY),
        ("seed", seed, ("dare_ties",), 0),
    ):
        if method in where:
            found[name] = default if value is None else value
        elif value is not None:
            raise Problem(f"{name}={value} has no effect on method={method}, only on {', '.join(where)}. Leave it out.")
    return {name: value for name, value in found.items() if value is not None}


# ---------------------------------------------------------------- weights

KINDS = ("equal", "size", "typology:CODE", "[NUMBER,...]")
PARTS = L2V_PARTS["l2v_typology"]  # syntax, phonology, inventory


class Plan(NamedTuple):
    """A combination before anything is computed."""

    runs: Sequence[FinishedRun]
    of_task: Sequence[FinishedRun]  # those of the task that the result is asked
    shares: tuple[float, ...]  # a weight for each run
    how: str  # these came about
    settings: Mapping[str, Any]  # of the method, said in the run's papers
    scored_as: ScoringConfig
    wanted: str  # the fingerprint


def planned(request: CombineRequest, runs: Sequence[FinishedRun]) -> Plan:
    """What is made of finished runs; a Problem where they cannot be combined."""
    settings = settings_of(request.method, rank=request.rank, density=request.density, seed=request.seed)
    if request.num_items is not None and not request.scored:
        raise Problem(f"num_items={request.num_items} has no effect with scored=false. Leave one of them out.")
    if dora := [run.folder for run in runs if run.recipe.adapter.use_dora]:
        raise Problem(
            f"runs: {dora[0]} was trained with adapter.use_dora=true, and DoRA's magnitudes do not add up. Train it "
            "without, or merge it into its base instead (mslt merge)."
        )
    of_task = runs
    if request.method == ADAMERGEX:
        runs = across_tasks(runs)
        of_task, (shares, how) = runs[:1], adamergex_weights(request.weights)
    else:
        refuse_strangers(runs)
        num_rows = [run.provenance["num_examples"] for run in runs]
        shares, how = resolve_weights(request.weights, [run.recipe.sources for run in runs], num_rows)
    refuse_nothing(shares)
    scored_as = runs[0].recipe.scoring
    if request.num_items is not None:
        scored_as = dataclasses.replace(scored_as, num_examples_per_language=request.num_items)
    papers = [to_plain(scored_as), languages(of_task)]
    adapters = [run.provenance["adapter_sha256"] for run in runs]
    wanted = fingerprint([adapters, shares, request.method, settings, papers])
    return Plan(runs, of_task, shares, how, settings, scored_as, wanted)


def refuse_another(out: Path, wanted: str) -> None:
    """A Problem where a folder holds something else than the combination of that fingerprint."""
    torn = f".{FINGERPRINT}.part"  # a kill may come before the mark is in place
    if not out.exists() or (out.is_dir() and all(path.is_dir() or path.name == torn for path in out.rglob("*"))):
        return
    mark = read_json(out / FINGERPRINT)
    if mark is None and is_intact(out, "results.json"):  # the mark was damaged; the results say it, too
        said = (read_json(out / "results.json") or {}).get("provenance", {}).get("combination", {})
        mark = {"combination": said.get("fingerprint")}
    if (mark or {}).get("combination") != wanted:
        raise Problem(
            f"out={out} holds something else already (not this combination of these runs). Choose another out; what "
            "lies there is left as it is."
        )


def refuse_nothing(weights: Sequence[float]) -> None:
    """A Problem for weights that are no numbers, or by which nothing is left."""
    if not all(math.isfinite(w) for w in weights):
        raise Problem(f"weights={list(weights)}: not all of them are finite numbers. Give finite ones.")
    if not any(weights):
        raise Problem(f"weights={list(weights)}: all are 0, so nothing is combined. Use other weights.")


def adamergex_weights(text: str) -> tuple[tuple[float, ...], str]:
    """1, t and -t of (task A, source), (task B, target) and (task B, source), and how they came about.

    Args:
        text: "equal" for t = 1, or [1,T,-T].
    """
    if text == "equal":
        return (1.0, 1.0, -1.0), "1, 1, -1"
    given = values.items(text) or ()
    try:
        one, t, less = (float(item) for item in given)
    except ValueError:
        one = t = less = 0.0
    if one != 1 or t <= 0 or less != -t:
        raise Problem(
            f"weights={text}: method={ADAMERGEX} adds task A's adapter and T times the difference that the language "
            "makes in task B. Leave weights out for T = 1, or write weights=[1,0.5,-0.5]."
        )
    return (one, t, less), "given"


def resolve_weights(
    text: str, sources: Sequence[Sequence[str]], num_examples: Sequence[int]
) -> tuple[tuple[float, ...], str]:
    """(one weight per adapter, how they came about) for what the user wrote after ``weights=``.

    Args:
        sources: per adapter the languages it was trained on.
        num_examples: per adapter the labelled rows it was trained on.
    """
    number = len(sources)
    if text == "equal":
        return (1.0 / number,) * number, "equal"
    if text == "size":
        if min(num_examples) <= 0:
            raise Problem(
                f"weights=size: the numbers of training rows are {list(num_examples)}; each must be above 0. "
                "Use weights=equal or give numbers: weights=[0.5,0.5]."
            )
        shares = tuple(n / sum(num_examples) for n in num_examples)
        return shares, f"by training rows {', '.join(map(str, num_examples))}"
    kind, colon, code = text.partition(":")
    if kind == "typology":
        if not colon or not code:
            raise Problem("weights=typology needs the language to be close to: weights=typology:tr.")
        target = validate_code(code)
        return typology_weights(sources, target), f"by typological similarity to {target}"
    items = values.items(text)
    if items is None:
        raise Problem(f"weights={text} is unknown. {nearest(text, KINDS)}")
    if len(items) != number:
        raise Problem(
            f"weights={text} has {counted(len(items), 'number')}, and runs names {number}. Give one number for each."
        )
    return tuple(values.number("weights", item, "float") for item in items), "given"


def typology_weights(sources: Sequence[Sequence[str]], target: str) -> tuple[float, ...]:
    """In proportion to the similarity to ``target``; they sum to 1."""
    codes = list(dict.fromkeys([target, *(code for own in sources for code in own)]))
    try:
        apart = distances(read_typology(codes).vectors(PARTS))[0]
    except Problem as problem:  # its remedies are options of mslt select
        raise Problem(
            f"weights=typology:{target}: {str(problem).split('. ')[0].rstrip('.')}. Give the weights as numbers: "
            f"weights=[{','.join(['0.5'] * len(sources))}]."
        ) from problem
    near = {code: 1.0 - float(d) for code, d in zip(codes, apart, strict=True)}
    similarity = [sum(near[code] for code in own) / len(own) for own in sources]
    return tuple(value / sum(similarity) for value in similarity)
