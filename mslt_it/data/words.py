"""Ids of many texts by their words, each tokenised once.

    "A man reads.\\nA boy is here"  ->  "A", " man", " reads.\\n", "A", " boy", " is", " here"

A word has the space before it and the line's end behind it, and a text is cut nowhere else. No tokenizer in use joins
what stands on the two sides of such a cut, but for single pieces of its vocabulary: a text stays whole where it holds
one of these, an added token, or white space of another kind. In every call some texts are given to the tokenizer as
they are; where one of them has other ids by its words, all texts are, from then on. (Of 29,970 texts of the real
benchmarks in 16 languages none has, with Gemma's tokenizer and the embedded model's.)
"""

from __future__ import annotations

import functools
import itertools
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

LOG = logging.getLogger("mslt_it")
MIN_TEXTS = 64  # of a call; fewer are given to the tokenizer as they are
MIN_SEEN = 2000  # texts, before which most words are new and nothing is saved
NUM_CHECKED = 8  # texts of a call
AT_ONCE = 64  # new words that are given to the tokenizer as one text: one by one they take five times as long
LONGEST_KEPT = 24  # characters; what is longer is a sentence without spaces, and does not come again
MOST_KEPT = 200_000  # words, some 60 MB; with more all are forgotten
MOST_PIECES = 1000  # with a cut in them; a vocabulary with more is one of phrases

_WORD = re.compile(r" ?[^ \n]+\n?")
_INNER = re.compile(r" \S([^ \n]*\S)?")  # that can stand behind another one
_OTHER_SPACE = re.compile(r"\s\s|\n\W|\A\s|\s\Z")
_CUT = re.compile(r"\S |\n[\w\ufffd]")  # U+FFFD: a part of a letter's bytes
_MAY_CUT = re.compile(r"[^\s▁][ ▁Ġ]|[\nĊ].")  # as vocabularies write spaces (SentencePiece, bytes) and line ends
_PROBES = ("a b c", "a. b, c", "a\nb", "a.\nb c.\nd")


class Words:
    """The words of one tokenizer; ``plain``: ids of texts as the tokenizer gives them, control tokens as text."""

    def __init__(self, tokenizer: Any, plain: Callable[[Sequence[str]], list[list[int]]]) -> None:
        self._tokenizer, self._plain = tokenizer, plain
        self._known: dict[str, list[int]] = {}
        self._same: dict[int, int] = {}  # of 300,000 rows each number would be an object of its own
        self._num_seen = 0
        self._are_used = bool(getattr(tokenizer, "is_fast", False))

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, as the tokenizer gives them."""
        self._num_seen += len(texts)
        if self._are_used and len(texts) >= MIN_TEXTS and self._num_seen >= MIN_SEEN and self._kept_whole:
            samples = [*_PROBES, *texts[:: 1 + len(texts) // NUM_CHECKED]]
            expected = self._plain(samples)
            found = self._by_words([*samples, *texts])
            if found[: len(samples)] == expected:
                return found[len(samples) :]
            LOG.info("This tokenizer has other ids for a text than for its words, so texts are tokenised whole.")
            self._are_used = False
        return [self._shared(ids) for ids in self._plain(texts)]

    @functools.cached_property
    def _kept_whole(self) -> re.Pattern[str] | None:
        """What is not cut; None where no text can be."""
        added = {str(token) for token in self._tokenizer.added_tokens_decoder.values()}
        decoder = self._tokenizer.backend_tokenizer.decoder
        pieces = [piece for piece in self._tokenizer.get_vocab() if piece not in added and _MAY_CUT.search(piece)]
        texts = {decoder.decode([piece]) if decoder else piece for piece in pieces}
        across = {text for text in texts if _CUT.search(text)}
        # An unknown space would be one token with an unknown letter before it.
        is_unknown = self._tokenizer.unk_token_id in itertools.chain(*self._plain([" ", "\n"]))
        if is_unknown or len(across) > MOST_PIECES or any("\ufffd" in text for text in across):
            return None
        kept = sorted(text for text in {*added, *across, "▁"} if text.strip())  # "▁" is a space to some
        return re.compile("|".join(map(re.escape, kept)))

    def _by_words(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, those of new words learnt."""
        assert self._kept_whole
        holds = self._kept_whole.search
        if len(self._known) > MOST_KEPT:
            self._known.clear()
        cut = [[t] if " " not in t or _OTHER_SPACE.search(t) or holds(t) else _WORD.findall(t) for t in texts]
        new = [word for word in dict.fromkeys(itertools.chain.from_iterable(cut)) if word not in self._known]
        self._learn(new)
        found = [list(itertools.chain.from_iterable(map(self._known.__getitem__, words))) for words in cut]
        for word in new:
            if len(word) > LONGEST_KEPT:
                del self._known[word]
        return found

    def _learn(self, new: Iterable[str]) -> None:
        backend = self._tokenizer.backend_tokenizer  # which `plain` has told that control tokens are text
        inner, alone = list[str](), list[str]()
        for word in new:
            (inner if len(word) <= LONGEST_KEPT and _INNER.fullmatch(word) else alone).append(word)
        for word, found in zip(alone, backend.encode_batch_fast(alone, add_special_tokens=False), strict=True):
            self._known[word] = self._shared(found.ids)
        groups = [inner[start : start + AT_ONCE] for start in range(0, len(inner), AT_ONCE)]
        joined = backend.encode_batch(list(map("".join, groups)), add_special_tokens=False)
        for words, found in zip(groups, joined, strict=True):
            ids, ends, start = self._shared(found.ids), [end for _, end in found.offsets], 0
            for word, end in zip(words, itertools.accumulate(map(len, words)), strict=True):
                behind = start
                while behind < len(ends) and ends[behind] <= end:
                    behind += 1
                self._known[word], start = ids[start:behind], behind

    def _shared(self, ids: Sequence[int]) -> list[int]:
        return list(map(self._same.setdefault, ids, ids))
