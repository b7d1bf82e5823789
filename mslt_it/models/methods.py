"""The names of the methods of combining, and which options go with which; ``combine.py`` says how they compute."""

from __future__ import annotations

from mslt_it.problems import Problem, nearest

METHODS: dict[str, str] = {
    "cat": "the exact weighted sum; rank = sum of the ranks",
    "svd": "the best approximation of the weighted sum at rank=R, or at the rank that max_error asks for",
    "ties": "TIES (Yadav et al. 2023): trimmed, one sign elected per entry, averaged; then cut to a rank",
    "dare_ties": "DARE (Yu et al. 2024) and TIES: entries dropped at random instead of trimmed; then cut to a rank",
    "weighted_factors": "weights on A and B one by one, as peft's 'linear': not the weighted sum; equal ranks only",
}
TRUNCATED = ("svd", "ties", "dare_ties")  # methods whose result is cut to a rank
SPARSE = ("ties", "dare_ties")
DEFAULT_DENSITY = 0.5


def refuse_options(
    method: str, *, rank: int | None, max_error: float | None, density: float | None, seed: int | None
) -> None:
    """A Problem for an unknown method, a value out of range, and an option without effect on the method."""
    if method not in METHODS:
        hint = " peft's 'linear' is called weighted_factors here, which is what it computes." * (method == "linear")
        raise Problem(f"method={method} is unknown.{hint} {nearest(method, METHODS)}")
    for name, value, where in (
        ("rank", rank, TRUNCATED),
        ("max_error", max_error, TRUNCATED),
        ("density", density, SPARSE),
        ("seed", seed, ("dare_ties",)),
    ):
        if value is not None and method not in where:
            raise Problem(f"{name}={value} has no effect on method={method}, only on {', '.join(where)}. Leave it out.")
    if rank is not None and max_error is not None:
        raise Problem(f"rank={rank} and max_error={max_error} both decide the rank. Keep one.")
    if rank is not None and rank < 1:
        raise Problem(f"rank={rank} is out of range. It must be 1 or more.")
    if max_error is not None and not 0 < max_error < 1:
        raise Problem(f"max_error={max_error} is out of range. It is a share of the norm, between 0 and 1.")
    if density is not None and not 0 < density <= 1:
        raise Problem(f"density={density} is out of range. It is the share of entries kept, above 0 and at most 1.")
    if seed is not None and seed < 0:
        raise Problem(f"seed={seed} is out of range. It must be 0 or more.")
