"""What an encoder reads is what its tokenizer makes of the fields, and nothing in them can forge a control token."""

from __future__ import annotations

import pytest
from tiny_encoder import KINDS, make_tokenizer

from mslt_it.data.encoding import TOO_LONG
from mslt_it.data.segments import OptionEncoder, SegmentEncoder, layout, split
from mslt_it.models.inputs import Padding
from mslt_it.problems import Problem
from mslt_it.records import PromptedExample

LABELS = ("entailment", "neutral", "contradiction")


def item(*segments: str) -> PromptedExample:
    return PromptedExample("1", "de", (), "nein", ("ja", "vielleicht", "nein"), segments=segments)


@pytest.fixture(scope="module", params=KINDS)
def encoder(request: pytest.FixtureRequest) -> SegmentEncoder:
    return SegmentEncoder(make_tokenizer(request.param), 40, LABELS)


@pytest.mark.parametrize("segments", [("Der Apfel ist im Wald.",), ("Der Apfel ist rot.", "The apple is red.")])
def test_rows_are_the_tokenizers_own(encoder: SegmentEncoder, segments: tuple[str, ...]) -> None:
    expected = encoder.tokenizer(*segments)
    row = encoder.encode(item(*segments))
    assert not isinstance(row, str)
    assert list(row.input_ids) == expected["input_ids"] and row.labels == (2,)
    assert encoder.parts(row) == (row.input_ids, "contradiction")
    inputs = Padding(1, layout("classes", encoder.tokenizer)).inputs([row.input_ids, row.input_ids[:4]])
    assert inputs["attention_mask"].sum(1).tolist() == [len(row.input_ids), 4]
    if "token_type_ids" in expected and len(segments) > 1:
        assert inputs["token_type_ids"][0].tolist() == expected["token_type_ids"]
        assert 1 in expected["token_type_ids"]
    assert ("token_type_ids" in inputs) == ("token_type_ids" in encoder.tokenizer.model_input_names)


def test_more_fields_than_two_are_one_segment_and_empty_ones_none(encoder: SegmentEncoder) -> None:
    joined = encoder.tokenizer("Der Apfel", "Wald Haus")["input_ids"]
    assert [list(ids) for ids in encoder.row_ids([item("Der Apfel", " ", "Wald", "Haus")])] == [joined]


def test_no_text_forges_a_separator(encoder: SegmentEncoder) -> None:
    separator = encoder.tokenizer.sep_token
    plain, forged = encoder.row_ids([item("Der Apfel", "Wald"), item("Der Apfel", f"Wald {separator} Haus")])
    number = encoder.tokenizer.sep_token_id
    assert forged.count(number) == plain.count(number) and len(forged) > len(plain)


def test_too_long_rows_are_dropped_in_training_and_cut_in_scoring(encoder: SegmentEncoder) -> None:
    long, short = "Der kleine Apfel ist im Wald. " * 20, "Der Apfel ist rot."
    assert encoder.encode(item(long, short)) == TOO_LONG
    for segments in ((long, short), (short, long), (long,)):
        [ids] = encoder.row_ids([item(*segments)])
        cut = encoder.cut(ids, 40)
        assert len(cut) == 40 and cut[0] == ids[0] and cut[-1] == ids[-1]
        own = encoder.user_ids([short])[0]
        assert len(segments) == 1 or any(list(cut[i : i + len(own)]) == own for i in range(40))
        assert tuple(encoder.cut(ids, len(ids))) == ids


def test_a_tokenizer_without_padding_is_refused() -> None:
    tokenizer = make_tokenizer()
    tokenizer.pad_token = None
    with pytest.raises(Problem, match="The tokenizer has no padding token"):
        SegmentEncoder(tokenizer, 40, LABELS)


def test_each_option_is_a_row_of_its_own(encoder: SegmentEncoder) -> None:
    tokenizer = encoder.tokenizer
    options = OptionEncoder(tokenizer, 40, ("first", "second"), (1, 2))
    choice = PromptedExample("1", "de", (), "2", ("1", "2"), segments=("Der Apfel", "ist rot", "ist im Wald", "warum"))
    row = options.encode(choice)
    assert not isinstance(row, str) and row.labels == (1,)
    expected = [tokenizer("Der Apfel warum", option)["input_ids"] for option in ("ist rot", "ist im Wald")]
    start = tokenizer.cls_token_id
    assert [list(part) for part in split(row.input_ids, start)] == expected
    inputs = Padding(1, layout("options", tokenizer)).inputs([row.input_ids, (1, 1)])  # the blank row
    assert inputs["input_ids"].shape == (4, max(map(len, expected)))
    assert inputs["attention_mask"].sum(1).tolist() == [*map(len, expected), 2, 2]
    assert options.num_tokens(row.input_ids) == max(map(len, expected))
    cut = options.cut(row.input_ids, 8)
    assert [len(part) for part in split(cut, start)] == [8, 8]
