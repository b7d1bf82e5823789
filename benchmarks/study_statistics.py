"""How often a study's statements are wrong: false findings, coverage of intervals, power at the detectable effect.

    python benchmarks/study_statistics.py                       # 20 minutes on one core
    python benchmarks/study_statistics.py --studies 60          # a quick look

Studies are made up whose truth is known: seven languages alone and all 35 sets of three, 3 targets, 300 items. A set is
right on an item with a probability that adds up from 0.7, the mean of its languages' effects (normal, SD 3 points), its
own effect (SD 1 point), what the seed does to all sets and to this one, and how easy the item is (the same for all sets
and targets). Every study goes through the analyses of `mslt report`, item by item.

- *False findings*: languages and sets differ, but no kind of set does. Any sentence that is found, after the correction
  for all sentences, is false; of comparisons with the best single or member, which truly is better, one that finds
  several sources to be better. Beside it, what taking the sets as given would find (an interval that leaves 0 out).
- *Shares*: the same of a pinch of other languages and of rows of the target: the claims, and the answers in words.
- *Coverage*: how often 95 % intervals hold the truth, for 2, 3 and 5 seeds.
- *Power*: how often a difference as large as the report calls detectable is found.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from study_statistics_tables import as_markdown

from mslt_it.evaluation.estimates import Settings
from mslt_it.evaluation.measures import ACCURACY
from mslt_it.study.analyse import comparisons, composition, gains, shares, transfer
from mslt_it.study.analyse.claims import corrected, is_found
from mslt_it.study.analyse.criteria import Orders, criteria
from mslt_it.study.analyse.findings import Analysis, Claim
from mslt_it.study.analyse.resampling import SetFigures, resample
from mslt_it.study.analyse.statistics import spearman
from mslt_it.study.collect import ScoredCell, Slice, Study

RESULTS = Path(__file__).parent / "results" / "study_statistics.json"
POOL, TARGETS = ("ar", "de", "en", "es", "fr", "ru", "zh"), ("fi", "tr", "th")
SINGLES, TRIPLES = [(code,) for code in POOL], list(itertools.combinations(POOL, 3))
ALL = [*SINGLES, *TRIPLES]
LANGUAGE_SD, SET_SD, SEED_SD, SHARED_SD = 0.03, 0.01, 0.02, 0.01
NUM_DRAWS = 400
ORDERED = ("l2v_syntax", "l2v_inventory", "l2v_all", "vocabulary_coverage")


def simulated(
    rng: np.random.Generator,
    sets: Sequence[tuple[str, ...]],
    truth: np.ndarray,
    *,
    num_seeds: int = 3,
    num_items: int = 300,
    seed_sd: float = SEED_SD,
    shared_sd: float = SHARED_SD,
    num_assignments: int = 1,
    assignment_sd: float = 0.0,
    shares: Sequence[int | None] = (),
) -> Study:
    """A study as `collect` gives it, in which set s is right with probability ``truth[s]`` on an item of mean ease."""
    easy = rng.uniform(-0.12, 0.12, size=num_items)
    shared = rng.normal(scale=shared_sd, size=(num_assignments, num_seeds))
    cells = []
    for number, sources in enumerate(sets):
        of_assignments = rng.normal(scale=assignment_sd, size=num_assignments)
        for assignment, seed in itertools.product(range(num_assignments), range(num_seeds)):
            moved = shared[assignment, seed] + of_assignments[assignment] + rng.normal(scale=seed_sd)
            chance = np.clip(truth[number] + moved + easy, 0, 1)
            counts = np.ones((len(TARGETS), num_items, 2), dtype=np.float32)
            counts[:, :, 0] = rng.random((len(TARGETS), num_items)) < chance
            share = shares[number] if shares else None
            name = f"{'-'.join(sources)}_{share}_a{assignment}_s{seed}"
            cells.append(ScoredCell(name, sources, seed, Slice(1500, "direct"), counts, assignment, share))
    ids = tuple(f"item{i}" for i in range(num_items))
    return Study(
        name="simulated",
        folder=Path("simulated"),
        manifest={"config": {}},
        pool=POOL,
        targets=TARGETS,
        measure=ACCURACY,
        item_ids=(ids,) * len(TARGETS),
        groups=(("",) * num_items,) * len(TARGETS),
        cells=tuple(cells),
        base=None,
        missing=(),
        num_planned=len(cells),
        num_unmatched=0,
        model="world",
        task="xnli",
        is_world=True,
        is_of_world_rows=True,
        num_choices=3,
        majority_share=None,
        provenance={},
        manifest_sha256="",
    )


def drawn(study: Study, draw: int) -> SetFigures:
    return resample(study, study.slices[0], Settings(num_bootstrap=NUM_DRAWS, seed=draw))


def exchangeable(rng: np.random.Generator, sets: Sequence[tuple[str, ...]]) -> np.ndarray:
    """What the sets truly have, where only the languages' and the sets' own luck tells them apart."""
    of_language = dict(zip(POOL, rng.normal(scale=LANGUAGE_SD, size=len(POOL)), strict=True))
    own = rng.normal(scale=SET_SD, size=len(sets))
    return np.array([0.7 + np.mean([of_language[code] for code in one]) for one in sets]) + own * [
        len(one) > 1 for one in sets
    ]


def claims_of(figures: SetFigures, orders: Orders) -> list[Claim]:
    """All that a report says of kinds of sets and of several sources; not of English alone, which is no kind."""
    found = [
        comparisons.single_or_several(figures, 3),
        criteria(figures, 3, orders),
        composition.scripts(figures, 3),
        composition.diversity(figures, 3, orders.diversity),
        composition.recurrence(figures, 3),
        transfer.similarity(figures, 3),
    ]
    claims = [claim for one in found if isinstance(one, Analysis) for claim in one.claims if claim.name != "mslt_en"]
    return corrected(claims)


def is_false(claim: Claim) -> bool:
    """Found, though it is not so; the best of several singles is truly better than a set's mean."""
    return is_found(claim, 0.95) and (claim.value > 0 or claim.name not in ("mslt_member", "mslt_best"))


