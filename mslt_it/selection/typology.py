"""Typological vectors of languages from URIEL (Littell et al., EACL 2017), read from lang2vec's data files.

The package lang2vec itself is never imported: version 1.1.2 needs ``pkg_resources``, which current setuptools no longer
has, and reads its files anew on every call. Its ``.npz`` files hold arrays of [7970 languages, features, 1 source]:

  feature_predictions.npz   103 syntax + 28 phonology + 158 inventory features, gaps filled by k nearest neighbours
  feature_averages.npz      the same features averaged over the databases; -1 = no database has it
  family_features.npz       3,718 nodes of the family tree, 1 = the language is below it
  geocoord_features.npz     distances to 299 points of the globe, 0 to 1

Codes are mapped as lang2vec does it: two letters by its own table (ar -> ara, zh -> zho), three letters as they are.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_it.languages import bare
from mslt_it.problems import Problem, nearest

Floats = NDArray[np.float64]

PARTS = ("syntax", "phonology", "inventory", "family", "geography")
STRUCTURE = ("syntax", "phonology", "inventory")  # the parts with gaps; the other two are complete
_PREFIX = {"syntax": "S_", "phonology": "P_", "inventory": "INV_"}
MAX_IMPUTED_SHARE = 0.5  # above it, a part of a language's vector is more guess than data, and is said to be


@dataclass(frozen=True)
class _File:
    rows: Mapping[str, int]  # URIEL code -> row
    features: tuple[str, ...]
    data: NDArray[Any]  # [languages, features]


@dataclass(frozen=True)
class Typology:
    """The vectors of n languages."""

    codes: tuple[str, ...]  # BCP-47, the order of all rows below
    uriel: tuple[str, ...]  # the code under which URIEL knows each
    parts: Mapping[str, Floats]  # part -> [n, features of the part], values 0 to 1
    imputed: Mapping[str, Floats]  # part of STRUCTURE -> [n], share of features that no database has

    def vectors(self, parts: Sequence[str]) -> Floats:
        """The parts side by side: [n, features]."""
        return np.hstack([self.parts[part] for part in parts])


def read_typology(codes: Sequence[str], uriel: Mapping[str, str] | None = None) -> Typology:
    """The vectors of languages given by BCP-47 codes, gaps filled with lang2vec's own predictions.

    Args:
        uriel: URIEL codes for some of the languages instead of lang2vec's mapping ({"ar": "arb"}).
    """
    given = dict(uriel or {})
    for code in given:
        if code not in codes:
            raise Problem(f"uriel: '{code}' is neither in the pool nor a target. {nearest(code, codes)}")
    table, averages = _file("feature_predictions.npz"), _file("feature_averages.npz")
    found = [_checked(code, given[code], table.rows) if code in given else uriel_code(code) for code in codes]
    parts, imputed = {}, {}
    for part in STRUCTURE:
        parts[part] = _rows(table, found)[:, _columns(table, part)]
        imputed[part] = (_rows(averages, found)[:, _columns(averages, part)] < 0).mean(axis=1)
    parts["family"] = _rows(_file("family_features.npz"), found)
    parts["geography"] = _rows(_file("geocoord_features.npz"), found)
    return Typology(tuple(codes), tuple(found), parts, imputed)


def uriel_code(code: str) -> str:
    """BCP-47 -> URIEL: the language part by lang2vec's table (``zh-Hant`` -> zho), three letters as they are."""
    language = bare(code)
    return _checked(code, letter_codes().get(language, language), _file("feature_predictions.npz").rows)


def _checked(code: str, uriel: str, known: Mapping[str, int]) -> str:
    if uriel in known:
        return uriel
    if member := main_variety(code):
        remedy = f"It is a macro-language; name the member that is meant: uriel={{{code}:{member}}}."
    else:
        close = nearest(uriel, known).split("Known:")[0].strip()  # 7,970 codes are no help to read
        remedy = f"{close} Name a related language that it has: uriel={{{code}:CODE}} (ISO 639-3), or exclude=[{code}]."
    raise Problem(f"Language '{code}': lang2vec has no language '{uriel}'. {remedy.strip()}")


@functools.cache
def letter_codes() -> dict[str, str]:
    """lang2vec's own table of two-letter codes: ar -> ara."""
    content: dict[str, str] = json.loads((data_dir() / "letter_codes.json").read_text(encoding="utf-8"))
    return content


def main_variety(code: str) -> str | None:
    """The URIEL code of a macro-language's main variety where CLDR replaces one by this code: ar -> arb, zh -> cmn,
    else None."""
    from langcodes import data_dicts

    known, macros = _file("feature_predictions.npz").rows, data_dicts.NORMALIZED_MACROLANGUAGES
    members = (one for one, macro in macros.items() if macro == bare(code) and len(one) == 3)
    return next((member for member in members if member in known), None)


