"""How good the sets are that each criterion of ``mslt select`` would have chosen, before anything was trained.

Two questions per criterion: where among all sets of its size is the set that it puts first, and do its order and the
measured order agree. Both, and the difference of two criteria, are tested by renaming the languages (``renaming``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mslt_it.problems import Problem
from mslt_it.selection.criteria import BEYOND_CRITERIA, CONTROLS
from mslt_it.selection.ranking import Selection, rank_source_sets
from mslt_it.study.analyse import renaming
from mslt_it.study.analyse.findings import Analysis, Claim, Intervals, Mark, NotDone, set_name
from mslt_it.study.analyse.resampling import SetFigures
from mslt_it.study.analyse.statistics import average_ranks, kendall, spearman
from mslt_it.study.analyse.tables import Row, interval, table, with_holm
from mslt_it.study.collect import Study

FEWEST_SETS = 5  # fewer sets of a size have no order to speak of
TYPOLOGY = ("l2v_syntax", "l2v_inventory")  # near the top in the paper
OTHERS = ("pretraining_size", "vocabulary_coverage")  # not there
Key = tuple[str, ...]  # a set's codes, sorted


@dataclass
class Orders:
    """Selections by size, ranked once per study: some criteria run the base model."""

    study: Study
    seed: int = 0
    names: Sequence[str] | None = None  # criteria wanted; None = all
    _by_size: dict[int, Selection | str] = field(default_factory=dict)

    def selection(self, k: int) -> Selection | str:
        """All sets of k out of the pool by every criterion, or why not."""
        if k not in self._by_size:
            # With another model all are asked for and some shown: naming "embedding" would download the model.
            names = None if self.study.model != "world" else self.names
            self._by_size[k] = self._ranked(k, names)
        return self._by_size[k]

    def _ranked(self, k: int, names: Sequence[str] | None) -> Selection | str:
        study = self.study
        top = math.comb(len(study.pool), k)
        try:
            return rank_source_sets(
                study.pool, k, targets=study.targets, model=study.model, criteria=names, top=top, seed=self.seed
            )
        except Problem as problem:
            return str(problem)

    def is_wanted(self, name: str) -> bool:
        return self.names is None or name in self.names

    def ranks(self, k: int) -> dict[str, dict[Key, int]]:
        """Criterion -> set -> rank from 1, ties sharing the lowest."""
        found = self.selection(k)
        if isinstance(found, str):
            return {}
        return {
            name: {tuple(sorted(one.languages)): one.rank for one in ranking.sets}
            for name, ranking in found.criteria.items()
            if self.is_wanted(name)
        }

    def diversity(self, k: int) -> tuple[dict[Key, float], str]:
        """Set -> score by l2v_all, or why there is none."""
        found = self._ranked(k, ["l2v_all"])
        if isinstance(found, str):
            return {}, found
        if "l2v_all" not in found.criteria:
            return {}, found.not_computed["l2v_all"][0]
        return {tuple(sorted(one.languages)): one.score for one in found.criteria["l2v_all"].sets}, ""


def criteria(figures: SetFigures, k: int, orders: Orders) -> Analysis | NotDone:
    """Rank of the set that each criterion picks, and rank correlation of criterion and measured figure."""
    title = "What choosing the sources by a criterion would have given"
    study = figures.study
    sizes = [size for size in figures.sizes if len(figures.of_size(size)) >= FEWEST_SETS and size > 1]
    if k not in sizes:
        number = len(figures.of_size(k)) if k > 1 else 0
        return NotDone("criteria", title, f"{number} sets of {k} are complete; an order needs {FEWEST_SETS}.")
    selection = orders.selection(k)
    if isinstance(selection, str):
        return NotDone("criteria", title, selection)
    looked: dict[int, list[_Looked]] = {}
    for size in sorted(sizes, key=lambda size: size != k):
        found = [_looked_at(figures, size, name, of_sets) for name, of_sets in orders.ranks(size).items()]
        looked[size] = [one for one in found if one is not None]
    picks = [row for found in looked.values() for row in with_holm([one.pick for one in found])]
    agreement = [row for found in looked.values() for row in with_holm([one.agreement for one in found])]
    of_k = {one.name: one for one in looked[k]}
    claims = [one.claim for one in looked[k] if one.name in TYPOLOGY]
    if TYPOLOGY[0] in of_k:
        claims += [_order_claim(figures, k, of_k[TYPOLOGY[0]], of_k[name]) for name in OTHERS if name in of_k]
    num_sets = len(figures.of_size(k))

    def marks(key: str, better: int) -> tuple[Mark, ...]:
        rows = [(one.name, one.pick | one.agreement) for one in looked[k]]
        found = [Mark.of(row, name, key, "control" if name in CONTROLS else "criterion") for name, row in rows]
        return tuple(sorted(found, key=lambda mark: better * mark.value))

    plots = (
        Intervals(
            f"Measured rank of the set that each criterion picks, of {num_sets} (1 = best)",
            "rank",
            marks("rank", 1),
            unit="number",
            reference=(num_sets + 1) / 2,
            reference_label="a random set",
            groups=("criterion", "control"),
        ),
        Intervals(
            "Agreement of criterion and measured order",
            "Spearman's rho",
            marks("spearman", -1),
            unit="number",
            reference=0.0,
            reference_label="none",
            groups=("criterion", "control"),
        ),
    )
    return Analysis(
        "criteria",
        title,
        "Would a criterion that needs no training have found a good set?",
        "the paper's comparison of selection criteria by the rank of the set that each picks among all combinations",
        (
            table(
                "criteria_picks",
                "The set that each criterion puts first, among all sets of its size",
                picks,
                "Where sets tie for first, rank and figure are their means. Random set: the mean over all sets.",
                f"{figures.of_renaming('the criteria of a size')} * beyond the paper.",
                accuracy=study.metric,
                num_sets="of sets",
                rank_low="interval of rank",
            ),
            table(
                "criteria_correlations",
                "Agreement of each criterion's order with the measured one",
                agreement,
                f"{figures.of_renaming('the criteria of a size')} p is of rho.",
            ),
        ),
        plots,
        tuple(claims),
        tuple(_notes(figures, k, orders, selection)),
    )


def _notes(figures: SetFigures, k: int, orders: Orders, selection: Selection) -> Iterator[str]:
    for name, reasons in selection.not_computed.items():
        if orders.is_wanted(name):
            yield f"Not computed: {name}. {' '.join(reasons)}"
    for name, ranking in selection.criteria.items():
        if orders.is_wanted(name) and ranking.num_first == selection.num_sets > 1:
            yield f"{name}: all sets tie, so it says nothing here and is left out."
    num_sets, planned = len(figures.of_size(k)), math.comb(len(figures.study.pool), k)
    if num_sets < planned:
        yield f"{num_sets} of the {planned} sets of {k} are complete; a criterion picks among those."


@dataclass(frozen=True, eq=False)
class _Looked:
    name: str
    pick: Row  # of the table of first sets
    agreement: Row  # of the table of correlations
    rho_drawn: np.ndarray  # agreement of the two orders, items and seeds drawn again
    rho_renamed: np.ndarray  # the same, the languages renamed
    claim: Claim  # the sets that share its first place against all


def _looked_at(figures: SetFigures, k: int, name: str, ranks: Mapping[Key, int]) -> _Looked | None:
    """None for a criterion that gives all measured sets the same place."""
    members = figures.of_size(k)
    keys = [tuple(sorted(figures.sets[row])) for row in members]
    if not ranks.keys() >= set(keys):  # a greedy search ranks some sets only
        return None
    order = -np.array([ranks[one] for one in keys], dtype=float)  # higher is preferred
    if len(set(order)) < 2:
        return None
    point, drawn = figures.mean[members], figures.mean_drawn[:, members]
    picked = order == order.max()
    first = members[picked]
    against = figures.compare(first, members)
    rho, rho_drawn = float(spearman(order, point)), spearman(order, drawn)
    rho_renamed = spearman(order[figures.places(k)], point)
    p, rank = renaming.relation(rho_renamed).p, float(average_ranks(point)[picked].mean())
    which = set_name(figures.sets[first[0]]) if len(first) == 1 else f"{len(first)} sets that tie"
    claim = figures.claim(
        f"pick_{name}",
        f"The set that {name} picks ({which}, measured rank {rank:g} of {len(members)}) against a random set",
        against.value,
        against.range,
        renaming.of_weights(figures, picked / picked.sum() - 1 / len(members), k),
        first,
        members,
        value_a=against.a,
        value_b=against.b,
        expected="up",
        paper="sets chosen by typology (syntax, inventory) rank near the top",
        no_verdict=figures.no_verdict(members, members),
    )
    row: Row = {"criterion": name + (" *" if name in BEYOND_CRITERIA else ""), "size": k}
    pick = {
        "pick": figures.highest(members, order),
        "rank": rank,
        **interval("rank", figures.interval(average_ranks(drawn)[:, picked].mean(axis=1))),
        "num_sets": len(members),
        "items": figures.study.num_items,
        "num_seeds": figures.num_seeds(first),
        "accuracy": against.a,
        "against_mean": against.value,
        **interval("against_mean", against.range),
        "p": claim.tested.p,
    }
    tau = float(kendall(order, point))
    agreement = {
        "num_sets": len(members),
        "spearman": rho,
        **interval("spearman", figures.of_order(rho, rho_drawn)),
        "kendall": tau,
        **interval("kendall", figures.of_order(tau, kendall(order, drawn))),
        "p_alone": p,
        "p": p,
    }
    return _Looked(name, row | pick, row | agreement, rho_drawn, rho_renamed, claim)


def _order_claim(figures: SetFigures, k: int, one: _Looked, other: _Looked) -> Claim:
    a, b = one.agreement["spearman"], other.agreement["spearman"]
    return figures.claim(
        f"criteria_{other.name}",
        f"Agreement with the measured order, {one.name} against {other.name} (difference of Spearman's rho)",
        a - b,
        figures.of_order(a - b, one.rho_drawn - other.rho_drawn, -2, 2),
        renaming.relation(one.rho_renamed - other.rho_renamed),
        figures.of_size(k),
        unit="number",
        value_a=a,
        value_b=b,
        expected="up",
        paper="typology ranks near the top, size and vocabulary coverage do not",
    )
