"""How good the sets are that each criterion of ``mslt select`` would have chosen, before anything was trained.

Two questions per criterion: where among all sets of its size is the set that it puts first, and do its order and the
measured order agree. Whether an agreement could be chance is tested by renaming the languages
(``statistics.renamings``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mslt_it.problems import Problem
from mslt_it.selection.criteria import BEYOND_CRITERIA, CONTROLS
from mslt_it.selection.ranking import Selection, rank_source_sets
from mslt_it.study.analyse.findings import Analysis, Claim, Intervals, Mark, NotDone, Scatter, set_name
from mslt_it.study.analyse.resampling import Compared, SetFigures
from mslt_it.study.analyse.statistics import as_good_as_best, average_ranks, kendall, p_value, renamings, spearman
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
            world = self.study.model == "world"
            names = None if self.names is None or not world else list(self.names)
            try:
                self._by_size[k] = rank_source_sets(
                    self.study.pool,
                    k,
                    targets=self.study.targets,
                    model=self.study.model,
                    # With another model all are asked for and some shown: naming "embedding" would download the model.
                    criteria=names,
                    top=math.comb(len(self.study.pool), k),
                    seed=self.seed,
                )
            except Problem as problem:
                self._by_size[k] = str(problem)
        return self._by_size[k]

    def ranks(self, k: int) -> dict[str, dict[Key, int]]:
        """Criterion -> set -> rank from 1, ties sharing the lowest."""
        found = self.selection(k)
        if isinstance(found, str):
            return {}
        return {
            name: {tuple(sorted(one.languages)): one.rank for one in ranking.sets}
            for name, ranking in found.criteria.items()
            if self.names is None or name in self.names
        }

    def diversity(self, k: int) -> tuple[dict[Key, float], str]:
        """Set -> score by l2v_all, or why there is none."""
        try:
            found = rank_source_sets(
                self.study.pool,
                k,
                targets=self.study.targets,
                model=self.study.model,
                criteria=["l2v_all"],
                top=math.comb(len(self.study.pool), k),
            )
        except Problem as problem:
            return {}, str(problem)
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
    looked = {
        size: [
            one
            for name, ranks in orders.ranks(size).items()
            if (one := _Looked.at(figures, size, name, ranks)) is not None
        ]
        for size in [k, *(other for other in sizes if other != k)]
    }
    of_k = {one.name: one for one in looked[k]}
    picks = [row for found in looked.values() for row in with_holm([one.pick_row(figures) for one in found])]
    for row in picks:  # behind the p
        row |= {key: row.pop(key) for key in ("behind_best", "like_best")}
    orders_agree = [row for found in looked.values() for row in with_holm([one.order_row(figures) for one in found])]
    claims = [_pick_claim(figures, k, one) for one in looked[k] if one.name in TYPOLOGY]
    claims += [
        _order_claim(figures, k, of_k[TYPOLOGY[0]], of_k[other])
        for other in OTHERS
        if TYPOLOGY[0] in of_k and other in of_k
    ]
    num_sets = len(figures.of_size(k))
    groups = {one.name: "control" if one.name in CONTROLS else "criterion" for one in looked[k]}
    places = [Mark(one.name, one.rank, *one.rank_range, groups[one.name]) for one in looked[k]]
    rhos = [Mark(one.name, one.rho, *one.rho_range, groups[one.name]) for one in looked[k]]
    plots: list[Intervals | Scatter] = [
        Intervals(
            f"Measured rank of the set that each criterion picks, of {num_sets} (1 = best)",
            "rank",
            tuple(sorted(places, key=lambda mark: mark.value)),
            unit="number",
            reference=(num_sets + 1) / 2,
            reference_label="a random set",
            groups=("criterion", "control"),
        ),
        Intervals(
            "Agreement of criterion and measured order",
            "Spearman's rho",
            tuple(sorted(rhos, key=lambda mark: -mark.value)),
            unit="number",
            reference=0.0,
            reference_label="none",
            groups=("criterion", "control"),
        ),
    ]
    if TYPOLOGY[0] in of_k:
        one = of_k[TYPOLOGY[0]]
        plots.append(
            Scatter(
                f"Sets of {k} by syntactic diversity and {study.metric}",
                f"rank by {TYPOLOGY[0]} (right = most diverse)",
                f"{study.metric}, %",
                tuple(
                    (float(r), float(v), set_name(figures.sets[row]), "")
                    for row, r, v in zip(one.members, one.order, figures.mean[one.members], strict=True)
                ),
                x_unit="rank",
            )
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
                "p adjusted over the criteria of a size (Holm). * beyond the paper.",
                accuracy=study.metric,
                num_sets="of sets",
                rank_low="interval of rank",
            ),
            table(
                "criteria_correlations",
                "Agreement of each criterion's order with the measured one",
                orders_agree,
                "Interval: items and seeds drawn again (drawing adds noise, so its middle lies nearer to 0 than "
                "the figure). p: the larger of two, languages given each other's places, and items and seeds drawn "
                "again; adjusted over the criteria of a size (Holm).",
            ),
        ),
        tuple(plots),
        tuple(claims),
        tuple(_notes(figures, k, orders, selection)),
    )


def _notes(figures: SetFigures, k: int, orders: Orders, selection: Selection) -> Iterator[str]:
    """What was not computed, and what says nothing."""
    is_wanted = {
        name: orders.names is None or name in orders.names for name in (*selection.not_computed, *selection.criteria)
    }
    for name, reasons in selection.not_computed.items():
        if is_wanted[name]:
            yield f"Not computed: {name}. {' '.join(reasons)}"
    for name, ranking in selection.criteria.items():
        if is_wanted[name] and ranking.num_first == selection.num_sets > 1:
            yield f"{name}: all sets tie, so it says nothing here and is left out."
    num_sets, planned = len(figures.of_size(k)), math.comb(len(figures.study.pool), k)
    if num_sets < planned:
        yield f"{num_sets} of the {planned} sets of {k} are complete; a criterion picks among those."


@dataclass(frozen=True, eq=False)
class _Looked:
    """One criterion on the sets of one size."""

    name: str
    members: np.ndarray  # rows of the sets looked at
    order: np.ndarray  # per set: minus the criterion's rank, so that higher is preferred
    first: np.ndarray  # rows of the sets that share its first place
    rank: float  # measured, mean over the first
    rank_range: tuple[float, float]
    against: Compared  # the first with all
    behind_best: float
    like_best: bool
    rho: float
    rho_drawn: np.ndarray
    rho_range: tuple[float, float]
    tau: float
    tau_range: tuple[float, float]
    chance_p: float  # the larger of two: another naming of the languages, other items and seeds

    @classmethod
    def at(cls, figures: SetFigures, k: int, name: str, ranks: Mapping[Key, int]) -> _Looked | None:
        """None where the criterion gives all measured sets the same place."""
        members = np.array([row for row in figures.of_size(k) if tuple(sorted(figures.sets[row])) in ranks], dtype=int)
        order = -np.array([ranks[tuple(sorted(figures.sets[row]))] for row in members], dtype=float)
        if len(members) < FEWEST_SETS or len(set(order)) < 2:
            return None
        point, drawn = figures.mean[members], figures.mean_drawn[:, members]
        picked = order == order.max()
        against = figures.compare(members[picked], members)
        rho, rho_drawn = float(spearman(order, point)), spearman(order, drawn)
        sets = [figures.sets[row] for row in members]
        return cls(
            name,
            members,
            order,
            members[picked],
            float(average_ranks(point)[picked].mean()),
            figures.interval(average_ranks(drawn)[:, picked].mean(axis=1)),
            against,
            float(point.max() - against.a),
            bool(as_good_as_best(point, drawn, figures.settings.confidence)[picked].all()),
            rho,
            rho_drawn,
            figures.interval(rho_drawn),
            float(kendall(order, point)),
            figures.interval(kendall(order, drawn)),
            max(renaming_p(sets, ranks, point, figures.settings.seed), p_value(rho, rho_drawn)),
        )

    def _row(self, figures: SetFigures) -> Row:
        size = len(figures.sets[self.members[0]])
        return {"criterion": self.name + (" *" if self.name in BEYOND_CRITERIA else ""), "size": size}

    def pick_row(self, figures: SetFigures) -> Row:
        """Of the table of first sets."""
        tie = len(self.first) > 1
        return self._row(figures) | {
            "pick": f"{len(self.first)} sets tie" if tie else set_name(figures.sets[self.first[0]]),
            "rank": self.rank,
            **interval("rank", self.rank_range),
            "num_sets": len(self.members),
            "items": figures.study.num_items,
            "num_seeds": len(figures.seeds_of(self.first)),
            "accuracy": self.against.a,
            "against_mean": self.against.value,
            **interval("against_mean", self.against.range),
            "p": self.against.p,
            "behind_best": self.behind_best,
            "like_best": "yes" if self.like_best else "no",
        }

    def order_row(self, figures: SetFigures) -> Row:
        """Of the table of correlations."""
        return self._row(figures) | {
            "num_sets": len(self.members),
            "spearman": self.rho,
            **interval("spearman", self.rho_range),
            "kendall": self.tau,
            **interval("kendall", self.tau_range),
            "p": self.chance_p,
        }


def _pick_claim(figures: SetFigures, k: int, one: _Looked) -> Claim:
    members = figures.of_size(k)
    which = set_name(figures.sets[one.first[0]]) if len(one.first) == 1 else f"{len(one.first)} sets that tie"
    return Claim(
        f"pick_{one.name}",
        f"The set that {one.name} picks ({which}, measured rank {one.rank:g} of {len(members)}) against a random set",
        one.against.value,
        *one.against.range,
        one.against.p,
        value_a=one.against.a,
        value_b=one.against.b,
        basis=figures.basis(one.first, members),
        expected="up",
        paper="sets chosen by typology (syntax, inventory) rank near the top",
    )


def _order_claim(figures: SetFigures, k: int, one: _Looked, other: _Looked) -> Claim:
    value, drawn = one.rho - other.rho, one.rho_drawn - other.rho_drawn
    return Claim(
        f"criteria_{other.name}",
        f"Agreement with the measured order, {one.name} against {other.name} (difference of Spearman's rho)",
        value,
        *figures.interval(drawn),
        p_value(value, drawn),
        unit="number",
        value_a=one.rho,
        value_b=other.rho,
        basis=figures.basis(figures.of_size(k)),
        expected="up",
        paper="typology ranks near the top, size and vocabulary coverage do not",
    )


def renaming_p(sets: Sequence[tuple[str, ...]], ranks: Mapping[Key, int], point: np.ndarray, seed: int) -> float:
    """Two-sided p of no relation: the criterion's scores with the pool's languages given each other's places.

    Args:
        sets: the measured ones; ranks: of all sets of the size; point: (sets,) measured figures.
    """
    codes = sorted({code for key in ranks for code in key})
    number = {code: i for i, code in enumerate(codes)}
    # A set as a number with a bit per language, so that renamed sets are looked up at once.
    table = {sum(1 << number[code] for code in key): rank for key, rank in ranks.items()}
    bits = (1 << renamings(len(codes), seed))[:, [[number[code] for code in one] for one in sets]].sum(axis=2)
    known, inverse = np.unique(bits, return_inverse=True)
    renamed = -np.array([table[int(bit)] for bit in known], dtype=float)[inverse].reshape(bits.shape)
    observed = abs(float(spearman(renamed[0], point)))  # the first leaves all as they are
    return float((np.abs(spearman(renamed, point)) >= observed - 1e-9).mean())
