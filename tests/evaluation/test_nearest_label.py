"""The label whose word looks most like the text: a baseline that learns nothing."""

from __future__ import annotations

import pytest

from mslt_it.evaluation.nearest_label import nearest, nearest_label_share
from mslt_it.records import PromptedExample

WORDS = {"cancel": "abbrechen", "timer": "Timer starten", "weather": "Wetter"}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("wie ist das Wetter in Köln", "weather"),
        ("WETTERBERICHT", "weather"),
        ("den Timer starten", "timer"),
        ("brich den Timer ab", "timer"),  # which is wrong: it reads letters alone
        ("鸡蛋", "cancel"),  # nothing is shared: the first
    ],
)
def test_shared_letters_decide(text: str, label: str) -> None:
    assert nearest(text, WORDS) == label


def test_the_share_is_of_the_words_that_are_shown() -> None:
    def item(label: str) -> PromptedExample:
        return PromptedExample("1", "de", (), "", tuple(WORDS.values()), label)

    texts = ["Wetter heute", "Timer starten", "Wetter"]
    items = [item("weather"), item("timer"), item("cancel")]
    assert nearest_label_share(texts, items, WORDS) == pytest.approx(2 / 3)