def false_findings(studies: int) -> dict[str, Any]:
    """The share of studies with a false sentence, and per sentence."""
    orders: Orders | None = None
    found: Counter[str] = Counter()
    as_given: Counter[str] = Counter()
    studies_with = studies_as_given = 0
    names: list[str] = []
    for draw in range(studies):
        rng = np.random.default_rng([1, draw])
        figures = drawn(simulated(rng, ALL, exchangeable(rng, ALL)), draw)
        orders = orders or Orders(figures.study, names=ORDERED)
        claims = claims_of(figures, orders)
        names = [claim.name for claim in claims]
        wrong = [claim.name for claim in claims if is_false(claim)]
        given = [c.name for c in claims if c.low * c.high > 0 and (c.value > 0 or not c.name.startswith("mslt_"))]
        found.update(wrong)
        as_given.update(given)
        studies_with += bool(wrong)
        studies_as_given += bool(given)
    return {
        "studies": studies,
        "any": studies_with / studies,
        "any_as_given": studies_as_given / studies,
        "sentences": {name: {"found": found[name] / studies, "as_given": as_given[name] / studies} for name in names},
    }


# Sets of two, which have rows of the target, and sets of three, which have none: of seven languages in
# which each is as often, or all of four.
HELD_AGAINST = {
    "7 sets of 7 languages": (
        "ar-de de-en en-es es-fr fr-ru ru-zh ar-zh",
        "ar-de-es de-en-fr en-es-ru es-fr-zh ar-fr-ru de-ru-zh ar-en-zh",
    ),
    "all sets of 4 languages": ("ar-de ar-en ar-zh de-en de-zh en-zh", "ar-de-en ar-de-zh ar-en-zh de-en-zh"),
}
Kind = tuple[tuple[str, ...], int | None]  # a set, and its rows of a target, or outside the first language
NUMBERS = (10, 40, 160)


def shares_null(studies: int) -> list[dict[str, Any]]:
    """How often something is found of shots, or of a pinch, that make no difference.

    Of a pinch all sets have one truth, for what is said is said of these very sets. Shots are held against other sets,
    and something is said of other languages: sets differ by their languages' luck, or not at all.
    """
    rows: list[dict[str, Any]] = []
    kinds: list[Kind]
    for seeds in (1, 2, 3, 5):
        kinds = [(("en",), 0), *itertools.product([("en", code) for code in POOL if code != "en"], NUMBERS)]
        rows.append(_share_findings(studies, "pinch", kinds, seeds, has_luck=False))
    for (name, texts), has_luck in itertools.product(HELD_AGAINST.items(), (True, False)):
        two, three = ([tuple(one.split("-")) for one in text.split()] for text in texts)
        kinds = [*itertools.product(two, NUMBERS), *((one, None) for one in three)]
        rows.append(_share_findings(studies, f"shots, {name}", kinds, 3, has_luck))
    return rows


