"""``rank_source_sets``: every set of k source languages, ranked by every criterion, without training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.problems import Problem
from mslt_it.selection import search, typology
from mslt_it.selection.criteria import BEYOND_CRITERIA, CONTROLS, CRITERIA, L2V_PARTS
from mslt_it.selection.measures import Inputs, Scored
from mslt_it.selection.missing import NotComputed
from mslt_it.selection.reasons import describe, read_facts
from mslt_it.selection.request import read_criteria, read_pool, read_space, validated_codes
from mslt_it.selection.search import Floats, Ranking, Scorer, Sets, Space

Variant = tuple[dict[str, str], typology.Typology]  # BCP-47 -> another URIEL code, the vectors read under it

TOP_FOR_RECURRENCE = 5  # the paper counts which languages are in the five best sets
GREEDY_KEEP = 50  # sets that a greedy search reports
MANY_SETS = 500_000  # above it, main varieties of macro-languages are tried all together only


@dataclass(frozen=True)
class RankedSet:
    """One set in a criterion's table."""

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
    """One criterion's table."""

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
    """What ``rank_source_sets`` found."""

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
        """``{"criteria": {name: [{"set", "score", "rank", ...}]}, ...}``, all plain types."""
        plain = dataclasses.asdict(self)
        plain["criteria"] = {
            name: [
                {
                    "set": list(one.languages),
                    "score": one.score,
                    "rank": one.rank,
                    "tied": one.tied,
                    "margin": one.margin,
                    "mean_pair": one.mean_pair,
                    "cost": one.cost,
                }
                for one in ranking.sets
            ]
            for name, ranking in self.criteria.items()
        }
        plain["about"] = {
            name: {
                "what": ranking.what,
                "beyond_the_paper": ranking.beyond_the_paper,
                "num_first": ranking.num_first,
                "reason": ranking.reason,
                "description": ranking.description,
                "notes": list(ranking.notes),
                "other_codes": [
                    {"uriel": dict(o.uriel), "set": list(o.languages), "score": o.score, "changed": o.changed}
                    for o in ranking.other_codes
                ],
            }
            for name, ranking in self.criteria.items()
        }
        plain["not_computed"] = {n: {"reason": r, "remedy": m} for n, (r, m) in self.not_computed.items()}
        plain["positions"] = {code: list(place) for code, place in self.positions.items()}
        for name in ("pool", "targets", "notes"):
            plain[name] = list(plain[name])
        return plain


