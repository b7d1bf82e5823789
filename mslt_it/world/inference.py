"""Premise/hypothesis pairs over the world's concepts, with the shortcuts balanced away.

A pair is made by editing slots of the premise. Every edit is one of

- keeping (entailment holds): the same, a class noun for a noun (dog -> animal), leaving out adjective or place;
- adding (neutral): an adjective or a place that was not said, a narrower noun (animal -> dog), an unrelated adjective;
- breaking (contradiction, both sentences being about the same scene): the opposite adjective or verb, another noun of
  the class, another place, another number.

The label is contradiction if any edit breaks, else neutral if any adds, else entailment. Naive sampling would
let a classifier read the label off one sentence (a class noun in the hypothesis means entailment) or off the amount
of overlap. So edit patterns are weighted by iterative proportional fitting (Deming & Stephan 1940): given the
label, the shapes of premise and hypothesis and the count of changed words are distributed as for any other label.
Only ``FREE_SHARE`` of the pairs keeps the plain patterns that one label alone can have (identity, leaving out, adding).
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from mslt_it.world.concepts import (
    CLASSES,
    INANIMATE,
    INTRANSITIVE,
    NUMBERS,
    OPPOSITE,
    PLACES,
    TRANSITIVE,
    Clause,
    NounPhrase,
    adjectives_of,
    class_of,
)

LABELS = ("entailment", "neutral", "contradiction")
FREE_SHARE = 0.09
MAX_EDITS = 2
STEP = 0.3  # damped, for not every shape can be matched at once (identity is only ever entailment)

# Each edit of a slot: what it does to the label and to the words: (verdict, swapped, added, removed).
NOUN_EDITS = {
    "same_noun": ("keep", 0, 0, 0),
    "same_class": ("keep", 0, 0, 0),
    "generalise": ("keep", 1, 0, 0),
    "specialise": ("add", 1, 0, 0),
    "sibling": ("break", 1, 0, 0),
}
ADJECTIVE_EDITS = {
    "none": ("keep", 0, 0, 0),
    "same": ("keep", 0, 0, 0),
    "drop": ("keep", 0, 0, 1),
    "add": ("add", 0, 1, 0),
    "unrelated": ("add", 1, 0, 0),
    "opposite": ("break", 1, 0, 0),
}
VERB_EDITS = {"same": ("keep", 0, 0, 0), "opposite": ("break", 1, 0, 0)}
PLACE_EDITS = {
    "none": ("keep", 0, 0, 0),
    "same": ("keep", 0, 0, 0),
    "drop": ("keep", 0, 0, 1),
    "add": ("add", 0, 1, 0),
    "other": ("break", 1, 0, 0),
}
NUMBER_EDITS = {"same": ("keep", 0, 0, 0), "other": ("break", 1, 0, 0)}
_GIVEN_PLACE = {k: PLACE_EDITS[k] for k in ("same", "other")}

# The slots of each sentence frame, in order; a slot's name says whose noun or adjective it is.
FRAMES: dict[str, dict[str, dict[str, tuple[str, int, int, int]]]] = {
    "intransitive": {
        "subject": NOUN_EDITS,
        "adjective": ADJECTIVE_EDITS,
        "verb": VERB_EDITS,
        "place": PLACE_EDITS,
    },
    "transitive": {
        "subject": NOUN_EDITS,
        "object": NOUN_EDITS,
        "adjective": ADJECTIVE_EDITS,
        "verb": VERB_EDITS,
        "place": PLACE_EDITS,
    },
    "locative": {"subject": NOUN_EDITS, "adjective": ADJECTIVE_EDITS, "place": _GIVEN_PLACE},
    "numeral": {"number": NUMBER_EDITS, "subject": NOUN_EDITS, "place": _GIVEN_PLACE},
}
FRAME_WEIGHT = {"intransitive": 0.3, "transitive": 0.42, "locative": 0.2, "numeral": 0.08}
_PREMISE_HAS = {"same_noun": "noun", "same_class": "class", "generalise": "noun", "specialise": "class",
                "sibling": "noun"}  # fmt: skip
_HYPOTHESIS_HAS = {**_PREMISE_HAS, "generalise": "class", "specialise": "noun"}


@dataclass(frozen=True)
class Pair:
    """One item of the task, in no language yet."""

    premise: Clause
    hypothesis: Clause
    label: str

    @cached_property
    def id(self) -> str:
        """16 hex digits over both clauses: the same item has the same id in every language."""
        return hashlib.sha256(repr((self.premise, self.hypothesis)).encode()).hexdigest()[:16]

    @property
    def bucket(self) -> int:
        """0-99; splits are ranges of buckets, so no item can be in two of them."""
        return int(self.id[:8], 16) % 100


@dataclass(frozen=True)
class Pattern:
    """A choice of one edit per slot, with its label and the three things a shortcut could look at."""

    edits: tuple[tuple[str, str], ...]
    label: str
    premise_shape: tuple[bool | str, ...]
    hypothesis_shape: tuple[bool | str, ...]
    changes: tuple[int, int, int] | str  # (swapped, added, removed), or "free"


def patterns_of(frame: str) -> list[Pattern]:
    """All choices of at most `MAX_EDITS` edits that show; ``changes`` that not every label has are "free"."""
    slots = FRAMES[frame]
    found: list[tuple[tuple[tuple[str, str], ...], str, tuple[int, int, int]]] = []
    for names in itertools.product(*slots.values()):
        effects = [slots[slot][name] for slot, name in zip(slots, names, strict=True)]
        if sum(1 for e in effects if any(e[1:])) > MAX_EDITS:
            continue
        verdicts = {e[0] for e in effects}
        label = "contradiction" if "break" in verdicts else "neutral" if "add" in verdicts else "entailment"
        changes = (sum(e[1] for e in effects), sum(e[2] for e in effects), sum(e[3] for e in effects))
        found.append((tuple(zip(slots, names, strict=True)), label, changes))
    labels_of: dict[tuple[int, int, int], set[str]] = defaultdict(set)
    for _, label, changes in found:
        labels_of[changes].add(label)
    return [
        Pattern(
            edits,
            label,
            _shape(edits, before=True),
            _shape(edits, before=False),
            changes if len(labels_of[changes]) == len(LABELS) else "free",
        )
        for edits, label, changes in found
    ]


def _shape(edits: tuple[tuple[str, str], ...], *, before: bool) -> tuple[bool | str, ...]:
    shape: list[bool | str] = []
    for slot, edit in edits:
        if slot in ("subject", "object"):
            shape.append((_PREMISE_HAS if before else _HYPOTHESIS_HAS)[edit])
        elif slot in ("adjective", "place"):
            shape.append(edit not in (("none", "add") if before else ("none", "drop")))
    return tuple(shape)


@cache
def weighted_patterns(frame: str) -> dict[str, tuple[list[Pattern], list[float]]]:
    """label -> (patterns, weights that sum to 1), fitted so that no shape tells the label."""
    patterns = patterns_of(frame)
    labels = np.array([LABELS.index(p.label) for p in patterns])
    weights = np.array([1.0 if p.changes == "free" else 1.0 / (1 + sum(p.changes)) for p in patterns])  # type: ignore[arg-type]
    weights /= np.bincount(labels, weights)[labels]
    of_patterns: tuple[list[object], ...] = (
        [p.changes for p in patterns],
        [p.premise_shape for p in patterns],
        [p.hypothesis_shape for p in patterns],
    )
    views = []  # each with its keys, in order, and which of them each pattern has
    for seen in of_patterns:
        keys = list(dict.fromkeys(seen))
        views.append((keys, np.array([keys.index(key) for key in seen])))
    is_free = np.array([key == "free" for key in views[0][0]])
    for _ in range(200):
        for number, (keys, view) in enumerate(views):
            mass = np.bincount(labels * len(keys) + view, weights, len(LABELS) * len(keys)).reshape(len(LABELS), -1)
            target = mass.sum(0) / len(LABELS)
            if number == 0:  # the plain patterns' share is given, the others share the rest
                target = np.where(is_free, FREE_SHARE, target / target[~is_free].sum() * (1 - FREE_SHARE))
            step = STEP if number else STEP / 2
            weights = weights * (target[view] / np.maximum(mass[labels, view], 1e-30)) ** step
            weights /= np.bincount(labels, weights)[labels]
    result = {}
    for number, label in enumerate(LABELS):
        own = weights[labels == number]
        result[label] = [p for p in patterns if p.label == label], (own / own.sum()).tolist()
    return result


def sample_pair(rng: random.Random, label: str | None = None) -> Pair:
    """One random pair; labels are equally frequent unless one is asked for."""
    label = label or rng.choice(LABELS)
    frame = rng.choices(list(FRAME_WEIGHT), list(FRAME_WEIGHT.values()))[0]
    patterns, weights = weighted_patterns(frame)[label]
    edits = dict(rng.choices(patterns, weights)[0].edits)
    return filled(frame, edits, label, rng)


def filled(frame: str, edits: dict[str, str], label: str, rng: random.Random) -> Pair:
    premise = _premise(frame, edits, rng)
    return Pair(premise, edited(premise, edits, rng), label)


def _premise(frame: str, edits: dict[str, str], rng: random.Random) -> Clause:
    """A random clause that the edits can be applied to."""
    verb = None
    if frame in ("intransitive", "transitive"):
        verb = rng.choice(INTRANSITIVE if frame == "intransitive" else TRANSITIVE)
    if frame == "transitive" or verb in ("laugh", "cry"):
        subject_class = "person"
    elif frame == "intransitive":
        subject_class = rng.choice(("person", "animal"))
    else:
        # Several languages count vegetables and fruit by kind ("three kinds of fruit"), which three apples are not.
        subject_class = rng.choice([c for c in CLASSES if frame != "numeral" or c not in ("fruit", "vegetable")])

    def noun(slot: str, noun_class: str) -> str:
        return noun_class if _PREMISE_HAS[edits[slot]] == "class" else rng.choice(CLASSES[noun_class])

    subject = noun("subject", subject_class)
    thing = noun("object", rng.choice(INANIMATE)) if "object" in edits else None
    adjective = None
    if edits.get("adjective", "none") not in ("none", "add"):
        adjective = rng.choice(adjectives_of(thing or subject))
    place = None if edits["place"] in ("none", "add") else rng.choice(PLACES)
    if thing is not None:
        return Clause(NounPhrase(subject), verb, NounPhrase(thing, adjective), place)
    number = rng.choice(NUMBERS) if "number" in edits else None
    return Clause(NounPhrase(subject, adjective, number), verb, None, place)


def edited(premise: Clause, edits: dict[str, str], rng: random.Random) -> Clause:
    """The hypothesis."""
    subject = _noun(edits["subject"], premise.subject.noun, rng)
    thing = _noun(edits["object"], premise.object.noun, rng) if premise.object else None
    described = premise.object or premise.subject
    allowed = adjectives_of(described.noun)  # the edited noun is of the same class and takes the same
    adjective = _adjective(edits.get("adjective", "none"), described.adjective, allowed, rng)
    verb = OPPOSITE[premise.verb] if premise.verb and edits["verb"] == "opposite" else premise.verb
    place = _other(PLACES, premise.place, rng) if edits["place"] in ("add", "other") else premise.place
    if edits["place"] == "drop":
        place = None
    number = premise.subject.number
    if edits.get("number") == "other":
        number = rng.choice([n for n in NUMBERS if n != number])
    if thing is not None:
        return Clause(NounPhrase(subject), verb, NounPhrase(thing, adjective), place)
    return Clause(NounPhrase(subject, adjective, number), verb, None, place)


def _noun(edit: str, noun: str, rng: random.Random) -> str:
    if edit == "generalise":
        return class_of(noun)
    if edit == "specialise":
        return rng.choice(CLASSES[noun])
    return _other(CLASSES[class_of(noun)], noun, rng) if edit == "sibling" else noun


def _adjective(edit: str, adjective: str | None, allowed: tuple[str, ...], rng: random.Random) -> str | None:
    if edit == "add":
        return rng.choice(allowed)
    if adjective is None or edit == "drop":
        return None
    if edit == "opposite":
        return OPPOSITE[adjective]
    if edit == "unrelated":
        return rng.choice([a for a in allowed if a not in (adjective, OPPOSITE[adjective])])
    return adjective


def _other(known: tuple[str, ...], value: str | None, rng: random.Random) -> str:
    return rng.choice([x for x in known if x != value])
