"""Sections on what was measured after the cells: how languages mingle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mslt_it.problems import Problem
from mslt_it.study.analyse.further import further_sections


def write_mingling(path: Path) -> None:
    """Two systems, two languages, one layer above the embeddings, as ``mingling.write`` leaves it."""

    def groups(value: float) -> dict:
        one = {"value": value, "low": value - 0.1, "high": value + 0.1}
        return {"cka": {"seen-unseen": {"layers": [one, one], "mean": one}}, "retrieval": {}}

    square = [[[None, 0.5], [0.5, None]]] * 2
    plain = [[1.0, 1.0]] * 2
    system = {"pairs": {"cka": square, "retrieval": square}, "languages": {"mixing": plain, "centred_mixing": plain}}
    rng = np.random.default_rng(0)
    content = {
        "schema": 1,
        "languages": ["de", "fi"],
        "seen": ["de"],
        "unseen": ["fi"],
        "num_items": 20,
        "num_layers": 2,
        "settings": {},
        "chance": {},
        "texts": {},
        "systems": {
            "base": {"sources": [], **system, "groups": groups(0.3)},
            "MSLT": {"sources": ["de", "en"], **system, "groups": groups(0.6)},
        },
        "differences": [{"of": "MSLT", "minus": "base", "groups": groups(0.3)}],
        "points": {
            "map": "tsne",
            "layer": 1,
            "languages": ["de"] * 20 + ["fi"] * 20,
            "items": [*range(20), *range(20)],
            "systems": {name: rng.normal(size=(40, 2)).round(4).tolist() for name in ("base", "MSLT")},
        },
    }
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 2}'])
def test_a_damaged_or_other_file_is_refused(tmp_path: Path, content: str) -> None:
    for name in ("mingling.json", "predicted.json"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        with pytest.raises(Problem, match=rf"{name} was not written by this version\. Remove it, and start"):
            further_sections(tmp_path)
        (tmp_path / name).unlink()


def test_mingling_is_shown(tmp_path: Path) -> None:
    write_mingling(tmp_path / "mingling.json")
    (found,) = further_sections(tmp_path)
    values, differences = found.tables
    row = ["CKA (debiased)", "seen-unseen", "MSLT", "de en", 20, 0.6, 0.5, pytest.approx(0.7)]
    assert values.frame.iloc[1].tolist() == row
    assert (
        differences.frame.iloc[0, [0, -3]].tolist() == ["MSLT minus base", 0.3]
        and "seeds were not" in differences.notes[0]
    )
    assert len(found.figures) == 3 and len(found.figures[1].points) == 40
    assert {point[3] for point in found.figures[1].points} == {"de", "fi"}