def distances(vectors: Floats) -> Floats:
    """1 - cosine of all pairs: [n, features] -> [n, n]. A vector of zeros has distance 1 to every other."""
    directions = unit(vectors)
    result = 1.0 - directions @ directions.T
    np.fill_diagonal(result, 0.0)
    return np.maximum(result, 0.0)


def unit(vectors: NDArray[Any]) -> Floats:
    """[..., features], each vector at length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


@functools.lru_cache(maxsize=512)
def nearest_with_data(uriel: str, part: str) -> str:
    """The URIEL code most like this one (imputed structure and place) among those that have data for the part."""
    predictions, places = _file("feature_predictions.npz"), _file("geocoord_features.npz")
    good = [code for code in _with_data(part) if code != uriel]
    like = sum(unit(_rows(file, good)) @ unit(_rows(file, [uriel]))[0] for file in (predictions, places))
    return good[int(np.argmax(like))]


@functools.cache
def _with_data(part: str) -> tuple[str, ...]:
    """The URIEL codes of languages with at most a fifth of the part's features missing."""
    if part == "family":
        families = _file("family_features.npz")
        good = {code for code, row in families.rows.items() if families.data[row].any()}
    else:
        averages = _file("feature_averages.npz")
        gaps = (averages.data[:, _columns(averages, part)] < 0).mean(axis=1)
        good = {code for code, row in averages.rows.items() if gaps[row] <= 0.2}
    return tuple(
        sorted(good & _file("feature_predictions.npz").rows.keys() & _file("geocoord_features.npz").rows.keys())
    )


def scaled(matrix: Floats) -> tuple[Floats, float]:
    """Classical multidimensional scaling (Torgerson 1952): distances [n, n] -> places [n, 2], share they show."""
    n = len(matrix)
    centre = np.eye(n) - 1.0 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ (matrix**2) @ centre)
    values, vectors = values[::-1], vectors[:, ::-1]
    places = np.zeros((n, 2))
    for axis in range(min(2, n)):
        column = vectors[:, axis] * np.sqrt(max(values[axis], 0.0))
        # An eigenvector's sign is free; fixed so that the same languages give the same map everywhere.
        places[:, axis] = column * (1.0 if column[int(np.argmax(np.abs(column)))] >= 0 else -1.0)
    positive = values[values > 0].sum()
    return places, float(values[:2].clip(min=0).sum() / positive) if positive > 0 else 1.0


# ---------------------------------------------------------------- what single features say


def known_features(uriel: Sequence[str]) -> dict[str, Floats]:
    """Feature -> [n] averages over the databases, -1 where none has it (``S_SVO``, ``P_TONE``)."""
    table = _file("feature_averages.npz")
    return dict(zip(table.features, _rows(table, uriel).T, strict=True))


def family_names(uriel: Sequence[str]) -> list[str | None]:
    """The top of each language's branch of the family tree ("Indo-European"), None where lang2vec has none."""
    table = _file("family_features.npz")
    sizes = table.data.sum(axis=0, dtype=np.float64)
    rows = _rows(table, uriel)
    # Every branch lies below its family, so the family is the node with most languages.
    tops = [int(np.argmax(row * sizes)) for row in rows]
    return [table.features[top].removeprefix("F_") if row.any() else None for row, top in zip(rows, tops, strict=True)]


# ---------------------------------------------------------------- files


@functools.cache
def data_dir() -> Path:
    """The folder of lang2vec's data files, found without importing the package.

    By the installed distribution's record: the wheel also puts a script ``lang2vec.py`` beside the console commands,
    and these have their own folder first on ``sys.path``, where looking for a module of that name would find it.
    """
    try:
        folder = Path(str(importlib.metadata.distribution("lang2vec").locate_file("lang2vec/data")))
    except importlib.metadata.PackageNotFoundError:
        folder = None
    if folder is None or not (folder / "feature_predictions.npz").is_file():
        raise Problem("The package lang2vec, which holds the typology, is not installed: pip install lang2vec==1.1.2.")
    return folder


@functools.cache
def _file(name: str) -> _File:
    with np.load(data_dir() / name, allow_pickle=False) as content:
        data = content["data"][:, :, 0]
        features = tuple(str(f) for f in content["feats"])
        rows = {str(code): row for row, code in enumerate(content["langs"])}
    # Families are 0 or 1: a byte each instead of four keeps 118 MB down to 30.
    return _File(rows, features, data.astype(np.int8) if name.startswith("family") else data)


def _columns(table: _File, part: str) -> NDArray[np.bool_]:
    return np.array([feature.startswith(_PREFIX[part]) for feature in table.features])


def _rows(table: _File, uriel: Sequence[str]) -> Floats:
    return np.asarray(table.data[[table.rows[code] for code in uriel]], dtype=np.float64)
