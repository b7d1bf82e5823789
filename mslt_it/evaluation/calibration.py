"""Probabilities that mean what they say: one temperature, fitted on a run's held-out rows (Guo et al. 2017)."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from mslt_it.models.finished_run import ADAPTER, FinishedRun
from mslt_it.store import is_intact

MIN_ROWS = 20  # fewer say nothing of how often the model is right
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 150.0  # tried


@dataclass(frozen=True)
class Calibration:
    """Log-likelihoods are divided by ``temperature`` before the softmax; errors are of the rows it was fitted on."""

    temperature: float
    num_rows: int
    languages: tuple[str, ...]
    error_before: float
    error_after: float
    any_fits: bool = False  # no row is wrong, or the answers are as good as drawn: the temperature has no one value


def calibration_error(probabilities: np.ndarray, right: np.ndarray, num_bins: int = 15) -> float:
    """The expected calibration error: how far, on average over rows, the share of right answers among rows of like
    confidence is from that confidence; bins of equal width.

    Args:
        probabilities: (rows, choices).
        right: (rows,) which choice is right.
    """
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == right
    bins = np.minimum((confidence * num_bins).astype(int), num_bins - 1)
    gaps = np.bincount(bins, weights=is_right - confidence, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(right))


def fitted_temperature(log_likelihoods: np.ndarray, right: np.ndarray) -> float:
    """The temperature under which the right answers are likeliest, within its bounds."""

    def loss(log_temperature: float) -> float:
        found = softmax(log_likelihoods / np.exp(log_temperature), axis=-1)
        return float(-np.log(np.maximum(found[np.arange(len(right)), right], 1e-300)).mean())

    bounds = (np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def calibrated(run: FinishedRun) -> Calibration | str:
    """Fitted on what the run answered in its sources' held-out rows, as its folder keeps them; or why there is none."""
    names, scores, right = run.recipe.task.choice_names, [], []
    if not names or run.recipe.prompt.variant != "direct":
        return "the run writes its answers, and only labels that are chosen have probabilities"
    for code in run.recipe.sources:
        place = f"predictions/{code}.jsonl"
        if not is_intact(run.folder, place):
            return f"the run's {place} is missing or altered, so nothing says how often it is right in held-out rows"
        try:
            for line in map(json.loads, (run.folder / place).read_text(encoding="utf-8").splitlines()):
                if line.get(f"{ADAPTER}_prediction") is not None:
                    right.append(names.index(line["label"]))
                    scores.append([float(line[f"{ADAPTER}_log_likelihoods"][n]) for n in range(len(names))])
        except (AttributeError, LookupError, TypeError, ValueError) as error:  # sealed by another version, or by hand
            return f"the run's {place} is not in this version's format ({error})"
    if len(scores) < MIN_ROWS:
        return (
            f"the run has {len(scores)} held-out rows with scores, and a temperature needs {MIN_ROWS} "
            "(scoring.num_examples_per_language)"
        )
    found, gold = np.array(scores, dtype=float), np.array(right)
    temperature = fitted_temperature(found, gold)
    before, after = (calibration_error(softmax(found / one, axis=-1), gold) for one in (1.0, temperature))
    any_fits = bool((found.argmax(axis=-1) == gold).all()) or temperature > MAX_TEMPERATURE / 1.02
    return Calibration(temperature, len(gold), run.recipe.sources, before, after, any_fits)
