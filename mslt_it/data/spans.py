"""Named entities as generated text: a format that parses without doubt, and span F1 that equals conlleval's.

An answer is one line, ``PER: Ada Lovelace | LOC: London``: kind, colon, text; items in text order, ``|`` between them.
A ``|`` or ``\\`` of the text is written ``\\|`` or ``\\\\``; the first colon ends the kind, so colons need no escape.
Kinds are written alike in all languages; "-" says that there are none.

Scoring goes back to token positions, so a name that occurs twice has to be given twice. Positions are counted as
conlleval (CoNLL-2000) and seqeval's default mode count them: a span is right when kind, first and last token are right.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mslt_it.problems import Problem

KINDS = ("PER", "ORG", "LOC")  # PAN-X's
NO_NAMES = "-"
SPACE_TOKEN = "#"  # where tokens are characters (ja, th, zh), PAN-X writes it for a space that the text did have

_TAG = re.compile(r"(?:[a-z]{2,3}(?:-[A-Za-z0-9]+)*:)?(?:(O)|([BI])-([^\s:|\\]+))")  # PAN-X's first form has "en:B-PER"
_ITEM = re.compile(r"\s*([^\s:|\\]+)\s*:(.*)", re.DOTALL)
_PIECE = re.compile(r"\\(.)|(\|)|([^\\|]+)|(\\)", re.DOTALL)  # escaped character, separator, plain text, lone backslash


@dataclass(frozen=True)
class Span:
    """A named entity as text."""

    kind: str  # "PER"
    text: str


@dataclass(frozen=True)
class Chunk:
    """A named entity as token positions; ``start`` and ``end`` are -1 where the text is not in the sentence."""

    kind: str
    start: int  # first token
    end: int  # last token, included

    @property
    def found(self) -> bool:
        return self.start >= 0


def without_language_prefix(tokens: Sequence[str], language: str) -> list[str]:
    """The tokens without WikiANN's ``en:`` before each; unchanged unless all of them have it ("de:" may be a word)."""
    prefix = f"{language}:"
    marked = all(token.startswith(prefix) and len(token) > len(prefix) for token in tokens)
    return [token.removeprefix(prefix) if marked else token for token in tokens]


def chunks(tags: Sequence[str]) -> list[Chunk]:
    """The spans of BIO tags, in order, as conlleval reads them.

    B- starts a span; so does an I- after O, at the beginning, or after another kind. Raises Problem for any other tag.
    """
    found: list[Chunk] = []
    kind, start = "", 0  # the open span; "" = none
    for position, tag in enumerate(tags):
        match = _TAG.fullmatch(tag)
        if match is None:
            raise Problem(f"Tag '{tag}' at token {position} is not BIO. Write O, B-KIND or I-KIND, such as B-PER.")
        new = match[3] or ""
        if kind and (match[2] != "I" or new != kind):
            found.append(Chunk(kind, start, position - 1))
            kind = ""
        if new and not kind:
            kind, start = new, position
    if kind:
        found.append(Chunk(kind, start, len(tags) - 1))
    return found


def to_spans(tokens: Sequence[str], tags: Sequence[str], *, spaced: bool) -> list[Span]:
    """The spans of a tagged sentence as text, in order.

    ``spaced`` tokens are joined by spaces. Others are joined as they are, with "#" read as a space. A span that is
    nothing but space has no text and is left out.
    """
    if len(tokens) != len(tags):
        raise Problem(
            f"A sentence has {len(tokens)} tokens and {len(tags)} tags (first token '{next(iter(tokens), '')}'). "
            "Each token needs one tag: check the file for lines with a missing column."
        )
    spans = []
    for chunk in chunks(tags):
        if text := " ".join(sentence(tokens[chunk.start : chunk.end + 1], spaced).split()):
            spans.append(Span(chunk.kind, text))
    return spans


def sentence(tokens: Sequence[str], spaced: bool) -> str:
    """The tokens as text."""
    return " ".join(tokens) if spaced else "".join(" " if token == SPACE_TOKEN else token for token in tokens)


def encode(spans: Sequence[Span]) -> str:
    """The answer text of a list of spans; ``decode`` gives the spans back."""
    for span in spans:
        item = _ITEM.fullmatch(f"{span.kind}:{span.text}")
        if item is None or item[1] != span.kind or not span.text.strip():
            raise Problem(
                f"Span {span.kind!r}: {span.text!r} cannot be written as KIND: text. "
                "The kind is one word without ':', '|' or '\\', and the text is not empty."
            )
    texts = (" ".join(span.text.split()).replace("\\", "\\\\").replace("|", "\\|") for span in spans)
    return " | ".join(f"{span.kind}: {text}" for span, text in zip(spans, texts, strict=True)) or NO_NAMES


