"""What the embedded world can talk about: concepts shared by all its languages.

Every concept is named by an English key; a language module gives it real words. 24 nouns in 6 classes,
12 verbs and 12 adjectives in pairs that exclude each other, 8 places, 4 numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

CLASSES: dict[str, tuple[str, ...]] = {
    "person": ("man", "woman", "boy", "girl"),
    "animal": ("dog", "cat", "horse", "cow"),
    "fruit": ("apple", "orange", "banana", "lemon"),
    "vegetable": ("potato", "onion", "carrot", "cabbage"),
    "vehicle": ("car", "bus", "bicycle", "truck"),
    "tool": ("hammer", "saw", "axe", "shovel"),
}
CLASS_OF: dict[str, str] = {noun: name for name, nouns in CLASSES.items() for noun in nouns}
NOUNS: tuple[str, ...] = tuple(CLASS_OF) + tuple(CLASSES)
ANIMATE = ("person", "animal")
INANIMATE = ("fruit", "vegetable", "vehicle", "tool")

INTRANSITIVE_PAIRS = (("sit", "stand"), ("sleep", "run"), ("laugh", "cry"))
TRANSITIVE_PAIRS = (("buy", "sell"), ("find", "lose"), ("hide", "show"))
INTRANSITIVE = tuple(v for pair in INTRANSITIVE_PAIRS for v in pair)
TRANSITIVE = tuple(v for pair in TRANSITIVE_PAIRS for v in pair)

ADJECTIVE_PAIRS = (
    ("big", "small"),
    ("clean", "dirty"),
    ("rich", "poor"),
    ("strong", "weak"),
    ("expensive", "cheap"),
    ("heavy", "light"),
)
ADJECTIVES = tuple(a for pair in ADJECTIVE_PAIRS for a in pair)
OPPOSITE: dict[str, str] = {
    a: b for pair in (*INTRANSITIVE_PAIRS, *TRANSITIVE_PAIRS, *ADJECTIVE_PAIRS) for a, b in (pair, pair[::-1])
}
# Which adjectives a noun of the class takes ("a cheap woman", "a rich hammer" are never said).
ADJECTIVES_OF_CLASS: dict[str, tuple[str, ...]] = {
    "person": ("clean", "dirty", "rich", "poor", "strong", "weak"),
    "animal": ("big", "small", "clean", "dirty", "strong", "weak"),
    **dict.fromkeys(INANIMATE, ("big", "small", "clean", "dirty", "expensive", "cheap", "heavy", "light")),
}

# No place lies in another: a kitchen would be in the house.
PLACES = ("garden", "house", "beach", "street", "market", "park", "school", "forest")
NUMBERS = (2, 3, 4, 5)


def class_of(noun: str) -> str:
    """The class of a noun; a class noun is its own class."""
    return CLASS_OF.get(noun, noun)


def adjectives_of(noun: str) -> tuple[str, ...]:
    return ADJECTIVES_OF_CLASS[class_of(noun)]


@dataclass(frozen=True)
class NounPhrase:
    """``the [adjective] noun`` when number is None, else ``N nouns`` (indefinite, never with an adjective)."""

    noun: str
    adjective: str | None = None
    number: int | None = None


@dataclass(frozen=True)
class Clause:
    """One present-tense statement about one scene.

    - verb None: ``subject is/are in the place`` (place is given);
    - verb in INTRANSITIVE: subject is one person or animal (laugh and cry: one person), place optional;
    - verb in TRANSITIVE: subject is one person, object one definite inanimate thing, place optional.
    """

    subject: NounPhrase
    verb: str | None = None
    object: NounPhrase | None = None
    place: str | None = None