def _share_findings(studies: int, what: str, kinds: Sequence[Kind], seeds: int, has_luck: bool) -> dict[str, Any]:
    found: Counter[str] = Counter()
    held = 0.0
    sets, of_sets = zip(*kinds, strict=True)
    several = list(dict.fromkeys(sets))
    for draw in range(studies):
        rng = np.random.default_rng([6, draw])
        lucky = dict(zip(several, exchangeable(rng, several), strict=True))
        truth = np.array([lucky[one] if has_luck else 0.7 for one in sets])
        study = simulated(rng, sets, truth, num_seeds=seeds, shares=of_sets)
        figures = drawn(replace(study, pool=("en", *(code for code in POOL if code != "en"))), draw)
        section = (shares.pinch if what == "pinch" else shares.shots)(figures)
        assert isinstance(section, Analysis)
        claims = corrected(section.claims)
        found["claim"] += any(is_found(claim, 0.95) for claim in claims)
        ends = [one.others or (one.low, one.high) for one in claims]
        held += sum(low <= 0 <= high for low, high in ends) / len(ends) / studies
        if section.concluded:
            found["answer"] += " from k = " in section.concluded(claims, 0.95)
            found["target"] += "better than" in section.notes[1]
    of_each = {key: found[key] / studies for key in ("claim", "answer", "target")}
    return {"what": what, "seeds": seeds, "has_luck": has_luck, "studies": studies, **of_each, "held": held}


SOME = [*SINGLES, *TRIPLES[::5]]  # 7 and 7 sets, for coverage
COMPARED: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # figures of sets -> what an interval is of
    "three sources minus one": lambda y: y[..., 7:].mean(axis=-1) - y[..., :7].mean(axis=-1),
    "one set minus another": lambda y: y[..., 8] - y[..., 7],
    "one set": lambda y: y[..., 7],
}
NOISE: dict[str, dict[str, Any]] = {
    "a seed moves each set by itself": {"shared_sd": 0.0},
    "a seed moves all sets alike, too": {"shared_sd": 0.02},
    "seeds do nothing": {"seed_sd": 0.0, "shared_sd": 0.0},
}


def coverage(studies: int) -> list[dict[str, Any]]:
    """How often intervals for these very sets hold the truth."""
    rows: list[dict[str, Any]] = []
    for (name, noise), seeds in itertools.product(NOISE.items(), (2, 3, 5)):
        rows += _covered(studies, name, seeds, {"num_seeds": seeds, **noise})
    for assignments in (2, 3, 5):
        more = {"num_seeds": 2, "num_assignments": assignments, "assignment_sd": 0.02, "shared_sd": 0.0}
        rows += _covered(studies, "assignments with two seeds each", assignments, more)
    return rows


def _covered(studies: int, name: str, number: int, more: dict[str, Any]) -> Iterator[dict[str, Any]]:
    held: Counter[str] = Counter()
    for draw in range(studies):
        rng = np.random.default_rng([2, draw])
        truth = exchangeable(rng, SOME)
        figures = drawn(simulated(rng, SOME, truth, num_items=150, **more), draw)
        for what, of in COMPARED.items():
            low, high = figures.interval(of(figures.mean_drawn))
            held[what] += bool(low <= of(truth) <= high)
    for what in COMPARED:
        yield {"noise": name, "number": number, "what": what, "studies": studies, "coverage": held[what] / studies}


def orders(studies: int) -> list[dict[str, Any]]:
    """How often the interval of a rank correlation holds the one with the sets' true figures, which rise along the
    order by 0, 4 and 10 points in all."""
    rows: list[dict[str, Any]] = []
    for rise in (0.0, 0.04, 0.1):
        held, total = np.zeros(2), np.zeros(2)
        for draw in range(studies):
            rng = np.random.default_rng([7, draw])
            order = rng.permutation(len(TRIPLES)).astype(float)
            truth = exchangeable(rng, ALL)
            truth[len(SINGLES) :] += rise * (order / (len(TRIPLES) - 1) - 0.5)
            figures = drawn(simulated(rng, ALL, truth), draw)
            members = figures.of_size(3)
            rho, of_draws = (
                float(spearman(order, figures.mean[members])),
                spearman(order, figures.mean_drawn[:, members]),
            )
            true = float(spearman(order, truth[members]))
            for place, (low, high) in enumerate((figures.of_order(rho, of_draws), figures.interval(of_draws))):
                held[place] += low <= true <= high
            total += true, rho
        shares = dict(zip(("coverage", "percentiles", "true", "found"), [*held, *total], strict=True))
        rows.append({"rise": rise, "studies": studies, **{key: float(one) / studies for key, one in shares.items()}})
    return rows


