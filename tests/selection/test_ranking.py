"""rank_source_sets: the paper's 35 sets, constraints, gaps, other codes, JSON, and every bad input."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mslt_it.problems import Problem
from mslt_it.selection import search, typology
from mslt_it.selection.criteria import ASIDE, CRITERIA, L2V_PARTS, PAPER_CRITERIA, POOLS
from mslt_it.selection.ranking import Selection, rank_source_sets

TYPOLOGICAL = [name for name in L2V_PARTS if name != "min_diversity"]
QUICK = [name for name in CRITERIA if name not in ("vocabulary_coverage", "embedding", "nn_rank")]  # no text, no torch


@pytest.fixture(scope="module")
def paper() -> Selection:
    return rank_source_sets(["paper"], 3, criteria=QUICK, top=35, targets=["tr", "th"])


def first(selection: Selection, name: str) -> str:
    return " ".join(selection.criteria[name].sets[0].languages)


def test_all_35_sets_under_every_criterion(paper: Selection) -> None:
    assert (paper.method, paper.num_sets, paper.pool) == ("exact", 35, POOLS["paper"])
    assert set(paper.criteria) == set(QUICK) and not paper.not_computed
    for ranking in paper.criteria.values():
        assert {one.languages for one in ranking.sets} == set(itertools.combinations(POOLS["paper"], 3))
        assert ranking.reason and ranking.description


def test_the_check_figures(paper: Selection) -> None:
    sets = paper.criteria["l2v_typology"].sets
    found = [(" ".join(one.languages), round(one.mean_pair or 0, 3)) for one in sets]
    assert found[:3] == [("ar es zh", 0.360), ("ar de zh", 0.352), ("ar ru zh", 0.346)]
    assert found[-1] == ("de en fr", 0.195)
    assert sets[0].score == pytest.approx(3 * (sets[0].mean_pair or 0))
    syntax = paper.criteria["l2v_syntax"].sets
    assert (" ".join(syntax[0].languages), round(syntax[0].mean_pair or 0, 3)) == ("ar de zh", 0.399)
    assert (" ".join(syntax[-1].languages), round(syntax[-1].mean_pair or 0, 3)) == ("de en ru", 0.154)
    assert first(paper, "min_diversity") == "de en fr"


def test_a_winner_that_hangs_on_a_code_is_said(paper: Selection) -> None:
    others = {tuple(sorted(o.uriel.items())): o for o in paper.criteria["l2v_typology"].other_codes}
    assert set(others) == {(("ar", "arb"),), (("zh", "cmn"),), (("ar", "arb"), ("zh", "cmn"))}
    both = others[(("ar", "arb"), ("zh", "cmn"))]
    assert both.changed and both.languages == ("ar", "de", "zh") and round(both.score / 3, 3) == 0.366
    one = others[(("zh", "cmn"),)]
    assert one.changed and one.languages == ("ar", "de", "zh") and round(one.score / 3, 3) == 0.362
    assert not any(other.changed for other in paper.criteria["l2v_syntax"].other_codes)
    # Under arb two sets tie for first: the one that is first under ara, and then the choice does not hang on the code.
    other_pool = rank_source_sets(["et", "sq", "ar", "or", "he", "ku", "az"], 3, criteria=["l2v_phonology"])
    tied = other_pool.criteria["l2v_phonology"]
    arb = next(one for one in tied.other_codes if one.uriel == {"ar": "arb"})
    assert arb.languages == tied.sets[0].languages == ("et", "ar", "or") and not arb.changed


def test_codes_of_one_language_are_read_alike() -> None:
    """zh and zh-Hant tie under each of URIEL's codes; the choice does not hang on it."""
    found = rank_source_sets(["zh", "zh-Hant", "de", "ar"], 2, criteria=["l2v_syntax"]).criteria["l2v_syntax"]
    assert found.num_first == 2 and {one.languages for one in found.sets[:2]} == {("zh", "ar"), ("zh-Hant", "ar")}
    assert {"zh": "cmn", "zh-Hant": "cmn"} in [one.uriel for one in found.other_codes]
    assert not any(one.changed for one in found.other_codes)


