"""The criteria as scorers of sets, and what they read: vectors, sizes, text, tokens, embeddings, scripts."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_it import values
from mslt_it.languages import likely_script, script_name, script_of_text
from mslt_it.problems import Problem, nearest
from mslt_it.selection import sampling, typology
from mslt_it.selection.corpus_statistics import Texts, no_text, read_texts, token_matrix, world_texts
from mslt_it.selection.criteria import L2V_PARTS, NotComputed, Request
from mslt_it.selection.embeddings import MAX_SENTENCES, MIN_NEIGHBOURS, mean_embeddings, neighbour_votes
from mslt_it.selection.pretraining_sizes import SizeTable, size_table
from mslt_it.selection.search import Floats, Scorer, Sets
from mslt_it.world.mini_model import weights_dir


def over_pairs(matrix: Floats, join: np.ufunc = np.add) -> Scorer:
    """The sum of matrix[i, j] over the pairs of a set, or another ``join`` of them; 0 for one language. ``matrix`` is
    symmetric, [n, n]."""

    def score(sets: Sets) -> Floats:
        pairs = (matrix[sets[:, a], sets[:, b]] for a, b in itertools.combinations(range(sets.shape[1]), 2))
        return np.asarray(functools.reduce(join, pairs) if sets.shape[1] > 1 else np.zeros(len(sets)))

    return score


def coverage(members: NDArray[np.bool_]) -> Scorer:
    """The share of the pool's tokens that a set covers; ``members`` is [n, tokens].

    Tokens that the same languages have are counted together: what matters of 250,000 tokens is how many fall on each
    of a few thousand patterns. A token of one language only (most are) is a sum of weights.
    """
    members = members[:, members.any(axis=0)]
    num_tokens = members.shape[1]
    shared = members.sum(axis=0) > 1
    own = members[:, ~shared].sum(axis=1).astype(np.float64)
    patterns, counts = np.unique(members[:, shared].T, axis=0, return_counts=True)
    table = np.ascontiguousarray(patterns.T)  # [n, patterns]
    weights = counts.astype(np.float32)
    rows = max(1, (1 << 25) // max(1, table.shape[1]))  # 32 MB of flags at once

    def score(sets: Sets) -> Floats:
        covered = own[sets].sum(axis=1)
        for start in range(0, len(sets), rows):
            part = sets[start : start + rows]
            hit = table[part[:, 0]]
            for column in range(1, part.shape[1]):
                hit = hit | table[part[:, column]]
            covered[start : start + rows] += hit @ weights
        return np.asarray(covered / num_tokens, dtype=np.float64)

    return score


def distinct(labels: Sequence[str]) -> Scorer:
    """How many different labels (scripts) a set has; ``labels`` is [n]."""
    names = sorted(set(labels))
    numbers = np.array([names.index(label) for label in labels])

    def score(sets: Sets) -> Floats:
        found = np.sort(numbers[sets], axis=1)
        return 1.0 + (found[:, 1:] != found[:, :-1]).sum(axis=1)

    return score


def facility_location(similarity: Floats) -> Scorer:
    """The mean over targets of the similarity to the most similar member; ``similarity`` is [targets, n]."""
    return lambda sets: np.asarray(sum(row[sets].max(axis=1) for row in similarity) / len(similarity))


@dataclass(frozen=True)
class Scored:
    """A criterion, ready to score sets."""

    scorer: Scorer  # higher is better
    lead: Callable[[Sequence[int]], str]  # why a set scores as it does
    is_pair_sum: bool = False
    notes: tuple[str, ...] = ()
    sign: float = 1.0  # -1: the score shown is the negative of the scorer's


@dataclass(frozen=True)
class Inputs:
    """What the criteria read; each is read when a criterion first asks."""

    request: Request
    pool: tuple[str, ...]  # the candidates, named pools spelled out
    targets: tuple[str, ...]

    @functools.cached_property
    def languages(self) -> typology.Typology:
        """The vectors of the pool, then of the targets."""
        return typology.read_typology([*self.pool, *self.targets], self.request.uriel)

    @functools.cached_property
    def size_table(self) -> SizeTable:
        for code in self.request.sizes:
            if code not in self.pool:
                raise Problem(f"sizes: '{code}' is not in the pool. {nearest(code, self.pool)}")
        return size_table(self.request.model, self.request.sizes)

    @functools.cached_property
    def texts(self) -> Texts:
        return self._texts_of(self.pool)

    def _texts_of(self, codes: tuple[str, ...]) -> Texts:
        asked = self.request
        if asked.text:
            return read_texts(asked.text, codes)
        return world_texts(codes, asked.seed) if asked.model == "world" else no_text(asked.model)

    @property
    def model_path(self) -> str:
        return str(weights_dir()) if self.request.model == "world" else str(values.path(self.request.model))

    @functools.cached_property
    def scripts(self) -> list[str]:
        """The script of the text where the user gave text, the usual script of the language elsewhere."""
        given = self.texts.sentences if self.request.text else {}
        return [(script_of_text(given[c]) if c in given else None) or likely_script(c) for c in self.pool]

    def scored(self, name: str) -> Scored:
        """The criterion by name; ``NotComputed`` where an input is missing."""
        if name in L2V_PARTS:
            scored = self.l2v(name, self.languages)
            return dataclasses.replace(scored, notes=(*scored.notes, *self._l2v_notes(name)))
        maker: Callable[[], Scored] = getattr(self, f"_{name}")
        return maker()

    def l2v(self, name: str, vectors: typology.Typology) -> Scored:
        matrix = typology.distances(vectors.vectors(L2V_PARTS[name])[: len(self.pool)])
        return self._pairs(matrix, lowest_first=name == "min_diversity")

    def _l2v_notes(self, name: str) -> list[str]:
        """Languages whose vectors are more guess than data, each with the nearest language that has data."""
        found, parts = self.languages, L2V_PARTS[name]
        notes = []
        for part in parts:
            shares = found.imputed.get(part, np.zeros(0))[: len(self.pool)]
            weak = [row for row, share in enumerate(shares) if share > typology.MAX_IMPUTED_SHARE]
            if weak:
                listed = ", ".join(f"{self._nearest(row, part)} {shares[row]:.0%}" for row in weak)
                notes.append(
                    f"Mostly imputed {part} values: {listed}. After the arrow, the nearest language that has data, for "
                    "uriel={CODE:OTHER}."
                )
        # Isolates such as Basque, but also gaps such as nob.
        alone = [row for row in range(len(self.pool)) if "family" in parts and not found.parts["family"][row].any()]
        if alone:
            listed = ", ".join(self._nearest(row, "family") for row in alone)
            notes.append(
                f"No family in lang2vec, counted as alone in one of their own: {listed}. Where that is wrong, the "
                "nearest language with a family stands after the arrow, for uriel={CODE:OTHER}."
            )
        return notes

    def _nearest(self, row: int, part: str) -> str:
        own = self.languages.uriel[row]
        return f"{self.languages.codes[row]} ({own} → {typology.nearest_with_data(own, part)})"

    def _pairs(self, matrix: Floats, *, lowest_first: bool = False) -> Scored:
        def lead(members: Sequence[int]) -> str:
            pairs = sorted(
                (matrix[a, b], f"{self.pool[a]}-{self.pool[b]}") for a, b in itertools.combinations(members, 2)
            )
            (low, alike), (high, unlike) = pairs[0], pairs[-1]
            if len(pairs) == 1:
                return f"distance {low:.3f}"
            return f"least alike {unlike} ({high:.3f}), most alike {alike} ({low:.3f})"

        scorer = over_pairs(matrix)
        if lowest_first:
            return Scored(lambda sets: -scorer(sets), lead, True, sign=-1.0)
        return Scored(scorer, lead, True)

    def _pretraining_size(self) -> Scored:
        table = self.size_table
        amounts = np.array(table.of(self.pool))
        notes = (f"Sizes in {table.unit} of {table.corpus}. Source: {table.source}.", *table.notes(self.pool))
        return Scored(
            lambda sets: amounts[sets].sum(axis=1),
            lambda members: ", ".join(f"{self.pool[i]} {amounts[i]:g}" for i in members) + f" ({table.unit})",
            notes=notes,
        )

    def _vocabulary_coverage(self) -> Scored:
        members = token_matrix(self.texts.of(self.pool), self.model_path)
        counts = members.sum(axis=1)
        pool_size = int(members.any(axis=0).sum())
        note = f"Text: {self.texts.origin}; {pool_size:,} tokens of the tokenizer occur in the pool's text."
        return Scored(
            coverage(members),
            lambda chosen: "tokens used: " + ", ".join(f"{self.pool[i]} {counts[i]:,}" for i in chosen),
            notes=(note, *self.texts.notes()),
        )

    def _embedding(self) -> Scored:
        texts = self.texts.of(self.pool)
        vectors = mean_embeddings(texts, self.model_path, allow_download="embedding" in self.request.criteria)
        origin = f"at most {MAX_SENTENCES} sentences a language; {self.texts.origin}"
        note = f"Last hidden states of {self.request.model}, {origin}."
        return dataclasses.replace(self._pairs(typology.distances(vectors)), notes=(note,))

    def _scripts(self) -> Scored:
        notes = []
        for code, script in zip(self.pool, self.scripts, strict=True):
            if script != (usual := likely_script(code)):
                notes.append(
                    f"{code}: the text is in {script_name(script)}, the usual script is {script_name(usual)}. "
                    "The text's script counts."
                )
        return Scored(
            distinct(self.scripts),
            lambda chosen: ", ".join(f"{self.pool[i]} {script_name(self.scripts[i])}" for i in chosen),
            notes=tuple(notes),
        )

    def _require_targets(self) -> None:
        if not self.targets:
            raise NotComputed("No targets are given.", "Give the languages to transfer to: targets=[sw,th].")

    def _target_coverage(self) -> Scored:
        self._require_targets()
        n, weight = len(self.pool), self.request.diversity_weight
        apart = np.mean([typology.distances(self.languages.vectors([part])) for part in typology.PARTS], axis=0)
        similarity = 1.0 - apart[n:, :n]
        near, pairs = facility_location(similarity), over_pairs(apart[:n, :n])

        def score(sets: Sets) -> Floats:
            diversity = pairs(sets) / max(1, sets.shape[1] * (sets.shape[1] - 1) // 2)
            return (1 - weight) * near(sets) + weight * diversity

        def lead(members: Sequence[int]) -> str:
            best = [max(members, key=lambda i: similarity[row, i]) for row in range(len(self.targets))]
            found = enumerate(zip(self.targets, best, strict=True))
            return ", ".join(f"{target} near {self.pool[i]} ({similarity[row, i]:.2f})" for row, (target, i) in found)

        note = f"(1 - {weight:g}) x similarity to the nearest source + {weight:g} x mean distance of pairs."
        return Scored(score, lead, notes=(note,))

    def _sampled(self, join: np.ufunc) -> Scored:
        values = sampling.features(self.languages.uriel[: len(self.pool)])
        matrix = sampling.distances(values)
        of_pairs = self._pairs(matrix).lead

        def lead(members: Sequence[int]) -> str:
            found = sampling.measures(values[list(members)])
            return of_pairs(members) + (
                f"; mean distance of pairs {found['distance']:.3f}, entropy of features {found['entropy']:.3f} bits, "
                f"feature values included {found['inclusion']:.1%}, values that overlap {found['overlap']:.1%}"
            )

        known = 1 - np.isnan(values).mean(axis=1)
        least = int(np.argmin(known))
        note = (
            f"{values.shape[1]} features of syntax, phonology and inventory from URIEL's databases, nothing imputed; "
            f"fewest known of {self.pool[least]} ({known[least]:.0%})."
        )
        return Scored(over_pairs(matrix, join), lead, join is np.add, notes=(note,))

    _maxsum = functools.partialmethod(_sampled, np.add)
    _maxmin = functools.partialmethod(_sampled, np.minimum)

    def _nn_rank(self) -> Scored:
        self._require_targets()
        texts = self._texts_of((*self.pool, *self.targets))
        sources, targets = texts.of(self.pool), texts.of(self.targets)
        if short := [c for c in (*self.pool, *self.targets) if len(texts.sentences[c]) < MIN_NEIGHBOURS]:
            raise NotComputed(
                f"The text of {', '.join(short)} has fewer than {MIN_NEIGHBOURS} sentences, too few for votes.",
                f"Give {MIN_NEIGHBOURS} or more lines in {short[0]}.txt, or leave the language out.",
            )
        shares = neighbour_votes(sources, targets, self.model_path, allow_download="nn_rank" in self.request.criteria)
        mean = shares.mean(axis=0)

        def lead(members: Sequence[int]) -> str:
            return "votes: " + ", ".join(f"{self.pool[i]} {mean[i]:.1%}" for i in members)

        note = (
            f"Share of the targets' sentences whose nearest sentence is a source's, mean over targets; middle layer of "
            f"{self.request.model}; {texts.origin}."
        )
        return Scored(lambda sets: mean[sets].sum(axis=1), lead, notes=(note,))

    def _random(self) -> Scored:
        def score(sets: Sets) -> Floats:
            """A number in [0, 1) from the seed and the set alone, so that chunks and searches agree."""
            state = np.full(len(sets), (self.request.seed * 0x9E3779B97F4A7C15 + 1) % 2**64, dtype=np.uint64)
            for column in np.sort(sets, axis=1).T:
                state = _mixed(state ^ _mixed(column.astype(np.uint64) + np.uint64(1)))
            return (state >> np.uint64(11)).astype(np.float64) / 2.0**53

        return Scored(score, lambda members: f"drawn with seed {self.request.seed}")


def _mixed(state: Any) -> Any:
    """The finaliser of SplitMix64 (Steele et al. 2014): every bit of the input moves every bit of the output."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
