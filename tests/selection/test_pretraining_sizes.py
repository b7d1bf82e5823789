"""Sizes belong to a base model; what is unknown is said."""

from __future__ import annotations

import pytest

from mslt_it.selection.criteria import NotComputed
from mslt_it.selection.pretraining_sizes import size_table


@pytest.mark.parametrize(
    ("model", "corpus", "language", "size"),
    [
        ("FacebookAI/xlm-roberta-base", "CC-100", "de", 66.6),
        ("bigscience/bloom-7b1", "ROOTS", "ar", 4.64),
        ("bigscience/bloomz-560m", "ROOTS", "sw", 0.015),
        ("/models/bloom-7b1/", "ROOTS", "zh-Hant", 0.05),
        ("google/mt5-base", "mC4", "ru", 713),
        ("bigscience/mt0-xl", "mC4", "ur", 2.4),
        ("facebook/xglm-564M", "CC-100-XL", "zh", 485.3),
    ],
)
def test_tables(model: str, corpus: str, language: str, size: float) -> None:
    table = size_table(model)
    assert (table.corpus, table.of([language])) == (corpus, [size])
    assert table.source


def test_every_table_has_the_twenty_languages() -> None:
    from mslt_it.world.languages import CODES

    for model in ("xlm-roberta-base", "bloom", "mt5-small", "xglm-1.7B", "world"):
        assert set(CODES) <= set(size_table(model).sizes)


def test_swahili_has_a_seventh_of_the_worlds_text() -> None:
    table = size_table("world")
    assert table.sizes["sw"] == pytest.approx(table.sizes["hi"] / 7)
    assert sum(table.sizes.values()) == pytest.approx(100)


def test_absent_from_roots_is_not_a_small_amount() -> None:
    [note] = size_table("bigscience/bloom-560m").notes(["ar", "de", "ru"])
    assert note.startswith("de, ru: 0 in ROOTS. The model was shown no text of them on purpose")
    assert size_table("xlm-roberta-large").notes(["de", "ru"]) == []


@pytest.mark.parametrize("model", ["Qwen/Qwen3-0.6B", "meta-llama/Llama-3.2-1B"])
def test_an_unknown_model_is_not_guessed(model: str) -> None:
    with pytest.raises(NotComputed) as caught:
        size_table(model)
    assert caught.value.reason.startswith(f"No pretraining sizes per language are published for '{model}'")
    assert "BLOOM (ROOTS)" in caught.value.remedy and "sizes={" in caught.value.remedy


def test_a_language_that_the_table_lacks() -> None:
    with pytest.raises(NotComputed, match=r"The table of ROOTS here has no figure for cs, nl\. .*sizes=\{cs:12\.5"):
        size_table("bloom").of(["ar", "cs", "nl"])


def test_sizes_of_ones_own_go_first() -> None:
    assert size_table("Qwen/Qwen3-0.6B", {"ar": 2.0, "cs": 1.0}).of(["cs", "ar"]) == [1.0, 2.0]
    assert size_table("bloom", {"ar": 2.0}).corpus == "the sizes given"
