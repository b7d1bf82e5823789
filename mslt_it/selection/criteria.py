"""Criteria by name, with what they are and where they come from; and pools of candidate languages."""

from __future__ import annotations

# fmt: off
POOLS: dict[str, tuple[str, ...]] = {
    "paper": ("ar", "de", "en", "es", "fr", "ru", "zh"),  # the candidates of Lim et al. 2024
    "xnli": ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh"),
    "world": ("ar", "bg", "de", "el", "en", "es", "fi", "fr", "he", "hi",
              "id", "ja", "ko", "ru", "sw", "th", "tr", "ur", "vi", "zh"),  # the embedded world
}
# fmt: on

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
    "mean_reciprocal_rank": "mean of 1 / rank over the other criteria, controls left out",
}

CRITERIA: dict[str, str] = {**PAPER_CRITERIA, **BEYOND_CRITERIA}
CONTROLS = ("min_diversity", "random")

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


class NotComputed(Exception):
    """A criterion lacks an input: no error, but a line of the report with the remedy; the others are computed."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason = reason
        self.remedy = remedy
