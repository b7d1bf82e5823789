"""Every set of k source languages, ranked by every criterion, without training."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_it.config.schema import build
from mslt_it.languages import validated_codes
from mslt_it.places import refuse_no_base
from mslt_it.problems import Problem
from mslt_it.records import to_plain
from mslt_it.selection import search, typology
from mslt_it.selection.criteria import ASIDE, BEYOND_CRITERIA, CRITERIA, L2V_PARTS, OF_TEXT, NotComputed, Request
from mslt_it.selection.reasons import Facts, describe, read_facts
from mslt_it.selection.request import read_pool, read_space
from mslt_it.selection.scorers import Inputs, Scored
from mslt_it.selection.search import Floats, Ranking, Scorer, Sets, Space

OF_PAIRS = ("embedding", "maxsum", "maxmin")  # as all of L2V_PARTS
TOP_FOR_RECURRENCE = 5  # the paper counts which languages are in the five best sets
GREEDY_KEEP = 50  # sets that a greedy search reports
MANY_SETS = 500_000  # above it, main varieties of macro-languages are tried all together only


@dataclass(frozen=True)
class RankedSet:
    languages: tuple[str, ...]
    score: float
    rank: int
    tied: bool  # another set has the same rank
    margin: float | None  # score minus that of the next set in the table; None for the last one
    mean_pair: float | None  # score / number of pairs, for sums over pairs
    cost: float | None


@dataclass(frozen=True)
class OtherCode:
    """The first set when a macro-language is read under its main variety's code."""

    uriel: Mapping[str, str]  # BCP-47 -> the other URIEL code
    languages: tuple[str, ...]
    score: float
    changed: bool


@dataclass(frozen=True)
class CriterionRanking:
    name: str
    what: str
    beyond_the_paper: bool
    sets: tuple[RankedSet, ...]
    num_first: int  # sets that share rank 1
    reason: str  # why the first set comes first, by this criterion
    description: str  # what the first set's languages are like
    notes: tuple[str, ...] = ()
    other_codes: tuple[OtherCode, ...] = ()


@dataclass(frozen=True)
class Selection:
    pool: tuple[str, ...]
    k: int
    targets: tuple[str, ...]
    model: str
    seed: int
    method: str  # "exact" or "greedy"
    num_sets: int  # exact: sets ranked, those above the budget left out; greedy: sets there are before the budget
    uriel: Mapping[str, str]  # BCP-47 -> the code lang2vec is asked for
    imputed: Mapping[str, Mapping[str, float]]  # language -> part -> share of values that are imputed
    criteria: Mapping[str, CriterionRanking]
    not_computed: Mapping[str, tuple[str, str]]  # criterion -> (reason, remedy)
    recurrence: Mapping[str, float]  # language -> share of the top-5 sets that hold it, mean over criteria
    positions: Mapping[str, tuple[float, float]]  # language -> its place on the map of typology
    map_share: float  # share of the squared distances that the map's two dimensions show
    notes: tuple[str, ...] = ()

    @property
    def overall(self) -> CriterionRanking:
        """The mean reciprocal rank where it was computed, else the first criterion."""
        return self.criteria.get("mean_reciprocal_rank") or next(iter(self.criteria.values()))

    def to_json(self) -> dict[str, Any]:
        """``{"criteria": {name: [{"set", "score", "rank", ...}]}, "about": {name: {"what", ...}}, ...}``."""
        plain = to_plain(self)
        about = plain["criteria"]
        for ranking in about.values():
            del ranking["name"]
            for one in (*ranking["sets"], *ranking["other_codes"]):
                one["set"] = one.pop("languages")
        plain["criteria"] = {name: ranking.pop("sets") for name, ranking in about.items()}
        plain["about"] = about
        plain["not_computed"] = {n: {"reason": r, "remedy": m} for n, (r, m) in self.not_computed.items()}
        return plain


def rank_source_sets(pool: Sequence[str] = ("paper",), k: int = 3, **options: Any) -> Selection:
    """`rank` with the fields of a `Request` as arguments, from Python."""
    given = {"pool": pool, "k": k, **options}
    return rank(build(Request, {name: value for name, value in given.items() if value is not None}))


def hangs_on_seed(request: Request) -> bool:
    """Whether another seed may give another ranking: by an order, the world's sentences or a search that are drawn."""
    drawn = ("random", *OF_TEXT * (request.model == "world" and request.text is None))
    wanted = request.criteria or CRITERIA
    return any(name in wanted for name in drawn) or not read_space(read_pool(request, []), request).is_exact


