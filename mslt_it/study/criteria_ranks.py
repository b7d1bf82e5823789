"""How good the sets are that each criterion of ``mslt select`` would have chosen, before anything was trained.

Two questions per criterion: where among all sets of its size is the set that it puts first, and do its order and the
measured order agree. The sets are few and share languages, so whether an agreement could be chance is tested by giving
the languages of the pool each other's places (all 7! = 5,040 ways of a pool of 7): the criterion's scores of the sets
under the new names against the same measured figures. That leaves the overlap of sets as it is, which shuffling sets
would not.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mslt_it.evaluation.intervals import holm
from mslt_it.problems import Problem
from mslt_it.selection.criteria import BEYOND_CRITERIA, CONTROLS
from mslt_it.selection.ranking import Selection, rank_source_sets
from mslt_it.study.collect import Study
from mslt_it.study.comparisons import basis, compare, study_metric
from mslt_it.study.findings import Analysis, Claim, Column, Intervals, Mark, NotDone, Scatter, Table, set_name
from mslt_it.study.uncertainty import SetFigures, as_good_as_best, average_ranks, kendall, p_value, spearman

FEWEST_SETS = 5  # fewer sets of a size have no order to speak of
MAX_RENAMINGS = 5040  # all of 7 languages; of larger pools as many drawn ones
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


def criteria(study: Study, figures: SetFigures, k: int, orders: Orders) -> Analysis | NotDone:
    """Rank of the set that each criterion picks, and rank correlation of criterion and measured figure."""
    title = "What choosing the sources by a criterion would have given"
    sizes = [size for size in figures.sizes if len(figures.of_size(size)) >= FEWEST_SETS and size > 1]
    if k not in sizes:
        number = len(figures.of_size(k)) if k > 1 else 0
        return NotDone("criteria", title, f"{number} sets of {k} are complete; an order needs {FEWEST_SETS}.")
    if isinstance(failed := orders.selection(k), str):
        return NotDone("criteria", title, failed)
    picks, correlations, marks, places, notes = [], [], [], [], []
    scatter: list[tuple[float, float, str, str]] = []
    claims: list[Claim] = []
    rhos: dict[str, tuple[float, np.ndarray]] = {}
    for size in [k, *(other for other in sizes if other != k)]:
        looked = [_Looked.at(figures, size, name, ranks) for name, ranks in orders.ranks(size).items()]
        found = [one for one in looked if one is not None]
        p_picks, p_rhos = holm([one.pick_p for one in found]), holm([one.chance_p for one in found])
        for one, p_pick, p_rho in zip(found, p_picks, p_rhos, strict=True):
            beyond = "" if one.name not in BEYOND_CRITERIA else " *"
            picks.append(
                (
                    one.name + beyond,
                    size,
                    set_name(figures.sets[one.first[0]]) if len(one.first) == 1 else f"{len(one.first)} sets tie",
                    one.rank,
                    one.rank_range,
                    one.num_sets,
                    study.num_items,
                    len(figures.seeds_of(one.first)),
                    one.value,
                    one.against_mean,
                    one.against_mean_range,
                    p_pick,
                    one.behind_best,
                    "yes" if one.like_best else "no",
                )
            )
            correlations.append(
                (one.name + beyond, size, one.num_sets, one.rho, one.rho_range, one.tau, one.tau_range, p_rho)
            )
            if size == k:
                group = "control" if one.name in CONTROLS else "criterion"
                marks.append(Mark(one.name, one.rho, one.rho_range[0], one.rho_range[1], group))
                places.append(Mark(one.name, one.rank, one.rank_range[0], one.rank_range[1], group))
                rhos[one.name] = (one.rho, one.rho_drawn)
                if one.name in TYPOLOGY:
                    claims.append(_pick_claim(study, figures, k, one))
                if one.name == TYPOLOGY[0]:
                    scatter = [
                        (float(r), float(v), set_name(figures.sets[row]), "")
                        for row, r, v in zip(one.members, one.order, figures.mean[one.members], strict=True)
                    ]
    for other in OTHERS:
        if TYPOLOGY[0] in rhos and other in rhos:
            (a, drawn_a), (b, drawn_b) = rhos[TYPOLOGY[0]], rhos[other]
            claims.append(
                Claim(
                    f"criteria_{other}",
                    f"Agreement with the measured order, {TYPOLOGY[0]} against {other} (difference of Spearman's rho)",
                    a - b,
                    *figures.interval(drawn_a - drawn_b),
                    p_value(a - b, drawn_a - drawn_b),
                    unit="number",
                    value_a=a,
                    value_b=b,
                    basis=basis(study, figures, figures.of_size(k)),
                    expected="up",
                    paper="typology ranks near the top, size and vocabulary coverage do not",
                )
            )
    selection = orders.selection(k)
    if isinstance(selection, Selection):
        wanted = [n for n in selection.not_computed if orders.names is None or n in orders.names]
        notes += [f"Not computed: {name}. {' '.join(selection.not_computed[name])}" for name in wanted]
        notes += [
            f"{name}: all sets tie, so it says nothing here and is left out."
            for name, ranking in selection.criteria.items()
            if (orders.names is None or name in orders.names) and ranking.num_first == selection.num_sets > 1
        ]
    planned = math.comb(len(study.pool), k)
    if len(figures.of_size(k)) < planned:
        notes.append(
            f"{len(figures.of_size(k))} of the {planned} sets of {k} are complete; a criterion picks among those."
        )
    metric = study_metric(study)
    pick_columns = (
        Column("criterion", "criterion"),
        Column("size", "size", "count"),
        Column("pick", "its first set"),
        Column("rank", "rank", "rank"),
        Column("rank_range", "interval of rank", "rank_range"),
        Column("num_sets", "of sets", "count"),
        Column("items", "items", "count"),
        Column("num_seeds", "seeds", "count"),
        Column("accuracy", metric, "share"),
        Column("against_mean", "against a random set", "points"),
        Column("against_mean_range", "interval", "points_range"),
        Column("p_adjusted", "adjusted p", "p"),
        Column("behind_best", "behind the best", "points"),
        Column("like_best", "not told from the best"),
    )
    correlation_columns = (
        Column("criterion", "criterion"),
        Column("size", "size", "count"),
        Column("num_sets", "sets", "count"),
        Column("spearman", "Spearman's rho", "number"),
        Column("spearman_range", "interval", "number_range"),
        Column("kendall", "Kendall's tau-b", "number"),
        Column("kendall_range", "interval", "number_range"),
        Column("p_adjusted", "adjusted p", "p"),
    )
    plots: list[Intervals | Scatter] = [
        Intervals(
            f"Measured rank of the set that each criterion picks, of {len(figures.of_size(k))} (1 = best)",
            "rank",
            tuple(sorted(places, key=lambda mark: mark.value)),
            unit="number",
            reference=(len(figures.of_size(k)) + 1) / 2,
            reference_label="a random set",
            groups=("criterion", "control"),
        ),
        Intervals(
            "Agreement of criterion and measured order",
            "Spearman's rho",
            tuple(sorted(marks, key=lambda mark: -mark.value)),
            unit="number",
            reference=0.0,
            reference_label="none",
            groups=("criterion", "control"),
        ),
    ]
    if scatter:
        plots.append(
            Scatter(
                f"Sets of {k} by syntactic diversity and {metric}",
                f"rank by {TYPOLOGY[0]} (right = most diverse)",
                f"{metric}, %",
                tuple(scatter),
                x_unit="rank",
            )
        )
    return Analysis(
        "criteria",
        title,
        "Would a criterion that needs no training have found a good set?",
        "the paper's comparison of selection criteria by the rank of the set that each picks among all combinations",
        (
            Table(
                "criteria_picks",
                "The set that each criterion puts first, among all sets of its size",
                pick_columns,
                tuple(picks),
                (
                    "Where sets tie for first, rank and figure are their means. Random set: the mean over all sets.",
                    "p adjusted over the criteria of a size (Holm). * beyond the paper.",
                ),
            ),
            Table(
                "criteria_correlations",
                "Agreement of each criterion's order with the measured one",
                correlation_columns,
                tuple(correlations),
                (
                    "Interval: items and seeds drawn again (drawing adds noise, so its middle lies nearer to 0 than "
                    "the figure). p: the larger of two, languages given each other's places, and items and seeds drawn "
                    "again; adjusted over the criteria of a size (Holm).",
                ),
            ),
        ),
        tuple(plots),
        tuple(claims),
        tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class _Looked:
    """One criterion on the sets of one size."""

    name: str
    members: np.ndarray  # rows of the sets looked at
    order: np.ndarray  # per set: minus the criterion's rank, so that higher is preferred
    first: np.ndarray  # rows of the sets that share its first place
    num_sets: int
    rank: float  # measured, mean over the first
    rank_range: tuple[float, float]
    value: float
    against_mean: float
    against_mean_range: tuple[float, float]
    pick_p: float
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
        members = figures.of_size(k)
        keys = [tuple(sorted(figures.sets[row])) for row in members]
        members = np.array([row for row, key in zip(members, keys, strict=True) if key in ranks], dtype=int)
        order = -np.array([ranks[tuple(sorted(figures.sets[row]))] for row in members], dtype=float)
        if len(members) < FEWEST_SETS or len(set(order)) < 2:
            return None
        first = members[order == order.max()]
        point, drawn = figures.mean[members], figures.mean_drawn[:, members]
        picked = order == order.max()
        rank = average_ranks(point)[picked].mean()
        rank_drawn = average_ranks(drawn)[:, picked].mean(axis=1)
        against = compare(figures, first, members)
        rho, rho_drawn = float(spearman(order, point)), spearman(order, drawn)
        tau, tau_drawn = float(kendall(order, point)), kendall(order, drawn)
        like_best = as_good_as_best(point, drawn, figures.settings.confidence)
        return cls(
            name,
            members,
            order,
            first,
            len(members),
            float(rank),
            figures.interval(rank_drawn),
            against.a,
            against.value,
            against.range,
            against.p,
            float(point.max() - against.a),
            bool(like_best[picked].all()),
            rho,
            rho_drawn,
            figures.interval(rho_drawn),
            tau,
            figures.interval(tau_drawn),
            max(
                renaming_p([figures.sets[row] for row in members], ranks, point, figures.settings.seed),
                p_value(rho, rho_drawn),
            ),
        )


def _pick_claim(study: Study, figures: SetFigures, k: int, one: _Looked) -> Claim:
    members = figures.of_size(k)
    which = set_name(figures.sets[one.first[0]]) if len(one.first) == 1 else f"{len(one.first)} sets that tie"
    return Claim(
        f"pick_{one.name}",
        f"The set that {one.name} picks ({which}, measured rank {one.rank:g} of {len(members)}) against a random set",
        one.against_mean,
        *one.against_mean_range,
        one.pick_p,
        value_a=one.value,
        value_b=float(figures.mean[one.members].mean()),
        basis=basis(study, figures, one.first, members),
        expected="up",
        paper="sets chosen by typology (syntax, inventory) rank near the top",
    )


def renaming_p(sets: Sequence[tuple[str, ...]], ranks: Mapping[Key, int], point: np.ndarray, seed: int) -> float:
    """Two-sided p of no relation: the criterion's scores with the pool's languages given each other's places.

    Args:
        sets: the measured ones; ranks: of all sets of the size; point: (sets,) measured figures.
    """
    codes = sorted({code for key in ranks for code in key})
    number = {code: i for i, code in enumerate(codes)}
    if math.factorial(len(codes)) <= MAX_RENAMINGS:
        renamings = np.array(list(itertools.permutations(range(len(codes)))))
        extra = 0  # leaving all as they are is one of them
    else:
        rng = np.random.default_rng(seed)
        renamings = np.array([rng.permutation(len(codes)) for _ in range(MAX_RENAMINGS - 1)])
        extra = 1
    # A set as a number with a bit per language, so that renamed sets are looked up at once.
    table = {sum(1 << number[code] for code in key): rank for key, rank in ranks.items()}
    bits = (1 << renamings)[:, [[number[code] for code in one] for one in sets]].sum(axis=2)  # (renamings, sets)
    known, inverse = np.unique(bits, return_inverse=True)
    renamed = -np.array([table[int(bit)] for bit in known], dtype=float)[inverse].reshape(bits.shape)
    own = -np.array([ranks[tuple(sorted(one))] for one in sets], dtype=float)
    observed = abs(float(spearman(own, point)))
    reached = np.abs(spearman(renamed, point)) >= observed - 1e-9
    return float((extra + reached.sum()) / (extra + len(renamings)))
