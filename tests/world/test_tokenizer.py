"""One token for each word form of the world, and no text that does not come back as it was."""

from __future__ import annotations

import random
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from mini_tokenizer import CONTROL, SPACE, build_tokenizer, prompt_texts
from text import answer_word

from mslt_it.world.generator import split_pairs, state
from mslt_it.world.inference import LABELS
from mslt_it.world.languages import CODES, grammar

PROMPTS = Path(__file__).parents[2] / "eval" / "prompts" / "xnli"
# The tokenizer lists forms that it met; so many documents meet nearly all of them (the shipped one has 6,000).
NUM_DOCUMENTS = 400


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return build_tokenizer(prompt_texts(PROMPTS), num_documents=NUM_DOCUMENTS)


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("code", CODES)
def test_one_token_for_each_word_form(tokenizer: Any, code: str) -> None:
    """Sentences of the test split: as many tokens as words and punctuation marks, but for a few rare forms."""
    language = grammar(code)
    num_words = num_tokens = 0
    for pair in split_pairs("test")[:150]:
        for clause in (pair.premise, pair.hypothesis):
            words = language.statement(clause)
            text = state(language, clause)
            num_words += len(words) + len(language.full_stop)
            num_tokens += len(ids(tokenizer, text))
            assert tokenizer.decode(ids(tokenizer, text)) == text
    assert 0.85 < num_tokens / num_words < 1.05, num_tokens / num_words


# "no" is "not" + "yes" in Thai, and both parts are so frequent that Viterbi prefers them to the rare whole.


@pytest.mark.parametrize("code", CODES)
def test_answers_are_single_tokens(tokenizer: Any, code: str) -> None:
    language = grammar(code)
    for label in LABELS:
        word = answer_word(language, label)
        assert len(ids(tokenizer, word)) == 1, word
        assert len(ids(tokenizer, " " + word)) == 1, word


def test_the_prompts_words_are_single_tokens(tokenizer: Any) -> None:
    assert len(ids(tokenizer, "Premise")) == 1 and len(ids(tokenizer, " hypothesis")) == 1
    pieces = tokenizer.convert_ids_to_tokens(ids(tokenizer, "Premise: The dog is in the garden."))
    assert pieces == ["Premise", ":", *(SPACE + w for w in ("The", "dog", "is", "in", "the", "garden")), "."]


@pytest.mark.parametrize("code", CODES)
def test_a_prompt_names_each_answer_by_its_token(tokenizer: Any, code: str) -> None:
    """Words that fell apart into letters, each a token that no text has, once kept Hindi at chance."""
    prompts = yaml.safe_load((PROMPTS / f"{code}.yaml").read_text(encoding="utf-8"))
    template = re.sub(r"\{\w+\}", "犬", prompts["templates"][0])
    pieces = [piece.lstrip(SPACE) for piece in tokenizer.convert_ids_to_tokens(ids(tokenizer, template))]
    assert all(unicodedata.category(piece[0])[0] != "M" for piece in pieces if piece), pieces
    assert {word.replace(" ", SPACE) for word in prompts["labels"].values()} <= {*pieces}, pieces


TEXTS = [
    "",
    " ",
    "  two spaces  inside and at the end  ",
    " leading space",
    "line\nbreaks\n\n and\ttabs\r\n",
    "emoji 🙂👩‍👩‍👧‍👦🏳️‍🌈 and ﷽",
    "ქართული ᏣᎳᎩ አማርኛ 𐍈𐌰𐌿𐍃 မြန်မာ",
    "zero\u200bwidth\u00a0and\ufeffmamps",
    "L'homme, c'est-à-dire — « quoi ? »",
    "e\u0301 is not \u00e9",
    "The dog sleeps. The dog",
    "犬は動物です。개는 동물입니다. สุนัขเป็นสัตว์",
    "123,456.78 % @#&*()[]{}<>",
    "\x00\x01\x7f",
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_text_comes_back_as_it_was(tokenizer: Any, text: str) -> None:
    found = ids(tokenizer, text)
    assert tokenizer.decode(found) == text
    assert tokenizer.unk_token_id not in found


def test_random_unicode_comes_back_as_it_was(tokenizer: Any) -> None:
    rng = random.Random(0)
    usable = [c for c in map(chr, [*range(1, 0xD800), *range(0xE000, 0x20000)]) if c != SPACE]
    for _ in range(300):
        text = "".join(rng.choices(usable, k=rng.randint(1, 30)))
        assert tokenizer.decode(ids(tokenizer, text)) == text


def test_control_tokens_are_special_and_come_first(tokenizer: Any) -> None:
    assert tokenizer.convert_tokens_to_ids(list(CONTROL)) == list(range(len(CONTROL)))
    names = (tokenizer.unk_token, tokenizer.pad_token, tokenizer.bos_token, tokenizer.eos_token)
    assert names == ("<|unknown|>", "<|pad|>", "<|begin|>", "<|end|>")
    assert set(CONTROL) <= set(tokenizer.all_special_tokens)
    assert ids(tokenizer, "<|user|>") == [tokenizer.convert_tokens_to_ids("<|user|>")]
    text = [tokenizer.bos_token_id, *ids(tokenizer, "The dog."), tokenizer.eos_token_id]
    assert tokenizer.decode(text, skip_special_tokens=True) == "The dog."
    # Nothing is added unasked: the pipeline puts the control tokens where they belong.
    assert tokenizer("The dog.")["input_ids"] == ids(tokenizer, "The dog.")


def test_control_strings_in_data_are_text(tokenizer: Any) -> None:
    from mslt_it.data.encoding import Encoder

    encoder = Encoder(tokenizer, 128)
    for token in CONTROL:
        (found,) = encoder.user_ids([f"a {token} b"])
        assert not set(found) & set(range(1, len(CONTROL))), token
        assert tokenizer.decode(found) == f"a {token} b"


def test_the_chat_template(tokenizer: Any) -> None:
    user, reply = {"role": "user", "content": "Is it?"}, {"role": "assistant", "content": "Yes"}
    prompt = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([user, reply], tokenize=False)
    assert prompt == "<|begin|><|user|>Is it?<|assistant|>"
    assert whole == prompt + "Yes<|end|>"
    whole_ids = tokenizer.apply_chat_template([user, reply])["input_ids"]
    assert whole_ids[: len(ids(tokenizer, prompt))] == ids(tokenizer, prompt)
    assert whole_ids[-1] == tokenizer.eos_token_id


def test_building_is_deterministic_and_survives_saving(tokenizer: Any, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    again = build_tokenizer(prompt_texts(PROMPTS), num_documents=NUM_DOCUMENTS)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    for text in ("  The dog sleeps.\n", "犬 🙂", "<|user|>hello"):
        assert ids(loaded, text) == ids(tokenizer, text)
    assert loaded.chat_template == tokenizer.chat_template and loaded.pad_token == "<|pad|>"


def test_the_vocabulary_is_small(tokenizer: Any) -> None:
    assert 2000 < len(tokenizer) < 6000