def rank_source_sets(
    pool: Sequence[str] = ("paper",),
    k: int = 3,
    *,
    targets: Sequence[str] = (),
    must: Sequence[str] = (),
    exclude: Sequence[str] = (),
    cost: Mapping[str, float] | None = None,
    max_cost: float | None = None,
    model: str = "world",
    text: str | Path | None = None,
    criteria: Sequence[str] | None = None,
    top: int = 10,
    seed: int = 0,
    uriel: Mapping[str, str] | None = None,
    sizes: Mapping[str, float] | None = None,
    values: str = "knn",
    diversity_weight: float = 0.5,
) -> Selection:
    """Ranks the sets of k source languages of a pool by each criterion (Lim et al., ACL 2024, and beyond).

    With n candidates, sets are index arrays [C(n, k), k] and every criterion gives scores [C(n, k)]; sums over pairs
    come from distance matrices [n, n] of vectors [n, features]. Up to 3 million sets are ranked exactly; beyond that a
    greedy search with swaps reports the best sets it met (``Selection.method``).

    Args:
        pool: candidates, BCP-47 codes or names of pools ("paper", "xnli", "world"). Targets among them are left out.
        targets: the languages to transfer to, for ``target_coverage``.
        must, exclude: languages that every set holds, or none.
        cost, max_cost: labelling cost per language (1 where none is given) and the budget of a set.
        model: the base model, whose corpus, tokenizer and embeddings are meant: "world", a folder or a Hub id.
        text: folder with a CODE.txt per language, or "world"; by default the embedded world's text for model=world.
        criteria: names of ``selection.criteria.CRITERIA``; None = all. Those that lack an input are in
            ``Selection.not_computed`` with the remedy; a Problem when none could be computed.
        top: sets listed per criterion.
        uriel: URIEL codes for languages instead of lang2vec's own mapping ({"ar": "arb"}).
        sizes: pretraining sizes per language, instead of the model's published ones.
        values: "knn" = lang2vec's imputed values where it has no data; "average" = data only.
        diversity_weight: 0 to 1; target_coverage = (1 - w) * mean over targets of the similarity to the nearest source
            + w * mean over pairs of the distance. Both use the mean of five cosines (syntax, phonology, inventory,
            family, geography).

    Sources: criteria, Lim et al. 2024; vectors, URIEL (Littell et al. 2017) by lang2vec 1.1.2; pretraining sizes, the
    papers named in ``pretraining_sizes.yaml``; scripts, CLDR's likely subtags.
    """
    notes: list[str] = []
    candidates = read_pool(pool, targets, must, exclude, notes)
    wanted = read_criteria(criteria)
    space = read_space(candidates, k, must, cost, max_cost)
    for name, least, value in (("top", 1, top), ("seed", 0, seed)):
        if value < least:
            raise Problem(f"{name}={value} is out of range. It must be {least} or more.")
    if not 0 <= diversity_weight <= 1:
        raise Problem(f"diversity_weight={diversity_weight:g} is out of range. It must be between 0 and 1.")
    inputs = Inputs(
        candidates,
        validated_codes("targets", targets),
        model,
        None if text is None else str(text),
        seed,
        dict(uriel or {}),
        dict(sizes or {}),
        values,
        diversity_weight,
        download=criteria is not None and "embedding" in criteria,
    )
    if inputs.text and model != "world" and inputs.text == "world":
        notes.append("text=world: generated sentences of a few hundred words; real text says more about a real model.")
    return _rank(inputs, wanted, space, top, notes)


# ---------------------------------------------------------------- ranking


