"""Right and wrong answers of a run, drawn by a seed, as people read them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from mslt_it.config.recipe import TaskConfig
from mslt_it.data.spans import decode
from mslt_it.evaluation.answered import Answered, outputs_of
from mslt_it.evaluation.measures import MEASURES, UNREAD, said_labels
from mslt_it.evaluation.tables import METRIC_NAMES
from mslt_it.languages import likely_script
from mslt_it.records import PromptedExample

RIGHT_TO_LEFT = ("Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm")  # scripts
NONE = "(none: several labels are equally likely)"


@dataclass(frozen=True)
class Answer:
    """One of them; ``note``: its probability, or its figure where that is no share of right answers."""

    id: str
    prompt: str
    right: str
    given: str
    note: str


@dataclass(frozen=True)
class Answers:
    """Those of one language, and out of how many they were drawn."""

    language: str
    direction: str  # of HTML: "rtl", or "auto"
    num_right: int
    num_wrong: int
    right: tuple[Answer, ...]
    wrong: tuple[Answer, ...]


def sampled(task: TaskConfig, answered: Answered, number: int, seed: int, *, is_native: bool) -> Answers:
    """At most ``number`` right and ``number`` wrong answers, in the order of the items.

    Args:
        is_native: the prompts are in the language, so that their direction is known; else each line's first letter
            decides.
    """
    items, outputs = answered.items, outputs_of(answered).outputs
    measure = MEASURES["accuracy" if task.choice_names else task.metric][0]
    counts = measure.counts(items, outputs)[0]
    figures = measure.value(counts)
    for place in np.flatnonzero(~counts.any(axis=1)):  # no names, and F1 is 0 even where none is said
        figures[place] = decode(outputs[place] or "", task.label_names) == []
    is_right = figures >= 1 - 1e-9
    draw = random.Random(f"{seed} {answered.language}")

    def drawn(wanted: bool) -> tuple[Answer, ...]:
        places = np.flatnonzero(is_right == wanted).tolist()
        return tuple(answers[i] for i in sorted(draw.sample(places, min(number, len(places)))))

    if isinstance(outputs, np.ndarray):
        given = _of_labels(items, outputs)
    else:
        said = ("" if measure.is_share else f"{METRIC_NAMES[measure.name]} {100 * figure:.1f}" for figure in figures)
        given = [(text or "(no text)", note) for text, note in zip(outputs, said, strict=True)]
    answers = []
    for item, (text, note) in zip(items, given, strict=True):
        word = item.answer if item.choices and not item.is_written else item.label
        right = f"{word} ({item.label})" if item.label and item.label != word else word
        answers.append(Answer(item.id, "\n".join(message.content for message in item.messages), right, text, note))
    direction = "rtl" if is_native and likely_script(answered.language) in RIGHT_TO_LEFT else "auto"
    num_right = int(is_right.sum())
    return Answers(answered.language, direction, num_right, len(items) - num_right, drawn(True), drawn(False))


def _of_labels(items: Sequence[PromptedExample], scores: np.ndarray) -> list[tuple[str, str]]:
    """The label word given to each item, and its probability and that of the right one."""
    found = []
    for item, said, shares in zip(items, said_labels(items, scores), softmax(scores, axis=1), strict=True):
        right = item.choices.index(item.answer)
        if said == UNREAD:
            found.append((NONE, ""))
            continue
        beside = "" if said == right else f", of the right one {shares[right]:.2f}"
        found.append((item.choices[said], f"probability {shares[said]:.2f}{beside}"))
    return found
