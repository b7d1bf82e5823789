"""Ids by words are those that the tokenizer gives for the texts, whatever they hold."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from toy_world import make_tokenizer
from transformers import PreTrainedTokenizerFast

from mslt_it.data import words
from mslt_it.data.encoding import Encoder
from mslt_it.data.words import Words

PARTS = ["der", "Hund", "Не", "знаю", "犬が", "كلب", "a", "é", "e\u0301", ".", ",", "-", "10", "'s", "Không rõ"]
PARTS += [
    "▁",
    "Ġ",
    "<|end|>",
    "<|",
    "[x y]",
    "\u00a0",
    "\t",
    "\r\n",
    "\n",
    "\n\n",
    "\n-",
    "  ",
    "😀",
    "\u200d",
    "İ",
    "Σ",
]


def texts(number: int) -> list[str]:
    """Mostly words with a space or a line's end between them, and everything else now and then."""
    rng = random.Random(0)
    joins = [" "] * 12 + ["\n", "", "  ", " \n", "\u3000"]
    return ["".join(rng.choice(PARTS) + rng.choice(joins) for _ in range(rng.randint(1, 20))) for _ in range(number)]


def trained(model: Any, before: Any, normalizer: Any = None) -> Any:
    """A tokenizer of these texts' pieces."""
    inner, special = Tokenizer(model), ["<|unk|>", "<|end|>"]
    inner.pre_tokenizer, inner.normalizer, inner.decoder = before, normalizer, decoders.Metaspace("▁", "never")
    trainer: Any = trainers.WordLevelTrainer(special_tokens=special)
    if isinstance(model, models.BPE):
        inner.decoder, alphabet = decoders.ByteLevel(), pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=special, initial_alphabet=alphabet)
    elif isinstance(model, models.Unigram):
        trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token="<|unk|>")
    inner.train_from_iterator(texts(300), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>", unk_token="<|unk|>")


TOKENIZERS = {
    "bytes": lambda: trained(models.BPE(), pre_tokenizers.ByteLevel(False)),
    "bytes, phrases": lambda: trained(models.BPE(), pre_tokenizers.ByteLevel(False, use_regex=False)),
    "a space first": lambda: trained(models.BPE(), pre_tokenizers.ByteLevel(True)),
    "pieces": lambda: trained(models.Unigram(), pre_tokenizers.Metaspace("▁", "never")),
    "pieces, phrases": lambda: trained(models.Unigram(), pre_tokenizers.Metaspace("▁", "never", split=False)),
    "words": lambda: trained(
        models.WordLevel(unk_token="<|unk|>"), pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer()
    ),
    "stripped": lambda: trained(models.BPE(), pre_tokenizers.ByteLevel(False), normalizers.Strip()),
    "toy": lambda: make_tokenizer(added=("<tool>", "Hund", "a e", "    ")),
}
WHOLE = {"bytes, phrases", "a space first", "stripped"}  # of which texts cannot be cut


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_ids_by_words_are_those_of_the_texts(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MIN_SEEN", 0)
    monkeypatch.setattr(words, "MOST_KEPT", 300)  # all are forgotten between two calls
    encoder, asked = Encoder(TOKENIZERS[kind](), 1000), texts(6000)
    by_words = Words(encoder.tokenizer, encoder._tokenize)
    expected = encoder._tokenize(asked)
    for start in range(0, len(asked), 1000):
        assert by_words.ids(asked[start : start + 1000]) == expected[start : start + 1000]
    assert (by_words._are_used and by_words._kept_whole is not None) == (kind not in WHOLE)


def test_words_are_tokenised_once_and_what_is_handed_out_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MIN_SEEN", 0)
    encoder = Encoder(TOKENIZERS["bytes"](), 1000)
    by_words = Words(encoder.tokenizer, encoder._tokenize)
    asked = [f"der Hund {number}" for number in range(100)]
    first = by_words.ids(asked)
    seen: list[str] = []
    monkeypatch.setattr(by_words, "_learn", seen.extend)
    expected = [list(ids) for ids in first]
    first[0].append(7)
    assert by_words.ids(asked) == expected and not seen


def test_a_tokenizer_with_other_ids_for_words_is_found_out_and_asked_for_texts(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "MIN_SEEN", 0)
    encoder = Encoder(TOKENIZERS["bytes"](), 1000)
    by_words = Words(encoder.tokenizer, lambda found: [[len(text)] for text in found])  # of which no part says it
    asked = texts(100)
    with caplog.at_level("INFO"):
        assert by_words.ids(asked) == [[len(text)] for text in asked]
    assert "texts are tokenised whole" in caplog.text
    monkeypatch.setattr(by_words, "_by_words", None)  # not called any more
    assert by_words.ids(asked) == [[len(text)] for text in asked]
