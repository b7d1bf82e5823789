"""Criteria by name, with what they are and where they come from; pools of candidates; and what a selection is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mslt_it.config.schema import key
from mslt_it.world.languages import CODES

POOLS: dict[str, tuple[str, ...]] = {
    "paper": ("ar", "de", "en", "es", "fr", "ru", "zh"),  # the candidates of Lim et al. 2024
    "xnli": ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh"),
    "world": CODES,  # the embedded world
}

_L2V = "sum over pairs of 1 - cosine of lang2vec's {} vectors (Lim et al. 2024; URIEL, Littell et al. 2017)"

# What the paper compares (Lim et al., ACL 2024).
PAPER_CRITERIA: dict[str, str] = {
    "pretraining_size": "sum of the pretraining data of the languages, in the base model's own corpus",
    "vocabulary_coverage": "share of the pool's tokens (the model's tokenizer over the text) that the set covers",
    "l2v_syntax": _L2V.format("syntax"),
    "l2v_phonology": _L2V.format("phonology"),
    "l2v_inventory": _L2V.format("phoneme inventory"),
    "l2v_family": _L2V.format("family"),
    "l2v_geography": _L2V.format("geography"),
    "l2v_all": _L2V.format("five"),
    "embedding": "sum over pairs of 1 - cosine of mean sentence embeddings of the base model",
    "scripts": "number of different writing systems in the set",
    "min_diversity": "control: the least diverse sets by l2v_all first",
    "random": "control: an order drawn from the seed",
}

# Ours.
BEYOND_CRITERIA: dict[str, str] = {
    "l2v_typology": _L2V.format("syntax, phonology and inventory"),
    "target_coverage": "mean over targets of the similarity to the most similar source, blended with diversity",
    "maxsum": "sum over pairs of the distance of typological features, gaps left out (Ploeger et al. 2024)",
    "maxmin": "smallest distance of a pair by typological features, gaps left out (Ploeger et al. 2024)",
    "nn_rank": "sentences nearest to the targets' in the middle layer of the base model (after Ebrahimi et al. 2025)",
    "mean_reciprocal_rank": "mean of 1 / rank over the criteria above; controls and the three before it left out",
}

CRITERIA: dict[str, str] = {**PAPER_CRITERIA, **BEYOND_CRITERIA}
CONTROLS = ("min_diversity", "random")
# Neither in the mean of ranks nor in the recurrence: the first two say what l2v_typology says, and the mean stays the
# one that studies were reported with.
ASIDE = (*CONTROLS, "maxsum", "maxmin", "nn_rank")
OF_TEXT = ("vocabulary_coverage", "embedding", "nn_rank")

L2V_PARTS: dict[str, tuple[str, ...]] = {
    "l2v_syntax": ("syntax",),
    "l2v_phonology": ("phonology",),
    "l2v_inventory": ("inventory",),
    "l2v_family": ("family",),
    "l2v_geography": ("geography",),
    "l2v_all": ("syntax", "phonology", "inventory", "family", "geography"),
    "l2v_typology": ("syntax", "phonology", "inventory"),
    "min_diversity": ("syntax", "phonology", "inventory", "family", "geography"),
}
# What these say follows from the base model.
OF_MODEL = ("pretraining_size", *OF_TEXT, "mean_reciprocal_rank")


@dataclass(frozen=True, kw_only=True)
class Request:
    pool: tuple[str, ...] = key(
        ("paper",), f"candidates: codes, or {', '.join(POOLS)} (also inside a list: [paper,ja])", names=tuple(POOLS)
    )
    k: int = key(3, "number of languages in a set", at_least=1)
    targets: tuple[str, ...] = key((), "target languages; left out of the pool")
    must: tuple[str, ...] = key((), "languages that every set must contain")
    exclude: tuple[str, ...] = key((), "candidates to leave out")
    cost: Mapping[str, float] = key(
        {}, "cost of labelling a language, 1 by default: {ar:2,zh:1.5}", example="{ar:2,zh:1.5}"
    )
    max_cost: float | None = key(None, "largest total cost of a set")
    model: str = key("world", "base model: a folder, a Hub id, or world (the embedded mini model)")
    text: str | None = key(
        None, "folder with CODE.txt per language, one sentence a line; required for other models", shown="(the world's)"
    )
    criteria: tuple[str, ...] = key(
        (),
        "criteria to use, see below",
        choices=tuple(CRITERIA),
        may_be_empty=False,
        shown="all of them",
        example="[l2v_syntax,scripts]",
    )
    top: int = key(10, "sets shown per criterion", at_least=1)
    seed: int = key(0, "of the criterion random, the world's sentences and greedy search", at_least=0)
    uriel: Mapping[str, str] = key(
        {}, "lang2vec codes instead of its own two-letter table: {ar:arb}", example="{ar:arb}"
    )
    sizes: Mapping[str, float] = key(
        {}, "pretraining sizes per language, instead of the model's published ones", example="{ar:2,zh:1.5}"
    )
    diversity_weight: float = key(0.5, "share of diversity in target_coverage", at_least=0, at_most=1)


class NotComputed(Exception):
    """A criterion lacks an input: no error, but a line of the report with the remedy; the others are computed."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason = reason
        self.remedy = remedy
