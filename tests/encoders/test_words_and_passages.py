"""Rows of token and span heads are those of transformers' own scripts for names and for questions on passages."""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from typing import Any

import pytest
from tiny_encoder import KINDS, make_tokenizer

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import PromptConfig
from mslt_it.data.cleaning import clean
from mslt_it.data.encoding import IGNORED, TOO_LONG
from mslt_it.data.files import Row
from mslt_it.data.passages import Passage, answer_place, overlap, trimmed, windows
from mslt_it.data.prompts import prompted
from mslt_it.data.segments import NOT_IN_PASSAGE, SpanEncoder, TagEncoder, Words
from mslt_it.data.shapes import asked_example, to_examples
from mslt_it.problems import Problem
from mslt_it.records import Example, PromptedExample

TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
QUESTION = "Wo ist der Apfel?"
PASSAGE = "Das Haus ist rot. Der Apfel ist im Wald am See, und die Katze ist nicht im Haus. " * 4


def sentence(words: list[str], tags: list[str], spaced: bool = True, language: str = "de") -> PromptedExample:
    gold = json.dumps({"tokens": words, "tags": tags, "spaced": spaced, "kinds": ["PER", "ORG", "LOC"]})
    text = (" " if spaced else "").join(words)
    return PromptedExample("1", language, (), "-", (), references=(gold,), is_written=True, segments=(text,))


def asked(
    answer: str = "im Wald", start: int = -1, passage: str = PASSAGE, question: str = QUESTION
) -> PromptedExample:
    return PromptedExample(
        "1",
        "de",
        (),
        answer,
        (),
        references=(answer,),
        is_written=True,
        segments=(passage, question),
        answer_start=start,
    )


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return make_tokenizer(request.param)


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("words", "tags", "language"),
    [
        (["Ada", "Lovelace", "ist", "im", "Winterwald", "."], ["B-PER", "I-PER", "O", "O", "B-LOC", "O"], "de"),
        (["王", "明", "#", "在", "北"], ["B-PER", "I-PER", "O", "O", "B-LOC"], "zh"),
    ],
)
def test_a_words_tag_stands_at_its_first_token(
    tokenizer: Any, words: list[str], tags: list[str], language: str
) -> None:
    row = TagEncoder(tokenizer, 64, TAGS).encode(sentence(words, tags, language == "de", language))
    expected = tokenizer(words, is_split_into_words=True)
    labels, before = [], None
    for word in expected.word_ids():  # as run_ner.py does
        labels.append(IGNORED if word is None or word == before else TAGS.index(tags[word]))
        before = word
    assert not isinstance(row, str)
    assert list(row.input_ids) == expected["input_ids"] and list(row.labels) == labels
    assert TagEncoder(tokenizer, 64, TAGS).parts(row) == (row.input_ids, " ".join(tags))


def test_words_of_a_text_alone_are_those_of_its_file(tokenizer: Any) -> None:
    encoder = TagEncoder(tokenizer, 64, TAGS)
    for words, language, spaced in ((["Ada", "ist", "da"], "de", True), (["王", "#", "在"], "zh", False)):
        item = sentence(words, ["O"] * 3, spaced, language)
        text = item.segments[0].replace("#", " ")
        alone = dataclasses.replace(item, references=(), segments=(text,))
        assert encoder.read([alone]) == encoder.read([item])


def test_words_that_come_without_tags_are_read_as_those_with_tags(tokenizer: Any) -> None:
    """A language written without spaces whose file has words: as characters they are not what the head was taught."""
    task, words = load_recipe("wikiann_3src").task, ["狙擊", "手", "在", "北京", "市"]
    row = Row("line 1", {"tokens": words, "ner_tags": ["O", "O", "O", "B-LOC", "I-LOC"]})
    [tagged] = to_examples(task, "zh", "test", [row], "names", for_scoring=True)
    untagged = asked_example(task, "zh", {"tokens": words}, tagged.id)
    items = [prompted(one, task, PromptConfig()) for one in (tagged, untagged)]
    [one, other] = TagEncoder(tokenizer, 64, TAGS).read(items)
    assert isinstance(other.source, Words) and other.source.texts == tuple(words)
    assert one == other and len(set(other.source.places)) == 5


def test_no_word_is_lost_or_forges_a_token_and_long_sentences_are_not_trained_on(tokenizer: Any) -> None:
    encoder = TagEncoder(tokenizer, 24, TAGS)
    words = ["Ada", "\u200b", tokenizer.sep_token, "Ulm"]
    [read] = encoder.read([sentence(words, ["O"] * 4)])
    assert isinstance(read.source, Words) and len(read.source.places) == 4 and len(set(read.source.places)) == 4
    assert read.ids[read.source.places[1]] == tokenizer.unk_token_id
    ends = tokenizer(["Ada"], is_split_into_words=True)["input_ids"]
    assert read.ids.count(tokenizer.sep_token_id) == ends.count(tokenizer.sep_token_id)
    assert encoder.encode(sentence(["Wald"] * 40, ["O"] * 40)) == TOO_LONG


# ---------------------------------------------------------------- passages


