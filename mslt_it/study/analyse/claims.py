"""One sentence per claim, made of its numbers alone, and the correction for making several claims."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from scipy import stats

from mslt_it.evaluation.intervals import holm
from mslt_it.study.analyse.findings import Claim, Evidence

POWER = 0.8  # of the smallest detectable effect (Cohen 1988)


def corrected(claims: Sequence[Claim], confidence: float = 0.95) -> list[Claim]:
    """The claims with p of a difference and of equality adjusted over all that can be tested (Holm 1979), and the
    effect that each could have seen: (quantile of the level over their number + that of the power) standard errors.

    A test by renaming has a smallest p: 1/35 where 35 orders differ. Those of which even that would not stand are left
    out of the correction and are never found (Tarone 1990).
    """
    least, level = [claim.tested.p_least for claim in claims], 1 - confidence
    strict = next((level / k for k in range(1, len(claims) + 1) if sum(p <= level / k for p in least) <= k), level)
    tested = [claim for claim in claims if claim.tested.p_least <= strict]
    adjusted = iter(holm([claim.tested.p for claim in tested]))
    equal = iter(holm([claim.tested.p_equal for claim in tested if claim.tested.p_equal is not None]))
    found = []
    for claim in claims:
        more: dict[str, Any] = {"p_adjusted": 1.0}
        if claim.tested.p_least <= strict:
            more = {
                "p_adjusted": next(adjusted),
                "is_tested": True,
                "detectable": _detectable(claim.tested, level / len(tested)),
            }
            more |= {} if claim.tested.p_equal is None else {"p_equal_adjusted": next(equal)}
        found.append(dataclasses.replace(claim, **more))
    return found


def _detectable(tested: Evidence, level: float) -> float | None:
    if tested.detectable is not None:
        return tested.detectable(level, POWER)
    return tested.error * float(stats.t.isf(level / 2, tested.freedom) + stats.t.ppf(POWER, tested.freedom))


def is_tested(claim: Claim) -> bool:
    """Whether some figures would have been a finding."""
    return claim.p_adjusted is None or claim.is_tested


def is_found(claim: Claim, confidence: float) -> bool:
    """Whether the difference stands after the correction."""
    return not claim.no_verdict and _adjusted(claim) <= 1 - confidence + 1e-12


def is_equal(claim: Claim, confidence: float) -> bool:
    """Whether it is shown that there is no difference of the study's margin or more."""
    p = claim.tested.p_equal if claim.p_adjusted is None else claim.p_equal_adjusted
    return not claim.no_verdict and not is_found(claim, confidence) and p is not None and p <= 1 - confidence + 1e-12


def _adjusted(claim: Claim) -> float:
    return claim.tested.p if claim.p_adjusted is None else claim.p_adjusted


def sentence(claim: Claim, confidence: float = 0.95) -> str:
    """What the numbers say, "no difference found" included, and nothing beyond them; how it was tested."""
    parts = [f"{100 * confidence:g} % interval for these very sets {_range((claim.low, claim.high), claim.unit)}"]
    if claim.others:
        parts.append(f"for other languages like these {_range(claim.others, claim.unit)}")
    alone = f", alone {_p(claim.tested.p)}" if claim.tested.p <= 1 - confidence < _adjusted(claim) else ""
    if is_tested(claim):
        parts += [f"adjusted p {_p(_adjusted(claim))}{alone} ({claim.tested.by})", *_seen(claim, confidence)]
    else:
        least = f", which can give no p below {claim.tested.p_least:.3f}" if claim.tested.p_least < 1 else ""
        parts.append(claim.tested.by + least)
    parts += [claim.basis] * bool(claim.basis)
    return f"{claim.what}: {_outcome(claim, confidence)} ({'; '.join(parts)})."


def _outcome(claim: Claim, confidence: float) -> str:
    amount = figure(claim.value, claim.unit)
    if claim.no_verdict:
        return f"no verdict, since {claim.no_verdict}, {amount}"
    if is_equal(claim, confidence):
        return f"equal within {figure(claim.margin, claim.unit).lstrip('+')}, {amount}"
    if not is_tested(claim):
        return f"cannot be tested with these sets, {amount}"
    if not is_found(claim, confidence):
        is_relation = claim.unit == "number" and claim.value_a is None
        whose = " for other languages like these" if claim.others else ""
        return f"no {'relation' if is_relation else 'difference'} found{whose}, {amount}"
    if claim.value_a is None or claim.value_b is None:
        return amount
    return f"{_level(claim.value_a, claim.unit)} against {_level(claim.value_b, claim.unit)}, {amount}"


def _seen(claim: Claim, confidence: float) -> list[str]:
    """What the test could have seen, where it saw nothing."""
    if claim.detectable is None or claim.no_verdict or is_found(claim, confidence):
        return []
    if claim.unit == "points" and claim.detectable >= 1:
        return ["too few runs to find any difference that there can be"]
    return [f"found in 4 of 5 such studies from {figure(claim.detectable, claim.unit).lstrip('+')} on"]


def verdict(claim: Claim, confidence: float = 0.95) -> str:
    """How it stands to the paper's finding: a word or two, empty where the paper has none."""
    if not claim.expected:
        return ""
    if claim.no_verdict:
        return "no verdict"
    if is_equal(claim, confidence):
        return "as in the paper" if claim.expected == "not up" else "not as in the paper"
    if not is_found(claim, confidence):
        return "not shown here"
    return "as in the paper" if (claim.value > 0) == (claim.expected == "up") else "opposite to the paper"


def _range(ends: tuple[float, float], unit: str) -> str:
    return " to ".join(figure(end, unit).removesuffix(" points") for end in ends)


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