def rank(request: Request) -> Selection:
    """Ranks the sets of k source languages of a pool by each criterion that has its inputs.

    With n candidates, sets are index arrays [C(n, k), k] and every criterion gives scores [C(n, k)]; sums over pairs
    come from distance matrices [n, n] of vectors [n, features]. Up to 3 million sets are ranked exactly; beyond that a
    greedy search with swaps reports the best sets it met (``Selection.method``). Criteria that lack an input are in
    ``Selection.not_computed`` with the remedy; a Problem when none could be computed.
    """
    refuse_no_base(request.model)
    notes: list[str] = []
    idle = (
        ("diversity_weight", "target_coverage", request.diversity_weight != Request().diversity_weight),
        ("sizes", "pretraining_size", bool(request.sizes)),
    )
    for name, criterion, is_given in idle:
        if is_given and criterion not in (request.criteria or CRITERIA):
            raise Problem(f"{name} is of {criterion}, which is not among criteria. Leave it out, or add the criterion.")
    candidates = read_pool(request, notes)
    space = read_space(candidates, request)
    inputs = Inputs(request, candidates, validated_codes("targets", request.targets))
    found = inputs.languages  # one that is not known is named before anything is computed
    work = _Ranker(inputs, space, request.top, search.all_sets(space) if space.is_exact else None)
    wanted = dict.fromkeys(request.criteria or CRITERIA)
    for name in wanted:
        if name != "mean_reciprocal_rank":
            work.rank(name)
    if "mean_reciprocal_rank" in wanted:
        work.rank_by_mean()
    if not work.rankings:
        lines = "; ".join(f"{name}: {reason} {remedy}" for name, (reason, remedy) in work.not_computed.items())
        raise Problem(f"No criterion could be computed. {lines}")
    shares = work.recurrences
    positions, share = typology.scaled(typology.distances(found.vectors(typology.STRUCTURE)))
    return Selection(
        candidates,
        request.k,
        inputs.targets,
        request.model,
        request.seed,
        "exact" if work.sets is not None else "greedy",
        len(work.sets) if work.sets is not None else space.num_sets,
        dict(zip(found.codes, found.uriel, strict=True)),
        {
            code: {part: round(float(found.imputed[part][row]), 4) for part in typology.STRUCTURE}
            for row, code in enumerate(found.codes)
        },
        work.rankings,
        work.not_computed,
        {c: round(float(s), 4) for c, s in zip(candidates, np.mean(shares, axis=0), strict=True)} if shares else {},
        {code: (round(float(x), 4), round(float(y), 4)) for code, (x, y) in zip(found.codes, positions, strict=True)},
        round(share, 4),
        (*notes, *_same_vectors(found, candidates)),
    )


