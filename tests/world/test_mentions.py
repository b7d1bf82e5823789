"""The world's second task: labels follow from the text, no field tells them alone, no sentence is in two splits."""

from __future__ import annotations

from collections import Counter

import pytest

from mslt_it.config.compose import load_recipe
from mslt_it.data.rows import RowStore
from mslt_it.problems import Problem
from mslt_it.records import fingerprint
from mslt_it.world.concepts import CLASS_OF, CLASSES
from mslt_it.world.generator import SPLIT_BUCKETS, split_items, split_pairs, task_examples, task_of
from mslt_it.world.languages import CODES
from mslt_it.world.mentions import CATEGORIES, MENTION_LABELS, Mention

SPLITS = ("train", "test")


@pytest.fixture(scope="module")
def items() -> dict[str, tuple[Mention, ...]]:
    return {split: split_items("mentions", split) for split in SPLITS}


def nouns(item: Mention) -> list[str]:
    return [phrase.noun for phrase in (item.text.subject, item.text.object) if phrase]


def test_the_label_follows_from_the_words_of_the_text(items: dict[str, tuple[Mention, ...]]) -> None:
    for item in (*items["train"], *items["test"]):
        kinds = [CLASS_OF[noun] for noun in nouns(item)]  # every noun is of a class, none is a class itself
        assert sum(kind in CATEGORIES for kind in kinds) == 1, item
        assert (item.category in kinds) == (item.label == "mentioned"), item
    assert set(CATEGORIES) == set(CLASSES) - {"person"}


def test_neither_the_category_nor_the_kind_of_text_tells_the_label(items: dict[str, tuple[Mention, ...]]) -> None:
    for split in SPLITS:
        asked = Counter((item.category, item.label) for item in items[split])
        held = Counter(
            (kind, i.label) for i in items[split] for kind in map(CLASS_OF.get, nouns(i)) if kind in CATEGORIES
        )
        share = len(items[split]) // (len(CATEGORIES) * len(MENTION_LABELS))
        assert set(asked.values()) == set(held.values()) == {share}
        assert len(asked) == len(held) == len(CATEGORIES) * len(MENTION_LABELS)
        for what in ("verb", "place"):  # what the text says besides
            of_label = {x: Counter(getattr(i.text, what) for i in items[split] if i.label == x) for x in MENTION_LABELS}
            for word, number in of_label["absent"].items():
                assert number == pytest.approx(of_label["mentioned"][word], abs=5 * number**0.5), (what, word)


def test_no_sentence_is_in_two_splits_of_either_task(items: dict[str, tuple[Mention, ...]]) -> None:
    for split, other in (SPLITS, SPLITS[::-1]):
        assert len({item.id for item in items[split]}) == len(items[split])
        assert all(item.bucket in SPLIT_BUCKETS[split] for item in items[split])
        said = {item.text for item in items[split]}
        assert not said & {item.text for item in items[other]}
        assert not said & {clause for pair in split_pairs(other) for clause in (pair.premise, pair.hypothesis)}


def test_rows_are_the_same_items_in_every_language() -> None:
    english = task_examples("en", "test", task="mentions")
    assert dict(english[1].fields) == {"text": "The cat is running at the market.", "category": "animal"}
    for code in CODES:
        rows = task_examples(code, "test", task="mentions")
        assert [(row.id, row.label, row.task) for row in rows] == [(e.id, e.label, "mentions") for e in english]
        assert all(row.fields["text"] and row.fields["category"] for row in rows)
        assert len({row.fields["category"] for row in rows}) == len(CATEGORIES)


def test_the_rows_are_those_of_the_published_figures(items: dict[str, tuple[Mention, ...]]) -> None:
    assert fingerprint([item.id for split in SPLITS for item in items[split]]) == "ec883e27130bda31"


def test_which_rows_the_world_gives_is_told_from_the_columns() -> None:
    assert (task_of(("premise", "hypothesis")), task_of(("category", "text"))) == ("xnli", "mentions")
    task = load_recipe("mentions_3src").task
    loaded = RowStore().load(task, "sw", "test", role="score")
    assert [e.task for e in loaded.examples[:2]] == ["mentions"] * 2
    has = "no rows with the columns sentence1, sentence2, but xnli: premise, hypothesis; mentions: text, category"
    with pytest.raises(Problem, match=has):
        task_of(("sentence1", "sentence2"))
