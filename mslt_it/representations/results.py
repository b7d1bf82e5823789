"""What `mslt_it.representations.measuring` found, as a file. The dictionary that it holds::

    schema              1
    languages           codes; every matrix below has its rows and columns in this order
    seen, unseen        the languages that some system was trained on, and the others
    num_items           parallel items per language
    num_layers          layers + 1: entry 0 is the embeddings, the last one the output of the final norm
    settings            `Settings`, field by field
    chance              what representations without any order give: cka 0, retrieval 1/items, the others 1
    texts               sha256 of all texts; num_cut and num_repeated per language
    systems.NAME        sources: the languages its adapter was trained on, none for the base
        pairs.cka           [layer][row language][column language], null on the diagonal and where undefined
        pairs.retrieval     the same; share of the row language's items that find theirs in the column language
        languages.mixing    [layer][language]; 1 = neighbours as if drawn at random, 0 = all of the own language
        languages.entropy   the same of the languages among the neighbours
        languages.centred_mixing   mixing after each language's mean was taken away
        groups.MEASURE.GROUP   "layers": [{value, low, high}], "mean": the same for the mean over layers 1 and up
    differences         [{"of", "minus", "groups"}]: every later system minus every earlier one, groups as above
    points              null, or a map of the first items of each language: map (tsne or umap), layer, perplexity,
                        languages and items (one entry per point), and systems.NAME = [[x, y], ...]

Groups of cka and retrieval are pairs of languages: all, seen-seen, seen-unseen, unseen-unseen. Those of mixing,
entropy and centred_mixing are languages: all, seen, unseen. A group without a member is left out. "mean" is one figure
fixed beforehand: of many layers, the one with the largest difference is large by chance alone.

Intervals are over items, the same draws for all systems, so differences are paired; languages, seeds and the items
looked among are held fixed. Draws weigh what each item contributed (for cka the jackknife's influence), see
`mslt_it.representations.cka.cka_pairs` for why items are not simply drawn twice.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mslt_it.problems import Problem

SCHEMA = 1
KEYS = (
    *("languages", "seen", "unseen", "num_items", "num_layers"),
    *("settings", "chance", "texts", "systems", "differences", "points"),
)


def read(path: Path | str) -> dict[str, Any]:
    """The dictionary, checked to be of this schema and complete."""
    remedy = "Measure again, or take the file from a copy that is whole."
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(f"{path} cannot be read ({error}). {remedy}") from error
    if not isinstance(result, dict) or result.get("schema") != SCHEMA:
        found = result.get("schema") if isinstance(result, dict) else type(result).__name__
        raise Problem(f"{path} is of schema {found!r}, this version reads schema {SCHEMA}. Measure again.")
    if missing := [key for key in KEYS if key not in result]:
        raise Problem(f"{path} lacks {', '.join(missing)}. {remedy}")
    layers, count = result["num_layers"], len(result["languages"])
    for name, system in result["systems"].items():
        for measure_, matrix in {**system["pairs"], **system["languages"]}.items():
            if len(matrix) != layers or any(len(row) != count for row in matrix):
                raise Problem(f"{path}: {measure_} of system '{name}' is not of {layers} layers and {count} languages. "
                              f"{remedy}")  # fmt: skip
    return result