def _rank(inputs: Inputs, wanted: list[str], space: Space, top: int, notes: list[str]) -> Selection:
    pool = inputs.pool
    found = inputs.languages
    facts = read_facts(pool, found.uriel[: len(pool)], inputs.scripts)
    sets = search.all_sets(space) if space.is_exact else None
    variants = _variants(inputs, space) if any(name in L2V_PARTS for name in wanted) else []
    rankings: dict[str, CriterionRanking] = {}
    not_computed: dict[str, tuple[str, str]] = {}
    reciprocal = np.zeros(0 if sets is None else len(sets))
    averaged: list[str] = []
    top_shares: list[Floats] = []

    def table(name: str, scored: Scored, ranking: Ranking, extra: Sequence[str] = ()) -> CriterionRanking:
        rows = _ranked_sets(pool, space, ranking, scored, top)
        first = [int(i) for i in ranking.sets[0]]
        return CriterionRanking(
            name,
            CRITERIA[name],
            name in BEYOND_CRITERIA,
            rows,
            int((ranking.ranks == 1).sum()),
            scored.lead(first),
            describe([pool[i] for i in first], facts),
            (*scored.notes, *extra),
            tuple(_other_codes(inputs, name, space, sets, ranking, variants)) if name in L2V_PARTS else (),
        )

    for name in wanted:
        if name == "mean_reciprocal_rank":
            continue
        try:
            if space.k == 1 and (name in L2V_PARTS or name == "embedding"):
                raise NotComputed("It is a sum over pairs, and one language makes no pair.", "Write k=2 or more.")
            scored = inputs.scored(name)
        except NotComputed as missing:
            not_computed[name] = (missing.reason, missing.remedy)
            continue
        ranking = _ranking(scored.scorer, space, sets, inputs.seed, top)
        # Greedy search keeps the best sets only; that they tie says nothing about the rest.
        all_tied = sets is not None and len(sets) > 1 and bool(ranking.ranks[-1] == 1)
        rankings[name] = table(name, scored, ranking, ["All sets tie: this criterion says nothing here."] * all_tied)
        if name in CONTROLS or all_tied:
            continue
        top_shares.append(_shares(ranking, space))
        if ranking.order is not None:
            averaged.append(name)
            reciprocal[ranking.order] += 1.0 / ranking.ranks
    if "mean_reciprocal_rank" in wanted:
        if sets is None:
            not_computed["mean_reciprocal_rank"] = (
                f"It needs the rank of every set, and {space.num_sets:,} are too many to rank exactly.",
                f"Make the pool or k smaller (at most {search.EXACT_LIMIT:,} sets).",
            )
        elif len(averaged) < 2:
            not_computed["mean_reciprocal_rank"] = (
                "It needs at least two other criteria that tell sets apart.",
                "Add some: criteria=[l2v_syntax,l2v_inventory,mean_reciprocal_rank].",
            )
        else:
            scores = np.round(reciprocal / len(averaged), search.TIE_DIGITS)
            scored = Scored(lambda sets: scores, lambda members: f"mean of 1 / rank over {', '.join(averaged)}")
            rankings["mean_reciprocal_rank"] = table("mean_reciprocal_rank", scored, search.rank_exact(sets, scores))
    if not rankings:
        lines = "; ".join(f"{name}: {reason} {remedy}" for name, (reason, remedy) in not_computed.items())
        raise Problem(f"No criterion could be computed. {lines}")

    structure = typology.distances(_map_vectors(found))
    positions, share = map_positions(structure)
    return Selection(
        pool,
        space.k,
        inputs.targets,
        inputs.model,
        inputs.seed,
        "exact" if sets is not None else "greedy",
        len(sets) if sets is not None else space.num_sets,
        dict(zip(found.codes, found.uriel, strict=True)),
        {
            code: {part: round(float(found.imputed[part][row]), 4) for part in typology.STRUCTURE}
            for row, code in enumerate(found.codes)
        },
        rankings,
        not_computed,
        {c: round(float(s), 4) for c, s in zip(pool, np.mean(top_shares, axis=0), strict=True)} if top_shares else {},
        {code: (round(float(x), 4), round(float(y), 4)) for code, (x, y) in zip(found.codes, positions, strict=True)},
        round(share, 4),
        (*notes, *_same_vectors(found, pool)),
    )


def _ranking(scorer: Scorer, space: Space, sets: Sets | None, seed: int, keep: int) -> Ranking:
    if sets is None:
        return search.search_greedy(scorer, space, max(keep + 1, GREEDY_KEEP), seed)
    return search.rank_exact(sets, search.score_all(scorer, sets))


def _ranked_sets(
    pool: tuple[str, ...], space: Space, ranking: Ranking, scored: Scored, top: int
) -> tuple[RankedSet, ...]:
    rows = []
    num_pairs = space.k * (space.k - 1) // 2
    for i in range(min(top, len(ranking.sets))):
        members = ranking.sets[i]
        score = float(ranking.scores[i]) * scored.sign + 0.0  # + 0.0: no minus zero
        near = [ranking.ranks[j] for j in (i - 1, i + 1) if 0 <= j < len(ranking.ranks)]
        more = i + 1 < len(ranking.scores)
        rows.append(
            RankedSet(
                tuple(pool[j] for j in members),
                score,
                int(ranking.ranks[i]),
                bool(ranking.ranks[i] in near),
                round(abs(float(ranking.scores[i] - ranking.scores[i + 1])), search.TIE_DIGITS) if more else None,
                score / num_pairs if scored.is_pair_sum else None,
                sum(space.cost[j] for j in members) if space.cost else None,
            )
        )
    return tuple(rows)


def _shares(ranking: Ranking, space: Space) -> Floats:
    """[n]: share of the sets of rank 1 to 5 (ties and all) that hold each language."""
    best = ranking.sets[ranking.ranks <= TOP_FOR_RECURRENCE]
    return np.bincount(best.ravel(), minlength=space.n) / len(best)


