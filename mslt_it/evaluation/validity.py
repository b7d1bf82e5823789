"""What disqualifies a set of scores."""

from __future__ import annotations

import numpy as np


def why_invalid(scores: np.ndarray, *, same_prompts: bool = False) -> str:
    """Why (items, choices) log-likelihoods cannot be turned into an accuracy, or an empty string.

    A broken model gives NaN, infinities or the same score for everything; taking the largest would then answer the
    first label everywhere and look like chance. ``same_prompts``: all items asked the same (of translations, where a
    poor model gives all rows one text), so equal scores are no sign of anything.
    """
    if scores.size == 0:
        return "no items"
    if np.isnan(scores).any():
        return f"{int(np.isnan(scores).any(axis=1).sum())} of {len(scores)} items have a score that is NaN"
    if np.isinf(scores).any():
        return f"{int(np.isinf(scores).any(axis=1).sum())} of {len(scores)} items have an infinite score"
    if (scores.max(axis=1) == scores.min(axis=1)).all():
        return "every item has the same score for all its choices"
    if len(scores) > 1 and not same_prompts and (scores == scores[0]).all():
        return "all items have the same scores, whatever they ask"
    return ""