def test_ranks_and_margins(paper: Selection) -> None:
    for name, ranking in paper.criteria.items():
        direction = -1 if name == "min_diversity" else 1
        scores = [direction * one.score for one in ranking.sets]
        assert scores == sorted(scores, reverse=True)
        assert [one.rank for one in ranking.sets] == [1 + sum(s > one for s in scores) for one in scores]
        for one, after in itertools.pairwise(ranking.sets):
            assert one.margin == pytest.approx(abs(one.score - after.score), abs=1e-8)
            assert (one.margin == 0) == (one.rank == after.rank)
        assert ranking.sets[-1].margin is None
        assert ranking.num_first == sum(one.rank == 1 for one in ranking.sets)


def test_script_ties_share_their_rank(paper: Selection) -> None:
    ranking = paper.criteria["scripts"]
    assert ranking.num_first == 13 and all(one.score == 3 and one.tied for one in ranking.sets[:13])
    assert {one.rank for one in ranking.sets} == {1, 14, 32}  # three scripts, two, one


def test_the_mean_reciprocal_rank_is_that_of_the_tables(paper: Selection) -> None:
    used = [name for name in paper.criteria if name not in (*ASIDE, "mean_reciprocal_rank", "pretraining_size")]
    ranks = {name: {one.languages: one.rank for one in paper.criteria[name].sets} for name in used}

    def reciprocal(name: str, languages: tuple[str, ...]) -> float:
        rank = ranks[name][languages]
        tied = sum(other == rank for other in ranks[name].values())
        return float(np.mean(1 / np.arange(rank, rank + tied)))  # the mean over the places that they share

    for one in paper.criteria["mean_reciprocal_rank"].sets:
        assert one.score == pytest.approx(np.mean([reciprocal(name, one.languages) for name in used]), abs=1e-8)


def test_a_criterion_where_all_sets_tie_says_so(paper: Selection) -> None:
    ranking = paper.criteria["pretraining_size"]  # the embedded world has the same share of each
    assert ranking.num_first == 35 and "All sets tie: this criterion says nothing here." in ranking.notes


def test_which_languages_recur(paper: Selection) -> None:
    assert set(paper.recurrence) == set(POOLS["paper"])
    assert sorted(paper.recurrence, key=lambda code: -paper.recurrence[code])[:2] == ["zh", "ar"]
    assert sum(paper.recurrence.values()) == pytest.approx(3, abs=0.01)
    found = []
    for name, ranking in paper.criteria.items():
        if name not in (*ASIDE, "mean_reciprocal_rank", "pretraining_size"):  # in the last one all tie
            best = [one.languages for one in ranking.sets if one.rank <= 5]
            found.append([np.mean([code in languages for languages in best]) for code in paper.pool])
    assert list(paper.recurrence.values()) == pytest.approx(np.mean(found, axis=0), abs=1e-3)


def test_reasons_come_from_features(paper: Selection) -> None:
    text = paper.criteria["l2v_syntax"].description
    for part in (
        "3 scripts (Arabic: ar, Latin: de, Han: zh)",
        "3 families (Afro-Asiatic: ar, Indo-European: de, Sino-Tibetan: zh)",
        "word order SVO or VSO (ar), SVO or SOV (de), SVO (zh)",
        "tone only in zh",
        "numeral classifiers only in zh",
        "grammatical gender in ar, de",
    ):
        assert part in text
    assert paper.criteria["l2v_syntax"].reason == "least alike ar-zh (0.457), most alike de-zh (0.365)"


def test_what_is_beyond_the_paper_is_marked(paper: Selection) -> None:
    for name, ranking in paper.criteria.items():
        assert ranking.beyond_the_paper is (name not in PAPER_CRITERIA)


def test_roots_leaves_german_and_russian_at_zero() -> None:
    found = rank_source_sets("paper", 3, model="bigscience/bloom-7b1", criteria=["pretraining_size"])
    ranking = found.criteria["pretraining_size"]
    assert ranking.sets[0].languages == ("en", "fr", "zh") and ranking.sets[0].score == pytest.approx(59.11)
    assert any("de, ru: 0 in ROOTS" in note and "not the same as a small amount" in note for note in ranking.notes)
    assert ranking.reason == "en 30.04, fr 12.9, zh 16.17 (% of bytes)"


def test_what_lacks_an_input_is_listed_with_the_remedy() -> None:
    found = rank_source_sets("paper", 3, model="Qwen/Qwen3-0.6B-Base")
    assert set(found.not_computed) == {
        "pretraining_size",
        "vocabulary_coverage",
        "embedding",
        "target_coverage",
        "nn_rank",
    }
    assert all(reason and remedy for reason, remedy in found.not_computed.values())
    assert found.not_computed["target_coverage"][1] == "Give the languages to transfer to: targets=[sw,th]."
    assert "Give text=DIR" in found.not_computed["embedding"][1]
    assert set(found.criteria) | set(found.not_computed) == set(CRITERIA)