def test_windows_are_the_tokenizers_own_and_the_answer_is_where_the_file_says(tokenizer: Any) -> None:
    encoder = SpanEncoder(tokenizer, 48, ("start", "end"))
    start = PASSAGE.index("im Wald", PASSAGE.index("im Wald") + 1)  # the second of four
    expected = tokenizer(
        QUESTION, PASSAGE, truncation="only_second", max_length=48, stride=overlap(48),
        return_overflowing_tokens=True, return_offsets_mapping=True,
    )  # fmt: skip
    [read] = encoder.read([asked()])
    assert isinstance(read.source, Passage)
    made = windows(read.ids, read.source, 48)
    assert len(made) > 2 and [list(one.ids) for one in made] == expected["input_ids"]
    row = encoder.encode(asked(start=start))
    assert not isinstance(row, str)
    rows = [(one.input_ids, one.labels) for one in (row, *row.others)]  # of a passage that repeats itself, some alike
    assert len(rows) == len(made)
    for n, ids in enumerate(expected["input_ids"]):  # as run_qa.py does
        offsets, sides = expected["offset_mapping"][n], expected.sequence_ids(n)
        inside = [i for i, side in enumerate(sides) if side == 1]
        if offsets[inside[0]][0] <= start and offsets[inside[-1]][1] >= start + 7:
            first = max(i for i in inside if trimmed(PASSAGE, *offsets[i])[0] <= start)
            last = min(i for i in inside if offsets[i][1] >= start + 7)
        else:
            first = last = 0
        assert (tuple(ids), (first, last)) in rows
    said, text = encoder.parts(row)
    assert said == row.input_ids and text.strip() == "im Wald" and row.num_supervised == 2


def test_without_an_offset_the_first_place_is_taken_and_the_nearest_otherwise() -> None:
    assert answer_place("ab ab ab", "ab", -1) == (0, 2)
    assert answer_place("ab ab ab", "ab", 5) == (6, 8)
    assert answer_place("ab ab ab", "b a", 2) == (1, 4)
    assert answer_place("é", "e\u0301", 0) == (0, 1)  # the passage was repaired, answers never are
    assert answer_place("ab", "c", 0) is None


def test_tokens_hold_no_space_and_windows_share_a_quarter_or_as_many_as_in_the_script_for_squad() -> None:
    assert [trimmed("a  bc d ", *place) for place in ((1, 5), (3, 5), (5, 8))] == [(3, 5), (3, 5), (6, 7)]
    assert [overlap(longest) for longest in (40, 384, 512, 1024)] == [10, 96, 128, 128]


def test_offsets_follow_a_passage_that_is_repaired() -> None:
    text = "Cafe\u0301 im\u200b Wald, Cafe\u0301 im Wald"
    example = Example("1", "de", "t", "s", {"context": text, "question": "Wo?"}, "im Wald", answer_start=22)
    assert text[22:] == "im Wald"
    repaired = clean(example).example
    assert repaired is not None
    context = repaired.fields["context"]
    assert context == unicodedata.normalize("NFC", text.replace("\u200b", ""))
    assert context[repaired.answer_start :] == "im Wald"


def test_answers_come_with_their_offsets_from_both_forms_of_a_file() -> None:
    task = load_recipe("tydiqa_3src").task
    row = {"id": "german-1", "context": "a b a", "question": "Wo?"}
    for answers, start in (
        ({"text": ["", "a"], "answer_start": [0, 4]}, 4), ({"text": ["a"]}, -1), (["a"], -1), ("a", -1),
        ({"text": ["a"], "answer_start": [None]}, -1),
    ):  # fmt: skip
        [made] = to_examples(task, "de", "train", [Row("1", row | {"answers": answers})], "x", for_scoring=False)
        assert (made.label, made.answer_start) == ("a", start)


def test_what_cannot_be_trained_on_has_a_reason(tokenizer: Any) -> None:
    encoder = SpanEncoder(tokenizer, 48, ("start", "end"))
    assert encoder.encode(asked("Oslo")) == NOT_IN_PASSAGE
    assert encoder.encode(asked(question="Wo ist der Apfel? " * 9)) == TOO_LONG
    assert encoder.encode(asked(PASSAGE[:250])) == TOO_LONG  # in no window whole
    long = encoder.read([asked(question="Wo ist der Apfel? " * 9)])[0]
    assert isinstance(long.source, Passage) and long.source.start < 30  # but it is asked
    assert encoder.num_tokens(long.ids) == 48


def test_a_passage_forges_no_separator_and_keeps_its_characters(tokenizer: Any) -> None:
    encoder, text = SpanEncoder(tokenizer, 64, ("start", "end")), f"Der Apfel {tokenizer.sep_token} ist im Wald."
    [plain, read] = encoder.read([asked(passage="Der Apfel ist im Wald."), asked(passage=text)])
    number = tokenizer.sep_token_id
    assert read.ids.count(number) == plain.ids.count(number) and isinstance(read.source, Passage)
    tokens = read.source.tokens_of(text.index("im"), text.index("."))
    assert tokens is not None and read.source.cut(*tokens) == "im Wald"


def test_a_tokenizer_that_knows_no_characters_is_refused(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(tokenizer), "is_fast", False)
    with pytest.raises(Problem, match=r"does not say which characters its tokens are.*tokenizer\.json"):
        SpanEncoder(tokenizer, 48, ("start", "end")).read([asked()])
