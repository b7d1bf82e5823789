"""Curves over a number of rows at one budget: of other languages in one (a pinch), and of the target itself (shots).

A study with ``pinch: [0, 10, 40, 160]`` has cells in which that many rows of the budget are in a set's other languages
together and all others in the pool's first one. Shaham et al. 2024 ("Multilingual instruction tuning with just a pinch
of multilinguality", arXiv 2401.01854) replace English examples in this way and find that 40 are enough to follow
instructions in other languages much better, in those that are in the tuning data and in others.

With ``shots: [0, 10, 40, 160]`` that many rows of a target take the place of rows of the sources, at the same total
cost, and the figure is that of this target, on other items. Lauscher et al. 2020 ("From zero to hero", arXiv
2005.00633) find that few such rows bring much. What they are held against is another source in their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from mslt_it.study.analyse import gains
from mslt_it.study.analyse.claims import is_found
from mslt_it.study.analyse.comparisons import of_these, sources
from mslt_it.study.analyse.findings import Analysis, Claim, Lines, Mark, NotDone, Scatter, Steps, set_name
from mslt_it.study.analyse.resampling import SetFigures
from mslt_it.study.analyse.tables import Row, Table, interval, table, with_holm
from mslt_it.study.collect import mean_of

PAPER = "a few rows of other languages in English data improve other languages much (Shaham et al. 2024)"
ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
GIGA = 1e9


def pinch(figures: SetFigures) -> Analysis | NotDone:
    """Mean over the sets at each pinch, held against the first language alone."""
    main = figures.study.pool[0]
    title = f"A pinch of other languages in {main}"
    places = _places(figures, range(len(figures.sets)))
    if len(places) < 2:
        return NotDone("pinch", title, "Cells of one pinch only are complete.")
    (least, first), *others = places.items()
    against = f"{least} such rows" if least else f"{main} alone"
    claims = {}
    for number, own in others:
        what = f"{number} rows of other languages and the rest in {main}, against {against}"
        claims[number] = of_these(figures, f"pinch_{number}", what, own, first, expected="up", paper=PAPER)
    x_axis = f"of {figures.slice.budget} rows, in other languages than {main}"
    each: list[Row] = [
        {"sources": set_name(figures.sets[row]), "pinch": number} | figures.summary([row])
        for number, own in places.items()
        for row in own
    ]
    shown = [{key: value for key, value in row.items() if key != "num_sets"} for row in each]
    by_set = table("pinch_sets", "Every set", shown, accuracy=figures.study.metric)
    return Analysis(
        "pinch",
        title,
        f"How many of the rows have to be in other languages than {main}?",
        "Shaham et al. 2024, where English examples are replaced",
        (*_tables(figures, "pinch", f"rows outside {main}", places, claims, first, against), by_set),
        (_steps(figures, f"rows outside {main}", x_axis, places),),
        tuple(claims.values()),
        (
            "Every cell has the same number of rows in all. Where an item is labelled in one language only, the rows "
            f"of {main} are not quite the same items in each.",
        ),
    )


def shots(figures: SetFigures) -> Analysis | NotDone:
    """The curve over rows of the target, of the sets of the largest size that has any, held against the next larger
    sets without; where there are none, against the same sets without."""
    title = "A few labelled rows of the target"
    if not any(figures.shares):
        return NotDone("shots", title, "No set with rows of a target is complete in every target.")
    study, size = figures.study, max(len(one) for one, n in zip(figures.sets, figures.shares, strict=True) if n)
    places = _places(figures, [row for row in figures.of_size(size) if figures.shares[row] is not None])
    larger = [row for row, one in enumerate(figures.sets) if len(one) > size and figures.shares[row] is None]
    more = min((len(figures.sets[row]) for row in larger), default=0)
    if not more and 0 not in places:
        return NotDone("shots", title, "Nothing to hold them against: put 0 into shots, or a size more into set_sizes.")
    first = np.array([row for row in larger if len(figures.sets[row]) == more]) if more else places[0]
    instead = f"{more - size} more sources" if more > size + 1 else f"a {ORDINALS.get(more, 'further')} source"
    instead, against = (instead, sources(more)) if more else ("more rows of the sources", f"{sources(size)} alone")
    costs = {float(study.manifest["config"].get("cost", {}).get(code, 1)) for code in study.targets}
    price = f"at a cost of {' or '.join(f'{one:g}' for one in sorted(costs))} each"
    claims, per_target = {}, []
    for number, own in places.items():
        if not number:
            continue
        what = f"{sources(size)} and {number} rows of the target, against {against}, at the same total cost"
        found = gains.claim(figures, f"shots_{number}", what, partial(gains.groups, figures, own, first))
        assert found is not None
        claims[number] = found
        for column, code in enumerate(study.targets):
            one = figures.compare(own, first, column)
            row = {"target": code, "shots": number, "items": len(study.item_ids[column])}
            per_target.append(row | {"accuracy": one.a, "without": one.b} | one.row())
    per_target = with_holm(per_target, figures.settings.confidence)
    curves = tuple(
        (code, tuple((float(n), float(figures.point[own, column].mean())) for n, own in places.items()))
        for column, code in enumerate(study.targets)
    )
    metric = study.metric.capitalize()
    steps = _steps(figures, "rows of the target", f"rows of the target, of a budget of {figures.slice.budget}", places)
    return Analysis(
        "shots",
        title,
        f"From how many labelled rows on is it better to label the target than {instead}?",
        "no question of the paper, whose targets have no labels",
        (
            *_tables(figures, "shots", f"rows of the target, {sources(size)}", places, claims, first, against),
            table("shots_against", against.capitalize(), [{"sources": against} | figures.summary(first)]),
            table(
                "shots_targets",
                f"Per target language, against {against}",
                per_target,
                figures.of_rows,
                accuracy="with rows of it",
                without=against,
            ),
        ),
        (steps, Lines(f"{metric} in each target", "rows of it", f"{study.metric}, %", curves, "share")),
        tuple(claims.values()),
        (
            f"A figure is that of the target whose rows were trained on, {price}, on other items; what is left of the "
            "budget goes to the sources, equally many rows of each.",
            *([] if figures.is_one_seed else _by_target(per_target, instead, 1 - figures.settings.confidence)),
        ),
        partial(_answer, claims, instead, price),
    )


def _by_target(rows: Sequence[Row], instead: str, level: float) -> list[str]:
    found = []
    for code in dict.fromkeys(row["target"] for row in rows):
        own = [row for row in rows if row["target"] == code]
        signs = {row["shots"]: np.sign(row["difference"]) * (row["p_adjusted"] <= level) for row in own}
        first = _first(signs)
        found.append(f"{code}: better than {instead} from k = {first} on" if first else f"{code}: no such k seen")
    return [f"By target, for these very sets, corrected for the rows of the table: {'; '.join(found)}."]


def _answer(numbers: Mapping[int, Claim], instead: str, price: str, claims: Sequence[Claim], confidence: float) -> str:
    """When to label the target, from the claims as they were corrected."""
    if reason := next((claim.no_verdict for claim in claims if claim.no_verdict), ""):
        return f"No answer: {reason}."
    if not any(claim.is_tested for claim in claims):
        return f"No answer: {claims[0].tested.by}."
    signs = {
        number: float(np.sign(claim.value)) * is_found(claim, confidence)
        for number, claim in zip(numbers, claims, strict=True)
    }
    worse = [number for number, sign in signs.items() if sign < 0]
    rest = f" With {', '.join(map(str, worse))} it is worse." if worse else ""
    if first := _first(signs):
        tried = f"up to {max(signs)} were tried"
        return f"Label the target in place of {instead} from k = {first} rows on ({tried}), {price}.{rest}"
    seen = f"{min(signs)} to {max(signs)} rows, {price}"
    return f"Label the target in place of {instead}: no k from which that is better was seen ({seen}).{rest}"


def _first(signs: Mapping[int, float]) -> int | None:
    """The smallest number from which on every one is found better."""
    found = None
    for number in sorted(signs, reverse=True):
        if signs[number] <= 0:
            break
        found = number
    return found


def _places(figures: SetFigures, rows: Sequence[int]) -> dict[int, np.ndarray]:
    """Number of rows -> the sets that have so many, rising."""
    numbers = sorted({figures.shares[row] or 0 for row in rows})
    return {n: np.array([row for row in rows if (figures.shares[row] or 0) == n]) for n in numbers}


def _tables(
    figures: SetFigures,
    name: str,
    by: str,
    places: Mapping[int, np.ndarray],
    claims: Mapping[int, Claim],
    first: np.ndarray,
    against: str,
) -> tuple[Table, Table]:
    rows: list[Row] = [{name: number} | figures.summary(own) for number, own in places.items()]
    has_others = any(claim.others for claim in claims.values())
    compared = with_holm(
        [
            {name: number}
            | figures.compare(places[number], first).row()
            | (interval("others", claim.others) if has_others else {})
            | {"p": claim.tested.p}
            for number, claim in claims.items()
        ],
        figures.settings.confidence,
    )
    tests = "; ".join(dict.fromkeys(claim.tested.by for claim in claims.values()))
    title, others = f"Mean over sets and target languages, by {by}", "for other languages like these"
    return (
        table(name, title, rows, accuracy=figures.study.metric),
        table(
            f"{name}_differences", f"Against {against}", compared, figures.of_rows, f"p by: {tests}.", others_low=others
        ),
    )


def _steps(figures: SetFigures, by: str, x_axis: str, places: Mapping[int, np.ndarray]) -> Steps:
    means = tuple(Mark.of(figures.summary(own), str(number), "accuracy") for number, own in places.items())
    dots = [
        (str(number), set_name(figures.sets[row]), float(figures.mean[row]))
        for number, own in places.items()
        for row in own
    ]
    metric = figures.study.metric
    return Steps(f"{metric.capitalize()} by {by}", x_axis, f"{metric}, %", means, tuple(dots))


# ---------------------------------------------------------------- what it costs


def front(of_slices: Sequence[SetFigures]) -> Analysis | None:
    """Every kind of set at every budget: its figure against what its labels and its training cost, and which kinds no
    other beats at the same cost or less. None where there is one kind only.

    Args:
        of_slices: the budgets of one prompt variant.
    """
    rows: list[Row] = []
    point, drawn = [], []
    axis = "pinch" if of_slices[0].study.manifest["config"].get("pinch") else "shots"
    for figures in of_slices:
        kinds = list(zip(map(len, figures.sets), figures.shares, strict=True))
        for size, share in sorted(set(kinds), key=lambda kind: (kind[0], kind[1] or 0)):
            own = np.array([row for row, kind in enumerate(kinds) if kind == (size, share)])
            flops = mean_of(figures.flops[row] for row in own)
            rows.append(
                {"cost": figures.slice.budget, "num_sources": size, axis: share}
                | figures.summary(own)
                | {"flops": flops and flops / GIGA}
            )
            point.append(float(figures.mean[own].mean()))
            drawn.append(figures.mean_drawn[:, own].mean(axis=1))
    if len(rows) < 2:
        return None
    study, metric = of_slices[0].study, of_slices[0].study.metric
    scatters = []
    for key, label in (("cost", "cost of the labelled rows"), ("flops", "floating-point operations of training, 10⁹")):
        x = np.array([row[key] for row in rows], dtype=float)
        if np.isnan(x).any():
            continue
        on_front, shares = _undominated(x, np.array([point]))[0], _undominated(x, np.stack(drawn, 1)).mean(axis=0)
        for row, is_on, share in zip(rows, on_front, shares, strict=True):
            row |= {f"front_{key}": "yes" if is_on else "no", f"share_{key}": float(share)}
        points = tuple(
            (float(row[key]), row["accuracy"], _kind(row, axis), "on the front" if is_on else "not on it")
            for row, is_on in zip(rows, on_front, strict=True)
        )
        scatters.append(Scatter(f"{metric.capitalize()} against the {label}", label, f"{metric}, %", points))
    if all(row["flops"] is None for row in rows):
        rows = [{key: value for key, value in row.items() if key != "flops"} for row in rows]
    several = len({cell.slice.variant for cell in study.cells}) > 1
    variant = of_slices[0].slice.variant
    return Analysis(
        f"front_{variant}" if several else "front",
        "What figures cost" + f" ({variant})" * several,
        "Which kinds of sets are worth their labels and their training?",
        "no question of the paper",
        (
            table(
                f"front_{variant}" if several else "front",
                "Kinds of sets by the cost of their rows",
                rows,
                "On the front: no other kind has a figure as high at a lower cost, or a higher one at the same. Share: "
                "of the draws of items and seeds, in how many.",
                accuracy=metric,
            ),
        ),
        tuple(scatters),
    )


def _undominated(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(B, P): whether no other of the P points has at most its x and a higher y, or a smaller x and the same y.

    Args:
        x: (P,); y: (B, P).
    """
    y = np.round(y, 9)  # sums in another order are no higher
    cheaper, higher = x[None, :] < x[:, None], y[:, None, :] > y[:, :, None]  # [.., p, q]: q than p
    beaten = (higher & (x[None, :] <= x[:, None])) | (cheaper & (y[:, None, :] >= y[:, :, None]))
    return np.asarray(~beaten.any(axis=2))


def _kind(row: Row, axis: str) -> str:
    whose = {"pinch": "in other languages", "shots": "of the target"}[axis]
    return sources(row["num_sources"]) + (f", {row[axis]} rows {whose}" if row[axis] else "")