def _other_codes(
    inputs: Inputs, name: str, space: Space, sets: Sets | None, ranking: Ranking, variants: Sequence[Variant]
) -> list[OtherCode]:
    """The first set under the codes of macro-languages' main varieties (arb for ara), where the vectors differ."""
    result = []
    for codes, vectors in variants:
        try:
            scored = inputs.l2v(name, vectors)
        except NotComputed:
            continue  # values=average, and the variety has no data
        if sets is None or ranking.order is None:
            other = search.search_greedy(scored.scorer, space, GREEDY_KEEP, inputs.seed)
            score, first = float(other.scores[0]), other.sets[0]
            rows, before = other.sets[other.ranks == 1], ranking.sets[ranking.ranks == 1]
            changed = {tuple(row) for row in rows.tolist()} != {tuple(row) for row in before.tolist()}
        else:
            scores = search.score_all(scored.scorer, sets)
            score = float(scores.max())
            numbers = np.flatnonzero(scores == score)
            first = sets[numbers[0]]
            changed = not np.array_equal(numbers, np.sort(ranking.order[ranking.ranks == 1]))
        result.append(OtherCode(codes, tuple(inputs.pool[i] for i in first), score * scored.sign + 0.0, changed))
    return result


def _variants(inputs: Inputs, space: Space) -> list[Variant]:
    """Each macro-language under its main variety's code, then all of them together."""
    base = inputs.languages
    other: dict[str, str] = {}
    for row, code in enumerate(inputs.pool):
        variety = None if code in inputs.uriel else typology.main_variety(code)
        if variety is None or variety == base.uriel[row]:
            continue
        there = typology.read_typology([code], {code: variety}, inputs.values)
        if any((there.parts[part][0] != base.parts[part][row]).any() for part in typology.PARTS):
            other[code] = variety
    choices = [{code: variety} for code, variety in other.items()] if space.num_sets <= MANY_SETS else []
    if other and other not in choices:
        choices.append(dict(other))
    codes = [*inputs.pool, *inputs.targets]
    return [(c, typology.read_typology(codes, {**inputs.uriel, **c}, inputs.values)) for c in choices]


def _same_vectors(found: typology.Typology, pool: tuple[str, ...]) -> list[str]:
    by_uriel: dict[str, list[str]] = {}
    for code, uriel in zip(pool, found.uriel, strict=False):
        by_uriel.setdefault(uriel, []).append(code)
    return [
        f"{' and '.join(codes)} have one vector in lang2vec ({uriel}); their distance is 0."
        for uriel, codes in by_uriel.items()
        if len(codes) > 1
    ]


# ---------------------------------------------------------------- the map


def _map_vectors(found: typology.Typology) -> Floats:
    """[n, features] of syntax, phonology and inventory, gaps (values=average) as 0.5, neither yes nor no."""
    vectors = np.hstack([found.parts[part] for part in typology.STRUCTURE])
    return np.where(vectors < 0, 0.5, vectors)


def map_positions(matrix: Floats) -> tuple[Floats, float]:
    """Classical multidimensional scaling (Torgerson 1952): distances [n, n] -> places [n, 2], share they show."""
    n = len(matrix)
    centre = np.eye(n) - 1.0 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ (matrix**2) @ centre)
    values, vectors = values[::-1], vectors[:, ::-1]
    places = np.zeros((n, 2))
    for axis in range(min(2, n)):
        column = vectors[:, axis] * np.sqrt(max(values[axis], 0.0))
        # An eigenvector's sign is free; fixed so that the same languages give the same map everywhere.
        places[:, axis] = column * (1.0 if column[int(np.argmax(np.abs(column)))] >= 0 else -1.0)
    positive = values[values > 0].sum()
    return places, float(values[:2].clip(min=0).sum() / positive) if positive > 0 else 1.0
