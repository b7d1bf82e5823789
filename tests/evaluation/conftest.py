"""Nothing is written outside of the tests' own folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_writers import exact_model, small_model
from tiny_eval import TEMPLATE, make_base, make_run, write_pairs, write_sums
from transformers import LlamaForCausalLM


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session")
def base(shared: Path) -> Path:
    return make_base(shared / "base", template=TEMPLATE)


@pytest.fixture(scope="session")
def run(shared: Path, base: Path) -> Path:
    """Trained (in name) on de, scored on tr and en; rows of the embedded world."""
    return make_run(shared / "run_de", base)


@pytest.fixture(scope="session")
def other_run(shared: Path, base: Path) -> Path:
    """Another adapter on the same base, trained (in name) on tr."""
    return make_run(shared / "run_tr", base, "sources=[tr]", "targets=[de,en]", "adapter.rank=2")


@pytest.fixture(scope="session")
def sums(shared: Path) -> Path:
    return write_sums(shared / "sums")


@pytest.fixture(scope="session")
def pairs(shared: Path) -> Path:
    return write_pairs(shared / "pairs")


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    return small_model()


@pytest.fixture(scope="module")
def exact() -> LlamaForCausalLM:
    return exact_model()