def decode(text: str, kinds: Sequence[str] = KINDS) -> list[Span] | None:
    """The spans of a generated answer, or None where it is not in the format (the caller counts those).

    Only the first line that holds something counts, since an answer has one line: a model that runs on past it has
    answered. An unknown kind, an item without kind or text, an empty item and a lone backslash make it unparsable.
    """
    line = next((line for line in text.splitlines() if line.strip()), "").strip()
    if _folded(line) == NO_NAMES:
        return []
    items = [""]  # with escapes still in, so that "PER\:" is no kind
    for match in _PIECE.finditer(line):
        if match[4] or (match[1] and match[1] not in "|\\"):
            return None
        if match[2]:
            items.append("")
        else:
            items[-1] += match[0]
    spans = []
    for item in items:
        found = _ITEM.fullmatch(item)
        if found is None or found[1] not in kinds or not found[2].strip():
            return None
        spans.append(Span(found[1], " ".join(re.sub(r"\\(.)", r"\1", found[2]).split())))
    return spans


def _folded(text: str) -> str:
    """Without case, white space, the kind of dash and a full stop at the end ("-.")."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".。।")
    return "".join("-" if unicodedata.category(character) == "Pd" else character for character in folded)


def align(spans: Sequence[Span], tokens: Sequence[str], *, spaced: bool, gold: Sequence[Chunk] = ()) -> list[Chunk]:
    """Token positions of predicted spans, one chunk per span and in their order.

    A text does not say which of its occurrences is meant. A span whose kind and text are those of a ``gold`` chunk
    means that one, each chunk being given away once, in order: so the gold answer itself is always right. Any other
    span takes its first occurrence after the previous span, since answers go through the sentence from left to right;
    where there is none, the first occurrence anywhere that no other span has taken. A span never shares a token with
    another and covers whole tokens. White space does not count ("St." is found in "St" "."), nor does "#" where
    tokens are characters, so a model that writes the space of PAN-X's "#", the "#" or neither is read alike.
    """
    letters: list[str] = []
    owners: list[int] = []  # token of each letter
    bare = [_bare(token, spaced) for token in tokens]
    for number, own in enumerate(bare):
        letters.extend(own)
        owners.extend([number] * len(own))
    sentence = "".join(letters)
    taken = [False] * len(tokens)
    meant: list[Chunk | None] = []
    free = list(gold)
    for span in spans:
        wanted = _bare(span.text, spaced)
        chunk = next((c for c in free if c.kind == span.kind and "".join(bare[c.start : c.end + 1]) == wanted), None)
        meant.append(chunk)
        if chunk is not None:
            free.remove(chunk)
            taken[chunk.start : chunk.end + 1] = [True] * (chunk.end + 1 - chunk.start)
    result = []
    after = 0
    for span, chunk in zip(spans, meant, strict=True):
        if chunk is None:
            wanted = _bare(span.text, spaced)
            place = _place(wanted, sentence, owners, taken, after) or _place(wanted, sentence, owners, taken, 0)
            if place is None:
                result.append(Chunk(span.kind, -1, -1))
                continue
            chunk = Chunk(span.kind, *place)
            taken[chunk.start : chunk.end + 1] = [True] * (chunk.end + 1 - chunk.start)
        after = chunk.end + 1
        result.append(chunk)
    return result


def _bare(text: str, spaced: bool) -> str:
    """Canonically decomposed, so that a tokenizer that composes letters does not matter, without white space and what
    nobody sees (joiners, direction marks), which cleaning may have taken out of the prompt."""
    text = unicodedata.normalize("NFD", text)
    seen = (c for c in text if not c.isspace() and unicodedata.category(c) != "Cf")
    return "".join(c for c in seen if spaced or c != SPACE_TOKEN)


def _place(wanted: str, sentence: str, owners: list[int], taken: list[bool], after: int) -> tuple[int, int] | None:
    """First and last token of the first free occurrence at or after token ``after`` that covers whole tokens."""
    at = sentence.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        starts_token = at == 0 or owners[at - 1] != owners[at]
        ends_token = end == len(owners) or owners[end - 1] != owners[end]
        first, last = owners[at], owners[end - 1]
        if starts_token and ends_token and first >= after and not any(taken[first : last + 1]):
            return first, last
        at = sentence.find(wanted, at + 1)
    return None


def span_counts(gold_tags: Sequence[str], predicted: Sequence[Chunk]) -> tuple[int, int, int]:
    """Right, wrong and missed spans of one sentence. Spans that were not found count as wrong, each of them.

    An answer that could not be parsed is ``predicted=[]``: everything in the sentence was missed.
    """
    gold = Counter(chunks(gold_tags))
    guessed = Counter(predicted)
    for chunk in predicted:
        if chunk.found and chunk.end >= len(gold_tags):
            raise ValueError(f"span {chunk} ends beyond the {len(gold_tags)} tokens of its sentence")
    right = gold & guessed
    return right.total(), (guessed - right).total(), (gold - right).total()
