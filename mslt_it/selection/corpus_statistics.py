"""Text per language, and which tokens of a model's vocabulary it uses.

Vocabulary coverage of a set of languages (Lim et al. 2024): |union of V_L over the set| / |union of V_L over the pool|,
V_L being the tokens that occur in the text of L.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mslt_it import values
from mslt_it.data.text_files import decode
from mslt_it.problems import Problem
from mslt_it.selection.criteria import NotComputed
from mslt_it.world.generator import state
from mslt_it.world.inference import sample_pair
from mslt_it.world.languages import CODES, grammar

WORLD_SENTENCES = 300  # per language; the same statements in every language


@dataclass(frozen=True)
class Texts:
    """Sentences per language; ``remedy``: what to do where one is asked for that has none."""

    origin: str  # what a report calls them
    sentences: Mapping[str, tuple[str, ...]]
    remedy: str = ""

    def of(self, codes: Sequence[str]) -> list[tuple[str, ...]]:
        """The sentences of all these languages; ``NotComputed`` names those without."""
        lacking = [code for code in codes if code not in self.sentences]
        if lacking:
            raise NotComputed(f"There is no text for {', '.join(lacking)} in {self.origin}.", self.remedy)
        return [self.sentences[code] for code in codes]

    def notes(self) -> list[str]:
        """A warning where texts differ so much in size that coverage measures the size."""
        sizes = {code: sum(map(len, lines)) for code, lines in self.sentences.items()}
        if not sizes:
            return []
        small, large = min(sizes, key=lambda c: sizes[c]), max(sizes, key=lambda c: sizes[c])
        if sizes[large] <= 5 * sizes[small]:
            return []
        return [
            f"The texts differ in size ({small} {sizes[small]:,} characters, {large} {sizes[large]:,}): a larger text "
            "covers more of the vocabulary whatever the language. Cut them to one size."
        ]


def no_text(model: str) -> Texts:
    """Nothing given for a model that does not come with text of its own."""
    return Texts(
        f"the input (no text= was given for model={model})",
        {},
        "Give text=DIR with one file CODE.txt per language, a sentence a line.",
    )


def world_texts(codes: Sequence[str], seed: int = 0, num: int = WORLD_SENTENCES) -> Texts:
    """``num`` statements of the embedded world in each language, the same in all."""
    rng = random.Random(f"select-{seed}")
    clauses = [sample_pair(rng).premise for _ in range(num)]
    known = [code for code in codes if code in CODES]
    sentences = {code: tuple(state(grammar(code), clause) for clause in clauses) for code in known}
    return Texts(
        "the embedded world",
        sentences,
        "Give text=DIR with one file CODE.txt per language, and a model=PATH that was trained on them.",
    )


def read_texts(folder: Path | str, codes: Sequence[str]) -> Texts:
    """``CODE.txt`` of each language in a folder: UTF-8, a sentence a line, empty lines skipped."""
    folder = values.path(folder)
    if not folder.is_dir():
        raise Problem(f"text={folder} is not a folder. Give one with a file CODE.txt per language, for example ar.txt.")
    sentences: dict[str, tuple[str, ...]] = {}
    for code in codes:
        path = folder / f"{code}.txt"
        if not path.is_file():
            continue
        lines = tuple(line.strip() for line in decode(path).split("\n") if line.strip())
        if not lines:
            raise Problem(f"{path} is empty. Put text of '{code}' there, a sentence a line, or remove the file.")
        sentences[code] = lines
    if not sentences:
        there = ", ".join(sorted(p.name for p in folder.iterdir())[:10]) or "nothing"
        raise Problem(f"text={folder} has none of {', '.join(f'{c}.txt' for c in codes)}; it holds {there}.")
    missing = ", ".join(f"{code}.txt" for code in codes if code not in sentences)
    return Texts(f"text={folder}", sentences, f"Add {missing} to the folder, or leave the languages out.")


def token_matrix(texts: Sequence[Sequence[str]], model_path: str) -> NDArray[np.bool_]:
    """[n languages, vocabulary]: True where a token of the model's tokenizer occurs in the text (no control tokens)."""
    encode = _encoder(model_path)
    used = [np.unique(np.fromiter((i for ids in encode(list(lines)) for i in ids), dtype=np.int64)) for lines in texts]
    if not any(len(ids) for ids in used):
        raise NotComputed(f"The tokenizer of '{model_path}' gives the text no tokens.", "Give other text or model.")
    matrix = np.zeros((len(texts), 1 + max(int(ids.max()) for ids in used if len(ids))), dtype=bool)
    for row, ids in enumerate(used):
        matrix[row, ids] = True
    return matrix


def _encoder(model_path: str) -> Callable[[list[str]], list[list[int]]]:
    """sentences -> ids per sentence. A tokenizer.json is read without transformers, which imports torch."""
    file = Path(model_path) / "tokenizer.json"
    if file.is_file():
        from tokenizers import Tokenizer

        backend = Tokenizer.from_file(str(file))
        return lambda lines: [one.ids for one in backend.encode_batch(lines, add_special_tokens=False)]
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model_path, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise NotComputed(
            f"No tokenizer could be loaded from '{model_path}': {str(error).splitlines()[0]}",
            "Give model=PATH, a folder with a tokenizer, or a Hub id that can be reached.",
        ) from error
    return lambda lines: tokenizer(lines, add_special_tokens=False)["input_ids"]