def test_text_and_tokens_of_a_folder(tmp_path: Path) -> None:
    lines = {"en": "The dog sleeps.", "de": "Der Hund schläft.", "sr": "Pas spava."}
    for code, line in lines.items():
        (tmp_path / f"{code}.txt").write_text(line, encoding="utf-8")
    found = rank_source_sets(["en", "de", "sr"], 2, text=tmp_path, criteria=["vocabulary_coverage", "scripts"])
    assert found.criteria["vocabulary_coverage"].sets[0].score <= 1
    [note] = found.criteria["scripts"].notes[:1]
    assert note == "sr: the text is in Latin, the usual script is Cyrillic. The text's script counts."
    assert found.criteria["scripts"].num_first == 3


@pytest.mark.parametrize("seed", range(3))
def test_random_pools_agree_with_a_brute_force_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pool = [str(code) for code in rng.permutation(POOLS["world"])[:8]]
    k = int(rng.integers(2, 5))
    found = rank_source_sets(pool, k, criteria=TYPOLOGICAL, top=100)
    vectors = typology.read_typology(pool)
    for name in TYPOLOGICAL:
        rows = dict(zip(pool, vectors.vectors(L2V_PARTS[name]), strict=True))
        scores = {}
        for one in itertools.combinations(pool, k):
            cosines = [
                rows[a] @ rows[b] / np.linalg.norm(rows[a]) / np.linalg.norm(rows[b])
                for a, b in itertools.combinations(one, 2)
            ]
            scores[one] = sum(1 - c for c in cosines)
        for one in found.criteria[name].sets:
            assert one.score == pytest.approx(scores[one.languages], abs=1e-8)
            assert one.rank == 1 + sum(score > scores[one.languages] + 5e-9 for score in scores.values())


def test_targets_are_left_out_and_covered() -> None:
    found = rank_source_sets(
        "xnli", 3, targets=["sw", "th", "tr", "ur"], must=["en"], criteria=["target_coverage"], diversity_weight=0
    )
    assert not {"sw", "th", "tr", "ur"} & set(found.pool)
    assert found.notes == ("Left out of the pool because they are targets: sw, th, tr, ur.",)
    ranking = found.criteria["target_coverage"]
    assert all("en" in one.languages for one in ranking.sets)
    assert "hi" in ranking.sets[0].languages and "ur near hi" in ranking.reason
    diverse = rank_source_sets("xnli", 3, targets=["ur"], criteria=["target_coverage"], diversity_weight=1).criteria[
        "target_coverage"
    ]
    assert diverse.sets[0].languages != ranking.sets[0].languages


def test_target_coverage_agrees_with_a_plain_loop() -> None:
    pool, targets, weight = ["ar", "de", "fi", "hi"], ["tr", "ur"], 0.3
    found = rank_source_sets(pool, 2, targets=targets, criteria=["target_coverage"], diversity_weight=weight).criteria[
        "target_coverage"
    ]
    read = typology.read_typology([*pool, *targets])
    codes = [*pool, *targets]

    def apart(a: str, b: str) -> float:
        total = 0.0
        for part in typology.PARTS:
            x, y = read.parts[part][codes.index(a)], read.parts[part][codes.index(b)]
            total += 1 - float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
        return total / len(typology.PARTS)

    for one in found.sets:
        near = np.mean([max(1 - apart(t, s) for s in one.languages) for t in targets])
        assert one.score == pytest.approx((1 - weight) * near + weight * apart(*one.languages), abs=1e-8)


def test_constraints() -> None:
    found = rank_source_sets(
        "paper", 3, must=["zh"], exclude=["ar"], cost={"de": 3, "zh": 2}, max_cost=4, criteria=["l2v_syntax"], top=100
    )
    sets = found.criteria["l2v_syntax"].sets
    assert found.num_sets == len(sets) == 6  # zh (2) and two of en, es, fr, ru (1 each)
    assert all("zh" in one.languages and one.cost == 4 for one in sets)
    assert not any({"ar", "de"} & set(one.languages) for one in sets)