def other_languages(studies: int) -> list[dict[str, Any]]:
    """How often the interval for other languages holds what several sources bring on average over all pools of seven
    that there could be: sets of three have the mean of their languages' luck, or none of it."""
    rows: list[dict[str, Any]] = []
    for share, against in itertools.product((1.0, 0.0), gains.AGAINST):
        expected = np.mean([_gain(_lucky(np.random.default_rng([3, i]), share), against) for i in range(1000)])
        held = 0
        for draw in range(studies):
            rng = np.random.default_rng([4, draw])
            point = _lucky(rng, share) + rng.normal(scale=0.005, size=len(ALL))
            figures = _figures(point, point + rng.normal(scale=0.005, size=(100, len(ALL))))
            weights = partial(gains.gain, figures, figures.of_size(3), against)
            claim = gains.claim(figures, "x", "", weights, gains.luck(figures, against, 3))
            assert claim and claim.others
            held += bool(claim.others[0] <= expected <= claim.others[1])
        rows.append({"against": against, "share": share, "studies": studies, "coverage": held / studies})
    return rows


def _lucky(rng: np.random.Generator, share: float) -> np.ndarray:
    luck = dict(zip(POOL, rng.normal(scale=LANGUAGE_SD, size=len(POOL)), strict=True))
    means = np.array([np.mean([luck[code] for code in one]) for one in ALL])
    several = np.array([len(one) > 1 for one in ALL])
    return 0.7 + np.where(several, share * means + rng.normal(scale=SET_SD, size=len(ALL)), means)


def _gain(y: np.ndarray, against: str) -> float:
    figures = _figures(y, y[None])
    weights = gains.gain(figures, figures.of_size(3), against)
    assert weights is not None
    return float(y @ weights)


def _figures(point: np.ndarray, of_draws: np.ndarray) -> SetFigures:
    """Figures of all sets, the same in each target, without items; (sets,) and (draws, sets)."""
    study = simulated(np.random.default_rng(0), [], np.array([]), num_items=1)
    point, of_draws = (np.repeat(one[..., None], len(TARGETS), axis=-1) for one in (point, of_draws))
    runs = pd.DataFrame(
        point, pd.MultiIndex.from_product([range(len(ALL)), [0], [0]], names=("set", "assignment", "seed"))
    )
    settings = Settings(num_bootstrap=100)
    return SetFigures(study, Slice(0, ""), tuple(ALL), point, of_draws, None, None, runs, settings)


def power(studies: int) -> list[dict[str, Any]]:
    """How often a difference as large as the report calls detectable is found."""
    rows: list[dict[str, Any]] = []
    orders: Orders | None = None
    for name in ("mslt_mean", "diversity_1"):
        found, total = 0, 0.0
        for draw in range(studies):
            rng = np.random.default_rng([5, draw])
            truth = exchangeable(rng, ALL)
            null = drawn(simulated(rng, ALL, truth), draw)
            orders = orders or Orders(null.study, names=ORDERED)
            (detectable,) = (claim.detectable or 0.0 for claim in claims_of(null, orders) if claim.name == name)
            figures = drawn(simulated(rng, ALL, truth + detectable * _along(name, orders)), draw)
            (after,) = (claim for claim in claims_of(figures, orders) if claim.name == name)
            found, total = found + is_found(after, 0.95), total + detectable
        rows.append({"sentence": name, "studies": studies, "detectable": total / studies, "found": found / studies})
    return rows


def _along(name: str, orders: Orders) -> np.ndarray:
    """(sets,) of a difference of 1."""
    if name == "mslt_mean":
        return np.array([float(len(one) > 1) for one in ALL])
    by_set, _ = orders.diversity(3)
    rising = np.argsort([by_set[one] for one in TRIPLES], kind="stable")
    effect = np.zeros(len(ALL))
    effect[7 + rising[:8]], effect[7 + rising[-8:]] = -0.5, 0.5  # the quarters that are compared
    return effect


PARTS = {
    "false_findings": 0.6,
    "shares_null": 1.0,
    "coverage": 1.0,
    "orders": 0.4,
    "other_languages": 1.0,
    "power": 0.1,
}  # with how many of the studies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--studies", type=int, default=1000, help="made up for a figure, or a part as many")
    parser.add_argument("--out", type=Path, default=RESULTS, help="parts that are not asked for stay in it")
    parser.add_argument("--markdown", action="store_true", help="the tables of docs/statistics.md of what --out has")
    options = parser.parse_args()
    if options.markdown:
        return print(as_markdown(json.loads(options.out.read_text(encoding="utf-8")), list(COMPARED)))
    for part in options.parts or PARTS:
        started = time.process_time()
        made = globals()[part](max(2, int(PARTS[part] * options.studies)))
        found = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
        options.out.write_text(json.dumps(found | {part: made}, indent=1) + "\n", encoding="utf-8")
        print(
            f"{part}: {time.process_time() - started:.0f} s of processor time\n{json.dumps(made, indent=1)}", flush=True
        )


if __name__ == "__main__":
    main()
