"""One sentence per claim, made of its numbers alone, and the correction for making several claims."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from mslt_it.evaluation.intervals import holm
from mslt_it.study.analyse.findings import Claim

EXPECTED = ("", "up", "down", "not up")


def corrected(claims: Sequence[Claim]) -> list[Claim]:
    """The claims with ``p_adjusted`` over all of them (Holm 1979)."""
    adjusted = holm([claim.p for claim in claims])
    return [dataclasses.replace(claim, p_adjusted=p) for claim, p in zip(claims, adjusted, strict=True)]


def is_found(claim: Claim, confidence: float) -> bool:
    """Whether the difference stands after the correction."""
    p = claim.p if claim.p_adjusted is None else claim.p_adjusted
    return p <= 1 - confidence + 1e-12


def sentence(claim: Claim, confidence: float = 0.95) -> str:
    """What the numbers say, "no difference found" included, and nothing beyond them."""
    share = f"{100 * confidence:g} %"
    amount = figure(claim.value, claim.unit)
    low, high = (figure(end, claim.unit).removesuffix(" points") for end in (claim.low, claim.high))
    interval = f"{share} interval {low} to {high}"
    adjusted = claim.p if claim.p_adjusted is None else claim.p_adjusted
    basis = f"; {claim.basis}" if claim.basis else ""
    if is_found(claim, confidence):
        compared = ""
        if claim.value_a is not None and claim.value_b is not None:
            compared = f"{_level(claim.value_a, claim.unit)} against {_level(claim.value_b, claim.unit)}, "
        return f"{claim.what}: {compared}{amount} ({interval}; adjusted p {_p(adjusted)}{basis})."
    alone = f", alone {_p(claim.p)}" if claim.p <= 1 - confidence else ""
    what = "no relation found" if claim.unit == "number" and claim.value_a is None else "no difference found"
    return f"{claim.what}: {what}, {amount} ({interval}; adjusted p {_p(adjusted)}{alone}{basis})."


def verdict(claim: Claim, confidence: float = 0.95) -> str:
    """How it stands to the paper's finding: a word or two, empty where the paper has none."""
    if claim.expected not in EXPECTED:
        raise ValueError(f"claim {claim.name}: expected={claim.expected!r}")
    if not claim.expected:
        return ""
    found = is_found(claim, confidence)
    if claim.expected == "not up":
        return "opposite to the paper" if found and claim.value > 0 else "as in the paper"
    if not found:
        return "not shown here"
    return "as in the paper" if (claim.value > 0) == (claim.expected == "up") else "opposite to the paper"


def figure(value: float, unit: str) -> str:
    """ "+7.1 points" of a difference of shares, "+0.43" of a correlation."""
    digits, scale = (1, 100) if unit == "points" else (2, 1)
    text = f"{scale * value:+.{digits}f}"
    text = text[1:] if float(text) == 0 else text  # neither +0.0 nor -0.0
    return f"{text} points" if unit == "points" else text


def _level(value: float, unit: str) -> str:
    return f"{100 * value:.1f} %" if unit == "points" else f"{value:.2f}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