def test_random_depends_on_the_seed_alone() -> None:
    orders = [
        [
            one.languages
            for one in rank_source_sets("paper", 3, criteria=["random"], seed=seed, top=35).criteria["random"].sets
        ]
        for seed in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_greedy_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["l2v_syntax", "l2v_inventory", "random", "scripts", "mean_reciprocal_rank"]
    exact = rank_source_sets("xnli", 4, criteria=names)
    monkeypatch.setattr(search, "EXACT_LIMIT", 1000)
    greedy = rank_source_sets("xnli", 4, criteria=names, top=60)
    assert len(greedy.criteria["l2v_syntax"].sets) == 60
    assert (exact.method, greedy.method, greedy.num_sets) == ("exact", "greedy", 1365)
    for name in ("l2v_syntax", "l2v_inventory"):
        assert greedy.criteria[name].sets[0].languages == exact.criteria[name].sets[0].languages
    assert "mean_reciprocal_rank" in exact.criteria
    assert greedy.not_computed["mean_reciprocal_rank"][0].startswith("It needs the rank of every set, and 1,365 are")
    assert "says nothing" not in "".join(greedy.criteria["scripts"].notes)


def test_one_language_makes_no_pair() -> None:
    found = rank_source_sets("paper", 1, criteria=["l2v_syntax", "scripts"])
    assert found.not_computed["l2v_syntax"][1] == "Write k=2 or more."
    with pytest.raises(Problem, match=r"^No criterion could be computed\. l2v_syntax: It is made of pairs"):
        rank_source_sets("paper", 1, criteria=["l2v_syntax"])


def test_imputed_values_are_noted_with_the_nearest_language_that_has_data() -> None:
    found = rank_source_sets(["ur", "en", "de"], 2, criteria=["l2v_phonology"])
    assert found.imputed["ur"]["phonology"] == 1.0
    [note] = found.criteria["l2v_phonology"].notes
    assert note.startswith("Mostly imputed phonology values: ur (urd → ") and " 100%" in note


def test_a_language_without_family_is_noted() -> None:
    found = rank_source_sets(["nb", "en", "de"], 2, criteria=["l2v_family"])
    [note] = found.criteria["l2v_family"].notes
    assert note.startswith("No family in lang2vec, counted as alone in one of their own: nb (nob → ")


def test_two_forms_of_one_language_share_a_vector() -> None:
    found = rank_source_sets(["zh", "zh-Hant", "en"], 2, criteria=["l2v_syntax"])
    assert found.notes == ("zh and zh-Hant have one vector in lang2vec (zho); their distance is 0.",)
    assert found.criteria["l2v_syntax"].sets[-1].score == 0


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"pool": ["ar", "xx"]}, "pool: Unknown language code 'xx'."),
        ({"pool": ["ar", "jp"]}, "pool: Unknown language code 'jp'. Did you mean 'ja' (Japanese)?"),
        ({"pool": ["ar", False]}, "pool: False is a YAML boolean"),
        ({"pool": ["he", "iw", "de"]}, "pool: language 'he' (written 'iw') is listed twice. Remove one."),
        ({"pool": ["ar", "arb", "de"]}, "pool: 'ar' and 'arb' are one language, and its rows would count twice. Rem"),
        ({"pool": ["paper", "arb"]}, "pool: 'ar' and 'arb' are one language, and its rows would count twice. Rem"),
        ({"must": ["zh"], "targets": ["cmn"]}, "'zh' is in must and in targets; a target is never trained on."),
        ({"pool": []}, "pool is empty. Give codes, pool=[ar,de,en,zh], or a name: paper, xnli, world."),
        ({"pool": "papr"}, "pool: 'papr' is not a list. Write for example pool: [a,b]."),
        ({"pool": ["ar", "de"]}, "The pool has 2 languages (ar, de), fewer than k=3. Add languages to pool, lower k"),
        ({"targets": ["ar", "de", "en", "es", "ru"]}, "The pool has 2 languages (fr, zh), fewer than k=3."),
        ({"k": 0}, "k=0 is out of range. It must be at least 1."),
        ({"must": ["ja"]}, "must: 'ja' is not in the pool. "),
        ({"exclude": ["ja"]}, "exclude: 'ja' is not in the pool. "),
        ({"must": ["ar"], "exclude": ["ar"]}, "'ar' is in must and in exclude."),
        ({"must": ["ar"], "targets": ["ar"]}, "'ar' is in must and in targets; a target is never trained on."),
        ({"must": ["ar", "de", "en", "es"]}, "must has 4 languages (ar, de, en, es), more than k=3. Raise k."),
        ({"must": "ar"}, "must: 'ar' is not a list. Write for example must: [a,b]."),
        (
            {"criteria": ["l2v_syntax"], "sizes": {"ar": 3.0}},
            "sizes is of pretraining_size, which is not among criteria",
        ),
        (
            {"criteria": ["scripts"], "diversity_weight": 0.9},
            "diversity_weight is of target_coverage, which is not among",
        ),
        ({"max_cost": 3.0}, "max_cost=3 needs the languages' costs: cost={ar:2,...}."),
        ({"cost": {"ja": 1}}, "cost: 'ja' is not in the pool."),
        ({"cost": {"ar": -1}}, "cost of ar=-1 is out of range. It must be 0 or more."),
        ({"cost": {"ar": 1}, "max_cost": 2.0}, "No set costs at most max_cost=2, the cheapest costs 3."),
        ({"criteria": ["l2v_syntx"]}, "criteria: 'l2v_syntx' is unknown. Did you mean 'l2v_syntax'? Known: "),
        ({"criteria": []}, "criteria=[] is empty. Write criteria=[l2v_syntax,scripts]."),
        ({"criteria": ["mean_reciprocal_rank"]}, "No criterion could be computed. mean_reciprocal_rank: It needs at "),
        ({"top": 0}, "top=0 is out of range. It must be at least 1."),
        ({"seed": -1}, "seed=-1 is out of range. It must be at least 0."),
        ({"diversity_weight": 1.5}, "diversity_weight=1.5 is out of range. It must be at least 0 and at most 1."),
        ({"uriel": {"ja": "jpn"}}, "uriel: 'ja' is neither in the pool nor a target."),
        ({"criteria": ["pretraining_size"], "sizes": {"ja": 1.0}}, "sizes: 'ja' is not in the pool."),
        ({"criteria": ["vocabulary_coverage"], "text": "/nowhere"}, "text=/nowhere is not a folder."),
    ],
)
def test_bad_input(changes: dict[str, Any], text: str) -> None:
    options: dict[str, Any] = {"pool": "paper", "k": 3, "criteria": ["l2v_syntax"], **changes}
    with pytest.raises(Problem) as caught:
        rank_source_sets(**options)
    assert str(caught.value).startswith(text)


