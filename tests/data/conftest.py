"""Fixtures over the toy world: tokenizer, prompt files, data files, recipes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_world import LABELS, WORLD, make_tokenizer, toy_rows, with_prompts, write_tsv

from mslt_it.config.recipe import DataConfig, Recipe, ScoringConfig, TaskConfig
from mslt_it.records import Example


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return make_tokenizer()


@pytest.fixture
def prompts_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts" / "toy"
    folder.mkdir(parents=True)
    for code, (_, _, _, question, words) in WORLD.items():
        content = {
            "labels": dict(zip(LABELS, words, strict=True)),
            "templates": [f"{{premise}}\n{{hypothesis}}\n{question}", f"{question} {{premise}} / {{hypothesis}}"],
        }
        (folder / f"{code}.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return folder.parent


@pytest.fixture
def toy_data(tmp_path: Path) -> Path:
    """train (120 rows) and test (40 other rows) in four languages, parallel."""
    root = tmp_path / "toy"
    for code in WORLD:
        write_tsv(root / code / "train.tsv", list(toy_rows(code, 120)))
        write_tsv(root / code / "test.tsv", list(toy_rows(code, 40, start=1000)))
    return root


@pytest.fixture
def toy_recipe(toy_data: Path, prompts_dir: Path) -> Callable[..., Recipe]:
    """A recipe over the toy data; keywords replace parts of data and task."""

    def make(task: dict[str, Any] | None = None, **data: Any) -> Recipe:
        return Recipe(
            name="toy",
            sources=("en", "ru"),
            targets=("de", "hi"),
            task=with_prompts(
                TaskConfig(name="toy", data=str(toy_data), **({"is_parallel": True} | (task or {}))), prompts_dir
            ),
            data=DataConfig(**{"num_examples_total": 60, **data}),
            scoring=ScoringConfig(num_examples_per_language=20),
        )

    return make


@pytest.fixture
def example() -> Callable[..., Example]:
    def make(premise: str = "A dog sits.", hypothesis: str = "A dog stands.", **changes: Any) -> Example:
        values: dict[str, Any] = {"id": "test:1", "language": "en", "task": "toy", "split": "test", "label": "neutral"}
        return Example(**{**values, "fields": {"premise": premise, "hypothesis": hypothesis}, **changes})

    return make