@dataclass
class _Ranker:
    inputs: Inputs
    space: Space
    top: int
    sets: Sets | None  # all that are allowed, None where they are too many
    rankings: dict[str, CriterionRanking] = field(default_factory=dict)
    not_computed: dict[str, tuple[str, str]] = field(default_factory=dict)
    recurrences: list[Floats] = field(default_factory=list)  # [n] each, of the criteria that tell sets apart
    reciprocal: dict[str, tuple[NDArray[np.intp], Floats]] = field(default_factory=dict)  # rows of all sets, 1 / rank

    @functools.cached_property
    def facts(self) -> dict[str, Facts]:
        pool = self.inputs.pool
        return read_facts(pool, self.inputs.languages.uriel[: len(pool)], self.inputs.scripts)

    @functools.cached_property
    def variants(self) -> list[tuple[dict[str, str], typology.Typology]]:
        """Each macro-language under its main variety's code, then all of them together: {BCP-47: the other URIEL code},
        and the vectors read so."""
        inputs, base = self.inputs, self.inputs.languages
        own = [code for code in inputs.pool if code not in inputs.request.uriel]
        other = {code: variety for code in own if (variety := typology.main_variety(code)) is not None}
        few = self.space.num_sets <= MANY_SETS
        varieties = dict.fromkeys(other.values()) if few else ()  # zh and zh-Hant are one in URIEL, whatever its code
        choices = [{code: own for code, own in other.items() if own == variety} for variety in varieties]
        if other and other not in choices:
            choices.append(other)
        return [(one, typology.read_typology(base.codes, {**inputs.request.uriel, **one})) for one in choices]

    def rank(self, name: str) -> None:
        """Ranks by one criterion, or notes why it cannot be."""
        try:
            if self.space.k == 1 and (name in L2V_PARTS or name in OF_PAIRS):
                raise NotComputed("It is made of pairs, and one language makes no pair.", "Write k=2 or more.")
            scored = self.inputs.scored(name)
        except NotComputed as missing:
            self.not_computed[name] = (missing.reason, missing.remedy)
            return
        ranking = self.ranking(scored.scorer, max(self.top + 1, GREEDY_KEEP))
        # Greedy search keeps the best sets only; that they tie says nothing about the rest.
        all_tied = self.sets is not None and len(self.sets) > 1 and bool(ranking.ranks[-1] == 1)
        self._add(name, scored, ranking, ["All sets tie: this criterion says nothing here."] * all_tied)
        if name in ASIDE or all_tied:
            return
        best = ranking.sets[ranking.ranks <= TOP_FOR_RECURRENCE]  # ties and all
        self.recurrences.append(np.bincount(best.ravel(), minlength=self.space.n) / len(best))
        if ranking.order is not None:
            self.reciprocal[name] = (ranking.order, _reciprocals(ranking.ranks))

    def ranking(self, scorer: Scorer, keep: int) -> Ranking:
        if self.sets is None:
            return search.search_greedy(scorer, self.space, keep, self.inputs.request.seed)
        return search.rank_exact(self.sets, search.score_all(scorer, self.sets))

    def rank_by_mean(self) -> None:
        """Ranks by the mean reciprocal rank over the criteria that were ranked before."""
        name, sets = "mean_reciprocal_rank", self.sets
        if sets is None:
            self.not_computed[name] = (
                f"It needs the rank of every set, and {self.space.num_sets:,} are too many to rank exactly.",
                f"Make the pool or k smaller (at most {search.EXACT_LIMIT:,} sets).",
            )
        elif len(self.reciprocal) < 2:
            self.not_computed[name] = (
                "It needs at least two other criteria that tell sets apart.",
                "Add some: criteria=[l2v_syntax,l2v_inventory,mean_reciprocal_rank].",
            )
        else:
            total = np.zeros(len(sets))
            for order, shares in self.reciprocal.values():
                total[order] += shares
            scores = np.round(total / len(self.reciprocal), search.TIE_DIGITS)
            lead = f"mean of 1 / rank over {', '.join(self.reciprocal)}"
            self._add(name, Scored(lambda sets: scores, lambda members: lead), search.rank_exact(sets, scores))

    def _add(self, name: str, scored: Scored, ranking: Ranking, notes: Sequence[str] = ()) -> None:
        first = [int(i) for i in ranking.sets[0]]
        self.rankings[name] = CriterionRanking(
            name,
            CRITERIA[name],
            name in BEYOND_CRITERIA,
            tuple(self._row(scored, ranking, i) for i in range(min(self.top, len(ranking.sets)))),
            int((ranking.ranks == 1).sum()),
            scored.lead(first),
            describe([self.inputs.pool[i] for i in first], self.facts),
            (*scored.notes, *notes),
            tuple(self._other_codes(name, ranking)) if name in L2V_PARTS else (),
        )

    def _row(self, scored: Scored, ranking: Ranking, i: int) -> RankedSet:
        members, rank, k = ranking.sets[i], ranking.ranks[i], self.space.k
        score = float(ranking.scores[i]) * scored.sign + 0.0  # + 0.0: no minus zero
        margin = None
        if i + 1 < len(ranking.scores):
            margin = round(abs(float(ranking.scores[i] - ranking.scores[i + 1])), search.TIE_DIGITS)
        return RankedSet(
            tuple(self.inputs.pool[j] for j in members),
            score,
            int(rank),
            any(0 <= j < len(ranking.ranks) and ranking.ranks[j] == rank for j in (i - 1, i + 1)),
            margin,
            score / (k * (k - 1) // 2) if scored.is_pair_sum else None,
            sum(self.space.cost[j] for j in members) if self.space.cost else None,
        )

    def _other_codes(self, name: str, ranking: Ranking) -> Iterator[OtherCode]:
        """The first set under the codes of macro-languages' main varieties (arb for ara), where the vectors differ."""
        for codes, vectors in self.variants:
            scored = self.inputs.l2v(name, vectors)
            other = self.ranking(scored.scorer, GREEDY_KEEP)
            first = tuple(self.inputs.pool[i] for i in other.sets[0])
            changed = not np.array_equal(other.sets[0], ranking.sets[0])
            yield OtherCode(codes, first, float(other.scores[0]) * scored.sign + 0.0, changed)


def _reciprocals(ranks: NDArray[np.int64]) -> Floats:
    """1 / place, best first; sets that tie share the mean over their places, so a criterion that tells few sets apart
    does not count as if all of them were first."""
    _, tied = np.unique(ranks, return_inverse=True)
    sums = np.bincount(tied, weights=1.0 / np.arange(1, len(ranks) + 1))
    return np.asarray((sums / np.bincount(tied))[tied])


def _same_vectors(found: typology.Typology, pool: tuple[str, ...]) -> list[str]:
    codes_of = {one: [c for c, own in zip(pool, found.uriel, strict=False) if own == one] for one in found.uriel}
    return [
        f"{' and '.join(codes)} have one vector in lang2vec ({uriel}); their distance is 0."
        for uriel, codes in codes_of.items()
        if len(codes) > 1
    ]
