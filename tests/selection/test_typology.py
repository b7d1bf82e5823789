"""lang2vec's files read directly: codes, parts, gaps, distances, and the check figures."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mslt_it.problems import Problem
from mslt_it.selection import typology
from mslt_it.selection.typology import STRUCTURE, read_typology

PAPER = ("ar", "de", "en", "es", "fr", "ru", "zh")


def mean_pairs(codes: tuple[str, ...], parts: tuple[str, ...], **options: dict[str, str]) -> list[tuple[float, str]]:
    """All sets of three by the mean distance of their pairs, a plain loop."""
    vectors = read_typology(codes, **options).vectors(parts)
    rows = dict(zip(codes, vectors, strict=True))

    def distance(a: str, b: str) -> float:
        return float(1 - rows[a] @ rows[b] / np.linalg.norm(rows[a]) / np.linalg.norm(rows[b]))

    found = []
    for one in itertools.combinations(codes, 3):
        found.append((sum(distance(a, b) for a, b in itertools.combinations(one, 2)) / 3, " ".join(one)))
    return sorted(found, reverse=True)


def test_the_check_figures_of_structure() -> None:
    found = mean_pairs(PAPER, STRUCTURE)
    assert [(round(score, 3), one) for score, one in found[:3]] == [
        (0.360, "ar es zh"),
        (0.352, "ar de zh"),
        (0.346, "ar ru zh"),
    ]
    assert (round(found[-1][0], 3), found[-1][1]) == (0.195, "de en fr")


def test_the_check_figures_of_syntax() -> None:
    found = mean_pairs(PAPER, ("syntax",))
    assert (round(found[0][0], 3), found[0][1]) == (0.399, "ar de zh")
    assert (round(found[-1][0], 3), found[-1][1]) == (0.154, "de en ru")


@pytest.mark.parametrize(("uriel", "score"), [({"ar": "arb", "zh": "cmn"}, 0.366), ({"zh": "cmn"}, 0.362)])
def test_the_check_figures_under_other_codes(uriel: dict[str, str], score: float) -> None:
    found = mean_pairs(PAPER, STRUCTURE, uriel=uriel)
    assert (round(found[0][0], 3), found[0][1]) == (score, "ar de zh")


def test_shapes_and_codes() -> None:
    found = read_typology(["ar", "zh", "sw", "zh-Hant"])
    assert found.uriel == ("ara", "zho", "swa", "zho")
    shapes = {part: values.shape for part, values in found.parts.items()}
    assert shapes == {
        "syntax": (4, 103),
        "phonology": (4, 28),
        "inventory": (4, 158),
        "family": (4, 3718),
        "geography": (4, 299),
    }
    assert found.vectors(STRUCTURE).shape == (4, 289)


def test_the_share_of_imputed_values() -> None:
    found = read_typology(["en", "ur", "ar"], {"ar": "arb"})
    assert found.imputed["phonology"][1] == 1.0  # no database has Urdu's phonology
    assert found.imputed["syntax"][0] == 0.0
    assert found.imputed["inventory"][2] == 1.0  # nor the inventory under arb; under ara there is one
    assert read_typology(["ar"]).imputed["inventory"][0] == 0.0


def test_main_varieties() -> None:
    assert [typology.main_variety(code) for code in ("ar", "zh", "sw", "en")] == ["arb", "cmn", "swh", None]


@pytest.mark.parametrize(
    ("codes", "options", "text"),
    [
        (["en"], {"uriel": {"en": "xxx"}}, "Language 'en': lang2vec has no language 'xxx'."),
        (["en"], {"uriel": {"fr": "fra"}}, "uriel: 'fr' is neither in the pool nor a target. Known: en."),
        (["zh"], {"uriel": {"zh": "zh"}}, "Language 'zh': lang2vec has no language 'zh'. It is a macro-language; name"),
    ],
)
def test_mistakes(codes: list[str], options: dict, text: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(Problem) as caught:
        read_typology(codes, **options)
    assert str(caught.value).startswith(text)
    assert len(str(caught.value)) < 300  # not the list of 7,970 codes


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    typology.data_dir.cache_clear()

    def missing(name: str) -> None:
        raise typology.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(typology.importlib.metadata, "distribution", missing)
    try:
        with pytest.raises(Problem, match=r"lang2vec.* is not installed: pip install lang2vec==1\.1\.2\."):
            typology.data_dir()
    finally:
        typology.data_dir.cache_clear()


def test_a_script_of_that_name_on_the_path_is_not_taken_for_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lang2vec.py").write_text("raise SystemExit")  # the wheel puts one beside the console commands
    monkeypatch.syspath_prepend(str(tmp_path))
    typology.data_dir.cache_clear()
    assert (typology.data_dir() / "feature_predictions.npz").is_file()


def test_lang2vec_itself_is_never_imported() -> None:
    code = (
        "import sys; from mslt_it.selection.typology import read_typology; read_typology(['en']); "
        "print([m for m in ('lang2vec', 'torch', 'pkg_resources') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "[]"


def test_distances() -> None:
    found = typology.distances(np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0], [0.0, 0.0]]))
    half = 1 - np.sqrt(0.5)
    assert np.allclose(found, [[0, 1, half, 1], [1, 0, half, 1], [half, half, 0, 1], [1, 1, 1, 0]])
    assert (found >= 0).all() and (np.diag(found) == 0).all()


def test_families() -> None:
    assert typology.family_names(["ara", "deu", "zho", "fin", "nob"]) == [
        "Afro-Asiatic",
        "Indo-European",
        "Sino-Tibetan",
        "Uralic",
        None,
    ]
