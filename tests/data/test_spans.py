"""Spans: BIO tags against conlleval's rules and seqeval, the answer format there and back, positions of predictions."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mslt_it.data.spans import (
    Chunk,
    Span,
    align,
    chunks,
    decode,
    encode,
    span_counts,
    to_spans,
    without_language_prefix,
)
from mslt_it.evaluation.measures import f1
from mslt_it.problems import Problem

PANX = Path(__file__).parents[3] / "shared" / "data" / "panx"


def triples(tags: str) -> list[tuple[str, int, int]]:
    return [(chunk.kind, chunk.start, chunk.end) for chunk in chunks(tags.split())]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("", []),
        ("O O O", []),
        ("B-PER", [("PER", 0, 0)]),
        ("B-PER I-PER O B-LOC", [("PER", 0, 1), ("LOC", 3, 3)]),
        # I- without B-: after O, at the beginning, after another kind
        ("O I-PER I-PER O", [("PER", 1, 2)]),
        ("I-LOC", [("LOC", 0, 0)]),
        ("I-PER I-LOC", [("PER", 0, 0), ("LOC", 1, 1)]),
        ("B-PER I-LOC I-LOC", [("PER", 0, 0), ("LOC", 1, 2)]),
        ("I-PER I-LOC I-PER", [("PER", 0, 0), ("LOC", 1, 1), ("PER", 2, 2)]),
        # B- always starts a new span, also after its own kind
        ("B-PER B-PER I-PER", [("PER", 0, 0), ("PER", 1, 2)]),
        ("I-PER B-PER", [("PER", 0, 0), ("PER", 1, 1)]),
        ("B-ORG O I-ORG", [("ORG", 0, 0), ("ORG", 2, 2)]),
        ("B-X-Y I-X-Y", [("X-Y", 0, 1)]),
        ("en:B-PER en:I-PER en:O", [("PER", 0, 1)]),
    ],
)
def test_chunks_by_conlleval_rules(tags: str, expected: list[tuple[str, int, int]]) -> None:
    assert triples(tags) == expected


@pytest.mark.parametrize("tag", ["S-PER", "E-PER", "B-", "B", "PER", "", "o", "-1", "B PER", "B-A|B"])
def test_other_tags_are_refused(tag: str) -> None:
    with pytest.raises(Problem, match=r"Tag '.*' at token 1 is not BIO\. Write O, B-KIND or I-KIND"):
        chunks(["O", tag])


def random_tags(draw: random.Random) -> list[str]:
    return draw.choices(["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"], k=draw.randrange(1, 12))


def counted(gold: Sequence[Sequence[str]], guess: Sequence[Sequence[str]], kind: str = "") -> tuple[int, int, int]:
    """(right, wrong, missed) over all sentences, of all kinds or of one."""
    rows = []
    for tags, said in zip(gold, guess, strict=True):
        of_kind = [tag if kind in tag else "O" for tag in tags]
        rows.append(span_counts(of_kind, [chunk for chunk in chunks(said) if kind in chunk.kind]))
    right, wrong, missed = np.sum(rows, axis=0).tolist()
    return right, wrong, missed


def test_counts_and_f1_equal_seqeval() -> None:
    seqeval = pytest.importorskip("seqeval.metrics.sequence_labeling")
    draw = random.Random(5)
    for _ in range(15):
        gold = [random_tags(draw) for _ in range(20)]
        # Near the gold, so that there is something right.
        guess = [[draw.choice([tag, tag, tag, "O", "I-PER", "B-LOC"]) for tag in tags] for tags in gold]
        for tags in gold + guess:
            assert [(c.kind, c.start, c.end) for c in chunks(tags)] == seqeval.get_entities(tags)
        tp, fp, fn = counted(gold, guess)
        micro = seqeval.precision_recall_fscore_support(gold, guess, average="micro")
        assert micro[:3] == pytest.approx((tp / (tp + fp), tp / (tp + fn), f1(np.array([tp, fp, fn]))), abs=1e-12)
        of_kind = seqeval.precision_recall_fscore_support(gold, guess, average=None)
        kinds = [counted(gold, guess, kind) for kind in ("LOC", "ORG", "PER")]
        assert [float(f1(np.array(one))) for one in kinds] == pytest.approx(list(of_kind[2]), abs=1e-12)
        assert [right + missed for right, _, missed in kinds] == list(of_kind[3])


def test_golden_score() -> None:
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-ORG", "I-ORG", "I-ORG", "O"], ["O", "B-LOC"], ["O"]]
    guess = [
        ["B-PER", "I-PER", "O", "B-ORG"],  # one right, one of the wrong kind: a wrong ORG and a missed LOC
        ["B-ORG", "I-ORG", "O", "O"],  # too short: wrong and missed, no partial credit
        ["O", "I-LOC"],  # I- without B- is a span
        ["B-PER"],
    ]
    assert [counted(gold, guess, kind) for kind in ("LOC", "ORG", "PER")] == [(1, 0, 1), (0, 2, 1), (1, 1, 0)]
    assert f1(np.array(counted(gold, guess))) == pytest.approx(4 / 9)


def test_f1_of_nothing_is_zero_and_spans_end_in_the_sentence() -> None:
    assert span_counts(["O"], []) == (0, 0, 0) and f1(np.zeros(3)) == 0.0
    with pytest.raises(ValueError, match="ends beyond the 1 tokens"):
        span_counts(["O"], [Chunk("PER", 0, 1)])


def test_a_span_that_was_not_found_is_wrong_each_time() -> None:
    nowhere = Chunk("PER", -1, -1)
    assert span_counts(["B-PER"], [nowhere, nowhere]) == (0, 2, 1)
    assert span_counts(["B-PER"], []) == (0, 0, 1)  # an answer that could not be parsed


def encode_tags(tokens: Sequence[str], tags: Sequence[str], *, spaced: bool) -> str:
    return encode(to_spans(tokens, tags, spaced=spaced))


ENGLISH = ["Ada", "Lovelace", "lived", "in", "London", "(", "UK", ")", "."]
ENGLISH_TAGS = ["B-PER", "I-PER", "O", "O", "B-LOC", "O", "B-LOC", "O", "O"]


def test_an_answer_reads_as_written() -> None:
    answer = encode_tags(ENGLISH, ENGLISH_TAGS, spaced=True)
    assert answer == "PER: Ada Lovelace | LOC: London | LOC: UK"
    assert encode_tags(["Hm"], ["O"], spaced=True) == "-"


def test_languages_without_spaces() -> None:
    tokens = [*list("村上#春樹は東京"), "#"]
    tags = ["B-PER"] * 1 + ["I-PER"] * 4 + ["O"] + ["B-LOC", "I-LOC", "I-LOC"]
    answer = encode_tags(tokens, tags, spaced=False)
    assert answer == "PER: 村上 春樹 | LOC: 東京"  # "#" is a space, and none at the end
    for text in (answer, answer.replace(" 春", "#春"), answer.replace(" 春", "春")):
        found = align(decode(text) or [], tokens, spaced=False)
        assert found[0] == Chunk("PER", 0, 4)
        assert (found[1].start, found[1].end) == (6, 7)  # the "#" at the span's end is not found again
    # With words, "#" is a word like others.
    assert encode_tags(["C", "#"], ["B-ORG", "I-ORG"], spaced=True) == "ORG: C #"
    assert align([Span("ORG", "C")], ["C", "#"], spaced=True) == [Chunk("ORG", 0, 0)]
    assert to_spans(["#", "a"], ["B-LOC", "O"], spaced=False) == []


@pytest.mark.parametrize(
    "text", ["a|b", "|", "a | b", "\\", "\\|", "a\\", "x: y", "PER: z", "none", "a\\\\|b", "a: | LOC: b", "#"]
)
def test_separators_in_the_text_survive(text: str) -> None:
    spans = [Span("ORG", text), Span("PER", "x"), Span("LOC", text)]
    answer = encode(spans)
    assert decode(answer) == spans


def test_random_text_survives() -> None:
    draw = random.Random(0)
    for _ in range(300):
        spans = []
        for _ in range(draw.randrange(4)):
            words = ["".join(draw.choices("a|\\:é村", k=draw.randrange(1, 5))) for _ in range(draw.randrange(1, 3))]
            spans.append(Span(draw.choice(("PER", "ORG", "LOC")), " ".join(words)))
        assert decode(encode(spans)) == spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PER:Ada|LOC:London", [Span("PER", "Ada"), Span("LOC", "London")]),
        ("  PER :  Ada   Lovelace \n\nQuestion: next", [Span("PER", "Ada Lovelace")]),
        ("\n\nLOC: Oslo", [Span("LOC", "Oslo")]),
        ("LOC: 10:30", [Span("LOC", "10:30")]),
        ("-.", []),
        (" -\n", []),
        ("", None),
        ("   ", None),
        ("There are no entities.", None),
        ("PER Ada", None),
        ("PER: ", None),
        ("PER: Ada |", None),
        ("PER: Ada | | LOC: Oslo", None),
        ("PER: Ada, LOC: Oslo | none", None),
        ("per: Ada", None),
        ("MISC: Ada", None),
        (": Ada", None),
        ("PER: Ada\\", None),
        ("PER: A\\da", None),
        ("PER\\: Ada", None),
    ],
)
def test_decode(text: str, expected: list[Span] | None) -> None:
    assert decode(text) == expected


def test_the_word_for_nothing_in_other_dress() -> None:
    for text in ("-", "–", " — ", "－", "-。"):
        assert decode(text) == [], text
    assert decode("--") is None


def test_other_kinds_are_given_by_the_caller() -> None:
    spans = [Span("DISEASE", "flu")]
    answer = encode(spans)
    assert decode(answer, kinds=("DRUG", "DISEASE")) == spans
    assert decode(answer) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: encode([Span("PER", " ")]), "Span 'PER': ' ' cannot be written as KIND: text"),
        (lambda: encode([Span("A:B", "x")]), "The kind is one word without ':'"),
        (lambda: to_spans(["a", "b"], ["O"], spaced=True), "2 tokens and 1 tags (first token 'a')"),
    ],
)
def test_misuse_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(Problem) as caught:
        call()
    assert message in str(caught.value)


def found_at(text: str, tokens: str, *, spaced: bool = True) -> list[tuple[int, int]]:
    spans = decode(text)
    assert spans is not None
    return [(c.start, c.end) for c in align(spans, tokens.split(), spaced=spaced)]


def test_each_mention_is_taken_once_from_left_to_right() -> None:
    assert found_at("PER: Paris Hilton | LOC: Paris", "Paris Hilton saw Paris") == [(0, 1), (3, 3)]
    assert found_at("LOC: Paris | LOC: Paris | LOC: Paris", "Paris , Paris") == [(0, 0), (2, 2), (-1, -1)]
    # After the span before it: the second Rome, though the first is free.
    assert found_at("LOC: Oslo | LOC: Rome", "Rome Oslo Rome") == [(1, 1), (2, 2)]
    # Nothing free after it: the one before.
    assert found_at("LOC: Oslo | LOC: Rome", "Rome and Oslo") == [(2, 2), (0, 0)]
    # No token serves twice.
    assert found_at("ORG: Bank of Rome | LOC: Rome", "Bank of Rome") == [(0, 2), (-1, -1)]
    # Whole tokens alone, and every place is tried.
    assert found_at("LOC: abc", "xab c") == found_at("LOC: abc", "a bcx") == [(-1, -1)]
    assert found_at("LOC: a | LOC: a a", "a a a") == [(0, 0), (1, 2)]


def test_a_text_that_occurs_twice_means_the_occurrence_that_is_tagged() -> None:
    """The gold answer is right wherever its names stand; an answer of another kind or a name too many is wrong."""
    tokens = ["Rome", "lies", "far", "from", "Rome", "and", "Rome"]
    for tagged in ((4,), (6,), (0, 6), (4, 6), (0, 4, 6)):
        tags = ["B-LOC" if i in tagged else "O" for i in range(7)]
        answer = encode_tags(tokens, tags, spaced=True)
        found = align(decode(answer) or [], tokens, spaced=True, gold=chunks(tags))
        assert found == chunks(tags) and span_counts(tags, found)[1:] == (0, 0)

    tags = ["O", "O", "O", "O", "B-LOC", "O", "O"]

    def counts(answer: str) -> tuple[int, int, int]:
        found = align(decode(answer) or [], tokens, spaced=True, gold=chunks(tags))
        return span_counts(tags, found)

    assert counts("LOC: Rome | LOC: Rome") == (1, 1, 0)  # one of them is too many
    assert counts("LOC: Rome | LOC: Rome | LOC: Rome | LOC: Rome") == (1, 3, 0)
    assert counts("ORG: Rome") == (0, 1, 1)
    assert counts("ORG: Rome | LOC: Rome") == (1, 1, 0)  # a wrong span does not take the right one's place
    assert counts("LOC: far | LOC: Rome") == (1, 1, 0)
    # A name inside a longer one: the short one is tagged where it stands alone.
    tokens = list("東京都の東京")
    tags = ["O", "O", "O", "O", "B-LOC", "I-LOC"]
    found = align(decode("LOC: 東京") or [], tokens, spaced=False, gold=chunks(tags))
    assert found == chunks(tags)


def test_a_span_covers_whole_tokens() -> None:
    assert found_at("LOC: Rom", "Rome Romania") == [(-1, -1)]
    assert found_at("LOC: Rome", "Chrome Rome") == [(1, 1)]
    assert found_at("LOC: St. Ives", "St . Ives") == [(0, 2)]  # white space does not count
    assert found_at("LOC: rome", "Rome") == [(-1, -1)]  # case does
    assert found_at("LOC: Nowhere", "Rome") == [(-1, -1)]
    assert found_at("LOC: #", "a b", spaced=False) == [(-1, -1)]  # nothing is left of it
    assert found_at("LOC: Zürich", "Zürich") == [(0, 0)]  # composed and decomposed
    # WikiANN has names with joiners that nobody sees, and the prompt is without them.
    assert found_at("ORG: إم بي سي", "قناة إم \u200cبي \u200cسي") == [(1, 3)]


def test_gold_answers_score_one() -> None:
    found = align(decode("PER: Ada Lovelace | LOC: London | LOC: UK") or [], ENGLISH, spaced=True)
    assert found == chunks(ENGLISH_TAGS)
    assert span_counts(ENGLISH_TAGS, found) == (3, 0, 0)


def test_language_prefix_of_tokens() -> None:
    assert without_language_prefix(["en:Ada", "en::"], "en") == ["Ada", ":"]
    assert without_language_prefix(["en:Ada", "x"], "en") == ["en:Ada", "x"]
    assert without_language_prefix(["http://a"], "en") == ["http://a"]
    assert without_language_prefix(["en:"], "en") == ["en:"]


@pytest.mark.parametrize("language", ["ar", "de", "fi", "he", "ja", "ru", "tr", "zh"])
def test_real_files_there_and_back(language: str) -> None:
    """The gold answer, read back, gives the gold spans: the ceiling of this way of asking."""
    files = sorted(PANX.glob(f"{language}/*.tsv"))
    if not files:
        pytest.skip("shared/data/panx is not here")
    sentences = [block.split("\n") for block in files[0].read_text(encoding="utf-8").strip("\n").split("\n\n")]
    spaced = language not in ("ja", "th", "zh")
    gold, guessed = [], []
    for lines in sentences[:1000]:
        tokens, tags = ([line.split("\t")[column] for line in lines] for column in (0, 1))
        spans = decode(encode_tags(tokens, tags, spaced=spaced))
        assert spans == to_spans(tokens, tags, spaced=spaced)
        gold.append(tags)
        guessed.append(align(spans or [], tokens, spaced=spaced, gold=chunks(tags)))
    counts = [span_counts(tags, found) for tags, found in zip(gold, guessed, strict=True)]
    assert f1(np.sum(counts, axis=0)) == 1.0