def test_named_pools_may_be_extended_and_overlap() -> None:
    found = rank_source_sets(["paper", "ja", "xnli"], 2, criteria=["scripts"])
    assert found.pool[:8] == (*POOLS["paper"], "ja") and len(found.pool) == len(set(found.pool)) == 16
    assert rank_source_sets(["cmn", "en", "arb"], 2, criteria=["l2v_syntax"]).uriel == {
        "cmn": "cmn",
        "en": "eng",
        "arb": "arb",
    }


def test_the_json_schema(paper: Selection) -> None:
    found = json.loads(json.dumps(paper.to_json(), allow_nan=False))
    one = found["criteria"]["l2v_syntax"][0]
    assert one["set"] == ["ar", "de", "zh"] and one["rank"] == 1
    assert set(one) == {"set", "score", "rank", "tied", "margin", "mean_pair", "cost"}
    assert set(found["about"]["l2v_syntax"]) == {
        *("what", "beyond_the_paper", "num_first", "reason", "description", "notes", "other_codes"),
    }
    assert {"pool", "k", "targets", "model", "seed", "method", "num_sets", "uriel", "imputed", "not_computed"} <= set(
        found
    )
    assert found["uriel"]["ar"] == "ara" and found["about"]["l2v_typology"]["other_codes"][0]["uriel"] == {"ar": "arb"}
    empty = rank_source_sets("paper", 3, criteria=["scripts", "target_coverage"]).to_json()
    assert empty["not_computed"]["target_coverage"]["reason"] == "No targets are given."


def test_the_map_keeps_distances_that_fit_in_a_plane() -> None:
    places = np.random.default_rng(0).random((6, 2))
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    found, share = typology.scaled(apart)
    assert np.allclose(np.linalg.norm(found[:, None] - found[None], axis=-1), apart)
    assert share == pytest.approx(1)
    assert typology.scaled(np.zeros((1, 1)))[0].tolist() == [[0, 0]]


def test_typology_needs_no_torch() -> None:
    code = (
        "import sys; from mslt_it.selection.ranking import rank_source_sets; "
        "rank_source_sets('paper', 3, criteria=['l2v_all', 'scripts', 'pretraining_size']); "
        "print([m for m in ('torch', 'transformers', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_every_criterion_of_the_world() -> None:
    found = rank_source_sets("paper", 3, targets=["tr"])
    assert set(found.criteria) == set(CRITERIA)
