"""A text and a category: does the text mention anything of it? (A dog is an animal, a hammer a tool.)

The answer asks for the classes of nouns, which the model's plain text tells, and for no comparison of sentences. A text
has one noun of the categories asked for, and never the category's own. Every category is asked for equally often with
either label, and held by equally many texts of either, so neither tells the label alone.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import cached_property

from mslt_it.world.concepts import CLASSES, Clause, class_of
from mslt_it.world.inference import FRAME_WEIGHT, FRAMES, filled

MENTION_LABELS = ("absent", "mentioned")
CATEGORIES = tuple(name for name in CLASSES if name != "person")  # a person is the subject of half of the sentences


@dataclass(frozen=True)
class Mention:
    """One item of the task, in no language yet."""

    text: Clause
    category: str  # of CATEGORIES
    label: str

    @cached_property
    def id(self) -> str:
        """16 hex digits over text and category: the same item has the same id in every language."""
        return hashlib.sha256(repr((self.text, self.category)).encode()).hexdigest()[:16]

    @property
    def bucket(self) -> int:
        """0-99, of the text alone, so that no text is in two splits."""
        return int(hashlib.sha256(repr(self.text).encode()).hexdigest()[:8], 16) % 100


def sample_mention(rng: random.Random, number: int) -> Mention:
    """A random item: labels take turns, then the text's categories, then those that an absent one is asked for."""
    turn, label = divmod(number, len(MENTION_LABELS))
    turn, own = divmod(turn, len(CATEGORIES))
    others = [name for name in CATEGORIES if name != CATEGORIES[own]]
    while True:
        text = _text(rng)
        if class_of((text.object or text.subject).noun) == CATEGORIES[own]:
            asked = CATEGORIES[own] if MENTION_LABELS[label] == "mentioned" else others[turn % len(others)]
            return Mention(text, asked, MENTION_LABELS[label])


def _text(rng: random.Random) -> Clause:
    frame = rng.choices(list(FRAME_WEIGHT), list(FRAME_WEIGHT.values()))[0]
    edits = {slot: "same_noun" if slot in ("subject", "object") else "same" for slot in FRAMES[frame]}
    for slot in ("adjective", "place"):
        if "none" in FRAMES[frame].get(slot, ()) and rng.random() < 0.5:
            edits[slot] = "none"
    return filled(frame, edits, "entailment", rng).premise
