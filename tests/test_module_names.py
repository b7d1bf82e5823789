"""``accelerate launch mslt_it/train.py`` puts ``mslt_it/`` first on sys.path: its names must not hide others."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def own_names() -> set[str]:
    found = {p.stem for p in (ROOT / "mslt_it").glob("*.py")}
    found |= {p.name for p in (ROOT / "mslt_it").iterdir() if p.is_dir() and p.name.isidentifier()}
    return found - {"__init__", "__pycache__", "__main__"}


def dependency_names() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    return {re.split(r"[\[<>=~! ]", name, maxsplit=1)[0].lower() for name in wanted} - {"mslt_it"}


def test_no_module_hides_the_standard_library() -> None:
    names = own_names()
    assert {"config", "records", "languages", "problems", "cli"} <= names  # it looked at something
    assert not names & set(sys.stdlib_module_names)


def test_no_module_hides_a_dependency() -> None:
    assert len(dependency_names()) >= 18
    assert not own_names() & {name.replace("-", "_") for name in dependency_names()}


def test_no_module_hides_anything_installed() -> None:
    """Dependencies of dependencies, by the names that they are imported under."""
    installed = {
        name for name, owners in packages_distributions().items() if "mslt_it" not in {o.lower() for o in owners}
    }
    assert "torch" in installed and "yaml" in installed
    assert not own_names() & installed


def test_readme_names_every_module() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = readme[readme.index("mslt_it/\n  train.py") : readme.index("benchmarks/       side by side")]
    packages = {p.parent.name for p in (ROOT / "mslt_it").glob("*/__init__.py")}
    described = dict(re.findall(r"^  (\w+)/ +(.*(?:\n {4}.*)*)", tree, re.MULTILINE))
    assert set(described) == packages
    for folder, text in described.items():
        names = {p.stem for p in (ROOT / "mslt_it" / folder).glob("*.py")} - {"__init__"}
        names = {name for name in names if not name.endswith("command")}
        assert not names - set(re.findall(r"\w+", text)), folder
        listed = {word for word in re.findall(r"\w*_\w+", text)}
        assert not listed - {p.stem for p in (ROOT / "mslt_it" / folder).rglob("*.py")}, folder
    own = {p.name for p in (ROOT / "mslt_it").glob("*.py")} - {"__init__.py"}
    assert own == set(re.findall(r"\b\w+\.py\b", tree))
