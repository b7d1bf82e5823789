"""The weights with which adapters are combined.

    equal          1/n each
    size           n_i / sum of n_j, n_i = labelled rows that adapter i was trained on
    [0.5,-0.2]     as given: of either sign, not normalised
    typology:tr    c_i / sum of c_j, c_i = 1 - d(i, tr): the cosine similarity of adapter i's source language to the
                   target language tr over URIEL's syntax, phonology and inventory features (Littell et al. 2017, gaps
                   imputed); the mean over its sources where an adapter has several

Weighting adapters by typological similarity to a language nobody labelled is the idea of TIPA (Accou and Poelman,
Findings of EACL 2026, arXiv 2601.16629), which takes its distances from URIEL+ and combines MAD-X adapters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from mslt_it.languages import validate_code
from mslt_it.problems import Problem, nearest
from mslt_it.selection.criteria import L2V_PARTS
from mslt_it.selection.typology import distances, read_typology

KINDS = ("equal", "size", "typology:CODE", "[NUMBER,...]")
PARTS = L2V_PARTS["l2v_typology"]  # syntax, phonology, inventory


def resolve_weights(
    text: str, sources: Sequence[Sequence[str]], num_examples: Sequence[int]
) -> tuple[tuple[float, ...], str]:
    """(one weight per adapter, how they came about) for what the user wrote after ``weights=``.

    Args:
        sources: per adapter the languages it was trained on.
        num_examples: per adapter the labelled rows it was trained on.
    """
    number = len(sources)
    if text == "equal":
        return equal_weights(number), "equal"
    if text == "size":
        return size_weights(num_examples), f"by training rows {', '.join(map(str, num_examples))}"
    kind, colon, code = text.partition(":")
    if kind == "typology":
        if not colon or not code:
            raise Problem("weights=typology needs the language to be near to: weights=typology:tr.")
        target = validate_code(code)
        return typology_weights(sources, target), f"by typological similarity to {target}"
    inner = re.fullmatch(r"\[(.*)\]", text)
    if inner is None:
        raise Problem(f"weights={text} is unknown. {nearest(text, KINDS)}")
    return given_weights(inner.group(1).split(","), number), "given"


def equal_weights(number: int) -> tuple[float, ...]:
    """1/n each."""
    return (1.0 / number,) * number


def size_weights(num_examples: Sequence[int]) -> tuple[float, ...]:
    """In proportion to the training rows; they sum to 1."""
    if any(n <= 0 for n in num_examples):
        raise Problem(
            f"weights=size: the numbers of training rows are {list(num_examples)}; each must be above 0. "
            "Use weights=equal or give numbers: weights=[0.5,0.5]."
        )
    return tuple(n / sum(num_examples) for n in num_examples)


def given_weights(texts: Sequence[str], number: int) -> tuple[float, ...]:
    """Numbers as they are written, one per adapter."""
    values = []
    for text in texts:
        try:
            values.append(float(text))
        except ValueError:
            raise Problem(f"weights: '{text.strip()}' is not a number. Write for example weights=[0.5,0.5].") from None
        if not math.isfinite(values[-1]):
            raise Problem(f"weights: '{text.strip()}' is not a finite number.")
    if len(values) != number:
        raise Problem(f"weights has {len(values)} numbers, runs has {number} adapters. Give one number for each run.")
    return tuple(values)


def typology_weights(sources: Sequence[Sequence[str]], target: str) -> tuple[float, ...]:
    """In proportion to the similarity to ``target``; they sum to 1."""
    codes = list(dict.fromkeys([target, *(code for own in sources for code in own)]))
    try:
        apart = distances(read_typology(codes).vectors(PARTS))[0]
    except Problem as problem:  # its remedies are options of mslt select
        raise Problem(
            f"weights=typology:{target}: {str(problem).split('. ')[0].rstrip('.')}. Give the weights as numbers: "
            f"weights=[{','.join(['0.5'] * len(sources))}]."
        ) from problem
    near = {code: 1.0 - float(d) for code, d in zip(codes, apart, strict=True)}
    similarity = [sum(near[code] for code in own) / len(own) for own in sources]
    return tuple(value / sum(similarity) for value in similarity)
